//! Images in the frame of the crystal: one period of it, the change that an atom makes, and what they add up to.
//!
//! All are sampled on one grid, a whole number of pixels a cell, so that the same change looks the same in every cell and is
//! put into its place by plain additions.

use crate::units::Point;
use ndarray::Array2;

/// Largest pixel in units of the shortest period of the image, the reciprocal of its band limit 2α/λ. What a cubic
/// interpolation misses is then a few parts in a thousand of the range (`interpolation_is_good_enough`).
const PIXEL_OF_BAND: f64 = 0.2;

/// How finely the cells of a lattice are sampled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Raster {
    /// Pixels a cell along y and x.
    pub pixels: [usize; 2],
    /// Their edges, Å.
    pub pixel: [f64; 2],
    /// Pixels a Å.
    per_angstrom: [f64; 2],
}

impl Raster {
    /// For cells of `period` Å and images of a band limit of `band` 1/Å.
    pub(crate) fn new(period: [f64; 2], band: f64) -> Self {
        let pixels = period.map(|edge| (edge * band / PIXEL_OF_BAND).ceil().max(4.0) as usize);
        let pixel = [0, 1].map(|axis| period[axis] / pixels[axis] as f64);
        Self {
            pixels,
            pixel,
            per_angstrom: pixel.map(f64::recip),
        }
    }
}

/// Keys' cubic weights in single precision, see [`crate::stem::interpolation`].
#[inline]
fn weights(t: f32) -> [f32; 4] {
    let (t2, t3) = (t * t, t * t * t);
    [
        0.5 * (-t3 + 2.0 * t2 - t),
        0.5 * (3.0 * t3 - 5.0 * t2 + 2.0),
        0.5 * (-3.0 * t3 + 4.0 * t2 + t),
        0.5 * (t3 - t2),
    ]
}

/// The sixteen samples around a place, and how much of each is in the value there: cubic interpolation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patch {
    row: usize,
    column: usize,
    along_y: [f32; 4],
    along_x: [f32; 4],
}

impl Patch {
    /// Around (`row`, `column`) in units of pixels; nothing before the second sample, far away, or at NaN.
    #[inline]
    fn new(row: f64, column: f64) -> Option<Self> {
        if !((1.0..1e9).contains(&row) && (1.0..1e9).contains(&column)) {
            return None;
        }
        // what remains is positive, so that truncation is the floor
        let (first_row, first_column) = (row as usize, column as usize);
        Some(Self {
            row: first_row - 1,
            column: first_column - 1,
            along_y: weights((row - first_row as f64) as f32),
            along_x: weights((column - first_column as f64) as f32),
        })
    }

    /// The value in an array of `stride` values a row; zero where a sample is missing.
    #[inline]
    fn sum(&self, values: &[f32], stride: usize) -> f64 {
        let start = self.row * stride + self.column;
        let end = start + 3 * stride + 4;
        if self.column + 4 > stride || end > values.len() {
            return 0.0;
        }
        // four columns side by side, as the processor takes them
        let mut columns = [0.0_f32; 4];
        for (line, weight) in self.along_y.iter().enumerate() {
            let line = &values[start + line * stride..][..4];
            for (sum, value) in columns.iter_mut().zip(line) {
                *sum += weight * value;
            }
        }
        let [a, b, c, d] = [0, 1, 2, 3].map(|n| columns[n] * self.along_x[n]);
        f64::from((a + b) + (c + d))
    }
}

/// One period of the image of a perfect crystal, looked up periodically.
#[derive(Debug, Clone)]
pub(crate) struct Tile {
    raster: Raster,
    /// With one pixel before and three after each period, so that no look-up has to turn back.
    values: Array2<f32>,
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
    #[inline]
    pub(crate) fn patch(&self, place: Point) -> Option<Patch> {
        let wrapped = |value: f64, axis: usize| {
            let pixels = self.raster.pixels[axis] as f64;
            let position = value * self.raster.per_angstrom[axis];
            // places are positive, so that truncation is the floor
            let turn = position - pixels * (position / pixels) as i64 as f64;
            // rounding may leave a whole period
            if turn >= pixels { 0.0 } else { turn.max(0.0) }
        };
        Patch::new(wrapped(place.y, 0) + 1.0, wrapped(place.x, 1) + 1.0)
    }

    /// Value in a patch of a tile of the same raster.
    #[inline]
    pub(crate) fn under(&self, patch: &Patch) -> f64 {
        patch.sum(self.values.as_slice().unwrap_or(&[]), self.values.ncols())
    }

