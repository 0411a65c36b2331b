//! What was measured on the grid, as residuals and weights.

use super::lattice::Grid;
use crate::error::{Error, Result};
use crate::gp::points::Points;
use crate::gp::{Mean, Noise};
use ndarray::{ArrayView2, Axis};

/// Measurements minus the prior mean, and what each is worth.
#[derive(Debug, Clone)]
pub(super) struct Observations {
    /// y − mean; zero at missing pixels.
    pub residual: Vec<f64>,
    /// 1/noise variance; zero at missing pixels.
    pub weights: Vec<f64>,
    /// Number of observed pixels.
    pub count: usize,
    /// Σ log noise variance over the observed pixels.
    pub log_noise: f64,
    /// Geometric mean of the weights of observed pixels; zero if there is none.
    pub level: f64,
}

/// The observed pixels as measurements at places.
pub(super) struct Listed {
    /// Their row-major indices.
    pub pixels: Vec<usize>,
    /// Where they lie, [y, x].
    pub points: Points,
    /// Their residuals.
    pub values: Vec<f64>,
}

/// Refuses noise that is not a positive variance or, pixel by pixel, infinite.
pub(super) fn check_noise(noise: &Noise, grid: &Grid) -> Result<()> {
    let usable = 1e-150..=1e150;
    let (variances, missing_allowed) = match noise {
        Noise::Homoscedastic(variance) => (std::slice::from_ref(variance), false),
        Noise::Known(variances) => {
            if variances.len() != grid.pixels() {
                return Err(Error::argument(
                    "noise",
                    format!("{} variances", variances.len()),
                    format!("{}, one for each pixel, row by row", grid.pixels()),
                ));
            }
            (variances.as_slice(), true)
        }
    };
    let allowed = |v: &&f64| usable.contains(*v) || (missing_allowed && **v == f64::INFINITY);
    match variances.iter().find(|v| !allowed(v)) {
        None => Ok(()),
        Some(bad) => Err(Error::argument(
            "noise variance",
            bad,
            "a number in 1e-150..=1e150, or infinity for a missing pixel",
        )),
    }
}

/// The prior mean at every pixel, as a function of its place \[y, x\].
pub(super) fn mean_at_pixels(mean: &Mean, grid: &Grid) -> Result<Vec<f64>> {
    mean.check(2)?;
    let [height, width] = grid.pixel_size();
    let place = |p: usize| {
        let (row, column) = (p / grid.columns(), p % grid.columns());
        [row as f64 * height, column as f64 * width]
    };
    (0..grid.pixels())
        .map(|p| mean.checked_at(&place(p)))
        .collect()
}

fn check_value(value: f64) -> Result<()> {
    if value.abs() <= 1e150 {
        return Ok(());
    }
    Err(Error::argument(
        "values",
        value,
        "finite numbers up to 1e150 in magnitude at observed pixels",
    ))
}

impl Observations {
    /// Takes the pixels of `values` where `observed` holds (everywhere if `None`) and the noise is finite.
    pub fn new(
        grid: &Grid,
        values: ArrayView2<'_, f64>,
        observed: Option<ArrayView2<'_, bool>>,
        noise: &Noise,
    ) -> Result<Self> {
        grid.check_shape("values", values.dim())?;
        if let Some(observed) = &observed {
            grid.check_shape("observed", observed.dim())?;
        }
        check_noise(noise, grid)?;
        let mut residual = vec![0.0; grid.pixels()];
        let mut present = vec![false; grid.pixels()];
        for (p, ((row, column), &value)) in values.indexed_iter().enumerate() {
            let variance = noise.variance(p).unwrap_or(f64::INFINITY);
            if observed.is_none_or(|o| o[[row, column]]) && variance.is_finite() {
                check_value(value)?;
                residual[p] = value;
                present[p] = true;
            }
        }
        let mut taken = Self::weighted(residual, Vec::new());
        taken.weigh(noise, |p| present[p]);
        Ok(taken)
    }

    /// Residuals with the weights given.
    pub fn weighted(residual: Vec<f64>, weights: Vec<f64>) -> Self {
        let mut taken = Self {
            residual,
            weights,
            count: 0,
            log_noise: 0.0,
            level: 0.0,
        };
        taken.count_weights();
        taken
    }

    /// Sets the weights from the noise at the pixels where `present` holds.
    fn weigh(&mut self, noise: &Noise, present: impl Fn(usize) -> bool) {
        let weights = (0..self.residual.len()).map(|p| match noise.variance(p) {
            Some(variance) if present(p) => 1.0 / variance,
            _ => 0.0,
        });
        self.weights = weights.collect();
        self.count_weights();
    }

    fn count_weights(&mut self) {
        let logs = self.weights.iter().filter(|w| **w > 0.0).map(|w| -w.ln());
        (self.count, self.log_noise) = logs.fold((0, 0.0), |(n, sum), log| (n + 1, sum + log));
        self.level = match self.count {
            0 => 0.0,
            count => (-self.log_noise / count as f64).exp(),
        };
    }

    /// The same measurements with other noise.
    pub fn with_noise(&self, noise: &Noise) -> Self {
        let mut other = self.clone();
        other.weigh(noise, |p| self.weights[p] > 0.0);
        other
    }

