//! The price of dose that makes spending meet the budget.

use super::{Field, FieldCriterion, scores};
use crate::acquisition::argument::{not_negative, positive};
use crate::error::{Error, Result};

/// The Lagrange multiplier `λ` of a budget, adapted as dose is spent: it rises while spending is ahead of the allowance and
/// falls while it lags.
///
/// After each choice `λ ← λ exp(η (spent/allowance − 1))`, the step of dual mirror descent with the entropy as mirror map,
/// where `allowance` is what is left of the budget over the choices left. It stays positive and needs no scale of the worth,
/// only a first guess; `η` is about `1/√choices`.
///
/// Source: Balseiro, Lu and Mirrokni, *The Best of Many Worlds: Dual Mirror Descent for Online Allocation Problems*, *Oper.
/// Res.* 71, 101 (2023) (arXiv 2011.10124).
///
/// ```
/// use dosewise::acquisition::{Acquisition, BudgetPrice, VarianceReduction};
/// let mut price = BudgetPrice::new(0.01, 1000.0, 50)?; // 20 e⁻/Å² a choice
/// price.spend(60.0)?;
/// assert!(price.multiplier() > 0.01); // too fast
/// let acquisition = VarianceReduction.priced(price.multiplier())?;
/// # let _ = acquisition;
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct BudgetPrice {
    multiplier: f64,
    step: f64,
    remaining: f64,
    choices: usize,
}

impl BudgetPrice {
    /// From a first guess of the multiplier (worth per e⁻/Å², e.g. of [`clearing_price`]), the whole `budget` (e⁻/Å²) and
    /// the number of `choices` it should last.
    ///
    /// # Errors
    /// [`Error::Argument`] unless multiplier and budget are finite and positive and there is a choice.
    pub fn new(multiplier: f64, budget: f64, choices: usize) -> Result<Self> {
        for (argument, value) in [("multiplier", multiplier), ("budget", budget)] {
            positive(argument, value)?;
        }
        if choices == 0 {
            return Err(Error::argument("choices", 0, "1 or more"));
        }
        Ok(Self {
            multiplier,
            step: 1.0 / (choices as f64).sqrt(),
            remaining: budget,
            choices,
        })
    }

    /// With another step size `η`.
    ///
    /// # Errors
    /// [`Error::Argument`] unless `step` is finite and positive.
    pub fn with_step(self, step: f64) -> Result<Self> {
        positive("step", step)?;
        Ok(Self { step, ..self })
    }

    /// The present multiplier `λ`, worth per e⁻/Å², for [`Acquisition::priced`](super::Acquisition::priced) and
    /// [`GittinsIndex`](super::GittinsIndex).
    pub fn multiplier(&self) -> f64 {
        self.multiplier
    }

    /// Dose left, e⁻/Å².
    pub fn remaining(&self) -> f64 {
        self.remaining
    }

    /// Dose the next choice may take on average, e⁻/Å²; 0 when no choice is left.
    pub fn allowance(&self) -> f64 {
        if self.choices == 0 {
            return 0.0;
        }
        self.remaining / self.choices as f64
    }

    /// Tells the dose (e⁻/Å²) that one choice took, 0 if nothing was worth its price. Once the budget or the choices are used
    /// up the multiplier stays.
    ///
    /// # Errors
    /// [`Error::Argument`] unless the dose is within 0..=[`remaining`](Self::remaining).
    pub fn spend(&mut self, dose: f64) -> Result<()> {
        if !(0.0..=self.remaining).contains(&dose) {
            return Err(Error::argument(
                "dose",
                dose,
                format!("0..={} e⁻/Å², what is left", self.remaining),
            ));
        }
        let allowance = self.allowance();
        if allowance > 0.0 {
            // one visit of many times the allowance should not decide the price for the rest of the run
            let excess = (dose / allowance - 1.0).min(10.0);
            let next = self.multiplier * (self.step * excess).exp();
            self.multiplier = next.clamp(f64::MIN_POSITIVE, f64::MAX);
        }
        self.remaining -= dose;
        self.choices = self.choices.saturating_sub(1);
        Ok(())
    }
}

/// What [`clearing_price`] found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClearingPrice {
    /// Smallest multiplier at which what is bought fits the budget, worth per e⁻/Å².
    pub multiplier: f64,
    /// Dose bought at that price, e⁻/Å².
    pub spend: f64,
    /// Number of places measured at that price.
    pub places: usize,
}

