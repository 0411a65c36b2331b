//! The eigenvectors of a covariance matrix along one side of the grid.

use crate::error::{Error, Result};
use crate::gp::kernel::Kernel;
use crate::gp::points::Points;
use nalgebra::{DMatrix, SymmetricEigen};
use ndarray::Array2;

/// Eigenvalues below this, relative to the largest, are rounding errors and are left out.
const NEGLIGIBLE: f64 = 1e-14;
/// Longest side for which an n³ decomposition is reasonable.
const LONGEST: usize = 4096;

/// A covariance matrix of one axis, K = Q diag(λ) Qᵀ with negligible eigenvalues left out.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    /// The n × n covariance matrix.
    pub matrix: Array2<f64>,
    /// Eigenvectors as columns, n × m.
    pub vectors: Array2<f64>,
    /// Eigenvalues, largest first, all positive.
    pub values: Vec<f64>,
}

impl Axis {
    /// The decomposition for `count` pixels `pitch` apart.
    ///
    /// Matrices that read the same from both ends (every stationary kernel's) fall apart into an even and an odd
    /// half, at a quarter of the cost (Cantoni & Butler 1976, Linear Algebra Appl. 13, 275).
    pub fn new(kernel: &dyn Kernel, count: usize, pitch: f64) -> Result<Self> {
        if count > LONGEST {
            return Err(Error::argument(
                "grid",
                format!("{count} pixels along one side"),
                format!("up to {LONGEST} with a product kernel"),
            ));
        }
        let places = Array2::from_shape_fn((count, 1), |(i, _)| i as f64 * pitch);
        let points = Points::from_rows("grid", places.view())?;
        kernel.check_points(points.view())?;
        let mut matrix = Array2::zeros((count, count));
        for (i, mut row) in matrix.rows_mut().into_iter().enumerate() {
            let out = row.as_slice_mut().expect("rows are contiguous");
            kernel.covariances(&[i as f64 * pitch], points.view(), out);
        }
        if let Some(bad) = matrix.iter().find(|k| !k.is_finite()) {
            return Err(Error::argument("kernel", bad, "finite covariances"));
        }
        let mut pairs = if reads_the_same_backwards(&matrix) {
            halves(&matrix)?
        } else {
            let dense = DMatrix::from_fn(count, count, |i, j| matrix[[i, j]]);
            decompose(dense)?
        };
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
        let largest = pairs.first().map_or(0.0, |p| p.0);
        if largest.is_nan() || largest <= 0.0 {
            return Err(Error::NotPositiveDefinite {
                size: count,
                pivot: 0,
                jitter: 0.0,
            });
        }
        pairs.retain(|p| p.0 > NEGLIGIBLE * largest);
        let vectors = Array2::from_shape_fn((count, pairs.len()), |(i, a)| pairs[a].1[i]);
        let values = pairs.into_iter().map(|p| p.0).collect();
        Ok(Self {
            matrix,
            vectors,
            values,
        })
    }
}

fn reads_the_same_backwards(matrix: &Array2<f64>) -> bool {
    let n = matrix.nrows();
    let scale = matrix.iter().fold(0.0_f64, |l, k| l.max(k.abs()));
    matrix
        .indexed_iter()
        .all(|((i, j), k)| (k - matrix[[n - 1 - i, n - 1 - j]]).abs() <= 1e-14 * scale)
}

/// Eigenpairs by the even and odd halves of a symmetric matrix that reads the same backwards.
fn halves(matrix: &Array2<f64>) -> Result<Vec<(f64, Vec<f64>)>> {
    let n = matrix.nrows();
    let (half, middle) = (n / 2, n % 2);
    let even = DMatrix::from_fn(half + middle, half + middle, |i, j| {
        match (i == half, j == half) {
            (false, false) => matrix[[i, j]] + matrix[[i, n - 1 - j]],
            (true, true) => matrix[[i, j]],
            _ => std::f64::consts::SQRT_2 * matrix[[i, j]],
        }
    });
    let odd = DMatrix::from_fn(half, half, |i, j| matrix[[i, j]] - matrix[[i, n - 1 - j]]);
    let mut pairs = Vec::with_capacity(n);
    for (block, sign) in [(even, 1.0), (odd, -1.0)] {
        for (value, short) in decompose(block)? {
            let mut full = vec![0.0; n];
            for (i, x) in short.iter().enumerate() {
                if i == half {
                    full[i] = *x;
                } else {
                    full[i] = x * std::f64::consts::FRAC_1_SQRT_2;
                    full[n - 1 - i] = sign * full[i];
                }
            }
            pairs.push((value, full));
        }
    }
    Ok(pairs)
}

