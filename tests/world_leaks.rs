//! A seed never leaks the truth: not through what is printed, nor times, nor answers, nor the seeds that policies get.

use dosewise::plot::Strategy;
use dosewise::prelude::*;
use dosewise::suite::{Configuration, Stage, Sweep};
use dosewise::world::{Briefing, Definition, Measurements};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

const WORLDS: [&str; 4] = ["mos2-l3", "cspbbr3-l2", "gold-l1", "pto-l1"];

fn world(name: &str, change: impl Fn(&mut Definition)) -> World {
    let file = format!("worlds/{name}.toml");
    let mut definition = Definition::load(&file).unwrap();
    change(&mut definition);
    World::from_definition(&definition, file).unwrap()
}

/// A tenth of the budget: a rectangle and a few places.
fn look(briefing: &Briefing) -> [Scan; 2] {
    let side = 20.0;
    let dose = Dose(0.05 * briefing.budget_electrons() / (side * side));
    let rectangle = Scan::rectangle(Point::new(3.0, 4.0), side, side, 1.0, dose).unwrap();
    let places = [
        Point::new(12.0, 9.0),
        Point::new(30.0, 31.0),
        Point::new(12.0, 9.0),
    ];
    let dose = Dose(0.05 * briefing.budget_electrons() / 3.0);
    [rectangle, Scan::at(places, dose)]
}

#[test]
fn an_episode_prints_its_world_and_its_doses_only() {
    for name in WORLDS {
        let world = world(name, |_| ());
        let mut texts = Vec::new();
        for seed in [1, 2, 3] {
            let mut episode = world.episode(Seed(seed));
            let fresh = format!("{episode:?}");
            for scan in &look(world.briefing()) {
                episode.scan(scan).unwrap();
            }
            texts.push((fresh, format!("{episode:?}"), format!("{episode:#?}")));
        }
        // specimens differ, what is printed does not
        assert_eq!(texts[0], texts[1]);
        assert_eq!(texts[0], texts[2]);
        let (fresh, used, _) = &texts[0];
        assert_ne!(fresh, used, "the dose is shown");
        assert!(fresh.contains(name) && fresh.len() < 200, "{fresh}");
        for secret in ["seed", "truth", "specimen", "defects", "labels", "columns"] {
            assert!(!fresh.to_lowercase().contains(secret), "{fresh}");
        }
    }
}

#[test]
fn briefings_and_worlds_know_no_specimen() {
    for name in WORLDS {
        let world = world(name, |_| ());
        let shown = |world: &World| format!("{:?}", world.briefing());
        let before = shown(&world);
        let episodes: Vec<Episode> = (0..3).map(|seed| world.episode(Seed(seed))).collect();
        let told = |episode: &Episode| Arc::ptr_eq(episode.briefing(), world.briefing());
        assert!(episodes.iter().all(told), "{name}: one briefing for all");
        assert_eq!(shown(&world), before);
    }
}

/// A frame taken apart without `..`: who adds a field has to look at this test.
fn fields(frame: &Frame) -> (Vec<Point>, Vec<f64>, Vec<f64>, Vec<f64>, bool) {
    let Frame {
        positions,
        electrons,
        signal,
        time,
        truncated,
        lines: _, // the scan's own
    } = frame.clone();
    (positions, electrons, signal, time, truncated)
}

#[test]
fn all_of_a_frame_but_its_signal_is_the_same_whatever_the_specimen() {
    let density = |density: f64| {
        move |definition: &mut Definition| {
            for class in &mut definition.defects.as_mut().unwrap().class {
                class.density = density;
            }
        }
    };
    for level in 1..=3 {
        let name = format!("mos2-l{level}");
        let (sparse, dense) = (world(&name, density(1e-3)), world(&name, density(0.15)));
        let mut signals = Vec::new();
        let mut rest = Vec::new();
        for world in [&sparse, &dense] {
            let mut episode = world.episode(Seed(11));
            let scans = look(world.briefing());
            let frames = scans.map(|scan| fields(&episode.scan(&scan).unwrap()));
            let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            signals.push(frames.clone().map(|f| f.2));
            rest.push((
                frames.map(|f| (f.0, bits(&f.1), bits(&f.3), f.4)),
                episode.spent(),
                episode.remaining(),
                format!("{episode:?}"),
                episode.finish().time.to_bits(),
            ));
        }
        assert_eq!(rest[0], rest[1], "{name}");
        assert_ne!(signals[0], signals[1], "{name}: the specimens must differ");
    }
}

