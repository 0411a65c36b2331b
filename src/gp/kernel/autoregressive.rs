//! Covariances along a chain of fidelities.

use super::categorical::check_codes;
use super::{CHUNK, Kernel, Parameter, Role, check_log_parameters, check_parameter};
use crate::error::{Error, Result};
use crate::gp::points::PointsView;
use serde::{Deserialize, Serialize};

/// More levels than this are surely a column of something else.
const MOST_LEVELS: usize = 100;

/// Autoregressive co-kriging over levels of fidelity: f₀ = δ₀ and f_t = ρ_t f_{t−1} + δ_t with independent processes
/// δ_t ~ GP(0, k_t), the level t standing in the last column, the place in those before it.
///
/// cov(f_s(x), f_t(x′)) = Σ_{l ≤ min(s, t)} r_sl r_tl k_l(x, x′) with r_tl = ρ_{l+1} ⋯ ρ_t (Kennedy & O'Hagan,
/// Biometrika 87 (2000) 1, eqs. 1 and 2): given f_{t−1} at a place, no other place of that level tells anything of f_t
/// there.
///
/// Hyper-parameters: those of each k_l behind `level0.`, `level1.`, …; then `ratio[t]` = e^u with ρ_t = sinh u, a
/// positive number for a ratio of either sign: one for ρ = 0, above one for ρ > 0, below one for ρ < 0.
///
/// ```
/// use dosewise::gp::{Autoregressive, Kernel, Matern52};
/// let (coarse, rest) = (Matern52::isotropic(0.5), Matern52::isotropic(0.2).scaled(0.1));
/// let kernel = Autoregressive::new([Box::new(coarse) as Box<dyn Kernel>, Box::new(rest)], [-0.8]);
/// assert!((kernel.covariance(&[0.3, 0.0], &[0.3, 1.0]) + 0.8).abs() < 1e-15);
/// assert!((kernel.variance(&[0.3, 1.0]) - (0.64 + 0.1)).abs() < 1e-15);
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Autoregressive {
    levels: Vec<Box<dyn Kernel>>,
    /// e^{asinh ρ}, one fewer than levels.
    ratio: Vec<f64>,
}

impl Autoregressive {
    /// The kernels of δ₀, δ₁, … on the places, and the ratios ρ₁, ρ₂, …, one fewer.
    pub fn new(
        levels: impl IntoIterator<Item = Box<dyn Kernel>>,
        ratios: impl IntoIterator<Item = f64>,
    ) -> Self {
        Self {
            levels: levels.into_iter().map(super::boxed).collect(),
            ratio: ratios.into_iter().map(|rho| rho.asinh().exp()).collect(),
        }
    }

    /// The kernels of δ₀, δ₁, ….
    pub fn levels(&self) -> &[Box<dyn Kernel>] {
        &self.levels
    }

    /// The ratios ρ₁, ρ₂, ….
    pub fn ratios(&self) -> Vec<f64> {
        self.ratio.iter().map(|u| 0.5 * (u - 1.0 / u)).collect()
    }

    /// r_tl; without ρ_j if `left_out` is j.
    fn carried(&self, ratios: &[f64], t: usize, l: usize, left_out: Option<usize>) -> f64 {
        let kept = (l + 1..=t).filter(|j| Some(*j) != left_out);
        kept.map(|j| ratios.get(j - 1).copied().unwrap_or(f64::NAN))
            .product()
    }

    /// What k_l is multiplied by between levels `s` and `t`.
    fn share(&self, ratios: &[f64], s: usize, t: usize, l: usize) -> f64 {
        if l > s.min(t) {
            return 0.0;
        }
        self.carried(ratios, s, l, None) * self.carried(ratios, t, l, None)
    }

    /// ∂ share/∂ρ_j.
    fn share_slope(&self, ratios: &[f64], s: usize, t: usize, l: usize, j: usize) -> f64 {
        if l > s.min(t) || j <= l {
            return 0.0;
        }
        let part = |moving: usize, still: usize| match j <= moving {
            true => self.carried(ratios, moving, l, Some(j)) * self.carried(ratios, still, l, None),
            false => 0.0,
        };
        part(s, t) + part(t, s)
    }

