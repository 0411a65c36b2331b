//! Spatial coherence: the electrons come from a source that is not a point.

use crate::error::{Error, Result};
use crate::stem::fourier::{Fourier2, frequency};
use ndarray::Array2;
use rustfft::num_complex::Complex64;
use std::f64::consts::{LN_2, PI};

/// The effective source as it appears in the plane of the specimen, with the jitter of the scan and of the stage.
///
/// Its points do not interfere: an image is the one of a point source convolved with it. It is a normal law of standard
/// deviation σ, of which a share may be replaced by the wide tails of a two-dimensional Cauchy law,
/// p(r) = (w/2π)(r² + w²)^(−3/2), as measurements of sources ask for (J. Verbeeck, A. Béché and W. Van den Broek,
/// Ultramicroscopy 120 (2012) 35, doi 10.1016/j.ultramic.2012.05.007).
///
/// ```
/// use dosewise::stem::{Edges, Source};
/// let source = Source::gaussian_fwhm(0.8)?;
/// let mut image = ndarray::Array2::zeros((32, 32));
/// image[[16, 16]] = 1.0;
/// let blurred = source.blur(&image, 0.1, 0.1, Edges::Periodic)?; // pixels of 0.1 Å
/// assert!((blurred.sum() - 1.0).abs() < 1e-12);
/// assert!((blurred[[16, 20]] / blurred[[16, 16]] - 0.5).abs() < 1e-6); // half the height, 0.4 Å from the middle
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Source {
    sigma: f64,
    tail_share: f64,
    tail_width: f64,
}

/// What lies beyond the edges of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edges {
    /// The image again, as beyond a unit cell.
    Periodic,
    /// Its mirror image, for a scan that ends anywhere.
    Mirrored,
}

impl Source {
    /// A source without extent.
    pub const POINT: Self = Self {
        sigma: 0.0,
        tail_share: 0.0,
        tail_width: 0.0,
    };

    /// A Gaussian source of standard deviation `sigma` Å along each axis.
    ///
    /// # Errors
    /// [`Error::Argument`] when it is not within 0 to 1000 Å.
    pub fn gaussian_sigma(sigma: f64) -> Result<Self> {
        check("sigma", sigma, 1e3, " Å")?;
        Ok(Self {
            sigma,
            ..Self::POINT
        })
    }

    /// A Gaussian source of full width at half maximum `fwhm` Å, √(8 ln 2) σ.
    ///
    /// # Errors
    /// [`Error::Argument`] when it is not within 0 to 1000 Å.
    pub fn gaussian_fwhm(fwhm: f64) -> Result<Self> {
        check("fwhm", fwhm, 1e3, " Å")?;
        Self::gaussian_sigma(fwhm / (8.0 * LN_2).sqrt())
    }

    /// The same with the `share` (0 to 1) of its electrons in a two-dimensional Cauchy law of full width at half maximum
    /// `fwhm` Å, 2w√(2^⅔ − 1).
    ///
    /// # Errors
    /// [`Error::Argument`] when the share is not within 0 to 1 or the width not within 0 to 1000 Å.
    pub fn with_tail(self, share: f64, fwhm: f64) -> Result<Self> {
        check("share", share, 1.0, "")?;
        check("fwhm", fwhm, 1e3, " Å")?;
        Ok(Self {
            tail_share: share,
            tail_width: 0.5 * fwhm / (2f64.powf(2.0 / 3.0) - 1.0).sqrt(),
            ..self
        })
    }

    /// Standard deviation σ of the Gaussian part along each axis, Å.
    pub fn sigma(self) -> f64 {
        self.sigma
    }

    /// The Fourier transform of the source at the spatial frequency `q` in 1/Å, by which that of an image is multiplied:
    /// (1 − s) exp(−2π²σ²q²) + s exp(−2πwq), 1 at q = 0.
    pub fn transfer(self, q: f64) -> f64 {
        let gaussian = (-2.0 * (PI * self.sigma * q).powi(2)).exp();
        let tail = (-2.0 * PI * self.tail_width * q).exp();
        (1.0 - self.tail_share) * gaussian + self.tail_share * tail
    }

