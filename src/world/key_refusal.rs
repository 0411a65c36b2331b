//! Files of keys: read as TOML, and serde's sentence about a refused key taken apart into key, found and allowed.

use crate::error::{Error, Result};
use serde::de::DeserializeOwned;
use std::path::Path;

/// Reads the text of a file; `file` is only named in errors.
///
/// # Errors
/// [`Error::Parse`] when it is not TOML, [`Error::Config`] naming the key that is unknown, missing or of the wrong type.
pub(super) fn read_toml<T: DeserializeOwned>(text: &str, file: &Path) -> Result<T> {
    // Syntax first: whatever fails afterwards is a matter of one key.
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let breaks = text.as_bytes()[..start].iter().filter(|&&b| b == b'\n');
        Error::parse(file, 1 + breaks.count(), error.message(), "TOML 1.0")
    })?;
    serde_path_to_error::deserialize(table)
        .map_err(|error| refused_key(file, &error.path().to_string(), error.inner().message()))
}

/// An argument that a library function refused, as the key of the file that it came from.
pub(super) fn refused_argument(file: &Path, key: &str, error: Error) -> Error {
    match error {
        Error::Argument { found, allowed, .. } => Error::config(file, key, found, allowed),
        other => other,
    }
}

/// Turns serde's sentence about a key into the key, what was found and what is allowed.
pub(super) fn refused_key(file: &Path, path: &str, message: &str) -> Error {
    let message = message.trim();
    let quoted = |text: &str| text.split('`').nth(1).unwrap_or_default().to_string();
    let join = |name: String| match path {
        "." | "" => name,
        _ => format!("{path}.{name}"),
    };
    if let Some(rest) = message.strip_prefix("missing field ") {
        return Error::config(
            file,
            join(quoted(rest)),
            "nothing",
            "a value; the key is required",
        );
    }
    if let Some(rest) = message.strip_prefix("unknown field ") {
        // The path already ends in the unknown key when serde knows it, else it names the table.
        let name = quoted(rest);
        let key = if path.ends_with(&name) {
            path.to_string()
        } else {
            join(name)
        };
        let allowed = rest
            .split_once("expected ")
            .map_or("the keys of the schema", |(_, allowed)| allowed);
        return Error::config(file, key, "an unknown key", allowed.to_string());
    }
    // What this crate says about a value: `name: found …, allowed is …`.
    if let Some((found, allowed)) = message.split_once(", allowed is ")
        && let Some((name, found)) = found.split_once(": found ")
    {
        // an element is refused by what it is, not by a key inside its own
        let key = if path.ends_with(name) || name == "element" {
            path.to_string()
        } else {
            join(name.to_string())
        };
        return Error::config(file, key, found, allowed);
    }
    // What serde says: `invalid type: string "x", expected f64`.
    match message.split_once(", expected ") {
        Some((found, expected)) => {
            let found = ["invalid type: ", "invalid value: ", "invalid "]
                .iter()
                .find_map(|prefix| found.strip_prefix(prefix))
                .unwrap_or(found);
            let allowed = match expected {
                "f64" => "a number",
                "u8" => "a whole number from 0 to 255",
                "u32" | "u64" | "usize" => "a whole number, not negative",
                structure if structure.starts_with("struct ") => "a table",
                _ => expected,
            };
            Error::config(file, path, found, allowed)
        }
        None => Error::config(file, path, message, "a value that the schema admits"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_come_apart_into_key_found_and_allowed() {
        let cases = [
            (
                "beam",
                "missing field `current_pa`",
                "beam.current_pa",
                "nothing",
            ),
            (".", "missing field `name`", "name", "nothing"),
            (
                "beam.colour",
                "unknown field `colour`, expected one of `a`, `b`",
                "beam.colour",
                "an unknown key",
            ),
            (
                "field.height",
                "invalid type: string \"tall\", expected f64",
                "field.height",
                "string \"tall\"",
            ),
            (
                "beam.aberrations",
                "C10: found NaN, allowed is a length",
                "beam.aberrations.C10",
                "NaN",
            ),
            (
                "damage.element[0].symbol",
                "element: found Qq, allowed is a symbol",
                "damage.element[0].symbol",
                "Qq",
            ),
            (
                "beam.aberrations",
                "aberrations: found `C99`, allowed is C10",
                "beam.aberrations",
                "`C99`",
            ),
            (
                "task",
                "unknown variant `art`, expected `point_defects`",
                "task",
                "unknown variant `art`",
            ),
        ];
        for (path, message, key, found) in cases {
            let refused = refused_key(Path::new("w.toml"), path, message);
            let Error::Config {
                key: k,
                found: f,
                allowed,
                ..
            } = refused
            else {
                panic!("{message}");
            };
            assert_eq!((k.as_str(), f.as_str()), (key, found));
            assert!(!allowed.is_empty() && allowed != "f64", "{allowed}");
        }
    }
}
