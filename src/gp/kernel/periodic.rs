//! Periodic functions.

use super::{CHUNK, Kernel, Parameter, PerCoordinate, Role, check_log_parameters, dot, runs};
use crate::error::Result;
use crate::gp::exponential::exp_of_negative;
use crate::gp::points::PointsView;
use crate::random::Stream;
use rand_distr::{Distribution, Poisson};
use serde::{Deserialize, Serialize};
use std::f64::consts::{PI, TAU};

/// Mean of Poisson numbers whose difference is normal to all purposes, its steps 10⁻⁶ of its deviation.
const MOST_COUNTED: f64 = 1e12;

/// Periodic: k = exp(−2 Σ_d sin²(π (x_d − x′_d)/p_d)/ℓ_d²), with periods p and lengthscales ℓ.
///
/// The squared exponential of points wound onto circles (MacKay 1998; Rasmussen & Williams 2006, eq. 4.31), one
/// circle for each coordinate, hence a product over coordinates. The lengthscales are pure numbers: distances on a
/// circle of unit radius. Hyper-parameters: the lengthscales, then the periods.
///
/// (scikit-learn puts the Euclidean distance into one sine; the two are equal in one dimension.)
///
/// ```
/// use dosewise::gp::{Kernel, Periodic};
/// let kernel = Periodic::isotropic(1.0, 0.5);
/// assert!((kernel.covariance(&[0.1], &[2.6]) - 1.0).abs() < 1e-12); // five periods away
/// assert!((kernel.covariance(&[0.0], &[0.25]) - (-2.0_f64).exp()).abs() < 1e-15); // half a period away
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Periodic {
    lengthscale: PerCoordinate,
    period: PerCoordinate,
}

impl Periodic {
    /// One lengthscale (a pure number) and one period (units of the inputs) for every coordinate.
    pub fn isotropic(lengthscale: f64, period: f64) -> Self {
        Self {
            lengthscale: PerCoordinate::Shared(lengthscale),
            period: PerCoordinate::Shared(period),
        }
    }

    /// A lengthscale (a pure number) and a period (units of the inputs) for each coordinate.
    pub fn ard(lengthscales: impl Into<Vec<f64>>, periods: impl Into<Vec<f64>>) -> Self {
        Self {
            lengthscale: PerCoordinate::Each(lengthscales.into()),
            period: PerCoordinate::Each(periods.into()),
        }
    }

    /// The lengthscales, pure numbers: one, or one for each coordinate.
    pub fn lengthscales(&self) -> &[f64] {
        self.lengthscale.values()
    }

    /// The periods: one, or one for each coordinate.
    pub fn periods(&self) -> &[f64] {
        self.period.values()
    }

    /// Coordinates that the parameters and the points know.
    fn shared_dimension(&self, point: &[f64]) -> usize {
        let period = self.period.shared_dimension(point);
        self.lengthscale.shared_dimension(point).min(period)
    }

    /// 2/ℓ² of coordinate `k`.
    fn strength(&self, k: usize) -> f64 {
        let lengthscale = self.lengthscale.get(k);
        2.0 / (lengthscale * lengthscale)
    }

    fn exponents(&self, point: &[f64], others: PointsView<'_>, out: &mut [f64]) {
        out.fill(0.0);
        let shared = self.shared_dimension(point);
        for (k, &own) in point[..shared].iter().enumerate() {
            let (strength, period) = (self.strength(k), self.period.get(k));
            for (sum, other) in out.iter_mut().zip(others.coordinate(k)) {
                let sine = turn((own - other) / period).sin();
                *sum -= strength * (sine * sine);
            }
        }
    }
}

/// π times the distance to the nearest whole number.
fn turn(periods: f64) -> f64 {
    PI * (periods - periods.round())
}

impl Kernel for Periodic {
    fn check(&self, dimension: usize) -> Result<()> {
        self.lengthscale.check("lengthscale", dimension)?;
        self.period.check("period", dimension)
    }

    fn covariances(&self, point: &[f64], others: PointsView<'_>, out: &mut [f64]) {
        self.exponents(point, others, out);
        for value in out {
            *value = exp_of_negative(*value);
        }
    }

    fn variance(&self, _point: &[f64]) -> f64 {
        1.0
    }

