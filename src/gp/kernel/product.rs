//! Products of kernels.

use super::parts::Parts;
use super::{CHUNK, Kernel, Parameter, runs};
use crate::error::Result;
use crate::gp::points::PointsView;
use crate::random::Stream;
use serde::{Deserialize, Serialize};

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
    factors: Parts,
}

impl Product {
    /// The product of any number of kernels, at least one.
    pub fn new(factors: impl IntoIterator<Item = Box<dyn Kernel>>) -> Self {
        Self {
            factors: Parts::flat(factors, |product: &Self| &product.factors),
        }
    }

    /// The factors.
    pub fn factors(&self) -> &[Box<dyn Kernel>] {
        self.factors.as_slice()
    }

    /// Hands each factor, run by run of the points, the weights times all other factors, which is what its gradients
    /// are to be weighted with, and returns Σⱼ weights\[j\] k(point, others\[j\]).
    ///
    /// The other factors are multiplied from the left and from the right, never divided out of the whole, so that a
    /// factor of zero does no harm.
    fn visit(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        mut visitor: impl FnMut(usize, &dyn Kernel, PointsView<'_>, &[f64]),
    ) -> f64 {
        let factors = self.factors();
        let width = others.len().clamp(1, CHUNK);
        let mut scratch = vec![0.0; 2 * factors.len() * width];
        let (values, right) = scratch.split_at_mut(factors.len() * width);
        let mut total = 0.0;
        for (others, weights) in runs(others, weights) {
            let length = weights.len();
            // Row i: factor i, and the product of all factors behind it.
            for (factor, row) in factors.iter().zip(values.chunks_exact_mut(width)) {
                factor.covariances(point, others, &mut row[..length]);
            }
            let mut product = [1.0; CHUNK];
            let rows = right.chunks_exact_mut(width);
            for (value, right) in values.chunks_exact(width).zip(rows).rev() {
                right.copy_from_slice(&product[..width]);
                multiply(&mut product, value);
            }
            // The weights times the factors before i.
            let left = &mut product[..length];
            left.copy_from_slice(weights);
            let rows = values
                .chunks_exact(width)
                .zip(right.chunks_exact_mut(width));
            for (i, (value, right)) in rows.enumerate() {
                let weights = &mut right[..length];
                multiply(weights, left);
                visitor(i, factors[i].as_ref(), others, weights);
                multiply(left, value);
            }
            total += left.iter().sum::<f64>();
        }
        total
    }
}

/// Multiplies each number by its partner.
fn multiply(numbers: &mut [f64], partners: &[f64]) {
    for (number, partner) in numbers.iter_mut().zip(partners) {
        *number *= partner;
    }
}

impl Kernel for Product {
    fn check(&self, dimension: usize) -> Result<()> {
        self.factors.check(|factor| factor.check(dimension))
    }

    fn check_points(&self, points: PointsView<'_>) -> Result<()> {
        self.factors.check(|factor| factor.check_points(points))
    }

    fn covariances(&self, point: &[f64], others: PointsView<'_>, out: &mut [f64]) {
        let factors = &self.factors;
        factors.covariances(point, others, out, |total, value| *total *= value);
    }

    fn variance(&self, point: &[f64]) -> f64 {
        self.factors.iter().map(|f| f.variance(point)).product()
    }

    fn parameters(&self) -> Vec<Parameter> {
        self.factors.parameters("factor")
    }

    fn parameter_count(&self) -> usize {
        self.factors.parameter_count()
    }

    fn set_log_parameters(&mut self, values: &[f64]) -> Result<()> {
        self.factors.set_log_parameters(values)
    }

    fn accumulate_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) -> f64 {
        let slots: Vec<_> = self.factors.slots().collect();
        self.visit(point, others, weights, |i, factor, others, weights| {
            let own = &mut gradient[slots[i].clone()];
            factor.accumulate_gradient(point, others, weights, own);
        })
    }

    fn accumulate_input_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) {
        self.visit(point, others, weights, |_, factor, others, weights| {
            factor.accumulate_input_gradient(point, others, weights, gradient);
        });
    }

    fn accumulate_variance_gradient(&self, point: &[f64], weight: f64, gradient: &mut [f64]) {
        // The product rule at one pair of points.
        for (i, factor) in self.factors.iter().enumerate() {
            let others = self.factors.iter().enumerate().filter(|(j, _)| *j != i);
            let others: f64 = others.map(|(_, other)| other.variance(point)).product();
            factor.accumulate_variance_gradient(point, weight * others, gradient);
        }
    }

    fn draw_frequency(&self, stream: &mut Stream, frequency: &mut [f64]) -> bool {
        let mut factors = self.factors.iter();
        factors.all(|factor| factor.draw_frequency(stream, frequency))
    }

    fn clone_box(&self) -> Box<dyn Kernel> {
        Box::new(self.clone())
    }
}
