//! Clustered banks, and the analyst's prior that follows the neighbourhood.

use super::filter::{log_odds, probability};
use crate::random::{Purpose, Stream};
use crate::units::Seed;
use rand::RngExt;
use rand_distr::{Distribution, Poisson};

/// Clusters, the share of alternatives outside them, and their standard deviation in sites.
const CLUSTERS: usize = 5;
const SCATTERED: f64 = 0.15;
const SPREAD: f64 = 2.0;
/// Standard deviation of the neighbourhood that a prior looks at, in sites, and where it is cut off.
const NEIGHBOURHOOD: f64 = 2.5;
const CUT: f64 = 4.0;
/// Banks the prior is learnt from.
const LESSONS: u64 = 40;
/// No neighbourhood takes the prior of a site below this share of the design's, nor further than that share of the way from
/// there to certainty.
const LEAST: f64 = 0.02;
const FURTHEST: f64 = 0.6;

/// How the analyst of a clustered bank asks the neighbours of a site what prior it deserves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Neighbours {
    /// Two rounds, each time from the evidence of the sites: beliefs follow from the readings and from nothing else.
    #[default]
    Afresh,
    /// Two more rounds on the beliefs of the last time. Evidence comes back to its site through the neighbours and counts
    /// again; where the learnt slope exceeds one, beliefs even rise without a reading. For comparison only.
    Lingering,
}

/// Alternatives in clusters on a square of sites.
pub(super) fn clustered_truth(sites: usize, prior: f64, seed: Seed) -> Vec<bool> {
    clusters(
        sites,
        prior,
        Stream::new(seed, Purpose::Defects, [0, SCORED]),
    )
}

/// Keys of the random streams of the banks that policies are scored on and of those the prior is learnt from: no bank is
/// ever both.
const SCORED: u64 = 1;
const LEARNT: u64 = 2;

fn lesson(sites: usize, prior: f64, number: u64) -> Vec<bool> {
    clusters(
        sites,
        prior,
        Stream::new(Seed(number), Purpose::Defects, [0, LEARNT]),
    )
}

fn clusters(sites: usize, prior: f64, mut stream: Stream) -> Vec<bool> {
    let side = sites.isqrt();
    let mut truth: Vec<bool> = (0..sites)
        .map(|_| stream.random::<f64>() < SCATTERED * prior)
        .collect();
    let expected = (1.0 - SCATTERED) * prior * sites as f64 / CLUSTERS as f64;
    for _ in 0..CLUSTERS {
        let margin = 4.0_f64.min(0.25 * side as f64);
        let mut coordinate = || stream.random_range(margin..side as f64 - margin);
        let centre = [coordinate(), coordinate()];
        let members = Poisson::new(expected).map_or(0.0, |law| law.sample(&mut stream)) as usize;
        for _ in 0..members {
            let mut place = |c: f64| {
                let at = c + SPREAD * stream.normal();
                at.round().clamp(0.0, side as f64 - 1.0) as usize
            };
            let (row, column) = (place(centre[0]), place(centre[1]));
            truth[row * side + column] = true;
        }
    }
    truth
}

/// The prior probability of a site as a linear function of the mean probability of its neighbourhood, learnt by least
/// squares from other banks.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LocalIntensity {
    side: usize,
    intercept: f64,
    slope: f64,
    prior: f64,
    /// Least and greatest prior probability of a site.
    allowed: [f64; 2],
}

impl LocalIntensity {
    pub fn trained(sites: usize, prior: f64) -> Self {
        let side = sites.isqrt();
        let (mut n, mut x, mut y, mut xx, mut xy) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for number in 0..LESSONS {
            let truth = lesson(sites, prior, number);
            let truth: Vec<f64> = truth.into_iter().map(f64::from).collect();
            for (mean, own) in neighbourhood_means(&truth, side).iter().zip(&truth) {
                n += 1.0;
                x += mean;
                y += own;
                xx += mean * mean;
                xy += mean * own;
            }
        }
        let slope = (xy - x * y / n) / (xx - x * x / n).max(1e-12);
        Self {
            side,
            intercept: ((y - slope * x) / n).max(LEAST * prior),
            slope,
            prior: (y / n).max(LEAST * prior),
            allowed: [LEAST * prior, prior + FURTHEST * (1.0 - prior)],
        }
    }

    /// Mean share of alternatives in the banks it learnt from.
    pub fn prior(&self) -> f64 {
        self.prior
    }

    /// Beliefs by the evidence of each site alone.
    pub fn without_neighbours(&self, ratios: &[f64]) -> Vec<f64> {
        let start = log_odds(self.prior);
        ratios.iter().map(|r| probability(start + r)).collect()
    }

