//! The surrogates of a study: of the objective, of the logarithm of the cost, and of that of the noise where it is told.

use super::feasibility::Feasibility;
use super::latent::Latent;
use super::log_quantity::LogQuantity;
use super::space::Space;
use super::study::Study;
use super::trial::Trial;
use super::value::Setting;
use crate::error::{Error, Result};
use crate::gp::{
    Categorical, ExactGp, FitOptions, Kernel, LogNormal, Matern52, Mean, Noise, Prior, Rbf, Slopes,
    Surrogate,
};
use crate::units::Seed;
use ndarray::{Array2, Axis, Slice};

/// A standardised value worse than any: what is to be improved on as long as nothing told is allowed.
const WORST: f64 = -1e6;
/// Standard deviation of ln ℓ in the prior of lengthscales, √3.
const LENGTH_LOG_SD: f64 = 1.732_050_807_568_877_2;

/// What the told trials teach, in standardised units.
#[derive(Debug)]
pub(super) struct Model {
    objective: ExactGp,
    cost: LogQuantity,
    /// Of the constrained quantities; `None` if there is none.
    pub feasibility: Option<Feasibility>,
    /// Number among the told trials of the one with the best posterior mean.
    pub best: usize,
    /// Posterior mean there, standardised: what has to be improved on.
    pub incumbent: f64,
    /// Posterior variance there, standardised, before pending trials are considered.
    pub variance: f64,
    /// Typical variance of the noise of a measurement, standardised.
    pub noise: f64,
    /// Variance of the told noise, standardised, where there are parameters that buy precision.
    bought: Option<LogQuantity>,
    /// What the pending trials are expected to cost.
    pub promised: f64,
    /// Turns worths into standardised ones.
    pub scale: Scale,
}

impl Model {
    /// Fits both surrogates to the told trials, at least two; see [`Model::expect`] for the pending ones.
    pub fn fit(study: &Study) -> Result<Self> {
        let space = &study.problem().space;
        let told: Vec<&Trial> = study
            .trials()
            .iter()
            .filter(|t| t.observation().is_some())
            .collect();
        let x = coordinates(space, told.iter().map(|t| t.setting()))?;
        let observations = || told.iter().filter_map(|t| t.observation());
        let worth: Vec<f64> = observations().map(|o| study.worth(o.value)).collect();
        let scale = Scale::of(&worth);
        let y: Vec<f64> = worth.iter().map(|w| scale.apply(*w)).collect();
        let known: Option<Vec<f64>> = observations()
            .map(|o| Some(o.noise? / scale.spread.powi(2)))
            .collect();
        let noise = match known {
            // Noise that is told to be zero still gets what keeps the factor sound.
            Some(variances) => Noise::Known(variances.into_iter().map(|v| v.max(1e-8)).collect()),
            None => Noise::Homoscedastic(1e-3),
        };
        let objective = fitted(space, &study.problem().effort, noise, &x, &y)?;
        let here = objective.marginals(x.view())?;
        let means = &here.mean;
        let feasibility = Feasibility::fit(study, &told, &x)?;
        let best = match &feasibility {
            Some(feasibility) => feasibility.best(&x, means)?,
            None => (0..means.len()).fold(0, |b, i| if means[i] > means[b] { i } else { b }),
        };
        let incumbent = match &feasibility {
            Some(feasibility) if !feasibility.is_known() => WORST,
            _ => means[best],
        };
        let variance = here.variance[best];

        let cost = LogQuantity::fit(space, &x, &log_costs(&told))?;
        let noise = match objective.noise() {
            Noise::Known(all) => all.iter().sum::<f64>() / all.len().max(1) as f64,
            Noise::Homoscedastic(shared) => *shared,
        };
        let bought = match objective.noise() {
            Noise::Known(all) if !study.problem().effort.is_empty() => {
                let logs: Vec<f64> = all.iter().map(|variance| variance.ln()).collect();
                Some(LogQuantity::fit(space, &x, &logs)?)
            }
            _ => None,
        };

        Ok(Self {
            objective,
            cost,
            feasibility,
            best,
            incumbent,
            variance,
            noise,
            bought,
            promised: 0.0,
            scale,
        })
    }

