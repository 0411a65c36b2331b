//! How much dose a question costs: divergences, the three regime numbers, and the limits of theory.

use super::filter::log_odds;
use super::site::{Scatter, SiteModel, check_positive};
use crate::error::{Error, Result};

impl SiteModel {
    /// D(alternative ‖ null): expected log-likelihood ratio per unit of dose at an intact alternative site, nats.
    ///
    /// Poisson rates a against b: a ln(a/b) − a + b; Gaussian: (a − b)²/(2 v) (Cover & Thomas 2006, chapter 2).
    pub fn evidence_for(&self) -> f64 {
        self.divergence(self.rate(true), self.rate(false))
    }

    /// D(null ‖ alternative): expected log-likelihood ratio against, per unit of dose at an intact null site, nats.
    pub fn evidence_against(&self) -> f64 {
        self.divergence(self.rate(false), self.rate(true))
    }

    /// Chernoff information per unit of dose, nats: the best error exponent of a test of fixed dose,
    /// max over 0 < t < 1 of −log ∫ p₀^t p₁^(1−t) (Cover & Thomas 2006, section 11.9).
    pub fn chernoff_information(&self) -> f64 {
        let (a, b) = (self.rate(false), self.rate(true));
        let exponent = |t: f64| match self.scatter() {
            Scatter::Poisson => t * a + (1.0 - t) * b - a.powf(t) * b.powf(1.0 - t),
            Scatter::Gaussian { variance } => t * (1.0 - t) * (a - b).powi(2) / (2.0 * variance),
        };
        // Concave in t: golden-section search to the last digit that matters.
        let ratio = 0.5 * (5.0_f64.sqrt() - 1.0);
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..80 {
            let (left, right) = (high - ratio * (high - low), low + ratio * (high - low));
            if exponent(left) < exponent(right) {
                low = left;
            } else {
                high = right;
            }
        }
        exponent(0.5 * (low + high))
    }

    fn divergence(&self, a: f64, b: f64) -> f64 {
        match self.scatter() {
            Scatter::Poisson => {
                // −ln(1 + u) + u, which keeps its digits for rates that are nearly equal.
                let u = (b - a) / a;
                a * (u - u.ln_1p())
            }
            Scatter::Gaussian { variance } => (a - b).powi(2) / (2.0 * variance),
        }
    }
}

/// The three numbers that tell in advance whether adaptive dwell can pay, all in nats.
///
/// ```
/// use dosewise::sequential::{Regime, SiteModel, Survival};
/// let frail = SiteModel::poisson(1.0, 0.7)?.with_damage(0.7, 0.7, Survival::new(100.0, 2.0)?)?;
/// let regime = Regime::new(&frail, 64.0, 0.01)?;
/// assert!(!regime.certifiable()); // 4.5 nats of evidence before the site is gone, 4.6 needed
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Regime {
    /// Evidence that the mean dose per site buys at an alternative site: b D(P₁ ‖ P₀).
    pub evidence_per_site: f64,
    /// Evidence that turns the prior into even odds: ln((1 − π)/π).
    pub evidence_needed: f64,
    /// Evidence a site can give before damage takes it, D(P₁ ‖ P₀) D_c Γ(1 + 1/m); infinite if damaged sites still tell
    /// the hypotheses apart. An upper bound: reached where damage shows, not nearly where a damaged null looks like an
    /// alternative.
    pub evidence_ceiling: f64,
}

impl Regime {
    /// For a bank of sites, a share `prior` of them alternative, at this mean dose per site.
    ///
    /// # Errors
    /// [`Error::Argument`] unless the dose is positive and the prior within (0, 1).
    pub fn new(site: &SiteModel, mean_dose: f64, prior: f64) -> Result<Self> {
        check_positive("mean_dose", mean_dose)?;
        check_prior(prior)?;
        Ok(Self {
            evidence_per_site: mean_dose * site.evidence_for(),
            evidence_needed: -log_odds(prior),
            evidence_ceiling: if site.damaged_rate(true) == site.damaged_rate(false) {
                site.evidence_for() * site.survival().mean_life()
            } else {
                f64::INFINITY
            },
        })
    }

    /// Whether an allocation of dose may certify an alternative before damage takes it; if not, none can on average.
    pub fn certifiable(&self) -> bool {
        self.evidence_ceiling > self.evidence_needed
    }

    /// Whether sequential testing is expected to gain much: alternatives can be certified, and the mean dose buys less than
    /// three times the evidence needed, beyond which designs of fixed dwell find all of them too. There is no lower limit:
    /// the smaller the dose, the larger the ratio gained, though little is found by any policy.
    pub fn rewards_adaptive_dwell(&self) -> bool {
        self.certifiable() && self.evidence_per_site < 3.0 * self.evidence_needed.max(1.0)
    }
}

