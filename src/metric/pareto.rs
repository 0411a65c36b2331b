//! Which settings are worth their dose: the front of (dose, quality) and the area it dominates.

use super::{require_finite, require_same_length};
use crate::error::{Error, Result};

fn check(doses: &[f64], qualities: &[f64]) -> Result<()> {
    require_same_length("qualities", qualities.len(), "doses", doses.len())?;
    require_finite("doses", doses)?;
    require_finite("qualities", qualities)?;
    match doses.iter().position(|&dose| dose < 0.0) {
        None => Ok(()),
        Some(index) => Err(Error::argument(
            format!("doses[{index}]"),
            doses[index],
            "a dose of 0 e⁻/Å² or more",
        )),
    }
}

/// Indices of the points that no other point beats, by increasing dose: less dose is better, more quality is better.
///
/// A point is left out if another has at most its dose and at least its quality and is better in one of them. Of identical
/// points the first is kept. `doses` in e⁻/Å², `qualities` on any scale, both of one length; the front of no points is empty.
///
/// # Errors
/// [`Error::Argument`] if the slices differ in length, a value is not finite or a dose is negative.
///
/// ```
/// use dosewise::metric::pareto_front;
/// let front = pareto_front(&[10.0, 20.0, 20.0, 40.0], &[0.3, 0.6, 0.5, 0.6])?;
/// assert_eq!(front, [0, 1]);
/// # Ok::<(), dosewise::Error>(())
/// ```
pub fn pareto_front(doses: &[f64], qualities: &[f64]) -> Result<Vec<usize>> {
    check(doses, qualities)?;
    let mut order: Vec<usize> = (0..doses.len()).collect();
    // all values are finite, and adding 0.0 turns -0.0 into 0.0, so total_cmp is the usual order
    order.sort_by(|&a, &b| {
        (doses[a] + 0.0)
            .total_cmp(&(doses[b] + 0.0))
            .then((qualities[b] + 0.0).total_cmp(&(qualities[a] + 0.0)))
    });
    let mut best = f64::NEG_INFINITY;
    order.retain(|&point| {
        let stays = qualities[point] > best;
        best = best.max(qualities[point]);
        stays
    });
    Ok(order)
}

/// Area (e⁻/Å² × quality) that the points dominate, down to the reference point (`budget`, 0).
///
/// `H = ∫₀^budget max(0, best quality at a dose ≤ D) dD`; points beyond the budget or below quality 0 add nothing. Divided by
/// the budget it is the DEC-AUC of the best-so-far envelope of the points, an upper companion of the metric and no
/// substitute, since picking the best setting at each dose needs the truth.
///
/// # Errors
/// [`Error::Argument`] as [`pareto_front`], or if the budget is not finite and positive.
///
/// Source: Zitzler and Thiele, *IEEE Trans. Evol. Comput.* 3, 257 (1999), in two dimensions.
///
/// ```
/// use dosewise::metric::hypervolume;
/// assert_eq!(hypervolume(&[25.0, 50.0], &[0.4, 0.8], 100.0)?, 25.0 * 0.4 + 50.0 * 0.8);
/// # Ok::<(), dosewise::Error>(())
/// ```
pub fn hypervolume(doses: &[f64], qualities: &[f64], budget: f64) -> Result<f64> {
    if !(budget.is_finite() && budget > 0.0) {
        return Err(Error::argument(
            "budget",
            budget,
            "a finite dose above 0 e⁻/Å²",
        ));
    }
    let front = pareto_front(doses, qualities)?;
    let ends = front
        .iter()
        .skip(1)
        .map(|&point| doses[point].min(budget))
        .chain(std::iter::once(budget));
    Ok(front
        .iter()
        .zip(ends)
        .map(|(&point, end)| qualities[point].max(0.0) * (end - doses[point]).max(0.0))
        .sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_points_and_equal_doses() {
        assert_eq!(pareto_front(&[1.0, 1.0], &[0.5, 0.5]).unwrap(), [0]);
        assert_eq!(pareto_front(&[1.0, 1.0], &[0.4, 0.5]).unwrap(), [1]);
        assert_eq!(pareto_front(&[2.0, 1.0], &[0.5, 0.5]).unwrap(), [1]);
        assert_eq!(pareto_front(&[0.0, -0.0], &[0.4, 0.5]).unwrap(), [1]);
        assert!(pareto_front(&[], &[]).unwrap().is_empty());
    }

    #[test]
    fn only_the_quadrant_before_the_reference_counts() {
        assert_eq!(hypervolume(&[], &[], 10.0).unwrap(), 0.0);
        assert_eq!(hypervolume(&[12.0], &[0.9], 10.0).unwrap(), 0.0);
        assert_eq!(hypervolume(&[2.0, 12.0], &[0.5, 0.9], 10.0).unwrap(), 4.0);
        assert_eq!(hypervolume(&[1.0, 5.0], &[-0.5, 0.2], 10.0).unwrap(), 1.0);
    }

    #[test]
    fn wrong_arguments_are_refused() {
        assert!(pareto_front(&[1.0], &[]).is_err());
        assert!(pareto_front(&[f64::NAN], &[0.0]).is_err());
        assert!(pareto_front(&[-1.0], &[0.0]).is_err());
        assert!(pareto_front(&[1.0], &[f64::INFINITY]).is_err());
        assert!(hypervolume(&[1.0], &[1.0], 0.0).is_err());
    }
}
