//! One parameter of a space: which values it may take and how a model sees them.

use super::mask::Mask;
use super::value::Value;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// The values a parameter may take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Dimension {
    /// A real number within [low, high].
    Float {
        /// Smallest value.
        low: f64,
        /// Largest value.
        high: f64,
    },
    /// A positive number within [low, high] that matters by its logarithm.
    LogFloat {
        /// Smallest value, above zero.
        low: f64,
        /// Largest value.
        high: f64,
    },
    /// A whole number within [low, high].
    Integer {
        /// Smallest value.
        low: i64,
        /// Largest value.
        high: i64,
    },
    /// One of several names without an order.
    Choice {
        /// The names, all different.
        names: Vec<String>,
    },
    /// One of several numbers.
    Grid {
        /// The numbers, rising.
        values: Vec<f64>,
    },
    /// A pixel of an image.
    Pixel {
        /// Number of rows.
        rows: usize,
        /// Number of columns.
        columns: usize,
        /// The pixels that may be tried; all of them if there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mask: Option<Mask>,
    },
}

/// Bounds beyond this would overflow.
const LARGEST: f64 = 1e100;
/// Whole numbers up to this have an exact place in a `f64`.
const LARGEST_INTEGER: i64 = 1 << 53;

impl Dimension {
    /// Accepts or refuses the definition of parameter `name`.
    pub(super) fn check(&self, name: &str) -> Result<()> {
        let range = |low: f64, high: f64, least: f64| {
            if low < high && low >= least && high <= LARGEST {
                return Ok(());
            }
            let allowed = if least > 0.0 {
                "0 < low < high ≤ 1e100"
            } else {
                "finite low < high, up to 1e100 in magnitude"
            };
            Err(Error::argument(name, format!("{low} to {high}"), allowed))
        };
        match self {
            Self::Float { low, high } => range(*low, *high, -LARGEST),
            Self::LogFloat { low, high } => range(*low, *high, f64::MIN_POSITIVE),
            Self::Integer { low, high } => {
                let limits = -LARGEST_INTEGER..=LARGEST_INTEGER;
                if low <= high && limits.contains(low) && limits.contains(high) {
                    return Ok(());
                }
                let allowed = "low ≤ high, up to 2⁵³ in magnitude";
                Err(Error::argument(name, format!("{low} to {high}"), allowed))
            }
            Self::Choice { names } => {
                let distinct: std::collections::BTreeSet<&String> = names.iter().collect();
                if !names.is_empty() && distinct.len() == names.len() {
                    return Ok(());
                }
                Err(Error::argument(
                    name,
                    format!("{names:?}"),
                    "at least one name, all different",
                ))
            }
            Self::Grid { values } => {
                let rising = values.windows(2).all(|w| w[0] < w[1]);
                if rising && !values.is_empty() && values.iter().all(|v| v.abs() <= LARGEST) {
                    return Ok(());
                }
                let allowed = "at least one finite number, strictly rising";
                Err(Error::argument(name, format!("{values:?}"), allowed))
            }
            Self::Pixel {
                rows,
                columns,
                mask,
            } => {
                if let Some(mask) = mask
                    && mask.shape() != (*rows, *columns)
                {
                    let (r, c) = mask.shape();
                    let found = format!("a mask of {r} × {c} pixels");
                    return Err(Error::argument(name, found, format!("{rows} × {columns}")));
                }
                let pixels = rows.saturating_mul(*columns);
                if (1..=1 << 31).contains(&pixels) {
                    return Ok(());
                }
                let allowed = "at least one pixel and at most 2³¹";
                Err(Error::argument(
                    name,
                    format!("{rows} × {columns}"),
                    allowed,
                ))
            }
        }
    }

    /// Number of different values; `None` for a continuum.
    pub fn count(&self) -> Option<u64> {
        match self {
            Self::Float { .. } | Self::LogFloat { .. } => None,
            Self::Integer { low, high } => Some(low.abs_diff(*high) + 1),
            Self::Choice { names } => Some(names.len() as u64),
            Self::Grid { values } => Some(values.len() as u64),
            Self::Pixel {
                mask: Some(mask), ..
            } => Some(mask.count() as u64),
            Self::Pixel { rows, columns, .. } => Some((rows * columns) as u64),
        }
    }

    /// Coordinates a model sees of this parameter.
    pub(super) fn width(&self) -> usize {
        match self {
            Self::Pixel { .. } => 2,
            _ => 1,
        }
    }

    /// Number of categories of its coordinate; `None` if its coordinates are ordered.
    pub(super) fn categories(&self) -> Option<usize> {
        match self {
            Self::Choice { names } => Some(names.len()),
            _ => None,
        }
    }

