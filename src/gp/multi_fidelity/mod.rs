//! Looks of different dose at one field.

mod design;

pub use design::{Bias, DoseNoise};

use super::fit::{FitOptions, FitReport};
use super::kernel::{INFINITE_DOSE, Kernel, Parameter, boxed};
use super::mean::Mean;
use super::points::Points;
use super::store::Persist;
use super::surrogate::{Joint, Marginals, Slopes, Surrogate};
use super::tagged::{Parts, Tagged, with_tags};
use crate::error::{Error, Result};
use crate::units::Dose;
use design::{Exposure, TRUTH};
use ndarray::{Array2, ArrayView2};
use rand::Rng;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// A Gaussian process of a field that is looked at with different doses: cheap looks are noisy, and may be wrong.
///
/// Model: y = f(x) + b + ε, ε ~ N(0, s²/D + r²) for a look of dose D (e⁻/Å²) at x: shot noise of a **variance** s² at
/// a dose of one and a readout **variance** r² that no dose takes away ([`DoseNoise`]); b is a systematic error of low
/// dose, or damage, or nothing ([`Bias`]). The dose is the fidelity of multi-fidelity models (Kennedy & O'Hagan,
/// Biometrika 87 (2000) 1; a continuous fidelity as Kandasamy et al., ICML 2017, have it). As a [`Surrogate`] it
/// speaks of the true field f: what looks of infinite dose would show, without damage.
///
/// Looks at the very same coordinates are looks at one place, in the order given: a look at a place that has absorbed
/// A before sees the damage of A + D/2, the mean over the look for small D.
///
/// Hyper-parameters: those of the field's kernel; with a bias those are behind `term0.`, and the bias has
/// `term1.factor0.…` of its kernel and `term1.factor1.dose scale`, `….exponent` of its [`Decay`](super::Decay); then
/// `shot noise variance` (squared units of the outputs times e⁻/Å²) and `readout noise variance`. For priors and
/// bounds prefixes may be left out.
///
/// ```
/// use dosewise::gp::{Bias, DoseGp, DoseNoise, Kernel, Matern52};
/// use dosewise::units::Dose;
/// use ndarray::array;
/// let noise = DoseNoise::Known { shot: 10.0, readout: 0.0 };
/// let gp = DoseGp::new(Matern52::isotropic(0.3).scaled(1.0), Bias::None, noise);
/// let gp = gp.condition(&array![[0.0], [0.5]], &[Dose(10.0), Dose(1000.0)], &[0.4, -0.3])?;
/// // Far away nothing is known; another look of dose 10 there, with noise of variance one, would halve the variance.
/// let after = gp.variance_after(&array![[9.0]], Dose(10.0))?;
/// assert!((after[0] - 0.5).abs() < 1e-12);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DoseGp {
    tagged: Tagged<Exposure>,
}

impl DoseGp {
    /// The prior: the kernel of the true field, the systematic error and the noise of looks; mean zero.
    pub fn new(field: impl Kernel, bias: Bias, noise: DoseNoise) -> Self {
        Self {
            tagged: Tagged::new(Exposure {
                field: boxed(field),
                bias,
                noise,
                means: vec![Mean::Zero],
            }),
        }
    }

    /// Sets the prior mean of the field; a fit estimates one that is constant or linear. Forgets measurements.
    pub fn with_mean(self, mean: Mean) -> Self {
        let mut design = self.tagged.design;
        design.means = vec![mean];
        Self {
            tagged: Tagged::new(design),
        }
    }

