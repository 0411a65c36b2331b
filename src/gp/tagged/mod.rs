//! Exact processes whose measurements carry tags beside their place: the output they are of, the dose they had.

mod evidence;
mod stored;

pub(super) use evidence::TaggedEvidence;
pub use stored::Parts;

use super::evidence::Data;
use super::exact::{ExactGp, check_target};
use super::fit::{FitOptions, FitReport, Problem, no_finite_likelihood};
use super::kernel::{Kernel, Parameter};
use super::mean::Mean;
use super::noise::Noise;
use super::objective::Evidence;
use super::points::{Points, PointsView};
use super::posterior::{draw, prior_variance, solve_cross_covariance};
use super::restart::{LogRange, log_ranges};
use super::surrogate::{Joint, Marginals, Slopes, Surrogate, check_dimension};
use crate::error::{Error, Result};
use ndarray::{Array2, ArrayView2};
use rand::Rng;
use std::borrow::Cow;
use std::fmt::Debug;

/// Pairs of places handled together.
const BLOCK: usize = 512;

/// What a model of tagged measurements consists of: kernel, noise and means, all of which may depend on the tags.
pub(super) trait Design: Clone + Debug + Sync {
    /// Number of tags, the last coordinates of every point.
    const TAGS: usize;
    /// Name and version of the file format.
    const FORMAT: &'static str;

    /// Accepts or refuses the design for places of this dimension.
    fn check(&self, dimension: usize) -> Result<()>;

    /// The kernel on points of `dimension` coordinates and the tags.
    fn kernel(&self, dimension: usize) -> Box<dyn Kernel>;

    /// The noise variances that a fit chooses.
    fn noise_parameters(&self) -> Vec<Parameter>;

    /// Takes the log-parameters of the kernel, then of the noise.
    fn set_log_parameters(&mut self, values: &[f64]) -> Result<()>;

    /// The noise **variance** of a measurement.
    fn noise_variance(&self, tags: &[f64]) -> f64;

    /// Adds weight ∂(noise variance)/∂log θ for each of the noise parameters.
    fn accumulate_noise_gradient(&self, tags: &[f64], weight: f64, gradient: &mut [f64]);

    /// The means of all groups of measurements.
    fn means(&self) -> &[Mean];

    /// Takes other means, as many as before.
    fn set_means(&mut self, means: Vec<Mean>);

    /// Which of the means a measurement has.
    fn group(&self, tags: &[f64]) -> usize;

    /// Where the search for each parameter may start and go, judged from the measurements.
    fn ranges(&self, seen: &Seen<'_>) -> Result<Vec<LogRange>>;

    /// What a fit to all measurements climbs, where there is something better than [`TaggedEvidence`].
    fn structured_evidence<'a>(
        &'a self,
        _points: PointsView<'a>,
        _y: &'a [f64],
    ) -> Result<Option<Box<dyn Evidence + 'a>>> {
        Ok(None)
    }
}

/// The measurements as those see them who judge ranges.
pub(super) struct Seen<'a> {
    /// Without tags.
    pub places: PointsView<'a>,
    /// The tags alone.
    pub tags: PointsView<'a>,
    /// y − mean, the means at their ordinary least-squares estimates where a fit estimates them.
    pub residuals: &'a [f64],
}

impl Seen<'_> {
    /// Ranges from all measurements.
    pub fn ranges(&self, parameters: &[Parameter]) -> Result<Vec<LogRange>> {
        ranges_of(self.places, self.residuals, parameters)
    }

    /// Ranges from the measurements that `chosen` picks by its tags; from all if it picks none.
    pub fn ranges_where(
        &self,
        chosen: impl Fn(&[f64]) -> bool,
        parameters: &[Parameter],
    ) -> Result<Vec<LogRange>> {
        let all = 0..self.residuals.len();
        let members: Vec<usize> = all.filter(|&i| chosen(&self.tags.point(i))).collect();
        if members.is_empty() {
            return self.ranges(parameters);
        }
        let residuals: Vec<f64> = members.iter().map(|&i| self.residuals[i]).collect();
        ranges_of(
            Points::select(self.places, &members).view(),
            &residuals,
            parameters,
        )
    }
}

