//! What one slice does to the wave.

use super::transforms::{BLOCK, Scratch, Transforms};
use rustfft::num_complex::{Complex32, Complex64};

/// The transmission function t = exp(iσv) of a projected potential v (V Å), limited to the circle of frequencies that
/// are kept, `[row][column]`; `interaction` is σ in rad/(V Å).
pub(super) fn transmission(
    potential: impl Iterator<Item = f64>,
    interaction: f64,
    transforms: &Transforms,
    scratch: &mut Scratch,
) -> Vec<Complex32> {
    let mut image: Vec<Complex32> = potential
        .map(|v| {
            let phase = Complex64::cis(interaction * v);
            Complex32::new(phase.re as f32, phase.im as f32)
        })
        .collect();
    let grid = transforms.grid();
    let scale = 1.0 / grid.len() as f32;
    let mut wave = vec![Complex32::ZERO; transforms.wave_len()];
    transforms.half_transform(&image, &mut wave, scratch);
    for (band_column, line) in wave.chunks_exact_mut(grid.rows()).enumerate() {
        transforms.to_frequencies(line, scratch);
        transforms.limit(band_column, line);
        line.iter_mut().for_each(|value| *value *= scale);
        transforms.to_half_transformed(line, scratch);
    }
    let rows = image.chunks_mut(BLOCK * grid.columns());
    for (index, rows) in rows.enumerate() {
        transforms.to_real_space(&wave, index * BLOCK, scratch, |found| {
            rows.copy_from_slice(found);
        });
    }
    image
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stem::multislice::grid::{Sampling, WaveGrid};
    use nalgebra::Vector3;
    use std::f64::consts::TAU;

    #[test]
    fn keeps_the_frequencies_inside_the_circle_and_no_others() {
        // small phases: t ≈ 1 + iσv, and each cosine of v is kept or not by its own frequency
        let (rows, columns) = (30, 44); // not multiples of the block
        let extent = Vector3::new(4.4, 3.0, 1.0);
        let grid = WaveGrid::new(extent, Sampling::Pixels { rows, columns }).unwrap();
        let transforms = Transforms::new(&grid);
        let image = |waves: &[(usize, usize)]| -> Vec<f64> {
            let pixels = (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x)));
            pixels
                .map(|(y, x)| {
                    let wave = |(ny, nx): &(usize, usize)| {
                        (TAU * ((ny * y) as f64 / rows as f64 + (nx * x) as f64 / columns as f64))
                            .cos()
                    };
                    waves.iter().map(wave).sum()
                })
                .collect()
        };
        // the circle has radius 10 in y and 14.7 in x
        let (inside, outside) = (
            [(0, 14), (9, 6), (3, 0)],
            [(0, 15), (9, 7), (11, 0), (15, 22)],
        );
        let potential = image(&[&inside[..], &outside[..]].concat()).into_iter();
        let found = transmission(potential, 1e-4, &transforms, &mut transforms.scratch());
        for (found, expected) in found.iter().zip(image(&inside)) {
            assert!((f64::from(found.im) - 1e-4 * expected).abs() < 1e-6);
            assert!((found.re - 1.0).abs() < 1e-6);
        }
    }
}
