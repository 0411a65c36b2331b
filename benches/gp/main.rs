//! What a user of the surrogate waits for: fitting, the adaptive loop, maps of mean and variance; in processor seconds
//! of one thread.
//!
//! `cargo bench --bench gp` measures this crate. With `DOSEWISE_PEER_PYTHON` naming a Python that has scikit-learn, the
//! peer does every task right after it on the same numbers, and the table gains its seconds and the ratio. A word
//! behind `--` keeps the tasks that contain it: `cargo bench --bench gp -- likelihood`.

mod cpu_time;
mod peer;
mod problem;

use cpu_time::least_seconds;
use dosewise::acquisition::{Acquisition, Candidate, ExpectedImprovement};
use dosewise::gp::{ExactGp, FitOptions, Kernel, Matern52, Noise};
use peer::{Answer, Peer};
use problem::{Problem, lattice};

/// What a task yields besides its time: a number that the peer should find too.
type Task<'a> = Box<dyn Fn() -> f64 + 'a>;

fn main() {
    let single = rayon::ThreadPoolBuilder::new().num_threads(1);
    single.build_global().expect("no pool before this one");
    let filter = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let problem = Problem::new();
    let mut peer = Peer::start(&problem);
    let version = peer.as_ref().map_or("no peer", |peer| &peer.version);
    println!("processor seconds of one thread, least of a few runs; {version}\n");
    println!("| task | n | seconds | peer | ratio | value | difference |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for name in ["likelihood", "fit", "both", "mean"] {
        for n in [200, 1000, 3000] {
            run(&problem, name, n, filter.as_deref(), &mut peer);
        }
    }
    run(&problem, "loop", 500, filter.as_deref(), &mut peer);
}

fn run(problem: &Problem, name: &str, n: usize, filter: Option<&str>, peer: &mut Option<Peer>) {
    let title = format!("{name} {n}");
    if filter.is_some_and(|word| !title.contains(word)) {
        return;
    }
    let task: Task = match name {
        "likelihood" => likelihood(problem, n),
        "fit" => fit(problem, n),
        "both" => both(problem, n),
        "mean" => mean(problem, n),
        _ => adaptive_loop(problem, n),
    };
    let ours = measure(&task);
    let Some(theirs) = peer.as_mut().map(|peer| peer.ask(&title)) else {
        println!(
            "| {name} | {n} | {:.3e} | | | {:.6} | |",
            ours.seconds, ours.value
        );
        return;
    };
    // Once more, so that neither side had the quieter moment.
    let seconds = ours.seconds.min(measure(&task).seconds);
    println!(
        "| {name} | {n} | {seconds:.3e} | {:.3e} | {:.1} | {:.6} | {:.1e} |",
        theirs.seconds,
        theirs.seconds / seconds,
        ours.value,
        ours.value - theirs.value
    );
}

fn measure(task: &Task) -> Answer {
    let mut value = f64::NAN;
    let seconds = least_seconds(2.0, || value = task());
    Answer { seconds, value }
}

fn conditioned(problem: &Problem, n: usize) -> ExactGp {
    let (x, y) = problem.first(n);
    let kernel = Matern52::ard([0.2, 0.25]).scaled(1.0);
    let gp = ExactGp::new(kernel, Noise::Homoscedastic(0.02));
    gp.condition(&x, y).expect("distinct points")
}

/// Log marginal likelihood and its gradient by four hyper-parameters, from the bare measurements.
fn likelihood(problem: &Problem, n: usize) -> Task<'_> {
    Box::new(move || {
        let gp = conditioned(problem, n);
        let gradient = gp.log_marginal_likelihood_gradient();
        assert!(gradient.iter().all(|g| g.is_finite()));
        gp.log_marginal_likelihood()
    })
}

/// Four hyper-parameters from one start and three restarts; the value is the log marginal likelihood reached.
fn fit(problem: &Problem, n: usize) -> Task<'_> {
    let (x, y) = problem.first(n);
    Box::new(move || {
        let kernel = Matern52::ard([1.0, 1.0]).scaled(1.0);
        let gp = ExactGp::new(kernel, Noise::Homoscedastic(1.0));
        let gp = gp.fit(&x, y, &FitOptions::default()).expect("a fit");
        gp.log_marginal_likelihood()
    })
}

/// Mean and variance on 128 × 128 places; the value is the sum of the variances.
fn both(problem: &Problem, n: usize) -> Task<'_> {
    let (gp, places) = (conditioned(problem, n), lattice(128));
    Box::new(move || {
        let posterior = gp.posterior(&places).expect("finite places");
        posterior.variance().iter().sum()
    })
}

/// The mean alone on 128 × 128 places; the value is the sum of its magnitudes.
fn mean(problem: &Problem, n: usize) -> Task<'_> {
    let (gp, places) = (conditioned(problem, n), lattice(128));
    Box::new(move || {
        let mean = gp.posterior_mean(&places).expect("finite places");
        mean.iter().map(|m| m.abs()).sum()
    })
}

/// 10 to n observations by expected improvement over 4096 candidates; the value is the sum of all indices chosen.
fn adaptive_loop(problem: &Problem, n: usize) -> Task<'_> {
    Box::new(move || {
        let kernel = Matern52::ard([0.2, 0.2]).scaled(1.0);
        let gp = ExactGp::new(kernel, Noise::Homoscedastic(0.01));
        let mut tracked = gp.track(&problem.candidates).expect("finite candidates");
        let (mut sum, mut incumbent) = (0, f64::NEG_INFINITY);
        let mut starts = Problem::starts();
        while tracked.gp().len() < n {
            let chosen = starts.next().unwrap_or_else(|| {
                let improvement = ExpectedImprovement::over(incumbent).expect("a finite value");
                let known = tracked.mean().iter().zip(tracked.variance());
                let gains = known.map(|(mean, variance)| {
                    let candidate = Candidate::new(*mean, *variance, 0.01, 1.0);
                    candidate.map_or(f64::NAN, |candidate| improvement.score(&candidate))
                });
                let best = gains.enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
                best.map_or(0, |(index, _)| index)
            });
            let y = problem.outcomes[chosen];
            tracked
                .observe_candidate(chosen, y, None)
                .expect("finite y");
            incumbent = incumbent.max(y);
            sum += chosen;
        }
        sum as f64
    })
}