/// Ranges for points and what is left of the measurements there.
pub(super) fn ranges_of(
    points: PointsView<'_>,
    residuals: &[f64],
    parameters: &[Parameter],
) -> Result<Vec<LogRange>> {
    let data = Data {
        points,
        targets: residuals,
        noise: &Noise::Known(Vec::new()),
        mean: &Mean::Zero,
    };
    log_ranges(&data, parameters)
}

/// A design conditioned on measurements. Inside is an [`ExactGp`] of the residuals y − mean at the tagged points with
/// the noise variances of the design, so that whatever that can do is done there.
#[derive(Debug, Clone)]
pub struct Tagged<D> {
    pub(super) design: D,
    y: Vec<f64>,
    gp: Option<ExactGp>,
}

impl<D: Design> Tagged<D> {
    pub(super) fn new(design: D) -> Self {
        Self {
            design,
            y: Vec::new(),
            gp: None,
        }
    }

    /// Number of coordinates of a place; zero before there is a measurement.
    pub(super) fn dimension(&self) -> usize {
        self.gp
            .as_ref()
            .map_or(0, |gp| gp.points().dimension() - D::TAGS)
    }

    /// What was measured.
    pub(super) fn y(&self) -> &[f64] {
        &self.y
    }

    /// The process of the residuals at the tagged points; `None` before there is a measurement.
    pub(super) fn residual_process(&self) -> Option<&ExactGp> {
        self.gp.as_ref()
    }

