//! Any acquisition as a criterion over a field.

use super::{FieldCriterion, Offers};
use crate::acquisition::{Acquisition, Rule, Scale, posterior};
use crate::error::Result;
use crate::gp::Surrogate;
use ndarray::ArrayView2;

/// An [`Acquisition`] over a field: every place on offer by its own belief, whatever the targets.
///
/// It asks the surrogate for means and variances only, never for a covariance, so it suits many places; in exchange it does not
/// see what a measurement tells about other places.
///
/// ```
/// use dosewise::acquisition::{Acquisition, Field, LogExpectedImprovement, Offers, best};
/// use dosewise::gp::{ExactGp, Kernel, Noise, Rbf};
/// use ndarray::array;
/// let gp = ExactGp::new(Rbf::isotropic(1.0).scaled(1.0), Noise::Homoscedastic(0.1))
///     .condition(&array![[0.0], [3.0]], &[0.9, -0.5])?;
/// let places = array![[0.0], [1.0], [2.0], [3.0]];
/// let offers = Offers::with_shot_noise(places.view(), &[5.0, 50.0], 1.0)?;
/// let field = Field { surrogate: &gp, targets: places.view(), offers: &offers };
/// let improvement = LogExpectedImprovement::over(0.8)?.after_measurement();
/// let choice = best(&improvement.at_each_place(), &field)?;
/// assert_eq!(offers.locate(choice.index), Some((1, 50.0)));
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AtEachPlace<A>(pub(in crate::acquisition) A);

impl<A: Acquisition> FieldCriterion for AtEachPlace<A> {
    fn scores(
        &self,
        surrogate: &dyn Surrogate,
        _: ArrayView2<'_, f64>,
        offers: &Offers,
    ) -> Result<Vec<f64>> {
        let belief = posterior::marginals(surrogate, offers.places())?;
        self.0.score_all(&offers.believed(&belief)?)
    }

    fn scale(&self) -> Scale {
        self.0.scale()
    }
}
