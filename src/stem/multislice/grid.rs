//! The grid a wave is sampled on, and the circle of spatial frequencies it keeps.

use crate::stem::fourier::frequency;
use crate::stem::probe::Grid;
use crate::{Error, Result};
use nalgebra::Vector3;

/// Share of the lowest Nyquist frequency that is kept: the product of two waves of that band folds back only outside
/// of it (Kirkland, *Advanced Computing in Electron Microscopy*, 3rd ed. 2020, section 6.8).
const BAND_LIMIT: f64 = 2.0 / 3.0;

/// Most pixels along one side.
const MOST_PIXELS: usize = 1 << 16;

/// How finely the wave is sampled across the box.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sampling {
    /// Pixels with edges of at most this length, Å; made somewhat smaller where that makes the transforms faster.
    Pixel(f64),
    /// So many pixels along y (rows) and x (columns).
    Pixels {
        /// Pixels along y.
        rows: usize,
        /// Pixels along x.
        columns: usize,
    },
}

/// The pixels of the wave with the frequencies they resolve.
///
/// Frequencies of x are numbered 0, 1, …, p, −p, …, −1 in units of 1/width: the *band columns*, which alone reach into
/// the circle |k| ≤ 2/3 of the lowest Nyquist frequency. Frequencies of y have their usual places among `rows`.
#[derive(Debug, Clone)]
pub(crate) struct WaveGrid {
    pixels: Grid,
    /// Radius of the circle, 1/Å.
    band: f64,
    /// Highest frequency number of x inside the circle, p.
    highest: usize,
    /// For each band column the highest frequency number of y inside the circle.
    reach: Vec<usize>,
}

impl WaveGrid {
    /// The grid over the base of a box (Å).
    pub(crate) fn new(extent: Vector3<f64>, sampling: Sampling) -> Result<Self> {
        let (rows, columns) = match sampling {
            Sampling::Pixels { rows, columns } => (rows, columns),
            Sampling::Pixel(pixel) => {
                if !(1e-3..=10.0).contains(&pixel) {
                    let rule = "a pixel of 0.001..=10 Å";
                    return Err(Error::argument("sampling", pixel, rule));
                }
                let size = |edge: f64| fast_size((edge / pixel * (1.0 - 1e-9)).ceil() as usize);
                (size(extent.y), size(extent.x))
            }
        };
        for (name, count) in [("rows", rows), ("columns", columns)] {
            if !(8..=MOST_PIXELS).contains(&count) {
                let rule = format!("8..={MOST_PIXELS} pixels along a side");
                return Err(Error::argument(format!("sampling, {name}"), count, rule));
            }
        }
        let pixels = Grid {
            rows,
            columns,
            pixel_y: extent.y / rows as f64,
            pixel_x: extent.x / columns as f64,
        };
        let band = BAND_LIMIT * 0.5 / pixels.pixel_y.max(pixels.pixel_x);
        Ok(Self::with_circle(pixels, band))
    }

    /// These pixels with a circle of radius `band` (1/Å) that they resolve.
    fn with_circle(pixels: Grid, band: f64) -> Self {
        let height = pixels.rows as f64 * pixels.pixel_y;
        let width = pixels.columns as f64 * pixels.pixel_x;
        // a frequency on the circle itself belongs to it, whichever way its last bit is rounded
        let inside = band * (1.0 + 1e-12);
        let highest = (inside * width) as usize;
        let reach = (0..=highest)
            .chain((1..=highest).rev())
            .map(|number| {
                let kx = number as f64 / width;
                ((inside * inside - kx * kx).max(0.0).sqrt() * height) as usize
            })
            .collect();
        Self {
            pixels,
            band,
            highest,
            reach,
        }
    }

