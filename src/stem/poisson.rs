//! Detected electrons as one Poisson process per probe position.

use super::binomial::{halve, unimodal};
use super::stirling::log_factorial_growth;
use crate::random::{Purpose, Stream, StreamKey};
use crate::units::Seed;
use rand::Rng;

/// Length of a leaf, in expected electrons: the stretch in which arrivals are laid down one by one.
const LEAF: f64 = 2.0;
/// Leaves, from the beginning, that are drawn one by one; beyond them come blocks of doubling length.
const LEAVES: u64 = 32;
/// Steps to an expected electron: the places of arrivals are whole multiples of 2⁻³² leaf, and both ends of an exposure are
/// rounded to them, each once and always the same way.
const STEPS: f64 = (1_u64 << 32) as f64 / LEAF;
/// Exposure at which the process ends, expected electrons.
const END: f64 = 1e11;
/// Random bits of a place or a probability.
const BITS: u32 = 53;

/// The arrivals of a unit-rate Poisson process that is fixed by (seed, key).
///
/// A visit that is expected to detect λ electrons advances the process by λ and detects the arrivals in between.
/// Counts of disjoint visits are then independent Poisson variables, the same exposure always shows the same
/// electrons, and a visit split into parts detects exactly what the whole visit would have.
///
/// The first 64 expected electrons are 32 leaves, each with a Poisson number of arrivals at independent uniform places.
/// Beyond them lie blocks of 64, 64, 128, 256, … expected electrons: each has a Poisson number of arrivals, of which a
/// binomial half falls into its first half, and so on down to leaves (a Poisson process given its number is a set of
/// independent uniform places: Kingman, Poisson Processes, 1993, section 2.4). A visit draws only the leaves and nodes
/// that its ends cut, so its cost grows with the logarithm of the exposure.
///
/// Everything is made of integers and of IEEE sums, products, quotients and roots, which round alike on every machine;
/// no logarithm or exponential of a mathematics library is called.
///
/// ```
/// use dosewise::stem::Arrivals;
/// use dosewise::units::Seed;
/// let arrivals = Arrivals::new(Seed(1), 42);
/// assert_eq!(arrivals.between(0.0, 7.5), arrivals.between(0.0, 3.0) + arrivals.between(3.0, 7.5));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Arrivals {
    root: StreamKey,
    key: u64,
}

impl Arrivals {
    /// The process of the place `key` in the episode `seed`.
    pub const fn new(seed: Seed, key: u64) -> Self {
        Self::of(StreamKey::new(seed, Purpose::Counts), key)
    }

    /// The process `key` of a family that another purpose names.
    pub(crate) const fn of(root: StreamKey, key: u64) -> Self {
        Self { root, key }
    }

    /// Number of arrivals in the exposure interval (`from`, `to`], both in expected electrons and not negative.
    ///
    /// The process ends at an exposure of 10¹¹, far beyond what a world's budget allows.
    #[inline]
    pub fn between(self, from: f64, to: f64) -> u64 {
        if from.is_nan() || to.is_nan() || to.min(END) <= from {
            return 0;
        }
        let (from, to) = (from.max(0.0), to.min(END));
        if to < LEAVES as f64 * LEAF {
            let (start, end) = (whole(from * STEPS), whole(to * STEPS));
            if start >> 32 == end >> 32 {
                return self.first_leaves(start >> 32, start, end);
            }
        }
        self.over(from, to)
    }

    /// [`Arrivals::between`] over more than one of the first leaves, or beyond them.
    #[inline(never)]
    fn over(self, from: f64, to: f64) -> u64 {
        let (first, last) = (whole(from / LEAF), whole(to / LEAF));
        let (start, end) = (whole(from * STEPS), whole(to * STEPS));
        let mut count = (first..=last.min(LEAVES - 1))
            .map(|leaf| self.first_leaves(leaf, start, end))
            .sum();
        let (mut level, mut block) = (LEAVES.ilog2(), LEAVES);
        while block <= last {
            if first < 2 * block {
                let mut stream = self.node(level, block).with(0).stream();
                let number = poisson(block as f64 * LEAF, &mut stream);
                count += self.part(level, block, number, from, to);
            }
            block *= 2;
            level += 1;
        }
        count
    }

