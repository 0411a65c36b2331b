//! Training in minibatches: natural gradients for the belief, Adam for everything else.

use super::coordinates::Coordinates;
use super::features::Features;
use super::minibatch::{Measurements, Minibatches};
use super::observation::Observation;
use super::process::Process;
use super::sites::Sites;
use super::stochastic::StochasticGp;
use super::training::{StochasticOptions, StochasticProgress, StochasticReport};
use crate::error::{Error, Result};
use crate::gp::adam::Adam;
use crate::gp::mean::Mean;
use crate::gp::noise::Noise;
use ndarray::ArrayView2;
use std::ops::ControlFlow;

/// Told of the progress; may end the training.
pub(super) type Watch<'w> = dyn FnMut(&StochasticProgress) -> ControlFlow<()> + 'w;

/// One training.
pub(super) struct Training<'t, 'w> {
    pub data: Measurements<'t>,
    pub options: &'t StochasticOptions,
    pub report: StochasticReport,
    pub watch: &'t mut Watch<'w>,
}

impl StochasticGp {
    /// Learns from n measurements `y` at the rows of `x` (n × d), which are read where they are. `watch` is called after
    /// every minibatch and may end the training, which keeps what was learned so far. A trained process goes on from
    /// where it is.
    ///
    /// Each step reads a minibatch, moves the belief along its natural gradient, then hyper-parameters, inducing points
    /// and a constant mean along the gradient of the bound at the new belief. At the end the belief is brought to its
    /// optimum on all measurements, which equals [`SparseGp`](super::SparseGp)'s where the noise is Gaussian.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no measurement, shapes differ, a number is not finite or impossible for the
    /// likelihood, the noise has not one positive variance each, kernel or inducing points do not suit the dimension,
    /// the mean is linear, or an option is unusable; [`Error::NotPositiveDefinite`] where double precision ends. After
    /// an error found while training, the process stands where the last good step left it.
    pub fn train<'x>(
        &mut self,
        x: impl Into<ArrayView2<'x, f64>>,
        y: &[f64],
        options: &StochasticOptions,
        watch: &mut Watch<'_>,
    ) -> Result<()> {
        let data = Measurements { x: x.into(), y };
        options.check()?;
        self.check(data)?;
        if self.process.inducing.is_empty() {
            let kernel = self.process.kernel.clone();
            let inducing = self.placement.place_among(kernel.as_ref(), data.x)?;
            let mean = match self.process.mean {
                Mean::Constant(_) if options.learns() => Mean::Constant(self.explained(y).0),
                _ => self.process.mean.clone(),
            };
            self.process = Process::with_inducing(kernel, mean, inducing)?;
        }
        let mut training = Training {
            data,
            options,
            report: StochasticReport::default(),
            watch,
        };
        let outcome = self
            .minibatches(&mut training)
            .and_then(|()| self.finish(&mut training));
        self.report = Some(training.report);
        outcome
    }

    fn check(&self, data: Measurements<'_>) -> Result<()> {
        self.process.check_rows(data.x, data.len())?;
        for (_, rows) in data.portions() {
            self.process.places("x", rows)?;
        }
        let kernel = self.process.kernel.as_ref();
        self.placement.check(kernel, data.x.ncols())?;
        self.observation.check(data.y)?;
        if let Mean::Linear { .. } = self.process.mean {
            let allowed = "Zero, Constant, Fixed or Custom; a trend can be left to a Linear kernel";
            return Err(Error::argument("mean", "a linear mean", allowed));
        }
        Ok(())
    }

    /// Mean and standard deviation of latent values that explain each measurement alone.
    fn explained(&self, y: &[f64]) -> (f64, f64) {
        let each = y.iter().enumerate();
        let values: Vec<f64> = each
            .filter_map(|(i, &y)| self.observation.explaining(i, y))
            .collect();
        let count = values.len().max(1) as f64;
        let mean = values.iter().sum::<f64>() / count;
        let square = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / count;
        (mean, square.sqrt())
    }

    fn minibatches(&mut self, training: &mut Training<'_, '_>) -> Result<()> {
        let (data, options) = (training.data, training.options);
        let dealt = Minibatches::new(data.len(), options.batch, options.seed);
        let (kernel, inducing) = (self.process.kernel.clone(), self.process.inducing.clone());
        let noise = self.observation.noise().cloned();
        let extent = data.extent();
        let moved = options.moving.then_some(extent.as_slice());
        let map = Coordinates::new(kernel.as_ref(), noise.as_ref(), &inducing, moved);
        let mut coordinates = map.given();
        // The mean, if it moves, is the last coordinate, in units of the spread of the measurements.
        let unit = Some(self.explained(data.y).1).filter(|s| s.is_normal());
        let unit = unit.unwrap_or(1.0);
        if let Mean::Constant(level) = self.process.mean {
            coordinates.push(level / unit);
        }
        let mut adam = Adam::new(options.learning_rate, coordinates.len());
        let mut natural = self.process.belief.natural()?;
        let steps = options.epochs * dealt.count();
        for epoch in 0..options.epochs {
            let order = dealt.order(epoch);
            let mut sum = 0.0;
            for index in 0..dealt.count() {
                let step = epoch * dealt.count() + index;
                let indices = order[dealt.range(index)].to_vec();
                let scale = data.len() as f64 / indices.len() as f64;
                let batch = data.select(indices, &self.process.mean)?;
                let points = batch.points.view();
                let features = Features::new(self.process.basis(), points, Vec::new())?;
                let belief = &self.process.belief;
                let sites = Sites::new(&self.observation, &features, belief, &batch)?;
                sum += scale * sites.value - belief.divergence();
                natural.approach(&sites.target(&features, scale), self.share(options, step));
                let belief = natural.belief()?;
                let mut gradient = Vec::new();
                if options.learns() {
                    let sites = Sites::new(&self.observation, &features, &belief, &batch)?;
                    gradient =
                        sites.gradient(&self.observation, &features, &belief, scale, &map)?;
                    if let Mean::Constant(_) = self.process.mean {
                        gradient.push(unit * scale * sites.by_mean());
                    }
                }
                self.process.set_belief(belief);
                if options.learns() {
                    let left = 1.0 - step as f64 / steps as f64;
                    adam.set_learning_rate(options.learning_rate * (2.0 * left).min(1.0));
                    adam.step(&mut coordinates, &gradient);
                    self.move_to(&map, &coordinates, unit)?;
                }
                let bound = sum / (index + 1) as f64;
                training.report.bound = Some(bound);
                let progress = StochasticProgress {
                    epoch,
                    epochs: options.epochs,
                    batch: index + 1,
                    batches: dealt.count(),
                    bound,
                };
                if (training.watch)(&progress).is_break() {
                    training.report.cancelled = true;
                    return Ok(());
                }
            }
            training.report.epochs.push(sum / dealt.count() as f64);
        }
        Ok(())
    }

    /// The size of a natural step: until the belief has seen 1/`natural_step` batches, Gaussian sites are averaged evenly.
    fn share(&self, options: &StochasticOptions, step: usize) -> f64 {
        match self.observation {
            Observation::Gaussian(_) => options.natural_step.max(1.0 / (step as f64 + 1.0)),
            Observation::Behind(_) => options.natural_step,
        }
    }

    /// Takes hyper-parameters, inducing points and mean from the coordinates. The belief stays as it is, in whitened
    /// coordinates.
    fn move_to(&mut self, map: &Coordinates<'_>, coordinates: &[f64], unit: f64) -> Result<()> {
        let placed = map.place(coordinates)?;
        let mean = match (&self.process.mean, coordinates.last()) {
            (Mean::Constant(_), Some(level)) => Mean::Constant(level * unit),
            (mean, _) => mean.clone(),
        };
        let mut process = Process::with_inducing(placed.kernel, mean, placed.inducing)?;
        process.set_belief(std::mem::take(&mut self.process.belief));
        self.process = process;
        if let (Some(variance), Observation::Gaussian(noise)) =
            (placed.noise_variance, &mut self.observation)
        {
            *noise = Noise::Homoscedastic(variance);
        }
        Ok(())
    }

    /// Σ E_q[log p(yᵢ | fᵢ)] − KL(q(u) ‖ p(u)): a lower bound of the log density of the measurements, nats, if they
    /// are those of the training. O(n M²).
    ///
    /// # Errors
    /// As [`StochasticGp::train`]; [`Error::Argument`] also before the first training.
    pub fn elbo<'x>(&self, x: impl Into<ArrayView2<'x, f64>>, y: &[f64]) -> Result<f64> {
        let data = Measurements { x: x.into(), y };
        self.check(data)?;
        if self.process.inducing.is_empty() {
            let found = "a process without inducing points";
            return Err(Error::argument("x", found, "a process that was trained"));
        }
        let mut bound = -self.process.belief.divergence();
        for portion in data.portions() {
            let batch = data.portion(portion, &self.process.mean)?;
            let points = batch.points.view();
            let features = Features::new(self.process.basis(), points, Vec::new())?;
            let belief = &self.process.belief;
            bound += Sites::new(&self.observation, &features, belief, &batch)?.value;
        }
        Ok(bound)
    }
}
