//! A specimen: what is under the beam, seen by it and worn by it. Nobody but the scorer reads it.

mod columns;
mod realise;

use super::blueprint::{Blueprint, Content};
use super::damage::{Corners, DoseMap, EnergyTrail};
use super::illumination::FixedPlace;
use super::image::Canvas;
use super::regions::Regions;
use super::site::SiteKind;
use super::stretch::Stretch;
use super::task::Truth;
use crate::random::StreamKey;
use crate::stem::Charge;
use crate::units::Point;
use columns::Wear;
use std::ops::Range;
use std::sync::Arc;

/// The specimen of one episode.
#[derive(Debug, Clone)]
pub(super) struct Specimen {
    blueprint: Arc<Blueprint>,
    /// The image of the crystal with all that has changed in it, where it is made of columns.
    canvas: Option<Canvas>,
    /// Which phase is where, where it is made of domains.
    regions: Option<Regions>,
    columns: Vec<Column>,
    wear: Option<Wear>,
    dose_map: Option<DoseMap>,
    diffusion: Option<EnergyTrail>,
    /// Sorted by y, and numbered so.
    nuclei: Vec<Nucleus>,
    truth: Truth,
    tally: Tally,
    /// Where atoms that hop land.
    hops: StreamKey,
    /// What goes or appears during a stretch of visits; empty between them but for its memory.
    departures: Vec<Departure>,
    /// What counts for the damage of each visit of a stretch; likewise.
    passed: Vec<Charge>,
}

/// Something that goes or appears.
#[derive(Debug, Clone, Copy)]
struct Departure {
    /// Number of the visit in its stretch.
    visit: usize,
    /// The share of the visit after which it happens.
    share: f64,
    /// A column that loses an atom, or, counted on from the columns, a speck.
    what: usize,
}

/// A column as it is now.
#[derive(Debug, Clone, Copy)]
struct Column {
    /// Number of its hypothesis in its kind.
    hypothesis: u16,
    /// Atoms that have gone.
    lost: u16,
    /// Atoms that have landed on it.
    gained: u16,
}

impl Column {
    /// Number of its appearance in its kind; where atoms land it is their number, and no more are shown than the tallest has.
    fn appearance(&self, kind: &SiteKind) -> usize {
        let left = kind.hypotheses[usize::from(self.hypothesis)].chain[usize::from(self.lost)];
        (left + usize::from(self.gained)).min(kind.appearances.len().saturating_sub(1))
    }
}

/// A place where a speck will appear.
#[derive(Debug, Clone, Copy)]
struct Nucleus {
    number: usize,
    /// In the crystal, Å.
    place: Point,
    /// The cells that it lies in.
    corners: Corners,
    /// Local dose there so far, e⁻/Å².
    dose: f64,
    /// Local dose at which it does, e⁻/Å².
    threshold: f64,
    grown: bool,
}

impl Nucleus {
    /// Brings the local dose up to date: the share of its last rise after which the speck appears, if it does.
    #[inline]
    fn crossing(&mut self, map: &DoseMap) -> Option<f64> {
        let (before, after) = (self.dose, map.dose_in(self.corners));
        self.dose = after;
        let appears = after >= self.threshold && after > before;
        appears.then(|| ((self.threshold - before) / (after - before)).clamp(0.0, 1.0))
    }
}

/// What the beam has done inside the field.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    at_risk: usize,
    lost: usize,
}

impl Specimen {
    /// The pristine truth.
    pub(super) fn truth(&self) -> &Truth {
        &self.truth
    }

    /// Share of what the beam can damage in the field that it has damaged: atoms at risk that have gone, or the mean share
    /// of decaying cells that is no longer pristine.
    pub(super) fn damaged_fraction(&self) -> f64 {
        match (&self.blueprint.content, &self.regions, &self.dose_map) {
            (Content::Regions(plan), Some(regions), Some(map)) => {
                let mut sum = 0.0;
                let mut count = 0.0;
                for &(cell, _) in &plan.inside {
                    if let Some(decay) = &plan.phases[regions.label(cell)].decay {
                        let middle = regions.grid().middle(cell);
                        sum += 1.0 - decay.fractions(map.dose_at(middle.y, middle.x))[0];
                        count += 1.0;
                    }
                }
                if count > 0.0 { sum / count } else { 0.0 }
            }
            _ if self.tally.at_risk > 0 => self.tally.lost as f64 / self.tally.at_risk as f64,
            _ => 0.0,
        }
    }

