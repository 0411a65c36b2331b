//! Scattered measurements by the thousand to the million: each conditioned on its nearest predecessors alone.

mod append;
mod arrangement;
mod blocks;
mod conditioning;
mod fit;
mod joint;
mod likelihood;
mod model;
mod nearest;
mod neighbours;
mod ordering;
mod prediction;
mod saved;
mod scales;
mod tree;

pub use model::VecchiaGp;
pub use ordering::VecchiaOrdering;
