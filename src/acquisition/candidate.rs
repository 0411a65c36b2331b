//! What an acquisition function judges: a belief and a measurement on offer.

use super::argument::{finite, not_negative, positive};
use crate::error::{Error, Result};

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
    /// [`Error::Argument`] unless the mean is finite, both variances are finite and not negative, and the dose is finite and
    /// positive.
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
    /// [`Error::Argument`] unless the cost is finite and positive.
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

/// All pairs of a place and a dose, as candidates.
///
/// The order is place by place, each with all doses in the order given, so that ties go to the earlier place.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidates {
    candidates: Vec<Candidate>,
    doses: usize,
}

impl Candidates {
    /// The product of places and `doses` (e⁻/Å²), with `noise(place, dose)` the noise variance of a measurement.
    ///
    /// `mean` and `variance` hold the posterior of the latent value, one entry a place, from whatever surrogate.
    ///
    /// # Errors
    /// [`Error::Argument`] if `mean` and `variance` differ in length, places or doses are missing, or a candidate is invalid
    /// (see [`Candidate::new`]; the message names the place).
    pub fn product(
        mean: &[f64],
        variance: &[f64],
        doses: &[f64],
        noise: impl Fn(usize, f64) -> f64,
    ) -> Result<Self> {
        if variance.len() != mean.len() {
            return Err(Error::argument(
                "variance",
                format!("{} values", variance.len()),
                format!("{} values, one for each of `mean`", mean.len()),
            ));
        }
        for (argument, values) in [("mean", mean), ("doses", doses)] {
            if values.is_empty() {
                return Err(Error::argument(argument, "no values", "at least one"));
            }
        }
        let mut candidates = Vec::with_capacity(mean.len().saturating_mul(doses.len()));
        for (place, (&mean, &variance)) in mean.iter().zip(variance).enumerate() {
            for &dose in doses {
                let candidate = Candidate::new(mean, variance, noise(place, dose), dose);
                candidates.push(candidate.map_err(|error| at_place(place, error))?);
            }
        }
        Ok(Self {
            candidates,
            doses: doses.len(),
        })
    }

    /// As [`product`](Self::product) with shot noise, `ν = variance_at_unit_dose / dose` at every place.
    ///
    /// `variance_at_unit_dose` has the unit of the value squared times e⁻/Å².
    ///
    /// # Errors
    /// As [`product`](Self::product).
    pub fn with_shot_noise(
        mean: &[f64],
        variance: &[f64],
        doses: &[f64],
        variance_at_unit_dose: f64,
    ) -> Result<Self> {
        not_negative("variance_at_unit_dose", variance_at_unit_dose)?;
        Self::product(mean, variance, doses, |_, dose| {
            variance_at_unit_dose / dose
        })
    }

    /// Place and dose (e⁻/Å²) of the candidate with this index, or `None` beyond the last.
    pub fn locate(&self, index: usize) -> Option<(usize, f64)> {
        let candidate = self.candidates.get(index)?;
        Some((index / self.doses, candidate.dose))
    }

    /// How many doses are on offer at each place.
    pub(super) fn doses(&self) -> usize {
        self.doses
    }

    /// The candidates, place by place.
    pub fn as_slice(&self) -> &[Candidate] {
        &self.candidates
    }
}

impl AsRef<[Candidate]> for Candidates {
    fn as_ref(&self) -> &[Candidate] {
        self.as_slice()
    }
}

fn at_place(place: usize, error: Error) -> Error {
    match error {
        Error::Argument {
            argument,
            found,
            allowed,
        } => Error::Argument {
            argument: format!("{argument} of place {place}"),
            found,
            allowed,
        },
        other => other,
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
        assert!(Candidates::with_shot_noise(&[], &[], &[1.0], 1.0).is_err());
        assert!(Candidates::with_shot_noise(&[0.0], &[1.0], &[], 1.0).is_err());
        assert!(Candidates::with_shot_noise(&[0.0], &[], &[1.0], 1.0).is_err());
        assert!(Candidates::with_shot_noise(&[0.0], &[1.0], &[1.0], f64::NAN).is_err());
        let error =
            Candidates::with_shot_noise(&[0.0, 0.0], &[1.0, -1.0], &[1.0], 1.0).unwrap_err();
        assert!(error.to_string().contains("place 1"), "{error}");
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

    #[test]
    fn the_product_runs_place_by_place() {
        let noise = |place: usize, dose: f64| (place + 1) as f64 / dose;
        let candidates = Candidates::product(&[1.0, 2.0], &[0.1, 0.2], &[4.0, 8.0], noise).unwrap();
        let slice = candidates.as_slice();
        assert_eq!(slice.len(), 4);
        assert_eq!((slice[2].mean(), slice[2].dose()), (2.0, 4.0));
        assert_eq!(slice[3].noise_variance(), 0.25);
        assert_eq!(candidates.locate(1), Some((0, 8.0)));
        assert_eq!(candidates.locate(4), None);
    }
}
