//! What has happened at each probe position so far.

use crate::units::Point;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};

/// What has happened at one probe position.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Record {
    /// Visits so far.
    pub number: u64,
    /// Expected detected electrons so far: how far the position's arrival process has advanced.
    pub exposure: f64,
}

/// The records of all places that were visited, in the order of their first visits.
#[derive(Debug, Default)]
pub(super) struct Visited {
    by_key: HashMap<u64, u32, BuildHasherDefault<AlreadyMixed>>,
    records: Vec<Record>,
}

impl Visited {
    /// Makes room for so many places more.
    pub(super) fn reserve(&mut self, places: usize) {
        self.by_key.reserve(places);
        self.records.reserve(places);
    }

    /// Counts a visit: the place of its record, and how often the place was visited before.
    #[inline]
    pub(super) fn count(&mut self, key: u64) -> (u32, u64) {
        match self.by_key.entry(key) {
            Entry::Occupied(entry) => {
                let record = &mut self.records[*entry.get() as usize];
                record.number += 1;
                (*entry.get(), record.number - 1)
            }
            Entry::Vacant(entry) => {
                let index = self.records.len() as u32;
                self.records.push(Record {
                    number: 1,
                    exposure: 0.0,
                });
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

    #[test]
    fn visits_are_counted_by_place() {
        let mut visited = Visited::default();
        let [here, there] = [3.004, 3.016].map(|y| place_key(Point::new(y, 7.0)));
        assert_eq!(here, place_key(Point::new(2.996, 7.004)));
        assert_ne!(here, there);
        let (first, before) = visited.count(here);
        assert_eq!(before, 0);
        let (other, before) = visited.count(there);
        assert_eq!(before, 0);
        assert_eq!(visited.count(here), (first, 1));
        assert_eq!(visited.expose(first, 2.5), [0.0, 2.5]);
        assert_eq!(visited.expose(other, 1.0), [0.0, 1.0]);
        assert_eq!(visited.expose(first, 0.5), [2.5, 3.0]);
    }
}
