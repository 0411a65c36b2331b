//! The bound by which a process with its own process of log noise is fitted.

use super::super::evidence::{Data, GradientBuffers, log_marginal_likelihood};
use super::super::kernel::Kernel;
use super::super::mean::Mean;
use super::super::noise::Noise;
use super::super::objective::{Evaluate, Evidence};
use super::super::points::PointsView;
use super::evidence::kernel_gradient;
use super::site_precision::SitePrecision;
use super::{covariance_matrix, multiply};
use crate::error::{Error, Result};
use crate::linalg::Cholesky;

/// Shortest part of a step that is tried.
const SHORTEST: f64 = 1e-6;
/// Updates of the variational parameters before they are called unfinished.
const MOST_UPDATES: usize = 100;
/// The parameters have converged when no update would move one by more than this, relative to one plus itself.
const STILL: f64 = 1e-8;

/// Measurements and the model, borrowed for one evaluation.
#[derive(Clone, Copy)]
pub(super) struct Model<'a> {
    pub kernel: &'a dyn Kernel,
    pub noise_kernel: &'a dyn Kernel,
    /// exp of the prior mean of the log noise variance.
    pub noise_level: f64,
    pub mean: &'a Mean,
    pub points: PointsView<'a>,
    pub y: &'a [f64],
}

/// The variational posterior N(μ, Σ) of the log noise variance g at the measurements, and the bound it reaches.
///
/// y = f + ε, f ~ GP(mean, K_f), ε ~ N(0, exp g), g ~ GP(log noise level, K_g). With f integrated out exactly,
/// F = log N(y | mean, K_f + R) − ¼ tr Σ − KL(N(μ, Σ) ‖ p(g)) ≤ log p(y), R = exp(μ − ½ diag Σ) (Lázaro-Gredilla &
/// Titsias 2011, "Variational heteroscedastic Gaussian process regression", ICML). The best Gaussian has
/// Σ = (K_g⁻¹ + Λ)⁻¹ and μ = K_g (Λ − ½) 1 + log noise level with Λ diagonal and not negative, as they show.
#[derive(Debug, Clone, Default)]
pub(super) struct Variational {
    /// The diagonal of Λ.
    pub lambda: Vec<f64>,
    /// K_g⁻¹ (μ − log noise level), λ − ½ at the optimum.
    pub weights: Vec<f64>,
    /// Q of K_g and Λ.
    pub precision: SitePrecision,
    /// R.
    pub noise: Vec<f64>,
    /// The prior mean of f, profiled if it is constant or linear.
    pub mean: Mean,
    /// F, nats.
    pub bound: f64,
    /// Whether μ and Λ are stationary.
    pub converged: bool,
    /// Updates made.
    pub updates: usize,
    /// B⁻¹ of the precision, lower triangle, column-major.
    inverse: Vec<f64>,
    factor: Cholesky,
    alpha: Vec<f64>,
    /// ∂(log N + …)/∂μ: what the weights are at the optimum.
    slopes: Vec<f64>,
    /// How far the furthest variational parameter is from its stationary value, relative to one plus itself.
    gap: f64,
}

/// Where the search for the variational parameters may start.
#[derive(Debug, Clone)]
pub(super) struct Start {
    lambda: Vec<f64>,
    weights: Vec<f64>,
    /// Of these Λ; empty if not yet factored.
    precision: SitePrecision,
}

impl Start {
    /// Where a posterior stands, with what is known before its measurement for one more.
    pub fn grown(from: &Variational) -> Self {
        Self {
            lambda: from.lambda.iter().copied().chain([0.5]).collect(),
            weights: from.weights.iter().copied().chain([0.0]).collect(),
            precision: SitePrecision::default(),
        }
    }

