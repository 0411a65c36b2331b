//! The pixels of k-space that a detector collects.

use super::grid::WaveGrid;
use crate::stem::{AnnularDetector, Beam};
use crate::vector::vectorised;
use crate::{Error, Result};
use rustfft::num_complex::Complex32;
use std::ops::Range;

/// Runs of neighbouring frequencies of y, for each band column: any shape of detector, summed without tests.
pub(in crate::stem) struct Mask {
    /// Runs of all band columns, one after the other.
    runs: Vec<Range<usize>>,
    /// Where the runs of each band column begin; one more at the end.
    starts: Vec<usize>,
}

impl Mask {
    /// The frequencies for which `collects(ky, kx)` (1/Å), within the circle that the wave keeps.
    pub(super) fn new(grid: &WaveGrid, collects: impl Fn(f64, f64) -> bool) -> Self {
        let (mut runs, mut starts) = (Vec::<Range<usize>>::new(), vec![0]);
        for band_column in 0..grid.band_columns() {
            let (reach, kx) = (grid.reach(band_column), grid.kx(grid.column(band_column)));
            let first = runs.len();
            for row in (0..=reach).chain(grid.rows() - reach..grid.rows()) {
                if !collects(grid.ky(row), kx) {
                    continue;
                }
                match runs[first..].last_mut() {
                    Some(run) if run.end == row => run.end += 1,
                    _ => runs.push(row..row + 1),
                }
            }
            starts.push(runs.len());
        }
        Self { runs, starts }
    }

    /// The annulus inner ≤ λ|k| < outer.
    ///
    /// # Errors
    /// [`Error::Argument`] for an outer angle beyond the angles that the wave keeps, and an annulus so thin that it
    /// collects no frequency of the grid.
    pub(in crate::stem) fn annulus(
        grid: &WaveGrid,
        beam: Beam,
        detector: AnnularDetector,
    ) -> Result<Self> {
        let mrad = 1e3 * beam.wavelength();
        let (inner, outer) = (detector.inner_mrad(), detector.outer_mrad());
        let found = || format!("an annulus of {inner} to {outer} mrad");
        if outer > grid.band() * mrad * (1.0 + 1e-9) {
            return Err(Error::argument(
                "detectors",
                found(),
                format!(
                    "at most {:.2} mrad, the largest angle that the wave keeps; take smaller pixels for more",
                    grid.band() * mrad
                ),
            ));
        }
        let mask = Self::new(grid, |ky, kx| {
            let angle = mrad * (ky * ky + kx * kx).sqrt();
            inner <= angle && angle < outer
        });
        if mask.is_empty() {
            let rule = "an annulus that holds at least one frequency of the box; widen one of them";
            return Err(Error::argument("detectors", found(), rule));
        }
        Ok(mask)
    }

    /// Whether it collects anything of a band column.
    pub(super) fn meets(&self, band_column: usize) -> bool {
        self.starts[band_column] < self.starts[band_column + 1]
    }

    /// The number of frequencies that it collects.
    pub(in crate::stem) fn count(&self) -> usize {
        self.runs.iter().map(Range::len).sum()
    }

    /// What it collects of one band column.
    pub(in crate::stem) fn collected(
        &self,
        band_column: usize,
        line: &[Complex32],
    ) -> impl Iterator<Item = Complex32> {
        let runs = &self.runs[self.starts[band_column]..self.starts[band_column + 1]];
        runs.iter()
            .flat_map(|run| line[run.clone()].iter().copied())
    }

    /// Σ|ψ|² over what it collects of one band column.
    pub(super) fn collect(&self, band_column: usize, line: &[Complex32]) -> f64 {
        let runs = &self.runs[self.starts[band_column]..self.starts[band_column + 1]];
        runs.iter().map(|run| intensity(&line[run.clone()])).sum()
    }

    /// Σw|ψ|² over what it collects of one band column, w for each row.
    pub(super) fn weigh(&self, band_column: usize, line: &[Complex32], weights: &[f32]) -> f64 {
        let runs = &self.runs[self.starts[band_column]..self.starts[band_column + 1]];
        runs.iter()
            .map(|run| weighted(&line[run.clone()], &weights[run.clone()]))
            .sum()
    }

