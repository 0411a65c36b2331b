//! How likely a setting is to keep its limits, by one process for each constrained quantity.

use super::model::{Model, Scale, fitted};
use super::study::Study;
use super::trial::Trial;
use crate::acquisition::{Limit, log_probability_of_feasibility};
use crate::error::Result;
use crate::gp::{ExactGp, Marginals, Noise, Surrogate};
use ndarray::Array2;

/// Models of all constrained quantities, in standardised units.
///
/// Pending trials are not taken into account: what they will show of a constraint does not make a place less worth trying.
#[derive(Debug)]
pub(super) struct Feasibility {
    quantities: Vec<ExactGp>,
    limits: Vec<Limit>,
    /// Whether any told setting is believed to keep all limits.
    known: bool,
}

impl Feasibility {
    /// Fits a process with learned noise to each quantity at the coordinates `x` of the told trials; `None` for a problem
    /// without constraints.
    pub fn fit(study: &Study, told: &[&Trial], x: &Array2<f64>) -> Result<Option<Self>> {
        let constraints = &study.problem().constraints;
        if constraints.is_empty() {
            return Ok(None);
        }
        let (mut quantities, mut limits) = (Vec::new(), Vec::new());
        for constraint in constraints {
            let values = told.iter().filter_map(|trial| trial.observation());
            let values: Vec<f64> = values
                .filter_map(|o| o.constraints.get(&constraint.name).copied())
                .collect();
            let scale = Scale::of(&values);
            let y: Vec<f64> = values.iter().map(|v| scale.apply(*v)).collect();
            let space = &study.problem().space;
            quantities.push(fitted(space, &[], Noise::Homoscedastic(1e-3), x, &y)?);
            limits.push(constraint.limit.standardised(scale.shift, scale.spread));
        }
        let mut feasibility = Self {
            quantities,
            limits,
            known: false,
        };
        feasibility.known = feasibility.allowed(x)?.contains(&true);
        Ok(Some(feasibility))
    }

    /// Number of the told trial, at row of `x`, to improve on: of those believed to keep all limits the one with the best
    /// mean, or, as long as there is none, the one most likely to keep them.
    pub fn best(&self, x: &Array2<f64>, means: &[f64]) -> Result<usize> {
        let worth = if self.known {
            let allowed = self.allowed(x)?;
            let worth = |(mean, allowed): (&f64, bool)| {
                if allowed { *mean } else { f64::NEG_INFINITY }
            };
            means.iter().zip(allowed).map(worth).collect()
        } else {
            self.log_probability(x)?
        };
        Ok((0..worth.len()).fold(0, |b, i| if worth[i] > worth[b] { i } else { b }))
    }

    /// Whether there is a value to improve on. Otherwise the probability alone decides (Gelbart, Snoek and Adams, UAI 2014).
    pub fn is_known(&self) -> bool {
        self.known
    }

    /// ln P(all limits are kept) at each row, noise of the measurement not counted.
    pub fn log_probability(&self, x: &Array2<f64>) -> Result<Vec<f64>> {
        log_probability_of_feasibility(&self.marginals(x)?, &self.limits)
    }

    /// [`Feasibility::log_probability`] at one place and its slopes by the coordinates.
    fn slopes(&self, x: &[f64]) -> Result<(f64, Vec<f64>)> {
        let place = Array2::from_shape_fn((1, x.len()), |(_, k)| x[k]);
        let mut total = vec![0.0; x.len()];
        for (quantity, limit) in self.quantities.iter().zip(&self.limits) {
            let slopes = quantity.slopes(x)?;
            let (by_mean, by_variance) = limit.slopes(slopes.mean, slopes.variance.max(1e-12));
            for (k, slope) in total.iter_mut().enumerate() {
                *slope += by_mean * slopes.of_mean[k] + by_variance * slopes.of_variance[k];
            }
        }
        Ok((self.log_probability(&place)?[0], total))
    }

    /// Whether the posterior means at each row keep all limits.
    pub fn allowed(&self, x: &Array2<f64>) -> Result<Vec<bool>> {
        let beliefs = self.marginals(x)?;
        let kept = |i: usize| {
            let mut pairs = beliefs.iter().zip(&self.limits);
            pairs.all(|(belief, limit)| limit.margin(belief.mean[i]) >= 0.0)
        };
        Ok((0..x.nrows()).map(kept).collect())
    }

    fn marginals(&self, x: &Array2<f64>) -> Result<Vec<Marginals>> {
        let quantities = self.quantities.iter();
        quantities
            .map(|quantity| quantity.marginals(x.view()))
            .collect()
    }
}

impl Model {
    /// Whether the posterior means at each row keep all constraints.
    pub fn allowed(&self, x: &Array2<f64>) -> Result<Vec<bool>> {
        match &self.feasibility {
            Some(feasibility) => feasibility.allowed(x),
            None => Ok(vec![true; x.nrows()]),
        }
    }

    /// ln P(all constraints are kept) at each row; 0 without constraints.
    pub fn log_feasibility(&self, x: &Array2<f64>) -> Result<Vec<f64>> {
        match &self.feasibility {
            Some(feasibility) => feasibility.log_probability(x),
            None => Ok(vec![0.0; x.nrows()]),
        }
    }

    /// The same at one place, with its slopes.
    pub fn feasibility_slopes(&self, x: &[f64]) -> Result<(f64, Vec<f64>)> {
        match &self.feasibility {
            Some(feasibility) => feasibility.slopes(x),
            None => Ok((0.0, vec![0.0; x.len()])),
        }
    }
}
