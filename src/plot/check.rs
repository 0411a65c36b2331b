//! Checks shared by all figures: data that cannot be drawn is named, never drawn wrong.

use crate::error::{Error, Result};

/// Largest magnitude a figure draws; beyond it differences of axis ends overflow.
const LARGEST: f64 = 1e100;

/// One finite number.
pub(crate) fn number(argument: &str, value: f64) -> Result<()> {
    if value.abs() <= LARGEST {
        Ok(())
    } else {
        Err(Error::argument(
            argument,
            value,
            "a finite number below 1e100",
        ))
    }
}

/// Finite numbers only; names the first that is not.
pub(crate) fn numbers(argument: &str, values: &[f64]) -> Result<()> {
    values
        .iter()
        .enumerate()
        .try_for_each(|(i, &v)| number(&format!("{argument}[{i}]"), v))
}

/// A finite number above zero.
pub(crate) fn positive(argument: &str, value: f64) -> Result<()> {
    if value > 0.0 && value <= LARGEST {
        Ok(())
    } else {
        Err(Error::argument(argument, value, "a finite number above 0"))
    }
}

/// At least one element, at most `most`.
pub(crate) fn count(argument: &str, found: usize, most: usize) -> Result<()> {
    if (1..=most).contains(&found) {
        Ok(())
    } else {
        Err(Error::argument(
            argument,
            format!("{found} elements"),
            format!("1 to {most} elements"),
        ))
    }
}

/// As many elements as another list.
pub(crate) fn same_length(argument: &str, found: usize, other: &str, wanted: usize) -> Result<()> {
    if found == wanted {
        Ok(())
    } else {
        Err(Error::argument(
            argument,
            format!("{found} elements"),
            format!("{wanted} elements, as many as {other}"),
        ))
    }
}

/// An interval around a value.
pub(crate) fn interval(argument: &str, (low, high): (f64, f64)) -> Result<()> {
    number(argument, low)?;
    number(argument, high)?;
    if low <= high {
        Ok(())
    } else {
        Err(Error::argument(
            argument,
            format!("({low}, {high})"),
            "a lower end not above the upper end",
        ))
    }
}
