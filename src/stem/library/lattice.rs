//! Which atoms of a cell are the same atom, seen from another one, and which changes a list of edits amounts to.

use super::motif::{Edit, Motif};
use crate::stem::{Element, PlacedAtom, Structure};
use crate::units::Point;
use nalgebra::Vector2;
use std::collections::HashMap;

/// Atoms nearer than this (Å) stand on the same place.
const SAME: f64 = 1e-3;

/// The translations in the plane under which a cell looks the same, and what follows from them for its atoms.
#[derive(Debug, Clone)]
pub(super) struct Lattice {
    extent: Vector2<f64>,
    atoms: Vec<PlacedAtom>,
    /// For each translation and atom the atom that it becomes, and the cell that one stands in.
    images: Vec<Vec<(usize, [i32; 2])>>,
    /// For each atom the first of those of the same element in the same projected column, up to translations.
    columns: Vec<usize>,
}

/// A share of the response of a motif, at a place of the undistorted crystal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Contribution {
    pub motif: usize,
    pub weight: f64,
    pub place: Point,
}

impl Lattice {
    pub(super) fn new(cell: &Structure) -> Self {
        let extent = cell.extent().xy();
        let atoms = cell.atoms().to_vec();
        let images = translations(extent, &atoms);
        let mut lattice = Self {
            extent,
            images,
            columns: Vec::new(),
            atoms,
        };
        lattice.columns = (0..lattice.atoms.len())
            .map(|i| (0..i).find(|&j| lattice.same_column(i, j)).unwrap_or(i))
            .collect();
        lattice
    }

    /// Whether two atoms are of one element and, up to a translation, of one projected column.
    pub(super) fn same_column(&self, i: usize, j: usize) -> bool {
        let element = |atom: usize| self.atoms[atom].element;
        element(i) == element(j)
            && self.images.iter().any(|image| {
                let offset = self.atoms[image[i].0].position.xy() - self.atoms[j].position.xy();
                shortest(offset, self.extent).norm() < SAME
            })
    }

    /// For each projected column of an element that differs from those before, its atoms by depth.
    pub(super) fn distinct_columns(&self, element: Element) -> Vec<Vec<usize>> {
        let own = |first: usize, atom: usize| {
            let offset = self.atoms[atom].position.xy() - self.atoms[first].position.xy();
            self.columns[atom] == first && shortest(offset, self.extent).norm() < SAME
        };
        let firsts = (0..self.atoms.len())
            .filter(|&atom| self.columns[atom] == atom && self.atoms[atom].element == element);
        let column = |first: usize| {
            let mut atoms: Vec<usize> = (first..self.atoms.len())
                .filter(|&atom| own(first, atom))
                .collect();
            atoms.sort_by(|&a, &b| (self.atoms[a].position.z).total_cmp(&self.atoms[b].position.z));
            atoms
        };
        firsts.map(column).collect()
    }

    /// Place of an edited atom in the undistorted crystal.
    pub(super) fn place(&self, edit: &Edit) -> Point {
        let atom = self.atoms[edit.atom].position;
        Point::new(
            atom.y + f64::from(edit.cell[1]) * self.extent.y,
            atom.x + f64::from(edit.cell[0]) * self.extent.x,
        )
    }

    /// The middle of a motif's atoms.
    pub(super) fn middle(&self, motif: &Motif) -> Point {
        let count = motif.edits.len() as f64;
        let sum = (motif.edits.iter()).fold(Point::default(), |sum, edit| sum + self.place(edit));
        Point::new(sum.y / count, sum.x / count)
    }

