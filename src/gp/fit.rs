//! Choosing hyper-parameters: maximum likelihood, or maximum a posteriori with log-normal priors.

use super::evidence::Data;
use super::exact::parameters;
use super::kernel::Kernel;
use super::noise::Noise;
use super::objective::{Evaluation, Objective};
use super::points::Points;
use super::restart::{log_ranges, space_filling_starts, subset};
use crate::error::{Error, Result};
use crate::linalg::Cholesky;
use crate::units::Seed;
use argmin::core::{Executor, State, TerminationReason, TerminationStatus};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;

/// With more measurements than this, all starts are first tried on a random subset of this size.
const COARSE: usize = 100;
/// Past steps that L-BFGS remembers.
const MEMORY: usize = 7;

/// A log-normal prior on a positive hyper-parameter: log θ ~ N(log median, log_sd²).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogNormal {
    /// The median, in units of the parameter.
    pub median: f64,
    /// Standard deviation of log θ; 0.7 says "within a factor of two, two times in three".
    pub log_sd: f64,
}

/// How hyper-parameters are searched.
#[derive(Debug, Clone, PartialEq)]
pub struct FitOptions {
    /// Starts besides the given hyper-parameters, spread evenly over a box judged from the data. Default 3.
    pub restarts: usize,
    /// Largest number of L-BFGS steps a start. Default 100.
    pub max_iterations: u64,
    /// Converged when no derivative of the log marginal likelihood (plus log priors) by a log-parameter exceeds
    /// this, in nats. Default 10⁻³, which leaves less than about 10⁻⁶ nats to be gained.
    pub gradient_tolerance: f64,
    /// Decides the starts, and the subset that sorts them. Default 0.
    pub seed: Seed,
    /// Priors by parameter name; `lengthscale` stands for every `lengthscale[k]`. The density is that of log θ, so
    /// the mode is the median. Default none: maximum likelihood.
    pub priors: Vec<(String, LogNormal)>,
}

impl Default for FitOptions {
    fn default() -> Self {
        Self {
            restarts: 3,
            max_iterations: 100,
            gradient_tolerance: 1e-3,
            seed: Seed(0),
            priors: Vec::new(),
        }
    }
}

/// Why the search from the winning start stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stop {
    /// The gradient is below the tolerance.
    Converged,
    /// The objective no longer changes although the gradient is above the tolerance.
    Stalled,
    /// The largest number of iterations was used up.
    IterationLimit,
    /// The optimiser gave up, in its own words.
    GaveUp(String),
}

/// How a fit ended.
#[derive(Debug, Clone, PartialEq)]
pub struct FitReport {
    /// Log marginal likelihood at the chosen hyper-parameters, nats (priors not included).
    pub log_marginal_likelihood: f64,
    /// Largest magnitude among the derivatives by the log-parameters (priors included), nats.
    pub largest_derivative: f64,
    /// Why the winning search stopped.
    pub stop: Stop,
    /// Likelihood evaluations on all measurements, all starts together.
    pub evaluations: usize,
    /// Likelihood evaluations on a subset of the measurements, all starts together.
    pub coarse_evaluations: usize,
    /// The hyper-parameters ended beyond what the data can tell (e.g. a lengthscale over 1000 times the extent).
    pub at_limit: bool,
}

impl FitReport {
    /// Whether the gradient ended below the tolerance.
    pub fn converged(&self) -> bool {
        self.stop == Stop::Converged
    }
}

/// The outcome of a search.
pub(super) struct Found {
    pub kernel: Box<dyn Kernel>,
    pub noise: Noise,
    pub report: FitReport,
}

impl FitOptions {
    pub(super) fn search(&self, kernel: &dyn Kernel, data: &Data<'_>) -> Result<Found> {
        if !(self.gradient_tolerance > 0.0 && self.gradient_tolerance.is_finite()) {
            return Err(Error::argument(
                "gradient_tolerance",
                self.gradient_tolerance,
                "a positive number",
            ));
        }
        let named = parameters(kernel, data.noise);
        let ranges = log_ranges(data, &named);
        let priors = self.priors_for(named.iter().map(|p| p.name.as_str()))?;
        let given = named.iter().zip(&ranges);
        let given: Vec<f64> = given
            .map(|(p, range)| p.value.ln().clamp(range.wall.0, range.wall.1))
            .collect();
        let mut starts = vec![given.clone()];
        starts.extend(space_filling_starts(&ranges, self.restarts, self.seed));

        let n = data.targets.len();
        let mut coarse_evaluations = 0;
        if n > COARSE && starts.len() > 1 {
            let chosen = subset(n, COARSE, self.seed);
            let points = Points::select(data.points, &chosen);
            let targets: Vec<f64> = chosen.iter().map(|&i| data.targets[i]).collect();
            let noise = match data.noise {
                Noise::Known(all) => Noise::Known(chosen.iter().map(|&i| all[i]).collect()),
                shared => shared.clone(),
            };
            let few = Data {
                points: points.view(),
                targets: &targets,
                noise: &noise,
                ..*data
            };
            let objective = Objective::new(kernel, few, &ranges, &priors);
            // Only to tell the basins apart, so a tenth of a nat a log unit is near enough.
            let rough = Self {
                gradient_tolerance: self.gradient_tolerance.max(0.1),
                max_iterations: self.max_iterations.min(40),
                ..self.clone()
            };
            let best = rough.best_of(&objective, &starts);
            coarse_evaluations = objective.search.borrow().evaluations;
            starts = vec![best.map_or(given.clone(), |b| b.log_parameters)];
        }

        let objective = Objective::new(kernel, *data, &ranges, &priors);
        let best = match self.best_of(&objective, &starts) {
            Some(best) => Some(best),
            None => self.best_of(&objective, &[given]),
        };
        let Some(best) = best else {
            let mut factor = Cholesky::default();
            data.factor_into(kernel, &mut factor)?;
            data.whiten(&factor)?;
            return Err(Error::argument(
                "y",
                "no finite likelihood at any start",
                "measurements that the kernel and the noise can explain",
            ));
        };
        let (kernel, noise) = objective.model(&best.log_parameters)?;
        let evaluations = objective.search.borrow().evaluations;
        let mut limits = best.log_parameters.iter().zip(&ranges);
        let report = FitReport {
            log_marginal_likelihood: best.log_marginal_likelihood,
            largest_derivative: largest(&best.gradient),
            stop: best.stop,
            evaluations,
            coarse_evaluations,
            at_limit: limits.any(|(v, range)| *v < range.wall.0 || *v > range.wall.1),
        };
        Ok(Found {
            kernel,
            noise,
            report,
        })
    }

