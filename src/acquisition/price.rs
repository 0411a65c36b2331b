//! The price of dose that makes spending meet the budget.

use super::{Acquisition, Candidates, scores};
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
            if !(value.is_finite() && value > 0.0) {
                return Err(Error::argument(argument, value, "a finite number above 0"));
            }
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
        if !(step.is_finite() && step > 0.0) {
            return Err(Error::argument("step", step, "a finite number above 0"));
        }
        Ok(Self { step, ..self })
    }

    /// The present multiplier `λ`, worth per e⁻/Å², for [`Acquisition::priced`] and
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
/// from its reference.
///
/// Source: Everett, *Oper. Res.* 11, 399 (1963); as a policy for measurements Xie et al. (arXiv 2406.20062).
///
/// # Errors
/// [`Error::Argument`] unless the budget is finite and not negative, or if a score is NaN or +∞.
pub fn clearing_price<A: Acquisition + ?Sized>(
    acquisition: &A,
    candidates: &Candidates,
    budget: f64,
) -> Result<ClearingPrice> {
    if !(budget.is_finite() && budget >= 0.0) {
        return Err(Error::argument(
            "budget",
            budget,
            "a finite dose, 0 or more e⁻/Å²",
        ));
    }
    let scale = acquisition.scale();
    let scored = scores(acquisition, candidates)?.into_iter();
    let offers: Vec<(f64, f64)> = scored
        .zip(candidates.as_slice())
        .map(|(score, candidate)| (scale.excess(score), candidate.cost()))
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
        for offers in offers.chunks(candidates.doses()) {
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
    use crate::acquisition::{PosteriorVariance, VarianceReduction, best};
    use crate::random::{Purpose, Stream};
    use crate::units::Seed;
    use rand::RngExt;

    /// Worths 4, 3, 2, 1 at dose 1: each price between two of them buys what is above it.
    #[test]
    fn the_clearing_price_is_the_worth_of_the_first_that_does_not_fit() {
        let candidates =
            Candidates::product(&[0.0; 4], &[3.0, 1.0, 4.0, 2.0], &[1.0], |_, _| 0.1).unwrap();
        for (budget, multiplier, places) in
            [(4.0, 0.0, 4), (2.0, 2.0, 2), (2.9, 2.0, 2), (0.0, 4.0, 0)]
        {
            let price = clearing_price(&PosteriorVariance, &candidates, budget).unwrap();
            assert!((price.multiplier - multiplier).abs() < 1e-12, "{price:?}");
            assert_eq!((price.places, price.spend), (places, places as f64));
        }
    }

    #[test]
    fn a_rising_price_buys_smaller_doses_first() {
        let candidates =
            Candidates::with_shot_noise(&[0.0; 9], &[1.0; 9], &[1.0, 2.0, 4.0, 8.0, 16.0], 4.0)
                .unwrap();
        let dose = |budget| {
            let price = clearing_price(&VarianceReduction, &candidates, budget).unwrap();
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
                let offers =
                    Candidates::with_shot_noise(&[0.0], &[variance], &[1.0, 4.0, 16.0], 4.0)
                        .unwrap();
                let priced = VarianceReduction.priced(price.multiplier()).unwrap();
                let choice_made = best(&priced, &offers).unwrap();
                let dose = offers.as_slice()[choice_made.index].dose();
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
        let candidates = Candidates::product(&[0.0], &[1.0], &[1.0], |_, _| 0.0).unwrap();
        assert!(clearing_price(&PosteriorVariance, &candidates, -1.0).is_err());
        assert!(clearing_price(&crate::acquisition::MutualInformation, &candidates, 1.0).is_err());
    }
}
