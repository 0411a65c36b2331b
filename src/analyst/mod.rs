//! Analysts: perception. They turn measurements into a finding and never see the specimen.

mod coupling;
mod domain_likelihood;
mod drift;
mod kick_watch;
mod reading;
mod site_likelihood;
mod site_states;
mod spatial_prior;
mod standard;

pub use domain_likelihood::DomainLikelihood;
pub use site_likelihood::SiteLikelihood;
pub use standard::StandardAnalyst;

use crate::error::Result;
use crate::world::{Finding, Frame};

/// Reads what the microscope delivers and keeps the current answer to the task.
///
/// Every frame is shown exactly once, in the order of measurement; a long scan arrives in parts.
pub trait Analyst: Send {
    /// Takes in a frame.
    ///
    /// # Errors
    /// Whatever prevents the frame from being understood.
    fn observe(&mut self, frame: &Frame) -> Result<()>;

    /// The answer as it stands.
    fn finding(&self) -> &Finding;
}