    /// The arrivals of one of the first [`LEAVES`] between two numbers of steps.
    #[inline]
    fn first_leaves(self, leaf: u64, start: u64, end: u64) -> u64 {
        let key = self.node(0, leaf);
        let number = leaf_count(key.bits());
        let begin = leaf << 32;
        laid_down(
            key,
            number,
            start.max(begin) - begin,
            end.min(begin + (1 << 32)) - begin,
        )
    }

    /// How many of the `number` arrivals of a node, 2^`level` leaves from `leaf` on, lie in (`from`, `to`].
    fn part(self, level: u32, leaf: u64, number: u64, from: f64, to: f64) -> u64 {
        let leaves = 1 << level;
        let (start, end) = (leaf as f64 * LEAF, (leaf + leaves) as f64 * LEAF);
        if number == 0 || to <= start || from >= end {
            return 0;
        }
        if from <= start && to >= end {
            return number;
        }
        let key = self.node(level, leaf);
        if level == 0 {
            let steps = |exposure: f64| whole((exposure - start).clamp(0.0, LEAF) * STEPS);
            return laid_down(key, number, steps(from), steps(to));
        }
        let left = halve(number, &mut key.stream());
        self.part(level - 1, leaf, left, from, to)
            + self.part(level - 1, leaf + leaves / 2, number - left, from, to)
    }

    /// What names a node; the process has fewer than 2⁴⁸ leaves.
    const fn node(self, level: u32, leaf: u64) -> StreamKey {
        self.root.with_pair(self.key, ((level as u64) << 48) | leaf)
    }
}

/// The whole part of a number that is not negative; processors convert to signed integers in one step.
#[inline]
const fn whole(number: f64) -> u64 {
    number as i64 as u64
}

/// How many of `number` arrivals at independent uniform places of the leaf `key` lie between two numbers of steps.
#[inline]
fn laid_down(key: StreamKey, number: u64, start: u64, end: u64) -> u64 {
    let length = end - start;
    if length == 1 << 32 {
        return number;
    }
    let inside = |place: u64| u64::from(place.wrapping_sub(start) < length);
    let mut stream = key.stream();
    let mut pairs = |from: u64, to: u64| -> u64 {
        (from..to)
            .map(|pair| {
                let draw = stream.next_u64();
                inside(draw >> 32) * u64::from(2 * pair < number)
                    + inside(draw & 0xFFFF_FFFF) * u64::from(2 * pair + 1 < number)
            })
            .sum()
    };
    // Four places whether they are needed or not cost less than a loop whose end the processor cannot foresee.
    let count = pairs(0, 2);
    if number <= 4 {
        count
    } else {
        count + pairs(2, number.div_ceil(2))
    }
}

/// Distribution function of the number of arrivals in a leaf, in units of 2⁻⁵³.
const LEAF_LAW: [u64; 32] = {
    let whole = (1_u64 << BITS) as f64;
    let mut law = [1 << BITS; 32];
    let (mut term, mut sum) = (0.135_335_283_236_612_7, 0.0); // exp(-2)
    let mut count = 0;
    while count < 31 {
        sum += term;
        law[count] = (sum * whole) as u64;
        count += 1;
        term *= LEAF / count as f64;
    }
    law
};

/// The smallest count that the leading byte of a draw leaves open: where the search begins.
const GUIDE: [u8; 256] = {
    let mut guide = [0; 256];
    let (mut slot, mut count) = (0, 0);
    while slot < 256 {
        while LEAF_LAW[count] <= (slot as u64) << (BITS - 8) {
            count += 1;
        }
        guide[slot] = count as u8;
        slot += 1;
    }
    guide
};

/// Number of arrivals in a leaf by inversion of the Poisson law.
#[inline]
fn leaf_count(bits: u64) -> u64 {
    let draw = bits >> (64 - BITS);
    let mut count = usize::from(GUIDE[(bits >> 56) as usize]);
    // Nearly always at most one step, taken without a jump.
    count += usize::from(LEAF_LAW[count] <= draw);
    while LEAF_LAW[count] <= draw {
        count += 1;
    }
    count as u64
}

