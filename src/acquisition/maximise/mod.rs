//! Where a score is highest in a box of continuous coordinates.
//!
//! [`Region`] is the box; [`Region::maximise`] finds the best place for a measurement of one dose,
//! [`Region::maximise_with_dose`] the best pair of place and dose, [`Region::maximise_batch`] the best places for several
//! measurements at once, and [`Region::highest`] the top of anything that is a
//! [`Landscape`].

mod batch;
mod climb;
mod doses;
mod landscape;
mod region;
mod starts;

pub use batch::BatchPeak;
pub(crate) use climb::climb;
pub use doses::Doses;
pub use landscape::Landscape;
pub use region::{DosedPeak, Peak, Region};
