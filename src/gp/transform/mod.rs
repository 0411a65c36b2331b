//! Inputs and outputs in units that suit a model, and everything back in the units of the experiment.
//!
//! A [`Scaling`] says by which rules, a [`Transform`] is what was learned by them from data, and a [`ScaledGp`] is an
//! exact process that applies it on the way in and inverts it on the way out.

mod affine;
mod model;
mod parameters;
mod posterior;
mod saved;
mod scaling;

pub use affine::Affine;
pub use model::ScaledGp;
pub use posterior::ScaledPosterior;
pub use scaling::{InputScaling, OutputScaling, Scaling};

use super::noise::Noise;
use super::points::{Points, PointsView};
use super::surrogate::{Joint, Marginals, Slopes};
use crate::error::{Error, Result};
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

/// An affine map for each coordinate of the inputs and one for the outputs, learned from data and kept.
///
/// With u_k = (x_k − a_k)/s_k and v = (y − b)/t, a model of v over u is one of y over x: its mean is b + t m(u), its
/// variances and covariances are t² times as large, its slopes by x_k are t/s_k (of the mean) and t²/s_k (of the
/// variance) times those by u_k, and the density of n outputs is t⁻ⁿ times that of the scaled ones.
///
/// ```
/// use dosewise::gp::{Scaling, Transform};
/// use ndarray::array;
/// let (x, y) = (array![[10.0, 0.1], [30.0, 0.3]], [500.0, 700.0]);
/// let transform = Transform::learn(&Scaling::default(), &x, &y)?;
/// assert_eq!(transform.point(&[20.0, 0.3])?, [0.5, 1.0]);
/// assert_eq!(transform.original_point(&[0.5, 1.0])?, [20.0, 0.3]);
/// assert_eq!((transform.outputs().shift, transform.outputs().scale), (600.0, 100.0));
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transform {
    inputs: Vec<Affine>,
    outputs: Affine,
}

