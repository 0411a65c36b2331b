//! Gradient ascent on the log marginal likelihood, watched by what was held out.

use super::calibration::Examination;
use super::measurements::Measurements;
use super::options::DeepKernelOptions;
use super::report::{TrainingPoint, TrainingStop};
use super::trainee::{Buffers, Trainee};
use crate::error::Result;
use crate::gp::adam::Adam;
use crate::gp::evidence::Data;
use crate::gp::points::Points;
use crate::gp::restart::log_ranges;
use crate::units::Seed;
use rayon::prelude::*;

/// Steps between two looks at the held-out measurements.
const LOOK: usize = 5;

/// The end of a training.
pub(super) struct Training {
    pub trainee: Trainee,
    pub curve: Vec<TrainingPoint>,
    /// Number of steps behind `trainee`.
    pub steps: usize,
    pub stop: TrainingStop,
}

/// Steps after which starts are compared: enough to tell those that find nothing.
const FIRST_STEPS: usize = 40;

/// The start whose likelihood is highest after a few steps, as it was before them; the first among equals.
///
/// All measurements take part, held out later or not: a choice out of a handful tells next to nothing about any.
pub(super) fn best_start(
    given: Trainee,
    all: &Measurements,
    options: &DeepKernelOptions,
) -> Result<Trainee> {
    if options.starts == 1 {
        return Ok(given);
    }
    let others = (1..options.starts as u64)
        .map(|k| given.redrawn(Seed(options.seed.0.wrapping_add(k)), all));
    let starts: Vec<Trainee> = std::iter::once(Ok(given.clone()))
        .chain(others)
        .collect::<Result<_>>()?;
    let likelihood = |start: &Trainee| {
        let steps = FIRST_STEPS.min(options.max_steps);
        let end = train(start.clone(), all, None, steps, options).ok()?;
        end.curve.last().map(|point| point.log_marginal_likelihood)
    };
    let ends: Vec<Option<f64>> = starts.par_iter().map(likelihood).collect();
    let ranked = starts.into_iter().zip(ends);
    let best = ranked.reduce(|best, next| if next.1 > best.1 { next } else { best });
    Ok(best.map_or(given, |(start, _)| start))
}

/// Trains for at most `steps` steps and keeps what predicted `held` best, or the last if nothing is held out.
pub(super) fn train(
    mut trainee: Trainee,
    seen: &Measurements,
    held: Option<&Measurements>,
    steps: usize,
    options: &DeepKernelOptions,
) -> Result<Training> {
    let walls = walls(&trainee, seen)?;
    let mut logs: Vec<f64> = trainee.parameters().iter().map(|p| p.value.ln()).collect();
    let mut of_weights = Adam::new(options.learning_rate, trainee.map.network.weights().len());
    let mut of_parameters = Adam::new(options.kernel_learning_rate, logs.len());
    let mut buffers = Buffers::default();
    let mut curve = Vec::new();
    let mut best = (f64::NEG_INFINITY, 0, trainee.clone());
    let mut stop = TrainingStop::StepLimit;
    for step in 0..=steps {
        let joint = match trainee.joint(seen, &mut buffers) {
            Ok(joint) if joint.is_finite() => joint,
            Err(error) if step == 0 => return Err(error),
            _ => {
                stop = TrainingStop::Diverged;
                break;
            }
        };
        let looked = held.filter(|_| step % LOOK == 0 || step == steps);
        let density = looked.and_then(|held| {
            let process = trainee.process(seen).ok()?;
            let examination = Examination::new(process, &trainee.map, held).ok()?;
            examination.log_density().ok()
        });
        curve.push(TrainingPoint {
            step,
            log_marginal_likelihood: joint.value,
            held_out_log_density: density,
        });
        // Without anything held out the latest is the best.
        if held.is_none() || density.is_some_and(|density| density > best.0) {
            best = (density.unwrap_or(f64::NEG_INFINITY), step, trainee.clone());
        } else if step - best.1 >= options.patience.max(LOOK) {
            stop = TrainingStop::NoImprovement;
            break;
        }
        if step < steps {
            let pace = options.pace(step);
            let weights = trainee.map.network.weights_mut();
            paced(&mut of_weights, weights, &joint.by_weights, pace);
            let decay = pace * options.learning_rate * options.weight_decay;
            trainee.map.network.shrink(1.0 - decay);
            paced(
                &mut of_parameters,
                &mut logs,
                &joint.by_log_parameters,
                pace,
            );
            for (log, (low, high)) in logs.iter_mut().zip(&walls) {
                *log = log.max(*low).min(*high);
            }
            trainee.set_log_parameters(&logs)?;
        }
    }
    let (_, steps, trainee) = best;
    Ok(Training {
        trainee,
        curve,
        steps,
        stop,
    })
}

/// A share of the step that Adam would take.
fn paced(adam: &mut Adam, parameters: &mut [f64], gradient: &[f64], pace: f64) {
    let before = parameters.to_vec();
    adam.step(parameters, gradient);
    for (parameter, before) in parameters.iter_mut().zip(before) {
        *parameter = before + pace * (*parameter - before);
    }
}

/// How far log-parameters may go before the data says nothing about them, judged from the features before training.
fn walls(trainee: &Trainee, seen: &Measurements) -> Result<Vec<(f64, f64)>> {
    let features = trainee.map.of_prepared(&seen.prepared)?;
    let points = Points::from_rows("features", features.view())?;
    let data = Data {
        points: points.view(),
        targets: &seen.targets,
        noise: &seen.noise,
        mean: &seen.mean,
    };
    let ranges = log_ranges(&data, &trainee.parameters())?;
    Ok(ranges.iter().map(|range| range.wall).collect())
}
