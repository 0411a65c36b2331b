//! Titsias' bound: the log evidence that measurements have through the inducing points.

use super::belief::{Belief, Natural};
use super::features::{Basis, Features};
use super::gradient::Gradient;
use crate::error::{Error, Result};
use crate::gp::evidence::Data;
use crate::gp::kernel::dot;
use crate::gp::mean::Mean;
use crate::gp::noise::Noise;

/// The optimal belief given all measurements, and the terms of the bound that it reaches.
///
/// F = log N(y | mean, Q + D) − ½ Σ (kᵢᵢ − qᵢᵢ)/Dᵢ with Q = K_fu K_uu⁻¹ K_uf and D the noise variances. Titsias
/// (2009), "Variational learning of inducing variables in sparse Gaussian processes", AISTATS, eq. 9, rows scaled by
/// 1/√Dᵢ where the noise varies. In whitened features V = L⁻¹ K_uf the optimal q(v) has the precision
/// B = I + V D⁻¹ Vᵀ and the location w = B⁻¹ V D⁻¹ (y − mean).
pub(super) struct Collapsed<'a> {
    features: Features<'a>,
    noise: &'a Noise,
    pub belief: Belief,
    /// The mean, its coefficients estimated if that was asked for.
    pub mean: Mean,
    /// (Q + D)⁻¹ (y − mean) = D⁻¹ (y − mean − Vᵀ w).
    alpha: Vec<f64>,
    pub terms: Terms,
}

/// The parts of the bound.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Terms {
    /// (y − mean)ᵀ (Q + D)⁻¹ (y − mean).
    pub misfit: f64,
    /// log det (Q + D).
    pub log_determinant: f64,
    /// Σ (kᵢᵢ − qᵢᵢ)/Dᵢ.
    pub slack: f64,
}

impl Terms {
    /// log N(y | mean, Q + D) for `count` measurements.
    pub fn log_density(&self, count: usize) -> f64 {
        let normalisation = count as f64 * std::f64::consts::TAU.ln();
        -0.5 * (self.misfit + self.log_determinant + normalisation)
    }

    pub fn bound(&self, count: usize) -> f64 {
        self.log_density(count) - 0.5 * self.slack
    }
}

impl<'a> Collapsed<'a> {
    /// Finds the belief. With `profile` a constant or linear mean is estimated by generalised least squares in the
    /// metric (Q + D)⁻¹, of which aᵀ (Q + D)⁻¹ b is the plain product of [D^(−½) (a − Vᵀ w_a), w_a] and the same of b.
    ///
    /// # Errors
    /// [`Error::Argument`] if the misfit overflows, [`Error::NotPositiveDefinite`] as [`Natural::belief`].
    pub fn new(basis: Basis<'a>, data: &Data<'a>, profile: bool, buffer: Vec<f64>) -> Result<Self> {
        let n = data.points.len();
        let features = Features::new(basis, data.points, buffer)?;
        let noise = |i: usize| data.noise.variance(i).unwrap_or(f64::NAN);
        let precisions: Vec<f64> = (0..n).map(|i| 1.0 / noise(i)).collect();
        let gram = features.gram(&precisions);
        let mut belief = Natural::of_sites(gram, vec![0.0; basis.inducing.len()]).belief()?;
        let weighted = |values: &[f64]| -> Vec<f64> {
            values.iter().zip(&precisions).map(|(v, p)| v * p).collect()
        };
        // B⁻¹ V D⁻¹ a, and a − Vᵀ of it.
        let explained = |values: &[f64]| -> Result<(Vec<f64>, Vec<f64>)> {
            let mut location = features.weigh(&weighted(values));
            belief.precision.solve(&mut location)?;
            let projected = features.project(&location);
            let left = values.iter().zip(projected).map(|(v, p)| v - p);
            Ok((location, left.collect()))
        };
        let mean = if profile {
            data.estimated_mean(|column| {
                let (location, left) = explained(column)?;
                column.clear();
                column.extend(left.iter().zip(&precisions).map(|(l, p)| l * p.sqrt()));
                column.extend(location);
                Ok(())
            })?
        } else {
            data.mean.clone()
        };
        let (location, left) = explained(&data.residuals(&mean)?)?;
        let alpha = weighted(&left);
        let misfit = dot(&alpha, &left) + dot(&location, &location);
        let open = features.variances(None)?;
        let slack: f64 = dot(&open, &precisions);
        let spread: f64 = (0..n).map(|i| noise(i).ln()).sum();
        if !(misfit.is_finite() && slack.is_finite() && spread.is_finite()) {
            return Err(Error::argument(
                "y",
                "values whose misfit to the model overflows",
                "values of a size the kernel and the noise can explain",
            ));
        }
        belief.location = location;
        Ok(Self {
            features,
            noise: data.noise,
            terms: Terms {
                misfit,
                log_determinant: spread + belief.precision.log_determinant(),
                slack,
            },
            belief,
            mean,
            alpha,
        })
    }

    /// The gradient by the kernel's log-parameters and the log noise variance if it is shared, then by the inducing
    /// points if they are `moving`. The belief and a profiled mean maximise the bound, so they add no term.
    ///
    /// ∂F/∂log σ² = ½ Σ (σ² αᵢ² − 1 + sᵢ/σ²) with sᵢ the posterior variance of f.
    pub fn gradient(&self, moving: bool) -> Result<Gradient> {
        let n = self.alpha.len();
        let curvatures: Vec<f64> = (0..n)
            .map(|i| -1.0 / self.noise.variance(i).unwrap_or(f64::NAN))
            .collect();
        let mut gradient =
            self.features
                .gradient(&self.belief, &self.alpha, &curvatures, moving)?;
        if let Noise::Homoscedastic(noise) = self.noise {
            let variances = self.features.variances(Some(&self.belief))?;
            let each = self.alpha.iter().zip(&variances);
            let slopes = each.map(|(a, s)| noise * a * a - 1.0 + s / noise);
            gradient.kernel.push(0.5 * slopes.sum::<f64>());
        }
        Ok(gradient)
    }

    pub fn into_buffer(self) -> Vec<f64> {
        self.features.into_buffer()
    }
}
