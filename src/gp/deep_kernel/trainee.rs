//! The model while it learns: likelihood and its gradient by everything that is learnt.

use super::feature_map::FeatureMap;
use super::measurements::Measurements;
use crate::error::Result;
use crate::gp::evidence::{Data, GradientBuffers, log_marginal_likelihood};
use crate::gp::exact::{ExactGp, parameters};
use crate::gp::kernel::{Kernel, Parameter};
use crate::gp::noise::Noise;
use crate::gp::points::Points;
use crate::linalg::Cholesky;
use crate::units::Seed;

/// Features, kernel and noise.
#[derive(Debug, Clone)]
pub(super) struct Trainee {
    pub map: FeatureMap,
    pub kernel: Box<dyn Kernel>,
    /// The shared noise variance; `None` where it is known for each measurement.
    pub noise: Option<f64>,
}

/// The log marginal likelihood, nats, and its gradient.
pub(super) struct Joint {
    pub value: f64,
    pub by_weights: Vec<f64>,
    /// By the kernel's log-parameters, then by the log noise variance if it is shared.
    pub by_log_parameters: Vec<f64>,
}

impl Joint {
    pub fn is_finite(&self) -> bool {
        let slopes = self.by_weights.iter().chain(&self.by_log_parameters);
        self.value.is_finite() && slopes.into_iter().all(|slope| slope.is_finite())
    }
}

impl Trainee {
    /// The same with other weights.
    pub fn redrawn(&self, seed: Seed, measured: &Measurements) -> Result<Self> {
        Ok(Self {
            map: self.map.redrawn(seed, &measured.prepared)?,
            ..self.clone()
        })
    }

    /// The noise of these measurements.
    fn noise_of(&self, measured: &Measurements) -> Noise {
        self.noise
            .map_or_else(|| measured.noise.clone(), Noise::Homoscedastic)
    }

    /// The kernel's hyper-parameters, then the noise variance if it is shared.
    pub fn parameters(&self) -> Vec<Parameter> {
        let noise = self
            .noise
            .map_or_else(|| Noise::Known(Vec::new()), Noise::Homoscedastic);
        parameters(self.kernel.as_ref(), &noise)
    }

    /// Sets them from their logarithms.
    pub fn set_log_parameters(&mut self, values: &[f64]) -> Result<()> {
        let own = self.kernel.parameter_count();
        self.kernel.set_log_parameters(&values[..own])?;
        if let Some(noise) = &mut self.noise {
            *noise = values[own].exp();
        }
        Ok(())
    }

    /// The exact process on the features of these measurements, a constant mean estimated.
    pub fn process(&self, measured: &Measurements) -> Result<ExactGp> {
        let features = self.map.of_prepared(&measured.prepared)?;
        let mut process = ExactGp::new(self.kernel.clone(), self.noise_of(measured))
            .with_mean(measured.mean.clone())
            .condition(&features, &measured.targets)?;
        if process.mean.is_profiled() {
            process.mean = process.data().profiled_mean(&process.factor)?;
            process.rewhiten()?;
        }
        Ok(process)
    }

    /// Value and gradient of the log marginal likelihood. By the weights it is, through every feature zᵢ,
    /// Σᵢ (∂zᵢ/∂w)ᵀ Σⱼ (αᵢ αⱼ − (K⁻¹)ᵢⱼ) ∂k(zᵢ, zⱼ)/∂zᵢ, with the terms j = i halved (Wilson et al. 2016).
    pub fn joint(&self, measured: &Measurements, buffers: &mut Buffers) -> Result<Joint> {
        let (pass, features) = self.map.pass(&measured.prepared)?;
        let points = Points::from_rows("features", features.view())?;
        let noise = self.noise_of(measured);
        let mut data = Data {
            points: points.view(),
            targets: &measured.targets,
            noise: &noise,
            mean: &measured.mean,
        };
        let Buffers { factor, gradients } = buffers;
        data.factor_into(self.kernel.as_ref(), factor)?;
        let mean = data.profiled_mean(factor)?;
        data.mean = &mean;
        let mut alpha = data.whiten(factor)?;
        let value = log_marginal_likelihood(factor, &alpha);
        factor.backward(&mut alpha)?;
        let by_log_parameters = gradients.gradient(self.kernel.as_ref(), &data, factor, &alpha);
        let by_features = gradients.by_points(self.kernel.as_ref(), points.view());
        Ok(Joint {
            value,
            by_weights: self.map.backward(&pass, by_features.view())?.weights,
            by_log_parameters,
        })
    }
}

