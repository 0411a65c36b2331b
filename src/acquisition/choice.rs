//! Picking among candidates.

use super::{Acquisition, Candidate};
use crate::error::{Error, Result};
use rayon::prelude::*;

/// Candidates that one processor scores before another takes part.
const TOGETHER: usize = 1024;

/// A candidate picked, with its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// Index among the candidates.
    pub index: usize,
    /// Score on the scale of the acquisition.
    pub score: f64,
}

/// Scores of all candidates, in their order; on all cores where there are many, with the same result.
///
/// # Errors
/// [`Error::Argument`] if a score is NaN; the message names the candidate. An infinite score is an ordinary one.
pub fn scores<A, C>(acquisition: &A, candidates: &C) -> Result<Vec<f64>>
where
    A: Acquisition + ?Sized,
    C: AsRef<[Candidate]> + ?Sized,
{
    let candidates = candidates.as_ref();
    let scores: Vec<f64> = candidates
        .par_iter()
        .with_min_len(TOGETHER)
        .map(|candidate| acquisition.score(candidate))
        .collect();
    match scores.iter().position(|score| score.is_nan()) {
        None => Ok(scores),
        Some(index) => Err(Error::argument(
            "acquisition",
            format!("score NaN for candidate {index}, {:?}", candidates[index]),
            "a score that is a number for every candidate",
        )),
    }
}

/// The candidate with the highest score; of equal ones the first.
///
/// # Errors
/// [`Error::Argument`] if there is no candidate or a score is NaN.
///
/// ```
/// use dosewise::acquisition::{Candidate, PosteriorVariance, best};
/// let candidates = [
///     Candidate::new(0.0, 0.1, 0.1, 1.0)?,
///     Candidate::new(0.0, 0.4, 0.1, 1.0)?,
///     Candidate::new(9.0, 0.4, 0.1, 1.0)?,
/// ];
/// let choice = best(&PosteriorVariance, &candidates)?;
/// assert_eq!((choice.index, choice.score), (1, 0.4));
/// # Ok::<(), dosewise::Error>(())
/// ```
pub fn best<A, C>(acquisition: &A, candidates: &C) -> Result<Choice>
where
    A: Acquisition + ?Sized,
    C: AsRef<[Candidate]> + ?Sized,
{
    let mut best: Option<Choice> = None;
    for (index, score) in scores(acquisition, candidates)?.into_iter().enumerate() {
        if best.is_none_or(|held| score > held.score) {
            best = Some(Choice { index, score });
        }
    }
    best.ok_or_else(|| Error::argument("candidates", "none", "at least one candidate"))
}

/// The `count` candidates with the highest scores, best first, of equal ones the first first; all of them if there are fewer.
///
/// # Errors
/// As [`best`].
pub fn top<A, C>(acquisition: &A, candidates: &C, count: usize) -> Result<Vec<Choice>>
where
    A: Acquisition + ?Sized,
    C: AsRef<[Candidate]> + ?Sized,
{
    let scores = scores(acquisition, candidates)?;
    if scores.is_empty() {
        return Err(Error::argument(
            "candidates",
            "none",
            "at least one candidate",
        ));
    }
    let mut choices: Vec<Choice> = scores
        .into_iter()
        .enumerate()
        .map(|(index, score)| Choice { index, score })
        .collect();
    // stable, so equal scores keep their order; no score is NaN, so they always compare
    choices.sort_by(|a, b| {
        b.score
            .partial_cmp(&a.score)
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    choices.truncate(count);
    Ok(choices)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acquisition::{PosteriorVariance, Scale};

    struct Broken;

    impl Acquisition for Broken {
        fn score(&self, candidate: &Candidate) -> f64 {
            (candidate.mean() - 1.0).sqrt()
        }

        fn scale(&self) -> Scale {
            Scale::Gain
        }
    }

    fn candidates(variances: &[f64]) -> Vec<Candidate> {
        variances
            .iter()
            .map(|&variance| Candidate::new(0.0, variance, 0.1, 1.0).unwrap())
            .collect()
    }

    #[test]
    fn equal_scores_keep_their_order() {
        let candidates = candidates(&[0.2, 0.5, 0.1, 0.5, 0.2]);
        let ranked = top(&PosteriorVariance, &candidates, 4).unwrap();
        let order: Vec<usize> = ranked.iter().map(|choice| choice.index).collect();
        assert_eq!(order, [1, 3, 0, 4]);
        assert_eq!(best(&PosteriorVariance, &candidates).unwrap(), ranked[0]);
        assert_eq!(top(&PosteriorVariance, &candidates, 99).unwrap().len(), 5);
    }

    #[test]
    fn many_candidates_are_scored_as_one_by_one() {
        let variances: Vec<f64> = (0..10_000).map(|i| ((i * 7919) % 10_007) as f64).collect();
        let candidates = candidates(&variances);
        assert_eq!(scores(&PosteriorVariance, &candidates).unwrap(), variances);
        let error = scores(&Broken, &candidates).unwrap_err();
        assert!(error.to_string().contains("candidate 0,"), "{error}");
    }

    #[test]
    fn nothing_to_choose_from_and_no_number_are_errors() {
        let none: [Candidate; 0] = [];
        assert!(best(&PosteriorVariance, &none).is_err());
        assert!(top(&PosteriorVariance, &none, 1).is_err());
        let error = best(&Broken, &candidates(&[0.1])).unwrap_err();
        assert!(error.to_string().contains("candidate 0"), "{error}");
    }
}
