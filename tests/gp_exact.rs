//! The exact Gaussian process against scipy, closed forms and its own invariants.

use dosewise::gp::{ExactGp, Kernel, Matern12, Matern32, Matern52, Mean, Noise, Rbf, Stationary};
use dosewise::{Error, gp::Profile};
use ndarray::{Array2, ArrayView2, array};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    kernel: String,
    ard: bool,
    known: bool,
    prior_mean: f64,
    lengthscales: Vec<f64>,
    outputscale: f64,
    noise: Vec<f64>,
    x: Vec<Vec<f64>>,
    y: Vec<f64>,
    places: Vec<Vec<f64>>,
    log_marginal_likelihood: f64,
    gradient: Vec<f64>,
    mean: Vec<f64>,
    covariance: Vec<Vec<f64>>,
}

fn rows(points: &[Vec<f64>]) -> Array2<f64> {
    Array2::from_shape_fn((points.len(), points[0].len()), |(i, k)| points[i][k])
}

impl Case {
    fn kernel(&self) -> Box<dyn Kernel> {
        fn of<P: Profile>(case: &Case) -> Box<dyn Kernel> {
            let kernel = if case.ard {
                Stationary::<P>::ard(case.lengthscales.clone())
            } else {
                Stationary::<P>::isotropic(case.lengthscales[0])
            };
            Box::new(kernel.scaled(case.outputscale))
        }
        match self.kernel.as_str() {
            "rbf" => of::<dosewise::gp::RbfProfile>(self),
            "matern12" => of::<dosewise::gp::Matern12Profile>(self),
            "matern32" => of::<dosewise::gp::Matern32Profile>(self),
            _ => of::<dosewise::gp::Matern52Profile>(self),
        }
    }

    fn noise(&self) -> Noise {
        if self.known {
            Noise::Known(self.noise.clone())
        } else {
            Noise::Homoscedastic(self.noise[0])
        }
    }

    fn condition(&self) -> ExactGp {
        ExactGp::new(self.kernel(), self.noise())
            .with_mean(Mean::Constant(self.prior_mean))
            .condition(&rows(&self.x), &self.y)
            .unwrap()
    }
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("reference/gp_exact.json")).unwrap()
}

fn close(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance * (1.0 + expected.abs()),
        "found {found}, expected {expected}"
    );
}

/// Places in the unit square that look random and never repeat.
fn scattered(n: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, 2), |(i, k)| {
        ((i as f64 + 0.5) * [0.754_877_666, 0.569_840_291][k]).fract()
    })
}

fn signal(x: ArrayView2<'_, f64>) -> Vec<f64> {
    x.rows()
        .into_iter()
        .map(|p| (6.0 * p[0]).sin() + (4.0 * p[1]).cos())
        .collect()
}

#[test]
fn likelihood_gradient_and_posterior_equal_scipy() {
    let cases = reference().cases;
    assert_eq!(cases.len(), 16);
    for case in cases {
        let gp = case.condition();
        assert_eq!(gp.jitter(), 0.0);
        close(
            gp.log_marginal_likelihood(),
            case.log_marginal_likelihood,
            1e-10,
        );
        let gradient = gp.log_marginal_likelihood_gradient();
        assert_eq!(gradient.len(), case.gradient.len());
        for (found, expected) in gradient.iter().zip(&case.gradient) {
            close(*found, *expected, 1e-8);
        }
        let places = rows(&case.places);
        let posterior = gp.posterior(&places).unwrap();
        let covariance = posterior.covariance().unwrap();
        let mean_alone = gp.posterior_mean(&places).unwrap();
        for i in 0..places.nrows() {
            close(posterior.mean()[i], case.mean[i], 1e-10);
            close(mean_alone[i], case.mean[i], 1e-10);
            close(posterior.variance()[i], case.covariance[i][i], 1e-10);
            for j in 0..places.nrows() {
                close(covariance[[i, j]], case.covariance[i][j], 1e-10);
            }
        }
    }
}

