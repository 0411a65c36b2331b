//! Composed kernels and means that depend on the place, against the dense process.

use crate::problem::{Product, all_close, close, dense, problem, tight};
use dosewise::gp::{
    Categorical, Constant, FitOptions, Grid, GridGp, GridKernel, Kernel, Linear, Matern32,
    Matern52, Mean, Noise, Periodic, Polynomial, RationalQuadratic, Rbf, White,
};
use dosewise::{Error, Result};

fn argument<T>(outcome: Result<T>) -> String {
    match outcome {
        Err(Error::Argument { argument, .. }) => argument,
        Err(other) => panic!("expected a refused argument, found {other}"),
        Ok(_) => panic!("expected a refused argument"),
    }
}

fn composed() -> Vec<GridKernel> {
    vec![
        GridKernel::product(
            RationalQuadratic::isotropic(2.0, 1.3).scaled(1.5),
            Periodic::isotropic(1.2, 5.0) * Matern32::isotropic(6.0),
        ),
        GridKernel::product(
            Linear::isotropic(0.02).with_offset(0.5) + Rbf::isotropic(2.0),
            Rbf::isotropic(2.5) + White::new(0.1),
        ),
        GridKernel::product(
            Polynomial::isotropic(2, 0.01).with_offset(1.0),
            Matern52::isotropic(2.0).on_columns([0]) + Constant::new(0.3),
        ),
    ]
}

#[test]
fn composed_factors_equal_the_dense_process() {
    for share in [100, 55] {
        let problem = problem(9, 11, [0.5, 0.8], share);
        let noise = Noise::Known(problem.variances.clone());
        let stationary = Periodic::isotropic(1.2, 5.0) * Rbf::isotropic(4.0)
            + RationalQuadratic::isotropic(2.0, 0.7)
            + White::new(0.05);
        let mut kernels = composed();
        kernels.push(GridKernel::stationary(stationary));
        for kernel in kernels {
            let slow = Box::new(Product(kernel.clone()));
            let truth = dense(&problem, slow, Mean::Zero, &noise);
            let gp = GridGp::new(problem.grid, kernel, noise.clone())
                .unwrap()
                .with_options(tight())
                .unwrap()
                .condition_where(&problem.image, &problem.observed)
                .unwrap();
            let expected = truth.posterior(&problem.grid.coordinates()).unwrap();
            let posterior = gp.posterior().unwrap();
            all_close(&posterior.mean, expected.mean(), 1e-8);
            all_close(&posterior.variance, expected.variance(), 1e-8);
            all_close(&gp.posterior_mean().unwrap().mean, expected.mean(), 1e-8);
            let evidence = gp.log_marginal_likelihood().unwrap();
            close(
                evidence.log_marginal_likelihood,
                truth.log_marginal_likelihood(),
                1e-8,
            );
        }
    }
}

#[test]
fn gradients_pass_through_composed_factors() {
    let problem = problem(10, 12, [1.0, 1.0], 70);
    for kernel in composed() {
        let few_steps = FitOptions {
            restarts: 0,
            max_iterations: 1,
            ..FitOptions::default()
        };
        let gp = GridGp::new(problem.grid, kernel, Noise::Homoscedastic(0.1))
            .unwrap()
            .with_mean(Mean::Fixed(0.2))
            .fit_where(&problem.image, &problem.observed, &few_steps)
            .unwrap();
        assert_eq!(gp.mean(), &Mean::Fixed(0.2));
        let report = gp.fit_report().unwrap();
        let logs: Vec<f64> = gp.parameters().iter().map(|p| p.value.ln()).collect();
        let at = |p: usize, shift: f64| {
            let mut logs = logs.clone();
            logs[p] += shift;
            let (noise, rest) = logs.split_last().unwrap();
            let mut kernel = gp.kernel().clone();
            kernel.set_log_parameters(rest).unwrap();
            let noise = Noise::Homoscedastic(noise.exp());
            let slow = Box::new(Product(kernel));
            dense(&problem, slow, Mean::Fixed(0.2), &noise).log_marginal_likelihood()
        };
        close(at(0, 0.0), report.log_marginal_likelihood, 1e-6);
        let slopes = (0..logs.len()).map(|p| (at(p, 1e-4) - at(p, -1e-4)) / 2e-4);
        let steepest = slopes.fold(0.0, |l: f64, s| l.max(s.abs()));
        assert!(!report.at_limit, "{report:?}");
        close(report.largest_derivative, steepest, 1e-3);
    }
}

#[test]
fn means_that_depend_on_the_place_equal_the_dense_process() {
    let problem = problem(9, 11, [0.5, 0.8], 55);
    let noise = Noise::Known(problem.variances.clone());
    let kernel = || GridKernel::rbf([1.0, 1.5], 0.8);
    let linear = Mean::Linear {
        intercept: -0.4,
        slopes: vec![0.3, -0.2],
    };
    let bowl = Mean::custom("bowl", |place| place[0] * place[0] - 0.1 * place[1]);
    for mean in [Mean::Fixed(2.0), linear.clone(), bowl] {
        let slow = Box::new(Product(kernel()));
        let truth = dense(&problem, slow, mean.clone(), &noise);
        let gp = GridGp::new(problem.grid, kernel(), noise.clone())
            .unwrap()
            .with_mean(mean.clone())
            .condition_where(&problem.image, &problem.observed)
            .unwrap();
        let expected = truth.posterior(&problem.grid.coordinates()).unwrap();
        all_close(&gp.posterior().unwrap().mean, expected.mean(), 1e-8);
        let evidence = gp.log_marginal_likelihood().unwrap();
        close(
            evidence.log_marginal_likelihood,
            truth.log_marginal_likelihood(),
            1e-8,
        );
        if mean != linear {
            let options = FitOptions::default();
            let fitted = gp.fit_where(&problem.image, &problem.observed, &options);
            assert_eq!(fitted.unwrap().mean(), &mean);
        }
    }
}

#[test]
fn what_a_grid_cannot_do_is_refused() {
    let grid = Grid::new(6, 7, [1.0, 1.0]).unwrap();
    let build = |kernel| GridGp::new(grid, kernel, Noise::Homoscedastic(0.1));
    for trend in [
        GridKernel::stationary(Linear::isotropic(0.1).with_offset(1.0)),
        GridKernel::stationary(Rbf::isotropic(2.0) * Polynomial::isotropic(2, 0.1)),
        GridKernel::stationary(Rbf::isotropic(2.0) + Linear::isotropic(0.1)),
    ] {
        assert_eq!(argument(build(trend)), "kernel");
    }
    let materials = |count| GridKernel::product(Categorical::new(count, 0.5), Rbf::isotropic(2.0));
    assert!(build(materials(6)).is_ok());
    assert_eq!(argument(build(materials(5))), "category");
    let outside = GridKernel::product(Rbf::isotropic(1.0).on_columns([1]), Rbf::isotropic(1.0));
    assert!(build(outside).is_err());

    let image = ndarray::Array2::zeros((6, 7));
    let with = |mean| {
        build(GridKernel::rbf([2.0, 2.0], 1.0))
            .unwrap()
            .with_mean(mean)
    };
    let three = Mean::Linear {
        intercept: 0.0,
        slopes: vec![1.0; 3],
    };
    let conditioned = with(three).condition(&image).unwrap();
    assert_eq!(argument(conditioned.posterior()), "mean");
    let broken = with(Mean::custom("broken", |place| 1.0 / place[0]));
    let conditioned = broken.condition(&image).unwrap();
    assert_eq!(argument(conditioned.posterior_mean()), "mean");
}
