//! Free space between slices.

use super::grid::WaveGrid;
use super::incident::single;
use crate::stem::Beam;
use crate::vector::vectorised;
use rustfft::num_complex::{Complex32, Complex64};
use std::f64::consts::PI;

/// The Fresnel propagator P(k) = exp(−iπλ Δz k²) inside the circle that the wave keeps, 0 outside.
///
/// It is a factor of y times a factor of x, so that two short lists take the place of an array as large as the wave. What
/// the transforms of a step multiply the wave by is divided out on the way: the number of pixels, or the number of rows
/// where the wave was not taken to real space.
pub(super) struct Propagator {
    /// For each row.
    along_y: Vec<Complex32>,
    /// For each band column.
    along_x: Vec<Complex32>,
}

impl Propagator {
    /// Over `distance` Å, for a wave that `comes_from_real_space` or was left half transformed.
    pub(super) fn new(
        grid: &WaveGrid,
        beam: Beam,
        distance: f64,
        comes_from_real_space: bool,
    ) -> Self {
        let phase = |k: f64| Complex64::cis(-PI * beam.wavelength() * distance * k * k);
        let scale = 1.0
            / if comes_from_real_space {
                grid.len()
            } else {
                grid.rows()
            } as f64;
        Self {
            along_y: (0..grid.rows())
                .map(|row| single(scale * phase(grid.ky(row))))
                .collect(),
            along_x: (0..grid.band_columns())
                .map(|j| single(phase(grid.kx(grid.column(j)))))
                .collect(),
        }
    }

    /// Multiplies one band column of a wave in k-space.
    pub(super) fn apply(&self, grid: &WaveGrid, band_column: usize, line: &mut [Complex32]) {
        let along_x = self.along_x[band_column];
        let (reach, rows) = (grid.reach(band_column), grid.rows());
        let (positive, rest) = line.split_at_mut(reach + 1);
        let (outside, negative) = rest.split_at_mut(rows - 2 * reach - 1);
        outside.fill(Complex32::ZERO);
        scale(positive, &self.along_y[..=reach], along_x);
        scale(negative, &self.along_y[rows - reach..], along_x);
    }
}

fn scale(line: &mut [Complex32], factors: &[Complex32], factor: Complex32) {
    vectorised(
        #[inline(always)]
        || {
            for (value, other) in line.iter_mut().zip(factors) {
                *value = *value * other * factor;
            }
        },
    );
}

/// Multiplies a wave by a transmission function, pixel by pixel.
pub(super) fn transmit(wave: &mut [Complex32], transmission: &[Complex32]) {
    vectorised(
        #[inline(always)]
        || {
            for (value, factor) in wave.iter_mut().zip(transmission) {
                *value *= factor;
            }
        },
    );
}
