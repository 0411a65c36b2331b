//! Detected electrons as one Poisson process per probe position.

use super::binomial::{halve, unimodal};
use crate::random::{Purpose, Stream, StreamKey};
use crate::units::Seed;
use rand::Rng;

/// Length of the first leaves, in expected electrons: short ones, whose few arrivals take two draws.
const LEAF: f64 = 2.0;
/// How many of them there are; beyond them come blocks that end at four times their beginning.
const LEAVES: u64 = 8;
/// Length of the leaves that blocks are halved down to, expected electrons: most have at most 64 arrivals.
const LONG_LEAF: f64 = 48.0;
/// Steps to a leaf: the places of arrivals are whole multiples of 2⁻³² leaf, and both ends of an exposure are rounded
/// to them, each once and always the same way.
const STEPS: f64 = (1_u64 << 32) as f64;
/// Exposure at which the process ends, expected electrons.
const END: f64 = 1e11;

/// The arrivals of a unit-rate Poisson process that is fixed by (seed, key).
///
/// A visit that is expected to detect λ electrons advances the process by λ and detects the arrivals in between.
/// Counts of disjoint visits are then independent Poisson variables, the same exposure always shows the same
/// electrons, and a visit split into parts detects exactly what the whole visit would have.
///
/// The first 16 expected electrons are 8 leaves, each with a Poisson number of arrivals at independent uniform places.
/// Beyond them lie blocks of 48, 192, 768, … expected electrons: each has a Poisson number of arrivals, of which a
/// binomial half falls into its first half, and so on down to leaves of 48 (a Poisson process given its number is a set
/// of independent uniform places: Kingman, Poisson Processes, 1993, section 2.4). A visit draws only the numbers of the
/// leaves and blocks that it touches and the nodes that its ends cut, so its cost grows with the logarithm of the
/// exposure.
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
            let [start, end] = [from, to].map(|exposure| whole(exposure * (STEPS / LEAF)));
            if start >> 32 == end >> 32 {
                return self.first_leaves(start >> 32, start, end);
            }
        }
        self.over(from, to)
    }

    /// [`Arrivals::between`] over more than one of the first leaves, or beyond them.
    #[inline(never)]
    fn over(self, from: f64, to: f64) -> u64 {
        let [start, end] = [from, to].map(|exposure| whole(exposure * (STEPS / LEAF)));
        let mut count = (start >> 32..LEAVES.min((end >> 32) + 1))
            .map(|leaf| self.first_leaves(leaf, start, end))
            .sum();
        let (mut start, mut index) = (LEAVES as f64 * LEAF, 0);
        while start < to {
            if from < 4.0 * start {
                let length = 3.0 * start;
                count += self.part(start, length, self.number(index, start, length), from, to);
            }
            start *= 4.0;
            index += 1;
        }
        count
    }

    /// The arrivals of one of the first [`LEAVES`] between two numbers of steps.
    #[inline]
    fn first_leaves(self, leaf: u64, start: u64, end: u64) -> u64 {
        let key = self.node(2 * leaf + 1);
        let begin = leaf << 32;
        laid_down(
            key,
            LEAF_LAW.invert(key.bits()),
            start.max(begin) - begin,
            end.min(begin + (1 << 32)) - begin,
        )
    }

    /// Number of arrivals in a block.
    #[inline]
    fn number(self, index: usize, start: f64, length: f64) -> u64 {
        let key = self.node(whole(start + 0.5 * length));
        match BLOCK_LAWS.get(index) {
            Some(law) => law.invert(key.bits()),
            None => unimodal(length, length, [1.0], &mut key.with(0).stream()),
        }
    }

    /// How many of the `number` arrivals of a block, or of a node below it, lie in (`from`, `to`].
    fn part(self, start: f64, length: f64, number: u64, from: f64, to: f64) -> u64 {
        let end = start + length;
        if to <= start || from >= end {
            return 0;
        }
        if from <= start && to >= end {
            return number;
        }
        let half = 0.5 * length;
        let key = self.node(whole(start + half));
        if length <= LONG_LEAF {
            let steps = |exposure: f64| whole((exposure - start) / LONG_LEAF * STEPS);
            return laid_down(key, number, steps(from.max(start)), steps(to.min(end)));
        }
        let first = halve(number, &mut key.stream());
        self.part(start, half, first, from, to)
            + self.part(start + half, half, number - first, from, to)
    }

    /// What names a leaf or a node: its middle, which no two share.
    #[inline]
    const fn node(self, middle: u64) -> StreamKey {
        self.root.with_pair(self.key, middle)
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
    if number > 4 {
        return many_laid_down(key, number, start, end);
    }
    // Four places whether they are needed or not cost less than a loop whose end the processor cannot foresee.
    let inside = |place: u64| u64::from(place.wrapping_sub(start) < length);
    let mut stream = key.stream();
    (0..2)
        .map(|pair| {
            let draw = stream.next_u64();
            inside(draw >> 32) * u64::from(2 * pair < number)
                + inside(draw & 0xFFFF_FFFF) * u64::from(2 * pair + 1 < number)
        })
        .sum()
}

/// [`laid_down`] for more than four arrivals, 64 at a time.
#[inline(never)]
fn many_laid_down(key: StreamKey, number: u64, start: u64, end: u64) -> u64 {
    if number > 64 {
        return many_laid_down(key, 64, start, end)
            + many_laid_down(key.with(64), number - 64, start, end);
    }
    let all = u64::MAX >> (64 - number);
    let [before, until] = [start, end].map(|end| below(end, all, key.stream()));
    u64::from((before ^ until).count_ones())
}

