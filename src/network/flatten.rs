//! The layer that forgets where a number was.

use super::layer::{Block, Operation};
use super::shape::Shape;

/// Images to vectors; the numbers stay where they are.
#[derive(Debug)]
pub(super) struct Flatten {
    output: Shape,
}

impl Flatten {
    pub fn new(input: Shape) -> Self {
        Self {
            output: Shape::vector(input.len()),
        }
    }
}

impl Operation for Flatten {
    fn output(&self) -> Shape {
        self.output
    }

    fn forward(&self, _: &[f64], inputs: &[f64], outputs: &mut [f64]) {
        outputs.copy_from_slice(inputs);
    }

    fn backward(&self, _: &[f64], block: Block<'_>, _: &mut [f64], of_inputs: &mut [f64]) {
        of_inputs.copy_from_slice(block.of_outputs);
    }
}
