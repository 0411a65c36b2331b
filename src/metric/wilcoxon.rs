//! The Wilcoxon signed-rank test of paired differences.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

use super::require_finite;
use crate::error::{Error, Result};

/// Up to this many differences the null distribution is counted out, the limit scipy uses too.
const LARGEST_EXACT: usize = 50;

/// Result of [`wilcoxon_signed_rank`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SignedRank {
    /// The smaller of the two rank sums (of the positive and of the negative differences).
    pub statistic: f64,
    /// Two-sided p-value of "the differences are symmetric about 0".
    pub p_value: f64,
    /// Number of differences that are not zero.
    pub used: usize,
    /// Whether the p-value comes from the exact null distribution (else from its normal limit).
    pub exact: bool,
}

/// Two-sided Wilcoxon signed-rank test of `differences`, each paired by seed.
///
/// Zeros are dropped (Wilcoxon's own treatment) and equal magnitudes share their mean rank. With no zero, no tie and at most
/// 50 differences the null distribution of the rank sum is exact, counted by dynamic programming over the `2ⁿ` signs.
/// Otherwise `z = (W⁺ − n(n+1)/4) / σ` with `σ² = n(n+1)(2n+1)/24 − Σ(t³ − t)/48` over the groups of `t` ties, without
/// continuity correction. Differences that are all zero give `p = 1`.
///
/// # Errors
/// [`Error::Argument`] if there is no difference at all or one is not finite.
///
/// Source: Wilcoxon, *Biometrics Bulletin* 1, 80 (1945); tie correction as in Hollander, Wolfe and Chicken, *Nonparametric
/// Statistical Methods* (2014), section 3.1.
///
/// ```
/// use dosewise::metric::wilcoxon_signed_rank;
/// let test = wilcoxon_signed_rank(&[0.11, 0.07, 0.02, 0.05, 0.09])?;
/// assert_eq!(test.p_value, 2.0 / 32.0); // all five of one sign: two of the 2⁵ sign patterns
/// # Ok::<(), dosewise::Error>(())
/// ```
pub fn wilcoxon_signed_rank(differences: &[f64]) -> Result<SignedRank> {
    if differences.is_empty() {
        return Err(Error::argument(
            "differences",
            "no values",
            "at least one paired difference",
        ));
    }
    require_finite("differences", differences)?;
    let mut used: Vec<f64> = differences
        .iter()
        .copied()
        .filter(|&value| value != 0.0)
        .collect();
    let count = used.len();
    if count == 0 {
        return Ok(SignedRank {
            statistic: 0.0,
            p_value: 1.0,
            used: 0,
            exact: false,
        });
    }

    used.sort_unstable_by(|a, b| a.abs().total_cmp(&b.abs()));
    let mut ranked = 0_usize;
    let mut positive = 0.0;
    let mut ties = 0.0;
    for group in used.chunk_by(|a, b| a.abs() == b.abs()) {
        let size = group.len() as f64;
        let rank = ranked as f64 + 0.5 * (size + 1.0);
        positive += rank * group.iter().filter(|&&value| value > 0.0).count() as f64;
        ties += size * (size * size - 1.0);
        ranked += group.len();
    }

    let n = count as f64;
    let total = 0.5 * n * (n + 1.0);
    let statistic = positive.min(total - positive);
    let exact = ties == 0.0 && count == differences.len() && count <= LARGEST_EXACT;
    let p_value = if exact {
        // the null distribution is symmetric, so both tails are the one below the smaller sum
        2.0 * lower_tail(count, statistic as usize)
    } else {
        let spread = ((n * (n + 1.0) * (2.0 * n + 1.0) - 0.5 * ties) / 24.0).sqrt();
        2.0 * Normal::standard().sf((0.5 * total - statistic) / spread)
    };
    Ok(SignedRank {
        statistic,
        p_value: p_value.min(1.0),
        used: count,
        exact,
    })
}

/// `P(W⁺ ≤ sum)` for `count` distinct ranks: the share of subsets of `{1, …, count}` whose sum is at most `sum`.
fn lower_tail(count: usize, sum: usize) -> f64 {
    // Halving at every rank keeps probabilities, not counts; sums above the wanted one are never needed.
    let mut probability = vec![0.0; sum + 1];
    probability[0] = 1.0;
    for rank in 1..=count {
        for total in (0..=sum).rev() {
            let with_rank = if total >= rank {
                probability[total - rank]
            } else {
                0.0
            };
            probability[total] = 0.5 * (probability[total] + with_rank);
        }
    }
    probability.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_equals_an_enumeration_of_all_signs() {
        let count = 10;
        for sum in 0..=27 {
            let subsets = (0_u32..1 << count)
                .filter(|signs| {
                    let total: usize = (1..=count)
                        .filter(|rank| signs >> (rank - 1) & 1 == 1)
                        .sum();
                    total <= sum
                })
                .count();
            let wanted = subsets as f64 / 1024.0;
            assert!((lower_tail(count, sum) - wanted).abs() < 1e-15);
        }
    }

    #[test]
    fn twenty_of_one_sign() {
        let differences: Vec<f64> = (1..=20).map(f64::from).collect();
        let test = wilcoxon_signed_rank(&differences).unwrap();
        assert!(test.exact);
        assert!((test.p_value - 2.0_f64.powi(-19)).abs() < 1e-20);
    }

    #[test]
    fn no_difference_is_no_evidence() {
        let test = wilcoxon_signed_rank(&[0.0, -0.0, 0.0]).unwrap();
        assert_eq!((test.p_value, test.used, test.exact), (1.0, 0, false));
    }

    #[test]
    fn wrong_arguments_are_refused() {
        assert!(wilcoxon_signed_rank(&[]).is_err());
        assert!(wilcoxon_signed_rank(&[1.0, f64::NAN]).is_err());
        assert!(wilcoxon_signed_rank(&[f64::INFINITY]).is_err());
    }
}
