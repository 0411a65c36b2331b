//! Measurements to come: the noise averaged over what is not known of the latent function.

use super::poisson::check_exposure;
use crate::error::{Error, Result};
use crate::normal;
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};
use statrs::function::gamma::gamma_ur;

/// Normal deviates beyond this have no weight.
const TAIL: f64 = 8.5;

/// What one further measurement is made of, given the latent value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Observable {
    /// Poisson(exposure · exp f).
    Count { exposure: f64 },
    /// f + scale · t.
    StudentT { degrees_of_freedom: f64, scale: f64 },
    /// N(centre, spread + exp f): f is the log noise variance, the value itself has its own Gaussian posterior.
    Scaled { centre: f64, spread: f64 },
}

/// Measurements to come at m places: their mean, variance and intervals, noise included.
#[derive(Debug, Clone)]
pub struct Prediction {
    latent: Vec<(f64, f64)>,
    observables: Vec<Observable>,
    mean: Vec<f64>,
    variance: Vec<f64>,
}

impl Prediction {
    pub(super) fn new(mean: &[f64], variance: &[f64], observables: Vec<Observable>) -> Self {
        let latent: Vec<(f64, f64)> = mean.iter().copied().zip(variance.iter().copied()).collect();
        let moments = latent.iter().zip(&observables).map(|(f, o)| o.moments(*f));
        let (mean, variance) = moments.unzip();
        Self {
            latent,
            observables,
            mean,
            variance,
        }
    }

    /// Further counts at places where the logarithm of the rate has these means and variances.
    pub(in crate::gp) fn of_counts(
        mean: &[f64],
        variance: &[f64],
        exposure: &[f64],
    ) -> Result<Self> {
        check_exposures(exposure, mean.len())?;
        let each = exposure.iter();
        let observables = each.map(|&exposure| Observable::Count { exposure });
        Ok(Self::new(mean, variance, observables.collect()))
    }

    /// Expected measurement at each place.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// **Variance** of a measurement at each place; infinite for a Student-t with ν ≤ 2.
    pub fn variance(&self) -> &[f64] {
        &self.variance
    }

    /// The central interval that holds a measurement with probability `level`, from quantile (1 − level)/2 to quantile
    /// (1 + level)/2 of the noise averaged over the latent posterior. Counts are whole, so theirs hold a little more.
    ///
    /// # Errors
    /// [`Error::Argument`] unless 0 < level < 1.
    pub fn interval(&self, level: f64) -> Result<Vec<(f64, f64)>> {
        check_level(level)?;
        let tail = 0.5 * (1.0 - level);
        let each = self.latent.iter().zip(&self.observables);
        Ok(each
            .map(|(latent, observable)| {
                (
                    observable.quantile(*latent, tail),
                    observable.quantile(*latent, 1.0 - tail),
                )
            })
            .collect())
    }

    /// The probability that a measurement at place `index` is not above `value`; `None` if there is no such place.
    pub fn cumulative(&self, index: usize, value: f64) -> Option<f64> {
        let latent = self.latent.get(index)?;
        Some(self.observables[index].cumulative(*latent, value))
    }
}

impl Observable {
    fn moments(&self, (mean, variance): (f64, f64)) -> (f64, f64) {
        match *self {
            Self::Count { exposure } => {
                let expected = exposure * (mean + 0.5 * variance).exp();
                (expected, expected + expected * expected * variance.exp_m1())
            }
            Self::StudentT {
                degrees_of_freedom,
                scale,
            } => {
                let noise = if degrees_of_freedom > 2.0 {
                    scale * scale * degrees_of_freedom / (degrees_of_freedom - 2.0)
                } else {
                    f64::INFINITY
                };
                (mean, variance + noise)
            }
            Self::Scaled { centre, spread } => (centre, spread + (mean + 0.5 * variance).exp()),
        }
    }

    /// P(y ≤ value), the noise averaged over f ~ N(mean, variance) by the trapezoidal rule, with steps fine enough
    /// for the narrowest feature of the noise.
    fn cumulative(&self, (mean, variance): (f64, f64), value: f64) -> f64 {
        let deviation = variance.sqrt();
        let width = match *self {
            Self::Count { .. } => 1.0 / (1.0 + value.max(0.0)).sqrt(),
            Self::StudentT { scale, .. } => scale,
            Self::Scaled { .. } => 1.0,
        };
        let step = (0.5 * width / deviation).clamp(0.004, 0.5);
        let average = normal_average(step, &mut |z| self.given(mean + deviation * z, value));
        average.clamp(0.0, 1.0)
    }

