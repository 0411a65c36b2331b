//! The last steps of a training: the belief brought to its optimum on all measurements.

use super::belief::Natural;
use super::features::Features;
use super::observation::Observation;
use super::sites::Sites;
use super::stochastic::StochasticGp;
use super::train::Training;
use super::training::StochasticProgress;
use crate::error::Result;

/// A step that gains less than this, relative to the bound, was the last.
const STILL: f64 = 1e-9;
/// Shortest step that is tried.
const SHORTEST: f64 = 1e-3;

impl StochasticGp {
    /// Natural steps on all measurements, the hyper-parameters held. A step of size 1 reaches the optimum where the
    /// noise is Gaussian (Salimbeni, Eleftheriadis & Hensman 2018, section 2.3); behind another likelihood it is much
    /// like one of Newton's, and halved as long as it lowers the bound.
    pub(super) fn finish(&mut self, training: &mut Training<'_, '_>) -> Result<()> {
        let most = match self.observation {
            Observation::Gaussian(_) => training.options.full_steps.min(1),
            Observation::Behind(_) => training.options.full_steps,
        };
        if training.report.cancelled || most == 0 {
            return Ok(());
        }
        let mut natural = self.process.belief.natural()?;
        let Some((mut bound, mut target)) = self.survey(training)? else {
            return Ok(());
        };
        let mut length = 1.0;
        while training.report.full_steps < most && length >= SHORTEST {
            training.report.bound = Some(bound);
            let mut next = natural.clone();
            next.approach(&target, length);
            let belief = next.belief()?;
            let before = std::mem::replace(&mut self.process.belief, belief);
            let found = self.survey(training);
            let Ok(Some(found)) = found else {
                self.process.set_belief(before);
                return found.map(|_| ());
            };
            let gain = found.0 - bound;
            if gain.is_nan() || gain < -STILL * bound.abs() {
                self.process.set_belief(before);
                length *= 0.5;
                continue;
            }
            natural = next;
            (bound, target) = found;
            training.report.full_steps += 1;
            if gain <= STILL * bound.abs() {
                break;
            }
            length = (2.0 * length).min(1.0);
        }
        training.report.bound = Some(bound);
        self.process.set_belief(natural.belief()?);
        Ok(())
    }

    /// The bound on all measurements and where a natural step of size 1 leads; `None` if that was cancelled.
    fn survey(&self, training: &mut Training<'_, '_>) -> Result<Option<(f64, Natural)>> {
        let data = training.data;
        let belief = &self.process.belief;
        let size = belief.location.len();
        let mut bound = -belief.divergence();
        let (mut gram, mut shift) = (vec![0.0; size * size], vec![0.0; size]);
        let portions = data.portions();
        let batches = portions.len();
        for (index, portion) in portions.enumerate() {
            let batch = data.portion(portion, &self.process.mean)?;
            let points = batch.points.view();
            let features = Features::new(self.process.basis(), points, Vec::new())?;
            let sites = Sites::new(&self.observation, &features, belief, &batch)?;
            bound += sites.value;
            let (more, pull) = sites.sums(&features, 1.0);
            gram.iter_mut()
                .zip(more)
                .for_each(|(sum, more)| *sum += more);
            shift
                .iter_mut()
                .zip(pull)
                .for_each(|(sum, pull)| *sum += pull);
            let progress = StochasticProgress {
                epoch: training.options.epochs,
                epochs: training.options.epochs,
                batch: index + 1,
                batches,
                bound: training.report.bound.unwrap_or(f64::NEG_INFINITY),
            };
            if (training.watch)(&progress).is_break() {
                training.report.cancelled = true;
                return Ok(None);
            }
        }
        Ok(Some((bound, Natural::of_sites(gram, shift))))
    }
}
