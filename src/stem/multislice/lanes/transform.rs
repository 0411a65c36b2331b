//! Long transforms out of short ones.

use super::factors::{Factors, multiply};
use super::passes::{Pass, Passes, ThereAndBack};
use super::{LANES, Lanes};
use crate::vector::in_vectors;
use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftPlanner};
use std::sync::Arc;

/// Transforms of lines of one length, forward Σ f(n) exp(−2πi nk/N) and back, both without a factor.
///
/// With N = r₁ r₂ …, the first pass does N/r₁ butterflies of r₁ points that are N/r₁ apart and leaves, in each of r₁
/// blocks, the transform of N/r₁ points whose frequencies are one remainder of k modulo r₁; the next passes do the same
/// in each block (decimation in frequency: W. M. Gentleman and G. Sande, AFIPS Conf. Proc. 29 (1966) 563,
/// doi 10.1145/1464291.1464352). The inverse undoes the passes from the last to the first.
///
/// Lengths with a prime factor above 7 are left to rustfft, line by line.
pub(in super::super) struct LaneTransform {
    length: usize,
    passes: Vec<Pass>,
    library: Option<[Arc<dyn Fft<f32>>; 2]>,
    frequencies: Vec<usize>,
}

impl LaneTransform {
    /// A transform of `length` ≥ 1 points.
    pub(in super::super) fn new(length: usize) -> Self {
        let Some(radices) = radices(length) else {
            let mut planner = FftPlanner::new();
            let (forward, inverse) = (
                planner.plan_fft_forward(length),
                planner.plan_fft_inverse(length),
            );
            return Self {
                length,
                passes: Vec::new(),
                library: Some([forward, inverse]),
                frequencies: (0..length).collect(),
            };
        };
        let mut block = length;
        let mut passes = Vec::new();
        for radix in radices {
            passes.push(Pass::new(radix, block / radix));
            block /= radix;
        }
        let frequency = |place: usize| {
            let (mut rest, mut frequency, mut unit) = (place, 0, 1);
            for pass in &passes {
                frequency += rest / pass.spacing * unit;
                rest %= pass.spacing;
                unit *= pass.radix;
            }
            frequency
        };
        Self {
            length,
            frequencies: (0..length).map(frequency).collect(),
            passes,
            library: None,
        }
    }

    /// The number (0 … N − 1) of the frequency at each place of a transformed line.
    pub(in super::super) fn frequencies(&self) -> &[usize] {
        &self.frequencies
    }

    /// The place of each frequency in a transformed line.
    pub(in super::super) fn places(&self) -> Vec<usize> {
        let mut places = vec![0; self.length];
        for (place, frequency) in self.frequencies.iter().enumerate() {
            places[*frequency] = place;
        }
        places
    }

    /// In place, into the order of [`LaneTransform::frequencies`].
    pub(in super::super) fn forward(&self, line: &mut [Lanes]) {
        self.run(line, 0);
    }

    /// In place, from the order of [`LaneTransform::frequencies`].
    pub(in super::super) fn inverse(&self, line: &mut [Lanes]) {
        self.run(line, 1);
    }

    /// A line of frequencies → points, times `factors` of each point, → frequencies.
    pub(in super::super) fn multiply_points(
        &self,
        line: &mut [Lanes],
        factors: &(impl Factors + ?Sized),
    ) {
        if self.library.is_some() {
            self.inverse(line);
            multiply(line, factors);
            self.forward(line);
        } else {
            let (passes, inverse) = (&self.passes[..], true);
            in_vectors(ThereAndBack {
                passes,
                line,
                factors,
                inverse,
            });
        }
    }

    /// A line of points → frequencies, times `factors` of each place of [`LaneTransform::frequencies`], → points.
    pub(in super::super) fn multiply_frequencies(
        &self,
        line: &mut [Lanes],
        factors: &(impl Factors + ?Sized),
    ) {
        if self.library.is_some() {
            self.forward(line);
            multiply(line, factors);
            self.inverse(line);
        } else {
            let (passes, inverse) = (&self.passes[..], false);
            in_vectors(ThereAndBack {
                passes,
                line,
                factors,
                inverse,
            });
        }
    }

    fn run(&self, line: &mut [Lanes], direction: usize) {
        match &self.library {
            Some(plans) => one_by_one(&*plans[direction], line),
            None => in_vectors(Passes {
                passes: &self.passes,
                line,
                inverse: direction == 1,
            }),
        }
    }
}

/// The radices of a length, in the order of the passes: fours, which fit the registers, and what is left.
fn radices(length: usize) -> Option<Vec<usize>> {
    let mut rest = length;
    let mut radices = Vec::new();
    if rest.trailing_zeros() % 2 == 1 {
        radices.push(if rest.is_multiple_of(8) { 8 } else { 2 });
        rest /= radices[0];
    }
    for radix in [4, 3, 5, 7] {
        while rest.is_multiple_of(radix) {
            radices.push(radix);
            rest /= radix;
        }
    }
    (rest == 1).then_some(radices)
}

