//! The command line of dosewise.

mod run;
mod world;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Adaptive scanning under a dose budget: worlds and single runs. The comparison of all policies is
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
    /// Run one policy through one episode and draw it.
    Run(run::RunOptions),
}

fn main() -> ExitCode {
    let result = match Options::parse().command {
        Command::World(command) => world::run(&command),
        Command::Run(options) => run::run(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
