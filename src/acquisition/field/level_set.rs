//! Which side of a threshold is each target on? What one measurement will settle.

use super::belief::{Belief, explained};
use super::{FieldCriterion, Offers};
use crate::acquisition::Scale;
use crate::acquisition::argument::finite;
use crate::error::Result;
use crate::gp::Surrogate;
use ndarray::ArrayView2;
use std::f64::consts::PI;

/// Global look-ahead for a level set: by how much a measurement is expected to lower the number of misclassified targets.
///
/// A target with mean `μ` and deviation `s` is put on the side of its mean; with `z = (μ − h)/s` that is wrong with
/// probability `Φ(−|z|)`. The measurement will explain a share `ρ² = k(j, i)²/((k(i, i) + ν) s²)` of its variance, after
/// which the expected probability of being wrong is `2 T(z, √(1 − ρ²)/ρ)` with Owen's function T. The difference, free of
/// cancellation, is
///
/// `Σⱼ (1/π) ∫₀^{asin ρ} exp(−z²/(2 sin² φ)) dφ`.
///
/// Source: Letham, Guan, Tymms, Bakshy and Shvartsman, *Look-Ahead Acquisition Functions for Bernoulli Level Set Estimation*,
/// AISTATS 2022 (arXiv 2203.09751), there for Bernoulli outcomes, here for Gaussian measurements; Owen, *Ann. Math. Stat.* 27,
/// 1075 (1956).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LevelSetLookahead {
    threshold: f64,
}

impl LevelSetLookahead {
    /// About `threshold` `h`, in units of the value.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) if the threshold is not finite.
    pub fn at(threshold: f64) -> Result<Self> {
        finite("threshold", threshold)?;
        Ok(Self { threshold })
    }
}

impl FieldCriterion for LevelSetLookahead {
    fn scores(
        &self,
        surrogate: &dyn Surrogate,
        targets: ArrayView2<'_, f64>,
        offers: &Offers,
    ) -> Result<Vec<f64>> {
        let belief = Belief::of(surrogate, targets, offers.places())?;
        let rule = Rule::new();
        // z² and s² of each target
        let ambiguity: Vec<(f64, f64)> = belief
            .target_means()
            .iter()
            .enumerate()
            .map(|(j, mean)| {
                let variance = belief.target_variance(j);
                ((mean - self.threshold).powi(2) / variance, variance)
            })
            .collect();
        Ok(offers.score_each(|place, noise| {
            let variance = belief.variance(place);
            let targets = belief.with_targets(place).into_iter().zip(&ambiguity);
            targets
                .map(|(&covariance, &(squared, of_target))| {
                    if of_target == 0.0 {
                        return 0.0;
                    }
                    let share = explained(covariance, variance, noise) / of_target;
                    rule.settled(squared, share.min(1.0))
                })
                .sum()
        }))
    }

    fn scale(&self) -> Scale {
        Scale::Gain
    }
}

/// Nodes for `∫₀^a f dφ = a ∫₀^∞ e^{−w} f(a e^{−w}) dw`, in which `w = exp(v − e^{−v})` makes the trapezoidal rule converge
/// exponentially (Takahasi and Mori, *Publ. RIMS* 9, 721 (1974)) although f rises from 0 within any small angle. Good to 1e-8
/// of the value.
struct Rule(Vec<(f64, f64)>);

impl Rule {
    fn new() -> Self {
        let step = 0.05;
        let node = |k: i32| {
            let v = f64::from(k) * step;
            let w = (v - (-v).exp()).exp();
            let shrunk = (-w).exp();
            (shrunk, shrunk * w * (1.0 + (-v).exp()) * step)
        };
        Self((-72..=74).map(node).collect())
    }

    /// `(1/π) ∫₀^{asin √share} exp(−squared/(2 sin² φ)) dφ`.
    fn settled(&self, squared: f64, share: f64) -> f64 {
        if share == 0.0 || squared > 1400.0 * share {
            return 0.0; // the integrand stays below e^{−700}
        }
        let end = share.sqrt().asin();
        let integral: f64 = self
            .0
            .iter()
            .map(|(shrunk, weight)| {
                let sine = (end * shrunk).sin();
                weight * (-0.5 * squared / (sine * sine)).exp()
            })
            .sum();
        end * integral / PI
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normal;

    #[test]
    fn a_measurement_without_noise_settles_its_own_place() {
        let rule = Rule::new();
        for z in [0.0, 1e-6, 1e-3, 0.01, 0.3, 1.0, 4.0, 20.0_f64] {
            let wrong = normal::cdf(-z);
            let found = rule.settled(z * z, 1.0);
            assert!((found - wrong).abs() < 1e-8 * wrong, "{z}: {found} {wrong}");
        }
    }

    /// On the threshold the integrand is 1: asin ρ/π.
    #[test]
    fn on_the_threshold() {
        for share in [1e-12, 0.1, 0.5, 0.9, 1.0_f64] {
            let wanted = share.sqrt().asin() / PI;
            let found = Rule::new().settled(0.0, share);
            assert!((found - wanted).abs() < 1e-12, "{share}: {found} {wanted}");
        }
        assert!(LevelSetLookahead::at(f64::NAN).is_err());
    }
}
