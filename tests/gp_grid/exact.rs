//! The exact routes against the dense process on the same pixels and against scipy.

use crate::problem::{Problem, Product, Wiener, all_close, close, dense, problem, product, tight};
use dosewise::gp::{
    Grid, GridGp, GridKernel, GridOptions, Kernel, Matern32, Mean, Noise, Rbf, Route,
};
use dosewise::random::{Purpose, Stream};
use dosewise::units::Seed;
use ndarray::Array2;
use proptest::prelude::*;
use serde::Deserialize;

/// Mean, variance and evidence of both, on an exact route.
fn compare(problem: &Problem, kernel: GridKernel, noise: Noise, options: GridOptions) -> Route {
    let mean = Mean::Constant(0.3);
    let slow: Box<dyn Kernel> = match &kernel {
        GridKernel::Stationary(kernel) => kernel.clone(),
        product => Box::new(Product(product.clone())),
    };
    let slow = dense(problem, slow, mean.clone(), &noise);
    let fast = GridGp::new(problem.grid, kernel, noise)
        .unwrap()
        .with_mean(mean)
        .with_options(options)
        .unwrap()
        .condition_where(&problem.image, &problem.observed)
        .unwrap();
    assert_eq!(fast.observed(), slow.len());
    let truth = slow.posterior(&problem.grid.coordinates()).unwrap();
    let posterior = fast.posterior().unwrap();
    all_close(&posterior.mean, truth.mean(), 1e-8);
    all_close(&posterior.variance, truth.variance(), 1e-8);
    assert_eq!(posterior.variance_error, 0.0);
    let iterated = fast.posterior_mean().unwrap();
    assert!(iterated.converged(), "{:?}", iterated.solve);
    all_close(&iterated.mean, truth.mean(), 1e-8);
    let evidence = fast.log_marginal_likelihood().unwrap();
    close(
        evidence.log_marginal_likelihood,
        slow.log_marginal_likelihood(),
        1e-8,
    );
    assert_eq!(evidence.standard_error, 0.0);
    assert_eq!(evidence.route, posterior.route);
    posterior.route
}

#[test]
fn every_exact_route_equals_the_dense_process() {
    let known = |p: &Problem| Noise::Known(p.variances.clone());
    for (rows, columns) in [(12, 15), (9, 14), (1, 30), (25, 1), (1, 1)] {
        let pixel = [0.5, 0.8];
        let full = problem(rows, columns, pixel, 100);
        let half = problem(rows, columns, pixel, 50);
        let (few, rank) = (
            tight(),
            GridOptions {
                largest_factor: 400,
                ..tight()
            },
        );
        let shared = Noise::Homoscedastic(0.05);
        let route = compare(&full, product(), shared.clone(), few);
        assert_eq!(route, Route::Eigenvalues);
        compare(&full, GridKernel::rbf([1.0, 2.0], 2.0), known(&full), rank);
        compare(&full, product(), known(&full), rank);
        compare(&half, GridKernel::rbf([2.0, 1.5], 1.0), known(&half), rank);
        compare(&half, product(), shared.clone(), rank);
        let matern = GridKernel::stationary(Matern32::ard([1.0, 2.0]).scaled(2.0));
        let route = compare(&half, matern.clone(), known(&half), few);
        assert!(matches!(route, Route::Observations { .. }));
        compare(&full, matern, shared, few);
        let smooth = GridKernel::stationary(Rbf::isotropic(0.9));
        compare(&half, smooth, known(&half), few);
    }
    // Few enough modes, and so many observations that they are the cheaper way.
    let full = problem(24, 26, [1.0, 1.0], 90);
    let smooth = GridKernel::rbf([6.0, 8.0], 1.0);
    let route = compare(&full, smooth, known(&full), tight());
    assert!(
        matches!(route, Route::ReducedRank { modes } if modes < 400),
        "{route:?}"
    );
}

#[test]
fn a_scan_broken_off_half_way_equals_the_dense_process() {
    let mut broken = problem(14, 11, [1.0, 1.0], 100);
    broken.observed = Array2::from_shape_fn((14, 11), |(i, j)| i * 11 + j < 80);
    let noise = Noise::Known(broken.variances.clone());
    let matern = GridKernel::stationary(Matern32::isotropic(3.0).scaled(2.0));
    compare(&broken, matern, noise.clone(), tight());
    compare(&broken, GridKernel::rbf([3.0, 2.0], 1.0), noise, tight());
}

#[derive(Deserialize)]
struct Reference {
    rows: usize,
    columns: usize,
    pixel: [f64; 2],
    lengthscales: [f64; 2],
    outputscale: f64,
    image: Vec<f64>,
    variances: Vec<Option<f64>>,
    mean: Vec<f64>,
    variance: Vec<f64>,
    log_marginal_likelihood: f64,
}

