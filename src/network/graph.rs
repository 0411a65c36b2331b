//! The network: layers in order and all their weights in one vector.

use super::builder::NetworkBuilder;
use super::layer::{Layer, Operation};
use super::shape::Shape;
use crate::error::{Error, Result};
use serde::Deserialize;
use std::ops::Range;
use std::sync::Arc;

/// Most numbers a layer may hold for one example, and most weights of a network.
const MOST: usize = 1 << 28;

/// A feed-forward network; see the [module](super) for an example.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "super::stored::Parts")]
pub struct Network {
    pub(super) input: Shape,
    pub(super) layers: Vec<Layer>,
    pub(super) weights: Vec<f64>,
    pub(super) stages: Arc<[Stage]>,
}

/// A layer at work, and where its weights are.
#[derive(Debug)]
pub(super) struct Stage {
    pub operation: Arc<dyn Operation>,
    pub weights: Range<usize>,
}

impl Network {
    /// Begins a network for examples of this shape.
    pub fn builder(input: Shape) -> NetworkBuilder {
        NetworkBuilder::new(input)
    }

    pub(super) fn from_plan(
        input: Shape,
        layers: Vec<Layer>,
        stages: Vec<Stage>,
        weights: Vec<f64>,
    ) -> Self {
        Self {
            input,
            layers,
            weights,
            stages: stages.into(),
        }
    }

    /// Shape of the examples it takes.
    pub fn input(&self) -> Shape {
        self.input
    }

    /// Shape of what it makes of each.
    pub fn output(&self) -> Shape {
        self.stages
            .last()
            .map_or(self.input, |stage| stage.operation.output())
    }

    /// The layers in order.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// All weights: layer after layer, in each the factors before the biases.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// All weights, for an optimiser to move.
    pub fn weights_mut(&mut self) -> &mut [f64] {
        &mut self.weights
    }

    /// Multiplies all weights but the biases by `factor`: weight decay apart from the gradient (Loshchilov & Hutter 2019,
    /// "Decoupled weight decay regularization").
    pub fn shrink(&mut self, factor: f64) {
        for stage in self.stages.iter() {
            let count = stage.operation.weights();
            for weight in &mut self.weights[stage.weights.clone()][..count.factors] {
                *weight *= factor;
            }
        }
    }
}

/// Equal in shape, layers and weights.
impl PartialEq for Network {
    fn eq(&self, other: &Self) -> bool {
        self.input == other.input && self.layers == other.layers && self.weights == other.weights
    }
}

/// The layers at work, if each suits the one before.
pub(super) fn plan(input: Shape, layers: &[Layer]) -> Result<Vec<Stage>> {
    if input.is_empty() || input.len() > MOST {
        let allowed = "examples of at least one number and at most 2²⁸";
        return Err(Error::argument("input", input, allowed));
    }
    if layers.is_empty() {
        return Err(Error::argument("layers", "none", "at least one layer"));
    }
    let (mut shape, mut weights) = (input, 0);
    let mut stages = Vec::with_capacity(layers.len());
    for (k, layer) in layers.iter().enumerate() {
        let operation = layer.operation(shape).map_err(|error| match error {
            Error::Argument {
                argument,
                found,
                allowed,
            } => Error::argument(format!("layers[{k}].{argument}"), found, allowed),
            other => other,
        })?;
        shape = operation.output();
        let start = weights;
        weights += operation.weights().total().min(MOST + 1);
        if shape.len() > MOST || weights > MOST {
            return Err(Error::argument(
                format!("layers[{k}]"),
                format!(
                    "{} numbers an example, {weights} weights so far",
                    shape.len()
                ),
                "at most 2²⁸ of either",
            ));
        }
        stages.push(Stage {
            operation,
            weights: start..weights,
        });
    }
    Ok(stages)
}
