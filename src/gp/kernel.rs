//! The covariance functions' common face, and the output scale.

use super::points::PointsView;
use crate::error::{Error, Result};
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
/// The row functions trust their caller on shapes ([`Kernel::check`] is the gate); surplus entries are ignored.
pub trait Kernel: Debug + Send + Sync {
    /// Accepts or refuses points of this dimension and the present parameter values.
    ///
    /// # Errors
    /// [`Error::Argument`] if the kernel needs another dimension or a parameter is not positive.
    fn check(&self, dimension: usize) -> Result<()>;

    /// Writes k(point, others\[j\]) to `out[j]`.
    fn covariances(&self, point: &[f64], others: PointsView<'_>, out: &mut [f64]);

    /// k(point, point).
    fn variance(&self, point: &[f64]) -> f64;

    /// The hyper-parameters, in the order of all gradients.
    fn parameters(&self) -> Vec<Parameter>;

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
        self.check(a.dimension())?;
        self.check(b.dimension())?;
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
        Self: Sized + 'static,
    {
        Scaled {
            kernel: Box::new(self),
            outputscale,
        }
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
    fn covariances(&self, point: &[f64], others: PointsView<'_>, out: &mut [f64]) {
        self.as_ref().covariances(point, others, out);
    }
    fn variance(&self, point: &[f64]) -> f64 {
        self.as_ref().variance(point)
    }
    fn parameters(&self) -> Vec<Parameter> {
        self.as_ref().parameters()
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
    fn clone_box(&self) -> Box<dyn Kernel> {
        self.as_ref().clone_box()
    }
}

/// A kernel times a variance, see [`Kernel::scaled`]; its last hyper-parameter is `outputscale`.
#[derive(Debug, Clone)]
pub struct Scaled {
    kernel: Box<dyn Kernel>,
    outputscale: f64,
}

impl Scaled {
    /// The variance in front of the kernel.
    pub fn outputscale(&self) -> f64 {
        self.outputscale
    }

    /// The kernel behind the variance.
    pub fn inner(&self) -> &dyn Kernel {
        self.kernel.as_ref()
    }
}

impl Kernel for Scaled {
    fn check(&self, dimension: usize) -> Result<()> {
        check_parameter("outputscale", self.outputscale)?;
        self.kernel.check(dimension)
    }

    fn covariances(&self, point: &[f64], others: PointsView<'_>, out: &mut [f64]) {
        self.kernel.covariances(point, others, out);
        for value in out {
            *value *= self.outputscale;
        }
    }

    fn variance(&self, point: &[f64]) -> f64 {
        self.outputscale * self.kernel.variance(point)
    }

    fn parameters(&self) -> Vec<Parameter> {
        let mut parameters = self.kernel.parameters();
        parameters.push(Parameter {
            name: "outputscale".into(),
            role: Role::Variance,
            value: self.outputscale,
        });
        parameters
    }

    fn set_log_parameters(&mut self, values: &[f64]) -> Result<()> {
        let count = self.kernel.parameters().len() + 1;
        check_log_parameters(values, count)?;
        self.kernel.set_log_parameters(&values[..count - 1])?;
        self.outputscale = values[count - 1].exp();
        Ok(())
    }

    fn accumulate_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) -> f64 {
        // The weights pass through unscaled and the result is scaled, so that no copy of them is needed.
        let mut inner = vec![0.0; gradient.len().saturating_sub(1)];
        let sum = self
            .kernel
            .accumulate_gradient(point, others, weights, &mut inner);
        let sum = self.outputscale * sum;
        for (total, part) in gradient.iter_mut().zip(inner.iter().chain([&0.0])) {
            *total += self.outputscale * part;
        }
        if let Some(own) = gradient.last_mut() {
            *own += sum;
        }
        sum
    }

    fn clone_box(&self) -> Box<dyn Kernel> {
        Box::new(self.clone())
    }
}

/// Σ aⱼ bⱼ in eight interleaved partial sums, which the compiler turns into vector instructions.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let tail: f64 = a8
        .remainder()
        .iter()
        .zip(b8.remainder())
        .map(|(x, y)| x * y)
        .sum();
    for (x, y) in a8.zip(b8) {
        for k in 0..8 {
            lanes[k] += x[k] * y[k];
        }
    }
    lanes.iter().sum::<f64>() + tail
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
