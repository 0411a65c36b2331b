//! Processes behind likelihoods that gain and lose measurements.

use super::Likelihood;
use super::heteroscedastic::HeteroscedasticGp;
use super::laplace::LaplaceGp;
use super::mode::Mode;
use super::variational::{Start, Variational};
use crate::error::{Error, Result};
use crate::gp::exact::check_target;
use crate::gp::kernel::{Kernel, check_parameter};
use crate::gp::mean::Mean;
use crate::gp::measured::check_places;
use crate::gp::points::{Points, PointsView};

impl LaplaceGp {
    /// Adds one measurement `y` at `x`, hyper-parameters as they are. A count needs its `exposure`, anything else takes
    /// `None`. The search for the mode goes on from where it was: a few factorisations of n³/3, and the result equals
    /// conditioning on all measurements anew.
    ///
    /// # Errors
    /// As [`LaplaceGp::condition`]; the model is then unchanged.
    ///
    /// ```
    /// use dosewise::gp::{Kernel, LaplaceGp, Likelihood, Matern52, Mean};
    /// let counts = Likelihood::Poisson { exposure: vec![] };
    /// let mut gp = LaplaceGp::new(Matern52::isotropic(1.0).scaled(1.0), counts).with_mean(Mean::Fixed(-2.0));
    /// gp.append(&[0.0], 12.0, 100.0)?;
    /// gp.append(&[0.4], 3.0, 50.0)?;
    /// assert_eq!(gp.len(), 2);
    /// # Ok::<(), dosewise::Error>(())
    /// ```
    pub fn append(&mut self, x: &[f64], y: f64, exposure: impl Into<Option<f64>>) -> Result<()> {
        let likelihood = self.likelihood.with_one_more(exposure.into())?;
        let points = one_more(&self.points, x, &[self.kernel.as_ref()], &self.mean)?;
        let y: Vec<f64> = self.y.iter().copied().chain([y]).collect();
        likelihood.check(&y)?;
        let weights: Vec<f64> = self.mode.weights.iter().copied().chain([0.0]).collect();
        self.replace(likelihood, points, y, &weights)
    }

    /// Forgets measurement `index`; those behind it move up. The result equals conditioning on the others anew.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such measurement; as [`LaplaceGp::condition`]. The model is then unchanged.
    pub fn remove(&mut self, index: usize) -> Result<()> {
        let n = self.len();
        if index >= n {
            let allowed = format!("a measurement, 0..{n}");
            return Err(Error::argument("index", index, allowed));
        }
        let left: Vec<usize> = (0..n).filter(|&i| i != index).collect();
        let of_left = |all: &[f64]| -> Vec<f64> { left.iter().map(|&i| all[i]).collect() };
        let (y, weights) = (of_left(&self.y), of_left(&self.mode.weights));
        let points = Points::select(self.points.view(), &left);
        self.replace(self.likelihood.select(&left), points, y, &weights)
    }

    /// Takes other measurements, with weights near which their mode is.
    fn replace(
        &mut self,
        likelihood: Likelihood,
        points: Points,
        y: Vec<f64>,
        weights: &[f64],
    ) -> Result<()> {
        let mut changed = Self {
            kernel: self.kernel.clone(),
            likelihood,
            mean: self.mean.clone(),
            points,
            y,
            mode: Mode::default(),
            report: self.report.clone(),
        };
        if !changed.y.is_empty() {
            let model = changed.model();
            changed.mode = model.mode(&model.covariance()?, Some(weights))?;
        }
        *self = changed;
        Ok(())
    }
}

impl HeteroscedasticGp {
    /// Adds one measurement `y` at `x`, hyper-parameters as they are. The posterior of the noise is updated from where
    /// it was: a few factorisations of n³/3, and the result equals conditioning on all measurements anew as far as the
    /// bound has one maximum.
    ///
    /// # Errors
    /// As [`HeteroscedasticGp::condition`]; the model is then unchanged.
    pub fn append(&mut self, x: &[f64], y: f64) -> Result<()> {
        check_target(y)?;
        check_parameter("noise_level", self.noise_level)?;
        let kernels = [self.kernel.as_ref(), self.noise_kernel.as_ref()];
        let points = one_more(&self.points, x, &kernels, &self.mean)?;
        let mut grown = self.clone();
        grown.points = points;
        grown.y.push(y);
        let start = Start::grown(&self.noise);
        grown.noise = Variational::find(&grown.model(), false, Some(&start))?;
        grown.condition_latent()?;
        *self = grown;
        Ok(())
    }
}

/// The points and one more, which kernels and mean take.
fn one_more(points: &Points, x: &[f64], kernels: &[&dyn Kernel], mean: &Mean) -> Result<Points> {
    let mut grown = points.clone();
    grown.push(x)?;
    check_places(PointsView::single(x), kernels, mean)?;
    Ok(grown)
}
