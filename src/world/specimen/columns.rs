//! Columns that the beam wears: when each atom goes, and what the column looks like meanwhile.

use crate::random::{Purpose, Stream};
use crate::stem::{Charge, Fluence};
use crate::units::{Point, Seed};
use crate::world::illumination::{FixedPlace, Illumination, REACH};
use crate::world::site::Hypothesis;

/// Side of the bins in which columns are looked up, Å.
const BIN: f64 = 1.0;
/// No probe is brighter than this, 1/Å²: a coherent one of 60 mrad at 400 keV has a peak of π(α/λ)² = 42. An atom that
/// would need more than the whole budget at this intensity stays for ever, and need not be watched.
const HIGHEST_INTENSITY: f64 = 100.0;

/// Columns that a beam may wear by place: for each bin those that a beam in it can reach.
#[derive(Debug, Clone)]
pub(in crate::world) struct Reach {
    rows: usize,
    columns: usize,
    /// Where the list of a bin starts; one more than bins.
    starts: Vec<u32>,
    entries: Vec<u32>,
    places: Vec<FixedPlace>,
}

impl Reach {
    /// Of columns at these places of the crystal, and whether they have atoms at risk; coordinates are not negative.
    pub(in crate::world) fn new(columns: impl Iterator<Item = (Point, bool)>) -> Self {
        let (places, worn): (Vec<Point>, Vec<bool>) = columns.unzip();
        let extent = |of: fn(&Point) -> f64| {
            let far = places.iter().map(of).fold(0.0, f64::max);
            ((far + REACH) / BIN).ceil() as usize + 1
        };
        let (rows, columns) = (extent(|p| p.y), extent(|p| p.x));
        let mut lists: Vec<Vec<u32>> = vec![Vec::new(); rows * columns];
        for (index, place) in places.iter().enumerate().filter(|(n, _)| worn[*n]) {
            let range = |at: f64, limit: usize| {
                let low = ((at - REACH) / BIN).floor().max(0.0) as usize;
                let high = ((at + REACH) / BIN).floor().max(0.0) as usize;
                low.min(limit)..(high + 1).min(limit)
            };
            for row in range(place.y, rows) {
                for column in range(place.x, columns) {
                    // the bin's nearest point to the column
                    let gap = |at: f64, bin: usize| {
                        let low = bin as f64 * BIN;
                        (low - at).max(at - low - BIN).max(0.0)
                    };
                    if gap(place.y, row).hypot(gap(place.x, column)) < REACH {
                        lists[row * columns + column].push(index as u32);
                    }
                }
            }
        }
        let mut starts = vec![0];
        let mut entries = Vec::new();
        for list in lists {
            entries.extend(list);
            starts.push(entries.len() as u32);
        }
        Self {
            rows,
            columns,
            starts,
            entries,
            places: places.into_iter().map(FixedPlace::from).collect(),
        }
    }

    /// Numbers of the columns that a beam at a place of the crystal may reach.
    fn near(&self, place: Point) -> &[u32] {
        if !(place.y >= 0.0 && place.x >= 0.0) {
            return &[];
        }
        let (row, column) = ((place.y / BIN) as usize, (place.x / BIN) as usize);
        if row >= self.rows || column >= self.columns {
            return &[];
        }
        let bin = row * self.columns + column;
        &self.entries[self.starts[bin] as usize..self.starts[bin + 1] as usize]
    }
}

/// How worn the columns of a specimen are.
#[derive(Debug, Clone)]
pub(super) struct Wear {
    columns: Vec<Worn>,
    /// For each column the doses at which atoms go after the next one, the earliest last.
    waiting: Vec<Vec<Fluence>>,
}

/// How worn a column is.
#[derive(Debug, Clone, Copy)]
struct Worn {
    fluence: Fluence,
    /// The dose at which the next atom goes.
    next: Fluence,
}

impl Wear {
    /// Draws for every atom at risk the dose at which it goes, exponential with mean 1/σ.
    pub(super) fn new<'h>(
        columns: impl Iterator<Item = &'h Hypothesis>,
        budget_electrons: f64,
        seed: Seed,
    ) -> Self {
        let highest = HIGHEST_INTENSITY * budget_electrons;
        let mut wear = Self {
            columns: Vec::new(),
            waiting: Vec::new(),
        };
        for (index, hypothesis) in columns.enumerate() {
            let sigma = hypothesis.cross_section;
            let atoms = (0..hypothesis.at_risk()).filter_map(|atom| {
                let key = [index as u64, atom as u64];
                let waiting = Stream::new(seed, Purpose::DamageThreshold, key).exponential();
                (waiting < sigma * highest).then(|| Fluence::from_dose(waiting / sigma))
            });
            let mut thresholds: Vec<Fluence> = atoms.collect();
            thresholds.sort_by(|a, b| b.cmp(a));
            wear.columns.push(Worn {
                fluence: Fluence::default(),
                next: thresholds.pop().unwrap_or(Fluence::NEVER),
            });
            wear.waiting.push(thresholds);
        }
        wear
    }

    /// Lets a charge pass at a place of the crystal; appends for each atom that goes the share of the charge after which it
    /// does, and its column.
    // by itself, so that the loop has all registers
    #[inline(never)]
    pub(super) fn pass(
        &mut self,
        reach: &Reach,
        illumination: &Illumination,
        place: Point,
        charge: Charge,
        departures: &mut Vec<(f64, usize)>,
    ) {
        let aim = FixedPlace::from(place);
        for &index in reach.near(place) {
            let column = index as usize;
            // no look at whether it is zero: for a third it is, and the processor cannot foresee for which
            let intensity = illumination.between(aim, reach.places[column]);
            let step = Fluence::of_steps(charge, intensity);
            let worn = &mut self.columns[column];
            worn.fluence += step;
            if worn.fluence < worn.next {
                continue;
            }
            let before = worn.fluence - step;
            while let Some(share) = before.crossing(step, worn.next) {
                departures.push((share, column));
                worn.next = self.waiting[column].pop().unwrap_or(Fluence::NEVER);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_column_within_reach_is_forgotten(
            places in prop::collection::vec((0.0..40.0_f64, 0.0..30.0_f64), 0..60),
            beam in (-2.0..44.0_f64, -2.0..44.0_f64),
        ) {
            let places: Vec<Point> = places.into_iter().map(|(y, x)| Point::new(y, x)).collect();
            let reach = Reach::new(places.iter().map(|place| (*place, true)));
            let beam = Point::new(beam.0, beam.1);
            let near = reach.near(beam);
            for (index, place) in places.iter().enumerate() {
                // beams outside the crystal's frame wear nothing: the margin is wider than the reach
                if place.distance(beam) < REACH && beam.y >= 0.0 && beam.x >= 0.0 {
                    prop_assert!(near.contains(&(index as u32)));
                }
            }
        }
    }
}
