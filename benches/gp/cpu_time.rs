//! Processor time, which other work on the machine does not lengthen as it does wall time.

use std::time::Instant;

/// Processor seconds that all threads of this process have used, where Linux tells; `None` elsewhere.
fn process_seconds() -> Option<f64> {
    let mut nanoseconds = 0.0;
    for thread in std::fs::read_dir("/proc/self/task").ok()? {
        let file = thread.ok()?.path().join("schedstat");
        let text = std::fs::read_to_string(file).ok()?;
        nanoseconds += text.split_whitespace().next()?.parse::<f64>().ok()?;
    }
    Some(nanoseconds * 1e-9)
}

/// The least processor seconds (wall seconds where the system keeps no account) of one call among a few samples.
///
/// The kernel brings its account up to date a few hundred times a second, so a sample is as many calls as fill a fifth
/// of a second; sampling ends after five samples or, once there is one, after `budget` seconds.
pub fn least_seconds(budget: f64, mut call: impl FnMut()) -> f64 {
    let begin = Instant::now();
    let clock = || process_seconds().unwrap_or_else(|| begin.elapsed().as_secs_f64());
    let mut calls = 1_u32;
    let mut least = f64::INFINITY;
    let mut samples = 0;
    while samples < 5 && (samples == 0 || begin.elapsed().as_secs_f64() < budget) {
        let (start, wall) = (clock(), Instant::now());
        (0..calls).for_each(|_| call());
        let used = clock() - start;
        let enough = wall.elapsed().as_secs_f64() >= 0.2;
        if enough || samples > 0 {
            least = least.min(used / f64::from(calls));
            samples += 1;
        } else {
            calls *= 4;
        }
    }
    least
}