#[test]
fn posterior_and_evidence_equal_scipy() {
    let cases: Vec<Reference> =
        serde_json::from_str(include_str!("../reference/gp_grid.json")).unwrap();
    assert_eq!(cases.len(), 2);
    for case in cases {
        let grid = Grid::new(case.rows, case.columns, case.pixel).unwrap();
        let variances = case.variances.iter().map(|v| v.unwrap_or(f64::INFINITY));
        let gp = GridGp::new(
            grid,
            GridKernel::rbf(case.lengthscales, case.outputscale),
            Noise::Known(variances.collect()),
        )
        .unwrap()
        .with_options(tight())
        .unwrap();
        // What stands at missing pixels is not looked at.
        let shape = (case.rows, case.columns);
        let image = case.image.iter().zip(&case.variances);
        let image = image.map(|(y, v)| v.map_or(f64::NAN, |_| *y)).collect();
        let gp = gp
            .condition(&Array2::from_shape_vec(shape, image).unwrap())
            .unwrap();
        let posterior = gp.posterior().unwrap();
        all_close(&posterior.mean, &case.mean, 1e-8);
        all_close(&posterior.variance, &case.variance, 1e-8);
        let mean = gp.posterior_mean().unwrap().mean;
        all_close(&mean, &case.mean, 1e-8);
        let found = gp.log_marginal_likelihood().unwrap();
        close(
            found.log_marginal_likelihood,
            case.log_marginal_likelihood,
            1e-8,
        );
    }
}

#[test]
fn kernels_that_are_not_stationary_work_as_products() {
    let problem = problem(8, 9, [0.3, 0.4], 70);
    let kernel = GridKernel::product(Wiener, Rbf::isotropic(1.0));
    compare(
        &problem,
        kernel.clone(),
        Noise::Known(problem.variances.clone()),
        tight(),
    );
    let low = GridOptions {
        largest_factor: 72,
        ..tight()
    };
    compare(&problem, kernel, Noise::Homoscedastic(0.1), low);
}

#[test]
fn the_prior_is_the_posterior_of_nothing() {
    let grid = Grid::new(5, 6, [1.0, 1.0]).unwrap();
    let nowhere = Array2::from_elem((5, 6), false);
    for kernel in [
        GridKernel::rbf([1.0, 2.0], 2.0),
        GridKernel::stationary(Matern32::isotropic(1.0).scaled(2.0)),
    ] {
        let prior = GridGp::new(grid, kernel, Noise::Homoscedastic(0.1))
            .unwrap()
            .with_mean(Mean::Constant(4.0));
        let masked = prior
            .clone()
            .condition_where(&Array2::from_elem((5, 6), f64::NAN), &nowhere)
            .unwrap();
        for gp in [prior, masked] {
            let posterior = gp.posterior().unwrap();
            all_close(&posterior.mean, &[4.0; 30], 1e-12);
            all_close(&posterior.variance, &[2.0; 30], 1e-8);
            assert_eq!(gp.posterior_mean().unwrap().solve.iterations, 0);
            let found = gp.log_marginal_likelihood().unwrap();
            close(found.log_marginal_likelihood, 0.0, 1e-12);
            assert_eq!(gp.posterior_samples(2, Seed(0)).unwrap().images.len(), 2);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// More pixels never make any variance larger, and it stays between zero and the prior's.
    #[test]
    fn more_pixels_never_raise_the_variance(
        rows in 1_usize..9,
        columns in 1_usize..9,
        lengthscale in 0.3_f64..5.0,
        stationary: bool,
        seed: u64,
    ) {
        let grid = Grid::new(rows, columns, [1.0, 0.7]).unwrap();
        let kernel = if stationary {
            GridKernel::stationary(Matern32::isotropic(lengthscale))
        } else {
            GridKernel::rbf([lengthscale, 1.0], 1.0)
        };
        let prior = GridGp::new(grid, kernel, Noise::Homoscedastic(0.02)).unwrap();
        let mut stream = Stream::new(Seed(seed), Purpose::Counts, [0, 0]);
        let image = Array2::from_shape_fn((rows, columns), |_| stream.normal());
        let few = image.mapv(|_| stream.normal() > 0.8);
        let more = Array2::from_shape_fn((rows, columns), |at| few[at] || stream.normal() > 0.5);
        let variance = |observed: &Array2<bool>| {
            let gp = prior.clone().condition_where(&image, observed).unwrap();
            gp.posterior().unwrap().variance
        };
        let (before, after) = (variance(&few), variance(&more));
        for (b, a) in before.iter().zip(&after) {
            prop_assert!((0.0..=1.0).contains(b) && *a <= b + 1e-8);
        }
    }
}
