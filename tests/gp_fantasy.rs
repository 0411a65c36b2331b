//! Fantasies of pending measurements against measuring them.

use dosewise::gp::{
    ExactGp, Fantasy, Kernel, Marginals, Matern52, Mean, Noise, Rbf, Surrogate, Tracked,
};
use dosewise::{Error, Result};
use ndarray::{Array1, Array2, array};
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

fn scattered(from: usize, count: usize) -> Array2<f64> {
    Array2::from_shape_fn((count, 2), |(i, k)| {
        (((from + i) as f64 + 0.5) * [0.754_877_666, 0.569_840_291][k]).fract()
    })
}

fn signal(x: &Array2<f64>) -> Vec<f64> {
    let value = |p: ndarray::ArrayView1<f64>| (6.0 * p[0]).sin() + (4.0 * p[1]).cos();
    x.rows().into_iter().map(value).collect()
}

fn process(n: usize, noise: Noise) -> ExactGp {
    let slopes = vec![0.3, -0.2];
    let intercept = 0.1;
    let prior = ExactGp::new(Matern52::ard([0.3, 0.5]).scaled(1.4), noise)
        .with_mean(Mean::Linear { intercept, slopes });
    let x = scattered(0, n);
    if n == 0 {
        return prior;
    }
    prior.condition(&x, &signal(&x)).unwrap()
}

fn close(a: &[f64], b: &[f64], tolerance: f64) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance)
}

#[test]
fn outcomes_given_equal_outcomes_measured() {
    // More places than one block.
    let places = scattered(4000, 530);
    let pending = scattered(700, 4);
    let outcomes = [0.4, -1.1, 2.0, 0.3];
    let variances = [0.01, 0.3, 0.05, 0.002];
    for n in [0, 1, 35] {
        for shared in [false, true] {
            let noise = match shared {
                true => Noise::Homoscedastic(0.03),
                false => Noise::Known((0..n).map(|i| 0.01 + 0.001 * i as f64).collect()),
            };
            let gp = process(n, noise);
            let given_noise = (!shared).then_some(variances.as_slice());
            let fantasy = gp.fantasize(&pending, given_noise).unwrap();
            assert_eq!((fantasy.len(), fantasy.points().len()), (4, 4));

            let mut grown = gp.clone();
            grown.append_many(&pending, &outcomes, given_noise).unwrap();
            let (found, truth) = (fantasy.given(&outcomes).unwrap(), &grown);
            let (a, b) = (
                found.marginals(places.view()),
                truth.marginals(places.view()),
            );
            let (a, b) = (a.unwrap(), b.unwrap());
            assert!(close(&a.mean, &b.mean, 1e-10) && close(&a.variance, &b.variance, 1e-10));
            let few = scattered(9000, 20);
            let (a, b) = (
                found.joint(few.view()).unwrap(),
                truth.joint(few.view()).unwrap(),
            );
            assert!(close(&a.mean, &b.mean, 1e-10));
            assert!(
                (&a.covariance - &b.covariance)
                    .iter()
                    .all(|d| d.abs() < 1e-10)
            );
            let point = [0.37, 0.61];
            let (a, b) = (found.slopes(&point).unwrap(), truth.slopes(&point).unwrap());
            assert!(close(&a.of_mean, &b.of_mean, 1e-6));
            assert_eq!(found.dimension(), 2);

            // The believer is who measures the mean.
            let expected = gp.posterior(&pending).unwrap();
            assert!(close(fantasy.mean(), expected.mean(), 1e-14));
            let believed = fantasy.believer().marginals(places.view()).unwrap();
            let before = gp.marginals(places.view()).unwrap();
            assert!(close(&believed.mean, &before.mean, 1e-12));
            let mut grown = gp.clone();
            grown
                .append_many(&pending, expected.mean(), given_noise)
                .unwrap();
            let after = grown.marginals(places.view()).unwrap();
            assert!(close(&believed.mean, &after.mean, 1e-10));
            assert!(close(&believed.variance, &after.variance, 1e-10));
        }
    }
}

