//! Detectors as text: `haadf=60:180`, `dpc=10:30/4@45`, `field=com:60`.

use dosewise::stem::output::Quantity;
use dosewise::stem::{AnnularDetector, Detector, ScanAxis};
use dosewise::{Error, Result};
use std::collections::HashSet;

/// A detector and what its image is called.
pub struct NamedDetector {
    pub name: String,
    pub detector: Detector,
}

impl NamedDetector {
    /// Whether it counts electrons.
    pub fn counts(&self) -> bool {
        !matches!(self.detector, Detector::CentreOfMass { .. })
    }

    /// What its signal is.
    pub fn quantity(&self) -> Quantity {
        let along = match self.detector {
            Detector::CentreOfMass { along, .. } => along,
            _ => return Quantity::BeamFraction,
        };
        let axis = match along {
            ScanAxis::Y => "y",
            ScanAxis::X => "x",
        };
        Quantity::Other {
            name: format!("centre of mass along {axis}"),
            unit: "mrad".to_owned(),
        }
    }
}

pub fn parse_all(texts: &[String]) -> Result<Vec<NamedDetector>> {
    let mut detectors = Vec::new();
    for text in texts {
        detectors.extend(parse(text)?);
    }
    let mut names = HashSet::new();
    match detectors
        .iter()
        .find(|d: &&NamedDetector| !names.insert(&d.name))
    {
        Some(twice) => {
            let found = format!("{} twice", twice.name);
            Err(Error::argument("--detector", found, "each name once"))
        }
        None => Ok(detectors),
    }
}

fn parse(text: &str) -> Result<Vec<NamedDetector>> {
    let refused = || {
        let rule = "NAME=INNER:OUTER, NAME=INNER:OUTER/COUNT@DEGREES or NAME=com:OUTER, angles in mrad, names of letters, \
                    digits, - and _";
        Error::argument("--detector", format!("`{text}`"), rule)
    };
    let number = |text: &str| text.trim().parse::<f64>().map_err(|_| refused());
    let (name, shape) = text.split_once('=').ok_or_else(refused)?;
    let name = name.trim();
    let plain = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || !name.chars().all(plain) {
        return Err(refused());
    }
    let (angles, segments) = match shape.split_once('/') {
        Some((angles, segments)) => (angles, Some(segments)),
        None => (shape, None),
    };
    let (inner, outer) = angles.split_once(':').ok_or_else(refused)?;
    let outer = number(outer)?;
    let named = |suffix: &str, detector| NamedDetector {
        name: format!("{name}{suffix}"),
        detector,
    };
    if inner.trim() == "com" {
        if segments.is_some() {
            return Err(refused());
        }
        let [y, x] = Detector::centre_of_mass(outer)?;
        return Ok(vec![named("-y", y), named("-x", x)]);
    }
    let annulus = AnnularDetector::new(number(inner)?, outer)?;
    let Some(segments) = segments else {
        return Ok(vec![named("", annulus.into())]);
    };
    let (count, degrees) = segments.split_once('@').unwrap_or((segments, "0"));
    let count = count.trim().parse().map_err(|_| refused())?;
    let segments = annulus.segments(count, number(degrees)?.to_radians())?;
    let segments = segments.into_iter().enumerate();
    Ok(segments
        .map(|(index, segment)| named(&format!("-{index}"), segment))
        .collect())
}
