//! How much of a systematic error a look has, by its dose.

use super::{Kernel, Parameter, Role, check_log_parameters, check_parameter, dot};
use crate::error::{Error, Result};
use crate::gp::points::PointsView;
use serde::{Deserialize, Serialize};

/// The largest coordinate a point may have stands for an infinite dose.
pub(in crate::gp) const INFINITE_DOSE: f64 = 1e150;

/// A function that falls from one at no dose to zero at an infinite one.
///
/// ```
/// use dosewise::gp::Decay;
/// assert_eq!(Decay::Power { dose: 10.0, exponent: 2.0 }.at(10.0), 0.25);
/// assert!((Decay::Exponential { dose: 10.0 }.at(20.0) - (-2.0_f64).exp()).abs() < 1e-16);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Decay {
    /// (1 + D/D₀)^−p: like a power of the dose far beyond D₀.
    Power {
        /// D₀ > 0, e⁻/Å².
        dose: f64,
        /// p > 0.
        exponent: f64,
    },
    /// exp(−D/D₀).
    Exponential {
        /// D₀ > 0, e⁻/Å².
        dose: f64,
    },
}

impl Decay {
    /// Its value at a dose D ≥ 0, e⁻/Å².
    pub fn at(&self, dose: f64) -> f64 {
        self.log(dose).exp()
    }

    /// The logarithm of its value; exactly −∞ at an infinite dose.
    fn log(&self, at: f64) -> f64 {
        match *self {
            _ if at >= INFINITE_DOSE => f64::NEG_INFINITY,
            Self::Power { dose, exponent } => -exponent * (at / dose).ln_1p(),
            Self::Exponential { dose } => -at / dose,
        }
    }

    /// Adds weight ∂ log(value)/∂ log θ times the value.
    fn accumulate(&self, at: f64, weight: f64, gradient: &mut [f64]) {
        let value = self.at(at);
        if value == 0.0 {
            return;
        }
        let slopes = match *self {
            Self::Power { dose, exponent } => [exponent * at / (dose + at), self.log(at)],
            Self::Exponential { dose } => [at / dose, 0.0],
        };
        for (slot, slope) in gradient.iter_mut().zip(slopes) {
            *slot += weight * value * slope;
        }
    }

    /// The derivative of its value by the dose.
    fn slope(&self, at: f64) -> f64 {
        let rate = match *self {
            Self::Power { dose, exponent } => exponent / (dose + at),
            Self::Exponential { dose } => 1.0 / dose,
        };
        -rate * self.at(at)
    }
}

/// k(D, D′) = g(D) g(D′) over one column of doses in e⁻/Å²: times a kernel on the places it is a systematic error of
/// one pattern whose size goes by the dose.
///
/// With [`DoseWeight::fading`] g is a [`Decay`], one without dose and zero at a dose of infinity, which 10¹⁵⁰ stands
/// for; with [`DoseWeight::growing`] it is one minus that. Hyper-parameters: `dose scale` = D₀, e⁻/Å², then `exponent`
/// = p where there is one. Like [`Linear`](crate::gp::Linear) it has rank one.
///
/// ```
/// use dosewise::gp::{Decay, DoseWeight, Kernel};
/// let weight = DoseWeight::growing(Decay::Exponential { dose: 100.0 });
/// assert_eq!(weight.variance(&[0.0]), 0.0);
/// assert!((weight.variance(&[1e4]) - 1.0).abs() < 1e-12);
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DoseWeight {
    decay: Decay,
    growing: bool,
}

impl DoseWeight {
    /// g(D) = decay(D): large for a low dose, gone at an infinite one.
    pub fn fading(decay: Decay) -> Self {
        Self {
            decay,
            growing: false,
        }
    }

    /// g(D) = 1 − decay(D): nothing for no dose, one at an infinite one.
    pub fn growing(decay: Decay) -> Self {
        Self {
            decay,
            growing: true,
        }
    }

    /// The function behind g.
    pub fn decay(&self) -> Decay {
        self.decay
    }

