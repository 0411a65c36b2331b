//! What one slice does to the wave.

use super::lanes::{LANES, Lanes};
use super::propagator::Propagator;
use super::transforms::Transforms;
use crate::vector::vectorised;
use std::f64::consts::FRAC_2_PI;

/// The transmission function t = exp(iσv) of a projected potential v (V Å), limited to the circle of frequencies that
/// are kept.
///
/// v is an image of [`Transforms`], of which `part` takes the real or the imaginary parts; so is t. `interaction` is σ
/// in rad/(V Å).
pub(super) fn transmission(
    potential: &[Lanes],
    part: impl Fn(&Lanes) -> &[f32; LANES],
    interaction: f64,
    transforms: &Transforms,
    circle: &Propagator,
) -> Vec<Lanes> {
    let grid = transforms.grid();
    let (rows, columns) = (grid.rows(), grid.columns());
    let mut image = vec![Lanes::ZERO; potential.len()];
    vectorised(
        #[inline(always)]
        || {
            for (t, v) in image.iter_mut().zip(potential) {
                let parts = t.re.iter_mut().zip(&mut t.im);
                for ((re, im), v) in parts.zip(part(v)) {
                    (*re, *im) = exponential(interaction * f64::from(*v));
                }
            }
        },
    );
    let mut wave = vec![Lanes::ZERO; Transforms::wave_len(grid)];
    for (index, strip) in image.chunks_exact_mut(columns).enumerate() {
        transforms.to_wave(strip, &mut wave, index);
    }
    for (index, block) in wave.chunks_exact_mut(rows).enumerate() {
        transforms.through_frequencies(block, &circle.block(index));
    }
    for (index, strip) in image.chunks_exact_mut(columns).enumerate() {
        transforms.to_real_space(&wave, index, strip);
    }
    image
}

/// exp(iφ) of a phase (rad), to 10⁻¹¹ before it is rounded to single precision.
///
/// φ is taken to within π/4 of a multiple of π/2, where the Taylor series of sine and cosine end soon. Without branches
/// and calls loops over it fill the vector registers.
#[inline(always)]
fn exponential(phase: f64) -> (f32, f32) {
    /// π/2 in two parts, the first short enough that its product with a small whole number is exact.
    const HALF_PI: [f64; 2] = [1.570_796_326_734_125_6, 6.077_100_506_506_192e-11];
    const SIN: [f64; 6] = [
        1.0,
        -1.0 / 6.0,
        1.0 / 120.0,
        -1.0 / 5040.0,
        1.0 / 362_880.0,
        -1.0 / 39_916_800.0,
    ];
    const COS: [f64; 6] = [
        0.5,
        -1.0 / 24.0,
        1.0 / 720.0,
        -1.0 / 40_320.0,
        1.0 / 3_628_800.0,
        -1.0 / 479_001_600.0,
    ];
    let turns = (phase * FRAC_2_PI).round_ties_even();
    let r = phase - turns * HALF_PI[0] - turns * HALF_PI[1];
    let q = r * r;
    let (sin, cos) = (r * polynomial(q, SIN), 1.0 - q * polynomial(q, COS));
    let quarter = turns - 4.0 * (0.25 * turns).floor();
    let odd = quarter == 1.0 || quarter == 3.0;
    let (re, im) = (if odd { sin } else { cos }, if odd { cos } else { sin });
    let re = if quarter == 1.0 || quarter == 2.0 {
        -re
    } else {
        re
    };
    let im = if quarter >= 2.0 { -im } else { im };
    (re as f32, im as f32)
}

/// c₀ + c₁ x + … by Horner's rule.
#[inline(always)]
fn polynomial(x: f64, coefficients: [f64; 6]) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stem::Beam;
    use crate::stem::multislice::grid::{Sampling, WaveGrid};
    use nalgebra::Vector3;
    use rustfft::num_complex::Complex64;
    use std::f64::consts::TAU;

    #[test]
    fn exponentials_are_those_of_the_library() {
        let phases: Vec<f64> = (-4000..=4000).map(|n| 0.0123 * f64::from(n)).collect();
        for phase in phases {
            let (expected, (re, im)) = (Complex64::cis(phase), exponential(phase));
            let error = (f64::from(re) - expected.re).hypot(f64::from(im) - expected.im);
            assert!(error < 6e-8, "{phase}: {re}, {im}"); // half a unit in the last place of each part
        }
    }

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
        let mut potential = vec![Lanes::ZERO; Transforms::image_len(&grid)];
        let both = image(&[&inside[..], &outside[..]].concat());
        for (pixel, v) in both.into_iter().enumerate() {
            let (row, column) = (pixel / columns, pixel % columns);
            potential[row / LANES * columns + column].im[row % LANES] = v as f32;
        }
        let circle = Propagator::circle(&transforms, Beam::new(200.0).unwrap());
        let found = transmission(&potential, |v| &v.im, 1e-4, &transforms, &circle);
        for (pixel, expected) in image(&inside).into_iter().enumerate() {
            let (row, column) = (pixel / columns, pixel % columns);
            let found = found[row / LANES * columns + column].get(row % LANES);
            assert!((f64::from(found.im) - 1e-4 * expected).abs() < 1e-6);
            assert!((found.re - 1.0).abs() < 1e-6);
        }
    }
}
