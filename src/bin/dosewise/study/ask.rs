//! `dosewise study ask`.

use super::{JournalOptions, print_line};
use clap::Args;
use dosewise::Result;
use dosewise::optimize::{PlainSetting, Study};
use serde::Serialize;

#[derive(Args)]
pub struct AskOptions {
    #[command(flatten)]
    journal: JournalOptions,
    /// Trials to run side by side.
    #[arg(long, default_value_t = 1)]
    count: usize,
    /// Ask for no more once this much cost has been told.
    #[arg(long, allow_hyphen_values = true)]
    budget: Option<f64>,
    /// Ask for no more after so many told trials in a row without a new best.
    #[arg(long)]
    patience: Option<usize>,
    /// Ask for no more once no setting promises this much improvement of the value per unit of its cost.
    #[arg(long, allow_hyphen_values = true)]
    least_gain: Option<f64>,
    /// As comma-separated values with a line of names, for languages without JSON.
    #[arg(long)]
    csv: bool,
}

impl AskOptions {
    pub fn run(&self) -> Result<()> {
        let mut study = self.ruled(self.journal.open()?)?;
        for asked in 0..self.count {
            // Printed one by one: whatever was asked for is known to who asked, even if the next one fails.
            let Some(trial) = study.ask()? else {
                if let Some(stop) = study.stopped() {
                    eprintln!(
                        "nothing left to try after {asked} of {}: {stop}",
                        self.count
                    );
                }
                break;
            };
            if self.csv {
                let table = study.history().settings_to_csv(trial.id() as usize);
                print!(
                    "{}",
                    if asked == 0 {
                        &table
                    } else {
                        after_names(&table)
                    }
                );
            } else {
                print_line(&Asked {
                    trial: trial.id(),
                    setting: PlainSetting(trial.setting()),
                })?;
            }
        }
        Ok(())
    }

    fn ruled(&self, mut study: Study) -> Result<Study> {
        if let Some(budget) = self.budget {
            study = study.budget(budget)?;
        }
        if let Some(patience) = self.patience {
            study = study.patience(patience)?;
        }
        if let Some(gain) = self.least_gain {
            study = study.least_gain(gain)?;
        }
        Ok(study)
    }
}

fn after_names(table: &str) -> &str {
    table.split_once('\n').map_or(table, |(_, rest)| rest)
}

#[derive(Serialize)]
struct Asked<'a> {
    trial: u64,
    setting: PlainSetting<'a>,
}
