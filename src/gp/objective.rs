//! What a fit maximises, in the form the optimiser wants it.

use super::bounds::LogBounds;
use super::curvature::Curvature;
use super::prior::Prior;
use super::restart::LogRange;
use argmin::core::{CostFunction, Gradient};
use std::cell::RefCell;

/// A log marginal likelihood as a function of coordinates: logarithms of hyper-parameters, then perhaps a prior mean.
pub(super) trait Evidence: Sync {
    /// An evaluator for one search. What it remembers from step to step is its own, so that searches which run side by
    /// side end as they would alone.
    fn evaluator(&self) -> Box<dyn Evaluate + '_>;

    /// How many measurements it is of, where the curvature on a part of them tells that on all.
    fn measurements(&self) -> Option<usize> {
        None
    }

    /// The same on a part of the measurements, large enough that its maximum is near that on all of them and small
    /// enough to be searched for next to nothing.
    fn part(&self) -> Option<&dyn Evidence> {
        None
    }
}

/// Evaluates a log marginal likelihood along one search.
pub(super) trait Evaluate {
    /// Value in nats and gradient; `None` where it cannot be computed.
    fn evaluate(&mut self, coordinates: &[f64]) -> Option<(f64, Vec<f64>)>;
}

/// The objective (to be maximised) at one point.
#[derive(Clone)]
pub(super) struct Evaluation {
    pub value: f64,
    pub log_marginal_likelihood: f64,
    pub log_prior: f64,
    pub gradient: Vec<f64>,
}

/// What is known of one coordinate besides the data.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    pub range: LogRange,
    pub prior: Option<Prior>,
    pub bounds: LogBounds,
}

/// What changes while the optimiser runs.
#[derive(Default)]
pub(super) struct Search {
    pub scale: f64,
    /// Where the variables count from and along which directions; from zero and one by one if there is nothing.
    pub frame: Option<(Vec<f64>, Curvature)>,
    /// A gradient without a larger derivative is told as zero, which ends the search.
    pub tolerance: f64,
    /// Scaled cost reported where the likelihood cannot be computed: bad, yet finite, so line searches back off.
    pub failed: f64,
    /// Log-parameters of the best evaluation so far.
    pub best: Option<(Vec<f64>, Evaluation)>,
    /// Coordinates of the optimiser at the last evaluation.
    pub last: Option<(Vec<f64>, Evaluation)>,
    pub evaluations: usize,
}

/// Log marginal likelihood plus log priors minus the walls, as a function of the log-parameters; for the optimiser, of
/// search variables that turn hard limits into smooth passages.
pub(super) struct Objective<'a> {
    evidence: RefCell<Box<dyn Evaluate + 'a>>,
    rules: &'a [Rule],
    pub search: RefCell<Search>,
}

impl<'a> Objective<'a> {
    pub fn new(evidence: &'a dyn Evidence, rules: &'a [Rule]) -> Self {
        Self {
            evidence: RefCell::new(evidence.evaluator()),
            rules,
            search: RefCell::default(),
        }
    }

    /// `None` where the covariance has no factor or something overflows.
    pub fn evaluate(&self, log_parameters: &[f64]) -> Option<Evaluation> {
        let (likelihood, mut gradient) = self.evidence.borrow_mut().evaluate(log_parameters)?;
        self.search.borrow_mut().evaluations += 1;
        let (mut penalty, mut log_prior) = (0.0, 0.0);
        for ((&v, slot), rule) in log_parameters.iter().zip(&mut gradient).zip(self.rules) {
            let wall = rule.range.wall;
            let beyond = (v - wall.1).max(0.0) + (v - wall.0).min(0.0);
            // Gentle at its foot, where a sudden curvature would ruin the optimiser's memory, steep further out,
            // where the likelihood of degenerate data may pull with n/2 nats a log unit.
            penalty += beyond.powi(2) + beyond.powi(4);
            *slot -= 2.0 * beyond + 4.0 * beyond.powi(3);
            if let Some(prior) = rule.prior {
                let (density, slope) = prior.log_density_and_slope(v);
                log_prior += density;
                *slot += slope;
            }
        }
        let value = likelihood + log_prior - penalty;
        let finite = value.is_finite() && gradient.iter().all(|g| g.is_finite());
        finite.then_some(Evaluation {
            value,
            log_marginal_likelihood: likelihood,
            log_prior,
            gradient,
        })
    }

    /// A start moved off hard limits.
    pub fn inside(&self, log_parameters: &[f64]) -> Vec<f64> {
        let both = log_parameters.iter().zip(self.rules);
        both.map(|(&v, rule)| rule.bounds.inside(v)).collect()
    }

