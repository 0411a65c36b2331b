//! The image of a perfect crystal.

use super::{Patch, Raster};
use crate::units::Point;
use ndarray::Array2;

/// One period of the image of a perfect crystal, looked up periodically.
#[derive(Debug, Clone)]
pub(crate) struct Tile {
    pub(super) raster: Raster,
    /// With one pixel before and three after each period, so that no look-up has to turn back.
    pub(super) values: Array2<f32>,
}

impl Tile {
    /// From the values at the pixels of a cell, row by row; those that are missing are zero.
    pub(crate) fn sampled(raster: Raster, values: &[f64]) -> Self {
        let [rows, columns] = raster.pixels;
        let values = Array2::from_shape_fn((rows + 4, columns + 4), |(row, column)| {
            let (row, column) = ((row + rows - 1) % rows, (column + columns - 1) % columns);
            values
                .get(row * columns + column)
                .map_or(0.0, |v| *v as f32)
        });
        Self { raster, values }
    }

    /// The same value everywhere.
    pub(crate) fn flat(raster: Raster, value: f64) -> Self {
        Self::sampled(raster, &vec![value; raster.pixels[0] * raster.pixels[1]])
    }

    /// Mean over the period.
    pub(crate) fn mean(&self) -> f64 {
        let [rows, columns] = self.raster.pixels;
        let places = (1..=rows).flat_map(|row| (1..=columns).map(move |column| [row, column]));
        let sum: f64 = places.map(|place| f64::from(self.values[place])).sum();
        sum / (rows * columns) as f64
    }

    /// Where a place of the crystal lies in this tile and all others of its raster; coordinates (Å) are positive.
    #[inline(always)]
    pub(crate) fn patch(&self, place: Point) -> Option<Patch> {
        let wrapped = |value: f64, axis: usize| {
            let pixels = self.raster.pixels[axis] as f64;
            let position = value * self.raster.per_angstrom[axis];
            // places are positive, so that truncation is the floor
            let periods = (position * self.raster.per_pixel[axis]) as i64 as f64;
            let turn = position - pixels * periods;
            // rounding may leave a whole period, or less than nothing
            match turn {
                _ if turn < 0.0 => (turn + pixels).max(0.0),
                _ if turn >= pixels => 0.0,
                _ => turn,
            }
        };
        Patch::new(wrapped(place.y, 0) + 1.0, wrapped(place.x, 1) + 1.0)
    }

    /// Value in a patch of a tile of the same raster.
    #[inline(always)]
    pub(crate) fn under(&self, patch: &Patch) -> f64 {
        patch.sum(self.values.as_slice().unwrap_or(&[]), self.values.ncols())
    }

    /// Value at a place of the crystal, Å, all coordinates being positive.
    #[inline]
    pub(crate) fn at(&self, place: Point) -> f64 {
        self.patch(place).map_or(0.0, |patch| self.under(&patch))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::f64::consts::TAU;

    pub(in super::super) fn raster() -> Raster {
        Raster::new([5.0, 4.0], 1.5)
    }

    /// A crystal whose highest wave reaches half of the band, where a probe's transfer has fallen to 0.39.
    fn crystal(place: Point) -> f64 {
        1.0 + 0.5 * (TAU * place.y / 5.0).cos()
            + 0.3 * (TAU * (place.y / 5.0 - 2.0 * place.x / 4.0)).sin()
            + 0.1 * (TAU * 3.0 * place.x / 4.0).cos()
    }

    pub(in super::super) fn tile() -> Tile {
        let raster = raster();
        let [rows, columns] = raster.pixels;
        let values: Vec<f64> = (0..rows * columns)
            .map(|n| ((n / columns) as f64, (n % columns) as f64))
            .map(|(y, x)| crystal(Point::new(y * raster.pixel[0], x * raster.pixel[1])))
            .collect();
        Tile::sampled(raster, &values)
    }

    #[test]
    fn interpolation_is_good_enough() {
        let tile = tile();
        let mut worst: f64 = 0.0;
        for n in 0..400 {
            let place = Point::new(0.049 * f64::from(n), 0.0487 * f64::from(n));
            worst = worst.max((tile.at(place) - crystal(place)).abs());
        }
        assert!(worst < 5e-3 * 1.8, "{worst}");
        assert!((tile.mean() - 1.0).abs() < 1e-6);
    }
}
