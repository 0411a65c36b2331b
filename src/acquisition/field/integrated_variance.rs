//! Learn the whole field: by how much does one measurement lower the variance everywhere?

use super::belief::{Belief, explained};
use super::{FieldCriterion, Offers};
use crate::acquisition::Scale;
use crate::error::Result;
use crate::gp::Surrogate;
use ndarray::ArrayView2;

/// Integrated variance reduction, `Σⱼ k(j, i)²/(k(i, i) + ν)` over the targets j, with the posterior covariance k and the
/// noise variance `ν` of the measurement at place i; units of the value squared.
///
/// It does not depend on what has been measured, only on where, so a whole design can be planned beforehand. To weigh targets
/// repeat them.
///
/// Source: Cohn, *Neural Netw.* 9, 1071 (1996); for Gaussian processes Seo, Wallat, Graepel and Obermayer, IJCNN 2000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IntegratedVarianceReduction;

impl FieldCriterion for IntegratedVarianceReduction {
    fn scores(
        &self,
        surrogate: &dyn Surrogate,
        targets: ArrayView2<'_, f64>,
        offers: &Offers,
    ) -> Result<Vec<f64>> {
        let belief = Belief::of(surrogate, targets, offers.places())?;
        Ok(offers.score_each(|place, noise| {
            let variance = belief.variance(place);
            let reductions = belief.with_targets(place).into_iter();
            reductions.map(|&c| explained(c, variance, noise)).sum()
        }))
    }

    fn scale(&self) -> Scale {
        Scale::Gain
    }
}
