//! Distilled sensing: rounds of equal dose, each on the better part of the sites of the last.

use super::allocation::{Allocation, BankView, Visit};
use crate::error::{Error, Result};

/// Sites never fall below this number.
const FEWEST: usize = 8;

/// Rounds of equal dose; after each, the share `keep` of the sites with the highest log-odds stays. There are fewer rounds
/// than asked for where the budget cannot afford the shortest visit to every site in the first: no site is discarded unseen.
///
/// Haupt, Castro & Nowak (2011), *IEEE Trans. Inf. Theory* 57, 6222 (arXiv 1001.5311): it is easier to tell where the
/// signal is not.
#[derive(Debug, Clone, PartialEq)]
pub struct DistilledSensing {
    rounds: usize,
    keep: f64,
    /// Rounds the budget affords.
    affordable: usize,
    round: usize,
    active: Vec<usize>,
    /// Quanta the present round may still spend.
    purse: usize,
}

impl DistilledSensing {
    /// Eight rounds that keep one half, for example.
    ///
    /// # Errors
    /// [`Error::Argument`] unless there is a round and the share is within (0, 1).
    pub fn new(rounds: usize, keep: f64) -> Result<Self> {
        if rounds == 0 {
            return Err(Error::argument("rounds", rounds, "at least 1"));
        }
        if !(keep > 0.0 && keep < 1.0) {
            return Err(Error::argument("keep", keep, "a share within (0, 1)"));
        }
        Ok(Self {
            rounds,
            keep,
            affordable: rounds,
            round: 0,
            active: Vec::new(),
            purse: 0,
        })
    }

    fn open_round(&mut self, bank: BankView<'_>) {
        let design = bank.design();
        if self.round == 0 {
            self.active = (0..design.sites()).collect();
            let pass = design.sites() * design.shortest_visit();
            self.affordable = (design.budget() / pass).clamp(1, self.rounds);
        } else {
            let log_odds = bank.log_odds();
            self.active
                .sort_by(|a, b| log_odds[*b].total_cmp(&log_odds[*a]).then(a.cmp(b)));
            let kept = (self.active.len() as f64 * self.keep) as usize;
            self.active.truncate(kept.max(FEWEST));
            self.active.sort_unstable();
        }
        self.round += 1;
        self.purse = if self.round < self.affordable {
            design.budget() / self.affordable
        } else {
            bank.left()
        };
    }
}

impl Allocation for DistilledSensing {
    fn next(&mut self, bank: BankView<'_>) -> Vec<Visit> {
        let shortest = bank.design().shortest_visit();
        if bank.left() == 0 {
            return Vec::new();
        }
        if bank.spent() == 0 {
            self.round = 0;
        }
        let over = self.purse < self.active.len() * shortest;
        if self.round == 0 || (over && self.round < self.affordable) {
            self.open_round(bank);
        }
        let share = (self.purse / self.active.len()).max(shortest);
        self.purse = self.purse.saturating_sub(share * self.active.len());
        let sites = self.active.iter();
        sites
            .map(|&site| Visit {
                site,
                quanta: share,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequential::{BankDesign, Beliefs, SiteModel};

    #[test]
    fn no_site_is_discarded_before_it_was_seen() {
        // Eight quanta a site: eight rounds would have one each, less than the shortest visit of four.
        let site = SiteModel::poisson(1.0, 0.5).unwrap();
        let design = BankDesign::new(40, 0.2, site)
            .and_then(|d| d.mean_dose(32.0))
            .and_then(|d| d.smallest_visit(4))
            .unwrap();
        let mut policy = DistilledSensing::new(8, 0.5).unwrap();
        let mut beliefs = Beliefs::new(&design);
        let mut passes = Vec::new();
        while beliefs.view().left() > 0 {
            let visits = policy.next(beliefs.view());
            passes.push(visits.len());
            for visit in visits {
                for _ in 0..visit.quanta.min(beliefs.view().left()) {
                    let reading = if visit.site < 30 { 4.0 } else { 1.0 };
                    beliefs.observe(visit.site, reading).unwrap();
                }
            }
        }
        assert_eq!(passes[..2], [40, 20]);
        let view = beliefs.view();
        assert!(view.served().iter().all(|served| *served >= 4));
        // The better half holds every alternative, though their numbers are the highest.
        assert!((30..40).all(|site| view.served()[site] > 4));
    }
}
