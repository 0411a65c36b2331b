//! From electrons that reach a detector to the numbers in a file.

use crate::random::{Purpose, Stream};
use crate::stem::Exposure;
use crate::units::Seed;
use crate::{Error, Result};
use ndarray::Array2;
use rand_distr::{Distribution, Poisson};

/// How a detector counts: c = offset + gain·(N + r), N the electrons that arrive, Poisson about their expectation, and r
/// normal noise of the electronics, once a pixel; rounded and cut off where there is a converter.
///
/// Without a converter the mean is offset + gain·λ and the variance gain²·(λ + `noise_variance`); rounding adds 1/12.
///
/// ```
/// use dosewise::stem::{Exposure, Readout};
/// use dosewise::units::Seed;
/// let image = ndarray::Array2::from_elem((64, 64), 0.05); // share of the beam
/// let readout = Readout { gain: 20.0, offset: 100.0, bits: Some(12), ..Readout::COUNTING };
/// let counts = readout.read(&image, Exposure::beam(20.0, 4.0)?, Seed(1), 0)?;
/// let expected = 100.0 + 20.0 * 0.05 * 499.3;
/// assert!((counts.mean().unwrap() - expected).abs() < 5.0);
/// assert!(counts.iter().all(|c| c.fract() == 0.0 && *c <= 4095.0));
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Readout {
    /// Counts per electron.
    pub gain: f64,
    /// Variance of the noise of the electronics, electrons²: the square of the readout noise that makers state.
    pub noise_variance: f64,
    /// Counts without electrons.
    pub offset: f64,
    /// Bits of the converter, which gives whole numbers from 0 to 2^bits − 1; `None` leaves real numbers.
    pub bits: Option<u32>,
}

impl Default for Readout {
    fn default() -> Self {
        Self::COUNTING
    }
}

impl Readout {
    /// Counts every electron, once, without noise of its own.
    pub const COUNTING: Self = Self {
        gain: 1.0,
        noise_variance: 0.0,
        offset: 0.0,
        bits: None,
    };

    /// What the detector makes of an image of `shares` of the beam: counts, of the same shape.
    ///
    /// Pixel i of the frame number `frame` has its own random numbers, which nothing else changes: give each detector,
    /// thickness and repetition a number of its own.
    ///
    /// # Errors
    /// [`Error::Argument`] for a share that is negative or no number, a gain that is not positive and finite, a variance
    /// that is negative, an offset that is not finite, and bits outside 1..=32.
    pub fn read(
        &self,
        shares: &Array2<f64>,
        exposure: Exposure,
        seed: Seed,
        frame: u64,
    ) -> Result<Array2<f64>> {
        self.check()?;
        let largest = self.bits.map(|bits| f64::from(bits).exp2() - 1.0);
        let mut counts = Array2::zeros(shares.dim());
        for (pixel, (count, &share)) in counts.iter_mut().zip(shares).enumerate() {
            let expected = share * exposure.electrons();
            if !(0.0..=1e3 * Exposure::MAX_ELECTRONS).contains(&expected) {
                let rule = "shares of the beam, from 0 on";
                return Err(Error::argument(
                    format!("shares, pixel {pixel}"),
                    share,
                    rule,
                ));
            }
            let key = [frame, pixel as u64];
            let mut electrons = match Poisson::new(expected) {
                Ok(law) => law.sample(&mut Stream::new(seed, Purpose::Counts, key)),
                Err(_) => 0.0, // an expectation of 0
            };
            if self.noise_variance > 0.0 {
                let noise = Stream::new(seed, Purpose::Readout, key).normal();
                electrons += self.noise_variance.sqrt() * noise;
            }
            let signal = self.offset + self.gain * electrons;
            *count = match largest {
                Some(largest) => signal.round().clamp(0.0, largest),
                None => signal,
            };
        }
        Ok(counts)
    }

    /// What one electron more adds to the counts, taken back: (c − offset)/gain, electrons.
    pub fn electrons(&self, counts: f64) -> f64 {
        (counts - self.offset) / self.gain
    }

