//! Acquisition functions over candidates (place, dose).
//!
//! A [`Candidate`] is a belief about the value at a place together with the measurement offered there: its dose and the noise
//! variance that dose would give. An [`Acquisition`] turns a candidate into a number, larger is better, and says by its
//! [`Scale`] how that number may be traded against dose. [`best`] picks. The dose-penalised forms compose over any acquisition:
//! [`per_dose`](Acquisition::per_dose), [`cooled`](Acquisition::cooled) by the budget left, [`priced`](Acquisition::priced)
//! by a multiplier.
//!
//! An acquisition judges by the belief at one place. A [`FieldCriterion`] asks what a measurement tells about all of a set of
//! target points, for which it needs their joint posterior. [`gradient`] follows any acquisition over any surrogate, and
//! [`Region`] finds where in a box it is highest.
//!
//! Everything here maximises; to minimise, negate the means and the incumbent.
//!
//! ```
//! use dosewise::acquisition::{Acquisition, Candidates, LogExpectedImprovement, best};
//!
//! // posterior of two places; a measurement with dose d has noise variance 4/d; three doses (e⁻/Å²) on offer
//! let candidates = Candidates::with_shot_noise(&[0.2, 0.6], &[0.3, 0.3], &[5.0, 50.0, 500.0], 4.0)?;
//! let acquisition = LogExpectedImprovement::over(1.0)?.after_measurement().per_dose();
//! let choice = best(&acquisition, &candidates)?;
//! assert_eq!(candidates.locate(choice.index), Some((1, 5.0))); // the better place, with few electrons
//! # Ok::<(), dosewise::Error>(())
//! ```
//!
//! An acquisition of one's own is one small trait:
//!
//! ```
//! use dosewise::acquisition::{Acquisition, Candidate, Scale, best};
//!
//! /// Doubt about which side of a threshold the value lies on.
//! struct Straddle { threshold: f64 }
//!
//! impl Acquisition for Straddle {
//!     fn score(&self, candidate: &Candidate) -> f64 {
//!         1.96 * candidate.deviation() - (candidate.mean() - self.threshold).abs()
//!     }
//!     fn scale(&self) -> Scale {
//!         Scale::Level { reference: 0.0 }
//!     }
//! }
//!
//! let near = Candidate::new(0.9, 0.04, 0.1, 10.0)?;
//! let far = Candidate::new(3.0, 0.04, 0.1, 10.0)?;
//! assert_eq!(best(&Straddle { threshold: 1.0 }.per_dose(), &[far, near])?.index, 1);
//! # Ok::<(), dosewise::Error>(())
//! ```

mod batch;
mod candidate;
mod choice;
mod confidence_bound;
mod constraint;
mod damage;
mod dose;
mod field;
mod gittins;
mod improvement;
mod information;
mod level_set;
mod max_value;
mod maximise;
pub mod multi_objective;
mod price;
mod schedule;
mod slopes;
mod variance;

pub use crate::sequential::Survival;
pub use batch::{
    BatchAcquisition, BatchExpectedImprovement, BatchGradient, BatchLogExpectedImprovement,
    BatchSearch, BatchUpperConfidenceBound, DrawSlopes, Draws, LocalPenalty, MonteCarlo, Outcomes,
};
pub use candidate::{Candidate, Candidates};
pub use choice::{Choice, best, scores, top};
pub use confidence_bound::UpperConfidenceBound;
pub use constraint::{Limit, constrained_scores, log_probability_of_feasibility, safe_set};
pub use damage::Damage;
pub use dose::{Cooled, PerDose, Priced, RemainingBudget};
pub use field::{
    AboveThreshold, AlgorithmInformation, AlgorithmOutput, FieldCriterion,
    IntegratedVarianceReduction, KnowledgeGradient, LevelSetLookahead, NoisyExpectedImprovement,
    Offers, TopValues, thompson,
};
pub use gittins::GittinsIndex;
pub use improvement::{
    ExpectedImprovement, LogExpectedImprovement, LogProbabilityOfImprovement,
    ProbabilityOfImprovement,
};
pub use information::MutualInformation;
pub use level_set::{ContourImprovement, LevelSetEntropy, Straddle};
pub use max_value::MaxValueEntropy;
pub(crate) use maximise::climb;
pub use maximise::{BatchPeak, DosedPeak, Doses, Landscape, Peak, Region};
pub use price::{BudgetPrice, ClearingPrice, clearing_price};
pub use schedule::ConfidenceSchedule;
pub use slopes::{Gradient, ScoreSlopes, gradient};
pub use variance::{PosteriorVariance, VarianceReduction};

