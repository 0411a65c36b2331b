//! Materials: a crystal in a beam, what may differ in it, and the response library that images it.
//!
//! A material is a TOML file beside its crystal file (CIF). It says how the crystal stands in the beam, which detectors
//! look, which [kinds of defects](DefectSection) and which [other states](StateSection) its worlds need, or of which
//! [columns](ColumnsSection) its particles are made; from this follows a [`Recipe`], from the recipe a [`Library`], kept in
//! a folder under a name that follows from everything its numbers depend on. [`Material::try_out`] holds images that the
//! library puts together against full multislice.
//!
//! What was measured, material by material, stands in `worlds/materials/README.md`.
//!
//! `dosewise material build FILE` computes a library and `dosewise material trial FILE` prints the table of its errors.

mod definition;
mod ingredients;
mod picture;
mod store;
mod trial;

pub use definition::{
    BeamSection, BoundarySection, ChangeSection, ColumnsSection, ComputationSection, DefectSection,
    Definition, DetectorSection, ParticleSection, SpecimenSection, StateSection, SupportSection,
    TrialSection,
};
pub use ingredients::Defect;
pub use picture::Picture;
pub use trial::{Extent, Verdict};

use crate::stem::Crystal;
use crate::stem::library::{Frame, Imaging, Library, Recipe, Scene};
use crate::units::Point;
use crate::{Error, Result};
use nalgebra::Vector2;
use ndarray::Array2;
use std::collections::BTreeMap;
use std::path::Path;

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
    /// Places within a period of the columns of a particle.
    kinds: Vec<Vector2<f64>>,
    /// For each kind and number of atoms the number of the thickness behind the last of them.
    exits: Vec<Vec<usize>>,
    recipe: Recipe,
}

impl Material {
    /// Loads a material file and the crystal structure that it names.
    ///
    /// # Errors
    /// As [`Definition::load`], [`Error::Parse`] and [`Error::Io`] when the crystal structure cannot be read, and
    /// [`Error::Config`] for a definition that asks for what the crystal does not have.
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
        let (recipe, defects) = ingredients::recipe(&definition, &cell, file)?;
        let columns = definition.columns.as_ref();
        let kinds = columns.map_or_else(Vec::new, |columns| ingredients::kinds(columns, &cell));
        let exits = columns.map_or_else(Vec::new, |columns| {
            let all = ingredients::exits(columns, &cell, recipe.cell().extent().z);
            let number = |exit: f64| all.partition_point(|other| *other < exit - 1e-6);
            let of = |kind, atoms| number(ingredients::exit(kind, atoms, &cell));
            (kinds.iter())
                .map(|kind| (1..=columns.tallest).map(|atoms| of(kind, atoms)).collect())
                .collect()
        });
        Ok(Self {
            exits,
            kinds: kinds.iter().map(|atom| atom.position.xy()).collect(),
            definition,
            defects,
            recipe,
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

    /// Half an ellipsoid of columns on a round face of this radius (Å), flat where the beam enters, about the origin.
    pub fn half_ellipsoid(&self, radius: f64) -> Vec<Column> {
        let Some(columns) = &self.definition.columns else {
            return Vec::new();
        };
        let period = self.recipe.cell().extent();
        let reach = |edge: f64| (radius / edge).ceil() as i32;
        let (across, along) = (reach(period.x), reach(period.y));
        let corners = (-across..=across).flat_map(|i| (-along..=along).map(move |j| (i, j)));
        let mut found = Vec::new();
        for (i, j) in corners {
            let corner = Vector2::new(f64::from(i) * period.x, f64::from(j) * period.y);
            for (kind, offset) in self.kinds.iter().enumerate() {
                let place = corner + offset;
                let depth = (1.0 - (place.norm() / radius).powi(2)).max(0.0).sqrt();
                let atoms = (depth * columns.tallest as f64).round() as usize;
                if atoms > 0 {
                    found.push(Column { kind, atoms, place });
                }
            }
        }
        found
    }

    /// Number of the thickness at which the response of a column is that of so many atoms: island `kind` of the recipe.
    /// `None` for a kind or number of atoms that the material lacks.
    pub fn thickness(&self, kind: usize, atoms: usize) -> Option<usize> {
        let at = self.exits.get(kind)?.get(atoms.checked_sub(1)?);
        at.copied()
    }

    /// Island and thickness of the response of one atom of the support.
    pub fn support(&self) -> Option<(usize, usize)> {
        let columns = self.definition.columns.as_ref()?;
        let last = self.exits.iter().flatten().max()? + 1;
        columns.support.as_ref().map(|_| (self.kinds.len(), last))
    }

    /// The image of columns and atoms of the support at their places.
    ///
    /// # Errors
    /// [`Error::Argument`] for columns that the material lacks, and as
    /// [`Response::image`](crate::stem::library::Response::image).
    pub fn particle_image(
        &self,
        library: &Library,
        detector: usize,
        columns: &[Column],
        support: &[Point],
        frame: Frame,
    ) -> Result<Array2<f64>> {
        let mut scenes: BTreeMap<usize, Scene<'_>> = BTreeMap::new();
        for column in columns {
            let Some(thickness) = self.thickness(column.kind, column.atoms) else {
                let found = format!("{column:?}");
                return Err(Error::argument(
                    "columns",
                    found,
                    "kinds and heights of the material",
                ));
            };
            let islands = &mut scenes.entry(thickness).or_default().islands;
            islands.push((column.kind, Point::new(column.place.y, column.place.x)));
        }
        if let Some((island, thickness)) = self.support() {
            let islands = &mut scenes.entry(thickness).or_default().islands;
            islands.extend(support.iter().map(|place| (island, *place)));
        }
        let mut image = Array2::zeros((frame.rows, frame.columns));
        for (thickness, scene) in &scenes {
            let response = library.response(detector, *thickness, &Imaging::default())?;
            image += &response.image(scene, frame)?;
        }
        Ok(image)
    }
}

/// A column of a particle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Column {
    /// Which of the columns of a period it is, and island of the recipe.
    pub kind: usize,
    /// Atoms behind one another.
    pub atoms: usize,
    /// Place (x, y), Å.
    pub place: Vector2<f64>,
}
