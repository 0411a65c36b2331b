//! Surrogates in files: written whole or not at all, refused by the key that is wrong.

use crate::error::{Error, Result};
use crate::whole_file::write_whole;
use serde::de::{DeserializeOwned, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::io::Write;
use std::marker::PhantomData;
use std::path::Path;

/// A surrogate that can be kept in a file and predicts the same bit for bit when read again.
///
/// The file is JSON that names its model and the version of its format first. Each surrogate serialises to the same
/// text by serde, so it can also live inside a larger document.
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # let file = folder.path().join("model.json");
/// use dosewise::gp::{ExactGp, Kernel, Matern52, Noise, Persist};
/// use ndarray::array;
/// let kernel = Matern52::isotropic(0.3).scaled(1.7);
/// let gp = ExactGp::new(kernel, Noise::Known(vec![0.1; 2])).condition(&array![[0.0], [0.4]], &[0.2, 0.9])?;
/// gp.save(&file)?;
/// let again = ExactGp::load(&file)?;
/// assert_eq!(again.posterior(&array![[0.3]])?.mean(), gp.posterior(&array![[0.3]])?.mean());
/// # Ok::<(), dosewise::Error>(())
/// ```
pub trait Persist: Serialize + DeserializeOwned + TryFrom<Self::Parts, Error = Error> {
    /// What a file holds: every part of the right kind, not yet believed to belong together.
    type Parts: DeserializeOwned;

    /// Writes the surrogate to `file`, which is replaced only once the new one is complete.
    ///
    /// # Errors
    /// [`Error::Argument`] for a kernel or a mean of the user's own, whose code no file can hold; [`Error::Io`] if the
    /// file cannot be written.
    fn save(&self, file: impl AsRef<Path>) -> Result<()> {
        let text = serde_json::to_vec(self)
            .map_err(|error| Error::argument("model", error, "kernels and means of this crate"))?;
        write_whole(file.as_ref(), &text)
    }

    /// Reads what [`Persist::save`] wrote, and checks that its parts belong together.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read, [`Error::Parse`] if it is no whole JSON text, [`Error::Config`] if its
    /// `format` is another, or a key is missing, of the wrong kind, out of range or at odds with the others.
    fn load(file: impl AsRef<Path>) -> Result<Self> {
        let file = file.as_ref();
        let text = std::fs::read_to_string(file).map_err(|source| Error::io(file, source))?;
        let broken = |error: &serde_json::Error| {
            let line = error.line().max(1);
            Error::parse(file, line, error, "JSON as Persist::save writes it")
        };
        let mut reader = serde_json::Deserializer::from_str(&text);
        let parts: Self::Parts =
            serde_path_to_error::deserialize(&mut reader).map_err(|error| {
                if error.inner().is_data() {
                    let key = error.path().to_string();
                    Error::config(file, key, error.inner(), "what Persist::save writes")
                } else {
                    broken(error.inner())
                }
            })?;
        reader.end().map_err(|error| broken(&error))?;
        Self::try_from(parts).map_err(|error| match error {
            Error::Argument {
                argument,
                found,
                allowed,
            } => Error::config(file, argument, found, allowed),
            other => other,
        })
    }
}

/// Sixteen hexadecimal digits that any damage to the parts of a file changes: FNV-1a of their JSON text (Fowler, Noll &
/// Vo; Eastlake et al., RFC 9923), for models that hold no redundant numbers to check the others by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checksum(u64);

impl Checksum {
    pub(super) fn of(parts: &impl Serialize) -> serde_json::Result<Self> {
        let mut sum = Self(0xCBF2_9CE4_8422_2325);
        serde_json::to_writer(&mut sum, parts)?;
        Ok(sum)
    }

    /// Refuses parts that are not those the checksum was made of.
    pub(super) fn check(self, parts: &impl Serialize) -> Result<()> {
        match Self::of(parts) {
            Ok(found) if found == self => Ok(()),
            _ => Err(Error::argument(
                "checksum",
                format!("{:016x}, which is not that of the other keys", self.0),
                "a file as it was saved",
            )),
        }
    }
}

impl Write for Checksum {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Serialize for Checksum {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:016x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Checksum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let found = String::deserialize(deserializer)?;
        let sum = u64::from_str_radix(&found, 16).ok();
        sum.filter(|_| found.len() == 16).map(Self).ok_or_else(|| {
            let allowed = "sixteen hexadecimal digits";
            de::Error::invalid_value(Unexpected::Str(&found), &allowed)
        })
    }
}

/// Names the model and the version of a format, e.g. `exact-gp 1`.
pub trait Format {
    /// What a file of this format says of itself.
    const NAME: &'static str;
}

/// The first key of every file: written as [`Format::NAME`], and any other is refused, whatever else the file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp<F>(PhantomData<F>);

impl<F> Stamp<F> {
    pub(super) const HERE: Self = Self(PhantomData);
}

impl<F: Format> Serialize for Stamp<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(F::NAME)
    }
}

impl<'de, F: Format> Deserialize<'de> for Stamp<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let found = String::deserialize(deserializer)?;
        if found == F::NAME {
            return Ok(Self::HERE);
        }
        let allowed = format!(
            "`{}`, the only format that this version reads here",
            F::NAME
        );
        Err(de::Error::invalid_value(
            Unexpected::Str(&found),
            &allowed.as_str(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_fnv() {
        // The published value for the six bytes `foobar`; a JSON string has its quotes besides.
        let mut sum = Checksum(0xCBF2_9CE4_8422_2325);
        sum.write_all(b"foobar").unwrap();
        assert_eq!(sum, Checksum(0x8594_4171_F739_67E8));
        let of_text = Checksum::of(&"foobar").unwrap();
        assert_ne!(of_text, sum);
        assert!(of_text.check(&"foobar").is_ok() && of_text.check(&"foobas").is_err());
        let text = serde_json::to_string(&of_text).unwrap();
        assert_eq!(serde_json::from_str::<Checksum>(&text).unwrap(), of_text);
        for bad in [
            "\"12\"",
            "12",
            "\"+12345678901234\"",
            "\"00000000000000zz\"",
        ] {
            assert!(serde_json::from_str::<Checksum>(bad).is_err(), "{bad}");
        }
    }
}
