//! Designs that are fixed in advance: the baselines.

use super::allocation::{Allocation, BankView, Visit};
use super::site::check_positive;
use crate::error::{Error, Result};
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
    dwell: Dwell,
    /// Share of the budget after which no further pass begins.
    stop_at: f64,
    passes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Dwell {
    /// One pass, in units of the mean budget a site.
    Once(f64),
    /// Pass after pass of so many quanta.
    EachPass(usize),
}

impl FixedDwell {
    /// One pass at `dwell` times the mean budget a site: below 1 it stops early, above 1 it leaves sites unseen.
    ///
    /// # Errors
    /// [`Error::Argument`] unless the dwell is positive and finite.
    pub fn single_pass(order: Order, dwell: f64) -> Result<Self> {
        check_positive("dwell", dwell)?;
        Ok(Self {
            order,
            dwell: Dwell::Once(dwell),
            stop_at: 1.0,
            passes: 0,
        })
    }

    /// Pass after pass of visits of so many quanta (the shortest visit at least), until this share of the budget is spent.
    ///
    /// # Errors
    /// [`Error::Argument`] for visits of zero quanta or a share that is not positive and finite.
    pub fn multi_pass(order: Order, quanta: usize, share: f64) -> Result<Self> {
        if quanta == 0 {
            return Err(Error::argument("quanta", quanta, "at least 1"));
        }
        check_positive("share", share)?;
        Ok(Self {
            order,
            dwell: Dwell::EachPass(quanta),
            stop_at: share,
            passes: 0,
        })
    }
}

impl Allocation for FixedDwell {
    fn next(&mut self, bank: BankView<'_>) -> Vec<Visit> {
        let design = bank.design();
        if bank.spent() == 0 {
            self.passes = 0;
        }
        let quanta = match self.dwell {
            Dwell::Once(_) if self.passes > 0 => return Vec::new(),
            Dwell::Once(dwell) => (dwell * design.mean_quanta() as f64).round() as usize,
            Dwell::EachPass(quanta) => quanta,
        };
        if bank.spent() as f64 >= self.stop_at * design.budget() as f64 {
            return Vec::new();
        }
        self.passes += 1;
        let quanta = quanta.max(design.shortest_visit());
        let sites = self.order.sites(design.sites()).into_iter();
        sites.map(|site| Visit { site, quanta }).collect()
    }
}
