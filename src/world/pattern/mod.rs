//! Patterns: how the random part of a specimen is laid out, as pure functions of settings, shape and seed.
//!
//! [`Inclusions`], [`Faults`] and [`Polar`] label the cells of a lattice; a [`Particle`] is a list of columns,
//! [`Scatter`] picks columns that are defects, and [`Composition`] replaces atoms. Settings come from a world file and are
//! checked once (`check`, and `check_cells` against the lattice); with checked settings every `draw` succeeds.
//!
//! | pattern | labels |
//! | --- | --- |
//! | [`Inclusions`] | 0 the matrix, then one a class of inclusions |
//! | [`Faults`] | 0 the crystal, 1 the crystal half a cell aside; one label a half lattice plane |
//! | [`Polar`] | numbers in the list of [`Polar::variants`] |

mod composition;
mod faults;
mod inclusions;
mod keys;
mod particle;
mod polar;
mod quantity;
mod scattered;

pub use composition::{Composition, Shares};
pub use faults::Faults;
pub use inclusions::{InclusionClass, Inclusions};
pub use particle::{Particle, Standing};
pub use polar::{Arrangement, Polar, Variant};
pub use quantity::{Length, Share};
pub use scattered::{Class, Clusters, Scatter};

use crate::{Error, Result};
use ndarray::{Array2, ArrayView2, Axis, Slice};

/// Fewest rows and columns within the field.
const FEWEST: usize = 8;
/// Most rows and columns in all.
const MOST: usize = 4096;

/// A rectangular lattice of label cells: the field, and a margin of the same width on all four sides.
///
/// Cell `[row, column]` holds the places from `[row, column]` to `[row + 1, column + 1]` times the edge lengths, counted
/// from the first cell of the margin.
///
/// ```
/// use dosewise::world::pattern::Cells;
/// let cells = Cells::new([24, 30], [6.3, 6.3], 2)?;
/// let labels = ndarray::Array2::<u8>::zeros(cells.dim());
/// assert_eq!(cells.field(&labels).dim(), (20, 26));
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cells {
    rows: usize,
    columns: usize,
    height: f64,
    width: f64,
    margin: usize,
}

impl Cells {
    /// A lattice of `[rows, columns]` cells with edges of `[height, width]` Å, the outer `margin` of which are beyond the
    /// field.
    ///
    /// # Errors
    /// [`Error::Argument`] for fewer than 8 rows or columns in the field or more than 4096 in all, and for edges outside
    /// 0.1..=1000 Å.
    pub fn new(
        [rows, columns]: [usize; 2],
        [height, width]: [f64; 2],
        margin: usize,
    ) -> Result<Self> {
        for (name, number) in [("rows", rows), ("columns", columns)] {
            let fewest = margin.saturating_mul(2).saturating_add(FEWEST);
            if !(fewest..=MOST).contains(&number) {
                let rule = format!("{fewest}..={MOST} with a margin of {margin}");
                return Err(Error::argument(name, number, rule));
            }
        }
        for (name, edge) in [("height", height), ("width", width)] {
            if !(0.1..=1000.0).contains(&edge) {
                return Err(Error::argument(name, edge, "0.1..=1000 Å"));
            }
        }
        Ok(Self {
            rows,
            columns,
            height,
            width,
            margin,
        })
    }

    /// Numbers of rows and columns, margin included.
    pub fn dim(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// Height and width of a cell, Å.
    pub fn edges(&self) -> [f64; 2] {
        [self.height, self.width]
    }

    /// Cells beyond the field on each side.
    pub fn margin(&self) -> usize {
        self.margin
    }

    /// The part of a map that lies in the field; a map of another shape than [`Cells::dim`] is cut to what it has.
    pub fn field<'a, T>(&self, map: &'a Array2<T>) -> ArrayView2<'a, T> {
        let mut view = map.view();
        for axis in [Axis(0), Axis(1)] {
            let end = view.len_of(axis).saturating_sub(self.margin);
            view.slice_axis_inplace(axis, Slice::from(self.margin.min(end)..end));
        }
        view
    }

    /// Whether a cell lies in the field.
    fn in_field(&self, [row, column]: [usize; 2]) -> bool {
        (self.margin..self.rows - self.margin).contains(&row)
            && (self.margin..self.columns - self.margin).contains(&column)
    }

    /// Rows and columns of the field.
    fn field_dim(&self) -> [usize; 2] {
        [self.rows, self.columns].map(|length| length - 2 * self.margin)
    }

    /// The shorter side of the field, Å.
    fn shorter_side(&self) -> f64 {
        let [rows, columns] = self.field_dim();
        (rows as f64 * self.height).min(columns as f64 * self.width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lattices_without_room_are_refused() {
        let refused = |dim, edges, margin| Cells::new(dim, edges, margin).unwrap_err().to_string();
        assert!(refused([7, 20], [4.0, 4.0], 0).starts_with("rows: found 7, allowed is 8..=4096"));
        assert!(refused([20, 11], [4.0, 4.0], 2).contains("12..=4096 with a margin of 2"));
        assert!(refused([20, 20], [f64::NAN, 4.0], 2).starts_with("height"));
        assert!(refused([20, 20], [4.0, f64::INFINITY], 2).starts_with("width"));
        assert!(refused([20, 20], [4.0, 4.0], usize::MAX).starts_with("rows"));
        assert!(refused([usize::MAX, 20], [4.0, 4.0], 1).starts_with("rows"));
    }

    #[test]
    fn the_field_is_what_the_margin_leaves() {
        let cells = Cells::new([12, 14], [2.0, 3.0], 2).unwrap();
        let map = Array2::from_shape_fn(cells.dim(), |(row, column)| {
            u8::from(cells.in_field([row, column]))
        });
        assert_eq!(cells.field(&map).sum(), 8 * 10);
        assert_eq!(map.sum(), 8 * 10);
        assert_eq!(cells.shorter_side(), 16.0);
    }
}
