//! Sums of kernels.

use super::{CHUNK, Kernel, Parameter, boxed, check_log_parameters};
use crate::error::{Error, Result};
use crate::gp::points::PointsView;
use serde::{Deserialize, Serialize};
use std::any::Any;

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
    terms: Vec<Box<dyn Kernel>>,
}

impl Sum {
    /// The sum of any number of kernels, at least one.
    pub fn new(terms: impl IntoIterator<Item = Box<dyn Kernel>>) -> Self {
        let mut flat = Vec::new();
        for term in terms {
            let term = boxed(term);
            let any: &dyn Any = term.as_ref();
            match any.downcast_ref::<Self>() {
                Some(sum) => flat.extend(sum.terms.iter().cloned()),
                None => flat.push(term),
            }
        }
        Self { terms: flat }
    }

    /// The terms.
    pub fn terms(&self) -> &[Box<dyn Kernel>] {
        &self.terms
    }
}

impl Kernel for Sum {
    fn check(&self, dimension: usize) -> Result<()> {
        check_parts("a sum", &self.terms)?;
        self.terms.iter().try_for_each(|t| t.check(dimension))
    }

    fn check_points(&self, points: PointsView<'_>) -> Result<()> {
        check_parts("a sum", &self.terms)?;
        self.terms.iter().try_for_each(|t| t.check_points(points))
    }

    fn covariances(&self, point: &[f64], others: PointsView<'_>, out: &mut [f64]) {
        let Some((first, rest)) = self.terms.split_first() else {
            out.fill(0.0);
            return;
        };
        first.covariances(point, others, out);
        let mut scratch = [0.0; CHUNK];
        for (block, out) in out.chunks_mut(CHUNK).enumerate() {
            let row = &mut scratch[..out.len()];
            let others = others.range(block * CHUNK, block * CHUNK + out.len());
            for term in rest {
                term.covariances(point, others, row);
                for (total, value) in out.iter_mut().zip(row.iter()) {
                    *total += value;
                }
            }
        }
    }

    fn variance(&self, point: &[f64]) -> f64 {
        self.terms.iter().map(|t| t.variance(point)).sum()
    }

    fn parameters(&self) -> Vec<Parameter> {
        part_parameters("term", &self.terms)
    }

    fn parameter_count(&self) -> usize {
        self.terms.iter().map(|t| t.parameter_count()).sum()
    }

    fn set_log_parameters(&mut self, values: &[f64]) -> Result<()> {
        self.terms = with_log_parameters(&self.terms, values)?;
        Ok(())
    }

    fn accumulate_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        mut gradient: &mut [f64],
    ) -> f64 {
        let mut sum = 0.0;
        for term in &self.terms {
            let (own, rest) = gradient.split_at_mut(term.parameter_count());
            sum += term.accumulate_gradient(point, others, weights, own);
            gradient = rest;
        }
        sum
    }

    fn clone_box(&self) -> Box<dyn Kernel> {
        Box::new(self.clone())
    }
}

/// Refuses a composition of nothing.
pub(super) fn check_parts(what: &str, parts: &[Box<dyn Kernel>]) -> Result<()> {
    if parts.is_empty() {
        let found = format!("{what} of no kernels");
        return Err(Error::argument("kernel", found, "one kernel or more"));
    }
    Ok(())
}

/// The hyper-parameters of all parts, each behind the number of its part.
pub(super) fn part_parameters(kind: &str, parts: &[Box<dyn Kernel>]) -> Vec<Parameter> {
    let numbered = parts.iter().enumerate();
    numbered
        .flat_map(|(i, part)| {
            part.parameters().into_iter().map(move |p| Parameter {
                name: format!("{kind}{i}.{}", p.name),
                ..p
            })
        })
        .collect()
}

/// Copies of the parts with these log-parameters; copies, so that a refusal by one part leaves all as they were.
pub(super) fn with_log_parameters(
    parts: &[Box<dyn Kernel>],
    mut values: &[f64],
) -> Result<Vec<Box<dyn Kernel>>> {
    let count = parts.iter().map(|p| p.parameter_count()).sum();
    check_log_parameters(values, count)?;
    let mut changed = parts.to_vec();
    for part in &mut changed {
        let (own, rest) = values.split_at(part.parameter_count());
        part.set_log_parameters(own)?;
        values = rest;
    }
    Ok(changed)
}
