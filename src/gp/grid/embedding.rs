//! Stationary fields by circulant embedding.

use super::fourier::{RealFourier, fast_length};
use super::lattice::Grid;
use super::sample::normals;
use super::toeplitz::covariances_on_torus;
use crate::error::Result;
use crate::gp::kernel::Kernel;
use crate::random::Stream;

/// Below this share of negative eigenvalues there is nothing but rounding.
const ROUNDING: f64 = 1e-12;
/// The largest torus tried, in pixels.
const LARGEST: usize = 1 << 23;

/// How well a circulant embedding reproduces the covariance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Embedding {
    /// Rows and columns of the torus that the grid was cut from.
    pub torus: [usize; 2],
    /// Σ|λ| over the negative eigenvalues, which were set to zero, over Σ|λ| over all. No covariance is off by more
    /// than about twice this share of the variance; at most 10⁻¹² if the embedding is exact.
    pub negative_share: f64,
}

/// C^½ for a circulant C that holds the covariance of the grid in its corner.
///
/// f = F⁻¹ √Λ F z with z white noise on the torus is a field with covariance C = F⁻¹ Λ F (Dietrich & Newsam 1997,
/// SIAM J. Sci. Comput. 18, 1088). The torus is doubled while eigenvalues are negative; those left are set to zero
/// and the others scaled to keep the variance (Wood & Chan 1994, J. Comput. Graph. Stat. 3, 409).
pub(super) struct Embedded {
    fourier: RealFourier,
    root: Vec<f64>,
    shape: [usize; 2],
    pub report: Embedding,
}

impl Embedded {
    pub fn new(grid: &Grid, kernel: &dyn Kernel) -> Result<Self> {
        let shape = [grid.rows(), grid.columns()];
        let mut best: Option<Self> = None;
        for factor in [1, 2, 4, 8] {
            let torus = shape.map(|n| {
                if n == 1 {
                    1
                } else {
                    fast_length(factor * (2 * n - 1))
                }
            });
            if factor > 1 && torus[0].saturating_mul(torus[1]) > LARGEST {
                break;
            }
            let tried = Self::on_torus(grid, kernel, shape, torus)?;
            let done = tried.report.negative_share <= ROUNDING;
            let better = |b: &Self| tried.report.negative_share < b.report.negative_share;
            if best.as_ref().is_none_or(better) {
                best = Some(tried);
            }
            if done {
                break;
            }
        }
        Ok(best.expect("the first torus is always tried"))
    }

    fn on_torus(
        grid: &Grid,
        kernel: &dyn Kernel,
        shape: [usize; 2],
        torus: [usize; 2],
    ) -> Result<Self> {
        let values = covariances_on_torus(grid, kernel, torus)?;
        let fourier = RealFourier::new(torus);
        let spectrum = fourier.spectrum(&values, torus);
        let (mut positive, mut negative) = (0.0, 0.0);
        for (c, column) in spectrum.chunks_exact(torus[0]).enumerate() {
            let multiplicity = fourier.multiplicity(c);
            for z in column {
                positive += multiplicity * z.re.max(0.0);
                negative -= multiplicity * z.re.min(0.0);
            }
        }
        let pixels = (torus[0] * torus[1]) as f64;
        let keep_variance = values[0] * pixels / positive;
        let root = spectrum
            .iter()
            .map(|z| (keep_variance * z.re.max(0.0)).sqrt() / pixels)
            .collect();
        Ok(Self {
            fourier,
            root,
            shape,
            report: Embedding {
                torus,
                negative_share: negative / (positive + negative),
            },
        })
    }

    /// One field on the grid.
    pub fn draw(&self, stream: &mut Stream) -> Vec<f64> {
        let torus = self.fourier.torus;
        let mut field = normals(stream, torus[0] * torus[1]);
        self.fourier
            .filter(&mut field, torus, &self.root, &mut Vec::new());
        let rows = field.chunks_exact(torus[1]).take(self.shape[0]);
        rows.flat_map(|row| row[..self.shape[1]].iter().copied())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gp::{Matern12, Rbf};

    #[test]
    fn negative_eigenvalues_are_padded_away_or_reported() {
        let grid = Grid::new(12, 12, [1.0, 1.0]).unwrap();
        let short = Embedded::new(&grid, &Matern12::isotropic(2.0)).unwrap();
        assert!(short.report.negative_share <= ROUNDING);
        assert_eq!(short.report.torus, [24, 24]);
        // So long that no torus tried lets the covariance fade.
        let long = Embedded::new(&grid, &Rbf::isotropic(60.0)).unwrap();
        assert!(long.report.negative_share > ROUNDING && long.report.negative_share < 0.1);
        // A little longer than the grid: the first torus is too small, a larger one is not.
        let padded = Embedded::new(&grid, &Rbf::isotropic(6.0)).unwrap();
        assert!(padded.report.torus[0] > 24 && padded.report.negative_share <= ROUNDING);
    }
}
