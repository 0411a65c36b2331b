//! Deep kernels on a made-up structure-property task: better than processes on pixels or simple numbers, honest about
//! what they do not know, the same whatever the threads, and back from files with every bit.

use dosewise::Error;
use dosewise::gp::{
    DeepKernelGp, DeepKernelOptions, Edge, ExactGp, FitOptions, Kernel, Matern52, Mean, Noise,
    Patches, Persist, Posterior, Rbf, Surrogate, TrainingStop, Validation,
};
use dosewise::metric::Bootstrap;
use dosewise::network::{Activation, Network, Shape};
use dosewise::random::{Purpose, Stream};
use dosewise::units::Seed;
use ndarray::{Array2, Array3, Array4, ArrayView2, Axis};
use rand::RngExt;
use rayon::prelude::*;
use std::f64::consts::TAU;

const SIZE: usize = 96;
const SIDE: usize = 11;
const SPACING: f64 = 6.0;
const NOISE: f64 = 0.1;

/// Patches of a lattice image and the property behind each.
struct Task {
    patches: Patches,
    truth: Vec<f64>,
    measured: Vec<f64>,
}

/// A square lattice whose columns are drawn out along one axis or the other, as a hidden field says that varies from
/// place to place; the property is a bent function of that field. Thickness changes the brightness, and patches are cut
/// anywhere, so that neither brightness nor single pixels tell the property.
fn task(seed: u64, count: usize) -> Task {
    let mut stream = Stream::new(Seed(seed), Purpose::Policy, [17, 3]);
    let mut between = |low: f64, high: f64| low + (high - low) * stream.random::<f64>();
    let waves: Vec<[f64; 4]> = (0..6)
        .map(|_| {
            [
                between(-0.08, 0.08),
                between(-0.08, 0.08),
                between(0.0, TAU),
                between(0.4, 1.0),
            ]
        })
        .collect();
    let origin = [between(0.0, SPACING), between(0.0, SPACING)];
    let field = |y: f64, x: f64| {
        let sum: f64 = waves
            .iter()
            .map(|w| w[3] * (w[0] * y + w[1] * x + w[2]).sin())
            .sum();
        sum.tanh()
    };
    let mut image = Array2::<f64>::zeros((SIZE, SIZE));
    for (a, b) in (-1..18).flat_map(|a| (-1..18).map(move |b| (a, b))) {
        let (y, x) = (
            SPACING * f64::from(a) + origin[0],
            SPACING * f64::from(b) + origin[1],
        );
        let stretch = 0.3 * field(y, x);
        let thickness = 1.0 + 0.3 * (0.05 * y - 0.03 * x).sin();
        for ((row, column), value) in image.indexed_iter_mut() {
            let down = (row as f64 - y) / (1.5 * (1.0 - stretch));
            let across = (column as f64 - x) / (1.5 * (1.0 + stretch));
            let square = down * down + across * across;
            if square < 30.0 {
                *value += thickness * (-0.5 * square).exp() / (1.0 - stretch * stretch);
            }
        }
    }
    image.mapv_inplace(|value| value + 0.08 * stream.normal());
    let centres: Vec<[usize; 2]> = (0..count)
        .map(|_| [stream.random_range(0..SIZE), stream.random_range(0..SIZE)])
        .collect();
    let property = |c: &[usize; 2]| {
        let stretch = field(c[0] as f64, c[1] as f64);
        (2.0 * stretch).sin() + 0.5 * stretch
    };
    let truth: Vec<f64> = centres.iter().map(property).collect();
    let measured = truth.iter().map(|t| t + NOISE * stream.normal()).collect();
    let patches = Patches::cut(&image, &centres, SIDE, Edge::Reflect).unwrap();
    Task {
        patches,
        truth,
        measured,
    }
}

fn default_network(features: usize, seed: u64) -> Network {
    DeepKernelGp::default_network(Shape::image(1, SIDE, SIDE), features, Seed(seed)).unwrap()
}

/// Mean, standard deviation, middle and largest pixel of each patch.
fn simple_numbers(patches: &Patches) -> Array2<f64> {
    let rows = patches.rows();
    Array2::from_shape_fn((rows.nrows(), 4), |(i, k)| {
        let row = rows.row(i);
        match k {
            0 => row.mean().unwrap(),
            1 => row.std(0.0),
            2 => row[SIDE * SIDE / 2],
            _ => row.iter().fold(f64::MIN, |most, v| most.max(*v)),
        }
    })
}

