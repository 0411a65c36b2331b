//! How far a scan is: one line on a terminal that is written over and over.

use std::io::{IsTerminal, Write};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// Characters of a full bar.
const WIDTH: usize = 30;

pub struct Progress {
    /// When it began, and how much was there.
    begun: Option<(Instant, usize)>,
    terminal: bool,
}

impl Progress {
    pub fn new() -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self {
            begun: None,
            terminal,
        }
    }

    /// Called before each piece of work and at the end.
    pub fn show(&mut self, done: usize, all: usize) -> ControlFlow<()> {
        let (begun, first) = *self.begun.get_or_insert_with(|| {
            if done > 0 {
                eprintln!("going on: {done} of {all} rows are there");
            }
            (Instant::now(), done)
        });
        if self.terminal {
            let filled = WIDTH * done / all.max(1);
            let left = match done - first {
                0 => String::new(),
                new => {
                    let each = begun.elapsed().div_f64(new as f64);
                    format!(", {} left", duration(each.mul_f64((all - done) as f64)))
                }
            };
            let bar = format!("{}{}", "█".repeat(filled), "░".repeat(WIDTH - filled));
            // what the line said before may have been longer
            eprint!("\r{bar} {done}/{all} rows{left}        ");
            if done == all {
                eprintln!();
            }
            // a terminal that cannot be written to is no reason to stop
            let _ = std::io::stderr().flush();
        }
        ControlFlow::Continue(())
    }
}

/// A duration as one says it.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 1.0 {
        return "less than a second".to_owned();
    }
    let seconds = seconds.round() as u64;
    match (seconds / 86_400, seconds / 3600, seconds / 60) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min {:02} s", seconds % 60),
        (0, hours, minutes) => format!("{hours} h {:02} min", minutes % 60),
        (days, hours, _) => format!("{days} days {} h", hours % 24),
    }
}
