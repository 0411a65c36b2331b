//! Setting defocus and astigmatism of a probe under a dose budget: studies against grids, Nelder and Mead's simplex and
//! focusing by hand, at equal dose and with the same figure of merit.
//!
//! Every attempt starts at zero, as far from focus as its seed says, and may spend the same dose on frames of counted
//! electrons. It judges each by [`Sharpness`](dosewise::stem::Sharpness), from the counts alone. What counts is the truth about
//! the setting it hands in, which no attempt sees. Each rival, and each study, may choose between six settings of its own on
//! seeds that are not scored.

mod compete;
mod microscope;
mod picture;
mod rivals;
mod study;

use clap::Parser;
use compete::{Outcome, compete, competitors};
use dosewise::metric::{Bootstrap, Interval, IntervalMethod, holm, wilcoxon_signed_rank};
use dosewise::plot::{Figure, GrowthCurve, GrowthCurves, GrowthPanel};
use dosewise::units::Seed;
use dosewise::{Error, Result};
use indicatif::{ProgressBar, ProgressStyle};
use microscope::{Microscope, Quality};
use std::path::PathBuf;

#[derive(Parser)]
struct Options {
    /// Paired seeds that are scored.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(2..=10_000))]
    seeds: u64,
    /// Seeds on which each competitor chooses between its settings.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u64).range(1..=900))]
    tuning: u64,
    /// Dose of one attempt, all frames together, e⁻/Å².
    #[arg(long, default_value_t = 40_000.0)]
    dose: f64,
    /// Folder for the figures.
    #[arg(long, default_value = "figures")]
    out: PathBuf,
}

const FIRST_SCORED: u64 = 1000;

/// One of the ways to judge a setting.
struct Measure {
    name: &'static str,
    of: fn(&Quality) -> f64,
}

const MEASURES: [Measure; 3] = [
    Measure {
        name: "residual aberration / Å",
        of: |quality| quality.residual,
    },
    Measure {
        name: "electrons lost / %",
        of: |quality| 100.0 * quality.electrons_lost,
    },
    Measure {
        name: "sharpness lost / %",
        of: |quality| 100.0 * quality.sharpness_lost,
    },
];

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        0.5 * (values[middle - 1] + values[middle])
    }
}

/// Median with its 95 % bootstrap interval.
fn interval(values: &[f64]) -> Result<Interval> {
    let bootstrap = Bootstrap {
        method: IntervalMethod::Percentile,
        ..Bootstrap::default()
    };
    bootstrap.statistic(&[values.len()], Seed(0), |chosen| {
        median(&mut chosen.iter().map(|&i| values[i]).collect::<Vec<_>>())
    })
}

fn report(outcomes: &[Outcome]) -> Result<()> {
    for measure in &MEASURES {
        let last = |outcome: &Outcome| -> Vec<f64> {
            let ends = outcome.qualities.iter().filter_map(|run| run.last());
            ends.map(measure.of).collect()
        };
        println!("\n{}, median of the seeds [95 % interval]", measure.name);
        println!(
            "  competitor                   at half dose     at full dose            the first better   p (Holm)"
        );
        let first = last(&outcomes[0]);
        let differences: Vec<Vec<f64>> = outcomes
            .iter()
            .map(|o| last(o).iter().zip(&first).map(|(a, b)| a - b).collect())
            .collect();
        let tests: Result<Vec<f64>> = differences[1..]
            .iter()
            .map(|d| Ok(wilcoxon_signed_rank(d)?.p_value))
            .collect();
        let adjusted = holm(&tests?)?;
        for (i, outcome) in outcomes.iter().enumerate() {
            let half = outcome
                .qualities
                .iter()
                .map(|run| (measure.of)(&run[run.len() / 2 - 1]));
            let half = median(&mut half.collect::<Vec<_>>());
            let end = interval(&last(outcome))?;
            print!(
                "  {:26} {half:10.2} {:15.2} [{:6.2}, {:6.2}]",
                outcome.name, end.estimate, end.low, end.high
            );
            if i == 0 {
                println!();
            } else {
                let won = differences[i].iter().filter(|d| **d > 0.0).count();
                println!(
                    "   {won:7} of {:3}    {:9.1e}",
                    differences[i].len(),
                    adjusted[i - 1]
                );
            }
        }
    }
    Ok(())
}

fn curves(outcomes: &[Outcome], doses: &[f64]) -> GrowthCurves {
    let panel = |measure: &Measure| GrowthPanel {
        title: "setting in hand".into(),
        size: "dose spent / e⁻ Å⁻²".into(),
        cost: measure.name.into(),
        measured: outcomes
            .iter()
            .map(|outcome| {
                let at = |k: usize| {
                    let runs = outcome.qualities.iter().map(|run| (measure.of)(&run[k]));
                    median(&mut runs.collect::<Vec<_>>()).max(1e-3)
                };
                GrowthCurve {
                    label: outcome.name.into(),
                    size: doses.to_vec(),
                    cost: (0..doses.len()).map(at).collect(),
                }
            })
            .collect(),
        laws: vec![],
    };
    GrowthCurves {
        panels: MEASURES[..2].iter().map(panel).collect(),
    }
}

fn main() -> Result<()> {
    let options = Options::parse();
    if !(1_000.0..=1e7).contains(&options.dose) {
        return Err(Error::argument("--dose", options.dose, "1000 to 10⁷ e⁻/Å²"));
    }
    let (competitors, doses) = (competitors(options.dose), compete::doses(options.dose));
    let tries: usize = competitors.iter().map(|c| c.tries.len()).sum();
    let runs = options.tuning * tries as u64 + options.seeds * competitors.len() as u64;
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} attempts, {eta} left");
    let progress =
        ProgressBar::new(runs).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let tuning = microscopes(1..1 + options.tuning)?;
    let scored = microscopes(FIRST_SCORED..FIRST_SCORED + options.seeds)?;
    let mut outcomes = Vec::new();
    for competitor in &competitors {
        outcomes.push(compete(
            competitor,
            &tuning,
            &scored,
            options.dose,
            &progress,
        )?);
    }
    progress.finish_and_clear();
    println!(
        "{} e⁻/Å² an attempt; settings chosen on {} other seeds:",
        options.dose, options.tuning
    );
    for outcome in &outcomes {
        println!(
            "  {:26} {} ({} frames)",
            outcome.name, outcome.chosen, outcome.frames
        );
    }
    report(&outcomes)?;
    for (name, figure) in [
        ("optimise_probe", &curves(&outcomes, &doses) as &dyn Figure),
        (
            "optimise_probe_images",
            &picture::BeforeAfter::new(&scored[0], &outcomes)?,
        ),
    ] {
        for file in figure.save_png_and_svg(&options.out.join(name))? {
            println!("{}", file.display());
        }
    }
    Ok(())
}

fn microscopes(seeds: std::ops::Range<u64>) -> Result<Vec<Microscope>> {
    use rayon::prelude::*;
    seeds
        .into_par_iter()
        .map(|seed| Microscope::new(Seed(seed)))
        .collect()
}
