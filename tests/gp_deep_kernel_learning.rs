//! Deep kernels on a made-up structure-property task: better than processes on pixels or simple numbers, and honest about
//! what they do not know.

use dosewise::gp::{
    DeepKernelGp, DeepKernelOptions, Edge, ExactGp, FitOptions, Kernel, Matern52, Mean, Noise,
    Patches, Posterior, TrainingStop, Validation,
};
use dosewise::metric::Bootstrap;
use dosewise::network::{Network, Shape};
use dosewise::random::{Purpose, Stream};
use dosewise::units::Seed;
use ndarray::{Array2, Axis};
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
