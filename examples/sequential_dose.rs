//! How much dose a sequential test saves over one of fixed dwell: theory against simulation, for counts and for readings
//! with additive noise, and what damage leaves of it.
//!
//! Prints every number of theory beside its simulated value with a 95 % interval, and draws them.

use clap::Parser;
use dosewise::plot::style::Dash;
use dosewise::plot::{Figure, MeasuredPoint, TheoryFigure, TheoryPanel, TheorySeries};
use dosewise::random::{Purpose, Stream};
use dosewise::sequential::{
    FixedTest, RecoveryLimits, Regime, SequentialTest, SiteFilter, SiteModel, Survival, Verdict,
    rose_dose,
};
use dosewise::units::Seed;
use dosewise::{Error, Result};
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use std::path::PathBuf;

/// Dose of one quantum, in units of one expected count of a null site.
const QUANTUM: f64 = 1.0;
/// A site is given up at a tenth of its prior odds and claimed at odds of nine to one.
const GIVE_UP: f64 = 0.1;
const CLAIM: f64 = 9.0;

#[derive(Parser)]
struct Options {
    /// Simulated sites of each kind, a point.
    #[arg(long, default_value_t = 4000)]
    sites: u64,
    /// Folder for the figure.
    #[arg(long, default_value = "figures")]
    out: PathBuf,
}

/// A mean with half the width of its 95 % interval.
#[derive(Clone, Copy)]
struct Mean {
    mean: f64,
    half: f64,
}

impl Mean {
    fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        let half = 1.96 * (squares / (n - 1.0) / n).sqrt();
        Self { mean, half }
    }

    /// The mean over sites of which a share `prior` are alternatives.
    fn mixed(null: Self, alternative: Self, prior: f64) -> Self {
        Self {
            mean: (1.0 - prior) * null.mean + prior * alternative.mean,
            half: ((1.0 - prior) * null.half).hypot(prior * alternative.half),
        }
    }

    fn holds(&self, value: f64) -> bool {
        (value - self.mean).abs() <= self.half
    }

    fn point(&self, x: f64) -> MeasuredPoint {
        MeasuredPoint {
            x,
            y: self.mean,
            interval: (self.mean - self.half, self.mean + self.half),
        }
    }

    fn text(&self) -> String {
        if self.mean < 0.01 {
            format!("{:.2e} ± {:.0e}", self.mean, self.half)
        } else {
            format!("{:.3} ± {:.3}", self.mean, self.half)
        }
    }
}

/// What simulated sequential tests cost and how often they err.
struct Simulated {
    null: Mean,
    alternative: Mean,
    false_alarm: Mean,
    miss: Mean,
}

/// Tests on `sites` nulls and as many alternatives. The error rates, too small to count, follow from Wald's identity
/// P₀(claim) = E₁[e^(−L); claim] with L the log-likelihood ratio at the end, and the like for misses.
fn simulate(
    test: SequentialTest,
    site: &SiteModel,
    prior: f64,
    sites: u64,
    seed: Seed,
) -> Result<Simulated> {
    let start = (prior / (1.0 - prior)).ln();
    let run = |alternative: bool, number: u64| -> Result<[f64; 2]> {
        let key = [number, u64::from(alternative)];
        let mut stream = Stream::new(seed, Purpose::Counts, key);
        let mut filter = SiteFilter::default();
        loop {
            let shown = site.draw(site.rate(alternative), QUANTUM, &mut stream)?;
            filter.observe(site, QUANTUM, shown)?;
            let ratio = filter.log_likelihood_ratio();
            let weight = match (test.verdict(start + ratio), alternative) {
                (Verdict::Undecided, _) => continue,
                (Verdict::Alternative, true) => (-ratio).exp(),
                (Verdict::Null, false) => ratio.exp(),
                _ => 0.0,
            };
            return Ok([filter.dose(), weight]);
        }
    };
    let of_kind = |alternative: bool| -> Result<[Mean; 2]> {
        let all: Result<Vec<[f64; 2]>> = (0..sites)
            .into_par_iter()
            .map(|i| run(alternative, i))
            .collect();
        let all = all?;
        Ok([0, 1].map(|k| Mean::of(&all.iter().map(|one| one[k]).collect::<Vec<_>>())))
    };
    let [[null, miss], [alternative, false_alarm]] = [of_kind(false)?, of_kind(true)?];
    Ok(Simulated {
        null,
        alternative,
        false_alarm,
        miss,
    })
}

