//! What the measurements of a batch ask of the belief about the inducing values.

use super::belief::{Belief, Natural};
use super::coordinates::Coordinates;
use super::features::Features;
use super::minibatch::Batch;
use super::observation::Observation;
use crate::error::Result;
use crate::gp::noise::Noise;

/// The expected log likelihood of a batch under a belief, and its derivatives by mean and variance of each f.
pub(super) struct Sites {
    /// Σ E[log p(y | f)], nats.
    pub value: f64,
    slopes: Vec<f64>,
    curvatures: Vec<f64>,
    by_log_noise: f64,
    /// Mean of f less the prior mean.
    moved: Vec<f64>,
}

impl Sites {
    pub fn new(
        observation: &Observation,
        features: &Features<'_>,
        belief: &Belief,
        batch: &Batch,
    ) -> Result<Self> {
        let moved = features.project(&belief.location);
        let variances = features.variances(Some(belief))?;
        let mut sites = Self {
            value: 0.0,
            slopes: Vec::with_capacity(moved.len()),
            curvatures: Vec::with_capacity(moved.len()),
            by_log_noise: 0.0,
            moved,
        };
        for (at, (&index, &y)) in batch.indices.iter().zip(&batch.targets).enumerate() {
            let mean = batch.means[at] + sites.moved[at];
            let expected = observation.expectation(index, y, mean, variances[at]);
            sites.value += expected.value;
            sites.by_log_noise += expected.by_log_noise;
            sites.slopes.push(expected.slope);
            sites.curvatures.push(expected.curvature);
        }
        Ok(sites)
    }

    /// V Λ̃ Vᵀ (lower triangle) and V (slopes + Λ̃ Vᵀ w), with Λ̃ minus the curvatures, both times `scale`: the natural
    /// gradient leads to the belief of precision I + the first and shift the second (Khan & Lin 2017, AISTATS).
    pub fn sums(&self, features: &Features<'_>, scale: f64) -> (Vec<f64>, Vec<f64>) {
        let precisions: Vec<f64> = self.curvatures.iter().map(|c| -scale * c).collect();
        let each = self.slopes.iter().zip(&precisions).zip(&self.moved);
        let pulls: Vec<f64> = each.map(|((s, p), m)| scale * s + p * m).collect();
        (features.gram(&precisions), features.weigh(&pulls))
    }

    pub fn target(&self, features: &Features<'_>, scale: f64) -> Natural {
        let (gram, shift) = self.sums(features, scale);
        Natural::of_sites(gram, shift)
    }

    /// `scale` times the gradient by the coordinates of the search.
    pub fn gradient(
        &self,
        observation: &Observation,
        features: &Features<'_>,
        belief: &Belief,
        scale: f64,
        map: &Coordinates<'_>,
    ) -> Result<Vec<f64>> {
        let slopes: Vec<f64> = self.slopes.iter().map(|s| scale * s).collect();
        let curvatures: Vec<f64> = self.curvatures.iter().map(|c| scale * c).collect();
        let gradient = features.gradient(belief, &slopes, &curvatures, map.moving())?;
        let mut named = gradient.kernel;
        if let Some(Noise::Homoscedastic(_)) = observation.noise() {
            named.push(scale * self.by_log_noise);
        }
        Ok(map.gradient(named, &gradient.inducing))
    }

    /// The derivative of the value by a constant mean.
    pub fn by_mean(&self) -> f64 {
        self.slopes.iter().sum()
    }
}
