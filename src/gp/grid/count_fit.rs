//! Choosing the hyper-parameters of a field of counts.

use super::count_mode::{Counts, Mode, Target};
use super::counts::{CountField, nowhere};
use super::fit::resolved;
use super::gradient::gradient;
use super::kernel::GridKernel;
use super::lattice::Grid;
use super::model::GridGp;
use super::objective::central_differences;
use super::observations::mean_at_pixels;
use super::options::GridOptions;
use super::reduced_rank::Budget;
use super::route::{Choice, Exact};
use super::system::Covariance;
use crate::error::{Error, Result};
use crate::gp::Mean;
use crate::gp::fit::{FitOptions, Problem, no_finite_likelihood_of};
use crate::gp::likelihood::latent_ranges;
use crate::gp::objective::{Evaluate, Evidence};
use ndarray::ArrayView2;

impl CountField {
    /// Conditions as [`CountField::condition`] and chooses the hyper-parameters of the kernel, and a constant mean (which
    /// takes no prior and no bounds), that maximise Laplace's log marginal likelihood plus log priors, if given. Starts
    /// are compared, gradients taken and the search ended as by [`GridGp::fit`]; how it ended is in
    /// [`CountField::fit_report`], and not having converged is no error.
    ///
    /// # Errors
    /// As [`CountField::condition`]; [`Error::Argument`] for unusable options, a linear mean, or if no pixel was exposed.
    pub fn fit<'c>(
        self,
        counts: impl Into<ArrayView2<'c, f64>>,
        exposure: impl Into<ArrayView2<'c, f64>>,
        options: &FitOptions,
    ) -> Result<Self> {
        let prior = self.forgetful();
        let counts = Counts::new(&prior.grid, counts.into(), exposure.into())?;
        prior.mean.check(2)?;
        if let Mean::Linear { .. } = prior.mean {
            return Err(Error::argument(
                "mean",
                "a linear mean in a fit behind a likelihood",
                "Zero, Constant, Fixed or Custom; a trend can be left to a Linear kernel",
            ));
        }
        if counts.seen.count == 0 {
            return Err(Error::argument(
                "exposure",
                "no exposed pixel",
                "at least one",
            ));
        }
        let centred = centred(&prior, &counts)?;
        let window = match options.restarts {
            0 => None,
            _ => prior.window(&centred.seen)?,
        };
        let window = window.map(|(grid, part)| (grid, Counts::of(part)));
        let few = window.as_ref();
        let few = few.map(|(grid, part)| CountEvidence::new(&prior, *grid, part));
        let whole = CountEvidence::new(&prior, prior.grid, &centred);

        let parameters = prior.kernel.parameters();
        let listed = centred.seen.listed(&prior.grid)?;
        let (ranges, centre) = latent_ranges(
            &centred.likelihood.select(&listed.pixels),
            (listed.points.view(), &listed.values),
            &whole.mean,
            &parameters,
        )?;
        let mut given: Vec<f64> = parameters.iter().map(|p| p.value.ln()).collect();
        if let Mean::Constant(_) = whole.mean {
            given.push(centre);
        }
        let problem = Problem {
            parameters,
            given,
            ranges,
            whole: &whole,
            subset: few.as_ref().map(|few| few as &dyn Evidence),
        };
        let found = resolved(options, counts.seen.count).maximise(&problem)?;
        let Some((coordinates, report)) = found else {
            return Err(no_finite_likelihood_of("counts"));
        };
        let mut fitted = whole.prior(&coordinates)?;
        if !matches!(prior.mean, Mean::Constant(_)) {
            fitted = fitted.with_mean(prior.mean);
        }
        let mut field = fitted.counted(counts)?;
        field.report = Some(report);
        Ok(field)
    }
}

/// A mean that the fit keeps is the same as exposures multiplied by its exponential, wherever a window is cut.
fn centred(prior: &GridGp, counts: &Counts) -> Result<Counts> {
    if let Mean::Constant(_) = prior.mean {
        return Ok(counts.clone());
    }
    let mut seen = counts.seen.clone();
    let pixels = seen.weights.iter_mut().filter(|e| **e > 0.0);
    let means = mean_at_pixels(&prior.mean, &prior.grid)?;
    let means = means.iter().zip(&counts.seen.weights);
    let means = means.filter(|(_, e)| **e > 0.0);
    for (exposure, (mean, _)) in pixels.zip(means) {
        *exposure *= mean.exp();
        if !(1e-150..=1e150).contains(exposure) {
            return Err(Error::argument(
                "mean",
                mean,
                "log rates at which exposures bring 1e-150 to 1e150 counts",
            ));
        }
    }
    Ok(Counts::of(seen))
}

/// Laplace's evidence of counts on a grid as a function of the kernel's log-parameters, then the constant mean if there
/// is one.
struct CountEvidence<'a> {
    grid: Grid,
    kernel: &'a GridKernel,
    options: GridOptions,
    /// A constant that the fit estimates, or zero.
    mean: Mean,
    counts: &'a Counts,
}

impl<'a> CountEvidence<'a> {
    fn new(prior: &'a GridGp, grid: Grid, counts: &'a Counts) -> Self {
        Self {
            grid,
            kernel: &prior.kernel,
            options: prior.options,
            mean: match prior.mean {
                Mean::Constant(value) => Mean::Constant(value),
                _ => Mean::Zero,
            },
            counts,
        }
    }