    /// P(y ≤ value | f).
    fn given(&self, f: f64, value: f64) -> f64 {
        match *self {
            Self::Count { exposure } => count_cumulative(exposure * f.exp(), value),
            Self::StudentT {
                degrees_of_freedom,
                scale,
            } => student_cumulative(degrees_of_freedom, (value - f) / scale),
            Self::Scaled { centre, spread } => {
                normal::cdf((value - centre) / (spread + f.exp()).sqrt())
            }
        }
    }

    /// The smallest value (whole, for counts) whose cumulative probability reaches `probability`.
    fn quantile(&self, latent: (f64, f64), probability: f64) -> f64 {
        let reaches = |value: f64| self.cumulative(latent, value) >= probability;
        let (mean, deviation) = (latent.0, latent.1.sqrt());
        if let Self::Count { .. } = self {
            if reaches(0.0) {
                return 0.0;
            }
            let mut high = 1.0;
            while !reaches(high) && high < 1e300 {
                high *= 2.0;
            }
            let mut low = 0.5 * high;
            while high - low > 1.0_f64.max(1e-9 * high) {
                let middle = (0.5 * (low + high)).floor();
                if reaches(middle) {
                    high = middle;
                } else {
                    low = middle;
                }
            }
            return high;
        }
        let (centre, mut reach) = match *self {
            Self::Scaled { centre, spread } => (centre, spread.sqrt() + (0.5 * mean).exp()),
            Self::StudentT { scale, .. } => (mean, deviation + scale),
            Self::Count { .. } => (mean, deviation),
        };
        reach = reach.max(f64::MIN_POSITIVE);
        while (reaches(centre - reach) || !reaches(centre + reach)) && reach < 1e300 {
            reach *= 2.0;
        }
        let (mut low, mut high) = (centre - reach, centre + reach);
        for _ in 0..50 {
            let middle = 0.5 * (low + high);
            if reaches(middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
        0.5 * (low + high)
    }
}

/// E[g(z)] for a standard normal z by the trapezoidal rule with this step, which for smooth functions is exact to
/// rounding once the step is below their width (Trefethen & Weideman 2014, *SIAM Review* 56, 385).
pub(in crate::gp) fn normal_average(step: f64, g: &mut dyn FnMut(f64) -> f64) -> f64 {
    let count = (TAIL / step).ceil() as i64;
    let nodes = (-count..=count).map(|k| step * k as f64);
    let sum: f64 = nodes.map(|z| normal::density(z) * g(z)).sum();
    step * sum
}

/// P(N ≤ value) for N ~ Poisson(rate): the upper incomplete gamma function Q(⌊value⌋ + 1, rate); above 10⁵ by the
/// cube root of a gamma variable, which is nearly normal (Wilson & Hilferty 1931), within 10⁻⁶.
fn count_cumulative(rate: f64, value: f64) -> f64 {
    if value < 0.0 {
        return 0.0;
    }
    let shape = value.floor() + 1.0;
    if rate <= 0.0 {
        1.0
    } else if rate == f64::INFINITY {
        0.0
    } else if shape.max(rate) < 1e5 {
        gamma_ur(shape, rate)
    } else {
        let root = (rate / shape).cbrt();
        normal::cdf(3.0 * shape.sqrt() * (1.0 - 1.0 / (9.0 * shape) - root))
    }
}

fn student_cumulative(degrees_of_freedom: f64, t: f64) -> f64 {
    if degrees_of_freedom > 1e7 {
        return normal::cdf(t);
    }
    match StudentsT::new(0.0, 1.0, degrees_of_freedom) {
        Ok(distribution) => distribution.cdf(t),
        Err(_) => f64::NAN,
    }
}

/// One usable exposure for each of `places`.
pub(super) fn check_exposures(exposure: &[f64], places: usize) -> Result<()> {
    if exposure.len() != places {
        return Err(Error::argument(
            "exposure",
            format!("{} exposures", exposure.len()),
            format!("{places} exposures, one for each place"),
        ));
    }
    exposure.iter().try_for_each(|&e| check_exposure(e))
}

fn check_level(level: f64) -> Result<()> {
    if level > 0.0 && level < 1.0 {
        return Ok(());
    }
    Err(Error::argument("level", level, "a probability in 0..1"))
}

/// z with P(|standard normal| ≤ z) = level.
pub(super) fn two_sided_quantile(level: f64) -> Result<f64> {
    check_level(level)?;
    Ok(Normal::standard().inverse_cdf(0.5 + 0.5 * level))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_of_the_normal_are_its_moments() {
        for (power, moment) in [(0, 1.0), (2, 1.0), (4, 3.0), (6, 15.0)] {
            let found = normal_average(0.5, &mut |z| z.powi(power));
            assert!((found - moment).abs() < 1e-11, "{power}: {found}");
        }
    }

    #[test]
    fn counts_of_a_known_rate_are_poisson() {
        let prediction = Prediction::new(
            &[2.0_f64.ln(), 3e6_f64.ln()],
            &[0.0, 0.0],
            vec![Observable::Count { exposure: 1.0 }; 2],
        );
        assert!((prediction.mean()[0] - 2.0).abs() < 1e-14);
        assert!((prediction.variance()[0] - 2.0).abs() < 1e-14);
        let expected = (-2.0_f64).exp() * (1.0 + 2.0 + 2.0);
        assert!((prediction.cumulative(0, 2.0).unwrap() - expected).abs() < 1e-13);
        // Quantiles of Poisson(2): P(N ≤ 0) = 0.135, P(N ≤ 4) = 0.947, P(N ≤ 5) = 0.983.
        assert_eq!(prediction.interval(0.9).unwrap()[0], (0.0, 5.0));
        let (low, high) = prediction.interval(0.954_499_736).unwrap()[1];
        let two = 2.0 * 3e6_f64.sqrt();
        assert!((low - (3e6 - two)).abs() < 3.0 && (high - (3e6 + two)).abs() < 3.0);
        assert!(prediction.interval(1.0).is_err() && prediction.cumulative(2, 0.0).is_none());
    }

    /// The mixture summed directly: P(N ≤ k) = Σ_{j ≤ k} ∫ Poisson(j | eᶠ) N(f) df on a fine grid.
    #[test]
    fn count_mixtures_match_direct_sums() {
        let (mean, variance): (f64, f64) = (1.2, 0.8);
        let mixture = Observable::Count { exposure: 2.0 };
        let mut cumulative = 0.0;
        let mut factorial = 1.0;
        for k in 0..40 {
            factorial *= f64::from(k.max(1));
            let h = 1e-3;
            for node in -9000..=9000 {
                let z = h * f64::from(node);
                let rate = 2.0 * (mean + variance.sqrt() * z).exp();
                cumulative += h * normal::density(z) * (-rate).exp() * rate.powi(k) / factorial;
            }
            let found = mixture.cumulative((mean, variance), f64::from(k));
            assert!(
                (found - cumulative).abs() < 1e-9,
                "{k}: {found} {cumulative}"
            );
        }
    }

    #[test]
    fn real_mixtures_have_the_right_limits() {
        // No doubt about f: the plain Student-t, whose 95 % quantile at ν = 4 is 2.131847.
        let noise = Observable::StudentT {
            degrees_of_freedom: 4.0,
            scale: 0.5,
        };
        let prediction = Prediction::new(&[1.0], &[0.0], vec![noise]);
        let (low, high) = prediction.interval(0.9).unwrap()[0];
        assert!((high - 1.0 - 0.5 * 2.131_846_786).abs() < 1e-6 && (low + high - 2.0).abs() < 1e-6);
        assert!((prediction.variance()[0] - 0.5).abs() < 1e-15);
        // Hardly any noise: the latent Gaussian.
        let sharp = Observable::StudentT {
            degrees_of_freedom: 50.0,
            scale: 1e-3,
        };
        let (low, high) = Prediction::new(&[1.0], &[4.0], vec![sharp])
            .interval(0.5)
            .unwrap()[0];
        assert!((high - low - 4.0 * 0.674_489_75).abs() < 2e-2);
        // Known noise variance: a Gaussian of the sum of variances.
        let scaled = Observable::Scaled {
            centre: 3.0,
            spread: 0.5,
        };
        let (low, high) = Prediction::new(&[0.5_f64.ln()], &[0.0], vec![scaled])
            .interval(0.9)
            .unwrap()[0];
        assert!((high - 3.0 - 1.644_853_627).abs() < 1e-6 && (low + high - 6.0).abs() < 1e-6);
    }
}
