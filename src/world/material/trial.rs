//! What a library puts together, held against full multislice: the table of a material.

use super::definition::{BoundarySection, ParticleSection, TrialSection};
use super::{Column, Material};
use crate::random::{Purpose, Stream};
use crate::stem::library::{
    Deviation, Domain, Frame, Imaging, Library, Patch, Progress, Report, Scene, Trial,
};
use crate::stem::{Aberrations, Probe};
use crate::stem::{PlacedAtom, Structure};
use crate::units::{Point, Seed};
use crate::{Error, Result};
use nalgebra::{Vector2, Vector3};
use ndarray::Array4;
use rand::RngExt;

/// Least width of a piece beside a boundary, Å.
const PIECE: f64 = 12.0;
/// Vacuum around a particle, Å.
const MARGIN: f64 = 4.0;
/// Atoms of the support are no nearer to one another, Å.
const APART: f64 = 1.2;
/// Planes nearer than this (Å) are one.
const SAME: f64 = 1e-3;

/// How much is looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Extent {
    /// Specimens of a trial, each with one patch of probes.
    pub patches: usize,
    /// Probes along a side of a patch.
    pub side: usize,
    /// Distance of neighbouring probes, Å.
    pub step: f64,
    /// What is drawn follows from it.
    pub seed: Seed,
}

impl Extent {
    /// Refuses what [`Library::trial`] would.
    fn check(self) -> Result<()> {
        for (name, value, low, high) in [
            ("patches", self.patches as f64, 1.0, 1e6),
            ("side", self.side as f64, 1.0, 1024.0),
            ("step", self.step, 0.01, 10.0),
        ] {
            if !(low..=high).contains(&value) {
                return Err(Error::argument(name, value, format!("{low}..={high}")));
            }
        }
        Ok(())
    }
}

/// A row of the table: how far a library is from multislice on one detector.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// What was tried.
    pub trial: String,
    /// The level whose worlds are like it.
    pub level: u8,
    /// Name of the detector.
    pub detector: String,
    /// The error, in shares of the range.
    pub deviation: Deviation,
}

impl Verdict {
    /// Largest root mean square that the level admits, of the range.
    pub fn allowed(&self) -> f64 {
        if self.level < 3 { 0.01 } else { 0.02 }
    }

    /// Whether the error is within it.
    pub fn holds(&self) -> bool {
        self.deviation.rms <= self.allowed()
    }
}

/// A specimen in full and the scene that stands for it.
struct Pair {
    structure: Structure,
    cells: [usize; 2],
    scene: Assembly,
    frame: Frame,
}

/// What the library puts together.
enum Assembly {
    Pieces(Scene<'static>),
    Particle(Vec<Column>, Vec<Point>),
}

impl Material {
    /// Tries the library on one of the trials of the material.
    ///
    /// # Errors
    /// As [`Library::trial`], and [`Error::Argument`] for an extent without patches, of more than 10⁶ patches or 1024 probes
    /// along a side, or with a step outside 0.01..=10 Å, and for a boundary whose pieces do not fit into a box of whole cells.
    pub fn try_out(
        &self,
        library: &Library,
        trial: &TrialSection,
        extent: Extent,
        report: Report<'_>,
    ) -> Result<Vec<Verdict>> {
        extent.check()?;
        let patches = if trial.boundary.is_none() && trial.particle.is_none() {
            let trial = Trial {
                patches: extent.patches,
                side: extent.side,
                step: extent.step,
                density: trial.density,
                strain: trial.strain,
                aberrations: trial.aberrations.clone(),
                seed: extent.seed,
                ..Trial::default()
            };
            library.trial(&trial, report)?
        } else {
            let mut patches = Vec::new();
            for number in 0..extent.patches {
                let key = [number as u64, 1];
                let mut stream = Stream::new(extent.seed, Purpose::Defects, key);
                let pair = match (&trial.boundary, &trial.particle) {
                    (Some(boundary), _) => self.boundary(boundary, extent, &mut stream)?,
                    (_, Some(particle)) => self.particle(particle, extent, &mut stream)?,
                    (None, None) => continue,
                };
                patches.push(pair.patch(self, library, trial.aberrations.as_ref(), report)?);
            }
            patches
        };
        let detectors = self.definition.detector.iter().enumerate();
        let verdicts = detectors.filter_map(|(number, detector)| {
            Some(Verdict {
                trial: trial.name.clone(),
                level: trial.level,
                detector: detector.name.clone(),
                deviation: Deviation::of(&patches, number, 0)?,
            })
        });
        Ok(verdicts.collect())
    }

