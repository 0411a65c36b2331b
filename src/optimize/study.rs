//! Ask and tell: sequential optimisation of anything that costs.

use super::journal::{Event, FORMAT, Header, Journal, Opening};
use super::problem::{Direction, Problem};
use super::stopping::{Stop, StoppingRules};
use super::suggest::{Suggestion, suggest};
use super::trial::{Observation, Outcome, Trial};
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// A study: trials asked for, told, pending and failed, and the rule that suggests the next.
///
/// The first trials fill the space evenly; then a Gaussian process (as smooth or rough as the values say, one lengthscale a
/// parameter, learned noise or the noise told) ranks settings by the log expected improvement of the posterior mean after
/// one more measurement. Where costs differ, a second process models their logarithm, improvement counts per cost, what
/// costs more than is left of the budget comes last, and the setting that promises most is not left for a time when it cannot
/// be paid any more. Where a parameter such as the dwell [buys precision](Problem::effort), a setting counts by what a measurement of its
/// noise would show. Pending trials are taken at the model's mean, so that several may be
/// out at once. Every suggestion follows from the problem and the events so far, so a study that was
/// stopped and resumed goes on as one that never was.
///
/// ```
/// use dosewise::optimize::{Observation, Problem, Space, Study};
/// let space = Space::new().float("x", -2.0..=3.0)?;
/// let mut study = Study::in_memory(Problem::minimise(space))?.budget(18.0)?;
/// while let Some(trial) = study.ask()? {
///     let x = trial.float("x")?;
///     study.tell(trial.id(), Observation::new((x - 1.0).powi(2)))?;
/// }
/// let best = study.best().expect("18 trials were told");
/// assert!((best.float("x")? - 1.0).abs() < 0.1);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug)]
pub struct Study {
    problem: Problem,
    trials: Vec<Trial>,
    pub(super) rules: StoppingRules,
    stopped: Option<Stop>,
    journal: Option<Journal>,
}

impl Study {
    /// A study that is forgotten with the program.
    ///
    /// # Errors
    /// [`Error::Argument`] if the space has no parameter, or was read from somewhere and contradicts itself.
    pub fn in_memory(problem: impl Into<Problem>) -> Result<Self> {
        let problem = problem.into().checked()?;
        if problem.space.dimensions().is_empty() {
            return Err(Error::argument("space", "no parameter", "at least one"));
        }
        Ok(Self {
            problem,
            trials: Vec::new(),
            rules: StoppingRules::default(),
            stopped: None,
            journal: None,
        })
    }

    /// Opens the journal of a study, or begins one. As long as the study lives, no other process can open it.
    ///
    /// A kill at any instant loses nothing that was told: an event is on the disk before the call returns, and one that
    /// was being written when the process died never happened.
    ///
    /// # Errors
    /// [`Error::Argument`] if another process has it open; [`Error::Io`], [`Error::Parse`] or [`Error::Config`] if it
    /// cannot be read, is no journal, or belongs to another problem.
    pub fn open(path: impl AsRef<Path>, problem: impl Into<Problem>) -> Result<Self> {
        Self::open_as(path.as_ref(), problem.into(), Opening::default())
    }

    /// Begins the journal of a new study.
    ///
    /// # Errors
    /// As [`Study::open`]; [`Error::Argument`] also if the file holds anything already.
    pub fn create(path: impl AsRef<Path>, problem: impl Into<Problem>) -> Result<Self> {
        let opening = Opening {
            only_new: true,
            ..Opening::default()
        };
        Self::open_as(path.as_ref(), problem.into(), opening)
    }

    /// Opens the journal of a study that exists, whatever its problem.
    ///
    /// # Errors
    /// As [`Study::open`].
    pub fn resume(path: impl AsRef<Path>) -> Result<Self> {
        Self::resume_within(path, Duration::ZERO)
    }

    /// As [`Study::resume`], but waits so long for another process to let go of the journal.
    ///
    /// # Errors
    /// As [`Study::open`].
    pub fn resume_within(path: impl AsRef<Path>, wait: Duration) -> Result<Self> {
        let path = path.as_ref();
        let header = Journal::header(path)?;
        let problem = Problem {
            space: header.space,
            direction: header.direction,
            seed: header.seed,
            constraints: header.constraints,
            effort: header.effort,
        };
        let problem = problem
            .checked()
            .map_err(|error| Error::parse(path, 1, error, "a problem"))?;
        let opening = Opening {
            wait,
            ..Opening::default()
        };
        Self::open_as(path, problem, opening)
    }

