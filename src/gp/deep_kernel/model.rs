//! The trained model.

use super::calibration::{Examination, add_nugget, examine, leave_one_out_log_density};
use super::feature_map::FeatureMap;
use super::measurements::{Measurements, variance};
use super::options::{DeepKernelOptions, DeepKernelValidation};
use super::report::DeepKernelReport;
use super::saved::Parts;
use super::trainee::Trainee;
use super::training::{Training, best_start, train};
use crate::error::{Error, Result};
use crate::gp::exact::ExactGp;
use crate::gp::kernel::{Kernel, boxed};
use crate::gp::noise::Noise;
use crate::gp::posterior::Posterior;
use crate::gp::stationary::Matern52;
use crate::gp::surrogate::{Joint, Marginals, Slopes, Surrogate};
use crate::network::{Activation, Batch, Network, Padding, Pooling, Shape};
use crate::units::Seed;
use ndarray::{Array2, ArrayView2, Axis, Slice, aview1};
use rayon::prelude::*;
use serde::Deserialize;
use std::ops::Range;

/// A Gaussian process on features of patches that a network has learnt along with it.
///
/// Patches come as n × channels × height × width, n × height × width, n rows, or [`Patches`](super::Patches). As a
/// [`Surrogate`] its coordinates are the numbers of a patch, channel by channel and row by row.
///
/// ```
/// use dosewise::gp::{DeepKernelGp, DeepKernelOptions, DeepKernelValidation};
/// use dosewise::network::Shape;
/// use dosewise::units::Seed;
/// use ndarray::Array3;
/// // The property is the contrast between the two halves of a patch.
/// let patches = Array3::from_shape_fn((24, 4, 4), |(n, y, x)| {
///     (2.4 * n as f64).sin() * if x < 2 { 1.0 } else { -1.0 } + 0.2 * ((7 * n + 3 * y + x) as f64).cos()
/// });
/// let y: Vec<f64> = (0..24).map(|n| (2.4 * n as f64).sin()).collect();
/// let network = DeepKernelGp::default_network(Shape::image(1, 4, 4), 1, Seed(1))?;
/// let validation = DeepKernelValidation::HeldOut(0.25);
/// let options = DeepKernelOptions { max_steps: 60, validation, ..Default::default() };
/// let mut gp = DeepKernelGp::fit(network, &patches, &y, &options)?;
/// let error = gp.posterior(&patches)?.mean()[5] - y[5];
/// assert!(error.abs() < 0.3);
/// gp.append(patches.slice_axis(ndarray::Axis(0), (..1).into()), y[0], None)?; // the network stays
/// assert_eq!(gp.len(), 25);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Parts")]
pub struct DeepKernelGp {
    pub(super) map: FeatureMap,
    pub(super) process: ExactGp,
    pub(super) report: DeepKernelReport,
}

impl DeepKernelGp {
    /// A small network for patches of this shape: for images two convolutions of eight 3 × 3 filters with a pooling
    /// between them and the average over the image behind them, for vectors two layers of 32 and 16 numbers; then
    /// `features` numbers, of which two or three are plenty.
    ///
    /// # Errors
    /// [`Error::Argument`] if the shape or the number of features is zero, or unreasonably large.
    pub fn default_network(input: Shape, features: usize, seed: Seed) -> Result<Network> {
        let network = Network::builder(input);
        let activation = Activation::Silu;
        let network = if input.is_vector() {
            network
                .dense(32)
                .activation(activation)
                .dense(16)
                .activation(activation)
        } else {
            let first = network
                .convolution(8, 3, Padding::Same)
                .activation(activation);
            let pooled = if input.height.min(input.width) < 2 {
                first
            } else {
                first.pool(Pooling::Average, 2)
            };
            let second = pooled
                .convolution(8, 3, Padding::Same)
                .activation(activation);
            second.global_pool(Pooling::Average)
        };
        network.dense(features).build(seed)
    }

