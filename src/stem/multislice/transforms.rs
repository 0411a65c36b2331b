//! The two-dimensional Fourier transforms of a band-limited wave, cut into the halves that multislice needs.
//!
//! Between two slices a wave is kept *half transformed*, as ψ(kx, y): one line of `rows` numbers for each band column of
//! the [`WaveGrid`]. From there one transform along y leads to k-space, where the free space between slices is a
//! product, and one along x to real space, where the specimen is one. Each half of a slice therefore reads and writes
//! the wave once, in pieces that stay in the first cache, and nothing is ever transposed as a whole. Frequencies of x
//! outside the circle are zero and never touched, which saves a sixth of all one-dimensional transforms.

use super::grid::WaveGrid;
use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftPlanner};
use std::sync::Arc;

/// Rows of real space that are worked on together: eight complex numbers are one line of cache.
pub(super) const BLOCK: usize = 8;

/// Plans for one grid; shared by all threads.
pub(super) struct Transforms {
    grid: WaveGrid,
    forward_x: Arc<dyn Fft<f32>>,
    inverse_x: Arc<dyn Fft<f32>>,
    forward_y: Arc<dyn Fft<f32>>,
    inverse_y: Arc<dyn Fft<f32>>,
}

/// What one thread needs besides its waves.
pub(super) struct Scratch {
    /// Up to [`BLOCK`] rows of real space.
    block: Vec<Complex32>,
    /// Of the one-dimensional transforms.
    transform: Vec<Complex32>,
}

impl Transforms {
    pub(super) fn new(grid: &WaveGrid) -> Self {
        let mut planner = FftPlanner::new();
        Self {
            grid: grid.clone(),
            forward_x: planner.plan_fft_forward(grid.columns()),
            inverse_x: planner.plan_fft_inverse(grid.columns()),
            forward_y: planner.plan_fft_forward(grid.rows()),
            inverse_y: planner.plan_fft_inverse(grid.rows()),
        }
    }

    pub(super) fn grid(&self) -> &WaveGrid {
        &self.grid
    }

    /// Numbers in a half-transformed wave.
    pub(super) fn wave_len(&self) -> usize {
        self.grid.band_columns() * self.grid.rows()
    }

    pub(super) fn scratch(&self) -> Scratch {
        let plans = [
            &self.forward_x,
            &self.inverse_x,
            &self.forward_y,
            &self.inverse_y,
        ];
        let longest = plans.map(|plan| plan.get_inplace_scratch_len());
        Scratch {
            block: vec![Complex32::ZERO; BLOCK * self.grid.columns()],
            transform: vec![Complex32::ZERO; longest.into_iter().max().unwrap_or(0)],
        }
    }

    /// (kx, y) → (kx, ky) of one band column, without a factor.
    pub(super) fn to_frequencies(&self, line: &mut [Complex32], scratch: &mut Scratch) {
        (self.forward_y).process_with_scratch(line, &mut scratch.transform);
    }

    /// (kx, ky) → (kx, y) of one band column, without a factor.
    pub(super) fn to_half_transformed(&self, line: &mut [Complex32], scratch: &mut Scratch) {
        (self.inverse_y).process_with_scratch(line, &mut scratch.transform);
    }

    /// (kx, y) → (x, y) and back for the rows from `first` on, at most [`BLOCK`] of them; `act` sees them in between.
    pub(super) fn through_real_space(
        &self,
        wave: &mut [Complex32],
        first: usize,
        scratch: &mut Scratch,
        act: impl FnOnce(&mut [Complex32]),
    ) {
        self.to_real_space(wave, first, scratch, act);
        self.back_to_wave(wave, first, scratch);
    }

    /// (kx, y) → (x, y) of the rows from `first` on, at most [`BLOCK`] of them, shown to `act`.
    pub(super) fn to_real_space(
        &self,
        wave: &[Complex32],
        first: usize,
        scratch: &mut Scratch,
        act: impl FnOnce(&mut [Complex32]),
    ) {
        let (rows, columns) = (self.grid.rows(), self.grid.columns());
        let height = BLOCK.min(rows - first);
        let block = &mut scratch.block[..height * columns];
        let (positive, negative) = self.halves();
        for row in block.chunks_exact_mut(columns) {
            row[positive..columns - negative].fill(Complex32::ZERO);
        }
        for (band_column, line) in wave.chunks_exact(rows).enumerate() {
            let column = self.grid.column(band_column);
            for (row, value) in line[first..first + height].iter().enumerate() {
                block[row * columns + column] = *value;
            }
        }
        (self.inverse_x).process_with_scratch(block, &mut scratch.transform);
        act(block);
    }

    /// (x, y) → (kx, y) of the rows from `first` on, which [`Transforms::to_real_space`] or
    /// [`Transforms::half_transform`] left in the scratch.
    fn back_to_wave(&self, wave: &mut [Complex32], first: usize, scratch: &mut Scratch) {
        let (rows, columns) = (self.grid.rows(), self.grid.columns());
        let height = BLOCK.min(rows - first);
        let block = &mut scratch.block[..height * columns];
        (self.forward_x).process_with_scratch(block, &mut scratch.transform);
        for (band_column, line) in wave.chunks_exact_mut(rows).enumerate() {
            let column = self.grid.column(band_column);
            for (row, value) in line[first..first + height].iter_mut().enumerate() {
                *value = block[row * columns + column];
            }
        }
    }

    /// (x, y) → (kx, y) of a whole image in real space.
    pub(super) fn half_transform(
        &self,
        image: &[Complex32],
        wave: &mut [Complex32],
        scratch: &mut Scratch,
    ) {
        let columns = self.grid.columns();
        for (index, rows) in image.chunks(BLOCK * columns).enumerate() {
            scratch.block[..rows.len()].copy_from_slice(rows);
            self.back_to_wave(wave, index * BLOCK, scratch);
        }
    }

    /// Zeroes what lies outside the circle in one band column in k-space.
    pub(super) fn limit(&self, band_column: usize, line: &mut [Complex32]) {
        let reach = self.grid.reach(band_column);
        line[reach + 1..self.grid.rows() - reach].fill(Complex32::ZERO);
    }

    /// How many columns hold frequencies of x from 0 up, and how many below 0.
    fn halves(&self) -> (usize, usize) {
        (self.grid.highest() + 1, self.grid.highest())
    }
}
