//! Does a dose-aware policy beat the raster under the same dose budget, with the same analyst?
//!
//! Runs eight policies and a clairvoyant reference in three worlds on common seeds, prints the comparison and writes three figures.

use clap::Parser;
use dosewise::plot::Figure;
use dosewise::prelude::*;
use dosewise::suite::{
    Comparison, Configuration, Stage, SuiteFile, Sweep, episode_panel, pareto_fronts,
    quality_curves,
};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Compares scan policies in simulated worlds: quality of the answer against electron dose.
#[derive(Parser)]
#[command(version)]
struct Options {
    /// Number of paired seeds.
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u64).range(2..=100_000))]
    seeds: u64,
    /// First seed.
    #[arg(long, default_value_t = 1000)]
    first_seed: u64,
    /// Run only this world (by name, e.g. mos2-l2); may be repeated.
    #[arg(long)]
    world: Vec<String>,
    /// Folder for the figures.
    #[arg(long, default_value = "figures")]
    out: PathBuf,
    /// Number of threads; all cores if not given, or 0. The results do not depend on it.
    #[arg(long)]
    threads: Option<usize>,
    /// Suite file: which policies run in which worlds, with which settings.
    #[arg(long)]
    suite: Option<PathBuf>,
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
    if let Some(threads) = options.threads {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global();
        pool.map_err(|error| {
            Error::argument(
                "threads",
                format!("{threads}: {error}"),
                "a number of threads to start",
            )
        })?;
    }
    let stop = Arc::new(AtomicBool::new(false));
    let signal = stop.clone();
    ctrlc::set_handler(move || signal.store(true, Ordering::Relaxed)).map_err(|error| {
        Error::argument("Ctrl-C handler", error, "a signal that can be handled")
    })?;

    let worlds = worlds_folder();
    let suite = options
        .suite
        .clone()
        .unwrap_or_else(|| worlds.join("suites/bo_vs_raster.toml"));
    let sweep = sweep(&SuiteFile::load(suite)?, &worlds, options)?;

    // Better to learn now than after the runs that the folder cannot be written.
    std::fs::create_dir_all(&options.out).map_err(|source| Error::io(&options.out, source))?;
    let style = "{bar:40} {pos}/{len} episodes, {elapsed} elapsed, {eta} to go";
    let progress = ProgressBar::new(sweep.runs() as u64);
    progress.set_style(
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let results = sweep.run(&stop, || progress.inc(1));
    progress.finish_and_clear();
    let results = results?;

    let comparison = Comparison::new(&sweep, &results)?;
    print!("{}", comparison.report());

    let interrupted = || Error::Interrupted {
        done: sweep.runs(),
        total: sweep.runs(),
    };
    let mut files = Vec::new();
    let mut save = |figure: &dyn Figure, name: &str| -> Result<()> {
        if stop.load(Ordering::Relaxed) {
            return Err(interrupted());
        }
        files.extend(figure.save_png_and_svg(&options.out.join(name))?);
        Ok(())
    };
    save(&quality_curves(&sweep, &results)?, "quality_vs_dose")?;
    save(&pareto_fronts(&sweep, &results)?, "pareto")?;
    // One episode in a picture: the best adaptive policy of the middle world, on the first seed.
    let stage = sweep.stages.len() / 2;
    let rows = &comparison.tables[stage].rows;
    let best = (0..rows.len())
        .filter(|&i| rows[i].strategy == dosewise::plot::Strategy::Adaptive)
        .max_by(|&a, &b| {
            rows[a]
                .dec_auc
                .estimate
                .total_cmp(&rows[b].dec_auc.estimate)
        });
    if let Some(best) = best {
        let (agent, episode) = sweep.agent(stage, best, 0)?;
        let record = agent.record(episode)?;
        let title = format!("{} in {}", rows[best].name, record.briefing.name);
        save(&episode_panel(&record, title)?, "episode")?;
    }
    println!("\nfigures:");
    for file in files {
        println!("  {}", file.display());
    }
    Ok(())
}

/// The stages that the suite file and the options ask for.
fn sweep(suite: &SuiteFile, worlds: &Path, options: &Options) -> Result<Sweep> {
    let mut stages = Vec::new();
    let mut names = Vec::new();
    for entry in &suite.world {
        let world = World::load(worlds.join(&entry.file))?;
        names.push(world.briefing().name.clone());
        if options.world.is_empty() || options.world.contains(&world.briefing().name) {
            let configurations = entry
                .policies
                .iter()
                .cloned()
                .map(Configuration::from)
                .collect();
            stages.push(Stage {
                world,
                configurations,
            });
        }
    }
    if let Some(unknown) = options.world.iter().find(|w| !names.contains(w)) {
        return Err(Error::argument(
            "--world",
            format!("{unknown:?}"),
            names.join(", "),
        ));
    }
    let seeds = (0..options.seeds)
        .map(|i| Seed(options.first_seed.wrapping_add(i)))
        .collect();
    Ok(Sweep { stages, seeds })
}

/// `worlds/` of the working folder, else that of the crate that cargo runs.
fn worlds_folder() -> PathBuf {
    let here = PathBuf::from("worlds");
    match std::env::var_os("CARGO_MANIFEST_DIR") {
        Some(root) if !here.is_dir() => PathBuf::from(root).join("worlds"),
        _ => here,
    }
}
