//! By which rules inputs and outputs are brought to common units.

use super::affine::Affine;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// How one coordinate of the inputs is scaled.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum InputScaling {
    /// Not at all: for category codes, and for coordinates that are in good units already.
    None,
    /// The measured range to [0, 1].
    #[default]
    UnitBox,
    /// A range known beforehand, say that of the instrument, to [0, 1]; points outside are allowed.
    Within {
        /// What becomes 0.
        low: f64,
        /// What becomes 1; above `low`.
        high: f64,
    },
    /// The average to 0 and the standard deviation (of the population: divided by n) to 1.
    ZScore,
}

/// How the outputs are scaled.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum OutputScaling {
    /// Not at all.
    None,
    /// The average to 0 and the standard deviation (of the population: divided by n) to 1; equal values to 0, their
    /// magnitude to 1.
    #[default]
    Standardise,
    /// (y − shift)/scale with numbers known beforehand.
    Given {
        /// What becomes zero, in units of the outputs.
        shift: f64,
        /// What becomes one, in units of the outputs; positive.
        scale: f64,
    },
}

/// The rules that a [`Transform`](super::Transform) is learned by; the default is the unit box and standardised outputs.
///
/// Equal inputs, and those that differ by rounding alone, are shifted to zero and keep their scale. Standardised outputs
/// that are all equal say nothing of how far others may be: they are taken to vary by as much as they are large (by one
/// if they are zero), so that a first count of 10⁴ does not pass for known to one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scaling {
    /// One rule for all coordinates, or one for each.
    pub inputs: Vec<InputScaling>,
    /// The rule for the outputs.
    pub outputs: OutputScaling,
}

impl Default for Scaling {
    fn default() -> Self {
        Self::new([InputScaling::default()], OutputScaling::default())
    }
}

impl Scaling {
    /// One rule for all coordinates of the inputs or one for each, and one for the outputs.
    pub fn new(inputs: impl Into<Vec<InputScaling>>, outputs: OutputScaling) -> Self {
        Self {
            inputs: inputs.into(),
            outputs,
        }
    }

    /// The rule of coordinate `k` of `dimension`.
    pub(super) fn of_coordinate(&self, k: usize, dimension: usize) -> Result<InputScaling> {
        match self.inputs.as_slice() {
            [all] => Ok(*all),
            each if each.len() == dimension => Ok(each[k]),
            other => Err(Error::argument(
                "scaling",
                format!("{} rules for the inputs", other.len()),
                format!("one for all coordinates, or {dimension}, one for each"),
            )),
        }
    }
}

impl InputScaling {
    /// The map for one coordinate that took these values.
    pub(super) fn learn(&self, values: &[f64]) -> Result<Affine> {
        let affine = match *self {
            Self::None => Affine::IDENTITY,
            Self::UnitBox => Affine::unit_range(values),
            Self::ZScore => Affine::standard(values),
            Self::Within { low, high } => {
                let (shift, scale) = (low, high - low);
                Affine { shift, scale }
            }
        };
        affine.check("scaling")?;
        Ok(affine)
    }
}

impl OutputScaling {
    /// The map for outputs that took these values.
    pub(super) fn learn(&self, values: &[f64]) -> Result<Affine> {
        let affine = match *self {
            Self::None => Affine::IDENTITY,
            Self::Standardise if Affine::alike(values) => {
                let standard = Affine::standard(values);
                let size = standard.shift.abs().clamp(1e-75, 1e75);
                let scale = if standard.shift == 0.0 { 1.0 } else { size };
                Affine { scale, ..standard }
            }
            Self::Standardise => Affine::standard(values),
            Self::Given { shift, scale } => Affine { shift, scale },
        };
        affine.check("scaling")?;
        Ok(affine)
    }
}
