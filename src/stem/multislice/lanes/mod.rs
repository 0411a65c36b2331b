//! One-dimensional Fourier transforms of eight lines at a time, one in each lane of the vector registers.
//!
//! A library that transforms one line after the other has to shuffle neighbouring numbers of it between lanes. Here the
//! eight lines never meet, so a butterfly is the textbook's, on vectors instead of numbers. The forward transform leaves
//! its frequencies in the order in which they arise and the inverse one takes them in that order
//! ([`LaneTransform::frequencies`] tells it): what is multiplied by in between is put into that order once, and nothing is
//! ever reordered.
//!
//! `arithmetic` has the operations on vectors, `butterfly` the transforms of two to eight points, `passes` what they do to
//! a line, `factors` what a line is multiplied by on the way, `transform` the whole, `tile` the way from lanes to lines.

mod arithmetic;
mod butterfly;
mod factors;
mod passes;
mod tile;
mod transform;

pub(super) use arithmetic::{Arithmetic, Vector};
pub(super) use factors::{Factors, multiply};
pub(super) use tile::turned_over;
pub(super) use transform::LaneTransform;

use rustfft::num_complex::Complex32;

/// Lines that are transformed together.
pub(super) const LANES: usize = 8;

/// One complex number of each of the [`LANES`] lines.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub(super) struct Lanes {
    pub re: [f32; LANES],
    pub im: [f32; LANES],
}

impl Lanes {
    pub(super) const ZERO: Self = Self {
        re: [0.0; LANES],
        im: [0.0; LANES],
    };

    /// The number of each line, 0 for lines that `number` does not have.
    pub(super) fn from_fn(number: impl Fn(usize) -> Option<Complex32>) -> Self {
        let mut lanes = Self::ZERO;
        for lane in 0..LANES {
            lanes.set(lane, number(lane).unwrap_or_default());
        }
        lanes
    }

    /// The number of one line.
    #[inline(always)]
    pub(super) fn get(&self, lane: usize) -> Complex32 {
        Complex32::new(self.re[lane], self.im[lane])
    }

    /// Replaces the number of one line.
    #[inline(always)]
    pub(super) fn set(&mut self, lane: usize, value: Complex32) {
        self.re[lane] = value.re;
        self.im[lane] = value.im;
    }
}
