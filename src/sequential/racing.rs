//! Racing: passes over the sites that are still undecided.

use super::allocation::{Allocation, BankView, Visit};
use super::wald::{SequentialTest, Verdict};

/// Limits widened beyond this, on both sides, leave nothing to decide.
const LAST: f64 = 38.0;
/// With fewer sites than this in the race the limits are widened.
const FEWEST: usize = 4;

/// One shortest visit a pass to each undecided site; when hardly any is left the limits widen by one nat.
///
/// Racing: Maron & Moore (1994), *NIPS* 6, 59.
#[derive(Debug, Clone, PartialEq)]
pub struct Racing {
    first: SequentialTest,
    now: SequentialTest,
}

impl Racing {
    /// With these first limits.
    pub fn new(test: SequentialTest) -> Self {
        Self {
            first: test,
            now: test,
        }
    }
}

impl Allocation for Racing {
    fn next(&mut self, bank: BankView<'_>) -> Vec<Visit> {
        if bank.spent() == 0 {
            self.now = self.first;
        }
        let fewest = FEWEST.min(bank.design().sites());
        loop {
            let undecided = |x: &f64| self.now.verdict(*x) == Verdict::Undecided;
            let every = bank.log_odds().iter().enumerate();
            let racing: Vec<Visit> = every
                .filter(|(_, x)| undecided(x))
                .map(|(site, _)| Visit {
                    site,
                    quanta: bank.design().shortest_visit(),
                })
                .collect();
            if racing.len() >= fewest {
                return racing;
            }
            if self.now.lower() < -LAST && self.now.upper() > LAST {
                return Vec::new();
            }
            self.now = self.now.widened(1.0);
        }
    }
}
