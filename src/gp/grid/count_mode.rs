//! The most probable log rates of a grid of counts.

use super::model::GridGp;
use super::observations::{Observations, mean_at_pixels};
use crate::error::{Error, Result};
use crate::gp::Likelihood;
use crate::gp::kernel::dot;
use ndarray::ArrayView2;

/// Newton steps before the search for the mode is called unfinished.
const MOST_STEPS: usize = 100;
/// Halvings of one step.
const MOST_HALVINGS: usize = 60;
/// The search has converged when the next step promises less than this, in nats; that step is still made.
const PROMISE: f64 = 1e-12;
/// Smallest weight of an exposed pixel, in units of the inverse prior variance: it steers the steps where next to
/// nothing is expected, and moves no result.
const LEAST_WEIGHT: f64 = 1e-10;

/// The mode of p(f | y).
#[derive(Debug, Clone)]
pub(super) struct Mode {
    /// f̂ at all pixels.
    pub latent: Vec<f64>,
    /// K⁻¹(f̂ − mean), zero at pixels without exposure.
    pub weights: Vec<f64>,
    pub density: Density,
    pub steps: usize,
    pub converged: bool,
}

/// log p(y | f) − ½ aᵀ(f − mean), and the size of its terms.
#[derive(Debug, Clone, Copy)]
pub(super) struct Density {
    pub value: f64,
    magnitude: f64,
}

/// What the mode depends on.
pub(super) struct Target<'p> {
    prior: &'p GridGp,
    likelihood: Likelihood,
    counts: Vec<f64>,
    exposed: Vec<bool>,
    /// The prior mean of the log rate at all pixels.
    pub mean: Vec<f64>,
    least_weight: f64,
}

impl<'p> Target<'p> {
    pub fn new(
        prior: &'p GridGp,
        counts: ArrayView2<'_, f64>,
        exposure: ArrayView2<'_, f64>,
    ) -> Result<Self> {
        prior.grid.check_shape("counts", counts.dim())?;
        prior.grid.check_shape("exposure", exposure.dim())?;
        let exposure: Vec<f64> = exposure.iter().copied().collect();
        let exposed: Vec<bool> = exposure.iter().map(|e| *e != 0.0).collect();
        let counts = counts.iter().zip(&exposed);
        let counts: Vec<f64> = counts
            .map(|(y, seen)| if *seen { *y } else { 0.0 })
            .collect();
        let likelihood = Likelihood::Poisson { exposure };
        likelihood.check(&counts).map_err(|error| match error {
            Error::Argument {
                argument,
                found,
                allowed,
            } if argument == "y" => Error::argument("counts", found, allowed),
            other => other,
        })?;
        let pixels = 0..prior.grid.pixels();
        let widest = pixels
            .map(|p| prior.covariance.entry(p, p))
            .fold(0.0, f64::max);
        Ok(Self {
            mean: mean_at_pixels(&prior.mean, &prior.grid)?,
            least_weight: (LEAST_WEIGHT / widest).max(1e-140),
            prior,
            likelihood,
            counts,
            exposed,
        })
    }

    /// Newton's method with a line search, in a = K⁻¹(f − mean): with the residual r = ∂ log p/∂f − a the step is
    /// Δf = (K⁻¹ + W)⁻¹ r = K (K + W⁻¹)⁻¹ W⁻¹ r and Δa = r − W Δf.
    pub fn mode(&self) -> Result<Mode> {
        let mut mode = self.start()?;
        while mode.steps < MOST_STEPS {
            let (mut turn, weights) = self.slopes(&mode);
            let residual = turn.clone();
            let pixels = turn.iter().zip(&weights);
            let shifts: Vec<f64> = pixels
                .map(|(r, w)| if *w > 0.0 { r / w } else { 0.0 })
                .collect();
            let system = Observations::weighted(shifts, weights);
            let field = self.prior.system(&system).solve(&system.residual).field;
            for (turn, (w, f)) in turn.iter_mut().zip(system.weights.iter().zip(&field)) {
                *turn -= w * f;
            }
            let mut change = turn.clone();
            self.prior.covariance.multiply(&mut change);
            let promise = dot(&residual, &change).max(0.0);
            let Some(reached) = self.climbed(&mode, (&change, &turn), promise) else {
                break;
            };
            mode = reached;
            if promise <= PROMISE.max(1e-14 * mode.density.magnitude) {
                mode.converged = true;
                break;
            }
        }
        Ok(mode)
    }

