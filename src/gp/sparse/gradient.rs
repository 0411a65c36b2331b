//! Derivatives of what depends on mean and variance of f, back through the features to kernel and inducing points.

use super::belief::Belief;
use super::features::{Basis, Features, add_to, sum};
use crate::error::Result;
use crate::gp::points::PointsView;
use crate::linalg::add_outer;

/// Derivatives by the kernel's log-parameters and by the coordinates of the inducing points, point after point.
pub(super) struct Gradient {
    pub kernel: Vec<f64>,
    pub inducing: Vec<f64>,
}

impl Gradient {
    fn zeros(basis: &Basis<'_>) -> Self {
        Self {
            kernel: vec![0.0; basis.kernel.parameter_count()],
            inducing: vec![0.0; basis.inducing.len() * basis.inducing.dimension()],
        }
    }

    fn of_point(&mut self, j: usize, dimension: usize) -> &mut [f64] {
        &mut self.inducing[j * dimension..][..dimension]
    }

    /// Adds Σᵢ weightsᵢ ∂k(zⱼ, placesᵢ).
    fn add(
        &mut self,
        basis: &Basis<'_>,
        j: usize,
        places: PointsView<'_>,
        weights: &[f64],
        moving: bool,
    ) {
        let point = basis.inducing.point(j);
        let kernel = basis.kernel;
        kernel.accumulate_gradient(&point, places, weights, &mut self.kernel);
        if moving {
            let slot = self.of_point(j, point.len());
            kernel.accumulate_input_gradient(&point, places, weights, slot);
        }
    }
}

impl Features<'_> {
    /// The gradient of an objective that depends on kernel and inducing points through the means μᵢ = Vᵢᵀ w and
    /// variances sᵢ = kᵢᵢ − |Vᵢ|² + Vᵢᵀ Λ⁻¹ Vᵢ of f alone, w and Λ held fixed: `slopes` are its derivatives by μᵢ and
    /// `curvatures` twice those by sᵢ (for an expectation over f they are its mean slope and curvature).
    ///
    /// By V it is V̄ = w slopesᵀ + (Λ⁻¹ − I) V diag(curvatures); from there to K_uf by L⁻ᵀ V̄, and to K_uu by the
    /// reverse of the Cholesky factorisation, −L⁻ᵀ C L⁻¹ with C the lower half of V̄ Vᵀ made symmetric (Murray 2016,
    /// arXiv:1602.07527, eq. 10). O(n M²).
    pub fn gradient(
        &self,
        belief: &Belief,
        slopes: &[f64],
        curvatures: &[f64],
        moving: bool,
    ) -> Result<Gradient> {
        let size = self.size();
        let runs = self.runs(|blocks| {
            let mut gradient = Gradient::zeros(&self.basis);
            let mut half = vec![0.0; size * size];
            let (mut bar, mut point) = (Vec::new(), Vec::new());
            for block in blocks {
                let width = block.width();
                let slopes = &slopes[block.places.clone()];
                let curvatures = &curvatures[block.places.clone()];
                bar.clear();
                bar.extend_from_slice(block.values);
                belief.precision.forward_many(&mut bar, width)?;
                belief.precision.backward_many(&mut bar, width)?;
                let rows = bar
                    .chunks_exact_mut(width)
                    .zip(block.values.chunks_exact(width));
                for ((bar, values), w) in rows.zip(&belief.location) {
                    let each = bar
                        .iter_mut()
                        .zip(values)
                        .zip(slopes.iter().zip(curvatures));
                    for ((bar, v), (slope, curvature)) in each {
                        *bar = w * slope + curvature * (*bar - v);
                    }
                }
                add_outer(&mut half, &bar, block.values, size, width);
                self.basis.root.backward_many(&mut bar, width)?;
                let places = self.points.range(block.places.start, block.places.end);
                for (j, weights) in bar.chunks_exact(width).enumerate() {
                    gradient.add(&self.basis, j, places, weights, moving);
                }
                for (i, curvature) in curvatures.iter().enumerate() {
                    places.copy_point(i, &mut point);
                    let own = PointsView::single(&point);
                    let kernel = self.basis.kernel;
                    kernel.accumulate_gradient(
                        &point,
                        own,
                        &[0.5 * curvature],
                        &mut gradient.kernel,
                    );
                }
            }
            Ok((gradient, half))
        });
        let runs: Result<Vec<(Gradient, Vec<f64>)>> = runs.into_iter().collect();
        let (gradients, halves): (Vec<Gradient>, Vec<Vec<f64>>) = runs?.into_iter().unzip();
        let mut gradient = Gradient::zeros(&self.basis);
        for part in gradients {
            add_to(&mut gradient.kernel, &part.kernel);
            add_to(&mut gradient.inducing, &part.inducing);
        }
        self.through_inducing(&sum(halves), moving, &mut gradient)?;
        Ok(gradient)
    }

    /// Adds what the objective gains through K_uu, from the lower triangle of V̄ Vᵀ.
    fn through_inducing(&self, half: &[f64], moving: bool, gradient: &mut Gradient) -> Result<()> {
        let size = self.size();
        let Basis {
            kernel,
            inducing,
            root,
        } = self.basis;
        let lower = |i: usize, j: usize| half[i.min(j) * size + i.max(j)];
        let mut weights: Vec<f64> = (0..size * size)
            .map(|at| -0.5 * lower(at / size, at % size))
            .collect();
        for _ in 0..2 {
            root.backward_many(&mut weights, size)?;
            transpose(&mut weights, size);
        }
        let mut point = Vec::new();
        for (j, row) in weights.chunks_exact_mut(size.max(1)).enumerate() {
            inducing.copy_point(j, &mut point);
            kernel.accumulate_gradient(&point, inducing, row, &mut gradient.kernel);
            if moving {
                // Row and column j of K_uu move with point j; its diagonal entry is a function of the point alone.
                let slot = gradient.of_point(j, point.len());
                kernel.accumulate_variance_gradient(&point, row[j], slot);
                row[j] = 0.0;
                row.iter_mut().for_each(|w| *w *= 2.0);
                kernel.accumulate_input_gradient(&point, inducing, row, slot);
            }
        }
        Ok(())
    }
}

