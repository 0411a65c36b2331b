//! Regression with thousands of measurements through a hundred inducing points.

use super::collapsed::{Collapsed, Terms};
use super::features::Features;
use super::inducing::InducingPoints;
use super::posterior::SparsePosterior;
use super::process::Process;
use super::saved::Parts;
use crate::error::{Error, Result};
use crate::gp::evidence::Data;
use crate::gp::exact::{check_target, parameters};
use crate::gp::fit::{FitOptions, FitReport};
use crate::gp::kernel::{Kernel, Parameter, boxed};
use crate::gp::mean::Mean;
use crate::gp::noise::Noise;
use crate::gp::points::Points;
use crate::gp::surrogate::{Joint, Marginals, Surrogate};
use ndarray::ArrayView2;
use serde::Deserialize;

/// A Gaussian process that sees n measurements through M inducing points: time O(n M²), memory O(n M) while
/// conditioning, and O(M²) a prediction or a further measurement.
///
/// The inducing values have the Gaussian posterior that maximises a lower bound of the log evidence, and the
/// hyper-parameters and inducing points of a fit maximise the same bound: Titsias (2009), "Variational learning of
/// inducing variables in sparse Gaussian processes", AISTATS. It is never too certain for want of points: what they do
/// not see stays uncertain. With the inducing points at all measured places it equals [`ExactGp`](crate::gp::ExactGp).
///
/// Noise is shared or known a measurement, and must not be zero. Where the measurements say 10¹² times more than the
/// prior (n · variance / noise variance) double precision ends, and conditioning says so.
///
/// ```
/// use dosewise::gp::{InducingPoints, Kernel, Matern52, Noise, SparseGp};
/// use ndarray::{Array2, array};
///
/// let x = Array2::from_shape_fn((2000, 1), |(i, _)| i as f64 / 2000.0);
/// let y: Vec<f64> = x.iter().map(|x| (6.0 * x).sin()).collect();
/// let kernel = Matern52::isotropic(0.3).scaled(1.0);
/// let gp = SparseGp::new(kernel, Noise::Homoscedastic(0.01), InducingPoints::greedy(25)).condition(&x, &y)?;
/// let posterior = gp.posterior(&array![[0.5]])?;
/// assert!((posterior.mean()[0] - 3.0_f64.sin()).abs() < 0.01);
/// assert!(gp.elbo() <= gp.upper_bound()?);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Parts")]
pub struct SparseGp {
    pub(super) placement: InducingPoints,
    pub(super) moving: bool,
    pub(super) noise: Noise,
    pub(super) points: Points,
    pub(super) targets: Vec<f64>,
    pub(super) process: Process,
    pub(super) terms: Terms,
    pub(super) report: Option<FitReport>,
}

impl SparseGp {
    /// The prior: a kernel, a noise model, mean zero, and how the inducing points are found.
    pub fn new(kernel: impl Kernel, noise: Noise, inducing: InducingPoints) -> Self {
        Self {
            placement: inducing,
            moving: true,
            noise,
            points: Points::default(),
            targets: Vec::new(),
            process: Process::prior(boxed(kernel), Mean::Zero),
            terms: Terms::default(),
            report: None,
        }
    }

    /// Sets the prior mean. Call it before conditioning, it forgets measurements. Fitting estimates
    /// [`Mean::Constant`] and [`Mean::Linear`] by least squares in the metric of the bound.
    pub fn with_mean(self, mean: Mean) -> Self {
        Self {
            process: Process::prior(self.process.kernel, mean),
            points: Points::default(),
            targets: Vec::new(),
            terms: Terms::default(),
            report: None,
            ..self
        }
    }

    /// Keeps inducing points where they are placed; otherwise a fit moves them together with the hyper-parameters.
    pub fn with_fixed_inducing_points(self) -> Self {
        Self {
            moving: false,
            ..self
        }
    }

