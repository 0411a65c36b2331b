//! Measured patches, and which of them training may see.

use crate::error::{Error, Result};
use crate::gp::exact::check_target;
use crate::gp::mean::Mean;
use crate::gp::noise::Noise;
use crate::units::Seed;
use ndarray::{Array2, Axis};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

/// Patches as the network wants them, what was measured there, and how the measurements are modelled.
#[derive(Debug, Clone)]
pub(super) struct Measurements {
    pub prepared: Array2<f64>,
    pub targets: Vec<f64>,
    pub noise: Noise,
    pub mean: Mean,
}

impl Measurements {
    pub fn new(
        prepared: Array2<f64>,
        targets: &[f64],
        noise: Option<Noise>,
        mean: Mean,
    ) -> Result<Self> {
        if prepared.nrows() != targets.len() || targets.is_empty() {
            return Err(Error::argument(
                "y",
                format!("{} values for {} patches", targets.len(), prepared.nrows()),
                "one value for each patch, and at least one patch",
            ));
        }
        targets.iter().try_for_each(|&y| check_target(y))?;
        let noise = noise.unwrap_or_else(|| Noise::Homoscedastic(0.1 * variance(targets)));
        noise.check(targets.len())?;
        Ok(Self {
            prepared,
            targets: targets.to_vec(),
            noise,
            mean,
        })
    }

    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// Only these.
    pub fn select(&self, indices: &[usize]) -> Self {
        let chosen = |values: &[f64]| indices.iter().map(|&i| values[i]).collect();
        Self {
            prepared: self.prepared.select(Axis(0), indices),
            targets: chosen(&self.targets),
            noise: match &self.noise {
                Noise::Known(variances) => Noise::Known(chosen(variances)),
                shared => shared.clone(),
            },
            mean: self.mean.clone(),
        }
    }

    /// These measurements in `parts` of equal size but for one, shuffled by the seed: each as (the others, the part).
    pub fn folds(&self, parts: usize, seed: Seed) -> Vec<(Self, Self)> {
        let order = shuffled(self.len(), seed);
        let fold = |part: usize| {
            let belongs = |place: &usize| place % parts == part;
            let (held, seen): (Vec<usize>, Vec<usize>) = (0..order.len()).partition(belongs);
            let named = |places: Vec<usize>| {
                let mut indices: Vec<usize> =
                    places.into_iter().map(|place| order[place]).collect();
                indices.sort_unstable();
                self.select(&indices)
            };
            (named(seen), named(held))
        };
        (0..parts).map(fold).collect()
    }

    /// A fraction held out of the others, at least one on either side: (the others, the fraction).
    pub fn split(&self, fraction: f64, seed: Seed) -> (Self, Self) {
        let most = self.len().saturating_sub(1).max(1);
        let count = ((fraction * self.len() as f64).round() as usize).clamp(1, most);
        let mut order = shuffled(self.len(), seed);
        let mut seen = order.split_off(count);
        order.sort_unstable();
        seen.sort_unstable();
        (self.select(&seen), self.select(&order))
    }
}

/// Variance of the values; 1 if they do not differ.
pub(super) fn variance(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().map(|v| v / count).sum::<f64>();
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
    if (1e-140..1e140).contains(&variance) {
        variance
    } else {
        1.0
    }
}

/// 0..count in an order drawn by the seed (Fisher & Yates).
fn shuffled(count: usize, seed: Seed) -> Vec<usize> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed.0);
    let mut order: Vec<usize> = (0..count).collect();
    for i in (1..count).rev() {
        order.swap(i, rng.random_range(0..=i));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(count: usize) -> Measurements {
        let values: Vec<f64> = (0..count).map(|i| i as f64).collect();
        let prepared = Array2::from_shape_vec((count, 1), values.clone()).unwrap();
        let noise = Noise::Known(values.iter().map(|v| v + 0.5).collect());
        Measurements::new(prepared, &values, Some(noise), Mean::Zero).unwrap()
    }

    #[test]
    fn every_measurement_is_held_out_once() {
        let all = numbered(11);
        let folds = all.folds(3, Seed(1));
        let mut held: Vec<f64> = folds
            .iter()
            .flat_map(|(_, held)| held.targets.clone())
            .collect();
        held.sort_by(f64::total_cmp);
        assert_eq!(held, all.targets);
        for (seen, held) in &folds {
            assert_eq!(seen.len() + held.len(), 11);
            assert!(held.len() == 3 || held.len() == 4);
            for part in [seen, held] {
                for (i, y) in part.targets.iter().enumerate() {
                    assert_eq!(part.prepared[[i, 0]], *y);
                    assert_eq!(part.noise.variance(i), Some(y + 0.5));
                }
            }
        }
    }

    #[test]
    fn a_split_leaves_something_on_either_side() {
        for (count, fraction, expected) in
            [(10, 0.2, 2), (10, 1e-9, 1), (10, 0.999, 9), (2, 0.9, 1)]
        {
            let (seen, held) = numbered(count).split(fraction, Seed(4));
            assert_eq!((seen.len(), held.len()), (count - expected, expected));
        }
    }
}
