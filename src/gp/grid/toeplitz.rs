//! A stationary kernel on a grid: block-Toeplitz, multiplied inside a larger block-circulant matrix.

use super::cosine::Cosine;
use super::fourier::{RealFourier, fast_length};
use super::lattice::Grid;
use crate::error::{Error, Result};
use crate::gp::kernel::Kernel;
use crate::gp::points::Points;
use ndarray::Array2;
use rustfft::num_complex::Complex64;

/// The block-Toeplitz covariance of a grid.
///
/// K v is the first block of C v′ where C is circulant on a torus of at least (2n₁ − 1) × (2n₂ − 1) pixels and v′ is
/// v padded with zeros; O(N log N) (Wilson & Nickisch 2015, section 4.1).
#[derive(Debug, Clone)]
pub(super) struct Toeplitz {
    shape: [usize; 2],
    embedding: RealFourier,
    /// First row of C, m₁ × m₂.
    values: Vec<f64>,
    /// Eigenvalues of C over m₁ m₂, half, transposed.
    spectrum: Vec<f64>,
    /// A matrix near K whose functions are cheap.
    pub preconditioner: Cosine,
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

        let signed = |d: usize, m: usize| if d == 0 { vec![0] } else { vec![d, m - d] };
        let folded = (0..shape[0] * shape[1]).map(|p| {
            let rows = signed(p / shape[1], torus[0]);
            let sums = rows.into_iter().map(|r| {
                let columns = signed(p % shape[1], torus[1]);
                columns
                    .into_iter()
                    .map(|c| values[r * torus[1] + c])
                    .sum::<f64>()
            });
            sums.sum()
        });
        let preconditioner = Cosine::nearest(shape, folded.collect());
        Ok(Self {
            shape,
            embedding,
            values,
            spectrum,
            preconditioner,
        })
    }

    /// Pixels a row.
    pub fn columns(&self) -> usize {
        self.shape[1]
    }

    /// Overwrites `v` with K v.
    pub fn multiply(&self, v: &mut [f64], scratch: &mut Vec<Complex64>) {
        self.embedding
            .filter(v, self.shape, &self.spectrum, scratch);
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
    use crate::gp::Matern32;

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
            for (p, value) in product.iter().enumerate() {
                let row =
                    |q: usize| kernel.covariance(&places.row(p).to_vec(), &places.row(q).to_vec());
                let truth: f64 = (0..n).map(|q| row(q) * v[q]).sum();
                assert!((value - truth).abs() < 1e-12);
                assert!((0..n).all(|q| (toeplitz.entry(p, q) - row(q)).abs() < 1e-14));
            }
        }
    }
}
