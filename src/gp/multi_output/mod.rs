//! Several correlated outputs over the same places.

mod design;
mod kronecker;
mod posterior;

pub use posterior::{MultiOutputPosterior, Output};

use super::fit::{FitOptions, FitReport};
use super::kernel::{Autoregressive, Coregionalised, Kernel, Parameter, boxed};
use super::mean::Mean;
use super::points::Points;
use super::store::Persist;
use super::tagged::{Parts, Tagged, with_tags};
use crate::error::{Error, Result};
use design::{Outputs, Structure, Term};
use ndarray::{Array2, Array3, ArrayView2};
use rand::Rng;
use serde::{Deserialize, Serialize};

/// A Gaussian process with P correlated outputs, each measured where it was measured: all of them at the same places,
/// or each at its own.
///
/// Model: y = f_p(x) + ε, ε ~ N(0, s_p²), cov(f_a(x), f_b(x′)) = Σ_q B^q_ab k_q(x, x′) with each B^q a
/// [`Coregionalised`] of a rank of one's choice: one term is the intrinsic, several are the linear model of
/// coregionalisation (Álvarez, Rosasco & Lawrence, "Kernels for vector-valued functions: a review", 2012).
/// [`MultiOutputGp::autoregressive`] is Kennedy & O'Hagan's chain of fidelities instead. A measurement of one output
/// tells about all others that correlate with it: a bright, cheap signal about a faint, costly one.
///
/// Exact: with N measurements of all outputs together memory N², time N³/3, less for a fit where all outputs were
/// measured at the same places ([`MultiOutputGp::fit_all`]). The hyper-parameters of place kernels and outputs are
/// named `factor0.lengthscale`, `factor1.variance[p]`, `factor1.pivot[k]`, `factor1.loading[p,k]` (with several terms
/// behind `term0.`, `term1.`, …), then `noise variance[p]`; for priors and bounds the prefixes may be left out. The
/// scales of the outputs stand in the `variance[p]`, so that place kernels should have variance one.
///
/// ```
/// use dosewise::gp::{Matern52, MultiOutputGp};
/// use ndarray::array;
/// // Output 0 is known along the line; output 1, which follows it upside down, was looked at twice.
/// let gp = MultiOutputGp::new(Matern52::isotropic(0.4), 2, 1, [1e-4, 1e-4])
///     .with_coregionalisation(&array![[1.0], [-1.0]], &[0.01, 0.01])?;
/// let x = array![[0.0], [0.25], [0.5], [0.75], [1.0], [0.0], [1.0]];
/// let gp = gp.condition(&x, &[0, 0, 0, 0, 0, 1, 1], &[0.0, 0.9, 1.2, 0.8, 0.1, 0.1, 0.0])?;
/// let posterior = gp.posterior(&array![[0.5]])?;
/// assert!(posterior.mean()[[0, 1]] < -0.9 && posterior.variance()[[0, 1]] < 0.05);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MultiOutputGp {
    tagged: Tagged<Outputs>,
}

impl MultiOutputGp {
    /// `outputs` = P outputs that share `rank` processes of this `kernel` on the places (of variance one), with one
    /// noise **variance** each, in its squared units.
    pub fn new(
        kernel: impl Kernel,
        outputs: usize,
        rank: usize,
        noise: impl Into<Vec<f64>>,
    ) -> Self {
        let term = Term {
            kernel: boxed(kernel),
            outputs: Coregionalised::new(outputs, rank),
        };
        Self::of(Outputs::new(Structure::Mixed(vec![term]), noise.into()))
    }

    /// Levels of fidelity in ascending order: f₀ = δ₀, f_t = ρ_t f_{t−1} + δ_t with δ_t ~ GP(0, `levels[t]`) and one
    /// noise **variance** a level; the ratios ρ of any sign, to begin with one, are fitted. See [`Autoregressive`].
    pub fn autoregressive(
        levels: impl IntoIterator<Item = Box<dyn Kernel>>,
        noise: impl Into<Vec<f64>>,
    ) -> Self {
        let levels: Vec<Box<dyn Kernel>> = levels.into_iter().collect();
        let ratios = vec![1.0; levels.len().saturating_sub(1)];
        let chain = Autoregressive::new(levels, ratios);
        Self::of(Outputs::new(Structure::Chain(chain), noise.into()))
    }

