//! Dose set against worth: per dose, cooled by the budget left, priced by a multiplier.

use super::{Acquisition, Candidate, Scale, ScoreSlopes};
use crate::acquisition::argument::{not_negative, positive};
use crate::error::{Error, Result};

/// Worth per electron, `a / cost`, the cost being the dose (e⁻/Å²) unless [said](Candidate::with_cost)
/// [otherwise](super::Offers::with_costs).
///
/// By the [`Scale`] of what it wraps: a gain is divided by the cost; from a log-gain `ln cost` is subtracted; of a level the
/// excess over its reference is taken first. A shortfall below the reference is *multiplied* by the cost instead of divided:
/// dividing would shrink it and so prefer the most expensive of the bad candidates. More cost for the same score is therefore
/// never better, whatever the sign, and the result passes through 0 without a jump. It is a level with reference 0.
///
/// A worth that does not depend on the dose (posterior variance, plain expected improvement) then always takes the smallest dose
/// on offer; use the forms that know the noise ([`VarianceReduction`](super::VarianceReduction),
/// [`after_measurement`](Acquisition::after_measurement)) where the dose is to be chosen as well.
///
/// Source: Snoek, Larochelle and Adams, NeurIPS 2012 (arXiv 1206.2944), "expected improvement per second".
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PerDose<A> {
    pub(super) acquisition: A,
}

impl<A> PerDose<A> {
    pub(super) fn new(acquisition: A) -> Self {
        Self { acquisition }
    }

    /// `score` on a scale, set against a cost.
    pub(super) fn set(&self, score: f64, scale: Scale, cost: f64) -> f64 {
        set_against(score, scale, cost, cost.ln())
    }
}

impl<A: Acquisition> Acquisition for PerDose<A> {
    fn score(&self, candidate: &Candidate) -> f64 {
        let score = self.acquisition.score(candidate);
        self.set(score, self.acquisition.scale(), candidate.cost())
    }

    fn scale(&self) -> Scale {
        scale_of_quotient(self.acquisition.scale())
    }

    fn slopes(&self, candidate: &Candidate) -> ScoreSlopes {
        slopes_against(&self.acquisition, candidate, candidate.cost())
    }
}

/// Worth per `cost^exponent`, the exponent cooling from 1 to 0 as the budget is spent.
///
/// Early on it explores per electron, at the end it takes the best candidate whatever its dose. Gains, log-gains and levels are
/// treated as in [`PerDose`], with `cost^exponent` for the cost. The exponent comes from [`RemainingBudget::exponent`].
///
/// Source: Lee, Perrone, Archambeau and Seeger, *Cost-aware Bayesian Optimization* (CArBO), arXiv 2003.10870, "EI-cool".
///
/// ```
/// use dosewise::acquisition::{Acquisition, ExpectedImprovement, RemainingBudget};
/// let budget = RemainingBudget { total: 1000.0, spent: 600.0, spent_initially: 200.0 };
/// let acquisition = ExpectedImprovement::over(0.0)?.cooled(budget.exponent()?)?; // EI / √dose
/// # assert_eq!(budget.exponent()?, 0.5);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cooled<A> {
    pub(super) acquisition: A,
    exponent: f64,
}

impl<A> Cooled<A> {
    pub(super) fn new(acquisition: A, exponent: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&exponent) {
            return Err(Error::argument("exponent", exponent, "0..=1"));
        }
        Ok(Self {
            acquisition,
            exponent,
        })
    }

    /// `score` on a scale, set against a cost.
    pub(super) fn set(&self, score: f64, scale: Scale, cost: f64) -> f64 {
        let ln_cost = self.exponent * cost.ln();
        set_against(score, scale, cost.powf(self.exponent), ln_cost)
    }
}

impl<A: Acquisition> Acquisition for Cooled<A> {
    fn score(&self, candidate: &Candidate) -> f64 {
        let score = self.acquisition.score(candidate);
        self.set(score, self.acquisition.scale(), candidate.cost())
    }

    fn scale(&self) -> Scale {
        scale_of_quotient(self.acquisition.scale())
    }

    fn slopes(&self, candidate: &Candidate) -> ScoreSlopes {
        let cost = candidate.cost().powf(self.exponent);
        slopes_against(&self.acquisition, candidate, cost)
    }
}

