//! One run of a study, of a study that knows the costs, of random search, of the peer.

use crate::costs::Landscape;
use crate::functions::Standard;
use dosewise::optimize::{Observation, Problem, Study, Trial};
use dosewise::random::{Purpose, Stream};
use dosewise::units::Seed;
use dosewise::{Error, Result};
use serde::Deserialize;
use std::path::Path;
use std::time::Instant;

/// True regret of what would be handed in after each evaluation, `None` before there is anything; seconds a suggestion.
#[derive(Default, Clone, Deserialize)]
#[serde(default)]
pub struct Run {
    pub function: String,
    pub seed: u64,
    /// Initial design of a peer, and the values it showed.
    pub start: Vec<Vec<f64>>,
    pub shown: Vec<f64>,
    pub regret: Vec<Option<f64>>,
    pub seconds: Vec<f64>,
    /// Cost up to each evaluation, where costs differ.
    #[serde(skip)]
    pub spent: Vec<f64>,
    /// Where each evaluation was made, where its cost is asked for later.
    #[serde(skip)]
    pub places: Vec<Vec<f64>>,
}

impl Run {
    fn of(seed: u64) -> Self {
        Self {
            seed,
            ..Self::default()
        }
    }

    pub fn regret_after(&self, evaluations: usize) -> f64 {
        let regret = self.regret.get(evaluations - 1).copied().flatten();
        regret.unwrap_or(f64::INFINITY)
    }

    /// Regret of what was finished within this cost.
    pub fn regret_at_cost(&self, cost: f64) -> f64 {
        let within = self.spent.iter().rposition(|s| *s <= cost);
        within.and_then(|i| self.regret[i]).unwrap_or(f64::INFINITY)
    }

    fn costs_so_far(&self, standard: &Standard, landscape: Landscape) -> Vec<f64> {
        let costs = self
            .places
            .iter()
            .map(|place| landscape.cost(standard, place, self.seed));
        costs
            .scan(0.0, |spent, cost| {
                *spent += cost;
                Some(*spent)
            })
            .collect()
    }

    /// The same run with its costs in a landscape that did not influence it.
    pub fn charged(&self, standard: &Standard, landscape: Landscape) -> Self {
        Self {
            spent: self.costs_so_far(standard, landscape),
            ..self.clone()
        }
    }
}

/// As much as two thirds of the evaluations at the middle of the costs.
pub fn budget(standard: &Standard) -> f64 {
    standard.evaluations as f64 / 1.5 * 10_f64.sqrt()
}

/// The runs that a peer printed, one line of JSON each.
pub fn peers(files: &[impl AsRef<Path>]) -> Result<Vec<Run>> {
    let mut runs = Vec::new();
    for file in files {
        let file = file.as_ref();
        let text = std::fs::read_to_string(file).map_err(|source| Error::io(file, source))?;
        for (i, line) in text.lines().enumerate() {
            let run = serde_json::from_str(line);
            runs.push(run.map_err(|error| Error::parse(file, i + 1, error, "a run of the peer"))?);
        }
    }
    Ok(runs)
}

/// A study from its own initial design or from a peer's, as long as it is wanted.
pub fn study(
    standard: &Standard,
    noisy: bool,
    seed: u64,
    peer: Option<&Run>,
    wanted: impl Fn(&Run) -> bool,
) -> Result<Run> {
    let mut study = Study::in_memory(Problem::minimise(standard.space()?).seed(Seed(seed)))?;
    let mut noise = Stream::new(Seed(seed), Purpose::Readout, [0, 0]);
    let mut run = Run::of(seed);
    if let Some(peer) = peer {
        for (place, shown) in peer.start.iter().zip(&peer.shown) {
            study.add(standard.setting(place)?, Observation::new(*shown))?;
            run.places.push(place.clone());
            run.regret.push(handed_in(&study, noisy, &run, standard)?);
        }
    }
    while wanted(&run) {
        let start = Instant::now();
        let Some(trial) = study.ask()? else { break };
        run.seconds.push(start.elapsed().as_secs_f64());
        let place = standard.place(&trial)?;
        let error = if noisy {
            standard.spread * noise.normal()
        } else {
            0.0
        };
        study.tell(
            trial.id(),
            Observation::new((standard.value)(&place) + error),
        )?;
        run.places.push(place);
        run.regret.push(handed_in(&study, noisy, &run, standard)?);
    }
    Ok(run)
}

/// For [`study`]: until all evaluations are made.
pub fn all_evaluations(standard: &Standard) -> impl Fn(&Run) -> bool {
    |run| run.places.len() < standard.evaluations
}

/// For [`study`]: until all evaluations are made and the budget is spent in every landscape, costs not being told.
pub fn all_budgets(standard: &Standard) -> impl Fn(&Run) -> bool {
    |run| {
        let unspent = |landscape: &Landscape| {
            let spent = run.costs_so_far(standard, *landscape);
            spent.last().is_none_or(|spent| *spent < budget(standard))
        };
        run.places.len() < standard.evaluations || Landscape::ALL.iter().any(unspent)
    }
}

/// Regret of the best value as measured without noise, of the best posterior mean with noise.
fn handed_in(study: &Study, noisy: bool, run: &Run, standard: &Standard) -> Result<Option<f64>> {
    let trial = if noisy {
        study.incumbent()?.map(|incumbent| incumbent.trial)
    } else {
        study.best().map(Trial::id)
    };
    Ok(trial.map(|id| (standard.value)(&run.places[id as usize]) - standard.optimum))
}

/// A study without noise that is told what its trials cost and what may be spent.
pub fn aware_study(standard: &Standard, landscape: Landscape, seed: u64) -> Result<Run> {
    let problem = Problem::minimise(standard.space()?).seed(Seed(seed));
    let mut study = Study::in_memory(problem)?.budget(budget(standard))?;
    let (mut run, mut best) = (Run::of(seed), f64::INFINITY);
    while let Some(trial) = study.ask()? {
        let place = standard.place(&trial)?;
        let value = (standard.value)(&place);
        let cost = landscape.cost(standard, &place, seed);
        study.tell(trial.id(), Observation::new(value).cost(cost))?;
        best = best.min(value - standard.optimum);
        run.spent.push(study.spent());
        run.regret.push(Some(best));
    }
    Ok(run)
}

/// Places drawn evenly; the value shown that is best is handed in.
pub fn random_search(standard: &Standard, noisy: bool, seed: u64, evaluations: usize) -> Run {
    let mut stream = Stream::new(Seed(seed), Purpose::Policy, [0, 0]);
    let mut noise = Stream::new(Seed(seed), Purpose::Readout, [0, 0]);
    let (mut run, mut best) = (Run::of(seed), (f64::INFINITY, f64::INFINITY));
    for _ in 0..evaluations {
        let place = standard.at_random(&mut stream);
        let value = (standard.value)(&place);
        let error = if noisy {
            standard.spread * noise.normal()
        } else {
            0.0
        };
        if value + error < best.0 {
            best = (value + error, value - standard.optimum);
        }
        run.regret.push(Some(best.1));
        run.places.push(place);
    }
    run
}
