//! The log marginal likelihood and its gradient: what hyper-parameters are fitted by.

use super::kernel::Kernel;
use super::least_squares::least_squares;
use super::mean::Mean;
use super::noise::Noise;
use super::objective::{Evaluate, Evidence};
use super::points::{Points, PointsView};
use crate::error::{Error, Result};
use crate::linalg::Cholesky;
use crate::vector::vectorised;
use ndarray::Array2;

/// Measurements and the model of their noise and mean, borrowed for one evaluation.
#[derive(Clone, Copy)]
pub(super) struct Data<'a> {
    pub points: PointsView<'a>,
    pub targets: &'a [f64],
    pub noise: &'a Noise,
    pub mean: &'a Mean,
}

/// Some of the measurements.
pub(super) struct Chosen<'a> {
    points: Points,
    targets: Vec<f64>,
    noise: Noise,
    mean: &'a Mean,
}

impl<'a> Chosen<'a> {
    pub fn from(data: &Data<'a>, indices: &[usize]) -> Self {
        Self {
            points: Points::select(data.points, indices),
            targets: indices.iter().map(|&i| data.targets[i]).collect(),
            noise: match data.noise {
                Noise::Known(all) => Noise::Known(indices.iter().map(|&i| all[i]).collect()),
                shared => shared.clone(),
            },
            mean: data.mean,
        }
    }

    pub fn data(&self) -> Data<'_> {
        Data {
            points: self.points.view(),
            targets: &self.targets,
            noise: &self.noise,
            mean: self.mean,
        }
    }
}

impl Data<'_> {
    /// Factors K + noise into `factor`.
    pub fn factor_into(&self, kernel: &dyn Kernel, factor: &mut Cholesky) -> Result<()> {
        let mut point = Vec::with_capacity(self.points.dimension());
        factor.refactor(self.points.len(), &mut |j, column| {
            self.points.copy_point(j, &mut point);
            let below = self.points.range(j, self.points.len());
            kernel.covariances(&point, below, column);
            column[0] += self.noise.variance(j).unwrap_or(f64::NAN);
        })
    }

    /// L⁻¹ (y − mean).
    pub fn whiten(&self, factor: &Cholesky) -> Result<Vec<f64>> {
        let mut whitened = self.residuals(self.mean)?;
        factor.forward(&mut whitened)?;
        match whitened.iter().find(|w| !w.is_finite()) {
            None => Ok(whitened),
            Some(_) => Err(Error::argument(
                "y",
                "values whose misfit to the model overflows",
                "values of a size the kernel and the noise can explain",
            )),
        }
    }

    /// The mean with its generalised least-squares coefficients, where it is one that a fit estimates.
    pub fn profiled_mean(&self, factor: &Cholesky) -> Result<Mean> {
        self.estimated_mean(|column| factor.forward(column))
    }

    /// y − mean, with the mean at its ordinary least-squares coefficients where it is one that a fit estimates.
    pub fn ordinary_residuals(&self) -> Result<Vec<f64>> {
        self.residuals(&self.estimated_mean(|_| Ok(()))?)
    }

    /// The mean whose coefficients solve the least-squares problem after `whiten` was applied to both sides.
    /// Whitening may change the length of what it is given.
    pub fn estimated_mean(&self, whiten: impl Fn(&mut Vec<f64>) -> Result<()>) -> Result<Mean> {
        if !self.mean.is_profiled() {
            return Ok(self.mean.clone());
        }
        let mut columns = self.mean.regressors(self.points);
        let mut target = self.targets.to_vec();
        columns.iter_mut().try_for_each(&whiten)?;
        whiten(&mut target)?;
        let coefficients = least_squares(&columns, &target);
        let estimate = self.mean.with_coefficients(self.points, &coefficients);
        estimate.check(self.points.dimension())?;
        Ok(estimate)
    }

    /// y − mean.
    pub fn residuals(&self, mean: &Mean) -> Result<Vec<f64>> {
        let expected = mean.values(self.points)?;
        Ok(self
            .targets
            .iter()
            .zip(expected)
            .map(|(y, m)| y - m)
            .collect())
    }
}

/// −½ zᵀz − ½ log det K − (n/2) log 2π with z = L⁻¹(y − mean); Rasmussen & Williams (2006), eq. 2.30.
pub(super) fn log_marginal_likelihood(factor: &Cholesky, whitened: &[f64]) -> f64 {
    let misfit: f64 = whitened.iter().map(|z| z * z).sum();
    let normalisation = factor.size() as f64 * std::f64::consts::TAU.ln();
    -0.5 * (misfit + factor.log_determinant() + normalisation)
}

/// Buffers for gradients, kept between the steps of a fit.
#[derive(Default)]
pub(super) struct GradientBuffers {
    inverse: Vec<f64>,
    work: Vec<f64>,
}

