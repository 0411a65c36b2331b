//! Optimism in the face of uncertainty.

use super::{Acquisition, Candidate, Scale, ScoreSlopes};
use crate::acquisition::argument::{finite, not_negative};
use crate::error::Result;

/// Upper confidence bound `μ + κ s`, in units of the value, with `κ` the number of posterior deviations.
///
/// The score is signed, so against dose only its excess over a reference level counts: 0 unless [`over`](Self::over) states
/// another, usually the incumbent.
///
/// Source: Srinivas, Krause, Kakade and Seeger, ICML 2010 (arXiv 0912.3995), with `κ = √β`.
///
/// ```
/// use dosewise::acquisition::{Acquisition, Candidate, UpperConfidenceBound};
/// let candidate = Candidate::new(1.0, 0.25, 0.1, 10.0)?;
/// assert_eq!(UpperConfidenceBound::new(2.0)?.score(&candidate), 2.0);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UpperConfidenceBound {
    deviations: f64,
    reference: f64,
}

impl UpperConfidenceBound {
    /// A bound `deviations` (the `κ` above) posterior standard deviations over the mean.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) unless `deviations` is finite and not negative.
    pub fn new(deviations: f64) -> Result<Self> {
        not_negative("deviations", deviations)?;
        Ok(Self {
            deviations,
            reference: 0.0,
        })
    }

    /// The same bound, set against dose by its excess over `reference`, the value one has without measuring.
    ///
    /// The score itself does not change, only what [`per_dose`](Acquisition::per_dose) and
    /// [`cooled`](Acquisition::cooled) make of it.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) if the reference is not finite.
    pub fn over(self, reference: f64) -> Result<Self> {
        finite("reference", reference)?;
        Ok(Self { reference, ..self })
    }
}

impl Acquisition for UpperConfidenceBound {
    fn score(&self, candidate: &Candidate) -> f64 {
        candidate.mean() + self.deviations * candidate.deviation()
    }

    fn scale(&self) -> Scale {
        Scale::Level {
            reference: self.reference,
        }
    }

    /// `1` and `κ/(2 s)`, infinite where `s = 0` and `κ > 0`.
    fn slopes(&self, candidate: &Candidate) -> ScoreSlopes {
        let by_variance = match self.deviations {
            0.0 => 0.0,
            deviations => deviations / (2.0 * candidate.deviation()),
        };
        ScoreSlopes {
            by_mean: 1.0,
            by_variance,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_settings_are_refused() {
        assert!(UpperConfidenceBound::new(-1.0).is_err());
        assert!(UpperConfidenceBound::new(f64::NAN).is_err());
        let bound = UpperConfidenceBound::new(2.0).unwrap();
        assert!(bound.over(f64::INFINITY).is_err());
        assert_eq!(
            bound.over(3.0).unwrap().scale(),
            Scale::Level { reference: 3.0 }
        );
    }
}
