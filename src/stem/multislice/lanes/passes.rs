//! The passes of a transform over its line.

use super::Lanes;
use super::arithmetic::{Arithmetic, Vector};
use super::butterfly::{Butterfly, Points};
use super::factors::Factors;
use pulp::{Simd, WithSimd};
use rustfft::num_complex::{Complex32, Complex64};
use std::f64::consts::TAU;

/// Butterflies of `radix` points that are `spacing` apart.
pub(super) struct Pass {
    pub radix: usize,
    pub spacing: usize,
    /// exp(−2πi jq/(radix·spacing)) for each place j < spacing and output q = 1 … radix − 1.
    twiddles: Vec<Complex32>,
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

/// One transform.
pub(super) struct Passes<'a> {
    pub passes: &'a [Pass],
    pub line: &'a mut [Lanes],
    pub inverse: bool,
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
pub(super) struct ThereAndBack<'a, F: ?Sized> {
    pub passes: &'a [Pass],
    pub line: &'a mut [Lanes],
    pub factors: &'a F,
    /// Whether the inverse transform comes first.
    pub inverse: bool,
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
    pub(super) fn new(radix: usize, spacing: usize) -> Self {
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

    /// Multiplies the points of a butterfly by the factors of their places.
    #[inline(always)]
    fn multiply<S: Simd, const R: usize>(
        &self,
        v: Arithmetic<S>,
        place: Place,
        points: &mut [Vector<S>; R],
        factors: &(impl Factors + ?Sized),
    ) {
        for (q, point) in points.iter_mut().enumerate() {
            let at = place.start + place.j + q * self.spacing;
            *point = v.multiply(*point, factors.at(v, at, place.part));
        }
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
                self.multiply(v, place, &mut points, factors);
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
                self.multiply(v, place, &mut points, factors);
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
