//! A specimen made ready, and waves sent through it.

mod recording;

use super::configuration::{Configuration, Passage, TransmissionMaker};
use super::grid::WaveGrid;
use super::incident::Incident;
use super::lanes::{LANES, Lanes, multiply};
use super::memory;
use super::propagator::Propagator;
use super::recorder::Recorder;
use super::transforms::Transforms;
use super::window::{Corner, Window};
use crate::stem::probe::Grid;
use crate::stem::{Beam, Detector, Focus, Probe, Tilt};
use crate::units::Point;
use crate::{Error, Result};
use ndarray::{Array3, Array4, Axis};
use rayon::prelude::*;
use rustfft::num_complex::Complex32;
use std::collections::BTreeMap;
use std::ops::Range;

/// Probes that pass a slice together, so that its transmission function is fetched once for all of them.
pub(in crate::stem) const BATCH: usize = 2;

/// A specimen made ready by [`Multislice::build`](super::Multislice::build): transmission functions, propagators and
/// plans, shared by all waves and threads.
pub struct Simulation {
    pub(super) beam: Beam,
    pub(super) tilt: Tilt,
    /// Where the wave lies in the transmission functions.
    pub(super) window: Window,
    pub(super) transforms: Transforms,
    pub(super) maker: TransmissionMaker,
    pub(super) configurations: Vec<Configuration>,
    /// By the number of slices they lead over, and whether the wave comes from real space.
    pub(super) propagators: BTreeMap<(usize, bool), Propagator>,
    pub(super) thicknesses: Vec<f64>,
    pub(in crate::stem) memory_limit: u64,
}

/// How large a simulation is.
#[derive(Clone, Copy)]
pub(in crate::stem) struct SimulationExtent<'a> {
    pub grid: &'a WaveGrid,
    pub beam: Beam,
    /// Of all configurations.
    pub exit_planes: usize,
    pub bytes: f64,
    pub memory_limit: u64,
}

/// What one thread works in.
struct Workspace {
    /// One after the other.
    waves: Vec<Lanes>,
    /// Which blocks of them are not empty as they enter.
    occupied: Vec<bool>,
    /// Where each of them lies in the box.
    corners: Vec<Corner>,
    /// A strip of real space.
    strip: Vec<Lanes>,
    /// A strip of a transmission function that goes over the edge of the box.
    wrapped: Vec<Lanes>,
    /// Lines of k-space as the detectors see them.
    lines: Vec<Complex32>,
}

impl Simulation {
    /// The beam.
    pub fn beam(&self) -> Beam {
        self.beam
    }

    /// The tilt of the specimen.
    pub fn tilt(&self) -> Tilt {
        self.tilt
    }

    /// The pixels of the wave: of the box, or of the [window](super::Multislice::window) around each probe.
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
    /// detector that reaches beyond them, no detector, a window narrower than the probe or a detector needs, a position
    /// that is not within ±10⁶ Å, and a result beyond the memory limit.
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
    /// As [`Simulation::scan`], and for a simulation with a [window](super::Multislice::window).
    pub fn exit_waves(&self, probe: &Probe, position: Point) -> Result<Array4<Complex32>> {
        self.check_whole("exit waves")?;
        check_position(&position)?;
        let incident = self.incident(probe)?;
        let amplitude = 1.0 / self.transforms.grid().area().sqrt();
        self.real_space(&incident, position, amplitude as f32)
    }

    /// The wave that a plane wave of amplitude 1 along the axis leaves behind, `[configuration, thickness, row,
    /// column]`, no unit.
    ///
    /// # Errors
    /// [`Error::Argument`] for a result beyond the memory limit, and for a simulation with a
    /// [window](super::Multislice::window).
    pub fn plane_wave(&self) -> Result<Array4<Complex32>> {
        self.check_whole("a plane wave")?;
        let incident = Incident::plane(&self.transforms, [0, 0]);
        self.real_space(&incident, Point::default(), 1.0)
    }

