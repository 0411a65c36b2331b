//! Covariances between several outputs.

use super::categorical::check_codes;
use super::{Kernel, Parameter, Role, check_log_parameters, check_parameter};
use crate::error::{Error, Result};
use crate::gp::points::PointsView;
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

/// More outputs than this are surely a column of something else.
const MOST_OUTPUTS: usize = 1000;

/// A pivot that stands for none: its square is lost beside one.
const NO_PIVOT: f64 = 1e-12;

/// Coregionalisation: k(a, b) = B_ab with B = W Wᵀ + diag(κ), for output codes a, b in 0..P held by one column.
///
/// W is P × R, R being the rank: the outputs are mixtures of R shared processes plus one of each output's own.
/// Times a kernel on the places it is the intrinsic model of coregionalisation, a sum of such products the linear
/// model (Bonilla, Chai & Williams, "Multi-task Gaussian process prediction", NIPS 2008; Álvarez, Rosasco & Lawrence,
/// "Kernels for vector-valued functions", 2012, sections 4.1 and 4.2).
///
/// # Hyper-parameters
/// W has signs, hyper-parameters have none. With z_a = w_a/√κ_a, the row of W in units of the output's own spread,
///
/// B_aa = s_a², B_ab = s_a s_b z_a · z_b/√((1 + |z_a|²)(1 + |z_b|²)),
///
/// which is every B of this form with κ > 0, taken apart into scales and correlations. W and W Q are the same model for
/// any rotation Q, so W is kept lower triangular with a positive diagonal, as Anderson & Rubin (Proc. Third Berkeley
/// Symp. 5 (1956) 111, section 5) have it. There are
/// * `variance[a]` = s_a² of each output, in its squared units;
/// * `pivot[k]` = z_kk > 0 for k < R: how much stronger factor k is in output k than what is that output's own;
/// * `loading[a,k]` = e^t with z_ak = sinh t, for k < a: one for none, above one for a positive and below one for a
///   negative loading. With one factor z_a/√(1 + z_a²) = tanh t, so t is Fisher's transform of a correlation, and
///   a normal prior on t (a [`Prior::LogNormal`](crate::gp::Prior) of median one) shrinks towards none.
///
/// B is always identified, and z too as long as (P − R)² ≥ P + R (Ledermann, Psychometrika 2 (1937) 85): a larger R
/// is allowed, but has directions along which the likelihood is flat. R = 0 makes the outputs independent.
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
#[serde(from = "Stored", into = "Stored")]
pub struct Coregionalised {
    outputs: usize,
    rank: usize,
    parameters: Stored,
    /// |(1, z_a)| of each output.
    lengths: Vec<f64>,
    /// z_a/|(1, z_a)|, P × R.
    directions: Vec<f64>,
    /// B, P × P.
    matrix: Vec<f64>,
}

/// What B follows from, all of it positive.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    variance: Vec<f64>,
    pivot: Vec<f64>,
    /// Row by row of the part of W below its diagonal.
    loading: Vec<f64>,
}

impl From<Stored> for Coregionalised {
    fn from(parameters: Stored) -> Self {
        Self::with(
            parameters.variance.len(),
            parameters.pivot.len(),
            parameters,
        )
    }
}

impl From<Coregionalised> for Stored {
    fn from(kernel: Coregionalised) -> Self {
        kernel.parameters
    }
}

impl Coregionalised {
    /// `outputs` = P ≥ 1 outputs of variance one that share `rank` = R ≤ P processes; to begin with factor k is in
    /// output k alone, so that all outputs are independent.
    pub fn new(outputs: usize, rank: usize) -> Self {
        // Sizes beyond what `check` accepts are cut to the first that it refuses.
        let p = outputs.min(MOST_OUTPUTS + 1);
        let r = rank.min(p + 1);
        let parameters = Stored {
            variance: vec![1.0; p],
            pivot: vec![1.0; r],
            loading: vec![1.0; loading_count(p, r)],
        };
        Self::with(p, r, parameters)
    }

