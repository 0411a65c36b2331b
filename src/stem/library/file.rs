//! Libraries in files: a line of name, a line of recipe, the numbers, a checksum.

use super::Library;
use super::recipe::Recipe;
use super::record::Record;
use super::window::Window;
use crate::whole_file::write_whole;
use crate::{Error, Result};
use rustfft::num_complex::Complex32;
use std::path::Path;

const NAME: &str = "dosewise response library 1\n";
/// Bytes of the checksum at the end.
const CHECKSUM: usize = 16;
/// A file larger than this is not one of ours.
const LARGEST: u64 = 1 << 30;

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stored {
    pub recipe: Recipe,
    /// `[state, detector, thickness]`, each in the order of the recipe's frequencies.
    pub series: Vec<Vec<Complex32>>,
    /// `[state, detector, thickness]`, for each of the recipe's frequencies the terms of an expansion; empty without.
    pub expansions: Vec<Vec<Complex32>>,
    /// `[motif, detector, thickness]`.
    pub motifs: Vec<Window>,
    /// `[island, detector, thickness]`.
    pub islands: Vec<Window>,
    /// What is detected without any atom, `[detector, thickness]`.
    pub vacuum: Vec<f32>,
}

impl Stored {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = NAME.as_bytes().to_vec();
        bytes.extend(Record::of(&self.recipe).to_json().bytes());
        bytes.push(b'\n');
        for number in self.series.iter().chain(&self.expansions).flatten() {
            bytes.extend(number.re.to_le_bytes());
            bytes.extend(number.im.to_le_bytes());
        }
        for window in self.motifs.iter().chain(&self.islands) {
            bytes.extend(window.unit.to_le_bytes());
            bytes.extend(window.values.iter().flat_map(|v| v.to_le_bytes()));
        }
        bytes.extend(self.vacuum.iter().flat_map(|v| v.to_le_bytes()));
        let checksum = digest(&bytes);
        bytes.extend(checksum.to_le_bytes());
        bytes
    }

    fn from_bytes(file: &Path, bytes: &[u8]) -> Result<Self> {
        let damaged =
            |line: usize, found: &str, allowed: &str| Error::parse(file, line, found, allowed);
        let Some(body) = bytes.strip_prefix(NAME.as_bytes()) else {
            return Err(damaged(1, "another beginning", NAME.trim_end()));
        };
        let sound = bytes
            .len()
            .checked_sub(CHECKSUM)
            .map(|end| bytes.split_at(end));
        let Some((content, checksum)) = sound else {
            return Err(damaged(1, "the end of the file", "a recipe and numbers"));
        };
        if digest(content).to_le_bytes() != checksum {
            let allowed = "a whole and unchanged library; build it anew";
            return Err(damaged(
                2,
                "bytes that do not add up to the checksum",
                allowed,
            ));
        }
        let body = &body[..body.len() - CHECKSUM];
        let end = body
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap_or(body.len());
        let refused = |found: String| Error::parse(file, 2, found, "the recipe of a library");
        let record: Record =
            serde_json::from_slice(&body[..end]).map_err(|error| refused(error.to_string()))?;
        let recipe = record
            .recipe()
            .map_err(|error| refused(error.to_string()))?;

        let mut rest = Numbers(&body[(end + 1).min(body.len())..]);
        let slots = recipe.detectors.len() * recipe.thicknesses();
        let (frequencies, (_, motif, _)) = (recipe.frequencies().len(), recipe.sampling());
        let mut read = || {
            let series = (0..recipe.states.len() * slots)
                .map(|_| rest.complexes(frequencies))
                .collect::<Option<Vec<_>>>()?;
            let states = if recipe.any_aberrations {
                recipe.states.len()
            } else {
                0
            };
            let expansions = (0..states * slots)
                .map(|n| rest.complexes(recipe.expansion_length(n % slots / recipe.thicknesses())))
                .collect::<Option<Vec<_>>>()?;
            let mut windows = |count: usize, half: usize| {
                (0..count * slots)
                    .map(|_| rest.window((2 * half + 1).pow(2)))
                    .collect::<Option<Vec<_>>>()
            };
            let motifs = windows(recipe.motifs.len(), motif)?;
            let mut islands = Vec::new();
            for island in &recipe.islands {
                islands.extend(windows(1, recipe.half_of(island))?);
            }
            let vacuum = (0..slots)
                .map(|_| rest.float())
                .collect::<Option<Vec<_>>>()?;
            rest.0
                .is_empty()
                .then_some((series, expansions, motifs, islands, vacuum))
        };
        let Some((series, expansions, motifs, islands, vacuum)) = read() else {
            let allowed = "as many finite numbers as the recipe asks for";
            return Err(damaged(3, "other numbers", allowed));
        };
        Ok(Self {
            recipe,
            series,
            expansions,
            motifs,
            islands,
            vacuum,
        })
    }
}

/// Numbers yet to be read; `None` where they end early or are not finite.
struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    fn float(&mut self) -> Option<f32> {
        self.take()
            .map(f32::from_le_bytes)
            .filter(|value| value.is_finite())
    }

    fn complexes(&mut self, count: usize) -> Option<Vec<Complex32>> {
        (0..count)
            .map(|_| Some(Complex32::new(self.float()?, self.float()?)))
            .collect()
    }

    fn window(&mut self, count: usize) -> Option<Window> {
        let unit = self.float()?;
        let values = (0..count).map(|_| self.take().map(i16::from_le_bytes));
        Some(Window {
            unit,
            values: values.collect::<Option<_>>()?,
        })
    }
}

impl Library {
    /// What a file of the library holds; the same library always gives the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.stored().to_bytes()
    }

    /// Writes the library; the file is whole or not there, and the same library always gives the same bytes.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn save(&self, file: impl AsRef<Path>) -> Result<()> {
        write_whole(file.as_ref(), &self.to_bytes())
    }

    /// Reads a library back, bit for bit.
    ///
    /// # Errors
    /// [`Error::Io`], and [`Error::Parse`] for a file that is no library, is cut short or damaged, or was written by
    /// another version.
    pub fn load(file: impl AsRef<Path>) -> Result<Self> {
        let file = file.as_ref();
        let size = std::fs::metadata(file)
            .map_err(|source| Error::io(file, source))?
            .len();
        if size > LARGEST {
            let found = format!("{size} bytes");
            return Err(Error::parse(
                file,
                1,
                found,
                format!("at most {LARGEST} bytes"),
            ));
        }
        let bytes = std::fs::read(file).map_err(|source| Error::io(file, source))?;
        Ok(Self::from_stored(Stored::from_bytes(file, &bytes)?))
    }
}

/// FNV-1a of 128 bits (RFC 9923): tells apart what differs by accident, not by design.
pub(super) fn digest(bytes: &[u8]) -> u128 {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    bytes.iter().fold(OFFSET, |hash, byte| {
        (hash ^ u128::from(*byte)).wrapping_mul(PRIME)
    })
}

#[cfg(test)]
mod tests {
    use super::digest;

    /// The published test vectors of FNV-1a 128.
    #[test]
    fn the_digest_is_the_published_one() {
        assert_eq!(digest(b""), 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        assert_eq!(digest(b"a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
        assert_eq!(digest(b"foobar"), 0x343e_1662_793c_64bf_6f0d_3597_ba44_6f18);
    }
}
