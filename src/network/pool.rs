//! The layers that look less closely.

use super::layer::{Block, Operation, check_positive};
use super::shape::Shape;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// What becomes of the numbers in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// Their mean.
    Average,
    /// The largest of them; its slope belongs to the first of equals.
    Max,
}

/// One number for each window of each channel; windows do not overlap, and what fills none is dropped.
#[derive(Debug)]
pub(super) struct Pool {
    kind: Pooling,
    input: Shape,
    output: Shape,
    window: [usize; 2],
}

impl Pool {
    pub fn new(input: Shape, kind: Pooling, window: [usize; 2]) -> Result<Self> {
        window
            .iter()
            .try_for_each(|&side| check_positive("size", side))?;
        let output = Shape::image(
            input.channels,
            input.height / window[0],
            input.width / window[1],
        );
        if output.is_empty() {
            return Err(Error::argument(
                "size",
                format!(
                    "a window of {} × {} pixels on an input of {input}",
                    window[0], window[1]
                ),
                "windows no larger than the image",
            ));
        }
        Ok(Self {
            kind,
            input,
            output,
            window,
        })
    }

    /// Calls `visit(entry of the output, places in the input)` for every window of an example.
    fn windows(&self, mut visit: impl FnMut(usize, &[usize])) {
        let [tall, wide] = self.window;
        let mut places = vec![0; tall * wide];
        let mut entry = 0;
        for channel in 0..self.output.channels {
            for row in 0..self.output.height {
                for column in 0..self.output.width {
                    let corner = channel * self.input.pixels()
                        + row * tall * self.input.width
                        + column * wide;
                    for (k, place) in places.iter_mut().enumerate() {
                        *place = corner + k / wide * self.input.width + k % wide;
                    }
                    visit(entry, &places);
                    entry += 1;
                }
            }
        }
    }
}

impl Operation for Pool {
    fn output(&self) -> Shape {
        self.output
    }

    fn forward(&self, _: &[f64], inputs: &[f64], outputs: &mut [f64]) {
        let examples = inputs.chunks_exact(self.input.len());
        for (input, output) in examples.zip(outputs.chunks_exact_mut(self.output.len())) {
            self.windows(|entry, places| {
                output[entry] = match self.kind {
                    Pooling::Average => {
                        places.iter().map(|&p| input[p]).sum::<f64>() / places.len() as f64
                    }
                    Pooling::Max => input[largest(input, places)],
                };
            });
        }
    }

    fn backward(&self, _: &[f64], block: Block<'_>, _: &mut [f64], of_inputs: &mut [f64]) {
        of_inputs.fill(0.0);
        let examples = block.inputs.chunks_exact(self.input.len());
        let slopes = block.of_outputs.chunks_exact(self.output.len());
        let targets = of_inputs.chunks_exact_mut(self.input.len());
        for ((input, of_output), of_input) in examples.zip(slopes).zip(targets) {
            self.windows(|entry, places| match self.kind {
                Pooling::Average => {
                    for &place in places {
                        of_input[place] += of_output[entry] / places.len() as f64;
                    }
                }
                Pooling::Max => of_input[largest(input, places)] += of_output[entry],
            });
        }
    }
}

/// The first of the places with the largest number; the first place of all if one is not a number.
fn largest(input: &[f64], places: &[usize]) -> usize {
    let rest = places.iter().copied();
    rest.reduce(|best, place| {
        if input[place] > input[best] {
            place
        } else {
            best
        }
    })
    .expect("a window has at least one place")
}
