//! One experiment of a study: what is tried, and what became of it.

use super::value::Setting;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What an experiment showed.
///
/// ```
/// use dosewise::optimize::Observation;
/// let observation = Observation::new(0.83).noise(0.01).cost(25.0); // a variance of 0.01, a dose of 25 e⁻/Å²
/// assert_eq!(observation.cost, Some(25.0));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// The measured objective.
    pub value: f64,
    /// Its noise **variance**, if known; estimated from all trials otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<f64>,
    /// What the experiment cost (dose, time or money); one if not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    /// The quantities that the problem constrains, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub constraints: BTreeMap<String, f64>,
}

impl Observation {
    /// A value of unknown noise and unit cost.
    pub fn new(value: f64) -> Self {
        Self {
            value,
            noise: None,
            cost: None,
            constraints: BTreeMap::new(),
        }
    }

    /// Sets the noise **variance**.
    pub fn noise(self, variance: f64) -> Self {
        Self {
            noise: Some(variance),
            ..self
        }
    }

    /// Sets the cost.
    pub fn cost(self, cost: f64) -> Self {
        Self {
            cost: Some(cost),
            ..self
        }
    }

    /// Adds the value of a quantity that the problem constrains, see [`Problem::subject_to`](super::Problem::subject_to).
    pub fn constraint(mut self, name: impl Into<String>, value: f64) -> Self {
        self.constraints.insert(name.into(), value);
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        if !(-1e150..=1e150).contains(&self.value) {
            return Err(Error::argument(
                "value",
                self.value,
                "a finite number; tell a failed trial by Study::fail",
            ));
        }
        let numbers = [("noise", self.noise), ("cost", self.cost)];
        for (name, number) in numbers {
            if let Some(number) = number
                && !(0.0..=1e150).contains(&number)
            {
                return Err(Error::argument(
                    name,
                    number,
                    "a finite number, not negative",
                ));
            }
        }
        Ok(())
    }
}

/// What became of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Asked for, not told yet.
    Pending,
    /// Measured.
    Told(Observation),
    /// It gave no value; what was spent all the same.
    Failed {
        /// Why, in the words of who tried.
        reason: String,
        /// What it cost.
        cost: f64,
    },
}

/// One experiment of a study.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    pub(super) id: u64,
    pub(super) setting: Setting,
    pub(super) outcome: Outcome,
}

impl Trial {
    /// Its number: trials count from 0 in the order they were asked.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// What is tried.
    pub fn setting(&self) -> &Setting {
        &self.setting
    }

    /// What became of it.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// The value of a real parameter, see [`Setting::float`].
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such parameter, or it is of another kind.
    pub fn float(&self, name: &str) -> Result<f64> {
        self.setting.float(name)
    }

    /// What was measured; `None` for pending and failed trials.
    pub fn observation(&self) -> Option<&Observation> {
        match &self.outcome {
            Outcome::Told(observation) => Some(observation),
            _ => None,
        }
    }

    /// What it has cost so far.
    pub fn cost(&self) -> f64 {
        match &self.outcome {
            Outcome::Pending => 0.0,
            Outcome::Told(observation) => observation.cost.unwrap_or(1.0),
            Outcome::Failed { cost, .. } => *cost,
        }
    }
}
