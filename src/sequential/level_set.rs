//! Which side of a threshold: indices for the cells of a correlated field.

use crate::error::{Error, Result};
use crate::normal;

/// Scores of a cell whose value is believed to be N(mean, deviation²), for deciding whether it exceeds a threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LevelSetIndex {
    /// 1.96 s − |μ − h| (Bryan et al. 2005; Gotovos et al. 2013, IJCAI): positive while the 95 % interval straddles h.
    Straddle,
    /// −|μ − h|/s: the order of the probability, hence of the entropy, of being on the wrong side.
    Doubt,
    /// What the loss |f − h| of a cell taken for the wrong side is expected to fall by when the local precision grows by
    /// a share ρ, per unit of dose: with τ² = s² ρ/(1 + ρ) and a = |μ − h| it is (E|μ′ − h| − a)/2 = τ φ(a/τ) − a Φ(−a/τ),
    /// over ρ n with n the effective dose behind the belief. A share rather than a fixed dose keeps it meaningful at every
    /// stage.
    RelativeGain {
        /// ρ > 0.
        share: f64,
    },
}

impl LevelSetIndex {
    /// The score of a cell; larger deserves dose more. `effective_dose` is the dose that informs the cell so far,
    /// neighbours included (used by [`LevelSetIndex::RelativeGain`]).
    ///
    /// ```
    /// use dosewise::sequential::LevelSetIndex;
    /// let near = LevelSetIndex::Straddle.score(0.52, 0.1, 0.5, 8.0)?;
    /// let far = LevelSetIndex::Straddle.score(0.9, 0.1, 0.5, 8.0)?;
    /// assert!(near > 0.0 && far < 0.0);
    /// # Ok::<(), dosewise::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Argument`] unless all numbers are finite, the deviation, the dose and the share positive.
    pub fn score(
        self,
        mean: f64,
        deviation: f64,
        threshold: f64,
        effective_dose: f64,
    ) -> Result<f64> {
        for (name, value) in [("mean", mean), ("threshold", threshold)] {
            if !value.is_finite() {
                return Err(Error::argument(name, value, "a finite number"));
            }
        }
        for (name, value) in [("deviation", deviation), ("effective_dose", effective_dose)] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(Error::argument(name, value, "a positive number"));
            }
        }
        let distance = (mean - threshold).abs();
        match self {
            Self::Straddle => Ok(1.96 * deviation - distance),
            Self::Doubt => Ok(-distance / deviation),
            Self::RelativeGain { share } => {
                if !(share > 0.0 && share.is_finite()) {
                    return Err(Error::argument("share", share, "a positive number"));
                }
                let moved = deviation * (share / (1.0 + share)).sqrt();
                let z = distance / moved;
                let gain = moved * normal::density(z) - distance * normal::cdf(-z);
                Ok(gain.max(0.0) / (share * effective_dose))
            }
        }
    }
}
