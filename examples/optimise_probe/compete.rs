//! Who competes, with which settings to choose from, and how an attempt is scored.

use super::microscope::{Microscope, Quality, Session, Setting};
use super::rivals::{self, Peak};
use super::study;
use dosewise::Result;
use dosewise::units::Seed;
use indicatif::ProgressBar;
use rayon::prelude::*;

/// Points of the budget at which the setting in hand is judged.
const POINTS: usize = 20;

/// One way to spend the budget.
type Attempt = Box<dyn Fn(&mut Session<'_>, Seed) -> Result<()> + Sync>;

/// A method and the settings it may choose from.
pub struct Competitor {
    pub name: &'static str,
    pub tries: Vec<(String, Attempt)>,
}

/// What became of a competitor.
pub struct Outcome {
    pub name: &'static str,
    /// The try that was best on the tuning seeds.
    pub chosen: String,
    /// Median number of frames.
    pub frames: u64,
    /// Quality of the setting in hand for every scored seed, at every one of [`doses`].
    pub qualities: Vec<Vec<Quality>>,
    /// What was handed in at the end, for every scored seed.
    pub settings: Vec<Setting>,
}

/// The doses at which settings are judged, the last the whole budget.
pub fn doses(budget: f64) -> Vec<f64> {
    let step = budget / POINTS as f64;
    (1..=POINTS).map(|k| step * k as f64).collect()
}

/// All competitors, the study to compare with first, each with six tries.
pub fn competitors(budget: f64) -> Vec<Competitor> {
    fn attempt(
        label: impl Into<String>,
        run: impl Fn(&mut Session<'_>, Seed) -> Result<()> + Sync + 'static,
    ) -> (String, Attempt) {
        (label.into(), Box::new(run))
    }
    let share = move |looks: f64| budget / looks;
    let by_looks = |counts: [f64; 6], run: fn(&mut Session<'_>, Seed, f64) -> Result<()>| {
        let tries = counts.map(|looks| {
            attempt(format!("{looks} equal looks"), move |session, seed| {
                run(session, seed, share(looks))
            })
        });
        tries.into()
    };
    let of = |name, tries| Competitor { name, tries };
    vec![
        of(
            "study, equal looks",
            by_looks([30.0, 40.0, 50.0, 60.0, 70.0, 80.0], study::fixed),
        ),
        of(
            "study, sequential looks",
            [
                (60.0, 4.0, 1.0),
                (80.0, 4.0, 1.0),
                (80.0, 8.0, 1.0),
                (100.0, 8.0, 1.0),
                (100.0, 8.0, 0.0),
                (200.0, 16.0, 1.0),
            ]
            .map(|(looks, times, factor)| {
                let label = format!(
                    "from 1/{looks} to {times}/{looks} of the budget, {factor} standard deviations"
                );
                attempt(label, move |session, seed| {
                    let first = share(looks);
                    study::sequential(session, seed, first, times * first, factor)
                })
            })
            .into(),
        ),
        of(
            "study, dose a parameter",
            [
                (30.0, 10.0),
                (40.0, 10.0),
                (40.0, 20.0),
                (60.0, 10.0),
                (60.0, 20.0),
                (80.0, 10.0),
            ]
            .map(|(least, most)| {
                let label = format!("1/{least} to 1/{most} of the budget a look");
                attempt(label, move |session, seed| {
                    study::with_dose(session, seed, share(least), share(most))
                })
            })
            .into(),
        ),
        of(
            "grid",
            [3, 4, 5, 6, 7, 8]
                .map(|size| {
                    attempt(format!("{size}³ points"), move |session, seed| {
                        rivals::grid(session, seed, size, Peak::Point)
                    })
                })
                .into(),
        ),
        of(
            "grid and parabola",
            [
                (4, Peak::Lines),
                (5, Peak::Lines),
                (6, Peak::Lines),
                (8, Peak::Lines),
                (6, Peak::Slabs),
                (8, Peak::Slabs),
            ]
            .map(|(size, peak)| {
                attempt(
                    format!("{size}³ points, {peak:?}"),
                    move |session, seed| rivals::grid(session, seed, size, peak),
                )
            })
            .into(),
        ),
        of(
            "Nelder-Mead",
            [
                (40.0, 40.0, 0.1),
                (40.0, 80.0, 0.1),
                (80.0, 40.0, 0.1),
                (80.0, 80.0, 0.1),
                (80.0, 80.0, 0.03),
                (160.0, 80.0, 0.1),
            ]
            .map(|(looks, size, tolerance)| {
                let label =
                    format!("{looks} looks, edge {size} Å, restart at a spread of {tolerance}");
                attempt(label, move |session, _| {
                    rivals::simplex(session, share(looks), size, tolerance)
                })
            })
            .into(),
        ),
        of(
            "one at a time",
            [
                (45.0, 5, 60.0, 0.6),
                (60.0, 5, 60.0, 0.6),
                (90.0, 5, 60.0, 0.6),
                (63.0, 7, 80.0, 0.5),
                (84.0, 7, 80.0, 0.6),
                (105.0, 7, 60.0, 0.6),
            ]
            .map(|(frames, looks, reach, shrink)| {
                let label =
                    format!("{frames} frames, {looks} a line of ±{reach} Å, then × {shrink}");
                attempt(label, move |session, _| {
                    rivals::one_at_a_time(session, share(frames), looks, reach, shrink)
                })
            })
            .into(),
        ),
        of(
            "random search",
            by_looks([20.0, 40.0, 80.0, 120.0, 200.0, 400.0], rivals::random),
        ),
    ]
}

/// Chooses a competitor's try on the tuning microscopes and lets it compete on the scored ones.
pub fn compete(
    competitor: &Competitor,
    tuning: &[Microscope],
    scored: &[Microscope],
    budget: f64,
    progress: &ProgressBar,
) -> Result<Outcome> {
    let attempt = |run: &Attempt, microscope: &'_ Microscope| -> Result<(u64, Vec<Setting>)> {
        let mut session = Session::new(microscope, budget);
        run(&mut session, microscope.seed())?;
        progress.inc(1);
        let held = doses(budget).into_iter().map(|dose| session.in_hand(dose));
        Ok((session.frames(), held.collect()))
    };
    let mut best = (f64::INFINITY, 0);
    for (i, (_, run)) in competitor.tries.iter().enumerate() {
        let lost: Result<Vec<f64>> = tuning
            .par_iter()
            .map(|microscope| {
                let (_, held) = attempt(run, microscope)?;
                Ok(microscope.quality(held[POINTS - 1])?.sharpness_lost)
            })
            .collect();
        let lost: f64 = lost?.iter().sum();
        if lost < best.0 {
            best = (lost, i);
        }
    }
    let (chosen, run) = &competitor.tries[best.1];
    let runs: Result<Vec<_>> = scored
        .par_iter()
        .map(|microscope| {
            let (frames, held) = attempt(run, microscope)?;
            let qualities: Result<Vec<Quality>> = held
                .iter()
                .map(|setting| microscope.quality(*setting))
                .collect();
            Ok((frames, held[POINTS - 1], qualities?))
        })
        .collect();
    let runs = runs?;
    let mut frames: Vec<u64> = runs.iter().map(|run| run.0).collect();
    frames.sort_unstable();
    Ok(Outcome {
        name: competitor.name,
        chosen: chosen.clone(),
        frames: frames[frames.len() / 2],
        settings: runs.iter().map(|run| run.1).collect(),
        qualities: runs.into_iter().map(|run| run.2).collect(),
    })
}
