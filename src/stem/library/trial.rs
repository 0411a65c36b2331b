//! Assembled fields held against the full computation.

use super::build::{Progress, Report, Runner};
use super::motif::{Change, Edit};
use super::scene::{Domain, Frame, Scene};
use super::{Imaging, Library};
use crate::random::{Purpose, Stream};
use crate::stem::{Aberrations, PlacedAtom, Probe, Structure};
use crate::units::{Point, Seed};
use crate::{Error, Result};
use nalgebra::{Matrix2, Vector3};
use ndarray::Array4;
use rand::RngExt;

/// A comparison: specimens to draw and places to look at.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Number of specimens, each with one patch of probes.
    pub patches: usize,
    /// Probes along a side of a patch, and their distance, Å.
    pub side: usize,
    /// Distance of neighbouring probes, Å.
    pub step: f64,
    /// Probability of each change that some motif of one atom knows, for each atom of such a column: any depth.
    pub density: f64,
    /// Changes that all specimens have besides; the patches are then centred on them, else anywhere.
    pub edits: Vec<Edit>,
    /// Strain along x and y.
    pub strain: [f64; 2],
    /// Aberrations of the lens; `None` are those of the recipe.
    pub aberrations: Option<Aberrations>,
    /// What is drawn follows from it.
    pub seed: Seed,
}

impl Default for Trial {
    /// Four specimens with 3 % of all possible changes, 16 × 16 probes 0.5 Å apart on each, no strain, no aberration.
    fn default() -> Self {
        Self {
            patches: 4,
            side: 16,
            step: 0.5,
            density: 0.03,
            edits: Vec::new(),
            strain: [0.0; 2],
            aberrations: None,
            seed: Seed(1),
        }
    }
}

/// One patch, computed in both ways: shares of the electrons, `[detector, thickness, row, column]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Patch {
    /// Where the probes stand.
    pub frame: Frame,
    /// What differs from the perfect crystal.
    pub edits: Vec<Edit>,
    /// By multislice of the whole specimen.
    pub multislice: Array4<f64>,
    /// By the library; not a number for a detector that sees the direct beam, with aberrations other than the recipe's.
    pub assembled: Array4<f64>,
}

/// How far assembled patches are from multislice, in shares of the range of the latter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Deviation {
    /// Largest less smallest signal of all patches by multislice: the unit of the other numbers.
    pub range: f64,
    /// Root mean square of the difference.
    pub rms: f64,
    /// Mean of the difference, assembled less multislice.
    pub bias: f64,
    /// Largest size of the difference.
    pub worst: f64,
    /// Probes compared.
    pub probes: usize,
}

impl Deviation {
    /// Over all patches, on a detector and at a thickness by their numbers; `None` without probes, for numbers that the
    /// patches lack, and for images that a library cannot show.
    pub fn of(patches: &[Patch], detector: usize, thickness: usize) -> Option<Self> {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        let (mut sum, mut squares, mut worst, mut probes) = (0.0, 0.0, 0.0_f64, 0);
        for patch in patches {
            let truth = patch.multislice.outer_iter().nth(detector)?;
            let found = patch.assembled.outer_iter().nth(detector)?;
            let (truth, found) = (
                truth.outer_iter().nth(thickness)?,
                found.outer_iter().nth(thickness)?,
            );
            for (truth, found) in truth.iter().zip(&found) {
                let difference = found - truth;
                (low, high) = (low.min(*truth), high.max(*truth));
                sum += difference;
                squares += difference * difference;
                worst = worst.max(difference.abs());
                probes += 1;
            }
        }
        let (range, count) = (high - low, probes as f64);
        (probes > 0 && !sum.is_nan()).then(|| Self {
            range,
            rms: (squares / count).sqrt() / range,
            bias: sum / count / range,
            worst: worst / range,
            probes,
        })
    }
}

impl Library {
    /// Draws specimens, computes patches of them in full and by this library, in boxes as wide as the recipe's for the
    /// perfect crystal.
    ///
    /// # Errors
    /// [`Error::Argument`] for no patch, a side outside 1..=1024, a step outside 0.01..=10 Å, a density outside 0..=1,
    /// strains beyond ±0.2 and edits that the cell or the motifs do not know, and as [`Recipe::build`](super::Recipe::build) and
    /// [`Library::response`].
    pub fn trial(&self, trial: &Trial, report: Report<'_>) -> Result<Vec<Patch>> {
        check(trial)?;
        let recipe = self.recipe();
        let cells = recipe.cells(recipe.least_box);
        let imaging = Imaging {
            aberrations: trial.aberrations.clone(),
            ..Imaging::default()
        };
        let slots = (0..recipe.detectors.len())
            .flat_map(|detector| (0..recipe.thicknesses()).map(move |t| (detector, t)));
        let responses = slots
            .map(|(detector, thickness)| {
                let shown = trial.aberrations.is_none() || recipe.is_dark_field(detector);
                shown
                    .then(|| self.response(detector, thickness, &imaging))
                    .transpose()
            })
            .collect::<Result<Vec<_>>>()?;
        let shape = (
            recipe.detectors.len(),
            recipe.thicknesses(),
            trial.side,
            trial.side,
        );
        let probe = match &trial.aberrations {
            None => recipe.probe.clone(),
            Some(set) => Probe::new(
                recipe.probe.beam(),
                recipe.probe.semiangle_mrad(),
                set.clone(),
            )?,
        };
        let total = trial.patches * trial.side * trial.side;
        let progress = Progress { done: 0, total };
        let mut runner = Runner {
            probe: &probe,
            detectors: &recipe.detectors,
            report,
            progress,
        };
        let stretch = Matrix2::new(1.0 + trial.strain[0], 0.0, 0.0, 1.0 + trial.strain[1]);
        (0..trial.patches)
            .map(|number| {
                let mut stream = Stream::new(trial.seed, Purpose::Defects, [number as u64, 0]);
                let edits = self.draw(trial, cells, &mut stream);
                let domain = Domain::default()
                    .deformed(stretch)
                    .edited(&around(&edits, cells));
                let frame = self.aim(trial, &domain, cells, &mut stream);
                let specimen = stretched(&recipe.specimen(cells, &edits)?, trial.strain)?;
                let places: Vec<Point> = (0..trial.side * trial.side)
                    .map(|n| frame.place(n / trial.side, n % trial.side))
                    .collect();
                let simulation = recipe.multislice(&specimen, cells)?.build()?;
                let signals = runner.scan(&simulation, &places)?;
                let scene = Scene {
                    domains: vec![domain],
                    ..Scene::default()
                };
                let mut assembled = Vec::new();
                for response in &responses {
                    match response {
                        Some(response) => assembled.extend(response.image(&scene, frame)?),
                        None => assembled.extend(vec![f64::NAN; places.len()]),
                    }
                }
                Ok(Patch {
                    frame,
                    edits,
                    multislice: (signals.into_shape_with_order(shape))
                        .expect("a signal for each probe"),
                    assembled: Array4::from_shape_vec(shape, assembled)
                        .expect("an image of each detector and thickness"),
                })
            })
            .collect()
    }

