//! What of a perfect crystal's image depends on aberrations beyond the transfer of an incoherent probe.

use super::build::Runner;
use super::recipe::Recipe;
use crate::stem::Simulation;
use crate::stem::multislice::{BATCH, Mask, check_memory};
use crate::{Error, Result};
use nalgebra::{Cholesky, DMatrix};
use rayon::prelude::*;
use rustfft::num_complex::{Complex32, Complex64};
use std::collections::HashMap;
use std::ops::ControlFlow;

/// Highest power of the place in the aperture.
const DEGREE: usize = 6;
/// Number of terms of an expansion.
pub(super) const TERMS: usize = (DEGREE + 1) * (DEGREE + 2) / 2 - 1;
/// What keeps a fit to few samples small, of the number of samples.
const RIDGE: f64 = 1e-4;

/// T_i(y) T_j(x) for 0 < i + j ≤ [`DEGREE`], T the Chebyshev polynomials.
pub(super) fn terms(y: f64, x: f64) -> [f64; TERMS] {
    let chebyshev = |t: f64| {
        let mut values = [1.0; DEGREE + 1];
        values[1] = t;
        for n in 2..=DEGREE {
            values[n] = 2.0 * t * values[n - 1] - values[n - 2];
        }
        values
    };
    let (along_y, along_x) = (chebyshev(y), chebyshev(x));
    let powers = (0..=DEGREE).flat_map(|i| (0..=DEGREE - i).map(move |j| (i, j)));
    let mut found = [0.0; TERMS];
    for (value, (i, j)) in found.iter_mut().zip(powers.skip(1)) {
        *value = along_y[i] * along_x[j];
    }
    found
}

/// Least squares for c(z) ≈ constant + Σ mⱼ zⱼ over samples (z, c); the mⱼ.
fn fit(samples: &[([f64; TERMS], Complex64)]) -> Vec<Complex64> {
    let count = samples.len().max(1) as f64;
    let mut mean = [0.0; TERMS];
    let mut middle = Complex64::ZERO;
    for (terms, value) in samples {
        for (sum, term) in mean.iter_mut().zip(terms) {
            *sum += term / count;
        }
        middle += value / count;
    }
    let mut normal = DMatrix::<f64>::identity(TERMS, TERMS) * (RIDGE * count);
    let mut right = DMatrix::<f64>::zeros(TERMS, 2);
    for (terms, value) in samples {
        let centred: Vec<f64> = terms.iter().zip(&mean).map(|(t, m)| t - m).collect();
        let value = value - middle;
        for (row, one) in centred.iter().enumerate() {
            for (column, other) in centred.iter().enumerate() {
                normal[(row, column)] += one * other;
            }
            right[(row, 0)] += one * value.re;
            right[(row, 1)] += one * value.im;
        }
    }
    let factor = Cholesky::new(normal).expect("the ridge keeps the matrix positive");
    let solution = factor.solve(&right);
    let pairs = solution
        .row_iter()
        .map(|row| Complex64::new(row[0], row[1]));
    pairs.collect()
}

/// The plane waves of an aperture in a box of some cells, and the pairs of them that make up an image of the crystal.
pub(super) struct Pairs {
    /// Frequency numbers (y, x) in the box.
    numbers: Vec<[isize; 2]>,
    /// For each frequency G of the image the waves κ − G/2 and κ + G/2 by their numbers, and the terms at κ.
    pairs: Vec<Vec<(usize, usize, [f64; TERMS])>>,
}

impl Pairs {
    /// In a box of so many cells along x and y.
    pub(super) fn new(recipe: &Recipe, cells: [usize; 2]) -> Self {
        let cutoff = recipe.probe.cutoff();
        let [height, width] = recipe.extent();
        let edges = [cells[1] as f64 * height, cells[0] as f64 * width];
        let most = edges.map(|edge| (cutoff * edge) as isize);
        let along = |axis: usize| -most[axis]..=most[axis];
        let numbers: Vec<[isize; 2]> = along(0)
            .flat_map(|y| along(1).map(move |x| [y, x]))
            .filter(|n| (n[0] as f64 / edges[0]).hypot(n[1] as f64 / edges[1]) <= cutoff)
            .collect();
        let index: HashMap<[isize; 2], usize> =
            numbers.iter().enumerate().map(|(i, n)| (*n, i)).collect();
        let frequencies = recipe.frequencies();
        let pairs = frequencies.iter().map(|&[m, n]| {
            let step = [
                m as isize * cells[1] as isize,
                n as isize * cells[0] as isize,
            ];
            let with = |(first, [y, x]): (usize, &[isize; 2])| {
                let second = *index.get(&[y + step[0], x + step[1]])?;
                let middle = |at: isize, step: isize, edge: f64| {
                    (at as f64 + 0.5 * step as f64) / edge / cutoff
                };
                let place = (middle(*y, step[0], edges[0]), middle(*x, step[1], edges[1]));
                Some((first, second, terms(place.0, place.1)))
            };
            numbers.iter().enumerate().filter_map(with).collect()
        });
        Self {
            pairs: pairs.collect(),
            numbers,
        }
    }

    /// Number of plane waves.
    pub(super) fn waves(&self) -> usize {
        self.numbers.len()
    }
}

