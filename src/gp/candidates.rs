//! A fixed set of candidates whose posterior follows every measurement.

use super::exact::ExactGp;
use super::points::Points;
use super::posterior::{prior_variance, reduce, solve_cross_covariance};
use super::remove::Removed;
use crate::error::{Error, Result};
use crate::vector::vectorised;

/// Candidates whose partial sums stay in the fastest cache while rows stream by.
const TILE: usize = 1024;

/// A Gaussian process with a fixed set of m candidates, from [`ExactGp::track`].
///
/// Keeps V = L⁻¹ k(X, C) (n × m, one row a measurement). A further measurement adds one row,
/// v = (k(x, C) − lᵀV)/l_nn with (l, l_nn) the new row of L, and then mean += v z and variance −= v², so it costs
/// n m multiplications instead of the n² m of asking for a new posterior.
///
/// ```
/// use dosewise::gp::{ExactGp, Kernel, Matern52, Noise};
/// use ndarray::Array2;
/// let candidates = Array2::from_shape_fn((21, 1), |(i, _)| i as f64 / 20.0);
/// let prior = ExactGp::new(Matern52::isotropic(0.2).scaled(1.0), Noise::Known(vec![]));
/// let mut tracked = prior.track(&candidates)?;
/// tracked.observe_candidate(10, 0.8, 0.25)?; // a variance of 0.25, a standard deviation of 0.5
/// assert!((tracked.mean()[10] - 0.8 / 1.25).abs() < 1e-12);
/// assert!((tracked.variance()[10] - 0.2).abs() < 1e-12);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Tracked {
    gp: ExactGp,
    candidates: Points,
    /// V, row-major: row i holds measurement i's entry for every candidate.
    solved: Vec<f64>,
    mean: Vec<f64>,
    variance: Vec<f64>,
}

/// What one more measurement at a candidate would do to all candidates, from [`Tracked::fantasy`].
#[derive(Debug, Clone, PartialEq)]
pub struct Lookahead {
    /// The expected outcome: the posterior mean at the candidate.
    pub outcome_mean: f64,
    /// The **variance** of the outcome, noise of the measurement included.
    pub outcome_variance: f64,
    /// Posterior **variance** of the latent function at every candidate afterwards, whatever the outcome.
    pub variance: Vec<f64>,
    /// How far the mean at every candidate moves per unit of outcome − `outcome_mean`.
    pub gain: Vec<f64>,
}

impl Tracked {
    pub(super) fn new(gp: ExactGp, candidates: Points) -> Result<Self> {
        let mut tracked = Self {
            gp,
            candidates,
            solved: Vec::new(),
            mean: Vec::new(),
            variance: Vec::new(),
        };
        tracked.rebuild()?;
        Ok(tracked)
    }

    /// Adds a measurement `y` at any place `x`; `noise_variance` as in [`ExactGp::append`].
    ///
    /// # Errors
    /// As [`ExactGp::append`].
    pub fn observe(
        &mut self,
        x: &[f64],
        y: f64,
        noise_variance: impl Into<Option<f64>>,
    ) -> Result<()> {
        if x.len() != self.candidates.dimension() {
            return Err(Error::argument(
                "x",
                format!("a point of {} coordinates", x.len()),
                format!("{}, as the candidates have", self.candidates.dimension()),
            ));
        }
        match self.gp.append_row(x, y, noise_variance.into())? {
            Some(row) => {
                self.extend(x, &row);
                Ok(())
            }
            None => self.rebuild(),
        }
    }

    /// Adds a measurement `y` at candidate `index`; cheaper than [`Tracked::observe`], since its solve is known.
    ///
    /// # Errors
    /// As [`ExactGp::append`], and [`Error::Argument`] if there is no such candidate.
    pub fn observe_candidate(
        &mut self,
        index: usize,
        y: f64,
        noise_variance: impl Into<Option<f64>>,
    ) -> Result<()> {
        self.check_index("index", index)?;
        let x = self.candidates.view().point(index);
        let row = self.column(index).collect();
        match self.gp.append_solved(&x, y, noise_variance.into(), row)? {
            Some(row) => {
                self.extend(&x, &row);
                Ok(())
            }
            None => self.rebuild(),
        }
    }

