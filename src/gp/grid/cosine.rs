//! Matrices that cosine transforms make diagonal: the nearest of them to a block-Toeplitz matrix.

use super::fourier::RealFourier;
use rustfft::FftPlanner;
use rustfft::num_complex::Complex64;

/// The matrix Cᵀ diag(δ) C nearest to a block-Toeplitz matrix K in the Frobenius norm, C being the two-dimensional
/// discrete cosine transform (DCT-II): δ = diag(C K Cᵀ).
///
/// Its eigenvectors do not wrap round the edges of the image as a circulant's do, which makes it by far the better
/// preconditioner for smooth kernels (Chan, Chan & Wong 1999, IEEE Trans. Image Process. 8, 1472).
#[derive(Debug, Clone)]
pub(super) struct Cosine {
    shape: [usize; 2],
    fourier: RealFourier,
    /// δ, n₁ × n₂, none negative.
    values: Vec<f64>,
}

impl Cosine {
    /// From the covariance at the differences (d₁, d₂), 0 ≤ dₖ < nₖ, summed over the signs of both: `folded`, n₁ × n₂.
    pub fn nearest(shape: [usize; 2], folded: Vec<f64>) -> Self {
        let [rows, columns] = shape;
        let mut values = folded;
        let mut planner = FftPlanner::new();
        let across = planner.plan_fft_forward(2 * columns);
        for row in values.chunks_exact_mut(columns) {
            quadratic_forms(row, across.as_ref());
        }
        let down = planner.plan_fft_forward(2 * rows);
        let mut column = vec![0.0; rows];
        for c in 0..columns {
            for (r, value) in column.iter_mut().enumerate() {
                *value = values[r * columns + c];
            }
            quadratic_forms(&mut column, down.as_ref());
            for (r, value) in column.iter().enumerate() {
                values[r * columns + c] = value.max(0.0);
            }
        }
        Self {
            shape,
            fourier: RealFourier::new([2 * rows, 2 * columns]),
            values,
        }
    }

    /// The filter f(δ), to be used with [`Cosine::filter`]: half of the even spectrum on the doubled image.
    pub fn function(&self, f: impl Fn(f64) -> f64) -> Vec<f64> {
        let [rows, columns] = self.shape;
        let scale = 1.0 / (4 * rows * columns) as f64;
        let mut spectrum = vec![0.0; self.fourier.half() * 2 * rows];
        for c in 0..columns {
            for r in 0..rows {
                let value = scale * f(self.values[r * columns + c]);
                spectrum[c * 2 * rows + r] = value;
                if r > 0 {
                    spectrum[c * 2 * rows + 2 * rows - r] = value;
                }
            }
        }
        spectrum
    }

    /// Overwrites `v` with Cᵀ diag(f(δ)) C v: a circular convolution of the image continued by its mirror images.
    pub fn filter(&self, v: &mut [f64], filter: &[f64], scratch: &mut Vec<Complex64>) {
        let [rows, columns] = self.shape;
        let mut mirrored = vec![0.0; rows * 2 * columns];
        for (wide, row) in mirrored
            .chunks_exact_mut(2 * columns)
            .zip(v.chunks_exact(columns))
        {
            let (left, right) = wide.split_at_mut(columns);
            left.copy_from_slice(row);
            for (w, value) in right.iter_mut().rev().zip(row) {
                *w = *value;
            }
        }
        let shape = [rows, 2 * columns];
        self.fourier
            .filter_mirrored(&mut mirrored, shape, filter, scratch);
        for (wide, row) in mirrored
            .chunks_exact(2 * columns)
            .zip(v.chunks_exact_mut(columns))
        {
            row.copy_from_slice(&wide[..columns]);
        }
    }

    /// Σ f(δ).
    pub fn trace(&self, f: impl Fn(f64) -> f64) -> f64 {
        self.values.iter().map(|value| f(*value)).sum()
    }
}

/// Replaces t(d) by cₖᵀ T cₖ for every basis vector cₖ of the cosine transform of its length n, T being the symmetric
/// Toeplitz matrix whose diagonals ±d together hold t(d).
///
/// cₖᵀ T cₖ = (1/n) Σ_d t(d) [(n − d) cos(πkd/n) − sin(πkd/n)/sin(πk/n)] for k ≥ 1, without the second term for k = 0.
fn quadratic_forms(t: &mut [f64], transform: &dyn rustfft::Fft<f64>) {
    let n = t.len();
    let mut both = vec![Complex64::ZERO; 2 * n];
    for (d, (z, t)) in both.iter_mut().zip(t.iter()).enumerate() {
        *z = Complex64::new((n - d) as f64 * t, *t);
    }
    transform.process(&mut both);
    for (k, out) in t.iter_mut().enumerate() {
        let (z, mirrored) = (both[k], both[(2 * n - k) % (2 * n)].conj());
        let weighted = 0.5 * (z + mirrored).re;
        // The transform of the plain t is (z − mirrored)/2i; its imaginary part is minus the sine sum.
        let sines = 0.5 * (z - mirrored).re;
        *out = weighted;
        if k > 0 {
            *out -= sines / (std::f64::consts::PI * k as f64 / n as f64).sin();
        }
        *out /= n as f64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basis(n: usize, k: usize, i: usize) -> f64 {
        let scale = if k == 0 { 1.0 } else { 2.0_f64 };
        let angle = std::f64::consts::PI * k as f64 * (2 * i + 1) as f64 / (2 * n) as f64;
        (scale / n as f64).sqrt() * angle.cos()
    }

    #[test]
    fn diagonal_and_filter_are_those_of_the_cosine_transform() {
        for shape in [[5, 4], [1, 6], [7, 1], [1, 1]] {
            let [rows, columns] = shape;
            let t = |a: i64, b: i64| (-0.3 * (a as f64).abs() - 0.2 * (b as f64).powi(2)).exp();
            let folded = (0..rows * columns)
                .map(|p| {
                    let (a, b) = ((p / columns) as i64, (p % columns) as i64);
                    let signs = if a > 0 { 2.0 } else { 1.0 } * if b > 0 { 2.0 } else { 1.0 };
                    signs * t(a, b)
                })
                .collect();
            let cosine = Cosine::nearest(shape, folded);
            let n = rows * columns;
            let vector = |k: usize, p: usize| {
                basis(rows, k / columns, p / columns) * basis(columns, k % columns, p % columns)
            };
            let entry = |p: usize, q: usize| {
                let (a, b) = (p / columns, q / columns);
                let (c, d) = (p % columns, q % columns);
                t(a as i64 - b as i64, c as i64 - d as i64)
            };
            for k in 0..n {
                let row = |p: usize| (0..n).map(|q| entry(p, q) * vector(k, q)).sum::<f64>();
                let truth: f64 = (0..n).map(|p| vector(k, p) * row(p)).sum();
                assert!((cosine.values[k] - truth).abs() < 1e-12);
                // Each basis vector is multiplied by the function of its own value.
                let filter = cosine.function(|v| 1.0 / (v + 0.5));
                let mut v: Vec<f64> = (0..n).map(|p| vector(k, p)).collect();
                cosine.filter(&mut v, &filter, &mut Vec::new());
                for (p, v) in v.iter().enumerate() {
                    assert!((v - vector(k, p) / (truth + 0.5)).abs() < 1e-12);
                }
            }
            assert!((cosine.trace(|v| v) - n as f64).abs() < 1e-12);
        }
    }
}
