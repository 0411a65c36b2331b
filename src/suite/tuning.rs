//! Tuning: every policy gets the same number of tries, on seeds that are never scored.

use super::policy::Policy;
use super::sweep::{Stage, Sweep};
use crate::error::Result;
use crate::units::Seed;
use crate::world::World;
use std::sync::atomic::AtomicBool;

/// One setting of a policy and how it did.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// The policy with its setting.
    pub policy: Policy,
    /// Mean DEC-AUC over the tuning seeds.
    pub dec_auc: f64,
}

/// Tries the [alternatives](Policy::alternatives) of every policy in `world` on `seeds`; each policy's trials come best
/// first (the first of equals).
///
/// # Errors
/// As [`Sweep::run`].
pub fn tune(
    world: &World,
    policies: &[Policy],
    seeds: &[Seed],
    stop: &AtomicBool,
    finished: impl Fn() + Sync,
) -> Result<Vec<Vec<Trial>>> {
    let alternatives: Vec<Vec<Policy>> = policies.iter().map(Policy::alternatives).collect();
    let configurations = alternatives
        .iter()
        .flatten()
        .cloned()
        .map(Into::into)
        .collect();
    let sweep = Sweep {
        stages: vec![Stage {
            world: world.clone(),
            configurations,
        }],
        seeds: seeds.to_vec(),
    };
    let results = sweep.run(stop, finished)?;
    let mut means = results.traces[0]
        .iter()
        .map(|traces| traces.iter().map(|t| t.dec_auc()).sum::<f64>() / traces.len().max(1) as f64);
    Ok(alternatives
        .into_iter()
        .map(|settings| {
            let mut trials: Vec<Trial> = settings
                .into_iter()
                .zip(means.by_ref())
                .map(|(policy, dec_auc)| Trial { policy, dec_auc })
                .collect();
            trials.sort_by(|a, b| b.dec_auc.total_cmp(&a.dec_auc));
            trials
        })
        .collect())
}
