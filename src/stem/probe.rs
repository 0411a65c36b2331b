//! The focused electron probe: an aperture full of plane waves, bent by the lens aberrations.

use crate::error::{Error, Result};
use crate::stem::beam::Beam;
use crate::stem::fourier::{Fourier2, frequency};
use ndarray::Array2;
use rustfft::num_complex::Complex64;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::f64::consts::PI;

/// One aberration coefficient in Krivanek's notation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Aberration {
    /// Radial order n of C_nm: the phase grows as the angle to the power n + 1.
    pub order: u32,
    /// Azimuthal multiplicity m of C_nm.
    pub symmetry: u32,
    /// Magnitude C_nm, Å.
    pub magnitude: f64,
    /// Orientation φ_nm, rad; meaningless for m = 0.
    pub angle: f64,
}

/// The (n, m) of every aberration to fifth order.
const TERMS: [(u32, u32); 14] = [
    (1, 0),
    (1, 2),
    (2, 1),
    (2, 3),
    (3, 0),
    (3, 2),
    (3, 4),
    (4, 1),
    (4, 3),
    (4, 5),
    (5, 0),
    (5, 2),
    (5, 4),
    (5, 6),
];

/// The aberrations of the probe-forming lens.
///
/// χ(k, φ) = (2π/λ) Σ C_nm/(n+1) · (λk)^(n+1) · cos m(φ − φ_nm), with k in 1/Å and φ the azimuth from the fast (x)
/// towards the slow (y) scan direction (Krivanek, Dellby & Lupini, Ultramicroscopy 78 (1999) 1). C10 is minus the
/// underfocus: C10 > 0 is overfocus.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(try_from = "BTreeMap<String, Coefficient>")]
pub struct Aberrations {
    terms: Vec<Aberration>,
}

/// How a world file writes a coefficient: `C10 = 20.0` or `C12 = { magnitude = 15.0, angle_deg = 30.0 }`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(
    untagged,
    expecting = "something else, expected a length in Å, or { magnitude = …, angle_deg = … }"
)]
enum Coefficient {
    Magnitude(f64),
    Oriented(Oriented),
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Oriented {
    magnitude: f64,
    angle_deg: f64,
}

impl TryFrom<BTreeMap<String, Coefficient>> for Aberrations {
    type Error = Error;

    fn try_from(map: BTreeMap<String, Coefficient>) -> Result<Self> {
        let names: Vec<String> = TERMS.iter().map(|(n, m)| format!("C{n}{m}")).collect();
        let mut terms = Vec::new();
        for (name, coefficient) in map {
            let Some(index) = names.iter().position(|known| *known == name) else {
                return Err(Error::argument(
                    "aberrations",
                    format!("`{name}`"),
                    names.join(", "),
                ));
            };
            let (magnitude, angle) = match coefficient {
                Coefficient::Magnitude(magnitude) => (magnitude, 0.0),
                Coefficient::Oriented(Oriented {
                    magnitude,
                    angle_deg,
                }) => (magnitude, angle_deg.to_radians()),
            };
            let (order, symmetry) = TERMS[index];
            terms.push(Aberration {
                order,
                symmetry,
                magnitude,
                angle,
            });
        }
        Self::new(terms)
    }
}

impl Aberrations {
    /// A set of aberrations; each (n, m) at most once, magnitudes within ±1e10 Å, angles within ±1e6 rad.
    ///
    /// # Errors
    /// [`Error::Argument`] for an (n, m) beyond fifth order or of wrong parity, a repeated one, or a number out of range.
    pub fn new(terms: Vec<Aberration>) -> Result<Self> {
        for (index, term) in terms.iter().enumerate() {
            let name = format!("C{}{}", term.order, term.symmetry);
            if !TERMS.contains(&(term.order, term.symmetry)) {
                return Err(Error::argument(
                    "aberrations",
                    name,
                    "C10, C12, C21, C23, … C56",
                ));
            }
            if terms[..index]
                .iter()
                .any(|t| (t.order, t.symmetry) == (term.order, term.symmetry))
            {
                return Err(Error::argument(
                    "aberrations",
                    format!("{name} twice"),
                    "each coefficient once",
                ));
            }
            if !(term.magnitude.abs() <= 1e10 && term.angle.abs() <= 1e6) {
                return Err(Error::argument(
                    name,
                    format!("{} Å at {} rad", term.magnitude, term.angle),
                    "a length within ±1e10 Å at an angle within ±1e6 rad",
                ));
            }
        }
        Ok(Self { terms })
    }

