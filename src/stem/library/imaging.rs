//! What a real probe and source make of the image of an ideal probe.

use super::recipe::Recipe;
use crate::stem::quadrature::gauss_legendre_panels;
use crate::stem::{Aberrations, Coherence, Focus, Probe};
use crate::{Error, Result};
use rustfft::num_complex::Complex64;
use std::f64::consts::{FRAC_2_PI, FRAC_PI_2, PI};

/// The probe and its coherence under which a field is imaged; ideal unless said otherwise.
///
/// Source size is exact on any detector: electrons from different places of the source do not interfere. Aberrations and
/// spread of focus are applied to dark-field images as incoherent ones, I' = F⁻¹[T(Q)/T₀(Q) · F I] with T the transfer
/// function of the probe's intensity and T₀ that of the ideal one. No aberration raises |T| (P. D. Nellist and S. J.
/// Pennycook, Ultramicroscopy 78 (1999) 111, doi 10.1016/S0304-3991(99)00017-0), so that nothing is amplified; how far
/// it holds for a specimen is what [`Library::trial`](super::Library::trial) measures.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Imaging {
    /// Aberrations of the lens.
    pub aberrations: Aberrations,
    /// Spread of focus and size of the source.
    pub coherence: Coherence,
}

/// By what the spectrum of an ideal image is multiplied.
#[derive(Debug, Clone)]
pub(super) struct Transfer {
    probe: Probe,
    foci: Vec<Focus>,
    imaging: Imaging,
}

/// Error of the sum over foci, of the peak of the ideal probe.
const FOCAL_TOLERANCE: f64 = 1e-3;

impl Transfer {
    pub(super) fn new(recipe: &Recipe, imaging: &Imaging) -> Result<Self> {
        let beam = recipe.probe.beam();
        let probe = Probe::new(
            beam,
            recipe.probe.semiangle_mrad(),
            imaging.aberrations.clone(),
        )?;
        let angle = 1e-3 * probe.semiangle_mrad();
        let terms = imaging.aberrations.terms().iter();
        let reach: f64 = terms
            .map(|t| t.magnitude.abs() * angle.powi(t.order as i32))
            .sum();
        if reach > 8.0 {
            return Err(Error::argument(
                "aberrations",
                format!("rays up to {reach:.1} Å from the aim"),
                "at most 8 Å, the reach of a response",
            ));
        }
        Ok(Self {
            foci: imaging.coherence.foci(&probe, FOCAL_TOLERANCE)?,
            imaging: imaging.clone(),
            probe,
        })
    }

    /// Whether the probe differs from the ideal one, source size aside.
    pub(super) fn changes_probe(&self) -> bool {
        !self
            .imaging
            .aberrations
            .terms()
            .iter()
            .all(|t| t.magnitude == 0.0)
            || self.foci.len() > 1
    }

    /// Whether nothing changes at all.
    pub(super) fn is_ideal(&self) -> bool {
        !self.changes_probe() && self.imaging.coherence.source == crate::stem::Source::POINT
    }

    /// T(Q)·S(Q)/T₀(Q) at a frequency (y, x), 1/Å; 0 beyond the band.
    pub(super) fn ratio(&self, [y, x]: [f64; 2]) -> Complex64 {
        let q = y.hypot(x);
        let source = self.imaging.coherence.source.transfer(q);
        let ideal = ideal(&self.probe, q);
        if ideal <= 0.0 {
            return Complex64::ZERO;
        }
        if !self.changes_probe() {
            return Complex64::from(source);
        }
        let sum = self.foci.iter().map(|focus| {
            let aberrated = self.aberrated([y, x], focus.offset);
            focus.weight * aberrated
        });
        source / ideal * sum.sum::<Complex64>()
    }

    /// T(Q) = ∫ exp[i χ(k + Q/2) − i χ(k − Q/2)] d²k / πK² over the lens in which both lie in the aperture of radius K.
    fn aberrated(&self, [y, x]: [f64; 2], defocus: f64) -> Complex64 {
        let (cutoff, q) = (self.probe.cutoff(), y.hypot(x));
        if q < 1e-9 {
            return Complex64::ONE;
        }
        let (along_y, along_x) = (y / q, x / q);
        let wavelength = self.probe.beam().wavelength();
        let phase = |ky: f64, kx: f64| {
            let angle = wavelength * ky.hypot(kx);
            self.probe.aberrations().phase(ky, kx, wavelength)
                + PI / wavelength * defocus * angle * angle
        };
        let bend = |u: f64, v: f64| {
            let (ky, kx) = (u * along_y - v * along_x, u * along_x + v * along_y);
            phase(ky + 0.5 * y, kx + 0.5 * x) - phase(ky - 0.5 * y, kx - 0.5 * x)
        };
        // v = V sin θ across the lens takes the square root off its tips
        let width = (cutoff * cutoff - 0.25 * q * q).max(0.0).sqrt();
        let part = |of: fn(f64) -> f64| {
            gauss_legendre_panels(-FRAC_PI_2, FRAC_PI_2, PI, |theta: f64| {
                let v = width * theta.sin();
                let u = ((cutoff * cutoff - v * v).max(0.0).sqrt() - 0.5 * q).max(0.0);
                let line = gauss_legendre_panels(-u, u, cutoff, |u| of(bend(u, v)));
                width * theta.cos() * line
            }) / (PI * cutoff * cutoff)
        };
        Complex64::new(part(f64::cos), part(f64::sin))
    }
}

