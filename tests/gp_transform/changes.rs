//! Measurements that come and go, and fits.

use super::{close, counts, in_units, kernel, scaled, scattered, unscaled};
use dosewise::gp::{
    ExactGp, FitOptions, InputScaling, Kernel, Matern52, Mean, Noise, OutputScaling, ScaledGp,
    Scaling, Surrogate,
};
use ndarray::{Array2, array};

#[test]
fn measurements_come_and_go_in_original_units() {
    let mut gp = scaled(20);
    let transform = gp.transform().unwrap().clone();
    let more = in_units(&(scattered(26).slice_move(ndarray::s![20.., ..]) * 1.5));
    let y = [1.1e6, 0.98e6, 1.02e6, 1.0e6, 0.95e6, 1.04e6];
    let variances = [1e6, 2e6, 3e6, 4e6, 5e6, 6e6];
    gp.append(&more.row(0).to_vec(), y[0], variances[0])
        .unwrap();
    let rest = more.slice(ndarray::s![1.., ..]);
    gp.append_many(rest, &y[1..], Some(&variances[1..]))
        .unwrap();
    // Although points lie outside the box, it stays.
    assert_eq!(gp.transform(), Some(&transform));
    assert_eq!((gp.len(), gp.targets()[20]), (26, 1.1e6));
    assert_eq!(gp.noise().variance(25), Some(6e6));

    let removed = gp.remove_many(&[24, 3]).unwrap();
    assert_eq!(removed[0].point, more.row(4).to_vec());
    assert_eq!(
        (removed[0].target, removed[0].noise_variance),
        (0.95e6, 5e6)
    );
    let x = in_units(&scattered(20));
    assert_eq!(removed[1].point, x.row(3).to_vec());
    assert_eq!(removed[1].noise_variance, 4e6);
    assert_eq!(gp.remove(0).unwrap().target, counts(&scattered(1))[0]);
    assert!(gp.remove(23).is_err() && gp.remove_many(&[1, 1]).is_err());
    assert_eq!((gp.len(), gp.points().len(), gp.gp().len()), (23, 23, 23));

    // Equal to the process in original units conditioned on what is left.
    let left = Array2::from_shape_fn((23, 2), |(i, k)| gp.points().view().coordinate(k)[i]);
    let plain = unscaled(&gp, &left);
    let places = in_units(&scattered(30));
    let (a, b) = (
        gp.marginals(places.view()).unwrap(),
        plain.marginals(places.view()).unwrap(),
    );
    assert!(close(&a.mean, &b.mean, 1e-10 * 1e6) && close(&a.variance, &b.variance, 1e-10 * 1e9));
    assert!((gp.log_marginal_likelihood() - plain.log_marginal_likelihood()).abs() < 1e-8);

    // Refused, and unchanged.
    let before = serde_json::to_string(&gp).unwrap();
    let place = more.row(0).to_vec();
    assert!(gp.append(&place, f64::NAN, 1.0).is_err());
    assert!(gp.append(&place, 1.0, None).is_err());
    assert!(gp.append(&place, 1.0, -1.0).is_err());
    assert!(gp.append(&place[..1], 1.0, 1.0).is_err());
    assert!(gp.append(&[], 1.0, 1.0).is_err());
    assert!(gp.append(&[f64::NAN, 0.0], 1.0, 1.0).is_err());
    assert!(gp.append_many(&more, &y[1..], Some(&variances)).is_err());
    assert!(gp.append_many(&more, &y, Some(&variances[1..])).is_err());
    assert_eq!(serde_json::to_string(&gp).unwrap(), before);

    // All gone: the prior, in the units learned, and it can grow again.
    gp.remove_many(&(0..23).collect::<Vec<_>>()).unwrap();
    assert!(gp.is_empty());
    let prior = gp.posterior(&places).unwrap();
    assert_eq!(prior.mean()[0], transform.outputs().shift);
    gp.append(&place, 1.1e6, 0.0).unwrap();
    assert_eq!(gp.transform(), Some(&transform));
}

