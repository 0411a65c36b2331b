//! What a fit maximises, in the form the optimiser wants it.

use super::bounds::LogBounds;
use super::prior::Prior;
use super::restart::LogRange;
use argmin::core::{CostFunction, Gradient};
use std::cell::RefCell;

/// A log marginal likelihood as a function of coordinates: logarithms of hyper-parameters, then perhaps a prior mean.
pub(super) trait Evidence: Sync {
    /// An evaluator for one search. What it remembers from step to step is its own, so that searches which run side by
    /// side end as they would alone.
    fn evaluator(&self) -> Box<dyn Evaluate + '_>;
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
    /// Scaled cost reported where the likelihood cannot be computed: bad, yet finite, so line searches back off.
    pub failed: f64,
    /// Log-parameters of the best evaluation so far.
    pub best: Option<(Vec<f64>, Evaluation)>,
    /// Search variables of the last evaluation.
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

    /// Smallest size of a hard passage, which a derivative by the search variables shrinks with.
    pub fn narrowest(&self) -> f64 {
        let widths = self.rules.iter().map(|rule| rule.bounds.half_width());
        widths.fold(1.0, f64::min)
    }

    /// The evaluation at these search variables, from the last call if they were the same: the optimiser asks for
    /// value and gradient separately.
    fn remembered(&self, variables: &[f64]) -> Option<Evaluation> {
        if let Some((at, evaluation)) = &self.search.borrow().last
            && at == variables
        {
            return Some(evaluation.clone());
        }
        let both = variables.iter().zip(self.rules);
        let log_parameters: Vec<f64> = both.map(|(&u, rule)| rule.bounds.outer(u).0).collect();
        let evaluation = self.evaluate(&log_parameters)?;
        let mut search = self.search.borrow_mut();
        if search
            .best
            .as_ref()
            .is_none_or(|(_, best)| evaluation.value > best.value)
        {
            search.best = Some((log_parameters, evaluation.clone()));
        }
        search.last = Some((variables.to_vec(), evaluation.clone()));
        Some(evaluation)
    }
}

impl CostFunction for &Objective<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, variables: &Vec<f64>) -> std::result::Result<f64, argmin::core::Error> {
        let evaluation = self.remembered(variables);
        let search = self.search.borrow();
        Ok(evaluation.map_or(search.failed, |e| -search.scale * e.value))
    }
}

impl Gradient for &Objective<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, variables: &Vec<f64>) -> std::result::Result<Vec<f64>, argmin::core::Error> {
        let Some(evaluation) = self.remembered(variables) else {
            return Ok(vec![0.0; variables.len()]);
        };
        let scale = self.search.borrow().scale;
        let all = evaluation.gradient.iter().zip(variables).zip(self.rules);
        Ok(all
            .map(|((g, &u), rule)| -scale * g * rule.bounds.outer(u).1)
            .collect())
    }
}
