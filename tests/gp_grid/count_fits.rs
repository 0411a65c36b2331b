//! Fitted fields of counts against the dense process behind a Poisson likelihood, their coverage, and their files.

use crate::counts::{counts, exposed};
use crate::problem::{all_close, close};
use dosewise::Error;
use dosewise::gp::{
    Bounds, CountField, FitOptions, Grid, GridGp, GridKernel, GridOptions, Kernel, LaplaceGp,
    Likelihood, Matern52, Mean, Noise, Persist, Rbf, Surrogate,
};
use dosewise::random::{Purpose, Stream};
use dosewise::units::Seed;
use ndarray::{Array2, array};
use rand_distr::{Distribution, Poisson};

fn options() -> FitOptions {
    FitOptions {
        restarts: 1,
        gradient_tolerance: 1e-5,
        ..FitOptions::default()
    }
}

fn kernels() -> [(GridKernel, Box<dyn Kernel>); 2] {
    let product =
        Rbf::isotropic(1.5).scaled(0.7).on_columns([0]) * Rbf::isotropic(2.0).on_columns([1]);
    let matern = Matern52::isotropic(2.0).scaled(0.7);
    [
        (GridKernel::rbf([1.5, 2.0], 0.7), Box::new(product)),
        (GridKernel::stationary(matern.clone()), Box::new(matern)),
    ]
}

#[test]
fn fits_agree_with_those_of_the_dense_process() {
    let grid = Grid::new(9, 11, [1.0, 0.8]).unwrap();
    let (counts, exposure) = counts(9, 11, 40.0);
    let (x, y, listed) = exposed(&grid, &counts, &exposure);
    let likelihood = Likelihood::Poisson { exposure: listed };
    let custom = Mean::custom("ramp", |x| -3.0 + 0.02 * x[0]);
    for (kernel, slow) in kernels() {
        for mean in [Mean::Constant(-1.0), custom.clone()] {
            let slow = LaplaceGp::new(slow.clone(), likelihood.clone())
                .with_mean(mean.clone())
                .fit(&x, &y, &options())
                .unwrap();
            let prior = CountField::new(grid, kernel.clone()).unwrap();
            let field = prior
                .with_mean(mean)
                .fit(&counts, &exposure, &options())
                .unwrap();
            let (report, truth) = (field.fit_report().unwrap(), slow.fit_report().unwrap());
            assert!(report.largest_derivative < 1e-3, "{report:?}");
            for (a, b) in field.parameters().iter().zip(slow.parameters()) {
                let off = (a.value / b.value).ln();
                assert!(off.abs() < 1e-3, "{off}: {a:?} {b:?}");
            }
            close(
                field.mean().at(&[2.0, 3.0]),
                slow.mean().at(&[2.0, 3.0]),
                1e-3,
            );
            close(
                report.log_marginal_likelihood,
                truth.log_marginal_likelihood,
                1e-7,
            );
            let evidence = field.log_marginal_likelihood().unwrap();
            close(
                evidence.log_marginal_likelihood,
                report.log_marginal_likelihood,
                1e-7,
            );
            let expected = slow.posterior(&grid.coordinates()).unwrap();
            all_close(&field.posterior().unwrap().log_rate, expected.mean(), 1e-3);
        }
    }
}

#[test]
fn fits_on_probes_land_near_the_exact_one() {
    let grid = Grid::new(9, 11, [1.0, 0.8]).unwrap();
    let (counts, exposure) = counts(9, 11, 40.0);
    let fit = |largest_factor| {
        CountField::new(grid, GridKernel::rbf([1.5, 2.0], 0.7))
            .unwrap()
            .with_mean(Mean::Constant(0.0))
            .with_options(GridOptions {
                largest_factor,
                lanczos_steps: 30,
                ..GridOptions::default()
            })
            .unwrap()
            .fit(
                &counts,
                &exposure,
                &FitOptions {
                    restarts: 0,
                    ..FitOptions::default()
                },
            )
            .unwrap()
    };
    for (a, b) in fit(5).parameters().iter().zip(fit(3000).parameters()) {
        assert!((a.value / b.value).ln().abs() < 0.3, "{a:?} {b:?}");
    }
}

