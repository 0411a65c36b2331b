//! Laplace's log marginal likelihood and its gradient.

use super::super::kernel::Kernel;
use super::super::mean::Mean;
use super::super::objective::{Evaluate, Evidence};
use super::super::points::PointsView;
use super::mode::{Mode, Target};
use super::{Likelihood, covariance_matrix, multiply};
use crate::error::Result;

/// Measurements and the model, borrowed for one evaluation.
#[derive(Clone, Copy)]
pub(super) struct Model<'a> {
    pub kernel: &'a dyn Kernel,
    pub likelihood: &'a Likelihood,
    pub mean: &'a Mean,
    pub points: PointsView<'a>,
    pub y: &'a [f64],
}

impl Model<'_> {
    /// K, row-major.
    ///
    /// Where a measurement is so precise that B = I + W½ K W½ would lose its identity to rounding (10¹⁰ times more
    /// than the prior knows), the function is granted a private variance of 10⁻¹³ n of its own at each measurement.
    pub fn covariance(&self) -> Result<Vec<f64>> {
        let n = self.y.len();
        let mut covariance = covariance_matrix(self.kernel, self.points)?;
        let sites = self.y.iter().enumerate();
        let precise = sites.filter_map(|(i, &y)| {
            let z = self.likelihood.explaining(i, y)?;
            let second = self.likelihood.derivatives(i, y, z).second;
            let weight = self.likelihood.safe_curvature(y, z, second);
            Some(weight * covariance[i * n + i])
        });
        if precise.fold(0.0, f64::max) > 1e10 {
            for i in 0..n {
                covariance[i * n + i] *= 1.0 + 1e-13 * n as f64;
            }
        }
        Ok(covariance)
    }

    pub fn mode(&self, covariance: &[f64], warm: Option<&[f64]>) -> Result<Mode> {
        let mean = self.mean.values(self.points)?;
        Mode::find(&self.target(covariance, &mean), warm)
    }

    /// What the mode depends on, for the prior `mean` at each measurement.
    pub fn target<'t>(&'t self, covariance: &'t [f64], mean: &'t [f64]) -> Target<'t> {
        Target {
            likelihood: self.likelihood,
            y: self.y,
            covariance,
            mean,
        }
    }

    /// The gradient by the kernel's log-parameters, the likelihood's, then the constant mean if there is one.
    ///
    /// With a = K⁻¹(f̂ − mean), s = ½ diag(Σ) ∂³ log p/∂f³ (how the determinant follows the mode) and
    /// u = (I − Q K) s, the derivative by a parameter of the kernel is Σᵢⱼ (½ (aᵢaⱼ − Qᵢⱼ) + uᵢ aⱼ) ∂Kᵢⱼ, in one pass
    /// over the lower triangle; by a parameter of the likelihood Σᵢ (∂ log pᵢ + ½ Σᵢᵢ ∂(∂² log pᵢ) +
    /// (K u)ᵢ ∂(∂ log pᵢ)); by the mean Σᵢ (aᵢ + uᵢ). Rasmussen & Williams (2006), algorithm 5.1 and eq. 5.21–5.24,
    /// here with Q of any sign of W.
    pub fn gradient(&self, covariance: &[f64], mode: &Mode) -> Result<Vec<f64>> {
        let n = self.y.len();
        let (mut inverse, mut work) = (Vec::new(), Vec::new());
        mode.precision.factor.inverse(&mut inverse, &mut work);
        let variance = mode.precision.posterior_variance(covariance, &inverse)?;
        let sites = self.y.iter().zip(&mode.latent).zip(&variance).enumerate();
        let follow: Vec<f64> = sites
            .map(|(i, ((&y, &f), v))| 0.5 * v * self.likelihood.derivatives(i, y, f).third)
            .collect();
        let pulled = mode.precision.apply(&multiply(covariance, &follow))?;
        let implicit: Vec<f64> = follow.iter().zip(&pulled).map(|(s, p)| s - p).collect();

        let mut gradient = kernel_gradient(
            self.kernel,
            self.points,
            &mode.weights,
            Some(&implicit),
            &mode.precision,
            &mut inverse,
        );
        let mut of_likelihood = vec![0.0; self.likelihood.parameters().len()];
        if !of_likelihood.is_empty() {
            let spread = multiply(covariance, &implicit);
            for i in 0..n {
                self.likelihood.accumulate_parameter_gradient(
                    self.y[i],
                    mode.latent[i],
                    &mut of_likelihood,
                    |d| d.log_density + 0.5 * variance[i] * d.second + spread[i] * d.first,
                );
            }
            gradient.extend(of_likelihood);
        }
        if let Mean::Constant(_) = self.mean {
            gradient.push(mode.weights.iter().sum::<f64>() + implicit.iter().sum::<f64>());
        }
        Ok(gradient)
    }
}

