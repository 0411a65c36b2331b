//! Prior densities of positive hyper-parameters.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use statrs::function::gamma::ln_gamma;
use std::f64::consts::{FRAC_2_PI, TAU};

/// A log-normal prior on a positive hyper-parameter: log θ ~ N(log median, log_sd²).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LogNormal {
    /// The median, in units of the parameter.
    pub median: f64,
    /// Standard deviation of log θ; 0.7 says "within a factor of two, two times in three".
    pub log_sd: f64,
}

/// A prior on a positive hyper-parameter θ, for fits that maximise the posterior.
///
/// Fits maximise over log θ, so the density that counts is that of log θ, which is p(θ) θ: its mode does not depend on
/// the unit of θ, and it is what sampling in log θ would target. (GPyTorch adds p(θ) without the factor θ: its modes
/// are lower.) The modes below are those of the density of log θ.
///
/// ```
/// use dosewise::gp::Prior;
/// let prior = Prior::Gamma { shape: 3.0, rate: 6.0 };
/// // The mode over log θ is shape/rate.
/// assert!(prior.log_density(0.5) > prior.log_density(0.49));
/// assert!(prior.log_density(0.5) > prior.log_density(0.51));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Prior {
    /// log θ is normal; the mode is the median.
    LogNormal(LogNormal),
    /// p(θ) ∝ θ^(shape − 1) exp(−rate θ); the mode is shape/rate. Keeps θ from zero and, exponentially, from infinity.
    Gamma {
        /// Shape a > 0.
        shape: f64,
        /// Rate b > 0, one over the unit of the parameter.
        rate: f64,
    },
    /// p(θ) ∝ θ^(−shape − 1) exp(−scale/θ); the mode is scale/shape. Keeps a lengthscale well above zero, with a long
    /// upper tail.
    InverseGamma {
        /// Shape a > 0.
        shape: f64,
        /// Scale b > 0, in units of the parameter.
        scale: f64,
    },
    /// p(θ) ∝ exp(−θ²/(2 scale²)); the mode is the scale.
    HalfNormal {
        /// Scale > 0, in units of the parameter.
        scale: f64,
    },
    /// p(θ) ∝ 1/(1 + θ²/scale²); the mode is the scale. For variances, after Gelman, Bayesian Anal. 1 (2006) 515.
    HalfCauchy {
        /// Scale > 0, in units of the parameter.
        scale: f64,
    },
}

impl From<LogNormal> for Prior {
    fn from(shape: LogNormal) -> Self {
        Self::LogNormal(shape)
    }
}

impl Prior {
    /// The logarithm of the density of log θ at θ = `value` > 0, normalised, in nats.
    pub fn log_density(&self, value: f64) -> f64 {
        self.log_density_and_slope(value.ln()).0
    }

    /// The log density of log θ and its derivative by log θ.
    pub(super) fn log_density_and_slope(&self, log_value: f64) -> (f64, f64) {
        let value = log_value.exp();
        match *self {
            Self::LogNormal(LogNormal { median, log_sd }) => {
                let deviate = (log_value - median.ln()) / log_sd;
                let density = -0.5 * (deviate * deviate + TAU.ln()) - log_sd.ln();
                (density, -deviate / log_sd)
            }
            Self::Gamma { shape, rate } => {
                let constant = shape * rate.ln() - ln_gamma(shape);
                let density = constant + shape * log_value - rate * value;
                (density, shape - rate * value)
            }
            Self::InverseGamma { shape, scale } => {
                let constant = shape * scale.ln() - ln_gamma(shape);
                let density = constant - shape * log_value - scale / value;
                (density, scale / value - shape)
            }
            Self::HalfNormal { scale } => {
                let square = (value / scale).powi(2);
                let density = 0.5 * (FRAC_2_PI.ln() - square) - scale.ln() + log_value;
                (density, 1.0 - square)
            }
            Self::HalfCauchy { scale } => {
                let square = (value / scale).powi(2);
                let density = FRAC_2_PI.ln() - scale.ln() - square.ln_1p() + log_value;
                // Written so that an overflowing square gives −1.
                (density, 2.0 / (1.0 + square) - 1.0)
            }
        }
    }

    pub(super) fn check(&self, name: &str) -> Result<()> {
        let (a, b) = match *self {
            Self::LogNormal(LogNormal { median, log_sd }) => (median, log_sd),
            Self::Gamma { shape, rate } => (shape, rate),
            Self::InverseGamma { shape, scale } => (shape, scale),
            Self::HalfNormal { scale } | Self::HalfCauchy { scale } => (scale, scale),
        };
        let usable = 1e-100..=1e100;
        if usable.contains(&a) && usable.contains(&b) {
            return Ok(());
        }
        Err(Error::argument(
            "priors",
            format!("`{name}` with {self:?}"),
            "positive numbers in 1e-100..=1e100",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_the_derivatives_and_vanish_at_the_modes() {
        let log_normal = LogNormal {
            median: 0.3,
            log_sd: 0.8,
        };
        let (shape, rate, scale) = (2.5, 4.0, 1.2);
        for (prior, mode) in [
            (Prior::from(log_normal), 0.3),
            (Prior::Gamma { shape, rate }, shape / rate),
            (Prior::InverseGamma { shape, scale }, scale / shape),
            (Prior::HalfNormal { scale }, scale),
            (Prior::HalfCauchy { scale }, scale),
        ] {
            for value in [0.01_f64, 0.4, 1.0, 7.0] {
                let log = value.ln();
                let density = |log: f64| prior.log_density_and_slope(log).0;
                let difference = (density(log + 1e-5) - density(log - 1e-5)) / 2e-5;
                let slope = prior.log_density_and_slope(log).1;
                assert!(
                    (difference - slope).abs() < 1e-6 * (1.0 + slope.abs()),
                    "{prior:?}"
                );
            }
            assert!(
                prior.log_density_and_slope(mode.ln()).1.abs() < 1e-12,
                "{prior:?}"
            );
            assert!(prior.check("lengthscale").is_ok());
        }
    }
}
