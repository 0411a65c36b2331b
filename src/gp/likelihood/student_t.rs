//! Real measurements with heavy-tailed noise.
//!
//! With residual r, squared scale t, A = ν t and q = A + r² everything is a ratio of polynomials in r.

use super::{Derivatives, ParameterDerivatives};
use statrs::function::gamma::{digamma, ln_gamma};

/// log Γ((ν+1)/2) − log Γ(ν/2) − ½ log(π ν t) − (ν+1)/2 · log(1 + r²/A).
pub(super) fn log_density(freedom: f64, scale: f64, residual: f64) -> f64 {
    let scaled = freedom * scale * scale;
    log_gamma_ratio(freedom)
        - 0.5 * (std::f64::consts::PI * scaled).ln()
        - 0.5 * (freedom + 1.0) * (residual * residual / scaled).ln_1p()
}

/// log Γ((ν+1)/2) − log Γ(ν/2); beyond ν = 10⁴ by its expansion ½ log(ν/2) − 1/(4ν) + …, which keeps the digits that
/// the difference loses.
fn log_gamma_ratio(freedom: f64) -> f64 {
    if freedom > 1e4 {
        0.5 * (0.5 * freedom).ln() - 0.25 / freedom
    } else {
        ln_gamma(0.5 * (freedom + 1.0)) - ln_gamma(0.5 * freedom)
    }
}

/// By f, which is minus by r: (ν+1) r/q, −(ν+1)(A − r²)/q², −2(ν+1) r (3A − r²)/q³.
pub(super) fn derivatives(freedom: f64, scale: f64, residual: f64) -> Derivatives {
    let scaled = freedom * scale * scale;
    let square = residual * residual;
    let q = scaled + square;
    let weight = (freedom + 1.0) / q;
    Derivatives {
        log_density: log_density(freedom, scale, residual),
        first: weight * residual,
        second: -weight * ((scaled - square) / q),
        third: -2.0 * weight * (residual / q) * ((3.0 * scaled - square) / q),
    }
}

/// (ν+1)/q: log p is convex in r², so its tangent in r² lies below it (the EM step of a scale mixture).
pub(super) fn safe_curvature(freedom: f64, scale: f64, residual: f64) -> f64 {
    (freedom + 1.0) / (freedom * scale * scale + residual * residual)
}

/// Derivatives by log ν and by log t.
pub(super) fn parameter_derivatives(
    freedom: f64,
    scale: f64,
    residual: f64,
) -> [ParameterDerivatives; 2] {
    let t = scale * scale;
    let scaled = freedom * t;
    let square = residual * residual;
    let q = scaled + square;
    let more = freedom + 1.0;
    let digammas = if freedom > 1e4 {
        0.5 / freedom + 0.25 / (freedom * freedom)
    } else {
        0.5 * (digamma(0.5 * more) - digamma(0.5 * freedom))
    };
    let by_log_freedom = ParameterDerivatives {
        log_density: freedom * (digammas - 0.5 / freedom - 0.5 * (square / scaled).ln_1p())
            + 0.5 * more * square / q,
        first: freedom * (residual / q) * (1.0 - more * t / q),
        second: -freedom
            * ((scaled - square) / q / q + more * (t / q) * ((3.0 * square - scaled) / q) / q),
    };
    let by_log_squared_scale = ParameterDerivatives {
        log_density: 0.5 * more * square / q - 0.5,
        first: -more * (residual / q) * (scaled / q),
        second: -more * (scaled / q) * ((3.0 * square - scaled) / q) / q,
    };
    [by_log_freedom, by_log_squared_scale]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_degree_of_freedom_is_the_cauchy_density() {
        for r in [-3.0, 0.0, 0.4, 50.0] {
            let cauchy = -(std::f64::consts::PI * 2.0 * (1.0 + (r / 2.0_f64).powi(2))).ln();
            assert!((log_density(1.0, 2.0, r) - cauchy).abs() < 1e-13);
        }
    }

    #[test]
    fn many_degrees_of_freedom_are_gaussian() {
        let gauss = |r: f64| -0.5 * (r * r / 4.0 + (std::f64::consts::TAU * 4.0).ln());
        for freedom in [1e8, 1e12] {
            for r in [-3.0, 0.0, 0.4, 5.0] {
                assert!((log_density(freedom, 2.0, r) - gauss(r)).abs() < 20.0 / freedom + 1e-12);
            }
        }
        let (below, above) = (log_gamma_ratio(1e4 - 1e-6), log_gamma_ratio(1e4 + 1e-6));
        assert!((above - below).abs() < 1e-9);
    }

    #[test]
    fn the_parabola_of_the_safe_step_lies_below() {
        for at in [-4.0, -0.5, 0.0, 2.0] {
            let here = derivatives(2.5, 0.8, at);
            let curvature = safe_curvature(2.5, 0.8, at);
            for i in -100..=100 {
                let r = 0.1 * f64::from(i);
                let step = at - r; // f moves against the residual
                let parabola = here.log_density + here.first * step - 0.5 * curvature * step * step;
                assert!(log_density(2.5, 0.8, r) >= parabola - 1e-12);
            }
        }
    }
}
