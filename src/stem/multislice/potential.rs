//! The projected potential of the atoms of one slice.

use super::grid::WaveGrid;
use super::lanes::{LANES, Lanes};
use super::transforms::Transforms;
use crate::stem::constants::POTENTIAL;
use crate::stem::{Element, Parametrisation, ScatteringFactor, Vibration};
use ndarray::Array2;
use ndarray::linalg::general_mat_mul;
use rustfft::num_complex::{Complex32, Complex64};
use std::f64::consts::TAU;

/// Atoms whose phase factors are multiplied at once.
const CHUNK: usize = 512;

/// Powers of a phase factor between two that are computed anew.
const STRIDE: usize = 32;

/// An atom seen along the beam.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scatterer {
    /// Place across the beam, Å.
    pub y: f64,
    /// Place across the beam, Å.
    pub x: f64,
    /// Share of an atom.
    pub occupancy: f64,
}

/// What distinguishes atoms besides their places: the element, and the covariance (yy, yx, xx; Å²) of its blur.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Kind {
    element: Element,
    blur: [f64; 3],
}

impl Kind {
    pub(super) fn still(element: Element) -> Self {
        let blur = [0.0; 3];
        Self { element, blur }
    }

    pub(super) fn blurred(element: Element, vibration: Vibration) -> Self {
        let blur = match vibration {
            Vibration::None => [0.0; 3],
            Vibration::Isotropic(u) => [u * u, 0.0, u * u],
            Vibration::Anisotropic(c) => [c[(1, 1)], c[(1, 0)], c[(0, 0)]],
        };
        Self { element, blur }
    }

    /// Two kinds are the same exactly if their keys are.
    pub(super) fn key(&self) -> (Element, [u64; 3]) {
        (self.element, self.blur.map(f64::to_bits))
    }

    /// exp(−2π² kᵀUk), no unit.
    fn debye_waller(&self, ky: f64, kx: f64) -> f64 {
        let [yy, yx, xx] = self.blur;
        let spread = yy * ky * ky + 2.0 * yx * ky * kx + xx * kx * kx;
        (-0.5 * TAU * TAU * spread).exp()
    }
}

/// Adds up projected potentials on one grid.
///
/// v(r) = (C/area) Σ_k exp(2πi k·r) Σ_kinds f(k) Σ_atoms occupancy · exp(−2πi k·r_atom), C = h²/2πme, over all
/// frequencies of the grid. The innermost sum is a product of a factor of y and a factor of x, so the sum over the atoms
/// is a product of two matrices: exact for atoms anywhere between the pixels. (Spreading each atom over its four nearest
/// pixels, the usual shortcut, is only exact on the pixels.) Phases are found in double precision, sums and transforms
/// in single precision: 10⁻⁶ of the peak.
pub(super) struct Potentials {
    grid: WaveGrid,
    /// Frequencies of x from 0 up; the others follow because v is real.
    half: usize,
    /// For each kind, C/area · f(k) for `[row, column < half]`.
    factors: Vec<Array2<f32>>,
    transforms: Transforms,
}

impl Potentials {
    pub(super) fn new(grid: &WaveGrid, kinds: &[Kind], table: Parametrisation) -> Self {
        let half = grid.columns() / 2 + 1;
        let scale = POTENTIAL / grid.area();
        let factor = |kind: &Kind| {
            let amplitude = ScatteringFactor::of(kind.element, table);
            Array2::from_shape_fn((grid.rows(), half), |(row, column)| {
                let (ky, kx) = (grid.ky(row), grid.kx(column));
                let f = amplitude.amplitude((ky * ky + kx * kx).sqrt());
                (scale * f * kind.debye_waller(ky, kx)) as f32
            })
        };
        Self {
            half,
            factors: kinds.iter().map(factor).collect(),
            transforms: Transforms::unlimited(grid),
            grid: grid.clone(),
        }
    }

    /// Bytes of the tables of so many kinds.
    pub(super) fn table_bytes(grid: &WaveGrid, kinds: usize) -> f64 {
        4.0 * kinds as f64 * grid.rows() as f64 * (grid.columns() / 2 + 1) as f64
    }

    /// Bytes in use while potentials are added up by one thread.
    pub(super) fn work_bytes(grid: &WaveGrid) -> f64 {
        // the sum over the atoms, two half spectra, and one complex image there and back
        8.0 * grid.len() as f64 * 4.0
    }

