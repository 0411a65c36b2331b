//! When a study stops asking.

use super::search::Search;
use super::study::Study;
use super::value::Setting;
use crate::error::{Error, Result};

/// Why a study asks for no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// As much as the budget has been told.
    BudgetSpent,
    /// So many told trials in a row were no better.
    PatienceOver,
    /// No setting promises enough improvement for its cost.
    NothingPays,
    /// Every setting of a finite space has been tried.
    SpaceExhausted,
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::BudgetSpent => "the budget is spent",
            Self::PatienceOver => "the last trials were no better",
            Self::NothingPays => "no setting promises enough improvement for its cost",
            Self::SpaceExhausted => "the space is exhausted",
        })
    }
}

/// What a study was told about when to stop.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct StoppingRules {
    budget: Option<f64>,
    patience: Option<usize>,
    least_gain: Option<f64>,
}

impl Study {
    /// Stops asking once this much cost has been told; one trial costs 1 unless told otherwise.
    ///
    /// # Errors
    /// [`Error::Argument`] unless positive and finite.
    pub fn budget(mut self, cost: f64) -> Result<Self> {
        if !(cost > 0.0 && cost.is_finite()) {
            return Err(Error::argument("cost", cost, "a positive finite number"));
        }
        self.rules.budget = Some(cost);
        Ok(self)
    }

    /// Stops asking after this many told trials in a row without a new best; one that breaks a constraint is no best.
    ///
    /// # Errors
    /// [`Error::Argument`] for zero.
    pub fn patience(mut self, trials: usize) -> Result<Self> {
        if trials == 0 {
            return Err(Error::argument("trials", trials, "at least 1"));
        }
        self.rules.patience = Some(trials);
        Ok(self)
    }

    /// Stops asking once no setting promises an expected improvement of more than `gain` for each unit of its cost: the
    /// rule of Pandora's box, stop when the best index is not above the value in hand.
    ///
    /// `gain` is in units of the value per unit of cost: as long as nothing is said of costs a trial costs 1, and it is in
    /// units of the value. Where trials are told to cost seconds, say, it is the value that one second must bring.
    ///
    /// With the price `λ = gain`, the improvement I(x) that the search maximises (of what the model will believe once x is
    /// measured over what it believes of the incumbent) and the cost c(x), it stops when `max_x E[I(x)]/c(x) ≤ λ`, for
    /// independent settings the moment at which any further trial costs more than it brings. The cost of a setting not yet
    /// tried is the median that the model of the logarithm of the cost expects there: a dear setting pays only if it
    /// promises as much more. Where there are constraints, improvement counts by its probability to be allowed, and as long
    /// as nothing allowed is known everything pays. The initial design is always tried.
    ///
    /// Pending trials count as told at the model's mean; once they are told, the answer may be another.
    ///
    /// Source: Xie et al. (arXiv 2507.12453) for correlated settings; Weitzman, *Econometrica* 47, 641 (1979). The index
    /// itself is [`GittinsIndex`](crate::acquisition::GittinsIndex).
    ///
    /// ```
    /// use dosewise::optimize::{Observation, Problem, Space, Stop, Study};
    /// let space = Space::new().float("x", -2.0..=3.0)?;
    /// let mut study = Study::in_memory(Problem::minimise(space))?.budget(60.0)?.least_gain(1e-3)?;
    /// while let Some(trial) = study.ask()? {
    ///     let x = trial.float("x")?;
    ///     study.tell(trial.id(), Observation::new((x - 1.0).powi(2)))?;
    /// }
    /// assert_eq!(study.stopped(), Some(Stop::NothingPays));
    /// assert!((study.best().expect("many were told").float("x")? - 1.0).abs() < 0.1);
    /// # Ok::<(), dosewise::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Argument`] unless positive and finite.
    pub fn least_gain(mut self, gain: f64) -> Result<Self> {
        if !(gain > 0.0 && gain.is_finite()) {
            return Err(Error::argument("gain", gain, "a positive finite number"));
        }
        self.rules.least_gain = Some(gain);
        Ok(self)
    }

    pub(super) fn budget_left(&self) -> Option<(f64, f64)> {
        self.rules.budget.map(|budget| (budget, self.spent()))
    }

    /// The rule that needs no model and says stop.
    pub(super) fn rule_that_stops(&self) -> Option<Stop> {
        if self
            .rules
            .budget
            .is_some_and(|budget| self.spent() >= budget)
        {
            return Some(Stop::BudgetSpent);
        }
        let told = self.trials().iter().filter(|t| t.observation().is_some());
        let (mut best, mut without) = (f64::NEG_INFINITY, 0);
        for worth in told.map(|trial| self.allowed_worth(trial)) {
            without += 1;
            if let Some(worth) = worth.filter(|worth| *worth > best) {
                (best, without) = (worth, 0);
            }
        }
        let over = self.rules.patience.is_some_and(|most| without >= most);
        over.then_some(Stop::PatienceOver)
    }

    /// Whether the setting that a search found is worth its cost.
    pub(super) fn pays(&self, search: &Search<'_>, setting: &Setting) -> Result<bool> {
        let Some(least) = self.rules.least_gain else {
            return Ok(true);
        };
        let known = search.model.feasibility.as_ref();
        if known.is_some_and(|feasibility| !feasibility.is_known()) {
            return Ok(true);
        }
        // the score is the logarithm of the gain per cost, standardised
        let log_gain = search.scores(std::slice::from_ref(setting))?[0];
        Ok(log_gain + search.model.scale.spread.ln() > least.ln())
    }
}