/// Which of `all` arrivals, one a bit, lie before a number of steps.
///
/// A draw holds one bit of each one's place, the leading bits first, until it is clear on which side of the end they lie.
#[inline]
fn below(end: u64, all: u64, mut stream: Stream) -> u64 {
    if end == 0 {
        return 0;
    }
    if end == 1 << 32 {
        return all;
    }
    let (mut below, mut open, mut bits) = (0, all, end << 32);
    while open != 0 {
        // Eight bits are nearly always enough, and a short loop of fixed length is unrolled.
        for _ in 0..8 {
            let draw = stream.next_u64();
            let bit = (bits as i64 >> 63) as u64;
            below |= open & bit & !draw;
            open &= !(bit ^ draw);
            bits <<= 1;
        }
    }
    below
}

/// The law of the number of arrivals in a first leaf.
static LEAF_LAW: Law<32> = Law::new(2, 0.270_670_566_473_225_4);

/// The laws of the first blocks; later ones are drawn by rejection.
static BLOCK_LAWS: [Law<480>; 3] = [
    Law::new(48, 0.057_482_477_045_668_647),
    Law::new(192, 0.028_778_685_673_861_933),
    Law::new(768, 0.014_394_027_624_699_159),
];

/// A Poisson law for inversion.
struct Law<const N: usize> {
    /// The smallest number whose probability is not negligible.
    least: usize,
    /// Distribution function from there on, in units of 2⁻⁵³.
    cumulative: [u64; N],
    /// The first entry that the leading byte of a draw leaves open: where the search begins.
    guide: [u16; 256],
}

impl<const N: usize> Law<N> {
    /// Random bits of a probability.
    const BITS: u32 = 53;

    /// The law of a whole `mean`, whose own probability is `peak` = exp(−mean) meanᵐᵉᵃⁿ/mean!.
    const fn new(mean: usize, peak: f64) -> Self {
        let certain = (1_u64 << Self::BITS) as f64;
        let (mut number, mut term) = (mean, peak);
        while number > 0 && term * certain > 0.5 {
            term *= number as f64 / mean as f64;
            number -= 1;
        }
        let least = number;
        let mut cumulative = [certain as u64; N];
        let mut sum = 0.0;
        while number <= mean || term * certain > 0.5 {
            sum += term;
            cumulative[number - least] = (sum.min(1.0) * certain) as u64;
            number += 1;
            term *= mean as f64 / number as f64;
        }
        let mut guide = [0; 256];
        let (mut slot, mut entry) = (0, 0);
        while slot < 256 {
            while cumulative[entry] <= (slot as u64) << (Self::BITS - 8) {
                entry += 1;
            }
            guide[slot] = entry as u16;
            slot += 1;
        }
        Self {
            least,
            cumulative,
            guide,
        }
    }

    /// The number that 64 random bits stand for.
    #[inline]
    fn invert(&self, bits: u64) -> u64 {
        let draw = bits >> (64 - Self::BITS);
        let mut entry = usize::from(self.guide[(bits >> 56) as usize]);
        // Nearly always at most one step, taken without a jump.
        entry += usize::from(self.cumulative[entry] <= draw);
        while self.cumulative[entry] <= draw {
            entry += 1;
        }
        (self.least + entry) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use statrs::function::factorial::ln_factorial;

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
            (0.0, 2.0),
            (0.0, 4.0),
            (20.0, 7.0),
            (16.0, 48.0),
            (64.0, 48.0),
            (100.0, 100.0),
            (64.0, 192.0),
            (256.0, 768.0),
            (1024.0, 3072.0),
            (1e5, 32.0),
        ] {
            let mut histogram = vec![0_u64; 4096];
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
    fn tables_agree_with_the_poisson_law() {
        fn check<const N: usize>(mean: f64, law: &Law<N>) {
            let mut before = 0;
            for (entry, &until) in law.cumulative.iter().enumerate() {
                let number = (law.least + entry) as f64;
                let probability = (number * mean.ln() - mean - ln_factorial(number as u64)).exp();
                let found = (until - before) as f64 / (1_u64 << 53) as f64;
                assert!((found - probability).abs() < 1e-13, "{number} of {mean}");
                before = until;
            }
        }
        check(2.0, &LEAF_LAW);
        for (law, mean) in BLOCK_LAWS.iter().zip([48.0, 192.0, 768.0]) {
            check(mean, law);
        }
    }

    #[test]
    fn disjoint_exposures_are_independent() {
        let n = 50_000_u64;
        for [a, b, c] in [
            [0.5, 1.0, 1.5],
            [20.0, 25.0, 40.0],
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
        assert_eq!(counts(1, 2), [1, 2, 14, 44, 32, 1871, 298_599, 999_677_797]);
        assert_eq!(
            counts(7, u64::MAX),
            [1, 3, 21, 41, 35, 1867, 298_032, 999_687_049]
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
            edges.extend([0.0, 16.0, 64.0, 4096.0]);
            edges.sort_by(f64::total_cmp);
            let arrivals = Arrivals::new(Seed(5), key);
            let parts: u64 = edges.windows(2).map(|w| arrivals.between(w[0], w[1])).sum();
            prop_assert_eq!(parts, arrivals.between(0.0, edges[edges.len() - 1]));
        }
    }
}
