//! A task: how many sites, how rare the alternatives, what a site shows, how much dose there is.

use super::evidence::check_prior;
use super::neighbours::{LocalIntensity, Neighbours};
use super::site::{SiteModel, check_positive};
use crate::error::{Error, Result};

/// Where the alternatives are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Each site is an alternative with the prior probability, independently.
    Independent,
    /// On a square of sites, 85 % of the alternatives gather in five clusters of two sites standard deviation; the analyst
    /// learns the intensity of neighbourhoods from banks that are not scored.
    Clustered,
}

/// A task: how many sites, how rare the alternatives, what a site shows, how much dose there is.
#[derive(Debug, Clone, PartialEq)]
pub struct BankDesign {
    sites: usize,
    prior: f64,
    site: SiteModel,
    quantum: f64,
    mean_quanta: usize,
    smallest_visit: usize,
    neighbours: Neighbours,
    /// What the analyst of a clustered bank has learnt of neighbourhoods.
    coupling: Option<LocalIntensity>,
}

impl BankDesign {
    /// `sites` sites, a share `prior` of them alternative; quanta of 4 units of dose, 16 of them a site on average.
    ///
    /// # Errors
    /// [`Error::Argument`] unless there are 2 to 10⁷ sites and the prior is within (0, 1).
    pub fn new(sites: usize, prior: f64, site: SiteModel) -> Result<Self> {
        check_prior(prior)?;
        if !(2..=10_000_000).contains(&sites) {
            return Err(Error::argument("sites", sites, "2 to 10 000 000"));
        }
        Ok(Self {
            sites,
            prior,
            site,
            quantum: 4.0,
            mean_quanta: 16,
            smallest_visit: 1,
            neighbours: Neighbours::default(),
            coupling: None,
        })
    }

    /// Sets the dose of one quantum, the smallest amount that can be decided upon.
    ///
    /// # Errors
    /// [`Error::Argument`] unless positive.
    pub fn quantum(self, dose: f64) -> Result<Self> {
        check_positive("quantum", dose)?;
        let mean_dose = self.mean_quanta as f64 * self.quantum;
        Self {
            quantum: dose,
            ..self
        }
        .mean_dose(mean_dose)
    }

    /// Sets the budget as a mean dose per site, rounded to whole quanta.
    ///
    /// # Errors
    /// [`Error::Argument`] unless the dose is positive and gives at most 10⁶ quanta a site.
    pub fn mean_dose(self, dose: f64) -> Result<Self> {
        let quanta = (dose / self.quantum).round().max(1.0);
        if !(dose > 0.0 && quanta <= 1e6) {
            return Err(Error::argument(
                "mean_dose",
                dose,
                "a positive dose of at most 10⁶ quanta",
            ));
        }
        Ok(Self {
            mean_quanta: quanta as usize,
            ..self
        })
    }

    /// Sets the shortest visit the instrument can make, in quanta.
    ///
    /// # Errors
    /// [`Error::Argument`] for zero.
    pub fn smallest_visit(self, quanta: usize) -> Result<Self> {
        if quanta == 0 {
            return Err(Error::argument("quanta", quanta, "at least 1"));
        }
        Ok(Self {
            smallest_visit: quanta,
            ..self
        })
    }

    /// Sets where the alternatives are.
    ///
    /// # Errors
    /// [`Error::Argument`] if a clustered bank is not a square of at least 16 × 16 sites.
    pub fn layout(self, layout: Layout) -> Result<Self> {
        let side = self.sites.isqrt();
        if layout == Layout::Clustered && (side * side != self.sites || side < 16) {
            let allowed = "a square number of sites, at least 16 × 16";
            return Err(Error::argument("sites", self.sites, allowed));
        }
        let coupling = match layout {
            Layout::Independent => None,
            Layout::Clustered => Some(LocalIntensity::trained(self.sites, self.prior)),
        };
        Ok(Self { coupling, ..self })
    }

    /// Sets how the analyst of a clustered bank asks the neighbours of a site.
    pub fn neighbours(self, neighbours: Neighbours) -> Self {
        Self { neighbours, ..self }
    }

    /// Number of sites.
    pub fn sites(&self) -> usize {
        self.sites
    }

    /// Share of alternatives.
    pub fn prior(&self) -> f64 {
        self.prior
    }

    /// What a site shows.
    pub fn site(&self) -> &SiteModel {
        &self.site
    }

    /// Dose of one quantum.
    pub fn quantum_dose(&self) -> f64 {
        self.quantum
    }

    /// Budget in quanta per site.
    pub fn mean_quanta(&self) -> usize {
        self.mean_quanta
    }

    /// Shortest visit, in quanta.
    pub fn shortest_visit(&self) -> usize {
        self.smallest_visit
    }

    /// Budget in quanta, all sites together.
    pub fn budget(&self) -> usize {
        self.mean_quanta * self.sites
    }

    pub(super) fn coupling(&self) -> Option<(&LocalIntensity, Neighbours)> {
        self.coupling
            .as_ref()
            .map(|coupling| (coupling, self.neighbours))
    }
}
