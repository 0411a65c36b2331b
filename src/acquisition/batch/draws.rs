//! What a batch acquisition judges: joint draws of the latent values of a batch.

use crate::error::{Error, Result};
use ndarray::ArrayView2;

/// Step of the central differences, ε^⅓.
const STEP: f64 = 6e-6;

/// A rule that says how much a batch is worth, from joint draws of its latent values; larger is better.
///
/// Only [`score`](Self::score) is to be written.
///
/// ```
/// use dosewise::acquisition::{BatchAcquisition, Draws};
/// use ndarray::array;
///
/// /// How likely the batch holds a value above a threshold.
/// struct AnyAbove(f64);
/// impl BatchAcquisition for AnyAbove {
///     fn score(&self, draws: &Draws) -> f64 {
///         let above = |s: usize| (0..draws.len()).any(|j| draws.of_place(j)[s] > self.0);
///         (0..draws.count()).filter(|&s| above(s)).count() as f64 / draws.count() as f64
///     }
/// }
/// let draws = Draws::new(&[0.0, 1.0], array![[0.5, 0.2], [-0.5, 1.8], [0.1, 0.3], [2.0, 0.0]].view())?;
/// assert_eq!(AnyAbove(1.0).score(&draws), 0.5);
/// # Ok::<(), dosewise::Error>(())
/// ```
pub trait BatchAcquisition: Sync {
    /// The worth of a batch. NaN is refused by whoever asks; −∞ is allowed and means "never".
    fn score(&self, draws: &Draws) -> f64;

    /// How the score changes with each draw and each mean, what [`MonteCarlo::gradient`](super::MonteCarlo::gradient) carries
    /// back to the places.
    ///
    /// The default takes central differences, two scores for each number drawn; the acquisitions of this crate know their
    /// derivatives in closed form.
    fn slopes(&self, draws: &Draws) -> DrawSlopes {
        DrawSlopes::by_differences(draws, |moved| self.score(moved))
    }

    /// Places (n × d) whose latent values are to be drawn along with the batch, for incumbents that are not known exactly:
    /// their largest value in each draw is [`Draws::best_measured`]. None unless stated.
    fn measured(&self) -> Option<ArrayView2<'_, f64>> {
        None
    }
}

/// Joint draws of the latent values at the places of a batch, pending ones first.
#[derive(Debug, Clone, PartialEq)]
pub struct Draws {
    means: Vec<f64>,
    columns: Vec<Vec<f64>>,
    best_measured: Option<Vec<f64>>,
}

impl Draws {
    /// Draws from elsewhere: the posterior `means` of q places and `values` (S × q), one joint draw a row.
    ///
    /// # Errors
    /// [`Error::Argument`] unless there is at least one place and one draw, one mean for each place, and all is finite.
    pub fn new(means: &[f64], values: ArrayView2<'_, f64>) -> Result<Self> {
        if values.is_empty() || values.ncols() != means.len() {
            return Err(Error::argument(
                "values",
                format!("{} × {} numbers", values.nrows(), values.ncols()),
                format!(
                    "at least one row of {} numbers, one for each of `means`",
                    means.len()
                ),
            ));
        }
        if let Some(bad) = means.iter().chain(values.iter()).find(|v| !v.is_finite()) {
            return Err(Error::argument("values", bad, "finite numbers"));
        }
        Ok(Self {
            means: means.to_vec(),
            columns: values.columns().into_iter().map(|c| c.to_vec()).collect(),
            best_measured: None,
        })
    }

    /// The same draws with the largest latent value at measured places in each of them.
    ///
    /// # Errors
    /// [`Error::Argument`] unless there is one finite value for each draw.
    pub fn over(self, best_measured: Vec<f64>) -> Result<Self> {
        if best_measured.len() != self.count() || best_measured.iter().any(|v| !v.is_finite()) {
            return Err(Error::argument(
                "best_measured",
                format!("{} values", best_measured.len()),
                format!("{} finite values, one for each draw", self.count()),
            ));
        }
        Ok(Self {
            best_measured: Some(best_measured),
            ..self
        })
    }

    /// No place yet.
    pub(super) fn empty(best_measured: Option<Vec<f64>>) -> Self {
        Self {
            means: Vec::new(),
            columns: Vec::new(),
            best_measured,
        }
    }

    /// One more place.
    pub(super) fn push(&mut self, mean: f64, column: Vec<f64>) {
        self.means.push(mean);
        self.columns.push(column);
    }

