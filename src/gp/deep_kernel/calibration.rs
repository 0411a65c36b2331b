//! How wrong predictions are compared with how wrong they say they may be.

use super::feature_map::FeatureMap;
use super::measurements::Measurements;
use crate::error::Result;
use crate::gp::exact::ExactGp;
use crate::gp::kernel::{Scaled, boxed};
use crate::gp::noise::Noise;
use std::any::Any;

/// A held-out measurement: its distance from the posterior mean, and the two **variances** that should explain it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Residual {
    pub error: f64,
    /// Of the latent function.
    pub latent: f64,
    pub noise: f64,
}

/// The residuals of `held`, predicted by a process on the features of other measurements.
pub(super) fn residuals(
    process: &ExactGp,
    map: &FeatureMap,
    held: &Measurements,
) -> Result<Vec<Residual>> {
    let features = map.of_prepared(&held.prepared)?;
    let posterior = process.posterior(&features)?;
    let predicted = posterior.mean().iter().zip(posterior.variance());
    Ok(predicted
        .zip(&held.targets)
        .enumerate()
        .map(|(i, ((mean, latent), y))| Residual {
            error: y - mean,
            latent: *latent,
            noise: match process.noise() {
                Noise::Homoscedastic(variance) => *variance,
                Noise::Known(_) => held.noise.variance(i).unwrap_or(f64::NAN),
            },
        })
        .collect())
}

/// Mean log density of the measurements, nats each.
pub(super) fn mean_log_density(residuals: &[Residual]) -> f64 {
    let densities = residuals
        .iter()
        .map(|r| log_density(r.error, r.latent + r.noise));
    densities.sum::<f64>() / residuals.len() as f64
}

/// ln N(error; 0, variance).
fn log_density(error: f64, variance: f64) -> f64 {
    -0.5 * (error * error / variance + variance.ln() + std::f64::consts::TAU.ln())
}

/// Mean log density of each measurement of a process given all others: with σᵢ² = 1/(K⁻¹)ᵢᵢ and yᵢ − μᵢ = αᵢ σᵢ²
/// (Rasmussen & Williams 2006, eqs. 5.10 to 5.12).
pub(super) fn leave_one_out_log_density(process: &ExactGp) -> Result<f64> {
    let n = process.len();
    let (mut inverse, mut work) = (Vec::new(), Vec::new());
    process.factor.inverse(&mut inverse, &mut work);
    let mut alpha = process.whitened.clone();
    process.factor.backward(&mut alpha)?;
    let densities = alpha.iter().enumerate().map(|(i, alpha)| {
        let variance = 1.0 / inverse[i * n + i];
        log_density(alpha * variance, variance)
    });
    Ok(densities.sum::<f64>() / n as f64)
}

/// The factor c on the variances of a model with which held-out errors are as large as they should be, Σ e²/(c s + v) = n:
/// where the noise v is shared it is the model's own and c multiplies it too, where it is known it stays.
///
/// It maximises the held-out likelihood over c in the first case (Rasmussen & Williams 2006, section 5.4.2, with folds for
/// single measurements), and is kept within what so many errors can tell from chance.
pub(super) fn calibration(residuals: &[Residual], noise: &Noise) -> f64 {
    let count = residuals.len() as f64;
    let misfit = |c: f64| {
        let ratio = |r: &Residual| match noise {
            Noise::Homoscedastic(_) => r.error * r.error / (c * (r.latent + r.noise)),
            Noise::Known(_) => r.error * r.error / (c * r.latent + r.noise),
        };
        residuals.iter().map(ratio).sum::<f64>() / count
    };
    // Falling in c; bisected on its logarithm.
    let (mut low, mut high) = LIMITS;
    for _ in 0..60 {
        let middle = (low * high).sqrt();
        if misfit(middle) > 1.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low * high).sqrt()
}

/// No model is so wrong about its spread that more would help.
const LIMITS: (f64, f64) = (1e-2, 1e4);

