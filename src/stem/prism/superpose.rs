//! Weighted sums of waves, the inner loop of PRISM.
//!
//! Real and imaginary parts lie in lines of their own, so that neighbours fill a vector register without being shuffled.
//! The sum over the waves runs innermost, with a stretch of the result in registers.

use crate::vector::vectorised;
use rustfft::num_complex::Complex32;

/// Numbers of the result that are summed at a time.
const STRETCH: usize = 16;

/// A line of complex numbers, parts apart.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    re: &'a [f32],
    im: &'a [f32],
}

impl<'a> Line<'a> {
    /// Line number `number` of those that follow one another in `parts`, each `length` real parts, then as many imaginary.
    #[inline(always)]
    pub(super) fn of(parts: &'a [f32], number: usize, length: usize) -> Self {
        let (re, im) = parts[2 * number * length..2 * (number + 1) * length].split_at(length);
        Self { re, im }
    }
}

/// `sum[i]` = Σⱼ cⱼ zⱼ[start + i], lines that end before `sum` does being continued from their beginning.
pub(super) fn superpose(
    coefficients: &[Complex32],
    lines: &[Line],
    start: usize,
    sum: &mut [Complex32],
) {
    let length = lines.first().map_or(0, |line| line.re.len());
    let (ahead, again) = sum.split_at_mut((length - start).min(sum.len()));
    vectorised(
        #[inline(always)]
        || {
            without_wrap(coefficients, lines, start, ahead);
            without_wrap(coefficients, lines, 0, again);
        },
    );
}

#[inline(always)]
fn without_wrap(coefficients: &[Complex32], lines: &[Line], start: usize, sum: &mut [Complex32]) {
    let whole = sum.len() / STRETCH * STRETCH;
    let (stretches, rest) = sum.split_at_mut(whole);
    stretches_of::<STRETCH>(coefficients, lines, start, stretches);
    stretches_of::<1>(coefficients, lines, start + whole, rest);
}

#[inline(always)]
fn stretches_of<const N: usize>(
    coefficients: &[Complex32],
    lines: &[Line],
    start: usize,
    sum: &mut [Complex32],
) {
    for (index, sum) in sum.chunks_exact_mut(N).enumerate() {
        let place = start + index * N;
        let (mut re, mut im) = ([0.0_f32; N], [0.0_f32; N]);
        for (c, line) in coefficients.iter().zip(lines) {
            let (x, y) = (&line.re[place..][..N], &line.im[place..][..N]);
            for lane in 0..N {
                re[lane] += c.re * x[lane] - c.im * y[lane];
                im[lane] += c.re * y[lane] + c.im * x[lane];
            }
        }
        for (lane, sum) in sum.iter_mut().enumerate() {
            *sum = Complex32::new(re[lane], im[lane]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustfft::num_complex::Complex64;

    #[test]
    fn it_is_the_sum_and_lines_go_round() {
        let (count, length) = (7, 50);
        let parts: Vec<f32> = (0..2 * count * length).map(|i| (i as f32).sin()).collect();
        let coefficients: Vec<_> = (0..count)
            .map(|j| Complex32::from_polar(1.0 + j as f32, j as f32))
            .collect();
        let lines: Vec<_> = (0..count).map(|j| Line::of(&parts, j, length)).collect();
        for (start, wanted) in [(0, 50), (0, 16), (20, 30), (20, 47), (49, 33), (3, 1)] {
            let mut found = vec![Complex32::ZERO; wanted];
            superpose(&coefficients, &lines, start, &mut found);
            for (i, found) in found.iter().enumerate() {
                let place = (start + i) % length;
                let terms = coefficients.iter().enumerate().map(|(j, c)| {
                    let (re, im) = (
                        parts[2 * j * length + place],
                        parts[(2 * j + 1) * length + place],
                    );
                    Complex64::new(c.re.into(), c.im.into()) * Complex64::new(re.into(), im.into())
                });
                let expected: Complex64 = terms.sum();
                let found = Complex64::new(found.re.into(), found.im.into());
                assert!(
                    (found - expected).norm() < 1e-5,
                    "{start} {i}: {found} {expected}"
                );
            }
        }
    }
}
