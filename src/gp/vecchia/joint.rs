//! The latent function at several places together.

use super::blocks::in_blocks;
use super::conditioning::Block;
use super::model::VecchiaGp;
use super::nearest::{Nearest, Search};
use super::ordering::VecchiaOrdering;
use super::prediction::Around;
use super::scales::Scales;
use crate::error::Result;
use crate::gp::points::{Points, PointsView};
use crate::gp::surrogate::Joint;
use crate::linalg::zeros;
use ndarray::{Array2, ArrayView2};

/// A latent value given measurements and earlier places, counted from the prior mean:
/// f = shift + Σ weight × f at an earlier place + N(0, variance).
struct Step {
    shift: f64,
    /// Positions of earlier places with their weights.
    earlier: Vec<(usize, f64)>,
    variance: f64,
}

impl VecchiaGp {
    /// Mean and covariance at the rows of `points`, see `joint` of [`crate::gp::Surrogate`] for this model.
    pub(super) fn predict_jointly(&self, points: ArrayView2<'_, f64>) -> Result<Joint> {
        let places = self.places("points", points)?;
        let m = places.len();
        let mut ordered = zeros(m, m)?;
        let scales = if self.is_empty() {
            Scales::of(self.kernel(), places.view())
        } else {
            self.arrangement.scales.clone()
        };
        let rows = scales.rows(places.view(), 0..m);
        let order = VecchiaOrdering::MaxMin.order(&rows, places.dimension())?;
        let order: Vec<usize> = order.iter().map(|&index| index as usize).collect();
        let rows = scales.rows(places.view(), order.iter().copied());
        let steps = self.steps(Points::select(places.view(), &order).view(), &rows)?;
        let shifts = follow(&steps, &mut ordered);

        let mut mean = self.mean.values(places.view())?;
        let mut covariance = Array2::zeros((m, m));
        for (position, &index) in order.iter().enumerate() {
            mean[index] += shifts[position];
            let row = &ordered[position * m..][..m];
            for (&other, value) in order.iter().zip(row) {
                covariance[[index, other]] = *value;
            }
        }
        Ok(Joint { mean, covariance })
    }

    /// Each of the places, which are in order and whose scaled `rows` are given, conditioned on its neighbours.
    fn steps(&self, places: PointsView<'_>, rows: &[f64]) -> Result<Vec<Step>> {
        let search = Search::new(rows, places.dimension());
        let all = self.observations();
        let steps = in_blocks(places.len(), |positions| {
            let mut around = Around::new(self);
            let mut found = Nearest::new(self.prediction_neighbours);
            let mut block = Block::default();
            let (mut place, mut member) = (Vec::new(), Vec::new());
            let mut step = |position: usize| {
                places.copy_point(position, &mut place);
                block.load(&all, around.indices(&place).iter().copied());
                let row = &rows[position * places.dimension()..][..places.dimension()];
                search.nearest(row, position, &mut found);
                for &rank in found.ranks() {
                    places.copy_point(rank as usize, &mut member);
                    block.push(&member, 0.0, 0.0)?;
                }
                block.factor(all.kernel)?;
                let conditional = block.condition(all.kernel, &place)?;
                let (shift, variance) = (conditional.shift, conditional.variance);
                let weights = block.weights(conditional)?;
                let ranks = found.ranks().iter().map(|&rank| rank as usize);
                let measurements = block.indices().len();
                Ok(Step {
                    shift,
                    earlier: ranks.zip(weights[measurements..].iter().copied()).collect(),
                    variance,
                })
            };
            positions.map(&mut step).collect::<Result<Vec<Step>>>()
        })?;
        Ok(steps.into_iter().flatten().collect())
    }
}

/// Writes the covariance of values that follow these steps (m × m, zeros on entry) and returns their means.
///
/// Each row is the weighted sum of earlier rows, up to the diagonal: with f = C f + shift + ε and C strictly lower
/// triangular, Cov(fⱼ, fᵢ) = Σₗ Cⱼₗ Cov(fₗ, fᵢ) for i < j.
fn follow(steps: &[Step], covariance: &mut [f64]) -> Vec<f64> {
    let m = steps.len();
    let mut means = vec![0.0; m];
    for (j, step) in steps.iter().enumerate() {
        let (before, rest) = covariance.split_at_mut(j * m);
        let row = &mut rest[..m];
        means[j] = step.shift;
        for &(l, weight) in &step.earlier {
            means[j] += weight * means[l];
            for (sum, c) in row[..j].iter_mut().zip(&before[l * m..][..j]) {
                *sum += weight * c;
            }
        }
        let explained: f64 = step
            .earlier
            .iter()
            .map(|&(l, weight)| weight * row[l])
            .sum();
        row[j] = (step.variance + explained).max(0.0);
        for i in 0..j {
            before[i * m + j] = row[i];
        }
    }
    means
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_walk_has_the_covariance_of_one() {
        let steps: Vec<Step> = (0..4)
            .map(|j: usize| Step {
                shift: 1.0,
                earlier: j.checked_sub(1).map(|l| (l, 1.0)).into_iter().collect(),
                variance: 2.0,
            })
            .collect();
        let mut covariance = vec![0.0; 16];
        assert_eq!(follow(&steps, &mut covariance), [1.0, 2.0, 3.0, 4.0]);
        for i in 0..4 {
            for j in 0..4 {
                assert_eq!(covariance[4 * i + j], 2.0 * (i.min(j) + 1) as f64);
            }
        }
    }
}
