//! Knock-on damage: atoms driven out of their sites by elastic collisions with beam electrons.

use super::Beam;
use super::constants::{
    ATOMIC_MASS_ENERGY, CLASSICAL_ELECTRON_RADIUS, ELECTRON_REST_ENERGY, FINE_STRUCTURE,
    SPEED_OF_LIGHT,
};
use super::element::Element;
use super::quadrature::gauss_legendre_panels;
use super::thermal_motion::{ThermalMotion, bisect};
use crate::{Error, Result};
use std::f64::consts::PI;

/// The velocity distribution is cut here, in rms velocities; beyond lies less than 1e-17 of it.
const VELOCITY_CUT: f64 = 8.5;

/// The cross-section of an event: times a dose in e⁻/Å² it is the expected number of events per atom.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct CrossSection {
    square_angstrom: f64,
}

impl CrossSection {
    /// In Å².
    pub fn square_angstrom(self) -> f64 {
        self.square_angstrom
    }

    /// In barn; 1 barn = 1e-8 Å².
    pub fn barn(self) -> f64 {
        1e8 * self.square_angstrom
    }
}

/// Knock-on displacement of one element that leaves its site when it receives the displacement energy.
///
/// The cross-section is that of McKinley and Feshbach (Phys. Rev. 74 (1948) 1759, doi 10.1103/PhysRev.74.1759) for
/// all collisions that transfer more than the displacement energy; the binomial expansion of Mott scattering behind it
/// is meant for light atoms (Z below about 40).
///
/// ```
/// use dosewise::stem::{Beam, KnockOn};
/// let sulfur = KnockOn::new("S".parse()?, 6.9)?; // MoS2
/// assert_eq!(sulfur.cross_section(Beam::new(80.0)?).barn(), 0.0); // static atoms are safe at 80 kV
/// assert!((sulfur.cross_section(Beam::new(200.0)?).barn() - 143.0).abs() < 0.5);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KnockOn {
    element: Element,
    displacement_energy: f64,
}

impl KnockOn {
    /// An element with its displacement energy E_d in eV.
    ///
    /// # Errors
    /// [`Error::Argument`] unless `displacement_energy` is within 0.1..=1000 eV.
    pub fn new(element: Element, displacement_energy: f64) -> Result<Self> {
        if !(0.1..=1e3).contains(&displacement_energy) {
            return Err(Error::argument(
                "displacement_energy",
                displacement_energy,
                "a displacement energy of 0.1..=1000 eV",
            ));
        }
        Ok(Self {
            element,
            displacement_energy,
        })
    }

    /// The element that is displaced.
    pub fn element(&self) -> Element {
        self.element
    }

    /// Displacement energy E_d, eV.
    pub fn displacement_energy(&self) -> f64 {
        self.displacement_energy
    }

    /// Largest energy that an electron passes to an atom at rest, E_max = 2E(E + 2mc²)/(Mc²), eV; terms of order
    /// m/M are left out.
    pub fn max_transfer(&self, beam: Beam) -> f64 {
        self.max_transfer_moving(beam, 0.0)
    }

    /// Largest energy (eV) of an atom after a head-on collision when it moves at `velocity` (m/s) along the beam
    /// beforehand.
    ///
    /// E_max(v) = (p c + t + M v c)²/(2Mc²) with p c = √(E(E + 2mc²)), t = √((E + Eₙ)(E + Eₙ + 2mc²)), Eₙ = Mv²/2:
    /// the electron turns round and keeps its energy but for Eₙ. An atom that still moves against the beam after the
    /// collision counts as 0. NaN for NaN.
    ///
    /// Source: J. C. Meyer et al., Phys. Rev. Lett. 108 (2012) 196102, arXiv 1203.2372.
    pub fn max_transfer_moving(&self, beam: Beam, velocity: f64) -> f64 {
        let rest_energy = self.element.mass() * ATOMIC_MASS_ENERGY;
        let energy = beam.energy_ev();
        let speed = velocity / SPEED_OF_LIGHT;
        let kinetic = 0.5 * rest_energy * speed * speed;
        let momentum = |e: f64| (e * (e + 2.0 * ELECTRON_REST_ENERGY)).sqrt();
        let total = momentum(energy) + momentum(energy + kinetic) + rest_energy * speed;
        if total <= 0.0 {
            return 0.0;
        }
        total * total / (2.0 * rest_energy)
    }

    /// Displacement cross-section of an atom at rest; zero when E_max ≤ E_d.
    ///
    /// σ = 4π (Z E_R a₀/mc²)² (1 − β²)/β⁴ · [1/x − 1 − β² ln(1/x) + π α Z β (2(x^{−1/2} − 1) − ln(1/x))] with
    /// x = E_d/E_max; E_R a₀/mc² is half the classical electron radius.
    pub fn cross_section(&self, beam: Beam) -> CrossSection {
        CrossSection {
            square_angstrom: self.mckinley_feshbach(beam, self.max_transfer(beam)),
        }
    }

