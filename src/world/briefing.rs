//! What the operator of the microscope knows before the first electron.

use super::crystal_plan::DefectClass;
use super::damage::{Contamination, DoseMap};
use super::distortion::ScanSettings;
use super::illumination::Illumination;
use super::image::Tile;
use super::lattice::Lattice;
use super::neighbourhood::Neighbourhood;
use super::pattern::{Class, Clusters, Scatter};
use super::regions::{LabelGrid, Phase};
use super::site::{LatticeSite, SiteKind};
use super::task::Task;
use crate::metric::QualityCurve;
use crate::stem::{Charge, Element};
use crate::units::{Dose, Point, Seed};
use std::collections::HashMap;

/// The public side of a world: everything but the specimen. Navigators and analysts see this and their measurements.
///
/// A world of point defects or of a particle has [`sites`](Briefing::sites), columns that are asked about one by one; a world
/// of domains has [`cells`](Briefing::cells), places each of which belongs to a phase.
#[derive(Debug, Clone)]
pub struct Briefing {
    /// Name of the world.
    pub name: String,
    /// Material, for people.
    pub material: String,
    /// Difficulty, 1 to 3.
    pub level: u8,
    /// What has to be found out.
    pub task: Task,
    /// All tasks that the world can be scored by.
    pub tasks: Vec<Task>,
    /// Field height, Å.
    pub height: f64,
    /// Field width, Å.
    pub width: f64,
    /// Budget: mean dose over the field, e⁻/Å².
    pub budget: Dose,
    /// Columns inside the field that are asked about, in scan order.
    pub sites: Vec<LatticeSite>,
    /// What these columns may be.
    pub kinds: Vec<SiteKind>,
    /// Kinds of defect and their densities.
    pub classes: Vec<DefectClass>,
    /// How defects cluster, if they do.
    pub clusters: Option<Clusters>,
    /// Places inside the field that are asked about in a world of domains, row by row in the frame of the crystal.
    pub cells: Vec<DomainCell>,
    /// What they may be made of.
    pub phases: Vec<PhaseFact>,
    /// Names of the classes of domains.
    pub domain_classes: Vec<String>,
    /// Electrons per second that the beam carries.
    pub electrons_per_second: f64,
    /// Imperfections of the scan, as far as they are known: sizes, not directions.
    pub scan: ScanSettings,
    /// Standard deviation of the readout noise, electrons.
    pub readout_noise: f64,
    /// Relative standard deviation of the gain from reading to reading.
    pub gain_noise: f64,
    pub(super) image: PerfectFact,
    pub(super) lattice: Lattice,
    pub(super) blank_curve: QualityCurve,
    pub(super) neighbourhood: Neighbourhood,
    pub(super) illumination: Illumination,
    pub(super) contamination: Option<Contamination>,
    /// For neighbours along y and along x, how much likelier phase k with phase l behind it is than by chance, k by k.
    pub(crate) pair_ratios: [Vec<f64>; 2],
    pub(super) labels: Option<LabelGrid>,
    /// For each label cell its number among the cells of the field.
    pub(super) numbers: HashMap<[usize; 2], u32>,
    pub(super) follows_dose: bool,
}

/// A place of a world of domains.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DomainCell {
    /// Its middle in the field, Å.
    pub position: Point,
    /// Its row and column in the frame of the crystal; neighbours differ by one in one of them.
    pub index: [usize; 2],
}

/// What a cell may be made of.
#[derive(Debug, Clone)]
pub struct PhaseFact {
    /// Number of its class in [`Briefing::domain_classes`].
    pub class: usize,
    /// Its polarisation (y, x) in units of the full one.
    pub vector: [f64; 2],
    /// Probability of it in a cell, before anything was seen.
    pub prior: f64,
    pub(super) seen: Phase,
}

/// The image before anything is known to differ from it.
#[derive(Debug, Clone)]
pub(super) enum PerfectFact {
    /// That of the perfect crystal.
    Crystal(Tile),
    /// That of the phases by their priors.
    Phases,
    /// That of vacuum or a support, the same everywhere.
    Even(f64),
}

impl Briefing {
    /// Area of the field, Å².
    pub fn area(&self) -> f64 {
        self.height * self.width
    }

    /// The budget in electrons.
    pub fn budget_electrons(&self) -> f64 {
        self.budget.electrons(self.area())
    }

    /// Largest cross section for losing an atom of the perfect columns of `element`, Å² per incident e⁻/Å²; zero if they are
    /// stable.
    pub fn cross_section(&self, element: Element) -> f64 {
        let kinds = self.kinds.iter().filter(|kind| kind.element == element);
        let own = kinds.filter_map(|kind| kind.hypotheses.first());
        own.filter(|h| h.at_risk() > 0)
            .map(|h| h.cross_section)
            .fold(0.0, f64::max)
    }

    /// Fraction of the electrons detected at `place` of the field before anything is known to differ there: of the perfect
    /// crystal, of the mean of all phases, or of an empty support; averaged over the jitter.
    pub fn perfect_image(&self, place: Point) -> f64 {
        match &self.image {
            PerfectFact::Crystal(tile) => tile.at(self.lattice.to_crystal(place)),
            PerfectFact::Even(value) => *value,
            PerfectFact::Phases => {
                let crystal = self.lattice.to_crystal(place);
                let phases = self.phases.iter();
                phases
                    .map(|p| p.prior * p.seen.signal(crystal, [0.0; 2]))
                    .sum()
            }
        }
    }

