//! Deep kernels in files: the network, the process on its features, and how both came about.

use super::feature_map::FeatureMap;
use super::model::DeepKernelGp;
use super::report::TrainingReport;
use crate::error::{Error, Result};
use crate::gp::exact::ExactGp;
use crate::gp::store::{Format, Persist, Stamp};
use serde::{Deserialize, Serialize, Serializer};

impl Format for DeepKernelGp {
    const NAME: &'static str = "deep-kernel-gp 1";
}

impl Persist for DeepKernelGp {
    type Parts = Parts;
}

#[derive(Serialize)]
struct Outgoing<'gp> {
    format: Stamp<DeepKernelGp>,
    features: &'gp FeatureMap,
    process: &'gp ExactGp,
    report: &'gp TrainingReport,
}

/// A deep kernel on its way in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parts {
    // First, so that a file of another format is refused for its name and not for what follows.
    #[expect(dead_code, reason = "read for its check alone")]
    format: Stamp<DeepKernelGp>,
    features: FeatureMap,
    process: ExactGp,
    report: TrainingReport,
}

impl Serialize for DeepKernelGp {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        Outgoing {
            format: Stamp::HERE,
            features: &self.map,
            process: &self.process,
            report: &self.report,
        }
        .serialize(serializer)
    }
}

impl TryFrom<Parts> for DeepKernelGp {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        parts.features.check()?;
        let features = parts.features.network.output().len();
        let found = parts.process.points().dimension();
        if found != features {
            return Err(Error::argument(
                "process",
                format!("{found} coordinates a point"),
                format!("{features}, the features of the network"),
            ));
        }
        Ok(Self {
            map: parts.features,
            process: parts.process,
            report: parts.report,
        })
    }
}
