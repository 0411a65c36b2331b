//! Expected growth of the hypervolume by a batch, from joint draws.

use super::dominance::{check_reference, rows};
use super::hypervolume::{face, improvement, relevant};
use crate::acquisition::batch::{
    BatchSearch, DrawSlopes, Draws, MonteCarlo, Setting, Simulation, check_places,
};
use crate::acquisition::choice::first_best;
use crate::acquisition::{BatchGradient, Choice};
use crate::error::{Error, Result};
use crate::gp::Surrogate;
use ndarray::{Array2, ArrayView2, Axis, concatenate};
use rayon::prelude::*;
use std::borrow::Cow;

/// Expected hypervolume improvement of a batch (qEHVI), `E[HV(front ∪ {f(x_1), …, f(x_q)}) − HV(front)]`.
///
/// One independent surrogate for each objective; the expectation is the mean over joint draws, the volumes are exact. Meant for
/// two or three objectives. [`over_measured`](Self::over_measured) gives the noisy form (qNEHVI), where the front is that of the
/// latent values at measured places, drawn along with the batch.
///
/// Source: Daulton, Balandat and Bakshy, NeurIPS 2020 (arXiv 2006.05078), and NeurIPS 2021 (arXiv 2105.08195) for the noisy form;
/// the volume of each draw is that of [`hypervolume_improvement`](super::hypervolume_improvement) instead of sums over boxes.
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
    front: Front,
    reference: Vec<f64>,
}