fn error(posterior: &Posterior<'_>, truth: &[f64]) -> f64 {
    let squares = posterior
        .mean()
        .iter()
        .zip(truth)
        .map(|(m, t)| (m - t).powi(2));
    (squares.sum::<f64>() / truth.len() as f64).sqrt()
}

/// Share of intervals around the posterior means that hold the values, at 50, 90 and 95 %.
fn coverage(posterior: &Posterior<'_>, noise: f64, values: &[f64]) -> [f64; 3] {
    [0.674_490, 1.644_854, 1.959_964].map(|quantile| {
        let beliefs = posterior.mean().iter().zip(posterior.variance());
        let held = beliefs
            .zip(values)
            .filter(|((m, v), y)| (*y - *m).abs() < quantile * (*v + noise).sqrt());
        held.count() as f64 / values.len() as f64
    })
}

fn noise(process: &ExactGp) -> f64 {
    process.noise().variance(0).unwrap()
}

#[test]
fn learnt_features_beat_pixels_and_simple_numbers_and_know_their_errors() {
    const TRAINED: usize = 100;
    const SEEDS: u64 = 6;
    let rows: Vec<([f64; 3], [f64; 3], [f64; 3])> = (0..SEEDS)
        .into_par_iter()
        .map(|seed| {
            let task = task(seed, TRAINED + 400);
            let (first, rest): (Vec<usize>, Vec<usize>) =
                (0..TRAINED + 400).partition(|i| *i < TRAINED);
            let y = &task.measured[..TRAINED];
            let (truth, measured) = (&task.truth[TRAINED..], &task.measured[TRAINED..]);
            let plain = |x: &Array2<f64>, kernel: Box<dyn Kernel>| {
                let gp =
                    ExactGp::new(kernel, Noise::Homoscedastic(0.05)).with_mean(Mean::Constant(0.0));
                let gp = gp
                    .fit(&x.select(Axis(0), &first), y, &FitOptions::default())
                    .unwrap();
                error(&gp.posterior(&x.select(Axis(0), &rest)).unwrap(), truth)
            };
            let pixels = plain(
                &task.patches.rows(),
                Box::new(Matern52::isotropic(5.0).scaled(1.0)),
            );
            let simple = plain(
                &simple_numbers(&task.patches),
                Box::new(Matern52::ard([1.0; 4]).scaled(1.0)),
            );
            let trained = task.patches.select(&first).unwrap();
            let options = DeepKernelOptions::default();
            let gp = DeepKernelGp::fit(default_network(3, seed), &trained, y, &options).unwrap();
            let others = task.patches.select(&rest).unwrap();
            let posterior = gp.posterior(&others).unwrap();
            let errors = [error(&posterior, truth), pixels, simple];
            let noise = noise(gp.process());
            (
                errors,
                coverage(&posterior, noise, measured),
                coverage(&posterior, 0.0, truth),
            )
        })
        .collect();
    let column = |k: usize| rows.iter().map(|row| row.0[k]).collect::<Vec<f64>>();
    let gain = |k: usize| {
        Bootstrap::default()
            .paired_difference(&column(k), &column(0), Seed(1))
            .unwrap()
    };
    let mean = |values: &dyn Fn(usize) -> f64| {
        (0..rows.len()).map(values).sum::<f64>() / rows.len() as f64
    };
    println!(
        "errors: {:?}",
        rows.iter()
            .map(|row| row.0.map(|e| (e * 1e3).round() / 1e3))
            .collect::<Vec<_>>()
    );
    println!(
        "less than pixels by {:?}, than simple numbers by {:?}",
        gain(1),
        gain(2)
    );
    assert!(gain(1).low > 0.05 && gain(2).low > 0.3);
    assert!(mean(&|i| rows[i].0[0]) < 0.2);
    for (k, nominal) in [0.5, 0.9, 0.95].into_iter().enumerate() {
        let of_measured = mean(&|i| rows[i].1[k]);
        let of_truth = mean(&|i| rows[i].2[k]);
        println!("{nominal}: {of_measured:.3} of measurements, {of_truth:.3} of true values");
        // Heavy tails push the middle out; the outer intervals are what the nugget is for.
        let tolerance = if k == 0 { (0.05, 0.3) } else { (0.04, 0.1) };
        for found in [of_measured, of_truth] {
            assert!(
                found > nominal - tolerance.0 && found < nominal + tolerance.1,
                "{nominal}: {found}"
            );
        }
    }
}