    /// What edits amount to: every motif as often as its atoms are among them, single atoms between two depths shared
    /// out in proportion; or the first edit of which no motif knows.
    pub(super) fn contributions(
        &self,
        edits: &[Edit],
        motifs: &[Motif],
    ) -> Result<Vec<Contribution>, Edit> {
        let mut found = Vec::new();
        for edit in edits {
            let depths = self.depths(edit, motifs);
            if depths.is_empty() {
                // an atom that only larger motifs know, such as a relaxed neighbour
                let known = motifs.iter().any(|motif| {
                    motif.edits.len() > 1
                        && (motif.edits.iter())
                            .any(|own| own.change == edit.change && self.moves(own, edit).is_some())
                });
                if !known {
                    return Err(*edit);
                }
            }
            let place = self.place(edit);
            let share = |(motif, weight)| Contribution {
                motif,
                weight,
                place,
            };
            found.extend(depths.into_iter().map(share));
        }
        let changes: HashMap<_, _> = (edits.iter())
            .map(|edit| ((edit.atom, edit.cell), edit.change))
            .collect();
        for (number, motif) in motifs.iter().enumerate().filter(|(_, m)| m.edits.len() > 1) {
            let (first, middle) = (&motif.edits[0], self.middle(motif));
            for edit in edits.iter().filter(|edit| edit.change == first.change) {
                let Some(image) = self.moves(first, edit) else {
                    continue;
                };
                let whole = motif.edits.iter().all(|own| {
                    let seen = (image[own.atom].0, image_cell(image, own, first, edit));
                    changes.get(&seen) == Some(&own.change)
                });
                if whole {
                    found.push(Contribution {
                        motif: number,
                        weight: 1.0,
                        place: middle + (self.place(edit) - self.place(first)),
                    });
                }
            }
        }
        Ok(found)
    }

    /// The translation that brings one edited atom onto another.
    fn moves(&self, from: &Edit, onto: &Edit) -> Option<&[(usize, [i32; 2])]> {
        let mut images = self.images.iter();
        let found = images.find(|image| image[from.atom].0 == onto.atom);
        found.map(Vec::as_slice)
    }

    /// The motifs of one atom on either side of an edit's depth, with their shares.
    fn depths(&self, edit: &Edit, motifs: &[Motif]) -> Vec<(usize, f64)> {
        let height = |atom: usize| self.atoms[atom].position.z;
        let depth = height(edit.atom);
        let column = self.columns[edit.atom];
        let mut above: Option<(f64, usize)> = None;
        let mut below: Option<(f64, usize)> = None;
        for (number, motif) in motifs.iter().enumerate() {
            let [own] = motif.edits[..] else { continue };
            if own.change != edit.change || self.columns[own.atom] != column {
                continue;
            }
            let z = height(own.atom);
            if z <= depth + SAME && above.is_none_or(|(best, _)| z > best) {
                above = Some((z, number));
            }
            if z >= depth - SAME && below.is_none_or(|(best, _)| z < best) {
                below = Some((z, number));
            }
        }
        match (above, below) {
            (Some((_, one)), Some((_, other))) if one == other => vec![(one, 1.0)],
            (Some((high, one)), Some((low, other))) if low > high => {
                let share = ((depth - high) / (low - high)).clamp(0.0, 1.0);
                vec![(one, 1.0 - share), (other, share)]
            }
            (Some((_, one)), _) | (None, Some((_, one))) => vec![(one, 1.0)],
            (None, None) => Vec::new(),
        }
    }
}

/// The cell of a motif's atom once `first` has been brought onto `edit`.
fn image_cell(image: &[(usize, [i32; 2])], own: &Edit, first: &Edit, edit: &Edit) -> [i32; 2] {
    let step = |axis: usize| {
        let moved = |of: &Edit| of.cell[axis] + image[of.atom].1[axis];
        edit.cell[axis] + moved(own) - moved(first)
    };
    [step(0), step(1)]
}

/// All translations that bring every atom onto its like.
fn translations(extent: Vector2<f64>, atoms: &[PlacedAtom]) -> Vec<Vec<(usize, [i32; 2])>> {
    let Some(first) = atoms.first() else {
        return Vec::new();
    };
    let alike = |a: &PlacedAtom, b: &PlacedAtom| {
        (a.element, a.occupancy, a.vibration) == (b.element, b.occupancy, b.vibration)
            && (a.position.z - b.position.z).abs() < SAME
    };
    let candidates = atoms.iter().filter(|atom| alike(first, atom));
    let shifts = candidates.map(|atom| atom.position.xy() - first.position.xy());
    let image = |shift: Vector2<f64>| {
        let image_of = |atom: &PlacedAtom| {
            let place = atom.position.xy() + shift;
            let onto = atoms.iter().position(|other| {
                alike(atom, other) && shortest(place - other.position.xy(), extent).norm() < SAME
            })?;
            let cell = (place - atoms[onto].position.xy()).component_div(&extent);
            Some((onto, [cell.x.round() as i32, cell.y.round() as i32]))
        };
        atoms.iter().map(image_of).collect::<Option<Vec<_>>>()
    };
    shifts.filter_map(image).collect()
}

