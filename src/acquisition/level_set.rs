//! Where does the value cross a threshold? Doubt about the side a place lies on.
//!
//! With `m = μ − h` the distance of the mean from the threshold `h`, `s` the posterior deviation; `φ`, `Φ` standard normal.

use super::{Acquisition, Candidate, Scale, ScoreSlopes};
use crate::acquisition::argument::{finite, positive};
use crate::error::Result;
use crate::normal;

/// Straddle, `κ s − |m|`: how far the interval `μ ± κ s` reaches beyond the threshold; `κ = 1.96` unless stated.
///
/// Signed, with reference 0: below it the side of the place is settled at that confidence.
///
/// Source: Bryan, Nichol, Genovese, Schneider, Miller and Wasserman, *Active learning for identifying function threshold
/// boundaries*, NeurIPS 2005.
///
/// ```
/// use dosewise::acquisition::{Acquisition, Candidate, Straddle};
/// let near = Candidate::new(0.9, 0.04, 0.1, 10.0)?;
/// assert!((Straddle::at(1.0)?.score(&near) - (1.96 * 0.2 - 0.1)).abs() < 1e-15);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Straddle {
    threshold: f64,
    deviations: f64,
}

impl Straddle {
    /// About `threshold`, in units of the value.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) if the threshold is not finite.
    pub fn at(threshold: f64) -> Result<Self> {
        finite("threshold", threshold)?;
        Ok(Self {
            threshold,
            deviations: 1.96,
        })
    }

    /// With another half-width `κ` of the interval, in posterior deviations.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) unless `deviations` is finite and positive.
    pub fn with_deviations(self, deviations: f64) -> Result<Self> {
        positive("deviations", deviations)?;
        Ok(Self { deviations, ..self })
    }
}

impl Acquisition for Straddle {
    fn score(&self, candidate: &Candidate) -> f64 {
        self.deviations * candidate.deviation() - (candidate.mean() - self.threshold).abs()
    }

    fn scale(&self) -> Scale {
        Scale::Level { reference: 0.0 }
    }

    /// `−sign m` (0 on the threshold) and `κ/(2 s)`.
    fn slopes(&self, candidate: &Candidate) -> ScoreSlopes {
        let gap = candidate.mean() - self.threshold;
        ScoreSlopes {
            by_mean: if gap == 0.0 { 0.0 } else { -gap.signum() },
            by_variance: self.deviations / (2.0 * candidate.deviation()),
        }
    }
}

/// Entropy of the side, `−p ln p − (1 − p) ln(1 − p)` nats with `p = Φ(m/s)`; 0 where `s = 0`.
///
/// It ranks as `−|m|/s` does, but is a gain that can be divided by a dose.
///
/// Source: Gotovos, Casati, Hitz and Krause, *Active learning for level set estimation*, IJCAI 2013, for the ranking by
/// ambiguity; Shannon's entropy of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LevelSetEntropy {
    threshold: f64,
}

impl LevelSetEntropy {
    /// About `threshold`, in units of the value.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) if the threshold is not finite.
    pub fn at(threshold: f64) -> Result<Self> {
        finite("threshold", threshold)?;
        Ok(Self { threshold })
    }

    /// `m/s`, `None` where the value is known.
    fn distance(&self, candidate: &Candidate) -> Option<f64> {
        let deviation = candidate.deviation();
        (deviation > 0.0).then(|| (candidate.mean() - self.threshold) / deviation)
    }
}

impl Acquisition for LevelSetEntropy {
    fn score(&self, candidate: &Candidate) -> f64 {
        let part = |z: f64| match normal::cdf(z) {
            0.0 => 0.0,
            p => -p * normal::ln_cdf(z),
        };
        self.distance(candidate).map_or(0.0, |z| part(z) + part(-z))
    }

    fn scale(&self) -> Scale {
        Scale::Gain
    }

    /// `ln((1 − p)/p) φ(z)/s` and `−z/(2 s)` times that, `z = m/s`; 0 where `s = 0`.
    fn slopes(&self, candidate: &Candidate) -> ScoreSlopes {
        let by_mean = |z: f64| match normal::density(z) {
            0.0 => 0.0,
            density => (normal::ln_cdf(-z) - normal::ln_cdf(z)) * density / candidate.deviation(),
        };
        let (by_mean, z) = self
            .distance(candidate)
            .map_or((0.0, 0.0), |z| (by_mean(z), z));
        let by_variance = match by_mean {
            0.0 => 0.0,
            slope => -z * slope / (2.0 * candidate.deviation()),
        };
        ScoreSlopes {
            by_mean,
            by_variance,
        }
    }
}

/// Expected improvement of a contour, `E[max(0, (α s)² − (f − h)²)]`: large where the value is close to the threshold and
/// not yet well known. `α = 1.96` unless stated; units of the value squared.
///
/// With `a, b = (−m ∓ α s)/s` and `P = Φ(b) − Φ(a)`:
/// `s² ((α² − 1 − m²/s²) P + b φ(b) − a φ(a)) + 2 m s (φ(b) − φ(a))`.
///
/// Source: Ranjan, Bingham and Michailidis, *Technometrics* 50, 527 (2008); the moments of the
/// truncated normal distribution are integrated anew here.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ContourImprovement {
    threshold: f64,
    width: f64,
}

