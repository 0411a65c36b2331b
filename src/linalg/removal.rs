//! Taking a row and column out of a factored matrix.

use super::{Cholesky, check_length};
use crate::error::{Error, Result};

/// Numbers of a row rotated together, so that the row carried along stays in the fastest cache.
const TILE: usize = 1024;

/// The plane rotations by which [`Cholesky::remove`] made the new factor out of the old one.
///
/// Whoever keeps `L⁻¹ B` for some B turns it into that of the remaining rows by [`Rotations::apply`], at a cost that
/// does not depend on solving anything.
#[derive(Debug, Clone, PartialEq)]
pub struct Rotations {
    /// The row that was taken out.
    index: usize,
    /// Cosine and sine for each row that stood below it.
    pairs: Vec<[f64; 2]>,
}

impl Cholesky {
    /// Takes row and column `index` out of the factored matrix: about 2 (n − index)² multiplications, n the size.
    ///
    /// With the removed column l of L below its diagonal, the block of L right and below of it, L₃, becomes the factor
    /// of L₃ L₃ᵀ + l lᵀ. One plane rotation a column carries l into the block; a matrix is added, not subtracted, so no
    /// pivot shrinks, and nothing can fail (Golub & Van Loan, *Matrix Computations*, 4th ed. 2013, section 6.5.4). The
    /// jitter stays as it is.
    ///
    /// ```
    /// use dosewise::linalg::Cholesky;
    /// // A = [[4, 2], [2, 3]]; without its first row and column [[3]] is left.
    /// let columns = [vec![4.0, 2.0], vec![3.0]];
    /// let mut factor = Cholesky::factor(2, &mut |j, column| column.copy_from_slice(&columns[j]))?;
    /// let rotations = factor.remove(0)?;
    /// assert!((factor.entry(0, 0).unwrap() - 3.0_f64.sqrt()).abs() < 1e-15);
    /// // L⁻¹ b of b = (0, 6) becomes that of b = (6): the first entry of b goes with its row.
    /// let mut solved = vec![0.0, 6.0 / 2.0_f64.sqrt()];
    /// rotations.apply(&mut solved, 1)?;
    /// assert!((solved[0] - 6.0 / 3.0_f64.sqrt()).abs() < 1e-15);
    /// # Ok::<(), dosewise::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such row.
    pub fn remove(&mut self, index: usize) -> Result<Rotations> {
        let (size, stride) = (self.size, self.capacity);
        if index >= size {
            let allowed = format!("a row of the factor, 0..{size}");
            return Err(Error::argument("index", index, allowed));
        }
        for column in self.lower.chunks_exact_mut(stride).take(index) {
            column.copy_within(index + 1..size, index);
        }
        let mut carried = self.lower[index * stride..][index + 1..size].to_vec();
        let mut pairs = Vec::with_capacity(carried.len());
        for old in index + 1..size {
            // Column and row `old` move one to the left and one up.
            let (before, behind) = self.lower.split_at_mut(old * stride);
            let target = &mut before[(old - 1) * stride + old - 1..][..size - old];
            let source = &behind[old..size];
            let carried = &mut carried[old - index - 1..];
            let pivot = source[0].hypot(carried[0]);
            let pair = [source[0] / pivot, carried[0] / pivot];
            rotate(pair, source, carried, target);
            target[0] = pivot;
            pairs.push(pair);
        }
        self.size -= 1;
        Ok(Rotations { index, pairs })
    }
}

impl Rotations {
    /// Turns `rows` = `L⁻¹ B` (row-major, as many rows as the old factor, `width` columns) into that of the new factor
    /// and of B without the removed row, which is one row shorter.
    ///
    /// The sum over the rows of products of two columns loses exactly the product of what was carried out.
    ///
    /// # Errors
    /// [`Error::Argument`] if the length of `rows` is not `width` times the old size.
    pub fn apply(&self, rows: &mut Vec<f64>, width: usize) -> Result<()> {
        let left = self.index + self.pairs.len();
        check_length("rows", rows.len(), (left + 1) * width)?;
        let mut carried = [0.0; TILE];
        for start in (0..width).step_by(TILE) {
            let carried = &mut carried[..TILE.min(width - start)];
            let count = carried.len();
            carried.copy_from_slice(&rows[self.index * width + start..][..count]);
            for (row, &pair) in (self.index..).zip(&self.pairs) {
                let (before, behind) = rows.split_at_mut((row + 1) * width);
                let target = &mut before[row * width + start..][..count];
                rotate(pair, &behind[start..][..count], carried, target);
            }
        }
        rows.truncate(left * width);
        Ok(())
    }
}