    /// Two states side by side, and probes over the plane between them.
    fn boundary(
        &self,
        boundary: &BoundarySection,
        extent: Extent,
        stream: &mut Stream,
    ) -> Result<Pair> {
        let recipe = &self.recipe;
        let perfect = recipe.cell();
        let period = perfect.extent();
        let states = boundary
            .states
            .each_ref()
            .map(|name| self.state(name).unwrap_or(0));
        let across = (PIECE / period.x).ceil() as usize;
        let along =
            (self.definition.computation.least_box / period.y * (1.0 - 1e-9)).ceil() as usize;
        let gaps = 2.0 * boundary.shift[0];
        let width = 2.0 * across as f64 + gaps;
        if (width - width.round()).abs() > 1e-9 || width < across as f64 {
            let found = format!("{} periods", boundary.shift[0]);
            return Err(Error::argument(
                "boundary.shift",
                found,
                "whole or half periods along x",
            ));
        }
        let shift = Vector2::from(boundary.shift).component_mul(&period.xy());
        let cells = [width.round() as usize, along.max(1)];
        let mut atoms = Vec::new();
        let (mut last, first) = (f64::NEG_INFINITY, across as f64 * period.x + shift.x);
        for (side, state) in states.into_iter().enumerate() {
            let origin = match side {
                0 => Vector2::zeros(),
                _ => Vector2::new(first, shift.y),
            };
            let columns = across + usize::from(boundary.same_plane);
            for (i, j) in (0..columns).flat_map(|i| (0..cells[1]).map(move |j| (i, j))) {
                let corner = origin + Vector2::new(i as f64 * period.x, j as f64 * period.y);
                for (site, atom) in perfect.atoms().iter().zip(recipe.states()[state].atoms()) {
                    if i == across && site.position.x > SAME {
                        continue; // of the closing cell only the plane at its face
                    }
                    // states are wrapped into the cell; an atom stays with its own plane
                    let offset = nearest(atom.position - site.position, period);
                    let position = site.position + offset + corner.push(0.0);
                    atoms.push(PlacedAtom { position, ..*atom });
                    if side == 0 {
                        last = last.max(corner.x + site.position.x);
                    }
                }
            }
        }
        let box_extent = Vector3::new(
            cells[0] as f64 * period.x,
            cells[1] as f64 * period.y,
            period.z,
        );
        let middle = 0.5 * (last + first);
        let half = 0.5 * (extent.side as f64 - 1.0) * extent.step;
        let y = stream.random::<f64>() * period.y;
        let x = middle - half + (stream.random::<f64>() - 0.5) * extent.step;
        let left = Domain::default()
            .within(move |place| place.x < middle)
            .mixture(&[(states[0], 1.0)]);
        let right = Domain::default()
            .at(Point::new(shift.y, shift.x))
            .mixture(&[(states[1], 1.0)]);
        Ok(Pair {
            structure: Structure::new(box_extent, atoms)?,
            cells,
            scene: Assembly::Pieces(Scene {
                domains: vec![left, right],
                ..Scene::default()
            }),
            frame: square(Point::new(y, x), extent),
        })
    }

