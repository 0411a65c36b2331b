//! Labels zero and one.

use super::Derivatives;
use crate::error::{Error, Result};
use crate::normal;
use serde::{Deserialize, Serialize};

/// What turns the latent function into the probability of label 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Link {
    /// π = 1/(1 + e⁻ᶠ).
    #[default]
    Logit,
    /// π = Φ(f), the standard normal distribution function.
    Probit,
}

impl Link {
    /// The probability of label 1 given f.
    pub fn probability(self, f: f64) -> f64 {
        match self {
            Self::Logit => logistic(f),
            Self::Probit => normal::cdf(f),
        }
    }

    /// E[π(f)] for f ~ N(mean, variance): the probability of label 1 when f is uncertain.
    ///
    /// In closed form for the probit, Φ(mean/√(1 + variance)) (Rasmussen & Williams 2006, eq. 3.82). For the logit by
    /// the trapezoidal rule, whose error falls exponentially with the distance of the poles of the logistic function
    /// from the real line (Trefethen & Weideman 2014, SIAM Review 56, 385), here below 10⁻¹²; beyond a
    /// standard deviation of 100, where the logistic is a step, by a probit of the same variance π²/3, within 10⁻⁸.
    pub fn averaged_probability(self, mean: f64, variance: f64) -> f64 {
        match self {
            Self::Probit => normal::cdf(mean / (1.0 + variance).sqrt()),
            Self::Logit => {
                let deviation = variance.sqrt();
                if deviation > 100.0 {
                    let square = std::f64::consts::PI.powi(2) / 3.0;
                    return normal::cdf(mean / (square + variance).sqrt());
                }
                let step = (0.6 / deviation).min(0.5);
                let average = super::prediction::normal_average(step, &mut |z| {
                    logistic(mean + deviation * z)
                });
                average.clamp(0.0, 1.0)
            }
        }
    }

    pub(super) fn log_density(self, y: f64, f: f64) -> f64 {
        let signed = if y > 0.5 { f } else { -f };
        match self {
            // −log(1 + e⁻ˢ), without overflow on either side.
            Self::Logit => signed.min(0.0) - (-signed.abs()).exp().ln_1p(),
            Self::Probit => normal::ln_cdf(signed),
        }
    }

    /// Logit: y − π, −π(1 − π), −π(1 − π)(1 − 2π). Probit, with s = ±1, z = s f and ρ = φ(z)/Φ(z): s ρ, −ρ(z + ρ),
    /// s ρ ((z + ρ)(z + 2ρ) − 1) (Rasmussen & Williams 2006, section 3.2).
    pub(super) fn derivatives(self, y: f64, f: f64) -> Derivatives {
        let sign = if y > 0.5 { 1.0 } else { -1.0 };
        let log_density = self.log_density(y, f);
        match self {
            Self::Logit => {
                let spread = logistic(f) * logistic(-f);
                Derivatives {
                    log_density,
                    first: sign * logistic(-sign * f),
                    second: -spread,
                    third: spread * (0.5 * f).tanh(),
                }
            }
            Self::Probit => {
                let (ratio, sum) = normal::inverse_mills(sign * f);
                Derivatives {
                    log_density,
                    first: sign * ratio,
                    second: -ratio * sum,
                    third: sign * ratio * (sum * (sum + ratio) - 1.0),
                }
            }
        }
    }
}

fn logistic(f: f64) -> f64 {
    if f < 0.0 {
        let small = f.exp();
        small / (1.0 + small)
    } else {
        1.0 / (1.0 + (-f).exp())
    }
}

pub(super) fn check(y: &[f64]) -> Result<()> {
    match y.iter().find(|&&label| label != 0.0 && label != 1.0) {
        None => Ok(()),
        Some(bad) => Err(Error::argument("y", bad, "labels 0 and 1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_match_brute_force_and_symmetry() {
        for (mean, deviation) in [(0.3, 0.2), (-1.0, 2.0), (2.0, 30.0), (-40.0, 99.0)] {
            for link in [Link::Logit, Link::Probit] {
                let (mut sum, h) = (0.0, 1e-4);
                for k in -100_000..100_000 {
                    let z = h * (f64::from(k) + 0.5);
                    sum += h * normal::density(z) * link.probability(mean + deviation * z);
                }
                let found = link.averaged_probability(mean, deviation * deviation);
                assert!((found - sum).abs() < 1e-9, "{link:?} {mean} {deviation}");
                let mirrored = link.averaged_probability(-mean, deviation * deviation);
                assert!((found + mirrored - 1.0).abs() < 1e-12);
            }
        }
        let (inside, outside) = (99.999_999_f64.powi(2), 100.000_001_f64.powi(2));
        let jump = Link::Logit.averaged_probability(50.0, inside)
            - Link::Logit.averaged_probability(50.0, outside);
        assert!(jump.abs() < 1e-8);
        assert_eq!(Link::Logit.averaged_probability(0.0, 0.0), 0.5);
    }

    #[test]
    fn far_labels_stay_finite() {
        for link in [Link::Logit, Link::Probit] {
            let at = link.derivatives(1.0, -1e4);
            assert!(at.log_density < -9e3 && at.log_density.is_finite());
            assert!(at.first >= 1.0 && at.second <= 0.0 && at.third.is_finite());
            assert_eq!(link.derivatives(1.0, 1e4).log_density, 0.0);
        }
    }
}
