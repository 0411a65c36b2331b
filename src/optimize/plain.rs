//! Settings as bare values, as scripts in any language write them.

use super::dimension::Dimension;
use super::space::Space;
use super::value::{Setting, Value};
use crate::error::{Error, Result};
use serde::{Serialize, Serializer};

/// A setting that is written as an object of names and bare values, a pixel as [row, column].
///
/// ```
/// use dosewise::optimize::{PlainSetting, Setting, Value};
/// let setting = Setting::new([("defocus", Value::Float(-30.5)), ("at", Value::Pixel { row: 2, column: 7 })]);
/// let text = serde_json::to_string(&PlainSetting(&setting)).unwrap();
/// assert_eq!(text, r#"{"defocus":-30.5,"at":[2,7]}"#);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct PlainSetting<'a>(pub &'a Setting);

impl Serialize for PlainSetting<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let values = self.0.values().iter();
        serializer.collect_map(values.map(|(name, value)| (name, PlainValue::from(value))))
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum PlainValue<'a> {
    Float(f64),
    Integer(i64),
    Choice(&'a str),
    Pixel([usize; 2]),
}

impl<'a> From<&'a Value> for PlainValue<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Float(value) => Self::Float(*value),
            Value::Integer(value) => Self::Integer(*value),
            Value::Choice(name) => Self::Choice(name),
            Value::Pixel { row, column } => Self::Pixel([*row, *column]),
        }
    }
}

impl Space {
    /// The setting of an object of names and bare values, as [`PlainSetting`] writes it.
    ///
    /// ```
    /// use dosewise::optimize::Space;
    /// let space = Space::new().float("defocus", -200.0..=200.0)?.integer("frames", 1..=8)?;
    /// let setting = space.setting_from_json(&serde_json::json!({"frames": 3, "defocus": -30}))?;
    /// assert_eq!(setting.to_string(), "defocus = -30, frames = 3");
    /// # Ok::<(), dosewise::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Argument`] naming the parameter that is missing, unknown, of the wrong kind or out of range, or the
    /// inequality that is not obeyed.
    pub fn setting_from_json(&self, object: &serde_json::Value) -> Result<Setting> {
        let Some(values) = object.as_object() else {
            let allowed = "an object of parameters and their values";
            return Err(Error::argument("setting", object, allowed));
        };
        if let Some(unknown) = values.keys().find(|name| self.dimension(name).is_err()) {
            self.dimension(unknown)?;
        }
        let mut found = Vec::new();
        for (name, dimension) in self.dimensions() {
            let Some(value) = values.get(name) else {
                let allowed = format!("a value of {dimension:?}");
                return Err(Error::argument(name, "no value", allowed));
            };
            found.push((name.as_str(), dimension.value_from_json(name, value)?));
        }
        let setting = Setting::new(found);
        self.check(&setting)?;
        Ok(setting)
    }
}

impl Dimension {
    fn value_from_json(&self, name: &str, value: &serde_json::Value) -> Result<Value> {
        let whole = |value: &serde_json::Value| {
            // Languages without whole numbers write 3.0.
            let rounded = value
                .as_f64()
                .filter(|v| v.fract() == 0.0 && v.abs() < 1e15);
            value.as_i64().or(rounded.map(|v| v as i64))
        };
        let found = match self {
            Self::Float { .. } | Self::LogFloat { .. } | Self::Grid { .. } => {
                value.as_f64().map(Value::Float)
            }
            Self::Integer { .. } => whole(value).map(Value::Integer),
            Self::Choice { .. } => value.as_str().map(|text| Value::Choice(text.into())),
            Self::Pixel { .. } => value.as_array().and_then(|pair| match pair.as_slice() {
                [row, column] => {
                    let at = |v| usize::try_from(whole(v)?).ok();
                    let (row, column) = (at(row)?, at(column)?);
                    Some(Value::Pixel { row, column })
                }
                _ => None,
            }),
        };
        let allowed = || format!("a value of {self:?}");
        found.ok_or_else(|| Error::argument(name, value, allowed()))
    }
}
