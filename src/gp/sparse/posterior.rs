//! What a sparse process knows at a set of places.

use super::features::prior_variances;
use super::process::Process;
use crate::error::Result;
use crate::gp::points::Points;
use crate::gp::posterior::draw;
use crate::gp::surrogate::Marginals;
use ndarray::Array2;
use rand::Rng;

/// The posterior of the latent function (without measurement noise) at m places, from
/// [`SparseGp::posterior`](super::SparseGp::posterior) or [`StochasticGp::posterior`](super::StochasticGp::posterior).
///
/// With V = L⁻¹ k(Z, places): mean + Vᵀ w, and k − Vᵀ V + Vᵀ Λ⁻¹ V. Mean and variance are computed at once in blocks of
/// places, O(m M²); the m × m covariance only when asked for.
#[derive(Debug)]
pub struct SparsePosterior<'gp> {
    process: &'gp Process,
    places: Points,
    mean: Vec<f64>,
    variance: Vec<f64>,
}

impl<'gp> SparsePosterior<'gp> {
    pub(super) fn new(process: &'gp Process, places: Points) -> Result<Self> {
        let (mean, variance) = process.mean_and_variance(places.view())?;
        Ok(Self {
            process,
            places,
            mean,
            variance,
        })
    }

    /// Posterior mean at each place: in units of the outputs; behind a likelihood a log rate or a logit.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Posterior **variance** of the latent function at each place, never negative.
    pub fn variance(&self) -> &[f64] {
        &self.variance
    }

    /// Mean and variance without the rest.
    pub fn into_marginals(self) -> Marginals {
        Marginals {
            mean: self.mean,
            variance: self.variance,
        }
    }

    /// Number of places.
    pub fn len(&self) -> usize {
        self.mean.len()
    }

    /// Whether there is no place.
    pub fn is_empty(&self) -> bool {
        self.mean.is_empty()
    }

    /// The m × m posterior covariance between the places. Allocates m² numbers.
    ///
    /// # Errors
    /// [`crate::Error::Argument`] if m² numbers do not fit into memory.
    pub fn covariance(&self) -> Result<Array2<f64>> {
        self.process.covariance(self.places.view(), &self.variance)
    }

    /// `count` joint draws, one a row (count × m).
    ///
    /// # Errors
    /// [`crate::Error::NotPositiveDefinite`] if the posterior covariance has no factor even with jitter; as
    /// [`SparsePosterior::covariance`].
    pub fn samples<R: Rng + ?Sized>(&self, count: usize, rng: &mut R) -> Result<Array2<f64>> {
        let prior = prior_variances(self.process.kernel.as_ref(), self.places.view());
        let largest = prior.into_iter().fold(0.0, f64::max);
        draw(&self.mean, &self.covariance()?, largest, count, rng)
    }
}
