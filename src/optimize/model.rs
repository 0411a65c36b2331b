//! The surrogates of a study: one for the objective, one for the logarithm of the cost.

use super::feasibility::Feasibility;
use super::space::Space;
use super::study::Study;
use super::trial::Trial;
use super::value::Setting;
use crate::error::Result;
use crate::gp::{
    Categorical, ExactGp, FitOptions, Kernel, LogNormal, Matern52, Mean, Noise, Prior, Slopes,
    Surrogate,
};
use ndarray::Array2;

/// A standardised value worse than any: what is to be improved on as long as nothing told is allowed.
const WORST: f64 = -1e6;
/// Costs that differ by less than this factor are one cost.
const SAME_COST: f64 = 1.05;
/// Standard deviation of ln ℓ in the prior of lengthscales, √3.
const LENGTH_LOG_SD: f64 = 1.732_050_807_568_877_2;

/// What the told trials teach, in standardised units.
#[derive(Debug)]
pub(super) struct Model {
    objective: ExactGp,
    /// Of the logarithm of the cost; `None` if all costs are alike.
    cost: Option<ExactGp>,
    /// Of the constrained quantities; `None` if there is none.
    pub feasibility: Option<Feasibility>,
    /// Number among the told trials of the one with the best posterior mean.
    pub best: usize,
    /// Posterior mean there, standardised: what has to be improved on.
    pub incumbent: f64,
    /// Posterior variance there, standardised, before pending trials are considered.
    pub variance: f64,
    /// Turns worths into standardised ones.
    pub scale: Scale,
}

impl Model {
    /// Fits both surrogates to the told trials, at least two, and takes pending ones at the mean of the objective.
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
        let mut objective = fitted(space, noise, &x, &y)?;
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

        let costs: Vec<f64> = observations()
            .map(|o| o.cost.unwrap_or(1.0).max(1e-300).ln())
            .collect();
        let (least, most) = costs
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), c| {
                (l.min(*c), h.max(*c))
            });
        let cost = if most - least > SAME_COST.ln() {
            Some(fitted(space, Noise::Homoscedastic(1e-2), &x, &costs)?)
        } else {
            None
        };

        let pending: Vec<&Trial> = study.pending().collect();
        if !pending.is_empty() {
            let places = coordinates(space, pending.iter().map(|t| t.setting()))?;
            let means = objective.posterior_mean(&places)?;
            let typical = match objective.noise() {
                Noise::Known(all) => Some(all.iter().sum::<f64>() / all.len().max(1) as f64),
                Noise::Homoscedastic(_) => None,
            };
            for (place, mean) in places.rows().into_iter().zip(means) {
                objective.append(&place.to_vec(), mean, typical)?;
            }
        }
        Ok(Self {
            objective,
            cost,
            feasibility,
            best,
            incumbent,
            variance,
            scale,
        })
    }

    /// The process of the standardised objective, the told trials first, then the pending ones.
    pub fn objective(&self) -> &ExactGp {
        &self.objective
    }

    /// Whether costs differ and are modelled.
    pub fn has_costs(&self) -> bool {
        self.cost.is_some()
    }

    /// Mean and variance of the standardised objective and the expected log-cost at each row.
    pub fn predict(&self, x: &Array2<f64>) -> Result<(Vec<f64>, Vec<f64>, Vec<f64>)> {
        let marginals = self.objective.marginals(x.view())?;
        let log_cost = match &self.cost {
            Some(cost) => cost.posterior_mean(x)?,
            None => vec![0.0; x.nrows()],
        };
        Ok((marginals.mean, marginals.variance, log_cost))
    }

    /// The same at one place with slopes; those of the log-cost last.
    pub fn slopes(&self, x: &[f64]) -> Result<(Slopes, f64, Vec<f64>)> {
        let slopes = self.objective.slopes(x)?;
        match &self.cost {
            Some(cost) => {
                let cost = cost.slopes(x)?;
                Ok((slopes, cost.mean, cost.of_mean))
            }
            None => Ok((slopes, 0.0, vec![0.0; x.len()])),
        }
    }
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

/// Matérn 5/2 over the ordered coordinates times one kernel for each choice, fitted with priors that keep few trials from
/// fixing lengthscales: log-normal with ln ℓ around √2 + ½ ln d (Hvarfner, Hellsten & Nardi 2024, arXiv 2402.02229). Its
/// mode over ℓ counts, as in that paper, which over ln ℓ is the mode of a log-normal lower by its log-variance.
pub(super) fn fitted(space: &Space, noise: Noise, x: &Array2<f64>, y: &[f64]) -> Result<ExactGp> {
    let (mut ordered, mut kernel): (Vec<usize>, Option<Box<dyn Kernel>>) = (Vec::new(), None);
    let mut column = 0;
    for (_, dimension) in space.dimensions() {
        match dimension.categories() {
            Some(categories) => {
                let own = Categorical::new(categories, 0.5).on_columns([column]);
                kernel = Some(match kernel {
                    Some(others) => Box::new(others.times(own)),
                    None => Box::new(own),
                });
            }
            None => ordered.extend(column..column + dimension.width()),
        }
        column += dimension.width();
    }
    if !ordered.is_empty() {
        let lengths = vec![0.5; ordered.len()];
        let own = Matern52::ard(lengths).on_columns(ordered.clone());
        kernel = Some(match kernel {
            Some(others) => Box::new(own.times(others)),
            None => Box::new(own),
        });
    }
    // A space has at least one parameter, so there is a kernel.
    let kernel = kernel.unwrap_or_else(|| Box::new(Matern52::isotropic(0.5)));
    let shared = matches!(noise, Noise::Homoscedastic(_));
    let centre =
        std::f64::consts::SQRT_2 - LENGTH_LOG_SD.powi(2) + 0.5 * (ordered.len().max(1) as f64).ln();
    let log_normal = |median, log_sd| Prior::LogNormal(LogNormal { median, log_sd });
    let mut priors = vec![("outputscale".to_owned(), log_normal(1.0, 1.0))];
    if !ordered.is_empty() {
        priors.push((
            "lengthscale".to_owned(),
            log_normal(centre.exp(), LENGTH_LOG_SD),
        ));
    }
    if shared {
        // Wide: from computed objectives without noise to instruments where noise is most of the variance.
        let prior = log_normal((-7.0_f64).exp(), 2.0);
        priors.push(("noise variance".to_owned(), prior));
    }
    let options = FitOptions {
        priors,
        ..FitOptions::default()
    };
    ExactGp::new(kernel.scaled(1.0), noise)
        .with_mean(Mean::Constant(0.0))
        .fit(x, y, &options)
}
