//! abTEM in a process of its own, asked for one task at a time so that both sides meet the same machine.

use crate::SIDE;
use crate::specimens::Workload;
use dosewise::stem::Vibration;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Names a Python with abTEM.
const PYTHON: &str = "DOSEWISE_PEER_PYTHON";

pub struct Peer {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// Processor seconds of one scan, the mean signal of the first detector, and the highest memory of the process so far.
pub struct Answer {
    pub seconds: f64,
    pub value: f64,
    pub megabytes: f64,
}

impl Peer {
    /// `None` without the environment variable; a peer that was asked for and does not start is a failure.
    pub fn start(workload: &Workload) -> Option<Self> {
        let python = std::env::var_os(PYTHON)?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/abtem_stem.py");
        let mut command = Command::new(python);
        for threads in ["OMP", "OPENBLAS", "MKL", "NUMBA"] {
            command.env(format!("{threads}_NUM_THREADS"), "1");
        }
        let mut process = command
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the Python that DOSEWISE_PEER_PYTHON names");
        let mut questions = process.stdin.take().expect("a pipe");
        let answers = BufReader::new(process.stdout.take().expect("a pipe"));
        writeln!(questions, "{}", description(workload)).expect("a peer that listens");
        Some(Self {
            process,
            questions,
            answers,
        })
    }

    /// Has the peer scan once, with so many frozen phonons (`0`: atoms that stand still), or by
    /// `prism <interpolation> <probes along a side> <corner> <step>`.
    pub fn ask(&mut self, task: &str) -> Answer {
        writeln!(self.questions, "{task}").expect("a peer that listens");
        let mut line = String::new();
        self.answers
            .read_line(&mut line)
            .expect("a peer that answers");
        let answer: Value =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("the peer said {line:?}"));
        let number = |name: &str| answer[name].as_f64().unwrap_or(f64::NAN);
        Answer {
            seconds: number("cpu_seconds"),
            value: number("value"),
            megabytes: number("megabytes"),
        }
    }
}

/// The workload as one line of JSON.
fn description(workload: &Workload) -> Value {
    let extent = workload.structure.extent();
    let atoms = workload.structure.atoms().iter().map(|atom| {
        let displacement = match atom.vibration {
            Vibration::Isotropic(u) => u,
            _ => 0.0,
        };
        let place = atom.position;
        json!([
            atom.element.symbol(),
            place.x,
            place.y,
            place.z,
            displacement
        ])
    });
    json!({
        "extent": [extent.x, extent.y, extent.z],
        "atoms": atoms.collect::<Vec<_>>(),
        "energy_kev": workload.energy_kev,
        "semiangle_mrad": workload.semiangle_mrad,
        "detectors": workload.detectors,
        "gpts": [workload.columns, workload.rows],
        "slice_thickness": workload.slice_thickness,
        "corner": workload.corner,
        "step": workload.step,
        "side": SIDE,
    })
}

impl Drop for Peer {
    fn drop(&mut self) {
        // A peer that has ended already needs no end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
