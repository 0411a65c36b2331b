//! Worlds: a physics-simulated specimen under a dose budget, with a task whose truth only the scorer knows.
//!
//! A world is a TOML file. It names a [`material`] (a crystal in a beam with its response library), the specimens that are made
//! of it (point defects, domains, or a particle), the microscope with its imperfections, the laws of damage, and a budget of
//! dose. `worlds/README.md` shows all that come with the crate; `worlds/mos2-l2.toml` explains the keys.
//!
//! [`World::load`] reads it, [`World::episode`] puts a fresh specimen under the beam. What a policy may know is the
//! [`Briefing`] and what the microscope delivers, frame by frame; what it has to find out is a [`task`].

mod blueprint;
pub mod briefing;
mod cell_columns;
mod crystal_plan;
pub mod damage;
pub mod definition;
pub mod distortion;
pub mod episode;
mod illumination;
mod image;
mod imager;
mod key_refusal;
mod knock_on_plan;
mod lattice;
pub mod material;
pub mod measurements;
mod neighbourhood;
mod particle_plan;
pub mod pattern;
mod plan;
mod region_plan;
mod regions;
pub mod scan;
pub mod site;
mod specimen;
mod stretch;
pub mod task;
mod visited;

pub use briefing::{Briefing, DomainCell, PhaseFact};
pub use crystal_plan::DefectClass;
pub use definition::Definition;
pub use episode::{Episode, Outcome};
pub use measurements::Measurements;
pub use scan::{Frame, Lines, Scan};
pub use site::{Appearance, Hypothesis, LatticeSite, SiteKind};
pub use task::{Finding, LabelBelief, NumberBelief, SiteBelief, Task, Truth, VectorBelief};

use crate::error::{Error, Result};
use crate::units::Seed;
use blueprint::Blueprint;
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
    blueprint: Arc<Blueprint>,
}

impl World {
    /// Loads a world file with the material that it names and the material's library, which is looked for beside the material
    /// and built if it is not there.
    ///
    /// # Errors
    /// As [`Definition::load`], [`Material::load`](material::Material::load) and
    /// [`Material::library`](material::Material::library).
    pub fn load(file: impl AsRef<Path>) -> Result<Self> {
        let file = file.as_ref();
        Self::from_definition(&Definition::load(file)?, file)
    }

    /// Builds a world from a definition; `file` tells where its material is looked for and is named in errors.
    ///
    /// # Errors
    /// [`Error::Config`] when a value is out of range or the definition asks for what the material does not have.
    pub fn from_definition(definition: &Definition, file: impl AsRef<Path>) -> Result<Self> {
        let (briefing, blueprint) = plan::plan(definition, file.as_ref())?;
        Ok(Self {
            briefing: Arc::new(briefing),
            blueprint: Arc::new(blueprint),
        })
    }

    /// The same world, scored by another of its tasks.
    ///
    /// # Errors
    /// [`Error::Argument`] for a task that the world does not have.
    pub fn with_task(&self, task: Task) -> Result<Self> {
        if !self.briefing.tasks.contains(&task) {
            let names: Vec<&str> = self.briefing.tasks.iter().map(|t| t.name()).collect();
            let allowed = format!("a task of {}: {}", self.briefing.name, names.join(", "));
            return Err(Error::argument("task", task.name(), allowed));
        }
        let briefing = Briefing {
            task,
            ..(*self.briefing).clone()
        };
        Ok(Self {
            briefing: Arc::new(briefing),
            blueprint: self.blueprint.clone(),
        })
    }

    /// The same world told to an analyst as one in which dose changes nothing: for the oracle.
    pub(crate) fn harmless(&self) -> Self {
        let briefing = Briefing {
            follows_dose: false,
            ..(*self.briefing).clone()
        };
        Self {
            briefing: Arc::new(briefing),
            blueprint: self.blueprint.clone(),
        }
    }

    /// What the operator knows.
    pub fn briefing(&self) -> &Arc<Briefing> {
        &self.briefing
    }

    /// A fresh specimen under the beam; everything random in it follows from `seed`.
    pub fn episode(&self, seed: Seed) -> Episode {
        Episode::new(self.briefing.clone(), self.blueprint.clone(), seed)
    }
}
