//! Expected improvement of a batch, over an incumbent that is known or one that is not.

use super::draws::{BatchAcquisition, DrawSlopes, Draws};
use crate::acquisition::argument::finite;
use crate::error::Result;
use ndarray::{Array2, ArrayView2};

/// The value to beat.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Incumbent {
    /// One number.
    Known(f64),
    /// The largest latent value at these places, another in each draw.
    Measured(Array2<f64>),
}

impl Incumbent {
    pub(super) fn known(incumbent: f64) -> Result<Self> {
        finite("incumbent", incumbent)?;
        Ok(Self::Known(incumbent))
    }

    pub(super) fn measured(places: ArrayView2<'_, f64>) -> Result<Self> {
        super::search::check_places("places", places)?;
        Ok(Self::Measured(places.to_owned()))
    }

    pub(super) fn places(&self) -> Option<ArrayView2<'_, f64>> {
        match self {
            Self::Known(_) => None,
            Self::Measured(places) => Some(places.view()),
        }
    }

    /// The value to beat in draw s; NaN where it would have to be drawn and was not.
    pub(super) fn in_draw(&self, s: usize, draws: &Draws) -> f64 {
        match (self, draws.best_measured()) {
            (Self::Known(incumbent), _) => *incumbent,
            (Self::Measured(_), Some(best)) => best[s],
            (Self::Measured(_), None) => f64::NAN,
        }
    }
}

/// Expected improvement of a batch (qEI), `E[max(0, max_j f(x_j) − y*)]`, in units of the value.
///
/// The maximum is taken in each joint draw, so places that are likely good together but tell the same count once. For one place
/// it is the [expected improvement](crate::acquisition::ExpectedImprovement). [`over_measured`](Self::over_measured) gives the
/// noisy form (qNEI), where the incumbent is drawn along: `E[max(0, max_j f(x_j) − max_i f(x_i))]` over measured places `x_i`.
///
/// Source: Ginsbourger, Le Riche and Carraro (2010), *Kriging is well-suited to parallelize optimization*; by reparametrised
/// draws as Wilson, Moriconi, Hutter and Deisenroth (2017), arXiv 1712.00424. Noisy: Letham, Karrer, Ottoni and Bakshy,
/// *Bayesian Anal.* 14, 495 (2019); Balandat et al., NeurIPS 2020 (arXiv 1910.06403).
///
/// ```
/// use dosewise::acquisition::{BatchAcquisition, BatchExpectedImprovement, Draws};
/// use ndarray::array;
/// let draws = Draws::new(&[0.0, 0.0], array![[1.5, 2.5], [-1.0, 0.5]].view())?;
/// assert_eq!(BatchExpectedImprovement::over(1.0)?.score(&draws), 0.75);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct BatchExpectedImprovement(Incumbent);

impl BatchExpectedImprovement {
    /// Over a known incumbent `y*`, in units of the value.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) if it is not finite.
    pub fn over(incumbent: f64) -> Result<Self> {
        Ok(Self(Incumbent::known(incumbent)?))
    }

    /// Over the best of the latent values at measured `places` (n × d), drawn jointly with the batch.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) if there is no place or a coordinate is not finite.
    pub fn over_measured<'p>(places: impl Into<ArrayView2<'p, f64>>) -> Result<Self> {
        Ok(Self(Incumbent::measured(places.into())?))
    }
}

impl BatchAcquisition for BatchExpectedImprovement {
    fn score(&self, draws: &Draws) -> f64 {
        let gaps = draws
            .best()
            .enumerate()
            .map(|(s, best)| best - self.0.in_draw(s, draws));
        // not `max`, which would hide a NaN
        let gains = gaps.map(|gap| if gap < 0.0 { 0.0 } else { gap });
        gains.sum::<f64>() / draws.count() as f64
    }

    /// One share of each draw that improves falls to its best place.
    fn slopes(&self, draws: &Draws) -> DrawSlopes {
        let mut slopes = DrawSlopes::none(draws);
        for s in 0..draws.count() {
            let best = draws.best_place(s);
            if draws.of_place(best)[s] > self.0.in_draw(s, draws) {
                slopes.by_draw[best][s] = 1.0 / draws.count() as f64;
            }
        }
        slopes
    }

    fn measured(&self) -> Option<ArrayView2<'_, f64>> {
        self.0.places()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn each_draw_has_its_own_incumbent() {
        let acquisition = BatchExpectedImprovement::over_measured(&array![[0.0]]).unwrap();
        let draws = Draws::new(&[0.0], array![[1.0], [2.0]].view()).unwrap();
        assert!(acquisition.score(&draws).is_nan());
        let draws = draws.over(vec![0.0, 3.0]).unwrap();
        assert_eq!(acquisition.score(&draws), 0.5);
        let known = BatchExpectedImprovement::over(0.0).unwrap();
        assert_eq!(known.score(&draws), 1.5);
    }

    #[test]
    fn incumbents_are_checked() {
        assert!(BatchExpectedImprovement::over(f64::NAN).is_err());
        assert!(BatchExpectedImprovement::over_measured(&array![[f64::NAN]]).is_err());
        assert!(BatchExpectedImprovement::over_measured(&Array2::zeros((0, 2))).is_err());
    }
}
