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
use super::lanes::{Factors, LANES, LaneTransform, Lanes, turned_over};
use crate::vector::in_vectors;
use pulp::{Simd, WithSimd};
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
    /// For band-limited waves.
    pub(super) fn new(grid: &WaveGrid) -> Self {
        let columns = (0..grid.band_columns()).map(|band_column| grid.column(band_column));
        Self::of_columns(grid, columns)
    }

    /// For images of all frequencies: every column is a band column.
    pub(super) fn unlimited(grid: &WaveGrid) -> Self {
        Self::of_columns(grid, 0..grid.columns())
    }

    fn of_columns(grid: &WaveGrid, columns: impl Iterator<Item = usize>) -> Self {
        let along_x = LaneTransform::new(grid.columns());
        let along_y = LaneTransform::new(grid.rows());
        let places = along_x.places();
        let places_x: Vec<_> = columns.map(|column| places[column]).collect();
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

    /// Bytes of an image.
    pub(super) fn image_bytes(grid: &WaveGrid) -> f64 {
        Self::image_len(grid) as f64 * size_of::<Lanes>() as f64
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

    /// (kx, y) → (kx, ky), times `factors`, → (kx, y) of one block, without another factor.
    pub(super) fn through_frequencies(&self, block: &mut [Lanes], factors: &impl Factors) {
        self.along_y.multiply_frequencies(block, factors);
    }

    /// (kx, y) → (x, y), times a strip of an image, → (kx, y) of one strip of a wave, which `strip` holds in between.
    pub(super) fn through_real_space(
        &self,
        wave: &mut [Lanes],
        index: usize,
        strip: &mut [Lanes],
        factors: &[Lanes],
    ) {
        self.take(wave, index, strip);
        self.along_x.multiply_points(strip, factors);
        self.put(strip, wave, index);
    }

    /// (kx, y) → (x, y) of one strip of a wave.
    pub(super) fn to_real_space(&self, wave: &[Lanes], index: usize, strip: &mut [Lanes]) {
        self.take(wave, index, strip);
        self.along_x.inverse(strip);
    }

    /// (x, y) → (kx, y) of one strip, into a wave.
    pub(super) fn to_wave(&self, strip: &mut [Lanes], wave: &mut [Lanes], index: usize) {
        self.along_x.forward(strip);
        self.put(strip, wave, index);
    }

    fn take(&self, wave: &[Lanes], index: usize, strip: &mut [Lanes]) {
        in_vectors(Take {
            transforms: self,
            wave,
            first: index * LANES,
            strip,
        });
    }

    fn put(&self, strip: &[Lanes], wave: &mut [Lanes], index: usize) {
        in_vectors(Put {
            transforms: self,
            strip,
            wave,
            first: index * LANES,
        });
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

/// The rows from `first` on of a wave, as a strip.
struct Take<'a> {
    transforms: &'a Transforms,
    wave: &'a [Lanes],
    first: usize,
    strip: &'a mut [Lanes],
}

impl WithSimd for Take<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for place in &self.transforms.outside {
            self.strip[*place] = Lanes::ZERO;
        }
        let rows = self.transforms.grid.rows();
        let blocks = self.wave.chunks_exact(rows);
        for (block, places) in blocks.zip(self.transforms.places_x.chunks(LANES)) {
            let rest = &block[self.first..];
            let tile = match rest.first_chunk() {
                Some(tile) => turned_over(simd, tile),
                None => turned_over(simd, &filled_up(rest)),
            };
            for (place, value) in places.iter().zip(&tile) {
                self.strip[*place] = *value;
            }
        }
    }
}

/// A strip, into the rows from `first` on of a wave.
struct Put<'a> {
    transforms: &'a Transforms,
    strip: &'a [Lanes],
    wave: &'a mut [Lanes],
    first: usize,
}

impl WithSimd for Put<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let rows = self.transforms.grid.rows();
        let blocks = self.wave.chunks_exact_mut(rows);
        for (block, places) in blocks.zip(self.transforms.places_x.chunks(LANES)) {
            let mut tile = [Lanes::ZERO; LANES];
            for (value, place) in tile.iter_mut().zip(places) {
                *value = self.strip[*place];
            }
            let turned = turned_over(simd, &tile);
            let rest = &mut block[self.first..];
            match rest.first_chunk_mut() {
                Some(target) => *target = turned,
                None => rest.copy_from_slice(&turned[..rest.len()]),
            }
        }
    }
}

/// The last rows, where there are fewer than eight.
fn filled_up(rows: &[Lanes]) -> [Lanes; LANES] {
    let mut tile = [Lanes::ZERO; LANES];
    tile[..rows.len()].copy_from_slice(rows);
    tile
}
