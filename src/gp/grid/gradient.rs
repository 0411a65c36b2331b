//! The gradient of the exact log marginal likelihood for product kernels.

use super::eigenbasis::Eigenbasis;
use super::kernel::GridKernel;
use super::lattice::Grid;
use crate::error::Result;
use crate::gp::kernel::{Kernel, dot};
use crate::gp::points::Points;
use ndarray::{Array1, Array2, ArrayView2, Axis};

/// What the gradient needs from a factored posterior, R = (K + D)⁻¹ over the observed pixels.
pub(super) struct Traces {
    /// Σ_b λ₂ᵦ T[(a b), (c b)], m₁ × m₁, with T = Qᵀ W Q C Qᵀ W Q and C = Λ^½ S⁻¹ Λ^½ the posterior covariance of
    /// the modes.
    pub rows: Array2<f64>,
    /// Σ_a λ₁ₐ T[(a b), (a d)], m₂ × m₂.
    pub columns: Array2<f64>,
    /// tr R over the observed pixels, if asked for.
    pub inverse: f64,
}

/// The gradient by the kernel's log-parameters, and by the log noise variance if `noise` is a shared one.
///
/// ∂L/∂θ = ½ Σ ± αᵀ dK α − ½ tr(R dK) over the signed `squares` (±, α), of Gaussian measurements the one (+, R (y − mean)),
/// with R = W − W Q C Qᵀ W by the matrix inversion lemma. For dK = dK₁ ⊗ K₂ all terms are sums Σᵢᵢ′ M[i, i′] dK₁[i, i′] over
/// one axis alone, with M = ½ (Σ ± A K₂ Aᵀ − diag Σⱼ w K₂ⱼⱼ + Q₁ (Σ_b λ₂ᵦ T) Q₁ᵀ) and A the image of α; the kernel of the axis
/// does the rest.
pub(super) fn gradient(
    grid: &Grid,
    kernel: &GridKernel,
    noise: Option<f64>,
    (basis, traces): (&Eigenbasis, &Traces),
    weights: &[f64],
    squares: &[(f64, &[f64])],
) -> Result<Vec<f64>> {
    let GridKernel::Product { rows, columns } = kernel else {
        return Ok(Vec::new());
    };
    let shape = (grid.rows(), grid.columns());
    let weights = ArrayView2::from_shape(shape, weights).expect("one weight a pixel");
    let (first, second) = (&basis.rows, &basis.columns);

    let mut along_rows = Array2::zeros(first.matrix.dim());
    let mut along_columns = Array2::zeros(second.matrix.dim());
    for (sign, alpha) in squares {
        let alpha = ArrayView2::from_shape(shape, alpha).expect("one number a pixel");
        along_rows.scaled_add(*sign, &alpha.dot(&second.matrix).dot(&alpha.t()));
        along_columns.scaled_add(*sign, &alpha.t().dot(&first.matrix).dot(&alpha));
    }
    let diagonal = weights.dot(&second.matrix.diag());
    let pitch = grid.pixel_size();
    let mut gradient = axis_gradient(
        rows.as_ref(),
        pitch[0],
        along_rows,
        diagonal,
        within(&first.vectors, &traces.rows),
    )?;
    let diagonal = weights.t().dot(&first.matrix.diag());
    gradient.extend(axis_gradient(
        columns.as_ref(),
        pitch[1],
        along_columns,
        diagonal,
        within(&second.vectors, &traces.columns),
    )?);
    if let Some(variance) = noise {
        let square: f64 = squares.iter().map(|(sign, a)| sign * dot(a, a)).sum();
        gradient.push(0.5 * variance * (square - traces.inverse));
    }
    Ok(gradient)
}

/// Q T Qᵀ for the leading eigenvectors that T speaks of.
fn within(vectors: &Array2<f64>, inner: &Array2<f64>) -> Array2<f64> {
    let used = vectors.slice_axis(Axis(1), (..inner.nrows()).into());
    used.dot(inner).dot(&used.t())
}

fn axis_gradient(
    kernel: &dyn Kernel,
    pitch: f64,
    mut weights: Array2<f64>,
    diagonal: Array1<f64>,
    explained: Array2<f64>,
) -> Result<Vec<f64>> {
    weights += &explained;
    let mut on_diagonal = weights.diag_mut();
    on_diagonal -= &diagonal;
    weights *= 0.5;
    let places = Array2::from_shape_fn((weights.nrows(), 1), |(i, _)| i as f64 * pitch);
    let points = Points::from_rows("grid", places.view())?;
    let mut gradient = vec![0.0; kernel.parameters().len()];
    for (i, row) in weights.rows().into_iter().enumerate() {
        let row = row.to_vec();
        kernel.accumulate_gradient(&[i as f64 * pitch], points.view(), &row, &mut gradient);
    }
    Ok(gradient)
}
