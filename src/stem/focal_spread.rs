//! Temporal coherence: electrons of unequal energy come to unequal foci.

use crate::error::{Error, Result};
use crate::stem::Beam;
use crate::stem::quadrature::gauss_hermite;
use std::f64::consts::PI;

/// Where a spread of focus comes from; all spreads are standard deviations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChromaticAberration {
    /// Coefficient Cc, Å, defined by Δf = Cc ΔE/E.
    pub coefficient: f64,
    /// Standard deviation δE of the energy of the electrons, eV (the full width at half maximum over 2.355).
    pub energy_spread: f64,
    /// Relative standard deviation δV/V of the high voltage.
    pub voltage_ripple: f64,
    /// Relative standard deviation δI/I of the lens current.
    pub current_ripple: f64,
}

impl ChromaticAberration {
    /// δ = Cc √((δE/E)² + (δV/V)² + (2 δI/I)²) (L. Reimer and H. Kohl, *Transmission Electron Microscopy*, 5th ed. 2008,
    /// section 6.4.2, doi 10.1007/978-0-387-40093-8).
    ///
    /// E is the kinetic energy itself: a Cc that is meant for the relativistic (1 + E/mc²)/(1 + E/2mc²) ΔE/E is to be
    /// multiplied by that factor first.
    ///
    /// # Errors
    /// [`Error::Argument`] when the coefficient is not within 0 to 1e9 Å, the energy spread not within 0 to 1000 eV, or a
    /// ripple not within 0 to 0.1; and as [`FocalSpread::new`].
    pub fn focal_spread(self, beam: Beam) -> Result<FocalSpread> {
        for (name, value, largest, unit) in [
            ("coefficient", self.coefficient, 1e9, " Å"),
            ("energy_spread", self.energy_spread, 1e3, " eV"),
            ("voltage_ripple", self.voltage_ripple, 0.1, ""),
            ("current_ripple", self.current_ripple, 0.1, ""),
        ] {
            if !(0.0..=largest).contains(&value) {
                return Err(Error::argument(
                    name,
                    value,
                    format!("0 to {largest}{unit}"),
                ));
            }
        }
        let relative = (self.energy_spread / beam.energy_ev())
            .hypot(self.voltage_ripple)
            .hypot(2.0 * self.current_ripple);
        FocalSpread::new(self.coefficient * relative)
    }
}

/// A normal law of foci about C10.
///
/// ```
/// use dosewise::stem::{Beam, ChromaticAberration};
/// let chromatic = ChromaticAberration {
///     coefficient: 1.2e7,   // 1.2 mm
///     energy_spread: 0.3,   // eV
///     voltage_ripple: 1e-7,
///     current_ripple: 1e-7,
/// };
/// let spread = chromatic.focal_spread(Beam::new(80.0)?)?;
/// assert!((spread.standard_deviation() - 45.1).abs() < 0.1); // Å
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct FocalSpread {
    standard_deviation: f64,
}

/// One focus of a sum over foci.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Focus {
    /// What is added to C10, Å.
    pub offset: f64,
    /// The share of the electrons that have it; all shares add up to 1.
    pub weight: f64,
}

impl Focus {
    /// The focus of the probe itself, for all electrons.
    pub const SHARP: Self = Self {
        offset: 0.0,
        weight: 1.0,
    };
}

impl FocalSpread {
    /// One focus for all electrons.
    pub const NONE: Self = Self {
        standard_deviation: 0.0,
    };
    /// Most foci that a sum may have.
    pub const MAX_FOCI: usize = 64;

    /// A spread of `standard_deviation` Å.
    ///
    /// The 1/e half-width that abTEM and others call focal spread is √2 times the standard deviation.
    ///
    /// # Errors
    /// [`Error::Argument`] when it is not within 0 to 1e6 Å.
    pub fn new(standard_deviation: f64) -> Result<Self> {
        if !(0.0..=1e6).contains(&standard_deviation) {
            return Err(Error::argument(
                "standard_deviation",
                standard_deviation,
                "a spread of 0 to 1e6 Å",
            ));
        }
        Ok(Self { standard_deviation })
    }

