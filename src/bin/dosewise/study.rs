//! `dosewise study`: ask what to try and tell what it showed, from any language.

use clap::{Args, Subcommand};
use dosewise::optimize::{Observation, Outcome, Problem, Setting, Space, Study, Trial, Value};
use dosewise::units::Seed;
use dosewise::{Error, Result};
use serde::{Deserialize, Serialize, Serializer};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What `--help` says about the file of a space.
const SPACE_HELP: &str = r#"A space is a JSON file of names and dimensions, perhaps with inequalities Σ c x ≤ limit between its numbers:

  {"dimensions": [
     ["defocus",  {"float":     {"low": -200, "high": 200}}],
     ["dwell",    {"log_float": {"low": 0.5, "high": 50}}],
     ["frames",   {"integer":   {"low": 1, "high": 8}}],
     ["detector", {"choice":    {"names": ["HAADF", "MAADF"]}}],
     ["aperture", {"grid":      {"values": [20, 30, 50]}}],
     ["place",    {"pixel":     {"rows": 64, "columns": 64}}]],
   "inequalities": [{"terms": [["frames", 1], ["dwell", 2]], "limit": 60}]}

All keys are checked; "inequalities" may be left out."#;

/// What `--help` says about results.
const TELL_HELP: &str = r#"A .csv file has a line of names, then a line a trial; noise and cost may be empty or left out:

  trial,value,noise,cost
  0,0.83,0.01,25
  1,0.79,,

A .json file holds the same: [{"trial": 0, "value": 0.83, "noise": 0.01, "cost": 25}, {"trial": 1, "value": 0.79}]

All results of a file are told, or none if one is refused. What was told before in the same words is passed over, so a file
that grows may be told again and again."#;