    /// Value at a place of the crystal, Å, all coordinates being positive.
    #[inline]
    pub(crate) fn at(&self, place: Point) -> f64 {
        self.patch(place).map_or(0.0, |patch| self.under(&patch))
    }
}

/// What one change of a column adds to the image, sampled around the column.
#[derive(Debug, Clone)]
pub(crate) struct Stamp {
    raster: Raster,
    /// Pixel of the first value, from the corner of the column's cell.
    first: [isize; 2],
    /// Place of the column in units of pixels, from the first value.
    centre: [f64; 2],
    values: Array2<f32>,
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

/// The image of all cells of a lattice.
#[derive(Debug, Clone)]
pub(crate) struct Canvas {
    raster: Raster,
    values: Array2<f32>,
}

impl Canvas {
    /// Pixels around the lattice, so that a look-up at its rim finds its neighbours.
    const RIM: usize = 2;

    /// So many cells along y and x, dark.
    pub(crate) fn new(raster: Raster, cells: [usize; 2]) -> Self {
        let [rows, columns] = [0, 1].map(|axis| cells[axis] * raster.pixels[axis] + 2 * Self::RIM);
        Self {
            raster,
            values: Array2::zeros((rows, columns)),
        }
    }

    /// So many cells of a perfect crystal.
    pub(crate) fn tiled(tile: &Tile, cells: [usize; 2]) -> Self {
        let mut canvas = Self::new(tile.raster, cells);
        let [rows, columns] = tile.raster.pixels;
        let width = canvas.values.ncols();
        let stored = tile.values.ncols();
        let source = tile.values.as_slice().unwrap_or(&[]);
        let target = canvas.values.as_slice_mut().unwrap_or(&mut []);
        for (index, line) in target.chunks_exact_mut(width).enumerate() {
            let row = (index + rows - Self::RIM % rows) % rows;
            let period = &source[(row + 1) * stored + 1..][..columns];
            let mut from = (columns - Self::RIM % columns) % columns;
            let mut at = 0;
            while at < width {
                let run = (columns - from).min(width - at);
                line[at..at + run].copy_from_slice(&period[from..from + run]);
                at += run;
                from = 0;
            }
        }
        canvas
    }

    /// Adds `scale` times a stamp whose column stands in the cell (row, column); what lies outside is left out.
    pub(crate) fn add(&mut self, cell: [i32; 2], stamp: &Stamp, scale: f32) {
        let (rows, columns) = self.values.dim();
        let start = [0, 1].map(|axis| {
            cell[axis] as isize * self.raster.pixels[axis] as isize
                + stamp.first[axis]
                + Self::RIM as isize
        });
        let (height, width) = stamp.values.dim();
        let clip = |start: isize, length: usize, limit: usize| {
            let from = start.clamp(0, limit as isize);
            let to = (start + length as isize).clamp(0, limit as isize);
            (
                from as usize,
                (to - from).max(0) as usize,
                (from - start) as usize,
            )
        };
        let (row, height, skipped_rows) = clip(start[0], height, rows);
        let (column, width, skipped) = clip(start[1], width, columns);
        let (stride, stamped) = (columns, stamp.values.ncols());
        let source = stamp.values.as_slice().unwrap_or(&[]);
        let target = self.values.as_slice_mut().unwrap_or(&mut []);
        for line in 0..height {
            let from = &source[(skipped_rows + line) * stamped + skipped..][..width];
            let into = &mut target[(row + line) * stride + column..][..width];
            for (sum, value) in into.iter_mut().zip(from) {
                *sum += scale * value;
            }
        }
    }

    /// Adds a stamp whose column stands at any place of the crystal, to the nearest pixel.
    pub(crate) fn add_near(&mut self, place: Point, stamp: &Stamp) {
        let along = [place.y, place.x];
        let first = [0, 1].map(|axis| {
            let start = along[axis] / self.raster.pixel[axis] - stamp.centre[axis];
            start.round() as isize
        });
        let moved = Stamp {
            first,
            ..stamp.clone()
        };
        self.add([0, 0], &moved, 1.0);
    }

