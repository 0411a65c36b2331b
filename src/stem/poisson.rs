//! Detected electrons as one Poisson process per probe position.

use crate::random::{Purpose, Stream};
use crate::units::Seed;
use rand::RngExt;
use statrs::function::gamma::ln_gamma;

/// Length of the first block and of all leaves, in expected electrons.
const LEAF: f64 = 4.0;
/// Exposure at which the process ends, expected electrons.
const END: f64 = 1e11;
/// P(N ≤ n) of the Poisson law of mean [`LEAF`]; what is beyond has a probability below 10⁻¹⁷.
const CUMULATIVE: [f64; 32] = cumulative();

const fn cumulative() -> [f64; 32] {
    let mut table = [1.0; 32];
    let mut probability = 0.018_315_638_888_734_18; // e⁻⁴
    let mut sum = 0.0;
    let mut n = 0;
    while n < 31 {
        sum += probability;
        table[n] = sum;
        n += 1;
        probability *= LEAF / n as f64;
    }
    table
}

/// The arrivals of a unit-rate Poisson process that is fixed by (seed, key).
///
/// A visit that is expected to detect λ electrons advances the process by λ and detects the arrivals in between.
/// Counts of disjoint visits are then independent Poisson variables, the same exposure always shows the same
/// electrons, and a visit split into parts detects exactly what the whole visit would have.
///
/// The process is laid down in blocks, [0, 4), [4, 8), [8, 16) and so on, each twice as long as the one before. The number of
/// arrivals of a block is drawn first; it is divided between halves by as many tosses of a coin, down to leaves of 4, in which
/// the arrivals lie at random. So a short exposure costs a few random numbers, and one of a million electrons some thousands.
///
/// ```
/// use dosewise::stem::Arrivals;
/// use dosewise::units::Seed;
/// let arrivals = Arrivals::new(Seed(1), 42);
/// assert_eq!(arrivals.between(0.0, 7.5), arrivals.between(0.0, 3.0) + arrivals.between(3.0, 7.5));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Arrivals {
    key: u64,
}

/// A stretch of the process of 2ˡ leaves, from a leaf on.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    first: u64,
    level: u32,
}

impl Stretch {
    /// The blocks in order.
    fn block(number: u32) -> Self {
        match number {
            0 => Self { first: 0, level: 0 },
            _ => Self {
                first: 1 << (number - 1),
                level: number - 1,
            },
        }
    }

    fn length(self) -> f64 {
        LEAF * (1_u64 << self.level) as f64
    }

    fn start(self) -> f64 {
        LEAF * self.first as f64
    }

    fn halves(self) -> [Self; 2] {
        let level = self.level - 1;
        let first = self.first + (1 << level);
        [Self { level, ..self }, Self { first, level }]
    }
}

impl Arrivals {
    /// The process of the place `key` in the episode `seed`.
    pub fn new(seed: Seed, key: u64) -> Self {
        Self::of(Self::root(seed), key)
    }

    /// What the processes of one seed have in common.
    pub(crate) fn root(seed: Seed) -> u64 {
        crate::random::mixed(seed.0 ^ crate::random::mixed(Purpose::Counts as u64))
    }

    /// The process of the place `key` under a [root](Self::root).
    pub(crate) fn of(root: u64, key: u64) -> Self {
        Self {
            key: crate::random::mixed(root ^ key),
        }
    }

    /// Number of arrivals in the exposure interval (`from`, `to`], both in expected electrons and not negative. The process
    /// ends at an exposure of 10¹¹, far beyond what a world's budget allows.
    pub fn between(self, from: f64, to: f64) -> u64 {
        let to = to.min(END);
        if to.is_nan() || from.is_nan() || to <= from {
            return 0;
        }
        if to <= LEAF {
            // most visits of a fresh place end here
            return self.first_leaf(from, to);
        }
        self.until(to) - self.until(from)
    }

    fn stream(self, stretch: Stretch, purpose: u64) -> Stream {
        let own = (stretch.first << 8) | (u64::from(stretch.level) << 1) | purpose;
        Stream::from_state(self.key ^ own.wrapping_mul(0xD6E8_FEB8_6659_FD93))
    }

    fn first_leaf(self, from: f64, to: f64) -> u64 {
        let leaf = Stretch::block(0);
        let number = poisson_of_leaf(self.stream(leaf, 0).random());
        let mut places = self.stream(leaf, 1);
        let inside = |place: f64| u64::from(place > from && place <= to);
        (0..number)
            .map(|_| inside(LEAF * places.random::<f64>()))
            .sum()
    }

