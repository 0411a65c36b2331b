//! `dosewise run`: one policy, one episode.

use clap::Args;
use dosewise::plot::Figure;
use dosewise::prelude::*;
use dosewise::suite::{Configuration, Policy, Stage, Sweep, episode_panel};
use std::path::PathBuf;

#[derive(Args)]
pub struct RunOptions {
    /// World file.
    #[arg(long, default_value = "worlds/mos2-l2.toml")]
    world: PathBuf,
    /// The policy with its usual settings, by name, e.g. "dose index" or "raster".
    #[arg(long, default_value = "dose index")]
    policy: String,
    /// Seed of the episode.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Figure of the episode to write, .png or .svg.
    #[arg(long)]
    out: Option<PathBuf>,
}

pub fn run(options: &RunOptions) -> Result<()> {
    let standard = Policy::standard();
    let Some(policy) = standard
        .iter()
        .find(|p| p.name() == options.policy)
        .cloned()
    else {
        let names: Vec<&str> = standard.iter().map(Policy::name).collect();
        return Err(Error::argument(
            "--policy",
            format!("{:?}", options.policy),
            names.join(", "),
        ));
    };
    let name = policy.name();
    let stage = Stage {
        world: World::load(&options.world)?,
        configurations: vec![Configuration::from(policy)],
    };
    let sweep = Sweep {
        stages: vec![stage],
        seeds: vec![Seed(options.seed)],
    };
    let (agent, episode) = sweep.agent(0, 0, 0)?;
    let record = agent.record(episode)?;
    let (trace, world) = (&record.trace, &record.briefing.name);
    println!("{name} in {world}, seed {}", options.seed);
    println!("DEC-AUC             {:.4}", trace.dec_auc());
    println!("quality at budget   {:.4}", trace.final_quality());
    if let Some(report) = &trace.report {
        println!("answer              {}", report.details);
        if let Some(calibration) = &report.calibration {
            println!("honesty             {calibration}");
        }
    }
    println!(
        "dose spent          {:.2} of {}",
        trace.spent.0, record.briefing.budget
    );
    println!(
        "damaged             {:.3} % of what the beam can damage",
        100.0 * trace.damaged_fraction
    );
    println!(
        "duration            {:.3} s, {} scans",
        trace.time, trace.scans
    );
    if let Some(out) = &options.out {
        episode_panel(&record, format!("{name} in {world}"))?.save(out)?;
        println!("figure              {}", out.display());
    }
    Ok(())
}
