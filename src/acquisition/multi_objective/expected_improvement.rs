//! Expected growth of the hypervolume by one measurement of two independent objectives, in closed form.

use super::dominance::{check_reference, rows};
use super::hypervolume::relevant;
use crate::error::{Error, Result};
use crate::normal;
use ndarray::ArrayView2;

/// Expected hypervolume improvement (EHVI) of one place with two independent objectives.
///
/// The improvement is the area above the front and the reference that lies below the outcome, so its expectation is the integral
/// of `P(f₁ > a) P(f₂ > b)` over that region. The front cuts the region into vertical strips `a_i < a < a_{i+1}`, `b > h_i`,
/// each of which gives `(ψ₁(a_i) − ψ₁(a_{i+1})) ψ₂(h_i)` with `ψ(t) = E[max(0, f − t)] = s (φ(z) + z Φ(z))`, `z = (μ − t)/s`.
/// With n points on the front that is n + 1 terms.
///
/// Source: Emmerich, Deutz and Klinkenberg, IEEE CEC 2011, p. 2147; in this form Yang, Emmerich, Deutz and Bäck, *J. Global
/// Optim.* 75, 3 (2019), section 4.
///
/// ```
/// use dosewise::acquisition::multi_objective::ExpectedHypervolumeImprovement;
/// use ndarray::Array2;
/// let improvement = ExpectedHypervolumeImprovement::new(Array2::zeros((0, 2)).view(), [0.0, 0.0])?;
/// // With no front it is the product of two expected improvements over the reference, s φ(0) each.
/// let wanted = 0.5 * 2.0 / (2.0 * std::f64::consts::PI);
/// assert!((improvement.score([0.0, 0.0], [0.25, 4.0])? - wanted).abs() < 1e-15);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ExpectedHypervolumeImprovement {
    strips: Vec<Strip>,
}

/// The region `left < a < right`, `b > floor`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Strip {
    left: f64,
    right: f64,
    floor: f64,
}

/// Expected hypervolume improvement and its derivatives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HypervolumeSlopes {
    /// The improvement, in the product of the units of both objectives.
    pub value: f64,
    /// Derivatives by the two posterior means.
    pub by_mean: [f64; 2],
    /// Derivatives by the two posterior standard deviations.
    pub by_deviation: [f64; 2],
}

/// `ψ` with its derivatives by mean and deviation.
#[derive(Clone, Copy)]
struct Part {
    value: f64,
    by_mean: f64,
    by_deviation: f64,
}

impl Part {
    const NONE: Self = Self {
        value: 0.0,
        by_mean: 0.0,
        by_deviation: 0.0,
    };

    fn above(threshold: f64, mean: f64, deviation: f64) -> Self {
        let gap = mean - threshold;
        if threshold == f64::INFINITY {
            return Self::NONE;
        }
        if deviation == 0.0 {
            return Self {
                value: gap.max(0.0),
                by_mean: f64::from(gap > 0.0),
                by_deviation: 0.0,
            };
        }
        let z = gap / deviation;
        Self {
            value: deviation * normal::positive_part(z),
            by_mean: normal::cdf(z),
            by_deviation: normal::density(z),
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            value: self.value - other.value,
            by_mean: self.by_mean - other.by_mean,
            by_deviation: self.by_deviation - other.by_deviation,
        }
    }
}

impl ExpectedHypervolumeImprovement {
    /// Over the volume that `front` (n × 2, n ≥ 0, any points) dominates above `reference`.
    ///
    /// # Errors
    /// [`Error::Argument`] if the points have not two objectives or a value is not finite.
    pub fn new(front: ArrayView2<'_, f64>, reference: [f64; 2]) -> Result<Self> {
        let points = rows("front", front)?;
        check_reference(&reference, front.ncols())?;
        let mut points = relevant(points, &reference);
        points.sort_by(|a, b| a[0].total_cmp(&b[0]));
        let mut left = reference[0];
        let mut strips = Vec::with_capacity(points.len() + 1);
        for point in &points {
            strips.push(Strip {
                left,
                right: point[0],
                floor: point[1],
            });
            left = point[0];
        }
        strips.push(Strip {
            left,
            right: f64::INFINITY,
            floor: reference[1],
        });
        Ok(Self { strips })
    }

