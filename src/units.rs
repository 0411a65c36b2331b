//! Newtypes where a bare `f64` would invite confusion.

use serde::{Deserialize, Serialize};

/// Incident electron dose in e⁻/Å².
///
/// ```
/// use dosewise::units::Dose;
/// let visit = Dose(250.0);
/// assert_eq!(visit.electrons(0.04), 10.0); // a 0.2 Å × 0.2 Å pixel receives ten electrons
/// ```
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Dose(pub f64);

impl Dose {
    /// Electrons that land on `area` (Å²) at this dose.
    pub fn electrons(self, area: f64) -> f64 {
        self.0 * area
    }
}

impl std::fmt::Display for Dose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} e⁻/Å²", self.0)
    }
}

/// The number from which everything random in an episode follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

/// A place in the field of view, Å, as `(y, x)` = (slow scan, fast scan).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Point {
    /// Slow-scan coordinate, Å.
    pub y: f64,
    /// Fast-scan coordinate, Å.
    pub x: f64,
}

impl Point {
    /// A point from its slow-scan and fast-scan coordinates, Å.
    pub const fn new(y: f64, x: f64) -> Self {
        Self { y, x }
    }

    /// Euclidean distance to another point, Å.
    pub fn distance(self, other: Self) -> f64 {
        (self.y - other.y).hypot(self.x - other.x)
    }
}

impl std::ops::Add for Point {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::new(self.y + other.y, self.x + other.x)
    }
}

impl std::ops::Sub for Point {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self::new(self.y - other.y, self.x - other.x)
    }
}
