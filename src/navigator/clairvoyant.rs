//! The clairvoyant reference: it knows where the defects are and still has to earn the evidence.

use super::columns::dithered;
use super::{Navigator, Step, View};
use crate::error::{Error, Result};
use crate::units::Dose;
use crate::world::{Episode, Scan, Truth};

/// Spends every electron where the analyst is wrong: on defects that are not yet believed, then on the perfect columns
/// that rank highest. A reference for the same analyst, not a policy: greedy and untuned, so no strict bound, but far
/// beyond what a policy can do. It can be made only from the episode itself, and what it knows stays private to it.
#[derive(Debug, Clone)]
pub struct Clairvoyant {
    is_defect: Vec<bool>,
    visits: Vec<usize>,
    /// Electrons of a visit.
    electrons: f64,
}

/// Electrons that a visit is expected to detect on the faintest perfect column.
const DETECTED: f64 = 4.0;
/// Log-odds at which a defect is believed firmly enough to leave it.
const BELIEVED: f64 = 7.0;

impl Clairvoyant {
    /// The reference for one episode.
    pub fn for_episode(episode: &Episode) -> Self {
        let is_defect = match episode.truth_for_bound() {
            Truth::PointDefects { defects, .. } => defects.iter().map(Option::is_some).collect(),
            _ => Vec::new(),
        };
        let briefing = episode.briefing();
        let perfect = briefing
            .sites
            .iter()
            .map(|s| briefing.perfect_image(s.position));
        let faintest = perfect.fold(f64::INFINITY, f64::min);
        Self {
            visits: vec![0; is_defect.len()],
            is_defect,
            electrons: DETECTED / faintest.max(1e-12),
        }
    }
}

impl Navigator for Clairvoyant {
    fn next(&mut self, view: &View<'_>) -> Result<Step> {
        let briefing = view.briefing();
        super::needs_point_defects(briefing, "clairvoyant")?;
        let beliefs = view.finding().sites();
        if beliefs.len() != self.is_defect.len() {
            let allowed = format!(
                "{} beliefs about point defects, one per site",
                self.is_defect.len()
            );
            return Err(Error::argument("finding.sites", beliefs.len(), allowed));
        }
        // First the unbelieved defects, the least believed ahead; then perfect columns, the most suspected ahead. The
        // analyst's log-odds lie within ±500.
        let urgency = |site: usize| {
            let log_odds = beliefs[site].log_odds;
            match self.is_defect[site] {
                true if log_odds < BELIEVED => 1000.0 - log_odds,
                true => f64::NEG_INFINITY,
                false => log_odds,
            }
        };
        let mut order: Vec<usize> = (0..beliefs.len())
            .filter(|&i| urgency(i).is_finite())
            .collect();
        order.sort_by(|&a, &b| urgency(b).total_cmp(&urgency(a)).then(a.cmp(&b)));
        // Once every defect is far above every perfect column, more dose can only do harm.
        let done = order
            .first()
            .is_none_or(|&i| !self.is_defect[i] && beliefs[i].log_odds < -BELIEVED);
        if done {
            return Ok(Step::Stop);
        }
        let electrons = self.electrons;
        let batch = (0.0025 * briefing.budget_electrons() / electrons)
            .ceil()
            .max(1.0) as usize;
        order.truncate(batch);
        for &site in &order {
            self.visits[site] += 1;
        }
        let aims = order.iter().map(|&site| {
            dithered(
                briefing.sites[site].position,
                self.visits[site],
                briefing.height,
                briefing.width,
            )
        });
        Ok(Step::Scan(Scan::at(aims, Dose(electrons))))
    }
}
