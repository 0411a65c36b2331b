//! Covariances between several outputs.

use super::categorical::check_codes;
use super::factors::Factors;
use super::{Kernel, Parameter, check_log_parameters};
use crate::error::{Error, Result};
use crate::gp::points::PointsView;
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

/// Coregionalisation: k(a, b) = B_ab with B = W Wᵀ + diag(κ), for output codes a, b in 0..P held by one column.
///
/// W is P × R, R being the rank: the outputs are mixtures of R shared processes plus one of each output's own.
/// Times a kernel on the places it is the intrinsic model of coregionalisation, a sum of such products the linear
/// model (Bonilla, Chai & Williams, "Multi-task Gaussian process prediction", NIPS 2008; Álvarez, Rosasco & Lawrence,
/// "Kernels for vector-valued functions: a review", 2012).
///
/// # Hyper-parameters
/// W has signs, hyper-parameters have none. With z_a = w_a/√κ_a, the row of W in units of the output's own spread,
///
/// B_aa = s_a², B_ab = s_a s_b z_a · z_b/√((1 + |z_a|²)(1 + |z_b|²)),
///
/// which is every B of this form with κ > 0, taken apart into scales and correlations. W and W Q are the same model for
/// any rotation Q, so W is kept lower triangular with a positive diagonal, as Anderson & Rubin (Proc. Third Berkeley
/// Symp. 5 (1956) 111) have it. There are
/// * `variance[a]` = s_a² of each output, in its squared units;
/// * `pivot[k]` = z_kk > 0 for k < R: how much stronger factor k is in output k than what is that output's own;
/// * `loading[a,k]` = e^t with z_ak = sinh t, for k < a: one for none, above one for a positive and below one for a
///   negative loading. With one factor z_a/√(1 + z_a²) = tanh t, so t is Fisher's transform of a correlation, and
///   a normal prior on t (a [`Prior::LogNormal`](crate::gp::Prior) of median one) shrinks towards none.
///
/// B is always identified; z, up to isolated alternatives, as long as (P − R)² ≥ P + R (Ledermann, Psychometrika 2
/// (1937) 85): a larger R is allowed, but has directions along which the likelihood is flat. R = 0 makes the outputs
/// independent. As in all factor analysis the likelihood may be highest with a κ_a of zero (a Heywood case): a fit then
/// takes z_a to the end of its range and says so in [`FitReport::at_limit`](crate::gp::FitReport); B is none the worse.
///
/// Takes points of one column; within wider points use [`Kernel::on_columns`].
///
/// ```
/// use dosewise::gp::{Coregionalised, Kernel, Matern52};
/// use ndarray::array;
/// // One shared process, which output 1 follows upside down.
/// let outputs = Coregionalised::from_weights(&array![[1.0], [-2.0]], &[0.5, 0.1])?;
/// assert!((outputs.between(0, 1) + 2.0).abs() < 1e-15 && (outputs.between(1, 1) - 4.1).abs() < 1e-14);
/// let kernel = Matern52::isotropic(0.2).on_columns([0]) * outputs.on_columns([1]);
/// assert!((kernel.covariance(&[0.7, 0.0], &[0.7, 1.0]) + 2.0).abs() < 1e-15);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Coregionalised {
    factors: Factors,
}

impl Coregionalised {
    /// `outputs` = P ≥ 1 outputs of variance one that share `rank` = R ≤ P processes; to begin with factor k is in
    /// output k alone, so that all outputs are independent.
    pub fn new(outputs: usize, rank: usize) -> Self {
        Self {
            factors: Factors::new(outputs, rank),
        }
    }

