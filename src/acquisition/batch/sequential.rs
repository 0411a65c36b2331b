//! Any criterion, asked again and again while imagining how the measurements before will come out.

use super::field::FieldBatch;
use super::log_improvement::log_mean_exp;
use super::told::{Fantasies, Told};
use crate::acquisition::argument::finite;
use crate::acquisition::choice::first_best;
use crate::acquisition::{Choice, Field, FieldCriterion, Offer, Rule, Scale};
use crate::error::{Error, Result};
use crate::linalg::zeros;
use crate::random::{Purpose, Stream};
use crate::units::Seed;
use rand_distr::{Distribution, StandardNormal};

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

impl FieldBatch<'_> {
    /// The batch built one measurement at a time, each on the posterior that has been told imagined outcomes of the pending and
    /// chosen ones: the joint posterior of the surrogate conditioned on them, its hyper-parameters as they are.
    ///
    /// `criterion` makes the rule from an incumbent: the larger of `incumbent` and the posterior means at the pending and
    /// chosen places under the outcomes imagined. Rules without an incumbent ignore it. Scores under several outcomes are
    /// averaged, logarithms of gains as the gains they stand for. Doses, noise **variances** and costs are those on offer; an
    /// outcome is the latent value with Gaussian noise, whatever the measurements that the surrogate itself was told. The score of
    /// a choice is that of the measurement, not of the batch up to it.
    ///
    /// Costs a covariance of every place with each pending and chosen one, and for each way that outcomes are imagined what
    /// the criterion costs: [at each place](crate::acquisition::Acquisition::at_each_place) one multiplication for every
    /// pending or chosen measurement.
    ///
    /// Source: Ginsbourger, Le Riche and Carraro (2010), *Kriging is well-suited to parallelize optimization* (believer and
    /// liar); Snoek, Larochelle and Adams, NeurIPS 2012 (arXiv 1206.2944), section 3.3 (draws).
    ///
    /// ```
    /// use dosewise::acquisition::{Acquisition, Field, FieldBatch, LogExpectedImprovement, Offers, Outcomes};
    /// use dosewise::gp::{ExactGp, Kernel, Matern52, Noise};
    /// use ndarray::{Array2, array};
    /// let gp = ExactGp::new(Matern52::isotropic(0.2).scaled(1.0), Noise::Homoscedastic(1e-4))
    ///     .condition(&array![[0.0], [0.5], [1.0]], &[0.1, 0.8, 0.2])?;
    /// let places = Array2::from_shape_fn((21, 1), |(i, _)| i as f64 / 20.0);
    /// let offers = Offers::with_shot_noise(places.view(), &[10.0, 100.0], 0.01)?;
    /// let field = Field { surrogate: &gp, targets: places.view(), offers: &offers };
    /// let rule = |over| Ok(LogExpectedImprovement::over(over)?.per_dose().at_each_place());
    /// let batch = FieldBatch::new(field, 2)?.sequential(rule, 0.8, Outcomes::Expected)?;
    /// let chosen: Vec<_> = batch.iter().filter_map(|choice| offers.locate(choice.index)).collect();
    /// assert!((chosen[0].0 < 10) != (chosen[1].0 < 10)); // one to either side of the best measurement
    /// assert!(chosen.iter().all(|(_, dose)| *dose == 10.0)); // with few electrons
    /// # Ok::<(), dosewise::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Argument`] if the incumbent or a constant outcome is not finite, no outcome is to be drawn or more than fit into
    /// memory, a score is NaN, as [`Surrogate::joint`](crate::gp::Surrogate::joint), and what `criterion` and its rule refuse.
    pub fn sequential<C: FieldCriterion>(
        &self,
        criterion: impl Fn(f64) -> Result<C>,
        incumbent: f64,
        outcomes: Outcomes,
    ) -> Result<Vec<Choice>> {
        check(incumbent, outcomes)?;
        let Field {
            surrogate,
            targets,
            offers,
        } = self.field();
        let (pending, noise) = self.pending();
        let head = pending.nrows();
        let mut fantasies = Fantasies::new(surrogate, self.pending_first(), head)?;
        for (index, &noise) in noise.iter().enumerate() {
            fantasies.measure(index, noise)?;
        }
        let mut chosen: Option<Offer> = None;
        self.pick(|open| {
            if let Some(offer) = chosen {
                fantasies.measure(head + offer.place, offer.noise_variance)?;
            }
            let (ways, mut stream) = outcomes.of(fantasies.len());
            let mut each_way = zeros(open.len(), ways)?;
            let mut scale = Scale::Gain;
            for way in 0..ways {
                let told = outcomes.imagine(&fantasies, &mut stream);
                let rule = criterion(told.incumbent(incumbent))?;
                let scores = rule.score_all(&Field {
                    surrogate: &told,
                    targets,
                    offers,
                })?;
                scale = rule.scale();
                for (row, &index) in each_way.chunks_exact_mut(ways).zip(open) {
                    row[way] = scores[index];
                }
            }
            let rows = each_way.chunks_exact(ways);
            let scores: Vec<f64> = rows.map(|row| average(row, scale)).collect();
            let choice = first_best(open.iter().copied(), &scores)?;
            chosen = offers.get(choice.index);
            Ok(choice)
        })
    }
}

impl Outcomes {
    /// In how many ways `measurements` come out, and where the draws of them come from.
    fn of(&self, measurements: usize) -> (usize, Stream) {
        let (count, seed) = match *self {
            Self::Drawn { count, seed } if measurements > 0 => (count, seed),
            Self::Drawn { seed, .. } => (1, seed),
            Self::Expected | Self::Constant(_) => (1, Seed(0)),
        };
        let stream = Stream::new(seed, Purpose::Policy, [measurements as u64, 0]);
        (count, stream)
    }

    /// The posterior after the next way that these measurements may come out.
    fn imagine<'f>(&self, fantasies: &'f Fantasies<'_>, stream: &mut Stream) -> Told<'f> {
        let each = 0..fantasies.len();
        match *self {
            Self::Expected => fantasies.told(vec![0.0; each.len()]),
            Self::Constant(value) => fantasies.told_constant(value),
            Self::Drawn { .. } => {
                fantasies.told(each.map(|_| StandardNormal.sample(stream)).collect())
            }
        }
    }
}

fn check(incumbent: f64, outcomes: Outcomes) -> Result<()> {
    finite("incumbent", incumbent)?;
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