    /// Expected improvement for independent objectives with these posterior means and **variances**.
    ///
    /// # Errors
    /// [`Error::Argument`] unless the means are finite and the variances finite and not negative.
    pub fn score(&self, mean: [f64; 2], variance: [f64; 2]) -> Result<f64> {
        Ok(self.slopes(mean, variance)?.value)
    }

    /// The score with its derivatives by means and standard deviations; where a deviation is zero, those from above.
    ///
    /// # Errors
    /// As [`score`](Self::score).
    pub fn slopes(&self, mean: [f64; 2], variance: [f64; 2]) -> Result<HypervolumeSlopes> {
        for k in 0..2 {
            if !mean[k].is_finite() {
                return Err(Error::argument(
                    format!("mean[{k}]"),
                    mean[k],
                    "a finite number",
                ));
            }
            if !(variance[k].is_finite() && variance[k] >= 0.0) {
                return Err(Error::argument(
                    format!("variance[{k}]"),
                    variance[k],
                    "a finite number, 0 or more",
                ));
            }
        }
        let deviation = variance.map(f64::sqrt);
        let mut sum = HypervolumeSlopes {
            value: 0.0,
            by_mean: [0.0; 2],
            by_deviation: [0.0; 2],
        };
        for strip in &self.strips {
            let from = Part::above(strip.left, mean[0], deviation[0]);
            let width = from.minus(Part::above(strip.right, mean[0], deviation[0]));
            let height = Part::above(strip.floor, mean[1], deviation[1]);
            sum.value += width.value * height.value;
            sum.by_mean[0] += width.by_mean * height.value;
            sum.by_mean[1] += width.value * height.by_mean;
            sum.by_deviation[0] += width.by_deviation * height.value;
            sum.by_deviation[1] += width.value * height.by_deviation;
        }
        Ok(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn arguments_are_checked() {
        let front = array![[1.0, 2.0]];
        assert!(
            ExpectedHypervolumeImprovement::new(array![[1.0, 2.0, 3.0]].view(), [0.0; 2]).is_err()
        );
        assert!(
            ExpectedHypervolumeImprovement::new(array![[1.0, f64::NAN]].view(), [0.0; 2]).is_err()
        );
        assert!(ExpectedHypervolumeImprovement::new(front.view(), [0.0, f64::NAN]).is_err());
        let improvement = ExpectedHypervolumeImprovement::new(front.view(), [0.0; 2]).unwrap();
        assert!(improvement.score([f64::NAN, 0.0], [1.0; 2]).is_err());
        assert!(improvement.score([0.0; 2], [1.0, -1.0]).is_err());
    }

    #[test]
    fn derivatives_equal_differences() {
        let front = array![[0.1, 0.9], [0.4, 0.6], [0.8, 0.2], [0.2, 0.3]];
        let improvement = ExpectedHypervolumeImprovement::new(front.view(), [0.0, -0.1]).unwrap();
        let (mean, deviation) = ([0.5, 0.45], [0.2, 0.3]);
        let found = improvement.slopes(mean, deviation.map(|s| s * s)).unwrap();
        let step = 1e-6;
        for k in 0..2 {
            let at = |change: f64, of_mean: bool| {
                let (mut mean, mut deviation) = (mean, deviation);
                if of_mean {
                    mean[k] += change
                } else {
                    deviation[k] += change
                }
                improvement.score(mean, deviation.map(|s| s * s)).unwrap()
            };
            let slope = |of_mean| (at(step, of_mean) - at(-step, of_mean)) / (2.0 * step);
            assert!((slope(true) - found.by_mean[k]).abs() < 1e-9);
            assert!((slope(false) - found.by_deviation[k]).abs() < 1e-9);
        }
    }
}