#[test]
fn gradient_equals_finite_differences_of_the_likelihood_on_many_points() {
    let x = scattered(150);
    let y = signal(x.view());
    let likelihood = |theta: &[f64]| {
        let mut kernel = Matern32::ard([1.0, 1.0]).scaled(1.0);
        kernel.set_log_parameters(&theta[..3]).unwrap();
        ExactGp::new(kernel, Noise::Homoscedastic(theta[3].exp()))
            .condition(&x, &y)
            .unwrap()
    };
    let theta = [-1.0, -0.5, 0.3, -3.0];
    let gradient = likelihood(&theta).log_marginal_likelihood_gradient();
    for p in 0..4 {
        let (mut up, mut down) = (theta, theta);
        up[p] += 1e-4;
        down[p] -= 1e-4;
        let slope = (likelihood(&up).log_marginal_likelihood()
            - likelihood(&down).log_marginal_likelihood())
            / 2e-4;
        close(gradient[p], slope, 1e-6);
    }
}

#[test]
fn one_measurement_has_the_textbook_posterior() {
    // f(0) | y: mean k/(k + s) y, variance k − k²/(k + s).
    let gp = ExactGp::new(Rbf::isotropic(0.5).scaled(3.0), Noise::Known(vec![0.6]))
        .condition(&array![[0.2]], &[1.5])
        .unwrap();
    let posterior = gp.posterior(&array![[0.2], [0.7]]).unwrap();
    let cross = 3.0 * (-0.5_f64).exp();
    close(posterior.mean()[0], 3.0 / 3.6 * 1.5, 1e-15);
    close(posterior.variance()[0], 3.0 - 9.0 / 3.6, 1e-14);
    close(posterior.mean()[1], cross / 3.6 * 1.5, 1e-15);
    close(posterior.variance()[1], 3.0 - cross * cross / 3.6, 1e-14);
    let expected = -0.5 * (1.5 * 1.5 / 3.6 + 3.6_f64.ln() + std::f64::consts::TAU.ln());
    close(gp.log_marginal_likelihood(), expected, 1e-14);
}

#[test]
fn two_measurements_have_the_textbook_posterior() {
    // The inverse of [[a, c], [c, b]] by hand.
    let (a, b, c) = (1.1, 1.4, (-0.5_f64).exp());
    let gp = ExactGp::new(Matern12::isotropic(2.0), Noise::Known(vec![0.1, 0.4]))
        .condition(&array![[0.0], [1.0]], &[1.0, -2.0])
        .unwrap();
    let determinant = a * b - c * c;
    let (k1, k2) = ((-0.25_f64).exp(), (-0.25_f64).exp());
    let mean = (k1 * (b * 1.0 - c * -2.0) + k2 * (-c * 1.0 + a * -2.0)) / determinant;
    let explained = (k1 * k1 * b - 2.0 * k1 * k2 * c + k2 * k2 * a) / determinant;
    let posterior = gp.posterior(&array![[0.5]]).unwrap();
    close(posterior.mean()[0], mean, 1e-14);
    close(posterior.variance()[0], 1.0 - explained, 1e-14);
}

#[test]
fn appending_equals_conditioning_anew() {
    let x = scattered(80);
    let y = signal(x.view());
    let variances: Vec<f64> = (0..80).map(|i| 0.01 + 0.002 * i as f64).collect();
    let places = scattered(133);
    let kernel = || Matern52::ard([0.3, 0.6]).scaled(1.5);
    let whole = ExactGp::new(kernel(), Noise::Known(variances.clone()))
        .with_mean(Mean::Constant(0.3))
        .condition(&x, &y)
        .unwrap();
    // From the prior, row by row.
    let mut grown = ExactGp::new(kernel(), Noise::Known(vec![])).with_mean(Mean::Constant(0.3));
    for i in 0..80 {
        grown
            .append(&x.row(i).to_vec(), y[i], variances[i])
            .unwrap();
    }
    close(
        grown.log_marginal_likelihood(),
        whole.log_marginal_likelihood(),
        1e-11,
    );
    let (one, other) = (
        whole.posterior(&places).unwrap(),
        grown.posterior(&places).unwrap(),
    );
    for j in 0..places.nrows() {
        close(one.mean()[j], other.mean()[j], 1e-10);
        close(one.variance()[j], other.variance()[j], 1e-10);
    }
    let gradients = whole
        .log_marginal_likelihood_gradient()
        .into_iter()
        .zip(grown.log_marginal_likelihood_gradient());
    gradients.for_each(|(a, b)| close(a, b, 1e-9));
    assert_eq!(grown.noise(), whole.noise());
}

