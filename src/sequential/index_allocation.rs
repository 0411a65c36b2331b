//! Serve the sites of highest index: the dose-index policy on a bank.

use super::allocation::{Allocation, BankView, Visit};
use super::design::BankDesign;
use super::index::{IndexedVisit, SiteIndex};
use super::site::check_positive;
use crate::error::{Error, Result};

/// Visits between two readings of the beliefs, as a share of the budget: one in two hundred.
const BATCHES: usize = 200;

/// Gives the next dose to the sites whose index is highest, in small batches.
#[derive(Debug)]
pub struct IndexAllocation<'t> {
    table: &'t dyn SiteIndex,
    cap: f64,
    whole: bool,
}

impl<'t> IndexAllocation<'t> {
    /// By this table of indices on banks of this design, visiting in the shortest visits.
    ///
    /// # Errors
    /// [`Error::Argument`] if the quanta of table and design are not the same dose.
    pub fn new(table: &'t dyn SiteIndex, design: &BankDesign) -> Result<Self> {
        let (found, allowed) = (table.quantum(), design.quantum_dose());
        if (found / allowed - 1.0).abs() > 1e-9 {
            let allowed = format!("{allowed}, the quantum of the design");
            return Err(Error::argument("table", found, allowed));
        }
        Ok(Self {
            table,
            cap: f64::INFINITY,
            whole: false,
        })
    }

    /// Makes each visit as long as its index takes it to be, where that is longer than the shortest visit.
    pub fn whole_visits(self) -> Self {
        Self {
            whole: true,
            ..self
        }
    }

    /// Never lets the dose of a site exceed `dose`, a guard where the model of damage is in doubt.
    ///
    /// # Errors
    /// [`Error::Argument`] unless the dose is positive and finite.
    pub fn capped(self, dose: f64) -> Result<Self> {
        check_positive("dose", dose)?;
        Ok(Self { cap: dose, ..self })
    }
}

impl Allocation for IndexAllocation<'_> {
    fn next(&mut self, bank: BankView<'_>) -> Vec<Visit> {
        let design = bank.design();
        let shortest = design.shortest_visit();
        let quantum = design.quantum_dose();
        let best = |site: usize| {
            let dose = bank.served()[site] as f64 * quantum;
            let IndexedVisit { index, quanta } = self.table.best_visit(bank.log_odds()[site], dose);
            let quanta = if self.whole {
                quanta.max(shortest)
            } else {
                shortest
            };
            let within = dose + quanta as f64 * quantum <= self.cap;
            (index > 0.0 && within).then_some(IndexedVisit { index, quanta })
        };
        let ranked = (0..design.sites()).filter_map(|site| Some((site, best(site)?.index)));
        let batch = (design.budget() / (BATCHES * shortest)).max(8);
        let chosen = most_deserving(ranked.collect(), batch).into_iter();
        chosen
            .filter_map(|site| {
                let quanta = best(site)?.quanta;
                Some(Visit { site, quanta })
            })
            .collect()
    }
}

/// The `count` sites of highest score, ties to the first, in the order of the sites.
pub(super) fn most_deserving(mut ranked: Vec<(usize, f64)>, count: usize) -> Vec<usize> {
    let count = count.min(ranked.len());
    let before = |a: &(usize, f64), b: &(usize, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if count > 0 && count < ranked.len() {
        ranked.select_nth_unstable_by(count - 1, before);
    }
    let mut chosen: Vec<usize> = ranked[..count].iter().map(|(site, _)| *site).collect();
    chosen.sort_unstable();
    chosen
}
