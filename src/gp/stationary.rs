//! Stationary kernels: functions of the distance between points measured in lengthscales.

use super::exponential::{exp_of_negative, replace_by_exp_of_negatives};
use super::kernel::{
    CHUNK, Kernel, Parameter, PerCoordinate, Role, accumulate_input_slopes,
    accumulate_lengthscales, check_log_parameters, dot, squared_distances,
};
use super::points::PointsView;
use crate::error::Result;
use crate::random::Stream;
use crate::vector::vectorised;
use serde::{Deserialize, Serialize};

/// Beyond this many lengthscales a covariance is zero to all purposes; keeps polynomials from overflowing.
const FAR: f64 = 700.0;

/// How the angular frequencies of a stationary kernel are distributed, in radians per lengthscale (Rasmussen & Williams
/// 2006, eqs. 4.11 and 4.15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spectrum {
    /// As independent standard normal numbers: the squared exponential.
    Normal,
    /// As a multivariate Student distribution: a Matérn kernel of smoothness ν has 2ν degrees of freedom.
    Student {
        /// Degrees of freedom, 1 or more.
        freedom: u32,
    },
}

/// The shape of a stationary kernel of unit variance, as a function of the squared scaled distance r².
pub trait Profile: std::fmt::Debug + Clone + Copy + Default + Send + Sync + 'static {
    /// k(r²), with k(0) = 1.
    fn value(squared_distance: f64) -> f64;
    /// The spectrum, if it is known; needed by [`ExactGp::path`](super::ExactGp::path).
    fn spectrum() -> Option<Spectrum> {
        None
    }
    /// k(r²) and dk/d(r²), which share their exponential; where the slope diverges at zero any large finite value
    /// will do, since it meets a factor of zero there.
    fn value_and_slope(squared_distance: f64) -> (f64, f64);

    /// Overwrites each squared distance by its [`Profile::value`]. For profiles that are faster at many at once, which
    /// must give the same bits.
    #[inline(always)]
    fn replace_by_values(squared_distances: &mut [f64]) {
        for r in squared_distances {
            *r = Self::value(*r);
        }
    }

    /// Overwrites each squared distance by the value, and each of `slopes` by the slope, of
    /// [`Profile::value_and_slope`].
    #[inline(always)]
    fn replace_by_values_and_slopes(squared_distances: &mut [f64], slopes: &mut [f64]) {
        for (r, slope) in squared_distances.iter_mut().zip(slopes) {
            (*r, *slope) = Self::value_and_slope(*r);
        }
    }
}

/// Profile of [`Rbf`].
#[derive(Debug, Clone, Copy, Default)]
pub struct RbfProfile;
/// Profile of [`Matern12`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Matern12Profile;
/// Profile of [`Matern32`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Matern32Profile;
/// Profile of [`Matern52`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Matern52Profile;

/// A profile that is a function of a and e⁻ᵃ, with a a function of r².
trait Decay {
    const SPECTRUM: Spectrum;
    /// a.
    fn exponent(squared_distance: f64) -> f64;
    /// k from a and e⁻ᵃ.
    fn value(exponent: f64, decay: f64) -> f64;
    /// dk/d(r²) from a and e⁻ᵃ.
    fn slope(exponent: f64, decay: f64) -> f64;
}

impl<D: Decay + std::fmt::Debug + Clone + Copy + Default + Send + Sync + 'static> Profile for D {
    #[inline(always)]
    fn value(squared_distance: f64) -> f64 {
        <Self as Profile>::value_and_slope(squared_distance).0
    }

    fn spectrum() -> Option<Spectrum> {
        Some(D::SPECTRUM)
    }

    #[inline(always)]
    fn value_and_slope(squared_distance: f64) -> (f64, f64) {
        let exponent = D::exponent(squared_distance);
        let decay = exp_of_negative(-exponent);
        (D::value(exponent, decay), D::slope(exponent, decay))
    }

    #[inline(always)]
    fn replace_by_values(squared_distances: &mut [f64]) {
        let mut exponents = [0.0; CHUNK];
        for chunk in squared_distances.chunks_mut(CHUNK) {
            let exponents = &mut exponents[..chunk.len()];
            replace_by_decays::<D>(chunk, exponents);
            for (number, exponent) in chunk.iter_mut().zip(exponents.iter()) {
                *number = D::value(*exponent, *number);
            }
        }
    }

    #[inline(always)]
    fn replace_by_values_and_slopes(squared_distances: &mut [f64], slopes: &mut [f64]) {
        let chunks = squared_distances.chunks_mut(CHUNK);
        for (chunk, slopes) in chunks.zip(slopes.chunks_mut(CHUNK)) {
            replace_by_decays::<D>(chunk, slopes);
            for (number, slope) in chunk.iter_mut().zip(slopes) {
                let (exponent, decay) = (*slope, *number);
                *number = D::value(exponent, decay);
                *slope = D::slope(exponent, decay);
            }
        }
    }
}

