//! Counts with a known exposure.

use super::Derivatives;
use crate::error::{Error, Result};
use statrs::function::gamma::ln_gamma;

/// Counts above this are not all representable.
const LARGEST_COUNT: f64 = 9_007_199_254_740_992.0;

/// log p = y log λ − λ − log y! with λ = exposure · exp f.
///
/// Written as −y (eᵘ − 1 − u) + (y log y − y − log y!) with u = log(λ/y), so that huge counts lose no digits: the
/// first part is the deviance, zero where the rate explains the count, the second a constant (Loader 2000, "Fast and
/// accurate computation of binomial probabilities").
pub(super) fn log_density(exposure: f64, y: f64, f: f64) -> f64 {
    if exposure == 0.0 {
        return 0.0;
    }
    if y == 0.0 {
        return -(f + exposure.ln()).exp();
    }
    let u = f + exposure.ln() - y.ln();
    y * (u - u.exp_m1()) + saturated(y)
}

/// log p at λ = y: y log y − y − log y!, by Stirling's series where the difference would lose digits.
fn saturated(y: f64) -> f64 {
    if y < 30.0 {
        return y * y.ln() - y - ln_gamma(y + 1.0);
    }
    let square = y * y;
    let series = (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / (1260.0 * square)) / square) / y;
    -0.5 * (std::f64::consts::TAU * y).ln() - series
}

/// ∂ log p/∂f = y − λ, ∂² = ∂³ = −λ.
pub(super) fn derivatives(exposure: f64, y: f64, f: f64) -> Derivatives {
    let rate = if exposure == 0.0 {
        0.0
    } else {
        (f + exposure.ln()).exp()
    };
    Derivatives {
        log_density: log_density(exposure, y, f),
        first: y - rate,
        second: -rate,
        third: -rate,
    }
}

pub(super) fn check(exposure: &[f64], y: &[f64]) -> Result<()> {
    if exposure.len() != y.len() {
        return Err(Error::argument(
            "exposure",
            format!("{} exposures for {} counts", exposure.len(), y.len()),
            "one exposure for each count",
        ));
    }
    exposure.iter().try_for_each(|&e| check_exposure(e))?;
    for (&count, &exposure) in y.iter().zip(exposure) {
        if !(0.0..=LARGEST_COUNT).contains(&count) || count.fract() != 0.0 {
            return Err(Error::argument("y", count, "whole counts from 0 to 2^53"));
        }
        if exposure == 0.0 && count > 0.0 {
            return Err(Error::argument(
                "y",
                format!("a count of {count} at exposure 0"),
                "counts of zero where nothing was exposed",
            ));
        }
    }
    Ok(())
}

pub(super) fn check_exposure(exposure: f64) -> Result<()> {
    if (0.0..=1e150).contains(&exposure) {
        return Ok(());
    }
    Err(Error::argument(
        "exposure",
        exposure,
        "a finite number, zero or positive, up to 1e150",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn densities_match_closed_forms_at_any_size() {
        // Poisson(7 | 5) = 5⁷ e⁻⁵ / 7!.
        let expected = 7.0 * 5.0_f64.ln() - 5.0 - 5040.0_f64.ln();
        assert!((log_density(10.0, 7.0, 0.5_f64.ln()) - expected).abs() < 1e-13);
        // Both routes to log y! agree where they meet: log 30! from the product.
        let factorial: f64 = (1..=30).map(|k| f64::from(k).ln()).sum();
        let direct = 30.0 * 25.0_f64.ln() - 25.0 - factorial;
        assert!((log_density(1.0, 30.0, 25.0_f64.ln()) - direct).abs() < 1e-13);
        // A rate of 10¹² meets a count of 10¹²: −½ log(2π 10¹²).
        let peak = log_density(1e12, 1e12, 0.0);
        assert!((peak + 0.5 * (std::f64::consts::TAU * 1e12).ln()).abs() < 1e-9);
        assert_eq!(log_density(0.0, 0.0, 3.0), 0.0);
        assert!(!log_density(1.0, 2.0, 800.0).is_finite());
    }
}
