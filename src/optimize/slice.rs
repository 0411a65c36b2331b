//! The model along one parameter.

use super::belief::Belief;
use super::dimension::Dimension;
use super::study::Study;
use super::trial::Trial;
use super::value::{Setting, Value};
use crate::error::{Error, Result};

/// The model along one parameter, the others as in one setting.
#[derive(Debug, Clone, PartialEq)]
pub struct Slice {
    /// The parameter.
    pub parameter: String,
    /// Which values it may take.
    pub dimension: Dimension,
    /// The setting the slice goes through.
    pub through: Setting,
    /// What the model says of one setting after the other, in order of the parameter; settings that break an inequality
    /// are left out.
    pub beliefs: Vec<Belief>,
    /// All trials, also those elsewhere in the space.
    pub trials: Vec<Trial>,
}

/// Points along a continuum, and most along anything else that is ordered.
const POINTS: usize = 161;

impl Study {
    /// The model along one parameter through the incumbent (the told setting with the best posterior mean).
    ///
    /// ```
    /// use dosewise::optimize::{Observation, Setting, Space, Study, Value};
    /// let mut study = Study::in_memory(Space::new().float("x", 0.0..=1.0)?.integer("n", 1..=3)?)?;
    /// for (x, n) in [(0.0, 1), (0.3, 3), (0.5, 2), (0.8, 1), (1.0, 2)] {
    ///     let setting = Setting::new([("x", Value::Float(x)), ("n", Value::Integer(n))]);
    ///     study.add(setting, Observation::new(x + n as f64).noise(1e-4))?;
    /// }
    /// let slice = study.slice("n")?;
    /// assert_eq!(slice.through.float("x")?, 0.3); // x + n is largest there
    /// let means: Vec<f64> = slice.beliefs.iter().map(|belief| belief.mean).collect();
    /// assert!(means.len() == 3 && means[0] < means[1] && means[1] < means[2]);
    /// # Ok::<(), dosewise::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Study::beliefs`]; [`Error::Argument`] also if there is no such parameter, or it is one of pixels, for which
    /// there is [`Study::pixel_map`].
    pub fn slice(&self, parameter: &str) -> Result<Slice> {
        self.slice_through(parameter, None)
    }

    /// As [`Study::slice`], through a setting of one's own.
    ///
    /// # Errors
    /// As [`Study::slice`]; [`Error::Argument`] also if the setting is not of the space.
    pub fn slice_at(&self, parameter: &str, through: &Setting) -> Result<Slice> {
        self.problem().space.check(through)?;
        self.slice_through(parameter, Some(through))
    }

    fn slice_through(&self, parameter: &str, through: Option<&Setting>) -> Result<Slice> {
        let space = &self.problem().space;
        let dimension = space.dimension(parameter)?;
        let values = dimension.line(POINTS).ok_or_else(|| {
            let allowed = "numbers or choices; pixels are shown by a map";
            Error::argument(parameter, "a parameter of pixels", allowed)
        })?;
        self.with_beliefs(|model, believed| {
            let through = through.cloned().unwrap_or_else(|| self.centre(model));
            let settings = values
                .into_iter()
                .map(|value| through.with(parameter, value));
            let beliefs = believed(settings.filter(|s| space.obeyed(s)).collect())?;
            Ok(Slice {
                parameter: parameter.to_owned(),
                dimension: dimension.clone(),
                through,
                beliefs,
                trials: self.trials().to_vec(),
            })
        })
    }
}

impl Dimension {
    /// Values from end to end, evenly spaced as a model sees them: all where there are at most `most`, that many of a
    /// continuum; all choices; `None` for pixels.
    pub(super) fn line(&self, most: usize) -> Option<Vec<Value>> {
        if matches!(self, Self::Pixel { .. }) {
            return None;
        }
        let count = match self.count() {
            Some(count) if count <= most as u64 || self.categories().is_some() => {
                return Some((0..count).filter_map(|i| self.nth(i)).collect());
            }
            _ => most,
        };
        let last = (count - 1).max(1) as f64;
        Some(
            (0..count)
                .map(|i| self.decode(&[i as f64 / last]))
                .collect(),
        )
    }
}
