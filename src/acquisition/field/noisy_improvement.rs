//! Expected improvement when the best value so far is itself not known.

use super::belief::Belief;
use super::samples::maximum;
use super::{FieldCriterion, Offers};
use crate::acquisition::{Acquisition, Candidate, ExpectedImprovement, Scale};
use crate::error::{Error, Result};
use crate::gp::Surrogate;
use crate::random::{Purpose, Stream};
use crate::units::Seed;
use ndarray::ArrayView2;

/// Noisy expected improvement: the expected improvement over the best latent value at the targets, integrated over what those
/// values may be. The targets are the places measured so far.
///
/// For each joint draw of the latent values at the targets, the process is told that draw without noise and the ordinary
/// [`ExpectedImprovement`] over its maximum is taken in closed form; the score is their mean. Draws come in antithetic pairs;
/// the same seed gives the same score. It asks for the latent value at a place, so it does not depend on dose or noise of the
/// measurement; where the dose is to be chosen too, use [`KnowledgeGradient`](super::KnowledgeGradient).
///
/// Source: Letham, Karrer, Ottoni and Bakshy, *Constrained Bayesian Optimization with Noisy Experiments*, *Bayesian Anal.*
/// 14, 495 (2019) (arXiv 1706.07094), with pseudo-random draws in place of their quasi-random ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NoisyExpectedImprovement {
    pairs: usize,
    seed: Seed,
}

impl NoisyExpectedImprovement {
    /// With `pairs` antithetic pairs of draws; 32 to 128 are usual.
    ///
    /// # Errors
    /// [`Error::Argument`] if `pairs` is 0.
    pub fn new(pairs: usize, seed: Seed) -> Result<Self> {
        if pairs == 0 {
            return Err(Error::argument("pairs", 0, "1 or more"));
        }
        Ok(Self { pairs, seed })
    }
}

impl FieldCriterion for NoisyExpectedImprovement {
    fn scores(
        &self,
        surrogate: &dyn Surrogate,
        targets: ArrayView2<'_, f64>,
        offers: &Offers,
    ) -> Result<Vec<f64>> {
        let belief = Belief::of(surrogate, targets, offers.places())?;
        let (places, count) = (offers.places().nrows(), targets.nrows());
        let all: Vec<usize> = (0..count).collect();
        let (factor, solved) = belief.condition_on(&all)?;
        // once the targets are known, what is left of the variance is the same for every draw
        let mut variance: Vec<f64> = (0..places).map(|place| belief.variance(place)).collect();
        for row in solved.chunks_exact(places) {
            for (variance, v) in variance.iter_mut().zip(row) {
                *variance = (*variance - v * v).max(0.0);
            }
        }
        let mut stream = Stream::new(self.seed, Purpose::Policy, [0, 2]);
        let mut scores = vec![0.0; offers.len()];
        for _ in 0..self.pairs {
            let deviates: Vec<f64> = (0..count).map(|_| stream.normal()).collect();
            let steps = factor.multiply(&deviates)?;
            let mut shift = vec![0.0; places];
            for (z, row) in deviates.iter().zip(solved.chunks_exact(places)) {
                for (shift, v) in shift.iter_mut().zip(row) {
                    *shift += z * v;
                }
            }
            for sign in [1.0, -1.0] {
                let values = belief.target_means().iter().zip(&steps);
                let values: Vec<f64> = values.map(|(mean, step)| mean + sign * step).collect();
                let improvement = ExpectedImprovement::over(maximum(&values).1)?;
                let gains = offers.score_each(|place, noise| {
                    let mean = belief.mean(place) + sign * shift[place];
                    // the dose plays no part in the improvement itself
                    Candidate::new(mean, variance[place], noise, 1.0)
                        .map_or(f64::NAN, |candidate| improvement.score(&candidate))
                });
                for (score, gain) in scores.iter_mut().zip(gains) {
                    *score += gain / (2.0 * self.pairs as f64);
                }
            }
        }
        if scores.iter().any(|score| score.is_nan()) {
            return Err(Error::argument(
                "surrogate",
                "a belief that is not finite",
                "finite means and variances",
            ));
        }
        Ok(scores)
    }

    fn scale(&self) -> Scale {
        Scale::Gain
    }
}
