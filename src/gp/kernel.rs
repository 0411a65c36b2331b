//! The covariance functions' common face.

mod active_dimensions;
mod autoregressive;
mod categorical;
mod constant;
mod coregionalised;
mod differences;
mod distance;
mod dose_weight;
mod factors;
mod linear;
mod operators;
mod parts;
mod per_coordinate;
mod periodic;
mod polynomial;
mod product;
mod rational_quadratic;
mod scaled;
mod stored;
mod sum;
mod white;

pub use active_dimensions::ActiveDimensions;
pub use autoregressive::Autoregressive;
pub use categorical::Categorical;
pub use constant::Constant;
pub use coregionalised::Coregionalised;
pub use dose_weight::{Decay, DoseWeight};
pub use linear::Linear;
pub use periodic::Periodic;
pub use polynomial::Polynomial;
pub use product::Product;
pub use rational_quadratic::RationalQuadratic;
pub use scaled::Scaled;
pub use sum::Sum;
pub use white::White;

pub(super) use crate::vector::dot;
pub(super) use differences::step;
pub(super) use distance::{accumulate_input_slopes, accumulate_lengthscales, squared_distances};
pub(super) use dose_weight::INFINITE_DOSE;
pub(super) use per_coordinate::PerCoordinate;

use super::points::PointsView;
use crate::error::{Error, Result};
use crate::random::Stream;
use std::any::Any;
use std::fmt::Debug;

/// Entries handled at once on the stack by kernels that need scratch.
pub(super) const CHUNK: usize = 128;

/// Positive parameters must lie in this range, wide enough for any use and narrow enough not to overflow.
const ALLOWED: std::ops::RangeInclusive<f64> = 1e-150..=1e150;

/// What a hyper-parameter does, so that fitting can choose starts and sensible limits from the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// A length along one coordinate, or along all of them (`None`), in units of the inputs.
    Lengthscale(Option<usize>),
    /// A period along one coordinate, or along all of them (`None`), in units of the inputs.
    Period(Option<usize>),
    /// The prior variance of a slope along one coordinate, or along all of them (`None`): squared units of the
    /// outputs over squared units of the inputs.
    SlopeVariance(Option<usize>),
    /// A variance, in squared units of the outputs.
    Variance,
    /// The variance of the measurement noise, in squared units of the outputs.
    NoiseVariance,
    /// A positive number without a scale of its own.
    Shape,
}

/// One positive hyper-parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its name, e.g. `lengthscale[1]`.
    pub name: String,
    /// What it does.
    pub role: Role,
    /// Its value (not its logarithm).
    pub value: f64,
}

/// A positive definite covariance function k(x, x′).
///
/// Work goes row by row, one point against a run of others, so that kernels compose without temporary matrices: a
/// sum adds rows, a product multiplies them, and the gradient of a product is the gradient of each factor with the
/// weights multiplied by the other. All hyper-parameters are positive and handled by their natural logarithms.
/// The row functions trust their caller on shapes ([`Kernel::check_points`] is the gate); surplus entries are ignored.
///
/// Kernels compose: `a + b`, `a * b` (or [`Kernel::plus`] and [`Kernel::times`], which every kernel has, one's own
/// included), [`Kernel::scaled`], [`Kernel::on_columns`]. Sums, products and positive multiples of positive
/// semi-definite functions are positive semi-definite (Rasmussen & Williams 2006, section 4.2.4).
///
/// ```
/// use dosewise::gp::{Categorical, Kernel, Linear, Matern52, Periodic};
/// // A trend plus a decaying oscillation along column 0, for each of three materials in column 1.
/// let trend = Linear::isotropic(0.1).with_offset(1.0);
/// let oscillation = Periodic::isotropic(1.0, 0.25) * Matern52::isotropic(2.0);
/// let material = Categorical::new(3, 0.6);
/// let kernel = (trend + oscillation).on_columns([0]) * material.on_columns([1]);
/// let same = kernel.covariance(&[0.3, 2.0], &[0.5, 2.0]);
/// let other = kernel.covariance(&[0.3, 2.0], &[0.5, 0.0]);
/// assert!((other / same - 0.6).abs() < 1e-12);
/// ```
pub trait Kernel: Any + Debug + Send + Sync {
    /// Accepts or refuses points of this dimension and the present parameter values.
    ///
    /// # Errors
    /// [`Error::Argument`] if the kernel needs another dimension or a parameter is not positive.
    fn check(&self, dimension: usize) -> Result<()>;