    /// Trains `network`, from its present weights, and the process on its features by `y` measured at `patches`.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no measurement, shapes differ, a number is not finite, the noise has not one
    /// variance each, the kernel does not suit the number of features, or an option is out of range;
    /// [`Error::NotPositiveDefinite`] if the covariance has no factor even with jitter.
    pub fn fit<'p>(
        network: Network,
        patches: impl Into<Batch<'p>>,
        y: &[f64],
        options: &DeepKernelOptions,
    ) -> Result<Self> {
        let patches = patches.into();
        let map = FeatureMap::new(network, &patches)?;
        let prepared = map.prepare(&patches)?;
        let all = Measurements::new(prepared, y, options.noise.clone(), options.mean.clone())?;
        options.check()?;
        let features = map.network.output().len();
        let kernel = options
            .kernel
            .clone()
            .unwrap_or_else(|| boxed(Matern52::ard(vec![1.0; features]).scaled(variance(y))));
        kernel.check(features)?;
        let noise = match all.noise {
            Noise::Homoscedastic(variance) => Some(variance),
            Noise::Known(_) => None,
        };
        let start = best_start(Trainee { map, kernel, noise }, &all, options)?;
        let watched = |(seen, held): &(Measurements, Measurements)| {
            let training = train(start.clone(), seen, Some(held), options.max_steps, options)?;
            let mut process = training.trainee.process(seen)?;
            process.refit(&options.refit)?;
            let examination = Examination::new(process, &training.trainee.map, held)?;
            Ok((training, examination))
        };
        let (training, steps_of_folds, examinations) = match options.validation.of(all.len()) {
            DeepKernelValidation::None => {
                let training = train(start, &all, None, options.max_steps, options)?;
                (training, Vec::new(), Vec::new())
            }
            DeepKernelValidation::HeldOut(fraction) => {
                let (training, examination) = watched(&all.split(fraction, options.seed))?;
                (training, Vec::new(), vec![examination])
            }
            DeepKernelValidation::Folds(count) => {
                let folds = all.folds(count, options.seed);
                let ends = folds.par_iter().map(watched).collect::<Result<Vec<_>>>()?;
                let (trainings, examinations): (Vec<_>, Vec<_>) = ends.into_iter().unzip();
                let steps: Vec<usize> = trainings.iter().map(|training| training.steps).collect();
                let mut sorted = steps.clone();
                sorted.sort_unstable();
                let training = train(start, &all, None, sorted[count / 2], options)?;
                (training, steps, examinations)
            }
        };
        Self::finish(training, steps_of_folds, &examinations, &all, options)
    }

    /// The process on the final features, with the nugget that held-out measurements ask for.
    fn finish(
        training: Training,
        steps_of_folds: Vec<usize>,
        examinations: &[Examination],
        all: &Measurements,
        options: &DeepKernelOptions,
    ) -> Result<Self> {
        let mut process = training.trainee.process(all)?;
        process.refit(&options.refit)?;
        let leave_one_out_log_density = leave_one_out_log_density(&process)?;
        let held_out = match examinations {
            [] => None,
            some => Some(examine(some)?),
        };
        if let Some(held_out) = held_out.filter(|held_out| held_out.nugget > 0.0) {
            process = add_nugget(&process, held_out.nugget)?;
        }
        let report = DeepKernelReport {
            curve: training.curve,
            steps: training.steps,
            stop: training.stop,
            steps_of_folds,
            held_out,
            leave_one_out_log_density,
        };
        Ok(Self {
            map: training.trainee.map,
            process,
            report,
        })
    }

    /// Mean and **variance** of the latent property at these patches, without the noise of a measurement but with the nugget
    /// of [`DeepKernelHeldOut`](super::DeepKernelHeldOut): what the features miss of a patch is part of its property.
    ///
    /// # Errors
    /// [`Error::Argument`] if the patches have another shape than those trained on, or a number is not finite.
    pub fn posterior<'p>(&self, patches: impl Into<Batch<'p>>) -> Result<Posterior<'_>> {
        let features = self.map.features(&patches.into())?;
        self.process.posterior(&features)
    }

    /// Adds one measurement `y` at the only patch of `patch`, exactly, network and hyper-parameters as they are;
    /// `noise_variance` (a **variance**) is needed where noise is known for each measurement, and `None` where it is
    /// shared.
    ///
    /// # Errors
    /// As [`DeepKernelGp::posterior`] and [`ExactGp::append`], and if there is not one patch; the model is then unchanged.
    pub fn append<'p>(
        &mut self,
        patch: impl Into<Batch<'p>>,
        y: f64,
        noise_variance: impl Into<Option<f64>>,
    ) -> Result<()> {
        let features = self.map.features(&patch.into())?;
        match features.outer_iter().next() {
            Some(feature) if features.nrows() == 1 => {
                self.process.append(&feature.to_vec(), y, noise_variance)
            }
            _ => Err(Error::argument(
                "patch",
                format!("{} patches", features.nrows()),
                "one",
            )),
        }
    }

    /// Adds several measurements at once, see [`DeepKernelGp::append`] and [`ExactGp::append_many`].
    ///
    /// # Errors
    /// As those.
    pub fn append_many<'p>(
        &mut self,
        patches: impl Into<Batch<'p>>,
        y: &[f64],
        noise_variances: Option<&[f64]>,
    ) -> Result<()> {
        let features = self.map.features(&patches.into())?;
        self.process.append_many(&features, y, noise_variances)
    }

    /// What the network makes of these patches, one a row: mean zero and variance one before training.
    ///
    /// # Errors
    /// As [`DeepKernelGp::posterior`].
    pub fn features<'p>(&self, patches: impl Into<Batch<'p>>) -> Result<Array2<f64>> {
        self.map.features(&patches.into())
    }

    /// The process on the features, with its kernel, noise and mean.
    pub fn process(&self) -> &ExactGp {
        &self.process
    }

    /// The trained network.
    pub fn network(&self) -> &Network {
        &self.map.network
    }

    /// How training went; how the final fit of kernel parameters and noise ended is in [`ExactGp::fit_report`] of
    /// [`DeepKernelGp::process`].
    pub fn report(&self) -> &DeepKernelReport {
        &self.report
    }

    /// Number of measurements.
    pub fn len(&self) -> usize {
        self.process.len()
    }

    /// Whether there is no measurement.
    pub fn is_empty(&self) -> bool {
        self.process.is_empty()
    }
}

