//! How far a scan is, and how long things take.

use indicatif::{ProgressBar, ProgressStyle};
use std::sync::OnceLock;
use std::time::Duration;

/// A bar that counts finished things; nothing where no one looks at a terminal.
pub struct Progress {
    things: &'static str,
    bar: OnceLock<ProgressBar>,
}

impl Progress {
    /// Of `things`, in the plural.
    pub fn of(things: &'static str) -> Self {
        let bar = OnceLock::new();
        Self { things, bar }
    }

    /// Called before each piece of work, or after it, and at the end.
    pub fn show(&self, done: usize, all: usize) {
        let bar = self.bar.get_or_init(|| {
            let template = format!("{{bar:30}} {{pos}}/{{len}} {}, {{eta}} left", self.things);
            let style = ProgressStyle::with_template(&template);
            let bar = ProgressBar::new(all as u64).with_position(done as u64);
            bar.reset_eta();
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        // threads tell in any order
        bar.set_position(bar.position().max(done as u64));
        if done == all {
            bar.finish();
        }
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