#[test]
fn a_process_may_grow_from_nothing() {
    let scaling = Scaling::new(
        [
            InputScaling::Within {
                low: 0.0,
                high: 1e-6,
            },
            InputScaling::None,
        ],
        OutputScaling::Given {
            shift: 100.0,
            scale: 20.0,
        },
    );
    let mut gp = ScaledGp::new(kernel(), Noise::Known(vec![]), scaling);
    assert!(gp.transform().is_none() && gp.remove(0).is_err());
    let places = array![[5e-7, 0.5], [0.0, 0.0]];
    let prior = gp.posterior(&places).unwrap();
    assert_eq!(prior.mean(), [100.0, 100.0]);
    assert!(close(prior.variance(), &[480.0, 480.0], 1e-12));
    assert!(gp.append(&[5e-7, 0.5], 110.0, None).is_err());
    assert!(gp.transform().is_none());
    gp.append(&[5e-7, 0.5], 110.0, 120.0).unwrap();
    let posterior = gp.posterior(&places).unwrap();
    assert!((posterior.mean()[0] - 108.0).abs() < 1e-12);
    assert!((posterior.variance()[0] - 96.0).abs() < 1e-12);
    assert_eq!(gp.transform().unwrap().inputs()[0].scale, 1e-6);
}

#[test]
fn scales_are_settled_by_the_second_value_that_differs() {
    let kernel = || Matern52::isotropic(0.5).scaled(1.0);
    let mut gp = ScaledGp::new(kernel(), Noise::Known(vec![]), Scaling::default());
    let far = array![[1e6, 1e6]];
    gp.append(&[20.0, 3.0], 1e4, 1e4).unwrap();
    // One count of 10⁴ does not make all others known to one.
    assert_eq!(gp.posterior(&far).unwrap().variance(), [1e8]);
    gp.append(&[20.0, 3.0], 1e4, 1e4).unwrap();
    gp.append(&[30.0, 3.0], 1.2e4, 1.2e4).unwrap();
    let settled = gp.transform().unwrap().clone();
    assert_eq!(
        (settled.inputs()[0].shift, settled.inputs()[0].scale),
        (20.0, 10.0)
    );
    assert_eq!(settled.inputs()[1].scale, 1.0);
    // A coordinate that has not moved yet is settled later, the rest stays.
    gp.append(&[70.0, 3.0], 0.9e4, 0.9e4).unwrap();
    assert_eq!(gp.transform(), Some(&settled));
    gp.append(&[10.0, 5.0], 0.8e4, 0.8e4).unwrap();
    let after = gp.transform().unwrap().clone();
    assert_eq!(
        (after.inputs()[0], after.outputs()),
        (settled.inputs()[0], settled.outputs())
    );
    assert_eq!(
        (after.inputs()[1].shift, after.inputs()[1].scale),
        (3.0, 2.0)
    );
    gp.append(&[15.0, 9.0], 0.7e4, 0.7e4).unwrap();
    assert_eq!(gp.transform(), Some(&after));

    // All of it equals the process in original units, and comes back from a file.
    let n = gp.len();
    let measured = Array2::from_shape_fn((n, 2), |(i, k)| gp.points().view().coordinate(k)[i]);
    let scale = after.outputs().scale;
    let plain = ExactGp::new(
        Matern52::ard([5.0, 1.0]).scaled(scale * scale),
        gp.noise().clone(),
    )
    .with_mean(Mean::Fixed(after.outputs().shift))
    .condition(&measured, gp.targets())
    .unwrap();
    let text = serde_json::to_string(&gp).unwrap();
    let again: ScaledGp = serde_json::from_str(&text).unwrap();
    for gp in [&gp, &again] {
        let (a, b) = (
            gp.marginals(measured.view()).unwrap(),
            plain.marginals(measured.view()).unwrap(),
        );
        assert!(close(&a.mean, &b.mean, 1e-10 * 1e4));
        assert!(close(&a.variance, &b.variance, 1e-10 * 1e8));
    }
    let mut shared = ScaledGp::new(kernel(), Noise::Homoscedastic(100.0), Scaling::default());
    for (x, y) in [(0.0, 500.0), (1.0, 800.0), (2.0, 650.0)] {
        shared.append(&[x], y, None).unwrap();
        assert_eq!(shared.noise(), &Noise::Homoscedastic(100.0));
    }
    let outputs = shared.transform().unwrap().outputs();
    assert_eq!((outputs.shift, outputs.scale), (650.0, 150.0));
    let inside = shared.gp().noise().variance(0).unwrap();
    assert!((inside - 100.0 / 150.0_f64.powi(2)).abs() < 1e-15);
}

