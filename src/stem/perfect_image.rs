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

/// Samples per Å along a lattice vector; the image of a 30 mrad probe at 80 kV is band-limited at 1.44 periods per Å.
const SAMPLES_PER_ANGSTROM: f64 = 20.0;

impl PerfectImage {
    /// Sums the atoms of a lattice spanned by `vectors` (each as a displacement in the plane, Å) with the basis `atoms`.
    ///
    /// # Errors
    /// [`Error::Argument`] when a vector is not 0.5 to 200 Å long, when the two enclose less than 0.1 rad (the sine of
    /// their angle counts), or when an atom's place is not finite.
    pub fn new(vectors: [Point; 2], atoms: &[(Point, &Kernel)]) -> Result<Self> {
        let [a, b] = vectors;
        let to_plane = Matrix2::new(a.y, b.y, a.x, b.x);
        let lengths = [a.y.hypot(a.x), b.y.hypot(b.x)];
        let area = to_plane.determinant().abs();
        let inverse = to_plane.try_inverse().filter(|_| {
            lengths.iter().all(|l| (0.5..=200.0).contains(l))
                && area >= 0.1 * lengths[0] * lengths[1]
        });
        let Some(to_fraction) = inverse else {
            let allowed = "two vectors of 0.5 to 200 Å, 0.1 rad or more from parallel";
            return Err(Error::argument(
                "vectors",
                format!("{a:?} and {b:?}"),
                allowed,
            ));
        };
        let samples = lengths.map(|l| (l * SAMPLES_PER_ANGSTROM).ceil() as usize);
        // Lattice translations that bring an atom of the cell within reach of a point of the cell.
        let span = [0, 1].map(|i| (KERNEL_RADIUS * lengths[1 - i] / area).ceil() as i32 + 1);
        let mut cell = Array2::zeros((samples[0], samples[1]));
        for (atom, kernel) in atoms {
            if !(atom.y.is_finite() && atom.x.is_finite()) {
                return Err(Error::argument(
                    "atoms",
                    format!("{atom:?}"),
                    "finite places",
                ));
            }
            let fraction = (to_fraction * Vector2::new(atom.y, atom.x)).map(|f| f - f.floor());
            for m in -span[0]..=span[0] {
                for n in -span[1]..=span[1] {
                    let translation = Vector2::new(f64::from(m), f64::from(n));
                    add_image(
                        &mut cell,
                        &to_plane,
                        to_plane * (fraction + translation),
                        kernel,
                    );
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
            |row, column| self.cell[[around(row, rows), around(column, columns)]],
        )
    }
}

/// Adds `kernel`, centred at `centre` (y, x), to the samples of the cell that lie within its radius.
fn add_image(
    cell: &mut Array2<f64>,
    to_plane: &Matrix2<f64>,
    centre: Vector2<f64>,
    kernel: &Kernel,
) {
    let (rows, columns) = cell.dim();
    let step = to_plane.column(1) / columns as f64;
    let step_squared = step.norm_squared();
    for (i, mut line) in cell.outer_iter_mut().enumerate() {
        let start = to_plane.column(0) * (i as f64 / rows as f64) - centre;
        // Where the line start + j·step crosses the circle of the kernel.
        let middle = -start.dot(&step) / step_squared;
        let distance_squared = (start + step * middle).norm_squared();
        let half_chord = (KERNEL_RADIUS.powi(2) - distance_squared).max(0.0) / step_squared;
        let (first, last) = (middle - half_chord.sqrt(), middle + half_chord.sqrt());
        let range =
            (first.ceil().max(0.0) as usize)..((last.floor() + 1.0).max(0.0) as usize).min(columns);
        for j in range {
            let offset = start + step * j as f64;
            line[j] += kernel.at(offset.x, offset.y);
        }
    }
}

/// The index within 0..count of a neighbour at most one period away; a division would cost more than the lookup.
fn around(index: isize, count: usize) -> usize {
    let count = count as isize;
    let wrapped = match index {
        i if i < 0 => i + count,
        i if i >= count => i - count,
        i => i,
    };
    wrapped as usize
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
