//! Choosing hyper-parameters by Vecchia's likelihood.

use super::likelihood::{Terms, VecchiaEvidence};
use super::model::VecchiaGp;
use super::scales::Scales;
use crate::error::{Error, Result};
use crate::gp::fit::{FitOptions, FitReport, Problem, no_finite_likelihood};
use crate::gp::kernel::Kernel;
use crate::gp::noise::Noise;
use crate::gp::objective::Evidence;
use crate::gp::restart::{log_ranges, subset};
use ndarray::ArrayView2;

/// With more than twice this many measurements, all starts are first tried on this many terms of the likelihood.
const COARSE: usize = 400;

/// What a search found.
struct Found {
    kernel: Box<dyn Kernel>,
    noise: Noise,
    report: FitReport,
}

impl VecchiaGp {
    /// Conditions on measurements as [`VecchiaGp::condition`] and chooses the hyper-parameters that maximise Vecchia's
    /// likelihood (plus log priors, if given), by its exact gradient (Guinness, Stat. Comput. 31 (2021) 25). Starts
    /// from the present hyper-parameters and from `options.restarts` others, which with many measurements are told
    /// apart on 400 random terms of the likelihood. How the search ended is in [`VecchiaGp::fit_report`]; not having
    /// converged is no error.
    ///
    /// Order and neighbours are those of the present lengthscales. If the ratios of the fitted ones turn out to be
    /// others, both are chosen anew, once, and the search goes on from where it was.
    ///
    /// # Errors
    /// As [`VecchiaGp::condition`], and [`Error::Argument`] for unusable options.
    pub fn fit<'x>(
        mut self,
        x: impl Into<ArrayView2<'x, f64>>,
        y: &[f64],
        options: &FitOptions,
    ) -> Result<Self> {
        self.take(x.into(), y)?;
        self.refit(options)?;
        Ok(self)
    }

    /// Chooses order, neighbours and hyper-parameters anew for the measurements at hand, see [`VecchiaGp::fit`].
    ///
    /// # Errors
    /// As [`VecchiaGp::fit`]; also [`Error::Argument`] if there is no measurement. The model is then unchanged.
    pub fn refit(&mut self, options: &FitOptions) -> Result<()> {
        if self.is_empty() {
            return Err(Error::argument("y", "no measurement", "at least one"));
        }
        let mut fitted = self.clone();
        fitted.arrange()?;
        let mut report = fitted.climb(options)?;
        let scales = Scales::of(fitted.kernel(), fitted.points.view());
        if !scales.alike(&fitted.arrangement.scales) {
            fitted.arrange()?;
            let again = FitOptions {
                restarts: 0,
                ..options.clone()
            };
            let first = std::mem::replace(&mut report, fitted.climb(&again)?);
            report.evaluations += first.evaluations;
            report.coarse_evaluations += first.coarse_evaluations;
        }
        fitted.mean = fitted
            .terms()
            .profiled_mean(fitted.kernel(), &fitted.data())?;
        fitted.settle()?;
        fitted.report = Some(report);
        *self = fitted;
        Ok(())
    }

    /// Replaces kernel and noise by the best that a search finds in the present arrangement.
    fn climb(&mut self, options: &FitOptions) -> Result<FitReport> {
        let found = self.search(options)?;
        (self.kernel, self.noise) = (found.kernel, found.noise);
        Ok(found.report)
    }

    fn search(&self, options: &FitOptions) -> Result<Found> {
        let n = self.len();
        let few = n > 2 * COARSE && options.restarts > 0;
        let few = few.then(|| subset(n, COARSE, options.seed));
        let evidence = |positions| VecchiaEvidence {
            kernel: self.kernel(),
            data: self.data(),
            terms: Terms {
                positions,
                ..self.terms()
            },
        };
        let whole = evidence(None);
        let coarse = few.as_deref().map(|positions| evidence(Some(positions)));
        let parameters = self.parameters();
        let problem = Problem {
            given: parameters.iter().map(|p| p.value.ln()).collect(),
            ranges: log_ranges(&self.data(), &parameters)?,
            parameters,
            whole: &whole,
            subset: coarse.as_ref().map(|coarse| coarse as &dyn Evidence),
        };
        let Some((coordinates, report)) = options.maximise(&problem)? else {
            // The error of the given hyper-parameters tells more, if there is one.
            self.terms().densities(&self.observations())?;
            return Err(no_finite_likelihood());
        };
        let (kernel, noise) = whole.model(&coordinates)?;
        Ok(Found {
            kernel,
            noise,
            report,
        })
    }
}
