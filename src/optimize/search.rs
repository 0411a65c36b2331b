//! Where the acquisition is highest: everywhere at once, then uphill, then step by step over what is discrete.

use super::dimension::Dimension;
use super::model::{Model, coordinates};
use super::space::Space;
use super::suggest::{ENUMERABLE, Tried};
use super::value::Setting;
use crate::acquisition::{Acquisition, Candidate, LogExpectedImprovement};
use crate::error::Result;
use crate::quasi_random::sobol;
use crate::random::{Purpose, Stream};
use crate::units::Seed;
use argmin::core::{CostFunction, Executor, Gradient, State};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use ndarray::Array2;
use rand::RngExt;
use std::cell::Cell;

/// Points at which the acquisition is looked at before any climb, a coordinate, and at most.
const RAW_PER_COORDINATE: usize = 128;
const MOST_RAW: usize = 1024;
/// Climbs: from the best of those points and from others.
const CLIMBS: usize = 8;
/// Steps of one climb.
const STEPS: u64 = 40;
/// Spreads of the points around the best setting so far.
const NEAR: [f64; 3] = [0.1, 0.02, 0.004];
/// Settings closer than this to a failed one, in the unit box, are left alone.
const FAILURE_RADIUS: f64 = 1e-3;

/// A search for the next setting.
pub(super) struct Search<'a> {
    pub space: &'a Space,
    pub model: &'a Model,
    /// Exponent of the cost in improvement per cost, from 1 to 0 as the budget is spent.
    pub cooling: f64,
    pub tried: &'a Tried<'a>,
    pub seed: Seed,
    pub best: Option<&'a Setting>,
}

