//! Aberrations as text: `C10=-50, C12=20@0.3`.

use super::{Aberration, Aberrations};
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// What a lens without aberrations is called.
const NONE: &str = "none";

impl fmt::Display for Aberration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name(), self.magnitude)?;
        if self.angle != 0.0 {
            write!(f, "@{}", self.angle)?;
        }
        Ok(())
    }
}

impl fmt::Display for Aberrations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.terms().is_empty() {
            return f.write_str(NONE);
        }
        for (index, term) in self.terms().iter().enumerate() {
            write!(f, "{}{term}", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl FromStr for Aberrations {
    type Err = Error;

    /// Terms between commas, each `name=length` or `name=length@angle` (Å and rad), or the Cartesian parts `name` + `a` or
    /// `b`, of which a missing one is 0. Blank text and `none` are a lens without aberrations.
    fn from_str(text: &str) -> Result<Self> {
        if matches!(text.trim(), "" | NONE) {
            return Ok(Self::default());
        }
        let mut terms = Vec::new();
        let mut parts: BTreeMap<&str, [Option<f64>; 2]> = BTreeMap::new();
        for term in text.split(',') {
            let Some((name, value)) = term.split_once('=') else {
                return Err(Error::argument(
                    "aberrations",
                    format!("`{}`", term.trim()),
                    "terms like C10=-50 or C12=20@0.3 between commas, lengths in Å and angles in rad",
                ));
            };
            let name = name.trim();
            let part = [name.strip_suffix('a'), name.strip_suffix('b')];
            let Some((index, whole)) = (part.iter().enumerate())
                .find_map(|(index, whole)| whole.map(|whole| (index, whole)))
            else {
                let (length, angle) = value.split_once('@').unwrap_or((value, "0"));
                terms.push(Aberration::new(
                    name,
                    number(name, length)?,
                    number(name, angle)?,
                )?);
                continue;
            };
            let value = number(name, value)?;
            if parts.entry(whole).or_default()[index]
                .replace(value)
                .is_some()
            {
                let found = format!("{name} twice");
                return Err(Error::argument(
                    "aberrations",
                    found,
                    "each coefficient once",
                ));
            }
        }
        for (name, [a, b]) in parts {
            terms.push(Aberration::from_components(
                name,
                a.unwrap_or(0.0),
                b.unwrap_or(0.0),
            )?);
        }
        Self::new(terms)
    }
}

fn number(name: &str, text: &str) -> Result<f64> {
    let text = text.trim();
    text.parse()
        .map_err(|_| Error::argument(name, format!("`{text}`"), "a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Aberrations> {
        text.parse()
    }

    #[test]
    fn text_is_read_in_either_form() {
        let lens = read(" C30 = 1e4,C12=20@ -0.3 , C21b=40,C21a=30").unwrap();
        assert_eq!(lens.terms()[0], Aberration::new("C12", 20.0, -0.3).unwrap());
        assert_eq!(lens.terms()[1].magnitude, 50.0);
        assert!((lens.terms()[1].angle.tan() - 4.0 / 3.0).abs() < 1e-15);
        assert_eq!(lens.terms()[2].magnitude, 1e4);
        for nothing in ["", "  \n", "none", " none "] {
            assert_eq!(read(nothing).unwrap(), Aberrations::default());
        }
        assert_eq!(Aberrations::default().to_string(), "none");
        assert_eq!(
            read("C12b=5").unwrap().to_string(),
            "C12=5@0.7853981633974483"
        );
    }

    #[test]
    fn every_mistake_is_named() {
        for (text, named) in [
            ("C11=1", "`C11`"),
            ("c10=1", "`c10`"),
            ("C60=1", "`C60`"),
            ("A1=3", "`A1`"),
            ("C11a=1", "`C11`"),
            ("C10", "`C10`"),
            ("C10=1,", "``"),
            ("=3", "``"),
            ("C10=five", "`five`"),
            ("C12=1@", "``"),
            ("C12=1@2@3", "`2@3`"),
            ("C12=nan", "NaN Å"),
            ("C12=1@inf", "inf rad"),
            ("C12=1@1e7", "10000000 rad"),
            ("C50=1e11", "100000000000 Å"),
            ("C10=5@0.3", "an angle of 0.3 rad"),
            ("C10b=5", "a part b of 5 Å"),
            ("C12a=nan", "NaN Å"),
            ("C12b=inf", "inf Å"),
            ("C10=1, C10=2", "C10 twice"),
            ("C12=1, C12a=2", "C12 twice"),
            ("C12a=1, C12a=2", "C12a twice"),
        ] {
            let error = read(text).expect_err(text);
            assert!(
                matches!(&error, Error::Argument { found, .. } if found.contains(named)),
                "{text}: {error}"
            );
        }
    }
}
