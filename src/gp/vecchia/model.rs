//! The process and its state.

use super::arrangement::Arrangement;
use super::conditioning::{Observations, Term};
use super::likelihood::Terms;
use super::ordering::VecchiaOrdering;
use super::saved::Parts;
use super::scales::Scales;
use crate::error::{Error, Result};
use crate::gp::evidence::Data;
use crate::gp::exact::{check_target, parameters};
use crate::gp::fit::FitReport;
use crate::gp::kernel::{Kernel, Parameter, boxed};
use crate::gp::mean::Mean;
use crate::gp::noise::Noise;
use crate::gp::points::Points;
use crate::gp::surrogate::{Joint, Marginals, Slopes, Surrogate};
use ndarray::ArrayView2;
use serde::Deserialize;

/// Predecessors of a measurement unless [`VecchiaGp::with_neighbours`] says otherwise.
const NEIGHBOURS: usize = 30;
/// Measurements around a place unless [`VecchiaGp::with_prediction_neighbours`] says otherwise.
const PREDICTION_NEIGHBOURS: usize = 60;

/// A Gaussian process on scattered measurements, 10³ to 10⁶ of them: each response is conditioned on its k nearest
/// predecessors alone, at a cost in proportion to the number of measurements.
///
/// Model: y = f(x) + ε with f ~ GP(mean, kernel) and ε ~ N(0, noise variance), and, with the noise inside K,
///
/// log p(y) ≈ Σᵢ log N(yᵢ − m(xᵢ) | wᵢᵀ (y − m)_N(i), sᵢ²),  wᵢ = K_NN⁻¹ K_Ni,  sᵢ² = Kᵢᵢ − wᵢᵀ K_Ni,
///
/// N(i) being the neighbours of i (Vecchia, J. R. Stat. Soc. B 50 (1988) 297; Datta, Banerjee, Finley & Gelfand, J. Am.
/// Stat. Assoc. 111 (2016) 800; Katzfuss & Guinness, Stat. Sci. 36 (2021) 124). The likelihood with its gradient takes
/// time n k³ and memory n k, a place k³, on all cores, with results that do not depend on their number. With
/// k ≥ n − 1 everything equals [`ExactGp`](crate::gp::ExactGp).
///
/// **Near** means near in coordinates divided by the kernel's lengthscales, the smallest along each coordinate, or by
/// the extent of the measurements where the kernel names none. A kernel whose correlation does not fall with that
/// distance, e.g. a periodic one, is conditioned on the wrong points: see what [`VecchiaGp::with_neighbours`] does to the
/// likelihood before trusting it.
///
/// # How many neighbours
///
/// Kullback–Leibler divergence of Vecchia's density of all responses from the exact one, in nats, measured on 1000
/// points spread at random over the unit square, [`Matern52`](crate::gp::Matern52) with lengthscale 0.2 and variance 1:
///
/// | noise variance | order | k = 10 | 20 | 30 | 60 |
/// | --- | --- | --- | --- | --- | --- |
/// | 10⁻⁶ | max-min | 168 | 36 | 11 | 0.66 |
/// | 10⁻⁶ | coordinate | 132 | 25 | 6.6 | 0.33 |
/// | 0.01 | max-min | 28 | 7.2 | 2.2 | 0.34 |
/// | 0.01 | coordinate | 50 | 13 | 5.2 | 0.42 |
/// | 0.1 | max-min | 13 | 6.3 | 3.6 | 0.49 |
/// | 0.1 | coordinate | 32 | 11 | 4.5 | 0.77 |
/// | 1 | max-min | 14 | 3.4 | 1.5 | 0.68 |
/// | 1 | coordinate | 13 | 5.0 | 3.1 | 0.80 |
///
/// The default of 30 is a few nats off in a thousand measurements, good for choosing hyper-parameters; 60 is below one.
/// Smooth functions without noise need the most. Noise spreads what is known of one response over more of the others,
/// so that each further neighbour brings less: from 30 to 60 the divergence falls by 16 without noise and by 2 at a
/// noise variance of 1. Predictions feel this more. How far their mean is from the exact posterior mean, in exact
/// posterior standard deviations (root mean square over 500 other places), and their root-mean-square error over the
/// exact one's:
///
/// | noise variance | k = 30 | 60 | 100 | 200 |
/// | --- | --- | --- | --- | --- |
/// | 10⁻⁶ | 0.18 (1.00) | 0.05 (1.02) | 0.01 (1.00) | 0.00 (1.00) |
/// | 0.01 | 0.27 (1.04) | 0.11 (1.01) | 0.05 (1.00) | 0.01 (1.00) |
/// | 0.1 | 0.41 (1.07) | 0.19 (1.01) | 0.08 (1.00) | 0.02 (1.00) |
/// | 1 | 0.38 (1.07) | 0.26 (1.04) | 0.19 (1.03) | 0.04 (1.00) |
///
/// The default is 60; where the noise variance reaches that of the function, take 100 to 200
/// ([`VecchiaGp::with_prediction_neighbours`]). Intervals stay honest with any number: each is the exact answer to what
/// the nearest measurements alone say.
///
/// # More measurements, more doubt
///
/// A prediction listens to the nearest measurements, however noisy they are, and to no others. One more measurement
/// therefore takes the place of one farther away, and where it is much the noisier of the two the **variance goes up**,
/// which that of [`ExactGp`](crate::gp::ExactGp) never does. To keep this from misleading, measurements of a known
/// noise variance above 10⁴ times the prior variance of the place, which 60 of them could lower by 0.6 % at most, are
/// passed over as long as there are others; with quieter ones among precise ones raise
/// [`VecchiaGp::with_prediction_neighbours`] until the precise ones are reached.
///
/// ```
/// use dosewise::gp::{ExactGp, Matern52, Noise, Surrogate, VecchiaGp};
/// use ndarray::Array2;
/// let x = Array2::from_shape_fn((400, 2), |(i, k)| ((i + 1) as f64 * [0.7549, 0.5698][k]).fract());
/// let y: Vec<f64> = x.rows().into_iter().map(|p| (6.0 * p[0]).sin() + p[1]).collect();
/// let (kernel, noise) = (Matern52::isotropic(0.4), Noise::Homoscedastic(1e-3));
/// let nearest = VecchiaGp::new(kernel.clone(), noise.clone()).condition(&x, &y)?;
/// let exact = ExactGp::new(kernel, noise).condition(&x, &y)?;
/// let place = ndarray::array![[0.35, 0.6]];
/// let (near, all) = (nearest.marginals(place.view())?, exact.marginals(place.view())?);
/// assert!((near.mean[0] - all.mean[0]).abs() < 0.3 * all.variance[0].sqrt());
/// // Fewer measurements never tell more.
/// assert!(near.variance[0] >= all.variance[0] && near.variance[0] < 1.1 * all.variance[0]);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Parts")]
pub struct VecchiaGp {
    pub(super) kernel: Box<dyn Kernel>,
    pub(super) noise: Noise,
    pub(super) mean: Mean,
    pub(super) neighbours: usize,
    pub(super) prediction_neighbours: usize,
    pub(super) ordering: VecchiaOrdering,
    pub(super) points: Points,
    pub(super) targets: Vec<f64>,
    pub(super) arrangement: Arrangement,
    /// y − mean.
    pub(super) residuals: Vec<f64>,
    /// The density of each response given its neighbours, in the order of the arrangement.
    pub(super) densities: Vec<Term>,
    pub(super) report: Option<FitReport>,
}

