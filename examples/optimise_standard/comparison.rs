//! Paired comparisons: what is printed of runs over the same seeds, and their curves.

use crate::runs::Run;
use dosewise::Result;
use dosewise::metric::{Bootstrap, IntervalMethod, wilcoxon_signed_rank};
use dosewise::plot::GrowthCurve;
use dosewise::units::Seed;

/// Regrets below this are all alike: the optimum is not known better.
const LEAST: f64 = 1e-9;

/// The runs of one method.
pub struct Method<'a> {
    pub name: &'a str,
    pub runs: &'a [Run],
}

/// Prints the median regret of each method with a 95 % bootstrap interval, and how the first does beside each other, seed
/// by seed: wins, the median of the ratio of regrets, the p-value of Wilcoxon's signed-rank test of its logarithm.
pub fn print(
    title: &str,
    methods: &[Method<'_>],
    evaluations: usize,
    regret: impl Fn(&Run) -> f64,
) -> Result<()> {
    println!("\n{title}");
    println!(
        "  {:22} {:>5}  {:28} {:12} {:27} {:>8}  s an ask",
        "", "seeds", "median regret [95 %]", "first lower", "regret of first : this one", "p"
    );
    let logs = |runs: &[&Run]| -> Vec<f64> {
        let log = |run: &&Run| regret(run).max(LEAST).ln();
        runs.iter().map(log).collect()
    };
    for (i, method) in methods.iter().enumerate() {
        let all: Vec<&Run> = method.runs.iter().collect();
        print!(
            "  {:22} {:5}  {:28}",
            method.name,
            all.len(),
            interval(&logs(&all))?
        );
        if i > 0 {
            let pairs = method.runs.iter().filter_map(|run| {
                let first = methods[0].runs.iter().find(|first| first.seed == run.seed);
                Some((first?, run))
            });
            let (first, this): (Vec<_>, Vec<_>) = pairs.unzip();
            let both = logs(&first).into_iter().zip(logs(&this));
            let differences: Vec<f64> = both.map(|(a, b)| a - b).collect();
            let won = differences.iter().filter(|d| **d < 0.0).count();
            let p = wilcoxon_signed_rank(&differences)?.p_value;
            let of = format!("{won} of {}", differences.len());
            print!(" {of:12} {:27} {p:8.1e}", interval(&differences)?);
        } else {
            print!(" {:49}", "");
        }
        // the initial design takes no model; the last suggestions take the largest
        let asks = method.runs.iter().flat_map(|run| {
            let initial = evaluations.saturating_sub(run.seconds.len());
            run.seconds.iter().take(evaluations - initial).rev().take(5)
        });
        let seconds = median(asks.copied().collect());
        println!(
            "  {}",
            if seconds.is_nan() {
                String::new()
            } else {
                format!("{seconds:.3}")
            }
        );
    }
    Ok(())
}

/// Median of what these are the logarithms of, with its interval.
fn interval(logs: &[f64]) -> Result<String> {
    if logs.len() < 2 || logs.iter().any(|log| !log.is_finite()) {
        return Ok(format!("{:.2e}", median(logs.to_vec()).exp()));
    }
    let bootstrap = Bootstrap {
        // that of a median has no acceleration
        method: IntervalMethod::Percentile,
        ..Bootstrap::default()
    };
    let chosen = |items: &[usize]| median(items.iter().map(|i| logs[*i]).collect());
    let found = bootstrap.statistic(&[logs.len()], Seed(0), chosen)?;
    let (estimate, low, high) = (found.estimate.exp(), found.low.exp(), found.high.exp());
    Ok(format!("{estimate:.2e} [{low:.1e}, {high:.1e}]"))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[middle],
        _ => 0.5 * (values[middle - 1] + values[middle]),
    }
}

/// Median regret of a method at some sizes, where all runs have one.
pub fn curve(method: &Method<'_>, sizes: &[f64], regret: impl Fn(&Run, f64) -> f64) -> GrowthCurve {
    let at = |size| median(method.runs.iter().map(|run| regret(run, size)).collect());
    let points = sizes.iter().map(|&size| (size, at(size)));
    let (size, cost) = points
        .filter(|(_, regret)| regret.is_finite())
        .map(|(size, regret)| (size, regret.max(LEAST)))
        .unzip();
    GrowthCurve {
        label: method.name.into(),
        size,
        cost,
    }
}