    /// v at the pixels, V Å, of two slices at once: each is a list of (kind, its atoms).
    ///
    /// They travel as the real and the imaginary part of one image of [`Transforms`].
    pub(super) fn pair(&self, slices: [&[(usize, Vec<Scatterer>)]; 2]) -> Vec<Lanes> {
        let [first, second] = slices.map(|slice| self.half_spectrum(slice));
        let (rows, columns) = (self.grid.rows(), self.grid.columns());
        let amplitude = |row: usize, column: usize| {
            let (a, b) = if column < self.half {
                (first[[row, column]], second[[row, column]])
            } else {
                let mirror = [(rows - row) % rows, columns - column];
                (first[mirror].conj(), second[mirror].conj())
            };
            Complex32::new(a.re - b.im, a.im + b.re)
        };
        let mut wave = vec![Lanes::ZERO; rows * columns.div_ceil(LANES)];
        for (index, block) in wave.chunks_exact_mut(rows).enumerate() {
            for (value, row) in block.iter_mut().zip(self.transforms.frequencies_y()) {
                for column in index * LANES..columns.min((index + 1) * LANES) {
                    value.set(column % LANES, amplitude(*row, column));
                }
            }
            self.transforms.to_half_transformed(block);
        }
        let mut image = vec![Lanes::ZERO; Transforms::image_len(&self.grid)];
        for (index, strip) in image.chunks_exact_mut(columns).enumerate() {
            self.transforms.to_real_space(&wave, index, strip);
        }
        image
    }

    /// Σ_kinds f(k) Σ_atoms occupancy · exp(−2πi k·r) for the frequencies of x from 0 up.
    fn half_spectrum(&self, slice: &[(usize, Vec<Scatterer>)]) -> Array2<Complex32> {
        let (rows, columns, half) = (self.grid.rows(), self.grid.columns(), self.half);
        let upper = rows / 2 + 1;
        let mut spectrum = Array2::zeros((rows, half));
        // sums over the atoms of cos or sin along y (upper, lower part) times cos or −sin along x (left, right part)
        let mut sum = Array2::<f32>::zeros((2 * upper, 2 * half));
        for (kind, atoms) in slice {
            sum.fill(0.0);
            for atoms in atoms.chunks(CHUNK) {
                let mut along_y = Array2::zeros((2 * upper, atoms.len()));
                let mut along_x = Array2::zeros((atoms.len(), 2 * half));
                for (n, atom) in atoms.iter().enumerate() {
                    phases(atom.y / self.height(), rows, |row, cos, sin| {
                        along_y[[row, n]] = (atom.occupancy * cos) as f32;
                        along_y[[upper + row, n]] = (atom.occupancy * sin) as f32;
                    });
                    phases(atom.x / self.width(), columns, |column, cos, sin| {
                        along_x[[n, column]] = cos as f32;
                        along_x[[n, half + column]] = -sin as f32;
                    });
                }
                general_mat_mul(1.0, &along_y, &along_x, 1.0, &mut sum);
            }
            let factors = &self.factors[*kind];
            for (row, mut line) in spectrum.outer_iter_mut().enumerate() {
                // exp(∓2πi ky y) = cos ∓ i sin, for the frequencies of y from 0 up and below 0
                let (number, sign) = if row < upper {
                    (row, 1.0)
                } else {
                    (rows - row, -1.0)
                };
                let (cos, sin) = (sum.row(number), sum.row(upper + number));
                for (column, value) in line.iter_mut().enumerate() {
                    let re = cos[column] + sign * sin[half + column];
                    let im = cos[half + column] - sign * sin[column];
                    *value += Complex32::new(re, im) * factors[[row, column]];
                }
            }
        }
        spectrum
    }

    fn height(&self) -> f64 {
        self.grid.rows() as f64 * self.grid.pixels().pixel_y
    }

    fn width(&self) -> f64 {
        self.grid.columns() as f64 * self.grid.pixels().pixel_x
    }
}

