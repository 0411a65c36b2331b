//! The linear system behind every posterior on a grid, and its iterative solution.

use super::conjugate_gradient::{Limits, Solve, conjugate_gradient};
use super::eigenbasis::Eigenbasis;
use super::kernel::GridKernel;
use super::lattice::Grid;
use super::observations::Observations;
use super::toeplitz::Toeplitz;
use crate::error::Result;
use crate::gp::kernel::dot;
use std::cell::RefCell;

/// The covariance of all pixels in the form its structure allows.
#[derive(Debug, Clone)]
pub(super) enum Covariance {
    Product(Eigenbasis),
    Stationary(Toeplitz),
}

impl Covariance {
    pub fn new(grid: &Grid, kernel: &GridKernel) -> Result<Self> {
        kernel.check(grid)?;
        Ok(match kernel {
            GridKernel::Product { rows, columns } => {
                Self::Product(Eigenbasis::new(grid, rows.as_ref(), columns.as_ref())?)
            }
            GridKernel::Stationary(kernel) => {
                Self::Stationary(Toeplitz::new(grid, kernel.as_ref())?)
            }
        })
    }

    /// k(p, q) for two pixels by their row-major indices.
    pub fn entry(&self, p: usize, q: usize) -> f64 {
        match self {
            Self::Product(basis) => basis.entry(p, q),
            Self::Stationary(toeplitz) => toeplitz.entry(p, q),
        }
    }

    /// Overwrites `v` with K v.
    pub fn multiply(&self, v: &mut [f64]) {
        match self {
            Self::Stationary(toeplitz) => toeplitz.multiply(v, &mut Vec::new()),
            Self::Product(basis) => {
                let mut u = vec![0.0; basis.coefficients()];
                basis.gather(v, &mut u);
                basis.spread(&u, v);
            }
        }
    }
}

/// rᵀ (K + D)⁻¹ r = Σ w (r − f)² + uᵀu for the solution f = B u, which loses nothing to cancellation as rᵀ W (r − f)
/// does; an error of u counts by its square only.
pub(super) fn sum_of_squares((r, field): (&[f64], &[f64]), weights: &[f64], u: &[f64]) -> f64 {
    let misfit = r.iter().zip(field).zip(weights);
    let misfit: f64 = misfit.map(|((r, f), w)| w * (r - f) * (r - f)).sum();
    misfit + dot(u, u)
}

/// The solution for one right-hand side r.
pub(super) struct Solution {
    /// K (K + D)⁻¹ r at all pixels.
    pub field: Vec<f64>,
    /// rᵀ (K + D)⁻¹ r.
    pub quadratic: f64,
    pub solve: Solve,
}

/// K + D over the observed pixels, D being the noise variances.
#[derive(Clone, Copy)]
pub(super) struct System<'a> {
    pub covariance: &'a Covariance,
    pub observations: &'a Observations,
    pub limits: Limits,
}

