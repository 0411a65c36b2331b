//! Surrogates in files: written whole or not at all, refused by the key that is wrong.

use crate::error::{Error, Result};
use serde::de::{DeserializeOwned, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::io::{BufWriter, Write};
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
        let file = file.as_ref();
        let failed = |source| Error::io(file, source);
        let folder = match file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut temporary = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        let mut writer = BufWriter::new(temporary.as_file_mut());
        serde_json::to_writer(&mut writer, self).map_err(|error| {
            if error.is_io() {
                failed(error.into())
            } else {
                Error::argument("model", error, "kernels and means of this crate")
            }
        })?;
        writer.flush().map_err(failed)?;
        drop(writer);
        temporary
            .persist(file)
            .map_err(|error| failed(error.error))?;
        Ok(())
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
