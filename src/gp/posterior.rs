//! What the surrogate knows at a set of places.

use super::exact::ExactGp;
use super::points::{Points, PointsView};
use super::surrogate::Marginals;
use crate::error::Result;
use crate::linalg::{Cholesky, subtract_gram, zeros};
use crate::vector::vectorised;
use ndarray::Array2;
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

/// Places handled together: long enough for fast solves, short enough for the block to stay in cache.
pub(super) const BLOCK: usize = 512;

/// The posterior of the latent function (without measurement noise) at m places, from [`ExactGp::posterior`].
///
/// Mean and variance are computed at once in blocks of places, side by side where there are processors for it and
/// with the same result on any number of them; the m × m covariance only when asked for.
#[derive(Debug)]
pub struct Posterior<'gp> {
    gp: &'gp ExactGp,
    places: Points,
    mean: Vec<f64>,
    variance: Vec<f64>,
}

impl<'gp> Posterior<'gp> {
    pub(super) fn new(gp: &'gp ExactGp, places: Points) -> Result<Self> {
        let (n, m) = (gp.len(), places.len());
        let mut mean = gp.mean().values(places.view())?;
        let mut variance = prior_variance(gp, places.view());
        let blocks = mean
            .par_chunks_mut(BLOCK)
            .zip(variance.par_chunks_mut(BLOCK));
        let scratch = || vec![0.0; n * BLOCK.min(m)];
        blocks
            .enumerate()
            .try_for_each_init(scratch, |solved, (block, (mean, variance))| {
                let start = block * BLOCK;
                let solved = &mut solved[..n * mean.len()];
                solve_cross_covariance(gp, places.view().range(start, start + mean.len()), solved)?;
                reduce(&gp.whitened, solved, mean, variance);
                Ok(())
            })?;
        Ok(Self {
            gp,
            places,
            mean,
            variance,
        })
    }

    /// Posterior mean at each place, in units of the outputs.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Posterior **variance** of the latent function at each place, within [0, prior variance].
    pub fn variance(&self) -> &[f64] {
        &self.variance
    }

    /// Mean and variance without the rest.
    pub fn into_marginals(self) -> Marginals {
        Marginals {
            mean: self.mean,
            variance: self.variance,
        }
    }

    /// Number of places.
    pub fn len(&self) -> usize {
        self.mean.len()
    }

    /// Whether there is no place.
    pub fn is_empty(&self) -> bool {
        self.mean.is_empty()
    }

    /// The m × m posterior covariance between the places. Allocates m² numbers.
    ///
    /// # Errors
    /// [`crate::Error::Argument`] if m² numbers do not fit into memory.
    pub fn covariance(&self) -> Result<Array2<f64>> {
        let (n, m) = (self.gp.len(), self.len());
        let places = self.places.view();
        let mut solved = zeros(n, m)?;
        solve_cross_covariance(self.gp, places, &mut solved)?;
        remaining_covariance(self.gp, places, &[&solved], &self.variance)
    }

    /// One joint draw of the latent function at all places; O(m³), see [`Posterior::samples`] for many.
    ///
    /// # Errors
    /// As [`Posterior::samples`].
    pub fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> Result<Vec<f64>> {
        Ok(self.samples(1, rng)?.into_raw_vec_and_offset().0)
    }

    /// `count` joint draws, one a row (count × m): mean + L z with L Lᵀ the posterior covariance.
    ///
    /// # Errors
    /// [`crate::Error::NotPositiveDefinite`] if the posterior covariance has no factor even with jitter; as
    /// [`Posterior::covariance`].
    pub fn samples<R: Rng + ?Sized>(&self, count: usize, rng: &mut R) -> Result<Array2<f64>> {
        let prior = prior_variance(self.gp, self.places.view());
        let largest = prior.iter().copied().fold(0.0, f64::max);
        draw(&self.mean, &self.covariance()?, largest, count, rng)
    }
}

