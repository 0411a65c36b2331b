//! Which side of a threshold: the index of the cells of a correlated field.

use super::site::{check_finite, check_positive};
use crate::error::Result;
use crate::normal;

/// What the loss |f − h| of a cell taken for the wrong side of a threshold h is expected to fall by when the precision of
/// the belief f ~ N(μ, s²) grows by a share ρ, per unit of dose.
///
/// With τ² = s² ρ/(1 + ρ) and a = |μ − h| it is (E|μ′ − h| − a)/2 = τ φ(a/τ) − a Φ(−a/τ), over ρ n with n the effective dose
/// behind the belief. A share rather than a fixed dose keeps it meaningful at every stage. Where one visit informs several
/// cells, their indices add. The expected gain of one look ahead (Chaloner & Verdinelli 1995, *Statist. Sci.* 10, 273) for
/// the linear loss of level-set estimation; rules that do not count dose are
/// [`Straddle`](crate::acquisition::Straddle) and [`LevelSetEntropy`](crate::acquisition::LevelSetEntropy).
///
/// ```
/// use dosewise::sequential::LevelSetIndex;
/// let index = LevelSetIndex::new(1.0)?;
/// let near = index.score(0.52, 0.01, 0.5, 8.0)?;
/// let far = index.score(0.9, 0.01, 0.5, 8.0)?;
/// assert!(near > 100.0 * far && far > 0.0);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LevelSetIndex {
    share: f64,
}

impl LevelSetIndex {
    /// For measurements that raise the precision by this share ρ.
    ///
    /// # Errors
    /// [`crate::Error::Argument`] unless the share is positive and finite.
    pub fn new(share: f64) -> Result<Self> {
        check_positive("share", share)?;
        Ok(Self { share })
    }

    /// The index of a cell believed to be N(`mean`, `variance`); larger deserves dose more. `effective_dose` is the dose
    /// that informs the cell so far, neighbours included.
    ///
    /// # Errors
    /// [`crate::Error::Argument`] unless all numbers are finite, the **variance** and the dose positive.
    pub fn score(
        self,
        mean: f64,
        variance: f64,
        threshold: f64,
        effective_dose: f64,
    ) -> Result<f64> {
        check_finite("mean", mean)?;
        check_finite("threshold", threshold)?;
        check_positive("variance", variance)?;
        check_positive("effective_dose", effective_dose)?;
        let moved = variance.sqrt() * (self.share / (1.0 + self.share)).sqrt();
        // Beyond 10¹⁵⁰ standard deviations nothing is left to gain, and further squares would overflow.
        let z = ((mean - threshold).abs() / moved).min(1e150);
        Ok(moved * normal::positive_part(-z) / (self.share * effective_dose))
    }
}
