//! One Gaussian factor of any curvature a measurement, combined with the prior.

use crate::error::{Error, Result};
use crate::linalg::Cholesky;

/// What the posterior (K⁻¹ + W)⁻¹ of n sites needs, W diagonal: Q = (K + W⁻¹)⁻¹ = W½ B⁻¹ W½ with B = I + W½ K W½
/// where no curvature is negative (Rasmussen & Williams 2006, eq. 3.26 and 3.27), which is well conditioned whatever
/// W is, zeros included.
///
/// Negative curvatures (where a likelihood is not log-concave) are kept apart: with W = W₊ − D Dᵀ, A = (K⁻¹ + W₊)⁻¹
/// and Q₊ from W₊, Woodbury's identity gives (K⁻¹ + W)⁻¹ = A + A D C⁻¹ Dᵀ A with C = I − Dᵀ A D, hence Q = Q₊ − M Mᵀ
/// with M = (I − Q₊ K) D L_C⁻ᵀ and |I + K W| = |B| |C|. C is positive definite exactly where K⁻¹ + W is, so at every
/// proper maximum of the posterior.
#[derive(Debug, Clone, Default)]
pub(super) struct SitePrecision {
    /// √max(W, 0).
    pub root: Vec<f64>,
    /// L of B = L Lᵀ.
    pub factor: Cholesky,
    /// Mᵀ, row-major, one row a negative curvature.
    pub downdate: Vec<f64>,
    log_determinant: f64,
}

impl SitePrecision {
    /// Factors for the row-major covariance K and the curvatures W.
    ///
    /// # Errors
    /// [`Error::NotPositiveDefinite`] if K⁻¹ + W is not positive definite, or a number is not finite.
    pub fn refactor(&mut self, covariance: &[f64], curvature: &[f64]) -> Result<()> {
        let n = curvature.len();
        self.root.clear();
        self.root
            .extend(curvature.iter().map(|w| w.max(0.0).sqrt()));
        let root = &self.root;
        if let Some(pivot) = curvature.iter().position(|w| !w.is_finite()) {
            return Err(not_positive_definite(n, pivot));
        }
        self.factor.refactor(n, &mut |j, column| {
            let row = &covariance[j * n + j..(j + 1) * n];
            for ((out, k), r) in column.iter_mut().zip(row).zip(&root[j..]) {
                *out = root[j] * k * r;
            }
            column[0] += 1.0;
        })?;
        self.log_determinant = self.factor.log_determinant();
        self.downdate.clear();
        let negative: Vec<usize> = (0..n).filter(|&i| curvature[i] < 0.0).collect();
        if !negative.is_empty() {
            self.take_off(covariance, curvature, &negative)?;
        }
        Ok(())
    }

    /// Fills the downdate for the sites of negative curvature.
    fn take_off(
        &mut self,
        covariance: &[f64],
        curvature: &[f64],
        negative: &[usize],
    ) -> Result<()> {
        let (n, m) = (curvature.len(), negative.len());
        let size = |k: usize| (-curvature[negative[k]]).sqrt();
        // Rows of Gᵀ, G = L⁻¹ W₊½ K D.
        let mut solved = Vec::with_capacity(m * n);
        for (k, &i) in negative.iter().enumerate() {
            let row = &covariance[i * n..(i + 1) * n];
            let mut column: Vec<f64> = row
                .iter()
                .zip(&self.root)
                .map(|(c, r)| size(k) * c * r)
                .collect();
            self.factor.forward(&mut column)?;
            solved.extend(column);
        }
        let rows = |k: usize| &solved[k * n..(k + 1) * n];
        let corner = Cholesky::factor(m, &mut |j, column| {
            for (offset, out) in column.iter_mut().enumerate() {
                let i = j + offset;
                let prior = size(i) * covariance[negative[i] * n + negative[j]] * size(j);
                *out = super::super::kernel::dot(rows(i), rows(j)) - prior;
            }
            column[0] += 1.0;
        })?;
        if corner.jitter() > 0.0 {
            return Err(not_positive_definite(n, negative[0]));
        }
        // Rows of Pᵀ, P = (I − Q₊ K) D = D − W₊½ L⁻ᵀ G; then Mᵀ = L_C⁻¹ Pᵀ.
        self.downdate = solved;
        for (k, row) in self.downdate.chunks_exact_mut(n).enumerate() {
            self.factor.backward(row)?;
            for (value, root) in row.iter_mut().zip(&self.root) {
                *value *= -root;
            }
            row[negative[k]] += size(k);
        }
        corner.forward_many(&mut self.downdate, n)?;
        self.log_determinant += corner.log_determinant();
        Ok(())
    }