    /// Forgets measurement `index` of the process, see [`ExactGp::remove`]: the rotations that take it out of the factor
    /// are applied to V, at most 6 n m multiplications. Everything is computed anew where the process needed jitter.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such measurement.
    pub fn forget(&mut self, index: usize) -> Result<Removed> {
        let removed = self.gp.measurement(index)?;
        match self.gp.remove_rows(&[index])? {
            Some(all) => {
                for rotations in all {
                    rotations.apply(&mut self.solved, self.candidates.len())?;
                }
                self.summarise()?;
            }
            None => self.rebuild()?,
        }
        Ok(removed)
    }

    /// What a measurement at candidate `index` would do, before it has an outcome; `noise_variance` as in
    /// [`ExactGp::append`]. O(n m), as [`Tracked::observe_candidate`], which has the same effect once the outcome is
    /// there.
    ///
    /// With c = [`Tracked::covariances`] and s² = `outcome_variance`: gain = c/s², variance −= c²/s² (Rasmussen &
    /// Williams 2006, eqs. 2.23 and 2.24 for one more point). A place whose outcome is known already up to rounding
    /// teaches nothing: its gain is zero.
    ///
    /// ```
    /// use dosewise::gp::{ExactGp, Kernel, Matern52, Noise};
    /// use ndarray::Array2;
    /// let candidates = Array2::from_shape_fn((21, 1), |(i, _)| i as f64 / 20.0);
    /// let prior = ExactGp::new(Matern52::isotropic(0.2).scaled(1.0), Noise::Known(vec![]));
    /// let mut tracked = prior.track(&candidates)?;
    /// tracked.observe_candidate(3, 0.5, 0.1)?;
    /// let ahead = tracked.fantasy(10, 0.25)?;
    /// let expected = tracked.mean()[12] + ahead.gain[12] * (0.8 - ahead.outcome_mean);
    /// tracked.observe_candidate(10, 0.8, 0.25)?;
    /// assert!((tracked.mean()[12] - expected).abs() < 1e-12);
    /// assert!((tracked.variance()[12] - ahead.variance[12]).abs() < 1e-12);
    /// # Ok::<(), dosewise::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such candidate, or the noise variance is not what the process needs.
    pub fn fantasy(
        &self,
        index: usize,
        noise_variance: impl Into<Option<f64>>,
    ) -> Result<Lookahead> {
        self.check_index("index", index)?;
        let noise = self.gp.noise.admit(noise_variance.into())? + self.gp.jitter();
        let outcome_variance = self.variance[index] + noise;
        let prior = self
            .gp
            .kernel()
            .variance(&self.candidates.view().point(index))
            + noise;
        let rounding = 2.0 * f64::EPSILON * prior * (self.gp.len() + 1) as f64;
        let mut gain = self.covariances(index)?;
        let mut variance = self.variance.clone();
        if outcome_variance > rounding {
            for (gain, variance) in gain.iter_mut().zip(&mut variance) {
                let covariance = *gain;
                *gain /= outcome_variance;
                *variance = (*variance - covariance * *gain).max(0.0);
            }
        } else {
            gain.fill(0.0);
        }
        Ok(Lookahead {
            outcome_mean: self.mean[index],
            outcome_variance,
            variance,
            gain,
        })
    }

    /// Posterior mean at every candidate.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Posterior **variance** of the latent function at every candidate.
    pub fn variance(&self) -> &[f64] {
        &self.variance
    }

    /// Posterior covariance k(c_i, c_j) − V_i · V_j between two candidates, O(n).
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such candidate.
    pub fn covariance(&self, i: usize, j: usize) -> Result<f64> {
        self.check_index("i", i)?;
        self.check_index("j", j)?;
        let view = self.candidates.view();
        let prior = self.gp.kernel().covariance(&view.point(i), &view.point(j));
        let explained: f64 = self.column(i).zip(self.column(j)).map(|(a, b)| a * b).sum();
        Ok(prior - explained)
    }

    /// Posterior covariance of candidate `index` with every candidate, O(n m): measuring there with noise variance
    /// s would lower the variance at candidate j by `covariances(index)[j]² / (variance()[index] + s)`.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such candidate.
    pub fn covariances(&self, index: usize) -> Result<Vec<f64>> {
        self.check_index("index", index)?;
        let x = self.candidates.view().point(index);
        let mut out = vec![0.0; self.len()];
        self.gp
            .kernel()
            .covariances(&x, self.candidates.view(), &mut out);
        let column: Vec<f64> = self.column(index).collect();
        subtract_combination(&mut out, &column, &self.solved);
        Ok(out)
    }