    fn open_as(path: &Path, problem: Problem, opening: Opening) -> Result<Self> {
        let mut study = Self::in_memory(problem)?;
        let header = Header {
            format: FORMAT.into(),
            space: study.problem.space.clone(),
            direction: study.problem.direction,
            seed: study.problem.seed,
            constraints: study.problem.constraints.clone(),
            effort: study.problem.effort.clone(),
        };
        let (journal, events) = Journal::open(path, &header, opening)?;
        for (line, event) in events.into_iter().enumerate() {
            study.apply(event).map_err(|error| {
                let allowed = "events that follow from those before";
                Error::parse(path, line + 2, error, allowed)
            })?;
        }
        study.journal = Some(journal);
        Ok(study)
    }

    /// The next trial; `None` if a rule says stop (see [`Study::budget`], [`Study::patience`], [`Study::least_gain`]) or
    /// every setting of a finite space has been tried. [`Study::stopped`] then knows which.
    ///
    /// # Errors
    /// [`Error::Argument`] if the inequalities leave no setting; [`Error::Io`] if the journal cannot be written.
    pub fn ask(&mut self) -> Result<Option<Trial>> {
        self.stopped = self.rule_that_stops();
        if self.stopped.is_some() {
            return Ok(None);
        }
        let stop = match suggest(self)? {
            Suggestion::Try(setting) => {
                let trial = self.trials.len() as u64;
                self.record(Event::Asked { trial, setting })?;
                return Ok(self.trials.last().cloned());
            }
            Suggestion::NothingLeft => Stop::SpaceExhausted,
            Suggestion::NothingPays => Stop::NothingPays,
        };
        self.stopped = Some(stop);
        Ok(None)
    }

    /// Why the last [`Study::ask`] gave no trial; `None` if it gave one.
    pub fn stopped(&self) -> Option<Stop> {
        self.stopped
    }

    /// Several trials to run side by side; fewer, perhaps none, where [`Study::ask`] gives none.
    ///
    /// # Errors
    /// As [`Study::ask`].
    pub fn ask_many(&mut self, count: usize) -> Result<Vec<Trial>> {
        let mut trials = Vec::new();
        while trials.len() < count
            && let Some(trial) = self.ask()?
        {
            trials.push(trial);
        }
        Ok(trials)
    }

    /// Tells what a pending trial showed.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such pending trial or a number is unusable (NaN, infinite, a negative noise or
    /// cost); the study and its journal are then as before. [`Error::Io`] if the journal cannot be written.
    pub fn tell(&mut self, trial: u64, observation: Observation) -> Result<()> {
        self.record(Event::Told { trial, observation })
    }

    /// Tells what several trials showed, and returns how many of them were pending. A trial that was told exactly this
    /// before is passed over, so a growing table of results may be told again and again.
    ///
    /// # Errors
    /// As [`Study::tell`], also for a trial with two different results; then none of them is told.
    pub fn tell_all(
        &mut self,
        results: impl IntoIterator<Item = (u64, Observation)>,
    ) -> Result<usize> {
        let mut fresh = BTreeMap::new();
        for (trial, observation) in results {
            let found = usize::try_from(trial).ok().and_then(|i| self.trials.get(i));
            if found.and_then(Trial::observation) == Some(&observation) {
                continue;
            }
            self.check_told(trial, &observation)?;
            let earlier = fresh.entry(trial).or_insert_with(|| observation.clone());
            if *earlier != observation {
                return Err(Error::argument(
                    "trial",
                    format!("{trial} with two different results"),
                    "one result a trial",
                ));
            }
        }
        let count = fresh.len();
        fresh
            .into_iter()
            .try_for_each(|(trial, observation)| self.tell(trial, observation))?;
        Ok(count)
    }

    /// Tells that a pending trial gave no value, and what it cost all the same. Its setting is not tried again.
    ///
    /// # Errors
    /// As [`Study::tell`].
    pub fn fail(&mut self, trial: u64, reason: &str, cost: f64) -> Result<()> {
        let reason = reason.to_owned();
        self.record(Event::Failed {
            trial,
            reason,
            cost,
        })
    }

