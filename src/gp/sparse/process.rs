//! A process known through its inducing values: what all sparse models predict with.

use super::belief::Belief;
use super::collapsed::Terms;
use super::features::{Basis, factor_inducing, prior_variances};
use super::posterior::SparsePosterior;
use crate::error::{Error, Result};
use crate::gp::Likelihood;
use crate::gp::kernel::{Kernel, dot};
use crate::gp::mean::Mean;
use crate::gp::points::{Points, PointsView};
use crate::gp::surrogate::{Joint, check_dimension};
use crate::linalg::{Cholesky, add_gram, subtract_gram, zeros};
use ndarray::{Array2, ArrayView2};
use std::sync::OnceLock;

/// Places handled together.
const BLOCK: usize = 512;

/// q(f) = ∫ p(f | u) q(u) du with u = mean + L v and q(v) the belief; without inducing points the prior.
#[derive(Debug, Clone)]
pub(super) struct Process {
    pub kernel: Box<dyn Kernel>,
    pub mean: Mean,
    pub inducing: Points,
    /// L.
    pub root: Cholesky,
    /// What was added to the diagonal of K_uu, the factor's own jitter included.
    pub jitter: f64,
    pub belief: Belief,
    /// L⁻ᵀ w, computed when first asked for.
    pub weights: OnceLock<Vec<f64>>,
}

impl Process {
    pub fn prior(kernel: Box<dyn Kernel>, mean: Mean) -> Self {
        Self {
            kernel,
            mean,
            inducing: Points::default(),
            root: Cholesky::default(),
            jitter: 0.0,
            belief: Belief::default(),
            weights: OnceLock::new(),
        }
    }

    /// With these inducing points, of whose values nothing is known yet.
    pub fn with_inducing(kernel: Box<dyn Kernel>, mean: Mean, inducing: Points) -> Result<Self> {
        let (root, jitter) = factor_inducing(kernel.as_ref(), inducing.view())?;
        let belief = Belief::prior(inducing.len())?;
        Ok(Self {
            kernel,
            mean,
            inducing,
            root,
            jitter,
            belief,
            weights: OnceLock::new(),
        })
    }

