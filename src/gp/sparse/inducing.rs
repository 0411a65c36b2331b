//! Where a sparse process looks closely: inducing points, chosen among the measured places.

use crate::error::{Error, Result};
use crate::gp::kernel::{Kernel, dot};
use crate::gp::points::{Points, PointsView};
use crate::gp::restart::subset;
use crate::linalg::zeros;
use crate::units::Seed;
use ndarray::{ArrayView2, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Rows of the partial factor that one thread updates at a time.
const CHUNK: usize = 1024;

/// Inducing points chosen greedily: always the place whose value is least certain given those at the chosen ones.
///
/// The m-th point maximises the conditional variance k(x, x) − q(x, x) given the first m − 1, which is pivoted
/// Cholesky factorisation of the kernel matrix, stopped early: O(n M²) time, n M numbers. Deterministic, and the first
/// points of a long selection are the shorter one. Burt, Rasmussen & van der Wilk (2020), "Convergence of sparse
/// variational inference in Gaussian processes regression", *J. Mach. Learn. Res.* 21(131), section 4.1.
///
/// ```
/// use dosewise::gp::{InducingSelection, Rbf};
/// use ndarray::Array2;
/// // Hundreds of measurements at only five distinct places.
/// let x = Array2::from_shape_fn((500, 1), |(i, _)| (i % 5) as f64);
/// let selected = InducingSelection::of(20).select(&Rbf::isotropic(1.0), &x)?;
/// assert_eq!(selected.indices().len(), 5);
/// assert!(selected.mean_variance()[4] < 1e-12);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InducingSelection {
    /// Largest number of points, M. Default 100.
    pub count: usize,
    /// Stops before M points once the conditional variance, on average or at its largest, is below this share of the
    /// prior variance: more points would add nothing but an ill-conditioned matrix. Default 10⁻¹².
    pub tolerance: f64,
    /// With more measurements than this, points are chosen among a random subset of this size. Default 20 000.
    pub candidates: usize,
    /// Decides the subset. Default 0.
    pub seed: Seed,
}

impl Default for InducingSelection {
    fn default() -> Self {
        Self {
            count: 100,
            tolerance: 1e-12,
            candidates: 20_000,
            seed: Seed(0),
        }
    }
}

/// What [`InducingSelection::select`] chose.
#[derive(Debug, Clone, PartialEq)]
pub struct Selected {
    indices: Vec<usize>,
    mean_variance: Vec<f64>,
}

impl Selected {
    /// Rows of the places that were chosen, in the order of choice.
    pub fn indices(&self) -> &[usize] {
        &self.indices
    }

    /// The average conditional **variance** of the candidates after each choice, in squared units of the outputs:
    /// tr(K − Q)/n, half of which over the noise variance is what the bound loses a measurement.
    pub fn mean_variance(&self) -> &[f64] {
        &self.mean_variance
    }
}

impl InducingSelection {
    /// Up to `count` points.
    pub fn of(count: usize) -> Self {
        Self {
            count,
            ..Self::default()
        }
    }

