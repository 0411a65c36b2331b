//! Processes behind likelihoods as surrogates: what they say of the latent function, and its slopes.

use dosewise::gp::{
    ExactGp, FitOptions, HeteroscedasticGp, Joint, Kernel, LaplaceGp, Likelihood, Linear, Link,
    Marginals, Matern52, Mean, Noise, RationalQuadratic, Rbf, Surrogate,
};
use dosewise::{Error, Result};
use ndarray::{Array2, ArrayView2, array};

/// A surrogate that knows no slopes of its own: central differences of its marginals.
#[derive(Debug)]
struct Differences<'s>(&'s dyn Surrogate);

impl Surrogate for Differences<'_> {
    fn dimension(&self) -> usize {
        self.0.dimension()
    }
    fn marginals(&self, points: ArrayView2<'_, f64>) -> Result<Marginals> {
        self.0.marginals(points)
    }
    fn joint(&self, points: ArrayView2<'_, f64>) -> Result<Joint> {
        self.0.joint(points)
    }
}

fn places(n: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, 2), |(i, k)| {
        ((i as f64 + 0.5) * [0.754_877_666, 0.569_840_291][k]).fract()
    })
}

fn kernel() -> impl Kernel {
    Matern52::ard([0.3, 0.6]).scaled(1.1)
        + RationalQuadratic::isotropic(0.5, 1.0)
        + Linear::isotropic(0.3)
}

fn assert_consistent(model: &dyn Surrogate, what: &str) {
    let at = places(9) * 1.2;
    let marginals = model.marginals(at.view()).unwrap();
    let joint = model.joint(at.view()).unwrap();
    assert_eq!(joint.mean, marginals.mean, "{what}");
    assert_eq!(
        joint.covariance.diag().to_vec(),
        marginals.variance,
        "{what}"
    );
    assert_eq!(joint.covariance, joint.covariance.t(), "{what}");
    for (i, row) in at.rows().into_iter().enumerate() {
        let point = row.to_vec();
        let found = model.slopes(&point).unwrap();
        let expected = Differences(model).slopes(&point).unwrap();
        let near = |a: f64, b: f64| (a - b).abs() < 1e-7 * (1.0 + b.abs());
        assert!(near(found.mean, marginals.mean[i]), "{what}");
        assert!(near(found.variance, marginals.variance[i]), "{what}");
        for c in 0..2 {
            assert!(
                near(found.of_mean[c], expected.of_mean[c]),
                "{what}: {found:?} {expected:?}"
            );
            assert!(
                near(found.of_variance[c], expected.of_variance[c]),
                "{what}: {found:?} {expected:?}"
            );
        }
    }
    let by_covariance = Array2::from_shape_fn((9, 9), |(i, j)| (i as f64 - 0.4 * j as f64).sin());
    let of = |model: &dyn Surrogate| {
        model
            .joint_gradient(at.view(), 6..9, &[0.3; 9], by_covariance.view())
            .unwrap()
    };
    for (found, expected) in of(model).iter().zip(&of(&Differences(model))) {
        assert!(
            (found - expected).abs() < 1e-6 * (1.0 + expected.abs()),
            "{what}: {found} {expected}"
        );
    }
}

#[test]
fn slopes_are_those_of_the_marginals() {
    let x = places(30);
    let wave: Vec<f64> = x
        .rows()
        .into_iter()
        .map(|p| (6.0 * p[0]).sin() + p[1] / 3.0)
        .collect();
    let counts = wave.iter().map(|y| (6.0 * y.exp()).round()).collect();
    let labels: Vec<f64> = wave.iter().map(|y| f64::from(*y > 0.2)).collect();
    let mut outliers = wave.clone();
    (outliers[3], outliers[17]) = (6.0, -4.0);
    let student = Likelihood::StudentT {
        degrees_of_freedom: 3.0,
        scale: 0.1,
    };
    // Negative curvature does occur.
    let residual = student.derivatives(0, outliers[3], wave[3]);
    assert!(residual.second > 0.0);
    let models = [
        (
            Likelihood::Poisson {
                exposure: vec![2.0; 30],
            },
            counts,
        ),
        (Likelihood::Bernoulli(Link::Probit), labels),
        (student, outliers),
    ];
    let means = [
        Mean::Constant(0.3),
        Mean::Linear {
            intercept: 0.1,
            slopes: vec![0.5, -0.7],
        },
        Mean::custom("bowl", |x| 0.4 * x[0] * x[0] - x[1]),
    ];
    for (likelihood, y) in models {
        for mean in means.clone() {
            let prior = LaplaceGp::new(kernel(), likelihood.clone()).with_mean(mean);
            let what = format!("{likelihood:?}");
            assert_eq!(prior.dimension(), 0);
            assert_consistent(&prior, &format!("prior of {what}"));
            let gp = prior.condition(&x, &y).unwrap();
            assert_eq!(gp.dimension(), 2);
            assert_consistent(&gp, &what);
        }
    }
    for mean in means {
        let prior =
            HeteroscedasticGp::new(kernel(), Rbf::isotropic(0.5).scaled(1.0), 0.01).with_mean(mean);
        assert_consistent(&prior, "prior of varying noise");
        let gp = prior.condition(&x, &wave).unwrap();
        assert_consistent(&gp, "varying noise");
        let posterior = gp.posterior(&x).unwrap();
        assert_eq!(gp.marginals(x.view()).unwrap().mean, posterior.mean());
    }
}

