//! World files that are wrong in every way a hand can make them: each is refused by file, key, found and allowed.

use dosewise::prelude::*;
use dosewise::world::Definition;
use std::path::Path;
use toml::{Table, Value};

const FILE: &str = "worlds/some-world.toml";

fn text(level: u8) -> String {
    std::fs::read_to_string(format!("worlds/mos2-l{level}.toml")).unwrap()
}

fn key_and_texts(text: &str) -> (String, String, String) {
    match Definition::parse(text, FILE) {
        Err(Error::Config {
            file,
            key,
            found,
            allowed,
        }) => {
            assert_eq!(file, Path::new(FILE));
            assert!(!found.is_empty() && !allowed.is_empty(), "{key}: {found}");
            (key, found, allowed)
        }
        other => panic!("expected a refused key, got {other:?}"),
    }
}

/// Every leaf of the file as its steps from the top; numbers count along arrays of tables.
fn leaves(value: &Value, steps: &mut Vec<String>, into: &mut Vec<Vec<String>>) {
    match value {
        Value::Table(table) => {
            for (key, inner) in table {
                steps.push(key.clone());
                leaves(inner, steps, into);
                steps.pop();
            }
        }
        Value::Array(array) => {
            for (index, inner) in array.iter().enumerate() {
                steps.push(index.to_string());
                leaves(inner, steps, into);
                steps.pop();
            }
        }
        _ => into.push(steps.clone()),
    }
}

fn parent<'a>(table: &'a mut Value, steps: &[String]) -> &'a mut Value {
    steps.iter().fold(table, |at, step| match at {
        Value::Array(array) => &mut array[step.parse::<usize>().unwrap()],
        other => other.get_mut(step).unwrap(),
    })
}

fn put(level: u8, steps: &[String], value: Option<Value>) -> String {
    let mut root = Value::Table(text(level).parse::<Table>().unwrap());
    let (last, before) = steps.split_last().unwrap();
    match (parent(&mut root, before), value) {
        (Value::Table(table), Some(value)) => drop(table.insert(last.clone(), value)),
        (Value::Table(table), None) => drop(table.remove(last)),
        (Value::Array(array), Some(value)) => array[last.parse::<usize>().unwrap()] = value,
        (Value::Array(array), None) => drop(array.remove(last.parse::<usize>().unwrap())),
        _ => unreachable!(),
    }
    toml::to_string(&root).unwrap()
}

fn dotted(steps: &[String]) -> String {
    let mut key = String::new();
    for step in steps {
        match step.parse::<usize>() {
            Ok(index) => key.push_str(&format!("[{index}]")),
            Err(_) if key.is_empty() => key.push_str(step),
            Err(_) => key.push_str(&format!(".{step}")),
        }
    }
    key
}

fn steps(path: &str) -> Vec<String> {
    path.split('.').map(String::from).collect()
}

fn all_leaves(level: u8) -> Vec<(Vec<String>, Value)> {
    let mut root = Value::Table(text(level).parse::<Table>().unwrap());
    let mut found = Vec::new();
    leaves(&root, &mut Vec::new(), &mut found);
    found
        .into_iter()
        .map(|steps| {
            let value = parent(&mut root, &steps).clone();
            (steps, value)
        })
        .collect()
}

#[test]
fn the_shipped_worlds_survive_the_round_trip() {
    for level in 1..=3 {
        let root = text(level).parse::<Table>().unwrap();
        Definition::parse(&toml::to_string(&root).unwrap(), FILE).unwrap();
    }
}

#[test]
fn every_key_that_is_missing_is_named() {
    for level in 1..=3 {
        for (steps, _) in all_leaves(level) {
            let key = dotted(&steps);
            let changed = put(level, &steps, None);
            if key.starts_with("beam.aberrations.C")
                && !key.contains("magnitude")
                && !key.contains("angle")
            {
                Definition::parse(&changed, FILE).unwrap();
                continue;
            }
            let (named, found, _) = key_and_texts(&changed);
            if key.starts_with("field.origin") {
                assert_eq!(named, "field.origin");
            } else if key.ends_with("threshold_ev") {
                assert_eq!(
                    (named.as_str(), found.as_str()),
                    ("damage.element[0]", "neither")
                );
            } else if key.starts_with("beam.aberrations") {
                assert!(
                    key.starts_with(&named) && named.contains("C"),
                    "{key} {named}"
                );
            } else {
                assert_eq!((named, found.as_str()), (key, "nothing"));
            }
        }
        for table in [
            "field", "budget", "beam", "detector", "scan", "defects", "damage",
        ] {
            let (named, found, _) = key_and_texts(&put(level, &steps(table), None));
            assert_eq!((named.as_str(), found.as_str()), (table, "nothing"));
        }
    }
}

