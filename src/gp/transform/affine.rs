//! Straight lines between units.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// Ratios of scales beyond these could not be squared.
const USABLE: std::ops::RangeInclusive<f64> = 1e-75..=1e75;

/// Numbers whose spread is below this share of their size differ by rounding alone.
const ROUNDING: f64 = 16.0 * f64::EPSILON;

/// The map u = (x − shift)/scale from original units to scaled ones, and back.
///
/// ```
/// use dosewise::gp::Affine;
/// let celsius = Affine { shift: 273.15, scale: 1.0 };
/// assert_eq!(celsius.apply(300.0), 300.0 - 273.15);
/// assert_eq!(celsius.invert(0.0), 273.15);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Affine {
    /// What becomes zero, in original units.
    pub shift: f64,
    /// What becomes one unit, in original units; positive.
    pub scale: f64,
}

impl Affine {
    /// The map that changes nothing, not even the last bit.
    pub const IDENTITY: Self = Self {
        shift: 0.0,
        scale: 1.0,
    };

    /// From original to scaled units.
    pub fn apply(&self, x: f64) -> f64 {
        (x - self.shift) / self.scale
    }

    /// From scaled to original units.
    pub fn invert(&self, u: f64) -> f64 {
        self.shift + self.scale * u
    }

    /// A **variance** (or covariance) from original to scaled units. Divided twice, since the square of the scale may
    /// be beyond all numbers where the result is not.
    pub fn apply_variance(&self, variance: f64) -> f64 {
        variance / self.scale / self.scale
    }

    /// A **variance** (or covariance) from scaled to original units.
    pub fn invert_variance(&self, variance: f64) -> f64 {
        variance * self.scale * self.scale
    }

    /// Whether values tell nothing of a scale: they differ by rounding alone.
    pub(super) fn alike(values: &[f64]) -> bool {
        let (low, high) = extent(values);
        high - low <= ROUNDING * low.abs().max(high.abs())
    }

    /// The smallest value to 0, the largest to 1; equal values to 0 with scale 1.
    pub(super) fn unit_range(values: &[f64]) -> Self {
        let (low, high) = extent(values);
        Self {
            shift: low,
            scale: usable_scale(high - low, low, high),
        }
    }

    /// To average 0 and variance 1 (the mean square around the average, divided by n); equal values to 0 with scale 1.
    pub(super) fn standard(values: &[f64]) -> Self {
        let (low, high) = extent(values);
        let (spread, count) = (high - low, values.len() as f64);
        if spread == 0.0 {
            let (shift, scale) = (low, 1.0);
            return Self { shift, scale };
        }
        // In units of the spread, whose squares neither overflow nor vanish.
        let shares = || values.iter().map(|v| (v - low) / spread);
        let average = shares().sum::<f64>() / count;
        let square = shares().map(|s| (s - average).powi(2)).sum::<f64>() / count;
        Self {
            shift: low + spread * average,
            scale: usable_scale(spread * square.sqrt(), low, high),
        }
    }

    /// Refuses what cannot be inverted.
    pub(super) fn check(&self, argument: &str) -> Result<()> {
        if self.shift.abs() <= 1e150 && USABLE.contains(&self.scale) {
            return Ok(());
        }
        Err(Error::argument(
            argument,
            format!("shift {} and scale {}", self.shift, self.scale),
            "a shift up to 1e150 in magnitude and a scale in 1e-75..=1e75",
        ))
    }
}

/// Smallest and largest value; zeros if there is none.
fn extent(values: &[f64]) -> (f64, f64) {
    let first = values.first().copied().unwrap_or(0.0);
    let both = |(low, high): (f64, f64), &v: &f64| (low.min(v), high.max(v));
    values.iter().fold((first, first), both)
}

/// `scale`, within what can be squared; one for values between `low` and `high` that differ by rounding alone.
fn usable_scale(scale: f64, low: f64, high: f64) -> f64 {
    if high - low <= ROUNDING * low.abs().max(high.abs()) {
        return 1.0;
    }
    scale.clamp(*USABLE.start(), *USABLE.end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_moments_are_mapped() {
        let values = [3.0, -1.0, 7.0, 3.0];
        let unit = Affine::unit_range(&values);
        assert_eq!(values.map(|v| unit.apply(v)), [0.5, 0.0, 1.0, 0.5]);
        // Average 3, mean square deviation (0 + 16 + 16 + 0)/4 = 8.
        let standard = Affine::standard(&values);
        assert!((standard.shift - 3.0).abs() < 1e-15);
        assert!((standard.scale - 8.0_f64.sqrt()).abs() < 1e-15);
        assert!((standard.invert_variance(standard.apply_variance(0.3)) - 0.3).abs() < 1e-16);
    }

    #[test]
    fn equal_values_and_values_of_any_size() {
        for constant in [0.1, -1e150, 0.0, 1e-300] {
            for affine in [
                Affine::unit_range(&[constant; 7]),
                Affine::standard(&[constant; 7]),
            ] {
                assert_eq!((affine.shift, affine.scale), (constant, 1.0));
            }
        }
        // 0.1 + 0.2 is not 0.3, but that is no information.
        assert_eq!(Affine::standard(&[0.1 + 0.2, 0.3]).scale, 1.0);
        for size in [1e-300, 1e-74, 1e-12, 1e12, 1e74, 1e150] {
            for affine in [Affine::unit_range, Affine::standard].map(|f| f(&[-size, size, 0.0])) {
                affine.check("scale").unwrap();
                let u = affine.apply(size);
                assert!(u.is_finite() && (affine.invert(u) - size).abs() <= 1e-15 * size);
            }
        }
        assert_eq!(Affine::standard(&[]), Affine::IDENTITY);
        assert!(
            Affine {
                shift: 0.0,
                scale: 0.0
            }
            .check("outputs")
            .is_err()
        );
        assert!(
            Affine {
                shift: f64::NAN,
                scale: 1.0
            }
            .check("outputs")
            .is_err()
        );
    }
}
