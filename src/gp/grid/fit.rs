//! Choosing the hyper-parameters of a process on a grid.

use super::kernel::GridKernel;
use super::lattice::Grid;
use super::model::{GridGp, parameters};
use super::objective::{Evaluation, Objective};
use super::observations::Observations;
use super::system::Covariance;
use crate::error::{Error, Result};
use crate::gp::evidence::Data;
use crate::gp::points::Points;
use crate::gp::restart::{LogRange, log_ranges, space_filling_starts};
use crate::gp::{FitReport, Mean, Noise, Stop};
use crate::units::Seed;
use argmin::core::{Executor, State, TerminationReason, TerminationStatus};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use ndarray::{ArrayView2, array};

/// Observed pixels in the window on which starts are compared.
const COARSE: f64 = 1000.0;
/// Past steps that L-BFGS remembers.
const MEMORY: usize = 7;

/// How hyper-parameters on a grid are searched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GridFitOptions {
    /// Starts besides the given hyper-parameters, compared on a window in the middle of the grid. Default 3.
    pub restarts: usize,
    /// Largest number of L-BFGS steps a start. Default 50.
    pub max_iterations: u64,
    /// Converged when no derivative of the log marginal likelihood by a log-parameter exceeds this, in nats.
    /// Default 10⁻².
    pub gradient_tolerance: f64,
    /// Decides the starts. Default 0.
    pub seed: Seed,
}

impl Default for GridFitOptions {
    fn default() -> Self {
        Self {
            restarts: 3,
            max_iterations: 50,
            gradient_tolerance: 1e-2,
            seed: Seed(0),
        }
    }
}

impl GridGp {
    /// Conditions on an image as [`GridGp::condition`] and chooses the hyper-parameters that maximise the log
    /// marginal likelihood: exact with analytic gradients for product kernels whose modes can be factored, else with
    /// central differences, the probes of an estimate held fixed so that it is a smooth function. Known noise is
    /// left alone; a shared variance and [`Mean::Constant`] are fitted too; [`Mean::Fixed`] and custom means are kept.
    ///
    /// # Errors
    /// As [`GridGp::condition`]; [`Error::Argument`] for unusable options, a [`Mean::Linear`], or if no pixel was
    /// observed.
    pub fn fit<'v>(
        self,
        values: impl Into<ArrayView2<'v, f64>>,
        options: &GridFitOptions,
    ) -> Result<Self> {
        self.take(values.into(), None)?.search(options)
    }

    /// As [`GridGp::fit`] for the pixels where `observed` holds.
    ///
    /// # Errors
    /// As [`GridGp::fit`].
    pub fn fit_where<'v>(
        self,
        values: impl Into<ArrayView2<'v, f64>>,
        observed: impl Into<ArrayView2<'v, bool>>,
        options: &GridFitOptions,
    ) -> Result<Self> {
        self.take(values.into(), Some(observed.into()))?
            .search(options)
    }

    fn search(mut self, options: &GridFitOptions) -> Result<Self> {
        let tolerance = options.gradient_tolerance;
        if !(tolerance > 0.0 && tolerance.is_finite()) {
            let allowed = "a positive number";
            return Err(Error::argument("gradient_tolerance", tolerance, allowed));
        }
        if let Mean::Linear { .. } = self.mean {
            return Err(Error::argument(
                "mean",
                "a linear mean, whose slopes a fit on a grid does not estimate",
                "Mean::Zero, Mean::Constant, Mean::Fixed or Mean::custom; conditioning takes a linear mean too",
            ));
        }
        self.mean.check(2)?;
        let raw = match self.mean {
            Mean::Constant(_) => self.measured()?.clone(),
            _ => self.measured()?.minus(&self.mean, &self.grid)?,
        };
        let raw = &raw;
        let named = parameters(&self.kernel, &self.noise);
        let ranges = self.ranges(raw, &named)?;
        let given = named.iter().zip(&ranges);
        let given: Vec<f64> = given
            .map(|(p, range)| p.value.ln().clamp(range.wall.0, range.wall.1))
            .collect();

        let mut start = given.clone();
        let mut coarse_evaluations = 0;
        if options.restarts > 0 {
            let window = self.window(raw)?;
            let (grid, few) = window.as_ref().map_or((&self.grid, raw), |w| (&w.0, &w.1));
            let objective = Objective::new(&self, grid, few, &ranges);
            let mut starts = vec![given.clone()];
            starts.extend(space_filling_starts(
                &ranges,
                options.restarts,
                options.seed,
            ));
            let rough = GridFitOptions {
                gradient_tolerance: tolerance.max(0.1),
                ..*options
            };
            let ends = starts.iter().filter_map(|s| rough.climb(&objective, s));
            let best = ends.reduce(|best, end| {
                if end.0.value > best.0.value {
                    end
                } else {
                    best
                }
            });
            if let Some((_, found, _)) = best {
                start = found;
            }
            coarse_evaluations = objective.search.borrow().evaluations;
        }
        let objective = Objective::new(&self, &self.grid, raw, &ranges);
        let best = match options.climb(&objective, &start) {
            None if start != given => options.climb(&objective, &given),
            outcome => outcome,
        };
        let Some((found, log_parameters, stop)) = best else {
            return Err(Error::argument(
                "values",
                "no finite likelihood at any start",
                "measurements that the kernel and the noise can explain",
            ));
        };
        let evaluations = objective.search.borrow().evaluations;
        let (kernel, noise) = objective.model(&log_parameters)?;
        let mut limits = log_parameters.iter().zip(&ranges);
        let at_limit = limits.any(|(v, range)| *v < range.wall.0 || *v > range.wall.1);
        self.covariance = Covariance::new(&self.grid, &kernel)?;
        self.raw = Some(self.measured()?.with_noise(&noise));
        if let Mean::Constant(_) = self.mean {
            self.mean = Mean::Constant(found.mean);
        }
        (self.kernel, self.noise) = (kernel, noise);
        self.report = Some(FitReport {
            log_marginal_likelihood: found.log_marginal_likelihood,
            largest_derivative: largest(&found.gradient),
            stop,
            evaluations,
            coarse_evaluations,
            at_limit,
            log_prior: 0.0,
            at_bounds: Vec::new(),
        });
        Ok(self)
    }

    /// Where each parameter may reasonably lie, judged from the extent of the grid and the measurements.
    fn ranges(&self, raw: &Observations, named: &[crate::gp::Parameter]) -> Result<Vec<LogRange>> {
        let pixel = self.grid.pixel_size();
        let far = array![
            [0.0, 0.0],
            [
                pixel[0] * (self.grid.rows() - 1) as f64,
                pixel[1] * (self.grid.columns() - 1) as f64
            ]
        ];
        let corners = Points::from_rows("grid", far.view())?;
        let present = raw.residual.iter().zip(&raw.weights);
        let targets: Vec<f64> = present
            .filter_map(|(y, w)| (*w > 0.0).then_some(*y))
            .collect();
        let count = targets.len() as f64;
        let level = match self.mean {
            Mean::Constant(_) => targets.iter().sum::<f64>() / count,
            _ => 0.0,
        };
        let square: f64 = targets.iter().map(|y| (y - level).powi(2)).sum();
        // The ranges follow from the extent and the mean square alone: two corners of that size stand for all.
        let typical = [(square / count).sqrt(); 2];
        let data = Data {
            points: corners.view(),
            targets: &typical,
            noise: &self.noise,
            mean: &Mean::Zero,
        };
        log_ranges(&data, named)
    }

    /// A window in the middle of the grid with about [`COARSE`] observed pixels; `None` if that is most of them.
    fn window(&self, raw: &Observations) -> Result<Option<(Grid, Observations)>> {
        let (rows, columns) = (self.grid.rows(), self.grid.columns());
        let wanted = (COARSE / raw.fraction()).ceil();
        let height = (wanted.sqrt().ceil() as usize).min(rows);
        let width = ((wanted / height as f64).ceil() as usize).min(columns);
        if 2 * height * width > rows * columns {
            return Ok(None);
        }
        let grid = Grid::new(height, width, self.grid.pixel_size())?;
        let few = raw.window(columns, [(rows - height) / 2, (columns - width) / 2], &grid);
        Ok((few.count > 0).then_some((grid, few)))
    }
}

