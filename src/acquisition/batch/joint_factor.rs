//! The factor of a joint posterior, grown place by place.

use crate::acquisition::posterior;
use crate::error::Result;
use crate::gp::Surrogate;
use ndarray::{Array2, ArrayView2, Axis, concatenate};

/// Places whose covariances with the revealed ones are asked for together.
const BLOCK: usize = 64;
/// Remaining variance, relative to the marginal one, below which a place counts as determined by those before.
const DETERMINED: f64 = 1e-12;

/// Posterior of many places with the Cholesky rows of the few that have been revealed.
///
/// With places revealed in the order p₁, p₂, … the value at any place i is mean(i) + Σₖ rₖ(i) zₖ + √remaining(i) z, z all
/// standard normal and independent. A place that those before determine (a duplicate, say) takes a row of zeros, so no jitter
/// enters and duplicates agree in every draw. Memory is one number per place and revealed place, never the square of the
/// places.
#[derive(Debug)]
pub(super) struct JointFactor<'s> {
    surrogate: &'s dyn Surrogate,
    places: Array2<f64>,
    mean: Vec<f64>,
    variance: Vec<f64>,
    remaining: Vec<f64>,
    rows: Vec<Vec<f64>>,
}

impl<'s> JointFactor<'s> {
    /// Nothing revealed yet.
    pub(super) fn new(surrogate: &'s dyn Surrogate, places: Array2<f64>) -> Result<Self> {
        let marginals = posterior::marginals(surrogate, places.view())?;
        Ok(Self {
            surrogate,
            remaining: marginals.variance.iter().map(|v| v.max(0.0)).collect(),
            mean: marginals.mean,
            variance: marginals.variance,
            places,
            rows: Vec::new(),
        })
    }

    /// Posterior mean at place `index`.
    pub(super) fn mean(&self, index: usize) -> f64 {
        self.mean[index]
    }

    /// Variance left at place `index` once the revealed values are known.
    pub(super) fn remaining(&self, index: usize) -> f64 {
        self.remaining[index]
    }

    /// Reveals the first `count` places, in their order.
    pub(super) fn reveal_first(&mut self, count: usize) -> Result<()> {
        let heads: Vec<usize> = (0..count).collect();
        let columns = self.covariances(&heads)?;
        for (pivot, column) in columns.into_iter().enumerate() {
            self.push(pivot, column, 0.0);
        }
        Ok(())
    }

    /// Reveals the value at place `pivot`, or a measurement of it with this `noise` **variance**; gives the standard deviation
    /// that its outcome had until then, 0 if the place is determined.
    pub(super) fn reveal(&mut self, pivot: usize, noise: f64) -> Result<f64> {
        let column = self.covariances(&[pivot])?.remove(0);
        Ok(self.push(pivot, column, noise))
    }

    /// Turns the covariances of `pivot` with all places into its row, and takes what the row explains off what remains; gives
    /// the deviation before.
    fn push(&mut self, pivot: usize, mut column: Vec<f64>, noise: f64) -> f64 {
        let left = self.remaining[pivot] + noise;
        if left <= DETERMINED * (self.variance[pivot] + noise) {
            column.fill(0.0);
            self.remaining[pivot] = 0.0;
            self.rows.push(column);
            return 0.0;
        }
        for row in &self.rows {
            let weight = row[pivot];
            for (c, r) in column.iter_mut().zip(row) {
                *c -= weight * r;
            }
        }
        column[pivot] = self.remaining[pivot];
        let scale = left.sqrt();
        for (c, remaining) in column.iter_mut().zip(&mut self.remaining) {
            // rounding may not explain more variance than there is
            let most = remaining.sqrt();
            *c = (*c / scale).clamp(-most, most);
            *remaining = (*remaining - *c * *c).max(0.0);
        }
        self.rows.push(column);
        scale
    }