/// A Poisson number whose `mean` is a whole number of at least 64.
fn poisson(mean: f64, stream: &mut Stream) -> u64 {
    unimodal(mean, mean, |step| -log_factorial_growth(mean, step), stream)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn mean_equals_variance_at_every_rate() {
        for rate in [0.05, 0.8, 3.0, 30.0, 400.0, 1e4, 1e6] {
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
    fn numbers_of_leaves_and_blocks_follow_the_poisson_law() {
        let n = 200_000_u64;
        for (from, mean) in [
            (0.0, 4.0),
            (64.0, 64.0),
            (1024.0, 1024.0),
            (1e5, 32.0),
            (0.0, 2.0),
        ] {
            let mut histogram = vec![0_u64; 2048];
            for key in 0..n {
                let count = Arrivals::new(Seed(11), key).between(from, from + mean);
                histogram[count as usize] += 1;
            }
            // Pearson's statistic over the counts expected at least ten times, the rest pooled.
            let (mut statistic, mut cells, mut rest, mut tail) = (0.0, 0.0, n as f64, n as f64);
            let mut log_probability = -mean;
            for (count, &found) in histogram.iter().enumerate() {
                let expected = n as f64 * log_probability.exp();
                if expected >= 10.0 {
                    statistic += (found as f64 - expected).powi(2) / expected;
                    cells += 1.0;
                    rest -= found as f64;
                    tail -= expected;
                }
                log_probability += (mean / (count + 1) as f64).ln();
            }
            statistic += (rest - tail).powi(2) / tail;
            // Its mean is the number of cells, its variance twice that.
            assert!(
                (statistic - cells).abs() < 4.5 * (2.0_f64 * cells).sqrt(),
                "mean {mean}: {statistic} over {cells} cells"
            );
        }
    }

    #[test]
    fn disjoint_exposures_are_independent() {
        let n = 50_000_u64;
        for [a, b, c] in [
            [0.5, 1.0, 1.5],
            [60.0, 70.0, 80.0],
            [5000.0, 5100.0, 5200.0],
        ] {
            let products = (0..n).map(|key| {
                let arrivals = Arrivals::new(Seed(12), key);
                let centred = |from, to| arrivals.between(from, to) as f64 - (to - from);
                centred(a, b) * centred(b, c)
            });
            let correlation = products.sum::<f64>() / n as f64 / ((b - a) * (c - b)).sqrt();
            assert!(
                correlation.abs() < 4.5 / (n as f64).sqrt(),
                "{correlation} at {a}"
            );
        }
    }

    /// Counts must never change from release to release, or published scores could not be repeated.
    #[test]
    fn counts_are_what_they_always_were() {
        let counts = |seed, key| {
            let arrivals = Arrivals::new(Seed(seed), key);
            let edges = [0.0, 0.7, 3.9, 17.3, 64.0, 100.5, 2e3, 3e5, 1e9];
            edges
                .windows(2)
                .map(|w| arrivals.between(w[0], w[1]))
                .collect::<Vec<_>>()
        };
        assert_eq!(counts(1, 2), [0, 2, 17, 49, 38, 1949, 298_756, 999_738_454]);
        assert_eq!(
            counts(7, u64::MAX),
            [1, 2, 15, 62, 31, 1815, 297_480, 999_704_262]
        );
    }

    #[test]
    fn the_ends_of_the_process_are_kept() {
        let arrivals = Arrivals::new(Seed(3), 4);
        for (from, to) in [
            (f64::NAN, 1.0),
            (0.0, f64::NAN),
            (2.0, 1.0),
            (1e11, f64::INFINITY),
        ] {
            assert_eq!(arrivals.between(from, to), 0);
        }
        assert_eq!(arrivals.between(-5.0, 3.0), arrivals.between(0.0, 3.0));
        let all = arrivals.between(0.0, f64::INFINITY) as f64;
        assert!((all - END).abs() < 5.0 * END.sqrt());
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

        #[test]
        fn splitting_a_long_exposure_changes_nothing(
            key in 0_u64..1000,
            logarithms in prop::collection::vec(-2.0..7.0_f64, 2..8),
        ) {
            let mut edges: Vec<f64> = logarithms.iter().map(|l| 10.0_f64.powf(*l)).collect();
            edges.extend([0.0, 64.0, 4096.0]);
            edges.sort_by(f64::total_cmp);
            let arrivals = Arrivals::new(Seed(5), key);
            let parts: u64 = edges.windows(2).map(|w| arrivals.between(w[0], w[1])).sum();
            prop_assert_eq!(parts, arrivals.between(0.0, edges[edges.len() - 1]));
        }
    }
}
