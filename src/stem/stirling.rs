//! Ratios of factorials from sums, products and quotients alone, so that they round alike on every machine.

use std::f64::consts::{LN_2, SQRT_2};

/// ln[(k + d)! / (k! kᵈ)] for k and k + d of at least 8, to 1e-11: what is left of Stirling's series when the terms that
/// nearly cancel are taken out (NIST Handbook of Mathematical Functions, 5.11.1).
pub(super) fn log_factorial_growth(k: f64, d: f64) -> f64 {
    (k + d + 0.5) * ln_1p(d / k) - d + remainder(k + d) - remainder(k)
}

/// Bounds of [`log_factorial_growth`] for |d| ≤ k/2, without a logarithm.
///
/// It is Σ ln(1 + i/k) over i = 1 … d, or −Σ ln(1 − i/k) over i = 0 … −d − 1: the first bound is the sum of the terms of
/// first and second order in i/k, and what is left lies between 0 and d²(d + 1)²/(6k³).
pub(super) fn log_factorial_growth_bounds(k: f64, d: f64) -> [f64; 2] {
    let (share, pairs) = (1.0 / k, d * (d + 1.0));
    let low = pairs * share * (0.5 - (2.0 * d + 1.0) * share / 12.0);
    let cube = pairs * share;
    [low, low + cube * cube * share / 6.0]
}

/// ln k! − [(k + ½) ln k − k + ½ ln 2π].
fn remainder(k: f64) -> f64 {
    let square = 1.0 / (k * k);
    (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square / 1680.0))) / k
}

/// ln x of a positive normal number.
pub(super) fn ln(x: f64) -> f64 {
    const MANTISSA: u64 = (1 << 52) - 1;
    let bits = x.to_bits();
    let mut exponent = (bits >> 52) as f64 - 1023.0;
    let mut mantissa = f64::from_bits((bits & MANTISSA) | 1.0_f64.to_bits());
    if mantissa > SQRT_2 {
        mantissa *= 0.5;
        exponent += 1.0;
    }
    exponent * LN_2 + ln_1p_of_small(mantissa - 1.0)
}

/// ln(1 + x), with full relative accuracy for small x.
fn ln_1p(x: f64) -> f64 {
    if (-0.29..0.42).contains(&x) {
        ln_1p_of_small(x)
    } else {
        ln(1.0 + x)
    }
}

/// ln(1 + x) = 2 artanh s with s = x/(2 + x) for −0.3 < x < 0.42, where s² < 0.0312 and s²⁴ is below rounding.
fn ln_1p_of_small(x: f64) -> f64 {
    let s = x / (2.0 + x);
    let square = s * s;
    let series = (0..12)
        .rev()
        .fold(0.0, |sum, j| 1.0 / f64::from(2 * j + 1) + square * sum);
    2.0 * s * series
}

#[cfg(test)]
mod tests {
    use super::*;
    use statrs::function::factorial::ln_factorial;

    #[test]
    fn logarithms_agree_with_the_mathematics_library() {
        for step in 1..4000 {
            let x = f64::from(step) * 7.3e-4;
            assert!((ln(x) - x.ln()).abs() <= 4e-16 * (1.0 + x.ln().abs()));
            let small = f64::from(step - 2000) * 2.4e-4;
            let error = (ln_1p(small) - small.ln_1p()).abs();
            assert!(error <= 6e-16 * small.ln_1p().abs(), "{small}");
        }
        assert!((ln(2.0_f64.powi(-53)) + 53.0 * LN_2).abs() < 1e-14);
        assert!((ln_1p(1e-9) - 1e-9_f64.ln_1p()).abs() < 1e-24);
    }

    #[test]
    fn ratios_of_factorials_agree_with_their_definition() {
        for (k, d) in [(64, -56), (64, -3), (64, 0), (64, 60), (100, 20), (160, -1)] {
            let direct = ln_factorial((k + d) as u64)
                - ln_factorial(k as u64)
                - f64::from(d) * f64::from(k).ln();
            let found = log_factorial_growth(f64::from(k), f64::from(d));
            assert!(
                (found - direct).abs() < 2e-11 + 1e-13 * direct.abs(),
                "{k} {d}: {found} {direct}"
            );
        }
        for k in [64, 67, 100, 1000, 48_000] {
            for d in (-k / 2..=k / 2).step_by(k as usize / 32) {
                let [low, high] = log_factorial_growth_bounds(k.into(), d.into());
                let growth = log_factorial_growth(k.into(), d.into());
                let slack = 1e-11 * (1.0 + growth);
                assert!(low - slack <= growth && growth <= high + slack, "{k} {d}");
            }
        }
        // For large k and moderate d the ratio is that of the normal law.
        let (k, d) = (1e10_f64, 3e5_f64);
        let expected = d * d / (2.0 * k) + d / (2.0 * k) - d.powi(3) / (6.0 * k * k);
        assert!((log_factorial_growth(k, d) - expected).abs() < 1e-8);
    }
}
