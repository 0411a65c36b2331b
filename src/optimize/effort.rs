//! Parameters that buy precision: how long, how often, with how much dose.

use super::problem::Problem;
use super::space::Space;
use crate::error::{Error, Result};

impl Problem {
    /// Declares that a parameter buys precision and leaves the value as it is: a dwell, a dose, a number of frames.
    ///
    /// The model of the value then leaves it out, so that a short look and a long one at the same place teach of the same
    /// thing. Each trial should be told its noise and its cost ([`Observation::noise`](super::Observation::noise),
    /// [`Observation::cost`](super::Observation::cost)): both are learned as functions of all parameters, and a setting
    /// counts by the improvement of the posterior mean that a measurement of that noise would bring, per cost.
    ///
    /// This pays where each look costs something besides, to settle or to move. Where the cost is the dose alone, many short
    /// looks teach as much as a long one, and gains per cost go for the shortest: let the range begin at what is worth a look.
    ///
    /// ```
    /// use dosewise::optimize::{Observation, Problem, Space, Study};
    /// # use dosewise::random::{Purpose, Stream};
    /// # let mut noise = Stream::new(dosewise::units::Seed(0), Purpose::Readout, [0, 0]);
    /// let space = Space::new().float("defocus", -1.0..=1.0)?.log_float("dwell", 0.1..=10.0)?;
    /// let mut study = Study::in_memory(Problem::minimise(space).effort("dwell")?)?.budget(40.0)?;
    /// while let Some(trial) = study.ask()? {
    ///     let (defocus, dwell) = (trial.float("defocus")?, trial.float("dwell")?);
    ///     let variance = 0.01 / dwell; // counted electrons
    ///     let blur = (defocus - 0.3).powi(2) + variance.sqrt() * noise.normal(); // the instrument goes here
    ///     let told = Observation::new(blur).noise(variance).cost(1.0 + dwell); // 1 to settle
    ///     study.tell(trial.id(), told)?;
    /// }
    /// let best = study.recommend()?.expect("many were told");
    /// assert!((best.setting.float("defocus")? - 0.3).abs() < 0.15);
    /// # Ok::<(), dosewise::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Argument`] for a name that is no parameter or was given before, and for the last parameter that is left.
    pub fn effort(mut self, name: &str) -> Result<Self> {
        check(&self.space, &self.effort, name)?;
        self.effort.push(name.to_owned());
        Ok(self)
    }

    /// Refuses efforts, as read from somewhere, that contradict the space or themselves.
    pub(super) fn check_efforts(&self) -> Result<()> {
        for (i, name) in self.effort.iter().enumerate() {
            check(&self.space, &self.effort[..i], name)?;
        }
        Ok(())
    }
}

fn check(space: &Space, before: &[String], name: &str) -> Result<()> {
    let names = space.dimensions().iter().map(|(name, _)| name.as_str());
    let free: Vec<&str> = names
        .filter(|name| !before.iter().any(|b| b == name))
        .collect();
    if free.len() < 2 || !free.contains(&name) {
        let allowed = format!("one of {free:?}, if another remains that the value depends on");
        return Err(Error::argument("effort", format!("`{name}`"), allowed));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::Study;

    #[test]
    fn a_journal_knows_what_buys_precision() {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("study.journal");
        let space = Space::new().float("x", 0.0..=1.0).unwrap();
        let plain = Problem::minimise(space.log_float("dwell", 1.0..=9.0).unwrap());
        let problem = plain.clone().effort("dwell").unwrap();
        drop(Study::create(&journal, problem.clone()).unwrap());
        assert_eq!(*Study::resume(&journal).unwrap().problem(), problem);
        let error = Study::open(&journal, plain).unwrap_err().to_string();
        assert!(error.contains("effort"), "{error}");
    }

    #[test]
    fn what_is_no_parameter_or_the_last_one_is_refused() {
        let space = || {
            let space = Space::new().float("x", 0.0..=1.0).unwrap();
            space.log_float("dwell", 1.0..=9.0).unwrap()
        };
        let problem = Problem::minimise(space()).effort("dwell").unwrap();
        for name in ["x", "dwell", "y", ""] {
            let error = problem.clone().effort(name).unwrap_err().to_string();
            assert!(error.contains("effort") && error.contains(name), "{error}");
        }
        assert!(Problem::minimise(space()).effort("y").is_err());
    }
}