    fn parameters(&self) -> Vec<Parameter> {
        // The lengthscales have no unit, so the extent of the points says nothing about them.
        let mut parameters = self.lengthscale.parameters("lengthscale", |_| Role::Shape);
        parameters.extend(self.period.parameters("period", Role::Period));
        parameters
    }

    fn parameter_count(&self) -> usize {
        self.lengthscale.count() + self.period.count()
    }

    fn set_log_parameters(&mut self, values: &[f64]) -> Result<()> {
        check_log_parameters(values, self.parameter_count())?;
        let (lengthscales, periods) = values.split_at(self.lengthscale.count());
        self.lengthscale.set_logs(lengthscales);
        self.period.set_logs(periods);
        Ok(())
    }

    fn accumulate_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) -> f64 {
        // With t = (x_d − x′_d)/p_d: dk/dlog ℓ_d = k (4/ℓ_d²) sin²(π t), dk/dlog p_d = k (2/ℓ_d²) π t sin(2 π t).
        let (lengthscale_slots, period_slots) = gradient.split_at_mut(self.lengthscale.count());
        let shared = self.shared_dimension(point);
        let mut sum = 0.0;
        for (others, weights) in runs(others, weights) {
            let mut scratch = [0.0; CHUNK];
            let factors = &mut scratch[..weights.len()];
            self.covariances(point, others, factors);
            sum += dot(weights, factors);
            for (factor, weight) in factors.iter_mut().zip(weights) {
                *factor *= weight;
            }
            for (k, &own) in point[..shared].iter().enumerate() {
                let (strength, period) = (self.strength(k), self.period.get(k));
                let (mut by_lengthscale, mut by_period) = (0.0, 0.0);
                for (factor, other) in factors.iter().zip(others.coordinate(k)) {
                    let periods = (own - other) / period;
                    let (sine, cosine) = turn(periods).sin_cos();
                    by_lengthscale += factor * (sine * sine);
                    by_period += factor * (PI * periods) * (sine * cosine);
                }
                lengthscale_slots[self.lengthscale.slot(k)] += 2.0 * strength * by_lengthscale;
                period_slots[self.period.slot(k)] += 2.0 * strength * by_period;
            }
        }
        sum
    }

    fn accumulate_input_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) {
        // With t = (x_d − x′_d)/p_d: dk/dx_d = −k (4/ℓ_d²) (π/p_d) sin(π t) cos(π t).
        let shared = self.shared_dimension(point);
        for (others, weights) in runs(others, weights) {
            let mut scratch = [0.0; CHUNK];
            let factors = &mut scratch[..weights.len()];
            self.covariances(point, others, factors);
            for (factor, weight) in factors.iter_mut().zip(weights) {
                *factor *= weight;
            }
            for (k, slot) in gradient.iter_mut().enumerate().take(shared) {
                let (own, period) = (point[k], self.period.get(k));
                let mut sum = 0.0;
                for (factor, other) in factors.iter().zip(others.coordinate(k)) {
                    let (sine, cosine) = turn((own - other) / period).sin_cos();
                    sum += factor * (sine * cosine);
                }
                *slot -= 2.0 * self.strength(k) * PI / period * sum;
            }
        }
    }

    fn accumulate_variance_gradient(&self, _point: &[f64], _weight: f64, _gradient: &mut [f64]) {}

    /// Whole multiples n of 2π/p in each coordinate, with the weights e^(−κ) Iₙ(κ), κ = 1/ℓ², of the Fourier series of
    /// e^(κ cos θ − κ) (Abramowitz & Stegun 1964, eq. 9.6.34): n is the difference of two Poisson numbers of mean κ/2
    /// (Skellam, *J. R. Stat. Soc.* 109, 296 (1946)).
    fn draw_frequency(&self, stream: &mut Stream, frequency: &mut [f64]) -> bool {
        for (k, slot) in frequency.iter_mut().enumerate() {
            let mean = 0.25 * self.strength(k);
            let multiple = if mean > MOST_COUNTED {
                ((2.0 * mean).sqrt() * stream.normal()).round()
            } else if let Ok(counts) = Poisson::new(mean) {
                counts.sample(stream) - counts.sample(stream)
            } else {
                return false;
            };
            *slot += TAU / self.period.get(k) * multiple;
        }
        true
    }

    fn clone_box(&self) -> Box<dyn Kernel> {
        Box::new(self.clone())
    }
}
