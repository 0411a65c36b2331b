//! Studies on functions whose optimum is known, paired over seeds: regret against evaluations, without and with noise, beside
//! random search and a peer; and regret against cost where costs differ tenfold, beside a study that is not told the costs.
//!
//! A peer's runs come from files that `benches/peers/botorch_bo.py` printed; a second study then starts from the peer's
//! initial design. Settings were tuned on seeds 0 to 39 and 1000 to 1199: report others.

mod comparison;
mod costs;
mod functions;
mod runs;

use clap::Parser;
use comparison::{Method, curve};
use costs::Landscape;
use dosewise::plot::{Figure, GrowthCurves, GrowthPanel};
use dosewise::{Error, Result};
use functions::{STANDARDS, Standard};
use indicatif::{ProgressBar, ProgressStyle};
use runs::Run;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::ScopedJoinHandle;

#[derive(Parser)]
struct Options {
    /// First and last seed.
    #[arg(default_value = "100..109", value_parser = range)]
    seeds: (u64, u64),
    /// Runs of a peer, JSON lines.
    #[arg(long)]
    peer: Vec<PathBuf>,
    /// Functions; all if none is named.
    #[arg(long = "function")]
    functions: Vec<String>,
    /// Folder for the figures.
    #[arg(long, default_value = "figures")]
    out: PathBuf,
}

fn range(text: &str) -> std::result::Result<(u64, u64), String> {
    let ends = text.split_once("..").map(|(a, b)| (a.parse(), b.parse()));
    match ends {
        Some((Ok(first), Ok(last))) if first < last => Ok((first, last)),
        _ => Err("FIRST..LAST, two numbers, the last included".to_owned()),
    }
}

/// Runs side by side, each on one thread of its own so that times can be compared; in the order of the seeds.
fn over(
    seeds: &[u64],
    progress: &ProgressBar,
    run: impl Fn(u64) -> Result<Run> + Sync,
) -> Result<Vec<Run>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build();
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(&seed) = seeds.get(i) else {
                return done;
            };
            done.push(match &alone {
                Ok(pool) => (i, pool.install(|| run(seed))),
                Err(_) => (i, run(seed)),
            });
            progress.inc(1);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut done: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let finished = workers.into_iter().map(ScopedJoinHandle::join);
        finished
            .flat_map(|done| done.unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    });
    done.sort_by_key(|(i, _)| *i);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Random search draws this many times as many places as there are evaluations, for landscapes where most are cheap.
const DRAWN: usize = 8;

/// Regret against evaluations.
fn by_evaluations(
    standard: &Standard,
    noisy: bool,
    own: &[Run],
    random: &[Run],
    peers: &[Run],
    progress: &ProgressBar,
) -> Result<GrowthPanel> {
    let title = format!("{}{}", standard.name, if noisy { "-noisy" } else { "" });
    let seeds: Vec<u64> = own.iter().map(|run| run.seed).collect();
    let peer: Vec<Run> = peers
        .iter()
        .filter(|run| run.function == title && seeds.contains(&run.seed))
        .cloned()
        .collect();
    let paired: Vec<u64> = peer.iter().map(|run| run.seed).collect();
    let from_peer = over(&paired, progress, |seed| {
        let start = peer.iter().find(|run| run.seed == seed);
        runs::study(
            standard,
            noisy,
            seed,
            start,
            runs::all_evaluations(standard),
        )
    })?;
    let method = |name, runs| Method { name, runs };
    let mut methods = vec![method("study", own), method("random search", random)];
    if !peer.is_empty() {
        methods.insert(0, method("study, BoTorch's start", &from_peer));
        methods.insert(1, method("BoTorch", &peer));
    }
    progress.suspend(|| {
        let title = |evaluations| format!("{title} after {evaluations} evaluations");
        for evaluations in [standard.evaluations / 2, standard.evaluations] {
            let regret = |run: &Run| run.regret_after(evaluations);
            comparison::print(&title(evaluations), &methods, evaluations, regret)?;
        }
        Ok::<_, Error>(())
    })?;
    let sizes: Vec<f64> = (5..=standard.evaluations).map(|n| n as f64).collect();
    let after = |run: &Run, n: f64| run.regret_after(n as usize);
    Ok(GrowthPanel {
        title,
        size: "evaluations".into(),
        cost: "median simple regret".into(),
        measured: methods.iter().map(|m| curve(m, &sizes, after)).collect(),
        laws: vec![],
    })
}