    /// Fractions of the electrons detected with the beam truly at places of the field, as the specimen is now.
    pub(super) fn signals(&self, places: &[Point]) -> Vec<f64> {
        let lattice = &self.blueprint.lattice;
        let crystal: Vec<Point> = places
            .iter()
            .map(|place| lattice.to_crystal(*place))
            .collect();
        let doses = crystal.iter().map(|place| {
            let map = self.dose_map.as_ref();
            [map.map_or(0.0, |map| map.dose_at(place.y, place.x)); 2]
        });
        let doses: Vec<[f64; 2]> = doses.collect();
        let mut signals = vec![0.0; places.len()];
        self.add_signals(&crystal, &doses, &mut signals);
        signals
    }

    /// The fraction at a place of the crystal, averaged over a visit during which the local dose grows.
    fn signal_between(&self, crystal: Point, doses: [f64; 2]) -> f64 {
        let mut signal = [0.0];
        self.add_signals(&[crystal], &[doses], &mut signal);
        signal[0]
    }

    /// The same for many places; one thing after another is added to zeros.
    fn add_signals(&self, crystal: &[Point], doses: &[[f64; 2]], signals: &mut [f64]) {
        if let Some(canvas) = &self.canvas {
            for (signal, place) in signals.iter_mut().zip(crystal) {
                *signal += canvas.at(*place);
            }
        }
        if let (Content::Regions(plan), Some(regions)) = (&self.blueprint.content, &self.regions) {
            regions.add_signals(&plan.phases, crystal, doses, signals);
        }
        if let Some(contamination) = &self.blueprint.contamination {
            for (signal, doses) in signals.iter_mut().zip(doses) {
                *signal += contamination.mean(doses[0], doses[1]);
            }
        }
        // Interpolation may undershoot zero by parts per million in an empty place.
        for signal in signals {
            *signal = signal.max(0.0);
        }
    }

    /// The beam makes a stretch of visits: finds the numbers of electrons expected on the detector, and lets go what has to.
    /// Within a visit the image changes at the moment something does, and decay is averaged over the visit, so that a visit
    /// split into parts is exactly the same as the whole.
    pub(super) fn expose(&mut self, stretch: &mut Stretch) {
        let lattice = &self.blueprint.lattice;
        stretch.crystal.clear();
        let truly = stretch.truly.iter();
        (stretch.crystal).extend(truly.map(|place| lattice.to_crystal(*place)));
        self.departures.clear();
        if let Some(wear) = &mut self.wear {
            stretch.aims.clear();
            (stretch.aims).extend(stretch.crystal.iter().map(|place| FixedPlace::from(*place)));
            let illumination = &self.blueprint.illumination;
            wear.pass(illumination, stretch, &mut self.departures);
        }
        self.deposit(stretch);
        stretch.expected.clear();
        stretch.expected.resize(stretch.len(), 0.0);
        if self.departures.is_empty() {
            self.look(stretch, 0..stretch.len());
        } else {
            self.look_at_change(stretch);
        }
    }

    /// Books the local dose and finds the specks that it makes appear.
    fn deposit(&mut self, stretch: &mut Stretch) {
        let Stretch {
            charge,
            crystal,
            times,
            doses,
            ..
        } = stretch;
        doses.clear();
        let Some(map) = &mut self.dose_map else {
            doses.resize(crystal.len(), [0.0; 2]);
            return;
        };
        let specks = nuclei_near(&self.nuclei, map.reach()[0], crystal);
        let specks = &mut self.nuclei[specks];
        self.passed.clear();
        match &mut self.diffusion {
            None => self.passed.resize(crystal.len(), *charge),
            Some(diffusion) => {
                let visits = crystal.iter().zip(times);
                let effective =
                    visits.map(|(p, time)| diffusion.effective(*charge, p.y, p.x, *time));
                self.passed.extend(effective);
            }
        }
        for (visit, (place, passed)) in crystal.iter().zip(&self.passed).enumerate() {
            doses.push(map.deposit(*passed, place.y, place.x));
            for speck in specks.iter_mut().filter(|speck| !speck.grown) {
                if let Some(share) = speck.crossing(map) {
                    speck.grown = true;
                    self.departures.push(Departure {
                        visit,
                        share,
                        what: self.columns.len() + speck.number,
                    });
                }
            }
        }
    }

