//! A kernel that sees only some of the columns.

use super::{Kernel, Parameter, Role, boxed};
use crate::error::{Error, Result};
use crate::gp::points::PointsView;
use crate::random::Stream;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A kernel on a subset of the columns: k(x, x′) = κ(x_A, x′_A), see [`Kernel::on_columns`].
///
/// The columns are not copied, only looked up. The hyper-parameters are those of κ.
///
/// ```
/// use dosewise::gp::{Kernel, Rbf};
/// let kernel = Rbf::ard([0.5, 2.0]).on_columns([2, 0]);
/// let direct = Rbf::ard([0.5, 2.0]).covariance(&[0.3, 0.1], &[0.6, -0.4]);
/// assert_eq!(kernel.covariance(&[0.1, 9.0, 0.3], &[-0.4, -7.0, 0.6]), direct);
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActiveDimensions {
    columns: Vec<usize>,
    kernel: Box<dyn Kernel>,
}

impl ActiveDimensions {
    /// `kernel` on these columns, which become its coordinates 0, 1, … in the order given; none twice.
    pub fn new(kernel: impl Kernel, columns: impl Into<Vec<usize>>) -> Self {
        Self {
            columns: columns.into(),
            kernel: boxed(kernel),
        }
    }

    /// The columns.
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// The kernel on the columns.
    pub fn inner(&self) -> &dyn Kernel {
        self.kernel.as_ref()
    }

    fn active(&self, point: &[f64]) -> Vec<f64> {
        let coordinates = self.columns.iter().map(|&c| point.get(c).copied());
        coordinates.map(|c| c.unwrap_or(f64::NAN)).collect()
    }

    /// The columns, counted in the set behind a view that is itself restricted to some.
    fn columns_behind(&self, points: PointsView<'_>) -> Cow<'_, [usize]> {
        match points.columns() {
            None => Cow::Borrowed(&self.columns),
            Some(outer) => {
                let behind = self.columns.iter().map(|&c| outer.get(c).copied());
                Cow::Owned(behind.map(|c| c.unwrap_or(usize::MAX)).collect())
            }
        }
    }

    /// Lets `accumulate` fill a gradient by the active coordinates and adds it to their places in the whole one.
    fn scatter(&self, gradient: &mut [f64], accumulate: impl FnOnce(&mut [f64])) {
        let mut inner = vec![0.0; self.columns.len()];
        accumulate(&mut inner);
        for (&column, part) in self.columns.iter().zip(&inner) {
            if let Some(slot) = gradient.get_mut(column) {
                *slot += part;
            }
        }
    }

    fn check_columns(&self, dimension: usize) -> Result<()> {
        let repeated = |(i, column): (usize, &usize)| self.columns[..i].contains(column);
        if self.columns.is_empty()
            || self.columns.iter().any(|&c| c >= dimension)
            || self.columns.iter().enumerate().any(repeated)
        {
            return Err(Error::argument(
                "columns",
                format!("{:?}", self.columns),
                format!("one or more of 0..{dimension}, none twice"),
            ));
        }
        Ok(())
    }
}

impl Kernel for ActiveDimensions {
    fn check(&self, dimension: usize) -> Result<()> {
        self.check_columns(dimension)?;
        self.kernel.check(self.columns.len())
    }

    fn check_points(&self, points: PointsView<'_>) -> Result<()> {
        self.check_columns(points.dimension())?;
        let columns = self.columns_behind(points);
        self.kernel.check_points(points.with_columns(&columns))
    }

    fn covariances(&self, point: &[f64], others: PointsView<'_>, out: &mut [f64]) {
        let columns = self.columns_behind(others);
        let active = self.active(point);
        self.kernel
            .covariances(&active, others.with_columns(&columns), out);
    }

    fn variance(&self, point: &[f64]) -> f64 {
        self.kernel.variance(&self.active(point))
    }

    fn parameters(&self) -> Vec<Parameter> {
        // Roles speak of coordinates of the whole points; a parameter for all active columns keeps its coordinate
        // only if there is but one.
        let whole = |coordinate: Option<usize>| match (coordinate, self.columns.as_slice()) {
            (Some(k), columns) => columns.get(k).copied(),
            (None, &[single]) => Some(single),
            (None, _) => None,
        };
        let parameters = self.kernel.parameters().into_iter();
        parameters
            .map(|parameter| Parameter {
                role: match parameter.role {
                    Role::Lengthscale(k) => Role::Lengthscale(whole(k)),
                    Role::Period(k) => Role::Period(whole(k)),
                    Role::SlopeVariance(k) => Role::SlopeVariance(whole(k)),
                    other => other,
                },
                ..parameter
            })
            .collect()
    }

    fn parameter_count(&self) -> usize {
        self.kernel.parameter_count()
    }

    fn set_log_parameters(&mut self, values: &[f64]) -> Result<()> {
        self.kernel.set_log_parameters(values)
    }

    fn accumulate_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) -> f64 {
        let columns = self.columns_behind(others);
        let active = self.active(point);
        let others = others.with_columns(&columns);
        self.kernel
            .accumulate_gradient(&active, others, weights, gradient)
    }

    fn accumulate_input_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) {
        let columns = self.columns_behind(others);
        let active = self.active(point);
        let others = others.with_columns(&columns);
        self.scatter(gradient, |inner| {
            self.kernel
                .accumulate_input_gradient(&active, others, weights, inner);
        });
    }

    fn accumulate_variance_gradient(&self, point: &[f64], weight: f64, gradient: &mut [f64]) {
        let active = self.active(point);
        self.scatter(gradient, |inner| {
            self.kernel
                .accumulate_variance_gradient(&active, weight, inner);
        });
    }

    fn draw_frequency(&self, stream: &mut Stream, frequency: &mut [f64]) -> bool {
        let mut drawn = false;
        self.scatter(frequency, |inner| {
            drawn = self.kernel.draw_frequency(stream, inner)
        });
        drawn
    }

    fn clone_box(&self) -> Box<dyn Kernel> {
        Box::new(self.clone())
    }
}
