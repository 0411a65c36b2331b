//! The regular grid of pixels that a scan visits.

use crate::error::{Error, Result};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

/// Pixels beyond this do not fit into the memory of any machine this is meant for.
const LARGEST: usize = 1 << 26;

/// Rows × columns of pixels with one size a direction; pixel (i, j) lies at (i · height, j · width).
///
/// ```
/// use dosewise::gp::Grid;
/// let grid = Grid::new(3, 4, [0.2, 0.1])?;
/// assert_eq!(grid.coordinates().row(5).to_vec(), vec![0.2, 0.1]); // pixel (1, 1)
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Shape")]
pub struct Grid {
    rows: usize,
    columns: usize,
    pixel: [f64; 2],
}

/// A grid on its way in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    rows: usize,
    columns: usize,
    pixel: [f64; 2],
}

impl TryFrom<Shape> for Grid {
    type Error = Error;

    fn try_from(shape: Shape) -> Result<Self> {
        Self::new(shape.rows, shape.columns, shape.pixel)
    }
}

impl Grid {
    /// A grid of `rows` × `columns` pixels of `pixel` = \[height, width\], in the units of the lengthscales.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no pixel, more than 2²⁶, or a size is not a positive number.
    pub fn new(rows: usize, columns: usize, pixel: [f64; 2]) -> Result<Self> {
        let pixels = rows.saturating_mul(columns);
        if !(1..=LARGEST).contains(&pixels) {
            return Err(Error::argument(
                "grid",
                format!("{rows} × {columns} pixels"),
                format!("1 to {LARGEST} pixels"),
            ));
        }
        match pixel.iter().find(|p| !(1e-100..=1e100).contains(*p)) {
            None => Ok(Self {
                rows,
                columns,
                pixel,
            }),
            Some(bad) => Err(Error::argument(
                "pixel",
                bad,
                "a positive number in 1e-100..=1e100",
            )),
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Number of pixels.
    pub fn pixels(&self) -> usize {
        self.rows * self.columns
    }

    /// Height and width of a pixel.
    pub fn pixel_size(&self) -> [f64; 2] {
        self.pixel
    }

    /// Where the pixels lie: one row \[y, x\] a pixel, row-major as in an image (rows · columns × 2).
    pub fn coordinates(&self) -> Array2<f64> {
        Array2::from_shape_fn((self.pixels(), 2), |(p, k)| {
            let index = [p / self.columns, p % self.columns][k];
            index as f64 * self.pixel[k]
        })
    }

    /// Refuses an image of another shape.
    pub(super) fn check_shape(&self, argument: &str, found: (usize, usize)) -> Result<()> {
        if found == (self.rows, self.columns) {
            return Ok(());
        }
        Err(Error::argument(
            argument,
            format!("{} × {} pixels", found.0, found.1),
            format!("{} × {}, the shape of the grid", self.rows, self.columns),
        ))
    }

    /// A row-major list of pixels as an image.
    pub(super) fn image(&self, pixels: Vec<f64>) -> Array2<f64> {
        Array2::from_shape_vec((self.rows, self.columns), pixels)
            .expect("one value for each pixel of the grid")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusable_grids_are_refused() {
        for (rows, columns, pixel) in [
            (0, 4, [1.0, 1.0]),
            (4, 0, [1.0, 1.0]),
            (usize::MAX, 2, [1.0, 1.0]),
            (1 << 20, 1 << 20, [1.0, 1.0]),
            (4, 4, [0.0, 1.0]),
            (4, 4, [1.0, -1.0]),
            (4, 4, [f64::NAN, 1.0]),
            (4, 4, [1.0, f64::INFINITY]),
        ] {
            assert!(matches!(
                Grid::new(rows, columns, pixel),
                Err(Error::Argument { .. })
            ));
        }
    }
}
