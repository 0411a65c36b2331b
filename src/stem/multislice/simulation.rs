//! A specimen made ready, and waves sent through it.

mod recording;

pub use recording::{Recorder, Recording};

use super::grid::WaveGrid;
use super::incident::Incident;
use super::memory;
use super::propagator::{Propagator, transmit};
use super::slices::Step;
use super::transforms::{BLOCK, Scratch, Transforms};
use crate::stem::probe::Grid;
use crate::stem::{Beam, Detector, Focus, Probe};
use crate::units::Point;
use crate::{Error, Result};
use ndarray::{Array3, Array4};
use rayon::prelude::*;
use rustfft::num_complex::Complex32;
use std::collections::BTreeMap;

/// Probes that pass a slice together, so that its transmission function is fetched once for all of them.
pub(in crate::stem) const BATCH: usize = 2;

/// A specimen made ready by [`Multislice::build`](super::Multislice::build): transmission functions, propagators and
/// plans, shared by all waves and threads.
pub struct Simulation {
    pub(super) beam: Beam,
    pub(super) transforms: Transforms,
    pub(super) configurations: Vec<Configuration>,
    /// By the number of slices they lead over, and whether the wave comes from real space.
    pub(super) propagators: BTreeMap<(usize, bool), Propagator>,
    pub(super) thicknesses: Vec<f64>,
    pub(in crate::stem) memory_limit: u64,
}

/// One arrangement of the atoms.
pub(super) struct Configuration {
    /// What a wave meets, in order.
    pub steps: Vec<Step>,
    /// The transmission functions that the steps refer to.
    pub transmissions: Vec<Vec<Complex32>>,
}

/// What one thread works in.
struct Workspace {
    waves: Vec<Complex32>,
    scratch: Scratch,
}

impl Simulation {
    /// The beam.
    pub fn beam(&self) -> Beam {
        self.beam
    }

    /// The pixels of the wave.
    pub fn grid(&self) -> Grid {
        self.transforms.grid().pixels()
    }

    /// The thicknesses after which the wave is looked at, Å, in rising order.
    pub fn thicknesses(&self) -> &[f64] {
        &self.thicknesses
    }

    /// The largest scattering angle that the wave keeps, mrad: 2/3 of the lowest Nyquist frequency times the wavelength.
    pub fn largest_angle_mrad(&self) -> f64 {
        1e3 * self.beam.wavelength() * self.transforms.grid().band()
    }

    /// The grid of the wave with its circle of frequencies.
    pub(in crate::stem) fn wave_grid(&self) -> &WaveGrid {
        self.transforms.grid()
    }

    /// Number of sets of displacements that intensities are averaged over.
    pub fn configurations(&self) -> usize {
        self.configurations.len()
    }

    /// Steps of one wave through all configurations: the work of one probe. Each is one pair of two-dimensional
    /// transforms where there are atoms.
    pub fn steps(&self) -> usize {
        self.configurations.iter().map(|c| c.steps.len()).sum()
    }

    /// What each detector collects from a probe at each position, `[detector, thickness, position]`, averaged over the
    /// configurations: shares of the incident electrons, or mrad for a centre of mass. [`Simulation::record`] tells more.
    ///
    /// A position is (y, x) in Å in the box of the structure, which repeats. Positions are independent of one another:
    /// a long scan may be cut into several calls, and the result does not depend on the number of threads of the
    /// current rayon pool.
    ///
    /// # Errors
    /// [`Error::Argument`] for a probe of another beam or with an aperture beyond the angles that the wave keeps, a
    /// detector that reaches beyond them, no detector, a position that is not within ±10⁶ Å, and a result beyond the
    /// memory limit.
    pub fn scan(
        &self,
        probe: &Probe,
        positions: &[Point],
        detectors: &[impl Copy + Into<Detector>],
    ) -> Result<Array3<f64>> {
        let recorder = Recorder {
            detectors: detectors.iter().map(|d| (*d).into()).collect(),
            patterns: None,
        };
        let recording = self.record(probe, &[Focus::SHARP], positions, &recorder)?;
        Ok(recording.mean())
    }

    /// The wave that a probe at `position` leaves behind, `[configuration, thickness, row, column]`, 1/Å:
    /// Σ|ψ|²·(pixel area) is the share of the electrons that are still within the angles that the wave keeps.
    ///
    /// # Errors
    /// As [`Simulation::scan`].
    pub fn exit_waves(&self, probe: &Probe, position: Point) -> Result<Array4<Complex32>> {
        check_position(&position)?;
        let incident = self.incident(probe)?;
        let amplitude = 1.0 / self.transforms.grid().area().sqrt();
        self.real_space(&incident, position, amplitude as f32)
    }

    /// The wave that a plane wave of amplitude 1 along the axis leaves behind, `[configuration, thickness, row,
    /// column]`, no unit.
    ///
    /// # Errors
    /// [`Error::Argument`] for a result beyond the memory limit.
    pub fn plane_wave(&self) -> Result<Array4<Complex32>> {
        let incident = Incident::plane(self.transforms.grid(), [0, 0]);
        self.real_space(&incident, Point::default(), 1.0)
    }

    fn incident(&self, probe: &Probe) -> Result<Incident> {
        Incident::probe(probe, self.beam, self.transforms.grid())
    }

    fn workspace(&self, waves: usize) -> Workspace {
        Workspace {
            waves: vec![Complex32::ZERO; waves * self.transforms.wave_len()],
            scratch: self.transforms.scratch(),
        }
    }

    /// Bytes of the workspace of one thread.
    pub(super) fn workspace_bytes(grid: &WaveGrid) -> f64 {
        let block = BLOCK * grid.columns();
        8.0 * (BATCH as f64 * grid.band_columns() as f64 * grid.rows() as f64 + block as f64)
    }

