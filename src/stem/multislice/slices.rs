//! Cutting the specimen into slices, and the order in which a wave meets them.

use super::potential::Scatterer;
use crate::{Error, Result};
use std::collections::HashMap;

/// Most slices of one specimen.
const MOST_SLICES: f64 = 1e6;

/// Places that agree within this length (Å) are the same when slices are compared.
const SAME_PLACE: f64 = 1e-6;

/// The atoms of one slice: for each kind that occurs its number and its atoms.
pub(super) type Slice = Vec<(usize, Vec<Scatterer>)>;

/// Equal slices that fill the height of the box.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Slicing {
    /// Number of slices.
    pub count: usize,
    /// Height of each, Å.
    pub thickness: f64,
}

/// The wave passes one slice (if any), then free space of the height of `span` slices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// Index among the distinct slices; `None` where there are no atoms to pass.
    pub slice: Option<usize>,
    /// Slices to propagate over.
    pub span: usize,
    /// Index of the exit plane that follows, if one does.
    pub exit: Option<usize>,
}

impl Step {
    /// What the free space of this step depends on: the slices it leads over, and whether the wave comes from real
    /// space.
    pub(super) fn propagation(&self) -> (usize, bool) {
        (self.span, self.slice.is_some())
    }
}

impl Slicing {
    /// The fewest slices of at most `thickness` (Å) that fill `height` (Å).
    pub(super) fn new(height: f64, thickness: f64) -> Result<Self> {
        let count = (height / thickness * (1.0 - 1e-9)).ceil().max(1.0);
        if !(thickness > 0.0 && count <= MOST_SLICES) {
            return Err(Error::argument(
                "slice_thickness",
                format!("{thickness} Å for a box of {height} Å"),
                format!("a positive thickness that cuts the box into at most {MOST_SLICES} slices"),
            ));
        }
        Ok(Self {
            count: count as usize,
            thickness: height / count,
        })
    }

    /// The slice in which an atom at height `z` (Å) stands: the one whose lower face is at or below it. What stands
    /// (or is displaced) beyond the box belongs to the outermost slice.
    fn slice_at(self, z: f64) -> usize {
        ((z / self.thickness + 1e-9) as usize).min(self.count - 1)
    }

    /// The numbers of slices after which the wave leaves the specimen, in order, from thicknesses in Å; each is
    /// rounded to the nearest face of a slice. No thickness means the whole specimen.
    pub(super) fn exits(self, thicknesses: &[f64]) -> Result<Vec<usize>> {
        let height = self.thickness * self.count as f64;
        let mut exits = Vec::new();
        for thickness in thicknesses {
            if !(*thickness > 0.0 && *thickness <= height * (1.0 + 1e-9)) {
                return Err(Error::argument(
                    "exit_thicknesses",
                    format!("{thickness} Å"),
                    format!("above 0 up to the height of the box, {height} Å"),
                ));
            }
            exits.push(((thickness / self.thickness).round() as usize).clamp(1, self.count));
        }
        if exits.is_empty() {
            exits.push(self.count);
        }
        exits.sort_unstable();
        exits.dedup();
        Ok(exits)
    }

    /// The steps of a wave through atoms given as (kind, place, height), up to the last exit, and the distinct slices
    /// they refer to.
    ///
    /// Slices with the same atoms are kept once. With `merge_empty`, slices without atoms are not passed one by one:
    /// the wave propagates over them in one go.
    pub(super) fn arrange(
        self,
        atoms: impl Iterator<Item = (usize, Scatterer, f64)>,
        exits: &[usize],
        merge_empty: bool,
    ) -> (Vec<Step>, Vec<Slice>) {
        let mut slices = vec![Vec::new(); self.count];
        for (kind, atom, z) in atoms {
            slices[self.slice_at(z)].push((kind, atom));
        }
        let last = exits.last().copied().unwrap_or(self.count);
        let (mut steps, mut distinct) = (Vec::<Step>::new(), Vec::new());
        let mut known = HashMap::new();
        for (number, mut atoms) in slices.into_iter().enumerate().take(last) {
            let exit = exits.binary_search(&(number + 1)).ok();
            let empty = atoms.is_empty() && merge_empty;
            match steps.last_mut() {
                Some(step) if empty && step.exit.is_none() => {
                    step.span += 1;
                    step.exit = exit;
                }
                _ => {
                    let slice = (!empty).then(|| {
                        atoms.sort_by_key(identity);
                        *known
                            .entry(atoms.iter().map(identity).collect::<Vec<_>>())
                            .or_insert_with(|| {
                                distinct.push(by_kind(atoms));
                                distinct.len() - 1
                            })
                    });
                    let span = 1;
                    steps.push(Step { slice, span, exit });
                }
            }
        }
        (steps, distinct)
    }
}

