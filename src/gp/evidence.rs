//! The log marginal likelihood and its gradient: what hyper-parameters are fitted by.

use super::kernel::Kernel;
use super::mean::Mean;
use super::noise::Noise;
use super::points::PointsView;
use crate::error::{Error, Result};
use crate::linalg::Cholesky;

/// Measurements and the model of their noise and mean, borrowed for one evaluation.
#[derive(Clone, Copy)]
pub(super) struct Data<'a> {
    pub points: PointsView<'a>,
    pub targets: &'a [f64],
    pub noise: &'a Noise,
    pub mean: Mean,
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
        let value = self.mean.value();
        let mut whitened: Vec<f64> = self.targets.iter().map(|y| y - value).collect();
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

    /// The generalised least-squares constant mean 1ᵀK⁻¹y / 1ᵀK⁻¹1.
    pub fn least_squares_mean(&self, factor: &Cholesky) -> Result<f64> {
        let mut ones = vec![1.0; self.targets.len()];
        factor.solve(&mut ones)?;
        let numerator: f64 = ones.iter().zip(self.targets).map(|(w, y)| w * y).sum();
        Ok(numerator / ones.iter().sum::<f64>())
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
            for (w, a) in weights.iter_mut().zip(&alpha[j..]) {
                *w = alpha[j] * a - *w;
            }
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
}