/// A Student-t of many degrees of freedom is a Gaussian.
#[test]
fn the_gaussian_limit_has_the_slopes_of_the_exact_process() {
    let x = places(20);
    let y: Vec<f64> = x.rows().into_iter().map(|p| (5.0 * p[0]).sin()).collect();
    let student = Likelihood::StudentT {
        degrees_of_freedom: 1e10,
        scale: 0.3,
    };
    let laplace = LaplaceGp::new(kernel(), student).condition(&x, &y).unwrap();
    let exact = ExactGp::new(kernel(), Noise::Homoscedastic(0.09))
        .condition(&x, &y)
        .unwrap();
    for point in [[0.2, 0.3], [0.9, 0.1]] {
        let (a, b) = (
            laplace.slopes(&point).unwrap(),
            exact.slopes(&point).unwrap(),
        );
        for c in 0..2 {
            assert!((a.of_mean[c] - b.of_mean[c]).abs() < 1e-6);
            assert!((a.of_variance[c] - b.of_variance[c]).abs() < 1e-6);
        }
    }
}

#[test]
fn unusable_places_are_refused() {
    let labels = LaplaceGp::new(Rbf::isotropic(1.0), Likelihood::Bernoulli(Link::Logit))
        .condition(&array![[0.0, 1.0]], &[1.0])
        .unwrap();
    let varying = HeteroscedasticGp::new(Rbf::isotropic(1.0), Rbf::isotropic(1.0), 0.1)
        .condition(&array![[0.0, 1.0]], &[1.0])
        .unwrap();
    for model in [&labels as &dyn Surrogate, &varying] {
        for bad in [
            &[0.1][..],
            &[f64::NAN, 0.0],
            &[0.0, f64::INFINITY],
            &[],
            &[1.0; 3],
        ] {
            assert!(
                matches!(model.slopes(bad), Err(Error::Argument { .. })),
                "{bad:?}"
            );
            let row = ArrayView2::from_shape((1, bad.len()), bad).unwrap();
            assert!(matches!(model.marginals(row), Err(Error::Argument { .. })));
            assert!(matches!(model.joint(row), Err(Error::Argument { .. })));
        }
        assert!(
            model
                .marginals(Array2::zeros((0, 2)).view())
                .unwrap()
                .mean
                .is_empty()
        );
    }
}

