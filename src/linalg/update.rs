//! A factor that follows its matrix through a change of rank one.

use super::{Cholesky, check_length};
use crate::error::{Error, Result};

impl Cholesky {
    /// Turns the factor of A into that of A + v vᵀ by one Givens rotation a column, `size`² multiplications (Gill,
    /// Golub, Murray & Saunders 1974, *Math. Comp.* 28, 505). Spends `v`.
    ///
    /// # Errors
    /// [`Error::Argument`] if `v` has not one finite entry per row; the factor is then unchanged.
    pub fn update(&mut self, v: &mut [f64]) -> Result<()> {
        check_length("v", v.len(), self.size)?;
        if let Some(bad) = v.iter().find(|v| !v.is_finite()) {
            return Err(Error::argument("v", bad, "finite numbers"));
        }
        for j in 0..self.size {
            let column = &mut self.lower[j * self.capacity..][j..self.size];
            let pivot = column[0].hypot(v[j]);
            let (cosine, sine) = (column[0] / pivot, v[j] / pivot);
            column[0] = pivot;
            for (l, v) in column[1..].iter_mut().zip(&mut v[j + 1..]) {
                (*l, *v) = (cosine * *l + sine * *v, cosine * *v - sine * *l);
            }
        }
        Ok(())
    }
}
