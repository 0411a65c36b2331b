//! Dense linear algebra on `f64`: a Cholesky factor that grows, and what inference needs from it.
//!
//! This is the only caller of faer: its generics compile in the crate that uses them, so they stay in this one
//! module. Everything runs on one thread, which keeps results equal whatever the number of cores.

mod complement;
mod eigen;
mod in_place;
mod products;
mod removal;
mod update;

pub(crate) use eigen::symmetric_eigen;
pub(crate) use products::{add_gram, add_outer, subtract_gram};
pub use removal::Rotations;

use crate::error::{Error, Result};
use faer::linalg::triangular_inverse::invert_lower_triangular;
use faer::linalg::triangular_solve::{
    solve_lower_triangular_in_place, solve_upper_triangular_in_place,
};
use faer::{MatMut, MatRef, Par};
use in_place::{GRAM_ROWS, factor_in_place, pivot_is_sound, replace_by_gram};

/// Jitter tried first when a factorisation fails, relative to the mean of the diagonal.
const FIRST_JITTER: f64 = 1e-10;
/// Largest jitter tried, relative to the mean of the diagonal.
const LAST_JITTER: f64 = 1e-4;

/// The lower Cholesky factor `L` of a covariance matrix `A + jitter I = L Lᵀ`, growing row by row.
///
/// Stored column-major inside a square buffer whose side doubles when it is full, so that one more row costs one
/// forward solve (n²/2 multiplications) and no copy.
///
/// ```
/// use dosewise::linalg::Cholesky;
/// // A = [[4, 2], [2, 3]], given as the lower part of its columns.
/// let columns = [vec![4.0, 2.0], vec![3.0]];
/// let factor = Cholesky::factor(2, &mut |j, column| column.copy_from_slice(&columns[j])).unwrap();
/// assert!((factor.log_determinant() - 8.0_f64.ln()).abs() < 1e-14);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Cholesky {
    size: usize,
    capacity: usize,
    /// Entry (i, j) at `j * capacity + i`; only i ≥ j is meaningful.
    lower: Vec<f64>,
    jitter: f64,
}

impl Cholesky {
    /// The factor of a `size` × `size` matrix, of which `fill(j, column)` writes rows `j..size` of column `j`.
    ///
    /// # Errors
    /// As [`Cholesky::refactor`].
    pub fn factor(size: usize, fill: &mut dyn FnMut(usize, &mut [f64])) -> Result<Self> {
        let mut factor = Self::default();
        factor.refactor(size, fill)?;
        Ok(factor)
    }

    /// Factors a new matrix into the buffer of this one; on failure the factor is left empty.
    ///
    /// Without jitter first; if a pivot is lost to rounding, with 10⁻¹⁰ times the mean of the diagonal, then ten
    /// times more, up to 10⁻⁴. `fill` is called again for each attempt.
    ///
    /// # Errors
    /// [`Error::NotPositiveDefinite`] if even the largest jitter fails, or if an entry is not finite;
    /// [`Error::Argument`] if the matrix does not fit into memory.
    pub fn refactor(&mut self, size: usize, fill: &mut dyn FnMut(usize, &mut [f64])) -> Result<()> {
        if size > self.capacity {
            self.lower = zeros(size, size)?;
            self.capacity = size;
        }
        self.size = 0;
        self.jitter = 0.0;
        let mut relative = 0.0;
        let mut diagonal = vec![0.0; size];
        loop {
            for (j, start) in diagonal.iter_mut().enumerate() {
                let column = &mut self.lower[j * self.capacity..][j..size];
                fill(j, column);
                *start = column[0];
            }
            let mean = diagonal.iter().sum::<f64>() / size.max(1) as f64;
            let jitter = relative * mean;
            for (j, start) in diagonal.iter_mut().enumerate() {
                *start += jitter;
                self.lower[j * self.capacity + j] = *start;
            }
            match factor_in_place(&mut self.lower, size, self.capacity, &diagonal) {
                Ok(()) => {
                    self.size = size;
                    self.jitter = jitter;
                    return Ok(());
                }
                Err(pivot) if relative >= LAST_JITTER * 0.99 || !mean.is_finite() => {
                    return Err(Error::NotPositiveDefinite {
                        size,
                        pivot,
                        jitter,
                    });
                }
                Err(_) if relative == 0.0 => relative = FIRST_JITTER,
                Err(_) => relative *= 10.0,
            }
        }
    }

    /// Number of rows.
    pub fn size(&self) -> usize {
        self.size
    }

