//! The volume that points dominate.

use super::dominance::{check_reference, covers, front, rows};
use crate::error::Result;
use ndarray::ArrayView2;

/// Volume between the `reference` point (k numbers) and the rows of `points` (n × k): what at least one of them dominates.
///
/// Exact for any number of objectives, meant for two to four. Two are swept in n ln n steps; for more, each point in turn adds
/// its box less what the later ones dominate of it, which is again a hypervolume of fewer points. Points that do not exceed the
/// reference in every objective add nothing.
///
/// # Errors
/// [`Error::Argument`](crate::Error::Argument) if there is no objective, a value is not finite, or the reference has another
/// number of objectives.
///
/// Source: While, Bradstreet and Barone, *IEEE Trans. Evol. Comput.* 16, 86 (2012) (the WFG algorithm).
///
/// ```
/// use dosewise::acquisition::multi_objective::hypervolume;
/// use ndarray::array;
/// let points = array![[1.0, 1.0, 2.0], [2.0, 1.0, 1.0]];
/// assert_eq!(hypervolume(points.view(), &[0.0, 0.0, 0.0])?, 2.0 + 2.0 - 1.0);
/// # Ok::<(), dosewise::Error>(())
/// ```
pub fn hypervolume(points: ArrayView2<'_, f64>, reference: &[f64]) -> Result<f64> {
    let rows = rows("points", points)?;
    check_reference(reference, points.ncols())?;
    Ok(volume(relevant(rows, reference), reference))
}

/// By how much the hypervolume of `front` (n × k, n ≥ 0) grows if the rows of `points` (q × k) are added to it.
///
/// # Errors
/// As [`hypervolume`], and if the two differ in their number of objectives.
///
/// ```
/// use dosewise::acquisition::multi_objective::hypervolume_improvement;
/// use ndarray::array;
/// let gain = hypervolume_improvement(array![[2.0, 2.0]].view(), array![[1.0, 3.0]].view(), &[0.0, 0.0])?;
/// assert_eq!(gain, 2.0);
/// # Ok::<(), dosewise::Error>(())
/// ```
pub fn hypervolume_improvement(
    points: ArrayView2<'_, f64>,
    front: ArrayView2<'_, f64>,
    reference: &[f64],
) -> Result<f64> {
    let points = rows("points", points)?;
    let held = rows("front", front)?;
    check_reference(reference, front.ncols())?;
    if let Some(point) = points.first() {
        check_reference(reference, point.len())?;
    }
    Ok(improvement(points, &relevant(held, reference), reference))
}

/// The non-dominated ones of the points that exceed the reference in every objective.
pub(super) fn relevant(mut points: Vec<Vec<f64>>, reference: &[f64]) -> Vec<Vec<f64>> {
    points.retain(|point| point.iter().zip(reference).all(|(p, r)| p > r));
    let kept = front(&points);
    kept.into_iter()
        .map(|i| std::mem::take(&mut points[i]))
        .collect()
}

/// What `points` add to the volume of `held`, which is non-dominated and above the reference.
pub(super) fn improvement(points: Vec<Vec<f64>>, held: &[Vec<f64>], reference: &[f64]) -> f64 {
    let points = relevant(points, reference);
    let exclusive = |i: usize| {
        let others = held.iter().chain(&points[i + 1..]);
        exclusive(&points[i], others, reference)
    };
    (0..points.len()).map(exclusive).sum()
}

/// How the volume that `point` and the `others` dominate together grows with objective `k` of the point: the area of the face
/// of its box that it shares with none of those that reach further along k.
///
/// Source: Emmerich and Deutz, *Time complexity and zeros of the hypervolume indicator gradient field*, EVOLVE III, 169 (2014).
pub(super) fn face<'p>(
    point: &[f64],
    k: usize,
    others: impl Iterator<Item = &'p Vec<f64>>,
    reference: &[f64],
) -> f64 {
    if point.iter().zip(reference).any(|(p, r)| p <= r) {
        return 0.0;
    }
    let flat = |point: &[f64]| [&point[..k], &point[k + 1..]].concat();
    let further: Vec<Vec<f64>> = others
        .filter(|other| other[k] > point[k])
        .map(|other| flat(other))
        .collect();
    if further.is_empty() {
        return flat(point)
            .iter()
            .zip(flat(reference))
            .map(|(p, r)| p - r)
            .product();
    }
    exclusive(&flat(point), further.iter(), &flat(reference))
}

