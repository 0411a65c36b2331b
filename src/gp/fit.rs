//! Choosing hyper-parameters: maximum likelihood, or maximum a posteriori with priors, within bounds.

use super::assign::assign;
use super::bounds::{Bounds, LogBounds};
use super::curvature::Curvature;
use super::evidence::{Chosen, Data, ExactEvidence};
use super::exact::parameters;
use super::kernel::{Kernel, Parameter};
use super::noise::Noise;
use super::objective::{Evaluation, Evidence, Objective, Rule};
use super::prior::Prior;
use super::restart::{LogRange, log_ranges, space_filling_starts, subset};
use crate::error::{Error, Result};
use crate::linalg::Cholesky;
use crate::units::Seed;
use argmin::core::{Executor, State, TerminationReason, TerminationStatus};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// With more measurements than this, all starts are first tried on a random subset of this size.
const COARSE: usize = 100;
/// Past steps that L-BFGS remembers.
const MEMORY: usize = 7;

/// How hyper-parameters are searched.
#[derive(Debug, Clone, PartialEq)]
pub struct FitOptions {
    /// Starts besides the given hyper-parameters, spread evenly over a box judged from the data and searched in
    /// parallel. Default 3.
    pub restarts: usize,
    /// Largest number of L-BFGS steps a start. Default 100.
    pub max_iterations: u64,
    /// Converged when no derivative of the log marginal likelihood (plus log priors) by a log-parameter exceeds
    /// this, in nats. Default 10⁻³, which leaves less than about 10⁻⁶ nats to be gained.
    pub gradient_tolerance: f64,
    /// Decides the starts, and the subset that sorts them. Default 0.
    pub seed: Seed,
    /// Priors by parameter name; `lengthscale` stands for every `lengthscale[k]` and every `term0.lengthscale`, the
    /// first that fits counts. The density is that of log θ, see [`Prior`]. Default none: maximum likelihood.
    pub priors: Vec<(String, Prior)>,
    /// Limits by parameter name, as for the priors. Default none: only those judged from the data, which are smooth
    /// and far out.
    pub bounds: Vec<(String, Bounds)>,
}

impl Default for FitOptions {
    fn default() -> Self {
        Self {
            restarts: 3,
            max_iterations: 100,
            gradient_tolerance: 1e-3,
            seed: Seed(0),
            priors: Vec::new(),
            bounds: Vec::new(),
        }
    }
}

/// Why the search from the winning start stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FitReport {
    /// Log marginal likelihood at the chosen hyper-parameters, nats (priors not included); for models that are fitted by
    /// a lower bound of it, that bound.
    pub log_marginal_likelihood: f64,
    /// Sum of the log prior densities there (of the log-parameters, normalised), nats; zero without priors.
    pub log_prior: f64,
    /// Largest magnitude among the derivatives by the log-parameters (priors included), nats; those that push a
    /// parameter against a hard limit it has reached do not count.
    pub largest_derivative: f64,
    /// Why the winning search stopped.
    pub stop: Stop,
    /// Likelihood evaluations on all measurements, all starts together.
    pub evaluations: usize,
    /// Likelihood evaluations on a subset of the measurements, all starts together.
    pub coarse_evaluations: usize,
    /// The hyper-parameters ended beyond what the data can tell (e.g. a lengthscale over 1000 times the extent).
    pub at_limit: bool,
    /// Names of the parameters that ended on a hard limit, or beyond a smooth one, of [`FitOptions::bounds`].
    pub at_bounds: Vec<String>,
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

/// What a search climbs: the named log-parameters, then perhaps coordinates without a name, which take no prior and no
/// bounds.
pub(super) struct Problem<'a> {
    pub parameters: Vec<Parameter>,
    /// A start for each coordinate.
    pub given: Vec<f64>,
    /// Judged from the data, one for each coordinate.
    pub ranges: Vec<LogRange>,
    pub whole: &'a dyn Evidence,
    /// The same on few measurements, to tell good starts from bad ones.
    pub subset: Option<&'a dyn Evidence>,
}

