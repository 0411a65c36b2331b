//! Worlds of domains: what is where follows from the seed alone, is what the image shows, and is what is scored.

use dosewise::prelude::*;
use dosewise::world::distortion::ScanSettings;
use dosewise::world::{Briefing, Definition, DomainCell, LabelBelief, PhaseFact, VectorBelief};
use std::collections::HashMap;
use std::sync::LazyLock;

/// One for each way in which domains are laid out: inclusions, polar domains, faults.
const NAMES: [&str; 3] = ["mapbi3-l1", "pto-l2", "cspbbr3-l1"];
static WORLDS: LazyLock<[World; 3]> =
    LazyLock::new(|| NAMES.map(|name| World::load(format!("worlds/{name}.toml")).unwrap()));

/// A world whose beam lands where it is aimed, with walls as sharp as the source allows.
fn steady(name: &str, source_fwhm: f64) -> World {
    let file = format!("worlds/{name}.toml");
    let mut definition = Definition::load(&file).unwrap();
    definition.scan = ScanSettings::default();
    definition.beam.source_fwhm = source_fwhm;
    World::from_definition(&definition, file).unwrap()
}

/// Number of the phase of each cell, told from its class and its vector.
fn phases(world: &World, seed: Seed) -> Vec<usize> {
    let truth = |task: Task| world.with_task(task).unwrap().episode(seed).finish().truth;
    let Truth::Domains { labels, .. } = truth(Task::Domains) else {
        panic!("a world of domains");
    };
    let briefing = world.briefing();
    let vectors = match briefing.tasks.contains(&Task::Polarisation) {
        false => vec![[0.0; 2]; labels.len()],
        true => match truth(Task::Polarisation) {
            Truth::Polarisation { vectors, .. } => vectors,
            other => panic!("{other:?}"),
        },
    };
    let phase = |(class, vector): (&usize, &[f64; 2])| {
        let same = |f: &&PhaseFact| f.class == *class && f.vector == *vector;
        assert_eq!(briefing.phases.iter().filter(same).count(), 1);
        let all = briefing.phases.iter();
        all.clone().position(|f| same(&f)).unwrap()
    };
    labels.iter().zip(&vectors).map(phase).collect()
}

/// Everything about a run in bits: what was measured, what was answered and what it was worth.
fn fingerprint(world: &World, seed: u64) -> Vec<u64> {
    let raster = Raster::new(2.0).unwrap().dwell(0.05).unwrap();
    let analyst = StandardAnalyst::for_world(world).unwrap();
    let episode = world.episode(Seed(seed));
    let record = Agent::new(raster, analyst).record(episode).unwrap();
    let frames = record.measurements.frames().iter();
    let measured = frames.flat_map(|f| f.signal.iter().chain(&f.time).chain(&f.electrons));
    let mut bits: Vec<u64> = measured.map(|v| v.to_bits()).collect();
    let doubts = record.finding.doubts().into_iter();
    bits.extend(doubts.flat_map(|(p, doubt)| [p.y, p.x, doubt].map(f64::to_bits)));
    for event in record.trace.curve.events() {
        bits.extend([event.dose.to_bits(), event.quality.to_bits()]);
    }
    bits.extend(record.field.iter().map(|v| v.to_bits()));
    bits.extend([record.trace.damaged_fraction, record.trace.time].map(f64::to_bits));
    bits
}

#[test]
fn runs_repeat_to_the_last_bit_on_any_number_of_threads() {
    use rayon::prelude::*;
    let on = |threads: usize| -> Vec<Vec<u64>> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let runs = || {
            WORLDS
                .par_iter()
                .map(|world| fingerprint(world, 5))
                .collect()
        };
        pool.build().unwrap().install(runs)
    };
    let one = on(1);
    assert!(one.iter().all(|bits| bits.len() > 20_000));
    assert_eq!(one, on(2));
    for (world, bits) in WORLDS.iter().zip(&one) {
        assert_ne!(&fingerprint(world, 6), bits, "another seed");
    }
}

