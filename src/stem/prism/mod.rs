//! PRISM: a scan from plane waves that were sent through the specimen once for all probes.
//!
//! A probe is a sum of plane waves, and scattering is linear: what the specimen makes of the probe is the same sum of what it
//! makes of the plane waves, ψ(r) = Σₖ A(k) exp(−2πi k·r₀) Sₖ(r), with A the aperture and its aberrations, r₀ the position
//! and Sₖ the wave that the plane wave k leaves behind. Of the plane waves in the aperture PRISM takes every f-th along y and
//! x only. Their sum repeats f times in the box, so it is cut off at a window of 1/f of the box around the probe (C. Ophus,
//! Adv. Struct. Chem. Imaging 3 (2017) 13, doi 10.1186/s40679-017-0046-1). There are π(α/λ)²·(area of the box)/f² beams,
//! each as much work as one probe of multislice; a probe afterwards costs next to nothing.
//!
//! ```
//! use dosewise::stem::{
//!     Aberrations, AnnularDetector, Beam, Multislice, PlacedAtom, Probe, Sampling, Structure,
//! };
//! use dosewise::units::Point;
//! use nalgebra::Vector3;
//! let gold = PlacedAtom::new("Au".parse()?, Vector3::new(8.0, 8.0, 1.0));
//! let structure = Structure::new(Vector3::new(16.0, 16.0, 2.0), vec![gold])?;
//! let beam = Beam::new(200.0)?;
//! let simulation = Multislice::new(&structure, beam, Sampling::Pixel(0.08))?.build()?;
//! let probe = Probe::new(beam, 20.0, Aberrations::default())?;
//! let matrix = simulation.scattering_matrix(&probe, [2, 2])?;
//! let line: Vec<_> = (0..5).map(|n| Point::new(8.0 + f64::from(n), 8.0)).collect();
//! let haadf = [AnnularDetector::new(60.0, 100.0)?];
//! let found = matrix.scan(&probe, &line, &haadf)?; // [detector, thickness, position]
//! let exact = simulation.scan(&probe, &line, &haadf)?;
//! assert!((found[[0, 0, 0]] / exact[[0, 0, 0]] - 1.0).abs() < 0.05);
//! // the same beams through a lens out of focus
//! let blurred = matrix.scan(&probe.defocused(100.0)?, &line, &haadf)?;
//! assert!(blurred[[0, 0, 0]] < 0.5 * found[[0, 0, 0]]);
//! # Ok::<(), dosewise::Error>(())
//! ```
//!
//! # Accuracy
//!
//! Without interpolation signals are those of multislice to 5·10⁻⁵ of their range, for every kind of detector. With
//! interpolation 2 on 8 nm of SrTiO₃ (15.6 Å × 15.6 Å, 200 kV, 20 mrad) the RMS error along the diagonal of a cell is 3.5 % of
//! the mean for 60–160 mrad, 5 % for the quarters of 5–20 mrad and for the centre of mass (`tests/stem_prism.rs`).
//!
//! # Speed
//!
//! 64 × 64 probes on 20 nm of SrTiO₃ (320 × 320 pixels, 102 slices, 20 mrad, interpolation 2: 145 beams) take 3.7 s of one
//! thread, of which the probes 0.4 s, and 73 MB; abTEM 1.0.11 18.9 s and 1.2 GB, 4.7 (4.5–5.1) times as long, its mean signal 2 %
//! lower for the reasons that [`multislice`](super::multislice) gives (`cargo bench --bench stem -- PRISM`, medians of five
//! runs in turn).
//!
//! # Where to read on
//!
//! `build` plans the plane waves and sends them through, `scan` puts probes together, `superpose` is the sum.

mod build;
mod scan;
mod superpose;

use super::multislice::WaveGrid;
use super::output::Axis;
use super::{Beam, Engine, Focus, PixelatedDetector, Probe, Recorder, Recording, Simulation, Tilt};
use crate::Result;
use crate::units::Point;
use rustfft::{Fft, FftPlanner};
use serde_json::{Map, Value, json};
use std::sync::Arc;

pub use build::MatrixPlan;