    /// Conditions on n looks: `y[i]` from a look of `doses[i]` at row i of `x` (n × d), hyper-parameters as they are.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no look, shapes differ, a number is not finite, a dose is not positive, or a
    /// kernel does not suit the dimension; [`Error::NotPositiveDefinite`] if the covariance has no factor even with
    /// jitter.
    pub fn condition<'x>(
        mut self,
        x: impl Into<ArrayView2<'x, f64>>,
        doses: &[Dose],
        y: &[f64],
    ) -> Result<Self> {
        let rows = exposed(x.into(), doses, |_| 0.0)?;
        self.tagged.condition(rows.view(), y)?;
        Ok(self)
    }

    /// Conditions as [`DoseGp::condition`] and chooses the hyper-parameters that maximise the log marginal likelihood
    /// (plus log priors, if given), starting from the present ones and from `options.restarts` others.
    ///
    /// s² and r² can be told apart only by looks of different dose, a bias only by such looks near each other.
    ///
    /// # Errors
    /// As [`DoseGp::condition`], and [`Error::Argument`] for unusable options.
    pub fn fit<'x>(
        mut self,
        x: impl Into<ArrayView2<'x, f64>>,
        doses: &[Dose],
        y: &[f64],
        options: &FitOptions,
    ) -> Result<Self> {
        let rows = exposed(x.into(), doses, |_| 0.0)?;
        self.tagged.fit(rows.view(), y, options)?;
        Ok(self)
    }

    /// Chooses the hyper-parameters anew for the looks at hand.
    ///
    /// # Errors
    /// As [`DoseGp::fit`]; also [`Error::Argument`] if there is no look.
    pub fn refit(&mut self, options: &FitOptions) -> Result<()> {
        self.tagged.refit(options)
    }

    /// Adds one look, at n²/2 multiplications; equal to conditioning on all anew.
    ///
    /// # Errors
    /// As [`DoseGp::condition`]; the model is then unchanged.
    pub fn append(&mut self, x: &[f64], dose: Dose, y: f64) -> Result<()> {
        check_dose(dose)?;
        let absorbed = self.absorbed(x).0 + 0.5 * dose.0;
        let tags = [dose.0, absorbed];
        let row: Vec<f64> = x.iter().copied().chain(tags).collect();
        self.tagged.append(&row, y)
    }

    /// Adds looks at the rows of `x` (k × d), `y[i]` of dose `doses[i]`, in the order given; equal to appending one by
    /// one.
    ///
    /// # Errors
    /// As [`DoseGp::append`]; the model is then unchanged.
    pub fn append_many<'x>(
        &mut self,
        x: impl Into<ArrayView2<'x, f64>>,
        doses: &[Dose],
        y: &[f64],
    ) -> Result<()> {
        let rows = exposed(x.into(), doses, |place| self.absorbed(place).0)?;
        self.tagged.append_many(rows.view(), y)
    }

    /// `count` joint draws of the true field at the rows of `points` (m × d), one a row (`count` × m).
    ///
    /// # Errors
    /// As [`DoseGp::posterior`]; [`Error::NotPositiveDefinite`] if the posterior covariance has no factor even with
    /// jitter.
    pub fn samples<'p, R: Rng + ?Sized>(
        &self,
        points: impl Into<ArrayView2<'p, f64>>,
        count: usize,
        rng: &mut R,
    ) -> Result<Array2<f64>> {
        let rows = with_tags(points.into(), |_| TRUTH);
        self.tagged.samples(rows.view(), count, rng)
    }

    /// Mean and **variance** of the true field at the rows of `points` (m × d); of the prior before there is a look.
    ///
    /// # Errors
    /// [`Error::Argument`] if a coordinate is not finite, the dimension is another, or as [`DoseGp::condition`] for the
    /// model.
    pub fn posterior<'p>(&self, points: impl Into<ArrayView2<'p, f64>>) -> Result<Marginals> {
        let rows = with_tags(points.into(), |_| TRUTH);
        self.tagged.marginals(rows.view())
    }

    /// Mean and **variance** of what another look of this dose would measure at the rows of `points`: field, bias and
    /// noise.
    ///
    /// # Errors
    /// As [`DoseGp::posterior`]; [`Error::Argument`] if the dose is not positive.
    pub fn measurement<'p>(
        &self,
        points: impl Into<ArrayView2<'p, f64>>,
        dose: Dose,
    ) -> Result<Marginals> {
        let mut marginals = self
            .tagged
            .marginals(self.looks(points.into(), dose)?.view())?;
        let noise = self.noise().variance(dose.0);
        marginals.variance.iter_mut().for_each(|v| *v += noise);
        Ok(marginals)
    }

    /// What the **variance** of the true field at each row of `points` would become after another look of this dose at
    /// that place: v − c²/(w + s²/D + r²), v being the variance of f, w that of f + b and c their covariance. It does
    /// not depend on what the look will show, so ½ log(v/after)/D is the information about f there, in nats per dose.
    ///
    /// # Errors
    /// As [`DoseGp::measurement`].
    pub fn variance_after<'p>(
        &self,
        points: impl Into<ArrayView2<'p, f64>>,
        dose: Dose,
    ) -> Result<Vec<f64>> {
        let points = points.into();
        let (truth, looks) = (with_tags(points, |_| TRUTH), self.looks(points, dose)?);
        let before = self.tagged.marginals(truth.view())?.variance;
        let seen = self.tagged.marginals(looks.view())?.variance;
        let shared = self.tagged.paired_covariances(truth.view(), looks.view())?;
        let noise = self.noise().variance(dose.0);
        let all = before.into_iter().zip(seen).zip(shared);
        Ok(all
            .map(|((before, seen), shared)| match seen + noise {
                // What is known exactly, and would be seen exactly, stays as it is.
                0.0 => before,
                spread => (before - shared * shared / spread).max(0.0),
            })
            .collect())
    }

    /// The dose that a place, given by its very coordinates, has absorbed in all looks so far.
    pub fn absorbed(&self, x: &[f64]) -> Dose {
        let Some(gp) = self.tagged.residual_process() else {
            return Dose(0.0);
        };
        let points = gp.points().view();
        let here = |i: &usize| (0..x.len()).all(|k| points.coordinate(k).get(*i) == Some(&x[k]));
        let doses = points.coordinate(self.tagged.dimension());
        Dose((0..points.len()).filter(here).map(|i| doses[i]).sum())
    }

    /// Where the looks were.
    pub fn points(&self) -> Points {
        self.tagged.places()
    }

    /// The dose of every look.
    pub fn doses(&self) -> Vec<Dose> {
        let process = self.tagged.residual_process();
        let doses = process.map_or(&[][..], |gp| {
            gp.points().view().coordinate(self.tagged.dimension())
        });
        doses.iter().copied().map(Dose).collect()
    }

    /// What the looks showed.
    pub fn targets(&self) -> &[f64] {
        self.tagged.y()
    }

    /// Number of looks.
    pub fn len(&self) -> usize {
        self.tagged.y().len()
    }

    /// Whether there was no look.
    pub fn is_empty(&self) -> bool {
        self.tagged.y().is_empty()
    }

    /// The kernel of the true field, with its present hyper-parameters.
    pub fn field(&self) -> &dyn Kernel {
        self.tagged.design.field.as_ref()
    }

    /// The systematic error, with its present hyper-parameters.
    pub fn bias(&self) -> &Bias {
        &self.tagged.design.bias
    }

    /// The noise, with its present **variances**.
    pub fn noise(&self) -> DoseNoise {
        self.tagged.design.noise
    }

    /// The prior mean of the field.
    pub fn mean(&self) -> &Mean {
        &self.tagged.design.means[0]
    }

    /// Log density of the looks, in nats (mean as it is); zero before there is one.
    pub fn log_marginal_likelihood(&self) -> f64 {
        self.tagged.log_marginal_likelihood()
    }

    /// Its gradient by the natural logarithms of [`DoseGp::parameters`], the mean held fixed.
    ///
    /// # Errors
    /// [`Error::Argument`] if there was no look yet.
    pub fn log_marginal_likelihood_gradient(&self) -> Result<Vec<f64>> {
        self.tagged.log_marginal_likelihood_gradient()
    }

    /// The fitted hyper-parameters: the kernels', then those of the noise.
    pub fn parameters(&self) -> Vec<Parameter> {
        self.tagged.parameters()
    }

    /// How the last fit ended; `None` if the hyper-parameters are as given.
    pub fn fit_report(&self) -> Option<&FitReport> {
        self.tagged.residual_process()?.fit_report()
    }

    /// The rows of another look of this dose at each of the points.
    fn looks(&self, points: ArrayView2<'_, f64>, dose: Dose) -> Result<Array2<f64>> {
        check_dose(dose)?;
        let absorbed: Vec<f64> = match self.bias() {
            Bias::WithDose { .. } => points
                .rows()
                .into_iter()
                .map(|row| self.absorbed(&row.to_vec()).0 + 0.5 * dose.0)
                .collect(),
            // Nothing depends on it.
            Bias::None | Bias::AtLowDose { .. } => vec![0.0; points.nrows()],
        };
        Ok(with_tags(points, |i| [dose.0, absorbed[i]]))
    }
}

