//! What is done to a matrix where it stands: factored, multiplied by itself.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::{
    LltError, LltParams, LltRegularization, cholesky_in_place, cholesky_in_place_scratch,
};
use faer::linalg::matmul::triangular::{BlockStructure, matmul};
use faer::{Accum, Auto, MatMut, MatRef, Par, Spec};

/// Rows of a triangular matrix multiplied together; 32 to 96 are equally good from 50 to 3000 rows.
pub(super) const GRAM_ROWS: usize = 64;
/// From this size on, larger blocks make the factorisation a tenth to a third faster.
const LARGE: usize = 1000;

const FULL: BlockStructure = BlockStructure::Rectangular;
const LOWER: BlockStructure = BlockStructure::TriangularLower;
const UPPER: BlockStructure = BlockStructure::TriangularUpper;

/// Overwrites a lower triangular X with the lower triangle of XᵀX, a block of rows at a time: those need no row of X
/// above them. `work` holds [`GRAM_ROWS`] rows.
pub(super) fn replace_by_gram(mut x: MatMut<'_, f64>, work: &mut [f64]) {
    let n = x.nrows();
    for start in (0..n).step_by(GRAM_ROWS) {
        let count = GRAM_ROWS.min(n - start);
        let end = start + count;
        let mut rows = MatMut::from_column_major_slice_mut(&mut work[..count * end], count, end);
        let (_, below) = x.as_mut().split_at_row_mut(start);
        let (mut block, below) = below.split_at_row_mut(count);
        let mut block = block.as_mut().subcols_mut(0, end);
        rows.copy_from(block.as_ref());
        let (rows, below) = (rows.as_ref(), below.as_ref().subcols(0, end));
        let (left, corner) = rows.split_at_col(start);
        let (below_left, below_corner) = below.split_at_col(start);
        let (mut to_left, mut to_corner) = block.as_mut().split_at_col_mut(start);
        let corner = [(corner, UPPER), (corner, LOWER)];
        let below = [(below_corner, FULL), (below_left, FULL)];
        multiply(
            (to_left.as_mut(), FULL),
            Accum::Replace,
            [corner[0], (left, FULL)],
            1.0,
        );
        multiply((to_left, FULL), Accum::Add, below, 1.0);
        multiply((to_corner.as_mut(), LOWER), Accum::Replace, corner, 1.0);
        multiply((to_corner, LOWER), Accum::Add, [below[0]; 2], 1.0);
    }
}

/// Sets `to` to `factor` AᵀB, or adds that; the structures are those of `to`, Aᵀ and B.
fn multiply(
    (to, part): (MatMut<'_, f64>, BlockStructure),
    accum: Accum,
    [(a, of_a), (b, of_b)]: [(MatRef<'_, f64>, BlockStructure); 2],
    factor: f64,
) {
    let a = a.transpose();
    matmul(to, part, accum, a, of_a, b, of_b, factor, Par::Seq);
}

/// Factors the lower triangle in place; the error is the row of the first unsound pivot.
pub(super) fn factor_in_place(
    lower: &mut [f64],
    size: usize,
    stride: usize,
    diagonal: &[f64],
) -> std::result::Result<(), usize> {
    if size == 0 {
        return Ok(());
    }
    if let Some(bad) = diagonal.iter().position(|d| !d.is_finite() || *d <= 0.0) {
        return Err(bad);
    }
    let blocks = blocks(size);
    let mut memory = MemBuffer::new(cholesky_in_place_scratch::<f64>(size, Par::Seq, blocks));
    cholesky_in_place(
        MatMut::from_column_major_slice_with_stride_mut(lower, size, size, stride),
        LltRegularization::default(),
        Par::Seq,
        MemStack::new(&mut memory),
        blocks,
    )
    .map_err(|LltError::NonPositivePivot { index }| index)?;
    for (j, &variance) in diagonal.iter().enumerate() {
        let pivot = lower[j * stride + j];
        if !pivot_is_sound(pivot * pivot, variance, size) {
            return Err(j);
        }
    }
    Ok(())
}

/// Blocks of the factorisation: faer's own, which large matrices outgrow.
fn blocks(size: usize) -> Spec<LltParams, f64> {
    let chosen = <LltParams as Auto<f64>>::auto();
    if size < LARGE {
        return chosen.into();
    }
    let larger = LltParams {
        recursion_threshold: 32,
        block_size: 256,
        ..chosen
    };
    larger.into()
}

/// A squared pivot below the rounding error of the variance it was subtracted from carries no information.
pub(super) fn pivot_is_sound(squared_pivot: f64, variance: f64, size: usize) -> bool {
    squared_pivot.is_finite() && squared_pivot > 2.0 * f64::EPSILON * variance * size as f64
}
