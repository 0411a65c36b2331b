//! Scattering of the beam by one neutral atom: scattering factor, projected potential, detector cross-section.

use super::Beam;
use super::bessel::k0_and_x_k1;
use super::constants::POTENTIAL;
use super::element::Element;
use super::kirkland::{self, KIRKLAND};
use super::lobato::{self, LOBATO};
use super::quadrature::gauss_legendre_panels;
use crate::{Error, Result};
use std::f64::consts::PI;

/// A published table of the scattering factors of all neutral atoms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Parametrisation {
    /// I. Lobato and D. Van Dyck, Acta Cryst. A70 (2014) 636, doi 10.1107/S205327331401643X; right at all angles.
    #[default]
    Lobato,
    /// E. J. Kirkland, *Advanced Computing in Electron Microscopy*, 3rd ed. 2020, appendix C,
    /// doi 10.1007/978-3-030-33260-0; the older table, for comparison with older work.
    Kirkland,
}

/// The electron scattering factor of one neutral atom.
///
/// f(k) in Å, with the spatial frequency k = 2 sin(θ/2)/λ in 1/Å (λ the wavelength, θ the scattering angle; *not*
/// s = sin(θ/2)/λ of X-ray tables):
/// - Lobato and Van Dyck: f(k) = Σ₅ aᵢ (2 + bᵢ k²)/(1 + bᵢ k²)²,
/// - Kirkland: f(k) = Σ₃ aᵢ/(k² + bᵢ) + Σ₃ cᵢ exp(−dᵢ k²).
///
/// f is the first Born amplitude of an electron at rest mass; the interaction parameter of the [`Beam`] brings in the
/// relativistic mass. Sources: [`Parametrisation`].
///
/// ```
/// use dosewise::stem::{Beam, ScatteringFactor};
/// let molybdenum = ScatteringFactor::lobato("Mo".parse()?);
/// assert!((molybdenum.amplitude(0.0) - 10.854).abs() < 1e-3); // Å
/// let haadf = molybdenum.cross_section(Beam::new(80.0)?, 60.0, 180.0)?;
/// assert!((haadf - 0.0252).abs() < 1e-4); // Å²
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScatteringFactor {
    element: Element,
    terms: Terms,
}

/// The coefficients of one element.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Terms {
    Lobato(lobato::Coefficients),
    Kirkland(kirkland::Coefficients),
}

impl ScatteringFactor {
    /// The factor of `element` in the table of Lobato and Van Dyck.
    pub fn lobato(element: Element) -> Self {
        let terms = Terms::Lobato(LOBATO[usize::from(element.atomic_number()) - 1]);
        Self { element, terms }
    }

    /// The factor of `element` in Kirkland's table.
    pub fn kirkland(element: Element) -> Self {
        let terms = Terms::Kirkland(KIRKLAND[usize::from(element.atomic_number()) - 1]);
        Self { element, terms }
    }

    /// The factor of `element` in the table named.
    pub fn of(element: Element, parametrisation: Parametrisation) -> Self {
        match parametrisation {
            Parametrisation::Lobato => Self::lobato(element),
            Parametrisation::Kirkland => Self::kirkland(element),
        }
    }

    /// The element this factor belongs to.
    pub fn element(&self) -> Element {
        self.element
    }

    /// f(k) in Å at spatial frequency `k` (1/Å); even in `k`, NaN for NaN.
    pub fn amplitude(&self, k: f64) -> f64 {
        let k_squared = k * k;
        match &self.terms {
            Terms::Lobato([a, b]) => (a.iter().zip(b))
                .map(|(a, b)| {
                    // (2 + q)/(1 + q)² written without the square, which overflows before f reaches 0
                    let inverse = 1.0 / (1.0 + b * k_squared);
                    a * inverse * (1.0 + inverse)
                })
                .sum(),
            Terms::Kirkland([a, b, c, d]) => (0..3)
                .map(|i| a[i] / (k_squared + b[i]) + c[i] * (-d[i] * k_squared).exp())
                .sum(),
        }
    }

