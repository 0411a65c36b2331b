//! Picking among what is on offer.

use super::{Acquisition, Candidate, Field, FieldCriterion, Scale};
use crate::error::{Error, Result};
use rayon::prelude::*;

/// Candidates that one processor scores before another takes part.
const TOGETHER: usize = 1024;

/// What can score everything on offer of the kind `O`: an [`Acquisition`] a list of [`Candidate`]s, a [`FieldCriterion`] a
/// [`Field`].
///
/// Both follow from those traits and are not to be implemented; [`scores`], [`best`] and [`top`] take either.
pub trait Rule<O: ?Sized> {
    /// One score for each of what is on offer, in its order.
    ///
    /// # Errors
    /// What the criterion itself refuses; see [`FieldCriterion::scores`].
    fn score_all(&self, on_offer: &O) -> Result<Vec<f64>>;

    /// How these scores behave.
    fn scale_of_scores(&self) -> Scale;
}

impl<A: Acquisition + ?Sized, C: AsRef<[Candidate]> + ?Sized> Rule<C> for A {
    fn score_all(&self, candidates: &C) -> Result<Vec<f64>> {
        let each = candidates.as_ref().par_iter().with_min_len(TOGETHER);
        Ok(each.map(|candidate| self.score(candidate)).collect())
    }

    fn scale_of_scores(&self) -> Scale {
        self.scale()
    }
}

impl<C: FieldCriterion + ?Sized> Rule<Field<'_>> for C {
    fn score_all(&self, field: &Field<'_>) -> Result<Vec<f64>> {
        let scores = self.scores(field.surrogate, field.targets, field.offers)?;
        if scores.len() != field.offers.len() {
            return Err(Error::argument(
                "acquisition",
                format!("{} scores", scores.len()),
                format!("{}, one for each offer", field.offers.len()),
            ));
        }
        Ok(scores)
    }

    fn scale_of_scores(&self) -> Scale {
        self.scale()
    }
}

/// What is picked, with its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// Index among what is on offer.
    pub index: usize,
    /// Score on the scale of the rule.
    pub score: f64,
}

/// Scores of everything on offer, in its order; on all cores where there are many candidates, with the same result.
///
/// # Errors
/// [`Error::Argument`] if a score is NaN; the message names the candidate. An infinite score is an ordinary one. And what the
/// rule itself refuses.
pub fn scores<R, O>(rule: &R, on_offer: &O) -> Result<Vec<f64>>
where
    R: Rule<O> + ?Sized,
    O: ?Sized,
{
    let scores = rule.score_all(on_offer)?;
    for (index, score) in scores.iter().enumerate() {
        check_score(*score, || format!("for candidate {index}"))?;
    }
    Ok(scores)
}

/// What has the highest score; of equal ones the first.
///
/// # Errors
/// [`Error::Argument`] if nothing is on offer or a score is NaN, and what the rule itself refuses.
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
///
/// The same over a whole field:
///
/// ```
/// use dosewise::acquisition::{Field, FieldCriterion, KnowledgeGradient, Offers, best};
/// use dosewise::gp::{ExactGp, Kernel, Noise, Rbf};
/// use ndarray::array;
/// let gp = ExactGp::new(Rbf::isotropic(1.0).scaled(1.0), Noise::Homoscedastic(0.1))
///     .condition(&array![[0.0], [3.0]], &[0.9, -0.5])?;
/// let places = array![[0.0], [1.0], [2.0], [3.0]];
/// let offers = Offers::with_shot_noise(places.view(), &[5.0, 50.0], 1.0)?;
/// let field = Field { surrogate: &gp, targets: places.view(), offers: &offers };
/// let choice = best(&KnowledgeGradient.per_dose(), &field)?;
/// assert_eq!(offers.locate(choice.index), Some((1, 5.0))); // beside the best known place, with few electrons
/// # Ok::<(), dosewise::Error>(())
/// ```
pub fn best<R, O>(rule: &R, on_offer: &O) -> Result<Choice>
where
    R: Rule<O> + ?Sized,
    O: ?Sized,
{
    first_best(0.., &rule.score_all(on_offer)?)
}

