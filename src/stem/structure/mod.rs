//! Atoms in an orthogonal box, ready for a beam along z: what every simulation takes.
//!
//! | you want | you take |
//! | --- | --- |
//! | a crystal along a zone axis, periodic | [`Crystal::orthogonal`](crate::stem::Crystal::orthogonal) |
//! | a larger piece, vacuum, a slab | [`Structure::repeated`], [`Structure::with_vacuum`], [`Structure::slab`] |
//! | a particle, a grain boundary, domains | [`Grain`], [`Region`], [`Polyhedron::wulff`] |
//! | vacancies, substitutions, displacements, strain | [`Structure::edited`], [`Structure::displaced`], [`Structure::random_sites`] |
//! | whole atoms on partly filled sites | [`Structure::drawn`] |
//! | to look at it elsewhere | [`Structure::save_xyz`], [`Structure::save_cif`] |

mod atom;
mod edit;
mod export;
mod grain;
mod neighbours;
mod occupancy;
mod orthogonal;
mod region;
mod supercell;

pub use atom::{PlacedAtom, Vibration};
pub use grain::Grain;
pub use neighbours::{Pair, closest_pair};
pub use orthogonal::{Orientation, OrthogonalCell};
pub use region::{HalfSpace, Polyhedron, Region, Sphere};

use crate::{Error, Result};
use nalgebra::Vector3;

/// Most atoms one structure holds; more are refused before memory runs out.
const MOST_ATOMS: usize = 50_000_000;

/// Atoms in an orthogonal box, periodic along x and y; the beam runs along z, towards larger z.
///
/// Positions are (x, y, z) in Å with 0 ≤ x < `extent.x` and 0 ≤ y < `extent.y` (wrapped on entry) and any z within
/// 0 ≤ z ≤ `extent.z`.
///
/// ```
/// use dosewise::stem::{PlacedAtom, Structure};
/// use nalgebra::Vector3;
/// let gold = PlacedAtom::new("Au".parse()?, Vector3::new(-1.0, 2.0, 0.0));
/// let structure = Structure::new(Vector3::new(10.0, 10.0, 2.0), vec![gold])?;
/// assert_eq!(structure.atoms()[0].position.x, 9.0); // wrapped into the box
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Structure {
    extent: Vector3<f64>,
    atoms: Vec<PlacedAtom>,
}

impl Structure {
    /// A structure from the edges of its box (x, y, z; Å) and its atoms.
    ///
    /// # Errors
    /// [`Error::Argument`] for an edge that is not within 0.1..=1e5 Å, a position that is not finite or has z outside
    /// the box, an occupancy outside 0..=1, a vibration that is negative or above 1 Å, and more than 5·10⁷ atoms. A box
    /// without atoms is vacuum, and allowed.
    pub fn new(extent: Vector3<f64>, mut atoms: Vec<PlacedAtom>) -> Result<Self> {
        if !extent.iter().all(|edge| (0.1..=1e5).contains(edge)) {
            return Err(Error::argument(
                "extent",
                format!("({}, {}, {}) Å", extent.x, extent.y, extent.z),
                "three edges of 0.1..=1e5 Å",
            ));
        }
        if atoms.len() > MOST_ATOMS {
            return Err(Error::argument(
                "atoms",
                atoms.len(),
                format!("at most {MOST_ATOMS}"),
            ));
        }
        for (index, atom) in atoms.iter_mut().enumerate() {
            atom.check(index, extent.z)?;
            atom.position.x = wrapped(atom.position.x, extent.x);
            atom.position.y = wrapped(atom.position.y, extent.y);
        }
        Ok(Self { extent, atoms })
    }

    /// Edges of the box (x, y, z), Å.
    pub fn extent(&self) -> Vector3<f64> {
        self.extent
    }

    /// The atoms, in the order they were given.
    pub fn atoms(&self) -> &[PlacedAtom] {
        &self.atoms
    }
}

/// `value` in 0..edge that differs by a whole number of edges.
fn wrapped(value: f64, edge: f64) -> f64 {
    let wrapped = value.rem_euclid(edge);
    // rem_euclid of a tiny negative number rounds to the edge itself
    if wrapped < edge { wrapped } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carbon(x: f64, y: f64, z: f64) -> PlacedAtom {
        PlacedAtom::new("C".parse().unwrap(), Vector3::new(x, y, z))
    }

    #[test]
    fn places_outside_come_back_from_the_other_side() {
        let extent = Vector3::new(4.0, 5.0, 1.0);
        let structure = Structure::new(extent, vec![carbon(-1e-18, 11.0, 1.0)]).unwrap();
        let place = structure.atoms()[0].position;
        assert_eq!((place.x, place.y, place.z), (0.0, 1.0, 1.0));
    }

    #[test]
    fn what_cannot_stand_in_a_box_is_named() {
        let extent = Vector3::new(4.0, 5.0, 1.0);
        for (extent, atom, named) in [
            (Vector3::new(0.0, 5.0, 1.0), carbon(0.0, 0.0, 0.0), "extent"),
            (extent, carbon(0.0, f64::NAN, 0.0), "position of atom 0"),
            (extent, carbon(0.0, 0.0, 1.5), "position of atom 0"),
            (
                extent,
                carbon(0.0, 0.0, 0.5).occupancy(1.2),
                "occupancy of atom 0",
            ),
            (
                extent,
                carbon(0.0, 0.0, 0.5).vibration(Vibration::Isotropic(-0.1)),
                "vibration of atom 0",
            ),
        ] {
            let error = Structure::new(extent, vec![atom]).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
