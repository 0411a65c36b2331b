//! Measurements that have no outcome yet: what the process will know once they have.

use super::candidates::subtract_combination;
use super::exact::{ExactGp, check_target};
use super::kernel::Kernel;
use super::points::{Points, PointsView};
use super::posterior::{
    BLOCK, prior_variance, reduce, remaining_covariance, solve_cross_covariance,
};
use super::surrogate::{Joint, Marginals, Surrogate};
use crate::error::{Error, Result};
use crate::linalg::{Cholesky, zeros};
use ndarray::{Array2, ArrayView2};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

/// q pending measurements of a process, from [`ExactGp::fantasize`].
///
/// Borrows the process and keeps only the factor R of the q × q covariance of the outcomes, noise included, which is
/// the corner that appending would put below L. With W = L⁻¹ k(X, P) of the pending points P, the posterior at other
/// places x given outcomes y gains one row u = R⁻¹ (k(P, x) − Wᵀ L⁻¹ k(X, x)) for each pending point:
/// mean += uᵀ R⁻¹ (y − mean(P)) and variance −= uᵀu, at n q + q² multiplications a place. The variance does not depend
/// on the outcomes, so it is there before them.
///
/// Batches in which each point allows for those before (Ginsbourger, Le Riche & Carraro 2010, *Kriging is well-suited to
/// parallelize optimization*) and look-ahead acquisition functions are made of these.
///
/// ```
/// use dosewise::gp::{ExactGp, Kernel, Matern52, Noise, Surrogate};
/// use ndarray::array;
/// let gp = ExactGp::new(Matern52::isotropic(0.3).scaled(1.0), Noise::Known(vec![0.01; 2]))
///     .condition(&array![[0.0], [1.0]], &[0.2, -0.4])?;
/// let pending = array![[0.4], [0.6]];
/// let fantasy = gp.fantasize(&pending, Some(&[0.01, 0.01]))?;
/// let (now, then) = (gp.marginals(pending.view())?, fantasy.believer().marginals(pending.view())?);
/// // Believing the mean moves no mean, and the variance falls to that of the noise or below.
/// assert!((now.mean[0] - then.mean[0]).abs() < 1e-12);
/// assert!(now.variance[0] > 0.1 && then.variance[0] < 0.01);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug)]
pub struct Fantasy<'gp> {
    gp: &'gp ExactGp,
    pending: Points,
    /// The columns of W, one after the other.
    solved: Vec<f64>,
    mean: Vec<f64>,
    /// R.
    factor: Cholesky,
}

/// A process that has been told the outcomes of pending measurements, from [`Fantasy::given`]; a [`Surrogate`].
#[derive(Debug)]
pub struct Given<'f> {
    fantasy: &'f Fantasy<'f>,
    /// R⁻¹ (y − mean).
    whitened: Vec<f64>,
}

/// Posteriors under several possible outcomes, from [`Fantasy::given_each`].
#[derive(Debug, Clone, PartialEq)]
pub struct Prospects {
    /// Posterior mean: one row for each vector of outcomes, one column a place; units of the outputs.
    pub mean: Array2<f64>,
    /// Posterior **variance** of the latent function at each place, the same for all outcomes.
    pub variance: Vec<f64>,
}

