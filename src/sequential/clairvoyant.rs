//! The reference that knows the truth.

use super::allocation::{Allocation, BankView, Visit};
use super::index_allocation::most_deserving;

/// Visits between two readings of the beliefs, as a share of the budget: one in four hundred.
const BATCHES: usize = 400;
/// Alternatives beyond these log-odds are claimed and nulls below are dismissed: more dose would change no ranking.
const CLAIMED: f64 = 7.0;
const DISMISSED: f64 = -3.0;

/// Serves alternatives until they are claimed, then the nulls that look most suspicious; see
/// [`Bank::run_clairvoyant`](super::Bank::run_clairvoyant).
pub(super) struct Clairvoyant<'a> {
    pub truth: &'a [bool],
}

impl Allocation for Clairvoyant<'_> {
    fn next(&mut self, bank: BankView<'_>) -> Vec<Visit> {
        let need = |(site, &log_odds): (usize, &f64)| {
            let (served, urgency) = if self.truth[site] {
                (log_odds >= CLAIMED, 100.0 - log_odds)
            } else {
                (log_odds <= DISMISSED, log_odds)
            };
            (!served).then_some((site, urgency))
        };
        let ranked = bank.log_odds().iter().enumerate().filter_map(need);
        let quanta = bank.design().shortest_visit();
        let batch = (bank.design().budget() / (BATCHES * quanta)).max(8);
        most_deserving(ranked.collect(), batch)
            .into_iter()
            .map(|site| Visit { site, quanta })
            .collect()
    }
}