impl ContourImprovement {
    /// About `threshold`, in units of the value.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) if the threshold is not finite.
    pub fn at(threshold: f64) -> Result<Self> {
        finite("threshold", threshold)?;
        Ok(Self {
            threshold,
            width: 1.96,
        })
    }

    /// With another half-width `α` of the band, in posterior deviations.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) unless `width` is finite and positive.
    pub fn with_width(self, width: f64) -> Result<Self> {
        positive("width", width)?;
        Ok(Self { width, ..self })
    }

    /// Moments of order 0, 1 and 2 of a standard normal variable between `a` and `b`.
    fn moments(&self, z: f64) -> [f64; 3] {
        let (a, b) = (-z - self.width, -z + self.width);
        let (at_a, at_b) = (normal::density(a), normal::density(b));
        // on the side where both tails are small, so that their difference keeps its digits
        let within = if z > 0.0 {
            normal::cdf(b) - normal::cdf(a)
        } else {
            normal::cdf(-a) - normal::cdf(-b)
        };
        [within, at_a - at_b, within + a * at_a - b * at_b]
    }
}

impl Acquisition for ContourImprovement {
    fn score(&self, candidate: &Candidate) -> f64 {
        let deviation = candidate.deviation();
        let z = (candidate.mean() - self.threshold) / deviation;
        // beyond the band by this much both densities underflow
        if deviation == 0.0 || z.abs() > self.width + 39.0 {
            return 0.0;
        }
        let [zeroth, first, second] = self.moments(z);
        let inside = (self.width * self.width - z * z) * zeroth - 2.0 * z * first - second;
        candidate.variance() * inside.max(0.0)
    }

    fn scale(&self) -> Scale {
        Scale::Gain
    }

    /// `−2 s (z P + M₁)` and `α² P − z M₁ − M₂`, `Mₖ` the moments within the band; 0 where `s = 0`.
    fn slopes(&self, candidate: &Candidate) -> ScoreSlopes {
        let deviation = candidate.deviation();
        let z = (candidate.mean() - self.threshold) / deviation;
        if deviation == 0.0 || z.abs() > self.width + 39.0 {
            return ScoreSlopes {
                by_mean: 0.0,
                by_variance: 0.0,
            };
        }
        let [zeroth, first, second] = self.moments(z);
        ScoreSlopes {
            by_mean: -2.0 * deviation * (z * zeroth + first),
            by_variance: self.width * self.width * zeroth - z * first - second,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(mean: f64, variance: f64) -> Candidate {
        Candidate::new(mean, variance, 0.1, 1.0).unwrap()
    }

    #[test]
    fn the_contour_form_equals_its_integral() {
        for (mean, variance, width) in [(0.0, 1.0, 1.96), (1.3, 0.4, 1.0), (-2.0, 0.3, 2.5)] {
            let contour = ContourImprovement::at(0.2).unwrap();
            let contour = contour.with_width(width).unwrap();
            let s = f64::sqrt(variance);
            let (from, to, n) = (0.2 - width * s, 0.2 + width * s, 200_000);
            let step = (to - from) / f64::from(n);
            let wanted: f64 = (0..n)
                .map(|i| {
                    let f = from + (f64::from(i) + 0.5) * step;
                    let inside = (width * s).powi(2) - (f - 0.2).powi(2);
                    inside * normal::density((f - mean) / s) / s * step
                })
                .sum();
            let found = contour.score(&candidate(mean, variance));
            assert!((found - wanted).abs() < 1e-9 * wanted, "{found} {wanted}");
        }
    }

    #[test]
    fn entropy_is_one_bit_on_the_threshold_and_nothing_far_away() {
        let entropy = LevelSetEntropy::at(0.5).unwrap();
        assert!((entropy.score(&candidate(0.5, 0.3)) - std::f64::consts::LN_2).abs() < 1e-15);
        assert_eq!(entropy.score(&candidate(1e6, 0.3)), 0.0);
        assert_eq!(entropy.score(&candidate(0.5, 0.0)), 0.0);
        let (near, far) = (candidate(0.6, 0.3), candidate(-0.9, 0.3));
        assert!(entropy.score(&near) > entropy.score(&far));
        assert!((entropy.score(&near) - entropy.score(&candidate(0.4, 0.3))).abs() < 1e-15);
    }

    #[test]
    fn known_places_and_far_ones_are_worth_nothing_and_never_nan() {
        let contour = ContourImprovement::at(0.0).unwrap();
        let entropy = LevelSetEntropy::at(0.0).unwrap();
        for (mean, variance) in [(0.0, 0.0), (1.0, 0.0), (1e200, 1e-200), (-300.0, 1.0)] {
            let candidate = candidate(mean, variance);
            for acquisition in [&contour as &dyn Acquisition, &entropy] {
                assert_eq!(acquisition.score(&candidate), 0.0);
                let slopes = acquisition.slopes(&candidate);
                assert_eq!((slopes.by_mean, slopes.by_variance), (0.0, 0.0));
            }
        }
    }

    #[test]
    fn wrong_settings_are_refused() {
        assert!(Straddle::at(f64::NAN).is_err() && LevelSetEntropy::at(f64::INFINITY).is_err());
        assert!(Straddle::at(0.0).unwrap().with_deviations(0.0).is_err());
        let contour = ContourImprovement::at(0.0).unwrap();
        assert!(contour.with_width(f64::NAN).is_err() && ContourImprovement::at(f64::NAN).is_err());
    }
}
