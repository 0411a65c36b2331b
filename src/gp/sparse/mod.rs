//! Processes that see many measurements through few inducing points.

mod belief;
mod collapsed;
mod coordinates;
mod features;
mod finish;
mod fit;
mod gradient;
mod inducing;
mod minibatch;
mod model;
mod observation;
mod posterior;
mod process;
mod saved;
mod saved_stochastic;
mod sites;
mod stochastic;
mod train;
mod training;

pub use inducing::{InducingPoints, InducingSelection, Selected};
pub use model::SparseGp;
pub use posterior::SparsePosterior;
pub use stochastic::StochasticGp;
pub use training::{StochasticOptions, StochasticProgress, StochasticReport};
