//! Non-adaptive visits to the known columns: the fair rival of a policy that also knows the lattice.

use super::{Navigator, Step, View};
use crate::error::{Error, Result};
use crate::units::{Dose, Point};
use crate::world::Scan;

/// Parks the beam on every column of the lattice, in scan order, `passes` times over; the budget is spread evenly.
///
/// A position stands for 1 Å², so the dose of a visit in e⁻/Å² is its number of electrons.
#[derive(Debug, Clone)]
pub struct Columns {
    passes: usize,
    dwell: f64,
    next_pass: usize,
}

impl Columns {
    /// `passes` visits to every column.
    ///
    /// # Errors
    /// [`Error::Argument`] unless `passes` is within 1 to 10 000.
    pub fn new(passes: usize) -> Result<Self> {
        if !(1..=10_000).contains(&passes) {
            return Err(Error::argument("passes", passes, "1 to 10000"));
        }
        Ok(Self {
            passes,
            dwell: 1.0,
            next_pass: 0,
        })
    }

    /// Dwell relative to the one that spends the budget exactly on all visits: below one the scan ends early and keeps the
    /// specimen fresh, above one the budget ends before the field does.
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
}

/// Offset of an aim from its column along each axis, Å; the image of a column is still flat here.
pub(super) const DITHER: f64 = 0.2;

/// Aim of the `visit`-th look at a column: a little off centre, on another side each time, so that the slope of the image
/// shows where the specimen has drifted to.
pub(super) fn dithered(centre: Point, visit: usize, height: f64, width: f64) -> Point {
    let (y, x) = [(1.0, 1.0), (-1.0, -1.0), (1.0, -1.0), (-1.0, 1.0)][visit % 4];
    Point::new(
        (centre.y + DITHER * y).clamp(0.0, height),
        (centre.x + DITHER * x).clamp(0.0, width),
    )
}

impl Navigator for Columns {
    fn next(&mut self, view: &View<'_>) -> Result<Step> {
        let briefing = view.briefing();
        super::needs_columns(briefing, "columns")?;
        if self.next_pass == self.passes {
            return Ok(Step::Stop);
        }
        let pass = self.next_pass;
        self.next_pass += 1;
        let aims = briefing.sites.iter().enumerate().map(|(index, site)| {
            dithered(site.position, pass + index, briefing.height, briefing.width)
        });
        let visits = (briefing.sites.len() * self.passes) as f64;
        let electrons = self.dwell * briefing.budget_electrons() / visits;
        Ok(Step::Scan(Scan::at(aims, Dose(electrons))))
    }
}
