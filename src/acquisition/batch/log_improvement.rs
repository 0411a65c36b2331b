//! Logarithm of the expected improvement of a batch, with slopes everywhere.

use super::draws::{BatchAcquisition, DrawSlopes, Draws};
use super::improvement::Incumbent;
use crate::acquisition::argument::positive;
use crate::error::Result;
use ndarray::ArrayView2;

/// Weight of the fat tail in [`log_fat_plus`], small enough for the sum to stay monotone and convex.
const TAIL: f64 = 0.1;

/// Logarithm of the expected improvement of a batch (qLogEI), with maxima smoothed so that hopeless batches still compare.
///
/// `ln (1/S) Σ_s exp(smax_j ln plus(f_s(x_j) − y*))`. In place of `max(0, t)` stands
/// `plus(t) = τ₀ (ln(1 + e^{t/τ₀}) + 0.1/(1 + (t/τ₀)²))`, and in place of the maximum over the batch
/// `smax_j a_j = M + τ ln Σ_j 1/(1 + u_j + u_j²/2)` with `u_j = (M − a_j)/τ` and `M = max_j a_j`. Both fall off as powers,
/// not as exponentials, so that no draw and no place of the batch ever has a zero share. The temperature `τ₀` is in units of
/// the value: choose it well below the differences that matter. The smoothing adds up to about `0.8 τ₀` to the improvement
/// and `τ ln q` to the logarithm.
///
/// [`over_measured`](Self::over_measured) gives the noisy form (qLogNEI).
///
/// Source: Ament, Daulton, Eriksson, Balandat and Bakshy, NeurIPS 2023 (arXiv 2310.20708), section 4.2 and appendix A.
///
/// ```
/// use dosewise::acquisition::{BatchAcquisition, BatchLogExpectedImprovement, Draws};
/// use ndarray::array;
/// let log = BatchLogExpectedImprovement::over(100.0)?;
/// let hopeless = Draws::new(&[0.0], array![[0.1], [-0.2]].view())?;
/// let worse = Draws::new(&[0.0], array![[0.0], [-0.3]].view())?;
/// assert!(log.score(&hopeless) > log.score(&worse)); // the plain form is 0 for both
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct BatchLogExpectedImprovement {
    incumbent: Incumbent,
    plus_temperature: f64,
    max_temperature: f64,
}

impl BatchLogExpectedImprovement {
    /// Temperature `τ₀` unless stated, for values of order one.
    pub const PLUS_TEMPERATURE: f64 = 1e-6;
    /// Temperature `τ` unless stated.
    pub const MAX_TEMPERATURE: f64 = 1e-2;

    /// Over a known incumbent `y*`, in units of the value.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) if it is not finite.
    pub fn over(incumbent: f64) -> Result<Self> {
        Ok(Self::with(Incumbent::known(incumbent)?))
    }

    /// Over the best of the latent values at measured `places` (n × d), drawn jointly with the batch.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) if there is no place or a coordinate is not finite.
    pub fn over_measured<'p>(places: impl Into<ArrayView2<'p, f64>>) -> Result<Self> {
        Ok(Self::with(Incumbent::measured(places.into())?))
    }

    /// The same with other temperatures: `plus` (`τ₀`) in units of the value, `max` (`τ`) in units of the logarithm.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) unless both are finite and positive.
    pub fn with_temperatures(self, plus: f64, max: f64) -> Result<Self> {
        for (argument, value) in [("plus", plus), ("max", max)] {
            positive(argument, value)?;
        }
        Ok(Self {
            plus_temperature: plus,
            max_temperature: max,
            ..self
        })
    }

    /// The smoothed logarithms of the gains of all places in draw s.
    fn log_gains(&self, draws: &Draws, s: usize, gains: &mut [f64]) {
        let incumbent = self.incumbent.in_draw(s, draws);
        for (j, gain) in gains.iter_mut().enumerate() {
            *gain = log_fat_plus(draws.of_place(j)[s] - incumbent, self.plus_temperature);
        }
    }

    fn with(incumbent: Incumbent) -> Self {
        Self {
            incumbent,
            plus_temperature: Self::PLUS_TEMPERATURE,
            max_temperature: Self::MAX_TEMPERATURE,
        }
    }
}