impl System<'_> {
    /// Solves for a right-hand side over all pixels, of which the observed ones count.
    ///
    /// Product kernels in the eigenbasis: (I + Bᵀ W B) u = Bᵀ W r, f = B u, with W = D⁻¹ zero at missing pixels and
    /// the preconditioner I + w̄ Λ. Stationary kernels over the observed pixels: (K + D) α = r, f = K α, with the
    /// preconditioner (s C + d̄ I), C the nearest matrix of cosine transforms, s the share of observed pixels; where those are scattered
    /// that gains too little for its price, and the preconditioner is D.
    pub fn solve(&self, r: &[f64]) -> Solution {
        let weights = &self.observations.weights;
        match self.covariance {
            Covariance::Product(basis) => {
                let weighted: Vec<f64> = r.iter().zip(weights).map(|(r, w)| r * w).collect();
                let mut b = vec![0.0; basis.coefficients()];
                basis.gather(&weighted, &mut b);
                let (u, solve) = self.solve_coefficients(basis, &b);
                let mut field = vec![0.0; r.len()];
                basis.spread(&u, &mut field);
                Solution {
                    quadratic: sum_of_squares((r, &field), weights, &u),
                    field,
                    solve,
                }
            }
            Covariance::Stationary(toeplitz) => {
                let rhs: Vec<f64> = r
                    .iter()
                    .zip(weights)
                    .map(|(r, w)| if *w > 0.0 { *r } else { 0.0 })
                    .collect();
                let (mut alpha, solve) = self.solve_pixels(toeplitz, &rhs);
                let quadratic = dot(&rhs, &alpha);
                toeplitz.multiply(&mut alpha, &mut Vec::new());
                Solution {
                    field: alpha,
                    quadratic,
                    solve,
                }
            }
        }
    }

    /// Posterior covariance times v: (K − K (K + D)⁻¹ K) v, with v and the result over all pixels.
    pub fn posterior_covariance(&self, v: &[f64]) -> (Vec<f64>, Solve) {
        match self.covariance {
            Covariance::Product(basis) => {
                let mut b = vec![0.0; basis.coefficients()];
                basis.gather(v, &mut b);
                let (u, solve) = self.solve_coefficients(basis, &b);
                let mut product = vec![0.0; v.len()];
                basis.spread(&u, &mut product);
                (product, solve)
            }
            Covariance::Stationary(toeplitz) => {
                let mut product = v.to_vec();
                toeplitz.multiply(&mut product, &mut Vec::new());
                let explained = self.solve(&product);
                for (p, e) in product.iter_mut().zip(&explained.field) {
                    *p -= e;
                }
                (product, explained.solve)
            }
        }
    }

    /// (I + Bᵀ W B) u = b.
    fn solve_coefficients(&self, basis: &Eigenbasis, b: &[f64]) -> (Vec<f64>, Solve) {
        let preconditioner = self.coefficient_preconditioner(basis);
        conjugate_gradient(
            self.coefficient_operator(basis),
            |r, z| {
                for (z, (r, p)) in z.iter_mut().zip(r.iter().zip(&preconditioner)) {
                    *z = r / p;
                }
            },
            b,
            self.limits,
        )
    }

    /// Writes (I + Bᵀ W B) u.
    pub fn coefficient_operator<'s>(
        &'s self,
        basis: &'s Eigenbasis,
    ) -> impl Fn(&[f64], &mut [f64]) + 's {
        let weights = &self.observations.weights;
        let pixels = RefCell::new(vec![0.0; weights.len()]);
        move |u, out| {
            let mut pixels = pixels.borrow_mut();
            basis.spread(u, &mut pixels);
            for (p, w) in pixels.iter_mut().zip(weights) {
                *p *= w;
            }
            basis.gather(&pixels, out);
            for (o, u) in out.iter_mut().zip(u) {
                *o += u;
            }
        }
    }

    /// The diagonal of I + w̄ Λ, w̄ the geometric mean weight times the share of observed pixels.
    pub fn coefficient_preconditioner(&self, basis: &Eigenbasis) -> Vec<f64> {
        let level = self.observations.level * self.observations.fraction();
        basis.eigenvalues().map(|v| 1.0 + level * v).collect()
    }

    /// (K + D) α = r over the observed pixels; r and α are zero at the others.
    fn solve_pixels(&self, toeplitz: &Toeplitz, r: &[f64]) -> (Vec<f64>, Solve) {
        let weights = &self.observations.weights;
        let fraction = self.observations.fraction();
        // Without observations r is zero and the value does not matter.
        let level = 1.0 / self.observations.level.max(1e-150);
        let preconditioner = &toeplitz.preconditioner;
        let filter = (!self.observations.scattered(toeplitz.columns()))
            .then(|| preconditioner.function(|v| 1.0 / (fraction * v + level)));
        let scratch = RefCell::new(Vec::new());
        conjugate_gradient(
            |v, out| {
                out.copy_from_slice(v);
                toeplitz.multiply(out, &mut scratch.borrow_mut());
                for ((o, v), w) in out.iter_mut().zip(v).zip(weights) {
                    *o = if *w > 0.0 { *o + v / w } else { 0.0 };
                }
            },
            |r, z| match &filter {
                None => {
                    for ((z, r), w) in z.iter_mut().zip(r).zip(weights) {
                        *z = r * w;
                    }
                }
                Some(filter) => {
                    z.copy_from_slice(r);
                    preconditioner.filter(z, filter, &mut scratch.borrow_mut());
                    for (z, w) in z.iter_mut().zip(weights) {
                        *z = if *w > 0.0 { *z } else { 0.0 };
                    }
                }
            },
            r,
            self.limits,
        )
    }
}