/// Multiplies the variances of a process by `factor`: of its kernel, and of its noise where that is shared.
pub(super) fn scale(process: &mut ExactGp, factor: f64) -> Result<()> {
    let any: &dyn Any = process.kernel.as_ref();
    process.kernel = match any.downcast_ref::<Scaled>() {
        Some(scaled) => boxed(Scaled::new(
            scaled.inner().clone_box(),
            scaled.outputscale() * factor,
        )),
        None => boxed(Scaled::new(process.kernel.clone(), factor)),
    };
    if let Noise::Homoscedastic(variance) = &mut process.noise {
        *variance *= factor;
    }
    process.refactor()?;
    if process.mean.is_profiled() {
        process.mean = process.data().profiled_mean(&process.factor)?;
        process.rewhiten()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gp::kernel::Kernel;
    use crate::gp::mean::Mean;
    use crate::gp::stationary::Rbf;
    use ndarray::{Array2, array};

    #[test]
    fn errors_of_the_promised_size_need_no_factor() {
        let residual = |error| Residual {
            error,
            latent: 0.75,
            noise: 0.25,
        };
        let shared = Noise::Homoscedastic(0.25);
        let twice = [residual(2.0), residual(-2.0)];
        assert!((calibration(&[residual(1.0), residual(-1.0)], &shared) - 1.0).abs() < 1e-9);
        assert!((calibration(&twice, &shared) - 4.0).abs() < 1e-9);
        // 4/(0.75 c + 0.25) = 1.
        assert!((calibration(&twice, &Noise::Known(vec![0.25; 2])) - 5.0).abs() < 1e-9);
        assert!((mean_log_density(&twice) + 2.0 + 0.5 * std::f64::consts::TAU.ln()).abs() < 1e-12);
    }

    #[test]
    fn leaving_one_out_is_what_it_says() {
        let x = array![[0.0], [0.3], [0.7], [1.2]];
        let y = [0.1, 0.9, 0.4, -0.3];
        let prior = || ExactGp::new(Rbf::isotropic(0.5).scaled(1.3), Noise::Homoscedastic(0.05));
        let found = leave_one_out_log_density(&prior().condition(&x, &y).unwrap()).unwrap();
        let mut expected = 0.0;
        for i in 0..4 {
            let others: Vec<usize> = (0..4).filter(|&j| j != i).collect();
            let rest = Array2::from_shape_fn((3, 1), |(j, _)| x[[others[j], 0]]);
            let targets: Vec<f64> = others.iter().map(|&j| y[j]).collect();
            let gp = prior().condition(&rest, &targets).unwrap();
            let belief = gp.posterior(&array![[x[[i, 0]]]]).unwrap();
            expected += log_density(y[i] - belief.mean()[0], belief.variance()[0] + 0.05) / 4.0;
        }
        assert!((found - expected).abs() < 1e-12);
    }

    #[test]
    fn scaling_multiplies_variances_and_keeps_means() {
        let x = array![[0.0], [0.3], [0.7]];
        let y = [1.1, 1.9, 1.4];
        let places = array![[0.5], [2.0]];
        for kernel in [
            boxed(Rbf::isotropic(0.5).scaled(1.3)),
            boxed(Rbf::isotropic(0.5)),
        ] {
            let gp =
                ExactGp::new(kernel, Noise::Homoscedastic(0.05)).with_mean(Mean::Constant(1.0));
            let gp = gp.condition(&x, &y).unwrap();
            let mut scaled = gp.clone();
            scale(&mut scaled, 1.0).unwrap();
            let before = scaled.posterior(&places).unwrap().into_marginals();
            scale(&mut scaled, 9.0).unwrap();
            let after = scaled.posterior(&places).unwrap().into_marginals();
            for i in 0..2 {
                assert!((after.mean[i] - before.mean[i]).abs() < 1e-12);
                assert!((after.variance[i] / before.variance[i] - 9.0).abs() < 1e-9);
            }
            assert_eq!(scaled.noise(), &Noise::Homoscedastic(0.05 * 9.0));
        }
    }
}
