//! Fitting: does it find the hyper-parameters that made the data, and say honestly how it ended?

use dosewise::gp::{
    ExactGp, FitOptions, Kernel, LogNormal, Matern32, Matern52, Mean, Noise, Rbf, Stop,
};
use dosewise::units::Seed;
use ndarray::{Array2, array};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, StandardNormal};
use serde::Deserialize;

fn scattered(n: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, 2), |(i, k)| {
        ((i as f64 + 0.5) * [0.754_877_666, 0.569_840_291][k]).fract()
    })
}

/// A noisy field drawn from the prior of `kernel`.
fn field(kernel: impl Kernel + 'static, x: &Array2<f64>, noise: f64, seed: u64) -> Vec<f64> {
    let mut rng = StdRng::seed_from_u64(seed);
    let prior = ExactGp::new(kernel, Noise::Known(vec![]));
    let truth = prior.posterior(x).unwrap().sample(&mut rng).unwrap();
    truth
        .into_iter()
        .map(|f| {
            let deviate: f64 = StandardNormal.sample(&mut rng);
            f + noise.sqrt() * deviate
        })
        .collect()
}

#[test]
fn hyper_parameters_of_sampled_fields_are_recovered() {
    let x = scattered(200);
    let truth = [0.12, 0.3, 2.0, 0.05];
    let kernel = || Matern52::ard([truth[0], truth[1]]).scaled(truth[2]);
    let fields = 8;
    let mut errors = [0.0; 4];
    let mut gains = 0.0;
    for seed in 0..fields {
        let y = field(kernel(), &x, truth[3], seed);
        let poor_guess = Matern52::ard([1.0, 1.0]).scaled(1.0);
        let gp = ExactGp::new(poor_guess, Noise::Homoscedastic(1.0))
            .fit(&x, &y, &FitOptions::default())
            .unwrap();
        let report = gp.fit_report().unwrap();
        assert!(report.converged() && !report.at_limit, "{report:?}");
        assert!((report.log_marginal_likelihood - gp.log_marginal_likelihood()).abs() < 1e-9);
        let slopes = gp.log_marginal_likelihood_gradient();
        assert!(slopes.iter().all(|g| g.abs() <= 1e-3), "{slopes:?}");
        for ((error, found), truth) in errors.iter_mut().zip(gp.parameters()).zip(truth) {
            *error += (found.value / truth).ln() / fields as f64;
        }
        let at_truth = ExactGp::new(kernel(), Noise::Homoscedastic(truth[3]))
            .condition(&x, &y)
            .unwrap();
        let gain = gp.log_marginal_likelihood() - at_truth.log_marginal_likelihood();
        assert!((0.0..12.0).contains(&gain), "gain {gain}");
        gains += gain / fields as f64;
    }
    // The maximum beats the truth by half the number of parameters on average (Wilks), here 2 ± 0.5.
    assert!((1.0..4.0).contains(&gains), "mean gain {gains}");
    // Mean log errors: about 0.1 for lengthscales and noise, 0.2 for the variance.
    for (error, bound) in errors.iter().zip([0.25, 0.25, 0.5, 0.2]) {
        assert!(error.abs() < bound, "mean log errors {errors:?}");
    }
}

#[test]
fn few_measurements_carry_the_search_nearly_to_the_end() {
    let x = scattered(900);
    let y = field(Matern52::ard([0.15, 0.3]).scaled(2.0), &x, 0.05, 3);
    let fit = |lengthscale: f64, noise: f64, restarts: usize| {
        let options = FitOptions {
            restarts,
            ..FitOptions::default()
        };
        let kernel = Matern52::ard([lengthscale; 2]).scaled(1.0);
        ExactGp::new(kernel, Noise::Homoscedastic(noise))
            .fit(&x, &y, &options)
            .unwrap()
    };
    // Without restarts all measurements are searched from the start, a good one here.
    let (climbed, whole) = (fit(1.0, 1.0, 3), fit(0.2, 0.1, 0));
    let (few, all) = (climbed.fit_report().unwrap(), whole.fit_report().unwrap());
    assert!(few.converged() && all.converged());
    assert!((few.log_marginal_likelihood - all.log_marginal_likelihood).abs() < 1e-6);
    assert_eq!(all.coarse_evaluations, 0);
    assert!(few.coarse_evaluations > 0);
    assert!(few.evaluations <= 12, "{few:?}");
}

