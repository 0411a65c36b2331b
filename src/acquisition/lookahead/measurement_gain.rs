//! What a set of measurements tells about a field.

use super::SetFunction;
use super::imagined::Imagined;
use crate::acquisition::Offers;
use crate::acquisition::field::Belief;
use crate::error::{Error, Result};
use crate::gp::Surrogate;
use ndarray::ArrayView2;
use rayon::prelude::*;

/// What a set of offered measurements tells, to plan by with [`knapsack`](super::knapsack); each offer once, so that two doses
/// of one place are two measurements there.
///
/// For a Gaussian posterior neither worth depends on the outcomes, so a set can be chosen beforehand without loss for not
/// having seen them (Krause, Singh and Guestrin, *J. Mach. Learn. Res.* 9, 235 (2008)).
///
/// ```
/// use dosewise::acquisition::{MeasurementGain, Offers, knapsack};
/// use dosewise::gp::{ExactGp, Kernel, Noise, Rbf};
/// use ndarray::{Array2, array};
/// let gp = ExactGp::new(Rbf::isotropic(1.0).scaled(1.0), Noise::Homoscedastic(0.1)).condition(&array![[0.0]], &[0.3])?;
/// let places = Array2::from_shape_fn((9, 1), |(i, _)| i as f64);
/// let offers = Offers::with_shot_noise(places.view(), &[5.0, 50.0], 1.0)?;
/// let plan = knapsack(&MeasurementGain::information(&gp, &offers)?, offers.costs(), 40.0)?;
/// assert_eq!(plan.items.len(), 8); // few electrons at each of eight places
/// assert!(plan.worth > 0.8 * plan.upper_bound.unwrap_or(0.0));
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct MeasurementGain {
    imagined: Imagined,
    offers: Offers,
    worth: Worth,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Worth {
    Information,
    VarianceReduction,
}

impl MeasurementGain {
    /// Mutual information of the measurements and the field, in nats: a measurement at place i adds `½ ln(1 + k(i, i)/ν)`,
    /// with the covariance k given those before and its noise variance `ν`. Monotone and submodular.
    ///
    /// Memory is m² for m places; [`SetFunction::gains`] costs M for M offers, [`SetFunction::take`] as many times m as were
    /// taken before.
    ///
    /// Source: Srinivas, Krause, Kakade and Seeger, *IEEE Trans. Inf. Theory* 58, 3250 (2012) (arXiv 0912.3995), lemma 5.3.
    ///
    /// # Errors
    /// As [`Surrogate::joint`]; [`Error::Argument`] if the posterior is not finite, or a measurement has no noise, whose
    /// information would be infinite.
    pub fn information(surrogate: &dyn Surrogate, offers: &Offers) -> Result<Self> {
        if offers.noise_variances().contains(&0.0) {
            return Err(Error::argument(
                "offers",
                "a noise variance of 0",
                "noise variances above 0, where information is finite",
            ));
        }
        Ok(Self {
            imagined: Imagined::new(Belief::of_places(surrogate, offers.places())?),
            offers: offers.clone(),
            worth: Worth::Information,
        })
    }

    /// Variance that the measurements remove, summed over the rows of `targets` (t × d), in units of the value squared: a
    /// measurement at place i adds `Σⱼ k(j, i)²/(k(i, i) + ν)`, with the covariance k given those before.
    ///
    /// Monotone, but in general not submodular: a measurement may make another one more telling (Das and Kempe, STOC 2008).
    /// [`SetFunction::gains`] costs t m k multiplications once k measurements are taken, in parallel over the m places.
    ///
    /// # Errors
    /// As [`Surrogate::joint`]; [`Error::Argument`] if there is no target or the posterior is not finite.
    pub fn variance_reduction(
        surrogate: &dyn Surrogate,
        targets: ArrayView2<'_, f64>,
        offers: &Offers,
    ) -> Result<Self> {
        Ok(Self {
            imagined: Imagined::new(Belief::of(surrogate, targets, offers.places())?),
            offers: offers.clone(),
            worth: Worth::VarianceReduction,
        })
    }

    /// What each dose at a place would add.
    fn gains_at(&self, place: usize) -> impl Iterator<Item = f64> {
        let variance = self.imagined.variance(place);
        let squares: f64 = match self.worth {
            Worth::Information => 0.0,
            Worth::VarianceReduction => {
                let covariances = self
                    .imagined
                    .targets()
                    .map(|j| self.imagined.covariance(j, place));
                covariances.map(|c| c * c).sum()
            }
        };
        let doses = self.offers.doses();
        let noises = &self.offers.noise_variances()[place * doses..][..doses];
        noises.iter().map(move |noise| match self.worth {
            Worth::Information => 0.5 * (variance / noise).ln_1p(),
            Worth::VarianceReduction => {
                let deviation = self.imagined.outcome_deviation(place, *noise);
                deviation.map_or(0.0, |deviation| squares / deviation / deviation)
            }
        })
    }
}

impl SetFunction for MeasurementGain {
    fn gains(&self) -> Vec<f64> {
        let places = 0..self.offers.places().nrows();
        places
            .into_par_iter()
            .flat_map_iter(|place| self.gains_at(place))
            .collect()
    }

    fn take(&mut self, item: usize) {
        let noise = self.offers.noise_variances()[item];
        self.imagined
            .measure(item / self.offers.doses(), noise, 0.0);
    }

    fn is_submodular(&self) -> bool {
        self.worth == Worth::Information
    }
}
