//! Gaussian processes behind a non-Gaussian likelihood, by Laplace's approximation.

use super::super::fit::{FitOptions, FitReport, Problem, no_finite_likelihood};
use super::super::kernel::{Kernel, Parameter, boxed};
use super::super::mean::Mean;
use super::super::measured::measured_places;
use super::super::noise::Noise;
use super::super::objective::Evidence;
use super::super::points::Points;
use super::super::restart::{LogRange, log_ranges};
use super::super::surrogate::{Joint, Marginals, Slopes, Surrogate};
use super::Likelihood;
use super::evidence::{LaplaceEvidence, Model};
use super::latent::{Conditioned, LatentPosterior};
use super::mode::Mode;
use super::saved::LaplaceParts;
use crate::error::{Error, Result};
use ndarray::ArrayView2;
use serde::Deserialize;

/// A latent Gaussian process f ~ GP(mean, kernel), seen through p(y | f), conditioned on all measurements by Laplace's
/// approximation: a Gaussian at the mode f̂ of p(f | y) with its curvature, N(f̂, (K⁻¹ + W)⁻¹),
/// W = −∂² log p(y | f)/∂f². Memory n², time about ten n³/3.
///
/// Rasmussen & Williams (2006), algorithms 3.1, 3.2 and 5.1; Jylänki, Vanhatalo & Vehtari (2011), *J. Mach. Learn.
/// Res.* 12, 3227 for the Student-t, whose W may be negative.
///
/// The approximation is good where the posterior of f is nearly Gaussian: counts above a few, or many measurements a
/// lengthscale. It makes labels a little too uncertain, and a few lonely zero counts a little too certain.
///
/// For counts give the process [`Mean::Constant`]: the logarithm of a rate has no reason to be near zero.
///
/// ```
/// use dosewise::gp::{Kernel, LaplaceGp, Likelihood, Matern52, Mean};
/// use ndarray::array;
///
/// let likelihood = Likelihood::Poisson { exposure: vec![100.0, 100.0, 400.0] };
/// let gp = LaplaceGp::new(Matern52::isotropic(1.0).scaled(1.0), likelihood)
///     .with_mean(Mean::Constant(-3.0))
///     .condition(&array![[0.0], [0.5], [3.0]], &[12.0, 7.0, 3.0])?;
/// let posterior = gp.posterior(&array![[0.25], [3.0]])?;
/// let counts = posterior.counts(&[100.0, 100.0])?;
/// assert!(counts.mean()[0] > 6.0 && counts.mean()[1] < 3.0);
/// let (low, high) = counts.interval(0.9)?[0];
/// assert!(low <= 8.0 && high >= 10.0);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "LaplaceParts")]
pub struct LaplaceGp {
    pub(super) kernel: Box<dyn Kernel>,
    pub(super) likelihood: Likelihood,
    pub(super) mean: Mean,
    pub(super) points: Points,
    pub(super) y: Vec<f64>,
    pub(super) mode: Mode,
    pub(super) report: Option<FitReport>,
}

impl LaplaceGp {
    /// The prior: a kernel of the latent function, a likelihood and mean zero.
    pub fn new(kernel: impl Kernel, likelihood: Likelihood) -> Self {
        Self {
            kernel: boxed(kernel),
            likelihood,
            mean: Mean::Zero,
            points: Points::default(),
            y: Vec::new(),
            mode: Mode::default(),
            report: None,
        }
    }

    /// Sets the prior mean of the latent function (for counts a log rate per unit of exposure). Call it before
    /// conditioning, it forgets measurements. Conditioning takes every mean as given. Fitting chooses a
    /// [`Mean::Constant`] so that the evidence is highest, keeps [`Mean::Fixed`] and [`Mean::Custom`], and refuses
    /// [`Mean::Linear`], whose slopes it does not estimate; a [`Linear`](crate::gp::Linear) kernel does instead.
    pub fn with_mean(self, mean: Mean) -> Self {
        Self {
            mean,
            points: Points::default(),
            y: Vec::new(),
            mode: Mode::default(),
            report: None,
            ..self
        }
    }