    /// Number of candidates.
    pub fn len(&self) -> usize {
        self.mean.len()
    }

    /// Whether there is no candidate.
    pub fn is_empty(&self) -> bool {
        self.mean.is_empty()
    }

    /// The candidates.
    pub fn candidates(&self) -> &Points {
        &self.candidates
    }

    /// The process behind the candidates.
    pub fn gp(&self) -> &ExactGp {
        &self.gp
    }

    /// Gives the process back, e.g. to refit its hyper-parameters.
    pub fn into_gp(self) -> ExactGp {
        self.gp
    }

    /// V[·, index].
    fn column(&self, index: usize) -> impl Iterator<Item = f64> + '_ {
        let rows = self.solved.chunks_exact(self.len().max(1));
        rows.map(move |row| row[index])
    }

    fn check_index(&self, argument: &str, index: usize) -> Result<()> {
        if index < self.len() {
            return Ok(());
        }
        Err(Error::argument(
            argument,
            index,
            format!("a candidate, 0..{}", self.len()),
        ))
    }

    /// Adds the row of V that belongs to the new row of L.
    fn extend(&mut self, x: &[f64], factor_row: &[f64]) {
        let Some((&pivot, row)) = factor_row.split_last() else {
            return;
        };
        let m = self.len();
        let old = self.solved.len();
        self.solved.resize(old + m, 0.0);
        let (rows, new) = self.solved.split_at_mut(old);
        self.gp.kernel().covariances(x, self.candidates.view(), new);
        subtract_combination(new, row, rows);
        let z = self.gp.whitened.last().copied().unwrap_or(0.0);
        let (mean, variance) = (&mut self.mean, &mut self.variance);
        vectorised(
            #[inline(always)]
            || {
                for ((mean, variance), v) in mean.iter_mut().zip(variance.iter_mut()).zip(new) {
                    *v /= pivot;
                    *mean += z * *v;
                    *variance = (*variance - *v * *v).max(0.0);
                }
            },
        );
    }

    /// Computes everything from the process.
    fn rebuild(&mut self) -> Result<()> {
        self.solved = vec![0.0; self.gp.len() * self.candidates.len()];
        solve_cross_covariance(&self.gp, self.candidates.view(), &mut self.solved)?;
        self.summarise()
    }

    /// Mean and variance from V: 2 n m multiplications, and no rounding carried over from before.
    fn summarise(&mut self) -> Result<()> {
        self.mean = self.gp.mean().values(self.candidates.view())?;
        self.variance = prior_variance(&self.gp, self.candidates.view());
        reduce(
            &self.gp.whitened,
            &self.solved,
            &mut self.mean,
            &mut self.variance,
        );
        Ok(())
    }
}

/// Takes Σᵢ coefficients\[i\] rows\[i\] off `out`; `rows` is row-major with rows as long as `out`.
///
/// Eight rows at a time over tiles of candidates, so that each number of `rows` is read once and `out` stays in
/// cache: the loop runs at the speed of memory.
pub(super) fn subtract_combination(out: &mut [f64], coefficients: &[f64], rows: &[f64]) {
    vectorised(
        #[inline(always)]
        || subtract_in_tiles(out, coefficients, rows),
    );
}

#[inline(always)]
fn subtract_in_tiles(out: &mut [f64], coefficients: &[f64], rows: &[f64]) {
    let m = out.len();
    for (tile, out) in out.chunks_mut(TILE).enumerate() {
        let (first, width) = (tile * TILE, out.len());
        let row = |i: usize| &rows[i * m + first..][..width];
        let whole = coefficients.len() / 8 * 8;
        for i in (0..whole).step_by(8) {
            let c = &coefficients[i..i + 8];
            let r: [&[f64]; 8] = std::array::from_fn(|k| row(i + k));
            for (j, o) in out.iter_mut().enumerate() {
                let first_half = c[0] * r[0][j] + c[1] * r[1][j] + c[2] * r[2][j] + c[3] * r[3][j];
                let second_half = c[4] * r[4][j] + c[5] * r[5][j] + c[6] * r[6][j] + c[7] * r[7][j];
                *o -= first_half + second_half;
            }
        }
        for (i, c) in coefficients.iter().enumerate().skip(whole) {
            for (o, r) in out.iter_mut().zip(row(i)) {
                *o -= c * r;
            }
        }
    }
}
