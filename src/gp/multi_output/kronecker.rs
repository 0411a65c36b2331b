//! The evidence of outputs that were all measured at the same places.

use super::design::{Outputs, Structure, Term};
use crate::error::Result;
use crate::gp::kernel::Kernel;
use crate::gp::objective::{Evaluate, Evidence};
use crate::gp::points::{Points, PointsView};
use crate::gp::tagged::{Design, TaggedEvidence};
use crate::linalg::symmetric_eigen;
use ndarray::{Array1, Array2, ArrayView2, Axis, ShapeBuilder};

/// The evidence of n places times P outputs, output after output, with one term: covariance B ⊗ K + diag(s²) ⊗ 1.
///
/// With B̃ = diag(s)⁻¹ B diag(s)⁻¹ = V diag(β) Vᵀ and K = U diag(κ) Uᵀ it is diagonal with the entries κᵢ βₚ + 1 in
/// the basis diag(s) V ⊗ U, so that a step costs n³ + P³ + n² P instead of (n P)³ (Rakitsch, Lippert, Borgwardt &
/// Stegle, "It is all in the noise: efficient multi-task Gaussian process inference with structured residuals", NIPS
/// 2013). The parameters are those of the dense computation, and so is the value, to rounding.
pub(super) struct KroneckerEvidence<'a> {
    design: &'a Outputs,
    /// Residuals and means, which know no structure.
    dense: TaggedEvidence<'a, Outputs>,
    places: Points,
    codes: Points,
}

impl<'a> KroneckerEvidence<'a> {
    /// `None` where the structure is another.
    pub fn new(design: &'a Outputs, points: PointsView<'a>, y: &'a [f64]) -> Result<Option<Self>> {
        let outputs = design.structure.outputs();
        let noisy = design.noise.iter().all(|s| *s > 0.0);
        let single = matches!(&design.structure, Structure::Mixed(terms) if terms.len() == 1);
        if !(noisy && single && outputs > 1 && points.len().is_multiple_of(outputs)) {
            return Ok(None);
        }
        let n = points.len() / outputs;
        let dimension = points.dimension() - Outputs::TAGS;
        let repeated = |k: usize| {
            let column = points.coordinate(k);
            column.chunks(n).all(|of_output| of_output == &column[..n])
        };
        let mut codes = points.coordinate(dimension).iter().enumerate();
        let in_turn = codes.all(|(i, code)| *code == (i / n) as f64);
        if !in_turn || !(0..dimension).all(repeated) {
            return Ok(None);
        }
        let columns: Vec<usize> = (0..dimension).collect();
        let first: Vec<usize> = (0..n).collect();
        let codes = Array2::from_shape_fn((outputs, 1), |(p, _)| p as f64);
        Ok(Some(Self {
            design,
            dense: TaggedEvidence::new(design, points, y),
            places: Points::select(points.with_columns(&columns), &first),
            codes: Points::from_rows("outputs", codes.view())?,
        }))
    }

