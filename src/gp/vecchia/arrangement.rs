//! Everything about measurements that depends on their places alone.

use super::nearest::{Nearest, Search};
use super::neighbours::Neighbours;
use super::ordering::VecchiaOrdering;
use super::scales::Scales;
use crate::error::Result;
use crate::gp::points::PointsView;

/// The order of the measurements, the predecessors of each, and what finds the neighbours of any place.
#[derive(Debug, Clone, Default)]
pub(super) struct Arrangement {
    pub scales: Scales,
    pub neighbours: Neighbours,
    search: Search,
    limit: usize,
}

impl Arrangement {
    /// Orders the points in these scales and finds up to `limit` predecessors of each.
    pub fn new(
        ordering: &VecchiaOrdering,
        scales: Scales,
        points: PointsView<'_>,
        limit: usize,
    ) -> Result<Self> {
        let rows = scales.rows(points, 0..points.len());
        let order = ordering.order(&rows, points.dimension())?;
        Self::in_order(order, scales, points, limit)
    }

    /// As [`Arrangement::new`] for an order that is known.
    pub fn in_order(
        order: Vec<u32>,
        scales: Scales,
        points: PointsView<'_>,
        limit: usize,
    ) -> Result<Self> {
        let rows = scales.rows(points, order.iter().map(|&index| index as usize));
        let search = Search::new(&rows, points.dimension());
        let neighbours = Neighbours::find(&search, &rows, order, limit)?;
        Ok(Self {
            scales,
            neighbours,
            search,
            limit,
        })
    }

    /// Adds the indices of the measurements nearest to a place among those that are `wanted`, as many as `found` has
    /// room for, in their order.
    pub fn add_nearest(
        &self,
        place: &[f64],
        wanted: impl Fn(usize) -> bool,
        found: &mut Nearest,
        indices: &mut Vec<usize>,
    ) {
        let row = self.scales.row(place);
        let order = self.neighbours.order();
        let index = |rank: u32| order[rank as usize] as usize;
        let wanted = |rank| wanted(index(rank));
        self.search.nearest_where(&wanted, &row, order.len(), found);
        indices.extend(found.ranks().iter().map(|&rank| index(rank)));
    }

    /// The positions of the predecessors that a measurement appended at `point` has.
    pub fn predecessors(&self, point: &[f64]) -> Nearest {
        let mut found = Nearest::new(self.limit);
        let row = self.scales.row(point);
        self.search.nearest(&row, self.neighbours.len(), &mut found);
        found
    }

    /// Appends a measurement with its [`Arrangement::predecessors`].
    pub fn push(&mut self, point: &[f64], predecessors: &Nearest) {
        self.search.push(&self.scales.row(point));
        self.neighbours.push(predecessors.ranks());
    }
}
