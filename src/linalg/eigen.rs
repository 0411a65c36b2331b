//! Eigenvalues and eigenvectors of symmetric matrices.

use faer::diag::DiagMut;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::{MatMut, MatRef, Par, Spec};

/// The eigenvalues of a symmetric `size` × `size` matrix in ascending order and its eigenvectors, one after the other,
/// of length one; only the lower triangle of the column-major `matrix` is read. `None` if an entry is not finite, the
/// length is another, or the iteration does not end.
pub(crate) fn symmetric_eigen(size: usize, matrix: &[f64]) -> Option<(Vec<f64>, Vec<f64>)> {
    if matrix.len() != size * size || matrix.iter().any(|entry| !entry.is_finite()) {
        return None;
    }
    if size == 0 {
        return Some((Vec::new(), Vec::new()));
    }
    let (mut values, mut vectors) = (vec![0.0; size], vec![0.0; size * size]);
    let mut memory = MemBuffer::new(self_adjoint_evd_scratch::<f64>(
        size,
        ComputeEigenvectors::Yes,
        Par::Seq,
        Spec::default(),
    ));
    self_adjoint_evd(
        MatRef::from_column_major_slice(matrix, size, size),
        DiagMut::from_slice_mut(&mut values),
        Some(MatMut::from_column_major_slice_mut(
            &mut vectors,
            size,
            size,
        )),
        Par::Seq,
        MemStack::new(&mut memory),
        Spec::default(),
    )
    .ok()?;
    Some((values, vectors))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eigenpairs_rebuild_the_matrix() {
        // Small, and large enough to be divided and conquered.
        for n in [0, 1, 2, 7, 150] {
            let entry = |i: usize, j: usize| (-0.01 * (i as f64 - j as f64).powi(2)).exp();
            let matrix: Vec<f64> = (0..n * n).map(|k| entry(k % n, k / n)).collect();
            let (values, vectors) = symmetric_eigen(n, &matrix).unwrap();
            assert!(values.windows(2).all(|pair| pair[0] <= pair[1]));
            for i in 0..n {
                for j in 0..n {
                    let parts = (0..n).map(|k| values[k] * vectors[k * n + i] * vectors[k * n + j]);
                    assert!((parts.sum::<f64>() - entry(i, j)).abs() < 1e-12);
                    let product: f64 = (0..n)
                        .map(|k| vectors[i * n + k] * vectors[j * n + k])
                        .sum();
                    assert!((product - f64::from(u8::from(i == j))).abs() < 1e-12);
                }
            }
        }
    }

    #[test]
    fn what_is_no_matrix_has_no_eigenvalues() {
        assert!(symmetric_eigen(2, &[1.0; 3]).is_none());
        assert!(symmetric_eigen(1, &[f64::NAN]).is_none());
        assert!(symmetric_eigen(2, &[1.0, f64::INFINITY, 0.0, 1.0]).is_none());
    }
}
