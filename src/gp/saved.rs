//! Conditioned processes in files: what is known once is known bit for bit later.

use super::exact::{ExactGp, check_target};
use super::fit::FitReport;
use super::kernel::{Kernel, dot};
use super::mean::Mean;
use super::noise::Noise;
use super::points::Points;
use crate::error::{Error, Result};
use crate::linalg::Cholesky;
use serde::de::Unexpected;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::OnceLock;

/// The number of the present format. A file with another number is refused, whatever else it holds.
const FORMAT: u64 = 1;

/// Relative disagreement between the parts of a file that rounding can explain, and damage cannot.
const ROUNDING: f64 = 1e-8;

/// A process on its way out.
#[derive(Serialize)]
struct Outgoing<'gp> {
    format: u64,
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

/// A process on its way in, of the right shape but not yet believed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Incoming {
    // First, so that a file of another format is refused for its number and not for what follows.
    #[serde(deserialize_with = "known_format")]
    #[expect(dead_code, reason = "read for its check alone")]
    format: u64,
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

fn known_format<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<u64, D::Error> {
    match u64::deserialize(deserializer)? {
        FORMAT => Ok(FORMAT),
        other => Err(de::Error::invalid_value(
            Unexpected::Unsigned(other),
            &"format 1, the only one that this version reads",
        )),
    }
}

/// Format 1: the model, the measurements, the factor (the columns of its lower triangle, one after the other) and what
/// follows from it, so that nothing needs to be computed again and predictions keep every bit.
impl Serialize for ExactGp {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        Outgoing {
            format: FORMAT,
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

impl<'de> Deserialize<'de> for ExactGp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        Incoming::deserialize(deserializer)?
            .believe()
            .map_err(de::Error::custom)
    }
}

impl Incoming {
    /// The process, if all its parts belong together.
    fn believe(self) -> Result<ExactGp> {
        let gp = ExactGp {
            factor: Cholesky::from_packed(self.x.len(), &self.factor, self.jitter)?,
            kernel: self.kernel,
            noise: self.noise,
            mean: self.mean,
            points: self.x,
            targets: self.y,
            whitened: self.whitened,
            alpha: OnceLock::new(),
            report: self.report,
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
    // Bits of multiples of the golden ratio are as good as random here.
    let sign = |i: usize| (i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 63;
    let signs: Vec<f64> = (0..n).map(|i| 1.0 - 2.0 * sign(i) as f64).collect();
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

/// Whether rounding of numbers of this `size` explains the difference; NaN never agrees.
fn agree(found: f64, expected: f64, size: f64) -> bool {
    (found - expected).abs() <= ROUNDING * size
}

impl ExactGp {
    /// Writes the process to a JSON file (about 10 n² bytes for n measurements), from which [`ExactGp::load`] makes one
    /// that predicts the same bit for bit. An existing file is replaced only once the new one is complete.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let file = folder.path().join("model.json");
    /// use dosewise::gp::{ExactGp, Kernel, Matern52, Noise};
    /// use ndarray::array;
    /// let kernel = Matern52::isotropic(0.3).scaled(1.7);
    /// let gp = ExactGp::new(kernel, Noise::Known(vec![0.1; 2])).condition(&array![[0.0], [0.4]], &[0.2, 0.9])?;
    /// gp.save(&file)?;
    /// let again = ExactGp::load(&file)?;
    /// assert_eq!(again.posterior(&array![[0.3]])?.mean(), gp.posterior(&array![[0.3]])?.mean());
    /// # Ok::<(), dosewise::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Argument`] for a kernel or a mean of the user's own, whose code no file can hold; [`Error::Io`] if the
    /// file cannot be written.
    pub fn save(&self, file: impl AsRef<Path>) -> Result<()> {
        let file = file.as_ref();
        let failed = |source| Error::io(file, source);
        let folder = match file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut temporary = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        let mut writer = BufWriter::new(temporary.as_file_mut());
        serde_json::to_writer(&mut writer, self).map_err(|error| {
            if error.is_io() {
                failed(error.into())
            } else {
                Error::argument("model", error, "kernels and means of this crate")
            }
        })?;
        writer.flush().map_err(failed)?;
        drop(writer);
        temporary
            .persist(file)
            .map_err(|error| failed(error.error))?;
        Ok(())
    }

    /// Reads what [`ExactGp::save`] wrote, and checks that its parts belong together, O(n²).
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read, [`Error::Parse`] if it is no whole JSON text, [`Error::Config`] if its
    /// `format` is another, or a key is missing, of the wrong kind, out of range or at odds with the others.
    pub fn load(file: impl AsRef<Path>) -> Result<Self> {
        let file = file.as_ref();
        let text = std::fs::read_to_string(file).map_err(|source| Error::io(file, source))?;
        let broken = |error: &serde_json::Error| {
            Error::parse(
                file,
                error.line().max(1),
                error,
                "JSON as ExactGp::save writes it",
            )
        };
        let mut reader = serde_json::Deserializer::from_str(&text);
        let incoming: Incoming =
            serde_path_to_error::deserialize(&mut reader).map_err(|error| {
                if error.inner().is_data() {
                    let key = error.path().to_string();
                    Error::config(file, key, error.inner(), "what ExactGp::save writes")
                } else {
                    broken(error.inner())
                }
            })?;
        reader.end().map_err(|error| broken(&error))?;
        incoming.believe().map_err(|error| match error {
            Error::Argument {
                argument,
                found,
                allowed,
            } => Error::config(file, argument, found, allowed),
            other => other,
        })
    }
}
