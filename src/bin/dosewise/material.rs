//! `dosewise material`: libraries of responses, and how far they are from full multislice.

use clap::{Args, Subcommand};
use dosewise::plot::{FieldImage, FieldMap, Figure};
use dosewise::prelude::*;
use dosewise::stem::library::{Library, Progress};
use dosewise::world::material::{Extent, Material, Picture, Verdict};
use indicatif::{ProgressBar, ProgressStyle};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

#[derive(Subcommand)]
pub enum MaterialCommand {
    /// Compute the libraries of materials anew; the same material gives the same bytes.
    Build {
        /// Material files, such as worlds/materials/mos2.toml.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        folder: Folder,
        /// Keep nothing, but say whether the bytes are those of the shipped libraries; fails where they are not.
        #[arg(long)]
        check: bool,
    },
    /// Print how far images put together from the libraries are from full multislice; fails where an error is too large.
    Trial {
        /// Material files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        folder: Folder,
        /// Specimens of a row.
        #[arg(long, default_value_t = 2)]
        patches: usize,
        /// Probes along a side of a patch.
        #[arg(long, default_value_t = 12)]
        side: usize,
        /// Distance of neighbouring probes, Å.
        #[arg(long, default_value_t = 0.5)]
        step: f64,
        /// Seed of the specimens.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Draw the specimen of one of a material's trials.
    Render {
        /// Material file.
        file: PathBuf,
        #[command(flatten)]
        folder: Folder,
        /// Number of the trial, from 1.
        #[arg(long, default_value_t = 1)]
        trial: usize,
        /// Number of the detector, from 1.
        #[arg(long, default_value_t = 1)]
        detector: usize,
        /// Side of the field, Å.
        #[arg(long, default_value_t = 50.0)]
        side: f64,
        /// Full width at half maximum of the effective source, Å.
        #[arg(long, default_value_t = 0.7)]
        source_fwhm: f64,
        /// Seed of the specimen.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Figure to write, .png or .svg.
        #[arg(long)]
        out: PathBuf,
    },
}

/// Where libraries are kept.
#[derive(Args)]
pub struct Folder {
    /// Folder of the libraries that are not shipped.
    #[arg(long, default_value = "target/libraries")]
    libraries: PathBuf,
}

pub fn run(command: &MaterialCommand) -> Result<()> {
    match command {
        MaterialCommand::Build {
            files,
            folder,
            check: false,
        } => files
            .iter()
            .try_for_each(|file| build(file, &folder.libraries)),
        MaterialCommand::Build { files, .. } => {
            let unlike = files.iter().map(|file| Ok(usize::from(!check(file)?)));
            match unlike.sum::<Result<usize>>()? {
                0 => Ok(()),
                count => Err(Error::argument(
                    "files",
                    format!("{count} whose shipped library is not what they give"),
                    "none",
                )),
            }
        }
        MaterialCommand::Trial {
            files,
            folder,
            patches,
            side,
            step,
            seed,
        } => {
            let extent = Extent {
                patches: *patches,
                side: *side,
                step: *step,
                seed: Seed(*seed),
            };
            println!(
                "| material | specimens | level | detector | probes | RMS | bias | worst | allowed |"
            );
            println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
            let tried = files
                .iter()
                .map(|file| try_out(file, &folder.libraries, extent));
            let failed = tried.sum::<Result<usize>>()?;
            match failed {
                0 => Ok(()),
                _ => Err(Error::argument(
                    "files",
                    format!("{failed} errors too large"),
                    "none",
                )),
            }
        }
        MaterialCommand::Render {
            file,
            folder,
            trial,
            detector,
            side,
            source_fwhm,
            seed,
            out,
        } => {
            let material = Material::load(file)?;
            let definition = material.definition();
            let trial = counted("--trial", *trial, definition.trial.len())?;
            let detector = counted("--detector", *detector, definition.detector.len())?;
            let library = ready(&material, &folder.libraries)?;
            let picture = Picture {
                trial,
                detector,
                side: *side,
                source_fwhm: *source_fwhm,
                seed: Seed(*seed),
                ..Picture::default()
            };
            let image = material.picture(&library, &picture)?;
            let map = FieldMap::new(image.mapv(|v| 100.0 * v), picture.pixel);
            let mut figure = FieldImage::new(map, "detected / %");
            let trials = &material.definition().trial;
            figure.title = trials.get(picture.trial).map(|t| t.name.clone());
            figure.save(out)?;
            println!("{}", out.display());
            Ok(())
        }
    }
}

fn build(file: &Path, folder: &Path) -> Result<()> {
    let material = Material::load(file)?;
    let begin = Instant::now();
    let bar = bar(&material.definition().name);
    let library = material.rebuild_library(folder, &mut |progress| advance(&bar, progress))?;
    bar.finish_and_clear();
    let kept = material.library_file(folder);
    let size = std::fs::metadata(&kept).map_or(0, |data| data.len());
    let recipe = library.recipe();
    println!(
        "{}: {} states, {} motifs, {} islands, {:.0} s of wall time, {:.0} kB, {}",
        material.definition().name,
        recipe.states().len(),
        recipe.motifs().len(),
        recipe.islands().len(),
        begin.elapsed().as_secs_f64(),
        size as f64 / 1e3,
        kept.display()
    );
    Ok(())
}

/// Whether the shipped library is what the material gives.
fn check(file: &Path) -> Result<bool> {
    let material = Material::load(file)?;
    let bar = bar(&material.definition().name);
    let same = material.is_shipped_as_built(&mut |progress| advance(&bar, progress))?;
    bar.finish_and_clear();
    let found = if same { "the same as" } else { "other than" };
    println!(
        "{}: bytes {found} {}",
        material.definition().name,
        material.shipped_file().display()
    );
    Ok(same)
}

/// The shipped library, that of the folder, or built.
fn ready(material: &Material, folder: &Path) -> Result<Library> {
    let bar = bar(&format!("library of {}", material.definition().name));
    let library = material.library(folder, &mut |progress| advance(&bar, progress));
    bar.finish_and_clear();
    library
}

/// Prints the rows of a material and counts the errors that are too large.
fn try_out(file: &Path, folder: &Path, extent: Extent) -> Result<usize> {
    let material = Material::load(file)?;
    let library = ready(&material, folder)?;
    let mut failed = 0;
    for trial in &material.definition().trial {
        let bar = bar(&trial.name);
        let rows = material.try_out(&library, trial, extent, &mut |p| advance(&bar, p))?;
        bar.finish_and_clear();
        for row in &rows {
            print_row(&material.definition().name, row);
        }
        failed += rows.iter().filter(|row| !row.holds()).count();
    }
    Ok(failed)
}

fn print_row(material: &str, row: &Verdict) {
    let found = row.deviation;
    println!(
        "| {material} | {} | {} | {} | {} | {:.2} % | {:+.2} % | {:.2} % | {:.0} %{} |",
        row.trial,
        row.level,
        row.detector,
        found.probes,
        100.0 * found.rms,
        100.0 * found.bias,
        100.0 * found.worst,
        100.0 * row.allowed(),
        if row.holds() { "" } else { ", missed" }
    );
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

/// A number that a user counts from 1, counted from 0.
fn counted(name: &str, number: usize, count: usize) -> Result<usize> {
    let place = number.checked_sub(1).filter(|place| *place < count);
    place.ok_or_else(|| Error::argument(name, number, format!("1..={count}")))
}
