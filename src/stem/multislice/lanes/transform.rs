//! Long transforms out of short ones.

use super::arithmetic::{Arithmetic, Vector};
use super::butterfly::{Butterfly, Points};
use super::{LANES, Lanes};
use crate::vector::in_vectors;
use pulp::{Simd, WithSimd};
use rustfft::num_complex::{Complex32, Complex64};
use rustfft::{Fft, FftPlanner};
use std::f64::consts::TAU;
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

/// Butterflies of `radix` points that are `spacing` apart.
struct Pass {
    radix: usize,
    spacing: usize,
    /// exp(−2πi jq/(radix·spacing)) for each place j < spacing and output q = 1 … radix − 1.
    twiddles: Vec<Complex32>,
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

/// What each number of a line is multiplied by.
pub(in super::super) trait Factors {
    /// The factors at `place`, of this `part` of the lanes.
    fn at<S: Simd>(&self, v: Arithmetic<S>, place: usize, part: usize) -> Vector<S>;
}

impl Factors for [Lanes] {
    #[inline(always)]
    fn at<S: Simd>(&self, v: Arithmetic<S>, place: usize, part: usize) -> Vector<S> {
        v.load(&self[place], part)
    }
}

/// Multiplies a line.
pub(in super::super) fn multiply<F: Factors + ?Sized>(line: &mut [Lanes], factors: &F) {
    in_vectors(Product { line, factors });
}

struct Product<'a, F: ?Sized> {
    line: &'a mut [Lanes],
    factors: &'a F,
}

impl<F: Factors + ?Sized> WithSimd for Product<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let v = Arithmetic(simd);
        for (place, value) in self.line.iter_mut().enumerate() {
            for part in 0..Arithmetic::<S>::PARTS {
                let factor = self.factors.at(v, place, part);
                v.store(v.multiply(v.load(value, part), factor), value, part);
            }
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

/// Calls a method of a pass with its radix as a constant.
macro_rules! with_radix {
    ($pass:expr, $method:ident, $($argument:expr),*) => {
        match $pass.radix {
            2 => $pass.$method::<S, 2>($($argument),*),
            3 => $pass.$method::<S, 3>($($argument),*),
            4 => $pass.$method::<S, 4>($($argument),*),
            5 => $pass.$method::<S, 5>($($argument),*),
            7 => $pass.$method::<S, 7>($($argument),*),
            _ => $pass.$method::<S, 8>($($argument),*),
        }
    };
}

struct Passes<'a> {
    passes: &'a [Pass],
    line: &'a mut [Lanes],
    inverse: bool,
}

impl WithSimd for Passes<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let v = Arithmetic(simd);
        if self.inverse {
            for pass in self.passes.iter().rev() {
                with_radix!(pass, inverse, v, self.line);
            }
        } else {
            for pass in self.passes {
                with_radix!(pass, forward, v, self.line);
            }
        }
    }
}

/// One transform, a product and the transform back; the two passes next to the product are done as one.
struct ThereAndBack<'a, F: ?Sized> {
    passes: &'a [Pass],
    line: &'a mut [Lanes],
    factors: &'a F,
    /// Whether the inverse transform comes first.
    inverse: bool,
}

impl<F: Factors + ?Sized> WithSimd for ThereAndBack<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let v = Arithmetic(simd);
        if self.inverse {
            if let Some((first, rest)) = self.passes.split_first() {
                for pass in rest.iter().rev() {
                    with_radix!(pass, inverse, v, self.line);
                }
                with_radix!(first, inverse_and_forward, v, self.line, self.factors);
                for pass in rest {
                    with_radix!(pass, forward, v, self.line);
                }
            }
        } else if let Some((last, rest)) = self.passes.split_last() {
            for pass in rest {
                with_radix!(pass, forward, v, self.line);
            }
            with_radix!(last, forward_and_inverse, v, self.line, self.factors);
            for pass in rest.iter().rev() {
                with_radix!(pass, inverse, v, self.line);
            }
        }
    }
}

/// Where the first point of a butterfly stands: number `j` of the block that begins at `start`, this `part` of its lanes.
#[derive(Clone, Copy)]
struct Place {
    start: usize,
    j: usize,
    part: usize,
}

