//! What a sparse process knows at a set of places.

use super::features::prior_variances;
use super::process::Process;
use crate::error::{Error, Result};
use crate::gp::Likelihood;
use crate::gp::likelihood::Prediction;
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
    /// `None` where the noise is Gaussian.
    likelihood: Option<&'gp Likelihood>,
    places: Points,
    mean: Vec<f64>,
    variance: Vec<f64>,
}

impl<'gp> SparsePosterior<'gp> {
    pub(super) fn new(
        process: &'gp Process,
        likelihood: Option<&'gp Likelihood>,
        places: Points,
    ) -> Result<Self> {
        let (mean, variance) = process.mean_and_variance(places.view())?;
        Ok(Self {
            process,
            likelihood,
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

    /// Further counts at these exposures, one a place: mean E = exposure · exp(mean + variance/2), variance
    /// E + E² (exp(variance) − 1), and intervals of the Poisson log-normal mixture.
    ///
    /// # Errors
    /// [`Error::Argument`] if the likelihood is not [`Likelihood::Poisson`], or the exposures are not as many as the
    /// places, finite and not negative.
    pub fn counts(&self, exposure: &[f64]) -> Result<Prediction> {
        match self.likelihood {
            Some(Likelihood::Poisson { .. }) => {
                Prediction::of_counts(&self.mean, &self.variance, exposure)
            }
            other => Err(wrong_question(other, "Likelihood::Poisson")),
        }
    }

    /// The probability of label 1 at each place, averaged over the latent function.
    ///
    /// # Errors
    /// [`Error::Argument`] if the likelihood is not [`Likelihood::Bernoulli`].
    pub fn class_probability(&self) -> Result<Vec<f64>> {
        let Some(Likelihood::Bernoulli(link)) = self.likelihood else {
            return Err(wrong_question(self.likelihood, "Likelihood::Bernoulli"));
        };
        let both = self.mean.iter().zip(&self.variance);
        Ok(both
            .map(|(&mean, &variance)| link.averaged_probability(mean, variance))
            .collect())
    }
}

fn wrong_question(likelihood: Option<&Likelihood>, needed: &str) -> Error {
    let found = likelihood.map_or("Gaussian noise", Likelihood::name);
    Error::argument("likelihood", found, needed)
}
