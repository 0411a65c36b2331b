//! How long to look, without a microscope: policies on an idealised bank of 64 × 64 sites, eight tasks, paired seeds.
//!
//! Prints the area under quality against dose of every policy beside the strongest design that does not adapt, then all
//! of it beside the numbers of an independent program for the same tasks, and draws the curves. All policies read the
//! same exact filter. What dose sequential and fixed tests need is the matter of the example `sequential_dose`.

mod prototype;

use clap::Parser;
use dosewise::metric::{Bootstrap, QualityCurve, holm, wilcoxon_signed_rank};
use dosewise::plot::{Band, Figure, QualityCurves, QualityPanel, Strategy};
use dosewise::sequential::{
    Allocation, BankDesign, DistilledSensing, FixedDwell, GittinsTable, IndexAllocation,
    InformationTable, Layout, Neighbours, Order, Racing, Regime, SequentialRaster, SequentialTest,
    SiteModel, Survival, Worth,
};
use dosewise::units::Seed;
use dosewise::{Error, Result};
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use std::path::PathBuf;

/// Seeds that settings are tuned on; scored seeds start after them.
const TUNING: std::ops::Range<u64> = 1..5;
const FIRST_SCORED: u64 = 1000;
const PRIOR: f64 = 0.01;

#[derive(Parser)]
struct Options {
    /// Paired seeds a task.
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// Folder for the figures.
    #[arg(long, default_value = "figures")]
    out: PathBuf,
}

/// One task: its name and its design.
struct Task {
    name: &'static str,
    design: BankDesign,
}

fn tasks() -> Result<Vec<Task>> {
    let worn = |critical_dose| {
        let survival = Survival::new(critical_dose, 2.0)?;
        SiteModel::poisson(1.0, 0.7)?.with_damage(0.7, 0.7, survival)
    };
    let whole = SiteModel::poisson(1.0, 0.7)?;
    let bank = |site, dose| BankDesign::new(4096, PRIOR, site)?.mean_dose(dose);
    let clusters = |dose, neighbours| {
        let design = bank(whole, dose)?.layout(Layout::Clustered)?;
        Ok::<_, Error>(design.neighbours(neighbours))
    };
    let task = |name, design| Task { name, design };
    use Neighbours::{Afresh, Lingering};
    Ok(vec![
        task("starved, b = 16", bank(whole, 16.0)?),
        task("nominal, b = 64", bank(whole, 64.0)?),
        task("rich, b = 256", bank(whole, 256.0)?.quantum(8.0)?),
        task(
            "visits ≥ b/2, b = 64",
            bank(whole, 64.0)?.smallest_visit(8)?,
        ),
        task("damage, Dc = 300", bank(worn(300.0)?, 64.0)?),
        task("damage, Dc = 100", bank(worn(100.0)?, 64.0)?),
        task("clusters, b = 64, lingering", clusters(64.0, Lingering)?),
        task("clusters, b = 64", clusters(64.0, Afresh)?),
        task("clusters, b = 16, lingering", clusters(16.0, Lingering)?),
        task("clusters, b = 16", clusters(16.0, Afresh)?),
    ])
}

/// Makes a policy with one of its settings, for the bank of a seed.
type Setting<'t> = Box<dyn Fn(u64) -> Result<Box<dyn Allocation + 't>> + Sync + 't>;

/// A policy with its settings to choose from.
struct Entry<'t> {
    name: &'static str,
    strategy: Strategy,
    settings: Vec<Setting<'t>>,
}