/// What two atoms of equal slices have in common.
fn identity((kind, atom): &(usize, Scatterer)) -> (usize, i64, i64, u64) {
    let place = |r: f64| (r / SAME_PLACE).round() as i64;
    (
        *kind,
        place(atom.y),
        place(atom.x),
        atom.occupancy.to_bits(),
    )
}

/// Sorted atoms, gathered by kind.
fn by_kind(atoms: Vec<(usize, Scatterer)>) -> Slice {
    let chunks = atoms.chunk_by(|a, b| a.0 == b.0);
    chunks
        .map(|chunk| (chunk[0].0, chunk.iter().map(|(_, atom)| *atom).collect()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn atom(y: f64, z: f64) -> (usize, Scatterer, f64) {
        let (x, occupancy) = (1.0, 1.0);
        (0, Scatterer { y, x, occupancy }, z)
    }

    #[test]
    fn equal_slices_are_kept_once_and_empty_ones_merged() {
        let slicing = Slicing::new(7.0, 1.0).unwrap();
        let atoms = [
            atom(2.0, 1.0),
            atom(3.0, 4.999_999),
            atom(2.0 + 1e-9, 6.9),
            atom(3.0, 4.0),
        ];
        let step = |slice, span, exit| Step { slice, span, exit };
        let arrange = |exits: &[usize], merge| slicing.arrange(atoms.into_iter(), exits, merge);
        let (steps, distinct) = arrange(&[7], true);
        let expected = [
            step(None, 1, None),
            step(Some(0), 3, None),
            step(Some(1), 2, None),
            step(Some(0), 1, Some(0)),
        ];
        assert_eq!(steps, expected);
        assert_eq!(distinct[1][0].1.len(), 2);
        // an exit plane within the gap splits it; what follows the last exit is not computed
        let (steps, _) = arrange(&[3, 4], true);
        let tail = [step(Some(0), 2, Some(0)), step(None, 1, Some(1))];
        assert_eq!(steps[1..], tail);
        let (steps, distinct) = arrange(&[7], false);
        assert_eq!((steps.len(), distinct.len()), (7, 3));
        assert!(
            steps
                .iter()
                .all(|step| step.slice.is_some() && step.span == 1)
        );
    }

    #[test]
    fn slices_fill_the_box_and_exits_fall_on_their_faces() {
        let slicing = Slicing::new(199.155, 3.905 / 2.0).unwrap();
        assert_eq!(slicing.count, 102);
        assert!((slicing.thickness - 1.9525).abs() < 1e-12);
        assert_eq!(slicing.slice_at(3.905), 2); // on a face: above it
        assert_eq!(
            (slicing.slice_at(-0.2), slicing.slice_at(199.155)),
            (0, 101)
        );
        assert_eq!(slicing.exits(&[]).unwrap(), [102]);
        assert_eq!(slicing.exits(&[100.0, 3.9, 0.1, 3.8]).unwrap(), [1, 2, 51]);
        for thickness in [0.0, f64::NAN, 200.0] {
            assert!(slicing.exits(&[thickness]).is_err());
        }
        for thickness in [0.0, -1.0, f64::NAN, 1e-6] {
            assert!(Slicing::new(199.155, thickness).is_err());
        }
    }
}
