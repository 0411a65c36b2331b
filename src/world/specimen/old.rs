//! A specimen: the crystal with its defects, seen by the beam and worn by it. Nobody but the scorer reads it.

use super::briefing::{Briefing, Defect, LatticeSite, MARGIN};
use crate::random::{Purpose, Stream};
use crate::stem::{Charge, Element, Fluence, KERNEL_RADIUS};
use crate::units::{Point, Seed};
use ndarray::Array2;
use rand::RngExt;
use std::sync::Arc;

/// Pixel of the map of differences from the perfect crystal, Å.
const PIXEL: f64 = 0.1;
/// Side of the bins in which columns are looked up, Å.
const BIN: f64 = 4.0;

/// No probe is brighter than this, 1/Å²: a coherent one of 60 mrad at 400 keV has a peak of π(α/λ)² = 42. An atom that
/// would need more than the whole budget at this intensity stays for ever, and need not be watched.
const HIGHEST_INTENSITY: f64 = 100.0;

/// A column as it is now.
#[derive(Debug, Clone)]
struct Column {
    site: LatticeSite,
    /// Element of the atoms that are there now.
    element: Element,
    remaining: u8,
    /// Dose that has passed the column.
    fluence: Fluence,
    /// Doses at which the remaining atoms leave, the earliest last.
    thresholds: Vec<Fluence>,
}

#[derive(Debug, Clone)]
pub(super) struct Specimen {
    briefing: Arc<Briefing>,
    /// The sites of the field first, in the order of the briefing, then those beyond it.
    columns: Vec<Column>,
    defects: Vec<Option<Defect>>,
    bins: Vec<Vec<u32>>,
    bin_columns: usize,
    /// Image minus that of the perfect crystal, on a grid that starts at (−MARGIN, −MARGIN).
    difference: Array2<f64>,
    lost: usize,
}

impl Specimen {
    /// The specimen that `seed` stands for.
    pub(super) fn realise(briefing: Arc<Briefing>, seed: Seed) -> Self {
        let sites: Vec<LatticeSite> = briefing
            .sites
            .iter()
            .chain(&briefing.beyond)
            .copied()
            .collect();
        let defects = draw_defects(&briefing, &sites, seed);
        let extent = |length: f64| ((length + 2.0 * MARGIN) / PIXEL).ceil() as usize + 1;
        let bins_along = |length: f64| ((length + 2.0 * MARGIN) / BIN).ceil() as usize + 1;
        let bin_columns = bins_along(briefing.width);
        let mut specimen = Self {
            difference: Array2::zeros((extent(briefing.height), extent(briefing.width))),
            bins: vec![Vec::new(); bins_along(briefing.height) * bin_columns],
            bin_columns,
            columns: Vec::with_capacity(sites.len()),
            defects: Vec::new(),
            lost: 0,
            briefing,
        };
        let highest_dose = HIGHEST_INTENSITY * specimen.briefing.budget_electrons();
        for (index, (site, defect)) in sites.iter().zip(&defects).enumerate() {
            let (element, remaining) = match defect {
                None => (site.element, site.atoms),
                Some(Defect::Vacancy { removed }) => {
                    (site.element, site.atoms.saturating_sub(*removed))
                }
                Some(Defect::Substitution { with }) => (*with, site.atoms),
            };
            let cross_section = specimen.briefing.cross_section(element);
            let mut thresholds: Vec<Fluence> = (0..remaining)
                .map(|atom| {
                    let key = [index as u64, u64::from(atom)];
                    let waiting = Stream::new(seed, Purpose::DamageThreshold, key).exponential();
                    if waiting < cross_section * highest_dose {
                        Fluence::from_dose(waiting / cross_section)
                    } else {
                        Fluence::NEVER
                    }
                })
                .collect();
            thresholds.sort_by(|a, b| b.cmp(a));
            let bin = specimen.bin(site.position);
            specimen.bins[bin].push(index as u32);
            specimen.columns.push(Column {
                site: *site,
                element,
                remaining,
                fluence: Fluence::default(),
                thresholds,
            });
            let (before, after) = (f64::from(site.atoms), f64::from(remaining));
            if element == site.element {
                specimen.paint(site.position, element, after - before);
            } else {
                specimen.paint(site.position, site.element, -before);
                specimen.paint(site.position, element, after);
            }
        }
        specimen.defects = defects;
        specimen.defects.truncate(specimen.briefing.sites.len());
        specimen
    }

