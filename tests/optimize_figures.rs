//! Figures of studies: the numbers against the study itself, and the drawings.
//!
//! `DOSEWISE_FIGURES=folder cargo test --test optimize_figures` keeps the figures for a look.

use dosewise::Error;
use dosewise::optimize::{Observation, Outcome, Problem, Setting, Space, Study, Value};
use dosewise::plot::{ConvergenceFigure, Figure, MapFigure, SliceFigure};
use dosewise::random::{Purpose, Stream};
use dosewise::units::Seed;
use std::path::{Path, PathBuf};

/// Blur of a probe: best at a defocus of −40, an aperture of 30 and the second detector.
fn blur(setting: &Setting) -> f64 {
    let defocus = setting.float("defocus").unwrap();
    let aperture = setting.float("aperture").unwrap();
    let frames = setting.integer("frames").unwrap() as f64;
    let detector = f64::from(u8::from(setting.choice("detector").unwrap() == "HAADF"));
    ((defocus + 40.0) / 60.0).powi(2)
        + (aperture / 30.0).ln().powi(2)
        + 0.05 * (frames - 4.0).abs()
        + 0.3 * detector
}

fn mixed() -> Space {
    Space::new()
        .float("defocus", -200.0..=100.0)
        .and_then(|s| s.log_float("aperture", 5.0..=100.0))
        .and_then(|s| s.integer("frames", 1..=8))
        .and_then(|s| s.choice("detector", ["HAADF", "MAADF", "BF"]))
        .unwrap()
}

/// A noisy, constrained study with a failed and a pending trial.
fn tuned() -> Study {
    let problem = Problem::minimise(mixed()).seed(Seed(5));
    let problem = problem.subject_to("drift", ..=0.8).unwrap();
    let mut study = Study::in_memory(problem).unwrap();
    let mut stream = Stream::new(Seed(1), Purpose::Policy, [0, 0]);
    for i in 0..26 {
        let trial = study.ask().unwrap().unwrap();
        let setting = trial.setting();
        if i == 3 {
            study.fail(trial.id(), "beam lost", 2.0).unwrap();
            continue;
        }
        let aperture = setting.float("aperture").unwrap();
        let value = blur(setting) + 0.1 * stream.normal();
        let frames = setting.integer("frames").unwrap() as f64;
        let observation = Observation::new(value).noise(0.01).cost(frames);
        let observation = observation.constraint("drift", (aperture / 60.0).powi(2));
        study.tell(trial.id(), observation).unwrap();
    }
    study.ask().unwrap();
    study
}

fn folder() -> (Option<tempfile::TempDir>, PathBuf) {
    match std::env::var_os("DOSEWISE_FIGURES") {
        Some(folder) => (None, PathBuf::from(folder)),
        None => {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().to_path_buf();
            (Some(folder), path)
        }
    }
}

/// The text of the SVG beside a PNG of sensible size.
fn drawn(figure: &dyn Figure, stem: &Path) -> String {
    let [png, svg] = figure.save_png_and_svg(stem).unwrap();
    assert!(std::fs::metadata(png).unwrap().len() > 5_000);
    std::fs::read_to_string(svg).unwrap()
}