    /// Place and level of a point.
    fn split<'p>(&self, point: &'p [f64]) -> (&'p [f64], usize) {
        match point.split_last() {
            Some((level, place)) => (place, level_of(*level)),
            None => (point, 0),
        }
    }

    fn check_counts(&self, dimension: usize) -> Result<usize> {
        let count = self.levels.len();
        if !(1..=MOST_LEVELS).contains(&count) {
            return Err(Error::argument(
                "levels",
                count,
                format!("1 to {MOST_LEVELS}"),
            ));
        }
        if self.ratio.len() + 1 != count {
            let allowed = format!("{} for {count} levels", count - 1);
            return Err(Error::argument("ratios", self.ratio.len(), allowed));
        }
        for ratio in &self.ratio {
            check_parameter("ratio", *ratio)?;
        }
        if dimension < 2 {
            return Err(Error::argument(
                "kernel",
                format!("levels of fidelity on points of {dimension} columns"),
                "the columns of a place, then one of levels",
            ));
        }
        Ok(dimension - 1)
    }
}

/// The level of a coordinate that was let through; rounded for those who take differences.
fn level_of(coordinate: f64) -> usize {
    coordinate.round() as usize
}

/// The columns of the places in a view, counted behind it.
fn place_columns(points: PointsView<'_>) -> Vec<usize> {
    let places = points.dimension().saturating_sub(1);
    match points.columns() {
        Some(columns) => columns[..places].to_vec(),
        None => (0..places).collect(),
    }
}

fn levels_of<'a>(points: PointsView<'a>) -> &'a [f64] {
    points.coordinate(points.dimension().saturating_sub(1))
}

impl Kernel for Autoregressive {
    fn check(&self, dimension: usize) -> Result<()> {
        let places = self.check_counts(dimension)?;
        self.levels.iter().try_for_each(|k| k.check(places))
    }

    fn check_points(&self, points: PointsView<'_>) -> Result<()> {
        self.check_counts(points.dimension())?;
        check_codes("level", levels_of(points), self.levels.len())?;
        let columns = place_columns(points);
        let places = points.with_columns(&columns);
        self.levels.iter().try_for_each(|k| k.check_points(places))
    }

    fn covariances(&self, point: &[f64], others: PointsView<'_>, out: &mut [f64]) {
        let (place, s) = self.split(point);
        let (columns, ratios) = (place_columns(others), self.ratios());
        let mut row = [0.0; CHUNK];
        for (block, out) in out.chunks_mut(CHUNK).enumerate() {
            let others = others.range(block * CHUNK, block * CHUNK + out.len());
            let row = &mut row[..others.len().min(out.len())];
            out.fill(0.0);
            for (l, kernel) in self.levels.iter().enumerate().take(s + 1) {
                let shares: Vec<f64> = (0..self.levels.len())
                    .map(|t| self.share(&ratios, s, t, l))
                    .collect();
                kernel.covariances(place, others.with_columns(&columns), row);
                for ((total, k), t) in out.iter_mut().zip(row.iter()).zip(levels_of(others)) {
                    *total += shares.get(level_of(*t)).unwrap_or(&f64::NAN) * k;
                }
            }
        }
    }

    fn variance(&self, point: &[f64]) -> f64 {
        let (place, s) = self.split(point);
        let ratios = self.ratios();
        let parts = self.levels.iter().enumerate().take(s + 1);
        parts
            .map(|(l, kernel)| self.share(&ratios, s, s, l) * kernel.variance(place))
            .sum()
    }

