//! Tunes every policy with the same number of tries on seeds that are never scored, and writes the suite file.
//!
//! `cargo run --example tune_policies`, in the root of the repository

use clap::Parser;
use dosewise::prelude::*;
use dosewise::suite::{Policy, SuiteFile, WorldPolicies, tune};
use indicatif::ProgressBar;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The worlds of the comparison.
const WORLDS: [&str; 3] = ["mos2-l1.toml", "mos2-l2.toml", "mos2-l3.toml"];
/// Tuning seeds lie far from the scored ones, which start at 1000.
const SEEDS: std::ops::Range<u64> = 900_000..900_012;

/// Tunes the policies of the comparison.
#[derive(Parser)]
struct Options {
    /// Suite file to write.
    #[arg(long, default_value = "worlds/suites/bo_vs_raster.toml")]
    out: PathBuf,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    let signal = stop.clone();
    ctrlc::set_handler(move || signal.store(true, Ordering::Relaxed)).map_err(|error| {
        Error::argument("Ctrl-C handler", error, "a signal that can be handled")
    })?;
    let seeds: Vec<Seed> = SEEDS.map(Seed).collect();
    let policies = Policy::standard();
    let trials: usize = policies.iter().map(|p| p.alternatives().len()).sum();
    let progress = ProgressBar::new((trials * seeds.len() * WORLDS.len()) as u64);
    let mut suite = SuiteFile { world: Vec::new() };
    for file in WORLDS {
        let world = World::load(Path::new("worlds").join(file))?;
        let tuned = tune(&world, &policies, &seeds, &stop, || progress.inc(1))?;
        for trial in tuned.iter().flatten() {
            progress.suspend(|| eprintln!("{file}  {:.3}  {:?}", trial.dec_auc, trial.policy));
        }
        let policies = tuned
            .into_iter()
            .map(|trials| trials[0].policy.clone())
            .collect();
        suite.world.push(WorldPolicies {
            file: file.into(),
            policies,
        });
    }
    progress.finish_and_clear();
    let text = toml::to_string(&suite)
        .map_err(|error| Error::argument("suite", error, "what TOML can write"))?;
    let text = format!(
        "# Settings of every policy, tuned on seeds that are never scored; made by\n#   cargo run --example tune_policies\n\n{text}"
    );
    // Through a temporary file: whatever happens, the old suite or the new one is there, whole.
    let folder = options
        .out
        .parent()
        .filter(|f| !f.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.persist(&options.out)?;
        Ok(())
    };
    write().map_err(|source| Error::io(&options.out, source))?;
    println!("{}", options.out.display());
    Ok(())
}