    /// The process of the residuals at tagged points of as many `columns`, the prior before there is a measurement.
    fn process(&self, argument: &str, columns: usize) -> Result<Cow<'_, ExactGp>> {
        let dimension = columns - D::TAGS;
        if let Some(gp) = &self.gp {
            check_dimension(argument, dimension, self.dimension())?;
            return Ok(Cow::Borrowed(gp));
        }
        check_place(argument, dimension)?;
        self.design.check(dimension)?;
        let kernel = self.design.kernel(dimension);
        Ok(Cow::Owned(ExactGp::new(kernel, Noise::Known(Vec::new()))))
    }

    fn conditioned(&self) -> Result<&ExactGp> {
        self.gp.as_ref().ok_or_else(|| {
            Error::argument(
                "model",
                "no measurement",
                "at least one, by condition, fit or append",
            )
        })
    }

    /// Conditions on `y` at the tagged `rows`, the design as it is.
    pub(super) fn condition(&mut self, rows: ArrayView2<'_, f64>, y: &[f64]) -> Result<()> {
        let points = self.checked(rows, y)?;
        self.gp = Some(explained(&self.design, points, y)?);
        self.y = y.to_vec();
        Ok(())
    }

    /// Conditions on `y` at the tagged `rows` and chooses the parameters.
    pub(super) fn fit(
        &mut self,
        rows: ArrayView2<'_, f64>,
        y: &[f64],
        options: &FitOptions,
    ) -> Result<()> {
        let points = self.checked(rows, y)?;
        self.search(points, y.to_vec(), options)
    }

    /// Chooses the parameters anew for the measurements at hand.
    pub(super) fn refit(&mut self, options: &FitOptions) -> Result<()> {
        let points = self.conditioned()?.points().clone();
        self.search(points, self.y.clone(), options)
    }

    fn search(&mut self, points: Points, y: Vec<f64>, options: &FitOptions) -> Result<()> {
        let (design, report) = self.best(&points, &y, options)?;
        let mut gp = explained(&design, points, &y)?;
        gp.report = Some(report);
        (self.design, self.gp, self.y) = (design, Some(gp), y);
        Ok(())
    }

    /// The design with the best parameters and means for these measurements.
    fn best(&self, points: &Points, y: &[f64], options: &FitOptions) -> Result<(D, FitReport)> {
        let dense = TaggedEvidence::new(&self.design, points.view(), y);
        let residuals = dense.ordinary_residuals()?;
        let (of_places, of_tags) = split_columns(points.dimension(), D::TAGS);
        let seen = Seen {
            places: points.view().with_columns(&of_places),
            tags: points.view().with_columns(&of_tags),
            residuals: &residuals,
        };
        let few = options.coarse_subset(y.len()).map(|chosen| {
            let chosen = dense.with_rare_groups(chosen);
            let y: Vec<f64> = chosen.iter().map(|&i| y[i]).collect();
            (Points::select(points.view(), &chosen), y)
        });
        let few = few
            .as_ref()
            .map(|(points, y)| TaggedEvidence::new(&self.design, points.view(), y));
        let structured = self.design.structured_evidence(points.view(), y)?;
        let parameters = parameters(&self.design, points.dimension() - D::TAGS);
        let problem = Problem {
            given: parameters.iter().map(|p| p.value.ln()).collect(),
            ranges: self.design.ranges(&seen)?,
            parameters,
            whole: structured.as_deref().unwrap_or(&dense),
            subset: few.as_ref().map(|few| few as &dyn Evidence),
        };
        let Some((coordinates, report)) = options.maximise(&problem)? else {
            explained(&self.design, points.clone(), y)?;
            return Err(no_finite_likelihood());
        };
        let mut design = self.design.clone();
        design.set_log_parameters(&coordinates)?;
        let means = TaggedEvidence::new(&design, points.view(), y).profiled_means()?;
        design.set_means(means);
        Ok((design, report))
    }

    /// Adds one measurement at a tagged point.
    pub(super) fn append(&mut self, row: &[f64], y: f64) -> Result<()> {
        let Some(gp) = &mut self.gp else {
            let rows = ArrayView2::from_shape((1, row.len()), row).expect("one row");
            return self.condition(rows, &[y]);
        };
        check_target(y)?;
        let (place, tags) = row.split_at(row.len() - D::TAGS);
        check_dimension("x", place.len(), gp.points().dimension() - D::TAGS)?;
        Points::default().push(row)?;
        gp.kernel().check_points(PointsView::single(row))?;
        let mean = self.design.means()[self.design.group(tags)].checked_at(place)?;
        gp.append(row, y - mean, self.design.noise_variance(tags))?;
        self.y.push(y);
        Ok(())
    }

    /// Adds measurements at tagged `rows` at once.
    pub(super) fn append_many(&mut self, rows: ArrayView2<'_, f64>, y: &[f64]) -> Result<()> {
        if y.is_empty() && rows.nrows() == 0 {
            return Ok(());
        }
        let Some(gp) = &self.gp else {
            return self.condition(rows, y);
        };
        check_dimension("x", rows.ncols() - D::TAGS, self.dimension())?;
        let points = self.checked(rows, y)?;
        let added = TaggedEvidence::new(&self.design, points.view(), y);
        let residuals = added.residuals(self.design.means())?;
        let noise = added.noise(&self.design);
        let variances: Option<Vec<f64>> = (0..y.len()).map(|i| noise.variance(i)).collect();
        let mut grown = gp.clone();
        grown.append_many(rows, &residuals, variances.as_deref())?;
        self.gp = Some(grown);
        self.y.extend(y);
        Ok(())
    }

    /// Where was measured, without tags.
    pub(super) fn places(&self) -> Points {
        let Some(gp) = &self.gp else {
            return Points::default();
        };
        let (of_places, _) = split_columns(gp.points().dimension(), D::TAGS);
        let all: Vec<usize> = (0..gp.len()).collect();
        Points::select(gp.points().view().with_columns(&of_places), &all)
    }

    /// Joint draws at tagged places, one a row (`count` × m), noise excluded. Drawn in units of the prior standard
    /// deviation of each place, so that a faint output is not blurred by what a bright one's rounding needs.
    pub(super) fn samples<R: Rng + ?Sized>(
        &self,
        rows: ArrayView2<'_, f64>,
        count: usize,
        rng: &mut R,
    ) -> Result<Array2<f64>> {
        let joint = self.joint(rows)?;
        let gp = self.process("points", rows.ncols())?;
        let points = Points::from_rows("points", rows)?;
        let usable = |variance: f64| if variance > 0.0 { variance.sqrt() } else { 1.0 };
        let scales: Vec<f64> = prior_variance(&gp, points.view())
            .into_iter()
            .map(usable)
            .collect();
        let mut relative = joint.covariance;
        for ((i, j), c) in relative.indexed_iter_mut() {
            *c /= scales[i] * scales[j];
        }
        let mut draws = draw(&vec![0.0; scales.len()], &relative, 1.0, count, rng)?;
        for mut row in draws.rows_mut() {
            for ((value, scale), mean) in row.iter_mut().zip(&scales).zip(&joint.mean) {
                *value = mean + scale * *value;
            }
        }
        Ok(draws)
    }

    /// The kernel on places and tags, for places of as many coordinates as were seen (one before).
    pub(super) fn kernel(&self) -> Box<dyn Kernel> {
        self.design.kernel(self.dimension().max(1))
    }

    /// Posterior mean and **variance** at tagged places, noise excluded.
    pub(super) fn marginals(&self, rows: ArrayView2<'_, f64>) -> Result<Marginals> {
        let gp = self.process("points", rows.ncols())?;
        let mut marginals = gp.posterior(rows)?.into_marginals();
        self.add_means(rows, &mut marginals.mean)?;
        Ok(marginals)
    }

    /// Posterior mean and covariance of tagged places, noise excluded.
    pub(super) fn joint(&self, rows: ArrayView2<'_, f64>) -> Result<Joint> {
        let gp = self.process("points", rows.ncols())?;
        let posterior = gp.posterior(rows)?;
        let covariance = posterior.covariance()?;
        let mut mean = posterior.into_marginals().mean;
        self.add_means(rows, &mut mean)?;
        Ok(Joint { mean, covariance })
    }

    /// Mean and variance at one tagged place with their derivatives by the coordinates of the place, in closed form.
    pub(super) fn slopes(&self, row: &[f64]) -> Result<Slopes> {
        let gp = self.process("point", row.len())?;
        let (place, tags) = row.split_at(row.len() - D::TAGS);
        let mut slopes = gp.slopes(row)?;
        slopes.of_mean.truncate(place.len());
        slopes.of_variance.truncate(place.len());
        let (of_places, _) = split_columns(row.len(), D::TAGS);
        let measured = gp.points().view().with_columns(&of_places);
        let mean = &self.design.means()[self.design.group(tags)];
        slopes.mean += mean.checked_at(place)?;
        mean.add_slopes(place, measured, &mut slopes.of_mean)?;
        Ok(slopes)
    }

    fn add_means(&self, rows: ArrayView2<'_, f64>, out: &mut [f64]) -> Result<()> {
        for (row, out) in rows.rows().into_iter().zip(out) {
            let row = row.to_vec();
            let (place, tags) = row.split_at(row.len() - D::TAGS);
            *out += self.design.means()[self.design.group(tags)].checked_at(place)?;
        }
        Ok(())
    }

    /// Posterior covariance of each row of `a` with the same row of `b`, without the m × m others.
    pub(super) fn paired_covariances(
        &self,
        a: ArrayView2<'_, f64>,
        b: ArrayView2<'_, f64>,
    ) -> Result<Vec<f64>> {
        let gp = self.process("points", a.ncols())?;
        let (a, b) = (
            Points::from_rows("points", a)?,
            Points::from_rows("points", b)?,
        );
        let mut covariances: Vec<f64> = (0..a.len())
            .map(|j| {
                gp.kernel()
                    .covariance(&a.view().point(j), &b.view().point(j))
            })
            .collect();
        for (block, out) in covariances.chunks_mut(BLOCK).enumerate() {
            let (start, end) = (block * BLOCK, block * BLOCK + out.len());
            let mut solved = [&a, &b].map(|_| vec![0.0; gp.len() * out.len()]);
            for (points, solved) in [&a, &b].into_iter().zip(&mut solved) {
                solve_cross_covariance(&gp, points.view().range(start, end), solved)?;
            }
            let [of_a, of_b] = &solved;
            let rows = of_a
                .chunks_exact(out.len())
                .zip(of_b.chunks_exact(out.len()));
            for (a, b) in rows {
                for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
                    *out -= a * b;
                }
            }
        }
        Ok(covariances)
    }

    /// The kernel's parameters for places of as many coordinates as were seen, then those of the noise.
    pub(super) fn parameters(&self) -> Vec<Parameter> {
        parameters(&self.design, self.dimension().max(1))
    }

    pub(super) fn log_marginal_likelihood(&self) -> f64 {
        self.gp
            .as_ref()
            .map_or(0.0, ExactGp::log_marginal_likelihood)
    }

    /// By the logarithms of [`Tagged::parameters`], the means held fixed.
    pub(super) fn log_marginal_likelihood_gradient(&self) -> Result<Vec<f64>> {
        let gp = self.conditioned()?;
        TaggedEvidence::new(&self.design, gp.points().view(), &self.y).gradient()
    }

    /// The points of measurements, if they can be conditioned on.
    fn checked(&self, rows: ArrayView2<'_, f64>, y: &[f64]) -> Result<Points> {
        if rows.nrows() != y.len() || y.is_empty() {
            return Err(Error::argument(
                "y",
                format!("{} values for {} rows of x", y.len(), rows.nrows()),
                "one value for each row, and at least one row",
            ));
        }
        let dimension = rows.ncols() - D::TAGS;
        check_place("x", dimension)?;
        y.iter().try_for_each(|&value| check_target(value))?;
        let points = Points::from_rows("x", rows)?;
        self.design.check(dimension)?;
        self.design.kernel(dimension).check_points(points.view())?;
        Ok(points)
    }
}

