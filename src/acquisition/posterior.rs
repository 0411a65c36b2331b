//! What a surrogate answers, checked where it is asked: a model of the user's own may answer anything.

use crate::error::{Error, Result};
use crate::gp::{Joint, Marginals, Slopes, Surrogate};
use ndarray::ArrayView2;

/// [`Surrogate::marginals`], one finite mean and variance for each of the points.
pub(super) fn marginals(
    surrogate: &dyn Surrogate,
    points: ArrayView2<'_, f64>,
) -> Result<Marginals> {
    let found = surrogate.marginals(points)?;
    let sound = |values: &[f64]| values.len() == points.nrows() && finite(values);
    if sound(&found.mean) && sound(&found.variance) {
        return Ok(found);
    }
    Err(refused(
        "marginals that are missing or not finite",
        format!("{} finite means and variances", points.nrows()),
    ))
}

/// [`Surrogate::joint`], a finite mean for each of the points and a finite covariance for each pair.
pub(super) fn joint(surrogate: &dyn Surrogate, points: ArrayView2<'_, f64>) -> Result<Joint> {
    let found = surrogate.joint(points)?;
    let m = points.nrows();
    let whole = found.mean.len() == m && found.covariance.dim() == (m, m);
    if whole && finite(&found.mean) && finite(&found.covariance) {
        return Ok(found);
    }
    Err(refused(
        "a joint posterior with parts that are missing or not finite",
        format!("{m} finite means and {m} × {m} finite covariances"),
    ))
}

/// [`Surrogate::slopes`], finite mean and variance and one slope of each for every coordinate.
pub(super) fn slopes(surrogate: &dyn Surrogate, point: &[f64]) -> Result<Slopes> {
    let found = surrogate.slopes(point)?;
    let whole = [&found.of_mean, &found.of_variance].map(|slopes| slopes.len() == point.len());
    if whole == [true; 2] && finite(&[found.mean, found.variance]) {
        return Ok(found);
    }
    Err(refused(
        "a mean, variance or slopes that are missing or not finite",
        format!("finite numbers, and {} slopes of each", point.len()),
    ))
}

fn finite<'v>(values: impl IntoIterator<Item = &'v f64>) -> bool {
    values.into_iter().all(|value| value.is_finite())
}

fn refused(found: &str, allowed: String) -> Error {
    Error::argument("surrogate", found, allowed)
}
