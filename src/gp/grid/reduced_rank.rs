//! Exact inference in the eigenbasis of a product kernel, for as many eigenvectors as matter.

use super::eigenbasis::Eigenbasis;
use super::gradient::Traces;
use super::observations::Observations;
use super::system::sum_of_squares;
use crate::error::Result;
use crate::gp::kernel::dot;
use crate::linalg::{Cholesky, subtract_gram, zeros};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

/// Largest number of entries in the tables of products of eigenvectors.
const LARGEST_TABLE: usize = 1 << 26;

/// How far a reduction may go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    /// Rows of the largest matrix to factor.
    pub largest: usize,
    /// Modes are left out, weakest first, while the sum of their prior variance times the largest weight stays below
    /// this: it bounds twice the error of the log marginal likelihood (nats) and the relative error of the mean.
    pub left_out: f64,
}

impl Budget {
    /// For results that users see.
    pub fn exact(largest: usize) -> Self {
        Self {
            largest,
            left_out: 1e-8,
        }
    }

    /// For the steps of a fit that would have no exact route otherwise, where 10⁻⁴ nats decide nothing.
    pub fn fit(largest: usize) -> Self {
        Self {
            largest,
            left_out: 1e-4,
        }
    }
}

/// The eigenvectors that matter, as indices into the two axes.
pub(super) struct Modes {
    pairs: Vec<(usize, usize)>,
    /// Eigenvectors of each axis that occur.
    used: [usize; 2],
}

impl Modes {
    /// The modes needed, or `None` if more than `budget.largest` are.
    pub fn choose(basis: &Eigenbasis, largest_weight: f64, budget: Budget) -> Option<Self> {
        let columns = basis.columns.values.len();
        let mut all: Vec<(f64, usize)> = basis.eigenvalues().zip(0..).collect();
        all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        // Where nothing was measured the prior variance itself must come out right.
        let pixels = (basis.rows.matrix.nrows() * basis.width()) as f64;
        let total: f64 = all.iter().map(|(value, _)| value).sum();
        let largest_weight = largest_weight.max(pixels / total);
        let mut left_out = 0.0;
        while let Some((value, _)) = all.last() {
            left_out += value * largest_weight;
            if left_out > budget.left_out {
                break;
            }
            all.pop();
        }
        if all.len() > budget.largest {
            return None;
        }
        let mut pairs: Vec<_> = all
            .iter()
            .map(|(_, k)| (k / columns, k % columns))
            .collect();
        pairs.sort_unstable();
        let used = [
            pairs.iter().map(|p| p.0 + 1).max().unwrap_or(0),
            pairs.iter().map(|p| p.1 + 1).max().unwrap_or(0),
        ];
        let shape = [basis.rows.matrix.nrows(), basis.width()];
        let tables = used.map(|m| m * (m + 1) / 2);
        let entries = tables[0].saturating_mul(tables[1])
            + (0..2)
                .map(|k| tables[k].saturating_mul(shape[k]))
                .sum::<usize>();
        (entries <= LARGEST_TABLE).then_some(Self { pairs, used })
    }

    /// Number of modes.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Multiplications that the route costs, to compare it with others.
    pub fn cost(&self, basis: &Eigenbasis) -> f64 {
        let [p1, p2] = self.used.map(|m| (m * (m + 1) / 2) as f64);
        let n = basis.rows.matrix.nrows() as f64;
        2.0 * p1 * p2 * n + (self.len() as f64).powi(3)
    }
}

/// S = I + Λ^½ Qᵀ W Q Λ^½ over the modes, factored.
///
/// Both S and the variances come from products of eigenvectors, Qᵢₐ Qᵢ_c, of which an axis has only m(m+1)/2
/// different ones: forming S costs O(n₁ p₁ p₂) with p = m(m+1)/2 instead of (number of observations) r², and the
/// variances at all pixels the same again instead of N r².
pub(super) struct ReducedRank<'a> {
    basis: &'a Eigenbasis,
    modes: Modes,
    roots: Vec<f64>,
    tables: [Array2<f64>; 2],
    /// Qᵀ W Q, by pairs of eigenvectors of the two axes.
    gram: Array2<f64>,
    factor: Cholesky,
}

