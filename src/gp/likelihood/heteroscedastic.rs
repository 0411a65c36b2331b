//! Regression whose noise varies from place to place and is learned.

use super::super::evidence::Data;
use super::super::exact::{ExactGp, check_target};
use super::super::fit::{FitOptions, FitReport, Problem, no_finite_likelihood};
use super::super::kernel::{Kernel, Parameter, Role, boxed, check_parameter};
use super::super::mean::Mean;
use super::super::measured::measured_places;
use super::super::noise::Noise;
use super::super::objective::Evidence;
use super::super::points::Points;
use super::super::restart::{LogRange, log_ranges};
use super::super::surrogate::{Joint, Marginals, Slopes, Surrogate};
use super::latent::Conditioned;
use super::prediction::{Observable, Prediction};
use super::saved::HeteroscedasticParts;
use super::variational::{BoundEvidence, Model, Variational};
use crate::error::{Error, Result};
use ndarray::{Array2, ArrayView2};
use serde::Deserialize;
use std::borrow::Cow;
use std::ops::Range;

/// A process f with noise of its own process: y = f(x) + ε, ε ~ N(0, exp g(x)), f ~ GP(mean, kernel),
/// g ~ GP(log noise level, noise kernel).
///
/// Lázaro-Gredilla & Titsias (2011), "Variational heteroscedastic Gaussian process regression", ICML: f is integrated
/// out exactly, g has a Gaussian posterior that maximises a lower bound of the log evidence, and the hyper-parameters
/// of both processes maximise the same bound. Unlike the alternation of Kersting et al. (2007, "Most likely
/// heteroscedastic Gaussian process regression", ICML) it ascends one objective, so it cannot cycle, and it keeps the
/// uncertainty of the noise. Costs a few factorisations of n × n for each of the (some hundred) steps of a fit: meant
/// for up to about 500 measurements.
///
/// ```
/// use dosewise::gp::{HeteroscedasticGp, Kernel, Matern52, Rbf};
/// use ndarray::Array2;
///
/// let x = Array2::from_shape_fn((60, 1), |(i, _)| i as f64 / 59.0);
/// let y: Vec<f64> = (0..60) // quiet on the left, loud on the right
///     .map(|i| (i as f64 * 2.4).sin() * if i < 30 { 0.01 } else { 1.0 })
///     .collect();
/// let gp = HeteroscedasticGp::new(Matern52::isotropic(0.5).scaled(1.0), Rbf::isotropic(0.3).scaled(4.0), 0.1)
///     .condition(&x, &y)?;
/// let posterior = gp.posterior(&x)?;
/// assert!(posterior.noise_variance()[5] < 0.1 * posterior.noise_variance()[55]);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "HeteroscedasticParts")]
pub struct HeteroscedasticGp {
    pub(super) kernel: Box<dyn Kernel>,
    pub(super) noise_kernel: Box<dyn Kernel>,
    pub(super) noise_level: f64,
    pub(super) mean: Mean,
    pub(super) points: Points,
    pub(super) y: Vec<f64>,
    pub(super) noise: Variational,
    /// f given the noise variances R, which is all the bound's posterior of f depends on.
    latent: Option<ExactGp>,
    pub(super) report: Option<FitReport>,
}

impl HeteroscedasticGp {
    /// The prior: a kernel of f, a kernel of the **logarithm of the noise variance** (its variance 1 says that the
    /// noise variance varies by a factor of e), and the median noise **variance**, in squared units of the outputs.
    pub fn new(kernel: impl Kernel, noise_kernel: impl Kernel, noise_level: f64) -> Self {
        Self {
            kernel: boxed(kernel),
            noise_kernel: boxed(noise_kernel),
            noise_level,
            mean: Mean::Zero,
            points: Points::default(),
            y: Vec::new(),
            noise: Variational::default(),
            latent: None,
            report: None,
        }
    }

    /// Sets the prior mean of f. Call it before conditioning, it forgets measurements. Conditioning takes every mean as
    /// given, fitting chooses one that is constant or linear by generalised least squares.
    pub fn with_mean(self, mean: Mean) -> Self {
        Self {
            mean,
            points: Points::default(),
            y: Vec::new(),
            noise: Variational::default(),
            latent: None,
            report: None,
            ..self
        }
    }

