//! What is known about the latent function, and so about the observable, at a set of places.

use super::super::kernel::Kernel;
use super::super::mean::Mean;
use super::super::points::{Points, PointsView};
use super::super::posterior::{draw, settled};
use super::super::surrogate::{Marginals, Slopes, check_dimension};
use super::prediction::{Observable, Prediction, check_exposures};
use super::site_precision::SitePrecision;
use super::{Likelihood, wrong_question};
use crate::error::Result;
use crate::linalg::{subtract_gram, zeros};
use ndarray::Array2;
use rand::Rng;

/// Places handled together.
const BLOCK: usize = 512;

/// A Gaussian posterior at the measurements: f = mean + K a with precision K⁻¹ + W.
#[derive(Debug, Clone, Copy)]
pub(super) struct Conditioned<'a> {
    pub kernel: &'a dyn Kernel,
    pub points: PointsView<'a>,
    pub mean: &'a Mean,
    pub weights: &'a [f64],
    pub precision: &'a SitePrecision,
}

impl Conditioned<'_> {
    pub fn check(&self, places: &Points) -> Result<()> {
        check_dimension("points", places.dimension(), self.points.dimension())?;
        self.mean.check(places.dimension())?;
        self.kernel.check_points(places.view())
    }

    /// Mean and variance at the places: mean + kᵀa and k(x, x) − |L⁻¹ W₊½ k|² + |Mᵀ k|², in blocks.
    pub fn mean_and_variance(&self, places: PointsView<'_>) -> Result<(Vec<f64>, Vec<f64>)> {
        let (n, m) = (self.weights.len(), places.len());
        let mut mean = self.mean.values(places)?;
        let mut variance = self.prior_variance(places);
        let mut cross = zeros(n, BLOCK.min(m))?;
        for start in (0..m).step_by(BLOCK) {
            let end = (start + BLOCK).min(m);
            let width = end - start;
            let cross = &mut cross[..n * width];
            self.cross_covariance(places.range(start, end), cross);
            for (a, row) in self.weights.iter().zip(cross.chunks_exact(width)) {
                for (out, k) in mean[start..end].iter_mut().zip(row) {
                    *out += a * k;
                }
            }
            let added = self.downdated(cross, width);
            for row in added.chunks_exact(width) {
                for (out, v) in variance[start..end].iter_mut().zip(row) {
                    *out += v * v;
                }
            }
            self.solve(cross, width)?;
            for row in cross.chunks_exact(width) {
                for (out, v) in variance[start..end].iter_mut().zip(row) {
                    *out -= v * v;
                }
            }
        }
        for (mean, variance) in mean.iter().zip(&mut variance) {
            // Only sites of negative curvature add to the variance, and they may raise it above the prior's.
            *variance = settled(*mean, *variance, f64::INFINITY)?;
        }
        Ok((mean, variance))
    }

    /// The m × m covariance between the places, with `variance` on its diagonal.
    pub fn covariance(&self, places: PointsView<'_>, variance: &[f64]) -> Result<Array2<f64>> {
        let (n, m) = (self.weights.len(), places.len());
        let mut full = zeros(m, m)?;
        let mut cross = zeros(n, m)?;
        self.cross_covariance(places, &mut cross);
        let added = self.downdated(&cross, m);
        self.solve(&mut cross, m)?;
        let mut point = Vec::new();
        for j in 0..m {
            places.copy_point(j, &mut point);
            let column = &mut full[j * m..][j..m];
            self.kernel.covariances(&point, places.range(j, m), column);
            for row in added.chunks_exact(m) {
                for (out, v) in column.iter_mut().zip(&row[j..]) {
                    *out += row[j] * v;
                }
            }
        }
        subtract_gram(&mut full, &cross, n, m);
        for j in 0..m {
            full[j * m + j] = variance[j];
            for i in j + 1..m {
                full[i * m + j] = full[j * m + i];
            }
        }
        Ok(Array2::from_shape_vec((m, m), full).expect("m rows of m covariances"))
    }

    /// Mean and variance at one place with their derivatives by its coordinates: ∂mean + Σⱼ aⱼ ∂k(x, xⱼ) and
    /// ∂k(x, x) − 2 Σⱼ (Q k)ⱼ ∂k(x, xⱼ), Q = (K + W⁻¹)⁻¹ of any sign of W.
    pub fn slopes(&self, point: &[f64]) -> Result<Slopes> {
        let place = PointsView::single(point);
        let (mean, variance) = self.mean_and_variance(place)?;
        let mut of_mean = vec![0.0; point.len()];
        self.mean.add_slopes(point, self.points, &mut of_mean)?;
        self.kernel
            .accumulate_input_gradient(point, self.points, self.weights, &mut of_mean);
        let mut cross = vec![0.0; self.weights.len()];
        self.kernel.covariances(point, self.points, &mut cross);
        let mut pulled = self.precision.apply(&cross)?;
        pulled.iter_mut().for_each(|q| *q *= -2.0);
        let mut of_variance = vec![0.0; point.len()];
        self.kernel
            .accumulate_variance_gradient(point, 1.0, &mut of_variance);
        self.kernel
            .accumulate_input_gradient(point, self.points, &pulled, &mut of_variance);
        Ok(Slopes {
            mean: mean[0],
            variance: variance[0],
            of_mean,
            of_variance,
        })
    }

    pub fn prior_variance(&self, places: PointsView<'_>) -> Vec<f64> {
        let mut point = Vec::new();
        (0..places.len())
            .map(|j| {
                places.copy_point(j, &mut point);
                self.kernel.variance(&point)
            })
            .collect()
    }

    /// k(X, places), row-major n × m.
    fn cross_covariance(&self, places: PointsView<'_>, out: &mut [f64]) {
        let mut point = Vec::new();
        for (i, row) in out.chunks_exact_mut(places.len().max(1)).enumerate() {
            self.points.copy_point(i, &mut point);
            self.kernel.covariances(&point, places, row);
        }
    }

    /// L⁻¹ W₊½ k in place of k.
    fn solve(&self, cross: &mut [f64], width: usize) -> Result<()> {
        let rows = cross.chunks_exact_mut(width.max(1));
        for (row, root) in rows.zip(&self.precision.root) {
            row.iter_mut().for_each(|k| *k *= root);
        }
        self.precision.factor.forward_many(cross, width)
    }

    /// Mᵀ k, one row a negative curvature.
    fn downdated(&self, cross: &[f64], width: usize) -> Vec<f64> {
        let mut out = Vec::new();
        for downdate in self.precision.downdates() {
            let start = out.len();
            out.resize(start + width, 0.0);
            for (m, row) in downdate.iter().zip(cross.chunks_exact(width.max(1))) {
                for (sum, k) in out[start..].iter_mut().zip(row) {
                    *sum += m * k;
                }
            }
        }
        out
    }
}

