//! Detected electrons as one Poisson process per probe position.

use crate::random::{Purpose, Stream};
use crate::units::Seed;
use rand::RngExt;

/// Length of the blocks in which the process is laid down, in expected electrons.
const BLOCK: f64 = 4.0;
/// Exposure at which the process ends, expected electrons.
const END: f64 = 1e11;

/// The arrivals of a unit-rate Poisson process that is fixed by (seed, key).
///
/// A visit that is expected to detect λ electrons advances the process by λ and detects the arrivals in between.
/// Counts of disjoint visits are then independent Poisson variables, the same exposure always shows the same
/// electrons, and a visit split into parts detects exactly what the whole visit would have.
///
/// ```
/// use dosewise::stem::Arrivals;
/// use dosewise::units::Seed;
/// let arrivals = Arrivals::new(Seed(1), 42);
/// assert_eq!(arrivals.between(0.0, 7.5), arrivals.between(0.0, 3.0) + arrivals.between(3.0, 7.5));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Arrivals {
    seed: Seed,
    key: u64,
}

impl Arrivals {
    /// The process of the place `key` in the episode `seed`.
    pub const fn new(seed: Seed, key: u64) -> Self {
        Self { seed, key }
    }

    /// Number of arrivals in the exposure interval (`from`, `to`], both in expected electrons and not negative.
    ///
    /// Arrivals are laid down one by one, some ten million a second; the process ends at an exposure of 10¹¹, far beyond
    /// what a world's budget allows.
    pub fn between(self, from: f64, to: f64) -> u64 {
        let to = to.min(END);
        if to.is_nan() || from.is_nan() || to <= from {
            return 0;
        }
        let (first, last) = ((from / BLOCK).floor() as u64, (to / BLOCK).floor() as u64);
        (first..=last)
            .map(|block| {
                let start = block as f64 * BLOCK;
                self.block(block, from - start, to - start)
            })
            .sum()
    }

    /// Arrivals of one block whose offset lies in (`from`, `to`].
    fn block(self, block: u64, from: f64, to: f64) -> u64 {
        let mut stream = Stream::new(self.seed, Purpose::Counts, [self.key, block]);
        // Waiting times are exponential; they lay the arrivals down in order and stop at the end of the block.
        let mut position = stream.exponential();
        let mut count = 0;
        while position <= BLOCK.min(to) {
            count += u64::from(position > from);
            position -= (1.0 - stream.random::<f64>()).ln();
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn mean_equals_variance_at_every_rate() {
        for rate in [0.05, 0.8, 3.0, 30.0, 400.0] {
            let n = if rate > 10.0 { 20_000_u64 } else { 100_000 };
            let counts =
                (0..n).map(|key| Arrivals::new(Seed(9), key).between(2.5, 2.5 + rate) as f64);
            let (sum, square) = counts.fold((0.0, 0.0), |(s, q), c| (s + c, q + c * c));
            let mean = sum / n as f64;
            let variance = square / n as f64 - mean * mean;
            // Standard errors: sqrt(λ/n) of the mean, about sqrt((2λ² + λ)/n) of the variance.
            let error_of_mean = (rate / n as f64).sqrt();
            let error_of_variance = ((2.0 * rate * rate + rate) / n as f64).sqrt();
            assert!(
                (mean - rate).abs() < 4.0 * error_of_mean,
                "mean {mean} at {rate}"
            );
            assert!(
                (variance - rate).abs() < 4.0 * error_of_variance,
                "variance {variance} at {rate}"
            );
        }
    }

    #[test]
    fn probabilities_follow_the_poisson_law() {
        let (rate, n) = (1.7_f64, 200_000_u64);
        let mut histogram = [0_u64; 8];
        for key in 0..n {
            histogram[(Arrivals::new(Seed(2), key).between(0.0, rate) as usize).min(7)] += 1;
        }
        let mut probability = (-rate).exp();
        for (count, found) in histogram.iter().enumerate().take(7) {
            let error = (probability * (1.0 - probability) / n as f64).sqrt();
            assert!(
                (*found as f64 / n as f64 - probability).abs() < 4.5 * error,
                "count {count}"
            );
            probability *= rate / (count + 1) as f64;
        }
    }

    proptest! {
        #[test]
        fn splitting_a_visit_changes_nothing(key in 0_u64..1000, cuts in prop::collection::vec(0.0..50.0_f64, 1..8)) {
            let mut edges = cuts;
            edges.push(0.0);
            edges.sort_by(f64::total_cmp);
            let arrivals = Arrivals::new(Seed(5), key);
            let parts: u64 = edges.windows(2).map(|w| arrivals.between(w[0], w[1])).sum();
            prop_assert_eq!(parts, arrivals.between(0.0, edges[edges.len() - 1]));
        }
    }
}
