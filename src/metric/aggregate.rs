//! One number for many: p-values of a whole table, scores of many runs.

use super::require_finite;
use crate::error::{Error, Result};

/// Holm's step-down adjusted p-values, in the order given.
///
/// With the `m` p-values sorted upwards, `adjusted₍ᵢ₎ = max_{j ≤ i} min(1, (m − j + 1) p₍ⱼ₎)`. Rejecting those at most `α` keeps
/// the probability of any false rejection at `α` at most, whatever the dependence between the comparisons.
///
/// # Errors
/// [`Error::Argument`] if a p-value is not in `[0, 1]`.
///
/// Source: Holm, *Scand. J. Statist.* 6, 65 (1979).
///
/// ```
/// use dosewise::metric::holm;
/// assert_eq!(holm(&[0.25, 0.0625, 0.125])?, [0.25, 0.1875, 0.25]);
/// # Ok::<(), dosewise::Error>(())
/// ```
pub fn holm(p_values: &[f64]) -> Result<Vec<f64>> {
    if let Some(index) = p_values.iter().position(|p| !(0.0..=1.0).contains(p)) {
        return Err(Error::argument(
            format!("p_values[{index}]"),
            p_values[index],
            "0..=1",
        ));
    }
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut largest = 0.0_f64;
    for (rank, &index) in order.iter().enumerate() {
        let remaining = (p_values.len() - rank) as f64;
        largest = largest.max((remaining * p_values[index]).min(1.0));
        adjusted[index] = largest;
    }
    Ok(adjusted)
}

/// Mean of the middle half of `scores`: `⌊n/4⌋` values are cut off at either end.
///
/// Less swayed by a single world than the mean, less wasteful than the median.
///
/// # Errors
/// [`Error::Argument`] if there is no score or one is not finite.
///
/// Source: Agarwal et al., *Deep Reinforcement Learning at the Edge of the Statistical Precipice*, NeurIPS 2021
/// (arXiv 2108.13264).
///
/// ```
/// use dosewise::metric::interquartile_mean;
/// assert_eq!(interquartile_mean(&[0.5, -9.0, 0.25, 9.0])?, 0.375);
/// # Ok::<(), dosewise::Error>(())
/// ```
pub fn interquartile_mean(scores: &[f64]) -> Result<f64> {
    require_some("scores", scores)?;
    let mut sorted = scores.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let cut = sorted.len() / 4;
    let middle = &sorted[cut..sorted.len() - cut];
    Ok(middle.iter().sum::<f64>() / middle.len() as f64)
}

/// Probability that a run drawn from `first` scores above one drawn from `second`, a tie counting half:
/// `P(X > Y) + ½ P(X = Y)`.
///
/// Meant for the runs of two policies in one world; average it over the worlds. The slices need not have one length: the
/// pairing by seed is deliberately not used, the question is about two independent runs.
///
/// # Errors
/// [`Error::Argument`] if a slice is empty or holds a value that is not finite.
///
/// Source: Agarwal et al., NeurIPS 2021 (arXiv 2108.13264); it is the Mann–Whitney `U / (n m)`.
///
/// ```
/// use dosewise::metric::probability_of_improvement;
/// assert_eq!(probability_of_improvement(&[0.6, 0.4], &[0.5, 0.4])?, 0.625);
/// # Ok::<(), dosewise::Error>(())
/// ```
pub fn probability_of_improvement(first: &[f64], second: &[f64]) -> Result<f64> {
    require_some("first", first)?;
    require_some("second", second)?;
    let mut sorted = second.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let twice_the_wins: usize = first
        .iter()
        .map(|&score| {
            let below = sorted.partition_point(|&other| other < score);
            let up_to = sorted.partition_point(|&other| other <= score);
            below + up_to
        })
        .sum();
    Ok(twice_the_wins as f64 / (2.0 * first.len() as f64 * second.len() as f64))
}

fn require_some(argument: &str, values: &[f64]) -> Result<()> {
    if values.is_empty() {
        return Err(Error::argument(argument, "no values", "at least one"));
    }
    require_finite(argument, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Holm's procedure is the closed test with Bonferroni's bound on every intersection of hypotheses.
    #[test]
    fn holm_is_the_closed_bonferroni_test() {
        let p_values = [0.012, 0.2, 0.0004, 0.03, 0.03, 0.9, 0.011];
        let adjusted = holm(&p_values).unwrap();
        for (index, &found) in adjusted.iter().enumerate() {
            let closed = (1_u32..1 << p_values.len())
                .filter(|subset| subset >> index & 1 == 1)
                .map(|subset| {
                    let smallest = (0..p_values.len())
                        .filter(|other| subset >> other & 1 == 1)
                        .map(|other| p_values[other])
                        .fold(f64::INFINITY, f64::min);
                    (f64::from(subset.count_ones()) * smallest).min(1.0)
                })
                .fold(0.0, f64::max);
            assert!((found - closed).abs() < 1e-15, "{index}: {found} {closed}");
        }
    }

    #[test]
    fn small_samples() {
        assert!(holm(&[]).unwrap().is_empty());
        assert_eq!(interquartile_mean(&[2.0]).unwrap(), 2.0);
        assert_eq!(interquartile_mean(&[1.0, 2.0, 6.0]).unwrap(), 3.0);
        assert_eq!(probability_of_improvement(&[1.0], &[1.0]).unwrap(), 0.5);
    }

    #[test]
    fn wrong_arguments_are_refused() {
        assert!(holm(&[0.5, 1.5]).is_err());
        assert!(holm(&[f64::NAN]).is_err());
        assert!(interquartile_mean(&[]).is_err());
        assert!(interquartile_mean(&[f64::NAN]).is_err());
        assert!(probability_of_improvement(&[], &[1.0]).is_err());
        assert!(probability_of_improvement(&[1.0], &[f64::INFINITY]).is_err());
    }
}
