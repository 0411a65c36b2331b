//! Limits that a user sets on hyper-parameters.

use super::kernel::check_parameter;
use super::restart::LogRange;
use crate::error::{Error, Result};
use std::ops::{Bound, RangeBounds};

/// The log-parameter's distance from a hard limit within which a search that pushes outward is put onto the limit.
const REACH: f64 = 0.02;

/// Limits on a positive hyper-parameter during a fit, hard or smooth; one side may be left open.
///
/// A **hard** limit is never crossed: the search runs over a variable u with log θ = middle + half-width sin u (for two
/// limits) or log θ = limit ± (√(u² + 1) − 1) (for one), after F. James, *MINUIT Reference Manual* (CERN, 1994),
/// section 1.3. Two equal limits hold the parameter fixed. A **smooth** limit can be crossed at a price of Δ² + Δ⁴ nats,
/// with Δ the overshoot in natural logarithms. [`FitReport::at_bounds`](super::FitReport) tells which limits matter.
///
/// ```
/// use dosewise::gp::Bounds;
/// let between = Bounds::hard(0.1..=2.0);
/// assert_eq!((between.lower(), between.upper(), between.is_hard()), (Some(0.1), Some(2.0), true));
/// let above = Bounds::smooth(0.1..);
/// assert_eq!((above.lower(), above.upper(), above.is_hard()), (Some(0.1), None, false));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    lower: Option<f64>,
    upper: Option<f64>,
    hard: bool,
}

impl Bounds {
    /// Limits that are never crossed, in units of the parameter; both ends belong to the range.
    pub fn hard(range: impl RangeBounds<f64>) -> Self {
        Self::new(range, true)
    }

    /// Limits with a rising penalty beyond them, in units of the parameter.
    pub fn smooth(range: impl RangeBounds<f64>) -> Self {
        Self::new(range, false)
    }

    fn new(range: impl RangeBounds<f64>, hard: bool) -> Self {
        let end = |bound: Bound<&f64>| match bound {
            Bound::Included(&value) | Bound::Excluded(&value) => Some(value),
            Bound::Unbounded => None,
        };
        Self {
            lower: end(range.start_bound()),
            upper: end(range.end_bound()),
            hard,
        }
    }

    /// The lower limit.
    pub fn lower(&self) -> Option<f64> {
        self.lower
    }

    /// The upper limit.
    pub fn upper(&self) -> Option<f64> {
        self.upper
    }

    /// Whether the limits are never crossed.
    pub fn is_hard(&self) -> bool {
        self.hard
    }

    pub(super) fn check(&self, name: &str) -> Result<()> {
        let mut given = self.lower.iter().chain(&self.upper);
        let positive = given.all(|&limit| check_parameter(name, limit).is_ok());
        let ordered = !matches!((self.lower, self.upper), (Some(l), Some(u)) if l > u);
        if positive && ordered && (self.lower.is_some() || self.upper.is_some()) {
            return Ok(());
        }
        Err(Error::argument(
            "bounds",
            format!("`{name}` within {:?} and {:?}", self.lower, self.upper),
            "one limit or two, positive, within 1e-150..=1e150, the lower first",
        ))
    }

    /// The logarithms of the limits.
    pub(super) fn logs(&self) -> LogBounds {
        // Stepped inward until the exponential, which may be off in its last bit, respects the limit.
        let mut lower = self.lower.map_or(f64::NEG_INFINITY, f64::ln);
        while self.lower.is_some_and(|limit| lower.exp() < limit) {
            lower = lower.next_up();
        }
        let mut upper = self.upper.map_or(f64::INFINITY, f64::ln);
        while self.upper.is_some_and(|limit| upper.exp() > limit) {
            upper = upper.next_down();
        }
        LogBounds {
            lower,
            upper: upper.max(lower),
            hard: self.hard,
        }
    }
}

/// Limits of a log-parameter, infinite where there is none.
#[derive(Debug, Clone, Copy)]
pub(super) struct LogBounds {
    pub lower: f64,
    pub upper: f64,
    pub hard: bool,
}

impl LogBounds {
    /// No limits.
    pub const NONE: Self = Self {
        lower: f64::NEG_INFINITY,
        upper: f64::INFINITY,
        hard: false,
    };

    /// The range judged from the data, with its ends replaced by these limits.
    pub fn narrow(&self, range: LogRange) -> LogRange {
        let mut wall = range.wall;
        if self.lower > f64::NEG_INFINITY {
            wall = (self.lower, wall.1.max(self.lower + 5.0));
        }
        if self.upper < f64::INFINITY {
            wall = (wall.0.min(self.upper - 5.0).max(self.lower), self.upper);
        }
        let inside = |value: f64| value.max(self.lower).min(self.upper);
        LogRange {
            start: (inside(range.start.0), inside(range.start.1)),
            wall,
        }
    }

