//! Studies on functions whose optimum is known: regret against evaluations, without and with noise, beside random search;
//! and regret against cost where costs differ tenfold, beside a study that is not told the costs.
//!
//! usage: optimise_standard [SEEDS] [PEER.jsonl ...]   (files that `benches/peers/botorch_bo.py` printed)

use dosewise::optimize::{Observation, Problem, Space, Study};
use dosewise::plot::{Figure, GrowthCurve, GrowthCurves, GrowthPanel};
use dosewise::random::{Purpose, Stream};
use dosewise::units::Seed;
use dosewise::{Error, Result};
use rand::RngExt;
use serde::Deserialize;
use std::f64::consts::{PI, TAU};
use std::path::Path;
use std::time::Instant;

/// A function to minimise.
#[derive(Clone, Copy)]
struct Standard {
    name: &'static str,
    dimension: usize,
    value: fn(&[f64]) -> f64,
    optimum: f64,
    range: fn(usize) -> (f64, f64),
    evaluations: usize,
    /// Standard deviation of the noise of the noisy version.
    spread: f64,
}

const STANDARDS: [Standard; 3] = [
    Standard {
        name: "branin",
        dimension: 2,
        value: branin,
        optimum: 0.397_887_357_729_738_2,
        range: |k| [(-5.0, 10.0), (0.0, 15.0)][k],
        evaluations: 30,
        spread: 2.0,
    },
    Standard {
        name: "hartmann6",
        dimension: 6,
        value: hartmann,
        optimum: -3.322_368_011_415_512,
        range: |_| (0.0, 1.0),
        evaluations: 60,
        spread: 0.1,
    },
    Standard {
        name: "ackley5",
        dimension: 5,
        value: ackley,
        optimum: 0.0,
        // Not centred, so that the middle of the box is not the answer.
        range: |_| (-15.0, 20.0),
        evaluations: 60,
        spread: 0.5,
    },
];

/// Branin (1972), *IBM J. Res. Dev.* 16, 504.
fn branin(x: &[f64]) -> f64 {
    let valley = x[1] - 5.1 / (4.0 * PI * PI) * x[0] * x[0] + 5.0 / PI * x[0] - 6.0;
    valley * valley + 10.0 * (1.0 - 1.0 / (8.0 * PI)) * x[0].cos() + 10.0
}

