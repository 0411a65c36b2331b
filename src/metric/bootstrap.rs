//! Bootstrap intervals: how far a mean over seeds may be from the mean over all seeds.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

use super::{require_finite, require_same_length};
use crate::error::{Error, Result};
use crate::units::Seed;

/// How the interval is read off the resampled values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IntervalMethod {
    /// Quantiles `α/2` and `1 − α/2` of the resampled values.
    Percentile,
    /// Bias-corrected and accelerated: the two levels are shifted for the bias and the skewness of the statistic. Second-order
    /// accurate, the default.
    #[default]
    BiasCorrectedAccelerated,
}

/// An estimate with its confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The statistic of the sample itself.
    pub estimate: f64,
    /// Lower limit.
    pub low: f64,
    /// Upper limit.
    pub high: f64,
    /// Nominal coverage, e.g. 0.95.
    pub level: f64,
}

/// Bootstrap confidence intervals, deterministic for a given [`Seed`].
///
/// The resamples are drawn one after the other by xoshiro256++ seeded through SplitMix64, each index as the high word of
/// `random 64 bits × n`. Neither the release of a random-number crate nor the number of threads changes a digit.
///
/// Source: Efron and Tibshirani, *An Introduction to the Bootstrap* (1993), sections 13.3 (percentile), 14.3 and 15.4
/// (bias-corrected and accelerated; several strata: equation 15.36).
///
/// ```
/// use dosewise::metric::Bootstrap;
/// use dosewise::units::Seed;
///
/// let ours = [0.61, 0.58, 0.66, 0.60, 0.63];
/// let raster = [0.52, 0.55, 0.54, 0.51, 0.57]; // same seeds, same order
/// let gain = Bootstrap::default().paired_difference(&ours, &raster, Seed(1))?;
/// assert!(gain.low > 0.0 && gain.low < gain.estimate && gain.estimate < gain.high);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bootstrap {
    /// Number of resamples, at least 100. Default 10 000.
    pub resamples: usize,
    /// Nominal coverage, strictly between 0 and 1. Default 0.95.
    pub level: f64,
    /// How the limits are read off the resampled values.
    pub method: IntervalMethod,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self {
            resamples: 10_000,
            level: 0.95,
            method: IntervalMethod::default(),
        }
    }
}

impl Bootstrap {
    /// Interval of the mean of `samples`.
    ///
    /// # Errors
    /// [`Error::Argument`] for fewer than two samples, values that are not finite, or settings out of range.
    pub fn mean(&self, samples: &[f64], seed: Seed) -> Result<Interval> {
        if samples.len() < 2 {
            return Err(Error::argument(
                "samples",
                format!("{} values", samples.len()),
                "at least 2: one value says nothing about its spread",
            ));
        }
        require_finite("samples", samples)?;
        self.statistic(&[samples.len()], seed, |chosen| {
            chosen.iter().map(|&index| samples[index]).sum::<f64>() / chosen.len() as f64
        })
    }

    /// Interval of the mean of `first − second`, paired by position (the same seed in both).
    ///
    /// # Errors
    /// As [`mean`](Self::mean), and if the slices differ in length.
    pub fn paired_difference(&self, first: &[f64], second: &[f64], seed: Seed) -> Result<Interval> {
        require_same_length("second", second.len(), "first", first.len())?;
        require_finite("first", first)?;
        require_finite("second", second)?;
        let differences: Vec<f64> = first.iter().zip(second).map(|(a, b)| a - b).collect();
        self.mean(&differences, seed)
    }

    /// Interval of any statistic, resampling within strata.
    ///
    /// The items are numbered `0..n`, stratum after stratum (all seeds of the first world, then of the second); `strata` holds
    /// the number of items of each. A resample draws as many items from each stratum as it has. `statistic` receives the item
    /// numbers drawn, repeats included. For the acceleration it is also called with one item left out at a time.
    ///
    /// # Errors
    /// [`Error::Argument`] for settings out of range, an empty stratum, none with two items, or a statistic that is not
    /// finite.
    pub fn statistic(
        &self,
        strata: &[usize],
        seed: Seed,
        mut statistic: impl FnMut(&[usize]) -> f64,
    ) -> Result<Interval> {
        self.check(strata)?;
        let mut finite = |chosen: &[usize]| {
            let value = statistic(chosen);
            if value.is_finite() {
                Ok(value)
            } else {
                Err(Error::argument(
                    "statistic",
                    value,
                    "a finite number for every resample",
                ))
            }
        };
        let items: Vec<usize> = (0..strata.iter().sum()).collect();
        let estimate = finite(&items)?;

        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed.0);
        let mut chosen = Vec::with_capacity(items.len());
        let mut resampled = Vec::with_capacity(self.resamples);
        for _ in 0..self.resamples {
            chosen.clear();
            let mut start = 0;
            for &size in strata {
                chosen.extend((0..size).map(|_| start + index_below(&mut random, size)));
                start += size;
            }
            resampled.push(finite(&chosen)?);
        }
        resampled.sort_unstable_by(f64::total_cmp);

