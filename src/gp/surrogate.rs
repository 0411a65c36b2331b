//! What every surrogate can be asked, whatever is inside.

use crate::error::{Error, Result};
use ndarray::{Array2, ArrayView2};
use std::fmt::Debug;
use std::ops::Range;

/// Step of the differences of [`Surrogate::slopes`], relative to the coordinate: ε^⅓.
const STEP: f64 = 6e-6;

/// A model that tells what it believes about a scalar latent function of d coordinates, noise of measurements excluded.
///
/// Object-safe: acquisition functions, studies and policies take `&dyn Surrogate` and do not care which it is.
///
/// ```
/// use dosewise::gp::{ExactGp, Kernel, Matern52, Noise, Surrogate};
/// use ndarray::array;
/// let gp = ExactGp::new(Matern52::isotropic(0.5).scaled(2.0), Noise::Homoscedastic(0.1))
///     .condition(&array![[0.0], [1.0]], &[0.3, -0.2])?;
/// let model: &dyn Surrogate = &gp;
/// let far = model.marginals(array![[50.0]].view())?;
/// assert!((far.variance[0] - 2.0).abs() < 1e-12);
/// # Ok::<(), dosewise::Error>(())
/// ```
pub trait Surrogate: Debug + Send + Sync {
    /// Number of coordinates a point, d; zero if any will do (a prior that has seen nothing).
    fn dimension(&self) -> usize;

