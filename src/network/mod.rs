//! Small feed-forward networks on `f64`: layers, forward passes, gradients of all weights and inputs.
//!
//! | you want | you take |
//! | --- | --- |
//! | a network | [`Network::builder`], its layers in order, [`NetworkBuilder::build`] with a seed |
//! | outputs of a batch | [`Network::forward`] |
//! | gradients | [`Network::pass`], then [`Network::backward`] with the slopes of your objective by the outputs |
//! | the weights as an optimiser wants them | [`Network::weights`], [`Network::weights_mut`]: one slice |
//! | a network in a file | serde: shape, layers and weights under the stamp `network 1` |
//!
//! Every example is a block of `channels × height × width` numbers ([`Shape`]); vectors of length d are d channels of one
//! pixel. Batches come as arrays of 4, 3 (one channel) or 2 (one row an example) dimensions, see [`Batch`].
//!
//! Examples are handled in blocks whose size depends on the batch alone, and gradients of blocks are added in order:
//! results have the same bits whatever the number of threads.
//!
//! ```
//! use dosewise::network::{Activation, Network, Padding, Pooling, Shape};
//! use dosewise::units::Seed;
//! use ndarray::Array3;
//!
//! let network = Network::builder(Shape::image(1, 9, 9))
//!     .convolution(4, 3, Padding::Same)
//!     .activation(Activation::Relu)
//!     .pool(Pooling::Max, 2)
//!     .flatten()
//!     .dense(2)
//!     .build(Seed(1))?;
//! assert_eq!(network.weights().len(), (9 + 1) * 4 + (4 * 4 * 4 + 1) * 2);
//! let images = Array3::from_shape_fn((5, 9, 9), |(n, y, x)| ((n + 2 * y + 3 * x) as f64).sin());
//! let pass = network.pass(&images)?;
//! // The gradient of half the sum of squares of all outputs.
//! let gradient = network.backward(&pass, pass.outputs())?;
//! assert_eq!(gradient.weights.len(), network.weights().len());
//! # Ok::<(), dosewise::Error>(())
//! ```

mod activation;
mod batch;
mod builder;
mod convolution;
mod dense;
mod flatten;
mod graph;
mod layer;
mod pass;
mod pool;
mod shape;
mod stored;

pub use activation::Activation;
pub use batch::Batch;
pub use builder::NetworkBuilder;
pub use convolution::Padding;
pub use graph::Network;
pub use layer::Layer;
pub use pass::{Gradient, Pass};
pub use pool::Pooling;
pub use shape::Shape;
