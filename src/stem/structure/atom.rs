//! One atom at its place.

use crate::stem::crystal::is_covariance;
use crate::stem::{Element, Site};
use crate::{Error, Result};
use nalgebra::{Matrix3, Rotation3, Vector3};

/// How an atom moves about its place: the harmonic, independent (Einstein) vibration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Vibration {
    /// It stands still.
    None,
    /// Root-mean-square displacement u along any one direction, Å; B = 8π²u².
    Isotropic(f64),
    /// Covariance matrix U of the displacement in (x, y, z), Å².
    Anisotropic(Matrix3<f64>),
}

/// An atom in a [`Structure`](super::Structure).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlacedAtom {
    /// The element.
    pub element: Element,
    /// Place (x, y, z), Å.
    pub position: Vector3<f64>,
    /// Share of an atom that stands there, 0..=1; scales its potential.
    pub occupancy: f64,
    /// How it vibrates.
    pub vibration: Vibration,
}

impl PlacedAtom {
    /// A whole atom that stands still.
    pub fn new(element: Element, position: Vector3<f64>) -> Self {
        Self {
            element,
            position,
            occupancy: 1.0,
            vibration: Vibration::None,
        }
    }

    /// An atom of a crystal's site at a place, turned with its crystal.
    pub(super) fn of_site(site: &Site, position: Vector3<f64>, turn: &Rotation3<f64>) -> Self {
        let vibration = match (site.covariance, site.rms_displacement) {
            (Some(covariance), _) => {
                let turned = turn * covariance * turn.inverse();
                Vibration::Anisotropic(0.5 * (turned + turned.transpose()))
            }
            (None, Some(u)) => Vibration::Isotropic(u),
            (None, None) => Vibration::None,
        };
        Self {
            element: site.element,
            position,
            occupancy: site.occupancy,
            vibration,
        }
    }

    /// The same with another occupancy.
    pub fn occupancy(self, occupancy: f64) -> Self {
        Self { occupancy, ..self }
    }

    /// The same with another vibration.
    pub fn vibration(self, vibration: Vibration) -> Self {
        Self { vibration, ..self }
    }

    /// Whether atom number `index` may stand in a box of this height (Å).
    pub(super) fn check(&self, index: usize, height: f64) -> Result<()> {
        let place = self.position;
        let inside = place.iter().all(|x| x.abs() <= 1e6) && (0.0..=height).contains(&place.z);
        if !inside {
            return Err(Error::argument(
                format!("position of atom {index}"),
                format!("({}, {}, {}) Å", place.x, place.y, place.z),
                format!("finite numbers with z within 0..={height} Å"),
            ));
        }
        if !(0.0..=1.0).contains(&self.occupancy) {
            return Err(Error::argument(
                format!("occupancy of atom {index}"),
                self.occupancy,
                "a share of 0..=1",
            ));
        }
        let sound = match self.vibration {
            Vibration::None => true,
            Vibration::Isotropic(u) => (0.0..=1.0).contains(&u),
            Vibration::Anisotropic(covariance) => is_covariance(&covariance),
        };
        if sound {
            Ok(())
        } else {
            Err(Error::argument(
                format!("vibration of atom {index}"),
                format!("{:?}", self.vibration),
                "a displacement of 0..=1 Å, or a symmetric covariance without negative spread up to 1 Å²",
            ))
        }
    }
}
