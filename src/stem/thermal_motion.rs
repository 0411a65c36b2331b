//! How fast the atoms of a crystal move along the beam because they vibrate.

use super::constants::{ATOMIC_MASS, BOLTZMANN, PLANCK};
use super::element::Element;
use super::quadrature::gauss_legendre_panels;
use crate::{Error, Result};
use std::f64::consts::PI;

/// Reduced Planck constant ħ, J s.
const REDUCED_PLANCK: f64 = PLANCK / (2.0 * PI);

/// Gaussian thermal motion of one element along one direction, described by its mean-square velocity ⟨v²⟩.
///
/// In the harmonic approximation the velocity along the beam is normally distributed with variance ⟨v²⟩ at every
/// temperature, zero-point motion included. The constructors are three models of ⟨v²⟩.
///
/// ```
/// use dosewise::stem::ThermalMotion;
/// let sulfur = ThermalMotion::einstein("S".parse()?, 0.083, 300.0)?;
/// let classical = ThermalMotion::classical("S".parse()?, 300.0)?;
/// assert!(sulfur.rms_velocity() > classical.rms_velocity()); // the quantum oscillator keeps its zero-point motion
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ThermalMotion {
    element: Element,
    mean_square_velocity: f64,
}

impl ThermalMotion {
    /// Equipartition, ⟨v²⟩ = kT/M: right well above the vibration temperature, zero at T = 0.
    ///
    /// # Errors
    /// [`Error::Argument`] unless `temperature` is within 0..=5000 K.
    pub fn classical(element: Element, temperature: f64) -> Result<Self> {
        check_temperature(temperature)?;
        Ok(Self {
            element,
            mean_square_velocity: BOLTZMANN * temperature / mass(element),
        })
    }

    /// One quantum oscillator (Einstein) whose frequency ω follows from the rms displacement u along one direction:
    /// u² = ħ/(2Mω) coth(ħω/2kT), then ⟨v²⟩ = ω² u². At T = 0, ω = ħ/(2Mu²).
    ///
    /// `rms_displacement` in Å (as in [`super::Site::rms_displacement`]), `temperature` in K.
    ///
    /// # Errors
    /// [`Error::Argument`] unless u is within 0.005..=1 Å and the temperature within 0..=5000 K.
    pub fn einstein(element: Element, rms_displacement: f64, temperature: f64) -> Result<Self> {
        check_temperature(temperature)?;
        if !(0.005..=1.0).contains(&rms_displacement) {
            return Err(Error::argument(
                "rms_displacement",
                rms_displacement,
                "a thermal displacement of 0.005..=1 Å",
            ));
        }
        let mass = mass(element);
        let mean_square = (1e-10 * rms_displacement).powi(2); // m²
        // With z = ħω/2kT and r = (ħ/2M)/(2kT u²/ħ) the condition reads z tanh z = r, and z tanh z rises with z
        let ground_frequency = REDUCED_PLANCK / (2.0 * mass * mean_square);
        let thermal_frequency = 2.0 * BOLTZMANN * temperature / REDUCED_PLANCK;
        let ratio = ground_frequency / thermal_frequency; // +∞ at T = 0
        let frequency = if ratio > 1e3 {
            ground_frequency // tanh z = 1 to the last bit
        } else {
            let rises = |z: f64| z * z.tanh() < ratio;
            // z tanh z ≥ z − 1 and ≥ z²/(1 + z) bound the root
            thermal_frequency * bisect(0.0, ratio + ratio.sqrt() + 1.0, rises)
        };
        Ok(Self {
            element,
            mean_square_velocity: frequency * frequency * mean_square,
        })
    }

    /// The Debye solid, ⟨v²⟩ = (3kΘ/M) [1/8 + (T/Θ)⁴ ∫₀^{Θ/T} x³/(eˣ − 1) dx], the same along each direction.
    ///
    /// `debye_temperature` Θ and `temperature` in K. A layered material vibrates differently along and across its
    /// layers: take the Θ of the direction of the beam.
    ///
    /// # Errors
    /// [`Error::Argument`] unless Θ is within 1..=10000 K and the temperature within 0..=5000 K.
    pub fn debye(element: Element, debye_temperature: f64, temperature: f64) -> Result<Self> {
        check_temperature(temperature)?;
        if !(1.0..=1e4).contains(&debye_temperature) {
            return Err(Error::argument(
                "debye_temperature",
                debye_temperature,
                "a Debye temperature of 1..=10000 K",
            ));
        }
        let reduced = temperature / debye_temperature;
        // beyond x = 60 the integrand is below 1e-20 of the whole
        let upper = (1.0 / reduced).min(60.0);
        let integral = gauss_legendre_panels(0.0, upper, 1.0, |x| x.powi(3) / x.exp_m1());
        let zero_point_and_thermal = 0.125 + reduced.powi(4) * integral;
        Ok(Self {
            element,
            mean_square_velocity: 3.0 * BOLTZMANN * debye_temperature / mass(element)
                * zero_point_and_thermal,
        })
    }

