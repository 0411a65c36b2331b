//! Counts of electrons on the pixels of a scan.

use super::conjugate_gradient::Solve;
use super::count_mode::{Counts, Mode, Target};
use super::count_saved::CountParts;
use super::evidence::{Evidence, evidence};
use super::kernel::GridKernel;
use super::lattice::Grid;
use super::model::GridGp;
use super::options::GridOptions;
use super::route::{Choice, Route};
use super::sample::GridSamples;
use crate::error::Result;
use crate::gp::kernel::dot;
use crate::gp::surrogate::{Joint, Marginals, Slopes, Surrogate};
use crate::gp::{FitReport, Mean, Noise, Parameter};
use crate::units::Seed;
use ndarray::{Array2, ArrayView2};
use serde::Deserialize;

/// Counts at known exposures on a grid: y ~ Poisson(exposure · exp f) with f ~ GP(mean, kernel) the natural logarithm
/// of the expected count per unit of exposure (per electron, if the exposure is a number of electrons).
///
/// Laplace's approximation as by [`LaplaceGp`](crate::gp::LaplaceGp), for whole images: a Gaussian at the mode f̂ of
/// p(f | y) with the precision K⁻¹ + W, W = exposure · exp f̂. It is the posterior of a [`GridGp`] that has seen
/// f̂ + (y − W)/W with noise of variance 1/W, and every Newton step to the mode is one system of the same form, solved by
/// conjugate gradients: O(N log N) an iteration (Rasmussen & Williams 2006, section 3.4; Flaxman et al. 2015, "Fast
/// Kronecker inference in Gaussian processes with non-Gaussian likelihoods", ICML).
///
/// ```
/// use dosewise::gp::{CountField, Grid, GridKernel, Mean};
/// use ndarray::Array2;
///
/// let counts = Array2::from_shape_fn((16, 20), |(i, j)| if (i as f64 - 8.0).hypot(j as f64 - 10.0) < 4.0 { 9.0 } else { 1.0 });
/// // 100 electrons on each pixel; those with exposure zero are missing.
/// let exposure = Array2::from_shape_fn((16, 20), |(i, j)| if (i + j) % 3 == 0 { 0.0 } else { 100.0 });
/// let field = CountField::new(Grid::new(16, 20, [1.0, 1.0])?, GridKernel::rbf([3.0, 3.0], 1.0))?
///     .with_mean(Mean::Constant(-4.0))
///     .condition(&counts, &exposure)?;
/// let posterior = field.posterior()?;
/// assert!(posterior.rate[[8, 10]] > 0.06 && posterior.rate[[1, 2]] < 0.03);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "CountParts")]
pub struct CountField {
    /// The prior, then the Gaussian of the approximation.
    pub(super) gaussian: GridGp,
    pub(super) counted: Option<Counted>,
    pub(super) report: Option<FitReport>,
}

/// What was counted, and the mode given that.
#[derive(Debug, Clone)]
pub(super) struct Counted {
    pub counts: Counts,
    pub mode: Mode,
}

/// What is known of a field of counts at all pixels, from [`CountField::posterior`].
#[derive(Debug, Clone, PartialEq)]
pub struct CountPosterior {
    /// The most probable log rate f̂, rows × columns.
    pub log_rate: Array2<f64>,
    /// **Variance** of the log rate, within [0, prior variance].
    pub variance: Array2<f64>,
    /// Expected rate, exp(f̂ + variance/2): counts per unit of exposure.
    pub rate: Array2<f64>,
    /// **Variance** of the rate, rate² (exp(variance) − 1).
    pub rate_variance: Array2<f64>,
    /// How the variance was computed.
    pub route: Route,
    /// Standard error of the variance of a pixel (root mean square over the pixels); zero on the exact routes.
    pub variance_error: f64,
    /// The worst of all solutions for the variance; direct on the exact routes.
    pub solve: Solve,
}

