//! Processes seen through something other than constant Gaussian noise: counts, labels, outliers, varying noise.
//!
//! | your measurements are | you take |
//! | --- | --- |
//! | counts of electrons at known exposures | [`LaplaceGp`] with [`Likelihood::Poisson`] |
//! | labels 0 and 1 | [`LaplaceGp`] with [`Likelihood::Bernoulli`] |
//! | real numbers with outliers | [`LaplaceGp`] with [`Likelihood::StudentT`] |
//! | real numbers whose noise varies from place to place | [`HeteroscedasticGp`] |
//!
//! A likelihood p(y | f) is given by its logarithm and the first three derivatives in f: two for the mode of the
//! latent function and the curvature around it, the third for the gradient of the evidence.

mod bernoulli;
mod evidence;
mod grown;
mod heteroscedastic;
mod laplace;
mod latent;
mod mode;
mod poisson;
mod prediction;
mod saved;
mod site_precision;
mod student_t;
mod variational;

pub use bernoulli::Link;
pub use heteroscedastic::{HeteroscedasticGp, HeteroscedasticPosterior};
pub use laplace::LaplaceGp;
pub use latent::LatentPosterior;
pub use prediction::Prediction;

pub(super) use prediction::normal_average;

use super::kernel::{Parameter, Role, check_parameter};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// How a measurement y comes about given the value f of the latent function at its place.
///
/// ```
/// use dosewise::gp::{Likelihood, Link};
/// let counts = Likelihood::Poisson { exposure: vec![100.0] };
/// // The expected count is 100 exp(f): nothing pulls at f = ln 0.07 when 7 electrons arrived.
/// let at = counts.derivatives(0, 7.0, 0.07_f64.ln());
/// assert!(at.first.abs() < 1e-13 && (at.second + 7.0).abs() < 1e-13);
/// assert!((Likelihood::Bernoulli(Link::Logit).log_density(0, 1.0, 0.0) - 0.5_f64.ln()).abs() < 1e-15);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Likelihood {
    /// Counts y = 0, 1, 2, … with y ~ Poisson(exposure · exp f): f is the natural logarithm of the expected count
    /// per unit of exposure (per electron, if the exposure is a number of electrons).
    Poisson {
        /// One exposure a measurement, zero or positive; a zero exposure can only bring a zero count and says nothing.
        exposure: Vec<f64>,
    },
    /// Labels y ∈ {0, 1}; f is the logit, or the probit, of the probability of label 1.
    Bernoulli(Link),
    /// Real numbers y = f + scale · t with t Student-distributed: outliers are no surprise. Not log-concave.
    /// Both numbers are hyper-parameters of a fit, named `degrees of freedom` and `squared scale`.
    StudentT {
        /// ν > 0: small for many outliers, large for almost Gaussian noise.
        degrees_of_freedom: f64,
        /// Width of the noise, in units of the outputs (a standard deviation only as ν → ∞).
        scale: f64,
    },
}

/// The logarithm of p(y | f) and its derivatives in f.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Derivatives {
    /// log p(y | f), nats.
    pub log_density: f64,
    /// ∂ log p / ∂f.
    pub first: f64,
    /// ∂² log p / ∂f², not positive where the likelihood is log-concave.
    pub second: f64,
    /// ∂³ log p / ∂f³.
    pub third: f64,
}

/// Derivatives of one measurement's terms by the logarithm of one hyper-parameter of the likelihood.
pub(super) struct ParameterDerivatives {
    pub log_density: f64,
    pub first: f64,
    pub second: f64,
}

impl Likelihood {
    /// log p(y | f) of measurement `index`, nats; −∞ or NaN for impossible arguments, which
    /// [`Likelihood::check`] keeps out.
    pub fn log_density(&self, index: usize, y: f64, f: f64) -> f64 {
        match self {
            Self::Poisson { exposure } => poisson::log_density(exposure_at(exposure, index), y, f),
            Self::Bernoulli(link) => link.log_density(y, f),
            Self::StudentT {
                degrees_of_freedom,
                scale,
            } => student_t::log_density(*degrees_of_freedom, *scale, y - f),
        }
    }

    /// log p(y | f) of measurement `index` and its first three derivatives in f.
    pub fn derivatives(&self, index: usize, y: f64, f: f64) -> Derivatives {
        match self {
            Self::Poisson { exposure } => poisson::derivatives(exposure_at(exposure, index), y, f),
            Self::Bernoulli(link) => link.derivatives(y, f),
            Self::StudentT {
                degrees_of_freedom,
                scale,
            } => student_t::derivatives(*degrees_of_freedom, *scale, y - f),
        }
    }

