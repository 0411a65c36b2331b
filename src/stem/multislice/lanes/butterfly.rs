//! Fourier transforms of a few points, Σ xₙ exp(−2πi nk/N) for k = 0 … N − 1.
//!
//! The odd ones pair n with N − n, so that sines and cosines meet real factors only; eight points are two times four and
//! four times two (C. Van Loan, *Computational Frameworks for the Fast Fourier Transform*, SIAM 1992, chapter 2).

use super::arithmetic::{Arithmetic, Vector};
use pulp::Simd;
use std::f32::consts::FRAC_1_SQRT_2;

/// A transform of N points. A trait rather than a function, because only its methods are compiled together with the
/// vector instructions of whoever calls them.
pub(super) trait Butterfly<const N: usize> {
    fn of<S: Simd>(v: Arithmetic<S>, points: [Vector<S>; N]) -> [Vector<S>; N];
}

/// The transform of so many points.
pub(super) struct Points<const N: usize>;

impl Butterfly<2> for Points<2> {
    #[inline(always)]
    fn of<S: Simd>(v: Arithmetic<S>, [a, b]: [Vector<S>; 2]) -> [Vector<S>; 2] {
        [v.add(a, b), v.sub(a, b)]
    }
}

impl Butterfly<3> for Points<3> {
    #[inline(always)]
    fn of<S: Simd>(v: Arithmetic<S>, [a, b, c]: [Vector<S>; 3]) -> [Vector<S>; 3] {
        /// sin 2π/3
        const SIN: f32 = 0.866_025_4;
        let (sum, odd) = (v.add(b, c), v.scale(v.sub(b, c), SIN));
        let even = v.scale_add(sum, -0.5, a);
        [
            v.add(a, sum),
            v.add_turned(even, odd),
            v.sub_turned(even, odd),
        ]
    }
}

impl Butterfly<4> for Points<4> {
    #[inline(always)]
    fn of<S: Simd>(v: Arithmetic<S>, [a, b, c, d]: [Vector<S>; 4]) -> [Vector<S>; 4] {
        let (sum, difference) = ([v.add(a, c), v.add(b, d)], [v.sub(a, c), v.sub(b, d)]);
        [
            v.add(sum[0], sum[1]),
            v.add_turned(difference[0], difference[1]),
            v.sub(sum[0], sum[1]),
            v.sub_turned(difference[0], difference[1]),
        ]
    }
}

impl Butterfly<5> for Points<5> {
    #[inline(always)]
    fn of<S: Simd>(v: Arithmetic<S>, [a, b, c, d, e]: [Vector<S>; 5]) -> [Vector<S>; 5] {
        /// cos 2πn/5 and sin 2πn/5 for n = 1, 2
        const COS: [f32; 2] = [0.309_017, -0.809_017];
        const SIN: [f32; 2] = [0.951_056_5, 0.587_785_25];
        let (sum, difference) = ([v.add(b, e), v.add(c, d)], [v.sub(b, e), v.sub(c, d)]);
        let even = [
            v.scale_add(sum[0], COS[0], v.scale_add(sum[1], COS[1], a)),
            v.scale_add(sum[0], COS[1], v.scale_add(sum[1], COS[0], a)),
        ];
        let odd = [
            v.scale_add(difference[0], SIN[0], v.scale(difference[1], SIN[1])),
            v.scale_add(difference[0], SIN[1], v.scale(difference[1], -SIN[0])),
        ];
        [
            v.add(a, v.add(sum[0], sum[1])),
            v.add_turned(even[0], odd[0]),
            v.add_turned(even[1], odd[1]),
            v.sub_turned(even[1], odd[1]),
            v.sub_turned(even[0], odd[0]),
        ]
    }
}

impl Butterfly<7> for Points<7> {
    #[inline(always)]
    fn of<S: Simd>(v: Arithmetic<S>, [a, b, c, d, e, f, g]: [Vector<S>; 7]) -> [Vector<S>; 7] {
        /// cos 2πn/7 and sin 2πn/7 for n = 1, 2, 3
        const COS: [f32; 3] = [0.623_489_8, -0.222_520_93, -0.900_968_9];
        const SIN: [f32; 3] = [0.781_831_5, 0.974_927_9, 0.433_883_74];
        let sums = [v.add(b, g), v.add(c, f), v.add(d, e)];
        let differences = [v.sub(b, g), v.sub(c, f), v.sub(d, e)];
        let even = [
            v.add(a, weighted(v, sums, COS)),
            v.add(a, weighted(v, sums, [COS[1], COS[2], COS[0]])),
            v.add(a, weighted(v, sums, [COS[2], COS[0], COS[1]])),
        ];
        let odd = [
            weighted(v, differences, SIN),
            weighted(v, differences, [SIN[1], -SIN[2], -SIN[0]]),
            weighted(v, differences, [SIN[2], -SIN[0], SIN[1]]),
        ];
        [
            v.add(v.add(a, sums[0]), v.add(sums[1], sums[2])),
            v.add_turned(even[0], odd[0]),
            v.add_turned(even[1], odd[1]),
            v.add_turned(even[2], odd[2]),
            v.sub_turned(even[2], odd[2]),
            v.sub_turned(even[1], odd[1]),
            v.sub_turned(even[0], odd[0]),
        ]
    }
}

impl Butterfly<8> for Points<8> {
    #[inline(always)]
    fn of<S: Simd>(v: Arithmetic<S>, [a, b, c, d, e, f, g, h]: [Vector<S>; 8]) -> [Vector<S>; 8] {
        let even = Points::<4>::of(v, [a, c, e, g]);
        let odd = Points::<4>::of(v, [b, d, f, h]);
        // √2 exp(∓iπ/4) times the first and the third; the root is divided out below
        let (first, third) = (v.add_turned(odd[1], odd[1]), v.sub_turned(odd[3], odd[3]));
        [
            v.add(even[0], odd[0]),
            v.scale_add(first, FRAC_1_SQRT_2, even[1]),
            v.add_turned(even[2], odd[2]),
            v.scale_add(third, -FRAC_1_SQRT_2, even[3]),
            v.sub(even[0], odd[0]),
            v.scale_add(first, -FRAC_1_SQRT_2, even[1]),
            v.sub_turned(even[2], odd[2]),
            v.scale_add(third, FRAC_1_SQRT_2, even[3]),
        ]
    }
}

#[inline(always)]
fn weighted<S: Simd>(v: Arithmetic<S>, [a, b, c]: [Vector<S>; 3], factors: [f32; 3]) -> Vector<S> {
    let rest = v.scale_add(b, factors[1], v.scale(c, factors[2]));
    v.scale_add(a, factors[0], rest)
}