impl CountField {
    /// The prior of the log rate, of mean zero.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) if the kernel does not suit the grid.
    pub fn new(grid: Grid, kernel: GridKernel) -> Result<Self> {
        Ok(Self::prior(GridGp::new(grid, kernel, nowhere(&grid))?))
    }

    /// Sets the prior mean of the log rate, a function of the place \[y, x\] of a pixel. Call it before conditioning,
    /// it forgets measurements. The logarithm of a rate has no reason to be near zero: give it [`Mean::Constant`], which a
    /// fit estimates.
    pub fn with_mean(self, mean: Mean) -> Self {
        Self::prior(self.forgetful().with_mean(mean))
    }

    /// Sets tolerances, limits and the seed of probes. Call it before conditioning, it forgets measurements.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) for a setting out of range.
    pub fn with_options(self, options: GridOptions) -> Result<Self> {
        Ok(Self::prior(self.forgetful().with_options(options)?))
    }

    /// Conditions on an image of counts at the exposures of the pixels (rows × columns each). Pixels of exposure zero
    /// are missing, their counts are not looked at.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) if a shape differs from the grid's, an exposure is negative or not finite, a count is
    /// negative, fractional or above 2⁵³, or the mean is not finite.
    pub fn condition<'c>(
        self,
        counts: impl Into<ArrayView2<'c, f64>>,
        exposure: impl Into<ArrayView2<'c, f64>>,
    ) -> Result<Self> {
        let counts = Counts::new(&self.gaussian.grid, counts.into(), exposure.into())?;
        self.forgetful().counted(counts)
    }

    /// Log rate and rate at all pixels, with their variances: exact or with a stated error as by
    /// [`GridGp::posterior`]. The prior's before any count.
    ///
    /// # Errors
    /// As [`GridGp::posterior`].
    pub fn posterior(&self) -> Result<CountPosterior> {
        let posterior = self.gaussian.posterior()?;
        let log_rate = match &self.counted {
            Some(counted) => self.gaussian.grid.image(counted.mode.latent.clone()),
            None => posterior.mean,
        };
        let variance = posterior.variance;
        let rate = (&log_rate + &(0.5 * &variance)).mapv(f64::exp);
        Ok(CountPosterior {
            rate_variance: &rate * &rate * variance.mapv(f64::exp_m1),
            log_rate,
            rate,
            variance,
            route: posterior.route,
            variance_error: posterior.variance_error,
            solve: posterior.solve,
        })
    }

    /// `count` joint draws of the log rate at all pixels; their exponentials are joint draws of the rate.
    ///
    /// # Errors
    /// As [`GridGp::posterior_samples`].
    pub fn log_rate_samples(&self, count: usize, seed: Seed) -> Result<GridSamples> {
        self.gaussian.posterior_samples(count, seed)
    }

    /// Laplace's approximation of the log density of the counts, nats:
    /// log p(y | f̂) − ½ (f̂ − mean)ᵀ K⁻¹ (f̂ − mean) − ½ log |I + K W|, the determinant exact or estimated as by
    /// [`GridGp::log_marginal_likelihood`].
    ///
    /// # Errors
    /// As [`GridGp::posterior`].
    pub fn log_marginal_likelihood(&self) -> Result<Evidence> {
        let choice = self.gaussian.choice(&self.gaussian.observations()?);
        match &self.counted {
            Some(counted) => self.gaussian.laplace_evidence(&counted.mode, choice),
            None => self.gaussian.log_marginal_likelihood(),
        }
    }

    /// The Gaussian of the approximation, as a process of the log rate that has seen f̂ + (y − W)/W with noise of
    /// variance 1/W at each exposed pixel; the prior before any count.
    pub fn gaussian(&self) -> &GridGp {
        &self.gaussian
    }

    /// Newton steps to the mode.
    pub fn mode_steps(&self) -> usize {
        self.counted.as_ref().map_or(0, |c| c.mode.steps)
    }

    /// Whether the search for the mode ended where another step promises nothing.
    pub fn mode_converged(&self) -> bool {
        self.counted.as_ref().is_none_or(|c| c.mode.converged)
    }

    /// The fitted hyper-parameters, those of the kernel.
    pub fn parameters(&self) -> Vec<Parameter> {
        self.gaussian.kernel.parameters()
    }

    /// The grid.
    pub fn grid(&self) -> &Grid {
        &self.gaussian.grid
    }

    /// The covariance function of the log rate, with its present hyper-parameters.
    pub fn kernel(&self) -> &GridKernel {
        &self.gaussian.kernel
    }

    /// The prior mean of the log rate.
    pub fn mean(&self) -> &Mean {
        &self.gaussian.mean
    }

    /// How the last fit ended; `None` if the hyper-parameters are as given.
    pub fn fit_report(&self) -> Option<&FitReport> {
        self.report.as_ref()
    }

    fn prior(gaussian: GridGp) -> Self {
        Self {
            gaussian,
            counted: None,
            report: None,
        }
    }

    /// The process before it saw anything.
    pub(super) fn forgetful(self) -> GridGp {
        GridGp {
            noise: nowhere(&self.gaussian.grid),
            raw: None,
            ..self.gaussian
        }
    }
}