impl<'a> ReducedRank<'a> {
    pub fn new(basis: &'a Eigenbasis, modes: Modes, observations: &Observations) -> Result<Self> {
        let tables = [
            products(&basis.rows.vectors, modes.used[0]),
            products(&basis.columns.vectors, modes.used[1]),
        ];
        let shape = (basis.rows.matrix.nrows(), basis.width());
        let weights = ArrayView2::from_shape(shape, &observations.weights)
            .expect("one weight for each pixel");
        let gram = tables[0].t().dot(&weights.dot(&tables[1]));
        let roots: Vec<f64> = modes
            .pairs
            .iter()
            .map(|(a, b)| (basis.rows.values[*a] * basis.columns.values[*b]).sqrt())
            .collect();
        let factor = Cholesky::factor(modes.len(), &mut |j, column| {
            let (c, d) = modes.pairs[j];
            let rows = modes.pairs[j..].iter().zip(&roots[j..]);
            for (out, ((a, b), root)) in column.iter_mut().zip(rows) {
                *out = root * roots[j] * gram[[pair(*a, c), pair(*b, d)]];
            }
            column[0] += 1.0;
        })?;
        Ok(Self {
            basis,
            modes,
            roots,
            tables,
            gram,
            factor,
        })
    }

    /// Number of modes.
    pub fn rank(&self) -> usize {
        self.modes.len()
    }

    /// log det(I + K W).
    pub fn log_determinant(&self) -> f64 {
        self.factor.log_determinant()
    }

    /// K (K + D)⁻¹ r at all pixels, and rᵀ (K + D)⁻¹ r.
    pub fn solve(&self, observations: &Observations, r: &[f64]) -> Result<(Vec<f64>, f64)> {
        let weights = &observations.weights;
        let weighted: Vec<f64> = r.iter().zip(weights).map(|(r, w)| r * w).collect();
        let mut all = vec![0.0; self.basis.coefficients()];
        self.basis.gather(&weighted, &mut all);
        let columns = self.basis.columns.values.len();
        let mut u: Vec<f64> = self
            .modes
            .pairs
            .iter()
            .map(|(a, b)| all[a * columns + b])
            .collect();
        self.factor.solve(&mut u)?;
        all.fill(0.0);
        for ((a, b), u) in self.modes.pairs.iter().zip(&u) {
            all[a * columns + b] = *u;
        }
        let mut field = vec![0.0; r.len()];
        self.basis.spread(&all, &mut field);
        let quadratic = sum_of_squares((r, &field), weights, &u);
        Ok((field, quadratic))
    }

    /// The posterior variance at all pixels: Σ over modes of B S⁻¹ Bᵀ, on the diagonal.
    pub fn variance(&self) -> Vec<f64> {
        let r = self.rank();
        let (mut inverse, mut work) = (Vec::new(), Vec::new());
        self.factor.inverse(&mut inverse, &mut work);
        let mut folded = Array2::<f64>::zeros((self.tables[0].ncols(), self.tables[1].ncols()));
        for (j, (c, d)) in self.modes.pairs.iter().enumerate() {
            let column = &inverse[j * r..][j..r];
            let rows = self.modes.pairs[j..].iter().zip(&self.roots[j..]);
            for (k, (value, ((a, b), root))) in column.iter().zip(rows).enumerate() {
                let twice = if k == 0 { 1.0 } else { 2.0 };
                folded[[pair(*a, *c), pair(*b, *d)]] += twice * root * self.roots[j] * value;
            }
        }
        let half = self.tables[0].dot(&folded);
        half.dot(&self.tables[1].t()).into_raw_vec_and_offset().0
    }
}

/// For the gradient of the evidence.
impl ReducedRank<'_> {
    /// With V = L⁻¹ Λ^½ Qᵀ W Q the traces come from T = Vᵀ V, which no small eigenvalue divides. `weight` is the one
    /// weight of all observed pixels, if the trace of the inverse is asked for.
    pub fn traces(&self, observations: &Observations, weight: Option<f64>) -> Result<Traces> {
        let r = self.rank();
        let pairs = &self.modes.pairs;
        let mut v = zeros(r, r)?;
        for ((row, (a, b)), root) in v.chunks_exact_mut(r.max(1)).zip(pairs).zip(&self.roots) {
            for (out, (c, d)) in row.iter_mut().zip(pairs) {
                *out = root * self.gram[[pair(*a, *c), pair(*b, *d)]];
            }
        }
        self.factor.forward_many(&mut v, r)?;
        let mut minus = zeros(r, r)?;
        subtract_gram(&mut minus, &v, r, r);
        let mut traces = Traces {
            rows: Array2::zeros((self.modes.used[0], self.modes.used[0])),
            columns: Array2::zeros((self.modes.used[1], self.modes.used[1])),
            inverse: 0.0,
        };
        for (j, &(c, d)) in pairs.iter().enumerate() {
            let below = minus[j * r..][j..r].iter().zip(&pairs[j..]);
            for (t, &(a, b)) in below {
                if b == d {
                    let term = -t * self.basis.columns.values[b];
                    traces.rows[[a, c]] += term;
                    if a != c {
                        traces.rows[[c, a]] += term;
                    }
                }
                if a == c {
                    let term = -t * self.basis.rows.values[a];
                    traces.columns[[b, d]] += term;
                    if b != d {
                        traces.columns[[d, b]] += term;
                    }
                }
            }
        }
        if let Some(weight) = weight {
            // tr(W − W Q C Qᵀ W) = w (n − r + tr S⁻¹).
            self.factor.inverse(&mut v, &mut minus);
            let trace: f64 = (0..r).map(|j| v[j * r + j]).sum();
            traces.inverse = weight * (observations.count as f64 - r as f64 + trace);
        }
        Ok(traces)
    }
}

