//! The command line: what it prints, and one clear line with a non-zero exit when something is wrong.

use std::path::Path;
use std::process::{Command, Output};

fn dosewise(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dosewise"))
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn worlds_are_listed_described_and_checked() {
    let list = text(&dosewise(&["world", "list"]).stdout);
    for name in ["mos2-l1", "mos2-l2", "mos2-l3"] {
        assert!(list.contains(name), "{list}");
    }
    let show = text(&dosewise(&["world", "show", "worlds/mos2-l3.toml"]).stdout);
    assert!(
        show.contains("single vacancy") && show.contains("clusters"),
        "{show}"
    );
    let check = dosewise(&[
        "world",
        "check",
        "worlds/mos2-l1.toml",
        "worlds/mos2-l2.toml",
    ]);
    assert!(check.status.success());
}

#[test]
fn a_faulty_world_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.toml");
    let good = std::fs::read_to_string("worlds/mos2-l1.toml").unwrap();
    std::fs::write(
        &file,
        good.replace("semiangle_mrad = 35.0", "semiangle_mrad = nan"),
    )
    .unwrap();
    let output = dosewise(&["world", "check", file.to_str().unwrap()]);
    let error = text(&output.stderr);
    assert!(!output.status.success());
    assert_eq!(error.lines().count(), 1, "{error}");
    for part in [
        "error: ",
        "bad.toml",
        "beam.semiangle_mrad",
        "NaN",
        "5 to 60",
    ] {
        assert!(error.contains(part), "{part} is missing in {error}");
    }
}

#[test]
fn a_run_is_repeatable_and_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let figure = folder.path().join("run.png");
    let arguments = ["run", "--world", "worlds/mos2-l1.toml", "--seed", "3"];
    let run = |more: &[&str]| dosewise(&[&arguments[..], more].concat());
    let (plain, drawn) = (run(&[]), run(&["--out", figure.to_str().unwrap()]));
    assert!(plain.status.success() && drawn.status.success());
    assert!(text(&drawn.stdout).starts_with(text(&plain.stdout).as_str()));
    assert!(Path::new(&figure).metadata().unwrap().len() > 10_000);
    let missing = run(&["--world", "worlds/nothing.toml"]);
    assert!(!missing.status.success());
}

#[test]
fn a_specimen_is_rendered() {
    let folder = tempfile::tempdir().unwrap();
    let figure = folder.path().join("specimen.svg");
    let out = figure.to_str().unwrap();
    let output = dosewise(&["world", "render", "worlds/mos2-l2.toml", "--out", out]);
    assert!(
        output.status.success()
            && text(&std::fs::read(&figure).unwrap()).contains("mos2-l2, seed 0")
    );
    let wrong = dosewise(&[
        "world",
        "render",
        "worlds/mos2-l2.toml",
        "--out",
        out,
        "--pixel",
        "0",
    ]);
    assert!(!wrong.status.success() && text(&wrong.stderr).contains("pixel"));
}