#[test]
fn appending_a_batch_equals_appending_one_by_one() {
    let x = scattered(50);
    let y = signal(x.view());
    let variances = vec![0.02; 50];
    let cut = |from: usize, to: usize| x.slice(ndarray::s![from..to, ..]);
    let mut model = ExactGp::new(Matern52::ard([0.3, 0.6]), Noise::Known(vec![]));
    model
        .append_many(cut(0, 20), &y[..20], Some(&variances[..20]))
        .unwrap();
    model
        .append_many(cut(20, 50), &y[20..], Some(&variances[20..]))
        .unwrap();
    let whole = ExactGp::new(Matern52::ard([0.3, 0.6]), Noise::Known(variances.clone()))
        .condition(&x, &y)
        .unwrap();
    let places = scattered(70);
    let (a, b) = (
        model.posterior(&places).unwrap(),
        whole.posterior(&places).unwrap(),
    );
    for j in 0..70 {
        close(a.mean()[j], b.mean()[j], 1e-11);
        close(a.variance()[j], b.variance()[j], 1e-11);
    }
    // A batch that repeats noiseless points needs jitter; a bad one changes nothing.
    model
        .append_many(cut(0, 3), &y[..3], Some(&[0.0; 3]))
        .unwrap();
    model
        .append_many(cut(0, 3), &y[..3], Some(&[0.0; 3]))
        .unwrap();
    assert!(model.jitter() > 0.0 && model.len() == 56);
    assert!(model.append_many(cut(0, 3), &y[..3], None).is_err());
    assert!(
        model
            .append_many(cut(0, 3), &y[..2], Some(&[0.1; 3]))
            .is_err()
    );
    assert!(
        model
            .append_many(cut(0, 1), &[f64::NAN], Some(&[0.1]))
            .is_err()
    );
    assert_eq!(model.len(), 56);
    model.append_many(cut(0, 0), &[], None).unwrap();
}

#[test]
fn the_order_of_measurements_does_not_matter() {
    let x = scattered(60);
    let y = signal(x.view());
    let order: Vec<usize> = (0..60).map(|i| (i * 37 + 11) % 60).collect();
    let shuffled = x.select(ndarray::Axis(0), &order);
    let shuffled_y: Vec<f64> = order.iter().map(|&i| y[i]).collect();
    let model = || ExactGp::new(Matern32::isotropic(0.4), Noise::Homoscedastic(0.05));
    let places = scattered(90);
    let (a, b) = (
        model().condition(&x, &y).unwrap(),
        model().condition(&shuffled, &shuffled_y).unwrap(),
    );
    close(
        a.log_marginal_likelihood(),
        b.log_marginal_likelihood(),
        1e-12,
    );
    let (a, b) = (a.posterior(&places).unwrap(), b.posterior(&places).unwrap());
    for j in 0..90 {
        close(a.mean()[j], b.mean()[j], 1e-11);
        close(a.variance()[j], b.variance()[j], 1e-11);
    }
}

#[test]
fn noiseless_duplicates_get_a_readable_jitter() {
    let x = array![[0.1], [0.1], [0.1], [0.9]];
    let y = [1.0, 1.0, 1.0, -1.0];
    let gp = ExactGp::new(Rbf::isotropic(0.3), Noise::Known(vec![0.0; 4]))
        .condition(&x, &y)
        .unwrap();
    assert!(gp.jitter() > 0.0 && gp.jitter() < 1e-6);
    let posterior = gp.posterior(&x).unwrap();
    close(posterior.mean()[0], 1.0, 1e-6);
    assert!(posterior.variance()[0] < 1e-6);

    // Growing into a duplicate factors again with jitter instead of failing.
    let mut grown = ExactGp::new(Rbf::isotropic(0.3), Noise::Known(vec![]));
    for (row, y) in x.rows().into_iter().zip(y) {
        grown.append(&row.to_vec(), y, 0.0).unwrap();
    }
    close(grown.posterior(&x).unwrap().mean()[3], -1.0, 1e-6);
    assert_eq!(grown.len(), 4);
}

