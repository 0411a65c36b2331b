//! Constraints that only the experiment shows, stopping rules, masks and tables of studies.

use dosewise::Error;
use dosewise::optimize::{Mask, Observation, Outcome, Problem, Setting, Space, Stop, Study, Value};
use dosewise::units::Seed;
use ndarray::Array2;

fn square() -> Space {
    let space = Space::new().float("x", 0.0..=1.0).unwrap();
    space.float("y", 0.0..=1.0).unwrap()
}

fn drifting() -> Problem {
    let problem = Problem::maximise(square()).seed(Seed(3));
    problem.subject_to("drift", ..=0.25).unwrap()
}

/// Value x + y within a disc of radius ½: the best, √½, is where x = y = √⅛.
fn measured(setting: &Setting) -> Observation {
    let (x, y) = (setting.float("x").unwrap(), setting.float("y").unwrap());
    Observation::new(x + y).constraint("drift", x * x + y * y)
}

fn run(study: &mut Study, count: usize) {
    for _ in 0..count {
        let trial = study.ask().unwrap().unwrap();
        study.tell(trial.id(), measured(trial.setting())).unwrap();
    }
}

#[test]
fn a_study_finds_the_best_on_the_edge_of_what_is_allowed() {
    let mut study = Study::in_memory(drifting()).unwrap();
    run(&mut study, 24);
    let best = study.best().unwrap();
    let observation = best.observation().unwrap();
    assert!(observation.constraints["drift"] <= 0.25);
    let regret = 0.5_f64.sqrt() - observation.value;
    assert!((0.0..0.03).contains(&regret), "{regret}");
    // The model agrees: near in value, and its own constraint mean is kept.
    let incumbent = study.incumbent().unwrap().unwrap();
    assert!((incumbent.mean - 0.5_f64.sqrt()).abs() < 0.05);
    // Without the constraint the best would be a corner far off.
    let told = study.trials().iter().filter_map(|t| t.observation());
    assert!(told.map(|o| o.value).fold(0.0, f64::max) > observation.value);
    for row in study.history().rows() {
        assert!(row.best.is_none_or(|best| best <= 0.5_f64.sqrt() + 1e-12));
    }
}

#[test]
fn as_long_as_nothing_is_allowed_there_is_no_best_and_the_search_goes_where_it_may_be() {
    // Allowed is a corner that an even design of five or so misses.
    let problem = Problem::maximise(square())
        .subject_to("far", ..=0.15)
        .unwrap();
    let mut study = Study::in_memory(problem).unwrap();
    let far = |setting: &Setting| {
        let (x, y) = (setting.float("x").unwrap(), setting.float("y").unwrap());
        Observation::new(x).constraint("far", (1.0 - x).hypot(1.0 - y))
    };
    let mut first = None;
    for i in 0..16 {
        let trial = study.ask().unwrap().unwrap();
        let observation = far(trial.setting());
        if first.is_none() {
            assert!(study.best().is_none());
            assert!(study.history().rows().iter().all(|row| row.best.is_none()));
        }
        if observation.constraints["far"] <= 0.15 {
            first = first.or(Some(i));
        }
        study.tell(trial.id(), observation).unwrap();
    }
    assert!(first.is_some_and(|first| first > 0), "{first:?}");
    assert!(study.best().is_some() && study.incumbent().unwrap().is_some());
}

#[test]
fn limits_on_both_sides_are_kept() {
    let space = Space::new().float("x", 0.0..=1.0).unwrap();
    let problem = Problem::maximise(space)
        .subject_to("level", 0.3..=0.4)
        .unwrap();
    let mut study = Study::in_memory(problem).unwrap();
    while study.trials().len() < 14 {
        let trial = study.ask().unwrap().unwrap();
        let x = trial.float("x").unwrap();
        let observation = Observation::new(x).constraint("level", x);
        study.tell(trial.id(), observation).unwrap();
    }
    let best = study.best().unwrap().float("x").unwrap();
    assert!((0.38..=0.4).contains(&best), "{best}");
}