    /// The pristine truth: for every site of the field, its defect if it has one.
    pub(super) fn truth(&self) -> &[Option<Defect>] {
        &self.defects
    }

    /// Share of the damageable atoms in the field that the beam has knocked out.
    pub(super) fn damaged_fraction(&self) -> f64 {
        let all: usize = self.columns[..self.defects.len()]
            .iter()
            .filter(|c| self.briefing.cross_section(c.element) > 0.0)
            .map(|c| c.thresholds.len())
            .sum();
        if all + self.lost == 0 {
            0.0
        } else {
            self.lost as f64 / (all + self.lost) as f64
        }
    }

    /// Fraction of the electrons detected with the probe truly at `place`.
    pub(super) fn signal(&self, place: Point) -> f64 {
        let (row, column) = ((place.y + MARGIN) / PIXEL, (place.x + MARGIN) / PIXEL);
        let (rows, columns) = self.difference.dim();
        let changed = crate::stem::interpolation::bicubic(row, column, |r, c| {
            if r < 0 || c < 0 || r as usize >= rows || c as usize >= columns {
                return 0.0;
            }
            self.difference[[r as usize, c as usize]]
        });
        // Interpolation may undershoot zero by parts per million in an empty place.
        (self.briefing.optics.perfect.at(place) + changed).max(0.0)
    }

    /// The beam deposits `charge` at `place`: returns the number of electrons expected on the detector, and lets the
    /// atoms go whose time has come. Within the visit the image changes at the moment an atom leaves, so a visit split
    /// into parts is exactly the same as the whole.
    pub(super) fn expose(&mut self, place: Point, charge: Charge) -> f64 {
        let electrons = charge.electrons();
        let mut departures: Vec<(f64, u32)> = Vec::new();
        for row in self.bin_range(place.y, self.briefing.height) {
            for column in self.bin_range(place.x, self.briefing.width) {
                for &index in &self.bins[row * self.bin_columns + column] {
                    let entry = &mut self.columns[index as usize];
                    if entry.thresholds.last().is_none_or(|t| *t == Fluence::NEVER) {
                        continue;
                    }
                    let (dy, dx) = (
                        place.y - entry.site.position.y,
                        place.x - entry.site.position.x,
                    );
                    if dy * dy + dx * dx >= KERNEL_RADIUS * KERNEL_RADIUS {
                        continue;
                    }
                    let intensity = self.briefing.optics.illumination.at(dy, dx).max(0.0);
                    let step = Fluence::of(charge, intensity);
                    let leaving = entry
                        .thresholds
                        .iter()
                        .rev()
                        .map_while(|t| entry.fluence.crossing(step, *t));
                    departures.extend(leaving.map(|fraction| (fraction, index)));
                    entry.fluence += step;
                }
            }
        }
        if departures.is_empty() {
            return electrons * self.signal(place);
        }
        departures.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let (mut expected, mut elapsed) = (0.0, 0.0);
        for (fraction, index) in departures {
            expected += electrons * (fraction - elapsed) * self.signal(place);
            elapsed = fraction;
            self.remove_atom(index as usize);
        }
        expected + electrons * (1.0 - elapsed) * self.signal(place)
    }

    fn remove_atom(&mut self, index: usize) {
        let column = &mut self.columns[index];
        column.thresholds.pop();
        column.remaining = column.remaining.saturating_sub(1);
        let (position, element) = (column.site.position, column.element);
        self.lost += usize::from(index < self.defects.len());
        self.paint(position, element, -1.0);
    }

    /// Adds `atoms` atoms of `element` at `position` to the map of differences.
    fn paint(&mut self, position: Point, element: Element, atoms: f64) {
        if let Some(kernel) = self
            .briefing
            .optics
            .atoms
            .get(&element)
            .filter(|_| atoms != 0.0)
        {
            let centre = (position.y, position.x);
            kernel.add_to(
                &mut self.difference,
                (-MARGIN, -MARGIN),
                PIXEL,
                centre,
                atoms,
            );
        }
    }

