//! The focused electron probe: an aperture full of plane waves, bent by the lens aberrations.

use crate::error::{Error, Result};
use crate::stem::aberrations::Aberrations;
use crate::stem::aperture::ApertureEdge;
use crate::stem::beam::Beam;
use crate::stem::focal_spread::FocalSpread;
use crate::stem::fourier::{Fourier2, frequency};
use crate::stem::tilt::Tilt;
use ndarray::Array2;
use rustfft::num_complex::Complex64;
use std::f64::consts::PI;

/// A regular grid of pixels in real space, Å.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    /// Number of rows (slow scan, y).
    pub rows: usize,
    /// Number of columns (fast scan, x).
    pub columns: usize,
    /// Height of a pixel, Å.
    pub pixel_y: f64,
    /// Width of a pixel, Å.
    pub pixel_x: f64,
}

impl Grid {
    /// A square grid of `size` × `size` pixels of `pixel` Å.
    pub const fn square(size: usize, pixel: f64) -> Self {
        Self {
            rows: size,
            columns: size,
            pixel_y: pixel,
            pixel_x: pixel,
        }
    }

    pub(super) fn check(self) -> Result<Self> {
        let pixels_ok = [self.pixel_y, self.pixel_x]
            .iter()
            .all(|p| (1e-6..=1e6).contains(p));
        if self.rows == 0
            || self.columns == 0
            || self.rows.saturating_mul(self.columns) > 1 << 26
            || !pixels_ok
        {
            return Err(Error::argument(
                "grid",
                format!("{self:?}"),
                "1 to 2²⁶ pixels of 1e-6 to 1e6 Å",
            ));
        }
        Ok(self)
    }
}

/// A coherent electron probe.
///
/// ψ(r) = F⁻¹[A(k − k_t) exp(−iχ(k))], normalised to one electron (Kirkland, *Advanced Computing in Electron Microscopy*,
/// 3rd ed. 2020, eq. 3.40, doi 10.1007/978-3-030-33260-0). The aperture A is round and hard, 1 where λk ≤ α, unless
/// another [`ApertureEdge`] is asked for; k_t is 0 unless the beam is tilted.
///
/// ```
/// use dosewise::stem::{Aberrations, Beam, Grid, Probe};
/// let probe = Probe::new(Beam::new(80.0)?, 30.0, Aberrations::default())?;
/// let intensity = probe.intensity(Grid::square(256, 20.0 / 256.0))?; // 1/Å²
/// let electrons: f64 = intensity.sum() * (20.0_f64 / 256.0).powi(2);
/// assert!((electrons - 1.0).abs() < 1e-12);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    beam: Beam,
    semiangle_mrad: f64,
    aberrations: Aberrations,
    edge: ApertureEdge,
    tilt: Tilt,
    envelope: FocalSpread,
}

impl Probe {
    /// Smallest convergence semi-angle accepted, mrad.
    pub const MIN_SEMIANGLE_MRAD: f64 = 0.1;
    /// Largest convergence semi-angle accepted, mrad.
    pub const MAX_SEMIANGLE_MRAD: f64 = 200.0;

    /// A probe of convergence semi-angle `semiangle_mrad` (mrad).
    ///
    /// # Errors
    /// [`Error::Argument`] when the semi-angle is not within 0.1 to 200 mrad.
    pub fn new(beam: Beam, semiangle_mrad: f64, aberrations: Aberrations) -> Result<Self> {
        if !(Self::MIN_SEMIANGLE_MRAD..=Self::MAX_SEMIANGLE_MRAD).contains(&semiangle_mrad) {
            return Err(Error::argument(
                "semiangle_mrad",
                semiangle_mrad,
                "0.1 to 200 mrad",
            ));
        }
        Ok(Self {
            beam,
            semiangle_mrad,
            aberrations,
            edge: ApertureEdge::Hard,
            tilt: Tilt::default(),
            envelope: FocalSpread::NONE,
        })
    }

    /// The same probe through an aperture with another edge.
    ///
    /// # Errors
    /// [`Error::Argument`] for a soft edge whose width is not above 0 or exceeds twice the semi-angle.
    pub fn with_edge(self, edge: ApertureEdge) -> Result<Self> {
        let edge = edge.check(self.semiangle_mrad)?;
        Ok(Self { edge, ..self })
    }

    /// The same probe with the beam tilted: the aperture moves in k-space by k_t = θ/λ, the aberrations stay about the axis
    /// of the lens. So a tilt through an aberrated lens also shifts, defocuses and distorts the probe; without
    /// aberrations it is the factor exp(2πi k_t·r).
    pub fn with_tilt(self, tilt: Tilt) -> Self {
        Self { tilt, ..self }
    }