    /// The moving element.
    pub fn element(&self) -> Element {
        self.element
    }

    /// Root-mean-square velocity along one direction, √⟨v²⟩, m/s.
    pub fn rms_velocity(&self) -> f64 {
        self.mean_square_velocity.sqrt()
    }
}

fn mass(element: Element) -> f64 {
    element.mass() * ATOMIC_MASS
}

fn check_temperature(temperature: f64) -> Result<()> {
    if (0.0..=5000.0).contains(&temperature) {
        return Ok(());
    }
    Err(Error::argument(
        "temperature",
        temperature,
        "a temperature of 0..=5000 K",
    ))
}

/// The point between `low` and `high` where `below` turns from true to false, to the last bits.
pub(crate) fn bisect(mut low: f64, mut high: f64, below: impl Fn(f64) -> bool) -> f64 {
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return middle;
        }
        if below(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(symbol: &str) -> Element {
        symbol.parse().unwrap()
    }

    #[test]
    fn einstein_displacement_is_recovered_from_the_frequency() {
        for (symbol, u, temperature) in [
            ("S", 0.083, 300.0),
            ("Mo", 0.075, 300.0),
            ("C", 0.04, 77.0),
            ("C", 0.06, 1e-3),
            ("U", 0.9, 4000.0),
        ] {
            let motion = ThermalMotion::einstein(element(symbol), u, temperature).unwrap();
            let mass = mass(element(symbol));
            let frequency = motion.rms_velocity() / (1e-10 * u);
            let half = REDUCED_PLANCK * frequency / (2.0 * BOLTZMANN * temperature);
            let found = REDUCED_PLANCK / (2.0 * mass * frequency) / half.tanh();
            assert!((found / (1e-20 * u * u) - 1.0).abs() < 1e-12, "{symbol}");
        }
    }

    #[test]
    fn ground_state_has_half_a_quantum() {
        let u = 0.05;
        let motion = ThermalMotion::einstein(element("C"), u, 0.0).unwrap();
        let momentum = mass(element("C")) * motion.rms_velocity();
        // the ground state saturates Heisenberg's bound u p = ħ/2
        assert!((momentum * 1e-10 * u / (0.5 * REDUCED_PLANCK) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn all_models_meet_the_classical_limit() {
        let silicon = element("Si");
        let classical = ThermalMotion::classical(silicon, 4000.0).unwrap();
        let debye = ThermalMotion::debye(silicon, 100.0, 4000.0).unwrap();
        let einstein = ThermalMotion::einstein(silicon, 0.8, 4000.0).unwrap();
        for motion in [debye, einstein] {
            assert!((motion.rms_velocity() / classical.rms_velocity() - 1.0).abs() < 1e-4);
        }
    }

    #[test]
    fn debye_zero_point_velocity() {
        let cold = ThermalMotion::debye(element("C"), 1000.0, 0.0).unwrap();
        let expected = 0.375 * BOLTZMANN * 1000.0 / mass(element("C"));
        assert!((cold.rms_velocity().powi(2) / expected - 1.0).abs() < 1e-13);
        // low temperatures add the T⁴ law with the integral π⁴/15
        let warm = ThermalMotion::debye(element("C"), 1000.0, 20.0).unwrap();
        let expected = expected * (1.0 + 8.0 * 0.02f64.powi(4) * PI.powi(4) / 15.0);
        assert!((warm.rms_velocity().powi(2) / expected - 1.0).abs() < 1e-12);
    }

    #[test]
    fn impossible_arguments_are_refused_by_name() {
        let carbon = element("C");
        let message = |result: Result<ThermalMotion>| result.unwrap_err().to_string();
        assert!(message(ThermalMotion::classical(carbon, -1.0)).contains("temperature"));
        assert!(message(ThermalMotion::classical(carbon, f64::NAN)).contains("temperature"));
        assert!(message(ThermalMotion::einstein(carbon, 0.0, 300.0)).contains("rms_displacement"));
        assert!(message(ThermalMotion::debye(carbon, 0.0, 300.0)).contains("debye_temperature"));
    }
}
