//! The layer that connects every input with every output.

use super::layer::{Block, Operation, WeightCount, check_positive};
use super::shape::Shape;
use crate::error::{Error, Result};
use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};

/// y = W x + b; the weights are W (outputs × inputs) row by row, then b.
#[derive(Debug)]
pub(super) struct Dense {
    inputs: usize,
    outputs: usize,
}

impl Dense {
    pub fn new(input: Shape, outputs: usize) -> Result<Self> {
        check_positive("outputs", outputs)?;
        if !input.is_vector() {
            return Err(Error::argument(
                "dense",
                format!("an input of {input}"),
                "a vector; flatten images first",
            ));
        }
        Ok(Self {
            inputs: input.channels,
            outputs,
        })
    }
}

impl Operation for Dense {
    fn output(&self) -> Shape {
        Shape::vector(self.outputs)
    }

    fn weights(&self) -> WeightCount {
        WeightCount {
            factors: self.inputs.saturating_mul(self.outputs),
            biases: self.outputs,
            fan_in: self.inputs,
            fan_out: self.outputs,
        }
    }

    fn forward(&self, weights: &[f64], inputs: &[f64], outputs: &mut [f64]) {
        let (factors, biases) = weights.split_at(self.inputs * self.outputs);
        for output in outputs.chunks_exact_mut(self.outputs) {
            output.copy_from_slice(biases);
        }
        let factors = matrix(factors, self.inputs);
        let mut out = matrix_mut(outputs, self.outputs);
        general_mat_mul(
            1.0,
            &matrix(inputs, self.inputs),
            &factors.t(),
            1.0,
            &mut out,
        );
    }

    fn backward(
        &self,
        weights: &[f64],
        block: Block<'_>,
        of_weights: &mut [f64],
        of_inputs: &mut [f64],
    ) {
        let of_outputs = matrix(block.of_outputs, self.outputs);
        let (of_factors, of_biases) = of_weights.split_at_mut(self.inputs * self.outputs);
        for slopes in of_outputs.rows() {
            for (sum, slope) in of_biases.iter_mut().zip(slopes) {
                *sum += slope;
            }
        }
        let inputs = matrix(block.inputs, self.inputs);
        let mut of_factors = matrix_mut(of_factors, self.inputs);
        general_mat_mul(1.0, &of_outputs.t(), &inputs, 1.0, &mut of_factors);
        let factors = matrix(&weights[..self.inputs * self.outputs], self.inputs);
        let mut of_inputs = matrix_mut(of_inputs, self.inputs);
        general_mat_mul(1.0, &of_outputs, &factors, 0.0, &mut of_inputs);
    }
}

/// Rows of `columns` numbers.
pub(super) fn matrix(values: &[f64], columns: usize) -> ArrayView2<'_, f64> {
    ArrayView2::from_shape((values.len() / columns, columns), values)
        .expect("a multiple of columns")
}

/// Rows of `columns` numbers to write to.
pub(super) fn matrix_mut(values: &mut [f64], columns: usize) -> ArrayViewMut2<'_, f64> {
    let shape = (values.len() / columns, columns);
    ArrayViewMut2::from_shape(shape, values).expect("a multiple of columns")
}
