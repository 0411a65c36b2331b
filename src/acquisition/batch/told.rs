//! Any posterior, told outcomes of measurements that are only imagined.

use super::joint_factor::JointFactor;
use crate::acquisition::posterior;
use crate::error::{Error, Result};
use crate::gp::{Joint, Marginals, Slopes, Surrogate};
use ndarray::{Array1, Array2, ArrayView2, Axis, concatenate};

/// Points asked about together.
const BLOCK: usize = 64;

/// Measurements without an outcome yet, and what they would tell about the places on offer.
#[derive(Debug)]
pub(super) struct Fantasies<'s> {
    factor: JointFactor<'s>,
    /// Places before the first on offer.
    head: usize,
    /// Each measurement's place among all, and the deviation of its outcome given those before, 0 if that is known.
    busy: Vec<(usize, f64)>,
}

impl<'s> Fantasies<'s> {
    /// None yet; `places` are `head` pending ones and then those on offer.
    pub(super) fn new(
        surrogate: &'s dyn Surrogate,
        places: Array2<f64>,
        head: usize,
    ) -> Result<Self> {
        Ok(Self {
            factor: JointFactor::new(surrogate, places)?,
            head,
            busy: Vec::new(),
        })
    }

    /// One more measurement, with this `noise` **variance**, at place `index` of all.
    pub(super) fn measure(&mut self, index: usize, noise: f64) -> Result<()> {
        let deviation = self.factor.reveal(index, noise)?;
        self.busy.push((index, deviation));
        Ok(())
    }

    /// Number of measurements.
    pub(super) fn len(&self) -> usize {
        self.busy.len()
    }

    /// The posterior once they have come out as `standardised` says, each in deviations from what those before let expect.
    pub(super) fn told(&self, standardised: Vec<f64>) -> Told<'_> {
        Told {
            fantasies: self,
            standardised,
        }
    }

    /// The posterior once all have come out as `value`; those known beforehand come out as known.
    pub(super) fn told_constant(&self, value: f64) -> Told<'_> {
        let mut told = self.told(Vec::with_capacity(self.len()));
        for &(index, deviation) in &self.busy {
            let above = value - told.mean(index);
            let standardised = if deviation > 0.0 {
                above / deviation
            } else {
                0.0
            };
            told.standardised.push(standardised);
        }
        told
    }
}

/// A posterior after [`Fantasies`]: `mean + Σₖ bₖ zₖ` and `covariance − Σₖ bₖ bₖᵀ`, z the standardised outcomes.
///
/// `bₖ(x) = (c(pₖ, x) − Σ_{l<k} bₗ(pₖ) bₗ(x))/√(s²ₖ + νₖ)`, c the covariance before, s²ₖ the variance left at the kth place pₖ and
/// νₖ the noise: conditioning on one Gaussian outcome after the other (Rasmussen and Williams, *Gaussian Processes for Machine
/// Learning* (2006), equation A.6). At the places on offer the bₖ are there already.
#[derive(Debug)]
pub(super) struct Told<'t> {
    fantasies: &'t Fantasies<'t>,
    standardised: Vec<f64>,
}

