//! Polynomials of a fixed degree.

use super::linear::{accumulate_variances, add_weighted_products};
use super::{
    CHUNK, Kernel, Parameter, PerCoordinate, Role, check_log_parameters, check_parameter, dot,
};
use crate::error::{Error, Result};
use crate::gp::points::PointsView;
use serde::{Deserialize, Serialize};

/// Degrees above this overflow for inputs of ordinary size, and are no model of anything.
const LARGEST_DEGREE: u32 = 16;

/// Polynomial: k = (c + Σ_d v_d x_d x′_d)^p for a fixed whole degree p of 1 to 16.
///
/// All monomials of degree p; of degrees 0 to p with the offset c. Rasmussen & Williams (2006), section 4.2.2.
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
    variance: PerCoordinate,
    offset: Option<f64>,
}

impl Polynomial {
    /// One weight for all coordinates.
    pub fn isotropic(degree: u32, variance: f64) -> Self {
        Self {
            degree,
            variance: PerCoordinate::Shared(variance),
            offset: None,
        }
    }

    /// A weight for each coordinate.
    pub fn ard(degree: u32, variances: impl Into<Vec<f64>>) -> Self {
        Self {
            degree,
            variance: PerCoordinate::Each(variances.into()),
            offset: None,
        }
    }

    /// Adds the offset c, which brings in the lower degrees; one more hyper-parameter.
    pub fn with_offset(self, offset: f64) -> Self {
        Self {
            offset: Some(offset),
            ..self
        }
    }

    /// The degree p.
    pub fn degree(&self) -> u32 {
        self.degree
    }

    /// The weights: one, or one for each coordinate.
    pub fn variances(&self) -> &[f64] {
        self.variance.values()
    }

    /// The offset c.
    pub fn offset(&self) -> Option<f64> {
        self.offset
    }

    /// The power as a signed number; the cast cannot overflow for any degree that is accepted.
    fn power(&self) -> i32 {
        self.degree.min(LARGEST_DEGREE) as i32
    }

    fn bases(&self, point: &[f64], others: PointsView<'_>, out: &mut [f64]) {
        out.fill(self.offset.unwrap_or(0.0));
        add_weighted_products(&self.variance, point, others, out);
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
        if let Some(offset) = self.offset {
            check_parameter("offset", offset)?;
        }
        self.variance.check("variance", dimension)
    }

    fn covariances(&self, point: &[f64], others: PointsView<'_>, out: &mut [f64]) {
        self.bases(point, others, out);
        for value in out {
            *value = value.powi(self.power());
        }
    }

    fn variance(&self, point: &[f64]) -> f64 {
        self.covariance(point, point)
    }

    fn parameters(&self) -> Vec<Parameter> {
        let mut parameters = self.variance.parameters("variance", Role::SlopeVariance);
        parameters.extend(self.offset.map(|value| Parameter {
            name: "offset".into(),
            role: Role::Shape,
            value,
        }));
        parameters
    }

    fn parameter_count(&self) -> usize {
        self.variance.count() + usize::from(self.offset.is_some())
    }

    fn set_log_parameters(&mut self, values: &[f64]) -> Result<()> {
        check_log_parameters(values, self.parameter_count())?;
        let (variances, offset) = values.split_at(self.variance.count());
        self.variance.set_logs(variances);
        self.offset = offset.first().map(|log| log.exp());
        Ok(())
    }

    fn accumulate_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) -> f64 {
        // dk/dlog v_d = p b^(p−1) v_d x_d x′_d and dk/dlog c = p b^(p−1) c, with b the base.
        let length = others.len().min(weights.len());
        let (weight_slots, offset_slot) = gradient.split_at_mut(self.variance.count());
        let mut sum = 0.0;
        for start in (0..length).step_by(CHUNK) {
            let end = (start + CHUNK).min(length);
            let (others, weights) = (others.range(start, end), &weights[start..end]);
            let mut scratch = [[0.0; CHUNK]; 2];
            let [values, factors] = scratch.each_mut().map(|row| &mut row[..end - start]);
            self.bases(point, others, values);
            for ((value, factor), weight) in values.iter_mut().zip(factors.iter_mut()).zip(weights)
            {
                let below = value.powi(self.power() - 1);
                *factor = weight * f64::from(self.power()) * below;
                *value *= below;
            }
            sum += dot(weights, values);
            accumulate_variances(&self.variance, point, others, factors, weight_slots);
            if let Some((offset, slot)) = self.offset.zip(offset_slot.first_mut()) {
                *slot += offset * factors.iter().sum::<f64>();
            }
        }
        sum
    }

    fn clone_box(&self) -> Box<dyn Kernel> {
        Box::new(self.clone())
    }
}