    /// B = W Wᵀ + diag(κ) from `weights` W (P × R) and the outputs' own **variances** `specific` κ > 0, one each.
    ///
    /// # Errors
    /// [`Error::Argument`] for an unusable number or more columns than rows, or unless there is one κ > 0 a row.
    pub fn from_weights<'w>(
        weights: impl Into<ArrayView2<'w, f64>>,
        specific: &[f64],
    ) -> Result<Self> {
        let weights = weights.into();
        let (p, r) = weights.dim();
        let mut kernel = Self::new(p, r);
        kernel.check(1)?;
        if specific.len() != p {
            let found = format!("{} variances", specific.len());
            return Err(Error::argument(
                "specific",
                found,
                format!("{p}, one an output"),
            ));
        }
        specific
            .iter()
            .try_for_each(|&kappa| check_parameter("specific", kappa))?;
        if let Some(bad) = weights.iter().find(|w| !(-1e75..=1e75).contains(*w)) {
            return Err(Error::argument(
                "weights",
                bad,
                "numbers up to 1e75 in magnitude",
            ));
        }
        let scaled = Array2::from_shape_fn((p, r), |(a, k)| weights[[a, k]] / specific[a].sqrt());
        let triangular = triangular(&scaled);
        for a in 0..p {
            let square: f64 = weights.row(a).iter().map(|w| w * w).sum();
            kernel.parameters.variance[a] = square + specific[a];
            for k in 0..r.min(a + 1) {
                let z = triangular[[a, k]];
                match kernel.slot(a, k) {
                    Slot::Pivot(k) => kernel.parameters.pivot[k] = z.max(NO_PIVOT),
                    Slot::Loading(i) => kernel.parameters.loading[i] = z.asinh().exp(),
                }
            }
        }
        let kernel = Self::with(p, r, kernel.parameters);
        kernel.check(1)?;
        Ok(kernel)
    }

    /// Sets the variances s_a² = B_aa, one an output in its squared units; correlations stay as they are.
    pub fn with_variances(mut self, variances: impl Into<Vec<f64>>) -> Self {
        self.parameters.variance = variances.into();
        Self::with(self.outputs, self.rank, self.parameters)
    }

    /// Number of outputs P; the codes are 0..P.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Number of shared processes R.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// B_ab, the covariance of outputs `a` and `b`; NaN where there is no such output.
    pub fn between(&self, a: usize, b: usize) -> f64 {
        let exists = a < self.outputs && b < self.outputs;
        let entry = self
            .matrix
            .get(a.saturating_mul(self.outputs).saturating_add(b));
        entry.filter(|_| exists).copied().unwrap_or(f64::NAN)
    }

    /// B, the P × P covariance of the outputs.
    pub fn covariance_matrix(&self) -> Array2<f64> {
        Array2::from_shape_fn((self.outputs, self.outputs), |(a, b)| self.between(a, b))
    }

    /// B_ab/√(B_aa B_bb), the P × P correlation of the outputs.
    pub fn correlation(&self) -> Array2<f64> {
        let scale = |a: usize| self.between(a, a).sqrt();
        let entry = |(a, b)| match a == b {
            true => 1.0,
            false => self.between(a, b) / (scale(a) * scale(b)),
        };
        Array2::from_shape_fn((self.outputs, self.outputs), entry)
    }

    /// W (P × R), lower triangular with a positive diagonal.
    pub fn weights(&self) -> Array2<f64> {
        Array2::from_shape_fn((self.outputs, self.rank), |(a, k)| {
            let share = self.directions.get(a * self.rank + k).unwrap_or(&f64::NAN);
            self.between(a, a).sqrt() * share
        })
    }

    /// κ, the **variance** of each output that it shares with no other.
    pub fn specific_variances(&self) -> Vec<f64> {
        let both = self.parameters.variance.iter().zip(&self.lengths);
        both.map(|(variance, length)| variance / length / length)
            .collect()
    }

    /// With what follows from the parameters worked out, where they are as many as they should be.
    fn with(outputs: usize, rank: usize, parameters: Stored) -> Self {
        let mut kernel = Self {
            outputs,
            rank,
            parameters,
            lengths: Vec::new(),
            directions: Vec::new(),
            matrix: Vec::new(),
        };
        if kernel.check_sizes().is_ok() {
            kernel.derive();
        }
        kernel
    }

    fn derive(&mut self) {
        let (p, r) = (self.outputs, self.rank);
        self.directions = vec![0.0; p * r];
        self.lengths = vec![1.0; p];
        for a in 0..p {
            for k in 0..r.min(a + 1) {
                let z = match self.slot(a, k) {
                    Slot::Pivot(k) => self.parameters.pivot[k],
                    Slot::Loading(i) => {
                        0.5 * (self.parameters.loading[i] - 1.0 / self.parameters.loading[i])
                    }
                };
                self.directions[a * r + k] = z;
                // One at a time, so that no square overflows.
                self.lengths[a] = self.lengths[a].hypot(z);
            }
            let length = self.lengths[a];
            self.directions[a * r..][..r]
                .iter_mut()
                .for_each(|z| *z /= length);
        }
        let scale = |a: usize| self.parameters.variance[a].sqrt();
        let entry = |a: usize, b: usize| match a == b {
            true => self.parameters.variance[a],
            false => scale(a) * scale(b) * self.cosine(a, b),
        };
        self.matrix = (0..p * p).map(|i| entry(i / p, i % p)).collect();
    }

    /// The correlation of two different outputs.
    fn cosine(&self, a: usize, b: usize) -> f64 {
        self.direction(a)
            .iter()
            .zip(self.direction(b))
            .map(|(x, y)| x * y)
            .sum()
    }

    fn direction(&self, a: usize) -> &[f64] {
        &self.directions[a * self.rank..][..self.rank]
    }

    fn row(&self, a: usize) -> &[f64] {
        &self.matrix[a * self.outputs..][..self.outputs]
    }

    /// Which parameter z_ak follows from, k ≤ a.
    fn slot(&self, a: usize, k: usize) -> Slot {
        match a == k {
            true => Slot::Pivot(k),
            false => Slot::Loading(loading_count(a, self.rank) + k),
        }
    }

    /// Adds weight ∂(correlation of a and b)/∂log θ for the parameters of z_a.
    fn accumulate_correlation(&self, a: usize, b: usize, weight: f64, gradient: &mut [f64]) {
        let cosine = self.cosine(a, b);
        let (own, other) = (self.direction(a), self.direction(b));
        for k in 0..self.rank.min(a + 1) {
            let (position, stretch) = match self.slot(a, k) {
                Slot::Pivot(k) => (self.outputs + k, self.parameters.pivot[k]),
                Slot::Loading(i) => {
                    let u = self.parameters.loading[i];
                    (self.outputs + self.rank + i, 0.5 * (u + 1.0 / u))
                }
            };
            // ∂z/∂log θ over |(1, z)| is at most one: divided first, it cannot overflow.
            gradient[position] +=
                weight * (other[k] - cosine * own[k]) * (stretch / self.lengths[a]);
        }
    }

    fn check_sizes(&self) -> Result<()> {
        let (p, r) = (self.outputs, self.rank);
        if !(1..=MOST_OUTPUTS).contains(&p) {
            return Err(Error::argument(
                "outputs",
                p,
                format!("1 to {MOST_OUTPUTS}"),
            ));
        }
        if r > p {
            return Err(Error::argument(
                "rank",
                r,
                format!("0 to {p}, the number of outputs"),
            ));
        }
        for (name, found, allowed) in [
            ("variances", self.parameters.variance.len(), p),
            ("pivots", self.parameters.pivot.len(), r),
            (
                "loadings",
                self.parameters.loading.len(),
                loading_count(p, r),
            ),
        ] {
            if found != allowed {
                return Err(Error::argument(
                    name,
                    found,
                    format!("{allowed} for {p} outputs of rank {r}"),
                ));
            }
        }
        Ok(())
    }
}