    /// A window of 1/`parts` of the box along (y, x), and the box made of such windows, both with the circle of this grid
    /// and with hardly more pixels than resolve it: two thirds as many along a side.
    pub(crate) fn window_and_box(&self, parts: [usize; 2]) -> [Self; 2] {
        let (height, width) = self.edges();
        // from −n to n, n the highest number in the circle, and one more so that the circle lies below Nyquist
        let pixels = |length: f64, parts: usize| {
            let highest = (self.band * (1.0 + 1e-12) * length) as usize;
            fast_size((2 * highest + 2).div_ceil(parts))
        };
        let (rows, columns) = (pixels(height, parts[0]), pixels(width, parts[1]));
        [[1, 1], parts].map(|count| {
            let pixels = Grid {
                rows: rows * count[0],
                columns: columns * count[1],
                pixel_y: height / (rows * parts[0]) as f64,
                pixel_x: width / (columns * parts[1]) as f64,
            };
            Self::with_circle(pixels, self.band)
        })
    }

    /// A square of at least `width` (Å) of these pixels, somewhat larger where that makes the transforms faster, with the
    /// same circle.
    ///
    /// # Errors
    /// [`Error::Argument`] for a width that is not positive or larger than the box.
    pub(super) fn window(&self, width: f64) -> Result<Self> {
        let (height, length) = self.edges();
        let most = height.min(length);
        if !(width > 0.0 && width <= most * (1.0 + 1e-9)) {
            return Err(Error::argument(
                "window",
                format!("{width} Å"),
                format!("above 0 up to the shorter side of the box, {most} Å"),
            ));
        }
        let size = |pixel: f64, most: usize| {
            fast_size((width / pixel * (1.0 - 1e-9)).ceil() as usize).min(most)
        };
        let pixels = Grid {
            rows: size(self.pixels.pixel_y, self.rows()),
            columns: size(self.pixels.pixel_x, self.columns()),
            ..self.pixels
        };
        Ok(Self::with_circle(pixels, self.band))
    }

    /// Height and width of the box, Å.
    pub(super) fn edges(&self) -> (f64, f64) {
        (
            self.rows() as f64 * self.pixels.pixel_y,
            self.columns() as f64 * self.pixels.pixel_x,
        )
    }

    /// Counts and sizes of the pixels.
    pub(crate) fn pixels(&self) -> Grid {
        self.pixels
    }

    /// Pixels along y.
    pub(crate) fn rows(&self) -> usize {
        self.pixels.rows
    }

    /// Pixels along x.
    pub(crate) fn columns(&self) -> usize {
        self.pixels.columns
    }

    /// Pixels in all.
    pub(crate) fn len(&self) -> usize {
        self.rows() * self.columns()
    }

    /// Area of the box seen along the beam, Å².
    pub(crate) fn area(&self) -> f64 {
        self.len() as f64 * self.pixels.pixel_y * self.pixels.pixel_x
    }

    /// Radius of the circle of frequencies that are kept, 1/Å.
    pub(crate) fn band(&self) -> f64 {
        self.band
    }

    /// Number of band columns, 2p + 1.
    pub(crate) fn band_columns(&self) -> usize {
        self.reach.len()
    }

    /// Highest frequency number of y inside the circle, for a band column.
    pub(crate) fn reach(&self, band_column: usize) -> usize {
        self.reach[band_column]
    }

    /// Place of a band column among all `columns` frequencies of x.
    pub(crate) fn column(&self, band_column: usize) -> usize {
        if band_column <= self.highest {
            band_column
        } else {
            self.columns() - self.band_columns() + band_column
        }
    }

    /// Spatial frequency of a row, 1/Å.
    pub(crate) fn ky(&self, row: usize) -> f64 {
        frequency(row, self.rows(), self.pixels.pixel_y)
    }

    /// Spatial frequency of a column, 1/Å.
    pub(crate) fn kx(&self, column: usize) -> f64 {
        frequency(column, self.columns(), self.pixels.pixel_x)
    }
}

