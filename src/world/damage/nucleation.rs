//! Specks that appear where much dose has gone: lead in a decaying halide.

use crate::Result;
use crate::random::{Purpose, Stream};
use crate::units::{Point, Seed};
use crate::world::definition::in_range;
use rand::RngExt;
use serde::Deserialize;
use std::path::Path;

/// Round specks that appear at once at places and local doses drawn with the specimen: a world file's `[damage.nucleation]`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nucleation {
    /// Places where a speck may appear, a thousand square Å.
    pub density: f64,
    /// Local dose below which none does, e⁻/Å².
    pub onset: f64,
    /// Mean of the exponential dose that is needed beyond it, e⁻/Å².
    pub dose: f64,
    /// What a speck adds to the fraction detected in its middle.
    pub brightness: f64,
    /// Standard deviation of its round Gaussian, Å.
    pub radius: f64,
}

impl Nucleation {
    /// Refuses values out of range; `key` is the path of this table.
    ///
    /// # Errors
    /// [`crate::Error::Config`] naming the file and the key.
    pub fn check(&self, file: &Path, key: &str) -> Result<()> {
        let range = |name: &str, value, low, high| {
            in_range(file, &format!("{key}.{name}"), value, low, high)
        };
        range("density", self.density, 0.0, 100.0)?;
        range("onset", self.onset, 0.0, 1e12)?;
        range("dose", self.dose, 1e-3, 1e12)?;
        range("brightness", self.brightness, 0.0, 1.0)?;
        range("radius", self.radius, 0.5, 50.0)
    }

    /// Places on an area of `[height, width]` Å, each with the local dose at which a speck appears there: a Poisson number of
    /// them, evenly spread.
    pub fn draw(&self, [height, width]: [f64; 2], seed: Seed) -> Vec<(Point, f64)> {
        let mean = 1e-3 * self.density * height * width;
        let mut stream = Stream::new(seed, Purpose::Nucleation, [0, 0]);
        let mut found = Vec::new();
        let mut time = stream.exponential();
        while time < mean {
            let place = Point::new(
                height * stream.random::<f64>(),
                width * stream.random::<f64>(),
            );
            found.push((place, self.onset + self.dose * stream.exponential()));
            time += stream.exponential();
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_doses_follow_their_laws() {
        let law = Nucleation {
            density: 2.0,
            onset: 100.0,
            dose: 50.0,
            brightness: 0.1,
            radius: 4.0,
        };
        let specimens = 400;
        let drawn: Vec<_> = (0..specimens)
            .flat_map(|s| law.draw([100.0, 50.0], Seed(s)))
            .collect();
        let n = drawn.len() as f64;
        let expected = 10.0 * specimens as f64;
        assert!((n - expected).abs() < 4.0 * expected.sqrt(), "{n}");
        let mean = drawn.iter().map(|(_, dose)| dose).sum::<f64>() / n;
        assert!((mean - 150.0).abs() < 4.0 * 50.0 / n.sqrt(), "{mean}");
        assert!(
            drawn
                .iter()
                .all(|(p, dose)| p.y < 100.0 && p.x < 50.0 && *dose >= 100.0)
        );
        assert_eq!(
            law.draw([100.0, 50.0], Seed(3)),
            law.draw([100.0, 50.0], Seed(3))
        );
    }
}