enum Slot {
    Pivot(usize),
    Loading(usize),
}

/// Entries below the diagonal in the first `rows` rows of a matrix of `rank` columns.
fn loading_count(rows: usize, rank: usize) -> usize {
    let triangle = rows.min(rank);
    triangle * triangle.saturating_sub(1) / 2 + (rows - triangle) * rank
}

/// Z Q with the rotation Q that makes it lower triangular with a diagonal that is not negative: the components of the
/// rows along the orthonormal basis that Gram and Schmidt make of them. A row that depends on those before it leaves
/// a direction over, which any unit vector may fill.
fn triangular(z: &Array2<f64>) -> Array2<f64> {
    let (p, r) = z.dim();
    let mut basis: Vec<Vec<f64>> = Vec::new();
    let unit = |k: usize| (0..r).map(|j| f64::from(u8::from(j == k))).collect();
    for a in 0..r {
        let mut candidates = std::iter::once(z.row(a).to_vec()).chain((0..r).map(unit));
        basis.extend(candidates.find_map(|candidate| direction_beside(&basis, candidate)));
    }
    let along = |a: usize, k: usize| z.row(a).iter().zip(&basis[k]).map(|(x, u)| x * u).sum();
    Array2::from_shape_fn((p, r), |(a, k)| along(a, k))
}

