//! A space from a JSON file.

use super::space::Space;
use crate::error::{Error, Result};
use serde_json::error::Category;
use std::path::Path;

impl Space {
    /// Reads a space from a JSON file: a list of names and dimensions, and perhaps inequalities Σ c x ≤ limit.
    ///
    /// ```
    /// use dosewise::optimize::Space;
    /// let text = r#"{"dimensions": [
    ///     ["defocus", {"float": {"low": -200, "high": 200}}],
    ///     ["dwell", {"log_float": {"low": 0.5, "high": 50}}],
    ///     ["frames", {"integer": {"low": 1, "high": 8}}],
    ///     ["detector", {"choice": {"names": ["HAADF", "MAADF"]}}],
    ///     ["aperture", {"grid": {"values": [20, 30, 50]}}],
    ///     ["place", {"pixel": {"rows": 64, "columns": 64}}]],
    ///   "inequalities": [{"terms": [["frames", 1.0], ["dwell", 2.0]], "limit": 60}]}"#;
    /// # let folder = tempfile::tempdir().unwrap();
    /// let file = folder.path().join("space.json");
    /// std::fs::write(&file, text).unwrap();
    /// assert_eq!(Space::load(&file)?.dimensions().len(), 6);
    /// # Ok::<(), dosewise::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read, [`Error::Parse`] with the line if it is not JSON, [`Error::Config`] with
    /// the key if a key is unknown, missing or of the wrong kind, or a parameter contradicts itself.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|source| Error::io(path, source))?;
        let mut reader = serde_json::Deserializer::from_str(&text);
        let space: Self = serde_path_to_error::deserialize(&mut reader)
            .map_err(|error| refused(path, &error.path().to_string(), error.inner()))?;
        reader.end().map_err(|error| refused(path, ".", &error))?;
        let space = space.checked().map_err(|error| match error {
            Error::Argument {
                argument,
                found,
                allowed,
            } => Error::config(path, argument, found, allowed),
            other => other,
        })?;
        if space.dimensions().is_empty() {
            return Err(Error::config(
                path,
                "dimensions",
                "no parameter",
                "at least one",
            ));
        }
        Ok(space)
    }
}

/// What the reader of JSON says, by line if the text is no JSON, by key if it is.
fn refused(path: &Path, key: &str, error: &serde_json::Error) -> Error {
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    match error.classify() {
        Category::Data => {
            let (found, allowed) = message
                .split_once(", expected ")
                .unwrap_or((message, "the keys of a space"));
            Error::config(path, key, found, allowed)
        }
        _ => Error::parse(path, error.line(), message, "a space in JSON"),
    }
}