impl GridFitOptions {
    /// One run of L-BFGS, on the objective divided by the size of its first gradient because the first step is the
    /// gradient itself. The best point seen is kept on our side, so that a failing line search loses nothing.
    fn climb(
        &self,
        objective: &Objective<'_>,
        start: &[f64],
    ) -> Option<(Evaluation, Vec<f64>, Stop)> {
        let first = objective.evaluate(start)?;
        if largest(&first.gradient) <= self.gradient_tolerance {
            return Some((first, start.to_vec(), Stop::Converged));
        }
        let scale = 1.0 / largest(&first.gradient).max(1.0);
        {
            let mut search = objective.search.borrow_mut();
            search.scale = scale;
            search.failed = scale * first.value.abs() * 10.0 + 1e3;
            search.best = Some((start.to_vec(), first.clone()));
            search.last = Some((start.to_vec(), first.clone()));
        }
        let line = MoreThuenteLineSearch::new().with_bounds(1e-10, 1e4).ok()?;
        let solver = LBFGS::new(line, MEMORY)
            .with_tolerance_grad(0.5 * self.gradient_tolerance * scale)
            .ok()?
            .with_tolerance_cost(1e-12 * (1.0 + scale * first.value.abs()))
            .ok()?;
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
        Some((best, log_parameters, stop))
    }
}

fn largest(gradient: &[f64]) -> f64 {
    gradient.iter().fold(0.0, |l, g| l.max(g.abs()))
}

/// Kernel and noise with these log-parameters.
pub(super) fn with_log_parameters(
    kernel: &GridKernel,
    noise: &Noise,
    log_parameters: &[f64],
) -> Result<(GridKernel, Noise)> {
    let mut kernel = kernel.clone();
    match (noise, log_parameters.split_last()) {
        (Noise::Homoscedastic(_), Some((variance, rest))) => {
            kernel.set_log_parameters(rest)?;
            Ok((kernel, Noise::Homoscedastic(variance.exp())))
        }
        _ => {
            kernel.set_log_parameters(log_parameters)?;
            Ok((kernel, noise.clone()))
        }
    }
}
