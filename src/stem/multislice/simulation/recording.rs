//! Probes that pass the specimen slice by slice, and what is recorded of them.

use super::{BATCH, Simulation, Workspace};
use crate::Result;
use crate::stem::multislice::configuration::Passage;
use crate::stem::multislice::incident::Incident;
use crate::stem::multislice::pattern::PixelatedDetector;
use crate::stem::multislice::recorder::{Looks, Recorder, Recording};
use crate::stem::output::Axis;
use crate::stem::{Engine, Focus, Probe};
use crate::units::Point;
use ndarray::{Array, Array3, ArrayViewMut, Axis as ArrayAxis, Dimension, Slice};
use rayon::prelude::*;
use serde_json::{Map, Value, json};

/// Probes that take many times as long as the transmission functions that they pass.
const PROBES_TO_A_CONFIGURATION: usize = 256;

impl Simulation {
    /// What `recorder` records of the probe at each position, with the electrons spread over `foci`: intensities are added by
    /// weight ([`Coherence::foci`](crate::stem::Coherence::foci) gives them; [`Focus::SHARP`] is one without spread).
    ///
    /// A position is (y, x) in Å in the box of the structure, which repeats. Positions are independent of one another: a long
    /// scan may be cut into several calls, and the result does not depend on the number of threads of the current rayon
    /// pool.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) for a probe of another beam or with an aperture beyond the angles that
    /// the wave keeps, no focus or weights that do not add up to 1, nothing to record, a detector or camera that reaches
    /// beyond those angles, a window narrower than the probe or a detector needs, a camera behind several exit planes, a
    /// position that is not within ±10⁶ Å, and a result beyond the memory limit.
    pub fn record(
        &self,
        probe: &Probe,
        foci: &[Focus],
        positions: &[Point],
        recorder: &Recorder,
    ) -> Result<Recording> {
        let (configurations, exits) = (self.configurations.len(), self.thicknesses.len());
        (recorder.detectors.iter())
            .try_for_each(|detector| self.window.check_detector(self.beam, detector))?;
        let looks = Looks::new(self.transforms.grid(), self.beam, recorder, exits)?;
        let shape = [configurations, exits];
        let mut recording = looks.blank(foci, positions, shape, self.memory_limit)?;
        // patterns of many configurations at once would take much memory
        let together = match recorder.patterns {
            Some(_) => 1,
            None => self.together(),
        };
        let incident = |focus: &Focus| self.incident(&probe.defocused(focus.offset)?);
        let incident = foci.iter().map(incident).collect::<Result<Vec<_>>>()?;
        for first in (0..configurations).step_by(together) {
            let passages = self.passages(first..first + together);
            let batches = |c| (0..positions.len()).step_by(BATCH).map(move |p| (c, p));
            let jobs: Vec<_> = (0..together).flat_map(batches).collect();
            for (focus, incident) in foci.iter().zip(&incident) {
                let found = jobs.par_iter().map_init(
                    || self.workspace(BATCH),
                    |workspace, (passage, first)| {
                        let batch = &positions[*first..positions.len().min(first + BATCH)];
                        self.record_batch(incident, &passages[*passage], batch, &looks, workspace)
                    },
                );
                let found: Vec<_> = found.collect();
                // added in the order of the jobs, whichever thread was first
                for ((passage, place), one) in jobs.iter().zip(found) {
                    let part = Slice::from(*place..place + one.signals.len_of(ArrayAxis(2)));
                    let target = &mut recording.signals;
                    let mut target = target.index_axis_mut(ArrayAxis(0), first + passage);
                    let target = target.slice_axis_mut(ArrayAxis(2), part);
                    add(target, focus.weight, &one.signals);
                    if let Some(patterns) = &mut recording.patterns {
                        let share = (focus.weight / configurations as f64) as f32;
                        let target = patterns.slice_axis_mut(ArrayAxis(0), part);
                        add(target, share, &one.patterns);
                    }
                }
            }
        }
        Ok(recording)
    }

    /// The angles (mrad) of the rows and columns of the patterns of a camera.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) for a camera beyond the angles that the wave keeps, or bins that do not
    /// fit into it.
    pub fn pattern_axes(&self, camera: PixelatedDetector) -> Result<[Axis; 2]> {
        camera.axes(self.transforms.grid(), self.beam)
    }

    fn record_batch(
        &self,
        incident: &Incident,
        passage: &Passage,
        batch: &[Point],
        looks: &Looks,
        workspace: &mut Workspace,
    ) -> Batch {
        let [rows, columns] = looks.frame();
        let shape = (looks.detectors(), self.thicknesses.len(), batch.len());
        let mut signals = Array3::zeros(shape);
        let mut patterns = vec![0.0; batch.len() * rows * columns];
        self.enter(incident, batch, workspace);
        let leave = |wave: usize, exit: usize, column: usize, line: &[_]| {
            let pattern = &mut patterns[wave * rows * columns..][..rows * columns];
            let add = |detector, signal: f64| signals[[detector, exit, wave]] += signal;
            looks.collect(column, line, add, pattern);
        };
        self.pass(passage, batch.len(), workspace, leave);
        let patterns = Array3::from_shape_vec((batch.len(), rows, columns), patterns);
        Batch {
            signals,
            patterns: patterns.expect("a pattern for each probe"),
        }
    }
}

impl Engine for Simulation {
    fn thicknesses(&self) -> &[f64] {
        Simulation::thicknesses(self)
    }

    fn pattern_axes(&self, camera: PixelatedDetector) -> Result<[Axis; 2]> {
        Simulation::pattern_axes(self, camera)
    }

    fn record(
        &self,
        probe: &Probe,
        foci: &[Focus],
        positions: &[Point],
        recorder: &Recorder,
    ) -> Result<Recording> {
        Simulation::record(self, probe, foci, positions, recorder)
    }

    fn settings(&self) -> Map<String, Value> {
        let grid = self.grid();
        let entries = [
            ("engine", json!("multislice")),
            ("wave_pixels", json!([grid.rows, grid.columns])),
            ("wave_pixel_size", json!([grid.pixel_y, grid.pixel_x])),
            ("configurations", json!(self.configurations())),
            (
                "specimen_tilt_mrad",
                json!([self.tilt.y_mrad(), self.tilt.x_mrad()]),
            ),
        ];
        Map::from_iter(entries.map(|(key, value)| (key.to_owned(), value)))
    }

    /// Enough that transmission functions that are made in each call take a small share of the time.
    fn rows_together(&self, columns: usize) -> usize {
        if self.together() < self.configurations() {
            PROBES_TO_A_CONFIGURATION.div_ceil(columns.max(1))
        } else {
            1
        }
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