    /// Accepts or refuses measurements.
    ///
    /// # Errors
    /// [`Error::Argument`] naming `y` if a count is negative, fractional or above 2⁵³, a label is neither 0 nor 1, a
    /// number is not finite, or a count is above zero at zero exposure; naming the exposure, the degrees of freedom
    /// or the scale if one of these is unusable.
    pub fn check(&self, y: &[f64]) -> Result<()> {
        match self {
            Self::Poisson { exposure } => poisson::check(exposure, y),
            Self::Bernoulli(_) => bernoulli::check(y),
            Self::StudentT {
                degrees_of_freedom,
                scale,
            } => {
                check_parameter("degrees_of_freedom", *degrees_of_freedom)?;
                check_parameter("scale", *scale)?;
                check_parameter("scale²", scale * scale)?;
                y.iter()
                    .try_for_each(|&value| super::exact::check_target(value))
            }
        }
    }

    /// The hyper-parameters of the likelihood itself.
    pub fn parameters(&self) -> Vec<Parameter> {
        match self {
            Self::StudentT {
                degrees_of_freedom,
                scale,
            } => vec![
                Parameter {
                    name: "degrees of freedom".into(),
                    role: Role::Shape,
                    value: *degrees_of_freedom,
                },
                Parameter {
                    name: "squared scale".into(),
                    role: Role::NoiseVariance,
                    value: scale * scale,
                },
            ],
            _ => Vec::new(),
        }
    }

    /// Whether log p(y | f) is concave in f, so that the latent function has one mode.
    pub fn is_log_concave(&self) -> bool {
        !matches!(self, Self::StudentT { .. })
    }

    /// The same with other hyper-parameters, given by their logarithms in the order of [`Likelihood::parameters`].
    pub(super) fn with_log_parameters(&self, values: &[f64]) -> Result<Self> {
        super::kernel::check_log_parameters(values, self.parameters().len())?;
        Ok(match (self, values) {
            (Self::StudentT { .. }, [freedom, squared_scale]) => Self::StudentT {
                degrees_of_freedom: freedom.exp(),
                scale: (0.5 * squared_scale).exp(),
            },
            _ => self.clone(),
        })
    }

    /// Adds to `out`, one entry a hyper-parameter, what `weigh` makes of this measurement's derivatives.
    pub(super) fn accumulate_parameter_gradient(
        &self,
        y: f64,
        f: f64,
        out: &mut [f64],
        weigh: impl Fn(&ParameterDerivatives) -> f64,
    ) {
        if let Self::StudentT {
            degrees_of_freedom,
            scale,
        } = self
        {
            let terms = student_t::parameter_derivatives(*degrees_of_freedom, *scale, y - f);
            for (slot, term) in out.iter_mut().zip(&terms) {
                *slot += weigh(term);
            }
        }
    }

    /// A curvature of a parabola below log p(y | f) that touches it at f: a step to the maximum of parabola plus
    /// prior never goes down. Equals −∂² log p/∂f² where that is all that is needed.
    pub(super) fn safe_curvature(&self, y: f64, f: f64, second: f64) -> f64 {
        match self {
            Self::StudentT {
                degrees_of_freedom,
                scale,
            } => student_t::safe_curvature(*degrees_of_freedom, *scale, y - f),
            _ => -second,
        }
    }

    /// A value of f that explains measurement `index` alone; `None` if it says nothing.
    pub(super) fn explaining(&self, index: usize, y: f64) -> Option<f64> {
        match self {
            Self::Poisson { exposure } => {
                let exposure = exposure_at(exposure, index);
                (exposure > 0.0).then(|| ((y + 0.5) / exposure).ln())
            }
            Self::Bernoulli(_) => Some(if y > 0.5 { 1.5 } else { -1.5 }),
            Self::StudentT { .. } => Some(y),
        }
    }

    /// The likelihood of one measurement more, with its exposure if it is a count.
    pub(super) fn with_one_more(&self, exposure: Option<f64>) -> Result<Self> {
        match (self, exposure) {
            (Self::Poisson { exposure: all }, Some(exposure)) => {
                poisson::check_exposure(exposure)?;
                let exposure = all.iter().copied().chain([exposure]).collect();
                Ok(Self::Poisson { exposure })
            }
            (Self::Poisson { .. }, None) => Err(Error::argument(
                "exposure",
                "nothing",
                "an exposure, since every count has its own",
            )),
            (other, None) => Ok(other.clone()),
            (other, Some(exposure)) => Err(Error::argument(
                "exposure",
                format!("{exposure} for {}", other.name()),
                "None, for anything but counts",
            )),
        }
    }

