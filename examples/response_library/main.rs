//! How well a field assembled from a response library matches full multislice, by material, defect and detector.
//!
//! Builds the libraries of an MoS2 monolayer and of SrTiO3, 8 nm thick, prints what they cost, then a table of errors
//! against multislice of specimens that the libraries have not seen, and draws one patch in both ways.

mod picture;

use clap::Parser;
use dosewise::Result;
use dosewise::plot::Figure;
use dosewise::stem::library::{Change, Deviation, Edit, Library, Motif, Progress, Recipe, Trial};
use dosewise::stem::{Aberrations, AnnularDetector, Beam, PlacedAtom, Structure};
use dosewise::units::Seed;
use indicatif::{ProgressBar, ProgressStyle};
use nalgebra::Vector3;
use picture::InBothWays;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

#[derive(Parser)]
struct Options {
    /// Specimens of a row of the table.
    #[arg(long, default_value_t = 3)]
    patches: usize,
    /// Probes along a side of a patch.
    #[arg(long, default_value_t = 12)]
    side: usize,
    /// Seed of the specimens.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only the monolayer.
    #[arg(long)]
    monolayer: bool,
    /// Folder for the figures.
    #[arg(long, default_value = "figures")]
    out: PathBuf,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let trial = Trial {
        patches: options.patches,
        side: options.side,
        step: 0.5,
        density: 0.1,
        seed: Seed(options.seed),
        ..Trial::default()
    };
    let monolayer = built("MoS2", &molybdenum_disulfide()?)?;
    compare(&monolayer, &monolayer_trials(&trial)?)?;
    let fine = Trial {
        patches: 1,
        side: 40,
        step: 0.2,
        ..trial.clone()
    };
    let bar = bar("figure");
    let patches = monolayer.trial(&fine, &mut |progress| advance(&bar, progress))?;
    bar.finish_and_clear();
    let panels = InBothWays::new(&patches, 0);
    panels.save_png_and_svg(&options.out.join("response_library"))?;
    if !options.monolayer {
        let crystal = built("SrTiO3", &strontium_titanate()?)?;
        compare(&crystal, &crystal_trials(&trial)?)?;
    }
    Ok(())
}

/// A recipe's library, with what it cost.
fn built(name: &str, recipe: &Recipe) -> Result<Library> {
    let begin = Instant::now();
    let bar = bar(&format!("library of {name}"));
    let library = recipe.build(&mut |progress| advance(&bar, progress))?;
    bar.finish_and_clear();
    let folder = tempfile::tempdir().expect("a folder for a moment");
    let file = folder.path().join("library");
    library.save(&file)?;
    let size = std::fs::metadata(&file).map_or(0, |data| data.len());
    println!(
        "{name}: {} motifs in {:.0} s of wall time, a file of {:.0} kB, key {}",
        recipe.motifs().len(),
        begin.elapsed().as_secs_f64(),
        size as f64 / 1e3,
        recipe.key()
    );
    Ok(library)
}

/// Prints a row for each trial and detector.
fn compare(library: &Library, trials: &[(&str, Trial)]) -> Result<()> {
    println!("\n| specimens | detector, mrad | probes | RMS | bias | worst |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for (name, trial) in trials {
        let bar = bar(name);
        let patches = library.trial(trial, &mut |progress| advance(&bar, progress))?;
        bar.finish_and_clear();
        for (number, detector) in library.recipe().detectors().iter().enumerate() {
            let Some(found) = Deviation::of(&patches, number, 0) else {
                continue;
            };
            println!(
                "| {name} | {}-{} | {} | {:.2} % | {:+.2} % | {:.2} % |",
                detector.inner_mrad(),
                detector.outer_mrad(),
                found.probes,
                100.0 * found.rms,
                100.0 * found.bias,
                100.0 * found.worst
            );
        }
    }
    println!();
    Ok(())
}

fn bar(name: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} probes, {eta} left");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::no_length()
        .with_style(style)
        .with_message(name.to_string())
}

fn advance(bar: &ProgressBar, progress: Progress) -> ControlFlow<()> {
    bar.set_length(progress.total as u64);
    bar.set_position(progress.done as u64);
    ControlFlow::Continue(())
}

fn gone(atom: usize) -> Edit {
    Edit::new(atom, Change::Removed)
}

fn replaced(atom: usize, by: &str) -> Result<Edit> {
    Ok(Edit::new(atom, Change::Replaced(by.parse()?)))
}

