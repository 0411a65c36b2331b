//! What a fit maximises, in the form the optimiser wants it.

use super::evidence::{Data, GradientBuffers, log_marginal_likelihood};
use super::fit::LogNormal;
use super::kernel::Kernel;
use super::mean::Mean;
use super::noise::Noise;
use super::restart::LogRange;
use crate::error::Result;
use crate::linalg::Cholesky;
use argmin::core::{CostFunction, Gradient};
use std::cell::RefCell;

/// The objective (to be maximised) at one point.
#[derive(Clone)]
pub(super) struct Evaluation {
    pub value: f64,
    pub log_marginal_likelihood: f64,
    pub gradient: Vec<f64>,
}

/// What changes while the optimiser runs.
#[derive(Default)]
pub(super) struct Search {
    pub scale: f64,
    /// Scaled cost reported where the likelihood cannot be computed: bad, yet finite, so line searches back off.
    pub failed: f64,
    pub best: Option<(Vec<f64>, Evaluation)>,
    pub last: Option<(Vec<f64>, Evaluation)>,
    pub evaluations: usize,
    factor: Cholesky,
    buffers: GradientBuffers,
}

/// Log marginal likelihood plus log priors minus the walls, as a function of the log-parameters.
pub(super) struct Objective<'a> {
    kernel: &'a dyn Kernel,
    data: Data<'a>,
    ranges: &'a [LogRange],
    priors: &'a [Option<LogNormal>],
    pub search: RefCell<Search>,
}

impl<'a> Objective<'a> {
    pub fn new(
        kernel: &'a dyn Kernel,
        data: Data<'a>,
        ranges: &'a [LogRange],
        priors: &'a [Option<LogNormal>],
    ) -> Self {
        Self {
            kernel,
            data,
            ranges,
            priors,
            search: RefCell::default(),
        }
    }

    /// Kernel and noise with these log-parameters.
    pub fn model(&self, log_parameters: &[f64]) -> Result<(Box<dyn Kernel>, Noise)> {
        let mut kernel = self.kernel.clone_box();
        match (self.data.noise, log_parameters.split_last()) {
            (Noise::Homoscedastic(_), Some((noise, rest))) => {
                kernel.set_log_parameters(rest)?;
                Ok((kernel, Noise::Homoscedastic(noise.exp())))
            }
            (noise, _) => {
                kernel.set_log_parameters(log_parameters)?;
                Ok((kernel, noise.clone()))
            }
        }
    }

    /// `None` where the covariance has no factor or something overflows.
    pub fn evaluate(&self, log_parameters: &[f64]) -> Option<Evaluation> {
        let (kernel, noise) = self.model(log_parameters).ok()?;
        let mut search = self.search.borrow_mut();
        let Search {
            factor, buffers, ..
        } = &mut *search;
        let mut data = Data {
            noise: &noise,
            ..self.data
        };
        data.factor_into(kernel.as_ref(), factor).ok()?;
        if let Mean::Constant(_) = data.mean {
            data.mean = Mean::Constant(data.least_squares_mean(factor).ok()?);
        }
        let mut alpha = data.whiten(factor).ok()?;
        let likelihood = log_marginal_likelihood(factor, &alpha);
        factor.backward(&mut alpha).ok()?;
        let mut gradient = buffers.gradient(kernel.as_ref(), &data, factor, &alpha);
        let mut value = likelihood;
        let terms = self.ranges.iter().zip(self.priors);
        for ((&v, slot), (range, prior)) in log_parameters.iter().zip(&mut gradient).zip(terms) {
            let beyond = (v - range.wall.1).max(0.0) + (v - range.wall.0).min(0.0);
            // Gentle at its foot, where a sudden curvature would ruin the optimiser's memory, steep further out,
            // where the likelihood of degenerate data may pull with n/2 nats a log unit.
            value -= beyond.powi(2) + beyond.powi(4);
            *slot -= 2.0 * beyond + 4.0 * beyond.powi(3);
            if let Some(prior) = prior {
                let deviate = (v - prior.median.ln()) / prior.log_sd;
                value -= 0.5 * deviate * deviate;
                *slot -= deviate / prior.log_sd;
            }
        }
        search.evaluations += 1;
        let finite = value.is_finite() && gradient.iter().all(|g| g.is_finite());
        finite.then_some(Evaluation {
            value,
            log_marginal_likelihood: likelihood,
            gradient,
        })
    }

    /// The evaluation at this point, from the last call if it was the same: the optimiser asks for value and
    /// gradient separately.
    fn remembered(&self, log_parameters: &[f64]) -> Option<Evaluation> {
        if let Some((at, evaluation)) = &self.search.borrow().last
            && at == log_parameters
        {
            return Some(evaluation.clone());
        }
        let evaluation = self.evaluate(log_parameters)?;
        let mut search = self.search.borrow_mut();
        let here = (log_parameters.to_vec(), evaluation.clone());
        if search
            .best
            .as_ref()
            .is_none_or(|(_, best)| evaluation.value > best.value)
        {
            search.best = Some(here.clone());
        }
        search.last = Some(here);
        Some(evaluation)
    }
}

impl CostFunction for &Objective<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, log_parameters: &Vec<f64>) -> std::result::Result<f64, argmin::core::Error> {
        let evaluation = self.remembered(log_parameters);
        let search = self.search.borrow();
        Ok(evaluation.map_or(search.failed, |e| -search.scale * e.value))
    }
}

impl Gradient for &Objective<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(
        &self,
        log_parameters: &Vec<f64>,
    ) -> std::result::Result<Vec<f64>, argmin::core::Error> {
        let evaluation = self.remembered(log_parameters);
        let scale = self.search.borrow().scale;
        Ok(match evaluation {
            Some(e) => e.gradient.iter().map(|g| -scale * g).collect(),
            None => vec![0.0; log_parameters.len()],
        })
    }
}