#[test]
fn wrong_constraints_and_tells_are_refused() {
    let problem = || Problem::maximise(square());
    for name in ["", "x", "value", "best"] {
        assert!(problem().subject_to(name, ..=1.0).is_err(), "{name}");
    }
    assert!(problem().subject_to("d", ..).is_err());
    assert!(problem().subject_to("d", ..=f64::NAN).is_err());
    assert!(problem().subject_to("d", 1.0..=1.0).is_err());
    assert!(drifting().subject_to("drift", 0.0..).is_err());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let mut study = Study::open(&path, drifting()).unwrap();
    let trial = study.ask().unwrap().unwrap().id();
    let before = std::fs::read_to_string(&path).unwrap();
    for (observation, named) in [
        (Observation::new(1.0), "drift"),
        (Observation::new(1.0).constraint("drift", f64::NAN), "drift"),
        (
            Observation::new(1.0).constraint("drift", f64::INFINITY),
            "drift",
        ),
        (
            Observation::new(1.0)
                .constraint("drift", 0.1)
                .constraint("blur", 0.1),
            "constraints",
        ),
    ] {
        let error = study.tell(trial, observation.clone()).unwrap_err();
        assert!(matches!(error, Error::Argument { argument, .. } if argument == named));
        assert!(study.tell_all([(trial, observation)]).is_err());
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
}

#[test]
fn journals_keep_constraints_and_old_ones_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let mut whole = Study::in_memory(drifting()).unwrap();
    run(&mut whole, 10);
    for count in [4, 3, 3] {
        run(&mut Study::open(&path, drifting()).unwrap(), count);
    }
    let resumed = Study::resume(&path).unwrap();
    assert_eq!(resumed.trials(), whole.trials());
    assert_eq!(resumed.problem(), whole.problem());
    drop(resumed);
    let other = drifting().subject_to("blur", ..=1.0).unwrap();
    assert!(
        matches!(Study::open(&path, other), Err(Error::Config { key, .. }) if key == "constraints")
    );
    // Written before there were constraints, word for word.
    let old = concat!(
        r#"{"format":"dosewise study 1","space":{"dimensions":[["x",{"float":{"low":0.0,"high":1.0}}],"#,
        r#"["at",{"pixel":{"rows":2,"columns":3}}]]},"direction":"maximise","seed":4}"#,
        "\n",
        r#"{"asked":{"trial":0,"setting":[["x",{"float":0.25}],["at",{"pixel":{"row":1,"column":2}}]]}}"#,
        "\n",
        r#"{"told":{"trial":0,"observation":{"value":1.5,"cost":2.0}}}"#,
        "\n"
    );
    std::fs::write(&path, old).unwrap();
    let study = Study::resume(&path).unwrap();
    assert_eq!(study.best().unwrap().observation().unwrap().value, 1.5);
    drop(study);
    // And a study without constraints still writes just that.
    let space = Space::new()
        .float("x", 0.0..=1.0)
        .unwrap()
        .pixels("at", 2, 3)
        .unwrap();
    let fresh = folder.path().join("fresh");
    let mut study = Study::open(&fresh, Problem::maximise(space).seed(Seed(4))).unwrap();
    let values = [
        ("x", Value::Float(0.25)),
        ("at", Value::Pixel { row: 1, column: 2 }),
    ];
    study
        .add(Setting::new(values), Observation::new(1.5).cost(2.0))
        .unwrap();
    assert_eq!(std::fs::read_to_string(&fresh).unwrap(), old);
}

/// Minimises (x − 0.3)² at a cost a trial until nothing pays; returns the number of trials.
fn until_nothing_pays(gain: f64, cost: f64) -> usize {
    let space = Space::new().float("x", 0.0..=1.0).unwrap();
    let study = Study::in_memory(Problem::minimise(space)).unwrap();
    let mut study = study.budget(40.0 * cost).unwrap().least_gain(gain).unwrap();
    while let Some(trial) = study.ask().unwrap() {
        let value = (trial.float("x").unwrap() - 0.3).powi(2);
        study
            .tell(trial.id(), Observation::new(value).cost(cost))
            .unwrap();
    }
    assert_eq!(study.stopped(), Some(Stop::NothingPays));
    study.trials().len()
}

#[test]
fn a_study_stops_when_nothing_pays() {
    let counts = [1e-1, 1e-3, 1e-6].map(|gain| until_nothing_pays(gain, 1.0));
    assert!(
        counts[0] <= counts[1] && counts[1] < counts[2],
        "{counts:?}"
    );
    // What counts is improvement by cost: a thousandth at ten times the cost is a hundredth.
    assert_eq!(until_nothing_pays(1e-4, 10.0), counts[1]);
    let study = || Study::in_memory(square()).unwrap();
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(study().least_gain(bad).is_err());
    }
    let mut study = study().budget(1.0).unwrap();
    study.ask().unwrap();
    assert_eq!(study.stopped(), None);
    study.tell(0, Observation::new(1.0)).unwrap();
    assert!(study.ask().unwrap().is_none());
    assert_eq!(study.stopped(), Some(Stop::BudgetSpent));
}

