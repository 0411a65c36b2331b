//! Forgetting measurements without factoring again: sliding windows, outliers, what-ifs.

use super::exact::ExactGp;
use super::noise::Noise;
use crate::error::{Error, Result};
use crate::linalg::{Cholesky, Rotations};
use std::sync::OnceLock;

/// With more rows than this to take out, what is left is factored anew: measured, that costs as much as 15 (of 100
/// rows) to 40 (of 1000) removals of the first row, and removals of later rows are cheaper.
const MANY: usize = 40;

/// A measurement taken out of a process by [`ExactGp::remove`].
#[derive(Debug, Clone, PartialEq)]
pub struct Removed {
    /// Where it was measured.
    pub point: Vec<f64>,
    /// What was measured.
    pub target: f64,
    /// The **variance** of its noise; the shared one with [`Noise::Homoscedastic`].
    pub noise_variance: f64,
}

impl ExactGp {
    /// Forgets measurement `index`, counted in the order they were given: at most 2 n² multiplications, fewer for the
    /// later ones. The result equals conditioning on the others anew; their order stays, and so do the
    /// hyper-parameters.
    ///
    /// Where [`ExactGp::jitter`] was needed everything is factored again, since the others may need none.
    ///
    /// ```
    /// use dosewise::gp::{ExactGp, Kernel, Matern52, Noise};
    /// use ndarray::array;
    /// let prior = ExactGp::new(Matern52::isotropic(0.3).scaled(1.0), Noise::Known(vec![0.1, 0.2]));
    /// let mut window = prior.condition(&array![[0.0], [0.5]], &[1.0, -1.0])?;
    /// window.append(&[1.0], 0.4, 0.3)?;
    /// let oldest = window.remove(0)?;
    /// assert_eq!((oldest.point, oldest.target, oldest.noise_variance), (vec![0.0], 1.0, 0.1));
    /// assert_eq!(window.targets(), [-1.0, 0.4]);
    /// # Ok::<(), dosewise::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such measurement.
    pub fn remove(&mut self, index: usize) -> Result<Removed> {
        let removed = self.measurement(index)?;
        self.remove_rows(&[index])?;
        Ok(removed)
    }

    /// Forgets several measurements, all counted as they stand now, and returns them in the order of `indices`. Each
    /// costs what [`ExactGp::remove`] costs; more than forty are left out of a new factor instead.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such measurement or one is named twice; the process is then unchanged.
    pub fn remove_many(&mut self, indices: &[usize]) -> Result<Vec<Removed>> {
        let removed: Result<Vec<Removed>> = indices.iter().map(|&i| self.measurement(i)).collect();
        let mut sorted = indices.to_vec();
        sorted.sort_unstable();
        if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            let found = format!("{} twice", twice[0]);
            return Err(Error::argument("indices", found, "each measurement once"));
        }
        let removed = removed?;
        self.remove_rows(&sorted)?;
        Ok(removed)
    }

    /// Takes out the measurements at these ascending indices. Returns the rotations of the factor, to be applied in
    /// their order, or `None` if all was factored again.
    pub(super) fn remove_rows(&mut self, ascending: &[usize]) -> Result<Option<Vec<Rotations>>> {
        if ascending.is_empty() {
            return Ok(Some(Vec::new()));
        }
        for &index in ascending.iter().rev() {
            self.points.remove(index);
            self.targets.remove(index);
            if let Noise::Known(variances) = &mut self.noise {
                variances.remove(index);
            }
        }
        self.alpha = OnceLock::new();
        if (self.factor.jitter() > 0.0 || ascending.len() > MANY) && self.factor_anew() {
            return Ok(None);
        }
        let mut all = Vec::with_capacity(ascending.len());
        for &index in ascending.iter().rev() {
            let rotations = self.factor.remove(index)?;
            rotations.apply(&mut self.whitened, 1)?;
            all.push(rotations);
        }
        Ok(Some(all))
    }

    /// Factors what is left, if it can be.
    fn factor_anew(&mut self) -> bool {
        let mut factor = Cholesky::default();
        let factored = self.data().factor_into(self.kernel.as_ref(), &mut factor);
        match factored.and_then(|()| self.data().whiten(&factor)) {
            Ok(whitened) => {
                self.factor = factor;
                self.whitened = whitened;
                true
            }
            Err(_) => false,
        }
    }

    /// A copy of measurement `index`.
    pub(super) fn measurement(&self, index: usize) -> Result<Removed> {
        match (self.targets.get(index), self.noise.variance(index)) {
            (Some(&target), Some(noise_variance)) => Ok(Removed {
                point: self.points.view().point(index),
                target,
                noise_variance,
            }),
            _ => Err(Error::argument(
                "index",
                index,
                format!("a measurement, 0..{}", self.len()),
            )),
        }
    }
}
