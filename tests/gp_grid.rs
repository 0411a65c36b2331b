//! Inference on a grid against the dense process on the same pixels, and against known statistics.

use dosewise::gp::{
    ExactGp, Grid, GridFitOptions, GridGp, GridKernel, GridOptions, Kernel, Matern12, Matern32,
    Matern52, Mean, Noise, Parameter, PointsView, Rbf, Route,
};
use dosewise::random::{Purpose, Stream};
use dosewise::{Error, Result, units::Seed};
use ndarray::{Array1, Array2, Axis};
use proptest::prelude::*;
use serde::Deserialize;

/// The product of two kernels of one coordinate, as a dense kernel of two: the slow and obvious way.
#[derive(Debug, Clone)]
struct Product(GridKernel);

impl Kernel for Product {
    fn check(&self, _: usize) -> Result<()> {
        Ok(())
    }
    fn covariances(&self, point: &[f64], others: PointsView<'_>, out: &mut [f64]) {
        for (j, k) in out.iter_mut().enumerate() {
            let other = others.point(j);
            *k = self
                .0
                .covariance([point[0], point[1]], [other[0], other[1]]);
        }
    }
    fn variance(&self, point: &[f64]) -> f64 {
        self.0
            .covariance([point[0], point[1]], [point[0], point[1]])
    }
    fn parameters(&self) -> Vec<Parameter> {
        self.0.parameters()
    }
    fn set_log_parameters(&mut self, values: &[f64]) -> Result<()> {
        self.0.set_log_parameters(values)
    }
    fn accumulate_gradient(&self, _: &[f64], _: PointsView<'_>, _: &[f64], _: &mut [f64]) -> f64 {
        unimplemented!("these tests differentiate by finite differences")
    }
    fn clone_box(&self) -> Box<dyn Kernel> {
        Box::new(self.clone())
    }
}

struct Problem {
    grid: Grid,
    image: Array2<f64>,
    variances: Vec<f64>,
    observed: Array2<bool>,
}

/// A wavy image with noise of a variance that differs from pixel to pixel; `share` of 100 pixels are observed.
fn problem(rows: usize, columns: usize, pixel: [f64; 2], share: u64) -> Problem {
    let grid = Grid::new(rows, columns, pixel).unwrap();
    let mut stream = Stream::new(Seed(5), Purpose::Counts, [rows as u64, columns as u64]);
    let variances: Vec<f64> = (0..rows * columns)
        .map(|p| 0.01 + 0.09 * ((p * 7919) % 101) as f64 / 101.0)
        .collect();
    let image = Array2::from_shape_fn((rows, columns), |(i, j)| {
        let truth = (0.5 * i as f64).sin() + (0.35 * j as f64).cos();
        truth + variances[i * columns + j].sqrt() * stream.normal()
    });
    let observed = Array2::from_shape_fn((rows, columns), |(i, j)| {
        ((i * columns + j) as u64 * 2_654_435_761 >> 7) % 100 < share
    });
    Problem {
        grid,
        image,
        variances,
        observed,
    }
}

/// The dense process on the observed pixels.
fn dense(problem: &Problem, kernel: Box<dyn Kernel>, mean: Mean, noise: &Noise) -> ExactGp {
    let chosen: Vec<usize> = (0..problem.grid.pixels())
        .filter(|p| problem.observed.as_slice().unwrap()[*p])
        .collect();
    let x = problem.grid.coordinates().select(Axis(0), &chosen);
    let y: Vec<f64> = chosen
        .iter()
        .map(|p| problem.image.as_slice().unwrap()[*p])
        .collect();
    let noise = match noise {
        Noise::Known(all) => Noise::Known(chosen.iter().map(|p| all[*p]).collect()),
        shared => shared.clone(),
    };
    ExactGp::new(kernel, noise)
        .with_mean(mean)
        .condition(&x, &y)
        .unwrap()
}

fn tight() -> GridOptions {
    GridOptions {
        tolerance: 1e-12,
        ..GridOptions::default()
    }
}

fn close(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance * (1.0 + expected.abs()),
        "found {found}, expected {expected}"
    );
}

