//! Gaussian processes of a million measurements, read in minibatches.

use super::inducing::InducingPoints;
use super::observation::Observation;
use super::posterior::SparsePosterior;
use super::process::Process;
use super::saved_stochastic::StochasticParts;
use super::training::StochasticReport;
use crate::error::Result;
use crate::gp::Likelihood;
use crate::gp::exact::parameters;
use crate::gp::kernel::{Kernel, Parameter, boxed};
use crate::gp::mean::Mean;
use crate::gp::noise::Noise;
use crate::gp::points::Points;
use crate::gp::surrogate::{Joint, Marginals, Surrogate};
use ndarray::ArrayView2;
use serde::Deserialize;

/// A Gaussian process trained on minibatches: time O(M³ + b M²) a step of b measurements whatever their total, memory
/// O(M²) besides the measurements, which stay with the caller.
///
/// The same bound as [`SparseGp`](super::SparseGp)'s with the belief q(u) about the inducing values kept explicit, so
/// that it is a sum over measurements: Σ E_q[log p(yᵢ | fᵢ)] − KL(q(u) ‖ p(u)). Hensman, Fusi & Lawrence (2013),
/// "Gaussian processes for big data", UAI; Hensman, Matthews & Ghahramani (2015), AISTATS, for other likelihoods. The
/// belief follows natural gradients (Salimbeni, Eleftheriadis & Hensman 2018, AISTATS), hyper-parameters and inducing
/// points follow Adam, both in whitened coordinates.
///
/// ```
/// use dosewise::gp::{InducingPoints, Kernel, Matern52, Noise, StochasticGp, StochasticOptions};
/// use ndarray::{Array2, array};
/// use std::ops::ControlFlow;
///
/// let x = Array2::from_shape_fn((4000, 1), |(i, _)| i as f64 / 4000.0);
/// let y: Vec<f64> = x.iter().map(|x| (6.0 * x).sin()).collect();
/// let kernel = Matern52::isotropic(0.3).scaled(1.0);
/// let mut gp = StochasticGp::new(kernel, Noise::Homoscedastic(0.01), InducingPoints::greedy(20));
/// let options = StochasticOptions { epochs: 2, ..StochasticOptions::default() };
/// gp.train(&x, &y, &options, &mut |_| ControlFlow::Continue(()))?;
/// assert!((gp.posterior_mean(&array![[0.5]])?[0] - 3.0_f64.sin()).abs() < 0.02);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "StochasticParts")]
pub struct StochasticGp {
    pub(super) placement: InducingPoints,
    pub(super) observation: Observation,
    pub(super) process: Process,
    pub(super) report: Option<StochasticReport>,
}

impl StochasticGp {
    /// The prior: a kernel, Gaussian noise (shared, or a known **variance** a measurement), mean zero, and how the
    /// inducing points are found when training begins.
    pub fn new(kernel: impl Kernel, noise: Noise, inducing: InducingPoints) -> Self {
        Self::observed(boxed(kernel), Observation::Gaussian(noise), inducing)
    }

    /// The prior of a latent function behind counts or labels; training refuses a Student-t, which is not log-concave.
    pub fn with_likelihood(
        kernel: impl Kernel,
        likelihood: Likelihood,
        inducing: InducingPoints,
    ) -> Self {
        Self::observed(boxed(kernel), Observation::Behind(likelihood), inducing)
    }

    fn observed(
        kernel: Box<dyn Kernel>,
        observation: Observation,
        placement: InducingPoints,
    ) -> Self {
        Self {
            placement,
            observation,
            process: Process::prior(kernel, Mean::Zero),
            report: None,
        }
    }

    /// Sets the prior mean; it forgets what was learned. Training moves a [`Mean::Constant`] together with the
    /// hyper-parameters, from the average of the measurements, and refuses [`Mean::Linear`]; a
    /// [`Linear`](crate::gp::Linear) kernel does instead.
    pub fn with_mean(self, mean: Mean) -> Self {
        Self {
            process: Process::prior(self.process.kernel, mean),
            report: None,
            ..self
        }
    }

    /// Mean and variance of the latent function at the rows of `points` (m × d), and from there of counts and labels;
    /// never allocates m × m.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) if a coordinate is not finite or the dimension differs from the
    /// measurements'.
    pub fn posterior<'p>(
        &self,
        points: impl Into<ArrayView2<'p, f64>>,
    ) -> Result<SparsePosterior<'_>> {
        self.process.posterior(points.into(), self.likelihood())
    }

    /// The posterior mean alone, O(M m).
    ///
    /// # Errors
    /// As [`StochasticGp::posterior`].
    pub fn posterior_mean<'p>(&self, points: impl Into<ArrayView2<'p, f64>>) -> Result<Vec<f64>> {
        self.process.posterior_mean(points.into())
    }

    /// The hyper-parameters: the kernel's, then the noise variance if it is shared.
    pub fn parameters(&self) -> Vec<Parameter> {
        match self.observation.noise() {
            Some(noise) => parameters(self.kernel(), noise),
            None => self.kernel().parameters(),
        }
    }

    /// The covariance function, with its present hyper-parameters.
    pub fn kernel(&self) -> &dyn Kernel {
        self.process.kernel.as_ref()
    }

    /// The noise model, with its present **variances**; `None` behind a likelihood.
    pub fn noise(&self) -> Option<&Noise> {
        self.observation.noise()
    }

    /// The likelihood; `None` where the noise is Gaussian.
    pub fn likelihood(&self) -> Option<&Likelihood> {
        match &self.observation {
            Observation::Gaussian(_) => None,
            Observation::Behind(likelihood) => Some(likelihood),
        }
    }

    /// The prior mean.
    pub fn mean(&self) -> &Mean {
        &self.process.mean
    }

    /// The inducing points; none before training.
    pub fn inducing_points(&self) -> &Points {
        &self.process.inducing
    }

    /// What was added to the diagonal of the covariance of the inducing points, see [`SparseGp::jitter`](super::SparseGp::jitter).
    pub fn jitter(&self) -> f64 {
        self.process.jitter
    }

    /// How the last training ended; `None` before the first.
    pub fn training_report(&self) -> Option<&StochasticReport> {
        self.report.as_ref()
    }
}

impl Surrogate for StochasticGp {
    fn dimension(&self) -> usize {
        self.process.inducing.dimension()
    }

    fn marginals(&self, points: ArrayView2<'_, f64>) -> Result<Marginals> {
        Ok(self.posterior(points)?.into_marginals())
    }

    fn joint(&self, points: ArrayView2<'_, f64>) -> Result<Joint> {
        self.process.joint(points)
    }
}
