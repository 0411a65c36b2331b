//! An exact process behind a transform.

use super::posterior::ScaledPosterior;
#[cfg(doc)]
use super::{InputScaling, OutputScaling};
use super::{Scaling, Transform};
use crate::error::{Error, Result};
use crate::gp::exact::{ExactGp, check_target};
use crate::gp::fit::{FitOptions, FitReport};
use crate::gp::kernel::{Kernel, Parameter};
use crate::gp::mean::Mean;
use crate::gp::noise::Noise;
use crate::gp::points::{Points, PointsView};
use crate::gp::remove::Removed;
use crate::gp::surrogate::{Joint, Marginals, Slopes, Surrogate, check_dimension};
use ndarray::{Array2, ArrayView2};
use serde::Deserialize;
use std::borrow::Cow;
use std::ops::Range;

/// An [`ExactGp`] on scaled inputs and outputs that is spoken to in original units.
///
/// Places, measurements, noise **variances** and everything predicted are in the units of the experiment. The model
/// itself lives in scaled units: a lengthscale of 0.3 is 0.3 of the box, an outputscale of 1 is the variance of the
/// measurements, a mean of zero is their average, and the priors and bounds of [`FitOptions`] speak of these numbers.
/// [`ScaledGp::parameters`] reads them in original units.
///
/// The [`Transform`] is learned by [`ScaledGp::condition`], [`ScaledGp::fit`] and [`ScaledGp::refit`]. Appending and
/// removing keep it as it is, so that predictions move only by what was measured. In a process that grows from nothing
/// it is learned from the first measurements, and each map of it again as long as all values that it has seen are alike:
/// the scale of a coordinate, or of the outputs, is settled by the second value that differs. Two values may be nearer
/// to each other than most; where the range is known beforehand, say it by [`InputScaling::Within`] and
/// [`OutputScaling::Given`], or refit.
///
/// ```
/// use dosewise::gp::{Kernel, Matern52, Noise, ScaledGp, Scaling};
/// use ndarray::array;
/// // Tilts in mrad, focus in nm; counts around ten thousand.
/// let (x, y) = (array![[-20.0, 500.0], [0.0, 700.0], [20.0, 600.0]], [9000.0, 12000.0, 9600.0]);
/// let noise = Noise::Known(y.to_vec()); // Poisson: the variance of a count is the count
/// let kernel = Matern52::isotropic(0.5).scaled(1.0);
/// let mut gp = ScaledGp::new(kernel, noise, Scaling::default()).condition(&x, &y)?;
/// gp.append(&[10.0, 700.0], 11500.0, 11500.0)?;
/// let posterior = gp.posterior(&array![[0.0, 700.0], [1e6, 0.0]])?;
/// assert!((posterior.mean()[0] - 12000.0).abs() < 200.0);
/// // Far away: the average and the variance of what the transform was learned from.
/// assert!((posterior.mean()[1] - 10200.0).abs() < 1e-9);
/// assert!((posterior.variance()[1] - 1.68e6).abs() < 1e-6);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "super::saved::Parts")]
pub struct ScaledGp {
    pub(super) scaling: Scaling,
    /// `None` before the first measurement.
    pub(super) transform: Option<Transform>,
    /// What was measured, where, and how well, in original units and to the last bit.
    pub(super) points: Points,
    pub(super) targets: Vec<f64>,
    pub(super) noise: Noise,
    /// The process in scaled units.
    pub(super) gp: ExactGp,
    pub(super) report: Option<FitReport>,
}

impl ScaledGp {
    /// The prior: a kernel in scaled units, a noise model in original units, the rules of scaling, and mean zero (the
    /// average of the outputs, if they are standardised).
    pub fn new(kernel: impl Kernel, noise: Noise, scaling: Scaling) -> Self {
        Self {
            scaling,
            transform: None,
            points: Points::default(),
            targets: Vec::new(),
            gp: ExactGp::new(kernel, noise.clone()),
            noise,
            report: None,
        }
    }

    /// Sets the prior mean, in scaled units. Call it before conditioning, it forgets measurements.
    pub fn with_mean(self, mean: Mean) -> Self {
        Self {
            gp: self.gp.with_mean(mean),
            transform: None,
            points: Points::default(),
            targets: Vec::new(),
            report: None,
            ..self
        }
    }

