//! `dosewise world`: what worlds there are, what they say, whether they are valid, what they look like.

use clap::Subcommand;
use dosewise::plot::{FieldImage, FieldMap, Figure};
use dosewise::prelude::*;
use dosewise::suite::{HIGHEST_EARLY, HIGHEST_FINAL, LOWEST_ORACLE, critical_dose, episodes};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

#[derive(Subcommand)]
pub enum WorldCommand {
    /// List the worlds of a folder.
    List {
        /// The folder.
        #[arg(default_value = "worlds")]
        folder: PathBuf,
    },
    /// Describe a world: what its operator knows.
    Show {
        /// World file.
        file: PathBuf,
    },
    /// Check world files; the first fault of each is printed.
    Check {
        /// World files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Find out whether worlds are worth competing in: not won by a raster, not lost by an oracle.
    Validate {
        /// World files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Seeds to score, from 0 on.
        #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u64).range(1..=10_000))]
        seeds: u64,
    },
    /// Draw the noise-free image of a specimen of each world.
    Render {
        /// World files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Seed of the specimen.
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Pixel, Å.
        #[arg(long, default_value_t = 0.2)]
        pixel: f64,
        /// Width of the figure, mm.
        #[arg(long, default_value_t = 85.0)]
        width: f64,
        /// Figure to write, .png or .svg; for several worlds a folder, in which each is drawn as NAME.png.
        #[arg(long)]
        out: PathBuf,
    },
}

pub fn run(command: &WorldCommand) -> Result<()> {
    match command {
        WorldCommand::List { folder } => list(folder),
        WorldCommand::Show { file } => show(file),
        WorldCommand::Check { files } => check(files),
        WorldCommand::Validate { files, seeds } => validate(files, *seeds),
        WorldCommand::Render {
            files,
            seed,
            pixel,
            width,
            out,
        } => match &files[..] {
            [file] => render(file, Seed(*seed), (*pixel, *width), out),
            _ => {
                std::fs::create_dir_all(out).map_err(|source| Error::io(out, source))?;
                files.iter().try_for_each(|file| {
                    let name = file.file_stem().unwrap_or(file.as_os_str());
                    let out = out.join(name).with_extension("png");
                    render(file, Seed(*seed), (*pixel, *width), &out)
                })
            }
        },
    }
}

fn list(folder: &Path) -> Result<()> {
    let entries = std::fs::read_dir(folder).map_err(|source| Error::io(folder, source))?;
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|e| e == "toml"))
        .collect();
    files.sort();
    println!(
        "{:<14} {:>5} {:>9} {:>13}  {:<26} material",
        "name", "level", "field/Å", "budget/e⁻Å⁻²", "tasks"
    );
    for file in files {
        let world = World::load(&file)?;
        let b = world.briefing();
        let tasks: Vec<&str> = b.tasks.iter().map(|task| task.name()).collect();
        println!(
            "{:<14} {:>5} {:>4}×{:<4} {:>13}  {:<26} {}",
            b.name,
            b.level,
            b.height,
            b.width,
            b.budget.0,
            tasks.join(", "),
            b.material
        );
    }
    Ok(())
}

fn show(file: &Path) -> Result<()> {
    let world = World::load(file)?;
    let b = world.briefing();
    println!("{}: {}, level {}", b.name, b.material, b.level);
    let tasks: Vec<&str> = b.tasks.iter().map(|task| task.name()).collect();
    println!("tasks               {}", tasks.join(", "));
    println!(
        "field               {} × {} Å, {} places are asked about",
        b.height,
        b.width,
        b.answers()
    );
    println!(
        "budget              {} averaged over the field, {:.3e} electrons",
        b.budget,
        b.budget_electrons()
    );
    println!(
        "beam                {:.3e} electrons a second",
        b.electrons_per_second
    );
    println!(
        "detector            {} electrons readout noise, {} % gain noise",
        b.readout_noise,
        100.0 * b.gain_noise
    );
    println!(
        "drift               {} Å/s, decaying in {} s",
        b.scan.drift_speed, b.scan.drift_decay
    );
    println!(
        "jitter              {} Å a line, {} Å a position",
        b.scan.line_jitter, b.scan.pixel_jitter
    );
    println!("critical dose       {:.3e} e⁻/Å², local", critical_dose(b));
    for (number, kind) in b.kinds.iter().enumerate() {
        let sites: Vec<_> = b.sites.iter().filter(|site| site.kind == number).collect();
        let Some(site) = sites.first() else { continue };
        println!(
            "{} columns of {} {}: {} in the field, where {:.3} % of the electrons are detected",
            kind.element.symbol(),
            kind.atoms,
            if kind.atoms == 1 { "atom" } else { "atoms" },
            sites.len(),
            100.0 * b.perfect_image(site.position),
        );
        for hypothesis in &kind.hypotheses {
            let look = hypothesis.chain[0];
            println!(
                "  {:<18} {:>7.3} %, adds {:+.3} % of the electrons; {} atoms at risk at {:.2e} Å²",
                kind.appearances[look].name,
                100.0 * hypothesis.prior,
                100.0 * b.response(number, look, 0.0, 0.0),
                hypothesis.at_risk(),
                hypothesis.cross_section,
            );
        }
    }
    for fact in &b.phases {
        let decay = fact.critical_dose();
        println!(
            "  {:<26} {:>7.2} %, polarisation ({:+.2}, {:+.2}){}",
            b.domain_classes[fact.class],
            100.0 * fact.prior,
            fact.vector[0],
            fact.vector[1],
            decay.map_or(String::new(), |dose| format!(", decays at {dose} e⁻/Å²")),
        );
    }
    if let Some(clusters) = &b.clusters {
        println!("clusters            {clusters:?}");
    }
    Ok(())
}

