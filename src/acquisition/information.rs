//! What a measurement tells about the latent value itself: of a Gaussian measurement, a label, a count.

use super::{Acquisition, Candidate, Scale, ScoreSlopes};
use crate::acquisition::argument::positive;
use crate::error::Result;
use crate::gp::Link;
use crate::normal;

/// Mutual information of the latent value and its noisy measurement, `½ ln(1 + s²/ν)` nats with noise variance `ν`; infinite
/// for a noiseless measurement of something unknown, 0 of something known.
///
/// For Gaussian noise it is what "Bayesian active learning by disagreement" asks for; for labels take [`LabelInformation`],
/// for counts [`CountInformation`]. Under shot noise `ν = c/d` it grows
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

/// Mutual information of the latent function and a label 0 or 1, nats: "Bayesian active learning by disagreement" (BALD).
///
/// `h(E[π(f)]) − E[h(π(f))]`, `h(p) = −p ln p − (1 − p) ln(1 − p)`, `f ~ N(μ, s²)` and π the link of the classifier
/// ([`LaplaceGp`](crate::gp::LaplaceGp) and [`StochasticGp`](crate::gp::StochasticGp) with a Bernoulli likelihood): large where
/// the label is in doubt because the function is, 0 where the label is a fair coin of known bias. The dose plays no part.
///
/// Source: Houlsby, Huszár, Ghahramani and Lengyel, arXiv 1112.5745, equation 2; the second expectation, approximated there, is
/// taken here by the trapezoidal rule to about 1e-15.
///
/// ```
/// use dosewise::acquisition::{Acquisition, Candidate, LabelInformation};
/// use dosewise::gp::Link;
/// let information = LabelInformation::through(Link::Probit);
/// let at = |mean, variance| Candidate::new(mean, variance, 0.0, 1.0);
/// assert!(information.score(&at(0.0, 4.0)?) > 0.2); // nobody knows which label
/// assert!(information.score(&at(0.0, 1e-6)?) < 1e-6); // a fair coin, and known to be one
/// assert!(information.score(&at(5.0, 1.0)?) < 1e-2); // surely label 1
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LabelInformation {
    link: Link,
}

impl LabelInformation {
    /// For labels that follow the latent function through `link`.
    pub fn through(link: Link) -> Self {
        Self { link }
    }

    /// `ln(π/(1 − π))` and `π′` at f.
    fn odds_and_slope(&self, f: f64) -> (f64, f64) {
        match self.link {
            Link::Logit => {
                let small = (-f.abs()).exp();
                (f, small / ((1.0 + small) * (1.0 + small)))
            }
            Link::Probit => (normal::ln_cdf(f) - normal::ln_cdf(-f), normal::density(f)),
        }
    }

    /// `E[h(π)]`, `E[π′]`, `E[z π′]`, `E[h′ π′]` and `E[z h′ π′]` for `f = m + s z`, `s > 0`.
    fn averages(&self, mean: f64, deviation: f64) -> [f64; 5] {
        // beyond this entropies and slopes are below 1e-17
        let reach = match self.link {
            Link::Logit => 45.0,
            Link::Probit => 9.5,
        };
        let (from, to) = (-reach - mean, reach - mean);
        let from = (from / deviation).max(-9.0);
        let to = (to / deviation).min(9.0);
        // a quarter of whichever is narrower, the belief or the turn of the link
        average(from, to, 0.25 * (1.0 / deviation).min(1.0), |z| {
            let f = mean + deviation * z;
            let (odds, slope) = self.odds_and_slope(f);
            let entropy = entropy(self.link.probability(-f.abs()));
            let steep = -odds * slope;
            [entropy, slope, z * slope, steep, z * steep]
        })
    }
}

impl Acquisition for LabelInformation {
    fn score(&self, candidate: &Candidate) -> f64 {
        let (mean, variance) = (candidate.mean(), candidate.variance());
        if variance < LABEL_KNOWN {
            return variance * self.fisher(mean);
        }
        let unlikely = self.link.averaged_probability(-mean.abs(), variance);
        let [within, ..] = self.averages(mean, candidate.deviation());
        (entropy(unlikely) - within).max(0.0)
    }