#[test]
fn samples_have_the_posterior_moments() {
    let x = scattered(12);
    let y = signal(x.view());
    let gp = ExactGp::new(Matern52::isotropic(0.4), Noise::Homoscedastic(0.1))
        .condition(&x, &y)
        .unwrap();
    let posterior = gp
        .posterior(&array![[0.05, 0.9], [0.1, 0.8], [0.5, 0.5]])
        .unwrap();
    let mut rng = StdRng::seed_from_u64(5);
    let count = 20_000;
    let draws = posterior.samples(count, &mut rng).unwrap();
    let covariance = posterior.covariance().unwrap();
    for i in 0..3 {
        let mean = draws.column(i).mean().unwrap();
        let error = (covariance[[i, i]] / count as f64).sqrt();
        assert!((mean - posterior.mean()[i]).abs() < 4.0 * error);
        for j in 0..3 {
            let products = draws
                .rows()
                .into_iter()
                .map(|d| (d[i] - posterior.mean()[i]) * (d[j] - posterior.mean()[j]));
            let found = products.sum::<f64>() / count as f64;
            let spread = (covariance[[i, i]] * covariance[[j, j]]
                + covariance[[i, j]] * covariance[[i, j]])
            .sqrt();
            assert!((found - covariance[[i, j]]).abs() < 4.0 * spread / (count as f64).sqrt());
        }
    }
    // Where everything is known a draw is the measurement itself.
    let known = ExactGp::new(Rbf::isotropic(0.3), Noise::Known(vec![0.0, 0.0]))
        .condition(&array![[0.0], [1.0]], &[2.0, 3.0])
        .unwrap();
    let draw = known
        .posterior(&array![[0.0], [1.0]])
        .unwrap()
        .sample(&mut rng)
        .unwrap();
    close(draw[0], 2.0, 1e-5);
    close(draw[1], 3.0, 1e-5);
}

#[test]
fn the_prior_is_the_posterior_of_nothing() {
    let gp = ExactGp::new(Matern12::isotropic(1.0).scaled(2.0), Noise::Known(vec![]))
        .with_mean(Mean::Constant(5.0));
    let posterior = gp.posterior(&array![[0.0], [1.0]]).unwrap();
    assert_eq!(posterior.mean(), &[5.0, 5.0]);
    assert_eq!(posterior.variance(), &[2.0, 2.0]);
    close(
        posterior.covariance().unwrap()[[0, 1]],
        2.0 * (-1.0_f64).exp(),
        1e-15,
    );
    assert_eq!(gp.log_marginal_likelihood(), 0.0);
    assert_eq!(gp.log_marginal_likelihood_gradient(), vec![0.0, 0.0]);
    assert_eq!(gp.posterior_mean(&array![[0.3]]).unwrap(), vec![5.0]);
    assert!(gp.posterior(&Array2::zeros((0, 1))).unwrap().is_empty());
}