/// The table of limits: what has to be paid before any simulation.
fn print_limits() -> Result<()> {
    println!(
        "dose a site to find the alternatives (contrast c, n sites, share π; units of one count of a null site)"
    );
    println!(
        "    c      n     π   D(P0|P1)  D(P1|P0)  Chernoff   ln s/D01   ln n/D10   ratio   Wald: null  alternative   mean   recall   Rose k = 5"
    );
    for contrast in [0.2, 0.3, 0.4] {
        let site = SiteModel::poisson(1.0, 1.0 - contrast)?;
        for (sites, prior) in [(4096, 0.01), (4096, 0.03), (65_536, 0.01)] {
            let limits = RecoveryLimits::new(&site, sites, prior)?;
            let cost =
                SequentialTest::by_odds(GIVE_UP, CLAIM, prior)?.expected_dose(&site, prior)?;
            // Rose's dose by the noise of the darker class.
            let rose = rose_dose(&site, 5.0)? * site.rate(true);
            println!(
                "  {contrast:3}  {sites:5}  {prior:4}   {:8.4}  {:8.4}  {:8.4}   {:8.1}   {:8.1}   {:5.2}   {:10.1}  {:11.1}  {:5.1}   {:6.2}   {rose:10.0}",
                site.evidence_against(),
                site.evidence_for(),
                site.chernoff_information(),
                limits.sequential,
                limits.fixed,
                limits.fixed / limits.sequential,
                cost.null,
                cost.alternative,
                cost.mean,
                1.0 - cost.miss,
            );
        }
    }
    Ok(())
}

/// Sequential tests of posterior thresholds over rarity: Wald, with overshoot, simulated, and the fixed dwell for the same
/// errors.
fn rarity_panel(sites: u64, progress: &ProgressBar) -> Result<TheoryPanel> {
    println!(
        "\nmean dose a site against the share π of alternatives (quanta of {QUANTUM}; * where the interval holds the corrected theory)"
    );
    println!(
        "    c        π     Wald   corrected   simulated            fixed dwell   saved   false alarms: corrected, simulated        misses: corrected, simulated"
    );
    let priors = [0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3, 1e-4, 1e-5];
    let mut series = Vec::new();
    for contrast in [0.2, 0.4] {
        let site = SiteModel::poisson(1.0, 1.0 - contrast)?;
        let mut sequential = TheorySeries {
            label: format!("sequential, c = {contrast}"),
            ..TheorySeries::default()
        };
        let mut fixed = TheorySeries {
            label: format!("fixed dwell, same errors, c = {contrast}"),
            dash: Some(Dash::Dashed),
            ..TheorySeries::default()
        };
        for (i, prior) in priors.into_iter().enumerate() {
            let test = SequentialTest::by_odds(GIVE_UP, CLAIM, prior)?;
            let wald = test.expected_dose(&site, prior)?;
            let theory = test.expected_dose_in_quanta(&site, prior, QUANTUM)?;
            let found = simulate(test, &site, prior, sites, Seed(i as u64))?;
            let dose = Mean::mixed(found.null, found.alternative, prior);
            let same = FixedTest::by_error_rates(&site, theory.false_alarm, theory.miss)?;
            let star = |mean: &Mean, value| if mean.holds(value) { "*" } else { " " };
            println!(
                "  {contrast:3}  {prior:7}   {:6.1}   {:9.1}   {:18}{} {:11.1}   ×{:.2}   {:.2e}, {:19}{}  {:.3}, {}{}",
                wald.mean,
                theory.mean,
                dose.text(),
                star(&dose, theory.mean),
                same.dose,
                same.dose / theory.mean,
                theory.false_alarm,
                found.false_alarm.text(),
                star(&found.false_alarm, theory.false_alarm),
                theory.miss,
                found.miss.text(),
                star(&found.miss, theory.miss),
            );
            sequential.theory.push((prior, theory.mean));
            sequential.measured.push(dose.point(prior));
            fixed.theory.push((prior, same.dose));
            progress.inc(1);
        }
        sequential.theory.reverse();
        fixed.theory.reverse();
        series.extend([sequential, fixed]);
    }
    Ok(TheoryPanel {
        title: "rarer costs the fixed test more".into(),
        x: "share of alternatives".into(),
        y: "mean dose a site".into(),
        log_y: true,
        series,
    })
}

