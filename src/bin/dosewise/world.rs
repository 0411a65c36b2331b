//! `dosewise world`: what worlds there are, what they say, whether they are valid, what they look like.

use clap::Subcommand;
use dosewise::plot::{FieldImage, FieldMap, Figure};
use dosewise::prelude::*;
use std::path::{Path, PathBuf};

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
    /// Draw the noise-free image of a specimen.
    Render {
        /// World file.
        file: PathBuf,
        /// Seed of the specimen.
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Pixel, Å.
        #[arg(long, default_value_t = 0.2)]
        pixel: f64,
        /// Figure to write, .png or .svg.
        #[arg(long)]
        out: PathBuf,
    },
}

pub fn run(command: &WorldCommand) -> Result<()> {
    match command {
        WorldCommand::List { folder } => list(folder),
        WorldCommand::Show { file } => show(file),
        WorldCommand::Check { files } => check(files),
        WorldCommand::Render {
            file,
            seed,
            pixel,
            out,
        } => render(file, Seed(*seed), *pixel, out),
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
        "{:<12} {:>5} {:>8} {:>12}  material",
        "name", "level", "field/Å", "budget/e⁻Å⁻²"
    );
    for file in files {
        let world = World::load(&file)?;
        let b = world.briefing();
        println!(
            "{:<12} {:>5} {:>4}×{:<4} {:>11}  {}",
            b.name, b.level, b.height, b.width, b.budget.0, b.material
        );
    }
    Ok(())
}

fn show(file: &Path) -> Result<()> {
    let world = World::load(file)?;
    let b = world.briefing();
    println!("{}: {}, level {}", b.name, b.material, b.level);
    println!(
        "field               {} × {} Å, {} columns",
        b.height,
        b.width,
        b.sites.len()
    );
    println!(
        "budget              {} averaged over the field, {:.3e} electrons",
        b.budget,
        b.budget_electrons()
    );
    println!("readout noise       {} electrons", b.readout_noise);
    println!(
        "drift               {} Å/s, decaying in {} s",
        b.drift_speed, b.drift_decay
    );
    println!(
        "jitter              {} Å a line, {} Å a position",
        b.line_jitter, b.pixel_jitter
    );
    for class in &b.classes {
        let hosts = b.sites.iter().filter(|s| s.element == class.element);
        let Some(site) = hosts.clone().next() else {
            continue;
        };
        let perfect = b.perfect_image(site.position);
        println!(
            "{:<19} {:.2} % of the {} columns, {:.1} expected; a {} column detects {:.3} % of the electrons, after a local \
             dose D 1 − exp(−{:.2e} Å² · D) of its atoms are gone",
            class.defect.to_string(),
            100.0 * class.density,
            class.element.symbol(),
            class.density * hosts.count() as f64,
            class.element.symbol(),
            100.0 * perfect,
            b.cross_section(class.element),
        );
    }
    if let Some(clusters) = b.clusters {
        println!(
            "clusters            {} of {} Å, {:.0} % of the defects outside",
            clusters.number,
            clusters.radius,
            100.0 * clusters.background
        );
    }
    Ok(())
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

fn render(file: &Path, seed: Seed, pixel: f64, out: &Path) -> Result<()> {
    let world = World::load(file)?;
    let image = world.episode(seed).into_image(pixel)?;
    let mut figure = FieldImage::new(
        FieldMap::new(image.mapv(|v| 100.0 * v), pixel),
        "detected / %",
    );
    figure.title = Some(format!("{}, seed {}", world.briefing().name, seed.0));
    figure.save(out)?;
    println!("{}", out.display());
    Ok(())
}
