//! Images of counts against the dense process behind a Poisson likelihood, and against known statistics.

use crate::problem::{Product, all_close, close, tight};
use dosewise::gp::{
    CountField, Grid, GridGp, GridKernel, GridOptions, Kernel, LaplaceGp, Likelihood, Matern52,
    Mean, Noise, Route,
};
use dosewise::random::{Purpose, Stream};
use dosewise::units::Seed;
use dosewise::{Error, Result};
use ndarray::{Array2, Axis};
use rand_distr::{Distribution, Poisson};

/// Counts of a wave, a third of the pixels missing, exposures that differ.
pub fn counts(rows: usize, columns: usize, exposure: f64) -> (Array2<f64>, Array2<f64>) {
    let mut stream = Stream::new(Seed(2), Purpose::Counts, [rows as u64, columns as u64]);
    let exposure = Array2::from_shape_fn((rows, columns), |(i, j)| match (5 * i + 3 * j) % 9 {
        0..3 => 0.0,
        k => exposure * k as f64,
    });
    let counts = Array2::from_shape_fn((rows, columns), |(i, j)| {
        let rate = (-3.0 + (0.5 * i as f64).sin() + (0.35 * j as f64).cos()).exp();
        match exposure[[i, j]] * rate {
            0.0 => f64::NAN,
            expected => Poisson::new(expected).unwrap().sample(&mut stream),
        }
    });
    (counts, exposure)
}

fn kernels() -> [GridKernel; 2] {
    [
        GridKernel::rbf([2.0, 3.0], 1.0),
        GridKernel::stationary(Matern52::ard([2.0, 3.0]).scaled(1.5)),
    ]
}

fn dense_kernel(kernel: &GridKernel) -> Box<dyn Kernel> {
    match kernel {
        GridKernel::Stationary(kernel) => kernel.clone(),
        product => Box::new(Product(product.clone())),
    }
}

/// Places, counts and exposures of the exposed pixels.
pub fn exposed(
    grid: &Grid,
    counts: &Array2<f64>,
    exposure: &Array2<f64>,
) -> (Array2<f64>, Vec<f64>, Vec<f64>) {
    let exposed: Vec<usize> = (0..grid.pixels())
        .filter(|p| exposure.as_slice().unwrap()[*p] > 0.0)
        .collect();
    let pick = |all: &Array2<f64>| -> Vec<f64> {
        let each = exposed.iter();
        each.map(|p| all.as_slice().unwrap()[*p]).collect()
    };
    let x = grid.coordinates().select(Axis(0), &exposed);
    (x, pick(counts), pick(exposure))
}

fn dense(
    grid: &Grid,
    kernel: &GridKernel,
    mean: Mean,
    (counts, exposure): (&Array2<f64>, &Array2<f64>),
) -> LaplaceGp {
    let (x, y, exposure) = exposed(grid, counts, exposure);
    let likelihood = Likelihood::Poisson { exposure };
    LaplaceGp::new(dense_kernel(kernel), likelihood)
        .with_mean(mean)
        .condition(&x, &y)
        .unwrap()
}

#[test]
fn counts_equal_the_dense_laplace_approximation() {
    let grid = Grid::new(10, 12, [1.0, 0.8]).unwrap();
    let trend = Mean::Linear {
        intercept: -3.0,
        slopes: vec![0.05, -0.1],
    };
    // Hardly a count, a few counts, many.
    for brightness in [0.3, 20.0, 3e4] {
        let (counts, exposure) = counts(10, 12, brightness);
        for kernel in kernels() {
            for mean in [Mean::Constant(-3.2), trend.clone()] {
                let slow = dense(&grid, &kernel, mean.clone(), (&counts, &exposure));
                let field = CountField::new(grid, kernel.clone())
                    .unwrap()
                    .with_mean(mean)
                    .condition(&counts, &exposure)
                    .unwrap();
                assert!(field.mode_converged() && field.mode_steps() < 20);
                let truth = slow.posterior(&grid.coordinates()).unwrap();
                let found = field.posterior().unwrap();
                all_close(&found.log_rate, truth.mean(), 1e-6);
                all_close(&found.variance, truth.variance(), 1e-6);
                // A further count at exposure one has the rate as its mean, and Poisson noise on top of its variance.
                let further = truth.counts(&[1.0; 120]).unwrap();
                all_close(&found.rate, further.mean(), 1e-6);
                all_close(
                    &(&found.rate_variance + &found.rate),
                    further.variance(),
                    1e-6,
                );
                let evidence = field.log_marginal_likelihood().unwrap();
                close(
                    evidence.log_marginal_likelihood,
                    slow.log_marginal_likelihood(),
                    1e-6,
                );
                assert_eq!((found.variance_error, evidence.standard_error), (0.0, 0.0));
                // The Gaussian of the approximation has its mean at the mode.
                all_close(
                    &field.gaussian().posterior().unwrap().mean,
                    truth.mean(),
                    1e-6,
                );
            }
        }
    }
}

