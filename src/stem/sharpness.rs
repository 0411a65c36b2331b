//! How sharp an image is, judged from its counts alone.

use crate::error::{Error, Result};

/// Fewest electrons from which the noise of a sharpness can be estimated.
const FEWEST_ELECTRONS: f64 = 4.0;

/// Sharpness of an image by the electrons counted in it, with the noise of that number.
///
/// The sharpness is the normalised variance S = ⟨λ²⟩/⟨λ⟩² − 1 of the *expected* counts λ over the N pixels. That of the
/// counts n themselves would grow as the dose falls, because shot noise is variance too. With M = Σ n and
/// A₂ = Σ n(n − 1), which counts the ordered pairs of electrons that share a pixel,
///
/// Ŝ = N A₂ / (M(M − 1)) − 1
///
/// has the mean S exactly, at any dose: given M, the electrons fall on the pixels independently with probabilities
/// p = λ/Σλ, a pair shares a pixel with probability Σ p², and S = N Σ p² − 1. Ŝ + 1 is the index of dispersion of
/// Morisita, *Mem. Fac. Sci. Kyushu Univ. E* 2, 215 (1959).
///
/// Its variance is that of Simpson, *Nature* 163, 688 (1949), doi 10.1038/163688a0, times N²:
///
/// Var Ŝ = N² [4(M − 2)(Σp³ − (Σp²)²) + 2 Σp² (1 − Σp²)] / (M(M − 1)).
///
/// Σp³ and (Σp²)² are replaced by their unbiased estimates, the shares of triples in one pixel and of disjoint pairs of
/// pairs that each share a pixel. A smooth image has the least noise, 2(N − 1)/(M(M − 1)) as long as Σp² ≤ ½; an
/// estimate below that, as few electrons give by chance, is raised to it.
///
/// ```
/// use dosewise::stem::Sharpness;
/// let sharpness = Sharpness::of_counts([3, 0, 3, 0])?;
/// assert!((sharpness.value - (4.0 * 12.0 / 30.0 - 1.0)).abs() < 1e-12);
/// assert!(sharpness.variance >= 2.0 * 3.0 / 30.0);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sharpness {
    /// The estimate of the normalised variance; below zero by chance where there is little contrast.
    pub value: f64,
    /// Estimated **variance** of that estimate from shot noise.
    pub variance: f64,
}

impl Sharpness {
    /// From the counts of all pixels, in any order.
    ///
    /// # Errors
    /// [`Error::Argument`] for fewer than 2 pixels or fewer than 4 electrons.
    pub fn of_counts(counts: impl IntoIterator<Item = u64>) -> Result<Self> {
        let (mut pixels, mut electrons, mut pairs, mut triples) = (0.0, 0.0, 0.0, 0.0);
        for count in counts {
            let n = count as f64;
            pixels += 1.0;
            electrons += n;
            pairs += n * (n - 1.0);
            triples += n * (n - 1.0) * (n - 2.0);
        }
        check_pixels("counts", pixels)?;
        if electrons < FEWEST_ELECTRONS {
            return Err(Error::argument(
                "counts",
                format!("{electrons} electrons in all"),
                format!("at least {FEWEST_ELECTRONS}"),
            ));
        }
        let m = electrons;
        let of_pairs = m * (m - 1.0);
        let square = pairs / of_pairs;
        let cube = triples / (of_pairs * (m - 2.0));
        // Pairs of pairs less those that have one electron or both in common.
        let disjoint = pairs * pairs - 4.0 * triples - 2.0 * pairs;
        let square_squared = disjoint / (of_pairs * (m - 2.0) * (m - 3.0));
        let spread = 4.0 * (m - 2.0) * (cube - square_squared) + 2.0 * (square - square_squared);
        let least = 2.0 * (pixels - 1.0) / of_pairs;
        Ok(Self {
            value: pixels * square - 1.0,
            variance: (pixels * pixels * spread / of_pairs).max(least),
        })
    }
}

/// The normalised variance ⟨λ²⟩/⟨λ⟩² − 1 of an image without noise: what [`Sharpness`] estimates.
///
/// # Errors
/// [`Error::Argument`] for fewer than 2 pixels, a value that is negative or not finite, or an image that is zero.
pub fn normalised_variance<'v>(image: impl IntoIterator<Item = &'v f64>) -> Result<f64> {
    let (mut pixels, mut sum, mut square) = (0.0, 0.0, 0.0);
    for &value in image {
        if !(0.0..=1e150).contains(&value) {
            let allowed = "finite values, not negative";
            return Err(Error::argument("image", value, allowed));
        }
        pixels += 1.0;
        sum += value;
        square += value * value;
    }
    check_pixels("image", pixels)?;
    let variance = pixels * square / (sum * sum) - 1.0;
    if variance.is_finite() {
        Ok(variance.max(0.0))
    } else {
        Err(Error::argument("image", "nothing but zero", "some signal"))
    }
}

