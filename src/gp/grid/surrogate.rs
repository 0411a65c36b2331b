//! A process on a grid at any place of its plane, between the pixels too.

use super::model::GridGp;
use super::observations::{Listed, Observations};
use super::reduced_rank::Budget;
use super::route::Exact;
use crate::error::Result;
use crate::gp::kernel::{Kernel, dot};
use crate::gp::points::{Points, PointsView};
use crate::gp::surrogate::{Joint, Marginals, Slopes, Surrogate, check_dimension};
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

/// Iterated solutions are refined by this factor more than [`GridOptions::tolerance`](super::GridOptions) asks for: a
/// variance between pixels errs by about the square of the tolerance over the noise variance, and may itself be tiny.
const FINER: f64 = 1e-6;

/// Points are places \[y, x\] as of [`Grid::coordinates`](super::Grid::coordinates). One linear system with all
/// observed pixels a place: for all pixels at once [`GridGp::posterior`] is far cheaper. There is no room here to say how
/// an iterative solution ended, so one that falls short of the tolerance is an [`Error::Argument`](crate::Error::Argument)
/// that names `max_iterations`.
impl Surrogate for GridGp {
    fn dimension(&self) -> usize {
        2
    }

    fn marginals(&self, points: ArrayView2<'_, f64>) -> Result<Marginals> {
        let between = Between::new(self)?;
        let places = between.places("points", points)?;
        // One number a place is kept: what explains it has as many as there are pixels.
        let variance = (0..places.len()).into_par_iter().map(|j| {
            let place = places.view().point(j);
            let prior = between.kernel.variance(&place);
            let explained = between.explained(&place)?.quadratic;
            Ok((prior - explained).clamp(0.0, prior))
        });
        Ok(Marginals {
            variance: variance.collect::<Result<_>>()?,
            mean: between.mean(places.view())?,
        })
    }

    fn joint(&self, points: ArrayView2<'_, f64>) -> Result<Joint> {
        let between = Between::new(self)?;
        let places = between.places("points", points)?;
        let m = places.len();
        let mut covariance = crate::linalg::zeros(m, m)?;
        let all = (0..m).into_par_iter();
        let each = all.map(|j| between.explained(&places.view().point(j)));
        let each = each.collect::<Result<Vec<Explained>>>()?;
        for (j, row) in covariance.chunks_exact_mut(m.max(1)).enumerate() {
            let place = places.view().point(j);
            between.kernel.covariances(&place, places.view(), row);
            row[j] = (row[j] - each[j].quadratic).clamp(0.0, row[j]);
            for (i, c) in row.iter_mut().enumerate().filter(|(i, _)| *i != j) {
                // The same for (i, j) and (j, i).
                let (low, high) = (i.min(j), i.max(j));
                *c -= dot(&each[low].cross, &each[high].solved);
            }
        }
        Ok(Joint {
            mean: between.mean(places.view())?,
            covariance: Array2::from_shape_vec((m, m), covariance).expect("m rows of m numbers"),
        })
    }

    fn slopes(&self, point: &[f64]) -> Result<Slopes> {
        let between = Between::new(self)?;
        let row = ArrayView2::from_shape((1, point.len()), point).expect("one row of coordinates");
        let place = between.places("point", row)?;
        let explained = between.explained(point)?;
        let (kernel, seen) = (&between.kernel, between.listed.points.view());
        let mut of_mean = vec![0.0; 2];
        self.mean.add_slopes(point, seen, &mut of_mean)?;
        kernel.accumulate_input_gradient(point, seen, &between.alpha, &mut of_mean);
        let mut of_variance = vec![0.0; 2];
        let weights: Vec<f64> = explained.solved.iter().map(|s| -2.0 * s).collect();
        kernel.accumulate_variance_gradient(point, 1.0, &mut of_variance);
        kernel.accumulate_input_gradient(point, seen, &weights, &mut of_variance);
        let prior = kernel.variance(point);
        Ok(Slopes {
            mean: between.mean(place.view())?[0],
            variance: (prior - explained.quadratic).clamp(0.0, prior),
            of_mean,
            of_variance,
        })
    }
}

/// What the plane between the pixels needs to know.
struct Between<'gp> {
    gp: &'gp GridGp,
    kernel: Box<dyn Kernel>,
    observations: Observations,
    listed: Listed,
    /// What solves many systems faster than iteration, where that can be had.
    exact: Option<Exact<'gp>>,
    /// (K + D)⁻¹ (y − mean) at the observed pixels.
    alpha: Vec<f64>,
}

/// k(X, x) of one place with the observed pixels X, and what the measurements explain there.
struct Explained {
    cross: Vec<f64>,
    /// (K + D)⁻¹ k(X, x).
    solved: Vec<f64>,
    /// k(x, X) (K + D)⁻¹ k(X, x).
    quadratic: f64,
}

impl<'gp> Between<'gp> {
    fn new(gp: &'gp GridGp) -> Result<Self> {
        let observations = gp.observations()?;
        let budget = Budget::exact(gp.options.largest_factor);
        let choice = gp.choice(&observations);
        let mut between = Self {
            gp,
            kernel: gp.kernel.dense(),
            listed: observations.listed(&gp.grid)?,
            exact: Exact::new(choice, &gp.covariance, &observations, budget)?,
            observations,
            alpha: Vec::new(),
        };
        (between.alpha, _) = between.solve(&between.observations.residual)?;
        Ok(between)
    }

    fn places(&self, argument: &str, rows: ArrayView2<'_, f64>) -> Result<Points> {
        let places = Points::from_rows(argument, rows)?;
        check_dimension(argument, places.dimension(), 2)?;
        self.kernel.check_points(places.view())?;
        Ok(places)
    }

    /// (K + D)⁻¹ r at the observed pixels, and rᵀ (K + D)⁻¹ r.
    fn solve(&self, r: &[f64]) -> Result<(Vec<f64>, f64)> {
        let (field, quadratic) = match &self.exact {
            Some(exact) => exact.solve(&self.observations, r)?,
            None => {
                let mut system = self.gp.system(&self.observations);
                system.limits.tolerance = (FINER * system.limits.tolerance).max(f64::EPSILON);
                let solution = system.solve(r);
                solution.solve.require(system.limits)?;
                (solution.field, solution.quadratic)
            }
        };
        let weights = &self.observations.weights;
        let pixels = self.listed.pixels.iter();
        let solved = pixels.map(|&p| weights[p] * (r[p] - field[p]));
        Ok((solved.collect(), quadratic))
    }

    fn explained(&self, place: &[f64]) -> Result<Explained> {
        let mut cross = vec![0.0; self.listed.pixels.len()];
        let seen = self.listed.points.view();
        self.kernel.covariances(place, seen, &mut cross);
        let mut r = vec![0.0; self.observations.weights.len()];
        for (&p, k) in self.listed.pixels.iter().zip(&cross) {
            r[p] = *k;
        }
        let (solved, quadratic) = self.solve(&r)?;
        Ok(Explained {
            cross,
            solved,
            quadratic,
        })
    }

    fn mean(&self, places: PointsView<'_>) -> Result<Vec<f64>> {
        let mut mean = self.gp.mean.values(places)?;
        let mut cross = vec![0.0; self.alpha.len()];
        let seen = self.listed.points.view();
        for (j, mean) in mean.iter_mut().enumerate() {
            self.kernel.covariances(&places.point(j), seen, &mut cross);
            *mean += dot(&self.alpha, &cross);
        }
        Ok(mean)
    }
}
