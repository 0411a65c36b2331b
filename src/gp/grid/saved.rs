//! Processes on a grid in files. What can be computed again from the rest, the covariance of the pixels, is not stored.

use super::kernel::GridKernel;
use super::lattice::Grid;
use super::model::GridGp;
use super::options::GridOptions;
use crate::error::{Error, Result};
use crate::gp::store::{Checksum, Format, Persist, Stamp};
use crate::gp::{FitReport, Mean, Noise};
use ndarray::Array2;
use serde::{Deserialize, Serialize, Serializer, ser};

impl Format for GridGp {
    const NAME: &'static str = "grid-gp 1";
}

impl Persist for GridGp {
    type Parts = Parts;
}

/// [`Noise`] with `None` for the infinite variance of a missing pixel, which JSON has no number for.
#[derive(Serialize, Deserialize)]
enum StoredNoise {
    Known(Vec<Option<f64>>),
    Homoscedastic(f64),
}

impl From<&Noise> for StoredNoise {
    fn from(noise: &Noise) -> Self {
        match noise {
            Noise::Homoscedastic(variance) => Self::Homoscedastic(*variance),
            Noise::Known(variances) => {
                let finite = variances.iter().map(|v| v.is_finite().then_some(*v));
                Self::Known(finite.collect())
            }
        }
    }
}

impl From<StoredNoise> for Noise {
    fn from(stored: StoredNoise) -> Self {
        match stored {
            StoredNoise::Homoscedastic(variance) => Self::Homoscedastic(variance),
            StoredNoise::Known(variances) => {
                let each = variances.into_iter().map(|v| v.unwrap_or(f64::INFINITY));
                Self::Known(each.collect())
            }
        }
    }
}

/// A process on its way out.
#[derive(Serialize)]
struct Outgoing<'gp> {
    format: Stamp<GridGp>,
    #[serde(flatten)]
    body: Body<'gp>,
    checksum: Checksum,
}

/// What the checksum is made of.
#[derive(Serialize)]
struct Body<'gp> {
    grid: &'gp Grid,
    kernel: &'gp GridKernel,
    noise: StoredNoise,
    mean: &'gp Mean,
    options: &'gp GridOptions,
    /// Row by row, `None` for a missing pixel; no list before the first measurement.
    values: Option<Vec<Option<f64>>>,
    report: Option<&'gp FitReport>,
}

/// A process on its way in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parts {
    // First, so that a file of another format is refused for its name and not for what follows.
    #[expect(dead_code, reason = "read for its check alone")]
    format: Stamp<GridGp>,
    grid: Grid,
    kernel: GridKernel,
    noise: StoredNoise,
    mean: Mean,
    options: GridOptions,
    values: Option<Vec<Option<f64>>>,
    report: Option<FitReport>,
    checksum: Checksum,
}

impl GridGp {
    fn body(&self) -> Body<'_> {
        let values = self.raw.as_ref().map(|raw| {
            let pixels = raw.residual.iter().zip(&raw.weights);
            pixels.map(|(y, w)| (*w > 0.0).then_some(*y)).collect()
        });
        Body {
            grid: &self.grid,
            kernel: &self.kernel,
            noise: (&self.noise).into(),
            mean: &self.mean,
            options: &self.options,
            values,
            report: self.report.as_ref(),
        }
    }
}

impl Serialize for GridGp {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let body = self.body();
        Outgoing {
            format: Stamp::HERE,
            checksum: Checksum::of(&body).map_err(ser::Error::custom)?,
            body,
        }
        .serialize(serializer)
    }
}

impl TryFrom<Parts> for GridGp {
    type Error = Error;

    /// The process, if all its parts belong together.
    fn try_from(parts: Parts) -> Result<Self> {
        let shape = (parts.grid.rows(), parts.grid.columns());
        if let Some(values) = &parts.values
            && values.len() != parts.grid.pixels()
        {
            return Err(Error::argument(
                "values",
                format!("{} values", values.len()),
                format!("{}, one for each pixel", parts.grid.pixels()),
            ));
        }
        parts.mean.check(2)?;
        let mut gp = Self::new(parts.grid, parts.kernel, parts.noise.into())?
            .with_mean(parts.mean)
            .with_options(parts.options)?;
        if let Some(values) = parts.values {
            let values = Array2::from_shape_vec(shape, values).expect("one value for each pixel");
            let observed = values.mapv(|value| value.is_some());
            let values = values.mapv(|value| value.unwrap_or(0.0));
            let count = observed.iter().filter(|seen| **seen).count();
            gp = gp.take(values.view(), Some(observed.view()))?;
            if gp.observed() != count {
                return Err(Error::argument(
                    "values",
                    "a value at a pixel whose noise is infinite",
                    "null at missing pixels",
                ));
            }
        }
        gp.report = parts.report;
        parts.checksum.check(&gp.body())?;
        Ok(gp)
    }
}
