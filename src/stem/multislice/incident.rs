//! The wave that enters the specimen.

use super::lanes::{Arithmetic, LANES, Lanes};
use super::transforms::Transforms;
use crate::stem::Probe;
use crate::stem::fourier::Fourier2;
use crate::units::Point;
use crate::vector::in_vectors;
use crate::{Error, Result};
use pulp::{Simd, WithSimd};
use rustfft::num_complex::{Complex32, Complex64};
use std::f64::consts::TAU;

/// Plane waves weaker than this, relative to the strongest, are rounding errors of the transform that shows them.
const NEGLIGIBLE: f64 = 1e-9;

/// The plane waves of an incident wave that stands at the origin, Σ|A|² = 1.
pub(super) struct Incident {
    /// Amplitudes of the blocks of band columns that are not empty, with the frequencies of y in the order of
    /// [`Transforms::frequencies_y`].
    blocks: Vec<(usize, Vec<Lanes>)>,
}

impl Incident {
    /// The plane waves of a probe, as the transform of the wave itself tells them.
    pub(super) fn probe(probe: &Probe, transforms: &Transforms) -> Result<Self> {
        let grid = transforms.grid();
        if probe.cutoff() > grid.band() {
            let mrad = 1e3 * probe.beam().wavelength();
            return Err(Error::argument(
                "probe",
                format!(
                    "a convergence semi-angle of {:.2} mrad",
                    probe.cutoff() * mrad
                ),
                format!(
                    "at most {:.2} mrad, the largest angle that pixels of {:.4} × {:.4} Å keep",
                    grid.band() * mrad,
                    grid.pixels().pixel_y,
                    grid.pixels().pixel_x
                ),
            ));
        }
        let mut wave = probe.wave(grid.pixels())?;
        Fourier2::new(grid.rows(), grid.columns()).forward(&mut wave);
        let total = wave.iter().map(Complex64::norm_sqr).sum::<f64>().sqrt();
        let strongest = wave.iter().map(|z| z.norm()).fold(0.0, f64::max);
        let pixels = grid.pixels();
        let centre_y = (grid.rows() / 2) as f64 * pixels.pixel_y;
        let centre_x = (grid.columns() / 2) as f64 * pixels.pixel_x;
        let amplitude = |band_column: usize, row: usize| {
            let column = grid.column(band_column);
            let z = wave[[row, column]];
            if z.norm() < NEGLIGIBLE * strongest {
                return Complex32::ZERO;
            }
            let shift = TAU * (grid.ky(row) * centre_y + grid.kx(column) * centre_x);
            single(z * Complex64::cis(shift) / total)
        };
        Ok(Self::new(transforms, amplitude))
    }

    /// One plane wave along the axis.
    pub(super) fn plane(transforms: &Transforms) -> Self {
        Self::new(transforms, |band_column, row| {
            Complex32::from(f32::from(u8::from(band_column == 0 && row == 0)))
        })
    }

    /// From the amplitude of each band column and frequency of y.
    fn new(transforms: &Transforms, amplitude: impl Fn(usize, usize) -> Complex32) -> Self {
        let columns: Vec<_> = (0..transforms.grid().band_columns()).collect();
        let mut blocks = Vec::new();
        for (index, columns) in columns.chunks(LANES).enumerate() {
            let frequencies = transforms.frequencies_y().iter();
            let lanes = |row: &usize| {
                Lanes::from_fn(|lane| columns.get(lane).map(|column| amplitude(*column, *row)))
            };
            let block: Vec<_> = frequencies.map(lanes).collect();
            if block.iter().any(|value| *value != Lanes::ZERO) {
                blocks.push((index, block));
            }
        }
        Self { blocks }
    }

    /// Writes the wave at `position`, of amplitudes A exp(−2πi k·position), half transformed into `wave`.
    pub(super) fn place(&self, position: Point, transforms: &Transforms, wave: &mut [Lanes]) {
        let grid = transforms.grid();
        let frequencies = transforms.frequencies_y().iter();
        let ramp: Vec<_> = frequencies
            .map(|row| single(Complex64::cis(-TAU * grid.ky(*row) * position.y)))
            .collect();
        wave.fill(Lanes::ZERO);
        for (index, amplitudes) in &self.blocks {
            let along_x = Lanes::from_fn(|lane| {
                let column = index * LANES + lane;
                (column < grid.band_columns()).then(|| {
                    let kx = grid.kx(grid.column(column));
                    single(Complex64::cis(-TAU * kx * position.x))
                })
            });
            let block = &mut wave[index * grid.rows()..][..grid.rows()];
            in_vectors(Ramp {
                amplitudes,
                along_y: &ramp,
                along_x: &along_x,
                block,
            });
            transforms.to_half_transformed(block);
        }
    }
}

/// Amplitudes times a factor of y times a factor of x.
struct Ramp<'a> {
    amplitudes: &'a [Lanes],
    along_y: &'a [Complex32],
    along_x: &'a Lanes,
    block: &'a mut [Lanes],
}

impl WithSimd for Ramp<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let v = Arithmetic(simd);
        let values = self.block.iter_mut().zip(self.amplitudes);
        for ((value, amplitude), along_y) in values.zip(self.along_y) {
            for part in 0..Arithmetic::<S>::PARTS {
                let along_y = v.multiply(v.load(amplitude, part), v.splat(*along_y));
                let product = v.multiply(along_y, v.load(self.along_x, part));
                v.store(product, value, part);
            }
        }
    }
}

/// Rounded to single precision.
pub(super) fn single(z: Complex64) -> Complex32 {
    Complex32::new(z.re as f32, z.im as f32)
}
