//! What a simulation would need in memory, told before any of it is taken.

use crate::{Error, Result};

/// Refuses a list of (what, bytes) whose sum is above `limit` bytes, saying the largest part.
pub(super) fn check(limit: u64, parts: &[(String, f64)]) -> Result<()> {
    let advice = "larger pixels, thicker slices or fewer configurations";
    check_advising(limit, parts, advice)
}

/// The same, saying what else could be taken.
pub(in crate::stem) fn check_advising(
    limit: u64,
    parts: &[(String, f64)],
    advice: &str,
) -> Result<()> {
    let total: f64 = parts.iter().map(|(_, bytes)| bytes).sum();
    if total <= limit as f64 {
        return Ok(());
    }
    let largest = parts.iter().max_by(|a, b| a.1.total_cmp(&b.1));
    let largest = largest.map_or(String::new(), |(what, bytes)| {
        format!(", of which {} for {what}", gigabytes(*bytes))
    });
    Err(Error::argument(
        "memory",
        format!("a need of {}{largest}", gigabytes(total)),
        format!(
            "memory_limit, {}; raise it, or take {advice}",
            gigabytes(limit as f64)
        ),
    ))
}

fn gigabytes(bytes: f64) -> String {
    format!("{:.2} GB", 1e-9 * bytes)
}
