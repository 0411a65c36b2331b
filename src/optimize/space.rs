//! What may be tried: named parameters and inequalities between them.

use super::dimension::Dimension;
use super::mask::Mask;
use super::value::{Setting, Value};
use crate::error::{Error, Result};
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// Relative slack of an inequality: rounding must not refuse a point on the edge.
const SLACK: f64 = 1e-9;

/// Named parameters, with linear inequalities between the numbers among them.
///
/// ```
/// use dosewise::optimize::Space;
/// let space = Space::new()
///     .float("defocus", -200.0..=200.0)?
///     .log_float("dwell", 0.5..=50.0)?
///     .choice("detector", ["HAADF", "MAADF"])?
///     .at_most([("defocus", 1.0), ("dwell", 2.0)], 150.0)?;
/// assert_eq!(space.dimensions().len(), 3);
/// assert!(Space::new().float("defocus", 1.0..=-1.0).is_err());
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Space {
    dimensions: Vec<(String, Dimension)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    inequalities: Vec<Inequality>,
}

/// Σ coefficient × parameter ≤ limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Inequality {
    terms: Vec<(String, f64)>,
    limit: f64,
}

impl Space {
    /// No parameter yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a real parameter within a range.
    ///
    /// # Errors
    /// [`Error::Argument`] for a name that exists already or is empty, or a range that is empty or not finite.
    pub fn float(self, name: &str, range: RangeInclusive<f64>) -> Result<Self> {
        let (low, high) = range.into_inner();
        self.with(name, Dimension::Float { low, high })
    }

    /// Adds a positive parameter that matters by its logarithm.
    ///
    /// # Errors
    /// As [`Space::float`]; also for a range that reaches zero.
    pub fn log_float(self, name: &str, range: RangeInclusive<f64>) -> Result<Self> {
        let (low, high) = range.into_inner();
        self.with(name, Dimension::LogFloat { low, high })
    }

    /// Adds a whole-numbered parameter within a range.
    ///
    /// # Errors
    /// As [`Space::float`].
    pub fn integer(self, name: &str, range: RangeInclusive<i64>) -> Result<Self> {
        let (low, high) = range.into_inner();
        self.with(name, Dimension::Integer { low, high })
    }

    /// Adds a parameter that is one of several names.
    ///
    /// # Errors
    /// As [`Space::float`]; also if two names are the same.
    pub fn choice<N: Into<String>>(
        self,
        name: &str,
        names: impl IntoIterator<Item = N>,
    ) -> Result<Self> {
        let names = names.into_iter().map(Into::into).collect();
        self.with(name, Dimension::Choice { names })
    }

    /// Adds a parameter that is one of several rising numbers.
    ///
    /// # Errors
    /// As [`Space::float`].
    pub fn grid(self, name: &str, values: impl Into<Vec<f64>>) -> Result<Self> {
        let values = values.into();
        self.with(name, Dimension::Grid { values })
    }

    /// Adds a parameter that is a pixel of an image.
    ///
    /// # Errors
    /// As [`Space::float`].
    pub fn pixels(self, name: &str, rows: usize, columns: usize) -> Result<Self> {
        let mask = None;
        self.with(
            name,
            Dimension::Pixel {
                rows,
                columns,
                mask,
            },
        )
    }

