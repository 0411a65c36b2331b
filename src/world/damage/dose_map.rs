//! Local dose on a grid of cells, in whole numbers.

use crate::stem::Charge;

/// Parts into which a step from one cell to the next is divided.
const PARTS: f64 = 256.0;

/// The four cells around a place and the parts of it that fall to each.
#[derive(Debug, Clone, Copy)]
pub(in crate::world) struct Corners([(usize, f64); 4]);

/// The dose that has gone into each cell, as the secondary electrons spread it: linearly over the four nearest cells.
///
/// Weights and charges are whole numbers, so that the sums do not depend on the order of visits, and two charges at one place
/// leave exactly what their sum does.
#[derive(Debug, Clone)]
pub struct DoseMap {
    rows: usize,
    columns: usize,
    edge: [f64; 2],
    per_edge: [f64; 2],
    /// Dose of a cell for each of its ticks and part of a place, e⁻/Å².
    scale: f64,
    /// Ticks of charge times 2¹⁶ parts: whole numbers, whose sums are exact up to 2⁵³, a hundred thousand electrons in a cell, and
    /// rounded beyond.
    ticks: Vec<f64>,
}

impl DoseMap {
    /// So many cells of `height` × `width` Å, without dose.
    pub fn new(rows: usize, columns: usize, height: f64, width: f64) -> Self {
        let (rows, columns) = (rows.max(1), columns.max(1));
        let whole = PARTS * PARTS;
        Self {
            scale: 1.0 / (whole * whole * Charge::TICKS * height * width),
            rows,
            columns,
            edge: [height, width],
            per_edge: [1.0 / height, 1.0 / width],
            ticks: vec![0.0; rows * columns],
        }
    }

    /// Cell before a place along one axis and the parts of it that fall to that and to the next one.
    #[inline]
    fn split(place: f64, per_edge: f64, count: usize) -> (usize, usize, f64) {
        // in this order what is not a number becomes zero
        let position = (place * per_edge - 0.5).max(0.0).min(count as f64 - 1.0);
        // processors convert to signed integers in one step
        let first = (position as i64 as usize).min(count - 1);
        let behind = ((position - first as i64 as f64) * PARTS) as i64 as f64;
        (first, (first + 1).min(count - 1), behind)
    }

    /// The cells that share a visit at a place, Å from the corner of the first cell, and how; places outside count for the
    /// nearest cell.
    #[inline(always)]
    pub(in crate::world) fn corners(&self, y: f64, x: f64) -> Corners {
        let (top, bottom, down) = Self::split(y, self.per_edge[0], self.rows);
        let (left, right, across) = Self::split(x, self.per_edge[1], self.columns);
        let (up, back) = (PARTS - down, PARTS - across);
        Corners([
            (top * self.columns + left, up * back),
            (top * self.columns + right, up * across),
            (bottom * self.columns + left, down * back),
            (bottom * self.columns + right, down * across),
        ])
    }

    /// Books a charge at a place, Å from the corner of the first cell; places outside count for the nearest cell. Returns the local
    /// dose there before and after, e⁻/Å².
    #[inline(always)]
    pub fn deposit(&mut self, charge: Charge, y: f64, x: f64) -> [f64; 2] {
        let corners = self.corners(y, x);
        let ticks = charge.electrons() * Charge::TICKS;
        let (mut before, mut after) = (0.0, 0.0);
        // a cell at the rim may be named twice, but then once without weight
        for (cell, weight) in corners.0 {
            let old = self.ticks[cell];
            let new = old + ticks * weight;
            self.ticks[cell] = new;
            before += weight * old;
            after += weight * new;
        }
        [self.scale * before, self.scale * after]
    }

    /// Local dose at a place, e⁻/Å², interpolated between cells.
    pub fn dose_at(&self, y: f64, x: f64) -> f64 {
        self.dose_in(self.corners(y, x))
    }

    /// Local dose between cells that are known, e⁻/Å².
    #[inline]
    pub(in crate::world) fn dose_in(&self, corners: Corners) -> f64 {
        let parts: f64 = (corners.0.iter())
            .map(|(cell, weight)| weight * self.ticks[*cell])
            .sum();
        self.scale * parts
    }

    /// How far from a visit the dose may rise along each axis, Å.
    pub(in crate::world) fn reach(&self) -> [f64; 2] {
        self.edge.map(|edge| 2.0 * edge)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn map() -> DoseMap {
        DoseMap::new(12, 10, 5.0, 6.0)
    }

    proptest! {
        #[test]
        fn order_and_splitting_leave_every_bit(
            visits in prop::collection::vec((0.0..200.0_f64, 0.0..60.0_f64, 0.0..60.0_f64), 1..20),
        ) {
            let charges = visits.iter().map(|v| (Charge::from_electrons(v.0), v.1, v.2));
            let mut forward = map();
            for (q, y, x) in charges.clone() {
                forward.deposit(q, y, x);
            }
            let mut backward = map();
            for (q, y, x) in charges.clone().rev() {
                backward.deposit(q, y, x);
            }
            let mut split = map();
            for (q, y, x) in charges {
                let part = Charge::from_electrons(0.3 * q.electrons());
                split.deposit(part, y, x);
                split.deposit(q - part, y, x);
            }
            prop_assert_eq!(&forward.ticks, &backward.ticks);
            prop_assert_eq!(&forward.ticks, &split.ticks);
        }
    }

    #[test]
    fn an_evenly_scanned_field_has_the_mean_dose() {
        let mut map = map();
        let step = 0.5;
        for row in 0..120 {
            for column in 0..120 {
                let charge = Charge::from_electrons(20.0 * step * step);
                map.deposit(
                    charge,
                    (f64::from(row) + 0.5) * step,
                    (f64::from(column) + 0.5) * step,
                );
            }
        }
        for (y, x) in [(12.0, 15.0), (30.0, 30.0), (41.3, 27.7)] {
            assert!(
                (map.dose_at(y, x) - 20.0).abs() < 0.2,
                "{}",
                map.dose_at(y, x)
            );
        }
        let total: f64 = map.ticks.iter().sum();
        assert_eq!(total / (PARTS * PARTS * Charge::TICKS), 20.0 * 3600.0);
    }

    #[test]
    fn places_outside_count_for_the_rim() {
        let mut map = map();
        map.deposit(Charge::from_electrons(30.0), -100.0, f64::NAN);
        assert_eq!(map.dose_at(-3.0, -3.0), 1.0);
        let doses = map.deposit(Charge::from_electrons(60.0), 0.1, 0.1);
        assert_eq!(doses, [1.0, 3.0]);
        assert_eq!(map.dose_at(0.1, 0.1), 3.0);
    }
}