/// Overwrites squared distances by e⁻ᵃ, and `exponents` by a.
#[inline(always)]
fn replace_by_decays<D: Decay>(squared_distances: &mut [f64], exponents: &mut [f64]) {
    for (number, exponent) in squared_distances.iter_mut().zip(exponents) {
        *exponent = D::exponent(*number);
        *number = -*exponent;
    }
    replace_by_exp_of_negatives(squared_distances);
}

impl Decay for RbfProfile {
    const SPECTRUM: Spectrum = Spectrum::Normal;
    #[inline(always)]
    fn exponent(squared_distance: f64) -> f64 {
        0.5 * squared_distance
    }
    #[inline(always)]
    fn value(_: f64, decay: f64) -> f64 {
        decay
    }
    #[inline(always)]
    fn slope(_: f64, decay: f64) -> f64 {
        -0.5 * decay
    }
}

impl Decay for Matern12Profile {
    const SPECTRUM: Spectrum = Spectrum::Student { freedom: 1 };
    #[inline(always)]
    fn exponent(squared_distance: f64) -> f64 {
        squared_distance.sqrt()
    }
    #[inline(always)]
    fn value(_: f64, decay: f64) -> f64 {
        decay
    }
    #[inline(always)]
    fn slope(r: f64, decay: f64) -> f64 {
        -0.5 * decay / r.max(1e-150)
    }
}

impl Decay for Matern32Profile {
    const SPECTRUM: Spectrum = Spectrum::Student { freedom: 3 };
    #[inline(always)]
    fn exponent(squared_distance: f64) -> f64 {
        (3.0 * squared_distance).sqrt().min(FAR)
    }
    #[inline(always)]
    fn value(s: f64, decay: f64) -> f64 {
        (1.0 + s) * decay
    }
    #[inline(always)]
    fn slope(_: f64, decay: f64) -> f64 {
        -1.5 * decay
    }
}

impl Decay for Matern52Profile {
    const SPECTRUM: Spectrum = Spectrum::Student { freedom: 5 };
    #[inline(always)]
    fn exponent(squared_distance: f64) -> f64 {
        (5.0 * squared_distance).sqrt().min(FAR)
    }
    #[inline(always)]
    fn value(s: f64, decay: f64) -> f64 {
        (1.0 + s + s * s * (1.0 / 3.0)) * decay
    }
    #[inline(always)]
    fn slope(s: f64, decay: f64) -> f64 {
        -(5.0 / 6.0) * (1.0 + s) * decay
    }
}

/// Squared exponential: k = exp(−r²/2), with r² = Σ_d ((x_d − x′_d)/ℓ_d)².
///
/// Rasmussen & Williams, *Gaussian Processes for Machine Learning* (2006), eq. 4.9.
///
/// ```
/// use dosewise::gp::{Kernel, Rbf};
/// let kernel = Rbf::isotropic(2.0);
/// assert!((kernel.covariance(&[0.0], &[2.0]) - (-0.5_f64).exp()).abs() < 1e-15);
/// ```
pub type Rbf = Stationary<RbfProfile>;

/// Matérn ν = 1/2 (exponential): k = exp(−r), with r² = Σ_d ((x_d − x′_d)/ℓ_d)².
///
/// Rasmussen & Williams (2006), eq. 4.14 at p = 0.
pub type Matern12 = Stationary<Matern12Profile>;

/// Matérn ν = 3/2: k = (1 + √3 r) exp(−√3 r), with r² = Σ_d ((x_d − x′_d)/ℓ_d)².
///
/// Rasmussen & Williams (2006), eq. 4.17.
pub type Matern32 = Stationary<Matern32Profile>;

