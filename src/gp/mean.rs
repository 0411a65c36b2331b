//! What the surrogate expects far from every measurement.

use super::kernel::step;
use super::points::PointsView;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize, Serializer, ser};
use std::fmt;
use std::sync::Arc;

/// The prior mean m(x) of a Gaussian process.
///
/// Conditioning takes every mean as given. Fitting replaces [`Mean::Constant`] and [`Mean::Linear`], at every step of
/// the search, by their generalised least-squares estimates β = (HᵀK⁻¹H)⁻¹ HᵀK⁻¹y, which maximise the likelihood at
/// the hyper-parameters of that step; H has one row (1) or (1, x) a measurement. Rasmussen & Williams (2006),
/// section 2.7, eq. 2.42 with a flat prior on β, its determinant term left out. The other means are kept.
///
/// ```
/// use dosewise::gp::Mean;
/// let trend = Mean::Linear { intercept: 1.0, slopes: vec![2.0, -1.0] };
/// assert_eq!(trend.at(&[0.5, 3.0]), -1.0);
/// let bowl = Mean::custom("bowl", |x| x[0] * x[0]);
/// assert_eq!(bowl.at(&[3.0]), 9.0);
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub enum Mean {
    /// Zero everywhere.
    #[default]
    Zero,
    /// The same value everywhere, in units of the outputs; replaced by its least-squares estimate in a fit.
    Constant(f64),
    /// The same value everywhere, in units of the outputs; kept in a fit.
    Fixed(f64),
    /// m(x) = intercept + Σ_d slopes_d x_d; replaced by its least-squares estimate in a fit. A slope that the
    /// measurements cannot tell from the others (one place, points on a line) is estimated as zero.
    Linear {
        /// Value at x = 0, in units of the outputs.
        intercept: f64,
        /// One slope for each coordinate, or none at all for zeros; units of the outputs over units of the inputs.
        slopes: Vec<f64>,
    },
    /// A function of the user's own; kept in a fit, and refused by files, which cannot hold its code.
    #[serde(skip_deserializing, serialize_with = "refuse")]
    Custom(CustomMean),
}

/// A function of the coordinates of a point.
type Function = dyn Fn(&[f64]) -> f64 + Send + Sync;

/// A named mean function of the user's own, from [`Mean::custom`]; equal to its clones only.
#[derive(Clone)]
pub struct CustomMean {
    name: String,
    function: Arc<Function>,
}

impl CustomMean {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for CustomMean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CustomMean({:?})", self.name)
    }
}

impl PartialEq for CustomMean {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && Arc::ptr_eq(&self.function, &other.function)
    }
}

fn refuse<S: Serializer>(custom: &CustomMean, _: S) -> std::result::Result<S::Ok, S::Error> {
    Err(ser::Error::custom(format!(
        "mean: found the custom function {:?}, allowed are the means of this crate, since a file cannot hold code",
        custom.name
    )))
}

impl Mean {
    /// A mean function of one's own: `name` is for error messages, `function` gets the coordinates of a point and
    /// returns a finite number in units of the outputs.
    pub fn custom(
        name: impl Into<String>,
        function: impl Fn(&[f64]) -> f64 + Send + Sync + 'static,
    ) -> Self {
        Self::Custom(CustomMean {
            name: name.into(),
            function: Arc::new(function),
        })
    }

    /// A linear mean whose intercept and slopes are left to the fit; zero until then.
    pub fn linear() -> Self {
        Self::Linear {
            intercept: 0.0,
            slopes: Vec::new(),
        }
    }

    /// m(x) at one point, in units of the outputs.
    pub fn at(&self, point: &[f64]) -> f64 {
        match self {
            Self::Zero => 0.0,
            Self::Constant(value) | Self::Fixed(value) => *value,
            Self::Linear { intercept, slopes } => {
                intercept + slopes.iter().zip(point).map(|(b, x)| b * x).sum::<f64>()
            }
            Self::Custom(custom) => (custom.function)(point),
        }
    }