#[test]
fn convergence_is_what_the_trials_and_the_incumbent_say() {
    let study = tuned();
    let convergence = study.convergence().unwrap();
    let (mut best, mut spent) = (f64::INFINITY, 0.0);
    for (step, trial) in convergence.steps.iter().zip(study.trials()) {
        match trial.outcome() {
            Outcome::Told(o) => {
                spent += o.cost.unwrap();
                if o.constraints["drift"] <= 0.8 {
                    best = best.min(o.value);
                }
                assert_eq!(step.allowed, o.constraints["drift"] <= 0.8);
            }
            Outcome::Failed { cost, .. } => spent += cost,
            Outcome::Pending => {}
        }
        assert_eq!(
            (step.spent, step.best.unwrap_or(f64::INFINITY)),
            (spent, best)
        );
    }
    // The last incumbent is that of the study, whose model knows of the pending trial, which changes no mean.
    let incumbent = study.incumbent().unwrap().unwrap();
    let (mean, variance) = convergence.steps.last().unwrap().believed.unwrap();
    assert!((mean - incumbent.mean).abs() < 1e-9);
    assert!((variance - incumbent.variance).abs() < 1e-9 * incumbent.variance);
    assert!(convergence.steps[0].believed.is_none());

    let (_kept, folder) = folder();
    let mut figure = ConvergenceFigure::new(convergence);
    figure.value_label = "blur".into();
    figure.cost_label = "frames".into();
    let svg = drawn(&figure, &folder.join("convergence"));
    for label in [
        "best so far",
        "believed best, 95 %",
        "failed",
        "breaks a constraint",
        "blur",
    ] {
        assert!(svg.contains(label), "{label}");
    }
    figure.log_value = true;
    figure.convergence.steps[0].best = Some(-1.0);
    assert!(
        matches!(figure.draw(), Err(Error::Argument { argument, .. }) if argument == "steps[0].value")
    );
    figure.convergence.steps.clear();
    assert!(figure.draw().is_err());
}

#[test]
fn slices_go_through_the_incumbent_and_agree_with_the_beliefs() {
    let study = tuned();
    let incumbent = study.incumbent().unwrap().unwrap();
    let (_kept, folder) = folder();
    for name in ["defocus", "aperture", "frames", "detector"] {
        let slice = study.slice(name).unwrap();
        assert_eq!(slice.through, incumbent.setting);
        let settings: Vec<Setting> = slice.beliefs.iter().map(|b| b.setting.clone()).collect();
        assert_eq!(slice.beliefs, study.beliefs(&settings).unwrap());
        for setting in &settings {
            let others = setting.values().iter().filter(|(n, _)| n != name);
            for (other, value) in others {
                assert_eq!(slice.through.get(other).unwrap(), value);
            }
        }
        let svg = drawn(
            &SliceFigure::new(slice),
            &folder.join(format!("slice-{name}")),
        );
        assert!(svg.contains("mean, 95 % band") && svg.contains(name));
    }
    let there = &study
        .beliefs(std::slice::from_ref(&incumbent.setting))
        .unwrap()[0];
    assert!((there.mean - incumbent.mean).abs() < 1e-9);
    // Large apertures drift: the model has learned so.
    let slice = study.slice("aperture").unwrap();
    let (first, last) = (&slice.beliefs[60], slice.beliefs.last().unwrap());
    assert!(
        first.feasibility > 0.9 && last.feasibility < 0.2,
        "{first:?} {last:?}"
    );
    let elsewhere = study
        .slice_at("frames", study.trials()[1].setting())
        .unwrap();
    assert_eq!(elsewhere.beliefs.len(), 8);
    for wrong in ["focus", ""] {
        assert!(matches!(study.slice(wrong), Err(Error::Argument { .. })));
    }
}

#[test]
fn no_place_of_a_map_promises_more_than_the_next_trial() {
    let problem = Problem::minimise(
        Space::new()
            .float("x", -5.0..=10.0)
            .and_then(|s| s.float("y", 0.0..=15.0))
            .unwrap(),
    );
    let mut study = Study::in_memory(problem).unwrap();
    for _ in 0..14 {
        let trial = study.ask().unwrap().unwrap();
        let (x, y) = (trial.float("x").unwrap(), trial.float("y").unwrap());
        let branin =
            (y - 0.129_184 * x * x + 1.591_549 * x - 6.0).powi(2) + 9.602_113 * x.cos() + 10.0;
        study.tell(trial.id(), Observation::new(branin)).unwrap();
    }
    let map = study.map("x", "y").unwrap();
    for ((row, column), belief) in map.beliefs.indexed_iter() {
        let setting = &belief.as_ref().unwrap().setting;
        assert_eq!(setting.float("x").unwrap(), map.x.values[column]);
        assert_eq!(setting.float("y").unwrap(), map.y.values[row]);
    }
    let scores = map.beliefs.iter().flatten().map(|b| b.acquisition);
    let top = scores.fold(f64::NEG_INFINITY, f64::max);
    let (_kept, folder) = folder();
    let svg = drawn(&MapFigure::new(map), &folder.join("map"));
    for label in [
        "posterior mean",
        "posterior deviation",
        "acquisition",
        "(c)",
    ] {
        assert!(svg.contains(label), "{label}");
    }
    // Asked of a copy, so that the pending trial does not change the model that is asked.
    let mut copy = Study::in_memory(study.problem().clone()).unwrap();
    for trial in study.trials() {
        let observation = trial.observation().unwrap().clone();
        copy.add(trial.setting().clone(), observation).unwrap();
    }
    let next = copy.ask().unwrap().unwrap();
    let next = &study.beliefs(std::slice::from_ref(next.setting())).unwrap()[0];
    assert!(next.acquisition > top - 1e-3, "{} {top}", next.acquisition);
}

