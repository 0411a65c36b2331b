//! How far a scan is, and how long things take.

use indicatif::{ProgressBar, ProgressStyle};
use std::ops::ControlFlow;
use std::time::Duration;

/// A bar that counts finished rows; nothing where no one looks at a terminal.
#[derive(Default)]
pub struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Called before each piece of work and at the end.
    pub fn show(&mut self, done: usize, all: usize) -> ControlFlow<()> {
        let bar = self.bar.get_or_insert_with(|| {
            if done > 0 {
                eprintln!("going on: {done} of {all} rows are there");
            }
            let style = ProgressStyle::with_template("{bar:30} {pos}/{len} rows, {eta} left");
            let bar = ProgressBar::new(all as u64).with_position(done as u64);
            bar.reset_eta();
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        bar.set_position(done as u64);
        if done == all {
            bar.finish();
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
