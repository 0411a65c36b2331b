//! Stochastic processes behind counts and labels.

use dosewise::gp::{
    InducingPoints, Kernel, LaplaceGp, Likelihood, Link, Matern52, Mean, StochasticGp,
    StochasticOptions, StochasticProgress,
};
use ndarray::{Array2, array, s};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Poisson};
use std::ops::ControlFlow;

fn on(_: &StochasticProgress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Places in the unit square that look random and never repeat.
fn scattered(n: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, 2), |(i, k)| {
        ((i as f64 + 0.5) * [0.754_877_666, 0.569_840_291][k]).fract()
    })
}

fn close(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance * (1.0 + expected.abs()),
        "found {found}, expected {expected}"
    );
}

/// Counts: as many inducing points as places, against Laplace's approximation where that is good, and the bound
/// against one-dimensional integration.
#[test]
fn counts_agree_with_laplace_where_they_are_many() {
    let x = scattered(80);
    let mut rng = StdRng::seed_from_u64(7);
    let log_rate: Vec<f64> = x
        .rows()
        .into_iter()
        .map(|p| 1.0 + (5.0 * p[0]).sin())
        .collect();
    let y: Vec<f64> = log_rate
        .iter()
        .map(|f| Poisson::new(20.0 * f.exp()).unwrap().sample(&mut rng))
        .collect();
    let likelihood = Likelihood::Poisson {
        exposure: vec![20.0; 80],
    };
    let kernel = Matern52::isotropic(0.6).scaled(1.0);
    let laplace = LaplaceGp::new(kernel.clone(), likelihood.clone())
        .with_mean(Mean::Fixed(1.0))
        .condition(&x, &y)
        .unwrap();
    let mut gp =
        StochasticGp::with_likelihood(kernel, likelihood, InducingPoints::given(&x).unwrap())
            .with_mean(Mean::Fixed(1.0));
    let options = StochasticOptions {
        epochs: 0,
        ..StochasticOptions::default()
    };
    gp.train(&x, &y, &options, &mut on).unwrap();
    let report = gp.training_report().unwrap();
    assert!(report.full_steps < 20 && !report.cancelled);
    close(report.bound.unwrap(), gp.elbo(&x, &y).unwrap(), 1e-10);
    let evidence = laplace.log_marginal_likelihood();
    assert!(
        (report.bound.unwrap() - evidence).abs() < 0.05 * 80.0_f64.sqrt(),
        "{evidence}"
    );
    let places = scattered(200).slice(s![100.., ..]).to_owned();
    let (a, b) = (
        gp.posterior(&places).unwrap(),
        laplace.posterior(&places).unwrap(),
    );
    for i in 0..100 {
        assert!(
            (a.mean()[i] - b.mean()[i]).abs() < 0.03,
            "{} {}",
            a.mean()[i],
            b.mean()[i]
        );
        assert!((a.variance()[i] / b.variance()[i] - 1.0).abs() < 0.05);
    }
    let counts = a.counts(&[20.0; 100]).unwrap();
    for (count, expected) in counts
        .mean()
        .iter()
        .zip(b.counts(&[20.0; 100]).unwrap().mean())
    {
        assert!((count / expected - 1.0).abs() < 0.03);
    }
    assert!(a.counts(&[20.0; 3]).is_err() && a.class_probability().is_err());
}

/// One label, one inducing point at its place: q is a Gaussian in one dimension, the bound at its best can be found by
/// brute force.
#[test]
fn one_label_has_the_best_gaussian() {
    let kernel = Matern52::isotropic(1.0).scaled(4.0);
    let likelihood = Likelihood::Bernoulli(Link::Logit);
    let mut gp = StochasticGp::with_likelihood(
        kernel,
        likelihood.clone(),
        InducingPoints::given(&array![[0.0]]).unwrap(),
    );
    let options = StochasticOptions {
        epochs: 0,
        full_steps: 60,
        ..StochasticOptions::default()
    };
    gp.train(&array![[0.0]], &[1.0], &options, &mut on).unwrap();
    let bound = |m: f64, v: f64| {
        let expected: f64 = (-800..=800)
            .map(|k| {
                let z = 0.01 * f64::from(k);
                let weight = 0.01 * (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
                weight * likelihood.log_density(0, 1.0, m + v.sqrt() * z)
            })
            .sum();
        expected - 0.5 * (v / 4.0 + m * m / 4.0 - 1.0 - (v / 4.0).ln())
    };
    let posterior = gp.posterior(&array![[0.0]]).unwrap();
    let (m, v) = (posterior.mean()[0], posterior.variance()[0]);
    let best = bound(m, v);
    close(gp.training_report().unwrap().bound.unwrap(), best, 1e-7);
    for (by_mean, by_variance) in [(0.01, 0.0), (-0.01, 0.0), (0.0, 0.02), (0.0, -0.02)] {
        assert!(bound(m + by_mean, v + by_variance) < best);
    }
    let probability = posterior.class_probability().unwrap()[0];
    assert!(
        probability > 0.6 && probability < 1.0 / (1.0 + (-m).exp()),
        "{probability}"
    );
    assert!(posterior.counts(&[1.0]).is_err());
    // Below log ½, the evidence of one label under a symmetric prior.
    assert!(best < 0.5_f64.ln() && best > 0.5_f64.ln() - 0.1, "{best}");
}

#[test]
fn hyper_parameters_of_counts_are_learned_from_minibatches() {
    let mut rng = StdRng::seed_from_u64(12);
    let x = Array2::from_shape_fn((3000, 1), |_| rng.random::<f64>());
    let truth = |p: f64| -1.0 + (9.0 * p).sin();
    let y: Vec<f64> = x
        .iter()
        .map(|&p| {
            Poisson::new(5.0 * f64::exp(truth(p)))
                .unwrap()
                .sample(&mut rng)
        })
        .collect();
    let likelihood = Likelihood::Poisson {
        exposure: vec![5.0; 3000],
    };
    let kernel = Matern52::isotropic(1.0).scaled(1.0);
    let mut gp = StochasticGp::with_likelihood(kernel, likelihood, InducingPoints::greedy(15))
        .with_mean(Mean::Constant(0.0));
    let options = StochasticOptions {
        epochs: 40,
        batch: 250,
        ..StochasticOptions::default()
    };
    gp.train(&x, &y, &options, &mut on).unwrap();
    let places = Array2::from_shape_fn((101, 1), |(i, _)| i as f64 / 100.0);
    let posterior = gp.posterior(&places).unwrap();
    let errors = (0..101).map(|i| posterior.mean()[i] - truth(i as f64 / 100.0));
    let deviations: Vec<f64> = errors
        .zip(posterior.variance())
        .map(|(e, v)| e / v.sqrt())
        .collect();
    let inside = deviations.iter().filter(|z| z.abs() < 1.96).count();
    assert!(inside >= 80, "{inside} of 101 within 95 % intervals");
    let worst = deviations.iter().fold(0.0_f64, |w, z| w.max(z.abs()));
    assert!(worst < 4.5, "{worst}");
    let report = gp.training_report().unwrap();
    assert!(report.epochs.last() > report.epochs.first());
}
