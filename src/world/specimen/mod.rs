//! A specimen: what is under the beam, seen by it and worn by it. Nobody but the scorer reads it.

mod columns;
mod realise;

pub(super) use columns::Reach;

use super::blueprint::{Blueprint, Content};
use super::canvas::Canvas;
use super::damage::{DoseMap, EnergyTrail};
use super::regions::Regions;
use super::site::SiteKind;
use super::task::Truth;
use crate::stem::Charge;
use crate::units::Point;
use columns::Wear;
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
    /// Sorted by y.
    nuclei: Vec<Nucleus>,
    truth: Truth,
    tally: Tally,
    /// What goes or appears during a visit, with the share of the visit after which it does; empty between visits but for its
    /// memory.
    departures: Vec<(f64, usize)>,
}

/// A column as it is now.
#[derive(Debug, Clone, Copy)]
struct Column {
    /// Number of its hypothesis in its kind.
    hypothesis: u16,
    /// Atoms that have gone.
    lost: u16,
}

impl Column {
    /// Number of its appearance in its kind.
    fn appearance(&self, kind: &SiteKind) -> usize {
        kind.hypotheses[usize::from(self.hypothesis)].chain[usize::from(self.lost)]
    }
}

/// A place where a speck will appear.
#[derive(Debug, Clone, Copy)]
struct Nucleus {
    /// In the crystal, Å.
    place: Point,
    /// Local dose at which it does, e⁻/Å².
    threshold: f64,
    grown: bool,
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

    /// Fraction of the electrons detected with the beam truly at `place` of the field, as the specimen is now.
    pub(super) fn signal(&self, place: Point) -> f64 {
        let crystal = self.blueprint.lattice.to_crystal(place);
        let dose = self
            .dose_map
            .as_ref()
            .map_or(0.0, |map| map.dose_at(crystal.y, crystal.x));
        self.signal_between(crystal, [dose, dose])
    }

    /// The same at a place of the crystal, averaged over a visit during which the local dose grows.
    fn signal_between(&self, crystal: Point, doses: [f64; 2]) -> f64 {
        let mut signal = self
            .canvas
            .as_ref()
            .map_or(0.0, |canvas| canvas.at(crystal));
        if let (Content::Regions(plan), Some(regions)) = (&self.blueprint.content, &self.regions) {
            signal += regions.signal(&plan.phases, crystal, doses);
        }
        if let Some(contamination) = &self.blueprint.contamination {
            signal += contamination.mean(doses[0], doses[1]);
        }
        // Interpolation may undershoot zero by parts per million in an empty place.
        signal.max(0.0)
    }

    /// The beam deposits `charge` at `place` at a time (s): returns the number of electrons expected on the detector, and
    /// lets go what has to. Within the visit the image changes at the moment something does, and decay is averaged over
    /// the visit, so that a visit split into parts is exactly the same as the whole.
    pub(super) fn expose(&mut self, place: Point, charge: Charge, time: f64) -> f64 {
        let Self {
            blueprint,
            wear,
            dose_map,
            diffusion,
            nuclei,
            departures,
            ..
        } = self;
        let crystal = blueprint.lattice.to_crystal(place);
        departures.clear();
        if let Some(wear) = wear {
            let (reach, illumination) = (&blueprint.reach, &blueprint.illumination);
            wear.pass(reach, illumination, crystal, charge, departures);
        }
        let mut doses = [0.0; 2];
        if let Some(map) = dose_map {
            let corners = map.corners(crystal.y, crystal.x);
            doses[0] = map.dose_in(corners);
            let passed = match diffusion {
                None => charge,
                Some(diffusion) => diffusion.effective(charge, crystal.y, crystal.x, time),
            };
            let near = nuclei_near(nuclei, map, crystal);
            map.deposit_in(corners, passed);
            doses[1] = map.dose_in(corners);
            for (index, before) in near {
                let Nucleus {
                    place, threshold, ..
                } = nuclei[index];
                let after = map.dose_at(place.y, place.x);
                if after >= threshold && after > before {
                    let share = ((threshold - before) / (after - before)).clamp(0.0, 1.0);
                    departures.push((share, self.columns.len() + index));
                }
            }
        }
        match self.departures.is_empty() {
            true => charge.electrons() * self.signal_between(crystal, doses),
            false => self.expose_changing(crystal, charge, doses),
        }
    }

    /// The number of electrons expected of a visit during which something goes or appears.
    #[cold]
    fn expose_changing(&mut self, crystal: Point, charge: Charge, doses: [f64; 2]) -> f64 {
        let blueprint = self.blueprint.clone();
        let mut departures = std::mem::take(&mut self.departures);
        departures.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let at = |share: f64| doses[0] + share * (doses[1] - doses[0]);
        let (mut expected, mut elapsed) = (0.0, 0.0);
        for &(share, what) in departures.iter().chain([&(1.0, usize::MAX)]) {
            let part = charge.electrons() * (share - elapsed);
            expected += part * self.signal_between(crystal, [at(elapsed), at(share)]);
            elapsed = share;
            if what != usize::MAX {
                self.change(&blueprint, what);
            }
        }
        self.departures = departures;
        expected
    }

    /// Lets an atom of a column go, or a speck appear.
    fn change(&mut self, blueprint: &Blueprint, what: usize) {
        if what < self.columns.len() {
            self.remove_atom(blueprint, what);
            return;
        }
        let nucleus = &mut self.nuclei[what - self.columns.len()];
        nucleus.grown = true;
        if let (Some(canvas), Some(speck)) = (&mut self.canvas, &blueprint.nucleation) {
            canvas.add_blob(nucleus.place, speck.brightness, speck.radius);
        }
    }

    fn remove_atom(&mut self, blueprint: &Blueprint, index: usize) {
        let Some(placed) = blueprint.content.placed().get(index) else {
            return;
        };
        let column = &mut self.columns[index];
        let kind = &blueprint.kinds[placed.site.kind];
        let before = column.appearance(kind);
        column.lost += 1;
        let after = column.appearance(kind);
        self.tally.lost += usize::from(index < blueprint.content.inside());
        if let Some(canvas) = &mut self.canvas {
            let (columns, placed) = (&self.columns, blueprint.content.placed());
            let now =
                |other: usize| columns[other].appearance(&blueprint.kinds[placed[other].site.kind]);
            blueprint
                .content
                .repaint(canvas, index, (before, after), now);
        }
    }
}

/// Specks yet to come whose dose a deposit at a place may raise, with their dose now; `nuclei` are sorted by y.
fn nuclei_near(nuclei: &[Nucleus], map: &DoseMap, place: Point) -> Vec<(usize, f64)> {
    let [along_y, along_x] = map.reach();
    let first = nuclei.partition_point(|nucleus| nucleus.place.y < place.y - along_y);
    let near = nuclei.iter().enumerate().skip(first);
    near.take_while(|(_, nucleus)| nucleus.place.y <= place.y + along_y)
        .filter(|(_, nucleus)| !nucleus.grown && (nucleus.place.x - place.x).abs() <= along_x)
        .map(|(index, nucleus)| (index, map.dose_at(nucleus.place.y, nucleus.place.x)))
        .collect()
}
