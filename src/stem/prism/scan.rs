//! Probes put together from the beams of a scattering matrix.
//!
//! The coefficient of a beam in a probe at (y, x) is a product of a factor of x and one of y. All probes in one column of a
//! scan (equal x) therefore share the sum over the beams of each row of the lattice, and the window along x with the
//! transform along it; what is left for each probe is one sum over the rows of the lattice. With 122 beams in 13 rows
//! that is nearly ten times less work than probe by probe.

use super::ScatteringMatrix;
use super::superpose::{Line, superpose};
use crate::stem::multislice::{Looks, plane_waves, single};
use crate::stem::{Detector, Focus, PixelatedDetector, Probe, Recorder, Recording, output};
use crate::units::Point;
use crate::{Error, Result};
use ndarray::{Array2, Array3, Axis};
use rayon::prelude::*;
use rustfft::num_complex::{Complex32, Complex64};
use std::f64::consts::TAU;
use std::ops::Range;

/// Most probes that are worked on together.
pub(super) const MOST_TOGETHER: usize = 64;

/// Rows of the window that are transformed together.
const BLOCK: usize = 8;

/// Probes in one column of a scan: the places in the list of positions, and the common x in Å.
struct Column<'a> {
    places: &'a [usize],
    x: f64,
}

/// What is the same for all columns.
struct Task<'a> {
    /// The amplitude of each beam in a probe at the origin.
    amplitudes: &'a [Complex32],
    looks: &'a Looks,
    positions: &'a [Point],
    /// Band columns of the window that are looked at.
    band_columns: &'a [usize],
}

/// What was recorded of the probes in one column.
struct Found {
    /// `[detector, probe]`.
    signals: Array2<f64>,
    /// One pattern after the other.
    patterns: Vec<f32>,
}

impl ScatteringMatrix {
    /// What each detector collects from a probe at each position, `[detector, thickness, position]`, averaged over the
    /// configurations: shares of the incident electrons, or mrad for a centre of mass. [`ScatteringMatrix::record`] tells
    /// more.
    ///
    /// # Errors
    /// As [`ScatteringMatrix::record`].
    pub fn scan(
        &self,
        probe: &Probe,
        positions: &[Point],
        detectors: &[impl Copy + Into<Detector>],
    ) -> Result<Array3<f64>> {
        let recorder = Recorder {
            detectors: detectors.iter().map(|d| (*d).into()).collect(),
            patterns: None,
        };
        let recording = self.record(probe, &[Focus::SHARP], positions, &recorder)?;
        Ok(recording.mean())
    }

    /// What `recorder` records of the probe at each position, with the electrons spread over `foci`, as
    /// [`Simulation::record`](crate::stem::Simulation::record). Patterns have the pixels of the
    /// [window](ScatteringMatrix::window).
    ///
    /// A position is (y, x) in Å in the box of the structure, which repeats. Positions with exactly the same x are
    /// computed several times faster than as many scattered ones. The result does not depend on the number of threads
    /// of the current rayon pool.
    ///
    /// # Errors
    /// [`Error::Argument`] for a probe of another beam or with a plane wave that the matrix does not hold, weights of foci
    /// that do not add up to 1, nothing to record, a detector or camera beyond the angles that the wave keeps or too thin
    /// for the frequencies of the window, a camera behind several exit planes, a position that is not within ±10⁶ Å, and a
    /// result beyond the memory limit.
    pub fn record(
        &self,
        probe: &Probe,
        foci: &[Focus],
        positions: &[Point],
        recorder: &Recorder,
    ) -> Result<Recording> {
        let (configurations, exits) = (self.beams.len(), self.thicknesses.len());
        let looks = Looks::new(&self.window, self.beam, recorder, exits)?;
        let shape = [configurations, exits];
        let mut recording = looks.blank(foci, positions, shape, self.memory_limit)?;
        let band_columns: Vec<_> = (0..self.window.band_columns())
            .filter(|band_column| looks.meets(*band_column))
            .collect();
        let order = by_column(positions);
        let columns: Vec<Column> = order
            .chunk_by(|a, b| positions[*a].x == positions[*b].x)
            .flat_map(|column| column.chunks(MOST_TOGETHER))
            .map(|places| Column {
                places,
                x: positions[places[0]].x,
            })
            .collect();
        // patterns of many configurations at once would take much memory
        let together = match recorder.patterns {
            Some(_) => 1,
            None => configurations,
        };
        for focus in foci {
            let amplitudes = self.amplitudes(&probe.defocused(focus.offset)?)?;
            let task = Task {
                amplitudes: &amplitudes,
                looks: &looks,
                positions,
                band_columns: &band_columns,
            };
            for first in (0..configurations).step_by(together) {
                let places =
                    (first..first + together).flat_map(|c| (0..exits).map(move |e| (c, e)));
                let jobs: Vec<_> = places
                    .flat_map(|place| columns.iter().map(move |column| (place, column)))
                    .collect();
                let found = jobs.par_iter().map(|((configuration, exit), column)| {
                    let drift = self.tilt.drift(self.thicknesses[*exit]);
                    self.column(&task, &self.beams[*configuration][*exit], column, drift)
                });
                let found: Vec<_> = found.collect();
                // added in the order of the jobs, whichever thread was first
                for (((configuration, exit), column), found) in jobs.into_iter().zip(found) {
                    for ((detector, probe), signal) in found.signals.indexed_iter() {
                        let place = [configuration, detector, exit, column.places[probe]];
                        recording.signals[place] += focus.weight * signal;
                    }
                    let Some(patterns) = &mut recording.patterns else {
                        continue;
                    };
                    let share = (focus.weight / configurations as f64) as f32;
                    let frame = found.patterns.len() / column.places.len();
                    let found = found.patterns.chunks_exact(frame);
                    for (place, found) in column.places.iter().zip(found) {
                        let mut pattern = patterns.index_axis_mut(Axis(0), *place);
                        let sums = pattern.iter_mut().zip(found);
                        sums.for_each(|(sum, value)| *sum += share * value);
                    }
                }
            }
        }
        Ok(recording)
    }

