//! `dosewise study`: ask what to try and tell what it showed, from any language.

mod ask;
mod figure;
mod new;
mod show;
mod tell;

use clap::{Args, Subcommand};
use dosewise::optimize::Study;
use dosewise::{Error, Result};
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Subcommand)]
pub enum StudyCommand {
    /// Begin a study: write its journal.
    #[command(after_help = new::SPACE_HELP)]
    New(new::NewOptions),
    /// Print what to try next, one line of JSON a trial: its number and its setting. Prints nothing if nothing is left.
    Ask(ask::AskOptions),
    /// Tell what trials showed.
    #[command(after_help = tell::TELL_HELP)]
    Tell(tell::TellOptions),
    /// Tell that a trial gave no value; its setting is not tried again.
    Fail(tell::FailOptions),
    /// Add trials that were run elsewhere, or those of another study.
    #[command(after_help = tell::ADD_HELP)]
    Add(tell::AddOptions),
    /// Print all trials, the best and what was spent.
    Show(show::ShowOptions),
    /// Print the trial with the best value as a line of JSON, of those that keep all constraints.
    Best(show::BestOptions),
    /// Draw how the study converged, and what it believes along a parameter or over two; PNG and SVG.
    Figure(figure::FigureOptions),
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
        StudyCommand::New(options) => options.run(),
        StudyCommand::Ask(options) => options.run(),
        StudyCommand::Tell(options) => options.run(),
        StudyCommand::Fail(options) => options.run(),
        StudyCommand::Add(options) => options.run(),
        StudyCommand::Show(options) => options.run(),
        StudyCommand::Best(options) => options.run(),
        StudyCommand::Figure(options) => options.run(),
    }
}

fn print_line(value: &impl Serialize) -> Result<()> {
    let line = serde_json::to_string(value).map_err(|error| {
        Error::argument("output", error, "numbers and names that JSON can hold")
    })?;
    println!("{line}");
    Ok(())
}
