//! Dose that destroys what it measures: worth discounted by survival, neighbours charged for.

use super::{FieldCriterion, Offer, Offers, Scale};
use crate::error::{Error, Result};
use crate::gp::Surrogate;
use crate::sequential::Survival;
use ndarray::ArrayView2;

/// Where damage stands: the dose each place has had, and which places a visit also hits. [`Damaged`] is what comes of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Damage {
    survival: Survival,
    doses: Vec<f64>,
    neighbours: Vec<Vec<(usize, f64)>>,
}

impl Damage {
    /// With the cumulative dose (e⁻/Å²) that each place has had, and no neighbours.
    ///
    /// # Errors
    /// [`Error::Argument`] unless every dose is finite and not negative.
    pub fn new(survival: Survival, doses: Vec<f64>) -> Result<Self> {
        if let Some(wrong) = doses
            .iter()
            .find(|dose| !(dose.is_finite() && **dose >= 0.0))
        {
            return Err(Error::argument(
                "doses",
                wrong,
                "finite doses, 0 or more e⁻/Å²",
            ));
        }
        Ok(Self {
            survival,
            doses,
            neighbours: Vec::new(),
        })
    }

    /// With, for each place, the other places that its visits hit and the share of the dose that lands there, 0 to 1.
    ///
    /// # Errors
    /// [`Error::Argument`] unless there is one list a place, every neighbour is another one of the places and every share is
    /// within 0..=1.
    pub fn with_neighbours(self, neighbours: Vec<Vec<(usize, f64)>>) -> Result<Self> {
        let places = self.doses.len();
        if neighbours.len() != places {
            return Err(Error::argument(
                "neighbours",
                format!("{} lists", neighbours.len()),
                format!("{places}, one for each place"),
            ));
        }
        for (place, list) in neighbours.iter().enumerate() {
            for &(neighbour, share) in list {
                if neighbour >= places || neighbour == place || !(0.0..=1.0).contains(&share) {
                    return Err(Error::argument(
                        format!("neighbours of place {place}"),
                        format!("place {neighbour} with a share of {share}"),
                        format!("another place below {places} with a share within 0..=1"),
                    ));
                }
            }
        }
        Ok(Self { neighbours, ..self })
    }

    /// Turns the worth of each measurement on offer, as an excess over measuring nothing, into its net worth.
    fn charge(&self, worth: &mut [f64], offers: &Offers) -> Result<()> {
        let places = offers.places().nrows();
        if places != self.doses.len() {
            return Err(Error::argument(
                "offers",
                format!("{places} places"),
                format!("{}, one for each cumulative dose", self.doses.len()),
            ));
        }
        let mut left = vec![0.0_f64; places];
        for (worth, Offer { place, dose, .. }) in worth.iter_mut().zip(offers.iter()) {
            if *worth > 0.0 {
                *worth *= self.survival.intact(self.doses[place] + 0.5 * dose);
            }
            left[place] = left[place].max(*worth);
        }
        for (worth, Offer { place, dose, .. }) in worth.iter_mut().zip(offers.iter()) {
            for &(neighbour, share) in self.neighbours.get(place).into_iter().flatten() {
                let lost = self.survival.lost(self.doses[neighbour], share * dose);
                // an infinite worth of which nothing is lost costs nothing
                if lost > 0.0 {
                    *worth -= left[neighbour] * lost;
                }
            }
        }
        Ok(())
    }
}

/// Worth of what is left, less the harm done: any criterion where dose destroys what it measures.
///
/// The net worth of visiting place i with dose d, `a` being the worth that it wraps, is
///
/// `a S(Dᵢ + d/2) − Σⱼ wⱼ (1 − S(Dⱼ + qᵢⱼ d)/S(Dⱼ))`,
///
/// the first factor the chance that place i is still itself in the middle of the visit, `qᵢⱼ` the share of the dose that
/// lands on neighbour j (tails of the probe, overlap of scan steps), `wⱼ` what is left to be learned there: the largest
/// discounted worth of any dose on offer at j, not below 0. The places are those of the offers, in their order.
///
/// A log-gain is turned back into its gain; of a level the excess over its reference counts, and only an excess above 0 is
/// discounted. The result is a level with reference 0, in the unit of the worth: further wrappers go around it
/// (`criterion.damaged(damage).per_dose()`), or inside where the worth per electron is what damage discounts.
///
/// The form is a heuristic of this crate. That neighbours suffer, and that the order of visits matters, is measured in
/// Jannis, Velazco, Béché and Verbeeck, arXiv 2104.14992.
///
/// ```
/// use dosewise::acquisition::{Acquisition, Damage, Field, Offers, PosteriorVariance, Survival, scores};
/// use dosewise::gp::{ExactGp, Kernel, Noise, Rbf};
/// use ndarray::array;
/// let prior = ExactGp::new(Rbf::isotropic(1.0).scaled(1.0), Noise::Homoscedastic(0.1));
/// let places = array![[0.0], [5.0]];
/// let offers = Offers::product(places.view(), &[10.0], |_, _| 0.1)?;
/// let damage = Damage::new(Survival::new(100.0, 1.0)?, vec![0.0, 300.0])?;
/// let field = Field { surrogate: &prior, targets: places.view(), offers: &offers };
/// let worth = scores(&PosteriorVariance.damaged(damage), &field)?;
/// assert!(worth[0] > 20.0 * worth[1] && worth[1] > 0.0); // there is little left to see at the second
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Damaged<C> {
    criterion: C,
    damage: Damage,
}