    /// Conditions on n measurements `y` at the rows of `x` (n × d), hyper-parameters as they are.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no measurement, shapes differ, a number is not finite, a kernel does not suit
    /// the dimension, or the noise level is not positive; [`Error::NotPositiveDefinite`] if the covariance has no
    /// factor even with jitter.
    pub fn condition<'x>(mut self, x: impl Into<ArrayView2<'x, f64>>, y: &[f64]) -> Result<Self> {
        self.take(x.into(), y)?;
        self.explain(false)?;
        Ok(self)
    }

    /// Conditions as [`HeteroscedasticGp::condition`] and chooses the hyper-parameters that maximise the bound plus log
    /// priors, if given. For priors and bounds those of the noise kernel are named `noise lengthscale`,
    /// `term0.noise lengthscale` and so on: `lengthscale` stands for none of them.
    ///
    /// # Errors
    /// As [`HeteroscedasticGp::condition`], and [`Error::Argument`] for unusable options.
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

    /// Chooses the hyper-parameters anew for the measurements at hand, see [`HeteroscedasticGp::fit`].
    ///
    /// # Errors
    /// As [`HeteroscedasticGp::fit`]; also [`Error::Argument`] if there is no measurement. The model is then unchanged.
    pub fn refit(&mut self, options: &FitOptions) -> Result<()> {
        if self.y.is_empty() {
            return Err(Error::argument("y", "no measurement", "at least one"));
        }
        let few = options.coarse_subset(self.y.len()).map(|chosen| {
            let points = Points::select(self.points.view(), &chosen);
            let y: Vec<f64> = chosen.iter().map(|&i| self.y[i]).collect();
            (points, y)
        });
        let few = few.as_ref().map(|(points, y)| {
            BoundEvidence::new(Model {
                points: points.view(),
                y,
                ..self.model()
            })
        });
        let whole = BoundEvidence::new(self.model());
        let parameters = self.parameters();
        let problem = Problem {
            given: parameters.iter().map(|p| p.value.ln()).collect(),
            parameters,
            ranges: self.ranges()?,
            whole: &whole,
            subset: few.as_ref().map(|few| few as &dyn Evidence),
        };
        let Some((coordinates, report)) = options.maximise(&problem)? else {
            Variational::find(&self.model(), true, None)?;
            return Err(no_finite_likelihood());
        };
        let ([kernel, noise_kernel], noise_level) = whole.at(&coordinates)?;
        let mut fitted = Self {
            kernel,
            noise_kernel,
            noise_level,
            report: Some(report),
            ..self.clone()
        };
        fitted.explain(true)?;
        *self = fitted;
        Ok(())
    }

    /// What is known of f and of its noise at the rows of `points` (m × d).
    ///
    /// # Errors
    /// [`Error::Argument`] if a coordinate is not finite or the dimension differs from the measurements'.
    pub fn posterior<'p>(
        &self,
        points: impl Into<ArrayView2<'p, f64>>,
    ) -> Result<HeteroscedasticPosterior> {
        let points = points.into();
        check_parameter("noise_level", self.noise_level)?;
        let latent = self.latent_or_prior();
        let posterior = latent.posterior(points)?;
        let places = Points::from_rows("points", points)?;
        let noise_mean = Mean::Fixed(self.noise_level.ln());
        let conditioned = Conditioned {
            kernel: self.noise_kernel.as_ref(),
            points: self.points.view(),
            mean: &noise_mean,
            weights: &self.noise.weights,
            precision: &self.noise.precision,
        };
        conditioned.check(&places)?;
        let (log_noise_mean, log_noise_variance) = conditioned.mean_and_variance(places.view())?;
        let both = log_noise_mean.iter().zip(&log_noise_variance);
        let noise_variance = both.map(|(mean, v)| (mean + 0.5 * v).exp()).collect();
        Ok(HeteroscedasticPosterior {
            mean: posterior.mean().to_vec(),
            variance: posterior.variance().to_vec(),
            log_noise_mean,
            log_noise_variance,
            noise_variance,
        })
    }

    /// The lower bound of the log density of the measurements, nats.
    pub fn log_evidence_bound(&self) -> f64 {
        self.noise.bound
    }

    /// Gradient of the bound by the natural logarithms of [`HeteroscedasticGp::parameters`], the mean held fixed.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no measurement.
    pub fn log_evidence_bound_gradient(&self) -> Result<Vec<f64>> {
        if self.y.is_empty() {
            return Err(Error::argument("y", "no measurement", "at least one"));
        }
        Ok(self.noise.gradient(&self.model()))
    }

    /// The process of f given the noise variances exp(E g − ½ Var g) at the measurements, for joint draws, tracked
    /// candidates and the like; `None` before conditioning.
    pub fn latent(&self) -> Option<&ExactGp> {
        self.latent.as_ref()
    }

    /// The fitted hyper-parameters: the kernel's, the noise kernel's, the noise level.
    pub fn parameters(&self) -> Vec<Parameter> {
        let mut parameters = self.kernel.parameters();
        parameters.extend(
            self.noise_kernel
                .parameters()
                .into_iter()
                .map(|p| Parameter {
                    name: of_noise(&p.name),
                    ..p
                }),
        );
        parameters.push(Parameter {
            name: "noise level".into(),
            role: Role::NoiseVariance,
            value: self.noise_level,
        });
        parameters
    }

    /// Number of measurements.
    pub fn len(&self) -> usize {
        self.y.len()
    }

    /// Whether there is no measurement.
    pub fn is_empty(&self) -> bool {
        self.y.is_empty()
    }

    /// Where was measured.
    pub fn points(&self) -> &Points {
        &self.points
    }

    /// What was measured.
    pub fn targets(&self) -> &[f64] {
        &self.y
    }

    /// The covariance function of f, with its present hyper-parameters.
    pub fn kernel(&self) -> &dyn Kernel {
        self.kernel.as_ref()
    }

    /// The covariance function of the logarithm of the noise variance, with its present hyper-parameters.
    pub fn noise_kernel(&self) -> &dyn Kernel {
        self.noise_kernel.as_ref()
    }

    /// The prior mean of f.
    pub fn mean(&self) -> &Mean {
        &self.mean
    }

    /// Whether the posterior of the noise is stationary.
    pub fn noise_converged(&self) -> bool {
        self.noise.converged
    }

    /// Updates of the posterior of the noise to where it stands.
    pub fn noise_updates(&self) -> usize {
        self.noise.updates
    }

    /// How the last fit ended; `None` if the hyper-parameters are as given.
    pub fn fit_report(&self) -> Option<&FitReport> {
        self.report.as_ref()
    }

    fn latent_or_prior(&self) -> Cow<'_, ExactGp> {
        match &self.latent {
            Some(latent) => Cow::Borrowed(latent),
            None => Cow::Owned(
                ExactGp::new(self.kernel.clone(), Noise::Known(Vec::new()))
                    .with_mean(self.mean.clone()),
            ),
        }
    }

    pub(super) fn model(&self) -> Model<'_> {
        Model {
            kernel: self.kernel.as_ref(),
            noise_kernel: self.noise_kernel.as_ref(),
            noise_level: self.noise_level,
            mean: &self.mean,
            points: self.points.view(),
            y: &self.y,
        }
    }

    fn take(&mut self, x: ArrayView2<'_, f64>, y: &[f64]) -> Result<()> {
        let kernels = [self.kernel.as_ref(), self.noise_kernel.as_ref()];
        self.points = measured_places(x, y, &kernels, &self.mean)?;
        check_parameter("noise_level", self.noise_level)?;
        y.iter().try_for_each(|&value| check_target(value))?;
        self.y = y.to_vec();
        Ok(())
    }

    fn explain(&mut self, profile: bool) -> Result<()> {
        self.noise = Variational::find(&self.model(), profile, None)?;
        self.mean = self.noise.mean.clone();
        self.condition_latent()
    }

    /// Conditions f on the measurements with the noise variances at hand.
    pub(super) fn condition_latent(&mut self) -> Result<()> {
        let mut latent = ExactGp::new(self.kernel.clone(), Noise::Known(self.noise.noise.clone()))
            .with_mean(self.mean.clone());
        latent.points = self.points.clone();
        latent.targets = self.y.clone();
        latent.refactor()?;
        self.latent = Some(latent);
        Ok(())
    }

    fn ranges(&self) -> Result<Vec<LogRange>> {
        let noise = Noise::Homoscedastic(1.0);
        let data = Data {
            points: self.points.view(),
            targets: &self.y,
            noise: &noise,
            mean: &self.mean,
        };
        let mut ranges = log_ranges(&data, &self.kernel.parameters())?;
        let level = self.parameters().split_off(self.parameters().len() - 1);
        let of_level = log_ranges(&data, &level)?;
        // A log variance has no units: its own variance is of order one.
        let ones = vec![1.0; self.y.len()];
        let unitless = Data {
            targets: &ones,
            mean: &Mean::Zero,
            ..data
        };
        ranges.extend(log_ranges(&unitless, &self.noise_kernel.parameters())?);
        ranges.extend(of_level);
        Ok(ranges)
    }
}

