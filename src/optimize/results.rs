//! Results and whole trials from files, as scripts in any language write them.

use super::constraint::COLUMNS;
use super::csv::{Row, Table};
use super::dimension::Dimension;
use super::journal::Event;
use super::study::Study;
use super::trial::{Observation, Outcome};
use super::value::{Setting, Value};
use crate::error::{Error, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::Path;

impl Study {
    /// Tells the results of a file as [`Study::tell_all`], and returns how many were new.
    ///
    /// A `.csv` file has a line of names, `trial,value` and perhaps `noise`, `cost` and the constrained quantities by name;
    /// a `.json` file a list of objects with the same keys, the quantities in an object `constraints`.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Parse`] with the line if the file cannot be read; [`Error::Argument`] for another kind of
    /// file, and as [`Study::tell_all`]. Then none of the results is told.
    pub fn tell_file(&mut self, path: impl AsRef<Path>) -> Result<usize> {
        let path = path.as_ref();
        let results = match read(path)? {
            Text::Json(text) => {
                let allowed = "a list of {\"trial\": …, \"value\": …, \"noise\": …, \"cost\": …}";
                let results: Vec<Told> = from_json(path, &text, allowed)?;
                results.into_iter().map(Told::result).collect()
            }
            Text::Csv(text) => self.results_of(&Table::read(path, &text)?)?,
        };
        self.tell_all(results)
    }

    /// Adds the trials of a table in its order, under new numbers, and returns how many: what [`History`](super::History)
    /// wrote of another study, or runs done elsewhere.
    ///
    /// A `.csv` file has a line of names: every parameter, a pixel as `name.row` and `name.column`, every constrained
    /// quantity, and `value`; perhaps `noise`, `cost`, `outcome` (`told`, `failed` or `pending`, told if left out) and
    /// `reason`. `trial`, `spent` and `best` are passed over. A `.json` file is a list of objects with the same keys, the
    /// parameters in an object `setting`, the quantities in an object `constraints`.
    ///
    /// # Errors
    /// As [`Study::tell_file`], and [`Error::Argument`] for a setting that is not of the space. Then no trial is added.
    pub fn import(&mut self, path: impl AsRef<Path>) -> Result<usize> {
        let path = path.as_ref();
        let trials = match read(path)? {
            Text::Json(text) => {
                let allowed = "a list of trials as History::to_json writes it";
                let trials: Vec<Imported> = from_json(path, &text, allowed)?;
                let trials = trials.into_iter().map(|trial| {
                    let setting = self.problem().space.setting_from_json(&trial.setting)?;
                    Ok((setting, trial.outcome()?))
                });
                trials.collect::<Result<Vec<_>>>()?
            }
            Text::Csv(text) => self.trials_of(&Table::read(path, &text)?)?,
        };
        for (setting, outcome) in &trials {
            self.problem().space.check(setting)?;
            match outcome {
                Outcome::Told(observation) => self.check_observation(observation)?,
                Outcome::Failed { cost, .. } => Observation::new(0.0).cost(*cost).check()?,
                Outcome::Pending => {}
            }
        }
        let count = trials.len();
        for (setting, outcome) in trials {
            let trial = self.trials().len() as u64;
            self.record(Event::Asked { trial, setting })?;
            match outcome {
                Outcome::Told(observation) => self.tell(trial, observation)?,
                Outcome::Failed { reason, cost } => self.fail(trial, &reason, cost)?,
                Outcome::Pending => {}
            }
        }
        Ok(count)
    }

    fn quantities(&self) -> impl Iterator<Item = &str> {
        let all = self.problem().constraints.iter();
        all.map(|constraint| constraint.name.as_str())
    }

    fn results_of(&self, table: &Table) -> Result<Vec<(u64, Observation)>> {
        let columns = ["trial", "value", "noise", "cost"].into_iter();
        let columns: Vec<&str> = columns.chain(self.quantities()).collect();
        let allowed =
            "the columns trial and value, perhaps noise and cost, and all constrained quantities";
        for (k, name) in table.header.iter().enumerate() {
            if !columns.contains(&name.as_str()) || table.header[..k].contains(name) {
                return Err(table.refused(format!("the column `{name}`"), allowed));
            }
        }
        let column = |name: &str| table.header.iter().position(|n| n == name);
        let (Some(trial), Some(value)) = (column("trial"), column("value")) else {
            return Err(table.refused(table.header.join(","), allowed));
        };
        let result = |row| {
            let trial = table.parsed(row, trial, "the number of a trial")?;
            let value = table.parsed(row, value, "a number")?;
            Ok((trial, self.observation_of(table, row, value)?))
        };
        table.rows.iter().map(result).collect()
    }

    /// The observation of a row whose value is known.
    fn observation_of(&self, table: &Table, row: &Row, value: f64) -> Result<Observation> {
        let column = |name: &str| table.header.iter().position(|n| n == name);
        let mut observation = Observation::new(value);
        observation.noise = table.number(row, column("noise"))?;
        observation.cost = table.number(row, column("cost"))?;
        for name in self.quantities() {
            if let Some(value) = table.number(row, column(name))? {
                observation = observation.constraint(name, value);
            }
        }
        Ok(observation)
    }

    fn trials_of(&self, table: &Table) -> Result<Vec<(Setting, Outcome)>> {
        let header = &table.header;
        let mut known: Vec<String> = COLUMNS.iter().map(|name| (*name).to_owned()).collect();
        known.extend(self.quantities().map(str::to_owned));
        // A parameter may be called like a column of results, which come first.
        let mut places = Vec::new();
        for (name, dimension) in self.problem().space.dimensions() {
            let names = match dimension {
                Dimension::Pixel { .. } => vec![format!("{name}.row"), format!("{name}.column")],
                _ => vec![name.clone()],
            };
            for name in names {
                let place = header.iter().rposition(|n| *n == name).ok_or_else(|| {
                    table.refused(header.join(","), &format!("a column `{name}`, a parameter"))
                })?;
                places.push(place);
                known.push(name);
            }
        }
        if let Some(name) = header.iter().find(|name| !known.contains(name)) {
            let found = format!("the column `{name}`");
            return Err(table.refused(found, &format!("the columns {}", known.join(", "))));
        }
        let first = |name: &str| header.iter().position(|n| n == name);
        let column = |name: &str| first(name).filter(|place| !places.contains(place));
        let trial = |row| {
            let setting = self.setting_of(table, row, &places)?;
            let text = |name| column(name).map_or("", |column| row.field(column));
            let outcome = match text("outcome") {
                "told" | "" => {
                    let value = table.number(row, column("value"))?;
                    let value = value.ok_or_else(|| {
                        table.refused_at(row, "no value", "a number, or another outcome than told")
                    })?;
                    Outcome::Told(self.observation_of(table, row, value)?)
                }
                "failed" => Outcome::Failed {
                    reason: text("reason").to_owned(),
                    cost: table.number(row, column("cost"))?.unwrap_or(1.0),
                },
                "pending" => Outcome::Pending,
                other => {
                    let found = format!("the outcome `{other}`");
                    return Err(table.refused_at(row, found, "told, failed or pending"));
                }
            };
            Ok((setting, outcome))
        };
        table.rows.iter().map(trial).collect()
    }

    fn setting_of(&self, table: &Table, row: &Row, places: &[usize]) -> Result<Setting> {
        let mut places = places.iter().copied();
        let mut place = || places.next().unwrap_or_default();
        let mut values = Vec::new();
        for (name, dimension) in self.problem().space.dimensions() {
            let value = match dimension {
                Dimension::Float { .. } | Dimension::LogFloat { .. } | Dimension::Grid { .. } => {
                    Value::Float(table.parsed(row, place(), "a number")?)
                }
                Dimension::Integer { .. } => {
                    Value::Integer(table.parsed(row, place(), "a whole number")?)
                }
                Dimension::Choice { .. } => Value::Choice(row.field(place()).to_owned()),
                Dimension::Pixel { .. } => Value::Pixel {
                    row: table.parsed(row, place(), "the row of a pixel")?,
                    column: table.parsed(row, place(), "the column of a pixel")?,
                },
            };
            values.push((name.as_str(), value));
        }
        let setting = Setting::new(values);
        let checked = self.problem().space.check(&setting);
        checked.map_err(|error| table.refused_at(row, error, "a setting of the space"))?;
        Ok(setting)
    }
}

/// A result, as a JSON file of results holds it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    trial: u64,
    value: f64,
    noise: Option<f64>,
    cost: Option<f64>,
    #[serde(default)]
    constraints: BTreeMap<String, f64>,
}

