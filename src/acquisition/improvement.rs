//! Acquisitions that ask how far a place may lie above the best value known: EI, LogEI, PI, LogPI.
//!
//! With `μ` and `s` the posterior mean and deviation, `y*` the incumbent and `z = (μ − y*)/s`; `φ`, `Φ` standard normal.

use super::argument::finite;
use super::{Acquisition, Candidate, Scale, ScoreSlopes};
use crate::error::Result;
use crate::normal;

/// Improvement over the incumbent.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Improvement {
    incumbent: f64,
}

impl Improvement {
    fn over(incumbent: f64) -> Result<Self> {
        finite("incumbent", incumbent)?;
        Ok(Self { incumbent })
    }

    /// `(μ − y*, s)`.
    fn of(&self, candidate: &Candidate) -> (f64, f64) {
        (candidate.mean() - self.incumbent, candidate.deviation())
    }

    /// Slopes from those by `μ` and by the variance, given `(μ − y*, s)`; where `s = 0` the
    /// slope by the mean is `known(μ − y*)` and that by the variance is taken as 0.
    fn slopes(
        &self,
        candidate: &Candidate,
        uncertain: impl FnOnce(f64, f64) -> (f64, f64),
        known: impl FnOnce(f64) -> f64,
    ) -> ScoreSlopes {
        let (gap, deviation) = self.of(candidate);
        let (by_mean, by_variance) = if deviation == 0.0 {
            (known(gap), 0.0)
        } else {
            uncertain(gap / deviation, deviation)
        };
        ScoreSlopes {
            by_mean,
            by_variance,
        }
    }
}

/// The constructors that all four share.
macro_rules! improvement_constructors {
    ($name:ident) => {
        impl $name {
            /// Over the best value known so far, the incumbent `y*`, in units of the value.
            ///
            /// With noisy measurements the incumbent should be the largest posterior mean at a measured place: the largest
            /// measured value is biased upwards by its noise.
            ///
            /// # Errors
            /// [`crate::Error::Argument`] if the incumbent is not finite.
            pub fn over(incumbent: f64) -> Result<Self> {
                Ok(Self(Improvement::over(incumbent)?))
            }

            /// The incumbent `y*`.
            pub fn incumbent(&self) -> f64 {
                self.0.incumbent
            }
        }
    };
}

/// Expected improvement `E[max(0, f − y*)] = s (φ(z) + z Φ(z))`, in units of the value; `max(0, μ − y*)` where `s = 0`.
///
/// Underflows to 0 beyond `z ≈ −38`, where all candidates become alike: prefer [`LogExpectedImprovement`].
///
/// Source: Jones, Schonlau and Welch, *J. Global Optim.* 13, 455 (1998), equation 15.
///
/// ```
/// use dosewise::acquisition::{Acquisition, Candidate, ExpectedImprovement};
/// let at_the_incumbent = Candidate::new(2.0, 0.25, 0.1, 10.0)?;
/// let score = ExpectedImprovement::over(2.0)?.score(&at_the_incumbent);
/// assert!((score - 0.5 / (2.0 * std::f64::consts::PI).sqrt()).abs() < 1e-15); // s φ(0)
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExpectedImprovement(Improvement);

improvement_constructors!(ExpectedImprovement);

impl Acquisition for ExpectedImprovement {
    fn score(&self, candidate: &Candidate) -> f64 {
        let (gap, deviation) = self.0.of(candidate);
        if deviation == 0.0 {
            gap.max(0.0)
        } else {
            deviation * normal::positive_part(gap / deviation)
        }
    }

    fn scale(&self) -> Scale {
        Scale::Gain
    }

    /// `Φ(z)` and `φ(z)/(2 s)`; the step from 0 to 1, and 0, where `s = 0`.
    fn slopes(&self, candidate: &Candidate) -> ScoreSlopes {
        let uncertain = |z, s: f64| (normal::cdf(z), normal::density(z) / (2.0 * s));
        let known = |gap| f64::from(gap > 0.0);
        self.0.slopes(candidate, uncertain, known)
    }
}

