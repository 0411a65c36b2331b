//! What a fit on a grid maximises, in the form the optimiser wants it.

use super::evidence::evidence;
use super::fit::with_log_parameters;
use super::gradient::gradient;
use super::kernel::GridKernel;
use super::lattice::Grid;
use super::model::GridGp;
use super::observations::Observations;
use super::reduced_rank::Budget;
use super::route::{Choice, Exact};
use super::system::{Covariance, System};
use crate::error::{Error, Result};
use crate::gp::kernel::dot;
use crate::gp::restart::LogRange;
use crate::gp::{Mean, Noise};
use argmin::core::{CostFunction, Gradient};
use std::cell::RefCell;

/// Step of central differences in log-parameters: their error h² f‴/6 is then about 10⁻⁷ of the likelihood's own
/// curvature, and rounding 10⁻⁷ of its value.
const STEP: f64 = 1e-4;

/// The objective (to be maximised) at one point.
#[derive(Clone)]
pub(super) struct Evaluation {
    pub value: f64,
    pub log_marginal_likelihood: f64,
    pub gradient: Vec<f64>,
    pub mean: f64,
}

/// What changes while the optimiser runs.
#[derive(Default)]
pub(super) struct Search {
    pub scale: f64,
    /// Scaled cost reported where the likelihood cannot be computed: bad, yet finite, so line searches back off.
    pub failed: f64,
    pub best: Option<(Vec<f64>, Evaluation)>,
    pub last: Option<(Vec<f64>, Evaluation)>,
    pub evaluations: usize,
}

/// Log marginal likelihood minus the walls, as a function of the log-parameters.
pub(super) struct Objective<'a> {
    gp: &'a GridGp,
    grid: &'a Grid,
    raw: &'a Observations,
    ranges: &'a [LogRange],
    pub search: RefCell<Search>,
}

impl<'a> Objective<'a> {
    pub fn new(
        gp: &'a GridGp,
        grid: &'a Grid,
        raw: &'a Observations,
        ranges: &'a [LogRange],
    ) -> Self {
        Self {
            gp,
            grid,
            raw,
            ranges,
            search: RefCell::default(),
        }
    }

    /// Kernel and noise with these log-parameters.
    pub fn model(&self, log_parameters: &[f64]) -> Result<(GridKernel, Noise)> {
        with_log_parameters(&self.gp.kernel, &self.gp.noise, log_parameters)
    }

    /// `None` where the likelihood cannot be computed.
    pub fn evaluate(&self, log_parameters: &[f64]) -> Option<Evaluation> {
        self.search.borrow_mut().evaluations += 1;
        let mut evaluation = self.likelihood(log_parameters).ok()?;
        let terms = log_parameters.iter().zip(self.ranges);
        for ((&v, range), slot) in terms.zip(&mut evaluation.gradient) {
            let beyond = (v - range.wall.1).max(0.0) + (v - range.wall.0).min(0.0);
            // Gentle at its foot, where a sudden curvature would ruin the optimiser's memory, steep further out.
            evaluation.value -= beyond.powi(2) + beyond.powi(4);
            *slot -= 2.0 * beyond + 4.0 * beyond.powi(3);
        }
        let finite = evaluation.gradient.iter().all(|g| g.is_finite());
        (finite && evaluation.value.is_finite()).then_some(evaluation)
    }

    /// The likelihood with its gradient: analytic where there is one, else by central differences.
    fn likelihood(&self, log_parameters: &[f64]) -> Result<Evaluation> {
        let point = Point::new(self, log_parameters)?;
        let budget = Budget::fit(self.gp.options.largest_factor);
        let choice = Choice::new(&point.covariance, &point.observations, budget);
        if let Some(evaluation) = self.analytic(&point, choice)? {
            return Ok(evaluation);
        }
        let value = self.plain(point, choice)?;
        let mut gradient = vec![0.0; log_parameters.len()];
        let mut moved = log_parameters.to_vec();
        for (p, slot) in gradient.iter_mut().enumerate() {
            let mut at = |shift: f64| -> Result<f64> {
                moved[p] = log_parameters[p] + shift;
                Ok(self.plain(Point::new(self, &moved)?, choice)?.0)
            };
            *slot = (at(STEP)? - at(-STEP)?) / (2.0 * STEP);
            moved[p] = log_parameters[p];
        }
        Ok(Evaluation {
            value: value.0,
            log_marginal_likelihood: value.0,
            gradient,
            mean: value.1,
        })
    }