impl GradientBuffers {
    /// The gradient with respect to the kernel's log-parameters, then to the log noise variance if it is shared.
    ///
    /// ½ Σᵢⱼ (αᵢ αⱼ − (K⁻¹)ᵢⱼ) ∂Kᵢⱼ/∂θ (Rasmussen & Williams 2006, eq. 5.9), in one pass over the lower triangle
    /// that turns each column of K⁻¹ into weights and hands them to the kernel: no derivative matrix is stored.
    /// `alpha` is K⁻¹(y − mean). A profiled mean adds no term, since it maximises the likelihood.
    pub fn gradient(
        &mut self,
        kernel: &dyn Kernel,
        data: &Data<'_>,
        factor: &Cholesky,
        alpha: &[f64],
    ) -> Vec<f64> {
        let n = factor.size();
        let kernel_parameters = kernel.parameter_count();
        let mut gradient = vec![0.0; kernel_parameters];
        let mut trace = 0.0;
        factor.inverse(&mut self.inverse, &mut self.work);
        let mut point = Vec::with_capacity(data.points.dimension());
        for j in 0..n {
            let weights = &mut self.inverse[j * n..][j..n];
            vectorised(
                #[inline(always)]
                || {
                    for (w, a) in weights.iter_mut().zip(&alpha[j..]) {
                        *w = alpha[j] * a - *w;
                    }
                },
            );
            // Entries below the diagonal stand for two; the one on it for one half of that.
            weights[0] *= 0.5;
            trace += weights[0];
            data.points.copy_point(j, &mut point);
            let below = data.points.range(j, n);
            kernel.accumulate_gradient(&point, below, weights, &mut gradient);
        }
        if let Noise::Homoscedastic(variance) = data.noise {
            gradient.push(trace * variance);
        }
        gradient
    }

    /// After [`GradientBuffers::gradient`] of n measurements: the derivative by the noise **variance** of each,
    /// ½ (αᵢ² − (K⁻¹)ᵢᵢ).
    pub fn diagonal(&self, n: usize) -> impl Iterator<Item = f64> + '_ {
        (0..n).map(move |i| self.inverse[i * n + i])
    }

    /// The gradient with respect to every coordinate of every point (n × d), from the weights that
    /// [`GradientBuffers::gradient`] left behind for the same kernel and points.
    ///
    /// A point meets every other one twice in Σᵢⱼ, once on each side, which cancels the ½; with itself only once.
    pub fn by_points(&self, kernel: &dyn Kernel, points: PointsView<'_>) -> Array2<f64> {
        let n = points.len();
        let mut gradient = Array2::zeros((n, points.dimension()));
        let (mut point, mut weights) = (Vec::new(), vec![0.0; n]);
        for (i, mut slopes) in gradient.rows_mut().into_iter().enumerate() {
            for (j, weight) in weights.iter_mut().enumerate() {
                *weight = self.inverse[i.min(j) * n + i.max(j)];
            }
            let own = std::mem::take(&mut weights[i]);
            points.copy_point(i, &mut point);
            let slopes = slopes.as_slice_mut().expect("rows of a new array");
            kernel.accumulate_input_gradient(&point, points, &weights, slopes);
            kernel.accumulate_variance_gradient(&point, own, slopes);
        }
        gradient
    }
}

/// The evidence of an exact process as a function of the kernel's log-parameters, then the log noise variance if it
/// is shared; a constant or linear mean is profiled.
pub(super) struct ExactEvidence<'a> {
    kernel: &'a dyn Kernel,
    data: Data<'a>,
    part: Option<&'a ExactEvidence<'a>>,
}

impl<'a> ExactEvidence<'a> {
    pub fn new(kernel: &'a dyn Kernel, data: Data<'a>) -> Self {
        Self {
            kernel,
            data,
            part: None,
        }
    }

    /// Knows the evidence of a part of the same data.
    pub fn with_part(self, part: Option<&'a ExactEvidence<'a>>) -> Self {
        Self { part, ..self }
    }

    /// Kernel and noise with these log-parameters.
    pub fn model(&self, log_parameters: &[f64]) -> Result<(Box<dyn Kernel>, Noise)> {
        let mut kernel = self.kernel.clone_box();
        match (self.data.noise, log_parameters.split_last()) {
            (Noise::Homoscedastic(_), Some((noise, rest))) => {
                kernel.set_log_parameters(rest)?;
                Ok((kernel, Noise::Homoscedastic(noise.exp())))
            }
            (noise, _) => {
                kernel.set_log_parameters(log_parameters)?;
                Ok((kernel, noise.clone()))
            }
        }
    }
}

impl Evidence for ExactEvidence<'_> {
    fn evaluator(&self) -> Box<dyn Evaluate + '_> {
        Box::new(ExactEvaluator {
            evidence: self,
            factor: Cholesky::default(),
            gradients: GradientBuffers::default(),
        })
    }

    fn measurements(&self) -> Option<usize> {
        Some(self.data.targets.len())
    }

    fn part(&self) -> Option<&dyn Evidence> {
        self.part.map(|part| part as &dyn Evidence)
    }
}

/// Keeps the n × n buffers between the steps of a search.
struct ExactEvaluator<'a> {
    evidence: &'a ExactEvidence<'a>,
    factor: Cholesky,
    gradients: GradientBuffers,
}

impl Evaluate for ExactEvaluator<'_> {
    fn evaluate(&mut self, log_parameters: &[f64]) -> Option<(f64, Vec<f64>)> {
        let (kernel, noise) = self.evidence.model(log_parameters).ok()?;
        let factor = &mut self.factor;
        let mut data = Data {
            noise: &noise,
            ..self.evidence.data
        };
        data.factor_into(kernel.as_ref(), factor).ok()?;
        let mean = data.profiled_mean(factor).ok()?;
        data.mean = &mean;
        let mut alpha = data.whiten(factor).ok()?;
        let likelihood = log_marginal_likelihood(factor, &alpha);
        factor.backward(&mut alpha).ok()?;
        let gradients = &mut self.gradients;
        let gradient = gradients.gradient(kernel.as_ref(), &data, factor, &alpha);
        Some((likelihood, gradient))
    }
}
