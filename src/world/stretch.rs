//! Visits that follow one another, worked on together.

use super::illumination::FixedPlace;
use super::visited::{Known, Visited, place_key};
use crate::stem::Charge;
use crate::units::Point;

/// Visits of one charge that follow one another: a scan line, or a part of it or of a list.
///
/// Each step of the simulation goes through all of them before the next one begins, because a processor overlaps what repeats
/// itself: that takes about half of the time of visits simulated one by one.
#[derive(Debug, Clone, Default)]
pub(super) struct Stretch {
    /// Charge of each visit.
    pub charge: Charge,
    /// Place of the first visit in its line, if they lie on a line.
    pub along: Option<usize>,
    /// Where the beam was sent, Å.
    pub places: Vec<Point>,
    /// Names of the places.
    pub keys: Vec<u64>,
    /// Numbers of their records.
    pub records: Vec<u32>,
    /// How often each place was visited before.
    pub numbers: Vec<u64>,
    /// Times of the visits, s.
    pub times: Vec<f64>,
    /// Where the beam truly is in the field, Å.
    pub truly: Vec<Point>,
    /// The same in the crystal.
    pub crystal: Vec<Point>,
    /// The same in whole steps.
    pub aims: Vec<FixedPlace>,
    /// Local dose before and after each visit, e⁻/Å²; zero where nothing depends on it.
    pub doses: Vec<[f64; 2]>,
    /// Electrons that are expected on the detector.
    pub expected: Vec<f64>,
}

impl Stretch {
    /// Most visits of a stretch: their arrays stay in the processor's nearest memory.
    pub(super) const MOST: usize = 128;

    /// Without visits, each of which will bring this charge.
    pub(super) fn begin(&mut self, charge: Charge, along: Option<usize>) {
        self.charge = charge;
        self.along = along;
        self.places.clear();
        self.keys.clear();
        self.records.clear();
        self.numbers.clear();
        self.times.clear();
        self.truly.clear();
    }

    /// Names the places and counts the visits to them, which so many of their scan came before.
    pub(super) fn count(&mut self, visited: &mut Visited, known: Known, done: usize) {
        (self.keys).extend(self.places.iter().map(|place| place_key(*place)));
        let counted = (&mut self.records, &mut self.numbers);
        visited.count(&self.keys, known, done, counted);
    }

    /// Number of visits.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }
}
