//! The measurements on offer: places and doses.

use crate::acquisition::Candidate;
use crate::acquisition::argument::not_negative;
use crate::error::{Error, Result};
use crate::gp::Marginals;
use ndarray::{Array2, ArrayView2};

/// One measurement on offer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Offer {
    /// Index of its place among the rows of [`Offers::places`].
    pub place: usize,
    /// Dose, e⁻/Å².
    pub dose: f64,
    /// Noise **variance** that this dose gives there.
    pub noise_variance: f64,
    /// What it costs, the dose unless said otherwise.
    pub cost: f64,
}

impl Offer {
    /// The measurement together with the posterior `mean` and **variance** of the latent value at its place.
    ///
    /// # Errors
    /// As [`Candidate::new`] and [`Candidate::with_cost`].
    pub fn believed(&self, mean: f64, variance: f64) -> Result<Candidate> {
        Candidate::new(mean, variance, self.noise_variance, self.dose)?.with_cost(self.cost)
    }
}

/// All pairs of a place and a dose that could be measured next, place by place, each with all doses in the order given.
///
/// What a measurement costs is its dose unless [`with_costs`](Self::with_costs) says otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Offers {
    places: Array2<f64>,
    doses: Vec<f64>,
    noise_variances: Vec<f64>,
    costs: Vec<f64>,
}

impl Offers {
    /// The product of the rows of `places` (m × d) and `doses` (e⁻/Å²), with `noise(place, dose)` the noise **variance** of a
    /// measurement.
    ///
    /// # Errors
    /// [`Error::Argument`] if places or doses are missing, a coordinate is not finite, a dose is not finite and positive or a
    /// noise variance not finite and at least 0.
    pub fn product(
        places: ArrayView2<'_, f64>,
        doses: &[f64],
        noise: impl Fn(usize, f64) -> f64,
    ) -> Result<Self> {
        for (argument, count) in [("places", places.nrows()), ("doses", doses.len())] {
            if count == 0 {
                return Err(Error::argument(argument, "none", "at least one"));
            }
        }
        if let Some(wrong) = places.iter().find(|coordinate| !coordinate.is_finite()) {
            return Err(Error::argument("places", wrong, "finite coordinates"));
        }
        let wrong = |dose: &&f64| !(dose.is_finite() && **dose > 0.0);
        if let Some(wrong) = doses.iter().find(wrong) {
            return Err(Error::argument(
                "doses",
                wrong,
                "finite doses above 0 e⁻/Å²",
            ));
        }
        let mut noise_variances = Vec::with_capacity(places.nrows().saturating_mul(doses.len()));
        for place in 0..places.nrows() {
            for &dose in doses {
                let variance = noise(place, dose);
                if !(variance.is_finite() && variance >= 0.0) {
                    return Err(Error::argument(
                        format!("noise at place {place}"),
                        variance,
                        "a finite variance, 0 or more",
                    ));
                }
                noise_variances.push(variance);
            }
        }
        Ok(Self {
            places: places.to_owned(),
            doses: doses.to_vec(),
            noise_variances,
            costs: doses.repeat(places.nrows()),
        })
    }

    /// As [`product`](Self::product) with shot noise, `ν = variance_at_unit_dose / dose` at every place.
    ///
    /// `variance_at_unit_dose` has the unit of the value squared times e⁻/Å².
    ///
    /// # Errors
    /// As [`product`](Self::product), and unless `variance_at_unit_dose` is finite and not negative.
    pub fn with_shot_noise(
        places: ArrayView2<'_, f64>,
        doses: &[f64],
        variance_at_unit_dose: f64,
    ) -> Result<Self> {
        not_negative("variance_at_unit_dose", variance_at_unit_dose)?;
        Self::product(places, doses, |_, dose| variance_at_unit_dose / dose)
    }

