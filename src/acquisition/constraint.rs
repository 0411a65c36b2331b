//! Measurements that must, or should, meet constraints nobody knows exactly.

use crate::acquisition::argument::not_negative;
use crate::error::{Error, Result};
use crate::gp::Marginals;
use crate::normal;
use serde::{Deserialize, Serialize};

/// What a constrained quantity has to be, in its own units.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// This number or more.
    AtLeast(f64),
    /// This number or less.
    AtMost(f64),
    /// From the first number to the second, which is larger.
    Between(f64, f64),
}

impl Limit {
    /// By how much a value exceeds the limit in the allowed direction; of two ends, the nearer counts.
    pub(crate) fn margin(self, value: f64) -> f64 {
        match self {
            Self::AtLeast(limit) => value - limit,
            Self::AtMost(limit) => limit - value,
            Self::Between(low, high) => (value - low).min(high - value),
        }
    }

    /// The same limit of the quantity less `shift` over `spread`, which is positive.
    pub(crate) fn standardised(self, shift: f64, spread: f64) -> Self {
        let apply = |limit: f64| (limit - shift) / spread;
        match self {
            Self::AtLeast(limit) => Self::AtLeast(apply(limit)),
            Self::AtMost(limit) => Self::AtMost(apply(limit)),
            Self::Between(low, high) => Self::Between(apply(low), apply(high)),
        }
    }

    pub(crate) fn check(self) -> Result<()> {
        let sound = match self {
            Self::AtLeast(limit) | Self::AtMost(limit) => limit.is_finite(),
            Self::Between(low, high) => low.is_finite() && high.is_finite() && low < high,
        };
        if sound {
            return Ok(());
        }
        let allowed = "a finite number, or two of them that rise";
        Err(Error::argument("limit", format!("{self:?}"), allowed))
    }

    /// `ln P(g meets the limit)` for `g ~ N(mean, variance)`; without variance 0 or −∞.
    fn log_probability(self, mean: f64, variance: f64) -> f64 {
        let margin = self.margin(mean);
        if variance <= 0.0 {
            return if margin >= 0.0 {
                0.0
            } else {
                f64::NEG_INFINITY
            };
        }
        match self {
            Self::AtLeast(_) | Self::AtMost(_) => normal::ln_cdf(margin / variance.sqrt()),
            Self::Between(low, high) => {
                let (ends, _) = mirrored(low, high, mean, variance);
                normal::ln_cdf(ends[1]) + (-ln_ratio(ends).exp_m1()).ln()
            }
        }
    }

    /// Derivatives of `ln P(g meets the limit)` by the mean and the variance of `g`; 0 without variance.
    ///
    /// With ends a < b in units of the deviation and weights `w = φ/(Φ(b) − Φ(a))` at each, `∂/∂μ = (w_a − w_b)/s` and
    /// `∂/∂s² = (a w_a − b w_b)/(2 s²)`, from the definition; an end that is missing has no weight.
    pub(crate) fn slopes(self, mean: f64, variance: f64) -> (f64, f64) {
        if variance <= 0.0 {
            return (0.0, 0.0);
        }
        let s = variance.sqrt();
        let one_end = |z: f64, sign: f64| {
            let weight = normal::inverse_mills(z).0;
            (sign * weight / s, -z * weight / (2.0 * variance))
        };
        match self {
            Self::AtLeast(limit) => one_end((mean - limit) / s, 1.0),
            Self::AtMost(limit) => one_end((limit - mean) / s, -1.0),
            Self::Between(low, high) => {
                let ([a, b], sign) = mirrored(low, high, mean, variance);
                let log = ln_ratio([a, b]);
                let share = -log.exp_m1();
                if share == 0.0 {
                    return (0.0, 0.0); // so narrow that the probability has underflowed
                }
                let of_a = normal::inverse_mills(a).0 * log.exp() / share;
                let of_b = normal::inverse_mills(b).0 / share;
                let by_variance = (a * of_a - b * of_b) / (2.0 * variance);
                (sign * (of_a - of_b) / s, by_variance)
            }
        }
    }
}

