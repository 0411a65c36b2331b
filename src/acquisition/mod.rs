//! Acquisition functions over candidates (place, dose).
//!
//! A [`Candidate`] is a belief about the value at a place together with the measurement offered there: its dose and the noise
//! variance that dose would give. An [`Acquisition`] turns a candidate into a number, larger is better, and says by its
//! [`Scale`] how that number may be traded against dose. A [`FieldCriterion`] asks what a measurement tells about all of a set
//! of target points, for which it needs their joint posterior; it judges a [`Field`]. [`best`] and [`top`] choose by either, the
//! dose wrappers go around either, and any model of [`gp`](crate::gp) is the posterior of either.
//!
//! | you want | you take |
//! | --- | --- |
//! | the largest value, soon | [`LogExpectedImprovement`], [`ExpectedImprovement`], [`ProbabilityOfImprovement`], [`LogProbabilityOfImprovement`] |
//! | the same where the best value so far is itself uncertain | [`NoisyExpectedImprovement`] |
//! | the same by optimism, with a guarantee | [`UpperConfidenceBound`] with a [`ConfidenceSchedule`] |
//! | the same by chance, among candidates | [`thompson`] |
//! | the same by chance, in a continuous space | [`ExactGp::path`](crate::gp::ExactGp::path) and [`Region::highest`] |
//! | the largest value, judged by what is known after the measurement | [`KnowledgeGradient`], [`AfterMeasurement`] of any acquisition |
//! | to know the largest value, not to have it | [`MaxValueEntropy`] |
//! | to know the field everywhere | [`IntegratedVarianceReduction`], [`VarianceReduction`], [`PosteriorVariance`] |
//! | information, from Gaussian measurements, labels or counts | [`MutualInformation`], [`LabelInformation`] (BALD), [`CountInformation`] |
//! | the output of an algorithm: defect sites, the k best | [`AlgorithmInformation`] (InfoBAX) |
//! | where the value crosses a threshold | [`LevelSetLookahead`], [`LevelSetEntropy`], [`Straddle`], [`ContourImprovement`] |
//! | edges | [`MeanGradient`] |
//! | several measurements at once | [`FieldBatch`] of any criterion, [`BatchSearch`] and [`MonteCarlo`] of their joint outcomes |
//! | several objectives | [`multi_objective`] |
//! | constraints that should be met, or must | [`Constrained`] by [`Constraints`], [`safe_set`], [`SafeExploration`] |
//! | worth per electron, while a budget lasts | [`PerDose`], [`Cooled`] with a [`RemainingBudget`] |
//! | dose at a price, and the price a budget sets | [`Priced`], [`GittinsIndex`], [`BudgetPrice`], [`clearing_price`] |
//! | to know when to stop | [`worthwhile`] with either of the first two |
//! | dose that destroys what it measures | [`Damaged`] by a [`Damage`] |
//! | a measurement judged with those that the budget can pay for after it | [`Rollout`] |
//! | the rest of a budget planned at once | [`knapsack`] of a [`MeasurementGain`] |
//! | another cost than the dose, and costs that are not known before | [`Offers::with_costs`], [`Candidate::with_cost`], [`CostModel`] |
//! | an acquisition over a whole field | [`AtEachPlace`] |
//! | the place in a box where one is highest, or a batch of places | [`Region`] |
//! | to climb one by its gradient | [`gradient`] |
//!
//! Everything here maximises; to minimise, negate the means and the incumbent.
//!
//! ```
//! use dosewise::acquisition::{Acquisition, LogExpectedImprovement, Offers, best};
//! use dosewise::gp::{ExactGp, Kernel, Matern52, Noise, Surrogate};
//! use ndarray::array;
//!
//! let gp = ExactGp::new(Matern52::isotropic(0.3).scaled(1.0), Noise::Homoscedastic(0.1))
//!     .condition(&array![[0.0], [1.0]], &[0.2, 0.9])?;
//! // a measurement with dose d has noise variance 4/d; two places and three doses (e⁻/Å²) are on offer
//! let offers = Offers::with_shot_noise(array![[0.2], [0.8]].view(), &[5.0, 50.0, 500.0], 4.0)?;
//! let candidates = offers.believed(&gp.marginals(offers.places())?)?;
//! let acquisition = LogExpectedImprovement::over(1.0)?.after_measurement().per_dose();
//! let choice = best(&acquisition, &candidates)?;
//! assert_eq!(offers.locate(choice.index), Some((1, 5.0))); // the better place, with few electrons
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

