//! Hyper-parameters found by Vecchia's likelihood.

use crate::problem::{close, draw, normal, signal, uniform};
use dosewise::gp::{ExactGp, FitOptions, Kernel, Matern52, Mean, Noise, Surrogate, VecchiaGp};

#[test]
fn fits_agree_with_the_exact_ones_and_order_anew() {
    let (n, lengths, noise) = (300, [0.15, 0.9], 0.05);
    let x = uniform(n, 2, 41);
    let f = draw(&Matern52::ard(lengths), &x, 42);
    let y: Vec<f64> = f
        .iter()
        .zip(normal(n, 43))
        .map(|(f, e)| 3.0 + f + f64::sqrt(noise) * e)
        .collect();
    let start = || Matern52::ard([0.4, 0.4]).scaled(0.5);
    let options = FitOptions::default();
    let exact = ExactGp::new(start(), Noise::Homoscedastic(0.3))
        .with_mean(Mean::Constant(0.0))
        .fit(&x, &y, &options)
        .unwrap();
    let prior = VecchiaGp::new(start(), Noise::Homoscedastic(0.3)).with_mean(Mean::Constant(0.0));
    let before = prior.clone().condition(&x, &y).unwrap();
    let gp = prior.fit(&x, &y, &options).unwrap();
    let report = gp.fit_report().unwrap();
    assert!(report.converged() && !report.at_limit, "{report:?}");
    for (found, expected) in gp.parameters().iter().zip(exact.parameters()) {
        let off = (found.value / expected.value).ln();
        assert!(
            off.abs() < 0.1,
            "{} {} for {}",
            found.name,
            found.value,
            expected.value
        );
    }
    match (gp.mean(), exact.mean()) {
        (Mean::Constant(found), Mean::Constant(expected)) => close(*found, *expected, 0.02),
        other => panic!("{other:?}"),
    }
    close(
        report.log_marginal_likelihood,
        gp.log_marginal_likelihood(),
        1e-12,
    );
    assert_ne!(before.order(), gp.order());
    // The likelihood's gradient vanishes where the fit ended, for the neighbours it ended with.
    let largest = |gradient: Vec<f64>| gradient.iter().fold(0.0, |l: f64, g| l.max(g.abs()));
    assert!(largest(gp.log_marginal_likelihood_gradient().unwrap()) < 1e-3);
}

#[test]
fn many_measurements_find_the_truth_from_a_poor_start() {
    let n = 1000;
    let x = uniform(n, 2, 51) * 4.0;
    let f = draw(&Matern52::isotropic(0.3).scaled(2.0), &x, 52);
    let y: Vec<f64> = f
        .iter()
        .zip(normal(n, 53))
        .map(|(f, e)| f + 0.1_f64.sqrt() * e)
        .collect();
    let gp = VecchiaGp::new(
        Matern52::isotropic(30.0).scaled(0.01),
        Noise::Homoscedastic(5.0),
    )
    .with_neighbours(15)
    .fit(&x, &y, &FitOptions::default())
    .unwrap();
    assert!(gp.fit_report().unwrap().coarse_evaluations > 0);
    let truth = [0.3, 2.0, 0.1];
    for (found, truth) in gp.parameters().iter().zip(truth) {
        let off = (found.value / truth).ln();
        assert!(
            off.abs() < 0.35,
            "{} {} for {truth}",
            found.name,
            found.value
        );
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let x = uniform(700, 2, 21);
    let y = signal(&x);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap().install(|| {
            let options = FitOptions {
                restarts: 1,
                max_iterations: 5,
                ..FitOptions::default()
            };
            let gp = VecchiaGp::new(Matern52::ard([0.3, 0.3]), Noise::Homoscedastic(0.1))
                .with_mean(Mean::linear())
                .with_neighbours(8)
                .fit(&x, &y, &options)
                .unwrap();
            let marginals = gp.marginals(uniform(300, 2, 22).view()).unwrap();
            (gp.parameters(), gp.fit_report().cloned(), marginals)
        })
    };
    assert_eq!(run(1), run(3));
}
