//! Any criterion weighted with the probability that constraints are met.

use super::dose::{scale_of_quotient, set_against};
use super::{
    Acquisition, Candidate, FieldCriterion, Limit, Offers, Scale, log_probability_of_feasibility,
    posterior, scores,
};
use crate::error::{Error, Result};
use crate::gp::Surrogate;
use ndarray::ArrayView2;

/// Quantities that have to keep a limit, each by a surrogate of its own: what [`Constrained`] weighs by.
#[derive(Debug, Clone)]
pub struct Constraints<'s> {
    surrogates: Vec<&'s dyn Surrogate>,
    limits: Vec<Limit>,
}

impl<'s> Constraints<'s> {
    /// With one limit for each of the surrogates of the constrained quantities.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no constraint, or limits and surrogates differ in number.
    pub fn new(surrogates: &[&'s dyn Surrogate], limits: &[Limit]) -> Result<Self> {
        if surrogates.is_empty() || surrogates.len() != limits.len() {
            return Err(Error::argument(
                "limits",
                format!("{} for {} surrogates", limits.len(), surrogates.len()),
                "one for each of at least one surrogate",
            ));
        }
        Ok(Self {
            surrogates: surrogates.to_vec(),
            limits: limits.to_vec(),
        })
    }

    /// `ln P` that each row of `points` (m × d) meets all limits: [`log_probability_of_feasibility`].
    ///
    /// # Errors
    /// As [`Surrogate::marginals`] and [`log_probability_of_feasibility`].
    pub fn log_probability(&self, points: ArrayView2<'_, f64>) -> Result<Vec<f64>> {
        let beliefs = self.surrogates.iter();
        let beliefs = beliefs.map(|surrogate| posterior::marginals(*surrogate, points));
        log_probability_of_feasibility(&beliefs.collect::<Result<Vec<_>>>()?, &self.limits)
    }
}

/// Worth times the probability P that the place meets constraints nobody knows exactly.
///
/// A gain is multiplied by P, to the logarithm of a gain `ln P` is added: with
/// [`LogExpectedImprovement`](super::LogExpectedImprovement) over the best *feasible* value this is the logarithm of the
/// constrained expected improvement. Of a level the excess over its reference is multiplied, a shortfall divided, as
/// [`PerDose`](super::PerDose) does with the cost `1/P`, so that a surer place is never worse; it becomes a level with reference 0.
/// As long as nothing feasible is known there is no incumbent; then search for the largest probability alone (Gelbart, Snoek and
/// Adams, UAI 2014, arXiv 1403.5607).
///
/// Source: Schonlau, Welch and Jones (1998), *Global versus local search in constrained optimization of computer models*;
/// Gardner, Kusner, Xu, Weinberger and Cunningham, ICML 2014.
///
/// ```
/// use dosewise::acquisition::{Acquisition, Constraints, Field, FieldCriterion, Limit, Offers, VarianceReduction, best};
/// use dosewise::gp::{ExactGp, Kernel, Noise, Rbf};
/// use ndarray::array;
/// let prior = ExactGp::new(Rbf::isotropic(0.5).scaled(1.0), Noise::Homoscedastic(0.1));
/// let harm = prior.clone().condition(&array![[0.0], [1.0]], &[3.0, -3.0])?;
/// let places = array![[0.0], [1.0]];
/// let offers = Offers::with_shot_noise(places.view(), &[5.0, 50.0], 1.0)?;
/// let field = Field { surrogate: &prior, targets: places.view(), offers: &offers };
/// let allowed = Constraints::new(&[&harm], &[Limit::AtMost(0.0)])?;
/// let choice = best(&VarianceReduction.constrained(allowed).per_dose(), &field)?;
/// assert_eq!(offers.locate(choice.index), Some((1, 5.0))); // alike otherwise, but harmless
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Constrained<'s, C> {
    criterion: C,
    constraints: Constraints<'s>,
}

impl<'s, C> Constrained<'s, C> {
    pub(super) fn new(criterion: C, constraints: Constraints<'s>) -> Self {
        Self {
            criterion,
            constraints,
        }
    }
}

impl<C: FieldCriterion> FieldCriterion for Constrained<'_, C> {
    /// As the trait says, and what [`Constraints::log_probability`] refuses at the places on offer.
    fn scores(
        &self,
        surrogate: &dyn Surrogate,
        targets: ArrayView2<'_, f64>,
        offers: &Offers,
    ) -> Result<Vec<f64>> {
        let log = self.constraints.log_probability(offers.places())?;
        let scale = self.criterion.scale();
        let mut scores = self.criterion.scores(surrogate, targets, offers)?;
        for (score, offer) in scores.iter_mut().zip(offers.iter()) {
            *score = weigh(*score, scale, log[offer.place]);
        }
        Ok(scores)
    }

    fn scale(&self) -> Scale {
        scale_of_quotient(self.criterion.scale())
    }
}

/// Scores of all candidates, each weighted as by [`Constrained`] with the probability that its place meets the constraints.
///
/// `log_feasibility` holds `ln P` for each candidate, from [`log_probability_of_feasibility`].
///
/// # Errors
/// [`Error::Argument`] if there is not one probability for each candidate, a logarithm is NaN or above 0, or a score is NaN.
///
/// ```
/// use dosewise::acquisition::{Candidate, LogExpectedImprovement, constrained_scores};
/// let candidates = [Candidate::new(2.0, 0.1, 0.1, 1.0)?, Candidate::new(1.5, 0.1, 0.1, 1.0)?];
/// let scores = constrained_scores(&LogExpectedImprovement::over(1.0)?, &candidates, &[-5.0, -0.1])?;
/// assert!(scores[1] > scores[0]); // the better value is hardly allowed
/// # Ok::<(), dosewise::Error>(())
/// ```
pub fn constrained_scores<A, C>(
    acquisition: &A,
    candidates: &C,
    log_feasibility: &[f64],
) -> Result<Vec<f64>>
where
    A: Acquisition + ?Sized,
    C: AsRef<[Candidate]> + ?Sized,
{
    let count = candidates.as_ref().len();
    if log_feasibility.len() != count {
        return Err(Error::argument(
            "log_feasibility",
            format!("{} values", log_feasibility.len()),
            format!("{count}, one for each candidate"),
        ));
    }
    if let Some(bad) = log_feasibility
        .iter()
        .find(|log| log.is_nan() || **log > 0.0)
    {
        return Err(Error::argument(
            "log_feasibility",
            bad,
            "logarithms of probabilities, 0 or less",
        ));
    }
    let pairs = scores(acquisition, candidates)?
        .into_iter()
        .zip(log_feasibility);
    let scale = acquisition.scale();
    Ok(pairs
        .map(|(score, &log)| weigh(score, scale, log))
        .collect())
}

/// A score on a scale at a place of which `log` is the logarithm of the probability that it is feasible.
fn weigh(score: f64, scale: Scale, log: f64) -> f64 {
    let tries = (-log).exp();
    match scale {
        // also of an infinite gain
        Scale::LogGain if log == f64::NEG_INFINITY => log,
        Scale::Gain | Scale::Level { .. } if tries.is_infinite() && scale.excess(score) >= 0.0 => {
            0.0
        }
        _ => set_against(score, scale, tries, -log),
    }
}
