//! A stationary kernel on a grid: block-Toeplitz, multiplied inside a larger block-circulant matrix.

use super::fourier::{RealFourier, fast_length};
use super::lattice::Grid;
use crate::error::{Error, Result};
use crate::gp::kernel::Kernel;
use crate::gp::points::Points;
use ndarray::Array2;
use rustfft::num_complex::Complex64;

/// The block-Toeplitz covariance of a grid and a block-circulant matrix near it.
///
/// Embedding: K v is the first block of C v′ where C is circulant on a torus of at least (2n₁ − 1) × (2n₂ − 1)
/// pixels and v′ is v padded with zeros; O(N log N). Nearest circulant on the grid itself: T. Chan (1988), SIAM J.
/// Sci. Stat. Comput. 9, 766, in both directions (Chan & Olkin 1994).
#[derive(Debug, Clone)]
pub(super) struct Toeplitz {
    shape: [usize; 2],
    embedding: RealFourier,
    /// First row of C, m₁ × m₂.
    values: Vec<f64>,
    /// Eigenvalues of C over m₁ m₂, half, transposed.
    spectrum: Vec<f64>,
    circulant: RealFourier,
    /// Eigenvalues of the nearest circulant, none negative; half, transposed.
    circulant_values: Vec<f64>,
}

impl Toeplitz {
    pub fn new(grid: &Grid, kernel: &dyn Kernel) -> Result<Self> {
        let shape = [grid.rows(), grid.columns()];
        let torus = shape.map(|n| fast_length(2 * n - 1));
        let values = covariances_on_torus(grid, kernel, torus)?;
        let embedding = RealFourier::new(torus);
        let scale = 1.0 / (torus[0] * torus[1]) as f64;
        let spectrum = embedding.spectrum(&values, torus);
        let spectrum = spectrum.into_iter().map(|z| z.re * scale).collect();

        // Each of the four wraps of a difference, weighted with the share of pixel pairs that have it.
        let mut nearest = vec![0.0; shape[0] * shape[1]];
        let at = |r: usize, c: usize| values[r * torus[1] + c];
        let share = |d: usize, n: usize| d as f64 / n as f64;
        for (p, value) in nearest.iter_mut().enumerate() {
            let (r, c) = (p / shape[1], p % shape[1]);
            let (down, across) = (share(r, shape[0]), share(c, shape[1]));
            let wrap = |d: usize, n: usize, m: usize| (d + m - n) % m;
            let (up, left) = (wrap(r, shape[0], torus[0]), wrap(c, shape[1], torus[1]));
            *value = (1.0 - down) * (1.0 - across) * at(r, c);
            if r > 0 {
                *value += down * (1.0 - across) * at(up, c);
            }
            if c > 0 {
                *value += (1.0 - down) * across * at(r, left);
            }
            if r > 0 && c > 0 {
                *value += down * across * at(up, left);
            }
        }
        let circulant = RealFourier::new(shape);
        let circulant_values = circulant.spectrum(&nearest, shape);
        let circulant_values = circulant_values.into_iter().map(|z| z.re.max(0.0));
        Ok(Self {
            shape,
            embedding,
            values,
            spectrum,
            circulant_values: circulant_values.collect(),
            circulant,
        })
    }

    /// Overwrites `v` with K v.
    pub fn multiply(&self, v: &mut [f64], scratch: &mut Vec<Complex64>) {
        self.embedding
            .filter(v, self.shape, &self.spectrum, scratch);
    }

    /// The filter f(C) of the nearest circulant C, to be used with [`Toeplitz::filter`].
    pub fn function_of_circulant(&self, f: impl Fn(f64) -> f64) -> Vec<f64> {
        let scale = 1.0 / (self.shape[0] * self.shape[1]) as f64;
        let values = self.circulant_values.iter();
        values.map(|value| scale * f(*value)).collect()
    }

    /// Overwrites `v` with f(C) v.
    pub fn filter(&self, v: &mut [f64], filter: &[f64], scratch: &mut Vec<Complex64>) {
        self.circulant.filter(v, self.shape, filter, scratch);
    }

