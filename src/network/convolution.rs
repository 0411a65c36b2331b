//! The layer that looks at every pixel and its neighbours with the same eyes.

use super::dense::{matrix, matrix_mut};
use super::layer::{Block, Operation, WeightCount, check_positive};
use super::shape::Shape;
use crate::error::{Error, Result};
use ndarray::linalg::general_mat_mul;
use serde::{Deserialize, Serialize};

/// What a convolution does at the edges of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// Zeros around the image: the output is as large as the input.
    Same,
    /// Only places where the whole filter lies inside: the output is smaller by the size of the filter less one.
    Valid,
}

/// y\[o, r, c\] = b\[o\] + Σ w\[o, i, u, v\] x\[i, r + u − p, c + v − p\], with p = size/2 for [`Padding::Same`] and 0 for
/// [`Padding::Valid`]: neighbourhoods are laid out as columns of a matrix, which the filters multiply from the left
/// (Chellapilla, Puri & Simard 2006, "High performance convolutional neural networks for document processing"). The
/// weights are the filters (outputs × inputs × size × size), then the biases.
#[derive(Debug)]
pub(super) struct Convolution {
    input: Shape,
    output: Shape,
    size: usize,
    padding: usize,
}

impl Convolution {
    pub fn new(input: Shape, channels: usize, size: usize, padding: Padding) -> Result<Self> {
        check_positive("channels", channels)?;
        let smaller = match padding {
            Padding::Same => 0,
            Padding::Valid => size.saturating_sub(1),
        };
        if size.is_multiple_of(2)
            || smaller >= input.height
            || smaller >= input.width
            || size > MOST
        {
            return Err(Error::argument(
                "size",
                format!("a filter of {size} × {size} pixels on an input of {input}"),
                format!("an odd size up to {MOST}, within the image where nothing is padded"),
            ));
        }
        Ok(Self {
            input,
            output: Shape::image(channels, input.height - smaller, input.width - smaller),
            size,
            padding: if smaller == 0 { size / 2 } else { 0 },
        })
    }

    /// Numbers that one filter looks at.
    fn neighbourhood(&self) -> usize {
        self.input.channels.saturating_mul(self.size * self.size)
    }

    /// Calls `visit(column entry, input entry)` with the places of rows of pixels, as (start, start, length), that the
    /// matrix of neighbourhoods and one example share; what is never visited is padding.
    fn rows(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let (size, padding) = (self.size, self.padding);
        let Shape { height, width, .. } = self.output;
        for entry in 0..self.neighbourhood() {
            let (channel, u, v) = (entry / (size * size), entry / size % size, entry % size);
            // Output columns whose neighbour at v lies inside the image, and the same for rows.
            let left = padding.saturating_sub(v);
            let right = width.min((self.input.width + padding).saturating_sub(v));
            let top = padding.saturating_sub(u);
            let bottom = height.min((self.input.height + padding).saturating_sub(u));
            if left >= right {
                continue;
            }
            for row in top..bottom {
                let from = channel * self.input.pixels()
                    + (row + u - padding) * self.input.width
                    + (left + v - padding);
                let to = (entry * height + row) * width + left;
                visit(to, from, right - left);
            }
        }
    }

    /// The matrix of neighbourhoods of one example: a row for each number a filter looks at, a column for each place.
    fn neighbourhoods(&self, input: &[f64], columns: &mut [f64]) {
        self.rows(|to, from, length| {
            columns[to..to + length].copy_from_slice(&input[from..from + length]);
        });
    }
}

/// Largest side of a filter; wider ones are a mistake, and their arithmetic could overflow.
const MOST: usize = 1023;

impl Operation for Convolution {
    fn output(&self) -> Shape {
        self.output
    }

    fn weights(&self) -> WeightCount {
        WeightCount {
            factors: self.neighbourhood().saturating_mul(self.output.channels),
            biases: self.output.channels,
            fan_in: self.neighbourhood(),
            fan_out: self.output.channels.saturating_mul(self.size * self.size),
        }
    }

    fn forward(&self, weights: &[f64], inputs: &[f64], outputs: &mut [f64]) {
        let (pixels, neighbourhood) = (self.output.pixels(), self.neighbourhood());
        let (filters, biases) = weights.split_at(weights.len() - self.output.channels);
        let filters = matrix(filters, neighbourhood);
        let mut columns = vec![0.0; neighbourhood * pixels];
        let examples = inputs.chunks_exact(self.input.len());
        for (input, output) in examples.zip(outputs.chunks_exact_mut(self.output.len())) {
            self.neighbourhoods(input, &mut columns);
            for (channel, bias) in output.chunks_exact_mut(pixels).zip(biases) {
                channel.fill(*bias);
            }
            let mut output = matrix_mut(output, pixels);
            general_mat_mul(1.0, &filters, &matrix(&columns, pixels), 1.0, &mut output);
        }
    }

