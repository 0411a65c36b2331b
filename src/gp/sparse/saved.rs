//! Sparse processes in files.

use super::belief::Belief;
use super::collapsed::Terms;
use super::inducing::InducingPoints;
use super::model::{SparseGp, check_positive};
use super::process::Process;
use crate::error::{Error, Result};
use crate::gp::exact::check_target;
use crate::gp::fit::FitReport;
use crate::gp::kernel::Kernel;
use crate::gp::mean::Mean;
use crate::gp::noise::Noise;
use crate::gp::points::Points;
use crate::gp::saved::{agree, signs};
use crate::gp::store::{Format, Persist, Stamp};
use crate::linalg::Cholesky;
use serde::{Deserialize, Serialize, Serializer};
use std::sync::OnceLock;

/// A process on its way out: factors as the columns of their lower triangles, so that predictions keep every bit.
#[derive(Serialize)]
struct OutgoingProcess<'gp> {
    kernel: &'gp dyn Kernel,
    mean: &'gp Mean,
    inducing: &'gp Points,
    jitter: f64,
    root: Vec<f64>,
    location: &'gp [f64],
    precision: Vec<f64>,
}

/// A process on its way in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProcessParts {
    kernel: Box<dyn Kernel>,
    mean: Mean,
    inducing: Points,
    jitter: f64,
    root: Vec<f64>,
    location: Vec<f64>,
    precision: Vec<f64>,
}

impl Serialize for Process {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        OutgoingProcess {
            kernel: self.kernel.as_ref(),
            mean: &self.mean,
            inducing: &self.inducing,
            jitter: self.jitter,
            root: self.root.packed(),
            location: &self.belief.location,
            precision: self.belief.precision.packed(),
        }
        .serialize(serializer)
    }
}

impl TryFrom<ProcessParts> for Process {
    type Error = Error;

    /// The process, if its parts belong together, checked at O(M²).
    fn try_from(parts: ProcessParts) -> Result<Self> {
        let size = parts.inducing.len();
        if parts.location.len() != size {
            let found = format!("{} numbers", parts.location.len());
            let allowed = format!("{size}, one for each inducing point");
            return Err(Error::argument("location", found, allowed));
        }
        if let Some(bad) = parts.location.iter().find(|w| !w.is_finite()) {
            return Err(Error::argument("location", bad, "finite numbers"));
        }
        let process = Self {
            root: Cholesky::from_packed(size, &parts.root, parts.jitter)
                .map_err(|error| renamed(error, "root"))?,
            belief: Belief {
                location: parts.location,
                precision: Cholesky::from_packed(size, &parts.precision, 0.0)
                    .map_err(|error| renamed(error, "precision"))?,
            },
            kernel: parts.kernel,
            mean: parts.mean,
            inducing: parts.inducing,
            jitter: parts.jitter,
            weights: OnceLock::new(),
        };
        if size > 0 {
            process.kernel.check_points(process.inducing.view())?;
            process.mean.check(process.inducing.dimension())?;
            check_root(&process)?;
        }
        Ok(process)
    }
}

fn renamed(error: Error, argument: &str) -> Error {
    match error {
        Error::Argument { found, allowed, .. } => Error::argument(argument, found, allowed),
        other => other,
    }
}

/// Does L Lᵀ equal K_uu + jitter? Compared on one vector of signs, as for the exact process.
fn check_root(process: &Process) -> Result<()> {
    let size = process.inducing.len();
    let points = process.inducing.view();
    let signs = signs(size);
    let turned = process.root.multiply_transposed(&signs)?;
    let product = process.root.multiply(&turned)?;
    let mut row = vec![0.0; size];
    let mut point = Vec::new();
    for (j, found) in product.iter().enumerate() {
        points.copy_point(j, &mut point);
        process.kernel.covariances(&point, points, &mut row);
        row[j] += process.jitter;
        let expected: f64 = row.iter().zip(&signs).map(|(k, s)| k * s).sum();
        let largest = row.iter().fold(0.0, |s: f64, k| s.max(k.abs()));
        if !agree(*found, expected, largest * (size as f64).sqrt()) {
            return Err(Error::argument(
                "root",
                format!("row {j} not that of the kernel and the inducing points"),
                "a file as it was saved",
            ));
        }
    }
    Ok(())
}

impl<'de> Deserialize<'de> for Process {
    fn deserialize<D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> std::result::Result<Self, D::Error> {
        let parts = ProcessParts::deserialize(deserializer)?;
        Self::try_from(parts).map_err(serde::de::Error::custom)
    }
}

impl Format for SparseGp {
    const NAME: &'static str = "sparse-gp 1";
}

impl Persist for SparseGp {
    type Parts = Parts;
}

#[derive(Serialize)]
struct Outgoing<'gp> {
    format: Stamp<SparseGp>,
    placement: &'gp InducingPoints,
    moving: bool,
    noise: &'gp Noise,
    x: &'gp Points,
    y: &'gp [f64],
    process: &'gp Process,
    terms: &'gp Terms,
    report: Option<&'gp FitReport>,
}

/// A model on its way in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parts {
    // First, so that a file of another format is refused for its name and not for what follows.
    #[expect(dead_code, reason = "read for its check alone")]
    format: Stamp<SparseGp>,
    placement: InducingPoints,
    moving: bool,
    noise: Noise,
    x: Points,
    y: Vec<f64>,
    process: Process,
    terms: Terms,
    report: Option<FitReport>,
}

impl Serialize for SparseGp {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        Outgoing {
            format: Stamp::HERE,
            placement: &self.placement,
            moving: self.moving,
            noise: &self.noise,
            x: &self.points,
            y: &self.targets,
            process: &self.process,
            terms: &self.terms,
            report: self.report.as_ref(),
        }
        .serialize(serializer)
    }
}

impl TryFrom<Parts> for SparseGp {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let gp = Self {
            placement: parts.placement,
            moving: parts.moving,
            noise: parts.noise,
            points: parts.x,
            targets: parts.y,
            process: parts.process,
            terms: parts.terms,
            report: parts.report,
        };
        let n = gp.len();
        if gp.points.len() != n {
            let allowed = format!("{n}, one for each value of y");
            return Err(Error::argument(
                "x",
                format!("{} rows", gp.points.len()),
                allowed,
            ));
        }
        if (n == 0) != gp.process.inducing.is_empty() {
            let found = format!("{} for {n} measurements", gp.process.inducing.len());
            return Err(Error::argument(
                "inducing",
                found,
                "some, once there are measurements",
            ));
        }
        let terms = [gp.terms.misfit, gp.terms.log_determinant, gp.terms.slack];
        if let Some(bad) = terms.iter().find(|t| !t.is_finite()) {
            return Err(Error::argument("terms", bad, "finite numbers"));
        }
        gp.targets.iter().try_for_each(|&y| check_target(y))?;
        if n > 0 {
            let dimension = gp.points.dimension();
            gp.placement.check(gp.kernel(), dimension)?;
            crate::gp::surrogate::check_dimension("x", dimension, gp.process.inducing.dimension())?;
            gp.kernel().check_points(gp.points.view())?;
            gp.noise.check(n)?;
            (0..n).try_for_each(|i| check_positive(gp.noise.variance(i).unwrap_or(0.0)))?;
        }
        Ok(gp)
    }
}