    /// What a column of a kind, looking like this, adds to [`Briefing::perfect_image`] when the probe is at an offset
    /// (`dy`, `dx`) Å from it; zero for numbers that the world lacks.
    pub fn response(&self, kind: usize, appearance: usize, dy: f64, dx: f64) -> f64 {
        let kind = self.kinds.get(kind);
        let look = kind.and_then(|kind| kind.appearances.get(appearance));
        look.map_or(0.0, |look| {
            look.seen.at(self.lattice.turn(Point::new(dy, dx)))
        })
    }

    /// Fraction of the electrons detected at `place` of the field if it is made of a phase, averaged over a visit during which
    /// its local dose grows from the first to the second of `doses` (e⁻/Å²); zero for a phase that the world lacks.
    pub fn phase_image(&self, phase: usize, place: Point, doses: [f64; 2]) -> f64 {
        let crystal = self.lattice.to_crystal(place);
        let phase = self.phases.get(phase);
        phase.map_or(0.0, |phase| phase.seen.signal(crystal, doses))
    }

    /// What deposited carbon adds to the fraction detected, averaged over a visit during which the local dose grows.
    pub fn contamination(&self, doses: [f64; 2]) -> f64 {
        let carbon = self.contamination.as_ref();
        carbon.map_or(0.0, |carbon| carbon.mean(doses[0], doses[1]))
    }

    /// A map of local dose as aimed, if anything depends on it.
    pub(crate) fn dose_map(&self) -> Option<DoseMap> {
        let ([rows, columns], [height, width]) = (self.lattice.shape(), self.lattice.period());
        self.follows_dose
            .then(|| DoseMap::new(rows, columns, height, width))
    }

    /// Books a visit at `place` of the field on a map; the local dose before and after it.
    pub(crate) fn expose_map(&self, map: &mut DoseMap, place: Point, electrons: f64) -> [f64; 2] {
        let crystal = self.lattice.to_crystal(place);
        let before = map.dose_at(crystal.y, crystal.x);
        map.deposit(Charge::from_electrons(electrons), crystal.y, crystal.x);
        [before, map.dose_at(crystal.y, crystal.x)]
    }

    /// Edges of a period of the crystal in its own frame (y, x), Å.
    pub fn period(&self) -> [f64; 2] {
        self.lattice.period()
    }

    /// Number of the cell that holds `place` of the field; `None` beyond the cells that are asked about, and in a world without
    /// domains.
    pub fn cell_of(&self, place: Point) -> Option<usize> {
        let cell = self.labels?.cell(self.lattice.to_crystal(place));
        self.numbers.get(&cell).map(|number| *number as usize)
    }

    /// Standard deviation of what a reading adds to the number of electrons, readout and gain together.
    pub fn reading_noise(&self, signal: f64) -> f64 {
        self.readout_noise.hypot(self.gain_noise * signal.max(0.0))
    }

    /// Intensity of the beam at a place from which its aim is off by (`dy`, `dx`) Å, averaged over the jitter, 1/Å².
    pub fn illumination(&self, dy: f64, dx: f64) -> f64 {
        self.illumination.at(self.lattice.turn(Point::new(dy, dx)))
    }

    /// Indices of the sites, or in a world of domains of the cells, within `radius` Å of `place`, in a fixed order.
    pub fn sites_near(&self, place: Point, radius: f64) -> impl Iterator<Item = usize> + '_ {
        let near = move |&index: &usize| self.answer_place(index).distance(place) < radius;
        self.neighbourhood.candidates(place, radius).filter(near)
    }

    /// Number of places that an answer is about: sites or cells.
    pub fn answers(&self) -> usize {
        self.sites.len().max(self.cells.len())
    }

    /// The place that the `index`-th part of an answer is about, Å.
    ///
    /// # Panics
    /// When `index` is not below [`Briefing::answers`].
    pub fn answer_place(&self, index: usize) -> Point {
        match self.sites.is_empty() {
            true => self.cells[index].position,
            false => self.sites[index].position,
        }
    }

    /// The defects of a specimen by the published law: for columns at these places and of these kinds, the class of each.
    pub(crate) fn draw_defects(
        &self,
        columns: &[(Point, usize)],
        seed: Seed,
    ) -> Vec<Option<usize>> {
        let places: Vec<Point> = columns.iter().map(|(place, _)| *place).collect();
        let hosts: Vec<Vec<usize>> = (self.classes.iter())
            .map(|class| {
                let all = 0..columns.len();
                let own = |&i: &usize| self.kinds[columns[i].1].element == class.element;
                all.filter(own).collect()
            })
            .collect();
        let classes: Vec<Class<'_>> = (self.classes.iter().zip(&hosts))
            .map(|(class, hosts)| Class {
                hosts,
                density: class.density,
            })
            .collect();
        match Scatter::new([self.height, self.width], self.clusters) {
            Ok(scatter) => scatter.draw(&places, &classes, seed),
            // a world has a field, and clusters that were checked
            Err(_) => vec![None; columns.len()],
        }
    }

    /// Probability that a column of a kind is a defect of any class; zero for a kind that the world lacks.
    pub fn prevalence(&self, kind: usize) -> f64 {
        let hypotheses = self.kinds.get(kind).into_iter().flat_map(|k| &k.hypotheses);
        let defects = hypotheses.filter(|h| h.class.is_some());
        defects.map(|h| h.prior).sum::<f64>().min(1.0)
    }
}

impl PhaseFact {
    /// Dose of the first step of its decay, e⁻/Å²; none if it does not decay.
    pub fn critical_dose(&self) -> Option<f64> {
        self.seen.decay.as_ref().map(|decay| decay.critical_dose())
    }
}