    /// Chooses among the rows of `x` (n × d).
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no row, a coordinate is not finite, the kernel does not suit the places, `count`
    /// or `candidates` is zero, `tolerance` is not in 0..1, or n M numbers do not fit into memory.
    pub fn select<'x>(
        &self,
        kernel: &dyn Kernel,
        x: impl Into<ArrayView2<'x, f64>>,
    ) -> Result<Selected> {
        let rows = x.into();
        if rows.nrows() == 0 {
            return Err(Error::argument("x", "no row", "at least one"));
        }
        self.check()?;
        let chosen = self.subset(rows.nrows());
        let points = match &chosen {
            Some(chosen) => Points::from_rows("x", rows.select(Axis(0), chosen).view())?,
            None => Points::from_rows("x", rows)?,
        };
        kernel.check_points(points.view())?;
        let mut selected = self.greedy(kernel, points.view())?;
        if let Some(chosen) = chosen {
            selected.indices.iter_mut().for_each(|i| *i = chosen[*i]);
        }
        Ok(selected)
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.count == 0 || self.candidates == 0 {
            let found = format!("{} of {} candidates", self.count, self.candidates);
            return Err(Error::argument("inducing", found, "at least one point"));
        }
        if !(0.0..1.0).contains(&self.tolerance) {
            return Err(Error::argument(
                "tolerance",
                self.tolerance,
                "0 ≤ tolerance < 1",
            ));
        }
        Ok(())
    }

    fn subset(&self, total: usize) -> Option<Vec<usize>> {
        (total > self.candidates).then(|| subset(total, self.candidates, self.seed))
    }

    /// The points themselves, chosen among `points`.
    pub(super) fn choose(&self, kernel: &dyn Kernel, points: PointsView<'_>) -> Result<Points> {
        match self.subset(points.len()) {
            None => {
                let selected = self.greedy(kernel, points)?;
                Ok(Points::select(points, &selected.indices))
            }
            Some(chosen) => {
                let few = Points::select(points, &chosen);
                let selected = self.greedy(kernel, few.view())?;
                Ok(Points::select(few.view(), &selected.indices))
            }
        }
    }

    fn greedy(&self, kernel: &dyn Kernel, points: PointsView<'_>) -> Result<Selected> {
        let n = points.len();
        let most = self.count.min(n);
        let mut point = Vec::with_capacity(points.dimension());
        let prior: Vec<f64> = (0..n)
            .map(|i| {
                points.copy_point(i, &mut point);
                kernel.variance(&point)
            })
            .collect();
        let total: f64 = prior.iter().sum();
        let mut left = prior.clone();
        // Row i is that of point i in the factor, as far as it is known.
        let mut rows = zeros(n, most)?;
        let mut cross = vec![0.0; n];
        let mut selected = Selected {
            indices: Vec::with_capacity(most),
            mean_variance: Vec::with_capacity(most),
        };
        while selected.indices.len() < most {
            let all = left.iter().enumerate();
            let (pivot, largest) = all.fold((0, f64::NEG_INFINITY), |best, (i, &v)| {
                if v > best.1 { (i, v) } else { best }
            });
            let negligible = left.iter().sum::<f64>() <= self.tolerance * total;
            if largest <= self.tolerance * prior[pivot] || negligible {
                break;
            }
            let size = selected.indices.len();
            points.copy_point(pivot, &mut point);
            kernel.covariances(&point, points, &mut cross);
            let of_pivot = rows[pivot * most..][..size].to_vec();
            let root = largest.sqrt();
            rows.par_chunks_mut(most * CHUNK)
                .zip(left.par_chunks_mut(CHUNK))
                .zip(cross.par_chunks(CHUNK))
                .for_each(|((rows, left), cross)| {
                    let each = rows.chunks_exact_mut(most).zip(left).zip(cross);
                    for ((row, left), cross) in each {
                        let entry = (cross - dot(&row[..size], &of_pivot)) / root;
                        row[size] = entry;
                        *left = (*left - entry * entry).max(0.0);
                    }
                });
            left[pivot] = 0.0;
            selected.indices.push(pivot);
            selected
                .mean_variance
                .push(left.iter().sum::<f64>() / n as f64);
        }
        if selected.indices.is_empty() {
            let found = format!("a variance of {} at every place", prior[0]);
            return Err(Error::argument("kernel", found, "positive variances"));
        }
        Ok(selected)
    }
}

/// Which inducing points a sparse process has.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InducingPoints {
    /// Chosen anew at every conditioning, for the kernel of that moment.
    Greedy(InducingSelection),
    /// These.
    Given(Points),
}

impl InducingPoints {
    /// Up to `count` measured places, chosen by [`InducingSelection`].
    pub fn greedy(count: usize) -> Self {
        Self::Greedy(InducingSelection::of(count))
    }

    /// The rows of an M × d array.
    ///
    /// # Errors
    /// [`Error::Argument`] if d = 0 or a coordinate is not finite.
    pub fn given<'z>(rows: impl Into<ArrayView2<'z, f64>>) -> Result<Self> {
        Ok(Self::Given(Points::from_rows("inducing", rows.into())?))
    }

    pub(super) fn check(&self, kernel: &dyn Kernel, dimension: usize) -> Result<()> {
        match self {
            Self::Greedy(selection) => selection.check(),
            Self::Given(points) if points.is_empty() || points.dimension() != dimension => {
                let found = format!("{} of {} coordinates", points.len(), points.dimension());
                let allowed = format!("at least one point of {dimension} coordinates");
                Err(Error::argument("inducing", found, allowed))
            }
            Self::Given(points) => kernel.check_points(points.view()),
        }
    }

    pub(super) fn place(&self, kernel: &dyn Kernel, points: PointsView<'_>) -> Result<Points> {
        match self {
            Self::Greedy(selection) => selection.choose(kernel, points),
            Self::Given(points) => Ok(points.clone()),
        }
    }

    /// As [`InducingPoints::place`] among the rows of an array, of which only the candidates are copied.
    pub(super) fn place_among(
        &self,
        kernel: &dyn Kernel,
        x: ArrayView2<'_, f64>,
    ) -> Result<Points> {
        match self {
            Self::Greedy(selection) => {
                let selected = selection.select(kernel, x)?;
                Points::from_rows("x", x.select(Axis(0), selected.indices()).view())
            }
            Self::Given(points) => Ok(points.clone()),
        }
    }
}