/// Mean dose a site for finding all of `alternatives` sites among many with vanishing error: ln s / D(P₀ ‖ P₁) for
/// sequential and ln n / D(P₁ ‖ P₀) for non-sequential designs.
///
/// Malloy & Nowak (2014), *IEEE Trans. Inf. Theory* 60, 7862 (arXiv 1212.1801): necessary for any scheme that treats
/// sites one by one, and reached by sequential probability ratio tests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RecoveryLimits {
    /// Mean dose per site that a sequential design needs.
    pub sequential: f64,
    /// Mean dose per site that a design of fixed dwell needs.
    pub fixed: f64,
}

impl RecoveryLimits {
    /// For s = `prior` × `sites` alternatives expected among n = `sites` sites.
    ///
    /// # Errors
    /// [`Error::Argument`] unless more than one alternative is expected.
    pub fn new(site: &SiteModel, sites: usize, prior: f64) -> Result<Self> {
        check_prior(prior)?;
        let alternatives = prior * sites as f64;
        if alternatives <= 1.0 {
            let found = format!("{alternatives} alternatives expected");
            return Err(Error::argument("prior", found, "more than 1 / sites"));
        }
        Ok(Self {
            sequential: alternatives.ln() / site.evidence_against(),
            fixed: (sites as f64).ln() / site.evidence_for(),
        })
    }
}

/// Rose's criterion: the dose at which the difference of the rates is `k` standard deviations of a reading (of the
/// brighter rate for counts, where it is k² λ/Δλ²); Rose (1948), *J. Opt. Soc. Am.* 38, 196, recommends k = 5.
///
/// # Errors
/// [`Error::Argument`] unless k is positive and finite.
pub fn rose_dose(site: &SiteModel, k: f64) -> Result<f64> {
    check_positive("k", k)?;
    let difference = site.rate(true) - site.rate(false);
    let variance = match site.scatter() {
        Scatter::Poisson => site.rate(true).max(site.rate(false)),
        Scatter::Gaussian { variance } => variance,
    };
    Ok(k * k * variance / difference.powi(2))
}

pub(super) fn check_prior(prior: f64) -> Result<()> {
    if prior > 0.0 && prior < 1.0 {
        return Ok(());
    }
    Err(Error::argument(
        "prior",
        prior,
        "a probability within (0, 1)",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequential::Survival;

    #[test]
    fn rates_of_evidence_are_those_of_the_table_of_theory() {
        // contrast, D(P₀‖P₁), D(P₁‖P₀), sequential, fixed dose for 41 defects among 4096 sites
        for (contrast, against, evidence, sequential, fixed) in [
            (0.2, 0.0231, 0.0215, 160.0, 387.0),
            (0.3, 0.0567, 0.0503, 65.0, 165.0),
            (0.4, 0.1108, 0.0935, 33.0, 89.0),
        ] {
            let site = SiteModel::poisson(1.0, 1.0 - contrast).unwrap();
            assert!((site.evidence_against() - against).abs() < 6e-5);
            assert!((site.evidence_for() - evidence).abs() < 6e-5);
            let limits = RecoveryLimits::new(&site, 4096, 0.01).unwrap();
            assert!((limits.sequential - sequential).abs() < 1.0, "{limits:?}");
            assert!((limits.fixed - fixed).abs() < 1.0, "{limits:?}");
            // Between the two divergences lies four times Chernoff's information, to leading order.
            let chernoff = site.chernoff_information();
            assert!(chernoff < 0.27 * against && chernoff > 0.23 * evidence);
        }
        let noisy = SiteModel::gaussian(0.0, 2.0, 4.0).unwrap();
        assert!((noisy.chernoff_information() - 1.0 / 8.0).abs() < 1e-12);
        assert!((rose_dose(&noisy, 5.0).unwrap() - 25.0).abs() < 1e-12);
    }

    #[test]
    fn the_ceiling_is_the_area_under_the_survival() {
        let survival = Survival::new(100.0, 2.0).unwrap();
        let site = SiteModel::poisson(1.0, 0.7)
            .and_then(|s| s.with_damage(0.7, 0.7, survival))
            .unwrap();
        let step = 0.01;
        let area: f64 = (0..100_000)
            .map(|i| survival.intact((i as f64 + 0.5) * step) * step)
            .sum();
        let regime = Regime::new(&site, 64.0, 0.01).unwrap();
        assert!((regime.evidence_ceiling - area * site.evidence_for()).abs() < 1e-6);
        assert!((regime.evidence_needed - 99.0_f64.ln()).abs() < 1e-12);
        assert!(!regime.rewards_adaptive_dwell());
        let lasting = SiteModel::poisson(1.0, 0.7).unwrap();
        for (dose, rewarded) in [(1.0, true), (64.0, true), (165.0, true), (400.0, false)] {
            let regime = Regime::new(&lasting, dose, 0.01).unwrap();
            assert_eq!(regime.rewards_adaptive_dwell(), rewarded, "{dose}");
        }
        assert!(Regime::new(&site, 64.0, 0.0).is_err() && Regime::new(&site, -1.0, 0.1).is_err());
        assert!(
            Regime::new(&SiteModel::poisson(1.0, 0.7).unwrap(), 64.0, 0.01)
                .unwrap()
                .certifiable()
        );
    }
}