/// `count` draws (count × m) from N(mean, covariance), of a prior whose variances reach `largest`.
pub(super) fn draw<R: Rng + ?Sized>(
    mean: &[f64],
    covariance: &Array2<f64>,
    largest: f64,
    count: usize,
    rng: &mut R,
) -> Result<Array2<f64>> {
    let m = mean.len();
    // Where everything is known the covariance is zero up to rounding; a floor relative to the prior keeps the
    // factor defined without being visible in the draws.
    let floor = 1e-13 * largest;
    let factor = Cholesky::factor(m, &mut |j, column| {
        for (i, c) in column.iter_mut().enumerate() {
            *c = covariance[[j + i, j]];
        }
        column[0] += floor;
    })?;
    let mut draws = Vec::with_capacity(count * m);
    for _ in 0..count {
        let deviates: Vec<f64> = (0..m).map(|_| StandardNormal.sample(rng)).collect();
        let steps = factor.multiply(&deviates)?;
        draws.extend(mean.iter().zip(steps).map(|(mean, step)| mean + step));
    }
    Ok(Array2::from_shape_vec((count, m), draws).expect("count rows of m draws"))
}

/// k(p, p) for each place.
pub(super) fn prior_variance(gp: &ExactGp, places: PointsView<'_>) -> Vec<f64> {
    let mut point = Vec::new();
    (0..places.len())
        .map(|j| {
            places.copy_point(j, &mut point);
            gp.kernel().variance(&point)
        })
        .collect()
}

/// Writes V = L⁻¹ k(X, places), row-major n × m, into `solved`.
pub(super) fn solve_cross_covariance(
    gp: &ExactGp,
    places: PointsView<'_>,
    solved: &mut [f64],
) -> Result<()> {
    let mut point = Vec::new();
    for (i, row) in solved.chunks_exact_mut(places.len().max(1)).enumerate() {
        gp.points().view().copy_point(i, &mut point);
        gp.kernel().covariances(&point, places, row);
    }
    gp.factor.forward_many(solved, places.len())
}

/// k(places, places) − Σ VᵀV for row-major blocks V of `explained`, with `variance` on the diagonal.
pub(super) fn remaining_covariance(
    gp: &ExactGp,
    places: PointsView<'_>,
    explained: &[&[f64]],
    variance: &[f64],
) -> Result<Array2<f64>> {
    let m = places.len();
    let mut full = zeros(m, m)?;
    let mut point = Vec::new();
    for j in 0..m {
        places.copy_point(j, &mut point);
        let column = &mut full[j * m..][j..m];
        gp.kernel().covariances(&point, places.range(j, m), column);
    }
    for rows in explained {
        subtract_gram(&mut full, rows, rows.len() / m.max(1), m);
    }
    for j in 0..m {
        full[j * m + j] = variance[j];
        for i in j + 1..m {
            full[i * m + j] = full[j * m + i];
        }
    }
    Ok(Array2::from_shape_vec((m, m), full).expect("m rows of m covariances"))
}

/// Adds Σᵢ weightsᵢ k(xᵢ, place) to the `sums` of all places, block by block.
pub(super) fn add_weighted_covariances(
    gp: &ExactGp,
    weights: &[f64],
    places: PointsView<'_>,
    sums: &mut [f64],
) {
    let blocks = sums.par_chunks_mut(BLOCK).enumerate();
    blocks.for_each_init(Vec::new, |x, (block, sums)| {
        let mut row = [0.0; BLOCK];
        let row = &mut row[..sums.len()];
        let places = places.range(block * BLOCK, block * BLOCK + sums.len());
        for (i, weight) in weights.iter().enumerate() {
            gp.points().view().copy_point(i, x);
            gp.kernel().covariances(x, places, row);
            vectorised(
                #[inline(always)]
                || {
                    for (sum, k) in sums.iter_mut().zip(row.iter()) {
                        *sum += weight * k;
                    }
                },
            );
        }
    });
}

/// Adds Vᵀ z to the mean and takes the column sums of V² off the variance.
pub(super) fn reduce(whitened: &[f64], solved: &[f64], mean: &mut [f64], variance: &mut [f64]) {
    let width = mean.len().max(1);
    vectorised(
        #[inline(always)]
        || {
            for (z, row) in whitened.iter().zip(solved.chunks_exact(width)) {
                for ((mean, variance), v) in mean.iter_mut().zip(variance.iter_mut()).zip(row) {
                    *mean += z * v;
                    *variance -= v * v;
                }
            }
        },
    );
    for variance in variance {
        *variance = variance.max(0.0);
    }
}
