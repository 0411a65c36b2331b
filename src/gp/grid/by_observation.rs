//! Exact inference through the covariance of the observed pixels, for few of them.

use super::observations::Observations;
use super::system::Covariance;
use crate::error::Result;
use crate::gp::kernel::dot;
use crate::linalg::{Cholesky, zeros};

/// Pixels handled together.
const BLOCK: usize = 256;

/// K + D over the n observed pixels, factored: n³/3 multiplications, then n² for the variance of each pixel.
pub(super) struct ByObservation<'a> {
    covariance: &'a Covariance,
    observed: Vec<usize>,
    factor: Cholesky,
}

impl<'a> ByObservation<'a> {
    pub fn new(covariance: &'a Covariance, observations: &Observations) -> Result<Self> {
        let weights = &observations.weights;
        let observed: Vec<usize> = (0..weights.len()).filter(|p| weights[*p] > 0.0).collect();
        let factor = Cholesky::factor(observed.len(), &mut |j, column| {
            for (out, p) in column.iter_mut().zip(&observed[j..]) {
                *out = covariance.entry(*p, observed[j]);
            }
            column[0] += 1.0 / weights[observed[j]];
        })?;
        Ok(Self {
            covariance,
            observed,
            factor,
        })
    }

    /// Multiplications for mean and variance, to compare with other routes.
    pub fn cost(count: usize, pixels: usize) -> f64 {
        (count as f64).powi(2) * (pixels as f64 + count as f64 / 3.0)
    }

    /// Number of observed pixels.
    pub fn count(&self) -> usize {
        self.observed.len()
    }

    /// log det(K + D).
    pub fn log_determinant(&self) -> f64 {
        self.factor.log_determinant()
    }

    /// K (K + D)⁻¹ r at all pixels, and rᵀ (K + D)⁻¹ r.
    pub fn solve(&self, r: &[f64]) -> Result<(Vec<f64>, f64)> {
        let mut alpha: Vec<f64> = self.observed.iter().map(|p| r[*p]).collect();
        self.factor.forward(&mut alpha)?;
        let quadratic = dot(&alpha, &alpha);
        self.factor.backward(&mut alpha)?;
        let mut field = vec![0.0; r.len()];
        for (p, a) in self.observed.iter().zip(&alpha) {
            field[*p] = *a;
        }
        self.covariance.multiply(&mut field);
        Ok((field, quadratic))
    }

    /// The posterior variance at all `pixels` pixels.
    pub fn variance(&self, pixels: usize) -> Result<Vec<f64>> {
        let mut variance: Vec<f64> = (0..pixels).map(|p| self.covariance.entry(p, p)).collect();
        let mut block = zeros(self.count(), BLOCK)?;
        for (index, out) in variance.chunks_mut(BLOCK).enumerate() {
            let block = &mut block[..self.count() * out.len()];
            for (row, p) in block.chunks_exact_mut(out.len()).zip(&self.observed) {
                for (j, k) in row.iter_mut().enumerate() {
                    *k = self.covariance.entry(*p, index * BLOCK + j);
                }
            }
            self.factor.forward_many(block, out.len())?;
            for row in block.chunks_exact(out.len()) {
                for (v, s) in out.iter_mut().zip(row) {
                    *v -= s * s;
                }
            }
        }
        Ok(variance)
    }
}
