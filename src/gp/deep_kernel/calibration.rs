//! How wrong predictions are compared with how wrong they say they may be.

use super::feature_map::FeatureMap;
use super::measurements::{Measurements, variance};
use super::report::HeldOut;
use crate::error::Result;
use crate::gp::exact::ExactGp;
use crate::gp::kernel::{Kernel, White};
use crate::gp::noise::Noise;
use ndarray::Array2;
use rayon::prelude::*;

/// Halvings of the range of the nugget, in logarithms: from a factor of 10¹³ to one of 1.001.
const HALVINGS: usize = 15;

/// A process on the features of some measurements, and others that it has not seen.
#[derive(Debug)]
pub(super) struct Examination {
    process: ExactGp,
    features: Array2<f64>,
    held: Measurements,
}

/// A held-out measurement: its distance from the posterior mean, and the **variance** that should explain it.
#[derive(Debug, Clone, Copy)]
struct Residual {
    error: f64,
    variance: f64,
}

impl Examination {
    pub fn new(process: ExactGp, map: &FeatureMap, held: &Measurements) -> Result<Self> {
        Ok(Self {
            process,
            features: map.of_prepared(&held.prepared)?,
            held: held.clone(),
        })
    }

    fn residuals(&self, nugget: Option<f64>) -> Result<Vec<Residual>> {
        let with_nugget = nugget
            .map(|nugget| add_nugget(&self.process, nugget))
            .transpose()?;
        let process = with_nugget.as_ref().unwrap_or(&self.process);
        let posterior = process.posterior(&self.features)?;
        let predicted = posterior.mean().iter().zip(posterior.variance());
        let residual = |(i, ((mean, latent), y)): (usize, ((&f64, &f64), &f64))| {
            let noise = match process.noise() {
                Noise::Homoscedastic(variance) => *variance,
                Noise::Known(_) => self.held.noise.variance(i).unwrap_or(f64::NAN),
            };
            Residual {
                error: y - mean,
                variance: latent + noise,
            }
        };
        Ok(predicted
            .zip(&self.held.targets)
            .enumerate()
            .map(residual)
            .collect())
    }

    /// Mean log density of the held-out measurements, nats each.
    pub fn log_density(&self) -> Result<f64> {
        Ok(mean_log_density(&self.residuals(None)?))
    }
}

/// What the held-out measurements say, and the nugget at which their errors are as large as they should be: mean e²/v = 1.
///
/// Features that were made to suit the measurements explain them too well. What they miss of a new patch belongs to that
/// patch alone, so it is given a variance of its own; the noise, which is the same for all, is left as fitted. All
/// folds count together.
pub(super) fn examine(examinations: &[Examination]) -> Result<HeldOut> {
    let predicted = |nugget: Option<f64>| -> Result<Vec<Residual>> {
        let parts = examinations.par_iter().map(|one| one.residuals(nugget));
        Ok(parts.collect::<Result<Vec<_>>>()?.concat())
    };
    let misfit = |residuals: &[Residual]| mean(residuals, |r| r.error * r.error / r.variance);
    let before = predicted(None)?;
    let square = mean(&before, |r| r.error * r.error);
    let nugget = if misfit(&before) <= 1.0 {
        0.0
    } else {
        let spreads = examinations
            .iter()
            .map(|one| variance(one.process.targets()));
        // Errors cannot be larger than with a process that has learned nothing.
        let mut high = 10.0 * (square + spreads.fold(0.0, f64::max));
        let mut low = 1e-13 * high;
        for _ in 0..HALVINGS {
            let middle = (low * high).sqrt();
            if misfit(&predicted(Some(middle))?) > 1.0 {
                low = middle;
            } else {
                high = middle;
            }
        }
        high
    };
    Ok(HeldOut {
        count: before.len(),
        root_mean_square_error: square.sqrt(),
        log_density: mean_log_density(&before),
        nugget,
    })
}

/// The same process with a variance that belongs to single places, a constant mean estimated anew.
pub(super) fn add_nugget(process: &ExactGp, nugget: f64) -> Result<ExactGp> {
    let mut process = process.clone();
    process.kernel = Box::new(process.kernel.plus(White::new(nugget)));
    process.refactor()?;
    if process.mean.is_profiled() {
        process.mean = process.data().profiled_mean(&process.factor)?;
        process.rewhiten()?;
    }
    Ok(process)
}