    /// What the trials of the study may truly be worth, pending ones included as long as they are not
    /// [expected](Model::expect); `None` where noise does not matter, where it can be bought off, or where nothing told is
    /// believed allowed.
    pub fn latent(&self, study: &Study, seed: Seed) -> Result<Option<Latent>> {
        if self.bought.is_some() {
            return Ok(None);
        }
        let space = &study.problem().space;
        let told = study.trials().iter().filter(|t| t.observation().is_some());
        let told: Vec<&Setting> = told.map(Trial::setting).collect();
        let pending = study.pending().map(Trial::setting);
        let (known, pending) = (told.len(), pending.collect::<Vec<_>>());
        let places = coordinates(
            space,
            told.into_iter()
                .chain(pending)
                .collect::<Vec<_>>()
                .into_iter(),
        )?;
        let allowed = match &self.feasibility {
            // whether a pending trial is allowed is not known
            Some(feasibility) => {
                let told = places.slice_axis(Axis(0), Slice::from(..known));
                feasibility.allowed(&told.to_owned())?
            }
            None => vec![true; places.nrows()],
        };
        if !allowed.contains(&true) {
            return Ok(None);
        }
        let counts = |i: usize| allowed.get(i).is_some_and(|allowed| *allowed);
        Latent::draw(&self.objective, self.noise, places, counts, seed)
    }

    /// Takes the pending trials at the mean of the objective.
    pub fn expect(&mut self, study: &Study) -> Result<()> {
        let pending: Vec<&Setting> = study.pending().map(Trial::setting).collect();
        if pending.is_empty() {
            return Ok(());
        }
        let places = coordinates(&study.problem().space, pending.into_iter())?;
        let log_costs = self.cost.at(&places)?;
        self.promised = log_costs.iter().map(|cost| cost.exp()).sum();
        let means = self.objective.posterior_mean(&places)?;
        let told_noise = matches!(self.objective.noise(), Noise::Known(_)).then_some(self.noise);
        for (place, mean) in places.rows().into_iter().zip(means) {
            self.objective.append(&place.to_vec(), mean, told_noise)?;
        }
        Ok(())
    }

    /// The process of the standardised objective, the told trials first, then the pending ones.
    pub fn objective(&self) -> &ExactGp {
        &self.objective
    }

    /// Whether no cost told differs from the others.
    pub fn costs_alike(&self) -> bool {
        self.cost.is_same()
    }

    /// The expected log-cost at each row.
    pub fn log_costs(&self, x: &Array2<f64>) -> Result<Vec<f64>> {
        self.cost.at(x)
    }

    /// Logarithm of the variance of the noise, standardised, as a function of the setting, where parameters buy precision.
    pub fn log_noise(&self) -> Option<&LogQuantity> {
        self.bought.as_ref()
    }

    /// Mean and variance of the standardised objective and the expected log-cost at each row.
    pub fn predict(&self, x: &Array2<f64>) -> Result<(Vec<f64>, Vec<f64>, Vec<f64>)> {
        let marginals = self.objective.marginals(x.view())?;
        let log_cost = self.cost.at(x)?;
        Ok((marginals.mean, marginals.variance, log_cost))
    }

    /// The same at one place with slopes; those of the log-cost last.
    pub fn slopes(&self, x: &[f64]) -> Result<(Slopes, f64, Vec<f64>)> {
        let (log_cost, of_cost) = self.cost.slopes(x)?;
        Ok((self.objective.slopes(x)?, log_cost, of_cost))
    }
}

/// Logarithms of what the told trials cost; one that cost nothing counts as a tenth of the cheapest that cost something.
fn log_costs(told: &[&Trial]) -> Vec<f64> {
    let costs = || told.iter().map(|trial| trial.cost());
    let least = costs().filter(|c| *c > 0.0).fold(f64::INFINITY, f64::min);
    let free = if least.is_finite() { 0.1 * least } else { 1.0 };
    // a tenth of the smallest number is zero
    let log = |cost: f64| cost.max(free).max(f64::MIN_POSITIVE).ln();
    costs().map(log).collect()
}

/// Shift and spread that make values of order one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    pub shift: f64,
    pub spread: f64,
}

impl Scale {
    pub fn of(values: &[f64]) -> Self {
        let count = values.len().max(1) as f64;
        let shift = values.iter().sum::<f64>() / count;
        let square: f64 = values.iter().map(|v| (v - shift).powi(2)).sum();
        let spread = (square / (count - 1.0).max(1.0)).sqrt();
        Self {
            shift,
            spread: if spread.is_normal() { spread } else { 1.0 },
        }
    }

