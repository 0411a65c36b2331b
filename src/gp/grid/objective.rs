//! The log marginal likelihood on a grid as a fit climbs it.

use super::evidence::evidence;
use super::gradient::gradient;
use super::kernel::GridKernel;
use super::lattice::Grid;
use super::model::GridGp;
use super::observations::{Listed, Observations};
use super::reduced_rank::Budget;
use super::route::{Choice, Exact};
use super::system::{Covariance, System};
use crate::error::{Error, Result};
use crate::gp::evidence::{Data, ExactEvidence};
use crate::gp::kernel::{Kernel, dot};
use crate::gp::least_squares::normal_equations;
use crate::gp::objective::{Evaluate, Evidence};
use crate::gp::points::Points;
use crate::gp::{Mean, Noise};

/// Step of central differences in log-parameters: their error h² f‴/6 is then about 10⁻⁷ of the likelihood's own
/// curvature, and rounding 10⁻⁷ of its value.
const STEP: f64 = 1e-4;

/// The slopes of `value` by each coordinate.
pub(super) fn central_differences(
    at: &[f64],
    value: impl Fn(&[f64]) -> Result<f64>,
) -> Result<Vec<f64>> {
    let slope = |p: usize| {
        let moved = |shift: f64| {
            let mut moved = at.to_vec();
            moved[p] += shift;
            value(&moved)
        };
        Ok((moved(STEP)? - moved(-STEP)?) / (2.0 * STEP))
    };
    (0..at.len()).map(slope).collect()
}

/// The evidence of a process on a grid as a function of the kernel's log-parameters, then the log noise variance if it
/// is shared; a constant or linear mean is profiled.
pub(super) struct GridEvidence<'a> {
    gp: &'a GridGp,
    grid: &'a Grid,
    /// What was measured, minus the prior mean unless the fit estimates that.
    observations: &'a Observations,
    /// Where the pixels lie, and the columns of the mean that the fit estimates; empty for other means.
    places: Points,
    regressors: Vec<Vec<f64>>,
    /// The observed pixels as measurements of a dense process, if they are few enough for one.
    few: Option<Few>,
}

/// A dense process of the observed pixels.
struct Few {
    kernel: Box<dyn Kernel>,
    listed: Listed,
    noise: Noise,
    mean: Mean,
}

/// A model at one set of parameters.
struct Point {
    kernel: GridKernel,
    noise: Noise,
    covariance: Covariance,
    observations: Observations,
}

impl<'a> GridEvidence<'a> {
    pub fn new(gp: &'a GridGp, grid: &'a Grid, observations: &'a Observations) -> Result<Self> {
        let places = Points::from_rows("grid", grid.coordinates().view())?;
        let profiled = gp.mean.is_profiled();
        let few = (observations.count <= gp.options.largest_factor)
            .then(|| Few::new(gp, grid, observations))
            .transpose()?;
        Ok(Self {
            gp,
            grid,
            observations,
            regressors: if profiled {
                gp.mean.regressors(places.view())
            } else {
                Vec::new()
            },
            places,
            few,
        })
    }

    /// Kernel and noise with these log-parameters.
    pub fn model(&self, log_parameters: &[f64]) -> Result<(GridKernel, Noise)> {
        let mut kernel = self.gp.kernel.clone();
        match (&self.gp.noise, log_parameters.split_last()) {
            (Noise::Homoscedastic(_), Some((variance, rest))) => {
                kernel.set_log_parameters(rest)?;
                Ok((kernel, Noise::Homoscedastic(variance.exp())))
            }
            (noise, _) => {
                kernel.set_log_parameters(log_parameters)?;
                Ok((kernel, noise.clone()))
            }
        }
    }

    /// The prior mean that belongs to these log-parameters.
    pub fn mean(&self, log_parameters: &[f64]) -> Result<Mean> {
        if self.regressors.is_empty() {
            return Ok(self.gp.mean.clone());
        }
        let point = self.point(log_parameters)?;
        let budget = Budget::exact(self.gp.options.largest_factor);
        let choice = Choice::new(&point.covariance, &point.observations, budget);
        let exact = Exact::new(choice, &point.covariance, &point.observations, budget)?;
        let (_, coefficients) = match exact {
            Some(exact) => self.centred(&point.observations, |h| {
                Ok(exact.solve(&point.observations, h)?.0)
            })?,
            None => self.centred(&point.observations, |h| Ok(self.iterated(&point, h)))?,
        };
        Ok(self
            .gp
            .mean
            .with_coefficients(self.places.view(), &coefficients))
    }

    fn point(&self, log_parameters: &[f64]) -> Result<Point> {
        let (kernel, noise) = self.model(log_parameters)?;
        let covariance = Covariance::new(self.grid, &kernel)?;
        let observations = match noise {
            Noise::Homoscedastic(_) => self.observations.with_noise(&noise),
            Noise::Known(_) => self.observations.clone(),
        };
        Ok(Point {
            kernel,
            noise,
            covariance,
            observations,
        })
    }

    /// The likelihood with its gradient: analytic on the exact routes, else by central differences.
    fn likelihood(&self, log_parameters: &[f64]) -> Result<Option<(f64, Vec<f64>)>> {
        let point = self.point(log_parameters)?;
        let largest = self.gp.options.largest_factor;
        let (choice, budget) = Choice::of_fit(&point.covariance, &point.observations, largest);
        if let (Choice::Observations, Some(few)) = (choice, &self.few) {
            return Ok(few.evidence().evaluator().evaluate(log_parameters));
        }
        if let Some(found) = self.analytic(&point, choice, budget)? {
            return Ok(Some(found));
        }
        let value = self.plain(&point, choice)?;
        let gradient = central_differences(log_parameters, |moved| {
            self.plain(&self.point(moved)?, choice)
        })?;
        Ok(Some((value, gradient)))
    }