#[derive(Subcommand)]
pub enum StudyCommand {
    /// Begin a study: write its journal.
    #[command(after_help = SPACE_HELP)]
    New {
        /// Journal to write; it must not exist.
        journal: PathBuf,
        /// JSON file of the space, see below.
        #[arg(long)]
        space: PathBuf,
        /// Look for small values; large ones are wanted otherwise.
        #[arg(long)]
        minimise: bool,
        /// Decides the first trials and every search.
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
    /// Print what to try next, one line of JSON a trial: its number and its setting. Prints nothing if nothing is left.
    Ask {
        #[command(flatten)]
        journal: JournalOptions,
        /// Trials to run side by side.
        #[arg(long, default_value_t = 1)]
        count: usize,
        /// Ask for no more once this much cost has been told.
        #[arg(long, allow_hyphen_values = true)]
        budget: Option<f64>,
    },
    /// Tell what trials showed.
    #[command(after_help = TELL_HELP)]
    Tell {
        #[command(flatten)]
        journal: JournalOptions,
        /// Number of the trial.
        #[arg(long, required_unless_present = "from", requires = "value")]
        trial: Option<u64>,
        /// The measured objective.
        #[arg(long, allow_hyphen_values = true, requires = "trial")]
        value: Option<f64>,
        /// Its noise variance; learned from all trials if none is told.
        #[arg(long, allow_hyphen_values = true, requires = "trial")]
        noise: Option<f64>,
        /// What the trial cost; 1 if not told.
        #[arg(long, allow_hyphen_values = true, requires = "trial")]
        cost: Option<f64>,
        /// File of results, .csv or .json, see below.
        #[arg(long, conflicts_with = "trial")]
        from: Option<PathBuf>,
    },
    /// Tell that a trial gave no value; its setting is not tried again.
    Fail {
        #[command(flatten)]
        journal: JournalOptions,
        /// Number of the trial.
        #[arg(long)]
        trial: u64,
        /// Why, in a few words.
        #[arg(long, default_value = "")]
        reason: String,
        /// What it cost all the same.
        #[arg(long, default_value_t = 1.0, allow_hyphen_values = true)]
        cost: f64,
    },
    /// Print all trials, the best and what was spent.
    Show {
        #[command(flatten)]
        journal: JournalOptions,
        /// As comma-separated values, the trials only.
        #[arg(long)]
        csv: bool,
        /// As one JSON object.
        #[arg(long, conflicts_with = "csv")]
        json: bool,
    },
    /// Print the trial with the best value as a line of JSON.
    Best {
        #[command(flatten)]
        journal: JournalOptions,
        /// The one with the best posterior mean instead, with the mean and its variance: the one to use if values are noisy.
        #[arg(long)]
        model: bool,
    },
}

#[derive(Args)]
pub struct JournalOptions {
    /// Journal of the study.
    journal: PathBuf,
    /// Seconds to wait while another process has the journal.
    #[arg(long, default_value_t = 10.0)]
    wait: f64,
}

impl JournalOptions {
    fn open(&self) -> Result<Study> {
        let wait = Duration::try_from_secs_f64(self.wait).map_err(|_| {
            Error::argument("--wait", self.wait, "seconds, finite and not negative")
        })?;
        Study::resume_within(&self.journal, wait)
    }
}

pub fn run(command: &StudyCommand) -> Result<()> {
    match command {
        StudyCommand::New {
            journal,
            space,
            minimise,
            seed,
        } => {
            let space = Space::load(space)?;
            let problem = if *minimise {
                Problem::minimise(space)
            } else {
                Problem::maximise(space)
            };
            Study::create(journal, problem.seed(Seed(*seed)))?;
        }
        StudyCommand::Ask {
            journal,
            count,
            budget,
        } => ask(journal.open()?, *count, *budget)?,
        StudyCommand::Tell {
            journal,
            trial,
            value,
            noise,
            cost,
            from,
        } => {
            let results = match (from, trial, value) {
                (Some(file), ..) => Told::load(file)?,
                (None, Some(trial), Some(value)) => vec![Told {
                    trial: *trial,
                    value: *value,
                    noise: *noise,
                    cost: *cost,
                }],
                // The parser of the arguments asks for the one or the other.
                _ => Vec::new(),
            };
            let results = results.iter().map(|told| (told.trial, told.observation()));
            journal.open()?.tell_all(results)?;
        }
        StudyCommand::Fail {
            journal,
            trial,
            reason,
            cost,
        } => journal.open()?.fail(*trial, reason, *cost)?,
        StudyCommand::Show { journal, csv, json } => {
            let study = journal.open()?;
            match (csv, json) {
                (true, _) => print!("{}", study.history().to_csv()),
                (_, true) => print_line(&Whole::of(&study))?,
                _ => show(&study),
            }
        }
        StudyCommand::Best { journal, model } => best(&journal.open()?, *model)?,
    }
    Ok(())
}

fn ask(study: Study, count: usize, budget: Option<f64>) -> Result<()> {
    let mut study = match budget {
        Some(budget) => study.budget(budget)?,
        None => study,
    };
    for asked in 0..count {
        // Printed one by one: whatever was asked for is known to who asked, even if the next one fails.
        let Some(trial) = study.ask()? else {
            eprintln!(
                "nothing left to try after {asked} of {count}: the budget is spent or the space is exhausted"
            );
            break;
        };
        print_line(&Asked {
            trial: trial.id(),
            setting: Plain(trial.setting()),
        })?;
    }
    Ok(())
}

fn show(study: &Study) {
    println!(
        "{:>5} {:<8} {:>12} {:>10} {:>10} {:>12}  setting",
        "trial", "outcome", "value", "cost", "spent", "best"
    );
    for row in study.history().rows() {
        let number = |value: Option<f64>| value.map(short).unwrap_or_default();
        let (outcome, cost) = match row.trial.outcome() {
            Outcome::Pending => ("pending", None),
            Outcome::Told(_) => ("told", Some(row.trial.cost())),
            Outcome::Failed { cost, .. } => ("failed", Some(*cost)),
        };
        let value = row.trial.observation().map(|o| o.value);
        println!(
            "{:>5} {outcome:<8} {:>12} {:>10} {:>10} {:>12}  {}",
            row.trial.id(),
            number(value),
            number(cost),
            short(row.spent),
            number(row.best),
            row.trial.setting(),
        );
    }
    if let Some((trial, observation)) = study.best().and_then(|t| Some((t, t.observation()?))) {
        println!(
            "best   {} at trial {}: {}",
            observation.value,
            trial.id(),
            trial.setting()
        );
    }
    println!("spent  {}", study.spent());
}

/// Six digits, with an exponent where that is shorter.
fn short(value: f64) -> String {
    if value != 0.0 && !(1e-3..1e6).contains(&value.abs()) {
        format!("{value:.4e}")
    } else {
        let digits = (5 - value.abs().max(1.0).log10() as i32).max(0) as usize;
        let text = format!("{value:.digits$}");
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text
        }
    }
}

fn best(study: &Study, model: bool) -> Result<()> {
    let nothing = |found| Error::argument("journal", found, "results that were told before");
    if model {
        let incumbent = study.incumbent()?;
        let incumbent = incumbent.ok_or_else(|| nothing("fewer than two told trials"))?;
        return print_line(&Believed {
            trial: incumbent.trial,
            mean: incumbent.mean,
            variance: incumbent.variance,
            setting: Plain(&incumbent.setting),
        });
    }
    let trial = study.best().ok_or_else(|| nothing("no told trial"))?;
    print_line(&Row::of(trial))
}

fn print_line(value: &impl Serialize) -> Result<()> {
    let line = serde_json::to_string(value).map_err(|error| {
        Error::argument("output", error, "numbers and names that JSON can hold")
    })?;
    println!("{line}");
    Ok(())
}

/// A result, as a file of results holds it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    trial: u64,
    value: f64,
    noise: Option<f64>,
    cost: Option<f64>,
}

impl Told {
    fn observation(&self) -> Observation {
        Observation {
            value: self.value,
            noise: self.noise,
            cost: self.cost,
        }
    }