fn entries<'t>(
    design: &'t BankDesign,
    information: &'t InformationTable,
    claim: &'t InformationTable,
    gittins: &'t GittinsTable,
) -> Result<Vec<Entry<'t>>> {
    fn setting<'t, A: Allocation + 't>(make: impl Fn(u64) -> Result<A> + Sync + 't) -> Setting<'t> {
        Box::new(move |seed| Ok(Box::new(make(seed)?)))
    }
    let single = |order: fn(u64) -> Order, dwells: &[f64]| {
        let all = dwells
            .iter()
            .map(|&dwell| setting(move |seed| FixedDwell::single_pass(order(seed), dwell)));
        all.collect::<Vec<_>>()
    };
    let raster: fn(u64) -> Order = |_| Order::Raster;
    let random: fn(u64) -> Order = |seed| Order::Random(Seed(seed));
    let mut tests = Vec::new();
    for give_up in [0.7, 0.4, 0.1] {
        for claim in [0.9, 0.99] {
            tests.push(SequentialTest::by_posterior(give_up * PRIOR, claim)?);
        }
    }
    let entry = |name, strategy, settings| Entry {
        name,
        strategy,
        settings,
    };
    use Strategy::{Adaptive, Fixed};
    Ok(vec![
        entry("raster", Fixed, single(raster, &[1.0])),
        entry(
            "raster, tuned dwell",
            Fixed,
            single(raster, &[0.25, 0.5, 0.75, 1.5, 2.0, 4.0, 8.0]),
        ),
        entry(
            "random, tuned dwell",
            Fixed,
            single(random, &[0.5, 1.0, 2.0, 4.0, 8.0]),
        ),
        entry(
            "multi-pass",
            Fixed,
            [1, 4]
                .map(|quanta| setting(move |_| FixedDwell::multi_pass(Order::Raster, quanta, 1.0)))
                .into(),
        ),
        entry(
            "multi-pass, tuned stop",
            Fixed,
            [0.25, 0.5, 0.75, 1.0]
                .map(|share| setting(move |_| FixedDwell::multi_pass(Order::Raster, 1, share)))
                .into(),
        ),
        entry(
            "distilled sensing",
            Adaptive,
            [(4, 0.5), (4, 0.25), (8, 0.5), (8, 0.25)]
                .map(|(r, k)| setting(move |_| DistilledSensing::new(r, k)))
                .into(),
        ),
        entry(
            "distilled, prototype",
            Adaptive,
            [(4, 0.5), (4, 0.25), (8, 0.5), (8, 0.25)]
                .map(|(r, k)| setting(move |_| Ok(prototype::UnreadRounds::new(r, k))))
                .into(),
        ),
        entry(
            "racing",
            Adaptive,
            tests
                .iter()
                .skip(1)
                .step_by(2)
                .map(|&test| setting(move |_| Ok(Racing::new(test))))
                .collect(),
        ),
        entry(
            "sequential raster",
            Adaptive,
            tests
                .iter()
                .map(|&test| setting(move |_| SequentialRaster::new(test, 4.0)))
                .collect(),
        ),
        entry(
            "information index",
            Adaptive,
            vec![setting(move |_| IndexAllocation::new(information, design))],
        ),
        entry(
            "claim index",
            Adaptive,
            vec![setting(move |_| IndexAllocation::new(claim, design))],
        ),
        entry(
            "Gittins index",
            Adaptive,
            vec![setting(move |_| IndexAllocation::new(gittins, design))],
        ),
    ])
}