/// Room for n × n matrices, kept between the steps.
#[derive(Default)]
pub(super) struct Buffers {
    factor: Cholesky,
    gradients: GradientBuffers,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gp::kernel::Linear;
    use crate::gp::mean::Mean;
    use crate::gp::stationary::{Matern52, Rbf};
    use crate::network::{Activation, Batch, Network, Padding, Shape};
    use ndarray::Array2;

    const COUNT: usize = 12;

    fn trainee(kernel: impl Kernel, noise: Option<f64>) -> (Trainee, Measurements) {
        let network = Network::builder(Shape::image(1, 4, 4))
            .convolution(2, 3, Padding::Valid)
            .activation(Activation::Tanh)
            .flatten()
            .dense(2)
            .build(Seed(5))
            .unwrap();
        let patches = Array2::from_shape_fn((COUNT, 16), |(i, k)| {
            3.0 + (1.9 * (16 * i + k) as f64).sin()
        });
        let batch = Batch::from(&patches);
        let map = FeatureMap::new(network, &batch).unwrap();
        let targets: Vec<f64> = (0..COUNT).map(|i| (0.7 * i as f64).cos() + 2.0).collect();
        let known = (0..COUNT).map(|i| 0.01 + 0.01 * i as f64).collect();
        let prepared = map.prepare(&batch).unwrap();
        let noise_model = noise.map_or(Noise::Known(known), Noise::Homoscedastic);
        let measured =
            Measurements::new(prepared, &targets, Some(noise_model), Mean::Constant(0.0));
        let kernel: Box<dyn Kernel> = Box::new(kernel);
        (Trainee { map, kernel, noise }, measured.unwrap())
    }

    fn check(kernel: impl Kernel, noise: Option<f64>) {
        const STEP: f64 = 1e-4;
        let (mut trainee, measured) = trainee(kernel, noise);
        let mut buffers = Buffers::default();
        let found = trainee.joint(&measured, &mut buffers).unwrap();
        assert!(
            (trainee
                .process(&measured)
                .unwrap()
                .log_marginal_likelihood()
                - found.value)
                .abs()
                < 1e-10
        );
        // Fourth-order differences: second-order ones are no better than 1e-7 here.
        let slope = |at: &mut dyn FnMut(f64) -> f64| {
            (8.0 * (at(STEP) - at(-STEP)) - (at(2.0 * STEP) - at(-2.0 * STEP))) / (12.0 * STEP)
        };
        let largest = found
            .by_weights
            .iter()
            .fold(0.0, |most: f64, s| most.max(s.abs()));
        for k in 0..found.by_weights.len() {
            let kept = trainee.map.network.weights()[k];
            let expected = slope(&mut |change| {
                trainee.map.network.weights_mut()[k] = kept + change;
                trainee.joint(&measured, &mut buffers).unwrap().value
            });
            trainee.map.network.weights_mut()[k] = kept;
            let difference = (expected - found.by_weights[k]).abs();
            assert!(
                difference < 1e-6 * largest,
                "weight {k}: {difference:e} of {largest:e}"
            );
        }
        let logs: Vec<f64> = trainee.parameters().iter().map(|p| p.value.ln()).collect();
        for k in 0..logs.len() {
            let expected = slope(&mut |change| {
                let mut moved = logs.clone();
                moved[k] += change;
                trainee.set_log_parameters(&moved).unwrap();
                trainee.joint(&measured, &mut buffers).unwrap().value
            });
            let found = found.by_log_parameters[k];
            assert!(
                (expected - found).abs() < 1e-6 * (1.0 + found.abs()),
                "parameter {k}"
            );
        }
    }

    #[test]
    fn the_joint_gradient_matches_finite_differences() {
        check(Matern52::ard([0.8, 1.3]).scaled(1.5), Some(0.05));
        check(Rbf::isotropic(1.1).scaled(0.7), None);
        // Not stationary: the variance of a point depends on its features too.
        check(
            Matern52::isotropic(0.9).scaled(1.0) + Linear::isotropic(0.3),
            Some(0.1),
        );
    }
}
