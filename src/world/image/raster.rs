//! The grid on which images are sampled, and how they are read between its points.

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
    pub(super) per_angstrom: [f64; 2],
    /// Cells a pixel.
    pub(super) per_pixel: [f64; 2],
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
            per_pixel: pixels.map(|number| (number as f64).recip()),
        }
    }
}

/// Keys' cubic weights in single precision, see [`crate::stem::interpolation`].
#[inline(always)]
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
    /// The first sample.
    pub(super) row: usize,
    pub(super) column: usize,
    along_y: [f32; 4],
    along_x: [f32; 4],
}

impl Patch {
    /// Around (`row`, `column`) in units of pixels; nothing before the second sample, far away, or at NaN.
    #[inline(always)]
    pub(super) fn new(row: f64, column: f64) -> Option<Self> {
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
    #[inline(always)]
    pub(super) fn sum(&self, values: &[f32], stride: usize) -> f64 {
        let start = self.row * stride + self.column;
        let end = start + 3 * stride + 4;
        if self.column + 4 > stride || end > values.len() {
            return 0.0;
        }
        // four columns side by side, as the processor takes them
        let mut columns = [0.0_f32; 4];
        for (line, weight) in self.along_y.iter().enumerate() {
            let Some(line) = values[start + line * stride..].first_chunk::<4>() else {
                return 0.0;
            };
            for (sum, value) in columns.iter_mut().zip(line) {
                *sum += weight * value;
            }
        }
        for (sum, weight) in columns.iter_mut().zip(&self.along_x) {
            *sum *= weight;
        }
        let [a, b, c, d] = columns;
        f64::from((a + c) + (b + d))
    }
}
