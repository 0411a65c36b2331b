//! Which points no other point beats.

use crate::error::{Error, Result};
use ndarray::ArrayView2;

/// Whether `a` is at least `b` in every objective and better in one.
pub(super) fn dominates(a: &[f64], b: &[f64]) -> bool {
    covers(a, b) && a.iter().zip(b).any(|(a, b)| a > b)
}

/// Whether `a` is at least `b` in every objective.
pub(super) fn covers(a: &[f64], b: &[f64]) -> bool {
    a.iter().zip(b).all(|(a, b)| a >= b)
}

/// Indices of the rows of `points` (n × k) that no other row dominates, in their order; of identical rows the first.
///
/// A row dominates another if it is at least as large in every objective and larger in one. No points have an empty front.
/// Costs n² k comparisons.
///
/// # Errors
/// [`Error::Argument`] if there is no objective or a value is not finite.
///
/// ```
/// use dosewise::acquisition::multi_objective::non_dominated;
/// use ndarray::array;
/// let points = array![[1.0, 3.0], [1.0, 2.0], [2.0, 1.0], [1.0, 3.0]];
/// assert_eq!(non_dominated(points.view())?, [0, 2]);
/// # Ok::<(), dosewise::Error>(())
/// ```
pub fn non_dominated(points: ArrayView2<'_, f64>) -> Result<Vec<usize>> {
    let rows = rows("points", points)?;
    Ok(front(&rows))
}

pub(super) fn front(rows: &[Vec<f64>]) -> Vec<usize> {
    let beaten = |i: usize| {
        rows.iter()
            .enumerate()
            .any(|(j, row)| dominates(row, &rows[i]) || j < i && *row == rows[i])
    };
    (0..rows.len()).filter(|&i| !beaten(i)).collect()
}

/// Rank of each row of `points` (n × k): 0 on the front, 1 on the front of what remains without it, and so on.
///
/// Identical rows share their rank.
///
/// # Errors
/// As [`non_dominated`].
///
/// Source: Deb, Pratap, Agarwal and Meyarivan, *IEEE Trans. Evol. Comput.* 6, 182 (2002), section III A.
///
/// ```
/// use dosewise::acquisition::multi_objective::non_dominated_ranks;
/// use ndarray::array;
/// let points = array![[0.0, 0.0], [1.0, 3.0], [1.0, 2.0], [2.0, 1.0], [1.0, 3.0]];
/// assert_eq!(non_dominated_ranks(points.view())?, [2, 0, 1, 0, 0]);
/// # Ok::<(), dosewise::Error>(())
/// ```
pub fn non_dominated_ranks(points: ArrayView2<'_, f64>) -> Result<Vec<usize>> {
    let rows = rows("points", points)?;
    let beats = |i: usize| {
        let beaten = (0..rows.len()).filter(|&j| dominates(&rows[i], &rows[j]));
        beaten.collect::<Vec<_>>()
    };
    let beaten: Vec<Vec<usize>> = (0..rows.len()).map(beats).collect();
    let mut betters = vec![0usize; rows.len()];
    beaten.iter().flatten().for_each(|&j| betters[j] += 1);
    let mut ranks = vec![0; rows.len()];
    let mut current: Vec<usize> = (0..rows.len()).filter(|&i| betters[i] == 0).collect();
    for rank in 0.. {
        if current.is_empty() {
            break;
        }
        let mut next = Vec::new();
        for &i in &current {
            ranks[i] = rank;
            for &j in &beaten[i] {
                betters[j] -= 1;
                if betters[j] == 0 {
                    next.push(j);
                }
            }
        }
        current = next;
    }
    Ok(ranks)
}

/// The rows of finite `points` as vectors.
pub(super) fn rows(argument: &str, points: ArrayView2<'_, f64>) -> Result<Vec<Vec<f64>>> {
    if points.ncols() == 0 {
        return Err(Error::argument(argument, "no objective", "at least one"));
    }
    match points.indexed_iter().find(|(_, value)| !value.is_finite()) {
        None => Ok(points.rows().into_iter().map(|row| row.to_vec()).collect()),
        Some(((row, column), value)) => Err(Error::argument(
            format!("{argument}[{row}, {column}]"),
            value,
            "a finite number",
        )),
    }
}

/// Refuses a reference point that is not one finite number for each of `objectives`.
pub(super) fn check_reference(reference: &[f64], objectives: usize) -> Result<()> {
    if reference.len() != objectives || reference.iter().any(|r| !r.is_finite()) {
        return Err(Error::argument(
            "reference",
            format!("{reference:?}"),
            format!("{objectives} finite numbers, one for each objective"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn empty_and_broken_points() {
        assert!(
            non_dominated(Array2::zeros((0, 2)).view())
                .unwrap()
                .is_empty()
        );
        assert!(
            non_dominated_ranks(Array2::zeros((0, 2)).view())
                .unwrap()
                .is_empty()
        );
        assert!(non_dominated(Array2::zeros((2, 0)).view()).is_err());
        let error = non_dominated_ranks(array![[0.0, f64::NAN]].view()).unwrap_err();
        assert!(error.to_string().starts_with("points[0, 1]"), "{error}");
    }

    /// Peeling front after front by the definition.
    #[test]
    fn ranks_equal_peeling() {
        let points = Array2::from_shape_fn((60, 3), |(i, k)| {
            ((i * 37 + k * 11 + i * i * (k + 3)) % 17) as f64
        });
        let ranks = non_dominated_ranks(points.view()).unwrap();
        let mut left: Vec<Vec<f64>> = points.rows().into_iter().map(|r| r.to_vec()).collect();
        for rank in 0..=*ranks.iter().max().unwrap() {
            let top: Vec<Vec<f64>> = front(&left).iter().map(|&i| left[i].clone()).collect();
            for (row, found) in points.rows().into_iter().zip(&ranks) {
                assert_eq!(top.contains(&row.to_vec()), *found == rank);
            }
            left.retain(|row| !top.contains(row));
        }
        assert!(left.is_empty());
    }
}
