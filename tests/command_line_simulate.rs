//! `dosewise simulate`: from a CIF to images, killed and resumed, and what it refuses.

mod folder_contents;

use dosewise::stem::output::read_npy;
use folder_contents::contents;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

/// A coarse simulation of MoS₂ into `folder`; fast, not accurate.
fn simulate(folder: &Path, threads: usize, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dosewise"));
    let crystal = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/worlds/crystals/mos2_monolayer.cif"
    );
    command.current_dir(folder);
    command.env("RAYON_NUM_THREADS", threads.to_string());
    command.args(["simulate", crystal, "--energy", "80", "--width", "6"]);
    command.args([
        "--pixel",
        "0.2",
        "--slice",
        "4",
        "--detector",
        "haadf=30:60",
    ]);
    command.args(more);
    command
}

fn run(folder: &Path, more: &[&str]) -> Output {
    simulate(folder, 2, more).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_killed_run_goes_on_and_ends_with_the_same_bytes() {
    let settings = [
        "--step",
        "0.2",
        "--phonons",
        "2",
        "--source",
        "0.8",
        "--focal-spread",
        "20",
        "--patterns",
        "4d.zarr",
        "--pattern-angle",
        "40",
        "--pattern-bin",
        "2",
        "--out",
        "a.png",
        "--out",
        "a.npy",
        "--out",
        "a.tif",
        "--out",
        "a.zarr",
    ];
    let [whole, broken] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let finished = simulate(whole.path(), 1, &settings).output().unwrap();
    assert!(finished.status.success(), "{}", text(&finished.stderr));
    assert!(text(&finished.stdout).contains("about"));

    let rows = broken.path().join("a.png.part/signals.zarr/values");
    let done = || std::fs::read_dir(&rows).map_or(0, |files| files.count().saturating_sub(2));
    let mut killed = simulate(broken.path(), 2, &settings).spawn().unwrap();
    while done() < 3 {
        assert!(killed.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::sleep(Duration::from_millis(1));
    }
    killed.kill().unwrap();
    assert!(!killed.wait().unwrap().success());
    assert!((3..28).contains(&done()) && !broken.path().join("a.npy").exists());

    // another setting is refused by its name, and nothing is touched
    let before = contents(broken.path());
    for (option, value, key) in [
        ("--semiangle", "19", "semiangle_mrad"),
        ("--zone", "1,0,0", "key"),
        ("--seed", "5", "motion"),
        ("--aberrations", "C10=-20", "aberrations"),
    ] {
        let refused = run(broken.path(), &[&settings[..], &[option, value]].concat());
        let error = text(&refused.stderr);
        let error = error.lines().last().unwrap();
        assert!(!refused.status.success(), "{option}");
        assert!(
            error.starts_with("error: ") && error.contains(key),
            "{error}"
        );
        assert_eq!(contents(broken.path()), before, "{option}");
    }

    let resumed = run(broken.path(), &settings);
    assert!(resumed.status.success(), "{}", text(&resumed.stderr));
    assert!(text(&resumed.stderr).contains("going on"));
    let (whole, broken) = (contents(whole.path()), contents(broken.path()));
    let left = |name: &&String| !name.contains(".dosewise-"); // what a kill may leave
    assert_eq!(
        broken.keys().filter(left).collect::<Vec<_>>(),
        whole.keys().collect::<Vec<_>>()
    );
    for (name, bytes) in &whole {
        assert!(broken[name] == *bytes, "{name} differs");
    }
}

#[test]
fn a_killed_run_by_prism_goes_on_with_its_probes() {
    let settings = [
        "--prism",
        "2",
        "--step",
        "0.01",
        "--field",
        "5.4,0.1",
        "--detector",
        "com=com:50",
        "--phonons",
        "2",
        "--out",
        "a.npy",
    ];
    let [whole, broken] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let finished = simulate(whole.path(), 1, &settings).output().unwrap();
    assert!(finished.status.success(), "{}", text(&finished.stderr));
    assert!(text(&finished.stdout).contains("beams in about"));

    let rows = broken.path().join("a.npy.part/signals.zarr/values");
    let done = || std::fs::read_dir(&rows).map_or(0, |files| files.count().saturating_sub(2));
    let mut killed = simulate(broken.path(), 2, &settings).spawn().unwrap();
    while done() < 2 {
        assert!(killed.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::sleep(Duration::from_millis(1));
    }
    killed.kill().unwrap();
    assert!(!killed.wait().unwrap().success());
    assert!((2..9).contains(&done()));
    let before = contents(broken.path());
    let exact = run(broken.path(), &[&settings[..], &["--prism", "1"]].concat());
    let error = text(&exact.stderr);
    assert!(
        error.starts_with("error: ") && error.contains("key `beams`"),
        "{error}"
    );
    assert_eq!(contents(broken.path()), before);

    let estimate = run(broken.path(), &[&settings[..], &["--estimate"]].concat());
    let told = text(&estimate.stderr);
    assert!(told.contains("of 5400 positions are there"), "{told}");
    let resumed = run(broken.path(), &settings);
    assert!(resumed.status.success(), "{}", text(&resumed.stderr));
    assert!(text(&resumed.stderr).contains("going on"));
    let (whole, broken) = (contents(whole.path()), contents(broken.path()));
    for (name, bytes) in &whole {
        assert!(broken[name] == *bytes, "{name} differs");
    }
}

#[test]
fn windows_and_prism_see_what_multislice_sees() {
    let folder = tempfile::tempdir().unwrap();
    let image = |name: &str, more: &[&str]| {
        let settings = ["--width", "14", "--step", "0.4", "--out", name];
        let output = run(folder.path(), &[&settings, more].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        read_npy(folder.path().join(name)).unwrap()
    };
    let exact = image("exact.npy", &[]);
    let range = exact.fold(0.0, |a: f64, b| a.max(*b)) - exact.fold(1.0, |a: f64, b| a.min(*b));
    for (name, more, tolerance) in [
        ("prism.npy", ["--prism", "1"], 1e-4),
        ("coarse.npy", ["--prism", "2"], 0.1),
        ("window.npy", ["--window", "11"], 0.1),
        ("tilt.npy", ["--tilt", "0.001,0"], 1e-3),
    ] {
        let error = (&image(name, &more) - &exact).mapv(f64::abs);
        let error = error.fold(0.0, |a: f64, b| a.max(*b)) / range;
        println!("{name}: {error:.1e} of the range");
        assert!(error < tolerance, "{name}: {error}");
    }
    let patterns = [
        "--patterns",
        "4d.zarr",
        "--pattern-angle",
        "40",
        "--prism",
        "2",
    ];
    let same = image("patterns.npy", &patterns);
    assert_eq!(same, read_npy(folder.path().join("coarse.npy")).unwrap());
    assert!(folder.path().join("4d.zarr/values/0.0.0.0").exists());
}

#[test]
fn every_detector_and_thickness_has_its_image() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        "--detector",
        "dpc=5:25/4@45",
        "--detector",
        "com=com:50",
        "--exit",
        "8,20",
        "--step",
        "0.8",
        "--source",
        "0.5",
        "--out",
        "scan.npy",
    ];
    let output = run(folder.path(), &settings);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let image = |name: &str, exit: &str| {
        let file = folder.path().join(format!("scan-{name}-{exit}A.npy"));
        read_npy(file).unwrap()
    };
    for exit in ["8.0", "20.0"] {
        assert_eq!(image("haadf", exit).shape(), [7, 4]);
        let segments = ["dpc-0", "dpc-1", "dpc-2", "dpc-3"].map(|name| image(name, exit));
        assert!(
            segments
                .iter()
                .all(|s| s.iter().all(|v| (0.0..1.0).contains(v)))
        );
        // over a whole cell nothing pushes the electrons to one side
        let pushed = image("com-x", exit);
        let rms = (pushed.mapv(|x| x * x).mean().unwrap()).sqrt();
        assert!(
            pushed.mean().unwrap().abs() < 0.05 * rms.max(1e-3),
            "{pushed}"
        );
    }
    assert_ne!(image("haadf", "8.0"), image("haadf", "20.0"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 28); // 7 images × 2, .npy and .npy.json
}

#[test]
fn doses_give_counts() {
    let folder = tempfile::tempdir().unwrap();
    let with = |name: &str, more: &[&str]| {
        let output = run(
            folder.path(),
            &[&["--step", "0.4", "--out", name], more].concat(),
        );
        assert!(output.status.success(), "{}", text(&output.stderr));
        read_npy(folder.path().join(name)).unwrap()
    };
    let clean = with("clean.npy", &[]);
    let dosed = with(
        "dosed.npy",
        &["--dose", "1e6", "--gain", "2", "--offset", "10"],
    );
    let converted = with(
        "bits.npy",
        &[
            "--current",
            "50",
            "--dwell",
            "20",
            "--readout-noise",
            "1.5",
            "--bits",
            "6",
        ],
    );
    let area = 5.473_280_5 / 14.0 * 3.16 / 8.0;
    let expected = 10.0 + 2.0 * 1e6 * area * clean.mean().unwrap();
    assert!((dosed.mean().unwrap() / expected - 1.0).abs() < 0.02);
    assert!(dosed.iter().all(|counts| counts.fract() == 0.0));
    assert!(
        converted
            .iter()
            .all(|c| (0.0..64.0).contains(c) && c.fract() == 0.0)
    );
    assert_eq!(
        dosed,
        with(
            "again.npy",
            &["--dose", "1e6", "--gain", "2", "--offset", "10"]
        )
    );
}

#[test]
fn an_estimate_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["--estimate"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let told = text(&output.stdout);
    for part in ["positions", "GB of memory", "GB of disk", "about"] {
        assert!(told.contains(part), "{told}");
    }
    let output = run(folder.path(), &["--estimate", "--prism", "2"]);
    let told = text(&output.stdout);
    for part in ["beams in about", "GB of memory", "about"] {
        assert!(told.contains(part), "{told}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn absurd_input_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    for (options, named) in [
        (&["--energy", "nan"][..], "energy_kev"),
        (&["--semiangle", "190"], "190"),
        (&["--detector", "haadf=30:60"], "haadf twice"),
        (&["--detector", "x=60:30"], "outer_mrad"),
        (&["--detector", "x=0:5000"], "outer_mrad"),
        (&["--detector", "../x=0:50"], "--detector"),
        (&["--detector", "x=0:900"], "0 to 900 mrad"),
        (&["--detector", "x=0:50/0"], "count"),
        (&["--detector", "x=com:50", "--dose", "10"], "x-y"),
        (&["--step", "1e-9"], "step"),
        (&["--field", "5"], "--field"),
        (&["--zone", "0,0,0"], "zone"),
        (&["--width", "inf"], "size"),
        (&["--width", "1e5"], "repeats"),
        (
            &["--pixel", "0.001", "--phonons", "1000", "--memory", "1"],
            "GB",
        ),
        (&["--slice", "nan"], "slice_thickness"),
        (&["--exit", "1e4"], "exit_thicknesses"),
        (&["--dose", "nan"], "dose"),
        (&["--dose", "10", "--bits", "40"], "bits"),
        (&["--dose", "10", "--gain", "0"], "gain"),
        (&["--memory", "1e-6"], "memory"),
        (&["--disk", "1e-9"], "disk"),
        (&["--tilt", "1000,0"], "y_mrad"),
        (&["--edge", "blunt"], "--edge"),
        (&["--window", "nan"], "window"),
        (&["--window", "50"], "window: found 50 Å"),
        (&["--window", "2"], "the width of the probe"),
        (&["--prism", "0"], "interpolation"),
        (&["--prism", "5"], "interpolation: found 5"),
        (&["--prism", "2", "--window", "6"], "--prism"),
        (&["--prism", "2", "--disk", "1e-9"], "disk"),
        (&["--prism", "1", "--pixel", "0.02", "--width", "60"], "GB"),
        (
            &["--patterns", "p.zarr", "--pattern-angle", "1000"],
            "angles up to 1000",
        ),
        (&["--out", "a.jpg"], "a.jpg"),
        (&["--out", "no/where/a"], "--out"),
    ] {
        let output = run(folder.path(), &[&["--out", "a.npy"], options].concat());
        let error = text(&output.stderr);
        assert!(!output.status.success(), "{options:?}");
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(
            error.starts_with("error: ") && error.contains(named),
            "{named}: {error}"
        );
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let missing = Command::new(env!("CARGO_BIN_EXE_dosewise"))
        .args([
            "simulate",
            "no.cif",
            "--detector",
            "h=0:5",
            "--out",
            "a.npy",
        ])
        .output()
        .unwrap();
    assert!(!missing.status.success() && text(&missing.stderr).contains("no.cif"));
}
