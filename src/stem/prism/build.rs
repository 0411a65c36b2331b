//! The plane waves of an aperture, each sent through the specimen once.

use super::ScatteringMatrix;
use crate::stem::multislice::{
    BATCH, Passage, SimulationExtent, WaveGrid, check_memory, plane_waves,
};
use crate::stem::{Multislice, Probe, Simulation};
use crate::{Error, Result};
use rayon::prelude::*;
use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftPlanner};
use std::f64::consts::PI;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Rows of real space that are gathered together: eight complex numbers are one line of cache.
const BLOCK: usize = 8;

impl Simulation {
    /// Sends the plane waves of a probe through the specimen, those on every `interpolation`-th frequency along (y, x), and
    /// keeps what becomes of them: [PRISM](crate::stem::prism).
    ///
    /// Any probe made of these plane waves can be scanned afterwards: other aberrations, a smaller aperture, a smoother edge
    /// within it.
    ///
    /// # Errors
    /// As [`Simulation::plan_scattering_matrix`].
    pub fn scattering_matrix(
        &self,
        probe: &Probe,
        interpolation: [usize; 2],
    ) -> Result<ScatteringMatrix> {
        let plan = self.plan_scattering_matrix(probe, interpolation)?;
        Ok(plan.build(|_, _| ()))
    }

    /// The plane waves of [`Simulation::scattering_matrix`], not yet sent through.
    ///
    /// # Errors
    /// [`Error::Argument`] for a probe of another beam or with an aperture beyond the angles that the wave keeps, an
    /// interpolation of 0 or one that leaves no plane wave between the axis and the edge of the aperture, a simulation
    /// with a [window](Multislice::window), and for beams that need more memory than the limit of the [`Multislice`], told
    /// before any of it is taken.
    pub fn plan_scattering_matrix(
        &self,
        probe: &Probe,
        interpolation: [usize; 2],
    ) -> Result<MatrixPlan<'_>> {
        self.check_whole("PRISM")?;
        Ok(MatrixPlan {
            simulation: self,
            lattice: Lattice::new(&self.extent(), probe, interpolation)?,
        })
    }
}

impl Multislice<'_> {
    /// Bytes that [`Simulation::scattering_matrix`] will take, before anything is computed.
    ///
    /// # Errors
    /// As [`Simulation::plan_scattering_matrix`] and [`Multislice::memory_needed`].
    pub fn scattering_matrix_needed(
        &self,
        probe: &Probe,
        interpolation: [usize; 2],
    ) -> Result<f64> {
        let extent = self.extent()?;
        Ok(Lattice::new(&extent, probe, interpolation)?.bytes)
    }
}

/// The plane waves of an aperture and where they are kept.
struct Lattice {
    /// The window around a probe.
    window: WaveGrid,
    whole: WaveGrid,
    interpolation: [usize; 2],
    numbers: Vec<[isize; 2]>,
    /// Of all beams.
    bytes: f64,
}

impl Lattice {
    fn new(extent: &SimulationExtent, probe: &Probe, interpolation: [usize; 2]) -> Result<Self> {
        let SimulationExtent { grid, beam, .. } = *extent;
        check_interpolation(probe, grid, interpolation)?;
        let [window, whole] = grid.window_and_box(interpolation);
        let check = |beams: f64| {
            let (pixels, places) = ([whole.rows(), whole.columns()], extent.exit_planes);
            let bytes = 8.0 * whole.len() as f64 * beams * places as f64;
            let needs = format!(
                "{beams:.0} beams of {} × {} pixels at {places} exit planes",
                pixels[0], pixels[1]
            );
            let simulation = ("the transmission functions".to_string(), extent.bytes);
            let advice = "a larger interpolation, larger pixels or fewer configurations";
            let needs = [(needs, bytes), simulation];
            check_memory(extent.memory_limit, &needs, advice).map(|()| bytes)
        };
        let radius = beam.spatial_frequency(probe.semiangle_mrad());
        check(PI * radius.powi(2) * window.area())?;
        let waves = plane_waves(probe, beam, &window)?;
        let mut numbers: Vec<_> = waves.into_iter().map(|(numbers, _)| numbers).collect();
        numbers.sort_unstable();
        Ok(Self {
            bytes: check(numbers.len() as f64)?,
            window,
            whole,
            interpolation,
            numbers,
        })
    }
}