impl Told {
    fn result(self) -> (u64, Observation) {
        let observation = Observation {
            value: self.value,
            noise: self.noise,
            cost: self.cost,
            constraints: self.constraints,
        };
        (self.trial, observation)
    }
}

/// A trial, as a JSON file of trials holds it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Imported {
    #[serde(default, rename = "trial")]
    _trial: Option<u64>,
    outcome: Option<String>,
    value: Option<f64>,
    noise: Option<f64>,
    cost: Option<f64>,
    #[serde(default)]
    constraints: BTreeMap<String, f64>,
    reason: Option<String>,
    #[serde(default, rename = "spent")]
    _spent: Option<f64>,
    #[serde(default, rename = "best")]
    _best: Option<f64>,
    setting: serde_json::Value,
}

impl Imported {
    fn outcome(self) -> Result<Outcome> {
        match (self.outcome.as_deref(), self.value) {
            (None | Some("told"), Some(value)) => Ok(Outcome::Told(Observation {
                value,
                noise: self.noise,
                cost: self.cost,
                constraints: self.constraints,
            })),
            (None | Some("told"), None) => {
                let allowed = "a number, or another outcome than told";
                Err(Error::argument("value", "no value", allowed))
            }
            (Some("failed"), _) => Ok(Outcome::Failed {
                reason: self.reason.unwrap_or_default(),
                cost: self.cost.unwrap_or(1.0),
            }),
            (Some("pending"), _) => Ok(Outcome::Pending),
            (Some(other), _) => {
                let found = format!("`{other}`");
                Err(Error::argument("outcome", found, "told, failed or pending"))
            }
        }
    }
}

/// The text of a file, by its kind.
enum Text {
    Csv(String),
    Json(String),
}

fn read(path: &Path) -> Result<Text> {
    let kind = match path.extension().and_then(|e| e.to_str()) {
        Some("csv") => Text::Csv,
        Some("json") => Text::Json,
        _ => {
            let allowed = "a file that ends in .csv or .json";
            return Err(Error::argument("path", path.display(), allowed));
        }
    };
    let text = std::fs::read_to_string(path).map_err(|source| Error::io(path, source))?;
    Ok(kind(text))
}

fn from_json<T: DeserializeOwned>(path: &Path, text: &str, allowed: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| Error::parse(path, error.line(), error, allowed))
}