#[derive(Deserialize)]
struct Reference {
    fits: Vec<BestFit>,
}

#[derive(Deserialize)]
struct BestFit {
    kernel: String,
    known: bool,
    profiled: bool,
    noise: Vec<f64>,
    x: Vec<[f64; 2]>,
    y: Vec<f64>,
    log_marginal_likelihood: f64,
    parameters: Vec<f64>,
    constant: f64,
}

#[test]
fn the_maximum_is_the_one_scipy_finds() {
    let reference: Reference =
        serde_json::from_str(include_str!("reference/gp_exact.json")).unwrap();
    assert_eq!(reference.fits.len(), 3);
    for best in reference.fits {
        let x = Array2::from(best.x);
        let start = [1.0, 1.0];
        let kernel: Box<dyn Kernel> = match best.kernel.as_str() {
            "rbf" => Box::new(Rbf::ard(start).scaled(1.0)),
            "matern32" => Box::new(Matern32::ard(start).scaled(1.0)),
            _ => Box::new(Matern52::ard(start).scaled(1.0)),
        };
        let noise = if best.known {
            Noise::Known(best.noise)
        } else {
            Noise::Homoscedastic(0.5)
        };
        let mean = if best.profiled {
            Mean::Constant(0.0)
        } else {
            Mean::Zero
        };
        let gp = ExactGp::new(kernel, noise)
            .with_mean(mean)
            .fit(&x, &best.y, &FitOptions::default())
            .unwrap();
        assert!(gp.fit_report().unwrap().converged());
        let lead = gp.log_marginal_likelihood() - best.log_marginal_likelihood;
        assert!(lead.abs() < 1e-6, "{lead} from scipy's maximum");
        assert!((gp.mean().at(&[0.0; 2]) - best.constant).abs() < 1e-2);
        for (found, expected) in gp.parameters().iter().zip(best.parameters) {
            assert!(
                (found.value / expected).ln().abs() < 1e-2,
                "{found:?}, scipy {expected}"
            );
        }
    }
}

#[test]
fn known_noise_is_kept_and_the_rest_is_fitted() {
    let x = scattered(90);
    let y = field(Rbf::isotropic(0.2).scaled(1.0), &x, 0.01, 8);
    let noise = Noise::Known(vec![0.01; 90]);
    let gp = ExactGp::new(Rbf::isotropic(3.0).scaled(30.0), noise.clone())
        .fit(&x, &y, &FitOptions::default())
        .unwrap();
    assert!(gp.fit_report().unwrap().converged());
    assert_eq!(gp.noise(), &noise);
    assert!((0.15..0.27).contains(&gp.parameters()[0].value));
}

#[test]
fn the_constant_mean_is_profiled() {
    let x = scattered(80);
    let mut y = field(Matern32::isotropic(0.15).scaled(0.5), &x, 0.01, 4);
    y.iter_mut().for_each(|y| *y += 100.0);
    let gp = ExactGp::new(
        Matern32::isotropic(0.3).scaled(1.0),
        Noise::Homoscedastic(0.1),
    )
    .with_mean(Mean::Constant(0.0))
    .fit(&x, &y, &FitOptions::default())
    .unwrap();
    let Mean::Constant(mean) = gp.mean() else {
        panic!("the kind of mean changed")
    };
    assert!((mean - 100.0).abs() < 1.0, "mean {mean}");
    // Shifting the mean either way lowers the likelihood.
    for shift in [-0.01, 0.01] {
        let (kernel, noise) = (gp.kernel().clone_box(), gp.noise().clone());
        let shifted = ExactGp::new(kernel, noise)
            .with_mean(Mean::Constant(mean + shift))
            .condition(&x, &y)
            .unwrap();
        assert!(shifted.log_marginal_likelihood() < gp.log_marginal_likelihood());
    }
}

