//! The best places of several measurements at once.

use super::landscape::Landscape;
use super::region::{MOST, Region};
use crate::acquisition::batch::{Setting, Simulation, check_places};
use crate::acquisition::multi_objective::BatchHypervolumeImprovement;
use crate::acquisition::{BatchAcquisition, BatchGradient, Gradient, MonteCarlo};
use crate::error::{Error, Result};
use crate::gp::Surrogate;
use ndarray::{Array2, ArrayView2, Axis, concatenate};
use rayon::prelude::*;

/// The best batch found.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchPeak {
    /// Its places, q × d.
    pub places: Array2<f64>,
    /// The score of all of them together.
    pub score: f64,
}

impl Region {
    /// The `size` places (q) that are worth most together while measurements at `pending` (p × d, p ≥ 0) are under way.
    ///
    /// The places are found one after the other, each the best given those before, and then all q d coordinates are moved at
    /// once, uphill by [`MonteCarlo::gradient_beside`], from there and from batches all over the box: the result is worth at
    /// least as much as the places one by one.
    ///
    /// Source: Wilson, Hutter and Deisenroth, NeurIPS 2018 (arXiv 1805.10196), section 3.
    ///
    /// ```
    /// use dosewise::acquisition::{BatchLogExpectedImprovement, MonteCarlo, Region};
    /// use dosewise::gp::{ExactGp, Kernel, Matern52, Noise};
    /// use ndarray::{Array2, array};
    /// let gp = ExactGp::new(Matern52::isotropic(0.2).scaled(1.0), Noise::Homoscedastic(1e-4))
    ///     .condition(&array![[0.0], [0.5], [1.0]], &[0.1, 0.8, 0.2])?;
    /// let improvement = BatchLogExpectedImprovement::over(0.8)?;
    /// let nothing = Array2::zeros((0, 1));
    /// let batch = Region::new(&[(0.0, 1.0)])?.maximise_batch(2, &improvement, &gp, &MonteCarlo::default(), &nothing)?;
    /// // One to either side of the best measurement.
    /// assert!((batch.places[[0, 0]] - 0.5) * (batch.places[[1, 0]] - 0.5) < 0.0);
    /// # Ok::<(), dosewise::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Argument`] unless there is at least one place and at most 2²⁴ coordinates in all, or if a pending coordinate
    /// is not finite or their dimension is not that of the box; as [`MonteCarlo::score`] and [`highest`](Self::highest).
    pub fn maximise_batch<'p>(
        &self,
        size: usize,
        acquisition: &dyn BatchAcquisition,
        surrogate: &dyn Surrogate,
        monte_carlo: &MonteCarlo,
        pending: impl Into<ArrayView2<'p, f64>>,
    ) -> Result<BatchPeak> {
        let rule = Rule::One(acquisition);
        self.together(size, rule, &[surrogate], monte_carlo, pending.into())
    }

    /// The `size` places that make the expected hypervolume grow most together, with one of k `surrogates` for each objective.
    ///
    /// As [`maximise_batch`](Self::maximise_batch), uphill by [`BatchHypervolumeImprovement::gradient`].
    ///
    /// # Errors
    /// As [`maximise_batch`](Self::maximise_batch) and [`BatchHypervolumeImprovement::score`].
    pub fn maximise_hypervolume<'p>(
        &self,
        size: usize,
        acquisition: &BatchHypervolumeImprovement,
        surrogates: &[&dyn Surrogate],
        monte_carlo: &MonteCarlo,
        pending: impl Into<ArrayView2<'p, f64>>,
    ) -> Result<BatchPeak> {
        acquisition.check(surrogates)?;
        let rule = Rule::Volume(acquisition);
        self.together(size, rule, surrogates, monte_carlo, pending.into())
    }

    fn together(
        &self,
        size: usize,
        rule: Rule<'_>,
        surrogates: &[&dyn Surrogate],
        monte_carlo: &MonteCarlo,
        pending: ArrayView2<'_, f64>,
    ) -> Result<BatchPeak> {
        let d = self.dimension();
        if size == 0 || size > MOST / d {
            return Err(Error::argument("size", size, format!("1 to {}", MOST / d)));
        }
        if pending.nrows() > 0 {
            check_places("pending", pending)?;
        }
        let search = |region: &Self, size: usize, pending: ArrayView2<'_, f64>| {
            let held = rule.held(pending)?;
            let anywhere = Array2::zeros((size, d));
            let setting = Setting::whole(rule.measured(), held.view(), anywhere.view());
            let normals = monte_carlo.normals_of_each(&setting, surrogates.len())?;
            let batches = Batches {
                region: self,
                size,
                rule,
                surrogates,
                held: &held,
                normals,
            };
            let peak = region.highest(&batches)?;
            let places = Array2::from_shape_vec((size, d), peak.place);
            Ok(BatchPeak {
                places: places.expect("q places of d coordinates"),
                score: peak.score,
            })
        };
        let mut one_by_one = search(self, 1, pending)?;
        while one_by_one.places.nrows() < size {
            let chosen = one_by_one.places;
            let busy = concatenate(Axis(0), &[pending, chosen.view()]);
            let next = search(self, 1, busy.expect("places of one width").view())?;
            let places = concatenate(Axis(0), &[chosen.view(), next.places.view()]);
            one_by_one = BatchPeak {
                places: places.expect("places of one width"),
                score: next.score,
            };
        }
        if size == 1 {
            return Ok(one_by_one);
        }
        let start = self.repeated(one_by_one.places.view())?;
        let together = search(&start, size, pending)?;
        Ok(if together.score > one_by_one.score {
            together
        } else {
            one_by_one
        })
    }
}

