//! Distilled sensing: rounds of equal dose, each on the better part of the sites of the last.

use super::allocation::{Allocation, BankView, Visit};
use crate::error::{Error, Result};

/// Sites never fall below this number.
const FEWEST: usize = 8;

/// `rounds` rounds of equal dose; after each, the share `keep` of the sites with the highest log-odds stays.
///
/// Haupt, Castro & Nowak (2011), *IEEE Trans. Inf. Theory* 57, 6222 (arXiv 1001.5311): it is easier to tell where the
/// signal is not.
#[derive(Debug, Clone, PartialEq)]
pub struct DistilledSensing {
    rounds: usize,
    keep: f64,
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
            round: 0,
            active: Vec::new(),
            purse: 0,
        })
    }

    fn open_round(&mut self, bank: BankView<'_>) {
        if self.round == 0 {
            self.active = (0..bank.design().sites()).collect();
        } else {
            let log_odds = bank.log_odds();
            self.active
                .sort_by(|a, b| log_odds[*b].total_cmp(&log_odds[*a]).then(a.cmp(b)));
            let kept = (self.active.len() as f64 * self.keep) as usize;
            self.active.truncate(kept.max(FEWEST));
            self.active.sort_unstable();
        }
        self.round += 1;
        self.purse = if self.round < self.rounds {
            bank.design().budget() / self.rounds
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
        while self.round < self.rounds && self.purse < self.active.len().max(1) * shortest {
            self.open_round(bank);
        }
        let share = (self.purse / self.active.len().max(1)).max(shortest);
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
