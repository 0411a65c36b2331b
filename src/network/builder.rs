//! Networks from their layers, with weights to start from.

use super::activation::Activation;
use super::convolution::Padding;
use super::graph::{Network, Stage, plan};
use super::layer::Layer;
use super::pool::Pooling;
use super::shape::Shape;
use crate::error::Result;
use crate::units::Seed;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::{Distribution, StandardNormal};

/// Layers in order, from [`Network::builder`]; shapes are checked by [`NetworkBuilder::build`].
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkBuilder {
    input: Shape,
    layers: Vec<Layer>,
}

impl NetworkBuilder {
    pub(super) fn new(input: Shape) -> Self {
        let layers = Vec::new();
        Self { input, layers }
    }

    /// Adds any layer.
    pub fn layer(mut self, layer: Layer) -> Self {
        self.layers.push(layer);
        self
    }

    /// Adds a [`Layer::Dense`] with this many outputs.
    pub fn dense(self, outputs: usize) -> Self {
        self.layer(Layer::Dense { outputs })
    }

    /// Adds a [`Layer::Convolution`] with this many output channels and square filters of the odd side `size`.
    pub fn convolution(self, channels: usize, size: usize, padding: Padding) -> Self {
        self.layer(Layer::Convolution {
            channels,
            size,
            padding,
        })
    }

    /// Adds a function of every number.
    pub fn activation(self, activation: Activation) -> Self {
        self.layer(Layer::Activation(activation))
    }

    /// Adds a [`Layer::Pool`] over windows of `size` × `size` pixels.
    pub fn pool(self, kind: Pooling, size: usize) -> Self {
        self.layer(Layer::Pool { kind, size })
    }

    /// Adds a [`Layer::GlobalPool`]: one number a channel.
    pub fn global_pool(self, kind: Pooling) -> Self {
        self.layer(Layer::GlobalPool(kind))
    }

    /// Adds a [`Layer::Flatten`].
    pub fn flatten(self) -> Self {
        self.layer(Layer::Flatten)
    }

    /// The network, its factors drawn from N(0, s²) and its biases zero.
    ///
    /// s² = 2/fan_in before a rectifier (He, Zhang, Ren & Sun 2015, eq. 10; for [`Activation::Silu`] too), and
    /// 2/(fan_in + fan_out) elsewhere (Glorot & Bengio 2010, eq. 12), so that signals keep their size from layer to layer.
    ///
    /// # Errors
    /// [`crate::Error::Argument`] if there is no layer, a layer does not suit the shape before it, or the network would have
    /// more than 2²⁸ weights or numbers a layer; the argument names the layer.
    pub fn build(self, seed: Seed) -> Result<Network> {
        let stages = plan(self.input, &self.layers)?;
        let weights = drawn(&self.layers, &stages, seed);
        Ok(Network::from_plan(self.input, self.layers, stages, weights))
    }
}

impl Network {
    /// The same layers with weights drawn anew, as [`NetworkBuilder::build`] draws them.
    pub fn redrawn(&self, seed: Seed) -> Self {
        Self {
            weights: drawn(&self.layers, &self.stages, seed),
            ..self.clone()
        }
    }
}

/// Weights to start from.
fn drawn(layers: &[Layer], stages: &[Stage], seed: Seed) -> Vec<f64> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed.0);
    let mut weights = Vec::new();
    for (k, stage) in stages.iter().enumerate() {
        let count = stage.operation.weights();
        let variance = match layers.get(k + 1) {
            Some(Layer::Activation(Activation::Relu | Activation::Silu)) => {
                2.0 / count.fan_in as f64
            }
            _ => 2.0 / (count.fan_in + count.fan_out) as f64,
        };
        let deviation = variance.sqrt();
        weights.extend((0..count.factors).map(|_| {
            let deviate: f64 = StandardNormal.sample(&mut rng);
            deviation * deviate
        }));
        weights.resize(weights.len() + count.biases, 0.0);
    }
    weights
}
