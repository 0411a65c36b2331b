//! The studies: Bayesian optimisation with a fixed dose a look, with the dose as a parameter, and with looks that go on as
//! long as they promise something.

use super::microscope::{Frame, RANGE, Session, Setting};
use dosewise::Result;
use dosewise::optimize::{self, Observation, Problem, Space, Study, Value};
use dosewise::units::Seed;

const NAMES: [&str; 3] = ["defocus", "astigmatism a", "astigmatism b"];
/// Settings are handed in this often in the course of a budget: each needs a fit.
const HAND_INS: f64 = 20.0;

fn space() -> Result<Space> {
    let add = |space: Space, name| space.float(name, -RANGE..=RANGE);
    NAMES.into_iter().try_fold(Space::new(), add)
}

fn place(setting: &optimize::Setting) -> Result<Setting> {
    let mut place = [0.0; 3];
    for (slot, name) in place.iter_mut().zip(NAMES) {
        *slot = setting.float(name)?;
    }
    Ok(place)
}

/// Looks at the setting the operator starts from, as everyone who goes on from it does.
fn begin(session: &mut Session<'_>, study: &mut Study, dose: f64, named: bool) -> Result<()> {
    if let Some(frame) = session.look([0.0; 3], dose)? {
        let here = NAMES.map(|name| (name, Value::Float(0.0)));
        let dose = named.then_some(("dose", Value::Float(frame.dose)));
        let setting = optimize::Setting::new(here.into_iter().chain(dose));
        study.add(setting, observed(&frame)?.cost(frame.dose))?;
    }
    Ok(())
}

fn observed(frame: &Frame) -> Result<Observation> {
    let (value, variance) = frame.merit()?;
    Ok(Observation::new(value).noise(variance))
}

/// Hands in the study's best setting by its model, when a twentieth of the budget was spent since the last time.
struct HandIns {
    next: f64,
}

impl HandIns {
    fn new() -> Self {
        Self { next: 0.0 }
    }

    fn after(&mut self, study: &Study, session: &mut Session<'_>, last: bool) -> Result<()> {
        let spent = session.budget() - session.left();
        if (spent >= self.next || last)
            && let Some(best) = study.recommend()?
        {
            session.hand_in(place(&best.setting)?);
            self.next = spent + session.budget() / HAND_INS;
        }
        Ok(())
    }
}

/// Every look has the same dose.
pub fn fixed(session: &mut Session<'_>, seed: Seed, dose: f64) -> Result<()> {
    let mut study = Study::in_memory(Problem::maximise(space()?).seed(seed))?;
    begin(session, &mut study, dose, false)?;
    let mut hand_ins = HandIns::new();
    while session.left() >= dose
        && let Some(trial) = study.ask()?
        && let Some(frame) = session.look(place(trial.setting())?, dose)?
    {
        study.tell(trial.id(), observed(&frame)?.cost(frame.dose))?;
        hand_ins.after(&study, session, session.left() < dose)?;
    }
    Ok(())
}

/// The dose is the fourth parameter, and the cost.
///
/// It is not declared to [buy precision](Problem::effort): a look costs its dose and nothing besides, so that gains per cost
/// would go for the least dose, at which the merit tells its own noise worst.
pub fn with_dose(session: &mut Session<'_>, seed: Seed, least: f64, most: f64) -> Result<()> {
    let space = space()?.log_float("dose", least..=most)?;
    let budget = session.budget();
    let mut study = Study::in_memory(Problem::maximise(space).seed(seed))?.budget(budget)?;
    begin(session, &mut study, (least * most).sqrt(), true)?;
    let mut hand_ins = HandIns::new();
    while session.left() >= least
        && let Some(trial) = study.ask()?
    {
        let dose = trial.float("dose")?.min(session.left());
        let Some(frame) = session.look(place(trial.setting())?, dose)? else {
            break;
        };
        study.tell(trial.id(), observed(&frame)?.cost(frame.dose))?;
        hand_ins.after(&study, session, session.left() < least)?;
    }
    Ok(())
}

/// Each look begins with little dose and doubles it as long as the setting may still be the best so far: `factor` standard
/// deviations above what it shows exceed the best, and less than `most` has been spent on it.
pub fn sequential(
    session: &mut Session<'_>,
    seed: Seed,
    first: f64,
    most: f64,
    factor: f64,
) -> Result<()> {
    let mut study = Study::in_memory(Problem::maximise(space()?).seed(seed))?;
    begin(session, &mut study, first, false)?;
    let mut hand_ins = HandIns::new();
    let mut best = f64::NEG_INFINITY;
    while session.left() >= first
        && let Some(trial) = study.ask()?
    {
        let setting = place(trial.setting())?;
        let Some(mut frame) = session.look(setting, first)? else {
            break;
        };
        let (mut value, mut variance) = frame.merit()?;
        while frame.dose < most
            && value + factor * variance.sqrt() > best
            && let Some(more) = session.look(setting, frame.dose.min(most - frame.dose))?
        {
            frame = frame.with(&more);
            (value, variance) = frame.merit()?;
        }
        best = best.max(value);
        study.tell(trial.id(), observed(&frame)?)?;
        hand_ins.after(&study, session, session.left() < first)?;
    }
    Ok(())
}
