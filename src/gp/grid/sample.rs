//! Joint draws of the latent function at all pixels.

use super::conjugate_gradient::Solve;
use super::embedding::{Embedded, Embedding};
use super::kernel::GridKernel;
use super::model::GridGp;
use super::system::Covariance;
use crate::error::{Error, Result};
use crate::linalg::zeros;
use crate::random::{Purpose, Stream};
use crate::units::Seed;
use ndarray::Array2;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

/// Joint draws, from [`GridGp::posterior_samples`] or [`GridGp::prior_samples`].
#[derive(Debug, Clone, PartialEq)]
pub struct GridSamples {
    /// The draws, rows × columns each, in units of the measurements.
    pub images: Vec<Array2<f64>>,
    /// How well circulant embedding reproduced the prior; `None` for product kernels, whose prior is drawn exactly.
    pub embedding: Option<Embedding>,
    /// The worst of all solutions; direct for the prior.
    pub solve: Solve,
}

/// What draws prior fields.
enum Prior<'a> {
    Product(&'a super::eigenbasis::Eigenbasis),
    Stationary(Embedded),
}

impl Prior<'_> {
    fn draw(&self, stream: &mut Stream, pixels: usize) -> Vec<f64> {
        match self {
            Self::Stationary(embedded) => embedded.draw(stream),
            Self::Product(basis) => {
                let u = normals(stream, basis.coefficients());
                let mut field = vec![0.0; pixels];
                basis.spread(&u, &mut field);
                field
            }
        }
    }
}

pub(super) fn normals(stream: &mut Stream, count: usize) -> Vec<f64> {
    (0..count).map(|_| StandardNormal.sample(stream)).collect()
}

/// Refuses more draws than the memory of this machine holds.
fn check_count(count: usize, pixels: usize) -> Result<()> {
    zeros(count, pixels).map(drop).map_err(|_| {
        Error::argument(
            "count",
            format!("{count} draws of {pixels} pixels"),
            "as many as fit into memory",
        )
    })
}

/// Matheron's rule: a prior draw f and noise ε give f + K (K + D)⁻¹ (y − f − ε), which is a posterior draw
/// (Wilson et al. 2020, "Efficiently sampling functions from Gaussian process posteriors", ICML, eq. 13).
pub(super) fn samples(
    gp: &GridGp,
    count: usize,
    seed: Seed,
    conditioned: bool,
) -> Result<GridSamples> {
    let pixels = gp.grid.pixels();
    check_count(count, pixels)?;
    let observations = gp.observations()?;
    let system = gp.system(&observations);
    let prior = match (&gp.covariance, &gp.kernel) {
        (Covariance::Stationary(_), GridKernel::Stationary(kernel)) => {
            Prior::Stationary(Embedded::new(&gp.grid, kernel.as_ref())?)
        }
        (Covariance::Product(basis), _) => Prior::Product(basis),
        (Covariance::Stationary(_), GridKernel::Product { .. }) => {
            unreachable!("the covariance is built from the kernel")
        }
    };
    let draw = |index: usize| {
        let mut stream = Stream::new(seed, Purpose::Resampling, [3, index as u64]);
        let mut field = prior.draw(&mut stream, pixels);
        if !conditioned {
            return (field, Solve::DIRECT);
        }
        let noise = normals(&mut stream, pixels);
        let misfit: Vec<f64> = (0..pixels)
            .map(|p| match observations.weights[p] {
                weight if weight > 0.0 => {
                    observations.residual[p] - field[p] - noise[p] / weight.sqrt()
                }
                _ => 0.0,
            })
            .collect();
        let update = system.solve(&misfit);
        for (f, u) in field.iter_mut().zip(&update.field) {
            *f += u;
        }
        (field, update.solve)
    };
    let drawn: Vec<(Vec<f64>, Solve)> = (0..count).into_par_iter().map(draw).collect();
    let mut solve = Solve::DIRECT;
    let mut images = Vec::with_capacity(count);
    for (field, ended) in drawn {
        solve = solve.worse(ended);
        images.push(gp.image_above_mean(field)?);
    }
    Ok(GridSamples {
        images,
        embedding: match &prior {
            Prior::Stationary(embedded) => Some(embedded.report),
            Prior::Product(_) => None,
        },
        solve,
    })
}