/// Logarithm of the [expected improvement](ExpectedImprovement), `ln s + ln(φ(z) + z Φ(z))`.
///
/// It ranks as the expected improvement does, but stays finite and strictly increasing in `μ` where that underflows (down to
/// `z ≈ −1e154`), so an optimiser still sees which candidate is less hopeless. −∞ where `s = 0` and `μ ≤ y*`.
///
/// Source: Ament, Daulton, Eriksson, Balandat and Bakshy, *Unexpected Improvements to Expected Improvement for Bayesian
/// Optimization*, NeurIPS 2023 (arXiv 2310.20708); here the tail is a continued fraction instead of `erfcx`.
///
/// ```
/// use dosewise::acquisition::{Acquisition, Candidate, ExpectedImprovement, LogExpectedImprovement};
/// let hopeless = Candidate::new(-40.0, 1.0, 0.1, 10.0)?;
/// let worse = Candidate::new(-41.0, 1.0, 0.1, 10.0)?;
/// let plain = ExpectedImprovement::over(0.0)?;
/// assert_eq!(plain.score(&hopeless), plain.score(&worse)); // both underflow to 0
/// let log = LogExpectedImprovement::over(0.0)?;
/// assert!(log.score(&hopeless) > log.score(&worse));
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogExpectedImprovement(Improvement);

improvement_constructors!(LogExpectedImprovement);

impl Acquisition for LogExpectedImprovement {
    fn score(&self, candidate: &Candidate) -> f64 {
        let (gap, deviation) = self.0.of(candidate);
        if deviation == 0.0 {
            gap.max(0.0).ln()
        } else {
            deviation.ln() + normal::ln_positive_part(gap / deviation)
        }
    }

    fn scale(&self) -> Scale {
        Scale::LogGain
    }

    /// `Φ/(s h)` and `φ/(2 s² h)` with `h = φ + z Φ`, finite wherever the score is; where `s = 0`, `1/(μ − y*)` above the
    /// incumbent, and 0.
    fn slopes(&self, candidate: &Candidate) -> ScoreSlopes {
        let uncertain = |z, s: f64| {
            let (by_z, by_scale) = normal::slopes_of_ln_positive_part(z);
            (by_z / s, by_scale / (2.0 * s) / s)
        };
        let known = |gap: f64| if gap > 0.0 { 1.0 / gap } else { 0.0 };
        self.0.slopes(candidate, uncertain, known)
    }
}

/// Probability of improvement `P(f > y*) = Φ(z)`; where `s = 0`, 1 if `μ > y*` and 0 otherwise.
///
/// Source: Kushner, *J. Basic Eng.* 86, 97 (1964).
///
/// ```
/// use dosewise::acquisition::{Acquisition, Candidate, ProbabilityOfImprovement};
/// let at_the_incumbent = Candidate::new(2.0, 0.25, 0.1, 10.0)?;
/// assert_eq!(ProbabilityOfImprovement::over(2.0)?.score(&at_the_incumbent), 0.5);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProbabilityOfImprovement(Improvement);

improvement_constructors!(ProbabilityOfImprovement);

impl Acquisition for ProbabilityOfImprovement {
    fn score(&self, candidate: &Candidate) -> f64 {
        let (gap, deviation) = self.0.of(candidate);
        if deviation == 0.0 {
            f64::from(gap > 0.0)
        } else {
            normal::cdf(gap / deviation)
        }
    }

    fn scale(&self) -> Scale {
        Scale::Gain
    }

    /// `φ(z)/s` and `−z φ(z)/(2 s²)`; 0 where `s = 0`.
    fn slopes(&self, candidate: &Candidate) -> ScoreSlopes {
        let uncertain = |z: f64, s: f64| {
            let by_mean = normal::density(z) / s;
            (by_mean, -0.5 * z * by_mean / s)
        };
        self.0.slopes(candidate, uncertain, |_| 0.0)
    }
}