/// Σᵢⱼ (½ (aᵢaⱼ − Qᵢⱼ) + uᵢ aⱼ) ∂Kᵢⱼ/∂log θ for every parameter; `inverse` holds the lower triangle of B⁻¹,
/// column-major, and is overwritten.
pub(super) fn kernel_gradient(
    kernel: &dyn Kernel,
    points: PointsView<'_>,
    weights: &[f64],
    implicit: Option<&[f64]>,
    precision: &super::site_precision::SitePrecision,
    inverse: &mut [f64],
) -> Vec<f64> {
    let n = weights.len();
    let root = &precision.root;
    let mut gradient = vec![0.0; kernel.parameter_count()];
    let mut point = Vec::with_capacity(points.dimension());
    for j in 0..n {
        let column = &mut inverse[j * n..][j..n];
        for (q, r) in column.iter_mut().zip(&root[j..]) {
            *q *= root[j] * r;
        }
        for downdate in precision.downdates() {
            for (q, m) in column.iter_mut().zip(&downdate[j..]) {
                *q -= downdate[j] * m;
            }
        }
        for (q, a) in column.iter_mut().zip(&weights[j..]) {
            *q = weights[j] * a - *q;
        }
        if let Some(u) = implicit {
            for ((q, a), other) in column.iter_mut().zip(&weights[j..]).zip(&u[j..]) {
                *q += u[j] * a + weights[j] * other;
            }
        }
        // Entries below the diagonal stand for two; the one on it for one half of that.
        column[0] *= 0.5;
        points.copy_point(j, &mut point);
        kernel.accumulate_gradient(&point, points.range(j, n), column, &mut gradient);
    }
    gradient
}

/// The evidence as a function of the log-parameters of kernel and likelihood, then the constant mean if there is one.
pub(super) struct LaplaceEvidence<'a> {
    model: Model<'a>,
}

impl<'a> LaplaceEvidence<'a> {
    pub fn new(model: Model<'a>) -> Self {
        Self { model }
    }

    /// Kernel, likelihood and mean at these coordinates.
    pub fn at(&self, coordinates: &[f64]) -> Result<(Box<dyn Kernel>, Likelihood, Mean)> {
        let mut kernel = self.model.kernel.clone_box();
        let of_kernel = kernel.parameter_count().min(coordinates.len());
        let (of_kernel, rest) = coordinates.split_at(of_kernel);
        let of_likelihood = self.model.likelihood.parameters().len().min(rest.len());
        let (of_likelihood, rest) = rest.split_at(of_likelihood);
        kernel.set_log_parameters(of_kernel)?;
        let likelihood = self.model.likelihood.with_log_parameters(of_likelihood)?;
        let mean = match (self.model.mean, rest) {
            (Mean::Constant(_), [value]) => Mean::Constant(*value),
            (mean, _) => mean.clone(),
        };
        Ok((kernel, likelihood, mean))
    }
}

impl Evidence for LaplaceEvidence<'_> {
    fn evaluator(&self) -> Box<dyn Evaluate + '_> {
        Box::new(LaplaceEvaluator {
            evidence: self,
            warm: None,
        })
    }
}

struct LaplaceEvaluator<'a> {
    evidence: &'a LaplaceEvidence<'a>,
    /// Weights of the last mode: the next one is near.
    warm: Option<Vec<f64>>,
}

impl Evaluate for LaplaceEvaluator<'_> {
    fn evaluate(&mut self, coordinates: &[f64]) -> Option<(f64, Vec<f64>)> {
        let (kernel, likelihood, mean) = self.evidence.at(coordinates).ok()?;
        let model = Model {
            kernel: kernel.as_ref(),
            likelihood: &likelihood,
            mean: &mean,
            ..self.evidence.model
        };
        let covariance = model.covariance().ok()?;
        let mode = model.mode(&covariance, self.warm.as_deref()).ok()?;
        if !mode.converged {
            return None;
        }
        let gradient = model.gradient(&covariance, &mode).ok()?;
        let value = mode.log_marginal_likelihood;
        self.warm = Some(mode.weights);
        Some((value, gradient))
    }
}
