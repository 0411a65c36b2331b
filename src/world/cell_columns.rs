//! The columns of a crystal's cell, and the appearances that each can take.

use super::image::Stamp;
use super::imager::Imager;
use super::material::{Defect, Material};
use crate::Result;
use crate::stem::library::{Change, Edit};
use crate::stem::{Element, Structure};
use crate::units::Point;

/// Atoms that stand closer than this in projection are one column, Å.
const SAME_COLUMN: f64 = 0.3;

/// Atoms of one element behind one another in a cell.
#[derive(Debug, Clone)]
pub(super) struct CellColumn {
    /// Place in the cell, Å.
    pub offset: Point,
    pub element: Element,
    /// Their numbers in the cell, in the order in which the beam meets them.
    pub atoms: Vec<usize>,
}

/// What has become of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Look {
    /// So many atoms are missing.
    Lacking(usize),
    /// So many atoms are changed by this defect of the material.
    Changed { defect: usize, atoms: usize },
}

/// The columns of a cell, by their first atoms.
pub(super) fn cell_columns(cell: &Structure) -> Vec<CellColumn> {
    let mut columns: Vec<CellColumn> = Vec::new();
    for (index, atom) in cell.atoms().iter().enumerate() {
        let place = Point::new(atom.position.y, atom.position.x);
        let known = columns.iter_mut().find(|column| {
            column.element == atom.element && column.offset.distance(place) < SAME_COLUMN
        });
        match known {
            Some(column) => column.atoms.push(index),
            None => columns.push(CellColumn {
                offset: place,
                element: atom.element,
                atoms: vec![index],
            }),
        }
    }
    for column in &mut columns {
        let depth = |atom: &usize| cell.atoms()[*atom].position.z;
        column.atoms.sort_by(|a, b| depth(a).total_cmp(&depth(b)));
    }
    columns
}

impl Look {
    /// For people.
    pub(super) fn name(self, column: &CellColumn, material: &Material) -> String {
        match self {
            Self::Lacking(0) => format!("{}, whole", column.element.symbol()),
            Self::Lacking(lost) if lost == column.atoms.len() => {
                format!("{}, empty", column.element.symbol())
            }
            Self::Lacking(lost) => format!("{}, {lost} missing", column.element.symbol()),
            Self::Changed { defect, .. } => material.defects()[defect].name.clone(),
        }
    }

    /// What a defect makes of a column.
    pub(super) fn of(number: usize, defect: &Defect, column: &CellColumn) -> Self {
        let atoms = match defect.whole_column {
            true => column.atoms.len(),
            false => 1,
        };
        match defect.change {
            Change::Removed => Self::Lacking(atoms),
            _ => Self::Changed {
                defect: number,
                atoms,
            },
        }
    }

    /// What it adds to the image: the mean over which atoms of the column it befalls, each run of neighbours being as likely.
    pub(super) fn stamp(
        self,
        column: &CellColumn,
        material: &Material,
        imager: &Imager<'_>,
    ) -> Result<Stamp> {
        let (count, change) = match self {
            Self::Lacking(count) => (count, Change::Removed),
            Self::Changed { defect, atoms } => (atoms, material.defects()[defect].change),
        };
        let whole = column.atoms.len();
        let starts = if count == 0 || count == whole {
            1
        } else {
            whole
        };
        let mut stamps = Vec::with_capacity(starts);
        for start in 0..starts {
            let chosen = (start..start + count).map(|n| column.atoms[n % whole]);
            let edits: Vec<Edit> = chosen.map(|atom| Edit::new(atom, change)).collect();
            stamps.push(imager.stamp(column.offset, &edits)?);
        }
        let share = 1.0 / starts as f64;
        let parts: Vec<(f64, &Stamp)> = stamps.iter().map(|stamp| (share, stamp)).collect();
        Ok(Stamp::sum(&parts).unwrap_or_else(|| Stamp::none(imager.raster(), column.offset)))
    }
}
