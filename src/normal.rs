//! The standard normal distribution with full relative accuracy in the tails.
//!
//! `statrs` serves the statistics of this crate, but its `erfc` carries about 1e-10 of relative error with jumps where its
//! polynomials meet, and an acquisition is compared far below the incumbent, where even `Φ` underflows. Everything here rests
//! on the Mills ratio `R(t) = Φ(−t) / φ(t)`, which has no exponential in it.

use std::f64::consts::{FRAC_PI_2, PI};
use std::sync::LazyLock;

/// Where the series for `R` hands over to the continued fraction.
const SERIES_BELOW: f64 = 1.0;
/// Below this `R` is read off polynomials; above, its continued fraction is short.
const PIECES_BELOW: f64 = 8.0;
/// Pieces a unit of `t`, and Chebyshev coefficients a piece: interpolation leaves less than 1e-17 of either function.
const PIECES: usize = 4;
const COEFFICIENTS: usize = 13;

/// Density `φ(z)`.
pub(crate) fn density(z: f64) -> f64 {
    (-0.5 * z * z).exp() / (2.0 * PI).sqrt()
}

/// Distribution function `Φ(z)`.
pub(crate) fn cdf(z: f64) -> f64 {
    let tail = density(z) * Mills::at(z.abs()).ratio;
    if z < 0.0 { tail } else { 1.0 - tail }
}

/// `ln Φ(z)`, finite down to `z ≈ −1e154`.
pub(crate) fn ln_cdf(z: f64) -> f64 {
    let ratio = Mills::at(z.abs()).ratio;
    if z < 0.0 {
        ln_density(z) + ratio.ln()
    } else {
        (-density(z) * ratio).ln_1p()
    }
}

/// `ρ = φ(z)/Φ(z)` and `z + ρ`, the derivative of `ln Φ` and what its curvature is made of, neither losing digits to
/// cancellation however negative `z` is.
pub(crate) fn inverse_mills(z: f64) -> (f64, f64) {
    if z < 0.0 {
        let mills = Mills::at(-z);
        (1.0 / mills.ratio, mills.remainder / mills.ratio)
    } else {
        let ratio = density(z) / cdf(z);
        (ratio, z + ratio)
    }
}

/// Expected positive part of a normal variable with mean `z` and unit variance, `h(z) = φ(z) + z Φ(z)`.
pub(crate) fn positive_part(z: f64) -> f64 {
    let tail = density(z) * Mills::at(z.abs()).remainder;
    // h(z) = z + h(−z)
    if z < 0.0 { tail } else { z + tail }
}

/// `ln h(z)`, finite down to `z ≈ −1e154`.
pub(crate) fn ln_positive_part(z: f64) -> f64 {
    if z < 0.0 {
        ln_density(z) + Mills::at(-z).remainder.ln()
    } else {
        positive_part(z).ln()
    }
}

/// `Φ/h` and `φ/h`, the derivatives of `ln h` by `z` and what its other slopes are made of, losing no digit to cancellation
/// however negative `z` is.
pub(crate) fn slopes_of_ln_positive_part(z: f64) -> (f64, f64) {
    if z < 0.0 {
        let mills = Mills::at(-z);
        (mills.ratio / mills.remainder, 1.0 / mills.remainder)
    } else {
        let part = positive_part(z);
        (cdf(z) / part, density(z) / part)
    }
}

fn ln_density(z: f64) -> f64 {
    -0.5 * z * z - 0.5 * (2.0 * PI).ln()
}

/// `R(t)` and `1 − t R(t)` at one `t ≥ 0`.
struct Mills {
    ratio: f64,
    remainder: f64,
}

/// Chebyshev coefficients of `R` and of `1 − t R`, a pair a piece.
static COEFFICIENTS_OF_PIECES: LazyLock<Vec<[[f64; COEFFICIENTS]; 2]>> = LazyLock::new(|| {
    let pieces = PIECES_BELOW as usize * PIECES;
    let angle = |node: usize| PI * (node as f64 + 0.5) / COEFFICIENTS as f64;
    let coefficients = |piece: usize| {
        let values: [Mills; COEFFICIENTS] = std::array::from_fn(|node| {
            let inside = 0.5 * (1.0 + angle(node).cos());
            Mills::by_definition((piece as f64 + inside) / PIECES as f64)
        });
        let of = |value: fn(&Mills) -> f64| {
            std::array::from_fn(|order| {
                let weight = if order == 0 { 1.0 } else { 2.0 } / COEFFICIENTS as f64;
                let terms = values.iter().enumerate();
                let terms = terms.map(|(node, v)| value(v) * (order as f64 * angle(node)).cos());
                weight * terms.sum::<f64>()
            })
        };
        [of(|mills| mills.ratio), of(|mills| mills.remainder)]
    };
    (0..pieces).map(coefficients).collect()
});

impl Mills {
    /// By polynomials where they reach: an acquisition is asked for millions of times, and neither the series nor the
    /// fraction is short there.
    fn at(t: f64) -> Self {
        if t.is_nan() || t >= PIECES_BELOW {
            return Self::by_definition(t);
        }
        let position = t * PIECES as f64;
        let piece = position as usize;
        let x = 2.0 * (position - piece as f64) - 1.0;
        // Clenshaw's recurrence, for both functions at once.
        let [of_ratio, of_remainder] = &COEFFICIENTS_OF_PIECES[piece];
        let (mut last, mut before) = ([0.0; 2], [0.0; 2]);
        for k in (1..COEFFICIENTS).rev() {
            let own = [of_ratio[k], of_remainder[k]];
            let next = std::array::from_fn(|i| 2.0 * x * last[i] - before[i] + own[i]);
            (last, before) = (next, last);
        }
        Self {
            ratio: x * last[0] - before[0] + of_ratio[0],
            remainder: x * last[1] - before[1] + of_remainder[0],
        }
    }

