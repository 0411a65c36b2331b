//! Navigators: where to look next, with how many electrons, and when to stop.

mod bayesian;
mod clairvoyant;
mod columns;
mod dose_index;
mod outlook;
mod random_order;
mod raster;

pub use bayesian::Bayesian;
pub use clairvoyant::Clairvoyant;
pub use columns::Columns;
pub use dose_index::DoseIndex;
pub use random_order::RandomOrder;
pub use raster::Raster;

use crate::error::{Error, Result};
use crate::units::Dose;
use crate::world::{Briefing, Finding, Measurements, Scan, Task};

/// What a navigator decides.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Scan this next; what goes beyond the budget is cut off there.
    Scan(Scan),
    /// Stop and keep the answer.
    Stop,
}

/// What a navigator sees: the published facts, the measurements and the analyst's answer. Never the specimen.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    briefing: &'a Briefing,
    measurements: &'a Measurements,
    finding: &'a Finding,
    spent: Dose,
}

impl<'a> View<'a> {
    /// A view of what is known.
    pub fn new(
        briefing: &'a Briefing,
        measurements: &'a Measurements,
        finding: &'a Finding,
        spent: Dose,
    ) -> Self {
        Self {
            briefing,
            measurements,
            finding,
            spent,
        }
    }

    /// What the operator knew before the first electron.
    pub fn briefing(&self) -> &'a Briefing {
        self.briefing
    }

    /// All frames, and maps of dose and signal.
    pub fn measurements(&self) -> &'a Measurements {
        self.measurements
    }

    /// The analyst's answer as it stands.
    pub fn finding(&self) -> &'a Finding {
        self.finding
    }

    /// Dose spent so far, e⁻/Å² averaged over the field.
    pub fn spent(&self) -> Dose {
        self.spent
    }

    /// Dose left, e⁻/Å² averaged over the field.
    pub fn remaining(&self) -> Dose {
        Dose((self.briefing.budget.0 - self.spent.0).max(0.0))
    }
}

/// Decides what to scan next.
///
/// ```
/// use dosewise::prelude::*;
///
/// /// Always looks at the column it doubts most.
/// struct Doubt {
///     dose: Dose,
/// }
///
/// impl Navigator for Doubt {
///     fn next(&mut self, view: &View<'_>) -> Result<Step> {
///         let site = view.finding().most_uncertain();
///         Ok(site.map_or(Step::Stop, |site| Step::Scan(Scan::at([site], self.dose))))
///     }
/// }
/// ```
pub trait Navigator: Send {
    /// The next step, given everything that is known; called again when the step's scan is done.
    ///
    /// # Errors
    /// Whatever keeps the navigator from deciding; the run ends with it.
    fn next(&mut self, view: &View<'_>) -> Result<Step>;
}

/// Refuses a world without columns for a policy that visits them.
fn needs_columns(briefing: &Briefing, policy: &str) -> Result<()> {
    match briefing.sites.is_empty() {
        true => Err(unsuited(briefing, policy, "a world with columns to visit")),
        false => Ok(()),
    }
}

/// Refuses a world that does not ask for point defects for a policy that looks for them.
fn needs_point_defects(briefing: &Briefing, policy: &str) -> Result<()> {
    match briefing.task {
        Task::PointDefects => Ok(()),
        _ => Err(unsuited(briefing, policy, "a world of point defects")),
    }
}

fn unsuited(briefing: &Briefing, policy: &str, allowed: &str) -> Error {
    let found = format!("{policy} in {}, of {}", briefing.name, briefing.task.name());
    Error::argument("policy", found, allowed)
}