impl ExactGp {
    /// Prepares for outcomes of measurements at the rows of `points` (q × d), which are under way or only imagined; the
    /// n × n factor is borrowed, not copied. `noise_variances` holds one **variance** each with
    /// [`Noise::Known`](super::Noise::Known) and is `None` with [`Noise::Homoscedastic`](super::Noise::Homoscedastic),
    /// as in [`ExactGp::append_many`]. Costs n² q/2 multiplications.
    ///
    /// Where a pending outcome is known already up to rounding (a place measured without noise), the covariance of the
    /// outcomes takes jitter, and little is learned there.
    ///
    /// # Errors
    /// As [`ExactGp::append_many`].
    pub fn fantasize<'p>(
        &self,
        points: impl Into<ArrayView2<'p, f64>>,
        noise_variances: Option<&[f64]>,
    ) -> Result<Fantasy<'_>> {
        let pending = self.places("points", points.into())?;
        self.noise.check(self.len())?;
        let (n, q) = (self.len(), pending.len());
        if let Some(variances) = noise_variances.filter(|v| v.len() != q) {
            return Err(Error::argument(
                "noise_variances",
                format!("{} variances", variances.len()),
                format!("{q}, one for each pending point"),
            ));
        }
        let noise = (0..q).map(|j| self.noise.admit(noise_variances.map(|v| v[j])));
        let noise: Vec<f64> = noise.collect::<Result<_>>()?;
        let mut rows = zeros(n, q)?;
        solve_cross_covariance(self, pending.view(), &mut rows)?;
        let mut mean = self.mean.values(pending.view())?;
        let mut variance = prior_variance(self, pending.view());
        reduce(&self.whitened, &rows, &mut mean, &mut variance);
        let mut point = Vec::new();
        let factor = self.factor.complement(&rows, q, &mut |j, column| {
            pending.view().copy_point(j, &mut point);
            let below = pending.view().range(j, q);
            self.kernel.covariances(&point, below, column);
            column[0] += noise[j];
        })?;
        let columns = (0..q).flat_map(|j| rows.iter().skip(j).step_by(q).copied());
        let solved = columns.collect();
        Ok(Fantasy {
            gp: self,
            pending,
            solved,
            mean,
            factor,
        })
    }
}

