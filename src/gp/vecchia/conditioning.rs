//! A handful of measurements with the dense factor of their covariance.

use crate::error::{Error, Result};
use crate::gp::kernel::{Kernel, dot};
use crate::gp::noise::Noise;
use crate::gp::points::{Points, PointsView};
use crate::linalg::Cholesky;

/// All measurements as blocks draw from them.
#[derive(Clone, Copy)]
pub(super) struct Observations<'a> {
    pub kernel: &'a dyn Kernel,
    pub points: PointsView<'a>,
    pub noise: &'a Noise,
    /// y − mean.
    pub residuals: &'a [f64],
}

/// The density of one response given a few others: N(y; mean, deviation²).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Term {
    /// (y − mean)/deviation.
    pub standardised: f64,
    /// The conditional standard deviation.
    pub deviation: f64,
    /// What was added to the variances of the response and the others to factor their covariance.
    pub jitter: f64,
}

impl Term {
    /// The logarithm of the density, nats.
    pub fn log_density(self) -> f64 {
        let misfit = self.standardised * self.standardised;
        -0.5 * (misfit + std::f64::consts::TAU.ln()) - self.deviation.ln()
    }
}

/// Some measurements, the factor L of the covariance of their responses, and buffers that serve one block after the
/// other.
#[derive(Default)]
pub(super) struct Block {
    indices: Vec<usize>,
    points: Points,
    noise: Vec<f64>,
    residuals: Vec<f64>,
    factor: Cholesky,
    /// L⁻¹ residuals.
    whitened: Vec<f64>,
    /// (−w, 1)/deviation with the weights w of the others in the mean of the last.
    direction: Vec<f64>,
    work: Vec<f64>,
}

impl Block {
    /// Takes these measurements, in this order.
    pub fn load(&mut self, all: &Observations<'_>, indices: impl IntoIterator<Item = usize>) {
        self.indices.clear();
        self.indices.extend(indices);
        self.points = Points::select(all.points, &self.indices);
        self.noise.clear();
        let noise = self.indices.iter().map(|&i| all.noise.variance(i));
        self.noise.extend(noise.map(|v| v.unwrap_or(f64::NAN)));
        self.residuals.clear();
        self.residuals
            .extend(self.indices.iter().map(|&i| all.residuals[i]));
    }

    /// Adds one more response at `point`, or, with no noise, a value of the latent function.
    pub fn push(&mut self, point: &[f64], noise: f64, residual: f64) -> Result<()> {
        self.points.push(point)?;
        self.noise.push(noise);
        self.residuals.push(residual);
        Ok(())
    }

    /// Which measurements were loaded.
    pub fn indices(&self) -> &[usize] {
        &self.indices
    }

