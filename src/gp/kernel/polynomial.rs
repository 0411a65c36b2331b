//! Polynomials of a fixed degree.

use super::{CHUNK, Kernel, Linear, Parameter, Role, dot, runs};
use crate::error::{Error, Result};
use crate::gp::points::PointsView;
use serde::{Deserialize, Serialize};

/// Degrees above this overflow for inputs of ordinary size, and are no model of anything.
const LARGEST_DEGREE: u32 = 16;

/// Polynomial: k = (c + Σ_d v_d x_d x′_d)^p for a fixed whole degree p of 1 to 16.
///
/// A [`Linear`] kernel to a power: all monomials of degree p; of degrees 0 to p with the offset c. Rasmussen & Williams (2006), section 4.2.2.
/// Hyper-parameters: the weights v (one over squared units of the inputs, when the whole is
/// [scaled](Kernel::scaled)), then `offset` = c if there is one.
///
/// ```
/// use dosewise::gp::{Kernel, Polynomial};
/// let kernel = Polynomial::isotropic(3, 0.5).with_offset(1.0);
/// assert_eq!(kernel.covariance(&[1.0, 2.0], &[2.0, 0.0]), 8.0); // (1 + 0.5 · 2)³
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Polynomial {
    degree: u32,
    base: Linear,
}

impl Polynomial {
    /// One weight for all coordinates.
    pub fn isotropic(degree: u32, variance: f64) -> Self {
        let base = Linear::isotropic(variance);
        Self { degree, base }
    }

    /// A weight for each coordinate.
    pub fn ard(degree: u32, variances: impl Into<Vec<f64>>) -> Self {
        let base = Linear::ard(variances);
        Self { degree, base }
    }

    /// Adds the offset c, which brings in the lower degrees; one more hyper-parameter.
    pub fn with_offset(self, offset: f64) -> Self {
        Self {
            base: self.base.with_offset(offset),
            ..self
        }
    }

    /// The degree p.
    pub fn degree(&self) -> u32 {
        self.degree
    }

    /// The weights: one, or one for each coordinate.
    pub fn variances(&self) -> &[f64] {
        self.base.variances()
    }

    /// The offset c.
    pub fn offset(&self) -> Option<f64> {
        self.base.offset()
    }

    /// The power as a signed number; the cast cannot overflow for any degree that is accepted.
    fn power(&self) -> i32 {
        self.degree.min(LARGEST_DEGREE) as i32
    }

    /// Hands over, run by run of the points, the weights times dk/db = p b^(p−1) with b the base, which is what the
    /// gradients of the base are to be weighted with, and returns Σⱼ weights\[j\] k(point, others\[j\]).
    fn visit(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        mut visitor: impl FnMut(PointsView<'_>, &[f64]),
    ) -> f64 {
        let mut sum = 0.0;
        for (others, weights) in runs(others, weights) {
            let mut scratch = [[0.0; CHUNK]; 2];
            let [values, factors] = scratch.each_mut().map(|row| &mut row[..weights.len()]);
            self.base.covariances(point, others, values);
            for ((value, factor), w) in values.iter_mut().zip(factors.iter_mut()).zip(weights) {
                let below = value.powi(self.power() - 1);
                *factor = w * f64::from(self.power()) * below;
                *value *= below;
            }
            sum += dot(weights, values);
            visitor(others, factors);
        }
        sum
    }
}

impl Kernel for Polynomial {
    fn check(&self, dimension: usize) -> Result<()> {
        if !(1..=LARGEST_DEGREE).contains(&self.degree) {
            return Err(Error::argument(
                "degree",
                self.degree,
                format!("1 to {LARGEST_DEGREE}"),
            ));
        }
        self.base.check(dimension)
    }

    fn covariances(&self, point: &[f64], others: PointsView<'_>, out: &mut [f64]) {
        self.base.covariances(point, others, out);
        for value in out {
            *value = value.powi(self.power());
        }
    }

    fn variance(&self, point: &[f64]) -> f64 {
        self.base.variance(point).powi(self.power())
    }

    fn parameters(&self) -> Vec<Parameter> {
        let mut parameters = self.base.parameters();
        // Under a power the offset is no variance any more.
        if let (Some(_), Some(offset)) = (self.offset(), parameters.last_mut()) {
            offset.role = Role::Shape;
        }
        parameters
    }

    fn parameter_count(&self) -> usize {
        self.base.parameter_count()
    }

    fn set_log_parameters(&mut self, values: &[f64]) -> Result<()> {
        self.base.set_log_parameters(values)
    }

    fn accumulate_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) -> f64 {
        self.visit(point, others, weights, |others, weights| {
            self.base
                .accumulate_gradient(point, others, weights, gradient);
        })
    }

    fn accumulate_input_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) {
        self.visit(point, others, weights, |others, weights| {
            self.base
                .accumulate_input_gradient(point, others, weights, gradient);
        });
    }

    fn accumulate_variance_gradient(&self, point: &[f64], weight: f64, gradient: &mut [f64]) {
        let below = self.base.variance(point).powi(self.power() - 1);
        let weight = weight * f64::from(self.power()) * below;
        self.base
            .accumulate_variance_gradient(point, weight, gradient);
    }

    fn clone_box(&self) -> Box<dyn Kernel> {
        Box::new(self.clone())
    }
}