mod after_measurement;
mod argument;
mod batch;
mod candidate;
mod choice;
mod confidence_bound;
mod constrained;
mod constraint;
mod damage;
mod dose;
mod field;
mod gittins;
mod improvement;
mod information;
mod level_set;
mod lookahead;
mod max_value;
mod maximise;
pub mod multi_objective;
mod posterior;
mod price;
mod safe_exploration;
mod schedule;
mod slopes;
mod variance;

pub use crate::sequential::Survival;
pub use after_measurement::AfterMeasurement;
pub use batch::{
    BatchAcquisition, BatchExpectedImprovement, BatchGradient, BatchLogExpectedImprovement,
    BatchSearch, BatchUpperConfidenceBound, DrawSlopes, Draws, FieldBatch, LocalPenalty,
    MonteCarlo, Outcomes,
};
pub use candidate::Candidate;
pub use choice::{Choice, Rule, best, scores, top, worthwhile};
pub use confidence_bound::UpperConfidenceBound;
pub use constrained::{Constrained, Constraints, constrained_scores};
pub use constraint::{Limit, log_probability_of_feasibility, safe_set};
pub use damage::{Damage, Damaged};
pub use dose::{Cooled, PerDose, Priced, RemainingBudget};
pub use field::{
    AboveThreshold, AlgorithmInformation, AlgorithmOutput, AtEachPlace, Field, FieldCriterion,
    IntegratedVarianceReduction, KnowledgeGradient, LevelSetLookahead, MeanGradient,
    NoisyExpectedImprovement, Offer, Offers, TopValues, thompson,
};
pub use gittins::GittinsIndex;
pub use improvement::{
    ExpectedImprovement, LogExpectedImprovement, LogProbabilityOfImprovement,
    ProbabilityOfImprovement,
};
pub use information::{CountInformation, LabelInformation, MutualInformation};
pub use level_set::{ContourImprovement, LevelSetEntropy, Straddle};
pub use lookahead::{CostBelief, CostModel, MeasurementGain, Plan, Rollout, SetFunction, knapsack};
pub use max_value::MaxValueEntropy;
pub(crate) use maximise::climb;
pub use maximise::{BatchPeak, DosedPeak, Doses, Landscape, Peak, Region};
pub use price::{BudgetPrice, ClearingPrice, clearing_price};
pub use safe_exploration::{SafeExploration, SafeSets};
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

impl Scale {
    /// What a score is worth over measuring nothing, as a gain: the logarithm of one undone, the reference of a level taken
    /// off.
    pub fn excess(self, score: f64) -> f64 {
        match self {
            Self::Gain => score,
            Self::LogGain => score.exp(),
            Self::Level { reference } => score - reference,
        }
    }
}

/// How dose is set against worth, the same for [`Acquisition`] and [`FieldCriterion`].
macro_rules! dose_wrappers {
    () => {
        /// Worth per electron: see [`PerDose`].
        fn per_dose(self) -> PerDose<Self>
        where
            Self: Sized,
        {
            PerDose::new(self)
        }

        /// Worth per `dose^exponent`, with the exponent from
        /// [`RemainingBudget::exponent`](crate::acquisition::RemainingBudget::exponent): see [`Cooled`].
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
    };
}
use dose_wrappers;

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

    dose_wrappers!();

    /// Judged by the posterior mean after the noisy measurement: see [`AfterMeasurement`].
    fn after_measurement(self) -> AfterMeasurement<Self>
    where
        Self: Sized,
    {
        AfterMeasurement(self)
    }

    /// The same over a whole [`Field`]: see [`AtEachPlace`].
    fn at_each_place(self) -> AtEachPlace<Self>
    where
        Self: Sized,
    {
        AtEachPlace(self)
    }

    /// Worth discounted by the survival of each place, less the damage to its neighbours, over a [`Field`]: see
    /// [`Damaged`].
    fn damaged(self, damage: Damage) -> Damaged<AtEachPlace<Self>>
    where
        Self: Sized,
    {
        Damaged::new(self.at_each_place(), damage)
    }

    /// Worth times the probability that the place meets constraints, over a [`Field`]: see [`Constrained`].
    fn constrained(self, constraints: Constraints<'_>) -> Constrained<'_, AtEachPlace<Self>>
    where
        Self: Sized,
    {
        Constrained::new(self.at_each_place(), constraints)
    }
}

macro_rules! pointer_to_acquisition {
    ($pointer:ty) => {
        impl<A: Acquisition + ?Sized> Acquisition for $pointer {
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
    };
}

pointer_to_acquisition!(&A);
pointer_to_acquisition!(Box<A>);
