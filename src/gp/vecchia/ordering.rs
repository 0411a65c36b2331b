//! The order in which measurements are conditioned on those before them.

use super::tree::{Tree, squared_distance};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// The order in which [`VecchiaGp`](super::VecchiaGp) conditions each measurement on those before it.
///
/// ```
/// use dosewise::gp::{Matern52, Noise, VecchiaGp, VecchiaOrdering};
/// let x = ndarray::array![[0.0], [0.1], [0.2], [0.3], [1.0]];
/// let order = |ordering| -> dosewise::Result<Vec<usize>> {
///     let prior = VecchiaGp::new(Matern52::isotropic(0.3), Noise::Homoscedastic(0.1));
///     Ok(prior.with_ordering(ordering).condition(&x, &[0.0; 5])?.order())
/// };
/// // From the middle to the farthest end, then to the other one.
/// assert_eq!(order(VecchiaOrdering::MaxMin)?[..3], [3, 4, 0]);
/// assert_eq!(order(VecchiaOrdering::Coordinate(0))?, [0, 1, 2, 3, 4]);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum VecchiaOrdering {
    /// Each next point is the one farthest from all before it, the first the one nearest to the centroid: coarse
    /// features first, details later. In two and more dimensions mostly the most accurate order (Guinness, Technometrics
    /// 60 (2018) 415), see the figures at [`VecchiaGp`](super::VecchiaGp). Exact, by a k-d tree, in
    /// about n log n steps: 10⁶ points of a plane take less than 8 s, 4 × 10⁴ points in ten dimensions about 4 s.
    /// Equally far points come by their index, and copies of earlier points last.
    #[default]
    MaxMin,
    /// By rising coordinate of this number; the natural order of points on a line.
    Coordinate(usize),
    /// `order[0]` first, then `order[1]`, …: each index 0..n once. Measurements that are appended come last.
    Given(Vec<usize>),
    /// As the measurements are given.
    AsGiven,
}

impl VecchiaOrdering {
    /// The order of these rows of `dimension` coordinates, as a permutation of their indices.
    pub(super) fn order(&self, rows: &[f64], dimension: usize) -> Result<Vec<u32>> {
        let count = rows.len() / dimension.max(1);
        let all = 0..count as u32;
        match self {
            Self::MaxMin => Ok(max_min(rows, dimension)),
            Self::AsGiven => Ok(all.collect()),
            Self::Coordinate(axis) if *axis < dimension => {
                let mut order: Vec<u32> = all.collect();
                let coordinate = |index: u32| rows[index as usize * dimension + axis];
                order.sort_by(|&a, &b| coordinate(a).total_cmp(&coordinate(b)));
                Ok(order)
            }
            Self::Coordinate(axis) => Err(Error::argument(
                "ordering",
                format!("coordinate {axis}"),
                format!("a coordinate below {dimension}"),
            )),
            Self::Given(order) => {
                check_permutation("ordering", order, count)?;
                Ok(order.iter().map(|&index| index as u32).collect())
            }
        }
    }

    /// Takes note of one more measurement, which comes last.
    pub(super) fn push(&mut self) {
        if let Self::Given(order) = self {
            order.push(order.len());
        }
    }
}

/// Refuses what does not hold each of 0..count once.
pub(super) fn check_permutation(argument: &str, order: &[usize], count: usize) -> Result<()> {
    let mut seen = vec![false; count];
    let fresh = |&index: &usize| {
        let slot = seen.get_mut(index);
        slot.is_some_and(|slot| !std::mem::replace(slot, true))
    };
    if order.len() == count && order.iter().all(fresh) {
        return Ok(());
    }
    Err(Error::argument(
        argument,
        format!("{} indices", order.len()),
        format!("each of 0..{count} once"),
    ))
}

/// The exact max-min order of these rows.
///
/// Each box of the tree knows the point inside that is farthest from all chosen ones. The next point is read off the
/// root; boxes at least as far from it as all that they hold are from the chosen ones need no look. What remains
/// touched around the i-th point is about n/i points, as in the search of Schäfer, Katzfuss & Owhadi (SIAM J. Sci.
/// Comput. 43 (2021) A2019, section 4.1).
fn max_min(rows: &[f64], dimension: usize) -> Vec<u32> {
    let tree = Tree::new(rows, dimension);
    if tree.len() == 0 {
        return Vec::new();
    }
    let mut remaining = Remaining {
        tree: &tree,
        distances: vec![f64::INFINITY; tree.len()],
        farthest: vec![Farthest::UNKNOWN; tree.node_count()],
    };
    let mut order = Vec::with_capacity(tree.len());
    let mut chosen = most_central(&tree);
    loop {
        order.push(tree.label(chosen));
        remaining.distances[chosen] = f64::NEG_INFINITY;
        remaining.approach(0, tree.point(chosen));
        let next = &remaining.farthest[0];
        if next.distance <= 0.0 {
            break;
        }
        chosen = next.slot;
    }
    // What is left are copies of chosen points.
    let slots = (0..tree.len()).filter(|&slot| remaining.distances[slot] >= 0.0);
    let mut copies: Vec<u32> = slots.map(|slot| tree.label(slot)).collect();
    copies.sort_unstable();
    order.append(&mut copies);
    order
}