#[test]
fn fitted_log_rates_are_covered_as_often_as_stated() {
    let grid = Grid::new(40, 40, [1.0, 1.0]).unwrap();
    let kernel = GridKernel::rbf([4.0, 3.0], 0.5);
    let prior = GridGp::new(grid, kernel, Noise::Homoscedastic(1.0)).unwrap();
    let prior = prior.with_mean(Mean::Fixed(-2.0));
    let levels = [(0.5, 0.674_490), (0.9, 1.644_854), (0.95, 1.959_964)];
    let mut inside = [0; 3];
    let seeds = 4;
    for (seed, truth) in (0..seeds).zip(prior.prior_samples(seeds, Seed(8)).unwrap().images) {
        let mut stream = Stream::new(Seed(seed as u64), Purpose::Counts, [1, 0]);
        let exposure = truth.mapv(|_| if stream.normal() > 0.0 { 60.0 } else { 0.0 });
        let counts = Array2::from_shape_fn((40, 40), |at| match exposure[at] * truth[at].exp() {
            0.0 => 0.0,
            expected => Poisson::new(expected).unwrap().sample(&mut stream),
        });
        // From the wrong hyper-parameters and the wrong mean; a few thousandths of a nat decide nothing about coverage.
        let field = CountField::new(grid, GridKernel::rbf([2.0, 6.0], 2.0))
            .unwrap()
            .with_mean(Mean::Constant(0.0))
            .fit(
                &counts,
                &exposure,
                &FitOptions {
                    restarts: 0,
                    gradient_tolerance: 1e-2,
                    ..FitOptions::default()
                },
            )
            .unwrap();
        let report = field.fit_report().unwrap();
        assert!(report.converged(), "{report:?}");
        for (found, truth) in field.parameters().iter().zip([4.0, 0.5, 3.0]) {
            assert!((found.value / truth).ln().abs() < 0.7, "{found:?}");
        }
        let found = field.posterior().unwrap();
        for (held, (_, z)) in inside.iter_mut().zip(levels) {
            let errors = (&truth - &found.log_rate).mapv(f64::abs) / found.variance.mapv(f64::sqrt);
            *held += errors.iter().filter(|e| **e < z).count();
        }
    }
    // Pixels within a lengthscale are one measurement rather than many.
    let independent = (seeds * 1600 / 12) as f64;
    for (held, (level, _)) in inside.iter().zip(levels) {
        let share = *held as f64 / (seeds * 1600) as f64;
        let error: f64 = (level * (1.0 - level) / independent).sqrt();
        assert!((share - level).abs() < 4.0 * error, "{share} of {level}");
    }
}

#[test]
fn unusable_fits_are_refused_by_name() {
    let grid = Grid::new(3, 4, [1.0, 1.0]).unwrap();
    let ones = Array2::from_elem((3, 4), 1.0);
    let zeros = Array2::zeros((3, 4));
    let refused = |mean: Mean, exposure: &Array2<f64>, options: &FitOptions, expected: &str| {
        let field = CountField::new(grid, GridKernel::rbf([1.0, 1.0], 1.0)).unwrap();
        match field.with_mean(mean).fit(&ones, exposure, options) {
            Err(Error::Argument { argument, .. }) => assert_eq!(argument, expected),
            other => panic!("expected a refusal of {expected}, found {other:?}"),
        }
    };
    let plain = FitOptions::default();
    refused(Mean::linear(), &ones, &plain, "mean");
    refused(Mean::Constant(f64::NAN), &ones, &plain, "mean");
    refused(Mean::Fixed(1e9), &ones, &plain, "mean");
    refused(Mean::Zero, &zeros, &plain, "exposure");
    refused(Mean::Zero, &(-&ones), &plain, "exposure");
    let bounds = FitOptions {
        bounds: vec![("colour".into(), Bounds::hard(0.3..=1.2))],
        ..plain
    };
    refused(Mean::Zero, &ones, &bounds, "bounds");
}

