//! What a visit may show: every possible reading with its probability under either hypothesis.

use super::site::{Scatter, SiteModel};
use crate::error::{Error, Result};

/// Standard deviations of a reading that are looked at on either side.
const REACH: f64 = 8.0;
/// Readings with additive noise are looked at in steps of this many standard deviations.
const STEP: f64 = 0.1;

/// Probabilities of one reading under the null and under the alternative.
pub(super) type Likelihoods = [f64; 2];

/// More readings than this of one visit are not enumerated.
const MOST: f64 = 1e6;

/// How many readings of a visit are enumerated.
///
/// # Errors
/// [`Error::Argument`] for visits so long that their readings cannot be enumerated.
pub(super) fn count_readings(site: &SiteModel, dose: f64) -> Result<f64> {
    let [first, last] = span(site, dose);
    if last - first < MOST {
        return Ok(last - first + 1.0);
    }
    let allowed = "a dose per visit with at most 10⁶ different readings";
    Err(Error::argument("visit", dose, allowed))
}

/// The first and the last reading that are looked at: counts, or steps from zero on.
fn span(site: &SiteModel, dose: f64) -> [f64; 2] {
    let [least, most] = ends(site, dose);
    match site.scatter() {
        Scatter::Poisson => [
            (least - REACH * least.sqrt() - REACH).max(0.0).floor(),
            (most + REACH * most.sqrt() + REACH).ceil(),
        ],
        Scatter::Gaussian { variance } => {
            let deviation = (variance * dose).sqrt();
            let steps = ((most - least) / deviation + 2.0 * REACH) / STEP;
            [0.0, steps.ceil()]
        }
    }
}

/// Mean reading of a visit under the hypothesis, intact or damaged, that shows least, and most.
fn ends(site: &SiteModel, dose: f64) -> [f64; 2] {
    let rates = [false, true].map(|kind| [site.rate(kind), site.damaged_rate(kind)]);
    let rates = || rates.as_flattened().iter().copied();
    [
        rates().fold(f64::INFINITY, f64::min) * dose,
        rates().fold(f64::NEG_INFINITY, f64::max) * dose,
    ]
}

/// All readings of a visit of `dose` at a site that is intact with probability `intact`, as pairs of probabilities that
/// sum to one under each hypothesis (readings too far out for either are left away).
pub(super) fn readings(site: &SiteModel, dose: f64, intact: f64) -> Vec<Likelihoods> {
    let mix = |law: &dyn Fn(f64) -> f64| {
        [false, true].map(|alternative| {
            let worn = if intact < 1.0 {
                (1.0 - intact) * law(site.damaged_rate(alternative))
            } else {
                0.0
            };
            intact * law(site.rate(alternative)) + worn
        })
    };
    let [first, last] = span(site, dose).map(|end| end as usize);
    match site.scatter() {
        Scatter::Poisson => (first..=last)
            .map(|n| {
                let log_factorial = statrs::function::gamma::ln_gamma(n as f64 + 1.0);
                mix(&|rate| {
                    let mean = rate * dose;
                    (n as f64 * mean.ln() - mean - log_factorial).exp()
                })
            })
            .collect(),
        Scatter::Gaussian { variance } => {
            let deviation = (variance * dose).sqrt();
            let start = ends(site, dose)[0] - REACH * deviation;
            let weight = STEP / std::f64::consts::TAU.sqrt();
            (first..=last)
                .map(|i| {
                    let reading = start + i as f64 * STEP * deviation;
                    mix(&|rate| {
                        let z = (reading - rate * dose) / deviation;
                        weight * (-0.5 * z * z).exp()
                    })
                })
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequential::Survival;

    #[test]
    fn probabilities_sum_to_one_and_have_the_right_mean() {
        let survival = Survival::new(20.0, 2.0).unwrap();
        let counts = SiteModel::poisson(1.0, 0.6)
            .and_then(|s| s.with_damage(0.5, 0.2, survival))
            .unwrap();
        let sums = SiteModel::gaussian(-0.2, 0.4, 2.0)
            .and_then(|s| s.with_damage(0.0, 0.1, survival))
            .unwrap();
        for site in [counts, sums] {
            for dose in [0.5, 4.0, 64.0] {
                let all = readings(&site, dose, 0.7);
                for kind in 0..2 {
                    let total: f64 = all.iter().map(|f| f[kind]).sum();
                    assert!((total - 1.0).abs() < 1e-9, "{site:?} {dose} {total}");
                }
            }
        }
        let all = readings(&counts, 4.0, 0.7);
        let mean: f64 = all.iter().enumerate().map(|(n, f)| n as f64 * f[1]).sum();
        assert!((mean - 4.0 * (0.7 * 0.6 + 0.3 * 0.2)).abs() < 1e-9);
    }

    #[test]
    fn what_is_counted_is_what_is_enumerated() {
        let counts = SiteModel::poisson(1.0, 0.6).unwrap();
        let sums = SiteModel::gaussian(-0.2, 0.4, 2.0).unwrap();
        for site in [counts, sums] {
            for dose in [0.5, 64.0, 1e4] {
                let found = readings(&site, dose, 1.0).len() as f64;
                assert_eq!(count_readings(&site, dose).unwrap(), found);
            }
        }
        // Means that are close, and yet each has billions of readings.
        let bright = SiteModel::poisson(1e18, 1e18 + 1e12).unwrap();
        assert!(count_readings(&bright, 1.0).is_err());
        assert!(count_readings(&sums, f64::INFINITY).is_err());
    }
}
