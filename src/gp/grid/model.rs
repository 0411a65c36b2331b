//! The Gaussian process on a grid that users hold.

use super::evidence::{Evidence, evidence};
use super::kernel::GridKernel;
use super::lattice::Grid;
use super::observations::{Observations, check_noise, mean_at_pixels};
use super::options::GridOptions;
use super::posterior::{GridMean, GridPosterior, posterior};
use super::reduced_rank::Budget;
use super::route::Choice;
use super::sample::{GridSamples, samples};
use super::saved::Parts;
use super::system::{Covariance, System};
use crate::error::{Error, Result};
use crate::gp::{FitReport, Mean, Noise, Parameter};
use crate::units::Seed;
use ndarray::ArrayView2;
use serde::Deserialize;

/// A Gaussian process conditioned on the pixels of a scan, N pixels at O(N log N) or O(N (n₁ + n₂)) an iteration.
///
/// Model: y = f + ε at the observed pixels, f ~ GP(mean, kernel), ε ~ N(0, noise variance of the pixel). Missing
/// pixels are those outside the mask or with infinite noise variance; they cost nothing and are predicted.
///
/// Wilson & Nickisch (2015), "Kernel interpolation for scalable structured Gaussian processes", ICML, for Kronecker
/// and Toeplitz structure; Gardner et al. (2018), NeurIPS, for conjugate gradients and Lanczos quadrature.
///
/// ```
/// use dosewise::gp::{Grid, GridGp, GridKernel, Noise};
/// use ndarray::Array2;
///
/// let grid = Grid::new(24, 32, [1.0, 1.0])?;
/// let image = Array2::from_shape_fn((24, 32), |(i, j)| (0.4 * i as f64).sin() + (0.3 * j as f64).cos());
/// let observed = Array2::from_shape_fn((24, 32), |(i, j)| (i * 7 + j * 3) % 4 == 0);
/// let gp = GridGp::new(grid, GridKernel::rbf([4.0, 4.0], 1.0), Noise::Homoscedastic(1e-3))?
///     .condition_where(&image, &observed)?;
/// let posterior = gp.posterior()?;
/// assert!((posterior.mean[[11, 17]] - image[[11, 17]]).abs() < 0.1);
/// assert!(posterior.variance[[11, 17]] < 0.01);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Parts")]
pub struct GridGp {
    pub(super) grid: Grid,
    pub(super) kernel: GridKernel,
    pub(super) noise: Noise,
    pub(super) mean: Mean,
    pub(super) options: GridOptions,
    pub(super) covariance: Covariance,
    /// Measurements as they came, before the mean is taken off.
    pub(super) raw: Option<Observations>,
    pub(super) report: Option<FitReport>,
}

impl GridGp {
    /// The prior on a grid. [`Noise::Known`] holds one **variance** a pixel, row by row, infinite where there is no
    /// measurement; [`Noise::Homoscedastic`] one for all, which fitting may change.
    ///
    /// # Errors
    /// [`Error::Argument`] if the kernel does not suit the grid or the noise is not positive. (A noiseless pixel
    /// would make the system singular for smooth kernels: give it a small variance.)
    pub fn new(grid: Grid, kernel: GridKernel, noise: Noise) -> Result<Self> {
        check_noise(&noise, &grid)?;
        Ok(Self {
            covariance: Covariance::new(&grid, &kernel)?,
            grid,
            kernel,
            noise,
            mean: Mean::Zero,
            options: GridOptions::default(),
            raw: None,
            report: None,
        })
    }

    /// Sets the prior mean, a function of the place \[y, x\] of a pixel ([`Grid::coordinates`]). Call it before
    /// conditioning, it forgets measurements.
    pub fn with_mean(self, mean: Mean) -> Self {
        Self {
            mean,
            raw: None,
            report: None,
            ..self
        }
    }

    /// Sets tolerances, limits and the seed of probes.
    ///
    /// # Errors
    /// [`Error::Argument`] for a setting out of range.
    pub fn with_options(self, options: GridOptions) -> Result<Self> {
        options.check()?;
        Ok(Self { options, ..self })
    }

