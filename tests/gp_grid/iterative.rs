//! Iterative solutions, and estimates within their stated errors.

use crate::problem::{Problem, Product, all_close, dense, problem, product, tight};
use dosewise::gp::{
    GridGp, GridKernel, GridOptions, Kernel, Matern32, Matern52, Mean, Noise, Route,
};
use dosewise::units::Seed;

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
