//! The image of a perfect crystal as its Fourier series.

use crate::stem::fourier::Fourier2;
use ndarray::ArrayView2;
use rustfft::num_complex::{Complex32, Complex64};

/// The frequencies (y, x) of a cell's image in whole periods per cell, within `band` (1/Å): one of each pair ±G, the mean
/// first.
///
/// The amplitude detected at any scattering angle is a sum over the plane waves of the aperture, so that an intensity
/// holds no frequency beyond 2α/λ, however the specimen scatters: so many numbers are the whole image.
pub(super) fn frequencies([height, width]: [f64; 2], band: f64) -> Vec<[i32; 2]> {
    let (highest_y, highest_x) = highest([height, width], band);
    let mut found = Vec::new();
    for m in 0..=highest_y {
        for n in -highest_x..=highest_x {
            let inside = (f64::from(m) / height).hypot(f64::from(n) / width) <= band;
            if inside && (m > 0 || n >= 0) {
                found.push([m, n]);
            }
        }
    }
    found
}

/// Rows and columns of the fewest samples that hold the band.
pub(super) fn samples(extent: [f64; 2], band: f64) -> [usize; 2] {
    let (m, n) = highest(extent, band);
    [2 * m as usize + 1, 2 * n as usize + 1]
}

fn highest([height, width]: [f64; 2], band: f64) -> (i32, i32) {
    ((band * height) as i32, (band * width) as i32)
}

/// The coefficients of an image, sampled at [`samples`] places evenly over the cell, in the order of [`frequencies`].
pub(super) fn coefficients(image: ArrayView2<'_, f64>, frequencies: &[[i32; 2]]) -> Vec<Complex32> {
    let (rows, columns) = image.dim();
    let mut spectrum = image.mapv(Complex64::from);
    Fourier2::new(rows, columns).forward(&mut spectrum);
    let at = |index: i32, count: usize| index.rem_euclid(count as i32) as usize;
    frequencies
        .iter()
        .map(|&[m, n]| {
            let value = spectrum[[at(m, rows), at(n, columns)]] / (rows * columns) as f64;
            Complex32::new(value.re as f32, value.im as f32)
        })
        .collect()
}

/// A plane wave of an image: frequency (y, x) in 1/Å and amplitude; the image is the sum of the real parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wave {
    pub frequency: [f64; 2],
    pub amplitude: Complex64,
}

/// Σ Re a exp(2πi G·r).
pub(super) fn value(waves: &[Wave], y: f64, x: f64) -> f64 {
    let term = |wave: &Wave| {
        let turns = wave.frequency[0] * y + wave.frequency[1] * x;
        (wave.amplitude * Complex64::cis(std::f64::consts::TAU * turns)).re
    };
    waves.iter().map(term).sum()
}

/// The waves of a series over a cell of this height and width, Å.
pub(super) fn waves(
    frequencies: &[[i32; 2]],
    coefficients: &[Complex32],
    [height, width]: [f64; 2],
) -> Vec<Wave> {
    let pairs = frequencies.iter().zip(coefficients);
    pairs
        .map(|(&[m, n], c)| Wave {
            frequency: [f64::from(m) / height, f64::from(n) / width],
            // each stands for itself and for its mirror image, but for the mean
            amplitude: Complex64::new(c.re.into(), c.im.into())
                * if [m, n] == [0, 0] { 1.0 } else { 2.0 },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use std::f64::consts::TAU;

    #[test]
    fn a_band_limited_image_is_its_series_everywhere() {
        let (extent, band) = ([5.5, 3.2], 1.4);
        let image = |y: f64, x: f64| {
            2.0 + (TAU * (4.0 * y / 5.5 - 3.0 * x / 3.2) + 0.3).cos()
                - 0.5 * (TAU * 4.0 * x / 3.2).sin()
        };
        let [rows, columns] = samples(extent, band);
        let sampled = Array2::from_shape_fn((rows, columns), |(i, j)| {
            let fraction = |index: usize, count: usize| index as f64 / count as f64;
            image(5.5 * fraction(i, rows), 3.2 * fraction(j, columns))
        });
        let frequencies = frequencies(extent, band);
        let waves = waves(
            &frequencies,
            &coefficients(sampled.view(), &frequencies),
            extent,
        );
        for (y, x) in [(0.1, 0.2), (-7.3, 11.9), (3.21, 1.0)] {
            assert!((value(&waves, y, x) - image(y, x)).abs() < 1e-6);
        }
    }
}
