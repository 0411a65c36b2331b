//! Exact random numbers from bell-shaped laws of whole numbers, the same on every machine.

use super::stirling::{ln, log_factorial_growth, log_factorial_growth_bounds};
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
    odd + unimodal(half, 0.5 * half, [1.0, -1.0], stream)
}

/// A whole number from a bell-shaped law with its mean and mode at the whole number `mode`, of at least 576 and the variance,
/// by ratio of uniforms.
///
/// ln p(mode + d) − ln p(mode) is minus the sum over `sides` of [`log_factorial_growth`] (mode, side · d): with the side 1
/// a Poisson law, with 1 and −1 the law of 2 · mode coins.
///
/// The rectangle is that of Stadlober (J. Comput. Appl. Math. 31 (1990) 181, doi 10.1016/0377-0427(90)90349-5):
/// 2 √(2(σ² + ½)/e) + 3 − 2 √(3/e) wide. Numbers more than twelve standard deviations from the mode, and so all below
/// half of it, are left out; they have a probability below 10⁻¹⁶.
pub(super) fn unimodal<const N: usize>(
    mode: f64,
    variance: f64,
    sides: [f64; N],
    stream: &mut Stream,
) -> u64 {
    let width = 2.0 * (2.0 / E * (variance + 0.5)).sqrt() + 3.0 - 2.0 * (3.0 / E).sqrt();
    loop {
        let height = 1.0 - stream.random::<f64>();
        let across = stream.random::<f64>() - 0.5;
        let step = floor(0.5 + width * across / height);
        if step * step > 144.0 * variance {
            continue;
        }
        // For 0 < u ≤ 1, u − 1/u ≤ 2 ln u ≤ u (4 − u) − 3 decides nearly always.
        let bounds = sides.map(|side| log_factorial_growth_bounds(mode, side * step));
        let [low, high] = [0, 1].map(|end| bounds.iter().map(|b| b[end]).sum::<f64>());
        if height * (4.0 - height) - 3.0 <= -high {
            return (mode + step) as u64;
        }
        if height * (height + low) > 1.0 {
            continue;
        }
        let growth = sides.map(|side| log_factorial_growth(mode, side * step));
        if 2.0 * ln(height) <= -growth.iter().sum::<f64>() {
            return (mode + step) as u64;
        }
    }
}

/// The largest whole number up to `x`: processors convert to integers faster than old ones round.
fn floor(x: f64) -> f64 {
    let towards_zero = x as i64 as f64;
    towards_zero - f64::from(towards_zero > x)
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
        for exponent in 10..24 {
            let mean = f64::from(1_u32 << exponent);
            let deviation = mean.sqrt();
            for step in -700..700 {
                let step = (f64::from(step) * 0.01 * deviation).round();
                // The farthest end of the unit interval that stands for the number, from the centre of the rectangle.
                let distance = (step - 0.5).abs().max((step + 0.5).abs());
                let poisson = (-0.5 * log_factorial_growth(mean, step)).exp();
                assert!(distance * poisson <= half_width(mean), "{mean} {step}");
                if mean >= COINS as f64 / 2.0 {
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
