//! Pure learning: measure where least is known.

use super::{Acquisition, Candidate, Scale, ScoreSlopes};

/// Posterior variance `s²` of the latent value, whatever the dose: uncertainty sampling.
///
/// Source: MacKay, *Neural Comput.* 4, 590 (1992).
///
/// ```
/// use dosewise::acquisition::{Acquisition, Candidate, PosteriorVariance};
/// let candidate = Candidate::new(1.0, 0.25, 0.75, 10.0)?;
/// assert_eq!(PosteriorVariance.score(&candidate), 0.25);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PosteriorVariance;

impl Acquisition for PosteriorVariance {
    fn score(&self, candidate: &Candidate) -> f64 {
        candidate.variance()
    }

    fn scale(&self) -> Scale {
        Scale::Gain
    }

    fn slopes(&self, _: &Candidate) -> ScoreSlopes {
        ScoreSlopes {
            by_mean: 0.0,
            by_variance: 1.0,
        }
    }
}

/// Variance that the measurement would remove at its own place, `s⁴/(s² + ν)` with noise variance `ν`.
///
/// It grows with dose and saturates at `s²`, so doses of one place compare. Per dose `d` under shot noise `ν = c/d` it is
/// `s⁴/(s² d + c)`: the first electrons are the most informative ones.
///
/// Source: conditioning of a normal variable, e.g. Rasmussen and Williams, *Gaussian Processes for Machine Learning* (2006),
/// equation A.6.
///
/// ```
/// use dosewise::acquisition::{Acquisition, Candidate, VarianceReduction};
/// let candidate = Candidate::new(1.0, 0.25, 0.75, 10.0)?;
/// assert_eq!(VarianceReduction.score(&candidate), 0.0625);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VarianceReduction;

impl Acquisition for VarianceReduction {
    fn score(&self, candidate: &Candidate) -> f64 {
        candidate.variance_reduction()
    }

    fn scale(&self) -> Scale {
        Scale::Gain
    }

    /// `0` and `1 − (ν/(s² + ν))²`.
    fn slopes(&self, candidate: &Candidate) -> ScoreSlopes {
        ScoreSlopes {
            by_mean: 0.0,
            by_variance: candidate.slope_of_reduction(),
        }
    }
}
