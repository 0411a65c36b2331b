//! Exact Gaussian-process regression that grows by one measurement at a time.

use super::candidates::Tracked;
use super::evidence::{Data, GradientBuffers, log_marginal_likelihood};
use super::fit::{FitOptions, FitReport};
use super::kernel::{Kernel, Parameter, boxed};
use super::mean::Mean;
use super::measured::measured_places;
use super::noise::Noise;
use super::points::Points;
use super::posterior::{Posterior, add_weighted_covariances};
use super::saved::Parts;
use super::slopes::{joint_gradient, slopes_at_one};
use super::surrogate::{Joint, Marginals, Slopes, Surrogate, check_dimension};
use crate::error::{Error, Result};
use crate::linalg::Cholesky;
use ndarray::{Array2, ArrayView2};
use serde::Deserialize;
use std::ops::Range;
use std::sync::OnceLock;

/// A Gaussian process conditioned exactly on all measurements; memory n², time n³/3 once and n²/2 a measurement.
///
/// Model: y = f(x) + ε with f ~ GP(mean, kernel) and ε ~ N(0, noise variance). Before any measurement it is the
/// prior, and can be grown from there. Rasmussen & Williams (2006), chapter 2.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Parts")]
pub struct ExactGp {
    pub(super) kernel: Box<dyn Kernel>,
    pub(super) noise: Noise,
    pub(super) mean: Mean,
    pub(super) points: Points,
    pub(super) targets: Vec<f64>,
    pub(super) factor: Cholesky,
    /// L⁻¹ (y − mean).
    pub(super) whitened: Vec<f64>,
    /// K⁻¹ (y − mean), computed when first asked for.
    pub(super) alpha: OnceLock<Vec<f64>>,
    pub(super) report: Option<FitReport>,
}

impl ExactGp {
    /// The prior: a kernel, a noise model and mean zero.
    pub fn new(kernel: impl Kernel, noise: Noise) -> Self {
        Self {
            kernel: boxed(kernel),
            noise,
            mean: Mean::Zero,
            points: Points::default(),
            targets: Vec::new(),
            factor: Cholesky::default(),
            whitened: Vec::new(),
            alpha: OnceLock::new(),
            report: None,
        }
    }

    /// Sets the prior mean. Call it before conditioning, it forgets measurements.
    pub fn with_mean(self, mean: Mean) -> Self {
        Self {
            mean,
            points: Points::default(),
            targets: Vec::new(),
            factor: Cholesky::default(),
            whitened: Vec::new(),
            alpha: OnceLock::new(),
            report: None,
            ..self
        }
    }