    fn analytic(&self, point: &Point, choice: Choice) -> Result<Option<Evaluation>> {
        let budget = Budget::fit(self.gp.options.largest_factor);
        let Covariance::Product(basis) = &point.covariance else {
            return Ok(None);
        };
        if choice == Choice::Observations || choice == Choice::Stochastic {
            return Ok(None);
        }
        let covariance = &point.covariance;
        let Some(exact) = Exact::new(choice, covariance, &point.observations, budget)? else {
            return Ok(None);
        };
        let (observations, mean) = self.centred(&point.observations, |ones| {
            exact.solve(&point.observations, ones)
        })?;
        let shared = match point.noise {
            Noise::Homoscedastic(variance) => Some(variance),
            Noise::Known(_) => None,
        };
        let Some(traces) = exact.traces(&observations, shared.map(f64::recip))? else {
            return Ok(None);
        };
        let (field, quadratic) = exact.solve(&observations, &observations.residual)?;
        let constant = observations.count as f64 * std::f64::consts::TAU.ln();
        let value = -0.5 * (quadratic + exact.log_determinant(&observations) + constant);
        let gradient = gradient(
            self.grid,
            &point.kernel,
            shared,
            (basis, &traces),
            &observations,
            &field,
        )?;
        Ok(Some(Evaluation {
            value,
            log_marginal_likelihood: value,
            gradient,
            mean,
        }))
    }

    /// The likelihood alone, and the mean that belongs to it.
    fn plain(&self, point: Point, choice: Choice) -> Result<(f64, f64)> {
        let limits = self.gp.options.limits();
        let (observations, mean) = self.centred(&point.observations, |ones| {
            let system = System {
                covariance: &point.covariance,
                observations: &point.observations,
                limits,
            };
            let solution = system.solve(ones);
            Ok((solution.field, solution.quadratic))
        })?;
        let system = System {
            covariance: &point.covariance,
            observations: &observations,
            limits,
        };
        let found = evidence(system, &self.gp.options, choice)?;
        Ok((found.log_marginal_likelihood, mean))
    }

    /// The observations minus the generalised least-squares constant if one is fitted (other means are off already):
    /// 1ᵀR y / 1ᵀR 1, with R 1 = W (1 − K R 1) and `solve` giving K R 1 and 1ᵀR 1.
    fn centred(
        &self,
        raw: &Observations,
        solve: impl Fn(&[f64]) -> Result<(Vec<f64>, f64)>,
    ) -> Result<(Observations, f64)> {
        let Mean::Constant(_) = self.gp.mean else {
            return Ok((raw.clone(), 0.0));
        };
        let (field, normalisation) = solve(&raw.ones())?;
        let weighted = field.iter().zip(&raw.weights).map(|(f, w)| w * (1.0 - f));
        let weighted: Vec<f64> = weighted.collect();
        let mean = dot(&weighted, &raw.residual) / normalisation;
        if !mean.is_finite() {
            return Err(Error::argument("mean", mean, "a finite least-squares mean"));
        }
        Ok((raw.minus_constant(mean), mean))
    }

    /// The evaluation at this point, from the last call if it was the same: the optimiser asks for value and
    /// gradient separately.
    fn remembered(&self, log_parameters: &[f64]) -> Option<Evaluation> {
        if let Some((at, evaluation)) = &self.search.borrow().last
            && at == log_parameters
        {
            return Some(evaluation.clone());
        }
        let evaluation = self.evaluate(log_parameters)?;
        let mut search = self.search.borrow_mut();
        let here = (log_parameters.to_vec(), evaluation.clone());
        let best = search.best.as_ref();
        if best.is_none_or(|(_, best)| evaluation.value > best.value) {
            search.best = Some(here.clone());
        }
        search.last = Some(here);
        Some(evaluation)
    }
}

/// A model at one set of parameters.
struct Point {
    kernel: GridKernel,
    noise: Noise,
    covariance: Covariance,
    observations: Observations,
}

impl Point {
    fn new(objective: &Objective<'_>, log_parameters: &[f64]) -> Result<Self> {
        let (kernel, noise) = objective.model(log_parameters)?;
        let covariance = Covariance::new(objective.grid, &kernel)?;
        let observations = match noise {
            Noise::Homoscedastic(_) => objective.raw.with_noise(&noise),
            Noise::Known(_) => objective.raw.clone(),
        };
        Ok(Self {
            kernel,
            noise,
            covariance,
            observations,
        })
    }
}

impl CostFunction for &Objective<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, log_parameters: &Vec<f64>) -> std::result::Result<f64, argmin::core::Error> {
        let evaluation = self.remembered(log_parameters);
        let search = self.search.borrow();
        Ok(evaluation.map_or(search.failed, |e| -search.scale * e.value))
    }
}

impl Gradient for &Objective<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(
        &self,
        log_parameters: &Vec<f64>,
    ) -> std::result::Result<Vec<f64>, argmin::core::Error> {
        let evaluation = self.remembered(log_parameters);
        let scale = self.search.borrow().scale;
        Ok(match evaluation {
            Some(e) => e.gradient.iter().map(|g| -scale * g).collect(),
            None => vec![0.0; log_parameters.len()],
        })
    }
}
