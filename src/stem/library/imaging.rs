//! What a real probe and source make of the image of an ideal probe.

use super::expansion::{TERMS, terms};
use super::recipe::Recipe;
use crate::stem::quadrature::{gauss_legendre_nodes, gauss_legendre_panels};
use crate::stem::response::KERNEL_RADIUS;
use crate::stem::{Aberration, Aberrations, Coherence, Focus, Probe, Source};
use crate::{Error, Result};
use nalgebra::{Matrix2, Vector2};
use rustfft::num_complex::Complex64;
use std::f64::consts::{FRAC_2_PI, FRAC_PI_2, PI};

/// The probe and its coherence under which a field is imaged; those of the recipe and a point source unless said
/// otherwise.
///
/// Source size is exact on any detector: electrons from different places of the source do not interfere. Aberrations other
/// than the recipe's and a spread of focus are applied to dark-field images as incoherent ones,
/// I' = F⁻¹[T(Q)/T₀(Q) · F I] with T the transfer function of the probe's intensity and T₀ that of the recipe's. No
/// aberration raises |T| above that of the ideal probe (P. D. Nellist and S. J. Pennycook, Ultramicroscopy 78 (1999) 111,
/// doi 10.1016/S0304-3991(99)00017-0), so that a library of the ideal probe amplifies nothing. The price is 1.5 to 3 % of
/// the range for 20 to 60 Å of defocus on MoS₂ at rest.
///
/// What this leaves out is coherent. With S_g(k) what the specimen scatters of the plane wave k of the aperture towards g, a
/// coefficient of the image is the mean of M_Q(κ) exp[iχ(κ + Q/2) − iχ(κ − Q/2)] over the places κ of the aperture from
/// which both waves come, M_Q(κ) = Σ S_g(κ − Q/2) S_g*(κ + Q/2) over the g of the detector. It is T(Q) times a number only if
/// M_Q is the same for all κ: neighbouring atoms that scatter coherently into the annulus, if weakly, and propagation
/// between the atoms make it vary. A recipe for [any aberrations](Recipe::any_aberrations) computes M_Q of the perfect
/// crystal from the plane waves themselves and keeps it as a polynomial of sixth degree in κ for each frequency, which gives
/// the figures of the [module](super). The differences that defects make stay incoherent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Imaging {
    /// Aberrations of the lens; `None` are those of the recipe.
    pub aberrations: Option<Aberrations>,
    /// Spread of focus and size of the source.
    pub coherence: Coherence,
}

/// By what the spectrum of an image of the recipe's probe is multiplied.
#[derive(Debug, Clone)]
pub(super) struct Transfer {
    reference: Probe,
    probe: Probe,
    foci: Vec<Focus>,
    source: Source,
}

/// Transfer of an aberrated reference below which a change of the probe is no longer undone.
const FLOOR: f64 = 0.02;
/// Most by which a series may rise where a deformation brings a frequency back into the band.
const LARGEST_GAIN: f64 = 2.0;
/// Error of the sum over foci, of the peak of the ideal probe.
const FOCAL_TOLERANCE: f64 = 1e-3;

impl Transfer {
    pub(super) fn new(recipe: &Recipe, imaging: &Imaging) -> Result<Self> {
        let reference = recipe.probe.clone();
        let probe = match &imaging.aberrations {
            None => reference.clone(),
            Some(set) => {
                check_reach(set, reference.semiangle_mrad())?;
                Probe::new(reference.beam(), reference.semiangle_mrad(), set.clone())?
            }
        };
        Ok(Self {
            foci: imaging.coherence.foci(&probe, FOCAL_TOLERANCE)?,
            source: imaging.coherence.source,
            reference,
            probe,
        })
    }

    /// Whether the probe differs from that of the recipe, source size aside.
    pub(super) fn changes_probe(&self) -> bool {
        self.probe != self.reference || self.foci.len() > 1
    }

    /// Whether nothing changes at all.
    pub(super) fn is_one(&self) -> bool {
        !self.changes_probe() && self.source == Source::POINT
    }

    /// T(Q)·S(Q)/T₀(Q) at a frequency (y, x), 1/Å; 0 beyond the band.
    pub(super) fn ratio(&self, place: [f64; 2]) -> Complex64 {
        let q = place[0].hypot(place[1]);
        if ideal(&self.probe, q) <= 0.0 {
            return Complex64::ZERO;
        }
        let source = self.source.transfer(q);
        if !self.changes_probe() {
            return Complex64::from(source);
        }
        let foci = self.foci.iter();
        let sum: Complex64 = foci
            .map(|focus| focus.weight * transfer(&self.probe, place, focus.offset))
            .sum();
        let reference = transfer(&self.reference, place, 0.0);
        if is_ideal(&self.reference) {
            return source * sum / reference;
        }
        source * sum * reference.conj() / reference.norm_sqr().max(FLOOR * FLOOR)
    }

    /// By what each term of an [expansion](super::expansion) enters the spectrum at a frequency (y, x), beyond the ratio times
    /// the image of the recipe's probe: Tⱼ − T/T₀·Tⱼ₀, Tⱼ the transfer with the term under the integral. `to_crystal` takes
    /// frequencies of the field to those of the crystal as it was computed.
    pub(super) fn excess(&self, place: [f64; 2], to_crystal: Matrix2<f64>) -> [Complex64; TERMS] {
        let ratio = self.ratio(place);
        let source = self.source.transfer(place[0].hypot(place[1]));
        let reference = moments(&self.reference, place, 0.0, to_crystal);
        let mut found = reference.map(|moment| -ratio * moment);
        for focus in &self.foci {
            let moments = moments(&self.probe, place, focus.offset, to_crystal);
            for (sum, moment) in found.iter_mut().zip(moments) {
                *sum += source * focus.weight * moment;
            }
        }
        found
    }