/// The slot of the point nearest to the centroid.
fn most_central(tree: &Tree) -> usize {
    let mut centroid = vec![0.0; tree.point(0).len()];
    for slot in 0..tree.len() {
        let share = 1.0 / tree.len() as f64;
        for (sum, x) in centroid.iter_mut().zip(tree.point(slot)) {
            *sum += share * x;
        }
    }
    let mut best = Farthest::NONE;
    for slot in 0..tree.len() {
        best = best.or(-squared_distance(tree.point(slot), &centroid), slot, tree);
    }
    best.slot
}

/// The point of a box that is farthest from all chosen ones.
#[derive(Debug, Clone, Copy)]
struct Farthest {
    distance: f64,
    slot: usize,
}

impl Farthest {
    /// All points of the box are chosen.
    const NONE: Self = Self {
        distance: f64::NEG_INFINITY,
        slot: usize::MAX,
    };
    /// No point was chosen yet.
    const UNKNOWN: Self = Self {
        distance: f64::INFINITY,
        slot: usize::MAX,
    };

    /// The farther of two; of equally far ones the one with the smaller label.
    fn or(self, distance: f64, slot: usize, tree: &Tree) -> Self {
        let tied = || distance == self.distance && tree.label(slot) < tree.label(self.slot);
        if distance > self.distance || (distance > f64::NEG_INFINITY && tied()) {
            Self { distance, slot }
        } else {
            self
        }
    }
}

/// The points not chosen yet, with their squared distances to the chosen ones (−∞ for those chosen).
struct Remaining<'t> {
    tree: &'t Tree,
    distances: Vec<f64>,
    farthest: Vec<Farthest>,
}

impl Remaining<'_> {
    /// Takes a newly chosen point at `at` into account, in this node and below.
    fn approach(&mut self, node: usize, at: &[f64]) {
        let tree = self.tree;
        let mut farthest = Farthest::NONE;
        match tree.children(node) {
            Some(children) => {
                for child in children {
                    if tree.box_distance(child, at) < self.farthest[child].distance {
                        self.approach(child, at);
                    }
                    let best = self.farthest[child];
                    farthest = farthest.or(best.distance, best.slot, tree);
                }
            }
            None => {
                for slot in tree.slots(node) {
                    let distance = squared_distance(tree.point(slot), at);
                    self.distances[slot] = self.distances[slot].min(distance);
                    farthest = farthest.or(self.distances[slot], slot, tree);
                }
            }
        }
        self.farthest[node] = farthest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Straight from the definition, n² distances.
    fn by_definition(rows: &[f64], d: usize) -> Vec<u32> {
        let points: Vec<&[f64]> = rows.chunks_exact(d).collect();
        let n = points.len();
        let first = max_min(rows, d)[0] as usize;
        let mut order = vec![first as u32];
        let mut distances = vec![f64::INFINITY; n];
        distances[first] = f64::NEG_INFINITY;
        let mut last = first;
        while order.len() < n {
            for i in 0..n {
                distances[i] = distances[i].min(squared_distance(points[i], points[last]));
            }
            let best = (0..n).fold(0, |b, i| if distances[i] > distances[b] { i } else { b });
            order.push(best as u32);
            distances[best] = f64::NEG_INFINITY;
            last = best;
        }
        order
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn max_min_follows_its_definition(d in 1_usize..5, steps in 1_u32..60, count in 1_usize..250) {
            let coordinate = |i: usize| (i as u32).wrapping_mul(2_654_435_761).rotate_left(9) % steps;
            let rows: Vec<f64> = (0..count * d).map(|i| f64::from(coordinate(i))).collect();
            prop_assert_eq!(max_min(&rows, d), by_definition(&rows, d));
        }
    }

    #[test]
    fn on_a_line_of_nine_the_middle_and_the_ends_come_first() {
        let rows: Vec<f64> = (0..9).map(f64::from).collect();
        assert_eq!(max_min(&rows, 1), [4, 0, 8, 2, 6, 1, 3, 5, 7]);
        assert_eq!(max_min(&[], 2), Vec::<u32>::new());
    }

    #[test]
    fn unusable_orders_are_refused() {
        let rows = [0.5, 3.0, 0.1, 9.0, 0.3, 7.0];
        let order = |ordering: VecchiaOrdering| ordering.order(&rows, 2);
        assert_eq!(order(VecchiaOrdering::Coordinate(0)).unwrap(), [1, 2, 0]);
        assert_eq!(order(VecchiaOrdering::AsGiven).unwrap(), [0, 1, 2]);
        assert!(order(VecchiaOrdering::Coordinate(2)).is_err());
        for bad in [vec![0, 1], vec![0, 1, 1], vec![0, 1, 3], vec![0, 1, 2, 0]] {
            assert!(order(VecchiaOrdering::Given(bad)).is_err());
        }
        let mut given = VecchiaOrdering::Given(vec![2, 0, 1]);
        assert_eq!(order(given.clone()).unwrap(), [2, 0, 1]);
        given.push();
        assert_eq!(given, VecchiaOrdering::Given(vec![2, 0, 1, 3]));
    }
}
