//! Processes behind a likelihood in files: the model, the measurements, and where the search for the posterior ended,
//! from which the rest follows by the arithmetic that made it.

use super::Likelihood;
use super::heteroscedastic::HeteroscedasticGp;
use super::laplace::LaplaceGp;
use super::mode::Mode;
use crate::error::{Error, Result};
use crate::gp::exact::check_target;
use crate::gp::kernel::check_parameter;
use crate::gp::measured::check_places;
use crate::gp::store::{Checksum, Format, Persist, Stamp};
use crate::gp::{FitReport, Kernel, Mean, Points};
use serde::{Deserialize, Serialize, Serializer, ser};

impl Format for LaplaceGp {
    const NAME: &'static str = "laplace-gp 1";
}

impl Persist for LaplaceGp {
    type Parts = LaplaceParts;
}

impl Format for HeteroscedasticGp {
    const NAME: &'static str = "heteroscedastic-gp 1";
}

impl Persist for HeteroscedasticGp {
    type Parts = HeteroscedasticParts;
}

/// A model on its way out, around what the checksum is made of.
#[derive(Serialize)]
#[serde(bound = "F: Format, B: Serialize")]
struct Outgoing<F, B> {
    format: Stamp<F>,
    #[serde(flatten)]
    body: B,
    checksum: Checksum,
}

fn seal<F: Format, B: Serialize, S: Serializer>(
    body: B,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    Outgoing::<F, B> {
        format: Stamp::HERE,
        checksum: Checksum::of(&body).map_err(ser::Error::custom)?,
        body,
    }
    .serialize(serializer)
}

#[derive(Serialize)]
struct LaplaceBody<'gp> {
    kernel: &'gp dyn Kernel,
    likelihood: &'gp Likelihood,
    mean: &'gp Mean,
    x: &'gp Points,
    y: &'gp [f64],
    latent: &'gp [f64],
    weights: &'gp [f64],
    steps: usize,
    converged: bool,
    report: Option<&'gp FitReport>,
}

/// A process behind a likelihood on its way in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LaplaceParts {
    // First, so that a file of another format is refused for its name and not for what follows.
    #[expect(dead_code, reason = "read for its check alone")]
    format: Stamp<LaplaceGp>,
    kernel: Box<dyn Kernel>,
    likelihood: Likelihood,
    mean: Mean,
    x: Points,
    y: Vec<f64>,
    latent: Vec<f64>,
    weights: Vec<f64>,
    steps: usize,
    converged: bool,
    report: Option<FitReport>,
    checksum: Checksum,
}

impl LaplaceGp {
    fn body(&self) -> LaplaceBody<'_> {
        LaplaceBody {
            kernel: self.kernel.as_ref(),
            likelihood: &self.likelihood,
            mean: &self.mean,
            x: &self.points,
            y: &self.y,
            latent: &self.mode.latent,
            weights: &self.mode.weights,
            steps: self.mode.steps,
            converged: self.mode.converged,
            report: self.report.as_ref(),
        }
    }
}

impl Serialize for LaplaceGp {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        seal::<Self, _, _>(self.body(), serializer)
    }
}

impl TryFrom<LaplaceParts> for LaplaceGp {
    type Error = Error;

    /// The process, if all its parts belong together.
    fn try_from(parts: LaplaceParts) -> Result<Self> {
        let n = parts.y.len();
        check_lengths(
            n,
            [
                ("x", parts.x.len()),
                ("latent", parts.latent.len()),
                ("weights", parts.weights.len()),
            ],
        )?;
        let mut gp = Self {
            kernel: parts.kernel,
            likelihood: parts.likelihood,
            mean: parts.mean,
            points: parts.x,
            y: parts.y,
            mode: Mode {
                latent: parts.latent,
                weights: parts.weights,
                steps: parts.steps,
                converged: parts.converged,
                ..Mode::default()
            },
            report: parts.report,
        };
        if n > 0 {
            check_places(gp.points.view(), &[gp.kernel.as_ref()], &gp.mean)?;
            gp.likelihood.check(&gp.y)?;
        }
        parts.checksum.check(&gp.body())?;
        if n > 0 {
            let (covariance, mean) = (gp.model().covariance()?, gp.mean.values(gp.points.view())?);
            let mut mode = std::mem::take(&mut gp.mode);
            mode.restore(&gp.model().target(&covariance, &mean))?;
            gp.mode = mode;
        }
        Ok(gp)
    }
}

