//! The pieces of a world's images, taken from a response library under the world's optics.

use super::image::{Raster, Stamp, Tile};
use super::material::Material;
use crate::Result;
use crate::stem::library::{Domain, Edit, Imaging, Library, Response};
use crate::stem::{Aberrations, Coherence, KERNEL_RADIUS, Probe, Source};
use crate::units::Point;
use std::f64::consts::FRAC_PI_2;

/// The optics of a world, in the frame of its crystal: a crystal that is turned in the field by an angle sees the lens turned
/// the other way.
#[derive(Debug, Clone)]
pub(super) struct Lens {
    /// Number of the detector in the library.
    pub detector: usize,
    /// Aberrations as the crystal sees them.
    pub aberrations: Aberrations,
    /// Standard deviation of source and jitter, Å per axis.
    pub blur: f64,
}

impl Lens {
    fn imaging(&self) -> Result<Imaging> {
        let ideal = self.aberrations.terms().iter().all(|t| t.magnitude == 0.0);
        Ok(Imaging {
            aberrations: (!ideal).then(|| self.aberrations.clone()),
            coherence: Coherence {
                source: Source::gaussian_sigma(self.blur)?,
                ..Coherence::default()
            },
        })
    }

    /// The probe that the crystal sees.
    pub(super) fn probe(&self, library: &Library) -> Result<Probe> {
        let ideal = library.recipe().probe();
        let semiangle = ideal.semiangle_mrad();
        Probe::new(ideal.beam(), semiangle, self.aberrations.clone())
    }
}

/// A response of the library with the grid on which a world samples it.
pub(super) struct Imager<'a> {
    response: Response<'a>,
    raster: Raster,
}

impl<'a> Imager<'a> {
    pub(super) fn new(library: &'a Library, lens: &Lens, thickness: usize) -> Result<Self> {
        let response = library.response(lens.detector, thickness, &lens.imaging()?)?;
        let probe = library.recipe().probe();
        Ok(Self {
            raster: raster(library, 2.0 * probe.cutoff()),
            response,
        })
    }

    pub(super) fn raster(&self) -> Raster {
        self.raster
    }

    /// The perfect crystal in a state, turned by quarters from x towards y and shifted by parts of a period (y, x).
    pub(super) fn tile(&self, state: usize, quarter_turns: u8, shift: [f64; 2]) -> Result<Tile> {
        let Raster { pixels, pixel, .. } = self.raster;
        let [height, width] = [0, 1].map(|axis| pixels[axis] as f64 * pixel[axis]);
        let domain = Domain::default()
            .mixture(&[(state, 1.0)])
            .turned(FRAC_PI_2 * f64::from(quarter_turns % 4))
            .at(Point::new(shift[0] * height, shift[1] * width));
        let places: Vec<Point> = (0..pixels[0] * pixels[1])
            .map(|n| (n / pixels[1], n % pixels[1]))
            .map(|(row, column)| Point::new(row as f64 * pixel[0], column as f64 * pixel[1]))
            .collect();
        let values = self.response.perfect(&domain, &places)?;
        Ok(Tile::sampled(self.raster, &values))
    }

    /// What changed atoms of one column add, the column standing at `offset` in its cell.
    pub(super) fn stamp(&self, offset: Point, edits: &[Edit]) -> Result<Stamp> {
        if edits.is_empty() {
            return Ok(Stamp::none(self.raster, offset));
        }
        let changes = self.response.changes(edits)?;
        // edits are of the cell at the origin, so that their places are places in the cell
        Ok(Stamp::new(self.raster, offset, KERNEL_RADIUS, |from| {
            let place = from + offset;
            let seen = changes
                .iter()
                .map(|(kernel, weight, at)| weight * kernel.at(place.y - at.y, place.x - at.x));
            seen.sum()
        }))
    }

    /// An island of the library, standing at `offset` in a cell.
    pub(super) fn island(&self, island: usize, offset: Point) -> Result<Stamp> {
        let kernel = self.response.island(island)?;
        Ok(Stamp::new(self.raster, offset, KERNEL_RADIUS, |from| {
            kernel.at(from.y, from.x)
        }))
    }
}

fn raster(library: &Library, band: f64) -> Raster {
    let extent = library.recipe().cell().extent();
    Raster::new([extent.y, extent.x], band)
}

/// Number of a detector of the material by its name.
pub(super) fn detector(material: &Material, name: &str) -> Option<usize> {
    let detectors = &material.definition().detector;
    detectors.iter().position(|detector| detector.name == name)
}
