//! Processes that see many measurements through few inducing points.

mod belief;
mod collapsed;
mod coordinates;
mod features;
mod fit;
mod inducing;
mod model;
mod posterior;
mod process;
mod saved;

pub use inducing::{InducingPoints, InducingSelection, Selected};
pub use model::SparseGp;
pub use posterior::SparsePosterior;