/// T₀(q) = (2/π)(arccos s − s√(1 − s²)), s = q/2K: the share of the aperture that overlaps with itself.
pub(super) fn ideal(probe: &Probe, q: f64) -> f64 {
    let s = 0.5 * q / probe.cutoff();
    if s >= 1.0 {
        return 0.0;
    }
    FRAC_2_PI * (s.acos() - s * (1.0 - s * s).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stem::fourier::{Fourier2, frequency};
    use crate::stem::{AnnularDetector, Beam, FocalSpread, Grid, Source, Structure};
    use nalgebra::Vector3;

    fn transfer(imaging: &Imaging) -> Transfer {
        let vacuum = Structure::new(Vector3::new(5.0, 5.0, 1.0), Vec::new()).unwrap();
        let detector = AnnularDetector::new(80.0, 180.0).unwrap();
        let recipe = Recipe::new(&vacuum, Beam::new(80.0).unwrap(), 30.0, &[detector]).unwrap();
        Transfer::new(&recipe, imaging).unwrap()
    }

    fn imaging() -> Imaging {
        let aberrations = Aberrations::default()
            .with("C10", 40.0, 0.0)
            .and_then(|a| a.with("C12", 25.0, 0.4))
            .and_then(|a| a.with("C21", 900.0, 1.0));
        Imaging {
            aberrations: aberrations.unwrap(),
            coherence: Coherence::default(),
        }
    }

    /// The transform of |ψ(−r)|² on a grid, whose aperture is a staircase of plane waves.
    #[test]
    fn the_transfer_is_the_spectrum_of_the_probe() {
        let imaging = imaging();
        let transfer = transfer(&imaging);
        let (size, pixel) = (512, 0.2);
        let grid = Grid::square(size, pixel);
        let spectrum = |probe: &Probe| {
            let intensity = probe.intensity(grid).unwrap();
            let mirrored = |i: usize| (size / 2 + size - i) % size;
            let mut array = ndarray::Array2::from_shape_fn((size, size), |(row, column)| {
                Complex64::from(intensity[[mirrored(row), mirrored(column)]] * pixel * pixel)
            });
            Fourier2::new(size, size).forward(&mut array);
            array
        };
        let found = spectrum(&transfer.probe);
        for (row, column) in [(0, 0), (5, 9), (40, 500), (60, 60), (0, 100), (480, 20)] {
            let place = [frequency(row, size, pixel), frequency(column, size, pixel)];
            let q = place[0].hypot(place[1]);
            let expected = transfer.ratio(place) * ideal(&transfer.probe, q);
            let error = (found[[row, column]] - expected).norm();
            assert!(error < 3e-3, "{row}, {column}: {error:e}");
        }
    }

    #[test]
    fn nothing_is_amplified_and_nothing_happens_to_the_ideal_probe() {
        let mut imaging = imaging();
        imaging.coherence.focal_spread = FocalSpread::new(30.0).unwrap();
        let aberrated = transfer(&imaging);
        let ideal = transfer(&Imaging::default());
        assert!(ideal.is_ideal() && !aberrated.is_ideal());
        for n in 0..40 {
            let place = [0.03 * f64::from(n), 0.02 * f64::from(n % 7)];
            assert!(aberrated.ratio(place).norm() <= 1.0 + 1e-9);
            assert_eq!(ideal.ratio(place), Complex64::ONE);
        }
        assert_eq!(ideal.ratio([2.0, 0.0]), Complex64::ZERO);
        let blurred = transfer(&Imaging {
            coherence: Coherence {
                source: Source::gaussian_sigma(0.5).unwrap(),
                ..Coherence::default()
            },
            ..Imaging::default()
        });
        let expected = (-2.0 * (PI * 0.5 * 0.6f64).powi(2)).exp();
        assert!((blurred.ratio([0.0, 0.6]).re - expected).abs() < 1e-12);
    }
}
