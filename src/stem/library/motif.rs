//! What may differ from the perfect crystal, and what may stand alone.

use crate::stem::{Element, PlacedAtom};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// What has become of an atom.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// It is gone: a vacancy.
    Removed,
    /// Another element stands there: a substitution.
    Replaced(Element),
    /// It has moved by (x, y, z), Å: a relaxation, an off-centre ion.
    Moved([f64; 3]),
}

/// One changed atom of a crystal.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Edit {
    /// Index of the atom in the cell.
    pub atom: usize,
    /// Number of the cell along x and y, from the one at the origin of the crystal.
    pub cell: [i32; 2],
    /// What has become of it.
    pub change: Change,
}

impl Edit {
    /// A change of an atom in the cell at the origin.
    pub fn new(atom: usize, change: Change) -> Self {
        let cell = [0, 0];
        Self { atom, cell, change }
    }

    /// The same in the cell number (x, y).
    pub fn in_cell(self, x: i32, y: i32) -> Self {
        let cell = [x, y];
        Self { cell, ..self }
    }
}

/// A defect whose response is computed: one changed atom, or several that are seen together.
///
/// A motif of one atom stands for that atom in every cell, for the atoms that a translation of the crystal brings onto it,
/// and, with other motifs of the same change at other depths of the same column, for all depths between them. A motif of
/// several atoms holds what they do beyond the sum of the smaller motifs: it corrects two atoms of one column, or
/// neighbours, that hide one another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Motif {
    pub(super) name: String,
    pub(super) edits: Vec<Edit>,
}

impl Motif {
    /// A motif with a name for tables.
    pub fn new(name: impl Into<String>, edits: impl Into<Vec<Edit>>) -> Self {
        let (name, edits) = (name.into(), edits.into());
        Self { name, edits }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The changed atoms.
    pub fn edits(&self) -> &[Edit] {
        &self.edits
    }

    /// Refuses atoms that a cell of `atoms` atoms lacks, atoms that are changed twice and wild numbers.
    pub(super) fn check(&self, atoms: usize) -> Result<()> {
        let argument = || format!("motif `{}`", self.name);
        if self.edits.is_empty() {
            return Err(Error::argument(argument(), "no edit", "at least one"));
        }
        check_edits(&self.edits, atoms, argument)?;
        let reach = |axis: usize| {
            let cells = self.edits.iter().map(|edit| edit.cell[axis]);
            let (low, high) = (cells.clone().min(), cells.max());
            low.zip(high).map_or(0, |(low, high)| high.abs_diff(low))
        };
        if reach(0).max(reach(1)) > 100 {
            let rule = "edits at most 100 cells apart";
            return Err(Error::argument(argument(), "edits further apart", rule));
        }
        Ok(())
    }
}

/// Refuses edits of atoms that a cell of `atoms` atoms lacks, of one atom twice, and moves that are not within 5 Å.
pub(super) fn check_edits(
    edits: &[Edit],
    atoms: usize,
    argument: impl Fn() -> String,
) -> Result<()> {
    let mut seen = std::collections::HashSet::new();
    for edit in edits {
        if edit.atom >= atoms {
            let rule = format!("atoms below {atoms}, the number in the cell");
            return Err(Error::argument(argument(), edit.atom, rule));
        }
        if edit.cell.iter().any(|n| n.unsigned_abs() > 1 << 20) {
            let found = format!("cell {:?}", edit.cell);
            return Err(Error::argument(argument(), found, "cells within ±2²⁰"));
        }
        if !seen.insert((edit.atom, edit.cell)) {
            let found = format!("atom {} of cell {:?} twice", edit.atom, edit.cell);
            return Err(Error::argument(argument(), found, "each atom once"));
        }
        if let Change::Moved(by) = edit.change
            && !by.iter().all(|x| x.abs() <= 5.0)
        {
            let found = format!("a move by {by:?} Å");
            return Err(Error::argument(argument(), found, "moves within ±5 Å"));
        }
    }
    Ok(())
}

/// Atoms that stand alone in vacuum: a single atom, or a column of a two-dimensional or amorphous part.
///
/// Atoms behind one another are one island rather than two: what they scatter is not the sum of either. Columns beside one
/// another are one island each, and one more [beyond](Island::beyond) their sum, as with a [`Motif`] of several atoms.
#[derive(Debug, Clone, PartialEq)]
pub struct Island {
    pub(super) name: String,
    pub(super) atoms: Vec<PlacedAtom>,
    pub(super) beyond: Vec<(usize, [f64; 2])>,
}

impl Island {
    /// An island with a name for tables; places are (x, y) from its own origin and z from the upper face of the specimen.
    pub fn new(name: impl Into<String>, atoms: impl Into<Vec<PlacedAtom>>) -> Self {
        Self {
            name: name.into(),
            atoms: atoms.into(),
            beyond: Vec::new(),
        }
    }

    /// The response is what the atoms scatter beyond the sum of earlier islands, each by its number with its place (x, y)
    /// from this one's origin, Å: seen within the [window](super::Recipe::window), as a motif is.
    pub fn beyond(self, parts: impl Into<Vec<(usize, [f64; 2])>>) -> Self {
        let beyond = parts.into();
        Self { beyond, ..self }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The atoms.
    pub fn atoms(&self) -> &[PlacedAtom] {
        &self.atoms
    }
}
