//! Fields of counts in files: the prior, the counts and the mode, from which the rest follows.

use super::count_mode::{Counts, Mode, Target};
use super::counts::{CountField, Counted, nowhere};
use super::kernel::GridKernel;
use super::lattice::Grid;
use super::model::GridGp;
use super::options::GridOptions;
use crate::error::{Error, Result};
use crate::gp::store::{Checksum, Format, Persist, Stamp};
use crate::gp::{FitReport, Mean};
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize, Serializer, ser};
use std::borrow::Cow;

impl Format for CountField {
    const NAME: &'static str = "count-field 1";
}

impl Persist for CountField {
    type Parts = CountParts;
}

/// A field on its way out.
#[derive(Serialize)]
struct Outgoing<'f> {
    format: Stamp<CountField>,
    #[serde(flatten)]
    body: Body<'f>,
    checksum: Checksum,
}

/// What the checksum is made of.
#[derive(Serialize)]
struct Body<'f> {
    grid: &'f Grid,
    kernel: &'f GridKernel,
    mean: &'f Mean,
    options: &'f GridOptions,
    /// Nothing before the first count.
    counted: Option<StoredCounts<'f>>,
    report: Option<&'f FitReport>,
}

/// What was counted and the mode given that, row by row each.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredCounts<'f> {
    counts: Cow<'f, [f64]>,
    exposure: Cow<'f, [f64]>,
    latent: Cow<'f, [f64]>,
    weights: Cow<'f, [f64]>,
    steps: usize,
    converged: bool,
}

/// A field on its way in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountParts {
    // First, so that a file of another format is refused for its name and not for what follows.
    #[expect(dead_code, reason = "read for its check alone")]
    format: Stamp<CountField>,
    grid: Grid,
    kernel: GridKernel,
    mean: Mean,
    options: GridOptions,
    counted: Option<StoredCounts<'static>>,
    report: Option<FitReport>,
    checksum: Checksum,
}

impl CountField {
    fn body(&self) -> Body<'_> {
        let counted = self.counted.as_ref().map(|counted| StoredCounts {
            counts: Cow::from(&counted.counts.seen.residual),
            exposure: Cow::from(&counted.counts.seen.weights),
            latent: Cow::from(&counted.mode.latent),
            weights: Cow::from(&counted.mode.weights),
            steps: counted.mode.steps,
            converged: counted.mode.converged,
        });
        Body {
            grid: &self.gaussian.grid,
            kernel: &self.gaussian.kernel,
            mean: &self.gaussian.mean,
            options: &self.gaussian.options,
            counted,
            report: self.report.as_ref(),
        }
    }
}

impl Serialize for CountField {
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

impl StoredCounts<'_> {
    /// The counts and the mode, if both are of this prior.
    fn restored(self, prior: &GridGp) -> Result<Counted> {
        let shape = (prior.grid.rows(), prior.grid.columns());
        let lists = [
            ("counts", &self.counts),
            ("exposure", &self.exposure),
            ("latent", &self.latent),
            ("weights", &self.weights),
        ];
        if let Some((name, list)) = lists.iter().find(|(_, l)| l.len() != prior.grid.pixels()) {
            return Err(Error::argument(
                *name,
                format!("{} numbers", list.len()),
                format!("{}, one for each pixel", prior.grid.pixels()),
            ));
        }
        let image = |list| ArrayView2::from_shape(shape, list).expect("one number for each pixel");
        let counts = Counts::new(&prior.grid, image(&self.counts), image(&self.exposure))?;
        let density = Target::new(prior, &counts)?.density(&self.latent, &self.weights);
        let mode = Mode {
            latent: self.latent.into_owned(),
            weights: self.weights.into_owned(),
            density,
            steps: self.steps,
            converged: self.converged,
        };
        Ok(Counted { counts, mode })
    }
}

impl TryFrom<CountParts> for CountField {
    type Error = Error;

    /// The field, if all its parts belong together.
    fn try_from(parts: CountParts) -> Result<Self> {
        parts.mean.check(2)?;
        let prior = GridGp::new(parts.grid, parts.kernel, nowhere(&parts.grid))?
            .with_mean(parts.mean)
            .with_options(parts.options)?;
        let counted = parts.counted.map(|stored| stored.restored(&prior));
        let counted = counted.transpose()?;
        let mut field = Self {
            gaussian: prior,
            counted,
            report: parts.report,
        };
        parts.checksum.check(&field.body())?;
        if let Some(Counted { counts, mode }) = &field.counted {
            field.gaussian = field.gaussian.at_mode(counts, mode)?;
        }
        Ok(field)
    }
}