    fn analytic(
        &self,
        point: &Point,
        choice: Choice,
        budget: Budget,
    ) -> Result<Option<(f64, Vec<f64>)>> {
        let Covariance::Product(basis) = &point.covariance else {
            return Ok(None);
        };
        let Some(exact) = Exact::new(choice, &point.covariance, &point.observations, budget)?
        else {
            return Ok(None);
        };
        let (observations, _) = self.centred(&point.observations, |h| {
            Ok(exact.solve(&point.observations, h)?.0)
        })?;
        let shared = match point.noise {
            Noise::Homoscedastic(variance) => Some(variance),
            Noise::Known(_) => None,
        };
        let Some(traces) = exact.traces(&observations, shared.map(f64::recip))? else {
            return Ok(None);
        };
        let (field, quadratic) = exact.solve(&observations, &observations.residual)?;
        let constant = observations.count as f64 * std::f64::consts::TAU.ln();
        let value = -0.5 * (quadratic + exact.log_determinant(&observations) + constant);
        let weights = &observations.weights;
        let alpha: Vec<f64> = (0..weights.len())
            .map(|p| weights[p] * (observations.residual[p] - field[p]))
            .collect();
        let gradient = gradient(
            self.grid,
            &point.kernel,
            shared,
            (basis, &traces),
            weights,
            &[(1.0, &alpha)],
        )?;
        Ok(Some((value, gradient)))
    }

    /// The likelihood alone.
    fn plain(&self, point: &Point, choice: Choice) -> Result<f64> {
        let (observations, _) =
            self.centred(&point.observations, |h| Ok(self.iterated(point, h)))?;
        let system = self.system(point, &observations);
        Ok(evidence(system, &self.gp.options, choice)?.log_marginal_likelihood)
    }

    fn system<'s>(&self, point: &'s Point, observations: &'s Observations) -> System<'s> {
        System {
            covariance: &point.covariance,
            observations,
            limits: self.gp.options.limits(),
        }
    }

    /// K R h by conjugate gradients.
    fn iterated(&self, point: &Point, h: &[f64]) -> Vec<f64> {
        self.system(point, &point.observations).solve(h).field
    }

    /// The observations minus the mean of generalised least squares if the fit estimates one (others are off already),
    /// and its coefficients: HᵀRH β = HᵀR y with R = (K + D)⁻¹ over the observed pixels, R h = W (h − K R h), and
    /// `solve` giving K R h.
    fn centred(
        &self,
        raw: &Observations,
        solve: impl Fn(&[f64]) -> Result<Vec<f64>>,
    ) -> Result<(Observations, Vec<f64>)> {
        if self.regressors.is_empty() {
            return Ok((raw.clone(), Vec::new()));
        }
        let mut whitened = Vec::with_capacity(self.regressors.len());
        for h in &self.regressors {
            let field = solve(h)?;
            let pixels = field.iter().zip(h).zip(&raw.weights);
            whitened.push(pixels.map(|((f, h), w)| w * (h - f)).collect::<Vec<f64>>());
        }
        let rows = whitened.iter();
        let gram: Vec<Vec<f64>> = rows
            .map(|row| self.regressors.iter().map(|h| dot(row, h)).collect())
            .collect();
        let right: Vec<f64> = whitened.iter().map(|row| dot(row, &raw.residual)).collect();
        let coefficients = normal_equations(&gram, &right);
        if let Some(bad) = coefficients.iter().find(|c| !c.is_finite()) {
            return Err(Error::argument("mean", bad, "finite least-squares means"));
        }
        let both = || coefficients.iter().zip(&self.regressors);
        let expected = (0..raw.residual.len()).map(|p| both().map(|(c, h)| c * h[p]).sum());
        Ok((raw.minus_each(expected), coefficients))
    }
}

impl Few {
    fn new(gp: &GridGp, grid: &Grid, observations: &Observations) -> Result<Self> {
        let listed = observations.listed(grid)?;
        let weights = listed.pixels.iter().map(|&p| observations.weights[p]);
        Ok(Self {
            kernel: gp.kernel.dense(),
            noise: match gp.noise {
                Noise::Homoscedastic(variance) => Noise::Homoscedastic(variance),
                Noise::Known(_) => Noise::Known(weights.map(f64::recip).collect()),
            },
            mean: if gp.mean.is_profiled() {
                gp.mean.clone()
            } else {
                Mean::Zero
            },
            listed,
        })
    }

    fn evidence(&self) -> ExactEvidence<'_> {
        let data = Data {
            points: self.listed.points.view(),
            targets: &self.listed.values,
            noise: &self.noise,
            mean: &self.mean,
        };
        ExactEvidence::new(self.kernel.as_ref(), data)
    }
}

impl Evidence for GridEvidence<'_> {
    fn evaluator(&self) -> Box<dyn Evaluate + '_> {
        Box::new(self)
    }
}

/// Nothing needs to be remembered from step to step.
impl Evaluate for &GridEvidence<'_> {
    fn evaluate(&mut self, coordinates: &[f64]) -> Option<(f64, Vec<f64>)> {
        self.likelihood(coordinates).ok().flatten()
    }
}
