//! Optimism over a batch.

use super::draws::{BatchAcquisition, DrawSlopes, Draws};
use crate::acquisition::argument::not_negative;
use crate::error::Result;
use std::f64::consts::FRAC_PI_2;

/// Upper confidence bound of a batch (qUCB), `E[max_j (μ_j + κ √(π/2) |f(x_j) − μ_j|)]`, in units of the value.
///
/// The factor makes it `μ + κ s` for one place, the [upper confidence bound](crate::acquisition::UpperConfidenceBound), since
/// `E|f − μ| = s √(2/π)`. Correlated places have their surprises in the same draws and so add less to the maximum.
///
/// Source: Wilson, Moriconi, Hutter and Deisenroth (2017), arXiv 1712.00424, with `κ = √β`.
///
/// ```
/// use dosewise::acquisition::{BatchAcquisition, BatchUpperConfidenceBound, Draws};
/// use ndarray::array;
/// let draws = Draws::new(&[1.0, 2.0], array![[1.0, 2.0]].view())?;
/// assert_eq!(BatchUpperConfidenceBound::new(3.0)?.score(&draws), 2.0);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchUpperConfidenceBound {
    deviations: f64,
}

impl BatchUpperConfidenceBound {
    /// A bound `deviations` (the `κ` above) posterior standard deviations over the mean.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) unless `deviations` is finite and not negative.
    pub fn new(deviations: f64) -> Result<Self> {
        not_negative("deviations", deviations)?;
        Ok(Self { deviations })
    }

    fn factor(&self) -> f64 {
        self.deviations * FRAC_PI_2.sqrt()
    }

    fn optimistic(&self, draws: &Draws, j: usize, s: usize) -> f64 {
        let mean = draws.mean(j);
        mean + self.factor() * (draws.of_place(j)[s] - mean).abs()
    }
}

impl BatchAcquisition for BatchUpperConfidenceBound {
    fn score(&self, draws: &Draws) -> f64 {
        let best = |s: usize| {
            let values = (0..draws.len()).map(|j| self.optimistic(draws, j, s));
            values.fold(f64::NEG_INFINITY, f64::max)
        };
        (0..draws.count()).map(best).sum::<f64>() / draws.count() as f64
    }

    /// One share of each draw falls to the place of the largest value, between its mean and its deviation.
    fn slopes(&self, draws: &Draws) -> DrawSlopes {
        let mut slopes = DrawSlopes::none(draws);
        let share = 1.0 / draws.count() as f64;
        for s in 0..draws.count() {
            let value = |j: usize| self.optimistic(draws, j, s);
            let best = (0..draws.len()).fold(0, |b, j| if value(j) > value(b) { j } else { b });
            let surprise = draws.of_place(best)[s] - draws.mean(best);
            let by_draw = share * self.factor() * surprise.signum();
            slopes.by_draw[best][s] = by_draw;
            slopes.by_mean[best] += share - by_draw;
        }
        slopes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_settings_are_refused() {
        assert!(BatchUpperConfidenceBound::new(-1.0).is_err());
        assert!(BatchUpperConfidenceBound::new(f64::NAN).is_err());
    }
}
