//! Measurements as they are handed over: one value for each place, and every place one that the model takes.

use super::kernel::Kernel;
use super::mean::Mean;
use super::points::{Points, PointsView};
use crate::error::{Error, Result};
use ndarray::ArrayView2;

/// The places of the measurements `y`, the rows of `x` (n × d).
///
/// # Errors
/// [`Error::Argument`] if there is no measurement, shapes differ, a coordinate is unusable, or a kernel or the mean does
/// not take a place.
pub(super) fn measured_places(
    x: ArrayView2<'_, f64>,
    y: &[f64],
    kernels: &[&dyn Kernel],
    mean: &Mean,
) -> Result<Points> {
    if x.nrows() != y.len() || y.is_empty() {
        return Err(Error::argument(
            "y",
            format!("{} values for {} rows of x", y.len(), x.nrows()),
            "one value for each row, and at least one row",
        ));
    }
    let points = Points::from_rows("x", x)?;
    check_places(points.view(), kernels, mean)?;
    Ok(points)
}

/// Refuses places that a kernel or the mean does not take.
pub(super) fn check_places(
    places: PointsView<'_>,
    kernels: &[&dyn Kernel],
    mean: &Mean,
) -> Result<()> {
    for kernel in kernels {
        kernel.check_points(places)?;
    }
    mean.check(places.dimension())?;
    mean.values(places)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gp::{Categorical, Rbf};
    use ndarray::{Array2, array};

    #[test]
    fn what_does_not_belong_together_is_refused_by_name() {
        let (rbf, codes) = (Rbf::isotropic(1.0), Categorical::new(2, 0.5));
        let refused = |x: Array2<f64>, y: &[f64], kernels: &[&dyn Kernel], mean: &Mean| {
            match measured_places(x.view(), y, kernels, mean) {
                Err(Error::Argument { argument, .. }) => argument,
                other => panic!("expected a refused argument, found {other:?}"),
            }
        };
        let x = || array![[0.0], [1.0], [2.0]];
        let y = [1.0, 2.0, 3.0];
        assert_eq!(
            measured_places(x().view(), &y, &[&rbf], &Mean::Zero)
                .unwrap()
                .len(),
            3
        );
        assert_eq!(refused(x(), &y[..2], &[&rbf], &Mean::Zero), "y");
        assert_eq!(
            refused(Array2::zeros((0, 0)), &[], &[&rbf], &Mean::Zero),
            "y"
        );
        assert_eq!(
            refused(array![[f64::NAN]], &[1.0], &[&rbf], &Mean::Zero),
            "x"
        );
        assert_eq!(refused(x(), &y, &[&rbf, &codes], &Mean::Zero), "category");
        let pole = Mean::custom("pole", |x| 1.0 / x[0]);
        assert_eq!(refused(x(), &y, &[&rbf], &pole), "mean");
    }
}
