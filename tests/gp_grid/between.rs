//! Places between the pixels, against the dense process.

use crate::problem::{close, dense, problem};
use dosewise::Error;
use dosewise::gp::{
    ExactGp, Grid, GridGp, GridKernel, GridOptions, Kernel, Linear, Matern32, Matern52, Mean,
    Noise, Rbf, Route, Surrogate, White,
};
use ndarray::{Array2, ArrayView2, array};

fn scattered() -> Array2<f64> {
    // Inside, on a pixel, and outside of the grid.
    array![
        [0.7, 1.3],
        [2.0, 2.4],
        [3.3, 0.01],
        [-1.0, 2.0],
        [9.0, 14.0],
        [2.0, 2.4]
    ]
}

#[test]
fn places_between_pixels_equal_the_dense_process() {
    let along = (
        Rbf::isotropic(2.0).scaled(1.5),
        Matern52::isotropic(3.0) + Linear::isotropic(0.01),
    );
    let product = GridKernel::product(along.0.clone(), along.1.clone());
    let dense_product = along.0.on_columns([0]) * along.1.on_columns([1]);
    let stationary = Matern32::ard([2.0, 3.0]).scaled(1.5) + White::new(0.05);
    let kernels: [(GridKernel, Box<dyn Kernel>); 2] = [
        (product, Box::new(dense_product)),
        (
            GridKernel::stationary(stationary.clone()),
            Box::new(stationary),
        ),
    ];
    let mean = Mean::Linear {
        intercept: 0.2,
        slopes: vec![0.1, -0.05],
    };
    for (kernel, slow) in kernels {
        for (share, largest_factor) in [(100, 3000), (60, 3000), (60, 10)] {
            let problem = problem(9, 12, [1.0, 0.8], share);
            let noise = Noise::Known(problem.variances.clone());
            let truth = dense(&problem, slow.clone(), mean.clone(), &noise);
            let gp = GridGp::new(problem.grid, kernel.clone(), noise)
                .unwrap()
                .with_mean(mean.clone())
                .with_options(GridOptions {
                    largest_factor,
                    ..GridOptions::default()
                })
                .unwrap()
                .condition_where(&problem.image, &problem.observed)
                .unwrap();
            let estimated = matches!(gp.posterior().unwrap().route, Route::Stochastic { .. });
            assert_eq!(estimated, largest_factor == 10);
            let places = scattered();
            let (found, expected) = (
                gp.marginals(places.view()).unwrap(),
                truth.marginals(places.view()).unwrap(),
            );
            let (joint, whole) = (
                gp.joint(places.view()).unwrap(),
                truth.joint(places.view()).unwrap(),
            );
            assert_eq!(joint.mean, found.mean);
            for i in 0..places.nrows() {
                close(found.mean[i], expected.mean[i], 1e-7);
                close(found.variance[i], expected.variance[i], 1e-7);
                for j in 0..places.nrows() {
                    close(joint.covariance[[i, j]], whole.covariance[[i, j]], 1e-7);
                }
                let point = places.row(i).to_vec();
                let (found, expected) = (gp.slopes(&point).unwrap(), truth.slopes(&point).unwrap());
                close(found.mean, expected.mean, 1e-7);
                close(found.variance, expected.variance, 1e-7);
                // White noise has no slope off the pixels, and differences across one are no slope.
                if i != 1 && i != 5 {
                    for c in 0..2 {
                        close(found.of_mean[c], expected.of_mean[c], 1e-5);
                        close(found.of_variance[c], expected.of_variance[c], 1e-5);
                    }
                }
            }
        }
    }
}

#[test]
fn the_prior_has_no_pixels_and_unusable_places_are_refused() {
    let grid = Grid::new(4, 5, [1.0, 1.0]).unwrap();
    let prior = GridGp::new(
        grid,
        GridKernel::rbf([1.0, 1.0], 2.0),
        Noise::Homoscedastic(0.1),
    )
    .unwrap()
    .with_mean(Mean::Constant(3.0));
    let found = prior.marginals(scattered().view()).unwrap();
    assert_eq!((found.mean, found.variance), (vec![3.0; 6], vec![2.0; 6]));
    assert_eq!(prior.slopes(&[0.5, 0.5]).unwrap().of_variance, vec![0.0; 2]);
    assert_eq!(prior.dimension(), 2);
    for bad in [&[0.1][..], &[f64::NAN, 0.0], &[], &[1.0; 3]] {
        assert!(matches!(prior.slopes(bad), Err(Error::Argument { .. })));
        let row = ArrayView2::from_shape((1, bad.len()), bad).unwrap();
        assert!(matches!(prior.marginals(row), Err(Error::Argument { .. })));
        assert!(matches!(prior.joint(row), Err(Error::Argument { .. })));
    }
}

