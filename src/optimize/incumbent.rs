//! The setting the model believes to be best.

use super::model::Model;
use super::problem::Direction;
use super::study::Study;
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
}
