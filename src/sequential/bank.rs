//! A bank of sites to try policies on: few alternatives among many nulls, one dose meter, one answer.

use super::allocation::{Allocation, BankView, Visit};
use super::evidence::check_prior;
use super::filter::{SiteFilter, log_odds};
use super::information_table::check_quantum;
use super::neighbours::LocalIntensity;
use super::site::{Scatter, SiteModel};
use crate::error::{Error, Result};
use crate::metric::{QualityCurve, average_precision, normalised};
use crate::random::{Purpose, Stream};
use crate::units::Seed;
use rand::RngExt;
use rand_distr::{Distribution, Poisson};

/// Moments at which the answer is scored, evenly over the budget.
const CHECKPOINTS: usize = 50;
/// Share of the budget after which beliefs that depend on neighbours are read again.
const REFRESH: f64 = 0.005;

/// Where the alternatives are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Each site is an alternative with the prior probability, independently.
    Independent,
    /// On a square of sites, 85 % of the alternatives gather in five clusters of two sites standard deviation; the analyst
    /// learns the intensity of neighbourhoods from banks that are not scored.
    Clustered,
}

/// A task: how many sites, how rare the alternatives, what a site shows, how much dose there is.
#[derive(Debug, Clone, PartialEq)]
pub struct BankDesign {
    sites: usize,
    prior: f64,
    site: SiteModel,
    quantum: f64,
    mean_quanta: usize,
    smallest_visit: usize,
    layout: Layout,
}

impl BankDesign {
    /// `sites` sites, a share `prior` of them alternative; quanta of 4 units of dose, 16 of them a site on average.
    ///
    /// # Errors
    /// [`Error::Argument`] unless there are 2 to 10⁷ sites and the prior is within (0, 1).
    pub fn new(sites: usize, prior: f64, site: SiteModel) -> Result<Self> {
        check_prior(prior)?;
        if !(2..=10_000_000).contains(&sites) {
            return Err(Error::argument("sites", sites, "2 to 10 000 000"));
        }
        Ok(Self {
            sites,
            prior,
            site,
            quantum: 4.0,
            mean_quanta: 16,
            smallest_visit: 1,
            layout: Layout::Independent,
        })
    }

    /// Sets the dose of one quantum, the smallest amount that can be decided upon.
    ///
    /// # Errors
    /// [`Error::Argument`] unless positive.
    pub fn quantum(self, dose: f64) -> Result<Self> {
        check_quantum(dose)?;
        let mean_dose = self.mean_quanta as f64 * self.quantum;
        Self {
            quantum: dose,
            ..self
        }
        .mean_dose(mean_dose)
    }

    /// Sets the budget as a mean dose per site, rounded to whole quanta.
    ///
    /// # Errors
    /// [`Error::Argument`] unless the dose is positive and gives at most 10⁶ quanta a site.
    pub fn mean_dose(self, dose: f64) -> Result<Self> {
        let quanta = (dose / self.quantum).round().max(1.0);
        if !(dose > 0.0 && quanta <= 1e6) {
            return Err(Error::argument(
                "mean_dose",
                dose,
                "a positive dose of at most 10⁶ quanta",
            ));
        }
        Ok(Self {
            mean_quanta: quanta as usize,
            ..self
        })
    }

    /// Sets the shortest visit the instrument can make, in quanta.
    ///
    /// # Errors
    /// [`Error::Argument`] for zero.
    pub fn smallest_visit(self, quanta: usize) -> Result<Self> {
        if quanta == 0 {
            return Err(Error::argument("quanta", quanta, "at least 1"));
        }
        Ok(Self {
            smallest_visit: quanta,
            ..self
        })
    }

    /// Sets where the alternatives are.
    ///
    /// # Errors
    /// [`Error::Argument`] if a clustered bank is not a square of at least 16 × 16 sites.
    pub fn layout(self, layout: Layout) -> Result<Self> {
        let side = self.sites.isqrt();
        if layout == Layout::Clustered && (side * side != self.sites || side < 16) {
            let allowed = "a square number of sites, at least 16 × 16";
            return Err(Error::argument("sites", self.sites, allowed));
        }
        Ok(Self { layout, ..self })
    }

    /// Number of sites.
    pub fn sites(&self) -> usize {
        self.sites
    }

    /// Share of alternatives.
    pub fn prior(&self) -> f64 {
        self.prior
    }

    /// What a site shows.
    pub fn site(&self) -> &SiteModel {
        &self.site
    }