    /// The angles (mrad) of the rows and columns of the patterns of a camera.
    ///
    /// # Errors
    /// [`Error::Argument`] for a camera beyond the angles that the wave keeps, or bins that do not fit into it.
    pub fn pattern_axes(&self, camera: PixelatedDetector) -> Result<[output::Axis; 2]> {
        camera.axes(&self.window, self.beam)
    }

    /// The amplitude of each beam in a probe at the origin.
    fn amplitudes(&self, probe: &Probe) -> Result<Vec<Complex32>> {
        let mut amplitudes = vec![Complex32::ZERO; self.numbers.len()];
        for (numbers, amplitude) in plane_waves(probe, self.beam, &self.window)? {
            let Ok(beam) = self.numbers.binary_search(&numbers) else {
                let [ky, kx] = self.frequency(numbers);
                let mrad = 1e3 * self.beam.wavelength() * ky.hypot(kx);
                return Err(Error::argument(
                    "probe",
                    format!("a plane wave at {mrad:.2} mrad"),
                    format!(
                        "one of the {} plane waves of the probe that the matrix was made for",
                        self.numbers.len()
                    ),
                ));
            };
            amplitudes[beam] = amplitude;
        }
        Ok(amplitudes)
    }

    /// What is recorded of the probes in one column from the beams of one exit plane. The windows lie where the waves have
    /// come to by their `drift`.
    fn column(&self, task: &Task, beams: &[Vec<f32>], column: &Column, drift: Point) -> Found {
        let ys: Vec<f64> = (column.places.iter())
            .map(|place| task.positions[*place].y)
            .collect();
        // a single probe has nothing to share: all its beams are one sum
        let rows = if ys.len() == 1 {
            std::iter::once(0..self.numbers.len()).collect::<Vec<_>>()
        } else {
            self.lattice_rows()
        };
        let [height, width] = [self.window.rows(), self.window.columns()];
        let [whole_height, whole_width] = self.pixels;
        let pixels = self.window.pixels();
        let left = corner((column.x + drift.x) / pixels.pixel_x, width, whole_width);
        let tops: Vec<usize> = (ys.iter())
            .map(|y| corner((y + drift.y) / pixels.pixel_y, height, whole_height))
            .collect();
        let (top, tall) = covered(&tops, height, whole_height);

        let scale = 1.0 / (height * width) as f32;
        let along_x = |([ny, nx], amplitude): (&[isize; 2], &Complex32)| {
            let [ky, kx] = self.frequency([*ny, *nx]);
            let y = if ys.len() == 1 { ys[0] } else { 0.0 };
            amplitude * single(Complex64::cis(-TAU * (kx * column.x + ky * y))) * scale
        };
        let beams_and_amplitudes = self.numbers.iter().zip(task.amplitudes);
        let coefficients: Vec<Complex32> = beams_and_amplitudes.map(along_x).collect();
        let shared = self.shared_rows(task, beams, &rows, &coefficients, (top, tall), left);

        let along_y = |y: &f64| -> Vec<Complex32> {
            let factor = |row: &Range<usize>| {
                let [ky, _] = self.frequency(self.numbers[row.start]);
                single(Complex64::cis(-TAU * ky * y))
            };
            if ys.len() == 1 {
                vec![Complex32::ONE]
            } else {
                rows.iter().map(factor).collect()
            }
        };
        let coefficients: Vec<_> = ys.iter().map(along_y).collect();
        let [frame_rows, frame_columns] = task.looks.frame();
        let frame = frame_rows * frame_columns;
        let mut signals = Array2::zeros((task.looks.detectors(), ys.len()));
        let mut patterns = vec![0.0; frame * ys.len()];
        let mut line = vec![Complex32::ZERO; height];
        let mut scratch = vec![Complex32::ZERO; self.forward_y.get_inplace_scratch_len()];
        let shared = shared.chunks_exact(2 * rows.len() * tall);
        for (band_column, shared) in task.band_columns.iter().zip(shared) {
            let shared: Vec<_> = (0..rows.len())
                .map(|row| Line::of(shared, row, tall))
                .collect();
            for (probe, (first, coefficients)) in tops.iter().zip(&coefficients).enumerate() {
                let start = (first + whole_height - top) % whole_height;
                superpose(coefficients, &shared, start, &mut line);
                self.forward_y.process_with_scratch(&mut line, &mut scratch);
                let add = |detector, signal: f64| signals[[detector, probe]] += signal;
                let pattern = &mut patterns[probe * frame..][..frame];
                task.looks.collect(*band_column, &line, add, pattern);
            }
        }
        Found { signals, patterns }
    }

