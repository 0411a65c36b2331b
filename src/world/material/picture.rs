//! What a material looks like: the specimen of a trial over a larger field.

use super::Material;
use crate::random::{Purpose, Stream};
use crate::stem::library::{Domain, Edit, Frame, Imaging, Library, Scene};
use crate::stem::{Edges, Source};
use crate::units::{Point, Seed};
use crate::{Error, Result};
use ndarray::Array2;
use rand::RngExt;

/// What to draw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Picture {
    /// Number of the trial.
    pub trial: usize,
    /// Number of the detector.
    pub detector: usize,
    /// Side of the square field, Å.
    pub side: f64,
    /// Distance of neighbouring pixels, Å.
    pub pixel: f64,
    /// Full width at half maximum of the effective source, Å.
    pub source_fwhm: f64,
    /// What is drawn at random follows from it.
    pub seed: Seed,
}

impl Default for Picture {
    /// The first trial on the first detector, 50 Å wide in pixels of 0.1 Å, with a source of 0.7 Å.
    fn default() -> Self {
        Self {
            trial: 0,
            detector: 0,
            side: 50.0,
            pixel: 0.1,
            source_fwhm: 0.7,
            seed: Seed(1),
        }
    }
}

impl Material {
    /// The noise-free image of a specimen like those of a trial: random changes, two pieces with their boundary in the
    /// middle, or a particle in the middle.
    ///
    /// # Errors
    /// [`Error::Argument`] for a trial that the material lacks, a side outside 1..=1000 Å, a pixel outside 0.01..=10 Å, and as [`Library::response`] and
    /// [`Response::image`](crate::stem::library::Response::image).
    pub fn picture(&self, library: &Library, picture: &Picture) -> Result<Array2<f64>> {
        let trials = &self.definition.trial;
        let Some(trial) = trials.get(picture.trial) else {
            let rule = format!("below {}", trials.len());
            return Err(Error::argument("trial", picture.trial, rule));
        };
        for (name, value, (low, high)) in [
            ("side", picture.side, (1.0, 1000.0)),
            ("pixel", picture.pixel, (0.01, 10.0)),
        ] {
            if !(low..=high).contains(&value) {
                let rule = format!("{low}..={high} Å");
                return Err(Error::argument(name, value, rule));
            }
        }
        let mut stream = Stream::new(picture.seed, Purpose::Defects, [0, 2]);
        let period = self.recipe.cell().extent();
        let mut scene = Scene::default();
        let (mut columns, mut support) = (Vec::new(), Vec::new());
        if let Some(particle) = &trial.particle {
            columns = self.half_ellipsoid(particle.radius);
            for column in &mut columns {
                column.place.add_scalar_mut(0.5 * picture.side);
            }
            let atoms = particle.support_density * picture.side.powi(2);
            let mut anywhere = || picture.side * stream.random::<f64>();
            support.extend((0..atoms.round() as usize).map(|_| Point::new(anywhere(), anywhere())));
        } else if let Some(boundary) = &trial.boundary {
            let [left, right] = boundary
                .states
                .each_ref()
                .map(|name| self.state(name).unwrap_or(0));
            let middle = 0.5 * picture.side;
            // the left piece ends with its plane at a half, or with the one it began with
            let end = if boundary.same_plane { 0.0 } else { 0.5 };
            let apart = 0.5 * (end + boundary.shift[0]) * period.x;
            scene.domains = vec![
                Domain::default()
                    .within(move |place| place.x < middle)
                    .at(Point::new(0.0, middle - apart - end * period.x))
                    .mixture(&[(left, 1.0)]),
                Domain::default()
                    .at(Point::new(boundary.shift[1] * period.y, middle + apart))
                    .mixture(&[(right, 1.0)]),
            ];
        } else {
            let edits = self.scattered(trial.density, picture.side, &mut stream);
            scene.domains = vec![Domain::default().edited(&edits)];
        }
        let pixels = (picture.side / picture.pixel).round().max(1.0) as usize;
        let frame = Frame {
            origin: Point::default(),
            rows: pixels,
            columns: pixels,
            pixel: picture.pixel,
        };
        let (detector, imaging) = (
            picture.detector,
            Imaging {
                aberrations: trial.aberrations.clone(),
                ..Imaging::default()
            },
        );
        let sharp = match &trial.particle {
            Some(_) => {
                self.particle_image(library, detector, &imaging, &columns, &support, frame)?
            }
            None => library
                .response(detector, 0, &imaging)?
                .image(&scene, frame)?,
        };
        // after the pieces are joined, so that the seam between them is blurred too
        let source = Source::gaussian_fwhm(picture.source_fwhm)?;
        source.blur(&sharp, picture.pixel, picture.pixel, Edges::Mirrored)
    }

    /// Each change that a defect of single atoms knows, with this probability for each atom of the element.
    fn scattered(&self, density: f64, side: f64, stream: &mut Stream) -> Vec<Edit> {
        let atoms = self.recipe.cell().atoms();
        let period = self.recipe.cell().extent();
        let cells = |edge: f64| 0..(side / edge).ceil() as i32;
        let mut edits = Vec::new();
        let all = cells(period.x).flat_map(|x| cells(period.y).map(move |y| (x, y)));
        for ((x, y), (atom, placed)) in
            all.flat_map(|cell| atoms.iter().enumerate().map(move |atom| (cell, atom)))
        {
            let changes = self
                .defects
                .iter()
                .filter(|d| !d.whole_column && d.element == placed.element);
            for defect in changes {
                if stream.random::<f64>() < density {
                    edits.push(Edit::new(atom, defect.change).in_cell(x, y));
                    break; // an atom changes once
                }
            }
        }
        edits
    }
}