/// The saving at null sites where both errors vanish alike: D(P₀ ‖ P₁)/C, which is 4 for readings with additive noise.
fn limit_panel(sites: u64, progress: &ProgressBar) -> Result<TheoryPanel> {
    println!(
        "\nfixed dose over mean sequential dose of a null at equal errors α = β (limit D(P0|P1)/Chernoff)"
    );
    println!("  site                      α     theory   simulated       limit");
    let mut series = Vec::new();
    for (label, site) in [
        ("additive noise", SiteModel::gaussian(0.0, 0.3, 1.0)?),
        ("counts, c = 0.8", SiteModel::poisson(1.0, 0.2)?),
    ] {
        let limit = site.evidence_against() / site.chernoff_information();
        let mut line = TheorySeries {
            label: label.into(),
            ..TheorySeries::default()
        };
        for exponent in [1, 2, 3, 5, 7, 10, 14] {
            let error = 10_f64.powi(-exponent);
            // The overshoot makes both errors smaller than asked for; the fixed test has to match that.
            let test = SequentialTest::by_error_rates(error, error, 0.5)?;
            let cost = test.expected_dose_in_quanta(&site, 0.5, QUANTUM)?;
            let fixed = FixedTest::by_error_rates(&site, cost.false_alarm, cost.miss)?.dose;
            let found = simulate(test, &site, 0.5, sites, Seed(100))?.null;
            let ratio = |dose: f64| fixed / dose;
            let (low, high) = (
                ratio(found.mean + found.half),
                ratio(found.mean - found.half),
            );
            println!(
                "  {label:18}  {error:7.0e}   {:6.3}   {:.3} [{low:.3}, {high:.3}]   {limit:.3}",
                ratio(cost.null),
                ratio(found.mean)
            );
            line.theory.push((1.0 / error, ratio(cost.null)));
            line.measured.push(MeasuredPoint {
                x: 1.0 / error,
                y: ratio(found.mean),
                interval: (low, high),
            });
            progress.inc(1);
        }
        series.push(line);
        series.push(TheorySeries {
            label: format!("limit, {label}"),
            theory: vec![(10.0, limit), (1e14, limit)],
            dash: Some(Dash::Dotted),
            ..TheorySeries::default()
        });
    }
    Ok(TheoryPanel {
        title: "equal errors, dose at null sites".into(),
        x: "1 / error rate".into(),
        y: "fixed dose / sequential dose".into(),
        log_y: false,
        series,
    })
}

