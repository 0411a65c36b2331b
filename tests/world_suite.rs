//! The shipped worlds as a set: five materials at three levels, every task served, every field worth looking at.

use dosewise::prelude::*;
use dosewise::suite::critical_dose;
use dosewise::world::Definition;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::LazyLock;

/// All world files with their definitions and worlds, loaded once.
static WORLDS: LazyLock<Vec<(PathBuf, Definition, World)>> = LazyLock::new(|| {
    let files = std::fs::read_dir("worlds").unwrap();
    let mut files: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|e| e == "toml"));
    files.sort();
    let load = |file: PathBuf| {
        let definition = Definition::load(&file).unwrap();
        let world = World::from_definition(&definition, &file).unwrap();
        (file, definition, world)
    };
    files.into_iter().map(load).collect()
});

#[test]
fn names_are_those_of_the_files() {
    for (file, definition, world) in WORLDS.iter() {
        assert_eq!(file.file_stem().unwrap().to_string_lossy(), definition.name);
        let briefing = world.briefing();
        assert_eq!(briefing.name, definition.name);
        assert_eq!(briefing.level, definition.level);
        assert!(briefing.name.ends_with(&format!("-l{}", briefing.level)));
    }
}

#[test]
fn five_materials_have_three_levels_each() {
    let mut levels: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
    for (_, definition, _) in WORLDS.iter() {
        let of_material = levels.entry(&definition.material).or_default();
        of_material.push(definition.level);
    }
    assert_eq!(levels.len(), 5, "{levels:?}");
    for (material, mut levels) in levels {
        levels.sort_unstable();
        assert_eq!(levels, [1, 2, 3], "{material}");
    }
}

#[test]
fn every_task_is_served_by_three_worlds() {
    for task in Task::ALL {
        let serving = |(_, definition, _): &&(_, Definition, _)| definition.tasks.contains(&task);
        let names: Vec<&str> = (WORLDS.iter().filter(serving))
            .map(|(_, definition, _)| definition.name.as_str())
            .collect();
        println!("{}: {}", task.name(), names.join(", "));
        assert!(names.len() >= 3, "{}: {names:?}", task.name());
    }
    for (_, definition, world) in WORLDS.iter() {
        assert!(!definition.tasks.is_empty(), "{}", definition.name);
        // a task that is named can be had, and asks about something that is there
        for task in &definition.tasks {
            let truth = world.with_task(*task).unwrap().episode(Seed(1)).finish();
            assert_eq!(truth.truth.task(), *task);
            let places = truth.truth.positions().len();
            assert_eq!(places, world.briefing().answers(), "{}", definition.name);
            assert!(places > 50, "{}: {places} places", definition.name);
        }
    }
}

#[test]
fn higher_levels_are_not_kinder() {
    let mut materials: BTreeMap<&str, Vec<&Definition>> = BTreeMap::new();
    for (_, definition, _) in WORLDS.iter() {
        let of_material = materials.entry(&definition.material).or_default();
        of_material.push(definition);
    }
    for (material, mut definitions) in materials {
        definitions.sort_by_key(|definition| definition.level);
        for pair in definitions.windows(2) {
            let (easy, hard) = (pair[0], pair[1]);
            let noise = |d: &Definition| (d.detector.readout_noise, d.detector.gain_noise);
            let aberrations = |d: &Definition| d.beam.source_fwhm;
            assert!(noise(hard).0 >= noise(easy).0, "{material}");
            assert!(noise(hard).1 >= noise(easy).1, "{material}");
            assert!(hard.scan.jitter() >= easy.scan.jitter(), "{material}");
            assert!(hard.scan.drift_speed >= easy.scan.drift_speed, "{material}");
            assert!(aberrations(hard) >= aberrations(easy), "{material}");
        }
    }
}

#[test]
fn images_are_fractions_with_contrast_and_differ_from_seed_to_seed() {
    for (_, definition, world) in WORLDS.iter() {
        let name = &definition.name;
        let image = |seed| world.episode(Seed(seed)).into_image(0.5).unwrap();
        let (one, other) = (image(1), image(2));
        assert!(
            one.iter().all(|v| v.is_finite() && (0.0..=1.0).contains(v)),
            "{name}"
        );
        let n = one.len() as f64;
        let mean = one.sum() / n;
        let spread = (one.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
        println!("{name}: mean {mean:.5}, contrast {:.3}", spread / mean);
        assert!(mean > 1e-4, "{name}: {mean}");
        assert!(spread / mean > 0.05, "{name}: {}", spread / mean);
        assert_ne!(one, other, "{name}");
        let area = world.briefing().area();
        assert!((n * 0.25 / area - 1.0).abs() < 0.02, "{name}");
    }
}

#[test]
fn critical_doses_span_five_decades() {
    let mut critical: BTreeMap<&str, f64> = BTreeMap::new();
    for (_, definition, world) in WORLDS.iter() {
        let dose = critical_dose(world.briefing());
        println!("{}: {dose:.3e} e/Å²", definition.name);
        assert!(dose > 0.0, "{}", definition.name);
        if dose.is_finite() {
            critical.insert(&definition.name, dose);
        }
    }
    let doses: BTreeSet<i64> = critical
        .values()
        .map(|d| (1e3 * d.log10()) as i64)
        .collect();
    let decades = 1e-3 * (doses.last().unwrap() - doses.first().unwrap()) as f64;
    assert!(decades > 5.0, "{decades}: {critical:?}");
}