#[test]
fn maps_cover_images_grids_and_inequalities() {
    let space = Space::new()
        .pixels("place", 40, 64)
        .and_then(|s| s.grid("voltage", [60.0, 80.0, 200.0, 300.0]))
        .and_then(|s| s.integer("frames", 1..=30))
        .and_then(|s| s.at_most([("voltage", 0.1), ("frames", 1.0)], 40.0))
        .unwrap();
    let mut study = Study::in_memory(space).unwrap();
    for i in 0..16 {
        let trial = study.ask().unwrap().unwrap();
        let (row, column) = trial.setting().pixel("place").unwrap();
        let off = (row as f64 - 12.0).powi(2) + (column as f64 - 45.0).powi(2);
        let value = (-off / 300.0).exp() + trial.float("voltage").unwrap() / 600.0;
        if i == 5 {
            study.fail(trial.id(), "lost", 1.0).unwrap();
        } else {
            study.tell(trial.id(), Observation::new(value)).unwrap();
        }
    }
    let (_kept, folder) = folder();
    let image = study.pixel_map("place").unwrap();
    assert_eq!(image.beliefs.dim(), (20, 32)); // every second pixel
    let belief = image.beliefs[[3, 7]].as_ref().unwrap();
    assert_eq!(belief.setting.pixel("place").unwrap(), (6, 14));
    let mut figure = MapFigure::new(image);
    figure.value_label = "signal / counts".into();
    drawn(&figure, &folder.join("map-image"));
    let map = study.map("frames", "voltage").unwrap();
    for belief in map.beliefs.iter().flatten() {
        let frames = belief.setting.integer("frames").unwrap() as f64;
        assert!(0.1 * belief.setting.float("voltage").unwrap() + frames <= 40.0);
    }
    assert_eq!(map.beliefs.iter().filter(|b| b.is_none()).count(), 10 + 20); // of 200 and 300 kV
    drawn(&MapFigure::new(map), &folder.join("map-grid"));
    for (x, y) in [
        ("place", "frames"),
        ("frames", "frames"),
        ("frames", "dwell"),
    ] {
        assert!(
            matches!(study.map(x, y), Err(Error::Argument { .. })),
            "{x} {y}"
        );
    }
    assert!(study.pixel_map("frames").is_err() && study.slice("place").is_err());
}

#[test]
fn studies_without_a_model_say_so() {
    let mut study = Study::in_memory(mixed()).unwrap();
    assert!(study.convergence().unwrap().steps.is_empty());
    for told in 0..2 {
        for result in [
            study.slice("frames").map(|_| ()),
            study.map("defocus", "frames").map(|_| ()),
        ] {
            let message = result.unwrap_err().to_string();
            assert!(
                message.contains(&format!("{told} told trials")),
                "{message}"
            );
        }
        let trial = study.ask().unwrap().unwrap();
        study.tell(trial.id(), Observation::new(1.0)).unwrap();
    }
    assert_eq!(study.slice("frames").unwrap().beliefs.len(), 8);
    let outside = Setting::new([("defocus", Value::Float(1e3))]);
    assert!(study.beliefs(&[outside]).is_err());
}
