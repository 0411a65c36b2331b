//! Contamination: carbon that the beam deposits, and that scatters too.

use super::mean_of_decay;
use crate::Result;
use crate::world::definition::in_range;
use serde::Deserialize;
use std::path::Path;

/// A deposit that adds to the fraction detected, c(D) = most·(1 − exp(−D/dose)): a world file's `[damage.contamination]`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contamination {
    /// Fraction of the electrons that the thickest deposit sends to the detector.
    pub most: f64,
    /// Local dose after which all but 1/e of it is there, e⁻/Å².
    pub dose: f64,
}

impl Contamination {
    /// Refuses values out of range; `key` is the path of this table.
    ///
    /// # Errors
    /// [`crate::Error::Config`] naming the file and the key.
    pub fn check(&self, file: &Path, key: &str) -> Result<()> {
        in_range(file, &format!("{key}.most"), self.most, 0.0, 0.5)?;
        in_range(file, &format!("{key}.dose"), self.dose, 1e-3, 1e12)
    }

    /// What is added to the fraction detected, averaged over a visit during which the local dose grows.
    pub fn mean(&self, before: f64, after: f64) -> f64 {
        let mean = mean_of_decay((after - before) / self.dose);
        self.most * (1.0 - (-before / self.dose).exp() * mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_that_of_the_growing_deposit() {
        let carbon = Contamination {
            most: 0.01,
            dose: 50.0,
        };
        assert_eq!(carbon.mean(0.0, 0.0), 0.0);
        assert!((carbon.mean(1e9, 1e9) - 0.01).abs() < 1e-15);
        let steps = 10_000;
        let sum: f64 = (0..steps)
            .map(|n| 10.0 + 70.0 * (f64::from(n) + 0.5) / f64::from(steps))
            .map(|dose| 0.01 * (1.0 - (-dose / 50.0_f64).exp()))
            .sum();
        assert!((carbon.mean(10.0, 80.0) - sum / f64::from(steps)).abs() < 1e-11);
    }
}
