//! Refusals of settings, with the key at which they stand.

use crate::{Error, Result};
use std::path::Path;

/// A table of a file whose values are checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keys<'a> {
    pub(super) file: &'a Path,
    /// Dotted path of the table.
    pub(super) table: &'a str,
}

impl Keys<'_> {
    /// Dotted path of a key of the table.
    pub(super) fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.table)
    }

    /// The refusal of a key.
    pub(super) fn refused(
        &self,
        name: &str,
        found: impl std::fmt::Display,
        allowed: impl Into<String>,
    ) -> Error {
        Error::config(self.file, self.key(name), found, allowed)
    }

    /// Refuses a value outside `low..=high`, and NaN.
    pub(super) fn range(&self, name: &str, value: f64, low: f64, high: f64) -> Result<()> {
        if (low..=high).contains(&value) {
            Ok(())
        } else {
            Err(self.refused(name, value, format!("{low} to {high}")))
        }
    }
}
