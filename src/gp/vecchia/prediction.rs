//! The latent function at places, each given the nearest measurements.

use super::blocks::in_blocks;
use super::conditioning::Block;
use super::model::VecchiaGp;
use super::nearest::Nearest;
use crate::error::Result;
use crate::gp::kernel::Kernel;
use crate::gp::noise::Noise;
use crate::gp::points::Points;
use crate::gp::surrogate::{Marginals, Slopes, check_dimension};
use ndarray::{ArrayView2, Axis, aview1};

/// Measurements whose noise variance is this many times the prior variance of a place tell nothing there, as long as
/// there are others.
const LOUD: f64 = 1e4;

impl VecchiaGp {
    /// Mean and variance at the rows of `points`.
    pub(super) fn predict(&self, points: ArrayView2<'_, f64>) -> Result<Marginals> {
        let places = self.places("points", points)?;
        let pairs = in_blocks(places.len(), |range| {
            let mut around = Around::new(self);
            let mut point = Vec::new();
            let mut predicted = |j| {
                places.view().copy_point(j, &mut point);
                let conditional = around.block(&point)?.condition(self.kernel(), &point)?;
                let mean = self.mean().checked_at(&point)? + conditional.shift;
                Ok((mean, conditional.variance))
            };
            range.map(&mut predicted).collect::<Result<Vec<_>>>()
        })?;
        let (mean, variance) = pairs.into_iter().flatten().unzip();
        Ok(Marginals { mean, variance })
    }

    /// Mean and variance at a point with their derivatives.
    pub(super) fn slopes_at(&self, point: &[f64]) -> Result<Slopes> {
        self.places("point", aview1(point).insert_axis(Axis(0)))?;
        let mut around = Around::new(self);
        let block = around.block(point)?;
        let conditional = block.condition(self.kernel(), point)?;
        let mean = self.mean().checked_at(point)? + conditional.shift;
        let variance = conditional.variance;
        let (kernel, members) = (self.kernel(), block.points());
        let mut of_mean = vec![0.0; point.len()];
        self.mean()
            .add_slopes(point, self.points.view(), &mut of_mean)?;
        kernel.accumulate_input_gradient(point, members, &block.alpha()?, &mut of_mean);
        let mut of_variance = vec![0.0; point.len()];
        kernel.accumulate_variance_gradient(point, 1.0, &mut of_variance);
        let weights = block.weights(conditional)?;
        let twice: Vec<f64> = weights.iter().map(|w| -2.0 * w).collect();
        kernel.accumulate_input_gradient(point, members, &twice, &mut of_variance);
        Ok(Slopes {
            mean,
            variance,
            of_mean,
            of_variance,
        })
    }

    /// Checked places.
    pub(super) fn places(&self, argument: &str, rows: ArrayView2<'_, f64>) -> Result<Points> {
        self.check_counts()?;
        let places = Points::from_rows(argument, rows)?;
        check_dimension(argument, places.dimension(), self.points.dimension())?;
        self.mean.check(places.dimension())?;
        self.kernel.check_points(places.view())?;
        Ok(places)
    }
}

/// The block of the measurements nearest to a place, kept from one place to the next as long as it is the same.
pub(super) struct Around<'gp> {
    gp: &'gp VecchiaGp,
    /// The smallest noise variance of all measurements.
    quietest: f64,
    found: Nearest,
    indices: Vec<usize>,
    block: Block,
    factored: bool,
}

impl<'gp> Around<'gp> {
    pub fn new(gp: &'gp VecchiaGp) -> Self {
        let quietest = match &gp.noise {
            Noise::Known(variances) => variances.iter().copied().fold(f64::INFINITY, f64::min),
            Noise::Homoscedastic(variance) => *variance,
        };
        Self {
            gp,
            quietest,
            found: Nearest::new(gp.prediction_neighbours),
            indices: Vec::new(),
            block: Block::default(),
            factored: false,
        }
    }

    /// Indices of the measurements nearest to a place, in the order of conditioning; loud ones (see [`LOUD`]) only
    /// where there are not enough others, and behind these.
    pub fn indices(&mut self, place: &[f64]) -> &[usize] {
        let gp = self.gp;
        let (found, indices) = (&mut self.found, &mut self.indices);
        indices.clear();
        gp.arrangement.add_nearest(place, |_| true, found, indices);
        let Noise::Known(variances) = &gp.noise else {
            return &self.indices;
        };
        let loud = LOUD * gp.kernel().variance(place);
        let is_quiet = |index: usize| variances[index] <= loud;
        let room = indices.len();
        if room < gp.len() && self.quietest <= loud && !indices.iter().all(|&i| is_quiet(i)) {
            indices.clear();
            gp.arrangement.add_nearest(place, is_quiet, found, indices);
            let mut rest = Nearest::new(room - indices.len());
            let is_loud = |index| !is_quiet(index);
            gp.arrangement
                .add_nearest(place, is_loud, &mut rest, indices);
        }
        &self.indices
    }

    /// The factored block around a place.
    fn block(&mut self, place: &[f64]) -> Result<&Block> {
        self.indices(place);
        if !self.factored || self.indices != self.block.indices() {
            self.factored = false;
            let all = self.gp.observations();
            self.block.load(&all, self.indices.iter().copied());
            self.block.factor(all.kernel)?;
            self.factored = true;
        }
        Ok(&self.block)
    }
}