    /// The prior of each named parameter.
    fn priors_for<'n>(
        &self,
        names: impl Iterator<Item = &'n str>,
    ) -> Result<Vec<Option<LogNormal>>> {
        let names: Vec<&str> = names.collect();
        let stands_for = |prior: &str, name: &str| {
            name == prior || name.split('[').next().is_some_and(|stem| stem == prior)
        };
        for (prior, shape) in &self.priors {
            let usable = shape.median > 0.0 && shape.median.is_finite() && shape.log_sd > 0.0;
            if !usable || !names.iter().any(|name| stands_for(prior, name)) {
                return Err(Error::argument(
                    "priors",
                    format!("`{prior}` with {shape:?}"),
                    format!("positive median and log_sd for one of {names:?}"),
                ));
            }
        }
        let of = |name: &str| {
            let mut matching = self.priors.iter().filter(|(p, _)| stands_for(p, name));
            matching.next().map(|(_, shape)| *shape)
        };
        Ok(names.into_iter().map(of).collect())
    }

    /// Runs L-BFGS from every start and returns the end with the highest objective.
    fn best_of(&self, objective: &Objective<'_>, starts: &[Vec<f64>]) -> Option<End> {
        let ends = starts.iter().filter_map(|s| self.climb(objective, s));
        ends.reduce(|best, end| if end.value > best.value { end } else { best })
    }

    /// One run of L-BFGS. The objective is divided by the size of its first gradient, because the first step is
    /// the gradient itself; the best point seen is kept on our side, so that a failing line search loses nothing.
    fn climb(&self, objective: &Objective<'_>, start: &[f64]) -> Option<End> {
        let first = objective.evaluate(start)?;
        let scale = 1.0 / largest(&first.gradient).max(1.0);
        if largest(&first.gradient) <= self.gradient_tolerance {
            return Some(first.end(start, Stop::Converged));
        }
        {
            let mut search = objective.search.borrow_mut();
            search.scale = scale;
            search.failed = scale * first.value.abs() * 10.0 + 1e3;
            search.best = Some((start.to_vec(), first.clone()));
            search.last = Some((start.to_vec(), first.clone()));
        }
        let search = MoreThuenteLineSearch::new().with_bounds(1e-10, 1e4).ok()?;
        let solver = LBFGS::new(search, MEMORY)
            .with_tolerance_grad(0.5 * self.gradient_tolerance * scale)
            .ok()?
            .with_tolerance_cost(1e-11 * (1.0 + scale * first.value.abs()))
            .ok()?;
        // The first cost and gradient are left to the solver, which finds them remembered: a cost handed over here
        // would also become the previous cost and stop the run as "unchanged" before its first step.
        let outcome = Executor::new(objective, solver)
            .configure(|state| state.param(start.to_vec()).max_iters(self.max_iterations))
            .run();
        let reason = match outcome {
            Err(error) => Stop::GaveUp(error.to_string()),
            Ok(outcome) => match outcome.state().get_termination_status() {
                TerminationStatus::Terminated(TerminationReason::MaxItersReached) => {
                    Stop::IterationLimit
                }
                TerminationStatus::Terminated(TerminationReason::SolverExit(words)) => {
                    Stop::GaveUp(words.clone())
                }
                _ => Stop::Stalled,
            },
        };
        let (log_parameters, best) = objective.search.borrow().best.clone()?;
        // Whatever the optimiser says, only a small gradient is convergence.
        let stop = if largest(&best.gradient) <= self.gradient_tolerance {
            Stop::Converged
        } else {
            reason
        };
        Some(best.end(&log_parameters, stop))
    }
}

/// Where one search ended.
struct End {
    log_parameters: Vec<f64>,
    value: f64,
    log_marginal_likelihood: f64,
    gradient: Vec<f64>,
    stop: Stop,
}

impl Evaluation {
    fn end(self, log_parameters: &[f64], stop: Stop) -> End {
        End {
            log_parameters: log_parameters.to_vec(),
            value: self.value,
            log_marginal_likelihood: self.log_marginal_likelihood,
            gradient: self.gradient,
            stop,
        }
    }
}

fn largest(gradient: &[f64]) -> f64 {
    gradient.iter().fold(0.0, |l, g| l.max(g.abs()))
}