impl Runner<'_> {
    /// The expansions of a perfect crystal, `[detector, thickness]`, each [`TERMS`] numbers for every frequency; none for
    /// detectors that see the direct beam.
    pub(super) fn expansions(
        &mut self,
        recipe: &Recipe,
        simulation: &Simulation,
        pairs: &Pairs,
    ) -> Result<Vec<Vec<Complex32>>> {
        let grid = simulation.wave_grid();
        let exits = simulation.thicknesses().len();
        let masks = (recipe.detectors.iter().enumerate())
            .map(|(number, detector)| {
                let dark = recipe.is_dark_field(number);
                dark.then(|| Mask::annulus(grid, recipe.probe.beam(), *detector))
                    .transpose()
            })
            .collect::<Result<Vec<_>>>()?;
        let kept: usize = masks.iter().flatten().map(Mask::count).sum();
        let bytes = 8.0 * (kept * exits * pairs.waves()) as f64;
        let waves = format!("{} waves on the detectors", pairs.waves());
        let advice = "fewer thicknesses or detectors";
        check_memory(simulation.memory_limit, &[(waves, bytes)], advice)?;

        let slots = recipe.detectors.len() * exits;
        let mut values: Vec<Vec<Vec<Complex64>>> = (0..slots)
            .map(|_| {
                pairs
                    .pairs
                    .iter()
                    .map(|list| vec![Complex64::ZERO; list.len()])
                    .collect()
            })
            .collect();
        for number in 0..simulation.configurations() {
            let passages = simulation.passages(number..number + 1);
            // [wave][slot]
            let mut scattered: Vec<Vec<Vec<Complex32>>> = Vec::new();
            for chunk in pairs
                .numbers
                .chunks(8 * BATCH * rayon::current_num_threads())
            {
                let batches: Vec<_> = chunk.chunks(BATCH).collect();
                let found = batches.into_par_iter().flat_map_iter(|batch| {
                    let mut seen = vec![vec![Vec::new(); slots]; batch.len()];
                    simulation.pass_plane_waves(&passages[0], batch, |wave, exit, column, line| {
                        for (number, mask) in masks.iter().enumerate() {
                            if let Some(mask) = mask {
                                let slot = number * exits + exit;
                                seen[wave][slot].extend(mask.collected(column, line));
                            }
                        }
                    });
                    seen
                });
                scattered.extend(found.collect::<Vec<_>>());
                self.advance(chunk.len())?;
            }
            for (slot, values) in values.iter_mut().enumerate() {
                if masks[slot / exits].is_none() {
                    continue;
                }
                let lists = values.par_iter_mut().zip(&pairs.pairs);
                lists.for_each(|(values, list)| {
                    for (value, (first, second, _)) in values.iter_mut().zip(list) {
                        let (one, other) = (&scattered[*first][slot], &scattered[*second][slot]);
                        *value += product(one, other) / simulation.configurations() as f64;
                    }
                });
            }
        }
        let fitted = values.iter().enumerate().map(|(slot, values)| {
            if masks[slot / exits].is_none() {
                return Vec::new();
            }
            let lists = values.par_iter().zip(&pairs.pairs).map(|(values, list)| {
                let samples: Vec<_> = (values.iter().zip(list))
                    .map(|(value, (_, _, terms))| (*terms, *value))
                    .collect();
                fit(&samples)
            });
            let lists: Vec<Vec<Complex64>> = lists.collect();
            let single = |z: &Complex64| Complex32::new(z.re as f32, z.im as f32);
            lists.iter().flatten().map(single).collect()
        });
        Ok(fitted.collect())
    }

    /// Tells of so many more waves.
    fn advance(&mut self, waves: usize) -> Result<()> {
        self.progress.done += waves;
        match (self.report)(self.progress) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Error::Interrupted {
                done: self.progress.done,
                total: self.progress.total,
            }),
        }
    }
}

/// Σ a b*.
fn product(a: &[Complex32], b: &[Complex32]) -> Complex64 {
    let sum: Complex32 = a.iter().zip(b).map(|(a, b)| a * b.conj()).sum();
    Complex64::new(sum.re.into(), sum.im.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_polynomial_is_found_again() {
        let wanted = |place: usize| Complex64::new(1.0 / (1.0 + place as f64), 0.3);
        let places = (0..17).flat_map(|i| (0..17).map(move |j| (i, j)));
        let at = |i: i32| f64::from(i - 8) / 8.0;
        let samples: Vec<_> = places
            .map(|(i, j)| {
                let terms = terms(at(i), at(j));
                let sum = terms.iter().enumerate().map(|(n, t)| wanted(n) * t);
                (terms, Complex64::new(5.0, -2.0) + sum.sum::<Complex64>())
            })
            .collect();
        for (place, found) in fit(&samples).into_iter().enumerate() {
            let error = (found - wanted(place)).norm();
            assert!(error < 0.02, "{place}: {found}");
        }
        assert!(fit(&[]).iter().all(|m| *m == Complex64::ZERO));
        assert!(fit(&samples[..3]).iter().all(|m| m.norm() < 10.0));
    }

    #[test]
    fn the_terms_are_products_of_cosines() {
        let (y, x) = (0.4_f64, -0.7_f64);
        let found = terms(y.cos(), x.cos());
        assert!((found[0] - x.cos()).abs() < 1e-12);
        let last = (6.0 * y).cos();
        assert!((found[TERMS - 1] - last).abs() < 1e-12);
    }
}
