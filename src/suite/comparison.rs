//! The table of a sweep: DEC-AUC with intervals, and paired tests against the best non-adaptive policy.

use super::sweep::{Configuration, Results, Sweep};
use crate::agent::Trace;
use crate::error::{Error, Result};
use crate::metric::{Bootstrap, Interval, holm, wilcoxon_signed_rank};
use crate::plot::Strategy;
use crate::units::Seed;
use std::fmt::Write;

/// One configuration in one world.
#[derive(Debug, Clone)]
pub struct Row {
    /// Name of the configuration.
    pub name: String,
    /// What it may do.
    pub strategy: Strategy,
    /// Mean DEC-AUC with its bootstrap interval.
    pub dec_auc: Interval,
    /// Mean quality of the answer held at the budget.
    pub final_quality: f64,
    /// Mean dose spent, e⁻/Å².
    pub spent: f64,
    /// Median dose to reach q = 0.5, e⁻/Å²; `None` when half of the episodes do not reach it.
    pub dose_to_half: Option<f64>,
    /// Mean share of the damageable atoms lost.
    pub damaged_fraction: f64,
    /// Paired difference to the best non-adaptive configuration; `None` for that one itself.
    pub difference: Option<Interval>,
    /// Wilcoxon signed-rank p of the difference, Holm-adjusted over the whole sweep; `None` where there is no test.
    pub adjusted_p: Option<f64>,
    /// Share of the gap between the best non-adaptive configuration and the clairvoyant that is closed; `None` without one
    /// or when the gap is below 0.05.
    pub gap_closed: Option<f64>,
}

/// The rows of one world.
#[derive(Debug, Clone)]
pub struct WorldTable {
    /// Name of the world.
    pub world: String,
    /// Budget, e⁻/Å².
    pub budget: f64,
    /// One row per configuration.
    pub rows: Vec<Row>,
    /// Index of the best non-adaptive row.
    pub baseline: usize,
}

/// The tables of a sweep.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// One table per world.
    pub tables: Vec<WorldTable>,
    /// Number of seeds.
    pub seeds: usize,
}

/// Differences at this adjusted p are called significant.
const SIGNIFICANCE: f64 = 0.01;

impl Comparison {
    /// Compares the configurations of every world on their common seeds.
    ///
    /// The baseline of a world is its non-adaptive configuration of highest mean DEC-AUC on these very seeds: chosen after
    /// the fact, which favours the baseline. Holm's correction runs over all adaptive configurations in all worlds.
    ///
    /// # Errors
    /// [`Error::Argument`] for fewer than two seeds or a world without a non-adaptive configuration.
    pub fn new(sweep: &Sweep, results: &Results) -> Result<Self> {
        let bootstrap = Bootstrap::default();
        let mut tables = Vec::new();
        let mut p_values = Vec::new();
        for (stage, traces) in sweep.stages.iter().zip(&results.traces) {
            if traces.len() != stage.configurations.len()
                || traces.iter().any(|t| t.len() != sweep.seeds.len())
            {
                let allowed = "one trace per configuration and seed of the sweep";
                return Err(Error::argument(
                    "results",
                    format!("{} configurations", traces.len()),
                    allowed,
                ));
            }
            let scores: Vec<Vec<f64>> = traces
                .iter()
                .map(|t| t.iter().map(Trace::dec_auc).collect())
                .collect();
            let means: Vec<f64> = scores.iter().map(|s| mean(s.iter().copied())).collect();
            let best_of = |strategy: Strategy| {
                (0..means.len())
                    .filter(|&i| stage.configurations[i].strategy() == strategy)
                    .max_by(|&a, &b| means[a].total_cmp(&means[b]).then(b.cmp(&a)))
            };
            let Some(baseline) = best_of(Strategy::Fixed) else {
                let found = format!("none in {}", stage.world.briefing().name);
                return Err(Error::argument(
                    "configurations",
                    found,
                    "at least one non-adaptive configuration",
                ));
            };
            let bound = best_of(Strategy::Oracle)
                .map(|i| means[i] - means[baseline])
                .filter(|gap| *gap >= 0.05);
            let mut rows = Vec::new();
            for (index, configuration) in stage.configurations.iter().enumerate() {
                let difference = (index != baseline)
                    .then(|| {
                        bootstrap.paired_difference(&scores[index], &scores[baseline], Seed(0))
                    })
                    .transpose()?;
                if configuration.strategy() == Strategy::Adaptive {
                    let differences: Vec<f64> = scores[index]
                        .iter()
                        .zip(&scores[baseline])
                        .map(|(a, b)| a - b)
                        .collect();
                    p_values.push(wilcoxon_signed_rank(&differences)?.p_value);
                }
                rows.push(Row {
                    dec_auc: bootstrap.mean(&scores[index], Seed(0))?,
                    gap_closed: bound.map(|gap| (means[index] - means[baseline]) / gap),
                    difference,
                    ..row(configuration, &traces[index])
                });
            }
            let briefing = stage.world.briefing();
            tables.push(WorldTable {
                world: briefing.name.clone(),
                budget: briefing.budget.0,
                rows,
                baseline,
            });
        }
        let mut adjusted = holm(&p_values)?.into_iter();
        for row in tables
            .iter_mut()
            .flat_map(|t| &mut t.rows)
            .filter(|r| r.strategy == Strategy::Adaptive)
        {
            row.adjusted_p = adjusted.next();
        }
        Ok(Self {
            tables,
            seeds: sweep.seeds.len(),
        })
    }