/// The least size from `wanted` on whose only prime factors are 2, 3, 5 and 7, a multiple of 8 for the sake of the
/// vector registers.
fn fast_size(wanted: usize) -> usize {
    let smooth = |size: &usize| {
        let rest = [2, 3, 5, 7].into_iter().fold(*size, |mut rest, prime| {
            while rest.is_multiple_of(prime) {
                rest /= prime;
            }
            rest
        });
        rest == 1
    };
    if wanted > MOST_PIXELS {
        return wanted; // refused by whoever asked
    }
    let first = wanted.max(8).next_multiple_of(8);
    (first..).step_by(8).find(smooth).unwrap_or(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_circle_of_band_columns_is_the_circle_of_frequencies() {
        for (height, width, rows, columns) in [(20.0, 31.0, 96, 128), (9.0, 9.0, 96, 96)] {
            let extent = Vector3::new(width, height, 1.0);
            let grid = WaveGrid::new(extent, Sampling::Pixels { rows, columns }).unwrap();
            let mut counted = 0;
            for column in 0..columns {
                for row in 0..rows {
                    counted += usize::from(grid.ky(row).hypot(grid.kx(column)) <= grid.band());
                }
            }
            let by_reach: usize = (0..grid.band_columns())
                .map(|j| 2 * grid.reach(j) + 1)
                .sum();
            assert_eq!(by_reach, counted);
            for j in 0..grid.band_columns() {
                assert!(grid.kx(grid.column(j)).abs() <= grid.band() * (1.0 + 1e-12));
            }
        }
    }

    #[test]
    fn a_window_keeps_the_circle_on_fewer_pixels() {
        let sampling = Sampling::Pixels {
            rows: 320,
            columns: 480,
        };
        let grid = WaveGrid::new(Vector3::new(24.0, 16.0, 1.0), sampling).unwrap();
        for parts in [[1, 1], [2, 3], [7, 1]] {
            let [window, whole] = grid.window_and_box(parts);
            assert_eq!(whole.reach, grid.reach);
            assert!((whole.area() - grid.area()).abs() < 1e-9);
            let share = window.area() * (parts[0] * parts[1]) as f64;
            assert!((share - grid.area()).abs() < 1e-9);
            assert_eq!(whole.rows(), window.rows() * parts[0]);
            assert_eq!(whole.columns(), window.columns() * parts[1]);
            for grid in [window, whole] {
                let pixels = grid.pixels();
                assert!(grid.band() <= 0.5 / pixels.pixel_y.max(pixels.pixel_x));
                assert!(2 * grid.reach(0) < grid.rows() && grid.band_columns() <= grid.columns());
            }
        }
        let [_, whole] = grid.window_and_box([2, 2]);
        assert_eq!((whole.rows(), whole.columns()), (224, 336)); // 2/3 would be 214 and 320
    }

    #[test]
    fn sizes_are_fast_and_never_coarser_than_asked() {
        assert_eq!(
            [1, 640, 641, 673, 1000].map(fast_size),
            [8, 640, 648, 720, 1000]
        );
        let extent = Vector3::new(31.6, 32.84, 7.0);
        let grid = WaveGrid::new(extent, Sampling::Pixel(0.05)).unwrap();
        assert_eq!((grid.rows(), grid.columns()), (672, 640));
    }

    #[test]
    fn absurd_samplings_are_refused_with_their_number() {
        let extent = Vector3::new(1e5, 10.0, 1.0);
        for (sampling, named) in [
            (Sampling::Pixel(f64::NAN), "sampling: found NaN"),
            (Sampling::Pixel(0.0), "sampling: found 0"),
            (Sampling::Pixel(0.05), "sampling, columns: found 2000000"),
            (
                Sampling::Pixels {
                    rows: 4,
                    columns: 64,
                },
                "sampling, rows: found 4",
            ),
        ] {
            let message = WaveGrid::new(extent, sampling).unwrap_err().to_string();
            assert!(message.contains(named), "{message}");
        }
    }
}