/// Both ends in units of the deviation, on the side where Φ is small and keeps its digits, and −1 if that is the mirrored one.
fn mirrored(low: f64, high: f64, mean: f64, variance: f64) -> ([f64; 2], f64) {
    let s = variance.sqrt();
    let (a, b) = ((low - mean) / s, (high - mean) / s);
    if a + b > 0.0 {
        ([-b, -a], -1.0)
    } else {
        ([a, b], 1.0)
    }
}

/// `ln Φ(a)/Φ(b)` for `a < b`.
fn ln_ratio([a, b]: [f64; 2]) -> f64 {
    (normal::ln_cdf(a) - normal::ln_cdf(b)).min(0.0)
}

/// Natural logarithm of the probability that each of m places meets all constraints.
///
/// `ln P(x) = Σ_c ln Φ(± (μ_c(x) − limit_c)/s_c(x))` for independent constraint surrogates, + for [`Limit::AtLeast`], and the
/// difference of two Φ for [`Limit::Between`]; finite far out where the product itself underflows. `beliefs` holds the posterior
/// of each constrained quantity at the m places.
///
/// # Errors
/// [`Error::Argument`] if there is no constraint, beliefs and limits differ in number, beliefs in their places, or a number is
/// not finite or a variance negative.
///
/// Source: Schonlau, Welch and Jones (1998), *Global versus local search in constrained optimization of computer models*;
/// Gardner, Kusner, Xu, Weinberger and Cunningham, ICML 2014.
///
/// ```
/// use dosewise::acquisition::{Limit, log_probability_of_feasibility};
/// use dosewise::gp::Marginals;
/// let belief = Marginals { mean: vec![1.0, 50.0], variance: vec![0.25, 1.0] };
/// let log = log_probability_of_feasibility(&[belief], &[Limit::AtMost(1.0)])?;
/// assert!((log[0] - 0.5_f64.ln()).abs() < 1e-15);
/// assert!(log[1] < -1000.0 && log[1].is_finite());
/// # Ok::<(), dosewise::Error>(())
/// ```
pub fn log_probability_of_feasibility(beliefs: &[Marginals], limits: &[Limit]) -> Result<Vec<f64>> {
    let places = check(beliefs, limits)?;
    let at = |i: usize| {
        let pairs = beliefs.iter().zip(limits);
        pairs
            .map(|(belief, limit)| limit.log_probability(belief.mean[i], belief.variance[i]))
            .sum()
    };
    Ok((0..places).map(at).collect())
}

/// Places that meet all constraints for sure, as far as `μ_c ∓ κ s_c` can be trusted: indices in rising order.
///
/// A place is safe if the pessimistic confidence bound of every constrained quantity still meets its limit, `μ − κ s ≥ limit`
/// for [`Limit::AtLeast`] and `μ + κ s ≤ limit` for [`Limit::AtMost`], with κ = `deviations`. Places `known_safe` beforehand are
/// safe whatever the surrogates say: without any, a prior that doubts everything leaves nowhere to start.
///
/// # Errors
/// [`Error::Argument`] as [`log_probability_of_feasibility`], if `deviations` is negative or not finite, or a known place is not
/// among the m places.
///
/// Source: Sui, Gotovos, Burdick and Krause, ICML 2015 (SafeOpt), with the confidence bound alone and no Lipschitz constant as
/// in Berkenkamp, Schoellig and Krause, ICRA 2016 (arXiv 1509.01066), equation 10.
///
/// ```
/// use dosewise::acquisition::{Limit, safe_set};
/// use dosewise::gp::Marginals;
/// let belief = Marginals { mean: vec![1.0, 1.0, 0.0], variance: vec![0.01, 1.0, 1.0] };
/// assert_eq!(safe_set(&[belief], &[Limit::AtLeast(0.0)], 2.0, &[2])?, [0, 2]);
/// # Ok::<(), dosewise::Error>(())
/// ```
pub fn safe_set(
    beliefs: &[Marginals],
    limits: &[Limit],
    deviations: f64,
    known_safe: &[usize],
) -> Result<Vec<usize>> {
    let places = check(beliefs, limits)?;
    not_negative("deviations", deviations)?;
    let mut safe: Vec<bool> = (0..places)
        .map(|i| {
            let mut pairs = beliefs.iter().zip(limits);
            pairs.all(|(belief, limit)| {
                limit.margin(belief.mean[i]) >= deviations * belief.variance[i].sqrt()
            })
        })
        .collect();
    for &index in known_safe {
        *safe.get_mut(index).ok_or_else(|| {
            Error::argument("known_safe", index, format!("indices below {places}"))
        })? = true;
    }
    Ok((0..places).filter(|&i| safe[i]).collect())
}