    /// The likelihood of the measurements at `indices` alone.
    pub(super) fn select(&self, indices: &[usize]) -> Self {
        match self {
            Self::Poisson { exposure } => Self::Poisson {
                exposure: indices.iter().map(|&i| exposure[i]).collect(),
            },
            other => other.clone(),
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Poisson { .. } => "Poisson counts",
            Self::Bernoulli(_) => "Bernoulli labels",
            Self::StudentT { .. } => "Student-t noise",
        }
    }
}

fn exposure_at(exposure: &[f64], index: usize) -> f64 {
    exposure.get(index).copied().unwrap_or(f64::NAN)
}

/// Refuses a question that this likelihood has no answer to.
pub(super) fn wrong_question(likelihood: &Likelihood, needed: &str) -> Error {
    Error::argument("likelihood", likelihood.name(), needed)
}

/// Σᵢ over the rows of a symmetric row-major matrix: K v.
pub(super) fn multiply(matrix: &[f64], v: &[f64]) -> Vec<f64> {
    let rows = matrix.chunks_exact(v.len().max(1));
    rows.map(|row| super::kernel::dot(row, v)).collect()
}

/// The symmetric n × n matrix of covariances among `points`, row-major.
pub(super) fn covariance_matrix(
    kernel: &dyn super::Kernel,
    points: super::PointsView<'_>,
) -> Result<Vec<f64>> {
    let n = points.len();
    let mut matrix = crate::linalg::zeros(n, n)?;
    kernel.matrix(points, points, &mut matrix)?;
    Ok(matrix)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every derivative against a central difference of the one before it.
    #[test]
    fn derivatives_match_finite_differences() {
        let likelihoods = [
            Likelihood::Poisson {
                exposure: vec![3.0],
            },
            Likelihood::Bernoulli(Link::Logit),
            Likelihood::Bernoulli(Link::Probit),
            Likelihood::StudentT {
                degrees_of_freedom: 3.5,
                scale: 0.7,
            },
        ];
        for likelihood in likelihoods {
            for y in [0.0, 1.0] {
                for f in [-40.0, -7.0, -2.9, -1.4, -0.2, 0.0, 0.6, 2.5, 8.0] {
                    let h = 1e-5;
                    let at = likelihood.derivatives(0, y, f);
                    let up = likelihood.derivatives(0, y, f + h);
                    let down = likelihood.derivatives(0, y, f - h);
                    let pairs = [
                        (at.first, (up.log_density - down.log_density) / (2.0 * h)),
                        (at.second, (up.first - down.first) / (2.0 * h)),
                        (at.third, (up.second - down.second) / (2.0 * h)),
                    ];
                    let size = 1.0 + at.log_density.abs();
                    for (order, (found, expected)) in pairs.into_iter().enumerate() {
                        let tolerance = 1e-8 * (size + expected.abs());
                        let case = format!("{likelihood:?} y {y} f {f} order {}", order + 1);
                        assert!(
                            (found - expected).abs() < tolerance,
                            "{case}: {found} {expected}"
                        );
                    }
                    assert_eq!(likelihood.log_density(0, y, f), at.log_density);
                }
            }
        }
    }

    #[test]
    fn parameter_derivatives_match_finite_differences() {
        let at = |theta: &[f64; 2]| Likelihood::StudentT {
            degrees_of_freedom: theta[0].exp(),
            scale: (0.5 * theta[1]).exp(),
        };
        for residual in [-9.0, -1.1, 0.0, 0.3, 2.0] {
            let theta = [1.3_f64, -0.4];
            let terms =
                student_t::parameter_derivatives(theta[0].exp(), (0.5 * theta[1]).exp(), residual);
            for (p, term) in terms.iter().enumerate() {
                let (mut up, mut down) = (theta, theta);
                up[p] += 1e-5;
                down[p] -= 1e-5;
                let (up, down) = (
                    at(&up).derivatives(0, residual, 0.0),
                    at(&down).derivatives(0, residual, 0.0),
                );
                let slope = |up: f64, down: f64| (up - down) / 2e-5;
                assert!((term.log_density - slope(up.log_density, down.log_density)).abs() < 1e-9);
                assert!((term.first - slope(up.first, down.first)).abs() < 1e-9);
                assert!((term.second - slope(up.second, down.second)).abs() < 1e-9);
            }
        }
    }
}
