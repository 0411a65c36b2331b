//! What a model of looks of different dose consists of.

use crate::error::{Error, Result};
use crate::gp::kernel::{
    Decay, DoseWeight, INFINITE_DOSE, Kernel, Parameter, Product, Role, Sum, boxed,
};
use crate::gp::mean::Mean;
use crate::gp::noise::Noise;
use crate::gp::restart::LogRange;
use crate::gp::tagged::{Design, Seen, ranges_of};
use serde::{Deserialize, Serialize};

/// The systematic error b of a look: what all looks of the same kind have wrong in the same way.
///
/// ```
/// use dosewise::gp::{Bias, Decay, Rbf};
/// // An error of variance 0.3 that varies over 0.5 and has faded to a quarter of its size at 20 e⁻/Å².
/// let decay = Decay::Power { dose: 20.0, exponent: 2.0 };
/// let bias = Bias::at_low_dose(dosewise::gp::Kernel::scaled(Rbf::isotropic(0.5), 0.3), decay);
/// assert!(matches!(bias, Bias::AtLowDose { .. }));
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Bias {
    /// None: a look is noisy, but right on average.
    None,
    /// cov(b, b′) = c(x, x′) g(D) g(D′), g(D) = decay(D), D the dose of the look: largest at low dose, gone at a high
    /// one.
    AtLowDose {
        /// c, with the prior **variance** of the error without dose.
        kernel: Box<dyn Kernel>,
        /// g.
        decay: Decay,
    },
    /// cov(b, b′) = c(x, x′) g(A) g(A′), g(A) = 1 − decay(A), A the dose that the place has absorbed by the middle of
    /// the look: damage, nothing at first and c at last.
    WithDose {
        /// c, with the prior **variance** of the change when all is damaged.
        kernel: Box<dyn Kernel>,
        /// 1 − g.
        decay: Decay,
    },
}

impl Bias {
    /// [`Bias::AtLowDose`] from any kernel.
    pub fn at_low_dose(kernel: impl Kernel, decay: Decay) -> Self {
        let kernel = boxed(kernel);
        Self::AtLowDose { kernel, decay }
    }

    /// [`Bias::WithDose`] from any kernel.
    pub fn with_dose(kernel: impl Kernel, decay: Decay) -> Self {
        let kernel = boxed(kernel);
        Self::WithDose { kernel, decay }
    }

    /// Its kernel on the places, its weight and the tag that the weight goes by.
    fn parts(&self) -> Option<(&dyn Kernel, DoseWeight, usize)> {
        match self {
            Self::None => None,
            Self::AtLowDose { kernel, decay } => {
                Some((kernel.as_ref(), DoseWeight::fading(*decay), 0))
            }
            Self::WithDose { kernel, decay } => {
                Some((kernel.as_ref(), DoseWeight::growing(*decay), 1))
            }
        }
    }

    fn parameter_count(&self) -> usize {
        self.parts().map_or(0, |(kernel, weight, _)| {
            kernel.parameter_count() + weight.parameter_count()
        })
    }

    fn set_log_parameters(&mut self, values: &[f64]) -> Result<()> {
        let Some((_, mut weight, _)) = self.parts() else {
            return Ok(());
        };
        let (Self::AtLowDose { kernel, decay } | Self::WithDose { kernel, decay }) = self else {
            return Ok(());
        };
        let (of_kernel, of_weight) = values.split_at(kernel.parameter_count());
        kernel.set_log_parameters(of_kernel)?;
        weight.set_log_parameters(of_weight)?;
        *decay = weight.decay();
        Ok(())
    }
}

/// The noise of a look at dose D, a **variance** of shot/D + readout.
///
/// A part that is zero stays zero in a fit. If a count N ~ Poisson(λ D) is read as the rate N/D, shot is λ.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DoseNoise {
    /// Both parts are hyper-parameters of a fit, named `shot noise variance` and `readout noise variance`.
    Fitted {
        /// s², the **variance** at a dose of 1 e⁻/Å², in squared units of the outputs.
        shot: f64,
        /// r², the **variance** that no dose takes away, in squared units of the outputs.
        readout: f64,
    },
    /// Both parts are kept in a fit.
    Known {
        /// s², the **variance** at a dose of 1 e⁻/Å², in squared units of the outputs.
        shot: f64,
        /// r², the **variance** that no dose takes away, in squared units of the outputs.
        readout: f64,
    },
}

impl DoseNoise {
    /// The **variance** of one look at a dose in e⁻/Å².
    pub fn variance(&self, dose: f64) -> f64 {
        let [shot, readout] = self.both();
        shot / dose + readout
    }

    /// s² and r².
    fn both(&self) -> [f64; 2] {
        let (Self::Fitted { shot, readout } | Self::Known { shot, readout }) = *self;
        [shot, readout]
    }

