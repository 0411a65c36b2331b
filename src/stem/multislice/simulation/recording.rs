//! What detectors and a camera record of probes that passed the specimen.

use super::{BATCH, Configuration, Simulation, Workspace, check_position};
use crate::stem::multislice::collector::Collector;
use crate::stem::multislice::incident::Incident;
use crate::stem::multislice::memory;
use crate::stem::multislice::pattern::{Frames, PixelatedDetector};
use crate::stem::output::Axis;
use crate::stem::{Detector, Focus, Probe};
use crate::units::Point;
use crate::{Error, Result};
use ndarray::{Array, Array3, Array4, ArrayViewMut, Axis as ArrayAxis, Dimension, Slice};
use rayon::prelude::*;

/// What is recorded of each probe.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Recorder {
    /// Detectors whose signals are recorded.
    pub detectors: Vec<Detector>,
    /// The camera, if whole diffraction patterns are; then the simulation has one exit plane.
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
        let mut sum = Array3::zeros(self.signals.index_axis(ArrayAxis(0), 0).raw_dim());
        for signals in self.signals.outer_iter() {
            sum += &signals;
        }
        sum / self.signals.len_of(ArrayAxis(0)) as f64
    }

    /// The standard error of [`Recording::mean`], √(Σ(s − s̄)²/(n(n − 1))) over the n configurations: how far the phonon
    /// average has converged. `None` for a single one, which says nothing of it.
    pub fn standard_error(&self) -> Option<Array3<f64>> {
        let count = self.signals.len_of(ArrayAxis(0)) as f64;
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

/// What one thread looks for behind the specimen.
struct Looks {
    collectors: Vec<Collector>,
    frames: Option<Frames>,
}

impl Simulation {
    /// What `recorder` records of the probe at each position, with the electrons spread over `foci`: intensities are added by
    /// weight ([`Coherence::foci`](crate::stem::Coherence::foci) gives them; [`Focus::SHARP`] is one without spread).
    ///
    /// A position is (y, x) in Å in the box of the structure, which repeats. Positions are independent of one another: a long
    /// scan may be cut into several calls, and the result does not depend on the number of threads of the current rayon
    /// pool.
    ///
    /// # Errors
    /// [`Error::Argument`] for a probe of another beam or with an aperture beyond the angles that the wave keeps, no focus or
    /// weights that do not add up to 1, nothing to record, a detector or camera that reaches beyond those angles, a window
    /// narrower than the probe or a detector needs, a camera behind several exit planes, a position that is not within ±10⁶ Å, and a result beyond the memory limit.
    pub fn record(
        &self,
        probe: &Probe,
        foci: &[Focus],
        positions: &[Point],
        recorder: &Recorder,
    ) -> Result<Recording> {
        let total: f64 = foci.iter().map(|focus| focus.weight).sum();
        if (total - 1.0).abs().is_nan() || (total - 1.0).abs() > 1e-9 {
            let found = format!("{} of weight {total} in all", foci.len());
            return Err(Error::argument("foci", found, "weights that add up to 1"));
        }
        positions.iter().try_for_each(check_position)?;
        let looks = self.looks(recorder)?;
        let shape = (
            self.configurations.len(),
            looks.collectors.len(),
            self.thicknesses.len(),
            positions.len(),
        );
        let frame = looks.frames.as_ref().map_or([0, 0], Frames::shape);
        // all results of a round, and their sum
        let numbers = (shape.0 * shape.1 * shape.2) as f64 * positions.len() as f64;
        let pixels = (frame[0] * frame[1]) as f64 * positions.len() as f64;
        memory::check(
            self.memory_limit,
            &[
                ("the signals of the scan".into(), 2.0 * 8.0 * numbers),
                ("the diffraction patterns".into(), 2.0 * 4.0 * pixels),
            ],
        )?;

        let mut signals = Array4::zeros(shape);
        let mut patterns = Array3::zeros((positions.len(), frame[0], frame[1]));
        // patterns of many configurations at once would take much memory
        let together = if looks.frames.is_some() { 1 } else { shape.0 };
        for focus in foci {
            let incident = self.incident(&probe.defocused(focus.offset)?)?;
            for first in (0..shape.0).step_by(together) {
                let batches = |c| (0..positions.len()).step_by(BATCH).map(move |p| (c, p));
                let jobs: Vec<_> = (first..first + together).flat_map(batches).collect();
                let found = jobs.par_iter().map_init(
                    || self.workspace(BATCH),
                    |workspace, (configuration, first)| {
                        let batch = &positions[*first..positions.len().min(first + BATCH)];
                        let configuration = &self.configurations[*configuration];
                        self.record_batch(&incident, configuration, batch, &looks, workspace)
                    },
                );
                let found: Vec<_> = found.collect();
                // added in the order of the jobs, whichever thread was first
                for ((configuration, first), one) in jobs.into_iter().zip(found) {
                    let part = Slice::from(first..first + one.signals.len_of(ArrayAxis(2)));
                    let mut target = signals.index_axis_mut(ArrayAxis(0), configuration);
                    let target = target.slice_axis_mut(ArrayAxis(2), part);
                    add(target, focus.weight, &one.signals);
                    let share = (focus.weight / shape.0 as f64) as f32;
                    let target = patterns.slice_axis_mut(ArrayAxis(0), part);
                    add(target, share, &one.patterns);
                }
            }
        }
        Ok(Recording {
            signals,
            patterns: looks.frames.map(|_| patterns),
        })
    }

    /// The angles (mrad) of the rows and columns of the patterns of a camera.
    ///
    /// # Errors
    /// [`Error::Argument`] for a camera beyond the angles that the wave keeps, or bins that do not fit into it.
    pub fn pattern_axes(&self, camera: PixelatedDetector) -> Result<[Axis; 2]> {
        Ok(Frames::new(self.transforms.grid(), self.beam, camera)?.axes())
    }

    fn looks(&self, recorder: &Recorder) -> Result<Looks> {
        let grid = self.transforms.grid();
        if recorder.detectors.is_empty() && recorder.patterns.is_none() {
            let rule = "at least one detector";
            return Err(Error::argument("detectors", "none", rule));
        }
        if recorder.patterns.is_some() && self.thicknesses.len() > 1 {
            let found = format!("{} exit planes", self.thicknesses.len());
            return Err(Error::argument("patterns", found, "one exit plane"));
        }
        (recorder.detectors.iter())
            .try_for_each(|detector| self.window.check_detector(self.beam, detector))?;
        let collectors = (recorder.detectors.iter())
            .map(|detector| Collector::new(grid, self.beam, detector))
            .collect::<Result<Vec<_>>>()?;
        let frames = (recorder.patterns)
            .map(|camera| Frames::new(grid, self.beam, camera))
            .transpose()?;
        Ok(Looks { collectors, frames })
    }

    fn record_batch(
        &self,
        incident: &Incident,
        configuration: &Configuration,
        batch: &[Point],
        looks: &Looks,
        workspace: &mut Workspace,
    ) -> Batch {
        let [rows, columns] = looks.frames.as_ref().map_or([0, 0], Frames::shape);
        let shape = (looks.collectors.len(), self.thicknesses.len(), batch.len());
        let mut signals = Array3::zeros(shape);
        let mut patterns = Array3::zeros((batch.len(), rows, columns));
        self.enter(incident, batch, workspace);
        let leave = |wave: usize, exit: usize, column: usize, line: &[_]| {
            for (detector, collector) in looks.collectors.iter().enumerate() {
                signals[[detector, exit, wave]] += collector.collect(column, line);
            }
            if let Some(frames) = &looks.frames {
                let mut pattern = patterns.index_axis_mut(ArrayAxis(0), wave);
                let pattern = pattern.as_slice_mut().expect("patterns lie row by row");
                frames.collect(column, line, pattern);
            }
        };
        self.pass(configuration, batch.len(), workspace, leave);
        Batch { signals, patterns }
    }
}

/// What was recorded of a batch in one configuration.
struct Batch {
    signals: Array3<f64>,
    patterns: Array3<f32>,
}

/// `target` += `weight` · `values`.
fn add<T, D>(mut target: ArrayViewMut<T, D>, weight: T, values: &Array<T, D>)
where
    T: Copy + std::ops::Mul<Output = T> + std::ops::AddAssign,
    D: Dimension,
{
    target.zip_mut_with(values, |sum, value| *sum += weight * *value);
}
