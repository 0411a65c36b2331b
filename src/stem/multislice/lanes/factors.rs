//! Products of a line with given factors.

use super::Lanes;
use super::arithmetic::{Arithmetic, Vector};
use crate::vector::in_vectors;
use pulp::{Simd, WithSimd};

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
