//! The index of a site: how much it deserves the next dose.

use std::fmt::Debug;

/// The best next visit to a site, and what it earns per unit of dose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IndexedVisit {
    /// Worth per unit of dose; zero if the site deserves none.
    pub index: f64,
    /// Length of the visit in quanta.
    pub quanta: usize,
}

impl IndexedVisit {
    /// Not worth a visit.
    pub const NONE: Self = Self {
        index: 0.0,
        quanta: 1,
    };
}

/// A rule that ranks sites by what their next visit earns per unit of dose.
pub trait SiteIndex: Debug + Send + Sync {
    /// The best visit to a site with these log-odds after this dose.
    fn best_visit(&self, log_odds: f64, dose: f64) -> IndexedVisit;

    /// Dose of one quantum.
    fn quantum(&self) -> f64;
}
