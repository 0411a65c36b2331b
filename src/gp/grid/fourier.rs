//! Fourier transforms of real images, and the plans they share.

use rustfft::num_complex::Complex64;
use rustfft::{Fft, FftPlanner};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

/// Forward and inverse plan of one length.
#[derive(Clone)]
struct Plan {
    forward: Arc<dyn Fft<f64>>,
    inverse: Arc<dyn Fft<f64>>,
}

/// Plans made so far: a fit builds transforms of the same few lengths again and again.
static PLANS: LazyLock<Mutex<HashMap<usize, Plan>>> = LazyLock::new(Mutex::default);

fn plan(length: usize) -> Plan {
    // A thread that died while planning leaves a usable table: entries are only ever added whole.
    let mut plans = PLANS.lock().unwrap_or_else(|poison| poison.into_inner());
    let make = || {
        let mut planner = FftPlanner::new();
        Plan {
            forward: planner.plan_fft_forward(length),
            inverse: planner.plan_fft_inverse(length),
        }
    };
    plans.entry(length).or_insert_with(make).clone()
}

/// The smallest length ≥ `least` without prime factors above 5, for which transforms are fast.
pub(super) fn fast_length(least: usize) -> usize {
    let is_fast = |length: &usize| {
        let mut rest = *length;
        for factor in [2, 3, 5] {
            while rest.is_multiple_of(factor) {
                rest /= factor;
            }
        }
        rest == 1
    };
    (least.max(1)..).find(is_fast).unwrap_or(least)
}

/// Rows transformed together, two real ones in each complex transform.
const PAIRS: usize = 4;

/// Transforms of real images on a torus of m₁ × m₂ pixels, of which only the first rows and columns may be non-zero.
///
/// Half of the spectrum determines the rest and is all that is kept, transposed: frequency (r, c) at
/// `c * m₁ + r`, c ≤ m₂/2.
#[derive(Clone)]
pub(super) struct RealFourier {
    pub torus: [usize; 2],
    down: Plan,
    across: Plan,
}

impl std::fmt::Debug for RealFourier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RealFourier({:?})", self.torus)
    }
}

impl RealFourier {
    pub fn new(torus: [usize; 2]) -> Self {
        Self {
            torus,
            down: plan(torus[0]),
            across: plan(torus[1]),
        }
    }

    /// Columns of the half spectrum.
    pub fn half(&self) -> usize {
        self.torus[1] / 2 + 1
    }

    /// Overwrites the n₁ × n₂ `image` with its filtered self: transform, times the real `spectrum` (half, transposed,
    /// with 1/(m₁ m₂) inside), transform back. `scratch` keeps its memory between calls.
    pub fn filter(
        &self,
        image: &mut [f64],
        shape: [usize; 2],
        spectrum: &[f64],
        scratch: &mut Vec<Complex64>,
    ) {
        self.filter_with(image, shape, spectrum, scratch, false);
    }

    /// As [`RealFourier::filter`] for the first half of the rows of a torus whose second half is their mirror image.
    pub fn filter_mirrored(
        &self,
        image: &mut [f64],
        shape: [usize; 2],
        spectrum: &[f64],
        scratch: &mut Vec<Complex64>,
    ) {
        self.filter_with(image, shape, spectrum, scratch, true);
    }

    fn filter_with(
        &self,
        image: &mut [f64],
        shape: [usize; 2],
        spectrum: &[f64],
        scratch: &mut Vec<Complex64>,
        mirrored: bool,
    ) {
        // What is in it already is overwritten, row by row here and below them column by column.
        scratch.resize(self.half() * self.torus[0], Complex64::ZERO);
        self.rows_forward(image, shape, scratch);
        let length = self.torus[0];
        let mut work = vec![
            Complex64::ZERO;
            self.down
                .forward
                .get_inplace_scratch_len()
                .max(self.down.inverse.get_inplace_scratch_len(),)
        ];
        let columns = scratch.chunks_exact_mut(length);
        for (column, factors) in columns.zip(spectrum.chunks_exact(length)) {
            if mirrored {
                let (top, bottom) = column.split_at_mut(shape[0]);
                for (b, t) in bottom.iter_mut().rev().zip(top.iter()) {
                    *b = *t;
                }
            } else {
                column[shape[0]..].fill(Complex64::ZERO);
            }
            self.down.forward.process_with_scratch(column, &mut work);
            for (z, factor) in column.iter_mut().zip(factors) {
                *z *= *factor;
            }
            self.down.inverse.process_with_scratch(column, &mut work);
        }
        self.rows_backward(image, shape, scratch);
    }

    /// The half spectrum of an n₁ × n₂ image.
    pub fn spectrum(&self, image: &[f64], shape: [usize; 2]) -> Vec<Complex64> {
        let mut spectrum = vec![Complex64::ZERO; self.half() * self.torus[0]];
        self.rows_forward(image, shape, &mut spectrum);
        self.down.forward.process(&mut spectrum);
        spectrum
    }