    /// Puts another place in that of the last, with draws written by `fill`.
    pub(super) fn replace_last(&mut self, mean: f64, fill: impl FnOnce(&mut Vec<f64>)) {
        if let (Some(last), Some(column)) = (self.means.last_mut(), self.columns.last_mut()) {
            *last = mean;
            fill(column);
        }
    }

    /// Number of places, q.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// Whether there is no place.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// Number of draws, S.
    pub fn count(&self) -> usize {
        self.columns.first().map_or(0, Vec::len)
    }

    /// Posterior mean at place j.
    ///
    /// # Panics
    /// If j is not below [`Draws::len`].
    pub fn mean(&self, j: usize) -> f64 {
        self.means[j]
    }

    /// The S draws of the latent value at place j.
    ///
    /// # Panics
    /// If j is not below [`Draws::len`].
    pub fn of_place(&self, j: usize) -> &[f64] {
        &self.columns[j]
    }

    /// The largest latent value at the measured places in each draw, if the acquisition named such places.
    pub fn best_measured(&self) -> Option<&[f64]> {
        self.best_measured.as_deref()
    }

    /// The place with the largest value in draw s, of equal ones the first.
    pub(super) fn best_place(&self, s: usize) -> usize {
        let higher = |best: usize, j: usize| {
            if self.columns[j][s] > self.columns[best][s] {
                j
            } else {
                best
            }
        };
        (0..self.len()).fold(0, higher)
    }

    /// The largest value of the batch in each draw.
    pub fn best(&self) -> impl Iterator<Item = f64> {
        let values = |s: usize| self.columns.iter().map(move |column| column[s]);
        (0..self.count()).map(move |s| values(s).fold(f64::NEG_INFINITY, f64::max))
    }
}

/// Derivatives of the score of a batch by the numbers in its [`Draws`].
#[derive(Debug, Clone, PartialEq)]
pub struct DrawSlopes {
    /// By the posterior mean of each of the q places, with the draws held fixed.
    pub by_mean: Vec<f64>,
    /// By each of the S draws of each place: q lists.
    pub by_draw: Vec<Vec<f64>>,
}

impl DrawSlopes {
    /// No slope anywhere, for draws like these.
    pub(in crate::acquisition) fn none(draws: &Draws) -> Self {
        Self {
            by_mean: vec![0.0; draws.len()],
            by_draw: vec![vec![0.0; draws.count()]; draws.len()],
        }
    }

    fn by_differences(draws: &Draws, score: impl Fn(&Draws) -> f64) -> Self {
        let mut slopes = Self::none(draws);
        let mut moved = draws.clone();
        let sizes = draws.means.iter().chain(draws.columns.iter().flatten());
        let largest = sizes.fold(0.0, |most: f64, value| most.max(value.abs()));
        let step = STEP * if largest > 0.0 { largest } else { 1.0 };
        let mut along = |number: fn(&mut Draws, usize, usize) -> &mut f64, j: usize, s: usize| {
            let here = *number(&mut moved, j, s);
            let (high, low) = (here + step, here - step);
            let mut at = |value| {
                *number(&mut moved, j, s) = value;
                score(&moved)
            };
            let rise = at(high) - at(low);
            *number(&mut moved, j, s) = here;
            rise / (high - low)
        };
        for j in 0..draws.len() {
            slopes.by_mean[j] = along(|draws, j, _| &mut draws.means[j], j, 0);
            for s in 0..draws.count() {
                slopes.by_draw[j][s] = along(|draws, j, s| &mut draws.columns[j][s], j, s);
            }
        }
        slopes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn shapes_and_numbers_are_checked() {
        assert!(Draws::new(&[0.0], array![[1.0, 2.0]].view()).is_err());
        assert!(Draws::new(&[], Array2::zeros((3, 0)).view()).is_err());
        assert!(Draws::new(&[0.0], Array2::zeros((0, 1)).view()).is_err());
        assert!(Draws::new(&[0.0], array![[f64::NAN]].view()).is_err());
        assert!(Draws::new(&[f64::INFINITY], array![[1.0]].view()).is_err());
        let draws = Draws::new(&[0.0, 0.0], array![[1.0, 2.0], [4.0, 3.0]].view()).unwrap();
        assert_eq!(draws.best().collect::<Vec<_>>(), [2.0, 4.0]);
        assert!(draws.clone().over(vec![1.0]).is_err());
        assert!(draws.clone().over(vec![1.0, f64::NAN]).is_err());
        let draws = draws.over(vec![1.0, 2.0]).unwrap();
        assert_eq!(draws.best_measured(), Some(&[1.0, 2.0][..]));
    }
}
