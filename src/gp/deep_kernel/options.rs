//! How a deep kernel is trained.

use crate::error::{Error, Result};
use crate::gp::fit::FitOptions;
use crate::gp::kernel::Kernel;
use crate::gp::mean::Mean;
use crate::gp::noise::Noise;
use crate::units::Seed;

/// Choices of the training of a [`DeepKernelGp`](super::DeepKernelGp).
#[derive(Debug, Clone)]
pub struct DeepKernelOptions {
    /// Kernel on the features, where training starts. Default none: a Matérn 5/2 with one lengthscale a feature, all 1 (the
    /// spread of the features before training), scaled by the variance of the measurements.
    pub kernel: Option<Box<dyn Kernel>>,
    /// Noise **variance**, known for each measurement or shared and fitted. Default none: shared, starting at a tenth of the
    /// variance of the measurements.
    pub noise: Option<Noise>,
    /// Prior mean: [`Mean::Zero`], [`Mean::Fixed`] or [`Mean::Constant`], which is estimated. Default constant.
    pub mean: Mean,
    /// Networks to start from: the given one and others with weights drawn anew, of which the one goes on whose likelihood
    /// is highest after a few steps. Some draws never find the features that matter. Default 3.
    pub starts: usize,
    /// Largest number of training steps. Default 150.
    pub max_steps: usize,
    /// Largest step of a weight. Default 0.01.
    pub learning_rate: f64,
    /// Largest step of a log-parameter of kernel and noise. Default 0.03.
    pub kernel_learning_rate: f64,
    /// Steps over which both rates rise from zero; afterwards they fall along a cosine to zero at `max_steps`. Default 10.
    pub warm_up: usize,
    /// All weights but the biases shrink by this times the learning rate in every step. Default 0.1.
    pub weight_decay: f64,
    /// Training stops when the held-out log density has not risen for so many steps. Default 60.
    pub patience: usize,
    /// Which measurements decide on the number of steps and on the nugget. Default four folds.
    pub validation: Validation,
    /// Decides which measurements are held out, and the weights of further starts. Default 0.
    pub seed: Seed,
    /// How kernel parameters and noise are fitted to the final features. Default [`FitOptions::default`] without restarts,
    /// since training has brought them near.
    pub refit: FitOptions,
}

impl Default for DeepKernelOptions {
    fn default() -> Self {
        Self {
            kernel: None,
            noise: None,
            mean: Mean::Constant(0.0),
            starts: 3,
            max_steps: 150,
            learning_rate: 0.01,
            kernel_learning_rate: 0.03,
            warm_up: 10,
            weight_decay: 0.1,
            patience: 60,
            validation: Validation::default(),
            seed: Seed(0),
            refit: FitOptions {
                restarts: 0,
                ..FitOptions::default()
            },
        }
    }
}

/// Measurements that training does not see, and what is decided by them.
///
/// They choose the number of training steps with the highest held-out log density. Then they choose a nugget, a variance
/// that belongs to single patches, with which held-out errors are on average as large as they are said to be: features
/// were made to suit the measurements they are trusted with, and without it intervals are far too narrow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Validation {
    /// Nothing is held out: all steps are done and there is no nugget. For measurements so many, or steps so few,
    /// that overfitting is no danger.
    None,
    /// This fraction is held out of training, and comes back for the final process: the cheapest guard.
    HeldOut(f64),
    /// Each of so many equal parts is held out once; the final network is trained on everything, for as many steps as
    /// was best in the middle one. The nugget then follows from all measurements, at so many times the cost and one more.
    Folds(usize),
}

impl Default for Validation {
    fn default() -> Self {
        Self::Folds(4)
    }
}

impl DeepKernelOptions {
    pub(super) fn check(&self, count: usize) -> Result<()> {
        let positive = [
            ("learning_rate", self.learning_rate, f64::MIN_POSITIVE),
            ("kernel_learning_rate", self.kernel_learning_rate, 0.0),
            ("weight_decay", self.weight_decay, 0.0),
        ];
        for (name, found, least) in positive {
            if !(least..=10.0).contains(&found) {
                let allowed = "a number up to 10, positive or, but for learning_rate, zero";
                return Err(Error::argument(name, found, allowed));
            }
        }
        if self.starts == 0 {
            return Err(Error::argument("starts", 0, "at least 1"));
        }
        match self.validation {
            Validation::HeldOut(fraction) if !(fraction > 0.0 && fraction < 1.0) => Err(
                Error::argument("validation", fraction, "a fraction between 0 and 1"),
            ),
            Validation::Folds(folds) if folds < 2 || folds > count => {
                let allowed = format!("2 to {count} folds, the number of measurements");
                Err(Error::argument(
                    "validation",
                    format!("{folds} folds"),
                    allowed,
                ))
            }
            Validation::HeldOut(_) if count < 2 => Err(Error::argument(
                "validation",
                "one measurement",
                "at least two",
            )),
            _ if !matches!(self.mean, Mean::Zero | Mean::Fixed(_) | Mean::Constant(_)) => {
                let allowed =
                    "Mean::Zero, Mean::Fixed or Mean::Constant, which do not depend on features";
                Err(Error::argument("mean", format!("{:?}", self.mean), allowed))
            }
            _ => Ok(()),
        }
    }

    /// Share of the learning rates that step number `step` (from 0) uses.
    pub(super) fn pace(&self, step: usize) -> f64 {
        let rise = (step + 1) as f64 / self.warm_up.max(1) as f64;
        let turn = std::f64::consts::PI * step as f64 / self.max_steps.max(1) as f64;
        rise.min(1.0) * 0.5 * (1.0 + turn.cos())
    }
}
