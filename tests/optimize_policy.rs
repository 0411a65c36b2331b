//! What a study suggests: on awkward objectives and spaces as on smooth ones, and within its budget.

use dosewise::optimize::{Observation, Problem, Setting, Space, Study};
use dosewise::random::{Purpose, Stream};
use dosewise::units::Seed;
use rand::RngExt;

/// Runs a study for so many trials.
fn run(study: &mut Study, trials: usize, observe: impl Fn(&Setting) -> Observation) {
    for _ in 0..trials {
        let trial = study.ask().unwrap().unwrap();
        let observation = observe(trial.setting());
        study.tell(trial.id(), observation).unwrap();
    }
}

fn mixed_space() -> Space {
    let space = Space::new().float("x", 0.0..=1.0).unwrap();
    let space = space.integer("n", 1..=20).unwrap();
    let space = space.log_float("rate", 1e-4..=1.0).unwrap();
    space.choice("mode", ["a", "b", "c", "d"]).unwrap()
}

/// Zero at x = 0.3, n = 13, rate = 0.01, mode c, and above zero elsewhere.
fn mixed(x: f64, n: f64, rate: f64, mode: &str) -> f64 {
    let mode = match mode {
        "c" => 0.0,
        "b" => 0.3,
        _ => 0.6,
    };
    (x - 0.3).powi(2) + ((n - 13.0) / 20.0).powi(2) + ((rate / 0.01).log10() / 4.0).powi(2) + mode
}

#[test]
fn a_mixed_space_is_searched_better_than_at_random() {
    let (mut ours, mut at_random) = (Vec::new(), Vec::new());
    for seed in 0..4 {
        let problem = Problem::minimise(mixed_space()).seed(Seed(seed));
        let mut study = Study::in_memory(problem).unwrap();
        run(&mut study, 25, |s| {
            let n = s.integer("n").unwrap() as f64;
            let (x, rate) = (s.float("x").unwrap(), s.float("rate").unwrap());
            Observation::new(mixed(x, n, rate, s.choice("mode").unwrap()))
        });
        let best = study.best().unwrap();
        assert_eq!(best.setting().choice("mode").unwrap(), "c");
        ours.push(best.observation().unwrap().value);
        let mut stream = Stream::new(Seed(seed), Purpose::Policy, [0, 0]);
        let mut draw = || {
            let (x, rate) = (
                stream.random::<f64>(),
                10_f64.powf(-4.0 * stream.random::<f64>()),
            );
            let n = (1.0 + 20.0 * stream.random::<f64>()).floor();
            let mode = ["a", "b", "c", "d"][(4.0 * stream.random::<f64>()) as usize];
            mixed(x, n, rate, mode)
        };
        // ten times as many places
        at_random.push((0..250).map(|_| draw()).fold(f64::INFINITY, f64::min));
    }
    ours.sort_by(f64::total_cmp);
    at_random.sort_by(f64::total_cmp);
    assert!(ours[2] < at_random[1], "{ours:?} {at_random:?}");
}

#[test]
fn whole_numbers_alone_lead_to_the_optimum() {
    let space = Space::new().integer("i", -500..=500).unwrap();
    let space = space.integer("j", 0..=100).unwrap(); // more settings than are looked at one by one
    let mut study = Study::in_memory(Problem::minimise(space)).unwrap();
    run(&mut study, 25, |s| {
        let (i, j) = (
            s.integer("i").unwrap() as f64,
            s.integer("j").unwrap() as f64,
        );
        Observation::new(((i - 123.0) / 500.0).powi(2) + ((j - 45.0) / 100.0).powi(2))
    });
    let best = study.best().unwrap();
    assert!(best.observation().unwrap().value < 2e-4, "{best:?}");
}

#[test]
fn one_parameter_is_enough() {
    let space = Space::new().float("x", 0.0..=1.0).unwrap();
    let mut study = Study::in_memory(Problem::minimise(space)).unwrap();
    run(&mut study, 16, |s| {
        let x = s.float("x").unwrap();
        Observation::new((9.0 * x).sin() + x) // lowest of several valleys near 0.511
    });
    let best = study.best().unwrap().float("x").unwrap();
    assert!((best - 0.5112).abs() < 3e-3, "{best}");
}

#[test]
fn an_objective_that_never_changes_is_explored() {
    let space = || {
        Space::new()
            .float("x", 0.0..=1.0)
            .unwrap()
            .float("y", 0.0..=1.0)
            .unwrap()
    };
    for value in [0.0, 7.0, -1e150, 1e-200] {
        let mut study = Study::in_memory(space()).unwrap();
        run(&mut study, 10, |_| Observation::new(value));
        let places: Vec<f64> = study
            .trials()
            .iter()
            .map(|t| t.float("x").unwrap())
            .collect();
        let (low, high) = (
            places.iter().copied().fold(1.0, f64::min),
            places.iter().copied().fold(0.0, f64::max),
        );
        assert!(high - low > 0.5, "{value}: {places:?}");
    }
}

#[test]
fn a_single_absurd_value_does_not_mislead() {
    let space = Space::new()
        .float("x", 0.0..=1.0)
        .unwrap()
        .float("y", 0.0..=1.0)
        .unwrap();
    let mut study = Study::in_memory(Problem::minimise(space)).unwrap();
    run(&mut study, 25, |s| {
        let (x, y) = (s.float("x").unwrap(), s.float("y").unwrap());
        let bowl = (x - 0.3).powi(2) + (y - 0.6).powi(2);
        Observation::new(if x > 0.8 && y < 0.3 { 1e9 } else { bowl })
    });
    let best = study.best().unwrap().observation().unwrap().value;
    assert!(best < 1e-3, "{best}");
}

