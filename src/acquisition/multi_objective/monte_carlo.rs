//! Expected growth of the hypervolume by a batch, from joint draws.

use super::dominance::{check_reference, rows};
use super::hypervolume::{improvement, relevant};
use crate::acquisition::Choice;
use crate::acquisition::batch::{
    BatchSearch, Draws, MonteCarlo, Setting, Simulation, check_places, first_best,
};
use crate::error::{Error, Result};
use crate::gp::Surrogate;
use ndarray::ArrayView2;
use rayon::prelude::*;

/// Expected hypervolume improvement of a batch (qEHVI), `E[HV(front ∪ {f(x_1), …, f(x_q)}) − HV(front)]`.
///
/// One independent surrogate for each objective; the expectation is the mean over joint draws, the volumes are exact. Meant for
/// two or three objectives.
///
/// Source: Daulton, Balandat and Bakshy, NeurIPS 2020 (arXiv 2006.05078); the volume of each draw is that of
/// [`hypervolume_improvement`](super::hypervolume_improvement) instead of inclusion and exclusion over boxes.
///
/// ```
/// use dosewise::acquisition::multi_objective::{BatchHypervolumeImprovement, ExpectedHypervolumeImprovement};
/// use dosewise::acquisition::MonteCarlo;
/// use dosewise::gp::{ExactGp, Kernel, Noise, Rbf, Surrogate};
/// use ndarray::array;
/// let model = |y: &[f64]| ExactGp::new(Rbf::isotropic(0.5).scaled(1.0), Noise::Homoscedastic(0.1))
///     .condition(&array![[0.0], [1.0]], y);
/// let (first, second) = (model(&[0.2, 0.9])?, model(&[1.0, 0.1])?);
/// let (front, place) = (array![[0.2, 1.0], [0.9, 0.1]], array![[0.5]]);
/// let sampled = BatchHypervolumeImprovement::new(front.view(), &[0.0, 0.0])?
///     .score(&[&first, &second], place.view(), &MonteCarlo::default())?;
/// let (a, b) = (first.marginals(place.view())?, second.marginals(place.view())?);
/// let exact = ExpectedHypervolumeImprovement::new(front.view(), [0.0, 0.0])?
///     .score([a.mean[0], b.mean[0]], [a.variance[0], b.variance[0]])?;
/// assert!((sampled - exact).abs() < 0.01);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct BatchHypervolumeImprovement {
    front: Vec<Vec<f64>>,
    reference: Vec<f64>,
}

impl BatchHypervolumeImprovement {
    /// Over the volume that `front` (n × k, n ≥ 0, any points) dominates above `reference` (k numbers).
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no objective, a value is not finite, or the reference has another number of them.
    pub fn new(front: ArrayView2<'_, f64>, reference: &[f64]) -> Result<Self> {
        let points = rows("front", front)?;
        check_reference(reference, front.ncols())?;
        Ok(Self {
            front: relevant(points, reference),
            reference: reference.to_vec(),
        })
    }

    /// The worth of measuring at all rows of `batch` (q × d) together, with one of k `surrogates` for each objective.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is not one surrogate for each objective, or as [`MonteCarlo::score`].
    pub fn score(
        &self,
        surrogates: &[&dyn Surrogate],
        batch: ArrayView2<'_, f64>,
        monte_carlo: &MonteCarlo,
    ) -> Result<f64> {
        check_places("batch", batch)?;
        self.check(surrogates)?;
        let setting = Setting {
            measured: None,
            pending: batch.split_at(ndarray::Axis(0), 0).0,
            candidates: batch,
            size: batch.nrows(),
        };
        let mut simulations = monte_carlo.simulate(surrogates, &setting)?;
        for simulation in &mut simulations {
            for j in 0..batch.nrows() {
                simulation.take(j)?;
            }
        }
        let draws: Vec<&Draws> = simulations.iter().map(Simulation::draws).collect();
        Ok(self.mean_improvement(&draws))
    }

    fn check(&self, surrogates: &[&dyn Surrogate]) -> Result<()> {
        if surrogates.len() == self.reference.len() {
            return Ok(());
        }
        Err(Error::argument(
            "surrogates",
            surrogates.len(),
            format!("{}, one for each objective", self.reference.len()),
        ))
    }

    /// The mean over draws of one objective each.
    fn mean_improvement(&self, draws: &[&Draws]) -> f64 {
        let (places, count) = (draws[0].len(), draws[0].count());
        let outcome = |j: usize, s: usize| draws.iter().map(|d| d.of_place(j)[s]).collect();
        let gain = |s: usize| {
            let points: Vec<Vec<f64>> = (0..places).map(|j| outcome(j, s)).collect();
            improvement(points, &self.front, &self.reference)
        };
        (0..count).map(gain).sum::<f64>() / count as f64
    }
}

impl BatchSearch<'_> {
    /// The batch built one place at a time, each the place that makes the expected hypervolume grow most given those before and
    /// those pending, with one of k `surrogates` for each objective.
    ///
    /// The score of each choice is that of the batch up to it, pending places included.
    ///
    /// # Errors
    /// As [`BatchHypervolumeImprovement::score`].
    pub fn greedy_hypervolume(
        &self,
        surrogates: &[&dyn Surrogate],
        acquisition: &BatchHypervolumeImprovement,
        monte_carlo: &MonteCarlo,
    ) -> Result<Vec<Choice>> {
        acquisition.check(surrogates)?;
        let setting = Setting {
            measured: None,
            pending: self.pending(),
            candidates: self.places(),
            size: self.size().min(self.places().nrows()),
        };
        let mut simulations = monte_carlo.simulate(surrogates, &setting)?;
        self.pick(|open| {
            let rooms = || simulations.iter().map(Simulation::room).collect();
            let judge = |draws: &mut Vec<Draws>, &candidate: &usize| {
                for (simulation, draws) in simulations.iter().zip(draws.iter_mut()) {
                    simulation.fill(candidate, draws);
                }
                acquisition.mean_improvement(&draws.iter().collect::<Vec<_>>())
            };
            let scores: Vec<f64> = open.par_iter().map_init(rooms, judge).collect();
            let choice = first_best(open, &scores)?;
            for simulation in &mut simulations {
                simulation.take(choice.index)?;
            }
            Ok(choice)
        })
    }
}
