//! What is known of all outputs, or of one.

use super::MultiOutputGp;
use crate::error::{Error, Result};
use crate::gp::surrogate::{Joint, Marginals, Slopes, Surrogate};
use crate::gp::tagged::with_tags;
use ndarray::{Array2, ArrayView2};
use rand::Rng;

/// The posterior of all P outputs at m places, from [`MultiOutputGp::posterior`]; noise excluded.
#[derive(Debug, Clone)]
pub struct MultiOutputPosterior {
    mean: Array2<f64>,
    variance: Array2<f64>,
}

impl MultiOutputPosterior {
    pub(super) fn new(gp: &MultiOutputGp, points: ArrayView2<'_, f64>) -> Result<Self> {
        let shape = (points.nrows(), gp.outputs());
        let (mut mean, mut variance) = (Array2::zeros(shape), Array2::zeros(shape));
        for p in 0..gp.outputs() {
            let marginals = gp.output(p)?.marginals(points)?;
            mean.column_mut(p).assign(&ndarray::aview1(&marginals.mean));
            variance
                .column_mut(p)
                .assign(&ndarray::aview1(&marginals.variance));
        }
        Ok(Self { mean, variance })
    }

    /// Posterior means, m × P, each in the units of its output.
    pub fn mean(&self) -> &Array2<f64> {
        &self.mean
    }

    /// Posterior **variances**, m × P, each in the squared units of its output.
    pub fn variance(&self) -> &Array2<f64> {
        &self.variance
    }
}

/// One output of a [`MultiOutputGp`] as a [`Surrogate`]: what all measurements together tell of it.
#[derive(Debug, Clone, Copy)]
pub struct Output<'gp> {
    gp: &'gp MultiOutputGp,
    output: usize,
}

impl<'gp> Output<'gp> {
    pub(super) fn new(gp: &'gp MultiOutputGp, output: usize) -> Result<Self> {
        if output < gp.outputs() {
            return Ok(Self { gp, output });
        }
        Err(Error::argument(
            "output",
            output,
            format!("one of 0..{}", gp.outputs()),
        ))
    }

    /// Its number.
    pub fn index(&self) -> usize {
        self.output
    }

    /// `count` joint draws at the rows of `points` (m × d), one a row (`count` × m), noise excluded.
    ///
    /// # Errors
    /// As [`MultiOutputGp::samples`].
    pub fn samples<'p, R: Rng + ?Sized>(
        &self,
        points: impl Into<ArrayView2<'p, f64>>,
        count: usize,
        rng: &mut R,
    ) -> Result<Array2<f64>> {
        let rows = self.rows(points.into());
        self.gp.tagged.samples(rows.view(), count, rng)
    }

    fn rows(&self, points: ArrayView2<'_, f64>) -> Array2<f64> {
        with_tags(points, |_| [self.output as f64])
    }
}

impl Surrogate for Output<'_> {
    fn dimension(&self) -> usize {
        self.gp.tagged.dimension()
    }

    fn marginals(&self, points: ArrayView2<'_, f64>) -> Result<Marginals> {
        self.gp.tagged.marginals(self.rows(points).view())
    }

    fn joint(&self, points: ArrayView2<'_, f64>) -> Result<Joint> {
        self.gp.tagged.joint(self.rows(points).view())
    }

    fn slopes(&self, point: &[f64]) -> Result<Slopes> {
        let row: Vec<f64> = point.iter().copied().chain([self.output as f64]).collect();
        self.gp.tagged.slopes(&row)
    }
}
