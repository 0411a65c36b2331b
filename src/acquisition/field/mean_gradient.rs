//! Where is the field steep, and not yet well known there?

use super::{FieldCriterion, Offers};
use crate::acquisition::{Scale, posterior};
use crate::error::Result;
use crate::gp::Surrogate;
use ndarray::ArrayView2;

/// Gradient of the mean times the deviation, `|∇μ(x)| s(x)`: edges, boundaries and domain walls that are still in doubt.
///
/// Units of the value squared over the unit of a coordinate, so coordinates should be scaled alike. It looks at each place
/// by itself, whatever the targets. As it stands it does not depend on dose or noise of the measurement;
/// [`after_measurement`](Self::after_measurement) lets doses compare.
///
/// Source: the acquisition function "gradient" of gpCAM; Noack et al., *Nat. Rev. Phys.* 3, 685 (2021).
///
/// ```
/// use dosewise::acquisition::{Field, MeanGradient, Offers, best};
/// use dosewise::gp::{ExactGp, Kernel, Noise, Rbf};
/// use ndarray::array;
/// let x = array![[0.0], [1.0], [2.0], [3.0], [4.0], [5.0]];
/// let gp = ExactGp::new(Rbf::isotropic(0.8).scaled(1.0), Noise::Homoscedastic(0.01))
///     .condition(&x, &[0.0, 0.0, 0.0, 1.0, 1.0, 1.0])?;
/// let places = array![[0.5], [1.5], [2.5], [3.5], [4.5]];
/// let offers = Offers::with_shot_noise(places.view(), &[10.0], 1.0)?;
/// let field = Field { surrogate: &gp, targets: places.view(), offers: &offers };
/// assert_eq!(best(&MeanGradient::default(), &field)?.index, 2); // on the step
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MeanGradient {
    after_measurement: bool,
}

impl MeanGradient {
    /// With the deviation `s²/√(s² + ν)` of the mean to come in place of `s`, ν being the noise variance of the
    /// measurement: how much of the doubt this dose can settle.
    #[must_use]
    pub fn after_measurement(self) -> Self {
        Self {
            after_measurement: true,
        }
    }
}

impl FieldCriterion for MeanGradient {
    fn scores(
        &self,
        surrogate: &dyn Surrogate,
        _: ArrayView2<'_, f64>,
        offers: &Offers,
    ) -> Result<Vec<f64>> {
        let places = offers.places();
        let slopes = places.rows().into_iter();
        let slopes = slopes.map(|place| posterior::slopes(surrogate, &place.to_vec()));
        let slopes = slopes.collect::<Result<Vec<_>>>()?;
        let each = offers.iter().map(|offer| {
            let slopes = &slopes[offer.place];
            let candidate = offer.believed(slopes.mean, slopes.variance)?;
            let variance = if self.after_measurement {
                candidate.variance_reduction()
            } else {
                candidate.variance()
            };
            let steepness = slopes.of_mean.iter().map(|slope| slope * slope);
            Ok(steepness.sum::<f64>().sqrt() * variance.sqrt())
        });
        each.collect()
    }

    fn scale(&self) -> Scale {
        Scale::Gain
    }
}