/// Position of the unordered pair {a, c}.
fn pair(a: usize, c: usize) -> usize {
    let (low, high) = if a < c { (a, c) } else { (c, a) };
    high * (high + 1) / 2 + low
}

/// Qᵢₐ Qᵢ_c for every pixel i and unordered pair of the first `used` columns, n × used(used+1)/2.
fn products(vectors: &Array2<f64>, used: usize) -> Array2<f64> {
    let mut table = Array2::zeros((vectors.nrows(), used * (used + 1) / 2));
    for (i, mut row) in table.rows_mut().into_iter().enumerate() {
        let vector: ArrayView1<'_, f64> = vectors.row(i);
        let mut position = 0;
        for high in 0..used {
            for low in 0..=high {
                row[position] = vector[high] * vector[low];
                position += 1;
            }
        }
    }
    table
}

/// Inference for all pixels observed with one noise: everything is diagonal in the eigenbasis.
pub(super) struct Diagonal<'a> {
    basis: &'a Eigenbasis,
    weight: f64,
}

impl<'a> Diagonal<'a> {
    pub fn new(basis: &'a Eigenbasis, weight: f64) -> Self {
        Self { basis, weight }
    }

    /// log det(I + K W).
    pub fn log_determinant(&self) -> f64 {
        let values = self.basis.eigenvalues();
        values.map(|v| (self.weight * v).ln_1p()).sum()
    }

    /// K (K + D)⁻¹ r at all pixels, and rᵀ (K + D)⁻¹ r.
    pub fn solve(&self, r: &[f64]) -> (Vec<f64>, f64) {
        let mut u = vec![0.0; self.basis.coefficients()];
        self.basis.gather(r, &mut u);
        for (u, value) in u.iter_mut().zip(self.basis.eigenvalues()) {
            *u *= self.weight / (1.0 + self.weight * value);
        }
        let mut field = vec![0.0; r.len()];
        self.basis.spread(&u, &mut field);
        let misfit: f64 = r.iter().zip(&field).map(|(r, f)| (r - f) * (r - f)).sum();
        (field, self.weight * misfit + dot(&u, &u))
    }

    /// The posterior variance at all pixels.
    pub fn variance(&self) -> Vec<f64> {
        let squares = |vectors: &Array2<f64>| vectors.mapv(|q| q * q);
        let shape = (
            self.basis.rows.values.len(),
            self.basis.columns.values.len(),
        );
        let left = self
            .basis
            .eigenvalues()
            .map(|v| v / (1.0 + self.weight * v));
        let left = Array2::from_shape_vec(shape, left.collect()).expect("one value a mode");
        let half = squares(&self.basis.rows.vectors).dot(&left);
        let full = half.dot(&squares(&self.basis.columns.vectors).t());
        full.into_raw_vec_and_offset().0
    }

    /// For the gradient of the evidence, see [`ReducedRank::traces`]; T is diagonal.
    pub fn traces(&self) -> Traces {
        let (rows, columns) = (&self.basis.rows.values, &self.basis.columns.values);
        let mut first = vec![0.0; rows.len()];
        let mut second = vec![0.0; columns.len()];
        let pixels = self.basis.rows.matrix.nrows() * self.basis.width();
        let mut inverse = self.weight * (pixels - self.basis.coefficients()) as f64;
        for (a, along_rows) in rows.iter().enumerate() {
            for (b, along_columns) in columns.iter().enumerate() {
                let value = along_rows * along_columns;
                let shrunk = self.weight / (1.0 + self.weight * value);
                let t = self.weight * value * shrunk;
                first[a] += along_columns * t;
                second[b] += along_rows * t;
                inverse += shrunk;
            }
        }
        Traces {
            rows: Array2::from_diag(&Array1::from(first)),
            columns: Array2::from_diag(&Array1::from(second)),
            inverse,
        }
    }
}