/// What has the highest score, if that is worth more than measuring nothing: `None` says that it is time to stop.
///
/// A gain must be above 0, a level above its reference (see [`Scale::excess`]). So a [priced](super::Priced) rule stops once
/// nothing is worth its price, and a [`GittinsIndex`](super::GittinsIndex) once no expected improvement over the incumbent is.
///
/// Source: as of the two rules named.
///
/// # Errors
/// As [`best`].
///
/// ```
/// use dosewise::acquisition::{Acquisition, Candidate, VarianceReduction, worthwhile};
/// let candidates = [Candidate::new(0.0, 0.25, 0.75, 10.0)?]; // lowers the variance by 0.0625
/// assert!(worthwhile(&VarianceReduction.priced(0.005)?, &candidates)?.is_some());
/// assert!(worthwhile(&VarianceReduction.priced(0.01)?, &candidates)?.is_none());
/// # Ok::<(), dosewise::Error>(())
/// ```
pub fn worthwhile<R, O>(rule: &R, on_offer: &O) -> Result<Option<Choice>>
where
    R: Rule<O> + ?Sized,
    O: ?Sized,
{
    let choice = best(rule, on_offer)?;
    let excess = rule.scale_of_scores().excess(choice.score);
    Ok((excess > 0.0).then_some(choice))
}

/// The `count` highest scores, best first, of equal ones the first first; all of them if there are fewer.
///
/// # Errors
/// As [`best`].
pub fn top<R, O>(rule: &R, on_offer: &O, count: usize) -> Result<Vec<Choice>>
where
    R: Rule<O> + ?Sized,
    O: ?Sized,
{
    let scores = scores(rule, on_offer)?.into_iter().enumerate();
    let mut choices: Vec<Choice> = scores
        .map(|(index, score)| Choice { index, score })
        .collect();
    if choices.is_empty() {
        return Err(nothing_on_offer());
    }
    // stable, so equal scores keep their order; no score is NaN, so they always compare
    choices.sort_by(|a, b| {
        b.score
            .partial_cmp(&a.score)
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    choices.truncate(count);
    Ok(choices)
}

/// The first of the highest scores, for candidates with these indices.
pub(super) fn first_best(
    indices: impl IntoIterator<Item = usize>,
    scores: &[f64],
) -> Result<Choice> {
    let mut best: Option<Choice> = None;
    for (index, &score) in indices.into_iter().zip(scores) {
        check_score(score, || format!("for candidate {index}"))?;
        if best.is_none_or(|held| score > held.score) {
            best = Some(Choice { index, score });
        }
    }
    best.ok_or_else(nothing_on_offer)
}

/// Refuses a score that is no number, saying `whose` it is.
pub(super) fn check_score(score: f64, whose: impl FnOnce() -> String) -> Result<()> {
    if score.is_nan() {
        return Err(Error::argument(
            "acquisition",
            format!("score NaN {}", whose()),
            "a score that is a number",
        ));
    }
    Ok(())
}

fn nothing_on_offer() -> Error {
    Error::argument("candidates", "none", "at least one candidate")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acquisition::{LogExpectedImprovement, PosteriorVariance, UpperConfidenceBound};

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
    fn nothing_is_worthwhile_that_does_not_exceed_measuring_nothing() {
        let known = candidates(&[0.0, 0.0]);
        let doubtful = candidates(&[0.0, 0.5]);
        let index = |choice: Option<Choice>| choice.map(|choice| choice.index);
        let gain =
            |on_offer: &Vec<Candidate>| index(worthwhile(&PosteriorVariance, on_offer).unwrap());
        assert_eq!((gain(&known), gain(&doubtful)), (None, Some(1)));
        let log = LogExpectedImprovement::over(0.0).unwrap();
        assert_eq!(index(worthwhile(&log, &known).unwrap()), None);
        assert_eq!(index(worthwhile(&log, &doubtful).unwrap()), Some(1));
        let bound = UpperConfidenceBound::new(1.0).unwrap();
        for (reference, wanted) in [(0.70, Some(1)), (0.71, None)] {
            let rule = bound.over(reference).unwrap();
            assert_eq!(index(worthwhile(&rule, &doubtful).unwrap()), wanted);
        }
    }

    #[test]
    fn nothing_to_choose_from_and_no_number_are_errors() {
        let none: [Candidate; 0] = [];
        assert!(best(&PosteriorVariance, &none).is_err());
        assert!(top(&PosteriorVariance, &none, 1).is_err());
        assert!(first_best([], &[]).is_err());
        let third = first_best([3, 5, 8], &[f64::NEG_INFINITY, 0.0, 0.0]).unwrap();
        assert_eq!((third.index, third.score), (5, 0.0));
        let error = best(&Broken, &candidates(&[0.1])).unwrap_err();
        assert!(error.to_string().contains("candidate 0"), "{error}");
    }
}