    /// With `cost(place, dose)` in place of the dose as what a measurement costs: time, money, or a dose that depends on the
    /// place. Wrappers such as [`per_dose`](super::FieldCriterion::per_dose) and budgets then count in its unit.
    ///
    /// # Errors
    /// [`Error::Argument`] if a cost is not finite and positive.
    pub fn with_costs(mut self, cost: impl Fn(usize, f64) -> f64) -> Result<Self> {
        for (index, held) in self.costs.iter_mut().enumerate() {
            let place = index / self.doses.len();
            *held = cost(place, self.doses[index % self.doses.len()]);
            if !(held.is_finite() && *held > 0.0) {
                return Err(Error::argument(
                    format!("cost at place {place}"),
                    *held,
                    "a finite cost above 0",
                ));
            }
        }
        Ok(self)
    }

    /// Each offer with the belief at its place, in their order: what an [`Acquisition`](crate::acquisition::Acquisition) judges.
    ///
    /// `belief` holds posterior mean and **variance** of the latent value, one of each a place, from whatever surrogate.
    ///
    /// # Errors
    /// [`Error::Argument`] unless there is one mean and one variance for each place, and as [`Offer::believed`]; the message
    /// names the place.
    pub fn believed(&self, belief: &Marginals) -> Result<Vec<Candidate>> {
        let (places, found) = (self.places.nrows(), [&belief.mean, &belief.variance]);
        if found.iter().any(|values| values.len() != places) {
            return Err(Error::argument(
                "belief",
                format!("{} means and {} variances", found[0].len(), found[1].len()),
                format!("{places} of each, one a place"),
            ));
        }
        let each = self.iter().map(|offer| {
            let candidate = offer.believed(belief.mean[offer.place], belief.variance[offer.place]);
            candidate.map_err(|error| at_place(offer.place, error))
        });
        each.collect()
    }

    /// What each measurement costs, its dose (e⁻/Å²) unless said otherwise.
    pub fn costs(&self) -> &[f64] {
        &self.costs
    }

    /// Number of measurements on offer.
    pub fn len(&self) -> usize {
        self.noise_variances.len()
    }

    /// Never: an offer without places or doses is refused.
    pub fn is_empty(&self) -> bool {
        self.noise_variances.is_empty()
    }

    /// The places, m × d.
    pub fn places(&self) -> ArrayView2<'_, f64> {
        self.places.view()
    }

    /// Place and dose (e⁻/Å²) of the offer with this index, or `None` beyond the last.
    pub fn locate(&self, index: usize) -> Option<(usize, f64)> {
        let dose = || self.doses[index % self.doses.len()];
        (index < self.len()).then(|| (index / self.doses.len(), dose()))
    }

    /// The offer with this index, or `None` beyond the last.
    pub fn get(&self, index: usize) -> Option<Offer> {
        let (place, dose) = self.locate(index)?;
        Some(Offer {
            place,
            dose,
            noise_variance: self.noise_variances[index],
            cost: self.costs[index],
        })
    }

    /// All offers in their order.
    pub fn iter(&self) -> impl Iterator<Item = Offer> + '_ {
        (0..self.len()).map_while(|index| self.get(index))
    }

    /// How many doses are on offer at each place.
    pub(in crate::acquisition) fn doses(&self) -> usize {
        self.doses.len()
    }

    /// Noise variances of the measurements.
    pub(in crate::acquisition) fn noise_variances(&self) -> &[f64] {
        &self.noise_variances
    }

    /// What `score(place, noise variance)` says of each offer.
    pub(super) fn score_each(&self, mut score: impl FnMut(usize, f64) -> f64) -> Vec<f64> {
        let offers = self.noise_variances.iter().enumerate();
        offers
            .map(|(index, &noise)| score(index / self.doses.len(), noise))
            .collect()
    }
}

