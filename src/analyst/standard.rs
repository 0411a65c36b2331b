//! The analyst that fits a world.

use super::{Analyst, DomainLikelihood, SiteLikelihood};
use crate::error::Result;
use crate::world::{Finding, Frame, World};

/// The likelihood of sites or of domains, whichever a world asks about.
#[derive(Debug, Clone)]
pub enum StandardAnalyst {
    /// For point defects and for counting.
    Sites(Box<SiteLikelihood>),
    /// For domains and polarisation.
    Domains(Box<DomainLikelihood>),
}

impl StandardAnalyst {
    /// The analyst for `world`, from what its operator knows.
    ///
    /// # Errors
    /// As [`SiteLikelihood::for_world`] and [`DomainLikelihood::for_world`].
    pub fn for_world(world: &World) -> Result<Self> {
        Ok(match world.briefing().phases.is_empty() {
            true => Self::Sites(Box::new(SiteLikelihood::for_world(world)?)),
            false => Self::Domains(Box::new(DomainLikelihood::for_world(world)?)),
        })
    }
}

impl Analyst for StandardAnalyst {
    fn observe(&mut self, frame: &Frame) -> Result<()> {
        match self {
            Self::Sites(analyst) => analyst.observe(frame),
            Self::Domains(analyst) => analyst.observe(frame),
        }
    }

    fn finding(&self) -> &Finding {
        match self {
            Self::Sites(analyst) => analyst.finding(),
            Self::Domains(analyst) => analyst.finding(),
        }
    }
}