    /// Refuses a simulation with a window where `what` takes the wave of the whole box.
    pub(in crate::stem) fn check_whole(&self, what: &str) -> Result<()> {
        self.window.check_whole(what)
    }

    fn incident(&self, probe: &Probe) -> Result<Incident> {
        let thickness = self.thicknesses.last().copied().unwrap_or_default();
        self.window.check_probe(probe, self.tilt, thickness)?;
        Incident::probe(probe, self.beam, &self.transforms)
    }

    fn workspace(&self, waves: usize) -> Workspace {
        Workspace {
            waves: vec![Lanes::ZERO; waves * Transforms::wave_len(self.transforms.grid())],
            occupied: vec![false; self.transforms.grid().band_columns().div_ceil(LANES)],
            corners: vec![Corner::default(); waves],
            strip: self.transforms.strip(),
            wrapped: self.transforms.strip(),
            lines: Vec::new(),
        }
    }

    /// Bytes of the workspace of one thread.
    pub(super) fn workspace_bytes(grid: &WaveGrid) -> f64 {
        let lanes = BATCH * Transforms::wave_len(grid) + 2 * grid.columns() + grid.rows();
        lanes as f64 * size_of::<Lanes>() as f64
    }

    /// Sets up the waves of a batch in front of the specimen.
    fn enter(&self, incident: &Incident, batch: &[Point], workspace: &mut Workspace) {
        let length = Transforms::wave_len(self.transforms.grid());
        workspace.occupied.fill(false);
        incident.mark(&mut workspace.occupied);
        let waves = workspace.waves.chunks_exact_mut(length);
        for ((wave, corner), position) in waves.zip(&mut workspace.corners).zip(batch) {
            let (around, inside) = self.window.around(*position);
            *corner = around;
            incident.place(inside, &self.transforms, wave);
        }
    }

    /// Sends up to [`BATCH`] plane waves of amplitude 1, named by their frequency numbers along (y, x), through a
    /// configuration; `leave` as in [`Simulation::pass`].
    pub(in crate::stem) fn pass_plane_waves(
        &self,
        passage: &Passage,
        numbers: &[[isize; 2]],
        leave: impl FnMut(usize, usize, usize, &[Complex32]),
    ) {
        let mut workspace = self.workspace(numbers.len());
        let length = Transforms::wave_len(self.transforms.grid());
        for (wave, numbers) in workspace.waves.chunks_exact_mut(length).zip(numbers) {
            let plane = Incident::plane(&self.transforms, *numbers);
            plane.mark(&mut workspace.occupied);
            plane.place(Point::default(), &self.transforms, wave);
        }
        self.pass(passage, numbers.len(), &mut workspace, leave);
    }