    pub fn basis(&self) -> Basis<'_> {
        Basis {
            kernel: self.kernel.as_ref(),
            inducing: self.inducing.view(),
            root: &self.root,
        }
    }

    pub fn set_belief(&mut self, belief: Belief) {
        self.belief = belief;
        self.weights = OnceLock::new();
    }

    /// Checked places.
    pub fn places(&self, argument: &str, rows: ArrayView2<'_, f64>) -> Result<Points> {
        let places = Points::from_rows(argument, rows)?;
        check_dimension(argument, places.dimension(), self.inducing.dimension())?;
        self.mean.check(places.dimension())?;
        self.kernel.check_points(places.view())?;
        Ok(places)
    }

    pub fn posterior<'a>(
        &'a self,
        points: ArrayView2<'_, f64>,
        likelihood: Option<&'a Likelihood>,
    ) -> Result<SparsePosterior<'a>> {
        SparsePosterior::new(self, likelihood, self.places("points", points)?)
    }

    pub fn joint(&self, points: ArrayView2<'_, f64>) -> Result<Joint> {
        let posterior = self.posterior(points, None)?;
        let covariance = posterior.covariance()?;
        let mean = posterior.into_marginals().mean;
        Ok(Joint { mean, covariance })
    }

    /// mean + k(x, Z) L⁻ᵀ w.
    pub fn posterior_mean(&self, points: ArrayView2<'_, f64>) -> Result<Vec<f64>> {
        let places = self.places("points", points)?;
        let weights = self.weights.get_or_init(|| {
            let mut weights = self.belief.location.clone();
            let solved = self.root.backward(&mut weights);
            solved.expect("one location for each row of the factor");
            weights
        });
        let mut mean = self.mean.values(places.view())?;
        let mut row = vec![0.0; BLOCK];
        let mut z = Vec::new();
        for (block, out) in mean.chunks_mut(BLOCK).enumerate() {
            let view = places
                .view()
                .range(block * BLOCK, block * BLOCK + out.len());
            for (j, weight) in weights.iter().enumerate() {
                self.inducing.view().copy_point(j, &mut z);
                let row = &mut row[..out.len()];
                self.kernel.covariances(&z, view, row);
                for (m, k) in out.iter_mut().zip(row.iter()) {
                    *m += weight * k;
                }
            }
        }
        Ok(mean)
    }

    /// mean + Vᵀ w and k − |V|² + |L_Λ⁻¹ V|² at every place, in blocks.
    pub fn mean_and_variance(&self, places: PointsView<'_>) -> Result<(Vec<f64>, Vec<f64>)> {
        let mut mean = self.mean.values(places)?;
        let mut variance = prior_variances(self.kernel.as_ref(), places);
        let size = self.inducing.len();
        let mut features = zeros(size, BLOCK.min(places.len()))?;
        let blocks = mean.chunks_mut(BLOCK).zip(variance.chunks_mut(BLOCK));
        for (block, (mean, variance)) in blocks.enumerate() {
            let width = mean.len();
            let features = &mut features[..size * width];
            let places = places.range(block * BLOCK, block * BLOCK + width);
            self.basis().features_into(places, features)?;
            for (w, row) in self
                .belief
                .location
                .iter()
                .zip(features.chunks_exact(width))
            {
                for ((mean, variance), v) in mean.iter_mut().zip(variance.iter_mut()).zip(row) {
                    *mean += w * v;
                    *variance -= v * v;
                }
            }
            self.belief.precision.forward_many(features, width)?;
            for row in features.chunks_exact(width) {
                for (variance, u) in variance.iter_mut().zip(row) {
                    *variance += u * u;
                }
            }
            variance.iter_mut().for_each(|v| *v = v.max(0.0));
        }
        Ok((mean, variance))
    }

    /// K − Vᵀ V + Vᵀ Λ⁻¹ V with `variance` on the diagonal.
    pub fn covariance(&self, places: PointsView<'_>, variance: &[f64]) -> Result<Array2<f64>> {
        let (size, m) = (self.inducing.len(), places.len());
        let mut full = zeros(m, m)?;
        let mut features = zeros(size, m)?;
        self.basis().features_into(places, &mut features)?;
        let mut point = Vec::new();
        for j in 0..m {
            places.copy_point(j, &mut point);
            let column = &mut full[j * m..][j..m];
            self.kernel.covariances(&point, places.range(j, m), column);
        }
        subtract_gram(&mut full, &features, size, m);
        self.belief.precision.forward_many(&mut features, m)?;
        add_gram(&mut full, &features, size, m);
        for j in 0..m {
            full[j * m + j] = variance[j];
            for i in j + 1..m {
                full[i * m + j] = full[j * m + i];
            }
        }
        Ok(Array2::from_shape_vec((m, m), full).expect("m rows of m covariances"))
    }

    /// One Gaussian measurement more, exactly: y with this noise variance at `x`. O(M²). What it adds to the terms of
    /// the bound, which a refit on all measurements would find too.
    pub fn learn(&mut self, x: &[f64], y: f64, noise: f64) -> Result<Terms> {
        let mut v = vec![0.0; self.inducing.len()];
        self.basis().features_into(PointsView::single(x), &mut v)?;
        let open = (self.kernel.variance(x) - dot(&v, &v)).max(0.0);
        let error = y - self.mean.checked_at(x)? - dot(&v, &self.belief.location);
        let mut gain = v.clone();
        self.belief.precision.forward(&mut gain)?;
        let expected = noise + dot(&gain, &gain);
        self.belief.precision.backward(&mut gain)?;
        v.iter_mut().for_each(|v| *v /= noise.sqrt());
        self.belief.precision.update(&mut v)?;
        for (w, gain) in self.belief.location.iter_mut().zip(&gain) {
            *w += gain * error / expected;
        }
        self.weights = OnceLock::new();
        Ok(Terms {
            misfit: error * error / expected,
            log_determinant: expected.ln(),
            slack: open / noise,
        })
    }

    /// Refuses measurements that do not go with the model.
    pub fn check_rows(&self, x: ArrayView2<'_, f64>, count: usize) -> Result<()> {
        if x.nrows() == count && count > 0 {
            return Ok(());
        }
        Err(Error::argument(
            "y",
            format!("{count} values for {} rows of x", x.nrows()),
            "one value for each row, and at least one row",
        ))
    }
}