    fn of(design: Outputs) -> Self {
        Self {
            tagged: Tagged::new(design),
        }
    }

    /// Adds independent processes of another kernel that the outputs share in their own way, as the linear model of
    /// coregionalisation has it. Forgets measurements.
    ///
    /// # Errors
    /// [`Error::Argument`] for a chain of fidelities.
    pub fn plus(self, kernel: impl Kernel, rank: usize) -> Result<Self> {
        let mut design = self.tagged.design;
        let outputs = design.structure.outputs();
        match &mut design.structure {
            Structure::Mixed(terms) => terms.push(Term {
                kernel: boxed(kernel),
                outputs: Coregionalised::new(outputs, rank),
            }),
            Structure::Chain(_) => return Err(no_mixture()),
        }
        Ok(Self::of(design))
    }

    /// Sets B = W Wᵀ + diag(κ) of the last term, see [`Coregionalised::from_weights`]: `weights` W is P × rank,
    /// `specific` κ one **variance** an output. A fit starts from there. Forgets measurements.
    ///
    /// # Errors
    /// As [`Coregionalised::from_weights`]; [`Error::Argument`] for another number of outputs, or a chain of
    /// fidelities.
    pub fn with_coregionalisation<'w>(
        self,
        weights: impl Into<ArrayView2<'w, f64>>,
        specific: &[f64],
    ) -> Result<Self> {
        let mut design = self.tagged.design;
        let weights = weights.into();
        let outputs = design.structure.outputs();
        if weights.nrows() != outputs {
            let found = format!("{} rows", weights.nrows());
            return Err(Error::argument(
                "weights",
                found,
                format!("{outputs}, one an output"),
            ));
        }
        match &mut design.structure {
            Structure::Mixed(terms) => {
                let last = terms.last_mut().expect("a mixture has one term or more");
                last.outputs = Coregionalised::from_weights(weights, specific)?;
            }
            Structure::Chain(_) => return Err(no_mixture()),
        }
        Ok(Self::of(design))
    }

    /// Sets the ratios ρ₁, ρ₂, … of a chain of fidelities, one fewer than levels; a fit starts from there. Forgets
    /// measurements.
    ///
    /// # Errors
    /// [`Error::Argument`] for a model that is no chain of fidelities.
    pub fn with_ratios(self, ratios: impl IntoIterator<Item = f64>) -> Result<Self> {
        let mut design = self.tagged.design;
        match &mut design.structure {
            Structure::Chain(chain) => {
                *chain = Autoregressive::new(chain.levels().to_vec(), ratios);
                Ok(Self::of(design))
            }
            Structure::Mixed(_) => Err(Error::argument(
                "model",
                "a mixture of processes",
                "one made by MultiOutputGp::autoregressive",
            )),
        }
    }

    /// Sets the prior means, one an output; a fit estimates those that are constant or linear, all together by
    /// generalised least squares. Forgets measurements.
    pub fn with_means(self, means: impl Into<Vec<Mean>>) -> Self {
        let mut design = self.tagged.design;
        design.means = means.into();
        Self::of(design)
    }

    /// Takes the noise variances as known: a fit keeps them. Forgets measurements.
    pub fn with_known_noise(self) -> Self {
        let mut design = self.tagged.design;
        design.noise_known = true;
        Self::of(design)
    }

    /// Conditions on n measurements: `y[i]` of output `outputs[i]` at row i of `x` (n × d), hyper-parameters as they
    /// are.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no measurement, shapes differ, a number is not finite, there is no such output,
    /// or the model has not one noise variance and mean an output; [`Error::NotPositiveDefinite`] if the covariance
    /// has no factor even with jitter.
    pub fn condition<'x>(
        mut self,
        x: impl Into<ArrayView2<'x, f64>>,
        outputs: &[usize],
        y: &[f64],
    ) -> Result<Self> {
        let rows = labelled(x.into(), outputs)?;
        self.tagged.condition(rows.view(), y)?;
        Ok(self)
    }

    /// Conditions on measurements of many outputs at the same places: `y` is n × P, of numbers or of `Option`s, `None`
    /// being what was not measured.
    ///
    /// # Errors
    /// As [`MultiOutputGp::condition`].
    pub fn condition_all<'x, 'y, Value: Copy + Into<Option<f64>> + 'y>(
        mut self,
        x: impl Into<ArrayView2<'x, f64>>,
        y: impl Into<ArrayView2<'y, Value>>,
    ) -> Result<Self> {
        let (rows, y) = self.unrolled(x.into(), y.into())?;
        self.tagged.condition(rows.view(), &y)?;
        Ok(self)
    }

    /// Conditions as [`MultiOutputGp::condition`] and chooses the hyper-parameters that maximise the log marginal
    /// likelihood (plus log priors, if given), starting from the present ones and from `options.restarts` others.
    ///
    /// # Errors
    /// As [`MultiOutputGp::condition`], and [`Error::Argument`] for unusable options.
    pub fn fit<'x>(
        mut self,
        x: impl Into<ArrayView2<'x, f64>>,
        outputs: &[usize],
        y: &[f64],
        options: &FitOptions,
    ) -> Result<Self> {
        let rows = labelled(x.into(), outputs)?;
        self.tagged.fit(rows.view(), y, options)?;
        Ok(self)
    }

    /// As [`MultiOutputGp::fit`] on what [`MultiOutputGp::condition_all`] takes. If nothing is missing, there is one
    /// term and all noise variances are positive, a step of the search costs n³ + P³ + n² P instead of (n P)³: the
    /// covariance is a Kronecker product plus noise (Rakitsch et al., NIPS 2013). The optimum is the same, and
    /// conditioning on it stays dense.
    ///
    /// # Errors
    /// As [`MultiOutputGp::fit`].
    pub fn fit_all<'x, 'y, Value: Copy + Into<Option<f64>> + 'y>(
        mut self,
        x: impl Into<ArrayView2<'x, f64>>,
        y: impl Into<ArrayView2<'y, Value>>,
        options: &FitOptions,
    ) -> Result<Self> {
        let (rows, y) = self.unrolled(x.into(), y.into())?;
        self.tagged.fit(rows.view(), &y, options)?;
        Ok(self)
    }

    /// Chooses the hyper-parameters anew for the measurements at hand.
    ///
    /// # Errors
    /// As [`MultiOutputGp::fit`]; also [`Error::Argument`] if there is no measurement.
    pub fn refit(&mut self, options: &FitOptions) -> Result<()> {
        self.tagged.refit(options)
    }

    /// Adds one measurement `y` of `output` at `x`, at N²/2 multiplications; equal to conditioning on all anew.
    ///
    /// # Errors
    /// As [`MultiOutputGp::condition`]; the model is then unchanged.
    pub fn append(&mut self, x: &[f64], output: usize, y: f64) -> Result<()> {
        let row: Vec<f64> = x.iter().copied().chain([output as f64]).collect();
        self.tagged.append(&row, y)
    }

    /// Adds the measurements `y[i]` of output `outputs[i]` at the rows of `x` (k × d) at once; equal to appending one by
    /// one.
    ///
    /// # Errors
    /// As [`MultiOutputGp::append`]; the model is then unchanged.
    pub fn append_many<'x>(
        &mut self,
        x: impl Into<ArrayView2<'x, f64>>,
        outputs: &[usize],
        y: &[f64],
    ) -> Result<()> {
        let rows = labelled(x.into(), outputs)?;
        self.tagged.append_many(rows.view(), y)
    }

    /// `count` joint draws of all outputs at the rows of `points` (m × d), noise excluded: `count` × m × P.
    ///
    /// # Errors
    /// As [`MultiOutputGp::posterior`]; [`Error::NotPositiveDefinite`] if the posterior covariance has no factor even
    /// with jitter.
    pub fn samples<'p, R: Rng + ?Sized>(
        &self,
        points: impl Into<ArrayView2<'p, f64>>,
        count: usize,
        rng: &mut R,
    ) -> Result<Array3<f64>> {
        let (points, outputs) = (points.into(), self.outputs());
        let (m, d) = points.dim();
        let rows = Array2::from_shape_fn((m * outputs, d + 1), |(i, k)| match k < d {
            true => points[[i / outputs, k]],
            false => (i % outputs) as f64,
        });
        let draws = self.tagged.samples(rows.view(), count, rng)?;
        let shape = (count, m, outputs);
        Ok(Array3::from_shape_fn(shape, |(s, i, p)| {
            draws[[s, i * outputs + p]]
        }))
    }

    /// Mean and variance of all outputs at the rows of `points` (m × d); of the prior before there is a measurement.
    ///
    /// # Errors
    /// [`Error::Argument`] if a coordinate is not finite, the dimension is another, or as [`MultiOutputGp::condition`]
    /// for the model.
    pub fn posterior<'p>(
        &self,
        points: impl Into<ArrayView2<'p, f64>>,
    ) -> Result<MultiOutputPosterior> {
        MultiOutputPosterior::new(self, points.into())
    }

    /// Posterior covariance between the outputs at one place, P × P.
    ///
    /// # Errors
    /// As [`MultiOutputGp::posterior`].
    pub fn covariance_at(&self, point: &[f64]) -> Result<Array2<f64>> {
        let outputs = self.outputs();
        let rows = Array2::from_shape_fn((outputs, point.len()), |(_, k)| point[k]);
        let rows = with_tags(rows.view(), |p| [p as f64]);
        Ok(self.tagged.joint(rows.view())?.covariance)
    }

    /// One output as a [`Surrogate`](super::Surrogate).
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such output.
    pub fn output(&self, output: usize) -> Result<Output<'_>> {
        Output::new(self, output)
    }

    /// Prior correlation between the outputs, P × P, from their covariance averaged over the places of the
    /// measurements; with one term, or with stationary kernels, it is the same at all places.
    ///
    /// # Errors
    /// [`Error::Argument`] if nothing was measured yet.
    pub fn correlation(&self) -> Result<Array2<f64>> {
        let Some(gp) = self.tagged.residual_process() else {
            return Err(Error::argument("model", "no measurement", "at least one"));
        };
        let outputs = self.outputs();
        let mut total = Array2::<f64>::zeros((outputs, outputs));
        for i in 0..gp.len() {
            let mut point = gp.points().view().point(i);
            point.pop();
            let labelled = |p: usize| [point.as_slice(), &[p as f64]].concat();
            for ((a, b), sum) in total.indexed_iter_mut() {
                *sum += gp.kernel().covariance(&labelled(a), &labelled(b));
            }
        }
        let scale = |p: usize| total[[p, p]].sqrt();
        Ok(Array2::from_shape_fn((outputs, outputs), |(a, b)| {
            if a == b {
                1.0
            } else {
                total[[a, b]] / (scale(a) * scale(b))
            }
        }))
    }

    /// The covariance of the outputs in each term, with its present hyper-parameters; none for a chain of fidelities.
    pub fn coregionalisations(&self) -> Vec<&Coregionalised> {
        match &self.tagged.design.structure {
            Structure::Mixed(terms) => terms.iter().map(|term| &term.outputs).collect(),
            Structure::Chain(_) => Vec::new(),
        }
    }

    /// The ratios ρ₁, ρ₂, … of a chain of fidelities; none otherwise.
    pub fn ratios(&self) -> Vec<f64> {
        match &self.tagged.design.structure {
            Structure::Mixed(_) => Vec::new(),
            Structure::Chain(kernel) => kernel.ratios(),
        }
    }

    /// Number of outputs P.
    pub fn outputs(&self) -> usize {
        self.tagged.design.structure.outputs()
    }

    /// Number of measurements, all outputs together.
    pub fn len(&self) -> usize {
        self.tagged.y().len()
    }

    /// Whether there is no measurement.
    pub fn is_empty(&self) -> bool {
        self.tagged.y().is_empty()
    }

    /// Where was measured, output by output as [`MultiOutputGp::measured_outputs`] says.
    pub fn points(&self) -> Points {
        self.tagged.places()
    }

    /// The output that each measurement is of.
    pub fn measured_outputs(&self) -> Vec<usize> {
        let codes = self.tagged.residual_process().map_or(&[][..], |gp| {
            gp.points().view().coordinate(self.tagged.dimension())
        });
        codes.iter().map(|&code| code as usize).collect()
    }

    /// What was measured.
    pub fn targets(&self) -> &[f64] {
        self.tagged.y()
    }

    /// The covariance function with its present hyper-parameters, on points whose last coordinate is the number of the
    /// output; before there is a measurement, for places of one coordinate.
    pub fn kernel(&self) -> Box<dyn Kernel> {
        self.tagged.kernel()
    }

    /// The noise **variance** of each output.
    pub fn noise(&self) -> &[f64] {
        &self.tagged.design.noise
    }

    /// The prior mean of each output.
    pub fn means(&self) -> &[Mean] {
        &self.tagged.design.means
    }

    /// Log density of the measurements, in nats (means as they are); zero before there is one.
    pub fn log_marginal_likelihood(&self) -> f64 {
        self.tagged.log_marginal_likelihood()
    }

    /// Its gradient by the natural logarithms of [`MultiOutputGp::parameters`], the means held fixed.
    ///
    /// # Errors
    /// [`Error::Argument`] if nothing was measured yet.
    pub fn log_marginal_likelihood_gradient(&self) -> Result<Vec<f64>> {
        self.tagged.log_marginal_likelihood_gradient()
    }

    /// The fitted hyper-parameters: the kernel's, then the noise variances unless they are known.
    pub fn parameters(&self) -> Vec<Parameter> {
        self.tagged.parameters()
    }

    /// How the last fit ended; `None` if the hyper-parameters are as given.
    pub fn fit_report(&self) -> Option<&FitReport> {
        self.tagged.residual_process()?.fit_report()
    }

    /// Rows and values of measurements of many outputs at the same places, output after output.
    fn unrolled<Value: Copy + Into<Option<f64>>>(
        &self,
        x: ArrayView2<'_, f64>,
        y: ArrayView2<'_, Value>,
    ) -> Result<(Array2<f64>, Vec<f64>)> {
        if y.dim() != (x.nrows(), self.outputs()) {
            return Err(Error::argument(
                "y",
                format!("shape {:?}", y.dim()),
                format!(
                    "({}, {}): a row a place, a column an output",
                    x.nrows(),
                    self.outputs()
                ),
            ));
        }
        let (n, outputs) = y.dim();
        let cells = (0..outputs).flat_map(|p| (0..n).map(move |i| (i, p)));
        let measured: Vec<(usize, usize, f64)> = cells
            .filter_map(|(i, p)| Some((i, p, y[[i, p]].into()?)))
            .collect();
        let places: Vec<usize> = measured.iter().map(|(i, ..)| *i).collect();
        let places = x.select(ndarray::Axis(0), &places);
        let rows = with_tags(places.view(), |j| [measured[j].1 as f64]);
        Ok((
            rows,
            measured.into_iter().map(|(.., value)| value).collect(),
        ))
    }
}

impl Persist for MultiOutputGp {
    type Parts = Parts<Outputs>;
}

impl TryFrom<Parts<Outputs>> for MultiOutputGp {
    type Error = Error;

    fn try_from(parts: Parts<Outputs>) -> Result<Self> {
        Ok(Self {
            tagged: parts.try_into()?,
        })
    }
}

/// The rows of `x` with the codes of their outputs.
fn labelled(x: ArrayView2<'_, f64>, outputs: &[usize]) -> Result<Array2<f64>> {
    if x.nrows() != outputs.len() {
        return Err(Error::argument(
            "outputs",
            format!("{} for {} rows of x", outputs.len(), x.nrows()),
            "one for each row",
        ));
    }
    Ok(with_tags(x, |i| [outputs[i] as f64]))
}

fn no_mixture() -> Error {
    Error::argument(
        "model",
        "a chain of fidelities",
        "one made by MultiOutputGp::new",
    )
}
