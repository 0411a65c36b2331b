//! Data that nobody wishes for: processes answer with finite numbers or a typed error, and never panic.

use dosewise::gp::{
    Constant, ExactGp, FitOptions, Kernel, Linear, Matern12, Matern52, Mean, Noise, Periodic,
    Polynomial, RationalQuadratic, Rbf, ScaledGp, Scaling, Surrogate, Transform, White,
};
use dosewise::{Error, Result};
use ndarray::{Array2, ArrayView1, array};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

/// An outcome that may be refused, but only for what data can be: never a panic, never a file.
fn usable<T>(outcome: Result<T>) -> Option<T> {
    match outcome {
        Ok(value) => Some(value),
        Err(Error::Argument { .. } | Error::NotPositiveDefinite { .. }) => None,
        Err(other) => panic!("not an error of data: {other}"),
    }
}

fn finite(values: &[f64]) -> bool {
    values.iter().all(|v| v.is_finite())
}

/// Everything that can be asked of the process at these places.
fn probe(gp: &ExactGp, places: &Array2<f64>) {
    assert!(gp.jitter() >= 0.0 && gp.jitter().is_finite());
    assert!(gp.log_marginal_likelihood().is_finite(), "{gp:?}");
    assert!(finite(&gp.log_marginal_likelihood_gradient()));
    let posterior = gp.posterior(places).unwrap();
    let mean = gp.posterior_mean(places).unwrap();
    assert!(finite(posterior.mean()) && finite(&mean));
    let mut largest: f64 = 0.0;
    for (j, &variance) in posterior.variance().iter().enumerate() {
        let prior = gp.kernel().variance(&places.row(j).to_vec());
        assert!((0.0..=prior).contains(&variance), "{variance} of {prior}");
        largest = largest.max(prior);
    }
    let covariance = posterior.covariance().unwrap();
    assert!(covariance.iter().all(|c| c.is_finite()));
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    match usable(posterior.samples(3, &mut rng)) {
        Some(draws) => assert!(draws.iter().all(|y| y.is_finite())),
        None => assert_eq!(largest, 0.0, "no draws from {gp:?}"),
    }
    let slopes = gp.slopes(&places.row(0).to_vec()).unwrap();
    assert!(finite(&slopes.of_mean) && finite(&slopes.of_variance));
}

/// Fantasies, growth, shrinkage and candidates of the process, whose measurements may repeat.
fn exercise(gp: ExactGp, places: &Array2<f64>) {
    let known = matches!(gp.noise(), Noise::Known(_));
    let noise = known.then(|| vec![0.0; places.nrows()]);
    if let Some(fantasy) = usable(gp.fantasize(places, noise.as_deref())) {
        let marginals = fantasy.believer().marginals(places.view()).unwrap();
        assert!(finite(&marginals.mean));
        for (j, variance) in marginals.variance.iter().enumerate() {
            let prior = gp.kernel().variance(&places.row(j).to_vec());
            assert!((0.0..=prior).contains(variance));
        }
    }
    let mut changed = gp.clone();
    let (point, target) = (gp.points().view().point(0), gp.targets()[0]);
    // A copy of the first measurement without noise of its own, then the first goes.
    if usable(changed.append(&point, target, known.then_some(0.0))).is_some() {
        probe(&changed, places);
        let removed = changed.remove(0).unwrap();
        assert_eq!((&removed.point, removed.target), (&point, target));
        probe(&changed, places);
    }
    let mut changed = gp.clone();
    changed
        .remove_many(&(1..gp.len()).collect::<Vec<_>>())
        .unwrap();
    assert_eq!(changed.len(), 1);
    probe(&changed, places);
    changed.remove(0).unwrap();
    let prior = changed.posterior(places).unwrap();
    assert!(finite(prior.mean()));

    let mut tracked = gp.track(places).unwrap();
    for index in [0, 0, places.nrows() - 1] {
        let ahead = tracked.fantasy(index, known.then_some(0.0)).unwrap();
        assert!(finite(&ahead.gain) && finite(&ahead.variance));
        let _ = usable(tracked.observe_candidate(index, target, known.then_some(0.0)));
    }
    tracked.forget(0).unwrap();
    assert!(finite(tracked.mean()) && tracked.variance().iter().all(|v| *v >= 0.0));
}

fn options() -> FitOptions {
    FitOptions {
        restarts: 1,
        max_iterations: 25,
        ..FitOptions::default()
    }
}