    /// The numbers of electrons expected of visits during which nothing goes or appears.
    fn look(&self, stretch: &mut Stretch, visits: Range<usize>) {
        let electrons = stretch.charge.electrons();
        let expected = &mut stretch.expected[visits.clone()];
        self.add_signals(
            &stretch.crystal[visits.clone()],
            &stretch.doses[visits],
            expected,
        );
        expected.iter_mut().for_each(|signal| *signal *= electrons);
    }

    /// The numbers of electrons expected of a stretch during which something goes or appears.
    #[cold]
    fn look_at_change(&mut self, stretch: &mut Stretch) {
        let blueprint = self.blueprint.clone();
        let mut departures = std::mem::take(&mut self.departures);
        departures.sort_by(|a, b| {
            let shares = a.share.total_cmp(&b.share);
            (a.visit.cmp(&b.visit))
                .then(shares)
                .then(a.what.cmp(&b.what))
        });
        let mut done = 0;
        for together in departures.chunk_by(|a, b| a.visit == b.visit) {
            let visit = together[0].visit;
            self.look(stretch, done..visit);
            let (place, doses) = (stretch.crystal[visit], stretch.doses[visit]);
            let at = |share: f64| doses[0] + share * (doses[1] - doses[0]);
            let (mut expected, mut elapsed) = (0.0, 0.0);
            for departure in together {
                let part = stretch.charge.electrons() * (departure.share - elapsed);
                expected += part * self.signal_between(place, [at(elapsed), at(departure.share)]);
                elapsed = departure.share;
                self.change(&blueprint, departure.what);
            }
            let rest = stretch.charge.electrons() * (1.0 - elapsed);
            expected += rest * self.signal_between(place, [at(elapsed), at(1.0)]);
            stretch.expected[visit] = expected;
            done = visit + 1;
        }
        self.look(stretch, done..stretch.len());
        self.departures = departures;
    }

    /// Lets an atom of a column go, or a speck appear.
    fn change(&mut self, blueprint: &Blueprint, what: usize) {
        if what >= self.columns.len() {
            let place = self.nuclei[what - self.columns.len()].place;
            if let (Some(canvas), Some(speck)) = (&mut self.canvas, &blueprint.nucleation) {
                canvas.add_blob(place, speck.brightness, speck.radius);
            }
            return;
        }
        self.tally.lost += usize::from(what < blueprint.content.inside());
        self.update(blueprint, what, |column| column.lost += 1);
        if let Content::Particle(plan) = &blueprint.content {
            let pristine = |place: usize| usize::from(self.columns[place].hypothesis);
            let chance = self.hops.with(what as u64).bits();
            if let Some(landing) = plan.landing(what, pristine, chance) {
                self.update(blueprint, landing, |column| column.gained += 1);
            }
        }
    }

    /// Changes a column and brings the image up to date.
    fn update(&mut self, blueprint: &Blueprint, index: usize, change: impl FnOnce(&mut Column)) {
        let placed = blueprint.content.placed();
        let kind = &blueprint.kinds[placed[index].site.kind];
        let column = &mut self.columns[index];
        let before = column.appearance(kind);
        change(column);
        let after = column.appearance(kind);
        if let Some(canvas) = &mut self.canvas {
            let columns = &self.columns;
            let now =
                |other: usize| columns[other].appearance(&blueprint.kinds[placed[other].site.kind]);
            let content = &blueprint.content;
            content.repaint(canvas, index, (before, after), now);
        }
    }
}

/// The specks whose dose visits may raise that go no farther than so far along y; `nuclei` are sorted by y.
fn nuclei_near(nuclei: &[Nucleus], reach: f64, visits: &[Point]) -> Range<usize> {
    if nuclei.is_empty() {
        return 0..0;
    }
    let along = visits.iter().map(|place| place.y);
    let low = along.clone().fold(f64::INFINITY, f64::min) - reach;
    let high = along.fold(f64::NEG_INFINITY, f64::max) + reach;
    let first = nuclei.partition_point(|nucleus| nucleus.place.y < low);
    let end = nuclei.partition_point(|nucleus| nucleus.place.y <= high);
    first..end.max(first)
}
