//! The aberrations of the lens that forms the probe, to fifth order.

mod flat_phase;
mod text;

pub use flat_phase::scherzer_defocus;

use crate::error::{Error, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::f64::consts::PI;

/// One aberration coefficient in Krivanek's notation.
///
/// ```
/// use dosewise::stem::Aberration;
/// let astigmatism = Aberration::from_components("C12", 0.0, 20.0)?; // 20 Å along the diagonal
/// assert_eq!(astigmatism, Aberration::new("C12", 20.0, std::f64::consts::FRAC_PI_4)?);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Aberration {
    /// Radial order n of C_nm: the phase grows as the angle to the power n + 1.
    pub order: u32,
    /// Azimuthal multiplicity m of C_nm.
    pub symmetry: u32,
    /// Magnitude C_nm, Å.
    pub magnitude: f64,
    /// Orientation φ_nm, rad; meaningless for m = 0.
    pub angle: f64,
}

/// The (n, m) of every aberration to fifth order.
const TERMS: [(u32, u32); 14] = [
    (1, 0),
    (1, 2),
    (2, 1),
    (2, 3),
    (3, 0),
    (3, 2),
    (3, 4),
    (4, 1),
    (4, 3),
    (4, 5),
    (5, 0),
    (5, 2),
    (5, 4),
    (5, 6),
];

impl Aberration {
    /// The aberration called `name` (`"C10"`, `"C12"` … `"C56"`) of `magnitude` Å at `angle` rad.
    ///
    /// # Errors
    /// [`Error::Argument`] for an unknown name, a magnitude beyond ±1e10 Å, an angle beyond ±1e6 rad, or an angle other
    /// than 0 for a round aberration (C10, C30, C50).
    pub fn new(name: &str, magnitude: f64, angle: f64) -> Result<Self> {
        let Some((order, symmetry)) = TERMS
            .into_iter()
            .find(|(order, symmetry)| format!("C{order}{symmetry}") == name)
        else {
            return Err(Error::argument(
                "aberrations",
                format!("`{name}`"),
                TERMS.map(|(n, m)| format!("C{n}{m}")).join(", "),
            ));
        };
        if symmetry == 0 && angle != 0.0 {
            return Err(Error::argument(
                name,
                format!("an angle of {angle} rad"),
                "no angle: this aberration is round",
            ));
        }
        Self {
            order,
            symmetry,
            magnitude,
            angle,
        }
        .check()
    }

    /// The aberration called `name` from its Cartesian parts in Å: C_nm,a cos mφ + C_nm,b sin mφ (Krivanek, Dellby &
    /// Lupini 1999), so that C_nm = √(a² + b²) and φ_nm = atan2(b, a)/m.
    ///
    /// Others, abTEM among them, give some of the parts the opposite sign.
    ///
    /// # Errors
    /// As [`Aberration::new`]; and for a `b` other than 0 with a round aberration.
    pub fn from_components(name: &str, a: f64, b: f64) -> Result<Self> {
        let round = Self::new(name, a, 0.0)?;
        if round.symmetry > 0 {
            Self::new(name, a.hypot(b), b.atan2(a) / f64::from(round.symmetry))
        } else if b == 0.0 {
            Ok(round)
        } else {
            let found = format!("a part b of {b} Å");
            Err(Error::argument(
                name,
                found,
                "part a alone: this aberration is round",
            ))
        }
    }

    /// The Cartesian parts (a, b) of [`Aberration::from_components`], Å.
    pub fn components(&self) -> (f64, f64) {
        let turn = f64::from(self.symmetry) * self.angle;
        (self.magnitude * turn.cos(), self.magnitude * turn.sin())
    }

    /// The name in Krivanek's notation, `"C12"`.
    pub fn name(&self) -> String {
        format!("C{}{}", self.order, self.symmetry)
    }

    fn check(self) -> Result<Self> {
        if !TERMS.contains(&(self.order, self.symmetry)) {
            return Err(Error::argument(
                "aberrations",
                self.name(),
                "C10, C12, C21, C23, … C56",
            ));
        }
        if !(self.magnitude.abs() <= 1e10 && self.angle.abs() <= 1e6) {
            return Err(Error::argument(
                self.name(),
                format!("{} Å at {} rad", self.magnitude, self.angle),
                "a length within ±1e10 Å at an angle within ±1e6 rad",
            ));
        }
        Ok(self)
    }
}

/// The aberrations of the probe-forming lens.
///
/// χ(k, φ) = (2π/λ) Σ C_nm/(n+1) · (λk)^(n+1) · cos m(φ − φ_nm), with k in 1/Å and φ the azimuth from the fast (x)
/// towards the slow (y) scan direction (O. L. Krivanek, N. Dellby and A. R. Lupini, Ultramicroscopy 78 (1999) 1,
/// doi 10.1016/S0304-3991(99)00013-3). C10 is minus the underfocus: C10 > 0 is overfocus.
///
/// Written and read as text with lengths in Å and angles in rad, `C10=-50, C12=20@0.3`; a term may also be given by its
/// Cartesian parts, `C12a=16.5, C12b=11.3`. The letters of Haider (A1, B2, S3, …) are not read: they carry other
/// factors, and authors disagree about them.
///
/// ```
/// use dosewise::stem::{Aberrations, Beam};
/// let lens: Aberrations = "C10=-50, C12=20@0.3, C30=1e4".parse()?;
/// assert_eq!(lens, Aberrations::default().with("C10", -50.0, 0.0)?.with("C12", 20.0, 0.3)?.with("C30", 1e4, 0.0)?);
/// assert_eq!(lens.to_string(), "C10=-50, C12=20@0.3, C30=10000");
/// assert!("C11=3".parse::<Aberrations>().is_err());
/// let flat = lens.flat_semiangle(Beam::new(80.0)?).unwrap(); // |χ| ≤ π/4 up to here
/// assert!((flat - 12.2).abs() < 0.1, "{flat} mrad");
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(try_from = "BTreeMap<String, Coefficient>")]
pub struct Aberrations {
    /// By rising order, then by rising symmetry.
    terms: Vec<Aberration>,
}

