//! The log marginal likelihood on a grid.

use super::conjugate_gradient::Solve;
use super::eigenbasis::Eigenbasis;
use super::lanczos::{LogDeterminant, Operator, Quadrature, log_determinant};
use super::options::GridOptions;
use super::reduced_rank::Budget;
use super::route::{Choice, Exact, Route};
use super::system::{Covariance, System};
use super::toeplitz::Toeplitz;
use crate::error::Result;
use std::cell::RefCell;

/// A log marginal likelihood and how well it is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evidence {
    /// −½ yᵀ(K + D)⁻¹y − ½ log det(K + D) − (n/2) log 2π over the n observed pixels, nats.
    pub log_marginal_likelihood: f64,
    /// Standard error from the scatter between random probes, nats; zero on the exact routes.
    pub standard_error: f64,
    /// Change over the last quarter of the Lanczos steps, nats; zero on the exact routes.
    pub quadrature_error: f64,
    /// How it was computed.
    pub route: Route,
    /// How the solution with the measurements ended; direct on the exact routes.
    pub solve: Solve,
}

/// The evidence by the given route, or by probes if that is not exact.
pub(super) fn evidence(
    system: System<'_>,
    options: &GridOptions,
    choice: Choice,
) -> Result<Evidence> {
    let observations = system.observations;
    let constant = observations.count as f64 * std::f64::consts::TAU.ln();
    // A little above the usual limit, so that the steps of a fit stay on the route it started on.
    let budget = Budget::exact(options.largest_factor.saturating_mul(3) / 2);
    if let Some(exact) = Exact::new(choice, system.covariance, observations, budget)? {
        let (_, quadratic) = exact.solve(observations, &observations.residual)?;
        let determinant = exact.log_determinant(observations);
        return Ok(Evidence {
            log_marginal_likelihood: -0.5 * (quadratic + determinant + constant),
            standard_error: 0.0,
            quadrature_error: 0.0,
            route: exact.route(),
            solve: Solve::DIRECT,
        });
    }
    let quadrature = Quadrature {
        probes: options.probes,
        steps: options.lanczos_steps,
        seed: options.seed,
    };
    let solution = system.solve(&observations.residual);
    let determinant = match system.covariance {
        Covariance::Product(basis) => coefficients(system, basis, quadrature),
        Covariance::Stationary(toeplitz) if observations.count == observations.weights.len() => {
            complete(system, toeplitz, quadrature)
        }
        Covariance::Stationary(toeplitz) => incomplete(system, toeplitz, quadrature),
    };
    let sum = solution.quadratic + determinant.value + constant;
    Ok(Evidence {
        log_marginal_likelihood: -0.5 * sum,
        standard_error: 0.5 * determinant.standard_error,
        quadrature_error: 0.5 * determinant.quadrature_error,
        route: Route::Stochastic {
            probes: options.probes,
        },
        solve: solution.solve,
    })
}

/// log det(K + D) of a product kernel: log det D + log det P + log det P^−½ (I + Bᵀ W B) P^−½ with P = I + w̄ Λ, whose
/// last matrix is close to the identity and so has little for the probes to estimate.
fn coefficients(system: System<'_>, basis: &Eigenbasis, quadrature: Quadrature) -> LogDeterminant {
    let preconditioner = system.coefficient_preconditioner(basis);
    let roots: Vec<f64> = preconditioner.iter().map(|p| p.sqrt().recip()).collect();
    let known: f64 = preconditioner.iter().map(|p| p.ln()).sum();
    let make = || -> Operator<'_> {
        let inner = system.coefficient_operator(basis);
        let scaled = RefCell::new(vec![0.0; roots.len()]);
        let roots = &roots;
        Box::new(move |v, out| {
            let mut scaled = scaled.borrow_mut();
            for (s, (v, root)) in scaled.iter_mut().zip(v.iter().zip(roots)) {
                *s = v * root;
            }
            inner(&scaled, out);
            for (o, root) in out.iter_mut().zip(roots) {
                *o *= root;
            }
        })
    };
    let found = log_determinant(make, &vec![1.0; roots.len()], quadrature);
    LogDeterminant {
        value: found.value + known + system.observations.log_noise,
        ..found
    }
}

/// log det(K + D) with all pixels observed: (C + d̄ I)^−½ on both sides, C the nearest matrix of cosine transforms,
/// brings it close to the identity.
fn complete(system: System<'_>, toeplitz: &Toeplitz, quadrature: Quadrature) -> LogDeterminant {
    let weights = &system.observations.weights;
    let level = 1.0 / system.observations.level;
    let preconditioner = &toeplitz.preconditioner;
    let root = preconditioner.function(|v| (v + level).sqrt().recip());
    let make = || -> Operator<'_> {
        let scratch = RefCell::new(Vec::new());
        let halfway = RefCell::new(vec![0.0; weights.len()]);
        let root = &root;
        Box::new(move |v, out| {
            let (mut scratch, mut halfway) = (scratch.borrow_mut(), halfway.borrow_mut());
            halfway.copy_from_slice(v);
            preconditioner.filter(&mut halfway, root, &mut scratch);
            out.copy_from_slice(&halfway);
            toeplitz.multiply(out, &mut scratch);
            for (o, (h, w)) in out.iter_mut().zip(halfway.iter().zip(weights)) {
                *o += h / w;
            }
            preconditioner.filter(out, root, &mut scratch);
        })
    };
    let found = log_determinant(make, weights, quadrature);
    LogDeterminant {
        value: found.value + preconditioner.trace(|v| (v + level).ln()),
        ..found
    }
}

/// log det(K + D) over the observed pixels: log det D + log det(I + W^½ K W^½).
fn incomplete(system: System<'_>, toeplitz: &Toeplitz, quadrature: Quadrature) -> LogDeterminant {
    let weights = &system.observations.weights;
    let roots: Vec<f64> = weights.iter().map(|w| w.sqrt()).collect();
    let make = || -> Operator<'_> {
        let scratch = RefCell::new(Vec::new());
        let roots = &roots;
        Box::new(move |v, out| {
            for (o, (v, root)) in out.iter_mut().zip(v.iter().zip(roots)) {
                *o = v * root;
            }
            toeplitz.multiply(out, &mut scratch.borrow_mut());
            for (o, (v, root)) in out.iter_mut().zip(v.iter().zip(roots)) {
                *o = *o * root + v;
            }
        })
    };
    let found = log_determinant(make, weights, quadrature);
    LogDeterminant {
        value: found.value + system.observations.log_noise,
        ..found
    }
}
