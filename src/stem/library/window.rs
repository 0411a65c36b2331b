//! The response of one defect on a small square, in 16 bits.

use crate::stem::fourier::Fourier2;
use ndarray::{Array2, ArrayView2};
use rustfft::num_complex::Complex64;

/// Side of the periodic square on which responses are handled, in pixels of a kernel.
pub(super) const BOX: usize = 180;
/// Pixel of a kernel, Å.
pub(super) const PIXEL: f64 = 0.1;
/// Largest share of the Nyquist frequency that the image fills.
const FILLING: f64 = 0.98;

/// The coarsest sampling that holds images of this band (1/Å), in pixels of a kernel; it divides the square.
pub(super) fn stride(band: f64) -> Option<usize> {
    let holds = |stride: &usize| 2.0 * band * *stride as f64 * PIXEL <= FILLING;
    [10, 9, 6, 5, 4, 3, 2, 1].into_iter().find(holds)
}

/// Values at (2h + 1)² places `stride` pixels apart about a defect, as multiples of a unit.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Window {
    pub unit: f32,
    pub values: Vec<i16>,
}

impl Window {
    /// Rounded to 16 bits: each value errs by half a unit, 1.5·10⁻⁵ of the largest, at most.
    pub(super) fn new(values: ArrayView2<'_, f64>) -> Self {
        let largest = values.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
        // the least unit that is a normal number, so that nothing is divided by zero
        let unit = (largest / f64::from(i16::MAX)).max(f64::from(f32::MIN_POSITIVE)) as f32;
        let limit = f64::from(i16::MAX);
        let rounded = |v: &f64| (v / f64::from(unit)).round().clamp(-limit, limit) as i16;
        Self {
            unit,
            values: values.iter().map(rounded).collect(),
        }
    }

    /// The response on the square of [`BOX`] pixels, the defect at pixel `[0, 0]`: the samples with the waves between them.
    pub(super) fn upsampled(&self, stride: usize) -> Array2<f64> {
        let size = (self.values.len() as f64).sqrt().round() as usize;
        let half = size / 2;
        let coarse = BOX / stride;
        let mut samples = Array2::from_elem((coarse, coarse), Complex64::ZERO);
        for (index, value) in self.values.iter().enumerate() {
            let at = |i: usize| (i + coarse - half) % coarse;
            let value = f64::from(*value) * f64::from(self.unit);
            samples[[at(index / size), at(index % size)]] += value;
        }
        if stride == 1 {
            return samples.mapv(|z| z.re);
        }
        Fourier2::new(coarse, coarse).forward(&mut samples);
        let mut spectrum = Array2::from_elem((BOX, BOX), Complex64::ZERO);
        let scale = (stride * stride) as f64;
        for ((row, column), value) in samples.indexed_iter() {
            // the Nyquist frequency of an even count, if anything were there, belongs to both signs
            let share = |i: usize| if 2 * i == coarse { 0.5 } else { 1.0 };
            let value = value * share(row) * share(column) * scale;
            for r in places(row, coarse) {
                for c in places(column, coarse) {
                    spectrum[[r, c]] += value;
                }
            }
        }
        Fourier2::new(BOX, BOX).inverse(&mut spectrum);
        spectrum.mapv(|z| z.re)
    }
}

/// Where a frequency of `coarse` samples stands among those of [`BOX`].
fn places(index: usize, coarse: usize) -> impl Iterator<Item = usize> {
    let (low, high) = (index, BOX - coarse + index);
    let first = (2 * index <= coarse).then_some(low);
    let second = (2 * index >= coarse).then_some(high);
    first.into_iter().chain(second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_kept_and_waves_lie_between_them() {
        for stride in [2, 3, 4, 1] {
            let half = (BOX / stride - 1) / 2;
            // a Gaussian whose spectrum ends well within the coarsest band here
            let gauss = |d: f64| (-0.5 * (d / 0.7).powi(2)).exp();
            let values = Array2::from_shape_fn((2 * half + 1, 2 * half + 1), |(i, j)| {
                let offset = |i: usize| (i as f64 - half as f64) * stride as f64 * PIXEL;
                1e-3 * gauss(offset(i)) * gauss(offset(j) - 0.4)
            });
            let found = Window::new(values.view()).upsampled(stride);
            for (row, column) in [(0, 0), (7, 4), (BOX - 8, 1), (3, BOX - 5)] {
                let offset = |i: usize| (((i + BOX / 2) % BOX) as f64 - (BOX / 2) as f64) * PIXEL;
                let expected = 1e-3 * gauss(offset(row)) * gauss(offset(column) - 0.4);
                let error = (found[[row, column]] - expected).abs();
                assert!(error < 1e-7, "{stride}: {error:e}");
            }
        }
    }

    #[test]
    fn the_stride_holds_the_band() {
        assert_eq!(stride(1.4369), Some(3)); // 30 mrad at 80 kV
        assert_eq!(stride(1.595), Some(3)); // 20 mrad at 200 kV
        assert_eq!(stride(2.03), Some(2)); // 20 mrad at 300 kV
        assert_eq!(stride(5.0), None);
    }

    #[test]
    fn nothing_stays_nothing() {
        let window = Window::new(Array2::zeros((5, 5)).view());
        assert!(window.upsampled(3).iter().all(|v| *v == 0.0));
    }
}
