//! How optimistic to be as measurements come in.

use super::UpperConfidenceBound;
use crate::error::{Error, Result};
use std::f64::consts::PI;

/// The number of posterior deviations `κ_t = √β_t` of an [`UpperConfidenceBound`] at step `t = 1, 2, …`.
///
/// ```
/// use dosewise::acquisition::ConfidenceSchedule;
/// let schedule = ConfidenceSchedule::SquareRootLog { dimension: 2 };
/// assert!(schedule.deviations(100)? > schedule.deviations(10)?);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ConfidenceSchedule {
    /// The same `κ` at every step.
    Constant {
        /// `κ`, finite and not negative.
        deviations: f64,
    },
    /// `β_t = 2 ln(n t² π²/(6 δ))`: with probability `1 − δ` every bound over n candidates holds at every step.
    ///
    /// Source: Srinivas, Krause, Kakade and Seeger, ICML 2010 (arXiv 0912.3995), theorem 1. Cautious: in practice it explores
    /// more than pays.
    Finite {
        /// Number of candidates, n.
        candidates: usize,
        /// Probability `δ` that some bound fails, between 0 and 1.
        failure: f64,
    },
    /// `β_t = d ln(2 t)/5`, of the same growth with a smaller constant.
    ///
    /// Source: Kandasamy, Schneider and Póczos, ICML 2015 (arXiv 1503.01673).
    SquareRootLog {
        /// Number of coordinates, d.
        dimension: usize,
    },
}

impl ConfidenceSchedule {
    /// `κ_t` at `step` t.
    ///
    /// # Errors
    /// [`Error::Argument`] if the step, the number of candidates or the dimension is 0, or a number is outside its range.
    pub fn deviations(&self, step: usize) -> Result<f64> {
        let some = |argument: &str, count: usize| match count {
            0 => Err(Error::argument(argument, 0, "1 or more")),
            count => Ok(count as f64),
        };
        let t = some("step", step)?;
        match *self {
            Self::Constant { deviations } => {
                UpperConfidenceBound::new(deviations)?; // its rule is ours
                Ok(deviations)
            }
            Self::Finite {
                candidates,
                failure,
            } => {
                if !(failure > 0.0 && failure < 1.0) {
                    return Err(Error::argument("failure", failure, "between 0 and 1"));
                }
                let n = some("candidates", candidates)?;
                let beta = n.ln() + 2.0 * t.ln() + (PI * PI / 6.0).ln() - failure.ln();
                Ok((2.0 * beta).sqrt())
            }
            Self::SquareRootLog { dimension } => {
                let d = some("dimension", dimension)?;
                Ok((0.2 * d * (2.0 * t).ln()).sqrt())
            }
        }
    }

    /// The bound at `step` t.
    ///
    /// # Errors
    /// As [`ConfidenceSchedule::deviations`].
    pub fn bound(&self, step: usize) -> Result<UpperConfidenceBound> {
        UpperConfidenceBound::new(self.deviations(step)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_hand() {
        let finite = ConfidenceSchedule::Finite {
            candidates: 100,
            failure: 0.1,
        };
        // 2 ln(100 · 9 · π²/0.6) = 2 ln 14804.406…
        let wanted = (2.0 * (900.0 * PI * PI / 0.6).ln()).sqrt();
        assert!((finite.deviations(3).unwrap() - wanted).abs() < 1e-13);
        let constant = ConfidenceSchedule::Constant { deviations: 2.0 };
        assert_eq!(
            constant.deviations(1).unwrap(),
            constant.deviations(999).unwrap()
        );
        let log = ConfidenceSchedule::SquareRootLog { dimension: 5 };
        assert!((log.deviations(7).unwrap() - 14.0_f64.ln().sqrt()).abs() < 1e-14);
        assert_eq!(
            log.bound(7).unwrap(),
            UpperConfidenceBound::new(log.deviations(7).unwrap()).unwrap()
        );
    }

    /// The union bound itself: Σ_t n P(|Z| > κ_t) stays below δ.
    #[test]
    fn the_finite_schedule_keeps_its_promise() {
        let schedule = ConfidenceSchedule::Finite {
            candidates: 50,
            failure: 0.05,
        };
        let failures: f64 = (1..=2000)
            .map(|t| {
                let bound = schedule.deviations(t).unwrap();
                50.0 * 2.0 * crate::normal::cdf(-bound)
            })
            .sum();
        assert!(failures > 0.0 && failures < 0.05, "{failures}");
    }

    #[test]
    fn wrong_settings_are_refused() {
        let refused = |schedule: ConfidenceSchedule, step| schedule.deviations(step).is_err();
        assert!(refused(
            ConfidenceSchedule::SquareRootLog { dimension: 0 },
            1
        ));
        assert!(refused(
            ConfidenceSchedule::SquareRootLog { dimension: 1 },
            0
        ));
        assert!(refused(
            ConfidenceSchedule::Constant {
                deviations: f64::NAN
            },
            1
        ));
        for (candidates, failure) in [(0, 0.1), (9, 0.0), (9, 1.0), (9, f64::NAN)] {
            let finite = ConfidenceSchedule::Finite {
                candidates,
                failure,
            };
            assert!(refused(finite, 1));
        }
    }
}