/// The function f, not its noise: as the process of [`HeteroscedasticGp::latent`] is.
impl Surrogate for HeteroscedasticGp {
    fn dimension(&self) -> usize {
        self.points.dimension()
    }

    fn marginals(&self, points: ArrayView2<'_, f64>) -> Result<Marginals> {
        self.latent_or_prior().marginals(points)
    }

    fn joint(&self, points: ArrayView2<'_, f64>) -> Result<Joint> {
        self.latent_or_prior().joint(points)
    }

    fn slopes(&self, point: &[f64]) -> Result<Slopes> {
        self.latent_or_prior().slopes(point)
    }

    fn joint_gradient(
        &self,
        points: ArrayView2<'_, f64>,
        moving: Range<usize>,
        by_mean: &[f64],
        by_covariance: ArrayView2<'_, f64>,
    ) -> Result<Array2<f64>> {
        self.latent_or_prior()
            .joint_gradient(points, moving, by_mean, by_covariance)
    }
}

/// The name of a parameter of the noise kernel: after the last dot, so that the short names of the kernel of f, which
/// options may use, do not end it.
fn of_noise(name: &str) -> String {
    let (prefix, own) = name.split_at(name.rfind('.').map_or(0, |dot| dot + 1));
    format!("{prefix}noise {own}")
}

