//! What every surrogate can be asked, whatever is inside.

use crate::error::{Error, Result};
use ndarray::{Array2, ArrayView2};
use std::fmt::Debug;

/// Step of the central differences of [`Surrogate::slopes`], relative to the coordinate: ε^⅓.
const STEP: f64 = 6e-6;

/// A model that tells what it believes about a scalar latent function of d coordinates, noise of measurements excluded.
///
/// Object-safe: acquisition functions, studies and policies take `&dyn Surrogate` and do not care which it is.
///
/// ```
/// use dosewise::gp::{ExactGp, Kernel, Matern52, Noise, Surrogate};
/// use ndarray::array;
/// let gp = ExactGp::new(Matern52::isotropic(0.5).scaled(2.0), Noise::Homoscedastic(0.1))
///     .condition(&array![[0.0], [1.0]], &[0.3, -0.2])?;
/// let model: &dyn Surrogate = &gp;
/// let far = model.marginals(array![[50.0]].view())?;
/// assert!((far.variance[0] - 2.0).abs() < 1e-12);
/// # Ok::<(), dosewise::Error>(())
/// ```
pub trait Surrogate: Debug + Send + Sync {
    /// Number of coordinates a point, d; zero if any will do (a prior that has seen nothing).
    fn dimension(&self) -> usize;

    /// Mean and variance at each row of `points` (m × d), without ever allocating m × m.
    ///
    /// # Errors
    /// [`Error::Argument`] if a coordinate is not finite or the dimension is another.
    fn marginals(&self, points: ArrayView2<'_, f64>) -> Result<Marginals>;

    /// Mean and the m × m covariance at the rows of `points` together, as joint samples and batches need them.
    ///
    /// # Errors
    /// As [`Surrogate::marginals`], and if m² numbers do not fit into memory.
    fn joint(&self, points: ArrayView2<'_, f64>) -> Result<Joint>;

    /// How mean and variance at one place change with its coordinates, for optimisers of acquisition functions.
    ///
    /// The default takes central differences of [`Surrogate::marginals`] with a step of ε^⅓ of each coordinate.
    ///
    /// # Errors
    /// As [`Surrogate::marginals`].
    fn slopes(&self, point: &[f64]) -> Result<Slopes> {
        let d = point.len();
        // Row 2c is the point with coordinate c moved up, row 2c + 1 moved down, the last row the point itself.
        let step = |c: usize| STEP * point[c].abs().max(1.0);
        let rows = Array2::from_shape_fn((2 * d + 1, d), |(i, c)| match (i / 2 == c, i % 2) {
            (true, 0) => point[c] + step(c),
            (true, _) => point[c] - step(c),
            (false, _) => point[c],
        });
        let around = self.marginals(rows.view())?;
        let difference = |values: &[f64], c: usize| {
            (values[2 * c] - values[2 * c + 1]) / (rows[[2 * c, c]] - rows[[2 * c + 1, c]])
        };
        Ok(Slopes {
            mean: around.mean[2 * d],
            variance: around.variance[2 * d],
            of_mean: (0..d).map(|c| difference(&around.mean, c)).collect(),
            of_variance: (0..d).map(|c| difference(&around.variance, c)).collect(),
        })
    }
}

/// Mean and variance at m places.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Marginals {
    /// Posterior mean at each place, in units of the outputs.
    pub mean: Vec<f64>,
    /// Posterior **variance** of the latent function at each place, never negative.
    pub variance: Vec<f64>,
}

/// Mean and covariance at m places together.
#[derive(Debug, Clone, PartialEq)]
pub struct Joint {
    /// Posterior mean at each place, in units of the outputs.
    pub mean: Vec<f64>,
    /// Posterior covariance of the latent function, m × m.
    pub covariance: Array2<f64>,
}

/// Mean and variance at one place with their derivatives by its d coordinates.
#[derive(Debug, Clone, PartialEq)]
pub struct Slopes {
    /// Posterior mean.
    pub mean: f64,
    /// Posterior variance of the latent function.
    pub variance: f64,
    /// ∂mean/∂x, one a coordinate.
    pub of_mean: Vec<f64>,
    /// ∂variance/∂x, one a coordinate; the standard deviation s has the slope ∂variance/∂x / (2 s).
    pub of_variance: Vec<f64>,
}

/// Refuses places of another dimension than the `expected` one; zero expects nothing.
pub(super) fn check_dimension(argument: &str, found: usize, expected: usize) -> Result<()> {
    if expected == 0 || found == expected {
        return Ok(());
    }
    Err(Error::argument(
        argument,
        format!("{found} coordinates a point"),
        format!("{expected}, as the measurements have"),
    ))
}
