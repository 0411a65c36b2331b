//! Stochastic processes against the collapsed optimum, closed forms and held-out data.

use dosewise::Error;
use dosewise::gp::{
    Categorical, InducingPoints, Kernel, Likelihood, Link, Matern52, Mean, Noise, Persist,
    SparseGp, StochasticGp, StochasticOptions, StochasticProgress, Surrogate,
};
use dosewise::units::Seed;
use ndarray::{Array2, Axis, array, s};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
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

fn signal(x: &Array2<f64>) -> Vec<f64> {
    let each = x.rows().into_iter().enumerate();
    each.map(|(i, p)| (6.0 * p[0]).sin() + p[1] + 0.1 * (i as f64 * 2.7).sin())
        .collect()
}

fn close(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance * (1.0 + expected.abs()),
        "found {found}, expected {expected}"
    );
}

/// Many places want a function that is cheap to draw: a sum of waves.
fn waves(x: &Array2<f64>) -> Vec<f64> {
    x.rows()
        .into_iter()
        .map(|p| (7.0 * p[0] + 3.0 * p[1]).sin() + 0.7 * (11.0 * p[1] - 2.0 * p[0]).cos())
        .collect()
}

fn noisy(f: &[f64], deviation: f64, seed: u64) -> Vec<f64> {
    let mut rng = StdRng::seed_from_u64(seed);
    let each = f.iter().map(|f| {
        let z: f64 = StandardNormal.sample(&mut rng);
        f + deviation * z
    });
    each.collect()
}

/// Salimbeni, Eleftheriadis & Hensman (2018): one natural step of size 1 on all data is the collapsed optimum.
#[test]
fn one_full_natural_step_is_the_collapsed_optimum() {
    let x = scattered(600);
    let y = signal(&x);
    let kernel = Matern52::isotropic(0.4).scaled(1.2);
    let inducing = InducingPoints::given(&x.slice(s![..30, ..]).to_owned()).unwrap();
    for noise in [
        Noise::Homoscedastic(0.02),
        Noise::Known((0..600).map(|i| 0.005 + 1e-4 * f64::from(i)).collect()),
    ] {
        let sparse = SparseGp::new(kernel.clone(), noise.clone(), inducing.clone())
            .with_mean(Mean::Constant(0.2))
            .condition(&x, &y)
            .unwrap();
        // As the final step of a training, and as its only minibatch.
        let finished = StochasticOptions {
            epochs: 0,
            full_steps: 1,
            ..StochasticOptions::default()
        };
        let whole = StochasticOptions {
            epochs: 1,
            batch: 600,
            learning_rate: 0.0,
            natural_step: 1.0,
            full_steps: 0,
            ..StochasticOptions::default()
        };
        for options in [finished, whole] {
            let mut gp = StochasticGp::new(kernel.clone(), noise.clone(), inducing.clone())
                .with_mean(Mean::Constant(0.2));
            gp.train(&x, &y, &options, &mut on).unwrap();
            close(
                gp.log_evidence_bound(&x, &y).unwrap(),
                sparse.log_evidence_bound(),
                1e-10,
            );
            let places = scattered(50) * 1.2;
            let (a, b) = (
                gp.joint(places.view()).unwrap(),
                sparse.joint(places.view()).unwrap(),
            );
            for (a, b) in a.mean.iter().zip(&b.mean) {
                close(*a, *b, 1e-9);
            }
            for (a, b) in a.covariance.iter().zip(&b.covariance) {
                close(*a, *b, 1e-9);
            }
            let point = [0.31, 0.62];
            let (a, b) = (gp.slopes(&point).unwrap(), sparse.slopes(&point).unwrap());
            for c in 0..2 {
                close(a.of_mean[c], b.of_mean[c], 1e-8);
                close(a.of_variance[c], b.of_variance[c], 1e-8);
            }
            if options.full_steps > 0 {
                close(
                    gp.training_report().unwrap().bound.unwrap(),
                    sparse.log_evidence_bound(),
                    1e-10,
                );
            }
            // Two halves averaged evenly are the whole; weighed otherwise they reach less.
            let in_halves = |natural_step: f64| {
                let options = StochasticOptions {
                    natural_step,
                    batch: 300,
                    ..whole
                };
                let mut gp = StochasticGp::new(kernel.clone(), noise.clone(), inducing.clone())
                    .with_mean(Mean::Constant(0.2));
                gp.train(&x, &y, &options, &mut on).unwrap();
                gp.log_evidence_bound(&x, &y).unwrap()
            };
            close(in_halves(0.1), sparse.log_evidence_bound(), 1e-10);
            assert!(in_halves(0.9) < sparse.log_evidence_bound() - 0.1);
        }
    }
}

