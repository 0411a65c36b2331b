//! How a study came to its best, against what it spent.

use super::model::{Model, coordinates};
use super::problem::Direction;
use super::study::Study;
use super::trial::Trial;
use crate::error::Result;
use crate::gp::Surrogate;
use ndarray::{Axis, Slice};

/// A study trial by trial, in the order they were asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Convergence {
    /// Whether large or small values are wanted.
    pub direction: Direction,
    /// One step a trial.
    pub steps: Vec<Step>,
}

/// What was known after a trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The trial.
    pub trial: Trial,
    /// Whether it was told and keeps all constraints as measured.
    pub allowed: bool,
    /// Cost of this trial and all before it.
    pub spent: f64,
    /// Best allowed value of this trial and all before it, as measured.
    pub best: Option<f64>,
    /// Posterior mean and **variance** of the objective at the told setting with the best mean, from this trial and all
    /// before it; only where noise was told, and from the second told trial on.
    pub believed: Option<(f64, f64)>,
}

impl Study {
    /// How the study came to its best: measured values, best so far and, where noise was told, the posterior-mean
    /// incumbent, each against the cost spent.
    ///
    /// The incumbents of the past are those of the present hyper-parameters (kernel, scale), conditioned on the trials
    /// known at the time; which settings are allowed is judged by all trials.
    ///
    /// ```
    /// use dosewise::optimize::{Observation, Problem, Space, Study};
    /// let mut study = Study::in_memory(Problem::minimise(Space::new().float("x", 0.0..=1.0)?))?;
    /// for value in [3.0, 1.0, 2.0] {
    ///     let trial = study.ask()?.expect("no budget was set");
    ///     study.tell(trial.id(), Observation::new(value).noise(0.1).cost(5.0))?;
    /// }
    /// let steps = study.convergence()?.steps;
    /// assert_eq!((steps[1].spent, steps[2].best), (10.0, Some(1.0)));
    /// assert!(steps[0].believed.is_none());
    /// let (mean, variance) = steps[2].believed.expect("noise was told");
    /// assert!(mean > 1.0 && variance < 0.1); // the lucky value is believed in part
    /// # Ok::<(), dosewise::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NotPositiveDefinite`](crate::Error::NotPositiveDefinite) if no model fits the values.
    pub fn convergence(&self) -> Result<Convergence> {
        let history = self.history();
        let steps = history.rows().iter().map(|row| Step {
            trial: row.trial.clone(),
            allowed: self.allowed_worth(row.trial).is_some(),
            spent: row.spent,
            best: row.best,
            believed: None,
        });
        let mut steps: Vec<Step> = steps.collect();
        let observations = || self.trials().iter().filter_map(Trial::observation);
        let noisy = observations().any(|o| o.noise.is_some_and(|noise| noise > 0.0));
        if noisy && observations().count() > 1 {
            let mut incumbents = self.incumbents()?.into_iter();
            let mut last = None;
            for step in &mut steps {
                if step.trial.observation().is_some() {
                    last = incumbents.next().flatten();
                }
                step.believed = last;
            }
        }
        let direction = self.problem().direction;
        Ok(Convergence { direction, steps })
    }

    /// Mean and variance at the incumbent after each told trial.
    fn incumbents(&self) -> Result<Vec<Option<(f64, f64)>>> {
        let told = self.trials().iter().filter(|t| t.observation().is_some());
        let told: Vec<&Trial> = told.collect();
        let count = told.len();
        let model = Model::fit(self)?;
        let settings = told.iter().map(|trial| trial.setting());
        let x = coordinates(&self.problem().space, settings)?;
        let allowed = match &model.feasibility {
            Some(feasibility) => feasibility.allowed(&x)?,
            None => vec![true; count],
        };
        let (scale, mut process) = (model.scale, model.objective().clone());
        let mut incumbents = vec![None; count];
        // From the end, since measurements are more easily forgotten than learned again with their noise.
        for known in (2..=count).rev() {
            while process.len() > known {
                process.remove(process.len() - 1)?;
            }
            let here = process.marginals(x.slice_axis(Axis(0), Slice::from(..known)))?;
            let candidates = (0..known).filter(|&i| allowed[i]);
            let best = candidates.reduce(|b, i| if here.mean[i] > here.mean[b] { i } else { b });
            incumbents[known - 1] = best.map(|best| {
                let worth = scale.shift + scale.spread * here.mean[best];
                (
                    self.worth(worth),
                    scale.spread.powi(2) * here.variance[best],
                )
            });
        }
        Ok(incumbents)
    }
}