impl VecchiaGp {
    /// The prior: a kernel, a noise model and mean zero; 30 neighbours in max-min order, 60 for predictions.
    pub fn new(kernel: impl Kernel, noise: Noise) -> Self {
        Self {
            kernel: boxed(kernel),
            noise,
            mean: Mean::Zero,
            neighbours: NEIGHBOURS,
            prediction_neighbours: PREDICTION_NEIGHBOURS,
            ordering: VecchiaOrdering::MaxMin,
            points: Points::default(),
            targets: Vec::new(),
            arrangement: Arrangement::default(),
            residuals: Vec::new(),
            densities: Vec::new(),
            report: None,
        }
    }

    /// Sets the prior mean. Call it before conditioning, it forgets measurements.
    pub fn with_mean(self, mean: Mean) -> Self {
        Self {
            mean,
            ..self.prior()
        }
    }

    /// Sets k, how many predecessors each response is conditioned on in the likelihood, at least one; any number above
    /// n − 1, such as [`usize::MAX`], stands for all of them. Call it before conditioning, it forgets measurements.
    pub fn with_neighbours(self, neighbours: usize) -> Self {
        Self {
            neighbours,
            ..self.prior()
        }
    }

    /// Sets the order of the measurements. Call it before conditioning, it forgets measurements.
    pub fn with_ordering(self, ordering: VecchiaOrdering) -> Self {
        Self {
            ordering,
            ..self.prior()
        }
    }