        let tail = 0.5 * (1.0 - self.level);
        let (low, high) = match self.method {
            IntervalMethod::Percentile => (tail, 1.0 - tail),
            IntervalMethod::BiasCorrectedAccelerated => {
                let acceleration = acceleration(strata, &items, &mut finite)?;
                let bias = bias_correction(&resampled, estimate);
                (
                    shifted_level(tail, bias, acceleration),
                    shifted_level(1.0 - tail, bias, acceleration),
                )
            }
        };
        Ok(Interval {
            estimate,
            low: quantile(&resampled, low),
            high: quantile(&resampled, high),
            level: self.level,
        })
    }

    fn check(&self, strata: &[usize]) -> Result<()> {
        if !(self.level > 0.0 && self.level < 1.0) {
            return Err(Error::argument(
                "level",
                self.level,
                "a number between 0 and 1, both excluded",
            ));
        }
        if self.resamples < 100 {
            return Err(Error::argument("resamples", self.resamples, "at least 100"));
        }
        if strata.contains(&0) || strata.iter().all(|&size| size < 2) {
            return Err(Error::argument(
                "strata",
                format!("sizes {strata:?}"),
                "at least one item in each and at least two in one",
            ));
        }
        Ok(())
    }
}

/// A uniform index in `0..size`. The bias of the multiplication is below `size / 2⁶⁴`.
fn index_below(random: &mut Xoshiro256PlusPlus, size: usize) -> usize {
    ((u128::from(random.next_u64()) * size as u128) >> 64) as usize
}

/// `z₀`, the normal quantile of the share of resampled values (sorted) below the estimate, ties counting half.
///
/// A share of 0 or 1 is moved half a resample inwards: its quantile would be infinite.
fn bias_correction(resampled: &[f64], estimate: f64) -> f64 {
    // A resample that is a permutation of a small sample equals the estimate but for the order of its sum; without the margin
    // rounding would decide on which side it counts (of three items, two resamples in nine are such permutations).
    let range = resampled[resampled.len() - 1] - resampled[0];
    let margin = 1e-12 * (range + estimate.abs());
    let below = resampled.partition_point(|&value| value < estimate - margin);
    let up_to = resampled.partition_point(|&value| value <= estimate + margin);
    let count = resampled.len() as f64;
    let share = (below + up_to) as f64 / (2.0 * count);
    Normal::standard().inverse_cdf(share.clamp(0.5 / count, 1.0 - 0.5 / count))
}

/// `a = (1/6) Σ U³ / (Σ U²)^{3/2}` from the jackknife, with the empirical influences `U` scaled per stratum.
fn acceleration(
    strata: &[usize],
    items: &[usize],
    statistic: &mut impl FnMut(&[usize]) -> Result<f64>,
) -> Result<f64> {
    let mut cubes = 0.0;
    let mut squares = 0.0;
    let mut start = 0;
    for &size in strata {
        // the only item of a stratum is always drawn, so it has no influence on the spread
        if size > 1 {
            let values = (start..start + size)
                .map(|left_out| {
                    let rest = [&items[..left_out], &items[left_out + 1..]].concat();
                    statistic(&rest)
                })
                .collect::<Result<Vec<f64>>>()?;
            let count = size as f64;
            let mean = values.iter().sum::<f64>() / count;
            for value in values {
                let influence = (count - 1.0) * (mean - value) / count;
                cubes += influence.powi(3);
                squares += influence.powi(2);
            }
        }
        start += size;
    }
    Ok(if squares > 0.0 {
        cubes / (6.0 * squares.powf(1.5))
    } else {
        0.0
    })
}

/// `Φ(z₀ + (z₀ + z) / (1 − a (z₀ + z)))` with `z = Φ⁻¹(level)`.
fn shifted_level(level: f64, bias: f64, acceleration: f64) -> f64 {
    let normal = Normal::standard();
    let shift = bias + normal.inverse_cdf(level);
    normal.cdf(bias + shift / (1.0 - acceleration * shift))
}

/// Quantile of sorted values with linear interpolation between order statistics (definition 7 of Hyndman and Fan, 1996).
fn quantile(sorted: &[f64], level: f64) -> f64 {
    let position = level.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (position - below as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate() {
        let sorted = [0.0, 1.0, 4.0];
        assert_eq!(quantile(&sorted, 0.0), 0.0);
        assert_eq!(quantile(&sorted, 0.75), 2.5);
        assert_eq!(quantile(&sorted, 1.0), 4.0);
    }

    #[test]
    fn without_bias_and_skew_the_levels_stay() {
        for level in [0.025, 0.5, 0.975] {
            assert!((shifted_level(level, 0.0, 0.0) - level).abs() < 1e-9);
        }
    }

    #[test]
    fn equal_values_leave_no_width() {
        for method in [
            IntervalMethod::Percentile,
            IntervalMethod::BiasCorrectedAccelerated,
        ] {
            let settings = Bootstrap {
                method,
                ..Bootstrap::default()
            };
            let interval = settings.mean(&[0.25; 6], Seed(3)).unwrap();
            assert_eq!((interval.low, interval.high), (0.25, 0.25));
        }
    }

    #[test]
    fn wrong_arguments_are_refused() {
        let settings = Bootstrap::default();
        assert!(settings.mean(&[1.0], Seed(0)).is_err());
        assert!(settings.mean(&[1.0, f64::NAN], Seed(0)).is_err());
        assert!(
            settings
                .paired_difference(&[1.0, 2.0], &[1.0], Seed(0))
                .is_err()
        );
        assert!(settings.statistic(&[], Seed(0), |_| 0.0).is_err());
        assert!(settings.statistic(&[3, 0], Seed(0), |_| 0.0).is_err());
        assert!(settings.statistic(&[3], Seed(0), |_| f64::NAN).is_err());
        for level in [0.0, 1.0, f64::NAN] {
            let settings = Bootstrap { level, ..settings };
            assert!(settings.mean(&[1.0, 2.0], Seed(0)).is_err());
        }
        let few = Bootstrap {
            resamples: 5,
            ..settings
        };
        assert!(few.mean(&[1.0, 2.0], Seed(0)).is_err());
    }
}