impl FitOptions {
    pub(super) fn search(&self, kernel: &dyn Kernel, data: &Data<'_>) -> Result<Found> {
        let parameters = parameters(kernel, data.noise);
        let few = self.coarse_subset(data.targets.len());
        let few = few.map(|chosen| Chosen::from(data, &chosen));
        let few = few
            .as_ref()
            .map(|few| ExactEvidence::new(kernel, few.data()));
        let part = self.part(data.targets.len());
        let part = part.map(|chosen| Chosen::from(data, &chosen));
        let part = part
            .as_ref()
            .map(|part| ExactEvidence::new(kernel, part.data()));
        let whole = ExactEvidence::new(kernel, *data).with_part(part.as_ref());
        let problem = Problem {
            given: parameters.iter().map(|p| p.value.ln()).collect(),
            ranges: log_ranges(data, &parameters)?,
            parameters,
            whole: &whole,
            subset: few.as_ref().map(|few| few as &dyn Evidence),
        };
        let Some((coordinates, report)) = self.maximise(&problem)? else {
            let mut factor = Cholesky::default();
            data.factor_into(kernel, &mut factor)?;
            data.whiten(&factor)?;
            return Err(no_finite_likelihood());
        };
        let (kernel, noise) = whole.model(&coordinates)?;
        Ok(Found {
            kernel,
            noise,
            report,
        })
    }

    /// The measurements that sort the starts; `None` if all measurements shall do that.
    pub(super) fn coarse_subset(&self, total: usize) -> Option<Vec<usize>> {
        (total > COARSE && self.restarts > 0).then(|| subset(total, COARSE, self.seed))
    }

    /// The measurements that carry the best start nearly to the end where all of them are many.
    fn part(&self, total: usize) -> Option<Vec<usize>> {
        let count = total / 4;
        (count >= 2 * COARSE && self.restarts > 0).then(|| subset(total, count, self.seed))
    }

    /// Climbs from the given coordinates and from the restarts; `None` if no start has a finite likelihood.
    pub(super) fn maximise(&self, problem: &Problem<'_>) -> Result<Option<(Vec<f64>, FitReport)>> {
        if !(self.gradient_tolerance > 0.0 && self.gradient_tolerance.is_finite()) {
            return Err(Error::argument(
                "gradient_tolerance",
                self.gradient_tolerance,
                "a positive number",
            ));
        }
        let rules = self.rules(problem)?;
        let ranges: Vec<LogRange> = rules.iter().map(|rule| rule.range).collect();
        let given = problem.given.iter().zip(&ranges);
        let given: Vec<f64> = given
            .map(|(v, range)| v.max(range.wall.0).min(range.wall.1))
            .collect();
        let mut starts = vec![given.clone()];
        starts.extend(space_filling_starts(&ranges, self.restarts, self.seed));

        let mut coarse_evaluations = 0;
        let mut curvature = None;
        let mut lower = problem.subset;
        // The maximum on few measurements is nats away from that on all, so half a nat a log unit is near enough.
        let rough = Self {
            gradient_tolerance: self.gradient_tolerance.max(0.5),
            max_iterations: self.max_iterations.min(40),
            ..self.clone()
        };
        let part = problem.whole.part().filter(|_| lower.is_some());
        for upper in part.into_iter().chain([problem.whole]) {
            let Some(evidence) = lower.replace(upper) else {
                continue;
            };
            let (best, evaluations) = rough.best_of(evidence, &rules, &starts, curvature.as_ref());
            coarse_evaluations += evaluations;
            curvature = None;
            starts = vec![given.clone()];
            let Some(best) = best else { continue };
            if let (Some(few), Some(many)) = (evidence.measurements(), upper.measurements()) {
                let growth = many as f64 / few as f64;
                let (found, evaluations) =
                    Curvature::around(evidence, &rules, &best.log_parameters, growth);
                coarse_evaluations += evaluations;
                curvature = found;
            }
            starts = vec![best.log_parameters];
        }

        let (mut best, mut evaluations) =
            self.best_of(problem.whole, &rules, &starts, curvature.as_ref());
        if best.is_none() {
            let (end, more) = self.best_of(problem.whole, &rules, &[given], None);
            best = end;
            evaluations += more;
        }
        Ok(best.map(|best| {
            let ends = || best.log_parameters.iter().zip(&rules);
            let bound = |(v, rule): (&f64, &Rule)| rule.bounds.binds(*v);
            let beyond = |(v, rule): (&f64, &Rule)| {
                (*v < rule.range.wall.0 || *v > rule.range.wall.1) && !rule.bounds.binds(*v)
            };
            let named = problem.parameters.iter().zip(ends());
            let report = FitReport {
                log_marginal_likelihood: best.log_marginal_likelihood,
                log_prior: best.log_prior,
                largest_derivative: best.largest_derivative,
                stop: best.stop.clone(),
                evaluations,
                coarse_evaluations,
                at_limit: ends().any(beyond),
                at_bounds: named
                    .filter(|(_, end)| bound(*end))
                    .map(|(parameter, _)| parameter.name.clone())
                    .collect(),
            };
            (best.log_parameters, report)
        }))
    }