    /// An image `[row, column]` of pixels of `pixel_y` × `pixel_x` Å as this source shows it: convolved, its sum kept.
    ///
    /// # Errors
    /// [`Error::Argument`] for an image that is empty, larger than 2²⁴ pixels or with values beyond ±1e100, and for pixels outside 1e-6 to
    /// 1e6 Å.
    pub fn blur(
        self,
        image: &Array2<f64>,
        pixel_y: f64,
        pixel_x: f64,
        edges: Edges,
    ) -> Result<Array2<f64>> {
        let (rows, columns) = image.dim();
        if image.is_empty() || image.len() > 1 << 24 {
            let found = format!("{rows} × {columns} pixels");
            return Err(Error::argument("image", found, "1 to 2²⁴ pixels"));
        }
        if let Some(bad) = image
            .iter()
            .find(|value| value.is_nan() || value.abs() > 1e100)
        {
            return Err(Error::argument("image", bad, "values within ±1e100"));
        }
        for (name, pixel) in [("pixel_y", pixel_y), ("pixel_x", pixel_x)] {
            if !(1e-6..=1e6).contains(&pixel) {
                return Err(Error::argument(name, pixel, "1e-6 to 1e6 Å"));
            }
        }
        if self == Self::POINT {
            return Ok(image.clone());
        }
        let period = match edges {
            Edges::Periodic => (rows, columns),
            Edges::Mirrored => (2 * rows, 2 * columns),
        };
        let mut spectrum = Array2::from_shape_fn(period, |(row, column)| {
            let place = match edges {
                Edges::Periodic => [row, column],
                Edges::Mirrored => [
                    row.min(period.0 - 1 - row),
                    column.min(period.1 - 1 - column),
                ],
            };
            Complex64::new(image[place], 0.0)
        });
        let fourier = Fourier2::new(period.0, period.1);
        fourier.forward(&mut spectrum);
        for ((row, column), value) in spectrum.indexed_iter_mut() {
            let ky = frequency(row, period.0, pixel_y);
            let kx = frequency(column, period.1, pixel_x);
            *value *= self.transfer(ky.hypot(kx));
        }
        fourier.inverse(&mut spectrum);
        Ok(Array2::from_shape_fn((rows, columns), |place| {
            spectrum[place].re
        }))
    }
}