    /// Adds a trial that was run elsewhere, at a setting of one's own.
    ///
    /// # Errors
    /// [`Error::Argument`] if the setting is not of the space, or as [`Study::tell`].
    pub fn add(&mut self, setting: super::Setting, observation: Observation) -> Result<u64> {
        self.check_observation(&observation)?;
        let trial = self.trials.len() as u64;
        self.record(Event::Asked { trial, setting })?;
        self.tell(trial, observation)?;
        Ok(trial)
    }

    /// The problem.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// All trials, in the order they were asked.
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// Trials that were asked for and neither told nor failed, also those of an earlier process.
    pub fn pending(&self) -> impl Iterator<Item = &Trial> {
        let trials = self.trials.iter();
        trials.filter(|trial| trial.outcome == Outcome::Pending)
    }

    /// Cost of all trials so far.
    pub fn spent(&self) -> f64 {
        self.trials.iter().map(Trial::cost).sum()
    }

    /// The told trial with the best value as measured, of those that keep all constraints as measured; with noise, prefer
    /// [`Study::incumbent`].
    pub fn best(&self) -> Option<&Trial> {
        let trials = self.trials.iter();
        let told = trials.filter_map(|t| Some((t, self.allowed_worth(t)?)));
        let better = |a: (&'_ Trial, f64), b: (&'_ Trial, f64)| a.1 >= b.1;
        told.reduce(|best, next| if better(best, next) { best } else { next })
            .map(|(trial, _)| trial)
    }

    /// The worth of a told trial that keeps all constraints.
    pub(super) fn allowed_worth(&self, trial: &Trial) -> Option<f64> {
        let observation = trial.observation()?;
        let allowed = self.problem.allows(observation);
        allowed.then(|| self.worth(observation.value))
    }

    /// Larger is better, whatever the direction.
    pub(super) fn worth(&self, value: f64) -> f64 {
        match self.problem.direction {
            Direction::Maximise => value,
            Direction::Minimise => -value,
        }
    }

    /// Checks an event, writes it down, and lets it happen; in this order, so that nothing is believed that is not on
    /// the disk and nothing is on the disk that cannot be believed.
    pub(super) fn record(&mut self, event: Event) -> Result<()> {
        self.check(&event)?;
        if let Some(journal) = &mut self.journal {
            journal.append(&event)?;
        }
        self.happen(event);
        Ok(())
    }

    fn apply(&mut self, event: Event) -> Result<()> {
        self.check(&event)?;
        self.happen(event);
        Ok(())
    }

    fn check(&self, event: &Event) -> Result<()> {
        match event {
            Event::Asked { trial, setting } => {
                let next = self.trials.len() as u64;
                if *trial != next {
                    return Err(Error::argument(
                        "trial",
                        trial,
                        format!("{next}, the next number"),
                    ));
                }
                self.problem.space.check(setting)
            }
            Event::Told { trial, observation } => self.check_told(*trial, observation),
            Event::Failed { trial, cost, .. } => {
                self.check_pending(*trial)?;
                Observation::new(0.0).cost(*cost).check()
            }
        }
    }

    fn check_told(&self, trial: u64, observation: &Observation) -> Result<()> {
        self.check_pending(trial)?;
        self.check_observation(observation)
    }

    pub(super) fn check_observation(&self, observation: &Observation) -> Result<()> {
        observation.check()?;
        self.problem.check_told(&observation.constraints)
    }

    fn check_pending(&self, trial: u64) -> Result<()> {
        let found = usize::try_from(trial).ok().and_then(|i| self.trials.get(i));
        match found.map(Trial::outcome) {
            Some(Outcome::Pending) => Ok(()),
            Some(_) => Err(Error::argument(
                "trial",
                format!("{trial}, told already"),
                "a pending trial",
            )),
            None => Err(Error::argument(
                "trial",
                format!("{trial}, never asked"),
                "a pending trial",
            )),
        }
    }

    fn happen(&mut self, event: Event) {
        let (trial, outcome) = match event {
            Event::Asked { trial, setting } => {
                let outcome = Outcome::Pending;
                self.trials.push(Trial {
                    id: trial,
                    setting,
                    outcome,
                });
                return;
            }
            Event::Told { trial, observation } => (trial, Outcome::Told(observation)),
            Event::Failed {
                trial,
                reason,
                cost,
            } => (trial, Outcome::Failed { reason, cost }),
        };
        if let Some(slot) = self.trials.get_mut(trial as usize) {
            slot.outcome = outcome;
        }
    }
}
