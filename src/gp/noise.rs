//! The variance of the measurements around the latent function.

use super::kernel::{Parameter, Role};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// Measurement noise. **Every number here is a variance (σ²), not a standard deviation.**
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Noise {
    /// One known **variance** a measurement, in squared units of the outputs: for a Poisson count N taken at dose D
    /// and read as a rate N/D this is N/D², for an average of k repeats σ²/k. Never changed by fitting.
    Known(Vec<f64>),
    /// One **variance** shared by all measurements, in squared units of the outputs; a hyper-parameter of the fit.
    Homoscedastic(f64),
}

impl Noise {
    /// The variance of measurement `index`, `None` if it is not known.
    pub fn variance(&self, index: usize) -> Option<f64> {
        match self {
            Self::Known(variances) => variances.get(index).copied(),
            Self::Homoscedastic(variance) => Some(*variance),
        }
    }

    /// The shared variance as a hyper-parameter; none if the variances are known.
    pub(super) fn parameter(&self) -> Option<Parameter> {
        match self {
            Self::Known(_) => None,
            Self::Homoscedastic(value) => Some(Parameter {
                name: "noise variance".into(),
                role: Role::NoiseVariance,
                value: *value,
            }),
        }
    }

    /// The noise of the measurements at `indices`, each below their number where the noise is known for each.
    pub(super) fn select(&self, indices: &[usize]) -> Self {
        match self {
            Self::Known(variances) => Self::Known(indices.iter().map(|&i| variances[i]).collect()),
            shared => shared.clone(),
        }
    }

    /// Whether every one of `count` measurements has a usable variance.
    pub(super) fn check(&self, count: usize) -> Result<()> {
        let variances = match self {
            Self::Known(variances) => {
                if variances.len() != count {
                    return Err(Error::argument(
                        "noise",
                        format!("{} variances", variances.len()),
                        format!("{count} variances, one for each measurement"),
                    ));
                }
                variances.as_slice()
            }
            Self::Homoscedastic(variance) => std::slice::from_ref(variance),
        };
        variances.iter().try_for_each(|&v| check_variance(v))
    }

    /// Settles the variance of one more measurement and remembers it where it is known per measurement.
    pub(super) fn admit(&self, given: Option<f64>) -> Result<f64> {
        match (self, given) {
            (Self::Known(_), Some(variance)) => {
                check_variance(variance)?;
                Ok(variance)
            }
            (Self::Known(_), None) => Err(Error::argument(
                "noise_variance",
                "nothing",
                "a variance, since the noise is known for each measurement",
            )),
            (Self::Homoscedastic(variance), None) => Ok(*variance),
            (Self::Homoscedastic(_), Some(variance)) => Err(Error::argument(
                "noise_variance",
                variance,
                "None, since all measurements share one variance; use Noise::Known for one each",
            )),
        }
    }

    pub(super) fn push(&mut self, variance: f64) {
        if let Self::Known(variances) = self {
            variances.push(variance);
        }
    }
}

fn check_variance(variance: f64) -> Result<()> {
    if (0.0..=1e300).contains(&variance) {
        return Ok(());
    }
    Err(Error::argument(
        "noise variance",
        variance,
        "a finite number, zero or positive",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_keeps_each_variance_with_its_measurement() {
        let known = Noise::Known(vec![0.1, 0.2, 0.3]);
        assert_eq!(known.select(&[2, 0, 2]), Noise::Known(vec![0.3, 0.1, 0.3]));
        assert_eq!(known.select(&[]), Noise::Known(Vec::new()));
        let shared = Noise::Homoscedastic(0.4);
        assert_eq!(shared.select(&[7]), shared);
    }
}