#[test]
fn without_a_guard_intervals_are_too_narrow_and_the_report_says_so() {
    let task = task(4, 480);
    let trained = task.patches.select(&(0..80).collect::<Vec<_>>()).unwrap();
    let others = task.patches.select(&(80..480).collect::<Vec<_>>()).unwrap();
    let fit = |validation: Validation| {
        let options = DeepKernelOptions {
            validation,
            max_steps: 100,
            ..Default::default()
        };
        DeepKernelGp::fit(
            default_network(3, 4),
            &trained,
            &task.measured[..80],
            &options,
        )
        .unwrap()
    };
    let covered = |gp: &DeepKernelGp| {
        coverage(
            &gp.posterior(&others).unwrap(),
            noise(gp.process()),
            &task.measured[80..],
        )[1]
    };
    let (bare, guarded) = (fit(Validation::None), fit(Validation::HeldOut(0.25)));
    println!(
        "{} {} {:?}",
        covered(&bare),
        covered(&guarded),
        guarded.report().held_out
    );
    assert!(covered(&bare) < 0.8 && covered(&guarded) > 0.8);
    assert!(bare.report().held_out.is_none() && bare.report().steps == 100);
    let report = guarded.report();
    let held_out = report.held_out.unwrap();
    assert_eq!(held_out.count, 20);
    assert!(held_out.nugget > 0.0 && held_out.log_density < report.leave_one_out_log_density);
    // The kept weights are those of the best look at what was held out.
    let best = report
        .curve
        .iter()
        .filter_map(|p| p.held_out_log_density.map(|d| (d, p.step)));
    let best = best.fold(
        (f64::MIN, 0),
        |best, next| if next.0 > best.0 { next } else { best },
    );
    assert_eq!(best.1, report.steps);
    assert!(matches!(
        report.stop,
        TrainingStop::NoImprovement | TrainingStop::StepLimit
    ));
    // Training raises the likelihood it climbs.
    let curve = &bare.report().curve;
    assert!(curve[100].log_marginal_likelihood > curve[0].log_marginal_likelihood + 10.0);
}

/// Vectors whose second coordinate hides behind a rotation; small, so that many fits cost little.
fn small() -> (Array2<f64>, Vec<f64>) {
    let x = Array2::from_shape_fn((30, 3), |(i, k)| ((i * 3 + k) as f64 * 1.7).sin());
    let y = x
        .rows()
        .into_iter()
        .map(|r| (2.0 * (r[0] + r[1])).sin() + 0.05 * r[2])
        .collect();
    (x, y)
}

fn quick(validation: Validation) -> DeepKernelOptions {
    DeepKernelOptions {
        max_steps: 30,
        starts: 2,
        validation,
        ..Default::default()
    }
}

fn small_network() -> Network {
    let layers = Network::builder(Shape::vector(3))
        .dense(6)
        .activation(Activation::Tanh);
    layers.dense(2).build(Seed(3)).unwrap()
}

fn bits(gp: &DeepKernelGp, x: &Array2<f64>) -> Vec<u64> {
    let posterior = gp.posterior(x).unwrap();
    let numbers = posterior.mean().iter().chain(posterior.variance());
    numbers.map(|v| v.to_bits()).collect()
}

#[test]
fn threads_change_no_bit() {
    let (x, y) = small();
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            DeepKernelGp::fit(small_network(), &x, &y, &quick(Validation::Folds(3))).unwrap()
        })
    };
    let (one, several) = (with(1), with(5));
    assert_eq!(bits(&one, &x), bits(&several, &x));
    assert_eq!(one.report(), several.report());
    assert_eq!(one.network(), several.network());
    assert_eq!(one.report().steps_of_folds.len(), 3);
}

#[test]
fn files_keep_every_bit_and_refuse_what_is_not_theirs() {
    let (x, y) = small();
    let mut gp =
        DeepKernelGp::fit(small_network(), &x, &y, &quick(Validation::HeldOut(0.3))).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.json");
    gp.save(&file).unwrap();
    let mut again = DeepKernelGp::load(&file).unwrap();
    let elsewhere = &x * 1.2;
    assert_eq!(bits(&gp, &elsewhere), bits(&again, &elsewhere));
    assert_eq!(gp.report(), again.report());
    for model in [&mut gp, &mut again] {
        model
            .append(elsewhere.select(Axis(0), &[4]).view(), 0.3, None)
            .unwrap();
    }
    assert_eq!(bits(&gp, &elsewhere), bits(&again, &elsewhere));
    let text = std::fs::read_to_string(&file).unwrap();
    for (from, to, named) in [
        ("deep-kernel-gp 1", "deep-kernel-gp 2", "format"),
        ("\"outputs\":2", "\"outputs\":1", "features"),
        ("\"scale\":", "\"scale\":-", "features"),
    ] {
        std::fs::write(&file, text.replacen(from, to, 1)).unwrap();
        let refused = DeepKernelGp::load(&file).unwrap_err().to_string();
        assert!(refused.contains(named), "{refused}");
    }
}