impl<C> Damaged<C> {
    pub(super) fn new(criterion: C, damage: Damage) -> Self {
        Self { criterion, damage }
    }
}

impl<C: FieldCriterion> FieldCriterion for Damaged<C> {
    /// As the trait says, and [`Error::Argument`] unless there is one cumulative dose for each place on offer.
    fn scores(
        &self,
        surrogate: &dyn Surrogate,
        targets: ArrayView2<'_, f64>,
        offers: &Offers,
    ) -> Result<Vec<f64>> {
        let scale = self.criterion.scale();
        let mut worth = self.criterion.scores(surrogate, targets, offers)?;
        for worth in &mut worth {
            *worth = scale.excess(*worth);
        }
        self.damage.charge(&mut worth, offers)?;
        Ok(worth)
    }

    fn scale(&self) -> Scale {
        Scale::Level { reference: 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acquisition::{
        Acquisition, LogExpectedImprovement, PosteriorVariance, UpperConfidenceBound,
    };
    use crate::gp::{Joint, Marginals};
    use ndarray::{Array1, Array2, array};

    fn survival() -> Survival {
        Survival::new(100.0, 2.0).unwrap()
    }

    /// A belief given by its numbers, at places without correlation.
    #[derive(Debug)]
    struct Known;

    impl Surrogate for Known {
        fn dimension(&self) -> usize {
            1
        }

        fn marginals(&self, points: ArrayView2<'_, f64>) -> Result<Marginals> {
            let each = |values: [f64; 3]| points.iter().map(|x| values[*x as usize]).collect();
            Ok(Marginals {
                mean: each([0.0, 0.5, 1.0]),
                variance: each([1.0, 2.0, 0.5]),
            })
        }

        fn joint(&self, points: ArrayView2<'_, f64>) -> Result<Joint> {
            let Marginals { mean, variance } = self.marginals(points)?;
            let covariance = Array2::from_diag(&Array1::from(variance));
            Ok(Joint { mean, covariance })
        }
    }

    fn places() -> Array2<f64> {
        array![[0.0], [1.0], [2.0]]
    }

    fn net(criterion: impl FieldCriterion, doses: &[f64]) -> Result<Vec<f64>> {
        let offers = Offers::product(places().view(), doses, |_, _| 0.1)?;
        criterion.scores(&Known, places().view(), &offers)
    }
    #[test]
    fn by_hand() {
        let worth = |damage: &Damage| {
            let criterion = PosteriorVariance.damaged(damage.clone());
            net(criterion, &[10.0, 40.0]).unwrap()
        };
        let damage = Damage::new(survival(), vec![0.0, 50.0, 120.0]).unwrap();
        let plain = worth(&damage);
        let s = |dose: f64| (-(dose / 100.0).powi(2)).exp();
        assert!((plain[2] - 2.0 * s(55.0)).abs() < 1e-14);
        let neighbours = vec![vec![(1, 0.25)], vec![], vec![(0, 1.0), (1, 0.5)]];
        let charged = worth(&damage.with_neighbours(neighbours).unwrap());
        let charge = 2.0 * s(55.0) * (1.0 - s(60.0) / s(50.0));
        assert!((charged[1] - (s(20.0) - charge)).abs() < 1e-14);
        assert_eq!(charged[2], plain[2]);
        let both = s(5.0) * (1.0 - s(10.0)) + 2.0 * s(55.0) * (1.0 - s(55.0) / s(50.0));
        assert!((charged[4] - (0.5 * s(125.0) - both)).abs() < 1e-14);
    }

    #[test]
    fn every_scale_is_brought_to_worth() {
        let damage = || Damage::new(survival(), vec![0.0; 3]).unwrap();
        let log = LogExpectedImprovement::over(0.4).unwrap();
        let plain = net(log.at_each_place(), &[20.0]).unwrap()[1].exp();
        let worth = net(log.damaged(damage()), &[20.0]).unwrap();
        assert!((worth[1] - plain * survival().intact(10.0)).abs() < 1e-14);
        let bound = UpperConfidenceBound::new(0.0).unwrap().over(0.6).unwrap();
        let worth = net(bound.damaged(damage()), &[20.0]).unwrap();
        assert!((worth[0] + 0.6).abs() < 1e-15); // a shortfall is not discounted
        assert!((worth[2] - 0.4 * survival().intact(10.0)).abs() < 1e-15);
    }

    #[test]
    fn small_losses_keep_their_digits() {
        let lost = Survival::new(1e6, 1.0).unwrap().lost(10.0, 1e-9);
        assert!((lost / 1e-15 - 1.0).abs() < 1e-2, "{lost}");
    }

    #[test]
    fn wrong_settings_are_refused() {
        assert!(Survival::new(0.0, 1.0).is_err() && Survival::new(1.0, f64::NAN).is_err());
        assert!(Damage::new(survival(), vec![-1.0]).is_err());
        let damage = Damage::new(survival(), vec![0.0; 2]).unwrap();
        let error = net(PosteriorVariance.damaged(damage.clone()), &[1.0]).unwrap_err();
        assert!(error.to_string().starts_with("offers"), "{error}");
        for wrong in [
            vec![vec![]],
            vec![vec![(0, 0.1)], vec![]],
            vec![vec![(2, 0.1)], vec![]],
            vec![vec![(1, 1.1)], vec![]],
        ] {
            assert!(damage.clone().with_neighbours(wrong).is_err());
        }
    }
}
