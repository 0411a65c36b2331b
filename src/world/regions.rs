//! Pieces of crystal side by side: which phase is where, what the phases look like, how they decay.

use super::damage::Decay;
use super::image::{Patch, Tile};
use super::lattice::Lattice;
use crate::normal::cdf;
use crate::units::Point;
use ndarray::Array2;
use std::sync::LazyLock;

/// Standard deviations of the source beyond which a wall is not seen.
const SEAM_REACH: f64 = 3.5;
/// Entries of the table of a blurred wall for each of them.
const STEPS: f64 = 128.0;

/// Stands for no label: a cell that is not like all around it.
const MIXED: u8 = u8::MAX;

/// What a place can be made of.
#[derive(Debug, Clone)]
pub(super) struct Phase {
    /// The image before any dose and after each stage of decay.
    pub stages: Vec<Tile>,
    /// How one stage follows the other; none for a phase that dose does not change.
    pub decay: Option<Decay>,
}

/// The cells in which labels are laid out, in the frame of the crystal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LabelGrid {
    /// Edges of a label cell (y, x), Å.
    pub pitch: [f64; 2],
    /// Place of the corner of the first one, Å; not positive, so that all that is covered has a label.
    pub corner: [f64; 2],
    /// Label cells along y and x.
    pub shape: [usize; 2],
    /// Label cells a Å.
    per_angstrom: [f64; 2],
}

impl LabelGrid {
    /// So many label cells a period, from `before` periods ahead of the first cell on; at least one, so that all is covered.
    pub(super) fn new(lattice: &Lattice, each: usize, before: f64) -> Self {
        let period = lattice.period();
        let pitch = period.map(|edge| edge / each as f64);
        Self {
            pitch,
            corner: [0, 1].map(|axis| -before * period[axis]),
            shape: lattice.shape().map(|cells| (cells + 2) * each),
            per_angstrom: pitch.map(f64::recip),
        }
    }

    /// Coordinates of a place of the crystal in units of label cells.
    #[inline]
    fn coordinates(&self, place: Point) -> [f64; 2] {
        [
            (place.y - self.corner[0]) * self.per_angstrom[0],
            (place.x - self.corner[1]) * self.per_angstrom[1],
        ]
    }

    /// The label cell of a place of the crystal; the nearest one for places outside.
    #[inline]
    pub(super) fn cell(&self, place: Point) -> [usize; 2] {
        let [y, x] = self.coordinates(place);
        // processors convert to signed integers in one step
        let whole = |along: f64, limit: usize| (along.max(0.0) as i64 as usize).min(limit - 1);
        [whole(y, self.shape[0]), whole(x, self.shape[1])]
    }

    /// Middle of a label cell in the crystal, Å.
    pub(super) fn middle(&self, [row, column]: [usize; 2]) -> Point {
        Point::new(
            self.corner[0] + (row as f64 + 0.5) * self.pitch[0],
            self.corner[1] + (column as f64 + 0.5) * self.pitch[1],
        )
    }
}

/// Labels of all cells, with what speeds up looking them up.
#[derive(Debug, Clone)]
pub(super) struct Regions {
    grid: LabelGrid,
    labels: Array2<u8>,
    /// The label of a cell where all around it are alike, or [`MIXED`].
    alike: Array2<u8>,
    /// Standard deviation of the source, which blurs walls, Å.
    seam: f64,
}

impl Regions {
    pub(super) fn new(grid: LabelGrid, labels: Array2<u8>, seam: f64) -> Self {
        let (rows, columns) = labels.dim();
        let alike = Array2::from_shape_fn((rows, columns), |(row, column)| {
            let around = |at: usize, limit: usize| at.saturating_sub(1)..(at + 2).min(limit);
            let own = labels[[row, column]];
            let even =
                around(row, rows).all(|r| around(column, columns).all(|c| labels[[r, c]] == own));
            if even || seam == 0.0 { own } else { MIXED }
        });
        Self {
            grid,
            labels,
            alike,
            seam,
        }
    }

    pub(super) fn grid(&self) -> LabelGrid {
        self.grid
    }

    pub(super) fn label(&self, cell: [usize; 2]) -> usize {
        usize::from(self.labels[cell])
    }