    fn load(file: &Path) -> Result<Vec<Self>> {
        let text = std::fs::read_to_string(file).map_err(|source| Error::io(file, source))?;
        match file.extension().and_then(|e| e.to_str()) {
            Some("json") => serde_json::from_str(&text).map_err(|error| {
                let allowed = "a list of {\"trial\": …, \"value\": …, \"noise\": …, \"cost\": …}";
                Error::parse(file, error.line(), error, allowed)
            }),
            Some("csv") => Self::from_csv(file, &text),
            _ => Err(Error::argument(
                "--from",
                file.display(),
                "a file that ends in .csv or .json",
            )),
        }
    }

    fn from_csv(file: &Path, text: &str) -> Result<Vec<Self>> {
        const COLUMNS: [&str; 4] = ["trial", "value", "noise", "cost"];
        let mut lines = text.trim_start_matches('\u{feff}').lines().enumerate();
        let header: Vec<&str> = match lines.next() {
            Some((_, line)) => line.split(',').map(str::trim).collect(),
            None => Vec::new(),
        };
        let allowed = "the columns trial and value, perhaps noise and cost";
        for (k, name) in header.iter().enumerate() {
            if !COLUMNS.contains(name) || header[..k].contains(name) {
                return Err(Error::parse(
                    file,
                    1,
                    format!("the column `{name}`"),
                    allowed,
                ));
            }
        }
        let column = |name: &str| header.iter().position(|n| *n == name);
        let (Some(trial), Some(value)) = (column("trial"), column("value")) else {
            return Err(Error::parse(file, 1, header.join(","), allowed));
        };
        let mut all = Vec::new();
        for (i, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            let fields: Vec<&str> = line.split(',').map(str::trim).collect();
            let refused = |found: String, allowed: &str| Error::parse(file, i + 1, found, allowed);
            if fields.len() != header.len() {
                let found = format!("{} fields", fields.len());
                return Err(refused(found, &format!("{}, one a column", header.len())));
            }
            let number = |k: usize| {
                let found = || format!("`{}` as {}", fields[k], header[k]);
                fields[k]
                    .parse::<f64>()
                    .map_err(|_| refused(found(), "a number"))
            };
            let optional = |name: &str| match column(name).filter(|&k| !fields[k].is_empty()) {
                Some(k) => number(k).map(Some),
                None => Ok(None),
            };
            all.push(Self {
                trial: fields[trial].parse().map_err(|_| {
                    refused(
                        format!("`{}` as trial", fields[trial]),
                        "the number of a trial",
                    )
                })?,
                value: number(value)?,
                noise: optional("noise")?,
                cost: optional("cost")?,
            });
        }
        Ok(all)
    }
}

/// A setting as an object of names and bare values, a pixel as [row, column].
struct Plain<'a>(&'a Setting);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let values = self.0.values().iter();
        serializer.collect_map(values.map(|(name, value)| (name, PlainValue::from(value))))
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum PlainValue<'a> {
    Float(f64),
    Integer(i64),
    Choice(&'a str),
    Pixel([usize; 2]),
}

impl<'a> From<&'a Value> for PlainValue<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Float(value) => Self::Float(*value),
            Value::Integer(value) => Self::Integer(*value),
            Value::Choice(name) => Self::Choice(name),
            Value::Pixel { row, column } => Self::Pixel([*row, *column]),
        }
    }
}

#[derive(Serialize)]
struct Asked<'a> {
    trial: u64,
    setting: Plain<'a>,
}

#[derive(Serialize)]
struct Believed<'a> {
    trial: u64,
    mean: f64,
    variance: f64,
    setting: Plain<'a>,
}

/// A trial as JSON; what does not apply is left out.
#[derive(Serialize)]
struct Row<'a> {
    trial: u64,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    noise: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    setting: Plain<'a>,
}

impl<'a> Row<'a> {
    fn of(trial: &'a Trial) -> Self {
        let (outcome, cost, reason) = match trial.outcome() {
            Outcome::Pending => ("pending", None, None),
            Outcome::Told(_) => ("told", Some(trial.cost()), None),
            Outcome::Failed { reason, cost } => ("failed", Some(*cost), Some(reason.as_str())),
        };
        Self {
            trial: trial.id(),
            outcome,
            value: trial.observation().map(|o| o.value),
            noise: trial.observation().and_then(|o| o.noise),
            cost,
            reason,
            setting: Plain(trial.setting()),
        }
    }
}

#[derive(Serialize)]
struct Whole<'a> {
    direction: dosewise::optimize::Direction,
    seed: u64,
    space: &'a Space,
    trials: Vec<Row<'a>>,
    best: Option<u64>,
    spent: f64,
}

impl<'a> Whole<'a> {
    fn of(study: &'a Study) -> Self {
        let problem = study.problem();
        Self {
            direction: problem.direction,
            seed: problem.seed.0,
            space: &problem.space,
            trials: study.trials().iter().map(Row::of).collect(),
            best: study.best().map(Trial::id),
            spent: study.spent(),
        }
    }
}