/// Expected evidence at an alternative that wears out, against its ceiling.
fn ceiling_panel(sites: u64, progress: &ProgressBar) -> Result<TheoryPanel> {
    println!(
        "\nevidence at an alternative that wears out (nats; needed at π = 1 %: {:.2})",
        99.0_f64.ln()
    );
    println!("    Dc   damaged     dose   bound D10 ∫S   simulated         ceiling");
    let doses = [10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0];
    let mut series = Vec::new();
    // Knocked-out columns look like vacancies; damage of another kind would show and could be left out.
    for (critical_dose, damaged, label) in [
        (100.0, 0.7, "bound; simulated, Dc = 100, damage hides"),
        (300.0, 0.7, "bound; simulated, Dc = 300, damage hides"),
        (300.0, 3.0, "simulated, Dc = 300, damage shows"),
    ] {
        let survival = Survival::new(critical_dose, 2.0)?;
        let site = SiteModel::poisson(1.0, 0.7)?.with_damage(damaged, damaged, survival)?;
        let ceiling = Regime::new(&site, 64.0, 0.01)?.evidence_ceiling;
        // ∫ S by the midpoint rule.
        let bound = |dose: f64| {
            let step = dose / 1000.0;
            let survived = (0..1000).map(|i| survival.intact((f64::from(i) + 0.5) * step) * step);
            site.evidence_for() * survived.sum::<f64>()
        };
        let run = |number: u64| -> Result<Vec<f64>> {
            let mut life = Stream::new(Seed(7), Purpose::DamageThreshold, [number, 0]);
            let life = critical_dose * life.exponential().sqrt();
            let mut stream = Stream::new(Seed(7), Purpose::Counts, [number, 1]);
            let mut filter = SiteFilter::default();
            let mut found = Vec::new();
            for dose in doses {
                while filter.dose() < dose {
                    let rate = if filter.dose() < life {
                        site.rate(true)
                    } else {
                        site.damaged_rate(true)
                    };
                    let shown = site.draw(rate, QUANTUM, &mut stream)?;
                    filter.observe(&site, QUANTUM, shown)?;
                }
                found.push(filter.log_likelihood_ratio());
            }
            Ok(found)
        };
        let all: Result<Vec<_>> = (0..sites / 2).into_par_iter().map(run).collect();
        let all = all?;
        let mut measured = Vec::new();
        for (k, dose) in doses.into_iter().enumerate() {
            let mean = Mean::of(&all.iter().map(|one| one[k]).collect::<Vec<_>>());
            println!(
                "  {critical_dose:4}   {damaged:7}   {dose:6}   {:12.2}   {:16}  {ceiling:.2}",
                bound(dose),
                mean.text()
            );
            measured.push(mean.point(dose));
        }
        let fine = (0..=60).map(|i| 10.0 * 64.0_f64.powf(f64::from(i) / 60.0));
        series.push(TheorySeries {
            label: label.into(),
            theory: if damaged < 1.0 {
                fine.map(|dose| (dose, bound(dose))).collect()
            } else {
                Vec::new()
            },
            dash: None,
            measured,
        });
        progress.inc(1);
    }
    series.push(TheorySeries {
        label: "needed at 1 % prevalence".into(),
        theory: vec![(10.0, 99.0_f64.ln()), (640.0, 99.0_f64.ln())],
        dash: Some(Dash::Dotted),
        ..TheorySeries::default()
    });
    Ok(TheoryPanel {
        title: "damage sets a ceiling".into(),
        x: "dose of the site".into(),
        y: "expected evidence / nats".into(),
        log_y: false,
        series,
    })
}

fn main() -> Result<()> {
    let options = Options::parse();
    if options.sites < 4 {
        return Err(Error::argument("--sites", options.sites, "at least 4"));
    }
    print_limits()?;
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} points, {eta} left");
    let progress = ProgressBar::new(2 * 8 + 2 * 7 + 3)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let panels = vec![
        rarity_panel(options.sites, &progress)?,
        limit_panel(options.sites, &progress)?,
        ceiling_panel(options.sites, &progress)?,
    ];
    progress.finish_and_clear();
    std::fs::create_dir_all(&options.out).map_err(|source| Error::io(&options.out, source))?;
    let [png, _] =
        TheoryFigure { panels }.save_png_and_svg(&options.out.join("sequential_dose"))?;
    println!("\n{}", png.display());
    Ok(())
}
