//! The nearest points among those that come before a given one.

use super::tree::{Tree, squared_distance};
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Points may be added to this number, or twice the root of all, before the tree is built again: looking through them
/// then costs no more than a little, and building costs O(√n log n) an added point.
const RECENT: usize = 256;

/// Points ranked 0, 1, …, ready to be searched; it grows.
#[derive(Debug, Clone, Default)]
pub(super) struct Search {
    dimension: usize,
    tree: Tree,
    /// Rows of the points that came after the tree was built.
    recent: Vec<f64>,
}

impl Search {
    /// Rows of `dimension` coordinates, ranked as they come.
    pub fn new(rows: &[f64], dimension: usize) -> Self {
        Self {
            dimension,
            tree: Tree::new(rows, dimension),
            recent: Vec::new(),
        }
    }

    /// Adds a point behind all others.
    pub fn push(&mut self, row: &[f64]) {
        self.recent.extend_from_slice(row);
        let (old, d) = (self.tree.len(), self.dimension);
        let recent = self.recent.len() / d.max(1);
        if recent < RECENT.max(2 * (old + recent).isqrt()) {
            return;
        }
        let mut rows = vec![0.0; old * d];
        for slot in 0..old {
            let rank = self.tree.label(slot) as usize;
            rows[rank * d..][..d].copy_from_slice(self.tree.point(slot));
        }
        rows.append(&mut self.recent);
        *self = Self::new(&rows, d);
    }

    /// Leaves in `found` the points nearest to `at` among those ranked before `before`; of two at the same distance
    /// the one ranked first is nearer.
    pub fn nearest(&self, at: &[f64], before: usize, found: &mut Nearest) {
        self.nearest_where(&|_| true, at, before, found);
    }

    /// As [`Search::nearest`] among the ranks that are `wanted`.
    pub fn nearest_where(
        &self,
        wanted: &impl Fn(u32) -> bool,
        at: &[f64],
        before: usize,
        found: &mut Nearest,
    ) {
        found.heap.clear();
        let before = before.min(u32::MAX as usize) as u32;
        if self.tree.node_count() > 0 {
            let wanted = |rank: u32| rank < before && wanted(rank);
            self.visit(
                0,
                self.tree.box_distance(0, at),
                at,
                (before, &wanted),
                found,
            );
        }
        let first = self.tree.len() as u32;
        for (rank, row) in (first..before).zip(self.recent.chunks_exact(self.dimension.max(1))) {
            if wanted(rank) {
                found.offer(squared_distance(row, at), rank);
            }
        }
        found.ranks.clear();
        found
            .ranks
            .extend(found.heap.iter().map(|candidate| candidate.rank));
        found.ranks.sort_unstable();
    }

    /// Looks through a node for points ranked `before` a number, those alone that are `wanted`.
    fn visit(
        &self,
        node: usize,
        distance: f64,
        at: &[f64],
        (before, wanted): (u32, &impl Fn(u32) -> bool),
        found: &mut Nearest,
    ) {
        if self.tree.earliest(node) >= before || distance > found.reach() {
            return;
        }
        match self.tree.children(node) {
            Some(children) => {
                let [first, second] = children.map(|c| (self.tree.box_distance(c, at), c));
                let (near, far) = if second.0 < first.0 {
                    (second, first)
                } else {
                    (first, second)
                };
                self.visit(near.1, near.0, at, (before, wanted), found);
                self.visit(far.1, far.0, at, (before, wanted), found);
            }
            None => {
                for slot in self.tree.slots(node) {
                    let rank = self.tree.label(slot);
                    if wanted(rank) {
                        found.offer(squared_distance(self.tree.point(slot), at), rank);
                    }
                }
            }
        }
    }
}

/// The nearest points found so far, at most a given number of them; its memory serves one search after the other.
#[derive(Debug)]
pub(super) struct Nearest {
    limit: usize,
    heap: BinaryHeap<Candidate>,
    ranks: Vec<u32>,
}

impl Nearest {
    /// Room for `limit` points.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            heap: BinaryHeap::new(),
            ranks: Vec::new(),
        }
    }

    /// The ranks that the last search found, in rising order.
    pub fn ranks(&self) -> &[u32] {
        &self.ranks
    }

    /// Squared distance beyond which nothing is wanted any more.
    fn reach(&self) -> f64 {
        match self.heap.peek() {
            Some(worst) if self.heap.len() == self.limit => worst.distance,
            None if self.limit == 0 => f64::NEG_INFINITY,
            _ => f64::INFINITY,
        }
    }

    fn offer(&mut self, distance: f64, rank: u32) {
        let candidate = Candidate { distance, rank };
        if self.heap.len() < self.limit {
            self.heap.push(candidate);
        } else if let Some(mut worst) = self.heap.peek_mut()
            && candidate < *worst
        {
            *worst = candidate;
        }
    }
}

/// Ordered by distance, then by rank.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Candidate {
    distance: f64,
    rank: u32,
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        let nearer = self.distance.total_cmp(&other.distance);
        nearer.then(self.rank.cmp(&other.rank))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// By sorting all of them.
    fn all_sorted(rows: &[f64], d: usize, at: &[f64], before: usize, limit: usize) -> Vec<u32> {
        let mut all: Vec<Candidate> = rows
            .chunks_exact(d)
            .take(before)
            .enumerate()
            .map(|(rank, row)| Candidate {
                distance: squared_distance(row, at),
                rank: rank as u32,
            })
            .collect();
        all.sort_unstable();
        let mut ranks: Vec<u32> = all.iter().take(limit).map(|c| c.rank).collect();
        ranks.sort_unstable();
        ranks
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_tree_finds_what_sorting_finds(
            d in 1_usize..6, steps in 2_u32..40, count in 1_usize..400, grown in 0_usize..400, limit in 0_usize..20,
        ) {
            // On a coarse lattice, so that there are many ties and duplicates.
            let coordinate = |i: usize| (i as u32).wrapping_mul(2_654_435_761).rotate_left(11) % steps;
            let total = count + grown;
            let rows: Vec<f64> = (0..total * d).map(|i| f64::from(coordinate(i))).collect();
            let mut search = Search::new(&rows[..count * d], d);
            rows[count * d..].chunks_exact(d).for_each(|row| search.push(row));
            let mut found = Nearest::new(limit);
            for before in [0, 1, count / 2, count, count + grown / 2, total, total + 5] {
                let at = &rows[(before * d) % (total * d)..][..d];
                search.nearest(at, before, &mut found);
                prop_assert_eq!(found.ranks(), all_sorted(&rows, d, at, before, limit));
            }
        }
    }
}