    /// Displacement cross-section averaged over the thermal velocities along the beam,
    /// ∫ N(v; 0, ⟨v²⟩) σ(E_max(v)) dv: positive even below the static threshold.
    ///
    /// Motion across the beam is left out, as in Meyer et al. (2012).
    ///
    /// # Errors
    /// [`Error::Argument`] if `motion` belongs to another element.
    pub fn thermal_cross_section(&self, beam: Beam, motion: ThermalMotion) -> Result<CrossSection> {
        if motion.element() != self.element {
            return Err(Error::argument(
                "motion",
                format!("the motion of {}", motion.element()),
                format!("the motion of {}", self.element),
            ));
        }
        let rms = motion.rms_velocity();
        let transfer = |s: f64| self.max_transfer_moving(beam, s * rms);
        if transfer(VELOCITY_CUT) <= self.displacement_energy {
            return Ok(CrossSection::default());
        }
        // E_max rises with v, so the integrand starts at one velocity and is smooth from there on
        let below = |s: f64| transfer(s) <= self.displacement_energy;
        let start = if below(-VELOCITY_CUT) {
            bisect(-VELOCITY_CUT, VELOCITY_CUT, below)
        } else {
            -VELOCITY_CUT
        };
        let integral = gauss_legendre_panels(start, VELOCITY_CUT, 0.5, |s| {
            (-0.5 * s * s).exp() * self.mckinley_feshbach(beam, transfer(s))
        });
        Ok(CrossSection {
            square_angstrom: integral / (2.0 * PI).sqrt(),
        })
    }

    /// The McKinley-Feshbach formula in Å² for a given largest transfer (eV).
    fn mckinley_feshbach(&self, beam: Beam, max_transfer: f64) -> f64 {
        if max_transfer <= self.displacement_energy {
            return 0.0;
        }
        let inverse = max_transfer / self.displacement_energy;
        let log = inverse.ln();
        let beta = beam.beta();
        let atomic_number = f64::from(self.element.atomic_number());
        let length = 0.5 * atomic_number * CLASSICAL_ELECTRON_RADIUS;
        let spin = PI * FINE_STRUCTURE * atomic_number * beta;
        let bracket =
            inverse - 1.0 - beta * beta * log + spin * (2.0 * (inverse.sqrt() - 1.0) - log);
        4.0 * PI * length * length / (beam.gamma() * beta * beta).powi(2) * bracket
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sulfur() -> KnockOn {
        KnockOn::new("S".parse().unwrap(), 6.9).unwrap()
    }

    fn beam(energy: f64) -> Beam {
        Beam::new(energy).unwrap()
    }

    #[test]
    fn moving_atoms_receive_more_along_the_beam_and_less_against_it() {
        let beam = beam(80.0);
        let mut last = 0.0;
        for step in -20..=20 {
            let found = sulfur().max_transfer_moving(beam, 100.0 * f64::from(step));
            assert!(found > last, "rises with the velocity");
            last = found;
        }
        assert_eq!(sulfur().max_transfer_moving(beam, -1e5), 0.0);
    }

    #[test]
    fn transfer_conserves_energy_and_momentum() {
        // solve the head-on collision without approximation: the electron's new momentum q (times c, eV) backwards
        let rest = sulfur().element().mass() * ATOMIC_MASS_ENERGY;
        for (energy, velocity) in [(80.0, 0.0), (80.0, 600.0), (300.0, -500.0)] {
            let electron: f64 = beam(energy).energy_ev();
            let total = |q: f64| (q * q + ELECTRON_REST_ENERGY.powi(2)).sqrt();
            let momentum = (electron * (electron + 2.0 * ELECTRON_REST_ENERGY)).sqrt();
            let start = rest * velocity / SPEED_OF_LIGHT;
            let before = electron + ELECTRON_REST_ENERGY + start * start / (2.0 * rest);
            let atom = |q: f64| (start + momentum + q).powi(2) / (2.0 * rest);
            let q = bisect(0.0, 2.0 * momentum, |q| total(q) + atom(q) < before);
            let found = sulfur().max_transfer_moving(beam(energy), velocity);
            // what is left out is of order m/M
            assert!((found / atom(q) - 1.0).abs() < 2e-4, "{found} {}", atom(q));
        }
    }

    #[test]
    fn motion_opens_the_threshold_and_vanishes_in_the_static_limit() {
        let element = sulfur().element();
        let warm = ThermalMotion::einstein(element, 0.083, 300.0).unwrap();
        let smeared = sulfur().thermal_cross_section(beam(80.0), warm).unwrap();
        assert_eq!(sulfur().cross_section(beam(80.0)).barn(), 0.0);
        assert!(smeared.barn() > 0.0);
        let still = ThermalMotion::classical(element, 0.0).unwrap();
        for energy in [80.0, 200.0] {
            let frozen = sulfur().thermal_cross_section(beam(energy), still).unwrap();
            let fixed = sulfur().cross_section(beam(energy));
            assert!((frozen.barn() - fixed.barn()).abs() < 1e-10 * fixed.barn().max(1.0));
        }
        let cold_beam = sulfur().thermal_cross_section(beam(10.0), warm).unwrap();
        assert_eq!(cold_beam.barn(), 0.0);
    }

    #[test]
    fn impossible_arguments_are_refused_by_name() {
        for energy in [0.0, -6.9, f64::NAN, f64::INFINITY] {
            let error = KnockOn::new("S".parse().unwrap(), energy).unwrap_err();
            assert!(error.to_string().contains("displacement_energy"));
        }
        let other = ThermalMotion::classical("C".parse().unwrap(), 300.0).unwrap();
        let error = sulfur().thermal_cross_section(beam(80.0), other);
        assert!(error.unwrap_err().to_string().contains("motion"));
    }
}
