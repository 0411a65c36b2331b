//! Products of matrices of which only the lower triangle is wanted.

use faer::linalg::matmul::triangular::{BlockStructure, matmul};
use faer::{Accum, MatMut, MatRef, Par};

/// Subtracts `Vᵀ V` from the lower triangle of the column-major `columns` × `columns` matrix `out`, `v` being
/// row-major `rows` × `columns`. Lengths are the caller's promise, checked in debug builds.
pub(crate) fn subtract_gram(out: &mut [f64], v: &[f64], rows: usize, columns: usize) {
    accumulate_gram(out, v, rows, columns, -1.0);
}

/// Adds `Vᵀ V`, see [`subtract_gram`].
pub(crate) fn add_gram(out: &mut [f64], v: &[f64], rows: usize, columns: usize) {
    accumulate_gram(out, v, rows, columns, 1.0);
}

fn accumulate_gram(out: &mut [f64], v: &[f64], rows: usize, columns: usize, sign: f64) {
    debug_assert_eq!(out.len(), columns * columns);
    debug_assert_eq!(v.len(), rows * columns);
    if rows == 0 || columns == 0 {
        return;
    }
    let v = MatRef::from_row_major_slice(v, rows, columns);
    add_lower_product(out, v.transpose(), v, sign);
}

/// Adds the lower triangle of `A Bᵀ` to that of the column-major `rows` × `rows` matrix `out`, `a` and `b` being
/// row-major `rows` × `columns`. Lengths are the caller's promise, checked in debug builds.
pub(crate) fn add_outer(out: &mut [f64], a: &[f64], b: &[f64], rows: usize, columns: usize) {
    debug_assert_eq!(out.len(), rows * rows);
    debug_assert!(a.len() == rows * columns && b.len() == rows * columns);
    if rows == 0 || columns == 0 {
        return;
    }
    let a = MatRef::from_row_major_slice(a, rows, columns);
    let b = MatRef::from_row_major_slice(b, rows, columns);
    add_lower_product(out, a, b.transpose(), 1.0);
}

fn add_lower_product(out: &mut [f64], a: MatRef<'_, f64>, b: MatRef<'_, f64>, factor: f64) {
    let size = a.nrows();
    matmul(
        MatMut::from_column_major_slice_mut(out, size, size),
        BlockStructure::TriangularLower,
        Accum::Add,
        a,
        BlockStructure::Rectangular,
        b,
        BlockStructure::Rectangular,
        factor,
        Par::Seq,
    );
}
