//! What must hold for any measurements.

use crate::problem::{close, normal, signal, uniform};
use dosewise::gp::{Kernel, Matern52, Mean, Noise, Rbf, Surrogate, VecchiaGp};
use dosewise::linalg::Cholesky;
use ndarray::{Array2, s};
use proptest::prelude::*;

#[test]
fn slopes_are_those_between_changes_of_neighbours() {
    let x = uniform(400, 3, 61);
    let y = signal(&x);
    let gp = VecchiaGp::new(
        Matern52::ard([0.5, 0.8, 1.0]).scaled(1.5),
        Noise::Homoscedastic(0.01),
    )
    .with_mean(Mean::custom("bowl", |x| x[0] * x[0] * x[2]))
    .with_neighbours(5)
    .with_prediction_neighbours(20)
    .condition(&x, &y)
    .unwrap();
    for place in uniform(10, 3, 62).rows() {
        let slopes = gp.slopes(&place.to_vec()).unwrap();
        for c in 0..3 {
            let at = |shift: f64| {
                let mut moved = place.to_owned();
                moved[c] += shift;
                let told = gp
                    .marginals(moved.insert_axis(ndarray::Axis(0)).view())
                    .unwrap();
                (told.mean[0], told.variance[0])
            };
            let (up, down) = (at(1e-5), at(-1e-5));
            close(slopes.of_mean[c], (up.0 - down.0) / 2e-5, 1e-6);
            close(slopes.of_variance[c], (up.1 - down.1) / 2e-5, 1e-6);
        }
    }
}

#[test]
fn a_mean_of_ones_own_has_slopes_in_any_unit_and_at_its_edge() {
    // Places in metres, a few ångströms apart: an absolute step would jump over all of them.
    let x = uniform(50, 1, 63) * 1e-9;
    let y: Vec<f64> = x.iter().map(|x| (1e9 * x).powi(2)).collect();
    let edge = Mean::custom("edge", |x| {
        if x[0] < 0.0 {
            f64::NAN
        } else {
            (1e9 * x[0]).powi(2)
        }
    });
    let gp = VecchiaGp::new(Matern52::isotropic(0.3e-9), Noise::Homoscedastic(0.01))
        .with_mean(edge)
        .condition(&x, &y)
        .unwrap();
    let slope = gp.slopes(&[0.5e-9]).unwrap().of_mean[0];
    assert!((slope / 1e9 - 1.0).abs() < 1e-6, "{slope}");
    let slope = gp.slopes(&[0.0]).unwrap().of_mean[0];
    assert!(slope.abs() < 1e-3 * 1e9, "{slope}");
}

#[test]
fn loud_measurements_do_not_drown_precise_ones() {
    let (x, places) = (uniform(200, 2, 64), uniform(8, 2, 65));
    let y = signal(&x);
    let conditioned = |n: usize, loudness: f64| {
        let loud = |i: usize| if i < 60 { 1e-4 } else { loudness };
        let noise = Noise::Known((0..n).map(loud).collect());
        VecchiaGp::new(Matern52::isotropic(0.4).scaled(2.0), noise)
            .condition(x.slice(s![..n, ..]), &y[..n])
            .unwrap()
    };
    let precise = conditioned(60, 1.0).marginals(places.view()).unwrap();
    // Of 200 measurements the nearest 60 are mostly loud ones, which tell nothing.
    let mixed = conditioned(200, 1e7);
    let found = mixed.marginals(places.view()).unwrap();
    let joint = mixed.joint(places.view()).unwrap();
    for i in 0..8 {
        close(found.mean[i], precise.mean[i], 1e-9);
        close(found.variance[i], precise.variance[i], 1e-9);
        close(joint.covariance[[i, i]], precise.variance[i], 1e-6);
    }
    // With 60 precise ones and room for 100 the loud fill up, and do no harm.
    let wider = conditioned(200, 1e7).with_prediction_neighbours(100);
    let found = wider.marginals(places.view()).unwrap();
    for i in 0..8 {
        assert!(found.variance[i] <= precise.variance[i] + 1e-12);
        close(found.variance[i], precise.variance[i], 1e-5);
    }
    // Where all are loud, the nearest are as good as any.
    let shouted = VecchiaGp::new(Matern52::isotropic(0.4), Noise::Known(vec![1e7; 200]));
    let shouted = shouted.condition(&x, &y).unwrap();
    let found = shouted.marginals(places.view()).unwrap();
    assert!(found.variance.iter().all(|v| *v < 1.0 && *v > 0.999));
}

