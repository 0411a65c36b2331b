//! `dosewise study`: a study driven by single commands, as an instrument script would.

use dosewise::optimize::{Study, Trial};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const SPACE: &str = r#"{"dimensions": [["x", {"float": {"low": -2, "high": 3}}],
    ["mode", {"choice": {"names": ["slow", "fast"]}}], ["at", {"pixel": {"rows": 4, "columns": 5}}]]}"#;

/// A folder with a space and a study.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new(more: &[&str]) -> Self {
        let bench = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let space = bench.write("space.json", SPACE);
        let output = bench.study(
            "new",
            &[&["--space", space.to_str().unwrap()], more].concat(),
        );
        assert!(output.status.success(), "{}", text(&output.stderr));
        bench
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let file = self.folder.path().join(name);
        std::fs::write(&file, content).unwrap();
        file
    }

    fn journal(&self) -> PathBuf {
        self.folder.path().join("journal")
    }

    fn command(&self, verb: &str, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dosewise"));
        command.args(["study", verb]).arg(self.journal()).args(more);
        command
    }

    fn study(&self, verb: &str, more: &[&str]) -> Output {
        self.command(verb, more).output().unwrap()
    }

    /// What a command prints, as JSON.
    fn lines(&self, verb: &str, more: &[&str]) -> Vec<Value> {
        let output = self.study(verb, more);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let lines = text(&output.stdout);
        lines
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect()
    }

    /// The one line of a refusal, which must hold these parts and leave the journal as it was.
    fn refused(&self, verb: &str, more: &[&str], parts: &[&str]) {
        let before = std::fs::read(self.journal()).ok();
        let output = self.study(verb, more);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        for part in [&["error: "], parts].concat() {
            assert!(error.contains(part), "{part} is missing in {error}");
        }
        assert_eq!(std::fs::read(self.journal()).ok(), before);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_study_runs_by_single_commands() {
    let bench = Bench::new(&["--minimise", "--seed", "3"]);
    for expected in 0..9 {
        let asked = &bench.lines("ask", &["--budget", "1000"])[0];
        let (trial, setting) = (asked["trial"].as_u64().unwrap(), &asked["setting"]);
        assert_eq!(trial, expected);
        let x = setting["x"].as_f64().unwrap();
        assert!((-2.0..=3.0).contains(&x) && setting["at"].as_array().unwrap().len() == 2);
        let value = (x - 1.0).powi(2) - f64::from(u8::from(setting["mode"] == "fast"));
        let told = [
            "--trial",
            &trial.to_string(),
            "--value",
            &value.to_string(),
            "--noise",
            "1e-4",
            "--cost",
            "2",
        ];
        assert!(bench.study("tell", &told).status.success());
    }
    let best = &bench.lines("best", &[])[0];
    let believed = &bench.lines("best", &["--model"])[0];
    let difference = believed["mean"].as_f64().unwrap() - best["value"].as_f64().unwrap();
    assert!(difference.abs() < 0.2 && believed["variance"].as_f64().unwrap() < 1e-3);
    // The command line and the library are one: the same study without a journal in between.
    let study = Study::resume(bench.journal()).unwrap();
    assert_eq!(study.best().unwrap().id(), best["trial"].as_u64().unwrap());
    assert_eq!(study.spent(), 18.0);
    drop(study);
    assert!(bench.lines("ask", &["--budget", "18"]).is_empty());
    let failed = bench.lines("ask", &["--count", "2"])[1]["trial"].to_string();
    let fail = ["--trial", &failed, "--reason", "beam, lost", "--cost", "1"];
    assert!(bench.study("fail", &fail).status.success());

    let csv = text(&bench.study("show", &["--csv"]).stdout);
    let rows: Vec<&str> = csv.lines().collect();
    assert_eq!(rows.len(), 12);
    assert_eq!(
        rows[0],
        "trial,outcome,value,noise,cost,spent,best,reason,x,mode,at.row,at.column"
    );
    assert!(rows[10].starts_with("9,pending,,,,18,") && rows[11].contains(",\"beam, lost\","));
    let whole = &bench.lines("show", &["--json"])[0];
    assert_eq!(whole["trials"].as_array().unwrap().len(), 11);
    assert_eq!(
        (&whole["spent"], &whole["best"]),
        (&Value::from(19.0), &best["trial"])
    );
    let table = text(&bench.study("show", &[]).stdout);
    assert!(
        table.contains("spent  19") && table.lines().count() == 14,
        "{table}"
    );
}

#[test]
fn results_come_from_files_all_or_none() {
    let bench = Bench::new(&[]);
    bench.lines("ask", &["--count", "4"]);
    let csv = bench.write("results.csv", "trial,value,cost\n0,1.5,2\n2,-0.25,\n");
    for _ in 0..2 {
        // Told again, nothing happens twice.
        assert!(
            bench
                .study("tell", &["--from", path(&csv)])
                .status
                .success()
        );
        let study = Study::resume(bench.journal()).unwrap();
        assert_eq!((study.spent(), study.pending().count()), (3.0, 2));
    }
    let json = bench.write(
        "more.json",
        r#"[{"trial": 1, "value": 1e-3, "noise": 0.5}, {"trial": 0, "value": 1.5, "cost": 2}]"#,
    );
    assert!(
        bench
            .study("tell", &["--from", path(&json)])
            .status
            .success()
    );
    for (name, content, parts) in [
        (
            "a.csv",
            "trial,value\n3,1\n9,1\n",
            &["trial", "9, never asked"][..],
        ),
        ("b.csv", "trial,value\n3,1\n0,1\n", &["0, told already"]),
        (
            "c.csv",
            "trial,value\n3,1\n3,2\n",
            &["two different results"],
        ),
        (
            "d.csv",
            "trial,value\n3,NaN\n",
            &["value", "NaN", "a finite number"],
        ),
        (
            "e.csv",
            "trial,value\n3,\n",
            &["e.csv, line 2", "`` as value", "a number"],
        ),
        (
            "f.csv",
            "trial,result\n3,1\n",
            &["f.csv, line 1", "`result`"],
        ),
        (
            "g.csv",
            "trial,value\n3,1,2\n",
            &["g.csv, line 2", "3 fields"],
        ),
        ("h.csv", "", &["h.csv, line 1"]),
        ("i.json", "[{\"trial\": 3}]", &["i.json, line 1", "value"]),
        (
            "j.json",
            "[{\"trial\": 3, \"value\": 1, \"dose\": 2}]",
            &["j.json", "dose"],
        ),
        ("k.txt", "", &["k.txt", ".csv or .json"]),
    ] {
        let file = bench.write(name, content);
        bench.refused("tell", &["--from", path(&file)], parts);
    }
    bench.refused("tell", &["--from", "nowhere.csv"], &["nowhere.csv"]);
}

#[test]
fn wrong_tells_are_refused_in_one_line() {
    let bench = Bench::new(&[]);
    bench.refused("best", &[], &["no told trial"]);
    bench.lines("ask", &[]);
    let tell = |more: &[&str], parts: &[&str]| {
        bench.refused("tell", &[&["--trial", "0"], more].concat(), parts);
    };
    tell(&["--value", "NaN"], &["value", "NaN", "Study::fail"]);
    tell(&["--value", "-inf"], &["value", "-inf"]);
    tell(&["--value", "1", "--noise", "-1"], &["noise", "-1"]);
    tell(&["--value", "1", "--cost", "nan"], &["cost", "NaN"]);
    bench.refused(
        "tell",
        &["--trial", "5", "--value", "1"],
        &["5, never asked"],
    );
    bench.refused("ask", &["--budget", "-1"], &["-1", "positive"]);
    bench.refused("ask", &["--wait", "nan"], &["--wait"]);
    // What the parser of arguments refuses has its own exit code.
    for arguments in [
        &["--trial", "0"][..],
        &["--value", "1"],
        &[],
        &["--trial", "x", "--value", "1"],
    ] {
        assert_eq!(
            bench.study("tell", arguments).status.code(),
            Some(2),
            "{arguments:?}"
        );
    }
}

#[test]
fn faulty_spaces_and_journals_name_file_and_key() {
    let bench = Bench::new(&[]);
    let space = path(&bench.folder.path().join("space.json")).to_owned();
    bench.refused("new", &["--space", &space], &["journal", "exists already"]);
    std::fs::remove_file(bench.journal()).unwrap();
    let float = |text: &str| format!("{{\"dimensions\": [[\"x\", {{\"float\": {text}}}]]}}");
    for (content, parts) in [
        (
            float("{\"low\": 1, \"high\": 0}"),
            &["key `x`", "1 to 0", "low < high"][..],
        ),
        (
            float("{\"low\": 1, \"hihg\": 2}"),
            &["dimensions[0][1].float", "hihg", "`high`"],
        ),
        (
            float("{\"low\": \"a\", \"high\": 2}"),
            &["dimensions[0][1].float.low", "\"a\"", "f64"],
        ),
        (float("{\"low\": 1}"), &["dimensions[0][1].float", "high"]),
        (
            SPACE.replace("float", "flaot"),
            &["dimensions[0][1]", "flaot", "`log_float`"],
        ),
        (
            SPACE.replace("dimensions", "dimension"),
            &["dimension`", "unknown field"],
        ),
        (SPACE.replace("]]}", "]"), &["line 2"]),
        (SPACE.to_owned() + "}", &["line 2", "trailing"]),
        (
            "{\"dimensions\": []}".to_owned(),
            &["dimensions", "no parameter"],
        ),
        (String::new(), &["line 1"]),
    ] {
        let file = bench.write("bad.json", &content);
        let parts = [&["bad.json"], parts].concat();
        bench.refused("new", &["--space", path(&file)], &parts);
    }
    bench.refused("ask", &[], &["journal"]);
    std::fs::write(bench.journal(), "no journal\n").unwrap();
    bench.refused("show", &[], &["journal, line 1"]);
    assert!(text(&bench.study("new", &["--help"]).stdout).contains("\"dimensions\""));
}

#[test]
fn two_processes_take_turns() {
    let bench = Bench::new(&[]);
    let held = Study::resume(bench.journal()).unwrap();
    bench.refused("ask", &["--wait", "0"], &["journal", "another process"]);
    let mut waiting = bench
        .command("ask", &["--wait", "60"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert!(waiting.try_wait().unwrap().is_none());
    drop(held);
    assert!(waiting.wait_with_output().unwrap().status.success());
    // Many at once: each gets trials of its own.
    let asking: Vec<_> = (0..6)
        .map(|_| {
            bench
                .command("ask", &["--wait", "60"])
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut asked: Vec<u64> = asking
        .into_iter()
        .map(|child| {
            let output = child.wait_with_output().unwrap();
            let line: Value = serde_json::from_slice(&output.stdout).unwrap();
            line["trial"].as_u64().unwrap()
        })
        .collect();
    asked.sort_unstable();
    assert_eq!(asked, [1, 2, 3, 4, 5, 6]);
}

#[test]
fn constraints_figures_and_tables_work_by_single_commands() {
    let bench = Bench::new(&[
        "--minimise",
        "--subject-to",
        "drift<=0.5",
        "--subject-to",
        "0 <= hot <= 9",
    ]);
    for _ in 0..7 {
        let asked = &bench.lines("ask", &[])[0];
        let x = asked["setting"]["x"].as_f64().unwrap();
        let told = [
            "--trial",
            &asked["trial"].to_string(),
            "--value",
            &x.to_string(),
            "--noise",
            "0.01",
            "--constraint",
            &format!("drift={}", -x),
            "--constraint",
            "hot=1",
        ];
        assert!(bench.study("tell", &told).status.success());
    }
    // The smallest value is not allowed.
    let best = &bench.lines("best", &[])[0];
    assert!(best["value"].as_f64().unwrap() >= -0.5);
    assert!(best["constraints"]["drift"].as_f64().unwrap() <= 0.5);
    assert!(
        bench.lines("best", &["--model"])[0]["mean"]
            .as_f64()
            .unwrap()
            > -0.7
    );
    let table = text(&bench.study("show", &[]).stdout);
    assert!(
        table.contains("limit  drift ≤ 0.5") && table.contains("refused"),
        "{table}"
    );

    let out = bench.folder.path().join("figures");
    let figure = [
        "--out",
        path(&out),
        "--slice",
        "x",
        "--slice",
        "mode",
        "--map",
        "at",
    ];
    let drawn = bench.study("figure", &figure);
    assert!(drawn.status.success(), "{}", text(&drawn.stderr));
    let files: Vec<String> = text(&drawn.stdout).lines().map(str::to_owned).collect();
    assert_eq!(files.len(), 8);
    assert!(
        files
            .iter()
            .all(|file| std::fs::metadata(file).unwrap().len() > 1000)
    );

    // Another study takes over the trials of this one.
    for flag in ["--csv", "--json"] {
        let shown = text(&bench.study("show", &[flag]).stdout);
        let file = if flag == "--csv" {
            bench.write("trials.csv", &shown)
        } else {
            let whole: Value = serde_json::from_str(&shown).unwrap();
            bench.write("trials.json", &whole["trials"].to_string())
        };
        assert!(
            bench
                .study("add", &["--from", path(&file)])
                .status
                .success()
        );
    }
    let study = Study::resume(bench.journal()).unwrap();
    assert_eq!(study.trials().len(), 28); // its own, those, and all of them again
    // A cost that was not told stands as 1 in the table, and is told from then on.
    let [again, told] = [8, 1].map(|i| &study.trials()[i]);
    assert_eq!(
        (again.setting(), again.cost()),
        (told.setting(), told.cost())
    );
    let shown = |trial: &Trial| {
        trial
            .observation()
            .map(|o| (o.value, o.noise, o.constraints.clone()))
    };
    assert_eq!(shown(again), shown(told));
    drop(study);
    let asked = text(&bench.study("ask", &["--csv", "--count", "2"]).stdout);
    let rows: Vec<&str> = asked.lines().collect();
    assert_eq!((rows.len(), rows[0]), (3, "trial,x,mode,at.row,at.column"));
    assert!(rows[1].starts_with("28,") && rows[2].starts_with("29,"));
    let results = bench.write(
        "results.csv",
        "trial,value,drift,hot\n28,1,0.1,2\n29,1,0.1,3\n",
    );
    assert!(
        bench
            .study("tell", &["--from", path(&results)])
            .status
            .success()
    );
    let stopped = bench.study("ask", &["--least-gain", "1e9"]);
    assert!(stopped.status.success() && stopped.stdout.is_empty());
    assert!(text(&stopped.stderr).contains("promises enough"));
    bench.lines("ask", &[]);
    bench.refused(
        "tell",
        &["--trial", "30", "--value", "1"],
        &["drift", "no value"],
    );
    let tell = ["--trial", "30", "--value", "1", "--constraint"];
    bench.refused(
        "tell",
        &[&tell[..], &["drift"]].concat(),
        &["--constraint", "NAME=VALUE"],
    );
    for (flags, part) in [
        (["--slice", "focus"], "focus"),
        (["--slice", "at"], "pixels"),
        (["--map", "x,mode"], "mode"),
        (["--map", "a,b,c"], "X,Y"),
        (["--map", "x"], "pixels"),
    ] {
        let nowhere = bench.folder.path().join("nowhere");
        bench.refused(
            "figure",
            &[&["--out", path(&nowhere)][..], &flags].concat(),
            &[part],
        );
        assert!(!nowhere.exists());
    }
    std::fs::remove_file(bench.journal()).unwrap();
    let space = path(&bench.folder.path().join("space.json")).to_owned();
    for (limit, part) in [
        ("drift", "LIMIT"),
        ("drift<=a", "LIMIT"),
        ("x<=1", "`x`"),
        ("d>=nan", "d"),
    ] {
        bench.refused("new", &["--space", &space, "--subject-to", limit], &[part]);
    }
}
