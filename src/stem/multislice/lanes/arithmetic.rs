//! Complex arithmetic on vectors of single-precision numbers.

use super::{LANES, Lanes};
use pulp::Simd;
use rustfft::num_complex::Complex32;

/// As many complex numbers as a register holds, real and imaginary parts apart.
pub(in super::super) struct Vector<S: Simd> {
    re: S::f32s,
    im: S::f32s,
}

impl<S: Simd> Clone for Vector<S> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Simd> Copy for Vector<S> {}

/// The operations; products and sums are rounded one by one, so every processor finds the same bits.
#[derive(Clone, Copy)]
pub(in super::super) struct Arithmetic<S: Simd>(pub S);

impl<S: Simd> Arithmetic<S> {
    /// Registers that hold the real parts of [`Lanes`].
    pub(in super::super) const PARTS: usize = LANES / S::F32_LANES;

    #[inline(always)]
    pub(in super::super) fn load(self, lanes: &Lanes, part: usize) -> Vector<S> {
        Vector {
            re: S::as_simd_f32s(&lanes.re).0[part],
            im: S::as_simd_f32s(&lanes.im).0[part],
        }
    }

    #[inline(always)]
    pub(in super::super) fn store(self, value: Vector<S>, lanes: &mut Lanes, part: usize) {
        S::as_mut_simd_f32s(&mut lanes.re).0[part] = value.re;
        S::as_mut_simd_f32s(&mut lanes.im).0[part] = value.im;
    }

    /// The same number in all lanes.
    #[inline(always)]
    pub(in super::super) fn splat(self, value: Complex32) -> Vector<S> {
        Vector {
            re: self.0.splat_f32s(value.re),
            im: self.0.splat_f32s(value.im),
        }
    }

    #[inline(always)]
    pub(in super::super) fn add(self, a: Vector<S>, b: Vector<S>) -> Vector<S> {
        Vector {
            re: self.0.add_f32s(a.re, b.re),
            im: self.0.add_f32s(a.im, b.im),
        }
    }

    #[inline(always)]
    pub(super) fn sub(self, a: Vector<S>, b: Vector<S>) -> Vector<S> {
        Vector {
            re: self.0.sub_f32s(a.re, b.re),
            im: self.0.sub_f32s(a.im, b.im),
        }
    }

    /// a − ib.
    #[inline(always)]
    pub(super) fn add_turned(self, a: Vector<S>, b: Vector<S>) -> Vector<S> {
        Vector {
            re: self.0.add_f32s(a.re, b.im),
            im: self.0.sub_f32s(a.im, b.re),
        }
    }

    /// a + ib.
    #[inline(always)]
    pub(super) fn sub_turned(self, a: Vector<S>, b: Vector<S>) -> Vector<S> {
        Vector {
            re: self.0.sub_f32s(a.re, b.im),
            im: self.0.add_f32s(a.im, b.re),
        }
    }

    #[inline(always)]
    pub(super) fn scale(self, a: Vector<S>, factor: f32) -> Vector<S> {
        let factor = self.0.splat_f32s(factor);
        Vector {
            re: self.0.mul_f32s(a.re, factor),
            im: self.0.mul_f32s(a.im, factor),
        }
    }

    /// Factor · a + b.
    #[inline(always)]
    pub(super) fn scale_add(self, a: Vector<S>, factor: f32, b: Vector<S>) -> Vector<S> {
        self.add(self.scale(a, factor), b)
    }

    #[inline(always)]
    pub(in super::super) fn multiply(self, a: Vector<S>, b: Vector<S>) -> Vector<S> {
        let Self(simd) = self;
        Vector {
            re: simd.sub_f32s(simd.mul_f32s(a.re, b.re), simd.mul_f32s(a.im, b.im)),
            im: simd.add_f32s(simd.mul_f32s(a.re, b.im), simd.mul_f32s(a.im, b.re)),
        }
    }

    /// a where |`number`| is at most the limit of the lane, 0 elsewhere.
    #[inline(always)]
    pub(in super::super) fn limit(
        self,
        a: Vector<S>,
        number: f32,
        limits: &[f32; LANES],
        part: usize,
    ) -> Vector<S> {
        let Self(simd) = self;
        let limit = S::as_simd_f32s(limits).0[part];
        let inside = simd.less_than_or_equal_f32s(simd.splat_f32s(number), limit);
        let zero = simd.splat_f32s(0.0);
        Vector {
            re: simd.select_f32s(inside, a.re, zero),
            im: simd.select_f32s(inside, a.im, zero),
        }
    }

    /// Real and imaginary parts changed for one another: i times the conjugate.
    #[inline(always)]
    pub(super) fn swap<const N: usize>(self, mut all: [Vector<S>; N]) -> [Vector<S>; N] {
        for a in &mut all {
            *a = Vector { re: a.im, im: a.re };
        }
        all
    }
}
