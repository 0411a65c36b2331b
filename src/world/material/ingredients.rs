//! From a definition and a crystal to the recipe of a library.

use super::super::key_refusal::refused_argument;
use super::columns::{Columns, kinds, spacing};
use super::definition::{ColumnsSection, DefectSection, Definition, StateSection};
use crate::stem::library::{Change, Edit, Motif, Recipe};
use crate::stem::{
    AnnularDetector, AtomicMotion, Beam, Crystal, Element, Orientation, PlacedAtom, Structure,
    Vibration,
};
use crate::units::Seed;
use crate::{Error, Result};
use nalgebra::Vector3;
use std::path::Path;

/// Empty space behind the last atom of a particle and its support, Å.
const BEHIND: f64 = 1.0;

/// A kind of changed atoms, with the atoms of the cell that it may befall.
#[derive(Debug, Clone, PartialEq)]
pub struct Defect {
    /// Its name.
    pub name: String,
    /// The element that is changed.
    pub element: Element,
    /// What becomes of an atom.
    pub change: Change,
    /// Whether all atoms of a column change together.
    pub whole_column: bool,
    /// The atoms of each column of the element that no translation brings onto another, by depth; columns that one does
    /// are known by it to the library.
    pub columns: Vec<Vec<usize>>,
}

impl Defect {
    /// The changes of the column at an atom, by number in [`Defect::columns`], in the cell (x, y): one atom by its depth,
    /// or all of them.
    pub fn edits(&self, column: usize, depth: usize, [x, y]: [i32; 2]) -> Vec<Edit> {
        let atoms = self.columns.get(column).map_or(&[][..], Vec::as_slice);
        let chosen = match self.whole_column {
            true => atoms,
            false => atoms.get(depth..=depth).unwrap_or_default(),
        };
        let edit = |&atom: &usize| Edit::new(atom, self.change).in_cell(x, y);
        chosen.iter().map(edit).collect()
    }

    /// The motifs that a library needs of it.
    fn motifs(&self, depths: Option<usize>) -> Vec<Motif> {
        let mut motifs = Vec::new();
        for (number, atoms) in self.columns.iter().enumerate() {
            if self.whole_column {
                let name = format!("{}, column {number}", self.name);
                motifs.push(Motif::new(name, self.edits(number, 0, [0, 0])));
                continue;
            }
            for depth in spread(atoms.len(), depths) {
                let name = format!("{}, column {number}, atom {depth}", self.name);
                motifs.push(Motif::new(name, self.edits(number, depth, [0, 0])));
            }
        }
        motifs
    }
}

/// The crystal in the beam: one period across it, the whole specimen along it.
pub(super) fn cell(definition: &Definition, crystal: &Crystal, file: &Path) -> Result<Structure> {
    let specimen = &definition.specimen;
    let mut orientation = Orientation::along(specimen.zone);
    if definition.columns.is_some() && specimen.cells != 1 {
        let found = specimen.cells.to_string();
        let allowed = "1 where `columns` says how many atoms are behind one another";
        return Err(Error::config(file, "specimen.cells", found, allowed));
    }
    if let Some(right) = specimen.right {
        orientation = orientation.right(right);
    }
    let cell = crystal
        .orthogonal(orientation)
        .map_err(|error| refused_argument(file, "specimen.zone", error))?;
    if let Some(columns) = &definition.columns
        && kinds(columns, &cell.structure).is_empty()
    {
        let found = columns.element.symbol();
        let allowed = "an element of the crystal";
        return Err(Error::config(file, "columns.element", found, allowed));
    }
    let mut structure = cell.structure;
    if let Some(smeared) = definition.computation.smeared {
        let vibration = Vibration::Isotropic(smeared);
        structure = structure.edited(|_, atom| Some(atom.vibration(vibration)))?;
    }
    structure
        .repeated([1, 1, specimen.cells])
        .map_err(|error| refused_argument(file, "specimen.cells", error))
}

