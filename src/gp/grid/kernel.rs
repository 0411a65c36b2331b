//! Covariance functions with a structure that a grid can use.

use super::lattice::Grid;
use crate::error::{Error, Result};
use crate::gp::kernel::{Kernel, Parameter, Role, check_log_parameters};
use crate::gp::points::Points;
use crate::gp::stationary::Rbf;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

/// The covariance of pixels, in one of the two forms that are fast on a grid.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GridKernel {
    /// k(p, q) = k₁(pᵧ, qᵧ) k₂(pₓ, qₓ): a Kronecker product of two small matrices; stationary or not.
    Product {
        /// Covariance along a column of pixels, of one coordinate (the row's).
        rows: Box<dyn Kernel>,
        /// Covariance along a row of pixels, of one coordinate (the column's).
        columns: Box<dyn Kernel>,
    },
    /// k(p, q) = c(p − q) of two coordinates: a block-Toeplitz matrix, multiplied by fast Fourier transforms.
    Stationary(Box<dyn Kernel>),
}

impl GridKernel {
    /// The product of two kernels of one coordinate each.
    ///
    /// ```
    /// use dosewise::gp::{GridKernel, Kernel, Matern52, Rbf};
    /// let kernel = GridKernel::product(Rbf::isotropic(2.0).scaled(3.0), Matern52::isotropic(1.0));
    /// let names: Vec<String> = kernel.parameters().into_iter().map(|p| p.name).collect();
    /// assert_eq!(names, ["rows.lengthscale", "rows.outputscale", "columns.lengthscale"]);
    /// ```
    pub fn product(rows: impl Kernel + 'static, columns: impl Kernel + 'static) -> Self {
        Self::Product {
            rows: Box::new(rows),
            columns: Box::new(columns),
        }
    }

    /// A kernel of two coordinates that depends on their differences alone, e.g. a Matérn kernel.
    pub fn stationary(kernel: impl Kernel + 'static) -> Self {
        Self::Stationary(Box::new(kernel))
    }

    /// variance · exp(−½ (Δy²/ℓ₁² + Δx²/ℓ₂²)) as a product; lengthscales \[along y, along x\].
    pub fn rbf(lengthscales: [f64; 2], variance: f64) -> Self {
        Self::product(
            Rbf::isotropic(lengthscales[0]).scaled(variance),
            Rbf::isotropic(lengthscales[1]),
        )
    }

    /// k(p, q) for two places \[y, x\].
    pub fn covariance(&self, p: [f64; 2], q: [f64; 2]) -> f64 {
        match self {
            Self::Product { rows, columns } => {
                rows.covariance(&p[..1], &q[..1]) * columns.covariance(&p[1..], &q[1..])
            }
            Self::Stationary(kernel) => kernel.covariance(&p, &q),
        }
    }

    /// The same as a kernel of two coordinates [y, x], for places between the pixels and for few of them.
    pub(super) fn dense(&self) -> Box<dyn Kernel> {
        match self {
            Self::Product { rows, columns } => {
                let along_rows = rows.clone().on_columns([0]);
                Box::new(along_rows.times(columns.clone().on_columns([1])))
            }
            Self::Stationary(kernel) => kernel.clone(),
        }
    }

    /// The hyper-parameters; those of a product are named `rows.…` and `columns.…`.
    pub fn parameters(&self) -> Vec<Parameter> {
        match self {
            Self::Stationary(kernel) => kernel.parameters(),
            Self::Product { rows, columns } => {
                let axes = [("rows", 0, rows), ("columns", 1, columns)];
                axes.into_iter()
                    .flat_map(|(name, axis, kernel)| {
                        kernel.parameters().into_iter().map(move |p| Parameter {
                            name: format!("{name}.{}", p.name),
                            role: match p.role {
                                Role::Lengthscale(_) => Role::Lengthscale(Some(axis)),
                                Role::Period(_) => Role::Period(Some(axis)),
                                Role::SlopeVariance(_) => Role::SlopeVariance(Some(axis)),
                                other => other,
                            },
                            value: p.value,
                        })
                    })
                    .collect()
            }
        }
    }

    /// Sets all hyper-parameters from their natural logarithms, in the order of [`GridKernel::parameters`].
    ///
    /// # Errors
    /// [`Error::Argument`] if their number is wrong or one is not finite; nothing is changed then.
    pub fn set_log_parameters(&mut self, values: &[f64]) -> Result<()> {
        check_log_parameters(values, self.parameters().len())?;
        match self {
            Self::Stationary(kernel) => kernel.set_log_parameters(values),
            Self::Product { rows, columns } => {
                let (first, second) = values.split_at(rows.parameters().len());
                rows.set_log_parameters(first)?;
                columns.set_log_parameters(second)
            }
        }
    }

    /// Accepts or refuses the parameters, and a "stationary" kernel that is not: its covariance is compared at a few
    /// pairs of pixels with equal differences.
    pub(super) fn check(&self, grid: &Grid) -> Result<()> {
        let kernel = match self {
            Self::Product { rows, columns } => {
                rows.check(1)?;
                return columns.check(1);
            }
            Self::Stationary(kernel) => kernel,
        };
        let [height, width] = grid.pixel_size();
        // Two edges of the grid hold every coordinate there is.
        let edges = Array2::from_shape_fn((grid.rows() + grid.columns(), 2), |(p, k)| {
            match (p.checked_sub(grid.rows()), k) {
                (None, 0) => p as f64 * height,
                (Some(column), 1) => column as f64 * width,
                _ => 0.0,
            }
        });
        kernel.check_points(Points::from_rows("grid", edges.view())?.view())?;
        let extent = [
            height * (grid.rows() - 1) as f64,
            width * (grid.columns() - 1) as f64,
        ];
        let variance = kernel.variance(&[0.0, 0.0]);
        for share in [0.1, 0.5, 1.0] {
            let step = [share * extent[0], share * extent[1]];
            let reference = kernel.covariance(&[0.0, 0.0], &step);
            for shift in [0.3, 0.7] {
                let from = [shift * extent[0], shift * extent[1]];
                let to = [from[0] + step[0], from[1] + step[1]];
                let moved = kernel.covariance(&from, &to);
                let change = (kernel.variance(&from) - variance).abs();
                // A sum, so that NaN is refused too.
                let off = (moved - reference).abs() + change;
                if off.is_nan() || off > 1e-6 * variance {
                    return Err(Error::argument(
                        "kernel",
                        format!("covariances {reference} and {moved} at equal differences"),
                        "a stationary kernel; a product of two kernels need not be stationary",
                    ));
                }
            }
        }
        Ok(())
    }
}
