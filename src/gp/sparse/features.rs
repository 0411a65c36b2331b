//! Measured places as the inducing points see them.

use super::belief::Belief;
use crate::error::Result;
use crate::gp::kernel::{Kernel, dot};
use crate::gp::points::PointsView;
use crate::linalg::{Cholesky, add_outer, zeros};
use rayon::prelude::*;
use std::ops::Range;

/// Places handled together: the block stays in cache while it is solved and multiplied.
pub(super) const BLOCK: usize = 256;
/// Sums over places are taken in at most this many runs, whose number and order depend on the places alone: the result
/// is the same to the last bit whatever the number of threads.
const RUNS: usize = 8;
/// Added to the diagonal of K_uu, relative to its mean. It keeps the factor defined where inducing points meet, and
/// costs the bound n · 10⁻¹² · variance / noise variance.
const FLOOR: f64 = 1e-12;

/// Inducing points with the factor of their covariance, K_uu + jitter = L Lᵀ.
#[derive(Clone, Copy)]
pub(super) struct Basis<'a> {
    pub kernel: &'a dyn Kernel,
    pub inducing: PointsView<'a>,
    pub root: &'a Cholesky,
}

/// The factor of K_uu, and all that was added to its diagonal.
pub(super) fn factor_inducing(
    kernel: &dyn Kernel,
    inducing: PointsView<'_>,
) -> Result<(Cholesky, f64)> {
    let size = inducing.len();
    let variances = prior_variances(kernel, inducing);
    let floor = FLOOR * variances.iter().sum::<f64>() / size.max(1) as f64;
    let mut point = Vec::new();
    let root = Cholesky::factor(size, &mut |j, column| {
        inducing.copy_point(j, &mut point);
        kernel.covariances(&point, inducing.range(j, size), column);
        column[0] += floor;
    })?;
    let jitter = floor + root.jitter();
    Ok((root, jitter))
}

/// k(x, x) at each place.
pub(super) fn prior_variances(kernel: &dyn Kernel, places: PointsView<'_>) -> Vec<f64> {
    let mut point = Vec::new();
    let each = (0..places.len()).map(|i| {
        places.copy_point(i, &mut point);
        kernel.variance(&point)
    });
    each.collect()
}

impl Basis<'_> {
    /// Writes V = L⁻¹ k(Z, places), row-major M × m.
    pub fn features_into(&self, places: PointsView<'_>, out: &mut [f64]) -> Result<()> {
        let mut point = Vec::new();
        for (j, row) in out.chunks_exact_mut(places.len().max(1)).enumerate() {
            self.inducing.copy_point(j, &mut point);
            self.kernel.covariances(&point, places, row);
        }
        self.root.forward_many(out, places.len())
    }
}

/// V = L⁻¹ k(Z, X) for n places, stored in blocks of places; n M numbers.
///
/// Given the whitened inducing values v, f(x) has mean Vᵀ v and variance k(x, x) − |V|².
pub(super) struct Features<'a> {
    pub basis: Basis<'a>,
    pub points: PointsView<'a>,
    variances: Vec<f64>,
    /// Block after block, each row-major M × its width.
    values: Vec<f64>,
}

/// A run of places and their features.
pub(super) struct Block<'a> {
    pub places: Range<usize>,
    pub values: &'a [f64],
}

impl Block<'_> {
    pub fn width(&self) -> usize {
        self.places.len()
    }
}

impl<'a> Features<'a> {
    /// Computes the features; `buffer` is reused if it is large enough.
    pub fn new(basis: Basis<'a>, points: PointsView<'a>, mut buffer: Vec<f64>) -> Result<Self> {
        let (size, n) = (basis.inducing.len(), points.len());
        if buffer.capacity() < size.saturating_mul(n) {
            buffer = zeros(size, n)?;
        }
        buffer.resize(size * n, 0.0);
        let blocks = buffer.par_chunks_mut((size * BLOCK).max(1)).enumerate();
        blocks.try_for_each(|(block, out)| {
            let places = points.range(block * BLOCK, (block + 1) * BLOCK);
            basis.features_into(places, out)
        })?;
        Ok(Self {
            variances: prior_variances(basis.kernel, points),
            basis,
            points,
            values: buffer,
        })
    }

    /// The buffer, for the next use.
    pub fn into_buffer(self) -> Vec<f64> {
        self.values
    }

    pub fn size(&self) -> usize {
        self.basis.inducing.len()
    }

