//! Worlds: a physics-simulated specimen under a dose budget, with a task whose truth only the scorer knows.

pub mod briefing;
pub mod definition;
pub mod episode;
pub mod finding;
mod key_refusal;
pub mod material;
pub mod measurements;
mod neighbourhood;
pub mod pattern;
pub mod scan;
mod score;
mod specimen;

pub(crate) use specimen::draw_defects;

pub use briefing::{Briefing, Defect, DefectClass, LatticeSite};
pub use definition::{Definition, Task};
pub use episode::{Episode, Outcome};
pub use finding::{Finding, SiteBelief};
pub use measurements::Measurements;
pub use scan::{Frame, Scan};

use crate::error::Result;
use crate::units::Seed;
use std::path::Path;
use std::sync::Arc;

/// A world: everything about a proving ground except the seed.
///
/// ```
/// use dosewise::prelude::*;
/// let world = World::load("worlds/mos2-l1.toml")?;
/// assert_eq!(world.briefing().material, "monolayer MoS2");
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct World {
    briefing: Arc<Briefing>,
}

impl World {
    /// Loads a world file and the crystal structure that it names.
    ///
    /// # Errors
    /// As [`Definition::load`], and [`crate::Error::Parse`] when the crystal structure cannot be read.
    pub fn load(file: impl AsRef<Path>) -> Result<Self> {
        let file = file.as_ref();
        Self::from_definition(&Definition::load(file)?, file)
    }

    /// Builds a world from a definition; `file` tells where its crystal structure is looked for and is named in errors.
    ///
    /// # Errors
    /// [`crate::Error::Config`] when a value is out of range or the definition asks for what the crystal does not have.
    pub fn from_definition(definition: &Definition, file: impl AsRef<Path>) -> Result<Self> {
        definition.check(file.as_ref())?;
        Ok(Self {
            briefing: Arc::new(Briefing::new(definition, file.as_ref())?),
        })
    }

    /// What the operator knows.
    pub fn briefing(&self) -> &Arc<Briefing> {
        &self.briefing
    }

    /// A fresh specimen under the beam; everything random in it follows from `seed`.
    pub fn episode(&self, seed: Seed) -> Episode {
        Episode::new(self.briefing.clone(), seed)
    }
}