    /// Dose of one quantum.
    pub fn quantum_dose(&self) -> f64 {
        self.quantum
    }

    /// Budget in quanta per site.
    pub fn mean_quanta(&self) -> usize {
        self.mean_quanta
    }

    /// Shortest visit, in quanta.
    pub fn shortest_visit(&self) -> usize {
        self.smallest_visit
    }

    /// Budget in quanta, all sites together.
    pub fn budget(&self) -> usize {
        self.mean_quanta * self.sites
    }

    /// One bank of this design: truth, damage and every electron follow from the seed and not from the policy, so
    /// policies are compared on the same sites.
    ///
    /// # Errors
    /// [`Error::Argument`] if no draw of the seed holds both kinds of sites, which an extreme prior makes likely.
    pub fn bank(&self, seed: Seed) -> Result<Bank> {
        let truth = match self.layout {
            Layout::Independent => (0..self.sites as u64)
                .map(|i| Stream::new(seed, Purpose::Defects, [i, 0]).random::<f64>() < self.prior)
                .collect(),
            Layout::Clustered => super::neighbours::clustered_truth(self.sites, self.prior, seed),
        };
        if truth.iter().all(|t| *t) || !truth.contains(&true) {
            let allowed = "a prior and a number of sites that give both kinds";
            return Err(Error::argument("prior", self.prior, allowed));
        }
        let coupling = match self.layout {
            Layout::Independent => None,
            Layout::Clustered => Some(LocalIntensity::trained(self.sites, self.prior)),
        };
        Ok(Bank {
            design: self.clone(),
            seed,
            truth,
            coupling,
        })
    }
}

/// One bank of sites whose truth only the score knows.
#[derive(Debug, Clone)]
pub struct Bank {
    design: BankDesign,
    seed: Seed,
    truth: Vec<bool>,
    coupling: Option<LocalIntensity>,
}

impl Bank {
    /// Lets a policy spend the budget and returns the quality of the answer against dose (mean dose per site).
    ///
    /// The answer is the posterior log-odds of every site, by the exact filter; its quality is the average precision,
    /// normalised so that the prior scores 0, at 50 moments evenly over the budget.
    ///
    /// # Errors
    /// [`Error::Argument`] if the policy names a site that does not exist or a visit shorter than the shortest.
    pub fn run(&self, policy: &mut dyn Allocation) -> Result<QualityCurve> {
        let mut session = Session::new(self)?;
        loop {
            session.refresh_if_due();
            let visits = policy.next(session.view());
            if visits.is_empty() || session.exhausted() {
                return session.close();
            }
            session.serve(&visits)?;
        }
    }

    /// The reference that no policy reaches: knows the truth and chooses whom to serve, yet has to earn the evidence
    /// with the same filter. Alternatives first until they are claimed, then the nulls that look most suspicious.
    ///
    /// # Errors
    /// As [`Bank::run`].
    pub fn run_clairvoyant(&self) -> Result<QualityCurve> {
        self.run(&mut Clairvoyant { truth: &self.truth })
    }

    fn reading(&self, site: usize, quantum: usize) -> f64 {
        let mut stream = Stream::new(self.seed, Purpose::Counts, [site as u64, quantum as u64]);
        let dose = self.design.quantum;
        let alternative = self.truth[site];
        let model = &self.design.site;
        let worn = quantum as f64 * dose >= self.lifetime(site);
        let rate = if worn {
            model.damaged_rate(alternative)
        } else {
            model.rate(alternative)
        };
        match model.scatter() {
            Scatter::Poisson => {
                // Rates are positive and finite by construction, so the law exists.
                Poisson::new(rate * dose).map_or(0.0, |law| law.sample(&mut stream))
            }
            Scatter::Gaussian { variance } => {
                rate * dose + (variance * dose).sqrt() * stream.normal()
            }
        }
    }

    /// The dose at which this site is damaged.
    fn lifetime(&self, site: usize) -> f64 {
        let survival = self.design.site.survival();
        if survival.critical_dose.is_infinite() {
            return f64::INFINITY;
        }
        let mut stream = Stream::new(self.seed, Purpose::DamageThreshold, [site as u64, 0]);
        survival.critical_dose * stream.exponential().powf(1.0 / survival.exponent)
    }
}

/// One run through a bank.
struct Session<'a> {
    bank: &'a Bank,
    filters: Vec<SiteFilter>,
    served: Vec<usize>,
    prior_log_odds: Vec<f64>,
    log_odds: Vec<f64>,
    spent: usize,
    refreshed: usize,
    curve: QualityCurve,
    checkpoint: usize,
}

