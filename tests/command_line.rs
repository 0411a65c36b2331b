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
    // a folder of one's own, whose worlds are of a material that stands elsewhere
    let folder = tempfile::tempdir().unwrap();
    let material = std::path::absolute("worlds/materials/mos2.toml").unwrap();
    let names = ["mos2-l1", "mos2-l2", "mos2-l3"];
    for name in names {
        let world = std::fs::read_to_string(format!("worlds/{name}.toml")).unwrap();
        let named = format!("{:?}", material.to_str().unwrap());
        let world = world.replace("\"materials/mos2.toml\"", &named);
        std::fs::write(folder.path().join(name).with_extension("toml"), world).unwrap();
    }
    let list = text(&dosewise(&["world", "list", folder.path().to_str().unwrap()]).stdout);
    assert_eq!(list.lines().count(), 4, "{list}");
    for name in names {
        assert!(list.contains(name), "{list}");
    }
    assert!(list.contains("point_defects") && list.contains("monolayer MoS2"));
    let show = text(&dosewise(&["world", "show", "worlds/mos2-l3.toml"]).stdout);
    for part in ["S, 1 missing", "W_Mo", "atoms at risk", "clusters"] {
        assert!(show.contains(part), "{part} is missing in {show}");
    }
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
        good.replace("source_fwhm = 0.5", "source_fwhm = nan"),
    )
    .unwrap();
    let output = dosewise(&["world", "check", file.to_str().unwrap()]);
    let error = text(&output.stderr);
    assert!(!output.status.success());
    assert_eq!(error.lines().count(), 1, "{error}");
    for part in ["error: ", "bad.toml", "beam.source_fwhm", "NaN", "0 to 3"] {
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