#[test]
fn every_value_of_the_wrong_type_is_named() {
    for level in 1..=3 {
        for (steps, value) in all_leaves(level) {
            let key = dotted(&steps);
            for wrong in [
                if value.is_str() {
                    Value::Integer(5)
                } else {
                    Value::String("abc".into())
                },
                Value::Boolean(true),
                Value::Table(Table::new()),
                Value::Array(vec![]),
            ] {
                let (named, found, allowed) = key_and_texts(&put(level, &steps, Some(wrong)));
                let oriented = key
                    .strip_suffix(".magnitude")
                    .or(key.strip_suffix(".angle_deg"));
                assert_eq!(named, oriented.unwrap_or(&key), "{found}, {allowed}");
                assert!(
                    !["f64", "u8", "u32"].contains(&allowed.as_str()),
                    "{key}: {allowed}"
                );
                assert!(
                    !found.contains("invalid type") && !allowed.contains("struct "),
                    "{key}: {found}, {allowed}"
                );
            }
        }
    }
}

#[test]
fn every_number_that_is_not_finite_or_huge_is_named() {
    for level in 1..=3 {
        for (steps, value) in all_leaves(level) {
            if value.is_str() {
                continue;
            }
            let key = dotted(&steps);
            let numbers = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300];
            for number in numbers {
                // An integer key refuses a float as a type, an oriented aberration is named as a whole.
                if key.contains("angle_deg") && number.is_finite() {
                    continue;
                }
                let (named, found, allowed) =
                    key_and_texts(&put(level, &steps, Some(Value::Float(number))));
                let oriented = key
                    .strip_suffix(".magnitude")
                    .or(key.strip_suffix(".angle_deg"));
                assert_eq!(named, oriented.unwrap_or(&key), "{found}, {allowed}");
            }
        }
    }
}

#[test]
fn unknown_keys_are_named_in_every_table() {
    let tables = [
        "colour",
        "field.colour",
        "budget.colour",
        "beam.colour",
        "beam.aberrations.C99",
        "beam.aberrations.C12.colour",
        "detector.colour",
        "scan.colour",
        "defects.colour",
        "defects.class.0.colour",
        "defects.class.2.removed",
        "defects.class.0.with",
        "defects.clusters.colour",
        "damage.colour",
        "damage.element.0.colour",
    ];
    for path in tables {
        let path = steps(path);
        let value = match path.last().unwrap().as_str() {
            "with" => Value::String("W".into()),
            "removed" => Value::Integer(1),
            _ => Value::Float(1.0),
        };
        let (named, found, allowed) = key_and_texts(&put(3, &path, Some(value)));
        let key = dotted(&path);
        if key.contains("aberrations.C12") {
            assert_eq!(named, "beam.aberrations.C12", "{found}, {allowed}");
        } else if key.contains("C99") {
            assert_eq!(
                (named.as_str(), found.as_str()),
                ("beam.aberrations", "`C99`")
            );
            assert!(allowed.contains("C56"));
        } else {
            assert_eq!((named, found.as_str()), (key, "an unknown key"));
        }
    }
}

#[test]
fn values_just_out_of_range_are_refused_and_the_limits_are_not() {
    let limits: &[(&str, f64, f64)] = &[
        ("level", 1.0, 3.0),
        ("field.height", 10.0, 500.0),
        ("field.width", 10.0, 500.0),
        ("budget.dose", 1e-3, 1e7),
        ("beam.energy_kev", 20.0, 400.0),
        ("beam.current_pa", 1e-3, 1e4),
        ("beam.semiangle_mrad", 5.0, 60.0), // up to the detector's inner angle
        ("beam.source_fwhm", 0.0, 3.0),
        ("detector.inner_mrad", 30.0, 179.0),
        ("detector.outer_mrad", 61.0, 500.0),
        ("detector.readout_noise", 0.0, 100.0),
        ("scan.drift_speed", 0.0, 10.0),
        ("scan.line_jitter", 0.0, 1.0),
        ("defects.class.0.density", 0.0, 0.3),
        ("defects.clusters.number", 1.0, 1000.0),
        ("defects.clusters.background", 0.0, 1.0),
        ("damage.enhancement", 0.0, 1e6),
        ("damage.temperature_k", 0.0, 2000.0),
        ("damage.element.0.threshold_ev", 0.1, 1e3),
    ];
    for &(path, low, high) in limits {
        let path = steps(path);
        let whole = ["level", "defects.clusters.number"].contains(&dotted(&path).as_str());
        let value = |x: f64| {
            if whole {
                Value::Integer(x as i64)
            } else {
                Value::Float(x)
            }
        };
        for limit in [low, high] {
            Definition::parse(&put(3, &path, Some(value(limit))), FILE).unwrap();
        }
        let step = |x: f64| if whole { 1.0 } else { 1e-6 * x.abs().max(1.0) };
        for beyond in [low - step(low), high + step(high)] {
            let (named, _, allowed) = key_and_texts(&put(3, &path, Some(value(beyond))));
            // The angles bound each other: the message names the one whose limit is broken.
            let angles = named.ends_with("mrad") && dotted(&path).ends_with("mrad");
            assert!(named == dotted(&path) || angles, "{named}");
            assert!(
                allowed.contains(" to ") || allowed.contains("whole number"),
                "{allowed}"
            );
        }
    }
}