    /// The same probe with every plane wave damped by [`FocalSpread::envelope`].
    ///
    /// That is the wave averaged over the foci, what linear phase contrast sees. The intensity of a probe is the average of
    /// the intensities, which differs in the order of the spread squared: use
    /// [`Coherence`](crate::stem::Coherence) for it.
    pub fn with_envelope(self, envelope: FocalSpread) -> Self {
        Self { envelope, ..self }
    }

    /// The same probe with `offset` Å added to C10.
    ///
    /// # Errors
    /// [`Error::Argument`] when C10 leaves ±1e10 Å.
    pub fn defocused(&self, offset: f64) -> Result<Self> {
        let aberrations = self.aberrations.defocused(offset)?;
        Ok(Self {
            aberrations,
            ..self.clone()
        })
    }

    /// The beam that the probe is made of.
    pub fn beam(&self) -> Beam {
        self.beam
    }

    /// The convergence semi-angle α, mrad.
    pub fn semiangle_mrad(&self) -> f64 {
        self.semiangle_mrad
    }

    /// The aberrations of the lens.
    pub fn aberrations(&self) -> &Aberrations {
        &self.aberrations
    }

    /// How the aperture ends.
    pub fn edge(&self) -> ApertureEdge {
        self.edge
    }

    /// The tilt of the beam.
    pub fn tilt(&self) -> Tilt {
        self.tilt
    }

    /// The spread of focus by which its plane waves are damped, see [`Probe::with_envelope`].
    pub fn envelope(&self) -> FocalSpread {
        self.envelope
    }

    /// Largest spatial frequency in the aperture, 1/Å: α/λ, with half the width of a soft edge and the tilt added. The
    /// intensity is band-limited to twice this.
    pub fn cutoff(&self) -> f64 {
        let tilt = self.tilt.y_mrad().hypot(self.tilt.x_mrad());
        let reach = self.semiangle_mrad + self.edge.overhang() + tilt;
        reach * 1e-3 / self.beam.wavelength()
    }

    /// The wave ψ on `grid`, `[row, column]`, centred at pixel `[rows/2, columns/2]`; Σ|ψ|²·pixel area = 1.
    ///
    /// # Errors
    /// [`Error::Argument`] when the grid is empty, larger than 2²⁶ pixels, of pixels outside 1e-6 to 1e6 Å, too coarse to hold the aperture
    /// (its Nyquist frequency lies below [`Probe::cutoff`]), or so small a field that no plane wave of it falls into a tilted
    /// aperture.
    pub fn wave(&self, grid: Grid) -> Result<Array2<Complex64>> {
        let grid = grid.check()?;
        let nyquist = 0.5 / grid.pixel_y.max(grid.pixel_x);
        if self.cutoff() > nyquist {
            return Err(Error::argument(
                "grid",
                format!("a pixel of {} Å", grid.pixel_y.max(grid.pixel_x)),
                format!(
                    "at most {:.4} Å, half a period of the aperture's edge",
                    0.5 / self.cutoff()
                ),
            ));
        }
        let (centre_y, centre_x) = (
            (grid.rows / 2) as f64 * grid.pixel_y,
            (grid.columns / 2) as f64 * grid.pixel_x,
        );
        let mut wave = Array2::from_shape_fn((grid.rows, grid.columns), |(row, column)| {
            let ky = frequency(row, grid.rows, grid.pixel_y);
            let kx = frequency(column, grid.columns, grid.pixel_x);
            let amplitude = self.amplitude(ky, kx, grid);
            if amplitude == 0.0 {
                return Complex64::ZERO;
            }
            let shift = 2.0 * PI * (ky * centre_y + kx * centre_x);
            let phase = self.aberrations.phase(ky, kx, self.beam.wavelength());
            Complex64::from_polar(amplitude, -phase - shift)
        });
        Fourier2::new(grid.rows, grid.columns).inverse(&mut wave);
        let total: f64 =
            wave.iter().map(|z| z.norm_sqr()).sum::<f64>() * grid.pixel_y * grid.pixel_x;
        if total == 0.0 {
            return Err(Error::argument(
                "grid",
                format!("{grid:?}"),
                "a field so large that one of its plane waves falls into the tilted aperture",
            ));
        }
        wave.mapv_inplace(|z| z / total.sqrt());
        Ok(wave)
    }

