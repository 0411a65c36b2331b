//! Two-dimensional Fourier transforms on top of rustfft.

use ndarray::Array2;
use rustfft::num_complex::Complex64;
use rustfft::{Fft, FftPlanner};
use std::sync::Arc;

/// Spatial frequency (1/Å) of index `index` on an axis of `count` pixels of `pixel` Å, in FFT order.
pub(crate) fn frequency(index: usize, count: usize, pixel: f64) -> f64 {
    let signed = if index < count.div_ceil(2) {
        index as f64
    } else {
        index as f64 - count as f64
    };
    signed / (count as f64 * pixel)
}

/// Forward and inverse transforms of one array shape.
pub(crate) struct Fourier2 {
    rows: [Arc<dyn Fft<f64>>; 2],
    columns: [Arc<dyn Fft<f64>>; 2],
}

impl Fourier2 {
    /// Plans for arrays of `rows` × `columns`.
    pub(crate) fn new(rows: usize, columns: usize) -> Self {
        let mut planner = FftPlanner::new();
        Self {
            rows: [
                planner.plan_fft_forward(columns),
                planner.plan_fft_inverse(columns),
            ],
            columns: [
                planner.plan_fft_forward(rows),
                planner.plan_fft_inverse(rows),
            ],
        }
    }

    /// In place, F(k) = Σ f(r) exp(−2πi k·r).
    pub(crate) fn forward(&self, array: &mut Array2<Complex64>) {
        self.transform(array, 0);
    }

    /// In place, f(r) = (1/N) Σ F(k) exp(2πi k·r).
    pub(crate) fn inverse(&self, array: &mut Array2<Complex64>) {
        self.transform(array, 1);
        let scale = 1.0 / array.len() as f64;
        array.mapv_inplace(|z| z * scale);
    }

    fn transform(&self, array: &mut Array2<Complex64>, direction: usize) {
        let mut across = array.as_standard_layout().into_owned();
        process(&self.rows[direction], &mut across);
        let mut down = across.t().as_standard_layout().into_owned();
        process(&self.columns[direction], &mut down);
        array.assign(&down.t());
    }
}

/// Transforms every row of a contiguous array.
fn process(plan: &Arc<dyn Fft<f64>>, array: &mut Array2<Complex64>) {
    if let Some(flat) = array.as_slice_mut() {
        plan.process(flat);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transforms_of_a_shifted_delta_and_back() {
        let (rows, columns) = (6, 5);
        let mut array = Array2::from_elem((rows, columns), Complex64::ZERO);
        array[[2, 3]] = Complex64::new(1.0, 0.0);
        let original = array.clone();
        let fourier = Fourier2::new(rows, columns);
        fourier.forward(&mut array);
        for ((row, column), value) in array.indexed_iter() {
            let phase = frequency(row, rows, 1.0) * 2.0 + frequency(column, columns, 1.0) * 3.0;
            let expected = Complex64::from_polar(1.0, -std::f64::consts::TAU * phase);
            assert!((value - expected).norm() < 1e-13);
        }
        fourier.inverse(&mut array);
        assert!((&array - &original).iter().all(|z| z.norm() < 1e-14));
    }
}
