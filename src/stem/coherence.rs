//! Partial coherence: what a probe becomes when neither the focus nor the source is sharp.

use crate::error::Result;
use crate::stem::focal_spread::{FocalSpread, Focus};
use crate::stem::probe::{Grid, Probe};
use crate::stem::source::{Edges, Source};
use ndarray::Array2;

/// How coherent an illumination is, in time (focus) and in space (source).
///
/// A simulation forms one image for each of [`Coherence::foci`], with [`Probe::defocused`], adds them by weight, and blurs
/// the sum with [`Source::blur`]: I = S ⊗ Σ_f w_f |ψ_f|² for a probe itself, and the same for whatever a detector counts.
///
/// ```
/// use dosewise::stem::{Aberrations, Beam, Coherence, FocalSpread, Grid, Probe, Source};
/// let probe = Probe::new(Beam::new(80.0)?, 30.0, Aberrations::default())?;
/// let coherence = Coherence {
///     focal_spread: FocalSpread::new(40.0)?,
///     source: Source::gaussian_fwhm(0.5)?,
/// };
/// assert_eq!(coherence.foci(&probe, 1e-3)?.len(), 9);
/// let grid = Grid::square(128, 0.1);
/// let (sharp, real) = (probe.intensity(grid)?, coherence.intensity(&probe, grid, 1e-3)?);
/// assert!(real[[64, 64]] < 0.6 * sharp[[64, 64]]);
/// assert!((real.sum() / sharp.sum() - 1.0).abs() < 1e-12);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Coherence {
    /// Temporal: the foci of the electrons.
    pub focal_spread: FocalSpread,
    /// Spatial: where the electrons come from.
    pub source: Source,
}

impl Coherence {
    /// The fewest foci that average the intensity of `probe` to `tolerance` of its peak without aberrations, as
    /// [`FocalSpread::foci_needed`] counts them.
    ///
    /// # Errors
    /// As [`FocalSpread::foci_needed`].
    pub fn foci(&self, probe: &Probe, tolerance: f64) -> Result<Vec<Focus>> {
        let spread = self.focal_spread;
        spread.foci(spread.foci_needed(probe.beam(), probe.cutoff(), tolerance)?)
    }

    /// The intensity of the probe on a periodic `grid` in 1/Å², centred like [`Probe::wave`], with the foci of
    /// [`Coherence::foci`].
    ///
    /// # Errors
    /// As [`Coherence::foci`] and [`Probe::wave`].
    pub fn intensity(&self, probe: &Probe, grid: Grid, tolerance: f64) -> Result<Array2<f64>> {
        let grid = grid.check()?;
        let mut sum = Array2::zeros((grid.rows, grid.columns));
        for focus in self.foci(probe, tolerance)? {
            sum.scaled_add(
                focus.weight,
                &probe.defocused(focus.offset)?.intensity(grid)?,
            );
        }
        self.source
            .blur(&sum, grid.pixel_y, grid.pixel_x, Edges::Periodic)
    }
}
