//! Growing without conditioning everything again.

use super::conditioning::Block;
use super::model::VecchiaGp;
use crate::error::{Error, Result};
use crate::gp::exact::check_target;
use ndarray::{ArrayView2, Axis, aview1};

impl VecchiaGp {
    /// Adds one measurement `y` at `x`, last in the order: a search for its neighbours and a block of k³, and √n log n
    /// on average to keep the search tree. The result equals conditioning on all measurements in that order with the
    /// scales of distances as they are; the order itself is improved only by [`VecchiaGp::refit`]. `noise_variance` (a **variance**) is needed with
    /// [`Noise::Known`](crate::gp::Noise::Known), and `None` with
    /// [`Noise::Homoscedastic`](crate::gp::Noise::Homoscedastic).
    ///
    /// # Errors
    /// As [`VecchiaGp::condition`]; the model is then unchanged.
    pub fn append(
        &mut self,
        x: &[f64],
        y: f64,
        noise_variance: impl Into<Option<f64>>,
    ) -> Result<()> {
        self.append_row(x, y, noise_variance.into())
    }

    /// Adds the measurements `y` at the rows of `x` (k × d), equal to appending one by one. `noise_variances` holds
    /// one **variance** each with [`Noise::Known`](crate::gp::Noise::Known) and is `None` with
    /// [`Noise::Homoscedastic`](crate::gp::Noise::Homoscedastic).
    ///
    /// # Errors
    /// As [`VecchiaGp::append`]; the model is then unchanged.
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
        let mut grown = self.clone();
        for (j, (row, &value)) in x.rows().into_iter().zip(y).enumerate() {
            grown.append_row(&row.to_vec(), value, noise_variances.map(|v| v[j]))?;
        }
        *self = grown;
        Ok(())
    }

    fn append_row(&mut self, x: &[f64], y: f64, noise_variance: Option<f64>) -> Result<()> {
        self.places("x", aview1(x).insert_axis(Axis(0)))?;
        check_target(y)?;
        let variance = self.noise.admit(noise_variance)?;
        if self.is_empty() {
            let mut first = self.clone();
            first.noise.push(variance);
            first.ordering.push();
            *self = first.condition(aview1(x).insert_axis(Axis(0)), &[y])?;
            return Ok(());
        }
        let residual = y - self.mean.checked_at(x)?;
        let predecessors = self.arrangement.predecessors(x);
        let order = self.arrangement.neighbours.order();
        let ranks = predecessors.ranks().iter();
        let all = self.observations();
        let mut block = Block::default();
        block.load(&all, ranks.map(|&rank| order[rank as usize] as usize));
        block.push(x, variance, residual)?;
        block.factor(self.kernel())?;
        let density = block.last();

        self.points.push(x)?;
        self.targets.push(y);
        self.noise.push(variance);
        self.residuals.push(residual);
        self.densities.push(density);
        self.ordering.push();
        self.arrangement.push(x, &predecessors);
        Ok(())
    }
}