    /// Which of s² and r² a fit chooses.
    fn fitted(&self) -> impl Iterator<Item = usize> + use<> {
        let both = self.both();
        let searched = matches!(self, Self::Fitted { .. });
        (0..2).filter(move |&part| searched && both[part] > 0.0)
    }
}

/// Field, bias, noise and mean. The tags of a measurement are the dose of the look and the dose absorbed by its middle.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exposure {
    pub(super) field: Box<dyn Kernel>,
    pub(super) bias: Bias,
    pub(super) noise: DoseNoise,
    pub(super) means: Vec<Mean>,
}

/// The tags of the true field: no error fades only at an infinite dose, and none has grown at none.
pub(super) const TRUTH: [f64; 2] = [INFINITE_DOSE, 0.0];

impl Design for Exposure {
    const TAGS: usize = 2;
    const FORMAT: &'static str = "dose-gp 1";

    fn check(&self, dimension: usize) -> Result<()> {
        self.kernel(dimension).check(dimension + Self::TAGS)?;
        Noise::Known(self.noise.both().to_vec()).check(2)?;
        if self.means.len() != 1 {
            return Err(Error::argument("means", self.means.len(), "one"));
        }
        self.means[0].check(dimension)
    }

    fn kernel(&self, dimension: usize) -> Box<dyn Kernel> {
        let places: Vec<usize> = (0..dimension).collect();
        let field = boxed(self.field.clone().on_columns(places.clone()));
        let Some((kernel, weight, tag)) = self.bias.parts() else {
            return field;
        };
        let error = kernel.clone_box().on_columns(places);
        let weight = weight.on_columns([dimension + tag]);
        boxed(Sum::new([
            field,
            boxed(Product::new([boxed(error), boxed(weight)])),
        ]))
    }

    fn noise_parameters(&self) -> Vec<Parameter> {
        let both = self.noise.both();
        let part = |part: usize| Parameter {
            name: ["shot noise variance", "readout noise variance"][part].into(),
            role: Role::NoiseVariance,
            value: both[part],
        };
        self.noise.fitted().map(part).collect()
    }

    fn set_log_parameters(&mut self, values: &[f64]) -> Result<()> {
        let (of_field, rest) = values.split_at(self.field.parameter_count());
        let (of_bias, of_noise) = rest.split_at(self.bias.parameter_count());
        self.field.set_log_parameters(of_field)?;
        self.bias.set_log_parameters(of_bias)?;
        let fitted: Vec<usize> = self.noise.fitted().collect();
        if let DoseNoise::Fitted { shot, readout } = &mut self.noise {
            let slots = [shot, readout];
            for (part, log) in fitted.into_iter().zip(of_noise) {
                *slots[part] = log.exp();
            }
        }
        Ok(())
    }

    fn noise_variance(&self, tags: &[f64]) -> f64 {
        self.noise
            .variance(tags.first().copied().unwrap_or(f64::NAN))
    }

    fn accumulate_noise_gradient(&self, tags: &[f64], weight: f64, gradient: &mut [f64]) {
        let [shot, readout] = self.noise.both();
        let shares = [shot / tags.first().copied().unwrap_or(f64::NAN), readout];
        for (slot, part) in gradient.iter_mut().zip(self.noise.fitted()) {
            *slot += weight * shares[part];
        }
    }

    fn means(&self) -> &[Mean] {
        &self.means
    }

    fn set_means(&mut self, means: Vec<Mean>) {
        self.means = means;
    }

    fn group(&self, _: &[f64]) -> usize {
        0
    }

    fn ranges(&self, seen: &Seen<'_>) -> Result<Vec<LogRange>> {
        let mut ranges = seen.ranges(&self.field.parameters())?;
        if let Some((kernel, weight, tag)) = self.bias.parts() {
            ranges.extend(seen.ranges(&kernel.parameters())?);
            let weight = weight.on_columns([tag]);
            ranges.extend(ranges_of(seen.tags, seen.residuals, &weight.parameters())?);
        }
        let noise = self.noise_parameters();
        let mut of_noise = seen.ranges(&noise)?;
        let doses = seen.tags.coordinate(0);
        let typical = doses.iter().map(|dose| dose.ln()).sum::<f64>() / doses.len().max(1) as f64;
        for (range, part) in of_noise.iter_mut().zip(self.noise.fitted()) {
            if part == 0 {
                // A variance at the typical dose, taken to a dose of one.
                for end in [&mut range.start, &mut range.wall] {
                    *end = (end.0 + typical, end.1 + typical);
                }
            }
        }
        ranges.extend(of_noise);
        Ok(ranges)
    }
}