    /// The phases around a place with their weights: walls are as sharp as the source allows.
    fn shares(&self, place: Point, cell: [usize; 2], mut each: impl FnMut(usize, f64)) {
        let along = self.grid.coordinates(place);
        // shares of the cell before, the own one, and the one behind it
        let weights = [0, 1].map(|axis| {
            let inside = along[axis] - cell[axis] as f64;
            let scale = self.grid.pitch[axis] / self.seam;
            let before = blurred_step(-inside * scale);
            let behind = blurred_step((inside - 1.0) * scale);
            [before, 1.0 - before - behind, behind]
        });
        let near = |axis: usize, step: usize| {
            (cell[axis] + step)
                .saturating_sub(1)
                .min(self.grid.shape[axis] - 1)
        };
        // at most nine labels, mostly one or two: each is named once
        let mut found = [(0, 0.0); 9];
        let mut number = 0;
        for (row, down) in weights[0].iter().enumerate().filter(|(_, w)| **w > 0.0) {
            for (column, across) in weights[1].iter().enumerate().filter(|(_, w)| **w > 0.0) {
                let label = self.label([near(0, row), near(1, column)]);
                match found[..number].iter_mut().find(|known| known.0 == label) {
                    Some(known) => known.1 += down * across,
                    None => {
                        found[number] = (label, down * across);
                        number += 1;
                    }
                }
            }
        }
        for &(label, weight) in &found[..number] {
            each(label, weight);
        }
    }

    /// Adds the images at places of the crystal, after each's local dose has grown from the first to the second of `doses` during
    /// the visit.
    pub(super) fn add_signals(
        &self,
        phases: &[Phase],
        places: &[Point],
        doses: &[[f64; 2]],
        signals: &mut [f64],
    ) {
        // all phases of a world are sampled alike
        let Some(any) = phases.first().and_then(|phase| phase.stages.first()) else {
            return;
        };
        let mut parts = Vec::with_capacity(2 * places.len());
        for (visit, place) in places.iter().enumerate() {
            let cell = self.grid.cell(*place);
            let mut part = |label, weight| {
                parts.push(Part {
                    visit,
                    label,
                    weight,
                });
            };
            match self.alike[cell] {
                MIXED => self.shares(*place, cell, part),
                label => part(usize::from(label), 1.0),
            }
        }
        let shares = parts.iter().map(|part| {
            let phase = phases.get(part.label);
            phase.map_or([0.0; 4], |phase| phase.shares(doses[part.visit]))
        });
        let shares: Vec<[f64; 4]> = shares.collect();
        let patches: Vec<Option<Patch>> = places.iter().map(|place| any.patch(*place)).collect();
        for (part, shares) in parts.iter().zip(&shares) {
            if let (Some(phase), Some(patch)) = (phases.get(part.label), &patches[part.visit]) {
                signals[part.visit] += part.weight * phase.under(patch, shares);
            }
        }
    }
}

/// A phase in what a visit sees.
struct Part {
    visit: usize,
    label: usize,
    weight: f64,
}

impl Phase {
    /// The image at a place of the crystal, averaged over a visit during which the local dose grows.
    pub(super) fn signal(&self, place: Point, doses: [f64; 2]) -> f64 {
        let patch = self.stages.first().and_then(|tile| tile.patch(place));
        patch.map_or(0.0, |patch| self.under(&patch, &self.shares(doses)))
    }

    /// Shares of the stages, averaged over a visit during which the local dose grows.
    #[inline]
    fn shares(&self, [before, after]: [f64; 2]) -> [f64; 4] {
        match &self.decay {
            Some(decay) => decay.mean_fractions(before, after),
            None => [1.0, 0.0, 0.0, 0.0],
        }
    }

    #[inline]
    fn under(&self, patch: &Patch, shares: &[f64; 4]) -> f64 {
        let stages = self.stages.iter().zip(shares);
        stages.map(|(tile, share)| share * tile.under(patch)).sum()
    }
}

/// The normal distribution function cut off at [`SEAM_REACH`], read off a table whose steps leave 2e-6.
fn blurred_step(z: f64) -> f64 {
    static TABLE: LazyLock<Vec<f64>> = LazyLock::new(|| {
        let entries = (2.0 * SEAM_REACH * STEPS) as usize + 1;
        let rest = cdf(-SEAM_REACH);
        let at = |n: usize| cdf(n as f64 / STEPS - SEAM_REACH);
        (0..entries)
            .map(|n| (at(n) - rest) / (1.0 - 2.0 * rest))
            .collect()
    });
    let position = (z + SEAM_REACH) * STEPS;
    // what is not a number is on neither side
    if position.is_nan() || position <= 0.0 {
        return 0.0;
    }
    let index = position as usize;
    match TABLE.get(index..index + 2) {
        Some(pair) => pair[0] + (position - index as f64) * (pair[1] - pair[0]),
        None => 1.0,
    }
}
