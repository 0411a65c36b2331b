//! What a setting promises, set against what it costs and what is left to spend.

use crate::acquisition::{Acquisition, AfterMeasurement, Candidate, LogExpectedImprovement};
use crate::error::Result;

/// By how many nats the score falls where the cost is e times what is left: steep, yet something to climb down from.
const OVERSPENT: f64 = 100.0;

/// Log expected improvement per cost; settings that cost more than is left come last.
///
/// Where noise matters the improvement is that over what the best so far may truly be (`latent`), elsewhere that of the
/// posterior mean after one more measurement over the best posterior mean.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy {
    improvement: AfterMeasurement<LogExpectedImprovement>,
    /// Variance of the noise of the next measurement.
    noise: f64,
    /// Logarithm of what may be spent; infinite without a budget.
    log_left: f64,
    /// Whether gains count per cost, or as they are.
    per_cost: bool,
}

/// Logarithm of an expected improvement, with its slopes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gain {
    pub log: f64,
    pub by_mean: f64,
    pub by_variance: f64,
    pub by_noise: f64,
}

impl Policy {
    /// Over a standardised `incumbent`, with the variance of the noise in the same units, and `left` to spend.
    pub fn new(incumbent: f64, noise: f64, left: Option<f64>) -> Result<Self> {
        Ok(Self {
            improvement: LogExpectedImprovement::over(incumbent)?.after_measurement(),
            noise,
            // what is left may be nothing, but then nothing is asked
            log_left: left.map_or(f64::INFINITY, |left| left.max(f64::MIN_POSITIVE).ln()),
            per_cost: true,
        })
    }

    /// Gains as they are, whatever a setting costs, as long as the budget pays for it.
    pub fn whatever_it_costs(self) -> Self {
        Self {
            per_cost: false,
            ..self
        }
    }

    /// What may be spent; infinite without a budget.
    pub fn left(&self) -> f64 {
        self.log_left.exp()
    }

    /// What a measurement promises at a place of this standardised belief, over the best posterior mean.
    pub fn gain(&self, mean: f64, variance: f64) -> Result<Gain> {
        self.gain_by(mean, variance, self.noise)
    }

    /// What a measurement of this noise tells: by how much the better of the place and of the best posterior mean is expected
    /// to rise, E[max(μ*, μ′)] − max(μ*, μ) with μ′ the mean to come. A place that is believed better already is no reason to
    /// measure; that a look shows something is.
    ///
    /// Source: Frazier, Powell and Dayanik, *INFORMS J. Comput.* 21, 599 (2009), for two alternatives.
    pub fn knowledge(&self, mean: f64, variance: f64, noise: f64) -> Result<Gain> {
        let best = self.improvement.inner().incumbent();
        let gain = self.gain_by(best - (mean - best).abs(), variance, noise)?;
        Ok(Gain {
            by_mean: if mean > best {
                -gain.by_mean
            } else {
                gain.by_mean
            },
            ..gain
        })
    }

    fn gain_by(&self, mean: f64, variance: f64, noise: f64) -> Result<Gain> {
        let candidate = Candidate::new(mean, variance, noise, 1.0)?;
        let slopes = self.improvement.slopes(&candidate);
        // of the variance that counts, s⁴/(s² + ν), the slopes by s² and ν are to one another as s² + 2ν and −s²
        let parts = variance + 2.0 * noise;
        let share = if parts > 0.0 { variance / parts } else { 0.0 };
        Ok(Gain {
            log: self.improvement.score(&candidate),
            by_mean: slopes.by_mean,
            by_variance: slopes.by_variance,
            by_noise: -share * slopes.by_variance,
        })
    }

    /// What the logarithm of a cost adds to the score, and its slope.
    pub fn charge(&self, log_cost: f64) -> (f64, f64) {
        let (over, wall) = if log_cost > self.log_left {
            (log_cost - self.log_left, OVERSPENT)
        } else {
            (0.0, 0.0)
        };
        if self.per_cost {
            (-log_cost - wall * over, -1.0 - wall)
        } else {
            (-wall * over, -wall)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use statrs::distribution::{ContinuousCDF, Normal};

    #[test]
    fn slopes_are_those_of_the_score() {
        let policy = Policy::new(0.4, 0.1, Some(3.0)).unwrap();
        let h = 1e-6;
        let close = |found: f64, up: f64, down: f64| {
            let wanted = (up - down) / (2.0 * h);
            assert!(
                (found - wanted).abs() < 1e-6 * (1.0 + wanted.abs()),
                "{found} {wanted}"
            );
        };
        for (mean, variance, log_cost) in [(0.1, 0.5, 0.3), (-2.0, 0.02, 1.0), (0.9, 0.3, 1.4)] {
            let gain = |m: f64, v: f64| policy.gain(m, v).unwrap().log;
            let slopes = policy.gain(mean, variance).unwrap();
            close(
                slopes.by_mean,
                gain(mean + h, variance),
                gain(mean - h, variance),
            );
            close(
                slopes.by_variance,
                gain(mean, variance + h),
                gain(mean, variance - h),
            );
            let known = |m: f64, v: f64, n: f64| policy.knowledge(m, v, n).unwrap().log;
            let (noise, slopes) = (0.2, policy.knowledge(mean, variance, 0.2).unwrap());
            close(
                slopes.by_mean,
                known(mean + h, variance, noise),
                known(mean - h, variance, noise),
            );
            close(
                slopes.by_variance,
                known(mean, variance + h, noise),
                known(mean, variance - h, noise),
            );
            close(
                slopes.by_noise,
                known(mean, variance, noise + h),
                known(mean, variance, noise - h),
            );
            let charge = |c: f64| policy.charge(c).0;
            close(
                policy.charge(log_cost).1,
                charge(log_cost + h),
                charge(log_cost - h),
            );
        }
    }

    /// The mean of max(μ*, μ′) over many draws of the mean to come.
    #[test]
    fn knowledge_is_what_the_better_of_two_gains() {
        let policy = Policy::new(0.4, 0.1, None).unwrap();
        for (mean, variance, noise) in [(0.1_f64, 0.5_f64, 0.3_f64), (0.9, 0.3, 1.0)] {
            let spread = variance / (variance + noise).sqrt();
            let count = 4000;
            let normal = Normal::standard();
            let deviate = |i| normal.inverse_cdf((f64::from(i) + 0.5) / f64::from(count));
            let after: f64 = (0..count)
                .map(|i| (mean + spread * deviate(i)).max(0.4))
                .sum();
            let expected = after / f64::from(count) - mean.max(0.4);
            let found = policy.knowledge(mean, variance, noise).unwrap().log.exp();
            assert!((found / expected - 1.0).abs() < 2e-3, "{found} {expected}");
        }
    }

    #[test]
    fn what_cannot_be_paid_comes_last() {
        let policy = Policy::new(0.0, 0.0, Some(2.0)).unwrap();
        let score =
            |mean: f64, cost: f64| policy.gain(mean, 1.0).unwrap().log + policy.charge(cost.ln()).0;
        assert!(score(3.0, 2.1) < score(-1.0, 1.9));
        assert!(score(0.0, 4.0) < score(0.0, 3.0)); // if nothing can, the least dear
        let unlimited = Policy::new(0.0, 0.0, None).unwrap();
        assert!((unlimited.charge(10.0_f64.ln()).0 + 10.0_f64.ln()).abs() < 1e-12);
    }
}
