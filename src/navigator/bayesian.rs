//! Bayesian optimisation as a navigator: a Gaussian process of the defect density says where to look, at fixed dwell.

use super::columns::dithered;
use super::{Navigator, Step, View};
use crate::acquisition::{Acquisition, Candidate, best};
use crate::error::{Error, Result};
use crate::gp::{ExactGp, FitOptions, Kernel, LogNormal, Matern52, Mean, Noise, Prior};
use crate::units::{Dose, Point};
use crate::world::{Briefing, Scan};
use ndarray::Array2;

/// Makes the acquisition for the best density found so far.
type AcquisitionFactory = Box<dyn Fn(f64) -> Result<Box<dyn Acquisition>> + Send>;

/// Goes through the field patch by patch, the next patch chosen by an acquisition function on a Gaussian process.
///
/// The field is cut into square patches. A visited patch gives one observation of the local defect density, relative to
/// the world's mean: y = Σ p / (n π), of known variance (Σ p (1 − p) + n π)/(n π)², with p the analyst's probabilities for
/// its n columns and π the prevalence (the second term is the Poisson spread of a count about its density). A Matérn-5/2
/// process is fitted to these, and the unvisited patch of highest score is next. Every column of it gets the same dwell,
/// budget over number of columns: this navigator decides *where*, never *how long*.
pub struct Bayesian {
    patch: f64,
    acquisition: AcquisitionFactory,
    patches: Vec<Patch>,
    lengthscale: f64,
    outputscale: f64,
    visited: usize,
    dwell: f64,
}

struct Patch {
    centre: Point,
    columns: Vec<usize>,
    visited: bool,
}

/// Patches that are visited before the process is asked.
const INITIAL: usize = 5;
/// The hyper-parameters are fitted again after this many patches.
const REFIT: usize = 8;

impl std::fmt::Debug for Bayesian {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bayesian")
            .field("patch", &self.patch)
            .field("visited", &self.visited)
            .finish_non_exhaustive()
    }
}

impl Bayesian {
    /// Patches of `patch` Å a side; `acquisition` makes the acquisition function, given the highest density so far (posterior mean).
    ///
    /// ```
    /// use dosewise::acquisition::{LogExpectedImprovement, UpperConfidenceBound};
    /// use dosewise::navigator::Bayesian;
    /// let by_improvement = Bayesian::new(8.0, |incumbent| Ok(Box::new(LogExpectedImprovement::over(incumbent)?)))?;
    /// let by_confidence = Bayesian::new(8.0, |_| Ok(Box::new(UpperConfidenceBound::new(2.0)?)))?;
    /// # Ok::<(), dosewise::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Argument`] unless the patch is within 2 to 500 Å.
    pub fn new(
        patch: f64,
        acquisition: impl Fn(f64) -> Result<Box<dyn Acquisition>> + Send + 'static,
    ) -> Result<Self> {
        if !(2.0..=500.0).contains(&patch) {
            return Err(Error::argument("patch", patch, "2 to 500 Å"));
        }
        Ok(Self {
            patch,
            acquisition: Box::new(acquisition),
            patches: Vec::new(),
            lengthscale: 2.0 * patch,
            outputscale: 1.0,
            visited: 0,
            dwell: 1.0,
        })
    }

    /// Dwell relative to the one that spends the budget exactly on the whole field: below one the navigator ends early,
    /// above one the budget ends before the field does.
    ///
    /// # Errors
    /// [`Error::Argument`] unless `factor` is within 0.01 to 100.
    pub fn dwell(mut self, factor: f64) -> Result<Self> {
        if !(0.01..=100.0).contains(&factor) {
            return Err(Error::argument("factor", factor, "0.01 to 100"));
        }
        self.dwell = factor;
        Ok(self)
    }

    fn lay_out(&mut self, briefing: &Briefing) {
        let count = |length: f64| (length / self.patch).round().max(1.0) as usize;
        let (rows, columns) = (count(briefing.height), count(briefing.width));
        let (height, width) = (
            briefing.height / rows as f64,
            briefing.width / columns as f64,
        );
        self.patches = (0..rows * columns)
            .map(|i| Patch {
                centre: Point::new(
                    ((i / columns) as f64 + 0.5) * height,
                    ((i % columns) as f64 + 0.5) * width,
                ),
                columns: Vec::new(),
                visited: false,
            })
            .collect();
        for (index, site) in briefing.sites.iter().enumerate() {
            let row = ((site.position.y / height) as usize).min(rows - 1);
            let column = ((site.position.x / width) as usize).min(columns - 1);
            self.patches[row * columns + column].columns.push(index);
        }
        self.patches.retain(|p| !p.columns.is_empty());
    }