    /// g(D) at a dose D ≥ 0, e⁻/Å².
    pub fn at(&self, dose: f64) -> f64 {
        match self.growing {
            true => -self.decay.log(dose).exp_m1(),
            false => self.decay.at(dose),
        }
    }

    fn sign(&self) -> f64 {
        if self.growing { -1.0 } else { 1.0 }
    }
}

fn own(point: &[f64]) -> f64 {
    point.first().copied().unwrap_or(0.0)
}

impl Kernel for DoseWeight {
    fn check(&self, dimension: usize) -> Result<()> {
        if dimension != 1 {
            return Err(Error::argument(
                "kernel",
                format!("a kernel of the dose on {dimension} columns"),
                "one column, e.g. with on_columns",
            ));
        }
        let mut parameters = self.parameters().into_iter();
        parameters.try_for_each(|p| check_parameter(&p.name, p.value))
    }

    fn check_points(&self, points: PointsView<'_>) -> Result<()> {
        self.check(points.dimension())?;
        match points.coordinate(0).iter().find(|dose| **dose < 0.0) {
            None => Ok(()),
            Some(dose) => Err(Error::argument("dose", dose, "zero or more e⁻/Å²")),
        }
    }

    fn covariances(&self, point: &[f64], others: PointsView<'_>, out: &mut [f64]) {
        let here = self.at(own(point));
        for (value, dose) in out.iter_mut().zip(others.coordinate(0)) {
            *value = here * self.at(*dose);
        }
    }

    fn variance(&self, point: &[f64]) -> f64 {
        self.at(own(point)).powi(2)
    }

    fn parameters(&self) -> Vec<Parameter> {
        let (dose, exponent) = match self.decay {
            Decay::Power { dose, exponent } => (dose, Some(exponent)),
            Decay::Exponential { dose } => (dose, None),
        };
        let mut parameters = vec![Parameter {
            name: "dose scale".into(),
            role: Role::Lengthscale(Some(0)),
            value: dose,
        }];
        parameters.extend(exponent.map(|value| Parameter {
            name: "exponent".into(),
            role: Role::Shape,
            value,
        }));
        parameters
    }

    fn parameter_count(&self) -> usize {
        match self.decay {
            Decay::Power { .. } => 2,
            Decay::Exponential { .. } => 1,
        }
    }

    fn set_log_parameters(&mut self, values: &[f64]) -> Result<()> {
        check_log_parameters(values, self.parameter_count())?;
        match &mut self.decay {
            Decay::Power { dose, exponent } => {
                *dose = values[0].exp();
                *exponent = values[1].exp();
            }
            Decay::Exponential { dose } => *dose = values[0].exp(),
        }
        Ok(())
    }

    fn accumulate_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) -> f64 {
        let here = self.at(own(point));
        let there: Vec<f64> = others.coordinate(0).iter().map(|d| self.at(*d)).collect();
        let length = there.len().min(weights.len());
        let sum = dot(&weights[..length], &there[..length]);
        self.decay
            .accumulate(own(point), self.sign() * sum, gradient);
        for (weight, dose) in weights.iter().zip(others.coordinate(0)) {
            self.decay
                .accumulate(*dose, self.sign() * weight * here, gradient);
        }
        here * sum
    }

    fn accumulate_input_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) {
        let there = others.coordinate(0).iter().map(|d| self.at(*d));
        let sum: f64 = weights.iter().zip(there).map(|(w, g)| w * g).sum();
        if let Some(slot) = gradient.first_mut() {
            *slot += self.sign() * self.decay.slope(own(point)) * sum;
        }
    }

    fn accumulate_variance_gradient(&self, point: &[f64], weight: f64, gradient: &mut [f64]) {
        let dose = own(point);
        if let Some(slot) = gradient.first_mut() {
            *slot += 2.0 * weight * self.at(dose) * self.sign() * self.decay.slope(dose);
        }
    }

    fn clone_box(&self) -> Box<dyn Kernel> {
        Box::new(self.clone())
    }
}
