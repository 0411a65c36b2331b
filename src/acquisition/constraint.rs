//! Measurements that must, or should, meet constraints nobody knows exactly.

use crate::error::{Error, Result};
use crate::gp::Marginals;
use crate::normal;

/// What a constrained quantity has to be, in its own units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// This number or more.
    AtLeast(f64),
    /// This number or less.
    AtMost(f64),
}

impl Limit {
    /// By how much a value exceeds the limit in the allowed direction.
    fn margin(self, value: f64) -> f64 {
        match self {
            Self::AtLeast(limit) => value - limit,
            Self::AtMost(limit) => limit - value,
        }
    }

    fn check(self) -> Result<()> {
        let (Self::AtLeast(limit) | Self::AtMost(limit)) = self;
        if limit.is_finite() {
            return Ok(());
        }
        Err(Error::argument("limit", limit, "a finite number"))
    }

    /// `ln P(g meets the limit)` for `g ~ N(mean, variance)`; without variance 0 or −∞.
    fn log_probability(self, mean: f64, variance: f64) -> f64 {
        let margin = self.margin(mean);
        if variance > 0.0 {
            normal::ln_cdf(margin / variance.sqrt())
        } else if margin >= 0.0 {
            0.0
        } else {
            f64::NEG_INFINITY
        }
    }
}

/// Natural logarithm of the probability that each of m places meets all constraints.
///
/// `ln P(x) = Σ_c ln Φ(± (μ_c(x) − limit_c)/s_c(x))` for independent constraint surrogates, + for [`Limit::AtLeast`]; finite far
/// out where the product itself underflows. `beliefs` holds the posterior of each constrained quantity at the m places.
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
    if !(deviations.is_finite() && deviations >= 0.0) {
        return Err(Error::argument(
            "deviations",
            deviations,
            "a finite number, 0 or more",
        ));
    }
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
