//! The raster's positions in random order.

use super::{Navigator, Step, View};
use crate::error::{Error, Result};
use crate::random::{Purpose, Stream};
use crate::units::{Dose, Point, Seed};
use crate::world::Scan;
use rand::RngExt;

/// Visits every position of a grid once, in an order drawn from a seed; the whole budget is spread evenly.
#[derive(Debug, Clone)]
pub struct RandomOrder {
    stride: f64,
    seed: Seed,
    done: bool,
}

impl RandomOrder {
    /// A grid of `stride` Å, visited in the order that `seed` gives.
    ///
    /// # Errors
    /// [`Error::Argument`] unless the stride is within 0.05 to 20 Å.
    pub fn new(stride: f64, seed: Seed) -> Result<Self> {
        if !(0.05..=20.0).contains(&stride) {
            return Err(Error::argument("stride", stride, "0.05 to 20 Å"));
        }
        Ok(Self {
            stride,
            seed,
            done: false,
        })
    }
}

impl Navigator for RandomOrder {
    fn next(&mut self, view: &View<'_>) -> Result<Step> {
        if self.done {
            return Ok(Step::Stop);
        }
        self.done = true;
        let briefing = view.briefing();
        let grid = Scan::rectangle(
            Point::new(0.0, 0.0),
            briefing.height,
            briefing.width,
            self.stride,
            Dose(1.0),
        )?;
        let mut positions: Vec<Point> = (0..grid.len()).map(|index| grid.position(index)).collect();
        let mut stream = Stream::new(self.seed, Purpose::Policy, [0, 0]);
        // Fisher-Yates
        for last in (1..positions.len()).rev() {
            positions.swap(last, stream.random_range(0..=last));
        }
        let area = self.stride * self.stride;
        let dose = Dose(briefing.budget_electrons() / (positions.len() as f64 * area));
        Ok(Step::Scan(Scan::at(positions, dose).footprint(area)))
    }
}