/// Mean log density of each measurement of a process given all others: with σᵢ² = 1/(K⁻¹)ᵢᵢ and yᵢ − μᵢ = αᵢ σᵢ²
/// (Rasmussen & Williams 2006, eqs. 5.10 to 5.12).
pub(super) fn leave_one_out_log_density(process: &ExactGp) -> Result<f64> {
    let n = process.len();
    let (mut inverse, mut work) = (Vec::new(), Vec::new());
    process.factor.inverse(&mut inverse, &mut work);
    let mut alpha = process.whitened.clone();
    process.factor.backward(&mut alpha)?;
    let residuals = alpha.iter().enumerate().map(|(i, alpha)| {
        let variance = 1.0 / inverse[i * n + i];
        Residual {
            error: alpha * variance,
            variance,
        }
    });
    Ok(mean_log_density(&residuals.collect::<Vec<_>>()))
}

/// Mean of ln N(e; 0, v).
fn mean_log_density(residuals: &[Residual]) -> f64 {
    let density = |r: &Residual| {
        -0.5 * (r.error * r.error / r.variance + r.variance.ln() + std::f64::consts::TAU.ln())
    };
    mean(residuals, density)
}

fn mean(residuals: &[Residual], of: impl Fn(&Residual) -> f64) -> f64 {
    residuals.iter().map(of).sum::<f64>() / residuals.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gp::mean::Mean;
    use crate::gp::stationary::Rbf;
    use ndarray::array;

    fn prior() -> ExactGp {
        ExactGp::new(Rbf::isotropic(0.5).scaled(1.3), Noise::Homoscedastic(0.05))
    }

    #[test]
    fn leaving_one_out_is_what_it_says() {
        let x = array![[0.0], [0.3], [0.7], [1.2]];
        let y = [0.1, 0.9, 0.4, -0.3];
        let found = leave_one_out_log_density(&prior().condition(&x, &y).unwrap()).unwrap();
        let mut expected = 0.0;
        for i in 0..4 {
            let others: Vec<usize> = (0..4).filter(|&j| j != i).collect();
            let rest = Array2::from_shape_fn((3, 1), |(j, _)| x[[others[j], 0]]);
            let targets: Vec<f64> = others.iter().map(|&j| y[j]).collect();
            let gp = prior().condition(&rest, &targets).unwrap();
            let belief = gp.posterior(&array![[x[[i, 0]]]]).unwrap();
            let residual = Residual {
                error: y[i] - belief.mean()[0],
                variance: belief.variance()[0] + 0.05,
            };
            expected += mean_log_density(&[residual]) / 4.0;
        }
        assert!((found - expected).abs() < 1e-12);
    }

    /// Held-out values at these distances from what a process with one far measurement expects: zero.
    fn examination(errors: [f64; 2]) -> Examination {
        let held = Measurements::new(array![[0.0], [1.0]], &errors, None, Mean::Zero).unwrap();
        Examination {
            process: prior().condition(&array![[99.0]], &[0.0]).unwrap(),
            features: held.prepared.clone(),
            held,
        }
    }

    #[test]
    fn the_nugget_makes_errors_as_large_as_promised() {
        // The prior promises 1.3 + 0.05; errors of 2 and −1 have the mean square 2.5.
        let found = examine(&[examination([2.0, -1.0])]).unwrap();
        assert!(
            (found.nugget / (2.5 - 1.35) - 1.0).abs() < 2e-3,
            "{found:?}"
        );
        assert!((found.root_mean_square_error - 2.5_f64.sqrt()).abs() < 1e-12);
        let twice = examine(&[examination([2.0, -1.0]), examination([-1.0, 2.0])]).unwrap();
        assert_eq!((twice.nugget, twice.count), (found.nugget, 4));
        assert_eq!(examine(&[examination([0.5, 0.3])]).unwrap().nugget, 0.0);
    }

    #[test]
    fn a_nugget_is_variance_at_new_places_and_noise_at_old_ones() {
        let (x, y) = (array![[0.0], [0.6], [1.4]], [0.4, -0.2, 0.9]);
        let gp = prior()
            .with_mean(Mean::Constant(0.0))
            .condition(&x, &y)
            .unwrap();
        let noisier = ExactGp::new(Rbf::isotropic(0.5).scaled(1.3), Noise::Homoscedastic(0.35));
        let noisier = noisier
            .with_mean(Mean::Constant(0.0))
            .condition(&x, &y)
            .unwrap();
        let calibrated = add_nugget(&gp, 0.3).unwrap();
        let level = match (
            calibrated.mean(),
            noisier.data().profiled_mean(&noisier.factor).unwrap(),
        ) {
            (Mean::Constant(found), Mean::Constant(expected)) => (*found, expected),
            other => panic!("{other:?}"),
        };
        assert!((level.0 - level.1).abs() < 1e-12);
        let place = array![[0.3]];
        let variance = |gp: &ExactGp| gp.posterior(&place).unwrap().variance()[0];
        assert!((variance(&calibrated) - variance(&noisier) - 0.3).abs() < 1e-12);
    }
}
