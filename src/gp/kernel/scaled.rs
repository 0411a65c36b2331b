//! A kernel times a variance.

use super::{Kernel, Parameter, Role, boxed, check_log_parameters, check_parameter};
use crate::error::Result;
use crate::gp::points::PointsView;
use crate::random::Stream;
use crate::vector::vectorised;
use serde::{Deserialize, Serialize};

/// A kernel times a variance, see [`Kernel::scaled`]; its last hyper-parameter is `outputscale`.
///
/// ```
/// use dosewise::gp::{Kernel, Rbf};
/// assert_eq!(Rbf::isotropic(0.5).scaled(3.0).variance(&[0.1]), 3.0);
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scaled {
    kernel: Box<dyn Kernel>,
    outputscale: f64,
}

impl Scaled {
    /// `kernel` times the variance `outputscale`, in squared units of the outputs.
    pub fn new(kernel: impl Kernel, outputscale: f64) -> Self {
        Self {
            kernel: boxed(kernel),
            outputscale,
        }
    }

    /// The variance in front of the kernel.
    pub fn outputscale(&self) -> f64 {
        self.outputscale
    }

    /// The kernel behind the variance.
    pub fn inner(&self) -> &dyn Kernel {
        self.kernel.as_ref()
    }
}

impl Kernel for Scaled {
    fn check(&self, dimension: usize) -> Result<()> {
        check_parameter("outputscale", self.outputscale)?;
        self.kernel.check(dimension)
    }

    fn check_points(&self, points: PointsView<'_>) -> Result<()> {
        check_parameter("outputscale", self.outputscale)?;
        self.kernel.check_points(points)
    }

    fn covariances(&self, point: &[f64], others: PointsView<'_>, out: &mut [f64]) {
        self.kernel.covariances(point, others, out);
        vectorised(
            #[inline(always)]
            || out.iter_mut().for_each(|value| *value *= self.outputscale),
        );
    }

    fn variance(&self, point: &[f64]) -> f64 {
        self.outputscale * self.kernel.variance(point)
    }

    fn parameters(&self) -> Vec<Parameter> {
        let mut parameters = self.kernel.parameters();
        parameters.push(Parameter {
            name: "outputscale".into(),
            role: Role::Variance,
            value: self.outputscale,
        });
        parameters
    }

    fn parameter_count(&self) -> usize {
        self.kernel.parameter_count() + 1
    }

    fn set_log_parameters(&mut self, values: &[f64]) -> Result<()> {
        let count = self.parameter_count();
        check_log_parameters(values, count)?;
        self.kernel.set_log_parameters(&values[..count - 1])?;
        self.outputscale = values[count - 1].exp();
        Ok(())
    }

    fn accumulate_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) -> f64 {
        // The weights pass through unscaled and the result is scaled, so that no copy of them is needed.
        let of_inner = self.kernel.parameter_count();
        let mut inner = vec![0.0; of_inner];
        let sum = self
            .kernel
            .accumulate_gradient(point, others, weights, &mut inner);
        let sum = self.outputscale * sum;
        for (total, part) in gradient.iter_mut().zip(&inner) {
            *total += self.outputscale * part;
        }
        gradient[of_inner] += sum;
        sum
    }

    fn accumulate_input_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) {
        let mut inner = vec![0.0; gradient.len()];
        self.kernel
            .accumulate_input_gradient(point, others, weights, &mut inner);
        for (total, part) in gradient.iter_mut().zip(&inner) {
            *total += self.outputscale * part;
        }
    }

    fn accumulate_variance_gradient(&self, point: &[f64], weight: f64, gradient: &mut [f64]) {
        self.kernel
            .accumulate_variance_gradient(point, self.outputscale * weight, gradient);
    }

    fn draw_frequency(&self, stream: &mut Stream, frequency: &mut [f64]) -> bool {
        self.kernel.draw_frequency(stream, frequency)
    }

    fn clone_box(&self) -> Box<dyn Kernel> {
        Box::new(self.clone())
    }
}
