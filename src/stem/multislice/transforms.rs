//! The two-dimensional Fourier transforms of a band-limited wave, cut into the halves that multislice needs.
//!
//! Between two slices a wave is kept *half transformed*, as ψ(kx, y). From there one transform along y leads to k-space,
//! where the free space between slices is a product, and one along x to real space, where the specimen is one. Each half
//! of a slice therefore reads and writes the wave once, in pieces that stay in the nearest caches. Frequencies of x
//! outside the circle are zero and never touched, which saves a sixth of all one-dimensional transforms.
//!
//! Eight lines are transformed at a time, one in each lane of the vector registers (`lanes`): eight neighbouring band
//! columns along y, a *block* of the wave; eight neighbouring rows along x, a *strip* of an image. A wave is stored as
//! `[block][y]` of [`Lanes`], an image as `[strip][x]`; tiles of 8 × 8 numbers are turned over on the way from one to the
//! other. Frequencies stand in the order in which the transform leaves them.

use super::grid::WaveGrid;
use super::lanes::{LANES, LaneTransform, Lanes};
use crate::vector::vectorised;
use rustfft::num_complex::Complex32;

/// Plans for one grid; shared by all threads.
pub(super) struct Transforms {
    grid: WaveGrid,
    along_x: LaneTransform,
    along_y: LaneTransform,
    /// Where each band column stands in a transformed strip.
    places_x: Vec<usize>,
    /// The places of a transformed strip that belong to no band column.
    outside: Vec<usize>,
    /// Where each frequency of y stands in a block.
    places_y: Vec<usize>,
}

impl Transforms {
    pub(super) fn new(grid: &WaveGrid) -> Self {
        let along_x = LaneTransform::new(grid.columns());
        let along_y = LaneTransform::new(grid.rows());
        let places = along_x.places();
        let places_x: Vec<_> = (0..grid.band_columns())
            .map(|band_column| places[grid.column(band_column)])
            .collect();
        let mut outside = vec![true; grid.columns()];
        places_x.iter().for_each(|place| outside[*place] = false);
        Self {
            outside: (0..grid.columns())
                .filter(|place| outside[*place])
                .collect(),
            places_x,
            places_y: along_y.places(),
            along_x,
            along_y,
            grid: grid.clone(),
        }
    }

    pub(super) fn grid(&self) -> &WaveGrid {
        &self.grid
    }

    /// The number of the frequency of y at each place of a block in k-space.
    pub(super) fn frequencies_y(&self) -> &[usize] {
        self.along_y.frequencies()
    }

    /// Length of a half-transformed wave: its blocks, filled up with empty lanes, times the rows.
    pub(super) fn wave_len(grid: &WaveGrid) -> usize {
        grid.band_columns().div_ceil(LANES) * grid.rows()
    }

    /// Length of an image in real space: its strips times the columns.
    pub(super) fn image_len(grid: &WaveGrid) -> usize {
        grid.rows().div_ceil(LANES) * grid.columns()
    }

    /// A strip of real space to work in.
    pub(super) fn strip(&self) -> Vec<Lanes> {
        vec![Lanes::ZERO; self.grid.columns()]
    }

    /// (kx, y) → (kx, ky) of one block, without a factor.
    pub(super) fn to_frequencies(&self, block: &mut [Lanes]) {
        self.along_y.forward(block);
    }

    /// (kx, ky) → (kx, y) of one block, without a factor.
    pub(super) fn to_half_transformed(&self, block: &mut [Lanes]) {
        self.along_y.inverse(block);
    }

    /// (kx, y) → (x, y) of one strip of a wave.
    pub(super) fn to_real_space(&self, wave: &[Lanes], index: usize, strip: &mut [Lanes]) {
        let (rows, first) = (self.grid.rows(), index * LANES);
        let height = LANES.min(rows - first);
        vectorised(
            #[inline(always)]
            || {
                for place in &self.outside {
                    strip[*place] = Lanes::ZERO;
                }
                let blocks = wave.chunks_exact(rows);
                for (block, places) in blocks.zip(self.places_x.chunks(LANES)) {
                    let tile = turned_over(&block[first..first + height]);
                    for (place, value) in places.iter().zip(&tile) {
                        strip[*place] = *value;
                    }
                }
            },
        );
        self.along_x.inverse(strip);
    }

    /// (x, y) → (kx, y) of one strip, into a wave.
    pub(super) fn to_wave(&self, strip: &mut [Lanes], wave: &mut [Lanes], index: usize) {
        self.along_x.forward(strip);
        let (rows, first) = (self.grid.rows(), index * LANES);
        let height = LANES.min(rows - first);
        vectorised(
            #[inline(always)]
            || {
                let blocks = wave.chunks_exact_mut(rows);
                for (block, places) in blocks.zip(self.places_x.chunks(LANES)) {
                    let mut tile = [Lanes::ZERO; LANES];
                    for (value, place) in tile.iter_mut().zip(places) {
                        *value = strip[*place];
                    }
                    block[first..first + height].copy_from_slice(&turned_over(&tile)[..height]);
                }
            },
        );
    }

    /// Shows each band column of one block in k-space as one line of all frequencies of y in FFT order.
    pub(super) fn unfold(
        &self,
        block: usize,
        values: &[Lanes],
        lines: &mut Vec<Complex32>,
        mut show: impl FnMut(usize, &[Complex32]),
    ) {
        let rows = self.grid.rows();
        lines.clear();
        lines.resize(LANES * rows, Complex32::ZERO);
        let columns = block * LANES..self.grid.band_columns().min((block + 1) * LANES);
        let reach = (columns.clone().map(|j| self.grid.reach(j)).max()).unwrap_or(0);
        for row in (0..=reach).chain(rows - reach..rows) {
            let value = values[self.places_y[row]];
            for lane in 0..columns.len() {
                lines[lane * rows + row] = value.get(lane);
            }
        }
        for (column, line) in columns.zip(lines.chunks_exact(rows)) {
            show(column, line);
        }
    }
}

/// Number j of lane i becomes number i of lane j.
#[inline(always)]
fn turned_over(tile: &[Lanes]) -> [Lanes; LANES] {
    let mut turned = [Lanes::ZERO; LANES];
    for (i, value) in tile.iter().enumerate() {
        for (j, turned) in turned.iter_mut().enumerate() {
            turned.re[i] = value.re[j];
            turned.im[i] = value.im[j];
        }
    }
    turned
}
