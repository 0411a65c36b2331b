//! `dosewise study tell`, `fail` and `add`.

use super::JournalOptions;
use clap::Args;
use dosewise::optimize::Observation;
use dosewise::{Error, Result};
use std::path::PathBuf;

/// What `--help` says about results.
pub const TELL_HELP: &str = r#"A .csv file has a line of names, then a line a trial; noise and cost may be empty or left out, constrained quantities
have a column by their name:

  trial,value,noise,cost,drift
  0,0.83,0.01,25,0.2
  1,0.79,,,0.4

A .json file holds the same: [{"trial": 0, "value": 0.83, "noise": 0.01, "cost": 25, "constraints": {"drift": 0.2}}, …]

All results of a file are told, or none if one is refused. What was told before in the same words is passed over, so a file
that grows may be told again and again."#;

/// What `--help` says about tables of trials.
pub const ADD_HELP: &str = r#"The file is what `show --csv` or `show --json` prints of another study with the same space, or one of your own:

  value,noise,cost,defocus,dwell
  0.83,0.01,25,-40,10

Every parameter needs a column (a pixel `NAME.row` and `NAME.column`), and every constrained quantity. All trials of a file
are added under new numbers, or none if one is refused."#;

#[derive(Args)]
pub struct TellOptions {
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
    /// A constrained quantity, NAME=VALUE; one for each that the study has.
    #[arg(long, requires = "trial")]
    constraint: Vec<String>,
    /// File of results, .csv or .json, see below.
    #[arg(long, conflicts_with = "trial")]
    from: Option<PathBuf>,
}

impl TellOptions {
    pub fn run(&self) -> Result<()> {
        if let Some(file) = &self.from {
            self.journal.open()?.tell_file(file)?;
        }
        // The parser of the arguments asks for the file or both of these.
        if let (Some(trial), Some(value)) = (self.trial, self.value) {
            let mut observation = Observation::new(value);
            (observation.noise, observation.cost) = (self.noise, self.cost);
            for text in &self.constraint {
                let (name, value) = named(text)?;
                observation = observation.constraint(name, value);
            }
            self.journal.open()?.tell(trial, observation)?;
        }
        Ok(())
    }
}

fn named(text: &str) -> Result<(&str, f64)> {
    let refused = || Error::argument("--constraint", format!("`{text}`"), "NAME=VALUE");
    let (name, value) = text.split_once('=').ok_or_else(refused)?;
    let value = value.trim().parse().map_err(|_| refused())?;
    Ok((name.trim(), value))
}

#[derive(Args)]
pub struct FailOptions {
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
}

impl FailOptions {
    pub fn run(&self) -> Result<()> {
        self.journal
            .open()?
            .fail(self.trial, &self.reason, self.cost)
    }
}

#[derive(Args)]
pub struct AddOptions {
    #[command(flatten)]
    journal: JournalOptions,
    /// File of trials, .csv or .json, see below.
    #[arg(long)]
    from: PathBuf,
}

impl AddOptions {
    pub fn run(&self) -> Result<()> {
        self.journal.open()?.import(&self.from)?;
        Ok(())
    }
}