/// Conditions and fits with known and with shared noise, plain and scaled; returns how many of the eight were refused.
fn refusals(kernel: &dyn Kernel, x: &Array2<f64>, y: &[f64], variance: f64) -> usize {
    let mut refused = 0;
    for noise in [
        Noise::Known(vec![variance; y.len()]),
        Noise::Homoscedastic(variance.max(1e-30)),
    ] {
        let prior = ExactGp::new(kernel.clone_box(), noise.clone());
        let conditioned = usable(prior.clone().condition(x, y));
        let prior = prior.with_mean(Mean::Constant(0.0));
        let fitted = usable(prior.fit(x, y, &options()));
        refused += usize::from(conditioned.is_none()) + usize::from(fitted.is_none());
        for gp in conditioned.into_iter().chain(fitted) {
            probe(&gp, x);
            exercise(gp, x);
        }
        let prior = ScaledGp::new(kernel.clone_box(), noise, Scaling::default());
        let conditioned = usable(prior.clone().condition(x, y));
        let fitted = usable(prior.fit(x, y, &options()));
        refused += usize::from(conditioned.is_none()) + usize::from(fitted.is_none());
        for gp in conditioned.into_iter().chain(fitted) {
            let posterior = gp.posterior(x).unwrap();
            assert!(finite(posterior.mean()));
            let transform = gp.transform().unwrap();
            for (j, variance) in posterior.variance().iter().enumerate() {
                let point = transform.point(&x.row(j).to_vec()).unwrap();
                let prior = gp.gp().kernel().variance(&point);
                let prior = transform.outputs().invert_variance(prior);
                assert!((0.0..=prior).contains(variance));
            }
            assert!(gp.log_marginal_likelihood().is_finite());
            // A slope variance in units of 10^±100 may be beyond all numbers.
            assert!(gp.parameters().iter().all(|p| p.value >= 0.0));
        }
    }
    refused
}

/// Refused is only what has no variance at all: no noise, and a kernel that is zero at every place.
fn survives(kernel: &dyn Kernel, x: &Array2<f64>, y: &[f64], variance: f64) {
    let scaled = Transform::learn(&Scaling::default(), x, y).unwrap();
    let blank = |x: &Array2<f64>| {
        let nothing = |p: ArrayView1<'_, f64>| kernel.variance(&p.to_vec()) == 0.0;
        usize::from(variance == 0.0 && x.rows().into_iter().all(nothing))
    };
    let expected = 2 * blank(x) + 2 * blank(&scaled.points(x).unwrap());
    assert_eq!(refusals(kernel, x, y, variance), expected, "{kernel:?}");
}

fn kernels() -> Vec<Box<dyn Kernel>> {
    vec![
        Box::new(Rbf::isotropic(0.7).scaled(1.3)),
        Box::new(Matern12::isotropic(0.3)),
        Box::new(Matern52::isotropic(0.5).scaled(2.0)),
        Box::new(Linear::isotropic(0.5)),
        Box::new(Linear::isotropic(0.5).with_offset(1.0)),
        Box::new(Constant::new(2.0)),
        Box::new(Polynomial::isotropic(2, 0.5).with_offset(1.0)),
        Box::new(Periodic::isotropic(0.8, 0.6) + White::new(1e-3)),
        Box::new(RationalQuadratic::isotropic(0.5, 1.0) * Linear::isotropic(1.0)),
    ]
}

fn spread(n: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, 2), |(i, k)| {
        ((i as f64 + 0.5) * [0.754_877_666, 0.569_840_291][k]).fract()
    })
}

fn signal(x: &Array2<f64>) -> Vec<f64> {
    x.rows()
        .into_iter()
        .map(|p| (6.0 * p[0]).sin() + p[1])
        .collect()
}

#[test]
fn one_measurement_and_two_at_one_place() {
    for kernel in kernels() {
        for variance in [0.0, 1e-12, 0.1] {
            survives(&kernel, &array![[0.3, 0.4]], &[1.5], variance);
            let twice = array![[0.3, 0.4], [0.3, 0.4]];
            survives(&kernel, &twice, &[1.5, 1.5], variance);
            survives(&kernel, &twice, &[1.5, -0.5], variance);
            // The origin, where a linear function has no variance.
            survives(&kernel, &array![[0.0, 0.0]], &[0.0], variance);
        }
    }
}

#[test]
fn repeated_inputs() {
    let distinct = spread(8);
    let x = Array2::from_shape_fn((24, 2), |(i, k)| distinct[[i % 8, k]]);
    let mut y = signal(&x);
    for kernel in kernels() {
        survives(&kernel, &x, &y, 0.0);
    }
    // Readings that disagree.
    y.iter_mut()
        .enumerate()
        .for_each(|(i, y)| *y += (i as f64).sin() / 10.0);
    for kernel in kernels() {
        survives(&kernel, &x, &y, 0.0);
        survives(&kernel, &x, &y, 0.01);
    }
}

