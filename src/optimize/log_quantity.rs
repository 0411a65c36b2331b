//! A positive quantity that differs from trial to trial, by its logarithm: the cost, the variance of the noise.

use super::model::{Scale, fitted};
use super::space::Space;
use crate::error::Result;
use crate::gp::{ExactGp, Noise, Surrogate};
use ndarray::Array2;

/// Values that differ by less than this factor are one.
const SAME: f64 = 1.05;

/// What is believed of the logarithm.
#[derive(Debug)]
pub(super) enum LogQuantity {
    /// All values are alike.
    Same { log: f64 },
    /// A process of the standardised logarithm.
    Learned { process: Box<ExactGp>, scale: Scale },
}

impl LogQuantity {
    /// From the logarithms at the rows of `x`, at least one.
    pub fn fit(space: &Space, x: &Array2<f64>, logs: &[f64]) -> Result<Self> {
        let least = logs.iter().copied().fold(f64::INFINITY, f64::min);
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let scale = Scale::of(logs);
        if most - least <= SAME.ln() {
            return Ok(Self::Same { log: scale.shift });
        }
        let standardised: Vec<f64> = logs.iter().map(|log| scale.apply(*log)).collect();
        let process = fitted(space, &[], Noise::Homoscedastic(1e-2), x, &standardised)?;
        let process = Box::new(process);
        Ok(Self::Learned { process, scale })
    }

    pub fn is_same(&self) -> bool {
        matches!(self, Self::Same { .. })
    }

    /// The expected logarithm at each row.
    pub fn at(&self, x: &Array2<f64>) -> Result<Vec<f64>> {
        match self {
            Self::Same { log } => Ok(vec![*log; x.nrows()]),
            Self::Learned { process, scale } => {
                let means = process.posterior_mean(x)?;
                Ok(means.iter().map(|mean| scale.undo(*mean)).collect())
            }
        }
    }

    /// The expected logarithm at one place with its slopes.
    pub fn slopes(&self, x: &[f64]) -> Result<(f64, Vec<f64>)> {
        match self {
            Self::Same { log } => Ok((*log, vec![0.0; x.len()])),
            Self::Learned { process, scale } => {
                let slopes = process.slopes(x)?;
                let of_log = slopes.of_mean.iter().map(|s| s * scale.spread).collect();
                Ok((scale.undo(slopes.mean), of_log))
            }
        }
    }
}
