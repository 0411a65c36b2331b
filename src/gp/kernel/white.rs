//! White noise that belongs to places.

use super::{CHUNK, Kernel, Parameter, Role, check_log_parameters, check_parameter, dot, runs};
use crate::error::Result;
use crate::gp::points::PointsView;
use serde::{Deserialize, Serialize};

/// White: k(x, x′) = σ² if x and x′ are equal in every coordinate, else 0 (the "nugget" of geostatistics).
///
/// A function of the two points alone, in cross-covariances too: equal means that every coordinate compares equal
/// as a number, whichever sets the points come from. Hence two measurements at one place share their deviation
/// (σ² off the diagonal), a posterior at a measured place has learned it, and a posterior anywhere else has not. For
/// noise that is drawn anew with every measurement, at one place too, take [`Noise`](crate::gp::Noise); the two
/// are the same for points that never repeat. (scikit-learn's `WhiteKernel` instead is σ² times the identity for a
/// set with itself, and zero between two sets even where they share points.)
///
/// Its hyper-parameter is `white` = σ², in squared units of the outputs. Restricted to some columns with
/// [`Kernel::on_columns`], it is a level of its own for each distinct value of these columns.
///
/// ```
/// use dosewise::gp::{Kernel, White};
/// let kernel = White::new(0.3);
/// assert_eq!(kernel.covariance(&[1.0, 0.0], &[1.0, -0.0]), 0.3);
/// assert_eq!(kernel.covariance(&[1.0, 0.0], &[1.0, 1e-300]), 0.0);
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct White {
    white: f64,
}

impl White {
    /// White noise of this **variance**, in squared units of the outputs.
    pub fn new(variance: f64) -> Self {
        Self { white: variance }
    }

    /// The variance σ².
    pub fn white(&self) -> f64 {
        self.white
    }
}

impl Kernel for White {
    fn check(&self, _dimension: usize) -> Result<()> {
        check_parameter("white", self.white)
    }

    fn covariances(&self, point: &[f64], others: PointsView<'_>, out: &mut [f64]) {
        out.fill(self.white);
        for (k, own) in point.iter().enumerate() {
            for (value, other) in out.iter_mut().zip(others.coordinate(k)) {
                *value = if own == other { *value } else { 0.0 };
            }
        }
    }

    fn variance(&self, _point: &[f64]) -> f64 {
        self.white
    }

    fn parameters(&self) -> Vec<Parameter> {
        vec![Parameter {
            name: "white".into(),
            role: Role::NoiseVariance,
            value: self.white,
        }]
    }

    fn set_log_parameters(&mut self, values: &[f64]) -> Result<()> {
        check_log_parameters(values, 1)?;
        self.white = values[0].exp();
        Ok(())
    }

    fn accumulate_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) -> f64 {
        let mut row = [0.0; CHUNK];
        let mut sum = 0.0;
        for (others, weights) in runs(others, weights) {
            let row = &mut row[..weights.len()];
            self.covariances(point, others, row);
            sum += dot(row, weights);
        }
        if let Some(slot) = gradient.first_mut() {
            *slot += sum;
        }
        sum
    }

    fn parameter_count(&self) -> usize {
        1
    }

    // None: the covariance is zero all around every place but the point itself.
    fn accumulate_input_gradient(
        &self,
        _point: &[f64],
        _others: PointsView<'_>,
        _weights: &[f64],
        _gradient: &mut [f64],
    ) {
    }

    fn accumulate_variance_gradient(&self, _point: &[f64], _weight: f64, _gradient: &mut [f64]) {}

    fn clone_box(&self) -> Box<dyn Kernel> {
        Box::new(self.clone())
    }
}
