//! Small tilts of the beam and of the specimen.

use crate::error::{Error, Result};
use crate::stem::Beam;
use crate::units::Point;
use std::f64::consts::TAU;

/// A small angle between the beam and an axis: the beam travels towards +y and +x where they are positive.
///
/// A **tilt of the beam** ([`Probe::with_tilt`](crate::stem::Probe::with_tilt)) moves the aperture off the axis of the
/// lens, by θ/λ in k-space; the aberrations stay about that axis. A **tilt of the specimen** does not change the probe
/// ([`Multislice::tilt`](crate::stem::Multislice::tilt)). In a specimen that is laid out along its own axis the wave drifts sideways by tan θ per length: the propagator from
/// one slice to the next, exp(−iπλ Δz k²), gets the factor exp(i·[`Tilt::propagation_phase`]) (J. H. Chen, D. Van Dyck and
/// M. Op de Beeck, Acta Cryst. A53 (1997) 576, doi 10.1107/S0108767397005539, who give it for tilts below some 5°).
///
/// ```
/// use dosewise::stem::{Beam, Tilt};
/// let tilt = Tilt::new(0.0, 10.0)?; // mrad
/// let (_, kx) = tilt.spatial_frequency(Beam::new(80.0)?);
/// assert!((kx - 0.010 / 0.0417572).abs() < 1e-6);
/// // A plane wave of 1/Å turns by 2π × 0.01 rad per Å of depth.
/// assert!((tilt.propagation_phase(0.0, 1.0, 1.0) + 0.0628).abs() < 1e-4);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Tilt {
    y_mrad: f64,
    x_mrad: f64,
}

impl Tilt {
    /// A tilt by `y_mrad` and `x_mrad`, mrad.
    ///
    /// # Errors
    /// [`Error::Argument`] when either is not within ±100 mrad.
    pub fn new(y_mrad: f64, x_mrad: f64) -> Result<Self> {
        for (name, angle) in [("y_mrad", y_mrad), ("x_mrad", x_mrad)] {
            if !(-100.0..=100.0).contains(&angle) {
                return Err(Error::argument(name, angle, "a tilt within ±100 mrad"));
            }
        }
        Ok(Self { y_mrad, x_mrad })
    }

    /// Towards +y, mrad.
    pub fn y_mrad(self) -> f64 {
        self.y_mrad
    }

    /// Towards +x, mrad.
    pub fn x_mrad(self) -> f64 {
        self.x_mrad
    }

    /// The spatial frequency (ky, kx) = θ/λ of a plane wave along the tilted beam, 1/Å.
    pub fn spatial_frequency(self, beam: Beam) -> (f64, f64) {
        (
            beam.spatial_frequency(self.y_mrad),
            beam.spatial_frequency(self.x_mrad),
        )
    }

    /// Δz (tan θ_y, tan θ_x), Å: how far the wave drifts in a tilted specimen on its way over `distance` Δz in Å.
    pub fn drift(self, distance: f64) -> Point {
        let along = |mrad: f64| distance * (1e-3 * mrad).tan();
        Point::new(along(self.y_mrad), along(self.x_mrad))
    }

    /// −2π Δz (k_y tan θ_y + k_x tan θ_x), rad: what the tilt of a specimen adds to the phase of the plane wave (`ky`, `kx`)
    /// in 1/Å on its way over `distance` Δz in Å. A sum of a term in ky and one in kx, as the propagator's own phase.
    pub fn propagation_phase(self, ky: f64, kx: f64, distance: f64) -> f64 {
        let drift = self.drift(distance);
        -TAU * (ky * drift.y + kx * drift.x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    #[test]
    fn a_tilted_specimen_is_a_tilted_wave_seen_along_it() {
        // ψ = exp(2πi k_t·r) φ: free space gives φ the phase −πλΔz |k + k_t|², up to one that all plane waves share.
        let beam = Beam::new(200.0).unwrap();
        let tilt = Tilt::new(-3.0, 2.0).unwrap();
        let (ty, tx) = tilt.spatial_frequency(beam);
        let (wavelength, distance) = (beam.wavelength(), 200.0);
        let free = |ky: f64, kx: f64| -PI * wavelength * distance * (ky * ky + kx * kx);
        for (ky, kx) in [(0.3, 0.0), (0.0, -0.8), (0.5, 0.5)] {
            let tilted = free(ky + ty, kx + tx) - free(ty, tx);
            let found = free(ky, kx) + tilt.propagation_phase(ky, kx, distance);
            assert!((tilted - found).abs() < 1e-4, "{tilted} {found}"); // tan θ for θ
        }
    }

    #[test]
    fn tilts_that_are_not_small_are_refused_by_name() {
        for bad in [f64::NAN, f64::INFINITY, -100.1] {
            assert!(
                Tilt::new(bad, 0.0)
                    .unwrap_err()
                    .to_string()
                    .contains("y_mrad")
            );
            assert!(
                Tilt::new(0.0, bad)
                    .unwrap_err()
                    .to_string()
                    .contains("x_mrad")
            );
        }
    }
}
