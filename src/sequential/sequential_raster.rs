//! Sequential tests site after site: one pass whose dwell ends when the site is decided.

use super::allocation::{Allocation, BankView, Visit};
use super::site::check_positive;
use super::wald::{SequentialTest, Verdict};
use crate::error::Result;

/// Every widening lets the limits out by this many nats, a factor of ten in the odds.
const WIDER: f64 = 2.3;
/// So many widenings leave limits that no evidence reaches.
const ROUNDS: usize = 6;

/// A sequential probability ratio test per site in raster order, as a beam blanker triggered by counts can do it; when
/// all sites are decided, another pass with wider limits and twice the longest dwell.
#[derive(Debug, Clone, PartialEq)]
pub struct SequentialRaster {
    test: SequentialTest,
    longest: f64,
    /// Sites decided in this pass.
    site: usize,
    /// Widenings so far.
    passes: usize,
}

impl SequentialRaster {
    /// With these limits, and a longest dwell in units of the mean budget a site.
    ///
    /// # Errors
    /// [`crate::Error::Argument`] unless the longest dwell is positive and finite.
    pub fn new(test: SequentialTest, longest: f64) -> Result<Self> {
        check_positive("longest", longest)?;
        Ok(Self {
            test,
            longest,
            site: 0,
            passes: 0,
        })
    }
}

impl Allocation for SequentialRaster {
    fn next(&mut self, bank: BankView<'_>) -> Vec<Visit> {
        let design = bank.design();
        if bank.spent() == 0 {
            (self.site, self.passes) = (0, 0);
        }
        for _ in 0..ROUNDS {
            let test = self.test.widened(WIDER * self.passes as f64);
            let doubled = 2.0_f64.powi(self.passes as i32) * self.longest;
            let longest = (doubled * design.mean_quanta() as f64) as usize;
            while let Some(&served) = bank.served().get(self.site) {
                let undecided = test.verdict(bank.log_odds()[self.site]) == Verdict::Undecided;
                let unseen = served < design.shortest_visit();
                if unseen || (undecided && served < longest) {
                    return vec![Visit {
                        site: self.site,
                        quanta: bank.shortest_visit(self.site),
                    }];
                }
                self.site += 1;
            }
            self.site = 0;
            self.passes += 1;
        }
        Vec::new()
    }
}