#[derive(Serialize)]
struct HeteroscedasticBody<'gp> {
    kernel: &'gp dyn Kernel,
    noise_kernel: &'gp dyn Kernel,
    noise_level: f64,
    mean: &'gp Mean,
    x: &'gp Points,
    y: &'gp [f64],
    lambda: &'gp [f64],
    weights: &'gp [f64],
    updates: usize,
    report: Option<&'gp FitReport>,
}

/// A process with its own process of noise on its way in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeteroscedasticParts {
    // First, so that a file of another format is refused for its name and not for what follows.
    #[expect(dead_code, reason = "read for its check alone")]
    format: Stamp<HeteroscedasticGp>,
    kernel: Box<dyn Kernel>,
    noise_kernel: Box<dyn Kernel>,
    noise_level: f64,
    mean: Mean,
    x: Points,
    y: Vec<f64>,
    lambda: Vec<f64>,
    weights: Vec<f64>,
    updates: usize,
    report: Option<FitReport>,
    checksum: Checksum,
}

impl HeteroscedasticGp {
    fn body(&self) -> HeteroscedasticBody<'_> {
        HeteroscedasticBody {
            kernel: self.kernel.as_ref(),
            noise_kernel: self.noise_kernel.as_ref(),
            noise_level: self.noise_level,
            mean: &self.mean,
            x: &self.points,
            y: &self.y,
            lambda: &self.noise.lambda,
            weights: &self.noise.weights,
            updates: self.noise.updates,
            report: self.report.as_ref(),
        }
    }
}

impl Serialize for HeteroscedasticGp {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        seal::<Self, _, _>(self.body(), serializer)
    }
}

impl TryFrom<HeteroscedasticParts> for HeteroscedasticGp {
    type Error = Error;

    /// The process, if all its parts belong together.
    fn try_from(parts: HeteroscedasticParts) -> Result<Self> {
        let n = parts.y.len();
        check_lengths(
            n,
            [
                ("x", parts.x.len()),
                ("lambda", parts.lambda.len()),
                ("weights", parts.weights.len()),
            ],
        )?;
        check_parameter("noise_level", parts.noise_level)?;
        let mut gp =
            Self::new(parts.kernel, parts.noise_kernel, parts.noise_level).with_mean(parts.mean);
        (gp.points, gp.y, gp.report) = (parts.x, parts.y, parts.report);
        (gp.noise.lambda, gp.noise.weights) = (parts.lambda, parts.weights);
        gp.noise.updates = parts.updates;
        if n > 0 {
            let kernels = [gp.kernel.as_ref(), gp.noise_kernel.as_ref()];
            check_places(gp.points.view(), &kernels, &gp.mean)?;
            gp.y.iter().try_for_each(|&value| check_target(value))?;
        }
        parts.checksum.check(&gp.body())?;
        if n > 0 {
            let reached = std::mem::take(&mut gp.noise);
            gp.noise = reached.restored(&gp.model())?;
            gp.condition_latent()?;
        }
        Ok(gp)
    }
}

/// Refuses lists that have not one entry for each measurement.
fn check_lengths(count: usize, lists: [(&str, usize); 3]) -> Result<()> {
    match lists.into_iter().find(|(_, found)| *found != count) {
        None => Ok(()),
        Some((name, found)) => Err(Error::argument(
            name,
            format!("{found} entries"),
            format!("{count}, one for each value of y"),
        )),
    }
}