#[test]
fn times_and_charges_do_not_depend_on_the_seed() {
    for name in WORLDS {
        let world = world(name, |_| ());
        let seen = [1, 2].map(|seed| {
            let mut episode = world.episode(Seed(seed));
            look(world.briefing()).map(|scan| fields(&episode.scan(&scan).unwrap()))
        });
        for (one, other) in seen[0].iter().zip(&seen[1]) {
            assert_eq!((&one.0, &one.1), (&other.0, &other.1), "{name}");
            assert_eq!((&one.3, one.4), (&other.3, other.4), "{name}");
            assert_ne!(one.2, other.2, "{name}");
        }
    }
}

#[test]
fn handing_in_an_answer_tells_nothing_and_changes_nothing() {
    for name in WORLDS {
        let world = world(name, |_| ());
        let truth = |seed| world.episode(Seed(seed)).finish().truth;
        let answers = [
            Some(truth(1).known()),
            Some(truth(2).known()),
            Some(Finding::empty(world.briefing().task)),
            None,
        ];
        let after: Vec<_> = (answers.iter())
            .map(|answer| {
                let mut episode = world.episode(Seed(1));
                let [first, second] = look(world.briefing());
                episode.scan(&first).unwrap();
                if let Some(answer) = answer {
                    // the type says it: there is nothing in the reply
                    let reply: dosewise::Result<()> = episode.submit(answer);
                    assert_eq!(reply.unwrap(), ());
                }
                let shown = (format!("{episode:?}"), episode.spent(), episode.remaining());
                (shown, episode.scan(&second).unwrap())
            })
            .collect();
        assert!(after.iter().all(|seen| *seen == after[0]), "{name}");
    }
}

/// Looks once, and writes down all that a policy is given.
struct Diarist {
    diary: Arc<Mutex<Vec<String>>>,
    done: bool,
}

impl Navigator for Diarist {
    fn next(&mut self, view: &View<'_>) -> dosewise::Result<Step> {
        let (measurements, finding): (&Measurements, &Finding) =
            (view.measurements(), view.finding());
        let entry = format!(
            "{:?} {measurements:?} {finding:?} {:?}",
            view.briefing().name,
            view.spent()
        );
        self.diary.lock().unwrap().push(entry);
        if std::mem::replace(&mut self.done, true) {
            return Ok(Step::Stop);
        }
        Ok(Step::Scan(look(view.briefing())[0].clone()))
    }
}

#[test]
fn a_policy_is_given_nothing_that_depends_on_the_seed_before_it_looks() {
    for name in ["mos2-l1", "gold-l2"] {
        let world = world(name, |_| ());
        let entries = [1, 2].map(|seed| {
            let diary = Arc::new(Mutex::new(Vec::new()));
            let navigator = Diarist {
                diary: diary.clone(),
                done: false,
            };
            let analyst = StandardAnalyst::for_world(&world).unwrap();
            let episode = world.episode(Seed(seed));
            Agent::new(navigator, analyst).run(episode).unwrap();
            let entries = diary.lock().unwrap().clone();
            assert_eq!(entries.len(), 2);
            entries
        });
        assert_eq!(entries[0][0], entries[1][0], "{name}");
        assert_ne!(entries[0][1], entries[1][1], "{name}");
    }
}

#[test]
fn seeds_of_policies_do_not_follow_from_those_of_episodes() {
    let world = world("mos2-l1", |_| ());
    let drawn = |episodes: &[u64]| -> Vec<u64> {
        let given = Arc::new(Mutex::new(Vec::new()));
        let kept = given.clone();
        let curious = Configuration::new("curious", Strategy::Fixed, move |setting| {
            kept.lock().unwrap().push(setting.seed().0);
            Ok(Agent::new(Raster::new(8.0)?, setting.analyst()))
        });
        let sweep = Sweep {
            stages: vec![Stage {
                world: world.clone(),
                configurations: vec![curious],
            }],
            seeds: episodes.iter().copied().map(Seed).collect(),
        };
        sweep.run(&AtomicBool::new(false), || ()).unwrap();
        let mut seeds = given.lock().unwrap().clone();
        seeds.sort_unstable();
        seeds
    };
    let (first, second) = (drawn(&[0, 1, 2]), drawn(&[77, 5, 901]));
    assert_eq!(
        first, second,
        "they follow from the number of the run alone"
    );
    let mut distinct = first.clone();
    distinct.dedup();
    assert_eq!(distinct.len(), 3);
    assert!(
        first
            .iter()
            .all(|seed| ![0, 1, 2, 77, 5, 901].contains(seed))
    );
}