#[test]
fn priors_pull_where_the_data_are_silent() {
    let x = array![[0.0], [0.5], [1.0]];
    let y = [0.1, -0.2, 0.15];
    let prior = LogNormal {
        median: 0.3,
        log_sd: 0.2,
    };
    let options = FitOptions {
        priors: vec![("lengthscale".into(), prior.into())],
        ..FitOptions::default()
    };
    let gp = ExactGp::new(Rbf::ard([5.0]).scaled(1.0), Noise::Homoscedastic(0.1))
        .fit(&x, &y, &options)
        .unwrap();
    assert!((0.2..0.45).contains(&gp.parameters()[0].value));
    for (name, log_sd) in [("no such thing", 0.2), ("lengthscale", 0.0)] {
        let bad = FitOptions {
            priors: vec![(
                name.into(),
                LogNormal {
                    median: 0.3,
                    log_sd,
                }
                .into(),
            )],
            ..FitOptions::default()
        };
        let model = ExactGp::new(Rbf::ard([5.0]), Noise::Homoscedastic(0.1));
        assert!(model.fit(&x, &y, &bad).is_err());
    }
}

#[test]
fn the_seed_decides_everything() {
    let x = scattered(120);
    let y = field(Matern52::isotropic(0.2).scaled(1.0), &x, 0.1, 6);
    let fit = |seed| {
        let options = FitOptions {
            seed: Seed(seed),
            ..FitOptions::default()
        };
        ExactGp::new(
            Matern52::isotropic(0.5).scaled(1.0),
            Noise::Homoscedastic(0.1),
        )
        .fit(&x, &y, &options)
        .unwrap()
    };
    let (a, b, c) = (fit(1), fit(1), fit(2));
    assert_eq!(a.parameters(), b.parameters());
    assert_eq!(a.fit_report(), b.fit_report());
    // Another seed, another path, the same maximum.
    assert!((a.log_marginal_likelihood() - c.log_marginal_likelihood()).abs() < 1e-5);
}

#[test]
fn an_unfinished_search_is_a_status_not_an_error() {
    let x = scattered(60);
    let y = field(Matern52::isotropic(0.2).scaled(1.0), &x, 0.1, 6);
    let options = FitOptions {
        max_iterations: 1,
        restarts: 0,
        ..FitOptions::default()
    };
    let gp = ExactGp::new(
        Matern52::isotropic(2.0).scaled(9.0),
        Noise::Homoscedastic(0.5),
    )
    .fit(&x, &y, &options)
    .unwrap();
    let report = gp.fit_report().unwrap();
    assert_eq!(report.stop, Stop::IterationLimit);
    assert!(!report.converged() && report.largest_derivative > 1e-3);
}

#[test]
fn degenerate_data_are_fitted_without_failing() {
    let fit = |x: &Array2<f64>, y: &[f64]| {
        ExactGp::new(Rbf::ard([0.5, 0.5]).scaled(1.0), Noise::Homoscedastic(0.1))
            .fit(x, y, &FitOptions::default())
            .unwrap()
    };
    // Constant outputs, one point, all points at one place, all zeros, huge outputs.
    for (x, y) in [
        (scattered(20), vec![3.0; 20]),
        (scattered(1), vec![3.0]),
        (
            Array2::from_elem((12, 2), 0.5),
            (0..12).map(f64::from).collect(),
        ),
        (scattered(15), vec![0.0; 15]),
        (
            scattered(15),
            (0..15).map(|i| 1e60 * f64::from(i)).collect(),
        ),
    ] {
        let gp = fit(&x, &y);
        assert!(gp.log_marginal_likelihood().is_finite());
        let posterior = gp.posterior(&x).unwrap();
        assert!(posterior.mean().iter().all(|m| m.is_finite()));
        assert!(posterior.variance().iter().all(|v| *v >= 0.0));
    }
    let constant = fit(&scattered(20), &[3.0; 20]);
    let mean = constant.posterior(&scattered(20)).unwrap().mean()[7];
    assert!((mean - 3.0).abs() < 0.05, "mean {mean}");
}

#[test]
fn unusable_options_are_refused() {
    let options = FitOptions {
        gradient_tolerance: f64::NAN,
        ..FitOptions::default()
    };
    let model = ExactGp::new(Rbf::isotropic(1.0), Noise::Homoscedastic(0.1));
    assert!(model.clone().fit(&array![[0.0]], &[1.0], &options).is_err());
    assert!(model.clone().refit(&FitOptions::default()).is_err());
    assert!(
        model
            .fit(&Array2::zeros((0, 1)), &[], &FitOptions::default())
            .is_err()
    );
}
