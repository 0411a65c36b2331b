//! The most probable log rates of a grid of counts.

use super::lattice::Grid;
use super::model::GridGp;
use super::observations::{Observations, mean_at_pixels};
use crate::error::{Error, Result};
use crate::gp::kernel::dot;
use crate::gp::{Derivatives, Likelihood};
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

/// What was counted.
#[derive(Debug, Clone)]
pub(super) struct Counts {
    /// Counts as residuals, exposures as weights.
    pub seen: Observations,
    /// Of all pixels.
    pub likelihood: Likelihood,
}

/// What the mode depends on.
pub(super) struct Target<'p> {
    prior: &'p GridGp,
    counts: &'p Counts,
    /// The prior mean of the log rate at all pixels.
    pub mean: Vec<f64>,
    least_weight: f64,
}

impl Counts {
    /// Checks and takes an image of counts; those at pixels of exposure zero are not looked at.
    pub fn new(
        grid: &Grid,
        counts: ArrayView2<'_, f64>,
        exposure: ArrayView2<'_, f64>,
    ) -> Result<Self> {
        grid.check_shape("counts", counts.dim())?;
        grid.check_shape("exposure", exposure.dim())?;
        let exposure: Vec<f64> = exposure.iter().copied().collect();
        let counts = counts.iter().zip(&exposure);
        let counts: Vec<f64> = counts
            .map(|(y, e)| if *e != 0.0 { *y } else { 0.0 })
            .collect();
        let taken = Self::of(Observations::weighted(counts, exposure));
        let checked = taken.likelihood.check(&taken.seen.residual);
        checked.map_err(|error| match error {
            Error::Argument {
                argument,
                found,
                allowed,
            } if argument == "y" => Error::argument("counts", found, allowed),
            other => other,
        })?;
        Ok(taken)
    }

    /// From counts as residuals and exposures as weights.
    pub fn of(seen: Observations) -> Self {
        let likelihood = Likelihood::Poisson {
            exposure: seen.weights.clone(),
        };
        Self { seen, likelihood }
    }

    fn exposed(&self, p: usize) -> bool {
        self.seen.weights[p] > 0.0
    }

    fn derivatives(&self, p: usize, latent: f64) -> Derivatives {
        let count = self.seen.residual[p];
        self.likelihood.derivatives(p, count, latent)
    }

    /// ∂³ log p/∂f³ at the mode.
    pub fn third(&self, mode: &Mode) -> impl Iterator<Item = f64> {
        let pixels = mode.latent.iter().enumerate();
        pixels.map(|(p, f)| self.derivatives(p, *f).third)
    }
}

impl<'p> Target<'p> {
    pub fn new(prior: &'p GridGp, counts: &'p Counts) -> Result<Self> {
        let pixels = 0..prior.grid.pixels();
        let widest = pixels
            .map(|p| prior.covariance.entry(p, p))
            .fold(0.0, f64::max);
        Ok(Self {
            mean: mean_at_pixels(&prior.mean, &prior.grid)?,
            least_weight: (LEAST_WEIGHT / widest).max(1e-140),
            prior,
            counts,
        })
    }

    /// Newton's method with a line search, in a = K⁻¹(f − mean): with the residual r = ∂ log p/∂f − a the step is
    /// Δf = (K⁻¹ + W)⁻¹ r = K (K + W⁻¹)⁻¹ W⁻¹ r and Δa = r − W Δf. `warm` are the weights of a mode nearby.
    pub fn mode(&self, warm: Option<&[f64]>) -> Result<Mode> {
        let mut mode = self.start(warm)?;
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

    /// The weights K⁻¹(f − mean) of the Gaussian posterior given log rates that explain each count alone, the first step
    /// of iteratively reweighted least squares.
    fn explained(&self) -> Vec<f64> {
        let explaining = |p: usize| {
            let likelihood = &self.counts.likelihood;
            let z = likelihood.explaining(p, self.counts.seen.residual[p])?;
            let at = self.counts.derivatives(p, z);
            Some((z - at.first / at.second - self.mean[p], -at.second))
        };
        let each: Vec<(f64, f64)> = (0..self.mean.len())
            .map(|p| explaining(p).unwrap_or((0.0, 0.0)))
            .collect();
        let (shifts, weights) = each.iter().copied().unzip();
        let system = Observations::weighted(shifts, weights);
        let field = self.prior.system(&system).solve(&system.residual).field;
        let pixels = field.iter().zip(&each);
        pixels.map(|(f, (shift, w))| w * (shift - f)).collect()
    }

    /// The better of two starts: the prior mean, and the mode nearby or else the log rates that explain the counts.
    fn start(&self, warm: Option<&[f64]>) -> Result<Mode> {
        let first = warm.map_or_else(|| self.explained(), <[f64]>::to_vec);
        let starts = [first, vec![0.0; self.mean.len()]];
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

    pub fn density(&self, latent: &[f64], weights: &[f64]) -> Density {
        let (mut value, mut magnitude) = (0.0, 0.0);
        for p in (0..latent.len()).filter(|&p| self.counts.exposed(p)) {
            let count = self.counts.seen.residual[p];
            let fit = self.counts.likelihood.log_density(p, count, latent[p]);
            let penalty = 0.5 * weights[p] * (latent[p] - self.mean[p]);
            value += fit - penalty;
            magnitude += fit.abs() + penalty.abs();
        }
        Density { value, magnitude }
    }

    /// ∂ log p/∂f − a, and W; zero without exposure.
    fn slopes(&self, mode: &Mode) -> (Vec<f64>, Vec<f64>) {
        let each = (0..mode.latent.len()).map(|p| {
            if !self.counts.exposed(p) {
                return (0.0, 0.0);
            }
            let at = self.counts.derivatives(p, mode.latent[p]);
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