    /// The tables and who wins, as text.
    pub fn report(&self) -> String {
        let mut text = String::new();
        for table in &self.tables {
            let _ = writeln!(
                text,
                "{}   budget {} e⁻/Å², {} seeds",
                table.world, table.budget, self.seeds
            );
            let _ = writeln!(
                text,
                "  {:<20} {:<23} {:>5}  {:>6}  {:>6}  {:<26} {:>8} {:>5} {:>8}",
                "policy",
                "DEC-AUC [95 % CI]",
                "q(B)",
                "spent",
                "D(q=½)",
                "minus best non-adaptive",
                "p (Holm)",
                "gap",
                "damaged"
            );
            for row in &table.rows {
                let _ = writeln!(text, "{}", line(row));
            }
            text.push('\n');
        }
        let _ = writeln!(
            text,
            "spent: mean dose in e⁻/Å². D(q=½): median dose at which q = 0.5 is reached, in steps of 1 % of the budget.\n\
             Differences are paired by seed, with 95 % bootstrap intervals; p is Wilcoxon's signed-rank test, Holm-adjusted over\n\
             the {} adaptive entries. gap: share of the way from the best non-adaptive policy (marked =) to the clairvoyant\n\
             reference. damaged: share of the damageable atoms lost.\n",
            self.tables
                .iter()
                .flat_map(|t| &t.rows)
                .filter(|r| r.adjusted_p.is_some())
                .count()
        );
        for table in &self.tables {
            let _ = writeln!(text, "{}", verdict(table));
        }
        text
    }
}

fn row(configuration: &Configuration, traces: &[Trace]) -> Row {
    let mut half: Vec<f64> = traces
        .iter()
        .map(|t| t.curve.dose_to_reach(0.5).unwrap_or(f64::INFINITY))
        .collect();
    half.sort_by(f64::total_cmp);
    Row {
        name: configuration.name().to_string(),
        strategy: configuration.strategy(),
        dec_auc: Interval {
            estimate: 0.0,
            low: 0.0,
            high: 0.0,
            level: 0.95,
        },
        final_quality: mean(traces.iter().map(Trace::final_quality)),
        dose_to_half: median(&half).filter(|d| d.is_finite()),
        spent: mean(traces.iter().map(|t| t.spent.0)),
        damaged_fraction: mean(traces.iter().map(|t| t.damaged_fraction)),
        difference: None,
        adjusted_p: None,
        gap_closed: None,
    }
}

/// Middle of sorted values.
fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = sorted.get(middle)?;
    Some(if sorted.len().is_multiple_of(2) {
        0.5 * (sorted[middle - 1] + upper)
    } else {
        *upper
    })
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len().max(1) as f64;
    values.sum::<f64>() / count
}

fn line(row: &Row) -> String {
    let auc = format!(
        "{:.3} [{:.3}, {:.3}]",
        row.dec_auc.estimate, row.dec_auc.low, row.dec_auc.high
    );
    let half = row.dose_to_half.map_or("-".into(), |d| format!("{d:.0}"));
    let difference = row.difference.map_or("=".into(), |d| {
        format!("{:+.3} [{:+.3}, {:+.3}]", d.estimate, d.low, d.high)
    });
    let p = row.adjusted_p.map_or(String::new(), |p| format!("{p:.1e}"));
    let gap = match row.gap_closed {
        Some(gap) if row.strategy == Strategy::Adaptive => format!("{:.0} %", 100.0 * gap),
        _ => String::new(),
    };
    format!(
        "  {:<20} {auc:<23} {:>5.3}  {:>6.0}  {half:>6}  {difference:<26} {p:>8} {gap:>5} {:>6.2} %",
        row.name,
        row.final_quality,
        row.spent,
        100.0 * row.damaged_fraction
    )
}

/// Says plainly who wins a world.
fn verdict(table: &WorldTable) -> String {
    let baseline = &table.rows[table.baseline];
    let adaptive = table
        .rows
        .iter()
        .filter(|r| r.strategy == Strategy::Adaptive);
    let best = adaptive.max_by(|a, b| a.dec_auc.estimate.total_cmp(&b.dec_auc.estimate));
    let significant = |row: &Row| row.adjusted_p.is_some_and(|p| p < SIGNIFICANCE);
    let better = |row: &Row| row.difference.is_some_and(|d| d.estimate > 0.0);
    let raster = table.rows.iter().find(|r| r.name == "raster");
    let against_raster = |row: &Row| match raster {
        Some(raster) if raster.dec_auc.estimate > 0.0 => {
            format!(
                ", ×{:.1} the single-pass raster",
                row.dec_auc.estimate / raster.dec_auc.estimate
            )
        }
        _ => String::new(),
    };
    match best {
        Some(winner) if better(winner) && significant(winner) => format!(
            "{}: {} wins: ×{:.2} the best non-adaptive policy ({}){}.",
            table.world,
            winner.name,
            winner.dec_auc.estimate / baseline.dec_auc.estimate.max(1e-9),
            baseline.name,
            against_raster(winner)
        ),
        Some(rival) if significant(rival) && !better(rival) => format!(
            "{}: {} wins; no adaptive policy does better{}.",
            table.world,
            baseline.name,
            against_raster(baseline)
        ),
        Some(rival) => {
            let (ahead, behind) = if better(rival) {
                (rival, baseline)
            } else {
                (baseline, rival)
            };
            format!(
                "{}: no significant winner: {} is ahead of {} by less than the seeds can tell.",
                table.world, ahead.name, behind.name
            )
        }
        None => format!(
            "{}: {} is the best of the non-adaptive policies; nothing adaptive ran.",
            table.world, baseline.name
        ),
    }
}
