//! Whether a world is worth competing in: not won by a raster, not lost by an oracle.

use super::photon_limit::{Regime, photon_limit, regime};
use super::policy::Policy;
use super::sweep::{Configuration, Stage, Sweep};
use crate::analyst::{Analyst, StandardAnalyst};
use crate::error::Result;
use crate::navigator::{Navigator, Raster, Step, View};
use crate::units::{Dose, Seed};
use crate::world::{Measurements, Task, World};
use std::sync::atomic::AtomicBool;

/// Highest quality at the budget that the best non-adaptive baseline may reach.
pub const HIGHEST_FINAL: f64 = 0.95;
/// Highest quality at a tenth of the budget that it may reach.
pub const HIGHEST_EARLY: f64 = 0.6;
/// Quality that an oracle must reach.
pub const LOWEST_ORACLE: f64 = 0.6;
/// First of the seeds on which baselines are tuned; they are never scored.
const TUNING_SEED: u64 = 50_000;
/// Budgets that the oracle's noise-free image is worth.
const LONG: f64 = 100.0;
/// Tuning seeds.
const TUNING_SEEDS: u64 = 4;

/// What came of the validation of one world for one task.
#[derive(Debug, Clone)]
pub struct Validity {
    /// Name of the world.
    pub world: String,
    /// The task.
    pub task: Task,
    /// The best non-adaptive baseline, with the setting that did best on the tuning seeds.
    pub baseline: Policy,
    /// Its mean quality at the budget.
    pub final_quality: f64,
    /// Its mean quality at a tenth of the budget.
    pub early_quality: f64,
    /// Its mean DEC-AUC.
    pub dec_auc: f64,
    /// Mean share that the baseline damaged.
    pub damaged: f64,
    /// Mean quality of the answer of the world's analyst to the noise-free image of the pristine specimen.
    pub oracle: f64,
    /// Score of the Bayes answer to places known apart from one another, see [`photon_limit`].
    pub photon_limit: f64,
    /// The three numbers that tell what evidence there is.
    pub regime: Regime,
    /// Seeds that were scored.
    pub seeds: usize,
}

impl Validity {
    /// What is wrong with the world; nothing if it is valid.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut hold = |is_kept: bool, fault: String| {
            if !is_kept {
                faults.push(fault);
            }
        };
        hold(
            self.final_quality <= HIGHEST_FINAL,
            format!(
                "q(B) {:.3} of the baseline above {HIGHEST_FINAL}",
                self.final_quality
            ),
        );
        hold(
            self.early_quality <= HIGHEST_EARLY,
            format!(
                "q(B/10) {:.3} of the baseline above {HIGHEST_EARLY}",
                self.early_quality
            ),
        );
        hold(
            self.oracle >= LOWEST_ORACLE,
            format!("q {:.3} of the oracle below {LOWEST_ORACLE}", self.oracle),
        );
        faults
    }
}

/// The non-adaptive baselines among which the best is sought: rasters of one pass and interleaved ones, and for known columns
/// visits to each of them.
pub fn baselines(world: &World) -> Vec<Policy> {
    let mut policies = Vec::new();
    for stride in [0.4, 0.8, 1.6] {
        policies.push(Policy::Raster { stride, dwell: 1.0 });
        for side in [2, 4, 8] {
            policies.push(Policy::InterleavedRaster { stride, side });
        }
    }
    if !world.briefing().sites.is_empty() {
        policies.extend([1, 4, 16, 32].map(|passes| Policy::ColumnPasses { passes }));
    }
    policies
}

/// Validates a world for the task it is set to, on seeds 0 to `seeds` − 1; `finished` is called after each episode, of which
/// there are [`episodes`].
///
/// # Errors
/// What the world, its analyst or a baseline refuse, and [`crate::Error::Interrupted`] when `stop` was set.
pub fn validate(
    world: &World,
    seeds: u64,
    stop: &AtomicBool,
    finished: impl Fn() + Sync,
) -> Result<Validity> {
    let candidates = baselines(world);
    let sweep = |policies: &[Policy], seeds: Vec<Seed>| Sweep {
        stages: vec![Stage {
            world: world.clone(),
            configurations: policies.iter().cloned().map(Configuration::from).collect(),
        }],
        seeds,
    };
    let tuning = (TUNING_SEED..TUNING_SEED + TUNING_SEEDS).map(Seed);
    let tried = sweep(&candidates, tuning.collect()).run(stop, &finished)?;
    let mean = |values: &mut dyn Iterator<Item = f64>| {
        let (sum, count) = values.fold((0.0, 0.0), |(sum, count), v| (sum + v, count + 1.0));
        sum / f64::max(count, 1.0)
    };
    let value = |index: usize| mean(&mut tried.traces[0][index].iter().map(|t| t.dec_auc()));
    let best = (0..candidates.len()).max_by(|&a, &b| value(a).total_cmp(&value(b)));
    let baseline = candidates[best.unwrap_or(0)].clone();
    let scored: Vec<Seed> = (0..seeds).map(Seed).collect();
    let runs = sweep(std::slice::from_ref(&baseline), scored.clone()).run(stop, &finished)?;
    let traces = &runs.traces[0][0];
    let tenth = 0.1 * world.briefing().budget.0;
    let mut early = Vec::new();
    for trace in traces {
        early.push(trace.curve.quality_at(tenth)?);
    }
    let mut oracle = Vec::new();
    for &seed in &scored {
        oracle.push(oracle_quality(world, seed)?);
    }
    Ok(Validity {
        world: world.briefing().name.clone(),
        task: world.briefing().task,
        final_quality: mean(&mut traces.iter().map(|t| t.final_quality())),
        early_quality: mean(&mut early.into_iter()),
        dec_auc: mean(&mut traces.iter().map(|t| t.dec_auc())),
        damaged: mean(&mut traces.iter().map(|t| t.damaged_fraction)),
        oracle: mean(&mut oracle.into_iter()),
        photon_limit: photon_limit(world)?,
        regime: regime(world),
        seeds: scored.len(),
        baseline,
    })
}

/// Episodes that a validation runs.
pub fn episodes(world: &World, seeds: u64) -> u64 {
    baselines(world).len() as u64 * TUNING_SEEDS + seeds
}

/// Quality of the analyst's answer to the noise-free image of the pristine specimen, looked at for [`LONG`] times the budget:
/// whether the answer is in the image at all.
fn oracle_quality(world: &World, seed: Seed) -> Result<f64> {
    let harmless = world.harmless();
    let briefing = harmless.briefing();
    let mut analyst = StandardAnalyst::for_world(&harmless)?;
    let mut episode = world.episode(seed);
    let mut raster = Raster::new(0.4)?;
    let nothing = Measurements::new(briefing);
    let finding = analyst.finding().clone();
    let view = View::new(briefing, &nothing, &finding, Dose(0.0));
    if let Step::Scan(scan) = raster.next(&view)? {
        analyst.observe(&episode.without_noise(&scan, LONG))?;
    }
    episode.submit(analyst.finding())?;
    Ok(episode.finish().curve.final_quality())
}