    /// Range, prior and limits of each coordinate.
    fn rules(&self, problem: &Problem<'_>) -> Result<Vec<Rule>> {
        self.priors.iter().try_for_each(|(name, p)| p.check(name))?;
        self.bounds.iter().try_for_each(|(name, b)| b.check(name))?;
        let mut priors = assign("priors", &self.priors, &problem.parameters)?;
        let mut bounds = assign("bounds", &self.bounds, &problem.parameters)?;
        priors.resize(problem.ranges.len(), None);
        bounds.resize(problem.ranges.len(), None);
        let ranges = problem.ranges.iter();
        Ok(ranges
            .zip(priors.into_iter().zip(bounds))
            .map(|(range, (prior, bounds))| {
                let bounds = bounds.map_or(LogBounds::NONE, |b| b.logs());
                Rule {
                    range: bounds.narrow(*range),
                    prior,
                    bounds,
                }
            })
            .collect())
    }

    /// Runs L-BFGS from every start, side by side, and returns the end with the highest objective (the earliest start
    /// among equals, so that threads do not matter) and the number of evaluations.
    fn best_of(
        &self,
        evidence: &dyn Evidence,
        rules: &[Rule],
        starts: &[Vec<f64>],
        curvature: Option<&Curvature>,
    ) -> (Option<End>, usize) {
        let searched = |start: &Vec<f64>| {
            let objective = Objective::new(evidence, rules);
            let end = self.climb(&objective, start, curvature);
            (end, objective.search.borrow().evaluations)
        };
        let outcomes: Vec<(Option<End>, usize)> = starts.par_iter().map(searched).collect();
        let evaluations = outcomes.iter().map(|(_, count)| count).sum();
        let ends = outcomes.into_iter().filter_map(|(end, _)| end);
        let best = ends.reduce(|best, end| if end.value > best.value { end } else { best });
        (best, evaluations)
    }