    /// Half an ellipsoid of columns on a film of atoms.
    fn particle(
        &self,
        particle: &ParticleSection,
        extent: Extent,
        stream: &mut Stream,
    ) -> Result<Pair> {
        let recipe = &self.recipe;
        let period = recipe.cell().extent();
        let cells = [period.x, period.y]
            .map(|edge| (2.0 * (particle.radius + MARGIN) / edge).ceil() as usize);
        let width = period
            .xy()
            .component_mul(&Vector2::new(cells[0] as f64, cells[1] as f64));
        let jog = Vector2::new(stream.random::<f64>(), stream.random::<f64>());
        let middle = 0.5 * width + jog;
        let mut columns = self.half_ellipsoid(particle.radius);
        let mut atoms = Vec::new();
        let placed_at = |atom: &PlacedAtom, by: Vector3<f64>| PlacedAtom {
            position: atom.position + by,
            ..*atom
        };
        for column in &mut columns {
            column.place += middle;
            let whole = recipe.islands()[column.kind].atoms();
            let own = whole[..column.atoms].iter();
            atoms.extend(own.map(|atom| placed_at(atom, column.place.push(0.0))));
        }
        let support = self
            .definition
            .columns
            .as_ref()
            .and_then(|c| c.support.as_ref());
        let mut film: Vec<Vector3<f64>> = Vec::new();
        if let (Some(piece), Some(support)) = (self.support(Point::default()), support) {
            let thickness = support.thickness;
            let count = particle.support_density * width.x * width.y;
            for _ in 0..count.round() as usize {
                let mut draw = |edge: f64| stream.random::<f64>() * edge;
                let place = Vector3::new(draw(width.x), draw(width.y), draw(thickness));
                let near = |other: &Vector3<f64>| {
                    let offset = nearest(place - other, Vector3::new(width.x, width.y, 1e6));
                    offset.norm() < APART
                };
                if !film.iter().any(near) {
                    film.push(place);
                    let by = place - Vector3::z() * (0.5 * thickness);
                    let own = recipe.islands()[piece.island].atoms().iter();
                    atoms.extend(own.map(|atom| placed_at(atom, by)));
                }
            }
        }
        let support = film
            .iter()
            .map(|place| Point::new(place.y, place.x))
            .collect();
        let half = 0.5 * (extent.side as f64 - 1.0) * extent.step;
        let origin = Point::new(middle.y - half, middle.x + particle.aside - half);
        Ok(Pair {
            structure: Structure::new(width.push(period.z), atoms)?,
            cells,
            scene: Assembly::Particle(columns, support),
            frame: square(origin, extent),
        })
    }
}

impl Pair {
    /// Both images.
    fn patch(
        &self,
        material: &Material,
        library: &Library,
        aberrations: Option<&Aberrations>,
        report: Report<'_>,
    ) -> Result<Patch> {
        let (frame, recipe) = (self.frame, library.recipe());
        let imaging = Imaging {
            aberrations: aberrations.cloned(),
            ..Imaging::default()
        };
        let probe = match aberrations {
            None => recipe.probe().clone(),
            Some(set) => {
                let angle = recipe.probe().semiangle_mrad();
                Probe::new(recipe.probe().beam(), angle, set.clone())?
            }
        };
        let simulation = recipe.multislice(&self.structure, self.cells)?.build()?;
        let places: Vec<Point> = (0..frame.rows * frame.columns)
            .map(|n| frame.place(n / frame.columns, n % frame.columns))
            .collect();
        let shape = (recipe.detectors().len(), 1, frame.rows, frame.columns);
        let mut signals = Array4::zeros(shape);
        let chunk = frame.columns;
        for (row, places_of_row) in places.chunks(chunk).enumerate() {
            let part = simulation.scan(&probe, places_of_row, recipe.detectors())?;
            let behind = part.dim().1 - 1; // the whole specimen
            for ((detector, thickness, column), value) in part.indexed_iter() {
                if thickness == behind {
                    signals[[detector, 0, row, column]] = *value;
                }
            }
            let (done, total) = ((row + 1) * chunk, places.len());
            if report(Progress { done, total }).is_break() {
                return Err(Error::Interrupted { done, total });
            }
        }
        let mut assembled = Array4::zeros(shape);
        for detector in 0..shape.0 {
            let image = match &self.scene {
                Assembly::Pieces(scene) => {
                    let response = library.response(detector, 0, &imaging)?;
                    response.image(scene, frame)?
                }
                Assembly::Particle(columns, support) => {
                    material.particle_image(library, detector, &imaging, columns, support, frame)?
                }
            };
            for ((row, column), value) in image.indexed_iter() {
                assembled[[detector, 0, row, column]] = *value;
            }
        }
        Ok(Patch {
            frame,
            edits: Vec::new(),
            multislice: signals,
            assembled,
        })
    }
}

fn square(origin: Point, extent: Extent) -> Frame {
    Frame {
        origin,
        rows: extent.side,
        columns: extent.side,
        pixel: extent.step,
    }
}

/// The shortest of the vectors that differ by whole periods.
fn nearest(offset: Vector3<f64>, period: Vector3<f64>) -> Vector3<f64> {
    let around = |value: f64, period: f64| value - period * (value / period).round();
    Vector3::new(
        around(offset.x, period.x),
        around(offset.y, period.y),
        offset.z,
    )
}