#[test]
fn growing_and_shrinking_equal_conditioning_anew() {
    let (x, at) = (places(14), places(6) * 1.1);
    let counts: Vec<f64> = (0..14).map(|i| f64::from(i * i % 23)).collect();
    let exposure: Vec<f64> = (0..14).map(|i| 20.0 + f64::from(i)).collect();
    let labels: Vec<f64> = counts.iter().map(|c| c % 2.0).collect();
    let poisson = |n: usize| Likelihood::Poisson {
        exposure: exposure[..n].to_vec(),
    };
    let student = || Likelihood::StudentT {
        degrees_of_freedom: 4.0,
        scale: 2.0,
    };
    let same = |a: &LaplaceGp, b: &LaplaceGp| {
        let (a_at, b_at) = (
            a.marginals(at.view()).unwrap(),
            b.marginals(at.view()).unwrap(),
        );
        for i in 0..6 {
            assert!((a_at.mean[i] - b_at.mean[i]).abs() < 1e-8);
            assert!((a_at.variance[i] - b_at.variance[i]).abs() < 1e-8);
        }
        let (a, b) = (a.log_marginal_likelihood(), b.log_marginal_likelihood());
        assert!((a - b).abs() < 1e-8, "{a} {b}");
    };
    let logit = || Likelihood::Bernoulli(Link::Logit);
    for (none, all, y) in [
        (poisson(0), poisson(14), &counts),
        (logit(), logit(), &labels),
        (student(), student(), &counts),
    ] {
        let prior = |likelihood| LaplaceGp::new(kernel(), likelihood).with_mean(Mean::Fixed(-0.5));
        let anew = prior(all.clone()).condition(&x, y).unwrap();
        let mut grown = prior(none.clone());
        for i in 0..14 {
            let one = matches!(none, Likelihood::Poisson { .. }).then_some(exposure[i]);
            grown.append(&x.row(i).to_vec(), y[i], one).unwrap();
        }
        assert!(grown.mode_converged() && grown.likelihood() == anew.likelihood());
        same(&grown, &anew);

        // Refused, and unchanged.
        let before = serde_json::to_string(&grown).unwrap();
        let wrong = if let Likelihood::Poisson { .. } = none {
            None
        } else {
            Some(1.0)
        };
        let right = if wrong.is_none() { Some(1.0) } else { None };
        assert!(grown.append(&[0.1, 0.2], 1.0, wrong).is_err());
        assert!(grown.append(&[0.1], 1.0, right).is_err());
        assert!(grown.append(&[0.1, 0.2], f64::NAN, right).is_err());
        assert!(grown.append(&[0.1, f64::NAN], 1.0, right).is_err());
        assert!(grown.remove(14).is_err());
        assert_eq!(serde_json::to_string(&grown).unwrap(), before);

        grown.append(&[0.5, 0.6], 1.0, right).unwrap();
        grown.remove(14).unwrap();
        same(&grown, &anew);
        (0..14).for_each(|_| grown.remove(0).unwrap());
        same(&grown, &prior(none));
    }
}

#[test]
fn varying_noise_grows_too() {
    let (x, at) = (places(30), places(6));
    let y: Vec<f64> = (0..30)
        .map(|i| (f64::from(i) * 2.4).sin() * x[[i as usize, 0]])
        .collect();
    let prior = || {
        let noise = Rbf::isotropic(0.4).scaled(1.5);
        HeteroscedasticGp::new(Matern52::isotropic(0.5).scaled(1.0), noise, 0.1)
            .with_mean(Mean::Constant(0.1))
    };
    // Before there is a measurement: the prior, E exp g = level exp(½ 1.5).
    let nothing = prior().posterior(&at).unwrap();
    assert_eq!((nothing.mean()[2], nothing.variance()[2]), (0.1, 1.0));
    assert!((nothing.noise_variance()[2] - 0.1 * 0.75_f64.exp()).abs() < 1e-15);
    assert!(prior().posterior(array![[f64::NAN]].view()).is_err());

    let anew = prior().condition(&x, &y).unwrap();
    let mut grown = prior();
    for (row, y) in x.rows().into_iter().zip(&y) {
        grown.append(&row.to_vec(), *y).unwrap();
    }
    assert_eq!((grown.len(), grown.targets()), (30, y.as_slice()));
    assert_eq!(grown.points().view().point(7), x.row(7).to_vec());
    assert_eq!(grown.kernel().variance(&[0.0, 0.0]), 1.0);
    assert_eq!(grown.noise_kernel().variance(&[0.0, 0.0]), 1.5);
    assert!((grown.log_evidence_bound() - anew.log_evidence_bound()).abs() < 1e-8);
    let (a, b) = (grown.posterior(&at).unwrap(), anew.posterior(&at).unwrap());
    for i in 0..6 {
        assert!((a.mean()[i] - b.mean()[i]).abs() < 1e-6);
        assert!((a.variance()[i] - b.variance()[i]).abs() < 1e-6);
        assert!((a.log_noise_mean()[i] - b.log_noise_mean()[i]).abs() < 1e-6);
    }
    let before = serde_json::to_string(&grown).unwrap();
    assert!(grown.append(&[0.1], 1.0).is_err() && grown.append(&[0.1, 0.2], f64::NAN).is_err());
    let broken = FitOptions {
        gradient_tolerance: 0.0,
        ..FitOptions::default()
    };
    assert!(grown.refit(&broken).is_err() && prior().refit(&FitOptions::default()).is_err());
    assert_eq!(serde_json::to_string(&grown).unwrap(), before);
    let options = FitOptions {
        restarts: 0,
        max_iterations: 5,
        ..FitOptions::default()
    };
    grown.refit(&options).unwrap();
    assert!(grown.log_evidence_bound() > anew.log_evidence_bound());
}