/// A policy, how it decides, and its quality curves on the scored seeds.
type Outcome = (&'static str, Strategy, Vec<QualityCurve>);

/// The outcome of every entry; the clairvoyant reference last.
fn compete(task: &Task, seeds: u64, progress: &ProgressBar) -> Result<Vec<Outcome>> {
    let design = &task.design;
    let (site, quantum) = (design.site(), design.quantum_dose());
    let visits = [1, 2, 4, 8, 16, 32];
    let information = InformationTable::new(site, Worth::Information, quantum, &visits)?;
    let claim = InformationTable::new(site, Worth::Detection, quantum, &visits)?;
    let gittins = GittinsTable::new(site, Worth::Detection, quantum, 256)?;
    let mut outcome = Vec::new();
    for entry in entries(design, &information, &claim, &gittins)? {
        let run = |setting: usize, seed: u64| {
            let curve = design
                .bank(Seed(seed))?
                .run(entry.settings[setting](seed)?.as_mut());
            progress.inc(1);
            curve
        };
        let mut best = (0, f64::NEG_INFINITY);
        if entry.settings.len() > 1 {
            for setting in 0..entry.settings.len() {
                let curves: Result<Vec<_>> = TUNING
                    .into_par_iter()
                    .map(|seed| run(setting, seed))
                    .collect();
                let total: f64 = curves?.iter().map(QualityCurve::dec_auc).sum();
                if total > best.1 {
                    best = (setting, total);
                }
            }
        }
        let scored = FIRST_SCORED..FIRST_SCORED + seeds;
        let curves: Result<Vec<_>> = scored
            .into_par_iter()
            .map(|seed| run(best.0, seed))
            .collect();
        outcome.push((entry.name, entry.strategy, curves?));
    }
    let scored = FIRST_SCORED..FIRST_SCORED + seeds;
    let reference: Result<Vec<_>> = scored
        .into_par_iter()
        .map(|seed| design.bank(Seed(seed))?.run_clairvoyant())
        .collect();
    outcome.push(("clairvoyant", Strategy::Oracle, reference?));
    Ok(outcome)
}

fn areas(curves: &[QualityCurve]) -> Vec<f64> {
    curves.iter().map(QualityCurve::dec_auc).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The area of the strongest fixed design on each seed.
fn strongest_fixed(outcome: &[Outcome]) -> Vec<f64> {
    let fixed = outcome.iter().filter(|o| o.1 == Strategy::Fixed);
    fixed
        .map(|o| areas(&o.2))
        .max_by(|a, b| mean(a).total_cmp(&mean(b)))
        .unwrap_or_default()
}

/// What a comparison looks at: the areas of every policy, of the strongest fixed design, and what the Gittins index gains
/// over it.
fn measured(outcome: &[Outcome]) -> Vec<(&'static str, Vec<f64>)> {
    let mut all: Vec<_> = outcome.iter().map(|o| (o.0, areas(&o.2))).collect();
    let base = strongest_fixed(outcome);
    if let Some((_, index)) = all.iter().find(|(name, _)| *name == "Gittins index") {
        let gain = index.iter().zip(&base).map(|(a, b)| a - b).collect();
        all.push(("gain of the index", gain));
    }
    all.push(("best fixed", base));
    all
}

/// Prints one task and returns its panel.
fn report(task: &Task, outcome: &[Outcome]) -> Result<QualityPanel> {
    let base = strongest_fixed(outcome);
    let reference = outcome.last().map_or(f64::NAN, |o| mean(&areas(&o.2)));
    let regime = Regime::new(
        task.design.site(),
        task.design.mean_quanta() as f64 * task.design.quantum_dose(),
        PRIOR,
    )?;
    println!(
        "\n{}: evidence a site {:.1} nats, needed {:.1}, ceiling {:.1}",
        task.name, regime.evidence_per_site, regime.evidence_needed, regime.evidence_ceiling
    );
    println!(
        "  policy                DEC-AUC   × best fixed   difference [95 % CI]        p (Holm)   gap"
    );
    let differences: Vec<Vec<f64>> = outcome
        .iter()
        .map(|o| areas(&o.2).iter().zip(&base).map(|(a, b)| a - b).collect())
        .collect();
    let tests: Result<Vec<f64>> = differences
        .iter()
        .map(|d| Ok(wilcoxon_signed_rank(d)?.p_value))
        .collect();
    let adjusted = holm(&tests?)?;
    for ((name, strategy, curves), (difference, p)) in
        outcome.iter().zip(differences.iter().zip(adjusted))
    {
        let area = mean(&areas(curves));
        print!("  {name:20}  {area:7.3}");
        if mean(difference) == 0.0 {
            println!("   best fixed");
            continue;
        }
        let interval = Bootstrap::default().mean(difference, Seed(0))?;
        let gap = 100.0 * (area - mean(&base)) / (reference - mean(&base));
        let gap = if *strategy == Strategy::Adaptive {
            format!("{gap:4.0} %")
        } else {
            String::new()
        };
        println!(
            "   ×{:<11.2}  {:+.3} [{:+.3}, {:+.3}]   {p:9.1e}  {gap}",
            area / mean(&base),
            interval.estimate,
            interval.low,
            interval.high
        );
    }
    let budget = outcome[0].2[0].budget();
    let doses: Vec<f64> = (0..=50).map(|k| budget * f64::from(k) / 50.0).collect();
    let curve = |(name, strategy, curves): &Outcome| {
        let sampled: Result<Vec<Vec<f64>>> = curves.iter().map(|c| c.sampled(&doses)).collect();
        let sampled = sampled?;
        let (mut quality, mut band) = (Vec::new(), Band::default());
        for k in 0..doses.len() {
            let values: Vec<f64> = sampled.iter().map(|s| s[k]).collect();
            let interval = Bootstrap {
                resamples: 500,
                ..Bootstrap::default()
            }
            .mean(&values, Seed(0))?;
            quality.push(interval.estimate);
            band.lower.push(interval.low);
            band.upper.push(interval.high);
        }
        Ok(dosewise::plot::QualityCurve {
            label: (*name).into(),
            strategy: *strategy,
            dose: doses.clone(),
            quality,
            band: Some(band),
        })
    };
    let shown = [
        "raster, tuned dwell",
        "multi-pass",
        "sequential raster",
        "racing",
        "Gittins index",
        "clairvoyant",
    ];
    let curves = outcome.iter().filter(|o| shown.contains(&o.0)).map(curve);
    Ok(QualityPanel {
        title: task.name.into(),
        budget: Some(budget),
        curves: curves.collect::<Result<_>>()?,
    })
}

fn main() -> Result<()> {
    let options = Options::parse();
    if options.seeds < 2 {
        return Err(Error::argument("--seeds", options.seeds, "at least 2"));
    }
    let tasks = tasks()?;
    // Tuning runs and scored runs of every task, the reference not counted.
    let runs = tasks.len() as u64 * (12 * options.seeds + 35 * (TUNING.end - TUNING.start));
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} runs, {eta} left");
    let progress =
        ProgressBar::new(runs).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let (mut panels, mut comparisons) = (Vec::new(), Vec::new());
    for task in &tasks {
        let outcome = compete(task, options.seeds, &progress)?;
        panels.push(progress.suspend(|| report(task, &outcome))?);
        comparisons.extend(prototype::compare(task.name, &measured(&outcome)));
    }
    progress.finish_and_clear();
    prototype::print(&comparisons);
    std::fs::create_dir_all(&options.out).map_err(|source| Error::io(&options.out, source))?;
    let file = options.out.join("site_bank.png");
    QualityCurves {
        panels,
        dose_label: Some("detected electrons a site".into()),
        note: Some(format!(
            "mean of {} banks; bands: 95 % bootstrap intervals",
            options.seeds
        )),
        ..QualityCurves::default()
    }
    .save(&file)?;
    println!("\n{}", file.display());
    prototype::check(&comparisons)
}
