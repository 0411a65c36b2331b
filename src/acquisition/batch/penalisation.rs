//! Batches by pushing each place out of the reach of those before.

use super::search::{BatchSearch, first_best};
use crate::acquisition::{Acquisition, Candidate, Choice, Scale, posterior};
use crate::error::{Error, Result};
use crate::gp::{Marginals, Surrogate};
use crate::normal;
use ndarray::{ArrayView1, Axis};

/// Slope of the objective below which distances would mean nothing, relative to the largest deviation.
const FLATTEST: f64 = 1e-7;

/// How far around a busy place no second measurement is wanted, for [`BatchSearch::penalised`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LocalPenalty {
    maximum: f64,
    lipschitz: Option<f64>,
}

impl LocalPenalty {
    /// With the `maximum` M that the objective is thought to reach, usually the best value so far, and the Lipschitz constant
    /// L estimated as the steepest posterior mean among the places on offer.
    ///
    /// # Errors
    /// [`Error::Argument`] if it is not finite.
    pub fn new(maximum: f64) -> Result<Self> {
        if !maximum.is_finite() {
            return Err(Error::argument("maximum", maximum, "a finite number"));
        }
        Ok(Self {
            maximum,
            lipschitz: None,
        })
    }

    /// The same with a known Lipschitz constant L, in units of the value per unit of the coordinates.
    ///
    /// # Errors
    /// [`Error::Argument`] unless it is finite and positive.
    pub fn with_lipschitz(self, lipschitz: f64) -> Result<Self> {
        if !(lipschitz.is_finite() && lipschitz > 0.0) {
            return Err(Error::argument(
                "lipschitz",
                lipschitz,
                "a finite number above 0",
            ));
        }
        Ok(Self {
            lipschitz: Some(lipschitz),
            ..self
        })
    }

    /// `ln Φ(z)`: how surely the maximum is not closer to a busy place of this mean and deviation than `distance`.
    fn log_factor(&self, lipschitz: f64, distance: f64, mean: f64, deviation: f64) -> f64 {
        // where the mean exceeds the maximum, the maximum was thought too low
        let gap = lipschitz * distance - (self.maximum - mean).max(0.0);
        if deviation > 0.0 {
            normal::ln_cdf(gap / deviation)
        } else if gap > 0.0 {
            0.0
        } else {
            f64::NEG_INFINITY
        }
    }
}

