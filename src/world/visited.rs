//! What has happened at each probe position so far.

use super::scan::Grid;
use crate::units::Point;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};

/// Distance from which on two places have names of their own, Å.
const FAR_APART: f64 = 0.02;

/// What has happened at one probe position.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Record {
    /// Visits so far.
    pub number: u64,
    /// Expected detected electrons so far: how far the position's arrival process has advanced.
    pub exposure: f64,
}

impl Record {
    /// After a first visit that has not been exposed yet.
    const FIRST: Self = Self {
        number: 1,
        exposure: 0.0,
    };

    /// Counts a visit: how many there were before.
    #[inline]
    fn count(&mut self) -> u64 {
        self.number += 1;
        self.number - 1
    }
}

/// The records of all places that were visited, in the order of their first visits.
///
/// They are found by name; but the names of a first rectangle need not be looked up, nor those of a rectangle that was scanned
/// before, so that they are put into the table only when it is needed.
#[derive(Debug, Default)]
pub(super) struct Visited {
    keys: Vec<u64>,
    records: Vec<Record>,
    by_key: HashMap<u64, u32, BuildHasherDefault<AlreadyMixed>>,
    /// The rectangle to which the first records belong.
    first: Option<Grid>,
}

/// What is known beforehand of the records of a scan's places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// No place was visited before, and no two are the same.
    Fresh,
    /// They are the first ones in their order.
    Again,
    /// Nothing.
    Unknown,
}

impl Visited {
    /// What is known of the places of a scan that begins, which are so many; makes room for them.
    pub(super) fn begin(&mut self, grid: Option<Grid>, places: usize) -> Known {
        if self.records.is_empty() && grid.is_some_and(|grid| grid.stride >= FAR_APART) {
            self.keys.reserve(places);
            self.records.reserve(places);
            return Known::Fresh;
        }
        if grid.is_some() && grid == self.first {
            return Known::Again;
        }
        self.records.reserve(places);
        self.by_key
            .reserve(self.records.len() - self.by_key.len() + places);
        for (key, record) in self.keys.drain(..).zip(0..) {
            self.by_key.insert(key, record);
        }
        Known::Unknown
    }

    /// Tells that a scan that was [`Known::Fresh`] has come to its end.
    pub(super) fn complete(&mut self, grid: Option<Grid>) {
        self.first = grid;
    }

    /// Counts visits to places of a scan, of which so many came before; appends the places of their records, and how often each
    /// was visited before.
    pub(super) fn count(
        &mut self,
        keys: &[u64],
        known: Known,
        done: usize,
        (records, numbers): (&mut Vec<u32>, &mut Vec<u64>),
    ) {
        let next = self.records.len();
        match known {
            Known::Fresh => {
                self.keys.extend_from_slice(keys);
                self.records.resize(next + keys.len(), Record::FIRST);
                records.extend((next..next + keys.len()).map(|record| record as u32));
                numbers.resize(numbers.len() + keys.len(), 0);
            }
            Known::Again => {
                let again = &mut self.records[done..done + keys.len()];
                records.extend((done..done + keys.len()).map(|record| record as u32));
                numbers.extend(again.iter_mut().map(Record::count));
            }
            Known::Unknown => {
                for key in keys {
                    let (record, number) = self.look_up(*key);
                    records.push(record);
                    numbers.push(number);
                }
            }
        }
    }

    /// Counts a visit to a place of which nothing is known.
    #[inline]
    fn look_up(&mut self, key: u64) -> (u32, u64) {
        match self.by_key.entry(key) {
            Entry::Occupied(entry) => {
                let record = *entry.get();
                (record, self.records[record as usize].count())
            }
            Entry::Vacant(entry) => {
                let index = self.records.len() as u32;
                self.records.push(Record::FIRST);
                (*entry.insert(index), 0)
            }
        }
    }

    /// Advances the arrival process of a place: from where to where.
    #[inline]
    pub(super) fn expose(&mut self, record: u32, expected: f64) -> [f64; 2] {
        let exposure = &mut self.records[record as usize].exposure;
        let before = *exposure;
        *exposure += expected;
        [before, *exposure]
    }
}

/// A probe position to a hundredth of an Å: two requests closer than that are the same place. Mixed, so that a table can take
/// it as it is.
#[inline]
pub(super) fn place_key(place: Point) -> u64 {
    // positions lie in the field, so that truncation after a half is rounding
    let hundredths = |value: f64| (value * 100.0 + 0.5) as u32;
    let packed = (u64::from(hundredths(place.y)) << 32) | u64::from(hundredths(place.x));
    crate::random::mixed(packed)
}

/// A hasher for keys that are hashes already.
#[derive(Debug, Default, Clone, Copy)]
struct AlreadyMixed(u64);

impl Hasher for AlreadyMixed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GRID: Grid = Grid {
        corner: Point::new(1.0, 2.0),
        rows: 3,
        columns: 4,
        stride: 0.5,
    };

    /// Counts visits and gives the numbers of their records and of the visits before.
    fn count(
        visited: &mut Visited,
        keys: &[u64],
        known: Known,
        done: usize,
    ) -> (Vec<u32>, Vec<u64>) {
        let (mut records, mut numbers) = (Vec::new(), Vec::new());
        visited.count(keys, known, done, (&mut records, &mut numbers));
        (records, numbers)
    }

    #[test]
    fn visits_are_counted_by_place() {
        let mut visited = Visited::default();
        let [here, there] = [3.004, 3.016].map(|y| place_key(Point::new(y, 7.0)));
        assert_eq!(here, place_key(Point::new(2.996, 7.004)));
        assert_ne!(here, there);
        let known = visited.begin(None, 3);
        let found = count(&mut visited, &[here, there, here], known, 0);
        assert_eq!(found, (vec![0, 1, 0], vec![0, 0, 1]));
        assert_eq!(visited.expose(0, 2.5), [0.0, 2.5]);
        assert_eq!(visited.expose(1, 1.0), [0.0, 1.0]);
        assert_eq!(visited.expose(0, 0.5), [2.5, 3.0]);
    }

    proptest! {
        #[test]
        fn what_is_known_beforehand_changes_nothing(
            scans in prop::collection::vec((0..3_usize, prop::collection::vec(0..20_u64, 1..30), 1..13_usize), 1..6),
        ) {
            let (mut knowing, mut asking) = (Visited::default(), Visited::default());
            for (kind, list, part) in scans {
                let (grid, keys) = match kind {
                    // the places of the grid have the names 0 to 11
                    0 => (Some(GRID), (0..12).collect()),
                    1 => (Some(Grid { stride: 0.01, ..GRID }), list),
                    _ => (None, list),
                };
                let known = knowing.begin(grid, keys.len());
                let unknown = asking.begin(None, keys.len());
                prop_assert_eq!(unknown, Known::Unknown);
                let mut done = 0;
                for keys in keys.chunks(part) {
                    let found = count(&mut knowing, keys, known, done);
                    prop_assert_eq!(found, count(&mut asking, keys, unknown, done));
                    done += keys.len();
                }
                if known == Known::Fresh {
                    knowing.complete(grid);
                }
            }
        }
    }
}