/// The smallest multiplier at which everything worth its price fits the budget, if each place takes the one of its doses with
/// the best net worth or none: the Lagrangian relaxation of the knapsack.
///
/// By bisection, the dose bought being a falling staircase of the price; 0 if all that is wanted fits. Worth of a level counts
/// from its reference, and budget, spend and price are in the unit of the costs on offer, doses (e⁻/Å²) unless said otherwise.
///
/// Source: Everett, *Oper. Res.* 11, 399 (1963); as a policy for measurements Xie et al. (arXiv 2406.20062).
///
/// # Errors
/// [`Error::Argument`] unless the budget is finite and not negative, or if a score is NaN or +∞, and what the criterion refuses.
///
/// ```
/// use dosewise::acquisition::{Acquisition, Field, Offers, VarianceReduction, clearing_price};
/// use dosewise::gp::{ExactGp, Kernel, Noise, Rbf};
/// use ndarray::array;
/// let prior = ExactGp::new(Rbf::isotropic(0.1).scaled(1.0), Noise::Homoscedastic(0.1));
/// let places = array![[0.0], [1.0], [2.0]];
/// let offers = Offers::with_shot_noise(places.view(), &[1.0, 4.0, 16.0], 4.0)?;
/// let field = Field { surrogate: &prior, targets: places.view(), offers: &offers };
/// let price = clearing_price(&VarianceReduction.at_each_place(), &field, 12.0)?;
/// assert_eq!((price.spend, price.places), (12.0, 3)); // the middle dose everywhere
/// # Ok::<(), dosewise::Error>(())
/// ```
pub fn clearing_price<C: FieldCriterion + ?Sized>(
    criterion: &C,
    field: &Field<'_>,
    budget: f64,
) -> Result<ClearingPrice> {
    not_negative("budget", budget)?;
    let scale = criterion.scale();
    let scored = scores(criterion, field)?.into_iter();
    let offers: Vec<(f64, f64)> = scored
        .zip(field.offers.costs())
        .map(|(score, cost)| (scale.excess(score), *cost))
        .collect();
    if offers.iter().any(|(worth, _)| *worth == f64::INFINITY) {
        return Err(Error::argument(
            "acquisition",
            "an infinite worth",
            "worths that a price can meet",
        ));
    }
    let bought = |multiplier: f64| {
        let mut spend = 0.0;
        let mut places = 0;
        for offers in offers.chunks(field.offers.doses()) {
            let mut best = (0.0, 0.0);
            for &(worth, dose) in offers {
                let net = worth - multiplier * dose;
                if net > best.0 {
                    best = (net, dose);
                }
            }
            spend += best.1;
            places += usize::from(best.1 > 0.0);
        }
        ClearingPrice {
            multiplier,
            spend,
            places,
        }
    };
    let free = bought(0.0);
    if free.spend <= budget {
        return Ok(free);
    }
    // at the best worth per dose nothing is bought any more
    let (mut low, mut high) = (0.0, 0.0_f64);
    for (worth, dose) in &offers {
        high = high.max(worth / dose);
    }
    high = (2.0 * high).min(f64::MAX);
    for _ in 0..2000 {
        let middle = low + 0.5 * (high - low);
        if middle <= low || middle >= high {
            break;
        }
        if bought(middle).spend <= budget {
            high = middle;
        } else {
            low = middle;
        }
    }
    Ok(bought(high))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acquisition::{
        Acquisition, Candidate, MutualInformation, Offers, PosteriorVariance, VarianceReduction,
        best,
    };
    use crate::gp::{Joint, Marginals, Surrogate};
    use crate::random::{Purpose, Stream};
    use crate::units::Seed;
    use ndarray::{Array1, Array2, ArrayView2};
    use rand::RngExt;

    /// Independent values with mean 0 and these variances, the place with coordinate i being number i.
    #[derive(Debug)]
    struct Known(Vec<f64>);

    impl Surrogate for Known {
        fn dimension(&self) -> usize {
            1
        }

        fn marginals(&self, points: ArrayView2<'_, f64>) -> Result<Marginals> {
            Ok(Marginals {
                mean: vec![0.0; points.nrows()],
                variance: points.iter().map(|x| self.0[*x as usize]).collect(),
            })
        }

        fn joint(&self, points: ArrayView2<'_, f64>) -> Result<Joint> {
            let Marginals { mean, variance } = self.marginals(points)?;
            let covariance = Array2::from_diag(&Array1::from(variance));
            Ok(Joint { mean, covariance })
        }
    }

    fn clearing(
        acquisition: &impl Acquisition,
        variances: &[f64],
        doses: &[f64],
        noise: f64,
        budget: f64,
    ) -> Result<ClearingPrice> {
        let places = Array2::from_shape_fn((variances.len(), 1), |(i, _)| i as f64);
        let offers = Offers::with_shot_noise(places.view(), doses, noise)?;
        let field = Field {
            surrogate: &Known(variances.to_vec()),
            targets: places.view(),
            offers: &offers,
        };
        clearing_price(&acquisition.at_each_place(), &field, budget)
    }

    /// Worths 4, 3, 2, 1 at dose 1: each price between two of them buys what is above it.
    #[test]
    fn the_clearing_price_is_the_worth_of_the_first_that_does_not_fit() {
        for (budget, multiplier, places) in
            [(4.0, 0.0, 4), (2.0, 2.0, 2), (2.9, 2.0, 2), (0.0, 4.0, 0)]
        {
            let variances = [3.0, 1.0, 4.0, 2.0];
            let price = clearing(&PosteriorVariance, &variances, &[1.0], 0.1, budget).unwrap();
            assert!((price.multiplier - multiplier).abs() < 1e-12, "{price:?}");
            assert_eq!((price.places, price.spend), (places, places as f64));
        }
    }

    #[test]
    fn a_rising_price_buys_smaller_doses_first() {
        let dose = |budget| {
            let doses = [1.0, 2.0, 4.0, 8.0, 16.0];
            let price = clearing(&VarianceReduction, &[1.0; 9], &doses, 4.0, budget).unwrap();
            assert!(price.spend <= budget);
            price.spend / price.places as f64
        };
        assert_eq!(dose(9.0 * 16.0), 16.0);
        assert!(dose(9.0 * 4.5) < 8.0 && dose(9.0 * 4.5) >= 4.0);
    }

    /// A stream of opportunities of random worth: whatever the first guess, the budget lasts and is used.
    #[test]
    fn spending_meets_the_budget_from_any_first_guess() {
        for first in [1e-4, 1e-2, 1.0] {
            let choices = 600;
            let mut price = BudgetPrice::new(first, 2000.0, choices).unwrap();
            let mut stream = Stream::new(Seed(5), Purpose::Policy, [3, 0]);
            let mut early = 0.0;
            for choice in 0..choices {
                let variance = stream.random::<f64>();
                let offers = [1.0, 4.0, 16.0]
                    .map(|dose| Candidate::new(0.0, variance, 4.0 / dose, dose).unwrap());
                let priced = VarianceReduction.priced(price.multiplier()).unwrap();
                let choice_made = best(&priced, &offers).unwrap();
                let dose = offers[choice_made.index].dose();
                let pays = choice_made.score > 0.0 && dose <= price.remaining();
                price.spend(if pays { dose } else { 0.0 }).unwrap();
                if choice == choices / 2 {
                    early = 2000.0 - price.remaining();
                }
            }
            let left = price.remaining() / 2000.0;
            assert!(left < 0.05, "first guess {first}: {left} left");
            assert!((0.3..0.7).contains(&(early / 2000.0)), "{first}: {early}");
        }
    }

    #[test]
    fn wrong_settings_are_refused() {
        for (multiplier, budget, choices) in [(0.0, 1.0, 1), (1.0, f64::NAN, 1), (1.0, 1.0, 0)] {
            assert!(BudgetPrice::new(multiplier, budget, choices).is_err());
        }
        let mut price = BudgetPrice::new(1.0, 10.0, 2).unwrap();
        assert!(price.spend(10.1).is_err() && price.spend(f64::NAN).is_err());
        assert!(price.clone().with_step(0.0).is_err());
        price.spend(10.0).unwrap();
        price.spend(0.0).unwrap();
        assert_eq!((price.allowance(), price.remaining()), (0.0, 0.0));
        for budget in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(clearing(&PosteriorVariance, &[1.0], &[1.0], 0.1, budget).is_err());
        }
        // without noise the information is infinite
        assert!(clearing(&MutualInformation, &[1.0], &[1.0], 0.0, 1.0).is_err());
    }
}