#[test]
fn the_truth_is_the_specimen_before_the_beam() {
    for world in WORLDS.iter() {
        let name = &world.briefing().name;
        let untouched = world.episode(Seed(3)).finish();
        assert_eq!(
            untouched.truth.positions().len(),
            world.briefing().answers()
        );
        let mut episode = world.episode(Seed(3));
        let dose = Dose(0.5 * world.briefing().budget.0);
        let (height, width) = (world.briefing().height, world.briefing().width);
        let half = Scan::rectangle(Point::new(0.0, 0.0), height, width, 2.0, dose).unwrap();
        episode.scan(&half).unwrap();
        let scanned = episode.finish();
        assert_eq!(scanned.truth, untouched.truth, "{name}");
        assert_ne!(
            world.episode(Seed(4)).finish().truth,
            untouched.truth,
            "{name}"
        );
    }
}

#[test]
fn a_world_is_scored_by_the_task_that_is_chosen() {
    let world = &WORLDS[1];
    assert_eq!(world.briefing().task, world.briefing().tasks[0]);
    for task in [Task::Domains, Task::Polarisation] {
        let asked = world.with_task(task).unwrap();
        assert_eq!(asked.briefing().task, task);
        let truth = asked.episode(Seed(1)).finish().truth;
        assert_eq!(truth.task(), task);
        let analyst = StandardAnalyst::for_world(&asked).unwrap();
        assert_eq!(analyst.finding().task(), task);
        // the specimen is the same whatever is asked about it
        let scan = Scan::at([Point::new(20.0, 30.0)], Dose(1e4));
        let seen = asked.episode(Seed(1)).scan(&scan).unwrap();
        let before = world.episode(Seed(1)).scan(&scan).unwrap();
        assert_eq!(seen, before);
    }
    let refused = world.with_task(Task::Counting).unwrap_err().to_string();
    assert!(
        refused.contains("counting") && refused.contains("polarisation, domains"),
        "{refused}"
    );
}

/// What the shares of the phases alone tell, at every place alike.
fn prior(briefing: &Briefing) -> Finding {
    let cells = briefing.cells.iter();
    let mean = |of: &dyn Fn([f64; 2]) -> f64| -> f64 {
        briefing.phases.iter().map(|f| f.prior * of(f.vector)).sum()
    };
    match briefing.task {
        Task::Polarisation => {
            let vector = [mean(&|v| v[0]), mean(&|v| v[1])];
            let square = mean(&|v| v[0] * v[0] + v[1] * v[1]);
            let belief = |cell: &DomainCell| VectorBelief {
                position: cell.position,
                vector,
                variance: 0.5 * square,
            };
            Finding::Polarisation(cells.map(belief).collect())
        }
        _ => {
            let mut probabilities = vec![0.0; briefing.domain_classes.len()];
            for fact in &briefing.phases {
                probabilities[fact.class] += fact.prior;
            }
            let belief = |cell: &DomainCell| LabelBelief {
                position: cell.position,
                probabilities: probabilities.clone(),
            };
            Finding::Domains(cells.map(belief).collect())
        }
    }
}

#[test]
fn the_truth_scores_one_and_what_is_known_beforehand_scores_nothing() {
    for world in WORLDS.iter() {
        let name = &world.briefing().name;
        for task in world.briefing().tasks.clone() {
            let world = world.with_task(task).unwrap();
            let before = StandardAnalyst::for_world(&world).unwrap();
            for seed in 0..3 {
                let quality = |finding: &Finding| {
                    let mut episode = world.episode(Seed(seed));
                    episode.submit(finding).unwrap();
                    let outcome = episode.finish();
                    let quality = outcome.curve.final_quality();
                    assert!((outcome.report.unwrap().quality - quality).abs() < 1e-12);
                    quality
                };
                let known = world.episode(Seed(seed)).finish().truth.known();
                assert_eq!(quality(&known), 1.0, "{name}, {task}");
                assert_eq!(quality(&prior(world.briefing())), 0.0, "{name}, {task}");
                // an analyst that has seen nothing knows of edges, which is worth next to nothing
                let blind = quality(before.finding());
                assert!(blind < 0.02, "{name}, {task}: {blind}");
            }
        }
    }
}