/// What a batch is judged by.
#[derive(Clone, Copy)]
enum Rule<'a> {
    One(&'a dyn BatchAcquisition),
    Volume(&'a BatchHypervolumeImprovement),
}

impl<'a> Rule<'a> {
    fn measured(self) -> Option<ArrayView2<'a, f64>> {
        match self {
            Self::One(rule) => rule.measured(),
            Self::Volume(_) => None,
        }
    }

    /// What is drawn before the batch beside the measured places.
    fn held(self, pending: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        match self {
            Self::One(_) => Ok(pending.to_owned()),
            Self::Volume(rule) => rule.held(pending),
        }
    }

    fn score(self, simulations: &[Simulation<'_>]) -> f64 {
        match self {
            Self::One(rule) => rule.score(simulations[0].draws()),
            Self::Volume(rule) => rule.mean_improvement(simulations),
        }
    }

    fn gradient(self, simulations: &[Simulation<'_>]) -> Result<BatchGradient> {
        match self {
            Self::One(rule) => BatchGradient::of(rule, &simulations[0]),
            Self::Volume(rule) => rule.gradient_of(simulations),
        }
    }
}

/// The worth of a batch over its coordinates, place after place.
struct Batches<'a> {
    region: &'a Region,
    size: usize,
    rule: Rule<'a>,
    surrogates: &'a [&'a dyn Surrogate],
    held: &'a Array2<f64>,
    normals: Vec<Vec<Vec<f64>>>,
}

impl Batches<'_> {
    fn simulate(&self, batch: &[f64]) -> Result<Vec<Simulation<'_>>> {
        let setting = Setting::whole(self.rule.measured(), self.held.view(), self.batch(batch));
        let pairs = self.surrogates.iter().zip(&self.normals);
        pairs
            .map(|(surrogate, normals)| {
                let mut simulation = Simulation::new(*surrogate, &setting, normals.clone())?;
                simulation.take_all()?;
                Ok(simulation)
            })
            .collect()
    }

    fn batch<'p>(&self, place: &'p [f64]) -> ArrayView2<'p, f64> {
        let shape = (self.size, place.len() / self.size);
        ArrayView2::from_shape(shape, place).expect("q places of d coordinates")
    }
}

impl Landscape for Batches<'_> {
    fn scores(&self, places: ArrayView2<'_, f64>) -> Result<Vec<f64>> {
        let rows: Vec<Vec<f64>> = places.rows().into_iter().map(|row| row.to_vec()).collect();
        let score = |row: &Vec<f64>| Ok(self.rule.score(&self.simulate(row)?));
        let scores: Vec<Result<f64>> = rows.par_iter().map(score).collect();
        scores.into_iter().collect()
    }

    fn gradient(&self, place: &[f64]) -> Result<Gradient> {
        let found = self.rule.gradient(&self.simulate(place)?)?;
        Ok(Gradient {
            score: found.score,
            by_coordinate: found.by_coordinate.into_raw_vec_and_offset().0,
        })
    }

    fn allows(&self, place: &[f64]) -> bool {
        let each = self.batch(place);
        each.axis_iter(Axis(0))
            .all(|place| self.region.leaves(&place.to_vec()))
    }
}