    /// Conditions on an image (rows × columns); pixels with infinite noise variance are not looked at.
    ///
    /// # Errors
    /// [`Error::Argument`] if the shape differs from the grid's or an observed value is not finite.
    pub fn condition<'v>(self, values: impl Into<ArrayView2<'v, f64>>) -> Result<Self> {
        self.take(values.into(), None)
    }

    /// Conditions on the pixels of an image where `observed` holds; the values of the others are not looked at.
    ///
    /// # Errors
    /// As [`GridGp::condition`].
    pub fn condition_where<'v>(
        self,
        values: impl Into<ArrayView2<'v, f64>>,
        observed: impl Into<ArrayView2<'v, bool>>,
    ) -> Result<Self> {
        self.take(values.into(), Some(observed.into()))
    }

    /// The posterior mean at all pixels by preconditioned conjugate gradients.
    ///
    /// # Errors
    /// [`Error::Argument`] if the prior mean is not finite.
    pub fn posterior_mean(&self) -> Result<GridMean> {
        let observations = self.observations()?;
        let solution = self.system(&observations).solve(&observations.residual);
        Ok(GridMean {
            mean: self.image_above_mean(solution.field)?,
            solve: solution.solve,
        })
    }

    /// Posterior mean and variance of the latent function at all pixels: exact if a matrix of at most
    /// [`GridOptions::largest_factor`] rows suffices, estimated with a stated standard error otherwise.
    ///
    /// # Errors
    /// As [`GridGp::posterior_mean`]; [`Error::NotPositiveDefinite`] if a factorisation fails even with jitter.
    pub fn posterior(&self) -> Result<GridPosterior> {
        posterior(self)
    }

    /// `count` joint draws of the latent function at all pixels from the posterior, by Matheron's rule.
    ///
    /// # Errors
    /// As [`GridGp::posterior_mean`], and if the draws do not fit into memory.
    pub fn posterior_samples(&self, count: usize, seed: Seed) -> Result<GridSamples> {
        samples(self, count, seed, true)
    }

    /// `count` joint draws of the latent function at all pixels from the prior.
    ///
    /// # Errors
    /// As [`GridGp::posterior_mean`], and if the draws do not fit into memory.
    pub fn prior_samples(&self, count: usize, seed: Seed) -> Result<GridSamples> {
        samples(self, count, seed, false)
    }

    /// Log density of the measurements, in nats: exact or with a stated error, as the variance of
    /// [`GridGp::posterior`].
    ///
    /// # Errors
    /// As [`GridGp::posterior`].
    pub fn log_marginal_likelihood(&self) -> Result<Evidence> {
        let observations = self.observations()?;
        let choice = self.choice(&observations);
        evidence(self.system(&observations), &self.options, choice)
    }

    /// The fitted hyper-parameters: the kernel's, then the noise variance if it is shared.
    pub fn parameters(&self) -> Vec<Parameter> {
        let mut parameters = self.kernel.parameters();
        parameters.extend(self.noise.parameter());
        parameters
    }

    /// Number of observed pixels.
    pub fn observed(&self) -> usize {
        self.raw.as_ref().map_or(0, |raw| raw.count)
    }

    /// The grid.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// The covariance function, with its present hyper-parameters.
    pub fn kernel(&self) -> &GridKernel {
        &self.kernel
    }

    /// The noise model, with its present **variances**.
    pub fn noise(&self) -> &Noise {
        &self.noise
    }

    /// The prior mean.
    pub fn mean(&self) -> &Mean {
        &self.mean
    }

    /// How the last fit ended; `None` if the hyper-parameters are as given.
    pub fn fit_report(&self) -> Option<&FitReport> {
        self.report.as_ref()
    }

    pub(super) fn take(
        mut self,
        values: ArrayView2<'_, f64>,
        observed: Option<ArrayView2<'_, bool>>,
    ) -> Result<Self> {
        self.raw = Some(Observations::new(
            &self.grid,
            values,
            observed,
            &self.noise,
        )?);
        Ok(self)
    }

    /// The measurements minus the mean; nothing observed before the first measurement.
    pub(super) fn observations(&self) -> Result<Observations> {
        Ok(match &self.raw {
            Some(raw) => raw.minus(&self.mean, &self.grid)?,
            None => {
                let shape = (self.grid.rows(), self.grid.columns());
                let nothing = ndarray::Array2::zeros(shape);
                let nowhere = ndarray::Array2::from_elem(shape, false);
                Observations::new(
                    &self.grid,
                    nothing.view(),
                    Some(nowhere.view()),
                    &self.noise,
                )?
            }
        })
    }

    pub(super) fn choice(&self, observations: &Observations) -> Choice {
        let budget = Budget::exact(self.options.largest_factor);
        Choice::new(&self.covariance, observations, budget)
    }

    pub(super) fn system<'s>(&'s self, observations: &'s Observations) -> System<'s> {
        System {
            covariance: &self.covariance,
            observations,
            limits: self.options.limits(),
        }
    }

    /// A field of deviations as an image with the prior mean added.
    pub(super) fn image_above_mean(&self, mut field: Vec<f64>) -> Result<ndarray::Array2<f64>> {
        let expected = mean_at_pixels(&self.mean, &self.grid)?;
        for (value, mean) in field.iter_mut().zip(expected) {
            *value += mean;
        }
        Ok(self.grid.image(field))
    }

    /// Refuses to fit without measurements.
    pub(super) fn measured(&self) -> Result<&Observations> {
        match &self.raw {
            Some(raw) if raw.count > 0 => Ok(raw),
            _ => Err(Error::argument(
                "values",
                "no observed pixel",
                "at least one",
            )),
        }
    }
}

impl GridMean {
    /// Whether the solution fell below the tolerance.
    pub fn converged(&self) -> bool {
        self.solve.converged
    }
}