#[test]
fn the_stated_shares_are_those_of_the_specimens() {
    for world in WORLDS.iter() {
        let name = &world.briefing().name;
        let specimens = 24;
        let number = world.briefing().phases.len();
        let mut shares = vec![Vec::new(); number];
        for seed in 0..specimens {
            let phases = phases(world, Seed(seed));
            for (phase, list) in shares.iter_mut().enumerate() {
                let own = phases.iter().filter(|p| **p == phase).count();
                list.push(own as f64 / phases.len() as f64);
            }
        }
        let priors = world.briefing().phases.iter().map(|fact| fact.prior);
        assert!((priors.clone().sum::<f64>() - 1.0).abs() < 1e-9);
        for (phase, (prior, list)) in priors.zip(&shares).enumerate() {
            let n = f64::from(specimens as u32);
            let mean = list.iter().sum::<f64>() / n;
            let variance = list.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / (n - 1.0);
            // both are means over specimens, 24 here and 40 behind the prior
            let error = (variance * (1.0 / n + 1.0 / 40.0)).sqrt();
            assert!(
                (mean - prior).abs() < 4.5 * error + 0.005,
                "{name}, phase {phase}: {mean} ± {error}, stated {prior}"
            );
        }
    }
}

/// Checks the noise-free image of a specimen in the cells that are `counted` against the images of their phases; how many
/// pixels were compared.
fn compare(world: &World, phases: &[usize], counted: impl Fn(usize) -> bool) -> usize {
    let briefing = world.briefing();
    let pixel = 0.7;
    let image = world.episode(SPECIMEN).into_image(pixel).unwrap();
    let mut compared = 0;
    for ((row, column), found) in image.indexed_iter() {
        let place = Point::new((row as f64 + 0.5) * pixel, (column as f64 + 0.5) * pixel);
        if let Some(cell) = briefing.cell_of(place).filter(|cell| counted(*cell)) {
            let expected = briefing.phase_image(phases[cell], place, [0.0; 2]);
            assert!(
                (found - expected).abs() < 1e-9,
                "{} at {place:?}: {found}, expected {expected}",
                briefing.name
            );
            compared += 1;
        }
    }
    compared
}

/// The specimen that is looked at.
const SPECIMEN: Seed = Seed(2);

#[test]
fn a_domain_looks_like_its_phase() {
    for name in NAMES {
        let blurred = steady(name, 0.7);
        let phases = phases(&blurred, SPECIMEN);
        let cells = &blurred.briefing().cells;
        let numbers: HashMap<[usize; 2], usize> =
            cells.iter().map(|cell| cell.index).zip(0..).collect();
        // inside: like all eight around it
        let is_inside = |cell: usize| {
            let [row, column] = cells[cell].index;
            let around = (0..9).map(|n| [row + n / 3, column + n % 3]);
            around
                .map(|[row, column]| numbers.get(&[row.wrapping_sub(1), column.wrapping_sub(1)]))
                .all(|other| other.is_some_and(|other| phases[*other] == phases[cell]))
        };
        let compared = compare(&blurred, &phases, is_inside);
        assert!(compared > 1000, "{name}: {compared} pixels");
        // without a source of any size walls are sharp: every place belongs to one phase
        let compared = compare(&steady(name, 0.0), &phases, |_| true);
        let area = 0.49 * compared as f64;
        assert!(area > 0.85 * blurred.briefing().area(), "{name}: {area} Å²");
    }
}
