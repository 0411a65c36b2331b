//! All trials of a study as a table.

use super::csv::quoted;
use super::dimension::Dimension;
use super::plain::PlainSetting;
use super::problem::Problem;
use super::study::Study;
use super::trial::{Outcome, Trial};
use super::value::Value;
use crate::error::{Error, Result};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::path::Path;

/// The trials of a study in the order they were asked, with what was spent and the best value up to each.
///
/// ```
/// use dosewise::optimize::{Observation, Problem, Space, Study};
/// let mut study = Study::in_memory(Problem::minimise(Space::new().float("x", 0.0..=1.0)?))?;
/// for value in [3.0, 1.0, 2.0] {
///     let trial = study.ask()?.expect("no budget was set");
///     study.tell(trial.id(), Observation::new(value).cost(5.0))?;
/// }
/// let history = study.history();
/// let curve: Vec<_> = history.rows().iter().map(|row| (row.spent, row.best)).collect();
/// assert_eq!(curve, [(5.0, Some(3.0)), (10.0, Some(1.0)), (15.0, Some(1.0))]);
/// assert!(history.to_csv().starts_with("trial,outcome,value,noise,cost,spent,best,reason,x\n0,told,3,,5,5,3,,"));
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct History<'a> {
    problem: &'a Problem,
    rows: Vec<HistoryRow<'a>>,
}

/// One trial of a [`History`].
#[derive(Debug, Clone, Copy)]
pub struct HistoryRow<'a> {
    /// The trial.
    pub trial: &'a Trial,
    /// Cost of this trial and all before it.
    pub spent: f64,
    /// Best value of this trial and all before it, as measured; `None` before the first value.
    pub best: Option<f64>,
}

impl Study {
    /// All trials as a table.
    pub fn history(&self) -> History<'_> {
        let (mut spent, mut best) = (0.0, None::<f64>);
        let row = |trial| {
            let trial: &Trial = trial;
            spent += trial.cost();
            if let Some(worth) = self.allowed_worth(trial)
                && best.is_none_or(|best| worth > best)
            {
                best = Some(worth);
            }
            let best = best.map(|worth| self.worth(worth));
            HistoryRow { trial, spent, best }
        };
        History {
            problem: self.problem(),
            rows: self.trials().iter().map(row).collect(),
        }
    }
}

impl History<'_> {
    /// One row a trial.
    pub fn rows(&self) -> &[HistoryRow<'_>] {
        &self.rows
    }

    /// As comma-separated text (RFC 4180) with a line of names: trial, outcome (told, failed or pending), value, noise
    /// variance, cost, spent so far, best so far, reason of a failure, then the constrained quantities, then the
    /// parameters, a pixel as two columns.
    pub fn to_csv(&self) -> String {
        let mut names = vec!["trial,outcome,value,noise,cost,spent,best,reason".to_owned()];
        let constraints = self.problem.constraints.iter();
        names.extend(constraints.map(|constraint| quoted(&constraint.name)));
        names.extend(self.parameter_names());
        let mut text = names.join(",") + "\n";
        for row in &self.rows {
            text += &row.fields(self.problem).join(",");
            text.push('\n');
        }
        text
    }

    /// The settings alone of this trial and those after it, as comma-separated text with a line of names: trial, then the
    /// parameters, a pixel as two columns.
    pub fn settings_to_csv(&self, from: usize) -> String {
        let names = self.parameter_names().into_iter();
        let mut text = ["trial".to_owned()]
            .into_iter()
            .chain(names)
            .collect::<Vec<_>>()
            .join(",");
        for row in self.rows.iter().skip(from) {
            let fields = [row.trial.id().to_string()]
                .into_iter()
                .chain(row.parameters());
            text += "\n";
            text += &fields.collect::<Vec<_>>().join(",");
        }
        text + "\n"
    }

    fn parameter_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (name, dimension) in self.problem.space.dimensions() {
            match dimension {
                Dimension::Pixel { .. } => {
                    let parts = ["row", "column"].map(|part| quoted(&format!("{name}.{part}")));
                    names.extend(parts);
                }
                _ => names.push(quoted(name)),
            }
        }
        names
    }

    /// As a list of JSON objects, one a line: the columns of [`History::to_csv`] that apply, the constrained quantities in an
    /// object `constraints`, the parameters in an object `setting`, a pixel as [row, column].
    pub fn to_json(&self) -> String {
        let rows = self.rows.iter();
        let lines = rows.map(|row| serde_json::to_string(row).expect("names and numbers"));
        format!("[{}]\n", lines.collect::<Vec<_>>().join(",\n "))
    }

    /// Writes the table into a file, [`History::to_csv`] or [`History::to_json`] by its ending. [`Study::import`] reads it.
    ///
    /// # Errors
    /// [`Error::Argument`] for a file that ends neither in `.csv` nor in `.json`; [`Error::Io`] if it cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let text = match path.extension().and_then(|e| e.to_str()) {
            Some("csv") => self.to_csv(),
            Some("json") => self.to_json(),
            _ => {
                let allowed = "a file that ends in .csv or .json";
                return Err(Error::argument("path", path.display(), allowed));
            }
        };
        std::fs::write(path, text).map_err(|source| Error::io(path, source))
    }
}