    /// B = W Wᵀ + diag(κ) from `weights` W (P × R) and the outputs' own **variances** `specific` κ > 0, one each.
    ///
    /// # Errors
    /// [`Error::Argument`] for an unusable number or more columns than rows, or unless there is one κ > 0 a row.
    pub fn from_weights<'w>(
        weights: impl Into<ArrayView2<'w, f64>>,
        specific: &[f64],
    ) -> Result<Self> {
        Ok(Self {
            factors: Factors::from_weights(weights.into(), specific)?,
        })
    }

    /// Sets the variances s_a² = B_aa, one an output in its squared units; correlations stay as they are.
    pub fn with_variances(self, variances: impl Into<Vec<f64>>) -> Self {
        Self {
            factors: self.factors.with_variances(variances.into()),
        }
    }

    /// Number of outputs P; the codes are 0..P.
    pub fn outputs(&self) -> usize {
        self.factors.outputs
    }

    /// Number of shared processes R.
    pub fn rank(&self) -> usize {
        self.factors.rank
    }

    /// B_ab, the covariance of outputs `a` and `b`; NaN where there is no such output.
    pub fn between(&self, a: usize, b: usize) -> f64 {
        self.factors.between(a, b)
    }

    /// B, the P × P covariance of the outputs.
    pub fn covariance_matrix(&self) -> Array2<f64> {
        Array2::from_shape_fn([self.outputs(); 2], |(a, b)| self.between(a, b))
    }

    /// B_ab/√(B_aa B_bb), the P × P correlation of the outputs.
    pub fn correlation(&self) -> Array2<f64> {
        let scale = |a: usize| self.between(a, a).sqrt();
        Array2::from_shape_fn([self.outputs(); 2], |(a, b)| match a == b {
            true => 1.0,
            false => self.between(a, b) / (scale(a) * scale(b)),
        })
    }

    /// W (P × R), lower triangular with a positive diagonal.
    pub fn weights(&self) -> Array2<f64> {
        Array2::from_shape_fn((self.outputs(), self.rank()), |(a, k)| {
            self.between(a, a).sqrt() * self.factors.share(a, k)
        })
    }

    /// κ, the **variance** of each output that it shares with no other.
    pub fn specific_variances(&self) -> Vec<f64> {
        self.factors.specific_variances()
    }
}

/// The output of a coordinate that [`check_codes`] let through; rounded for those who take differences.
fn code(coordinate: Option<&f64>) -> usize {
    coordinate.map_or(usize::MAX, |c| c.round() as usize)
}

impl Kernel for Coregionalised {
    fn check(&self, dimension: usize) -> Result<()> {
        if dimension != 1 {
            return Err(Error::argument(
                "kernel",
                format!("a kernel between outputs on {dimension} columns"),
                "one column, e.g. with on_columns",
            ));
        }
        self.factors.check()
    }

    fn check_points(&self, points: PointsView<'_>) -> Result<()> {
        self.check(points.dimension())?;
        check_codes("output", points.coordinate(0), self.outputs())
    }

    fn covariances(&self, point: &[f64], others: PointsView<'_>, out: &mut [f64]) {
        let own = code(point.first());
        for (value, other) in out.iter_mut().zip(others.coordinate(0)) {
            *value = self.between(own, code(Some(other)));
        }
    }

    fn variance(&self, point: &[f64]) -> f64 {
        let own = code(point.first());
        self.between(own, own)
    }

    fn parameters(&self) -> Vec<Parameter> {
        self.factors.parameters()
    }

    fn parameter_count(&self) -> usize {
        self.factors.count()
    }

    fn set_log_parameters(&mut self, values: &[f64]) -> Result<()> {
        check_log_parameters(values, self.parameter_count())?;
        self.factors.set_logs(values);
        Ok(())
    }

