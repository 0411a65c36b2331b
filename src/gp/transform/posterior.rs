//! What a scaled process knows at a set of places, in original units.

use super::Transform;
use crate::error::Result;
use crate::gp::posterior::Posterior;
use ndarray::Array2;
use rand::Rng;
use std::borrow::Cow;

/// The posterior of the latent function in original units, from [`ScaledGp::posterior`](super::ScaledGp::posterior).
#[derive(Debug)]
pub struct ScaledPosterior<'gp> {
    scaled: Posterior<'gp>,
    transform: Cow<'gp, Transform>,
    mean: Vec<f64>,
    variance: Vec<f64>,
}

impl<'gp> ScaledPosterior<'gp> {
    pub(super) fn new(scaled: Posterior<'gp>, transform: Cow<'gp, Transform>) -> Self {
        let outputs = transform.outputs();
        let mean = scaled.mean().iter().map(|&m| outputs.invert(m));
        let variance = scaled.variance().iter();
        Self {
            mean: mean.collect(),
            variance: variance.map(|&v| outputs.invert_variance(v)).collect(),
            scaled,
            transform,
        }
    }

    /// Posterior mean at each place.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Posterior **variance** of the latent function at each place, within [0, prior variance].
    pub fn variance(&self) -> &[f64] {
        &self.variance
    }

    /// Number of places.
    pub fn len(&self) -> usize {
        self.mean.len()
    }

    /// Whether there is no place.
    pub fn is_empty(&self) -> bool {
        self.mean.is_empty()
    }

    /// The m × m posterior covariance between the places.
    ///
    /// # Errors
    /// As [`Posterior::covariance`].
    pub fn covariance(&self) -> Result<Array2<f64>> {
        let mut covariance = self.scaled.covariance()?;
        let outputs = self.transform.outputs();
        covariance.mapv_inplace(|c| outputs.invert_variance(c));
        Ok(covariance)
    }

    /// One joint draw of the latent function at all places.
    ///
    /// # Errors
    /// As [`Posterior::samples`].
    pub fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> Result<Vec<f64>> {
        Ok(self.samples(1, rng)?.into_raw_vec_and_offset().0)
    }

    /// `count` joint draws, one a row (count × m).
    ///
    /// # Errors
    /// As [`Posterior::samples`].
    pub fn samples<R: Rng + ?Sized>(&self, count: usize, rng: &mut R) -> Result<Array2<f64>> {
        let mut draws = self.scaled.samples(count, rng)?;
        let outputs = self.transform.outputs();
        draws.mapv_inplace(|v| outputs.invert(v));
        Ok(draws)
    }
}
