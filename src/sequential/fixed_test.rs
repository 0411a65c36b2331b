//! Tests of fixed dwell: how much dose they need for the same errors as a sequential test.

use super::site::{Scatter, SiteModel};
use super::wald::check_error_rates;
use crate::error::{Error, Result};
use statrs::distribution::{ContinuousCDF, Normal};
use statrs::function::gamma::{gamma_lr, gamma_ur};

/// A test that gives every site the same dose and compares its reading with a threshold; without damage.
///
/// ```
/// use dosewise::sequential::{FixedTest, SequentialTest, SiteModel};
/// let site = SiteModel::poisson(1.0, 0.7)?;
/// let fixed = FixedTest::by_error_rates(&site, 1e-4, 0.1)?;
/// let sequential = SequentialTest::by_error_rates(1e-4, 0.1, 0.01)?.expected_dose(&site, 0.01)?;
/// assert!(fixed.dose > 4.0 * sequential.mean);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FixedTest {
    /// The dose each site gets.
    pub dose: f64,
    /// Readings on one side of it are taken for the hypothesis of that side.
    pub threshold: f64,
}

impl FixedTest {
    /// The smallest dose at which a threshold keeps both error rates (Neyman & Pearson 1933).
    ///
    /// Counts: the darker hypothesis is taken for t counts or fewer; both errors are incomplete gamma functions of the
    /// dose, P(N ≤ t) = Q(t + 1, λ D), and t is the least for which a dose satisfies both. Gaussian readings:
    /// D = v (z_α + z_β)²/Δ².
    ///
    /// # Errors
    /// [`Error::Argument`] unless the rates are positive with a sum below 1, or if more than 10⁹ counts were needed.
    pub fn by_error_rates(site: &SiteModel, false_alarm: f64, miss: f64) -> Result<Self> {
        check_error_rates(false_alarm, miss)?;
        let (null, alternative) = (site.rate(false), site.rate(true));
        if let Scatter::Gaussian { variance } = site.scatter() {
            let [z_null, z_alternative] =
                [false_alarm, miss].map(|p| -Normal::standard().inverse_cdf(p));
            let dose = variance * ((z_null + z_alternative) / (alternative - null)).powi(2);
            let side = (alternative - null).signum();
            let threshold = null * dose + side * z_null * (variance * dose).sqrt();
            return Ok(Self { dose, threshold });
        }
        let (dark, bright) = (null.min(alternative), null.max(alternative));
        let (dark_error, bright_error) = if alternative < null {
            (miss, false_alarm)
        } else {
            (false_alarm, miss)
        };
        // The doses from which on t counts are too few for the bright, and up to which more are too many for the dark.
        let least = |t: f64| root(t, |x| gamma_ur(t + 1.0, x) > bright_error) / bright;
        let most = |t: f64| root(t, |x| gamma_lr(t + 1.0, x) < dark_error) / dark;
        let enough = |t: f64| least(t) <= most(t);
        let mut high = 1.0;
        while !enough(high) {
            high *= 2.0;
            if high > 1e9 {
                let allowed = "rates that 10⁹ counts tell apart";
                return Err(Error::argument(
                    "site",
                    format!("{dark} and {bright}"),
                    allowed,
                ));
            }
        }
        let mut low = -1.0;
        while high - low > 1.0 {
            let middle = (0.5 * (low + high)).floor();
            if enough(middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
        Ok(Self {
            dose: least(high),
            threshold: high + 0.5,
        })
    }
}

/// Where `below` stops to hold: it holds at 0 and not far beyond t.
fn root(t: f64, below: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, t + 1.0);
    while below(high) {
        (low, high) = (high, 2.0 * high);
    }
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if below(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}
