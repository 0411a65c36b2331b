//! How the posterior changes from place to place: what optimisers of acquisition functions climb.

use super::exact::ExactGp;
use super::points::{Points, PointsView};
use super::posterior::{prior_variance, reduce, solve_cross_covariance};
use super::surrogate::{Slopes, check_derivatives};
use crate::error::Result;
use crate::linalg::zeros;
use crate::vector::dot;
use ndarray::{Array2, ArrayView2};
use std::ops::Range;

/// Places solved for together: wide enough for fast solves, narrow enough for the block to stay in cache.
const BLOCK: usize = 64;

impl ExactGp {
    /// Mean and variance of the latent function at each row of `points` (m × d), with their derivatives by the
    /// coordinates, in closed form:
    ///
    /// ∂μ/∂x = ∂m/∂x + Σⱼ αⱼ ∂k(x, xⱼ)/∂x and ∂σ²/∂x = ∂k(x, x)/∂x − 2 Σⱼ βⱼ ∂k(x, xⱼ)/∂x,
    ///
    /// with α = K⁻¹(y − m) and β = K⁻¹ k(X, x), from Rasmussen & Williams (2006), eqs. 2.25 and 2.26. Costs n²
    /// multiplications a place, twice the posterior alone, whatever the number of coordinates.
    ///
    /// The slope is zero along a column of category codes, and the mean of both sides where the kernel has a kink, as
    /// [`Matern12`](super::Matern12) has at the measured places. Of a [custom mean](super::Mean::custom) it is taken by
    /// central differences, which mean nothing along a column of codes.
    ///
    /// ```
    /// use dosewise::gp::{ExactGp, Noise, Rbf};
    /// use ndarray::array;
    /// // One measurement: μ = y k/(1 + s), σ² = 1 − k²/(1 + s) with k = exp(−x²/2), whose slope is −x k.
    /// let gp = ExactGp::new(Rbf::isotropic(1.0), Noise::Known(vec![0.25])).condition(&array![[0.0]], &[5.0])?;
    /// let slopes = &gp.slopes_at(&array![[0.7]])?[0];
    /// let k = (-0.245_f64).exp();
    /// assert!((slopes.of_mean[0] - 5.0 * -0.7 * k / 1.25).abs() < 1e-14);
    /// assert!((slopes.of_variance[0] - 2.0 * 0.7 * k * k / 1.25).abs() < 1e-14);
    /// # Ok::<(), dosewise::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`ExactGp::posterior`], and [`Error::Argument`](crate::Error::Argument) if a custom mean has no value on either
    /// side of a place.
    pub fn slopes_at<'p>(&self, points: impl Into<ArrayView2<'p, f64>>) -> Result<Vec<Slopes>> {
        let places = self.places("points", points.into())?;
        slopes(self, &places)
    }
}

/// As [`ExactGp::slopes_at`], at one place.
pub(super) fn slopes_at_one(gp: &ExactGp, point: &[f64]) -> Result<Slopes> {
    let row = ArrayView2::from_shape((1, point.len()), point).expect("one row of all coordinates");
    let mut slopes = slopes(gp, &gp.places("point", row)?)?;
    Ok(slopes.pop().expect("slopes for each place"))
}

fn slopes(gp: &ExactGp, places: &Points) -> Result<Vec<Slopes>> {
    let (n, m) = (gp.len(), places.len());
    let mut solved = vec![0.0; n * BLOCK.min(m)];
    let mut found = Vec::with_capacity(m);
    for start in (0..m).step_by(BLOCK) {
        let block = places.view().range(start, start + BLOCK);
        let solved = &mut solved[..n * block.len()];
        slopes_of_block(gp, block, solved, &mut found)?;
    }
    Ok(found)
}