/// Where a run stands with its dose; all in e⁻/Å².
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RemainingBudget {
    /// The whole budget `B`.
    pub total: f64,
    /// Dose spent so far.
    pub spent: f64,
    /// Dose that had been spent when the choosing began, on a survey say.
    pub spent_initially: f64,
}

impl RemainingBudget {
    /// Share of the dose open to choice that is still left, `(B − spent)/(B − spent_initially)`, the exponent of
    /// [`Cooled`]: 1 at the beginning, 0 at the end.
    ///
    /// # Errors
    /// [`Error::Argument`] unless all are finite and `0 ≤ spent_initially ≤ spent ≤ total` with `spent_initially < total`.
    pub fn exponent(&self) -> Result<f64> {
        positive("total", self.total)?;
        if !(self.spent_initially >= 0.0 && self.spent_initially < self.total) {
            return Err(Error::argument(
                "spent_initially",
                self.spent_initially,
                format!("0 or more and below the total of {}", self.total),
            ));
        }
        if !(self.spent_initially..=self.total).contains(&self.spent) {
            return Err(Error::argument(
                "spent",
                self.spent,
                format!("{}..={}", self.spent_initially, self.total),
            ));
        }
        Ok((self.total - self.spent) / (self.total - self.spent_initially))
    }
}

/// Worth minus price, `a − λ cost`, the cost being the dose unless said otherwise.
///
/// The multiplier `λ` says how much worth one e⁻/Å² must bring; as the Lagrange multiplier of the budget it is the worth per
/// electron of the last electron one can afford. From a gain or a level the price is subtracted; a log-gain `ℓ` is turned
/// back into its gain first, `exp(ℓ) − λ cost`, since prices add to gains and not to their logarithms. (A gain below the
/// smallest `f64` then counts as none; rank by the log-gain itself where nothing has a price.)
///
/// The result is a level, with reference 0 for gains and log-gains and the old reference for levels. **A best score at or
/// below the reference says that no candidate is worth its dose: stop.**
///
/// Source: Xie, Astudillo, Frazier, Scully and Terenin, *Cost-aware Bayesian Optimization via the Pandora's Box Gittins
/// Index*, NeurIPS 2024 (arXiv 2406.20062), for the multiplier of an expected budget.
///
/// ```
/// use dosewise::acquisition::{Acquisition, Candidate, VarianceReduction};
/// let candidate = Candidate::new(0.0, 0.25, 0.75, 10.0)?;
/// let net = VarianceReduction.priced(0.01)?.score(&candidate);
/// assert!((net - (0.0625 - 0.1)).abs() < 1e-15); // not worth ten electrons
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Priced<A> {
    pub(super) acquisition: A,
    multiplier: f64,
}

impl<A> Priced<A> {
    pub(super) fn new(acquisition: A, multiplier: f64) -> Result<Self> {
        not_negative("multiplier", multiplier)?;
        Ok(Self {
            acquisition,
            multiplier,
        })
    }

    /// `score` on a scale, less the price of a cost.
    pub(super) fn set(&self, score: f64, scale: Scale, cost: f64) -> f64 {
        let worth = match scale {
            Scale::Gain | Scale::Level { .. } => score,
            Scale::LogGain => score.exp(),
        };
        worth - self.multiplier * cost
    }
}

impl<A: Acquisition> Acquisition for Priced<A> {
    fn score(&self, candidate: &Candidate) -> f64 {
        let score = self.acquisition.score(candidate);
        self.set(score, self.acquisition.scale(), candidate.cost())
    }

    fn scale(&self) -> Scale {
        scale_of_difference(self.acquisition.scale())
    }

    fn slopes(&self, candidate: &Candidate) -> ScoreSlopes {
        let factor = match self.acquisition.scale() {
            Scale::Gain | Scale::Level { .. } => 1.0,
            Scale::LogGain => self.acquisition.score(candidate).exp(),
        };
        self.acquisition.slopes(candidate).times(factor)
    }
}

/// `score / cost` on the scale of the score, `ln_cost` being the logarithm of the cost.
pub(super) fn set_against(score: f64, scale: Scale, cost: f64, ln_cost: f64) -> f64 {
    let excess = match scale {
        Scale::LogGain => return score - ln_cost,
        // a negative "gain" breaks the promise of its scale; treating it as a level keeps the order sensible
        Scale::Gain => score,
        Scale::Level { reference } => score - reference,
    };
    if excess >= 0.0 {
        excess / cost
    } else {
        excess * cost
    }
}

