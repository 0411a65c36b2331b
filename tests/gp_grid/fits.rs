//! Fitted hyper-parameters against the dense likelihood.

use crate::problem::{Product, close, dense, problem};
use dosewise::gp::{
    GridFitOptions, GridGp, GridKernel, GridOptions, Kernel, Matern52, Mean, Noise,
};

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
            dense(
                &problem,
                Box::new(Product(kernel)),
                gp.mean().clone(),
                &noise,
            )
            .log_marginal_likelihood()
        };
        close(at(0, 0.0), report.log_marginal_likelihood, 1e-6);
        for p in 0..4 {
            let slope = (at(p, 1e-3) - at(p, -1e-3)) / 2e-3;
            assert!(slope.abs() < 0.02, "parameter {p}: slope {slope}");
        }
        let found = gp.log_marginal_likelihood().unwrap();
        close(
            found.log_marginal_likelihood,
            report.log_marginal_likelihood,
            1e-6,
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
