//! What a measurement tells about the output of an algorithm that would run on the true function.

use super::belief::Belief;
use super::samples::Samples;
use super::{FieldCriterion, Offers};
use crate::acquisition::Scale;
use crate::error::{Error, Result};
use crate::gp::Surrogate;
use crate::units::Seed;
use ndarray::ArrayView2;

/// An algorithm whose output one wants to know: the defect sites, the k best places, a path, a contour.
///
/// Any `Fn(&[f64]) -> Vec<usize>` is one.
pub trait AlgorithmOutput {
    /// Runs on the latent values at all targets and returns the indices of those whose values make up its output, each once.
    fn determined_by(&self, values: &[f64]) -> Vec<usize>;
}

impl<F: Fn(&[f64]) -> Vec<usize>> AlgorithmOutput for F {
    fn determined_by(&self, values: &[f64]) -> Vec<usize> {
        self(values)
    }
}

/// The targets with the `k` largest values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopValues(
    /// How many, k; all if there are fewer.
    pub usize,
);

impl AlgorithmOutput for TopValues {
    fn determined_by(&self, values: &[f64]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|&i, &j| values[j].total_cmp(&values[i]));
        order.truncate(self.0);
        order
    }
}

/// The targets with values above a threshold: a list of defect sites, a phase.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AboveThreshold(
    /// The threshold, in units of the value.
    pub f64,
);

impl AlgorithmOutput for AboveThreshold {
    fn determined_by(&self, values: &[f64]) -> Vec<usize> {
        (0..values.len()).filter(|&j| values[j] > self.0).collect()
    }
}

/// InfoBAX: information about the output of an [`AlgorithmOutput`], in nats,
///
/// `½ ln(s² + ν) − (1/n) Σₗ ½ ln(s²ₗ + ν)`,
///
/// where `s²ₗ` is the posterior variance once the values that make up the output of the l-th joint draw are known. The
/// algorithm runs on n joint draws at the targets and never on the true function. Costs n t³/3 multiplications at most.
///
/// Without bound as the noise goes to 0 at a place that some draw's output contains, as its value would then be part of the
/// output.
///
/// Source: Neiswanger, Wang and Ermon, *Bayesian Algorithm Execution: Estimating Computable Properties of Black-box Functions
/// Using Mutual Information*, ICML 2021 (arXiv 2104.09460), the estimator with the output's own values.
///
/// ```
/// use dosewise::acquisition::{AboveThreshold, AlgorithmInformation, FieldCriterion, Offers};
/// use dosewise::gp::{ExactGp, Kernel, Noise, Rbf};
/// use dosewise::units::Seed;
/// use ndarray::array;
/// let gp = ExactGp::new(Rbf::isotropic(0.2).scaled(1.0), Noise::Homoscedastic(0.5))
///     .condition(&array![[0.0], [1.0]], &[-6.0, 6.0])?;
/// let targets = array![[0.0], [1.0]];
/// let offers = Offers::with_shot_noise(targets.view(), &[10.0], 1.0)?;
/// let search = AlgorithmInformation::new(AboveThreshold(2.0), 16, Seed(1))?;
/// let scores = search.scores(&gp, targets.view(), &offers)?;
/// assert!(scores[1] > 0.7 && scores[0] < 1e-6); // only the second can be one of the sites
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AlgorithmInformation<A> {
    algorithm: A,
    draws: usize,
    seed: Seed,
}

impl<A: AlgorithmOutput> AlgorithmInformation<A> {
    /// With the number of joint posterior draws to run the algorithm on; the same seed gives the same scores.
    ///
    /// # Errors
    /// [`Error::Argument`] if `draws` is 0.
    pub fn new(algorithm: A, draws: usize, seed: Seed) -> Result<Self> {
        if draws == 0 {
            return Err(Error::argument("draws", 0, "1 or more"));
        }
        Ok(Self {
            algorithm,
            draws,
            seed,
        })
    }
}