    /// The changes of one specimen.
    fn draw(&self, trial: &Trial, cells: [usize; 2], stream: &mut Stream) -> Vec<Edit> {
        let recipe = self.recipe();
        let mut edits = trial.edits.clone();
        let mut changed: std::collections::HashSet<_> = edits
            .iter()
            .map(|edit| (edit.atom, wrapped(edit.cell, cells)))
            .collect();
        for cell in (0..cells[0] * cells[1]).map(|n| [n / cells[1], n % cells[1]]) {
            for atom in 0..recipe.cell().atoms().len() {
                for change in self.changes(atom) {
                    if stream.random::<f64>() < trial.density && changed.insert((atom, cell)) {
                        let cell = cell.map(|n| n as i32);
                        edits.push(Edit { atom, cell, change });
                    }
                }
            }
        }
        edits
    }

    /// What the motifs of one atom know to become of an atom.
    fn changes(&self, atom: usize) -> Vec<Change> {
        let mut found = Vec::new();
        for motif in &self.recipe().motifs {
            if let [own] = motif.edits[..]
                && self.lattice().same_column(own.atom, atom)
                && !found.contains(&own.change)
            {
                found.push(own.change);
            }
        }
        found
    }

    /// Where the probes of a patch stand.
    fn aim(
        &self,
        trial: &Trial,
        domain: &Domain<'_>,
        cells: [usize; 2],
        stream: &mut Stream,
    ) -> Frame {
        let [height, width] = self.recipe().extent();
        let mut along = |edge: f64, cells: usize| stream.random::<f64>() * edge * cells as f64;
        let anywhere = Point::new(along(height, cells[1]), along(width, cells[0]));
        let origin = if trial.edits.is_empty() {
            domain.place(anywhere)
        } else {
            let places = trial.edits.iter().map(|edit| self.lattice().place(edit));
            let count = trial.edits.len() as f64;
            let sum = places.fold(Point::default(), |sum, place| sum + place);
            let half = 0.5 * (trial.side as f64 - 1.0) * trial.step;
            domain.place(Point::new(sum.y / count, sum.x / count)) - Point::new(half, half)
        };
        Frame {
            origin,
            rows: trial.side,
            columns: trial.side,
            pixel: trial.step,
        }
    }
}

fn check(trial: &Trial) -> Result<()> {
    for (name, value, low, high) in [
        ("patches", trial.patches as f64, 1.0, 1e6),
        ("side", trial.side as f64, 1.0, 1024.0),
        ("step", trial.step, 0.01, 10.0),
        ("density", trial.density, 0.0, 1.0),
        ("strain along x", trial.strain[0], -0.2, 0.2),
        ("strain along y", trial.strain[1], -0.2, 0.2),
    ] {
        if !(low..=high).contains(&value) {
            return Err(Error::argument(name, value, format!("{low}..={high}")));
        }
    }
    Ok(())
}

fn wrapped(cell: [i32; 2], cells: [usize; 2]) -> [usize; 2] {
    [0, 1].map(|axis| cell[axis].rem_euclid(cells[axis] as i32) as usize)
}

/// The edits of a box with those of the eight boxes about it: a simulation repeats.
fn around(edits: &[Edit], cells: [usize; 2]) -> Vec<Edit> {
    let shifts = (0..9).map(|n| [n % 3 - 1, n / 3 - 1]);
    let shifted = shifts.flat_map(|shift| {
        edits.iter().map(move |edit| {
            let moved = |axis: usize| edit.cell[axis] + shift[axis] * cells[axis] as i32;
            edit.in_cell(moved(0), moved(1))
        })
    });
    shifted.collect()
}

fn stretched(structure: &Structure, [x, y]: [f64; 2]) -> Result<Structure> {
    let by = Vector3::new(1.0 + x, 1.0 + y, 1.0);
    let atoms = structure.atoms().iter().map(|atom| PlacedAtom {
        position: atom.position.component_mul(&by),
        ..*atom
    });
    Structure::new(structure.extent().component_mul(&by), atoms.collect())
}
