//! The most probable latent values, and the curvature around them.

use super::site_precision::SitePrecision;
use super::{Likelihood, multiply};
use crate::error::{Error, Result};

/// Steps before the search for the mode is called unfinished.
const MOST_STEPS: usize = 200;
/// Halvings of one step.
const MOST_HALVINGS: usize = 60;
/// The search has converged when the next Newton step promises less than this, in nats; that step is still made.
const PROMISE: f64 = 1e-12;

/// What the mode depends on.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub likelihood: &'a Likelihood,
    pub y: &'a [f64],
    /// K, row-major.
    pub covariance: &'a [f64],
    /// The prior mean at each measurement.
    pub mean: &'a [f64],
}

/// The mode f̂ of p(f | y) ∝ p(y | f) N(f; mean, K) and the Gaussian of equal curvature there.
#[derive(Debug, Clone, Default)]
pub(super) struct Mode {
    /// f̂.
    pub latent: Vec<f64>,
    /// a = K⁻¹(f̂ − mean), equal to the gradient of log p(y | f) at the mode.
    pub weights: Vec<f64>,
    /// Q and the determinant for W = −∂² log p(y | f)/∂f² at f̂.
    pub precision: SitePrecision,
    /// log p(y) in Laplace's approximation, nats.
    pub log_marginal_likelihood: f64,
    /// Newton steps made.
    pub steps: usize,
    /// Whether the last step promised nothing more.
    pub converged: bool,
}

impl Mode {
    /// Newton's method with a line search, in the increments Δa = (I − Q K) r, Δf = K Δa of the residual
    /// r = ∂ log p/∂f − a (algebraically R&W 2006, algorithm 3.1, but free of its cancellation at large W).
    ///
    /// Where K⁻¹ + W is not positive definite, or its step does not go up, the parabola of
    /// [`Likelihood::safe_curvature`] takes its place, whose full step always goes up (Jylänki, Vanhatalo & Vehtari
    /// 2011 use the same EM step). The start is the Gaussian posterior given values that explain each
    /// measurement, or `warm` weights, whichever has the higher density; for a likelihood that is not log-concave
    /// always the former, so that the result is a function of the model alone.
    ///
    /// # Errors
    /// [`Error::NotPositiveDefinite`] if no curvature at the point reached gives a proper Gaussian;
    /// [`Error::Argument`] if the density is nowhere finite.
    pub fn find(target: &Target<'_>, warm: Option<&[f64]>) -> Result<Self> {
        let n = target.y.len();
        let mut mode = Self::default();
        let mut density = target.start(&mut mode, warm)?;
        let mut second = vec![0.0; n];
        let mut residual = vec![0.0; n];
        while mode.steps < MOST_STEPS {
            target.slopes(&mode, &mut residual, &mut second);
            let curvature: Vec<f64> = second.iter().map(|s| -s).collect();
            let newton = mode.precision.refactor(target.covariance, &curvature);
            let moved = match newton {
                Ok(()) => target.step(&mut mode, &residual, density)?,
                Err(error) if target.likelihood.is_log_concave() => return Err(error),
                Err(_) => None,
            };
            let moved = match moved {
                None if !target.likelihood.is_log_concave() => {
                    let safe = target.safe_curvature(&mode, &second);
                    mode.precision.refactor(target.covariance, &safe)?;
                    target.step(&mut mode, &residual, density)?
                }
                other => other,
            };
            let Some((reached, promise)) = moved else {
                break;
            };
            mode.steps += 1;
            density = reached;
            // Below the rounding error of the density a promise cannot be told from nothing; Newton's method is
            // then so close that the step just made ended far below it.
            if promise <= PROMISE.max(1e-14 * density.magnitude) {
                mode.converged = true;
                break;
            }
        }
        mode.curve(target, density)?;
        Ok(mode)
    }

    /// Works out again what follows from the latent values and weights that [`Mode::find`] ended with.
    ///
    /// # Errors
    /// As [`Mode::find`].
    pub fn restore(&mut self, target: &Target<'_>) -> Result<()> {
        self.curve(target, target.density(&self.latent, &self.weights))
    }

    /// The Gaussian at the latent values reached.
    fn curve(&mut self, target: &Target<'_>, density: Density) -> Result<()> {
        let each = self.latent.iter().zip(target.y).enumerate();
        let curvature: Vec<f64> = each
            .map(|(i, (&f, &y))| -target.likelihood.derivatives(i, y, f).second)
            .collect();
        self.precision.refactor(target.covariance, &curvature)?;
        self.log_marginal_likelihood = density.value - 0.5 * self.precision.log_determinant();
        Ok(())
    }
}

/// log p(y | f) − ½ aᵀ(f − mean), and the size of its terms.
#[derive(Clone, Copy)]
struct Density {
    value: f64,
    magnitude: f64,
}