    /// Conditions on n measurements `y` at the rows of `x` (n × d), hyper-parameters as they are.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no measurement, shapes differ, a coordinate is not finite, the kernel does not
    /// suit the dimension, or as [`Likelihood::check`]; [`Error::NotPositiveDefinite`] if the posterior has no
    /// Gaussian of its curvature.
    pub fn condition<'x>(mut self, x: impl Into<ArrayView2<'x, f64>>, y: &[f64]) -> Result<Self> {
        self.take(x.into(), y)?;
        self.find_mode()?;
        Ok(self)
    }

    /// Conditions as [`LaplaceGp::condition`] and chooses the hyper-parameters (the kernel's, the likelihood's, and a
    /// constant mean, which takes no prior and no bounds) that maximise Laplace's log marginal likelihood plus log
    /// priors, if given. How the search ended is in [`LaplaceGp::fit_report`]; not having converged is no error.
    ///
    /// # Errors
    /// As [`LaplaceGp::condition`], and [`Error::Argument`] for unusable options or a linear mean.
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

    /// Chooses the hyper-parameters anew for the measurements at hand, see [`LaplaceGp::fit`].
    ///
    /// # Errors
    /// As [`LaplaceGp::fit`]; also [`Error::Argument`] if there is no measurement. The model is then unchanged.
    pub fn refit(&mut self, options: &FitOptions) -> Result<()> {
        if self.y.is_empty() {
            return Err(Error::argument("y", "no measurement", "at least one"));
        }
        if let Mean::Linear { .. } = self.mean {
            return Err(Error::argument(
                "mean",
                "a linear mean in a fit behind a likelihood",
                "Zero, Constant, Fixed or Custom; a trend can be left to a Linear kernel",
            ));
        }
        let parameters = self.parameters();
        let (ranges, centre) = self.ranges(&parameters)?;
        let few = options.coarse_subset(self.y.len()).map(|chosen| {
            let points = Points::select(self.points.view(), &chosen);
            let y: Vec<f64> = chosen.iter().map(|&i| self.y[i]).collect();
            (points, y, self.likelihood.select(&chosen))
        });
        let few = few.as_ref().map(|(points, y, likelihood)| {
            LaplaceEvidence::new(Model {
                kernel: self.kernel.as_ref(),
                likelihood,
                mean: &self.mean,
                points: points.view(),
                y,
            })
        });
        let whole = LaplaceEvidence::new(self.model());
        let mut given: Vec<f64> = parameters.iter().map(|p| p.value.ln()).collect();
        if let Mean::Constant(_) = self.mean {
            given.push(centre);
        }
        let problem = Problem {
            parameters,
            given,
            ranges,
            whole: &whole,
            subset: few.as_ref().map(|few| few as &dyn Evidence),
        };
        let Some((coordinates, report)) = options.maximise(&problem)? else {
            self.model().mode(&self.model().covariance()?, None)?;
            return Err(no_finite_likelihood());
        };
        let (kernel, likelihood, mean) = whole.at(&coordinates)?;
        let mut fitted = Self {
            kernel,
            likelihood,
            mean,
            report: Some(report),
            points: self.points.clone(),
            y: self.y.clone(),
            mode: Mode::default(),
        };
        fitted.find_mode()?;
        *self = fitted;
        Ok(())
    }

    /// Mean and variance of the latent function at the rows of `points` (m × d), and from there of the observable.
    ///
    /// # Errors
    /// [`Error::Argument`] if a coordinate is not finite or the dimension differs from the measurements'.
    pub fn posterior<'p>(
        &self,
        points: impl Into<ArrayView2<'p, f64>>,
    ) -> Result<LatentPosterior<'_>> {
        let places = Points::from_rows("points", points.into())?;
        self.mean.check(places.dimension())?;
        LatentPosterior::new(self.conditioned(), &self.likelihood, places)
    }

    /// Laplace's approximation of the log density of the measurements, nats:
    /// log p(y | f̂) − ½ (f̂ − mean)ᵀ K⁻¹ (f̂ − mean) − ½ log |I + K W| (Rasmussen & Williams 2006, eq. 3.32).
    pub fn log_marginal_likelihood(&self) -> f64 {
        self.mode.log_marginal_likelihood
    }

    /// Gradient of the log marginal likelihood by the natural logarithms of [`LaplaceGp::parameters`], then by the
    /// constant mean if there is one; it follows the mode. Costs about n³ multiplications.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no measurement, or n² numbers do not fit into memory.
    pub fn log_marginal_likelihood_gradient(&self) -> Result<Vec<f64>> {
        if self.y.is_empty() {
            return Err(Error::argument("y", "no measurement", "at least one"));
        }
        let model = self.model();
        model.gradient(&model.covariance()?, &self.mode)
    }

    /// The fitted hyper-parameters: the kernel's, then the likelihood's.
    pub fn parameters(&self) -> Vec<Parameter> {
        let mut parameters = self.kernel.parameters();
        parameters.extend(self.likelihood.parameters());
        parameters
    }

    /// The most probable latent value of each measurement.
    pub fn mode(&self) -> &[f64] {
        &self.mode.latent
    }

    /// Newton steps to the mode.
    pub fn mode_steps(&self) -> usize {
        self.mode.steps
    }

    /// Whether the search for the mode ended where another step promises nothing.
    pub fn mode_converged(&self) -> bool {
        self.mode.converged
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

    /// The covariance function of the latent process, with its present hyper-parameters.
    pub fn kernel(&self) -> &dyn Kernel {
        self.kernel.as_ref()
    }

    /// The likelihood, with its present hyper-parameters.
    pub fn likelihood(&self) -> &Likelihood {
        &self.likelihood
    }

    /// The prior mean of the latent function.
    pub fn mean(&self) -> &Mean {
        &self.mean
    }

    /// How the last fit ended; `None` if the hyper-parameters are as given.
    pub fn fit_report(&self) -> Option<&FitReport> {
        self.report.as_ref()
    }

    pub(super) fn model(&self) -> Model<'_> {
        Model {
            kernel: self.kernel.as_ref(),
            likelihood: &self.likelihood,
            mean: &self.mean,
            points: self.points.view(),
            y: &self.y,
        }
    }

    fn conditioned(&self) -> Conditioned<'_> {
        Conditioned {
            kernel: self.kernel.as_ref(),
            points: self.points.view(),
            mean: &self.mean,
            weights: &self.mode.weights,
            precision: &self.mode.precision,
        }
    }

    fn take(&mut self, x: ArrayView2<'_, f64>, y: &[f64]) -> Result<()> {
        self.points = measured_places(x, y, &[self.kernel.as_ref()], &self.mean)?;
        self.likelihood.check(y)?;
        self.y = y.to_vec();
        Ok(())
    }

    fn find_mode(&mut self) -> Result<()> {
        let model = self.model();
        self.mode = model.mode(&model.covariance()?, None)?;
        Ok(())
    }

    /// Ranges of the search, judged from latent values that explain each measurement alone, and their average.
    fn ranges(&self, parameters: &[Parameter]) -> Result<(Vec<LogRange>, f64)> {
        let each = self.y.iter().enumerate();
        let explained: Vec<(f64, f64)> = each
            .zip(self.mean.values(self.points.view())?)
            .filter_map(|((i, &y), mean)| Some((self.likelihood.explaining(i, y)?, mean)))
            .collect();
        let count = explained.len().max(1) as f64;
        let centre = explained.iter().map(|(z, _)| z).sum::<f64>() / count;
        let deviations: Vec<f64> = match self.mean {
            Mean::Constant(_) => explained.iter().map(|(z, _)| z - centre).collect(),
            _ => explained.iter().map(|(z, mean)| z - mean).collect(),
        };
        let data = super::super::evidence::Data {
            points: self.points.view(),
            targets: &deviations,
            noise: &Noise::Homoscedastic(1.0),
            mean: &Mean::Zero,
        };
        let mut ranges = log_ranges(&data, parameters)?;
        if let Mean::Constant(_) = self.mean {
            let spread = (deviations.iter().map(|d| d * d).sum::<f64>() / count).sqrt();
            ranges.push(LogRange {
                start: (centre - spread, centre + spread),
                wall: (centre - 6.0 - 10.0 * spread, centre + 6.0 + 10.0 * spread),
            });
        }
        Ok((ranges, centre))
    }
}

/// The latent function, not the observable.
impl Surrogate for LaplaceGp {
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
        let row = ArrayView2::from_shape((1, point.len()), point).expect("one row of coordinates");
        let conditioned = self.conditioned();
        conditioned.check(&Points::from_rows("point", row)?)?;
        conditioned.slopes(point)
    }
}
