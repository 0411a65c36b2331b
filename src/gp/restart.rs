//! Where a search for hyper-parameters may start and how far it may reasonably go, judged from the data.

use super::evidence::Data;
use super::kernel::{Parameter, Role};
use crate::error::Result;
use crate::units::Seed;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

/// Bounds for the logarithm of one hyper-parameter.
#[derive(Debug, Clone, Copy)]
pub(super) struct LogRange {
    /// Random starts are drawn from here.
    pub start: (f64, f64),
    /// Beyond this the likelihood says nothing any more and a penalty rises.
    pub wall: (f64, f64),
}

impl LogRange {
    fn around(scale: f64, start: (f64, f64), wall: (f64, f64)) -> Self {
        let centre = scale.ln();
        Self {
            start: (centre + start.0.ln(), centre + start.1.ln()),
            wall: (centre + wall.0.ln(), centre + wall.1.ln()),
        }
    }
}

/// The range of every parameter: lengthscales in units of the extent of the points, variances in units of the mean
/// square of the outputs around the prior mean (at its ordinary least-squares estimate if fitting estimates it).
pub(super) fn log_ranges(data: &Data<'_>, parameters: &[Parameter]) -> Result<Vec<LogRange>> {
    let spans: Vec<f64> = (0..data.points.dimension())
        .map(|k| {
            let coordinates = data.points.coordinate(k).iter();
            let (low, high) = coordinates.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &c| {
                (l.min(c), h.max(c))
            });
            usable_or_one(high - low)
        })
        .collect();
    let widest = usable_or_one(spans.iter().copied().fold(0.0, f64::max));
    let span = |k: Option<usize>| k.and_then(|k| spans.get(k)).copied().unwrap_or(widest);
    let reaches: Vec<f64> = (0..data.points.dimension())
        .map(|k| {
            let coordinates = data.points.coordinate(k).iter();
            usable_or_one(coordinates.fold(0.0, |reach: f64, c| reach.max(c.abs())))
        })
        .collect();
    let furthest = usable_or_one(reaches.iter().copied().fold(0.0, f64::max));
    let count = data.targets.len() as f64;
    let square: f64 = data.ordinary_residuals()?.iter().map(|r| r * r).sum();
    let power = usable_or_one(square / count);
    let range = |parameter: &Parameter| match parameter.role {
        Role::Lengthscale(k) => LogRange::around(span(k), (0.05, 1.0), (1e-3, 1e3)),
        // Longer than the extent no period can be told from a trend, shorter than a hundredth none is seen.
        Role::Period(k) => LogRange::around(span(k), (0.1, 1.0), (1e-3, 1e2)),
        Role::SlopeVariance(k) => {
            let reach = k.and_then(|k| reaches.get(k)).copied().unwrap_or(furthest);
            let scale = (power / reach / reach).clamp(1e-100, 1e100);
            LogRange::around(scale, (0.1, 10.0), (1e-6, 1e6))
        }
        Role::Variance => LogRange::around(power, (0.3, 3.0), (1e-6, 1e4)),
        Role::NoiseVariance => LogRange::around(power, (1e-3, 0.3), (1e-9, 1e2)),
        Role::Shape => LogRange::around(1.0, (0.2, 5.0), (1e-4, 1e4)),
    };
    Ok(parameters.iter().map(range).collect())
}

/// `count` points that fill the box of starts evenly: an additive recurrence on the inverse powers of the root of
/// x^(p+1) = x + 1 (Roberts 2018, "The unreasonable effectiveness of quasirandom sequences"), shifted by the seed.
pub(super) fn space_filling_starts(ranges: &[LogRange], count: usize, seed: Seed) -> Vec<Vec<f64>> {
    let power = 1.0 / (ranges.len() as f64 + 1.0);
    let root = (0..60).fold(2.0_f64, |root, _| (1.0 + root).powf(power));
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed.0);
    let shifts: Vec<f64> = ranges.iter().map(|_| rng.random::<f64>()).collect();
    let coordinate = |i: usize, k: usize| {
        let step = root.powi(-(k as i32 + 1));
        (shifts[k] + (i as f64 + 1.0) * step).fract()
    };
    (0..count)
        .map(|i| {
            let of_box = ranges.iter().enumerate();
            of_box
                .map(|(k, range)| {
                    range.start.0 + coordinate(i, k) * (range.start.1 - range.start.0)
                })
                .collect()
        })
        .collect()
}

/// `count` of `total` indices, drawn without replacement and sorted.
pub(super) fn subset(total: usize, count: usize, seed: Seed) -> Vec<usize> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed.0 ^ 0x5EED_0F5B_5E75_0001);
    let mut indices: Vec<usize> = (0..total).collect();
    for i in 0..count.min(total) {
        let other = rng.random_range(i..total);
        indices.swap(i, other);
    }
    indices.truncate(count);
    indices.sort_unstable();
    indices
}

fn usable_or_one(scale: f64) -> f64 {
    if (1e-100..=1e100).contains(&scale) {
        scale
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_fill_the_box_and_follow_the_seed() {
        let range = LogRange {
            start: (-1.0, 1.0),
            wall: (-5.0, 5.0),
        };
        let starts = space_filling_starts(&[range; 3], 64, Seed(1));
        for k in 0..3 {
            // Evenly spread: each eighth of the range gets its share of 64 / 8, give or take a few.
            for octant in 0..8 {
                let low = -1.0 + 0.25 * octant as f64;
                let inside = starts.iter().filter(|s| (low..low + 0.25).contains(&s[k]));
                assert!((5..=11).contains(&inside.count()));
            }
        }
        assert_eq!(starts, space_filling_starts(&[range; 3], 64, Seed(1)));
        assert_ne!(starts, space_filling_starts(&[range; 3], 64, Seed(2)));
    }

    #[test]
    fn subsets_have_no_duplicates() {
        let chosen = subset(100, 30, Seed(3));
        assert_eq!(chosen.len(), 30);
        assert!(chosen.windows(2).all(|w| w[0] < w[1]) && chosen[29] < 100);
    }
}