    fn parameters(&self) -> Vec<Parameter> {
        let mut all = Vec::new();
        for (l, kernel) in self.levels.iter().enumerate() {
            all.extend(kernel.parameters().into_iter().map(|p| Parameter {
                name: format!("level{l}.{}", p.name),
                ..p
            }));
        }
        all.extend(self.ratio.iter().enumerate().map(|(j, &value)| Parameter {
            name: format!("ratio[{}]", j + 1),
            role: Role::Shape,
            value,
        }));
        all
    }

    fn parameter_count(&self) -> usize {
        let of_levels: usize = self.levels.iter().map(|k| k.parameter_count()).sum();
        of_levels + self.ratio.len()
    }

    fn set_log_parameters(&mut self, values: &[f64]) -> Result<()> {
        check_log_parameters(values, self.parameter_count())?;
        // On copies, so that a refusal by one level leaves all as they were.
        let mut levels = self.levels.clone();
        let mut rest = values;
        for kernel in &mut levels {
            let (own, others) = rest.split_at(kernel.parameter_count());
            kernel.set_log_parameters(own)?;
            rest = others;
        }
        self.levels = levels;
        self.ratio = rest.iter().map(|log| log.exp()).collect();
        Ok(())
    }

    fn accumulate_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) -> f64 {
        let (place, s) = self.split(point);
        let (columns, ratios, count) = (place_columns(others), self.ratios(), self.levels.len());
        let length = others.len().min(weights.len());
        let (others, weights) = (others.range(0, length), &weights[..length]);
        let places = others.with_columns(&columns);
        let of_ratios = gradient.len().saturating_sub(self.ratio.len());
        let (mut slots, ratio_slots) = gradient.split_at_mut(of_ratios);
        let mut total = 0.0;
        let mut single = vec![0.0; length];
        for (l, kernel) in self.levels.iter().enumerate() {
            let (own, rest) = slots.split_at_mut(kernel.parameter_count());
            slots = rest;
            // One level of the others at a time: k_l with the weights of that level alone gives both the sum that
            // the ratios need and, times their share, the gradient by the parameters of k_l.
            for t in l..count {
                if l > s || !levels_of(others).iter().any(|c| level_of(*c) == t) {
                    continue;
                }
                for ((single, w), c) in single.iter_mut().zip(weights).zip(levels_of(others)) {
                    *single = if level_of(*c) == t { *w } else { 0.0 };
                }
                let mut inner = vec![0.0; own.len()];
                let sum = kernel.accumulate_gradient(place, places, &single, &mut inner);
                let share = self.share(&ratios, s, t, l);
                total += share * sum;
                own.iter_mut()
                    .zip(inner)
                    .for_each(|(slot, g)| *slot += share * g);
                for (j, (slot, ratio)) in ratio_slots.iter_mut().zip(&self.ratio).enumerate() {
                    let stretch = 0.5 * (ratio + 1.0 / ratio);
                    *slot += self.share_slope(&ratios, s, t, l, j + 1) * stretch * sum;
                }
            }
        }
        total
    }

    fn accumulate_input_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) {
        let (place, s) = self.split(point);
        let (columns, ratios) = (place_columns(others), self.ratios());
        for (l, kernel) in self.levels.iter().enumerate().take(s + 1) {
            let both = weights.iter().zip(levels_of(others));
            let shared: Vec<f64> = both
                .map(|(w, c)| w * self.share(&ratios, s, level_of(*c), l))
                .collect();
            let slots = &mut gradient[..place.len()];
            kernel.accumulate_input_gradient(place, others.with_columns(&columns), &shared, slots);
        }
    }

    fn accumulate_variance_gradient(&self, point: &[f64], weight: f64, gradient: &mut [f64]) {
        let (place, s) = self.split(point);
        let ratios = self.ratios();
        for (l, kernel) in self.levels.iter().enumerate().take(s + 1) {
            let weight = weight * self.share(&ratios, s, s, l);
            kernel.accumulate_variance_gradient(place, weight, &mut gradient[..place.len()]);
        }
    }

    fn clone_box(&self) -> Box<dyn Kernel> {
        Box::new(self.clone())
    }
}