#[test]
fn jitter_is_chosen_and_told() {
    let x = array![[0.2], [0.9], [0.2]];
    let kernel = || Rbf::isotropic(0.3).scaled(4.0);
    let process = |variance: f64, y: &[f64]| {
        ExactGp::new(kernel(), Noise::Known(vec![variance; 3]))
            .condition(&x, y)
            .unwrap()
    };
    let exact = process(0.0, &[1.0, 2.0, 1.0]);
    // The smallest that works, relative to the variances of the measurements.
    assert!(
        (exact.jitter() / 4.0 - 1e-10).abs() < 1e-20,
        "{}",
        exact.jitter()
    );
    let posterior = exact.posterior(&x).unwrap();
    assert!((posterior.mean()[0] - 1.0).abs() < 1e-8 && posterior.variance()[0] < 1e-8);
    // Readings at one place that disagree without noise: the average.
    let torn = process(0.0, &[1.0, 2.0, 3.0]);
    assert!((torn.posterior_mean(&x).unwrap()[0] - 2.0).abs() < 1e-5);
    // Noise does away with the jitter, and two readings of variance s² are one of s²/2.
    let noisy = process(0.02, &[1.0, 2.0, 3.0]);
    assert_eq!(noisy.jitter(), 0.0);
    let averaged = ExactGp::new(kernel(), Noise::Known(vec![0.01, 0.02]))
        .condition(&array![[0.2], [0.9]], &[2.0, 2.0])
        .unwrap();
    let places = array![[0.2], [0.4], [0.9], [3.0]];
    let (a, b) = (
        noisy.posterior(&places).unwrap(),
        averaged.posterior(&places).unwrap(),
    );
    for j in 0..4 {
        assert!((a.mean()[j] - b.mean()[j]).abs() < 1e-12);
        assert!((a.variance()[j] - b.variance()[j]).abs() < 1e-12);
    }
}

#[test]
fn a_reading_that_says_nothing_does_not_drown_the_others() {
    // The same place twice without noise, and any number of readings of enormous noise.
    for useless in [1, 2, 5] {
        let x = Array2::from_shape_fn((2 + useless, 1), |(i, _)| [0.0, 1.0][usize::from(i > 1)]);
        let y: Vec<f64> = (0..2 + useless)
            .map(|i| f64::from(u8::from(i < 2)))
            .collect();
        let noise = (0..2 + useless).map(|i| if i < 2 { 0.0 } else { 1e12 });
        let gp = ExactGp::new(
            Matern52::isotropic(1.0).scaled(1.0),
            Noise::Known(noise.collect()),
        )
        .condition(&x, &y)
        .unwrap();
        assert!((gp.jitter() - 1e-10).abs() < 1e-20, "{}", gp.jitter());
        let posterior = gp.posterior(&array![[0.0]]).unwrap();
        assert!((posterior.mean()[0] - 1.0).abs() < 1e-9);
        assert!(posterior.variance()[0] < 1e-9);
    }
}

#[test]
fn more_than_memory_holds_is_refused() {
    let gp = ExactGp::new(Rbf::isotropic(1.0), Noise::Known(vec![0.1]))
        .condition(&array![[0.0]], &[1.0])
        .unwrap();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    for (places, fits) in [(2, 3), (0, 3)] {
        let places = Array2::zeros((places, 1));
        let posterior = gp.posterior(&places).unwrap();
        assert_eq!(
            posterior.samples(fits, &mut rng).unwrap().dim(),
            (fits, places.nrows())
        );
        assert!(matches!(
            posterior.samples(usize::MAX, &mut rng),
            Err(Error::Argument { .. })
        ));
    }
    let mut gp = gp;
    for restarts in [10_001, usize::MAX] {
        let options = FitOptions {
            restarts,
            ..options()
        };
        assert!(matches!(
            gp.refit(&options),
            Err(Error::Argument { argument, .. }) if argument == "restarts"
        ));
    }
}

#[test]
fn constant_outputs() {
    let x = spread(12);
    for level in [0.0, 0.1, -7e8, 1e-9] {
        for kernel in kernels() {
            survives(&kernel, &x, &[level; 12], 0.0);
            survives(&kernel, &x, &[level; 12], 0.01);
        }
        let noise = Noise::Known(vec![1e-4; 12]);
        let gp = ScaledGp::new(Matern52::isotropic(0.5), noise, Scaling::default())
            .fit(&x, &[level; 12], &FitOptions::default())
            .unwrap();
        let far = gp.posterior(&array![[50.0, 50.0]]).unwrap();
        assert!((far.mean()[0] - level).abs() <= 1e-12 * level.abs());
    }
}

#[test]
fn constant_inputs_and_columns() {
    let x = Array2::from_shape_fn((10, 2), |(i, k)| [i as f64 / 9.0, 0.37][k]);
    for kernel in kernels() {
        survives(&kernel, &x, &signal(&x), 0.01);
        survives(
            &kernel,
            &Array2::from_elem((10, 2), 0.37),
            &signal(&x),
            0.01,
        );
        survives(&kernel, &Array2::zeros((10, 2)), &signal(&x), 0.0);
    }
}