#[test]
fn appending_equals_conditioning_on_everything() {
    let (x, y) = small();
    let known = Noise::Known((0..30).map(|i| 0.01 + 0.001 * f64::from(i)).collect());
    let options = DeepKernelOptions {
        noise: Some(known),
        mean: Mean::Zero,
        ..quick(Validation::HeldOut(0.2))
    };
    let mut gp = DeepKernelGp::fit(small_network(), &x, &y, &options).unwrap();
    let more = &x.select(Axis(0), &[0, 7, 9]) * 0.9;
    let features = gp.features(&more).unwrap();
    let mut all = gp.features(&x).unwrap();
    all.append(Axis(0), features.view()).unwrap();
    let targets: Vec<f64> = y.iter().copied().chain([0.1, 0.2, 0.3]).collect();
    let noises: Vec<f64> = (0..33)
        .map(|i| {
            if i < 30 {
                0.01 + 0.001 * f64::from(i)
            } else {
                0.02
            }
        })
        .collect();
    let whole = ExactGp::new(gp.process().kernel().clone_box(), Noise::Known(noises))
        .condition(&all, &targets)
        .unwrap();
    gp.append(more.slice_axis(Axis(0), (..1).into()), 0.1, 0.02)
        .unwrap();
    gp.append_many(
        more.slice_axis(Axis(0), (1..).into()),
        &[0.2, 0.3],
        Some(&[0.02, 0.02]),
    )
    .unwrap();
    assert_eq!(gp.len(), 33);
    let places = &x * 1.1;
    let expected = whole.posterior(&gp.features(&places).unwrap()).unwrap();
    let found = gp.posterior(&places).unwrap();
    for i in 0..30 {
        assert!((found.mean()[i] - expected.mean()[i]).abs() < 1e-9);
        assert!((found.variance()[i] - expected.variance()[i]).abs() < 1e-9);
    }
}

/// The same model without its own slopes: what central differences say.
#[derive(Debug)]
struct ByDifferences<'m>(&'m DeepKernelGp);

impl Surrogate for ByDifferences<'_> {
    fn dimension(&self) -> usize {
        self.0.dimension()
    }
    fn marginals(&self, points: ArrayView2<'_, f64>) -> dosewise::Result<dosewise::gp::Marginals> {
        self.0.marginals(points)
    }
    fn joint(&self, points: ArrayView2<'_, f64>) -> dosewise::Result<dosewise::gp::Joint> {
        self.0.joint(points)
    }
}

#[test]
fn as_a_surrogate_it_takes_flattened_patches() {
    let (x, y) = small();
    let kernel: Box<dyn Kernel> = Box::new(Rbf::isotropic(1.0).scaled(0.5));
    let options = DeepKernelOptions {
        kernel: Some(kernel),
        ..quick(Validation::HeldOut(0.25))
    };
    let gp = DeepKernelGp::fit(small_network(), &x, &y, &options).unwrap();
    let model: &dyn Surrogate = &gp;
    assert_eq!(model.dimension(), 3);
    let places = &x.select(Axis(0), &[3, 8, 20]) + 0.05;
    let marginals = model.marginals(places.view()).unwrap();
    let joint = model.joint(places.view()).unwrap();
    for i in 0..3 {
        assert!((marginals.variance[i] - joint.covariance[[i, i]]).abs() < 1e-12);
        assert_eq!(marginals.mean[i], joint.mean[i]);
        let point = places.row(i).to_vec();
        let (found, expected) = (
            model.slopes(&point).unwrap(),
            ByDifferences(&gp).slopes(&point).unwrap(),
        );
        for c in 0..3 {
            assert!((found.of_mean[c] - expected.of_mean[c]).abs() < 1e-6);
            assert!((found.of_variance[c] - expected.of_variance[c]).abs() < 1e-6);
        }
    }
    assert!(model.slopes(&[0.0; 2]).is_err());
}