impl Fantasy<'_> {
    /// The pending points.
    pub fn points(&self) -> &Points {
        &self.pending
    }

    /// Number of pending points, q.
    pub fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// The expected outcome of each pending measurement: the posterior mean there.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// `count` joint draws of the outcomes, noise of measurement included, one a row (count × q).
    ///
    /// # Errors
    /// [`Error::Argument`] if `count` × q numbers do not fit into memory.
    pub fn sample_outcomes<R: Rng + ?Sized>(
        &self,
        count: usize,
        rng: &mut R,
    ) -> Result<Array2<f64>> {
        let q = self.len();
        let mut draws = zeros(count, q)?;
        for draw in draws.chunks_exact_mut(q.max(1)) {
            let deviates: Vec<f64> = (0..q).map(|_| StandardNormal.sample(rng)).collect();
            let steps = self.factor.multiply(&deviates)?;
            for ((out, mean), step) in draw.iter_mut().zip(&self.mean).zip(steps) {
                *out = mean + step;
            }
        }
        Ok(Array2::from_shape_vec((count, q), draws).expect("count rows of q outcomes"))
    }

    /// The process once the pending measurements have come out as `outcomes`, one for each; equal to appending them.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is not one usable number for each pending point.
    pub fn given(&self, outcomes: &[f64]) -> Result<Given<'_>> {
        Ok(Given {
            fantasy: self,
            whitened: self.whiten(outcomes)?,
        })
    }

    /// The process once every outcome has been as expected ("Kriging believer"): no mean moves, variances fall.
    pub fn believer(&self) -> Given<'_> {
        Given {
            fantasy: self,
            whitened: vec![0.0; self.len()],
        }
    }

    /// The posterior at the rows of `points` (m × d) under each row of `outcomes` (count × q), e.g. from
    /// [`Fantasy::sample_outcomes`]. Beyond the first row each costs q m multiplications.
    ///
    /// # Errors
    /// As [`ExactGp::posterior`] and [`Fantasy::given`].
    pub fn given_each<'o, 'p>(
        &self,
        outcomes: impl Into<ArrayView2<'o, f64>>,
        points: impl Into<ArrayView2<'p, f64>>,
    ) -> Result<Prospects> {
        let rows = outcomes.into();
        let whitened = rows
            .rows()
            .into_iter()
            .map(|row| self.whiten(&row.to_vec()));
        let whitened: Vec<Vec<f64>> = whitened.collect::<Result<_>>()?;
        let places = self.gp.places("points", points.into())?;
        self.prospects(&whitened, places.view())
    }

    /// R⁻¹ (outcomes − mean).
    fn whiten(&self, outcomes: &[f64]) -> Result<Vec<f64>> {
        if outcomes.len() != self.len() {
            return Err(Error::argument(
                "outcomes",
                format!("{} values", outcomes.len()),
                format!("{}, one for each pending point", self.len()),
            ));
        }
        outcomes.iter().try_for_each(|&y| check_target(y))?;
        let steps = outcomes.iter().zip(&self.mean).map(|(y, mean)| y - mean);
        let mut whitened: Vec<f64> = steps.collect();
        self.factor.forward(&mut whitened)?;
        Ok(whitened)
    }

    /// The posterior under each of several R⁻¹ (outcomes − mean), in blocks of places.
    fn prospects(&self, whitened: &[Vec<f64>], places: PointsView<'_>) -> Result<Prospects> {
        let m = places.len();
        let mut means = zeros(whitened.len(), m)?;
        let mut before = self.gp.mean.values(places)?;
        let mut variance = prior_variance(self.gp, places);
        for start in (0..m).step_by(BLOCK) {
            let end = (start + BLOCK).min(m);
            let (known, added) = self.rows(places.range(start, end))?;
            let (before, variance) = (&mut before[start..end], &mut variance[start..end]);
            reduce(&self.gp.whitened, &known, before, variance);
            for (z, row) in whitened.iter().zip(means.chunks_exact_mut(m)) {
                let row = &mut row[start..end];
                row.copy_from_slice(before);
                for (z, u) in z.iter().zip(added.chunks_exact(end - start)) {
                    for (mean, u) in row.iter_mut().zip(u) {
                        *mean += z * u;
                    }
                }
            }
            reduce(&vec![0.0; self.len()], &added, before, variance);
        }
        let mean = Array2::from_shape_vec((whitened.len(), m), means);
        Ok(Prospects {
            mean: mean.expect("one row of m means for each row of outcomes"),
            variance,
        })
    }

    /// V = L⁻¹ k(X, places) and U = R⁻¹ (k(P, places) − Wᵀ V), both row-major.
    fn rows(&self, places: PointsView<'_>) -> Result<(Vec<f64>, Vec<f64>)> {
        let (n, q, m) = (self.gp.len(), self.len(), places.len());
        let mut known = zeros(n, m)?;
        solve_cross_covariance(self.gp, places, &mut known)?;
        let mut added = zeros(q, m)?;
        let mut point = Vec::new();
        for (j, row) in added.chunks_exact_mut(m.max(1)).enumerate() {
            self.pending.view().copy_point(j, &mut point);
            self.gp.kernel.covariances(&point, places, row);
            subtract_combination(row, &self.solved[j * n..][..n], &known);
        }
        self.factor.forward_many(&mut added, m)?;
        Ok((known, added))
    }
}

impl Surrogate for Given<'_> {
    fn dimension(&self) -> usize {
        self.fantasy.pending.dimension()
    }

    fn marginals(&self, points: ArrayView2<'_, f64>) -> Result<Marginals> {
        let places = self.fantasy.gp.places("points", points)?;
        let whitened = std::slice::from_ref(&self.whitened);
        let prospects = self.fantasy.prospects(whitened, places.view())?;
        Ok(Marginals {
            mean: prospects.mean.into_raw_vec_and_offset().0,
            variance: prospects.variance,
        })
    }

    fn joint(&self, points: ArrayView2<'_, f64>) -> Result<Joint> {
        let gp = self.fantasy.gp;
        let places = gp.places("points", points)?;
        let (known, added) = self.fantasy.rows(places.view())?;
        let mut mean = gp.mean.values(places.view())?;
        let mut variance = prior_variance(gp, places.view());
        reduce(&gp.whitened, &known, &mut mean, &mut variance);
        reduce(&self.whitened, &added, &mut mean, &mut variance);
        let explained: [&[f64]; 2] = [&known, &added];
        let covariance = remaining_covariance(gp, places.view(), &explained, &variance)?;
        Ok(Joint { mean, covariance })
    }
}
