//! Joint draws of the function, and choosing by one of them.

use crate::acquisition::posterior;
use crate::error::{Error, Result};
use crate::gp::{Surrogate, draw};
use crate::random::{Purpose, Stream};
use crate::units::Seed;
use ndarray::{Array2, ArrayView2};

/// Joint posterior draws at a set of points.
pub(in crate::acquisition) struct Samples(Array2<f64>);

impl Samples {
    pub(in crate::acquisition) fn draw(
        surrogate: &dyn Surrogate,
        points: ArrayView2<'_, f64>,
        count: usize,
        seed: Seed,
    ) -> Result<Self> {
        for (argument, found) in [("points", points.nrows()), ("count", count)] {
            if found == 0 {
                return Err(Error::argument(argument, 0, "1 or more"));
            }
        }
        let joint = posterior::joint(surrogate, points)?;
        let largest = joint.covariance.diag().iter().copied().fold(0.0, f64::max);
        // a field that is known everywhere has no factor at all without a floor
        let largest = largest.max(f64::MIN_POSITIVE * 1e20);
        let mut stream = Stream::new(seed, Purpose::Policy, [0, 0]);
        let draws = draw(&joint.mean, &joint.covariance, largest, count, &mut stream)?;
        Ok(Self(draws))
    }

    /// The draws, one after the other.
    pub(in crate::acquisition) fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.0
            .as_slice()
            .unwrap_or(&[]) // draws are made in standard layout
            .chunks(self.0.ncols())
    }
}

/// Index and value of the largest, of equal ones the first.
pub(in crate::acquisition) fn maximum(values: &[f64]) -> (usize, f64) {
    let mut best = (0, f64::NEG_INFINITY);
    for (index, &value) in values.iter().enumerate() {
        if value > best.1 {
            best = (index, value);
        }
    }
    best
}

/// Thompson sampling: for each of `count` joint posterior draws at the rows of `points` (m × d) the index of its maximum.
///
/// A place is chosen with the probability that it is the best one. Costs m³/3 multiplications once and m² a draw; the same
/// seed gives the same choices. Some may be equal: as a batch they are places to measure more than once. In a continuous space
/// the highest place of an [`ExactGp::path`](crate::gp::ExactGp::path) is such a choice.
///
/// Source: Thompson, *Biometrika* 25, 285 (1933); for Gaussian processes Russo and Van Roy, *Math. Oper. Res.* 39, 1221
/// (2014).
///
/// ```
/// use dosewise::acquisition::thompson;
/// use dosewise::gp::{ExactGp, Kernel, Noise, Rbf};
/// use dosewise::units::Seed;
/// use ndarray::array;
/// let gp = ExactGp::new(Rbf::isotropic(0.1).scaled(1.0), Noise::Homoscedastic(1e-6))
///     .condition(&array![[0.0], [1.0]], &[-3.0, 3.0])?;
/// let chosen = thompson(&gp, array![[0.0], [1.0]].view(), 20, Seed(1))?;
/// assert_eq!(chosen, [1; 20]); // no doubt about these two
/// # Ok::<(), dosewise::Error>(())
/// ```
///
/// # Errors
/// As [`Surrogate::joint`]; [`Error::Argument`] if there is no point or `count` is 0; [`Error::NotPositiveDefinite`] if the
/// posterior covariance has no factor even with jitter.
pub fn thompson(
    surrogate: &dyn Surrogate,
    points: ArrayView2<'_, f64>,
    count: usize,
    seed: Seed,
) -> Result<Vec<usize>> {
    let samples = Samples::draw(surrogate, points, count, seed)?;
    Ok(samples.rows().map(|values| maximum(values).0).collect())
}