/// Hartmann's function of six variables, after Dixon & Szegö (1978), *Towards Global Optimisation 2*, 1.
fn hartmann(x: &[f64]) -> f64 {
    const WEIGHTS: [f64; 4] = [1.0, 1.2, 3.0, 3.2];
    const STEEPNESS: [[f64; 6]; 4] = [
        [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
        [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
        [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
        [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
    ];
    const CENTRES: [[f64; 6]; 4] = [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ];
    let hill = |i: usize| {
        let square = |k: usize| STEEPNESS[i][k] * (x[k] - CENTRES[i][k]).powi(2);
        WEIGHTS[i] * (-(0..6).map(square).sum::<f64>()).exp()
    };
    -(0..4).map(hill).sum::<f64>()
}

/// Ackley (1987), *A Connectionist Machine for Genetic Hillclimbing*.
fn ackley(x: &[f64]) -> f64 {
    let count = x.len() as f64;
    let square = x.iter().map(|v| v * v).sum::<f64>() / count;
    let wave = x.iter().map(|v| (TAU * v).cos()).sum::<f64>() / count;
    20.0 - 20.0 * (-0.2 * square.sqrt()).exp() + 1_f64.exp() - wave.exp()
}

impl Standard {
    fn space(&self) -> Result<Space> {
        (0..self.dimension).try_fold(Space::new(), |space, k| {
            let (low, high) = (self.range)(k);
            space.float(&format!("x{k}"), low..=high)
        })
    }

    fn place(&self, trial: &dosewise::optimize::Trial) -> Result<Vec<f64>> {
        (0..self.dimension)
            .map(|k| trial.float(&format!("x{k}")))
            .collect()
    }

    fn at_random(&self, stream: &mut Stream) -> Vec<f64> {
        let range = (0..self.dimension).map(self.range);
        range
            .map(|(low, high)| low + (high - low) * stream.random::<f64>())
            .collect()
    }

    /// What a trial costs: from 1 to 10, its logarithm rising across the box in a direction of the seed's own.
    fn cost(&self, x: &[f64], seed: u64) -> f64 {
        let mut stream = Stream::new(Seed(seed), Purpose::Resampling, [7, 0]);
        let (mut rise, mut full) = (0.0, 0.0);
        for (k, value) in x.iter().enumerate() {
            let (low, high) = (self.range)(k);
            let (along, weight) = ((value - low) / (high - low), stream.normal());
            rise += weight.abs() * if weight > 0.0 { along } else { 1.0 - along };
            full += weight.abs();
        }
        10_f64.powf(rise / full)
    }
}

/// One run: true regret of what would be handed in after each evaluation, cost up to it, seconds a suggestion.
#[derive(Default, Clone, Deserialize)]
#[serde(default)]
struct Run {
    function: String,
    seed: u64,
    regret: Vec<Option<f64>>,
    spent: Vec<f64>,
    seconds: Vec<f64>,
}

impl Run {
    /// Regret once `cost` is spent.
    fn regret_at_cost(&self, cost: f64) -> f64 {
        let within = self.spent.iter().rposition(|s| *s <= cost);
        within.and_then(|i| self.regret[i]).unwrap_or(f64::INFINITY)
    }

    fn regret_after(&self, evaluations: usize) -> f64 {
        self.regret[evaluations - 1].unwrap_or(f64::INFINITY)
    }
}

fn study(standard: &Standard, noisy: bool, seed: u64) -> Result<Run> {
    let mut study = Study::in_memory(Problem::minimise(standard.space()?).seed(Seed(seed)))?;
    let mut noise = Stream::new(Seed(seed), Purpose::Readout, [0, 0]);
    let (mut run, mut truth) = (
        Run {
            seed,
            ..Run::default()
        },
        Vec::new(),
    );
    while truth.len() < standard.evaluations {
        let start = Instant::now();
        let Some(trial) = study.ask()? else { break };
        run.seconds.push(start.elapsed().as_secs_f64());
        let value = (standard.value)(&standard.place(&trial)?);
        let shown = value
            + if noisy {
                standard.spread * noise.normal()
            } else {
                0.0
            };
        study.tell(trial.id(), Observation::new(shown))?;
        truth.push(value);
        let handed_in = if noisy {
            study.incumbent()?.map(|incumbent| incumbent.trial)
        } else {
            study.best().map(dosewise::optimize::Trial::id)
        };
        run.regret
            .push(handed_in.map(|id| truth[id as usize] - standard.optimum));
    }
    Ok(run)
}

/// A study on costs that differ tenfold, told or not, until as much is spent as typical trials cost.
fn costly_study(standard: &Standard, told: bool, seed: u64) -> Result<Run> {
    let budget = costly_budget(standard);
    let mut study = Study::in_memory(Problem::minimise(standard.space()?).seed(Seed(seed)))?;
    if told {
        study = study.budget(budget)?;
    }
    let (mut run, mut spent, mut best) = (
        Run {
            seed,
            ..Run::default()
        },
        0.0,
        f64::INFINITY,
    );
    while let Some(trial) = study.ask()? {
        let x = standard.place(&trial)?;
        let (value, cost) = ((standard.value)(&x), standard.cost(&x, seed));
        let observation = Observation::new(value);
        study.tell(
            trial.id(),
            if told {
                observation.cost(cost)
            } else {
                observation
            },
        )?;
        spent += cost;
        best = best.min(value - standard.optimum);
        run.spent.push(spent);
        run.regret.push(Some(best));
        if spent >= budget {
            break;
        }
    }
    Ok(run)
}

/// As much as two thirds of the evaluations at the middle of the costs.
fn costly_budget(standard: &Standard) -> f64 {
    standard.evaluations as f64 / 1.5 * 10_f64.sqrt()
}

fn random_search(standard: &Standard, noisy: bool, seed: u64) -> Run {
    let mut stream = Stream::new(Seed(seed), Purpose::Policy, [0, 0]);
    let mut noise = Stream::new(Seed(seed), Purpose::Readout, [0, 0]);
    let (mut run, mut best) = (
        Run {
            seed,
            ..Run::default()
        },
        (f64::INFINITY, f64::INFINITY),
    );
    for _ in 0..standard.evaluations {
        let value = (standard.value)(&standard.at_random(&mut stream));
        let shown = value
            + if noisy {
                standard.spread * noise.normal()
            } else {
                0.0
            };
        if shown < best.0 {
            best = (shown, value - standard.optimum);
        }
        run.regret.push(Some(best.1));
    }
    run
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

/// Median regret over runs at some sizes, where all runs have one.
fn curve(
    label: &str,
    runs: &[Run],
    sizes: &[f64],
    regret: impl Fn(&Run, f64) -> f64,
) -> GrowthCurve {
    let points = sizes.iter().map(|&size| {
        (
            size,
            median(runs.iter().map(|run| regret(run, size)).collect()),
        )
    });
    let (size, cost) = points
        .filter(|(_, regret)| regret.is_finite())
        .map(|(s, r)| (s, r.max(1e-9)))
        .unzip();
    GrowthCurve {
        label: label.into(),
        size,
        cost,
    }
}

/// How often the first has the smaller regret at the end, of the seeds that both have.
fn wins(first: &[Run], second: &[Run], regret: impl Fn(&Run) -> f64) -> (usize, usize) {
    let pairs = first
        .iter()
        .filter_map(|a| Some((a, second.iter().find(|b| a.seed == b.seed)?)));
    let won: Vec<bool> = pairs.map(|(a, b)| regret(a) < regret(b)).collect();
    (won.iter().filter(|w| **w).count(), won.len())
}

fn peers(files: &[String]) -> Result<Vec<Run>> {
    let mut runs = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(file).map_err(|source| Error::io(file, source))?;
        for (i, line) in text.lines().enumerate() {
            let run = serde_json::from_str(line);
            runs.push(run.map_err(|error| Error::parse(file, i + 1, error, "a run of the peer"))?);
        }
    }
    Ok(runs)
}

fn by_evaluations(
    standard: &Standard,
    noisy: bool,
    seeds: u64,
    peers: &[Run],
) -> Result<GrowthPanel> {
    let title = format!("{}{}", standard.name, if noisy { "-noisy" } else { "" });
    let ours: Vec<Run> = (0..seeds)
        .map(|seed| study(standard, noisy, seed))
        .collect::<Result<_>>()?;
    let random: Vec<Run> = (0..seeds)
        .map(|seed| random_search(standard, noisy, seed))
        .collect();
    let peer: Vec<Run> = peers
        .iter()
        .filter(|run| run.function == title)
        .cloned()
        .collect();
    let last = |run: &Run| run.regret_after(standard.evaluations);
    for (name, runs) in [("study", &ours), ("random", &random), ("BoTorch", &peer)] {
        if runs.is_empty() {
            continue;
        }
        let half = median(
            runs.iter()
                .map(|run| run.regret_after(standard.evaluations / 2))
                .collect(),
        );
        let end = median(runs.iter().map(last).collect());
        let last_asks = runs.iter().flat_map(|run| run.seconds.iter().rev().take(5));
        let seconds = match median(last_asks.copied().collect()) {
            none if none.is_nan() => "no model".to_owned(),
            seconds => format!("{seconds:.3} s an ask"),
        };
        let (won, of) = wins(&ours, runs, last);
        println!(
            "{title:16} {name:8} median regret {half:9.2e} at half, {end:9.2e} at {}; study better {won} of {of}; {seconds}",
            standard.evaluations
        );
    }
    let sizes: Vec<f64> = (5..=standard.evaluations).map(|n| n as f64).collect();
    let after = |run: &Run, n: f64| run.regret_after(n as usize);
    let mut measured = vec![
        curve("study", &ours, &sizes, after),
        curve("random search", &random, &sizes, after),
    ];
    if !peer.is_empty() {
        measured.push(curve("BoTorch", &peer, &sizes, after));
    }
    Ok(GrowthPanel {
        title,
        size: "evaluations".into(),
        cost: "median simple regret".into(),
        measured,
        laws: vec![],
    })
}

fn by_cost(standard: &Standard, seeds: u64) -> Result<GrowthPanel> {
    let runs = |told| {
        (0..seeds)
            .map(|seed| costly_study(standard, told, seed))
            .collect::<Result<Vec<Run>>>()
    };
    let (aware, blind) = (runs(true)?, runs(false)?);
    let budget = costly_budget(standard);
    let last = |run: &Run| run.regret_at_cost(budget);
    let (won, of) = wins(&aware, &blind, last);
    let at =
        |runs: &[Run], cost: f64| median(runs.iter().map(|run| run.regret_at_cost(cost)).collect());
    println!(
        "{:16} costs 1 to 10: median regret told {:9.2e}, not told {:9.2e} at half; {:9.2e} and {:9.2e} at {budget:.0}; told better {won} of {of}",
        standard.name,
        at(&aware, 0.5 * budget),
        at(&blind, 0.5 * budget),
        at(&aware, budget),
        at(&blind, budget),
    );
    let sizes: Vec<f64> = (0..25)
        .map(|i| budget * 0.15_f64.powf(1.0 - f64::from(i) / 24.0))
        .collect();
    let spent = |run: &Run, cost: f64| run.regret_at_cost(cost);
    Ok(GrowthPanel {
        title: format!("{}, costs 1 to 10", standard.name),
        size: "cost spent".into(),
        cost: "median simple regret".into(),
        measured: vec![
            curve("costs told", &aware, &sizes, spent),
            curve("costs not told", &blind, &sizes, spent),
        ],
        laws: vec![],
    })
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let seeds = match arguments.next() {
        Some(text) => text
            .parse()
            .map_err(|_| Error::argument("SEEDS", text, "a whole number"))?,
        None => 10,
    };
    let peers = peers(&arguments.collect::<Vec<_>>())?;
    let (mut free, mut noisy, mut costly) = (Vec::new(), Vec::new(), Vec::new());
    for standard in &STANDARDS {
        free.push(by_evaluations(standard, false, seeds, &peers)?);
        noisy.push(by_evaluations(standard, true, seeds, &peers)?);
        costly.push(by_cost(standard, seeds)?);
    }
    for (name, panels) in [
        ("regret", free),
        ("regret_noisy", noisy),
        ("regret_cost", costly),
    ] {
        GrowthCurves { panels }
            .save_png_and_svg(&Path::new("figures").join(format!("optimise_{name}")))?;
    }
    Ok(())
}
