//! Test images, slow reference kernels and comparisons.

use dosewise::Result;
use dosewise::gp::{
    ExactGp, Grid, GridKernel, GridOptions, Kernel, Matern32, Matern52, Mean, Noise, Parameter,
    PointsView,
};
use dosewise::random::{Purpose, Stream};
use dosewise::units::Seed;
use ndarray::{Array2, Axis};

/// The product of two kernels of one coordinate, as a dense kernel of two: the slow and obvious way.
#[derive(Debug, Clone)]
pub struct Product(pub GridKernel);

impl Kernel for Product {
    fn check(&self, _: usize) -> Result<()> {
        Ok(())
    }
    fn covariances(&self, point: &[f64], others: PointsView<'_>, out: &mut [f64]) {
        for (j, k) in out.iter_mut().enumerate() {
            let other = others.point(j);
            *k = self
                .0
                .covariance([point[0], point[1]], [other[0], other[1]]);
        }
    }
    fn variance(&self, point: &[f64]) -> f64 {
        self.0
            .covariance([point[0], point[1]], [point[0], point[1]])
    }
    fn parameters(&self) -> Vec<Parameter> {
        self.0.parameters()
    }
    fn set_log_parameters(&mut self, values: &[f64]) -> Result<()> {
        self.0.set_log_parameters(values)
    }
    fn accumulate_gradient(&self, _: &[f64], _: PointsView<'_>, _: &[f64], _: &mut [f64]) -> f64 {
        unreachable!("these tests differentiate by finite differences")
    }
    fn clone_box(&self) -> Box<dyn Kernel> {
        Box::new(self.clone())
    }
}

pub struct Problem {
    pub grid: Grid,
    pub image: Array2<f64>,
    pub variances: Vec<f64>,
    pub observed: Array2<bool>,
}

/// A wavy image with noise of a variance that differs from pixel to pixel; `share` of 100 pixels are observed.
pub fn problem(rows: usize, columns: usize, pixel: [f64; 2], share: u64) -> Problem {
    let grid = Grid::new(rows, columns, pixel).unwrap();
    let mut stream = Stream::new(Seed(5), Purpose::Counts, [rows as u64, columns as u64]);
    let variances: Vec<f64> = (0..rows * columns)
        .map(|p| 0.01 + 0.09 * ((p * 7919) % 101) as f64 / 101.0)
        .collect();
    let image = Array2::from_shape_fn((rows, columns), |(i, j)| {
        let truth = (0.5 * i as f64).sin() + (0.35 * j as f64).cos();
        truth + variances[i * columns + j].sqrt() * stream.normal()
    });
    let observed = Array2::from_shape_fn((rows, columns), |(i, j)| {
        (((i * columns + j) as u64 * 2_654_435_761) >> 7) % 100 < share
    });
    Problem {
        grid,
        image,
        variances,
        observed,
    }
}

/// The dense process on the observed pixels.
pub fn dense(problem: &Problem, kernel: Box<dyn Kernel>, mean: Mean, noise: &Noise) -> ExactGp {
    let chosen: Vec<usize> = (0..problem.grid.pixels())
        .filter(|p| problem.observed.as_slice().unwrap()[*p])
        .collect();
    let x = problem.grid.coordinates().select(Axis(0), &chosen);
    let y: Vec<f64> = chosen
        .iter()
        .map(|p| problem.image.as_slice().unwrap()[*p])
        .collect();
    let noise = match noise {
        Noise::Known(all) => Noise::Known(chosen.iter().map(|p| all[*p]).collect()),
        shared => shared.clone(),
    };
    ExactGp::new(kernel, noise)
        .with_mean(mean)
        .condition(&x, &y)
        .unwrap()
}

pub fn tight() -> GridOptions {
    GridOptions {
        tolerance: 1e-12,
        ..GridOptions::default()
    }
}

pub fn close(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance * (1.0 + expected.abs()),
        "found {found}, expected {expected}"
    );
}

pub fn all_close(found: &Array2<f64>, expected: &[f64], tolerance: f64) {
    for (f, e) in found.iter().zip(expected) {
        close(*f, *e, tolerance);
    }
}

pub fn product() -> GridKernel {
    GridKernel::product(
        Matern52::isotropic(2.0).scaled(1.5),
        Matern32::isotropic(3.0),
    )
}

/// k(x, x′) = min(x, x′) + 1, which is not stationary.
#[derive(Debug, Clone)]
pub struct Wiener;

impl Kernel for Wiener {
    fn check(&self, _: usize) -> Result<()> {
        Ok(())
    }
    fn covariances(&self, point: &[f64], others: PointsView<'_>, out: &mut [f64]) {
        for (o, x) in out.iter_mut().zip(others.coordinate(0)) {
            *o = point[0].min(*x) + 1.0;
        }
    }
    fn variance(&self, point: &[f64]) -> f64 {
        point[0] + 1.0
    }
    fn parameters(&self) -> Vec<Parameter> {
        Vec::new()
    }
    fn set_log_parameters(&mut self, _: &[f64]) -> Result<()> {
        Ok(())
    }
    fn accumulate_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        _: &mut [f64],
    ) -> f64 {
        let each = weights.iter().zip(others.coordinate(0));
        each.map(|(w, x)| w * (point[0].min(*x) + 1.0)).sum()
    }
    fn clone_box(&self) -> Box<dyn Kernel> {
        Box::new(self.clone())
    }
}
