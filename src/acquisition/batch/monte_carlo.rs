//! Batches judged by joint draws.

use super::base_samples::normal_columns;
use super::draws::{BatchAcquisition, Draws};
use super::joint_factor::JointFactor;
use super::search::{BatchSearch, check_places, check_width};
use crate::acquisition::Choice;
use crate::acquisition::choice::{check_score, first_best};
use crate::error::{Error, Result};
use crate::gp::Surrogate;
use crate::units::Seed;
use ndarray::{Array2, ArrayView2, Axis, concatenate};
use rayon::prelude::*;

/// How many joint draws, and which: quasi-random and fixed by a seed, so that scores of different batches compare.
///
/// A batch at places x is drawn as `mean(x) + L z`, `L Lᵀ` the joint posterior covariance and `z` Owen-scrambled Sobol points
/// through the normal quantile (Owen, *J. Complexity* 14, 466 (1998)). The error falls nearly as 1/S for smooth scores, where
/// independent draws have 1/√S; S a power of two serves it best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonteCarlo {
    samples: usize,
    seed: Seed,
}

impl Default for MonteCarlo {
    /// 512 draws from seed 0.
    fn default() -> Self {
        Self {
            samples: 512,
            seed: Seed(0),
        }
    }
}

impl MonteCarlo {
    /// Most draws allowed, 2²⁴.
    pub const MOST_SAMPLES: usize = 1 << 24;

    /// Most numbers drawn at once, draws times places: 2²⁷, a gigabyte.
    pub const MOST_NUMBERS: usize = 1 << 27;

    /// `samples` draws (S) that follow from `seed`.
    ///
    /// # Errors
    /// [`Error::Argument`] unless 1 ≤ `samples` ≤ [`Self::MOST_SAMPLES`].
    pub fn new(samples: usize, seed: Seed) -> Result<Self> {
        if !(1..=Self::MOST_SAMPLES).contains(&samples) {
            return Err(Error::argument(
                "samples",
                samples,
                format!("1 to {}", Self::MOST_SAMPLES),
            ));
        }
        Ok(Self { samples, seed })
    }

    /// Number of draws, S.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// `width` columns of S standard normal numbers each, unless these are more than [`Self::MOST_NUMBERS`].
    pub(in crate::acquisition) fn normals(&self, width: usize) -> Result<Vec<Vec<f64>>> {
        if self.samples.saturating_mul(width) > Self::MOST_NUMBERS {
            return Err(Error::argument(
                "samples",
                format!("{} for each of {width} places", self.samples),
                format!("{} in all", Self::MOST_NUMBERS),
            ));
        }
        Ok(normal_columns(self.samples, width, self.seed))
    }

    /// The worth of measuring at all rows of `batch` (q × d) together.
    ///
    /// ```
    /// use dosewise::acquisition::{Acquisition, BatchUpperConfidenceBound, Candidate, MonteCarlo, UpperConfidenceBound};
    /// use dosewise::gp::{ExactGp, Kernel, Noise, Rbf, Surrogate};
    /// use ndarray::array;
    /// let gp = ExactGp::new(Rbf::isotropic(0.5).scaled(1.0), Noise::Homoscedastic(0.1)).condition(&array![[0.0]], &[0.4])?;
    /// let place = array![[0.6]];
    /// let sampled = MonteCarlo::default().score(&BatchUpperConfidenceBound::new(2.0)?, &gp, place.view())?;
    /// let known = gp.marginals(place.view())?;
    /// let analytic = UpperConfidenceBound::new(2.0)?.score(&Candidate::new(known.mean[0], known.variance[0], 0.1, 1.0)?);
    /// assert!((sampled - analytic).abs() < 0.01);
    /// # Ok::<(), dosewise::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Argument`] if the batch is empty or not finite, its dimension does not fit the surrogate or the measured places
    /// of the acquisition, the surrogate gives numbers that are not finite, draws times places (measured, pending and of the
    /// batch) exceed [`Self::MOST_NUMBERS`], or the score is NaN.
    pub fn score(
        &self,
        acquisition: &dyn BatchAcquisition,
        surrogate: &dyn Surrogate,
        batch: ArrayView2<'_, f64>,
    ) -> Result<f64> {
        self.score_beside(
            acquisition,
            surrogate,
            batch,
            Array2::zeros((0, batch.ncols())).view(),
        )
    }