#[test]
fn many_outcomes_at_once_equal_one_after_the_other() {
    let gp = process(20, Noise::Homoscedastic(0.03));
    let (pending, places) = (scattered(700, 3), scattered(4000, 600));
    let fantasy = gp.fantasize(&pending, None).unwrap();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let outcomes = fantasy.sample_outcomes(5, &mut rng).unwrap();
    assert_eq!(outcomes.dim(), (5, 3));
    let prospects = fantasy.given_each(&outcomes, &places).unwrap();
    assert_eq!(prospects.mean.dim(), (5, 600));
    for (outcome, mean) in outcomes.rows().into_iter().zip(prospects.mean.rows()) {
        let one = fantasy.given(&outcome.to_vec()).unwrap();
        let one = one.marginals(places.view()).unwrap();
        assert_eq!(mean.to_vec(), one.mean);
        assert_eq!(prospects.variance, one.variance);
    }
    // No outcomes: still the variance.
    let none = fantasy.given_each(&Array2::zeros((0, 3)), &places).unwrap();
    assert_eq!(
        (none.mean.dim(), none.variance),
        ((0, 600), prospects.variance)
    );
}

/// 20 000 draws: a standard error of a mean is σ/141, of a variance σ²/100.
#[test]
fn sampled_outcomes_have_the_predictive_distribution() {
    let gp = process(12, Noise::Known(vec![0.05; 12]));
    let pending = scattered(700, 3);
    let variances = [0.1, 0.4, 0.2];
    let fantasy = gp.fantasize(&pending, Some(&variances)).unwrap();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
    let count = 20_000;
    let draws = fantasy.sample_outcomes(count, &mut rng).unwrap();
    let joint = gp.joint(pending.view()).unwrap();
    let mut truth = joint.covariance.clone();
    for (j, v) in variances.iter().enumerate() {
        truth[[j, j]] += v;
    }
    let mean = draws.mean_axis(ndarray::Axis(0)).unwrap();
    let steps = &draws - &Array1::from(joint.mean.clone());
    let covariance = steps.t().dot(&steps) / count as f64;
    for i in 0..3 {
        assert!((mean[i] - joint.mean[i]).abs() < 4.5 * (truth[[i, i]] / count as f64).sqrt());
        for j in 0..3 {
            let error = (truth[[i, i]] * truth[[j, j]] + truth[[i, j]].powi(2)) / count as f64;
            assert!((covariance[[i, j]] - truth[[i, j]]).abs() < 4.5 * error.sqrt());
        }
    }

    // The law of total variance: what outcomes take off the variance they give to the mean.
    let places = scattered(4000, 40);
    let before = gp.marginals(places.view()).unwrap();
    let after = fantasy.given_each(&draws, &places).unwrap();
    for j in 0..40 {
        let column = after.mean.column(j);
        let moved = column.mapv(|m| (m - before.mean[j]).powi(2)).sum() / count as f64;
        let lost = before.variance[j] - after.variance[j];
        assert!((moved - lost).abs() < 4.5 * lost * (2.0 / count as f64).sqrt() + 1e-14);
        let average = column.sum() / count as f64;
        assert!((average - before.mean[j]).abs() < 4.5 * (lost / count as f64).sqrt() + 1e-12);
    }
}

#[test]
fn nothing_pending_is_the_posterior() {
    let gp = process(9, Noise::Homoscedastic(0.1));
    let fantasy = gp.fantasize(&Array2::zeros((0, 2)), None).unwrap();
    assert!(fantasy.is_empty());
    let places = scattered(50, 30);
    let (a, b) = (
        fantasy.believer().marginals(places.view()),
        gp.marginals(places.view()),
    );
    assert_eq!(a.unwrap(), b.unwrap());
    let nowhere = Array2::zeros((0, 2));
    let at_no_place = fantasy
        .given(&[])
        .unwrap()
        .marginals(nowhere.view())
        .unwrap();
    assert_eq!(at_no_place, Marginals::default());
    assert_eq!(
        fantasy
            .given(&[])
            .unwrap()
            .joint(nowhere.view())
            .unwrap()
            .covariance
            .len(),
        0
    );
}

#[test]
fn places_known_without_noise_are_survived() {
    let x = scattered(0, 6);
    let gp = ExactGp::new(Rbf::isotropic(0.4).scaled(2.0), Noise::Known(vec![0.0; 6]))
        .condition(&x, &signal(&x))
        .unwrap();
    // Measured already; the same new place twice; both.
    for pending in [
        array![[x[[2, 0]], x[[2, 1]]]],
        array![[0.3, 0.3], [0.3, 0.3]],
        array![[x[[2, 0]], x[[2, 1]]], [0.3, 0.3], [0.3, 0.3]],
    ] {
        let noise = vec![0.0; pending.nrows()];
        let fantasy = gp.fantasize(&pending, Some(&noise)).unwrap();
        let places = scattered(0, 40);
        let (before, after) = (
            gp.marginals(places.view()).unwrap(),
            fantasy.believer().marginals(places.view()).unwrap(),
        );
        assert!(close(&before.mean, &after.mean, 1e-12));
        for (after, before) in after.variance.iter().zip(&before.variance) {
            assert!((0.0..=before + 1e-9).contains(after));
        }
        // What agrees with what is known moves little.
        let told = fantasy.given(fantasy.mean()).unwrap();
        let told = told.marginals(places.view()).unwrap();
        assert!(close(&told.mean, &before.mean, 1e-9));
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
        let draws = fantasy.sample_outcomes(50, &mut rng).unwrap();
        assert!(draws.iter().all(|y| y.is_finite()));
    }
}

