//! `dosewise study new`.

use clap::Args;
use dosewise::optimize::{Problem, Space, Study};
use dosewise::units::Seed;
use dosewise::{Error, Result};
use std::path::PathBuf;

/// What `--help` says about the file of a space.
pub const SPACE_HELP: &str = r#"A space is a JSON file of names and dimensions, perhaps with inequalities Σ c x ≤ limit between its numbers:

  {"dimensions": [
     ["defocus",  {"float":     {"low": -200, "high": 200}}],
     ["dwell",    {"log_float": {"low": 0.5, "high": 50}}],
     ["frames",   {"integer":   {"low": 1, "high": 8}}],
     ["detector", {"choice":    {"names": ["HAADF", "MAADF"]}}],
     ["aperture", {"grid":      {"values": [20, 30, 50]}}],
     ["place",    {"pixel":     {"rows": 64, "columns": 64}}],
     ["site",     {"pixel":     {"rows": 2, "columns": 4, "mask": ["..##", ".###"]}}]],
   "inequalities": [{"terms": [["frames", 1], ["dwell", 2]], "limit": 60}]}

All keys are checked; "inequalities" and the "mask" of pixels that may be tried (#) may be left out."#;

#[derive(Args)]
pub struct NewOptions {
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
    /// A quantity that every trial measures beside its value and what it has to keep to, e.g. 'drift<=0.5' or
    /// '0.1<=contrast<=0.9'; may be given again.
    #[arg(long)]
    subject_to: Vec<String>,
    /// A parameter that buys precision and leaves the value as it is, such as a dwell or a dose; may be given again.
    #[arg(long)]
    effort: Vec<String>,
}

impl NewOptions {
    pub fn run(&self) -> Result<()> {
        let space = Space::load(&self.space)?;
        let mut problem = if self.minimise {
            Problem::minimise(space)
        } else {
            Problem::maximise(space)
        };
        for text in &self.subject_to {
            problem = constrained(problem, text)?;
        }
        for name in &self.effort {
            problem = problem.effort(name)?;
        }
        Study::create(&self.journal, problem.seed(Seed(self.seed)))?;
        Ok(())
    }
}

fn constrained(problem: Problem, text: &str) -> Result<Problem> {
    let refused = || {
        let allowed = "NAME<=LIMIT, NAME>=LIMIT or LOW<=NAME<=HIGH";
        Error::argument("--subject-to", format!("`{text}`"), allowed)
    };
    let number = |text: &str| text.parse::<f64>().map_err(|_| refused());
    let parts = |sign| text.split(sign).map(str::trim).collect::<Vec<_>>();
    match (parts("<=").as_slice(), parts(">=").as_slice()) {
        ([name, most], [_]) => problem.subject_to(name, ..=number(most)?),
        ([least, name, most], [_]) => problem.subject_to(name, number(least)?..=number(most)?),
        ([_], [name, least]) => problem.subject_to(name, number(least)?..),
        _ => Err(refused()),
    }
}
