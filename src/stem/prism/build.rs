//! The plane waves of an aperture, each sent through the specimen once.

use super::ScatteringMatrix;
use crate::stem::multislice::{BATCH, WaveGrid, check_memory, plane_waves};
use crate::stem::{Probe, Simulation};
use crate::{Error, Result};
use rayon::prelude::*;
use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftPlanner};
use std::f64::consts::PI;
use std::sync::Arc;

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
    /// [`Error::Argument`] for a probe of another beam or with an aperture beyond the angles that the wave keeps, an
    /// interpolation of 0 or one that leaves no plane wave between the axis and the edge of the aperture, a simulation
    /// with a [window](crate::stem::Multislice::window), and for beams that need more memory than the limit of the [`Multislice`](crate::stem::Multislice), told before any of it is
    /// taken.
    pub fn scattering_matrix(
        &self,
        probe: &Probe,
        interpolation: [usize; 2],
    ) -> Result<ScatteringMatrix> {
        self.check_whole("PRISM")?;
        let grid = self.wave_grid();
        check_interpolation(probe, grid, interpolation)?;
        let [window, whole] = grid.window_and_box(interpolation);
        let places = (self.configurations() * self.thicknesses().len()) as f64;
        let check = |beams: f64| {
            let pixels = format!("{} × {} pixels", whole.rows(), whole.columns());
            let bytes = 8.0 * whole.len() as f64 * beams * places;
            let beams = (
                format!("{beams:.0} beams of {pixels} at {places} exit planes"),
                bytes,
            );
            let transmissions = ("the transmission functions".to_string(), self.bytes());
            let advice = "a larger interpolation, larger pixels or fewer configurations";
            check_memory(self.memory_limit, &[beams, transmissions], advice)
        };
        let aperture = PI
            * self
                .beam()
                .spatial_frequency(probe.semiangle_mrad())
                .powi(2);
        check(aperture * window.area())?;
        let waves = plane_waves(probe, self.beam(), &window)?;
        let mut numbers: Vec<_> = waves.into_iter().map(|(numbers, _)| numbers).collect();
        numbers.sort_unstable();
        check(numbers.len() as f64)?;

        let resampling = Resampling::new(grid, &whole);
        let batches: Vec<(usize, &[[isize; 2]])> = (0..self.configurations())
            .flat_map(|configuration| {
                numbers
                    .chunks(BATCH)
                    .map(move |batch| (configuration, batch))
            })
            .collect();
        let images = batches.into_par_iter().map(|(configuration, batch)| {
            let batch = batch
                .iter()
                .map(|[y, x]| [y * interpolation[0] as isize, x * interpolation[1] as isize]);
            self.exit_images(configuration, &batch.collect::<Vec<_>>(), &resampling)
        });
        // [configuration and beam][thickness] → [configuration][thickness][beam]
        let mut images = images.flatten_iter().collect::<Vec<_>>().into_iter();
        let beams = (0..self.configurations())
            .map(|_| {
                let mut exits = vec![Vec::with_capacity(numbers.len()); self.thicknesses().len()];
                for beam in images.by_ref().take(numbers.len()) {
                    exits
                        .iter_mut()
                        .zip(beam)
                        .for_each(|(exit, image)| exit.push(image));
                }
                exits
            })
            .collect();
        Ok(ScatteringMatrix::new(self, [window, whole], numbers, beams))
    }

    /// What becomes of each plane wave at each exit plane, `[wave][thickness]`, as an image of the resampling.
    fn exit_images(
        &self,
        configuration: usize,
        numbers: &[[isize; 2]],
        resampling: &Resampling,
    ) -> Vec<Vec<Vec<f32>>> {
        let exits = self.thicknesses().len();
        let (lines, rows) = (resampling.to.band_columns(), resampling.to.rows());
        let mut scratch = resampling.scratch();
        let mut waves = vec![vec![vec![Complex32::ZERO; lines * rows]; exits]; numbers.len()];
        self.pass_plane_waves(configuration, numbers, |wave, exit, band_column, line| {
            let place = &mut waves[wave][exit][band_column * rows..][..rows];
            resampling.half_transform(band_column, line, place, &mut scratch);
        });
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