#[test]
fn fitting_learns_the_transform_and_the_units_of_everything() {
    let n = 40;
    let x = scattered(n);
    let (places, y) = (in_units(&x), counts(&x));
    let options = FitOptions::default();
    let noise = Noise::Homoscedastic(1e7);
    let mut gp = ScaledGp::new(kernel(), noise, Scaling::default())
        .fit(&places, &y, &options)
        .unwrap();
    let report = gp.fit_report().unwrap().clone();
    assert!(report.converged());
    assert!((report.log_marginal_likelihood - gp.log_marginal_likelihood()).abs() < 1e-9);
    let scale = gp.transform().unwrap().outputs().scale;
    let Noise::Homoscedastic(variance) = *gp.noise() else {
        panic!("the noise stays shared")
    };
    assert_eq!(variance, gp.parameters().last().unwrap().value);
    let inside = gp.gp().noise().variance(0).unwrap();
    assert!((variance / (inside * scale * scale) - 1.0).abs() < 1e-12);

    // The same fit in other units predicts the same in these units.
    let metres = places.clone() * 1e9;
    let thousands: Vec<f64> = y.iter().map(|v| v / 1e3 - 7.0).collect();
    let other = ScaledGp::new(kernel(), Noise::Homoscedastic(10.0), Scaling::default())
        .fit(&metres, &thousands, &options)
        .unwrap();
    let (a, b) = (
        gp.posterior(&places).unwrap(),
        other.posterior(&metres).unwrap(),
    );
    for j in 0..n {
        assert!((a.mean()[j] - 1e3 * (b.mean()[j] + 7.0)).abs() < 1e-5 * scale);
        assert!((a.variance()[j] - 1e6 * b.variance()[j]).abs() < 1e-5 * scale * scale);
    }
    let jacobian = n as f64 * 1e3_f64.ln();
    let (a, b) = (
        gp.log_marginal_likelihood(),
        other.log_marginal_likelihood(),
    );
    assert!((a - (b - jacobian)).abs() < 1e-5, "{a} {b}");

    // More measurements leave the transform, a refit learns it anew.
    let before = gp.transform().unwrap().clone();
    gp.append(&in_units(&array![[3.0, 0.5]]).row(0).to_vec(), 1.2e6, None)
        .unwrap();
    assert_eq!(gp.transform(), Some(&before));
    gp.refit(&options).unwrap();
    let after = gp.transform().unwrap();
    assert!(after.inputs()[0].scale > 2.0 * before.inputs()[0].scale);
    assert_eq!(after.inputs()[1], before.inputs()[1]);
    assert!(after.outputs().scale > before.outputs().scale);
    let broken = FitOptions {
        gradient_tolerance: 0.0,
        ..options
    };
    let text = serde_json::to_string(&gp).unwrap();
    assert!(gp.refit(&broken).is_err());
    assert_eq!(serde_json::to_string(&gp).unwrap(), text);
    let nothing = ScaledGp::new(kernel(), Noise::Homoscedastic(1.0), Scaling::default());
    assert!(nothing.clone().refit(&broken).is_err());
    assert!(nothing.clone().refit(&FitOptions::default()).is_err());
}
