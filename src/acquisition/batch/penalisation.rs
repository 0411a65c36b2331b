//! Batches by pushing each place out of the reach of those before.

use super::field::FieldBatch;
use crate::acquisition::argument::{finite, positive};
use crate::acquisition::choice::first_best;
use crate::acquisition::{Choice, Field, FieldCriterion, Rule, Scale, posterior};
use crate::error::Result;
use crate::gp::{Marginals, Surrogate};
use crate::normal;
use ndarray::{ArrayView1, ArrayView2, Axis};

/// Slope of the objective below which distances would mean nothing, relative to the largest deviation.
const FLATTEST: f64 = 1e-7;
/// What the largest level becomes before the soft maximum with 0 makes it positive.
const SHARPNESS: f64 = 10.0;

/// How far around a busy place no second measurement is wanted, for [`FieldBatch::penalised`].
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
    /// [`Error::Argument`](crate::Error::Argument) if it is not finite.
    pub fn new(maximum: f64) -> Result<Self> {
        finite("maximum", maximum)?;
        Ok(Self {
            maximum,
            lipschitz: None,
        })
    }

    /// The same with a known Lipschitz constant L, in units of the value per unit of the coordinates.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) unless it is finite and positive.
    pub fn with_lipschitz(self, lipschitz: f64) -> Result<Self> {
        positive("lipschitz", lipschitz)?;
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

impl FieldBatch<'_> {
    /// The batch built one measurement at a time by `ln g(α(x)) + Σ_j ln Φ(z_j(x))` over the pending and chosen places x_j, with
    /// `z_j = (L ‖x − x_j‖ − max(0, M − μ_j))/s_j`.
    ///
    /// If the objective changes by at most L per unit of distance, then around x_j no place closer than (M − f(x_j))/L can reach
    /// the maximum M, and Φ(z_j) is the probability that x is not within that ball, given mean μ_j and deviation s_j. The
    /// criterion is asked once for all offers, whatever the size of the batch. `g` makes its score α positive: a gain and the
    /// exponential of the logarithm of one as they are, a level by `ln(1 + eˣ)` with x = 10 (ℓ − reference)/max |ℓ − reference| over the
    /// offers, so that its unit does not matter (the factor 10 is this crate's choice). Scores are the logarithms above.
    /// Doses and costs tell by way of the criterion; noise of the pending measurements does not matter.
    ///
    /// Source: González, Dai, Hennig and Lawrence, AISTATS 2016 (arXiv 1505.08052), equation 5 and proposition 1.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) if a score is NaN, as [`Surrogate::marginals`], and what the criterion refuses.
    pub fn penalised<C: FieldCriterion + ?Sized>(
        &self,
        criterion: &C,
        penalty: &LocalPenalty,
    ) -> Result<Vec<Choice>> {
        let field @ Field {
            surrogate, offers, ..
        } = self.field();
        let (places, (pending, _)) = (offers.places(), self.pending());
        let beliefs = posterior::marginals(surrogate, places)?;
        let mut scores = log_gains(&criterion.score_all(&field)?, criterion.scale());
        let lipschitz = match penalty.lipschitz {
            Some(lipschitz) => lipschitz,
            None => steepest(surrogate, places, &beliefs)?,
        };
        let penalise =
            |scores: &mut [f64], centre: ArrayView1<'_, f64>, mean: f64, variance: f64| {
                let each = scores.chunks_exact_mut(offers.doses());
                for (scores, place) in each.zip(places.rows()) {
                    let steps = place.iter().zip(centre).map(|(a, b)| (a - b) * (a - b));
                    let distance = steps.sum::<f64>().sqrt();
                    let factor = penalty.log_factor(lipschitz, distance, mean, variance.sqrt());
                    scores.iter_mut().for_each(|score| *score += factor);
                }
            };
        if pending.nrows() > 0 {
            let known = posterior::marginals(surrogate, pending)?;
            for (j, centre) in pending.rows().into_iter().enumerate() {
                penalise(&mut scores, centre, known.mean[j], known.variance[j]);
            }
        }
        self.pick(|open| {
            let offered: Vec<f64> = open.iter().map(|&index| scores[index]).collect();
            let choice = first_best(open.iter().copied(), &offered)?;
            let place = choice.index / offers.doses();
            let (mean, variance) = (beliefs.mean[place], beliefs.variance[place]);
            penalise(&mut scores, places.row(place), mean, variance);
            Ok(choice)
        })
    }
}

/// The largest `‖∇μ‖` among these places.
fn steepest(
    surrogate: &dyn Surrogate,
    places: ArrayView2<'_, f64>,
    beliefs: &Marginals,
) -> Result<f64> {
    let largest = beliefs.variance.iter().copied().fold(0.0, f64::max);
    let mut steepest = FLATTEST * largest.sqrt().max(f64::MIN_POSITIVE);
    for place in places.axis_iter(Axis(0)) {
        let slopes = posterior::slopes(surrogate, &place.to_vec())?.of_mean;
        steepest = steepest.max(slopes.iter().map(|s| s * s).sum::<f64>().sqrt());
    }
    Ok(steepest)
}

/// `ln g` of each score.
fn log_gains(scores: &[f64], scale: Scale) -> Vec<f64> {
    let each = scores.iter();
    match scale {
        Scale::Gain => each.map(|score| score.ln()).collect(),
        Scale::LogGain => scores.to_vec(),
        Scale::Level { reference } => {
            let magnitudes = each.clone().map(|score| (score - reference).abs());
            let largest = magnitudes.filter(|m| m.is_finite()).fold(0.0, f64::max);
            let sharpness = if largest > 0.0 {
                SHARPNESS / largest
            } else {
                1.0
            };
            each.map(|score| log_softplus(sharpness * (score - reference)))
                .collect()
        }
    }
}

/// `ln ln(1 + eˣ)`.
fn log_softplus(x: f64) -> f64 {
    if x > 0.0 {
        (x + (-x).exp().ln_1p()).ln()
    } else if x > -700.0 {
        x.exp().ln_1p().ln()
    } else {
        x // ln(1 + eˣ) is eˣ by then
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
    fn levels_become_positive_gains_whatever_their_unit() {
        assert!((log_softplus(0.0) - 2.0_f64.ln().ln()).abs() < 1e-15);
        assert!((log_softplus(50.0) - 50.0_f64.ln()).abs() < 1e-12);
        assert!((log_softplus(-699.9) + 699.9).abs() < 1e-9);
        assert!((log_softplus(-700.1) + 700.1).abs() < 1e-9);
        let levels = [3.0, 1.5, 0.0, -6.0, f64::NEG_INFINITY];
        let wanted = log_gains(&levels, Scale::Level { reference: 1.0 });
        assert!(wanted.windows(2).all(|pair| pair[0] > pair[1]));
        assert_eq!(wanted[4], f64::NEG_INFINITY);
        let small = levels.map(|level| 1e-9 * level);
        let found = log_gains(&small, Scale::Level { reference: 1e-9 });
        for (found, wanted) in found.iter().zip(&wanted[..4]) {
            assert!((found - wanted).abs() < 1e-9 * wanted.abs());
        }
        let same = log_gains(&[2.0; 2], Scale::Level { reference: 2.0 });
        assert_eq!(same, [log_softplus(0.0); 2]);
    }

    #[test]
    fn settings_are_checked() {
        assert!(LocalPenalty::new(f64::NAN).is_err());
        let penalty = LocalPenalty::new(1.0).unwrap();
        assert!(penalty.with_lipschitz(0.0).is_err());
        assert!(penalty.with_lipschitz(f64::INFINITY).is_err());
    }
}