    /// The standard deviation δ of the focus, Å.
    pub fn standard_deviation(self) -> f64 {
        self.standard_deviation
    }

    /// The `count` foci of the Gauss-Hermite rule: whatever is a polynomial of degree 2·`count` − 1 or less in the focus is
    /// averaged exactly. Without a spread they are one.
    ///
    /// # Errors
    /// [`Error::Argument`] when `count` is not within 1 to 64.
    pub fn foci(self, count: usize) -> Result<Vec<Focus>> {
        if !(1..=Self::MAX_FOCI).contains(&count) {
            return Err(Error::argument("count", count, "1 to 64 foci"));
        }
        if self == Self::NONE {
            return Ok(vec![Focus::SHARP]);
        }
        let focus = |(node, weight)| Focus {
            offset: self.standard_deviation * node,
            weight,
        };
        Ok(gauss_hermite(count).into_iter().map(focus).collect())
    }

    /// The fewest foci with which no pixel of a probe's intensity errs by more than `tolerance` times the peak that the
    /// probe has without aberrations; `cutoff` is [`Probe::cutoff`](crate::stem::Probe::cutoff), 1/Å.
    ///
    /// A change Δ of C10 turns the interference of the plane waves k and k' by πλΔ(k² − k'²), at most πλ·cutoff²Δ. The sum
    /// is as good as the worst of these: max |Σ w cos(aΔ) − exp(−a²δ²/2)| over 0 ≤ a ≤ πλ·cutoff².
    ///
    /// # Errors
    /// [`Error::Argument`] when the tolerance is not above 0, the cutoff not finite, or 64 foci are too few.
    pub fn foci_needed(self, beam: Beam, cutoff: f64, tolerance: f64) -> Result<usize> {
        if tolerance.is_nan() || tolerance <= 0.0 {
            return Err(Error::argument("tolerance", tolerance, "above 0"));
        }
        let turn = PI * beam.wavelength() * cutoff * cutoff * self.standard_deviation;
        if !turn.is_finite() {
            return Err(Error::argument("cutoff", cutoff, "a finite frequency"));
        }
        (1..=Self::MAX_FOCI)
            .find(|&count| {
                let rule = gauss_hermite(count);
                (1..=256).all(|step| {
                    let a = turn * f64::from(step) / 256.0;
                    let sum: f64 = rule.iter().map(|(x, weight)| weight * (a * x).cos()).sum();
                    (sum - (-0.5 * a * a).exp()).abs() <= tolerance
                })
            })
            .ok_or_else(|| {
                Error::argument(
                    "focal_spread",
                    format!(
                        "{} Å, which turns the outermost waves by {turn:.1} rad",
                        self.standard_deviation
                    ),
                    format!(
                        "a spread that {} foci average to within {tolerance}",
                        Self::MAX_FOCI
                    ),
                )
            })
    }

