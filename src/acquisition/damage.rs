//! Dose that destroys what it measures: worth discounted by survival, neighbours charged for.

use super::dose::scale_of_difference;
use super::{Acquisition, Candidates, Scale, scores};
use crate::error::{Error, Result};
use crate::sequential::Survival;

/// Where damage stands: the dose each place has had, and which places a visit also hits.
///
/// The net worth of visiting place i with dose d, `a` being the worth by any [`Acquisition`]:
///
/// `a S(Dᵢ + d/2) − Σⱼ wⱼ (1 − S(Dⱼ + qᵢⱼ d)/S(Dⱼ))`,
///
/// the first factor the chance that place i is still itself in the middle of the visit, `qᵢⱼ` the share of the dose that
/// lands on neighbour j (tails of the probe, overlap of scan steps), `wⱼ` what is left to be learned there: the largest
/// discounted worth of any dose on offer at j, not below 0.
///
/// The form is a heuristic of this crate. That neighbours suffer, and that the order of visits matters, is measured in
/// Jannis, Velazco, Béché and Verbeeck, arXiv 2104.14992.
///
/// ```
/// use dosewise::acquisition::{Candidates, Damage, PosteriorVariance, Survival};
/// let candidates = Candidates::product(&[0.0; 2], &[1.0; 2], &[10.0], |_, _| 0.1)?;
/// let damage = Damage::new(Survival::new(100.0, 1.0)?, vec![0.0, 300.0])?;
/// let worth = damage.net_worth(&PosteriorVariance, &candidates)?;
/// assert!(worth[0] > 20.0 * worth[1] && worth[1] > 0.0); // there is little left to see at the second
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Damage {
    survival: Survival,
    doses: Vec<f64>,
    neighbours: Vec<Vec<(usize, f64)>>,
}

impl Damage {
    /// With the cumulative dose (e⁻/Å²) that each place has had, and no neighbours.
    ///
    /// # Errors
    /// [`Error::Argument`] unless every dose is finite and not negative.
    pub fn new(survival: Survival, doses: Vec<f64>) -> Result<Self> {
        if let Some(wrong) = doses
            .iter()
            .find(|dose| !(dose.is_finite() && **dose >= 0.0))
        {
            return Err(Error::argument(
                "doses",
                wrong,
                "finite doses, 0 or more e⁻/Å²",
            ));
        }
        Ok(Self {
            survival,
            doses,
            neighbours: Vec::new(),
        })
    }

    /// With, for each place, the other places that its visits hit and the share of the dose that lands there, 0 to 1.
    ///
    /// # Errors
    /// [`Error::Argument`] unless there is one list a place, every neighbour is another one of the places and every share is
    /// within 0..=1.
    pub fn with_neighbours(self, neighbours: Vec<Vec<(usize, f64)>>) -> Result<Self> {
        let places = self.doses.len();
        if neighbours.len() != places {
            return Err(Error::argument(
                "neighbours",
                format!("{} lists", neighbours.len()),
                format!("{places}, one for each place"),
            ));
        }
        for (place, list) in neighbours.iter().enumerate() {
            for &(neighbour, share) in list {
                if neighbour >= places || neighbour == place || !(0.0..=1.0).contains(&share) {
                    return Err(Error::argument(
                        format!("neighbours of place {place}"),
                        format!("place {neighbour} with a share of {share}"),
                        format!("another place below {places} with a share within 0..=1"),
                    ));
                }
            }
        }
        Ok(Self { neighbours, ..self })
    }