/// The shortest of the vectors that differ by whole periods.
pub(super) fn shortest(offset: Vector2<f64>, extent: Vector2<f64>) -> Vector2<f64> {
    offset.zip_map(&extent, |value, period| {
        value - period * (value / period).round()
    })
}

#[cfg(test)]
mod tests {
    use super::super::motif::Change;
    use super::*;
    use nalgebra::Vector3;

    /// A centred cell with two S behind one another in each of two columns.
    fn lattice() -> Lattice {
        let atom =
            |symbol: &str, x, y, z| PlacedAtom::new(symbol.parse().unwrap(), Vector3::new(x, y, z));
        let mut atoms = Vec::new();
        for (x, y) in [(0.0, 0.0), (1.5, 2.5)] {
            atoms.push(atom("Mo", x, y, 2.0));
            atoms.push(atom("S", x, (y + 3.3) % 5.0, 0.0));
            atoms.push(atom("S", x, (y + 3.3) % 5.0, 4.0));
        }
        Lattice::new(&Structure::new(Vector3::new(3.0, 5.0, 4.0), atoms).unwrap())
    }

    fn gone(atom: usize) -> Edit {
        Edit::new(atom, Change::Removed)
    }

    #[test]
    fn a_centred_cell_has_two_translations() {
        let lattice = lattice();
        assert_eq!(lattice.images.len(), 2);
        assert!(lattice.same_column(1, 5) && !lattice.same_column(0, 1));
        // the four S are one column of two, seen twice
        let sulfur = lattice.distinct_columns("S".parse().unwrap());
        assert_eq!(sulfur, [[1, 2]]);
    }

    #[test]
    fn edits_become_motifs_with_depths_shared_and_pairs_once() {
        let lattice = lattice();
        let motifs = [
            Motif::new("upper", [gone(1)]),
            Motif::new("lower", [gone(2)]),
            Motif::new("both", [gone(1), gone(2)]),
            Motif::new("neighbours", [gone(1), gone(4)]),
        ];
        let found = |edits: &[Edit]| {
            let list = lattice.contributions(edits, &motifs).unwrap();
            let list = list.iter().map(|c| (c.motif, c.place.y, c.place.x));
            list.collect::<Vec<_>>()
        };
        // the second column of the cell, in a cell further on
        let far = gone(4).in_cell(2, -1);
        let found_far = found(&[far]);
        assert_eq!(found_far.len(), 1);
        assert_eq!(found_far[0].0, 0);
        let place = lattice.place(&far);
        assert_eq!((found_far[0].1, found_far[0].2), (place.y, place.x));
        let pair = found(&[far, gone(5).in_cell(2, -1)]);
        assert_eq!(pair.iter().map(|c| c.0).collect::<Vec<_>>(), [0, 1, 2]);
        assert!((pair[2].1 - place.y).abs() < 1e-12 && (pair[2].2 - place.x).abs() < 1e-12);
        // atoms 1 and 4 of one cell stand as atom 4 and atom 1 of another: the vector counts, not the names
        let offset = lattice.place(&gone(4)) - lattice.place(&gone(1));
        let wanted = lattice.place(&gone(4)) + offset;
        let partner = (0..25)
            .map(|n| gone(1).in_cell(n % 5 - 2, n / 5 - 2))
            .find(|edit| lattice.place(edit).distance(wanted) < 1e-9)
            .unwrap();
        assert!(found(&[partner, gone(4)]).iter().any(|c| c.0 == 3));
        assert!(lattice.contributions(&[gone(0)], &motifs).is_err());
    }

    #[test]
    fn a_depth_between_two_is_shared() {
        let atom = |z| PlacedAtom::new("O".parse().unwrap(), Vector3::new(0.0, 0.0, z));
        let cell = Structure::new(
            Vector3::new(3.0, 3.0, 9.0),
            [0.0, 2.0, 8.0].map(atom).to_vec(),
        );
        let lattice = Lattice::new(&cell.unwrap());
        let motifs = [Motif::new("deep", [gone(2)]), Motif::new("high", [gone(0)])];
        let list = lattice.contributions(&[gone(1)], &motifs).unwrap();
        let shares: Vec<_> = list.iter().map(|c| (c.motif, c.weight)).collect();
        assert_eq!(shares, [(1, 0.75), (0, 0.25)]);
    }
}
