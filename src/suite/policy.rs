//! The built-in policies by name, and the file that says with which settings a suite runs them.

use super::sweep::{Configuration, Setting};
use crate::acquisition::{LogExpectedImprovement, UpperConfidenceBound};
use crate::agent::Agent;
use crate::error::{Error, Result};
use crate::navigator::{Bayesian, Clairvoyant, Columns, DoseIndex, RandomOrder, Raster};
use crate::plot::Strategy;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A built-in policy with its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "policy", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Policy {
    /// One pass over the field on a square grid.
    Raster {
        /// Grid pitch, Å.
        stride: f64,
        /// Dwell relative to the one that spends the budget on the whole field.
        dwell: f64,
    },
    /// Several interleaved coarse passes that add up to a fine grid.
    InterleavedRaster {
        /// Pitch of the fine grid, Å.
        stride: f64,
        /// Passes along each axis; their number is the square.
        side: usize,
    },
    /// The raster's positions in random order.
    RandomOrder {
        /// Grid pitch, Å.
        stride: f64,
    },
    /// The known columns, once each.
    Columns {
        /// Dwell relative to the one that spends the budget on the whole field.
        dwell: f64,
    },
    /// The known columns in several passes.
    ColumnPasses {
        /// Visits to every column.
        passes: usize,
    },
    /// Patches in the order of log expected improvement of a Gaussian process, fixed dwell.
    BayesianImprovement {
        /// Side of a patch, Å.
        patch: f64,
        /// Dwell relative to the one that spends the budget on the whole field.
        dwell: f64,
    },
    /// Patches in the order of an upper confidence bound of a Gaussian process, fixed dwell.
    BayesianConfidence {
        /// Side of a patch, Å.
        patch: f64,
        /// Dwell relative to the one that spends the budget on the whole field.
        dwell: f64,
    },
    /// Columns by expected information per electron, with revisits.
    DoseIndex {
        /// Smallest visit: electrons detected on the faintest perfect column.
        quantum: f64,
        /// Highest local dose as a fraction of the critical dose.
        cap: f64,
    },
    /// Knows the truth: the reference.
    Clairvoyant,
}