    /// Adds a round Gaussian of this height and standard deviation (Å) at a place of the crystal.
    pub(crate) fn add_blob(&mut self, place: Point, height: f64, deviation: f64) {
        let reach = 4.0 * deviation;
        let [pixel_y, pixel_x] = self.raster.pixel;
        let (rows, columns) = self.values.dim();
        let range = |at: f64, pixel: f64, limit: usize| {
            let first = ((at - reach) / pixel).ceil() + Self::RIM as f64;
            let last = ((at + reach) / pixel).floor() + Self::RIM as f64;
            (first.max(0.0) as usize).min(limit)..((last + 1.0).max(0.0) as usize).min(limit)
        };
        let gauss = |distance: f64| (-0.5 * (distance / deviation).powi(2)).exp();
        let (by_row, by_column) = (
            range(place.y, pixel_y, rows),
            range(place.x, pixel_x, columns),
        );
        for row in by_row {
            let y = (row as f64 - Self::RIM as f64) * pixel_y - place.y;
            for column in by_column.clone() {
                let x = (column as f64 - Self::RIM as f64) * pixel_x - place.x;
                self.values[[row, column]] += (height * gauss(y) * gauss(x)) as f32;
            }
        }
    }

    /// Value at a place of the crystal, Å; zero outside.
    pub(crate) fn at(&self, place: Point) -> f64 {
        let row = place.y * self.raster.per_angstrom[0] + Self::RIM as f64;
        let column = place.x * self.raster.per_angstrom[1] + Self::RIM as f64;
        let values = self.values.as_slice().unwrap_or(&[]);
        Patch::new(row, column).map_or(0.0, |patch| patch.sum(values, self.values.ncols()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    fn raster() -> Raster {
        Raster::new([5.0, 4.0], 1.5)
    }

    /// A crystal whose highest wave reaches half of the band, where a probe's transfer has fallen to 0.39.
    fn crystal(place: Point) -> f64 {
        1.0 + 0.5 * (TAU * place.y / 5.0).cos()
            + 0.3 * (TAU * (place.y / 5.0 - 2.0 * place.x / 4.0)).sin()
            + 0.1 * (TAU * 3.0 * place.x / 4.0).cos()
    }

    #[test]
    fn interpolation_is_good_enough() {
        let raster = raster();
        let [rows, columns] = raster.pixels;
        let values: Vec<f64> = (0..rows * columns)
            .map(|n| ((n / columns) as f64, (n % columns) as f64))
            .map(|(y, x)| crystal(Point::new(y * raster.pixel[0], x * raster.pixel[1])))
            .collect();
        let tile = Tile::sampled(raster, &values);
        let canvas = Canvas::tiled(&tile, [4, 5]);
        let mut worst: f64 = 0.0;
        for n in 0..400 {
            let place = Point::new(0.049 * f64::from(n), 0.0487 * f64::from(n));
            worst = worst.max((tile.at(place) - crystal(place)).abs());
            assert!(
                (tile.at(place) - canvas.at(place)).abs() < 1e-5,
                "{place:?}"
            );
        }
        assert!(worst < 5e-3 * 1.8, "{worst}");
        assert!((tile.mean() - 1.0).abs() < 1e-6);
    }

    fn bump(offset: Point) -> f64 {
        (-0.5 * (offset.y.powi(2) + (offset.x - 0.2).powi(2)) / 0.36).exp()
    }

    #[test]
    fn stamps_fall_into_their_cells() {
        let at = Point::new(1.23, 3.9);
        let stamp = Stamp::new(raster(), at, 6.0, bump);
        let mut canvas = Canvas::new(raster(), [6, 6]);
        canvas.add([2, 3], &stamp, 2.0);
        canvas.add([0, 0], &stamp, 1.0); // reaches over the rim
        canvas.add([-9, 400], &stamp, 1.0); // far away
        for (y, x) in [(0.0, 0.0), (0.4, 0.9), (-1.1, 0.3), (2.0, -1.0)] {
            let offset = Point::new(y, x);
            let place = Point::new(10.0, 12.0) + at + offset;
            assert!((canvas.at(place) - 2.0 * bump(offset)).abs() < 2e-2);
            assert!((stamp.at(offset) - bump(offset)).abs() < 1e-2);
        }
        assert!((stamp.integral() - TAU * 0.36).abs() < 1e-3);
        canvas.add([2, 3], &stamp, -2.0);
        assert!(canvas.at(Point::new(10.0, 12.0) + at).abs() < 1e-6);
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

    #[test]
    fn blobs_are_gaussian() {
        let mut canvas = Canvas::new(raster(), [4, 4]);
        let place = Point::new(7.7, 8.1);
        canvas.add_blob(place, 0.2, 2.0);
        let found = canvas.at(place + Point::new(1.0, 2.0));
        assert!((found - 0.2 * (-0.625_f64).exp()).abs() < 1e-4);
        assert!(canvas.at(Point::new(1e9, -5.0)) == 0.0);
    }
}
