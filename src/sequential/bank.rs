//! A simulated bank of sites to try policies on: one truth, one dose meter, one answer.

use super::allocation::{Allocation, Visit};
use super::beliefs::Beliefs;
use super::clairvoyant::Clairvoyant;
use super::design::BankDesign;
use super::neighbours::clustered_truth;
use crate::error::{Error, Result};
use crate::metric::{QualityCurve, average_precision, normalised};
use crate::random::{Purpose, Stream};
use crate::units::Seed;
use rand::RngExt;

/// Moments at which the answer is scored, evenly over the budget.
const CHECKPOINTS: usize = 50;

impl BankDesign {
    /// One bank of this design: truth, damage and every electron follow from the seed and not from the policy, so
    /// policies are compared on the same sites.
    ///
    /// # Errors
    /// [`Error::Argument`] if no draw of the seed holds both kinds of sites, which an extreme prior makes likely.
    pub fn bank(&self, seed: Seed) -> Result<Bank> {
        let truth = if self.coupling().is_some() {
            clustered_truth(self.sites(), self.prior(), seed)
        } else {
            let draw = |i| Stream::new(seed, Purpose::Defects, [i, 0]).random::<f64>();
            (0..self.sites() as u64)
                .map(|i| draw(i) < self.prior())
                .collect()
        };
        if truth.iter().all(|t| *t) || !truth.contains(&true) {
            let allowed = "a prior and a number of sites that give both kinds";
            return Err(Error::argument("prior", self.prior(), allowed));
        }
        Ok(Bank {
            design: self.clone(),
            seed,
            truth,
        })
    }
}

/// One bank of sites whose truth only the score knows.
#[derive(Debug, Clone)]
pub struct Bank {
    design: BankDesign,
    seed: Seed,
    truth: Vec<bool>,
}

impl Bank {
    /// Lets a policy spend the budget and returns the quality of the answer against dose (mean dose per site).
    ///
    /// The answer is the posterior log-odds of every site, by the exact filter; its quality is the average precision,
    /// normalised so that the prior scores 0, at 50 moments evenly over the budget.
    ///
    /// # Errors
    /// [`Error::Argument`] if the policy names a site that does not exist or a visit shorter than the shortest, or if rate and
    /// quantum give more counts than can be drawn.
    pub fn run(&self, policy: &mut dyn Allocation) -> Result<QualityCurve> {
        let budget = self.design.budget();
        let mean_dose = self.design.mean_quanta() as f64 * self.design.quantum_dose();
        let mut curve = QualityCurve::new(mean_dose)?;
        let mut beliefs = Beliefs::new(&self.design);
        let (mut spent, mut checkpoint) = (0, 1);
        while spent < budget {
            let visits = policy.next(beliefs.view());
            if visits.is_empty() {
                break;
            }
            for visit in visits {
                let view = beliefs.view_as_is();
                if visit.site >= self.truth.len() || visit.quanta < view.shortest_visit(visit.site)
                {
                    return Err(self.refused(visit));
                }
                for _ in 0..visit.quanta.min(budget - spent) {
                    let quantum = beliefs.view_as_is().served()[visit.site];
                    beliefs.observe(visit.site, self.reading(visit.site, quantum)?)?;
                    spent += 1;
                    if spent * CHECKPOINTS >= checkpoint * budget {
                        self.score(&mut beliefs, &mut curve)?;
                        checkpoint += 1;
                    }
                }
            }
        }
        // A policy that stops early holds its answer.
        self.score(&mut beliefs, &mut curve)?;
        Ok(curve)
    }

    /// The reference that no policy reaches: knows the truth and chooses whom to serve, yet has to earn the evidence
    /// with the same filter. Alternatives first until they are claimed, then the nulls that look most suspicious.
    ///
    /// # Errors
    /// As [`Bank::run`].
    pub fn run_clairvoyant(&self) -> Result<QualityCurve> {
        self.run(&mut Clairvoyant { truth: &self.truth })
    }

    fn refused(&self, visit: Visit) -> Error {
        let allowed = format!(
            "sites below {} and at least {} quanta",
            self.design.sites(),
            self.design.shortest_visit()
        );
        Error::argument("visit", format!("{visit:?}"), allowed)
    }

    fn score(&self, beliefs: &mut Beliefs, curve: &mut QualityCurve) -> Result<()> {
        beliefs.ask_neighbours();
        let view = beliefs.view_as_is();
        let share = self.truth.iter().filter(|t| **t).count() as f64 / self.truth.len() as f64;
        let precision = average_precision(view.log_odds(), &self.truth)?.unwrap_or(share);
        let dose = view.spent() as f64 * self.design.quantum_dose() / self.truth.len() as f64;
        curve.push(dose, normalised(precision, share)?)
    }

    fn reading(&self, site: usize, quantum: usize) -> Result<f64> {
        let mut stream = Stream::new(self.seed, Purpose::Counts, [site as u64, quantum as u64]);
        let dose = self.design.quantum_dose();
        let alternative = self.truth[site];
        let model = self.design.site();
        let worn = quantum as f64 * dose >= self.lifetime(site);
        let rate = if worn {
            model.damaged_rate(alternative)
        } else {
            model.rate(alternative)
        };
        model.draw(rate, dose, &mut stream)
    }

    /// The dose at which this site is damaged.
    fn lifetime(&self, site: usize) -> f64 {
        let survival = self.design.site().survival();
        if survival.is_forever() {
            return f64::INFINITY;
        }
        let mut stream = Stream::new(self.seed, Purpose::DamageThreshold, [site as u64, 0]);
        survival.dose_at(stream.exponential())
    }
}
