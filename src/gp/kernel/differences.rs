//! Slopes by the inputs for kernels that give none of their own.

use super::Kernel;
use crate::gp::points::PointsView;

/// ε^⅓: where the truncation of a central difference, h² k‴/6, meets its rounding, ε k/h.
const STEP: f64 = 6e-6;

/// Adds Σⱼ weights\[j\] ∂k(point, others\[j\])/∂point\[c\] to `gradient[c]`, by central differences.
pub(super) fn of_covariances<K: Kernel + ?Sized>(
    kernel: &K,
    point: &[f64],
    others: PointsView<'_>,
    weights: &[f64],
    gradient: &mut [f64],
) {
    let mut row = vec![0.0; others.len().min(weights.len())];
    let mut moved = point.to_vec();
    for (c, slot) in gradient.iter_mut().enumerate().take(point.len()) {
        let step = step(point, others, c);
        let mut weighted = |coordinate: f64| {
            moved[c] = coordinate;
            kernel.covariances(&moved, others, &mut row);
            row.iter().zip(weights).map(|(k, w)| k * w).sum::<f64>()
        };
        let (up, down) = (point[c] + step, point[c] - step);
        *slot += (weighted(up) - weighted(down)) / (up - down);
        moved[c] = point[c];
    }
}

/// Adds weight ∂k(point, point)/∂point\[c\] to `gradient[c]`, by central differences.
pub(super) fn of_variance<K: Kernel + ?Sized>(
    kernel: &K,
    point: &[f64],
    weight: f64,
    gradient: &mut [f64],
) {
    let mut moved = point.to_vec();
    for (c, slot) in gradient.iter_mut().enumerate().take(point.len()) {
        let step = STEP * usable_or(point[c].abs(), 1.0);
        let mut variance = |coordinate: f64| {
            moved[c] = coordinate;
            kernel.variance(&moved)
        };
        let (up, down) = (point[c] + step, point[c] - step);
        *slot += weight * (variance(up) - variance(down)) / (up - down);
        moved[c] = point[c];
    }
}

/// The step along coordinate `c` from `point`, for a function that varies over the distances to `others`.
pub(in crate::gp) fn step(point: &[f64], others: PointsView<'_>, c: usize) -> f64 {
    let distances = others.coordinate(c).iter().map(|o| (o - point[c]).abs());
    STEP * usable_or(distances.fold(0.0, f64::max), point[c].abs())
}

fn usable_or(scale: f64, other: f64) -> f64 {
    let usable = |s: &f64| s.is_normal();
    [scale, other].into_iter().find(usable).unwrap_or(1.0)
}