fn all_close(found: &Array2<f64>, expected: &[f64], tolerance: f64) {
    for (f, e) in found.iter().zip(expected) {
        close(*f, *e, tolerance);
    }
}

/// Mean, variance and evidence of both, on an exact route.
fn compare(problem: &Problem, kernel: GridKernel, noise: Noise, options: GridOptions) -> Route {
    let mean = Mean::Constant(0.3);
    let slow: Box<dyn Kernel> = match &kernel {
        GridKernel::Stationary(kernel) => kernel.clone(),
        product => Box::new(Product(product.clone())),
    };
    let slow = dense(problem, slow, mean, &noise);
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

fn product() -> GridKernel {
    GridKernel::product(
        Matern52::isotropic(2.0).scaled(1.5),
        Matern32::isotropic(3.0),
    )
}

#[test]
fn every_exact_route_equals_the_dense_process() {
    let known = |p: &Problem| Noise::Known(p.variances.clone());
    for (rows, columns) in [(12, 12), (9, 14), (1, 30), (25, 1), (1, 1)] {
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
        serde_json::from_str(include_str!("reference/gp_grid.json")).unwrap();
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
fn the_preconditioner_makes_iterations_independent_of_the_size() {
    let iterations = |side: usize, kernel: &dyn Fn(f64) -> GridKernel| {
        let problem = problem(side, side, [1.0, 1.0], 100);
        let noise = Noise::Known(problem.variances.clone());
        let gp = GridGp::new(problem.grid, kernel(0.1 * side as f64), noise)
            .unwrap()
            .condition(&problem.image)
            .unwrap();
        let solve = gp.posterior_mean().unwrap().solve;
        assert!(solve.converged);
        solve.iterations
    };
    let separable = |l| GridKernel::rbf([l, l], 1.0);
    let (small, large) = (iterations(24, &separable), iterations(96, &separable));
    assert!(large <= 40 && large <= small + 8, "{small} {large}");
    let toeplitz = |l| GridKernel::stationary(Matern52::isotropic(l));
    let (small, large) = (iterations(24, &toeplitz), iterations(96, &toeplitz));
    assert!(large <= 50 && large <= small + 25, "{small} {large}");
}

#[test]
fn not_converging_is_a_status() {
    let problem = problem(20, 20, [1.0, 1.0], 40);
    for kernel in [product(), GridKernel::stationary(Matern52::isotropic(3.0))] {
        let gp = GridGp::new(
            problem.grid,
            kernel,
            Noise::Known(problem.variances.clone()),
        )
        .unwrap()
        .with_options(GridOptions {
            max_iterations: 2,
            ..tight()
        })
        .unwrap()
        .condition_where(&problem.image, &problem.observed)
        .unwrap();
        let cut = gp.posterior_mean().unwrap();
        assert!(!cut.converged() && cut.solve.iterations == 2);
        assert!(cut.solve.relative_residual > 1e-12);
        assert!(cut.mean.iter().all(|m| m.is_finite()));
    }
}

#[test]
fn estimates_agree_with_the_dense_process_within_their_stated_errors() {
    let known = |p: &Problem| Noise::Known(p.variances.clone());
    let matern = GridKernel::stationary(Matern52::ard([2.0, 3.0]).scaled(1.5));
    for (share, kernel) in [(100, matern.clone()), (60, matern), (60, product())] {
        let problem = problem(20, 24, [1.0, 1.0], share);
        let slow: Box<dyn Kernel> = match &kernel {
            GridKernel::Stationary(kernel) => kernel.clone(),
            product => Box::new(Product(product.clone())),
        };
        let slow = dense(&problem, slow, Mean::Zero, &known(&problem));
        let gp = GridGp::new(problem.grid, kernel, known(&problem))
            .unwrap()
            .with_options(GridOptions {
                largest_factor: 10,
                probes: 40,
                probing_spacing: 10,
                probing_repeats: 6,
                ..GridOptions::default()
            })
            .unwrap()
            .condition_where(&problem.image, &problem.observed)
            .unwrap();
        let truth = slow.posterior(&problem.grid.coordinates()).unwrap();
        let posterior = gp.posterior().unwrap();
        assert!(matches!(posterior.route, Route::Stochastic { probes: 600 }));
        all_close(&posterior.mean, truth.mean(), 1e-6);
        let errors = posterior.variance.iter().zip(truth.variance());
        let squares: f64 = errors.map(|(a, b)| (a - b).powi(2)).sum();
        let error = (squares / problem.grid.pixels() as f64).sqrt();
        let typical = truth.variance().iter().sum::<f64>() / problem.grid.pixels() as f64;
        let stated = posterior.variance_error;
        assert!(
            stated > 0.0 && stated < 0.2 * typical,
            "{stated} of {typical}"
        );
        assert!(error < 1.3 * stated + 1e-4, "{error} but {stated} stated");

        let found = gp.log_marginal_likelihood().unwrap();
        let difference = found.log_marginal_likelihood - slow.log_marginal_likelihood();
        assert!(found.standard_error > 0.0 && found.standard_error < 5.0);
        assert!(
            difference.abs() < 4.0 * found.standard_error + found.quadrature_error + 1e-4,
            "{difference} at {found:?}"
        );
        // Common probes: the same numbers again.
        assert_eq!(found, gp.log_marginal_likelihood().unwrap());
        assert_eq!(posterior, gp.posterior().unwrap());
    }
}

#[test]
fn log_determinants_are_close_when_many_probes_are_used() {
    let problem = problem(16, 16, [1.0, 1.0], 100);
    let kernel = Matern32::isotropic(2.0);
    let noise = Noise::Known(problem.variances.clone());
    let truth = dense(&problem, Box::new(kernel.clone()), Mean::Zero, &noise);
    let gp = GridGp::new(problem.grid, GridKernel::stationary(kernel), noise)
        .unwrap()
        .with_options(GridOptions {
            largest_factor: 10,
            probes: 2000,
            ..GridOptions::default()
        })
        .unwrap()
        .condition(&problem.image)
        .unwrap();
    let found = gp.log_marginal_likelihood().unwrap();
    let truth = truth.log_marginal_likelihood();
    let error = (found.log_marginal_likelihood - truth).abs();
    assert!(found.standard_error < 2e-3 * truth.abs());
    assert!(error < 4.0 * found.standard_error, "{error} {found:?}");
}

#[test]
fn pathwise_samples_have_the_posterior_moments() {
    let count = 1500;
    for kernel in [
        GridKernel::rbf([1.5, 2.0], 2.0),
        GridKernel::stationary(Matern52::ard([1.5, 2.0]).scaled(2.0)),
    ] {
        let problem = problem(7, 9, [1.0, 1.0], 40);
        let gp = GridGp::new(
            problem.grid,
            kernel,
            Noise::Known(problem.variances.clone()),
        )
        .unwrap()
        .with_mean(Mean::Constant(-0.5))
        .condition_where(&problem.image, &problem.observed)
        .unwrap();
        let posterior = gp.posterior().unwrap();
        let drawn = gp.posterior_samples(count, Seed(3)).unwrap();
        assert!(drawn.solve.converged);
        if let Some(embedding) = drawn.embedding {
            assert!(embedding.negative_share < 1e-10, "{embedding:?}");
        }
        let mut worst: (f64, f64) = (0.0, 0.0);
        for p in 0..63 {
            let at = (p / 9, p % 9);
            let values: Array1<f64> = drawn.images.iter().map(|image| image[at]).collect();
            let (mean, variance) = (values.mean().unwrap(), values.var(1.0));
            let deviate =
                (mean - posterior.mean[at]) / (posterior.variance[at] / count as f64).sqrt();
            let ratio = variance / posterior.variance[at] - 1.0;
            worst.0 = worst.0.max(deviate.abs());
            worst.1 = worst.1.max(ratio.abs() / (2.0 / count as f64).sqrt());
        }
        // The largest of 63 correlated standard deviates.
        assert!(worst.0 < 4.0 && worst.1 < 4.0, "{worst:?}");
    }
}

#[test]
fn prior_samples_have_the_prior_covariance() {
    let grid = Grid::new(6, 8, [1.0, 0.5]).unwrap();
    let kernel = Matern12::isotropic(2.0).scaled(3.0);
    let truth = |d: [f64; 2]| kernel.covariance(&[0.0, 0.0], &d);
    let gp = GridGp::new(
        grid,
        GridKernel::stationary(kernel.clone()),
        Noise::Homoscedastic(0.1),
    )
    .unwrap();
    let drawn = gp.prior_samples(4000, Seed(1)).unwrap();
    assert!(drawn.embedding.unwrap().negative_share < 1e-10);
    for d in [[0, 0], [0, 1], [2, 0], [3, 5]] {
        let products = drawn
            .images
            .iter()
            .map(|f| f[[1, 1]] * f[[1 + d[0], 1 + d[1]]]);
        let found = products.sum::<f64>() / 4000.0;
        let expected = truth([d[0] as f64, 0.5 * d[1] as f64]);
        let spread = (9.0 + expected * expected).sqrt();
        assert!((found - expected).abs() < 4.0 * spread / 4000.0_f64.sqrt());
    }
}

#[test]
fn held_out_pixels_are_covered_as_often_as_stated() {
    let grid = Grid::new(48, 40, [1.0, 1.0]).unwrap();
    for kernel in [
        GridKernel::rbf([4.0, 3.0], 1.0),
        GridKernel::stationary(Matern52::isotropic(4.0)),
    ] {
        let prior = GridGp::new(grid, kernel, Noise::Homoscedastic(0.04)).unwrap();
        let (mut inside, mut total) = (0, 0);
        for seed in 0..4 {
            let truth = &prior.prior_samples(1, Seed(seed)).unwrap().images[0];
            let mut stream = Stream::new(Seed(seed), Purpose::Counts, [0, 0]);
            let image = truth.mapv(|f| f + 0.2 * stream.normal());
            let observed = truth.mapv(|_| stream.normal() > 0.7);
            let gp = prior.clone().condition_where(&image, &observed).unwrap();
            let posterior = gp.posterior().unwrap();
            for (p, seen) in observed.iter().enumerate() {
                let at = (p / 40, p % 40);
                if !seen {
                    let deviate = (truth[at] - posterior.mean[at]).abs();
                    inside += usize::from(deviate < 1.644_85 * posterior.variance[at].sqrt());
                    total += 1;
                }
            }
        }
        let share = inside as f64 / total as f64;
        assert!((0.86..0.94).contains(&share), "{share} of {total} pixels");
    }
}

#[test]
fn analytic_gradients_and_fits_reach_a_stationary_point() {
    // A fit with shared noise, complete and not; checked by finite differences of the dense likelihood.
    for share in [100, 45] {
        let problem = problem(16, 18, [1.0, 1.0], share);
        let start = GridKernel::rbf([2.0, 2.0], 1.0);
        let gp = GridGp::new(problem.grid, start, Noise::Homoscedastic(0.2))
            .unwrap()
            .with_mean(Mean::Constant(0.0))
            .fit_where(
                &problem.image,
                &problem.observed,
                &GridFitOptions::default(),
            )
            .unwrap();
        let report = gp.fit_report().unwrap();
        assert!(report.converged(), "{report:?}");
        let at = |p: usize, shift: f64| {
            let parameters = gp.parameters();
            let mut logs: Vec<f64> = parameters.iter().map(|p| p.value.ln()).collect();
            logs[p] += shift;
            let mut kernel = gp.kernel().clone();
            kernel.set_log_parameters(&logs[..3]).unwrap();
            let noise = Noise::Homoscedastic(logs[3].exp());
            dense(&problem, Box::new(Product(kernel)), gp.mean(), &noise).log_marginal_likelihood()
        };
        close(at(0, 0.0), report.log_marginal_likelihood, 1e-7);
        for p in 0..4 {
            let slope = (at(p, 1e-3) - at(p, -1e-3)) / 2e-3;
            assert!(slope.abs() < 0.02, "parameter {p}: slope {slope}");
        }
        let found = gp.log_marginal_likelihood().unwrap();
        close(
            found.log_marginal_likelihood,
            report.log_marginal_likelihood,
            1e-7,
        );
        let noise = gp.noise().variance(0).unwrap();
        assert!((0.02..0.1).contains(&noise), "{noise}");
    }
}

#[test]
fn fits_without_an_analytic_gradient_agree_with_the_dense_fit() {
    let problem = problem(12, 14, [1.0, 1.0], 60);
    let noise = Noise::Known(problem.variances.clone());
    let kernel = Matern52::isotropic(2.0).scaled(1.0);
    let options = GridFitOptions {
        restarts: 1,
        ..GridFitOptions::default()
    };
    let gp = GridGp::new(
        problem.grid,
        GridKernel::stationary(kernel.clone()),
        noise.clone(),
    )
    .unwrap()
    .fit_where(&problem.image, &problem.observed, &options)
    .unwrap();
    assert!(
        gp.fit_report().unwrap().converged(),
        "{:?}",
        gp.fit_report()
    );
    let mut slow = dense(&problem, Box::new(kernel.clone()), Mean::Zero, &noise);
    slow.refit(&dosewise::gp::FitOptions::default()).unwrap();
    for (a, b) in gp.parameters().iter().zip(slow.parameters()) {
        close(a.value, b.value, 1e-3);
    }
    // On probes: the estimate is smooth and the fit lands near the exact one.
    let estimated = GridGp::new(problem.grid, GridKernel::stationary(kernel), noise)
        .unwrap()
        .with_options(GridOptions {
            largest_factor: 10,
            lanczos_steps: 30,
            ..GridOptions::default()
        })
        .unwrap()
        .fit_where(
            &problem.image,
            &problem.observed,
            &GridFitOptions {
                restarts: 0,
                ..options
            },
        )
        .unwrap();
    for (a, b) in estimated.parameters().iter().zip(slow.parameters()) {
        assert!((a.value.ln() - b.value.ln()).abs() < 0.15, "{a:?} {b:?}");
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let problem = problem(17, 23, [1.0, 1.0], 70);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap().install(|| {
            let kernel = GridKernel::stationary(Matern32::isotropic(2.0));
            let gp = GridGp::new(
                problem.grid,
                kernel,
                Noise::Known(problem.variances.clone()),
            )
            .unwrap()
            .with_options(GridOptions {
                largest_factor: 10,
                probing_spacing: 4,
                ..GridOptions::default()
            })
            .unwrap()
            .condition_where(&problem.image, &problem.observed)
            .unwrap();
            (
                gp.posterior().unwrap(),
                gp.log_marginal_likelihood().unwrap(),
                gp.posterior_samples(3, Seed(8)).unwrap(),
            )
        })
    };
    assert_eq!(run(1), run(4));
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
    let image = Array2::zeros((4, 5));
    refused(gp().condition(&Array2::zeros((5, 4))), "values");
    let mask = Array2::from_elem((4, 4), true);
    refused(gp().condition_where(&image, &mask), "observed");
    refused(gp().condition(&(&image / 0.0)), "values");
    let unfinite = gp().with_mean(Mean::Constant(f64::NAN));
    refused(unfinite.condition(&image).unwrap().posterior(), "mean");
    let nowhere = Array2::from_elem((4, 5), false);
    let fit = GridFitOptions::default();
    refused(gp().fit_where(&image, &nowhere, &fit), "values");
    let tolerance = GridFitOptions {
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

/// k(x, x′) = min(x, x′) + 1, which is not stationary.
#[derive(Debug, Clone)]
struct Wiener;

impl Kernel for Wiener {
    fn check(&self, _: usize) -> Result<()> {
        Ok(())
    }
    fn covariances(&self, point: &[f64], others: PointsView<'_>, out: &mut [f64]) {
        for (o, x) in out.iter_mut().zip(others.coordinate(0)) {
            *o = point[0].min(*x) + 1.0;
        }
    }
    fn variance(&self, point: &[f64]) -> f64 {
        point[0] + 1.0
    }
    fn parameters(&self) -> Vec<Parameter> {
        Vec::new()
    }
    fn set_log_parameters(&mut self, _: &[f64]) -> Result<()> {
        Ok(())
    }
    fn accumulate_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        _: &mut [f64],
    ) -> f64 {
        let each = weights.iter().zip(others.coordinate(0));
        each.map(|(w, x)| w * (point[0].min(*x) + 1.0)).sum()
    }
    fn clone_box(&self) -> Box<dyn Kernel> {
        Box::new(self.clone())
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
