//! The worth of a measurement together with those that the rest of the budget may pay for.

use super::Purse;
use super::imagined::Imagined;
use crate::acquisition::field::{Belief, expected_rise};
use crate::acquisition::{
    Acquisition, AfterMeasurement, Candidate, ExpectedImprovement, FieldCriterion, MonteCarlo,
    Offer, Offers, PerDose, Scale, best,
};
use crate::error::{Error, Result};
use crate::gp::Surrogate;
use crate::normal;
use crate::units::Seed;
use ndarray::ArrayView2;
use rayon::prelude::*;

/// Expected rise of the best value over up to [`Rollout::MOST_STEPS`] measurements that the budget can pay for, the first of
/// them the one that is judged; in units of the value.
///
/// With `u(D) = max μ_D(x)` over the targets and the places measured in between, `D` what is known by then,
///
/// `worth(i) = E[u(D ∪ measurement i ∪ those that follow)] − u(D)`,
///
/// where steps in between take the best affordable offer of a base rule (unless said otherwise [`ExpectedImprovement`]
/// [after the measurement](Acquisition::after_measurement) [per dose](Acquisition::per_dose)), and the last one the affordable
/// offer with the largest expected rise, since nothing is left to save for. An offer that the budget cannot pay for is worth 0, as is every
/// offer when nothing is left to gain. Targets are the places measured so far; if their values are known exactly `u` is the
/// incumbent, and one step is [`ExpectedImprovement`], with noise its
/// [noisy form](Acquisition::after_measurement) plus what the measured places learn about each other.
///
/// Each step's rise is the closed form of the [`KnowledgeGradient`](crate::acquisition::KnowledgeGradient) given the steps
/// before it; only the outcomes in between are drawn, quasi-random and the same for every offer. So one step has no sampling
/// error, more steps are never worth less than one, and the scores do not depend on the number of threads. With two steps
/// the rollout is the optimal two-step policy and its worth never falls with the budget; a base rule in between is not optimal,
/// and more money may then mislead it.
///
/// Costs, with M offers, S draws and h steps, M rises for one step and `M² S (h − 1)` for more, each one a normal
/// distribution function if the targets are known and otherwise as many, with h multiplications each, as there are targets;
/// memory is the square of places and targets. Offers are judged in parallel.
///
/// Source: Lam, Willcox and Wolpert, *Bayesian Optimization with a Finite Budget*, NeurIPS 2016 (rollout of a base rule);
/// Astudillo, Jiang, Balandat, Bakshy and Frazier, *Multi-Step Budgeted Bayesian Optimization with Unknown Evaluation Costs*,
/// NeurIPS 2021 (arXiv 2111.06537), the value of a budget; Jiang, Jiang, Balandat, Karrer, Gardner and Garnett, NeurIPS 2020
/// (arXiv 2006.15779), multi-step trees. Costs are taken as known here; for learned ones see
/// [`CostModel`](super::CostModel).
///
/// ```
/// use dosewise::acquisition::{FieldCriterion, Offers, Rollout};
/// use dosewise::gp::{ExactGp, Kernel, Noise, Rbf};
/// use ndarray::array;
/// let measured = array![[0.0], [1.0]];
/// let gp = ExactGp::new(Rbf::isotropic(0.3).scaled(1.0), Noise::Homoscedastic(1e-6)).condition(&measured, &[0.0, 0.4])?;
/// let places = array![[0.5], [1.2], [1.8]];
/// let offers = Offers::with_shot_noise(places.view(), &[10.0], 0.1)?;
/// let one = Rollout::new(10.0, 3)?.scores(&gp, measured.view(), &offers)?;
/// let three = Rollout::new(30.0, 3)?.scores(&gp, measured.view(), &offers)?;
/// assert!(one.iter().zip(&three).all(|(one, three)| one < three)); // three measurements find more than one
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Rollout<R = fn(f64) -> Result<PerDose<AfterMeasurement<ExpectedImprovement>>>> {
    purse: Purse,
    steps: usize,
    draws: MonteCarlo,
    base: R,
}