fn at_place(place: usize, error: Error) -> Error {
    match error {
        Error::Argument {
            argument,
            found,
            allowed,
        } => Error::Argument {
            argument: format!("{argument} of place {place}"),
            found,
            allowed,
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn the_order_is_place_by_place() {
        let places = array![[0.0], [1.0]];
        let offers = Offers::with_shot_noise(places.view(), &[2.0, 4.0], 8.0).unwrap();
        assert_eq!((offers.len(), offers.is_empty()), (4, false));
        assert_eq!(offers.locate(1), Some((0, 4.0)));
        assert_eq!(offers.locate(2), Some((1, 2.0)));
        assert_eq!(offers.locate(4), None);
        let seen = offers.score_each(|place, noise| place as f64 * 100.0 + noise);
        assert_eq!(seen, [4.0, 2.0, 104.0, 102.0]);
        assert_eq!(offers.costs(), [2.0, 4.0, 2.0, 4.0]);
        let offers = offers
            .with_costs(|place, dose| dose + 10.0 * place as f64)
            .unwrap();
        assert_eq!(offers.costs(), [2.0, 4.0, 12.0, 14.0]);
        assert_eq!(offers.locate(2), Some((1, 2.0)));
        let third = Offer {
            place: 1,
            dose: 2.0,
            noise_variance: 4.0,
            cost: 12.0,
        };
        assert_eq!(offers.iter().nth(2), Some(third));
        assert_eq!((offers.iter().count(), offers.get(4)), (4, None));
    }

    #[test]
    fn beliefs_are_one_a_place() {
        let noise = |place: usize, dose: f64| (place + 1) as f64 / dose;
        let offers = Offers::product(array![[0.0], [1.0]].view(), &[4.0, 8.0], noise).unwrap();
        let offers = offers.with_costs(|_, dose| 2.0 * dose).unwrap();
        let belief = |mean: [f64; 2], variance: &[f64]| Marginals {
            mean: mean.to_vec(),
            variance: variance.to_vec(),
        };
        let candidates = offers.believed(&belief([1.0, 2.0], &[0.1, 0.2])).unwrap();
        assert_eq!(candidates.len(), 4);
        let third = &candidates[2];
        assert_eq!((third.mean(), third.variance()), (2.0, 0.2));
        assert_eq!((third.dose(), third.cost()), (4.0, 8.0));
        assert_eq!(third.noise_variance(), 0.5);
        for (mean, variance, wanted) in [
            ([0.0, 0.0], vec![1.0], "belief"),
            ([0.0, 0.0], vec![1.0, -1.0], "variance of place 1"),
            ([f64::NAN, 0.0], vec![1.0, 1.0], "mean of place 0"),
        ] {
            let error = offers.believed(&belief(mean, &variance)).unwrap_err();
            assert!(error.to_string().starts_with(wanted), "{error}");
        }
    }

    #[test]
    fn wrong_offers_are_refused() {
        let places = array![[0.0], [1.0]];
        let none = Array2::<f64>::zeros((0, 1));
        let nan = array![[f64::NAN]];
        assert!(Offers::with_shot_noise(none.view(), &[1.0], 1.0).is_err());
        assert!(Offers::with_shot_noise(nan.view(), &[1.0], 1.0).is_err());
        assert!(Offers::with_shot_noise(places.view(), &[], 1.0).is_err());
        assert!(Offers::with_shot_noise(places.view(), &[1.0], f64::NAN).is_err());
        assert!(Offers::with_shot_noise(places.view(), &[1.0, 0.0], 1.0).is_err());
        let error = Offers::product(places.view(), &[1.0], |place, _| -(place as f64));
        assert!(error.unwrap_err().to_string().contains("place 1"));
        let offers = Offers::with_shot_noise(places.view(), &[1.0], 1.0).unwrap();
        for wrong in [0.0, f64::NAN, f64::INFINITY] {
            let cost = |place, _| if place == 1 { wrong } else { 1.0 };
            let error = offers.clone().with_costs(cost).unwrap_err();
            assert!(error.to_string().contains("place 1"));
        }
    }
}