    /// How many entries of the full spectrum a column of the half spectrum stands for.
    pub fn multiplicity(&self, column: usize) -> f64 {
        if column == 0 || 2 * column == self.torus[1] {
            1.0
        } else {
            2.0
        }
    }

    fn rows_forward(&self, image: &[f64], shape: [usize; 2], half_spectrum: &mut [Complex64]) {
        let [height, width] = self.torus;
        let mut buffer = vec![Complex64::ZERO; PAIRS * width];
        let mut work = vec![Complex64::ZERO; self.across.forward.get_inplace_scratch_len()];
        for start in (0..shape[0]).step_by(2 * PAIRS) {
            let count = (shape[0] - start).min(2 * PAIRS);
            buffer.fill(Complex64::ZERO);
            for r in 0..count {
                let row = &image[(start + r) * shape[1]..][..shape[1]];
                for (z, value) in buffer[r / 2 * width..].iter_mut().zip(row) {
                    if r % 2 == 0 {
                        z.re = *value;
                    } else {
                        z.im = *value;
                    }
                }
            }
            self.across
                .forward
                .process_with_scratch(&mut buffer, &mut work);
            for c in 0..self.half() {
                let mirrored = if c == 0 { 0 } else { width - c };
                let out = &mut half_spectrum[c * height + start..][..count];
                for (pair, out) in out.chunks_mut(2).enumerate() {
                    let x = buffer[pair * width + c];
                    let y = buffer[pair * width + mirrored].conj();
                    out[0] = 0.5 * (x + y);
                    if let Some(second) = out.get_mut(1) {
                        let difference = x - y;
                        *second = Complex64::new(0.5 * difference.im, -0.5 * difference.re);
                    }
                }
            }
        }
    }

    fn rows_backward(&self, image: &mut [f64], shape: [usize; 2], half_spectrum: &[Complex64]) {
        let [height, width] = self.torus;
        let mut buffer = vec![Complex64::ZERO; PAIRS * width];
        let mut work = vec![Complex64::ZERO; self.across.inverse.get_inplace_scratch_len()];
        for start in (0..shape[0]).step_by(2 * PAIRS) {
            let count = (shape[0] - start).min(2 * PAIRS);
            for c in 0..self.half() {
                let mirrored = if c == 0 { 0 } else { width - c };
                let values = &half_spectrum[c * height + start..][..count];
                for (pair, values) in values.chunks(2).enumerate() {
                    let a = values[0];
                    let b = values.get(1).copied().unwrap_or(Complex64::ZERO);
                    let row = &mut buffer[pair * width..][..width];
                    // The mirrored entry first: where both are the same place, the plain one is right.
                    row[mirrored] = Complex64::new(a.re + b.im, b.re - a.im);
                    row[c] = Complex64::new(a.re - b.im, a.im + b.re);
                }
            }
            self.across
                .inverse
                .process_with_scratch(&mut buffer, &mut work);
            for r in 0..count {
                let row = &mut image[(start + r) * shape[1]..][..shape[1]];
                for (value, z) in row.iter_mut().zip(&buffer[r / 2 * width..]) {
                    *value = if r % 2 == 0 { z.re } else { z.im };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spectrum_is_the_sum_it_stands_for() {
        for (torus, shape) in [([6, 5], [4, 3]), ([5, 8], [5, 8]), ([1, 12], [1, 7])] {
            let image: Vec<f64> = (0..shape[0] * shape[1])
                .map(|i| (i as f64 * 1.3).sin())
                .collect();
            let fourier = RealFourier::new(torus);
            let found = fourier.spectrum(&image, shape);
            for c in 0..fourier.half() {
                for r in 0..torus[0] {
                    let mut sum = Complex64::ZERO;
                    for (p, value) in image.iter().enumerate() {
                        let turns = (r * (p / shape[1])) as f64 / torus[0] as f64
                            + (c * (p % shape[1])) as f64 / torus[1] as f64;
                        sum += value * Complex64::cis(-std::f64::consts::TAU * turns);
                    }
                    assert!((found[c * torus[0] + r] - sum).norm() < 1e-12);
                }
            }
            // The filter that changes nothing.
            let flat = vec![1.0 / (torus[0] * torus[1]) as f64; found.len()];
            let mut same = image.clone();
            fourier.filter(&mut same, shape, &flat, &mut Vec::new());
            assert!(image.iter().zip(&same).all(|(a, b)| (a - b).abs() < 1e-14));
        }
    }

    #[test]
    fn fast_lengths_have_small_factors() {
        let expected = [
            (1, 1),
            (7, 8),
            (13, 15),
            (511, 512),
            (1021, 1024),
            (2047, 2048),
        ];
        for (least, length) in expected {
            assert_eq!(fast_length(least), length);
        }
    }
}
