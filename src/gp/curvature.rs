//! The curvature of an objective on few measurements, which shapes the steps of the search on many.

use super::objective::{Evidence, Objective, Rule};
use nalgebra::{DMatrix, SymmetricEigen};

/// Step of the differences, in search variables (natural logarithms where no hard limit is near).
const STEP: f64 = 0.05;
/// Least curvature believed, nats a squared unit: where there is less, a step follows the gradient.
const LEAST: f64 = 0.3;

/// Search variables u = origin + A w with A Aᵀ the inverse of −∂²(objective)/∂u²: in w the objective of which this is
/// the curvature falls off alike in all directions, so that the first step of a descent is a Newton step (Nocedal &
/// Wright 2006, sections 3.3 and 5.1).
#[derive(Debug, Clone)]
pub(super) struct Curvature {
    root: DMatrix<f64>,
}

impl Curvature {
    /// By differences of the gradient around these log-parameters, one evaluation each, multiplied by `growth`: the
    /// curvature of a log likelihood grows with the number of measurements. `None` where an evaluation fails; the
    /// number of evaluations comes along.
    pub fn around(
        evidence: &dyn Evidence,
        rules: &[Rule],
        log_parameters: &[f64],
        growth: f64,
    ) -> (Option<Self>, usize) {
        let objective = Objective::new(evidence, rules);
        let found = Self::of(&objective, log_parameters, growth);
        (found, objective.search.borrow().evaluations)
    }

    fn of(objective: &Objective<'_>, log_parameters: &[f64], growth: f64) -> Option<Self> {
        let centre = objective.search_variables(&objective.inside(log_parameters));
        let (_, slopes) = objective.evaluate_variables(&centre)?;
        let count = centre.len();
        let mut curvature = DMatrix::<f64>::zeros(count, count);
        for k in 0..count {
            let mut moved = centre.clone();
            moved[k] += STEP;
            let (_, there) = objective.evaluate_variables(&moved)?;
            for i in 0..count {
                let half = 0.5 * growth * (slopes[i] - there[i]) / STEP;
                curvature[(i, k)] += half;
                curvature[(k, i)] += half;
            }
        }
        if curvature.iter().any(|c| !c.is_finite()) {
            return None;
        }
        let mut root = SymmetricEigen::new(curvature);
        for (k, value) in root.eigenvalues.iter().enumerate() {
            let length = value.abs().max(LEAST).sqrt().recip();
            root.eigenvectors.column_mut(k).scale_mut(length);
        }
        Some(Self {
            root: root.eigenvectors,
        })
    }

    /// A w.
    pub fn step(&self, w: &[f64]) -> Vec<f64> {
        let rows = self.root.row_iter();
        rows.map(|row| row.iter().zip(w).map(|(a, w)| a * w).sum())
            .collect()
    }

    /// Aᵀ g, the derivatives by w from those by u.
    pub fn slopes(&self, g: &[f64]) -> Vec<f64> {
        let columns = self.root.column_iter();
        columns
            .map(|column| column.iter().zip(g).map(|(a, g)| a * g).sum())
            .collect()
    }
}