    /// Q v.
    pub fn apply(&self, v: &[f64]) -> Result<Vec<f64>> {
        let mut out: Vec<f64> = v.iter().zip(&self.root).map(|(v, r)| v * r).collect();
        self.factor.solve(&mut out)?;
        for (value, root) in out.iter_mut().zip(&self.root) {
            *value *= root;
        }
        for row in self.downdates() {
            let weight: f64 = row.iter().zip(v).map(|(m, v)| m * v).sum();
            for (value, m) in out.iter_mut().zip(row) {
                *value -= weight * m;
            }
        }
        Ok(out)
    }

    /// log |I + K W|.
    pub fn log_determinant(&self) -> f64 {
        self.log_determinant
    }

    /// The rows of Mᵀ.
    pub fn downdates(&self) -> std::slice::ChunksExact<'_, f64> {
        self.downdate.chunks_exact(self.root.len().max(1))
    }

    /// The diagonal of the posterior covariance (K⁻¹ + W)⁻¹, given B⁻¹ (its lower triangle, column-major).
    ///
    /// For a site of some weight (1 − B⁻¹ᵢᵢ)/Wᵢ loses no digits however large the weight; for the others K minus what
    /// is explained.
    pub fn posterior_variance(&self, covariance: &[f64], inverse: &[f64]) -> Result<Vec<f64>> {
        let n = self.root.len();
        let mut variance = Vec::with_capacity(n);
        for (i, root) in self.root.iter().enumerate() {
            let weight = root * root;
            let row = &covariance[i * n..(i + 1) * n];
            let mut value = if weight * row[i] > 1e-3 {
                (1.0 - inverse[i * n + i]) / weight
            } else {
                let mut column: Vec<f64> = row.iter().zip(&self.root).map(|(k, r)| k * r).collect();
                self.factor.forward(&mut column)?;
                row[i] - column.iter().map(|c| c * c).sum::<f64>()
            };
            for downdate in self.downdates() {
                value += super::super::kernel::dot(downdate, row).powi(2);
            }
            variance.push(value.max(0.0));
        }
        Ok(variance)
    }
}

fn not_positive_definite(size: usize, pivot: usize) -> Error {
    Error::NotPositiveDefinite {
        size,
        pivot,
        jitter: 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::{DMatrix, DVector};

    /// Against the plain formulas with general inverses.
    #[test]
    fn mixed_signs_match_plain_inverses() {
        let n = 7;
        let covariance: Vec<f64> = (0..n * n)
            .map(|e| 1.3 * (-0.4 * ((e / n) as f64 - (e % n) as f64).powi(2)).exp())
            .collect();
        let curvature = [2.0, -0.1, 0.0, 5.0, -0.3, 1e-7, 40.0];
        let mut sites = SitePrecision::default();
        sites.refactor(&covariance, &curvature).unwrap();
        let k = DMatrix::from_row_slice(n, n, &covariance);
        let w = DMatrix::from_diagonal(&DVector::from_row_slice(&curvature));
        let b = DMatrix::identity(n, n) + &k * &w;
        let posterior = b.clone().try_inverse().unwrap() * &k;
        let q = &w * b.clone().try_inverse().unwrap();
        assert!((sites.log_determinant() - b.determinant().ln()).abs() < 1e-12);
        for i in 0..n {
            let mut unit = vec![0.0; n];
            unit[i] = 1.0;
            for (found, expected) in sites.apply(&unit).unwrap().iter().zip(q.column(i).iter()) {
                assert!((found - expected).abs() < 1e-12);
            }
        }
        let (mut inverse, mut work) = (Vec::new(), Vec::new());
        sites.factor.inverse(&mut inverse, &mut work);
        let variance = sites.posterior_variance(&covariance, &inverse).unwrap();
        for (i, found) in variance.iter().enumerate() {
            assert!((found - posterior[(i, i)]).abs() < 1e-12);
        }
    }

    #[test]
    fn indefinite_posteriors_are_refused() {
        let mut sites = SitePrecision::default();
        assert!(sites.refactor(&[1.0, 0.0, 0.0, 1.0], &[0.5, -1.1]).is_err());
        assert!(sites.refactor(&[1.0], &[f64::NAN]).is_err());
        sites.refactor(&[1.0], &[-0.5]).unwrap();
        assert!((sites.log_determinant() - 0.5_f64.ln()).abs() < 1e-15);
    }
}