impl Told<'_> {
    /// The largest mean where something was measured, or `least`.
    pub(super) fn incumbent(&self, least: f64) -> f64 {
        let means = self
            .fantasies
            .busy
            .iter()
            .map(|&(index, _)| self.mean(index));
        means.fold(least, f64::max)
    }

    /// Mean at place `index` of all.
    fn mean(&self, index: usize) -> f64 {
        let factor = &self.fantasies.factor;
        let moves = factor.responses(index).zip(&self.standardised);
        factor.mean(index) + moves.map(|(b, z)| b * z).sum::<f64>()
    }

    /// The measured places, then these points.
    fn measured_first(&self, points: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let Fantasies { factor, busy, .. } = self.fantasies;
        let indices: Vec<usize> = busy.iter().map(|&(index, _)| index).collect();
        let measured = factor.places().select(Axis(0), &indices);
        concatenate(Axis(0), &[measured.view(), points]).map_err(|_| {
            Error::argument(
                "points",
                format!("{} coordinates a point", points.ncols()),
                format!("{}, as the places on offer have", measured.ncols()),
            )
        })
    }

    /// The joint posterior at `points` before, and the bₖ there.
    fn before(&self, points: ArrayView2<'_, f64>) -> Result<(Joint, Vec<Vec<f64>>)> {
        let Fantasies { factor, busy, .. } = self.fantasies;
        let q = busy.len();
        let together = self.measured_first(points)?;
        let joint = posterior::joint(factor.surrogate(), together.view())?;
        let (of_measured, of_points) = joint.covariance.view().split_at(Axis(0), q);
        let mut responses: Vec<Vec<f64>> = Vec::with_capacity(q);
        for (k, &(index, deviation)) in busy.iter().enumerate() {
            let mut response: Vec<f64> = of_measured.row(k).iter().skip(q).copied().collect();
            for (earlier, weight) in responses.iter().zip(factor.responses(index)) {
                for (b, e) in response.iter_mut().zip(earlier) {
                    *b -= weight * e;
                }
            }
            let known = deviation == 0.0;
            for b in &mut response {
                *b = if known { 0.0 } else { *b / deviation };
            }
            responses.push(response);
        }
        let before = Joint {
            mean: joint.mean[q..].to_vec(),
            covariance: of_points.split_at(Axis(1), q).1.to_owned(),
        };
        Ok((before, responses))
    }

    /// w of `Σₖ bₖ(x) vₖ = Σₖ c(pₖ, x) wₖ`.
    fn weights(&self, v: &[f64]) -> Vec<f64> {
        let Fantasies { factor, busy, .. } = self.fantasies;
        let mut w = v.to_vec();
        for (k, &(index, deviation)) in busy.iter().enumerate().rev() {
            w[k] = if deviation == 0.0 {
                0.0
            } else {
                w[k] / deviation
            };
            let weight = w[k];
            for (earlier, response) in w[..k].iter_mut().zip(factor.responses(index)) {
                *earlier -= weight * response;
            }
        }
        w
    }
}