use crate::error::Result;

/// How the number an acquisition gives behaves, hence how dose may be set against it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scale {
    /// Never negative, 0 means nothing to gain: it may be divided by a dose.
    Gain,
    /// Logarithm of a gain (−∞ for no gain): the logarithm of a dose is subtracted.
    LogGain,
    /// Signed, with `reference` the score of measuring nothing. Only the difference to the reference is set against a dose:
    /// dividing the score itself would prefer expensive points wherever it is negative.
    Level {
        /// The score of measuring nothing, in units of the score.
        reference: f64,
    },
}

/// A rule that says how much a candidate measurement is worth; larger is better.
///
/// Only [`score`](Self::score) and [`scale`](Self::scale) are to be written; the trait is object-safe, and `&A` and `Box<A>`
/// are acquisitions too, boxed trait objects included.
///
/// ```
/// use dosewise::acquisition::{Acquisition, Candidate, PosteriorVariance};
///
/// let chosen_at_run_time: Box<dyn Acquisition> = Box::new(PosteriorVariance);
/// let candidate = Candidate::new(0.0, 0.5, 0.1, 20.0)?;
/// assert_eq!(chosen_at_run_time.per_dose().score(&candidate), 0.5 / 20.0);
/// # Ok::<(), dosewise::Error>(())
/// ```
pub trait Acquisition: Sync {
    /// The worth of a candidate. NaN is refused by [`best`]; −∞ is allowed and means "never".
    fn score(&self, candidate: &Candidate) -> f64;

    /// How that number behaves.
    fn scale(&self) -> Scale;

    /// How the score changes with the mean and the variance of the belief, what [`gradient`] climbs.
    ///
    /// The default takes central differences; the acquisitions of this crate know their derivatives in closed form.
    fn slopes(&self, candidate: &Candidate) -> ScoreSlopes {
        ScoreSlopes::by_differences(candidate, |moved| self.score(moved))
    }

    /// Worth per electron: see [`PerDose`].
    fn per_dose(self) -> PerDose<Self>
    where
        Self: Sized,
    {
        PerDose::new(self)
    }

    /// Worth per `dose^exponent`, with the exponent from [`RemainingBudget::exponent`]: see [`Cooled`].
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) unless `0 ≤ exponent ≤ 1`.
    fn cooled(self, exponent: f64) -> Result<Cooled<Self>>
    where
        Self: Sized,
    {
        Cooled::new(self, exponent)
    }

    /// Worth minus `multiplier` times dose: see [`Priced`].
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) unless the multiplier is finite and not negative.
    fn priced(self, multiplier: f64) -> Result<Priced<Self>>
    where
        Self: Sized,
    {
        Priced::new(self, multiplier)
    }
}

impl<A: Acquisition + ?Sized> Acquisition for &A {
    fn score(&self, candidate: &Candidate) -> f64 {
        (**self).score(candidate)
    }

    fn scale(&self) -> Scale {
        (**self).scale()
    }

    fn slopes(&self, candidate: &Candidate) -> ScoreSlopes {
        (**self).slopes(candidate)
    }
}

impl<A: Acquisition + ?Sized> Acquisition for Box<A> {
    fn score(&self, candidate: &Candidate) -> f64 {
        (**self).score(candidate)
    }

    fn scale(&self) -> Scale {
        (**self).scale()
    }

    fn slopes(&self, candidate: &Candidate) -> ScoreSlopes {
        (**self).slopes(candidate)
    }
}