    /// |ψ| in k-space before it is normalised.
    fn amplitude(&self, ky: f64, kx: f64, grid: Grid) -> f64 {
        let wavelength = self.beam.wavelength();
        let (tilt_y, tilt_x) = self.tilt.spatial_frequency(self.beam);
        let (y, x) = (ky - tilt_y, kx - tilt_x);
        let radius = y.hypot(x);
        let step_y = 1.0 / (grid.rows as f64 * grid.pixel_y);
        let step_x = 1.0 / (grid.columns as f64 * grid.pixel_x);
        let step = (step_y * y / radius).hypot(step_x * x / radius);
        self.edge.amplitude(
            radius * wavelength * 1e3,
            self.semiangle_mrad,
            step * wavelength * 1e3,
        ) * self.envelope.envelope(self.beam, ky.hypot(kx))
    }

    /// The intensity |ψ|² on `grid` in 1/Å², centred like [`Probe::wave`].
    ///
    /// # Errors
    /// As [`Probe::wave`].
    pub fn intensity(&self, grid: Grid) -> Result<Array2<f64>> {
        Ok(self.wave(grid)?.mapv(|z| z.norm_sqr()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stem::Aberration;
    use statrs::function::gamma::ln_gamma;

    /// Bessel function J1 by its power series, good to 1e-12 for arguments below 20.
    fn bessel_j1(x: f64) -> f64 {
        (0..80)
            .map(|k| {
                let k = f64::from(k);
                let sign = if (k as u64).is_multiple_of(2) {
                    1.0
                } else {
                    -1.0
                };
                sign * ((2.0 * k + 1.0) * (x / 2.0).ln() - ln_gamma(k + 1.0) - ln_gamma(k + 2.0))
                    .exp()
            })
            .sum()
    }

    #[test]
    fn without_aberrations_the_probe_is_the_airy_disc() {
        let probe = Probe::new(Beam::new(80.0).unwrap(), 30.0, Aberrations::default()).unwrap();
        // A box of 160 Å samples the aperture with some 4 000 plane waves: its staircase edge is the only error.
        let (size, pixel) = (1024, 0.15625);
        let intensity = probe.intensity(Grid::square(size, pixel)).unwrap();
        let cutoff = probe.cutoff();
        let peak = PI * cutoff * cutoff; // |∫ A dk|² / ∫ |A|² dk
        for column in 0..16 {
            let x = 2.0 * PI * cutoff * pixel * f64::from(column);
            let airy = if column == 0 {
                1.0
            } else {
                (2.0 * bessel_j1(x) / x).powi(2)
            };
            let found = intensity[[size / 2, size / 2 + column as usize]];
            assert!(
                (found - peak * airy).abs() < 2e-3 * peak,
                "column {column}: {found} vs {}",
                peak * airy
            );
        }
    }

    #[test]
    fn defocus_widens_and_astigmatism_breaks_the_round_symmetry() {
        let beam = Beam::new(80.0).unwrap();
        let grid = Grid::square(256, 0.1);
        let at = |terms: Vec<Aberration>| {
            Probe::new(beam, 30.0, Aberrations::new(terms).unwrap())
                .unwrap()
                .intensity(grid)
                .unwrap()
        };
        let term = |order, symmetry, magnitude| Aberration {
            order,
            symmetry,
            magnitude,
            angle: 0.0,
        };
        let sharp = at(vec![]);
        let blurred = at(vec![term(1, 0, 80.0)]);
        assert!(blurred[[128, 128]] < 0.7 * sharp[[128, 128]]);
        let mixed = at(vec![term(1, 0, 40.0), term(1, 2, 40.0)]);
        // C10 + C12 focuses one direction and defocuses the other.
        let (along_x, along_y) = (mixed[[128, 140]], mixed[[140, 128]]);
        assert!((along_x - along_y).abs() > 0.2 * along_x.max(along_y));
        assert!((sharp[[128, 140]] - sharp[[140, 128]]).abs() < 1e-12);
    }

    #[test]
    fn bad_input_is_refused_by_name() {
        let beam = Beam::new(80.0).unwrap();
        assert!(Probe::new(beam, f64::NAN, Aberrations::default()).is_err());
        let probe = Probe::new(beam, 30.0, Aberrations::default()).unwrap();
        let coarse = probe
            .intensity(Grid::square(16, 1.0))
            .unwrap_err()
            .to_string();
        assert!(coarse.contains("pixel"), "{coarse}");
        assert!(probe.intensity(Grid::square(0, 0.1)).is_err());
    }
}
