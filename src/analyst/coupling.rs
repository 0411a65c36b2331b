//! What neighbouring cells say about one another: belief propagation on the grid of a world of domains.

use crate::world::Briefing;
use std::collections::HashMap;

/// Growth of a faint belief, from one cell to the next, up to which neighbours are trusted. On a grid evidence goes round in loops
/// and comes back; where it grows, phases order all by themselves before anything was seen.
const GROWTH: f64 = 0.9;
/// Steps in which cells that know nothing are brought to believe the priors.
const BALANCING: usize = 200;
/// Halvings of the interval in which the trust is sought.
const HALVINGS: usize = 10;

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
    weights: Vec<f64>,
}

/// A grid without end of which nobody has seen anything, so that all cells are alike.
#[derive(Debug, Clone)]
struct Even {
    potentials: [Vec<f64>; 2],
    /// Weight of each phase in a cell, with which its belief is the prior: common phases are neighbours of one another, and
    /// messages alone would make them commoner.
    weights: Vec<f64>,
    /// What a cell hears from each side.
    messages: [Vec<f64>; 4],
}

impl Even {
    /// With as much of the correlation of neighbours as does not let beliefs grow.
    fn trusted(briefing: &Briefing) -> Self {
        let with = |trust: f64| Self::balanced(briefing, trust);
        let whole = with(1.0);
        if whole.growth() <= GROWTH {
            return whole;
        }
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..HALVINGS {
            let middle = 0.5 * (low + high);
            match with(middle).growth() <= GROWTH {
                true => low = middle,
                false => high = middle,
            }
        }
        with(low)
    }

    /// With a share of the correlation of neighbours.
    fn balanced(briefing: &Briefing, trust: f64) -> Self {
        let priors: Vec<f64> = briefing.phases.iter().map(|phase| phase.prior).collect();
        let potential = |axis: usize| -> Vec<f64> {
            let ratios = briefing.pair_ratios[axis].iter();
            ratios.map(|ratio| ratio.powf(trust)).collect()
        };
        let mut even = Self {
            potentials: [potential(0), potential(1)],
            weights: priors.clone(),
            messages: [(); 4].map(|()| vec![1.0; priors.len()]),
        };
        for _ in 0..BALANCING {
            even.messages = [0, 1, 2, 3].map(|side| even.heard_from(side));
            let belief = normalised(even.all_but(None), 1.0);
            let known = even.weights.iter_mut().zip(&priors).zip(belief);
            known.for_each(|((weight, prior), belief)| {
                *weight *= (prior / belief.max(1e-12)).sqrt();
            });
            even.weights = normalised(std::mem::take(&mut even.weights), 1.0);
        }
        even
    }

    /// What a cell knows but for what one side tells it.
    fn all_but(&self, side: Option<usize>) -> Vec<f64> {
        let mut product = self.weights.clone();
        for (_, messages) in self
            .messages
            .iter()
            .enumerate()
            .filter(|(n, _)| Some(*n) != side)
        {
            product.iter_mut().zip(messages).for_each(|(p, m)| *p *= m);
        }
        product
    }

    /// The message that comes in from a side: 0 and 2 are before a cell along y and x, 1 and 3 behind it.
    fn heard_from(&self, side: usize) -> Vec<f64> {
        let phases = self.weights.len();
        let known = self.all_but(Some(side ^ 1));
        let potential = &self.potentials[side / 2];
        let into = |l: usize| -> f64 {
            let pair = |k: usize| match side.is_multiple_of(2) {
                true => k * phases + l,
                false => l * phases + k,
            };
            (0..phases).map(|k| known[k] * potential[pair(k)]).sum()
        };
        normalised((0..phases).map(into).collect(), phases as f64)
    }

    /// By how much a faint belief grows from one cell to the next: the largest eigenvalue of passing it on, each message being
    /// made of three. Beliefs die out where it is below one (the bound of H. Kesten and B. P. Stigum, Ann. Math. Stat. 37 (1966)
    /// 1463, for a tree).
    fn growth(&self) -> f64 {
        let [y, x] = [0, 1].map(|axis| self.correlation(axis));
        0.5 * (y + x + ((y - x).powi(2) + 16.0 * y * x).sqrt())
    }

    /// The largest correlation of what two neighbours along an axis are: the second singular value of their joint law, by power
    /// iteration.
    fn correlation(&self, axis: usize) -> f64 {
        let phases = self.weights.len();
        let (front, back) = (
            self.all_but(Some(2 * axis + 1)),
            self.all_but(Some(2 * axis)),
        );
        let pairs = self.potentials[axis].iter().enumerate();
        let joint = pairs.map(|(n, potential)| front[n / phases] * potential * back[n % phases]);
        let joint = normalised(joint.collect(), 1.0);
        let sum = |of: &dyn Fn(usize) -> f64| (0..phases).map(of).sum::<f64>();
        let before: Vec<f64> = (0..phases)
            .map(|k| sum(&|l| joint[k * phases + l]).sqrt())
            .collect();
        let behind: Vec<f64> = (0..phases)
            .map(|l| sum(&|k| joint[k * phases + l]).sqrt())
            .collect();
        // without what does not depend on the phase at all, whose singular value is one
        let without = |mut values: Vec<f64>, mean: &[f64]| {
            let along: f64 = values.iter().zip(mean).map(|(v, m)| v * m).sum();
            values
                .iter_mut()
                .zip(mean)
                .for_each(|(v, m)| *v -= along * m);
            values
        };
        let scaled =
            |k: usize, l: usize| joint[k * phases + l] / (before[k] * behind[l]).max(1e-300);
        let mut vector = without(
            (0..phases).map(|k| (1.0 + k as f64).cos()).collect(),
            &before,
        );
        let mut value = 0.0;
        for _ in 0..40 {
            let length = vector.iter().map(|v| v * v).sum::<f64>().sqrt();
            if length < 1e-12 {
                return 0.0;
            }
            vector.iter_mut().for_each(|v| *v /= length);
            let across = (0..phases)
                .map(|l| sum(&|k| scaled(k, l) * vector[k]))
                .collect();
            let across = without(across, &behind);
            value = across.iter().map(|v| v * v).sum::<f64>().sqrt();
            let again = (0..phases)
                .map(|k| sum(&|l| scaled(k, l) * across[l]))
                .collect();
            vector = without(again, &before);
        }
        value
    }
}

/// Numbers with this sum; all alike if there is nothing to scale.
fn normalised(mut values: Vec<f64>, sum: f64) -> Vec<f64> {
    let total: f64 = values.iter().sum();
    let even = sum / values.len().max(1) as f64;
    for value in &mut values {
        *value = match total > 0.0 && total.is_finite() {
            true => *value * sum / total,
            false => even,
        };
    }
    values
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
        let even = Even::trusted(briefing);
        let told = even.messages.concat();
        Self {
            phases,
            neighbours: briefing.cells.iter().map(|cell| near(cell.index)).collect(),
            messages: told.repeat(briefing.cells.len()),
            potentials: even.potentials,
            weights: even.weights,
        }
    }

    /// What the counts of a cell that has none weigh for each phase: with what its neighbours then say, it believes the priors.
    pub(super) fn weights(&self) -> &[f64] {
        &self.weights
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
