//! Studies: nothing told is lost, nothing happens twice, and a stopped study goes on as one that never stopped.

use dosewise::Error;
use dosewise::optimize::{Observation, Outcome, Problem, Setting, Space, Study, Value};
use dosewise::units::Seed;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

fn space() -> Space {
    let space = Space::new().float("x", -2.0..=3.0).unwrap();
    space.choice("mode", ["slow", "fast"]).unwrap()
}

fn value(setting: &Setting) -> f64 {
    let offset = if setting.choice("mode").unwrap() == "fast" {
        0.3
    } else {
        0.0
    };
    -(setting.float("x").unwrap() - 1.0).powi(2) - offset
}

/// Runs a study until it has `count` trials.
fn continue_to(study: &mut Study, count: usize) {
    while study.trials().len() < count {
        let trial = study.ask().unwrap().unwrap();
        study
            .tell(
                trial.id(),
                Observation::new(value(trial.setting())).noise(1e-4),
            )
            .unwrap();
    }
}

#[test]
fn a_resumed_study_suggests_what_an_unbroken_one_does() {
    let folder = tempfile::tempdir().unwrap();
    let (broken, whole) = (folder.path().join("a"), folder.path().join("b"));
    let problem = || Problem::maximise(space()).seed(Seed(4));
    continue_to(&mut Study::open(&whole, problem()).unwrap(), 12);
    for count in 1..=12 {
        let mut study =
            Study::resume(&broken).unwrap_or_else(|_| Study::open(&broken, problem()).unwrap());
        continue_to(&mut study, count);
    }
    assert_eq!(
        std::fs::read_to_string(&broken).unwrap(),
        std::fs::read_to_string(&whole).unwrap()
    );
    let best = Study::resume(&whole).unwrap();
    assert!(value(best.best().unwrap().setting()) > -0.05);
}

/// The process that is killed: tells trials as fast as it can and says so on its standard output.
#[test]
fn victim() {
    let Ok(journal) = std::env::var("DOSEWISE_TEST_JOURNAL") else {
        return;
    };
    // Two trials are enough for an initial design; so many in a row would spend their time in models.
    let space = Space::new().float("x", 0.0..=1.0).unwrap();
    let mut study = Study::open(journal, space).unwrap();
    loop {
        let trial = study.add(
            Setting::new([("x", Value::Float(study.trials().len() as f64 % 97.0 / 97.0))]),
            Observation::new(0.5),
        );
        println!("told {}.", trial.unwrap());
    }
}

#[test]
fn whatever_was_told_before_a_kill_is_there_exactly_once() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let mut told = BTreeSet::new();
    for round in 0..12 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "victim", "--nocapture"])
            .env("DOSEWISE_TEST_JOURNAL", &journal)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // A line that a kill cut off lacks its full stop and was not said.
        let number = |line: String| {
            line.strip_prefix("told ")?
                .strip_suffix('.')?
                .parse::<u64>()
                .ok()
        };
        // A different moment each round: after a few trials and a fraction of a millisecond.
        let first = lines.by_ref().map_while(Result::ok).filter_map(number);
        told.extend(first.take(1 + round as usize));
        std::thread::sleep(Duration::from_micros(137 * round));
        child.kill().unwrap(); // SIGKILL: no destructor runs
        child.wait().unwrap();
        told.extend(lines.map_while(Result::ok).filter_map(number));
        let study = Study::resume(&journal).unwrap();
        let present: Vec<u64> = study
            .trials()
            .iter()
            .filter(|t| matches!(t.outcome(), Outcome::Told(_)))
            .map(|t| t.id())
            .collect();
        assert!(
            told.iter()
                .all(|id| present.iter().filter(|p| *p == id).count() == 1)
        );
        // At most the one trial in flight is known to the file alone.
        assert!(present.len() <= told.len() + 1 + round as usize);
    }
    assert!(told.len() > 12);
}

fn some_events(path: &Path) -> String {
    let mut study = Study::open(path, space()).unwrap();
    continue_to(&mut study, 3);
    let trial = study.ask().unwrap().unwrap();
    study
        .fail(trial.id(), "beam lost: \"blanked\"\nagain", 2.0)
        .unwrap();
    study.ask().unwrap();
    drop(study);
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn a_journal_cut_anywhere_opens_with_every_whole_event() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let text = some_events(&path);
    let ends: Vec<usize> = text.match_indices('\n').map(|(i, _)| i + 1).collect();
    assert_eq!(ends.len(), 10); // a header, five asked, three told, one failed
    for cut in ends[0]..text.len() {
        std::fs::write(&path, &text[..cut]).unwrap();
        let mut study = Study::resume(&path).unwrap();
        let whole = ends.iter().filter(|end| **end <= cut).count() - 1;
        let events = study
            .trials()
            .iter()
            .map(|t| 1 + usize::from(*t.outcome() != Outcome::Pending));
        assert_eq!(events.sum::<usize>(), whole);
        // And it can be written on.
        let pending: Vec<u64> = study.pending().map(|t| t.id()).collect();
        for id in pending {
            study.tell(id, Observation::new(0.1)).unwrap();
        }
        drop(study);
        assert!(Study::resume(&path).is_ok());
    }
}

#[test]
fn two_studies_cannot_hold_one_journal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let first = Study::open(&path, space()).unwrap();
    let message = Study::open(&path, space()).unwrap_err().to_string();
    assert!(message.contains("another process"), "{message}");
    drop(first);
    assert!(Study::open(&path, space()).is_ok());
    let other = Space::new().float("x", -2.0..=4.0).unwrap();
    assert!(matches!(Study::open(&path, other), Err(Error::Config { key, .. }) if key == "space"));
    assert!(matches!(
        Study::open(&path, Problem::minimise(space())),
        Err(Error::Config { key, .. }) if key == "direction"
    ));
    assert!(matches!(
        Study::resume(folder.path().join("none")),
        Err(Error::Io { .. })
    ));
}

