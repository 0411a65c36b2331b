//! The same covariance everywhere.

use super::{Kernel, Parameter, Role, check_log_parameters, check_parameter};
use crate::error::Result;
use crate::gp::points::PointsView;
use crate::random::Stream;
use serde::{Deserialize, Serialize};

/// Constant: k = c, i.e. f is one unknown level of variance c (squared units of the outputs).
///
/// In a sum it stands for a constant mean with a normal prior, in a product for an output scale. Its hyper-parameter
/// is `constant`. Rasmussen & Williams (2006), section 4.2.2 and table 4.1.
///
/// ```
/// use dosewise::gp::{Constant, Kernel};
/// assert_eq!(Constant::new(2.0).covariance(&[0.0], &[9.0]), 2.0);
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constant {
    constant: f64,
}

impl Constant {
    /// The covariance between any two points, positive.
    pub fn new(constant: f64) -> Self {
        Self { constant }
    }

    /// The covariance between any two points.
    pub fn constant(&self) -> f64 {
        self.constant
    }
}

impl Kernel for Constant {
    fn check(&self, _dimension: usize) -> Result<()> {
        check_parameter("constant", self.constant)
    }

    fn covariances(&self, _point: &[f64], _others: PointsView<'_>, out: &mut [f64]) {
        out.fill(self.constant);
    }

    fn variance(&self, _point: &[f64]) -> f64 {
        self.constant
    }

    fn parameters(&self) -> Vec<Parameter> {
        vec![Parameter {
            name: "constant".into(),
            role: Role::Variance,
            value: self.constant,
        }]
    }

    fn set_log_parameters(&mut self, values: &[f64]) -> Result<()> {
        check_log_parameters(values, 1)?;
        self.constant = values[0].exp();
        Ok(())
    }

    fn accumulate_gradient(
        &self,
        _point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) -> f64 {
        let sum = self.constant * weights.iter().take(others.len()).sum::<f64>();
        if let Some(slot) = gradient.first_mut() {
            *slot += sum;
        }
        sum
    }

    fn parameter_count(&self) -> usize {
        1
    }

    fn accumulate_input_gradient(
        &self,
        _point: &[f64],
        _others: PointsView<'_>,
        _weights: &[f64],
        _gradient: &mut [f64],
    ) {
    }

    fn accumulate_variance_gradient(&self, _point: &[f64], _weight: f64, _gradient: &mut [f64]) {}

    fn draw_frequency(&self, _: &mut Stream, _: &mut [f64]) -> bool {
        true // all of its spectrum is at zero
    }

    fn clone_box(&self) -> Box<dyn Kernel> {
        Box::new(self.clone())
    }
}
