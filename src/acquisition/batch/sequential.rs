//! Any acquisition of single places, asked again and again while imagining how the measurements before will come out.

use super::log_improvement::log_mean_exp;
use super::search::{BatchSearch, check_width, first_best};
use crate::acquisition::{Acquisition, Candidate, Choice, Scale};
use crate::error::{Error, Result};
use crate::gp::{ExactGp, Noise, Prospects, Surrogate};
use crate::random::{Purpose, Stream};
use crate::units::Seed;
use ndarray::{Array2, Axis, concatenate};

/// What is imagined about measurements whose outcome is not known yet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcomes {
    /// Each comes out as expected, the "Kriging believer": no mean moves, variances fall.
    Expected,
    /// Each comes out as this number, the "constant liar": the lower, the further apart the batch.
    Constant(f64),
    /// They come out in this many ways, joint draws with noise, over which scores are averaged ("fantasies").
    Drawn {
        /// Number of ways.
        count: usize,
        /// What the draws follow from.
        seed: Seed,
    },
}

impl BatchSearch<'_> {
    /// The batch built one place at a time by an acquisition of single places, each on the process that has been told imagined
    /// outcomes at the pending and chosen places; the hyper-parameters stay as they are.
    ///
    /// `acquisition` makes the rule from an incumbent: the larger of `incumbent` and the posterior means at the pending and
    /// chosen places under the outcomes imagined. `LogExpectedImprovement::over` is such a function; rules without an incumbent
    /// ignore it. Scores under several outcomes are averaged, logarithms of gains as the gains they stand for. Every
    /// measurement has the dose 1 e⁻/Å² and the noise **variance** of the process; where that is known per measurement
    /// ([`Noise::Known`]) `noise_variance` states it, otherwise it is `None`.
    ///
    /// Source: Ginsbourger, Le Riche and Carraro (2010), *Kriging is well-suited to parallelize optimization* (believer and
    /// liar); Snoek, Larochelle and Adams, NeurIPS 2012 (arXiv 1206.2944), section 3.3 (draws).
    ///
    /// ```
    /// use dosewise::acquisition::{BatchSearch, LogExpectedImprovement, Outcomes};
    /// use dosewise::gp::{ExactGp, Kernel, Matern52, Noise};
    /// use ndarray::{Array2, array};
    /// let gp = ExactGp::new(Matern52::isotropic(0.2).scaled(1.0), Noise::Homoscedastic(1e-4))
    ///     .condition(&array![[0.0], [0.5], [1.0]], &[0.1, 0.8, 0.2])?;
    /// let places = Array2::from_shape_fn((21, 1), |(i, _)| i as f64 / 20.0);
    /// let batch = BatchSearch::new(&places, 2)?
    ///     .sequential(&gp, LogExpectedImprovement::over, 0.8, None, Outcomes::Expected)?;
    /// assert!((batch[0].index < 10) != (batch[1].index < 10)); // one to either side of the best measurement
    /// # Ok::<(), dosewise::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Argument`] if the incumbent or a constant outcome is not finite, no outcome is to be drawn, the noise variance
    /// is missing or superfluous, a score is NaN, or as [`ExactGp::fantasize`].
    pub fn sequential<A: Acquisition>(
        &self,
        gp: &ExactGp,
        acquisition: impl Fn(f64) -> Result<A>,
        incumbent: f64,
        noise_variance: Option<f64>,
        outcomes: Outcomes,
    ) -> Result<Vec<Choice>> {
        check(incumbent, outcomes)?;
        check_width("gp", gp.dimension(), self.places().ncols())?;
        let noise = match (gp.noise(), noise_variance) {
            (Noise::Homoscedastic(variance), None) => *variance,
            (Noise::Known(_), Some(variance)) => variance,
            (noise, given) => {
                return Err(Error::argument(
                    "noise_variance",
                    format!("{given:?} beside {noise:?}"),
                    "a variance with Noise::Known, None with Noise::Homoscedastic",
                ));
            }
        };
        let mut chosen = Vec::with_capacity(self.size());
        self.pick(|open| {
            let prospects = self.prospects(gp, &chosen, noise_variance, outcomes)?;
            let m = self.places().nrows();
            let rules = prospects.mean.rows().into_iter().map(|means| {
                let at_busy = means.iter().skip(m).copied();
                acquisition(at_busy.fold(incumbent, f64::max))
            });
            let rules: Vec<A> = rules.collect::<Result<_>>()?;
            let mut scores = vec![0.0; rules.len()];
            let score = |&index: &usize| {
                for ((score, rule), means) in
                    scores.iter_mut().zip(&rules).zip(prospects.mean.rows())
                {
                    let variance = prospects.variance[index];
                    *score = rule.score(&Candidate::new(means[index], variance, noise, 1.0)?);
                }
                Ok(average(&scores, rules[0].scale()))
            };
            let scores: Vec<f64> = open.iter().map(score).collect::<Result<_>>()?;
            let choice = first_best(open, &scores)?;
            chosen.push(choice.index);
            Ok(choice)
        })
    }

    /// The posterior at the places on offer, then at those pending or `chosen`, under each of the outcomes.
    fn prospects(
        &self,
        gp: &ExactGp,
        chosen: &[usize],
        noise_variance: Option<f64>,
        outcomes: Outcomes,
    ) -> Result<Prospects> {
        let busy = self.busy(chosen);
        let q = busy.nrows();
        if q == 0 {
            let now = gp.marginals(self.places())?;
            return Ok(Prospects {
                mean: Array2::from_shape_vec((1, now.mean.len()), now.mean)
                    .expect("one row of means"),
                variance: now.variance,
            });
        }
        let noise = noise_variance.map(|variance| vec![variance; q]);
        let fantasy = gp.fantasize(&busy, noise.as_deref())?;
        let imagined = match outcomes {
            Outcomes::Expected => Array2::from_shape_fn((1, q), |(_, j)| fantasy.mean()[j]),
            Outcomes::Constant(value) => Array2::from_elem((1, q), value),
            Outcomes::Drawn { count, seed } => {
                let mut stream = Stream::new(seed, Purpose::Policy, [q as u64, 0]);
                fantasy.sample_outcomes(count, &mut stream)?
            }
        };
        let places = concatenate(Axis(0), &[self.places(), busy.view()])
            .expect("places on offer and busy ones have one width");
        fantasy.given_each(&imagined, &places)
    }
}

fn check(incumbent: f64, outcomes: Outcomes) -> Result<()> {
    if !incumbent.is_finite() {
        return Err(Error::argument("incumbent", incumbent, "a finite number"));
    }
    match outcomes {
        Outcomes::Constant(value) if !value.is_finite() => {
            Err(Error::argument("outcomes", value, "a finite number"))
        }
        Outcomes::Drawn { count: 0, .. } => {
            Err(Error::argument("outcomes", "0 draws", "at least one draw"))
        }
        _ => Ok(()),
    }
}

fn average(scores: &[f64], scale: Scale) -> f64 {
    match scale {
        Scale::LogGain => log_mean_exp(scores),
        Scale::Gain | Scale::Level { .. } => scores.iter().sum::<f64>() / scores.len() as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_averaged_as_gains() {
        let logs = [1.0_f64.ln(), 3.0_f64.ln()];
        assert!((average(&logs, Scale::LogGain) - 2.0_f64.ln()).abs() < 1e-15);
        assert_eq!(average(&[1.0, 3.0], Scale::Gain), 2.0);
    }
}