    /// Adds a parameter that is a pixel of an image, where the mask is `true`.
    ///
    /// ```
    /// use dosewise::optimize::{Dimension, Space};
    /// let bright = ndarray::array![[0.2, 0.9], [0.8, 0.1], [0.7, 0.9]].mapv(|v| v > 0.5);
    /// let space = Space::new().pixels_where("place", &bright)?;
    /// assert_eq!(space.count(), Some(4));
    /// # Ok::<(), dosewise::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Space::float`]; also if no pixel is allowed.
    pub fn pixels_where<'a>(
        self,
        name: &str,
        allowed: impl Into<ArrayView2<'a, bool>>,
    ) -> Result<Self> {
        let mask = Mask::new(allowed)?;
        let (rows, columns) = mask.shape();
        let mask = Some(mask);
        self.with(
            name,
            Dimension::Pixel {
                rows,
                columns,
                mask,
            },
        )
    }

    /// Adds a parameter.
    ///
    /// # Errors
    /// As the other methods that add one.
    pub fn with(mut self, name: &str, dimension: Dimension) -> Result<Self> {
        if name.is_empty() || self.dimensions.iter().any(|(n, _)| n == name) {
            return Err(Error::argument(
                "name",
                format!("`{name}`"),
                "a name that is new and not empty",
            ));
        }
        dimension.check(name)?;
        self.dimensions.push((name.into(), dimension));
        Ok(self)
    }

    /// Demands Σ coefficient × parameter ≤ `limit`, for parameters that are numbers.
    ///
    /// # Errors
    /// [`Error::Argument`] if a parameter is unknown or no number, a coefficient is not finite, or no setting within
    /// the ranges obeys.
    pub fn at_most<'n>(
        mut self,
        terms: impl IntoIterator<Item = (&'n str, f64)>,
        limit: f64,
    ) -> Result<Self> {
        let terms = terms.into_iter().map(|(n, c)| (n.to_owned(), c)).collect();
        let inequality = Inequality { terms, limit };
        self.check_inequality(&inequality)?;
        self.inequalities.push(inequality);
        Ok(self)
    }

    /// Demands Σ coefficient × parameter ≥ `limit`, see [`Space::at_most`].
    ///
    /// # Errors
    /// As [`Space::at_most`].
    pub fn at_least<'n>(
        self,
        terms: impl IntoIterator<Item = (&'n str, f64)>,
        limit: f64,
    ) -> Result<Self> {
        self.at_most(terms.into_iter().map(|(n, c)| (n, -c)), -limit)
    }

    /// The parameters by name.
    pub fn dimensions(&self) -> &[(String, Dimension)] {
        &self.dimensions
    }

    /// The parameter `name`.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such parameter.
    pub fn dimension(&self, name: &str) -> Result<&Dimension> {
        let mut all = self.dimensions.iter();
        let found = all.find(|(n, _)| n == name).map(|(_, dimension)| dimension);
        found.ok_or_else(|| {
            let names: Vec<&str> = self.dimensions.iter().map(|(n, _)| n.as_str()).collect();
            Error::argument("name", format!("`{name}`"), format!("one of {names:?}"))
        })
    }

    /// Number of different settings, inequalities not considered; `None` for a continuum or more than 2⁶⁴.
    pub fn count(&self) -> Option<u64> {
        let mut counts = self.dimensions.iter().map(|(_, d)| d.count());
        counts.try_fold(1_u64, |total, count| total.checked_mul(count?))
    }

    /// Accepts or refuses a setting.
    ///
    /// # Errors
    /// [`Error::Argument`] naming the parameter that is missing, unknown, of the wrong kind or out of range, or the
    /// inequality that is not obeyed.
    pub fn check(&self, setting: &Setting) -> Result<()> {
        self.encode(setting)?;
        for inequality in &self.inequalities {
            let found = self.left_side(inequality, setting);
            if !obeys(found, inequality.limit) {
                let allowed = format!("{inequality}");
                return Err(Error::argument(
                    "setting",
                    format!("{setting}: {found}"),
                    allowed,
                ));
            }
        }
        Ok(())
    }

    /// A definition that came from outside, checked as if it had been built here.
    pub(super) fn checked(self) -> Result<Self> {
        let mut space = Self::new();
        for (name, dimension) in self.dimensions {
            space = space.with(&name, dimension)?;
        }
        for inequality in self.inequalities {
            space.check_inequality(&inequality)?;
            space.inequalities.push(inequality);
        }
        Ok(space)
    }

    /// Whether the inequalities hold.
    pub(super) fn obeyed(&self, setting: &Setting) -> bool {
        let mut all = self.inequalities.iter();
        all.all(|inequality| obeys(self.left_side(inequality, setting), inequality.limit))
    }

    /// Number of coordinates a model sees.
    pub(super) fn width(&self) -> usize {
        self.dimensions.iter().map(|(_, d)| d.width()).sum()
    }

    /// What a model sees of a setting.
    pub(super) fn encode(&self, setting: &Setting) -> Result<Vec<f64>> {
        if setting.values().len() != self.dimensions.len() {
            let found = format!("{} values", setting.values().len());
            let allowed = format!("{}, one for each parameter", self.dimensions.len());
            return Err(Error::argument("setting", found, allowed));
        }
        let mut out = Vec::with_capacity(self.width());
        for (name, dimension) in &self.dimensions {
            dimension.encode(name, setting.get(name)?, &mut out)?;
        }
        Ok(out)
    }

    /// The setting nearest to coordinates.
    pub(super) fn decode(&self, coordinates: &[f64]) -> Setting {
        self.assemble(coordinates, Dimension::decode)
    }

    /// The setting of uniform deviates within [0, 1), one a coordinate.
    pub(super) fn sample(&self, deviates: &[f64]) -> Setting {
        self.assemble(deviates, Dimension::sample)
    }

    /// The setting number `index` of a finite space, the last parameter running fastest.
    pub(super) fn nth(&self, mut index: u64) -> Option<Setting> {
        let mut values = Vec::with_capacity(self.dimensions.len());
        for (name, dimension) in self.dimensions.iter().rev() {
            let count = dimension.count()?;
            values.push((name.clone(), dimension.nth(index % count)?));
            index /= count;
        }
        values.reverse();
        (index == 0).then(|| Setting::new(values))
    }

    fn assemble(&self, numbers: &[f64], value: impl Fn(&Dimension, &[f64]) -> Value) -> Setting {
        let mut rest = numbers;
        Setting::new(self.dimensions.iter().map(|(name, dimension)| {
            let (own, others) = rest.split_at(dimension.width());
            rest = others;
            (name.clone(), value(dimension, own))
        }))
    }

    fn left_side(&self, inequality: &Inequality, setting: &Setting) -> f64 {
        let term = |(name, coefficient): &(String, f64)| {
            let value = setting.get(name).ok().and_then(Value::number);
            value.map_or(f64::NAN, |value| coefficient * value)
        };
        inequality.terms.iter().map(term).sum()
    }

    fn check_inequality(&self, inequality: &Inequality) -> Result<()> {
        let mut least = 0.0;
        for (name, coefficient) in &inequality.terms {
            let (low, high) = match self.dimension(name)? {
                Dimension::Float { low, high } | Dimension::LogFloat { low, high } => (*low, *high),
                Dimension::Integer { low, high } => (*low as f64, *high as f64),
                Dimension::Grid { values } => (values[0], values[values.len() - 1]),
                Dimension::Choice { .. } | Dimension::Pixel { .. } => {
                    let found = format!("`{name}`, which is none");
                    return Err(Error::argument(
                        "terms",
                        found,
                        "parameters that are numbers",
                    ));
                }
            };
            least += (coefficient * low).min(coefficient * high);
        }
        if inequality.terms.is_empty() || !least.is_finite() || !inequality.limit.is_finite() {
            return Err(Error::argument(
                "terms",
                inequality,
                "finite coefficients and a finite limit",
            ));
        }
        if !obeys(least, inequality.limit) {
            let allowed =
                format!("a limit of at least {least}, the smallest value within the ranges");
            return Err(Error::argument("limit", inequality, allowed));
        }
        Ok(())
    }
}

impl std::fmt::Display for Inequality {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, (name, coefficient)) in self.terms.iter().enumerate() {
            let sign = if i == 0 { "" } else { " + " };
            write!(f, "{sign}{coefficient} {name}")?;
        }
        write!(f, " ≤ {}", self.limit)
    }
}

fn obeys(found: f64, limit: f64) -> bool {
    found <= limit + SLACK * (1.0 + limit.abs())
}