#[test]
fn estimates_for_counts_keep_their_stated_errors() {
    let grid = Grid::new(20, 24, [1.0, 1.0]).unwrap();
    let (counts, exposure) = counts(20, 24, 20.0);
    for kernel in kernels() {
        let slow = dense(&grid, &kernel, Mean::Constant(-3.0), (&counts, &exposure));
        let field = CountField::new(grid, kernel)
            .unwrap()
            .with_mean(Mean::Constant(-3.0))
            .with_options(GridOptions {
                largest_factor: 10,
                probes: 40,
                probing_spacing: 10,
                ..GridOptions::default()
            })
            .unwrap()
            .condition(&counts, &exposure)
            .unwrap();
        let truth = slow.posterior(&grid.coordinates()).unwrap();
        let found = field.posterior().unwrap();
        assert!(matches!(found.route, Route::Stochastic { .. }));
        all_close(&found.log_rate, truth.mean(), 1e-5);
        let errors = found.variance.iter().zip(truth.variance());
        let squares: f64 = errors.map(|(a, b)| (a - b).powi(2)).sum();
        let error = (squares / grid.pixels() as f64).sqrt();
        assert!(
            error < 1.5 * found.variance_error + 1e-4,
            "{error} but {} stated",
            found.variance_error
        );
        let evidence = field.log_marginal_likelihood().unwrap();
        let difference = evidence.log_marginal_likelihood - slow.log_marginal_likelihood();
        let stated = evidence.standard_error + evidence.quadrature_error;
        assert!(
            difference.abs() < 4.0 * stated + 1e-3,
            "{difference} {evidence:?}"
        );
    }
}

