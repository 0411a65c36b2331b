//! Current, dwell time and step of a scan, and the dose they make.

use crate::stem::Raster;
use crate::stem::constants::ELEMENTARY_CHARGE;
use crate::units::Dose;
use crate::{Error, Result};

/// How many electrons a probe position is given.
///
/// ```
/// use dosewise::stem::{Exposure, Raster};
/// let raster = Raster::over(Default::default(), 20.0, 20.0, 0.2)?;
/// let exposure = Exposure::beam(20.0, 4.0)?; // 20 pA, 4 µs
/// assert!((exposure.electrons() - 499.3).abs() < 0.05);
/// assert!((exposure.dose(&raster).0 - 1.248e4).abs() < 5.0); // e⁻/Å², steps of 0.2 Å
/// let same = Exposure::dosed(exposure.dose(&raster), &raster)?;
/// assert!((same.dwell_us(20.0)? - 4.0).abs() < 1e-12);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exposure {
    electrons: f64,
}

impl Exposure {
    /// Most electrons of one position.
    pub const MAX_ELECTRONS: f64 = 1e12;

    /// So many electrons a position.
    ///
    /// # Errors
    /// [`Error::Argument`] unless they are within 0 to 10¹².
    pub fn electrons_each(electrons: f64) -> Result<Self> {
        if !(0.0..=Self::MAX_ELECTRONS).contains(&electrons) {
            let rule = "0 to 1e12 electrons a position";
            return Err(Error::argument("electrons", electrons, rule));
        }
        Ok(Self { electrons })
    }

    /// A beam of `current_pa` (pA) that stays for `dwell_us` (µs): N = Iτ/e, 6.2415 electrons per pA µs.
    ///
    /// # Errors
    /// [`Error::Argument`] unless both are finite and not negative, and as [`Exposure::electrons_each`].
    pub fn beam(current_pa: f64, dwell_us: f64) -> Result<Self> {
        check("current_pa", current_pa)?;
        check("dwell_us", dwell_us)?;
        Self::electrons_each(current_pa * dwell_us * ELECTRONS_PER_PICOAMPERE_MICROSECOND)
    }

    /// What a dose gives each position of a raster, which stands for the area of its step.
    ///
    /// # Errors
    /// [`Error::Argument`] unless the dose is finite and not negative, and as [`Exposure::electrons_each`].
    pub fn dosed(dose: Dose, raster: &Raster) -> Result<Self> {
        check("dose", dose.0)?;
        Self::electrons_each(dose.electrons(raster.step_y() * raster.step_x()))
    }

    /// Electrons a position.
    pub fn electrons(self) -> f64 {
        self.electrons
    }

    /// The dose of a raster, e⁻/Å².
    pub fn dose(self, raster: &Raster) -> Dose {
        Dose(self.electrons / (raster.step_y() * raster.step_x()))
    }

    /// How long a beam of `current_pa` (pA) stays for it, µs.
    ///
    /// # Errors
    /// [`Error::Argument`] for a current that is not positive and finite.
    pub fn dwell_us(self, current_pa: f64) -> Result<f64> {
        if !(current_pa > 0.0 && current_pa.is_finite()) {
            let rule = "a positive current, pA";
            return Err(Error::argument("current_pa", current_pa, rule));
        }
        Ok(self.electrons / (current_pa * ELECTRONS_PER_PICOAMPERE_MICROSECOND))
    }
}

/// 10⁻¹² A × 10⁻⁶ s / e.
const ELECTRONS_PER_PICOAMPERE_MICROSECOND: f64 = 1e-18 / ELEMENTARY_CHARGE;

fn check(name: &str, value: f64) -> Result<()> {
    if value >= 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(Error::argument(name, value, "a finite number from 0 on"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picoampere_microsecond_is_six_electrons() {
        let electrons = Exposure::beam(1.0, 1.0).unwrap().electrons();
        assert!((electrons - 6.241_509_074).abs() < 1e-9);
        let typical = Exposure::beam(50.0, 20.0).unwrap().electrons();
        assert!((typical - 6241.5).abs() < 0.1);
    }

    #[test]
    fn impossible_exposures_are_refused_by_name() {
        for bad in [f64::NAN, -1.0, f64::INFINITY] {
            let named = |result: Result<Exposure>, name: &str| {
                let message = result.unwrap_err().to_string();
                assert!(message.starts_with(name), "{message}");
            };
            named(Exposure::beam(bad, 1.0), "current_pa");
            named(Exposure::beam(1.0, bad), "dwell_us");
            named(Exposure::electrons_each(bad), "electrons");
            let raster = Raster::over(Default::default(), 1.0, 1.0, 0.5).unwrap();
            named(Exposure::dosed(Dose(bad), &raster), "dose");
            assert!(Exposure::beam(1.0, 1.0).unwrap().dwell_us(bad).is_err());
        }
        assert!(Exposure::beam(1e6, 1e6).is_err());
        assert!(Exposure::beam(1.0, 1.0).unwrap().dwell_us(0.0).is_err());
    }
}
