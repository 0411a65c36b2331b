//! Input that is refused.

use crate::problem::{Product, Wiener, tight};
use dosewise::gp::{FitOptions, Grid, GridGp, GridKernel, GridOptions, Mean, Noise, Rbf};
use dosewise::units::Seed;
use dosewise::{Error, Result};
use ndarray::Array2;

#[test]
fn unusable_input_is_refused_by_name() {
    fn refused<T>(outcome: Result<T>, expected: &str) {
        match outcome {
            Err(Error::Argument { argument, .. }) => assert_eq!(argument, expected),
            Err(other) => panic!("expected a refusal of {expected}, found {other}"),
            Ok(_) => panic!("expected a refusal of {expected}"),
        }
    }
    let grid = Grid::new(4, 5, [1.0, 1.0]).unwrap();
    let kernel = || GridKernel::rbf([1.0, 1.0], 1.0);
    let shared = || Noise::Homoscedastic(0.1);
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        refused(
            GridGp::new(grid, kernel(), Noise::Homoscedastic(bad)),
            "noise variance",
        );
    }
    for bad in [0.0, -1.0, f64::NAN, 1e200] {
        let mut variances = vec![0.1; 20];
        variances[7] = bad;
        refused(
            GridGp::new(grid, kernel(), Noise::Known(variances)),
            "noise variance",
        );
    }
    refused(
        GridGp::new(grid, kernel(), Noise::Known(vec![0.1; 19])),
        "noise",
    );
    refused(
        GridGp::new(grid, GridKernel::rbf([1.0, -1.0], 1.0), shared()),
        "lengthscale",
    );
    let ard = GridKernel::stationary(Rbf::ard([1.0, 1.0, 1.0]));
    refused(GridGp::new(grid, ard, shared()), "kernel");
    let drifting = GridKernel::stationary(Product(GridKernel::product(Wiener, Wiener)));
    refused(GridGp::new(grid, drifting, shared()), "kernel");
    assert!(GridGp::new(grid, GridKernel::product(Wiener, Wiener), shared()).is_ok());

    let gp = || GridGp::new(grid, kernel(), shared()).unwrap();
    for count in [usize::MAX, usize::MAX / 20, 1 << 48] {
        refused(gp().posterior_samples(count, Seed(0)), "count");
        refused(gp().prior_samples(count, Seed(0)), "count");
    }
    let image = Array2::zeros((4, 5));
    refused(gp().condition(&Array2::zeros((5, 4))), "values");
    let mask = Array2::from_elem((4, 4), true);
    refused(gp().condition_where(&image, &mask), "observed");
    refused(gp().condition(&(&image / 0.0)), "values");
    let unfinite = gp().with_mean(Mean::Constant(f64::NAN));
    refused(unfinite.condition(&image).unwrap().posterior(), "mean");
    let nowhere = Array2::from_elem((4, 5), false);
    let fit = FitOptions::default();
    refused(gp().fit_where(&image, &nowhere, &fit), "values");
    let tolerance = FitOptions {
        gradient_tolerance: f64::NAN,
        ..fit
    };
    refused(gp().fit(&image, &tolerance), "gradient_tolerance");
    let with = |options| gp().with_options(options);
    refused(
        with(GridOptions {
            tolerance: f64::NAN,
            ..tight()
        }),
        "tolerance",
    );
    refused(
        with(GridOptions {
            probes: 1,
            ..tight()
        }),
        "probes",
    );
    refused(
        with(GridOptions {
            probing_spacing: 0,
            ..tight()
        }),
        "probing_spacing",
    );
    refused(
        with(GridOptions {
            probing_repeats: 0,
            ..tight()
        }),
        "probing_repeats",
    );
    refused(
        with(GridOptions {
            lanczos_steps: 0,
            ..tight()
        }),
        "lanczos_steps",
    );
}

#[test]
fn another_mean_forgets_measurements() {
    let grid = Grid::new(4, 5, [1.0, 1.0]).unwrap();
    let prior = GridGp::new(
        grid,
        GridKernel::rbf([1.0, 1.0], 1.0),
        Noise::Homoscedastic(0.1),
    )
    .unwrap();
    let options = FitOptions {
        restarts: 0,
        max_iterations: 1,
        ..FitOptions::default()
    };
    let image = Array2::from_shape_fn((4, 5), |(i, j)| (i * j) as f64);
    let gp = prior.fit(&image, &options).unwrap();
    assert!(gp.observed() == 20 && gp.fit_report().is_some());
    let forgetful = gp.with_mean(Mean::Constant(2.0));
    assert!(forgetful.observed() == 0 && forgetful.fit_report().is_none());
    assert!(
        forgetful
            .posterior_mean()
            .unwrap()
            .mean
            .iter()
            .all(|m| *m == 2.0)
    );
}
