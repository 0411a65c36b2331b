//! Criteria that ask what a measurement tells about a whole set of target points.

mod algorithm;
mod belief;
mod integrated_variance;
mod knowledge_gradient;
mod level_set;
mod noisy_improvement;
mod offers;
mod samples;

pub use algorithm::{AboveThreshold, AlgorithmInformation, AlgorithmOutput, TopValues};
pub(super) use belief::Belief;
pub use integrated_variance::IntegratedVarianceReduction;
pub use knowledge_gradient::KnowledgeGradient;
pub(super) use knowledge_gradient::expected_rise;
pub use level_set::LevelSetLookahead;
pub use noisy_improvement::NoisyExpectedImprovement;
pub use offers::Offers;
pub use samples::thompson;
pub(super) use samples::{Samples, maximum};

use super::dose::{scale_of_difference, scale_of_quotient};
use super::{Cooled, PerDose, Priced, Scale};
use crate::error::Result;
use crate::gp::Surrogate;
use ndarray::ArrayView2;

/// A rule that says how much a measurement is worth for what one wants to know at a set of target points.
///
/// Where an [`Acquisition`](super::Acquisition) sees the belief at one place, this sees the joint posterior of all places on
/// offer and all targets (memory: the square of their number). The dose wrappers are the same.
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

    /// Worth per electron: see [`PerDose`].
    fn per_dose(self) -> PerDose<Self>
    where
        Self: Sized,
    {
        PerDose::new(self)
    }

    /// Worth per `dose^exponent`: see [`Cooled`].
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
                for (index, score) in scores.iter_mut().enumerate() {
                    *score = self.set(*score, scale, offers.costs()[index]);
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
