//! Looking further than the next measurement, and no further than the budget.
//!
//! | you want | you take |
//! | --- | --- |
//! | the worth of a measurement and of those that could follow it | [`Rollout`], a [`FieldCriterion`](super::FieldCriterion) |
//! | all measurements for the rest of the budget at once | [`knapsack`] with a [`MeasurementGain`] or a [`SetFunction`] of your own |
//! | costs that are not known but learned | [`CostModel`] |
//!
//! What these share is a budget, which is one of doses (e⁻/Å²) or of whatever else
//! [`Offers::with_costs`](super::Offers::with_costs) counts in.

mod cost;
mod imagined;
mod measurement_gain;
mod plan;
mod rollout;

pub use cost::{CostBelief, CostModel};
pub use measurement_gain::MeasurementGain;
pub use plan::{Plan, SetFunction, knapsack};
pub use rollout::Rollout;

use crate::acquisition::argument::not_negative;
use crate::error::Result;

/// What is left of a budget; the rounding of sums of costs does not forbid the last measurement.
#[derive(Debug, Clone, Copy)]
struct Purse {
    left: f64,
    slack: f64,
}

impl Purse {
    fn new(budget: f64) -> Result<Self> {
        not_negative("budget", budget)?;
        Ok(Self {
            left: budget,
            slack: 1e-12 * budget,
        })
    }

    fn affords(&self, cost: f64) -> bool {
        cost <= self.left + self.slack
    }

    fn pay(&mut self, cost: f64) {
        self.left -= cost;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_tenths_are_spent_tenth_by_tenth() {
        let mut purse = Purse::new(0.3).unwrap();
        for _ in 0..3 {
            assert!(purse.affords(0.1));
            purse.pay(0.1);
        }
        assert!(!purse.affords(0.1) && !purse.affords(1e-9));
        assert!(Purse::new(-1.0).is_err() && Purse::new(f64::NAN).is_err());
    }
}