    /// The next patch: a spread-out handful first, then the best by acquisition.
    fn choose(&mut self, view: &View<'_>) -> Result<Option<usize>> {
        let open: Vec<usize> = (0..self.patches.len())
            .filter(|&i| !self.patches[i].visited)
            .collect();
        if open.is_empty() {
            return Ok(None);
        }
        if self.visited < INITIAL.min(self.patches.len()) {
            // Multiples of the golden ratio fill the list of patches evenly.
            let fraction = (self.visited as f64 * 0.618_033_988_749_895 + 0.5).fract();
            return Ok(Some(
                open[(fraction * open.len() as f64) as usize % open.len()],
            ));
        }
        let (places, density, variance) = self.observations(view);
        let kernel = Matern52::isotropic(self.lengthscale).scaled(self.outputscale);
        let gp = ExactGp::new(kernel, Noise::Known(variance)).with_mean(Mean::Constant(1.0));
        let gp = if (self.visited - INITIAL).is_multiple_of(REFIT) {
            let options = FitOptions {
                restarts: 1,
                priors: self.priors(),
                ..FitOptions::default()
            };
            let fitted = gp.fit(&places, &density, &options)?;
            for parameter in fitted.parameters() {
                match parameter.name.as_str() {
                    "outputscale" => self.outputscale = parameter.value,
                    "lengthscale" => self.lengthscale = parameter.value,
                    _ => {}
                }
            }
            fitted
        } else {
            gp.condition(&places, &density)?
        };
        let candidates = Array2::from_shape_fn((open.len(), 2), |(i, axis)| {
            let centre = self.patches[open[i]].centre;
            if axis == 0 { centre.y } else { centre.x }
        });
        // The best density so far is that of the process: the best observation is the luckiest one.
        let known = gp.posterior_mean(&places)?;
        let incumbent = known.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let posterior = gp.posterior(&candidates)?;
        let prevalence = mean_prevalence(view.briefing());
        let offers = open
            .iter()
            .zip(posterior.mean().iter().zip(posterior.variance()))
            .map(|(&index, (&mean, &variance))| {
                let columns = self.patches[index].columns.len() as f64;
                Candidate::new(
                    mean,
                    variance,
                    1.0 / (columns * prevalence),
                    self.electrons(view.briefing()) * columns,
                )
            })
            .collect::<Result<Vec<_>>>()?;
        let choice = best(&(self.acquisition)(incumbent)?, &offers)?;
        Ok(Some(open[choice.index]))
    }

    /// Observed relative density of every visited patch, with its variance.
    fn observations(&self, view: &View<'_>) -> (Array2<f64>, Vec<f64>, Vec<f64>) {
        let prevalence = mean_prevalence(view.briefing());
        let visited: Vec<&Patch> = self.patches.iter().filter(|p| p.visited).collect();
        let mut places = Array2::zeros((visited.len(), 2));
        let (mut density, mut variance) = (Vec::new(), Vec::new());
        for (row, patch) in visited.iter().enumerate() {
            places[[row, 0]] = patch.centre.y;
            places[[row, 1]] = patch.centre.x;
            let probability = |&site: &usize| {
                view.finding()
                    .sites()
                    .get(site)
                    .map_or(0.0, |b| b.probability())
            };
            let (sum, spread) = patch
                .columns
                .iter()
                .map(probability)
                .fold((0.0, 0.0), |(sum, spread), p| {
                    (sum + p, spread + p * (1.0 - p))
                });
            let expected = patch.columns.len() as f64 * prevalence;
            density.push(sum / expected);
            variance.push((spread + expected) / (expected * expected));
        }
        (places, density, variance)
    }

    fn priors(&self) -> Vec<(String, Prior)> {
        vec![
            (
                "lengthscale".into(),
                LogNormal {
                    median: 2.0 * self.patch,
                    log_sd: 0.7,
                }
                .into(),
            ),
            (
                "outputscale".into(),
                LogNormal {
                    median: 1.0,
                    log_sd: 1.0,
                }
                .into(),
            ),
        ]
    }

    /// Electrons per column.
    fn electrons(&self, briefing: &Briefing) -> f64 {
        self.dwell * briefing.budget_electrons() / briefing.sites.len().max(1) as f64
    }
}

/// Share of all columns that are defects, on average.
fn mean_prevalence(briefing: &Briefing) -> f64 {
    let sum: f64 = briefing
        .sites
        .iter()
        .map(|s| briefing.prevalence(s.kind))
        .sum();
    (sum / briefing.sites.len().max(1) as f64).max(1e-6)
}

impl Navigator for Bayesian {
    fn next(&mut self, view: &View<'_>) -> Result<Step> {
        let briefing = view.briefing();
        super::needs_columns(briefing, "Bayesian")?;
        if self.patches.is_empty() {
            self.lay_out(briefing);
        }
        let Some(chosen) = self.choose(view)? else {
            return Ok(Step::Stop);
        };
        self.visited += 1;
        let patch = &mut self.patches[chosen];
        patch.visited = true;
        let aims: Vec<Point> = patch
            .columns
            .iter()
            .map(|&i| {
                dithered(
                    briefing.sites[i].position,
                    i,
                    briefing.height,
                    briefing.width,
                )
            })
            .collect();
        Ok(Step::Scan(Scan::at(aims, Dose(self.electrons(briefing)))))
    }
}