    /// Climbs from one start. A search that ends pushing against a hard limit is put onto the limit, which the search
    /// variable reaches only slowly, and goes on from there with that parameter at rest.
    fn climb(
        &self,
        objective: &Objective<'_>,
        start: &[f64],
        curvature: Option<&Curvature>,
    ) -> Option<End> {
        let mut end = self.run(objective, &objective.inside(start), curvature)?;
        while let Some(held) = objective.held(&end.log_parameters, &end.gradient) {
            let Some(onto) = objective.evaluate(&held) else {
                break;
            };
            if onto.value < end.value - 1e-9 * (1.0 + end.value.abs()) {
                break;
            }
            let next = self.run(objective, &held, curvature)?;
            // Each round puts at least one parameter more to rest, or leaves what it had.
            let rested = |at: &[f64]| {
                let both = at.iter().zip(&held);
                both.filter(|(v, h)| v == h).count()
            };
            let further = rested(&next.log_parameters) > rested(&end.log_parameters);
            end = next;
            if !further {
                break;
            }
        }
        Some(end)
    }

    /// One run of L-BFGS. The first step is the gradient of the objective, in coordinates made by the curvature if there
    /// is one, so the objective is divided by what makes that step longer than one log unit. The best point seen is kept
    /// on our side, so that a failing line search loses nothing.
    fn run(
        &self,
        objective: &Objective<'_>,
        start: &[f64],
        curvature: Option<&Curvature>,
    ) -> Option<End> {
        let first = objective.evaluate(start)?;
        let end = |at: &[f64], evaluation: Evaluation, stop: Stop| {
            let largest_derivative = objective.largest_derivative(at, &evaluation.gradient);
            End {
                log_parameters: at.to_vec(),
                value: evaluation.value,
                log_marginal_likelihood: evaluation.log_marginal_likelihood,
                log_prior: evaluation.log_prior,
                gradient: evaluation.gradient,
                // Whatever the optimiser says, only a small gradient is convergence.
                stop: if largest_derivative <= self.gradient_tolerance {
                    Stop::Converged
                } else {
                    stop
                },
                largest_derivative,
            }
        };
        let slope = objective.largest_derivative(start, &first.gradient);
        if slope <= self.gradient_tolerance {
            return Some(end(start, first, Stop::Converged));
        }
        let variables = objective.search_variables(start);
        let (coordinates, longest) = match curvature {
            None => (variables.clone(), slope),
            Some(curvature) => {
                let slopes = objective.slopes(&first, &variables);
                let step = curvature.step(&curvature.slopes(&slopes));
                let longest = step
                    .iter()
                    .fold(0.0, |longest: f64, s| longest.max(s.abs()));
                (vec![0.0; variables.len()], longest)
            }
        };
        let scale = 1.0 / longest.max(1.0);
        {
            let mut search = objective.search.borrow_mut();
            search.scale = scale;
            search.frame = curvature.map(|curvature| (variables, curvature.clone()));
            search.tolerance = self.gradient_tolerance;
            search.failed = scale * first.value.abs() * 10.0 + 1e3;
            search.best = Some((start.to_vec(), first.clone()));
            search.last = Some((coordinates.clone(), first.clone()));
        }
        let search = MoreThuenteLineSearch::new().with_bounds(1e-10, 1e4).ok()?;
        let solver = LBFGS::new(search, MEMORY)
            .with_tolerance_grad(f64::MIN_POSITIVE)
            .ok()?
            .with_tolerance_cost(1e-11 * (1.0 + scale * first.value.abs()))
            .ok()?;
        // The first cost and gradient are left to the solver, which finds them remembered: a cost handed over here
        // would also become the previous cost and stop the run as "unchanged" before its first step.
        let outcome = Executor::new(objective, solver)
            .configure(|state| state.param(coordinates).max_iters(self.max_iterations))
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
        Some(end(&log_parameters, best, reason))
    }
}

/// What to say when no start has a finite likelihood, for no reason that can be named better.
pub(super) fn no_finite_likelihood() -> Error {
    Error::argument(
        "y",
        "no finite likelihood at any start",
        "measurements that the kernel and the noise can explain",
    )
}

/// Where one search ended.
struct End {
    log_parameters: Vec<f64>,
    value: f64,
    log_marginal_likelihood: f64,
    log_prior: f64,
    gradient: Vec<f64>,
    largest_derivative: f64,
    stop: Stop,
}