    /// The wave averaged over the foci: the plane wave at the spatial frequency `k` in 1/Å is damped by
    /// exp(−½(πλδk²)²) (Kirkland, *Advanced Computing in Electron Microscopy*, 3rd ed. 2020, chapter 3,
    /// doi 10.1007/978-3-030-33260-0; R. H. Wade and J. Frank, Optik 49 (1977) 81).
    pub fn envelope(self, beam: Beam, k: f64) -> f64 {
        let turn = PI * beam.wavelength() * self.standard_deviation * k * k;
        (-0.5 * turn * turn).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contributions_add_in_squares() {
        let beam = Beam::new(200.0).unwrap();
        let at = |energy_spread, voltage_ripple, current_ripple| {
            let chromatic = ChromaticAberration {
                coefficient: 1e7,
                energy_spread,
                voltage_ripple,
                current_ripple,
            };
            chromatic.focal_spread(beam).unwrap().standard_deviation()
        };
        assert!((at(0.4, 0.0, 0.0) - 20.0).abs() < 1e-12);
        assert!((at(0.0, 3e-6, 0.0) - 30.0).abs() < 1e-12);
        assert!((at(0.0, 0.0, 3e-6) - 60.0).abs() < 1e-12);
        assert!((at(0.4, 3e-6, 3e-6) - 70.0).abs() < 1e-12);
    }

    #[test]
    fn the_mean_wave_over_the_foci_is_the_envelope() {
        let beam = Beam::new(80.0).unwrap();
        let spread = FocalSpread::new(30.0).unwrap();
        let foci = spread.foci(24).unwrap();
        for k in [0.0, 0.2, 0.5, 0.72] {
            let mean: f64 = (foci.iter())
                .map(|f| f.weight * (PI * beam.wavelength() * f.offset * k * k).cos())
                .sum();
            assert!((mean - spread.envelope(beam, k)).abs() < 1e-13, "{k}");
        }
    }

    #[test]
    fn no_spread_is_one_focus() {
        let beam = Beam::new(80.0).unwrap();
        assert_eq!(FocalSpread::NONE.foci(9).unwrap().len(), 1);
        assert_eq!(FocalSpread::NONE.foci_needed(beam, 0.7, 1e-9).unwrap(), 1);
        assert_eq!(FocalSpread::NONE.envelope(beam, 3.0), 1.0);
    }

    #[test]
    fn more_spread_or_less_tolerance_takes_more_foci() {
        let beam = Beam::new(80.0).unwrap();
        let needed = |spread, tolerance| {
            let spread = FocalSpread::new(spread).unwrap();
            spread.foci_needed(beam, 0.7184, tolerance).unwrap()
        };
        assert_eq!(needed(1.0, 1e-3), 2);
        assert!(needed(1.0, 1e-3) < needed(30.0, 1e-3) && needed(30.0, 1e-3) < needed(60.0, 1e-3));
        assert!(needed(30.0, 1e-3) < needed(30.0, 1e-6));
    }

    #[test]
    fn bad_numbers_are_refused_by_name() {
        let beam = Beam::new(80.0).unwrap();
        for bad in [f64::NAN, -1.0, f64::INFINITY] {
            assert!(FocalSpread::new(bad).is_err());
            let good = ChromaticAberration {
                coefficient: 1e7,
                energy_spread: 0.3,
                voltage_ripple: 1e-6,
                current_ripple: 1e-6,
            };
            let wrong = [
                (
                    "coefficient",
                    ChromaticAberration {
                        coefficient: bad,
                        ..good
                    },
                ),
                (
                    "energy_spread",
                    ChromaticAberration {
                        energy_spread: bad,
                        ..good
                    },
                ),
                (
                    "voltage_ripple",
                    ChromaticAberration {
                        voltage_ripple: bad,
                        ..good
                    },
                ),
                (
                    "current_ripple",
                    ChromaticAberration {
                        current_ripple: bad,
                        ..good
                    },
                ),
            ];
            for (name, chromatic) in wrong {
                let error = chromatic.focal_spread(beam).unwrap_err().to_string();
                assert!(error.starts_with(name), "{error}");
            }
        }
        let spread = FocalSpread::new(1e6).unwrap();
        assert!(spread.foci(0).is_err() && spread.foci(65).is_err());
        for tolerance in [0.0, -1.0, f64::NAN] {
            assert!(spread.foci_needed(beam, 0.7, tolerance).is_err());
        }
        assert!(spread.foci_needed(beam, f64::NAN, 1e-3).is_err());
        let error = spread.foci_needed(beam, 0.7, 1e-3).unwrap_err().to_string();
        assert!(
            error.starts_with("focal_spread") && error.contains("64 foci"),
            "{error}"
        );
    }
}