#[test]
fn twenty_thousand_measurements_are_learned_and_held_out_ones_covered() {
    let mut rng = StdRng::seed_from_u64(2);
    let x = Array2::from_shape_fn((21_000, 2), |_| rng.random::<f64>());
    let f = waves(&x);
    let y = noisy(&f, 0.3, 3);
    let train = x.slice(s![..20_000, ..]);
    let mut gp = StochasticGp::new(
        Matern52::ard([1.0, 1.0]).scaled(1.0),
        Noise::Homoscedastic(1.0),
        InducingPoints::greedy(60),
    )
    .with_mean(Mean::Constant(0.0));
    let options = StochasticOptions {
        epochs: 4,
        learning_rate: 0.05,
        ..StochasticOptions::default()
    };
    let mut seen = Vec::new();
    gp.train(train, &y[..20_000], &options, &mut |p| {
        seen.push(*p);
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(seen.iter().filter(|p| p.epoch < 4).count(), 160);
    assert!(seen.iter().all(|p| p.bound.is_finite()));
    let report = gp.training_report().unwrap();
    assert_eq!((report.epochs.len(), report.full_steps), (4, 1));
    assert!(
        report.epochs[3] > report.epochs[0] && report.bound.unwrap() > report.epochs[3] - 200.0
    );
    let noise = gp.noise().unwrap().variance(0).unwrap();
    assert!((noise / 0.09 - 1.0).abs() < 0.05, "{noise}");
    let marginals = gp.marginals(x.slice(s![20_000.., ..])).unwrap();
    let error: f64 = marginals
        .mean
        .iter()
        .zip(&f[20_000..])
        .map(|(m, f)| (m - f).powi(2))
        .sum();
    let rmse = (error / 1000.0).sqrt();
    assert!(rmse < 0.025, "{rmse}");
    for (level, z) in [(0.5, 0.6745), (0.9, 1.6449), (0.95, 1.96)] {
        let each = marginals
            .mean
            .iter()
            .zip(&marginals.variance)
            .zip(&y[20_000..]);
        let inside = each
            .filter(|((m, v), y)| (*m - *y).abs() <= z * (*v + noise).sqrt())
            .count();
        let error = (level * (1.0 - level) / 1000.0_f64).sqrt();
        assert!(
            (inside as f64 / 1000.0 - level).abs() < 3.0 * error,
            "{inside} at {level}"
        );
    }
    // The bound is that of the collapsed process at the same hyper-parameters and inducing points.
    let inducing = InducingPoints::Given(gp.inducing_points().clone());
    let sparse = SparseGp::new(
        gp.kernel().clone_box(),
        gp.noise().unwrap().clone(),
        inducing,
    )
    .with_mean(gp.mean().clone())
    .condition(train, &y[..20_000])
    .unwrap();
    close(report.bound.unwrap(), sparse.log_evidence_bound(), 1e-9);
}

#[test]
fn two_hundred_thousand_measurements() {
    let mut rng = StdRng::seed_from_u64(2);
    let x = Array2::from_shape_fn((205_000, 2), |_| rng.random::<f64>());
    let f = waves(&x);
    let y = noisy(&f, 0.3, 3);
    let mut gp = StochasticGp::new(
        Matern52::ard([1.0, 1.0]).scaled(1.0),
        Noise::Homoscedastic(1.0),
        InducingPoints::greedy(100),
    );
    let options = StochasticOptions {
        epochs: 2,
        batch: 1024,
        ..StochasticOptions::default()
    };
    gp.train(x.slice(s![..200_000, ..]), &y[..200_000], &options, &mut on)
        .unwrap();
    let marginals = gp.marginals(x.slice(s![200_000.., ..])).unwrap();
    let error: f64 = marginals
        .mean
        .iter()
        .zip(&f[200_000..])
        .map(|(m, f)| (m - f).powi(2))
        .sum();
    let rmse = (error / 5000.0).sqrt();
    assert!(rmse < 0.01);
}

#[test]
fn trainings_follow_the_seed_and_not_the_threads_and_can_be_ended() {
    let x = scattered(2000);
    let y = signal(&x);
    let model = StochasticGp::new(
        Matern52::isotropic(0.5).scaled(1.0),
        Noise::Homoscedastic(0.1),
        InducingPoints::greedy(12),
    );
    let options = StochasticOptions {
        epochs: 2,
        batch: 600,
        ..StochasticOptions::default()
    };
    let trained = |threads: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let options = StochasticOptions {
            seed: Seed(seed),
            ..options
        };
        let mut gp = model.clone();
        pool.install(|| gp.train(&x, &y, &options, &mut on))
            .unwrap();
        gp.joint(scattered(10).view()).unwrap()
    };
    assert_eq!(trained(1, 0), trained(3, 0));
    assert_ne!(trained(1, 0), trained(1, 1));
    // Ended in the middle of the second epoch: what was learned stays.
    let mut gp = model.clone();
    let mut last = None;
    gp.train(&x, &y, &options, &mut |p| {
        last = Some(*p);
        match (p.epoch, p.batch) {
            (1, 2) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    })
    .unwrap();
    let last = last.unwrap();
    assert_eq!(
        (last.epoch, last.epochs, last.batch, last.batches),
        (1, 2, 2, 4)
    );
    let report = gp.training_report().unwrap();
    assert!(report.cancelled && report.full_steps == 0 && report.epochs.len() == 1);
    assert_eq!(report.bound, Some(last.bound));
    assert!(gp.marginals(x.view()).unwrap().variance.iter().sum::<f64>() < 1000.0);
    // Going on from there ends near where an uninterrupted training does.
    gp.train(&x, &y, &options, &mut on).unwrap();
    assert!(!gp.training_report().unwrap().cancelled);
    // Ended during the final steps: the belief before it is kept.
    let mut gp = model;
    gp.train(&x, &y, &options, &mut |p| match p.epoch {
        2 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    })
    .unwrap();
    assert!(
        gp.training_report().unwrap().cancelled && gp.training_report().unwrap().full_steps == 0
    );
}

#[test]
fn training_moves_points_but_not_their_categories() {
    let mut x = scattered(240);
    for (i, mut place) in x.rows_mut().into_iter().enumerate() {
        place[1] = (i % 3) as f64;
    }
    let y = signal(&x);
    // The lengthscale along the codes would move them.
    let kernel =
        Matern52::isotropic(0.4).scaled(1.0) + Categorical::new(3, 0.3).on_columns([1]).scaled(0.5);
    let mut gp = StochasticGp::new(
        kernel,
        Noise::Homoscedastic(0.05),
        InducingPoints::greedy(30),
    );
    let options = StochasticOptions {
        epochs: 3,
        batch: 80,
        ..StochasticOptions::default()
    };
    gp.train(&x, &y, &options, &mut on).unwrap();
    let codes = gp.inducing_points().view().coordinate(1);
    assert!(codes.iter().all(|code| [0.0, 1.0, 2.0].contains(code)));
    let places = gp.inducing_points().view().coordinate(0);
    assert!(places.iter().any(|z| x.column(0).iter().all(|x| x != z)));
}

#[test]
fn files_keep_every_bit() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.json");
    let x = scattered(300);
    let y: Vec<f64> = signal(&x).iter().map(|s| f64::from(*s > 0.8)).collect();
    let likelihood = Likelihood::Bernoulli(Link::Logit);
    let kernel = Matern52::isotropic(0.5).scaled(1.0);
    let mut gp = StochasticGp::behind(kernel, likelihood, InducingPoints::greedy(10));
    gp.save(&file).unwrap();
    assert_eq!(
        StochasticGp::load(&file).unwrap().inducing_points().len(),
        0
    );
    let options = StochasticOptions {
        epochs: 2,
        batch: 100,
        ..StochasticOptions::default()
    };
    gp.train(&x, &y, &options, &mut on).unwrap();
    gp.save(&file).unwrap();
    let mut again = StochasticGp::load(&file).unwrap();
    let places = scattered(20);
    assert_eq!(
        gp.joint(places.view()).unwrap(),
        again.joint(places.view()).unwrap()
    );
    assert_eq!(gp.training_report(), again.training_report());
    again.train(&x, &y, &options, &mut on).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    for (from, to) in [
        ("stochastic-gp 1", "sparse-gp 1"),
        ("\"jitter\":", "\"jitter\":-"),
    ] {
        std::fs::write(&file, text.replacen(from, to, 1)).unwrap();
        let error = StochasticGp::load(&file).unwrap_err();
        assert!(matches!(error, Error::Config { .. }), "{error}");
    }
}

#[test]
fn unusable_arguments_are_refused_by_name() {
    let x = scattered(20);
    let y = signal(&x);
    let kernel = || Matern52::isotropic(0.5).scaled(1.0);
    let model = |noise| StochasticGp::new(kernel(), noise, InducingPoints::greedy(3));
    let good = Noise::Homoscedastic(0.1);
    let options = StochasticOptions::default();
    let refused = |mut gp: StochasticGp, x: &Array2<f64>, y: &[f64], options, name: &str| {
        match gp.train(x, y, &options, &mut on).unwrap_err() {
            Error::Argument { argument, .. } => assert_eq!(argument, name),
            other => panic!("{other}"),
        }
        assert!(gp.inducing_points().is_empty());
    };
    refused(model(good.clone()), &x, &y[..3], options, "y");
    refused(
        model(good.clone()),
        &Array2::zeros((0, 2)),
        &[],
        options,
        "y",
    );
    refused(model(good.clone()), &(&x * f64::INFINITY), &y, options, "x");
    let mut bad = y.clone();
    bad[7] = f64::NAN;
    refused(model(good.clone()), &x, &bad, options, "y");
    refused(
        model(Noise::Homoscedastic(0.0)),
        &x,
        &y,
        options,
        "noise variance",
    );
    refused(model(Noise::Known(vec![0.1; 3])), &x, &y, options, "noise");
    refused(
        model(good.clone()).with_mean(Mean::linear()),
        &x,
        &y,
        options,
        "mean",
    );
    let outliers = Likelihood::StudentT {
        degrees_of_freedom: 4.0,
        scale: 1.0,
    };
    let student = StochasticGp::behind(kernel(), outliers, InducingPoints::greedy(3));
    refused(student, &x, &y, options, "likelihood");
    let labels = Likelihood::Bernoulli(Link::Logit);
    let labels = StochasticGp::behind(kernel(), labels, InducingPoints::greedy(3));
    refused(labels, &x, &y, options, "y");
    for (options, name) in [
        (
            StochasticOptions {
                batch: 0,
                ..options
            },
            "batch",
        ),
        (
            StochasticOptions {
                learning_rate: f64::NAN,
                ..options
            },
            "learning_rate",
        ),
        (
            StochasticOptions {
                natural_step: 0.0,
                ..options
            },
            "natural_step",
        ),
    ] {
        refused(model(good.clone()), &x, &y, options, name);
    }
    assert!(model(good.clone()).log_evidence_bound(&x, &y).is_err());
    let mut gp = model(good);
    gp.train(&x, &y, &options, &mut on).unwrap();
    assert!(gp.posterior(&array![[0.0]]).is_err());
    assert!(
        gp.train(&x.select(Axis(1), &[0]), &y, &options, &mut on)
            .is_err()
    );
}