    fn check(&self) -> Result<()> {
        let positive = self.gain > 0.0 && self.gain.is_finite();
        if !positive {
            return Err(Error::argument("gain", self.gain, "positive and finite"));
        }
        if !(0.0..=1e12).contains(&self.noise_variance) {
            let rule = "a variance of 0 to 1e12 electrons²";
            return Err(Error::argument("noise_variance", self.noise_variance, rule));
        }
        if !self.offset.is_finite() {
            return Err(Error::argument("offset", self.offset, "a finite number"));
        }
        match self.bits {
            Some(bits) if !(1..=32).contains(&bits) => {
                Err(Error::argument("bits", bits, "1..=32 bits"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and variance of the counts of 40 000 pixels.
    fn moments(readout: Readout, expected: f64) -> (f64, f64) {
        let shares = Array2::from_elem((200, 200), 0.25);
        let exposure = Exposure::electrons_each(4.0 * expected).unwrap();
        let counts = readout.read(&shares, exposure, Seed(3), 1).unwrap();
        let mean = counts.mean().unwrap();
        (mean, counts.mapv(|c| (c - mean).powi(2)).sum() / 39_999.0)
    }

    #[test]
    fn mean_and_variance_are_those_of_the_formula() {
        for (gain, noise_variance, offset, bits, expected) in [
            (1.0, 0.0, 0.0, None, 0.4),
            (1.0, 0.0, 0.0, None, 900.0),
            (3.5, 4.0, 20.0, None, 7.0),
            (3.5, 4.0, 60.0, Some(16), 30.0),
        ] {
            let readout = Readout {
                gain,
                noise_variance,
                offset,
                bits,
            };
            let (mean, variance) = moments(readout, expected);
            let rounding = if bits.is_some() { 1.0 / 12.0 } else { 0.0 };
            let exact = gain * gain * (expected + noise_variance) + rounding;
            let n = 40_000.0_f64;
            // the fourth moment of a Poisson law is 3λ² + λ
            let error_of_variance = (2.0 * exact * exact + gain.powi(4) * expected).sqrt();
            assert!((mean - offset - gain * expected).abs() < 4.0 * (exact / n).sqrt());
            assert!(
                (variance - exact).abs() < 4.0 * error_of_variance / n.sqrt(),
                "{variance} {exact}"
            );
            assert!((readout.electrons(mean) - expected).abs() < 0.05 * expected.max(1.0));
        }
    }

    #[test]
    fn the_converter_saturates_and_never_goes_below_zero() {
        let readout = Readout {
            gain: 10.0,
            noise_variance: 100.0,
            bits: Some(8),
            ..Readout::COUNTING
        };
        let shares = Array2::from_shape_fn((50, 50), |(row, _)| if row < 25 { 0.0 } else { 1.0 });
        let exposure = Exposure::electrons_each(100.0).unwrap();
        let counts = readout.read(&shares, exposure, Seed(0), 0).unwrap();
        assert!(
            counts
                .iter()
                .all(|c| (0.0..=255.0).contains(c) && c.fract() == 0.0)
        );
        assert!(counts[[3, 3]] < 255.0 && counts.iter().any(|c| *c == 0.0));
        assert!(counts.iter().skip(25 * 50).all(|c| *c == 255.0));
    }

    #[test]
    fn pixels_and_frames_have_numbers_of_their_own() {
        let shares = Array2::from_elem((8, 8), 0.5);
        let exposure = Exposure::electrons_each(1000.0).unwrap();
        let read = |shares: &Array2<f64>, seed, frame| {
            (Readout::COUNTING.read(shares, exposure, Seed(seed), frame)).unwrap()
        };
        assert_eq!(read(&shares, 1, 0), read(&shares, 1, 0));
        assert_ne!(read(&shares, 1, 0), read(&shares, 1, 1));
        assert_ne!(read(&shares, 1, 0), read(&shares, 2, 0));
        let mut other = shares.clone();
        other[[0, 0]] = 0.1;
        let (a, b) = (read(&shares, 1, 0), read(&other, 1, 0));
        assert!(a.iter().zip(&b).skip(1).all(|(a, b)| a == b));
    }

    #[test]
    fn impossible_readouts_are_refused_by_name() {
        let shares = Array2::from_elem((2, 2), 0.5);
        let exposure = Exposure::electrons_each(10.0).unwrap();
        let sound = Readout::COUNTING;
        for (readout, named) in [
            (Readout { gain: 0.0, ..sound }, "gain"),
            (
                Readout {
                    gain: f64::NAN,
                    ..sound
                },
                "gain",
            ),
            (
                Readout {
                    noise_variance: -1.0,
                    ..sound
                },
                "noise_variance",
            ),
            (
                Readout {
                    offset: f64::INFINITY,
                    ..sound
                },
                "offset",
            ),
            (
                Readout {
                    bits: Some(0),
                    ..sound
                },
                "bits",
            ),
            (
                Readout {
                    bits: Some(33),
                    ..sound
                },
                "bits",
            ),
        ] {
            let message = readout
                .read(&shares, exposure, Seed(0), 0)
                .unwrap_err()
                .to_string();
            assert!(message.starts_with(named), "{message}");
        }
        for bad in [f64::NAN, -0.1, f64::INFINITY] {
            let shares = Array2::from_elem((2, 2), bad);
            let message = sound
                .read(&shares, exposure, Seed(0), 0)
                .unwrap_err()
                .to_string();
            assert!(message.starts_with("shares, pixel 0"), "{message}");
        }
    }
}