/// Volume of a non-dominated set above the reference.
fn volume(mut points: Vec<Vec<f64>>, reference: &[f64]) -> f64 {
    match reference {
        [floor] => points.iter().map(|p| p[0] - floor).fold(0.0, f64::max),
        [left, floor] => {
            // by falling first objective the second rises, and each point adds the strip above those before
            points.sort_by(|a, b| b[0].total_cmp(&a[0]));
            let mut height = *floor;
            let mut strip = |point: &Vec<f64>| {
                let rise = (point[1] - height).max(0.0);
                height = height.max(point[1]);
                (point[0] - left) * rise
            };
            points.iter().map(&mut strip).sum()
        }
        _ => {
            // small last objectives first: their boxes leave little for the rest to be cut down to
            let last = reference.len() - 1;
            points.sort_by(|a, b| a[last].total_cmp(&b[last]));
            (0..points.len())
                .map(|i| exclusive(&points[i], points[i + 1..].iter(), reference))
                .sum()
        }
    }
}

/// Volume of the box of `point` that none of `others` dominates.
fn exclusive<'p>(
    point: &[f64],
    others: impl Iterator<Item = &'p Vec<f64>>,
    reference: &[f64],
) -> f64 {
    let inclusive: f64 = point.iter().zip(reference).map(|(p, r)| p - r).product();
    let mut limited = Vec::new();
    for other in others {
        if covers(other, point) {
            return 0.0;
        }
        limited.push(point.iter().zip(other).map(|(p, o)| p.min(*o)).collect());
    }
    (inclusive - volume(relevant(limited, reference), reference)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn only_points_above_the_reference_count() {
        let empty = Array2::zeros((0, 2));
        assert_eq!(hypervolume(empty.view(), &[0.0, 0.0]).unwrap(), 0.0);
        let points = array![[1.0, -1.0], [0.0, 5.0], [2.0, 0.5]];
        assert_eq!(hypervolume(points.view(), &[0.0, 0.0]).unwrap(), 1.0);
        let one = hypervolume(array![[3.0], [2.0]].view(), &[1.0]).unwrap();
        assert_eq!(one, 2.0);
        let gain = hypervolume_improvement(points.view(), empty.view(), &[0.0, 0.0]);
        assert_eq!(gain.unwrap(), 1.0);
    }

    #[test]
    fn faces_are_the_slopes_of_the_volume() {
        let reference = [0.0, 0.1, -0.2];
        let points: Vec<Vec<f64>> = (0..7)
            .map(|i| {
                (0..3)
                    .map(|k| ((i * [3, 5, 6][k] + k) % 7) as f64 / 7.0 + 0.01 * i as f64)
                    .collect()
            })
            .collect();
        for objectives in 1..=3 {
            let cut: Vec<Vec<f64>> = points.iter().map(|p| p[..objectives].to_vec()).collect();
            let reference = &reference[..objectives];
            for (i, k) in (0..7).flat_map(|i| (0..objectives).map(move |k| (i, k))) {
                let at = |step: f64| {
                    let mut moved = cut.clone();
                    moved[i][k] += step;
                    volume(relevant(moved, reference), reference)
                };
                let wanted = (at(1e-6) - at(-1e-6)) / 2e-6;
                let others = cut
                    .iter()
                    .enumerate()
                    .filter(|(j, _)| *j != i)
                    .map(|(_, p)| p);
                let found = face(&cut[i], k, others, reference);
                assert!(
                    (found - wanted).abs() < 1e-8,
                    "{objectives}: ({i}, {k}) {found} {wanted}"
                );
            }
        }
    }

    #[test]
    fn wrong_shapes_are_refused() {
        let points = array![[1.0, 1.0]];
        assert!(hypervolume(points.view(), &[0.0]).is_err());
        assert!(hypervolume(points.view(), &[0.0, f64::NAN]).is_err());
        assert!(hypervolume(array![[f64::INFINITY, 1.0]].view(), &[0.0, 0.0]).is_err());
        let wide = array![[1.0, 1.0, 1.0]];
        assert!(hypervolume_improvement(wide.view(), points.view(), &[0.0, 0.0]).is_err());
        assert!(hypervolume_improvement(points.view(), wide.view(), &[0.0, 0.0]).is_err());
    }
}