#[test]
fn many_trials_out_at_once_spread() {
    let space = Space::new()
        .float("x", 0.0..=1.0)
        .unwrap()
        .float("y", 0.0..=1.0)
        .unwrap();
    let mut study = Study::in_memory(Problem::minimise(space)).unwrap();
    let bowl = |s: &Setting| (s.float("x").unwrap() - 0.3).powi(2) + s.float("y").unwrap();
    run(&mut study, 6, |s| Observation::new(bowl(s)));
    let batch = study.ask_many(30).unwrap();
    assert_eq!(batch.len(), 30);
    for (i, a) in batch.iter().enumerate() {
        assert!(batch[..i].iter().all(|b| a.setting() != b.setting()));
    }
    // told in any order
    for trial in batch.iter().rev() {
        study
            .tell(trial.id(), Observation::new(bowl(trial.setting())))
            .unwrap();
    }
    assert!(study.best().unwrap().observation().unwrap().value < 0.02);
}

/// Two valleys of one depth, one of them ten times as dear to try as the other: what is spent until the optimum is known to
/// a millionth of the height of the hill between them.
fn spent_on_two_valleys(mut study: Study, told: bool) -> f64 {
    let mut spent = 0.0;
    for _ in 0..60 {
        let trial = study.ask().unwrap().unwrap();
        let x = trial.float("x").unwrap();
        let value = ((x - 0.2) * (x - 0.8) / 0.09).powi(2);
        let cost = 1.0 + 9.0 / (1.0 + (-20.0 * (x - 0.5)).exp());
        spent += cost;
        let observation = Observation::new(value);
        let observation = if told {
            observation.cost(cost)
        } else {
            observation
        };
        study.tell(trial.id(), observation).unwrap();
        if value < 1e-6 {
            break;
        }
    }
    spent
}

#[test]
fn of_two_valleys_the_cheap_one_is_searched() {
    let study = |seed| {
        let space = Space::new().float("x", 0.0..=1.0).unwrap();
        Study::in_memory(Problem::minimise(space).seed(Seed(seed))).unwrap()
    };
    let (mut told, mut budgeted, mut not_told) = (0.0, 0.0, 0.0);
    for seed in 0..6 {
        told += spent_on_two_valleys(study(seed), true);
        budgeted += spent_on_two_valleys(study(seed).budget(1000.0).unwrap(), true);
        not_told += spent_on_two_valleys(study(seed), false);
    }
    assert_eq!(told, budgeted); // as long as everything can be paid
    assert!(told < 0.8 * not_told, "{told} {not_told}");
}

#[test]
fn costs_of_any_size_are_taken() {
    for scale in [0.0, 1e-100, 1e100] {
        let space = Space::new().float("x", 0.0..=1.0).unwrap();
        let mut study = Study::in_memory(Problem::minimise(space)).unwrap();
        run(&mut study, 10, |s| {
            let x = s.float("x").unwrap();
            // free on one side
            let cost = if x < 0.5 { 0.0 } else { scale * (1.0 + x) };
            Observation::new((x - 0.3).powi(2)).cost(cost)
        });
        assert!(study.best().unwrap().observation().unwrap().value < 0.01);
    }
}

/// A look costs one to begin with: a long one is hardly dearer than a short one that shows nothing.
#[test]
fn looks_are_long_where_short_ones_cost_nearly_as_much() {
    let space = Space::new().float("x", 0.0..=1.0).unwrap();
    let space = space.log_float("dwell", 1e-3..=1.0).unwrap();
    let mut dwells = Vec::new();
    for seed in 0..3 {
        let problem = Problem::minimise(space.clone()).effort("dwell").unwrap();
        let mut study = Study::in_memory(problem.seed(Seed(seed))).unwrap();
        let mut noise = Stream::new(Seed(seed), Purpose::Readout, [0, 0]);
        for _ in 0..16 {
            let trial = study.ask().unwrap().unwrap();
            let (x, dwell) = (trial.float("x").unwrap(), trial.float("dwell").unwrap());
            let variance = 0.01 / dwell;
            let value = (x - 0.4).powi(2) + variance.sqrt() * noise.normal();
            let shown = Observation::new(value).noise(variance).cost(1.0 + dwell);
            study.tell(trial.id(), shown).unwrap();
            if trial.id() >= 6 {
                dwells.push(dwell);
            }
        }
    }
    dwells.sort_by(f64::total_cmp);
    let median = dwells[dwells.len() / 2];
    assert!(median > 0.3, "{median}"); // 0.03 is the middle of the range
}

/// The place that is best is ten times dearer than the others, which are all a little worse than what is known of it.
#[test]
fn the_last_of_the_budget_is_kept_for_the_place_that_counts() {
    let space = Space::new().float("x", 0.0..=1.0).unwrap();
    let cost = |x: f64| if x > 0.7 { 10.0 } else { 1.0 };
    let mut study = Study::in_memory(Problem::maximise(space)).unwrap();
    study = study.budget(60.0).unwrap();
    while let Some(trial) = study.ask().unwrap() {
        let x = trial.float("x").unwrap();
        let told = Observation::new(-(x - 0.9).powi(2)).cost(cost(x));
        study.tell(trial.id(), told).unwrap();
    }
    let best = study.best().unwrap();
    assert!((best.float("x").unwrap() - 0.9).abs() < 0.02);
    // nothing dear fits into what was left
    let last_dear = study.trials().iter().rposition(|t| t.cost() > 5.0).unwrap();
    let before: f64 = study.trials()[..=last_dear].iter().map(|t| t.cost()).sum();
    assert!(60.0 - before < 20.0, "{before}");
}
