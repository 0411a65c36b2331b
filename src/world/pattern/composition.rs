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

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "mean = [0.3, 0.5]
        spread = 0.05
        correlation = 25.0";

    fn composition() -> Composition {
        let composition: Composition = toml::from_str(TEXT).unwrap();
        composition.check(Path::new("w"), "composition").unwrap();
        composition
    }

    #[test]
    fn the_field_has_the_stated_moments_and_correlation() {
        let specimens = 4000;
        let places = [0.0, 12.5, 25.0, 75.0].map(|x| Point::new(7.0, 3.0 + x));
        let (mut mean, mut products) = (0.0, [0.0; 4]);
        for seed in 0..specimens {
            let shares = composition().draw(Seed(seed));
            let here = shares.at(places[0]) - shares.mean;
            mean += (shares.mean + here) / specimens as f64;
            for (product, place) in products.iter_mut().zip(places) {
                *product += here * (shares.at(place) - shares.mean) / specimens as f64;
            }
        }
        assert!((mean - 0.4).abs() < 0.006, "{mean}");
        assert!((products[0] / 0.0025 - 1.0).abs() < 0.1, "{products:?}");
        for (product, ratio) in products.iter().zip([0.0, 0.5, 1.0, 3.0]) {
            let correlation = (-0.5_f64 * ratio * ratio).exp();
            assert!(
                (product / products[0] - correlation).abs() < 0.05,
                "{ratio}: {product}"
            );
        }
    }

    #[test]
    fn numbers_are_binomial() {
        let even = Composition {
            mean: Share {
                low: 0.3,
                high: 0.3,
            },
            spread: 0.0,
            ..composition()
        };
        let shares = even.draw(Seed(1));
        let n = 20_000;
        let numbers: Vec<f64> = (0..n)
            .map(|column| f64::from(shares.replaced(column, Point::default(), 8).count_ones()))
            .collect();
        let mean = numbers.iter().sum::<f64>() / n as f64;
        let variance = numbers.iter().map(|k| (k - mean).powi(2)).sum::<f64>() / n as f64;
        assert!((mean - 2.4).abs() < 0.04, "{mean}");
        assert!((variance - 8.0 * 0.3 * 0.7).abs() < 0.07, "{variance}");
        // every depth alike
        let last = (0..n).filter(|c| shares.replaced(*c, Point::default(), 8) >> 7 == 1);
        assert!((last.count() as f64 / n as f64 - 0.3).abs() < 0.015);
    }

    #[test]
    fn shares_stay_within_their_bounds() {
        let wild = Composition {
            mean: Share {
                low: 0.0,
                high: 1.0,
            },
            spread: 0.5,
            ..composition()
        };
        for seed in 0..50 {
            let shares = wild.draw(Seed(seed));
            assert_eq!(shares, wild.draw(Seed(seed)));
            for x in 0..20 {
                let place = Point::new(0.0, 10.0 * f64::from(x));
                let share = shares.at(place);
                assert!((0.0..=1.0).contains(&share));
                let atoms = shares.replaced(x as u64, place, 200).count_ones();
                assert!(share < 1.0 || atoms == 64);
                assert!(share > 0.0 || atoms == 0);
            }
        }
    }

    #[test]
    fn what_is_no_composition_is_refused() {
        let refused = |change: &dyn Fn(&mut Composition)| {
            let mut composition = composition();
            change(&mut composition);
            let checked = composition.check(Path::new("w.toml"), "composition");
            checked.unwrap_err().to_string()
        };
        assert!(refused(&|c| c.mean.high = 1.2).contains("`composition.mean[1]`: found 1.2"));
        assert!(refused(&|c| c.spread = f64::NAN).contains("`composition.spread`: found NaN"));
        assert!(refused(&|c| c.correlation = 0.0).contains("`composition.correlation`: found 0"));
        assert!(toml::from_str::<Composition>(&format!("{TEXT}\ncolour = 1")).is_err());
    }
}