/// Adds the slopes at the places of one block to `found`; `solved` is scratch for n numbers a place.
fn slopes_of_block(
    gp: &ExactGp,
    places: PointsView<'_>,
    solved: &mut [f64],
    found: &mut Vec<Slopes>,
) -> Result<()> {
    let mut mean = gp.mean().values(places)?;
    let mut variance = prior_variance(gp.kernel(), places);
    solve_cross_covariance(gp, places, solved)?;
    reduce(&gp.whitened, solved, &mut mean, &mut variance)?;
    gp.factor.backward_many(solved, places.len())?;
    let (kernel, measured) = (gp.kernel(), gp.points().view());
    let mut weights = Vec::with_capacity(gp.len());
    let mut point = Vec::with_capacity(places.dimension());
    for (j, (mean, variance)) in mean.into_iter().zip(variance).enumerate() {
        places.copy_point(j, &mut point);
        let mut of_mean = vec![0.0; point.len()];
        gp.mean().add_slopes(&point, measured, &mut of_mean)?;
        kernel.accumulate_input_gradient(&point, measured, gp.alpha(), &mut of_mean);
        let mut of_variance = vec![0.0; point.len()];
        weights.clear();
        weights.extend(
            solved
                .iter()
                .skip(j)
                .step_by(places.len())
                .map(|b| -2.0 * b),
        );
        kernel.accumulate_input_gradient(&point, measured, &weights, &mut of_variance);
        kernel.accumulate_variance_gradient(&point, 1.0, &mut of_variance);
        found.push(Slopes {
            mean,
            variance,
            of_mean,
            of_variance,
        });
    }
    Ok(())
}

/// As [`Surrogate::joint_gradient`](super::Surrogate::joint_gradient), in closed form: with Σ = k(P, P) − k(P, X) K⁻¹ k(X, P),
/// the slope by the place p_a is
///
/// ∂F/∂μ_a ∂μ_a/∂p_a + Σ_b (∂F/∂Σ_ab + ∂F/∂Σ_ba) (∂k(p_a, p_b)/∂p_a − Σⱼ βⱼ_b ∂k(p_a, xⱼ)/∂p_a), β = K⁻¹ k(X, P),
///
/// with half of ∂k(p, p)/∂p for b = a. All weights on the measurements are summed first, so each moving place costs one
/// pass over them.
pub(super) fn joint_gradient(
    gp: &ExactGp,
    points: ArrayView2<'_, f64>,
    moving: Range<usize>,
    by_mean: &[f64],
    by_covariance: ArrayView2<'_, f64>,
) -> Result<Array2<f64>> {
    check_derivatives(points.nrows(), &moving, by_mean, by_covariance)?;
    let places = gp.places("points", points)?;
    let (places, measured, m) = (places.view(), gp.points().view(), points.nrows());
    let mut solved = zeros(gp.len(), m)?;
    solve_cross_covariance(gp, places, &mut solved)?;
    gp.factor.backward_many(&mut solved, m)?;
    let mut gradient = Array2::zeros((moving.len(), points.ncols()));
    for (a, mut slopes) in moving.zip(gradient.rows_mut()) {
        let point = points.row(a).to_vec();
        let mut sum = vec![0.0; point.len()];
        gp.mean().add_slopes(&point, measured, &mut sum)?;
        sum.iter_mut().for_each(|slope| *slope *= by_mean[a]);
        let mut both: Vec<f64> = (0..m)
            .map(|b| by_covariance[[a, b]] + by_covariance[[b, a]])
            .collect();
        let weights: Vec<f64> = solved
            .chunks_exact(m.max(1))
            .zip(gp.alpha())
            .map(|(row, alpha)| by_mean[a] * alpha - dot(row, &both))
            .collect();
        gp.kernel()
            .accumulate_input_gradient(&point, measured, &weights, &mut sum);
        gp.kernel()
            .accumulate_variance_gradient(&point, 0.5 * both[a], &mut sum);
        both[a] = 0.0;
        gp.kernel()
            .accumulate_input_gradient(&point, places, &both, &mut sum);
        slopes
            .iter_mut()
            .zip(sum)
            .for_each(|(slot, slope)| *slot = slope);
    }
    Ok(gradient)
}
