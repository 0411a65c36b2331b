//! What training did.

use serde::{Deserialize, Serialize};

/// Where training stood before one of its steps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingPoint {
    /// Number of steps done.
    pub step: usize,
    /// Log marginal likelihood of the measurements trained on, nats.
    pub log_marginal_likelihood: f64,
    /// Mean log predictive density of the held-out measurements, nats each, where it was looked at.
    pub held_out_log_density: Option<f64>,
}

/// Why training stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum TrainingStop {
    /// All steps were done.
    StepLimit,
    /// The held-out log density had not risen for as long as the patience lasts.
    NoImprovement,
    /// The likelihood could not be computed any more; what was best before is kept.
    Diverged,
}

/// How the measurements that training did not see were predicted, before the nugget was found by them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldOut {
    /// Number of held-out measurements, all folds together.
    pub count: usize,
    /// Root mean square error, in units of the outputs.
    pub root_mean_square_error: f64,
    /// Mean log predictive density, nats a measurement. Much below
    /// [`TrainingReport::leave_one_out_log_density`] means that the network has overfitted.
    pub log_density: f64,
    /// **Variance**, in squared units of the outputs, that every patch has of its own in the final process
    /// ([`White`](crate::gp::White) on the features); zero where held-out errors were no larger than promised.
    pub nugget: f64,
}

/// How a deep kernel was trained; the same numbers whatever the machine and its threads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingReport {
    /// The training that made the network, step by step.
    pub curve: Vec<TrainingPoint>,
    /// Number of steps behind the weights that were kept.
    pub steps: usize,
    /// Why that training stopped.
    pub stop: TrainingStop,
    /// Best number of steps of each fold; empty without folds.
    pub steps_of_folds: Vec<usize>,
    /// Held-out predictions; `None` if nothing was held out.
    pub held_out: Option<HeldOut>,
    /// Mean log density of each measurement given all others, nats, features fixed and without the nugget (Rasmussen &
    /// Williams 2006, eq. 5.10). The features have seen every measurement: this flatters.
    pub leave_one_out_log_density: f64,
}