    /// For small `t`, `R(t) = √(π/2) exp(t²/2) − Σ t^{2k+1} / (2k+1)!!`; beyond, Laplace's continued fraction
    /// `R(t) = 1/(t + K)`, `K = 1/(t + 2/(t + 3/(t + …)))`, from which `1 − t R = K R` loses no digit to cancellation however
    /// large `t` is (NIST Digital Library of Mathematical Functions, 7.6.2 and section 7.9, with `t = √2 z`).
    fn by_definition(t: f64) -> Self {
        if t < SERIES_BELOW {
            let mut term = t;
            let mut sum = t;
            let mut odd = 1.0;
            while term > 1e-17 * sum {
                odd += 2.0;
                term *= t * t / odd;
                sum += term;
            }
            let ratio = FRAC_PI_2.sqrt() * (0.5 * t * t).exp() - sum;
            Self {
                ratio,
                remainder: 1.0 - t * ratio,
            }
        } else {
            // compared with 40-digit arithmetic from t = 1 to 1e4, this many terms leave less than 2e-17 of K
            let terms = (430.0 / (t * t)).ceil() as u32 + 14;
            let fraction = (1..=terms)
                .rev()
                .fold(0.0, |below, term| f64::from(term) / (t + below));
            let ratio = 1.0 / (t + fraction);
            Self {
                ratio,
                remainder: fraction * ratio,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_series_and_the_fraction_meet() {
        let (below, above) = (
            Mills::by_definition(SERIES_BELOW - 1e-13),
            Mills::by_definition(SERIES_BELOW),
        );
        assert!((below.ratio / above.ratio - 1.0).abs() < 5e-13);
        assert!((below.remainder / above.remainder - 1.0).abs() < 5e-13);
    }

    #[test]
    fn the_polynomials_agree_with_the_definition() {
        for i in 0..=16_000 {
            let t = i as f64 / 2000.0;
            let (fast, slow) = (Mills::at(t), Mills::by_definition(t));
            assert!((fast.ratio / slow.ratio - 1.0).abs() < 4e-15, "{t}");
            // The remainder of the series is a difference, good to one rounding of t R.
            let rounding = 4e-15 * slow.remainder + 1e-15;
            assert!((fast.remainder - slow.remainder).abs() < rounding, "{t}");
        }
    }

    #[test]
    fn values_in_closed_form() {
        assert_eq!(cdf(0.0), 0.5);
        assert!((positive_part(0.0) - 1.0 / (2.0 * PI).sqrt()).abs() < 1e-16);
        // R(t) → 1/t − 1/t³ + 3/t⁵ and 1 − t R → 1/t² − 3/t⁴
        let far = Mills::at(1e4);
        assert!((far.ratio * 1e4 - (1.0 - 1e-8)).abs() < 1e-15);
        assert!((far.remainder * 1e8 - (1.0 - 3e-8)).abs() < 4e-15);
        // ρ(−t) → t + 1/t − 2/t³, and at zero 2 φ(0)
        let (ratio, sum) = inverse_mills(-1e4);
        assert!((ratio / (1e4 + 1e-4) - 1.0).abs() < 1e-15);
        assert!((sum * 1e4 - (1.0 - 2e-8)).abs() < 1e-14);
        assert!((inverse_mills(0.0).0 - (2.0 / PI).sqrt()).abs() < 1e-15);
    }

    /// `d/dz ln h = Φ/h` and `d/dz ln Φ = φ/Φ`, by central differences.
    #[test]
    fn the_derivatives_are_consistent() {
        for z in [-30.0, -8.0, -3.1, -1.5, -1.2, -0.3, 0.0, 0.4, 1.7, 5.0] {
            let step = 1e-5;
            let slope = (ln_positive_part(z + step) - ln_positive_part(z - step)) / (2.0 * step);
            let wanted = (ln_cdf(z) - ln_positive_part(z)).exp();
            assert!((slope / wanted - 1.0).abs() < 1e-7, "{z}");
            let slope = (ln_cdf(z + step) - ln_cdf(z - step)) / (2.0 * step);
            let wanted = (ln_density(z) - ln_cdf(z)).exp();
            assert!((slope - wanted).abs() < 1e-7 * (1.0 + wanted), "{z}");
        }
    }

    #[test]
    fn the_ends_of_the_line() {
        assert_eq!(cdf(f64::NEG_INFINITY), 0.0);
        assert_eq!(cdf(f64::INFINITY), 1.0);
        assert_eq!(ln_cdf(f64::INFINITY), 0.0);
        assert_eq!(ln_cdf(f64::NEG_INFINITY), f64::NEG_INFINITY);
        assert_eq!(positive_part(f64::NEG_INFINITY), 0.0);
        assert_eq!(positive_part(f64::INFINITY), f64::INFINITY);
        assert_eq!(ln_positive_part(f64::NEG_INFINITY), f64::NEG_INFINITY);
        assert!(ln_positive_part(-1e150).is_finite());
        assert!(cdf(f64::NAN).is_nan() && ln_positive_part(f64::NAN).is_nan());
    }
}