#[test]
fn singular_kernels_without_noise() {
    // Two functions, fifty measurements: rank two.
    let x = spread(50);
    let plane: Vec<f64> = x
        .rows()
        .into_iter()
        .map(|p| 2.0 * p[0] - 3.0 * p[1])
        .collect();
    let gp = ExactGp::new(Linear::isotropic(1.0), Noise::Known(vec![0.0; 50]))
        .condition(&x, &plane)
        .unwrap();
    assert!(gp.jitter() > 0.0);
    probe(&gp, &spread(20));
    let mean = gp.posterior_mean(&array![[3.0, 1.0]]).unwrap();
    assert!((mean[0] - 3.0).abs() < 1e-4, "{}", mean[0]);
    // Grown one by one it is the same process.
    let mut grown = ExactGp::new(Linear::isotropic(1.0), Noise::Known(vec![]));
    for (point, y) in x.rows().into_iter().zip(&plane) {
        grown.append(&point.to_vec(), *y, 0.0).unwrap();
    }
    assert!((grown.posterior_mean(&array![[3.0, 1.0]]).unwrap()[0] - 3.0).abs() < 1e-4);
    exercise(gp, &spread(20));
    for kernel in kernels() {
        survives(&kernel, &x, &signal(&x), 0.0);
    }
}

#[test]
fn huge_and_tiny_units() {
    let x = spread(10);
    let y = signal(&x);
    for (length, height) in [
        (1e-12, 1e12),
        (1e12, 1e-12),
        (1e-12, 1e-12),
        (1e12, 1e12),
        (1e-100, 1e100),
        (1e140, 1e-140),
    ] {
        let (x, y): (_, Vec<f64>) = (&x * length, y.iter().map(|v| v * height).collect());
        for kernel in [
            Box::new(Matern52::isotropic(0.5).scaled(1.0)) as Box<dyn Kernel>,
            Box::new(Linear::isotropic(1.0).with_offset(1.0)),
        ] {
            for variance in [0.0, 0.01 * (height * height).clamp(1e-280, 1e280)] {
                if (1e-12..=1e12).contains(&height) {
                    survives(&kernel, &x, &y, variance);
                } else {
                    refusals(&kernel, &x, &y, variance);
                }
            }
        }
        // In its own units a process finds the signal whatever the units.
        let variance = 1e-4 * height * height;
        let gp = ScaledGp::new(
            Matern52::isotropic(0.5).scaled(1.0),
            Noise::Known(vec![variance; 10]),
            Scaling::default(),
        );
        if (1e-12..=1e12).contains(&height) {
            let gp = gp.fit(&x, &y, &options()).unwrap();
            let found = gp.posterior_mean(&x).unwrap();
            for (found, y) in found.iter().zip(&y) {
                assert!((found - y).abs() < 0.1 * height, "{found} {y}");
            }
        }
    }
}

fn size() -> impl Strategy<Value = f64> {
    (-12.0..12.0_f64, any::<bool>()).prop_map(|(e, sign)| {
        let size = 10.0_f64.powf(e);
        if sign { size } else { -size }
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 150,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(8),
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_data_make_a_process_panic(
        index in 0..kernels().len(),
        rows in prop::collection::vec((prop::array::uniform2(size()), size()), 1..9),
        copies in prop::collection::vec((0..9_usize, 0..9_usize), 0..4),
        variance in prop_oneof![Just(0.0), (-24.0..24.0_f64).prop_map(|e| 10.0_f64.powf(e))],
    ) {
        let mut rows = rows;
        for (from, to) in copies {
            let count = rows.len();
            rows[to % count].0 = rows[from % count].0;
        }
        let x = Array2::from_shape_fn((rows.len(), 2), |(i, k)| rows[i].0[k]);
        let y: Vec<f64> = rows.iter().map(|row| row.1).collect();
        let kernel = kernels().swap_remove(index);
        for noise in [
            Noise::Known(vec![variance; y.len()]),
            Noise::Homoscedastic(variance.max(1e-24)),
        ] {
            let gp = usable(ExactGp::new(kernel.clone(), noise.clone()).condition(&x, &y));
            // A stationary kernel of unit variance has no excuse.
            prop_assert!(gp.is_some() || index > 2);
            if let Some(gp) = gp {
                probe(&gp, &x);
                exercise(gp, &x);
            }
            let scaled = ScaledGp::new(kernel.clone(), noise, Scaling::default());
            if let Some(gp) = usable(scaled.condition(&x, &y)) {
                let posterior = gp.posterior(&x).unwrap();
                prop_assert!(finite(posterior.mean()) && finite(posterior.variance()));
            }
        }
    }
}