/// The plane waves of a scattering matrix before they are sent through, made by [`Simulation::plan_scattering_matrix`]: tells
/// what the matrix will take.
pub struct MatrixPlan<'a> {
    simulation: &'a Simulation,
    lattice: Lattice,
}

impl MatrixPlan<'_> {
    /// Number of plane waves.
    pub fn beams(&self) -> usize {
        self.lattice.numbers.len()
    }

    /// Bytes that the matrix will take.
    pub fn bytes(&self) -> f64 {
        self.lattice.bytes
    }

    /// Sends the plane waves through. `told(done, all)` is called from any thread as they come out, those of each
    /// configuration of the atoms counted.
    pub fn build(&self, told: impl Fn(usize, usize) + Sync) -> ScatteringMatrix {
        let configurations = self.simulation.configurations();
        let resampling = Resampling::new(self.simulation.wave_grid(), &self.lattice.whole);
        let (done, all) = (AtomicUsize::new(0), configurations * self.beams());
        let together = self.simulation.together();
        let mut images = Vec::with_capacity(all);
        for first in (0..configurations).step_by(together) {
            let passages = self.simulation.passages(first..first + together);
            let batches = |passage| {
                let batches = self.lattice.numbers.chunks(BATCH);
                batches.map(move |batch| (passage, batch))
            };
            let batches: Vec<_> = passages.iter().flat_map(batches).collect();
            let found = batches.into_par_iter().map(|(passage, batch)| {
                let images = self.exit_images(passage, batch, &resampling);
                let before = done.fetch_add(batch.len(), Ordering::Relaxed);
                told(before + batch.len(), all);
                images
            });
            images.par_extend(found.flatten_iter());
        }
        // [configuration and beam][thickness] → [configuration][thickness][beam]
        let mut images = images.into_iter();
        let beams = (0..configurations)
            .map(|_| {
                let exits = self.simulation.thicknesses().len();
                let mut exits = vec![Vec::with_capacity(self.beams()); exits];
                for beam in images.by_ref().take(self.beams()) {
                    exits
                        .iter_mut()
                        .zip(beam)
                        .for_each(|(exit, image)| exit.push(image));
                }
                exits
            })
            .collect();
        self.matrix(beams)
    }

    /// A matrix in which one beam stands in the place of all, so that a scan with it takes as long as with the true one, and
    /// the time that [`MatrixPlan::build`] will take on the current rayon pool, from that of a few plane waves. What is
    /// recorded with it means nothing.
    pub fn rehearsal(&self) -> (ScatteringMatrix, Duration) {
        let resampling = Resampling::new(self.simulation.wave_grid(), &self.lattice.whole);
        let few = (BATCH * rayon::current_num_threads()).min(self.beams());
        let passages = self.simulation.passages(0..1);
        let begun = Instant::now();
        let images = (self.lattice.numbers[..few].par_chunks(BATCH))
            .flat_map_iter(|batch| self.exit_images(&passages[0], batch, &resampling));
        let images: Vec<_> = images.collect();
        let configurations = self.simulation.configurations();
        let rounds = (self.beams() * configurations) as f64 / few as f64;
        let building = begun.elapsed().mul_f64(rounds);
        let exits = images[0]
            .iter()
            .map(|image| vec![image.clone(); self.beams()]);
        let exits: Vec<_> = exits.collect();
        (self.matrix(vec![exits; configurations]), building)
    }

    fn matrix(&self, beams: Vec<Vec<Vec<Vec<f32>>>>) -> ScatteringMatrix {
        let lattice = &self.lattice;
        let grids = [lattice.window.clone(), lattice.whole.clone()];
        ScatteringMatrix::new(self.simulation, grids, lattice.numbers.clone(), beams)
    }

    /// What becomes of each plane wave at each exit plane, `[wave][thickness]`, as an image of the resampling.
    fn exit_images(
        &self,
        passage: &Passage,
        numbers: &[[isize; 2]],
        resampling: &Resampling,
    ) -> Vec<Vec<Vec<f32>>> {
        let [step_y, step_x] = self.lattice.interpolation.map(|f| f as isize);
        let of_box = numbers.iter().map(|[y, x]| [y * step_y, x * step_x]);
        let of_box: Vec<_> = of_box.collect();
        let exits = self.simulation.thicknesses().len();
        let (lines, rows) = (resampling.to.band_columns(), resampling.to.rows());
        let mut scratch = resampling.scratch();
        let mut waves = vec![vec![vec![Complex32::ZERO; lines * rows]; exits]; numbers.len()];
        let leave = |wave: usize, exit: usize, band_column: usize, line: &[Complex32]| {
            let place = &mut waves[wave][exit][band_column * rows..][..rows];
            resampling.half_transform(band_column, line, place, &mut scratch);
        };
        self.simulation.pass_plane_waves(passage, &of_box, leave);
        let mut image = |wave: &Vec<_>| resampling.image(wave, &mut scratch);
        (waves.iter())
            .map(|exits| exits.iter().map(&mut image).collect())
            .collect()
    }
}