/// What a specimen makes of the plane waves of an aperture; made by [`Simulation::scattering_matrix`].
///
/// The waves hold no frequencies beyond 2/3 of the Nyquist frequency of the simulation, so they are kept on 2/3 of its
/// pixels along a side, in single precision. It does not need the [`Simulation`] any more.
pub struct ScatteringMatrix {
    beam: Beam,
    /// Of the specimen.
    tilt: Tilt,
    /// The part of the box around a probe, a resampled grid.
    window: WaveGrid,
    /// Pixels of the whole box along (y, x), as fine as those of the window.
    pixels: [usize; 2],
    /// The frequency of each beam along (y, x) in units of 1/(edge of the window), sorted.
    numbers: Vec<[isize; 2]>,
    /// `[configuration][thickness][beam]`: rows of real parts of the exit wave, each followed by its imaginary parts.
    beams: Vec<Vec<Vec<Vec<f32>>>>,
    thicknesses: Vec<f64>,
    memory_limit: u64,
    forward_x: Arc<dyn Fft<f32>>,
    forward_y: Arc<dyn Fft<f32>>,
}

impl ScatteringMatrix {
    fn new(
        simulation: &Simulation,
        [window, whole]: [WaveGrid; 2],
        numbers: Vec<[isize; 2]>,
        beams: Vec<Vec<Vec<Vec<f32>>>>,
    ) -> Self {
        let mut planner = FftPlanner::new();
        Self {
            beam: simulation.beam(),
            tilt: simulation.tilt(),
            forward_x: planner.plan_fft_forward(window.columns()),
            forward_y: planner.plan_fft_forward(window.rows()),
            window,
            pixels: [whole.rows(), whole.columns()],
            numbers,
            beams,
            thicknesses: simulation.thicknesses().to_vec(),
            memory_limit: simulation.memory_limit,
        }
    }

    /// The beam.
    pub fn beam(&self) -> Beam {
        self.beam
    }

    /// The thicknesses after which the wave is looked at, Å, in rising order.
    pub fn thicknesses(&self) -> &[f64] {
        &self.thicknesses
    }

    /// Number of plane waves.
    pub fn beams(&self) -> usize {
        self.numbers.len()
    }

    /// The edges of the window that a probe is seen in, (y, x) in Å. Two points of a diffraction pattern are one over
    /// these apart.
    pub fn window(&self) -> [f64; 2] {
        let pixels = self.window.pixels();
        [
            pixels.rows as f64 * pixels.pixel_y,
            pixels.columns as f64 * pixels.pixel_x,
        ]
    }

    /// Bytes that the beams take.
    pub fn bytes(&self) -> usize {
        let images = self.beams.len() * self.thicknesses.len() * self.numbers.len();
        2 * size_of::<f32>() * self.pixels[0] * self.pixels[1] * images
    }

    /// Spatial frequency (ky, kx) of a beam, 1/Å.
    fn frequency(&self, [ny, nx]: [isize; 2]) -> [f64; 2] {
        let [height, width] = self.window();
        [ny as f64 / height, nx as f64 / width]
    }
}

impl Engine for ScatteringMatrix {
    fn thicknesses(&self) -> &[f64] {
        ScatteringMatrix::thicknesses(self)
    }

    fn pattern_axes(&self, camera: PixelatedDetector) -> Result<[Axis; 2]> {
        ScatteringMatrix::pattern_axes(self, camera)
    }

    fn record(
        &self,
        probe: &Probe,
        foci: &[Focus],
        positions: &[Point],
        recorder: &Recorder,
    ) -> Result<Recording> {
        ScatteringMatrix::record(self, probe, foci, positions, recorder)
    }

    fn settings(&self) -> Map<String, Value> {
        let interpolation = [
            self.pixels[0] / self.window.rows(),
            self.pixels[1] / self.window.columns(),
        ];
        let largest_angle = 1e3 * self.beam.wavelength() * self.window.band();
        let entries = [
            ("engine", json!("prism")),
            ("interpolation", json!(interpolation)),
            ("beams", json!(self.beams())),
            ("wave_pixels", json!(self.pixels)),
            ("largest_angle_mrad", json!(largest_angle)),
            ("configurations", json!(self.beams.len())),
            (
                "specimen_tilt_mrad",
                json!([self.tilt.y_mrad(), self.tilt.x_mrad()]),
            ),
        ];
        Map::from_iter(entries.map(|(key, value)| (key.to_owned(), value)))
    }

    /// Positions of equal x share most of the work.
    fn rows_together(&self, _columns: usize) -> usize {
        scan::MOST_TOGETHER
    }
}
