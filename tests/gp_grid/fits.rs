//! Fitted hyper-parameters against the dense likelihood.

use crate::problem::{Product, close, dense, problem};
use dosewise::gp::{
    Bounds, FitOptions, GridGp, GridKernel, GridOptions, Kernel, Matern52, Mean, Noise, Prior, Rbf,
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
            .fit_where(&problem.image, &problem.observed, &FitOptions::default())
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
    let options = FitOptions {
        restarts: 1,
        ..FitOptions::default()
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
            &FitOptions {
                restarts: 0,
                ..options
            },
        )
        .unwrap();
    for (a, b) in estimated.parameters().iter().zip(slow.parameters()) {
        assert!((a.value.ln() - b.value.ln()).abs() < 0.15, "{a:?} {b:?}");
    }
}

/// The same model, measurements and options, dense: the parameters, the mean and the report of both agree.
fn assert_fits_as_the_dense_process(options: &FitOptions, mean: Mean, share: u64) -> GridGp {
    let problem = problem(14, 17, [0.5, 0.8], share);
    let kernel = GridKernel::rbf([1.0, 2.0], 1.0);
    let noise = Noise::Homoscedastic(0.1);
    let gp = GridGp::new(problem.grid, kernel, noise.clone())
        .unwrap()
        .with_mean(mean.clone())
        .fit_where(&problem.image, &problem.observed, options)
        .unwrap();
    let product =
        Rbf::isotropic(1.0).scaled(1.0).on_columns([0]) * Rbf::isotropic(2.0).on_columns([1]);
    let mut slow = dense(&problem, Box::new(product), mean, &noise);
    slow.refit(options).unwrap();
    for (a, b) in gp.parameters().iter().zip(slow.parameters()) {
        assert!((a.value / b.value - 1.0).abs() < 5e-3, "{a:?} {b:?}");
    }
    let (report, truth) = (gp.fit_report().unwrap(), slow.fit_report().unwrap());
    assert!(report.converged(), "{report:?}");
    close(
        report.log_marginal_likelihood,
        truth.log_marginal_likelihood,
        1e-6,
    );
    close(report.log_prior, truth.log_prior, 1e-4);
    for place in [[0.0, 0.0], [7.0, 0.0], [0.0, 13.0]] {
        close(gp.mean().at(&place), slow.mean().at(&place), 2e-3);
    }
    gp
}

#[test]
fn linear_means_are_estimated_as_by_the_dense_process() {
    for share in [100, 60] {
        let gp = assert_fits_as_the_dense_process(&FitOptions::default(), Mean::linear(), share);
        assert!(matches!(gp.mean(), Mean::Linear { slopes, .. } if slopes.len() == 2));
    }
    // On a single row nothing can be told about a slope from row to row.
    let problem = problem(1, 40, [1.0, 1.0], 70);
    let gp = GridGp::new(
        problem.grid,
        GridKernel::rbf([2.0, 2.0], 1.0),
        Noise::Homoscedastic(0.1),
    )
    .unwrap()
    .with_mean(Mean::linear())
    .fit_where(&problem.image, &problem.observed, &FitOptions::default())
    .unwrap();
    assert!(
        matches!(gp.mean(), Mean::Linear { slopes, .. } if slopes[0] == 0.0 && slopes[1] != 0.0)
    );
}

#[test]
fn priors_and_bounds_by_name_hold_as_for_the_dense_process() {
    let options = FitOptions {
        priors: vec![(
            "outputscale".into(),
            Prior::Gamma {
                shape: 3.0,
                rate: 4.0,
            },
        )],
        bounds: vec![
            ("lengthscale".into(), Bounds::hard(0.3..=1.2)),
            ("noise variance".into(), Bounds::smooth(1e-3..)),
        ],
        ..FitOptions::default()
    };
    for share in [100, 60] {
        let gp = assert_fits_as_the_dense_process(&options, Mean::Constant(0.0), share);
        let at_bounds = &gp.fit_report().unwrap().at_bounds;
        assert!(
            at_bounds.contains(&"columns.lengthscale".to_string()),
            "{at_bounds:?}"
        );
        let lengthscale = gp
            .parameters()
            .into_iter()
            .find(|p| p.name == "columns.lengthscale");
        assert_eq!(lengthscale.unwrap().value, 1.2);
    }
    // The kernel of one axis alone, held where it was.
    let options = FitOptions {
        bounds: vec![("rows.lengthscale".into(), Bounds::hard(0.7..=0.7))],
        ..FitOptions::default()
    };
    let gp = assert_fits_alone(&options);
    assert!((gp.parameters()[0].value - 0.7).abs() < 1e-15);
}

fn assert_fits_alone(options: &FitOptions) -> GridGp {
    let problem = problem(14, 17, [0.5, 0.8], 80);
    GridGp::new(
        problem.grid,
        GridKernel::rbf([1.0, 2.0], 1.0),
        Noise::Homoscedastic(0.1),
    )
    .unwrap()
    .fit_where(&problem.image, &problem.observed, options)
    .unwrap()
}

#[test]
fn starts_are_compared_on_a_window_whatever_the_number_of_threads() {
    let problem = problem(72, 64, [1.0, 1.0], 50);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap().install(|| {
            GridGp::new(
                problem.grid,
                GridKernel::rbf([20.0, 1.0], 9.0),
                Noise::Homoscedastic(1.0),
            )
            .unwrap()
            .with_mean(Mean::Constant(0.0))
            .fit_where(&problem.image, &problem.observed, &FitOptions::default())
            .unwrap()
        })
    };
    let (one, four) = (run(1), run(4));
    let report = one.fit_report().unwrap();
    assert!(
        report.converged() && report.coarse_evaluations > 0,
        "{report:?}"
    );
    assert_eq!(one.fit_report(), four.fit_report());
    assert_eq!(one.parameters(), four.parameters());
    assert!((0.03..0.09).contains(&one.noise().variance(0).unwrap()));
}
