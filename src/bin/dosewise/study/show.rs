//! `dosewise study show` and `best`.

use super::{JournalOptions, print_line};
use clap::Args;
use dosewise::optimize::{
    Constraint, Direction, History, Outcome, PlainSetting, Space, Study, Trial,
};
use dosewise::{Error, Result};
use serde::Serialize;

#[derive(Args)]
pub struct ShowOptions {
    #[command(flatten)]
    journal: JournalOptions,
    /// As comma-separated values, the trials only.
    #[arg(long)]
    csv: bool,
    /// As one JSON object.
    #[arg(long, conflicts_with = "csv")]
    json: bool,
}

impl ShowOptions {
    pub fn run(&self) -> Result<()> {
        let study = self.journal.open()?;
        match (self.csv, self.json) {
            (true, _) => print!("{}", study.history().to_csv()),
            (_, true) => print_line(&Whole::of(&study))?,
            _ => show(&study),
        }
        Ok(())
    }
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
            Outcome::Told(observation) if !study.problem().allows(observation) => {
                ("refused", Some(row.trial.cost()))
            }
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
    for constraint in &study.problem().constraints {
        println!("limit  {constraint}");
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

#[derive(Args)]
pub struct BestOptions {
    #[command(flatten)]
    journal: JournalOptions,
    /// The one with the best posterior mean instead, with the mean and its variance: the one to use if values are noisy.
    #[arg(long)]
    model: bool,
}

impl BestOptions {
    pub fn run(&self) -> Result<()> {
        let study = self.journal.open()?;
        let nothing = |found| Error::argument("journal", found, "results that were told before");
        let told = study.trials().iter().filter(|t| t.observation().is_some());
        let few = if told.count() > 1 {
            "no told trial that keeps all constraints"
        } else if self.model {
            "fewer than two told trials"
        } else {
            "no told trial"
        };
        if self.model {
            let incumbent = study.incumbent()?.ok_or_else(|| nothing(few))?;
            return print_line(&Believed {
                trial: incumbent.trial,
                mean: incumbent.mean,
                variance: incumbent.variance,
                setting: PlainSetting(&incumbent.setting),
            });
        }
        let best = study.best().ok_or_else(|| nothing(few))?.id();
        let history = study.history();
        let mut rows = history.rows().iter();
        rows.find(|row| row.trial.id() == best)
            .map_or(Ok(()), print_line)
    }
}

#[derive(Serialize)]
struct Believed<'a> {
    trial: u64,
    mean: f64,
    variance: f64,
    setting: PlainSetting<'a>,
}

#[derive(Serialize)]
struct Whole<'a> {
    direction: Direction,
    seed: u64,
    space: &'a Space,
    constraints: &'a [Constraint],
    trials: History<'a>,
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
            constraints: &problem.constraints,
            trials: study.history(),
            best: study.best().map(Trial::id),
            spent: study.spent(),
        }
    }
}
