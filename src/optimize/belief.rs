//! What the model of a study says of settings: the numbers behind figures, without the figures.

use super::model::{Model, coordinates};
use super::problem::Direction;
use super::search::Search;
use super::study::Study;
use super::suggest::{Tried, with_search};
use super::trial::Trial;
use super::value::Setting;
use crate::error::{Error, Result};

/// What the model says of a setting.
#[derive(Debug, Clone, PartialEq)]
pub struct Belief {
    /// The setting.
    pub setting: Setting,
    /// Posterior mean of the objective there, in its own unit.
    pub mean: f64,
    /// Posterior **variance** of the objective there, noise of a measurement not counted.
    pub variance: f64,
    /// What the search for the next setting maximises, a natural logarithm up to a constant: of expected improvement, by
    /// cost, by the probability that all constraints are kept.
    pub acquisition: f64,
    /// Probability that all constraints are kept; 1 without constraints.
    pub feasibility: f64,
}

impl Study {
    /// What the model says of settings. Pending trials are taken at the model's mean, as [`Study::ask`] takes them.
    ///
    /// ```
    /// use dosewise::optimize::{Observation, Setting, Space, Study, Value};
    /// let mut study = Study::in_memory(Space::new().float("x", 0.0..=1.0)?)?;
    /// let at = |x| Setting::new([("x", Value::Float(x))]);
    /// for x in [0.0, 0.2, 0.4, 0.7, 1.0] {
    ///     study.add(at(x), Observation::new(3.0 * x).noise(1e-6))?;
    /// }
    /// let beliefs = study.beliefs(&[at(0.4), at(0.55)])?;
    /// assert!((beliefs[0].mean - 1.2).abs() < 0.01 && beliefs[0].variance < beliefs[1].variance);
    /// # Ok::<(), dosewise::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Argument`] if fewer than two trials are told or a setting is not of the space, inequalities included;
    /// [`Error::NotPositiveDefinite`] if no model fits the values.
    pub fn beliefs(&self, settings: &[Setting]) -> Result<Vec<Belief>> {
        let space = &self.problem().space;
        settings
            .iter()
            .try_for_each(|setting| space.check(setting))?;
        self.with_beliefs(|_, believed| believed(settings.to_vec()))
    }

    /// Fits the model once and lets `look` ask it about settings of the space.
    pub(super) fn with_beliefs<T>(
        &self,
        look: impl FnOnce(&Model, &dyn Fn(Vec<Setting>) -> Result<Vec<Belief>>) -> Result<T>,
    ) -> Result<T> {
        self.check_told_enough()?;
        let tried = Tried::new(self);
        with_search(self, &tried, |search| {
            look(search.model, &|settings| self.believed(search, settings))
        })
    }

    pub(super) fn check_told_enough(&self) -> Result<()> {
        let told = self.trials().iter().filter(|t| t.observation().is_some());
        match told.count() {
            told @ 0..2 => {
                let found = format!("{told} told trials");
                Err(Error::argument("study", found, "at least two"))
            }
            _ => Ok(()),
        }
    }

    /// The setting figures go through: that of [`Study::incumbent`], or, as long as nothing told is believed allowed, the
    /// one most likely to be.
    pub(super) fn centre(&self, model: &Model) -> Setting {
        let mut told = self.trials().iter().filter(|t| t.observation().is_some());
        let centre = told.nth(model.best).map(Trial::setting);
        centre.cloned().unwrap_or_default()
    }

    pub(super) fn believed(
        &self,
        search: &Search<'_>,
        settings: Vec<Setting>,
    ) -> Result<Vec<Belief>> {
        if settings.is_empty() {
            return Ok(Vec::new());
        }
        let x = coordinates(search.space, settings.iter())?;
        let model = search.model;
        let (mean, variance, _) = model.predict(&x)?;
        let feasibility = model.log_feasibility(&x)?;
        let acquisition = search.scores(&settings)?;
        let scale = model.scale;
        let belief = |(i, setting): (usize, Setting)| Belief {
            setting,
            mean: match self.problem().direction {
                Direction::Maximise => scale.shift + scale.spread * mean[i],
                Direction::Minimise => -(scale.shift + scale.spread * mean[i]),
            },
            variance: scale.spread.powi(2) * variance[i],
            acquisition: acquisition[i],
            feasibility: feasibility[i].exp(),
        };
        Ok(settings.into_iter().enumerate().map(belief).collect())
    }
}
