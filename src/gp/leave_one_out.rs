//! Every measurement predicted from all others: does the model fit what it has seen?

use super::exact::ExactGp;
use crate::error::{Error, Result};
use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal};
use std::f64::consts::TAU;
use std::fmt;

/// Levels of the intervals whose coverage [`Diagnostics`] counts.
const LEVELS: [f64; 3] = [0.5, 0.9, 0.95];

impl ExactGp {
    /// Predicts each of the n measurements from the n − 1 others, hyper-parameters and mean as they are. Coefficients
    /// of a mean that a fit has estimated are held fixed too: they have seen the measurement left out.
    ///
    /// No process is conditioned anew: with A the covariance of the measurements, noise included, and α = A⁻¹(y − m),
    /// μ₋ᵢ = yᵢ − αᵢ/\[A⁻¹\]ᵢᵢ and σ²₋ᵢ = 1/\[A⁻¹\]ᵢᵢ (Rasmussen & Williams 2006, eq. 5.12), n³/3 multiplications for all.
    /// Where the factor needed [jitter](ExactGp::jitter), that counts as noise of the other measurements, as it does in a
    /// posterior, but not as noise of the one predicted.
    ///
    /// ```
    /// use dosewise::gp::{ExactGp, Kernel, Noise, Rbf};
    /// use ndarray::array;
    /// let x = array![[0.0], [0.1], [0.2], [0.3], [0.4]];
    /// let y = [0.0, 0.1, 3.0, 0.3, 0.4];
    /// let gp = ExactGp::new(Rbf::isotropic(1.0), Noise::Homoscedastic(1e-3)).condition(&x, &y)?;
    /// let (worst, residual) = gp.leave_one_out()?.diagnostics().largest_standardised_residual;
    /// assert!(worst == 2 && residual > 10.0, "an outlier that no other measurement explains");
    /// # Ok::<(), dosewise::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no measurement, or no memory for another n × n matrix.
    pub fn leave_one_out(&self) -> Result<LeaveOneOut> {
        if self.is_empty() {
            return Err(Error::argument("y", "no measurement", "at least one"));
        }
        let jitter = self.jitter();
        let precisions = self.factor.inverse_diagonal()?;
        let mut found = LeaveOneOut {
            targets: self.targets.clone(),
            mean: Vec::with_capacity(self.len()),
            variance: Vec::with_capacity(self.len()),
            latent_variance: Vec::with_capacity(self.len()),
            effective_degrees_of_freedom: 0.0,
            condition_number: self.factor.condition_number(),
            jitter,
        };
        for (i, (precision, alpha)) in precisions.iter().zip(self.alpha()).enumerate() {
            let noise = self.noise.variance(i).unwrap_or(0.0);
            let whole = 1.0 / precision;
            let latent = (whole - noise - jitter).max(0.0);
            found.mean.push(self.targets[i] - alpha / precision);
            found.latent_variance.push(latent);
            // Never below the rounding error of what it was computed from, so that one can divide by it.
            found
                .variance
                .push((latent + noise).max(f64::EPSILON * whole));
            found.effective_degrees_of_freedom += 1.0 - (noise + jitter) * precision;
        }
        Ok(found)
    }
}

/// Each measurement as the others predict it, from [`ExactGp::leave_one_out`].
///
/// The residuals are correlated with one another, so that their count within an interval scatters more than that of
/// independent ones.
#[derive(Debug, Clone, PartialEq)]
pub struct LeaveOneOut {
    targets: Vec<f64>,
    mean: Vec<f64>,
    variance: Vec<f64>,
    latent_variance: Vec<f64>,
    effective_degrees_of_freedom: f64,
    condition_number: f64,
    jitter: f64,
}

impl LeaveOneOut {
    /// What the others predict for each measurement, in units of the outputs.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// **Variance** of each predicted measurement, its own noise included; positive.
    pub fn variance(&self) -> &[f64] {
        &self.variance
    }

    /// **Variance** of the latent function at each measured place, as the others leave it.
    pub fn latent_variance(&self) -> &[f64] {
        &self.latent_variance
    }

    /// y − prediction, in units of the outputs.
    pub fn residuals(&self) -> Vec<f64> {
        let pairs = self.targets.iter().zip(&self.mean);
        pairs.map(|(y, mean)| y - mean).collect()
    }

    /// (y − prediction)/√variance: standard normal each if the model is right.
    pub fn standardised_residuals(&self) -> Vec<f64> {
        let pairs = self.residuals().into_iter().zip(&self.variance);
        pairs.map(|(r, variance)| r / variance.sqrt()).collect()
    }

    /// Log density of each measurement under its prediction, in nats; Rasmussen & Williams (2006), eq. 5.10.
    pub fn log_densities(&self) -> Vec<f64> {
        let pairs = self.residuals().into_iter().zip(&self.variance);
        pairs
            .map(|(r, &variance)| log_density(r, variance))
            .collect()
    }

    /// The sum of all log densities, in nats: the "pseudo-likelihood" of Rasmussen & Williams (2006), eq. 5.11, which
    /// compares models of the same measurements.
    pub fn log_predictive_density(&self) -> f64 {
        self.log_densities().iter().sum()
    }

    /// Root of the mean squared residual, in units of the outputs.
    pub fn root_mean_squared_error(&self) -> f64 {
        average(self.residuals().iter().map(|r| r * r)).sqrt()
    }

    /// Mean squared residual over the variance of the measurements: one for predictions no better than their average.
    /// `None` if they are all equal. Rasmussen & Williams (2006), section 2.5.
    pub fn standardised_mean_squared_error(&self) -> Option<f64> {
        let (_, variance) = self.trivial_model()?;
        Some(self.root_mean_squared_error().powi(2) / variance)
    }

