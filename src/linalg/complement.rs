//! What further rows would add below a factor, without copying or touching it.

use super::{
    Cholesky, FIRST_JITTER, LAST_JITTER, check_length, factor_in_place, subtract_gram, zeros,
};
use crate::error::{Error, Result};

impl Cholesky {
    /// The factor of the Schur complement `C + jitter I − Wᵀ W` of this matrix in one with `count` more rows: C is the
    /// new corner, W = `L⁻¹ B` with B the covariances of the present rows with the new ones. It is the corner that
    /// [`Cholesky::append_block`] would put below L, at the same n `count`² multiplications.
    ///
    /// `solved` holds W, row-major `size` × `count`; `fill(j, column)` writes rows `j..count` of column `j` of C (without
    /// jitter). Starts from the jitter of this factor; if a pivot is lost to rounding, adds 10⁻¹⁰ times the mean of
    /// the diagonal of C, then ten times more, up to 10⁻⁴, and calls `fill` again for each attempt.
    ///
    /// # Errors
    /// As [`Cholesky::refactor`]; [`Error::Argument`] if `solved` has another length.
    pub fn complement(
        &self,
        solved: &[f64],
        count: usize,
        fill: &mut dyn FnMut(usize, &mut [f64]),
    ) -> Result<Self> {
        check_length("solved", solved.len(), self.size * count)?;
        let mut lower = zeros(count, count)?;
        let mut diagonal = vec![0.0; count];
        let mut relative = 0.0;
        loop {
            for (j, variance) in diagonal.iter_mut().enumerate() {
                let column = &mut lower[j * count..][j..count];
                fill(j, column);
                *variance = column[0];
            }
            let mean = diagonal.iter().sum::<f64>() / count.max(1) as f64;
            let jitter = self.jitter + relative * mean;
            for (j, variance) in diagonal.iter_mut().enumerate() {
                *variance += jitter;
                lower[j * count + j] = *variance;
            }
            subtract_gram(&mut lower, solved, self.size, count);
            match factor_in_place(&mut lower, count, count, &diagonal) {
                Ok(()) => {
                    return Ok(Self {
                        size: count,
                        capacity: count,
                        lower,
                        jitter,
                    });
                }
                Err(pivot) if relative >= LAST_JITTER * 0.99 || !mean.is_finite() => {
                    return Err(Error::NotPositiveDefinite {
                        size: self.size + count,
                        pivot: self.size + pivot,
                        jitter,
                    });
                }
                Err(_) if relative == 0.0 => relative = FIRST_JITTER,
                Err(_) => relative *= 10.0,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(i: usize, j: usize) -> f64 {
        let nugget = if i == j { 0.1 } else { 0.0 };
        (-(i as f64 - j as f64).powi(2) / 20.0).exp() + nugget
    }

    #[test]
    fn it_is_the_corner_of_the_larger_factor() {
        let (old, count) = (12, 4);
        let factor = |n: usize| {
            let fill = &mut |j: usize, column: &mut [f64]| {
                for (i, value) in column.iter_mut().enumerate() {
                    *value = entry(j + i, j);
                }
            };
            Cholesky::factor(n, fill).unwrap()
        };
        let (small, large) = (factor(old), factor(old + count));
        let cross = (0..old).flat_map(|i| (0..count).map(move |k| entry(i, old + k)));
        let mut solved: Vec<f64> = cross.collect();
        small.forward_many(&mut solved, count).unwrap();
        let fill = &mut |j: usize, column: &mut [f64]| {
            for (i, value) in column.iter_mut().enumerate() {
                *value = entry(j + i, j);
            }
        };
        let corner = small.complement(&solved, count, fill).unwrap();
        for i in 0..count {
            for j in 0..count {
                let difference =
                    corner.entry(i, j).unwrap() - large.entry(old + i, old + j).unwrap_or(0.0);
                assert!(difference.abs() < 1e-14);
            }
        }
        assert!(small.complement(&solved[1..], count, fill).is_err());
    }

    #[test]
    fn a_row_that_is_known_already_takes_jitter() {
        let one = Cholesky::factor(1, &mut |_, column| column[0] = 2.0).unwrap();
        let same = [2.0_f64.sqrt(); 2];
        let corner = one
            .complement(&same, 2, &mut |_, column| column.fill(2.0))
            .unwrap();
        assert!(corner.jitter() > 0.0 && corner.jitter() < 1e-8);
        let impossible = one.complement(&same, 2, &mut |_, column| column.fill(f64::NAN));
        assert!(matches!(
            impossible,
            Err(Error::NotPositiveDefinite {
                size: 3,
                pivot: 1,
                ..
            })
        ));
    }
}