    /// What was added to the diagonal to make the factorisation succeed; zero in ordinary cases.
    pub fn jitter(&self) -> f64 {
        self.jitter
    }

    /// Entry `L[i, j]`, `None` outside the matrix, zero above the diagonal.
    pub fn entry(&self, i: usize, j: usize) -> Option<f64> {
        if i >= self.size || j >= self.size {
            return None;
        }
        Some(if i < j {
            0.0
        } else {
            self.lower[j * self.capacity + i]
        })
    }

    /// `log det(L Lᵀ) = 2 Σ log L[i, i]`.
    pub fn log_determinant(&self) -> f64 {
        let pivots = (0..self.size).map(|j| self.lower[j * self.capacity + j].ln());
        2.0 * pivots.sum::<f64>()
    }

    /// Overwrites `b` with `L⁻¹ b`.
    ///
    /// # Errors
    /// [`Error::Argument`] if `b` has not one entry per row.
    pub fn forward(&self, b: &mut [f64]) -> Result<()> {
        self.forward_many(b, 1)
    }

    /// Overwrites `b` with `L⁻ᵀ b`.
    ///
    /// # Errors
    /// [`Error::Argument`] if `b` has not one entry per row.
    pub fn backward(&self, b: &mut [f64]) -> Result<()> {
        self.backward_many(b, 1)
    }

    /// Overwrites `b` with `(L Lᵀ)⁻¹ b`.
    ///
    /// # Errors
    /// [`Error::Argument`] if `b` has not one entry per row.
    pub fn solve(&self, b: &mut [f64]) -> Result<()> {
        self.forward(b)?;
        self.backward(b)
    }

    /// Overwrites the row-major `size` × `columns` matrix `b` with `L⁻¹ b`.
    ///
    /// # Errors
    /// [`Error::Argument`] if the length of `b` is not `size * columns`.
    pub fn forward_many(&self, b: &mut [f64], columns: usize) -> Result<()> {
        check_length("b", b.len(), self.size * columns)?;
        if columns > 0 {
            let b = right_hand_sides(b, self.size, columns);
            solve_lower_triangular_in_place(self.view(), b, Par::Seq);
        }
        Ok(())
    }

    /// Overwrites the row-major `size` × `columns` matrix `b` with `L⁻ᵀ b`.
    ///
    /// # Errors
    /// [`Error::Argument`] if the length of `b` is not `size * columns`.
    pub fn backward_many(&self, b: &mut [f64], columns: usize) -> Result<()> {
        check_length("b", b.len(), self.size * columns)?;
        if columns > 0 {
            let b = right_hand_sides(b, self.size, columns);
            solve_upper_triangular_in_place(self.view().transpose(), b, Par::Seq);
        }
        Ok(())
    }

    /// `L z`: a draw with this covariance when `z` is standard normal.
    ///
    /// # Errors
    /// [`Error::Argument`] if `z` has not one entry per row.
    pub fn multiply(&self, z: &[f64]) -> Result<Vec<f64>> {
        check_length("z", z.len(), self.size)?;
        let mut product = vec![0.0; self.size];
        for (j, &weight) in z.iter().enumerate() {
            let column = &self.lower[j * self.capacity..][j..self.size];
            for (p, l) in product[j..].iter_mut().zip(column) {
                *p += weight * l;
            }
        }
        Ok(product)
    }

    /// `Lᵀ z`.
    ///
    /// # Errors
    /// [`Error::Argument`] if `z` has not one entry per row.
    pub fn multiply_transposed(&self, z: &[f64]) -> Result<Vec<f64>> {
        check_length("z", z.len(), self.size)?;
        let columns = (0..self.size).map(|j| &self.lower[j * self.capacity..][j..self.size]);
        Ok(columns
            .enumerate()
            .map(|(j, column)| column.iter().zip(&z[j..]).map(|(l, z)| l * z).sum())
            .collect())
    }

    /// The columns of the lower triangle one after the other, for files.
    pub(crate) fn packed(&self) -> Vec<f64> {
        let columns = (0..self.size).map(|j| &self.lower[j * self.capacity..][j..self.size]);
        columns.flatten().copied().collect()
    }

