//! Growing a conditioned process without factoring it again.

use super::exact::{ExactGp, check_target};
use super::kernel::Kernel;
use super::points::{Points, PointsView};
use crate::error::{Error, Result};
use crate::linalg::zeros;
use ndarray::ArrayView2;
use std::sync::OnceLock;

impl ExactGp {
    /// Adds one measurement `y` at `x`: one forward solve, n²/2 multiplications. The result equals conditioning on
    /// all measurements anew. `noise_variance` (a **variance**) is needed with [`Noise::Known`](super::Noise::Known), and `None` with
    /// [`Noise::Homoscedastic`](super::Noise::Homoscedastic).
    ///
    /// If the new row is so nearly a copy of old ones that its pivot is lost to rounding, everything is factored
    /// again with jitter.
    ///
    /// # Errors
    /// As [`ExactGp::condition`]; the model is then unchanged.
    pub fn append(
        &mut self,
        x: &[f64],
        y: f64,
        noise_variance: impl Into<Option<f64>>,
    ) -> Result<()> {
        self.append_row(x, y, noise_variance.into()).map(|_| ())
    }

    /// Appends and returns the new row of L with its diagonal entry last, or `None` if all was factored again.
    pub(super) fn append_row(
        &mut self,
        x: &[f64],
        y: f64,
        noise_variance: Option<f64>,
    ) -> Result<Option<Vec<f64>>> {
        self.check_new(x, y)?;
        let mut row = vec![0.0; self.len()];
        self.kernel.covariances(x, self.points.view(), &mut row);
        self.factor.forward(&mut row)?;
        self.append_solved(x, y, noise_variance, row)
    }

    /// As [`ExactGp::append_row`], for a caller who already holds L⁻¹ k(X, x).
    pub(super) fn append_solved(
        &mut self,
        x: &[f64],
        y: f64,
        noise_variance: Option<f64>,
        mut row: Vec<f64>,
    ) -> Result<Option<Vec<f64>>> {
        self.check_new(x, y)?;
        let variance = self.noise.admit(noise_variance)?;
        let diagonal = self.kernel.variance(x) + variance;
        match self.factor.append_solved(&row, diagonal) {
            Ok(pivot) => {
                let explained: f64 = row.iter().zip(&self.whitened).map(|(l, z)| l * z).sum();
                self.whitened
                    .push((y - self.mean.at(x) - explained) / pivot);
                self.points.push(x)?;
                self.targets.push(y);
                self.noise.push(variance);
                self.alpha = OnceLock::new();
                row.push(pivot);
                Ok(Some(row))
            }
            Err(_) => {
                let mut whole = self.clone();
                whole.points.push(x)?;
                whole.targets.push(y);
                whole.noise.push(variance);
                whole.refactor()?;
                *self = whole;
                Ok(None)
            }
        }
    }

    /// Adds the measurements `y` at the rows of `x` (k × d) at once, for batches; equal to appending one by one.
    /// `noise_variances` holds one **variance** each with [`Noise::Known`](super::Noise::Known) and is `None` with
    /// [`Noise::Homoscedastic`](super::Noise::Homoscedastic).
    ///
    /// # Errors
    /// As [`ExactGp::append`]; the model is then unchanged.
    pub fn append_many<'x>(
        &mut self,
        x: impl Into<ArrayView2<'x, f64>>,
        y: &[f64],
        noise_variances: Option<&[f64]>,
    ) -> Result<()> {
        let x = x.into();
        if x.nrows() != y.len() || noise_variances.is_some_and(|v| v.len() != y.len()) {
            let given =
                noise_variances.map_or(String::new(), |v| format!(", {} variances", v.len()));
            return Err(Error::argument(
                "y",
                format!("{} values for {} rows of x{given}", y.len(), x.nrows()),
                "as many values, and variances if any, as rows",
            ));
        }
        if y.is_empty() {
            return Ok(());
        }
        let added = Points::from_rows("x", x)?;
        let mut grown = self.clone();
        for (j, &value) in y.iter().enumerate() {
            let point = added.view().point(j);
            grown.check_new(&point, value)?;
            let variance = grown.noise.admit(noise_variances.map(|v| v[j]))?;
            grown.points.push(&point)?;
            grown.targets.push(value);
            grown.noise.push(variance);
        }
        let (old, count) = (self.len(), y.len());
        let mut cross = zeros(old, count)?;
        let mut point = Vec::new();
        for (i, row) in cross.chunks_exact_mut(count).enumerate() {
            self.points.view().copy_point(i, &mut point);
            self.kernel.covariances(&point, added.view(), row);
        }
        let appended = grown
            .factor
            .append_block(&mut cross, count, &mut |j, column| {
                added.view().copy_point(j, &mut point);
                let below = added.view().range(j, count);
                self.kernel.covariances(&point, below, column);
                column[0] += grown.noise.variance(old + j).unwrap_or(f64::NAN);
            });
        match appended {
            Ok(()) => grown.rewhiten()?,
            Err(_) => grown.refactor()?,
        }
        *self = grown;
        Ok(())
    }

    fn check_new(&self, x: &[f64], y: f64) -> Result<()> {
        let expected = self.points.dimension();
        if x.is_empty() || (expected != 0 && x.len() != expected) {
            return Err(Error::argument(
                "x",
                format!("a point of {} coordinates", x.len()),
                format!("{} coordinates", expected.max(1)),
            ));
        }
        if expected == 0 {
            self.kernel.check(x.len())?;
            self.noise.check(0)?;
            self.mean.check(x.len())?;
        }
        Points::default().push(x)?;
        self.kernel.check_points(PointsView::single(x))?;
        self.mean.checked_at(x)?;
        check_target(y)
    }
}