    /// Mean of −log density, less that of the normal distribution with the average and variance of all measurements,
    /// in nats: zero for a model no better than that, the more negative the better. `None` if they are all equal.
    /// Rasmussen & Williams (2006), section 2.5.
    pub fn mean_standardised_log_loss(&self) -> Option<f64> {
        let (centre, variance) = self.trivial_model()?;
        let trivial = self
            .targets
            .iter()
            .map(|y| log_density(y - centre, variance));
        Some(average(trivial) - average(self.log_densities().into_iter()))
    }

    /// Share of the measurements within the central interval that should hold this share of them.
    ///
    /// # Errors
    /// [`Error::Argument`] if `level` is not between zero and one.
    pub fn coverage(&self, level: f64) -> Result<f64> {
        if !(level > 0.0 && level < 1.0) {
            return Err(Error::argument("level", level, "a probability in 0..1"));
        }
        Ok(self.covered(level))
    }

    fn covered(&self, level: f64) -> f64 {
        let half_width = Normal::standard().inverse_cdf(0.5 + 0.5 * level);
        let residuals = self.standardised_residuals();
        let within = residuals.iter().filter(|z| z.abs() <= half_width).count();
        within as f64 / residuals.len() as f64
    }

    /// Average and variance of the measurements, if they differ.
    fn trivial_model(&self) -> Option<(f64, f64)> {
        let centre = average(self.targets.iter().copied());
        let variance = average(self.targets.iter().map(|y| (y - centre).powi(2)));
        (variance > 0.0).then_some((centre, variance))
    }

    /// All of it in a few numbers, which print as one block.
    pub fn diagnostics(&self) -> Diagnostics {
        let residuals = self.standardised_residuals().into_iter().enumerate();
        let largest = residuals.max_by(|(_, a), (_, b)| a.abs().total_cmp(&b.abs()));
        Diagnostics {
            measurements: self.targets.len(),
            root_mean_squared_error: self.root_mean_squared_error(),
            standardised_mean_squared_error: self.standardised_mean_squared_error(),
            mean_standardised_log_loss: self.mean_standardised_log_loss(),
            coverage: LEVELS.map(|level| (level, self.covered(level))),
            largest_standardised_residual: largest.expect("one measurement at least"),
            effective_degrees_of_freedom: self.effective_degrees_of_freedom,
            condition_number: self.condition_number,
            jitter: self.jitter,
        }
    }
}

fn log_density(residual: f64, variance: f64) -> f64 {
    -0.5 * (residual * residual / variance + (TAU * variance).ln())
}

fn average(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

/// Whether a model fits its own measurements, from [`LeaveOneOut::diagnostics`]; printing it gives a block of text.
///
/// What to look for, after Bastos & O'Hagan, *Technometrics* **51** (2009) 425: standardised residuals far beyond ±3 are
/// outliers, or places where the function varies faster than the kernel believes; coverage far above its level means
/// variances too large, below it too small; degrees of freedom near the number of measurements mean that the model
/// follows every one of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Diagnostics {
    /// Number of measurements n.
    pub measurements: usize,
    /// See [`LeaveOneOut::root_mean_squared_error`].
    pub root_mean_squared_error: f64,
    /// See [`LeaveOneOut::standardised_mean_squared_error`].
    pub standardised_mean_squared_error: Option<f64>,
    /// See [`LeaveOneOut::mean_standardised_log_loss`].
    pub mean_standardised_log_loss: Option<f64>,
    /// Level, and share of the measurements within their central interval of that level: 50, 90 and 95 %.
    pub coverage: [(f64, f64); 3],
    /// Index and standardised residual of the measurement that the others predict worst.
    pub largest_standardised_residual: (usize, f64),
    /// tr(K A⁻¹), with A = K + noise: how many of the n numbers the latent function makes use of (Rasmussen & Williams 2006,
    /// section 2.6).
    pub effective_degrees_of_freedom: f64,
    /// Estimate of the condition number of A, see [`Cholesky::condition_number`](crate::linalg::Cholesky::condition_number).
    pub condition_number: f64,
    /// What was added to the diagonal of A to factor it.
    pub jitter: f64,
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_none = |value: Option<f64>| match value {
            Some(value) => readable(value),
            None => "none, all measurements are equal".to_owned(),
        };
        let percent = |share: f64| format!("{:.1}", 100.0 * share);
        let levels = self.coverage.map(|(level, _)| percent(level));
        let shares = self.coverage.map(|(_, share)| percent(share));
        let (index, residual) = self.largest_standardised_residual;
        let worst = format!("{} at measurement {index}", readable(residual));
        let lines = [
            (
                "root mean squared error",
                readable(self.root_mean_squared_error),
            ),
            (
                "standardised mean squared error",
                or_none(self.standardised_mean_squared_error),
            ),
            (
                "mean standardised log loss",
                or_none(self.mean_standardised_log_loss),
            ),
            ("% expected within intervals", levels.join(", ")),
            ("% found within them", shares.join(", ")),
            ("largest standardised residual", worst),
            (
                "effective degrees of freedom",
                readable(self.effective_degrees_of_freedom),
            ),
            ("condition number, about", readable(self.condition_number)),
            ("jitter", readable(self.jitter)),
        ];
        let count = self.measurements;
        write!(f, "{count} measurements, each predicted from the others")?;
        let mut lines = lines.iter();
        lines.try_for_each(|(name, value)| write!(f, "\n  {name:<32} {value}"))
    }
}

/// Without an exponent where four decimals do.
fn readable(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        0.001..1e6 => format!("{value:.4}"),
        _ => format!("{value:.3e}"),
    }
}
