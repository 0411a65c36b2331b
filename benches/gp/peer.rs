//! scikit-learn in a process of its own, asked for one task at a time so that both sides meet the same machine.

use crate::problem::Problem;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Names a Python with scikit-learn.
const PYTHON: &str = "DOSEWISE_PEER_PYTHON";

pub struct Peer {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    pub version: String,
    _folder: tempfile::TempDir,
}

/// Processor seconds, and a number that both sides should agree on.
#[derive(Clone, Copy)]
pub struct Answer {
    pub seconds: f64,
    pub value: f64,
}

impl Peer {
    /// `None` without the environment variable; a peer that was asked for and does not start is a failure.
    pub fn start(problem: &Problem) -> Option<Self> {
        let python = std::env::var_os(PYTHON)?;
        let folder = tempfile::tempdir().expect("a folder for the data");
        let tables = problem.write(folder.path()).expect("room for the data");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/sklearn_gp.py");
        let mut command = Command::new(python);
        for threads in ["OMP", "OPENBLAS", "MKL"] {
            command.env(format!("{threads}_NUM_THREADS"), "1");
        }
        let mut process = command
            .arg(script)
            .args(tables)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the Python that DOSEWISE_PEER_PYTHON names");
        let questions = process.stdin.take().expect("a pipe");
        let answers = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut peer = Self {
            process,
            questions,
            answers,
            version: String::new(),
            _folder: folder,
        };
        peer.version = peer.line()["version"].as_str().unwrap_or("?").to_string();
        Some(peer)
    }

    /// Has the peer do a task, e.g. `fit 200`.
    pub fn ask(&mut self, task: &str) -> Answer {
        writeln!(self.questions, "{task}").expect("a peer that listens");
        let answer = self.line();
        let number = |name: &str| answer[name].as_f64().unwrap_or(f64::NAN);
        Answer {
            seconds: number("cpu_seconds"),
            value: number("value"),
        }
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.answers
            .read_line(&mut line)
            .expect("a peer that answers");
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("the peer said {line:?}"))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // A peer that has ended already needs no end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
