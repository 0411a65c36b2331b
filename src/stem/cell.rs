//! The unit cell: from six lattice parameters to lattice vectors.

use crate::{Error, Result};
use nalgebra::{Matrix3, Vector3};

/// A unit cell in the crystallographic standard orientation: a along x, b in the x-y plane, c with z > 0.
///
/// ```
/// use dosewise::stem::Cell;
/// let hexagonal = Cell::new([3.16, 3.16, 20.0], [90.0, 90.0, 120.0])?;
/// let area = hexagonal.volume() / 20.0;
/// assert!((area - 3.16 * 3.16 * 60f64.to_radians().sin()).abs() < 1e-12); // Å²
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    matrix: Matrix3<f64>,
    inverse: Matrix3<f64>,
}

impl Cell {
    /// Names of the six parameters as they stand in errors, in CIF without the leading underscore.
    pub(crate) const PARAMETERS: [&str; 6] = [
        "cell_length_a",
        "cell_length_b",
        "cell_length_c",
        "cell_angle_alpha",
        "cell_angle_beta",
        "cell_angle_gamma",
    ];

    /// A cell from its edge lengths a, b, c (Å) and angles α = ∠(b, c), β = ∠(a, c), γ = ∠(a, b) (degrees).
    ///
    /// # Errors
    /// [`Error::Argument`] naming the parameter for lengths outside 0.1..=1e5 Å, angles outside 1..=179 degrees, and
    /// three angles that close no parallelepiped.
    pub fn new(lengths: [f64; 3], angles: [f64; 3]) -> Result<Self> {
        for (name, length) in Self::PARAMETERS.into_iter().zip(lengths) {
            if !(0.1..=1e5).contains(&length) {
                return Err(Error::argument(name, length, "a length of 0.1..=1e5 Å"));
            }
        }
        for (name, angle) in Self::PARAMETERS.into_iter().skip(3).zip(angles) {
            if !(1.0..=179.0).contains(&angle) {
                return Err(Error::argument(name, angle, "an angle of 1..=179 degrees"));
            }
        }
        // exact zeros for right angles keep orthogonal cells orthogonal
        let cosine = |angle: f64| {
            if angle == 90.0 {
                0.0
            } else {
                angle.to_radians().cos()
            }
        };
        let [cos_alpha, cos_beta, cos_gamma] = angles.map(cosine);
        let sin_gamma = angles[2].to_radians().sin();
        let slant = (cos_alpha - cos_beta * cos_gamma) / sin_gamma;
        let height_squared = 1.0 - cos_beta * cos_beta - slant * slant;
        if height_squared < 1e-6 {
            return Err(Error::argument(
                "cell_angle_gamma",
                format!("angles {} {} {}", angles[0], angles[1], angles[2]),
                "three angles that span a volume: each below the sum of the others, all below 360 degrees together",
            ));
        }
        let [a, b, c] = lengths;
        let matrix = Matrix3::from_columns(&[
            Vector3::new(a, 0.0, 0.0),
            Vector3::new(b * cos_gamma, b * sin_gamma, 0.0),
            Vector3::new(c * cos_beta, c * slant, c * height_squared.sqrt()),
        ]);
        let inverse = matrix
            .try_inverse()
            .expect("a triangular matrix with a positive diagonal has an inverse");
        Ok(Self { matrix, inverse })
    }

    /// The lattice vectors a, b, c as columns, Å.
    pub fn matrix(&self) -> &Matrix3<f64> {
        &self.matrix
    }

    /// Turns Cartesian vectors (Å) into fractional ones; its rows are the reciprocal lattice vectors, 1/Å.
    pub fn inverse(&self) -> &Matrix3<f64> {
        &self.inverse
    }

    /// Volume, Å³.
    pub fn volume(&self) -> f64 {
        self.matrix.determinant()
    }

    /// Cartesian position (Å) of a fractional one.
    pub fn cartesian(&self, fractional: Vector3<f64>) -> Vector3<f64> {
        self.matrix * fractional
    }

    /// Fractional position of a Cartesian one (Å).
    pub fn fractional(&self, cartesian: Vector3<f64>) -> Vector3<f64> {
        self.inverse * cartesian
    }

    /// Distances between opposite faces, Å: along a, b and c.
    pub fn heights(&self) -> [f64; 3] {
        [0, 1, 2].map(|i| 1.0 / self.inverse.row(i).norm())
    }

    /// Shortest distance (Å) between the lattices of images of two fractional positions, exact for distances below
    /// half the smallest face distance.
    pub fn distance(&self, one: Vector3<f64>, other: Vector3<f64>) -> f64 {
        let difference = (one - other).map(|d| d - d.round());
        self.cartesian(difference).norm()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triclinic_cell_has_its_lengths_and_angles() {
        let (lengths, angles) = ([4.1, 5.2, 6.3], [78.0, 95.0, 104.0]);
        let cell = Cell::new(lengths, angles).unwrap();
        let v: Vec<Vector3<f64>> = (0..3).map(|i| cell.matrix().column(i).into()).collect();
        for i in 0..3 {
            let (j, k) = ((i + 1) % 3, (i + 2) % 3);
            assert!((v[i].norm() - lengths[i]).abs() < 1e-12);
            assert!((v[j].angle(&v[k]).to_degrees() - angles[i]).abs() < 1e-10);
            let height = cell.volume() / v[j].cross(&v[k]).norm();
            assert!((cell.heights()[i] - height).abs() < 1e-12);
        }
        let position = Vector3::new(0.1, -0.7, 2.3);
        let back = cell.fractional(cell.cartesian(position));
        assert!((back - position).norm() < 1e-13);
    }

    #[test]
    fn distance_takes_the_nearest_image() {
        let cell = Cell::new([4.0, 5.0, 6.0], [90.0; 3]).unwrap();
        let distance = cell.distance(Vector3::new(0.95, 0.0, 0.1), Vector3::new(0.05, 0.0, 0.1));
        assert!((distance - 0.4).abs() < 1e-12);
    }

    #[test]
    fn impossible_parameters_are_refused_by_name() {
        let right = [90.0; 3];
        for (lengths, angles, name) in [
            ([-3.0, 3.0, 3.0], right, "cell_length_a"),
            ([3.0, f64::NAN, 3.0], right, "cell_length_b"),
            ([3.0, 3.0, f64::INFINITY], right, "cell_length_c"),
            ([3.0; 3], [0.0, 90.0, 90.0], "cell_angle_alpha"),
            ([3.0; 3], [90.0, 180.0, 90.0], "cell_angle_beta"),
            ([3.0; 3], [90.0, 90.0, f64::NAN], "cell_angle_gamma"),
            ([3.0; 3], [30.0, 30.0, 100.0], "cell_angle_gamma"),
            ([3.0; 3], [120.0, 120.0, 120.0], "cell_angle_gamma"),
        ] {
            let message = Cell::new(lengths, angles).unwrap_err().to_string();
            assert!(message.contains(name), "{message}");
        }
    }
}