    /// The coefficients that are set.
    pub fn terms(&self) -> &[Aberration] {
        &self.terms
    }

    /// Phase χ in rad at the spatial frequency (ky, kx), 1/Å.
    pub fn phase(&self, ky: f64, kx: f64, wavelength: f64) -> f64 {
        let angle = ky.hypot(kx) * wavelength;
        let azimuth = ky.atan2(kx);
        let sum: f64 = self
            .terms
            .iter()
            .map(|t| {
                t.magnitude / f64::from(t.order + 1)
                    * angle.powi(t.order as i32 + 1)
                    * (f64::from(t.symmetry) * (azimuth - t.angle)).cos()
            })
            .sum();
        2.0 * PI / wavelength * sum
    }
}

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

/// A coherent electron probe with a hard round aperture.
///
/// ψ(r) = F⁻¹[A(k) exp(−iχ(k))], normalised to one electron (Kirkland, *Advanced Computing in Electron Microscopy*,
/// 3rd ed. 2020, eq. 3.40, doi 10.1007/978-3-030-33260-0). A spatial frequency belongs to the aperture when λk ≤ α.
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
}

impl Probe {
    /// A probe of convergence semi-angle `semiangle_mrad` (mrad).
    ///
    /// # Errors
    /// [`Error::Argument`] when the semi-angle is not within 0.1 to 200 mrad.
    pub fn new(beam: Beam, semiangle_mrad: f64, aberrations: Aberrations) -> Result<Self> {
        if !(0.1..=200.0).contains(&semiangle_mrad) {
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
        })
    }

    /// The beam that the probe is made of.
    pub fn beam(&self) -> Beam {
        self.beam
    }

    /// Largest spatial frequency in the aperture, α/λ in 1/Å; the intensity is band-limited to twice this.
    pub fn cutoff(&self) -> f64 {
        self.semiangle_mrad * 1e-3 / self.beam.wavelength()
    }

    /// The wave ψ on `grid`, `[row, column]`, centred at pixel `[rows/2, columns/2]`; Σ|ψ|²·pixel area = 1.
    ///
    /// # Errors
    /// [`Error::Argument`] when the grid is empty, larger than 2²⁶ pixels, of pixels outside 1e-6 to 1e6 Å, or too coarse to hold the aperture
    /// (its Nyquist frequency lies below α/λ).
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
        let wavelength = self.beam.wavelength();
        let (centre_y, centre_x) = (
            (grid.rows / 2) as f64 * grid.pixel_y,
            (grid.columns / 2) as f64 * grid.pixel_x,
        );
        let mut wave = Array2::from_shape_fn((grid.rows, grid.columns), |(row, column)| {
            let ky = frequency(row, grid.rows, grid.pixel_y);
            let kx = frequency(column, grid.columns, grid.pixel_x);
            if ky.hypot(kx) * wavelength * 1e3 <= self.semiangle_mrad {
                let shift = 2.0 * PI * (ky * centre_y + kx * centre_x);
                Complex64::from_polar(1.0, -self.aberrations.phase(ky, kx, wavelength) - shift)
            } else {
                Complex64::ZERO
            }
        });
        Fourier2::new(grid.rows, grid.columns).inverse(&mut wave);
        let total: f64 =
            wave.iter().map(|z| z.norm_sqr()).sum::<f64>() * grid.pixel_y * grid.pixel_x;
        wave.mapv_inplace(|z| z / total.sqrt());
        Ok(wave)
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
        let odd = Aberration {
            order: 1,
            symmetry: 1,
            magnitude: 1.0,
            angle: 0.0,
        };
        assert!(
            Aberrations::new(vec![odd])
                .unwrap_err()
                .to_string()
                .contains("C11")
        );
    }
}
