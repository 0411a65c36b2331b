//! Climbing the bound: hyper-parameters first, then together with the inducing points.

use super::collapsed::Collapsed;
use super::coordinates::{Coordinates, Placed, extent};
use super::features::{Basis, factor_inducing};
use super::inducing::InducingPoints;
use super::model::SparseGp;
use crate::error::Result;
use crate::gp::evidence::{Data, ExactEvidence};
use crate::gp::fit::{FitOptions, FitReport, Problem, no_finite_likelihood};
use crate::gp::kernel::Kernel;
use crate::gp::noise::Noise;
use crate::gp::objective::{Evaluate, Evidence};
use crate::gp::points::Points;
use crate::gp::restart::log_ranges;

/// The outcome of a search.
pub(super) struct Found {
    pub kernel: Box<dyn Kernel>,
    pub noise: Noise,
    pub inducing: Points,
    pub report: FitReport,
}

impl SparseGp {
    /// Two searches, see [`SparseGp::fit`]; only the second if there is nothing to place or move between them.
    pub(super) fn search(&self, options: &FitOptions) -> Result<Found> {
        let place = |kernel: &dyn Kernel| self.placement.place(kernel, self.points.view());
        let inducing = place(self.kernel())?;
        let at_rest = matches!(self.placement, InducingPoints::Given(_)) && !self.moving;
        if at_rest {
            return self.climb(self.kernel(), &self.noise, &inducing, false, options);
        }
        let rough = FitOptions {
            max_iterations: options.max_iterations.min(30),
            gradient_tolerance: options.gradient_tolerance.max(0.1),
            ..options.clone()
        };
        let first = self.climb(self.kernel(), &self.noise, &inducing, false, &rough)?;
        let inducing = place(first.kernel.as_ref())?;
        let fine = FitOptions {
            restarts: 0,
            ..options.clone()
        };
        let kernel = first.kernel.as_ref();
        let mut last = self.climb(kernel, &first.noise, &inducing, self.moving, &fine)?;
        last.report.evaluations += first.report.evaluations;
        last.report.coarse_evaluations += first.report.coarse_evaluations;
        Ok(last)
    }

    /// One search. Starts are told apart by the exact evidence of a few measurements.
    fn climb(
        &self,
        kernel: &dyn Kernel,
        noise: &Noise,
        inducing: &Points,
        moving: bool,
        options: &FitOptions,
    ) -> Result<Found> {
        let data = Data {
            noise,
            ..self.data()
        };
        let extent = extent(data.points);
        let moved = moving.then_some(extent.as_slice());
        let coordinates = Coordinates::new(kernel, Some(noise), inducing, moved);
        let few = options.coarse_subset(self.len()).map(|chosen| {
            let noise = match noise {
                Noise::Known(all) => Noise::Known(chosen.iter().map(|&i| all[i]).collect()),
                shared => shared.clone(),
            };
            let targets: Vec<f64> = chosen.iter().map(|&i| self.targets[i]).collect();
            (Points::select(data.points, &chosen), targets, noise)
        });
        let few = few.as_ref().map(|(points, targets, noise)| {
            let data = Data {
                points: points.view(),
                targets,
                noise,
                ..data
            };
            ExactEvidence::new(kernel, data)
        });
        let parameters = coordinates.parameters();
        let mut ranges = log_ranges(&data, &parameters)?;
        ranges.extend(coordinates.inducing_ranges(&extent));
        let given = coordinates.given();
        let bound = Bound { coordinates, data };
        let problem = Problem {
            parameters,
            given,
            ranges,
            whole: &bound,
            subset: few.as_ref().map(|few| few as &dyn Evidence),
        };
        let Some((found, report)) = options.maximise(&problem)? else {
            let (root, _) = factor_inducing(kernel, inducing.view())?;
            let inducing = inducing.view();
            let basis = Basis {
                kernel,
                inducing,
                root: &root,
            };
            Collapsed::new(basis, &data, true, Vec::new())?;
            return Err(no_finite_likelihood());
        };
        let placed = bound.coordinates.place(&found)?;
        Ok(Found {
            noise: noise_of(&placed, noise),
            kernel: placed.kernel,
            inducing: placed.inducing,
            report,
        })
    }
}

fn noise_of(placed: &Placed, given: &Noise) -> Noise {
    placed
        .noise_variance
        .map_or_else(|| given.clone(), Noise::Homoscedastic)
}

/// The bound as a function of [`Coordinates`]; a constant or linear mean is profiled.
struct Bound<'a> {
    coordinates: Coordinates<'a>,
    data: Data<'a>,
}

impl Evidence for Bound<'_> {
    fn evaluator(&self) -> Box<dyn Evaluate + '_> {
        Box::new(BoundEvaluator {
            bound: self,
            buffer: Vec::new(),
        })
    }
}

/// Keeps the n × M buffer between the steps of a search.
struct BoundEvaluator<'a> {
    bound: &'a Bound<'a>,
    buffer: Vec<f64>,
}

impl BoundEvaluator<'_> {
    fn attempt(&mut self, coordinates: &[f64]) -> Result<(f64, Vec<f64>)> {
        let Bound {
            coordinates: map,
            data,
        } = self.bound;
        let placed = map.place(coordinates)?;
        let noise = noise_of(&placed, data.noise);
        let data = Data {
            noise: &noise,
            ..*data
        };
        let kernel = placed.kernel.as_ref();
        kernel.check_points(placed.inducing.view())?;
        let (root, _) = factor_inducing(kernel, placed.inducing.view())?;
        let basis = Basis {
            kernel,
            inducing: placed.inducing.view(),
            root: &root,
        };
        let buffer = std::mem::take(&mut self.buffer);
        let collapsed = Collapsed::new(basis, &data, true, buffer)?;
        let gradient = collapsed.gradient(map.moving())?;
        let bound = collapsed.terms.bound(data.targets.len());
        self.buffer = collapsed.into_buffer();
        Ok((bound, map.gradient(gradient.kernel, &gradient.inducing)))
    }
}

impl Evaluate for BoundEvaluator<'_> {
    fn evaluate(&mut self, coordinates: &[f64]) -> Option<(f64, Vec<f64>)> {
        self.attempt(coordinates).ok()
    }
}