fn check_pixels(name: &str, pixels: f64) -> Result<()> {
    if pixels < 2.0 {
        return Err(Error::argument(
            name,
            format!("{pixels} pixels"),
            "at least 2",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stem::Arrivals;
    use crate::units::Seed;
    use proptest::prelude::*;

    /// Rates with a mean of `mean` and a contrast of sin² stripes between `dark` and 1.
    fn stripes(mean: f64, dark: f64) -> Vec<f64> {
        let stripe = |i: i32| dark + (1.0 - dark) * (f64::from(i) * 0.37).sin().powi(2);
        let total: f64 = (0..400).map(stripe).sum();
        (0..400).map(|i| mean * 400.0 * stripe(i) / total).collect()
    }

    fn counted(rates: &[f64], seed: u64) -> Sharpness {
        let arrivals = |i: usize| Arrivals::new(Seed(seed), i as u64).between(0.0, rates[i]);
        Sharpness::of_counts((0..rates.len()).map(arrivals)).unwrap()
    }

    #[test]
    fn mean_and_variance_over_many_frames_are_as_told() {
        // From one electron in two pixels to eight a pixel, from stripes to a nearly even image.
        for (mean, dark) in [(0.5, 0.0), (2.0, 0.0), (8.0, 0.1), (1.0, 0.9)] {
            let rates = stripes(mean, dark);
            let truth = normalised_variance(&rates).unwrap();
            let frames: Vec<Sharpness> = (0..3000).map(|seed| counted(&rates, seed)).collect();
            let count = frames.len() as f64;
            let average = frames.iter().map(|s| s.value).sum::<f64>() / count;
            let deviations = frames.iter().map(|s| (s.value - truth).powi(2));
            let spread = deviations.sum::<f64>() / count;
            let told = frames.iter().map(|s| s.variance).sum::<f64>() / count;
            let error = (spread / count).sqrt();
            assert!((average - truth).abs() < 4.0 * error, "{average}, {truth}");
            // The standard error of a variance from 3000 frames is 2.6 %.
            assert!((told / spread - 1.0).abs() < 0.12, "{told} for {spread}");
            let within = frames
                .iter()
                .filter(|s| (s.value - truth).abs() < 1.96 * s.variance.sqrt())
                .count() as f64;
            assert!((within / count - 0.95).abs() < 0.025, "{within}");
        }
    }

    #[test]
    fn the_variance_of_an_even_image_is_the_least() {
        // Every pixel with one electron: no pair shares a pixel, and the estimate of the spread alone is negative.
        let even = Sharpness::of_counts([1; 50]).unwrap();
        assert_eq!(even.value, -1.0);
        assert!((even.variance - 2.0 * 49.0 / (50.0 * 49.0)).abs() < 1e-12);
    }

    #[test]
    fn what_cannot_be_judged_is_refused() {
        assert!(Sharpness::of_counts([]).is_err());
        assert!(Sharpness::of_counts([9]).is_err());
        assert!(Sharpness::of_counts([1, 2, 0]).is_err());
        for image in [
            vec![],
            vec![1.0],
            vec![0.0; 4],
            vec![1.0, f64::NAN],
            vec![1.0, -1.0],
        ] {
            assert!(normalised_variance(&image).is_err(), "{image:?}");
        }
    }

    proptest! {
        #[test]
        fn neither_order_nor_scale_matters(mut image in prop::collection::vec(0.01..10.0_f64, 2..40), scale in 0.1..10.0_f64) {
            let found = normalised_variance(&image).unwrap();
            image.reverse();
            image.iter_mut().for_each(|value| *value *= scale);
            prop_assert!((normalised_variance(&image).unwrap() - found).abs() < 1e-9);
        }

        #[test]
        fn any_counts_give_a_usable_observation(counts in prop::collection::vec(0..1_000_000_000_u64, 2..40)) {
            if let Ok(sharpness) = Sharpness::of_counts(counts) {
                prop_assert!(sharpness.value.is_finite() && sharpness.variance > 0.0);
            }
        }
    }
}
