//! Sequential tests site after site: one pass whose dwell ends when the site is decided.

use super::allocation::{Allocation, BankView, Visit};
use super::wald::{SequentialTest, Verdict};

/// Every widening lets the limits out by this many nats, a factor of ten in the odds.
const WIDER: f64 = 2.3;

/// A sequential probability ratio test per site in raster order, as a beam blanker triggered by counts can do it; when
/// all sites are decided, another pass with wider limits and twice the longest dwell.
#[derive(Debug, Clone, PartialEq)]
pub struct SequentialRaster {
    test: SequentialTest,
    longest: f64,
    site: usize,
}

impl SequentialRaster {
    /// With these limits, and a longest dwell in units of the mean budget a site.
    pub fn new(test: SequentialTest, longest: f64) -> Self {
        Self {
            test,
            longest,
            site: 0,
        }
    }
}

impl Allocation for SequentialRaster {
    fn next(&mut self, bank: BankView<'_>) -> Vec<Visit> {
        let design = bank.design();
        // Six rounds of widening leave limits that no evidence reaches.
        for _ in 0..6 {
            let cap = (self.longest * design.mean_quanta() as f64).max(1.0) as usize;
            while self.site < design.sites() {
                let served = bank.served()[self.site];
                let fresh = served < design.shortest_visit();
                let undecided = self.test.verdict(bank.log_odds()[self.site]) == Verdict::Undecided;
                if served < cap.max(design.shortest_visit()) && (fresh || undecided) {
                    return vec![Visit {
                        site: self.site,
                        quanta: if fresh {
                            design.shortest_visit()
                        } else {
                            1.max(design.shortest_visit())
                        },
                    }];
                }
                self.site += 1;
            }
            self.site = 0;
            self.test = self.test.widened(WIDER);
            self.longest *= 2.0;
        }
        Vec::new()
    }
}
