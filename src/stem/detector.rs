//! Detectors in the diffraction plane: what they make of an electron by the angle it was scattered to.

use crate::error::{Error, Result};
use crate::stem::beam::Beam;
use std::f64::consts::TAU;

/// Boundaries between segments are moved by this share of a segment, so that a frequency on one of them falls to the same
/// side whichever way its last bit is rounded.
const ON_THE_BOUNDARY: f64 = 1e-9;

/// An annular detector that counts every electron scattered between two angles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnnularDetector {
    inner_mrad: f64,
    outer_mrad: f64,
}

impl AnnularDetector {
    /// A detector from `inner_mrad` to `outer_mrad` (mrad).
    ///
    /// # Errors
    /// [`Error::Argument`] unless 0 ≤ inner < outer ≤ 1000 mrad.
    pub fn new(inner_mrad: f64, outer_mrad: f64) -> Result<Self> {
        if !(0.0..=1000.0).contains(&inner_mrad) {
            return Err(Error::argument("inner_mrad", inner_mrad, "0 to 1000 mrad"));
        }
        if !(outer_mrad > inner_mrad && outer_mrad <= 1000.0) {
            return Err(Error::argument(
                "outer_mrad",
                outer_mrad,
                format!("above {inner_mrad}, up to 1000 mrad"),
            ));
        }
        Ok(Self {
            inner_mrad,
            outer_mrad,
        })
    }

    /// Inner angle, mrad.
    pub fn inner_mrad(self) -> f64 {
        self.inner_mrad
    }

    /// Outer angle, mrad.
    pub fn outer_mrad(self) -> f64 {
        self.outer_mrad
    }

    /// The annulus in spatial frequency for `beam`, (k_in, k_out) in 1/Å.
    pub fn spatial_frequencies(self, beam: Beam) -> (f64, f64) {
        (
            beam.spatial_frequency(self.inner_mrad),
            beam.spatial_frequency(self.outer_mrad),
        )
    }
}

/// What is summed over the electrons that leave the specimen.
///
/// Each is a weight w(θ_y, θ_x) of the scattering angle; the signal is Σ w|ψ|², for Σ|ψ|² = 1 in front of the specimen. So
/// signals of phonon configurations, foci and points of the source may be averaged, and images of them blurred. On the
/// frequencies of a simulated box the weight of a frequency is that of its middle: it lies inside a detector or outside.
///
/// ```
/// use dosewise::stem::{AnnularDetector, Beam, Detector};
/// let quadrants = AnnularDetector::new(10.0, 40.0)?.segments(4, 0.0)?;
/// let beam = Beam::new(200.0)?;
/// let weights = |theta_y, theta_x| {
///     let k = |theta| beam.spatial_frequency(theta);
///     quadrants.iter().map(|q| q.weight(beam, k(theta_y), k(theta_x))).collect::<Vec<_>>()
/// };
/// assert_eq!(weights(3.0, 20.0), [1.0, 0.0, 0.0, 0.0]); // from +x towards +y
/// assert_eq!(weights(-20.0, 3.0), [0.0, 0.0, 0.0, 1.0]);
/// let [_, along_x] = Detector::centre_of_mass(40.0)?;
/// assert!((along_x.weight(beam, 0.0, beam.spatial_frequency(-7.0)) + 7.0).abs() < 1e-12);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Detector {
    /// 1 on the annulus: the share of the electrons that hit it.
    Annulus(AnnularDetector),
    /// 1 on a segment of an annulus.
    Segment(Segment),
    /// θ_y or θ_x in mrad within a disc: the first moment of the diffraction pattern.
    CentreOfMass {
        /// The angle that is averaged.
        along: ScanAxis,
        /// The disc.
        within: AnnularDetector,
    },
}

/// One of the two directions of a scan and of its diffraction patterns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanAxis {
    /// Slow scan, over the rows.
    Y,
    /// Fast scan, over the columns.
    X,
}

/// One of the equal parts into which spokes divide an annulus.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segment {
    annulus: AnnularDetector,
    index: usize,
    count: usize,
    rotation: f64,
}

impl AnnularDetector {
    /// The annulus cut into `count` equal segments: number i reaches from the azimuth `rotation` + 2πi/`count` (radians, from
    /// +x towards +y) to where the next begins. A frequency on a boundary belongs to the later one, so that all together
    /// are the annulus; the undeflected beam counts as azimuth 0.
    ///
    /// # Errors
    /// [`Error::Argument`] unless there are 1 to 64 segments and the rotation is within ±10⁴.
    pub fn segments(self, count: usize, rotation: f64) -> Result<Vec<Detector>> {
        if !(1..=64).contains(&count) {
            return Err(Error::argument("count", count, "1..=64 segments"));
        }
        if !(-1e4..=1e4).contains(&rotation) {
            return Err(Error::argument("rotation", rotation, "radians within ±10⁴"));
        }
        let segment = |index| {
            Detector::Segment(Segment {
                annulus: self,
                index,
                count,
                rotation,
            })
        };
        Ok((0..count).map(segment).collect())
    }

    fn collects(self, beam: Beam, ky: f64, kx: f64) -> bool {
        let angle = 1e3 * beam.wavelength() * (ky * ky + kx * kx).sqrt();
        self.inner_mrad <= angle && angle < self.outer_mrad
    }
}

