//! The image of a specimen.

use super::{Patch, Raster, Stamp, Tile};
use crate::units::Point;
use ndarray::Array2;
use std::ops::Range;

/// Edge of a block, pixels.
const BLOCK: usize = 8;

/// The image of all cells of a lattice: a ground, and what was added to it.
///
/// A perfect crystal stays in the processor's nearest memory as a single period; only the blocks that something was added to are
/// laid out.
#[derive(Debug, Clone)]
pub(crate) struct Canvas {
    raster: Raster,
    /// What is seen where nothing was added; dark without it.
    ground: Option<Ground>,
    /// Ground and additions, in blocks that are laid out.
    values: Array2<f32>,
    laid_out: Array2<bool>,
    /// Blocks in which patches begin that show some addition.
    opened: Array2<bool>,
}

impl Canvas {
    /// Pixels around the lattice, so that a look-up at its rim finds its neighbours.
    const RIM: usize = 2;

    /// So many cells along y and x, dark.
    pub(crate) fn new(raster: Raster, cells: [usize; 2]) -> Self {
        let [rows, columns] = [0, 1].map(|axis| cells[axis] * raster.pixels[axis] + 2 * Self::RIM);
        let blocks = (rows.div_ceil(BLOCK), columns.div_ceil(BLOCK));
        Self {
            raster,
            ground: None,
            values: Array2::zeros((rows, columns)),
            laid_out: Array2::from_elem(blocks, false),
            opened: Array2::from_elem(blocks, false),
        }
    }

    /// So many cells of a perfect crystal.
    pub(crate) fn tiled(tile: &Tile, cells: [usize; 2]) -> Self {
        let canvas = Self::new(tile.raster, cells);
        let (rows, columns) = canvas.values.dim();
        Self {
            ground: Some(Ground::new(tile, [rows, columns])),
            ..canvas
        }
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
        self.open(row..row + height, column..column + width);
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
        self.open(by_row.clone(), by_column.clone());
        for row in by_row {
            let y = (row as f64 - Self::RIM as f64) * pixel_y - place.y;
            for column in by_column.clone() {
                let x = (column as f64 - Self::RIM as f64) * pixel_x - place.x;
                self.values[[row, column]] += (height * gauss(y) * gauss(x)) as f32;
            }
        }
    }

    /// Value at a place of the crystal, Å; zero outside.
    #[inline(always)]
    pub(crate) fn at(&self, place: Point) -> f64 {
        let row = place.y * self.raster.per_angstrom[0] + Self::RIM as f64;
        let column = place.x * self.raster.per_angstrom[1] + Self::RIM as f64;
        let Some(mut patch) = Patch::new(row, column) else {
            return 0.0;
        };
        let block = (patch.row / BLOCK, patch.column / BLOCK);
        if self.opened.get(block).is_some_and(|opened| *opened) {
            let values = self.values.as_slice().unwrap_or(&[]);
            return patch.sum(values, self.values.ncols());
        }
        let ground = self.ground.as_ref();
        ground.map_or(0.0, |ground| ground.under(&mut patch))
    }

    /// Makes pixels ready for additions: they, and all that are read together with them, are laid out from the ground.
    fn open(&mut self, rows: Range<usize>, columns: Range<usize>) {
        if rows.is_empty() || columns.is_empty() {
            return;
        }
        let (down, across) = self.opened.dim();
        // a patch that begins up to three pixels earlier reads them too
        let blocks = |pixels: &Range<usize>, limit: usize| {
            let first = pixels.start.saturating_sub(3) / BLOCK;
            first..((pixels.end - 1) / BLOCK + 1).min(limit)
        };
        let (by_row, by_column) = (blocks(&rows, down), blocks(&columns, across));
        // and reads up to three behind its block
        for row in by_row.start..(by_row.end + 1).min(down) {
            for column in by_column.start..(by_column.end + 1).min(across) {
                self.lay_out(row, column);
            }
        }
        for row in by_row {
            for column in by_column.clone() {
                self.opened[[row, column]] = true;
            }
        }
    }