    /// Net worth of each candidate, in their order: a level with reference 0. A log-gain is turned back into its gain; of a
    /// level the excess over its reference counts, and only an excess above 0 is discounted.
    ///
    /// # Errors
    /// [`Error::Argument`] unless there is one dose for each place of `candidates`, or if a score is NaN.
    pub fn net_worth<A: Acquisition + ?Sized>(
        &self,
        acquisition: &A,
        candidates: &Candidates,
    ) -> Result<Vec<f64>> {
        let visits = candidates.as_slice();
        let each = candidates.doses();
        let places = visits.len() / each;
        if places != self.doses.len() {
            return Err(Error::argument(
                "candidates",
                format!("{places} places"),
                format!("{}, one for each cumulative dose", self.doses.len()),
            ));
        }
        let reference = match scale_of_difference(acquisition.scale()) {
            Scale::Level { reference } => reference,
            Scale::Gain | Scale::LogGain => 0.0,
        };
        let mut worth = scores(acquisition, candidates)?;
        for (index, (worth, visit)) in worth.iter_mut().zip(visits).enumerate() {
            let gain = match acquisition.scale() {
                Scale::LogGain => worth.exp(),
                Scale::Gain | Scale::Level { .. } => *worth - reference,
            };
            let middle = self.doses[index / each] + 0.5 * visit.dose();
            *worth = if gain > 0.0 {
                gain * self.survival.intact(middle)
            } else {
                gain
            };
        }
        let left: Vec<f64> = worth
            .chunks(each)
            .map(|doses| doses.iter().copied().fold(0.0, f64::max))
            .collect();
        for (index, (worth, visit)) in worth.iter_mut().zip(visits).enumerate() {
            let Some(list) = self.neighbours.get(index / each) else {
                continue;
            };
            for &(neighbour, share) in list {
                let lost = self
                    .survival
                    .lost(self.doses[neighbour], share * visit.dose());
                *worth -= left[neighbour] * lost;
            }
        }
        Ok(worth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acquisition::{LogExpectedImprovement, PosteriorVariance, UpperConfidenceBound};

    fn survival() -> Survival {
        Survival::new(100.0, 2.0).unwrap()
    }

    fn candidates(doses: &[f64]) -> Candidates {
        Candidates::product(&[0.0, 0.5, 1.0], &[1.0, 2.0, 0.5], doses, |_, _| 0.1).unwrap()
    }

    #[test]
    fn by_hand() {
        let doses = [10.0, 40.0];
        let damage = Damage::new(survival(), vec![0.0, 50.0, 120.0]).unwrap();
        let plain = damage
            .net_worth(&PosteriorVariance, &candidates(&doses))
            .unwrap();
        let s = |dose: f64| (-(dose / 100.0).powi(2)).exp();
        assert!((plain[2] - 2.0 * s(55.0)).abs() < 1e-14);
        let damage = damage
            .with_neighbours(vec![vec![(1, 0.25)], vec![], vec![(0, 1.0), (1, 0.5)]])
            .unwrap();
        let charged = damage
            .net_worth(&PosteriorVariance, &candidates(&doses))
            .unwrap();
        let charge = 2.0 * s(55.0) * (1.0 - s(60.0) / s(50.0));
        assert!((charged[1] - (s(20.0) - charge)).abs() < 1e-14);
        assert_eq!(charged[2], plain[2]);
        let both = s(5.0) * (1.0 - s(10.0)) + 2.0 * s(55.0) * (1.0 - s(55.0) / s(50.0));
        assert!((charged[4] - (0.5 * s(125.0) - both)).abs() < 1e-14);
    }

    #[test]
    fn every_scale_is_brought_to_worth() {
        let damage = Damage::new(survival(), vec![0.0; 3]).unwrap();
        let log = LogExpectedImprovement::over(0.4).unwrap();
        let candidates = candidates(&[20.0]);
        let worth = damage.net_worth(&log, &candidates).unwrap();
        let plain = log.score(&candidates.as_slice()[1]).exp();
        assert!((worth[1] - plain * survival().intact(10.0)).abs() < 1e-14);
        let bound = UpperConfidenceBound::new(0.0).unwrap().over(0.6).unwrap();
        let worth = damage.net_worth(&bound, &candidates).unwrap();
        assert!((worth[0] + 0.6).abs() < 1e-15); // a shortfall is not discounted
        assert!((worth[2] - 0.4 * survival().intact(10.0)).abs() < 1e-15);
    }

    #[test]
    fn small_losses_keep_their_digits() {
        let lost = Survival::new(1e6, 1.0).unwrap().lost(10.0, 1e-9);
        assert!((lost / 1e-15 - 1.0).abs() < 1e-2, "{lost}");
    }

    #[test]
    fn wrong_settings_are_refused() {
        assert!(Survival::new(0.0, 1.0).is_err() && Survival::new(1.0, f64::NAN).is_err());
        assert!(Damage::new(survival(), vec![-1.0]).is_err());
        let damage = Damage::new(survival(), vec![0.0; 2]).unwrap();
        assert!(
            damage
                .net_worth(&PosteriorVariance, &candidates(&[1.0]))
                .is_err()
        );
        for wrong in [
            vec![vec![]],
            vec![vec![(0, 0.1)], vec![]],
            vec![vec![(2, 0.1)], vec![]],
            vec![vec![(1, 1.1)], vec![]],
        ] {
            assert!(damage.clone().with_neighbours(wrong).is_err());
        }
    }
}