/// Slopes of [`set_against`]; the cost is not a variable.
fn slopes_against(acquisition: &impl Acquisition, candidate: &Candidate, cost: f64) -> ScoreSlopes {
    let excess = match acquisition.scale() {
        Scale::LogGain => return acquisition.slopes(candidate),
        Scale::Gain => acquisition.score(candidate),
        Scale::Level { reference } => acquisition.score(candidate) - reference,
    };
    let factor = if excess >= 0.0 { 1.0 / cost } else { cost };
    acquisition.slopes(candidate).times(factor)
}

pub(super) fn scale_of_quotient(scale: Scale) -> Scale {
    match scale {
        Scale::Gain | Scale::LogGain => scale,
        Scale::Level { .. } => Scale::Level { reference: 0.0 },
    }
}

pub(super) fn scale_of_difference(scale: Scale) -> Scale {
    match scale {
        Scale::Gain | Scale::LogGain => Scale::Level { reference: 0.0 },
        level @ Scale::Level { .. } => level,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acquisition::{
        ExpectedImprovement, LogExpectedImprovement, PosteriorVariance, UpperConfidenceBound,
    };

    fn at_dose(mean: f64, dose: f64) -> Candidate {
        Candidate::new(mean, 0.25, 1.0 / dose, dose).unwrap()
    }

    #[test]
    fn each_scale_has_its_own_quotient() {
        let candidate = at_dose(1.0, 4.0);
        let gain = ExpectedImprovement::over(0.5).unwrap();
        let log_gain = LogExpectedImprovement::over(0.5).unwrap();
        let level = UpperConfidenceBound::new(2.0).unwrap();
        assert_eq!(
            gain.per_dose().score(&candidate),
            gain.score(&candidate) / 4.0
        );
        let difference =
            log_gain.per_dose().score(&candidate) - gain.per_dose().score(&candidate).ln();
        assert!(difference.abs() < 1e-14);
        // the bound is 2; over 1 it exceeds by 1, over 5 it falls short by 3
        assert_eq!(level.over(1.0).unwrap().per_dose().score(&candidate), 0.25);
        assert_eq!(level.over(5.0).unwrap().per_dose().score(&candidate), -12.0);
        let half = level.over(5.0).unwrap().cooled(0.5).unwrap();
        assert_eq!(half.score(&candidate), -6.0);
        assert_eq!(half.scale(), Scale::Level { reference: 0.0 });
    }

    #[test]
    fn a_price_is_paid_in_units_of_the_worth() {
        let candidate = at_dose(1.0, 4.0);
        let gain = ExpectedImprovement::over(0.5).unwrap();
        let log_gain = LogExpectedImprovement::over(0.5).unwrap();
        let net = gain.score(&candidate) - 0.8;
        assert_eq!(gain.priced(0.2).unwrap().score(&candidate), net);
        assert!((log_gain.priced(0.2).unwrap().score(&candidate) - net).abs() < 1e-14);
        let level = UpperConfidenceBound::new(2.0).unwrap().over(1.0).unwrap();
        let priced = level.priced(0.25).unwrap();
        assert_eq!(priced.score(&candidate), 1.0);
        assert_eq!(priced.scale(), Scale::Level { reference: 1.0 });
    }

    #[test]
    fn the_exponent_cools_from_one_to_zero() {
        let at = |spent| RemainingBudget {
            total: 10.0,
            spent,
            spent_initially: 2.0,
        };
        assert_eq!(at(2.0).exponent().unwrap(), 1.0);
        assert_eq!(at(8.0).exponent().unwrap(), 0.25);
        assert_eq!(at(10.0).exponent().unwrap(), 0.0);
        for wrong in [1.9, 10.1, f64::NAN] {
            assert!(at(wrong).exponent().is_err());
        }
        let nothing_to_choose = RemainingBudget {
            spent_initially: 10.0,
            ..at(10.0)
        };
        assert!(nothing_to_choose.exponent().is_err());
        let endless = RemainingBudget {
            total: f64::INFINITY,
            ..at(3.0)
        };
        assert!(endless.exponent().is_err());
    }

    #[test]
    fn wrong_settings_are_refused() {
        assert!(PosteriorVariance.cooled(1.5).is_err());
        assert!(PosteriorVariance.cooled(f64::NAN).is_err());
        assert!(PosteriorVariance.priced(-1.0).is_err());
        assert!(PosteriorVariance.priced(f64::INFINITY).is_err());
    }
}