    /// Sets up the waves of a batch in front of the specimen.
    fn enter(&self, incident: &Incident, batch: &[Point], workspace: &mut Workspace) {
        let waves = workspace.waves.chunks_exact_mut(self.transforms.wave_len());
        for (wave, position) in waves.zip(batch) {
            incident.place(*position, wave, |line| {
                self.transforms
                    .to_half_transformed(line, &mut workspace.scratch);
            });
        }
    }

    /// Sends up to [`BATCH`] plane waves of amplitude 1, named by their frequency numbers along (y, x), through a
    /// configuration; `leave` as in [`Simulation::pass`].
    pub(in crate::stem) fn pass_plane_waves(
        &self,
        configuration: usize,
        numbers: &[[isize; 2]],
        leave: impl FnMut(usize, usize, usize, &[Complex32]),
    ) {
        let mut workspace = self.workspace(numbers.len());
        let waves = (workspace.waves).chunks_exact_mut(self.transforms.wave_len());
        for (wave, numbers) in waves.zip(numbers) {
            let plane = Incident::plane(self.transforms.grid(), *numbers);
            plane.place(Point::default(), wave, |line| {
                self.transforms
                    .to_half_transformed(line, &mut workspace.scratch);
            });
        }
        let configuration = &self.configurations[configuration];
        self.pass(configuration, numbers.len(), &mut workspace, leave);
    }

    /// Bytes of the transmission functions.
    pub(in crate::stem) fn bytes(&self) -> f64 {
        let images = self.configurations.iter().map(|c| c.transmissions.len());
        8.0 * images.sum::<usize>() as f64 * self.transforms.grid().len() as f64
    }

    /// Sends the first `count` waves of the workspace through a configuration.
    ///
    /// At each exit plane `leave(wave, exit, band column, line)` sees ψ(kx, ky) of each band column, scaled such that
    /// Σ|ψ|² = 1 for a wave that lost nothing.
    fn pass(
        &self,
        configuration: &Configuration,
        count: usize,
        workspace: &mut Workspace,
        mut leave: impl FnMut(usize, usize, usize, &[Complex32]),
    ) {
        let Workspace { waves, scratch } = workspace;
        let grid = self.transforms.grid();
        let length = self.transforms.wave_len();
        let waves = &mut waves[..count * length];
        for (number, step) in configuration.steps.iter().enumerate() {
            if let Some(slice) = step.slice {
                let transmission =
                    configuration.transmissions[slice].chunks(BLOCK * grid.columns());
                for (block, transmission) in transmission.enumerate() {
                    for wave in waves.chunks_exact_mut(length) {
                        (self.transforms).through_real_space(
                            wave,
                            block * BLOCK,
                            scratch,
                            |rows| {
                                transmit(rows, transmission);
                            },
                        );
                    }
                }
            }
            let propagator = &self.propagators[&step.propagation()];
            let last = number + 1 == configuration.steps.len();
            for (index, wave) in waves.chunks_exact_mut(length).enumerate() {
                for (column, line) in wave.chunks_exact_mut(grid.rows()).enumerate() {
                    self.transforms.to_frequencies(line, scratch);
                    propagator.apply(grid, column, line);
                    if let Some(exit) = step.exit {
                        leave(index, exit, column, line);
                    }
                    if !last {
                        self.transforms.to_half_transformed(line, scratch);
                    }
                }
            }
        }
    }

    /// Exit waves in real space, times `amplitude`.
    fn real_space(
        &self,
        incident: &Incident,
        position: Point,
        amplitude: f32,
    ) -> Result<Array4<Complex32>> {
        let grid = self.transforms.grid();
        let exits = self.thicknesses.len();
        let images = (self.configurations.len() * exits) as f64;
        let bytes = 8.0 * grid.len() as f64 * images;
        memory::check(self.memory_limit, &[("the exit waves".into(), bytes)])?;
        let shape = (
            self.configurations.len(),
            exits,
            grid.rows(),
            grid.columns(),
        );
        let mut found = Array4::zeros(shape);
        let outer: Vec<_> = found.outer_iter_mut().zip(&self.configurations).collect();
        outer
            .into_par_iter()
            .for_each(|(mut images, configuration)| {
                let (mut workspace, mut left) = (self.workspace(1), self.workspace(exits));
                self.enter(incident, &[position], &mut workspace);
                let length = self.transforms.wave_len();
                self.pass(configuration, 1, &mut workspace, |_, exit, column, line| {
                    let place = exit * length + column * grid.rows();
                    left.waves[place..place + line.len()].copy_from_slice(line);
                });
                let waves = left.waves.chunks_exact_mut(length);
                for (wave, mut image) in waves.zip(images.outer_iter_mut()) {
                    for line in wave.chunks_exact_mut(grid.rows()) {
                        self.transforms.to_half_transformed(line, &mut left.scratch);
                    }
                    for first in (0..grid.rows()).step_by(BLOCK) {
                        self.transforms
                            .to_real_space(wave, first, &mut left.scratch, |rows| {
                                let rows = rows.chunks_exact(grid.columns());
                                for (row, values) in rows.enumerate() {
                                    let target = image.row_mut(first + row);
                                    target
                                        .into_iter()
                                        .zip(values)
                                        .for_each(|(t, v)| *t = v * amplitude);
                                }
                            });
                    }
                }
            });
        Ok(found)
    }
}

pub(in crate::stem) fn check_position(position: &Point) -> Result<()> {
    let allowed = |r: f64| r.abs() <= 1e6;
    if allowed(position.y) && allowed(position.x) {
        return Ok(());
    }
    let found = format!("({}, {}) Å", position.y, position.x);
    Err(Error::argument("positions", found, "numbers within ±10⁶ Å"))
}
