//! Choosing the hyper-parameters of a process on a grid.

use super::lattice::Grid;
use super::model::GridGp;
use super::objective::GridEvidence;
use super::observations::Observations;
use super::system::Covariance;
use crate::error::Result;
use crate::gp::evidence::Data;
use crate::gp::fit::{FitOptions, Problem, no_finite_likelihood_of};
use crate::gp::objective::Evidence;
use crate::gp::restart::{LogRange, log_ranges};
use ndarray::ArrayView2;

/// Observed pixels in the window on which starts are compared.
const COARSE: f64 = 500.0;
/// Derivatives below this many nats an observed pixel do not count: the likelihood of n pixels is known to about
/// 10⁻¹⁴ n nats and its curvature by the log noise variance is n/2, so steps from there change it by less than that.
const RESOLVED: f64 = 2e-7;

/// The options with a tolerance that the likelihood of `count` pixels can tell from rounding.
pub(super) fn resolved(options: &FitOptions, count: usize) -> FitOptions {
    let finest = RESOLVED * count as f64;
    let unresolved = (f64::MIN_POSITIVE..finest).contains(&options.gradient_tolerance);
    FitOptions {
        gradient_tolerance: if unresolved {
            finest
        } else {
            options.gradient_tolerance
        },
        ..options.clone()
    }
}

impl GridGp {
    /// Conditions on an image as [`GridGp::condition`] and chooses the hyper-parameters that maximise the log marginal
    /// likelihood (plus log priors, if given), as [`ExactGp::fit`](crate::gp::ExactGp::fit) does; where the grid is
    /// large, starts are compared on a window in its middle. Parameters go by the names of [`GridGp::parameters`], of
    /// which `lengthscale` stands for that of both axes.
    ///
    /// Gradients are analytic where a matrix of at most [`GridOptions::largest_factor`](super::GridOptions) rows
    /// suffices, else central differences, the probes of an estimate held fixed so that it is a smooth function. Known
    /// noise is left alone; a shared variance, and a mean that is constant or linear, are fitted too; other means are
    /// kept. The search ends at the tolerance of the options, or at 2·10⁻⁷ nats an observed pixel if that is larger,
    /// where rounding hides what is left to gain.
    ///
    /// # Errors
    /// As [`GridGp::condition`]; [`crate::Error::Argument`] for unusable options, or if no pixel was observed.
    pub fn fit<'v>(
        self,
        values: impl Into<ArrayView2<'v, f64>>,
        options: &FitOptions,
    ) -> Result<Self> {
        self.take(values.into(), None)?.search(options)
    }

    /// As [`GridGp::fit`] for the pixels where `observed` holds.
    ///
    /// # Errors
    /// As [`GridGp::fit`].
    pub fn fit_where<'v>(
        self,
        values: impl Into<ArrayView2<'v, f64>>,
        observed: impl Into<ArrayView2<'v, bool>>,
        options: &FitOptions,
    ) -> Result<Self> {
        self.take(values.into(), Some(observed.into()))?
            .search(options)
    }

    fn search(mut self, options: &FitOptions) -> Result<Self> {
        self.mean.check(2)?;
        let raw = self.measured()?;
        let parameters = self.parameters();
        let ranges = self.ranges(raw, &parameters)?;
        let centred = if self.mean.is_profiled() {
            raw.clone()
        } else {
            raw.minus(&self.mean, &self.grid)?
        };
        let window = if options.restarts > 0 {
            self.window(&centred)?
        } else {
            None
        };
        let few = window.as_ref();
        let few = few.map(|(grid, part)| GridEvidence::new(&self, grid, part));
        let few = few.transpose()?;
        let whole = GridEvidence::new(&self, &self.grid, &centred)?;
        let problem = Problem {
            given: parameters.iter().map(|p| p.value.ln()).collect(),
            parameters,
            ranges,
            whole: &whole,
            subset: few.as_ref().map(|few| few as &dyn Evidence),
        };
        let found = resolved(options, raw.count).maximise(&problem)?;
        let Some((coordinates, report)) = found else {
            return Err(no_finite_likelihood_of("values"));
        };
        let (kernel, noise) = whole.model(&coordinates)?;
        let mean = whole.mean(&coordinates)?;
        let covariance = Covariance::new(&self.grid, &kernel)?;
        self.raw = Some(raw.with_noise(&noise));
        (self.kernel, self.noise, self.mean) = (kernel, noise, mean);
        self.covariance = covariance;
        self.report = Some(report);
        Ok(self)
    }

    /// Where each parameter may reasonably lie, judged from the observed pixels.
    fn ranges(
        &self,
        raw: &Observations,
        parameters: &[crate::gp::Parameter],
    ) -> Result<Vec<LogRange>> {
        let listed = raw.listed(&self.grid)?;
        let data = Data {
            points: listed.points.view(),
            targets: &listed.values,
            noise: &self.noise,
            mean: &self.mean,
        };
        log_ranges(&data, parameters)
    }

    /// A window in the middle of the grid with about [`COARSE`] observed pixels; `None` if that is most of them.
    pub(super) fn window(&self, raw: &Observations) -> Result<Option<(Grid, Observations)>> {
        let (rows, columns) = (self.grid.rows(), self.grid.columns());
        let wanted = (COARSE / raw.fraction()).ceil();
        let height = (wanted.sqrt().ceil() as usize).min(rows);
        let width = ((wanted / height as f64).ceil() as usize).min(columns);
        if 2 * height * width > rows * columns {
            return Ok(None);
        }
        let grid = Grid::new(height, width, self.grid.pixel_size())?;
        let few = raw.window(columns, [(rows - height) / 2, (columns - width) / 2], &grid);
        Ok((few.count > 0).then_some((grid, few)))
    }
}