impl Rollout {
    /// Most steps that are looked ahead.
    pub const MOST_STEPS: usize = 4;

    /// With what is left of the `budget`, in the unit of the costs on offer (e⁻/Å² unless said otherwise), looking at most
    /// `steps` measurements ahead, 64 draws from seed 0.
    ///
    /// # Errors
    /// [`Error::Argument`] unless the budget is finite and not negative and `1 ≤ steps ≤` [`Self::MOST_STEPS`].
    pub fn new(budget: f64, steps: usize) -> Result<Self> {
        if !(1..=Self::MOST_STEPS).contains(&steps) {
            let allowed = format!("1..={}", Self::MOST_STEPS);
            return Err(Error::argument("steps", steps, allowed));
        }
        Ok(Self {
            purse: Purse::new(budget)?,
            steps,
            draws: MonteCarlo::new(64, Seed(0))?,
            base: |incumbent| {
                Ok(ExpectedImprovement::over(incumbent)?
                    .after_measurement()
                    .per_dose())
            },
        })
    }
}

impl<R> Rollout<R> {
    /// With another rule for the steps in between, made from the incumbent `u` of the moment. Where it says −∞ of everything
    /// affordable the rollout ends.
    ///
    /// ```
    /// use dosewise::acquisition::{Rollout, UpperConfidenceBound};
    /// let bold = Rollout::new(100.0, 3)?.with_base(|_| UpperConfidenceBound::new(2.0));
    /// # let _ = bold;
    /// # Ok::<(), dosewise::Error>(())
    /// ```
    pub fn with_base<A: Acquisition, B: Fn(f64) -> Result<A> + Sync>(self, base: B) -> Rollout<B> {
        Rollout {
            purse: self.purse,
            steps: self.steps,
            draws: self.draws,
            base,
        }
    }

    /// With other draws of the outcomes in between; a power of two serves best.
    #[must_use]
    pub fn with_draws(self, draws: MonteCarlo) -> Self {
        Self { draws, ..self }
    }
}

impl<A: Acquisition, R: Fn(f64) -> Result<A> + Sync> FieldCriterion for Rollout<R> {
    fn scores(
        &self,
        surrogate: &dyn Surrogate,
        targets: ArrayView2<'_, f64>,
        offers: &Offers,
    ) -> Result<Vec<f64>> {
        let imagined = Imagined::new(Belief::of(surrogate, targets, offers.places())?);
        let path = Path {
            offers,
            watched: imagined.targets().collect(),
            imagined,
            purse: self.purse,
        };
        let normals = self.draws.normals(self.steps - 1)?;
        let judge = |first: usize| self.worth(first, &path, &normals);
        (0..offers.len()).into_par_iter().map(judge).collect()
    }

    fn scale(&self) -> Scale {
        Scale::Gain
    }
}

impl<A: Acquisition, R: Fn(f64) -> Result<A>> Rollout<R> {
    /// Worth of one offer, averaged over the draws.
    fn worth(&self, first: usize, now: &Path<'_>, normals: &[Vec<f64>]) -> Result<f64> {
        if !now.affords(first) {
            return Ok(0.0);
        }
        let at_once = now.rise(first);
        if self.steps == 1 {
            return Ok(at_once);
        }
        let mut later = 0.0;
        for draw in 0..self.draws.samples() {
            later += self.later(
                first,
                now.clone(),
                normals.iter().map(|column| column[draw]),
            )?;
        }
        Ok(at_once + later / self.draws.samples() as f64)
    }

