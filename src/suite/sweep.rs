//! A sweep: every configuration in every world on the same seeds.

use crate::agent::{Agent, Trace};
use crate::analyst::StandardAnalyst;
use crate::error::{Error, Result};
use crate::plot::Strategy;
use crate::random::{Purpose, Stream};
use crate::units::Seed;
use crate::world::{Episode, World};
use rand::RngExt;
use rayon::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What a configuration is built from for one run.
pub struct Setting<'a> {
    world: &'a World,
    analyst: &'a StandardAnalyst,
    episode: &'a Episode,
    seed: Seed,
}

impl Setting<'_> {
    /// The world.
    pub fn world(&self) -> &World {
        self.world
    }

    /// A fresh standard analyst for the world.
    pub fn analyst(&self) -> StandardAnalyst {
        self.analyst.clone()
    }

    /// A seed for the policy's own choices. It follows from the place of the run in the sweep, not from the episode's seed:
    /// who knows that one can rebuild the specimen.
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// The episode, for the one thing that may be made from it: the clairvoyant bound.
    pub(super) fn episode(&self) -> &Episode {
        self.episode
    }
}

type Build = Arc<dyn Fn(&Setting<'_>) -> Result<Agent> + Send + Sync>;

/// A named way to make an agent.
#[derive(Clone)]
pub struct Configuration {
    name: String,
    strategy: Strategy,
    build: Build,
}

impl Configuration {
    /// A configuration of one's own.
    ///
    /// ```
    /// use dosewise::plot::Strategy;
    /// use dosewise::prelude::*;
    /// use dosewise::suite::Configuration;
    /// let mine = Configuration::new("coarse raster", Strategy::Fixed, |setting| {
    ///     Ok(Agent::new(Raster::new(1.0)?, setting.analyst()))
    /// });
    /// ```
    pub fn new(
        name: impl Into<String>,
        strategy: Strategy,
        build: impl Fn(&Setting<'_>) -> Result<Agent> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            strategy,
            build: Arc::new(build),
        }
    }

    /// Name in tables and figures.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Adaptive, fixed or the bound.
    pub fn strategy(&self) -> Strategy {
        self.strategy
    }
}

/// One world with the configurations that run in it.
#[derive(Clone)]
pub struct Stage {
    /// The world.
    pub world: World,
    /// The configurations; the same names in the same order in every stage.
    pub configurations: Vec<Configuration>,
}

/// Every configuration in every world on the same seeds.
#[derive(Clone)]
pub struct Sweep {
    /// The worlds.
    pub stages: Vec<Stage>,
    /// The seeds.
    pub seeds: Vec<Seed>,
}

/// The traces of a sweep.
#[derive(Debug, Clone)]
pub struct Results {
    /// `traces[stage][configuration][seed]`.
    pub traces: Vec<Vec<Vec<Trace>>>,
}

impl Sweep {
    /// Number of runs.
    pub fn runs(&self) -> usize {
        self.stages
            .iter()
            .map(|stage| stage.configurations.len())
            .sum::<usize>()
            * self.seeds.len()
    }

    /// Runs everything on the current rayon thread pool; `finished` is called after each run.
    ///
    /// The result does not depend on the number of threads: runs are independent and collected in order.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when `stop` was set, else the first error of a run.
    pub fn run(&self, stop: &AtomicBool, finished: impl Fn() + Sync) -> Result<Results> {
        let analysts = self
            .stages
            .iter()
            .map(|stage| StandardAnalyst::for_world(&stage.world))
            .collect::<Result<Vec<_>>>()?;
        let jobs: Vec<(usize, usize, usize)> = (0..self.stages.len())
            .flat_map(|stage| {
                let configurations = 0..self.stages[stage].configurations.len();
                configurations
                    .flat_map(move |c| (0..self.seeds.len()).map(move |run| (stage, c, run)))
            })
            .collect();
        let done = AtomicUsize::new(0);
        let outcomes: Vec<Result<Trace>> = jobs
            .par_iter()
            .map(|&(stage, configuration, run)| {
                if stop.load(Ordering::Relaxed) {
                    return Err(Error::Interrupted {
                        done: done.load(Ordering::Relaxed),
                        total: jobs.len(),
                    });
                }
                let Stage {
                    world,
                    configurations,
                } = &self.stages[stage];
                let episode = world.episode(self.seeds[run]);
                let setting = Setting {
                    world,
                    analyst: &analysts[stage],
                    episode: &episode,
                    seed: policy_seed(run),
                };
                let agent = (configurations[configuration].build)(&setting)?;
                let trace = agent.run(episode)?;
                done.fetch_add(1, Ordering::Relaxed);
                finished();
                Ok(trace)
            })
            .collect();
        // The first error in the order of the jobs, whichever thread met one first.
        let mut traces = outcomes
            .into_iter()
            .collect::<Result<Vec<_>>>()?
            .into_iter();
        let per_stage = |stage: &Stage| {
            let seeds = self.seeds.len();
            (0..stage.configurations.len())
                .map(|_| traces.by_ref().take(seeds).collect())
                .collect()
        };
        Ok(Results {
            traces: self.stages.iter().map(per_stage).collect(),
        })
    }

    /// The agent of one configuration in one world for the `run`-th seed, with the episode it is meant for.
    ///
    /// # Errors
    /// [`Error::Argument`] when there is no such stage, configuration or seed; what the configuration refuses.
    pub fn agent(
        &self,
        stage: usize,
        configuration: usize,
        run: usize,
    ) -> Result<(Agent, Episode)> {
        let found = self
            .stages
            .get(stage)
            .and_then(|s| Some((&s.world, s.configurations.get(configuration)?)))
            .and_then(|(world, configuration)| Some((world, configuration, *self.seeds.get(run)?)));
        let Some((world, configuration, seed)) = found else {
            let found = format!("stage {stage}, configuration {configuration}, run {run}");
            return Err(Error::argument("configuration", found, "one of the sweep"));
        };
        let (analyst, episode) = (StandardAnalyst::for_world(world)?, world.episode(seed));
        let agent = (configuration.build)(&Setting {
            world,
            analyst: &analyst,
            episode: &episode,
            seed: policy_seed(run),
        })?;
        Ok((agent, episode))
    }
}

/// A seed for a policy in the `run`-th episode.
fn policy_seed(run: usize) -> Seed {
    Seed(Stream::new(Seed(run as u64), Purpose::Policy, [1, 0]).random())
}