    /// The prior at these coordinates.
    fn prior(&self, coordinates: &[f64]) -> Result<GridGp> {
        let mut kernel = self.kernel.clone();
        let (of_kernel, mean) = match (&self.mean, coordinates.split_last()) {
            (Mean::Constant(_), Some((value, rest))) => (rest, Mean::Constant(*value)),
            (mean, _) => (coordinates, mean.clone()),
        };
        kernel.set_log_parameters(of_kernel)?;
        GridGp::new(self.grid, kernel, nowhere(&self.grid))?
            .with_mean(mean)
            .with_options(self.options)
    }

    /// The Gaussian of the approximation at these coordinates.
    fn approximation(&self, coordinates: &[f64], warm: Option<&[f64]>) -> Result<(GridGp, Mode)> {
        let prior = self.prior(coordinates)?;
        let mode = Target::new(&prior, self.counts)?.mode(warm)?;
        Ok((prior.at_mode(self.counts, &mode)?, mode))
    }

    /// The evidence with its gradient, analytic on the reduced route, else by central differences, and the mode.
    fn likelihood(
        &self,
        coordinates: &[f64],
        warm: Option<&[f64]>,
    ) -> Result<Option<(f64, Vec<f64>, Mode)>> {
        let (gaussian, mode) = self.approximation(coordinates, warm)?;
        if !mode.converged {
            return Ok(None);
        }
        let observations = gaussian.observations()?;
        let largest = self.options.largest_factor;
        let (choice, budget) = Choice::of_fit(&gaussian.covariance, &observations, largest);
        if let Some((value, gradient)) = self.analytic(&gaussian, &mode, choice, budget)? {
            return Ok(Some((value, gradient, mode)));
        }
        let value = |(gaussian, mode): (GridGp, Mode)| {
            let evidence = gaussian.laplace_evidence(&mode, choice)?;
            Ok(evidence.log_marginal_likelihood)
        };
        let gradient = central_differences(coordinates, |moved| {
            value(self.approximation(moved, Some(&mode.weights))?)
        })?;
        let value = value((gaussian, mode.clone()))?;
        Ok(Some((value, gradient, mode)))
    }

    /// With a = K⁻¹(f̂ − mean), s = ½ diag(Σ) ∂³ log p/∂f³ (how the determinant follows the mode) and
    /// u = (I − R K) s = R W⁻¹ s, R = (K + W⁻¹)⁻¹: by a parameter of the kernel ½ (aᵀ dK a − tr(R dK)) + uᵀ dK a, and
    /// 2 uᵀ dK a + aᵀ dK a = (a + u)ᵀ dK (a + u) − uᵀ dK u; by the mean Σ (a + u). Rasmussen & Williams (2006), algorithm
    /// 5.1.
    fn analytic(
        &self,
        gaussian: &GridGp,
        mode: &Mode,
        choice: Choice,
        budget: Budget,
    ) -> Result<Option<(f64, Vec<f64>)>> {
        let Covariance::Product(basis) = &gaussian.covariance else {
            return Ok(None);
        };
        let observations = gaussian.observations()?;
        let Some(exact) = Exact::new(choice, &gaussian.covariance, &observations, budget)? else {
            return Ok(None);
        };
        let Some(traces) = exact.traces(&observations, None)? else {
            return Ok(None);
        };
        let weights = &observations.weights;
        let variance = exact.variance(weights.len())?;
        let pixels = variance.iter().zip(self.counts.third(mode)).zip(weights);
        let shifts: Vec<f64> = pixels
            .map(|((v, third), w)| if *w > 0.0 { 0.5 * v * third / w } else { 0.0 })
            .collect();
        let (field, _) = exact.solve(&observations, &shifts)?;
        let pixels = shifts.iter().zip(&field).zip(weights);
        let follow: Vec<f64> = pixels.map(|((s, f), w)| w * (s - f)).collect();
        let both: Vec<f64> = mode
            .weights
            .iter()
            .zip(&follow)
            .map(|(a, u)| a + u)
            .collect();
        let mut gradient = gradient(
            &self.grid,
            &gaussian.kernel,
            None,
            (basis, &traces),
            weights,
            &[(1.0, &both), (-1.0, &follow)],
        )?;
        if let Mean::Constant(_) = self.mean {
            gradient.push(both.iter().sum());
        }
        let determinant = exact.log_determinant(&observations) - observations.log_noise;
        Ok(Some((mode.density.value - 0.5 * determinant, gradient)))
    }
}

impl Evidence for CountEvidence<'_> {
    fn evaluator(&self) -> Box<dyn Evaluate + '_> {
        Box::new(CountEvaluator {
            evidence: self,
            warm: None,
        })
    }
}

struct CountEvaluator<'a> {
    evidence: &'a CountEvidence<'a>,
    /// Weights of the last mode: the next one is near.
    warm: Option<Vec<f64>>,
}

impl Evaluate for CountEvaluator<'_> {
    fn evaluate(&mut self, coordinates: &[f64]) -> Option<(f64, Vec<f64>)> {
        let found = self.evidence.likelihood(coordinates, self.warm.as_deref());
        let (value, gradient, mode) = found.ok().flatten()?;
        self.warm = Some(mode.weights);
        Some((value, gradient))
    }
}