/// cos and sin of 2π·`place`·(frequency number) for the frequencies from 0 up of an axis of `count` pixels.
///
/// The frequency count/2 stands for +count/2 and −count/2 alike, so its factor is the mean of both, a cosine.
fn phases(place: f64, count: usize, mut put: impl FnMut(usize, f64, f64)) {
    let step = Complex64::cis(TAU * place);
    let mut phase = Complex64::ONE;
    for number in 0..=count / 2 {
        if number % STRIDE == 0 {
            phase = Complex64::cis(TAU * (place * number as f64).fract());
        }
        let sin = if 2 * number == count { 0.0 } else { phase.im };
        put(number, phase.re, sin);
        phase *= step;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stem::multislice::grid::Sampling;
    use nalgebra::Vector3;

    fn grid(rows: usize, columns: usize) -> WaveGrid {
        let sampling = Sampling::Pixels { rows, columns };
        WaveGrid::new(Vector3::new(6.0, 5.0, 1.0), sampling).unwrap()
    }

    #[test]
    fn is_the_sum_of_plane_waves() {
        // even and odd sizes, two kinds, one of them blurred
        for (rows, columns) in [(12, 16), (9, 11)] {
            let grid = grid(rows, columns);
            let kinds = [
                Kind::still("Mo".parse().unwrap()),
                Kind::blurred("S".parse().unwrap(), Vibration::Isotropic(0.09)),
            ];
            let at = |y, x, occupancy| Scatterer { y, x, occupancy };
            let slice = [
                (0, vec![at(1.234, 5.9, 1.0), at(0.1, 0.2, 0.5)]),
                (1, vec![at(3.3, -2.1, 1.0)]),
            ];
            let potentials = Potentials::new(&grid, &kinds, Parametrisation::Kirkland);
            let image = potentials.pair([&slice[1..], &slice]);
            let (row, column) = (4, 7);
            let (y, x) = (
                row as f64 * 5.0 / rows as f64,
                column as f64 * 6.0 / columns as f64,
            );
            let mut expected = 0.0;
            for (kind, atoms) in &slice {
                let factor = ScatteringFactor::kirkland(kinds[*kind].element);
                for (n, m) in (0..rows).flat_map(|n| (0..columns).map(move |m| (n, m))) {
                    let (ky, kx) = (grid.ky(n), grid.kx(m));
                    let f = factor.amplitude(ky.hypot(kx)) * kinds[*kind].debye_waller(ky, kx);
                    for atom in atoms {
                        // the highest frequency of an even size stands for both signs
                        let along = |count, k: f64, place: f64, pixel: f64, n: usize| {
                            if 2 * n == count {
                                Complex64::from((TAU * k * place).cos() * (TAU * k * pixel).cos())
                            } else {
                                Complex64::cis(TAU * k * (pixel - place))
                            }
                        };
                        let phase =
                            along(rows, ky, atom.y, y, n) * along(columns, kx, atom.x, x, m);
                        expected += atom.occupancy * f * phase.re;
                    }
                }
            }
            expected *= POTENTIAL / 30.0;
            let found = f64::from(image[row / LANES * columns + column].im[row % LANES]);
            let peak = image.iter().flat_map(|v| v.im).fold(0.0, f32::max);
            assert!((found - expected).abs() < 1e-6 * f64::from(peak), "{rows}");
        }
    }

    #[test]
    fn a_fine_grid_shows_the_closed_form() {
        // an isolated atom between the pixels; its neighbours in the next boxes are too far to matter. The logarithm at
        // its centre rings at the highest frequencies, which the mean over 4 × 4 pixels takes out
        let (size, edge) = (512, 12.0);
        let extent = Vector3::new(edge, edge, 1.0);
        let (rows, columns) = (size, size);
        let grid = WaveGrid::new(extent, Sampling::Pixels { rows, columns }).unwrap();
        let carbon: Element = "C".parse().unwrap();
        let (y, x, occupancy) = (6.003, 6.004, 1.0);
        for table in [Parametrisation::Lobato, Parametrisation::Kirkland] {
            let potentials = Potentials::new(&grid, &[Kind::still(carbon)], table);
            let found = potentials.pair([&[(0, vec![Scatterer { y, x, occupancy }])], &[]]);
            let factor = ScatteringFactor::of(carbon, table);
            for column in [270, 300, 320] {
                let (mut sum, mut expected) = (0.0, 0.0);
                for (n, m) in
                    (0..4).flat_map(|n| (0..4).map(move |m| (size / 2 - 2 + n, column - 2 + m)))
                {
                    let place = |pixel: usize| pixel as f64 * edge / size as f64;
                    sum += f64::from(found[n / LANES * size + m].re[n % LANES]);
                    expected += factor.projected_potential((place(n) - y).hypot(place(m) - x));
                }
                assert!(
                    (sum / expected - 1.0).abs() < 1e-3,
                    "{column}: {sum}, {expected}"
                );
            }
        }
    }
}
