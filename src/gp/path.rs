//! One function drawn from the posterior, to be looked at and climbed anywhere.

use super::exact::ExactGp;
use super::kernel::Kernel;
use super::mean::Mean;
use super::points::{Points, PointsView};
use crate::error::{Error, Result};
use crate::random::{Purpose, Stream};
use crate::units::Seed;
use ndarray::ArrayView2;
use rand::RngExt;
use std::f64::consts::TAU;

/// Most cosines of a path.
const MOST_FEATURES: usize = 1_000_000;

/// A function drawn from the posterior of a process, from [`ExactGp::path`].
///
/// f(x) = m(x) + g(x) + k(x, X) (K + Σ)⁻¹ (y − m(X) − g(X) − ε), with g a draw of the prior and ε one of the noise
/// (Matheron's rule; Wilson, Borovitskiy, Terenin, Mostowsky & Deisenroth 2020, *Efficiently sampling functions from
/// Gaussian process posteriors*, eq. 13). The prior is drawn as √(2k(0)/F) Σ cos(ωᵢ·x + bᵢ) over F random frequencies,
/// so the draw is normal only as F grows: its moments are off by about 1/√F of the prior's.
///
/// Unlike joint draws at given places it costs O(F + n) a place however many there are, and is the same function each
/// time it is asked: its highest place is a Thompson sample of a continuous space.
///
/// ```
/// use dosewise::acquisition::Region;
/// use dosewise::gp::{ExactGp, Matern52, Noise};
/// use dosewise::units::Seed;
/// use ndarray::array;
/// let gp = ExactGp::new(Matern52::isotropic(0.3), Noise::Homoscedastic(1e-4))
///     .condition(&array![[0.1], [0.5], [0.9]], &[0.0, 1.0, 0.2])?;
/// let path = gp.path(500, Seed(3))?;
/// assert!((path.values(&array![[0.5]])?[0] - 1.0).abs() < 0.05); // it goes through what was measured
/// let thompson = Region::new(&[(0.0, 1.0)])?.highest(&path)?;
/// assert!(thompson.score >= 0.95);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug)]
pub struct PosteriorPath {
    kernel: Box<dyn Kernel>,
    mean: Mean,
    points: Points,
    /// (K + Σ)⁻¹ of what the prior's draw leaves to be explained.
    weights: Vec<f64>,
    prior: PriorDraw,
}

/// Random cosines, all of one amplitude.
#[derive(Debug)]
struct PriorDraw {
    amplitude: f64,
    /// Radians per unit of each coordinate, one row a cosine.
    frequencies: Vec<f64>,
    phases: Vec<f64>,
}

impl PriorDraw {
    fn new(
        kernel: &dyn Kernel,
        dimension: usize,
        count: usize,
        stream: &mut Stream,
    ) -> Result<Self> {
        let mut frequencies = vec![0.0; count * dimension];
        let mut phases = Vec::with_capacity(count);
        for frequency in frequencies.chunks_exact_mut(dimension) {
            if !kernel.draw_frequency(stream, frequency) {
                return Err(Error::argument(
                    "kernel",
                    format!("{kernel:?}"),
                    "a stationary kernel with a known spectrum: squared exponential, Matérn, rational quadratic, \
                     periodic, constant, and sums, products, multiples and restrictions to columns of these",
                ));
            }
            phases.push(TAU * stream.random::<f64>());
        }
        let variance = kernel.variance(&vec![0.0; dimension]);
        Ok(Self {
            amplitude: (2.0 * variance / count as f64).sqrt(),
            frequencies,
            phases,
        })
    }