#[test]
fn unusable_input_is_refused_by_name() {
    let argument = |outcome: dosewise::Result<ExactGp>, expected: &str| match outcome {
        Err(Error::Argument { argument, .. }) => assert_eq!(argument, expected),
        other => panic!("expected a refusal of {expected}, found {other:?}"),
    };
    let known = |n: usize| ExactGp::new(Rbf::isotropic(1.0), Noise::Known(vec![0.1; n]));
    let (x, y) = (array![[0.0, 1.0], [1.0, 0.0]], [1.0, 2.0]);
    argument(known(0).condition(&Array2::zeros((0, 2)), &[]), "y");
    argument(known(2).condition(&x, &[1.0]), "y");
    argument(known(2).condition(&Array2::zeros((2, 0)), &y), "x");
    argument(known(2).condition(&x, &[1.0, f64::NAN]), "y");
    argument(known(2).condition(&x, &[1.0, f64::INFINITY]), "y");
    argument(known(2).condition(&(x.clone() / 0.0), &y), "x");
    argument(known(3).condition(&x, &y), "noise");
    argument(
        known(2)
            .with_mean(Mean::Constant(f64::NAN))
            .condition(&x, &y),
        "mean",
    );
    let with = |kernel: Box<dyn Kernel>, noise| ExactGp::new(kernel, noise).condition(&x, &y);
    let shared = Noise::Homoscedastic(0.1);
    argument(with(Box::new(Rbf::ard([1.0])), shared.clone()), "kernel");
    argument(
        with(Box::new(Rbf::isotropic(-1.0)), shared.clone()),
        "lengthscale",
    );
    argument(
        with(
            Box::new(Rbf::isotropic(1.0).scaled(f64::NAN)),
            shared.clone(),
        ),
        "outputscale",
    );
    argument(
        with(Box::new(Rbf::isotropic(1.0)), Noise::Homoscedastic(-0.1)),
        "noise variance",
    );

    let mut gp = known(2).condition(&x, &y).unwrap();
    let before = gp.log_marginal_likelihood();
    assert!(gp.append(&[0.5], 1.0, 0.1).is_err());
    assert!(gp.append(&[], 1.0, 0.1).is_err());
    assert!(gp.append(&[0.5, f64::NAN], 1.0, 0.1).is_err());
    assert!(gp.append(&[0.5, 0.5], f64::NAN, 0.1).is_err());
    assert!(gp.append(&[0.5, 0.5], 1.0, -0.1).is_err());
    assert!(gp.append(&[0.5, 0.5], 1.0, None).is_err());
    assert!(gp.posterior(&array![[0.0]]).is_err());
    assert!(gp.posterior(&array![[0.0, f64::NAN]]).is_err());
    assert_eq!((gp.len(), gp.log_marginal_likelihood()), (2, before));
    let mut shared = with(Box::new(Rbf::isotropic(1.0)), shared).unwrap();
    assert!(shared.append(&[0.5, 0.5], 1.0, 0.1).is_err());
    shared.append(&[0.5, 0.5], 1.0, None).unwrap();

    // A covariance no machine can hold is an error, not an abort; the variances alone are no trouble.
    let many = Array2::zeros((3_000_000, 1));
    let prior = ExactGp::new(Rbf::isotropic(1.0), Noise::Known(vec![]));
    let posterior = prior.posterior(&many).unwrap();
    assert!(matches!(
        posterior.covariance(),
        Err(Error::Argument { .. })
    ));

    // Numbers at the edge of what is accepted never panic: a result or a typed error.
    for huge in [1e150, 1e120, 1e-300, 0.0] {
        let x = array![[0.0, huge], [huge, 0.0]];
        if let Ok(gp) = known(2).condition(&x, &[huge, -huge]) {
            assert!(
                gp.posterior(&x)
                    .unwrap()
                    .variance()
                    .iter()
                    .all(|v| v.is_finite())
            );
        }
    }
}

#[test]
fn the_model_can_be_shared_between_threads() {
    fn shareable<T: Send + Sync + Clone>() {}
    shareable::<ExactGp>();
    shareable::<dosewise::gp::Tracked>();
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn variance_stays_between_zero_and_the_prior_and_never_grows(
        coordinates in prop::collection::vec(-1.0..1.0_f64, 2..40),
        lengthscale in 0.01..10.0_f64,
        outputscale in 0.1..10.0_f64,
        noise in prop::sample::select(vec![0.0, 1e-12, 1e-3, 1.0, 1e6]),
    ) {
        let places = Array2::from_shape_fn((25, 1), |(j, _)| j as f64 / 12.0 - 1.0);
        let mut gp = ExactGp::new(
            Matern52::isotropic(lengthscale).scaled(outputscale),
            Noise::Known(vec![]),
        );
        let mut previous = (0.0, vec![outputscale; 25]);
        // Noiseless neighbours are nearly singular: rounding is amplified by the root of the condition number.
        let slack = outputscale * if noise < 1e-3 { 1e-6 } else { 1e-11 };
        for (i, x) in coordinates.iter().enumerate() {
            gp.append(&[*x], x.sin(), noise).unwrap();
            let variance = gp.posterior(&places).unwrap().variance().to_vec();
            for (now, before) in variance.iter().zip(&previous.1) {
                prop_assert!(*now >= 0.0 && *now <= outputscale * (1.0 + 1e-12));
                // A new jitter is a new, slightly noisier model, whose variances may be larger.
                prop_assert!(gp.jitter() != previous.0 || *now <= before + slack);
            }
            prop_assert_eq!(gp.len(), i + 1);
            previous = (gp.jitter(), variance);
        }
    }
}