    /// Arrivals up to an exposure.
    fn until(self, exposure: f64) -> u64 {
        let mut sum = 0;
        let mut number = 0;
        loop {
            let block = Stretch::block(number);
            if exposure <= block.start() {
                return sum;
            }
            let uniform = self.stream(block, 0).random();
            let count = match number {
                0 | 1 => poisson_of_leaf(uniform),
                _ => poisson(block.length(), uniform),
            };
            if exposure < block.start() + block.length() {
                return sum + self.within(block, count, exposure - block.start());
            }
            sum += count;
            number += 1;
        }
    }

    /// Of `count` arrivals of a stretch those up to an offset in it.
    fn within(self, mut stretch: Stretch, mut count: u64, mut offset: f64) -> u64 {
        let mut before = 0;
        while stretch.level > 0 && count > 0 {
            let [first, second] = stretch.halves();
            let early = heads(count, &mut self.stream(stretch, 1));
            if offset < first.length() {
                (stretch, count) = (first, early);
            } else {
                before += early;
                offset -= first.length();
                (stretch, count) = (second, count - early);
            }
        }
        let mut places = self.stream(stretch, 1);
        let inside = (0..count).filter(|_| LEAF * places.random::<f64>() <= offset);
        before + inside.count() as u64
    }
}

/// The number whose cumulative probability first exceeds `uniform`, for a mean of [`LEAF`].
fn poisson_of_leaf(uniform: f64) -> u64 {
    CUMULATIVE.iter().take_while(|sum| **sum <= uniform).count() as u64
}

/// The number whose cumulative probability first exceeds `uniform`, summed from the mode outwards.
fn poisson(mean: f64, uniform: f64) -> u64 {
    // P(m) at the mode by Stirling's series through the logarithm of the gamma function
    let mode = mean.floor();
    let peak = (mode * mean.ln() - mean - ln_gamma(mode + 1.0)).exp();
    let (mut low, mut high) = (mode, mode);
    let (mut below, mut above) = (peak, peak);
    let mut left = uniform - peak;
    // numbers are gone through in the order m, m + 1, m − 1, m + 2, …, which is as good as any
    while left > 0.0 {
        high += 1.0;
        above *= mean / high;
        left -= above;
        if left <= 0.0 {
            return high as u64;
        }
        if low > 0.0 {
            below *= low / mean;
            low -= 1.0;
            left -= below;
            if left <= 0.0 {
                return low as u64;
            }
        }
        if above < 1e-300 && below < 1e-300 {
            break; // what rounding has left over
        }
    }
    mode as u64
}

/// How many of so many tosses of a fair coin show heads.
fn heads(tosses: u64, stream: &mut Stream) -> u64 {
    let whole: u64 = (0..tosses / 64)
        .map(|_| u64::from(stream.random::<u64>().count_ones()))
        .sum();
    let rest = (1_u64 << (tosses % 64)) - 1;
    whole + u64::from((stream.random::<u64>() & rest).count_ones())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Whoever changes these changes every episode that was ever run.
    const GOLDEN_COUNTS: [u64; 5] = [0, 0, 0, 0, 0];

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

    #[test]
    fn large_exposures_keep_mean_and_variance() {
        for (rate, n) in [(300.0, 20_000_u64), (40_000.0, 2_000)] {
            let counts = (0..n).map(|key| {
                let arrivals = Arrivals::new(Seed(4), key);
                (
                    arrivals.between(0.0, rate) as f64,
                    arrivals.between(rate, 1.5 * rate) as f64,
                )
            });
            let counts: Vec<(f64, f64)> = counts.collect();
            let mean =
                |of: &dyn Fn(&(f64, f64)) -> f64| counts.iter().map(of).sum::<f64>() / n as f64;
            let (first, second) = (mean(&|c| c.0), mean(&|c| c.1));
            assert!(
                (first - rate).abs() < 4.5 * (rate / n as f64).sqrt(),
                "{first}"
            );
            assert!(
                (second - 0.5 * rate).abs() < 4.5 * (0.5 * rate / n as f64).sqrt(),
                "{second}"
            );
            let variance = mean(&|c| (c.0 - first).powi(2));
            let error = rate * (2.0 / n as f64).sqrt();
            assert!((variance - rate).abs() < 4.5 * error, "{variance}");
            let together = mean(&|c| (c.0 - first) * (c.1 - second));
            assert!(
                together.abs() < 4.5 * rate * (0.5 / n as f64).sqrt(),
                "{together}"
            );
        }
    }

    #[test]
    fn numbers_stay_what_they_are() {
        let arrivals = Arrivals::new(Seed(2026), 11);
        let counts = [
            (0.0, 1.0),
            (1.0, 4.0),
            (4.0, 100.0),
            (100.0, 1e4),
            (1e4, 1e6),
        ]
        .map(|(from, to)| arrivals.between(from, to));
        assert_eq!(counts, GOLDEN_COUNTS);
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