#[test]
fn copies_and_places_on_measurements_do_no_harm() {
    // Three measurements at each of ten places, without noise but for rounding, and predictions right on them.
    let x = Array2::from_shape_fn((30, 1), |(i, _)| (i % 10) as f64);
    let y: Vec<f64> = (0..30).map(|i| ((i % 10) as f64).sin()).collect();
    let gp = VecchiaGp::new(Rbf::isotropic(1.5), Noise::Homoscedastic(0.0))
        .condition(&x, &y)
        .unwrap();
    assert!(gp.log_marginal_likelihood().is_finite());
    assert!(gp.jitter() > 0.0 && gp.jitter() < 1e-6, "{}", gp.jitter());
    let text = serde_json::to_string(&gp).unwrap();
    let again: VecchiaGp = serde_json::from_str(&text).unwrap();
    assert_eq!(again.jitter(), gp.jitter());
    let noisy = VecchiaGp::new(Rbf::isotropic(1.5), Noise::Homoscedastic(0.1));
    let mut noisy = noisy.condition(&x, &y).unwrap();
    assert_eq!(noisy.jitter(), 0.0);
    noisy.append(&[0.5], 0.4, None).unwrap();
    assert_eq!(noisy.jitter(), 0.0);
    let predicted = gp.marginals(x.slice(s![..10, ..])).unwrap();
    for (i, &value) in y.iter().enumerate().take(10) {
        close(predicted.mean[i], value, 1e-3);
        assert!((0.0..1e-3).contains(&predicted.variance[i]));
    }
    // Five of the measured places, then five others twice.
    let shift = |i: usize| if i < 5 { 0.0 } else { 0.5 };
    let doubled = Array2::from_shape_fn((15, 1), |(i, _)| (i % 5) as f64 + shift(i));
    let joint = gp.joint(doubled.view()).unwrap();
    for i in 5..10 {
        let (own, copy) = (joint.covariance[[i, i]], joint.covariance[[i, i + 5]]);
        assert!((own - copy).abs() < 1e-3 * own.max(1e-3), "{own} {copy}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn variances_stay_between_zero_and_the_prior(
        seed in 0_u64..1000, n in 1_usize..80, d in 1_usize..4, k in 1_usize..90, log_noise in -12.0_f64..2.0,
        log_length in -4.0_f64..2.0,
    ) {
        let x = uniform(n, d, seed);
        let kernel = Matern52::isotropic(log_length.exp()).scaled(2.0);
        let gp = VecchiaGp::new(kernel, Noise::Homoscedastic(log_noise.exp()))
            .with_neighbours(k)
            .with_prediction_neighbours(k)
            .condition(&x, &normal(n, seed + 1))
            .unwrap();
        let places = uniform(20, d, seed + 2) * 1.5;
        let marginals = gp.marginals(places.view()).unwrap();
        prop_assert!(marginals.variance.iter().all(|v| (0.0..=2.0).contains(v)));
        let joint = gp.joint(places.view()).unwrap().covariance;
        prop_assert_eq!(&joint, &joint.t());
        // A valid covariance has a factor once rounding is lifted.
        let factor = Cholesky::factor(20, &mut |j, column| {
            for (i, c) in column.iter_mut().enumerate() {
                *c = joint[[j + i, j]];
            }
            column[0] += 1e-9;
        });
        prop_assert!(factor.unwrap().jitter() == 0.0);
        // More measurements at a place tell more.
        let before = gp.marginals(places.slice(s![..1, ..])).unwrap().variance[0];
        let mut grown = gp.with_prediction_neighbours(n + 1);
        let whole = grown.marginals(places.slice(s![..1, ..])).unwrap().variance[0];
        prop_assert!(whole <= before * (1.0 + 1e-9) + 1e-12);
        grown.append(&places.row(0).to_vec(), 0.0, None).unwrap();
        let after = grown.marginals(places.slice(s![..1, ..])).unwrap().variance[0];
        prop_assert!(after <= whole * (1.0 + 1e-9) + 1e-12);
    }
}