/// The posterior of the latent function at m places, from [`LaplaceGp::posterior`](super::LaplaceGp::posterior), and
/// what it says about measurements there.
#[derive(Debug)]
pub struct LatentPosterior<'gp> {
    conditioned: Conditioned<'gp>,
    likelihood: &'gp Likelihood,
    places: Points,
    mean: Vec<f64>,
    variance: Vec<f64>,
}

impl<'gp> LatentPosterior<'gp> {
    pub(super) fn new(
        conditioned: Conditioned<'gp>,
        likelihood: &'gp Likelihood,
        places: Points,
    ) -> Result<Self> {
        conditioned.check(&places)?;
        let (mean, variance) = conditioned.mean_and_variance(places.view())?;
        Ok(Self {
            conditioned,
            likelihood,
            places,
            mean,
            variance,
        })
    }

    /// Posterior mean of f at each place: for counts a log rate, for labels a logit or probit.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Posterior **variance** of f at each place; not above the prior variance, except near an outlier that a
    /// Student-t likelihood has set aside.
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

    /// The m × m posterior covariance of f between the places. Allocates m² numbers.
    ///
    /// # Errors
    /// [`crate::Error::Argument`] if m² numbers do not fit into memory.
    pub fn covariance(&self) -> Result<Array2<f64>> {
        self.conditioned
            .covariance(self.places.view(), &self.variance)
    }

