//! A product kernel on a grid in the eigenvectors of its two factors.

use super::axis::Axis;
use super::lattice::Grid;
use crate::error::Result;
use crate::gp::kernel::Kernel;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Zip, linalg::general_mat_mul};
use std::sync::Arc;

/// K = K₁ ⊗ K₂ = B Bᵀ with B = (Q₁ ⊗ Q₂) Λ^½: a field is f = B u with u standard normal.
///
/// Multiplication by B costs O(N (n₁ + n₂)) at most, less where few eigenvectors count (Wilson & Nickisch 2015,
/// section 4; Saatçi 2011, chapter 5).
#[derive(Debug, Clone)]
pub(super) struct Eigenbasis {
    pub rows: Arc<Axis>,
    pub columns: Arc<Axis>,
    /// √(λ₁ₐ λ₂ᵦ), m₁ × m₂.
    root: Array2<f64>,
}

impl Eigenbasis {
    pub fn new(grid: &Grid, rows: &dyn Kernel, columns: &dyn Kernel) -> Result<Self> {
        let [height, width] = grid.pixel_size();
        let rows = Arc::new(Axis::new(rows, grid.rows(), height)?);
        let columns = Arc::new(Axis::new(columns, grid.columns(), width)?);
        let root = Array2::from_shape_fn((rows.values.len(), columns.values.len()), |(a, b)| {
            (rows.values[a] * columns.values[b]).sqrt()
        });
        Ok(Self {
            rows,
            columns,
            root,
        })
    }

    /// Number of coefficients, m₁ m₂.
    pub fn coefficients(&self) -> usize {
        self.root.len()
    }

    /// Pixels a row.
    pub fn width(&self) -> usize {
        self.columns.matrix.nrows()
    }

    /// Eigenvalues λ₁ₐ λ₂ᵦ of K, in the order of the coefficients.
    pub fn eigenvalues(&self) -> impl Iterator<Item = f64> + '_ {
        self.root.iter().map(|r| r * r)
    }

    /// Writes B u.
    pub fn spread(&self, u: &[f64], pixels: &mut [f64]) {
        let u = ArrayView2::from_shape(self.root.dim(), u).expect("one number a coefficient");
        let scaled = &u * &self.root;
        self.spread_plain(scaled.view(), pixels);
    }

    /// Writes Q₁ U Q₂ᵀ, without the eigenvalues.
    pub fn spread_plain(&self, u: ArrayView2<'_, f64>, pixels: &mut [f64]) {
        let shape = (self.rows.matrix.nrows(), self.width());
        let half = u.dot(&self.columns.vectors.t());
        let mut out = ArrayViewMut2::from_shape(shape, pixels).expect("one number a pixel");
        general_mat_mul(1.0, &self.rows.vectors, &half, 0.0, &mut out);
    }

    /// Writes Bᵀ v.
    pub fn gather(&self, pixels: &[f64], u: &mut [f64]) {
        let shape = (self.rows.matrix.nrows(), self.width());
        let pixels = ArrayView2::from_shape(shape, pixels).expect("one number a pixel");
        let half = self.rows.vectors.t().dot(&pixels);
        let mut out =
            ArrayViewMut2::from_shape(self.root.dim(), u).expect("one number a coefficient");
        general_mat_mul(1.0, &half, &self.columns.vectors, 0.0, &mut out);
        Zip::from(&mut out).and(&self.root).for_each(|u, r| *u *= r);
    }

    /// k(p, q) for two pixels by their row-major indices.
    pub fn entry(&self, p: usize, q: usize) -> f64 {
        let width = self.width();
        self.rows.matrix[[p / width, q / width]] * self.columns.matrix[[p % width, q % width]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gp::{Matern32, Rbf};

    #[test]
    fn square_root_squares_to_the_covariance() {
        let grid = Grid::new(5, 7, [0.5, 1.5]).unwrap();
        let (rows, columns) = (Matern32::isotropic(1.0).scaled(2.0), Rbf::isotropic(2.0));
        let basis = Eigenbasis::new(&grid, &rows, &columns).unwrap();
        let mut unit = vec![0.0; 35];
        let mut u = vec![0.0; basis.coefficients()];
        let mut column = vec![0.0; 35];
        for q in 0..35 {
            unit.fill(0.0);
            unit[q] = 1.0;
            basis.gather(&unit, &mut u);
            basis.spread(&u, &mut column);
            for (p, k) in column.iter().enumerate() {
                let at = |i: usize| [0.5 * (i / 7) as f64, 1.5 * (i % 7) as f64];
                let (a, b) = (at(p), at(q));
                let truth =
                    rows.covariance(&a[..1], &b[..1]) * columns.covariance(&a[1..], &b[1..]);
                assert!((k - truth).abs() < 1e-12);
                assert!((basis.entry(p, q) - truth).abs() < 1e-15);
            }
        }
    }
}
