//! Wald's sequential probability ratio test: when a site is decided.

use super::evidence::check_prior;
use super::filter::log_odds;
use super::overshoot::mean_overshoots;
use super::site::{SiteModel, check_positive};
use crate::error::{Error, Result};

/// What a sequential test says of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Neither limit is reached: look again.
    Undecided,
    /// The site is null.
    Null,
    /// The site is an alternative.
    Alternative,
}

/// Limits on the log-odds of the alternative between which a site stays undecided.
///
/// Wald (1945), *Ann. Math. Statist.* 16, 117. Among all tests with its error rates it has the smallest expected dose
/// under both hypotheses (Wald & Wolfowitz 1948).
///
/// ```
/// use dosewise::sequential::{SequentialTest, SiteModel, Verdict};
/// // One site in a hundred is a defect; give up at a tenth of that, claim at 90 %.
/// let test = SequentialTest::by_posterior(0.001, 0.9)?;
/// let site = SiteModel::poisson(1.0, 0.7)?;
/// let cost = test.expected_dose(&site, 0.01)?;
/// assert!((cost.null - 41.0).abs() < 1.0);
/// assert_eq!(test.verdict(0.0), Verdict::Undecided);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SequentialTest {
    lower: f64,
    upper: f64,
}

/// Log-odds beyond these no probability has, and no test needs.
const FURTHEST: f64 = 1e4;

/// Expected doses and error rates of a sequential test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SequentialCost {
    /// Expected dose at a null site.
    pub null: f64,
    /// Expected dose at an alternative site.
    pub alternative: f64,
    /// Expected dose at a site of unknown kind.
    pub mean: f64,
    /// Probability of claiming a null site.
    pub false_alarm: f64,
    /// Probability of giving up an alternative site.
    pub miss: f64,
}

impl SequentialTest {
    /// With these limits on the log-odds.
    ///
    /// # Errors
    /// [`Error::Argument`] unless the lower limit is below the upper one and both are within ±10⁴.
    pub fn new(lower: f64, upper: f64) -> Result<Self> {
        if lower < upper && lower.abs() <= FURTHEST && upper.abs() <= FURTHEST {
            return Ok(Self { lower, upper });
        }
        let found = format!("{lower} and {upper}");
        Err(Error::argument(
            "lower, upper",
            found,
            "−10⁴ ≤ lower < upper ≤ 10⁴",
        ))
    }

    /// Gives up where the odds of the alternative fall below `give_up` times those of the prior, claims above odds of
    /// `claim` to one.
    ///
    /// # Errors
    /// [`Error::Argument`] unless the prior is within (0, 1), both odds are positive and the first limit is below the second.
    pub fn by_odds(give_up: f64, claim: f64, prior: f64) -> Result<Self> {
        check_prior(prior)?;
        check_positive("give_up", give_up)?;
        check_positive("claim", claim)?;
        Self::new(log_odds(prior) + give_up.ln(), claim.ln())
    }

    /// Gives up where the posterior probability of the alternative falls below `give_up`, claims above `claim`.
    ///
    /// # Errors
    /// [`Error::Argument`] unless 0 < give_up < claim < 1.
    pub fn by_posterior(give_up: f64, claim: f64) -> Result<Self> {
        if !(give_up > 0.0 && give_up < claim && claim < 1.0) {
            let found = format!("{give_up} and {claim}");
            return Err(Error::argument(
                "give_up, claim",
                found,
                "0 < give_up < claim < 1",
            ));
        }
        Self::new(log_odds(give_up), log_odds(claim))
    }

    /// Wald's limits for these error rates, ln(β/(1 − α)) and ln((1 − β)/α) above the prior log-odds.
    ///
    /// # Errors
    /// [`Error::Argument`] unless the rates are positive with a sum below 1 and the prior is within (0, 1).
    pub fn by_error_rates(false_alarm: f64, miss: f64, prior: f64) -> Result<Self> {
        check_prior(prior)?;
        check_error_rates(false_alarm, miss)?;
        let start = log_odds(prior);
        Self::new(
            start + (miss / (1.0 - false_alarm)).ln(),
            start + ((1.0 - miss) / false_alarm).ln(),
        )
    }

    /// Below these log-odds the site is taken for null.
    pub fn lower(&self) -> f64 {
        self.lower
    }

    /// Above these log-odds the site is taken for an alternative.
    pub fn upper(&self) -> f64 {
        self.upper
    }

    /// The same test with both limits `nats` further out.
    pub(super) fn widened(self, nats: f64) -> Self {
        Self {
            lower: self.lower - nats,
            upper: self.upper + nats,
        }
    }

    /// What the test says at these log-odds.
    pub fn verdict(&self, log_odds: f64) -> Verdict {
        if log_odds < self.lower {
            Verdict::Null
        } else if log_odds > self.upper {
            Verdict::Alternative
        } else {
            Verdict::Undecided
        }
    }

    /// What the test costs a site that starts at this prior, and how often it errs, without damage and neglecting the
    /// overshoot of the limits (Wald's approximation).
    ///
    /// With limits B < 0 < A on the log-likelihood ratio: α = (1 − e^B)/(e^A − e^B), β = e^B (1 − α),
    /// E₀ D = (−(1 − α) B − α A)/D(P₀ ‖ P₁), E₁ D = ((1 − β) A + β B)/D(P₁ ‖ P₀).
    ///
    /// # Errors
    /// [`Error::Argument`] if the prior is not between the limits.
    pub fn expected_dose(&self, site: &SiteModel, prior: f64) -> Result<SequentialCost> {
        self.cost(site, prior, [0.0; 2])
    }