    /// Copies a block of the ground, once.
    fn lay_out(&mut self, row: usize, column: usize) {
        let Some(ground) = &self.ground else { return };
        if std::mem::replace(&mut self.laid_out[[row, column]], true) {
            return;
        }
        let (rows, columns) = self.values.dim();
        for y in row * BLOCK..((row + 1) * BLOCK).min(rows) {
            for x in column * BLOCK..((column + 1) * BLOCK).min(columns) {
                self.values[[y, x]] = ground.pixel(y, x);
            }
        }
    }
}

/// What a canvas shows where nothing was added: a crystal that goes on and on.
#[derive(Debug, Clone)]
struct Ground {
    tile: Tile,
    /// Where the rows and columns of the canvas are in the tile.
    places: [Vec<u32>; 2],
}

impl Ground {
    /// For a canvas of so many pixels along y and x.
    fn new(tile: &Tile, shape: [usize; 2]) -> Self {
        let places = [0, 1].map(|axis| {
            // the tile begins one pixel before its period, the canvas by its rim
            let period = tile.raster.pixels[axis];
            let behind = period * Canvas::RIM + 1 - Canvas::RIM;
            let place = |pixel: usize| ((pixel + behind) % period) as u32;
            (0..shape[axis]).map(place).collect()
        });
        Self {
            tile: tile.clone(),
            places,
        }
    }

    #[inline]
    fn pixel(&self, row: usize, column: usize) -> f32 {
        let [rows, columns] = &self.places;
        self.tile.values[[rows[row] as usize, columns[column] as usize]]
    }

    /// Value in a patch of the canvas; zero where a sample is missing.
    #[inline(always)]
    fn under(&self, patch: &mut Patch) -> f64 {
        let [rows, columns] = &self.places;
        if patch.row + 4 > rows.len() || patch.column + 4 > columns.len() {
            return 0.0;
        }
        patch.row = rows[patch.row] as usize;
        patch.column = columns[patch.column] as usize;
        self.tile.under(patch)
    }
}

#[cfg(test)]
mod tests {
    use super::super::stamp::tests::bump;
    use super::super::tile::tests::{raster, tile};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_tiled_canvas_goes_on_and_on() {
        let (tile, canvas) = (tile(), Canvas::tiled(&tile(), [4, 5]));
        for n in 0..400 {
            let place = Point::new(0.049 * f64::from(n), 0.0487 * f64::from(n));
            let (found, expected) = (canvas.at(place), tile.at(place));
            assert!((found - expected).abs() < 1e-5, "{place:?}");
        }
    }

    proptest! {
        #[test]
        fn additions_are_seen_wherever_they_are(
            columns in prop::collection::vec(((0..5_i32, 0..6_i32), (0.0..5.0_f64, 0.0..4.0_f64)), 1..4),
            places in prop::collection::vec((0.0..25.0_f64, 0.0..24.0_f64), 60),
        ) {
            let (tile, mut canvas) = (tile(), Canvas::tiled(&tile(), [5, 6]));
            // the same on a canvas that is laid out throughout, since all of it was added to
            let mut whole = Canvas::tiled(&tile, [5, 6]);
            let (rows, across) = whole.values.dim();
            whole.open(0..rows, 0..across);
            for ((row, column), (y, x)) in columns {
                let stamp = Stamp::new(raster(), Point::new(y, x), 2.0, bump);
                canvas.add([row, column], &stamp, 0.7);
                whole.add([row, column], &stamp, 0.7);
            }
            for (y, x) in places {
                let place = Point::new(y, x);
                prop_assert_eq!(canvas.at(place), whole.at(place));
            }
        }
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
        }
        canvas.add([2, 3], &stamp, -2.0);
        assert!(canvas.at(Point::new(10.0, 12.0) + at).abs() < 1e-6);
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