    /// Mean and variance at each row of `points` (m × d), without ever allocating m × m.
    ///
    /// # Errors
    /// [`Error::Argument`] if a coordinate is not finite or the dimension is another.
    fn marginals(&self, points: ArrayView2<'_, f64>) -> Result<Marginals>;

    /// Mean and the m × m covariance at the rows of `points` together, as joint samples and batches need them.
    ///
    /// # Errors
    /// As [`Surrogate::marginals`], and if m² numbers do not fit into memory.
    fn joint(&self, points: ArrayView2<'_, f64>) -> Result<Joint>;

    /// How mean and variance at one place change with its coordinates, for optimisers of acquisition functions.
    ///
    /// Every model of this crate answers in closed form. The default takes central differences of
    /// [`Surrogate::marginals`], with a step of ε^⅓ of the coordinate's magnitude (at zero, of the largest among the
    /// others). It is as good as that magnitude is a length over which the model changes: a model of inputs that lie much
    /// nearer to zero, or much further from it, than they lie apart should bring slopes of its own. Where a place on one side
    /// is refused the difference is one-sided; where both are, as along a column of codes, the slope is zero.
    ///
    /// # Errors
    /// As [`Surrogate::marginals`] at `point`.
    fn slopes(&self, point: &[f64]) -> Result<Slopes> {
        let at = |point: &[f64]| {
            let row = ArrayView2::from_shape((1, point.len()), point);
            let found = self.marginals(row.expect("one row of all coordinates"))?;
            Ok([found.mean[0], found.variance[0]])
        };
        let [mean, variance] = at(point)?;
        let each = differences(point, [mean, variance], at);
        let (of_mean, of_variance) = each.map(|[mean, variance]| (mean, variance)).unzip();
        Ok(Slopes {
            mean,
            variance,
            of_mean,
            of_variance,
        })
    }

    /// How a number that depends on the joint mean and covariance at the rows of `points` (m × d) changes with the
    /// coordinates of the rows `moving`, one row of slopes each: what optimisers of batches climb.
    ///
    /// `by_mean` holds the derivatives ∂F/∂μᵢ of the number by the means, `by_covariance` (m × m) those by the entries of
    /// the covariance, in the sense dF = Σᵢ ∂F/∂μᵢ dμᵢ + Σᵢⱼ ∂F/∂Σᵢⱼ dΣᵢⱼ: the chain rule carries them back to the places.
    /// [`ExactGp`](super::ExactGp) and the models that are one inside answer in closed form; the default takes central
    /// differences of [`Surrogate::joint`] as [`Surrogate::slopes`] does of the marginals, two joint posteriors for each
    /// coordinate of a moving row.
    ///
    /// # Errors
    /// As [`Surrogate::joint`], and [`Error::Argument`] if the derivatives or `moving` do not fit the m places.
    fn joint_gradient(
        &self,
        points: ArrayView2<'_, f64>,
        moving: Range<usize>,
        by_mean: &[f64],
        by_covariance: ArrayView2<'_, f64>,
    ) -> Result<Array2<f64>> {
        check_derivatives(points.nrows(), &moving, by_mean, by_covariance)?;
        let number = |points: ArrayView2<'_, f64>| {
            let joint = self.joint(points)?;
            let of_mean = joint.mean.iter().zip(by_mean).map(|(m, by)| m * by);
            let of_covariance = joint.covariance.iter().zip(&by_covariance);
            Ok([of_mean
                .chain(of_covariance.map(|(c, by)| c * by))
                .sum::<f64>()])
        };
        let here = number(points)?;
        let mut gradient = Vec::with_capacity(moving.len() * points.ncols());
        for row in moving.clone() {
            let at = |point: &[f64]| {
                let mut moved = points.to_owned();
                moved
                    .row_mut(row)
                    .iter_mut()
                    .zip(point)
                    .for_each(|(slot, x)| *slot = *x);
                number(moved.view())
            };
            gradient.extend(differences(&points.row(row).to_vec(), here, at).map(|[slope]| slope));
        }
        Ok(
            Array2::from_shape_vec((moving.len(), points.ncols()), gradient)
                .expect("d slopes a row"),
        )
    }
}

/// Central differences of the numbers `at` a point, whose values there are `here`, by one coordinate after the other.
fn differences<const N: usize>(
    point: &[f64],
    here: [f64; N],
    at: impl Fn(&[f64]) -> Result<[f64; N]>,
) -> impl Iterator<Item = [f64; N]> {
    let largest = point.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    let mut moved = point.to_vec();
    (0..point.len()).map(move |c| {
        let x = moved[c];
        let scales = [x.abs(), largest, 1.0];
        let scale = scales.into_iter().find(|scale| scale.is_normal());
        let step = STEP * scale.unwrap_or(1.0);
        let mut beside = |coordinate: f64| {
            moved[c] = coordinate;
            match at(&moved) {
                Ok(found) => (coordinate, found),
                Err(_) => (x, here),
            }
        };
        let (up, down) = (beside(x + step), beside(x - step));
        moved[c] = x;
        if up.0 == down.0 {
            return [0.0; N];
        }
        std::array::from_fn(|i| (up.1[i] - down.1[i]) / (up.0 - down.0))
    })
}

/// Refuses derivatives that are not one for each mean and each covariance of `places` places, and rows beyond them.
pub(super) fn check_derivatives(
    places: usize,
    moving: &Range<usize>,
    by_mean: &[f64],
    by_covariance: ArrayView2<'_, f64>,
) -> Result<()> {
    let found = (by_mean.len(), by_covariance.dim());
    if found != (places, (places, places)) {
        return Err(Error::argument(
            "by_mean and by_covariance",
            format!("{} and {} × {} derivatives", found.0, found.1.0, found.1.1),
            format!("{places} and {places} × {places}, for as many places"),
        ));
    }
    if moving.start > moving.end || moving.end > places {
        return Err(Error::argument(
            "moving",
            format!("{moving:?}"),
            format!("rows among the {places} places"),
        ));
    }
    Ok(())
}

/// Mean and variance at m places.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Marginals {
    /// Posterior mean at each place, in units of the outputs.
    pub mean: Vec<f64>,
    /// Posterior **variance** of the latent function at each place, never negative.
    pub variance: Vec<f64>,
}

/// Mean and covariance at m places together.
#[derive(Debug, Clone, PartialEq)]
pub struct Joint {
    /// Posterior mean at each place, in units of the outputs.
    pub mean: Vec<f64>,
    /// Posterior covariance of the latent function, m × m.
    pub covariance: Array2<f64>,
}

