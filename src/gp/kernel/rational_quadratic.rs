//! Rational quadratic: a mixture of squared exponentials of many lengthscales.

use super::{
    CHUNK, Kernel, Parameter, PerCoordinate, Role, accumulate_input_slopes,
    accumulate_lengthscales, check_parameter, dot, runs, squared_distances,
};
use crate::error::Result;
use crate::gp::exponential::exp_of_negative;
use crate::gp::points::PointsView;
use crate::random::Stream;
use rand_distr::{Distribution, Gamma};
use serde::{Deserialize, Serialize};

/// Rational quadratic: k = (1 + r²/(2α))^(−α), with r² = Σ_d ((x_d − x′_d)/ℓ_d)².
///
/// A gamma mixture of [`Rbf`](crate::gp::Rbf) kernels over 1/ℓ², to which it tends as α grows; for small α it has
/// long tails. Hyper-parameters: the lengthscales, then `alpha`. Rasmussen & Williams (2006), eq. 4.19.
///
/// ```
/// use dosewise::gp::{Kernel, RationalQuadratic, Rbf};
/// let kernel = RationalQuadratic::isotropic(2.0, 0.5);
/// assert!((kernel.covariance(&[0.0], &[2.0]) - 0.5_f64.sqrt()).abs() < 1e-15); // (1 + 1)^(−1/2)
/// let limit = RationalQuadratic::isotropic(2.0, 1e12).covariance(&[0.0], &[1.0]);
/// assert!((limit - Rbf::isotropic(2.0).covariance(&[0.0], &[1.0])).abs() < 1e-12);
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RationalQuadratic {
    lengthscale: PerCoordinate,
    alpha: f64,
}

impl RationalQuadratic {
    /// One lengthscale (units of the inputs) for every coordinate, and the mixture's shape `alpha` > 0.
    pub fn isotropic(lengthscale: f64, alpha: f64) -> Self {
        Self {
            lengthscale: PerCoordinate::Shared(lengthscale),
            alpha,
        }
    }

    /// One lengthscale (units of the inputs) for each coordinate, and the mixture's shape `alpha` > 0.
    pub fn ard(lengthscales: impl Into<Vec<f64>>, alpha: f64) -> Self {
        Self {
            lengthscale: PerCoordinate::Each(lengthscales.into()),
            alpha,
        }
    }

    /// The lengthscales: one, or one for each coordinate.
    pub fn lengthscales(&self) -> &[f64] {
        self.lengthscale.values()
    }

    /// The shape of the mixture.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// (1 + s)^(−α), s and log(1 + s) for s = r²/(2α).
    fn terms(&self, squared_distance: f64) -> (f64, f64, f64) {
        // The cap keeps s/(1 + s) defined where r² overflows; the covariance is zero there to all purposes.
        let s = (squared_distance / (2.0 * self.alpha)).min(1e300);
        let log = s.ln_1p();
        (exp_of_negative(-self.alpha * log), s, log)
    }
}

impl Kernel for RationalQuadratic {
    fn check(&self, dimension: usize) -> Result<()> {
        check_parameter("alpha", self.alpha)?;
        self.lengthscale.check("lengthscale", dimension)
    }

    fn covariances(&self, point: &[f64], others: PointsView<'_>, out: &mut [f64]) {
        squared_distances(&self.lengthscale, point, others, out);
        for value in out {
            *value = self.terms(*value).0;
        }
    }

    fn variance(&self, _point: &[f64]) -> f64 {
        1.0
    }

    fn parameters(&self) -> Vec<Parameter> {
        let mut parameters = self
            .lengthscale
            .parameters("lengthscale", Role::Lengthscale);
        parameters.push(Parameter {
            name: "alpha".into(),
            role: Role::Shape,
            value: self.alpha,
        });
        parameters
    }

    fn parameter_count(&self) -> usize {
        self.lengthscale.count() + 1
    }

    fn set_log_parameters(&mut self, values: &[f64]) -> Result<()> {
        self.lengthscale.set_logs_and(values, Some(&mut self.alpha))
    }

    fn accumulate_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) -> f64 {
        // dk/d(r²) = −½ k/(1 + s) and dk/dlog α = k α (s/(1 + s) − log(1 + s)).
        let (lengthscale_slots, alpha_slot) = gradient.split_at_mut(self.lengthscale.count());
        let mut sum = 0.0;
        for (others, weights) in runs(others, weights) {
            let mut scratch = [[0.0; CHUNK]; 4];
            let [distances, values, factors, shapes] =
                scratch.each_mut().map(|row| &mut row[..weights.len()]);
            squared_distances(&self.lengthscale, point, others, distances);
            for j in 0..weights.len() {
                let (value, s, log) = self.terms(distances[j]);
                values[j] = value;
                factors[j] = weights[j] * value / (1.0 + s);
                shapes[j] = value * self.alpha * (s / (1.0 + s) - log);
            }
            sum += dot(weights, values);
            alpha_slot[0] += dot(weights, shapes);
            accumulate_lengthscales(
                &self.lengthscale,
                point,
                others,
                factors,
                distances,
                lengthscale_slots,
            );
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
        let slope = |squared_distance| {
            let (value, s, _) = self.terms(squared_distance);
            -0.5 * value / (1.0 + s)
        };
        let lengthscale = &self.lengthscale;
        accumulate_input_slopes(lengthscale, point, others, weights, slope, gradient);
    }

    fn accumulate_variance_gradient(&self, _point: &[f64], _weight: f64, _gradient: &mut [f64]) {}

    /// Of the mixture: s from the gamma distribution of shape α and mean 1, then a normal frequency of deviation √s/ℓ in each
    /// coordinate, since E e^(−s r²/2) = (1 + r²/(2α))^(−α).
    fn draw_frequency(&self, stream: &mut Stream, frequency: &mut [f64]) -> bool {
        let Ok(mixture) = Gamma::new(self.alpha, 1.0 / self.alpha) else {
            return false;
        };
        let spread = mixture.sample(stream).sqrt();
        for (k, slot) in frequency.iter_mut().enumerate() {
            *slot += spread * stream.normal() / self.lengthscale.get(k);
        }
        true
    }

    fn clone_box(&self) -> Box<dyn Kernel> {
        Box::new(self.clone())
    }
}