    /// Projected potential v_z(r) = ∫ V dz in V Å at distance `r` (Å) from the atom's axis.
    ///
    /// It is the two-dimensional Fourier transform of f times C = h²/2πme:
    /// - Lobato and Van Dyck: C Σ₅ aᵢ (π/bᵢ) [2 K₀(xᵢ) + xᵢ K₁(xᵢ)] with xᵢ = 2πr/√bᵢ,
    /// - Kirkland: C π Σ₃ [2 aᵢ K₀(2πr√bᵢ) + (cᵢ/dᵢ) exp(−π²r²/dᵢ)].
    ///
    /// It is even in `r`, rises like −ln r towards the nucleus (`+∞` at 0), and is NaN for NaN.
    pub fn projected_potential(&self, r: f64) -> f64 {
        if r == 0.0 {
            return f64::INFINITY; // every term diverges; their signs differ, the sum is positive
        }
        let sum: f64 = match &self.terms {
            Terms::Lobato([a, b]) => (a.iter().zip(b))
                .map(|(a, b)| {
                    let (k0, x_k1) = k0_and_x_k1(2.0 * PI * r.abs() / b.sqrt());
                    a / b * (2.0 * k0 + x_k1)
                })
                .sum(),
            Terms::Kirkland([a, b, c, d]) => (0..3)
                .map(|i| {
                    let (k0, _) = k0_and_x_k1(2.0 * PI * r.abs() * b[i].sqrt());
                    2.0 * a[i] * k0 + c[i] / d[i] * (-(PI * r).powi(2) / d[i]).exp()
                })
                .sum(),
        };
        POTENTIAL * PI * sum
    }

    /// Cross-section (Å²) for scattering into the annulus from `inner_mrad` to `outer_mrad` in the first Born
    /// approximation.
    ///
    /// ∫ (σ C f(k))² 2πk dk from k = inner/λ to k = outer/λ, with σ the interaction parameter of `beam` and
    /// C = h²/(2πme); angles enter as k = θ/λ. Multiplied by a dose in e⁻/Å² it is the number of electrons one atom
    /// sends to the detector. A static or moving atom gives the same number: thermal motion does not change the
    /// total scattering of a single atom. The first Born approximation asks for a weak phase shift, which heavy
    /// atoms exceed close to the nucleus: hold their cross-sections against a multislice run before relying on them.
    ///
    /// # Errors
    /// [`Error::Argument`] unless 0 ≤ inner < outer ≤ 1000 mrad.
    pub fn cross_section(&self, beam: Beam, inner_mrad: f64, outer_mrad: f64) -> Result<f64> {
        if !(0.0..=1000.0).contains(&outer_mrad) {
            return Err(Error::argument(
                "outer_mrad",
                outer_mrad,
                "a detector angle of 0..=1000 mrad",
            ));
        }
        if !(inner_mrad >= 0.0 && inner_mrad < outer_mrad) {
            return Err(Error::argument(
                "inner_mrad",
                inner_mrad,
                format!("an angle from 0 to below outer_mrad = {outer_mrad}"),
            ));
        }
        let strength = beam.interaction() * POTENTIAL;
        // u = asinh(k/κ) spreads the poles of f evenly, so few panels reach full precision
        let scale = 0.1; // 1/Å, below the width of every term of the table
        let limits = [inner_mrad, outer_mrad].map(|a| (beam.spatial_frequency(a) / scale).asinh());
        let integral = gauss_legendre_panels(limits[0], limits[1], 0.25, |u| {
            let k = scale * u.sinh();
            let f = self.amplitude(k);
            f * f * k * scale * u.cosh()
        });
        Ok(strength * strength * 2.0 * PI * integral)
    }
}

#[cfg(test)]
mod tests {
    use super::super::constants::BOHR_RADIUS;
    use super::*;

    fn factor(symbol: &str) -> ScatteringFactor {
        ScatteringFactor::lobato(symbol.parse().unwrap())
    }