    /// Moves a start off hard limits, where the search variable has no slope.
    pub fn inside(&self, log_value: f64) -> f64 {
        if !self.hard {
            return log_value;
        }
        let margin = 0.05 * (self.upper - self.lower).clamp(0.0, 1.0);
        log_value.max(self.lower + margin).min(self.upper - margin)
    }

    /// The log-parameter of search variable u, and its derivative.
    pub fn outer(&self, u: f64) -> (f64, f64) {
        let root = (u * u + 1.0).sqrt();
        match (self.lower.is_finite(), self.upper.is_finite()) {
            _ if !self.hard => (u, 1.0),
            (true, true) => {
                let half = 0.5 * (self.upper - self.lower);
                let sine = u.sin();
                // From the nearer end, so that both ends are met exactly.
                let value = if sine < 0.0 {
                    self.lower + half * (1.0 + sine)
                } else {
                    self.upper - half * (1.0 - sine)
                };
                (value.max(self.lower).min(self.upper), half * u.cos())
            }
            (true, false) => (self.lower + (root - 1.0), u / root),
            (false, true) => (self.upper - (root - 1.0), -u / root),
            (false, false) => (u, 1.0),
        }
    }

    /// A search variable of the log-parameter.
    pub fn inner(&self, log_value: f64) -> f64 {
        let unwound = |beyond: f64| ((beyond.max(0.0) + 1.0).powi(2) - 1.0).sqrt();
        match (self.lower.is_finite(), self.upper.is_finite()) {
            _ if !self.hard => log_value,
            (true, true) if self.upper > self.lower => {
                let half = 0.5 * (self.upper - self.lower);
                ((log_value - self.lower) / half - 1.0)
                    .clamp(-1.0, 1.0)
                    .asin()
            }
            (true, true) => 0.0,
            (true, false) => unwound(log_value - self.lower),
            (false, true) => unwound(self.upper - log_value),
            (false, false) => log_value,
        }
    }

    /// The hard limit that the log-parameter is pushed against (or has next to it) by a derivative of the objective,
    /// which is to be maximised.
    pub fn holding(&self, log_value: f64, derivative: f64) -> Option<f64> {
        let reach = REACH * (self.upper - self.lower).min(1.0);
        if !self.hard {
            None
        } else if log_value - self.lower <= reach && derivative <= 0.0 {
            Some(self.lower)
        } else if self.upper - log_value <= reach && derivative >= 0.0 {
            Some(self.upper)
        } else {
            None
        }
    }

    /// Whether the log-parameter lies on a hard limit or beyond a smooth one.
    pub fn binds(&self, log_value: f64) -> bool {
        if self.hard {
            log_value <= self.lower || log_value >= self.upper
        } else {
            log_value < self.lower || log_value > self.upper
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn search_variables_go_there_and_back() {
        for bounds in [
            Bounds::hard(0.1..=2.0),
            Bounds::hard(0.1..),
            Bounds::hard(..=2.0),
            Bounds::smooth(0.1..=2.0),
        ] {
            let logs = bounds.logs();
            for value in [0.1_f64, 0.11, 0.5, 1.9, 2.0] {
                let log = value.ln().max(logs.lower).min(logs.upper);
                let (back, slope) = logs.outer(logs.inner(log));
                assert!((back - log).abs() < 1e-12, "{bounds:?} {value}");
                let u = logs.inner(log);
                let difference = (logs.outer(u + 1e-6).0 - logs.outer(u - 1e-6).0) / 2e-6;
                assert!((difference - slope).abs() < 1e-6, "{bounds:?} {value}");
            }
        }
        // However far the search variable runs, a hard limit holds, to the last bit of the parameter itself.
        for lower in [0.1, 0.3, 7.7e-13, 1e9] {
            let logs = Bounds::hard(lower..=2.0 * lower).logs();
            for i in -400..400 {
                let value = logs.outer(0.37 * f64::from(i)).0.exp();
                assert!((lower..=2.0 * lower).contains(&value));
            }
        }
        let fixed = Bounds::hard(0.7..=0.7).logs();
        assert_eq!(fixed.outer(fixed.inner(3.0)).1, 0.0);
    }

    #[test]
    fn unusable_limits_are_refused() {
        for bad in [
            Bounds::hard(..),
            Bounds::hard(2.0..=1.0),
            Bounds::smooth(0.0..),
            Bounds::smooth(f64::NAN..),
            Bounds::hard(..f64::INFINITY),
        ] {
            assert!(bad.check("lengthscale").is_err(), "{bad:?}");
        }
    }
}