/// What is known of a function and of its noise at m places, from [`HeteroscedasticGp::posterior`].
#[derive(Debug, Clone)]
pub struct HeteroscedasticPosterior {
    mean: Vec<f64>,
    variance: Vec<f64>,
    log_noise_mean: Vec<f64>,
    log_noise_variance: Vec<f64>,
    noise_variance: Vec<f64>,
}

impl HeteroscedasticPosterior {
    /// Posterior mean of f, in units of the outputs.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Posterior **variance** of f, without noise.
    pub fn variance(&self) -> &[f64] {
        &self.variance
    }

    /// Expected noise **variance** E[exp g] = exp(E g + ½ Var g).
    pub fn noise_variance(&self) -> &[f64] {
        &self.noise_variance
    }

    /// Posterior mean of the log noise variance g.
    pub fn log_noise_mean(&self) -> &[f64] {
        &self.log_noise_mean
    }

    /// Posterior **variance** of the log noise variance g.
    pub fn log_noise_variance(&self) -> &[f64] {
        &self.log_noise_variance
    }

    /// Further measurements, noise included: mean that of f, variance that of f plus the expected noise variance, and
    /// intervals of the mixture of Gaussians of unknown width.
    pub fn prediction(&self) -> Prediction {
        let both = self.mean.iter().zip(&self.variance);
        let observables = both.map(|(&centre, &spread)| Observable::Scaled { centre, spread });
        Prediction::new(
            &self.log_noise_mean,
            &self.log_noise_variance,
            observables.collect(),
        )
    }
}
