//! Tracked candidates against the posterior computed anew, and that one on any number of threads.

use dosewise::gp::{ExactGp, Kernel, Matern52, Mean, Noise, Rbf, Tracked};
use ndarray::{Array2, array};

fn grid(side: usize) -> Array2<f64> {
    Array2::from_shape_fn((side * side, 2), |(j, k)| {
        [j / side, j % side][k] as f64 / (side - 1) as f64
    })
}

fn signal(x: &[f64]) -> f64 {
    (6.0 * x[0]).sin() + (4.0 * x[1]).cos()
}

fn equals_posterior(tracked: &Tracked, candidates: &Array2<f64>, tolerance: f64) {
    let posterior = tracked.gp().posterior(candidates).unwrap();
    for j in 0..tracked.len() {
        assert!((posterior.mean()[j] - tracked.mean()[j]).abs() < tolerance);
        assert!((posterior.variance()[j] - tracked.variance()[j]).abs() < tolerance);
    }
}

#[test]
fn tracked_candidates_equal_the_posterior() {
    // More candidates than one tile, so that tile edges are crossed.
    let candidates = grid(39);
    let kernel = Matern52::ard([0.2, 0.4]).scaled(1.3);
    let mut tracked = ExactGp::new(kernel, Noise::Known(vec![]))
        .with_mean(Mean::Constant(0.2))
        .track(&candidates)
        .unwrap();
    for step in 0..70 {
        let variance = 0.01 + 0.001 * step as f64;
        if step % 3 == 0 {
            let x = [(step as f64 * 0.377).fract(), (step as f64 * 0.713).fract()];
            tracked.observe(&x, signal(&x), variance).unwrap();
        } else {
            let index = (step * 211) % candidates.nrows();
            let x = candidates.row(index).to_vec();
            tracked
                .observe_candidate(index, signal(&x), variance)
                .unwrap();
        }
        if step % 23 == 0 {
            equals_posterior(&tracked, &candidates, 1e-11);
        }
    }
    equals_posterior(&tracked, &candidates, 1e-11);
    assert_eq!(tracked.gp().len(), 70);

    // Covariances between candidates: against the full posterior covariance of a few.
    let few = [0, 400, 401, 1520];
    let places = candidates.select(ndarray::Axis(0), &few);
    let covariance = tracked
        .gp()
        .posterior(&places)
        .unwrap()
        .covariance()
        .unwrap();
    let row = tracked.covariances(401).unwrap();
    for (a, &i) in few.iter().enumerate() {
        assert!((row[i] - covariance[[2, a]]).abs() < 1e-11);
        for (b, &j) in few.iter().enumerate() {
            assert!((tracked.covariance(i, j).unwrap() - covariance[[a, b]]).abs() < 1e-11);
        }
    }

    // The look-ahead formula: one more measurement lowers the variance by k² / (k_ii + s).
    let before = tracked.variance().to_vec();
    tracked.observe_candidate(401, 0.0, 0.3).unwrap();
    for j in 0..tracked.len() {
        let predicted = before[j] - row[j] * row[j] / (before[401] + 0.3);
        assert!((tracked.variance()[j] - predicted).abs() < 1e-11);
    }
    let gp = tracked.into_gp();
    assert_eq!(gp.len(), 71);
}

#[test]
fn repeated_noiseless_candidates_rebuild_with_jitter() {
    let candidates = grid(9);
    let mut tracked = ExactGp::new(Rbf::isotropic(0.3), Noise::Known(vec![]))
        .track(&candidates)
        .unwrap();
    for index in [40, 12, 40, 40, 70] {
        let y = signal(&candidates.row(index).to_vec());
        tracked.observe_candidate(index, y, 0.0).unwrap();
    }
    assert!(tracked.gp().jitter() > 0.0);
    equals_posterior(&tracked, &candidates, 1e-9);
    assert!((tracked.mean()[40] - signal(&[0.5, 0.5])).abs() < 1e-6);
}

#[test]
fn tracking_may_start_from_measurements_and_shared_noise() {
    let candidates = grid(12);
    let x = array![[0.1, 0.2], [0.8, 0.3], [0.4, 0.9]];
    let mut tracked = ExactGp::new(Rbf::isotropic(0.3), Noise::Homoscedastic(0.02))
        .condition(&x, &[1.0, 0.5, -0.5])
        .unwrap()
        .track(&candidates)
        .unwrap();
    equals_posterior(&tracked, &candidates, 1e-13);
    tracked.observe_candidate(77, 0.4, None).unwrap();
    tracked.observe(&[0.33, 0.44], 0.1, None).unwrap();
    equals_posterior(&tracked, &candidates, 1e-12);
}

#[test]
fn unusable_observations_are_refused_and_change_nothing() {
    let candidates = grid(5);
    let mut tracked = ExactGp::new(Rbf::isotropic(0.3), Noise::Known(vec![]))
        .track(&candidates)
        .unwrap();
    tracked.observe_candidate(3, 1.0, 0.1).unwrap();
    let before = tracked.mean().to_vec();
    assert!(tracked.observe_candidate(25, 1.0, 0.1).is_err());
    assert!(tracked.observe_candidate(3, f64::NAN, 0.1).is_err());
    assert!(tracked.observe_candidate(3, 1.0, None).is_err());
    assert!(tracked.observe(&[0.5], 1.0, 0.1).is_err());
    assert!(tracked.observe(&[0.5, f64::INFINITY], 1.0, 0.1).is_err());
    assert!(tracked.covariance(0, 25).is_err());
    assert!(tracked.covariances(25).is_err());
    assert_eq!(before, tracked.mean());
    assert_eq!(tracked.gp().len(), 1);
    let empty = ExactGp::new(Rbf::isotropic(0.3), Noise::Known(vec![]))
        .track(&Array2::zeros((0, 2)))
        .unwrap();
    assert!(empty.is_empty());
}

#[test]
fn threads_do_not_change_a_bit() {
    let x = Array2::from_shape_fn((40, 2), |(i, k)| {
        ((i as f64 + 0.5) * [0.754_877_666, 0.569_840_291][k]).fract()
    });
    let y: Vec<f64> = x.rows().into_iter().map(|p| (5.0 * p[0]).sin()).collect();
    let kernel = Matern52::ard([0.2, 0.3]).scaled(1.0);
    let gp = ExactGp::new(kernel, Noise::Homoscedastic(0.01))
        .condition(&x, &y)
        .unwrap();
    // Three blocks of places, the last one short.
    let places = Array2::from_shape_fn((1200, 2), |(i, k)| ((i * (k + 1)) as f64 * 0.37).sin());
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap().install(|| {
            let posterior = gp.posterior(&places).unwrap().into_marginals();
            (posterior, gp.posterior_mean(&places).unwrap())
        })
    };
    let (one, three) = (with(1), with(3));
    assert_eq!(one, three);
    let apart = one.0.mean.iter().zip(&one.1).map(|(a, b)| (a - b).abs());
    assert!(apart.fold(0.0, f64::max) < 1e-10);
}