    /// Sets how many measurements a prediction is conditioned on, at least one; any number above n stands for all of
    /// them. Takes effect at once.
    pub fn with_prediction_neighbours(self, prediction_neighbours: usize) -> Self {
        Self {
            prediction_neighbours,
            ..self
        }
    }

    /// Conditions on n measurements `y` at the rows of `x` (n × d), hyper-parameters as they are.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no measurement, shapes differ, a number is not finite, the noise has not one
    /// variance each, the kernel does not suit the dimension, a number of neighbours is zero, or the ordering does
    /// not suit the measurements; [`Error::NotPositiveDefinite`] if the covariance of a response and its neighbours
    /// has no factor even with jitter.
    pub fn condition<'x>(mut self, x: impl Into<ArrayView2<'x, f64>>, y: &[f64]) -> Result<Self> {
        self.take(x.into(), y)?;
        self.arrange()?;
        self.settle()?;
        Ok(self)
    }

    /// Logarithm of Vecchia's approximation to the density of the measurements, in nats (mean as it is).
    pub fn log_marginal_likelihood(&self) -> f64 {
        self.densities.iter().map(|term| term.log_density()).sum()
    }

    /// Gradient of the log marginal likelihood with respect to the natural logarithms of [`VecchiaGp::parameters`],
    /// the mean, the order and the neighbours held fixed. Time n k³.
    ///
    /// # Errors
    /// [`Error::NotPositiveDefinite`] as [`VecchiaGp::condition`].
    pub fn log_marginal_likelihood_gradient(&self) -> Result<Vec<f64>> {
        Ok(self.terms().value_and_gradient(&self.observations())?.1)
    }

    /// The fitted hyper-parameters: the kernel's, then the noise variance if it is shared.
    pub fn parameters(&self) -> Vec<Parameter> {
        parameters(self.kernel.as_ref(), &self.noise)
    }

    /// Number of measurements.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// Whether there is no measurement.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// Where was measured.
    pub fn points(&self) -> &Points {
        &self.points
    }

    /// What was measured.
    pub fn targets(&self) -> &[f64] {
        &self.targets
    }

    /// The covariance function, with its present hyper-parameters.
    pub fn kernel(&self) -> &dyn Kernel {
        self.kernel.as_ref()
    }

    /// The noise model, with its present **variances**.
    pub fn noise(&self) -> &Noise {
        &self.noise
    }

    /// The prior mean.
    pub fn mean(&self) -> &Mean {
        &self.mean
    }

    /// Indices of the measurements in the order in which they are conditioned on each other.
    pub fn order(&self) -> Vec<usize> {
        let order = self.arrangement.neighbours.order();
        order.iter().map(|&index| index as usize).collect()
    }

    /// Indices of the measurements that the one at `position` of [`VecchiaGp::order`] is conditioned on; `None` if
    /// there is no such position.
    pub fn conditioned_on(&self, position: usize) -> Option<Vec<usize>> {
        let known = position < self.len();
        let set = || self.arrangement.neighbours.set(position);
        known.then(|| set().iter().map(|&index| index as usize).collect())
    }

    /// The largest number that was added to the diagonal of the covariance of any response and its neighbours to factor
    /// it; zero in ordinary cases. Where it is not, near copies among the measurements, or too little noise for so
    /// smooth a kernel, make the densities, and predictions there, those of measurements with this much more noise.
    pub fn jitter(&self) -> f64 {
        let each = self.densities.iter().map(|term| term.jitter);
        each.fold(0.0, f64::max)
    }

    /// How the last fit ended; `None` if the hyper-parameters are as given.
    pub fn fit_report(&self) -> Option<&FitReport> {
        self.report.as_ref()
    }

    pub(super) fn data(&self) -> Data<'_> {
        Data {
            points: self.points.view(),
            targets: &self.targets,
            noise: &self.noise,
            mean: &self.mean,
        }
    }

    pub(super) fn observations(&self) -> Observations<'_> {
        Observations {
            kernel: self.kernel.as_ref(),
            points: self.points.view(),
            noise: &self.noise,
            residuals: &self.residuals,
        }
    }

    pub(super) fn terms(&self) -> Terms<'_> {
        Terms {
            neighbours: &self.arrangement.neighbours,
            positions: None,
        }
    }

    /// The same without measurements.
    fn prior(self) -> Self {
        Self {
            neighbours: self.neighbours,
            prediction_neighbours: self.prediction_neighbours,
            ordering: self.ordering,
            mean: self.mean,
            ..Self::new(self.kernel, self.noise)
        }
    }

    /// Checks and stores measurements, leaving everything else to be made.
    pub(super) fn take(&mut self, x: ArrayView2<'_, f64>, y: &[f64]) -> Result<()> {
        if x.nrows() != y.len() || y.is_empty() {
            return Err(Error::argument(
                "y",
                format!("{} values for {} rows of x", y.len(), x.nrows()),
                "one value for each row, and at least one row",
            ));
        }
        self.points = Points::from_rows("x", x)?;
        self.targets = y.to_vec();
        self.check()
    }

    /// Refuses numbers of neighbours that are none.
    pub(super) fn check_counts(&self) -> Result<()> {
        let counts = [
            ("neighbours", self.neighbours),
            ("prediction_neighbours", self.prediction_neighbours),
        ];
        match counts.iter().find(|(_, count)| *count == 0) {
            None => Ok(()),
            Some((name, count)) => Err(Error::argument(*name, count, "at least one")),
        }
    }

    /// Whether all parts that a user gives belong together.
    pub(super) fn check(&self) -> Result<()> {
        self.check_counts()?;
        let n = self.targets.len();
        if self.points.len() != n || n > u32::MAX as usize {
            return Err(Error::argument(
                "x",
                format!("{} points for {n} values of y", self.points.len()),
                "as many, and fewer than 2³²",
            ));
        }
        self.targets.iter().try_for_each(|&y| check_target(y))?;
        if n > 0 {
            self.kernel.check_points(self.points.view())?;
            self.noise.check(n)?;
            self.mean.check(self.points.dimension())?;
        }
        Ok(())
    }

    /// Orders the measurements by the present lengthscales and finds their neighbours.
    pub(super) fn arrange(&mut self) -> Result<()> {
        let scales = Scales::of(self.kernel.as_ref(), self.points.view());
        let points = self.points.view();
        self.arrangement = Arrangement::new(&self.ordering, scales, points, self.neighbours)?;
        Ok(())
    }

    /// Works out what follows from the arrangement and the model.
    pub(super) fn settle(&mut self) -> Result<()> {
        self.residuals = self.data().residuals(&self.mean)?;
        self.densities = self.terms().densities(&self.observations())?;
        Ok(())
    }
}

impl Surrogate for VecchiaGp {
    fn dimension(&self) -> usize {
        self.points.dimension()
    }

    fn marginals(&self, points: ArrayView2<'_, f64>) -> Result<Marginals> {
        self.predict(points)
    }

    /// The places are conditioned in max-min order, each on its nearest measurements and its nearest places before it,
    /// as many of both as [`VecchiaGp::with_prediction_neighbours`] says: "response first" in Katzfuss, Guinness, Gong
    /// & Zilber, J. Agric. Biol. Environ. Stat. 25 (2020) 383. The covariance is that of a process, hence positive
    /// semi-definite up to rounding; its diagonal may differ a little from [`Surrogate::marginals`]. Exact if neither
    /// measurements nor places are more than that number. Time m k³ + m² k.
    fn joint(&self, points: ArrayView2<'_, f64>) -> Result<Joint> {
        self.predict_jointly(points)
    }

    /// In closed form for the neighbours at the point itself, which change between one place and the next: there the
    /// posterior has small steps, and these are the slopes between them.
    fn slopes(&self, point: &[f64]) -> Result<Slopes> {
        self.slopes_at(point)
    }
}