/// Logarithm of the [probability of improvement](ProbabilityOfImprovement), `ln Φ(z)`, finite far below the incumbent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogProbabilityOfImprovement(Improvement);

improvement_constructors!(LogProbabilityOfImprovement);

impl Acquisition for LogProbabilityOfImprovement {
    fn score(&self, candidate: &Candidate) -> f64 {
        let (gap, deviation) = self.0.of(candidate);
        if deviation == 0.0 {
            f64::from(gap > 0.0).ln()
        } else {
            normal::ln_cdf(gap / deviation)
        }
    }

    fn scale(&self) -> Scale {
        Scale::LogGain
    }

    /// `ρ/s` and `−z ρ/(2 s²)` with `ρ = φ(z)/Φ(z)`; 0 where `s = 0`.
    fn slopes(&self, candidate: &Candidate) -> ScoreSlopes {
        let uncertain = |z: f64, s: f64| {
            let by_mean = normal::inverse_mills(z).0 / s;
            (by_mean, -0.5 * z * by_mean / s)
        };
        self.0.slopes(candidate, uncertain, |_| 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(mean: f64, variance: f64, noise: f64) -> Candidate {
        Candidate::new(mean, variance, noise, 1.0).unwrap()
    }

    #[test]
    fn without_doubt_only_the_gap_counts() {
        for (mean, gain, chance) in [(2.5, 0.5, 1.0), (2.0, 0.0, 0.0), (1.0, 0.0, 0.0)] {
            let known = candidate(mean, 0.0, 0.1);
            let nearly = candidate(mean, 1e-24, 0.1);
            let expected = ExpectedImprovement::over(2.0).unwrap();
            assert_eq!(expected.score(&known), gain);
            assert!((expected.score(&nearly) - gain).abs() < 1e-11);
            let log = LogExpectedImprovement::over(2.0).unwrap();
            assert_eq!(log.score(&known), f64::ln(gain));
            let probability = ProbabilityOfImprovement::over(2.0).unwrap();
            assert_eq!(probability.score(&known), chance);
            let log = LogProbabilityOfImprovement::over(2.0).unwrap();
            assert_eq!(log.score(&known), f64::ln(chance));
        }
    }

    #[test]
    fn far_below_the_incumbent_the_logarithm_stays_finite_and_rises_with_the_mean() {
        let log = LogExpectedImprovement::over(0.0).unwrap();
        let mut last = f64::NEG_INFINITY;
        for exponent in (0..=600).rev() {
            let z = -10.0_f64.powf(f64::from(exponent) / 4.0); // −1e150 … −1
            let score = log.score(&candidate(z, 1.0, 0.0));
            assert!(score.is_finite() && score > last, "{z}: {score} {last}");
            last = score;
        }
    }

    #[test]
    fn a_noiseless_measurement_tells_the_latent_value() {
        let latent = LogExpectedImprovement::over(1.0).unwrap();
        let informed = latent.after_measurement();
        assert_eq!(
            latent.score(&candidate(0.3, 0.4, 0.0)),
            informed.score(&candidate(0.3, 0.4, 0.0))
        );
        assert!(
            informed.score(&candidate(0.3, 0.4, 2.0)) < informed.score(&candidate(0.3, 0.4, 1.0))
        );
    }

    #[test]
    fn an_incumbent_must_be_a_number() {
        assert!(ExpectedImprovement::over(f64::NAN).is_err());
        assert!(LogExpectedImprovement::over(f64::INFINITY).is_err());
        assert!(ProbabilityOfImprovement::over(f64::NEG_INFINITY).is_err());
        assert!(LogProbabilityOfImprovement::over(f64::NAN).is_err());
    }
}
