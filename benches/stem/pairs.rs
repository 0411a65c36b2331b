//! Paired runs: both sides meet the machine one right after the other, and medians over the pairs are told.

use crate::cpu_time::least_seconds;

/// Runs of each side.
const PAIRS: usize = 5;

/// Processor seconds of each run of ours, of others beside it, and of the peer where there is one.
pub struct Pairs {
    pub ours: Vec<f64>,
    pub other: Vec<f64>,
    pub peer: Vec<f64>,
}

impl Pairs {
    /// Runs ours, another task and the peer's, so often one after the other. What takes less than a fifth of a second is
    /// run as often as fills that.
    pub fn run(
        mut ours: impl FnMut(),
        mut other: impl FnMut(),
        mut peer: impl FnMut() -> Option<f64>,
    ) -> Self {
        let mut pairs = Self {
            ours: Vec::new(),
            other: Vec::new(),
            peer: Vec::new(),
        };
        for _ in 0..PAIRS {
            pairs.ours.push(least_seconds(0.0, &mut ours));
            pairs.other.push(least_seconds(0.0, &mut other));
            pairs.peer.extend(peer());
        }
        pairs
    }

    /// How often the peer's time ours fits into, empty without a peer: `4.1 (3.9–4.3)`, median and range of the pairs.
    pub fn ratio(&self) -> String {
        ratios(&self.peer, &self.ours)
    }
}

/// Median and range of the ratios of pairs; empty without any.
pub fn ratios(above: &[f64], below: &[f64]) -> String {
    let mut ratios: Vec<f64> = above.iter().zip(below).map(|(a, b)| a / b).collect();
    ratios.sort_by(f64::total_cmp);
    match &ratios[..] {
        [] => String::new(),
        [least, .., most] => format!("{:.2} ({least:.2}–{most:.2})", median(&ratios)),
        [one] => format!("{one:.2}"),
    }
}

/// The median; not a number of nothing.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n => 0.5 * (sorted[(n - 1) / 2] + sorted[n / 2]),
    }
}