/// The monolayer of the benchmark W1: 80 kV, 30 mrad; atoms 1 and 2 are the upper and the lower S of a column.
fn molybdenum_disulfide() -> Result<Recipe> {
    let (a, layer, vacuum) = (3.16, 3.13, 2.0);
    let b = a * 3f64.sqrt();
    let mut atoms = Vec::new();
    for (x, y) in [(0.0, 0.0), (a / 2.0, b / 2.0)] {
        let mut put = |symbol: &str, y: f64, z| {
            let place = Vector3::new(x, y % b, vacuum + z);
            atoms.push(PlacedAtom::new(symbol.parse()?, place));
            Ok::<_, dosewise::Error>(())
        };
        put("Mo", y, layer / 2.0)?;
        put("S", y + b / 3.0 * 2.0, 0.0)?;
        put("S", y + b / 3.0 * 2.0, layer)?;
    }
    let cell = Structure::new(Vector3::new(a, b, layer + 2.0 * vacuum), atoms)?;
    let detectors = [(80.0, 180.0), (60.0, 180.0), (15.0, 30.0)]
        .map(|(inner, outer)| AnnularDetector::new(inner, outer));
    let detectors = detectors.into_iter().collect::<Result<Vec<_>>>()?;
    Recipe::new(&cell, Beam::new(80.0)?, 30.0, &detectors)?
        .any_aberrations()
        .motif(Motif::new("upper V_S", [gone(1)]))?
        .motif(Motif::new("lower V_S", [gone(2)]))?
        .motif(Motif::new("V_2S", [gone(1), gone(2)]))?
        .motif(Motif::new("W_Mo", [replaced(0, "W")?]))?
        .motif(Motif::new("S_Mo", [replaced(0, "S")?]))
}

fn monolayer_trials(trial: &Trial) -> Result<Vec<(&'static str, Trial)>> {
    let lone = |edits: Vec<Edit>| Trial {
        edits: edits.into_iter().map(|edit| edit.in_cell(4, 2)).collect(),
        patches: 1,
        density: 0.0,
        ..trial.clone()
    };
    let with = |aberrations: Aberrations| Trial {
        aberrations: Some(aberrations),
        ..trial.clone()
    };
    let level2 = Aberrations::default()
        .with("C10", 20.0, 0.0)?
        .with("C12", 15.0, 0.4)?
        .with("C21", 300.0, 1.0)?;
    let level3 = Aberrations::default()
        .with("C10", 60.0, 0.0)?
        .with("C12", 40.0, 0.4)?
        .with("C21", 1000.0, 1.0)?
        .with("C23", 500.0, 0.2)?
        .with("C30", 1e4, 0.0)?;
    Ok(vec![
        ("10 % of each defect", trial.clone()),
        ("perfect", lone(Vec::new())),
        ("V_S", lone(vec![gone(1)])),
        ("V_2S", lone(vec![gone(1), gone(2)])),
        ("W_Mo", lone(vec![replaced(0, "W")?])),
        ("S_Mo", lone(vec![replaced(0, "S")?])),
        (
            "W beside V_2S",
            lone(vec![replaced(0, "W")?, gone(1), gone(2)]),
        ),
        ("neighbouring V_S", lone(vec![gone(1), gone(4)])),
        (
            "strain +2 %, -1.5 %",
            Trial {
                strain: [0.02, -0.015],
                ..trial.clone()
            },
        ),
        ("aberrations of level 2", with(level2)),
        ("aberrations of level 3", with(level3)),
    ])
}

/// SrTiO3 along [001], 200 kV, 20 mrad: 20 cells of five atoms on top of one another.
fn strontium_titanate() -> Result<Recipe> {
    let a = 3.905;
    let sites = [
        ("Sr", [0.0, 0.0, 0.0]),
        ("Ti", [0.5, 0.5, 0.5]),
        ("O", [0.5, 0.5, 0.0]),
        ("O", [0.5, 0.0, 0.5]),
        ("O", [0.0, 0.5, 0.5]),
    ];
    let atoms = sites
        .into_iter()
        .map(|(symbol, place)| Ok(PlacedAtom::new(symbol.parse()?, a * Vector3::from(place))));
    let cell = Structure::new(Vector3::repeat(a), atoms.collect::<Result<_>>()?)?;
    let detectors =
        [(80.0, 140.0), (10.0, 20.0)].map(|(inner, outer)| AnnularDetector::new(inner, outer));
    let detectors = detectors.into_iter().collect::<Result<Vec<_>>>()?;
    let mut recipe = Recipe::new(
        &cell.repeated([1, 1, 20])?,
        Beam::new(200.0)?,
        20.0,
        &detectors,
    )?
    .pixel(0.06)?
    .slice_thickness(a / 2.0)?
    .least_box(15.0)?
    .window(4.0)?;
    for depth in [0, 5, 10, 15, 19] {
        let lead = replaced(5 * depth, "Pb")?;
        recipe = recipe.motif(Motif::new(format!("Pb at cell {depth}"), [lead]))?;
        let oxygen = gone(5 * depth + 3);
        recipe = recipe.motif(Motif::new(format!("V_O at cell {depth}"), [oxygen]))?;
    }
    Ok(recipe)
}

fn crystal_trials(trial: &Trial) -> Result<Vec<(&'static str, Trial)>> {
    let with = |density, edits: &[Edit]| Trial {
        density,
        edits: edits.iter().map(|edit| edit.in_cell(2, 2)).collect(),
        ..trial.clone()
    };
    let lone = |edit| Trial {
        patches: 1,
        ..with(0.0, &[edit])
    };
    Ok(vec![
        ("2 % of Sr and of one O at any depth", with(0.02, &[])),
        ("perfect", with(0.0, &[])),
        ("Pb at cell 10", lone(replaced(50, "Pb")?)),
        ("Pb at cell 8, between two", lone(replaced(40, "Pb")?)),
        ("V_O at cell 10", lone(gone(53))),
        ("V_O at cell 8, between two", lone(gone(43))),
    ])
}
