//! How far a sequential test overshoots its limits when dose comes in quanta.

use super::site::{Scatter, SiteModel};
use std::f64::consts::PI;

/// Mean overshoots of the upper and of the lower limit, in nats, where each step of the log-likelihood ratio is one visit
/// of `quantum`.
///
/// With steps of standard deviation s and skewness γ at the rate between the hypotheses at which the ratio does not drift,
/// ρ± = s (I ± γ/6), I = −(1/π) ∫₀^∞ λ⁻² Re ln{2 (1 − g(λ))/λ²} dλ, g the characteristic function of a standardised step;
/// I = 0.5826 for normal steps (Siegmund 1985, *Sequential Analysis*, sections VIII.4 and X.2; steps off a lattice).
pub(super) fn mean_overshoots(site: &SiteModel, quantum: f64) -> [f64; 2] {
    let (null, alternative) = (site.rate(false), site.rate(true));
    match site.scatter() {
        Scatter::Gaussian { variance } => {
            let deviation = (alternative - null).abs() * (quantum / variance).sqrt();
            [deviation * ladder_integral(&|l| [0.5 * l * l, 0.0]); 2]
        }
        Scatter::Poisson => {
            let log_ratio = (alternative / null).ln();
            let counts = (alternative - null) / log_ratio * quantum;
            let deviation = log_ratio.abs() * counts.sqrt();
            // −ln g of a standardised Poisson variable, without loss of digits for small λ.
            let exponent = |l: f64| {
                let u = l / counts.sqrt();
                [
                    2.0 * counts * (0.5 * u).sin().powi(2),
                    -counts * (u.sin() - u),
                ]
            };
            let integral = ladder_integral(&exponent);
            let skewed = log_ratio.signum() / (6.0 * counts.sqrt());
            [integral + skewed, integral - skewed].map(|rho| deviation * rho)
        }
    }
}

/// −(1/π) ∫₀^∞ λ⁻² Re ln{2 (1 − e^(−x − iy))/λ²} dλ for the exponent x + iy of λ, by the midpoint rule up to a limit
/// beyond which the integrand is (ln 2 − 2 ln λ)/λ² on average.
fn ladder_integral(exponent: &dyn Fn(f64) -> [f64; 2]) -> f64 {
    const STEP: f64 = 0.005;
    const LAST: f64 = 200.0;
    let integrand = |l: f64| {
        let [x, y] = exponent(l);
        // 1 − e^(−x) cos y and e^(−x) sin y.
        let real = -(-x).exp_m1() + (-x).exp() * 2.0 * (0.5 * y).sin().powi(2);
        let imaginary = (-x).exp() * y.sin();
        (2.0 * real.hypot(imaginary) / (l * l)).ln() / (l * l)
    };
    let steps = (LAST / STEP) as usize;
    let inner: f64 = (0..steps)
        .map(|i| integrand((i as f64 + 0.5) * STEP) * STEP)
        .sum();
    let outer = (2.0_f64.ln() - 2.0 * LAST.ln() - 2.0) / LAST;
    -(inner + outer) / PI
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_overshoots_are_met() {
        // Normal steps: −ζ(1/2)/√(2π) = 0.58260 standard deviations.
        let [upper, lower] = mean_overshoots(&SiteModel::gaussian(0.0, 0.5, 1.0).unwrap(), 4.0);
        assert!((upper - 0.5826).abs() < 5e-4 && upper == lower, "{upper}");
        // Counts that come one by one: no overshoot against the jumps, and a third of a jump along them.
        let site = SiteModel::poisson(1.0, 0.7).unwrap();
        let jump = -(0.7_f64.ln());
        let [upper, lower] = mean_overshoots(&site, 0.01);
        assert!(
            upper.abs() < 0.02 && (lower - jump / 3.0).abs() < 0.02,
            "{upper} {lower}"
        );
    }
}