/// Regret against cost in one landscape.
fn by_cost(
    standard: &Standard,
    landscape: Landscape,
    own: &[Run],
    random: &[Run],
    progress: &ProgressBar,
) -> Result<GrowthPanel> {
    let seeds: Vec<u64> = own.iter().map(|run| run.seed).collect();
    let aware = over(&seeds, progress, |seed| {
        runs::aware_study(standard, landscape, seed)
    })?;
    let charged = |runs: &[Run]| -> Vec<Run> {
        let charged = runs.iter().map(|run| run.charged(standard, landscape));
        charged.collect()
    };
    let (blind, random) = (charged(own), charged(random));
    let method = |name, runs| Method { name, runs };
    let methods = [
        method("costs told", &aware),
        method("costs not told", &blind),
        method("random search", &random),
    ];
    let title = format!("{}, {} costs", standard.name, landscape.name());
    let all = runs::budget(standard);
    progress.suspend(|| {
        for cost in [0.5 * all, all] {
            let title = format!("{title}, after {cost:.0}");
            let regret = |run: &Run| run.regret_at_cost(cost);
            comparison::print(&title, &methods, standard.evaluations, regret)?;
        }
        Ok::<_, Error>(())
    })?;
    let sizes: Vec<f64> = (0..25)
        .map(|i| all * 0.15_f64.powf(1.0 - f64::from(i) / 24.0))
        .collect();
    Ok(GrowthPanel {
        title,
        size: "cost spent".into(),
        cost: "median simple regret".into(),
        measured: methods
            .iter()
            .map(|m| curve(m, &sizes, Run::regret_at_cost))
            .collect(),
        laws: vec![],
    })
}

fn main() -> Result<()> {
    let options = Options::parse();
    let named = |s: &&Standard| {
        options.functions.is_empty() || options.functions.iter().any(|name| name == s.name)
    };
    let standards: Vec<&Standard> = STANDARDS.iter().filter(named).collect();
    let peers = runs::peers(&options.peer)?;
    let seeds: Vec<u64> = (options.seeds.0..=options.seeds.1).collect();
    let from_peers = peers.iter().filter(|run| {
        let name = run.function.trim_end_matches("-noisy");
        seeds.contains(&run.seed) && standards.iter().any(|s| s.name == name)
    });
    let own = (2 + Landscape::ALL.len()) * standards.len() * seeds.len();
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} studies, {eta} left");
    let progress = ProgressBar::new((own + from_peers.count()) as u64)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let (mut free, mut noisy) = (Vec::new(), Vec::new());
    let save = |name: &str, panels| {
        let stem = options.out.join(format!("optimise_{name}"));
        GrowthCurves { panels }.save_png_and_svg(&stem).map(|_| ())
    };
    std::fs::create_dir_all(&options.out).map_err(|source| Error::io(&options.out, source))?;
    for standard in standards {
        let random = |noisy| -> Vec<Run> {
            let drawn = DRAWN * standard.evaluations;
            let run = |&seed| runs::random_search(standard, noisy, seed, drawn);
            seeds.iter().map(run).collect()
        };
        let (even, scattered) = (random(false), random(true));
        let long = over(&seeds, &progress, |seed| {
            runs::study(standard, false, seed, None, runs::all_budgets(standard))
        })?;
        let own = over(&seeds, &progress, |seed| {
            runs::study(standard, true, seed, None, runs::all_evaluations(standard))
        })?;
        free.push(by_evaluations(
            standard, false, &long, &even, &peers, &progress,
        )?);
        noisy.push(by_evaluations(
            standard, true, &own, &scattered, &peers, &progress,
        )?);
        let costly: Result<Vec<GrowthPanel>> = Landscape::ALL
            .iter()
            .map(|landscape| by_cost(standard, *landscape, &long, &even, &progress))
            .collect();
        save(&format!("cost_{}", standard.name), costly?)?;
    }
    progress.finish_and_clear();
    save("regret", free)?;
    save("regret_noisy", noisy)
}