impl HistoryRow<'_> {
    fn fields(&self, problem: &Problem) -> Vec<String> {
        let number = |value: Option<f64>| value.map(|v| v.to_string()).unwrap_or_default();
        let observation = self.trial.observation();
        let (outcome, cost, reason) = match self.trial.outcome() {
            Outcome::Pending => ("pending", None, ""),
            Outcome::Told(_) => ("told", Some(self.trial.cost()), ""),
            Outcome::Failed { reason, cost } => ("failed", Some(*cost), reason.as_str()),
        };
        let mut fields = vec![
            self.trial.id().to_string(),
            outcome.to_owned(),
            number(observation.map(|o| o.value)),
            number(observation.and_then(|o| o.noise)),
            number(cost),
            self.spent.to_string(),
            number(self.best),
            quoted(reason),
        ];
        for constraint in &problem.constraints {
            let told = observation.and_then(|o| o.constraints.get(&constraint.name));
            fields.push(number(told.copied()));
        }
        fields.extend(self.parameters());
        fields
    }

    fn parameters(&self) -> Vec<String> {
        let mut fields = Vec::new();
        for (_, value) in self.trial.setting().values() {
            match value {
                Value::Pixel { row, column } => fields.extend([row, column].map(usize::to_string)),
                other => fields.push(quoted(&other.to_string())),
            }
        }
        fields
    }
}

impl Serialize for History<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.rows)
    }
}

impl Serialize for HistoryRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let (outcome, cost, reason) = match self.trial.outcome() {
            Outcome::Pending => ("pending", None, None),
            Outcome::Told(_) => ("told", Some(self.trial.cost()), None),
            Outcome::Failed { reason, cost } => ("failed", Some(*cost), Some(reason.as_str())),
        };
        let observation = self.trial.observation();
        let plain = PlainRow {
            trial: self.trial.id(),
            outcome,
            value: observation.map(|o| o.value),
            noise: observation.and_then(|o| o.noise),
            cost,
            constraints: observation
                .map(|o| &o.constraints)
                .filter(|c| !c.is_empty()),
            reason,
            spent: self.spent,
            best: self.best,
            setting: PlainSetting(self.trial.setting()),
        };
        plain.serialize(serializer)
    }
}

/// A row as JSON; what does not apply is left out.
#[derive(Serialize)]
struct PlainRow<'a> {
    trial: u64,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    noise: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    constraints: Option<&'a BTreeMap<String, f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    spent: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    best: Option<f64>,
    setting: PlainSetting<'a>,
}