fn transpose(matrix: &mut [f64], size: usize) {
    for i in 0..size {
        for j in 0..i {
            matrix.swap(i * size + j, j * size + i);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::belief::Natural;
    use super::super::features::{BLOCK, factor_inducing};
    use super::*;
    use crate::gp::kernel::{Kernel, dot};
    use crate::gp::points::Points;
    use crate::gp::{Linear, Matern52, Rbf};
    use ndarray::Array2;

    fn scattered(n: usize, shift: f64) -> Points {
        let rows = Array2::from_shape_fn((n, 2), |(i, k)| {
            ((i as f64 + shift) * [0.754_877_666, 0.569_840_291][k]).fract()
        });
        Points::from_rows("x", rows.view()).unwrap()
    }

    fn belief(size: usize) -> Belief {
        let mut gram = vec![0.0; size * size];
        for j in 0..size {
            for i in j..size {
                gram[j * size + i] = 0.2 * ((i + 2 * j) as f64).sin();
            }
            gram[j * size + j] = 2.0 + j as f64;
        }
        let shift = (0..size).map(|j| (j as f64 * 1.7).cos()).collect();
        Natural::of_sites(gram, shift).belief().unwrap()
    }

    /// Σ slopesᵢ μᵢ + ½ Σ curvaturesᵢ sᵢ, whose derivatives by mean and variance of every f these are.
    #[test]
    fn gradients_match_differences_over_several_blocks_and_a_kernel_whose_variance_moves() {
        let kernel: Box<dyn Kernel> = Box::new(
            Rbf::ard([0.4, 0.7]).scaled(1.3) + Linear::isotropic(0.5) + Matern52::isotropic(0.9),
        );
        let (n, size) = (2 * BLOCK + 37, 6);
        let (points, inducing) = (scattered(n, 0.5), scattered(size, 0.2));
        let slopes: Vec<f64> = (0..n).map(|i| (i as f64 * 0.3).sin()).collect();
        let curvatures: Vec<f64> = (0..n).map(|i| -0.5 - (i as f64 * 0.7).cos()).collect();
        let belief = belief(size);
        let value = |kernel: &dyn Kernel, inducing: &Points| {
            let (root, _) = factor_inducing(kernel, inducing.view()).unwrap();
            let inducing = inducing.view();
            let basis = Basis {
                kernel,
                inducing,
                root: &root,
            };
            let features = Features::new(basis, points.view(), Vec::new()).unwrap();
            let variances = features.variances(Some(&belief)).unwrap();
            let moved = features.project(&belief.location);
            let gradient = features
                .gradient(&belief, &slopes, &curvatures, true)
                .unwrap();
            (
                dot(&slopes, &moved) + 0.5 * dot(&curvatures, &variances),
                gradient,
            )
        };
        let gradient = value(kernel.as_ref(), &inducing).1;
        let theta = kernel.log_parameters();
        let close = |found: f64, up: f64, down: f64, step: f64| {
            let slope = (up - down) / (2.0 * step);
            assert!(
                (found - slope).abs() < 2e-6 * (1.0 + slope.abs()),
                "{found} {slope}"
            );
        };
        for p in 0..theta.len() {
            let at = |step: f64| {
                let (mut kernel, mut theta) = (kernel.clone(), theta.clone());
                theta[p] += step;
                kernel.set_log_parameters(&theta).unwrap();
                value(kernel.as_ref(), &inducing).0
            };
            close(gradient.kernel[p], at(1e-5), at(-1e-5), 1e-5);
        }
        for c in 0..2 * size {
            let at = |step: f64| {
                let rows = Array2::from_shape_fn((size, 2), |(j, k)| {
                    let moved = if 2 * j + k == c { step } else { 0.0 };
                    inducing.view().coordinate(k)[j] + moved
                });
                let moved = Points::from_rows("z", rows.view()).unwrap();
                value(kernel.as_ref(), &moved).0
            };
            close(gradient.inducing[c], at(1e-5), at(-1e-5), 1e-5);
        }
    }
}
