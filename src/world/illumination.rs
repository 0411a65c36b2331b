//! Where the electrons of a visit land.

use crate::Result;
use crate::stem::{AnnularDetector, Charge, Fluence, IncoherentModel, Probe};
use crate::units::Point;
use ndarray::Array2;

/// Distance from the aim within which electrons are booked, Å. The share beyond it, some per cent of a hard aperture's
/// tail, is spread over what lies within, so that an evenly scanned field takes up exactly its mean dose.
pub(crate) const REACH: f64 = 4.0;
/// Pixel of the table, Å. The nearest entry is taken: its place is off by 0.025 Å at most, a twentieth of a probe's width.
const PIXEL: f64 = 0.05;
/// Distance from the aim beyond which a look-up finds nothing, whatever the rounding, Å.
pub(crate) const EDGE: f64 = REACH + PIXEL;
/// Steps of a [`FixedPlace`] in a pixel of the table, as a power of two.
const FINER: u32 = 6;
/// Largest coordinate of a fixed place, Å: beyond any field.
const FARTHEST: f64 = 1e5;

/// A place of the crystal in whole steps of 0.05 Å / 64, so that looking up an offset takes two subtractions and two shifts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FixedPlace {
    y: i32,
    x: i32,
}

impl From<Point> for FixedPlace {
    fn from(place: Point) -> Self {
        let steps = |value: f64| {
            let most = FARTHEST * f64::from(1 << FINER) / PIXEL;
            (value * (f64::from(1 << FINER) / PIXEL)).clamp(-most, most) as i32
        };
        Self {
            y: steps(place.y),
            x: steps(place.x),
        }
    }
}

/// Intensity of the beam at an offset of the aim from a place, 1/Å², in the frame of the crystal.
#[derive(Debug, Clone)]
pub(crate) struct Illumination {
    half: i32,
    side: usize,
    /// In the steps of a [`Fluence`]; the last row and column are zero, for all that is farther away.
    steps: Vec<u32>,
}

impl Illumination {
    /// For a probe in the frame of the crystal, blurred by a Gaussian of standard deviation `blur` Å per axis.
    pub(crate) fn new(probe: &Probe, blur: f64) -> Result<Self> {
        // The model asks for a detector; what lands on the specimen does not depend on it.
        let any = AnnularDetector::new(2.0 * probe.semiangle_mrad(), 4.0 * probe.semiangle_mrad())?;
        let kernel = IncoherentModel::new(probe.clone(), any, blur)?.illumination();
        let half = (REACH / PIXEL).ceil() as i32;
        let side = (2 * half + 2) as usize;
        let offset = |index: usize| (index as f64 - f64::from(half)) * PIXEL;
        let mut intensity = Array2::from_shape_fn((side, side), |(row, column)| {
            let (y, x) = (offset(row), offset(column));
            match y * y + x * x < REACH * REACH {
                true => kernel.at(y, x).max(0.0),
                false => 0.0,
            }
        });
        let total = intensity.sum() * PIXEL * PIXEL;
        intensity.mapv_inplace(|value| value / total);
        let steps = intensity.iter().map(|&i| Fluence::intensity_steps(i));
        Ok(Self {
            half,
            side,
            steps: steps.collect(),
        })
    }

    /// Intensity at a place when the beam is aimed at another, in the steps of [`Fluence::of_steps`].
    #[inline]
    pub(crate) fn between(&self, aim: FixedPlace, place: FixedPlace) -> u32 {
        self.after(aim, self.corner(place))
    }

    /// Sum of the intensities at a place over many aims, in the steps of [`Fluence::of_steps`].
    #[inline]
    pub(crate) fn sum(&self, aims: &[FixedPlace], place: FixedPlace) -> u64 {
        let corner = self.corner(place);
        aims.iter()
            .map(|aim| u64::from(self.after(*aim, corner)))
            .sum()
    }

    /// The aim of the table's first entry for a place.
    #[inline]
    fn corner(&self, place: FixedPlace) -> FixedPlace {
        let before = (self.half << FINER) + (1 << (FINER - 1));
        FixedPlace {
            y: place.y - before,
            x: place.x - before,
        }
    }

    /// The entry of an aim that is so far after that of the first entry.
    #[inline]
    fn after(&self, aim: FixedPlace, corner: FixedPlace) -> u32 {
        // negative numbers become huge ones
        let index =
            |aim: i32, corner: i32| (((aim - corner) >> FINER) as u32 as usize).min(self.side - 1);
        self.steps[index(aim.y, corner.y) * self.side + index(aim.x, corner.x)]
    }

    /// Intensity at an offset, 1/Å².
    pub(crate) fn at(&self, offset: Point) -> f64 {
        let steps = self.between(offset.into(), Point::default().into());
        Fluence::of_steps(Charge::from_electrons(1.0), u64::from(steps)).dose()
    }

    /// The highest intensity, in the steps of [`Fluence::of_steps`].
    pub(crate) fn peak(&self) -> u64 {
        u64::from(self.steps.iter().copied().max().unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stem::{Aberrations, Beam};

    #[test]
    fn an_evenly_scanned_place_takes_up_the_mean_dose() {
        let aberrations = Aberrations::default()
            .with("C10", 40.0, 0.0)
            .and_then(|a| a.with("C21", 500.0, 0.4));
        let probe = Probe::new(Beam::new(80.0).unwrap(), 30.0, aberrations.unwrap()).unwrap();
        let illumination = Illumination::new(&probe, 0.3).unwrap();
        let step = 0.31;
        let mut sum = 0.0;
        for row in -20..=20 {
            for column in -20..=20 {
                let aim = Point::new(step * f64::from(row) + 0.013, step * f64::from(column));
                sum += illumination.at(aim) * step * step;
            }
        }
        // the edge at which electrons are no longer booked leaves a ripple
        assert!((sum - 1.0).abs() < 1e-2, "{sum}");
        assert_eq!(illumination.at(Point::new(0.0, 4.2)), 0.0);
        assert_eq!(illumination.at(Point::new(f64::INFINITY, f64::NAN)), 0.0);
    }
}
