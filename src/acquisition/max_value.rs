//! What a measurement tells about the largest value of the function.

use super::field::{Samples, maximum};
use super::{Acquisition, Candidate, MonteCarlo, Scale, ScoreSlopes, posterior};
use crate::error::{Error, Result};
use crate::gp::Surrogate;
use crate::normal;
use crate::random::{Purpose, Stream};
use crate::units::Seed;
use ndarray::ArrayView2;
use rand::RngExt;

/// Max-value entropy search: mutual information of the measurement and the maximum `y*`, in nats, averaged over draws of `y*`.
///
/// With `γ = (y* − μ)/s`, `ρ = φ(γ)/Φ(γ)` and `r² = s²/(s² + ν)`, knowing `f ≤ y*` lowers the entropy of the measurement by
///
/// `½ r² γ ρ − ln Φ(γ) + E[ln Φ((γ − r u)/√(1 − r²))]`, `u` the standardised measurement given `f ≤ y*`.
///
/// Without noise the last term vanishes and `½ γ ρ − ln Φ(γ)` of the source is left; with noise it lets doses compare. 0
/// where `s = 0`.
///
/// Source: Wang and Jegelka, *Max-value Entropy Search for Efficient Bayesian Optimization*, ICML 2017 (arXiv 1703.01968);
/// the noisy measurement as in Takeno et al., *Multi-fidelity Bayesian Optimization with Max-value Entropy
/// Search*, ICML 2020 (arXiv 1901.08275).
///
/// ```
/// use dosewise::acquisition::{Acquisition, Candidate, MaxValueEntropy};
/// let search = MaxValueEntropy::new(vec![1.0, 1.2])?;
/// let at = |mean, noise| Candidate::new(mean, 0.25, noise, 10.0);
/// assert!(search.score(&at(0.8, 0.1)?) > search.score(&at(-0.8, 0.1)?)); // the maximum may be here
/// assert!(search.score(&at(0.8, 0.1)?) > search.score(&at(0.8, 0.5)?)); // and noise hides it
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct MaxValueEntropy {
    maxima: Vec<f64>,
}

impl MaxValueEntropy {
    /// From draws of the maximum, in units of the value.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is none or one is not finite.
    pub fn new(maxima: Vec<f64>) -> Result<Self> {
        if maxima.is_empty() {
            return Err(Error::argument("maxima", "no values", "at least one"));
        }
        if let Some(wrong) = maxima.iter().find(|value| !value.is_finite()) {
            return Err(Error::argument("maxima", wrong, "finite numbers"));
        }
        Ok(Self { maxima })
    }

    /// With the maxima of `count` joint posterior draws at the rows of `points` (m × d). Costs m³/3 multiplications once.
    ///
    /// # Errors
    /// As [`Surrogate::joint`]; [`Error::Argument`] if there is no point or `count` is 0;
    /// [`Error::NotPositiveDefinite`] if the posterior covariance has no factor.
    pub fn sampled(
        surrogate: &dyn Surrogate,
        points: ArrayView2<'_, f64>,
        count: usize,
        seed: Seed,
    ) -> Result<Self> {
        let samples = Samples::draw(surrogate, points, count, seed)?;
        Self::new(samples.rows().map(|values| maximum(values).1).collect())
    }

    /// With `count` draws from the Gumbel distribution that shares the quartiles of `∏ⱼ Φ((y − μⱼ)/sⱼ)`, the distribution of
    /// the maximum if the m points were independent. Cheap, and too large where points are strongly correlated. If every
    /// point is known, the maximum is.
    ///
    /// Source: Wang and Jegelka (2017), section 3.1.
    ///
    /// # Errors
    /// As [`Surrogate::marginals`]; [`Error::Argument`] if there is no point, or `count` is 0 or above
    /// [`MonteCarlo::MOST_SAMPLES`].
    pub fn gumbel(
        surrogate: &dyn Surrogate,
        points: ArrayView2<'_, f64>,
        count: usize,
        seed: Seed,
    ) -> Result<Self> {
        if points.nrows() == 0 {
            return Err(Error::argument("points", "no points", "at least one"));
        }
        if !(1..=MonteCarlo::MOST_SAMPLES).contains(&count) {
            let allowed = format!("1 to {}", MonteCarlo::MOST_SAMPLES);
            return Err(Error::argument("count", count, allowed));
        }
        let belief = posterior::marginals(surrogate, points)?;
        let quantile = |probability: f64| quantile(&belief.mean, &belief.variance, probability);
        let (lower, median, upper) = (quantile(0.25), quantile(0.5), quantile(0.75));
        // a Gumbel quantile is a − b ln(−ln p)
        let at = |probability: f64| -f64::ln(-f64::ln(probability));
        let spread = (upper - lower) / (at(0.75) - at(0.25));
        let mut stream = Stream::new(seed, Purpose::Policy, [0, 1]);
        let draw = |_| {
            // within (0, 1), so that both logarithms are finite
            let uniform = (stream.random::<f64>() + 1e-17).min(1.0 - 1e-16);
            median + spread * (at(uniform) - at(0.5))
        };
        Self::new((0..count).map(draw).collect())
    }