    /// By how much the mean at place `index` rises for each deviation that a revealed outcome is higher, in their order.
    pub(super) fn responses(&self, index: usize) -> impl Iterator<Item = f64> + '_ {
        self.rows.iter().map(move |row| row[index])
    }

    /// Posterior covariances of each of `heads` with all places.
    fn covariances(&self, heads: &[usize]) -> Result<Vec<Vec<f64>>> {
        let (m, h) = (self.places.nrows(), heads.len());
        let mut columns = vec![Vec::with_capacity(m); h];
        if h == 0 {
            return Ok(columns);
        }
        let chosen = self.places.select(Axis(0), heads);
        for block in self.places.axis_chunks_iter(Axis(0), BLOCK.max(h)) {
            let together = concatenate(Axis(0), &[chosen.view(), block])
                .expect("rows of one matrix have one width");
            let joint = posterior::joint(self.surrogate, together.view())?;
            for (column, covariances) in columns.iter_mut().zip(joint.covariance.rows()) {
                column.extend(covariances.iter().skip(h));
            }
        }
        Ok(columns)
    }

    /// Carries derivatives by the factor back to the covariance, once every place has been revealed in its order.
    ///
    /// `by_factor` holds the derivatives by the entries of the rows, only those of places from `first` on: the covariances
    /// among the places before are held fixed. The result (m × m) is symmetric, in the sense dF = Σᵢⱼ ∂F/∂Σᵢⱼ dΣᵢⱼ. A place that those
    /// before determine adds nothing of its own, so nothing depends on it. Costs m³/3 multiplications at most.
    ///
    /// Source: Smith, *J. Comput. Graph. Stat.* 4, 134 (1995), section 4.1; Murray (2016), arXiv 1602.07527, eqs. 21 to 25.
    pub(super) fn backward(&self, first: usize, mut by_factor: Vec<Vec<f64>>) -> Array2<f64> {
        let m = self.rows.len();
        let mut by_covariance = Array2::zeros((m, m));
        for j in (0..m).rev() {
            let (before, own) = by_factor.split_at_mut(j);
            let (own, row) = (&mut own[0], &self.rows[j]);
            if row[j] == 0.0 {
                continue;
            }
            // the entry (j, j) last, since all others of the row were divided by it
            for i in (j.max(first)..m).rev() {
                let by = if i == j {
                    own[j] / (2.0 * row[j])
                } else {
                    own[i] / row[j]
                };
                own[j] -= if i == j { 0.0 } else { by * row[i] };
                for (by_factor, row) in before.iter_mut().zip(&self.rows) {
                    by_factor[i] -= by * row[j];
                    by_factor[j] -= by * row[i];
                }
                by_covariance[[i, j]] += 0.5 * by;
                by_covariance[[j, i]] += 0.5 * by;
            }
        }
        by_covariance
    }

    /// All places, in their order.
    pub(super) fn places(&self) -> ArrayView2<'_, f64> {
        self.places.view()
    }

    /// The posterior they are drawn from.
    pub(super) fn surrogate(&self) -> &'s dyn Surrogate {
        self.surrogate
    }

    /// Writes the draws of place `index` into `out`, from one column of standard normal numbers for each revealed place and
    /// one more for what they leave open.
    pub(super) fn draw(&self, index: usize, normals: &[Vec<f64>], out: &mut Vec<f64>) {
        out.clear();
        out.resize(normals[0].len(), self.mean[index]);
        let last = self.remaining[index].sqrt();
        for (weight, z) in self.responses(index).chain([last]).zip(normals) {
            if weight != 0.0 {
                for (value, z) in out.iter_mut().zip(z) {
                    *value += weight * z;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gp::{ExactGp, Kernel, Matern52, Noise};
    use ndarray::array;

    fn model() -> ExactGp {
        let kernel = Matern52::isotropic(0.4).scaled(2.0);
        ExactGp::new(kernel, Noise::Homoscedastic(0.01))
            .condition(&array![[0.0], [0.7], [1.3]], &[0.3, -0.5, 0.9])
            .unwrap()
    }

    #[test]
    fn rows_multiply_to_the_joint_covariance() {
        let gp = model();
        let places = Array2::from_shape_fn((150, 1), |(i, _)| i as f64 / 60.0);
        let joint = gp.joint(places.view()).unwrap();
        let mut factor = JointFactor::new(&gp, places).unwrap();
        factor.reveal_first(2).unwrap();
        for pivot in [40, 99, 149, 75] {
            factor.reveal(pivot, 0.0).unwrap();
        }
        for pivot in [0, 1, 40, 75, 99, 149] {
            assert!(factor.remaining(pivot) < 1e-12);
            for i in 0..150 {
                let product: f64 = factor.rows.iter().map(|row| row[pivot] * row[i]).sum();
                assert!((product - joint.covariance[[pivot, i]]).abs() < 1e-10);
            }
        }
    }

    /// F = Σ c_ik L_ik of three places moved in their covariances, the first of them held fixed.
    #[test]
    fn derivatives_by_the_covariance_equal_differences() {
        #[derive(Debug)]
        struct Table(Array2<f64>);
        impl Surrogate for Table {
            fn dimension(&self) -> usize {
                1
            }
            fn marginals(&self, points: ArrayView2<'_, f64>) -> Result<crate::gp::Marginals> {
                let joint = self.joint(points)?;
                Ok(crate::gp::Marginals {
                    variance: joint.covariance.diag().to_vec(),
                    mean: joint.mean,
                })
            }
            fn joint(&self, points: ArrayView2<'_, f64>) -> Result<crate::gp::Joint> {
                let at = |i: usize| points[[i, 0]] as usize;
                let m = points.nrows();
                let covariance = Array2::from_shape_fn((m, m), |(i, j)| self.0[[at(i), at(j)]]);
                Ok(crate::gp::Joint {
                    mean: vec![0.0; m],
                    covariance,
                })
            }
        }
        let covariance = array![
            [2.0, 0.5, -0.3, 0.2],
            [0.5, 1.0, 0.4, 0.1],
            [-0.3, 0.4, 1.5, -0.6],
            [0.2, 0.1, -0.6, 0.9]
        ];
        let by = |i: usize, k: usize| {
            if i == 0 || k > i {
                0.0
            } else {
                1.0 + (3 * i + k) as f64
            }
        };
        let weights: Vec<Vec<f64>> = (0..4).map(|k| (0..4).map(|i| by(i, k)).collect()).collect();
        let number = |covariance: &Array2<f64>, backward: bool| {
            let table = Table(covariance.clone());
            let mut factor = JointFactor::new(&table, array![[0.0], [1.0], [2.0], [3.0]]).unwrap();
            factor.reveal_first(4).unwrap();
            let products = (0..4).flat_map(|k| (k..4).map(move |i| (i, k)));
            let value: f64 = products.map(|(i, k)| by(i, k) * factor.rows[k][i]).sum();
            (value, backward.then(|| factor.backward(1, weights.clone())))
        };
        let found = number(&covariance, true).1.unwrap();
        for i in 1..4 {
            for j in 0..=i {
                let at = |step: f64| {
                    let mut moved = covariance.clone();
                    moved[[i, j]] += step;
                    if i != j {
                        moved[[j, i]] += step;
                    }
                    number(&moved, false).0
                };
                let wanted = (at(1e-6) - at(-1e-6)) / 2e-6;
                let both = if i == j {
                    found[[i, i]]
                } else {
                    found[[i, j]] + found[[j, i]]
                };
                assert!(
                    (both - wanted).abs() < 1e-7 * (1.0 + wanted.abs()),
                    "({i}, {j}): {both} {wanted}"
                );
            }
        }
    }

    #[test]
    fn what_remains_is_the_conditional_variance() {
        let gp = model();
        let places = array![[0.35], [1.0], [2.0]];
        let mut factor = JointFactor::new(&gp, places.clone()).unwrap();
        factor.reveal(0, 0.3).unwrap();
        let known = ExactGp::new(
            Matern52::isotropic(0.4).scaled(2.0),
            Noise::Known(vec![0.01, 0.01, 0.01, 0.3]),
        )
        .condition(&array![[0.0], [0.7], [1.3], [0.35]], &[0.0; 4])
        .unwrap();
        let wanted = known.marginals(places.view()).unwrap().variance;
        for (i, wanted) in wanted.iter().enumerate() {
            assert!((factor.remaining(i) - wanted).abs() < 1e-12);
        }
    }

    #[test]
    fn duplicates_agree_in_every_draw() {
        let gp = model();
        let mut factor = JointFactor::new(&gp, array![[2.0], [2.0]]).unwrap();
        let normals = vec![vec![0.3, -1.2], vec![2.0, 5.0], vec![1.0, 1.0]];
        factor.reveal(0, 0.0).unwrap();
        let (mut first, mut second) = (Vec::new(), Vec::new());
        factor.draw(0, &normals, &mut first);
        factor.reveal(1, 0.0).unwrap();
        factor.draw(1, &normals, &mut second);
        for (a, b) in first.iter().zip(&second) {
            assert!((a - b).abs() < 1e-7);
        }
    }
}