#[test]
fn log_rates_are_covered_as_often_as_stated() {
    let grid = Grid::new(40, 40, [1.0, 1.0]).unwrap();
    for kernel in [
        GridKernel::rbf([4.0, 3.0], 0.5),
        GridKernel::stationary(Matern52::isotropic(4.0).scaled(0.5)),
    ] {
        let prior = GridGp::new(grid, kernel.clone(), Noise::Homoscedastic(1.0)).unwrap();
        let prior = prior.with_mean(Mean::Fixed(-2.0));
        let levels = [(0.5, 0.674_490), (0.9, 1.644_854), (0.95, 1.959_964)];
        let mut inside = [0; 3];
        let seeds = 4;
        for (seed, truth) in (0..seeds).zip(prior.prior_samples(seeds, Seed(8)).unwrap().images) {
            let mut stream = Stream::new(Seed(seed as u64), Purpose::Counts, [1, 0]);
            let exposure = truth.mapv(|_| if stream.normal() > 0.0 { 60.0 } else { 0.0 });
            let counts =
                Array2::from_shape_fn((40, 40), |at| match exposure[at] * truth[at].exp() {
                    0.0 => 0.0,
                    expected => Poisson::new(expected).unwrap().sample(&mut stream),
                });
            let field = CountField::new(grid, kernel.clone())
                .unwrap()
                .with_mean(Mean::Fixed(-2.0))
                .condition(&counts, &exposure)
                .unwrap();
            let found = field.posterior().unwrap();
            for (held, (_, z)) in inside.iter_mut().zip(levels) {
                let errors =
                    (&truth - &found.log_rate).mapv(f64::abs) / found.variance.mapv(f64::sqrt);
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
}

#[test]
fn samples_of_log_rates_have_the_posterior_moments() {
    let grid = Grid::new(6, 7, [1.0, 1.0]).unwrap();
    let (counts, exposure) = counts(6, 7, 20.0);
    let field = CountField::new(grid, GridKernel::rbf([2.0, 3.0], 1.0))
        .unwrap()
        .with_mean(Mean::Constant(-3.0))
        .condition(&counts, &exposure)
        .unwrap();
    let found = field.posterior().unwrap();
    let drawn = field.log_rate_samples(1200, Seed(1)).unwrap().images;
    for at in [[0, 0], [2, 3], [5, 6]] {
        let mean = drawn.iter().map(|d| d[at]).sum::<f64>() / 1200.0;
        let deviate = (mean - found.log_rate[at]) / (found.variance[at] / 1200.0).sqrt();
        let squares = drawn.iter().map(|d| (d[at] - mean).powi(2)).sum::<f64>() / 1199.0;
        let ratio = (squares / found.variance[at] - 1.0) / (2.0_f64 / 1200.0).sqrt();
        assert!(
            deviate.abs() < 4.0 && ratio.abs() < 4.0,
            "{deviate} {ratio}"
        );
    }
}

#[test]
fn extreme_counts_are_survived() {
    let grid = Grid::new(5, 6, [1.0, 1.0]).unwrap();
    let shape = (5, 6);
    for kernel in kernels() {
        let prior = CountField::new(grid, kernel)
            .unwrap()
            .with_mean(Mean::Constant(-1.0))
            .with_options(tight())
            .unwrap();
        // Nothing exposed is the prior.
        let nothing = Array2::zeros(shape);
        for field in [
            prior.clone(),
            prior.clone().condition(&nothing, &nothing).unwrap(),
        ] {
            let found = field.posterior().unwrap();
            all_close(&found.log_rate, &[-1.0; 30], 1e-12);
            close(found.variance[[2, 2]], found.variance[[0, 5]], 1e-8);
            close(
                field
                    .log_marginal_likelihood()
                    .unwrap()
                    .log_marginal_likelihood,
                0.0,
                1e-9,
            );
            assert!(field.mode_converged());
        }
        // Not one electron, next to no exposure, very many electrons, one bright pixel among dark ones.
        let ones = Array2::from_elem(shape, 1.0);
        let mut bright = nothing.clone();
        bright[[2, 3]] = 1e6;
        for (counts, exposure) in [
            (nothing.clone(), ones.clone() * 1e6),
            (nothing.clone(), ones.clone() * 1e-140),
            (ones.clone() * 1e12, ones.clone() * 1e13),
            (bright, ones.clone() * 10.0),
        ] {
            let field = prior.clone().condition(&counts, &exposure).unwrap();
            assert!(field.mode_converged(), "{counts} at {exposure}");
            let found = field.posterior().unwrap();
            let usable = |v: &f64| v.is_finite() && *v >= 0.0;
            assert!(found.variance.iter().all(usable) && found.rate.iter().all(usable));
        }
    }
}

#[test]
fn unusable_counts_are_refused_by_name() {
    fn refused<T>(outcome: Result<T>, expected: &str) {
        match outcome {
            Err(Error::Argument { argument, .. }) => assert_eq!(argument, expected),
            Err(other) => panic!("expected a refusal of {expected}, found {other}"),
            Ok(_) => panic!("expected a refusal of {expected}"),
        }
    }
    let grid = Grid::new(3, 4, [1.0, 1.0]).unwrap();
    let build = || CountField::new(grid, GridKernel::rbf([1.0, 1.0], 1.0)).unwrap();
    let ones = Array2::from_elem((3, 4), 1.0);
    for bad in [-1.0, 0.5, f64::NAN, f64::INFINITY, 1e17] {
        let mut counts = ones.clone();
        counts[[1, 2]] = bad;
        refused(build().condition(&counts, &ones), "counts");
    }
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        let mut exposure = ones.clone();
        exposure[[1, 2]] = bad;
        refused(build().condition(&ones, &exposure), "exposure");
    }
    let turned = Array2::from_elem((4, 3), 1.0);
    refused(build().condition(&turned, &ones), "counts");
    refused(build().condition(&ones, &turned), "exposure");
    let unfinite = build().with_mean(Mean::Constant(f64::NAN));
    refused(unfinite.condition(&ones, &ones), "mean");
    refused(
        CountField::new(grid, GridKernel::rbf([1.0, -1.0], 1.0)),
        "lengthscale",
    );
    let options = GridOptions {
        probes: 0,
        ..GridOptions::default()
    };
    refused(build().with_options(options), "probes");
    let hopeless = build().with_mean(Mean::Constant(1e9));
    refused(hopeless.condition(&ones, &ones), "counts");
}