fn decompose(matrix: DMatrix<f64>) -> Result<Vec<(f64, Vec<f64>)>> {
    let n = matrix.nrows();
    if n == 0 {
        return Ok(Vec::new());
    }
    let eigen = SymmetricEigen::try_new(matrix, f64::EPSILON, 100 * n + 1000).ok_or_else(|| {
        Error::argument(
            "kernel",
            format!("a {n} × {n} matrix whose eigenvalues were not found"),
            "a positive definite kernel",
        )
    })?;
    let columns = eigen.eigenvectors.column_iter();
    Ok(eigen
        .eigenvalues
        .iter()
        .zip(columns)
        .map(|(value, vector)| (*value, vector.iter().copied().collect()))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gp::{Matern12, PointsView, Rbf};

    fn rebuilt(axis: &Axis) -> f64 {
        let scaled = &axis.vectors * &ndarray::ArrayView1::from(&axis.values);
        let difference = scaled.dot(&axis.vectors.t()) - &axis.matrix;
        difference.iter().fold(0.0, |l, d| l.max(d.abs()))
    }

    #[test]
    fn eigenpairs_rebuild_the_matrix_at_every_length() {
        for count in [1, 2, 3, 8, 31, 64] {
            let smooth = Axis::new(&Rbf::isotropic(3.0), count, 0.7).unwrap();
            assert!(rebuilt(&smooth) < 2e-13, "{count}: {:e}", rebuilt(&smooth));
            let rough = Axis::new(&Matern12::isotropic(3.0).scaled(2.0), count, 0.7).unwrap();
            assert!(rebuilt(&rough) < 2e-13);
            assert_eq!(rough.values.len(), count);
            assert!(rough.values.windows(2).all(|w| w[0] >= w[1]));
            let gram = rough.vectors.t().dot(&rough.vectors) - Array2::<f64>::eye(count);
            assert!(gram.iter().all(|g| g.abs() < 1e-13));
        }
        // A smooth kernel needs few of its eigenvectors.
        let smooth = Axis::new(&Rbf::isotropic(12.8), 256, 1.0).unwrap();
        assert!(smooth.values.len() < 80, "{}", smooth.values.len());
    }

    /// k(x, x′) = min(x, x′) + 1, which is not stationary.
    #[derive(Debug, Clone)]
    struct Wiener;
    impl Kernel for Wiener {
        fn check(&self, _: usize) -> Result<()> {
            Ok(())
        }
        fn covariances(&self, point: &[f64], others: PointsView<'_>, out: &mut [f64]) {
            for (o, x) in out.iter_mut().zip(others.coordinate(0)) {
                *o = point[0].min(*x) + 1.0;
            }
        }
        fn variance(&self, point: &[f64]) -> f64 {
            point[0] + 1.0
        }
        fn parameters(&self) -> Vec<crate::gp::Parameter> {
            Vec::new()
        }
        fn set_log_parameters(&mut self, _: &[f64]) -> Result<()> {
            Ok(())
        }
        fn accumulate_gradient(
            &self,
            point: &[f64],
            others: PointsView<'_>,
            weights: &[f64],
            _: &mut [f64],
        ) -> f64 {
            let each = weights.iter().zip(others.coordinate(0));
            each.map(|(w, x)| w * (point[0].min(*x) + 1.0)).sum()
        }
        fn clone_box(&self) -> Box<dyn Kernel> {
            Box::new(self.clone())
        }
    }

    #[test]
    fn kernels_that_are_not_stationary_are_decomposed_whole() {
        let axis = Axis::new(&Wiener, 17, 0.3).unwrap();
        assert!(!reads_the_same_backwards(&axis.matrix));
        assert!(rebuilt(&axis) < 1e-12);
        assert!(Axis::new(&Wiener, 5000, 0.3).is_err());
    }
}