/// Number of places, once all beliefs agree on it and fit the limits.
fn check(beliefs: &[Marginals], limits: &[Limit]) -> Result<usize> {
    if beliefs.is_empty() || beliefs.len() != limits.len() {
        return Err(Error::argument(
            "limits",
            format!("{} for {} beliefs", limits.len(), beliefs.len()),
            "one for each of at least one belief",
        ));
    }
    limits.iter().try_for_each(|limit| limit.check())?;
    let places = beliefs[0].mean.len();
    for (c, belief) in beliefs.iter().enumerate() {
        if belief.mean.len() != places || belief.variance.len() != places {
            return Err(Error::argument(
                format!("beliefs[{c}]"),
                format!(
                    "{} means and {} variances",
                    belief.mean.len(),
                    belief.variance.len()
                ),
                format!("{places} of each, as the first has means"),
            ));
        }
        if let Some(bad) = belief.mean.iter().find(|mean| !mean.is_finite()) {
            return Err(Error::argument(
                format!("mean of beliefs[{c}]"),
                bad,
                "finite numbers",
            ));
        }
        let sound = |variance: &f64| variance.is_finite() && *variance >= 0.0;
        if let Some(bad) = belief.variance.iter().find(|variance| !sound(variance)) {
            return Err(Error::argument(
                format!("variance of beliefs[{c}]"),
                bad,
                "finite numbers, 0 or more",
            ));
        }
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn between_two_limits_keeps_its_digits_in_both_tails() {
        // Φ(3) − Φ(2) and Φ(−10) − Φ(−11), from scipy.special.ndtr.
        for (low, high, probability) in [
            (2.0, 3.0, 0.021_400_233_916_549_1_f64),
            (
                -11.0,
                -10.0,
                7.619_853_024_160_527e-24 - 1.910_659_574_498_679e-28,
            ),
        ] {
            for (low, high) in [(low, high), (-high, -low)] {
                let found = Limit::Between(low, high).log_probability(0.0, 1.0);
                let error = (found - probability.ln()).abs();
                assert!(
                    error < 1e-12 * probability.ln().abs(),
                    "{low} {high}: {error}"
                );
            }
        }
        let far = Limit::Between(100.0, 101.0).log_probability(0.0, 1.0);
        assert!((far - normal::ln_cdf(-100.0)).abs() < 1e-9);
        assert!(Limit::Between(1.0, 1.0).check().is_err());
    }

    proptest! {
        #[test]
        fn slopes_are_those_of_differences(
            mean in -3.0..3.0_f64, variance in 0.05..4.0_f64, low in -2.0..1.0_f64, width in 0.01..3.0_f64,
        ) {
            for limit in [Limit::AtLeast(low), Limit::AtMost(low), Limit::Between(low, low + width)] {
                let at = |mean, variance| limit.log_probability(mean, variance);
                let (by_mean, by_variance) = limit.slopes(mean, variance);
                let h = 1e-5;
                let expected = (at(mean + h, variance) - at(mean - h, variance)) / (2.0 * h);
                prop_assert!((by_mean - expected).abs() < 1e-5 * (1.0 + expected.abs()), "{} {}", by_mean, expected);
                let h = 1e-5 * variance;
                let expected = (at(mean, variance + h) - at(mean, variance - h)) / (2.0 * h);
                prop_assert!((by_variance - expected).abs() < 1e-5 * (1.0 + expected.abs()), "{} {}", by_variance, expected);
            }
        }
    }
}
