//! Designs that are fixed in advance: the baselines.

use super::allocation::{Allocation, BankView, Visit};
use crate::random::{Purpose, Stream};
use crate::units::Seed;
use rand::seq::SliceRandom;

/// In which order sites are visited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// One after the other.
    Raster,
    /// At random, by this seed.
    Random(Seed),
}

impl Order {
    fn sites(self, count: usize) -> Vec<usize> {
        let mut sites: Vec<usize> = (0..count).collect();
        if let Self::Random(seed) = self {
            sites.shuffle(&mut Stream::new(seed, Purpose::Policy, [0, 0]));
        }
        sites
    }
}

/// The same dwell at every site, in one pass or many.
#[derive(Debug, Clone, PartialEq)]
pub struct FixedDwell {
    order: Order,
    /// Dwell in units of the mean budget a site; `None`: one shortest visit a pass, passes until the budget is spent.
    dwell: Option<f64>,
    stop_at: f64,
    passes: usize,
}

impl FixedDwell {
    /// One pass at `dwell` times the mean budget a site: below 1 it stops early, above 1 it leaves sites unseen.
    pub fn single_pass(order: Order, dwell: f64) -> Self {
        Self {
            order,
            dwell: Some(dwell),
            stop_at: 1.0,
            passes: 0,
        }
    }

    /// Pass after pass of the shortest visits, until this share of the budget is spent.
    pub fn multi_pass(order: Order, share: f64) -> Self {
        Self {
            order,
            dwell: None,
            stop_at: share,
            passes: 0,
        }
    }
}

impl Allocation for FixedDwell {
    fn next(&mut self, bank: BankView<'_>) -> Vec<Visit> {
        let design = bank.design();
        let spent = bank.spent() as f64 >= self.stop_at * design.budget() as f64;
        if spent || (self.dwell.is_some() && self.passes > 0) {
            return Vec::new();
        }
        self.passes += 1;
        let quanta = match self.dwell {
            Some(dwell) => (dwell * design.mean_quanta() as f64).round() as usize,
            None => 1,
        };
        let quanta = quanta.max(design.shortest_visit());
        let sites = self.order.sites(design.sites()).into_iter();
        sites.map(|site| Visit { site, quanta }).collect()
    }
}
