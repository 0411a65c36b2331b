//! Networks in files.

use super::graph::{Network, plan};
use super::layer::Layer;
use super::shape::Shape;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize, Serializer};

/// Says what a text holds, and in which version; any other is refused.
#[derive(Serialize, Deserialize)]
enum Format {
    #[serde(rename = "network 1")]
    First,
}

#[derive(Serialize)]
struct Outgoing<'n> {
    format: Format,
    input: Shape,
    layers: &'n [Layer],
    weights: &'n [f64],
}

/// A network on its way in, not yet believed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parts {
    #[expect(dead_code, reason = "read for its check alone")]
    format: Format,
    input: Shape,
    layers: Vec<Layer>,
    weights: Vec<f64>,
}

/// As a stamp, the shape of the input, the layers and the weights; every bit comes back.
impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        Outgoing {
            format: Format::First,
            input: self.input,
            layers: &self.layers,
            weights: &self.weights,
        }
        .serialize(serializer)
    }
}

impl TryFrom<Parts> for Network {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let stages = plan(parts.input, &parts.layers)?;
        let count = stages.last().map_or(0, |stage| stage.weights.end);
        let finite = parts.weights.iter().filter(|w| w.is_finite()).count();
        if parts.weights.len() != count || finite != count {
            return Err(Error::argument(
                "weights",
                format!("{} numbers, {finite} of them finite", parts.weights.len()),
                format!("{count} finite numbers for these layers"),
            ));
        }
        Ok(Self::from_plan(
            parts.input,
            parts.layers,
            stages,
            parts.weights,
        ))
    }
}