#[test]
fn contradictions_are_refused() {
    let set = |path: &str, value: Value| put(3, &steps(path), Some(value));
    let same = set("defects.class.2.with", Value::String("Mo".into()));
    assert_eq!(key_and_texts(&same).0, "defects.class[2].with");
    let mut root = text(3).parse::<Table>().unwrap();
    let element = root["damage"]["element"][0].clone();
    root["damage"]["element"]
        .as_array_mut()
        .unwrap()
        .push(element);
    let (key, found, _) = key_and_texts(&toml::to_string(&root).unwrap());
    assert_eq!(
        (key.as_str(), found.as_str()),
        ("damage.element[1].symbol", "\"S\" again")
    );
    let mut both = text(3).parse::<Table>().unwrap();
    both["damage"]["element"][0]
        .as_table_mut()
        .unwrap()
        .insert("cross_section_barn".into(), Value::Float(1.0));
    let (key, found, _) = key_and_texts(&toml::to_string(&both).unwrap());
    assert_eq!(
        (key.as_str(), found.as_str()),
        ("damage.element[0]", "both")
    );
    let mut crowded = text(3).parse::<Table>().unwrap();
    for index in 0..2 {
        crowded["defects"]["class"][index]
            .as_table_mut()
            .unwrap()
            .insert("density".into(), Value::Float(0.29));
    }
    assert_eq!(
        key_and_texts(&toml::to_string(&crowded).unwrap()).0,
        "defects.class[1].density"
    );
    assert_eq!(key_and_texts(&set("schema", Value::Integer(2))).0, "schema");
    assert_eq!(
        key_and_texts(&set("name", Value::String("a/b".into()))).0,
        "name"
    );
    assert_eq!(
        key_and_texts(&set("task", Value::String("art".into()))).0,
        "task"
    );
    assert_eq!(
        key_and_texts(&set("defects.class", Value::Array(vec![]))).0,
        "defects.class"
    );
}

#[test]
fn what_the_crystal_does_not_have_is_refused_by_key() {
    let load = |path: &str, value: Value| {
        let definition = Definition::parse(&put(2, &steps(path), Some(value)), FILE)?;
        World::from_definition(&definition, "worlds/mos2-l2.toml").map(|_| ())
    };
    let symbol = |s: &str| Value::String(s.into());
    for (path, value, key) in [
        (
            "defects.class.0.element",
            symbol("W"),
            "defects.class[0].element",
        ),
        (
            "defects.class.0.element",
            symbol("Qq"),
            "defects.class[0].element",
        ),
        (
            "defects.class.2.element",
            symbol("Se"),
            "defects.class[2].element",
        ),
        (
            "defects.class.2.with",
            symbol("Xx"),
            "defects.class[2].with",
        ),
        ("defects.class.2.with", symbol(""), "defects.class[2].with"),
        (
            "damage.element.0.symbol",
            symbol("sulphur"),
            "damage.element[0].symbol",
        ),
    ] {
        match load(path, value) {
            Err(Error::Config {
                key: named,
                allowed,
                ..
            }) => {
                assert_eq!(named, key);
                assert!(allowed.contains("element"), "{allowed}");
            }
            other => panic!("{path}: {other:?}"),
        }
    }
    // A column of one atom cannot lose two.
    let mut definition = Definition::load("worlds/mos2-l2.toml").unwrap();
    definition.defects.class[1] = dosewise::world::definition::DefectClassSection::Vacancy {
        element: "Mo".into(),
        removed: 2,
        density: 0.01,
    };
    let message = World::from_definition(&definition, "worlds/mos2-l2.toml")
        .unwrap_err()
        .to_string();
    assert!(message.contains("defects.class[1].removed"), "{message}");
}

#[test]
fn a_definition_made_in_code_is_checked_as_a_file_is() {
    let refused = |change: &dyn Fn(&mut Definition)| {
        let mut definition = Definition::load("worlds/mos2-l3.toml").unwrap();
        change(&mut definition);
        World::from_definition(&definition, "worlds/mos2-l3.toml")
            .unwrap_err()
            .to_string()
    };
    assert!(refused(&|d| d.field.height = f64::NAN).contains("field.height"));
    assert!(refused(&|d| d.budget.dose = -1.0).contains("budget.dose"));
    assert!(
        refused(&|d| d.defects.clusters.as_mut().unwrap().number = 0).contains("clusters.number")
    );
}
