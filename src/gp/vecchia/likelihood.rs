//! Vecchia's likelihood: the product of the densities of all responses, each given its neighbours.

use super::blocks::in_blocks;
use super::conditioning::{Block, Observations, Term};
use super::neighbours::Neighbours;
use crate::error::Result;
use crate::gp::evidence::{Data, ExactEvidence};
use crate::gp::kernel::{Kernel, dot};
use crate::gp::least_squares::least_squares;
use crate::gp::mean::Mean;
use crate::gp::noise::Noise;
use crate::gp::objective::{Evaluate, Evidence};

/// The responses at some positions of an order, as terms of a likelihood.
#[derive(Clone, Copy)]
pub(super) struct Terms<'a> {
    pub neighbours: &'a Neighbours,
    /// The positions that count; all of them without a list.
    pub positions: Option<&'a [usize]>,
}

impl Terms<'_> {
    fn count(&self) -> usize {
        self.positions.map_or(self.neighbours.len(), <[usize]>::len)
    }

    /// The measurements of term `number`, the one whose density it is last.
    fn indices(&self, number: usize) -> impl Iterator<Item = usize> {
        let position = self.positions.map_or(number, |positions| positions[number]);
        let own = &self.neighbours.order()[position];
        let all = self.neighbours.set(position).iter().chain([own]);
        all.map(|&index| index as usize)
    }

    /// The density of each response given its neighbours.
    pub fn densities(&self, all: &Observations<'_>) -> Result<Vec<Term>> {
        let terms = in_blocks(self.count(), |numbers| {
            let mut block = Block::default();
            let density = |number| {
                block.load(all, self.indices(number));
                block.factor(all.kernel)?;
                Ok(block.last())
            };
            numbers.map(density).collect::<Result<Vec<Term>>>()
        })?;
        Ok(terms.concat())
    }

    /// The log likelihood in nats, and its gradient by the kernel's log-parameters, then by the log noise variance if
    /// it is shared, the mean held fixed.
    pub fn value_and_gradient(&self, all: &Observations<'_>) -> Result<(f64, Vec<f64>)> {
        let count = all.kernel.parameter_count();
        let sums = in_blocks(self.count(), |numbers| {
            let mut block = Block::default();
            let (mut value, mut trace, mut gradient) = (0.0, 0.0, vec![0.0; count]);
            for number in numbers {
                block.load(all, self.indices(number));
                block.factor(all.kernel)?;
                value += block.last().log_density();
                trace += block.accumulate_gradient(all.kernel, &mut gradient)?;
            }
            if let Noise::Homoscedastic(variance) = all.noise {
                gradient.push(trace * variance);
            }
            Ok((value, gradient))
        })?;
        let shared = usize::from(matches!(all.noise, Noise::Homoscedastic(_)));
        let mut total = (0.0, vec![0.0; count + shared]);
        for (value, gradient) in sums {
            total.0 += value;
            total
                .1
                .iter_mut()
                .zip(gradient)
                .for_each(|(sum, g)| *sum += g);
        }
        Ok(total)
    }

    /// The mean with its generalised least-squares coefficients under this likelihood, where it is one that a fit
    /// estimates.
    pub fn profiled_mean(&self, kernel: &dyn Kernel, data: &Data<'_>) -> Result<Mean> {
        if !data.mean.is_profiled() {
            return Ok(data.mean.clone());
        }
        let all = Observations {
            kernel,
            points: data.points,
            noise: data.noise,
            residuals: data.targets,
        };
        let regressors = data.mean.regressors(data.points);
        let sides = || regressors.iter().map(Vec::as_slice).chain([data.targets]);
        // The direction of each response is its row of the inverse factor of Vecchia's covariance.
        let rows = in_blocks(self.count(), |numbers| {
            let (mut block, mut values) = (Block::default(), Vec::new());
            let mut rows = Vec::new();
            for number in numbers {
                block.load(&all, self.indices(number));
                block.factor(kernel)?;
                let direction = block.direction()?;
                for side in sides() {
                    values.clear();
                    values.extend(self.indices(number).map(|index| side[index]));
                    rows.push(dot(direction, &values));
                }
            }
            Ok(rows)
        })?
        .concat();
        let width = regressors.len() + 1;
        let whitened = |side: usize| rows.iter().skip(side).step_by(width).copied().collect();
        let columns: Vec<Vec<f64>> = (0..regressors.len()).map(whitened).collect();
        let coefficients = least_squares(&columns, &whitened(regressors.len()));
        let estimate = data.mean.with_coefficients(data.points, &coefficients);
        estimate.check(data.points.dimension())?;
        Ok(estimate)
    }
}

/// Vecchia's likelihood as a function of the kernel's log-parameters, then the log noise variance if it is shared; a
/// constant or linear mean is profiled. Order and neighbours stay as they are.
pub(super) struct VecchiaEvidence<'a> {
    pub kernel: &'a dyn Kernel,
    pub data: Data<'a>,
    pub terms: Terms<'a>,
}

impl VecchiaEvidence<'_> {
    /// Kernel and noise with these log-parameters.
    pub fn model(&self, log_parameters: &[f64]) -> Result<(Box<dyn Kernel>, Noise)> {
        ExactEvidence::new(self.kernel, self.data).model(log_parameters)
    }

    fn at(&self, log_parameters: &[f64]) -> Result<(f64, Vec<f64>)> {
        let (kernel, noise) = self.model(log_parameters)?;
        let kernel = kernel.as_ref();
        let data = Data {
            noise: &noise,
            ..self.data
        };
        let mean = self.terms.profiled_mean(kernel, &data)?;
        let residuals = data.residuals(&mean)?;
        self.terms.value_and_gradient(&Observations {
            kernel,
            points: data.points,
            noise: &noise,
            residuals: &residuals,
        })
    }
}

impl Evidence for VecchiaEvidence<'_> {
    fn evaluator(&self) -> Box<dyn Evaluate + '_> {
        Box::new(Evaluator(self))
    }
}

/// Remembers nothing from step to step.
struct Evaluator<'a>(&'a VecchiaEvidence<'a>);

impl Evaluate for Evaluator<'_> {
    fn evaluate(&mut self, log_parameters: &[f64]) -> Option<(f64, Vec<f64>)> {
        self.0.at(log_parameters).ok()
    }
}