impl Surrogate for DeepKernelGp {
    fn dimension(&self) -> usize {
        self.map.dimension()
    }

    fn marginals(&self, points: ArrayView2<'_, f64>) -> Result<Marginals> {
        Ok(self.posterior(points)?.into_marginals())
    }

    fn joint(&self, points: ArrayView2<'_, f64>) -> Result<Joint> {
        self.process.joint(self.features(points)?.view())
    }

    /// Slopes by the features, carried back through the network.
    fn slopes(&self, point: &[f64]) -> Result<Slopes> {
        let patch = aview1(point).insert_axis(Axis(0));
        let (pass, features) = self.map.pass(&self.map.prepare(&patch.into())?)?;
        let inner = self.process.slopes(&features.into_raw_vec_and_offset().0)?;
        let back = |slopes: &[f64]| {
            let gradient = self
                .map
                .backward(&pass, aview1(slopes).insert_axis(Axis(0)))?;
            Ok::<_, Error>(gradient.inputs.into_raw_vec_and_offset().0)
        };
        Ok(Slopes {
            of_mean: back(&inner.of_mean)?,
            of_variance: back(&inner.of_variance)?,
            ..inner
        })
    }

    fn joint_gradient(
        &self,
        points: ArrayView2<'_, f64>,
        moving: Range<usize>,
        by_mean: &[f64],
        by_covariance: ArrayView2<'_, f64>,
    ) -> Result<Array2<f64>> {
        let features = self.features(points)?;
        let rows = Slice::from(moving.clone());
        let inner = self
            .process
            .joint_gradient(features.view(), moving, by_mean, by_covariance)?;
        let (pass, _) = self
            .map
            .pass(&self.map.prepare(&points.slice_axis(Axis(0), rows).into())?)?;
        Ok(self.map.backward(&pass, inner.view())?.inputs)
    }
}
