//! How far out a lens is good: where its phase stays flat, and the defocus that balances spherical aberration.

use super::Aberrations;
use crate::error::{Error, Result};
use crate::stem::{Beam, Probe};
use std::f64::consts::TAU;

/// Directions in which the phase is followed outwards.
const AZIMUTHS: usize = 720;
/// Steps along a direction, per angle up to which the phase is certain to stay flat.
const STEPS: f64 = 64.0;
/// Halvings of an interval, enough for every digit of an `f64`.
const HALVINGS: usize = 60;

impl Aberrations {
    /// The semi-angle in mrad up to which |χ| ≤ π/4 in all directions, to 1e-4 of itself; `None` when that holds beyond
    /// [`Probe::MAX_SEMIANGLE_MRAD`](crate::stem::Probe::MAX_SEMIANGLE_MRAD).
    ///
    /// A phase that strays by ±π/4 at most keeps all waves within a quarter of a wavelength of one another, Rayleigh's rule
    /// for an aperture that diffraction still limits (M. Born and E. Wolf, *Principles of Optics*, 7th ed. 1999, section 9.3).
    pub fn flat_semiangle(&self, beam: Beam) -> Option<f64> {
        // |χ| ≤ π/4 is |Σ c_n θ^(n+1)| ≤ λ/8
        let limit = beam.wavelength() / 8.0;
        let largest = 1e-3 * Probe::MAX_SEMIANGLE_MRAD;
        let smallest = (0..AZIMUTHS).fold(largest, |smallest, index| {
            let azimuth = TAU * index as f64 / AZIMUTHS as f64;
            self.along(azimuth).reaches(limit, smallest)
        });
        (smallest < largest).then_some(1e3 * smallest)
    }

    fn along(&self, azimuth: f64) -> Radial {
        let mut coefficients = [0.0; 5];
        for term in self.terms() {
            coefficients[term.order as usize - 1] += term.magnitude / f64::from(term.order + 1)
                * (f64::from(term.symmetry) * (azimuth - term.angle)).cos();
        }
        Radial(coefficients)
    }
}

/// χλ/2π along one direction: Σ c_n θ^(n+1), n = 1..5.
struct Radial([f64; 5]);

impl Radial {
    fn at(&self, angle: f64) -> f64 {
        angle * angle * self.0.iter().rev().fold(0.0, |sum, c| sum * angle + c)
    }

    /// The first angle at which the magnitude exceeds `limit`, or `end` if that comes before.
    fn reaches(&self, limit: f64, end: f64) -> f64 {
        // Up to here no balance between the terms is needed; and a polynomial of this degree cannot stay small for more
        // than some hundred times as far, so that the search below is short.
        let bound = Self(self.0.map(f64::abs));
        if bound.at(end) <= limit {
            return end;
        }
        let certain = bisect(0.0, end, |angle| bound.at(angle) > limit);
        let step = certain / STEPS;
        let mut inside = certain;
        while inside < end {
            let outside = (inside + step).min(end);
            if self.at(outside).abs() > limit {
                return bisect(inside, outside, |angle| self.at(angle).abs() > limit);
            }
            inside = outside;
        }
        end
    }
}

/// Where `beyond` turns true between `inside`, where it is false, and `outside`, where it is true.
fn bisect(mut inside: f64, mut outside: f64, beyond: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..HALVINGS {
        let middle = 0.5 * (inside + outside);
        if beyond(middle) {
            outside = middle;
        } else {
            inside = middle;
        }
    }
    inside
}

