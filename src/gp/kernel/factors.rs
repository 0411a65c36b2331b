//! A covariance of outputs by what they share: B = W Wᵀ + diag(κ) in terms of positive numbers.

use super::{Parameter, Role, check_parameter};
use crate::error::{Error, Result};
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

/// More outputs than this are surely a column of something else.
const MOST_OUTPUTS: usize = 1000;

/// A pivot that stands for none: its square is lost beside one.
const NO_PIVOT: f64 = 1e-12;

/// Own spreads that a weight may be worth, so that squares do not overflow.
const LARGEST_WEIGHT: f64 = 1e140;

/// B, P × P, and the positive numbers that it follows from; [`super::Coregionalised`] explains them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub(super) struct Factors {
    pub outputs: usize,
    pub rank: usize,
    numbers: Stored,
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

impl From<Stored> for Factors {
    fn from(numbers: Stored) -> Self {
        Self::with(numbers.variance.len(), numbers.pivot.len(), numbers)
    }
}

impl From<Factors> for Stored {
    fn from(factors: Factors) -> Self {
        factors.numbers
    }
}

impl Factors {
    /// Independent outputs of variance one.
    pub fn new(outputs: usize, rank: usize) -> Self {
        // Sizes beyond what `check` accepts are cut to the first that it refuses.
        let p = outputs.min(MOST_OUTPUTS + 1);
        let r = rank.min(p + 1);
        let numbers = Stored {
            variance: vec![1.0; p],
            pivot: vec![1.0; r],
            loading: vec![1.0; loading_count(p, r)],
        };
        Self::with(p, r, numbers)
    }

    /// From W (P × R) and κ > 0.
    pub fn from_weights(weights: ArrayView2<'_, f64>, specific: &[f64]) -> Result<Self> {
        let (p, r) = weights.dim();
        let mut factors = Self::new(p, r);
        factors.check()?;
        if specific.len() != p {
            let found = format!("{} variances", specific.len());
            return Err(Error::argument(
                "specific",
                found,
                format!("{p}, one an output"),
            ));
        }
        let mut own = specific.iter();
        own.try_for_each(|&kappa| check_parameter("specific", kappa))?;
        let scaled = Array2::from_shape_fn((p, r), |(a, k)| weights[[a, k]] / specific[a].sqrt());
        let usable = -LARGEST_WEIGHT..=LARGEST_WEIGHT;
        if let Some(bad) = scaled.iter().find(|z| !usable.contains(*z)) {
            let allowed = "numbers up to 1e140 times the own spread of their output";
            return Err(Error::argument(
                "weights",
                format!("{bad} own spreads"),
                allowed,
            ));
        }
        let triangular = triangular(&scaled);
        for a in 0..p {
            let square: f64 = weights.row(a).iter().map(|w| w * w).sum();
            factors.numbers.variance[a] = square + specific[a];
            for k in 0..r.min(a + 1) {
                let z = triangular[[a, k]];
                match factors.slot(a, k) {
                    Slot::Pivot(k) => factors.numbers.pivot[k] = z.max(NO_PIVOT),
                    Slot::Loading(i) => factors.numbers.loading[i] = z.asinh().exp(),
                }
            }
        }
        let factors = Self::with(p, r, factors.numbers);
        factors.check()?;
        Ok(factors)
    }

    /// The same correlations with other variances.
    pub fn with_variances(mut self, variances: Vec<f64>) -> Self {
        self.numbers.variance = variances;
        Self::with(self.outputs, self.rank, self.numbers)
    }

    /// With what follows from the numbers worked out, where they are as many as they should be.
    fn with(outputs: usize, rank: usize, numbers: Stored) -> Self {
        let mut factors = Self {
            outputs,
            rank,
            numbers,
            lengths: Vec::new(),
            directions: Vec::new(),
            matrix: Vec::new(),
        };
        if factors.check_counts().is_ok() {
            factors.derive();
        }
        factors
    }

