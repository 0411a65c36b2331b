//! A belief after measurements that are only imagined.

use crate::acquisition::field::Belief;
use std::sync::Arc;

/// Variance left, relative to what it was, below which a place counts as known.
const KNOWN: f64 = 1e-12;

/// The joint posterior of places and targets after imagined measurements.
///
/// A measurement at place i with noise variance `ν` and standardised outcome `z` moves every mean by `b z` and takes `b bᵀ` off
/// the covariance, `b = k(·, i)/√(k(i, i) + ν)`: Rasmussen and Williams, *Gaussian Processes for Machine Learning* (2006),
/// equation A.6. Only the vectors b are kept, one for each imagined measurement; the covariance itself is shared.
#[derive(Debug, Clone)]
pub(super) struct Imagined {
    belief: Arc<Belief>,
    mean: Vec<f64>,
    variance: Vec<f64>,
    responses: Vec<Vec<f64>>,
}

impl Imagined {
    /// Nothing imagined yet.
    pub(super) fn new(belief: Belief) -> Self {
        let joint = belief.joint();
        Self {
            mean: joint.mean.clone(),
            variance: joint.covariance.diag().mapv(|v| v.max(0.0)).to_vec(),
            responses: Vec::new(),
            belief: Arc::new(belief),
        }
    }

    /// Indices of the targets: behind the places, or those of the places where they are the same.
    pub(super) fn targets(&self) -> std::ops::Range<usize> {
        self.belief.targets()
    }

    pub(super) fn mean(&self, i: usize) -> f64 {
        self.mean[i]
    }

    /// Variance that is left, never negative.
    pub(super) fn variance(&self, i: usize) -> f64 {
        self.variance[i]
    }

    /// Covariance that is left.
    pub(super) fn covariance(&self, i: usize, j: usize) -> f64 {
        let explained: f64 = self.responses.iter().map(|b| b[i] * b[j]).sum();
        self.belief.joint().covariance[[i, j]] - explained
    }

    /// Deviation of the outcome of a measurement, `√(k(i, i) + ν)`; `None` if it is known beforehand.
    pub(super) fn outcome_deviation(&self, i: usize, noise: f64) -> Option<f64> {
        let outcome = self.variance[i] + noise;
        let before = self.belief.joint().covariance[[i, i]] + noise;
        (outcome > KNOWN * before).then(|| outcome.sqrt())
    }

    /// Imagines a measurement at place i with this `noise` **variance** and standardised outcome.
    pub(super) fn measure(&mut self, i: usize, noise: f64, outcome: f64) {
        let Some(deviation) = self.outcome_deviation(i, noise) else {
            self.variance[i] = 0.0;
            return;
        };
        let mut response = self.belief.joint().covariance.row(i).to_vec();
        for earlier in &self.responses {
            let weight = earlier[i];
            for (b, e) in response.iter_mut().zip(earlier) {
                *b -= weight * e;
            }
        }
        response[i] = self.variance[i];
        let states = self.mean.iter_mut().zip(&mut self.variance);
        for (b, (mean, variance)) in response.iter_mut().zip(states) {
            // rounding may not explain more variance than there is
            let most = variance.sqrt();
            *b = (*b / deviation).clamp(-most, most);
            *mean += *b * outcome;
            *variance = (*variance - *b * *b).max(0.0);
        }
        self.responses.push(response);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gp::{ExactGp, Kernel, Noise, Rbf, Surrogate};
    use ndarray::array;

    #[test]
    fn imagined_measurements_are_conditioning() {
        let kernel = Rbf::isotropic(0.7).scaled(1.4);
        let (x, y) = (array![[0.0], [1.5]], [0.3, -0.6]);
        let gp = ExactGp::new(kernel.clone(), Noise::Homoscedastic(0.04))
            .condition(&x, &y)
            .unwrap();
        let (places, targets) = (array![[0.4], [0.9]], array![[0.2], [0.9], [2.0]]);
        let belief = Belief::of(&gp, targets.view(), places.view()).unwrap();
        let mut imagined = Imagined::new(belief);
        // what outcomes +0.8 and −1.1 standardised mean in units of the value
        let mut outcomes = vec![y[0], y[1]];
        for (place, noise, z) in [(0, 0.5, 0.8), (1, 0.0, -1.1)] {
            let deviation = imagined.outcome_deviation(place, noise).unwrap();
            outcomes.push(imagined.mean(place) + z * deviation);
            imagined.measure(place, noise, z);
        }
        let told = ExactGp::new(kernel, Noise::Known(vec![0.04, 0.04, 0.5, 0.0]))
            .condition(&array![[0.0], [1.5], [0.4], [0.9]], &outcomes)
            .unwrap();
        let all = array![[0.4], [0.9], [0.2], [0.9], [2.0]];
        let wanted = told.joint(all.view()).unwrap();
        for i in 0..5 {
            assert!((imagined.mean(i) - wanted.mean[i]).abs() < 1e-10);
            for j in 0..5 {
                let difference = imagined.covariance(i, j) - wanted.covariance[[i, j]];
                assert!(difference.abs() < 1e-10, "{i} {j}: {difference}");
            }
            assert!((imagined.variance(i) - wanted.covariance[[i, i]]).abs() < 1e-10);
        }
        assert_eq!(imagined.targets(), 2..5);
        // the second place, and the target at the same point, are known now
        assert!(imagined.outcome_deviation(1, 0.0).is_none());
        let before: Vec<f64> = (0..5).map(|i| imagined.mean(i)).collect();
        imagined.measure(1, 0.0, 3.0);
        assert!((0..5).all(|i| imagined.mean(i) == before[i]));
    }
}