    fn value_and_gradient(&self, log_parameters: &[f64]) -> Option<(f64, Vec<f64>)> {
        let mut design = self.design.clone();
        design.set_log_parameters(log_parameters).ok()?;
        let Structure::Mixed(terms) = &design.structure else {
            return None;
        };
        let Term { kernel, outputs } = terms.first()?;
        let (n, p) = (self.places.len(), self.codes.len());
        let of_places = matrix(kernel.as_ref(), &self.places)?;
        let of_outputs = outputs.covariance_matrix();
        let scale: Array1<f64> = design.noise.iter().map(|s| s.sqrt()).collect();
        let relative =
            Array2::from_shape_fn((p, p), |(a, b)| of_outputs[[a, b]] / (scale[a] * scale[b]));
        let (kappa, u) = eigen(&of_places)?;
        let (beta, v) = eigen(&relative)?;
        let spread = Array2::from_shape_fn((n, p), |(i, c)| kappa[i] * beta[c] + 1.0);
        // In the basis of the eigenvectors, where all are independent.
        let turned = |column: &[f64]| {
            let by_output = ArrayView2::from_shape((p, n), column).ok()?;
            let scaled = &by_output.t() / &scale;
            Some(u.t().dot(&scaled).dot(&v))
        };
        let whiten = |column: &mut [f64]| {
            let turned = turned(column).expect("one entry a measurement");
            let white = &turned / &spread.mapv(f64::sqrt);
            column.iter_mut().zip(&white).for_each(|(c, w)| *c = *w);
            Ok(())
        };
        let means = self.dense.estimated_means(whiten).ok()?;
        let residuals = turned(&self.dense.residuals(&means).ok()?)?;
        let weighted = &residuals / &spread;
        let misfit: f64 = (&residuals * &weighted).sum();
        let determinant = spread.mapv(f64::ln).sum() + n as f64 * 2.0 * scale.mapv(f64::ln).sum();
        let normalisation = (n * p) as f64 * std::f64::consts::TAU.ln();
        let value = -0.5 * (misfit + determinant + normalisation);

        // K⁻¹(y − mean), n × P.
        let alpha = &u.dot(&weighted).dot(&v.t()) / &scale;
        // ½ tr((α αᵀ − C⁻¹) ∂C) for C = B ⊗ K + …: the trace over one factor leaves weights for the other.
        let shares = spread.mapv(f64::recip);
        let diagonal = (&shares * &beta).sum_axis(Axis(1));
        let for_places = alpha.dot(&of_outputs).dot(&alpha.t()) - (&u * &diagonal).dot(&u.t());
        let vectors = &v / &scale.view().insert_axis(Axis(1));
        let diagonal = shares.t().dot(&kappa);
        let for_outputs =
            alpha.t().dot(&of_places).dot(&alpha) - (&vectors * &diagonal).dot(&vectors.t());
        let mut gradient = contracted(kernel.as_ref(), &self.places, for_places);
        gradient.extend(contracted(outputs, &self.codes, for_outputs));
        let left = shares.sum_axis(Axis(0));
        gradient.extend(design.noisy().map(|output| {
            let column = alpha.column(output);
            let row = vectors.row(output);
            let trace: f64 = row.iter().zip(&left).map(|(x, share)| x * x * share).sum();
            0.5 * design.noise[output] * (column.dot(&column) - trace)
        }));
        Some((value, gradient))
    }
}

/// k between all points.
fn matrix(kernel: &dyn Kernel, points: &Points) -> Option<Array2<f64>> {
    let n = points.len();
    let mut out = Array2::zeros((n, n));
    let slice = out.as_slice_mut()?;
    kernel.matrix(points.view(), points.view(), slice).ok()?;
    Some(out)
}

/// Eigenvalues, at least zero, and eigenvectors in columns; `None` if they were not found.
fn eigen(matrix: &Array2<f64>) -> Option<(Array1<f64>, Array2<f64>)> {
    let n = matrix.nrows();
    let (values, vectors) = symmetric_eigen(n, matrix.as_slice()?)?;
    let values = values.into_iter().map(|value| value.max(0.0));
    let vectors = Array2::from_shape_vec((n, n).f(), vectors).ok()?;
    Some((values.collect(), vectors))
}

/// ½ Σᵢⱼ weightsᵢⱼ ∂k(pᵢ, pⱼ)/∂log θ for symmetric weights, in one pass over the lower triangle.
fn contracted(kernel: &dyn Kernel, points: &Points, weights: Array2<f64>) -> Vec<f64> {
    let mut gradient = vec![0.0; kernel.parameter_count()];
    let n = points.len();
    for j in 0..n {
        let mut below: Vec<f64> = (j..n).map(|i| weights[[i, j]]).collect();
        below[0] *= 0.5;
        let others = points.view().range(j, n);
        kernel.accumulate_gradient(&points.view().point(j), others, &below, &mut gradient);
    }
    gradient
}

