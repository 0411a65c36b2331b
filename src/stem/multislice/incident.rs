//! The wave that enters the specimen.

use super::grid::WaveGrid;
use crate::stem::fourier::Fourier2;
use crate::stem::{Beam, Probe};
use crate::units::Point;
use crate::{Error, Result};
use rustfft::num_complex::{Complex32, Complex64};
use std::f64::consts::TAU;

/// Plane waves weaker than this, relative to the strongest, are rounding errors of the transform that shows them.
const NEGLIGIBLE: f64 = 1e-9;

/// The plane waves of an incident wave that stands at the origin, Σ|A|² = 1.
pub(in crate::stem) struct Incident {
    grid: WaveGrid,
    /// Amplitudes `[row]` of the band columns that are not empty.
    lines: Vec<(usize, Vec<Complex32>)>,
}

impl Incident {
    /// The plane waves of a probe of this beam, as the transform of the wave itself tells them.
    pub(in crate::stem) fn probe(probe: &Probe, beam: Beam, grid: &WaveGrid) -> Result<Self> {
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
        let mut lines = Vec::new();
        for band_column in 0..grid.band_columns() {
            let column = grid.column(band_column);
            let amplitude = |row: usize| {
                let z = wave[[row, column]];
                if z.norm() < NEGLIGIBLE * strongest {
                    return Complex32::ZERO;
                }
                let shift = TAU * (grid.ky(row) * centre_y + grid.kx(column) * centre_x);
                single(z * Complex64::cis(shift) / total)
            };
            let line: Vec<_> = (0..grid.rows()).map(amplitude).collect();
            if line.iter().any(|a| *a != Complex32::ZERO) {
                lines.push((band_column, line));
            }
        }
        let grid = grid.clone();
        Ok(Self { grid, lines })
    }

    /// One plane wave of amplitude 1, named by its frequency numbers along (y, x).
    pub(super) fn plane(grid: &WaveGrid, [y, x]: [isize; 2]) -> Self {
        let mut line = vec![Complex32::ZERO; grid.rows()];
        line[y.rem_euclid(grid.rows() as isize) as usize] = Complex32::ONE;
        let band_column = x.rem_euclid(grid.band_columns() as isize) as usize;
        let (grid, lines) = (grid.clone(), vec![(band_column, line)]);
        Self { grid, lines }
    }

    /// The plane waves: their frequency numbers along (y, x) and amplitudes.
    pub(in crate::stem) fn plane_waves(&self) -> impl Iterator<Item = ([isize; 2], Complex32)> {
        let signed = |number: usize, count: usize| {
            let number = number as isize;
            let count = count as isize;
            if 2 * number < count {
                number
            } else {
                number - count
            }
        };
        let lines = self.lines.iter().flat_map(move |(band_column, line)| {
            let x = signed(*band_column, self.grid.band_columns());
            (line.iter().enumerate())
                .map(move |(row, amplitude)| ([signed(row, line.len()), x], *amplitude))
        });
        lines.filter(|(_, amplitude)| *amplitude != Complex32::ZERO)
    }

    /// Writes the amplitudes of the wave at `position`, A exp(−2πi k·position), into `wave`: `[band column][row]`.
    ///
    /// `prepare` is called for each band column that is not empty.
    pub(super) fn place(
        &self,
        position: Point,
        wave: &mut [Complex32],
        mut prepare: impl FnMut(&mut [Complex32]),
    ) {
        let rows = self.grid.rows();
        let ramp: Vec<_> = (0..rows)
            .map(|row| single(Complex64::cis(-TAU * self.grid.ky(row) * position.y)))
            .collect();
        wave.fill(Complex32::ZERO);
        for (band_column, amplitudes) in &self.lines {
            let kx = self.grid.kx(self.grid.column(*band_column));
            let along_x = single(Complex64::cis(-TAU * kx * position.x));
            let line = &mut wave[band_column * rows..][..rows];
            for ((value, amplitude), along_y) in line.iter_mut().zip(amplitudes).zip(&ramp) {
                *value = amplitude * along_y * along_x;
            }
            prepare(line);
        }
    }
}

/// Rounded to single precision.
pub(in crate::stem) fn single(z: Complex64) -> Complex32 {
    Complex32::new(z.re as f32, z.im as f32)
}
