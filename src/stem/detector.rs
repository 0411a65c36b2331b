//! The annular detector.

use crate::error::{Error, Result};
use crate::stem::beam::Beam;

/// An annular detector that counts every electron scattered between two angles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnnularDetector {
    inner_mrad: f64,
    outer_mrad: f64,
}

impl AnnularDetector {
    /// A detector from `inner_mrad` to `outer_mrad` (mrad).
    ///
    /// # Errors
    /// [`Error::Argument`] unless 0 ≤ inner < outer ≤ 1000 mrad.
    pub fn new(inner_mrad: f64, outer_mrad: f64) -> Result<Self> {
        if !(0.0..=1000.0).contains(&inner_mrad) {
            return Err(Error::argument("inner_mrad", inner_mrad, "0 to 1000 mrad"));
        }
        if !(outer_mrad > inner_mrad && outer_mrad <= 1000.0) {
            return Err(Error::argument(
                "outer_mrad",
                outer_mrad,
                format!("above {inner_mrad}, up to 1000 mrad"),
            ));
        }
        Ok(Self {
            inner_mrad,
            outer_mrad,
        })
    }

    /// Inner angle, mrad.
    pub fn inner_mrad(self) -> f64 {
        self.inner_mrad
    }

    /// Outer angle, mrad.
    pub fn outer_mrad(self) -> f64 {
        self.outer_mrad
    }

    /// The annulus in spatial frequency for `beam`, (k_in, k_out) in 1/Å.
    pub fn spatial_frequencies(self, beam: Beam) -> (f64, f64) {
        (
            beam.spatial_frequency(self.inner_mrad),
            beam.spatial_frequency(self.outer_mrad),
        )
    }
}