    /// The value at a place; what each coordinate changes is added to `slopes`.
    fn at(&self, point: &[f64], slopes: &mut [f64]) -> f64 {
        let mut sum = 0.0;
        for (frequency, phase) in self.frequencies.chunks_exact(point.len()).zip(&self.phases) {
            let angle = phase + frequency.iter().zip(point).map(|(w, x)| w * x).sum::<f64>();
            let (sin, cos) = angle.sin_cos();
            sum += cos;
            for (slope, w) in slopes.iter_mut().zip(frequency) {
                *slope -= self.amplitude * sin * w;
            }
        }
        self.amplitude * sum
    }
}

impl ExactGp {
    /// Draws a function from the posterior, its prior made of `features` random cosines; 500 to 2000 are usual. Costs
    /// n² + n F once.
    ///
    /// # Errors
    /// [`Error::Argument`] for a kernel without a known spectrum ([`Kernel::draw_frequency`]), 0 or more than 10⁶
    /// features, and a process that was told nothing.
    pub fn path(&self, features: usize, seed: Seed) -> Result<PosteriorPath> {
        if !(1..=MOST_FEATURES).contains(&features) {
            return Err(Error::argument("features", features, "1..=1000000"));
        }
        if self.is_empty() {
            return Err(Error::argument("process", "no measurement", "at least one"));
        }
        let mut stream = Stream::new(seed, Purpose::Policy, [4, 0]);
        let dimension = self.points.dimension();
        let prior = PriorDraw::new(self.kernel(), dimension, features, &mut stream)?;
        let (mut point, mut unexplained) = (Vec::new(), Vec::with_capacity(self.len()));
        for i in 0..self.len() {
            self.points.view().copy_point(i, &mut point);
            let noise = self.noise.variance(i).unwrap_or(0.0);
            unexplained.push(prior.at(&point, &mut []) + noise.sqrt() * stream.normal());
        }
        self.factor.solve(&mut unexplained)?;
        let weights = self.alpha().iter().zip(&unexplained);
        Ok(PosteriorPath {
            kernel: self.kernel.clone_box(),
            mean: self.mean.clone(),
            points: self.points.clone(),
            weights: weights.map(|(alpha, drawn)| alpha - drawn).collect(),
            prior,
        })
    }
}

impl PosteriorPath {
    /// The function at the rows of `points` (m × d), in units of the outputs.
    ///
    /// # Errors
    /// [`Error::Argument`] if a coordinate is not finite or the dimension differs from the measurements'.
    pub fn values<'p>(&self, points: impl Into<ArrayView2<'p, f64>>) -> Result<Vec<f64>> {
        let places = self.places("points", points.into())?;
        let mut values = self.mean.values(places.view())?;
        let (mut point, mut row) = (Vec::new(), vec![0.0; self.points.len()]);
        for (j, value) in values.iter_mut().enumerate() {
            places.view().copy_point(j, &mut point);
            self.kernel
                .covariances(&point, self.points.view(), &mut row);
            let told: f64 = row.iter().zip(&self.weights).map(|(k, w)| k * w).sum();
            *value += self.prior.at(&point, &mut []) + told;
        }
        Ok(values)
    }

    /// The function at one place with its slopes by the coordinates.
    ///
    /// # Errors
    /// As [`PosteriorPath::values`].
    pub fn slopes(&self, point: &[f64]) -> Result<(f64, Vec<f64>)> {
        let row =
            ArrayView2::from_shape((1, point.len()), point).expect("one row of all coordinates");
        let value = self.values(row)?[0];
        let mut slopes = vec![0.0; point.len()];
        self.prior.at(point, &mut slopes);
        self.mean
            .add_slopes(point, self.points.view(), &mut slopes)?;
        let measured: PointsView<'_> = self.points.view();
        self.kernel
            .accumulate_input_gradient(point, measured, &self.weights, &mut slopes);
        Ok((value, slopes))
    }

    fn places(&self, argument: &str, rows: ArrayView2<'_, f64>) -> Result<Points> {
        let places = Points::from_rows(argument, rows)?;
        super::surrogate::check_dimension(argument, places.dimension(), self.points.dimension())?;
        Ok(places)
    }
}
