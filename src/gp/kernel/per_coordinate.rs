//! One positive hyper-parameter for all coordinates, or one for each.

use super::{Parameter, Role, check_log_parameters, check_parameter};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// A positive number shared by all coordinates, or one for each ("automatic relevance determination"); stored as a
/// number or as a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(in crate::gp) enum PerCoordinate {
    Shared(f64),
    Each(Vec<f64>),
}

impl PerCoordinate {
    pub fn values(&self) -> &[f64] {
        match self {
            Self::Shared(value) => std::slice::from_ref(value),
            Self::Each(values) => values,
        }
    }

    fn values_mut(&mut self) -> &mut [f64] {
        match self {
            Self::Shared(value) => std::slice::from_mut(value),
            Self::Each(values) => values,
        }
    }

    pub fn count(&self) -> usize {
        self.values().len()
    }

    pub fn is_shared(&self) -> bool {
        matches!(self, Self::Shared(_))
    }

    /// The value of coordinate `k`; one where there is none.
    pub fn get(&self, k: usize) -> f64 {
        match self {
            Self::Shared(value) => *value,
            Self::Each(values) => values.get(k).copied().unwrap_or(1.0),
        }
    }

    /// Where the parameter of coordinate `k` stands in a list of all.
    pub fn slot(&self, k: usize) -> usize {
        if self.is_shared() { 0 } else { k }
    }

    /// Number of coordinates that both these parameters and the points know.
    pub fn shared_dimension(&self, point: &[f64]) -> usize {
        match self {
            Self::Shared(_) => point.len(),
            Self::Each(values) => point.len().min(values.len()),
        }
    }

    /// Refuses a wrong number of values, or values that are not positive.
    pub fn check(&self, name: &str, dimension: usize) -> Result<()> {
        if !self.is_shared() && self.count() != dimension {
            return Err(Error::argument(
                "kernel",
                format!("{} {name}s", self.count()),
                format!("{dimension} {name}s, one for each coordinate of the points"),
            ));
        }
        self.values()
            .iter()
            .try_for_each(|&value| check_parameter(name, value))
    }

    /// `name` or `name[k]`, with the role of coordinate `k`, or of all.
    pub fn parameters(&self, name: &str, role: impl Fn(Option<usize>) -> Role) -> Vec<Parameter> {
        let each = self.values().iter().enumerate();
        each.map(|(k, &value)| {
            let (name, coordinate) = match self {
                Self::Shared(_) => (name.to_string(), None),
                Self::Each(_) => (format!("{name}[{k}]"), Some(k)),
            };
            Parameter {
                name,
                role: role(coordinate),
                value,
            }
        })
        .collect()
    }

    /// Takes as many log-parameters as there are values.
    pub fn set_logs(&mut self, logs: &[f64]) {
        for (value, log) in self.values_mut().iter_mut().zip(logs) {
            *value = log.exp();
        }
    }

    /// As many log-parameters as there are values, then one for `last` if there is such a parameter.
    ///
    /// # Errors
    /// As [`check_log_parameters`]; nothing is changed then.
    pub fn set_logs_and(&mut self, logs: &[f64], last: Option<&mut f64>) -> Result<()> {
        check_log_parameters(logs, self.count() + usize::from(last.is_some()))?;
        self.set_logs(logs);
        if let Some((value, log)) = last.zip(logs.last()) {
            *value = log.exp();
        }
        Ok(())
    }
}