    /// Whether a fit estimates it.
    pub(super) fn is_profiled(&self) -> bool {
        matches!(self, Self::Constant(_) | Self::Linear { .. })
    }

    /// m(x) at every point; refuses values that are no numbers.
    pub(super) fn values(&self, points: PointsView<'_>) -> Result<Vec<f64>> {
        let mut point = Vec::with_capacity(points.dimension());
        (0..points.len())
            .map(|i| {
                points.copy_point(i, &mut point);
                self.checked_at(&point)
            })
            .collect()
    }

    /// m(x) at one point; refuses a value that is no number.
    pub(super) fn checked_at(&self, point: &[f64]) -> Result<f64> {
        let value = self.at(point);
        if value.abs() <= 1e150 {
            return Ok(value);
        }
        Err(Error::argument(
            "mean",
            format!("{value} at {point:?} from {self:?}"),
            "finite numbers up to 1e150 in magnitude",
        ))
    }

    /// Adds ∂m/∂x_d at one point to `slopes[d]` for every coordinate: closed forms; central differences for a custom
    /// mean, one-sided where only one side has a value, with steps that suit the distances to the `measured` points.
    pub(super) fn add_slopes(
        &self,
        point: &[f64],
        measured: PointsView<'_>,
        slopes: &mut [f64],
    ) -> Result<()> {
        match self {
            Self::Zero | Self::Constant(_) | Self::Fixed(_) => {}
            Self::Linear { slopes: own, .. } => {
                slopes.iter_mut().zip(own).for_each(|(s, own)| *s += own);
            }
            Self::Custom(_) => {
                let centre = self.checked_at(point)?;
                let mut moved = point.to_vec();
                for (c, slope) in slopes.iter_mut().enumerate().take(point.len()) {
                    let step = step(point, measured, c);
                    let mut beside = |coordinate: f64| {
                        moved[c] = coordinate;
                        match self.checked_at(&moved) {
                            Ok(value) => (coordinate, value),
                            Err(_) => (point[c], centre),
                        }
                    };
                    let (up, down) = (beside(point[c] + step), beside(point[c] - step));
                    moved[c] = point[c];
                    if up.0 == down.0 {
                        return Err(Error::argument(
                            "mean",
                            format!("no value on either side of {point:?} from {self:?}"),
                            "finite numbers on one side at least",
                        ));
                    }
                    *slope += (up.1 - down.1) / (up.0 - down.0);
                }
            }
        }
        Ok(())
    }

    pub(super) fn check(&self, dimension: usize) -> Result<()> {
        let numbers = match self {
            Self::Zero | Self::Custom(_) => &[],
            Self::Constant(value) | Self::Fixed(value) => std::slice::from_ref(value),
            Self::Linear { intercept, slopes } => {
                if !slopes.is_empty() && slopes.len() != dimension {
                    return Err(Error::argument(
                        "mean",
                        format!("{} slopes", slopes.len()),
                        format!("{dimension} slopes, one for each coordinate, or none"),
                    ));
                }
                check_number(*intercept)?;
                slopes.as_slice()
            }
        };
        numbers.iter().try_for_each(|&value| check_number(value))
    }

    /// The columns of H whose least-squares coefficients [`Mean::with_coefficients`] takes. Coordinates are counted
    /// from their average, which keeps the columns apart where the points lie far from the origin.
    pub(super) fn regressors(&self, points: PointsView<'_>) -> Vec<Vec<f64>> {
        let mut columns = vec![vec![1.0; points.len()]];
        if let Self::Linear { .. } = self {
            columns.extend((0..points.dimension()).map(|k| {
                let centre = average(points.coordinate(k));
                points.coordinate(k).iter().map(|x| x - centre).collect()
            }));
        }
        columns
    }