/// Mean and variance at one place with their derivatives by its d coordinates.
#[derive(Debug, Clone, PartialEq)]
pub struct Slopes {
    /// Posterior mean.
    pub mean: f64,
    /// Posterior variance of the latent function.
    pub variance: f64,
    /// ∂mean/∂x, one a coordinate.
    pub of_mean: Vec<f64>,
    /// ∂variance/∂x, one a coordinate; the standard deviation s has the slope ∂variance/∂x / (2 s).
    pub of_variance: Vec<f64>,
}

/// Refuses places of another dimension than the `expected` one; zero expects nothing.
pub(super) fn check_dimension(argument: &str, found: usize, expected: usize) -> Result<()> {
    if expected == 0 || found == expected {
        return Ok(());
    }
    Err(Error::argument(
        argument,
        format!("{found} coordinates a point"),
        format!("{expected}, as the measurements have"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gp::{Categorical, ExactGp, Kernel, Matern52, Mean, Noise, Rbf};
    use ndarray::array;

    /// A model without slopes of its own.
    #[derive(Debug)]
    struct Own(ExactGp);

    impl Surrogate for Own {
        fn dimension(&self) -> usize {
            self.0.dimension()
        }

        fn marginals(&self, points: ArrayView2<'_, f64>) -> Result<Marginals> {
            self.0.marginals(points)
        }

        fn joint(&self, points: ArrayView2<'_, f64>) -> Result<Joint> {
            self.0.joint(points)
        }
    }

    fn check(model: ExactGp, point: &[f64], lengths: &[f64], tolerance: f64) {
        let closed = model.slopes(point).unwrap();
        let own = Own(model).slopes(point).unwrap();
        assert_eq!((own.mean, own.variance), (closed.mean, closed.variance));
        for (c, length) in lengths.iter().enumerate() {
            let of_mean = (own.of_mean[c] - closed.of_mean[c]).abs() * length;
            let of_variance = (own.of_variance[c] - closed.of_variance[c]).abs() * length;
            assert!(
                of_mean.max(of_variance) < tolerance,
                "{c}: {own:?} {closed:?}"
            );
        }
    }

    #[test]
    fn differences_suit_metres_and_codes() {
        for unit in [1.0, 1e-9, 1e6] {
            let kernel = Matern52::isotropic(0.5 * unit).scaled(2.0);
            let gp = ExactGp::new(kernel, Noise::Homoscedastic(0.01))
                .condition(&(array![[0.0], [1.0], [1.4]] * unit), &[0.3, -0.9, 0.4])
                .unwrap();
            check(gp, &[0.7 * unit], &[unit], 1e-8);
        }
        // At zero the other coordinates tell the scale.
        let x = array![[0.0, 1.0], [1.0, 0.5], [1.4, 2.0]] * 1e-9;
        let gp = ExactGp::new(Rbf::isotropic(1e-9), Noise::Homoscedastic(0.01))
            .condition(&x, &[0.3, -0.9, 0.4])
            .unwrap();
        check(gp, &[0.0, 0.8e-9], &[1e-9, 1e-9], 1e-8);
        let kernel = Rbf::isotropic(0.5).on_columns([0]) * Categorical::new(3, 0.4).on_columns([1]);
        let gp = ExactGp::new(kernel, Noise::Homoscedastic(0.01))
            .condition(
                &array![[0.0, 2.0], [1.0, 0.0], [1.4, 1.0]],
                &[0.3, -0.9, 0.4],
            )
            .unwrap();
        assert!(Own(gp.clone()).slopes(&[0.3, 0.5]).is_err());
        check(gp, &[0.3, 2.0], &[1.0, 1.0], 1e-8);
    }

    #[test]
    fn at_the_edge_of_what_is_allowed_one_side_does() {
        let mean = Mean::custom("root", |x| (x[0] - 2.0).sqrt() + 3.0 * x[0]);
        let gp = ExactGp::new(Rbf::isotropic(1.0), Noise::Homoscedastic(0.01)).with_mean(mean);
        // The root rises by h^½ over a step h = 1.2e-5.
        let slope = Own(gp).slopes(&[2.0]).unwrap().of_mean[0];
        assert!(
            (slope - 3.0 - 1.2e-5_f64.powf(-0.5)).abs() < 1e-3,
            "{slope}"
        );
    }
}