/// Writes `c source + s carried` to `target` and turns `carried` into `c carried − s source`.
fn rotate([c, s]: [f64; 2], source: &[f64], carried: &mut [f64], target: &mut [f64]) {
    for ((target, source), carried) in target.iter_mut().zip(source).zip(carried) {
        *target = c * source + s * *carried;
        *carried = c * *carried - s * source;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The covariance of scattered points.
    fn entry(i: usize, j: usize) -> f64 {
        let place = |i: usize| (i as f64 * 0.618_034).fract();
        1.7 * (-8.0 * (place(i) - place(j)).powi(2)).exp()
    }

    fn factor_of(rows: &[usize], noise: f64) -> Cholesky {
        let fill = &mut |j: usize, column: &mut [f64]| {
            for (value, &row) in column.iter_mut().zip(&rows[j..]) {
                *value = entry(row, rows[j]);
            }
            column[0] += noise;
        };
        Cholesky::factor(rows.len(), fill).unwrap()
    }

    fn largest_difference(a: &Cholesky, b: &Cholesky) -> f64 {
        assert_eq!(a.size(), b.size());
        let pairs = a.packed().into_iter().zip(b.packed());
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn what_is_left_is_the_factor_of_the_rest() {
        let mut rows: Vec<usize> = (0..40).collect();
        let mut factor = factor_of(&rows, 0.05);
        // First, last, and some between, with a row appended in the midst so that the buffer has room to spare.
        for (step, index) in [0, 38, 17, 36, 1, 5, 5, 20].into_iter().enumerate() {
            factor.remove(index).unwrap();
            rows.remove(index);
            if step == 3 {
                let mut cross: Vec<f64> = rows.iter().map(|&i| entry(99, i)).collect();
                factor.append(&mut cross, entry(99, 99) + 0.05).unwrap();
                rows.push(99);
            }
            let difference = largest_difference(&factor, &factor_of(&rows, 0.05));
            assert!(difference < 1e-12, "{index}: {difference:e}");
        }
    }

    #[test]
    fn jitter_stays() {
        // The same place three times, without noise.
        let mut factor = factor_of(&[4, 7, 4, 9, 4, 12], 0.0);
        let jitter = factor.jitter();
        assert!(jitter > 0.0);
        factor.remove(1).unwrap();
        assert_eq!(factor.jitter(), jitter);
        let rows = [4, 4, 9, 4, 12];
        for j in 0..5 {
            let unit: Vec<f64> = (0..5).map(|i| f64::from(u8::from(i == j))).collect();
            let column = factor.multiply_transposed(&unit).unwrap();
            let column = factor.multiply(&column).unwrap();
            for (i, found) in column.iter().enumerate() {
                let truth = entry(rows[i], rows[j]) + unit[i] * jitter;
                assert!((found - truth).abs() < 1e-14);
            }
        }
    }

    #[test]
    fn the_only_row_and_no_row() {
        let mut factor = factor_of(&[3], 0.1);
        let mut solved = vec![0.3, 0.4];
        factor.remove(0).unwrap().apply(&mut solved, 2).unwrap();
        assert!(factor.size() == 0 && solved.is_empty());
        assert!(factor.remove(0).is_err());
        assert!(factor.append(&mut [], 2.0).is_ok());
        assert_eq!(factor.entry(0, 0), Some(2.0_f64.sqrt()));
    }

    #[test]
    fn solutions_follow() {
        let mut rows: Vec<usize> = (0..30).collect();
        let width = TILE + 3;
        let column = |row: usize, k: usize| ((row * 7 + k * 3) as f64 * 0.31).sin();
        let solve = |factor: &Cholesky, rows: &[usize]| {
            let each = rows
                .iter()
                .flat_map(|&i| (0..width).map(move |k| column(i, k)));
            let mut solved: Vec<f64> = each.collect();
            factor.forward_many(&mut solved, width).unwrap();
            solved
        };
        let mut factor = factor_of(&rows, 0.2);
        let mut solved = solve(&factor, &rows);
        for index in [11, 0, 27] {
            let rotations = factor.remove(index).unwrap();
            rows.remove(index);
            rotations.apply(&mut solved, width).unwrap();
            let anew = solve(&factor, &rows);
            assert_eq!(solved.len(), anew.len());
            assert!(solved.iter().zip(&anew).all(|(a, b)| (a - b).abs() < 1e-12));
            assert!(rotations.apply(&mut solved, width).is_err());
        }
    }
}
