//! The grid of places that a scan visits.

use crate::stem::{Edges, Source};
use crate::units::Point;
use crate::{Error, Result};
use ndarray::Array2;

/// Rows and columns of probe positions.
///
/// ```
/// use dosewise::stem::Raster;
/// let cell = Raster::over(Default::default(), 3.905, 3.905, 0.2)?; // one cell of SrTiO₃, steps of 0.195 Å
/// assert_eq!((cell.rows(), cell.columns()), (20, 20));
/// assert!((cell.step_y() - 0.19525).abs() < 1e-12);
/// assert!((cell.position(0, 19).x - 19.0 * 0.19525).abs() < 1e-12); // the next would be the first again
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Raster {
    corner: Point,
    rows: usize,
    columns: usize,
    step_y: f64,
    step_x: f64,
}

impl Raster {
    /// Most positions.
    pub const MAX_POSITIONS: usize = 1 << 24;

    /// `rows` × `columns` positions from `corner` on, `step_y` and `step_x` Å apart.
    ///
    /// # Errors
    /// [`Error::Argument`] unless there are 1 to 2²⁴ positions, steps of 1e-6 to 1e6 Å, and all places within ±10⁶ Å.
    pub fn new(
        corner: Point,
        [rows, columns]: [usize; 2],
        [step_y, step_x]: [f64; 2],
    ) -> Result<Self> {
        let positions = rows.saturating_mul(columns);
        if !(1..=Self::MAX_POSITIONS).contains(&positions) {
            let found = format!("{rows} × {columns} positions");
            return Err(Error::argument("raster", found, "1 to 2²⁴ positions"));
        }
        for (name, step) in [("step_y", step_y), ("step_x", step_x)] {
            if !(1e-6..=1e6).contains(&step) {
                return Err(Error::argument(name, step, "a step of 1e-6..=1e6 Å"));
            }
        }
        let raster = Self {
            corner,
            rows,
            columns,
            step_y,
            step_x,
        };
        for end in [corner, raster.position(rows - 1, columns - 1)] {
            if !(end.y.abs() <= 1e6 && end.x.abs() <= 1e6) {
                let found = format!("a place at ({}, {}) Å", end.y, end.x);
                return Err(Error::argument("raster", found, "places within ±10⁶ Å"));
            }
        }
        Ok(raster)
    }

    /// Covers `height` × `width` Å with the fewest equal steps of at most `step` Å, each position the corner of its step: over
    /// a cell that repeats, none is visited twice.
    ///
    /// # Errors
    /// As [`Raster::new`].
    pub fn over(corner: Point, height: f64, width: f64, step: f64) -> Result<Self> {
        for (name, length) in [("height", height), ("width", width), ("step", step)] {
            if !(length > 0.0 && length.is_finite()) {
                return Err(Error::argument(name, length, "a positive finite length, Å"));
            }
        }
        // a length that is a whole number of steps but for rounding takes no further one
        let count = |length: f64| (length / step * (1.0 - 1e-9)).ceil().max(1.0);
        let counts = [count(height), count(width)];
        if counts[0] * counts[1] > Self::MAX_POSITIONS as f64 {
            let found = format!("{step} Å: {:.0} × {:.0} positions", counts[0], counts[1]);
            return Err(Error::argument("step", found, "1 to 2²⁴ positions"));
        }
        let steps = [height / counts[0], width / counts[1]];
        Self::new(corner, counts.map(|count| count as usize), steps)
    }

    /// The first place, Å.
    pub fn corner(&self) -> Point {
        self.corner
    }

    /// Number of rows, along y.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns, along x.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Distance between rows, Å.
    pub fn step_y(&self) -> f64 {
        self.step_y
    }

    /// Distance between columns, Å.
    pub fn step_x(&self) -> f64 {
        self.step_x
    }

    /// Place of a row and column, Å.
    pub fn position(&self, row: usize, column: usize) -> Point {
        let along = Point::new(row as f64 * self.step_y, column as f64 * self.step_x);
        self.corner + along
    }

    /// The places of one row, Å.
    pub fn row(&self, row: usize) -> Vec<Point> {
        (0..self.columns)
            .map(|column| self.position(row, column))
            .collect()
    }

    /// An image `[row, column]` over this raster as a source of finite size shows it.
    ///
    /// # Errors
    /// [`Error::Argument`] for an image of another size, and as [`Source::blur`].
    pub fn blurred(
        &self,
        image: &Array2<f64>,
        source: Source,
        edges: Edges,
    ) -> Result<Array2<f64>> {
        if image.dim() != (self.rows, self.columns) {
            let found = format!("{:?} pixels", image.dim());
            let rule = format!("{} × {}, as the raster", self.rows, self.columns);
            return Err(Error::argument("image", found, rule));
        }
        source.blur(image, self.step_y, self.step_x, edges)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_fill_the_field_and_are_never_longer_than_asked() {
        let raster = Raster::over(Point::new(1.0, -2.0), 3.0, 5.0, 0.3).unwrap();
        assert_eq!((raster.rows(), raster.columns()), (10, 17));
        let beyond = raster.position(10, 17);
        assert!(beyond.distance(Point::new(4.0, 3.0)) < 1e-12);
        assert_eq!(raster.row(9)[16], raster.position(9, 16));
        let wide = Raster::over(Point::default(), 1.0, 1.0, 7.0).unwrap();
        assert_eq!((wide.rows(), wide.columns(), wide.step_y()), (1, 1, 1.0));
    }

    #[test]
    fn impossible_rasters_are_refused_by_name() {
        let origin = Point::default();
        for (height, step, named) in [
            (f64::NAN, 0.1, "height"),
            (-1.0, 0.1, "height"),
            (1.0, 0.0, "step"),
            (1e6, 1e-3, "step"),
        ] {
            let error = Raster::over(origin, height, 10.0, step).unwrap_err();
            assert!(error.to_string().starts_with(named), "{error}");
        }
        assert!(Raster::new(origin, [0, 3], [1.0, 1.0]).is_err());
        assert!(Raster::new(origin, [usize::MAX, 3], [1.0, 1.0]).is_err());
        assert!(Raster::new(Point::new(0.0, f64::NAN), [1, 1], [1.0, 1.0]).is_err());
        assert!(Raster::new(origin, [3, 3], [f64::INFINITY, 1.0]).is_err());
        let raster = Raster::new(origin, [3, 4], [0.5, 0.5]).unwrap();
        let image = Array2::zeros((4, 3));
        let error = raster.blurred(&image, Source::POINT, Edges::Periodic);
        assert!(error.unwrap_err().to_string().contains("3 × 4"));
    }
}
