//! World files that are wrong in every way a hand can make them: each is refused by file, key, found and allowed.

use dosewise::prelude::*;
use dosewise::world::Definition;
use std::path::Path;
use toml::{Table, Value};

const FILE: &str = "worlds/some-world.toml";

/// Point defects of every level, and each kind of specimen.
const WORLDS: [&str; 7] = [
    "mos2-l1",
    "mos2-l2",
    "mos2-l3",
    "mapbi3-l1",
    "pto-l2",
    "cspbbr3-l1",
    "gold-l1",
];
/// Keys without which a world does well.
const OPTIONAL: [&str; 9] = [
    "gain_noise",
    "enhancement",
    "temperature_k",
    "states",
    "roughness",
    "apart",
    "terrace",
    "hop_cross_section",
    "jog",
];
/// Tables whose ranges are tested where they are defined.
const RANGES_ELSEWHERE: [&str; 5] = [
    "scan.",
    "damage.decay",
    "damage.nucleation",
    "damage.diffusion",
    "damage.contamination",
];

fn text(world: &str) -> String {
    std::fs::read_to_string(format!("worlds/{world}.toml")).unwrap()
}

/// Whether a refusal of `named` is about `key`: the key itself, or the list or aberration that it is part of.
fn is_about(named: &str, key: &str) -> bool {
    let whole = key.rsplit_once('[').map(|(list, _)| list);
    let oriented = || {
        key.strip_suffix(".magnitude")
            .or(key.strip_suffix(".angle_deg"))
    };
    named == key || (key.ends_with(']') && Some(named) == whole) || Some(named) == oriented()
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

fn put(world: &str, steps: &[String], value: Option<Value>) -> String {
    let mut root = Value::Table(text(world).parse::<Table>().unwrap());
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

fn all_leaves(world: &str) -> Vec<(Vec<String>, Value)> {
    let mut root = Value::Table(text(world).parse::<Table>().unwrap());
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
    for world in WORLDS {
        let root = text(world).parse::<Table>().unwrap();
        Definition::parse(&toml::to_string(&root).unwrap(), FILE).unwrap();
    }
}

#[test]
fn every_key_that_is_missing_is_named() {
    for world in WORLDS {
        for (steps, _) in all_leaves(world) {
            let key = dotted(&steps);
            let changed = put(world, &steps, None);
            let in_list = key.ends_with(']');
            let name = key.split('[').next().unwrap();
            let name = name.rsplit('.').next().unwrap();
            let whole_aberration = steps.len() == 3 && key.starts_with("beam.aberrations.C");
            // of a list with several entries one may be left out, unless they are coordinates or bounds
            let is_optional = whole_aberration
                || OPTIONAL.contains(&steps.last().unwrap().as_str())
                || key.starts_with("scan.");
            if Definition::parse(&changed, FILE).is_ok() {
                let spare = ["tasks", "states", "polar", "arrangements"].contains(&name);
                assert!(is_optional || in_list && spare, "{world}: {key}");
                continue;
            }
            let (named, found, _) = key_and_texts(&changed);
            if key.ends_with("threshold_ev") {
                assert_eq!(
                    (named.as_str(), found.as_str()),
                    ("damage.element[0]", "neither")
                );
            } else if in_list || key.starts_with("beam.aberrations") {
                assert!(is_about(&named, &key), "{world}: {key} {named}");
            } else {
                assert_eq!((named, found.as_str()), (key, "nothing"), "{world}");
            }
        }
        for table in ["field", "budget", "beam", "detector"] {
            let (named, found, _) = key_and_texts(&put(world, &steps(table), None));
            assert_eq!((named.as_str(), found.as_str()), (table, "nothing"));
        }
        let content = ["defects", "domains", "particle"];
        let own = content.iter().find(|c| {
            text(world).contains(&format!("[{c}")) || text(world).contains(&format!("[[{c}"))
        });
        let (named, ..) = key_and_texts(&put(world, &steps(own.unwrap()), None));
        assert_eq!(named, content.join(", "));
    }
}

#[test]
fn every_value_of_the_wrong_type_is_named() {
    for world in WORLDS {
        for (steps, value) in all_leaves(world) {
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
                let (named, found, allowed) = key_and_texts(&put(world, &steps, Some(wrong)));
                assert!(is_about(&named, &key), "{key}: {named}, {found}, {allowed}");
                assert!(
                    !["f64", "u8", "u32", "usize"].contains(&allowed.as_str()),
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
    for world in WORLDS {
        for (steps, value) in all_leaves(world) {
            let key = dotted(&steps);
            // the table of a particle is held against its material, which is not read here
            let elsewhere = |table: &&str| key.starts_with(*table);
            if value.is_str() || RANGES_ELSEWHERE.iter().chain(&["particle."]).any(elsewhere) {
                continue;
            }
            let numbers = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300];
            for number in numbers {
                // An integer key refuses a float as a type, an oriented aberration is named as a whole.
                if key.contains("angle_deg") && number.is_finite() {
                    continue;
                }
                let (named, found, allowed) =
                    key_and_texts(&put(world, &steps, Some(Value::Float(number))));
                // of two bounds either may be the one that is out of order
                let pair = key
                    .rsplit_once('[')
                    .is_some_and(|(list, _)| named.starts_with(list));
                assert!(
                    is_about(&named, &key) || pair,
                    "{key}: {named}, {found}, {allowed}"
                );
            }
        }
    }
}

#[test]
fn unknown_keys_are_named_in_every_table() {
    let tables = [
        ("mos2-l3", "colour"),
        ("mos2-l3", "task"),
        ("mos2-l3", "crystal"),
        ("mos2-l3", "field.colour"),
        ("mos2-l3", "budget.colour"),
        ("mos2-l3", "beam.colour"),
        ("mos2-l3", "beam.energy_kev"),
        ("mos2-l3", "beam.aberrations.C99"),
        ("mos2-l3", "beam.aberrations.C12.colour"),
        ("mos2-l3", "detector.colour"),
        ("mos2-l3", "detector.inner_mrad"),
        ("mos2-l3", "defects.colour"),
        ("mos2-l3", "defects.class.0.colour"),
        ("mos2-l3", "defects.class.2.removed"),
        ("mos2-l3", "defects.clusters.colour"),
        ("mos2-l3", "damage.colour"),
        ("mos2-l3", "damage.element.0.colour"),
        ("mapbi3-l1", "domains.colour"),
        ("mapbi3-l1", "domains.inclusions.colour"),
        ("mapbi3-l1", "domains.inclusions.class.0.colour"),
        ("mapbi3-l1", "domains.inclusions.class.0.radius.colour"),
        ("cspbbr3-l1", "domains.faults.colour"),
        ("cspbbr3-l1", "domains.faults.size.colour"),
        ("pto-l2", "domains.polar.colour"),
        ("pto-l2", "domains.polar.domain.colour"),
        ("gold-l1", "particle.colour"),
        ("gold-l1", "particle.radius.colour"),
    ];
    for (world, path) in tables {
        let path = steps(path);
        let (named, found, allowed) = key_and_texts(&put(world, &path, Some(Value::Float(1.0))));
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
        ("beam.current_pa", 1e-3, 1e4),
        ("beam.source_fwhm", 0.0, 3.0),
        ("detector.readout_noise", 0.0, 100.0),
        ("defects.class.0.density", 0.0, 0.3),
        ("defects.clusters.number", 1.0, 1000.0),
        ("defects.clusters.background", 0.0, 1.0),
        ("field.rotation_deg", -360.0, 360.0),
        ("field.origin.0", -100.0, 100.0),
        ("detector.gain_noise", 0.0, 0.5),
        ("damage.temperature_k", 0.0, 2000.0),
        ("damage.hop_cross_section", 0.0, 1.0),
        ("damage.element.0.enhancement", 0.0, 1e6),
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
            Definition::parse(&put("mos2-l3", &path, Some(value(limit))), FILE).unwrap();
        }
        let step = |x: f64| if whole { 1.0 } else { 1e-6 * x.abs().max(1.0) };
        for beyond in [low - step(low), high + step(high)] {
            let (named, _, allowed) = key_and_texts(&put("mos2-l3", &path, Some(value(beyond))));
            assert_eq!(named, dotted(&path));
            assert!(
                allowed.contains(" to ") || allowed.contains("whole number"),
                "{allowed}"
            );
        }
    }
}

#[test]
fn contradictions_are_refused() {
    let set = |path: &str, value: Value| put("mos2-l3", &steps(path), Some(value));
    let strings = |words: &[&str]| {
        let words = words.iter().map(|word| Value::String((*word).into()));
        Value::Array(words.collect())
    };
    let mut root = text("mos2-l3").parse::<Table>().unwrap();
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
    let both = set("damage.element.0.cross_section_barn", Value::Float(1.0));
    let (key, found, _) = key_and_texts(&both);
    assert_eq!(
        (key.as_str(), found.as_str()),
        ("damage.element[0]", "both")
    );
    for schema in [1, 3] {
        assert_eq!(
            key_and_texts(&set("schema", Value::Integer(schema))).0,
            "schema"
        );
    }
    let slash = set("name", Value::String("a/b".into()));
    assert_eq!(key_and_texts(&slash).0, "name");
    let (key, _, allowed) = key_and_texts(&set("tasks", strings(&["art"])));
    assert_eq!(key, "tasks[0]");
    assert!(allowed.contains("point_defects"), "{allowed}");
    let none = set("defects.class", Value::Array(vec![]));
    assert_eq!(key_and_texts(&none).0, "defects.class");
}

#[test]
fn a_specimen_is_one_thing_and_is_asked_what_it_can_answer() {
    let tables = ["mapbi3-l1", "mos2-l1", "gold-l1"].map(|world| {
        let root = text(world).parse::<Table>().unwrap();
        ["domains", "defects", "particle"]
            .into_iter()
            .find_map(|name| root.get(name).map(|table| (name, table.clone())))
            .unwrap()
    });
    for world in ["mapbi3-l1", "mos2-l1", "gold-l1"] {
        for (name, table) in &tables {
            if text(world).contains(&format!("[{name}")) {
                continue;
            }
            let two = put(world, &steps(name), Some(table.clone()));
            assert_eq!(key_and_texts(&two).0, "defects, domains, particle");
        }
    }
    for (world, task) in [
        ("mos2-l1", "domains"),
        ("mos2-l1", "counting"),
        ("mapbi3-l1", "point_defects"),
        ("gold-l1", "polarisation"),
    ] {
        let tasks = Value::Array(vec![Value::String(task.into())]);
        let (key, found, allowed) = key_and_texts(&put(world, &steps("tasks"), Some(tasks)));
        assert_eq!((key.as_str(), found), ("tasks", format!("{task:?}")));
        assert!(!allowed.contains(task), "{allowed}");
    }
    let none = put("mos2-l1", &steps("tasks"), Some(Value::Array(vec![])));
    let (key, found, _) = key_and_texts(&none);
    assert_eq!((key.as_str(), found.as_str()), ("tasks", "none"));
}

/// The refusal of a changed world when it is planned.
fn refusal(world: &str, path: &str, value: Value) -> (String, String, String) {
    let text = put(world, &steps(path), Some(value));
    let planned = Definition::parse(&text, FILE)
        .and_then(|definition| World::from_definition(&definition, format!("worlds/{world}.toml")));
    match planned {
        Err(Error::Config {
            key,
            found,
            allowed,
            ..
        }) => (key, found, allowed),
        other => panic!("{path}: {other:?}"),
    }
}

#[test]
fn what_the_material_does_not_have_is_refused_by_key() {
    let word = |s: &str| Value::String(s.into());
    for (world, path, value, key, offer) in [
        (
            "mos2-l2",
            "detector.name",
            word("BF"),
            "detector.name",
            "HAADF, ADF",
        ),
        (
            "mos2-l2",
            "defects.class.1.defect",
            word("V_Te"),
            "defects.class[1].defect",
            "V_2S",
        ),
        (
            "mos2-l2",
            "damage.element.0.symbol",
            word("W"),
            "damage.element[0].symbol",
            "Mo, S",
        ),
        (
            "mos2-l2",
            "damage.element.0.symbol",
            word("Qq"),
            "damage.element[0].symbol",
            "chemical symbol",
        ),
        (
            "mapbi3-l1",
            "domains.states.1",
            word("PbI7"),
            "domains.states",
            "MA0.5PbI3",
        ),
        (
            "mapbi3-l1",
            "damage.decay.0.state",
            word("MA"),
            "damage.decay[0].state",
            "MAPbI3",
        ),
        (
            "mapbi3-l1",
            "damage.decay.0.stages.0.to",
            word("Pb"),
            "damage.decay[0].stages[0].to",
            "MAPbI3",
        ),
    ] {
        let (named, found, allowed) = refusal(world, path, value);
        assert!(
            is_about(&named, key) || is_about(&dotted(&steps(path)), &named),
            "{path}: {named}"
        );
        assert!(allowed.contains(offer), "{path}: {found}, {allowed}");
    }
    // Two classes of one element that are each possible, and too much together.
    let mut root = text("mos2-l3").parse::<Table>().unwrap();
    for index in 0..2 {
        let class = root["defects"]["class"][index].as_table_mut().unwrap();
        class.insert("density".into(), Value::Float(0.29));
    }
    let classes = root["defects"]["class"].clone();
    let (key, ..) = refusal("mos2-l3", "defects.class", classes);
    assert_eq!(key, "defects.class[1].density");
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
    assert!(refused(&|d| d.tasks.clear()).contains("tasks"));
    assert!(refused(&|d| d.defects = None).contains("defects, domains, particle"));
    let clusters = |d: &mut Definition| {
        let defects = d.defects.as_mut().unwrap();
        defects.clusters.as_mut().unwrap().number = 0;
    };
    assert!(refused(&clusters).contains("clusters.number"));
}