    /// Conditions on n measurements `y` at the rows of `x` (n × d), hyper-parameters as they are.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no measurement, shapes differ, a number is not finite, the noise has not one
    /// positive variance each, the kernel or the inducing points do not suit the dimension, or n M numbers do not fit
    /// into memory; [`Error::NotPositiveDefinite`] where double precision ends.
    pub fn condition<'x>(mut self, x: impl Into<ArrayView2<'x, f64>>, y: &[f64]) -> Result<Self> {
        self.take(x.into(), y)?;
        let kernel = self.process.kernel.clone();
        let inducing = self.placement.place(kernel.as_ref(), self.points.view())?;
        let mean = self.process.mean.clone();
        self.settle(Process::with_inducing(kernel, mean, inducing)?, false)?;
        Ok(self)
    }

    /// Conditions on measurements as [`SparseGp::condition`] and chooses the hyper-parameters, and where the inducing
    /// points lie, that maximise the bound (plus log priors, if given).
    ///
    /// First the hyper-parameters are searched roughly from all starts, the inducing points at rest; then the points
    /// are placed again for the kernel found (if greedy), and all is searched together from there. The `log
    /// marginal likelihood` of the [`FitReport`] is the bound, [`SparseGp::elbo`].
    ///
    /// # Errors
    /// As [`SparseGp::condition`], and [`Error::Argument`] for unusable options.
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

    /// Chooses hyper-parameters and inducing points anew for the measurements at hand, see [`SparseGp::fit`].
    ///
    /// # Errors
    /// As [`SparseGp::fit`]; also [`Error::Argument`] if there is no measurement. The model is then unchanged.
    pub fn refit(&mut self, options: &FitOptions) -> Result<()> {
        if self.targets.is_empty() {
            return Err(Error::argument("y", "no measurement", "at least one"));
        }
        let found = self.search(options)?;
        let mean = self.process.mean.clone();
        let process = Process::with_inducing(found.kernel, mean, found.inducing)?;
        let noise = std::mem::replace(&mut self.noise, found.noise);
        if let Err(error) = self.settle(process, true) {
            self.noise = noise;
            return Err(error);
        }
        self.report = Some(found.report);
        Ok(())
    }

    /// Adds one measurement `y` at `x`, the inducing points as they are: O(M²), and equal to conditioning on all
    /// measurements with these inducing points. `noise_variance` (a **variance**) is needed with [`Noise::Known`], and
    /// `None` with [`Noise::Homoscedastic`].
    ///
    /// # Errors
    /// [`Error::Argument`] if nothing was conditioned on yet, a number is not finite, the dimension is another, or the
    /// noise variance is missing, superfluous or not positive; the model is then unchanged.
    pub fn append(
        &mut self,
        x: &[f64],
        y: f64,
        noise_variance: impl Into<Option<f64>>,
    ) -> Result<()> {
        if self.targets.is_empty() {
            let allowed = "a process that was conditioned, so that it has inducing points";
            return Err(Error::argument(
                "x",
                "a process without measurements",
                allowed,
            ));
        }
        let row = ArrayView2::from_shape((1, x.len()), x).expect("one row of all coordinates");
        self.process.places("x", row)?;
        check_target(y)?;
        let variance = self.noise.admit(noise_variance.into())?;
        check_positive(variance)?;
        let more = self.process.learn(x, y, variance)?;
        self.terms.misfit += more.misfit;
        self.terms.log_determinant += more.log_determinant;
        self.terms.slack += more.slack;
        self.points.push(x)?;
        self.targets.push(y);
        self.noise.push(variance);
        Ok(())
    }

    /// Mean and variance of the latent function at the rows of `points` (m × d); never allocates m × m.
    ///
    /// # Errors
    /// [`Error::Argument`] if a coordinate is not finite or the dimension differs from the measurements'.
    pub fn posterior<'p>(
        &self,
        points: impl Into<ArrayView2<'p, f64>>,
    ) -> Result<SparsePosterior<'_>> {
        self.process.posterior(points.into(), None)
    }

    /// The posterior mean alone, O(M m).
    ///
    /// # Errors
    /// As [`SparseGp::posterior`].
    pub fn posterior_mean<'p>(&self, points: impl Into<ArrayView2<'p, f64>>) -> Result<Vec<f64>> {
        self.process.posterior_mean(points.into())
    }

    /// The lower bound of the log density of the measurements, nats:
    /// log N(y | mean, Q + D) − ½ Σ (kᵢᵢ − qᵢᵢ)/Dᵢ (Titsias 2009, eq. 9; D the noise variances).
    pub fn elbo(&self) -> f64 {
        self.terms.bound(self.len())
    }

    /// The part of the bound that is lost because inducing points do not see everything: ½ Σ (kᵢᵢ − qᵢᵢ)/Dᵢ, nats.
    /// Where it is large, take more points.
    pub fn slack(&self) -> f64 {
        0.5 * self.terms.slack
    }

    /// An upper bound of the log density of the measurements, nats, at the cost of conditioning:
    /// −½ (y − mean)ᵀ (Q + D + t I)⁻¹ (y − mean) − ½ log det (Q + D) − (n/2) log 2π with t = tr(K − Q). Titsias (2014),
    /// "Variational inference for Gaussian and determinantal point processes", NIPS workshop on advances in variational
    /// inference, which also holds where the noise varies, since K + D ≼ Q + D + t I.
    ///
    /// # Errors
    /// As [`SparseGp::condition`].
    pub fn upper_bound(&self) -> Result<f64> {
        if self.is_empty() {
            return Ok(0.0);
        }
        let data = self.data();
        let (process, n) = (&self.process, self.len());
        let features = Features::new(process.basis(), data.points, Vec::new())?;
        let open: f64 = features.variances(None)?.iter().sum();
        let buffer = features.into_buffer();
        let wider = (0..n).map(|i| self.noise.variance(i).unwrap_or(f64::NAN) + open);
        let noise = Noise::Known(wider.collect());
        let data = Data {
            noise: &noise,
            ..data
        };
        let wider = Collapsed::new(process.basis(), &data, false, buffer)?;
        Ok(Terms {
            misfit: wider.terms.misfit,
            ..self.terms
        }
        .log_density(n))
    }

    /// Gradient of the bound: with respect to the natural logarithms of [`SparseGp::parameters`], then to the
    /// coordinates of the inducing points, point after point; the mean held fixed. O(n M²).
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no measurement, or n M numbers do not fit into memory.
    pub fn elbo_gradient(&self) -> Result<Vec<f64>> {
        if self.is_empty() {
            return Err(Error::argument("y", "no measurement", "at least one"));
        }
        let data = self.data();
        let collapsed = Collapsed::new(self.process.basis(), &data, false, Vec::new())?;
        let gradient = collapsed.gradient(true)?;
        let mut all = gradient.kernel;
        all.extend(gradient.inducing);
        Ok(all)
    }

    /// The fitted hyper-parameters: the kernel's, then the noise variance if it is shared.
    pub fn parameters(&self) -> Vec<Parameter> {
        parameters(self.kernel(), &self.noise)
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

    /// The inducing points; none before conditioning.
    pub fn inducing_points(&self) -> &Points {
        &self.process.inducing
    }

    /// The covariance function, with its present hyper-parameters.
    pub fn kernel(&self) -> &dyn Kernel {
        self.process.kernel.as_ref()
    }

    /// The noise model, with its present **variances**.
    pub fn noise(&self) -> &Noise {
        &self.noise
    }

    /// The prior mean.
    pub fn mean(&self) -> &Mean {
        &self.process.mean
    }

    /// What was added to the diagonal of the covariance of the inducing points: 10⁻¹² of it, more only where it had no
    /// factor otherwise.
    pub fn jitter(&self) -> f64 {
        self.process.jitter
    }

    /// How the last fit ended, its `log_marginal_likelihood` being the bound; `None` if the hyper-parameters are as given.
    pub fn fit_report(&self) -> Option<&FitReport> {
        self.report.as_ref()
    }

    pub(super) fn data(&self) -> Data<'_> {
        Data {
            points: self.points.view(),
            targets: &self.targets,
            noise: &self.noise,
            mean: &self.process.mean,
        }
    }

    /// Checks and stores measurements.
    fn take(&mut self, x: ArrayView2<'_, f64>, y: &[f64]) -> Result<()> {
        self.process.check_rows(x, y.len())?;
        let points = Points::from_rows("x", x)?;
        self.kernel().check_points(points.view())?;
        self.placement.check(self.kernel(), points.dimension())?;
        self.noise.check(y.len())?;
        (0..y.len()).try_for_each(|i| check_positive(self.noise.variance(i).unwrap_or(0.0)))?;
        self.mean().check(points.dimension())?;
        self.mean().values(points.view())?;
        y.iter().try_for_each(|&value| check_target(value))?;
        self.points = points;
        self.targets = y.to_vec();
        Ok(())
    }

    /// Makes `process`, with the belief that the measurements lead to, that of this model.
    fn settle(&mut self, mut process: Process, profile: bool) -> Result<()> {
        let data = self.data();
        let profile = profile && process.mean.is_profiled();
        let collapsed = Collapsed::new(process.basis(), &data, profile, Vec::new())?;
        let (belief, mean, terms) = (collapsed.belief, collapsed.mean, collapsed.terms);
        process.mean = mean;
        process.set_belief(belief);
        self.process = process;
        self.terms = terms;
        self.report = None;
        Ok(())
    }
}

impl Surrogate for SparseGp {
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

/// A measurement without noise would say infinitely much about the inducing values.
pub(super) fn check_positive(variance: f64) -> Result<()> {
    if variance > 0.0 {
        return Ok(());
    }
    Err(Error::argument(
        "noise variance",
        variance,
        "positive variances, which inducing points need",
    ))
}
