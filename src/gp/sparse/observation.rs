//! Measurements given the latent function, averaged over what is not known of it.

use super::model::check_positive;
use crate::error::Result;
use crate::gp::exact::check_target;
use crate::gp::likelihood::normal_average;
use crate::gp::noise::Noise;
use crate::gp::{Likelihood, likelihood};
use serde::{Deserialize, Serialize};

/// How a measurement comes about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Observation {
    /// y = f + ε with these noise variances.
    Gaussian(Noise),
    /// Counts or labels.
    Behind(Likelihood),
}

/// E[log p(y | f)] over f ~ N(mean, variance) and its derivatives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Expectation {
    pub value: f64,
    /// By the mean: E[∂ log p/∂f].
    pub slope: f64,
    /// Twice that by the variance: E[∂² log p/∂f²]. Bonnet's and Price's theorems, see Opper & Archambeau (2009),
    /// *Neural Comput.* 21, 786, eq. 16–18.
    pub curvature: f64,
    /// By the logarithm of the noise variance, where it is shared.
    pub by_log_noise: f64,
}

impl Observation {
    /// Accepts or refuses measurements.
    pub fn check(&self, y: &[f64]) -> Result<()> {
        match self {
            Self::Gaussian(noise) => {
                noise.check(y.len())?;
                (0..y.len()).try_for_each(|i| check_positive(noise.variance(i).unwrap_or(0.0)))?;
                y.iter().try_for_each(|&value| check_target(value))
            }
            Self::Behind(likelihood) if !likelihood.is_log_concave() => {
                Err(likelihood::wrong_question(
                    likelihood,
                    "log-concave likelihoods: Poisson or Bernoulli",
                ))
            }
            Self::Behind(likelihood) => likelihood.check(y),
        }
    }

    /// The noise, if it is Gaussian.
    pub fn noise(&self) -> Option<&Noise> {
        match self {
            Self::Gaussian(noise) => Some(noise),
            Self::Behind(_) => None,
        }
    }

    /// A latent value that explains measurement `index` alone; `None` if it says nothing.
    pub fn explaining(&self, index: usize, y: f64) -> Option<f64> {
        match self {
            Self::Gaussian(_) => Some(y),
            Self::Behind(likelihood) => likelihood.explaining(index, y),
        }
    }

    /// The expectation for measurement `index`: in closed form for Gaussian noise and counts, else by the trapezoidal
    /// rule, whose error is below 10⁻¹⁰ for these smooth functions.
    pub fn expectation(&self, index: usize, y: f64, mean: f64, variance: f64) -> Expectation {
        match self {
            Self::Gaussian(noise) => {
                let noise = noise.variance(index).unwrap_or(f64::NAN);
                let error = y - mean;
                let misfit = (error * error + variance) / noise;
                Expectation {
                    value: -0.5 * (misfit + (std::f64::consts::TAU * noise).ln()),
                    slope: error / noise,
                    curvature: -1.0 / noise,
                    by_log_noise: 0.5 * (misfit - 1.0),
                }
            }
            Self::Behind(likelihood @ Likelihood::Poisson { exposure }) => {
                // log p = y f − exposure eᶠ + (what it is at f = 0) + exposure.
                let exposure = exposure.get(index).copied().unwrap_or(f64::NAN);
                let expected = exposure * (mean + 0.5 * variance).exp();
                Expectation {
                    value: likelihood.log_density(index, y, 0.0) + exposure + y * mean - expected,
                    slope: y - expected,
                    curvature: -expected,
                    by_log_noise: 0.0,
                }
            }
            Self::Behind(likelihood) => {
                let deviation = variance.sqrt();
                // The poles of the logit lie π/deviation from the real axis.
                let step = (0.8 / deviation).clamp(0.01, 0.5);
                let average = |of: fn(&crate::gp::Derivatives) -> f64| {
                    normal_average(step, &mut |z| {
                        of(&likelihood.derivatives(index, y, mean + deviation * z))
                    })
                };
                Expectation {
                    value: average(|d| d.log_density),
                    slope: average(|d| d.first),
                    curvature: average(|d| d.second),
                    by_log_noise: 0.0,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gp::Link;

    /// Values against a fine Riemann sum of log p, derivatives against differences of the values.
    #[test]
    fn expectations_are_averages_and_their_derivatives_consistent() {
        let all = [
            Observation::Gaussian(Noise::Homoscedastic(0.3)),
            Observation::Behind(Likelihood::Poisson {
                exposure: vec![3.0],
            }),
            Observation::Behind(Likelihood::Bernoulli(Link::Logit)),
            Observation::Behind(Likelihood::Bernoulli(Link::Probit)),
        ];
        for observation in all {
            for (y, mean, variance) in [(1.0, -0.4, 0.5), (0.0, 1.1, 4.0), (1.0, -3.0, 9.0)] {
                let log_density = |f: f64| match &observation {
                    Observation::Gaussian(_) => {
                        -0.5 * ((y - f) * (y - f) / 0.3 + (0.3 * std::f64::consts::TAU).ln())
                    }
                    Observation::Behind(likelihood) => likelihood.log_density(0, y, f),
                };
                let at = observation.expectation(0, y, mean, variance);
                let h = 1e-3;
                let sum: f64 = (-12_000..=12_000)
                    .map(|k| {
                        let z = h * f64::from(k);
                        let weight = (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
                        h * weight * log_density(mean + variance.sqrt() * z)
                    })
                    .sum();
                let case = format!("{observation:?} {y} {mean} {variance}");
                assert!((at.value - sum).abs() < 1e-8 * (1.0 + sum.abs()), "{case}");
                let value = |m: f64, v: f64| observation.expectation(0, y, m, v).value;
                let h = 1e-4;
                let by_mean = (value(mean + h, variance) - value(mean - h, variance)) / (2.0 * h);
                let by_variance = (value(mean, variance + h) - value(mean, variance - h)) / h;
                let near = |a: f64, b: f64| (a - b).abs() < 1e-6 * (1.0 + b.abs());
                assert!(near(at.slope, by_mean), "{case}");
                assert!(near(at.curvature, by_variance), "{case}");
            }
        }
        let noise = |log: f64| Observation::Gaussian(Noise::Homoscedastic(f64::exp(log)));
        let value = |log: f64| noise(log).expectation(0, 1.0, 0.2, 0.4).value;
        let slope = (value(-1.0 + 1e-5) - value(-1.0 - 1e-5)) / 2e-5;
        let found = noise(-1.0).expectation(0, 1.0, 0.2, 0.4).by_log_noise;
        assert!((found - slope).abs() < 1e-8);
    }
}
