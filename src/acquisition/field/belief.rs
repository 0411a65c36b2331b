//! The joint posterior of the places on offer and of the targets.

use crate::acquisition::posterior;
use crate::error::{Error, Result};
use crate::gp::{Joint, Surrogate};
use crate::linalg::Cholesky;
use ndarray::{ArrayView1, ArrayView2, Axis, concatenate};

/// Joint posterior of m places and t targets: the places first, the targets behind them or the very same.
#[derive(Debug)]
pub(in crate::acquisition) struct Belief {
    joint: Joint,
    places: usize,
    first_target: usize,
}

impl Belief {
    pub(in crate::acquisition) fn of(
        surrogate: &dyn Surrogate,
        targets: ArrayView2<'_, f64>,
        places: ArrayView2<'_, f64>,
    ) -> Result<Self> {
        if targets.nrows() == 0 {
            return Err(Error::argument("targets", "no points", "at least one"));
        }
        if targets == places {
            // half as many rows say the same
            return Ok(Self {
                first_target: 0,
                ..Self::of_places(surrogate, places)?
            });
        }
        let both = concatenate(Axis(0), &[places, targets]).map_err(|_| {
            Error::argument(
                "targets",
                format!("{} coordinates a point", targets.ncols()),
                format!("{}, as the places on offer have", places.ncols()),
            )
        })?;
        Ok(Self {
            joint: posterior::joint(surrogate, both.view())?,
            places: places.nrows(),
            first_target: places.nrows(),
        })
    }

    /// The places alone, without targets.
    pub(in crate::acquisition) fn of_places(
        surrogate: &dyn Surrogate,
        places: ArrayView2<'_, f64>,
    ) -> Result<Self> {
        Ok(Self {
            joint: posterior::joint(surrogate, places)?,
            places: places.nrows(),
            first_target: places.nrows(),
        })
    }

    /// The joint posterior, places first; where the targets are, [`targets`](Self::targets) says.
    pub(in crate::acquisition) fn joint(&self) -> &Joint {
        &self.joint
    }

    /// Where the targets are among all.
    pub(in crate::acquisition) fn targets(&self) -> std::ops::Range<usize> {
        self.first_target..self.joint.mean.len()
    }

    /// Means at the targets.
    pub(in crate::acquisition) fn target_means(&self) -> &[f64] {
        &self.joint.mean[self.targets()]
    }

    /// Variance at target j, never negative.
    pub(in crate::acquisition) fn target_variance(&self, j: usize) -> f64 {
        self.joint.covariance[[self.first_target + j, self.first_target + j]].max(0.0)
    }

    /// Mean at a place on offer.
    pub(in crate::acquisition) fn mean(&self, place: usize) -> f64 {
        self.joint.mean[place]
    }

    /// Variance at a place on offer, never negative.
    pub(in crate::acquisition) fn variance(&self, place: usize) -> f64 {
        self.joint.covariance[[place, place]].max(0.0)
    }

    /// Covariances of a place with all targets.
    pub(in crate::acquisition) fn with_targets(&self, place: usize) -> ArrayView1<'_, f64> {
        self.joint
            .covariance
            .row(place)
            .split_at(Axis(0), self.first_target)
            .1
    }

    /// The factor of the covariance of some of the targets, and L⁻¹ of their covariances with all m places, row-major.
    pub(in crate::acquisition) fn condition_on(
        &self,
        chosen: &[usize],
    ) -> Result<(Cholesky, Vec<f64>)> {
        let covariance = &self.joint.covariance;
        let largest = chosen
            .iter()
            .map(|&j| self.target_variance(j))
            .fold(0.0, f64::max);
        // what the model already knows is singular up to rounding; this floor keeps the factor defined
        let floor = 1e-12 * largest + f64::MIN_POSITIVE;
        let factor = Cholesky::factor(chosen.len(), &mut |j, column| {
            for (entry, i) in column.iter_mut().zip(&chosen[j..]) {
                *entry = covariance[[self.first_target + i, self.first_target + chosen[j]]];
            }
            column[0] += floor;
        })?;
        let mut solved = Vec::with_capacity(chosen.len() * self.places);
        for &j in chosen {
            solved.extend(
                covariance
                    .row(self.first_target + j)
                    .into_iter()
                    .take(self.places),
            );
        }
        factor.forward_many(&mut solved, self.places)?;
        Ok((factor, solved))
    }
}

/// `c²/(s² + ν)`, by how much a measurement of variance `s²` and noise `ν` lowers a variance with which it covaries by `c`.
pub(super) fn explained(covariance: f64, variance: f64, noise: f64) -> f64 {
    let outcome = variance + noise;
    if outcome > 0.0 {
        covariance * (covariance / outcome)
    } else {
        0.0
    }
}