    /// Learns the transform from n measurements `y` at the rows of `x` (n × d) and conditions on them, see
    /// [`ExactGp::condition`].
    ///
    /// # Errors
    /// As [`ExactGp::condition`] and [`Transform::learn`].
    pub fn condition<'x>(mut self, x: impl Into<ArrayView2<'x, f64>>, y: &[f64]) -> Result<Self> {
        self.take(x.into(), y)?;
        self.learn(|prior, x, y| prior.condition(x, y))?;
        Ok(self)
    }

    /// Learns the transform and chooses the hyper-parameters, see [`ExactGp::fit`].
    ///
    /// # Errors
    /// As [`ExactGp::fit`] and [`Transform::learn`].
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

    /// Learns the transform anew from the measurements at hand and chooses the hyper-parameters, see
    /// [`ExactGp::refit`]; the search starts from the present numbers in scaled units.
    ///
    /// # Errors
    /// As [`ExactGp::fit`] and [`Transform::learn`]; the process is then unchanged.
    pub fn refit(&mut self, options: &FitOptions) -> Result<()> {
        self.learn(|prior, x, y| prior.fit(x, y, options))
    }

    /// Adds one measurement, see [`ExactGp::append`]; `noise_variance` is a **variance** in original units. The
    /// transform stays as learned, once it has seen values that differ.
    ///
    /// # Errors
    /// As [`ExactGp::append`]; the process is then unchanged.
    pub fn append(
        &mut self,
        x: &[f64],
        y: f64,
        noise_variance: impl Into<Option<f64>>,
    ) -> Result<()> {
        let variance = noise_variance.into();
        let row = ArrayView2::from_shape((1, x.len()), x).expect("one row of all coordinates");
        self.append_many(row, &[y], variance.as_ref().map(std::slice::from_ref))
    }

    /// Adds the measurements `y` at the rows of `x` (k × d) at once, see [`ExactGp::append_many`]; **variances** in
    /// original units.
    ///
    /// # Errors
    /// As [`ExactGp::append_many`]; the process is then unchanged.
    pub fn append_many<'x>(
        &mut self,
        x: impl Into<ArrayView2<'x, f64>>,
        y: &[f64],
        noise_variances: Option<&[f64]>,
    ) -> Result<()> {
        let x = x.into();
        if y.is_empty() && x.nrows() == 0 {
            return Ok(());
        }
        let given = noise_variances.map_or(y.len(), <[f64]>::len);
        if x.nrows() != y.len() || given != y.len() {
            return Err(Error::argument(
                "y",
                format!(
                    "{} values for {} rows of x, {given} variances",
                    y.len(),
                    x.nrows()
                ),
                "as many values, and variances if any, as rows",
            ));
        }
        let added = Points::from_rows("x", x)?;
        let (mut points, mut noise) = (self.points.clone(), self.noise.clone());
        for (j, &value) in y.iter().enumerate() {
            check_target(value)?;
            points.push(&added.view().point(j))?;
            noise.push(self.noise.admit(noise_variances.map(|v| v[j]))?);
        }
        let targets = [self.targets.as_slice(), y].concat();
        let transform = match &self.transform {
            None => Transform::of_points(&self.scaling, points.view(), &targets)?,
            Some(transform) => {
                let before = (self.points.view(), self.targets.as_slice());
                transform.relearned(&self.scaling, before, (points.view(), &targets))?
            }
        };
        let in_scale = |y: &[f64]| -> Vec<f64> {
            let each = y.iter().map(|&y| transform.outputs().apply(y));
            each.collect()
        };
        if self.transform.as_ref() == Some(&transform) {
            let scaled = |v: &f64| transform.outputs().apply_variance(*v);
            let variances: Option<Vec<f64>> =
                noise_variances.map(|all| all.iter().map(scaled).collect());
            let places = transform.points(x)?;
            self.gp
                .append_many(&places, &in_scale(y), variances.as_deref())?;
        } else {
            let places = transform.points(&rows(points.view()))?;
            self.gp = ExactGp::new(self.gp.kernel.clone(), transform.noise(&noise))
                .with_mean(self.gp.mean.clone())
                .condition(&places, &in_scale(&targets))?;
        }
        (self.points, self.targets, self.noise) = (points, targets, noise);
        self.transform = Some(transform);
        Ok(())
    }

    /// Forgets measurement `index`, see [`ExactGp::remove`]; what is returned is in original units. The transform stays
    /// as learned.
    ///
    /// # Errors
    /// As [`ExactGp::remove`].
    pub fn remove(&mut self, index: usize) -> Result<Removed> {
        let mut removed = self.remove_many(&[index])?;
        Ok(removed.pop().expect("one measurement removed"))
    }

    /// Forgets several measurements, see [`ExactGp::remove_many`].
    ///
    /// # Errors
    /// As [`ExactGp::remove_many`].
    pub fn remove_many(&mut self, indices: &[usize]) -> Result<Vec<Removed>> {
        self.gp.remove_many(indices)?;
        let original = |&index: &usize| Removed {
            point: self.points.view().point(index),
            target: self.targets[index],
            noise_variance: self
                .noise
                .variance(index)
                .expect("a variance for each target"),
        };
        let removed = indices.iter().map(original).collect();
        let mut ascending = indices.to_vec();
        ascending.sort_unstable();
        for &index in ascending.iter().rev() {
            self.points.remove(index);
            self.targets.remove(index);
            if let Noise::Known(variances) = &mut self.noise {
                variances.remove(index);
            }
        }
        Ok(removed)
    }

    /// Mean and **variance** of the latent function at the rows of `points` (m × d), see [`ExactGp::posterior`].
    ///
    /// # Errors
    /// As [`ExactGp::posterior`].
    pub fn posterior<'p>(
        &self,
        points: impl Into<ArrayView2<'p, f64>>,
    ) -> Result<ScaledPosterior<'_>> {
        let (transform, scaled) = self.places(points.into())?;
        Ok(ScaledPosterior::new(self.gp.posterior(&scaled)?, transform))
    }

    /// The posterior mean alone, see [`ExactGp::posterior_mean`].
    ///
    /// # Errors
    /// As [`ExactGp::posterior`].
    pub fn posterior_mean<'p>(&self, points: impl Into<ArrayView2<'p, f64>>) -> Result<Vec<f64>> {
        let (transform, scaled) = self.places(points.into())?;
        let mut mean = self.gp.posterior_mean(&scaled)?;
        for mean in &mut mean {
            *mean = transform.outputs().invert(*mean);
        }
        Ok(mean)
    }

    /// Log density of the measurements in original units, in nats: that of the scaled ones less n log t, with t the
    /// scale of the outputs. So it can be compared with that of any other model of the same measurements.
    pub fn log_marginal_likelihood(&self) -> f64 {
        let scaled = self.gp.log_marginal_likelihood();
        match &self.transform {
            Some(transform) => transform.original_log_density(scaled, self.len()),
            None => scaled,
        }
    }

    /// The hyper-parameters in original units: the kernel's, see [`Transform::original_parameters`], then the noise
    /// variance if it is shared. Those in scaled units are [`ScaledGp::gp`]'s.
    pub fn parameters(&self) -> Vec<Parameter> {
        let Some(transform) = &self.transform else {
            return self.gp.parameters();
        };
        let mut parameters = transform.original_parameters(self.gp.kernel());
        if let Noise::Homoscedastic(variance) = self.noise {
            let shared = self.gp.parameters().pop();
            parameters.extend(shared.map(|p| Parameter {
                value: variance,
                ..p
            }));
        }
        parameters
    }

    /// The process in scaled units: kernel, mean and hyper-parameters as fitted.
    pub fn gp(&self) -> &ExactGp {
        &self.gp
    }

    /// The rules of scaling.
    pub fn scaling(&self) -> &Scaling {
        &self.scaling
    }

    /// What was learned by the rules; `None` before the first measurement.
    pub fn transform(&self) -> Option<&Transform> {
        self.transform.as_ref()
    }

    /// Number of measurements.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// Whether there is no measurement.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// Where was measured, in original units.
    pub fn points(&self) -> &Points {
        &self.points
    }

    /// What was measured, in original units.
    pub fn targets(&self) -> &[f64] {
        &self.targets
    }

    /// The noise model with its **variances** in original units.
    pub fn noise(&self) -> &Noise {
        &self.noise
    }

    /// How the last fit ended, its log marginal likelihood in original units; `None` if there was no fit.
    pub fn fit_report(&self) -> Option<&FitReport> {
        self.report.as_ref()
    }

    /// Checks and stores measurements in original units.
    fn take(&mut self, x: ArrayView2<'_, f64>, y: &[f64]) -> Result<()> {
        self.noise.check(y.len())?;
        self.points = Points::from_rows("x", x)?;
        self.targets = y.to_vec();
        Ok(())
    }

    /// Learns the transform from the measurements at hand and lets `inform` make the prior a posterior.
    fn learn(
        &mut self,
        inform: impl FnOnce(ExactGp, &Array2<f64>, &[f64]) -> Result<ExactGp>,
    ) -> Result<()> {
        let x = rows(self.points.view());
        let transform = Transform::learn(&self.scaling, &x, &self.targets)?;
        let outputs = transform.outputs();
        let y: Vec<f64> = self.targets.iter().map(|&y| outputs.apply(y)).collect();
        let prior = ExactGp::new(self.gp.kernel.clone(), transform.noise(&self.noise))
            .with_mean(self.gp.mean.clone());
        let gp = inform(prior, &transform.points(&x)?, &y)?;
        self.report = gp.fit_report().map(|report| FitReport {
            log_marginal_likelihood: transform
                .original_log_density(report.log_marginal_likelihood, y.len()),
            ..report.clone()
        });
        if let Noise::Homoscedastic(_) = gp.noise() {
            self.noise = transform.original_noise(gp.noise());
        }
        self.gp = gp;
        self.transform = Some(transform);
        Ok(())
    }

    /// The transform in force for `points`, and these in scaled units.
    fn places(&self, points: ArrayView2<'_, f64>) -> Result<(Cow<'_, Transform>, Array2<f64>)> {
        let places = Points::from_rows("points", points)?;
        check_dimension("points", places.dimension(), self.points.dimension())?;
        let transform = match &self.transform {
            Some(transform) => Cow::Borrowed(transform),
            None => {
                let nothing = Array2::zeros((0, places.dimension()));
                Cow::Owned(Transform::learn(&self.scaling, &nothing, &[])?)
            }
        };
        let scaled = transform.points(points)?;
        Ok((transform, scaled))
    }
}

