//! Quantities that must keep within limits which only the experiment shows.

use super::problem::Problem;
use super::space::Space;
use super::trial::Observation;
use crate::acquisition::Limit;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::{Bound, RangeBounds};

/// A quantity that every trial measures beside its value, and what it has to keep to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constraint {
    /// Name of the quantity.
    pub name: String,
    /// What it has to be.
    pub limit: Limit,
}

/// Columns of a table of trials, which no constrained quantity may be called.
pub(super) const COLUMNS: [&str; 8] = [
    "trial", "outcome", "value", "noise", "cost", "spent", "best", "reason",
];

impl Constraint {
    /// Whether a told quantity keeps to the limit.
    pub fn is_met_by(&self, value: f64) -> bool {
        self.limit.margin(value) >= 0.0
    }

    fn check(&self, space: &Space, others: &[Self]) -> Result<()> {
        let parameters = space.dimensions().iter().map(|(name, _)| name);
        let mut taken = parameters.chain(others.iter().map(|other| &other.name));
        let name = self.name.as_str();
        if name.is_empty() || COLUMNS.contains(&name) || taken.any(|other| other == name) {
            return Err(Error::argument(
                "name",
                format!("`{name}`"),
                format!(
                    "a name that no parameter and no other constraint has, none of {COLUMNS:?}"
                ),
            ));
        }
        self.limit.check().map_err(|error| match error {
            Error::Argument { found, allowed, .. } => Error::argument(name, found, allowed),
            other => other,
        })
    }
}

impl std::fmt::Display for Constraint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = &self.name;
        match self.limit {
            Limit::AtLeast(limit) => write!(f, "{name} ≥ {limit}"),
            Limit::AtMost(limit) => write!(f, "{name} ≤ {limit}"),
            Limit::Between(low, high) => write!(f, "{low} ≤ {name} ≤ {high}"),
        }
    }
}

impl Problem {
    /// Demands that a quantity which every trial measures beside its value keeps within a range. Each trial is then told
    /// with [`Observation::constraint`]; a trial outside is never the best, and settings are tried where the models of
    /// value and quantities promise improvement that is allowed.
    ///
    /// An end that is excluded counts as included: no measurement tells the two apart.
    ///
    /// ```
    /// use dosewise::optimize::{Observation, Problem, Space, Study};
    /// let space = Space::new().float("current", 0.0..=1.0)?;
    /// let problem = Problem::maximise(space).subject_to("drift", ..=0.5)?;
    /// let mut study = Study::in_memory(problem)?.budget(14.0)?;
    /// while let Some(trial) = study.ask()? {
    ///     let current = trial.float("current")?; // more current gives more signal, and more drift
    ///     study.tell(trial.id(), Observation::new(current).constraint("drift", current * current))?;
    /// }
    /// let best = study.best().expect("small currents are allowed").float("current")?;
    /// assert!(best < 0.7072 && best > 0.6);
    /// # Ok::<(), dosewise::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Argument`] for a range without a finite end or with ends that do not rise, and for a name that is empty,
    /// taken, or a column of [`History::to_csv`](super::History::to_csv).
    pub fn subject_to(mut self, name: &str, range: impl RangeBounds<f64>) -> Result<Self> {
        let end = |bound: Bound<&f64>| match bound {
            Bound::Included(limit) | Bound::Excluded(limit) => Some(*limit),
            Bound::Unbounded => None,
        };
        let limit = match (end(range.start_bound()), end(range.end_bound())) {
            (Some(low), Some(high)) => Limit::Between(low, high),
            (Some(low), None) => Limit::AtLeast(low),
            (None, Some(high)) => Limit::AtMost(high),
            (None, None) => {
                return Err(Error::argument(name, "no limit", "at least one end"));
            }
        };
        let name = name.to_owned();
        let constraint = Constraint { name, limit };
        constraint.check(&self.space, &self.constraints)?;
        self.constraints.push(constraint);
        Ok(self)
    }

    /// Whether all constrained quantities of an observation keep to their limits.
    pub fn allows(&self, observation: &Observation) -> bool {
        self.constraints.iter().all(|constraint| {
            let told = observation.constraints.get(&constraint.name);
            told.is_some_and(|value| constraint.is_met_by(*value))
        })
    }

    /// A definition that came from outside, checked as if it had been built here.
    pub(super) fn checked(mut self) -> Result<Self> {
        self.space = self.space.checked()?;
        for (i, constraint) in self.constraints.iter().enumerate() {
            constraint.check(&self.space, &self.constraints[..i])?;
        }
        self.check_efforts()?;
        Ok(self)
    }

    /// Accepts or refuses the constrained quantities of an observation: each declared one, and no other, a finite number.
    pub(super) fn check_told(&self, told: &BTreeMap<String, f64>) -> Result<()> {
        let declared = || -> Vec<&str> {
            let all = self.constraints.iter();
            all.map(|constraint| constraint.name.as_str()).collect()
        };
        if let Some(missing) = declared()
            .into_iter()
            .find(|name| !told.contains_key(*name))
        {
            let allowed = "a number for each constrained quantity";
            return Err(Error::argument(missing, "no value", allowed));
        }
        for (name, value) in told {
            if !declared().contains(&name.as_str()) {
                let found = format!("the constrained quantity `{name}`");
                let allowed = format!("those of the problem, {:?}", declared());
                return Err(Error::argument("constraints", found, allowed));
            }
            if !(-1e150..=1e150).contains(value) {
                return Err(Error::argument(name, value, "a finite number"));
            }
        }
        Ok(())
    }
}
