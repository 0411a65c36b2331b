//! What the trials so far may truly be worth, where noise leaves that open.

use crate::acquisition::{Acquisition, Candidate, LogExpectedImprovement};
use crate::error::Result;
use crate::gp::{ExactGp, Fantasy, Mean, Noise, Surrogate};
use crate::random::{Purpose, Stream};
use crate::units::Seed;
use ndarray::{Array1, Array2, ArrayView1, Axis, concatenate};

/// Variance of the noise, standardised, up to which the best posterior mean counts as known.
const IMMATERIAL: f64 = 1e-4;
/// Antithetic pairs of draws.
const PAIRS: usize = 8;
/// Variance that keeps the covariance of latent values sound, standardised.
const JITTER: f64 = 1e-6;

/// Joint draws of the latent values at the told trials and at the pending ones, standardised.
#[derive(Debug)]
pub(super) struct Latent {
    places: Array2<f64>,
    /// One draw a row.
    draws: Array2<f64>,
    /// The best of each draw.
    best: Vec<f64>,
    /// The process before anything was told.
    prior: ExactGp,
}

impl Latent {
    /// Draws of `process` at `places`; what `counts` there can be improved on. `None` where noise is too low to matter.
    pub fn draw(
        process: &ExactGp,
        noise: f64,
        places: Array2<f64>,
        counts: impl Fn(usize) -> bool,
        seed: Seed,
    ) -> Result<Option<Self>> {
        if noise <= IMMATERIAL {
            return Ok(None);
        }
        let posterior = process.posterior(places.view())?;
        let mut stream = Stream::new(seed, Purpose::Policy, [3, 0]);
        let draws = posterior.samples(PAIRS, &mut stream)?;
        let opposite = 2.0 * &Array1::from(posterior.mean().to_vec()) - &draws;
        let draws = concatenate![Axis(0), draws, opposite];
        let counted = |draw: ArrayView1<'_, f64>| {
            let values = draw.iter().enumerate().filter(|(i, _)| counts(*i));
            values.map(|(_, v)| *v).fold(f64::NEG_INFINITY, f64::max)
        };
        let best = draws.rows().into_iter().map(counted).collect();
        let kernel = process.kernel().clone_box();
        let prior =
            ExactGp::new(kernel, Noise::Homoscedastic(JITTER)).with_mean(Mean::Constant(0.0));
        Ok(Some(Self {
            places,
            draws,
            best,
            prior,
        }))
    }

    /// The prior, ready to be told any of the draws.
    pub fn prepare(&self) -> Result<NoisyImprovement<'_>> {
        let over = |best: &f64| LogExpectedImprovement::over(*best);
        Ok(NoisyImprovement {
            latent: self,
            told: self.prior.fantasize(&self.places, None)?,
            improvements: self.best.iter().map(over).collect::<Result<_>>()?,
        })
    }
}

/// Logarithm of the expected improvement over the best latent value so far, integrated over what that may be.
///
/// For each draw the process is told its values without noise, and improvement is expected over its best; the mean of all
/// is taken. Pending trials are among the places, so their outcomes are integrated over too.
///
/// Source: Letham, Karrer, Ottoni and Bakshy, *Bayesian Anal.* 14, 495 (2019) (arXiv 1706.07094), eq. 8.
pub(super) struct NoisyImprovement<'l> {
    latent: &'l Latent,
    told: Fantasy<'l>,
    improvements: Vec<LogExpectedImprovement>,
}

impl NoisyImprovement<'_> {
    /// At each row of `x`.
    pub fn scores(&self, x: &Array2<f64>) -> Result<Vec<f64>> {
        let prospects = self.told.given_each(&self.latent.draws, x)?;
        (prospects.mean.columns().into_iter())
            .zip(&prospects.variance)
            .map(|(means, variance)| Ok(self.mixture(means, *variance)?.score))
            .collect()
    }

    /// At one place, with its slopes by the coordinates.
    pub fn slopes(&self, x: &[f64]) -> Result<(f64, Vec<f64>)> {
        let place = Array2::from_shape_fn((1, x.len()), |(_, k)| x[k]);
        let prospects = self.told.given_each(&self.latent.draws, &place)?;
        let mixture = self.mixture(prospects.mean.column(0), prospects.variance[0])?;
        // The posterior mean of a process with mean zero is linear in what it was told, and so are its slopes: told the
        // sum of the draws, each by its weight, the process has the sum of all slopes.
        let sum = Array1::from(mixture.by_mean).dot(&self.latent.draws);
        let slopes = self.told.given(&sum.to_vec())?.slopes(x)?;
        let along = slopes.of_mean.iter().zip(&slopes.of_variance);
        let along = along.map(|(mean, variance)| mean + mixture.by_variance * variance);
        Ok((mixture.score, along.collect()))
    }

    /// The logarithm of the mean over draws from the mean of each and their common variance.
    fn mixture(&self, means: ArrayView1<'_, f64>, variance: f64) -> Result<Mixture> {
        let candidates = means
            .iter()
            .map(|mean| Candidate::new(*mean, variance, 0.0, 1.0));
        let candidates = candidates.collect::<Result<Vec<_>>>()?;
        let pairs = || self.improvements.iter().zip(&candidates);
        let scores: Vec<f64> = pairs().map(|(rule, c)| rule.score(c)).collect();
        let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if top == f64::NEG_INFINITY {
            return Ok(Mixture {
                score: top,
                by_mean: vec![0.0; scores.len()],
                by_variance: 0.0,
            });
        }
        let total: f64 = scores.iter().map(|score| (score - top).exp()).sum();
        let (mut by_mean, mut by_variance) = (Vec::with_capacity(scores.len()), 0.0);
        for ((rule, candidate), score) in pairs().zip(&scores) {
            let weight = (score - top).exp() / total;
            let slopes = rule.slopes(candidate);
            // a draw without weight has slopes that may not be finite
            by_mean.push(if weight > 0.0 {
                weight * slopes.by_mean
            } else {
                0.0
            });
            by_variance += if weight > 0.0 {
                weight * slopes.by_variance
            } else {
                0.0
            };
        }
        Ok(Mixture {
            score: top + (total / scores.len() as f64).ln(),
            by_mean,
            by_variance,
        })
    }
}