    /// The factor of a `size` × `size` matrix from [`Cholesky::packed`].
    pub(crate) fn from_packed(size: usize, packed: &[f64], jitter: f64) -> Result<Self> {
        check_length("factor", packed.len(), size * (size + 1) / 2)?;
        let mut lower = zeros(size, size)?;
        let mut rest = packed;
        for j in 0..size {
            let (column, behind) = rest.split_at(size - j);
            lower[j * size + j..][..size - j].copy_from_slice(column);
            rest = behind;
            if !(column[0] > 0.0 && column.iter().all(|l| l.is_finite())) {
                return Err(Error::argument(
                    "factor",
                    format!("column {j} with the pivot {}", column[0]),
                    "finite entries and positive pivots",
                ));
            }
        }
        if !(jitter >= 0.0 && jitter.is_finite()) {
            return Err(Error::argument("jitter", jitter, "zero or positive"));
        }
        Ok(Self {
            size,
            capacity: size,
            lower,
            jitter,
        })
    }

    /// Adds one row and column to the factored matrix: `cross` holds its covariances with the present rows,
    /// `diagonal` its variance (without jitter, which is added here). Overwrites `cross` with the new row of `L`
    /// left of the diagonal and returns the new diagonal entry of `L`.
    ///
    /// # Errors
    /// [`Error::NotPositiveDefinite`] if the new pivot is lost to rounding (the factor is then unchanged);
    /// [`Error::Argument`] if `cross` has not one entry per row.
    pub fn append(&mut self, cross: &mut [f64], diagonal: f64) -> Result<f64> {
        self.forward(cross)?;
        self.append_solved(cross, diagonal)
    }

    /// As [`Cholesky::append`], for a caller who already holds `row = L⁻¹ cross`.
    ///
    /// # Errors
    /// As [`Cholesky::append`].
    pub fn append_solved(&mut self, row: &[f64], diagonal: f64) -> Result<f64> {
        check_length("row", row.len(), self.size)?;
        let variance = diagonal + self.jitter;
        let left = variance - row.iter().map(|l| l * l).sum::<f64>();
        if !pivot_is_sound(left, variance, self.size + 1) {
            return Err(Error::NotPositiveDefinite {
                size: self.size + 1,
                pivot: self.size,
                jitter: self.jitter,
            });
        }
        self.reserve(self.size + 1)?;
        let last = self.size;
        for (j, l) in row.iter().enumerate() {
            self.lower[j * self.capacity + last] = *l;
        }
        let pivot = left.sqrt();
        self.lower[last * self.capacity + last] = pivot;
        self.size += 1;
        Ok(pivot)
    }

    /// Adds `count` rows at once: `cross` is the row-major `size` × `count` block of covariances with the present
    /// rows, overwritten with `L⁻¹ cross`; `fill(j, column)` writes rows `j..count` of column `j` of the new
    /// corner (without jitter).
    ///
    /// # Errors
    /// As [`Cholesky::append`]; on failure the factor is unchanged.
    pub fn append_block(
        &mut self,
        cross: &mut [f64],
        count: usize,
        fill: &mut dyn FnMut(usize, &mut [f64]),
    ) -> Result<()> {
        self.forward_many(cross, count)?;
        let (old, new) = (self.size, self.size + count);
        let mut corner = vec![0.0; count * count];
        let mut diagonal = vec![0.0; count];
        for (j, variance) in diagonal.iter_mut().enumerate() {
            let column = &mut corner[j * count..][j..count];
            fill(j, column);
            column[0] += self.jitter;
            *variance = column[0];
        }
        subtract_gram(&mut corner, cross, old, count);
        factor_in_place(&mut corner, count, count, &diagonal).map_err(|pivot| {
            Error::NotPositiveDefinite {
                size: new,
                pivot: old + pivot,
                jitter: self.jitter,
            }
        })?;
        self.reserve(new)?;
        for j in 0..old {
            let column = &mut self.lower[j * self.capacity..][old..new];
            column.copy_from_slice(&cross[j * count..][..count]);
        }
        for j in 0..count {
            let column = &mut self.lower[(old + j) * self.capacity..][old + j..new];
            column.copy_from_slice(&corner[j * count..][j..count]);
        }
        self.size = new;
        Ok(())
    }

    /// Writes the lower triangle of `(L Lᵀ)⁻¹` into `inverse`, column-major with column stride `size`; `work` is
    /// scratch. Both are resized, and keep their allocation between calls.
    pub fn inverse(&self, inverse: &mut Vec<f64>, work: &mut Vec<f64>) {
        let n = self.size;
        resize(inverse, n * n);
        resize(work, GRAM_ROWS.min(n) * n);
        let mut root = MatMut::from_column_major_slice_mut(inverse, n, n);
        invert_lower_triangular(root.as_mut(), self.view(), Par::Seq);
        replace_by_gram(root, work);
    }

