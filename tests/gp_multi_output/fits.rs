//! What fits find.

use crate::case::{close, drawn, scattered};
use dosewise::gp::{
    Bounds, FitOptions, Kernel, LogNormal, Matern52, Mean, MultiOutputGp, Rbf, Surrogate,
};
use ndarray::{Array2, array};
use rand::SeedableRng;
use rand::rngs::StdRng;

#[test]
fn a_fit_finds_the_opposite_sign_and_uses_it() {
    let mut rng = StdRng::seed_from_u64(5);
    let weights = array![[1.0], [-30.0]];
    let b = weights.dot(&weights.t()) + array![[0.02, 0.0], [0.0, 20.0]];
    let x = scattered(60);
    let (truth, y) = drawn(&x, &Matern52::isotropic(0.3), &b, &[0.01, 4.0], &mut rng);
    // Offsets that a fit has to find, output by output.
    let y = y + &array![[5.0, -200.0]];
    // Output 1 is measured at every fourth place only.
    let seen = Array2::from_shape_fn((60, 2), |(i, p)| {
        (p == 0 || i % 4 == 0).then_some(y[[i, p]])
    });
    let model = || {
        MultiOutputGp::new(Matern52::isotropic(1.0), 2, 1, [0.1, 0.1])
            .with_means([Mean::Constant(0.0), Mean::Constant(0.0)])
    };
    let options = FitOptions::default();
    let gp = model().fit_all(&x, &seen, &options).unwrap();
    let report = gp.fit_report().unwrap();
    assert!(report.converged() && !report.at_limit, "{report:?}");
    assert!(gp.correlation().unwrap()[[0, 1]] < -0.9);
    let apart = MultiOutputGp::new(Matern52::isotropic(1.0), 2, 0, [0.1, 0.1])
        .with_means([Mean::Constant(0.0), Mean::Constant(0.0)])
        .fit_all(&x, &seen, &options)
        .unwrap();
    assert!(gp.log_marginal_likelihood() > apart.log_marginal_likelihood() + 5.0);
    let error = |gp: &MultiOutputGp| {
        let found = gp.posterior(&x).unwrap().mean().column(1).to_owned();
        let misses = (0..60)
            .filter(|i| i % 4 != 0)
            .map(|i| found[i] - truth[[i, 1]] + 200.0);
        (misses.map(|m| m * m).sum::<f64>() / 45.0).sqrt()
    };
    assert!(
        error(&gp) < 0.6 * error(&apart),
        "{} and {}",
        error(&gp),
        error(&apart)
    );
    let Mean::Constant(level) = gp.means()[1] else {
        panic!()
    };
    assert!((level + 200.0).abs() < 60.0 && gp.noise()[0] < 0.05);
}

#[test]
fn complete_measurements_are_fitted_to_the_same_optimum_as_scattered_ones() {
    let mut rng = StdRng::seed_from_u64(8);
    let weights = array![[1.0], [0.8], [-0.6]];
    let b = weights.dot(&weights.t()) + Array2::from_diag(&ndarray::arr1(&[0.1, 0.3, 0.2]));
    let x = scattered(30);
    let (_, y) = drawn(&x, &Rbf::isotropic(0.3), &b, &[0.05, 0.02, 0.1], &mut rng);
    let model = || {
        MultiOutputGp::new(Rbf::isotropic(0.5), 3, 1, [0.1, 0.1, 0.1])
            .with_means(vec![Mean::Constant(0.0); 3])
    };
    let options = FitOptions {
        restarts: 0,
        gradient_tolerance: 1e-5,
        ..FitOptions::default()
    };
    let complete = model().fit_all(&x, &y, &options).unwrap();
    // Place after place instead of output after output, which has no structure that is looked for.
    let codes: Vec<usize> = (0..90).map(|i| i % 3).collect();
    let places = Array2::from_shape_fn((90, 2), |(i, k)| x[[i / 3, k]]);
    let values: Vec<f64> = y.iter().copied().collect();
    let scattered = model().fit(&places, &codes, &values, &options).unwrap();
    let (one, other) = (
        complete.log_marginal_likelihood(),
        scattered.log_marginal_likelihood(),
    );
    close(one, other, 1e-8, "likelihood");
    // B and not the numbers behind it, of which those of a vanishing κ run along a flat direction.
    let matrix = |gp: &MultiOutputGp| gp.coregionalisations()[0].covariance_matrix();
    for (a, b) in matrix(&complete).iter().zip(&matrix(&scattered)) {
        close(*a, *b, 1e-3, "B");
    }
    for (a, b) in complete.noise().iter().zip(scattered.noise()) {
        close(a.ln(), b.ln(), 1e-3, "noise");
    }
    assert!((complete.fit_report().unwrap().log_marginal_likelihood - one).abs() < 1e-8);
}

