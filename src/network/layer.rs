//! What a layer is: in words for builders and files, at work for passes.

use super::activation::Activation;
use super::convolution::{Convolution, Padding};
use super::dense::Dense;
use super::flatten::Flatten;
use super::pool::{Pool, Pooling};
use super::shape::Shape;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use std::sync::Arc;

/// One layer of a network, as builders and files name it; the shape of its input follows from the layers before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Layer {
    /// y = W x + b on vectors.
    Dense {
        /// Length of y.
        outputs: usize,
    },
    /// Two-dimensional cross-correlation with one filter an output channel, plus a bias each.
    Convolution {
        /// Number of output channels.
        channels: usize,
        /// Side of the square filters, odd.
        size: usize,
        /// What happens at the edges.
        padding: Padding,
    },
    /// The same function of every number.
    Activation(Activation),
    /// One number for each square window of `size` × `size` pixels; rows and columns that fill no window are dropped.
    Pool {
        /// Which number.
        kind: Pooling,
        /// Side of the windows.
        size: usize,
    },
    /// One number for each channel.
    GlobalPool(Pooling),
    /// Images to vectors, channel by channel.
    Flatten,
}

impl Layer {
    /// The layer at work on this input.
    pub(super) fn operation(self, input: Shape) -> Result<Arc<dyn Operation>> {
        Ok(match self {
            Self::Dense { outputs } => Arc::new(Dense::new(input, outputs)?),
            Self::Convolution {
                channels,
                size,
                padding,
            } => Arc::new(Convolution::new(input, channels, size, padding)?),
            Self::Activation(activation) => Arc::new(activation.on(input)),
            Self::Pool { kind, size } => Arc::new(Pool::new(input, kind, [size, size])?),
            Self::GlobalPool(kind) => {
                Arc::new(Pool::new(input, kind, [input.height, input.width])?)
            }
            Self::Flatten => Arc::new(Flatten::new(input)),
        })
    }
}

/// A layer that knows its input. Blocks of examples lie one after the other in slices, whose lengths the network has
/// checked.
pub(super) trait Operation: Debug + Send + Sync {
    /// Shape of an output.
    fn output(&self) -> Shape;

    /// How many weights there are, factors before biases.
    fn weights(&self) -> WeightCount {
        WeightCount::default()
    }

    /// Writes the outputs.
    fn forward(&self, weights: &[f64], inputs: &[f64], outputs: &mut [f64]);

    /// Adds the slopes by the weights to `of_weights` and writes those by the inputs to `of_inputs`, given those by the
    /// outputs. `inputs` and `outputs` are those of the forward pass.
    fn backward(
        &self,
        weights: &[f64],
        block: Block<'_>,
        of_weights: &mut [f64],
        of_inputs: &mut [f64],
    );
}

/// What went into and came out of a layer for a block of examples, and the slopes of an objective by the latter.
#[derive(Clone, Copy)]
pub(super) struct Block<'a> {
    pub inputs: &'a [f64],
    pub outputs: &'a [f64],
    pub of_outputs: &'a [f64],
}

/// How many weights a layer has, and how many numbers meet in one of its outputs and inputs.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct WeightCount {
    pub factors: usize,
    pub biases: usize,
    pub fan_in: usize,
    pub fan_out: usize,
}

impl WeightCount {
    pub fn total(self) -> usize {
        self.factors.saturating_add(self.biases)
    }
}

/// Refuses a size of zero.
pub(super) fn check_positive(argument: &str, found: usize) -> Result<()> {
    if found > 0 {
        return Ok(());
    }
    Err(Error::argument(argument, found, "at least 1"))
}