    /// The draws of the maximum.
    pub fn maxima(&self) -> &[f64] {
        &self.maxima
    }
}

/// Quantile of the maximum of independent normal variables, by bisection.
fn quantile(mean: &[f64], variance: &[f64], probability: f64) -> f64 {
    let ln_below = |y: f64| -> f64 {
        let term = |(mean, variance): (&f64, &f64)| match variance.sqrt() {
            0.0 if y < *mean => f64::NEG_INFINITY,
            0.0 => 0.0,
            deviation => normal::ln_cdf((y - mean) / deviation),
        };
        mean.iter().zip(variance).map(term).sum()
    };
    let reach = |sign: f64| {
        let ends = mean.iter().zip(variance);
        ends.map(move |(mean, variance)| mean + sign * 10.0 * variance.sqrt())
            .fold(f64::NEG_INFINITY, f64::max)
    };
    // at 10 deviations even a million points leave less than 1e-17 outside
    let (mut low, mut high) = (reach(-1.0), reach(1.0));
    for _ in 0..200 {
        let middle = low + 0.5 * (high - low);
        if middle <= low || middle >= high {
            break;
        }
        if ln_below(middle) < probability.ln() {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

impl Acquisition for MaxValueEntropy {
    fn score(&self, candidate: &Candidate) -> f64 {
        let (variance, noise) = (candidate.variance(), candidate.noise_variance());
        if variance == 0.0 {
            return 0.0;
        }
        let signal = 1.0 / (1.0 + noise / variance);
        let drops = self.gammas(candidate);
        drops.map(|gamma| entropy_drop(gamma, signal)).sum::<f64>() / self.maxima.len() as f64
    }

    fn scale(&self) -> Scale {
        Scale::Gain
    }

    /// Averages over the maxima of `−D_γ/s` and `(D_q q (1 − q) − ½ γ D_γ)/s²`, D the drop and `q = r²`, its derivatives
    /// `D_γ` and `D_q` those of `drop_slopes`; 0 where `s = 0`.
    fn slopes(&self, candidate: &Candidate) -> ScoreSlopes {
        let (variance, noise) = (candidate.variance(), candidate.noise_variance());
        let (mut by_gamma, mut by_variance) = (0.0, 0.0);
        if variance > 0.0 {
            let signal = 1.0 / (1.0 + noise / variance);
            for gamma in self.gammas(candidate) {
                let slopes = drop_slopes(gamma, signal);
                by_gamma += slopes.by_gamma;
                by_variance += slopes.by_log_odds - 0.5 * gamma * slopes.by_gamma;
            }
            by_gamma /= candidate.deviation();
            by_variance /= variance;
        }
        let count = self.maxima.len() as f64;
        ScoreSlopes {
            by_mean: -by_gamma / count,
            by_variance: by_variance / count,
        }
    }
}

impl MaxValueEntropy {
    /// `γ = (y* − μ)/s` of each maximum.
    fn gammas(&self, candidate: &Candidate) -> impl Iterator<Item = f64> + '_ {
        let (mean, deviation) = (candidate.mean(), candidate.deviation());
        let maxima = self.maxima.iter();
        maxima.map(move |maximum| ((maximum - mean) / deviation).max(LOWEST))
    }
}

/// A value this far below the mean leaves no sensible belief.
const LOWEST: f64 = -1e4;
/// A maximum this far above the mean tells nothing.
const HIGHEST: f64 = 38.0;
/// Share of noise below which a measurement is as good as free of it.
const NOISELESS: f64 = 1e-14;

/// Derivatives of [`entropy_drop`].
struct DropSlopes {
    by_gamma: f64,
    /// By `ln(q/(1 − q))`, `q = r²`: finite also without noise.
    by_log_odds: f64,
}

/// With `c² = 1 − r²`, `v` standard normal and `T = c γ − r v` the derivatives are `½ r² ρ (1 − γ (γ + ρ)) + ρ (K − J)` by γ and
/// `½ ρ (γ + M/c)` by `r²`, where `J` is the last term of the drop, `K = E[ln Φ(T)]` and `M = E[φ(T)/Φ(T)]`: in the
/// derivatives of `J` the product `φ(u) φ(t)` is a normal density in `u` about `r γ`, of variance `c²`.
fn drop_slopes(gamma: f64, signal: f64) -> DropSlopes {
    if gamma > HIGHEST || gamma <= LOWEST {
        return DropSlopes {
            by_gamma: 0.0,
            by_log_odds: 0.0,
        };
    }
    let (ratio, remainder) = normal::inverse_mills(gamma);
    let noise = 1.0 - signal;
    if noise < NOISELESS {
        return DropSlopes {
            by_gamma: -0.5 * ratio * (1.0 + gamma * remainder),
            by_log_odds: 0.0,
        };
    }
    let (r, c) = (signal.sqrt(), noise.sqrt());
    let mean_of =
        |f: fn(f64) -> f64| trapezoid(-9.0, 9.0, |v| normal::density(v) * f(c * gamma - r * v));
    let log = mean_of(normal::ln_cdf);
    let mills = mean_of(|t| normal::inverse_mills(t).0);
    let last = last_term(gamma, signal, ratio);
    DropSlopes {
        by_gamma: ratio * (0.5 * signal * (1.0 - gamma * remainder) + log - last),
        by_log_odds: 0.5 * ratio * signal * c * (c * gamma + mills),
    }
}

/// By how much `f ≤ y*` lowers the entropy of the measurement, with `signal` `= r²` its share of variance.
fn entropy_drop(gamma: f64, signal: f64) -> f64 {
    if gamma > HIGHEST {
        return 0.0;
    }
    let gamma = gamma.max(LOWEST);
    let (ratio, remainder) = normal::inverse_mills(gamma);
    let noise = 1.0 - signal;
    if noise < NOISELESS {
        return if gamma < -30.0 {
            tail_drop(gamma, ratio, remainder)
        } else {
            0.5 * gamma * ratio - normal::ln_cdf(gamma)
        };
    }
    let integral = last_term(gamma, signal, ratio);
    (0.5 * signal * gamma * ratio - normal::ln_cdf(gamma) + integral).max(0.0)
}

/// `E[ln Φ((γ − r u)/√(1 − r²))]`, `u` the standardised measurement given `f ≤ y*`, and `ratio` `= φ(γ)/Φ(γ)`.
fn last_term(gamma: f64, signal: f64, ratio: f64) -> f64 {
    let ln_below = normal::ln_cdf(gamma);
    let (r, c) = (signal.sqrt(), (1.0 - signal).sqrt());
    // the integral over u, or over t = (γ − r u)/c: whichever the other varies slowly with
    if signal <= 0.5 {
        let centre = -r * ratio;
        trapezoid(centre - 10.0, centre + 10.0, |u| {
            let t = (gamma - r * u) / c;
            term(u, t, ln_below)
        })
    } else {
        let centre = ((gamma + signal * ratio) / c).min(0.0);
        let (from, to) = (centre - 12.0, (centre + 14.0).min(9.0));
        c / r * trapezoid(from, to, |t| term((gamma - c * t) / r, t, ln_below))
    }
}

/// `½ γ ρ − ln Φ(γ)` for very negative γ, in which the squares of γ cancel: `ρ = −γ + δ`, `ln Φ = ln φ − ln ρ`.
fn tail_drop(gamma: f64, ratio: f64, remainder: f64) -> f64 {
    0.5 * gamma * remainder + ratio.ln() + 0.5 * std::f64::consts::TAU.ln()
}

/// `φ(u) Φ(t) ln Φ(t) / Φ(γ)`.
fn term(u: f64, t: f64, ln_below: f64) -> f64 {
    let ln_cdf = normal::ln_cdf(t);
    let ln_density = -0.5 * (u * u + std::f64::consts::TAU.ln());
    (ln_density + ln_cdf - ln_below).exp() * ln_cdf
}

/// The trapezoidal rule, which converges exponentially for integrands that vanish smoothly at both ends.
fn trapezoid(from: f64, to: f64, f: impl Fn(f64) -> f64) -> f64 {
    let intervals = ((to - from) / 0.2).ceil().max(1.0);
    let step = (to - from) / intervals;
    (0..=intervals as usize)
        .map(|node| f(from + node as f64 * step))
        .sum::<f64>()
        * step
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gp::{ExactGp, Noise, Rbf};
    use ndarray::array;

    /// Entropies by brute force: the density of the measurement given `f ≤ y*` on a fine grid.
    fn by_grid(gamma: f64, signal: f64) -> f64 {
        let (r, c) = (signal.sqrt(), (1.0 - signal).sqrt());
        let step = 1e-3;
        let below = normal::cdf(gamma);
        let entropy: f64 = (-20_000..20_000)
            .map(|node| {
                let u = f64::from(node) * step;
                let p = normal::density(u) * normal::cdf((gamma - r * u) / c) / below;
                if p > 0.0 { -p * p.ln() * step } else { 0.0 }
            })
            .sum();
        0.5 * (std::f64::consts::TAU * std::f64::consts::E).ln() - entropy
    }

    #[test]
    fn the_drop_equals_entropies_on_a_grid() {
        for gamma in [-6.0, -2.0, -0.3, 0.0, 0.8, 3.0] {
            for signal in [0.01, 0.3, 0.5, 0.51, 0.9, 0.999] {
                let (found, wanted) = (entropy_drop(gamma, signal), by_grid(gamma, signal));
                assert!(
                    (found - wanted).abs() < 1e-8,
                    "{gamma} {signal}: {found} {wanted}"
                );
            }
        }
    }

    #[test]
    fn little_noise_is_no_noise() {
        for gamma in [-50.0, -4.0, 0.0, 2.0, 6.0] {
            let (free, nearly) = (entropy_drop(gamma, 1.0), entropy_drop(gamma, 1.0 - 1e-13));
            assert!((free - nearly).abs() < 1e-4, "{gamma}: {free} {nearly}");
            assert!(entropy_drop(gamma, 0.7) <= free);
        }
        // ½ γ ρ − ln Φ(γ) at 0 is ln 2; in the tail it grows as ln|γ| + ½ ln 2π − ½
        assert!((entropy_drop(0.0, 1.0) - std::f64::consts::LN_2).abs() < 1e-15);
        let far = 1e3_f64.ln() + 0.5 * std::f64::consts::TAU.ln() - 0.5;
        assert!((entropy_drop(-1e3, 1.0) - far).abs() < 1e-5);
        assert_eq!(entropy_drop(1e300, 0.5), 0.0);
        assert!(entropy_drop(f64::NEG_INFINITY, 0.5).is_finite());
    }

    #[test]
    fn the_quantile_of_one_is_its_own_and_of_many_is_that_of_the_power() {
        assert!((quantile(&[2.0], &[4.0], 0.5) - 2.0).abs() < 1e-12);
        let (mean, variance) = (vec![0.0; 50], vec![1.0; 50]);
        let found = quantile(&mean, &variance, 0.5);
        assert!((normal::cdf(found).powi(50) - 0.5).abs() < 1e-12);
        assert_eq!(quantile(&[1.0, 3.0], &[0.0, 0.0], 0.25), 3.0);
    }

    /// Where noise is all but absent the slopes are those without it, and in the tails they are finite.
    #[test]
    fn slopes_have_their_limits() {
        for gamma in [-20.0, -3.0, 0.0, 2.5] {
            let (free, nearly) = (drop_slopes(gamma, 1.0), drop_slopes(gamma, 1.0 - 1e-12));
            let difference = (free.by_gamma - nearly.by_gamma).abs();
            assert!(difference < 1e-3 * free.by_gamma.abs(), "{gamma}");
        }
        let search = MaxValueEntropy::new(vec![0.0, 1e6]).unwrap();
        for (mean, variance, noise) in [(0.0, 0.0, 0.1), (5.0, 1e-30, 0.1), (-1e9, 1.0, 0.0)] {
            let candidate = Candidate::new(mean, variance, noise, 1.0).unwrap();
            let slopes = search.slopes(&candidate);
            assert!(slopes.by_mean.is_finite() && slopes.by_variance.is_finite());
        }
    }

    #[test]
    fn wrong_maxima_are_refused() {
        assert!(MaxValueEntropy::new(vec![]).is_err());
        assert!(MaxValueEntropy::new(vec![1.0, f64::NAN]).is_err());
        let prior = ExactGp::new(Rbf::isotropic(1.0), Noise::Homoscedastic(0.1));
        let points = array![[0.0], [1.0]];
        for count in [0, usize::MAX] {
            let drawn = MaxValueEntropy::gumbel(&prior, points.view(), count, Seed(0));
            assert!(drawn.unwrap_err().to_string().starts_with("count"));
        }
    }
}