    fn bin(&self, place: Point) -> usize {
        let along = |value: f64| ((value + MARGIN) / BIN).floor().max(0.0) as usize;
        along(place.y) * self.bin_columns + along(place.x)
    }

    fn bin_range(&self, centre: f64, length: f64) -> std::ops::Range<usize> {
        let last = ((length + 2.0 * MARGIN) / BIN).ceil() as usize + 1;
        let along = |value: f64| ((value + MARGIN) / BIN).floor().max(0.0) as usize;
        along(centre - KERNEL_RADIUS).min(last)..(along(centre + KERNEL_RADIUS) + 1).min(last)
    }
}

/// Which columns are defects: for each class a Poisson number of distinct columns, at random or in clusters.
///
/// Clusters lie in the field and end at its edge, so that the mean density in the field is the one the world states;
/// the margin around it holds background only.
pub(crate) fn draw_defects(
    briefing: &Briefing,
    sites: &[LatticeSite],
    seed: Seed,
) -> Vec<Option<Defect>> {
    let mut defects = vec![None; sites.len()];
    let mut stream = Stream::new(seed, Purpose::Defects, [0, 0]);
    let centres: Vec<Point> = (0..briefing.clusters.map_or(0, |c| c.number))
        .map(|_| {
            Point::new(
                stream.random::<f64>() * briefing.height,
                stream.random::<f64>() * briefing.width,
            )
        })
        .collect();
    for (index, class) in briefing.classes.iter().enumerate() {
        // A stream per class: one more class leaves the earlier ones where they are.
        let mut stream = Stream::new(seed, Purpose::Defects, [1, index as u64]);
        let hosts: Vec<usize> = (0..sites.len())
            .filter(|&i| sites[i].element == class.element)
            .collect();
        let is_inside = |&i: &usize| {
            let place = sites[i].position;
            (0.0..=briefing.height).contains(&place.y) && (0.0..=briefing.width).contains(&place.x)
        };
        let background = briefing.clusters.map_or(1.0, |c| c.background);
        let scattered = background * hosts.len() as f64;
        let gathered = (1.0 - background) * hosts.iter().filter(|i| is_inside(i)).count() as f64;
        let number = poisson(&mut stream, class.density * (scattered + gathered));
        for _ in 0..number {
            let free: Vec<usize> = hosts
                .iter()
                .copied()
                .filter(|&i| defects[i].is_none())
                .collect();
            if free.is_empty() {
                break;
            }
            let clustered = briefing
                .clusters
                .filter(|_| stream.random::<f64>() * (scattered + gathered) >= scattered);
            let chosen = match clustered {
                None => free[(stream.random::<f64>() * free.len() as f64) as usize % free.len()],
                Some(cluster) => {
                    let centre = centres
                        [(stream.random::<f64>() * centres.len() as f64) as usize % centres.len()];
                    let place = Point::new(
                        normal_within(&mut stream, centre.y, cluster.radius, briefing.height),
                        normal_within(&mut stream, centre.x, cluster.radius, briefing.width),
                    );
                    let nearest = |&a: &usize, &b: &usize| {
                        sites[a]
                            .position
                            .distance(place)
                            .total_cmp(&sites[b].position.distance(place))
                    };
                    let inside = free.iter().copied().filter(is_inside);
                    inside.min_by(nearest).unwrap_or(free[0])
                }
            };
            defects[chosen] = Some(class.defect);
        }
    }
    defects
}

/// A normal deviate on the condition that it lies within 0 to `length`, where its `mean` lies too.
fn normal_within(stream: &mut Stream, mean: f64, deviation: f64, length: f64) -> f64 {
    loop {
        let value = mean + deviation * stream.normal();
        if (0.0..=length).contains(&value) {
            return value;
        }
    }
}

/// A Poisson deviate by counting unit-rate arrivals; the means here are tens.
fn poisson(stream: &mut Stream, mean: f64) -> usize {
    let mut time = stream.exponential();
    let mut count = 0;
    while time < mean {
        count += 1;
        time += stream.exponential();
    }
    count
}
