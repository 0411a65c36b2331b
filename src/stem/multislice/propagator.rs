//! Free space between slices.

use super::incident::single;
use super::lanes::{Arithmetic, Factors, LANES, Lanes, Vector};
use super::transforms::Transforms;
use crate::stem::{Beam, Tilt};
use pulp::Simd;
use rustfft::num_complex::{Complex32, Complex64};
use std::f64::consts::PI;

/// The Fresnel propagator P(k) = exp(−iπλ Δz k² + i·[`Tilt::propagation_phase`]) inside the circle that the wave keeps, 0
/// outside.
///
/// It is a factor of y times a factor of x, so that two short lists take the place of an array as large as the wave. What
/// the transforms of a step multiply the wave by is divided out on the way: the number of pixels, or the number of rows
/// where the wave was not taken to real space.
pub(super) struct Propagator {
    /// For each place of a block in k-space, with the absolute number of its frequency.
    along_y: Vec<(Complex32, f32)>,
    /// For each block.
    along_x: Vec<Lanes>,
    /// For each block the highest frequency number of y inside the circle; below zero where there is no column.
    reach: Vec<[f32; LANES]>,
}

impl Propagator {
    /// Over `distance` Å of a tilted specimen, for a wave that `comes_from_real_space` or was left half transformed.
    pub(super) fn new(
        transforms: &Transforms,
        beam: Beam,
        tilt: Tilt,
        distance: f64,
        comes_from_real_space: bool,
    ) -> Self {
        let grid = transforms.grid();
        let fresnel = |k: f64| -PI * beam.wavelength() * distance * k * k;
        let phase_y = |k| Complex64::cis(fresnel(k) + tilt.propagation_phase(k, 0.0, distance));
        let phase_x = |k| Complex64::cis(fresnel(k) + tilt.propagation_phase(0.0, k, distance));
        let scale = 1.0
            / if comes_from_real_space {
                grid.len()
            } else {
                grid.rows()
            } as f64;
        let along_y = transforms.frequencies_y().iter().map(|row| {
            let number = (*row).min(grid.rows() - row) as f32;
            (single(scale * phase_y(grid.ky(*row))), number)
        });
        let columns: Vec<_> = (0..grid.band_columns()).collect();
        let along_x = columns.chunks(LANES).map(|block| {
            let factor = |j: &usize| single(phase_x(grid.kx(grid.column(*j))));
            Lanes::from_fn(|lane| block.get(lane).map(factor))
        });
        let reach = columns.chunks(LANES).map(|block| {
            let mut reach = [-1.0; LANES];
            for (reach, column) in reach.iter_mut().zip(block) {
                *reach = grid.reach(*column) as f32;
            }
            reach
        });
        Self {
            along_y: along_y.collect(),
            along_x: along_x.collect(),
            reach: reach.collect(),
        }
    }

    /// Only the circle: free space of no length.
    pub(super) fn circle(transforms: &Transforms, beam: Beam) -> Self {
        Self::new(transforms, beam, Tilt::default(), 0.0, true)
    }

    /// What one block of a wave in k-space is multiplied by.
    pub(super) fn block(&self, index: usize) -> impl Factors {
        BlockFactors {
            along_y: &self.along_y,
            along_x: &self.along_x[index],
            reach: &self.reach[index],
        }
    }
}

struct BlockFactors<'a> {
    along_y: &'a [(Complex32, f32)],
    along_x: &'a Lanes,
    reach: &'a [f32; LANES],
}

impl Factors for BlockFactors<'_> {
    #[inline(always)]
    fn at<S: Simd>(&self, v: Arithmetic<S>, place: usize, part: usize) -> Vector<S> {
        let (along_y, number) = self.along_y[place];
        let factor = v.multiply(v.load(self.along_x, part), v.splat(along_y));
        v.limit(factor, number, self.reach, part)
    }
}