fn conditioned(kernel: GridKernel) -> CountField {
    let (counts, exposure) = counts(9, 11, 40.0);
    CountField::new(Grid::new(9, 11, [1.0, 0.8]).unwrap(), kernel)
        .unwrap()
        .with_mean(Mean::Constant(-3.0))
        .condition(&counts, &exposure)
        .unwrap()
}

#[test]
fn log_rates_between_pixels_equal_the_dense_process() {
    let places = array![[0.7, 1.3], [2.0, 2.4], [-1.0, 2.0]];
    let grid = Grid::new(9, 11, [1.0, 0.8]).unwrap();
    let (counts, exposure) = counts(9, 11, 40.0);
    let (x, y, listed) = exposed(&grid, &counts, &exposure);
    for (kernel, slow) in kernels() {
        let field = conditioned(kernel);
        let likelihood = Likelihood::Poisson {
            exposure: listed.clone(),
        };
        let slow = LaplaceGp::new(slow, likelihood)
            .with_mean(Mean::Constant(-3.0))
            .condition(&x, &y)
            .unwrap();
        let (found, truth) = (
            field.joint(places.view()).unwrap(),
            slow.joint(places.view()).unwrap(),
        );
        all_close(
            &found.covariance,
            truth.covariance.as_slice().unwrap(),
            1e-6,
        );
        let marginals = field.marginals(places.view()).unwrap();
        assert_eq!(marginals.mean, found.mean);
        for (i, place) in places.rows().into_iter().enumerate() {
            close(found.mean[i], truth.mean[i], 1e-6);
            let (a, b) = (
                field.slopes(&place.to_vec()).unwrap(),
                slow.slopes(&place.to_vec()).unwrap(),
            );
            for c in 0..2 {
                close(a.of_mean[c], b.of_mean[c], 1e-5);
                close(a.of_variance[c], b.of_variance[c], 1e-5);
            }
        }
    }
}

#[test]
fn fields_of_counts_come_back_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("field.json");
    let (counts, exposure) = counts(9, 11, 40.0);
    let few_steps = FitOptions {
        restarts: 0,
        max_iterations: 3,
        ..FitOptions::default()
    };
    for (kernel, _) in kernels() {
        let field = conditioned(kernel);
        let fitted = field.clone().fit(&counts, &exposure, &few_steps).unwrap();
        for field in [
            field.clone().with_mean(Mean::Constant(-1.0 / 3.0)),
            field,
            fitted,
        ] {
            field.save(&file).unwrap();
            let again = CountField::load(&file).unwrap();
            assert_eq!(field.posterior().unwrap(), again.posterior().unwrap());
            assert_eq!(
                field.log_marginal_likelihood().unwrap(),
                again.log_marginal_likelihood().unwrap()
            );
            assert_eq!(field.fit_report(), again.fit_report());
            assert_eq!(field.parameters(), again.parameters());
            let state = |f: &CountField| (f.mean().clone(), f.mode_steps(), f.mode_converged());
            assert_eq!(state(&field), state(&again));
            // One digit of one number, or one number too few.
            let text = std::fs::read_to_string(&file).unwrap();
            assert_eq!(serde_json::to_string(&again).unwrap(), text);
            let mut stored: serde_json::Value = serde_json::from_str(&text).unwrap();
            if stored["counted"].is_null() {
                continue;
            }
            stored["counted"]["latent"][7] = (-2.5).into();
            let damaged = serde_json::from_value::<CountField>(stored.clone());
            assert!(damaged.unwrap_err().to_string().contains("checksum"));
            stored["counted"]["latent"] = vec![0.5; 98].into();
            let damaged = serde_json::from_value::<CountField>(stored);
            assert!(damaged.unwrap_err().to_string().contains("latent"));
        }
    }
}