/// The direction of what `candidate` has at right angles to the basis, made so twice; `None` if that is only rounding.
fn direction_beside(basis: &[Vec<f64>], candidate: Vec<f64>) -> Option<Vec<f64>> {
    let size = norm(&candidate);
    let mut rest = candidate;
    for _ in 0..2 {
        for unit in basis {
            let part: f64 = rest.iter().zip(unit).map(|(x, u)| x * u).sum();
            rest.iter_mut().zip(unit).for_each(|(x, u)| *x -= part * u);
        }
    }
    let length = norm(&rest);
    (length > 1e-10 * size).then(|| rest.iter().map(|x| x / length).collect())
}

fn norm(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
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
        self.check_sizes()?;
        let mut parameters = self.parameters().into_iter();
        parameters.try_for_each(|p| check_parameter(&p.name, p.value))
    }

    fn check_points(&self, points: PointsView<'_>) -> Result<()> {
        self.check(points.dimension())?;
        check_codes("output", points.coordinate(0), self.outputs)
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
        let named = |name: String, role: Role, value: &f64| Parameter {
            name,
            role,
            value: *value,
        };
        let variances = self.parameters.variance.iter().enumerate();
        let pivots = self.parameters.pivot.iter().enumerate();
        let places = (0..self.outputs).flat_map(|a| (0..self.rank.min(a)).map(move |k| (a, k)));
        let mut all: Vec<Parameter> = variances
            .map(|(a, v)| named(format!("variance[{a}]"), Role::Variance, v))
            .collect();
        all.extend(pivots.map(|(k, v)| named(format!("pivot[{k}]"), Role::Shape, v)));
        let loadings = places.zip(&self.parameters.loading);
        all.extend(loadings.map(|((a, k), v)| named(format!("loading[{a},{k}]"), Role::Shape, v)));
        all
    }

    fn parameter_count(&self) -> usize {
        let Stored {
            variance,
            pivot,
            loading,
        } = &self.parameters;
        variance.len() + pivot.len() + loading.len()
    }

    fn set_log_parameters(&mut self, values: &[f64]) -> Result<()> {
        check_log_parameters(values, self.parameter_count())?;
        let Stored {
            variance,
            pivot,
            loading,
        } = &mut self.parameters;
        let slots = variance.iter_mut().chain(pivot).chain(loading);
        slots.zip(values).for_each(|(slot, log)| *slot = log.exp());
        if self.check_sizes().is_ok() {
            self.derive();
        }
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
        let mut sums = vec![0.0; self.outputs];
        for (weight, other) in weights.iter().zip(others.coordinate(0)) {
            if let Some(sum) = sums.get_mut(code(Some(other))) {
                *sum += weight;
            }
        }
        if own >= self.outputs {
            return 0.0;
        }
        let scale = |a: usize| self.parameters.variance[a].sqrt();
        let mut total = 0.0;
        for (other, (sum, covariance)) in sums.iter().zip(self.row(own)).enumerate() {
            let part = sum * covariance;
            total += part;
            // B_ab holds the root of each variance, B_aa both roots of one.
            gradient[own] += 0.5 * part;
            gradient[other] += 0.5 * part;
            if other != own && *sum != 0.0 {
                let weight = sum * scale(own) * scale(other);
                self.accumulate_correlation(own, other, weight, gradient);
                self.accumulate_correlation(other, own, weight, gradient);
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