impl Policy {
    /// Name in tables and figures.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Raster { .. } => "raster",
            Self::InterleavedRaster { .. } => "interleaved raster",
            Self::RandomOrder { .. } => "random order",
            Self::Columns { .. } => "columns, one pass",
            Self::ColumnPasses { .. } => "columns, multi-pass",
            Self::BayesianImprovement { .. } => "Bayesian (LogEI)",
            Self::BayesianConfidence { .. } => "Bayesian (UCB)",
            Self::DoseIndex { .. } => "dose index",
            Self::Clairvoyant => "clairvoyant",
        }
    }

    /// Whether its scans depend on what was measured.
    pub fn strategy(&self) -> Strategy {
        match self {
            Self::Raster { .. }
            | Self::InterleavedRaster { .. }
            | Self::RandomOrder { .. }
            | Self::Columns { .. }
            | Self::ColumnPasses { .. } => Strategy::Fixed,
            Self::BayesianImprovement { .. }
            | Self::BayesianConfidence { .. }
            | Self::DoseIndex { .. } => Strategy::Adaptive,
            Self::Clairvoyant => Strategy::Oracle,
        }
    }

    /// The settings that [`tune`](super::tune) tries: four for every policy, so that none has more chances than another
    /// (the reference has no setting).
    pub fn alternatives(&self) -> Vec<Self> {
        match self {
            Self::Raster { .. } => [(0.4, 1.0), (0.8, 1.0), (1.2, 1.0), (0.8, 0.5)]
                .map(|(stride, dwell)| Self::Raster { stride, dwell })
                .into(),
            Self::InterleavedRaster { .. } => [(0.4, 4), (0.8, 2), (0.8, 4), (1.2, 2)]
                .map(|(stride, side)| Self::InterleavedRaster { stride, side })
                .into(),
            Self::RandomOrder { .. } => [0.2, 0.4, 0.8, 1.2]
                .map(|stride| Self::RandomOrder { stride })
                .into(),
            Self::Columns { .. } => [0.25, 0.5, 1.0, 2.0]
                .map(|dwell| Self::Columns { dwell })
                .into(),
            Self::ColumnPasses { .. } => [4, 8, 16, 32]
                .map(|passes| Self::ColumnPasses { passes })
                .into(),
            Self::Clairvoyant => vec![self.clone()],
            Self::BayesianImprovement { .. } => [(8.0, 1.0), (8.0, 0.5), (16.0, 1.0), (16.0, 0.5)]
                .map(|(patch, dwell)| Self::BayesianImprovement { patch, dwell })
                .into(),
            Self::BayesianConfidence { .. } => [(8.0, 1.0), (8.0, 0.5), (16.0, 1.0), (16.0, 0.5)]
                .map(|(patch, dwell)| Self::BayesianConfidence { patch, dwell })
                .into(),
            Self::DoseIndex { .. } => [(1.0, 0.4), (2.0, 0.4), (4.0, 0.4), (2.0, 0.2)]
                .map(|(quantum, cap)| Self::DoseIndex { quantum, cap })
                .into(),
        }
    }

    /// The policies of the standard comparison, with settings yet to be tuned.
    pub fn standard() -> Vec<Self> {
        vec![
            Self::Raster {
                stride: 0.5,
                dwell: 1.0,
            },
            Self::InterleavedRaster {
                stride: 0.5,
                side: 4,
            },
            Self::RandomOrder { stride: 0.5 },
            Self::Columns { dwell: 1.0 },
            Self::ColumnPasses { passes: 8 },
            Self::BayesianImprovement {
                patch: 8.0,
                dwell: 1.0,
            },
            Self::BayesianConfidence {
                patch: 8.0,
                dwell: 1.0,
            },
            Self::DoseIndex {
                quantum: 2.0,
                cap: 0.4,
            },
            Self::Clairvoyant,
        ]
    }

    /// The agent: this policy with the setting's analyst.
    ///
    /// # Errors
    /// [`Error::Argument`] for settings out of range.
    pub(super) fn agent(&self, setting: &Setting<'_>) -> Result<Agent> {
        let analyst = setting.analyst();
        Ok(match *self {
            Self::Raster { stride, dwell } => {
                Agent::new(Raster::new(stride)?.dwell(dwell)?, analyst)
            }
            Self::InterleavedRaster { stride, side } => {
                Agent::new(Raster::new(stride)?.interleaved(side)?, analyst)
            }
            Self::RandomOrder { stride } => {
                Agent::new(RandomOrder::new(stride, setting.seed())?, analyst)
            }
            Self::Columns { dwell } => Agent::new(Columns::new(1)?.dwell(dwell)?, analyst),
            Self::ColumnPasses { passes } => Agent::new(Columns::new(passes)?, analyst),
            Self::BayesianImprovement { patch, dwell } => {
                let improvement =
                    |incumbent| Ok(Box::new(LogExpectedImprovement::over(incumbent)?) as Box<_>);
                Agent::new(Bayesian::new(patch, improvement)?.dwell(dwell)?, analyst)
            }
            Self::BayesianConfidence { patch, dwell } => {
                let confidence = |_| Ok(Box::new(UpperConfidenceBound::new(2.0)?) as Box<_>);
                Agent::new(Bayesian::new(patch, confidence)?.dwell(dwell)?, analyst)
            }
            Self::DoseIndex { quantum, cap } => {
                Agent::new(DoseIndex::default().quantum(quantum)?.cap(cap)?, analyst)
            }
            Self::Clairvoyant => Agent::new(Clairvoyant::for_episode(setting.episode()), analyst),
        })
    }
}

impl std::fmt::Display for Policy {
    /// Its name with its setting.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Raster { stride, dwell } if *dwell == 1.0 => write!(f, "raster {stride} Å"),
            Self::InterleavedRaster { stride, side } => {
                write!(f, "raster {stride} Å, {} passes", side * side)
            }
            Self::ColumnPasses { passes } => write!(f, "columns, {passes} passes"),
            other => write!(f, "{}", other.name()),
        }
    }
}

impl From<Policy> for Configuration {
    fn from(policy: Policy) -> Self {
        Self::new(policy.name(), policy.strategy(), move |setting| {
            policy.agent(setting)
        })
    }
}

/// A suite file: for every world, the policies and their settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuiteFile {
    /// The worlds in the order of the table.
    pub world: Vec<WorldPolicies>,
}

/// The policies of one world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorldPolicies {
    /// World file, relative to the folder `worlds`.
    pub file: String,
    /// The policies, each with its settings.
    pub policies: Vec<Policy>,
}

impl SuiteFile {
    /// Reads a suite file.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read, [`Error::Parse`] when it is not a suite file.
    pub fn load(file: impl AsRef<Path>) -> Result<Self> {
        let file = file.as_ref();
        let text = std::fs::read_to_string(file).map_err(|source| Error::io(file, source))?;
        toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| {
                text[..span.start.min(text.len())].lines().count().max(1)
            });
            Error::parse(
                file,
                line,
                error.message(),
                "a suite: [[world]] tables with `file` and `policies`",
            )
        })
    }
}
