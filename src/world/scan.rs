//! What is asked of the microscope, and what comes back.

use crate::error::{Error, Result};
use crate::stem::Charge;
use crate::units::{Dose, Point};

/// No detector reads that many electrons in a visit.
const LARGEST_READING: f64 = 1e12;

/// Where to put the beam, and how many electrons per Å² each place gets.
///
/// ```
/// use dosewise::units::{Dose, Point};
/// use dosewise::world::Scan;
/// let survey = Scan::rectangle(Point::new(0.0, 0.0), 10.0, 20.0, 0.5, Dose(100.0))?;
/// assert_eq!(survey.len(), 800);
/// assert_eq!(survey.electrons(), 100.0 * 10.0 * 20.0); // dose times area
/// let look = Scan::at([Point::new(3.0, 4.0)], Dose(500.0)).footprint(0.25);
/// assert_eq!(look.electrons(), 125.0);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Scan {
    shape: Shape,
}

#[derive(Debug, Clone, PartialEq)]
enum Shape {
    Rectangle {
        corner: Point,
        rows: usize,
        columns: usize,
        stride: f64,
        dose: Dose,
    },
    Visits {
        visits: Vec<(Point, Dose)>,
        footprint: f64,
    },
}

/// The places of a rectangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Grid {
    pub corner: Point,
    pub rows: usize,
    pub columns: usize,
    pub stride: f64,
}

impl Scan {
    /// Scan lines over a rectangle, `corner` being its smallest y and x (Å). Every probe position stands for a square of
    /// `stride` × `stride` Å and sits at its centre; as many squares are laid out as fit.
    ///
    /// # Errors
    /// [`Error::Argument`] unless height, width and stride are finite and positive and between 1 and 2²⁴ squares fit.
    pub fn rectangle(
        corner: Point,
        height: f64,
        width: f64,
        stride: f64,
        dose: Dose,
    ) -> Result<Self> {
        for (name, value) in [("height", height), ("width", width), ("stride", stride)] {
            if !(value.is_finite() && value > 0.0) {
                return Err(Error::argument(name, value, "a positive length in Å"));
            }
        }
        // A width that is a whole number of strides in exact arithmetic must not lose its last column to rounding.
        let fit = |length: f64| (length / stride + 1e-9).floor();
        let (rows, columns) = (fit(height), fit(width));
        if !(rows >= 1.0 && columns >= 1.0 && rows * columns <= f64::from(1 << 24)) {
            let found = format!("{rows} × {columns} positions");
            return Err(Error::argument(
                "stride",
                found,
                "1 to 2²⁴ positions in the rectangle",
            ));
        }
        let (rows, columns) = (rows as usize, columns as usize);
        Ok(Self {
            shape: Shape::Rectangle {
                corner,
                rows,
                columns,
                stride,
                dose,
            },
        })
    }

    /// One visit of `dose` to each of `positions`, in order; a position stands for 1 Å² unless [`Scan::footprint`] says
    /// otherwise.
    pub fn at(positions: impl IntoIterator<Item = Point>, dose: Dose) -> Self {
        Self::visits(positions.into_iter().map(|position| (position, dose)))
    }

    /// Visits in order, each with a dose of its own; a position stands for 1 Å² unless [`Scan::footprint`] says otherwise.
    pub fn visits(visits: impl IntoIterator<Item = (Point, Dose)>) -> Self {
        Self {
            shape: Shape::Visits {
                visits: visits.into_iter().collect(),
                footprint: 1.0,
            },
        }
    }

    /// The area (Å²) that one position of a list stands for: its electrons are dose × area. No effect on rectangles,
    /// whose positions stand for a square of the stride.
    #[must_use]
    pub fn footprint(mut self, area: f64) -> Self {
        if let Shape::Visits { footprint, .. } = &mut self.shape {
            *footprint = area;
        }
        self
    }

    /// Number of probe positions.
    pub fn len(&self) -> usize {
        match &self.shape {
            Shape::Rectangle { rows, columns, .. } => rows * columns,
            Shape::Visits { visits, .. } => visits.len(),
        }
    }

    /// Whether the scan has no position.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Dose of the `index`-th visit, e⁻/Å².
    ///
    /// # Panics
    /// When `index` is not below [`Scan::len`].
    pub fn dose(&self, index: usize) -> Dose {
        match &self.shape {
            Shape::Rectangle { dose, .. } => *dose,
            Shape::Visits { visits, .. } => visits[index].1,
        }
    }

