//! How a score changes with the belief, and through it with the place.

use super::{Acquisition, Candidate, posterior};
use crate::error::{Error, Result};
use crate::gp::{Slopes, Surrogate};

/// Step of the central differences, ε^⅓.
const STEP: f64 = 6e-6;

/// Derivatives of a score by the mean and by the variance of the belief, dose and noise as they are.
///
/// Infinite or NaN where the score has no slope there, as at a place that is known exactly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoreSlopes {
    /// ∂score/∂μ, in units of the score per unit of the value.
    pub by_mean: f64,
    /// ∂score/∂s², in units of the score per unit of the value squared.
    pub by_variance: f64,
}

impl ScoreSlopes {
    /// Central differences of `score`, with steps of ε^⅓ of the deviation and of the variance; where the variance is 0, one
    /// step upwards in it.
    pub(super) fn by_differences(candidate: &Candidate, score: impl Fn(&Candidate) -> f64) -> Self {
        let (mean, variance) = (candidate.mean(), candidate.variance());
        let deviation = candidate.deviation();
        // a step below the spacing of numbers around the mean would be lost
        let step = STEP
            * deviation
                .max(1e-6 * mean.abs())
                .max(f64::MIN_POSITIVE / STEP);
        let (low, high) = (mean - step, mean + step);
        let at_mean = |mean| score(&candidate.believed(mean, variance));
        let by_mean = (at_mean(high) - at_mean(low)) / (high - low);
        let (low, high) = if variance > 0.0 {
            (variance * (1.0 - STEP), variance * (1.0 + STEP))
        } else {
            let scale = candidate.noise_variance();
            (0.0, 1e-8 * if scale > 0.0 { scale } else { 1.0 })
        };
        let at_variance = |variance| score(&candidate.believed(mean, variance));
        Self {
            by_mean,
            by_variance: (at_variance(high) - at_variance(low)) / (high - low),
        }
    }

    /// Both slopes times a factor; a factor of 0 leaves nothing even of an infinite slope.
    pub(super) fn times(self, factor: f64) -> Self {
        let scaled = |slope: f64| if factor == 0.0 { 0.0 } else { slope * factor };
        Self {
            by_mean: scaled(self.by_mean),
            by_variance: scaled(self.by_variance),
        }
    }
}

/// A score at one place with its derivatives by the d coordinates, from [`gradient`].
#[derive(Debug, Clone, PartialEq)]
pub struct Gradient {
    /// The score.
    pub score: f64,
    /// ∂score/∂x, one a coordinate.
    pub by_coordinate: Vec<f64>,
}

/// The score of a measurement at `point` with a `dose` (e⁻/Å²) and a `noise_variance`, and how it changes with the place:
///
/// ∂a/∂x = ∂a/∂μ ∂μ/∂x + ∂a/∂s² ∂s²/∂x,
///
/// the chain rule over [`Acquisition::slopes`] and [`Surrogate::slopes`], with dose and noise held fixed.
///
/// ```
/// use dosewise::acquisition::{LogExpectedImprovement, gradient};
/// use dosewise::gp::{ExactGp, Kernel, Matern52, Noise};
/// use ndarray::array;
/// let gp = ExactGp::new(Matern52::isotropic(0.3).scaled(1.0), Noise::Homoscedastic(0.01))
///     .condition(&array![[0.2], [0.8]], &[0.0, 1.0])?;
/// let uphill = gradient(&LogExpectedImprovement::over(1.0)?, &gp, &[0.5], 10.0, 0.01)?;
/// assert!(uphill.by_coordinate[0] > 0.0); // towards the better measurement
/// # Ok::<(), dosewise::Error>(())
/// ```
///
/// # Errors
/// [`Error::Argument`] as [`Surrogate::slopes`] and [`Candidate::new`], and if the score has no finite slope at the point, as
/// at a place that is known exactly.
pub fn gradient<A: Acquisition + ?Sized>(
    acquisition: &A,
    surrogate: &dyn Surrogate,
    point: &[f64],
    dose: f64,
    noise_variance: f64,
) -> Result<Gradient> {
    let place = posterior::slopes(surrogate, point)?;
    let candidate = Candidate::new(place.mean, place.variance, noise_variance, dose)?;
    by_place(acquisition, &candidate, &place)
}

