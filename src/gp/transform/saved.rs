//! Scaled processes in files.

use super::model::rows;
use super::{ScaledGp, Scaling, Transform};
use crate::error::{Error, Result};
use crate::gp::exact::{ExactGp, check_target};
use crate::gp::fit::FitReport;
use crate::gp::noise::Noise;
use crate::gp::points::Points;
use crate::gp::store::{Format, Persist, Stamp};
use serde::{Deserialize, Serialize, Serializer};

/// Relative difference between a variance and the same scaled there and back.
const ROUNDING: f64 = 1e-12;

impl Format for ScaledGp {
    const NAME: &'static str = "scaled-gp 1";
}

impl Persist for ScaledGp {
    type Parts = Parts;
}

/// A process on its way out: the measurements in original units, what was learned from them, and the process in
/// scaled units as it saves itself.
#[derive(Serialize)]
struct Outgoing<'gp> {
    format: Stamp<ScaledGp>,
    scaling: &'gp Scaling,
    transform: Option<&'gp Transform>,
    x: &'gp Points,
    y: &'gp [f64],
    noise: &'gp Noise,
    gp: &'gp ExactGp,
    report: Option<&'gp FitReport>,
}

/// A process on its way in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parts {
    // First, so that a file of another format is refused for its name and not for what follows.
    #[expect(dead_code, reason = "read for its check alone")]
    format: Stamp<ScaledGp>,
    scaling: Scaling,
    transform: Option<Transform>,
    x: Points,
    y: Vec<f64>,
    noise: Noise,
    gp: ExactGp,
    report: Option<FitReport>,
}

impl Serialize for ScaledGp {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        Outgoing {
            format: Stamp::HERE,
            scaling: &self.scaling,
            transform: self.transform.as_ref(),
            x: &self.points,
            y: &self.targets,
            noise: &self.noise,
            gp: &self.gp,
            report: self.report.as_ref(),
        }
        .serialize(serializer)
    }
}

impl TryFrom<Parts> for ScaledGp {
    type Error = Error;

    /// The process, if the measurements, scaled as the transform says, are those of the scaled process to the last bit.
    fn try_from(parts: Parts) -> Result<Self> {
        let gp = Self {
            scaling: parts.scaling,
            transform: parts.transform,
            points: parts.x,
            targets: parts.y,
            noise: parts.noise,
            gp: parts.gp,
            report: parts.report,
        };
        let n = gp.gp.len();
        for (argument, found) in [("x", gp.points.len()), ("y", gp.targets.len())] {
            if found != n {
                let allowed = format!("{n}, as the scaled process has");
                return Err(Error::argument(argument, format!("{found} rows"), allowed));
            }
        }
        gp.targets.iter().try_for_each(|&y| check_target(y))?;
        match &gp.transform {
            Some(transform) => check_transform(&gp, transform)?,
            None if n == 0 => {}
            None => {
                return Err(Error::argument(
                    "transform",
                    "null",
                    "one, for measurements",
                ));
            }
        }
        Ok(gp)
    }
}

fn check_transform(gp: &ScaledGp, transform: &Transform) -> Result<()> {
    let maps = transform.inputs.iter().chain([&transform.outputs]);
    maps.into_iter()
        .try_for_each(|map| map.check("transform"))?;
    let n = gp.len();
    if n > 0 {
        gp.noise.check(n)?;
        let d = gp.points.dimension();
        if transform.inputs.len() != d {
            let found = format!("{} maps for the inputs", transform.inputs.len());
            return Err(Error::argument(
                "transform",
                found,
                format!("{d}, one a coordinate"),
            ));
        }
        let belong = transform.points(&rows(gp.points.view()))? == rows(gp.gp.points().view());
        refuse_unless(
            belong,
            "x",
            "points that are not those of the scaled process",
        )?;
    }
    let scaled = gp.targets.iter().map(|&y| transform.outputs.apply(y));
    let belong = scaled.eq(gp.gp.targets().iter().copied());
    refuse_unless(
        belong,
        "y",
        "values that are not those of the scaled process",
    )?;
    let belong = match (transform.noise(&gp.noise), gp.gp.noise()) {
        (Noise::Known(one), Noise::Known(other)) => one == *other,
        (Noise::Homoscedastic(one), Noise::Homoscedastic(other)) => {
            (one - other).abs() <= ROUNDING * other.abs()
        }
        _ => false,
    };
    refuse_unless(
        belong,
        "noise",
        "variances that are not those of the scaled process",
    )
}

fn refuse_unless(belong: bool, argument: &str, found: &str) -> Result<()> {
    match belong {
        true => Ok(()),
        false => Err(Error::argument(argument, found, "a file as it was saved")),
    }
}
