//! Where the acquisition is highest: everywhere at once, then uphill, then step by step over what is discrete.

use super::dimension::Dimension;
use super::latent::NoisyImprovement;
use super::model::{Model, coordinates};
use super::policy::Policy;
use super::space::Space;
use super::suggest::{ENUMERABLE, Tried};
use super::value::Setting;
use crate::acquisition::{Gradient, climb};
use crate::error::Result;
use crate::quasi_random::sobol;
use crate::random::{Purpose, Stream};
use crate::units::Seed;
use ndarray::Array2;
use rand::RngExt;

/// Points at which the acquisition is looked at before any climb, a coordinate, and at most.
const RAW_PER_COORDINATE: usize = 128;
const MOST_RAW: usize = 1024;
/// Climbs: from the best of those points and from others.
const CLIMBS: usize = 8;
/// Steps of one climb.
const STEPS: usize = 40;
/// Spreads of the points around the best setting so far.
const NEAR: [f64; 3] = [0.1, 0.02, 0.004];
/// Settings closer than this to a failed one, in the unit box, are left alone.
const FAILURE_RADIUS: f64 = 1e-3;

/// What is searched for.
#[derive(Clone, Copy)]
pub(super) enum Goal<'a> {
    /// A new setting that promises most for its cost.
    Promise {
        policy: &'a Policy,
        /// Improvement over what the best may truly be, where noise matters.
        noisy: Option<&'a NoisyImprovement<'a>>,
    },
    /// The best posterior mean, tried or not, of those believed to keep all constraints.
    Mean,
}

/// A search for a setting.
pub(super) struct Search<'a> {
    pub space: &'a Space,
    pub model: &'a Model,
    pub goal: Goal<'a>,
    pub tried: &'a Tried<'a>,
    pub seed: Seed,
    pub best: Option<&'a Setting>,
}

impl Search<'_> {
    /// The best setting found; `None` if none that was looked at may be had.
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

    /// `found` by [`Search::run`], or, near the end of the budget, the setting that promises most whatever it costs: if that
    /// can be paid now and no more after `found`, and promises more than as many looks like `found` as can be paid together.
    ///
    /// Filling a knapsack by value for weight can end arbitrarily badly; the better of that and of the most valuable item
    /// alone has at least half the value of the best filling (Kellerer, Pferschy and Pisinger, *Knapsack Problems*, 2004,
    /// section 2.4).
    pub fn mind_the_end(&self, found: Setting) -> Result<Setting> {
        let Goal::Promise { policy, noisy } = self.goal else {
            return Ok(found);
        };
        let left = policy.left();
        if !left.is_finite() || self.model.costs_alike() {
            return Ok(found);
        }
        let policy = &policy.whatever_it_costs();
        let goal = Goal::Promise { policy, noisy };
        let dear = Search { goal, ..*self };
        let Some(most) = dear.run()? else {
            return Ok(found);
        };
        let both = [found, most];
        let gains = dear.scores(&both)?;
        let log_costs = self
            .model
            .log_costs(&coordinates(self.space, both.iter())?)?;
        let (cost, price) = (log_costs[0].exp(), log_costs[1].exp());
        let last_chance = price <= left && left - cost < price;
        let looks = (left / cost).floor().max(1.0);
        let [found, most] = both;
        let better = last_chance && gains[1] > gains[0] + looks.ln();
        Ok(if better { most } else { found })
    }

    fn open(&self, setting: &Setting) -> bool {
        let new = || matches!(self.goal, Goal::Mean) || !self.tried.contains(setting);
        self.space.obeyed(setting) && new() && !self.near_failure(setting)
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
        let Goal::Promise { policy, noisy } = self.goal else {
            let allowed = self.model.allowed(&x)?;
            let worth = |(mean, allowed)| if allowed { mean } else { f64::NEG_INFINITY };
            return Ok(mean.into_iter().zip(allowed).map(worth).collect());
        };
        let allowed = self.model.log_feasibility(&x)?;
        let beliefs = mean.iter().zip(&variance);
        let gains = match (noisy, self.model.log_noise()) {
            (Some(noisy), _) => noisy.scores(&x)?,
            (None, Some(noise)) => (beliefs.zip(noise.at(&x)?))
                .map(|((mean, variance), log_noise)| {
                    Ok(policy.knowledge(*mean, *variance, log_noise.exp())?.log)
                })
                .collect::<Result<_>>()?,
            (None, None) => beliefs
                .map(|(mean, variance)| Ok(policy.gain(*mean, *variance)?.log))
                .collect::<Result<_>>()?,
        };
        let all = gains.iter().zip(&log_cost).zip(&allowed);
        Ok(all
            .map(|((gain, cost), allowed)| gain + policy.charge(*cost).0 + allowed)
            .collect())
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

    /// Uphill from a setting along its continuous coordinates.
    fn climb(&self, start: &Setting, score: f64) -> Result<(f64, Setting)> {
        let free = self.continuous();
        let at = self.space.encode(start)?;
        let place = |moved: &[f64]| {
            let mut x = at.clone();
            free.iter().zip(moved).for_each(|(&k, u)| x[k] = *u);
            x
        };
        let inner = free.iter().map(|&k| at[k]).collect();
        let look = |moved: &[f64]| self.slope(&place(moved), &free);
        if !free.is_empty()
            && let Some(top) = climb(inner, STEPS, look)
        {
            let setting = self.space.decode(&place(&top.place));
            let reached = self.scores(std::slice::from_ref(&setting))?[0];
            if reached > score && self.open(&setting) {
                return Ok((reached, setting));
            }
        }
        Ok((score, start.clone()))
    }

    /// The score at x and how it changes along the `free` coordinates; `None` where a setting breaks an inequality.
    fn slope(&self, x: &[f64], free: &[usize]) -> Option<Gradient> {
        if !self.space.obeyed(&self.space.decode(x)) {
            return None;
        }
        let (slopes, log_cost, of_cost) = self.model.slopes(x).ok()?;
        let Goal::Promise { policy, noisy } = self.goal else {
            let place = Array2::from_shape_fn((1, x.len()), |(_, k)| x[k]);
            return self.model.allowed(&place).ok()?[0].then(|| Gradient {
                score: slopes.mean,
                by_coordinate: free.iter().map(|&k| slopes.of_mean[k]).collect(),
            });
        };
        let along = slopes.of_mean.iter().zip(&slopes.of_variance);
        let (gain, of_gain) = match (noisy, self.model.log_noise()) {
            (Some(noisy), _) => noisy.slopes(x).ok()?,
            (None, Some(noise)) => {
                let (log_noise, of_noise) = noise.slopes(x).ok()?;
                let noise = log_noise.exp();
                let gain = policy.knowledge(slopes.mean, slopes.variance, noise);
                let gain = gain.ok()?;
                let along = along.zip(of_noise).map(|((m, v), n)| {
                    gain.by_mean * m + gain.by_variance * v + gain.by_noise * noise * n
                });
                (gain.log, along.collect())
            }
            (None, None) => {
                let gain = policy.gain(slopes.mean, slopes.variance).ok()?;
                let along = along.map(|(m, v)| gain.by_mean * m + gain.by_variance * v);
                (gain.log, along.collect())
            }
        };
        let (charge, by_log_cost) = policy.charge(log_cost);
        let (allowed, of_allowed) = self.model.feasibility_slopes(x).ok()?;
        let along = |&k: &usize| of_gain[k] + by_log_cost * of_cost[k] + of_allowed[k];
        Some(Gradient {
            score: gain + charge + allowed,
            by_coordinate: free.iter().map(along).collect(),
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
