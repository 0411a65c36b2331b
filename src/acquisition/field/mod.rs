//! Criteria that ask what a measurement tells about a whole set of target points.

mod algorithm;
mod belief;
mod each_place;
mod integrated_variance;
mod knowledge_gradient;
mod level_set;
mod mean_gradient;
mod noisy_improvement;
mod offers;
mod samples;

pub use algorithm::{AboveThreshold, AlgorithmInformation, AlgorithmOutput, TopValues};
pub(super) use belief::Belief;
pub use each_place::AtEachPlace;
pub use integrated_variance::IntegratedVarianceReduction;
pub use knowledge_gradient::KnowledgeGradient;
pub(super) use knowledge_gradient::expected_rise;
pub use level_set::LevelSetLookahead;
pub use mean_gradient::MeanGradient;
pub use noisy_improvement::NoisyExpectedImprovement;
pub use offers::{Offer, Offers};
pub use samples::thompson;
pub(super) use samples::{Samples, maximum};

use super::dose::{scale_of_difference, scale_of_quotient};
use super::{
    Constrained, Constraints, Cooled, Damage, Damaged, PerDose, Priced, Scale, dose_wrappers,
};
use crate::error::Result;
use crate::gp::Surrogate;
use ndarray::ArrayView2;

/// What a [`FieldCriterion`] judges: a posterior, the points at which one wants to know something, and what could be measured.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    /// The posterior, of any kind that [`gp`](crate::gp) yields.
    pub surrogate: &'a dyn Surrogate,
    /// Target points, t × d.
    pub targets: ArrayView2<'a, f64>,
    /// Places and doses on offer.
    pub offers: &'a Offers,
}

/// A rule that says how much a measurement is worth for what one wants to know at a set of target points.
///
/// Where an [`Acquisition`](super::Acquisition) sees the belief at one place, this sees the joint posterior of all places on offer and all targets
/// (memory: the square of their number). Any acquisition becomes one by [`at_each_place`](super::Acquisition::at_each_place). Choosing
/// ([`best`](super::best), [`top`](super::top) on a [`Field`]) and the dose wrappers are the same for both; only
/// [`scores`](Self::scores) and [`scale`](Self::scale) are to be written, and `&C` and `Box<C>` are criteria too.
///
/// ```
/// use dosewise::acquisition::{FieldCriterion, IntegratedVarianceReduction, Offers};
/// use dosewise::gp::{ExactGp, Kernel, Noise, Rbf};
/// use ndarray::array;
/// let gp = ExactGp::new(Rbf::isotropic(1.0).scaled(1.0), Noise::Homoscedastic(0.1))
///     .condition(&array![[0.0]], &[0.3])?;
/// let targets = array![[0.0], [1.0], [2.0], [3.0]];
/// let offers = Offers::with_shot_noise(targets.view(), &[5.0, 50.0], 1.0)?;
/// let scores = IntegratedVarianceReduction.per_dose().scores(&gp, targets.view(), &offers)?;
/// assert!(scores[4] > scores[0] && scores[4] > scores[5]); // away from what is known, with few electrons
/// # Ok::<(), dosewise::Error>(())
/// ```
pub trait FieldCriterion {
    /// The worth of each measurement on offer, in the order of `offers`, for the rows of `targets` (t × d).
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) if there is no target, as [`Surrogate::joint`], and what the criterion
    /// itself refuses.
    fn scores(
        &self,
        surrogate: &dyn Surrogate,
        targets: ArrayView2<'_, f64>,
        offers: &Offers,
    ) -> Result<Vec<f64>>;

    /// How these numbers behave.
    fn scale(&self) -> Scale;

    dose_wrappers!();

    /// Worth discounted by the survival of each place, less the damage to its neighbours: see [`Damaged`].
    fn damaged(self, damage: Damage) -> Damaged<Self>
    where
        Self: Sized,
    {
        Damaged::new(self, damage)
    }

    /// Worth times the probability that the place meets constraints: see [`Constrained`].
    fn constrained(self, constraints: Constraints<'_>) -> Constrained<'_, Self>
    where
        Self: Sized,
    {
        Constrained::new(self, constraints)
    }
}

macro_rules! pointer_to_criterion {
    ($pointer:ty) => {
        impl<C: FieldCriterion + ?Sized> FieldCriterion for $pointer {
            fn scores(
                &self,
                surrogate: &dyn Surrogate,
                targets: ArrayView2<'_, f64>,
                offers: &Offers,
            ) -> Result<Vec<f64>> {
                (**self).scores(surrogate, targets, offers)
            }

            fn scale(&self) -> Scale {
                (**self).scale()
            }
        }
    };
}

pointer_to_criterion!(&C);
pointer_to_criterion!(Box<C>);

macro_rules! dose_wrapper {
    ($name:ident, $scale:ident) => {
        impl<C: FieldCriterion> FieldCriterion for $name<C> {
            fn scores(
                &self,
                surrogate: &dyn Surrogate,
                targets: ArrayView2<'_, f64>,
                offers: &Offers,
            ) -> Result<Vec<f64>> {
                let scale = self.acquisition.scale();
                let mut scores = self.acquisition.scores(surrogate, targets, offers)?;
                for (score, cost) in scores.iter_mut().zip(offers.costs()) {
                    *score = self.set(*score, scale, *cost);
                }
                Ok(scores)
            }

            fn scale(&self) -> Scale {
                $scale(self.acquisition.scale())
            }
        }
    };
}

dose_wrapper!(PerDose, scale_of_quotient);
dose_wrapper!(Cooled, scale_of_quotient);
dose_wrapper!(Priced, scale_of_difference);
