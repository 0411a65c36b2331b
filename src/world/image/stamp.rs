//! What a change of a column adds to the image.

use super::{Patch, Raster};
use crate::units::Point;
use ndarray::Array2;

/// What one change of a column adds to the image, sampled around the column.
#[derive(Debug, Clone)]
pub(crate) struct Stamp {
    pub(super) raster: Raster,
    /// Pixel of the first value, from the corner of the column's cell.
    pub(super) first: [isize; 2],
    /// Place of the column in units of pixels, from the first value.
    pub(super) centre: [f64; 2],
    pub(super) values: Array2<f32>,
}

impl Stamp {
    /// Smallest value kept, in shares of the largest.
    const LEAST: f64 = 2e-4;

    /// From `change` at offsets (y, x) in Å from the column, which stands at `offset` in its cell; nothing is left beyond
    /// `reach` Å, and margins that hold next to nothing are cut off.
    pub(crate) fn new(
        raster: Raster,
        offset: Point,
        reach: f64,
        change: impl Fn(Point) -> f64,
    ) -> Self {
        let bounds = |at: f64, pixel: f64| {
            let first = ((at - reach) / pixel).ceil() as isize;
            let last = ((at + reach) / pixel).floor() as isize;
            (first, (last - first + 1).max(1) as usize)
        };
        let (first_row, rows) = bounds(offset.y, raster.pixel[0]);
        let (first_column, columns) = bounds(offset.x, raster.pixel[1]);
        let whole = Array2::from_shape_fn((rows, columns), |(row, column)| {
            let y = (first_row + row as isize) as f64 * raster.pixel[0];
            let x = (first_column + column as isize) as f64 * raster.pixel[1];
            change(Point::new(y, x) - offset) as f32
        });
        let largest = whole.iter().fold(0.0_f32, |most, v| most.max(v.abs()));
        let kept: Vec<(usize, usize)> = (whole.indexed_iter())
            .filter(|(_, v)| f64::from(v.abs()) > Self::LEAST * f64::from(largest))
            .map(|(place, _)| place)
            .collect();
        let range = |of: fn(&(usize, usize)) -> usize| {
            let low = kept.iter().map(of).min().unwrap_or(0);
            let high = kept.iter().map(of).max().unwrap_or(0);
            low..high + 1
        };
        let (by_row, by_column) = (range(|p| p.0), range(|p| p.1));
        let first = [
            first_row + by_row.start as isize,
            first_column + by_column.start as isize,
        ];
        let place = [offset.y, offset.x];
        let shape = (by_row.len(), by_column.len());
        Self {
            raster,
            first,
            centre: [0, 1].map(|axis| place[axis] / raster.pixel[axis] - first[axis] as f64),
            values: Array2::from_shape_fn(shape, |(row, column)| {
                whole[[by_row.start + row, by_column.start + column]]
            }),
        }
    }

    /// No change.
    pub(crate) fn none(raster: Raster, offset: Point) -> Self {
        Self::new(raster, offset, 0.0, |_| 0.0)
    }

    /// The sum of stamps of the same column with their weights.
    pub(crate) fn sum(parts: &[(f64, &Stamp)]) -> Option<Self> {
        let (_, any) = parts.first()?;
        let low = |axis: usize| parts.iter().map(|(_, s)| s.first[axis]).min();
        let high = |axis: usize| {
            let ends = parts.iter();
            ends.map(|(_, s)| s.first[axis] + s.values.len_of(ndarray::Axis(axis)) as isize)
                .max()
        };
        let first = [low(0)?, low(1)?];
        let shape = [high(0)? - first[0], high(1)? - first[1]].map(|n| n as usize);
        let mut values = Array2::zeros((shape[0], shape[1]));
        for (weight, stamp) in parts {
            let [row, column] = [0, 1].map(|axis| (stamp.first[axis] - first[axis]) as usize);
            for ((y, x), value) in stamp.values.indexed_iter() {
                values[[row + y, column + x]] += *weight as f32 * value;
            }
        }
        Some(Self {
            raster: any.raster,
            first,
            centre: [0, 1].map(|axis| any.centre[axis] + (any.first[axis] - first[axis]) as f64),
            values,
        })
    }

    /// Value at an offset (y, x) from the column in the frame of the crystal, Å.
    pub(crate) fn at(&self, offset: Point) -> f64 {
        let row = offset.y * self.raster.per_angstrom[0] + self.centre[0];
        let column = offset.x * self.raster.per_angstrom[1] + self.centre[1];
        let values = self.values.as_slice().unwrap_or(&[]);
        Patch::new(row, column).map_or(0.0, |patch| patch.sum(values, self.values.ncols()))
    }

    /// Sum of the values times the area of a pixel, Å².
    pub(crate) fn integral(&self) -> f64 {
        let area = self.raster.pixel[0] * self.raster.pixel[1];
        area * self.values.iter().map(|v| f64::from(*v)).sum::<f64>()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::tile::tests::raster;
    use super::*;
    use std::f64::consts::TAU;

    pub(in super::super) fn bump(offset: Point) -> f64 {
        (-0.5 * (offset.y.powi(2) + (offset.x - 0.2).powi(2)) / 0.36).exp()
    }

    #[test]
    fn stamps_keep_what_they_sample() {
        let stamp = Stamp::new(raster(), Point::new(1.23, 3.9), 6.0, bump);
        for (y, x) in [(0.0, 0.0), (0.4, 0.9), (-1.1, 0.3), (2.0, -1.0)] {
            let offset = Point::new(y, x);
            assert!((stamp.at(offset) - bump(offset)).abs() < 1e-2);
        }
        assert!((stamp.integral() - TAU * 0.36).abs() < 1e-3);
    }

    #[test]
    fn sums_of_stamps_are_stamps_of_sums() {
        let at = Point::new(1.23, 3.9);
        let one = Stamp::new(raster(), at, 6.0, bump);
        let other = Stamp::new(raster(), at, 2.0, |o| bump(o + Point::new(0.5, -0.1)));
        let sum = Stamp::sum(&[(1.0, &one), (-0.5, &other)]).unwrap();
        for (y, x) in [(0.0, 0.0), (0.4, -0.5), (-0.7, 0.3)] {
            let offset = Point::new(y, x);
            let expected = one.at(offset) - 0.5 * other.at(offset);
            assert!((sum.at(offset) - expected).abs() < 1e-6);
        }
        assert!(Stamp::sum(&[]).is_none());
        assert_eq!(Stamp::none(raster(), at).at(Point::default()), 0.0);
    }
}