    /// The value number `index` of a dimension that has so many.
    pub(super) fn nth(&self, index: u64) -> Option<Value> {
        if self.count().is_none_or(|count| index >= count) {
            return None;
        }
        match self {
            Self::Float { .. } | Self::LogFloat { .. } => None,
            Self::Integer { low, .. } => Some(Value::Integer(low + index as i64)),
            Self::Choice { names } => Some(Value::Choice(names[index as usize].clone())),
            Self::Grid { values } => Some(Value::Float(values[index as usize])),
            Self::Pixel {
                mask: Some(mask), ..
            } => {
                let (row, column) = mask.nth(index as usize)?;
                Some(Value::Pixel { row, column })
            }
            Self::Pixel { columns, .. } => Some(Value::Pixel {
                row: index as usize / columns,
                column: index as usize % columns,
            }),
        }
    }

    /// The values one step away from `value` on an ordered dimension; none on a continuum or among choices.
    pub(super) fn adjacent(&self, value: &Value) -> Vec<Value> {
        match (self, value) {
            (Self::Integer { low, high }, Value::Integer(v)) => [v - 1, v + 1]
                .into_iter()
                .filter(|v| (low..=high).contains(&v))
                .map(Value::Integer)
                .collect(),
            (Self::Grid { values }, Value::Float(v)) => {
                let Some(at) = values.iter().position(|other| other == v) else {
                    return Vec::new();
                };
                let beside = [at.checked_sub(1), Some(at + 1)].into_iter().flatten();
                beside
                    .filter_map(|i| values.get(i))
                    .map(|v| Value::Float(*v))
                    .collect()
            }
            (
                Self::Pixel {
                    rows,
                    columns,
                    mask,
                },
                Value::Pixel { row, column },
            ) => {
                let allowed = |row, column| mask.as_ref().is_none_or(|m| m.contains(row, column));
                [(0, 1), (2, 1), (1, 0), (1, 2)]
                    .into_iter()
                    .filter_map(|(down, right)| {
                        let (row, column) = (
                            (row + down).checked_sub(1)?,
                            (column + right).checked_sub(1)?,
                        );
                        (row < *rows && column < *columns && allowed(row, column))
                            .then_some(Value::Pixel { row, column })
                    })
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    /// Appends what a model sees of `value`: ordered coordinates within [0, 1], categories by number.
    pub(super) fn encode(&self, name: &str, value: &Value, out: &mut Vec<f64>) -> Result<()> {
        let outside = || Error::argument(name, value, format!("a value of {self:?}"));
        match (self, value) {
            (Self::Float { low, high }, Value::Float(v)) if (*low..=*high).contains(v) => {
                out.push((v - low) / (high - low));
            }
            (Self::LogFloat { low, high }, Value::Float(v)) if (*low..=*high).contains(v) => {
                out.push(((v / low).ln() / (high / low).ln()).clamp(0.0, 1.0));
            }
            (Self::Integer { low, high }, Value::Integer(v)) if (*low..=*high).contains(v) => {
                out.push(v.abs_diff(*low) as f64 / (low.abs_diff(*high).max(1)) as f64);
            }
            (Self::Choice { names }, Value::Choice(v)) => {
                let code = names.iter().position(|n| n == v).ok_or_else(outside)?;
                out.push(code as f64);
            }
            (Self::Grid { values }, Value::Float(v)) if values.contains(v) => {
                let span = values[values.len() - 1] - values[0];
                out.push(if span > 0.0 {
                    (v - values[0]) / span
                } else {
                    0.0
                });
            }
            (
                Self::Pixel {
                    rows,
                    columns,
                    mask,
                },
                Value::Pixel { row, column },
            ) if row < rows
                && column < columns
                && mask.as_ref().is_none_or(|m| m.contains(*row, *column)) =>
            {
                // One scale for both directions, so that a pixel is as long as it is wide.
                let span = (rows.max(columns) - 1).max(1) as f64;
                out.extend([*row as f64 / span, *column as f64 / span]);
            }
            _ => return Err(outside()),
        }
        Ok(())
    }

    /// The value nearest to coordinates as [`Dimension::encode`] gives them.
    pub(super) fn decode(&self, coordinates: &[f64]) -> Value {
        let unit = coordinates[0].clamp(0.0, 1.0);
        match self {
            Self::Float { low, high } => {
                Value::Float((low + unit * (high - low)).clamp(*low, *high))
            }
            Self::LogFloat { low, high } => {
                Value::Float((low * (unit * (high / low).ln()).exp()).clamp(*low, *high))
            }
            Self::Integer { low, high } => {
                let step = (unit * low.abs_diff(*high) as f64).round() as i64;
                Value::Integer((low + step).clamp(*low, *high))
            }
            Self::Choice { names } => {
                let code = coordinates[0].round().max(0.0) as usize;
                Value::Choice(names[code.min(names.len() - 1)].clone())
            }
            Self::Grid { values } => {
                let at = values[0] + unit * (values[values.len() - 1] - values[0]);
                let nearest = values.iter().copied();
                let nearest = nearest.min_by(|a, b| (a - at).abs().total_cmp(&(b - at).abs()));
                Value::Float(nearest.unwrap_or(at))
            }
            Self::Pixel {
                rows,
                columns,
                mask,
            } => {
                let span = (rows.max(columns) - 1).max(1) as f64;
                if let Some(mask) = mask {
                    let (row, column) = mask.nearest(coordinates[0] * span, coordinates[1] * span);
                    return Value::Pixel { row, column };
                }
                let place =
                    |c: f64, count: usize| ((c * span).round().max(0.0) as usize).min(count - 1);
                Value::Pixel {
                    row: place(coordinates[0], *rows),
                    column: place(coordinates[1], *columns),
                }
            }
        }
    }

    /// A value from uniform deviates within [0, 1), one a coordinate.
    pub(super) fn sample(&self, deviates: &[f64]) -> Value {
        match (self, self.count()) {
            (
                Self::Pixel {
                    mask: Some(mask), ..
                },
                _,
            ) => {
                let (row, column) = mask.sample([deviates[0], deviates[1]]);
                Value::Pixel { row, column }
            }
            (Self::Pixel { rows, columns, .. }, _) => Value::Pixel {
                row: (deviates[0] * *rows as f64) as usize,
                column: (deviates[1] * *columns as f64) as usize,
            },
            (_, Some(count)) => {
                let index = ((deviates[0] * count as f64) as u64).min(count - 1);
                self.nth(index).unwrap_or_else(|| self.decode(deviates))
            }
            (_, None) => self.decode(deviates),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all() -> Vec<Dimension> {
        vec![
            Dimension::Float {
                low: -3.0,
                high: 5.0,
            },
            Dimension::LogFloat {
                low: 1e-3,
                high: 1e4,
            },
            Dimension::Integer { low: -4, high: 9 },
            Dimension::Choice {
                names: vec!["a".into(), "b".into(), "c".into()],
            },
            Dimension::Grid {
                values: vec![-1.0, 0.5, 7.0, 7.25],
            },
            Dimension::Pixel {
                rows: 3,
                columns: 11,
                mask: None,
            },
            Dimension::Pixel {
                rows: 2,
                columns: 3,
                mask: Mask::try_from(vec!["#.#".to_owned(), ".##".to_owned()]).ok(),
            },
        ]
    }

    proptest! {
        #[test]
        fn every_value_survives_encoding(deviates in prop::array::uniform2(0.0..1.0_f64)) {
            for dimension in all() {
                let value = dimension.sample(&deviates);
                let mut coordinates = Vec::new();
                dimension.encode("p", &value, &mut coordinates).unwrap();
                prop_assert_eq!(coordinates.len(), dimension.width());
                match (&value, dimension.decode(&coordinates)) {
                    (Value::Float(a), Value::Float(b)) => prop_assert!((a - b).abs() <= 1e-12 * (1.0 + a.abs())),
                    (a, b) => prop_assert_eq!(a, &b),
                }
            }
        }
    }

    #[test]
    fn finite_dimensions_enumerate_their_values() {
        for dimension in all() {
            let Some(count) = dimension.count() else {
                continue;
            };
            let values: Vec<Value> = (0..count).filter_map(|i| dimension.nth(i)).collect();
            assert_eq!(values.len() as u64, count);
            assert!((1..values.len()).all(|i| !values[..i].contains(&values[i])));
            assert!(dimension.nth(count).is_none());
        }
    }

    #[test]
    fn contradictions_are_refused() {
        let bad = [
            Dimension::Float {
                low: 1.0,
                high: 1.0,
            },
            Dimension::Float {
                low: f64::NAN,
                high: 1.0,
            },
            Dimension::LogFloat {
                low: 0.0,
                high: 1.0,
            },
            Dimension::Integer { low: 2, high: 1 },
            Dimension::Choice { names: vec![] },
            Dimension::Choice {
                names: vec!["a".into(), "a".into()],
            },
            Dimension::Grid {
                values: vec![1.0, 1.0],
            },
            Dimension::Grid {
                values: vec![f64::INFINITY],
            },
            Dimension::Pixel {
                rows: 0,
                columns: 4,
                mask: None,
            },
            Dimension::Pixel {
                rows: 1,
                columns: 4,
                mask: Mask::try_from(vec!["#.".to_owned()]).ok(),
            },
        ];
        for dimension in bad {
            assert!(dimension.check("p").is_err(), "{dimension:?}");
        }
        let mut out = Vec::new();
        let float = &all()[0];
        for value in [Value::Float(5.1), Value::Float(f64::NAN), Value::Integer(1)] {
            assert!(float.encode("p", &value, &mut out).is_err());
        }
    }
}