    /// The optimiser's variables of these log-parameters.
    pub fn search_variables(&self, log_parameters: &[f64]) -> Vec<f64> {
        let both = log_parameters.iter().zip(self.rules);
        both.map(|(&v, rule)| rule.bounds.inner(v)).collect()
    }

    /// The log-parameters with those that push against a hard limit put onto it; `None` if that changes nothing.
    pub fn held(&self, log_parameters: &[f64], gradient: &[f64]) -> Option<Vec<f64>> {
        let all = log_parameters.iter().zip(gradient).zip(self.rules);
        let held: Vec<f64> = all
            .map(|((&v, &g), rule)| rule.bounds.holding(v, g).unwrap_or(v))
            .collect();
        (held != log_parameters).then_some(held)
    }

    /// Largest derivative among the log-parameters that are free to follow it.
    pub fn largest_derivative(&self, log_parameters: &[f64], gradient: &[f64]) -> f64 {
        let all = log_parameters.iter().zip(gradient).zip(self.rules);
        let free = all.filter(|((v, g), rule)| rule.bounds.holding(**v, **g) != Some(**v));
        free.fold(0.0, |largest, ((_, g), _)| largest.max(g.abs()))
    }

    /// The evaluation at these search variables, and the derivatives by them.
    pub fn evaluate_variables(&self, variables: &[f64]) -> Option<(Evaluation, Vec<f64>)> {
        let evaluation = self.evaluate(&self.log_parameters(variables))?;
        let slopes = self.slopes(&evaluation, variables);
        Some((evaluation, slopes))
    }

    fn log_parameters(&self, variables: &[f64]) -> Vec<f64> {
        let both = variables.iter().zip(self.rules);
        both.map(|(&u, rule)| rule.bounds.outer(u).0).collect()
    }

    pub fn slopes(&self, evaluation: &Evaluation, variables: &[f64]) -> Vec<f64> {
        let all = evaluation.gradient.iter().zip(variables).zip(self.rules);
        all.map(|((g, &u), rule)| g * rule.bounds.outer(u).1)
            .collect()
    }

    /// The search variables of what the optimiser moves.
    fn unframed(&self, coordinates: &[f64]) -> Vec<f64> {
        match &self.search.borrow().frame {
            None => coordinates.to_vec(),
            Some((origin, curvature)) => {
                let steps = curvature.step(coordinates);
                origin.iter().zip(steps).map(|(o, s)| o + s).collect()
            }
        }
    }

    /// The evaluation at these coordinates of the optimiser, from the last call if they were the same: it asks for
    /// value and gradient separately.
    fn remembered(&self, coordinates: &[f64]) -> Option<Evaluation> {
        if let Some((at, evaluation)) = &self.search.borrow().last
            && at == coordinates
        {
            return Some(evaluation.clone());
        }
        let log_parameters = self.log_parameters(&self.unframed(coordinates));
        let evaluation = self.evaluate(&log_parameters)?;
        let mut search = self.search.borrow_mut();
        if search
            .best
            .as_ref()
            .is_none_or(|(_, best)| evaluation.value > best.value)
        {
            search.best = Some((log_parameters, evaluation.clone()));
        }
        search.last = Some((coordinates.to_vec(), evaluation.clone()));
        Some(evaluation)
    }
}

impl CostFunction for &Objective<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, coordinates: &Vec<f64>) -> std::result::Result<f64, argmin::core::Error> {
        let evaluation = self.remembered(coordinates);
        let search = self.search.borrow();
        Ok(evaluation.map_or(search.failed, |e| -search.scale * e.value))
    }
}

impl Gradient for &Objective<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(
        &self,
        coordinates: &Vec<f64>,
    ) -> std::result::Result<Vec<f64>, argmin::core::Error> {
        let Some(evaluation) = self.remembered(coordinates) else {
            return Ok(vec![0.0; coordinates.len()]);
        };
        let variables = self.unframed(coordinates);
        let log_parameters = self.log_parameters(&variables);
        let search = self.search.borrow();
        let largest = self.largest_derivative(&log_parameters, &evaluation.gradient);
        if largest <= search.tolerance {
            return Ok(vec![0.0; coordinates.len()]);
        }
        let slopes = self.slopes(&evaluation, &variables);
        let slopes = match &search.frame {
            None => slopes,
            Some((_, curvature)) => curvature.slopes(&slopes),
        };
        Ok(slopes.iter().map(|g| -search.scale * g).collect())
    }
}
