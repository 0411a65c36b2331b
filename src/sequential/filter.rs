//! What the readings of one site say about it, damage included.

use super::site::SiteModel;
use crate::error::Result;

/// The evidence of one site: an exact recursive filter over {null, alternative} × {intact, damaged}.
///
/// Four log-messages, one a state. Before each visit the hazard h that has built up since the previous one moves weight
/// from intact to damaged (A′ = A − h, C′ = log(e^C + e^A (1 − e^−h))), then every state gains its log-likelihood of the
/// reading. The log-likelihood ratio of alternative to null is the difference of the summed pairs. Exact where damage
/// strikes between visits; for visits short against the critical dose the difference is small.
///
/// Forward algorithm of a hidden Markov model (Rabiner 1989, *Proc. IEEE* 77, 257).
///
/// ```
/// use dosewise::sequential::{SiteFilter, SiteModel};
/// let site = SiteModel::poisson(1.0, 0.7)?;
/// let mut filter = SiteFilter::default();
/// filter.observe(&site, 4.0, 1.0)?;
/// filter.observe(&site, 4.0, 3.0)?;
/// // Without damage only the sums matter: 4 counts in a dose of 8.
/// assert!((filter.log_likelihood_ratio() - (4.0 * 0.7_f64.ln() + 8.0 * 0.3)).abs() < 1e-12);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SiteFilter {
    /// Intact and damaged under the null, then under the alternative; relative to the intact null's likelihood.
    messages: [[f64; 2]; 2],
    dose: f64,
    /// Hazard up to the start of the last visit.
    hazard: f64,
    visits: usize,
}

impl Default for SiteFilter {
    /// Nothing seen: intact for certain.
    fn default() -> Self {
        Self {
            messages: [[0.0, f64::NEG_INFINITY]; 2],
            dose: 0.0,
            hazard: 0.0,
            visits: 0,
        }
    }
}

impl SiteFilter {
    /// Takes in the `reading` of a visit of this `dose`.
    ///
    /// # Errors
    /// [`crate::Error::Argument`] unless the dose is positive and the reading possible (counts are whole numbers).
    pub fn observe(&mut self, site: &SiteModel, dose: f64, reading: f64) -> Result<()> {
        site.check_reading(dose, reading)?;
        let hazard = site.survival().hazard(self.dose);
        let step = hazard - self.hazard;
        let reference = site.log_likelihood(site.rate(false), dose, reading);
        for (alternative, [intact, damaged]) in [false, true].into_iter().zip(&mut self.messages) {
            if step > 0.0 {
                *damaged = log_sum(*damaged, *intact + (-(-step).exp_m1()).ln());
                *intact -= step;
            }
            let gain = |rate| site.log_likelihood(rate, dose, reading) - reference;
            *intact += gain(site.rate(alternative));
            *damaged += gain(site.damaged_rate(alternative));
        }
        self.hazard = hazard;
        self.dose += dose;
        self.visits += 1;
        Ok(())
    }

    /// log p(readings | alternative) − log p(readings | null), nats.
    pub fn log_likelihood_ratio(&self) -> f64 {
        let [null, alternative] = self
            .messages
            .map(|[intact, damaged]| log_sum(intact, damaged));
        alternative - null
    }

    /// Probability that the site is intact now, given its readings and the prior log-odds of the alternative.
    pub fn intact(&self, prior_log_odds: f64) -> f64 {
        let weighted = [self.messages[0][0], self.messages[1][0] + prior_log_odds];
        let spoiled = [self.messages[0][1], self.messages[1][1] + prior_log_odds];
        let (intact, damaged) = (
            log_sum(weighted[0], weighted[1]),
            log_sum(spoiled[0], spoiled[1]),
        );
        1.0 / (1.0 + (damaged - intact).exp())
    }

    /// Dose received so far.
    pub fn dose(&self) -> f64 {
        self.dose
    }

    /// Number of visits so far.
    pub fn visits(&self) -> usize {
        self.visits
    }
}

/// log(e^a + e^b).
pub(super) fn log_sum(a: f64, b: f64) -> f64 {
    let (high, low) = if a > b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY {
        return high;
    }
    high + (low - high).exp().ln_1p()
}

/// 1/(1 + e^−x).
pub(super) fn probability(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

/// log(p/(1 − p)).
pub(super) fn log_odds(probability: f64) -> f64 {
    (probability / (1.0 - probability)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequential::Survival;

    #[test]
    fn sums_over_all_histories_of_damage() {
        // Truth by enumeration: damage before visit 1, 2, 3, or never; the hazard is checked at the start of a visit.
        let survival = Survival::new(9.0, 2.0).unwrap();
        let site = SiteModel::poisson(1.0, 0.6)
            .and_then(|s| s.with_damage(0.6, 0.3, survival))
            .unwrap();
        let visits = [(4.0, 5.0), (2.0, 0.0), (4.0, 1.0)];
        let mut filter = SiteFilter::default();
        for (dose, reading) in visits {
            filter.observe(&site, dose, reading).unwrap();
        }
        let starts = [0.0, 4.0, 6.0];
        let total = |alternative: bool| -> f64 {
            (0..=3)
                .map(|first_damaged: usize| {
                    let intact_at = |k: usize| survival.intact(starts[k]);
                    let before = if first_damaged == 0 {
                        1.0
                    } else {
                        intact_at(first_damaged - 1)
                    };
                    let weight = if first_damaged == 3 {
                        before
                    } else {
                        before - intact_at(first_damaged)
                    };
                    let likelihood: f64 = visits
                        .iter()
                        .enumerate()
                        .map(|(k, (dose, reading))| {
                            let rate = if k >= first_damaged {
                                site.damaged_rate(alternative)
                            } else {
                                site.rate(alternative)
                            };
                            (rate.powf(*reading)) * (-rate * dose).exp()
                        })
                        .product();
                    weight * likelihood
                })
                .sum()
        };
        let expected = (total(true) / total(false)).ln();
        assert!((filter.log_likelihood_ratio() - expected).abs() < 1e-12);
        let chance = filter.intact(0.0);
        assert!((0.0..=1.0).contains(&chance) && (filter.dose() - 10.0).abs() < 1e-12);
    }

    #[test]
    fn gaussian_readings_add_up() {
        let site = SiteModel::gaussian(0.2, 0.5, 1.5).unwrap();
        let (mut one, mut two) = (SiteFilter::default(), SiteFilter::default());
        one.observe(&site, 3.0, 0.9).unwrap();
        two.observe(&site, 1.0, 0.7).unwrap();
        two.observe(&site, 2.0, 0.2).unwrap();
        // ln N(0.9; 1.5, 4.5) − ln N(0.9; 0.6, 4.5)
        let expected = ((0.9_f64 - 0.6).powi(2) - (0.9_f64 - 1.5).powi(2)) / (2.0 * 4.5);
        assert!((one.log_likelihood_ratio() - expected).abs() < 1e-12);
        assert!((two.log_likelihood_ratio() - expected).abs() < 1e-12);
        assert!(one.observe(&site, 0.0, 1.0).is_err());
        assert!(one.observe(&site, 1.0, f64::NAN).is_err());
        let counts = SiteModel::poisson(1.0, 0.5).unwrap();
        assert!(
            one.observe(&counts, 1.0, 1.5).is_err() && one.observe(&counts, 1.0, -1.0).is_err()
        );
    }
}
