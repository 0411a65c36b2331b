//! What neighbouring cells say about one another: belief propagation on the grid of a world of domains.

use crate::world::Briefing;
use std::collections::HashMap;

/// Share of the correlation of neighbours that is believed. On a grid evidence goes round in loops and comes back; with all of
/// it the beliefs become too sure (`tests/analyst_calibration.rs` measures it).
const TRUST: f64 = 0.8;

/// Sum-product belief propagation with pair potentials P(k, l) / P(k) P(l), those of neighbours along y and along x under the
/// world's published law: exact on a tree (J. S. Yedidia, W. T. Freeman and Y. Weiss, IEEE Trans. Inf. Theory 51 (2005) 2282,
/// doi 10.1109/TIT.2005.850085), an approximation on a grid.
#[derive(Debug, Clone)]
pub(super) struct Coupling {
    phases: usize,
    /// The cells before and behind each along y and x.
    neighbours: Vec<[Option<u32>; 4]>,
    /// For each axis, the potential of phase k with phase l behind it, k by k.
    potentials: [Vec<f64>; 2],
    /// For each cell and side the message that comes in from there.
    messages: Vec<f64>,
}

impl Coupling {
    pub(super) fn new(briefing: &Briefing) -> Self {
        let phases = briefing.phases.len();
        let numbers: HashMap<[usize; 2], u32> = briefing
            .cells
            .iter()
            .map(|cell| cell.index)
            .zip(0..)
            .collect();
        let near = |index: [usize; 2]| {
            let step = |axis: usize, back: bool| {
                let mut other = index;
                other[axis] = if back {
                    other[axis].checked_sub(1)?
                } else {
                    other[axis] + 1
                };
                numbers.get(&other).copied()
            };
            [step(0, true), step(0, false), step(1, true), step(1, false)]
        };
        let potential = |axis: usize| {
            let ratios = briefing.pair_ratios[axis].iter();
            ratios.map(|ratio| ratio.powf(TRUST)).collect()
        };
        Self {
            phases,
            neighbours: briefing.cells.iter().map(|cell| near(cell.index)).collect(),
            potentials: [potential(0), potential(1)],
            messages: vec![1.0; briefing.cells.len() * 4 * phases],
        }
    }

    /// Passes messages all over the grid once and once back; `evidence` holds for each cell the weight of each phase from its
    /// own counts and its prior.
    pub(super) fn sweep(&mut self, evidence: &[f64]) {
        let cells = self.neighbours.len();
        let mut product = vec![0.0; self.phases];
        for cell in (0..cells).chain((0..cells).rev()) {
            for side in 0..4 {
                let Some(other) = self.neighbours[cell][side] else {
                    continue;
                };
                // all that this cell knows but for what the other one told it
                for (phase, value) in product.iter_mut().enumerate() {
                    *value = evidence[cell * self.phases + phase];
                    for told in (0..4).filter(|told| *told != side) {
                        *value *= self.messages[(cell * 4 + told) * self.phases + phase];
                    }
                }
                let behind = side % 2 == 1;
                let potential = &self.potentials[side / 2];
                // the other cell has this one on its opposite side
                let start = (other as usize * 4 + (side ^ 1)) * self.phases;
                let mut total = 0.0;
                for l in 0..self.phases {
                    let pairs = product.iter().enumerate().map(|(k, weight)| {
                        let pair = if behind {
                            k * self.phases + l
                        } else {
                            l * self.phases + k
                        };
                        weight * potential[pair]
                    });
                    let value: f64 = pairs.sum();
                    self.messages[start + l] = value;
                    total += value;
                }
                let scale = if total > 0.0 {
                    self.phases as f64 / total
                } else {
                    0.0
                };
                for message in &mut self.messages[start..start + self.phases] {
                    // no message is so sure that evidence could never overrule it
                    *message = (*message * scale).max(1e-9);
                }
            }
        }
    }

    /// Probability of each phase of each cell.
    pub(super) fn beliefs(&self, evidence: &[f64], into: &mut [f64]) {
        for (cell, own) in into.chunks_mut(self.phases.max(1)).enumerate() {
            let mut total = 0.0;
            for (phase, belief) in own.iter_mut().enumerate() {
                let told =
                    (0..4).map(|side| self.messages[(cell * 4 + side) * self.phases + phase]);
                *belief = evidence[cell * self.phases + phase] * told.product::<f64>();
                total += *belief;
            }
            let count = own.len() as f64;
            for belief in own.iter_mut() {
                *belief = if total > 0.0 {
                    *belief / total
                } else {
                    1.0 / count
                };
            }
        }
    }
}