    /// `count` joint draws of f, one a row (count × m); their exponentials are joint draws of the rate.
    ///
    /// # Errors
    /// [`crate::Error::NotPositiveDefinite`] if the posterior covariance has no factor even with jitter; as
    /// [`LatentPosterior::covariance`].
    pub fn samples<R: Rng + ?Sized>(&self, count: usize, rng: &mut R) -> Result<Array2<f64>> {
        let prior = self.conditioned.prior_variance(self.places.view());
        let largest = prior.iter().copied().fold(0.0, f64::max);
        draw(&self.mean, &self.covariance()?, largest, count, rng)
    }

    /// The central interval of f that holds it with probability `level`, mean ∓ z √variance; its exponentials bound
    /// the rate.
    ///
    /// # Errors
    /// [`crate::Error::Argument`] unless 0 < level < 1.
    pub fn interval(&self, level: f64) -> Result<Vec<(f64, f64)>> {
        let z = super::prediction::two_sided_quantile(level)?;
        let both = self.mean.iter().zip(&self.variance);
        Ok(both
            .map(|(mean, variance)| (mean - z * variance.sqrt(), mean + z * variance.sqrt()))
            .collect())
    }

    /// Further counts at these exposures, one a place: mean E = exposure · exp(mean + variance/2), variance
    /// E + E² (exp(variance) − 1), and intervals of the Poisson log-normal mixture.
    ///
    /// # Errors
    /// [`crate::Error::Argument`] if the likelihood is not [`Likelihood::Poisson`], or the exposures are not as many as the
    /// places, finite and not negative.
    pub fn counts(&self, exposure: &[f64]) -> Result<Prediction> {
        self.check_exposure(exposure)?;
        Prediction::of_counts(&self.mean, &self.variance, exposure)
    }

    /// Nats that a further measurement of this exposure at each place is expected to tell about f there,
    /// ½ ln(1 + exposure · exp(mean) · variance): what a Gaussian of the likelihood's curvature tells. Divide by the
    /// exposure for the information per electron; bright places are measured better.
    ///
    /// # Errors
    /// As [`LatentPosterior::counts`].
    pub fn information(&self, exposure: &[f64]) -> Result<Vec<f64>> {
        self.check_exposure(exposure)?;
        let each = exposure.iter().zip(&self.mean).zip(&self.variance);
        Ok(each
            .map(|((exposure, mean), variance)| 0.5 * (exposure * mean.exp() * variance).ln_1p())
            .collect())
    }

    /// The probability of label 1 at each place, averaged over f.
    ///
    /// # Errors
    /// [`crate::Error::Argument`] if the likelihood is not [`Likelihood::Bernoulli`].
    pub fn class_probability(&self) -> Result<Vec<f64>> {
        let Likelihood::Bernoulli(link) = self.likelihood else {
            return Err(wrong_question(self.likelihood, "Likelihood::Bernoulli"));
        };
        let both = self.mean.iter().zip(&self.variance);
        Ok(both
            .map(|(&mean, &variance)| link.averaged_probability(mean, variance))
            .collect())
    }

    /// Further real measurements, noise included: mean that of f, variance that of f plus ν scale²/(ν − 2)
    /// (infinite for ν ≤ 2), and intervals of the mixture.
    ///
    /// # Errors
    /// [`crate::Error::Argument`] if the likelihood is not [`Likelihood::StudentT`].
    pub fn outputs(&self) -> Result<Prediction> {
        let Likelihood::StudentT {
            degrees_of_freedom,
            scale,
        } = *self.likelihood
        else {
            return Err(wrong_question(self.likelihood, "Likelihood::StudentT"));
        };
        let observable = Observable::StudentT {
            degrees_of_freedom,
            scale,
        };
        Ok(self.prediction(vec![observable; self.len()]))
    }

    fn prediction(&self, observables: Vec<Observable>) -> Prediction {
        Prediction::new(&self.mean, &self.variance, observables)
    }

    fn check_exposure(&self, exposure: &[f64]) -> Result<()> {
        if !matches!(self.likelihood, Likelihood::Poisson { .. }) {
            return Err(wrong_question(self.likelihood, "Likelihood::Poisson"));
        }
        check_exposures(exposure, self.len())
    }
}
