//! Stochastic processes in files: what they predict with, without the measurements.

use super::inducing::InducingPoints;
use super::observation::Observation;
use super::process::Process;
use super::stochastic::StochasticGp;
use super::training::StochasticReport;
use crate::error::{Error, Result};
use crate::gp::store::{Format, Persist, Stamp};
use serde::{Deserialize, Serialize, Serializer};

impl Format for StochasticGp {
    const NAME: &'static str = "stochastic-gp 1";
}

impl Persist for StochasticGp {
    type Parts = StochasticParts;
}

#[derive(Serialize)]
struct Outgoing<'gp> {
    format: Stamp<StochasticGp>,
    placement: &'gp InducingPoints,
    observation: &'gp Observation,
    process: &'gp Process,
    report: Option<&'gp StochasticReport>,
}

/// A model on its way in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StochasticParts {
    // First, so that a file of another format is refused for its name and not for what follows.
    #[expect(dead_code, reason = "read for its check alone")]
    format: Stamp<StochasticGp>,
    placement: InducingPoints,
    observation: Observation,
    process: Process,
    report: Option<StochasticReport>,
}

impl Serialize for StochasticGp {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        Outgoing {
            format: Stamp::HERE,
            placement: &self.placement,
            observation: &self.observation,
            process: &self.process,
            report: self.report.as_ref(),
        }
        .serialize(serializer)
    }
}

impl TryFrom<StochasticParts> for StochasticGp {
    type Error = Error;

    /// The model. Noise and likelihood are checked against the measurements when training goes on.
    fn try_from(parts: StochasticParts) -> Result<Self> {
        let dimension = parts.process.inducing.dimension();
        if dimension > 0 {
            parts
                .placement
                .check(parts.process.kernel.as_ref(), dimension)?;
        }
        Ok(Self {
            placement: parts.placement,
            observation: parts.observation,
            process: parts.process,
            report: parts.report,
        })
    }
}