#[test]
fn priors_and_bounds_go_by_name() {
    let x = scattered(20);
    let y = Array2::from_shape_fn((20, 2), |(i, p)| (6.0 * x[[i, 0]] + p as f64).sin());
    let none = LogNormal {
        median: 1.0,
        log_sd: 1e-3,
    };
    let options = FitOptions {
        priors: vec![("loading".into(), none.into())],
        bounds: vec![
            ("noise variance[1]".into(), Bounds::hard(0.2..=0.2)),
            ("factor0.lengthscale".into(), Bounds::hard(0.1..=0.5)),
        ],
        ..FitOptions::default()
    };
    let model = || MultiOutputGp::new(Rbf::isotropic(0.3), 2, 1, [0.01, 0.01]);
    let gp = model().fit_all(&x, &y, &options).unwrap();
    assert_eq!(gp.noise()[1], 0.2);
    assert!(gp.correlation().unwrap()[[0, 1]].abs() < 0.01);
    let known = model()
        .with_known_noise()
        .fit_all(&x, &y, &FitOptions::default())
        .unwrap();
    assert_eq!(known.noise(), [0.01, 0.01]);
    assert!(known.parameters().iter().all(|p| !p.name.contains("noise")));
    let misspelt = FitOptions {
        bounds: vec![("lodaing".into(), Bounds::hard(0.1..))],
        ..FitOptions::default()
    };
    assert!(model().fit_all(&x, &y, &misspelt).is_err());
}

#[test]
fn a_chain_of_fidelities_learns_a_negative_ratio_from_few_dear_measurements() {
    // f₁ = −2 f₀ + a slow trend.
    let cheap = |x: f64| (9.0 * x).sin() + 0.3 * (25.0 * x).cos();
    let dear = |x: f64| -2.0 * cheap(x) + 0.5 * x;
    let places: Vec<f64> = (0..40).map(|i| i as f64 / 39.0).collect();
    let mut x: Vec<f64> = places.clone();
    let mut y: Vec<f64> = places.iter().map(|x| cheap(*x)).collect();
    let mut levels = vec![0; 40];
    for i in [2, 11, 17, 24, 30, 37] {
        x.push(places[i]);
        y.push(dear(places[i]));
        levels.push(1);
    }
    let rows = Array2::from_shape_vec((46, 1), x).unwrap();
    let level = |scale: f64| Box::new(Rbf::isotropic(0.2).scaled(scale)) as Box<dyn Kernel>;
    let gp = MultiOutputGp::autoregressive([level(1.0), level(0.1)], [1e-4, 1e-4])
        .fit(&rows, &levels, &y, &FitOptions::default())
        .unwrap();
    assert!((gp.ratios()[0] + 2.0).abs() < 0.1, "{:?}", gp.ratios());
    let fine = Array2::from_shape_fn((101, 1), |(i, _)| i as f64 / 100.0);
    let found = gp.output(1).unwrap().marginals(fine.view()).unwrap();
    let worst = found
        .mean
        .iter()
        .zip(&fine)
        .map(|(m, x)| (m - dear(*x)).abs());
    assert!(worst.fold(0.0, f64::max) < 0.2);
    assert!(gp.coregionalisations().is_empty() && gp.correlation().unwrap()[[0, 1]] < 0.0);
}
