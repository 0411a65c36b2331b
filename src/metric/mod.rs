//! Scoring: quality against dose, and the statistics that compare policies.
//!
//! A run gives a [`QualityCurve`]; its [`dec_auc`](QualityCurve::dec_auc) is the primary number of this crate. Runs of two
//! policies on the same seeds are compared by a [`Bootstrap`] interval of the paired difference, by
//! [`wilcoxon_signed_rank`], with [`holm`] over all comparisons of a table; across worlds by [`interquartile_mean`] and
//! [`probability_of_improvement`]. Settings of one policy (dwell times, say) form a [`pareto_front`] of dose and quality.
//!
//! ```
//! use dosewise::metric::QualityCurve;
//!
//! let mut curve = QualityCurve::new(1000.0)?; // e⁻/Å²
//! curve.push(200.0, 0.5)?;
//! curve.push(600.0, 0.9)?;
//! // 0 up to 200, then 0.5 up to 600, then 0.9 held to the budget
//! assert!((curve.dec_auc() - 0.56).abs() < 1e-12);
//! # Ok::<(), dosewise::Error>(())
//! ```

mod aggregate;
mod average_precision;
mod bootstrap;
mod pareto;
mod quality_curve;
mod wilcoxon;

pub use aggregate::{holm, interquartile_mean, probability_of_improvement};
pub use average_precision::{average_precision, average_precision_with_missed, normalised};
pub use bootstrap::{Bootstrap, Interval, IntervalMethod};
pub use pareto::{hypervolume, pareto_front};
pub use quality_curve::{QualityCurve, QualityEvent};
pub use wilcoxon::{SignedRank, wilcoxon_signed_rank};

use crate::error::{Error, Result};

/// Refuses NaN and infinite values, naming the first offender.
fn require_finite(argument: &str, values: &[f64]) -> Result<()> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(index) => Err(Error::argument(
            format!("{argument}[{index}]"),
            values[index],
            "a finite number",
        )),
    }
}

/// Refuses two slices of different length.
fn require_same_length(argument: &str, found: usize, other: &str, wanted: usize) -> Result<()> {
    if found == wanted {
        Ok(())
    } else {
        Err(Error::argument(
            argument,
            format!("{found} values"),
            format!("{wanted} values, one for each of `{other}`"),
        ))
    }
}