    /// The measurements minus the mean at the pixels of `grid`, their grid.
    pub fn minus(&self, mean: &Mean, grid: &Grid) -> Result<Self> {
        Ok(self.minus_each(mean_at_pixels(mean, grid)?))
    }

    /// The measurements minus one number a pixel.
    pub fn minus_each(&self, expected: impl IntoIterator<Item = f64>) -> Self {
        let mut other = self.clone();
        let pixels = other.residual.iter_mut().zip(&self.weights);
        for ((r, w), m) in pixels.zip(expected) {
            *r = if *w > 0.0 { *r - m } else { 0.0 };
        }
        other
    }

    /// The part of an image of `columns` columns that `grid` covers when its first pixel is at `corner`.
    pub fn window(&self, columns: usize, corner: [usize; 2], grid: &Grid) -> Self {
        let cut = |all: &[f64]| -> Vec<f64> {
            (0..grid.pixels())
                .map(|p| {
                    let (row, column) = (p / grid.columns(), p % grid.columns());
                    all[(corner[0] + row) * columns + corner[1] + column]
                })
                .collect()
        };
        let mut part = self.clone();
        (part.residual, part.weights) = (cut(&self.residual), cut(&self.weights));
        part.count_weights();
        part
    }

    /// The observed pixels one by one.
    pub fn listed(&self, grid: &Grid) -> Result<Listed> {
        let pixels: Vec<usize> = (0..self.weights.len())
            .filter(|p| self.weights[*p] > 0.0)
            .collect();
        let places = grid.coordinates().select(Axis(0), &pixels);
        Ok(Listed {
            points: Points::from_rows("grid", places.view())?,
            values: pixels.iter().map(|&p| self.residual[p]).collect(),
            pixels,
        })
    }

    /// Share of pixels that were observed.
    pub fn fraction(&self) -> f64 {
        self.count as f64 / self.weights.len() as f64
    }

    /// Whether observed and missing pixels alternate so much that no smooth basis sees the difference: more than 15 %
    /// of all neighbours differ, as with random masks of 9 to 91 % but not with missing lines or blocks.
    pub fn scattered(&self, columns: usize) -> bool {
        let present: Vec<bool> = self.weights.iter().map(|w| *w > 0.0).collect();
        let (mut pairs, mut different) = (0_usize, 0_usize);
        for (p, here) in present.iter().enumerate() {
            let right = (p + 1 < present.len() && (p + 1) % columns != 0).then_some(p + 1);
            let below = (p + columns < present.len()).then_some(p + columns);
            for q in [right, below].into_iter().flatten() {
                pairs += 1;
                different += usize::from(*here != present[q]);
            }
        }
        different as f64 > 0.15 * pairs as f64
    }

    /// The weight of all pixels, if every pixel was observed with the same noise.
    pub fn uniform(&self) -> Option<f64> {
        let first = *self.weights.first()?;
        let same = first > 0.0 && self.weights.iter().all(|w| *w == first);
        same.then_some(first)
    }

    /// The largest weight.
    pub fn largest_weight(&self) -> f64 {
        self.weights.iter().copied().fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn masks_and_infinite_noise_mean_the_same() {
        let grid = Grid::new(3, 4, [1.0, 1.0]).unwrap();
        let values = Array2::from_shape_fn((3, 4), |(i, j)| (i * 4 + j) as f64);
        let mask = Array2::from_shape_fn((3, 4), |(i, j)| (i + j) % 2 == 0);
        let known: Vec<f64> = (1..=12).map(f64::from).collect();
        let infinite = mask.iter().zip(&known);
        let infinite = infinite.map(|(seen, v)| if *seen { *v } else { f64::INFINITY });
        let infinite = Noise::Known(infinite.collect());
        let masked = Observations::new(
            &grid,
            values.view(),
            Some(mask.view()),
            &Noise::Known(known),
        );
        let masked = masked.unwrap();
        let other = Observations::new(&grid, values.view(), None, &infinite).unwrap();
        assert_eq!((masked.count, other.count), (6, 6));
        assert_eq!(masked.weights, other.weights);
        assert_eq!(masked.residual, other.residual);
        assert!(masked.scattered(4) && masked.uniform().is_none());
        let corner = Grid::new(2, 2, [1.0, 1.0]).unwrap();
        let part = masked.window(4, [1, 2], &corner);
        assert_eq!(part.residual, vec![0.0, 7.0, 10.0, 0.0]);
        assert_eq!(part.weights, vec![0.0, 1.0 / 8.0, 1.0 / 11.0, 0.0]);
        // One missing row is not scattered.
        let line = Array2::from_shape_fn((30, 30), |(i, _)| i != 7);
        let grid = Grid::new(30, 30, [1.0, 1.0]).unwrap();
        let zeros = Array2::zeros((30, 30));
        let shared = Noise::Homoscedastic(0.5);
        let line = Observations::new(&grid, zeros.view(), Some(line.view()), &shared).unwrap();
        assert!(!line.scattered(30));
        assert!((line.level - 2.0).abs() < 1e-12 && line.count == 870);
    }
}