/// Scherzer's defocus as a C10 in Å for the spherical aberration `c30` in Å: C10 = −sign(C30) √(3/2 |C30| λ).
///
/// The phase then dips to −3π/4 (for C30 > 0) and is back at 0 at the semi-angle (6λ/|C30|)^¼: the choice for phase
/// contrast (O. Scherzer, J. Appl. Phys. 20 (1949) 20, doi 10.1063/1.1698233, in the extended form of
/// E. J. Kirkland, *Advanced Computing in Electron Microscopy*, 3rd ed. 2020, doi 10.1007/978-3-030-33260-0).
///
/// ```
/// use dosewise::stem::{Beam, scherzer_defocus};
/// let c10 = scherzer_defocus(1.3e7, Beam::new(200.0)?)?; // C30 = 1.3 mm
/// assert!((c10 + 699.3).abs() < 0.1);
/// # Ok::<(), dosewise::Error>(())
/// ```
///
/// # Errors
/// [`Error::Argument`] when `c30` is not within ±1e10 Å.
pub fn scherzer_defocus(c30: f64, beam: Beam) -> Result<f64> {
    if c30.is_nan() || c30.abs() > 1e10 {
        return Err(Error::argument("c30", c30, "a length within ±1e10 Å"));
    }
    Ok(-c30.signum() * (1.5 * c30.abs() * beam.wavelength()).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::{FRAC_PI_4, PI};

    fn flat(text: &str, beam: Beam) -> Option<f64> {
        text.parse::<Aberrations>().unwrap().flat_semiangle(beam)
    }

    #[test]
    fn one_term_alone_has_a_closed_form() {
        let beam = Beam::new(80.0).unwrap();
        let wavelength = beam.wavelength();
        for (text, order, magnitude) in [
            ("C10=50", 1, 50.0),
            ("C10=-50", 1, 50.0),
            ("C12=50@1.234", 1, 50.0),
            ("C23=300@0.77", 2, 300.0),
            ("C30=-1e7", 3, 1e7),
            ("C45=2e5@-0.1", 4, 2e5),
            ("C56=1e7@0.0021", 5, 1e7),
            ("C56=1e10@0.0021", 5, 1e10),
        ] {
            // 2π/λ C/(n+1) θ^(n+1) = π/4
            let power = f64::from(order + 1);
            let expected: f64 = 1e3 * (power * wavelength / (8.0 * magnitude)).powf(1.0 / power);
            let found = flat(text, beam).unwrap();
            assert!(
                (found / expected - 1.0).abs() < 1e-4,
                "{text}: {found} {expected}"
            );
            assert!(found > expected * (1.0 - 1e-12), "{text}");
        }
        assert_eq!(flat("none", beam), None);
        assert_eq!(flat("C10=1e-3", beam), None);
    }

    #[test]
    fn a_balance_of_terms_is_followed_through() {
        let beam = Beam::new(200.0).unwrap();
        let (c30, wavelength) = (1.3e7, beam.wavelength());
        // The dip −π C10²/(2λ C30) is just shallower than π/4, and the phase climbs back through 0 to +π/4.
        let c10 = -(0.499 * c30 * wavelength).sqrt();
        let found = flat(&format!("C10={c10}, C30={c30}"), beam).unwrap() * 1e-3;
        let phase = |t: f64| 2.0 * PI / wavelength * (c10 * t * t / 2.0 + c30 * t.powi(4) / 4.0);
        assert!((phase(found) - FRAC_PI_4).abs() < 1e-9);
        let alone = flat(&format!("C30={c30}"), beam).unwrap() * 1e-3;
        assert!(found > 1.2 * alone, "{found} {alone}");
        // Slightly deeper, and it is the dip that ends it.
        let c10 = -(0.501 * c30 * wavelength).sqrt();
        assert!(flat(&format!("C10={c10}, C30={c30}"), beam).unwrap() * 1e-3 < 0.8 * found);
    }

    #[test]
    fn scherzer_returns_to_zero_where_it_should() {
        let beam = Beam::new(300.0).unwrap();
        for c30 in [1e7, -1.2e7] {
            let c10 = scherzer_defocus(c30, beam).unwrap();
            let lens: Aberrations = format!("C10={c10}, C30={c30}").parse().unwrap();
            let phase = |angle: f64| lens.phase(0.0, angle / beam.wavelength(), beam.wavelength());
            let zero = (6.0 * beam.wavelength() / c30.abs()).powf(0.25);
            assert!(phase(zero).abs() < 1e-9);
            let deepest = phase((-c10 / c30).sqrt());
            assert!((deepest + c30.signum() * 0.75 * PI).abs() < 1e-9);
        }
        assert_eq!(scherzer_defocus(0.0, beam).unwrap(), 0.0);
        assert!(scherzer_defocus(f64::NAN, beam).is_err());
        assert!(scherzer_defocus(f64::INFINITY, beam).is_err());
    }
}
