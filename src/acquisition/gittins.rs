//! The Gittins index of Pandora's box: at what value in hand would this measurement just pay?

use super::argument::{finite, positive};
use super::{Acquisition, Candidate, Scale, ScoreSlopes};
use crate::error::Result;
use crate::normal;

/// The value `g` at which the expected improvement over `g` just pays for the measurement, `E[max(0, f − g)] = λ cost`.
///
/// The cost is the dose unless [said otherwise](Candidate::with_cost). With `t = λ cost/s` and `h(ζ) = φ(ζ) + ζ Φ(ζ)`,
/// `g = μ − s h⁻¹(t)`. Serving the largest index and stopping when none exceeds the best value in hand is optimal for
/// independent places; for correlated ones it is a good rule that knows prices, where expected improvement per cost can be
/// arbitrarily bad. [`worthwhile`](super::worthwhile) does both.
///
/// Of the latent value; [`after_measurement`](Acquisition::after_measurement) the box shows the posterior mean to come instead. A
/// level with the incumbent as reference: the cost is in it already, so it is not to be divided by it again.
///
/// Source: Xie, Astudillo, Frazier, Scully and Terenin, *Cost-aware Bayesian Optimization via the Pandora's Box Gittins
/// Index*, NeurIPS 2024 (arXiv 2406.20062); the stopping rule: Xie et al. (arXiv 2507.12453); Weitzman, *Econometrica* 47, 641 (1979).
///
/// ```
/// use dosewise::acquisition::{Candidate, GittinsIndex, worthwhile};
/// let cheap = [Candidate::new(0.2, 0.3, 0.1, 5.0)?, Candidate::new(0.6, 0.3, 0.1, 5.0)?];
/// let index = GittinsIndex::over(1.0, 0.001)?;
/// assert_eq!(worthwhile(&index, &cheap)?.map(|choice| choice.index), Some(1));
/// assert_eq!(worthwhile(&GittinsIndex::over(1.0, 0.1)?, &cheap)?, None); // not worth half a unit of value: stop
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GittinsIndex {
    incumbent: f64,
    multiplier: f64,
}

impl GittinsIndex {
    /// With the `incumbent`, the best value in hand, and the price `multiplier` `λ` of one e⁻/Å² (of one unit of cost), in
    /// units of the value.
    ///
    /// # Errors
    /// [`crate::Error::Argument`] unless the incumbent is finite and the multiplier finite and positive (at price 0 every uncertain
    /// place has an infinite index).
    pub fn over(incumbent: f64, multiplier: f64) -> Result<Self> {
        finite("incumbent", incumbent)?;
        positive("multiplier", multiplier)?;
        Ok(Self {
            incumbent,
            multiplier,
        })
    }

    /// Deviation and price.
    fn terms(&self, candidate: &Candidate) -> (f64, f64) {
        (candidate.deviation(), self.multiplier * candidate.cost())
    }
}

impl Acquisition for GittinsIndex {
    fn score(&self, candidate: &Candidate) -> f64 {
        let (deviation, price) = self.terms(candidate);
        if deviation == 0.0 || price / deviation > 1e300 {
            return candidate.mean() - price;
        }
        let zeta = inverse_positive_part(price / deviation);
        if zeta > 0.0 {
            // h(ζ) = ζ + h(−ζ), which keeps the digits of a price far above the deviation
            candidate.mean() - price + deviation * normal::positive_part(-zeta)
        } else {
            candidate.mean() - deviation * zeta
        }
    }

    fn scale(&self) -> Scale {
        Scale::Level {
            reference: self.incumbent,
        }
    }

    /// `1` and `φ(ζ)/(2 s Φ(ζ))`, by the implicit function; the latter 0 where `s = 0`.
    fn slopes(&self, candidate: &Candidate) -> ScoreSlopes {
        let (deviation, price) = self.terms(candidate);
        let by_variance = if deviation == 0.0 || price / deviation > 1e300 {
            0.0
        } else {
            let zeta = inverse_positive_part(price / deviation);
            normal::inverse_mills(zeta).0 / (2.0 * deviation)
        };
        ScoreSlopes {
            by_mean: 1.0,
            by_variance,
        }
    }
}

/// `ζ` with `h(ζ) = t`, for `t > 0`.
///
/// Newton's method from the side on which it cannot overshoot: from the right on the convex `h` where `ζ ≥ 0`, from the left
/// on the concave `ln h` where `ζ < 0`.
fn inverse_positive_part(t: f64) -> f64 {
    let at_zero = normal::density(0.0);
    let above = t >= at_zero;
    // h(ζ) ≥ ζ, and h(ζ) ≤ φ(ζ) for ζ ≤ 0
    let mut zeta = if above {
        t
    } else {
        -(2.0 * (at_zero.ln() - t.ln())).sqrt()
    };
    for _ in 0..60 {
        let step = if above {
            (normal::positive_part(zeta) - t) / normal::cdf(zeta)
        } else {
            let slope = normal::slopes_of_ln_positive_part(zeta).0;
            (normal::ln_positive_part(zeta) - t.ln()) / slope
        };
        let next = zeta - step;
        if (next - zeta).abs() <= 1e-15 * (1.0 + zeta.abs()) {
            return next;
        }
        zeta = next;
    }
    zeta
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acquisition::{ExpectedImprovement, LogExpectedImprovement};
    use proptest::prelude::*;

    #[test]
    fn the_inverse_undoes_the_function() {
        for exponent in -1200..1200 {
            let t = 10.0_f64.powf(f64::from(exponent) / 4.0);
            let found = normal::ln_positive_part(inverse_positive_part(t));
            let error = (found - t.ln()).abs();
            assert!(error < 1e-13 * (10.0 + t.ln().abs()), "{t}: {error}");
        }
    }

    #[test]
    fn a_known_place_is_worth_its_mean_less_the_price() {
        let index = GittinsIndex::over(0.0, 0.5).unwrap();
        let at = |variance| Candidate::new(1.0, variance, 0.1, 4.0).unwrap();
        assert_eq!(index.score(&at(0.0)), -1.0);
        assert!((index.score(&at(1e-20)) + 1.0).abs() < 1e-9);
        assert_eq!(index.score(&at(f64::MIN_POSITIVE)), -1.0);
    }

    proptest! {
        /// The definition, and the stopping rule in its other form: g > y* exactly if EI(y*) > λ cost.
        #[test]
        fn the_index_solves_its_equation(
            mean in -3.0..3.0_f64, deviation in 0.01..3.0_f64, dose in 0.1..30.0_f64, multiplier in 1e-6..0.5_f64,
            incumbent in -3.0..3.0_f64,
        ) {
            let candidate = Candidate::new(mean, deviation * deviation, 0.2, dose).unwrap();
            let index = GittinsIndex::over(incumbent, multiplier).unwrap();
            let g = index.score(&candidate);
            let log = LogExpectedImprovement::over(g).unwrap().score(&candidate);
            prop_assert!((log - (multiplier * dose).ln()).abs() < 1e-9);
            let pays = ExpectedImprovement::over(incumbent).unwrap().score(&candidate) / (multiplier * dose);
            if (pays - 1.0).abs() > 1e-9 {
                prop_assert_eq!(g > incumbent, pays > 1.0);
            }
        }
    }

    #[test]
    fn wrong_settings_are_refused() {
        assert!(GittinsIndex::over(f64::NAN, 1.0).is_err());
        for multiplier in [0.0, -1.0, f64::INFINITY, f64::NAN] {
            assert!(GittinsIndex::over(0.0, multiplier).is_err());
        }
    }
}
