//! Points, draws and comparisons.

use dosewise::gp::Kernel;
use dosewise::linalg::Cholesky;
use ndarray::Array2;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};

pub fn rows(rows: &[Vec<f64>]) -> Array2<f64> {
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, k)| rows[i][k])
}

pub fn close(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance * (1.0 + expected.abs()),
        "found {found}, expected {expected}"
    );
}

pub fn uniform(n: usize, d: usize, seed: u64) -> Array2<f64> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    Array2::from_shape_simple_fn((n, d), || rng.random::<f64>())
}

pub fn normal(n: usize, seed: u64) -> Vec<f64> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    (0..n).map(|_| StandardNormal.sample(&mut rng)).collect()
}

/// A draw of the latent function at the rows of `x`.
pub fn draw(kernel: &dyn Kernel, x: &Array2<f64>, seed: u64) -> Vec<f64> {
    let n = x.nrows();
    let rows: Vec<Vec<f64>> = x.rows().into_iter().map(|row| row.to_vec()).collect();
    let factor = Cholesky::factor(n, &mut |j, column| {
        for (i, c) in column.iter_mut().enumerate() {
            *c = kernel.covariance(&rows[j], &rows[j + i]);
        }
        column[0] += 1e-10;
    });
    factor.unwrap().multiply(&normal(n, seed)).unwrap()
}

pub fn signal(x: &Array2<f64>) -> Vec<f64> {
    let value = |p: ndarray::ArrayView1<'_, f64>| (6.0 * p[0]).sin() + p[p.len() - 1] / 3.0;
    x.rows().into_iter().map(value).collect()
}

pub fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|v| v.to_bits()).collect()
}