impl Search<'_> {
    /// The best setting found that is new; `None` if all that were looked at have been tried.
    pub fn run(&self) -> Result<Option<Setting>> {
        let mut raw = self.raw()?;
        raw.retain(|setting| self.open(setting));
        if raw.is_empty() {
            return Ok(None);
        }
        let scores = self.scores(&raw)?;
        let mut found: Vec<(f64, Setting)> = Vec::new();
        for start in self.starts(&scores) {
            let climbed = self.climb(&raw[start], scores[start])?;
            found.push(self.step_by_step(climbed)?);
        }
        let best = found
            .into_iter()
            .reduce(|a, b| if b.0 > a.0 { b } else { a });
        Ok(best.map(|(_, setting)| setting))
    }

    fn open(&self, setting: &Setting) -> bool {
        self.space.obeyed(setting) && !self.tried.contains(setting) && !self.near_failure(setting)
    }

    fn near_failure(&self, setting: &Setting) -> bool {
        let Ok(here) = self.space.encode(setting) else {
            return true;
        };
        self.tried.failed().iter().any(|failed| {
            let there = self.space.encode(failed).unwrap_or_default();
            let apart = here.iter().zip(&there).map(|(a, b)| (a - b).abs());
            apart.fold(0.0, f64::max) < FAILURE_RADIUS
        })
    }

    /// Settings all over the space and around the best so far; all of them if the space is small.
    fn raw(&self) -> Result<Vec<Setting>> {
        if let Some(count) = self.space.count().filter(|count| *count <= ENUMERABLE) {
            return Ok((0..count).filter_map(|i| self.space.nth(i)).collect());
        }
        let width = self.space.width();
        let count = (RAW_PER_COORDINATE * width).min(MOST_RAW);
        let spread = sobol(width, 0, count, self.seed);
        let mut raw: Vec<Setting> = spread.iter().map(|d| self.space.sample(d)).collect();
        if let Some(best) = self.best {
            let centre = self.space.encode(best)?;
            let mut stream = Stream::new(self.seed, Purpose::Policy, [1, 0]);
            for near in NEAR {
                for _ in 0..count / 8 {
                    let moved: Vec<f64> =
                        centre.iter().map(|c| c + near * stream.normal()).collect();
                    raw.push(self.space.decode(&moved));
                }
            }
        }
        Ok(raw)
    }

    pub fn scores(&self, settings: &[Setting]) -> Result<Vec<f64>> {
        let x = coordinates(self.space, settings.iter())?;
        let (mean, variance, log_cost) = self.model.predict(&x)?;
        let allowed = self.model.log_feasibility(&x)?;
        (0..settings.len())
            .map(|i| Ok(self.score(mean[i], variance[i], log_cost[i])? + allowed[i]))
            .collect()
    }

    /// Log expected improvement over the incumbent per cost to the power of the cooling.
    fn score(&self, mean: f64, variance: f64, log_cost: f64) -> Result<f64> {
        let candidate = Candidate::new(mean, variance, 0.0, 1.0)?;
        let improvement = LogExpectedImprovement::over(self.model.incumbent)?;
        Ok(improvement.score(&candidate) - self.cooling * log_cost)
    }

    /// The best point, and others drawn by rank (weight one over the rank), so that all hills get their share however
    /// steep the best is.
    fn starts(&self, scores: &[f64]) -> Vec<usize> {
        let mut ranked: Vec<usize> = (0..scores.len()).collect();
        ranked.sort_by(|&i, &j| scores[j].total_cmp(&scores[i]));
        let weight = |rank: usize| 1.0 / (rank + 1) as f64;
        let total: f64 = (0..ranked.len()).map(weight).sum();
        let mut stream = Stream::new(self.seed, Purpose::Policy, [2, 0]);
        let mut starts = vec![0];
        for _ in 1..CLIMBS {
            let mut left = stream.random::<f64>() * total;
            starts.extend((0..ranked.len()).find(|&rank| {
                left -= weight(rank);
                left < 0.0
            }));
        }
        starts.sort_unstable();
        starts.dedup();
        starts.into_iter().map(|rank| ranked[rank]).collect()
    }

    /// Uphill from a setting along its continuous coordinates, by L-BFGS in u with coordinate ½ (1 + sin u), which keeps
    /// the box without a kink.
    fn climb(&self, start: &Setting, score: f64) -> Result<(f64, Setting)> {
        let free = self.continuous();
        let unmoved = (score, start.clone());
        if free.is_empty() {
            return Ok(unmoved);
        }
        let at = self.space.encode(start)?;
        let hill = Hill {
            search: self,
            free: &free,
            at: &at,
            floor: Cell::new(-score + 1e3),
        };
        let inner: Vec<f64> = free
            .iter()
            // Off the very edge, where the slope by u vanishes.
            .map(|&k| (2.0 * at[k] - 1.0).clamp(-0.9999, 0.9999).asin())
            .collect();
        let Ok(line) = MoreThuenteLineSearch::new().with_bounds(1e-10, 1e2) else {
            return Ok(unmoved);
        };
        let Ok(solver) = LBFGS::new(line, 7).with_tolerance_grad(1e-5) else {
            return Ok(unmoved);
        };
        let outcome = Executor::new(&hill, solver)
            .configure(|state| state.param(inner).max_iters(STEPS))
            .run();
        // A line search that fails has not moved: the start stands.
        let Ok(outcome) = outcome else {
            return Ok(unmoved);
        };
        let Some(top) = outcome.state().get_best_param() else {
            return Ok(unmoved);
        };
        let setting = self.space.decode(&hill.outer(top));
        let reached = self.scores(std::slice::from_ref(&setting))?[0];
        Ok(if reached > score && self.open(&setting) {
            (reached, setting)
        } else {
            unmoved
        })
    }

    /// Coordinates that run continuously.
    fn continuous(&self) -> Vec<usize> {
        let mut column = 0;
        let mut free = Vec::new();
        for (_, dimension) in self.space.dimensions() {
            if dimension.count().is_none() {
                free.push(column);
            }
            column += dimension.width();
        }
        free
    }

    /// Steps to the best neighbour along one discrete parameter after the other until none is better.
    fn step_by_step(&self, start: (f64, Setting)) -> Result<(f64, Setting)> {
        let small = self.space.count().is_some_and(|count| count <= ENUMERABLE);
        // A small space was looked at whole.
        if small {
            return Ok(start);
        }
        let mut best = start;
        loop {
            let mut neighbours = self.neighbours(&best.1);
            neighbours.retain(|setting| self.open(setting));
            if neighbours.is_empty() {
                return Ok(best);
            }
            let scores = self.scores(&neighbours)?;
            let top = (0..scores.len()).fold(0, |b, i| if scores[i] > scores[b] { i } else { b });
            if scores[top] <= best.0 {
                return Ok(best);
            }
            best = (scores[top], neighbours.swap_remove(top));
        }
    }

    /// Settings that differ in one discrete parameter: by one step, or by any other choice.
    fn neighbours(&self, setting: &Setting) -> Vec<Setting> {
        let mut all = Vec::new();
        for (k, (name, dimension)) in self.space.dimensions().iter().enumerate() {
            let mut replace = |value| {
                let mut values = setting.values().to_vec();
                values[k] = (name.clone(), value);
                all.push(Setting::new(values));
            };
            let here = &setting.values()[k].1;
            match dimension {
                Dimension::Float { .. } | Dimension::LogFloat { .. } => {}
                Dimension::Choice { names } => {
                    (0..names.len() as u64)
                        .filter_map(|i| dimension.nth(i))
                        .for_each(&mut replace);
                }
                Dimension::Integer { .. } | Dimension::Grid { .. } | Dimension::Pixel { .. } => {
                    dimension.adjacent(here).into_iter().for_each(&mut replace);
                }
            }
        }
        all
    }
}