    pub fn apply(self, value: f64) -> f64 {
        (value - self.shift) / self.spread
    }

    pub fn undo(self, value: f64) -> f64 {
        self.shift + self.spread * value
    }
}

/// What a model sees of settings, one a row.
pub(super) fn coordinates<'s>(
    space: &Space,
    settings: impl ExactSizeIterator<Item = &'s Setting>,
) -> Result<Array2<f64>> {
    let mut x = Array2::zeros((settings.len(), space.width()));
    for (mut row, setting) in x.rows_mut().into_iter().zip(settings) {
        let encoded = space.encode(setting)?;
        row.iter_mut()
            .zip(encoded)
            .for_each(|(slot, value)| *slot = value);
    }
    Ok(x)
}

/// A kernel over the ordered coordinates times one for each choice, fitted with priors that keep few trials from fixing
/// lengthscales: log-normal with ln ℓ around √2 + ½ ln d (Hvarfner, Hellsten & Nardi 2024, arXiv 2402.02229). Its mode over
/// ℓ counts, as in that paper, which over ln ℓ is the mode of a log-normal lower by its log-variance.
///
/// How smooth the function is, is learned: of a squared exponential and a Matérn 5/2 kernel the one with the larger marginal
/// likelihood stays. Neither alone suits every function: Branin's is smooth, Ackley's rough at all lengths.
///
/// It does not depend on the parameters that it is `without`.
pub(super) fn fitted(
    space: &Space,
    without: &[String],
    noise: Noise,
    x: &Array2<f64>,
    y: &[f64],
) -> Result<ExactGp> {
    let (mut ordered, mut choices): (Vec<usize>, Vec<Box<dyn Kernel>>) = (Vec::new(), Vec::new());
    let mut column = 0;
    for (name, dimension) in space.dimensions() {
        match dimension.categories() {
            _ if without.contains(name) => {}
            Some(categories) => {
                let own = Categorical::new(categories, 0.5).on_columns([column]);
                choices.push(Box::new(own));
            }
            None => ordered.extend(column..column + dimension.width()),
        }
        column += dimension.width();
    }
    let centre =
        std::f64::consts::SQRT_2 - LENGTH_LOG_SD.powi(2) + 0.5 * (ordered.len().max(1) as f64).ln();
    let log_normal = |median, log_sd| Prior::LogNormal(LogNormal { median, log_sd });
    let mut priors = vec![("outputscale".to_owned(), log_normal(1.0, 1.0))];
    let mut smoothnesses: Vec<Option<Box<dyn Kernel>>> = vec![None];
    if !ordered.is_empty() {
        let median = centre.exp();
        priors.push(("lengthscale".to_owned(), log_normal(median, LENGTH_LOG_SD)));
        let lengths = || vec![0.5; ordered.len()];
        smoothnesses = vec![
            Some(Box::new(
                Matern52::ard(lengths()).on_columns(ordered.clone()),
            )),
            Some(Box::new(Rbf::ard(lengths()).on_columns(ordered.clone()))),
        ];
    }
    if matches!(noise, Noise::Homoscedastic(_)) {
        // Wide: from computed objectives without noise to instruments where noise is most of the variance.
        let prior = log_normal((-7.0_f64).exp(), 2.0);
        priors.push(("noise variance".to_owned(), prior));
    }
    let options = FitOptions {
        priors,
        restarts: 2,
        ..FitOptions::default()
    };
    let mut best: Option<ExactGp> = None;
    for smoothness in smoothnesses {
        let factors = smoothness.into_iter().chain(choices.iter().cloned());
        let kernel = factors.reduce(|all, own| Box::new(all.times(own)));
        // A space has at least one parameter, so there is a kernel.
        let kernel = kernel.unwrap_or_else(|| Box::new(Matern52::isotropic(0.5)));
        let fitted = ExactGp::new(kernel.scaled(1.0), noise.clone())
            .with_mean(Mean::Constant(0.0))
            .fit(x, y, &options);
        best = match (best, fitted) {
            (None, fitted) => Some(fitted?),
            // one kernel that suits is enough
            (Some(held), Ok(next))
                if next.log_marginal_likelihood() > held.log_marginal_likelihood() =>
            {
                Some(next)
            }
            (held, _) => held,
        };
    }
    best.ok_or_else(|| Error::argument("space", "no parameter", "at least one"))
}
