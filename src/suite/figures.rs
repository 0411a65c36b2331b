//! From the traces of a sweep to its figures.

use super::sweep::{Results, Stage, Sweep};
use crate::agent::{PICTURE_PIXEL, Record, Trace};
use crate::error::{Error, Result};
use crate::metric::Bootstrap;
use crate::plot::{
    Band, EpisodePanel, FieldMap, ParetoFronts, ParetoPanel, ParetoPoint, QualityCurve,
    QualityCurves, QualityPanel, Site,
};
use crate::units::Seed;
use crate::world::Truth;
use crate::world::measurements::MAP_PIXEL;

/// Doses at which the curves are drawn, as a number of steps of the budget.
const STEPS: usize = 100;
/// Fractions of the budget at which a run may be stopped in the Pareto figure.
const STOPS: [f64; 4] = [0.125, 0.25, 0.5, 1.0];

/// Mean quality against dose of every configuration, with bootstrap bands, a panel per world.
///
/// # Errors
/// [`Error::Argument`] for a sweep with fewer than two seeds.
pub fn quality_curves(sweep: &Sweep, results: &Results) -> Result<QualityCurves> {
    let panel = |stage: &Stage, traces: &[Vec<Trace>]| -> Result<QualityPanel> {
        let budget = stage.world.briefing().budget.0;
        let doses: Vec<f64> = (0..=STEPS)
            .map(|i| budget * i as f64 / STEPS as f64)
            .collect();
        let curves = stage
            .configurations
            .iter()
            .zip(traces)
            .map(|(configuration, traces)| {
                let (quality, band) = average(traces, &doses)?;
                Ok(QualityCurve {
                    label: configuration.name().into(),
                    strategy: configuration.strategy(),
                    dose: doses.clone(),
                    quality,
                    band: Some(band),
                })
            })
            .collect::<Result<_>>()?;
        Ok(QualityPanel {
            title: stage.world.briefing().name.clone(),
            budget: Some(budget),
            curves,
        })
    };
    Ok(QualityCurves {
        panels: per_world(sweep, results, panel)?,
        log_dose: false,
        dose_label: None,
        note: Some(format!(
            "mean of {} episodes; bands: 95 % bootstrap intervals",
            sweep.seeds.len()
        )),
    })
}

/// One panel for each world of the sweep.
fn per_world<P>(
    sweep: &Sweep,
    results: &Results,
    panel: impl Fn(&Stage, &[Vec<Trace>]) -> Result<P>,
) -> Result<Vec<P>> {
    let worlds = sweep.stages.iter().zip(&results.traces);
    worlds.map(|(stage, traces)| panel(stage, traces)).collect()
}

/// Mean quality at each dose, with its bootstrap band.
fn average(traces: &[Trace], doses: &[f64]) -> Result<(Vec<f64>, Band)> {
    let sampled = traces
        .iter()
        .map(|t| t.curve.sampled(doses))
        .collect::<Result<Vec<_>>>()?;
    let bootstrap = Bootstrap {
        resamples: 1000,
        ..Bootstrap::default()
    };
    let (mut quality, mut band) = (Vec::new(), Band::default());
    for index in 0..doses.len() {
        let values: Vec<f64> = sampled.iter().map(|curve| curve[index]).collect();
        let interval = bootstrap.mean(&values, Seed(0))?;
        quality.push(interval.estimate);
        band.lower.push(interval.low);
        band.upper.push(interval.high);
    }
    Ok((quality, band))
}

/// Quality against dose of every configuration, interrupted at an eighth, a quarter, half and the whole of the budget it was
/// planned for, with the front of those that nothing beats.
///
/// # Errors
/// As [`quality_curves`].
pub fn pareto_fronts(sweep: &Sweep, results: &Results) -> Result<ParetoFronts> {
    let panel = |stage: &Stage, traces: &[Vec<Trace>]| -> Result<ParetoPanel> {
        let briefing = stage.world.briefing();
        let doses = STOPS.map(|fraction| fraction * briefing.budget.0);
        let mut points = Vec::new();
        for (configuration, traces) in stage.configurations.iter().zip(traces) {
            let (quality, band) = average(traces, &doses)?;
            for (index, dose) in doses.into_iter().enumerate() {
                points.push(ParetoPoint {
                    label: configuration.name().into(),
                    strategy: configuration.strategy(),
                    dose,
                    quality: quality[index],
                    dose_interval: None,
                    quality_interval: Some((band.lower[index], band.upper[index])),
                });
            }
        }
        Ok(ParetoPanel {
            title: briefing.name.clone(),
            points,
        })
    };
    Ok(ParetoFronts {
        panels: per_world(sweep, results, panel)?,
        log_dose: true,
        note: Some(format!(
            "interrupted at 1/8, 1/4, 1/2 and all of the budget planned for; {} episodes, bars: 95 % intervals",
            sweep.seeds.len()
        )),
        ..ParetoFronts::default()
    })
}

/// One recorded episode: the specimen, the dose, the measurement and the answer.
///
/// # Errors
/// [`Error::Argument`] when the finding does not hold one belief per lattice site.
pub fn episode_panel(record: &Record, title: impl Into<String>) -> Result<EpisodePanel> {
    let beliefs = record.finding.sites();
    let defects = match &record.truth {
        Truth::PointDefects { defects, .. } if defects.len() == beliefs.len() => defects,
        truth => {
            let found = format!("{} beliefs about point defects", beliefs.len());
            let allowed = format!("{}, one per lattice site", truth.positions().len());
            return Err(Error::argument("finding", found, allowed));
        }
    };
    let sites = beliefs
        .iter()
        .zip(defects)
        .map(|(belief, truth)| Site {
            y: belief.position.y,
            x: belief.position.x,
            probability: belief.probability(),
            is_defect: truth.is_some(),
            is_flagged: belief.is_flagged(),
        })
        .collect();
    let percent = |values: ndarray::Array2<f64>| values.mapv(|v| 100.0 * v);
    Ok(EpisodePanel {
        title: Some(title.into()),
        truth: FieldMap::new(percent(record.field.clone()), PICTURE_PIXEL),
        truth_label: "detected / %".into(),
        dose: FieldMap::new(record.measurements.dose_map(&record.briefing), MAP_PIXEL),
        log_dose: true,
        measured: FieldMap::new(
            percent(record.measurements.image(&record.briefing)),
            MAP_PIXEL,
        ),
        measured_label: "detected / %".into(),
        sites,
        // Grey is taken: it marks what was not visited.
        colour_map: crate::plot::ColourMap::Cividis,
    })
}