    /// T₀ at the frequency where a deformation brings a wave, over that where it was.
    pub(super) fn gain(&self, before: [f64; 2], after: [f64; 2]) -> Complex64 {
        let old = transfer(&self.reference, before, 0.0);
        let new = transfer(&self.reference, after, 0.0);
        if old.norm() < 1e-12 {
            return new;
        }
        let gain = new / old;
        gain * (LARGEST_GAIN / gain.norm().max(LARGEST_GAIN))
    }
}

/// Refuses aberrations that throw rays beyond the reach of a response.
pub(super) fn check_reach(aberrations: &Aberrations, semiangle_mrad: f64) -> Result<()> {
    let terms = aberrations.terms().iter();
    let bend = |t: &Aberration| t.magnitude.abs() * (1e-3 * semiangle_mrad).powi(t.order as i32);
    let reach: f64 = terms.map(bend).sum();
    if reach <= KERNEL_RADIUS {
        return Ok(());
    }
    Err(Error::argument(
        "aberrations",
        format!("rays up to {reach:.1} Å from the aim"),
        format!("at most {KERNEL_RADIUS} Å, the reach of a response"),
    ))
}

fn is_ideal(probe: &Probe) -> bool {
    probe
        .aberrations()
        .terms()
        .iter()
        .all(|t| t.magnitude == 0.0)
}

/// T(Q) = ∫ exp[i χ(k + Q/2) − i χ(k − Q/2)] d²k / πK² over the lens in which both lie in the aperture of radius K, for a
/// probe out of focus by `defocus` Å more.
fn transfer(probe: &Probe, [y, x]: [f64; 2], defocus: f64) -> Complex64 {
    let (cutoff, q) = (probe.cutoff(), y.hypot(x));
    if is_ideal(probe) && defocus == 0.0 {
        return Complex64::from(ideal(probe, q));
    }
    if q < 1e-9 {
        return Complex64::ONE;
    }
    let bend = |u: f64, v: f64| bend(probe, [y, x], defocus, along(u, v, [y / q, x / q]));
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

/// The place κ (y, x) at u along and v across a direction.
fn along(u: f64, v: f64, [y, x]: [f64; 2]) -> [f64; 2] {
    [u * y - v * x, u * x + v * y]
}

/// χ(κ + Q/2) − χ(κ − Q/2) at the frequency Q = (y, x), out of focus by `defocus` Å more.
fn bend(probe: &Probe, [y, x]: [f64; 2], defocus: f64, [ky, kx]: [f64; 2]) -> f64 {
    let wavelength = probe.beam().wavelength();
    let phase = |ky: f64, kx: f64| {
        let angle = wavelength * ky.hypot(kx);
        let focus = PI / wavelength * defocus * angle * angle;
        probe.aberrations().phase(ky, kx, wavelength) + focus
    };
    phase(ky + 0.5 * y, kx + 0.5 * x) - phase(ky - 0.5 * y, kx - 0.5 * x)
}

/// [`transfer`] with each term of an expansion under the integral; 0 beyond the band.
fn moments(
    probe: &Probe,
    [y, x]: [f64; 2],
    defocus: f64,
    to_crystal: Matrix2<f64>,
) -> [Complex64; TERMS] {
    let (cutoff, q) = (probe.cutoff(), y.hypot(x));
    let mut found = [Complex64::ZERO; TERMS];
    if q >= 2.0 * cutoff || q < 1e-9 {
        return found;
    }
    let width = (cutoff * cutoff - 0.25 * q * q).sqrt();
    for (theta, across) in gauss_legendre_nodes(-FRAC_PI_2, FRAC_PI_2, PI) {
        let v = width * theta.sin();
        let u = ((cutoff * cutoff - v * v).max(0.0).sqrt() - 0.5 * q).max(0.0);
        for (u, weight) in gauss_legendre_nodes(-u, u, cutoff) {
            let [ky, kx] = along(u, v, [y / q, x / q]);
            let area = across * weight * width * theta.cos() / (PI * cutoff * cutoff);
            let value = area * Complex64::cis(bend(probe, [y, x], defocus, [ky, kx]));
            let own = to_crystal * Vector2::new(kx, ky) / cutoff;
            for (sum, term) in found.iter_mut().zip(terms(own.y, own.x)) {
                *sum += term * value;
            }
        }
    }
    found
}

/// T₀(q) = (2/π)(arccos s − s√(1 − s²)), s = q/2K: the share of the aperture that overlaps with itself.
fn ideal(probe: &Probe, q: f64) -> f64 {
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
    use crate::stem::{AnnularDetector, Beam, FocalSpread, Grid, Structure};
    use nalgebra::Vector3;

    fn made(imaging: &Imaging) -> Transfer {
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
            aberrations: Some(aberrations.unwrap()),
            coherence: Coherence::default(),
        }
    }

    /// The transform of |ψ(−r)|² on a grid, whose aperture is a staircase of plane waves.
    #[test]
    fn the_transfer_is_the_spectrum_of_the_probe() {
        let imaging = imaging();
        let transfer = made(&imaging);
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
        let aberrated = made(&imaging);
        let ideal = made(&Imaging::default());
        assert!(ideal.is_one() && !aberrated.is_one());
        for n in 0..40 {
            let place = [0.03 * f64::from(n), 0.02 * f64::from(n % 7)];
            assert!(aberrated.ratio(place).norm() <= 1.0 + 1e-9);
            assert_eq!(ideal.ratio(place), Complex64::ONE);
        }
        assert_eq!(ideal.ratio([2.0, 0.0]), Complex64::ZERO);
        let blurred = made(&Imaging {
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