/// Rough places of a smooth process, measured everywhere with noise of this typical variance.
fn sharply_measured(variance: f64, options: GridOptions) -> (GridGp, ExactGp) {
    let mut problem = problem(8, 10, [1.0, 1.0], 100);
    problem
        .variances
        .iter_mut()
        .for_each(|v| *v *= 20.0 * variance);
    let noise = Noise::Known(problem.variances.clone());
    let kernel = Rbf::isotropic(1.2).on_columns([0]) * Rbf::isotropic(1.5).on_columns([1]);
    let slow = dense(&problem, Box::new(kernel), Mean::Zero, &noise);
    let gp = GridGp::new(problem.grid, GridKernel::rbf([1.2, 1.5], 1.0), noise)
        .unwrap()
        .with_options(options)
        .unwrap()
        .condition(&problem.image)
        .unwrap();
    (gp, slow)
}

#[test]
fn small_variances_survive_small_noise_on_every_route() {
    let places = array![[3.5, 4.5], [2.0, 5.0], [6.2, 0.1]];
    for largest_factor in [3000, 10] {
        for noise in [1e-4, 1e-6, 1e-8, 1e-12] {
            let options = GridOptions {
                largest_factor,
                ..GridOptions::default()
            };
            let (gp, slow) = sharply_measured(noise, options);
            let found = gp.marginals(places.view()).unwrap();
            let joint = gp.joint(places.view()).unwrap();
            let truth = slow.marginals(places.view()).unwrap();
            for (i, expected) in truth.variance.iter().enumerate() {
                let variance = found.variance[i];
                let case = format!("{largest_factor} {noise}: {variance}, truth {expected}");
                assert!(
                    (variance - expected).abs() < 1e-3 * expected + 1e-14,
                    "{case}"
                );
                assert_eq!(joint.covariance[[i, i]], variance);
                // The same route, so the same bits.
                let slopes = gp.slopes(&places.row(i).to_vec()).unwrap();
                assert_eq!((slopes.variance, slopes.mean), (variance, found.mean[i]));
            }
        }
    }
}

/// The most memory that this process ever held, bytes.
#[cfg(target_os = "linux")]
fn peak_memory() -> usize {
    let table = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = table.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    1024 * line
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<usize>()
        .unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn marginals_keep_one_number_a_place() {
    let grid = Grid::new(256, 256, [1.0, 1.0]).unwrap();
    let kernel = GridKernel::rbf([80.0, 80.0], 1.0);
    let gp = GridGp::new(grid, kernel, Noise::Homoscedastic(0.1)).unwrap();
    let gp = gp.condition(&Array2::zeros((256, 256))).unwrap();
    let places = Array2::from_shape_fn((320, 2), |(i, k)| (i * (k + 3)) as f64 * 0.27);
    let before = peak_memory();
    assert!(gp.marginals(places.view()).unwrap().variance[0] > 0.0);
    // Two numbers a pixel for each place would be 336 MB; other tests of this file take some memory too.
    let grown = peak_memory() - before;
    assert!(grown < 150_000_000, "{grown} bytes");
}

#[test]
fn solutions_that_fall_short_are_refused() {
    let places = array![[3.5, 4.5], [2.0, 5.0]];
    for kernel in [
        GridKernel::rbf([1.2, 1.5], 1.0),
        GridKernel::stationary(Matern32::isotropic(2.0)),
    ] {
        let problem = problem(8, 10, [1.0, 1.0], 60);
        let with = |max_iterations| {
            GridGp::new(
                problem.grid,
                kernel.clone(),
                Noise::Known(problem.variances.clone()),
            )
            .unwrap()
            .with_options(GridOptions {
                largest_factor: 10,
                max_iterations,
                ..GridOptions::default()
            })
            .unwrap()
            .condition_where(&problem.image, &problem.observed)
            .unwrap()
        };
        let short = with(2);
        for outcome in [
            short.marginals(places.view()).map(drop),
            short.joint(places.view()).map(drop),
            short.slopes(&[3.5, 4.5]).map(drop),
        ] {
            match outcome {
                Err(Error::Argument { argument, .. }) => assert_eq!(argument, "max_iterations"),
                other => panic!("expected a refusal, found {other:?}"),
            }
        }
        assert!(with(1000).joint(places.view()).is_ok());
    }
}