impl Transform {
    /// Learns from n outputs `y` at the rows of `x` (n × d). With n = 0 only what is given beforehand has an effect.
    ///
    /// # Errors
    /// [`Error::Argument`] if shapes differ, a number is not finite or beyond 10¹⁵⁰, or the scaling is unusable: a wrong
    /// number of rules, bounds that are not ascending, a scale outside 10⁻⁷⁵..10⁷⁵.
    pub fn learn<'x>(
        scaling: &Scaling,
        x: impl Into<ArrayView2<'x, f64>>,
        y: &[f64],
    ) -> Result<Self> {
        let x = x.into();
        if x.nrows() != y.len() {
            return Err(Error::argument(
                "y",
                format!("{} values for {} rows of x", y.len(), x.nrows()),
                "one value for each row",
            ));
        }
        y.iter().try_for_each(|&y| super::exact::check_target(y))?;
        Self::of_points(scaling, Points::from_rows("x", x)?.view(), y)
    }

    fn of_points(scaling: &Scaling, points: PointsView<'_>, y: &[f64]) -> Result<Self> {
        let d = points.dimension();
        let inputs = (0..d).map(|k| {
            let rule = scaling.of_coordinate(k, d)?;
            rule.learn(points.coordinate(k))
        });
        Ok(Self {
            inputs: inputs.collect::<Result<_>>()?,
            outputs: scaling.outputs.learn(y)?,
        })
    }

    /// The same for measurements of which more are known: each map that was learned from values all alike, which say
    /// nothing of a scale, is learned anew; the others stay.
    fn relearned(
        &self,
        scaling: &Scaling,
        (old_points, old_y): (PointsView<'_>, &[f64]),
        (points, y): (PointsView<'_>, &[f64]),
    ) -> Result<Self> {
        let mut relearned = self.clone();
        let d = self.inputs.len();
        for (k, map) in relearned.inputs.iter_mut().enumerate() {
            let (rule, old) = (scaling.of_coordinate(k, d)?, old_points.coordinate(k));
            if Affine::alike(old) && rule.learn(old)? == *map {
                *map = rule.learn(points.coordinate(k))?;
            }
        }
        let rule = scaling.outputs;
        if Affine::alike(old_y) && rule.learn(old_y)? == self.outputs {
            relearned.outputs = rule.learn(y)?;
        }
        Ok(relearned)
    }

    /// The maps of the coordinates.
    pub fn inputs(&self) -> &[Affine] {
        &self.inputs
    }

    /// The map of the outputs.
    pub fn outputs(&self) -> Affine {
        self.outputs
    }

    /// One point in scaled units.
    ///
    /// # Errors
    /// [`Error::Argument`] if the point has another dimension.
    pub fn point(&self, point: &[f64]) -> Result<Vec<f64>> {
        self.check_dimension("x", point.len())?;
        let maps = self.inputs.iter().zip(point);
        Ok(maps.map(|(map, &x)| map.apply(x)).collect())
    }

    /// One point in original units.
    ///
    /// # Errors
    /// As [`Transform::point`].
    pub fn original_point(&self, point: &[f64]) -> Result<Vec<f64>> {
        self.check_dimension("x", point.len())?;
        let maps = self.inputs.iter().zip(point);
        Ok(maps.map(|(map, &u)| map.invert(u)).collect())
    }

    /// The rows of `points` (m × d) in scaled units.
    ///
    /// # Errors
    /// As [`Transform::point`].
    pub fn points<'p>(&self, points: impl Into<ArrayView2<'p, f64>>) -> Result<Array2<f64>> {
        self.each_column(points.into(), Affine::apply)
    }

    /// The rows of `points` (m × d) in original units.
    ///
    /// # Errors
    /// As [`Transform::point`].
    pub fn original_points<'p>(
        &self,
        points: impl Into<ArrayView2<'p, f64>>,
    ) -> Result<Array2<f64>> {
        self.each_column(points.into(), Affine::invert)
    }

    /// Noise variances in scaled units.
    pub fn noise(&self, noise: &Noise) -> Noise {
        each_variance(noise, |v| self.outputs.apply_variance(v))
    }

    /// Noise variances in original units.
    pub fn original_noise(&self, noise: &Noise) -> Noise {
        each_variance(noise, |v| self.outputs.invert_variance(v))
    }

    /// Means and variances in original units.
    pub fn original_marginals(&self, mut marginals: Marginals) -> Marginals {
        for mean in &mut marginals.mean {
            *mean = self.outputs.invert(*mean);
        }
        for variance in &mut marginals.variance {
            *variance = self.outputs.invert_variance(*variance);
        }
        marginals
    }

    /// Means and covariances in original units.
    pub fn original_joint(&self, mut joint: Joint) -> Joint {
        for mean in &mut joint.mean {
            *mean = self.outputs.invert(*mean);
        }
        let covariance = &mut joint.covariance;
        covariance.mapv_inplace(|c| self.outputs.invert_variance(c));
        joint
    }

    /// Mean, variance and their slopes in original units, by the chain rule.
    ///
    /// # Errors
    /// [`Error::Argument`] if the slopes are of another dimension.
    pub fn original_slopes(&self, slopes: &Slopes) -> Result<Slopes> {
        self.check_dimension("slopes", slopes.of_mean.len())?;
        self.check_dimension("slopes", slopes.of_variance.len())?;
        let t = self.outputs.scale;
        let of_mean = slopes.of_mean.iter().zip(&self.inputs);
        let of_variance = slopes.of_variance.iter().zip(&self.inputs);
        Ok(Slopes {
            mean: self.outputs.invert(slopes.mean),
            variance: self.outputs.invert_variance(slopes.variance),
            of_mean: of_mean.map(|(slope, s)| slope * (t / s.scale)).collect(),
            of_variance: of_variance
                .map(|(slope, s)| slope * t * (t / s.scale))
                .collect(),
        })
    }

    /// The log density of `count` outputs in original units, from that of the scaled ones: less `count` log t.
    pub fn original_log_density(&self, log_density: f64, count: usize) -> f64 {
        log_density - count as f64 * self.outputs.scale.ln()
    }

    fn each_column(
        &self,
        points: ArrayView2<'_, f64>,
        map: fn(&Affine, f64) -> f64,
    ) -> Result<Array2<f64>> {
        self.check_dimension("points", points.ncols())?;
        let mut mapped = points.to_owned();
        for (mut column, affine) in mapped.columns_mut().into_iter().zip(&self.inputs) {
            column.mapv_inplace(|x| map(affine, x));
        }
        Ok(mapped)
    }

    fn check_dimension(&self, argument: &str, found: usize) -> Result<()> {
        super::surrogate::check_dimension(argument, found, self.inputs.len())
    }
}

fn each_variance(noise: &Noise, map: impl Fn(f64) -> f64) -> Noise {
    match noise {
        Noise::Known(variances) => Noise::Known(variances.iter().map(|&v| map(v)).collect()),
        Noise::Homoscedastic(variance) => Noise::Homoscedastic(map(*variance)),
    }
}