/// Minus the score along the free coordinates, for the optimiser.
struct Hill<'a> {
    search: &'a Search<'a>,
    free: &'a [usize],
    at: &'a [f64],
    /// Reported where a setting breaks an inequality: bad, yet finite, so that line searches back off.
    floor: Cell<f64>,
}

impl Hill<'_> {
    fn outer(&self, inner: &[f64]) -> Vec<f64> {
        let mut x = self.at.to_vec();
        for (&k, u) in self.free.iter().zip(inner) {
            x[k] = 0.5 * (1.0 + u.sin());
        }
        x
    }
}

/// Step of the differences by which a score follows mean and variance.
const STEP: f64 = 1e-6;

impl CostFunction for &Hill<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, inner: &Vec<f64>) -> std::result::Result<f64, argmin::core::Error> {
        let x = self.outer(inner);
        if !self.search.space.obeyed(&self.search.space.decode(&x)) {
            return Ok(self.floor.get());
        }
        let places = Array2::from_shape_fn((1, x.len()), |(_, k)| x[k]);
        let (mean, variance, log_cost) = self.search.model.predict(&places)?;
        let score = self.search.score(mean[0], variance[0], log_cost[0])?
            + self.search.model.log_feasibility(&places)?[0];
        Ok(if score.is_finite() {
            -score
        } else {
            self.floor.get()
        })
    }
}

impl Gradient for &Hill<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, inner: &Vec<f64>) -> std::result::Result<Vec<f64>, argmin::core::Error> {
        let x = self.outer(inner);
        let (slopes, log_cost, of_cost) = self.search.model.slopes(&x)?;
        let score = |mean: f64, variance: f64| self.search.score(mean, variance, log_cost);
        let (mean, variance) = (slopes.mean, slopes.variance.max(1e-12));
        let h = STEP * variance.sqrt();
        let by_mean = (score(mean + h, variance)? - score(mean - h, variance)?) / (2.0 * h);
        let h = STEP * variance;
        let by_variance = (score(mean, variance + h)? - score(mean, variance - h)?) / (2.0 * h);
        let of_allowed = self.search.model.feasibility_slopes(&x)?;
        let gradient = self.free.iter().zip(inner).map(|(&k, u)| {
            let by_x = by_mean * slopes.of_mean[k] + by_variance * slopes.of_variance[k]
                - self.search.cooling * of_cost[k]
                + of_allowed[k];
            let slope = -by_x * 0.5 * u.cos();
            if slope.is_finite() { slope } else { 0.0 }
        });
        Ok(gradient.collect())
    }
}