/// Transforms the lines one after the other.
fn one_by_one(plan: &dyn Fft<f32>, line: &mut [Lanes]) {
    let mut single = vec![Complex32::ZERO; line.len()];
    for lane in 0..LANES {
        for (to, from) in single.iter_mut().zip(&*line) {
            *to = from.get(lane);
        }
        plan.process(&mut single);
        for (to, from) in line.iter_mut().zip(&single) {
            to.set(lane, *from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustfft::num_complex::Complex64;

    fn lines(length: usize) -> Vec<Lanes> {
        let value = |n: usize, lane: usize| {
            let phase = (n * n + 3 * lane + n * lane) as f32;
            Complex32::new((0.7 * phase).sin(), (1.3 * phase).cos())
        };
        let lanes = |n| Lanes::from_fn(|lane| Some(value(n, lane)));
        (0..length).map(lanes).collect()
    }

    fn largest_difference(a: &[Lanes], b: &[Lanes]) -> f32 {
        let both = a.iter().zip(b);
        let errors = both.flat_map(|(a, b)| (0..LANES).map(|l| (a.get(l) - b.get(l)).norm()));
        errors.fold(0.0, f32::max)
    }

    #[test]
    fn agrees_with_the_library_in_double_precision_at_every_size() {
        let mut planner = FftPlanner::<f64>::new();
        // every smooth size below 66, those that boxes get, and primes that are left to rustfft
        for length in (1..66)
            .chain((72..=720).step_by(8))
            .chain([101, 1009, 1024])
        {
            let transform = LaneTransform::new(length);
            let mut line = lines(length);
            let original = line.clone();
            transform.forward(&mut line);
            let plan = planner.plan_fft_forward(length);
            for lane in [0, 5] {
                let mut expected: Vec<_> = (original.iter())
                    .map(|x| Complex64::new(x.re[lane].into(), x.im[lane].into()))
                    .collect();
                plan.process(&mut expected);
                for (place, frequency) in transform.frequencies().iter().enumerate() {
                    let found = line[place].get(lane);
                    let found = Complex64::new(found.re.into(), found.im.into());
                    let error = (found - expected[*frequency]).norm();
                    assert!(error < 4e-7 * length as f64, "{length}: {error}");
                }
            }
            let energy = |line: &[Lanes]| -> f64 {
                let squares = |x: &Lanes| {
                    (0..LANES)
                        .map(|l| f64::from(x.get(l).norm_sqr()))
                        .sum::<f64>()
                };
                line.iter().map(squares).sum()
            };
            let gain = energy(&line) / energy(&original) / length as f64;
            assert!((gain - 1.0).abs() < 1e-6, "{length}: {gain}");
            transform.inverse(&mut line);
            for value in &mut line {
                for lane in 0..LANES {
                    value.set(lane, value.get(lane) / length as f32);
                }
            }
            assert!(largest_difference(&line, &original) < 2e-6, "{length}");
        }
    }

    #[test]
    fn is_linear_and_keeps_the_lines_apart() {
        for length in [40, 22] {
            let transform = LaneTransform::new(length);
            let (mut all, mut one) = (lines(length), lines(length));
            for value in &mut one {
                *value = Lanes::from_fn(|lane| (lane == 3).then(|| value.get(3) * 2.0));
            }
            transform.forward(&mut all);
            transform.forward(&mut one);
            for (all, one) in all.iter().zip(&one) {
                let expected = Lanes::from_fn(|lane| (lane == 3).then(|| all.get(3) * 2.0));
                assert_eq!(*one, expected);
            }
        }
    }

    #[test]
    fn products_on_the_way_are_those_of_three_steps() {
        for length in [8, 60, 22] {
            let transform = LaneTransform::new(length);
            let (mut points, mut frequencies) = (lines(length), lines(length));
            let factors = lines(length + 1)[1..].to_vec();
            let (mut expected_points, mut expected_frequencies) = (lines(length), lines(length));
            transform.multiply_points(&mut points, &factors[..]);
            transform.inverse(&mut expected_points);
            multiply(&mut expected_points, &factors[..]);
            transform.forward(&mut expected_points);
            assert_eq!(points, expected_points);
            transform.multiply_frequencies(&mut frequencies, &factors[..]);
            transform.forward(&mut expected_frequencies);
            multiply(&mut expected_frequencies, &factors[..]);
            transform.inverse(&mut expected_frequencies);
            assert_eq!(frequencies, expected_frequencies);
        }
    }

    #[test]
    fn places_are_where_the_frequencies_are() {
        let transform = LaneTransform::new(120);
        let places = transform.places();
        for (place, frequency) in transform.frequencies().iter().enumerate() {
            assert_eq!(places[*frequency], place);
        }
    }
}