    #[test]
    fn every_element_is_positive_decreasing_and_reaches_the_bethe_mott_limit() {
        for element in Element::all() {
            let factor = ScatteringFactor::lobato(element);
            let mut last = f64::INFINITY;
            for i in 0..=600 {
                let f = factor.amplitude(0.02 * f64::from(i)); // to k = 12 1/Å
                assert!(f > 0.0 && f < last, "{element}");
                last = f;
            }
            // far out the nucleus alone scatters: f k² → Z/(2π² a₀) (Mott-Bethe formula)
            let limit = f64::from(element.atomic_number()) / (2.0 * PI * PI * BOHR_RADIUS);
            let k = 1e5;
            let found = factor.amplitude(k) * k * k;
            assert!((found / limit - 1.0).abs() < 1e-5, "{element}: {found}");
        }
    }

    #[test]
    fn the_two_tables_tell_of_the_same_atoms() {
        // the worst, iridium and polonium, differ by a tenth of f(0); most by less than a twentieth
        let k: Vec<f64> = (0..=120).map(|i| 0.05 * f64::from(i)).collect();
        for element in Element::all() {
            let amplitudes = |factor: ScatteringFactor| k.iter().map(move |k| factor.amplitude(*k));
            let [lobato, kirkland] = [Parametrisation::Lobato, Parametrisation::Kirkland]
                .map(|table| amplitudes(ScatteringFactor::of(element, table)));
            let (mut difference, mut square) = (0.0, 0.0);
            for (a, b) in lobato.zip(kirkland) {
                difference += (a - b) * (a - b);
                square += a * a;
            }
            assert!(difference < 0.0049 * square, "{element}");
        }
    }

    #[test]
    fn projected_potential_is_the_hankel_transform_of_the_scattering_factor() {
        // ∫ v_z 2πr dr = C f(0): integrate the potential over the plane on a logarithmic radius
        let elements = ["C", "S", "Mo", "W"].map(|symbol| symbol.parse().unwrap());
        let tables = [ScatteringFactor::lobato, ScatteringFactor::kirkland];
        for factor in elements.iter().flat_map(|e| tables.map(|table| table(*e))) {
            let integral = gauss_legendre_panels(-25.0, 4.0, 0.25, |log_r| {
                let r = log_r.exp();
                factor.projected_potential(r) * 2.0 * PI * r * r
            });
            let expected = POTENTIAL * factor.amplitude(0.0);
            assert!((integral / expected - 1.0).abs() < 1e-11, "{factor:?}");
        }
    }

    #[test]
    fn projected_potential_is_defined_everywhere() {
        let factor = factor("Au");
        assert_eq!(factor.projected_potential(0.0), f64::INFINITY);
        assert_eq!(factor.projected_potential(f64::INFINITY), 0.0);
        assert!(factor.projected_potential(f64::NAN).is_nan());
        assert!(factor.projected_potential(1e-300).is_finite());
        assert_eq!(
            factor.projected_potential(-0.3),
            factor.projected_potential(0.3)
        );
        assert_eq!(factor.amplitude(1e200), 0.0);
    }

    #[test]
    fn cross_sections_add_up_over_adjacent_annuli() {
        let beam = Beam::new(80.0).unwrap();
        let factor = factor("Mo");
        let part = |inner, outer| factor.cross_section(beam, inner, outer).unwrap();
        let sum = part(0.0, 20.0) + part(20.0, 60.0) + part(60.0, 180.0);
        assert!((sum / part(0.0, 180.0) - 1.0).abs() < 1e-13);
    }

    #[test]
    fn impossible_annuli_are_refused() {
        let beam = Beam::new(80.0).unwrap();
        for (inner, outer) in [
            (60.0, 60.0),
            (-1.0, 60.0),
            (f64::NAN, 60.0),
            (0.0, f64::NAN),
            (0.0, 1001.0),
            (80.0, 60.0),
        ] {
            assert!(factor("S").cross_section(beam, inner, outer).is_err());
        }
    }
}
