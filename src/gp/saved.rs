//! Conditioned processes in files: what is known once is known bit for bit later.

use super::exact::{ExactGp, check_target};
use super::fit::FitReport;
use super::kernel::{Kernel, dot};
use super::mean::Mean;
use super::noise::Noise;
use super::points::Points;
use super::store::{Format, Persist, Stamp};
use crate::error::{Error, Result};
use crate::linalg::Cholesky;
use serde::{Deserialize, Serialize, Serializer};
use std::sync::OnceLock;

/// Relative disagreement between the parts of a file that rounding can explain, and damage cannot.
const ROUNDING: f64 = 1e-8;

impl Format for ExactGp {
    const NAME: &'static str = "exact-gp 1";
}

impl Persist for ExactGp {
    type Parts = Parts;
}

/// A process on its way out: the model, the measurements, the factor (the columns of its lower triangle, one after the
/// other) and what follows from it, so that nothing needs to be computed again and predictions keep every bit.
#[derive(Serialize)]
struct Outgoing<'gp> {
    format: Stamp<ExactGp>,
    kernel: &'gp dyn Kernel,
    noise: &'gp Noise,
    mean: &'gp Mean,
    x: &'gp Points,
    y: &'gp [f64],
    jitter: f64,
    factor: Vec<f64>,
    whitened: &'gp [f64],
    report: Option<&'gp FitReport>,
}

/// A process on its way in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parts {
    // First, so that a file of another format is refused for its name and not for what follows.
    #[expect(dead_code, reason = "read for its check alone")]
    format: Stamp<ExactGp>,
    kernel: Box<dyn Kernel>,
    noise: Noise,
    mean: Mean,
    x: Points,
    y: Vec<f64>,
    jitter: f64,
    factor: Vec<f64>,
    whitened: Vec<f64>,
    report: Option<FitReport>,
}

impl Serialize for ExactGp {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        Outgoing {
            format: Stamp::HERE,
            kernel: self.kernel.as_ref(),
            noise: &self.noise,
            mean: &self.mean,
            x: &self.points,
            y: &self.targets,
            jitter: self.factor.jitter(),
            factor: self.factor.packed(),
            whitened: &self.whitened,
            report: self.report.as_ref(),
        }
        .serialize(serializer)
    }
}

impl TryFrom<Parts> for ExactGp {
    type Error = Error;

    /// The process, if all its parts belong together, checked at O(n²).
    fn try_from(parts: Parts) -> Result<Self> {
        let gp = Self {
            factor: Cholesky::from_packed(parts.x.len(), &parts.factor, parts.jitter)?,
            kernel: parts.kernel,
            noise: parts.noise,
            mean: parts.mean,
            points: parts.x,
            targets: parts.y,
            whitened: parts.whitened,
            alpha: OnceLock::new(),
            report: parts.report,
        };
        let n = gp.len();
        for (argument, found) in [("x", gp.points.len()), ("whitened", gp.whitened.len())] {
            if found != n {
                let allowed = format!("{n}, one for each value of y");
                return Err(Error::argument(argument, format!("{found} rows"), allowed));
            }
        }
        gp.targets.iter().try_for_each(|&y| check_target(y))?;
        if n > 0 {
            gp.kernel.check_points(gp.points.view())?;
            gp.noise.check(n)?;
            gp.mean.check(gp.points.dimension())?;
            check_factor(&gp)?;
            check_whitened(&gp)?;
        }
        Ok(gp)
    }
}

/// Does L Lᵀ equal the covariance? Compared on one vector of signs, O(n²) instead of O(n³); a factor of something else
/// passes only if the difference happens to cancel (R. Freivalds, IFIP Congress 1977, 839).
fn check_factor(gp: &ExactGp) -> Result<()> {
    let n = gp.len();
    let signs = signs(n);
    let product = gp
        .factor
        .multiply(&gp.factor.multiply_transposed(&signs)?)?;
    let mut row = vec![0.0; n];
    let mut point = Vec::new();
    for (i, found) in product.iter().enumerate() {
        gp.points.view().copy_point(i, &mut point);
        gp.kernel.covariances(&point, gp.points.view(), &mut row);
        row[i] += gp.noise.variance(i).unwrap_or(f64::NAN) + gp.jitter();
        let expected = dot(&row, &signs);
        let size = row.iter().fold(0.0, |s: f64, k| s.max(k.abs())) * (n as f64).sqrt();
        if !agree(*found, expected, size) {
            return Err(Error::argument(
                "factor",
                format!("row {i} not that of the kernel, the noise and the points"),
                "a file as it was saved",
            ));
        }
    }
    Ok(())
}

/// Does L z equal y − mean?
fn check_whitened(gp: &ExactGp) -> Result<()> {
    let expected = gp.data().residuals(&gp.mean)?;
    let found = gp.factor.multiply(&gp.whitened)?;
    let length = dot(&gp.whitened, &gp.whitened).sqrt();
    let mut point = Vec::new();
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        gp.points.view().copy_point(i, &mut point);
        let variance = gp.kernel.variance(&point) + gp.noise.variance(i).unwrap_or(0.0);
        let size = (variance + gp.jitter()).sqrt() * length + expected.abs();
        if !agree(*found, expected, size) {
            return Err(Error::argument(
                "whitened",
                format!("entry {i} not that of the factor, y and the mean"),
                "a file as it was saved",
            ));
        }
    }
    Ok(())
}

/// ±1 in no order: bits of multiples of the golden ratio are as good as random here.
pub(super) fn signs(count: usize) -> Vec<f64> {
    let sign = |i: usize| (i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 63;
    (0..count).map(|i| 1.0 - 2.0 * sign(i) as f64).collect()
}

/// Whether rounding of numbers of this `size` explains the difference; NaN never agrees.
pub(super) fn agree(found: f64, expected: f64, size: f64) -> bool {
    (found - expected).abs() <= ROUNDING * size
}
