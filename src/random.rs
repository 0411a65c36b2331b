//! Counter-based random streams: every random number is a function of (seed, purpose, key), never of history.
//!
//! Two policies that give the same place the same dose therefore see the same electrons (as far as drift has not moved
//! the specimen in between), and nothing depends on the order of events or the number of threads. Each stream is a SplitMix64 generator (Steele, Lea & Flood,
//! OOPSLA 2014, doi 10.1145/2714064.2660195) whose state is hashed from its key.

use crate::units::Seed;
use rand::{RngExt, TryRng};
use rand_distr::{Distribution, StandardNormal};
use std::convert::Infallible;

/// What a stream is for; streams of different purpose are independent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum Purpose {
    /// Which sites are defects.
    Defects = 1,
    /// The dose at which an atom is knocked out.
    DamageThreshold = 2,
    /// Detected electrons at a probe position.
    Counts = 3,
    /// Readout and gain noise of the detector.
    Readout = 4,
    /// Direction of the specimen drift.
    Drift = 5,
    /// Offset of a scan line.
    LineJitter = 6,
    /// Offset of a single probe position.
    PixelJitter = 7,
    /// Choices a policy makes at random.
    Policy = 8,
    /// Resampling and restarts in statistics and optimisation.
    Resampling = 9,
    /// Times and directions of sudden shifts of the stage.
    Kicks = 11,
    /// Direction and phase of the mains' hum.
    Hum = 12,
    /// Where and when specks appear.
    Nucleation = 13,
    /// Where an atom that hops lands.
    Hop = 14,
    /// Displacement of a vibrating atom in a frozen snapshot.
    Phonons = 20,
    /// Grains of other phases in a crystal.
    Inclusions = 30,
    /// Domains between planar faults.
    Faults = 31,
    /// Domains of polarisation and the interface they end at.
    Polarisation = 32,
    /// Shape of a particle and its surface.
    Particle = 33,
    /// Atoms of the film that a particle lies on.
    Support = 34,
    /// The smooth course of a composition.
    Composition = 35,
    /// Which atoms of a column a composition replaces.
    Replacement = 36,
}

/// What names a stream: a hash of (seed, purpose) and of any number of further parts.
///
/// Hot loops keep the key of what stays the same and add the rest, one multiply-and-shift hash for a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamKey(u64);

impl StreamKey {
    /// The key that all streams of `purpose` under `seed` begin with.
    pub(crate) const fn new(seed: Seed, purpose: Purpose) -> Self {
        Self(mix(seed.0.wrapping_add(GOLDEN))).with(purpose as u64)
    }

    /// The key with one more part.
    #[inline]
    pub(crate) const fn with(self, part: u64) -> Self {
        Self(mix(
            self.0.wrapping_add(GOLDEN) ^ part.wrapping_mul(0xD6E8_FEB8_6659_FD93)
        ))
    }

    /// The key with two more parts for the price of one hash.
    #[inline]
    pub(crate) const fn with_pair(self, first: u64, second: u64) -> Self {
        let parts = first.wrapping_mul(0xD6E8_FEB8_6659_FD93)
            ^ second.wrapping_mul(0xA076_1D64_78BD_642F).rotate_left(32);
        Self(mix(self.0.wrapping_add(GOLDEN) ^ parts))
    }

    /// The stream of that name.
    #[inline]
    pub(crate) const fn stream(self) -> Stream {
        Stream { state: self.0 }
    }

    /// One draw without a stream: 64 random bits that the stream itself does not give.
    #[inline]
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }
}

/// A reproducible stream of random numbers; implements the generator traits of `rand`.
///
/// ```
/// use dosewise::random::{Purpose, Stream};
/// use dosewise::units::Seed;
/// use rand::RngExt;
/// let draw = |key| Stream::new(Seed(1), Purpose::Counts, key).random::<u64>();
/// assert_eq!(draw([3, 4]), draw([3, 4]));
/// assert_ne!(draw([3, 4]), draw([4, 3]));
/// ```
#[derive(Debug, Clone)]
pub struct Stream {
    state: u64,
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

#[inline]
const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A permutation of the 64-bit numbers that leaves no pattern: for keys.
#[inline]
pub(crate) fn mixed(key: u64) -> u64 {
    mix(key.wrapping_add(GOLDEN))
}

impl Stream {
    /// The stream of `purpose` under `seed` for a two-part key, e.g. (atom, 0) or (position, visit).
    pub fn new(seed: Seed, purpose: Purpose, key: [u64; 2]) -> Self {
        StreamKey::new(seed, purpose)
            .with(key[0])
            .with(key[1])
            .stream()
    }

    /// A standard normal deviate (Box-Muller, which spends exactly two draws and so keeps streams aligned).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.random::<f64>()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.random::<f64>()).cos()
    }

    /// Two independent standard normal deviates for the price of one.
    pub fn normals(&mut self) -> [f64; 2] {
        let radius = (-2.0 * (1.0 - self.random::<f64>()).ln()).sqrt();
        let (sine, cosine) = (std::f64::consts::TAU * self.random::<f64>()).sin_cos();
        [radius * cosine, radius * sine]
    }

    /// A standard normal deviate by the ziggurat method, which takes a tenth of the time of [`Stream::normal`] and a varying
    /// number of draws: for a short stream of its own.
    #[inline]
    pub(crate) fn quick_normal(&mut self) -> f64 {
        StandardNormal.sample(self)
    }

    /// A unit-rate exponential deviate.
    pub fn exponential(&mut self) -> f64 {
        -(1.0 - self.random::<f64>()).ln()
    }
}

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.try_next_u64()? >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.state = self.state.wrapping_add(GOLDEN);
        Ok(mix(self.state))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.try_next_u64()?.to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_the_deviates_are_right() {
        let mut stream = Stream::new(Seed(7), Purpose::Readout, [1, 2]);
        let n = 200_000;
        let (mut mean, mut square, mut waiting) = (0.0, 0.0, 0.0);
        for _ in 0..n {
            let z = stream.normal();
            mean += z / n as f64;
            square += z * z / n as f64;
            waiting += stream.exponential() / n as f64;
        }
        assert!(mean.abs() < 0.01 && (square - 1.0).abs() < 0.015 && (waiting - 1.0).abs() < 0.01);
    }

    #[test]
    fn neighbouring_keys_give_uncorrelated_streams() {
        let n = 100_000_u64;
        let first = |key| Stream::new(Seed(3), Purpose::Counts, key).random::<f64>() - 0.5;
        let correlation: f64 = (0..n)
            .map(|i| first([i, 0]) * first([i + 1, 0]))
            .sum::<f64>()
            / n as f64
            * 12.0;
        let across: f64 =
            (0..n).map(|i| first([i, 0]) * first([i, 1])).sum::<f64>() / n as f64 * 12.0;
        assert!(correlation.abs() < 0.015 && across.abs() < 0.015);
    }
}