    /// Prior log-odds of every site after two rounds of asking neighbours with these beliefs, given the evidence of each.
    pub fn prior_log_odds(&self, mut beliefs: Vec<f64>, ratios: &[f64]) -> Vec<f64> {
        let mut priors = Vec::new();
        let [least, most] = self.allowed;
        for _ in 0..2 {
            let means = neighbourhood_means(&beliefs, self.side);
            priors = means
                .iter()
                .map(|mean| log_odds((self.intercept + self.slope * mean).clamp(least, most)))
                .collect();
            let both = priors.iter().zip(ratios);
            beliefs = both
                .map(|(prior, ratio)| probability(prior + ratio))
                .collect();
        }
        priors
    }
}

/// Gaussian mean of the neighbours, the site itself excluded and nothing beyond the edge.
fn neighbourhood_means(values: &[f64], side: usize) -> Vec<f64> {
    let reach = (CUT * NEIGHBOURHOOD).round() as usize;
    let shape: Vec<f64> = (0..=reach)
        .map(|d| (-0.5 * (d as f64 / NEIGHBOURHOOD).powi(2)).exp())
        .collect();
    let norm = 2.0 * shape.iter().sum::<f64>() - shape[0];
    let weights: Vec<f64> = shape.iter().map(|w| w / norm).collect();
    let pass = |values: &[f64], stride: usize, position: &dyn Fn(usize) -> usize| -> Vec<f64> {
        (0..values.len())
            .map(|i| {
                let at = position(i);
                let (first, last) = (at.saturating_sub(reach), (at + reach).min(side - 1));
                (first..=last)
                    .map(|other| {
                        weights[at.abs_diff(other)] * values[i + other * stride - at * stride]
                    })
                    .sum()
            })
            .collect()
    };
    let along = pass(values, 1, &|i| i % side);
    let both = pass(&along, side, &|i| i / side);
    let own = weights[0] * weights[0];
    both.iter()
        .zip(values)
        .map(|(mean, value)| (mean - own * value) / (1.0 - own))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_averaged_without_the_site_itself() {
        let side = 32;
        let mut values = vec![0.0; side * side];
        values[16 * side + 16] = 1.0;
        let means = neighbourhood_means(&values, side);
        assert!(means[16 * side + 16].abs() < 1e-15);
        assert!((means.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let flat = neighbourhood_means(&vec![1.0; side * side], side);
        assert!((flat[16 * side + 16] - 1.0).abs() < 1e-12);
        assert!((means[16 * side + 17] - means[17 * side + 16]).abs() < 1e-15);
    }

    #[test]
    fn clusters_raise_the_prior_of_their_neighbourhood() {
        let coupling = LocalIntensity::trained(4096, 0.01);
        assert!(coupling.slope > 0.3 && (0.005..0.02).contains(&coupling.prior));
        let mut ratios = vec![-2.0; 4096];
        for row in 30..33 {
            for column in 30..33 {
                ratios[row * 64 + column] = 8.0;
            }
        }
        let priors = coupling.prior_log_odds(coupling.without_neighbours(&ratios), &ratios);
        assert!(priors[33 * 64 + 31] > priors[5 * 64 + 5] + 1.0);
    }

    #[test]
    fn rare_and_frequent_alternatives_are_believed_alike() {
        for prior in [1e-5, 5e-5, 0.01, 0.9] {
            let coupling = LocalIntensity::trained(4096, prior);
            let nothing_seen = vec![0.0; 4096];
            let start = coupling.without_neighbours(&nothing_seen);
            let priors = coupling.prior_log_odds(start, &nothing_seen);
            let mean = priors.iter().map(|x| probability(*x)).sum::<f64>() / 4096.0;
            assert!(
                mean > 0.2 * coupling.prior && mean < 5.0 * coupling.prior,
                "{prior}: {mean} of {}",
                coupling.prior
            );
        }
    }

    #[test]
    fn no_bank_is_both_lesson_and_scored() {
        for number in [0, 5, 900_000, 900_005] {
            for scored in [0, 5, 900_000, 900_005] {
                let truth = clustered_truth(1024, 0.1, Seed(scored));
                assert_ne!(lesson(1024, 0.1, number), truth);
            }
        }
    }

    #[test]
    fn beliefs_that_linger_rise_without_a_reading() {
        let coupling = LocalIntensity::trained(4096, 0.01);
        assert!(coupling.slope > 1.0, "{}", coupling.slope);
        let nothing_seen = vec![0.0; 4096];
        let centre = 32 * 64 + 32;
        let once = coupling.prior_log_odds(vec![coupling.prior(); 4096], &nothing_seen);
        let mut priors = once.clone();
        for _ in 0..30 {
            let beliefs = priors.iter().map(|x| probability(*x)).collect();
            priors = coupling.prior_log_odds(beliefs, &nothing_seen);
        }
        assert!(probability(once[centre]) < 0.02 && probability(priors[centre]) > 0.5);
    }
}
