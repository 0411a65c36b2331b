//! What is tried: a value for each parameter of a space.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// The value of one parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// A real number, also one from a grid.
    Float(f64),
    /// A whole number.
    Integer(i64),
    /// One of the named choices.
    Choice(String),
    /// A pixel of an image.
    Pixel {
        /// Row, from 0.
        row: usize,
        /// Column, from 0.
        column: usize,
    },
}

impl Value {
    /// The number, of a real or whole-numbered parameter.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            Self::Integer(value) => Some(*value as f64),
            Self::Choice(_) | Self::Pixel { .. } => None,
        }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Float(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Choice(name) => write!(f, "{name}"),
            Self::Pixel { row, column } => write!(f, "[{row}, {column}]"),
        }
    }
}

/// A value for every parameter, in the order of the space.
///
/// ```
/// use dosewise::optimize::{Setting, Value};
/// let setting = Setting::new([("defocus", Value::Float(-30.0)), ("aperture", Value::Choice("30 µm".into()))]);
/// assert_eq!(setting.float("defocus")?, -30.0);
/// assert_eq!(setting.choice("aperture")?, "30 µm");
/// assert!(setting.float("dwell").is_err());
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Setting {
    values: Vec<(String, Value)>,
}

impl Setting {
    /// From names and values.
    pub fn new<N: Into<String>>(values: impl IntoIterator<Item = (N, Value)>) -> Self {
        let values = values.into_iter();
        Self {
            values: values.map(|(name, value)| (name.into(), value)).collect(),
        }
    }

    /// Names and values, in the order of the space.
    pub fn values(&self) -> &[(String, Value)] {
        &self.values
    }

    /// The value of parameter `name`.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such parameter.
    pub fn get(&self, name: &str) -> Result<&Value> {
        let mut all = self.values.iter();
        match all.find(|(n, _)| n == name) {
            Some((_, value)) => Ok(value),
            None => {
                let names: Vec<&str> = self.values.iter().map(|(n, _)| n.as_str()).collect();
                Err(Error::argument("name", name, format!("one of {names:?}")))
            }
        }
    }

    /// The same setting with another value of parameter `name`.
    pub(super) fn with(&self, name: &str, value: Value) -> Self {
        let mut setting = self.clone();
        let mut all = setting.values.iter_mut();
        if let Some((_, slot)) = all.find(|(n, _)| n == name) {
            *slot = value;
        }
        setting
    }

    /// The value of a real parameter.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such parameter, or it is of another kind.
    pub fn float(&self, name: &str) -> Result<f64> {
        match self.get(name)? {
            Value::Float(value) => Ok(*value),
            other => Err(wrong_kind(name, other, "a real parameter")),
        }
    }

    /// The value of a whole-numbered parameter.
    ///
    /// # Errors
    /// As [`Setting::float`].
    pub fn integer(&self, name: &str) -> Result<i64> {
        match self.get(name)? {
            Value::Integer(value) => Ok(*value),
            other => Err(wrong_kind(name, other, "an integer parameter")),
        }
    }

    /// The chosen name.
    ///
    /// # Errors
    /// As [`Setting::float`].
    pub fn choice(&self, name: &str) -> Result<&str> {
        match self.get(name)? {
            Value::Choice(value) => Ok(value),
            other => Err(wrong_kind(name, other, "a parameter of choices")),
        }
    }

    /// The (row, column) of a pixel.
    ///
    /// # Errors
    /// As [`Setting::float`].
    pub fn pixel(&self, name: &str) -> Result<(usize, usize)> {
        match self.get(name)? {
            Value::Pixel { row, column } => Ok((*row, *column)),
            other => Err(wrong_kind(name, other, "a parameter of pixels")),
        }
    }
}

impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, (name, value)) in self.values.iter().enumerate() {
            let gap = if i == 0 { "" } else { ", " };
            write!(f, "{gap}{name} = {value}")?;
        }
        Ok(())
    }
}

fn wrong_kind(name: &str, found: &Value, allowed: &str) -> Error {
    Error::argument(name, format!("{found:?}"), allowed)
}
