//! Diffraction patterns: the frequencies of a wave as a camera shows them.

use super::grid::WaveGrid;
use crate::stem::Beam;
use crate::stem::output::Axis;
use crate::{Error, Result};
use rustfft::num_complex::Complex32;

/// A camera in the diffraction plane. Its pixels are those of k-space, 1/(edge of the box) wide, or squares of `bin` × `bin`
/// of them; it shows all whose frequencies lie within ±`outer_mrad` along y and x.
///
/// Bin 0 is centred on the undeflected beam if `bin` is odd and reaches half a frequency further to the negative side if it
/// is even; the axes of the data say where each bin stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PixelatedDetector {
    outer_mrad: f64,
    bin: usize,
}

impl PixelatedDetector {
    /// A camera up to `outer_mrad` along y and x that adds up `bin` × `bin` frequencies.
    ///
    /// # Errors
    /// [`Error::Argument`] unless 0 ≤ `outer_mrad` ≤ 1000 and 1 ≤ `bin` ≤ 1024.
    pub fn new(outer_mrad: f64, bin: usize) -> Result<Self> {
        if !(0.0..=1000.0).contains(&outer_mrad) {
            return Err(Error::argument("outer_mrad", outer_mrad, "0 to 1000 mrad"));
        }
        if !(1..=1024).contains(&bin) {
            return Err(Error::argument("bin", bin, "1..=1024 frequencies"));
        }
        Ok(Self { outer_mrad, bin })
    }

    /// The angles (mrad) of the rows and columns of its patterns on a grid.
    pub(in crate::stem) fn axes(self, grid: &WaveGrid, beam: Beam) -> Result<[Axis; 2]> {
        Ok(Frames::new(grid, beam, self)?.axes())
    }
}

/// The bins of one direction.
struct Bins {
    /// For each frequency number, from 0 upwards and then the negative ones, its bin.
    of_frequency: Vec<Option<usize>>,
    /// Angle in the middle of each bin, mrad.
    places: Vec<f64>,
}

impl Bins {
    /// `numbers` in the order of the wave; `step` mrad apart.
    fn new(
        camera: PixelatedDetector,
        numbers: impl Iterator<Item = isize>,
        step: f64,
    ) -> Result<Self> {
        let bin = camera.bin as isize;
        let highest = (camera.outer_mrad / step + 1e-9) as isize;
        let first = |j: isize| (2 * j * bin - bin + 1).div_euclid(2); // ⌈bin (j − ½)⌉
        if -first(0) > highest || first(1) - 1 > highest {
            return Err(Error::argument(
                "patterns",
                format!("{bin} frequencies of {step:.3} mrad in a bin"),
                format!("at most what fits within ±{} mrad", camera.outer_mrad),
            ));
        }
        let lowest_bin = (0..).take_while(|j| first(-j) >= -highest).last();
        let highest_bin = (0..).take_while(|j| first(j + 1) - 1 <= highest).last();
        let (low, high) = (-lowest_bin.unwrap_or(0), highest_bin.unwrap_or(0));
        let of_frequency = numbers
            .map(|n| {
                let j = (2 * n + bin).div_euclid(2 * bin);
                (low..=high).contains(&j).then(|| (j - low) as usize)
            })
            .collect();
        let middle = |j: isize| 0.5 * (first(j) + first(j + 1) - 1) as f64 * step;
        let places = (low..=high).map(middle).collect();
        Ok(Self {
            of_frequency,
            places,
        })
    }
}

/// The pixels of a [`PixelatedDetector`] on a grid.
pub(super) struct Frames {
    rows: Bins,
    band_columns: Bins,
    reach: Vec<usize>,
}

impl Frames {
    pub(super) fn new(grid: &WaveGrid, beam: Beam, camera: PixelatedDetector) -> Result<Self> {
        let mrad = 1e3 * beam.wavelength();
        let largest = grid.band() * mrad;
        if camera.outer_mrad > largest * (1.0 + 1e-9) {
            return Err(Error::argument(
                "patterns",
                format!("angles up to {} mrad", camera.outer_mrad),
                format!(
                    "at most {largest:.2} mrad, the largest angle that the wave keeps; take smaller pixels for more"
                ),
            ));
        }
        let signed = |count: usize| {
            let count = count as isize;
            (0..count).map(move |n| if 2 * n < count { n } else { n - count })
        };
        let pixels = grid.pixels();
        let step = |pixel: f64, count: usize| mrad / (pixel * count as f64);
        Ok(Self {
            rows: Bins::new(
                camera,
                signed(grid.rows()),
                step(pixels.pixel_y, grid.rows()),
            )?,
            band_columns: Bins::new(
                camera,
                signed(grid.band_columns()),
                step(pixels.pixel_x, grid.columns()),
            )?,
            reach: (0..grid.band_columns()).map(|j| grid.reach(j)).collect(),
        })
    }

