//! What a search moves: the logarithms of the hyper-parameters, then perhaps the inducing points.

use crate::error::Result;
use crate::gp::exact::parameters;
use crate::gp::kernel::{Kernel, Parameter};
use crate::gp::noise::Noise;
use crate::gp::points::{Points, PointsView};
use crate::gp::restart::LogRange;
use ndarray::Array2;

/// The kernel's log-parameters, the log noise variance if it is shared, then the coordinates of the inducing points,
/// point after point, in units of their typical distance, so that steps of all have about one size.
pub(super) struct Coordinates<'a> {
    kernel: &'a dyn Kernel,
    noise: Option<&'a Noise>,
    inducing: &'a Points,
    units: Option<Vec<f64>>,
}

/// A model at some coordinates.
pub(super) struct Placed {
    pub kernel: Box<dyn Kernel>,
    /// `None` if it is not a shared noise variance.
    pub noise_variance: Option<f64>,
    pub inducing: Points,
}

impl<'a> Coordinates<'a> {
    /// Inducing points move if the smallest and largest value of each input coordinate are given.
    pub fn new(
        kernel: &'a dyn Kernel,
        noise: Option<&'a Noise>,
        inducing: &'a Points,
        extent: Option<&[(f64, f64)]>,
    ) -> Self {
        let across = (inducing.len() as f64).powf(1.0 / inducing.dimension().max(1) as f64);
        let unit = |&(low, high): &(f64, f64)| {
            let distance = (high - low) / across;
            if distance.is_normal() { distance } else { 1.0 }
        };
        Self {
            kernel,
            noise,
            inducing,
            units: extent.map(|extent| extent.iter().map(unit).collect()),
        }
    }

    /// The named ones.
    pub fn parameters(&self) -> Vec<Parameter> {
        match self.noise {
            Some(noise) => parameters(self.kernel, noise),
            None => self.kernel.parameters(),
        }
    }

    pub fn moving(&self) -> bool {
        self.units.is_some()
    }

    /// Where the search starts.
    pub fn given(&self) -> Vec<f64> {
        let mut given: Vec<f64> = self.parameters().iter().map(|p| p.value.ln()).collect();
        if let Some(units) = &self.units {
            for j in 0..self.inducing.len() {
                let point = self.inducing.view().point(j);
                given.extend(point.iter().zip(units).map(|(z, unit)| z / unit));
            }
        }
        given
    }

    /// Ranges of the inducing coordinates, in their order: every search starts where they are, and may leave the
    /// measured region by its own extent.
    pub fn inducing_ranges(&self, extent: &[(f64, f64)]) -> Vec<LogRange> {
        let Some(units) = &self.units else {
            return Vec::new();
        };
        let mut ranges = Vec::new();
        for j in 0..self.inducing.len() {
            let point = self.inducing.view().point(j);
            for ((z, unit), (low, high)) in point.iter().zip(units).zip(extent) {
                let margin = (high - low).max(*unit);
                ranges.push(LogRange {
                    start: (z / unit, z / unit),
                    wall: (
                        (low - margin).min(*z) / unit,
                        (high + margin).max(*z) / unit,
                    ),
                });
            }
        }
        ranges
    }

    /// The model there.
    pub fn place(&self, coordinates: &[f64]) -> Result<Placed> {
        let mut kernel = self.kernel.clone_box();
        let (of_kernel, rest) =
            coordinates.split_at(kernel.parameter_count().min(coordinates.len()));
        kernel.set_log_parameters(of_kernel)?;
        let (noise_variance, rest) = match (self.noise, rest.split_first()) {
            (Some(Noise::Homoscedastic(_)), Some((log, rest))) => (Some(log.exp()), rest),
            _ => (None, rest),
        };
        let inducing = match &self.units {
            None => self.inducing.clone(),
            Some(units) => {
                let (size, dimension) = (self.inducing.len(), self.inducing.dimension());
                let rows = Array2::from_shape_fn((size, dimension), |(j, c)| {
                    rest[j * dimension + c] * units[c]
                });
                Points::from_rows("inducing", rows.view())?
            }
        };
        Ok(Placed {
            kernel,
            noise_variance,
            inducing,
        })
    }

    /// A gradient by these coordinates, from derivatives by log-parameters and by the inducing points themselves.
    pub fn gradient(&self, mut named: Vec<f64>, inducing: &[f64]) -> Vec<f64> {
        if let Some(units) = &self.units {
            let units = units.iter().cycle();
            named.extend(inducing.iter().zip(units).map(|(g, unit)| g * unit));
        }
        named
    }
}

/// Smallest and largest value of each coordinate.
pub(super) fn extent(points: PointsView<'_>) -> Vec<(f64, f64)> {
    let columns = (0..points.dimension()).map(|k| points.coordinate(k));
    columns.map(|column| ends(column.iter())).collect()
}

/// Smallest and largest of some values.
pub(super) fn ends<'a>(values: impl Iterator<Item = &'a f64>) -> (f64, f64) {
    let none = (f64::INFINITY, f64::NEG_INFINITY);
    values.fold(none, |(low, high), &v| (low.min(v), high.max(v)))
}
