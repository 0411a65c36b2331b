//! How a stochastic process is trained, and what it says about it.

use crate::error::{Error, Result};
use crate::units::Seed;
use serde::{Deserialize, Serialize};

/// How [`StochasticGp::train`](super::StochasticGp::train) goes through the measurements.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StochasticOptions {
    /// Times that every measurement is seen in minibatches; a few thousand measurements take more of them, since
    /// hyper-parameters move by about `learning_rate` a minibatch. Default 10.
    pub epochs: usize,
    /// Measurements a minibatch. Default 512.
    pub batch: usize,
    /// Length of the first steps of hyper-parameters (of their logarithms) and inducing points (in units of their
    /// typical distance) by Adam; in the second half of the training it falls linearly to zero. Zero keeps both as they
    /// are. Default 0.02.
    pub learning_rate: f64,
    /// Share of the way to the optimum for its minibatch that the belief about the inducing values moves a step, in
    /// 0..=1: a step along the natural gradient. Default 0.1.
    pub natural_step: f64,
    /// Whether inducing points move. Default true.
    pub moving: bool,
    /// Largest number of natural steps of size 1 on all measurements at the end, the hyper-parameters held; ends earlier
    /// once the bound stands still. One makes the belief exactly optimal for Gaussian noise, which takes no
    /// more. Default 20.
    pub full_steps: usize,
    /// Decides the minibatches. Default 0.
    pub seed: Seed,
}

impl Default for StochasticOptions {
    fn default() -> Self {
        Self {
            epochs: 10,
            batch: 512,
            learning_rate: 0.02,
            natural_step: 0.1,
            moving: true,
            full_steps: 20,
            seed: Seed(0),
        }
    }
}

impl StochasticOptions {
    /// Whether hyper-parameters and inducing points move.
    pub(super) fn learns(&self) -> bool {
        self.epochs > 0 && self.learning_rate > 0.0
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.batch == 0 {
            return Err(Error::argument("batch", 0, "at least one measurement"));
        }
        if !(0.0..=1.0).contains(&self.learning_rate) {
            return Err(Error::argument(
                "learning_rate",
                self.learning_rate,
                "0..=1",
            ));
        }
        if !(self.natural_step > 0.0 && self.natural_step <= 1.0) {
            let allowed = "a share above 0, at most 1";
            return Err(Error::argument("natural_step", self.natural_step, allowed));
        }
        Ok(())
    }
}

/// Where a training is, for whoever watches it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StochasticProgress {
    /// Epochs finished; all of them during the final steps on all measurements.
    pub epoch: usize,
    /// Epochs asked for.
    pub epochs: usize,
    /// Portions of this epoch, or of this final step, that are finished.
    pub batch: usize,
    /// Portions an epoch, or a final step, has.
    pub batches: usize,
    /// The bound on the log evidence as the last epoch's minibatches estimate it, nats; −∞ before the first.
    pub bound: f64,
}

/// How a training ended.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StochasticReport {
    /// The lower bound of the log density of all measurements, nats; if the training was cancelled, or saw them in no
    /// final step, its last estimate. `None` if there is not even that.
    pub bound: Option<f64>,
    /// Average estimate of the bound during each finished epoch, nats.
    pub epochs: Vec<f64>,
    /// Natural steps on all measurements that were made at the end.
    pub full_steps: usize,
    /// Whether whoever watched it ended it early.
    pub cancelled: bool,
}