    /// This kind of mean with the coefficients of [`Mean::regressors`].
    pub(super) fn with_coefficients(&self, points: PointsView<'_>, coefficients: &[f64]) -> Self {
        let (level, slopes) = coefficients.split_first().unwrap_or((&0.0, &[]));
        match self {
            Self::Constant(_) => Self::Constant(*level),
            Self::Linear { .. } => {
                let slopes_at = slopes.iter().enumerate();
                let shifts = slopes_at.map(|(k, slope)| slope * average(points.coordinate(k)));
                Self::Linear {
                    intercept: level - shifts.sum::<f64>(),
                    slopes: slopes.to_vec(),
                }
            }
            kept => kept.clone(),
        }
    }
}

fn average(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn check_number(value: f64) -> Result<()> {
    if value.is_finite() {
        return Ok(());
    }
    Err(Error::argument("mean", value, "a finite number"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gp::points::Points;
    use ndarray::arr2;

    #[test]
    fn unusable_means_are_refused() {
        assert!(Mean::Fixed(f64::NAN).check(1).is_err());
        let trend = |intercept, slopes| Mean::Linear { intercept, slopes };
        assert!(trend(f64::INFINITY, vec![]).check(1).is_err());
        assert!(trend(0.0, vec![1.0, f64::NAN]).check(2).is_err());
        assert!(trend(0.0, vec![1.0]).check(2).is_err());
        assert!(trend(0.0, vec![1.0]).check(1).is_ok() && Mean::linear().check(7).is_ok());
        let broken = Mean::custom("broken", |x| 1.0 / x[0]);
        assert!(broken.checked_at(&[0.0]).is_err());
        assert_eq!(broken.checked_at(&[2.0]).unwrap(), 0.5);
    }

    #[test]
    fn slopes_are_those_of_the_formula() {
        let measured = Points::from_rows("x", arr2(&[[0.0, 2.0], [1.0, 5.0]]).view()).unwrap();
        let slopes = |mean: &Mean, point: &[f64]| {
            let mut slopes = vec![1.0; 2];
            let outcome = mean.add_slopes(point, measured.view(), &mut slopes);
            outcome.map(|()| (slopes[0] - 1.0, slopes[1] - 1.0))
        };
        let trend = Mean::Linear {
            intercept: 9.0,
            slopes: vec![2.0, -3.0],
        };
        assert_eq!(slopes(&trend, &[0.3, 0.4]).unwrap(), (2.0, -3.0));
        for flat in [
            Mean::Zero,
            Mean::Constant(2.0),
            Mean::Fixed(2.0),
            Mean::linear(),
        ] {
            assert_eq!(slopes(&flat, &[0.3, 0.4]).unwrap(), (0.0, 0.0));
        }
        let bowl = Mean::custom("bowl", |x| x[0] * x[0] + x[1].powi(3));
        let (a, b) = slopes(&bowl, &[0.5, 2.0]).unwrap();
        assert!((a - 1.0).abs() < 1e-9 && (b - 12.0).abs() < 1e-8, "{a} {b}");
        // Defined on one side only, or at one point only.
        let edge = Mean::custom("edge", |x| if x[0] < 0.0 { f64::NAN } else { 3.0 * x[0] });
        assert!((slopes(&edge, &[0.0, 2.0]).unwrap().0 - 3.0).abs() < 1e-9);
        let lone = Mean::custom("lone", |x| if x[0] == 0.5 { 1.0 } else { f64::NAN });
        assert!(slopes(&lone, &[0.5, 2.0]).is_err());
    }

    #[test]
    fn files_hold_all_means_but_the_users_own() {
        for mean in [
            Mean::Zero,
            Mean::Constant(0.1),
            Mean::Fixed(-2.0),
            Mean::Linear {
                intercept: 0.1,
                slopes: vec![3.0, 1e-9],
            },
        ] {
            let text = serde_json::to_string(&mean).unwrap();
            assert_eq!(serde_json::from_str::<Mean>(&text).unwrap(), mean);
        }
        let refused = serde_json::to_string(&Mean::custom("bowl", |x| x[0])).unwrap_err();
        assert!(refused.to_string().contains("bowl"), "{refused}");
        assert!(serde_json::from_str::<Mean>("{\"Custom\": null}").is_err());
    }
}
