//! Mean and variance at all pixels.

use super::conjugate_gradient::Solve;
use super::model::GridGp;
use super::probing::probe_variance;
use super::reduced_rank::Budget;
use super::route::{Exact, Route};
use crate::error::Result;
use ndarray::Array2;

/// The posterior mean at all pixels, from [`GridGp::posterior_mean`].
#[derive(Debug, Clone, PartialEq)]
pub struct GridMean {
    /// Posterior mean, rows × columns, in units of the measurements.
    pub mean: Array2<f64>,
    /// How the solution ended.
    pub solve: Solve,
}

/// Posterior mean and variance at all pixels, from [`GridGp::posterior`].
#[derive(Debug, Clone, PartialEq)]
pub struct GridPosterior {
    /// Posterior mean, rows × columns, in units of the measurements.
    pub mean: Array2<f64>,
    /// Posterior **variance** of the latent function, rows × columns, within [0, prior variance].
    pub variance: Array2<f64>,
    /// How it was computed.
    pub route: Route,
    /// Standard error of the variance of a pixel (root mean square over the pixels); zero on the exact routes.
    pub variance_error: f64,
    /// The worst of all solutions; direct on the exact routes.
    pub solve: Solve,
}

pub(super) fn posterior(gp: &GridGp) -> Result<GridPosterior> {
    let observations = gp.observations()?;
    let pixels = gp.grid.pixels();
    let budget = Budget::exact(gp.options.largest_factor);
    let choice = gp.choice(&observations);
    let exact = Exact::new(choice, &gp.covariance, &observations, budget)?;
    let (field, mut variance, route, variance_error, solve) = match exact {
        Some(exact) => {
            let (field, _) = exact.solve(&observations, &observations.residual)?;
            let variance = exact.variance(pixels)?;
            (field, variance, exact.route(), 0.0, Solve::DIRECT)
        }
        None => {
            let system = gp.system(&observations);
            let solution = system.solve(&observations.residual);
            let probed = probe_variance(&gp.grid, system, &gp.options);
            let route = Route::Stochastic {
                probes: probed.probes,
            };
            let solve = solution.solve.worse(probed.solve);
            (
                solution.field,
                probed.variance,
                route,
                probed.standard_error,
                solve,
            )
        }
    };
    // Rounding and sampling may step over the limits that the exact variance keeps.
    for (p, v) in variance.iter_mut().enumerate() {
        *v = v.clamp(0.0, gp.covariance.entry(p, p));
    }
    Ok(GridPosterior {
        mean: gp.image_above_mean(field)?,
        variance: gp.grid.image(variance),
        route,
        variance_error,
        solve,
    })
}