/// A score with its slopes by the mean of each draw and by the variance of all.
struct Mixture {
    score: f64,
    by_mean: Vec<f64>,
    by_variance: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acquisition::{
        ExpectedImprovement, FieldCriterion, NoisyExpectedImprovement, Offers,
    };
    use crate::gp::{Kernel, Matern52};
    use ndarray::array;

    fn process(noise: f64) -> (ExactGp, Array2<f64>) {
        let x = array![[0.1, 0.2], [0.8, 0.3], [0.4, 0.9], [0.5, 0.5]];
        let process = ExactGp::new(
            Matern52::ard(vec![0.4, 0.7]).scaled(1.3),
            Noise::Homoscedastic(noise),
        );
        let process = process.condition(&x, &[0.3, -0.5, 0.9, 0.7]);
        (process.unwrap(), x)
    }

    #[test]
    fn slopes_are_those_of_the_score() {
        let (process, x) = process(0.2);
        let latent = Latent::draw(&process, 0.2, x, |_| true, Seed(1));
        let latent = latent.unwrap().unwrap();
        let improvement = latent.prepare().unwrap();
        for place in [[0.3, 0.4], [0.95, 0.05], [0.45, 0.75]] {
            let (score, slopes) = improvement.slopes(&place).unwrap();
            let at = |moved: [f64; 2]| improvement.scores(&array![moved]).unwrap()[0];
            assert!((score - at(place)).abs() < 1e-12);
            for (k, slope) in slopes.iter().enumerate() {
                let step = |h: f64| {
                    at(std::array::from_fn(|j| {
                        place[j] + if j == k { h } else { 0.0 }
                    }))
                };
                let difference = (step(1e-5) - step(-1e-5)) / 2e-5;
                assert!(
                    (slope - difference).abs() < 1e-5 * (1.0 + difference.abs()),
                    "{place:?} {k}: {slope} {difference}"
                );
            }
        }
    }

    /// Another code of the same quantity, with many draws.
    #[test]
    fn over_many_seeds_it_is_the_noisy_expected_improvement() {
        let (process, x) = process(0.2);
        let places = array![[0.3, 0.4], [0.95, 0.05], [0.45, 0.75]];
        let (mut sums, seeds) = ([0.0; 3], 100);
        for seed in 0..seeds {
            let latent = Latent::draw(&process, 0.2, x.clone(), |_| true, Seed(seed));
            let latent = latent.unwrap().unwrap();
            let scores = latent.prepare().unwrap().scores(&places).unwrap();
            sums.iter_mut()
                .zip(scores)
                .for_each(|(sum, s)| *sum += s.exp());
        }
        let offers = Offers::product(places.view(), &[1.0], |_, _| 0.2).unwrap();
        let many = NoisyExpectedImprovement::new(2000, Seed(2)).unwrap();
        let many = many.scores(&process, x.view(), &offers).unwrap();
        for (sum, many) in sums.iter().zip(many) {
            let ratio = sum / seeds as f64 / many;
            assert!((ratio - 1.0).abs() < 0.1, "{ratio}");
        }
    }

    #[test]
    fn without_noise_it_would_be_the_expected_improvement() {
        let (process, x) = process(1e-9);
        let places = array![[0.3, 0.4], [0.95, 0.05]];
        assert!(
            Latent::draw(&process, 1e-9, x.clone(), |_| true, Seed(1))
                .unwrap()
                .is_none()
        );
        let latent = Latent::draw(&process, 1e-3, x, |_| true, Seed(1))
            .unwrap()
            .unwrap();
        let found = latent.prepare().unwrap().scores(&places).unwrap();
        let beliefs = process.marginals(places.view()).unwrap();
        let rule = ExpectedImprovement::over(0.9).unwrap();
        for (i, found) in found.iter().enumerate() {
            let candidate = Candidate::new(beliefs.mean[i], beliefs.variance[i], 0.0, 1.0);
            assert!((found - rule.score(&candidate.unwrap()).ln()).abs() < 1e-3);
        }
    }
}