    fn plain(n: usize) -> Self {
        Self {
            lambda: vec![0.5; n],
            weights: vec![0.0; n],
            precision: SitePrecision::default(),
        }
    }
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn along(from: &[f64], by: &[f64], length: f64) -> Vec<f64> {
    from.iter().zip(by).map(|(v, d)| v + length * d).collect()
}

fn relative(step: &[f64], at: &[f64]) -> f64 {
    let both = step.iter().zip(at);
    both.fold(0.0, |l, (s, at)| l.max(s.abs() / (1.0 + at.abs())))
}

impl Variational {
    /// Maximises F over μ and Σ for the model as it is, from `warm` (Λ and the weights of an earlier optimum) or Λ = ½.
    ///
    /// With S = K_f + R, α = S⁻¹(y − mean) and slopes sᵢ = ½ Rᵢ (αᵢ² − S⁻¹ᵢᵢ), F is stationary where
    /// K_g⁻¹(μ − log noise level) = s and Λ = s + ½. A natural-gradient step (Khan & Lin 2017, AISTATS) moves Λ
    /// towards s + ½ and μ by (K_g⁻¹ + Λ)⁻¹ times its gradient, much like Newton's method; it is halved until F does not
    /// fall.
    ///
    /// # Errors
    /// [`Error::NotPositiveDefinite`] if K_f + R has no factor even with jitter.
    pub fn find(model: &Model<'_>, profile: bool, warm: Option<&Start>) -> Result<Self> {
        let n = model.y.len();
        let covariance = covariance_matrix(model.noise_kernel, model.points)?;
        let mut work = Vec::new();
        let plain = || {
            Self::at(
                model,
                profile,
                &covariance,
                Start::plain(n),
                &mut Vec::new(),
            )
        };
        let mut best = match warm.filter(|warm| warm.lambda.len() == n) {
            Some(warm) => {
                let near = Self::at(model, profile, &covariance, warm.clone(), &mut work);
                near.or_else(|_| plain())?
            }
            None => plain()?,
        };
        let mut length = 1.0;
        for updates in 1..=MOST_UPDATES {
            if best.converged {
                break;
            }
            let (by_weight, by_lambda) = best.wanted();
            let slack = 1e-13 * (n as f64 + best.bound.abs());
            let pulled = multiply(&covariance, &by_weight);
            let mut next = None;
            while next.is_none() && length > SHORTEST {
                let lambda = along(&best.lambda, &by_lambda, length);
                let attempt = best.turned(&covariance, lambda, &by_weight, &pulled, length);
                next = attempt
                    .and_then(|start| Self::at(model, profile, &covariance, start, &mut work))
                    .ok()
                    .filter(|found| found.bound >= best.bound - slack);
                if next.is_none() {
                    length *= 0.5;
                }
            }
            let Some(found) = next else {
                break;
            };
            best = Self { updates, ..found };
            length = (2.0 * length).min(1.0);
        }
        Ok(best)
    }

    /// Works out again what follows from the Λ and the weights that [`Variational::find`] ended with, the mean as it is.
    ///
    /// # Errors
    /// As [`Variational::find`].
    pub fn restored(self, model: &Model<'_>) -> Result<Self> {
        let covariance = covariance_matrix(model.noise_kernel, model.points)?;
        let start = Start {
            lambda: self.lambda,
            weights: self.weights,
            precision: SitePrecision::default(),
        };
        let found = Self::at(model, false, &covariance, start, &mut Vec::new())?;
        Ok(Self {
            updates: self.updates,
            ..found
        })
    }

    /// By how much the weights, and Λ, are off their stationary values.
    fn wanted(&self) -> (Vec<f64>, Vec<f64>) {
        let lambda: Vec<f64> = self.slopes.iter().map(|s| (s + 0.5).max(0.0)).collect();
        (
            difference(&self.slopes, &self.weights),
            difference(&lambda, &self.lambda),
        )
    }

    /// The next Λ, and the weights moved by `length` times (I − Q K_g) of their gradient, Q from that Λ.
    fn turned(
        &self,
        covariance: &[f64],
        lambda: Vec<f64>,
        by_weight: &[f64],
        pulled: &[f64],
        length: f64,
    ) -> Result<Start> {
        let mut precision = SitePrecision::default();
        precision.refactor(covariance, &lambda)?;
        let turn = difference(by_weight, &precision.apply(pulled)?);
        Ok(Start {
            weights: along(&self.weights, &turn, length),
            lambda,
            precision,
        })
    }

