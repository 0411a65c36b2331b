//! The dark-field image of a perfect two-dimensional crystal, anywhere in the plane.

use crate::error::{Error, Result};
use crate::stem::interpolation::bicubic;
use crate::stem::response::{KERNEL_RADIUS, Kernel};
use crate::units::Point;
use nalgebra::{Matrix2, Vector2};
use ndarray::Array2;

/// One period of the image of a perfect crystal, sampled finely and looked up periodically.
///
/// The value is the fraction of the incident electrons that is detected, like [`Kernel::at`] for a single atom.
#[derive(Debug, Clone)]
pub struct PerfectImage {
    /// From (y, x) in Å to fractions of the two lattice vectors.
    to_fraction: Matrix2<f64>,
    cell: Array2<f64>,
}

/// Samples per Å along a lattice vector; the image is band-limited near 1.5 periods per Å.
const SAMPLES_PER_ANGSTROM: f64 = 20.0;

impl PerfectImage {
    /// Sums the atoms of a lattice spanned by `vectors` (each as a displacement in the plane, Å) with the basis `atoms`.
    ///
    /// # Errors
    /// [`Error::Argument`] when the vectors are not finite, span no area or are longer than 200 Å.
    pub fn new(vectors: [Point; 2], atoms: &[(Point, &Kernel)]) -> Result<Self> {
        let [a, b] = vectors;
        let to_plane = Matrix2::new(a.y, b.y, a.x, b.x);
        let lengths = [a.y.hypot(a.x), b.y.hypot(b.x)];
        let inverse = to_plane.try_inverse().filter(|_| {
            lengths.iter().all(|l| l.is_finite() && *l < 200.0)
                && to_plane.determinant().abs() > 0.1
        });
        let Some(to_fraction) = inverse else {
            let allowed = "two vectors up to 200 Å that span an area";
            return Err(Error::argument(
                "vectors",
                format!("{a:?} and {b:?}"),
                allowed,
            ));
        };
        let samples = lengths.map(|l| (l * SAMPLES_PER_ANGSTROM).ceil().max(4.0) as usize);
        // Lattice translations that can bring an atom within reach of a point of the cell.
        let reach = KERNEL_RADIUS + lengths[0] + lengths[1];
        let height = |i: usize| to_plane.determinant().abs() / lengths[1 - i];
        let span = [0, 1].map(|i| (reach / height(i)).ceil() as i32);
        let mut cell = Array2::zeros((samples[0], samples[1]));
        for ((i, j), value) in cell.indexed_iter_mut() {
            let fraction = Vector2::new(i as f64 / samples[0] as f64, j as f64 / samples[1] as f64);
            let place = to_plane * fraction;
            for (atom, kernel) in atoms {
                for m in -span[0]..=span[0] {
                    for n in -span[1]..=span[1] {
                        let lattice = to_plane * Vector2::new(f64::from(m), f64::from(n));
                        *value +=
                            kernel.at(place.x - atom.y - lattice.x, place.y - atom.x - lattice.y);
                    }
                }
            }
        }
        Ok(Self { to_fraction, cell })
    }

    /// Fraction of the incident electrons detected with the probe at `place`.
    pub fn at(&self, place: Point) -> f64 {
        let fraction = self.to_fraction * Vector2::new(place.y, place.x);
        let (rows, columns) = self.cell.dim();
        let wrap = |value: f64, count: usize| (value - value.floor()) * count as f64;
        bicubic(
            wrap(fraction.x, rows),
            wrap(fraction.y, columns),
            |row, column| {
                self.cell[[
                    row.rem_euclid(rows as isize) as usize,
                    column.rem_euclid(columns as isize) as usize,
                ]]
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stem::{Aberrations, AnnularDetector, Beam, IncoherentModel, Probe};

    #[test]
    fn equals_the_sum_over_the_atoms_in_reach() {
        let probe = Probe::new(Beam::new(80.0).unwrap(), 30.0, Aberrations::default()).unwrap();
        let detector = AnnularDetector::new(60.0, 180.0).unwrap();
        let model = IncoherentModel::new(probe, detector, 0.25).unwrap();
        let kernel = model.atom("Mo".parse().unwrap(), 0.07).unwrap();
        let vectors = [Point::new(2.9, 1.1), Point::new(-0.4, 3.3)];
        let atom = Point::new(0.3, 0.9);
        let image = PerfectImage::new(vectors, &[(atom, &kernel)]).unwrap();
        for place in [
            Point::new(0.0, 0.0),
            Point::new(41.3, -17.7),
            Point::new(0.3, 0.9),
        ] {
            let mut sum = 0.0;
            for m in -40..=40 {
                for n in -40..=40 {
                    let (m, n) = (f64::from(m), f64::from(n));
                    let y = place.y - atom.y - m * vectors[0].y - n * vectors[1].y;
                    let x = place.x - atom.x - m * vectors[0].x - n * vectors[1].x;
                    sum += kernel.at(y, x);
                }
            }
            assert!(
                (image.at(place) - sum).abs() < 2e-4 * kernel.at(0.0, 0.0),
                "{place:?}"
            );
        }
    }

    #[test]
    fn vectors_without_an_area_are_refused() {
        let vectors = [Point::new(1.0, 1.0), Point::new(2.0, 2.0)];
        assert!(PerfectImage::new(vectors, &[]).is_err());
    }
}