#[test]
fn unusable_measurements_and_options_are_refused() {
    let (x, y) = small();
    let fit = |x: &Array2<f64>, y: &[f64], options: &DeepKernelOptions| {
        DeepKernelGp::fit(small_network(), x, y, options)
    };
    let good = quick(Validation::None);
    let named = |outcome: Result<DeepKernelGp, Error>| match outcome.unwrap_err() {
        Error::Argument { argument, .. } => argument,
        other => panic!("{other}"),
    };
    assert_eq!(named(fit(&Array2::zeros((0, 3)), &[], &good)), "y");
    assert_eq!(named(fit(&x, &y[..29], &good)), "y");
    assert_eq!(named(fit(&Array2::zeros((30, 4)), &y, &good)), "patches");
    let mut broken = x.clone();
    broken[[2, 1]] = f64::NAN;
    assert_eq!(named(fit(&broken, &y, &good)), "patches");
    let mut wrong = y.clone();
    wrong[3] = f64::INFINITY;
    assert_eq!(named(fit(&x, &wrong, &good)), "y");
    let with = |change: &dyn Fn(&mut DeepKernelOptions)| {
        let mut options = good.clone();
        change(&mut options);
        named(fit(&x, &y, &options))
    };
    assert_eq!(with(&|o| o.starts = 0), "starts");
    assert_eq!(with(&|o| o.learning_rate = f64::NAN), "learning_rate");
    assert_eq!(with(&|o| o.weight_decay = -1.0), "weight_decay");
    assert_eq!(with(&|o| o.validation = Validation::Folds(1)), "validation");
    assert_eq!(
        with(&|o| o.validation = Validation::Folds(31)),
        "validation"
    );
    assert_eq!(
        with(&|o| o.validation = Validation::HeldOut(1.0)),
        "validation"
    );
    assert_eq!(with(&|o| o.mean = Mean::linear()), "mean");
    assert_eq!(
        with(&|o| o.noise = Some(Noise::Known(vec![0.1; 3]))),
        "noise"
    );
    let narrow: Box<dyn Kernel> = Box::new(Rbf::ard([1.0; 5]));
    let options = DeepKernelOptions {
        kernel: Some(narrow),
        ..good.clone()
    };
    assert!(fit(&x, &y, &options).is_err());

    let mut gp = fit(&x, &y, &good).unwrap();
    assert!(gp.posterior(&Array2::zeros((2, 5))).is_err());
    assert!(gp.posterior(&broken).is_err());
    assert!(gp.posterior(&Array3::zeros((2, 3, 1))).is_err());
    assert_eq!(gp.posterior(&Array4::zeros((2, 3, 1, 1))).unwrap().len(), 2);
    assert!(gp.append(&x, 0.1, None).is_err());
    assert!(
        gp.append(x.select(Axis(0), &[0]).view(), f64::NAN, None)
            .is_err()
    );
    assert!(gp.append(x.select(Axis(0), &[0]).view(), 0.1, 0.1).is_err());
    assert_eq!(gp.len(), 30);
}

#[test]
fn degenerate_measurements_are_survived() {
    let (x, _) = small();
    // One measurement, values that do not differ, patches that do not differ.
    let one = DeepKernelGp::fit(
        small_network(),
        &x.select(Axis(0), &[0]),
        &[1.0],
        &quick(Validation::None),
    )
    .unwrap();
    assert!(
        one.posterior(&x)
            .unwrap()
            .mean()
            .iter()
            .all(|m| m.is_finite())
    );
    let flat = DeepKernelGp::fit(
        small_network(),
        &x,
        &[2.5; 30],
        &quick(Validation::Folds(3)),
    )
    .unwrap();
    assert!(
        flat.posterior(&x)
            .unwrap()
            .mean()
            .iter()
            .all(|m| (m - 2.5).abs() < 1e-3)
    );
    let same = Array2::ones((30, 3));
    let values: Vec<f64> = (0..30).map(|i| f64::from(i % 3) - 1.0).collect();
    let alike = DeepKernelGp::fit(
        small_network(),
        &same,
        &values,
        &quick(Validation::HeldOut(0.2)),
    )
    .unwrap();
    assert!(
        alike
            .posterior(&same)
            .unwrap()
            .mean()
            .iter()
            .all(|m| m.abs() < 0.3)
    );
}