    /// Σ f(λ) over all eigenvalues λ of the nearest circulant.
    pub fn circulant_trace(&self, f: impl Fn(f64) -> f64) -> f64 {
        let columns = self.circulant_values.chunks_exact(self.shape[0]);
        columns
            .enumerate()
            .map(|(c, column)| {
                self.circulant.multiplicity(c) * column.iter().map(|v| f(*v)).sum::<f64>()
            })
            .sum()
    }

    /// k(p, q) for two pixels by their row-major indices.
    pub fn entry(&self, p: usize, q: usize) -> f64 {
        let [height, width] = self.embedding.torus;
        let row = (p / self.shape[1] + height - q / self.shape[1]) % height;
        let column = (p % self.shape[1] + width - q % self.shape[1]) % width;
        self.values[row * width + column]
    }
}

/// k(0, d) for every difference d on a torus, the shorter way round.
pub(super) fn covariances_on_torus(
    grid: &Grid,
    kernel: &dyn Kernel,
    torus: [usize; 2],
) -> Result<Vec<f64>> {
    let pixel = grid.pixel_size();
    let difference = |index: usize, k: usize| {
        let length = torus[k] as f64;
        let index = index as f64;
        pixel[k]
            * if 2.0 * index > length {
                index - length
            } else {
                index
            }
    };
    let mut values = vec![0.0; torus[0] * torus[1]];
    for (r, row) in values.chunks_exact_mut(torus[1]).enumerate() {
        let places = Array2::from_shape_fn((torus[1], 2), |(c, k)| difference([r, c][k], k));
        let places = Points::from_rows("grid", places.view())?;
        kernel.covariances(&[0.0, 0.0], places.view(), row);
    }
    match values.iter().find(|k| !k.is_finite()) {
        None => Ok(values),
        Some(bad) => Err(Error::argument("kernel", bad, "finite covariances")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gp::{Matern32, Rbf};

    #[test]
    fn products_equal_the_dense_matrix() {
        for shape in [[1, 9], [7, 1], [5, 8], [6, 7]] {
            let grid = Grid::new(shape[0], shape[1], [0.5, 1.5]).unwrap();
            let kernel = Matern32::ard([1.0, 2.0]).scaled(2.0);
            let toeplitz = Toeplitz::new(&grid, &kernel).unwrap();
            let places = grid.coordinates();
            let n = grid.pixels();
            let v: Vec<f64> = (0..n).map(|i| (i as f64 * 0.9).cos()).collect();
            let mut product = v.clone();
            toeplitz.multiply(&mut product, &mut Vec::new());
            for p in 0..n {
                let row =
                    |q: usize| kernel.covariance(&places.row(p).to_vec(), &places.row(q).to_vec());
                let truth: f64 = (0..n).map(|q| row(q) * v[q]).sum();
                assert!((product[p] - truth).abs() < 1e-12);
                assert!((0..n).all(|q| (toeplitz.entry(p, q) - row(q)).abs() < 1e-14));
            }
        }
    }

    #[test]
    fn nearest_circulant_has_the_trace_of_the_matrix_and_averages_its_wraps() {
        let grid = Grid::new(6, 9, [1.0, 1.0]).unwrap();
        let kernel = Rbf::isotropic(2.0).scaled(3.0);
        let toeplitz = Toeplitz::new(&grid, &kernel).unwrap();
        assert!((toeplitz.circulant_trace(|v| v) - 54.0 * 3.0).abs() < 1e-10);
        // Entry (0, 1) of the optimal circulant averages all pairs one column apart, round the edge included.
        let mut unit = vec![0.0; 54];
        unit[0] = 1.0;
        let same = toeplitz.function_of_circulant(|v| v);
        toeplitz.filter(&mut unit, &same, &mut Vec::new());
        let k = |d: f64| 3.0 * (-d * d / 8.0).exp();
        assert!((unit[1] - (8.0 * k(1.0) + k(8.0)) / 9.0).abs() < 1e-10);
    }
}
