//! What is recorded of the waves behind a specimen, however they came about.

use super::collector::Collector;
use super::grid::WaveGrid;
use super::memory;
use super::pattern::{Frames, PixelatedDetector};
use super::simulation::check_position;
use crate::stem::{Beam, Detector, Focus};
use crate::units::Point;
use crate::{Error, Result};
use ndarray::{Array3, Array4, Axis};
use rustfft::num_complex::Complex32;

/// What is recorded of each probe.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Recorder {
    /// Detectors whose signals are recorded.
    pub detectors: Vec<Detector>,
    /// The camera, if whole diffraction patterns are; then there is one exit plane.
    pub patterns: Option<PixelatedDetector>,
}

/// What was recorded of the probes at some positions.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// Signals of each configuration of the atoms, `[configuration, detector, thickness, position]`: shares of the incident
    /// electrons, or mrad for a centre of mass.
    pub signals: Array4<f64>,
    /// The share of the incident electrons in each pixel of the camera, `[position, θ_y, θ_x]`, averaged over the
    /// configurations.
    pub patterns: Option<Array3<f32>>,
}

impl Recording {
    /// The signals averaged over the configurations, `[detector, thickness, position]`.
    pub fn mean(&self) -> Array3<f64> {
        let mut sum = Array3::zeros(self.signals.index_axis(Axis(0), 0).raw_dim());
        for signals in self.signals.outer_iter() {
            sum += &signals;
        }
        sum / self.signals.len_of(Axis(0)) as f64
    }

    /// The standard error of [`Recording::mean`], √(Σ(s − s̄)²/(n(n − 1))) over the n configurations: how far the phonon
    /// average has converged. `None` for a single one, which says nothing of it.
    pub fn standard_error(&self) -> Option<Array3<f64>> {
        let count = self.signals.len_of(Axis(0)) as f64;
        if count < 2.0 {
            return None;
        }
        let mean = self.mean();
        let mut squares = Array3::zeros(mean.raw_dim());
        for signals in self.signals.outer_iter() {
            squares += &(&signals - &mean).mapv(|deviation| deviation * deviation);
        }
        Some(squares.mapv(|sum: f64| (sum / (count * (count - 1.0))).sqrt()))
    }
}

/// A [`Recorder`] on the frequencies of a grid.
pub(in crate::stem) struct Looks {
    collectors: Vec<Collector>,
    frames: Option<Frames>,
}

impl Looks {
    /// # Errors
    /// [`Error::Argument`] for nothing to record, a detector or camera that reaches beyond the angles that the wave keeps,
    /// a detector that holds no frequency, and a camera behind several exit planes.
    pub(in crate::stem) fn new(
        grid: &WaveGrid,
        beam: Beam,
        recorder: &Recorder,
        exits: usize,
    ) -> Result<Self> {
        if recorder.detectors.is_empty() && recorder.patterns.is_none() {
            let rule = "at least one detector";
            return Err(Error::argument("detectors", "none", rule));
        }
        if recorder.patterns.is_some() && exits > 1 {
            let found = format!("{exits} exit planes");
            return Err(Error::argument("patterns", found, "one exit plane"));
        }
        let collectors = (recorder.detectors.iter())
            .map(|detector| Collector::new(grid, beam, detector))
            .collect::<Result<Vec<_>>>()?;
        let frames = (recorder.patterns)
            .map(|camera| Frames::new(grid, beam, camera))
            .transpose()?;
        Ok(Self { collectors, frames })
    }

    /// Number of detectors.
    pub(in crate::stem) fn detectors(&self) -> usize {
        self.collectors.len()
    }

    /// Rows and columns of the camera; none without one.
    pub(in crate::stem) fn frame(&self) -> [usize; 2] {
        self.frames.as_ref().map_or([0, 0], Frames::shape)
    }

    /// Whether anything of a band column is recorded.
    pub(in crate::stem) fn meets(&self, band_column: usize) -> bool {
        self.collectors.iter().any(|c| c.meets(band_column))
            || self.frames.as_ref().is_some_and(|f| f.meets(band_column))
    }

    /// Looks at one band column of a wave, with the frequencies of y in FFT order: `add(detector, signal)` to the signals,
    /// and the intensities to a pattern of [`Looks::frame`].
    pub(in crate::stem) fn collect(
        &self,
        band_column: usize,
        line: &[Complex32],
        mut add: impl FnMut(usize, f64),
        pattern: &mut [f32],
    ) {
        for (detector, collector) in self.collectors.iter().enumerate() {
            add(detector, collector.collect(band_column, line));
        }
        if let Some(frames) = &self.frames {
            frames.collect(band_column, line, pattern);
        }
    }

    /// Zeros for the probes at `positions` with the electrons spread over `foci`, to add to.
    ///
    /// # Errors
    /// [`Error::Argument`] for weights of the foci that do not add up to 1, a position that is not within ±10⁶ Å, and a
    /// result that takes more than `memory_limit` bytes.
    pub(in crate::stem) fn blank(
        &self,
        foci: &[Focus],
        positions: &[Point],
        [configurations, exits]: [usize; 2],
        memory_limit: u64,
    ) -> Result<Recording> {
        let total: f64 = foci.iter().map(|focus| focus.weight).sum();
        if (total - 1.0).abs().is_nan() || (total - 1.0).abs() > 1e-9 {
            let found = format!("{} of weight {total} in all", foci.len());
            return Err(Error::argument("foci", found, "weights that add up to 1"));
        }
        positions.iter().try_for_each(check_position)?;
        let [rows, columns] = self.frame();
        let numbers = (configurations * self.detectors() * exits) as f64 * positions.len() as f64;
        let pixels = (rows * columns) as f64 * positions.len() as f64;
        // the results of a round, and their sum
        let needs = [
            ("the signals of the scan".into(), 2.0 * 8.0 * numbers),
            ("the diffraction patterns".into(), 2.0 * 4.0 * pixels),
        ];
        memory::check_advising(memory_limit, &needs, "fewer positions at a time")?;
        let shape = (configurations, self.detectors(), exits, positions.len());
        let patterns = (self.frames.as_ref()).map(|_| (positions.len(), rows, columns));
        Ok(Recording {
            signals: Array4::zeros(shape),
            patterns: patterns.map(Array3::zeros),
        })
    }
}
