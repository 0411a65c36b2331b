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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gp::bounds::LogBounds;
    use crate::gp::objective::Evaluate;
    use crate::gp::restart::LogRange;

    /// −½ (v − 1)ᵀ H (v − 1).
    struct Bowl([[f64; 2]; 2]);

    impl Evidence for Bowl {
        fn evaluator(&self) -> Box<dyn Evaluate + '_> {
            Box::new(self)
        }
    }

    impl Evaluate for &Bowl {
        fn evaluate(&mut self, v: &[f64]) -> Option<(f64, Vec<f64>)> {
            let away = [v[0] - 1.0, v[1] - 1.0];
            let slope = |row: [f64; 2]| -(row[0] * away[0] + row[1] * away[1]);
            let slopes = self.0.map(slope);
            Some((
                0.5 * (away[0] * slopes[0] + away[1] * slopes[1]),
                slopes.to_vec(),
            ))
        }
    }

    #[test]
    fn the_first_step_is_the_newton_step() {
        let wide = (-50.0, 50.0);
        let rule = Rule {
            range: LogRange {
                start: wide,
                wall: wide,
            },
            prior: None,
            bounds: LogBounds::NONE,
        };
        let bowl = Bowl([[40.0, 12.0], [12.0, 5.0]]);
        let (found, evaluations) = Curvature::around(&bowl, &[rule; 2], &[0.2, 0.7], 1.0);
        let curvature = found.unwrap();
        assert_eq!(evaluations, 3);
        for start in [[0.0, 0.0], [3.0, -2.0]] {
            let (_, slopes) = (&bowl).evaluate(&start).unwrap();
            let step = curvature.step(&curvature.slopes(&slopes));
            for (from, step) in start.iter().zip(step) {
                assert!((from + step - 1.0).abs() < 1e-9);
            }
        }
        // Three times the measurements, a third of the step; a direction without curvature follows the gradient.
        let (found, _) = Curvature::around(&bowl, &[rule; 2], &[0.2, 0.7], 3.0);
        let shorter = found.unwrap();
        let third = shorter.step(&shorter.slopes(&[1.0, 0.0]))[0];
        assert!((3.0 * third - curvature.step(&curvature.slopes(&[1.0, 0.0]))[0]).abs() < 1e-9);
        let valley = Bowl([[40.0, 0.0], [0.0, 0.0]]);
        let (found, _) = Curvature::around(&valley, &[rule; 2], &[0.2, 0.7], 1.0);
        let flat = found.unwrap();
        assert!((flat.step(&flat.slopes(&[0.0, 1.0]))[1] - 1.0 / LEAST).abs() < 1e-9);
    }
}
