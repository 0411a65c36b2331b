//! The wave that enters the specimen.

use super::grid::WaveGrid;
use super::lanes::{Arithmetic, LANES, Lanes};
use super::transforms::Transforms;
use crate::stem::fourier::Fourier2;
use crate::stem::{Beam, Probe};
use crate::units::Point;
use crate::vector::in_vectors;
use crate::{Error, Result};
use pulp::{Simd, WithSimd};
use rustfft::num_complex::{Complex32, Complex64};
use std::collections::BTreeMap;
use std::f64::consts::TAU;

/// Plane waves weaker than this, relative to the strongest, are rounding errors of the transform that shows them.
const NEGLIGIBLE: f64 = 1e-9;

/// A plane wave: its frequency numbers along (y, x), and its amplitude.
type PlaneWave = ([isize; 2], Complex32);

/// The plane waves of a probe of this beam at the origin, as the transform of the wave itself tells them, Σ|A|² = 1; band
/// column by band column.
pub(in crate::stem) fn plane_waves(
    probe: &Probe,
    beam: Beam,
    grid: &WaveGrid,
) -> Result<Vec<PlaneWave>> {
    if probe.beam() != beam {
        let rule = format!("the {beam} of the specimen's transmission functions");
        let found = format!("a beam of {}", probe.beam());
        return Err(Error::argument("probe", found, rule));
    }
    if probe.cutoff() > grid.band() {
        let mrad = 1e3 * probe.beam().wavelength();
        return Err(Error::argument(
            "probe",
            format!(
                "a convergence semi-angle of {:.2} mrad",
                probe.cutoff() * mrad
            ),
            format!(
                "at most {:.2} mrad, the largest angle that the wave keeps; take smaller pixels for more",
                grid.band() * mrad
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
    let mut waves = Vec::new();
    for band_column in 0..grid.band_columns() {
        let column = grid.column(band_column);
        for row in 0..grid.rows() {
            let z = wave[[row, column]];
            if z.norm() < NEGLIGIBLE * strongest {
                continue;
            }
            let shift = TAU * (grid.ky(row) * centre_y + grid.kx(column) * centre_x);
            let amplitude = single(z * Complex64::cis(shift) / total);
            let numbers = [signed(row, grid.rows()), signed(column, grid.columns())];
            waves.push((numbers, amplitude));
        }
    }
    Ok(waves)
}

/// The frequency number at a place of a transform.
fn signed(place: usize, count: usize) -> isize {
    let (place, count) = (place as isize, count as isize);
    if 2 * place < count {
        place
    } else {
        place - count
    }
}

/// An incident wave that stands at the origin.
pub(super) struct Incident {
    /// Amplitudes of the blocks of band columns that are not empty, with the frequencies of y in the order of
    /// [`Transforms::frequencies_y`].
    blocks: BTreeMap<usize, Vec<Lanes>>,
}

impl Incident {
    /// A probe of this beam.
    pub(super) fn probe(probe: &Probe, beam: Beam, transforms: &Transforms) -> Result<Self> {
        let waves = plane_waves(probe, beam, transforms.grid())?;
        Ok(Self::new(transforms, &waves))
    }

    /// One plane wave of amplitude 1, named by its frequency numbers along (y, x).
    pub(super) fn plane(transforms: &Transforms, numbers: [isize; 2]) -> Self {
        Self::new(transforms, &[(numbers, Complex32::ONE)])
    }

    fn new(transforms: &Transforms, waves: &[PlaneWave]) -> Self {
        let (rows, band_columns) = (transforms.grid().rows(), transforms.grid().band_columns());
        let mut places = vec![0; rows];
        for (place, row) in transforms.frequencies_y().iter().enumerate() {
            places[*row] = place;
        }
        let mut blocks = BTreeMap::new();
        for ([y, x], amplitude) in waves {
            let place = places[y.rem_euclid(rows as isize) as usize];
            let band_column = x.rem_euclid(band_columns as isize) as usize;
            let block = blocks.entry(band_column / LANES);
            let block: &mut Vec<Lanes> = block.or_insert_with(|| vec![Lanes::ZERO; rows]);
            block[place].set(band_column % LANES, *amplitude);
        }
        Self { blocks }
    }

    /// Marks the blocks that are not empty.
    pub(super) fn mark(&self, blocks: &mut [bool]) {
        for index in self.blocks.keys() {
            blocks[*index] = true;
        }
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
pub(in crate::stem) fn single(z: Complex64) -> Complex32 {
    Complex32::new(z.re as f32, z.im as f32)
}
