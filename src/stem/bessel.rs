//! Modified Bessel functions of the second kind K₀ and K₁.

const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;

/// Below this argument the power series is used, above it the continued fraction.
const SERIES_LIMIT: f64 = 2.0;

/// `(K₀(x), x K₁(x))` for `x ≥ 0`, each to better than 2e-13 relative.
///
/// The product x K₁(x) is returned because it stays finite (→ 1) where K₁ itself diverges.
/// K₀(0) is `+∞`; arguments beyond the range of `f64` give 0; NaN gives NaN.
///
/// Source: series, NIST Digital Library of Mathematical Functions 10.31.2, Wronskian 10.28.2; continued fraction,
/// N. M. Temme, J. Comput. Phys. 19 (1975) 324.
pub(crate) fn k0_and_x_k1(x: f64) -> (f64, f64) {
    if x.is_nan() {
        (f64::NAN, f64::NAN)
    } else if x <= 0.0 {
        (f64::INFINITY, 1.0)
    } else if x <= SERIES_LIMIT {
        series(x)
    } else if x < 745.0 {
        continued_fraction(x)
    } else {
        (0.0, 0.0)
    }
}

/// K₀ from K₀ = −(ln(x/2) + γ) I₀ + Σ (x²/4)ᵏ/(k!)² Hₖ and x K₁ from the Wronskian x(I₀K₁ + I₁K₀) = 1.
fn series(x: f64) -> (f64, f64) {
    let quarter = 0.25 * x * x;
    let (mut i0, mut two_i1_over_x, mut harmonic_sum) = (1.0, 1.0, 0.0);
    let (mut term, mut harmonic) = (1.0, 0.0);
    // (x²/4)ᵏ/(k!)² < 1e-17 well before k = 15 when x ≤ 2
    for k in 1..=15 {
        let k = f64::from(k);
        term *= quarter / (k * k);
        harmonic += 1.0 / k;
        i0 += term;
        two_i1_over_x += term / (k + 1.0);
        harmonic_sum += term * harmonic;
    }
    let k0 = harmonic_sum - ((0.5 * x).ln() + EULER_GAMMA) * i0;
    let x_i1 = 2.0 * quarter * two_i1_over_x;
    (k0, (1.0 - x_i1 * k0) / i0)
}

/// Temme's continued fraction for order 0, summed forwards by Steed's method.
fn continued_fraction(x: f64) -> (f64, f64) {
    let mut b = 2.0 * (1.0 + x);
    let mut d = 1.0 / b;
    let (mut h, mut delta) = (d, d);
    let (mut q1, mut q2) = (0.0, 1.0);
    let first = 0.25;
    let mut q = first;
    let mut c = first;
    let mut a = -first;
    let mut sum = 1.0 + q * delta;
    for i in 2..=500 {
        a -= f64::from(2 * (i - 1));
        c = -a * c / f64::from(i);
        let next = (q1 - b * q2) / a;
        q1 = q2;
        q2 = next;
        q += c * next;
        b += 2.0;
        d = 1.0 / (b + a * d);
        delta *= b * d - 1.0;
        h += delta;
        let change = q * delta;
        sum += change;
        if (change / sum).abs() < 1e-17 {
            break;
        }
    }
    let k0 = (std::f64::consts::PI / (2.0 * x)).sqrt() * (-x).exp() / sum;
    (k0, k0 * (x + 0.5 - first * h))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// K_ν(x) = ∫₀^∞ exp(−x cosh t) cosh(νt) dt by the trapezoidal rule, which converges exponentially here.
    fn integral(order: f64, x: f64) -> f64 {
        let step = 1.0 / 64.0;
        (0..64 * 40)
            .map(|i| {
                let t = f64::from(i) * step;
                let weight = if i == 0 { 0.5 } else { 1.0 };
                weight * (-x * t.cosh()).exp() * (order * t).cosh()
            })
            .sum::<f64>()
            * step
    }

    #[test]
    fn agrees_with_the_integral_representation() {
        for i in 0..=400 {
            let x = 10f64.powf(-6.0 + 8.4 * f64::from(i) / 400.0); // 1e-6 .. 250
            let (k0, x_k1) = k0_and_x_k1(x);
            assert!((k0 / integral(0.0, x) - 1.0).abs() < 2e-13, "K0({x})");
            assert!(
                (x_k1 / (x * integral(1.0, x)) - 1.0).abs() < 2e-13,
                "K1({x})"
            );
        }
    }

    #[test]
    fn limits() {
        assert_eq!(k0_and_x_k1(0.0), (f64::INFINITY, 1.0));
        assert_eq!(k0_and_x_k1(1e4), (0.0, 0.0));
        assert!(k0_and_x_k1(f64::NAN).0.is_nan());
        let (k0, x_k1) = k0_and_x_k1(1e-200);
        assert!((k0 - (200.0 * std::f64::consts::LN_10 + 2f64.ln() - EULER_GAMMA)).abs() < 1e-10);
        assert_eq!(x_k1, 1.0);
        let (below, above) = (k0_and_x_k1(2.0), k0_and_x_k1(2.0 + 1e-15));
        assert!((below.0 / above.0 - 1.0).abs() < 1e-14 && (below.1 / above.1 - 1.0).abs() < 1e-14);
    }
}