impl BatchSearch<'_> {
    /// The batch built one place at a time by `ln g(α(x)) + Σ_j ln Φ(z_j(x))` over the pending and chosen places x_j, with
    /// `z_j = (L ‖x − x_j‖ − (M − μ_j))/s_j`.
    ///
    /// If the objective changes by at most L per unit of distance, then around x_j no place closer than (M − f(x_j))/L can reach
    /// the maximum M, and Φ(z_j) is the probability that x is not within that ball, given mean μ_j and deviation s_j. The
    /// surrogate is asked once for all places, whatever the size of the batch. `g` makes the single-place acquisition α
    /// positive: a gain and the exponential of the logarithm of one as they are, a level ℓ by `ln(1 + e^(ℓ − reference))`.
    /// Scores are the logarithms above. All measurements have the noise **variance** `noise_variance` and the dose 1 e⁻/Å².
    ///
    /// Source: González, Dai, Hennig and Lawrence, AISTATS 2016 (arXiv 1505.08052), equation 5 and proposition 1.
    ///
    /// # Errors
    /// [`Error::Argument`] if the noise variance is negative or not finite, a score is NaN, or as [`Surrogate::marginals`].
    pub fn penalised<A: Acquisition + ?Sized>(
        &self,
        surrogate: &dyn Surrogate,
        acquisition: &A,
        penalty: &LocalPenalty,
        noise_variance: f64,
    ) -> Result<Vec<Choice>> {
        let beliefs = posterior::marginals(surrogate, self.places())?;
        let pairs = beliefs.mean.iter().zip(&beliefs.variance);
        let mut scores = pairs
            .map(|(&mean, &variance)| {
                let candidate = Candidate::new(mean, variance, noise_variance, 1.0)?;
                Ok(log_gain(acquisition.score(&candidate), acquisition.scale()))
            })
            .collect::<Result<Vec<f64>>>()?;
        let lipschitz = match penalty.lipschitz {
            Some(lipschitz) => lipschitz,
            None => self.steepest(surrogate, &beliefs)?,
        };
        let penalise =
            |scores: &mut [f64], centre: ArrayView1<'_, f64>, mean: f64, variance: f64| {
                for (score, place) in scores.iter_mut().zip(self.places().rows()) {
                    let square: f64 = place
                        .iter()
                        .zip(centre)
                        .map(|(a, b)| (a - b) * (a - b))
                        .sum();
                    *score += penalty.log_factor(lipschitz, square.sqrt(), mean, variance.sqrt());
                }
            };
        if self.pending().nrows() > 0 {
            let pending = posterior::marginals(surrogate, self.pending())?;
            for (j, centre) in self.pending().rows().into_iter().enumerate() {
                penalise(&mut scores, centre, pending.mean[j], pending.variance[j]);
            }
        }
        self.pick(|open| {
            let offered: Vec<f64> = open.iter().map(|&index| scores[index]).collect();
            let choice = first_best(open, &offered)?;
            let (mean, variance) = (beliefs.mean[choice.index], beliefs.variance[choice.index]);
            penalise(&mut scores, self.places().row(choice.index), mean, variance);
            Ok(choice)
        })
    }

    /// The largest `‖∇μ‖` among the places on offer.
    fn steepest(&self, surrogate: &dyn Surrogate, beliefs: &Marginals) -> Result<f64> {
        let largest = beliefs.variance.iter().copied().fold(0.0, f64::max);
        let mut steepest = FLATTEST * largest.sqrt().max(f64::MIN_POSITIVE);
        for place in self.places().axis_iter(Axis(0)) {
            let slopes = posterior::slopes(surrogate, &place.to_vec())?.of_mean;
            steepest = steepest.max(slopes.iter().map(|s| s * s).sum::<f64>().sqrt());
        }
        Ok(steepest)
    }
}

/// `ln g` of a score.
fn log_gain(score: f64, scale: Scale) -> f64 {
    match scale {
        Scale::Gain => score.ln(),
        Scale::LogGain => score,
        Scale::Level { reference } => {
            let level = score - reference;
            if level > 0.0 {
                (level + (-level).exp().ln_1p()).ln()
            } else if level > -700.0 {
                level.exp().ln_1p().ln()
            } else {
                level // ln(1 + e^ℓ) is e^ℓ by then
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factor_grows_with_distance_from_at_most_a_half() {
        let penalty = LocalPenalty::new(2.0).unwrap();
        let factor = |distance: f64| penalty.log_factor(3.0, distance, 0.5, 0.4);
        assert!(factor(0.0) < 0.5_f64.ln() && factor(10.0).abs() < 1e-12);
        assert!((0..40).all(|i| factor(f64::from(i) * 0.02 + 0.02) > factor(f64::from(i) * 0.02)));
        // Φ(0) at the radius of the ball
        assert!((factor(0.5) - 0.5_f64.ln()).abs() < 1e-12);
        assert_eq!(penalty.log_factor(3.0, 0.4, 0.5, 0.0), f64::NEG_INFINITY);
        assert_eq!(penalty.log_factor(3.0, 0.6, 0.5, 0.0), 0.0);
        assert!((penalty.log_factor(3.0, 0.0, 9.0, 1.0) - 0.5_f64.ln()).abs() < 1e-15);
    }

    #[test]
    fn levels_become_positive_gains_without_a_jump() {
        let level = Scale::Level { reference: 1.0 };
        assert!((log_gain(1.0, level) - 2.0_f64.ln().ln()).abs() < 1e-15);
        assert!((log_gain(51.0, level) - 50.0_f64.ln()).abs() < 1e-12);
        assert!((log_gain(-698.9, level) + 699.9).abs() < 1e-9);
        assert!((log_gain(-699.1, level) + 700.1).abs() < 1e-9);
    }

    #[test]
    fn settings_are_checked() {
        assert!(LocalPenalty::new(f64::NAN).is_err());
        let penalty = LocalPenalty::new(1.0).unwrap();
        assert!(penalty.with_lipschitz(0.0).is_err());
        assert!(penalty.with_lipschitz(f64::INFINITY).is_err());
    }
}