fn validate(files: &[PathBuf], seeds: u64) -> Result<()> {
    let mut worlds = Vec::new();
    for file in files {
        let world = World::load(file)?;
        for task in world.briefing().tasks.clone() {
            worlds.push(world.with_task(task)?);
        }
    }
    let all: u64 = worlds.iter().map(|world| episodes(world, seeds)).sum();
    let progress = ProgressBar::new(all).with_style(
        ProgressStyle::with_template("{bar:40} {pos}/{len} episodes, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let stop = AtomicBool::new(false);
    println!(
        "{:<14} {:<14} {:<24} {:>6} {:>7} {:>6} {:>7} {:>7} {:>8} {:>7} {:>8} {:>8}  verdict",
        "world",
        "task",
        "best non-adaptive",
        "q(B)",
        "q(B/10)",
        "AUC",
        "oracle",
        "photons",
        "evidence",
        "needed",
        "ceiling",
        "damaged"
    );
    let mut invalid = 0;
    for world in &worlds {
        let found = dosewise::suite::validate(world, seeds, &stop, || progress.inc(1))?;
        let faults = found.faults();
        invalid += usize::from(!faults.is_empty());
        let verdict = match faults.is_empty() {
            true => "valid".to_string(),
            false => faults.join("; "),
        };
        progress.suspend(|| {
            println!(
                "{:<14} {:<14} {:<24} {:>6.3} {:>7.3} {:>6.3} {:>7.3} {:>7.3} {:>8.2} {:>7.2} {:>8.2e} {:>6.2} %  {verdict}",
                found.world,
                found.task.name(),
                found.baseline.to_string(),
                found.final_quality,
                found.early_quality,
                found.dec_auc,
                found.oracle,
                found.photon_limit,
                found.regime.at_budget,
                found.regime.needed,
                found.regime.ceiling,
                100.0 * found.damaged,
            );
        });
    }
    progress.finish_and_clear();
    println!(
        "\nmeans over {seeds} seeds. Valid: q(B) of the best non-adaptive policy, tuned on other seeds, at most {HIGHEST_FINAL}, \
         q(B/10) at most {HIGHEST_EARLY}, oracle at least {LOWEST_ORACLE}.\nevidence, needed, ceiling: nats a place."
    );
    match invalid {
        0 => Ok(()),
        count => Err(Error::argument(
            "worlds",
            format!("{count} that are not valid"),
            "worlds that are neither won by a raster nor lost by an oracle",
        )),
    }
}

fn check(files: &[PathBuf]) -> Result<()> {
    let mut first_fault = None;
    for file in files {
        match World::load(file) {
            Ok(world) => println!("{}: valid ({})", file.display(), world.briefing().name),
            Err(error) if first_fault.is_none() => first_fault = Some(error),
            Err(error) => eprintln!("error: {error}"),
        }
    }
    first_fault.map_or(Ok(()), Err)
}

fn render(file: &Path, seed: Seed, (pixel, width): (f64, f64), out: &Path) -> Result<()> {
    let world = World::load(file)?;
    let image = world.episode(seed).into_image(pixel)?;
    let mut figure = FieldImage::new(
        FieldMap::new(image.mapv(|v| 100.0 * v), pixel),
        "detected / %",
    );
    figure.width_mm = width;
    figure.title = Some(format!("{}, seed {}", world.briefing().name, seed.0));
    figure.save(out)?;
    println!("{}", out.display());
    Ok(())
}
