//! Composition: a smooth random course of the share of a substituted element, and the atoms that it replaces.

use super::keys::Keys;
use super::quantity::Share;
use crate::Result;
use crate::random::{Purpose, Stream};
use crate::units::{Point, Seed};
use rand::RngExt;
use serde::Deserialize;
use std::f64::consts::TAU;
use std::path::Path;

/// Waves of a field; its deviations are near normal.
const WAVES: usize = 128;

/// Another element on the sites of one, with a share that changes slowly over the field.
///
/// The share at r is m + s √(2/N) Σ cos(k·r + φ), cut to 0..=1, with N = 128 waves of even phases φ and normal wave
/// vectors of variance 1/ℓ² per axis: a random field with mean m, variance s² and correlation exp(−r²/2ℓ²), by the spectral
/// method (Shinozuka & Jan, J. Sound Vib. 25 (1972) 111). Each atom of a column is replaced with that probability on its
/// own, so that numbers are binomial.
///
/// ```
/// use dosewise::{units::{Point, Seed}, world::pattern::{Composition, Share}};
/// let composition = Composition { mean: Share { low: 0.2, high: 0.4 }, spread: 0.1, correlation: 30.0 };
/// let shares = composition.draw(Seed(1));
/// let here = Point::new(10.0, 20.0);
/// assert!((0.0..=1.0).contains(&shares.at(here)));
/// assert!(shares.replaced(0, here, 8).count_ones() <= 8);
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Composition {
    /// Mean share, drawn for each specimen.
    pub mean: Share,
    /// Standard deviation of the share over places.
    pub spread: f64,
    /// Correlation length ℓ, Å.
    pub correlation: f64,
}

impl Composition {
    /// Refuses values out of range; `key` is the path of this table.
    ///
    /// # Errors
    /// [`crate::Error::Config`] naming the file and the key.
    pub fn check(&self, file: &Path, key: &str) -> Result<()> {
        let keys = Keys { file, table: key };
        self.mean.check(file, &keys.key("mean"), 0.0, 1.0)?;
        keys.range("spread", self.spread, 0.0, 0.5)?;
        keys.range("correlation", self.correlation, 1.0, 1e4)
    }

    /// The composition of one specimen.
    pub fn draw(&self, seed: Seed) -> Shares {
        let mut stream = Stream::new(seed, Purpose::Composition, [0, 0]);
        let mean = self.mean.draw(&mut stream);
        let mut wave = |_| Wave {
            y: stream.normal() / self.correlation,
            x: stream.normal() / self.correlation,
            phase: TAU * stream.random::<f64>(),
        };
        Shares {
            waves: (0..WAVES).map(&mut wave).collect(),
            mean,
            amplitude: self.spread * (2.0 / WAVES as f64).sqrt(),
            seed,
        }
    }
}

/// The composition of one specimen.
#[derive(Debug, Clone, PartialEq)]
pub struct Shares {
    mean: f64,
    amplitude: f64,
    waves: Vec<Wave>,
    seed: Seed,
}

/// Wave vector, rad/Å, and phase.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Wave {
    y: f64,
    x: f64,
    phase: f64,
}

impl Shares {
    /// Mean share of the substitute at a place.
    pub fn at(&self, place: Point) -> f64 {
        let waves = self.waves.iter();
        let sum: f64 = waves
            .map(|wave| (wave.y * place.y + wave.x * place.x + wave.phase).cos())
            .sum();
        (self.mean + self.amplitude * sum).clamp(0.0, 1.0)
    }

    /// Which atoms of a column are replaced: bit n stands for the n-th atom behind the beam's entrance. `column` is the
    /// number of the column, which tells it from others; of more than 64 `atoms` the first 64 are looked at.
    pub fn replaced(&self, column: u64, place: Point, atoms: u32) -> u64 {
        let share = self.at(place);
        let mut stream = Stream::new(self.seed, Purpose::Replacement, [column, 0]);
        (0..atoms.min(64))
            .filter(|_| stream.random::<f64>() < share)
            .fold(0, |bits, atom| bits | 1 << atom)
    }
}