    /// What the measurements after the first bring, when those before the last come out as drawn.
    fn later(
        &self,
        first: usize,
        mut path: Path<'_>,
        outcomes: impl ExactSizeIterator<Item = f64>,
    ) -> Result<f64> {
        let (mut offer, mut gain) = (first, 0.0);
        let steps = outcomes.len();
        for (step, outcome) in outcomes.enumerate() {
            path.measure(offer, outcome);
            if step + 1 == steps {
                return Ok(gain + path.largest_rise());
            }
            let Some(next) = path.choose(&(self.base)(path.incumbent())?)? else {
                break;
            };
            gain += path.rise(next);
            offer = next;
        }
        Ok(gain)
    }
}

/// One course that things may take.
#[derive(Debug, Clone)]
struct Path<'o> {
    offers: &'o Offers,
    imagined: Imagined,
    /// Targets and the places measured on the way, whose means count.
    watched: Vec<usize>,
    purse: Purse,
}

impl Path<'_> {
    fn affords(&self, offer: usize) -> bool {
        self.purse.affords(self.offers.costs()[offer])
    }

    fn place(&self, offer: usize) -> usize {
        offer / self.offers.doses()
    }

    fn noise(&self, offer: usize) -> f64 {
        self.offers.noise_variances()[offer]
    }

    /// The largest mean that counts.
    fn incumbent(&self) -> f64 {
        let means = self.watched.iter().map(|&i| self.imagined.mean(i));
        means.fold(f64::NEG_INFINITY, f64::max)
    }

    fn measure(&mut self, offer: usize, outcome: f64) {
        let place = self.place(offer);
        self.imagined.measure(place, self.noise(offer), outcome);
        self.watched.push(place);
        self.purse.pay(self.offers.costs()[offer]);
    }

    /// By how much the incumbent is expected to rise with one measurement.
    fn rise(&self, offer: usize) -> f64 {
        let place = self.place(offer);
        let (mean, variance) = (self.imagined.mean(place), self.imagined.variance(place));
        let at_least = (mean - self.incumbent()).max(0.0);
        let Some(deviation) = self.imagined.outcome_deviation(place, self.noise(offer)) else {
            return at_least;
        };
        let slope = variance / deviation;
        let (mut lines, mut floor) = (vec![(mean, slope)], f64::NEG_INFINITY);
        for &i in &self.watched {
            // a value that is known does not move, and what rounding leaves of its covariance is no slope
            if self.imagined.variance(i) <= f64::EPSILON * variance {
                floor = floor.max(self.imagined.mean(i));
            } else {
                let slope = self.imagined.covariance(i, place) / deviation;
                lines.push((self.imagined.mean(i), slope));
            }
        }
        if lines.len() == 1 && slope > 0.0 {
            return slope * normal::positive_part((mean - floor) / slope);
        }
        if floor > f64::NEG_INFINITY {
            lines.push((floor, 0.0));
        }
        expected_rise(&mut lines) + at_least
    }

    /// The best that a last measurement can do; 0 if none can be paid.
    fn largest_rise(&self) -> f64 {
        let affordable = (0..self.offers.len()).filter(|&offer| self.affords(offer));
        affordable.map(|offer| self.rise(offer)).fold(0.0, f64::max)
    }

    /// The affordable offer that a rule likes best, if it likes any.
    fn choose(&self, rule: &impl Acquisition) -> Result<Option<usize>> {
        let affordable: Vec<usize> = (0..self.offers.len())
            .filter(|&offer| self.affords(offer))
            .collect();
        if affordable.is_empty() {
            return Ok(None);
        }
        let candidate = |offer: Offer| {
            let (mean, variance) = (
                self.imagined.mean(offer.place),
                self.imagined.variance(offer.place),
            );
            offer.believed(mean, variance)
        };
        let offers = affordable
            .iter()
            .filter_map(|&index| self.offers.get(index));
        let candidates: Vec<Candidate> = offers.map(candidate).collect::<Result<_>>()?;
        let choice = best(rule, &candidates)?;
        Ok((choice.score > f64::NEG_INFINITY).then(|| affordable[choice.index]))
    }
}
