//! Through the network and back.

use super::batch::Batch;
use super::graph::Network;
use super::layer::Block;
use crate::error::{Error, Result};
use ndarray::{Array2, ArrayView2, Axis, Slice};
use rayon::prelude::*;

/// Fewest examples handled together, and most blocks of them.
const FEWEST: usize = 16;
const BLOCKS: usize = 64;

/// A forward pass that remembers what every layer made of every example, from [`Network::pass`].
#[derive(Debug, Clone)]
pub struct Pass {
    outputs: Array2<f64>,
    /// For each block of examples the numbers before the first layer and after each.
    blocks: Vec<Vec<Vec<f64>>>,
}

impl Pass {
    /// The outputs, one example a row.
    pub fn outputs(&self) -> ArrayView2<'_, f64> {
        self.outputs.view()
    }
}

/// Slopes of an objective.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradient {
    /// By the weights, in the order of [`Network::weights`].
    pub weights: Vec<f64>,
    /// By the inputs, one example a row.
    pub inputs: Array2<f64>,
}

impl Network {
    /// Outputs of the examples, one a row, flattened channel by channel.
    ///
    /// # Errors
    /// [`Error::Argument`] if the examples have another shape than [`Network::input`], or a number is not finite.
    pub fn forward<'b>(&self, batch: impl Into<Batch<'b>>) -> Result<Array2<f64>> {
        let rows = batch.into().rows("batch", self.input)?;
        let outputs = self.in_blocks(&rows, |block| self.record(block).pop().unwrap_or_default());
        Ok(self.gather(rows.nrows(), outputs.iter()))
    }

    /// As [`Network::forward`], remembering what [`Network::backward`] needs.
    ///
    /// # Errors
    /// As [`Network::forward`].
    pub fn pass<'b>(&self, batch: impl Into<Batch<'b>>) -> Result<Pass> {
        let rows = batch.into().rows("batch", self.input)?;
        let blocks = self.in_blocks(&rows, |block| self.record(block));
        let outputs = self.gather(rows.nrows(), blocks.iter().filter_map(|block| block.last()));
        Ok(Pass { outputs, blocks })
    }

    /// The gradient of an objective by all weights and inputs, given its slopes by the outputs of a pass (one example a
    /// row): reverse-mode differentiation. The weights must be those of the pass.
    ///
    /// # Errors
    /// [`Error::Argument`] if `slopes` has another shape than the outputs, or the pass is of a network with other layers.
    pub fn backward(&self, pass: &Pass, slopes: ArrayView2<'_, f64>) -> Result<Gradient> {
        let mut sizes = vec![self.input.len()];
        sizes.extend(
            self.stages
                .iter()
                .map(|stage| stage.operation.output().len()),
        );
        let examples = |block: &[Vec<f64>]| {
            block
                .first()
                .map_or(0, |inputs| inputs.len() / self.input.len())
        };
        let fits = |block: &Vec<Vec<f64>>| {
            let count = examples(block);
            block.len() == sizes.len()
                && block
                    .iter()
                    .zip(&sizes)
                    .all(|(values, size)| values.len() == count * size)
        };
        if slopes.dim() != pass.outputs.dim() || !pass.blocks.iter().all(fits) {
            return Err(Error::argument(
                "slopes",
                format!("{:?} for a pass of {:?}", slopes.dim(), pass.outputs.dim()),
                format!(
                    "n × {} for a pass through this network",
                    self.output().len()
                ),
            ));
        }
        let mut first = 0;
        let starts: Vec<(usize, &Vec<Vec<f64>>)> = pass
            .blocks
            .iter()
            .map(|block| {
                let start = first;
                first += examples(block);
                (start, block)
            })
            .collect();
        let parts: Vec<(Vec<f64>, Vec<f64>)> = starts
            .into_par_iter()
            .map(|(start, block)| {
                let rows = slopes.slice_axis(Axis(0), Slice::from(start..start + examples(block)));
                self.retrace(block, rows.iter().copied().collect())
            })
            .collect();
        let mut weights = vec![0.0; self.weights.len()];
        for (part, _) in &parts {
            for (sum, slope) in weights.iter_mut().zip(part) {
                *sum += slope;
            }
        }
        let inputs = parts.iter().flat_map(|(_, inputs)| inputs.iter().copied());
        let shape = (slopes.nrows(), self.input.len());
        let inputs =
            Array2::from_shape_vec(shape, inputs.collect()).expect("one row of slopes an example");
        Ok(Gradient { weights, inputs })
    }

    /// Does the same to every block of examples, side by side; blocks depend on the number of examples alone.
    fn in_blocks<T: Send>(
        &self,
        rows: &Array2<f64>,
        work: impl Fn(Vec<f64>) -> T + Sync,
    ) -> Vec<T> {
        let length = rows.nrows().div_ceil(BLOCKS).max(FEWEST);
        let blocks: Vec<ArrayView2<'_, f64>> = rows.axis_chunks_iter(Axis(0), length).collect();
        blocks
            .into_par_iter()
            .map(|block| work(block.iter().copied().collect()))
            .collect()
    }

    /// The numbers before the first layer and after each.
    fn record(&self, inputs: Vec<f64>) -> Vec<Vec<f64>> {
        let count = inputs.len() / self.input.len();
        let mut values = vec![inputs];
        for stage in self.stages.iter() {
            let mut outputs = vec![0.0; count * stage.operation.output().len()];
            let weights = &self.weights[stage.weights.clone()];
            if let Some(inputs) = values.last() {
                stage.operation.forward(weights, inputs, &mut outputs);
            }
            values.push(outputs);
        }
        values
    }

    /// Slopes by the weights and by the inputs of one block.
    fn retrace(&self, values: &[Vec<f64>], mut slopes: Vec<f64>) -> (Vec<f64>, Vec<f64>) {
        let mut of_weights = vec![0.0; self.weights.len()];
        let pairs = values.iter().zip(&values[1..]);
        for (stage, (inputs, outputs)) in self.stages.iter().zip(pairs).rev() {
            let mut of_inputs = vec![0.0; inputs.len()];
            let block = Block {
                inputs,
                outputs,
                of_outputs: &slopes,
            };
            let range = stage.weights.clone();
            stage.operation.backward(
                &self.weights[range.clone()],
                block,
                &mut of_weights[range],
                &mut of_inputs,
            );
            slopes = of_inputs;
        }
        (of_weights, slopes)
    }

    fn gather<'v>(&self, count: usize, blocks: impl Iterator<Item = &'v Vec<f64>>) -> Array2<f64> {
        let values: Vec<f64> = blocks.flatten().copied().collect();
        Array2::from_shape_vec((count, self.output().len()), values)
            .expect("one row of outputs an example")
    }
}
