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

/// Intensity of the beam at an offset of the aim from a place, 1/Å², in the frame of the crystal.
#[derive(Debug, Clone)]
pub(crate) struct Illumination {
    half: isize,
    side: usize,
    /// In the steps of a [`Fluence`].
    steps: Vec<u64>,
}

impl Illumination {
    /// For a probe in the frame of the crystal, blurred by a Gaussian of standard deviation `blur` Å per axis.
    pub(crate) fn new(probe: &Probe, blur: f64) -> Result<Self> {
        // The model asks for a detector; what lands on the specimen does not depend on it.
        let any = AnnularDetector::new(2.0 * probe.semiangle_mrad(), 4.0 * probe.semiangle_mrad())?;
        let kernel = IncoherentModel::new(probe.clone(), any, blur)?.illumination();
        let half = (REACH / PIXEL).ceil() as isize;
        let side = (2 * half + 1) as usize;
        let offset = |index: usize| (index as isize - half) as f64 * PIXEL;
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

    /// What a charge leaves at a place from which its aim is off by this much.
    pub(crate) fn fluence(&self, charge: Charge, offset: Point) -> Fluence {
        Fluence::of_steps(charge, self.at_steps(offset))
    }

    /// Intensity at an offset, 1/Å².
    pub(crate) fn at(&self, offset: Point) -> f64 {
        Fluence::of_steps(Charge::from_electrons(1.0), self.at_steps(offset)).dose()
    }

    fn at_steps(&self, offset: Point) -> u64 {
        let index =
            |value: f64| ((value * (1.0 / PIXEL)).round() as isize).saturating_add(self.half);
        let (row, column) = (index(offset.y), index(offset.x));
        let inside = 0..self.side as isize;
        if inside.contains(&row) && inside.contains(&column) {
            self.steps[row as usize * self.side + column as usize]
        } else {
            0
        }
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
