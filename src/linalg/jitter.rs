//! What is added to a diagonal so that its matrix has a factor.

use super::in_place::factor_in_place;

/// Jitter tried first, relative to the variance of the row whose pivot was lost.
const FIRST: f64 = 1e-10;
/// Largest jitter tried, relative to the mean of the diagonal.
const LAST: f64 = 1e-4;

/// No jitter that may be tried makes the matrix positive definite.
pub(super) struct Lost {
    /// Row of the unsound pivot.
    pub pivot: usize,
    /// The jitter of the last attempt.
    pub jitter: f64,
}

/// Factors a matrix into the lower triangle of `lower` (column stride `stride`) and returns the jitter that took.
///
/// `fill(j, column)` writes rows `j..size` of column `j`, whose diagonal gets the jitter, `least` at first; `finish`
/// takes off what else belongs to the matrix. Both are called again for each attempt.
///
/// Jitter is measured by the row that was lost: noise would have kept its pivot, so its variance is that of the process
/// alone, however noisy other rows are. A row of variance zero is zero everywhere, and anything small will do.
pub(super) fn factor_with_jitter(
    lower: &mut [f64],
    (size, stride): (usize, usize),
    least: f64,
    fill: &mut dyn FnMut(usize, &mut [f64]),
    finish: &dyn Fn(&mut [f64]),
) -> Result<f64, Lost> {
    let mut diagonal = vec![0.0; size];
    let mut further = 0.0;
    loop {
        let jitter = least + further;
        for (j, variance) in diagonal.iter_mut().enumerate() {
            let column = &mut lower[j * stride..][j..size];
            fill(j, column);
            column[0] += jitter;
            *variance = column[0];
        }
        finish(lower);
        let Err(pivot) = factor_in_place(lower, size, stride, &diagonal) else {
            return Ok(jitter);
        };
        let positive = diagonal.iter().copied().filter(|variance| *variance > 0.0);
        let scale = match diagonal[pivot] {
            variance if variance > 0.0 => variance,
            _ => positive.fold(f64::INFINITY, f64::min),
        };
        let mean = diagonal.iter().sum::<f64>() / size as f64;
        further = (10.0 * further).max(FIRST * scale);
        if !(mean.is_finite() && further <= LAST * mean * 1.01) {
            return Err(Lost { pivot, jitter });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The jitter of a matrix given as the lower part of its columns.
    fn jitter(columns: &[&[f64]]) -> Option<f64> {
        let size = columns.len();
        let mut lower = vec![0.0; size * size];
        let fill = &mut |j: usize, column: &mut [f64]| column.copy_from_slice(columns[j]);
        factor_with_jitter(&mut lower, (size, size), 0.0, fill, &|_| ()).ok()
    }

    #[test]
    fn it_is_measured_by_the_row_that_needs_it() {
        let (noisy, four) = (1e12, 4.0);
        assert_eq!(jitter(&[&[1.0, 0.5], &[noisy]]), Some(0.0));
        let twins = [&[four, four, 0.3][..], &[four, 0.3], &[noisy]];
        assert_eq!(jitter(&twins), Some(4e-10));
        let twins = [&[noisy, 0.3, 0.3][..], &[four, four], &[four]];
        assert_eq!(jitter(&twins), Some(4e-10));
        // The rows of small variance need less, those of large variance decide.
        let pairs = [
            &[1e-9, 1e-9, 0.0, 0.0][..],
            &[1e-9, 0.0, 0.0],
            &[four, four],
            &[four],
        ];
        assert_eq!(jitter(&pairs), Some(4e-10));
    }

    #[test]
    fn a_row_of_zeros_takes_little_and_nothing_helps_the_hopeless() {
        assert_eq!(jitter(&[&[0.0, 0.0], &[3.0]]), Some(3.0 * 1e-10));
        assert_eq!(jitter(&[&[0.0, 0.0], &[0.0]]), None);
        assert_eq!(jitter(&[&[1.0, 3.0], &[1.0]]), None);
        assert_eq!(jitter(&[&[-1.0, 0.0], &[1.0]]), None);
        for bad in [f64::NAN, f64::INFINITY] {
            assert_eq!(jitter(&[&[1.0, 0.0], &[bad]]), None);
            assert_eq!(jitter(&[&[1.0, bad], &[1.0]]), None);
        }
    }
}