impl<A: AlgorithmOutput> FieldCriterion for AlgorithmInformation<A> {
    /// As the trait says, and [`Error::Argument`] if the algorithm names a target twice or one that does not exist.
    fn scores(
        &self,
        surrogate: &dyn Surrogate,
        targets: ArrayView2<'_, f64>,
        offers: &Offers,
    ) -> Result<Vec<f64>> {
        let belief = Belief::of(surrogate, targets, offers.places())?;
        let samples = Samples::draw(surrogate, targets, self.draws, self.seed)?;
        let places = offers.places().nrows();
        let mut scores = vec![0.0; offers.len()];
        for values in samples.rows() {
            let chosen = self.algorithm.determined_by(values);
            check_output(&chosen, values.len())?;
            if chosen.is_empty() {
                continue; // an empty output has no value to condition on
            }
            let (_, solved) = belief.condition_on(&chosen)?;
            let mut known = vec![0.0; places];
            for row in solved.chunks_exact(places) {
                for (known, v) in known.iter_mut().zip(row) {
                    *known += v * v;
                }
            }
            let drops = offers.score_each(|place, noise| {
                let before = belief.variance(place);
                let after = (before - known[place]).max(0.0);
                if before == after {
                    return 0.0;
                }
                0.5 * ((before + noise) / (after + noise)).ln()
            });
            for (score, drop) in scores.iter_mut().zip(drops) {
                *score += drop / self.draws as f64;
            }
        }
        Ok(scores)
    }

    fn scale(&self) -> Scale {
        Scale::Gain
    }
}

fn check_output(chosen: &[usize], targets: usize) -> Result<()> {
    let mut seen = vec![false; targets];
    for &j in chosen {
        match seen.get_mut(j) {
            Some(seen) if !*seen => *seen = true,
            _ => {
                return Err(Error::argument(
                    "algorithm",
                    format!("target {j} in its output twice or beyond the last"),
                    format!("each of the targets below {targets} at most once"),
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gp::{ExactGp, Kernel, Noise, Rbf};
    use ndarray::array;

    #[test]
    fn outputs() {
        let values = [0.3, -1.0, 2.0, 0.9];
        assert_eq!(TopValues(2).determined_by(&values), [2, 3]);
        assert_eq!(TopValues(9).determined_by(&values), [2, 3, 0, 1]);
        assert_eq!(AboveThreshold(0.3).determined_by(&values), [2, 3]);
        let first = |_: &[f64]| vec![0];
        assert_eq!(first.determined_by(&values), [0]);
        assert!(check_output(&[0, 2, 0], 3).is_err());
        assert!(check_output(&[3], 3).is_err());
        assert!(check_output(&[2, 0], 3).is_ok());
        assert!(AlgorithmInformation::new(first, 0, Seed(1)).is_err());
    }

    /// Each draw's output told to a process of its own, measurement by measurement.
    #[test]
    fn information_equals_processes_told_each_output() {
        let gp = ExactGp::new(Rbf::isotropic(0.4).scaled(1.3), Noise::Known(vec![0.05; 3]))
            .condition(&array![[0.1], [0.5], [0.9]], &[0.2, -0.4, 0.7])
            .unwrap();
        let targets = array![[0.0], [0.3], [0.6], [1.0]];
        let places = array![[0.2], [0.6], [1.2]];
        let offers = Offers::product(places.view(), &[1.0], |_, _| 0.1).unwrap();
        let search = AlgorithmInformation::new(TopValues(2), 6, Seed(4)).unwrap();
        let found = search.scores(&gp, targets.view(), &offers).unwrap();
        let now = gp.marginals(places.view()).unwrap().variance;
        let mut wanted = [0.0; 3];
        let samples = Samples::draw(&gp, targets.view(), 6, Seed(4)).unwrap();
        for values in samples.rows() {
            let mut told = gp.clone();
            for j in TopValues(2).determined_by(values) {
                told.append(&[targets[[j, 0]]], values[j], 1e-10).unwrap();
            }
            let then = told.marginals(places.view()).unwrap().variance;
            for i in 0..3 {
                wanted[i] += 0.5 * ((now[i] + 0.1) / (then[i] + 0.1)).ln() / 6.0;
            }
        }
        for (found, wanted) in found.iter().zip(wanted) {
            assert!((found - wanted).abs() < 1e-8, "{found} {wanted}");
        }
    }
}