    /// Area that one position stands for, Å².
    pub fn area_per_position(&self) -> f64 {
        match &self.shape {
            Shape::Rectangle { stride, .. } => stride * stride,
            Shape::Visits { footprint, .. } => *footprint,
        }
    }

    /// Electrons that the whole scan asks for.
    pub fn electrons(&self) -> f64 {
        let area = self.area_per_position();
        match &self.shape {
            Shape::Rectangle { dose, .. } => dose.electrons(area) * self.len() as f64,
            Shape::Visits { visits, .. } => {
                visits.iter().map(|(_, dose)| dose.electrons(area)).sum()
            }
        }
    }

    /// Charge of the `index`-th visit.
    pub(crate) fn charge(&self, index: usize) -> Charge {
        Charge::from_electrons(self.dose(index).electrons(self.area_per_position()))
    }

    /// The `index`-th position asked for, Å.
    ///
    /// # Panics
    /// When `index` is not below [`Scan::len`].
    pub fn position(&self, index: usize) -> Point {
        match &self.shape {
            Shape::Rectangle { columns, .. } => self.position_in(index / columns, index % columns),
            Shape::Visits { .. } => self.position_in(index, 0),
        }
    }

    /// Positions of a scan line; every position of a list is a line of its own, because the beam jumps.
    pub(crate) fn line_length(&self) -> usize {
        match &self.shape {
            Shape::Rectangle { columns, .. } => *columns,
            Shape::Visits { .. } => 1,
        }
    }

    /// The position at a place in a line, Å.
    pub(crate) fn position_in(&self, line: usize, along: usize) -> Point {
        match &self.shape {
            Shape::Rectangle { corner, stride, .. } => {
                let centre = |count: usize| (count as f64 + 0.5) * stride;
                *corner + Point::new(centre(line), centre(along))
            }
            Shape::Visits { visits, .. } => visits[line].0,
        }
    }

    /// How many visits, from one on that is the `done`-th and lies at a place in a line, have its charge: the rest of a
    /// rectangle's line, or what is alike in a list; `most` if there are more.
    pub(crate) fn alike(&self, done: usize, along: usize, most: usize) -> usize {
        match &self.shape {
            Shape::Rectangle { columns, .. } => most.min(columns - along),
            Shape::Visits { visits, .. } => {
                let rest = &visits[done..];
                let rest = &rest[..most.min(rest.len())];
                rest.iter().take_while(|visit| visit.1 == rest[0].1).count()
            }
        }
    }

    /// The places of a rectangle; none of a list.
    pub(crate) fn grid(&self) -> Option<Grid> {
        match self.shape {
            Shape::Rectangle {
                corner,
                rows,
                columns,
                stride,
                ..
            } => Some(Grid {
                corner,
                rows,
                columns,
                stride,
            }),
            Shape::Visits { .. } => None,
        }
    }

    pub(crate) fn is_rectangle(&self) -> bool {
        matches!(self.shape, Shape::Rectangle { .. })
    }

    /// How the visits from the `first` on lie in lines.
    pub(crate) fn lines(&self, first: usize) -> Option<Lines> {
        let length = self.line_length();
        self.is_rectangle().then_some(Lines { length, first })
    }

    /// Refuses a scan that a microscope with this field cannot run.
    pub(crate) fn check(&self, height: f64, width: f64) -> Result<()> {
        let area = self.area_per_position();
        if !(area.is_finite() && area > 0.0) {
            return Err(Error::argument("footprint", area, "a positive area in Å²"));
        }
        // All visits of a rectangle are alike, and its corners tell where it lies.
        let (doses, places) = match &self.shape {
            Shape::Rectangle { .. } => (0..1, vec![0, self.len() - 1]),
            Shape::Visits { visits, .. } => (0..visits.len(), (0..visits.len()).collect()),
        };
        for index in doses {
            let dose = self.dose(index);
            if !(dose.0.is_finite() && dose.0 > 0.0) {
                let allowed = "a positive finite dose in e⁻/Å²";
                return Err(Error::argument("dose", dose.0, allowed));
            }
            // A visit that costs nothing would let a policy look for ever.
            if self.charge(index).is_zero() {
                let found = format!("{dose} on {area} Å²");
                let allowed = "at least 2⁻²⁰ electron a visit, the unit of the dose meter";
                return Err(Error::argument("dose", found, allowed));
            }
        }
        if self.is_empty() {
            return Err(Error::argument(
                "positions",
                "none",
                "at least one probe position",
            ));
        }
        let outside = |p: &Point| !((0.0..=height).contains(&p.y) && (0.0..=width).contains(&p.x));
        let mut places = places.into_iter().map(|index| self.position(index));
        match places.find(outside) {
            Some(Point { y, x }) => Err(Error::OutsideField {
                y,
                x,
                height,
                width,
            }),
            None => Ok(()),
        }
    }
}

