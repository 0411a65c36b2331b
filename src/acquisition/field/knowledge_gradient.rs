//! By how much will the best posterior mean rise?

use super::belief::Belief;
use super::{FieldCriterion, Offers};
use crate::acquisition::Scale;
use crate::error::Result;
use crate::gp::Surrogate;
use crate::normal;
use ndarray::ArrayView2;

/// Knowledge gradient over the targets: `E[maxⱼ μ′ⱼ] − maxⱼ μⱼ` with the means `μ′` after the measurement, in units of the
/// value.
///
/// Seen from now `μ′ⱼ = μⱼ + bⱼ Z` with `bⱼ = k(j, i)/√(k(i, i) + ν)` and one standard normal Z for all targets. The maximum
/// of these lines is a convex broken line; with its slopes `b₁ < b₂ < …` and breaks `c₁ < c₂ < …` the expectation is exactly
/// `Σₖ (bₖ₊₁ − bₖ) h(−|cₖ|)`, `h(z) = φ(z) + z Φ(z)`. Costs t ln t for t targets. Unlike expected improvement it counts what
/// the measurement tells about other places.
///
/// Source: Frazier, Powell and Dayanik, *INFORMS J. Comput.* 21, 599 (2009), algorithm 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KnowledgeGradient;

impl FieldCriterion for KnowledgeGradient {
    fn scores(
        &self,
        surrogate: &dyn Surrogate,
        targets: ArrayView2<'_, f64>,
        offers: &Offers,
    ) -> Result<Vec<f64>> {
        let belief = Belief::of(surrogate, targets, offers.places())?;
        let mut lines = Vec::new();
        Ok(offers.score_each(|place, noise| {
            let deviation = (belief.variance(place) + noise).sqrt();
            if deviation == 0.0 {
                return 0.0;
            }
            lines.clear();
            let slopes = belief
                .with_targets(place)
                .into_iter()
                .map(|c| c / deviation);
            lines.extend(belief.target_means().iter().copied().zip(slopes));
            expected_rise(&mut lines)
        }))
    }

    fn scale(&self) -> Scale {
        Scale::Gain
    }
}

/// `E[max(a + b Z)] − max a` for lines (a, b), which are sorted on the way.
pub(in crate::acquisition) fn expected_rise(lines: &mut [(f64, f64)]) -> f64 {
    lines.sort_by(|(a, b), (other_a, other_b)| b.total_cmp(other_b).then(a.total_cmp(other_a)));
    // the lines of the upper envelope, each with the Z from which on it is the highest
    let mut envelope: Vec<(f64, f64, f64)> = Vec::with_capacity(lines.len());
    for &(a, b) in lines.iter() {
        let mut from = f64::NEG_INFINITY;
        while let Some(&(top_a, top_b, top_from)) = envelope.last() {
            // of parallel lines the later one is the higher
            from = if b > top_b {
                (top_a - a) / (b - top_b)
            } else {
                f64::NEG_INFINITY
            };
            if from > top_from {
                break;
            }
            envelope.pop();
            from = f64::NEG_INFINITY;
        }
        envelope.push((a, b, from));
    }
    envelope
        .windows(2)
        .map(|pair| (pair[1].1 - pair[0].1) * normal::positive_part(-pair[1].2.abs()))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn two_lines_have_a_closed_form() {
        // max(a, b Z) − max(a, 0) with slope b: b h(−|a|/b)
        for (a, b) in [(0.0, 1.0), (-0.7, 0.4), (2.0, 0.5)] {
            let found = expected_rise(&mut [(a, 0.0), (0.0, b)]);
            let wanted = b * normal::positive_part(-f64::abs(a) / b);
            assert!((found - wanted).abs() < 1e-15);
        }
        assert_eq!(
            expected_rise(&mut [(1.0, 0.3), (0.5, 0.3), (-2.0, 0.3)]),
            0.0
        );
        assert_eq!(expected_rise(&mut [(1.0, 0.3)]), 0.0);
    }

    proptest! {
        /// Against the integral over Z, a sum on a fine grid.
        #[test]
        fn the_envelope_equals_the_integral(lines in prop::collection::vec((-1.0..1.0_f64, -1.0..1.0_f64), 1..9)) {
            let step = 1e-3;
            let expectation: f64 = (-8000..=8000)
                .map(|node| {
                    let z = f64::from(node) * step;
                    let top = lines.iter().map(|(a, b)| a + b * z).fold(f64::NEG_INFINITY, f64::max);
                    top * normal::density(z) * step
                })
                .sum();
            let now = lines.iter().map(|line| line.0).fold(f64::NEG_INFINITY, f64::max);
            let found = expected_rise(&mut lines.clone());
            prop_assert!((found - (expectation - now)).abs() < 1e-6);
        }
    }
}