#[test]
fn unusable_fantasies_are_refused() {
    let known = process(5, Noise::Known(vec![0.1; 5]));
    let shared = process(5, Noise::Homoscedastic(0.1));
    let pending = scattered(700, 2);
    let refused = |outcome: Result<Fantasy<'_>>, argument: &str| match outcome {
        Err(Error::Argument {
            argument: found, ..
        }) => assert_eq!(found, argument),
        other => panic!("{other:?}"),
    };
    refused(known.fantasize(&pending, None), "noise_variance");
    refused(known.fantasize(&pending, Some(&[0.1])), "noise_variances");
    refused(
        known.fantasize(&pending, Some(&[0.1, -0.1])),
        "noise variance",
    );
    refused(
        known.fantasize(&pending, Some(&[0.1, f64::NAN])),
        "noise variance",
    );
    refused(
        shared.fantasize(&pending, Some(&[0.1, 0.1])),
        "noise_variance",
    );
    refused(shared.fantasize(&array![[0.1]], None), "points");
    refused(shared.fantasize(&array![[0.1, f64::NAN]], None), "points");
    let fantasy = shared.fantasize(&pending, None).unwrap();
    assert!(fantasy.given(&[1.0]).is_err());
    assert!(fantasy.given(&[1.0, f64::NAN]).is_err());
    assert!(fantasy.given(&[1.0, f64::INFINITY]).is_err());
    assert!(fantasy.given_each(&array![[1.0]], &pending).is_err());
    assert!(
        fantasy
            .given_each(&array![[1.0, 1.0]], &array![[0.1]])
            .is_err()
    );
    assert!(fantasy.believer().marginals(array![[0.1]].view()).is_err());
    assert!(
        fantasy
            .believer()
            .joint(array![[0.1, f64::INFINITY]].view())
            .is_err()
    );
}

fn tracked(n: usize, noise: Noise) -> Tracked {
    process(n, noise).track(&scattered(20, 300)).unwrap()
}

#[test]
fn candidates_look_ahead() {
    for (mut tracked, noise) in [
        (tracked(15, Noise::Known(vec![0.02; 15])), Some(0.07)),
        (tracked(15, Noise::Homoscedastic(0.05)), None),
        (tracked(0, Noise::Known(vec![])), Some(0.07)),
    ] {
        for (index, y) in [(3, 0.4), (299, -2.0), (150, 1.0)] {
            let ahead = tracked.fantasy(index, noise).unwrap();
            assert_eq!(ahead.outcome_mean, tracked.mean()[index]);
            let total = tracked.variance()[index] + noise.unwrap_or(0.05);
            assert!((ahead.outcome_variance - total).abs() < 1e-15);
            let moved = tracked.mean().iter().zip(&ahead.gain);
            let mean: Vec<f64> = moved
                .map(|(m, g)| m + g * (y - ahead.outcome_mean))
                .collect();
            tracked.observe_candidate(index, y, noise).unwrap();
            assert!(close(tracked.mean(), &mean, 1e-11));
            assert!(close(tracked.variance(), &ahead.variance, 1e-11));
        }
        assert!(tracked.fantasy(300, noise).is_err());
        assert!(tracked.fantasy(0, Some(f64::NAN)).is_err());
    }
}

#[test]
fn a_known_candidate_teaches_nothing() {
    let mut tracked = tracked(0, Noise::Known(vec![]));
    tracked.observe_candidate(7, 1.5, 0.0).unwrap();
    let ahead = tracked.fantasy(7, 0.0).unwrap();
    assert!(ahead.gain.iter().all(|&g| g == 0.0));
    assert_eq!(ahead.variance, tracked.variance());
    // With noise there is a gain of nothing, without a division by nothing.
    let noisy = tracked.fantasy(7, 0.1).unwrap();
    assert!(noisy.gain.iter().all(|g| g.abs() < 1e-14));
}
