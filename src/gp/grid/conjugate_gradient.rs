//! The method of conjugate gradients with a preconditioner.

use crate::vector::{dot, vectorised};

/// How an iterative solution ended. Not having converged is no error: the result is the best one so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Solve {
    /// Iterations done, one multiplication by the covariance each.
    pub iterations: usize,
    /// ‖b − A x‖ / ‖b‖ in the norm of the preconditioner; zero where the solution is direct.
    pub relative_residual: f64,
    /// Whether the residual fell below the tolerance.
    pub converged: bool,
}

impl Solve {
    /// A direct solution.
    pub(super) const DIRECT: Self = Self {
        iterations: 0,
        relative_residual: 0.0,
        converged: true,
    };

    /// The less favourable of two.
    pub(super) fn worse(self, other: Self) -> Self {
        Self {
            iterations: self.iterations.max(other.iterations),
            relative_residual: self.relative_residual.max(other.relative_residual),
            converged: self.converged && other.converged,
        }
    }
}

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub tolerance: f64,
    pub iterations: usize,
}

/// Solves A x = b from x = 0 for positive definite A and P: `apply` writes A v, `precondition` writes P⁻¹ v.
///
/// Hestenes & Stiefel (1952); preconditioned form as in Golub & Van Loan (2013), algorithm 11.5.1.
pub(super) fn conjugate_gradient(
    apply: impl Fn(&[f64], &mut [f64]),
    precondition: impl Fn(&[f64], &mut [f64]),
    b: &[f64],
    limits: Limits,
) -> (Vec<f64>, Solve) {
    let n = b.len();
    let mut x = vec![0.0; n];
    let mut residual = b.to_vec();
    let mut z = vec![0.0; n];
    precondition(&residual, &mut z);
    let start = dot(&residual, &z);
    let mut squared = start;
    if start == 0.0 {
        return (x, Solve::DIRECT);
    }
    let mut direction = z.clone();
    let mut product = vec![0.0; n];
    let mut iterations = 0;
    let relative = |squared: f64| (squared / start).max(0.0).sqrt();
    while relative(squared) > limits.tolerance && iterations < limits.iterations {
        apply(&direction, &mut product);
        let curvature = vectorised(
            #[inline(always)]
            || dot(&direction, &product),
        );
        // Lost to rounding or overflow: what is there is the best that can be had.
        if !(curvature > 0.0 && curvature.is_finite()) {
            break;
        }
        let step = squared / curvature;
        vectorised(
            #[inline(always)]
            || {
                let moved = x.iter_mut().zip(&mut residual);
                for ((x, r), (d, p)) in moved.zip(direction.iter().zip(&product)) {
                    *x += step * d;
                    *r -= step * p;
                }
            },
        );
        precondition(&residual, &mut z);
        let next = vectorised(
            #[inline(always)]
            || dot(&residual, &z),
        );
        let ratio = next / squared;
        squared = next;
        iterations += 1;
        vectorised(
            #[inline(always)]
            || {
                for (d, z) in direction.iter_mut().zip(&z) {
                    *d = z + ratio * *d;
                }
            },
        );
    }
    let relative_residual = relative(squared);
    let solve = Solve {
        iterations,
        relative_residual,
        converged: relative_residual <= limits.tolerance,
    };
    (x, solve)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laplacian(v: &[f64], out: &mut [f64]) {
        for i in 0..v.len() {
            let left = if i > 0 { v[i - 1] } else { 0.0 };
            let right = v.get(i + 1).copied().unwrap_or(0.0);
            out[i] = 2.0 * v[i] - left - right;
        }
    }

    #[test]
    fn solves_and_reports() {
        let b: Vec<f64> = (0..40).map(|i| (i as f64 * 0.7).sin()).collect();
        let limits = |iterations| Limits {
            tolerance: 1e-12,
            iterations,
        };
        let plain = |r: &[f64], z: &mut [f64]| z.copy_from_slice(r);
        let (x, solve) = conjugate_gradient(laplacian, plain, &b, limits(100));
        assert!(solve.converged && solve.iterations <= 41);
        let mut product = vec![0.0; 40];
        laplacian(&x, &mut product);
        assert!(product.iter().zip(&b).all(|(p, b)| (p - b).abs() < 1e-10));
        // Too few iterations are a status, not a failure, and the residual says how far it got.
        let (_, cut) = conjugate_gradient(laplacian, plain, &b, limits(3));
        assert!(!cut.converged && cut.iterations == 3 && cut.relative_residual > 1e-3);
        let (zero, at_once) = conjugate_gradient(laplacian, plain, &[0.0; 4], limits(5));
        assert_eq!((zero, at_once), (vec![0.0; 4], Solve::DIRECT));
    }
}
