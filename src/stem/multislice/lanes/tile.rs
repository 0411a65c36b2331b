//! Turning over tiles of 8 × 8 numbers, so that what was a lane becomes a line.

use super::{LANES, Lanes};
use pulp::Simd;
use std::any::Any;

/// Number j of lane i becomes number i of lane j.
#[inline(always)]
pub(in super::super) fn turned_over<S: Simd>(simd: S, tile: &[Lanes; LANES]) -> [Lanes; LANES] {
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = (&simd as &dyn Any).downcast_ref::<pulp::x86::V3>() {
        return turned_over_by_shuffles(*simd, tile);
    }
    let _ = simd;
    let mut turned = [Lanes::ZERO; LANES];
    for (i, value) in tile.iter().enumerate() {
        for (j, turned) in turned.iter_mut().enumerate() {
            turned.set(i, value.get(j));
        }
    }
    turned
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn turned_over_by_shuffles(simd: pulp::x86::V3, tile: &[Lanes; LANES]) -> [Lanes; LANES] {
    let (mut re, mut im) = ([[0.0; LANES]; LANES], [[0.0; LANES]; LANES]);
    for ((re, im), value) in re.iter_mut().zip(&mut im).zip(tile) {
        (*re, *im) = (value.re, value.im);
    }
    let (re, im) = (transposed(simd, re), transposed(simd, im));
    let mut turned = [Lanes::ZERO; LANES];
    for ((turned, re), im) in turned.iter_mut().zip(re).zip(im) {
        *turned = Lanes { re, im };
    }
    turned
}

/// Pairs of rows are merged number by number, then pair by pair, then half by half.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn transposed(simd: pulp::x86::V3, rows: [[f32; LANES]; LANES]) -> [[f32; LANES]; LANES] {
    use pulp::cast;
    let avx = simd.avx;
    let [a, b, c, d, e, f, g, h] = [
        cast(rows[0]),
        cast(rows[1]),
        cast(rows[2]),
        cast(rows[3]),
        cast(rows[4]),
        cast(rows[5]),
        cast(rows[6]),
        cast(rows[7]),
    ];
    let (ab, ab_high) = (avx._mm256_unpacklo_ps(a, b), avx._mm256_unpackhi_ps(a, b));
    let (cd, cd_high) = (avx._mm256_unpacklo_ps(c, d), avx._mm256_unpackhi_ps(c, d));
    let (ef, ef_high) = (avx._mm256_unpacklo_ps(e, f), avx._mm256_unpackhi_ps(e, f));
    let (gh, gh_high) = (avx._mm256_unpacklo_ps(g, h), avx._mm256_unpackhi_ps(g, h));
    /// The first pair of each operand, and the second.
    const FIRST: i32 = 0b01_00_01_00;
    const SECOND: i32 = 0b11_10_11_10;
    let upper = [
        avx._mm256_shuffle_ps::<FIRST>(ab, cd),
        avx._mm256_shuffle_ps::<SECOND>(ab, cd),
        avx._mm256_shuffle_ps::<FIRST>(ab_high, cd_high),
        avx._mm256_shuffle_ps::<SECOND>(ab_high, cd_high),
    ];
    let lower = [
        avx._mm256_shuffle_ps::<FIRST>(ef, gh),
        avx._mm256_shuffle_ps::<SECOND>(ef, gh),
        avx._mm256_shuffle_ps::<FIRST>(ef_high, gh_high),
        avx._mm256_shuffle_ps::<SECOND>(ef_high, gh_high),
    ];
    let mut columns = [[0.0; LANES]; LANES];
    for i in 0..4 {
        columns[i] = cast(avx._mm256_permute2f128_ps::<0x20>(upper[i], lower[i]));
        columns[i + 4] = cast(avx._mm256_permute2f128_ps::<0x31>(upper[i], lower[i]));
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector::in_vectors;
    use pulp::WithSimd;
    use rustfft::num_complex::Complex32;

    struct Turn<'a>(&'a [Lanes; LANES]);

    impl WithSimd for Turn<'_> {
        type Output = [Lanes; LANES];

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> [Lanes; LANES] {
            turned_over(simd, self.0)
        }
    }

    #[test]
    fn lanes_become_numbers_by_either_way() {
        let number = |i: usize, j: usize| Complex32::new((8 * i + j) as f32, 0.5);
        let tile = std::array::from_fn(|i| Lanes::from_fn(|j| Some(number(i, j))));
        let expected = std::array::from_fn(|i| Lanes::from_fn(|j| Some(number(j, i))));
        assert_eq!(in_vectors(Turn(&tile)), expected);
        assert_eq!(turned_over(pulp::Scalar, &tile), expected);
    }
}