    /// The diagonal of `(L Lᵀ)⁻¹`: the column sums of squares of L⁻¹, n³/3 multiplications.
    ///
    /// # Errors
    /// [`Error::Argument`] if another matrix of this size does not fit into memory.
    pub fn inverse_diagonal(&self) -> Result<Vec<f64>> {
        let n = self.size;
        let mut root = zeros(n, n)?;
        let inverse = MatMut::from_column_major_slice_mut(&mut root, n, n);
        invert_lower_triangular(inverse, self.view(), Par::Seq);
        let columns = root.chunks_exact(n.max(1)).enumerate();
        Ok(columns
            .map(|(j, column)| column[j..].iter().map(|r| r * r).sum())
            .collect())
    }

    /// An estimate of the condition number of `L Lᵀ`, its largest eigenvalue over its smallest, from below; one for an
    /// empty matrix.
    ///
    /// Rayleigh quotients after at most forty steps of power iteration on the matrix and on its inverse, each step n²
    /// multiplications (Golub & Van Loan, *Matrix Computations*, 4th ed. 2013, section 8.2.1). Where eigenvalues at an
    /// end of the spectrum crowd, the iteration need not tell them apart for the quotient to be near.
    pub fn condition_number(&self) -> f64 {
        let square = |z: &[f64]| z.iter().map(|z| z * z).sum::<f64>();
        let largest_eigenvalue = |apply: &dyn Fn(&mut Vec<f64>) -> Result<()>| {
            // Bits of multiples of the golden ratio are as good as random here.
            let start = |i| 0.5 + ((i as f64 + 1.0) * 0.618_033_988_749_895).fract();
            let mut z: Vec<f64> = (0..self.size).map(start).collect();
            let mut quotient = 0.0;
            for _ in 0..40 {
                let length = square(&z).sqrt();
                z.iter_mut().for_each(|z| *z /= length);
                let before = z.clone();
                apply(&mut z).expect("one entry for each row of the factor");
                let last = quotient;
                quotient = z.iter().zip(&before).map(|(z, b)| z * b).sum::<f64>();
                if quotient - last <= 1e-3 * quotient {
                    break;
                }
            }
            quotient
        };
        if self.size == 0 {
            return 1.0;
        }
        let largest = largest_eigenvalue(&|z| {
            *z = self.multiply(&self.multiply_transposed(z)?)?;
            Ok(())
        });
        largest * largest_eigenvalue(&|z| self.solve(z))
    }

    fn view(&self) -> MatRef<'_, f64> {
        MatRef::from_column_major_slice_with_stride(
            &self.lower,
            self.size,
            self.size,
            self.capacity,
        )
    }

    fn reserve(&mut self, size: usize) -> Result<()> {
        if size <= self.capacity {
            return Ok(());
        }
        let capacity = size.max(2 * self.capacity).max(16);
        let mut lower = zeros(capacity, capacity)?;
        for j in 0..self.size {
            let column = &self.lower[j * self.capacity..][j..self.size];
            lower[j * capacity..][j..self.size].copy_from_slice(column);
        }
        self.capacity = capacity;
        self.lower = lower;
        Ok(())
    }
}

/// A row-major matrix; a single column is one in column-major order too, which solves faster.
fn right_hand_sides(b: &mut [f64], rows: usize, columns: usize) -> MatMut<'_, f64> {
    match columns {
        1 => MatMut::from_column_major_slice_mut(b, rows, 1),
        _ => MatMut::from_row_major_slice_mut(b, rows, columns),
    }
}

/// A `rows` × `columns` buffer of zeros, or an error where the machine has no such memory.
pub(crate) fn zeros(rows: usize, columns: usize) -> Result<Vec<f64>> {
    let fits = |length: &usize| Vec::<f64>::new().try_reserve_exact(*length).is_ok();
    match rows.checked_mul(columns).filter(fits) {
        // Asked for as zeros, the system hands out pages when they are first touched, of a triangle only half.
        Some(length) => Ok(vec![0.0; length]),
        None => Err(Error::argument(
            "points",
            format!("a matrix of {rows} × {columns} numbers"),
            "matrices that fit into memory",
        )),
    }
}

/// Gives the buffer this length; what is in it means nothing.
fn resize(buffer: &mut Vec<f64>, length: usize) {
    if buffer.capacity() < length {
        *buffer = vec![0.0; length];
    } else {
        buffer.resize(length, 0.0);
    }
}

fn check_length(argument: &str, found: usize, allowed: usize) -> Result<()> {
    if found == allowed {
        return Ok(());
    }
    Err(Error::argument(
        argument,
        format!("{found} entries"),
        format!("{allowed} entries"),
    ))
}