    /// Rows and columns of a pattern.
    pub(super) fn shape(&self) -> [usize; 2] {
        [self.rows.places.len(), self.band_columns.places.len()]
    }

    fn axes(&self) -> [Axis; 2] {
        [
            ("theta_y", &self.rows.places),
            ("theta_x", &self.band_columns.places),
        ]
        .map(|(name, places)| Axis {
            name: name.to_owned(),
            unit: "mrad".to_owned(),
            places: places.clone(),
        })
    }

    /// Whether it shows anything of a band column.
    pub(super) fn meets(&self, band_column: usize) -> bool {
        self.band_columns.of_frequency[band_column].is_some()
    }

    /// Adds |ψ|² of one band column to a pattern, `[row, column]`.
    pub(super) fn collect(&self, band_column: usize, line: &[Complex32], pattern: &mut [f32]) {
        let Some(column) = self.band_columns.of_frequency[band_column] else {
            return;
        };
        let width = self.band_columns.places.len();
        let reach = self.reach[band_column];
        for row in (0..=reach).chain(line.len() - reach..line.len()) {
            if let Some(bin) = self.rows.of_frequency[row] {
                pattern[bin * width + column] += line[row].norm_sqr();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stem::multislice::grid::Sampling;
    use nalgebra::Vector3;
    use proptest::prelude::*;

    fn grid() -> WaveGrid {
        let (rows, columns) = (64, 72);
        WaveGrid::new(
            Vector3::new(8.0, 6.4, 1.0),
            Sampling::Pixels { rows, columns },
        )
        .unwrap()
    }

    proptest! {
        #[test]
        fn each_frequency_lands_where_the_axes_say(outer in 20.0..120.0_f64, bin in 1_usize..5) {
            let (grid, beam) = (grid(), Beam::new(80.0).unwrap());
            let mrad = 1e3 * beam.wavelength();
            let frames = Frames::new(&grid, beam, PixelatedDetector::new(outer, bin).unwrap()).unwrap();
            let [y, x] = frames.axes();
            let half = |length: f64| 0.5 * bin as f64 * mrad / length;
            for axis in [(&y, 6.4), (&x, 8.0)] {
                let (axis, length) = axis;
                prop_assert!(axis.places.windows(2).all(|p| (p[1] - p[0] - 2.0 * half(length)).abs() < 1e-9));
                let ends = (axis.places[0] - half(length), axis.places[axis.places.len() - 1] + half(length));
                // whole bins within the angle, and no room for one more
                let slack = 0.5 * mrad / length + 1e-6;
                prop_assert!(ends.0 >= -outer - slack && ends.1 <= outer + slack);
                prop_assert!(ends.0 - 2.0 * half(length) < -outer && ends.1 + 2.0 * half(length) > outer);
            }
            for (j, row) in [(0, 0), (1, 63), (grid.band_columns() - 2, 5), (3, 2)] {
                let mut line = vec![Complex32::ZERO; grid.rows()];
                line[row] = Complex32::new(0.0, 2.0);
                let mut pattern = vec![0.0; y.places.len() * x.places.len()];
                frames.collect(j, &line, &mut pattern);
                let (ky, kx) = (mrad * grid.ky(row), mrad * grid.kx(grid.column(j)));
                for (index, value) in pattern.iter().enumerate() {
                    let (py, px) = (y.places[index / x.places.len()], x.places[index % x.places.len()]);
                    let inside = (ky - py).abs() < half(6.4) && (kx - px).abs() < half(8.0);
                    prop_assert_eq!(*value, if inside { 4.0 } else { 0.0 });
                }
            }
        }
    }

    #[test]
    fn cameras_that_cannot_be_are_refused() {
        for (outer, bin) in [
            (f64::NAN, 1),
            (-1.0, 1),
            (1001.0, 1),
            (50.0, 0),
            (50.0, 2000),
        ] {
            assert!(PixelatedDetector::new(outer, bin).is_err());
        }
        let (grid, beam) = (grid(), Beam::new(80.0).unwrap());
        let refused = |outer, bin| {
            let camera = PixelatedDetector::new(outer, bin).unwrap();
            let error = Frames::new(&grid, beam, camera).err().unwrap();
            error.to_string()
        };
        assert!(refused(400.0, 1).contains("angles up to 400 mrad"));
        assert!(refused(10.0, 8).contains("8 frequencies of"));
    }
}
