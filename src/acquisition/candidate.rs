//! What an acquisition function judges: a belief and a measurement on offer.

use super::argument::{finite, not_negative, positive};
use crate::error::Result;

/// A belief about the latent value at one place, and one measurement that could be made there.
///
/// The numbers are checked once, on construction, so that no acquisition has to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    mean: f64,
    variance: f64,
    noise_variance: f64,
    dose: f64,
    cost: f64,
}

impl Candidate {
    /// A candidate from the posterior `mean` and `variance` of the latent value (without noise), and from the `dose`
    /// (e⁻/Å²) of the measurement with the `noise_variance` that dose would give. Variances, not standard deviations.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) unless the mean is finite, both variances are finite and not negative, and
    /// the dose is finite and positive.
    pub fn new(mean: f64, variance: f64, noise_variance: f64, dose: f64) -> Result<Self> {
        finite("mean", mean)?;
        not_negative("variance", variance)?;
        not_negative("noise_variance", noise_variance)?;
        positive("dose", dose)?;
        Ok(Self {
            mean,
            variance,
            noise_variance,
            dose,
            cost: dose,
        })
    }

    /// The same measurement at another `cost` than its dose: time, money, or a dose that depends on the place. Wrappers such as
    /// [`per_dose`](super::Acquisition::per_dose), and prices, then count in its unit; the dose stays what the sample receives.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) unless the cost is finite and positive.
    pub fn with_cost(self, cost: f64) -> Result<Self> {
        positive("cost", cost)?;
        Ok(Self { cost, ..self })
    }

    /// The same measurement under another belief, unchecked.
    pub(super) fn believed(self, mean: f64, variance: f64) -> Self {
        Self {
            mean,
            variance,
            ..self
        }
    }

    /// Posterior mean `μ` of the latent value.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Posterior variance `s²` of the latent value.
    pub fn variance(&self) -> f64 {
        self.variance
    }

    /// Posterior standard deviation `s` of the latent value.
    pub fn deviation(&self) -> f64 {
        self.variance.sqrt()
    }

    /// Variance `ν` of the noise of the measurement.
    pub fn noise_variance(&self) -> f64 {
        self.noise_variance
    }

    /// Dose of the measurement, e⁻/Å².
    pub fn dose(&self) -> f64 {
        self.dose
    }

    /// What the measurement costs, its dose (e⁻/Å²) unless [said otherwise](Self::with_cost).
    pub fn cost(&self) -> f64 {
        self.cost
    }

    /// By how much the measurement would lower the variance at its own place, `s⁴ / (s² + ν)`.
    ///
    /// It is also the variance, seen from now, of the posterior mean after the measurement.
    pub fn variance_reduction(&self) -> f64 {
        if self.variance == 0.0 {
            return 0.0;
        }
        // in this form neither s⁴ nor s² + ν can overflow
        self.variance / (1.0 + self.noise_variance / self.variance)
    }

    /// Derivative of [`variance_reduction`](Self::variance_reduction) by the variance, `1 − (ν/(s² + ν))²`.
    pub(super) fn slope_of_reduction(&self) -> f64 {
        if self.noise_variance == 0.0 {
            return 1.0;
        }
        // g (2 − g) with g = s²/(s² + ν), which keeps its digits however small g is
        let gain = 1.0 / (1.0 + self.noise_variance / self.variance);
        gain * (2.0 - gain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_numbers_are_refused_by_name() {
        for (numbers, name) in [
            ([f64::NAN, 1.0, 1.0, 1.0], "mean"),
            ([0.0, -1e-18, 1.0, 1.0], "variance"),
            ([0.0, f64::INFINITY, 1.0, 1.0], "variance"),
            ([0.0, 1.0, f64::NAN, 1.0], "noise_variance"),
            ([0.0, 1.0, 1.0, 0.0], "dose"),
            ([0.0, 1.0, 1.0, f64::NAN], "dose"),
        ] {
            let [mean, variance, noise, dose] = numbers;
            let error = Candidate::new(mean, variance, noise, dose).unwrap_err();
            assert!(error.to_string().starts_with(name), "{error}");
        }
    }

    #[test]
    fn the_reduction_is_prior_minus_posterior_variance() {
        for (variance, noise) in [(0.3, 0.7), (1e-3, 5.0), (4.0, 1e-6)] {
            let candidate = Candidate::new(0.0, variance, noise, 1.0).unwrap();
            let posterior = 1.0 / (1.0 / variance + 1.0 / noise); // precisions add
            let wanted = variance - posterior;
            assert!((candidate.variance_reduction() - wanted).abs() < 1e-12 * variance);
        }
        let known = Candidate::new(0.0, 0.0, 0.0, 1.0).unwrap();
        assert_eq!(known.variance_reduction(), 0.0);
        let noiseless = Candidate::new(0.0, 0.5, 0.0, 1.0).unwrap();
        assert_eq!(noiseless.variance_reduction(), 0.5);
        let huge = Candidate::new(0.0, 1e300, 1e300, 1.0).unwrap();
        assert_eq!(huge.variance_reduction(), 5e299);
    }

    #[test]
    fn the_slope_of_the_reduction_keeps_its_digits() {
        for ratio in [1e-300_f64, 1e-17, 1e-12, 1e-3, 1.0, 1e9] {
            let candidate = Candidate::new(0.0, 0.5 * ratio, 0.5, 1.0).unwrap();
            // 1 − (1 + r)⁻²
            let wanted = -(-2.0 * ratio.ln_1p()).exp_m1();
            let found = candidate.slope_of_reduction();
            assert!((found / wanted - 1.0).abs() < 1e-15, "{ratio}: {found}");
        }
        let of = |variance, noise| Candidate::new(0.0, variance, noise, 1.0).unwrap();
        assert_eq!(of(0.0, 0.5).slope_of_reduction(), 0.0);
        assert_eq!(of(0.5, 0.0).slope_of_reduction(), 1.0);
        assert_eq!(of(0.0, 0.0).slope_of_reduction(), 1.0);
    }
}