/// The lattice of beams must be finer than the aperture: a window narrower than the probe holds no probe.
fn check_interpolation(probe: &Probe, grid: &WaveGrid, interpolation: [usize; 2]) -> Result<()> {
    let pixels = grid.pixels();
    let edges = [
        pixels.rows as f64 * pixels.pixel_y,
        pixels.columns as f64 * pixels.pixel_x,
    ];
    let radius = probe.beam().spatial_frequency(probe.semiangle_mrad());
    for (f, edge) in interpolation.into_iter().zip(edges) {
        let most = (radius * edge).floor().max(1.0);
        if !(1.0..=most).contains(&(f as f64)) {
            return Err(Error::argument(
                "interpolation",
                f,
                format!("1..={most}: the edge of the box, {edge} Å, over λ/α"),
            ));
        }
    }
    Ok(())
}

/// From k-space of one grid to the pixels of another over the same box.
struct Resampling<'a> {
    from: &'a WaveGrid,
    to: &'a WaveGrid,
    inverse_y: Arc<dyn Fft<f32>>,
    inverse_x: Arc<dyn Fft<f32>>,
}

impl<'a> Resampling<'a> {
    fn new(from: &'a WaveGrid, to: &'a WaveGrid) -> Self {
        let mut planner = FftPlanner::new();
        let inverse_y = planner.plan_fft_inverse(to.rows());
        let inverse_x = planner.plan_fft_inverse(to.columns());
        Self {
            from,
            to,
            inverse_y,
            inverse_x,
        }
    }

    fn scratch(&self) -> Vec<Complex32> {
        let plans = [&self.inverse_y, &self.inverse_x];
        let longest = plans.map(|plan| plan.get_inplace_scratch_len());
        vec![Complex32::ZERO; longest[0].max(longest[1])]
    }

    /// (kx, ky) → (kx, y) of one band column.
    fn half_transform(
        &self,
        band_column: usize,
        from: &[Complex32],
        to: &mut [Complex32],
        scratch: &mut [Complex32],
    ) {
        let reach = self.from.reach(band_column);
        let (first, last) = (from.len() - reach, to.len() - reach);
        to[..=reach].copy_from_slice(&from[..=reach]);
        to[reach + 1..last].fill(Complex32::ZERO);
        to[last..].copy_from_slice(&from[first..]);
        self.inverse_y.process_with_scratch(to, scratch);
    }

    /// (kx, y) → (x, y): rows of real parts, each followed by a row of imaginary ones.
    fn image(&self, wave: &[Complex32], scratch: &mut [Complex32]) -> Vec<f32> {
        let (rows, columns) = (self.to.rows(), self.to.columns());
        let mut image = Vec::with_capacity(2 * rows * columns);
        for first in (0..rows).step_by(BLOCK) {
            let height = BLOCK.min(rows - first);
            let mut block = vec![Complex32::ZERO; height * columns];
            for (band_column, line) in wave.chunks_exact(rows).enumerate() {
                let column = self.to.column(band_column);
                for (row, value) in line[first..first + height].iter().enumerate() {
                    block[row * columns + column] = *value;
                }
            }
            (self.inverse_x).process_with_scratch(&mut block, scratch);
            for row in block.chunks_exact(columns) {
                image.extend(row.iter().map(|z| z.re));
                image.extend(row.iter().map(|z| z.im));
            }
        }
        image
    }
}