/// What is to be improved on.
#[derive(Debug, Clone, PartialEq)]
enum Front {
    /// These non-dominated points above the reference.
    Known(Vec<Vec<f64>>),
    /// The latent values at these places, others in each draw.
    Measured(Array2<f64>),
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
            front: Front::Known(relevant(points, reference)),
            reference: reference.to_vec(),
        })
    }

    /// Over the volume that the latent values at measured `places` (n × d) dominate above `reference` (k numbers), drawn jointly
    /// with the batch: a measurement that noise lifted out of the crowd does not stand as a front.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no place, a coordinate is not finite, there is no objective, or the reference is not
    /// finite.
    pub fn over_measured<'p>(
        places: impl Into<ArrayView2<'p, f64>>,
        reference: &[f64],
    ) -> Result<Self> {
        let places = places.into();
        check_places("places", places)?;
        check_reference(reference, reference.len().max(1))?;
        Ok(Self {
            front: Front::Measured(places.to_owned()),
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
        Ok(self.mean_improvement(&self.simulate(surrogates, batch, monte_carlo)?))
    }

    /// The score with its derivatives by the q × d coordinates, the normal numbers of the draws held fixed.
    ///
    /// As [`MonteCarlo::gradient`]; in each draw the volume grows with a value by the area of the face of its box that no other
    /// point covers.
    ///
    /// # Errors
    /// As [`score`](Self::score) and [`MonteCarlo::gradient`].
    pub fn gradient(
        &self,
        surrogates: &[&dyn Surrogate],
        batch: ArrayView2<'_, f64>,
        monte_carlo: &MonteCarlo,
    ) -> Result<BatchGradient> {
        self.gradient_of(&self.simulate(surrogates, batch, monte_carlo)?)
    }

    fn simulate<'s>(
        &self,
        surrogates: &[&'s dyn Surrogate],
        batch: ArrayView2<'_, f64>,
        monte_carlo: &MonteCarlo,
    ) -> Result<Vec<Simulation<'s>>> {
        check_places("batch", batch)?;
        self.check(surrogates)?;
        let nothing = batch.split_at(Axis(0), 0).0;
        let held = self.held(nothing)?;
        let setting = Setting::whole(None, held.view(), batch);
        let mut simulations = monte_carlo.simulate(surrogates, &setting)?;
        simulations.iter_mut().try_for_each(Simulation::take_all)?;
        Ok(simulations)
    }

    /// The measured places, then those pending: all that is drawn before the batch.
    pub(in crate::acquisition) fn held(&self, pending: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        match &self.front {
            Front::Known(_) => Ok(pending.to_owned()),
            Front::Measured(places) => {
                concatenate(Axis(0), &[places.view(), pending]).map_err(|_| {
                    Error::argument(
                        "batch",
                        format!("{} coordinates a place", pending.ncols()),
                        format!("{}, as the measured places have", places.ncols()),
                    )
                })
            }
        }
    }

    pub(in crate::acquisition) fn gradient_of(
        &self,
        simulations: &[Simulation<'_>],
    ) -> Result<BatchGradient> {
        let draws = draws(simulations);
        let mut by_coordinate: Option<Array2<f64>> = None;
        for (simulation, slopes) in simulations.iter().zip(self.slopes(&draws)) {
            let found = simulation.by_place(&slopes)?;
            by_coordinate = Some(match by_coordinate {
                Some(sum) => sum + found,
                None => found,
            });
        }
        Ok(BatchGradient {
            score: self.mean_over(&draws),
            by_coordinate: by_coordinate.expect("at least one objective"),
        })
    }

    pub(in crate::acquisition) fn check(&self, surrogates: &[&dyn Surrogate]) -> Result<()> {
        if surrogates.len() == self.reference.len() {
            return Ok(());
        }
        Err(Error::argument(
            "surrogates",
            surrogates.len(),
            format!("{}, one for each objective", self.reference.len()),
        ))
    }

    /// The front in draw s.
    fn front(&self, draws: &[&Draws], s: usize) -> Cow<'_, [Vec<f64>]> {
        match &self.front {
            Front::Known(points) => Cow::Borrowed(points),
            Front::Measured(places) => {
                let points = (0..places.nrows()).map(|j| outcome(draws, j, s)).collect();
                Cow::Owned(relevant(points, &self.reference))
            }
        }
    }

    /// Number of drawn places that belong to the front.
    fn measured(&self) -> usize {
        match &self.front {
            Front::Known(_) => 0,
            Front::Measured(places) => places.nrows(),
        }
    }

    pub(in crate::acquisition) fn mean_improvement(&self, simulations: &[Simulation<'_>]) -> f64 {
        self.mean_over(&draws(simulations))
    }

    /// The mean over draws of one objective each.
    fn mean_over(&self, draws: &[&Draws]) -> f64 {
        let (places, count) = (draws[0].len(), draws[0].count());
        let gain = |s: usize| {
            let points = (self.measured()..places).map(|j| outcome(draws, j, s));
            let front = self.front(draws, s);
            improvement(points.collect(), &front, &self.reference)
        };
        (0..count).map(gain).sum::<f64>() / count as f64
    }

    /// Its slopes by the draws of each objective.
    fn slopes(&self, draws: &[&Draws]) -> Vec<DrawSlopes> {
        let (places, count, first) = (draws[0].len(), draws[0].count(), self.measured());
        let mut slopes: Vec<DrawSlopes> = draws.iter().map(|d| DrawSlopes::none(d)).collect();
        for s in 0..count {
            let front = self.front(draws, s);
            let points: Vec<Vec<f64>> = (first..places).map(|j| outcome(draws, j, s)).collect();
            for (j, point) in points.iter().enumerate() {
                let others = || {
                    let before = points[..j].iter();
                    before.chain(&points[j + 1..]).chain(front.iter())
                };
                for (k, slopes) in slopes.iter_mut().enumerate() {
                    let area = face(point, k, others(), &self.reference);
                    slopes.by_draw[first + j][s] = area / count as f64;
                }
            }
        }
        slopes
    }
}

/// Outcome of all objectives at place j in draw s.
fn outcome(draws: &[&Draws], j: usize, s: usize) -> Vec<f64> {
    draws.iter().map(|draws| draws.of_place(j)[s]).collect()
}

fn draws<'d>(simulations: &'d [Simulation<'_>]) -> Vec<&'d Draws> {
    simulations.iter().map(Simulation::draws).collect()
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
        let held = acquisition.held(self.pending())?;
        let setting = Setting {
            measured: None,
            pending: held.view(),
            candidates: self.places(),
            size: self.size().min(self.places().nrows()),
        };
        let mut simulations = monte_carlo.simulate(surrogates, &setting)?;
        let mut chosen = None;
        self.pick(|open| {
            if let Some(place) = chosen {
                for simulation in &mut simulations {
                    simulation.take(place)?;
                }
            }
            let rooms = || simulations.iter().map(Simulation::room).collect();
            let judge = |draws: &mut Vec<Draws>, &candidate: &usize| {
                for (simulation, draws) in simulations.iter().zip(draws.iter_mut()) {
                    simulation.fill(candidate, draws);
                }
                acquisition.mean_over(&draws.iter().collect::<Vec<_>>())
            };
            let scores: Vec<f64> = open.par_iter().map_init(rooms, judge).collect();
            let choice = first_best(open.iter().copied(), &scores)?;
            chosen = Some(choice.index);
            Ok(choice)
        })
    }
}
