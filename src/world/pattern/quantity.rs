//! Settings that are drawn anew for each specimen.

use super::keys::Keys;
use crate::Result;
use crate::random::Stream;
use rand::RngExt;
use serde::Deserialize;
use std::path::Path;

/// A random length: log-normal, by its mean and standard deviation (Å).
///
/// ln L is normal with variance s² = ln(1 + (spread/mean)²) and mean ln(mean) − s²/2, so that L has the stated moments.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Length {
    /// Mean, Å.
    pub mean: f64,
    /// Standard deviation, Å.
    pub spread: f64,
}

impl Length {
    /// Refuses a mean outside `low..=high` Å, and a spread that is negative or above the mean.
    ///
    /// # Errors
    /// [`crate::Error::Config`] naming the file and the key below `key`.
    pub fn check(&self, file: &Path, key: &str, low: f64, high: f64) -> Result<()> {
        let keys = Keys { file, table: key };
        keys.range("mean", self.mean, low, high)?;
        keys.range("spread", self.spread, 0.0, self.mean)
    }

    /// One length, Å.
    pub(super) fn draw(&self, stream: &mut Stream) -> f64 {
        let variance = (self.spread / self.mean).powi(2).ln_1p();
        self.mean * (variance.sqrt() * stream.normal() - 0.5 * variance).exp()
    }
}

/// A share of the whole, drawn evenly between two bounds for each specimen: `[low, high]` in a file.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(from = "[f64; 2]")]
pub struct Share {
    /// Least share.
    pub low: f64,
    /// Greatest share.
    pub high: f64,
}

impl From<[f64; 2]> for Share {
    fn from([low, high]: [f64; 2]) -> Self {
        Self { low, high }
    }
}

impl Share {
    /// Refuses bounds outside `low..=high`, and bounds in the wrong order.
    ///
    /// # Errors
    /// [`crate::Error::Config`] naming the file and the key `key[0]` or `key[1]`.
    pub fn check(&self, file: &Path, key: &str, low: f64, high: f64) -> Result<()> {
        for (index, value, low) in [(0, self.low, low), (1, self.high, low.max(self.low))] {
            if !(low..=high).contains(&value) {
                let rule = format!("{low} to {high}");
                return Err(crate::Error::config(
                    file,
                    format!("{key}[{index}]"),
                    value,
                    rule,
                ));
            }
        }
        Ok(())
    }

    /// One share.
    pub(super) fn draw(&self, stream: &mut Stream) -> f64 {
        self.low + (self.high - self.low) * stream.random::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;
    use crate::units::Seed;

    #[test]
    fn drawn_lengths_have_the_stated_moments() {
        let mut stream = Stream::new(Seed(1), Purpose::Inclusions, [0, 0]);
        let length = Length {
            mean: 20.0,
            spread: 8.0,
        };
        let n = 100_000;
        let drawn: Vec<f64> = (0..n).map(|_| length.draw(&mut stream)).collect();
        let mean = drawn.iter().sum::<f64>() / f64::from(n);
        let square = drawn.iter().map(|l| (l - mean).powi(2)).sum::<f64>() / f64::from(n);
        assert!((mean - 20.0).abs() < 0.1 && (square.sqrt() - 8.0).abs() < 0.2);
        assert!(drawn.iter().all(|l| *l > 0.0));
        let fixed = Length {
            spread: 0.0,
            ..length
        };
        assert_eq!(fixed.draw(&mut stream), 20.0);
    }

    #[test]
    fn bounds_in_the_wrong_order_or_out_of_range_are_refused() {
        let refused = |bounds: [f64; 2]| {
            let share = Share::from(bounds);
            let error = share.check(Path::new("w.toml"), "a.share", 0.01, 0.5);
            error.unwrap_err().to_string()
        };
        assert!(refused([0.3, 0.2]).contains("`a.share[1]`: found 0.2, allowed is 0.3 to 0.5"));
        assert!(refused([0.0, 0.2]).contains("`a.share[0]`: found 0, allowed is 0.01 to 0.5"));
        assert!(refused([f64::NAN, 0.2]).contains("found NaN"));
        assert!(refused([0.1, f64::NAN]).contains("found NaN"));
        assert!(
            Share::from([0.1, 0.1])
                .check(Path::new("w.toml"), "a", 0.0, 1.0)
                .is_ok()
        );
    }
}
