//! Log determinants by stochastic Lanczos quadrature.

use crate::gp::kernel::dot;
use crate::random::{Purpose, Stream};
use crate::units::Seed;
use nalgebra::{DMatrix, SymmetricEigen};
use rand::RngExt;
use rayon::prelude::*;

/// A multiplication by a symmetric positive definite matrix.
pub(super) type Operator<'a> = Box<dyn Fn(&[f64], &mut [f64]) + 'a>;

/// An estimated log determinant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LogDeterminant {
    pub value: f64,
    /// From the scatter between the probes.
    pub standard_error: f64,
    /// Change of the value over the last quarter of the Lanczos steps.
    pub quadrature_error: f64,
}

/// How a log determinant is estimated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quadrature {
    pub probes: usize,
    pub steps: usize,
    pub seed: Seed,
}

/// log det A ≈ (1/P) Σ zᵀ log(A) z over P vectors z of random signs, zero where `present` is not positive.
///
/// Each term is a Gauss quadrature from Lanczos coefficients: n Σ τ² log θ with θ the eigenvalues of the tridiagonal
/// matrix and τ the first entries of its eigenvectors (Ubaru, Chen & Saad 2017, SIAM J. Matrix Anal. Appl. 38, 1075).
/// Entries where `present` is zero must form an identity block of A. The probes depend on the seed alone, so the
/// estimate is a smooth function of the parameters of A.
pub(super) fn log_determinant<'a>(
    operator: impl Fn() -> Operator<'a> + Sync,
    present: &[f64],
    quadrature: Quadrature,
) -> LogDeterminant {
    let terms: Vec<[f64; 2]> = (0..quadrature.probes as u64)
        .into_par_iter()
        .map(|probe| {
            let mut stream = Stream::new(quadrature.seed, Purpose::Resampling, [2, probe]);
            let signs = present.iter().map(|present| {
                let sign = if stream.random::<bool>() { 1.0 } else { -1.0 };
                if *present > 0.0 { sign } else { 0.0 }
            });
            let z: Vec<f64> = signs.collect();
            let coefficients = tridiagonal(&operator(), z, quadrature.steps);
            let steps = coefficients.diagonal.len();
            [
                coefficients.log_quadratic(steps),
                coefficients.log_quadratic(steps - steps / 4),
            ]
        })
        .collect();
    let count = terms.len() as f64;
    let mean = |k: usize| terms.iter().map(|t| t[k]).sum::<f64>() / count;
    let value = mean(0);
    let scatter: f64 = terms.iter().map(|t| (t[0] - value).powi(2)).sum();
    LogDeterminant {
        value,
        standard_error: (scatter / (count * (count - 1.0).max(1.0))).sqrt(),
        quadrature_error: (value - mean(1)).abs(),
    }
}

/// Lanczos coefficients of one start vector.
struct Tridiagonal {
    squared_norm: f64,
    diagonal: Vec<f64>,
    beside: Vec<f64>,
}

/// At most `steps` steps of the three-term recurrence; it ends early where the Krylov space is exhausted, or where
/// the last eight steps changed the result by rounding alone.
fn tridiagonal(operator: &Operator<'_>, start: Vec<f64>, steps: usize) -> Tridiagonal {
    let squared_norm = dot(&start, &start);
    let mut found = Tridiagonal {
        squared_norm,
        diagonal: Vec::new(),
        beside: Vec::new(),
    };
    if squared_norm == 0.0 {
        return found;
    }
    let scale = 1.0 / squared_norm.sqrt();
    let mut current: Vec<f64> = start.iter().map(|z| z * scale).collect();
    let mut previous = vec![0.0; current.len()];
    let mut product = vec![0.0; current.len()];
    let mut beta = 0.0;
    for step in 0..steps {
        operator(&current, &mut product);
        for (p, v) in product.iter_mut().zip(&previous) {
            *p -= beta * v;
        }
        let alpha = dot(&product, &current);
        for (p, v) in product.iter_mut().zip(&current) {
            *p -= alpha * v;
        }
        found.diagonal.push(alpha);
        let done = step + 1;
        if done % 8 == 0 && done >= 16 {
            let (now, before) = (found.log_quadratic(done), found.log_quadratic(done - 8));
            if (now - before).abs() <= 1e-12 * squared_norm {
                break;
            }
        }
        beta = dot(&product, &product).sqrt();
        // Below rounding there is no new direction.
        if beta <= 1e-13 * alpha.abs() || !beta.is_finite() || done == steps {
            break;
        }
        found.beside.push(beta);
        std::mem::swap(&mut previous, &mut current);
        for (v, p) in current.iter_mut().zip(&product) {
            *v = p / beta;
        }
    }
    found
}

impl Tridiagonal {
    /// zᵀ log(A) z from the first `steps` steps.
    fn log_quadratic(&self, steps: usize) -> f64 {
        let size = self.diagonal.len().min(steps);
        if size == 0 {
            return 0.0;
        }
        let matrix = DMatrix::from_fn(size, size, |i, j| match i.abs_diff(j) {
            0 => self.diagonal[i],
            1 => self.beside[i.min(j)],
            _ => 0.0,
        });
        let eigen = SymmetricEigen::new(matrix);
        let first_row = eigen.eigenvectors.row(0);
        let nodes = eigen.eigenvalues.iter().zip(first_row.iter());
        let sum: f64 = nodes
            .map(|(value, first)| first * first * value.max(f64::MIN_POSITIVE).ln())
            .sum();
        self.squared_norm * sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimate_agrees_with_a_known_determinant() {
        // Tridiagonal (−1, 2 + s, −1): eigenvalues 2 + s − 2 cos(kπ/(n+1)).
        let (n, shift) = (400, 0.3);
        let apply = |v: &[f64], out: &mut [f64]| {
            for i in 0..v.len() {
                let left = if i > 0 { v[i - 1] } else { 0.0 };
                out[i] = (2.0 + shift) * v[i] - left - v.get(i + 1).copied().unwrap_or(0.0);
            }
        };
        let truth: f64 = (1..=n)
            .map(|k| k as f64 * std::f64::consts::PI / (n as f64 + 1.0))
            .map(|angle| (2.0 + shift - 2.0 * angle.cos()).ln())
            .sum();
        let quadrature = Quadrature {
            probes: 64,
            steps: 40,
            seed: Seed(3),
        };
        let present = vec![1.0; n];
        let found = log_determinant(|| Box::new(apply) as Operator<'_>, &present, quadrature);
        assert!(found.standard_error > 0.0 && found.standard_error < 0.02 * truth);
        assert!((found.value - truth).abs() < 4.0 * found.standard_error);
        assert!(found.quadrature_error < 1e-3);
        let again = log_determinant(|| Box::new(apply) as Operator<'_>, &present, quadrature);
        assert_eq!(found, again);
        // Absent entries count as identity.
        let none = log_determinant(|| Box::new(apply) as Operator<'_>, &[0.0; 5], quadrature);
        assert_eq!((none.value, none.standard_error), (0.0, 0.0));
    }
}
