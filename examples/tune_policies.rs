//! Tunes every policy with the same number of tries on seeds that are never scored, and prints the suite file.
//!
//! `cargo run --example tune_policies > worlds/suites/bo_vs_raster.toml`

use dosewise::prelude::*;
use dosewise::suite::{Policy, SuiteFile, WorldPolicies, tune};
use indicatif::ProgressBar;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

/// The worlds of the comparison.
const WORLDS: [&str; 3] = ["mos2-l1.toml", "mos2-l2.toml", "mos2-l3.toml"];
/// Tuning seeds lie far from the scored ones, which start at 1000.
const SEEDS: std::ops::Range<u64> = 900_000..900_012;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let seeds: Vec<Seed> = SEEDS.map(Seed).collect();
    let policies = Policy::standard();
    let trials: usize = policies.iter().map(|p| p.alternatives().len()).sum();
    let progress = ProgressBar::new((trials * seeds.len() * WORLDS.len()) as u64);
    let mut suite = SuiteFile { world: Vec::new() };
    for file in WORLDS {
        let world = World::load(Path::new("worlds").join(file))?;
        let tuned = tune(&world, &policies, &seeds, &AtomicBool::new(false), || {
            progress.inc(1)
        })?;
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
    println!("# Settings of every policy, tuned on seeds that are never scored; made by");
    println!("#   cargo run --example tune_policies > worlds/suites/bo_vs_raster.toml\n");
    print!("{text}");
    Ok(())
}
