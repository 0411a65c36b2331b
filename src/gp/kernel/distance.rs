//! Squared distances in lengthscales, and gradients of functions of them by the lengthscales and by the point.

use super::{CHUNK, PerCoordinate, dot, runs};
use crate::gp::points::PointsView;

/// Writes r² = Σ_d ((x_d − x′_d)/ℓ_d)² for `point` against each of `others`.
#[inline(always)]
pub(in crate::gp) fn squared_distances(
    lengthscales: &PerCoordinate,
    point: &[f64],
    others: PointsView<'_>,
    out: &mut [f64],
) {
    let shared = lengthscales.shared_dimension(point);
    if shared == 0 {
        out.fill(0.0);
    }
    for (k, &own) in point[..shared].iter().enumerate() {
        let scale = inverse_square(lengthscales, k);
        let all = out.iter_mut().zip(others.coordinate(k));
        // The first coordinate begins the sum, which saves clearing it.
        if k == 0 {
            for (sum, other) in all {
                let difference = own - other;
                *sum = scale * (difference * difference);
            }
        } else {
            for (sum, other) in all {
                let difference = own - other;
                *sum += scale * (difference * difference);
            }
        }
    }
}

/// Adds Σⱼ factors\[j\] ((x_d − x′_d)/ℓ_d)² to the entry of each lengthscale ℓ_d: since ∂r²/∂log ℓ_d = −2 ((x_d −
/// x′_d)/ℓ_d)², the factors are −2 wⱼ ∂k/∂(r²). `distances` holds r² on entry and is used as scratch.
#[inline(always)]
pub(in crate::gp) fn accumulate_lengthscales(
    lengthscales: &PerCoordinate,
    point: &[f64],
    others: PointsView<'_>,
    factors: &[f64],
    distances: &mut [f64],
    gradient: &mut [f64],
) {
    if lengthscales.is_shared() {
        if let Some(slot) = gradient.first_mut() {
            *slot += dot(factors, distances);
        }
        return;
    }
    let shared = lengthscales.shared_dimension(point);
    for (k, (&own, slot)) in point[..shared].iter().zip(gradient).enumerate() {
        for (square, other) in distances.iter_mut().zip(others.coordinate(k)) {
            let difference = own - other;
            *square = difference * difference;
        }
        *slot += inverse_square(lengthscales, k) * dot(factors, distances);
    }
}

/// Adds Σⱼ weights\[j\] ∂k(point, others\[j\])/∂x_d to `gradient[d]` for a function k of r², whose derivative by r² is
/// `slope`: ∂r²/∂x_d = 2 (x_d − x′_d)/ℓ_d².
pub(in crate::gp) fn accumulate_input_slopes(
    lengthscales: &PerCoordinate,
    point: &[f64],
    others: PointsView<'_>,
    weights: &[f64],
    slope: impl Fn(f64) -> f64,
    gradient: &mut [f64],
) {
    let shared = lengthscales.shared_dimension(point);
    for (others, weights) in runs(others, weights) {
        let mut scratch = [[0.0; CHUNK]; 2];
        let [factors, differences] = scratch.each_mut().map(|row| &mut row[..weights.len()]);
        squared_distances(lengthscales, point, others, factors);
        for (factor, weight) in factors.iter_mut().zip(weights) {
            *factor = weight * slope(*factor);
        }
        for (k, slot) in gradient.iter_mut().enumerate().take(shared) {
            let own = point[k];
            for (difference, other) in differences.iter_mut().zip(others.coordinate(k)) {
                *difference = own - other;
            }
            *slot += 2.0 * inverse_square(lengthscales, k) * dot(factors, differences);
        }
    }
}

/// 1/ℓ² of coordinate `k`.
fn inverse_square(lengthscales: &PerCoordinate, k: usize) -> f64 {
    let lengthscale = lengthscales.get(k);
    1.0 / (lengthscale * lengthscale)
}