impl BatchAcquisition for BatchLogExpectedImprovement {
    fn score(&self, draws: &Draws) -> f64 {
        let mut gains = vec![0.0; draws.len()];
        let in_draw = |s: usize| {
            self.log_gains(draws, s, &mut gains);
            fat_maximum(&gains, self.max_temperature)
        };
        let logs: Vec<f64> = (0..draws.count()).map(in_draw).collect();
        log_mean_exp(&logs)
    }

    /// The share of a draw in the mean of exponentials, times that of a place in the smoothed maximum, times the slope of the
    /// smoothed plus.
    fn slopes(&self, draws: &Draws) -> DrawSlopes {
        let mut slopes = DrawSlopes::none(draws);
        let (mut gains, mut logs) = (vec![0.0; draws.len()], Vec::with_capacity(draws.count()));
        for s in 0..draws.count() {
            let incumbent = self.incumbent.in_draw(s, draws);
            self.log_gains(draws, s, &mut gains);
            logs.push(fat_maximum(&gains, self.max_temperature));
            let shares = fat_shares(&gains, self.max_temperature);
            for (j, share) in shares.into_iter().enumerate() {
                let gap = draws.of_place(j)[s] - incumbent;
                slopes.by_draw[j][s] = share * slope_of_log_fat_plus(gap, self.plus_temperature);
            }
        }
        let (whole, count) = (log_mean_exp(&logs), logs.len() as f64);
        for (s, log) in logs.into_iter().enumerate() {
            let share = (log - whole).exp() / count;
            slopes
                .by_draw
                .iter_mut()
                .for_each(|of_place| of_place[s] *= share);
        }
        slopes
    }

    fn measured(&self) -> Option<ArrayView2<'_, f64>> {
        self.incumbent.places()
    }
}

/// `ln τ + ln(ln(1 + e^{t/τ}) + 0.1/(1 + (t/τ)²))`.
fn log_fat_plus(t: f64, temperature: f64) -> f64 {
    let u = t / temperature;
    let softplus = u.max(0.0) + (-u.abs()).exp().ln_1p();
    // u² overflows from 1e154 on, where softplus is u or nothing; the logarithm of the tail does not
    let square = u * u;
    let value = if square.is_finite() {
        (softplus + TAIL / (1.0 + square)).ln()
    } else if u > 0.0 {
        u.ln()
    } else {
        TAIL.ln() - 2.0 * u.abs().ln()
    };
    temperature.ln() + value
}

/// Derivative of [`log_fat_plus`] by t.
fn slope_of_log_fat_plus(t: f64, temperature: f64) -> f64 {
    let u = t / temperature;
    let square = u * u;
    let slope = if square.is_finite() {
        let (softplus, tail) = (u.max(0.0) + (-u.abs()).exp().ln_1p(), TAIL / (1.0 + square));
        let sigmoid = 1.0 / (1.0 + (-u).exp());
        (sigmoid - 2.0 * u * tail / (1.0 + square)) / (softplus + tail)
    } else if u > 0.0 {
        1.0 / u
    } else {
        -2.0 / u
    };
    slope / temperature
}

/// `M + τ ln Σ_j 1/(1 + u_j + u_j²/2)` with `u_j = (M − a_j)/τ`; NaN if one of the values is.
fn fat_maximum(values: &[f64], temperature: f64) -> f64 {
    if let [value] = values {
        return *value;
    }
    if values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let share = |&value: &f64| {
        let u = (largest - value) / temperature;
        1.0 / (1.0 + u + 0.5 * u * u)
    };
    largest + temperature * values.iter().map(share).sum::<f64>().ln()
}