    /// How large it is.
    pub(in crate::stem) fn extent(&self) -> SimulationExtent<'_> {
        SimulationExtent {
            grid: self.wave_grid(),
            beam: self.beam,
            exit_planes: self.configurations.len() * self.thicknesses.len(),
            bytes: self.bytes(),
            memory_limit: self.memory_limit,
        }
    }

    /// Bytes of the transmission functions that are there at a time.
    fn bytes(&self) -> f64 {
        let images = self.configurations.iter().map(|c| c.slices.len());
        let images: usize = match self.together() {
            1 => images.max().unwrap_or(0),
            _ => images.sum(),
        };
        images as f64 * Transforms::image_bytes(self.maker.grid())
    }

    /// How many configurations are worked on together: all whose transmission functions are kept, or one.
    pub(in crate::stem) fn together(&self) -> usize {
        let kept = self.configurations.iter().all(|c| c.kept.is_some());
        if kept { self.configurations.len() } else { 1 }
    }

    /// What waves meet in so many configurations.
    pub(in crate::stem) fn passages(&self, configurations: Range<usize>) -> Vec<Passage<'_>> {
        let configurations = self.configurations[configurations].iter();
        configurations
            .map(|configuration| configuration.passage(&self.maker))
            .collect()
    }

    /// Sends the first `count` waves of the workspace through a configuration.
    ///
    /// At each exit plane `leave(wave, exit, band column, line)` sees ψ(kx, ky) of each band column, frequencies of y in
    /// FFT order, scaled such that Σ|ψ|² = 1 for a wave that lost nothing.
    fn pass(
        &self,
        passage: &Passage,
        count: usize,
        workspace: &mut Workspace,
        mut leave: impl FnMut(usize, usize, usize, &[Complex32]),
    ) {
        let Workspace {
            waves,
            occupied,
            corners,
            strip,
            wrapped,
            lines,
        } = workspace;
        let transforms = &self.transforms;
        let grid = transforms.grid();
        let length = Transforms::wave_len(grid);
        let waves = &mut waves[..count * length];
        for (number, step) in passage.steps.iter().enumerate() {
            if let Some(slice) = step.slice {
                let image = &passage.transmissions[slice];
                for index in 0..grid.rows().div_ceil(LANES) {
                    for (wave, corner) in waves.chunks_exact_mut(length).zip(corners.iter()) {
                        let transmission = self.window.strip(image, *corner, index, wrapped);
                        transforms.through_real_space(wave, index, strip, transmission);
                    }
                }
            }
            let propagator = &self.propagators[&step.propagation()];
            let last = number + 1 == passage.steps.len();
            // nothing has scattered yet: what was empty is
            let untouched = number == 0 && step.slice.is_none();
            for (wave, values) in waves.chunks_exact_mut(length).enumerate() {
                for (index, block) in values.chunks_exact_mut(grid.rows()).enumerate() {
                    let factors = propagator.block(index);
                    if step.exit.is_none() && !last {
                        if occupied[index] || !untouched {
                            transforms.through_frequencies(block, &factors);
                        }
                        continue;
                    }
                    transforms.to_frequencies(block);
                    multiply(block, &factors);
                    if let Some(exit) = step.exit {
                        transforms.unfold(index, block, lines, |column, line| {
                            leave(wave, exit, column, line);
                        });
                    }
                    if !last {
                        transforms.to_half_transformed(block);
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
        let together = self.together();
        for (number, mut some) in found.axis_chunks_iter_mut(Axis(0), together).enumerate() {
            let first = number * together;
            let passages = self.passages(first..first + some.len_of(Axis(0)));
            let pairs: Vec<_> = some.outer_iter_mut().zip(&passages).collect();
            pairs.into_par_iter().for_each(|(mut images, passage)| {
                let mut workspace = self.workspace(1);
                self.enter(incident, &[position], &mut workspace);
                let transforms = &self.transforms;
                let mut left = vec![Lanes::ZERO; exits * Transforms::wave_len(grid)];
                let places = transforms.frequencies_y();
                self.pass(passage, 1, &mut workspace, |_, exit, column, line| {
                    let place = exit * Transforms::wave_len(grid) + column / LANES * grid.rows();
                    let block = &mut left[place..][..grid.rows()];
                    for (value, row) in block.iter_mut().zip(places) {
                        value.set(column % LANES, line[*row]);
                    }
                });
                let waves = left.chunks_exact_mut(Transforms::wave_len(grid));
                for (wave, mut image) in waves.zip(images.outer_iter_mut()) {
                    for block in wave.chunks_exact_mut(grid.rows()) {
                        transforms.to_half_transformed(block);
                    }
                    for index in 0..grid.rows().div_ceil(LANES) {
                        transforms.to_real_space(wave, index, &mut workspace.strip);
                        let rows = image.outer_iter_mut().skip(index * LANES).take(LANES);
                        for (lane, mut row) in rows.enumerate() {
                            for (pixel, value) in row.iter_mut().zip(&workspace.strip) {
                                *pixel = value.get(lane) * amplitude;
                            }
                        }
                    }
                }
            });
        }
        Ok(found)
    }
}

pub(super) fn check_position(position: &Point) -> Result<()> {
    let allowed = |r: f64| r.abs() <= 1e6;
    if allowed(position.y) && allowed(position.x) {
        return Ok(());
    }
    let found = format!("({}, {}) Å", position.y, position.x);
    Err(Error::argument("positions", found, "numbers within ±10⁶ Å"))
}
