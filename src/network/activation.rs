//! The functions between the layers.

use super::layer::{Block, Operation};
use super::shape::Shape;
use serde::{Deserialize, Serialize};

/// A function of one number, applied to every number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// max(0, x); its slope at 0 is taken as 0.
    Relu,
    /// tanh x.
    Tanh,
    /// x/(1 + e⁻ˣ), smooth everywhere (Elfwing, Uchibe & Doya 2018).
    Silu,
}

impl Activation {
    /// f(x).
    pub fn value(self, x: f64) -> f64 {
        match self {
            Self::Relu => x.max(0.0),
            Self::Tanh => x.tanh(),
            Self::Silu => x * logistic(x),
        }
    }

    /// f′(x).
    pub fn slope(self, x: f64) -> f64 {
        match self {
            Self::Relu => f64::from(u8::from(x > 0.0)),
            Self::Tanh => 1.0 - x.tanh().powi(2),
            Self::Silu => {
                let s = logistic(x);
                s * (1.0 + x * (1.0 - s))
            }
        }
    }

    pub(super) fn on(self, shape: Shape) -> Elementwise {
        Elementwise {
            activation: self,
            shape,
        }
    }
}

/// 1/(1 + e⁻ˣ), which no x makes overflow.
fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// An activation that knows its input.
#[derive(Debug)]
pub(super) struct Elementwise {
    activation: Activation,
    shape: Shape,
}

impl Operation for Elementwise {
    fn output(&self) -> Shape {
        self.shape
    }

    fn forward(&self, _: &[f64], inputs: &[f64], outputs: &mut [f64]) {
        for (y, x) in outputs.iter_mut().zip(inputs) {
            *y = self.activation.value(*x);
        }
    }

    fn backward(&self, _: &[f64], block: Block<'_>, _: &mut [f64], of_inputs: &mut [f64]) {
        let known = block.inputs.iter().zip(block.outputs).zip(block.of_outputs);
        for (slot, ((x, y), slope)) in of_inputs.iter_mut().zip(known) {
            let own = match self.activation {
                // Known from the value, which saves a second tanh.
                Activation::Tanh => 1.0 - y * y,
                other => other.slope(*x),
            };
            *slot = own * slope;
        }
    }
}