/// The noise of a grid on which nothing is measured.
pub(super) fn nowhere(grid: &Grid) -> Noise {
    Noise::Known(vec![f64::INFINITY; grid.pixels()])
}

/// Laplace's approximation of priors of log rates.
impl GridGp {
    /// The field given these counts.
    pub(super) fn counted(self, counts: Counts) -> Result<CountField> {
        let mode = Target::new(&self, &counts)?.mode(None)?;
        Ok(CountField {
            gaussian: self.at_mode(&counts, &mode)?,
            counted: Some(Counted { counts, mode }),
            report: None,
        })
    }

    /// The Gaussian of the approximation, given the mode.
    pub(super) fn at_mode(mut self, counts: &Counts, mode: &Mode) -> Result<Self> {
        let target = Target::new(&self, counts)?;
        let seen = target.seen(mode);
        let values = seen.residual.iter().zip(&target.mean);
        let values = self.grid.image(values.map(|(z, mean)| z + mean).collect());
        // An infinite variance, of weight zero, marks a missing pixel.
        let variances = seen.weights.iter().map(|w| w.recip());
        self.noise = Noise::Known(variances.collect());
        self.take(values.view(), None)
    }

    /// The evidence of the counts that the mode is of, for the Gaussian at that mode.
    pub(super) fn laplace_evidence(&self, mode: &Mode, choice: Choice) -> Result<Evidence> {
        // From log N(z; mean, K + W⁻¹) of the pseudo-measurements z, with (K + W⁻¹)⁻¹ (z − mean) = K⁻¹ (f̂ − mean).
        let seen = self.observations()?;
        let mut evidence = evidence(self.system(&seen), &self.options, choice)?;
        let constant = seen.count as f64 * std::f64::consts::TAU.ln();
        let quadratic = dot(&mode.weights, &seen.residual);
        evidence.log_marginal_likelihood +=
            mode.density.value + 0.5 * (quadratic + constant + seen.log_noise);
        Ok(evidence)
    }
}

/// The log rate, by the Gaussian of the approximation; places as for [`GridGp`].
impl Surrogate for CountField {
    fn dimension(&self) -> usize {
        self.gaussian.dimension()
    }

    fn marginals(&self, points: ArrayView2<'_, f64>) -> Result<Marginals> {
        self.gaussian.marginals(points)
    }

    fn joint(&self, points: ArrayView2<'_, f64>) -> Result<Joint> {
        self.gaussian.joint(points)
    }

    fn slopes(&self, point: &[f64]) -> Result<Slopes> {
        self.gaussian.slopes(point)
    }
}