    /// As [`score`](Self::score) while measurements at the rows of `pending` (p × d, p ≥ 0) are under way: they enter every
    /// draw as if they were part of the batch, so only what the batch adds to them tells batches apart.
    ///
    /// # Errors
    /// As [`score`](Self::score); pending places are checked as the batch is, but there may be none.
    pub fn score_beside(
        &self,
        acquisition: &dyn BatchAcquisition,
        surrogate: &dyn Surrogate,
        batch: ArrayView2<'_, f64>,
        pending: ArrayView2<'_, f64>,
    ) -> Result<f64> {
        check_places("batch", batch)?;
        if pending.nrows() > 0 {
            check_places("pending", pending)?;
        }
        let setting = Setting::whole(acquisition.measured(), pending, batch);
        let mut simulation = self.simulate(&[surrogate], &setting)?.remove(0);
        simulation.take_all()?;
        let score = acquisition.score(&simulation.draws);
        check_score(score, || "for the batch".into())?;
        Ok(score)
    }

    /// One simulation for each of several independent surrogates, with normal numbers of their own out of one sequence.
    pub(in crate::acquisition) fn simulate<'s>(
        &self,
        surrogates: &[&'s dyn Surrogate],
        setting: &Setting<'_>,
    ) -> Result<Vec<Simulation<'s>>> {
        let pairs = surrogates
            .iter()
            .zip(self.normals_of_each(setting, surrogates.len())?);
        pairs
            .map(|(surrogate, normals)| Simulation::new(*surrogate, setting, normals))
            .collect()
    }

    /// Normal numbers for each of `parts` independent surrogates, one column for each place.
    pub(in crate::acquisition) fn normals_of_each(
        &self,
        setting: &Setting<'_>,
        parts: usize,
    ) -> Result<Vec<Vec<Vec<f64>>>> {
        let columns = self.normals(setting.width() * parts)?;
        let mut normals = vec![Vec::with_capacity(setting.width()); parts];
        for (k, column) in columns.into_iter().enumerate() {
            normals[k % parts].push(column);
        }
        Ok(normals)
    }
}

/// What is to be drawn together.
pub(in crate::acquisition) struct Setting<'a> {
    pub(in crate::acquisition) measured: Option<ArrayView2<'a, f64>>,
    pub(in crate::acquisition) pending: ArrayView2<'a, f64>,
    pub(in crate::acquisition) candidates: ArrayView2<'a, f64>,
    pub(in crate::acquisition) size: usize,
}

impl<'a> Setting<'a> {
    /// All of a batch.
    pub(in crate::acquisition) fn whole(
        measured: Option<ArrayView2<'a, f64>>,
        pending: ArrayView2<'a, f64>,
        batch: ArrayView2<'a, f64>,
    ) -> Self {
        Self {
            measured,
            pending,
            candidates: batch,
            size: batch.nrows(),
        }
    }

    fn measured_count(&self) -> usize {
        self.measured.map_or(0, |places| places.nrows())
    }

    /// Largest number of places in one draw.
    fn width(&self) -> usize {
        self.measured_count() + self.pending.nrows() + self.size
    }
}

/// Joint draws of a growing batch, each place given the normal numbers of those before.
#[derive(Debug)]
pub(in crate::acquisition) struct Simulation<'s> {
    factor: JointFactor<'s>,
    normals: Vec<Vec<f64>>,
    /// Places before the first candidate.
    head: usize,
    /// Those of them that are pending.
    pending: usize,
    /// Draws of the pending places and of those taken.
    draws: Draws,
}

