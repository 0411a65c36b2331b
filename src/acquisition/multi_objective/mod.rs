//! Several objectives at once, all to be made large: fronts, the volume they dominate, and what a measurement would add to it.
//!
//! Points are rows, objectives columns; the reference point lies below what is of interest in every objective. To make an
//! objective small, negate it.
//!
//! ```
//! use dosewise::acquisition::multi_objective::{ExpectedHypervolumeImprovement, hypervolume};
//! use ndarray::array;
//! let front = array![[1.0, 3.0], [2.0, 1.0]];
//! assert_eq!(hypervolume(front.view(), &[0.0, 0.0])?, 4.0);
//! let improvement = ExpectedHypervolumeImprovement::new(front.view(), [0.0, 0.0])?;
//! // Known exactly, (2, 3) would add the corner between the two.
//! assert!((improvement.score([2.0, 3.0], [0.0, 0.0])? - 2.0).abs() < 1e-12);
//! # Ok::<(), dosewise::Error>(())
//! ```

mod dominance;
mod expected_improvement;
mod hypervolume;
mod monte_carlo;
mod scalarisation;

pub use dominance::{non_dominated, non_dominated_ranks};
pub use expected_improvement::{ExpectedHypervolumeImprovement, HypervolumeSlopes};
pub use hypervolume::{hypervolume, hypervolume_improvement};
pub use monte_carlo::BatchHypervolumeImprovement;
pub use scalarisation::{Chebyshev, simplex_weights};