    /// The same where dose comes in visits of `quantum`: the log-likelihood ratio ends beyond its limits, on average by as
    /// much as Siegmund's corrected diffusion approximation says, which makes tests longer and safer.
    ///
    /// # Errors
    /// As [`SequentialTest::expected_dose`], and unless the quantum is positive.
    pub fn expected_dose_in_quanta(
        &self,
        site: &SiteModel,
        prior: f64,
        quantum: f64,
    ) -> Result<SequentialCost> {
        check_positive("quantum", quantum)?;
        self.cost(site, prior, mean_overshoots(site, quantum))
    }

    fn cost(
        &self,
        site: &SiteModel,
        prior: f64,
        [over, under]: [f64; 2],
    ) -> Result<SequentialCost> {
        check_prior(prior)?;
        let (below, above) = (self.lower - log_odds(prior), self.upper - log_odds(prior));
        if !(below < 0.0 && above > 0.0) {
            let allowed = "a prior between the limits of the test";
            return Err(Error::argument("prior", prior, allowed));
        }
        let (against, evidence) = (site.evidence_against(), site.evidence_for());
        let (below, above) = (below - under, above + over);
        let false_alarm = (1.0 - below.exp()) / (above.exp() - below.exp());
        let miss = below.exp() * (1.0 - false_alarm);
        let null = (-(1.0 - false_alarm) * below - false_alarm * above) / against;
        let alternative = ((1.0 - miss) * above + miss * below) / evidence;
        Ok(SequentialCost {
            null,
            alternative,
            mean: (1.0 - prior) * null + prior * alternative,
            false_alarm,
            miss,
        })
    }
}

/// Refuses error rates that no test of two hypotheses can be asked for.
pub(super) fn check_error_rates(false_alarm: f64, miss: f64) -> Result<()> {
    if false_alarm > 0.0 && miss > 0.0 && false_alarm + miss < 1.0 {
        return Ok(());
    }
    let found = format!("{false_alarm} and {miss}");
    Err(Error::argument(
        "false_alarm, miss",
        found,
        "positive, with a sum below 1",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Stream};
    use crate::sequential::SiteFilter;
    use crate::units::Seed;
    use rand_distr::{Distribution, Poisson};

    #[test]
    fn simulated_tests_cost_and_err_as_wald_says() {
        // Small steps keep the overshoot, which the theory neglects, small.
        let site = SiteModel::poisson(1.0, 0.7).unwrap();
        let prior = 0.3;
        let test = SequentialTest::by_error_rates(0.05, 0.1, prior).unwrap();
        let cost = test.expected_dose(&site, prior).unwrap();
        assert!((cost.false_alarm - 0.05).abs() < 1e-12 && (cost.miss - 0.1).abs() < 1e-12);
        let (runs, step) = (1500, 0.5);
        for alternative in [false, true] {
            let law = Poisson::new(site.rate(alternative) * step).unwrap();
            let (mut dose, mut claims) = (0.0, 0.0);
            for run in 0..runs {
                let mut stream =
                    Stream::new(Seed(11), Purpose::Counts, [run, u64::from(alternative)]);
                let mut filter = SiteFilter::default();
                loop {
                    filter
                        .observe(&site, step, law.sample(&mut stream))
                        .unwrap();
                    match test.verdict(log_odds(prior) + filter.log_likelihood_ratio()) {
                        Verdict::Undecided => continue,
                        Verdict::Alternative => claims += 1.0,
                        Verdict::Null => {}
                    }
                    break;
                }
                dose += filter.dose();
            }
            let (dose, claims) = (dose / runs as f64, claims / runs as f64);
            let (expected, rate) = if alternative {
                (cost.alternative, 1.0 - cost.miss)
            } else {
                (cost.null, cost.false_alarm)
            };
            // Overshoot makes tests a little longer and better than Wald's approximation.
            assert!(
                (0.92..1.2).contains(&(dose / expected)),
                "{dose} vs {expected}"
            );
            assert!((claims - rate).abs() < 0.03, "{claims} vs {rate}");
        }
    }

    #[test]
    fn the_table_of_theory_is_met() {
        for (contrast, mean) in [(0.2, 101.0), (0.3, 41.0), (0.4, 21.0)] {
            let site = SiteModel::poisson(1.0, 1.0 - contrast).unwrap();
            // Limits at a tenth of the prior's probability ratio and at 90 %, as odds.
            let test = SequentialTest::by_odds(0.1, 9.0, 0.01).unwrap();
            let cost = test.expected_dose(&site, 0.01).unwrap();
            assert!((cost.mean - mean).abs() < 1.0, "{cost:?}");
        }
        for (lower, upper) in [
            (1e17, f64::INFINITY),
            (f64::NEG_INFINITY, 0.0),
            (1e17, 2e17),
            (1.0, 1.0),
            (f64::NAN, 1.0),
        ] {
            assert!(SequentialTest::new(lower, upper).is_err());
        }
        assert!(SequentialTest::by_odds(0.0, 9.0, 0.5).is_err());
        assert!(SequentialTest::by_odds(10.0, 9.0, 0.5).is_err());
        assert!(SequentialTest::by_posterior(0.9, 0.1).is_err());
        assert!(SequentialTest::by_error_rates(0.6, 0.6, 0.5).is_err());
    }
}
