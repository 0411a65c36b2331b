//! A detector on the frequencies of a wave.

use super::grid::WaveGrid;
use super::mask::Mask;
use crate::stem::{Beam, Detector, ScanAxis};
use crate::{Error, Result};
use rustfft::num_complex::Complex32;

/// What a [`Detector`] sums of each band column.
pub(super) struct Collector {
    mask: Mask,
    weights: Weights,
}

enum Weights {
    One,
    /// θ_y of each row, mrad.
    Row(Vec<f32>),
    /// θ_x of each band column, mrad.
    Column(Vec<f64>),
}

impl Collector {
    /// # Errors
    /// [`Error::Argument`] for an outer angle beyond the angles that the wave keeps, and a detector so small that it
    /// collects no frequency of the grid.
    pub(super) fn new(grid: &WaveGrid, beam: Beam, detector: &Detector) -> Result<Self> {
        let mut mask = Mask::annulus(grid, beam, detector.annulus())?;
        if let Detector::Segment(segment) = detector {
            mask = Mask::new(grid, |ky, kx| detector.collects(beam, ky, kx));
            if mask.is_empty() {
                let annulus = detector.annulus();
                let found = format!(
                    "segment {} of {} of {} to {} mrad",
                    segment.index(),
                    segment.count(),
                    annulus.inner_mrad(),
                    annulus.outer_mrad()
                );
                let rule = "a segment that holds at least one frequency of the box";
                return Err(Error::argument("detectors", found, rule));
            }
        }
        let mrad = 1e3 * beam.wavelength();
        let weights = match detector {
            Detector::Annulus(_) | Detector::Segment(_) => Weights::One,
            Detector::CentreOfMass {
                along: ScanAxis::Y, ..
            } => Weights::Row(
                (0..grid.rows())
                    .map(|row| (mrad * grid.ky(row)) as f32)
                    .collect(),
            ),
            Detector::CentreOfMass {
                along: ScanAxis::X, ..
            } => Weights::Column(
                (0..grid.band_columns())
                    .map(|j| mrad * grid.kx(grid.column(j)))
                    .collect(),
            ),
        };
        Ok(Self { mask, weights })
    }

    /// Whether it collects anything of a band column.
    pub(super) fn meets(&self, band_column: usize) -> bool {
        self.mask.meets(band_column)
    }

    /// Σw|ψ|² of one band column.
    pub(super) fn collect(&self, band_column: usize, line: &[Complex32]) -> f64 {
        match &self.weights {
            Weights::One => self.mask.collect(band_column, line),
            Weights::Row(weights) => self.mask.weigh(band_column, line, weights),
            Weights::Column(weights) => weights[band_column] * self.mask.collect(band_column, line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stem::AnnularDetector;
    use crate::stem::multislice::grid::Sampling;
    use nalgebra::Vector3;

    #[test]
    fn sums_are_those_of_the_weights() {
        let extent = Vector3::new(9.0, 8.0, 1.0);
        let (rows, columns) = (90, 96);
        let grid = WaveGrid::new(extent, Sampling::Pixels { rows, columns }).unwrap();
        let beam = Beam::new(80.0).unwrap();
        let ring = AnnularDetector::new(20.0, 100.0).unwrap();
        let mut detectors = ring.segments(3, 0.4).unwrap();
        detectors.push(ring.into());
        detectors.extend(Detector::centre_of_mass(60.0).unwrap());
        let value = |row: usize, j: usize| {
            let (a, b) = ((row * 7 + j) % 13, (row + 5 * j) % 11);
            Complex32::new(a as f32 / 13.0, b as f32 / 11.0)
        };
        for detector in &detectors {
            let collector = Collector::new(&grid, beam, detector).unwrap();
            let (mut found, mut expected) = (0.0, 0.0);
            for j in 0..grid.band_columns() {
                let line: Vec<_> = (0..rows).map(|row| value(row, j)).collect();
                found += collector.collect(j, &line);
                for (row, amplitude) in line.iter().enumerate() {
                    let weight = detector.weight(beam, grid.ky(row), grid.kx(grid.column(j)));
                    expected += weight * f64::from(amplitude.norm_sqr());
                }
            }
            assert!(
                (found - expected).abs() < 1e-6 * expected.abs().max(100.0),
                "{detector:?}: {found} {expected}"
            );
        }
    }

    #[test]
    fn what_holds_no_frequency_or_too_wide_ones_is_refused() {
        let (rows, columns) = (64, 64);
        let extent = Vector3::new(6.4, 6.4, 1.0);
        let grid = WaveGrid::new(extent, Sampling::Pixels { rows, columns }).unwrap();
        let beam = Beam::new(80.0).unwrap();
        let refused = |detector: &Detector| {
            let error = Collector::new(&grid, beam, detector).err().unwrap();
            error.to_string()
        };
        let ring = AnnularDetector::new(6.0, 7.0).unwrap(); // four frequencies
        let message = refused(&ring.segments(8, 0.1).unwrap()[0]);
        assert!(
            message.contains("segment 0 of 8 of 6 to 7 mrad"),
            "{message}"
        );
        let [wide, _] = Detector::centre_of_mass(200.0).unwrap();
        assert!(refused(&wide).contains("0 to 200 mrad"));
    }
}