    /// For each row of the lattice the sum of its beams over the window along x, transformed along x, for `tall` rows of
    /// pixels from `top` on: `[band column][row of the lattice][real, imaginary][row of pixels]`.
    fn shared_rows(
        &self,
        task: &Task,
        beams: &[Vec<f32>],
        rows: &[Range<usize>],
        coefficients: &[Complex32],
        (top, tall): (usize, usize),
        left: usize,
    ) -> Vec<f32> {
        let width = self.window.columns();
        let [whole_height, whole_width] = self.pixels;
        let mut shared = vec![0.0; task.band_columns.len() * rows.len() * 2 * tall];
        let mut block = vec![Complex32::ZERO; BLOCK * width];
        let mut scratch = vec![Complex32::ZERO; self.forward_x.get_inplace_scratch_len()];
        let mut lines = Vec::with_capacity(beams.len());
        for first in (0..tall).step_by(BLOCK) {
            let count = BLOCK.min(tall - first);
            for (index, row) in rows.iter().enumerate() {
                let block = &mut block[..count * width];
                for (pixel_row, sum) in block.chunks_exact_mut(width).enumerate() {
                    let pixel_row = (top + first + pixel_row) % whole_height;
                    lines.clear();
                    let beams = beams[row.clone()].iter();
                    lines.extend(beams.map(|beam| Line::of(beam, pixel_row, whole_width)));
                    superpose(&coefficients[row.clone()], &lines, left, sum);
                }
                self.forward_x.process_with_scratch(block, &mut scratch);
                for (place, band_column) in task.band_columns.iter().enumerate() {
                    let column = self.window.column(*band_column);
                    let target = &mut shared[(place * rows.len() + index) * 2 * tall + first..];
                    for (row, line) in block.chunks_exact(width).enumerate() {
                        target[row] = line[column].re;
                        target[tall + row] = line[column].im;
                    }
                }
            }
        }
        shared
    }

    /// The beams of each row of the lattice.
    fn lattice_rows(&self) -> Vec<Range<usize>> {
        let mut start = 0;
        (self.numbers.chunk_by(|a, b| a[0] == b[0]))
            .map(|row| {
                start += row.len();
                start - row.len()..start
            })
            .collect()
    }
}

/// The places of the positions, those of equal x together.
fn by_column(positions: &[Point]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..positions.len()).collect();
    order.sort_by(|a, b| {
        let (a, b) = (&positions[*a], &positions[*b]);
        a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y))
    });
    order
}

/// The first pixel of a window of `size` pixels around the one nearest to `place` (pixels) in a box of `whole` that repeats.
fn corner(place: f64, size: usize, whole: usize) -> usize {
    if size == whole {
        return 0;
    }
    let first = (place + 0.5).floor() - (size / 2) as f64;
    first.rem_euclid(whole as f64) as usize
}

/// The first of the rows that windows of `height` at `tops` cover in a box of `whole` rows that repeats, and their number.
fn covered(tops: &[usize], height: usize, whole: usize) -> (usize, usize) {
    // the windows leave out what lies between two neighbours in the circle; start behind the widest such gap
    let mut sorted = tops.to_vec();
    sorted.sort_unstable();
    let next = |index: usize| sorted.get(index + 1).copied().unwrap_or(sorted[0] + whole);
    let widest = (0..sorted.len()).max_by_key(|index| next(*index) - sorted[*index]);
    let widest = widest.unwrap_or(0);
    let first = next(widest) % whole;
    let span = (sorted[widest] + whole - first) % whole;
    if span + height >= whole {
        return (0, whole);
    }
    (first, span + height)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_go_round_the_box() {
        assert_eq!(corner(10.0, 4, 12), 8);
        assert_eq!(corner(10.0, 5, 12), 8);
        assert_eq!(corner(0.2, 5, 12), 10);
        assert_eq!(
            corner(-1e6, 5, 12),
            (-1_000_002_i64).rem_euclid(12) as usize
        );
        assert_eq!(corner(7.3, 12, 12), 0);
        assert_eq!(covered(&[3], 4, 12), (3, 4));
        assert_eq!(covered(&[3, 5, 4], 4, 12), (3, 6));
        assert_eq!(covered(&[11, 1], 4, 12), (11, 6));
        assert_eq!(covered(&[0, 6], 4, 12), (0, 10));
        assert_eq!(covered(&[0, 4, 8], 4, 12), (0, 12));
        assert_eq!(covered(&[0, 0], 12, 12), (0, 12));
    }
}
