//! Which earlier measurements each one is conditioned on.

use super::blocks::in_blocks;
use super::nearest::{Nearest, Search};
use crate::error::Result;

/// The measurements in their order, each with its nearest predecessors.
#[derive(Debug, Clone, Default)]
pub(super) struct Neighbours {
    limit: usize,
    /// Index of the measurement at each position.
    order: Vec<u32>,
    /// Indices of the predecessors, those of one position after the other, each set in the order itself.
    sets: Vec<u32>,
}

impl Neighbours {
    /// The `limit` nearest predecessors of each measurement, found by a search that holds the rows in their order.
    pub fn find(search: &Search, rows: &[f64], order: Vec<u32>, limit: usize) -> Result<Self> {
        let dimension = rows.len() / order.len().max(1);
        let sets = in_blocks(order.len(), |positions| {
            let mut found = Nearest::new(limit);
            let counts = positions.clone().map(|position| position.min(limit));
            let mut sets = Vec::with_capacity(counts.sum());
            for position in positions {
                let row = &rows[position * dimension..][..dimension];
                search.nearest(row, position, &mut found);
                sets.extend(found.ranks().iter().map(|&rank| order[rank as usize]));
            }
            Ok(sets)
        })?;
        Ok(Self {
            limit,
            sets: sets.concat(),
            order,
        })
    }

    /// Number of measurements.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Indices of the measurements in their order.
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// Indices of the predecessors that the measurement at `position` is conditioned on.
    pub fn set(&self, position: usize) -> &[u32] {
        &self.sets[self.start(position)..self.start(position + 1)]
    }

    /// Where the set of a position starts: Σ min(i, limit) over all positions i before it.
    pub fn start(&self, position: usize) -> usize {
        let growing = position.min(self.limit);
        growing * growing.saturating_sub(1) / 2 + (position - growing) * self.limit
    }

    /// Adds the next measurement, with predecessors at these positions.
    pub fn push(&mut self, ranks: &[u32]) {
        let set = ranks.iter().map(|&rank| self.order[rank as usize]);
        self.sets.extend(set);
        self.order.push(self.order.len() as u32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_hold_the_nearest_of_those_before() {
        let coordinates = [0.0, 4.0, 1.0, 3.0, 2.5, 0.1];
        let order = vec![5_u32, 1, 0, 3, 2, 4];
        let rows: Vec<f64> = order.iter().map(|&i| coordinates[i as usize]).collect();
        let search = Search::new(&rows, 1);
        let mut neighbours = Neighbours::find(&search, &rows, order, 2).unwrap();
        let sets: Vec<&[u32]> = (0..6).map(|p| neighbours.set(p)).collect();
        // Points 1 and 2 are equally far from point 4; the former comes earlier.
        let expected: [&[u32]; 6] = [&[], &[5], &[5, 1], &[5, 1], &[5, 0], &[1, 3]];
        assert_eq!(sets, expected);
        neighbours.push(&[1, 3]);
        assert_eq!(neighbours.set(6), [1, 3]);
        assert_eq!((neighbours.len(), neighbours.order()[6]), (7, 6));
    }
}