    fn scale(&self) -> Scale {
        Scale::Gain
    }

    /// `h′(p̄) E[π′] − E[h′ π′]` and `(h′(p̄) E[z π′] − E[z h′ π′])/(2 s)`, `p̄ = E[π]` and `f = μ + s z`.
    fn slopes(&self, candidate: &Candidate) -> ScoreSlopes {
        let (mean, variance) = (candidate.mean(), candidate.variance());
        if variance < LABEL_KNOWN {
            let step = 1e-4 * (1.0 + mean.abs());
            let rise = self.fisher(mean + step) - self.fisher(mean - step);
            return ScoreSlopes {
                by_mean: variance * rise / (2.0 * step),
                by_variance: self.fisher(mean),
            };
        }
        let deviation = candidate.deviation();
        let [_, slope, turned, steep, steep_turned] = self.averages(mean, deviation);
        let unlikely = self.link.averaged_probability(-mean.abs(), variance);
        let odds = match unlikely {
            0.0 => 0.0,
            p => ((-p).ln_1p() - p.ln()).copysign(-mean),
        };
        ScoreSlopes {
            by_mean: odds * slope - steep,
            by_variance: (odds * turned - steep_turned) / (2.0 * deviation),
        }
    }
}

/// Below this variance the information is that of its first order, the difference of entropies having lost its digits.
const LABEL_KNOWN: f64 = 1e-8;

impl LabelInformation {
    /// Half the Fisher information of a label about f, `π′²/(2 π (1 − π))`.
    fn fisher(&self, f: f64) -> f64 {
        let (_, slope) = self.odds_and_slope(f);
        let p = self.link.probability(-f.abs());
        if p == 0.0 {
            return 0.0;
        }
        0.5 * slope / p * slope / (1.0 - p)
    }
}

/// Information of a count about the logarithm of its rate, nats: `E[½ ln(1 + s² c d exp f)]`, `f ~ N(μ, s²)`, for a count of
/// mean `c d exp f` at dose `d` with `c` counts a unit of dose.
///
/// A count of mean λ tells as much about ln λ as a Gaussian measurement of variance 1/λ; this averages that over the rates the
/// belief allows ([`CountField`](crate::gp::CountField), [`LaplaceGp`](crate::gp::LaplaceGp) with a Poisson likelihood).
/// Brighter places are measured better, so unlike the Gaussian form it depends on the mean. Both limits of the mutual
/// information are met exactly, `½ s² E[λ]` at low rates and `½ ln(s² c d) + ½ μ` at high ones; between them it falls short of
/// it by at most 1 % at `s = ½`, 3 % at `s = 1` and 8 % at `s = 2`. The noise variance of the candidate is not looked at.
///
/// Source: MacKay, *Neural Comput.* 4, 590 (1992), with the Fisher information λ of a count about ln λ as the precision; the
/// average over the belief is a choice of this crate.
///
/// ```
/// use dosewise::acquisition::{Acquisition, Candidate, CountInformation};
/// let information = CountInformation::new(1.0)?;
/// let at = |log_rate, dose| Candidate::new(log_rate, 0.25, 0.0, dose);
/// assert!(information.score(&at(1.0, 10.0)?) > information.score(&at(0.0, 10.0)?)); // brighter
/// let per_dose = information.per_dose();
/// assert!(per_dose.score(&at(0.0, 1.0)?) > per_dose.score(&at(0.0, 10.0)?)); // the first electrons tell most
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CountInformation {
    counts_per_dose: f64,
}

impl CountInformation {
    /// With the counts `c` that one e⁻/Å² brings where the latent logarithm is 0.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) unless `counts_per_dose` is finite and positive.
    pub fn new(counts_per_dose: f64) -> Result<Self> {
        positive("counts_per_dose", counts_per_dose)?;
        Ok(Self { counts_per_dose })
    }

