//! The setting the model believes to be best.

use super::belief::Belief;
use super::model::Model;
use super::problem::Direction;
use super::search::{Goal, Search};
use super::study::Study;
use super::suggest::{Tried, with_search};
use super::value::Setting;
use crate::error::Result;

/// The told setting with the best posterior mean.
#[derive(Debug, Clone, PartialEq)]
pub struct Incumbent {
    /// The trial that tried it.
    pub trial: u64,
    /// The setting.
    pub setting: Setting,
    /// Posterior mean of the objective there, without noise, in its own unit.
    pub mean: f64,
    /// Posterior **variance** of the objective there.
    pub variance: f64,
}

impl Study {
    /// The told setting with the best posterior mean. With noise this is the one to use: the best value as measured
    /// ([`Study::best`]) is mostly the luckiest. Where there are constraints, only settings count at which the posterior
    /// mean of every constrained quantity keeps to its limit. `None` until two trials are told, or if none counts.
    ///
    /// ```
    /// use dosewise::optimize::{Observation, Setting, Space, Study, Value};
    /// let mut study = Study::in_memory(Space::new().float("x", 0.0..=1.0)?)?;
    /// for (x, y) in [(0.0, 0.1), (0.3, 0.9), (0.301, 0.8), (0.5, 0.6), (1.0, 0.0), (0.8, 1.0), (0.801, 0.2)] {
    ///     study.add(Setting::new([("x", Value::Float(x))]), Observation::new(y).noise(0.1))?;
    /// }
    /// assert_eq!(study.best().expect("7 were told").id(), 5); // lucky: its neighbour says so
    /// assert!(study.incumbent()?.expect("7 were told").trial < 4);
    /// # Ok::<(), dosewise::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NotPositiveDefinite`](crate::Error::NotPositiveDefinite) if no model fits the values.
    pub fn incumbent(&self) -> Result<Option<Incumbent>> {
        let told = self.trials().iter().filter(|t| t.observation().is_some());
        if told.clone().count() < 2 {
            return Ok(None);
        }
        let model = Model::fit(self)?;
        if model.feasibility.as_ref().is_some_and(|f| !f.is_known()) {
            return Ok(None);
        }
        let worth = model.scale.undo(model.incumbent);
        let incumbent = told.clone().nth(model.best).map(|trial| Incumbent {
            trial: trial.id(),
            setting: trial.setting().clone(),
            mean: match self.problem().direction {
                Direction::Maximise => worth,
                Direction::Minimise => -worth,
            },
            variance: model.scale.spread.powi(2) * model.variance,
        });
        Ok(incumbent)
    }

    /// The setting with the best posterior mean anywhere in the space, tried or not: what to use when all is told and the
    /// experiment has noise, since between tried settings the model knows the top of a hill better than any one of them
    /// shows it. Where there are constraints, only settings count at which the posterior means keep all limits. `None`
    /// until two trials are told, or if nothing counts.
    ///
    /// The setting was possibly never tried; [`Study::incumbent`] was.
    ///
    /// ```
    /// use dosewise::optimize::{Observation, Setting, Space, Study, Value};
    /// let mut study = Study::in_memory(Space::new().float("x", 0.0..=1.0)?)?;
    /// for x in [0.0, 0.2, 0.5, 0.7, 1.0] {
    ///     let y = 1.0 - (x - 0.37_f64).powi(2); // a parabola whose top was not tried
    ///     study.add(Setting::new([("x", Value::Float(x))]), Observation::new(y).noise(1e-8))?;
    /// }
    /// let top = study.recommend()?.expect("5 were told");
    /// assert!((top.setting.float("x")? - 0.37).abs() < 0.01);
    /// # Ok::<(), dosewise::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NotPositiveDefinite`](crate::Error::NotPositiveDefinite) if no model fits the values.
    pub fn recommend(&self) -> Result<Option<Belief>> {
        let told = self.trials().iter().filter(|t| t.observation().is_some());
        if told.count() < 2 {
            return Ok(None);
        }
        let tried = Tried::new(self);
        with_search(self, &tried, |search| {
            let best = Search {
                goal: Goal::Mean,
                ..*search
            };
            let Some(setting) = best.run()? else {
                return Ok(None);
            };
            if best.scores(std::slice::from_ref(&setting))?[0] == f64::NEG_INFINITY {
                return Ok(None);
            }
            let mut beliefs = self.believed(search, vec![setting])?;
            Ok(beliefs.pop())
        })
    }
}