    fn backward(
        &self,
        weights: &[f64],
        block: Block<'_>,
        of_weights: &mut [f64],
        of_inputs: &mut [f64],
    ) {
        let (pixels, neighbourhood) = (self.output.pixels(), self.neighbourhood());
        let biases = weights.len() - self.output.channels;
        let filters = matrix(&weights[..biases], neighbourhood);
        let (of_filters, of_biases) = of_weights.split_at_mut(biases);
        let mut of_filters = matrix_mut(of_filters, neighbourhood);
        let mut columns = vec![0.0; neighbourhood * pixels];
        let mut of_columns = vec![0.0; neighbourhood * pixels];
        let examples = block.inputs.chunks_exact(self.input.len());
        let slopes = block.of_outputs.chunks_exact(self.output.len());
        let targets = of_inputs.chunks_exact_mut(self.input.len());
        for ((input, of_output), of_input) in examples.zip(slopes).zip(targets) {
            self.neighbourhoods(input, &mut columns);
            for (sum, channel) in of_biases.iter_mut().zip(of_output.chunks_exact(pixels)) {
                *sum += channel.iter().sum::<f64>();
            }
            let of_output = matrix(of_output, pixels);
            let seen = matrix(&columns, pixels);
            general_mat_mul(1.0, &of_output, &seen.t(), 1.0, &mut of_filters);
            let mut of_seen = matrix_mut(&mut of_columns, pixels);
            general_mat_mul(1.0, &filters.t(), &of_output, 0.0, &mut of_seen);
            of_input.fill(0.0);
            self.rows(|to, from, length| {
                let row = of_columns[to..to + length].iter();
                for (sum, slope) in of_input[from..from + length].iter_mut().zip(row) {
                    *sum += slope;
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written down from the formula, one multiplication after the other.
    fn by_formula(layer: &Convolution, weights: &[f64], input: &[f64]) -> Vec<f64> {
        let (shape, size) = (layer.input, layer.size as isize);
        let mut outputs = Vec::new();
        for o in 0..layer.output.channels {
            for r in 0..layer.output.height as isize {
                for c in 0..layer.output.width as isize {
                    let mut sum = weights[weights.len() - layer.output.channels + o];
                    for i in 0..shape.channels {
                        for (u, v) in (0..size).flat_map(|u| (0..size).map(move |v| (u, v))) {
                            let (y, x) = (
                                r + u - layer.padding as isize,
                                c + v - layer.padding as isize,
                            );
                            if (0..shape.height as isize).contains(&y)
                                && (0..shape.width as isize).contains(&x)
                            {
                                let weight = ((o * shape.channels + i) * layer.size + u as usize)
                                    * layer.size;
                                let pixel =
                                    (i * shape.height + y as usize) * shape.width + x as usize;
                                sum += weights[weight + v as usize] * input[pixel];
                            }
                        }
                    }
                    outputs.push(sum);
                }
            }
        }
        outputs
    }

    #[test]
    fn sums_are_those_of_the_formula() {
        for (size, padding, height, width) in [
            (1, Padding::Same, 3, 4),
            (3, Padding::Same, 5, 4),
            (5, Padding::Same, 3, 2),
            (7, Padding::Same, 2, 1),
            (3, Padding::Valid, 5, 4),
            (3, Padding::Valid, 3, 3),
        ] {
            let layer = Convolution::new(Shape::image(2, height, width), 3, size, padding).unwrap();
            let draw = |count: usize| {
                (0..count)
                    .map(|i| (1.7 * i as f64).sin())
                    .collect::<Vec<f64>>()
            };
            let weights = draw(layer.weights().total());
            let inputs = draw(2 * layer.input.len());
            let mut outputs = vec![f64::NAN; 2 * layer.output.len()];
            layer.forward(&weights, &inputs, &mut outputs);
            let examples = inputs.chunks_exact(layer.input.len());
            let expected: Vec<f64> = examples
                .flat_map(|x| by_formula(&layer, &weights, x))
                .collect();
            let pairs = outputs.iter().zip(&expected);
            assert!(
                pairs.clone().all(|(a, b)| (a - b).abs() < 1e-12),
                "{layer:?}"
            );
        }
    }

    #[test]
    fn impossible_filters_are_refused() {
        let input = Shape::image(1, 5, 5);
        for (channels, size, padding) in [
            (1, 2, Padding::Same),
            (1, 0, Padding::Valid),
            (0, 3, Padding::Same),
            (1, 7, Padding::Valid),
            (1, usize::MAX, Padding::Same),
        ] {
            assert!(Convolution::new(input, channels, size, padding).is_err());
        }
    }
}