    /// `E[½ ln(1 + s² λ)]`, `E[q]/s²`, `E[q]` and `E[z q]` with `q = s² λ/(1 + s² λ)`, for `f = μ + s z`, `s > 0`.
    fn averages(&self, candidate: &Candidate) -> [f64; 4] {
        let (variance, deviation) = (candidate.variance(), candidate.deviation());
        let level = self.counts_per_dose.ln() + candidate.dose().ln() + candidate.mean();
        if deviation > WIDE {
            return wide_averages(level + variance.ln(), variance);
        }
        average(-9.0, 9.0, 0.25, |z| {
            let log_rate = level + deviation * z;
            let log_ratio = variance.ln() + log_rate;
            // ln(1 + eˣ) and eˣ/(1 + eˣ), without overflow
            let softplus = log_ratio.max(0.0) + (-log_ratio.abs()).exp().ln_1p();
            let share = (log_ratio - softplus).exp();
            [
                0.5 * softplus,
                (log_rate - softplus).exp(),
                share,
                z * share,
            ]
        })
    }
}

/// Deviation of the log-rate above which the turn of `ln(1 + eˣ)` is the narrower of the two, and the sum runs over that.
const WIDE: f64 = 2.0;

/// [`CountInformation::averages`] for a wide belief `x ~ N(a, s²)` about `x = ln(s² λ)`.
///
/// With `g` the logistic density, `ln(1 + eˣ) = ∫ g(t) max(0, x − t) dt`, so that the averages are sums over `g` of the closed
/// forms `s h((a − t)/s)`, `Φ((a − t)/s)` and `φ((a − t)/s)`: as many terms however wide the belief.
fn wide_averages(level: f64, variance: f64) -> [f64; 4] {
    let deviation = variance.sqrt();
    // at low rates the weight lies around a + s², and below −750 everything has underflowed
    let from = (level + variance - 9.0 * deviation).clamp(-750.0, -40.0);
    let nodes = (2.0 * (40.0 - from)).ceil();
    let step = (40.0 - from) / nodes;
    let mut sums = [0.0; 3];
    for node in 0..=nodes as usize {
        let t = from + node as f64 * step;
        let small = (-t.abs()).exp();
        let weight = step * small / ((1.0 + small) * (1.0 + small));
        let z = (level - t) / deviation;
        sums[0] += weight * normal::positive_part(z);
        sums[1] += weight * normal::cdf(z);
        sums[2] += weight * normal::density(z);
    }
    let [part, share, turned] = sums;
    [0.5 * deviation * part, share / variance, share, turned]
}

impl Acquisition for CountInformation {
    fn score(&self, candidate: &Candidate) -> f64 {
        if candidate.variance() == 0.0 {
            return 0.0;
        }
        self.averages(candidate)[0]
    }

    fn scale(&self) -> Scale {
        Scale::Gain
    }

    /// `½ E[q]` and `½ E[q]/s² + E[z q]/(4 s)`, `q = s² λ/(1 + s² λ)`; at `s = 0` the limits 0 and `½ λ`.
    fn slopes(&self, candidate: &Candidate) -> ScoreSlopes {
        if candidate.variance() == 0.0 {
            let rate = self.counts_per_dose * candidate.dose() * candidate.mean().exp();
            return ScoreSlopes {
                by_mean: 0.0,
                by_variance: 0.5 * rate,
            };
        }
        let [_, direct, share, turned] = self.averages(candidate);
        ScoreSlopes {
            by_mean: 0.5 * share,
            by_variance: 0.5 * direct + 0.25 * turned / candidate.deviation(),
        }
    }
}

/// `−p ln p − (1 − p) ln(1 − p)` for p up to ½.
fn entropy(p: f64) -> f64 {
    if p == 0.0 {
        return 0.0;
    }
    -p * p.ln() - (1.0 - p) * (-p).ln_1p()
}

