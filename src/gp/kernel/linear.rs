//! Linear functions: the dot product.

use super::{Kernel, Parameter, PerCoordinate, Role, check_parameter, dot};
use crate::error::Result;
use crate::gp::points::PointsView;
use serde::{Deserialize, Serialize};

/// Linear (dot product): k = σ₀² + Σ_d v_d x_d x′_d, i.e. f = β₀ + Σ_d β_d x_d with β_d ~ N(0, v_d), β₀ ~ N(0, σ₀²).
///
/// Bayesian linear regression written as a process (Rasmussen & Williams 2006, eqs. 2.10 to 2.12 and section 4.2.2).
/// Hyper-parameters: the variances of the slopes (squared units of the outputs over squared units of the inputs),
/// then `offset` = σ₀² (squared units of the outputs) if there is one; without it f(0) = 0.
///
/// ```
/// use dosewise::gp::{Kernel, Linear};
/// let kernel = Linear::ard([2.0, 0.5]).with_offset(3.0);
/// assert_eq!(kernel.covariance(&[1.0, 2.0], &[-1.0, 4.0]), 3.0 - 2.0 + 4.0);
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    variance: PerCoordinate,
    offset: Option<f64>,
}

impl Linear {
    /// One prior variance for the slopes along all coordinates.
    pub fn isotropic(variance: f64) -> Self {
        Self {
            variance: PerCoordinate::Shared(variance),
            offset: None,
        }
    }

    /// A prior variance for the slope along each coordinate.
    pub fn ard(variances: impl Into<Vec<f64>>) -> Self {
        Self {
            variance: PerCoordinate::Each(variances.into()),
            offset: None,
        }
    }

    /// Adds a random offset of this **variance**, one more hyper-parameter.
    pub fn with_offset(self, variance: f64) -> Self {
        Self {
            offset: Some(variance),
            ..self
        }
    }

    /// The prior variances of the slopes: one, or one for each coordinate.
    pub fn variances(&self) -> &[f64] {
        self.variance.values()
    }

    /// The prior **variance** of the offset.
    pub fn offset(&self) -> Option<f64> {
        self.offset
    }
}

impl Kernel for Linear {
    fn check(&self, dimension: usize) -> Result<()> {
        if let Some(offset) = self.offset {
            check_parameter("offset", offset)?;
        }
        self.variance.check("variance", dimension)
    }

    fn covariances(&self, point: &[f64], others: PointsView<'_>, out: &mut [f64]) {
        out.fill(self.offset.unwrap_or(0.0));
        let shared = self.variance.shared_dimension(point);
        for (k, &own) in point[..shared].iter().enumerate() {
            let scale = self.variance.get(k) * own;
            for (sum, other) in out.iter_mut().zip(others.coordinate(k)) {
                *sum += scale * other;
            }
        }
    }

    fn variance(&self, point: &[f64]) -> f64 {
        let shared = self.variance.shared_dimension(point);
        let products = point[..shared].iter().enumerate();
        let products: f64 = products.map(|(k, x)| self.variance.get(k) * x * x).sum();
        self.offset.unwrap_or(0.0) + products
    }

    fn parameters(&self) -> Vec<Parameter> {
        let mut parameters = self.variance.parameters("variance", Role::SlopeVariance);
        parameters.extend(self.offset.map(|value| Parameter {
            name: "offset".into(),
            role: Role::Variance,
            value,
        }));
        parameters
    }

    fn parameter_count(&self) -> usize {
        self.variance.count() + usize::from(self.offset.is_some())
    }

    fn set_log_parameters(&mut self, values: &[f64]) -> Result<()> {
        self.variance.set_logs_and(values, self.offset.as_mut())
    }

    fn accumulate_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) -> f64 {
        let weights = &weights[..others.len().min(weights.len())];
        let shared = self.variance.shared_dimension(point);
        let mut sum = 0.0;
        for (k, &own) in point[..shared].iter().enumerate() {
            let part = self.variance.get(k) * own * dot(weights, others.coordinate(k));
            gradient[self.variance.slot(k)] += part;
            sum += part;
        }
        if let Some((offset, slot)) = self.offset.zip(gradient.get_mut(self.variance.count())) {
            let part = offset * weights.iter().sum::<f64>();
            *slot += part;
            sum += part;
        }
        sum
    }

    fn accumulate_input_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) {
        let weights = &weights[..others.len().min(weights.len())];
        let shared = self.variance.shared_dimension(point);
        for (k, slot) in gradient.iter_mut().enumerate().take(shared) {
            *slot += self.variance.get(k) * dot(weights, others.coordinate(k));
        }
    }

    fn accumulate_variance_gradient(&self, point: &[f64], weight: f64, gradient: &mut [f64]) {
        let shared = self.variance.shared_dimension(point);
        for (k, (x, slot)) in point[..shared].iter().zip(gradient).enumerate() {
            *slot += weight * 2.0 * self.variance.get(k) * x;
        }
    }

    fn clone_box(&self) -> Box<dyn Kernel> {
        Box::new(self.clone())
    }
}