/// Matérn ν = 5/2: k = (1 + √5 r + 5r²/3) exp(−√5 r), with r² = Σ_d ((x_d − x′_d)/ℓ_d)².
///
/// Rasmussen & Williams (2006), eq. 4.17.
///
/// ```
/// use dosewise::gp::{Kernel, Matern52};
/// let kernel = Matern52::ard([0.2, 0.3]).scaled(4.0);
/// assert_eq!(kernel.variance(&[0.5, 0.5]), 4.0);
/// // One lengthscale away along either coordinate is equally far.
/// let along_first = kernel.covariance(&[0.0, 0.0], &[0.2, 0.0]);
/// let along_second = kernel.covariance(&[0.0, 0.0], &[0.0, 0.3]);
/// assert!((along_first - along_second).abs() < 1e-14);
/// ```
pub type Matern52 = Stationary<Matern52Profile>;

/// A stationary kernel of unit variance on the Euclidean distance in lengthscales.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(bound = "", deny_unknown_fields)]
pub struct Stationary<P: Profile> {
    lengthscale: PerCoordinate,
    #[serde(skip)]
    profile: std::marker::PhantomData<P>,
}

impl<P: Profile> Stationary<P> {
    /// One lengthscale for every coordinate, whatever their number; in units of the inputs.
    pub fn isotropic(lengthscale: f64) -> Self {
        Self {
            lengthscale: PerCoordinate::Shared(lengthscale),
            profile: std::marker::PhantomData,
        }
    }

    /// One lengthscale for each coordinate ("automatic relevance determination"); in units of the inputs.
    pub fn ard(lengthscales: impl Into<Vec<f64>>) -> Self {
        Self {
            lengthscale: PerCoordinate::Each(lengthscales.into()),
            profile: std::marker::PhantomData,
        }
    }

    /// The lengthscales: one, or one for each coordinate.
    pub fn lengthscales(&self) -> &[f64] {
        self.lengthscale.values()
    }
}

impl<P: Profile> Kernel for Stationary<P> {
    fn check(&self, dimension: usize) -> Result<()> {
        self.lengthscale.check("lengthscale", dimension)
    }

    fn covariances(&self, point: &[f64], others: PointsView<'_>, out: &mut [f64]) {
        vectorised(
            #[inline(always)]
            || {
                squared_distances(&self.lengthscale, point, others, out);
                P::replace_by_values(out);
            },
        );
    }

    fn variance(&self, _point: &[f64]) -> f64 {
        1.0
    }

    fn parameters(&self) -> Vec<Parameter> {
        self.lengthscale
            .parameters("lengthscale", Role::Lengthscale)
    }

    fn parameter_count(&self) -> usize {
        self.lengthscale.count()
    }

    fn set_log_parameters(&mut self, values: &[f64]) -> Result<()> {
        check_log_parameters(values, self.lengthscale.count())?;
        self.lengthscale.set_logs(values);
        Ok(())
    }

    fn accumulate_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) -> f64 {
        vectorised(
            #[inline(always)]
            || self.weighted_gradient(point, others, weights, gradient),
        )
    }

    fn accumulate_input_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) {
        let slope = |squared_distance| P::value_and_slope(squared_distance).1;
        let lengthscale = &self.lengthscale;
        accumulate_input_slopes(lengthscale, point, others, weights, slope, gradient);
    }

    fn accumulate_variance_gradient(&self, _point: &[f64], _weight: f64, _gradient: &mut [f64]) {}

    fn draw_frequency(&self, stream: &mut Stream, frequency: &mut [f64]) -> bool {
        let spread = match P::spectrum() {
            None => return false,
            Some(Spectrum::Normal) => 1.0,
            Some(Spectrum::Student { freedom }) => {
                let squares: f64 = (0..freedom).map(|_| stream.normal().powi(2)).sum();
                (f64::from(freedom) / squares).sqrt()
            }
        };
        for (k, slot) in frequency.iter_mut().enumerate() {
            *slot += spread * stream.normal() / self.lengthscale.get(k);
        }
        true
    }

    fn clone_box(&self) -> Box<dyn Kernel> {
        Box::new(self.clone())
    }
}