/// Expectations of `f(z)` over a standard normal z between two ends at which `φ f` has vanished, by the trapezoidal rule, which
/// is exact to rounding once the step is below the width of `f` (Trefethen and Weideman, *SIAM Rev.* 56, 385 (2014)).
fn average<const N: usize>(from: f64, to: f64, step: f64, f: impl Fn(f64) -> [f64; N]) -> [f64; N] {
    let mut sums = [0.0; N];
    if from < to {
        let intervals = ((to - from) / step).ceil();
        let step = (to - from) / intervals;
        for node in 0..=intervals as usize {
            let z = from + node as f64 * step;
            let weight = step * normal::density(z);
            for (sum, value) in sums.iter_mut().zip(f(z)) {
                *sum += weight * value;
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use statrs::function::gamma::ln_gamma;

    #[test]
    fn the_ends() {
        let score = |variance, noise| {
            MutualInformation.score(&Candidate::new(0.0, variance, noise, 1.0).unwrap())
        };
        assert_eq!(score(0.0, 0.0), 0.0);
        assert_eq!(score(0.0, 1.0), 0.0);
        assert_eq!(score(1.0, 0.0), f64::INFINITY);
        assert!((score(1e-20, 1.0) - 5e-21).abs() < 1e-35);
        assert!(CountInformation::new(0.0).is_err() && CountInformation::new(f64::NAN).is_err());
    }

    /// Mutual information of a belief and an outcome, from the logarithms of the probabilities of the outcomes.
    fn by_definition(mean: f64, variance: f64, log_law: impl Fn(f64) -> Vec<f64>) -> f64 {
        let (nodes, reach) = (800, 7.0);
        let step = 2.0 * reach / f64::from(nodes);
        let mut marginal = Vec::new();
        let mut known = 0.0;
        for node in 0..=nodes {
            let z = -reach + f64::from(node) * step;
            let weight = normal::density(z) * step;
            let law = log_law(mean + variance.sqrt() * z);
            marginal.resize(law.len(), 0.0);
            let possible = |(_, log): &(_, f64)| log.is_finite();
            for (total, log) in marginal.iter_mut().zip(law).filter(possible) {
                *total += weight * log.exp();
                known += weight * log.exp() * log;
            }
        }
        let entropy = |p: &f64| if *p > 0.0 { -p * p.ln() } else { 0.0 };
        marginal.iter().map(entropy).sum::<f64>() + known
    }

    #[test]
    fn labels_tell_what_the_definition_says() {
        for link in [Link::Probit, Link::Logit] {
            let information = LabelInformation::through(link);
            for (mean, variance) in [
                (0.0, 1.0),
                (0.7, 0.3),
                (-2.0, 4.0),
                (1.5, 1e-3),
                (3.0, 40.0),
            ] {
                let wanted = by_definition(mean, variance, |f| {
                    [f, -f].map(|f| link.probability(f).ln()).to_vec()
                });
                let at = |mean| Candidate::new(mean, variance, 0.1, 1.0).unwrap();
                let found = information.score(&at(mean));
                assert!(
                    (found - wanted).abs() < 1e-9,
                    "{link:?} {mean} {variance}: {found} {wanted}"
                );
                assert!((information.score(&at(-mean)) - found).abs() < 1e-15);
            }
        }
    }

    #[test]
    fn labels_of_what_is_known_tell_nothing_and_never_nan() {
        for link in [Link::Probit, Link::Logit] {
            let information = LabelInformation::through(link);
            let at = |mean, variance| Candidate::new(mean, variance, 0.1, 1.0).unwrap();
            assert_eq!(information.score(&at(0.3, 0.0)), 0.0);
            // the first order meets the quadrature
            for mean in [0.0, 0.4, -2.0] {
                let (below, above) = (at(mean, 0.999_999e-8), at(mean, 1.000_001e-8));
                let ratio = information.score(&above) / information.score(&below);
                assert!((ratio - 1.0).abs() < 1e-5, "{link:?} {mean}: {ratio}");
            }
            for (mean, variance) in [(1e3, 1.0), (-1e9, 1e-3), (0.0, 1e12), (1e3, 1e-9)] {
                let candidate = at(mean, variance);
                let slopes = information.slopes(&candidate);
                let score = information.score(&candidate);
                assert!((0.0..=std::f64::consts::LN_2).contains(&score));
                assert!(slopes.by_mean.is_finite() && slopes.by_variance.is_finite());
            }
        }
    }

    #[test]
    fn counts_tell_little_less_than_the_definition_says() {
        let log_factorials: Vec<f64> = (0..1500).map(|n| ln_gamma(f64::from(n) + 1.0)).collect();
        for (deviation, allowed) in [(0.2_f64, 0.002), (0.5, 0.01), (1.0, 0.03), (2.0, 0.08)] {
            for rate in [0.01_f64, 0.3, 2.0] {
                let law = |f: f64| {
                    let last = 40 + (12.0 * rate * (5.0 * deviation).exp()) as usize;
                    let terms = log_factorials.iter().take(last).enumerate();
                    let logs = terms.map(|(n, factorial)| n as f64 * f - f.exp() - factorial);
                    logs.collect()
                };
                let exact = by_definition(rate.ln(), deviation * deviation, law);
                let candidate = Candidate::new(0.0, deviation * deviation, 0.0, rate).unwrap();
                let found = CountInformation::new(1.0).unwrap().score(&candidate);
                let short = 1.0 - found / exact;
                assert!(
                    (-1e-6..allowed).contains(&short),
                    "{deviation} {rate}: {found} {exact}"
                );
            }
        }
    }

    /// The two ways of averaging are one where they meet, in the tails too.
    #[test]
    fn narrow_and_wide_beliefs_meet() {
        let information = CountInformation::new(1.0).unwrap();
        for mean in [-300.0, -60.0, -9.0, -1.0, 0.0, 3.0, 40.0] {
            let at = |variance| Candidate::new(mean, variance, 0.0, 1.0).unwrap();
            let narrow = information.averages(&at(4.0));
            let wide = wide_averages(mean + 4.0_f64.ln(), 4.0);
            let share = wide[2]; // of which the last is a difference
            // far out in the tail the part above the threshold is a small difference of large numbers
            let allowed = if mean < -20.0 { 1e-5 } else { 1e-11 };
            for (narrow, wide) in narrow.into_iter().zip(wide) {
                assert!(
                    (narrow - wide).abs() < allowed * wide.abs() + 1e-14 * share,
                    "{mean}: {narrow} {wide}"
                );
            }
        }
    }

    /// For a boundless belief `E[½ ln(1 + s² λ)]` is half the positive part of the logarithm, and π²/6 times half its density at 0.
    #[test]
    fn a_boundless_belief_is_judged_at_once() {
        let information = CountInformation::new(1.0).unwrap();
        for variance in [1e6_f64, 1e20, 1e300] {
            let candidate = Candidate::new(0.0, variance, 0.0, 1.0).unwrap();
            let (deviation, level) = (variance.sqrt(), variance.ln());
            let z = level / deviation;
            let turn = std::f64::consts::PI.powi(2) / 6.0;
            let wanted = 0.5
                * (deviation * normal::positive_part(z) + turn * normal::density(z) / deviation);
            let found = information.score(&candidate);
            assert!((found / wanted - 1.0).abs() < 1e-11, "{found} {wanted}");
            let slopes = information.slopes(&candidate);
            assert!((slopes.by_mean / (0.5 * normal::cdf(z)) - 1.0).abs() < 1e-3);
            assert!(slopes.by_variance > 0.0 && slopes.by_variance < 1.0);
        }
        let vanishing = CountInformation::new(1e-300).unwrap();
        for mean in [-1e300, 1e300] {
            let candidate = Candidate::new(mean, 1e20, 0.0, 1e-300).unwrap();
            assert!(vanishing.score(&candidate) >= 0.0);
        }
    }

    #[test]
    fn counts_without_limit_tell_half_the_logarithm() {
        let information = CountInformation::new(2.0).unwrap();
        let many = Candidate::new(0.7, 0.4, 0.0, 1e12).unwrap();
        let wanted = 0.5 * (0.4_f64 * 2e12).ln() + 0.35;
        assert!((information.score(&many) - wanted).abs() < 1e-10);
        let few = Candidate::new(0.7, 0.4, 0.0, 1e-12).unwrap();
        let wanted = 0.5 * 0.4 * 2e-12 * 0.9_f64.exp();
        assert!((information.score(&few) / wanted - 1.0).abs() < 1e-9);
    }
}