    /// Accepts or refuses these very points: [`Kernel::check`], and whatever the kernel asks of single values.
    ///
    /// # Errors
    /// [`Error::Argument`] if the kernel is not defined there, e.g. for a category code out of range.
    fn check_points(&self, points: PointsView<'_>) -> Result<()> {
        self.check(points.dimension())
    }

    /// Writes k(point, others\[j\]) to `out[j]`.
    fn covariances(&self, point: &[f64], others: PointsView<'_>, out: &mut [f64]);

    /// k(point, point).
    fn variance(&self, point: &[f64]) -> f64;

    /// The hyper-parameters, in the order of all gradients.
    fn parameters(&self) -> Vec<Parameter>;

    /// Number of hyper-parameters, the same for the whole life of a kernel.
    fn parameter_count(&self) -> usize {
        self.parameters().len()
    }

    /// Sets all hyper-parameters from their natural logarithms.
    ///
    /// # Errors
    /// [`Error::Argument`] if the number of values is wrong or one is not finite; nothing is changed then.
    fn set_log_parameters(&mut self, values: &[f64]) -> Result<()>;

    /// Adds Σⱼ weights\[j\] ∂k(point, others\[j\])/∂log θₚ to `gradient[p]` for every hyper-parameter p, and returns
    /// Σⱼ weights\[j\] k(point, others\[j\]), which comes along for free and is what a kernel around this one needs.
    fn accumulate_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) -> f64;

    /// Adds Σⱼ weights\[j\] ∂k(point, others\[j\])/∂point\[c\] to `gradient[c]` for every coordinate c: slopes of a posterior
    /// by the place, of an objective by an inducing point or by a feature.
    ///
    /// The kernels of this crate answer in closed form. The default takes central differences with a step of ε^⅓ of the
    /// distances at hand, good to about eight digits of a smooth kernel. Where k has a kink (a [`super::Matern12`] at
    /// coinciding points) the slope is the mean of both sides; along a column of codes it is zero, and so is that of
    /// [`White`] noise everywhere.
    fn accumulate_input_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) {
        differences::of_covariances(self, point, others, weights, gradient);
    }

    /// Adds weight ∂k(point, point)/∂point\[c\] to `gradient[c]` for every coordinate c; nothing for a stationary kernel.
    /// The default takes central differences of [`Kernel::variance`].
    fn accumulate_variance_gradient(&self, point: &[f64], weight: f64, gradient: &mut [f64]) {
        differences::of_variance(self, point, weight, gradient);
    }

    /// Adds one random angular frequency to `frequency` (radians per unit of each coordinate), drawn from the spectrum of
    /// the kernel: the density whose Fourier transform k(x − x′)/k(0) is (Bochner's theorem; Rahimi & Recht 2007, *Random
    /// features for large-scale kernel machines*, algorithm 1). `false`, the default, if the kernel is not stationary or
    /// its spectrum is not known.
    fn draw_frequency(&self, stream: &mut Stream, frequency: &mut [f64]) -> bool {
        let _ = (stream, frequency);
        false
    }

    /// A copy behind a box.
    fn clone_box(&self) -> Box<dyn Kernel>;

    /// k(a, b) for two points.
    fn covariance(&self, a: &[f64], b: &[f64]) -> f64 {
        let mut out = [0.0];
        self.covariances(a, PointsView::single(b), &mut out);
        out[0]
    }

    /// Writes the row-major n × m matrix of covariances between `a` (n points) and `b` (m points) into `out`.
    ///
    /// # Errors
    /// [`Error::Argument`] if the points do not suit the kernel or `out` has not n m entries.
    fn matrix(&self, a: PointsView<'_>, b: PointsView<'_>, out: &mut [f64]) -> Result<()> {
        self.check_points(a)?;
        self.check_points(b)?;
        if a.dimension() != b.dimension() || out.len() != a.len() * b.len() {
            return Err(Error::argument(
                "out",
                format!(
                    "{} entries for points of {} and {} coordinates",
                    out.len(),
                    a.dimension(),
                    b.dimension()
                ),
                format!("{} entries and equal dimensions", a.len() * b.len()),
            ));
        }
        let mut point = Vec::with_capacity(a.dimension());
        for (i, row) in out.chunks_exact_mut(b.len().max(1)).enumerate() {
            a.copy_point(i, &mut point);
            self.covariances(&point, b, row);
        }
        Ok(())
    }

    /// Natural logarithms of the hyper-parameters.
    fn log_parameters(&self) -> Vec<f64> {
        self.parameters().iter().map(|p| p.value.ln()).collect()
    }

    /// This kernel times a variance `outputscale` (squared units of the outputs), one more hyper-parameter.
    fn scaled(self, outputscale: f64) -> Scaled
    where
        Self: Sized,
    {
        Scaled::new(self, outputscale)
    }

    /// The sum of two kernels, also written `a + b`: the covariance of the sum of two independent processes.
    fn plus(self, other: impl Kernel) -> Sum
    where
        Self: Sized,
    {
        Sum::new([boxed(self), boxed(other)])
    }

    /// The product of two kernels, also written `a * b`: similar only where both find the points similar.
    fn times(self, other: impl Kernel) -> Product
    where
        Self: Sized,
    {
        Product::new([boxed(self), boxed(other)])
    }

    /// This kernel on a subset of the columns, in the order given.
    fn on_columns(self, columns: impl Into<Vec<usize>>) -> ActiveDimensions
    where
        Self: Sized,
    {
        ActiveDimensions::new(self, columns)
    }
}