impl<P: Profile> Stationary<P> {
    /// [`Kernel::accumulate_gradient`]: dk/dlog ℓ_d = dk/d(r²) · (−2) (x_d − x′_d)²/ℓ_d².
    #[inline(always)]
    fn weighted_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) -> f64 {
        let length = others.len().min(weights.len());
        let mut sum = 0.0;
        for start in (0..length).step_by(CHUNK) {
            let end = (start + CHUNK).min(length);
            let others = others.range(start, end);
            let weights = &weights[start..end];
            let mut scratch = [[0.0; CHUNK]; 3];
            let [distances, values, factors] =
                scratch.each_mut().map(|row| &mut row[..end - start]);
            squared_distances(&self.lengthscale, point, others, distances);
            values.copy_from_slice(distances);
            P::replace_by_values_and_slopes(values, factors);
            for (factor, w) in factors.iter_mut().zip(weights) {
                *factor *= -2.0 * w;
            }
            sum += dot(weights, values);
            accumulate_lengthscales(
                &self.lengthscale,
                point,
                others,
                factors,
                distances,
                gradient,
            );
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gp::points::Points;
    use ndarray::Array2;

    fn scattered(n: usize, d: usize) -> Points {
        let rows = Array2::from_shape_fn((n, d), |(i, k)| ((i * 7 + k * 13) as f64 * 0.61).sin());
        Points::from_rows("x", rows.view()).unwrap()
    }

    #[test]
    fn profiles_match_their_formulas() {
        for r in [0.0_f64, 1e-9, 0.3, 1.0, 4.0] {
            let (three, five) = (3.0_f64.sqrt() * r, 5.0_f64.sqrt() * r);
            let expected = [
                (-0.5 * r * r).exp(),
                (-r).exp(),
                (1.0 + three) * (-three).exp(),
                (1.0 + five + 5.0 * r * r / 3.0) * (-five).exp(),
            ];
            let kernels: [Box<dyn Kernel>; 4] = [
                Box::new(Rbf::isotropic(1.0)),
                Box::new(Matern12::isotropic(1.0)),
                Box::new(Matern32::isotropic(1.0)),
                Box::new(Matern52::isotropic(1.0)),
            ];
            for (kernel, truth) in kernels.iter().zip(expected) {
                assert!((kernel.covariance(&[r], &[0.0]) - truth).abs() < 1e-15);
            }
        }
        // Far apart, even at the largest accepted coordinates: finite and negligible.
        let far = Matern52::isotropic(1e-150).covariance(&[1e150], &[-1e150]);
        assert!((0.0..1e-290).contains(&far));
    }

    #[test]
    fn gradients_match_finite_differences() {
        let points = scattered(301, 2);
        let weights: Vec<f64> = (0..301).map(|j| (j as f64).cos()).collect();
        let kernels: [Box<dyn Kernel>; 5] = [
            Box::new(Rbf::ard([0.4, 0.9]).scaled(2.5)),
            Box::new(Matern12::ard([0.4, 0.9]).scaled(0.5)),
            Box::new(Matern32::isotropic(0.7).scaled(1.5)),
            Box::new(Matern52::ard([0.4, 0.9])),
            Box::new(Matern52::isotropic(0.7).scaled(2.0).scaled(0.3)),
        ];
        for kernel in kernels {
            let point = points.view().point(5);
            let weighted = |theta: &[f64]| {
                let mut moved = kernel.clone();
                moved.set_log_parameters(theta).unwrap();
                let mut row = vec![0.0; 301];
                moved.covariances(&point, points.view(), &mut row);
                dot(&row, &weights)
            };
            let theta = kernel.log_parameters();
            let mut gradient = vec![0.0; theta.len()];
            let sum = kernel.accumulate_gradient(&point, points.view(), &weights, &mut gradient);
            assert!((sum - weighted(&theta)).abs() < 1e-11);
            for p in 0..theta.len() {
                let (mut up, mut down) = (theta.clone(), theta.clone());
                up[p] += 1e-5;
                down[p] -= 1e-5;
                let slope = (weighted(&up) - weighted(&down)) / 2e-5;
                assert!((slope - gradient[p]).abs() < 1e-7, "{kernel:?} {p}");
            }
        }
    }

    #[test]
    fn unusable_parameters_are_refused() {
        assert!(Rbf::isotropic(0.0).check(2).is_err());
        assert!(Rbf::isotropic(f64::NAN).check(2).is_err());
        assert!(Rbf::ard([1.0, 2.0]).check(3).is_err());
        assert!(Rbf::isotropic(1.0).scaled(-1.0).check(1).is_err());
        let mut kernel = Matern32::ard([1.0, 2.0]).scaled(1.0);
        assert!(kernel.set_log_parameters(&[0.0, 0.0]).is_err());
        assert!(kernel.set_log_parameters(&[0.0, f64::NAN, 0.0]).is_err());
        assert_eq!(kernel.parameters()[1].value, 2.0);
        assert_eq!(kernel.parameters()[2].name, "outputscale");
    }
}