impl Surrogate for Told<'_> {
    fn dimension(&self) -> usize {
        self.fantasies.factor.places().ncols()
    }

    fn marginals(&self, points: ArrayView2<'_, f64>) -> Result<Marginals> {
        let Fantasies { factor, head, .. } = self.fantasies;
        if points == factor.places().split_at(Axis(0), *head).1 {
            let offered = *head..factor.places().nrows();
            return Ok(Marginals {
                mean: offered.clone().map(|index| self.mean(index)).collect(),
                variance: offered.map(|index| factor.remaining(index)).collect(),
            });
        }
        let mut told = Marginals::default();
        for block in points.axis_chunks_iter(Axis(0), BLOCK) {
            let Joint { mean, covariance } = self.joint(block)?;
            told.mean.extend(mean);
            told.variance.extend(covariance.diag());
        }
        Ok(told)
    }

    fn joint(&self, points: ArrayView2<'_, f64>) -> Result<Joint> {
        let (mut told, responses) = self.before(points)?;
        for (b, z) in responses.iter().zip(&self.standardised) {
            for (mean, b) in told.mean.iter_mut().zip(b) {
                *mean += b * z;
            }
            for ((i, j), covariance) in told.covariance.indexed_iter_mut() {
                *covariance -= b[i] * b[j];
            }
        }
        // rounding may not explain more variance than there is
        told.covariance.diag_mut().mapv_inplace(|v| v.max(0.0));
        Ok(told)
    }

    /// Those before, and what the covariances with the measured places add.
    fn slopes(&self, point: &[f64]) -> Result<Slopes> {
        let surrogate = self.fantasies.factor.surrogate();
        let row = ArrayView2::from_shape((1, point.len()), point);
        let row = row.expect("one row of all coordinates");
        let (together, (_, responses)) = (self.measured_first(row)?, self.before(row)?);
        let b: Vec<f64> = responses.iter().map(|response| response[0]).collect();
        let q = b.len();
        let mut slopes = posterior::slopes(surrogate, point)?;
        if q == 0 {
            return Ok(slopes);
        }
        let along = |weights: Vec<f64>| {
            let mut by_covariance = Array2::zeros((q + 1, q + 1));
            by_covariance
                .column_mut(q)
                .assign(&Array1::from_iter(weights.into_iter().chain([0.0])));
            let by_mean = vec![0.0; q + 1];
            surrogate.joint_gradient(together.view(), q..q + 1, &by_mean, by_covariance.view())
        };
        let [of_mean, of_squares] = [
            along(self.weights(&self.standardised))?,
            along(self.weights(&b))?,
        ];
        for (slope, more) in slopes.of_mean.iter_mut().zip(of_mean.row(0)) {
            *slope += more;
        }
        for (slope, more) in slopes.of_variance.iter_mut().zip(of_squares.row(0)) {
            *slope -= 2.0 * more;
        }
        let moves = b.iter().zip(&self.standardised).map(|(b, z)| b * z);
        slopes.mean += moves.sum::<f64>();
        slopes.variance = (slopes.variance - b.iter().map(|b| b * b).sum::<f64>()).max(0.0);
        Ok(slopes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gp::{ExactGp, Kernel, Matern52, Noise};
    use ndarray::array;

    /// On the places on offer and elsewhere, against a process that has been told the same values.
    #[test]
    fn telling_is_conditioning() {
        let kernel = Matern52::isotropic(0.4).scaled(2.0);
        let process = |noise: Vec<f64>, x: &Array2<f64>, y: &[f64]| {
            ExactGp::new(kernel.clone(), Noise::Known(noise))
                .condition(x, y)
                .unwrap()
        };
        let gp = process(vec![0.01; 2], &array![[0.0], [0.7]], &[0.3, -0.5]);
        let all = array![[0.2], [0.9], [1.1], [0.5], [0.2]]; // one pending, four on offer, one of them the pending place
        let mut fantasies = Fantasies::new(&gp, all.clone(), 1).unwrap();
        for (index, noise) in [(0, 0.1), (3, 0.0), (1, 0.4)] {
            fantasies.measure(index, noise).unwrap();
        }
        let told = fantasies.told_constant(0.8);
        let wanted = process(
            vec![0.01, 0.01, 0.1, 0.0, 0.4],
            &array![[0.0], [0.7], [0.2], [0.5], [0.9]],
            &[0.3, -0.5, 0.8, 0.8, 0.8],
        );
        let offered = all.view().split_at(Axis(0), 1).1;
        let elsewhere = Array2::from_shape_fn((150, 1), |(i, _)| 0.01 * i as f64);
        for points in [offered, elsewhere.view()] {
            let (found, sought) = (
                told.marginals(points).unwrap(),
                wanted.marginals(points).unwrap(),
            );
            for i in 0..points.nrows() {
                assert!((found.mean[i] - sought.mean[i]).abs() < 1e-9);
                assert!((found.variance[i] - sought.variance[i]).abs() < 1e-9);
            }
        }
        let (found, sought) = (told.joint(offered).unwrap(), wanted.joint(offered).unwrap());
        assert!(
            (found.covariance - sought.covariance)
                .iter()
                .all(|d| d.abs() < 1e-9)
        );
        let (found, sought) = (
            told.slopes(&[0.33]).unwrap(),
            wanted.slopes(&[0.33]).unwrap(),
        );
        assert!((found.mean - sought.mean).abs() < 1e-9);
        assert!((found.variance - sought.variance).abs() < 1e-9);
        assert!((found.of_mean[0] - sought.of_mean[0]).abs() < 1e-8);
        assert!((found.of_variance[0] - sought.of_variance[0]).abs() < 1e-8);
        let largest = told.marginals(all.view()).unwrap().mean;
        let largest = [0, 1, 3]
            .map(|i| largest[i])
            .into_iter()
            .fold(-9.0, f64::max);
        assert!((told.incumbent(-9.0) - largest).abs() < 1e-12);
        assert_eq!(told.incumbent(9.0), 9.0);
        assert!(told.marginals(array![[0.0, 1.0]].view()).is_err());
        // known by now, whatever is said of it
        fantasies.measure(3, 0.0).unwrap();
        let again = fantasies.told_constant(0.8).marginals(offered).unwrap();
        assert_eq!(again.variance[2], 0.0);
    }
}
