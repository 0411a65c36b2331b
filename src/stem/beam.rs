//! The electron beam: wavelength, speed and strength of interaction from the acceleration voltage.

use super::constants::{
    ELECTRON_MASS, ELECTRON_REST_ENERGY, ELEMENTARY_CHARGE, PLANCK, SPEED_OF_LIGHT,
};
use crate::{Error, Result};
use std::f64::consts::PI;

/// An electron beam of one kinetic energy, with the relativistic quantities that follow from it.
///
/// ```
/// use dosewise::stem::Beam;
/// let beam = Beam::new(80.0)?;
/// assert!((beam.wavelength() - 0.0417572).abs() < 1e-7); // Å
/// assert!((beam.beta() - 0.50240).abs() < 1e-5);
/// assert!(Beam::new(f64::NAN).is_err());
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Beam {
    energy_kev: f64,
}

impl Beam {
    /// Lowest kinetic energy accepted, keV.
    pub const MIN_ENERGY_KEV: f64 = 1.0;
    /// Highest kinetic energy accepted, keV.
    pub const MAX_ENERGY_KEV: f64 = 1000.0;

    /// A beam of electrons with kinetic energy `energy_kev` (keV; equal to the acceleration voltage in kV).
    ///
    /// # Errors
    /// [`Error::Argument`] unless `energy_kev` is a number within 1..=1000.
    pub fn new(energy_kev: f64) -> Result<Self> {
        if !(Self::MIN_ENERGY_KEV..=Self::MAX_ENERGY_KEV).contains(&energy_kev) {
            return Err(Error::argument(
                "energy_kev",
                energy_kev,
                "an electron energy of 1..=1000 keV",
            ));
        }
        Ok(Self { energy_kev })
    }

    /// Kinetic energy E, keV.
    pub fn energy_kev(self) -> f64 {
        self.energy_kev
    }

    /// Kinetic energy E, eV.
    pub fn energy_ev(self) -> f64 {
        1e3 * self.energy_kev
    }

    /// Wavelength λ = hc/√(E(E + 2mc²)), Å.
    pub fn wavelength(self) -> f64 {
        let energy = self.energy_ev();
        let momentum_times_c = (energy * (energy + 2.0 * ELECTRON_REST_ENERGY)).sqrt(); // eV
        PLANCK * SPEED_OF_LIGHT / (ELEMENTARY_CHARGE * momentum_times_c) * 1e10
    }

    /// Lorentz factor γ = 1 + E/mc², no unit.
    pub fn gamma(self) -> f64 {
        1.0 + self.energy_ev() / ELECTRON_REST_ENERGY
    }

    /// Speed over the speed of light, β = √(1 − 1/γ²), no unit.
    pub fn beta(self) -> f64 {
        // √(E(E + 2mc²))/(E + mc²) is the same number without the cancellation in 1 − 1/γ²
        let energy = self.energy_ev();
        (energy * (energy + 2.0 * ELECTRON_REST_ENERGY)).sqrt() / (energy + ELECTRON_REST_ENERGY)
    }

    /// Interaction parameter σ = 2π γ m e λ/h², rad/(V Å): a projected potential V (V Å) shifts the phase by σV.
    ///
    /// Source: E. J. Kirkland, Advanced Computing in Electron Microscopy, 3rd ed., doi 10.1007/978-3-030-33260-0.
    pub fn interaction(self) -> f64 {
        let mass = self.gamma() * ELECTRON_MASS;
        let wavelength = self.wavelength() * 1e-10; // m
        2.0 * PI * mass * ELEMENTARY_CHARGE * wavelength / (PLANCK * PLANCK) * 1e-10
    }

    /// Spatial frequency k = θ/λ (1/Å) of a scattering angle θ (mrad), the small-angle convention of multislice work.
    pub fn spatial_frequency(self, angle_mrad: f64) -> f64 {
        1e-3 * angle_mrad / self.wavelength()
    }
}

impl std::fmt::Display for Beam {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} keV", self.energy_kev)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energies_outside_the_range_are_refused_by_name() {
        for energy in [0.0, -80.0, 0.999, 1000.1, f64::NAN, f64::INFINITY] {
            let message = Beam::new(energy).unwrap_err().to_string();
            assert!(message.contains("energy_kev"), "{message}");
            assert!(message.contains("1..=1000"), "{message}");
        }
        assert!(Beam::new(1.0).is_ok() && Beam::new(1000.0).is_ok());
    }

    #[test]
    fn beta_and_gamma_are_consistent() {
        for energy in [1.0, 30.0, 300.0, 1000.0] {
            let beam = Beam::new(energy).unwrap();
            let beta_squared = beam.beta() * beam.beta();
            assert!((beam.gamma().powi(2) * (1.0 - beta_squared) - 1.0).abs() < 1e-13);
        }
    }

    #[test]
    fn spatial_frequency_of_one_wavelength_per_radian() {
        let beam = Beam::new(200.0).unwrap();
        assert!((beam.spatial_frequency(1e3) * beam.wavelength() - 1.0).abs() < 1e-15);
    }
}