/// How a world file writes a coefficient: `C10 = 20.0` or `C12 = { magnitude = 15.0, angle_deg = 30.0 }`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(
    untagged,
    expecting = "something else, expected a length in Å, or { magnitude = …, angle_deg = … }"
)]
enum Coefficient {
    Magnitude(f64),
    Oriented(Oriented),
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Oriented {
    magnitude: f64,
    angle_deg: f64,
}

impl TryFrom<BTreeMap<String, Coefficient>> for Aberrations {
    type Error = Error;

    fn try_from(map: BTreeMap<String, Coefficient>) -> Result<Self> {
        let terms = map.into_iter().map(|(name, coefficient)| {
            let (magnitude, angle_deg) = match coefficient {
                Coefficient::Magnitude(magnitude) => (magnitude, 0.0),
                Coefficient::Oriented(oriented) => (oriented.magnitude, oriented.angle_deg),
            };
            Aberration::new(&name, magnitude, f64::to_radians(angle_deg))
        });
        Self::new(terms.collect::<Result<_>>()?)
    }
}

impl Aberrations {
    /// A set of aberrations; each (n, m) at most once, magnitudes within ±1e10 Å, angles within ±1e6 rad. The angle of a
    /// round aberration becomes 0.
    ///
    /// # Errors
    /// [`Error::Argument`] for an (n, m) beyond fifth order or of wrong parity, a repeated one, or a number out of range.
    pub fn new(mut terms: Vec<Aberration>) -> Result<Self> {
        for (index, term) in terms.iter().enumerate() {
            term.check()?;
            if terms[..index].iter().any(|t| t.name() == term.name()) {
                return Err(Error::argument(
                    "aberrations",
                    format!("{} twice", term.name()),
                    "each coefficient once",
                ));
            }
        }
        for term in &mut terms {
            if term.symmetry == 0 {
                term.angle = 0.0;
            }
        }
        terms.sort_by_key(|term| (term.order, term.symmetry));
        Ok(Self { terms })
    }

    /// The same with the aberration called `name` set to `magnitude` Å at `angle` rad.
    ///
    /// # Errors
    /// As [`Aberration::new`].
    pub fn with(self, name: &str, magnitude: f64, angle: f64) -> Result<Self> {
        self.with_term(Aberration::new(name, magnitude, angle)?)
    }

    /// The same with the aberration called `name` set by its Cartesian parts, Å.
    ///
    /// # Errors
    /// As [`Aberration::from_components`].
    pub fn with_components(self, name: &str, a: f64, b: f64) -> Result<Self> {
        self.with_term(Aberration::from_components(name, a, b)?)
    }

    fn with_term(self, term: Aberration) -> Result<Self> {
        let mut terms = self.terms;
        terms.retain(|old| (old.order, old.symmetry) != (term.order, term.symmetry));
        terms.push(term);
        Self::new(terms)
    }

    /// The same with `offset` Å added to C10.
    ///
    /// # Errors
    /// [`Error::Argument`] when C10 leaves ±1e10 Å.
    pub fn defocused(&self, offset: f64) -> Result<Self> {
        let focus = self.terms.iter().find(|t| (t.order, t.symmetry) == (1, 0));
        let focus = focus.map_or(0.0, |term| term.magnitude);
        self.clone().with("C10", focus + offset, 0.0)
    }

    /// The same lens turned by an angle (radians) from x towards y.
    #[must_use]
    pub fn turned(&self, angle: f64) -> Self {
        let turned = |term: &Aberration| Aberration {
            angle: if term.symmetry == 0 {
                0.0
            } else {
                term.angle + angle
            },
            ..*term
        };
        Self {
            terms: self.terms.iter().map(turned).collect(),
        }
    }

    /// The coefficients that are set, by rising order, then by rising symmetry.
    pub fn terms(&self) -> &[Aberration] {
        &self.terms
    }

    /// Phase χ in rad at the spatial frequency (ky, kx), 1/Å.
    pub fn phase(&self, ky: f64, kx: f64, wavelength: f64) -> f64 {
        let angle = ky.hypot(kx) * wavelength;
        let azimuth = ky.atan2(kx);
        let sum: f64 = self
            .terms
            .iter()
            .map(|t| {
                t.magnitude / f64::from(t.order + 1)
                    * angle.powi(t.order as i32 + 1)
                    * (f64::from(t.symmetry) * (azimuth - t.angle)).cos()
            })
            .sum();
        2.0 * PI / wavelength * sum
    }
}
