//! Symmetry operations of a space group, as CIF files write them: `-x+y, -x, z+1/2`.

use crate::{Error, Result};
use nalgebra::{Matrix3, Vector3};
use std::str::FromStr;

/// One symmetry operation on fractional coordinates, p → R p + t with an integer matrix R of determinant ±1.
///
/// ```
/// use dosewise::stem::SymmetryOperation;
/// use nalgebra::Vector3;
/// let screw: SymmetryOperation = "-x+y, -x, 1/2+z".parse()?;
/// let moved = screw.apply(Vector3::new(0.1, 0.3, 0.25));
/// assert!((moved - Vector3::new(0.2, -0.1, 0.75)).norm() < 1e-15);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SymmetryOperation {
    rotation: Matrix3<f64>,
    translation: Vector3<f64>,
}

impl SymmetryOperation {
    /// The operation that moves nothing.
    pub fn identity() -> Self {
        Self {
            rotation: Matrix3::identity(),
            translation: Vector3::zeros(),
        }
    }

    pub(super) fn new(rotation: Matrix3<f64>, translation: Vector3<f64>) -> Self {
        Self {
            rotation,
            translation,
        }
    }

    /// The integer matrix R.
    pub fn rotation(&self) -> &Matrix3<f64> {
        &self.rotation
    }

    /// The translation t, in fractions of the cell's edges.
    pub fn translation(&self) -> &Vector3<f64> {
        &self.translation
    }

    /// This operation applied after the other.
    pub fn after(&self, first: &Self) -> Self {
        Self::new(
            self.rotation * first.rotation,
            self.apply(first.translation),
        )
    }

    /// Image of a fractional position.
    pub fn apply(&self, fractional: Vector3<f64>) -> Vector3<f64> {
        self.rotation * fractional + self.translation
    }
}

impl FromStr for SymmetryOperation {
    type Err = Error;

    /// Reads three comma-separated sums of ±x, ±y, ±z and decimal numbers or fractions, in any order and case.
    fn from_str(text: &str) -> Result<Self> {
        let refuse = |allowed: &str| {
            let shown: String = text.chars().take(60).collect();
            Error::argument(
                "symmetry operation",
                format!("`{}`", shown.escape_debug()),
                allowed,
            )
        };
        let parts: Vec<&str> = text.split(',').collect();
        if parts.len() != 3 {
            return Err(refuse("three parts between commas, such as -x+y,-x,z+1/2"));
        }
        let mut rotation = Matrix3::zeros();
        let mut translation = Vector3::zeros();
        for (row, part) in parts.into_iter().enumerate() {
            let (coefficients, shift) = linear_form(part)
                .ok_or_else(|| refuse("sums of ±x, ±y, ±z and numbers such as 1/2 or 0.25"))?;
            rotation.set_row(row, &coefficients.transpose());
            translation[row] = shift;
        }
        let integer = rotation.iter().all(|r: &f64| r.abs() <= 1.0);
        if !integer || (rotation.determinant().abs() - 1.0).abs() > 1e-9 {
            return Err(refuse(
                "an operation that keeps the cell's volume (determinant ±1)",
            ));
        }
        Ok(Self {
            rotation,
            translation,
        })
    }
}

/// Coefficients of x, y, z and the constant of one part; `None` if it does not follow the grammar.
fn linear_form(part: &str) -> Option<(Vector3<f64>, f64)> {
    let compact: String = part
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let mut rest = compact.as_str();
    let mut coefficients = Vector3::zeros();
    let mut shift = 0.0;
    let mut first = true;
    while first || !rest.is_empty() {
        let (sign, after) = match (rest.strip_prefix('-'), rest.strip_prefix('+')) {
            (Some(after), _) => (-1.0, after),
            (_, Some(after)) => (1.0, after),
            _ if first => (1.0, rest),
            _ => return None, // terms must be joined by a sign
        };
        first = false;
        let end = after.find(['+', '-']).unwrap_or(after.len());
        let (term, next) = after.split_at(end);
        match term {
            "x" => coefficients[0] += sign,
            "y" => coefficients[1] += sign,
            "z" => coefficients[2] += sign,
            _ => shift += sign * number_or_fraction(term)?,
        }
        rest = next;
    }
    Some((coefficients, shift))
}

fn number_or_fraction(term: &str) -> Option<f64> {
    let decimal = |text: &str| -> Option<f64> {
        let digits = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let number: f64 = digits.then(|| text.parse().ok())??;
        (number <= 1e3).then_some(number)
    };
    match term.split_once('/') {
        Some((above, below)) => {
            let (above, below) = (decimal(above)?, decimal(below)?);
            (below > 0.0).then(|| above / below)
        }
        None => decimal(term),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notations_found_in_databases() {
        let p = Vector3::new(0.1, 0.2, 0.3);
        for (text, image) in [
            ("x,y,z", [0.1, 0.2, 0.3]),
            (" X, -Y , 1/2+Z ", [0.1, -0.2, 0.8]),
            ("-x+y,y,-z", [0.1, 0.2, -0.3]),
            ("y+3/4,x+0.25,-z-1/4", [0.95, 0.35, -0.55]),
            ("+x,+y,+z", [0.1, 0.2, 0.3]),
            ("z , x , y", [0.3, 0.1, 0.2]),
        ] {
            let operation: SymmetryOperation = text.parse().unwrap();
            let found = operation.apply(p);
            assert!((found - Vector3::from(image)).norm() < 1e-15, "{text}");
        }
    }

    #[test]
    fn malformed_operations_are_refused() {
        for text in [
            "",
            "x,y",
            "x,y,z,t",
            "x,y,",
            "x,y,w",
            "x,y,2z",
            "x,y,z z",
            "x,y,z+1/0",
            "x,y,z+",
            "x,y,--z",
            "x,x,z",
            "x,y,z+z",
            "x,y,z+nan",
            "x,y,z+1e400",
            "x,y,1/2",
        ] {
            let message = text.parse::<SymmetryOperation>().unwrap_err().to_string();
            assert!(message.contains("symmetry operation"), "{message}");
        }
    }

    #[test]
    fn identity_moves_nothing() {
        let parsed: SymmetryOperation = "x,y,z".parse().unwrap();
        assert_eq!(parsed, SymmetryOperation::identity());
    }
}
