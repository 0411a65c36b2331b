//! The raster family: the whole field on a regular grid, in one pass or in several interleaved ones.

use super::{Navigator, Step, View};
use crate::error::{Error, Result};
use crate::units::{Dose, Point};
use crate::world::Scan;

/// Scans the whole field on a regular grid: in a single pass, or in [interleaved](Raster::interleaved) ones.
///
/// The dwell is set by the budget: every pass gets the same share of it.
#[derive(Debug, Clone)]
pub struct Raster {
    stride: f64,
    side: usize,
    dwell: f64,
    next_pass: usize,
}

impl Raster {
    /// One pass on a grid of `stride` Å that spends the whole budget.
    ///
    /// # Errors
    /// [`Error::Argument`] unless the stride is within 0.05 to 20 Å.
    pub fn new(stride: f64) -> Result<Self> {
        if !(0.05..=20.0).contains(&stride) {
            return Err(Error::argument("stride", stride, "0.05 to 20 Å"));
        }
        Ok(Self {
            stride,
            side: 1,
            dwell: 1.0,
            next_pass: 0,
        })
    }

    /// `side`² passes, each on a grid `side` times coarser and shifted so that together they visit the fine grid once:
    /// the whole field is seen early, and sharpens. The shifts go through the fine grid in bit-reversed order, so that
    /// consecutive passes lie far apart.
    ///
    /// # Errors
    /// [`Error::Argument`] unless `side` is within 1 to 16.
    pub fn interleaved(mut self, side: usize) -> Result<Self> {
        if !(1..=16).contains(&side) {
            return Err(Error::argument("side", side, "1 to 16"));
        }
        self.side = side;
        Ok(self)
    }

    /// Dwell relative to the one that spends the budget exactly on the whole field: below one the scan ends early and keeps
    /// the specimen fresh, above one the budget ends before the field does.
    ///
    /// # Errors
    /// [`Error::Argument`] unless `factor` is within 0.01 to 100.
    pub fn dwell(mut self, factor: f64) -> Result<Self> {
        if !(0.01..=100.0).contains(&factor) {
            return Err(Error::argument("factor", factor, "0.01 to 100"));
        }
        self.dwell = factor;
        Ok(self)
    }

    /// Shift of a pass in units of the fine stride.
    fn shift(&self, pass: usize) -> (usize, usize) {
        let mut order: Vec<(usize, usize)> = (0..self.side)
            .flat_map(|row| (0..self.side).map(move |column| (row, column)))
            .collect();
        // Interleave the reversed bits of row ^ column and row: the first passes differ in the coarsest bit.
        let bits = usize::BITS - (self.side - 1).leading_zeros();
        let rank = |&(row, column): &(usize, usize)| {
            (0..bits).fold(0, |rank, bit| {
                (rank << 2) | ((((row ^ column) >> bit) & 1) << 1) | ((row >> bit) & 1)
            })
        };
        order.sort_by_key(rank);
        order[pass]
    }
}

impl Navigator for Raster {
    fn next(&mut self, view: &View<'_>) -> Result<Step> {
        let passes = self.side * self.side;
        if self.next_pass == passes {
            return Ok(Step::Stop);
        }
        let (row, column) = self.shift(self.next_pass);
        self.next_pass += 1;
        let briefing = view.briefing();
        let coarse = self.stride * self.side as f64;
        if coarse > briefing.height.min(briefing.width) {
            let found = format!("{} passes of stride {coarse} Å", passes);
            let allowed = format!(
                "at most the field, {} × {} Å",
                briefing.height, briefing.width
            );
            return Err(Error::argument("stride times side", found, allowed));
        }
        let count = |length: f64| (length / coarse + 1e-9).floor();
        let (rows, columns) = (count(briefing.height), count(briefing.width));
        // The scan centres its positions on coarse squares; this pass wants them on its share of the fine grid.
        let corner = |along: usize| (along as f64 + 0.5) * self.stride - 0.5 * coarse;
        let (height, width) = (rows * coarse, columns * coarse);
        let electrons = self.dwell * briefing.budget_electrons() / passes as f64;
        let dose = Dose(electrons / (height * width));
        let scan = Scan::rectangle(
            Point::new(corner(row), corner(column)),
            height,
            width,
            coarse,
            dose,
        )?;
        Ok(Step::Scan(scan))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interleaved_passes_visit_every_shift_once_and_far_apart() {
        for side in [1, 2, 3, 4, 8] {
            let raster = Raster::new(0.5).unwrap().interleaved(side).unwrap();
            let mut shifts: Vec<_> = (0..side * side).map(|p| raster.shift(p)).collect();
            if side >= 4 {
                let (first, second) = (shifts[0], shifts[1]);
                let half = side / 2;
                assert!(first.0.abs_diff(second.0) >= half || first.1.abs_diff(second.1) >= half);
            }
            shifts.sort_unstable();
            shifts.dedup();
            assert_eq!(shifts.len(), side * side);
        }
    }

    #[test]
    fn arguments_out_of_range_are_refused() {
        assert!(Raster::new(f64::NAN).is_err());
        assert!(Raster::new(0.5).unwrap().interleaved(0).is_err());
        assert!(Raster::new(0.5).unwrap().dwell(0.0).is_err());
    }
}
