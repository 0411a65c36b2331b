//! Exact random numbers from bell-shaped laws of whole numbers, the same on every machine.

use super::stirling::{SMALLEST, ln, log_factorial_growth};
use crate::random::Stream;
use rand::{Rng, RngExt};
use std::f64::consts::E;

/// Up to here a binomial half is counted coin by coin, 64 coins a draw.
const COINS: u64 = 2048;

/// How many of `number` coins show heads: a binomial number of probability ½.
pub(super) fn halve(number: u64, stream: &mut Stream) -> u64 {
    if number <= COINS {
        let whole: u32 = (0..number / 64)
            .map(|_| stream.next_u64().count_ones())
            .sum();
        let rest = stream.next_u64() & ((1 << (number % 64)) - 1);
        return u64::from(whole + rest.count_ones());
    }
    // The law of an even number of coins is symmetric about a whole number.
    let odd = if number % 2 == 1 {
        stream.next_u64() >> 63
    } else {
        0
    };
    let half = (number / 2) as f64;
    let log_ratio =
        |step: f64| -log_factorial_growth(half, step) - log_factorial_growth(half, -step);
    odd + unimodal(half, 0.5 * half, log_ratio, stream)
}

/// A whole number from a Poisson, binomial or hypergeometric law with its mean and mode at the whole number `mode`, by
/// ratio of uniforms.
///
/// `log_ratio(d)` is ln p(mode + d) − ln p(mode). The rectangle is that of Stadlober (J. Comput. Appl. Math. 31 (1990) 181,
/// doi 10.1016/0377-0427(90)90349-5): 2 √(2(σ² + ½)/e) + 3 − 2 √(3/e) wide. Numbers more than twelve standard deviations
/// above the mode, or whose factorial Stirling's series does not reach, are left out; they have a probability below 10⁻¹⁶.
pub(super) fn unimodal(
    mode: f64,
    variance: f64,
    log_ratio: impl Fn(f64) -> f64,
    stream: &mut Stream,
) -> u64 {
    let width = 2.0 * (2.0 / E * (variance + 0.5)).sqrt() + 3.0 - 2.0 * (3.0 / E).sqrt();
    let reach = (SMALLEST - mode).max(-12.0 * variance.sqrt())..=12.0 * variance.sqrt();
    loop {
        let height = 1.0 - stream.random::<f64>();
        let across = stream.random::<f64>() - 0.5;
        let step = (0.5 + width * across / height).floor();
        if reach.contains(&step) && 2.0 * ln(height) <= log_ratio(step) {
            return (mode + step) as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;
    use crate::units::Seed;

    #[test]
    fn halves_have_the_moments_of_the_binomial_law() {
        for number in [
            0,
            1,
            63,
            64,
            200,
            2048,
            2049,
            5000,
            1_000_001,
            3_000_000_000,
        ] {
            let (draws, n) = (20_000_u64, number as f64);
            let centred = (0..draws).map(|key| {
                let mut stream = Stream::new(Seed(4), Purpose::Counts, [number, key]);
                halve(number, &mut stream) as f64 - 0.5 * n
            });
            let [mean, square, fourth] = centred.fold([0.0; 3], |[m, s, f], d| {
                let share = 1.0 / draws as f64;
                [m + share * d, s + share * d * d, f + share * d.powi(4)]
            });
            let (variance, error) = (n / 4.0, 1.0 / (draws as f64).sqrt());
            assert!(
                mean.abs() <= 4.5 * variance.sqrt() * error,
                "{number}: {mean}"
            );
            assert!((square - variance).abs() <= 4.5 * 1.5 * variance * error);
            // The fourth central moment is 3σ⁴ − n/8; its own error is about √96 σ⁴.
            let expected = 3.0 * variance * variance - n / 8.0;
            assert!((fourth - expected).abs() <= 4.5 * 10.0 * variance * variance * error);
        }
    }

    #[test]
    fn the_rectangle_of_the_ratio_of_uniforms_covers_the_laws() {
        let half_width =
            |variance: f64| (2.0 / E * (variance + 0.5)).sqrt() + 1.5 - (3.0 / E).sqrt();
        for exponent in 6..24 {
            let mean = f64::from(1_u32 << exponent);
            let deviation = mean.sqrt();
            for step in -700..700 {
                let step = (f64::from(step) * 0.01 * deviation).round();
                if mean + step < SMALLEST {
                    continue;
                }
                // The farthest end of the unit interval that stands for the number, from the centre of the rectangle.
                let distance = (step - 0.5).abs().max((step + 0.5).abs());
                let poisson = (-0.5 * log_factorial_growth(mean, step)).exp();
                assert!(distance * poisson <= half_width(mean), "{mean} {step}");
                if mean > COINS as f64 / 2.0 {
                    let growth =
                        log_factorial_growth(mean, step) + log_factorial_growth(mean, -step);
                    let binomial = (-0.5 * growth).exp();
                    assert!(
                        distance * binomial <= half_width(0.5 * mean),
                        "{mean} {step}"
                    );
                }
            }
        }
    }
}