/// The recipe, the defects in the order of the definition, and the columns.
pub(super) fn recipe(
    definition: &Definition,
    crystal: &Structure,
    file: &Path,
) -> Result<(Recipe, Vec<Defect>, Columns)> {
    let refused = |key: &str| {
        let key = key.to_string();
        move |error| refused_argument(file, &key, error)
    };
    let (cell, columns) = match &definition.columns {
        None => (crystal.clone(), Columns::default()),
        Some(section) => {
            let columns = Columns::new(section, crystal);
            let vacuum = emptied(crystal, section, &columns);
            (vacuum.map_err(refused("columns"))?, columns)
        }
    };
    let beam = Beam::new(definition.beam.energy_kev).map_err(refused("beam.energy_kev"))?;
    let mut detectors = Vec::new();
    for (index, detector) in definition.detector.iter().enumerate() {
        let annulus = AnnularDetector::new(detector.inner_mrad, detector.outer_mrad);
        detectors.push(annulus.map_err(refused(&format!("detector[{index}]")))?);
    }
    let computation = &definition.computation;
    let mut recipe = Recipe::new(&cell, beam, definition.beam.semiangle_mrad, &detectors)
        .map_err(refused("beam.semiangle_mrad"))?
        .pixel(computation.pixel)
        .map_err(refused("computation.pixel"))?
        .slice_thickness(computation.slice_thickness)
        .map_err(refused("computation.slice_thickness"))?
        .least_box(computation.least_box)
        .map_err(refused("computation.least_box"))?
        .window(computation.window)
        .map_err(refused("computation.window"))?;
    if let Some(configurations) = computation.phonons {
        let seed = Seed(1); // any; it makes the numbers of the library the same each time
        recipe = recipe.motion(AtomicMotion::FrozenPhonons {
            configurations,
            seed,
        });
    }
    if computation.smeared.is_some() {
        recipe = recipe.motion(AtomicMotion::DebyeWaller);
    }
    if computation.any_aberrations {
        recipe = recipe.any_aberrations();
    }
    if definition.columns.is_some() {
        recipe = (recipe.exit_thicknesses(&columns.exits(cell.extent().z)))
            .map_err(refused("columns.tallest"))?;
    }
    for (index, state) in definition.state.iter().enumerate() {
        let changed = changed(&cell, state).and_then(|changed| recipe.clone().state(&changed));
        recipe = changed.map_err(refused(&format!("state[{index}]")))?;
    }
    let mut defects = Vec::new();
    for (index, section) in definition.defect.iter().enumerate() {
        let defect = defect(&recipe, section);
        let key = format!("defect[{index}]");
        if defect.columns.is_empty() {
            let found = section.element.symbol();
            let allowed = "an element of the crystal";
            return Err(Error::config(
                file,
                format!("{key}.element"),
                found,
                allowed,
            ));
        }
        for motif in defect.motifs(section.depths) {
            recipe = recipe.motif(motif).map_err(refused(&key))?;
        }
        defects.push(defect);
    }
    for island in &columns.islands {
        recipe = (recipe.island(island.clone())).map_err(refused("columns"))?;
    }
    Ok((recipe, defects, columns))
}

fn defect(recipe: &Recipe, section: &DefectSection) -> Defect {
    Defect {
        name: section.name.clone(),
        element: section.element,
        change: section.change.into(),
        whole_column: section.whole_column,
        columns: recipe.columns(section.element),
    }
}

/// The crystal in another state, atom by atom.
fn changed(cell: &Structure, state: &StateSection) -> Result<Structure> {
    let atoms = cell.atoms().iter().map(|atom| {
        let by = state.moved.get(&atom.element).copied().unwrap_or_default();
        PlacedAtom {
            element: *state.replaced.get(&atom.element).unwrap_or(&atom.element),
            position: atom.position + Vector3::from(by),
            occupancy: atom.occupancy * state.filled.get(&atom.element).unwrap_or(&1.0),
            ..*atom
        }
    });
    Structure::new(cell.extent(), atoms.collect())
}

/// Vacuum as wide as a cell and as high as the tallest column with what is behind it, in whole planes.
fn emptied(crystal: &Structure, section: &ColumnsSection, columns: &Columns) -> Result<Structure> {
    let atoms = columns.islands.iter().flat_map(|island| island.atoms());
    let lowest = atoms.map(|atom| atom.position.z).fold(0.0, f64::max);
    let film = section.support.as_ref().map_or(0.0, |s| 0.5 * s.thickness);
    let planes = ((lowest + film + BEHIND) / spacing(crystal)).ceil();
    let height = planes * spacing(crystal);
    let extent = Vector3::new(crystal.extent().x, crystal.extent().y, height);
    Structure::new(extent, Vec::new())
}

/// Which of `count` atoms of a column are computed: all of them, or so many from the first to the last.
fn spread(count: usize, depths: Option<usize>) -> Vec<usize> {
    let mut chosen: Vec<usize> = match depths {
        Some(1) => vec![count / 2],
        Some(wanted) if wanted < count => (0..wanted)
            .map(|n| (n * (count - 1)).div_ceil(wanted - 1))
            .collect(),
        _ => (0..count).collect(),
    };
    chosen.dedup();
    chosen
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn depths_reach_from_the_first_atom_to_the_last() {
        assert_eq!(spread(20, Some(5)), [0, 5, 10, 15, 19]);
        assert_eq!(spread(3, Some(5)), [0, 1, 2]);
        assert_eq!(spread(4, None), [0, 1, 2, 3]);
        assert_eq!(spread(9, Some(1)), [4]);
    }
}