impl Surrogate for DoseGp {
    fn dimension(&self) -> usize {
        self.tagged.dimension()
    }

    fn marginals(&self, points: ArrayView2<'_, f64>) -> Result<Marginals> {
        self.posterior(points)
    }

    fn joint(&self, points: ArrayView2<'_, f64>) -> Result<Joint> {
        self.tagged.joint(with_tags(points, |_| TRUTH).view())
    }

    fn slopes(&self, point: &[f64]) -> Result<Slopes> {
        let row: Vec<f64> = point.iter().copied().chain(TRUTH).collect();
        self.tagged.slopes(&row)
    }
}

impl Persist for DoseGp {
    type Parts = Parts<Exposure>;
}

impl TryFrom<Parts<Exposure>> for DoseGp {
    type Error = Error;

    fn try_from(parts: Parts<Exposure>) -> Result<Self> {
        Ok(Self {
            tagged: parts.try_into()?,
        })
    }
}

/// The rows of `x` with the dose of each look and the dose that its place has absorbed by its middle, `before` being
/// what a place absorbed in earlier looks.
fn exposed(
    x: ArrayView2<'_, f64>,
    doses: &[Dose],
    before: impl Fn(&[f64]) -> f64,
) -> Result<Array2<f64>> {
    if x.nrows() != doses.len() {
        return Err(Error::argument(
            "doses",
            format!("{} for {} rows of x", doses.len(), x.nrows()),
            "one for each row",
        ));
    }
    doses.iter().try_for_each(|&dose| check_dose(dose))?;
    let mut so_far: HashMap<Vec<u64>, f64> = HashMap::new();
    let absorbed: Vec<f64> = x
        .rows()
        .into_iter()
        .zip(doses)
        .map(|(row, dose)| {
            // Zero of either sign is one place.
            let place = row.iter().map(|c| (c + 0.0).to_bits()).collect();
            let absorbed = so_far.entry(place).or_insert_with(|| before(&row.to_vec()));
            let middle = *absorbed + 0.5 * dose.0;
            *absorbed += dose.0;
            middle
        })
        .collect();
    Ok(with_tags(x, |i| [doses[i].0, absorbed[i]]))
}

fn check_dose(dose: Dose) -> Result<()> {
    if dose.0 > 0.0 && dose.0 < 1e-50 * INFINITE_DOSE {
        return Ok(());
    }
    Err(Error::argument(
        "dose",
        dose,
        "a positive number of e⁻/Å², below 1e100",
    ))
}