/// Derivatives of [`fat_maximum`] by the values, which sum to one: `(1 + u_j) p_j² / Σ_i p_i` with `p = 1/(1 + u + u²/2)`, and
/// what they leave for the largest.
fn fat_shares(values: &[f64], temperature: f64) -> Vec<f64> {
    let top = (0..values.len()).fold(0, |top, j| if values[j] > values[top] { j } else { top });
    let parts = values.iter().map(|value| {
        let u = (values[top] - value) / temperature;
        let part = 1.0 / (1.0 + u + 0.5 * u * u);
        (part, (1.0 + u) * part * part)
    });
    let (parts, mut shares): (Vec<f64>, Vec<f64>) = parts.unzip();
    let sum: f64 = parts.iter().sum();
    shares.iter_mut().for_each(|share| *share /= sum);
    shares[top] = 0.0;
    shares[top] = 1.0 - shares.iter().sum::<f64>();
    shares
}

/// `ln (1/n) Σ exp(a)`, without overflow; NaN if one of the values is.
pub(super) fn log_mean_exp(values: &[f64]) -> f64 {
    if values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest.is_infinite() {
        return largest;
    }
    let sum: f64 = values.iter().map(|value| (value - largest).exp()).sum();
    largest + (sum / values.len() as f64).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn the_smooth_plus_is_the_plain_one_away_from_zero_and_rises_everywhere() {
        for t in [1e-3, 0.5, 3.0, 1e200] {
            assert!((log_fat_plus(t, 1e-6) - f64::ln(t)).abs() < 1e-9);
        }
        let mut last = f64::NEG_INFINITY;
        for exponent in -300..300 {
            let value = log_fat_plus(-10.0_f64.powi(-exponent), 1e-6);
            // below 1e-20 of a value of order one there is nothing to see any more
            assert!(value > last || exponent > 20 && value >= last, "{exponent}");
            last = value;
        }
        assert!(log_fat_plus(f64::NAN, 1e-6).is_nan());
    }

    #[test]
    fn the_smooth_maximum_is_between_the_plain_one_and_its_share_of_the_batch() {
        assert_eq!(fat_maximum(&[-3.0], 0.01), -3.0);
        assert!((fat_maximum(&[1.0, 1.0], 0.01) - 1.0 - 0.01 * 2.0_f64.ln()).abs() < 1e-15);
        let apart = fat_maximum(&[1.0, -1.0], 0.01) - 1.0;
        assert!(apart > 0.0 && apart < 1e-6);
    }

    #[test]
    fn means_of_exponentials() {
        assert!((log_mean_exp(&[-1000.0, -1000.0]) + 1000.0).abs() < 1e-12);
        assert!((log_mean_exp(&[0.0, 3.0_f64.ln()]) - 2.0_f64.ln()).abs() < 1e-15);
        assert_eq!(log_mean_exp(&[f64::NEG_INFINITY; 2]), f64::NEG_INFINITY);
        assert!(log_mean_exp(&[0.0, f64::NAN]).is_nan());
    }

    #[test]
    fn a_missing_incumbent_is_not_a_number_and_temperatures_are_checked() {
        let noisy = BatchLogExpectedImprovement::over_measured(&array![[0.0]]).unwrap();
        let draws = Draws::new(&[0.0, 0.0], array![[1.0, 2.0]].view()).unwrap();
        assert!(noisy.score(&draws).is_nan());
        let known = BatchLogExpectedImprovement::over(0.0).unwrap();
        assert!(known.clone().with_temperatures(0.0, 1.0).is_err());
        assert!(known.clone().with_temperatures(1.0, f64::NAN).is_err());
        assert!((known.score(&draws) - 2.0_f64.ln()).abs() < 1e-4);
        assert!(BatchLogExpectedImprovement::over(f64::INFINITY).is_err());
    }
}