impl From<AnnularDetector> for Detector {
    fn from(annulus: AnnularDetector) -> Self {
        Self::Annulus(annulus)
    }
}

impl Detector {
    /// The centre of mass of the diffraction pattern within `outer_mrad`, along (y, x) in mrad:
    /// Σ θ|ψ|², electrons beyond counted as 0 (I. Lazić, E. G. T. Bosch and S. Lazar, Ultramicroscopy 160 (2016) 265,
    /// doi 10.1016/j.ultramic.2015.10.011). Divided by the signal of the disc 0 to `outer_mrad` it is the mean over the
    /// electrons within. A potential that attracts electrons turns it towards itself.
    ///
    /// # Errors
    /// [`Error::Argument`] unless 0 < `outer_mrad` ≤ 1000 mrad.
    pub fn centre_of_mass(outer_mrad: f64) -> Result<[Self; 2]> {
        let within = AnnularDetector::new(0.0, outer_mrad)?;
        Ok([ScanAxis::Y, ScanAxis::X].map(|along| Self::CentreOfMass { along, within }))
    }

    /// The annulus or disc within which it looks.
    pub fn annulus(&self) -> AnnularDetector {
        match self {
            Self::Annulus(annulus) => *annulus,
            Self::Segment(segment) => segment.annulus,
            Self::CentreOfMass { within, .. } => *within,
        }
    }

    /// Weight of an electron that leaves with the spatial frequency (ky, kx), 1/Å: 0 or 1, or an angle in mrad.
    pub fn weight(&self, beam: Beam, ky: f64, kx: f64) -> f64 {
        if !self.collects(beam, ky, kx) {
            return 0.0;
        }
        let mrad = 1e3 * beam.wavelength();
        match self {
            Self::CentreOfMass {
                along: ScanAxis::Y, ..
            } => mrad * ky,
            Self::CentreOfMass {
                along: ScanAxis::X, ..
            } => mrad * kx,
            _ => 1.0,
        }
    }

    /// Whether it looks at (ky, kx), 1/Å.
    pub(crate) fn collects(&self, beam: Beam, ky: f64, kx: f64) -> bool {
        let within = self.annulus().collects(beam, ky, kx);
        match self {
            Self::Segment(segment) => within && segment.holds(ky.atan2(kx)),
            _ => within,
        }
    }
}

impl Segment {
    /// Its number, from 0.
    pub fn index(self) -> usize {
        self.index
    }

    /// Into how many the annulus is cut.
    pub fn count(self) -> usize {
        self.count
    }

    /// Azimuth at which segment 0 begins, radians from +x towards +y.
    pub fn rotation(self) -> f64 {
        self.rotation
    }

    fn holds(self, azimuth: f64) -> bool {
        let count = self.count as f64;
        let turn = (azimuth - self.rotation) / TAU * count + ON_THE_BOUNDARY;
        // rem_euclid of a tiny negative number rounds to the divisor itself
        turn.rem_euclid(count) as usize % self.count == self.index
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_direction_belongs_to_one_segment(count in 1_usize..20, rotation in -10.0..10.0_f64, azimuth in -3.2..3.2_f64) {
            let beam = Beam::new(100.0).unwrap();
            let segments = AnnularDetector::new(5.0, 50.0).unwrap().segments(count, rotation).unwrap();
            let k = beam.spatial_frequency(20.0);
            let hit = |ky: f64, kx: f64| segments.iter().filter(|s| s.collects(beam, ky, kx)).count();
            prop_assert_eq!(hit(k * azimuth.sin(), k * azimuth.cos()), 1);
            // on every boundary too
            let boundary = rotation + TAU / count as f64;
            prop_assert_eq!(hit(k * boundary.sin(), k * boundary.cos()), 1);
            prop_assert_eq!(hit(0.0, 4.0 * k), 0);
        }
    }

    #[test]
    fn boundaries_begin_the_later_segment() {
        let beam = Beam::new(100.0).unwrap();
        let ring = AnnularDetector::new(0.0, 50.0).unwrap();
        for (rotation, places) in [
            (0.0, [(0.0, 0.3), (0.3, 0.0), (0.0, -0.3), (-0.3, 0.0)]),
            (
                TAU / 8.0,
                [(0.3, 0.3), (0.3, -0.3), (-0.3, -0.3), (-0.3, 0.3)],
            ),
        ] {
            let segments = ring.segments(4, rotation).unwrap();
            for (segment, (ky, kx)) in segments.iter().zip(places) {
                assert_eq!(segment.weight(beam, ky, kx), 1.0, "{ky} {kx}");
            }
        }
    }

    #[test]
    fn detectors_that_cannot_be_are_refused_by_name() {
        let ring = AnnularDetector::new(10.0, 40.0).unwrap();
        for (count, rotation, named) in [
            (0, 0.0, "count"),
            (65, 0.0, "count"),
            (4, f64::NAN, "rotation"),
            (4, f64::INFINITY, "rotation"),
        ] {
            let message = ring.segments(count, rotation).unwrap_err().to_string();
            assert!(message.starts_with(named), "{message}");
        }
        for outer in [0.0, -1.0, f64::NAN, 1001.0] {
            assert!(Detector::centre_of_mass(outer).is_err());
        }
    }
}
