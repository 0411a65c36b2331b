//! What a measurement tells about the latent value itself.

use super::{Acquisition, Candidate, Scale, ScoreSlopes};

/// Mutual information of the latent value and its noisy measurement, `½ ln(1 + s²/ν)` nats with noise variance `ν`; infinite
/// for a noiseless measurement of something unknown, 0 of something known.
///
/// For Gaussian noise it is what "Bayesian active learning by disagreement" asks for. Under shot noise `ν = c/d` it grows
/// with the logarithm of the dose, so per dose the first electrons tell most.
///
/// Source: Houlsby, Huszár, Ghahramani and Lengyel, arXiv 1112.5745; Cover and Thomas, *Elements of Information Theory*, 2nd
/// ed. (2006), equation 9.16.
///
/// ```
/// use dosewise::acquisition::{Acquisition, Candidate, MutualInformation};
/// let candidate = Candidate::new(0.0, 0.3, 0.1, 10.0)?;
/// assert!((MutualInformation.score(&candidate) - 2.0_f64.ln()).abs() < 1e-15);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MutualInformation;

impl Acquisition for MutualInformation {
    fn score(&self, candidate: &Candidate) -> f64 {
        if candidate.variance() == 0.0 {
            return 0.0;
        }
        0.5 * (candidate.variance() / candidate.noise_variance()).ln_1p()
    }

    fn scale(&self) -> Scale {
        Scale::Gain
    }

    /// `0` and `½/(s² + ν)`.
    fn slopes(&self, candidate: &Candidate) -> ScoreSlopes {
        ScoreSlopes {
            by_mean: 0.0,
            by_variance: 0.5 / (candidate.variance() + candidate.noise_variance()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends() {
        let score = |variance, noise| {
            MutualInformation.score(&Candidate::new(0.0, variance, noise, 1.0).unwrap())
        };
        assert_eq!(score(0.0, 0.0), 0.0);
        assert_eq!(score(0.0, 1.0), 0.0);
        assert_eq!(score(1.0, 0.0), f64::INFINITY);
        assert!((score(1e-20, 1.0) - 5e-21).abs() < 1e-35);
    }
}