    fn accumulate_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) -> f64 {
        let own = code(point.first());
        let mut sums = vec![0.0; self.outputs()];
        for (weight, other) in weights.iter().zip(others.coordinate(0)) {
            if let Some(sum) = sums.get_mut(code(Some(other))) {
                *sum += weight;
            }
        }
        let mut total = 0.0;
        for (other, sum) in sums.into_iter().enumerate() {
            if own < self.outputs() && sum != 0.0 {
                total += sum * self.between(own, other);
                self.factors.accumulate(own, other, sum, gradient);
            }
        }
        total
    }

    /// Nothing: codes have no slopes.
    fn accumulate_input_gradient(&self, _: &[f64], _: PointsView<'_>, _: &[f64], _: &mut [f64]) {}

    /// Nothing: codes have no slopes.
    fn accumulate_variance_gradient(&self, _: &[f64], _: f64, _: &mut [f64]) {}

    fn clone_box(&self) -> Box<dyn Kernel> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// W = ((1, 2), (−0.5, 0.3), (0.7, −1.1)), κ = (0.2, 0.4, 0.1).
    fn three() -> (Array2<f64>, Vec<f64>) {
        let weights = array![[1.0, 2.0], [-0.5, 0.3], [0.7, -1.1]];
        (weights, vec![0.2, 0.4, 0.1])
    }

    #[test]
    fn any_weights_are_represented_whatever_their_rotation() {
        let (weights, specific) = three();
        let (sine, cosine) = 0.7_f64.sin_cos();
        let turned = weights.dot(&array![[cosine, -sine], [sine, cosine]]);
        let truth = weights.dot(&weights.t()) + Array2::from_diag(&ndarray::arr1(&specific));
        let kernel = Coregionalised::from_weights(&weights, &specific).unwrap();
        let other = Coregionalised::from_weights(&turned, &specific).unwrap();
        for (a, b) in kernel.parameters().iter().zip(other.parameters()) {
            assert!((a.value - b.value).abs() < 1e-12, "{a:?} and {b:?}");
        }
        assert!(
            (kernel.covariance_matrix() - &truth)
                .iter()
                .all(|d| d.abs() < 1e-13)
        );
        let again = kernel.weights();
        let rebuilt =
            again.dot(&again.t()) + Array2::from_diag(&ndarray::arr1(&kernel.specific_variances()));
        assert!((rebuilt - &truth).iter().all(|d| d.abs() < 1e-13));
        assert!(again[[0, 1]] == 0.0 && again[[0, 0]] > 0.0 && again[[1, 1]] > 0.0);
    }

    #[test]
    fn weights_that_depend_on_each_other_and_none_at_all_are_represented() {
        let weights = array![[1.0, 2.0], [2.0, 4.0], [0.0, 0.0]];
        let kernel = Coregionalised::from_weights(&weights, &[1.0; 3]).unwrap();
        let truth = weights.dot(&weights.t()) + Array2::<f64>::eye(3);
        assert!(
            (kernel.covariance_matrix() - &truth)
                .iter()
                .all(|d| d.abs() < 1e-10)
        );
        let apart = Coregionalised::new(3, 0).with_variances([1.0, 2.0, 3.0]);
        assert_eq!(
            apart.covariance_matrix(),
            Array2::from_diag(&ndarray::arr1(&[1.0, 2.0, 3.0]))
        );
        assert!(apart.check(1).is_ok());
    }

    #[test]
    fn unusable_sizes_and_values_are_refused() {
        for refused in [
            Coregionalised::new(0, 0),
            Coregionalised::new(usize::MAX, 1),
            Coregionalised::new(2, 3),
            Coregionalised::new(2, usize::MAX),
            Coregionalised::new(2, 1).with_variances([1.0]),
            Coregionalised::new(2, 1).with_variances([1.0, f64::NAN]),
        ] {
            assert!(refused.check(1).is_err(), "{refused:?}");
            // Asked all the same, they answer without a panic.
            assert!(refused.correlation().len() == refused.outputs().pow(2));
            assert!(refused.weights().len() == refused.outputs() * refused.rank());
        }
        let column = |second: f64| array![[1.0], [second]];
        for (weights, specific) in [
            (column(2.0), vec![1.0]),
            (column(2.0), vec![1.0, 0.0]),
            (column(f64::INFINITY), vec![1.0, 1.0]),
            (column(f64::NAN), vec![1.0, 1.0]),
        ] {
            assert!(Coregionalised::from_weights(&weights, &specific).is_err());
        }
        assert!(Coregionalised::new(2, 1).check(2).is_err());
        let codes = |c| {
            Coregionalised::new(2, 1)
                .check_points(PointsView::single(c))
                .is_ok()
        };
        assert!(codes(&[1.0]) && !codes(&[2.0]) && !codes(&[0.5]) && !codes(&[-1.0]));
    }
}
