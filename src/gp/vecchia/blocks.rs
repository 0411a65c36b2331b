//! Parallel work cut the same way whatever the number of threads.

use crate::error::Result;
use rayon::prelude::*;
use std::ops::Range;

/// Items handled one after the other by one thread, in one set of buffers.
const BLOCK: usize = 128;

/// Runs `work` on consecutive ranges of 0..`count` side by side and returns the outcomes in their order, so that sums
/// over them, and the error that is reported, do not depend on the threads.
pub(super) fn in_blocks<T: Send>(
    count: usize,
    work: impl Fn(Range<usize>) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let outcomes: Vec<Result<T>> = (0..count.div_ceil(BLOCK))
        .into_par_iter()
        .map(|block| work(block * BLOCK..((block + 1) * BLOCK).min(count)))
        .collect();
    outcomes.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn ranges_come_in_order_and_the_first_error_wins() {
        let ranges = in_blocks(2 * BLOCK + 1, Ok).unwrap();
        assert_eq!(ranges[1], BLOCK..2 * BLOCK);
        assert_eq!(ranges[2], 2 * BLOCK..2 * BLOCK + 1);
        assert!(in_blocks(0, Ok).unwrap().is_empty());
        let failing = |range: Range<usize>| match range.start {
            0 => Ok(()),
            start => Err(Error::argument("start", start, "zero")),
        };
        let error = in_blocks(3 * BLOCK, failing).unwrap_err().to_string();
        assert!(error.contains(&format!("found {BLOCK}")), "{error}");
    }
}
