//! Plain loops compiled for the vector instructions of the machine at hand.
//!
//! Rust compiles for the oldest processor of a family, on x86-64 for two numbers an instruction. Code inside
//! [`vectorised`] is compiled a second time for newer ones (AVX2, four numbers), and the better copy is chosen when it
//! runs. Both copies give the same bits: the compiler neither reorders sums nor fuses multiplications with additions.

/// Runs `work` with the widest vector instructions there are.
///
/// Only what is inlined into `work` gains: mark the closure and the functions it calls `#[inline(always)]`.
#[inline(always)]
pub(crate) fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}

/// Runs `work`, which is written in vectors of at most eight single-precision numbers.
///
/// For loops that the compiler does not find the vectors in by itself. Every method and closure that `work` uses must be
/// marked `#[inline(always)]`; plain functions passed as values are not compiled again.
#[inline(always)]
pub(crate) fn in_vectors<W: pulp::WithSimd>(work: W) -> W::Output {
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = pulp::x86::V3::try_new() {
        return pulp::Simd::vectorize(simd, work);
    }
    pulp::Arch::new().dispatch(work)
}

/// Σ aⱼ bⱼ in eight interleaved partial sums, always the same ones, so that the result depends on nothing else.
#[inline(always)]
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let tail: f64 = a8
        .remainder()
        .iter()
        .zip(b8.remainder())
        .map(|(x, y)| x * y)
        .sum();
    for (x, y) in a8.zip(b8) {
        for k in 0..8 {
            lanes[k] += x[k] * y[k];
        }
    }
    lanes.iter().sum::<f64>() + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_copies_give_the_same_bits() {
        for length in [0, 1, 7, 8, 129, 1000] {
            let a: Vec<f64> = (0..length).map(|i| (i as f64 * 0.7).sin()).collect();
            let b: Vec<f64> = (0..length).map(|i| (i as f64).sqrt()).collect();
            let wide = vectorised(
                #[inline(always)]
                || dot(&a, &b),
            );
            assert_eq!(wide.to_bits(), dot(&a, &b).to_bits());
            let exact: f64 = a.iter().zip(&b).map(|(x, y)| x * y).sum();
            assert!((wide - exact).abs() < 1e-11);
        }
    }
}