impl<'s> Simulation<'s> {
    pub(in crate::acquisition) fn new(
        surrogate: &'s dyn Surrogate,
        setting: &Setting<'_>,
        normals: Vec<Vec<f64>>,
    ) -> Result<Self> {
        let (candidates, pending) = (setting.candidates, setting.pending);
        let measured = setting
            .measured
            .unwrap_or_else(|| candidates.split_at(Axis(0), 0).0);
        for (argument, places) in [("measured", measured), ("pending", pending)] {
            check_width(argument, places.ncols(), candidates.ncols())?;
        }
        let places = concatenate(Axis(0), &[measured, pending, candidates])
            .expect("all places have one width");
        let (n, head) = (measured.nrows(), measured.nrows() + pending.nrows());
        let mut factor = JointFactor::new(surrogate, places)?;
        factor.reveal_first(head)?;
        let mut value = Vec::new();
        let best = setting.measured.map(|_| {
            let mut best = vec![f64::NEG_INFINITY; normals[0].len()];
            for i in 0..n {
                factor.draw(i, &normals, &mut value);
                for (best, value) in best.iter_mut().zip(&value) {
                    *best = best.max(*value);
                }
            }
            best
        });
        let mut draws = Draws::empty(best);
        for i in n..head {
            factor.draw(i, &normals, &mut value);
            draws.push(factor.mean(i), value.clone());
        }
        Ok(Self {
            factor,
            normals,
            head,
            pending: pending.nrows(),
            draws,
        })
    }

    pub(super) fn factor(&self) -> &JointFactor<'s> {
        &self.factor
    }

    /// One column of normal numbers for each place, in the order of the factor.
    pub(super) fn normals(&self) -> &[Vec<f64>] {
        &self.normals
    }

    /// Number of places before the first candidate.
    pub(super) fn head(&self) -> usize {
        self.head
    }

    /// Number of pending places.
    pub(super) fn pending(&self) -> usize {
        self.pending
    }

    /// Draws of the pending places and of those taken.
    pub(in crate::acquisition) fn draws(&self) -> &Draws {
        &self.draws
    }

    /// The draws with one more place, to be filled by [`Simulation::fill`].
    pub(in crate::acquisition) fn room(&self) -> Draws {
        let mut draws = self.draws.clone();
        draws.push(0.0, Vec::new());
        draws
    }

    /// Puts this candidate in the last place of `draws`.
    pub(in crate::acquisition) fn fill(&self, candidate: usize, draws: &mut Draws) {
        let index = self.head + candidate;
        draws.replace_last(self.factor.mean(index), |column| {
            self.factor.draw(index, &self.normals, column);
        });
    }

    /// Takes all candidates, in their order.
    pub(in crate::acquisition) fn take_all(&mut self) -> Result<()> {
        (self.head..self.factor.places().nrows()).try_for_each(|i| self.take(i - self.head))
    }

    /// Takes this candidate into the batch.
    pub(in crate::acquisition) fn take(&mut self, candidate: usize) -> Result<()> {
        let mut draws = self.room();
        self.fill(candidate, &mut draws);
        self.draws = draws;
        self.factor.reveal(self.head + candidate, 0.0)?;
        Ok(())
    }
}

impl BatchSearch<'_> {
    /// The batch built one place at a time, each the place that makes the whole worth most given those before.
    ///
    /// All places see the same normal numbers, so the score of the last choice is that of the batch from
    /// [`MonteCarlo::score_beside`]. For improvements, which are submodular, the greedy batch is worth at least 1 − 1/e of the
    /// best one (Wilson, Hutter and Deisenroth, NeurIPS 2018, arXiv 1805.10196). Costs a covariance of every place with each
    /// measured, pending and chosen one, and q m S numbers drawn for m places; runs on all cores with the same result.
    ///
    /// # Errors
    /// As [`MonteCarlo::score`].
    pub fn greedy(
        &self,
        surrogate: &dyn Surrogate,
        acquisition: &dyn BatchAcquisition,
        monte_carlo: &MonteCarlo,
    ) -> Result<Vec<Choice>> {
        let setting = Setting {
            measured: acquisition.measured(),
            pending: self.pending(),
            candidates: self.places(),
            size: self.size().min(self.places().nrows()),
        };
        let mut simulation = monte_carlo.simulate(&[surrogate], &setting)?.remove(0);
        let mut chosen = None;
        self.pick(|open| {
            if let Some(place) = chosen {
                simulation.take(place)?;
            }
            let judge = |draws: &mut Draws, &candidate: &usize| {
                simulation.fill(candidate, draws);
                acquisition.score(draws)
            };
            let scores: Vec<f64> = open
                .par_iter()
                .map_init(|| simulation.room(), judge)
                .collect();
            let choice = first_best(open.iter().copied(), &scores)?;
            chosen = Some(choice.index);
            Ok(choice)
        })
    }
}
