//! Several measurements chosen at once, because they run side by side or because some are still under way.
//!
//! | you want | you take |
//! | --- | --- |
//! | the worth of a batch from joint draws | [`MonteCarlo::score`] with a [`BatchAcquisition`] |
//! | how that changes with the places | [`MonteCarlo::gradient`] |
//! | the best batch anywhere in a box | [`Region::maximise_batch`](super::Region::maximise_batch) |
//! | the best batch out of a list of places | [`BatchSearch`]: [`greedy`](BatchSearch::greedy) |
//! | any criterion over doses and costs, one measurement after the other | [`FieldBatch::sequential`] with [`Outcomes`] |
//! | the same at hardly a cost | [`FieldBatch::penalised`] with a [`LocalPenalty`] |
//! | places that tell different things | [`BatchSearch::diverse`] |
//!
//! ```
//! use dosewise::acquisition::{BatchExpectedImprovement, BatchSearch, MonteCarlo};
//! use dosewise::gp::{ExactGp, Kernel, Matern52, Noise};
//! use ndarray::{Array2, array};
//!
//! let gp = ExactGp::new(Matern52::isotropic(0.2).scaled(1.0), Noise::Homoscedastic(1e-4))
//!     .condition(&array![[0.0], [0.5], [1.0]], &[0.1, 0.8, 0.2])?;
//! let places = Array2::from_shape_fn((21, 1), |(i, _)| i as f64 / 20.0);
//! let improvement = BatchExpectedImprovement::over(0.8)?;
//! let batch = BatchSearch::new(&places, 2)?.greedy(&gp, &improvement, &MonteCarlo::default())?;
//! // One to either side of the best measurement, not both into the same hill.
//! let sides = [batch[0].index.min(batch[1].index), batch[0].index.max(batch[1].index)];
//! assert!(sides[0] < 10 && sides[1] > 10);
//! # Ok::<(), dosewise::Error>(())
//! ```

mod base_samples;
mod confidence_bound;
mod diversity;
mod draws;
mod field;
mod gradient;
mod improvement;
mod joint_factor;
mod log_improvement;
mod monte_carlo;
mod penalisation;
mod search;
mod sequential;
mod told;

pub use confidence_bound::BatchUpperConfidenceBound;
pub use draws::{BatchAcquisition, DrawSlopes, Draws};
pub use field::FieldBatch;
pub use gradient::BatchGradient;
pub use improvement::BatchExpectedImprovement;
pub use log_improvement::BatchLogExpectedImprovement;
pub use monte_carlo::MonteCarlo;
pub(super) use monte_carlo::{Setting, Simulation};
pub use penalisation::LocalPenalty;
pub use search::BatchSearch;
pub(super) use search::check_places;
pub use sequential::Outcomes;
