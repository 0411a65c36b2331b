//! Materials: a crystal in a beam, what may differ in it, and the response library that images it.
//!
//! A material is a TOML file beside its crystal file (CIF). It says how the crystal stands in the beam, which detectors
//! look, which [kinds of defects](DefectSection) and which [other states](StateSection) its worlds need, or of which
//! [columns](ColumnsSection) its particles are made; from this follows a [`Recipe`], from the recipe a
//! [`Library`](crate::stem::library::Library), kept in
//! a folder under a name that follows from everything its numbers depend on. [`Material::try_out`] holds images that the
//! library puts together against full multislice.
//!
//! What was measured, material by material, stands in `worlds/materials/README.md`.
//!
//! `dosewise material build FILE` computes a library and `dosewise material trial FILE` prints the table of its errors.

mod columns;
mod definition;
mod ingredients;
mod picture;
mod store;
mod trial;

pub use columns::{Column, Neighbours, Piece};
pub use definition::{
    BeamSection, BoundarySection, ChangeSection, ColumnsSection, ComputationSection, DefectSection,
    Definition, DetectorSection, ParticleSection, SpecimenSection, StateSection, SupportSection,
    TrialSection,
};
pub use ingredients::Defect;
pub use picture::Picture;
pub use trial::{Extent, Verdict};

use crate::Result;
use crate::stem::Crystal;
use crate::stem::library::Recipe;
use columns::Columns;
use std::path::{Path, PathBuf};

/// A material, ready to be computed.
///
/// ```
/// use dosewise::world::material::Material;
/// let material = Material::load("worlds/materials/mos2.toml")?;
/// assert_eq!(material.definition().title, "monolayer MoS2");
/// let vacancy = material.defect("V_S").unwrap();
/// assert_eq!(vacancy.columns.len(), 1); // all columns of sulphur are alike
/// assert_eq!(vacancy.columns[0].len(), 2); // of two atoms
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Material {
    definition: Definition,
    defects: Vec<Defect>,
    columns: Columns,
    recipe: Recipe,
    /// Folder of the shipped libraries.
    shipped: PathBuf,
}

impl Material {
    /// Loads a material file and the crystal structure that it names.
    ///
    /// # Errors
    /// As [`Definition::load`], [`crate::Error::Parse`] and [`crate::Error::Io`] when the crystal structure cannot be read, and
    /// [`crate::Error::Config`] for a definition that asks for what the crystal does not have.
    pub fn load(file: impl AsRef<Path>) -> Result<Self> {
        let file = file.as_ref();
        Self::from_definition(Definition::load(file)?, file)
    }

    /// A material from its definition; `file` tells where its crystal structure is looked for and is named in errors.
    ///
    /// # Errors
    /// As [`Material::load`].
    pub fn from_definition(definition: Definition, file: impl AsRef<Path>) -> Result<Self> {
        let file = file.as_ref();
        let folder = file.parent().unwrap_or(Path::new("."));
        let crystal = Crystal::read_cif(folder.join(&definition.crystal))?;
        let cell = ingredients::cell(&definition, &crystal, file)?;
        let (recipe, defects, columns) = ingredients::recipe(&definition, &cell, file)?;
        Ok(Self {
            definition,
            defects,
            columns,
            recipe,
            shipped: folder.join("../libraries"),
        })
    }

    /// What its file says.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// What its library is made from.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The kinds of changed atoms, in the order of the file.
    pub fn defects(&self) -> &[Defect] {
        &self.defects
    }

    /// The kind of changed atoms of this name.
    pub fn defect(&self, name: &str) -> Option<&Defect> {
        self.defects.iter().find(|defect| defect.name == name)
    }

    /// Number of the state of this name in the recipe.
    pub fn state(&self, name: &str) -> Option<usize> {
        self.definition.states().position(|state| state == name)
    }
}
