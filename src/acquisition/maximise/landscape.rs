//! What can be climbed, and an acquisition over a surrogate as such.

use super::doses::Doses;
use crate::acquisition::slopes::by_place;
use crate::acquisition::{Acquisition, Candidate, Gradient, posterior};
use crate::error::Result;
use crate::gp::{PosteriorPath, Surrogate};
use ndarray::ArrayView2;

/// A score over a box with its slope, for [`Region::highest`](super::Region::highest).
///
/// ```
/// use dosewise::acquisition::{Gradient, Landscape, Region};
/// use ndarray::ArrayView2;
///
/// /// A round hill.
/// struct Hill;
/// impl Landscape for Hill {
///     fn scores(&self, places: ArrayView2<'_, f64>) -> dosewise::Result<Vec<f64>> {
///         places.rows().into_iter().map(|place| Ok(self.gradient(&place.to_vec())?.score)).collect()
///     }
///     fn gradient(&self, place: &[f64]) -> dosewise::Result<Gradient> {
///         Ok(Gradient {
///             score: -place.iter().map(|x| (x - 2.0).powi(2)).sum::<f64>(),
///             by_coordinate: place.iter().map(|x| -2.0 * (x - 2.0)).collect(),
///         })
///     }
/// }
/// let top = Region::new(&[(0.0, 5.0), (-3.0, 1.0)])?.highest(&Hill)?;
/// assert!((top.place[0] - 2.0).abs() < 1e-6);
/// assert_eq!(top.place[1], 1.0); // the hill goes on beyond the box
/// # Ok::<(), dosewise::Error>(())
/// ```
pub trait Landscape: Sync {
    /// The score at each row of `places` (m × d). −∞ means "never"; NaN is refused by whoever asks.
    ///
    /// # Errors
    /// Whatever makes scores impossible; it ends the search.
    fn scores(&self, places: ArrayView2<'_, f64>) -> Result<Vec<f64>>;

    /// The score at one place with its derivatives by the d coordinates.
    ///
    /// # Errors
    /// Where there is no slope; a climb stays below such a place.
    fn gradient(&self, place: &[f64]) -> Result<Gradient>;

    /// Whether a place may be chosen at all. Every one may unless stated.
    fn allows(&self, place: &[f64]) -> bool {
        let _ = place;
        true
    }
}

/// A function drawn from a posterior: its highest place is a Thompson sample (Thompson, *Biometrika* 25, 285 (1933)).
impl Landscape for PosteriorPath {
    fn scores(&self, places: ArrayView2<'_, f64>) -> Result<Vec<f64>> {
        self.values(places)
    }

    fn gradient(&self, place: &[f64]) -> Result<Gradient> {
        let (score, by_coordinate) = self.slopes(place)?;
        Ok(Gradient {
            score,
            by_coordinate,
        })
    }
}

/// An acquisition over a surrogate, at each place with the best of the doses on offer.
///
/// The slope is that at the best dose: where that is not at the end of a range, its own derivative is zero.
pub(super) struct Beliefs<'a, A: ?Sized> {
    pub acquisition: &'a A,
    pub surrogate: &'a dyn Surrogate,
    pub doses: &'a Doses,
    pub noise: &'a (dyn Fn(f64) -> f64 + Sync),
}

impl<A: Acquisition + ?Sized> Beliefs<'_, A> {
    /// The best measurement on offer at a place of this mean and **variance**, with its score.
    pub fn best(&self, mean: f64, variance: f64) -> Result<(Candidate, f64)> {
        self.doses.best(|dose| {
            let candidate = Candidate::new(mean, variance, (self.noise)(dose), dose)?;
            Ok((candidate, self.acquisition.score(&candidate)))
        })
    }

    pub fn best_at(&self, place: &[f64]) -> Result<(Candidate, f64)> {
        let row = ArrayView2::from_shape((1, place.len()), place).expect("one row");
        let known = posterior::marginals(self.surrogate, row)?;
        self.best(known.mean[0], known.variance[0])
    }
}

impl<A: Acquisition + ?Sized> Landscape for Beliefs<'_, A> {
    fn scores(&self, places: ArrayView2<'_, f64>) -> Result<Vec<f64>> {
        let known = posterior::marginals(self.surrogate, places)?;
        let beliefs = known.mean.iter().zip(&known.variance);
        beliefs
            .map(|(&mean, &variance)| Ok(self.best(mean, variance)?.1))
            .collect()
    }

    fn gradient(&self, place: &[f64]) -> Result<Gradient> {
        let belief = posterior::slopes(self.surrogate, place)?;
        let (candidate, _) = self.best(belief.mean, belief.variance)?;
        by_place(self.acquisition, &candidate, &belief)
    }
}