    /// The mode moved along a step, halved until the density goes up; `None` if it never does.
    fn climbed(&self, mode: &Mode, (change, turn): (&[f64], &[f64]), promise: f64) -> Option<Mode> {
        let slack = 1e-13 * mode.density.magnitude;
        let along = |from: &[f64], by: &[f64], length: f64| -> Vec<f64> {
            from.iter().zip(by).map(|(v, d)| v + length * d).collect()
        };
        let mut length = 1.0;
        for _ in 0..MOST_HALVINGS {
            let latent = along(&mode.latent, change, length);
            let weights = along(&mode.weights, turn, length);
            let density = self.density(&latent, &weights);
            if density.value >= mode.density.value + 1e-4 * length * promise - slack {
                return Some(Mode {
                    latent,
                    weights,
                    density,
                    steps: mode.steps + 1,
                    converged: false,
                });
            }
            length *= 0.5;
        }
        None
    }

    /// The better of two starts: the prior mean, and the Gaussian posterior given log rates that explain each count
    /// alone, the first step of iteratively reweighted least squares.
    fn start(&self) -> Result<Mode> {
        let explaining = |p: usize| {
            let z = self.likelihood.explaining(p, self.counts[p])?;
            let at = self.likelihood.derivatives(p, self.counts[p], z);
            Some((z - at.first / at.second - self.mean[p], -at.second))
        };
        let each: Vec<(f64, f64)> = (0..self.mean.len())
            .map(|p| explaining(p).unwrap_or((0.0, 0.0)))
            .collect();
        let (shifts, weights) = each.iter().copied().unzip();
        let system = Observations::weighted(shifts, weights);
        let field = self.prior.system(&system).solve(&system.residual).field;
        let explained = field
            .iter()
            .zip(&each)
            .map(|(f, (shift, w))| w * (shift - f));
        let starts = [explained.collect(), vec![0.0; self.mean.len()]];
        let modes = starts.into_iter().map(|weights: Vec<f64>| {
            let mut latent = weights.clone();
            self.prior.covariance.multiply(&mut latent);
            latent.iter_mut().zip(&self.mean).for_each(|(f, m)| *f += m);
            Mode {
                density: self.density(&latent, &weights),
                latent,
                weights,
                steps: 0,
                converged: false,
            }
        });
        let usable = modes.filter(|mode| mode.density.value.is_finite());
        let best = usable.reduce(|best, mode| {
            if mode.density.value > best.density.value {
                mode
            } else {
                best
            }
        });
        best.ok_or_else(|| {
            Error::argument(
                "counts",
                "a posterior density that is nowhere finite",
                "counts of a size the kernel, the mean and the exposures can explain",
            )
        })
    }

    fn density(&self, latent: &[f64], weights: &[f64]) -> Density {
        let (mut value, mut magnitude) = (0.0, 0.0);
        for p in (0..latent.len()).filter(|&p| self.exposed[p]) {
            let fit = self.likelihood.log_density(p, self.counts[p], latent[p]);
            let penalty = 0.5 * weights[p] * (latent[p] - self.mean[p]);
            value += fit - penalty;
            magnitude += fit.abs() + penalty.abs();
        }
        Density { value, magnitude }
    }

    /// ∂ log p/∂f − a, and W; zero without exposure.
    fn slopes(&self, mode: &Mode) -> (Vec<f64>, Vec<f64>) {
        let each = (0..mode.latent.len()).map(|p| {
            if !self.exposed[p] {
                return (0.0, 0.0);
            }
            let at = self
                .likelihood
                .derivatives(p, self.counts[p], mode.latent[p]);
            let weight = (-at.second).clamp(self.least_weight, 1e140);
            (at.first - mode.weights[p], weight)
        });
        each.unzip()
    }

    /// What the Gaussian of the approximation has seen, minus the prior mean: f̂ + (y − W)/W of weight W.
    pub fn seen(&self, mode: &Mode) -> Observations {
        let (residuals, weights) = self.slopes(mode);
        let slopes = residuals.iter().zip(&mode.weights).map(|(r, a)| r + a);
        let pixels = slopes.zip(&weights).enumerate();
        let values = pixels.map(|(p, (slope, w))| {
            if *w > 0.0 {
                mode.latent[p] - self.mean[p] + slope / w
            } else {
                0.0
            }
        });
        let values: Vec<f64> = values.collect();
        Observations::weighted(values, weights)
    }
}