impl Pass {
    fn new(radix: usize, spacing: usize) -> Self {
        let size = (radix * spacing) as f64;
        let twiddle = |j: usize, q: usize| {
            let exact = Complex64::cis(-TAU * (j * q) as f64 / size);
            Complex32::new(exact.re as f32, exact.im as f32)
        };
        let twiddles = (0..spacing).flat_map(|j| (1..radix).map(move |q| twiddle(j, q)));
        Self {
            radix,
            spacing,
            twiddles: twiddles.collect(),
        }
    }

    #[inline(always)]
    fn forward<S: Simd, const R: usize>(&self, v: Arithmetic<S>, line: &mut [Lanes])
    where
        Points<R>: Butterfly<R>,
    {
        self.butterflies(
            v,
            line,
            #[inline(always)]
            |place, points| self.twist::<S, R>(v, place, Points::<R>::of(v, points)),
        );
    }

    /// Backwards, with the conjugate factors: real and imaginary parts change places on the way in and out.
    #[inline(always)]
    fn inverse<S: Simd, const R: usize>(&self, v: Arithmetic<S>, line: &mut [Lanes])
    where
        Points<R>: Butterfly<R>,
    {
        self.butterflies(
            v,
            line,
            #[inline(always)]
            |place, points| self.untwisted::<S, R>(v, place, points),
        );
    }

    /// The last pass of an inverse transform, a product, the first pass of a forward one.
    #[inline(always)]
    fn inverse_and_forward<S: Simd, const R: usize>(
        &self,
        v: Arithmetic<S>,
        line: &mut [Lanes],
        factors: &(impl Factors + ?Sized),
    ) where
        Points<R>: Butterfly<R>,
    {
        self.butterflies(
            v,
            line,
            #[inline(always)]
            |place, points| {
                let mut points = self.untwisted::<S, R>(v, place, points);
                for (q, point) in points.iter_mut().enumerate() {
                    let at = place.start + place.j + q * self.spacing;
                    *point = v.multiply(*point, factors.at(v, at, place.part));
                }
                self.twist(v, place, Points::<R>::of(v, points))
            },
        );
    }

    /// The last pass of a forward transform, a product, the first pass of an inverse one.
    #[inline(always)]
    fn forward_and_inverse<S: Simd, const R: usize>(
        &self,
        v: Arithmetic<S>,
        line: &mut [Lanes],
        factors: &(impl Factors + ?Sized),
    ) where
        Points<R>: Butterfly<R>,
    {
        self.butterflies(
            v,
            line,
            #[inline(always)]
            |place, points| {
                let mut points = Points::<R>::of(v, points);
                for (q, point) in points.iter_mut().enumerate() {
                    let at = place.start + place.j + q * self.spacing;
                    *point = v.multiply(*point, factors.at(v, at, place.part));
                }
                v.swap(Points::<R>::of(v, v.swap(points)))
            },
        );
    }

    /// Replaces the points at place, place + spacing, … by `act(place, points)`, for all places of all blocks.
    #[inline(always)]
    fn butterflies<S: Simd, const R: usize>(
        &self,
        v: Arithmetic<S>,
        line: &mut [Lanes],
        act: impl Fn(Place, [Vector<S>; R]) -> [Vector<S>; R],
    ) {
        let spacing = self.spacing;
        for (number, block) in line.chunks_exact_mut(R * spacing).enumerate() {
            for j in 0..spacing {
                for part in 0..Arithmetic::<S>::PARTS {
                    let mut points = [v.load(&block[j], part); R];
                    for q in 1..R {
                        points[q] = v.load(&block[q * spacing + j], part);
                    }
                    let start = number * R * spacing;
                    let points = act(Place { start, j, part }, points);
                    for q in 0..R {
                        v.store(points[q], &mut block[q * spacing + j], part);
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn untwisted<S: Simd, const R: usize>(
        &self,
        v: Arithmetic<S>,
        place: Place,
        points: [Vector<S>; R],
    ) -> [Vector<S>; R]
    where
        Points<R>: Butterfly<R>,
    {
        v.swap(Points::<R>::of(v, self.twist(v, place, v.swap(points))))
    }

    /// Times the factors of a place.
    #[inline(always)]
    fn twist<S: Simd, const R: usize>(
        &self,
        v: Arithmetic<S>,
        place: Place,
        mut points: [Vector<S>; R],
    ) -> [Vector<S>; R] {
        if self.spacing == 1 {
            return points; // all factors are 1
        }
        let factors = &self.twiddles[place.j * (R - 1)..][..R - 1];
        for q in 1..R {
            points[q] = v.multiply(points[q], v.splat(factors[q - 1]));
        }
        points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