#[test]
fn masked_pixels_are_never_tried_and_all_others_once() {
    let allowed = Array2::from_shape_fn((7, 9), |(r, c)| (r + 2 * c) % 5 == 0);
    let mask = Mask::new(&allowed).unwrap();
    let space = Space::new().pixels_where("at", &allowed).unwrap();
    let mut study = Study::in_memory(space).unwrap();
    let mut tried = Vec::new();
    while let Some(trial) = study.ask().unwrap() {
        let at = trial.setting().pixel("at").unwrap();
        assert!(allowed[at] && !tried.contains(&at));
        tried.push(at);
        study
            .tell(trial.id(), Observation::new(at.0 as f64))
            .unwrap();
    }
    assert_eq!(
        (tried.len(), study.stopped()),
        (mask.count(), Some(Stop::SpaceExhausted))
    );
    assert!(
        Space::new()
            .pixels_where("at", &Array2::from_elem((2, 2), false))
            .is_err()
    );
    let map = study.pixel_map("at").unwrap();
    assert!(
        map.beliefs
            .indexed_iter()
            .all(|(at, belief)| belief.is_some() == allowed[at])
    );
}

#[test]
fn tables_come_back_as_the_trials_they_were() {
    let space = square()
        .integer("n", 1..=9)
        .and_then(|s| s.choice("value", ["a, \"b\"", "c\nd"]))
        .and_then(|s| s.pixels("at", 3, 4))
        .unwrap();
    let problem = || {
        Problem::maximise(space.clone())
            .subject_to("drift", ..=0.25)
            .unwrap()
    };
    let mut study = Study::in_memory(problem()).unwrap();
    for i in 0..6 {
        let trial = study.ask().unwrap().unwrap();
        match i {
            1 => study.fail(1, "beam, \"lost\"\nagain", 0.1).unwrap(),
            4 => {}
            _ => {
                let observation = measured(trial.setting())
                    .noise(0.1 / 3.0)
                    .cost(f64::from(i));
                study.tell(trial.id(), observation).unwrap();
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    for name in ["trials.csv", "trials.json"] {
        let file = folder.path().join(name);
        study.history().save(&file).unwrap();
        let mut copy = Study::in_memory(problem()).unwrap();
        assert_eq!(copy.import(&file).unwrap(), 6);
        assert_eq!(copy.trials(), study.trials(), "{name}");
        assert_eq!(copy.import(&file).unwrap(), 6);
        assert_eq!(copy.trials()[7].outcome(), study.trials()[1].outcome());
    }
    assert!(
        study
            .history()
            .save(folder.path().join("trials.txt"))
            .is_err()
    );
    // One bad row, and none is added.
    let mut copy = Study::in_memory(drifting()).unwrap();
    for (name, text, part) in [
        ("a.csv", "x,y,value,drift\n0,0,1,0.1\n0,2,1,0.1\n", "line 3"),
        ("b.csv", "x,y,value\n0,0,1\n", "drift"),
        ("c.csv", "x,value,drift\n0,1,1\n", "`y`"),
        ("d.csv", "x,y,z,value,drift\n0,0,0,1,1\n", "`z`"),
        ("e.csv", "x,y,value,drift\n0,0,,1\n", "line 2"),
        ("f.csv", "x,y,value,drift\n0,0,nan,1\n", "NaN"),
        ("g.json", "[{\"setting\":{\"x\":0},\"value\":1}]", "y"),
        (
            "h.json",
            "[{\"setting\":{\"x\":0,\"y\":0,\"z\":1},\"value\":1}]",
            "z",
        ),
        (
            "i.json",
            "[{\"setting\":{\"x\":0,\"y\":0},\"outcome\":\"lost\"}]",
            "lost",
        ),
    ] {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        let message = copy.import(&file).unwrap_err().to_string();
        assert!(message.contains(part), "{name}: {message}");
        assert!(copy.trials().is_empty());
    }
    let file = folder.path().join("mine.csv");
    std::fs::write(&file, "y,x,value,drift\r\n0.5, 0.25 ,1.5,0.1\r\n\r\n").unwrap();
    assert_eq!(copy.import(&file).unwrap(), 1);
    assert_eq!(copy.best().unwrap().float("x").unwrap(), 0.25);
    assert!(matches!(copy.trials()[0].outcome(), Outcome::Told(o) if o.cost.is_none()));
}

#[test]
fn extreme_costs_do_no_harm() {
    let mut study = Study::in_memory(square()).unwrap();
    for i in 0..9 {
        let trial = study.ask().unwrap().unwrap();
        let cost = [0.0, 1.0, 1e12][i % 3];
        study
            .tell(trial.id(), Observation::new(i as f64).cost(cost))
            .unwrap();
    }
    assert_eq!(study.spent(), 3.0 + 3e12);
    assert!(
        study
            .beliefs(&[study.trials()[0].setting().clone()])
            .unwrap()[0]
            .mean
            .is_finite()
    );
}