    /// Conditions on n measurements `y` at the rows of `x` (n × d), hyper-parameters as they are.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no measurement, shapes differ, a number is not finite, the noise has not one
    /// variance each, or the kernel does not suit the dimension; [`Error::NotPositiveDefinite`] if the covariance
    /// has no factor even with jitter.
    pub fn condition<'x>(mut self, x: impl Into<ArrayView2<'x, f64>>, y: &[f64]) -> Result<Self> {
        self.take(x.into(), y)?;
        self.refactor()?;
        Ok(self)
    }

    /// Conditions on measurements as [`ExactGp::condition`] and chooses the hyper-parameters that maximise the log
    /// marginal likelihood (plus log priors, if given). Starts from the present hyper-parameters and from
    /// `options.restarts` others. How the search ended is in [`ExactGp::fit_report`]; not having converged is no error.
    ///
    /// # Errors
    /// As [`ExactGp::condition`], and [`Error::Argument`] for unusable options.
    pub fn fit<'x>(
        mut self,
        x: impl Into<ArrayView2<'x, f64>>,
        y: &[f64],
        options: &FitOptions,
    ) -> Result<Self> {
        self.take(x.into(), y)?;
        self.refit(options)?;
        Ok(self)
    }

    /// Chooses the hyper-parameters anew for the measurements at hand, see [`ExactGp::fit`].
    ///
    /// # Errors
    /// As [`ExactGp::fit`]; also [`Error::Argument`] if there is no measurement.
    pub fn refit(&mut self, options: &FitOptions) -> Result<()> {
        if self.targets.is_empty() {
            return Err(Error::argument("y", "no measurement", "at least one"));
        }
        let found = options.search(self.kernel.as_ref(), &self.data())?;
        let kernel = std::mem::replace(&mut self.kernel, found.kernel);
        let noise = std::mem::replace(&mut self.noise, found.noise);
        if let Err(error) = self.refactor() {
            (self.kernel, self.noise) = (kernel, noise);
            self.refactor()?;
            return Err(error);
        }
        if self.mean.is_profiled() {
            self.mean = self.data().profiled_mean(&self.factor)?;
            self.rewhiten()?;
        }
        self.report = Some(found.report);
        Ok(())
    }

    /// Mean and variance of the latent function at the rows of `points` (m × d); never allocates m × m.
    ///
    /// # Errors
    /// [`Error::Argument`] if a coordinate is not finite or the dimension differs from the measurements'.
    pub fn posterior<'p>(&self, points: impl Into<ArrayView2<'p, f64>>) -> Result<Posterior<'_>> {
        Posterior::new(self, self.places("points", points.into())?)
    }

    /// The posterior mean alone, O(n m): much cheaper than with the variance.
    ///
    /// # Errors
    /// As [`ExactGp::posterior`].
    pub fn posterior_mean<'p>(&self, points: impl Into<ArrayView2<'p, f64>>) -> Result<Vec<f64>> {
        let places = self.places("points", points.into())?;
        let mut mean = self.mean.values(places.view())?;
        add_weighted_covariances(self, self.alpha(), places.view(), &mut mean);
        Ok(mean)
    }

    /// Attaches a fixed set of candidates (m × d), whose posterior is then kept up to date at O(n m) a measurement.
    ///
    /// # Errors
    /// As [`ExactGp::posterior`].
    pub fn track<'p>(self, candidates: impl Into<ArrayView2<'p, f64>>) -> Result<Tracked> {
        let places = self.places("candidates", candidates.into())?;
        Tracked::new(self, places)
    }

    /// Log density of the measurements, in nats (mean as it is).
    pub fn log_marginal_likelihood(&self) -> f64 {
        log_marginal_likelihood(&self.factor, &self.whitened)
    }

    /// Gradient of the log marginal likelihood with respect to the natural logarithms of [`ExactGp::parameters`],
    /// the mean held fixed. Costs about n³ multiplications.
    pub fn log_marginal_likelihood_gradient(&self) -> Vec<f64> {
        GradientBuffers::default().gradient(
            self.kernel.as_ref(),
            &self.data(),
            &self.factor,
            self.alpha(),
        )
    }

    /// The fitted hyper-parameters: the kernel's, then the noise variance if it is shared.
    pub fn parameters(&self) -> Vec<Parameter> {
        parameters(self.kernel.as_ref(), &self.noise)
    }

    /// Number of measurements.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// Whether there is no measurement.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// Where was measured.
    pub fn points(&self) -> &Points {
        &self.points
    }

    /// What was measured.
    pub fn targets(&self) -> &[f64] {
        &self.targets
    }

    /// The covariance function, with its present hyper-parameters.
    pub fn kernel(&self) -> &dyn Kernel {
        self.kernel.as_ref()
    }

    /// The noise model, with its present **variances**.
    pub fn noise(&self) -> &Noise {
        &self.noise
    }

    /// The prior mean.
    pub fn mean(&self) -> &Mean {
        &self.mean
    }

    /// What was added to the diagonal of the covariance to factor it; zero in ordinary cases.
    pub fn jitter(&self) -> f64 {
        self.factor.jitter()
    }

    /// How the last fit ended; `None` if the hyper-parameters are as given.
    pub fn fit_report(&self) -> Option<&FitReport> {
        self.report.as_ref()
    }

    pub(super) fn alpha(&self) -> &[f64] {
        self.alpha.get_or_init(|| {
            let mut alpha = self.whitened.clone();
            self.factor
                .backward(&mut alpha)
                .expect("one whitened target for each row of the factor");
            alpha
        })
    }

    pub(super) fn data(&self) -> Data<'_> {
        Data {
            points: self.points.view(),
            targets: &self.targets,
            noise: &self.noise,
            mean: &self.mean,
        }
    }

    /// Checks and stores measurements, leaving the factor to be made.
    fn take(&mut self, x: ArrayView2<'_, f64>, y: &[f64]) -> Result<()> {
        let points = measured_places(x, y, &[self.kernel.as_ref()], &self.mean)?;
        self.noise.check(y.len())?;
        y.iter().try_for_each(|&value| check_target(value))?;
        self.points = points;
        self.targets = y.to_vec();
        Ok(())
    }

    pub(super) fn places(&self, argument: &str, rows: ArrayView2<'_, f64>) -> Result<Points> {
        let places = Points::from_rows(argument, rows)?;
        check_dimension(argument, places.dimension(), self.points.dimension())?;
        self.mean.check(places.dimension())?;
        self.kernel.check_points(places.view())?;
        Ok(places)
    }

    pub(super) fn refactor(&mut self) -> Result<()> {
        let mut factor = std::mem::take(&mut self.factor);
        let outcome = self.data().factor_into(self.kernel.as_ref(), &mut factor);
        self.factor = factor;
        outcome?;
        self.rewhiten()
    }

    pub(super) fn rewhiten(&mut self) -> Result<()> {
        self.whitened = self.data().whiten(&self.factor)?;
        self.alpha = OnceLock::new();
        Ok(())
    }
}

impl Surrogate for ExactGp {
    fn dimension(&self) -> usize {
        self.points.dimension()
    }

    fn marginals(&self, points: ArrayView2<'_, f64>) -> Result<Marginals> {
        Ok(self.posterior(points)?.into_marginals())
    }

    fn joint(&self, points: ArrayView2<'_, f64>) -> Result<Joint> {
        let posterior = self.posterior(points)?;
        let covariance = posterior.covariance()?;
        let mean = posterior.into_marginals().mean;
        Ok(Joint { mean, covariance })
    }

    fn slopes(&self, point: &[f64]) -> Result<Slopes> {
        slopes_at_one(self, point)
    }

    fn joint_gradient(
        &self,
        points: ArrayView2<'_, f64>,
        moving: Range<usize>,
        by_mean: &[f64],
        by_covariance: ArrayView2<'_, f64>,
    ) -> Result<Array2<f64>> {
        joint_gradient(self, points, moving, by_mean, by_covariance)
    }
}

/// The kernel's hyper-parameters, then the shared noise variance if there is one.
pub(super) fn parameters(kernel: &dyn Kernel, noise: &Noise) -> Vec<Parameter> {
    let mut parameters = kernel.parameters();
    parameters.extend(noise.parameter());
    parameters
}

pub(super) fn check_target(value: f64) -> Result<()> {
    if value.abs() <= 1e150 {
        return Ok(());
    }
    Err(Error::argument(
        "y",
        value,
        "finite numbers up to 1e150 in magnitude",
    ))
}