/// The rows of `x` with tags behind them.
pub(super) fn with_tags<const T: usize>(
    x: ArrayView2<'_, f64>,
    tags: impl Fn(usize) -> [f64; T],
) -> Array2<f64> {
    let (n, d) = x.dim();
    Array2::from_shape_fn((n, d + T), |(i, k)| match k < d {
        true => x[[i, k]],
        false => tags(i)[k - d],
    })
}

/// Refuses places without coordinates.
fn check_place(argument: &str, dimension: usize) -> Result<()> {
    if dimension > 0 {
        return Ok(());
    }
    let allowed = "at least one coordinate a point";
    Err(Error::argument(argument, "no coordinates", allowed))
}

/// The columns of places, then those of tags.
fn split_columns(columns: usize, tags: usize) -> (Vec<usize>, Vec<usize>) {
    let places = columns - tags;
    ((0..places).collect(), (places..columns).collect())
}

fn parameters<D: Design>(design: &D, dimension: usize) -> Vec<Parameter> {
    let mut parameters = design.kernel(dimension).parameters();
    parameters.extend(design.noise_parameters());
    parameters
}

/// The process of the residuals.
fn explained<D: Design>(design: &D, points: Points, y: &[f64]) -> Result<ExactGp> {
    let evidence = TaggedEvidence::new(design, points.view(), y);
    let (noise, residuals) = (evidence.noise(design), evidence.residuals(design.means())?);
    noise.check(y.len())?;
    let kernel = design.kernel(points.dimension() - D::TAGS);
    let mut gp = ExactGp::new(kernel, noise);
    (gp.points, gp.targets) = (points, residuals);
    gp.refactor()?;
    Ok(gp)
}
