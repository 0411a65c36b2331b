//! What a Zarr folder says about itself: axes, shapes, attributes.
//!
//! Sources: the Zarr storage specification, version 2; for `_ARRAY_DIMENSIONS` and the arrays of places named like their
//! axis, the Zarr encoding of xarray.

use super::file_float::{FileFloat, append_values};
use crate::{Error, Result};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// Most places along one axis.
const MOST_PLACES: usize = 1 << 24;

/// An axis of an array in a Zarr folder: a name, a unit, and where each index lies.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Name, of letters, digits and `_`.
    pub name: String,
    /// Unit of the places; empty if they have none.
    pub unit: String,
    /// The place of each index; there are as many as the array is long.
    pub places: Vec<f64>,
}

impl Axis {
    /// The axis with places 0, `step`, 2 `step` … (`count` of them).
    ///
    /// # Errors
    /// [`Error::Argument`] unless there are 1 to 2²⁴ places and the step is finite.
    pub fn regular(name: &str, unit: &str, count: usize, step: f64) -> Result<Self> {
        check_count(name, count)?;
        let axis = Self {
            name: name.to_owned(),
            unit: unit.to_owned(),
            places: (0..count).map(|index| index as f64 * step).collect(),
        };
        axis.check()?;
        Ok(axis)
    }

    pub(super) fn check(&self) -> Result<()> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if self.name.is_empty() || !self.name.chars().all(plain) || self.name == VALUES {
            return Err(Error::argument(
                "axes, name",
                format!("{:?}", self.name),
                format!("letters, digits and _, other than {VALUES:?}"),
            ));
        }
        check_count(&self.name, self.places.len())?;
        match self.places.iter().find(|place| !place.is_finite()) {
            Some(place) => Err(Error::argument(
                format!("axis {}, places", self.name),
                place,
                "finite numbers",
            )),
            None => Ok(()),
        }
    }
}

fn check_count(name: &str, count: usize) -> Result<()> {
    if (1..=MOST_PLACES).contains(&count) {
        return Ok(());
    }
    Err(Error::argument(
        format!("axis {name}, places"),
        count,
        format!("1..={MOST_PLACES}"),
    ))
}

/// Name of the array itself inside the folder; the others hold the places along the axes.
pub(super) const VALUES: &str = "values";

/// The files that describe an array, in the order in which they are to be written: with the last one there, the folder is
/// ready for blocks.
pub(super) fn description<T: FileFloat>(
    axes: &[Axis],
    block: &[usize],
    attributes: &Map<String, Value>,
) -> Vec<(PathBuf, Vec<u8>)> {
    let text = |value: &Value| format!("{value:#}\n").into_bytes();
    let mut files = vec![
        (PathBuf::from(".zattrs"), text(&attributes.clone().into())),
        (PathBuf::from(".zgroup"), text(&json!({"zarr_format": 2}))),
    ];
    for axis in axes {
        let folder = Path::new(&axis.name);
        let length = [axis.places.len()];
        let about = json!({"_ARRAY_DIMENSIONS": [axis.name], "units": axis.unit});
        let mut places = Vec::new();
        append_values(axis.places.iter(), &mut places);
        files.push((folder.join("0"), places));
        files.push((folder.join(".zattrs"), text(&about)));
        files.push((
            folder.join(".zarray"),
            text(&array::<f64>(&length, &length)),
        ));
    }
    let mut about = attributes.clone();
    let names: Vec<_> = axes.iter().map(|axis| axis.name.as_str()).collect();
    about.insert("_ARRAY_DIMENSIONS".to_owned(), json!(names));
    let shape: Vec<_> = axes.iter().map(|axis| axis.places.len()).collect();
    let folder = Path::new(VALUES);
    files.push((folder.join(".zattrs"), text(&about.into())));
    files.push((folder.join(".zarray"), text(&array::<T>(&shape, block))));
    files
}

/// The `.zarray` of an array in plain blocks; where one is missing, readers see NaN.
fn array<T: FileFloat>(shape: &[usize], block: &[usize]) -> Value {
    json!({
        "zarr_format": 2,
        "shape": shape,
        "chunks": block,
        "dtype": T::TYPE,
        "order": "C",
        "compressor": null,
        "filters": null,
        "fill_value": "NaN",
        "dimension_separator": ".",
    })
}

/// What to say of a file that is there with another content: the first entry that differs.
pub(super) fn conflict(file: &Path, found: &[u8], wanted: &[u8]) -> Error {
    let map = |bytes| serde_json::from_slice::<Map<String, Value>>(bytes).unwrap_or_default();
    let (found, wanted) = (map(found), map(wanted));
    let different = wanted
        .keys()
        .chain(found.keys())
        .find(|key| found.get(*key) != wanted.get(*key));
    let told = |map: &Map<String, Value>, key| match map.get(key) {
        Some(value) => value.to_string(),
        None => "nothing".to_owned(),
    };
    match different {
        Some(key) => Error::config(
            file,
            key,
            told(&found, key),
            format!("{} to go on with what is there", told(&wanted, key)),
        ),
        None => Error::argument(
            "folder",
            format!("other bytes in {}", file.display()),
            "the same array, or a new or empty folder",
        ),
    }
}