    /// What `work` makes of each run of blocks, in the order of the runs.
    pub fn runs<T: Send>(
        &self,
        work: impl Fn(&mut dyn Iterator<Item = Block<'_>>) -> T + Sync,
    ) -> Vec<T> {
        let (size, n) = (self.size(), self.points.len());
        let blocks = n.div_ceil(BLOCK);
        let long = blocks.div_ceil(RUNS).max(1);
        let runs = (0..blocks.div_ceil(long)).into_par_iter().map(|run| {
            let run = run * long..((run + 1) * long).min(blocks);
            let mut blocks = run.map(|block| {
                let places = block * BLOCK..((block + 1) * BLOCK).min(n);
                let values = &self.values[size * places.start..size * places.end];
                Block { places, values }
            });
            work(&mut blocks)
        });
        runs.collect()
    }

    /// Vᵀ w at every place.
    pub fn project(&self, w: &[f64]) -> Vec<f64> {
        let runs = self.runs(|blocks| {
            let mut out = Vec::new();
            for block in blocks {
                let start = out.len();
                out.resize(start + block.width(), 0.0);
                for (w, row) in w.iter().zip(block.values.chunks_exact(block.width())) {
                    for (out, v) in out[start..].iter_mut().zip(row) {
                        *out += w * v;
                    }
                }
            }
            out
        });
        runs.concat()
    }

    /// k(x, x) − |V|² + Vᵀ Λ⁻¹ V at every place: the variance of f. Without a belief, what v leaves open: k(x, x) − |V|².
    pub fn variances(&self, belief: Option<&Belief>) -> Result<Vec<f64>> {
        let runs = self.runs(|blocks| {
            let mut out = Vec::new();
            for block in blocks {
                let start = out.len();
                out.extend_from_slice(&self.variances[block.places.clone()]);
                let out = &mut out[start..];
                add_squares(out, block.values, -1.0);
                if let Some(belief) = belief {
                    let mut solved = block.values.to_vec();
                    belief.precision.forward_many(&mut solved, out.len())?;
                    add_squares(out, &solved, 1.0);
                }
                out.iter_mut().for_each(|v| *v = v.max(0.0));
            }
            Ok(out)
        });
        let runs: Result<Vec<Vec<f64>>> = runs.into_iter().collect();
        Ok(runs?.concat())
    }

    /// V diag(`weights`) Vᵀ, lower triangle, column-major; the weights must not be negative.
    pub fn gram(&self, weights: &[f64]) -> Vec<f64> {
        let size = self.size();
        sum(self.runs(|blocks| {
            let mut out = vec![0.0; size * size];
            let mut scaled = Vec::new();
            for block in blocks {
                let width = block.width();
                scaled.clear();
                scaled.extend_from_slice(block.values);
                for row in scaled.chunks_exact_mut(width) {
                    for (v, weight) in row.iter_mut().zip(&weights[block.places.clone()]) {
                        *v *= weight.sqrt();
                    }
                }
                add_outer(&mut out, &scaled, &scaled, size, width);
            }
            out
        }))
    }

    /// V `weights`, one number an inducing value.
    pub fn weigh(&self, weights: &[f64]) -> Vec<f64> {
        let size = self.size();
        sum(self.runs(|blocks| {
            let mut out = vec![0.0; size];
            for block in blocks {
                let weights = &weights[block.places.clone()];
                let rows = block.values.chunks_exact(block.width());
                for (out, row) in out.iter_mut().zip(rows) {
                    *out += dot(row, weights);
                }
            }
            out
        }))
    }
}

/// Adds `sign` times the column sums of the squares of `values` to `out`.
fn add_squares(out: &mut [f64], values: &[f64], sign: f64) {
    for row in values.chunks_exact(out.len().max(1)) {
        for (out, v) in out.iter_mut().zip(row) {
            *out += sign * v * v;
        }
    }
}

pub(super) fn add_to(out: &mut [f64], part: &[f64]) {
    out.iter_mut()
        .zip(part)
        .for_each(|(out, part)| *out += part);
}

/// The sum of the parts, in their order.
pub(super) fn sum(parts: Vec<Vec<f64>>) -> Vec<f64> {
    let mut parts = parts.into_iter();
    let mut total = parts.next().unwrap_or_default();
    parts.for_each(|part| add_to(&mut total, &part));
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gp::Matern52;
    use crate::gp::points::Points;
    use ndarray::Array2;

    fn scattered(n: usize, shift: f64) -> Points {
        let rows = Array2::from_shape_fn((n, 2), |(i, k)| {
            ((i as f64 + shift) * [0.754_877_666, 0.569_840_291][k]).fract()
        });
        Points::from_rows("x", rows.view()).unwrap()
    }

    #[test]
    fn sums_over_runs_are_plain_sums() {
        let kernel = Matern52::isotropic(0.4);
        let (n, size) = (9 * BLOCK + 5, 4);
        let (points, inducing) = (scattered(n, 0.5), scattered(size, 0.2));
        let (root, jitter) = factor_inducing(&kernel, inducing.view()).unwrap();
        assert!(jitter < 1e-11);
        let basis = Basis {
            kernel: &kernel,
            inducing: inducing.view(),
            root: &root,
        };
        let features = Features::new(basis, points.view(), vec![7.0; 3]).unwrap();
        let weights: Vec<f64> = (0..n).map(|i| 0.5 + (i % 7) as f64).collect();
        let (gram, weighed) = (features.gram(&weights), features.weigh(&weights));
        let mut columns = Vec::new();
        for i in 0..n {
            let mut v = vec![0.0; size];
            let point = points.view().point(i);
            basis
                .features_into(PointsView::single(&point), &mut v)
                .unwrap();
            columns.push(v);
        }
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9 * (1.0 + b.abs()), "{a} {b}");
        for a in 0..size {
            near(
                weighed[a],
                columns.iter().zip(&weights).map(|(v, w)| v[a] * w).sum(),
            );
            for b in 0..=a {
                let products = columns.iter().zip(&weights).map(|(v, w)| w * v[a] * v[b]);
                near(gram[b * size + a], products.sum());
            }
        }
        let w = [0.3, -1.0, 2.0, 0.1];
        let projected = features.project(&w);
        let open = features.variances(None).unwrap();
        for (i, v) in columns.iter().enumerate() {
            near(projected[i], dot(v, &w));
            near(open[i], 1.0 - dot(v, v));
        }
    }
}
