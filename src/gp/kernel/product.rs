//! Products of kernels.

use super::sum::{check_parts, part_parameters, with_log_parameters};
use super::{CHUNK, Kernel, Parameter, boxed};
use crate::error::Result;
use crate::gp::points::PointsView;
use serde::{Deserialize, Serialize};
use std::any::Any;

/// A product of kernels: k = Πᵢ kᵢ, written `a * b` or [`a.times(b)`](Kernel::times).
///
/// Hyper-parameters are those of the factors in order, named `factor0.…`, `factor1.…`. A product within a product is
/// taken apart, so `a * b * c` has three factors. Rasmussen & Williams (2006), section 4.2.4.
///
/// ```
/// use dosewise::gp::{Kernel, Rbf};
/// // The product of squared exponentials along each coordinate is the one with both lengthscales.
/// let kernel = Rbf::isotropic(0.5).on_columns([0]) * Rbf::isotropic(2.0).on_columns([1]);
/// let (a, b) = ([0.1, 0.7], [0.4, -0.3]);
/// assert!((kernel.covariance(&a, &b) - Rbf::ard([0.5, 2.0]).covariance(&a, &b)).abs() < 1e-15);
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Product {
    factors: Vec<Box<dyn Kernel>>,
}

impl Product {
    /// The product of any number of kernels, at least one.
    pub fn new(factors: impl IntoIterator<Item = Box<dyn Kernel>>) -> Self {
        let mut flat = Vec::new();
        for factor in factors {
            let factor = boxed(factor);
            let any: &dyn Any = factor.as_ref();
            match any.downcast_ref::<Self>() {
                Some(product) => flat.extend(product.factors.iter().cloned()),
                None => flat.push(factor),
            }
        }
        Self { factors: flat }
    }

    /// The factors.
    pub fn factors(&self) -> &[Box<dyn Kernel>] {
        &self.factors
    }
}

impl Kernel for Product {
    fn check(&self, dimension: usize) -> Result<()> {
        check_parts("a product", &self.factors)?;
        self.factors.iter().try_for_each(|f| f.check(dimension))
    }

    fn check_points(&self, points: PointsView<'_>) -> Result<()> {
        check_parts("a product", &self.factors)?;
        self.factors.iter().try_for_each(|f| f.check_points(points))
    }

    fn covariances(&self, point: &[f64], others: PointsView<'_>, out: &mut [f64]) {
        let Some((first, rest)) = self.factors.split_first() else {
            out.fill(0.0);
            return;
        };
        first.covariances(point, others, out);
        let mut scratch = [0.0; CHUNK];
        for (block, out) in out.chunks_mut(CHUNK).enumerate() {
            let row = &mut scratch[..out.len()];
            let others = others.range(block * CHUNK, block * CHUNK + out.len());
            for factor in rest {
                factor.covariances(point, others, row);
                for (total, value) in out.iter_mut().zip(row.iter()) {
                    *total *= value;
                }
            }
        }
    }

    fn variance(&self, point: &[f64]) -> f64 {
        self.factors.iter().map(|f| f.variance(point)).product()
    }

    fn parameters(&self) -> Vec<Parameter> {
        part_parameters("factor", &self.factors)
    }

    fn parameter_count(&self) -> usize {
        self.factors.iter().map(|f| f.parameter_count()).sum()
    }

    fn set_log_parameters(&mut self, values: &[f64]) -> Result<()> {
        self.factors = with_log_parameters(&self.factors, values)?;
        Ok(())
    }

    fn accumulate_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) -> f64 {
        // The gradient by factor i has the weights times all other factors. These are products of what stands left
        // and right of i, never quotients, so that a factor of zero does no harm.
        let count = self.factors.len();
        let length = others.len().min(weights.len());
        let mut rows = vec![0.0; count * CHUNK];
        let mut total = 0.0;
        for start in (0..length).step_by(CHUNK) {
            let end = (start + CHUNK).min(length);
            let (others, weights) = (others.range(start, end), &weights[start..end]);
            // Row i first holds factor i, then the product of all factors right of it.
            for (factor, row) in self.factors.iter().zip(rows.chunks_exact_mut(CHUNK)) {
                factor.covariances(point, others, &mut row[..end - start]);
            }
            let mut right = [1.0; CHUNK];
            for row in rows.chunks_exact_mut(CHUNK).rev() {
                for (value, product) in row.iter_mut().zip(&mut right) {
                    let own = std::mem::replace(value, *product);
                    *product *= own;
                }
            }
            total += super::dot(weights, &right[..end - start]);
            let mut left = [0.0; CHUNK];
            let left = &mut left[..end - start];
            left.copy_from_slice(weights);
            let mut slots = &mut *gradient;
            let mut scratch = [0.0; CHUNK];
            for (i, (factor, row)) in self
                .factors
                .iter()
                .zip(rows.chunks_exact(CHUNK))
                .enumerate()
            {
                let others_weights = &mut scratch[..end - start];
                for ((w, l), r) in others_weights.iter_mut().zip(left.iter()).zip(row) {
                    *w = l * r;
                }
                let (own, rest) = slots.split_at_mut(factor.parameter_count());
                factor.accumulate_gradient(point, others, others_weights, own);
                slots = rest;
                if i + 1 < count {
                    factor.covariances(point, others, others_weights);
                    for (l, value) in left.iter_mut().zip(others_weights.iter()) {
                        *l *= value;
                    }
                }
            }
        }
        total
    }

    fn clone_box(&self) -> Box<dyn Kernel> {
        Box::new(self.clone())
    }
}
