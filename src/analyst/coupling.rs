//! What neighbouring cells say about one another: belief propagation on the grid of a world of domains.

use crate::world::Briefing;
use std::collections::HashMap;

/// Share of the correlation of neighbours that is believed. On a grid evidence goes round in loops and comes back; with more of
/// it one phase takes all cells before any evidence is in (`tests/analyst_calibration.rs` measures how sure beliefs are).
const TRUST: f64 = 0.3;
/// Steps in which the weights are brought to where neighbours that know nothing leave the priors as they are.
const BALANCING: usize = 300;

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

    /// The weight of each phase with which cells that have seen nothing believe its prior: common phases are neighbours of one
    /// another, and messages alone would make them commoner. Found on a grid without end, where all cells are alike.
    pub(super) fn balanced(&self, priors: &[f64]) -> Vec<f64> {
        let phases = self.phases;
        let mut weights = priors.to_vec();
        let mut messages = vec![vec![1.0; phases]; 4];
        for _ in 0..BALANCING {
            let told: Vec<Vec<f64>> = (0..4)
                .map(|side| {
                    let others = (0..4).filter(|told| *told != side ^ 1);
                    let mut product = weights.clone();
                    for other in others {
                        let pairs = product.iter_mut().zip(&messages[other]);
                        pairs.for_each(|(value, message)| *value *= message);
                    }
                    let potential = &self.potentials[side / 2];
                    let into = |l: usize| -> f64 {
                        let pair = |k: usize| match side % 2 == 0 {
                            true => k * phases + l,
                            false => l * phases + k,
                        };
                        (0..phases).map(|k| product[k] * potential[pair(k)]).sum()
                    };
                    normalised((0..phases).map(into).collect(), phases as f64)
                })
                .collect();
            messages = told;
            let belief = |k: usize| weights[k] * messages.iter().map(|m| m[k]).product::<f64>();
            let beliefs = normalised((0..phases).map(belief).collect(), 1.0);
            for ((weight, prior), belief) in weights.iter_mut().zip(priors).zip(beliefs) {
                *weight *= (prior / belief.max(1e-12)).sqrt();
            }
            weights = normalised(weights, 1.0);
        }
        weights
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

/// Numbers with this sum; all alike if there is nothing to scale.
fn normalised(mut values: Vec<f64>, sum: f64) -> Vec<f64> {
    let total: f64 = values.iter().sum();
    let even = sum / values.len().max(1) as f64;
    for value in &mut values {
        *value = if total > 0.0 && total.is_finite() {
            *value * sum / total
        } else {
            even
        };
    }
    values
}