#[test]
fn refused_tells_leave_study_and_journal_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let mut study = Study::open(&path, space()).unwrap();
    let trial = study.ask().unwrap().unwrap();
    let before = std::fs::read_to_string(&path).unwrap();
    for bad in [
        Observation::new(f64::NAN),
        Observation::new(f64::INFINITY),
        Observation::new(1.0).noise(-1.0),
        Observation::new(1.0).noise(f64::NAN),
        Observation::new(1.0).cost(-0.1),
        Observation::new(1.0).cost(f64::INFINITY),
    ] {
        assert!(matches!(
            study.tell(trial.id(), bad),
            Err(Error::Argument { .. })
        ));
    }
    assert!(study.tell(7, Observation::new(1.0)).is_err());
    assert!(study.fail(trial.id(), "lost", f64::NAN).is_err());
    let outside = Setting::new([
        ("x", Value::Float(9.0)),
        ("mode", Value::Choice("slow".into())),
    ]);
    assert!(study.add(outside, Observation::new(1.0)).is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
    assert_eq!(study.pending().count(), 1);
    study.tell(trial.id(), Observation::new(1.0)).unwrap();
    assert!(study.tell(trial.id(), Observation::new(1.0)).is_err());
}

#[test]
fn finite_spaces_are_tried_once_each_and_then_exhausted() {
    let space = Space::new()
        .integer("n", 1..=4)
        .unwrap()
        .grid("w", [0.5, 1.0, 4.0])
        .unwrap();
    let space = space.at_most([("n", 1.0), ("w", 1.0)], 6.0).unwrap();
    let mut study = Study::in_memory(Problem::minimise(space)).unwrap();
    let mut seen = Vec::new();
    while let Some(trial) = study.ask().unwrap() {
        let n = trial.setting().integer("n").unwrap() as f64;
        let w = trial.float("w").unwrap();
        assert!(n + w <= 6.0 && !seen.contains(trial.setting()));
        seen.push(trial.setting().clone());
        study
            .tell(trial.id(), Observation::new((n - 2.0).powi(2) + w))
            .unwrap();
    }
    assert_eq!(seen.len(), 10); // 12 settings, (3, 4) and (4, 4) not allowed
    assert_eq!(
        study.best().unwrap().setting().to_string(),
        "n = 2, w = 0.5"
    );
}

#[test]
fn infeasible_spaces_are_refused() {
    let square = || {
        Space::new()
            .float("x", 0.0..=1.0)
            .unwrap()
            .float("y", 0.0..=1.0)
            .unwrap()
    };
    assert!(square().at_most([("x", 1.0), ("y", 1.0)], -0.1).is_err());
    assert!(square().at_most([("z", 1.0)], 1.0).is_err());
    assert!(square().at_most([("x", f64::NAN)], 1.0).is_err());
    assert!(square().float("x", 0.0..=1.0).is_err());
    assert!(Study::in_memory(Space::new()).is_err());
    // Each inequality leaves something, both together nothing.
    let torn = square()
        .at_most([("x", 1.0)], 0.4)
        .and_then(|s| s.at_least([("x", 1.0)], 0.6))
        .unwrap();
    let mut study = Study::in_memory(torn).unwrap();
    assert!(matches!(study.ask(), Err(Error::Argument { argument, .. }) if argument == "space"));
}

#[test]
fn side_by_side_trials_are_different_and_failures_are_not_repeated() {
    let mut study = Study::in_memory(space()).unwrap();
    continue_to(&mut study, 6);
    let batch = study.ask_many(4).unwrap();
    for (i, a) in batch.iter().enumerate() {
        for b in &batch[..i] {
            assert_ne!(a.setting(), b.setting());
        }
    }
    let lost = batch[0].setting().clone();
    for trial in &batch {
        study.fail(trial.id(), "lost", 1.0).unwrap();
    }
    let again = study.ask_many(4).unwrap();
    assert!(again.iter().all(|t| *t.setting() != lost));
    assert!((study.spent() - 10.0).abs() < 1e-12);
}

#[test]
fn budget_and_patience_end_a_study() {
    let mut study = Study::in_memory(space()).unwrap().budget(7.5).unwrap();
    let mut count = 0;
    while let Some(trial) = study.ask().unwrap() {
        study
            .tell(trial.id(), Observation::new(0.0).cost(2.0))
            .unwrap();
        count += 1;
    }
    assert_eq!(count, 4);
    let mut study = Study::in_memory(space()).unwrap().patience(3).unwrap();
    let mut count = 0;
    while let Some(trial) = study.ask().unwrap() {
        study
            .tell(trial.id(), Observation::new(-f64::from(count)))
            .unwrap();
        count += 1;
    }
    assert_eq!(count, 4);
    assert!(Study::in_memory(space()).unwrap().budget(f64::NAN).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_journals_are_refused_by_line_or_read(at in 0.0..1.0_f64, with in any::<u8>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut bytes = some_events(&path).into_bytes();
        let at = (at * bytes.len() as f64) as usize;
        bytes[at] = with;
        std::fs::write(&path, &bytes).unwrap();
        if let Err(error) = Study::resume(&path) {
            let typed = matches!(
                error,
                Error::Parse { .. } | Error::Config { .. } | Error::Io { .. } | Error::Argument { .. }
            );
            prop_assert!(typed, "{error:?}");
            // Refused files are left as they are, but for an unfinished last line.
            let left = std::fs::read(&path).unwrap();
            prop_assert!(bytes.starts_with(&left));
        }
    }
}
