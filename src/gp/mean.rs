//! What the surrogate expects far from every measurement.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// The prior mean of a Gaussian process.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub enum Mean {
    /// Zero everywhere.
    #[default]
    Zero,
    /// The same value everywhere, in units of the outputs.
    ///
    /// Conditioning takes the value as given. Fitting replaces it, at every step of the search, by its generalised
    /// least-squares estimate c = 1ᵀK⁻¹y / 1ᵀK⁻¹1, which maximises the likelihood at the hyper-parameters of that
    /// step (Rasmussen & Williams 2006, section 2.7, with a flat prior on c and its determinant term left out).
    Constant(f64),
}

impl Mean {
    /// The value, the same everywhere.
    pub fn value(self) -> f64 {
        match self {
            Self::Zero => 0.0,
            Self::Constant(value) => value,
        }
    }

    pub(super) fn check(self) -> Result<()> {
        if self.value().is_finite() {
            return Ok(());
        }
        Err(Error::argument("mean", self.value(), "a finite number"))
    }
}