    fn derive(&mut self) {
        let (p, r) = (self.outputs, self.rank);
        self.directions = vec![0.0; p * r];
        self.lengths = vec![1.0; p];
        for a in 0..p {
            for k in 0..r.min(a + 1) {
                let z = match self.slot(a, k) {
                    Slot::Pivot(k) => self.numbers.pivot[k],
                    Slot::Loading(i) => {
                        0.5 * (self.numbers.loading[i] - 1.0 / self.numbers.loading[i])
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
        let scale = |a: usize| self.numbers.variance[a].sqrt();
        let entry = |a: usize, b: usize| match a == b {
            true => self.numbers.variance[a],
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

    /// B_ab; NaN where there is no such output.
    pub fn between(&self, a: usize, b: usize) -> f64 {
        let exists = a < self.outputs && b < self.outputs;
        let position = a.saturating_mul(self.outputs).saturating_add(b);
        let entry = self.matrix.get(position).filter(|_| exists);
        entry.copied().unwrap_or(f64::NAN)
    }

    /// w_ak/s_a; NaN where the numbers are too few.
    pub fn share(&self, a: usize, k: usize) -> f64 {
        let share = self.directions.get(a * self.rank + k);
        share.copied().unwrap_or(f64::NAN)
    }

    /// κ.
    pub fn specific_variances(&self) -> Vec<f64> {
        let both = self.numbers.variance.iter().zip(&self.lengths);
        let own = both.map(|(variance, length)| variance / length / length);
        own.collect()
    }

    /// Adds weight ∂B_ab/∂log θ.
    pub fn accumulate(&self, a: usize, b: usize, weight: f64, gradient: &mut [f64]) {
        // B_ab holds the root of each variance, B_aa both roots of one.
        let part = weight * self.between(a, b);
        gradient[a] += 0.5 * part;
        gradient[b] += 0.5 * part;
        if a != b {
            let [s, t] = [a, b].map(|p| self.numbers.variance[p].sqrt());
            self.accumulate_correlation(a, b, weight * s * t, gradient);
            self.accumulate_correlation(b, a, weight * s * t, gradient);
        }
    }

    /// Adds weight ∂(correlation of a and b)/∂log θ for the parameters of z_a.
    fn accumulate_correlation(&self, a: usize, b: usize, weight: f64, gradient: &mut [f64]) {
        let cosine = self.cosine(a, b);
        let (own, other) = (self.direction(a), self.direction(b));
        for k in 0..self.rank.min(a + 1) {
            let (position, stretch) = match self.slot(a, k) {
                Slot::Pivot(k) => (self.outputs + k, self.numbers.pivot[k]),
                Slot::Loading(i) => {
                    let u = self.numbers.loading[i];
                    (self.outputs + self.rank + i, 0.5 * (u + 1.0 / u))
                }
            };
            // ∂z/∂log θ over |(1, z)| is at most one: divided first, it cannot overflow.
            gradient[position] +=
                weight * (other[k] - cosine * own[k]) * (stretch / self.lengths[a]);
        }
    }

    /// Which parameter z_ak follows from, k ≤ a.
    fn slot(&self, a: usize, k: usize) -> Slot {
        match a == k {
            true => Slot::Pivot(k),
            false => Slot::Loading(loading_count(a, self.rank) + k),
        }
    }

    /// Every number with its name.
    pub fn parameters(&self) -> Vec<Parameter> {
        let named = |name: String, role: Role, value: &f64| Parameter {
            name,
            role,
            value: *value,
        };
        let variances = self.numbers.variance.iter().enumerate();
        let pivots = self.numbers.pivot.iter().enumerate();
        let below = (0..self.outputs).flat_map(|a| (0..self.rank.min(a)).map(move |k| (a, k)));
        let loadings = below.zip(&self.numbers.loading);
        let mut all: Vec<Parameter> = variances
            .map(|(a, v)| named(format!("variance[{a}]"), Role::Variance, v))
            .collect();
        all.extend(pivots.map(|(k, v)| named(format!("pivot[{k}]"), Role::Shape, v)));
        all.extend(loadings.map(|((a, k), v)| named(format!("loading[{a},{k}]"), Role::Shape, v)));
        all
    }

    /// How many numbers there are.
    pub fn count(&self) -> usize {
        let Stored {
            variance,
            pivot,
            loading,
        } = &self.numbers;
        variance.len() + pivot.len() + loading.len()
    }

    /// Takes as many logarithms.
    pub fn set_logs(&mut self, logs: &[f64]) {
        let Stored {
            variance,
            pivot,
            loading,
        } = &mut self.numbers;
        let slots = variance.iter_mut().chain(pivot).chain(loading);
        slots.zip(logs).for_each(|(slot, log)| *slot = log.exp());
        if self.check_counts().is_ok() {
            self.derive();
        }
    }

    /// Accepts or refuses counts and values.
    pub fn check(&self) -> Result<()> {
        self.check_counts()?;
        let mut parameters = self.parameters().into_iter();
        parameters.try_for_each(|p| check_parameter(&p.name, p.value))
    }

    fn check_counts(&self) -> Result<()> {
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
            ("variances", self.numbers.variance.len(), p),
            ("pivots", self.numbers.pivot.len(), r),
            ("loadings", self.numbers.loading.len(), loading_count(p, r)),
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

/// Which of the numbers an entry of W follows from.
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