    /// Whether it collects nothing at all.
    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

/// Σw|ψ|², in eight interleaved sums of single precision.
fn weighted(values: &[Complex32], weights: &[f32]) -> f64 {
    vectorised(
        #[inline(always)]
        || {
            let mut lanes = [0.0_f32; 8];
            let (chunks, factors) = (values.chunks_exact(8), weights.chunks_exact(8));
            let rest = chunks.remainder().iter().zip(factors.remainder());
            let rest: f32 = rest.map(|(value, weight)| weight * value.norm_sqr()).sum();
            for (chunk, factors) in chunks.zip(factors) {
                for ((lane, value), weight) in lanes.iter_mut().zip(chunk).zip(factors) {
                    *lane += weight * value.norm_sqr();
                }
            }
            lanes.iter().map(|lane| f64::from(*lane)).sum::<f64>() + f64::from(rest)
        },
    )
}

/// Σ|ψ|², in eight interleaved sums of single precision.
fn intensity(values: &[Complex32]) -> f64 {
    vectorised(
        #[inline(always)]
        || {
            let mut lanes = [0.0_f32; 8];
            let chunks = values.chunks_exact(8);
            let rest: f32 = chunks.remainder().iter().map(Complex32::norm_sqr).sum();
            for chunk in chunks {
                for (lane, value) in lanes.iter_mut().zip(chunk) {
                    *lane += value.norm_sqr();
                }
            }
            lanes.iter().map(|lane| f64::from(*lane)).sum::<f64>() + f64::from(rest)
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stem::multislice::grid::Sampling;
    use nalgebra::Vector3;

    #[test]
    fn adjacent_annuli_share_the_circle_without_gap_or_overlap() {
        let extent = Vector3::new(9.0, 8.0, 1.0);
        let sampling = Sampling::Pixels {
            rows: 90,
            columns: 96,
        };
        let grid = WaveGrid::new(extent, sampling).unwrap();
        let beam = Beam::new(80.0).unwrap();
        let detectors = [(0.0, 20.0), (20.0, 60.0), (60.0, 140.0)];
        let masks = detectors.map(|(inner, outer)| {
            Mask::annulus(&grid, beam, AnnularDetector::new(inner, outer).unwrap()).unwrap()
        });
        let line = vec![Complex32::new(0.6, -0.8); grid.rows()];
        for (inner, outer, mask) in [(0.0, 20.0, &masks[0]), (60.0, 140.0, &masks[2])] {
            let collected: f64 = (0..grid.band_columns())
                .map(|j| mask.collect(j, &line))
                .sum();
            let mut expected = 0;
            for column in 0..grid.columns() {
                for row in 0..grid.rows() {
                    let angle = 1e3 * beam.wavelength() * grid.ky(row).hypot(grid.kx(column));
                    expected += usize::from((inner..outer).contains(&angle));
                }
            }
            assert!((collected - f64::from(expected as u32)).abs() < 1e-3);
        }
        for row in 0..grid.rows() {
            let single: Vec<_> = (0..grid.rows())
                .map(|r| Complex32::from(f32::from(r == row)))
                .collect();
            let inside = row.min(grid.rows() - row) as f64 / 8.0 * beam.wavelength() * 1e3 < 140.0;
            let hits: f64 = masks.iter().map(|mask| mask.collect(0, &single)).sum();
            assert_eq!(hits, f64::from(inside), "row {row}");
        }
    }

    #[test]
    fn what_the_grid_cannot_show_is_refused() {
        let sampling = Sampling::Pixels {
            rows: 64,
            columns: 64,
        };
        let grid = WaveGrid::new(Vector3::new(6.4, 6.4, 1.0), sampling).unwrap();
        let beam = Beam::new(80.0).unwrap();
        for (inner, outer, named) in [(60.0, 180.0, "at most 139"), (1.0, 2.0, "at least one")] {
            let detector = AnnularDetector::new(inner, outer).unwrap();
            let message = Mask::annulus(&grid, beam, detector)
                .err()
                .unwrap()
                .to_string();
            assert!(message.contains(named), "{message}");
        }
    }
}
