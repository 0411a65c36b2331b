//! Squared distances in lengthscales, and what a gradient by the lengthscales needs of them.

use super::{PerCoordinate, dot};
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

/// 1/ℓ² of coordinate `k`.
fn inverse_square(lengthscales: &PerCoordinate, k: usize) -> f64 {
    let lengthscale = lengthscales.get(k);
    1.0 / (lengthscale * lengthscale)
}
