//! The grid of (log-odds, dose) on which indices are tabulated.

/// Log-odds run over ±16: beyond, a site is decided for every purpose.
const RANGE: f64 = 16.0;
/// Points along the log-odds.
pub(super) const POINTS: usize = 257;
const SPACING: f64 = 2.0 * RANGE / (POINTS - 1) as f64;

/// Log-odds of grid point `i`.
pub(super) fn log_odds_at(i: usize) -> f64 {
    i as f64 * SPACING - RANGE
}

/// The grid point below these log-odds and the weight of the one above.
pub(super) fn locate(log_odds: f64) -> (usize, f64) {
    let position = ((log_odds + RANGE) / SPACING).clamp(0.0, (POINTS - 1) as f64);
    let below = (position as usize).min(POINTS - 2);
    (below, position - below as f64)
}

/// A value at these log-odds, linear between the grid points.
pub(super) fn interpolate(values: &[f64], log_odds: f64) -> f64 {
    let (below, weight) = locate(log_odds);
    values[below] * (1.0 - weight) + values[below + 1] * weight
}

/// Whether log-odds are on the grid: a site beyond it has no index.
pub(super) fn holds(log_odds: f64) -> bool {
    log_odds.abs() < RANGE
}
