//! Suites: the same numbers on any number of threads, interruption, and a report that says plainly who wins.

use dosewise::plot::{Figure, Strategy};
use dosewise::prelude::*;
use dosewise::suite::{
    Comparison, Configuration, Policy, Results, Stage, SuiteFile, Sweep, episode_panel,
    pareto_fronts, quality_curves, tune,
};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

fn sweep(policies: &[Policy], seeds: u64) -> Sweep {
    let world = World::load("worlds/mos2-l1.toml").unwrap();
    let configurations = policies.iter().cloned().map(Configuration::from).collect();
    Sweep {
        stages: vec![Stage {
            world,
            configurations,
        }],
        seeds: (0..seeds).map(|i| Seed(50 + i)).collect(),
    }
}

fn quick() -> Vec<Policy> {
    vec![
        Policy::Raster {
            stride: 1.0,
            dwell: 1.0,
        },
        Policy::ColumnPasses { passes: 4 },
        Policy::BayesianImprovement {
            patch: 16.0,
            dwell: 1.0,
        },
        Policy::DoseIndex {
            quantum: 4.0,
            cap: 0.4,
        },
        Policy::Clairvoyant,
    ]
}

fn run_on(threads: usize, sweep: &Sweep) -> Results {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap();
    pool.install(|| sweep.run(&AtomicBool::new(false), || ()))
        .unwrap()
}

#[test]
fn report_and_figures_do_not_depend_on_the_number_of_threads() {
    let sweep = sweep(&quick(), 3);
    let [one, two] = [1, 2].map(|threads| run_on(threads, &sweep));
    let reports = [&one, &two].map(|r| Comparison::new(&sweep, r).unwrap().report());
    assert_eq!(reports[0], reports[1]);
    for name in [
        "raster",
        "columns, multi-pass",
        "dose index",
        "clairvoyant",
        "DEC-AUC",
    ] {
        assert!(
            reports[0].contains(name),
            "{name} is missing:\n{}",
            reports[0]
        );
    }
    let curves = [&one, &two].map(|r| quality_curves(&sweep, r).unwrap());
    assert_eq!(curves[0], curves[1]);

    let folder = tempfile::tempdir().unwrap();
    curves[0]
        .save_png_and_svg(&folder.path().join("curves"))
        .unwrap();
    pareto_fronts(&sweep, &one)
        .unwrap()
        .save_png_and_svg(&folder.path().join("pareto"))
        .unwrap();
    let (agent, episode) = sweep.agent(0, 3, 0).unwrap();
    let record = agent.record(episode).unwrap();
    // A recorded run is the run: recording does not touch it.
    assert_eq!(record.trace.dec_auc(), one.traces[0][3][0].dec_auc());
    episode_panel(&record, "dose index")
        .unwrap()
        .save_png_and_svg(&folder.path().join("episode"))
        .unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 6);
}

#[test]
fn stopping_a_study_is_an_error_that_counts_what_was_done() {
    let sweep = sweep(&quick()[..2], 4);
    let (stop, finished) = (AtomicBool::new(false), AtomicUsize::new(0));
    let interrupted = sweep.run(&stop, || {
        if finished.fetch_add(1, Ordering::Relaxed) == 1 {
            stop.store(true, Ordering::Relaxed);
        }
    });
    let Err(Error::Interrupted { done, total }) = interrupted else {
        panic!("{interrupted:?}")
    };
    assert!((2..8).contains(&done) && total == 8);
}

#[test]
fn the_report_says_when_the_raster_wins() {
    // An adaptive policy that stops at once cannot win.
    struct Idle;
    impl Navigator for Idle {
        fn next(&mut self, _: &View<'_>) -> Result<Step> {
            Ok(Step::Stop)
        }
    }
    let mut sweep = sweep(&quick()[..1], 10);
    sweep.stages[0].configurations.push(Configuration::new(
        "idle",
        Strategy::Adaptive,
        |setting| Ok(Agent::new(Idle, setting.analyst())),
    ));
    let comparison = Comparison::new(&sweep, &run_on(2, &sweep)).unwrap();
    assert_eq!(comparison.tables[0].baseline, 0);
    let report = comparison.report();
    assert!(
        report.contains("mos2-l1: raster wins; no adaptive policy does better"),
        "{report}"
    );
    sweep.stages[0].configurations.remove(0);
    let results = run_on(1, &sweep);
    let error = Comparison::new(&sweep, &results).unwrap_err().to_string();
    assert!(error.contains("non-adaptive"), "{error}");
}

#[test]
fn tuning_gives_every_policy_the_same_number_of_tries() {
    for policy in Policy::standard() {
        let wanted = if policy == Policy::Clairvoyant { 1 } else { 4 };
        let alternatives = policy.alternatives();
        assert_eq!(alternatives.len(), wanted, "{policy:?}");
        assert!(alternatives.iter().all(|a| a.name() == policy.name()));
    }
    let world = World::load("worlds/mos2-l1.toml").unwrap();
    let seeds = [Seed(1), Seed(2)];
    let policies = [Policy::ColumnPasses { passes: 8 }];
    let trials = tune(&world, &policies, &seeds, &AtomicBool::new(false), || ()).unwrap();
    assert!(trials[0].windows(2).all(|w| w[0].dec_auc >= w[1].dec_auc));
}

#[test]
fn the_suite_of_the_repository_covers_the_standard_policies() {
    let suite = SuiteFile::load("worlds/suites/bo_vs_raster.toml").unwrap();
    let standard: Vec<&str> = Policy::standard().iter().map(Policy::name).collect();
    for world in &suite.world {
        let names: Vec<&str> = world.policies.iter().map(Policy::name).collect();
        assert_eq!(names, standard, "{}", world.file);
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("suite.toml");
    std::fs::write(
        &file,
        "[[world]]\nfile = \"x.toml\"\npolicies = [{ policy = \"rastr\" }]\n",
    )
    .unwrap();
    let error = SuiteFile::load(&file).unwrap_err().to_string();
    assert!(
        error.contains("suite.toml") && error.contains("rastr") && error.contains("line 3"),
        "{error}"
    );
}