impl<'a> Session<'a> {
    fn new(bank: &'a Bank) -> Result<Self> {
        let design = &bank.design;
        let start = vec![log_odds(design.prior); design.sites];
        let mut session = Self {
            bank,
            filters: vec![SiteFilter::default(); design.sites],
            served: vec![0; design.sites],
            prior_log_odds: start.clone(),
            log_odds: start,
            spent: 0,
            refreshed: 0,
            curve: QualityCurve::new(design.mean_quanta as f64 * design.quantum)?,
            checkpoint: 1,
        };
        session.refresh();
        Ok(session)
    }

    fn view(&self) -> BankView<'_> {
        BankView {
            design: &self.bank.design,
            log_odds: &self.log_odds,
            served: &self.served,
            spent: self.spent,
        }
    }

    fn exhausted(&self) -> bool {
        self.spent >= self.bank.design.budget()
    }

    fn serve(&mut self, visits: &[Visit]) -> Result<()> {
        let design = &self.bank.design;
        for visit in visits {
            if visit.site >= design.sites || visit.quanta < design.smallest_visit {
                let allowed = format!(
                    "sites below {} and at least {} quanta",
                    design.sites, design.smallest_visit
                );
                return Err(Error::argument("visit", format!("{visit:?}"), allowed));
            }
            for _ in 0..visit.quanta {
                if self.exhausted() {
                    return Ok(());
                }
                let site = visit.site;
                let reading = self.bank.reading(site, self.served[site]);
                self.filters[site].observe(&design.site, design.quantum, reading)?;
                self.served[site] += 1;
                self.log_odds[site] =
                    self.prior_log_odds[site] + self.filters[site].log_likelihood_ratio();
                self.spent += 1;
                if self.spent * CHECKPOINTS >= self.checkpoint * design.budget() {
                    self.refresh();
                    self.score()?;
                    self.checkpoint += 1;
                }
            }
        }
        Ok(())
    }

    fn refresh_if_due(&mut self) {
        let due = REFRESH * self.bank.design.budget() as f64;
        if self.bank.coupling.is_some() && (self.spent - self.refreshed) as f64 >= due {
            self.refresh();
        }
    }

    /// Reads the beliefs again where they depend on the neighbours.
    fn refresh(&mut self) {
        self.refreshed = self.spent;
        if let Some(coupling) = &self.bank.coupling {
            let ratios: Vec<f64> = self
                .filters
                .iter()
                .map(SiteFilter::log_likelihood_ratio)
                .collect();
            self.prior_log_odds = coupling.prior_log_odds(&ratios);
            let both = self.prior_log_odds.iter().zip(&ratios);
            self.log_odds = both.map(|(prior, ratio)| prior + ratio).collect();
        }
    }

    fn score(&mut self) -> Result<()> {
        let truth = &self.bank.truth;
        let share = truth.iter().filter(|t| **t).count() as f64 / truth.len() as f64;
        let precision = average_precision(&self.log_odds, truth)?.unwrap_or(share);
        let dose = self.spent as f64 * self.bank.design.quantum / truth.len() as f64;
        self.curve.push(dose, normalised(precision, share)?)
    }

    /// The answer held to the end.
    fn close(mut self) -> Result<QualityCurve> {
        self.refresh();
        self.score()?;
        Ok(self.curve)
    }
}

/// Knows the truth; see [`Bank::run_clairvoyant`].
struct Clairvoyant<'a> {
    truth: &'a [bool],
}

impl Allocation for Clairvoyant<'_> {
    fn next(&mut self, bank: BankView<'_>) -> Vec<Visit> {
        // Claimed beyond log-odds 7, dismissed below −3: more dose there would change no ranking.
        let need = |site: usize, log_odds: f64| match (
            self.truth[site],
            log_odds < 7.0,
            log_odds > -3.0,
        ) {
            (true, true, _) => Some(100.0 - log_odds),
            (false, _, true) => Some(log_odds),
            _ => None,
        };
        let every = bank.log_odds().iter().enumerate();
        let ranked = every.filter_map(|(site, x)| Some((site, need(site, *x)?)));
        let batch = (bank.design().budget() / 400).max(8);
        super::index_allocation::most_deserving(ranked.collect(), batch)
            .into_iter()
            .map(|site| Visit {
                site,
                quanta: bank.design().shortest_visit(),
            })
            .collect()
    }
}