/// What the detector delivered for one scan, or for a part of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Frame {
    /// Positions asked for, Å; the beam really hit places that differ by drift and jitter.
    pub positions: Vec<Point>,
    /// Electrons given to each position.
    pub electrons: Vec<f64>,
    /// Detector signal of each position in electrons: Poisson counts plus readout noise, so it may be negative.
    pub signal: Vec<f64>,
    /// Time of each visit since the start of the episode, s.
    pub time: Vec<f64>,
    /// Whether the budget ended before the scan did.
    pub truncated: bool,
    /// How the visits lie in scan lines; none for a list of positions.
    pub lines: Option<Lines>,
}

/// How the visits of a frame lie in scan lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lines {
    /// Positions a line.
    pub length: usize,
    /// Number of the frame's first visit in its scan.
    pub first: usize,
}

impl Frame {
    /// Which position of its scan line a visit is, counted from zero; none for a list of positions.
    pub fn position_in_line(&self, visit: usize) -> Option<usize> {
        let lines = self.lines?;
        (lines.first + visit).checked_rem(lines.length)
    }

    /// An empty frame with room for so many visits.
    pub(crate) fn with_capacity(visits: usize) -> Self {
        // a scan may be cut off long before its end
        let visits = visits.min(1 << 16);
        Self {
            positions: Vec::with_capacity(visits),
            electrons: Vec::with_capacity(visits),
            signal: Vec::with_capacity(visits),
            time: Vec::with_capacity(visits),
            truncated: false,
            lines: None,
        }
    }

    /// Number of visits.
    pub fn len(&self) -> usize {
        self.positions.len()
    }

    /// Refuses a frame whose lists differ in length and readings that no detector gives.
    pub(crate) fn check(&self) -> Result<()> {
        let visits = self.positions.len();
        for (name, found) in [
            ("electrons", self.electrons.len()),
            ("signal", self.signal.len()),
            ("time", self.time.len()),
        ] {
            if found != visits {
                let allowed = format!("{visits}, one per position");
                return Err(Error::argument(format!("frame.{name}"), found, allowed));
            }
        }
        let impossible = |signal: &&f64| signal.is_nan() || signal.abs() >= LARGEST_READING;
        match self.signal.iter().find(impossible) {
            None => Ok(()),
            Some(signal) => {
                let allowed = format!("readings below {LARGEST_READING:e} electrons");
                Err(Error::argument("frame.signal", signal, allowed))
            }
        }
    }

    /// Whether nothing was measured.
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rectangles_tile_their_area() {
        let scan = Scan::rectangle(Point::new(1.0, 2.0), 3.0, 6.0, 0.3, Dose(2.0)).unwrap();
        assert_eq!(scan.len(), 10 * 20);
        let (first, last) = (scan.position(0), scan.position(199));
        assert!(first.distance(Point::new(1.15, 2.15)) < 1e-12);
        assert!(last.distance(Point::new(3.85, 7.85)) < 1e-12);
        assert!((scan.electrons() - 2.0 * 18.0).abs() < 1e-9);
    }

    #[test]
    fn impossible_scans_are_refused_by_name() {
        let origin = Point::new(0.0, 0.0);
        for (height, stride) in [(f64::NAN, 0.5), (10.0, 0.0), (10.0, 20.0), (1e9, 1e-3)] {
            assert!(Scan::rectangle(origin, height, 10.0, stride, Dose(1.0)).is_err());
        }
        let refused = |scan: Scan| scan.check(10.0, 10.0).unwrap_err().to_string();
        assert!(
            refused(Scan::at([Point::new(11.0, 1.0)], Dose(1.0))).contains("outside the field")
        );
        assert!(
            refused(Scan::at([Point::new(f64::NAN, 1.0)], Dose(1.0))).contains("outside the field")
        );
        assert!(refused(Scan::at([origin], Dose(-1.0))).contains("dose"));
        assert!(refused(Scan::at([origin], Dose(1.0)).footprint(0.0)).contains("footprint"));
        assert!(refused(Scan::at([origin], Dose(1e-7))).contains("2⁻²⁰ electron"));
        assert!(refused(Scan::at([], Dose(1.0))).contains("positions"));
    }
}
