//! The command line of dosewise.

mod material;
mod run;
mod simulate;
mod study;
mod world;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Adaptive scanning under a dose budget: worlds, single runs, simulated images, and studies that tune anything that costs. The comparison of all policies is
/// `cargo run --example bo_vs_raster`.
#[derive(Parser)]
#[command(version)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List, describe, check or draw worlds.
    #[command(subcommand)]
    World(world::WorldCommand),
    /// Build the response libraries of materials, try them against multislice, draw what they show.
    #[command(subcommand)]
    Material(material::MaterialCommand),
    /// Run one policy through one episode and draw it.
    Run(run::RunOptions),
    /// Simulate STEM images of a crystal structure by multislice: CIF in, PNG, NPY, TIFF or Zarr out.
    #[command(after_help = simulate::SIMULATE_HELP, args_override_self = true)]
    Simulate(Box<simulate::SimulateOptions>),
    /// Ask what to try next and tell what it showed: Bayesian optimisation from any language.
    #[command(subcommand)]
    Study(study::StudyCommand),
}

fn main() -> ExitCode {
    let result = match Options::parse().command {
        Command::World(command) => world::run(&command),
        Command::Material(command) => material::run(&command),
        Command::Run(options) => run::run(&options),
        Command::Simulate(options) => simulate::run(&options),
        Command::Study(command) => study::run(&command),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
