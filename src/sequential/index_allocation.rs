//! Serve the sites of highest index: the dose-index policy on a bank.

use super::allocation::{Allocation, BankView, Visit};
use super::fixed_dwell::check_dwell;
use super::index::SiteIndex;
use crate::error::Result;

/// Visits between two readings of the beliefs, as a share of the budget: one in two hundred.
const BATCHES: usize = 200;

/// Gives the next dose to the sites whose index is highest, in small batches.
#[derive(Debug)]
pub struct IndexAllocation<'t> {
    table: &'t dyn SiteIndex,
    cap: f64,
}

impl<'t> IndexAllocation<'t> {
    /// By this table of indices, visiting in the shortest visits.
    pub fn new(table: &'t dyn SiteIndex) -> Self {
        Self {
            table,
            cap: f64::INFINITY,
        }
    }

    /// Never lets the dose of a site exceed `dose`, a guard where the model of damage is in doubt.
    ///
    /// # Errors
    /// [`crate::Error::Argument`] unless the dose is positive and finite.
    pub fn capped(self, dose: f64) -> Result<Self> {
        check_dwell("dose", dose)?;
        Ok(Self { cap: dose, ..self })
    }
}

impl Allocation for IndexAllocation<'_> {
    fn next(&mut self, bank: BankView<'_>) -> Vec<Visit> {
        let design = bank.design();
        let visit = design.shortest_visit();
        let quantum = design.quantum_dose();
        let both = bank.log_odds().iter().zip(bank.served()).enumerate();
        let ranked = both.filter_map(|(site, (log_odds, served))| {
            let dose = *served as f64 * quantum;
            let index = self.table.best_visit(*log_odds, dose).index;
            (index > 0.0 && dose + visit as f64 * quantum <= self.cap).then_some((site, index))
        });
        let batch = (design.budget() / (BATCHES * visit)).max(8);
        most_deserving(ranked.collect(), batch)
            .into_iter()
            .map(|site| Visit {
                site,
                quanta: visit,
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
