//! Physical constants, CODATA 2018 (Tiesinga, Mohr, Newell & Taylor, Rev. Mod. Phys. 93 (2021) 025010,
//! doi 10.1103/RevModPhys.93.025010), in SI units unless the name says otherwise.

use std::f64::consts::PI;

/// Planck constant h, J s (exact).
pub const PLANCK: f64 = 6.626_070_15e-34;
/// Speed of light in vacuum c, m/s (exact).
pub const SPEED_OF_LIGHT: f64 = 299_792_458.0;
/// Elementary charge e, C (exact).
pub const ELEMENTARY_CHARGE: f64 = 1.602_176_634e-19;
/// Boltzmann constant k, J/K (exact).
pub const BOLTZMANN: f64 = 1.380_649e-23;
/// Electron mass m, kg.
pub const ELECTRON_MASS: f64 = 9.109_383_701_5e-31;
/// Atomic mass constant u, kg.
pub const ATOMIC_MASS: f64 = 1.660_539_066_60e-27;
/// Fine-structure constant α = e²/(4π ε₀ ħ c), no unit.
pub const FINE_STRUCTURE: f64 = 7.297_352_569_3e-3;
/// Bohr radius a₀, Å.
pub const BOHR_RADIUS: f64 = 0.529_177_210_903;
/// Classical electron radius r_e = α² a₀, Å.
pub const CLASSICAL_ELECTRON_RADIUS: f64 = 2.817_940_326_2e-5;
/// Electron rest energy mc², eV.
pub const ELECTRON_REST_ENERGY: f64 =
    ELECTRON_MASS * SPEED_OF_LIGHT * SPEED_OF_LIGHT / ELEMENTARY_CHARGE;
/// Rest energy of one atomic mass constant uc², eV.
pub const ATOMIC_MASS_ENERGY: f64 =
    ATOMIC_MASS * SPEED_OF_LIGHT * SPEED_OF_LIGHT / ELEMENTARY_CHARGE;
/// h²/(2π m e), V Å²: turns an electron scattering amplitude (Å) into a projected potential (V Å) in reciprocal space.
pub const POTENTIAL: f64 = PLANCK * PLANCK / (2.0 * PI * ELECTRON_MASS * ELEMENTARY_CHARGE) * 1e20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_values_agree_with_the_codata_listing() {
        assert!((ELECTRON_REST_ENERGY / 510_998.950_00 - 1.0).abs() < 1e-9);
        assert!((ATOMIC_MASS_ENERGY / 931_494_102.42 - 1.0).abs() < 1e-9);
        let electron_radius = FINE_STRUCTURE * FINE_STRUCTURE * BOHR_RADIUS;
        assert!((CLASSICAL_ELECTRON_RADIUS / electron_radius - 1.0).abs() < 1e-9);
        // h²/(2π m e) = 2π a₀ × (e²/(4π ε₀ a₀) in volt) × a₀ with e²/(4π ε₀ a₀ e) = α² mc²/e
        let hartree = FINE_STRUCTURE * FINE_STRUCTURE * ELECTRON_REST_ENERGY;
        let potential = 2.0 * PI * BOHR_RADIUS * BOHR_RADIUS * hartree;
        assert!((POTENTIAL / potential - 1.0).abs() < 1e-9);
    }
}