/// The same for a candidate whose belief changes like `place`.
pub(super) fn by_place<A: Acquisition + ?Sized>(
    acquisition: &A,
    candidate: &Candidate,
    place: &Slopes,
) -> Result<Gradient> {
    let slopes = acquisition.slopes(candidate);
    // where the belief does not change, neither does the score, however steep it is
    let part = |steepness: f64, slope: f64| if slope == 0.0 { 0.0 } else { steepness * slope };
    let by_coordinate: Vec<f64> = place
        .of_mean
        .iter()
        .zip(&place.of_variance)
        .map(|(&mean, &variance)| part(slopes.by_mean, mean) + part(slopes.by_variance, variance))
        .collect();
    if let Some(wrong) = by_coordinate.iter().find(|slope| !slope.is_finite()) {
        return Err(Error::argument(
            "point",
            format!("{candidate:?} where the slope of the score is {wrong}"),
            "a place where the score changes smoothly, not one known exactly",
        ));
    }
    Ok(Gradient {
        score: acquisition.score(candidate),
        by_coordinate,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acquisition::{
        ContourImprovement, CountInformation, ExpectedImprovement, GittinsIndex, LabelInformation,
        LevelSetEntropy, LogExpectedImprovement, LogProbabilityOfImprovement, MaxValueEntropy,
        MutualInformation, PosteriorVariance, ProbabilityOfImprovement, Straddle,
        UpperConfidenceBound, VarianceReduction,
    };
    use crate::gp::Link;

    fn assert_slopes(name: &str, acquisition: &dyn Acquisition, candidate: &Candidate) {
        let found = acquisition.slopes(candidate);
        let wanted = ScoreSlopes::by_differences(candidate, |c| acquisition.score(c));
        // rounding of the score over the step limits what differences can tell
        let score = acquisition.score(candidate).abs().max(1e-10);
        let check = |found: f64, wanted: f64, unit: f64| {
            let allowed = 2e-7 * wanted.abs() + 1e-9 * score / unit;
            assert!(
                (found - wanted).abs() <= allowed,
                "{name} at {candidate:?}: {found} but differences say {wanted}"
            );
        };
        check(found.by_mean, wanted.by_mean, candidate.deviation());
        check(found.by_variance, wanted.by_variance, candidate.variance());
    }

    #[test]
    fn closed_forms_equal_differences() {
        let over = 1.0;
        let expected = ExpectedImprovement::over(over).unwrap();
        let log = LogExpectedImprovement::over(over).unwrap();
        let chance = ProbabilityOfImprovement::over(over).unwrap();
        let log_chance = LogProbabilityOfImprovement::over(over).unwrap();
        let bound = UpperConfidenceBound::new(1.7).unwrap().over(over).unwrap();
        let index = GittinsIndex::over(over, 0.02).unwrap();
        let straddle = Straddle::at(0.4).unwrap();
        let contour = ContourImprovement::at(0.4).unwrap();
        let maximum = MaxValueEntropy::new(vec![1.1, 1.5, 2.4]).unwrap();
        let all: Vec<(&str, Box<dyn Acquisition>)> = vec![
            ("EI", Box::new(expected)),
            ("EI after", Box::new(expected.after_measurement())),
            ("LogEI", Box::new(log)),
            ("LogEI after", Box::new(log.after_measurement())),
            ("PI", Box::new(chance)),
            ("PI after", Box::new(chance.after_measurement())),
            ("LogPI", Box::new(log_chance)),
            ("UCB", Box::new(bound)),
            ("variance", Box::new(PosteriorVariance)),
            ("reduction", Box::new(VarianceReduction)),
            ("information", Box::new(MutualInformation)),
            ("counts", Box::new(CountInformation::new(2.0).unwrap())),
            ("probit", Box::new(LabelInformation::through(Link::Probit))),
            ("logit", Box::new(LabelInformation::through(Link::Logit))),
            ("straddle", Box::new(straddle)),
            ("entropy", Box::new(LevelSetEntropy::at(0.4).unwrap())),
            ("contour", Box::new(contour)),
            ("max value", Box::new(maximum.clone())),
            ("max value per dose", Box::new(maximum.per_dose())),
            ("Gittins", Box::new(index)),
            ("Gittins after", Box::new(index.after_measurement())),
            ("LogPI after", Box::new(log_chance.after_measurement())),
            ("UCB after", Box::new(bound.after_measurement())),
            ("straddle after", Box::new(straddle.after_measurement())),
            ("contour after", Box::new(contour.after_measurement())),
            ("EI per dose", Box::new(expected.per_dose())),
            ("UCB per dose", Box::new(bound.per_dose())),
            ("UCB cooled", Box::new(bound.cooled(0.4).unwrap())),
            ("LogEI cooled", Box::new(log.cooled(0.4).unwrap())),
            ("LogEI priced", Box::new(log.priced(0.1).unwrap())),
            ("UCB priced", Box::new(bound.priced(0.1).unwrap())),
        ];
        for (mean, variance, noise) in [
            (0.2, 0.5, 0.3),
            (1.4, 0.5, 0.3),
            (-2.5, 0.25, 0.1),
            (0.9, 4.0, 0.01),
            (0.9, 1e-4, 2e-5),
        ] {
            let candidate = Candidate::new(mean, variance, noise, 3.0).unwrap();
            for (name, acquisition) in &all {
                // a difference of two entropies, whose rounding is all that differences see of so small a variance
                if ["probit", "logit"].contains(name) && variance < 1e-3 {
                    continue;
                }
                assert_slopes(name, acquisition.as_ref(), &candidate);
            }
        }
    }

    /// Far below the incumbent ln EI → −z²/2 − 2 ln|z|, so the slope by the mean → −z/s, where EI itself has underflowed.
    #[test]
    fn the_logarithm_keeps_its_slope_in_the_tail() {
        let candidate = Candidate::new(-1e4, 1.0, 0.1, 1.0).unwrap();
        let log = LogExpectedImprovement::over(0.0).unwrap();
        let slopes = log.slopes(&candidate);
        assert!((slopes.by_mean / 1e4 - 1.0).abs() < 1e-7);
        assert!((slopes.by_variance / 5e7 - 1.0).abs() < 1e-7);
    }

    #[test]
    fn an_acquisition_without_closed_form_takes_differences() {
        struct Quadratic;
        impl Acquisition for Quadratic {
            fn score(&self, candidate: &Candidate) -> f64 {
                candidate.mean().powi(2) + 3.0 * candidate.variance()
            }
            fn scale(&self) -> crate::acquisition::Scale {
                crate::acquisition::Scale::Gain
            }
        }
        let slopes = Quadratic.slopes(&Candidate::new(2.0, 0.5, 0.1, 1.0).unwrap());
        assert!((slopes.by_mean - 4.0).abs() < 1e-8);
        assert!((slopes.by_variance - 3.0).abs() < 1e-8);
        let known = Quadratic.slopes(&Candidate::new(2.0, 0.0, 0.1, 1.0).unwrap());
        assert!((known.by_variance - 3.0).abs() < 1e-4);
    }
}
