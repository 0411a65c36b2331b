//! A process known through its inducing values: what all sparse models predict with.

use super::belief::Belief;
use super::collapsed::Terms;
use super::features::{Basis, factor_inducing};
use super::posterior::SparsePosterior;
use crate::error::{Error, Result};
use crate::gp::Likelihood;
use crate::gp::kernel::{Kernel, dot};
use crate::gp::mean::Mean;
use crate::gp::points::{Points, PointsView};
use crate::gp::posterior::{changed_covariance, prior_variance, settled};
use crate::gp::surrogate::{Joint, Slopes, check_dimension};
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
        let weights = self.weights();
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

    /// L⁻ᵀ w.
    fn weights(&self) -> &[f64] {
        self.weights.get_or_init(|| {
            let mut weights = self.belief.location.clone();
            let solved = self.root.backward(&mut weights);
            solved.expect("one location for each row of the factor");
            weights
        })
    }

    /// Mean and variance at one place with their derivatives by its coordinates: ∂mean + Σⱼ (L⁻ᵀ w)ⱼ ∂k(x, zⱼ) and
    /// ∂k(x, x) − 2 Σⱼ (L⁻ᵀ (v − Λ⁻¹ v))ⱼ ∂k(x, zⱼ) with v = L⁻¹ k(Z, x).
    pub fn slopes(&self, point: &[f64]) -> Result<Slopes> {
        let row = ArrayView2::from_shape((1, point.len()), point);
        let place = self.places("point", row.expect("one row of all coordinates"))?;
        let (mean, variance) = self.mean_and_variance(place.view())?;
        let (kernel, inducing) = (self.kernel.as_ref(), self.inducing.view());
        let mut of_mean = vec![0.0; point.len()];
        self.mean.add_slopes(point, inducing, &mut of_mean)?;
        kernel.accumulate_input_gradient(point, inducing, self.weights(), &mut of_mean);
        let mut pulls = vec![0.0; inducing.len()];
        self.basis().features_into(place.view(), &mut pulls)?;
        let mut learned = pulls.clone();
        self.belief.precision.solve(&mut learned)?;
        for (pull, learned) in pulls.iter_mut().zip(&learned) {
            *pull = 2.0 * (learned - *pull);
        }
        self.root.backward(&mut pulls)?;
        let mut of_variance = vec![0.0; point.len()];
        kernel.accumulate_variance_gradient(point, 1.0, &mut of_variance);
        kernel.accumulate_input_gradient(point, inducing, &pulls, &mut of_variance);
        Ok(Slopes {
            mean: mean[0],
            variance: variance[0],
            of_mean,
            of_variance,
        })
    }

    /// mean + Vᵀ w and k − |V|² + |L_Λ⁻¹ V|² at every place, in blocks.
    pub fn mean_and_variance(&self, places: PointsView<'_>) -> Result<(Vec<f64>, Vec<f64>)> {
        let mut mean = self.mean.values(places)?;
        let mut variance = prior_variance(self.kernel.as_ref(), places);
        let prior = variance.clone();
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
        }
        for ((variance, mean), prior) in variance.iter_mut().zip(&mean).zip(prior) {
            *variance = settled(*mean, *variance, prior)?;
        }
        Ok((mean, variance))
    }

    /// K − Vᵀ V + Vᵀ Λ⁻¹ V with `variance` on the diagonal.
    pub fn covariance(&self, places: PointsView<'_>, variance: &[f64]) -> Result<Array2<f64>> {
        let (size, m) = (self.inducing.len(), places.len());
        let mut features = zeros(size, m)?;
        self.basis().features_into(places, &mut features)?;
        changed_covariance(self.kernel.as_ref(), places, variance, |full| {
            subtract_gram(full, &features, size, m);
            self.belief.precision.forward_many(&mut features, m)?;
            add_gram(full, &features, size, m);
            Ok(())
        })
    }

    /// One Gaussian measurement more, exactly: y with this noise variance at `x`. O(M²). What it adds to the terms of
    /// the bound, which a refit on all measurements would find too.
    pub fn learn(&mut self, x: &[f64], y: f64, noise: f64) -> Result<Terms> {
        let mut v = vec![0.0; self.inducing.len()];
        self.basis().features_into(PointsView::single(x), &mut v)?;
        let error = y - self.mean.checked_at(x)? - dot(&v, &self.belief.location);
        let prior = self.kernel.variance(x);
        let open = settled(error, prior - dot(&v, &v), prior)?;
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
