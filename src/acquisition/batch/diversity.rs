//! Batches of places that tell different things.

use super::joint_factor::JointFactor;
use super::search::BatchSearch;
use crate::acquisition::Choice;
use crate::acquisition::argument::not_negative;
use crate::acquisition::choice::first_best;
use crate::error::{Error, Result};
use crate::gp::Surrogate;

impl BatchSearch<'_> {
    /// The batch B that grows `ln det(K_BB + ν I) + 2 Σ_{i ∈ B} ln g_i` most at each step, K the posterior covariance given the
    /// pending measurements, ν `noise_variance` and g the quality of a place.
    ///
    /// The gain of a place is `ln(s² + ν) + 2 ln g` with s² the variance left once the pending and chosen places are measured
    /// with that noise: without qualities this is greedy maximum-variance sampling, at most a share of 1/e of the information
    /// short of the best batch; with them the greedy mode of a determinantal point process. `log_quality` holds ln g for each
    /// place, in natural logarithms (logarithms of gains, say), −∞ for places of no use. Scores are the gains.
    ///
    /// Source: Krause, Singh and Guestrin, *J. Mach. Learn. Res.* 9, 235 (2008); Kulesza and Taskar, *Found. Trends Mach. Learn.*
    /// 5, 123 (2012), section 3.1; Chen, Zhang and Zhou, NeurIPS 2018 (arXiv 1709.05135), algorithm 1.
    ///
    /// ```
    /// use dosewise::acquisition::BatchSearch;
    /// use dosewise::gp::{ExactGp, Kernel, Noise, Rbf};
    /// use ndarray::{Array2, array};
    /// let gp = ExactGp::new(Rbf::isotropic(0.3).scaled(1.0), Noise::Homoscedastic(0.01)).condition(&array![[0.0]], &[1.0])?;
    /// let places = Array2::from_shape_fn((11, 1), |(i, _)| i as f64 / 10.0);
    /// let batch = BatchSearch::new(&places, 2)?.diverse(&gp, 0.01, None)?;
    /// assert_eq!(batch[0].index, 10); // farthest from the measurement, then between the two
    /// assert!((4..=6).contains(&batch[1].index));
    /// # Ok::<(), dosewise::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Argument`] if the noise variance is negative or not finite, there is not one quality for each place, one is NaN
    /// or +∞, or as [`Surrogate::joint`].
    pub fn diverse(
        &self,
        surrogate: &dyn Surrogate,
        noise_variance: f64,
        log_quality: Option<&[f64]>,
    ) -> Result<Vec<Choice>> {
        not_negative("noise_variance", noise_variance)?;
        let m = self.places().nrows();
        if let Some(quality) = log_quality {
            check_quality(quality, m)?;
        }
        let head = self.pending().nrows();
        let mut factor = JointFactor::new(surrogate, self.pending_first())?;
        for pivot in 0..head {
            factor.reveal(pivot, noise_variance)?;
        }
        let mut chosen = None;
        self.pick(|open| {
            if let Some(place) = chosen {
                factor.reveal(head + place, noise_variance)?;
            }
            let gain = |&index: &usize| {
                let quality = log_quality.map_or(0.0, |quality| quality[index]);
                (factor.remaining(head + index) + noise_variance).ln() + 2.0 * quality
            };
            let choice = first_best(
                open.iter().copied(),
                &open.iter().map(gain).collect::<Vec<_>>(),
            )?;
            chosen = Some(choice.index);
            Ok(choice)
        })
    }
}

fn check_quality(quality: &[f64], places: usize) -> Result<()> {
    if quality.len() != places {
        return Err(Error::argument(
            "log_quality",
            format!("{} values", quality.len()),
            format!("{places}, one for each place"),
        ));
    }
    match quality.iter().find(|q| q.is_nan() || **q == f64::INFINITY) {
        None => Ok(()),
        Some(bad) => Err(Error::argument("log_quality", bad, "finite numbers or −∞")),
    }
}
