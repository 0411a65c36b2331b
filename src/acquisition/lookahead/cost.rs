//! Costs that are learned like values.

use crate::acquisition::argument::{finite, not_negative};
use crate::acquisition::{Candidate, posterior};
use crate::error::Result;
use crate::gp::Surrogate;
use crate::normal;
use ndarray::ArrayView2;

/// A model of what measurements cost, from any surrogate of the logarithm of the cost.
///
/// With a Gaussian posterior of `ln c` the cost is log-normal and never negative. Rows of the surrogate are whatever the
/// cost depends on, places and doses alike.
///
/// Source: Snoek, Larochelle and Adams, NeurIPS 2012 (arXiv 1206.2944); Astudillo et al., NeurIPS 2021 (arXiv
/// 2111.06537).
///
/// ```
/// use dosewise::acquisition::{Acquisition, Candidate, CostModel, ExpectedImprovement};
/// use dosewise::gp::{ExactGp, Kernel, Noise, Rbf};
/// use ndarray::array;
/// // runs took 2 s and 30 s
/// let log_cost = ExactGp::new(Rbf::isotropic(0.5).scaled(1.0), Noise::Homoscedastic(0.01))
///     .condition(&array![[0.0], [1.0]], &[2.0_f64.ln(), 30.0_f64.ln()])?;
/// let costs = CostModel::new(&log_cost).predict(array![[0.1], [0.9]].view())?;
/// let gain = ExpectedImprovement::over(0.0)?;
/// let alike = Candidate::new(0.1, 0.2, 0.01, 1.0)?;
/// let per_cost = |cost: usize| Ok::<f64, dosewise::Error>(gain.per_dose().score(&costs[cost].charge(alike, -1.0)?));
/// assert!(per_cost(0)? > 5.0 * per_cost(1)?);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct CostModel<'s> {
    log_cost: &'s dyn Surrogate,
    scatter: f64,
}

impl<'s> CostModel<'s> {
    /// From a surrogate of `ln c`, the cost of a place being always the same.
    pub fn new(log_cost: &'s dyn Surrogate) -> Self {
        Self {
            log_cost,
            scatter: 0.0,
        }
    }

    /// With the **variance** of `ln c` from one measurement to the next at the same place, which a surrogate leaves out.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) unless it is finite and not negative.
    pub fn with_scatter(self, scatter: f64) -> Result<Self> {
        not_negative("scatter", scatter)?;
        Ok(Self { scatter, ..self })
    }

    /// The cost at each row of `points` (m × d).
    ///
    /// # Errors
    /// As [`Surrogate::marginals`] and [`CostBelief::new`].
    pub fn predict(&self, points: ArrayView2<'_, f64>) -> Result<Vec<CostBelief>> {
        let belief = posterior::marginals(self.log_cost, points)?;
        let moments = belief.mean.into_iter().zip(belief.variance);
        moments
            .map(|(mean, variance)| CostBelief::new(mean, variance + self.scatter))
            .collect()
    }
}

/// A log-normal cost: `ln c` is normal with mean `m` and variance `s²`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CostBelief {
    log_mean: f64,
    log_variance: f64,
}

impl CostBelief {
    /// From the mean and the **variance** of `ln c`.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) unless both are finite and the variance is not negative.
    pub fn new(log_mean: f64, log_variance: f64) -> Result<Self> {
        finite("log_mean", log_mean)?;
        not_negative("log_variance", log_variance)?;
        Ok(Self {
            log_mean,
            log_variance,
        })
    }

    /// The one cost that stands for all in an expectation of `cᵖ`: `E[cᵖ]^{1/p} = exp(m + p s²/2)`, the median for `p = 0`.
    ///
    /// | `p` | the cost to put in place of an uncertain one | for |
    /// | --- | --- | --- |
    /// | 1 | `E[c] = exp(m + s²/2)` | prices and budgets, worth per expected cost |
    /// | 0 | `exp(m)` | a typical cost |
    /// | −1 | `1/E[1/c] = exp(m − s²/2)` | expected worth per cost, [`PerDose`](crate::acquisition::PerDose) |
    /// | −α | `E[c^{−α}]^{−1/α}` | [`Cooled`](crate::acquisition::Cooled) with exponent `α` |
    ///
    /// An expectation of worth over cost is the product of the two expectations only where a measurement's value and cost are
    /// independent, as two surrogates fitted apart make them. May overflow to infinity or underflow to 0.
    ///
    /// Source: moments of the log-normal law, Johnson, Kotz and Balakrishnan, *Continuous Univariate Distributions* 1, 2nd ed.
    /// (1994), chapter 14.
    pub fn power_mean(&self, p: f64) -> f64 {
        (self.log_mean + 0.5 * p * self.log_variance).exp()
    }

    /// The chance that the cost is no more than a budget, `Φ((ln B − m)/s)`; as a factor of a gain it counts only what can be
    /// paid for.
    pub fn probability_within(&self, budget: f64) -> f64 {
        if budget.is_nan() || budget <= 0.0 {
            return 0.0;
        }
        let excess = budget.ln() - self.log_mean;
        if self.log_variance == 0.0 {
            return f64::from(excess >= 0.0);
        }
        normal::cdf(excess / self.log_variance.sqrt())
    }

    /// A candidate at the [power mean](Self::power_mean) of this cost, for any acquisition and wrapper; its dose stays.
    ///
    /// For criteria over a whole field give the same number to [`Offers::with_costs`](crate::acquisition::Offers::with_costs).
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) if the power mean is not finite and positive.
    pub fn charge(&self, candidate: Candidate, p: f64) -> Result<Candidate> {
        candidate.with_cost(self.power_mean(p))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_integral() {
        let (mean, variance) = (0.7, 0.6);
        let cost = CostBelief::new(mean, variance).unwrap();
        let moment = |f: &dyn Fn(f64) -> f64| -> f64 {
            let step = 1e-3;
            let nodes = (-12_000..=12_000).map(|node| f64::from(node) * step);
            nodes
                .map(|z| normal::density(z) * step * f((mean + f64::sqrt(variance) * z).exp()))
                .sum()
        };
        for p in [-1.0, -0.4, 0.5, 1.0, 2.0] {
            let wanted = moment(&|c| c.powf(p)).powf(1.0 / p);
            assert!((cost.power_mean(p) / wanted - 1.0).abs() < 1e-9, "{p}");
        }
        assert_eq!(cost.power_mean(0.0), mean.exp());
        let within = moment(&|c| f64::from(c <= 3.0));
        assert!((cost.probability_within(3.0) - within).abs() < 1e-3);
    }

    #[test]
    fn the_ends() {
        let known = CostBelief::new(0.0, 0.0).unwrap();
        assert_eq!(known.power_mean(-1.0), 1.0);
        let chances = [0.5, 1.0, f64::INFINITY, 0.0, -1.0, f64::NAN];
        let chances = chances.map(|budget| known.probability_within(budget));
        assert_eq!(chances, [0.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
        assert!(CostBelief::new(f64::NAN, 1.0).is_err());
        assert!(CostBelief::new(0.0, -1.0).is_err() && CostBelief::new(0.0, f64::NAN).is_err());
        let candidate = Candidate::new(0.0, 1.0, 1.0, 1.0).unwrap();
        let huge = CostBelief::new(800.0, 1.0).unwrap();
        assert!(huge.charge(candidate, 1.0).is_err());
        assert!(known.charge(candidate, f64::NAN).is_err());
    }
}