    fn at(
        model: &Model<'_>,
        profile: bool,
        noise_covariance: &[f64],
        start: Start,
        work: &mut Vec<f64>,
    ) -> Result<Self> {
        let n = start.lambda.len();
        let mut found = Self {
            lambda: start.lambda,
            weights: start.weights,
            precision: start.precision,
            ..Self::default()
        };
        if found.precision.root.len() != n {
            found.precision.refactor(noise_covariance, &found.lambda)?;
        }
        found.precision.factor.inverse(&mut found.inverse, work);
        let variance = found
            .precision
            .posterior_variance(noise_covariance, &found.inverse)?;
        let moved = multiply(noise_covariance, &found.weights);
        let level = model.noise_level.ln();
        found.noise = moved
            .iter()
            .zip(&variance)
            .map(|(m, v)| (level + m - 0.5 * v).exp())
            .collect();
        if let Some(bad) = found.noise.iter().find(|r| !(0.0..=1e300).contains(*r)) {
            return Err(Error::argument("noise variance", bad, "finite variances"));
        }
        let noise = Noise::Known(found.noise.clone());
        let mut data = model.data(&noise);
        let factor = &mut found.factor;
        data.factor_into(model.kernel, factor)?;
        found.mean = if profile {
            data.profiled_mean(factor)?
        } else {
            model.mean.clone()
        };
        data.mean = &found.mean;
        found.alpha = data.whiten(factor)?;
        let fit = log_marginal_likelihood(factor, &found.alpha);
        factor.backward(&mut found.alpha)?;
        let mut inverse = Vec::new();
        factor.inverse(&mut inverse, work);
        found.slopes = (0..n)
            .map(|i| 0.5 * found.noise[i] * (found.alpha[i].powi(2) - inverse[i * n + i]))
            .collect();
        let spread: f64 = variance.iter().sum();
        let shrunk: f64 = (0..n).map(|i| 1.0 - found.inverse[i * n + i]).sum();
        let pull: f64 = found.weights.iter().zip(&moved).map(|(a, m)| a * m).sum();
        let divergence = 0.5 * (pull - shrunk + found.precision.log_determinant());
        found.bound = fit - 0.25 * spread - divergence;
        let (by_weight, by_lambda) = found.wanted();
        found.gap = relative(&by_weight, &found.weights).max(relative(&by_lambda, &found.lambda));
        found.converged = found.gap <= STILL;
        Ok(found)
    }

    /// The gradient of F at its maximum over Λ, by the log-parameters of K_f, of K_g, and the log noise level: only
    /// the explicit parts, since F is stationary in everything else.
    pub fn gradient(&self, model: &Model<'_>) -> Vec<f64> {
        let noise = Noise::Known(self.noise.clone());
        let mut gradient = GradientBuffers::default().gradient(
            model.kernel,
            &model.data(&noise),
            &self.factor,
            &self.alpha,
        );
        gradient.extend(kernel_gradient(
            model.noise_kernel,
            model.points,
            &self.weights,
            None,
            &self.precision,
            &mut self.inverse.clone(),
        ));
        gradient.push(self.weights.iter().sum());
        gradient
    }
}

impl<'a> Model<'a> {
    fn data(&self, noise: &'a Noise) -> Data<'a> {
        Data {
            points: self.points,
            targets: self.y,
            noise,
            mean: self.mean,
        }
    }
}

/// The bound as a function of the log-parameters of both kernels, then the log noise level; a constant or
/// linear mean is profiled.
pub(super) struct BoundEvidence<'a> {
    model: Model<'a>,
}

impl<'a> BoundEvidence<'a> {
    pub fn new(model: Model<'a>) -> Self {
        Self { model }
    }

    /// Kernel and noise kernel, and the noise level, at these coordinates.
    pub fn at(&self, coordinates: &[f64]) -> Result<([Box<dyn Kernel>; 2], f64)> {
        let mut kernel = self.model.kernel.clone_box();
        let mut noise_kernel = self.model.noise_kernel.clone_box();
        let first = kernel.parameter_count().min(coordinates.len());
        let (of_kernel, rest) = coordinates.split_at(first);
        kernel.set_log_parameters(of_kernel)?;
        let (of_noise, level) = rest.split_at(rest.len().saturating_sub(1));
        noise_kernel.set_log_parameters(of_noise)?;
        Ok(([kernel, noise_kernel], level.iter().sum::<f64>().exp()))
    }
}

impl Evidence for BoundEvidence<'_> {
    fn evaluator(&self) -> Box<dyn Evaluate + '_> {
        Box::new(BoundEvaluator {
            evidence: self,
            warm: None,
        })
    }
}

struct BoundEvaluator<'a> {
    evidence: &'a BoundEvidence<'a>,
    /// Where the last bound was tight: the next one is near.
    warm: Option<Start>,
}

impl Evaluate for BoundEvaluator<'_> {
    fn evaluate(&mut self, coordinates: &[f64]) -> Option<(f64, Vec<f64>)> {
        let ([kernel, noise_kernel], noise_level) = self.evidence.at(coordinates).ok()?;
        let model = Model {
            kernel: kernel.as_ref(),
            noise_kernel: noise_kernel.as_ref(),
            noise_level,
            ..self.evidence.model
        };
        let found = Variational::find(&model, true, self.warm.as_ref()).ok()?;
        // Short of convergence the gradient is off by about as much as the parameters are.
        if found.gap > 1e-4 {
            return None;
        }
        let gradient = found.gradient(&model);
        self.warm = Some(Start {
            lambda: found.lambda,
            weights: found.weights,
            precision: SitePrecision::default(),
        });
        Some((found.bound, gradient))
    }
}
