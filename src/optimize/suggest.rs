//! What to try next.

use super::latent::Latent;
use super::model::Model;
use super::policy::Policy;
use super::search::{Goal, Search};
use super::space::Space;
use super::study::Study;
use super::trial::{Outcome, Trial};
use super::value::Setting;
use crate::error::{Error, Result};
use crate::quasi_random::sobol;
use crate::units::Seed;

/// Initial trials beyond the number of coordinates, and at least so many in all.
const MORE_THAN_COORDINATES: usize = 2;
const FEWEST: usize = 5;
/// Points of the sequence that are tried before a space counts as empty.
const PATIENCE: usize = 20_000;
/// Finite spaces up to this size are searched one setting after the other.
pub(super) const ENUMERABLE: u64 = 20_000;

/// The outcome of a search for the next trial.
pub(super) enum Suggestion {
    Try(Setting),
    NothingLeft,
    NothingPays,
}

pub(super) fn suggest(study: &Study) -> Result<Suggestion> {
    let problem = study.problem();
    let asked = study.trials().len();
    let told = study.trials().iter().filter(|t| t.observation().is_some());
    let initial = initial_count(&problem.space);
    let tried = Tried::new(study);
    if let Some(count) = problem.space.count()
        && count <= ENUMERABLE
        && !(0..count).any(|i| tried.open(&problem.space, i))
    {
        // Each setting of a finite space is tried once, since nothing says that it is worth repeating.
        let obeyed = |i| {
            problem
                .space
                .nth(i)
                .is_some_and(|s| problem.space.obeyed(&s))
        };
        return if (0..count).any(obeyed) {
            Ok(Suggestion::NothingLeft)
        } else {
            Err(infeasible())
        };
    }
    if asked < initial || told.count() < 2 {
        return initial_setting(&problem.space, asked, problem.seed, &tried).map(Suggestion::Try);
    }
    let found = with_search(study, &tried, |search| match search.run()? {
        Some(setting) if !study.pays(search, &setting)? => Ok(Suggestion::NothingPays),
        Some(setting) => Ok(Suggestion::Try(search.mind_the_end(setting)?)),
        None => Ok(Suggestion::NothingLeft),
    })?;
    match found {
        // what is left of a space that is not finite lies too near to what was tried
        Suggestion::NothingLeft => {
            initial_setting(&problem.space, asked, problem.seed, &tried).map(Suggestion::Try)
        }
        found => Ok(found),
    }
}

/// Number of trials of the initial design.
fn initial_count(space: &Space) -> usize {
    FEWEST.max(space.width() + MORE_THAN_COORDINATES)
}

/// Fits the model to the told trials, at least two, and lets `look` use the search for the next setting.
pub(super) fn with_search<T>(
    study: &Study,
    tried: &Tried<'_>,
    look: impl FnOnce(&Search<'_>) -> Result<T>,
) -> Result<T> {
    let problem = study.problem();
    let asked = study.trials().len();
    let mut told = study.trials().iter().filter(|t| t.observation().is_some());
    let seed = Seed(problem.seed.0 ^ (asked as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut model = Model::fit(study)?;
    let latent = model.latent(study, seed)?;
    model.expect(study)?;
    let left = study.budget_left().map(|(total, spent)| total - spent);
    let policy = Policy::new(
        model.incumbent,
        model.noise,
        left.map(|left| left - model.promised),
    )?;
    let noisy = latent.as_ref().map(Latent::prepare).transpose()?;
    look(&Search {
        space: &problem.space,
        model: &model,
        goal: Goal::Promise {
            policy: &policy,
            noisy: noisy.as_ref(),
        },
        tried,
        seed,
        best: told.nth(model.best).map(Trial::setting),
    })
}

/// Settings that are not to be tried again.
pub(super) struct Tried<'a> {
    settings: Vec<&'a Setting>,
    failed: Vec<&'a Setting>,
}

impl<'a> Tried<'a> {
    pub fn new(study: &'a Study) -> Self {
        let failed = |t: &&Trial| matches!(t.outcome(), Outcome::Failed { .. });
        Self {
            settings: study.trials().iter().map(Trial::setting).collect(),
            failed: study
                .trials()
                .iter()
                .filter(failed)
                .map(Trial::setting)
                .collect(),
        }
    }

    /// Whether this very setting was asked before.
    pub fn contains(&self, setting: &Setting) -> bool {
        self.settings.contains(&setting)
    }

    /// Settings that gave no value.
    pub fn failed(&self) -> &[&'a Setting] {
        &self.failed
    }

    fn open(&self, space: &Space, index: u64) -> bool {
        space
            .nth(index)
            .is_some_and(|s| space.obeyed(&s) && !self.contains(&s))
    }
}

/// The next setting of the evenly filling sequence that obeys the inequalities and is new.
fn initial_setting(space: &Space, asked: usize, seed: Seed, tried: &Tried<'_>) -> Result<Setting> {
    let mut obeying = None;
    for first in (0..PATIENCE).step_by(256) {
        for deviates in sobol(space.width(), asked + first, 256, seed) {
            let setting = space.sample(&deviates);
            if !space.obeyed(&setting) {
                continue;
            }
            if !tried.contains(&setting) {
                return Ok(setting);
            }
            obeying.get_or_insert(setting);
        }
    }
    obeying.ok_or_else(infeasible)
}

fn infeasible() -> Error {
    let found = "inequalities that no setting found obeys all at once";
    Error::argument("space", found, "inequalities that leave part of the space")
}
