//! The standard normal distribution with full relative accuracy in the tails.
//!
//! `statrs` serves the statistics of this crate, but its `erfc` carries about 1e-10 of relative error with jumps where its
//! polynomials meet, and an acquisition is compared far below the incumbent, where even `Φ` underflows. Everything here rests
//! on the Mills ratio `R(t) = Φ(−t) / φ(t)`, which has no exponential in it.

use std::f64::consts::{FRAC_PI_2, PI};

/// Where the series for `R` hands over to the continued fraction.
const SERIES_BELOW: f64 = 1.5;

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
pub(super) fn positive_part(z: f64) -> f64 {
    let tail = density(z) * Mills::at(z.abs()).remainder;
    // h(z) = z + h(−z)
    if z < 0.0 { tail } else { z + tail }
}

/// `ln h(z)`, finite down to `z ≈ −1e154`.
pub(super) fn ln_positive_part(z: f64) -> f64 {
    if z < 0.0 {
        ln_density(z) + Mills::at(-z).remainder.ln()
    } else {
        positive_part(z).ln()
    }
}

/// `Φ/h` and `φ/h`, the derivatives of `ln h` by `z` and what its other slopes are made of, losing no digit to cancellation
/// however negative `z` is.
pub(super) fn slopes_of_ln_positive_part(z: f64) -> (f64, f64) {
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

impl Mills {
    /// For small `t`, `R(t) = √(π/2) exp(t²/2) − Σ t^{2k+1} / (2k+1)!!`; beyond, Laplace's continued fraction
    /// `R(t) = 1/(t + K)`, `K = 1/(t + 2/(t + 3/(t + …)))`, from which `1 − t R = K R` loses no digit to cancellation however
    /// large `t` is (NIST Digital Library of Mathematical Functions, 7.6.2 and section 7.9, with `t = √2 z`).
    fn at(t: f64) -> Self {
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
            // compared with 40-digit arithmetic from t = 1.5 to 1e4, this many terms leave less than 2e-17 of K
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
        let (below, above) = (Mills::at(SERIES_BELOW - 1e-13), Mills::at(SERIES_BELOW));
        assert!((below.ratio / above.ratio - 1.0).abs() < 5e-13);
        assert!((below.remainder / above.remainder - 1.0).abs() < 5e-13);
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