impl Target<'_> {
    fn density(&self, latent: &[f64], weights: &[f64]) -> Density {
        let mut value = 0.0;
        let mut magnitude = 0.0;
        for (i, ((&f, a), &y)) in latent.iter().zip(weights).zip(self.y).enumerate() {
            let fit = self.likelihood.log_density(i, y, f);
            let penalty = 0.5 * a * (f - self.mean[i]);
            value += fit - penalty;
            magnitude += fit.abs() + penalty.abs();
        }
        Density { value, magnitude }
    }

    /// Puts the mode at the better of its starts.
    fn start(&self, mode: &mut Mode, warm: Option<&[f64]>) -> Result<Density> {
        let n = self.y.len();
        let mut starts = Vec::new();
        match warm {
            Some(weights) if weights.len() == n && self.likelihood.is_log_concave() => {
                starts.push(weights.to_vec());
            }
            _ => starts.push(self.explained(mode)?),
        }
        if self.likelihood.is_log_concave() {
            starts.push(vec![0.0; n]);
        }
        let mut best: Option<Density> = None;
        for weights in starts {
            let latent = self.latent(&weights);
            let density = self.density(&latent, &weights);
            let better = best.is_none_or(|best| density.value > best.value);
            if density.value.is_finite() && better {
                (mode.latent, mode.weights) = (latent, weights);
                best = Some(density);
            }
        }
        best.ok_or_else(|| {
            Error::argument(
                "y",
                "a posterior density that is nowhere finite",
                "measurements of a size the kernel, the mean and the likelihood can explain",
            )
        })
    }

    /// a = Q(z + W⁻¹g − mean) of the Gaussian that shares slope and curvature with the likelihood at values z that
    /// explain each measurement alone: for counts the first step of iteratively reweighted least squares.
    fn explained(&self, mode: &mut Mode) -> Result<Vec<f64>> {
        let n = self.y.len();
        let (mut curvature, mut shift) = (vec![0.0; n], vec![0.0; n]);
        for (i, &y) in self.y.iter().enumerate() {
            let Some(z) = self.likelihood.explaining(i, y) else {
                continue;
            };
            let at = self.likelihood.derivatives(i, y, z);
            let w = self.likelihood.safe_curvature(y, z, at.second);
            if w > 0.0 && w.is_finite() {
                curvature[i] = w;
                shift[i] = z + at.first / w - self.mean[i];
            }
        }
        mode.precision.refactor(self.covariance, &curvature)?;
        mode.precision.apply(&shift)
    }

    /// f = mean + K a.
    fn latent(&self, weights: &[f64]) -> Vec<f64> {
        let mut latent = multiply(self.covariance, weights);
        let both = latent.iter_mut().zip(self.mean);
        both.for_each(|(f, mean)| *f += mean);
        latent
    }

    fn slopes(&self, mode: &Mode, residual: &mut [f64], second: &mut [f64]) {
        for i in 0..self.y.len() {
            let at = self.likelihood.derivatives(i, self.y[i], mode.latent[i]);
            residual[i] = at.first - mode.weights[i];
            second[i] = at.second;
        }
    }

    fn safe_curvature(&self, mode: &Mode, second: &[f64]) -> Vec<f64> {
        let sites = mode.latent.iter().zip(self.y).zip(second);
        sites
            .map(|((&f, &y), &second)| self.likelihood.safe_curvature(y, f, second))
            .collect()
    }

    /// One step with the curvature in `mode.precision`: the density reached and what the step promised (rᵀ Δf, twice
    /// the gain if the density were a parabola). `None` if no length of step goes up.
    fn step(
        &self,
        mode: &mut Mode,
        residual: &[f64],
        density: Density,
    ) -> Result<Option<(Density, f64)>> {
        let pulled = mode.precision.apply(&multiply(self.covariance, residual))?;
        let turn: Vec<f64> = residual.iter().zip(&pulled).map(|(r, p)| r - p).collect();
        let change = multiply(self.covariance, &turn);
        let promise: f64 = residual.iter().zip(&change).map(|(r, c)| r * c).sum();
        let slack = 1e-13 * density.magnitude;
        let along = |from: &[f64], by: &[f64], length: f64| -> Vec<f64> {
            from.iter().zip(by).map(|(v, d)| v + length * d).collect()
        };
        let mut length = 1.0;
        for _ in 0..MOST_HALVINGS {
            let latent = along(&mode.latent, &change, length);
            let weights = along(&mode.weights, &turn, length);
            let reached = self.density(&latent, &weights);
            if reached.value >= density.value + 1e-4 * length * promise - slack {
                (mode.latent, mode.weights) = (latent, weights);
                return Ok(Some((reached, promise.max(0.0))));
            }
            length *= 0.5;
        }
        Ok(None)
    }
}
