//! All trials of a study as a table.

use super::dimension::Dimension;
use super::space::Space;
use super::study::Study;
use super::trial::{Outcome, Trial};
use super::value::Value;
use crate::error::{Error, Result};
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
    space: &'a Space,
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
            space: &self.problem().space,
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
    /// variance, cost, spent so far, best so far, reason of a failure, then the parameters, a pixel as two columns.
    pub fn to_csv(&self) -> String {
        let mut text = "trial,outcome,value,noise,cost,spent,best,reason".to_owned();
        for (name, dimension) in self.space.dimensions() {
            match dimension {
                Dimension::Pixel { .. } => {
                    text += &format!(
                        ",{},{}",
                        quoted(&format!("{name}.row")),
                        quoted(&format!("{name}.column"))
                    );
                }
                _ => text += &format!(",{}", quoted(name)),
            }
        }
        text.push('\n');
        for row in &self.rows {
            text += &row.fields().join(",");
            text.push('\n');
        }
        text
    }

    /// Writes [`History::to_csv`] into a file.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be written.
    pub fn save_csv(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        std::fs::write(path, self.to_csv()).map_err(|source| Error::io(path, source))
    }
}

impl HistoryRow<'_> {
    fn fields(&self) -> Vec<String> {
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
        for (_, value) in self.trial.setting().values() {
            match value {
                Value::Pixel { row, column } => fields.extend([row, column].map(usize::to_string)),
                other => fields.push(quoted(&other.to_string())),
            }
        }
        fields
    }
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
