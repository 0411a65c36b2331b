//! What a search moves: the logarithms of the hyper-parameters, then perhaps the inducing points.

use crate::error::Result;
use crate::gp::exact::parameters;
use crate::gp::kernel::{Kernel, Parameter};
use crate::gp::noise::Noise;
use crate::gp::points::{Points, PointsView};
use crate::gp::restart::LogRange;
use ndarray::Array2;

/// The kernel's log-parameters, the log noise variance if it is shared, then how far each coordinate of the inducing
/// points has moved from where the search began, point after point, in units of their typical distance, so that steps of
/// all have about one size.
///
/// Moves and not positions, so that a point which does not move keeps every bit: kernels tell categories, and places with
/// a nugget of their own, by equality.
pub(super) struct Coordinates<'a> {
    kernel: &'a dyn Kernel,
    noise: Option<&'a Noise>,
    inducing: &'a Points,
    /// Of each column, where points move; zero along a column that rests.
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
    /// Inducing points move if the smallest and largest value of each input coordinate are given, but not along columns
    /// of which the kernel accepts single values alone (codes).
    pub fn new(
        kernel: &'a dyn Kernel,
        noise: Option<&'a Noise>,
        inducing: &'a Points,
        extent: Option<&[(f64, f64)]>,
    ) -> Self {
        let across = (inducing.len() as f64).powf(1.0 / inducing.dimension().max(1) as f64);
        let unit = |(column, &(low, high)): (usize, &(f64, f64))| {
            let distance = (high - low) / across;
            let unit = if distance.is_normal() { distance } else { 1.0 };
            if rests(kernel, inducing.view(), column, unit) {
                0.0
            } else {
                unit
            }
        };
        Self {
            kernel,
            noise,
            inducing,
            units: extent.map(|extent| extent.iter().enumerate().map(unit).collect()),
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
            given.resize(given.len() + self.inducing.len() * units.len(), 0.0);
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
                let moves = |to: f64| if *unit > 0.0 { (to - z) / unit } else { 0.0 };
                ranges.push(LogRange {
                    start: (0.0, 0.0),
                    wall: (
                        moves((low - margin).min(*z)),
                        moves((high + margin).max(*z)),
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
                let start = self.inducing.view();
                let rows = Array2::from_shape_fn((size, dimension), |(j, c)| {
                    start.coordinate(c)[j] + rest[j * dimension + c] * units[c]
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

/// Whether the kernel refuses the first inducing point wherever it goes along this column.
fn rests(kernel: &dyn Kernel, inducing: PointsView<'_>, column: usize, unit: f64) -> bool {
    // An odd share of the unit, which does not lead from code to code.
    let step = 0.381_966 * unit;
    [-step, step].iter().all(|step| {
        let mut moved = inducing.point(0);
        if let Some(z) = moved.get_mut(column) {
            *z += step;
        }
        kernel.check_points(PointsView::single(&moved)).is_err()
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gp::{Categorical, Matern52};

    #[test]
    fn points_that_have_not_moved_keep_every_bit() {
        for (codes, dimension, size) in (2..8_usize)
            .flat_map(|codes| (1..4).flat_map(move |d| (2..60).map(move |size| (codes, d, size))))
        {
            let rows = Array2::from_shape_fn((size, dimension), |(j, c)| match c {
                0 => (j % codes) as f64,
                _ => ((j as f64 + 0.5) * 0.754_877_666 * c as f64).fract(),
            });
            let inducing = Points::from_rows("z", rows.view()).unwrap();
            let kernel = Matern52::isotropic(0.5) + Categorical::new(codes, 0.3).on_columns([0]);
            let extent = extent(inducing.view());
            let map = Coordinates::new(&kernel, None, &inducing, Some(&extent));
            let mut at = map.given();
            let placed = map.place(&at).unwrap().inducing;
            for c in 0..dimension {
                let (found, start) = (placed.view().coordinate(c), inducing.view().coordinate(c));
                assert_eq!(found, start, "{codes} codes, {size} points");
            }
            // Codes rest whatever a search does, here because another kernel shares their column; the others move.
            let moves = at.len() - size * dimension;
            at[moves..].fill(0.3);
            let placed = map.place(&at).unwrap().inducing;
            assert_eq!(placed.view().coordinate(0), inducing.view().coordinate(0));
            for c in 1..dimension {
                let both = placed.view().coordinate(c).iter();
                let mut both = both.zip(inducing.view().coordinate(c));
                assert!(both.all(|(found, start)| found > start));
            }
            let gradient = map.gradient(Vec::new(), &vec![1.0; size * dimension]);
            assert!(gradient.iter().step_by(dimension).all(|g| *g == 0.0));
            let ranges = map.inducing_ranges(&extent);
            assert!(ranges.iter().all(|r| r.wall.0 <= 0.0 && r.wall.1 >= 0.0));
        }
    }
}