impl Evidence for KroneckerEvidence<'_> {
    fn evaluator(&self) -> Box<dyn Evaluate + '_> {
        Box::new(Evaluator { evidence: self })
    }
}

struct Evaluator<'a> {
    evidence: &'a KroneckerEvidence<'a>,
}

impl Evaluate for Evaluator<'_> {
    fn evaluate(&mut self, log_parameters: &[f64]) -> Option<(f64, Vec<f64>)> {
        self.evidence.value_and_gradient(log_parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gp::Matern52;
    use crate::gp::kernel::{Coregionalised, boxed};
    use crate::gp::mean::Mean;
    use ndarray::array;

    #[test]
    fn value_and_gradient_equal_the_dense_computation() {
        let weights = array![[1.0, 0.3], [-0.8, 0.5], [0.2, 1.4]];
        let term = Term {
            kernel: boxed(Matern52::ard([0.4, 0.7])),
            outputs: Coregionalised::from_weights(&weights, &[0.3, 0.1, 0.2]).unwrap(),
        };
        let mut design = Outputs::new(Structure::Mixed(vec![term]), vec![0.05, 0.3, 0.01]);
        design.means = vec![Mean::Constant(0.0), Mean::linear(), Mean::Fixed(0.4)];
        let (n, p) = (40, 3);
        let rows = Array2::from_shape_fn((n * p, 3), |(i, k)| match k {
            2 => (i / n) as f64,
            k => ((i % n) as f64 * [0.754_877_666, 0.569_840_291][k]).fract(),
        });
        let y: Vec<f64> = (0..n * p)
            .map(|i| (i as f64 * 0.37).sin() + (i / n) as f64)
            .collect();
        let points = Points::from_rows("x", rows.view()).unwrap();
        let fast = KroneckerEvidence::new(&design, points.view(), &y)
            .unwrap()
            .unwrap();
        let dense = TaggedEvidence::new(&design, points.view(), &y);
        let count = design.kernel(2).parameter_count() + 3;
        for step in 0..4 {
            let wobble = |k: usize| 0.4 * (step as f64) * (k as f64 + 1.0).sin();
            let mut at: Vec<f64> = design.kernel(2).log_parameters();
            at.extend(design.noise.iter().map(|s| s.ln()));
            assert_eq!(at.len(), count);
            at.iter_mut().enumerate().for_each(|(k, v)| *v += wobble(k));
            let (value, gradient) = fast.evaluator().evaluate(&at).unwrap();
            let (truth, slopes) = dense.evaluator().evaluate(&at).unwrap();
            assert!(
                (value - truth).abs() < 1e-9 * truth.abs(),
                "{value} and {truth}"
            );
            for (a, b) in gradient.iter().zip(&slopes) {
                assert!((a - b).abs() < 1e-9 * (1.0 + truth.abs()), "{a} and {b}");
            }
            assert_eq!(gradient.len(), slopes.len());
        }
    }

    #[test]
    fn only_complete_measurements_in_turn_have_the_structure() {
        let term = || Term {
            kernel: boxed(Matern52::isotropic(0.4)),
            outputs: Coregionalised::new(2, 1),
        };
        let complete = array![[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]];
        let structured = |design: &Outputs, rows: &Array2<f64>| {
            let points = Points::from_rows("x", rows.view()).unwrap();
            let y = vec![0.0; rows.nrows()];
            KroneckerEvidence::new(design, points.view(), &y)
                .unwrap()
                .is_some()
        };
        let design = Outputs::new(Structure::Mixed(vec![term()]), vec![0.1, 0.2]);
        assert!(structured(&design, &complete));
        let elsewhere = array![[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.5, 1.0]];
        let mixed = array![[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]];
        assert!(!structured(&design, &elsewhere) && !structured(&design, &mixed));
        let exact = Outputs::new(Structure::Mixed(vec![term()]), vec![0.1, 0.0]);
        let several = Outputs::new(Structure::Mixed(vec![term(), term()]), vec![0.1, 0.2]);
        assert!(!structured(&exact, &complete) && !structured(&several, &complete));
    }
}
