//! Parts of space that a crystal may fill: particles, grains, domains.

use crate::stem::Crystal;
use crate::{Error, Result};
use nalgebra::Vector3;

/// A part of space. Any function of a place (Å) that says yes or no is one.
///
/// ```
/// use dosewise::stem::{Region, Sphere};
/// use nalgebra::Vector3;
/// let ball = Sphere { centre: Vector3::zeros(), radius: 10.0 };
/// let dome = |place: Vector3<f64>| ball.contains(place) && place.z < 0.0;
/// assert!(dome.contains(Vector3::new(0.0, 3.0, -4.0)) && !dome.contains(Vector3::new(0.0, 3.0, 4.0)));
/// ```
pub trait Region {
    /// Whether the place (x, y, z), Å, lies in it.
    fn contains(&self, place: Vector3<f64>) -> bool;
}

impl<F: Fn(Vector3<f64>) -> bool> Region for F {
    fn contains(&self, place: Vector3<f64>) -> bool {
        self(place)
    }
}

/// All places within a distance of a centre.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sphere {
    /// Centre, Å.
    pub centre: Vector3<f64>,
    /// Radius, Å.
    pub radius: f64,
}

impl Region for Sphere {
    fn contains(&self, place: Vector3<f64>) -> bool {
        (place - self.centre).norm() <= self.radius
    }
}

/// All places on one side of a plane: n·r ≤ `distance`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HalfSpace {
    /// Normal n, pointing out; of any length but 0.
    pub normal: Vector3<f64>,
    /// Distance of the plane from the origin along the normal, Å.
    pub distance: f64,
}

impl Region for HalfSpace {
    fn contains(&self, place: Vector3<f64>) -> bool {
        place.dot(&self.normal.normalize()) <= self.distance
    }
}

/// What lies within all of a set of half-spaces, such as a crystal with facets.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Polyhedron {
    /// The half-spaces.
    pub faces: Vec<HalfSpace>,
}

impl Region for Polyhedron {
    fn contains(&self, place: Vector3<f64>) -> bool {
        self.faces.iter().all(|face| face.contains(place))
    }
}

impl Polyhedron {
    /// The equilibrium shape of a free particle in its crystal's own Cartesian frame, about the origin: each facet (hkl)
    /// and all that the crystal's symmetry makes of it stands at a distance in proportion to its surface energy (Wulff,
    /// Z. Kristallogr. 34 (1901) 449), the nearest at `radius` (Å). Energies may be in any one unit.
    ///
    /// # Errors
    /// [`Error::Argument`] for no facet, a plane (000), an energy or radius that is not positive and finite, and facets
    /// that close no body.
    pub fn wulff(crystal: &Crystal, facets: &[([i32; 3], f64)], radius: f64) -> Result<Self> {
        let positive = |name: &str, value: f64| match value {
            value if value > 0.0 && value.is_finite() => Ok(()),
            wrong => Err(Error::argument(name, wrong, "a positive finite number")),
        };
        positive("radius", radius)?;
        let mut lowest = f64::INFINITY;
        for (plane, energy) in facets {
            positive(&format!("energy of facet {plane:?}"), *energy)?;
            if *plane == [0; 3] {
                return Err(Error::argument(
                    "facet",
                    "(000)",
                    "a plane (hkl) other than (000)",
                ));
            }
            lowest = lowest.min(*energy);
        }
        let to_reciprocal = crystal.cell().inverse().transpose();
        let mut faces: Vec<HalfSpace> = Vec::new();
        for (plane, energy) in facets {
            for operation in crystal.symmetry() {
                // planes turn as rows: h' = h R
                let turned =
                    operation.rotation().transpose() * Vector3::from(*plane).map(f64::from);
                let normal = (to_reciprocal * turned).normalize();
                if faces
                    .iter()
                    .all(|face| (face.normal - normal).norm() > 1e-9)
                {
                    let distance = radius * energy / lowest;
                    faces.push(HalfSpace { normal, distance });
                }
            }
        }
        let body = Self { faces };
        if body.is_bounded() {
            Ok(body)
        } else {
            let found = format!("{} half-spaces that close no body", body.faces.len());
            Err(Error::argument(
                "facets",
                found,
                "facets on all sides of the particle",
            ))
        }
    }

    /// Whether no direction leads out for ever: of all normals and their cross products none has every normal behind.
    fn is_bounded(&self) -> bool {
        let normals: Vec<Vector3<f64>> = self.faces.iter().map(|f| f.normal.normalize()).collect();
        let free = |d: Vector3<f64>| normals.iter().all(|n| n.dot(&d) <= 1e-9);
        let mut directions: Vec<Vector3<f64>> = normals.iter().map(|n| -n).collect();
        for (i, a) in normals.iter().enumerate() {
            for b in &normals[..i] {
                let edge = a.cross(b);
                if edge.norm() > 1e-9 {
                    directions.extend([edge, -edge]);
                }
            }
        }
        normals.len() >= 4 && !directions.into_iter().any(free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stem::{Cell, Site, SpaceGroup};

    fn gold() -> Crystal {
        let site = Site {
            label: "Au".into(),
            element: "Au".parse().unwrap(),
            fractional: Vector3::zeros(),
            occupancy: 1.0,
            rms_displacement: None,
            covariance: None,
        };
        let cell = Cell::new([4.078; 3], [90.0; 3]).unwrap();
        Crystal::new(
            cell,
            &[site],
            SpaceGroup::named("F m -3 m").unwrap().operations(),
        )
        .unwrap()
    }

    /// With γ(100)/γ(111) = 2/√3 of a cuboctahedron's distances: 8 + 6 faces at the distances given.
    #[test]
    fn facets_of_gold() {
        let shape =
            Polyhedron::wulff(&gold(), &[([1, 1, 1], 1.0), ([1, 0, 0], 1.1)], 20.0).unwrap();
        assert_eq!(shape.faces.len(), 14);
        let along = |d: [f64; 3]| {
            let d = Vector3::from(d).normalize();
            (0..400)
                .map(|i| 0.1 * f64::from(i))
                .take_while(|t| shape.contains(d * *t))
                .last()
                .unwrap()
        };
        assert!((along([1.0, 1.0, 1.0]) - 20.0).abs() < 0.11);
        assert!((along([0.0, -1.0, 0.0]) - 22.0).abs() < 0.11);
    }

    #[test]
    fn what_closes_no_body_is_refused() {
        let gold = gold();
        assert!(Polyhedron::wulff(&gold, &[], 10.0).is_err());
        assert!(Polyhedron::wulff(&gold, &[([0, 0, 0], 1.0)], 10.0).is_err());
        assert!(Polyhedron::wulff(&gold, &[([1, 1, 1], -1.0)], 10.0).is_err());
        assert!(Polyhedron::wulff(&gold, &[([1, 1, 1], 1.0)], f64::NAN).is_err());
        let only = crate::stem::SymmetryOperation::identity();
        let one_sided = Crystal::new(*gold.cell(), gold.sites(), &[only]).unwrap();
        let message = Polyhedron::wulff(&one_sided, &[([1, 1, 1], 1.0)], 10.0)
            .unwrap_err()
            .to_string();
        assert!(message.contains("close no body"), "{message}");
    }
}