/// Puts a kernel behind a box, unless it is one already.
pub(super) fn boxed(kernel: impl Kernel) -> Box<dyn Kernel> {
    let kernel: Box<dyn Kernel> = Box::new(kernel);
    let any: &dyn Any = kernel.as_ref();
    match any.downcast_ref::<Box<dyn Kernel>>() {
        Some(inner) => inner.clone(),
        None => kernel,
    }
}

impl Clone for Box<dyn Kernel> {
    fn clone(&self) -> Self {
        self.as_ref().clone_box()
    }
}

impl Kernel for Box<dyn Kernel> {
    fn check(&self, dimension: usize) -> Result<()> {
        self.as_ref().check(dimension)
    }
    fn check_points(&self, points: PointsView<'_>) -> Result<()> {
        self.as_ref().check_points(points)
    }
    fn covariances(&self, point: &[f64], others: PointsView<'_>, out: &mut [f64]) {
        self.as_ref().covariances(point, others, out);
    }
    fn variance(&self, point: &[f64]) -> f64 {
        self.as_ref().variance(point)
    }
    fn parameters(&self) -> Vec<Parameter> {
        self.as_ref().parameters()
    }
    fn parameter_count(&self) -> usize {
        self.as_ref().parameter_count()
    }
    fn set_log_parameters(&mut self, values: &[f64]) -> Result<()> {
        self.as_mut().set_log_parameters(values)
    }
    fn accumulate_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) -> f64 {
        self.as_ref()
            .accumulate_gradient(point, others, weights, gradient)
    }
    fn accumulate_input_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) {
        self.as_ref()
            .accumulate_input_gradient(point, others, weights, gradient);
    }
    fn accumulate_variance_gradient(&self, point: &[f64], weight: f64, gradient: &mut [f64]) {
        self.as_ref()
            .accumulate_variance_gradient(point, weight, gradient);
    }
    fn draw_frequency(&self, stream: &mut Stream, frequency: &mut [f64]) -> bool {
        self.as_ref().draw_frequency(stream, frequency)
    }

    fn clone_box(&self) -> Box<dyn Kernel> {
        self.as_ref().clone_box()
    }
}

/// The points and their weights in runs of at most [`CHUNK`]; surplus points or weights are left out.
fn runs<'a>(
    others: PointsView<'a>,
    weights: &'a [f64],
) -> impl Iterator<Item = (PointsView<'a>, &'a [f64])> {
    let weights = &weights[..others.len().min(weights.len())];
    let runs = weights.chunks(CHUNK).enumerate();
    runs.map(move |(i, run)| (others.range(i * CHUNK, i * CHUNK + run.len()), run))
}

/// Refuses a hyper-parameter that is not positive, or so extreme that arithmetic would overflow.
pub(super) fn check_parameter(name: &str, value: f64) -> Result<()> {
    if ALLOWED.contains(&value) {
        return Ok(());
    }
    Err(Error::argument(
        name,
        value,
        "a positive number in 1e-150..=1e150",
    ))
}

/// Refuses a wrong number of log-parameters, or values whose exponential is unusable.
pub(super) fn check_log_parameters(values: &[f64], count: usize) -> Result<()> {
    if values.len() != count {
        return Err(Error::argument(
            "values",
            format!("{} log-parameters", values.len()),
            format!("{count} log-parameters"),
        ));
    }
    values
        .iter()
        .try_for_each(|v| check_parameter("exp(values)", v.exp()))
}