    /// The places of the block.
    pub fn points(&self) -> PointsView<'_> {
        self.points.view()
    }

    /// Factors the covariance and whitens the residuals.
    pub fn factor(&mut self, kernel: &dyn Kernel) -> Result<()> {
        let (points, noise) = (self.points.view(), &self.noise);
        let mut point = Vec::with_capacity(points.dimension());
        self.factor.refactor(points.len(), &mut |j, column| {
            points.copy_point(j, &mut point);
            kernel.covariances(&point, points.range(j, points.len()), column);
            column[0] += noise[j];
        })?;
        self.whitened.clone_from(&self.residuals);
        self.factor.forward(&mut self.whitened)?;
        if self.whitened.iter().all(|w| w.is_finite()) {
            return Ok(());
        }
        Err(Error::argument(
            "y",
            "values whose misfit to the model overflows",
            "values of a size the kernel and the noise can explain",
        ))
    }

    /// The density of the last response given the others.
    pub fn last(&self) -> Term {
        let last = self.residuals.len() - 1;
        Term {
            standardised: self.whitened[last],
            deviation: self.factor.entry(last, last).unwrap_or(f64::NAN),
            jitter: self.factor.jitter(),
        }
    }

    /// L⁻ᵀ e, with e the last unit vector: what turns responses into the last one's standardised misfit.
    pub fn direction(&mut self) -> Result<&[f64]> {
        self.direction.clear();
        self.direction.resize(self.residuals.len(), 0.0);
        if let Some(last) = self.direction.last_mut() {
            *last = 1.0;
        }
        self.factor.backward(&mut self.direction)?;
        Ok(&self.direction)
    }

    /// Adds the gradient of the last response's log density by the kernel's log-parameters, and returns its derivative
    /// by a variance added to all responses.
    ///
    /// With a = (−w, 1)/s and b = (K⁻¹r of the others, 0), s the deviation and z the standardised misfit, the density
    /// changes by aᵀ dK (½(z² − 1) a + z b): dlog s² = aᵀdK a, and the misfit s z by −s bᵀdK a (Guinness, Stat. Comput.
    /// 31 (2021) 25, section 2, with the solves shared by all parameters).
    pub fn accumulate_gradient(
        &mut self,
        kernel: &dyn Kernel,
        gradient: &mut [f64],
    ) -> Result<f64> {
        let z = self.last().standardised;
        self.direction()?;
        let partner = &mut self.work;
        partner.clone_from(&self.whitened);
        if let Some(last) = partner.last_mut() {
            *last = 0.0;
        }
        self.factor.backward(partner)?;
        for (b, a) in partner.iter_mut().zip(&self.direction) {
            *b = 0.5 * (z * z - 1.0) * a + z * *b;
        }
        let points = self.points.view();
        let n = points.len();
        let mut trace = 0.0;
        let mut point = Vec::with_capacity(points.dimension());
        let mut weights = Vec::with_capacity(n);
        for j in 0..n {
            let (a, v) = (self.direction[j], partner[j]);
            trace += a * v;
            weights.clear();
            weights.push(a * v);
            // Entries below the diagonal stand for two.
            let below = self.direction[j + 1..].iter().zip(&partner[j + 1..]);
            weights.extend(below.map(|(ai, vi)| a * vi + ai * v));
            points.copy_point(j, &mut point);
            kernel.accumulate_gradient(&point, points.range(j, n), &weights, gradient);
        }
        Ok(trace)
    }

    /// The latent value at a place given the whole block.
    pub fn condition(&self, kernel: &dyn Kernel, place: &[f64]) -> Result<Conditional> {
        let mut solved = vec![0.0; self.residuals.len()];
        kernel.covariances(place, self.points.view(), &mut solved);
        self.factor.forward(&mut solved)?;
        Ok(Conditional {
            shift: dot(&solved, &self.whitened),
            variance: (kernel.variance(place) - dot(&solved, &solved)).max(0.0),
            solved,
        })
    }

    /// K⁻¹ residuals.
    pub fn alpha(&self) -> Result<Vec<f64>> {
        let mut alpha = self.whitened.clone();
        self.factor.backward(&mut alpha)?;
        Ok(alpha)
    }

    /// The weight of each member of the block in the mean at a place.
    pub fn weights(&self, conditional: Conditional) -> Result<Vec<f64>> {
        let mut weights = conditional.solved;
        self.factor.backward(&mut weights)?;
        Ok(weights)
    }
}

/// A latent value given a block.
pub(super) struct Conditional {
    /// Posterior mean minus prior mean.
    pub shift: f64,
    /// Variance, never negative.
    pub variance: f64,
    /// L⁻¹ k(block, place).
    solved: Vec<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gp::Matern52;
    use ndarray::Array2;

    #[test]
    fn the_gradient_of_a_term_matches_finite_differences() {
        let rows = Array2::from_shape_fn((7, 2), |(i, k)| ((i * 7 + k * 13) as f64 * 0.61).sin());
        let points = Points::from_rows("x", rows.view()).unwrap();
        let residuals: Vec<f64> = (0..7).map(|i| (i as f64 * 1.7).cos()).collect();
        let density = |theta: &[f64], extra: f64| {
            let mut kernel = Matern52::ard([0.4, 0.9]).scaled(2.5);
            kernel.set_log_parameters(theta).unwrap();
            let all = Observations {
                kernel: &kernel,
                points: points.view(),
                noise: &Noise::Homoscedastic(0.1 + extra),
                residuals: &residuals,
            };
            let mut block = Block::default();
            block.load(&all, [3, 0, 6, 2, 5]);
            block.factor(&kernel).unwrap();
            let mut gradient = vec![0.0; 3];
            let trace = block.accumulate_gradient(&kernel, &mut gradient).unwrap();
            (block.last().log_density(), gradient, trace)
        };
        let theta = Matern52::ard([0.4, 0.9]).scaled(2.5).log_parameters();
        let (_, gradient, trace) = density(&theta, 0.0);
        for p in 0..3 {
            let (mut up, mut down) = (theta.clone(), theta.clone());
            up[p] += 1e-5;
            down[p] -= 1e-5;
            let slope = (density(&up, 0.0).0 - density(&down, 0.0).0) / 2e-5;
            assert!(
                (slope - gradient[p]).abs() < 1e-8,
                "{p}: {slope} {}",
                gradient[p]
            );
        }
        let slope = (density(&theta, 1e-6).0 - density(&theta, -1e-6).0) / 2e-6;
        assert!((slope - trace).abs() < 1e-6, "{slope} {trace}");
    }
}
