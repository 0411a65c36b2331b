//! Any acquisition judged by what will be known after the measurement.

use super::{Acquisition, Candidate, Scale, ScoreSlopes};

/// The noisy one-step form of an acquisition: judge by the posterior mean after the measurement, not by the latent value.
///
/// Seen from now that mean is normal about `μ` with deviation `s²/√(s² + ν)` in place of `s`, where `ν` is the noise variance
/// of the candidate. A measurement too noisy to move the mean then gains nothing, and more dose is worth more, which is what
/// makes the doses of one place comparable. It counts the gain at the measured place only; the
/// [`KnowledgeGradient`](super::KnowledgeGradient) also counts what other places learn.
///
/// For acquisitions of mean and variance; those that look at the noise themselves
/// ([`VarianceReduction`](super::VarianceReduction), [`MutualInformation`](super::MutualInformation),
/// [`MaxValueEntropy`](super::MaxValueEntropy)) would count it twice.
///
/// Source: the distribution of the mean to come is that of Frazier, Powell and Dayanik, *INFORMS J. Comput.* 21, 599 (2009),
/// section 2.
///
/// ```
/// use dosewise::acquisition::{Acquisition, Candidate, UpperConfidenceBound};
/// let bound = UpperConfidenceBound::new(2.0)?.after_measurement();
/// let blurred = bound.score(&Candidate::new(1.0, 0.25, 0.75, 10.0)?);
/// assert!((blurred - 1.5).abs() < 1e-15); // 1 + 2 · 0.25
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AfterMeasurement<A>(pub(super) A);

impl<A> AfterMeasurement<A> {
    /// The acquisition of the latent value.
    pub fn inner(&self) -> &A {
        &self.0
    }

    fn seen_from_now(candidate: &Candidate) -> Candidate {
        candidate.believed(candidate.mean(), candidate.variance_reduction())
    }
}

impl<A: Acquisition> Acquisition for AfterMeasurement<A> {
    fn score(&self, candidate: &Candidate) -> f64 {
        self.0.score(&Self::seen_from_now(candidate))
    }

    fn scale(&self) -> Scale {
        self.0.scale()
    }

    fn slopes(&self, candidate: &Candidate) -> ScoreSlopes {
        let slopes = self.0.slopes(&Self::seen_from_now(candidate));
        ScoreSlopes {
            by_variance: slopes.by_variance * candidate.slope_of_reduction(),
            ..slopes
        }
    }
}
