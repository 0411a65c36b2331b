//! An analyst's answer: which columns are defects, with how much confidence.

use super::briefing::Defect;
use crate::units::Point;

/// What the analyst believes about one place.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteBelief {
    /// Where, Å. A belief counts for the lattice site nearest to it, within half the nearest-neighbour distance.
    pub position: Point,
    /// Log-odds that the place was a defect when the episode began, ln p/(1 − p).
    pub log_odds: f64,
    /// The most probable kind, if it is a defect.
    pub kind: Option<Defect>,
}

impl SiteBelief {
    /// Probability that the place is a defect.
    pub fn probability(&self) -> f64 {
        1.0 / (1.0 + (-self.log_odds).exp())
    }

    /// Whether a defect is the better bet.
    pub fn is_flagged(&self) -> bool {
        self.log_odds > 0.0
    }
}

/// The current answer to the task: one belief per place.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Finding {
    /// The beliefs; for an analyst that knows the lattice, one per site in the order of the briefing.
    pub sites: Vec<SiteBelief>,
}

impl Finding {
    /// The place whose state is least certain (log-odds nearest zero); the first one on ties, `None` without beliefs.
    pub fn most_uncertain(&self) -> Option<Point> {
        self.sites
            .iter()
            .min_by(|a, b| a.log_odds.abs().total_cmp(&b.log_odds.abs()))
            .map(|site| site.position)
    }
}
