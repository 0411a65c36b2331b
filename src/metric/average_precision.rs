//! Average precision of a ranked list of detections, and the normalisation of qualities.

use super::require_same_length;
use crate::error::{Error, Result};

/// Average precision of `scores` (larger means more likely positive) against the truth `positives`, or `None` if nothing is
/// positive.
///
/// `AP = Σ_t (R_t − R_{t−1}) P_t` over the distinct scores `t` in falling order, with precision `P` and recall `R` of the
/// items that score at least `t`. Items with equal scores enter together, so their order in the slice cannot matter.
/// Infinite scores are ordinary ranks (a log-odds may be infinite).
///
/// # Errors
/// [`Error::Argument`] if the slices differ in length or a score is NaN.
///
/// Source: the step-wise (not interpolated) average precision of information retrieval, e.g. Manning, Raghavan and Schütze,
/// *Introduction to Information Retrieval* (2008), section 8.4.
///
/// ```
/// use dosewise::metric::average_precision;
///
/// let quality = average_precision(&[0.9, 0.8, 0.1], &[true, false, true])?;
/// assert_eq!(quality, Some(0.5 * 1.0 + 0.5 * 2.0 / 3.0));
/// // all alike: the score is the prevalence, whatever the order
/// assert_eq!(average_precision(&[0.5; 4], &[true, false, false, false])?, Some(0.25));
/// # Ok::<(), dosewise::Error>(())
/// ```
pub fn average_precision(scores: &[f64], positives: &[bool]) -> Result<Option<f64>> {
    average_precision_with_missed(scores, positives, 0)
}

/// Average precision of a list of detections when `missed` positives are covered by no detection at all.
///
/// The missed ones count in the denominator of the recall and are never found: with `n` matched positives the result is at
/// most `n / (n + missed)`. A false alarm is an item of the list with `positives` false. `None` if nothing is positive and
/// nothing was missed; `Some(0)` for an empty list with something to find.
///
/// # Errors
/// As [`average_precision`].
pub fn average_precision_with_missed(
    scores: &[f64],
    positives: &[bool],
    missed: usize,
) -> Result<Option<f64>> {
    require_same_length("positives", positives.len(), "scores", scores.len())?;
    if let Some(index) = scores.iter().position(|score| score.is_nan()) {
        return Err(Error::argument(
            format!("scores[{index}]"),
            scores[index],
            "any number but NaN",
        ));
    }
    let found_by_all = positives.iter().filter(|&&positive| positive).count();
    let total = found_by_all + missed;
    if total == 0 {
        return Ok(None);
    }

    let mut order: Vec<usize> = (0..scores.len()).collect();
    // `==` on f64 makes 0.0 and -0.0 one group, so sort by partial_cmp, which agrees with it
    order.sort_unstable_by(|&a, &b| {
        scores[b]
            .partial_cmp(&scores[a])
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    let mut found = 0_usize;
    let mut listed = 0_usize;
    let mut sum = 0.0;
    for tied in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        let gained = tied.iter().filter(|&&item| positives[item]).count();
        found += gained;
        listed += tied.len();
        sum += gained as f64 * found as f64 / listed as f64;
    }
    Ok(Some(sum / total as f64))
}

/// Quality on the scale where the best constant answer scores 0 and the perfect one 1:
/// `clip((quality − prior) / (1 − prior), 0, 1)`.
///
/// `prior` is the score of the best constant answer: the prevalence for average precision, the share of the
/// most common class for a segmentation, 0 for `1 − NMSE`.
///
/// # Errors
/// [`Error::Argument`] unless the quality is finite and at most 1 and the prior finite and below 1 (a constant answer that is
/// already perfect leaves nothing to measure).
///
/// ```
/// use dosewise::metric::normalised;
/// assert_eq!(normalised(0.625, 0.25)?, 0.5);
/// assert_eq!(normalised(0.1, 0.25)?, 0.0); // worse than the constant answer
/// # Ok::<(), dosewise::Error>(())
/// ```
pub fn normalised(quality: f64, prior: f64) -> Result<f64> {
    if !(quality.is_finite() && quality <= 1.0) {
        return Err(Error::argument(
            "quality",
            quality,
            "a finite number up to 1",
        ));
    }
    if !(prior.is_finite() && prior < 1.0) {
        return Err(Error::argument("prior", prior, "a finite number below 1"));
    }
    Ok(((quality - prior) / (1.0 - prior)).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn perfect_and_worst_orders() {
        let positives = [true, true, false, false];
        let perfect = average_precision(&[4.0, 3.0, 2.0, 1.0], &positives).unwrap();
        assert_eq!(perfect, Some(1.0));
        let worst = average_precision(&[1.0, 2.0, 3.0, 4.0], &positives).unwrap();
        // found at ranks 3 and 4: (1/3 + 2/4) / 2
        assert!((worst.unwrap() - (1.0 / 3.0 + 0.5) / 2.0).abs() < 1e-15);
    }

    #[test]
    fn missed_positives_count_in_the_denominator() {
        let scores = [3.0, 2.0];
        assert_eq!(
            average_precision_with_missed(&scores, &[true, true], 2).unwrap(),
            Some(0.5)
        );
        assert_eq!(
            average_precision_with_missed(&[], &[], 3).unwrap(),
            Some(0.0)
        );
        assert_eq!(average_precision_with_missed(&[], &[], 0).unwrap(), None);
        assert_eq!(average_precision(&scores, &[false, false]).unwrap(), None);
    }

    #[test]
    fn positive_and_negative_zero_are_one_rank() {
        let there = average_precision(&[0.0, -0.0], &[true, false]).unwrap();
        let back = average_precision(&[-0.0, 0.0], &[true, false]).unwrap();
        assert_eq!(there, Some(0.5));
        assert_eq!(back, Some(0.5));
    }

    #[test]
    fn wrong_arguments_are_refused() {
        assert!(average_precision(&[1.0], &[]).is_err());
        assert!(average_precision(&[f64::NAN], &[true]).is_err());
        assert!(average_precision(&[f64::INFINITY, f64::NEG_INFINITY], &[true, false]).is_ok());
        assert!(normalised(f64::NAN, 0.0).is_err());
        assert!(normalised(1.5, 0.0).is_err());
        assert!(normalised(0.5, 1.0).is_err());
    }
}