/// The points as an n × d array.
pub(super) fn rows(points: PointsView<'_>) -> Array2<f64> {
    let shape = (points.len(), points.dimension());
    Array2::from_shape_fn(shape, |(i, k)| points.coordinate(k)[i])
}

impl Surrogate for ScaledGp {
    fn dimension(&self) -> usize {
        self.points.dimension()
    }

    fn marginals(&self, points: ArrayView2<'_, f64>) -> Result<Marginals> {
        let (transform, scaled) = self.places(points)?;
        Ok(transform.original_marginals(self.gp.marginals(scaled.view())?))
    }

    fn joint(&self, points: ArrayView2<'_, f64>) -> Result<Joint> {
        let (transform, scaled) = self.places(points)?;
        Ok(transform.original_joint(self.gp.joint(scaled.view())?))
    }

    fn slopes(&self, point: &[f64]) -> Result<Slopes> {
        let row = ArrayView2::from_shape((1, point.len()), point)
            .map_err(|error| Error::argument("point", error, "a list of coordinates"))?;
        let (transform, scaled) = self.places(row)?;
        let scaled = scaled.into_raw_vec_and_offset().0;
        transform.original_slopes(&self.gp.slopes(&scaled)?)
    }

    fn joint_gradient(
        &self,
        points: ArrayView2<'_, f64>,
        moving: Range<usize>,
        by_mean: &[f64],
        by_covariance: ArrayView2<'_, f64>,
    ) -> Result<Array2<f64>> {
        let (transform, scaled) = self.places(points)?;
        let t = transform.outputs.scale;
        let by_mean: Vec<f64> = by_mean.iter().map(|by| t * by).collect();
        let by_covariance = by_covariance.mapv(|by| t * t * by);
        let mut gradient =
            self.gp
                .joint_gradient(scaled.view(), moving, &by_mean, by_covariance.view())?;
        for (mut column, input) in gradient.columns_mut().into_iter().zip(&transform.inputs) {
            column.mapv_inplace(|slope| slope / input.scale);
        }
        Ok(gradient)
    }
}