fn check(name: &str, value: f64, largest: f64, unit: &str) -> Result<()> {
    if (0.0..=largest).contains(&value) {
        return Ok(());
    }
    Err(Error::argument(
        name,
        value,
        format!("0 to {largest}{unit}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stem::quadrature::gauss_legendre_panels;

    /// A lone bright pixel of one electron in the middle of `size` × `size` pixels of `pixel` Å.
    fn blurred_point(source: Source, size: usize, pixel: f64) -> Array2<f64> {
        let mut image = Array2::zeros((size, size));
        image[[size / 2, size / 2]] = 1.0 / (pixel * pixel);
        source.blur(&image, pixel, pixel, Edges::Periodic).unwrap()
    }

    #[test]
    fn a_point_becomes_the_source() {
        let gaussian = Source::gaussian_sigma(0.4).unwrap();
        let found = blurred_point(gaussian, 64, 0.1);
        for column in 32..50 {
            let r = 0.1 * (column - 32) as f64;
            let exact = (-0.5 * (r / 0.4).powi(2)).exp() / (2.0 * PI * 0.16);
            assert!((found[[32, column]] - exact).abs() < 1e-12, "{r}");
        }
        // The tails of the Cauchy law reach into the next periods: a field of 102 Å hides most of that.
        let cauchy = Source::POINT.with_tail(1.0, 1.6).unwrap();
        let found = blurred_point(cauchy, 512, 0.2);
        let w = 0.8 / (2f64.powf(2.0 / 3.0) - 1.0).sqrt();
        for column in 256..270 {
            let r = 0.2 * (column - 256) as f64;
            let exact = w / (2.0 * PI) * (r * r + w * w).powf(-1.5);
            assert!((found[[256, column]] - exact).abs() < 5e-6, "{r}");
        }
        assert!((found[[256, 260]] / found[[256, 256]] - 0.5).abs() < 1e-4);
    }

    #[test]
    fn the_transfer_is_the_transform_of_the_density() {
        // Along a line through the middle, ∫∫ p(x, y) dy = w/π/(x² + w²) for the Cauchy law, whose transform follows.
        let source = Source::POINT.with_tail(1.0, 1.0).unwrap();
        let w = 0.5 / (2f64.powf(2.0 / 3.0) - 1.0).sqrt();
        for q in [0.25, 0.5, 1.0] {
            let line = |x: f64| 2.0 * w / PI / (x * x + w * w) * (2.0 * PI * q * x).cos();
            let sum = gauss_legendre_panels(0.0, 1000.0, 0.5, line); // whole periods: the rest is below 1e-9
            assert!((sum - source.transfer(q)).abs() < 1e-8, "{q}");
        }
    }

    #[test]
    fn the_sum_is_kept_and_mirrors_make_no_seam() {
        let source = Source::gaussian_fwhm(0.9)
            .unwrap()
            .with_tail(0.2, 2.0)
            .unwrap();
        let image = Array2::from_shape_fn((17, 24), |(row, column)| (3 * row + column) as f64);
        for edges in [Edges::Periodic, Edges::Mirrored] {
            let blurred = source.blur(&image, 0.3, 0.2, edges).unwrap();
            assert!((blurred.sum() / image.sum() - 1.0).abs() < 1e-13);
        }
        // Both corners of a ramp keep their places when the neighbours are mirror images, and meet when they are not.
        let rise = |edges| {
            let blurred = source.blur(&image, 0.3, 0.2, edges).unwrap();
            blurred[[16, 23]] - blurred[[0, 0]]
        };
        assert!(
            rise(Edges::Mirrored) > 0.7 * 71.0,
            "{}",
            rise(Edges::Mirrored)
        );
        assert!(
            rise(Edges::Periodic) < 0.4 * 71.0,
            "{}",
            rise(Edges::Periodic)
        );
        assert_eq!(
            Source::POINT
                .blur(&image, 0.1, 0.1, Edges::Mirrored)
                .unwrap(),
            image
        );
    }

    #[test]
    fn two_gaussians_in_a_row_are_one() {
        let image = Array2::from_shape_fn((20, 30), |(r, c)| ((7 * r + 3 * c * c) % 11) as f64);
        let blur = |sigma: f64, image: &Array2<f64>| {
            let source = Source::gaussian_sigma(sigma).unwrap();
            source.blur(image, 0.2, 0.15, Edges::Periodic).unwrap()
        };
        let difference = blur(0.3, &blur(0.4, &image)) - blur(0.5, &image);
        assert!(difference.iter().all(|d| d.abs() < 1e-12));
    }

    #[test]
    fn bad_numbers_are_refused_by_name() {
        for bad in [f64::NAN, -0.1, f64::INFINITY, 1e4] {
            assert!(Source::gaussian_sigma(bad).is_err());
            assert!(Source::gaussian_fwhm(bad).is_err());
            assert!(Source::POINT.with_tail(bad, 1.0).is_err());
            assert!(Source::POINT.with_tail(0.1, bad).is_err());
        }
        let source = Source::gaussian_sigma(1e3).unwrap();
        let image = Array2::ones((3, 3));
        let blur = |image: &Array2<f64>, y, x| source.blur(image, y, x, Edges::Mirrored);
        assert!(blur(&Array2::zeros((0, 3)), 0.1, 0.1).is_err());
        assert!(blur(&(&image * f64::NAN), 0.1, 0.1).is_err());
        assert!(
            blur(&image, 0.0, 0.1)
                .unwrap_err()
                .to_string()
                .starts_with("pixel_y")
        );
        assert!(
            blur(&image, 0.1, f64::NAN)
                .unwrap_err()
                .to_string()
                .starts_with("pixel_x")
        );
        assert!(
            blur(&image, 1e-6, 1e6)
                .unwrap()
                .iter()
                .all(|value| (value - 1.0).abs() < 1e-12)
        );
    }
}
