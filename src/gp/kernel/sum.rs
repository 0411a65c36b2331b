//! Sums of kernels.

use super::parts::Parts;
use super::{Kernel, Parameter};
use crate::error::Result;
use crate::gp::points::PointsView;
use crate::random::Stream;
use rand::RngExt;
use serde::{Deserialize, Serialize};

/// A sum of kernels: k = Σᵢ kᵢ, written `a + b` or [`a.plus(b)`](Kernel::plus).
///
/// Hyper-parameters are those of the terms in order, named `term0.…`, `term1.…`. A sum within a sum is taken apart,
/// so `a + b + c` has three terms. Rasmussen & Williams (2006), section 4.2.4.
///
/// ```
/// use dosewise::gp::{Constant, Kernel, Rbf};
/// let kernel = Rbf::isotropic(0.5).scaled(2.0) + Constant::new(1.0);
/// assert_eq!(kernel.variance(&[0.3]), 3.0);
/// assert_eq!(kernel.parameters()[1].name, "term0.outputscale");
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sum {
    terms: Parts,
}

impl Sum {
    /// The sum of any number of kernels, at least one.
    pub fn new(terms: impl IntoIterator<Item = Box<dyn Kernel>>) -> Self {
        Self {
            terms: Parts::flat(terms, |sum: &Self| &sum.terms),
        }
    }

    /// The terms.
    pub fn terms(&self) -> &[Box<dyn Kernel>] {
        self.terms.as_slice()
    }
}

impl Kernel for Sum {
    fn check(&self, dimension: usize) -> Result<()> {
        self.terms.check(|term| term.check(dimension))
    }

    fn check_points(&self, points: PointsView<'_>) -> Result<()> {
        self.terms.check(|term| term.check_points(points))
    }

    fn covariances(&self, point: &[f64], others: PointsView<'_>, out: &mut [f64]) {
        let terms = &self.terms;
        terms.covariances(point, others, out, |total, value| *total += value);
    }

    fn variance(&self, point: &[f64]) -> f64 {
        self.terms.iter().map(|t| t.variance(point)).sum()
    }

    fn parameters(&self) -> Vec<Parameter> {
        self.terms.parameters("term")
    }

    fn parameter_count(&self) -> usize {
        self.terms.parameter_count()
    }

    fn set_log_parameters(&mut self, values: &[f64]) -> Result<()> {
        self.terms.set_log_parameters(values)
    }

    fn accumulate_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) -> f64 {
        let terms = self.terms.iter().zip(self.terms.slots());
        let sums = terms.map(|(term, slots)| {
            term.accumulate_gradient(point, others, weights, &mut gradient[slots])
        });
        sums.sum()
    }

    fn accumulate_input_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) {
        for term in self.terms.iter() {
            term.accumulate_input_gradient(point, others, weights, gradient);
        }
    }

    fn accumulate_variance_gradient(&self, point: &[f64], weight: f64, gradient: &mut [f64]) {
        for term in self.terms.iter() {
            term.accumulate_variance_gradient(point, weight, gradient);
        }
    }

    fn draw_frequency(&self, stream: &mut Stream, frequency: &mut [f64]) -> bool {
        // of a stationary kernel the variance is the same everywhere
        let variance = |term: &dyn Kernel| term.variance(frequency);
        let variances: Vec<f64> = self
            .terms
            .iter()
            .map(|term| variance(term.as_ref()))
            .collect();
        let mut left = stream.random::<f64>() * variances.iter().sum::<f64>();
        let chosen = variances.iter().position(|variance| {
            left -= variance;
            left < 0.0
        });
        let chosen = chosen.unwrap_or(variances.len() - 1);
        let mut none = vec![0.0; frequency.len()];
        let mut terms = self.terms.iter().enumerate();
        // every term must have a spectrum, not just the one whose turn it is
        terms.all(|(i, term)| {
            let target = if i == chosen {
                &mut *frequency
            } else {
                &mut none
            };
            term.draw_frequency(stream, target)
        })
    }

    fn clone_box(&self) -> Box<dyn Kernel> {
        Box::new(self.clone())
    }
}
